/* op.c - the table of operations. */
#include "worker/op.h"

#include <string.h>

#include "base/kernel.h"

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
    {.row = {"channels_last", "an image's planes to pixels: [C, H, W] to [H, W, C]", NULL},
     .inputs = 1,
     .shape = op_channels_last_shape,
     .forward = op_channels_last_forward,
     .backward = op_channels_last_backward},
    {.row = {"flatten", "a sample as one vector, in PyTorch's order", NULL},
     .inputs = 1,
     .shape = op_flatten_shape,
     .forward = op_flatten_forward,
     .backward = op_flatten_backward},
    {.row = {"convolution", "of an image, in groups of channels or as a whole", NULL},
     .inputs = 1,
     .shape = op_convolution_shape,
     .prepare = op_convolution_prepare,
     .bytes = op_convolution_bytes,
     .forward = op_convolution_forward,
     .backward = op_convolution_backward,
     .forward_flops = op_convolution_forward_flops,
     .backward_flops = op_convolution_backward_flops},
    {.row = {"batch_norm", "each feature to mean 0 and variance 1 over the batch",
             "arXiv 1502.03167"},
     .inputs = 1,
     .shape = op_batch_norm_shape,
     .prepare = op_batch_norm_prepare,
     .bytes = op_batch_norm_bytes,
     .forward = op_batch_norm_forward,
     .backward = op_batch_norm_backward,
     .in_place = true},
    {.row = {"max_pool", "the largest number of each channel under a window", NULL},
     .inputs = 1,
     .shape = op_pool_shape,
     .prepare = op_max_pool_prepare,
     .bytes = op_max_pool_bytes,
     .forward = op_max_pool_forward,
     .backward = op_max_pool_backward},
    {.row = {"average_pool", "the mean of each channel under a window", NULL},
     .inputs = 1,
     .shape = op_pool_shape,
     .forward = op_average_pool_forward,
     .backward = op_average_pool_backward},
    {.row = {"global_max_pool", "the largest number of each channel", NULL},
     .inputs = 1,
     .shape = op_global_pool_shape,
     .prepare = op_max_pool_prepare,
     .bytes = op_max_pool_bytes,
     .forward = op_max_pool_forward,
     .backward = op_max_pool_backward},
    {.row = {"global_average_pool", "the mean of each channel", NULL},
     .inputs = 1,
     .shape = op_global_pool_shape,
     .forward = op_average_pool_forward,
     .backward = op_average_pool_backward},
    {.row = {"add", "the sum of two branches", NULL},
     .inputs = 2,
     .shape = op_add_shape,
     .forward = op_add_forward,
     .backward = op_add_backward,
     .in_place = true},
    {.row = {"concat", "the features of one branch, then those of another", NULL},
     .inputs = 2,
     .shape = op_concat_shape,
     .forward = op_concat_forward,
     .backward = op_concat_backward},
};

const struct table ops = TABLE("operation", rows);

enum err_code op_same_shape(struct graph *g, const struct node *in, struct node *n,
                            struct err *e)
{
    (void)g, (void)e;
    n->shape = in->shape;
    return ERR_OK;
}

struct param op_bias_of(struct param weight)
{
    weight.n_dims = 1;
    weight.bias = true;
    if (weight.start == START_NORMAL) weight.start = START_ZEROS;
    if (weight.start == START_SIGNS) weight.start = START_DRAWN;
    return weight;
}

KERNEL void op_sum_rows(int64_t n, int64_t d, const real *restrict x, real *restrict sum)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, x += 4 * d)
        for (int64_t j = 0; j < d; j++)
            sum[j] += (x[j] + x[d + j]) + (x[2 * d + j] + x[3 * d + j]);
    for (; i < n; i++, x += d)
        for (int64_t j = 0; j < d; j++) sum[j] += x[j];
}
