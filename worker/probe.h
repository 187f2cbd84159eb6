/* probe.h - the inputs on which representations are recorded: the same for all trials of a
 * sweep that draw from the same data. */
#ifndef SHOAL_WORKER_PROBE_H
#define SHOAL_WORKER_PROBE_H

#include <stdint.h>

#include "worker/task.h"

enum { PROBE_INPUT_BYTES = 64 << 20 }; /* inputs of a set that are more are not kept */

/* What is kept of the samples of a set. */
enum probe_part { PROBE_LABELS, PROBE_INPUTS };

/* The settings of the set's data: the trial's, but for those that the set has of its own. */
void probe_config(const struct probe_set *set, const struct config *trial, struct config *out);

/* Does that part of the set's samples depend on the setting of the trial at an offset of struct
 * config? Settings that do not vary are those of c. True also where it might. Local. */
bool probe_depends(const struct probe_set *set, enum probe_part part, size_t setting,
                   const struct config *c);

/* The order in which samples of a split of so many are taken as probes, and as the test set: a
 * permutation by the root seed, so that a split sorted by class does not give samples of one
 * class, and a larger set contains a smaller one. *index[pool] is to free(); NULL for an endless
 * split, which is taken from its start. Local.
 * errors   ERR_NOMEM */
enum err_code probe_order(int split, int64_t pool, uint64_t root, int64_t **index,
                          struct err *e);

#endif
