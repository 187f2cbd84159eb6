/* op_scale.c - multiplication by a constant. */
#include "base/kernel.h"
#include "worker/op.h"

/* Element by element: y may be x. */
KERNEL static void scale(int64_t n, real by, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++) y[i] = by * x[i];
}

void op_scale_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    scale(B * n->shape.dim, n->set.scale, in->y, n->y);
}

void op_scale_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate)
{
    (void)g, (void)accumulate;
    scale(B * n->shape.dim, n->set.scale, n->dy, in->dy);
}
