/* report_best.h - the configuration with the best mean of a metric. */
#ifndef SHOAL_COORD_REPORT_BEST_H
#define SHOAL_COORD_REPORT_BEST_H

#include <stdbool.h>

#include "coord/results.h"
#include "linalg/statistics.h"

struct report_best {
    int64_t trial;                    /* one of the configuration's trials, for its settings */
    struct statistics_interval value; /* over its seeds, 95 % */
};

/* Over trials that are done; better > 0: largest mean, < 0: smallest; ties: the first trial's.
 * Returns false when no trial has the metric. Local. */
bool report_best(const struct results *r, const struct results_metric *m, int better,
                 struct report_best *out);

#endif
