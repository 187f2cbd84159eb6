/* op.c - the table of operations. */
#include "worker/op.h"

static const struct op rows[] = {
    {.row = {"input", "the samples", NULL}},
    {.row = {"dense", "y = W x + b, of the whole sample or of each token", NULL},
     .inputs = 1,
     .shape = op_dense_shape,
     .forward = op_dense_forward,
     .backward = op_dense_backward,
     .forward_flops = op_dense_forward_flops,
     .backward_flops = op_dense_backward_flops},
    {.row = {"activation", "a nonlinearity, element by element", NULL},
     .inputs = 1,
     .shape = op_same_shape,
     .forward = op_activation_forward,
     .backward = op_activation_backward,
     .in_place = true},
};

const struct table ops = TABLE("operation", rows);

enum err_code op_same_shape(struct graph *g, const struct node *in, struct node *n,
                            struct err *e)
{
    (void)g, (void)e;
    n->shape = in->shape;
    return ERR_OK;
}
