/* op_activation.c - a nonlinearity as a node. Its gradient is made in place: the buffer that
 * holds the gradient by its output then holds that by its input. */
#include "worker/op.h"

enum err_code op_activation_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e)
{
    (void)g, (void)e;
    n->shape = in->shape;
    return ERR_OK;
}

void op_activation_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    n->set.activation->forward(B * n->shape.dim, n->set.leak, in->y, n->y);
}

void op_activation_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    (void)g, (void)accumulate;
    n->set.activation->backward(B * n->shape.dim, n->set.leak, in->y, n->y, n->dy);
}
