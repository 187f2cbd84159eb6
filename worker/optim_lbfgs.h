/* optim_lbfgs.h - L-BFGS, by liblbfgs: a whole run instead of steps on batches. */
#ifndef SHOAL_WORKER_OPTIM_LBFGS_H
#define SHOAL_WORKER_OPTIM_LBFGS_H

#include "worker/optim.h"

/* struct optimizer.minimise with a memory of optim.history steps and a line search by Moré and
 * Thuente. Ends before the last step where the gradient's norm is below optim.tolerance times
 * that of the parameters (at least 1), or where the line search finds nothing lower: at the
 * precision of the loss.
 * source   Liu and Nocedal, Mathematical Programming 45, 1989 */
enum err_code optim_lbfgs(const struct objective *o, int64_t steps, struct err *e);

#endif
