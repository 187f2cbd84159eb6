/* schedule.h - learning rate over time. */
#ifndef SHOAL_WORKER_SCHEDULE_H
#define SHOAL_WORKER_SCHEDULE_H

#include <stdint.h>

#include "base/table.h"
#include "worker/task.h"

struct schedule {
    struct row row;

    /* Of a block, from 0, of so many whole ones: optim.schedule_block steps behind the warm-up
     * each. The steps left at the end are one more block. */
    double (*factor)(const struct config *c, int64_t block, int64_t blocks);
};

/* All schedules: rows of struct schedule. */
extern const struct table schedules;

/* What comes in front of a schedule: rows of struct warmup. */
struct warmup {
    struct row row;
    double (*factor)(const struct config *c, int64_t step); /* step < optim.warmup */
};
extern const struct table warmups;

/* What optim.lr is multiplied with at a step (from 0) of so many: the warm-up's factor in the
 * first optim.warmup steps, then the schedule's over the rest. Local. */
double schedule_factor(const struct schedule *s, const struct config *c, int64_t step,
                       int64_t steps);

/* Are the settings of the schedule good for so many steps? Local.
 * errors   ERR_CONFIG */
enum err_code schedule_check(const struct schedule *s, const struct config *c, int64_t steps,
                             struct err *e);

#endif
