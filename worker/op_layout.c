/* op_layout.c - the order of a sample's numbers: planes [C, H, W] as data sets and PyTorch have
 * them, channels last [H, W, C] inside the graph. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"

/* y[cols, rows] = x[rows, cols]^T, for each of n samples. In squares, so that the lines which
 * are read and written a number at a time stay in the cache. */
KERNEL static void transpose(int64_t n, int64_t rows, int64_t cols, const real *restrict x,
                             real *restrict y)
{
    enum { SQUARE = 16 };
    for (int64_t b = 0; b < n; b++, x += rows * cols, y += rows * cols)
        for (int64_t i0 = 0; i0 < rows; i0 += SQUARE)
            for (int64_t j0 = 0; j0 < cols; j0 += SQUARE)
                for (int64_t j = j0; j < cols && j < j0 + SQUARE; j++)
                    for (int64_t i = i0; i < rows && i < i0 + SQUARE; i++)
                        y[j * rows + i] = x[i * cols + j];
}

enum err_code op_channels_last_shape(struct graph *g, const struct node *in, struct node *n,
                                     struct err *e)
{
    (void)g;
    if (in->shape.n_dims != 3)
        return ERR(e, ERR_CONFIG,
                   "model.kind: this architecture needs images as samples, "
                   "[channels, height, width]");
    const int64_t *size = in->shape.size;
    n->shape = (struct graph_shape){3, {size[1], size[2], size[0]}};
    return ERR_OK;
}

void op_channels_last_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    int64_t C = n->shape.size[2];
    transpose(B, C, n->shape.dim / C, in->y, n->y);
}

void op_channels_last_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                               bool accumulate)
{
    (void)g, (void)accumulate;
    int64_t C = n->shape.size[2];
    if (in->needs_gradient) transpose(B, n->shape.dim / C, C, n->dy, in->dy);
}

enum err_code op_flatten_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e)
{
    (void)g, (void)e;
    n->shape = (struct graph_shape){1, {in->shape.dim}};
    return ERR_OK;
}

void op_flatten_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    if (in->shape.n_dims < 3) {
        memcpy(n->y, in->y, (size_t)(B * n->shape.dim) * sizeof *n->y);
        return;
    }
    int64_t C = in->shape.size[2];
    transpose(B, n->shape.dim / C, C, in->y, n->y);
}

void op_flatten_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate)
{
    (void)g, (void)accumulate;
    if (in->shape.n_dims < 3) {
        memcpy(in->dy, n->dy, (size_t)(B * n->shape.dim) * sizeof *n->dy);
        return;
    }
    int64_t C = in->shape.size[2];
    transpose(B, C, n->shape.dim / C, n->dy, in->dy);
}
