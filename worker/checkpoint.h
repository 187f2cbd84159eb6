/* checkpoint.h - a training run under way, kept in a file, so that a killed trial goes on where it
 * was instead of at its start.
 *
 * The file holds what is no function of the step: weights and running averages, the optimizer's
 * state, what was recorded so far. Batches, dropout and schedules follow from the step. Whoever
 * goes on gets the bits of a run that was never interrupted. */
#ifndef SHOAL_WORKER_CHECKPOINT_H
#define SHOAL_WORKER_CHECKPOINT_H

#include "base/err.h"
#include "worker/task.h"

enum { CHECKPOINT_PATH = 4096 };

/* Where and how often. */
struct checkpoints {
    char folder[CHECKPOINT_PATH]; /* made when first needed */
    double every_s;               /* seconds of a trial between two; 0: none */
};

struct trainer;

/* Is it time for another? Asked once a step. Local. */
bool checkpoint_due(const struct trainer *t);

/* Keeps the run, in which so many records are done: writes NAME.new, syncs, renames. A failure
 * is told on stderr and costs the checkpoint, not the trial. Local. */
void checkpoint_save(struct trainer *t, int64_t records);

/* Goes on from the trial's checkpoint, if there is one that fits task and sizes and is whole:
 * fills weights, state, rows and step. Returns the number of records done; 0 without a
 * checkpoint (said on stderr if there is one that cannot be used). Local. */
int64_t checkpoint_load(struct trainer *t);

/* Removes the checkpoint of a store's row, if there is one. Local. */
void checkpoint_remove(const struct checkpoints *c, int64_t row);

#endif
