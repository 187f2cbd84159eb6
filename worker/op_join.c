/* op_join.c - operations that join two branches: their sum, or one behind the other. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"

enum err_code op_add_shape(struct graph *g, const struct node *in, struct node *n,
                           struct err *e)
{
    const struct graph_shape *a = &in->shape, *b = &graph_also(g, n)->shape;
    if (a->n_dims != b->n_dims || memcmp(a->size, b->size, sizeof a->size) != 0)
        return ERR(e, ERR_CONFIG,
                   "model.kind: branches of %lld and %lld numbers do not add up in this "
                   "architecture on samples of this shape",
                   (long long)a->dim, (long long)b->dim);
    n->shape = *a;
    return ERR_OK;
}

KERNEL static void sum(int64_t n, const real *restrict a, const real *restrict b,
                       real *restrict y)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void op_add_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    sum(B * n->shape.dim, in->y, graph_also(g, n)->y, n->y);
}

void op_add_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                     bool accumulate)
{
    (void)accumulate;
    struct node *also = graph_also(g, n);
    size_t size = (size_t)(B * n->shape.dim) * sizeof *n->dy;
    if (also->needs_gradient) memcpy(also->dy, n->dy, size);
    if (in->needs_gradient && in->dy != n->dy) memcpy(in->dy, n->dy, size);
}

enum err_code op_concat_shape(struct graph *g, const struct node *in, struct node *n,
                              struct err *e)
{
    const struct graph_shape *a = &in->shape, *b = &graph_also(g, n)->shape;
    int last = a->n_dims - 1;
    bool fits = a->n_dims == b->n_dims;
    for (int i = 0; fits && i < last; i++) fits = a->size[i] == b->size[i];
    if (!fits)
        return ERR(e, ERR_CONFIG,
                   "model.kind: branches of %lld and %lld numbers cannot be joined in this "
                   "architecture on samples of this shape",
                   (long long)a->dim, (long long)b->dim);
    n->shape = *a;
    n->shape.size[last] += b->size[last];
    return ERR_OK;
}

void op_concat_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct node *also = graph_also(g, n);
    int64_t a = op_features(in), b = op_features(also), rows = B * n->shape.dim / (a + b);
    for (int64_t i = 0; i < rows; i++) {
        real *y = n->y + i * (a + b);
        memcpy(y, in->y + i * a, (size_t)a * sizeof *y);
        memcpy(y + a, also->y + i * b, (size_t)b * sizeof *y);
    }
}

void op_concat_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                        bool accumulate)
{
    (void)accumulate;
    struct node *also = graph_also(g, n);
    int64_t a = op_features(in), b = op_features(also), rows = B * n->shape.dim / (a + b);
    for (int64_t i = 0; i < rows; i++) {
        const real *dy = n->dy + i * (a + b);
        if (in->needs_gradient) memcpy(in->dy + i * a, dy, (size_t)a * sizeof *dy);
        if (also->needs_gradient) memcpy(also->dy + i * b, dy + a, (size_t)b * sizeof *dy);
    }
}
