/* plan_cost.h - what a plan takes: computation, memory, disk, files. */
#ifndef SHOAL_COORD_PLAN_COST_H
#define SHOAL_COORD_PLAN_COST_H

#include "coord/plan.h"

struct plan_cost {
    double flops;        /* of all trials */
    double eval_flops;   /* of that, evaluation and recording */
    double memory_bytes; /* of a worker that trains any of them */
    double disk_bytes;   /* of store and journal */
    int files;
    int64_t longest;      /* trial of most FLOPs */
    double longest_flops; /* of it */
    int64_t steps;        /* of optimizers, over all trials */
    int64_t records_min, records_max;
    int64_t params_min, params_max;
};

/* Local.
 * cost     one look at every configuration */
void plan_cost(const struct plan *p, struct plan_cost *out);

/* Seconds that the plan takes on so many workers of `rate` FLOP/s each: the work spread evenly,
 * or the longest trial if that is more. */
double plan_cost_seconds(const struct plan *p, const struct plan_cost *c, double rate,
                         int workers);

#endif
