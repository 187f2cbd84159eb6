/* teacher.c - a parent's network in eval mode. */
#include "worker/teacher.h"

#include <string.h>

enum err_code teacher_plan(struct teacher *t, const struct config *c,
                           const struct parents *parents, const struct graph_shape *input,
                           struct arena *arena, struct err *e)
{
    char takes[192], are[192];
    *t = (struct teacher){.parent = parent_of(parents, ROLE_TEACHER)};
    if (!t->parent) return ERR_OK;
    TRY(parent_build_to(t->parent, "optim.teacher_layer", c->optim.teacher_layer, arena,
                        &t->graph, e));
    const struct graph_shape *own = &t->graph.node[0].shape;
    t->k = graph_output(&t->graph)->shape.dim;
    if (own->n_dims == input->n_dims &&
        memcmp(own->size, input->size, (size_t)own->n_dims * sizeof *own->size) == 0)
        return ERR_OK;
    return ERR(e, ERR_CONFIG, "data.name: the teacher takes samples of shape %s, these are %s",
               safetensors_shape(own->n_dims, own->size, takes),
               safetensors_shape(input->n_dims, input->size, are));
}

enum err_code teacher_start(struct teacher *t, const struct weights_source *source,
                            int64_t capacity, struct err *e)
{
    if (!t->parent) return ERR_OK;
    TRY(graph_allocate(&t->graph, capacity, e));
    return parent_load(t->parent, source, &t->graph, e);
}

const real *teacher_targets(struct teacher *t, const real *x, int64_t n)
{
    if (!t->parent) return NULL;
    graph_forward(&t->graph, x, n, GRAPH_EVAL);
    return graph_output(&t->graph)->y;
}

double teacher_flops(const struct teacher *t)
{
    return t->parent ? graph_forward_flops(&t->graph) : 0;
}

double teacher_bytes(const struct teacher *t, int64_t capacity)
{
    return t->parent ? graph_bytes(&t->graph, capacity) : 0;
}
