/* first_layer.c - see first_layer.h. */
#include "worker/first_layer.h"

#include <math.h>
#include <string.h>

#include "worker/data_feature_model.h"
#include "worker/op.h"
#include "worker/parent.h"

static const struct row rows[] = {
    [FIRST_DRAWN] = {"drawn", "as model.init draws it", NULL},
    [FIRST_WITHOUT_BACKGROUND] = {"without_background",
                                  "drawn, less its part in the background's subspace", NULL},
    [FIRST_CORE_ONLY] = {"core_only", "a normal matrix that sees the core alone, without bias",
                         NULL},
};
const struct table first_layers = TABLE("first layer", rows);

int first_layer_node(const struct graph *g)
{
    for (int i = 1; i < g->n_nodes; i++)
        if (strcmp(g->node[i].op->row.name, "dense") == 0)
            return g->node[i].set.input == 0 ? i : -1;
    return -1;
}

enum err_code first_layer_check(const struct config *c, const struct parents *parents,
                                const struct graph *g, struct err *e)
{
    if (c->model.first_layer == FIRST_DRAWN) return ERR_OK;
    if (parent_of(parents, ROLE_FEATURES))
        return ERR(e, ERR_CONFIG,
                   "model.first_layer: sees features of another network, not the samples");
    if (first_layer_node(g) < 0)
        return ERR(e, ERR_CONFIG,
                   "model.first_layer: this model has no dense layer that sees the samples");
    return ERR_OK;
}

/* w[d] loses its part along each of n orthonormal rows. */
static void project_out(int64_t n, int64_t d, const double *row, real *w)
{
    for (int64_t k = 0; k < n; k++, row += d) {
        double along = 0;
        for (int64_t j = 0; j < d; j++) along += (double)w[j] * row[j];
        for (int64_t j = 0; j < d; j++) w[j] = (real)((double)w[j] - along * row[j]);
    }
}

/* w[d] = a normal combination of n orthonormal rows, of variance 1 / n each. */
static void combine(struct rng *r, int64_t n, int64_t d, const double *row, real *w)
{
    double sum[8192] = {0}; /* the most that data.input_dim may be */
    for (int64_t k = 0; k < n; k++, row += d) {
        double factor = rng_normal(r) / sqrt((double)n);
        for (int64_t j = 0; j < d; j++) sum[j] += factor * row[j];
    }
    for (int64_t j = 0; j < d; j++) w[j] = (real)sum[j];
}

void first_layer_start(const struct config *c, const struct parents *parents, uint64_t seed,
                       const struct data *data, struct graph *g)
{
    if (c->model.first_layer == FIRST_DRAWN || parent_of(parents, ROLE_WEIGHTS)) return;
    const double *core = data_feature_model_dictionary(data);
    const struct node *n = &g->node[first_layer_node(g)];
    const struct param *weight = &g->param[n->first_param], *bias = weight + 1;
    int64_t d = weight->cols;
    /* A stream behind those of the parameters. */
    struct rng r = rng_stream(seed, RNG_INIT, (uint64_t)g->n_params);
    for (int64_t k = 0; k < weight->rows; k++) {
        real *w = g->w + weight->offset + k * d;
        if (c->model.first_layer == FIRST_CORE_ONLY)
            combine(&r, c->data.core_dim, d, core, w);
        else
            project_out(c->data.background_dim, d, core + c->data.core_dim * d, w);
    }
    if (c->model.first_layer == FIRST_CORE_ONLY && n->n_params > 1)
        memset(g->w + bias->offset, 0, (size_t)bias->rows * sizeof *g->w);
}
