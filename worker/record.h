/* record.h - the steps at which a trial is measured, and the arrays that it leaves. */
#ifndef SHOAL_WORKER_RECORD_H
#define SHOAL_WORKER_RECORD_H

#include <stdint.h>

#include "worker/task.h"

/* The steps to record of a trial of so many, ascending, each once, the last one always: linear
 * grids divide 0..steps into grid_count equal intervals, log grids place grid_count points from
 * 1 to steps, both rounded. out[max] receives the first max of them (NULL: only count). Returns
 * how many there are. Local. */
int64_t record_steps(const struct record *r, int64_t steps, int64_t max, int64_t *out);

/* Place of an array among those recorded, or -1. Local. */
int record_array(const struct record *r, const char *name);

#endif
