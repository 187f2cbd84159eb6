/* op_class_token.c - a learnt token [1, 1, d] before those of each sample: [T, d] to
 * [T + 1, d]. */
#include <string.h>

#include "worker/op.h"
#include "worker/rows.h"

enum err_code op_class_token_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e)
{
    if (in->shape.n_dims != 2)
        return ERR(e, ERR_CONFIG, "model.kind: a class token stands before tokens");
    int64_t d = in->shape.size[1];
    n->shape = (struct graph_shape){2, {in->shape.size[0] + 1, d}};
    return graph_param(g, n, "", op_normal_param(n, 3, 1, 1, d), e);
}

void op_class_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *p = &g->param[n->first_param];
    int64_t d = p->cols;
    for (int64_t i = 0; i < B; i++) {
        real *y = n->y + i * n->shape.dim;
        memcpy(y, g->w + p->offset, (size_t)d * sizeof *y);
        memcpy(y + d, in->y + i * in->shape.dim, (size_t)in->shape.dim * sizeof *y);
    }
}

void op_class_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate)
{
    const struct param *p = &g->param[n->first_param];
    int64_t d = p->cols;
    if (p->trained) {
        real *dtoken = g->dw + p->offset;
        if (!accumulate) memset(dtoken, 0, (size_t)d * sizeof *dtoken);
        rows_add(B, d, n->shape.dim, n->dy, dtoken);
    }
    for (int64_t i = 0; in->needs_gradient && i < B; i++)
        memcpy(in->dy + i * in->shape.dim, n->dy + i * n->shape.dim + d,
               (size_t)in->shape.dim * sizeof *in->dy);
}
