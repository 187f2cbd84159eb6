/* scheduler.h - what to hand out next: a function of plan order, trial states and who is idle.
 *
 * Knows no MPI and no files. Calling it twice without events in between hands out nothing
 * twice. */
#ifndef SHOAL_COORD_SCHEDULER_H
#define SHOAL_COORD_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct scheduler;

/* cost[n_trials] FLOPs and order[n_trials] (longest first) are borrowed; todo[t] says whether
 * trial t is still to be done. rate: FLOPs per second to expect before any was measured. */
enum err_code scheduler_create(int64_t n_trials, const double *cost, const int64_t *order,
                               const bool *todo, int n_workers, double rate,
                               struct scheduler **out, struct err *e);
void scheduler_destroy(struct scheduler *s);

/* Trials to hand to worker w now: at most max of them, written to trial[]; 0 when it has
 * enough. A batch is worth at least 50 ms of work (fewer trials when little is left, so that
 * all workers end together); a worker holds at most the batch it works on and one more. Local.
 */
int scheduler_next(struct scheduler *s, int w, int max, int64_t *trial);

/* Worker w finished trial t, which took seconds. again: put it back to be tried once more. */
void scheduler_finished(struct scheduler *s, int w, int64_t t, double seconds, bool again);

/* Hand out no more (a stop was asked for); what is out is still awaited. */
void scheduler_stop(struct scheduler *s);

int64_t scheduler_left(const struct scheduler *s); /* not yet handed out */
int64_t scheduler_out(const struct scheduler *s);  /* handed out, not finished */

#endif
