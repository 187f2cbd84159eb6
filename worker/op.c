/* op.c - the table of operations. */
#include "worker/op.h"

static const struct op rows[] = {
    {.row = {"input", "the samples", NULL}},
    {.row = {"dense", "y = W x + b", NULL},
     .shape = op_dense_shape,
     .forward = op_dense_forward,
     .backward = op_dense_backward,
     .forward_flops = op_dense_forward_flops,
     .backward_flops = op_dense_backward_flops},
    {.row = {"activation", "a nonlinearity, element by element", NULL},
     .shape = op_activation_shape,
     .forward = op_activation_forward,
     .backward = op_activation_backward,
     .in_place = true},
};

const struct table ops = TABLE("operation", rows);
