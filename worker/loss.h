/* loss.h - training losses: what a network's outputs cost, and the gradient by them. */
#ifndef SHOAL_WORKER_LOSS_H
#define SHOAL_WORKER_LOSS_H

#include <stdint.h>

#include "base/table.h"
#include "worker/real.h"

/* f[n, k] are outputs, label[n] in 0..classes-1. With one output (k = 1) class 1 is the target
 * +1 and class 0 the target -1. */
struct loss {
    struct row row;

    /* Outputs a network needs for so many classes; 0: the loss does not know that many. */
    int64_t (*outputs)(int64_t classes);

    /* Sum over the samples of the loss, in double; df[n, k] (NULL: not wanted) receives scale
     * times its gradient. Stable for any finite outputs; a NaN gives a NaN. */
    double (*value)(int64_t n, int64_t k, const real *f, const int32_t *label, real scale,
                    real *df);
};

/* All losses: rows of struct loss. */
extern const struct table losses;

/* Sums over samples: right answers (the largest output, or the sign of the only one) and
 * 1 - probability of the right class (softmax, or sigmoid). Adds to *correct and *soft. Local.
 * source   soft-error: arXiv 2010.08127, section 2 */
void loss_score(int64_t n, int64_t k, const real *f, const int32_t *label, double *correct,
                double *soft);

#endif
