/* projection.h - changes to a gradient that conflicts with what a teacher knows. */
#ifndef SHOAL_WORKER_PROJECTION_H
#define SHOAL_WORKER_PROJECTION_H

#include <stdint.h>

#include "base/table.h"
#include "worker/param.h"
#include "worker/real.h"
#include "worker/task.h"

/* To add one: a function and a row. */
struct projection {
    struct row row;

    /* Changes g[n], one parameter's gradient of the training loss, given h[n], its gradient of
     * the distance to the teacher. NULL: g stays, and no h is needed. */
    void (*apply)(double weight, int64_t n, real *g, const real *h);
};

/* All projections: rows of struct projection. */
extern const struct table projections;

/* Applies optim.projection with optim.projection_weight to each trained parameter in turn. g
 * and h are blocks of gradients; g is changed in place. Local. */
void projection_apply(const struct config *c, int n_params, const struct param *p, real *g,
                      const real *h);

#endif
