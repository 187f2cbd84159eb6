/* schedule.h - learning rate over time. */
#ifndef SHOAL_WORKER_SCHEDULE_H
#define SHOAL_WORKER_SCHEDULE_H

#include <stdint.h>

#include "base/table.h"

struct schedule {
    struct row row;
    double (*factor)(int64_t step, int64_t steps); /* of step 0..steps-1 */
};

/* All schedules: rows of struct schedule. */
extern const struct table schedules;

/* What optim.lr is multiplied with at a step (from 0) of so many: (step + 1) / warmup in the
 * first warmup steps, then the schedule over the rest. Local. */
double schedule_factor(const struct schedule *s, int64_t step, int64_t steps, int64_t warmup);

#endif
