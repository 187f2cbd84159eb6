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

/* What waits for what. Nodes 0 .. n_trials - 1 are the trials. A trial may start when all nodes
 * that it needs are over, and never if a trial among them is no good. Nodes behind the trials
 * are gates: one is over when all it needs is over, good or not, so that many trials can wait
 * for many others without an arrow for each pair. */
struct scheduler_graph {
    int64_t n_nodes;
    int64_t *first; /* [n_nodes + 1] where in next the nodes begin that need this one */
    int64_t *next;
    int32_t *needs; /* [n_nodes] how many nodes it needs */
    bool *bad;      /* [n_trials] over before, and no good to those that need it */
};

/* From now on trials wait for each other; right after scheduler_create. What is not to be done
 * is over. graph is borrowed. Without this call, trials cost no memory for it.
 * errors   ERR_NOMEM */
enum err_code scheduler_depend(struct scheduler *s, const struct scheduler_graph *graph,
                               struct err *e);

/* A trial that never starts because parent, which it needs, ended no good or never starts
 * either: each one once, then false. */
bool scheduler_skipped(struct scheduler *s, int64_t *trial, int64_t *parent);

/* Trials to hand to worker w now: at most max of them, written to trial[]; 0 when it has
 * enough. A batch is worth at least 50 ms of work (fewer trials when little is left, so that
 * all workers end together); a worker holds at most the batch it works on and one more. Local.
 */
int scheduler_next(struct scheduler *s, int w, int max, int64_t *trial);

/* How a trial ended: done, to be tried once more, or no good to those that need it. */
enum scheduler_end { SCHEDULER_DONE, SCHEDULER_AGAIN, SCHEDULER_BAD };

/* Worker w finished trial t, which took seconds. */
void scheduler_finished(struct scheduler *s, int w, int64_t t, double seconds,
                        enum scheduler_end end);

/* Hand out no more (a stop was asked for); what is out is still awaited. */
void scheduler_stop(struct scheduler *s);

int64_t scheduler_left(const struct scheduler *s); /* not yet handed out, nor skipped */
int64_t scheduler_out(const struct scheduler *s);  /* handed out, not finished */

#endif
