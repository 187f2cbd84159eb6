/* op_dense.c - the dense layer: y[B, out] = x[B, in] W^T + b, W[out, in] as in PyTorch. */
#include <string.h>

#include "base/kernel.h"
#include "worker/blas.h"
#include "worker/op.h"

enum err_code op_dense_shape(struct graph *g, const struct node *in, struct node *n,
                             struct err *e)
{
    struct param weight = {.rows = n->set.width,
                           .cols = in->shape.dim,
                           .fan_in = in->shape.dim,
                           .wide_in = n->set.wide_in,
                           .wide_out = n->set.wide_out,
                           .trained = !n->set.frozen};
    struct param bias = weight;
    bias.cols = 1;
    bias.bias = true;
    n->shape = (struct graph_shape){1, {n->set.width}, n->set.width};
    TRY(graph_param(g, n, "weight", weight, e));
    return graph_param(g, n, "bias", bias, e);
}

static const struct param *weight_of(const struct graph *g, const struct node *n)
{
    return &g->param[n->first_param];
}

void op_dense_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *p = weight_of(g, n);
    const real *weight = g->w + p[0].offset, *bias = g->w + p[1].offset;
    for (int64_t i = 0; i < B; i++)
        memcpy(n->y + i * p->rows, bias, (size_t)p->rows * sizeof *bias);
    blas_gemm(CblasNoTrans, CblasTrans, B, p->rows, p->cols, in->y, weight, 1, n->y);
}

/* sum[d] += the rows of x[B, d]. Four at a time: a quarter of the passes over sum, and rounding
 * errors that grow more slowly. */
KERNEL static void sum_rows(int64_t B, int64_t d, const real *restrict x, real *restrict sum)
{
    int64_t i = 0;
    for (; i + 4 <= B; i += 4, x += 4 * d)
        for (int64_t j = 0; j < d; j++)
            sum[j] += (x[j] + x[d + j]) + (x[2 * d + j] + x[3 * d + j]);
    for (; i < B; i++, x += d)
        for (int64_t j = 0; j < d; j++) sum[j] += x[j];
}

void op_dense_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate)
{
    const struct param *p = weight_of(g, n);
    if (p->trained) {
        real *dweight = g->dw + p[0].offset, *dbias = g->dw + p[1].offset;
        blas_gemm(CblasTrans, CblasNoTrans, p->rows, p->cols, B, n->dy, in->y, accumulate,
                  dweight);
        if (!accumulate) memset(dbias, 0, (size_t)p->rows * sizeof *dbias);
        sum_rows(B, p->rows, n->dy, dbias);
    }
    if (in->needs_gradient)
        blas_gemm(CblasNoTrans, CblasNoTrans, B, p->cols, p->rows, n->dy, g->w + p[0].offset, 0,
                  in->dy);
}

double op_dense_forward_flops(const struct graph *g, const struct node *n)
{
    const struct param *p = weight_of(g, n);
    return 2 * (double)p->rows * (double)p->cols;
}

double op_dense_backward_flops(const struct graph *g, const struct node *in,
                               const struct node *n)
{
    return op_dense_forward_flops(g, n) * (weight_of(g, n)->trained + in->needs_gradient);
}
