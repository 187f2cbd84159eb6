/* projection.c - projections as rows. */
#include "worker/projection.h"

#include <stddef.h>

/* Where g would raise the distance to the teacher, <g, h> < 0, that part is taken out of it. */
static void prograd(double weight, int64_t n, real *g, const real *h)
{
    double inner = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        inner += (double)g[i] * (double)h[i];
        square += (double)h[i] * (double)h[i];
    }
    if (!(inner < 0)) return;
    const double share = weight * inner / square;
    for (int64_t i = 0; i < n; i++) g[i] = (real)((double)g[i] - share * (double)h[i]);
}

static const struct projection rows[] = {
    {{"none", "the gradient of the training loss as it is", NULL}, NULL},
    {{"prograd", "without the part against the teacher: g - (g.h / h.h) h where g.h < 0",
      "arXiv 2205.14865"},
     prograd},
};

const struct table projections = TABLE("projection", rows);

void projection_apply(const struct config *c, int n_params, const struct param *p, real *g,
                      const real *h)
{
    const struct projection *rule = (const void *)table_row(&projections, c->optim.projection);
    for (int i = 0; rule->apply && i < n_params; i++)
        if (p[i].trained)
            rule->apply(c->optim.projection_weight, p[i].rows * p[i].cols, g + p[i].offset,
                        h + p[i].offset);
}
