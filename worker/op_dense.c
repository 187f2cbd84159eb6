/* op_dense.c - the dense layer: y[B, out] = x[B, in] W^T + b, W[out, in] as in PyTorch. */
#include <string.h>

#include "worker/blas.h"
#include "worker/op.h"
#include "worker/rows.h"

/* Rows of a sample that the layer sees: its tokens, or the sample itself. */
static int64_t rows_of(const struct node *in)
{
    return in->shape.n_dims == 2 ? in->shape.size[0] : 1;
}

enum err_code op_dense_shape(struct graph *g, const struct node *in, struct node *n,
                             struct err *e)
{
    int64_t T = rows_of(in), features = in->shape.dim / T;
    struct param weight = {.rows = n->set.width,
                           .cols = features,
                           .n_dims = 2,
                           .size = {n->set.width, features},
                           .fan_in = features,
                           .wide_in = n->set.wide_in,
                           .wide_out = n->set.wide_out,
                           .trained = !n->set.frozen,
                           .start = n->set.start,
                           .sd = n->set.sd};
    n->shape = in->shape.n_dims == 2 ? (struct graph_shape){2, {T, n->set.width}}
                                     : (struct graph_shape){1, {n->set.width}};
    TRY(graph_param(g, n, "weight", weight, e));
    return n->set.no_bias ? ERR_OK : graph_param(g, n, "bias", op_bias_of(weight), e);
}

static const struct param *weight_of(const struct graph *g, const struct node *n)
{
    return &g->param[n->first_param];
}

void op_dense_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *p = weight_of(g, n);
    int64_t rows = B * rows_of(in);
    const real *weight = g->w + p[0].offset;
    for (int64_t i = 0; i < rows && !n->set.no_bias; i++)
        memcpy(n->y + i * p->rows, g->w + p[1].offset, (size_t)p->rows * sizeof *n->y);
    blas_gemm(CblasNoTrans, CblasTrans, rows, p->rows, p->cols, in->y, weight,
              n->set.no_bias ? 0 : 1, n->y);
}

void op_dense_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate)
{
    const struct param *p = weight_of(g, n);
    int64_t rows = B * rows_of(in);
    if (p[0].trained)
        blas_gemm(CblasTrans, CblasNoTrans, p->rows, p->cols, rows, n->dy, in->y, accumulate,
                  g->dw + p[0].offset);
    if (!n->set.no_bias && p[1].trained) {
        real *dbias = g->dw + p[1].offset;
        if (!accumulate) memset(dbias, 0, (size_t)p->rows * sizeof *dbias);
        rows_add(rows, p->rows, p->rows, n->dy, dbias);
    }
    if (in->needs_gradient)
        blas_gemm(CblasNoTrans, CblasNoTrans, rows, p->cols, p->rows, n->dy, g->w + p[0].offset,
                  0, in->dy);
}

double op_dense_forward_flops(const struct graph *g, const struct node *n)
{
    const struct param *p = weight_of(g, n);
    return 2 * (double)n->shape.dim * (double)p->cols;
}

double op_dense_backward_flops(const struct graph *g, const struct node *in,
                               const struct node *n)
{
    return op_dense_forward_flops(g, n) * (weight_of(g, n)->trained + in->needs_gradient);
}
