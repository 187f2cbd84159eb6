/* features.c - the outputs of a network on samples, and their means and variances. */
#include "worker/features.h"

#include <math.h>
#include <string.h>

enum { CAPACITY = 256 }; /* samples that pass the network at once */

static enum err_code build(const struct config *c, const struct parent *parent,
                           const struct data_shape *base, struct arena *arena, struct graph *g,
                           struct err *e)
{
    char takes[192], are[192];
    TRY(parent_build_to(parent, "data.layer", c->data.layer, arena, g, e));
    const struct graph_shape *in = &g->node[0].shape;
    if (in->n_dims == base->n_dims &&
        memcmp(in->size, base->size, (size_t)in->n_dims * sizeof *in->size) == 0)
        return ERR_OK;
    return ERR(
        e, ERR_CONFIG,
        "data.name: the network that makes features takes samples of shape %s, these are "
        "%s",
        safetensors_shape(in->n_dims, in->size, takes),
        safetensors_shape(base->n_dims, base->size, are));
}

static void set_shape(const struct graph *g, struct data_shape *shape)
{
    shape->n_dims = 1;
    shape->dim = shape->size[0] = graph_output(g)->shape.dim;
}

enum err_code features_shape(const struct config *c, const struct parents *parents,
                             struct data_shape *shape, double *bytes, struct err *e)
{
    const struct parent *parent = parent_of(parents, ROLE_FEATURES);
    struct arena arena = {0};
    struct graph g;
    *bytes = 0;
    if (!parent) {
        if (!c->data.standardize) return ERR_OK;
        return ERR(
            e, ERR_CONFIG,
            "data.standardize: is for features that another network makes of the samples");
    }
    if (c->data.world == WORLD_IDEAL)
        return ERR(
            e, ERR_CONFIG,
            "data.world: features are made once; the ideal world needs new ones each step");
    enum err_code rc = build(c, parent, shape, &arena, &g, e);
    if (rc == ERR_OK) {
        *bytes = graph_bytes(&g, CAPACITY) + CAPACITY * (double)shape->dim * sizeof(real);
        set_shape(&g, shape);
    }
    arena_clear(&arena);
    return rc;
}

static void standardize(const struct features *f, int64_t n, real *x)
{
    int64_t d = f->shape.dim;
    for (int64_t i = 0; i < n; i++, x += d)
        for (int64_t j = 0; j < d; j++) x[j] = (x[j] - f->mean[j]) * f->scale[j];
}

enum err_code features_open(struct features *f, const struct config *c,
                            const struct parent *parent, const struct weights_source *source,
                            const struct data_shape *shape, struct err *e)
{
    *f = (struct features){.shape = *shape};
    TRY(build(c, parent, shape, &f->arena, &f->graph, e));
    TRY(graph_allocate(&f->graph, CAPACITY, e));
    TRY(batch_init(&f->batch, shape, CAPACITY, &f->arena, e));
    set_shape(&f->graph, &f->shape);
    return parent_load(parent, source, &f->graph, e);
}

void features_close(struct features *f)
{
    graph_clear(&f->graph);
    arena_clear(&f->arena);
}

enum err_code features_load(struct features *f, struct samples *s, const struct data *made,
                            struct arena *arena, struct err *e)
{
    int64_t d = f->shape.dim;
    real *x = arena_array(arena, (size_t)(s->n * d), sizeof *x);
    int32_t *label = arena_array(arena, (size_t)s->n, sizeof *label);
    if (!x || !label)
        return ERR(e, ERR_NOMEM, "no memory for %lld features", (long long)(s->n * d));
    for (int64_t i = 0; i < s->n; i += CAPACITY) {
        int64_t n = s->n - i < CAPACITY ? s->n - i : CAPACITY;
        samples_range(s, i, n, &f->batch);
        graph_forward(&f->graph, f->batch.x, n, GRAPH_EVAL);
        memcpy(x + i * d, graph_output(&f->graph)->y, (size_t)(n * d) * sizeof *x);
        memcpy(label + i, f->batch.label, (size_t)n * sizeof *label);
    }
    if (f->mean) standardize(f, s->n, x);
    s->x = x;
    s->label = label;
    s->data = made;
    return ERR_OK;
}

enum err_code features_standardize(struct features *f, struct samples *train, struct err *e)
{
    int64_t n = train->n, d = f->shape.dim;
    f->mean = arena_array(&f->arena, (size_t)d, sizeof *f->mean);
    f->scale = arena_array(&f->arena, (size_t)d, sizeof *f->scale);
    if (!f->mean || !f->scale) return ERR(e, ERR_NOMEM, "no memory for means of features");
    for (int64_t j = 0; j < d; j++) {
        /* Around the first sample: what does not vary has variance 0 exactly. */
        double first = (double)train->x[j], sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) {
            double off = (double)train->x[i * d + j] - first;
            sum += off;
            squares += off * off;
        }
        double variance = squares / (double)n - sum / (double)n * (sum / (double)n);
        f->mean[j] = (real)(first + sum / (double)n);
        f->scale[j] = variance > 0 ? (real)(1 / sqrt(variance)) : 1;
    }
    standardize(f, n, train->x);
    return ERR_OK;
}
