/* op_embedding.c - ids [T] to the learnt rows [T, width] of a table. Ids come from a data set
 * as numbers. One that is no row of the table (not whole, below 0, too large) gives a row of
 * NaN: the loss is NaN then, and the trial ends as diverged, whereas a clamped id would go
 * unnoticed. */
#include <math.h>
#include <string.h>

#include "worker/op.h"

enum err_code op_embedding_shape(struct graph *g, const struct node *in, struct node *n,
                                 struct err *e)
{
    INVARIANT(n->set.tokens > 0 && n->set.width > 0 && !in->needs_gradient);
    if (in->shape.n_dims != 1)
        return ERR(e, ERR_CONFIG, "model.kind: an embedding takes rows of ids, not images");
    n->shape = (struct graph_shape){2, {in->shape.size[0], n->set.width}};
    return graph_param(g, n, "weight", op_normal_param(n, 2, n->set.tokens, n->set.width, 0),
                       e);
}

/* The row of the table that an id stands for, or -1. */
static int64_t row_of(real id, int64_t tokens)
{
    if (!(id >= 0 && id < (real)tokens)) return -1;
    int64_t row = (int64_t)id;
    return (real)row == id ? row : -1;
}

void op_embedding_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    int64_t d = n->set.width;
    const real *weight = g->w + g->param[n->first_param].offset;
    for (int64_t i = 0; i < B * in->shape.dim; i++) {
        int64_t row = row_of(in->y[i], n->set.tokens);
        real *y = n->y + i * d;
        if (row >= 0)
            memcpy(y, weight + row * d, (size_t)d * sizeof *y);
        else
            for (int64_t j = 0; j < d; j++) y[j] = (real)NAN;
    }
}

void op_embedding_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                           bool accumulate)
{
    const struct param *p = &g->param[n->first_param];
    real *dweight = g->dw + p->offset;
    int64_t d = n->set.width;
    if (!p->trained) return;
    if (!accumulate) memset(dweight, 0, (size_t)(p->rows * d) * sizeof *dweight);
    for (int64_t i = 0; i < B * in->shape.dim; i++) {
        int64_t row = row_of(in->y[i], n->set.tokens);
        for (int64_t j = 0; row >= 0 && j < d; j++) dweight[row * d + j] += n->dy[i * d + j];
    }
}
