/* op_position.c - a learnt row for each place, [1, T, d], added to the token there. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"
#include "worker/rows.h"

enum err_code op_position_shape(struct graph *g, const struct node *in, struct node *n,
                                struct err *e)
{
    if (in->shape.n_dims != 2)
        return ERR(e, ERR_CONFIG, "model.kind: positions are those of tokens");
    n->shape = in->shape;
    return graph_param(g, n, "", op_normal_param(n, 3, 1, n->shape.size[0], n->shape.size[1]),
                       e);
}

KERNEL static void add_to_each(int64_t B, int64_t d, const real *restrict x,
                               const real *restrict place, real *restrict y)
{
    for (int64_t i = 0; i < B; i++, x += d, y += d)
        for (int64_t j = 0; j < d; j++) y[j] = x[j] + place[j];
}

void op_position_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *p = &g->param[n->first_param];
    add_to_each(B, n->shape.dim, in->y, g->w + p->offset, n->y);
}

void op_position_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                          bool accumulate)
{
    const struct param *p = &g->param[n->first_param];
    int64_t d = n->shape.dim;
    if (p->trained) {
        real *dplace = g->dw + p->offset;
        if (!accumulate) memset(dplace, 0, (size_t)d * sizeof *dplace);
        rows_add(B, d, d, n->dy, dplace);
    }
    if (in->needs_gradient && in->dy != n->dy)
        memcpy(in->dy, n->dy, (size_t)(B * d) * sizeof *in->dy);
}
