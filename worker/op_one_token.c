/* op_one_token.c - tokens [T, d] to one row [d]: the first, the last, or their mean. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"
#include "worker/rows.h"

enum err_code op_one_token_shape(struct graph *g, const struct node *in, struct node *n,
                                 struct err *e)
{
    (void)g;
    if (in->shape.n_dims != 2)
        return ERR(e, ERR_CONFIG, "model.kind: only of tokens can one be taken");
    n->shape = (struct graph_shape){1, {in->shape.size[1]}};
    return ERR_OK;
}

static void take(const struct node *in, struct node *n, int64_t B, int64_t token)
{
    int64_t d = n->shape.dim;
    for (int64_t i = 0; i < B; i++)
        memcpy(n->y + i * d, in->y + i * in->shape.dim + token * d, (size_t)d * sizeof *n->y);
}

static void give_back(struct node *in, const struct node *n, int64_t B, int64_t token)
{
    int64_t d = n->shape.dim;
    memset(in->dy, 0, (size_t)(B * in->shape.dim) * sizeof *in->dy);
    for (int64_t i = 0; i < B; i++)
        memcpy(in->dy + i * in->shape.dim + token * d, n->dy + i * d,
               (size_t)d * sizeof *n->dy);
}

void op_first_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    take(in, n, B, 0);
}

void op_first_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate)
{
    (void)g, (void)accumulate;
    give_back(in, n, B, 0);
}

void op_last_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    take(in, n, B, in->shape.size[0] - 1);
}

void op_last_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    (void)g, (void)accumulate;
    give_back(in, n, B, in->shape.size[0] - 1);
}

KERNEL static void multiply(int64_t n, real factor, const real *restrict x, real *restrict y)
{
    for (int64_t i = 0; i < n; i++) y[i] = factor * x[i];
}

void op_mean_tokens_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    int64_t T = in->shape.size[0], d = n->shape.dim;
    memset(n->y, 0, (size_t)(B * d) * sizeof *n->y);
    for (int64_t i = 0; i < B; i++) rows_add(T, d, d, in->y + i * in->shape.dim, n->y + i * d);
    for (int64_t i = 0; i < B * d; i++) n->y[i] /= (real)T;
}

void op_mean_tokens_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate)
{
    (void)g, (void)accumulate;
    int64_t T = in->shape.size[0], d = n->shape.dim;
    for (int64_t i = 0; i < B * T; i++)
        multiply(d, 1 / (real)T, n->dy + i / T * d, in->dy + i * d);
}
