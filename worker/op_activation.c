/* op_activation.c - a nonlinearity as a node. Its gradient can be made in place: the buffer that
 * holds the gradient by its output then holds that by its input. */
#include <string.h>

#include "worker/op.h"

void op_activation_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    n->set.activation->forward(B * n->shape.dim, n->set.leak, in->y, n->y);
}

void op_activation_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    (void)g, (void)accumulate;
    int64_t size = B * n->shape.dim;
    if (in->dy != n->dy) memcpy(in->dy, n->dy, (size_t)size * sizeof *in->dy);
    n->set.activation->backward(size, n->set.leak, in->y, n->y, in->dy);
}
