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
    {.row = {"scale", "y = scale x", NULL},
     .inputs = 1,
     .shape = op_same_shape,
     .forward = op_scale_forward,
     .backward = op_scale_backward,
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
     .release = op_convolution_release,
     .workspace = op_convolution_workspace,
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
    {.row = {"patches", "an image cut into squares, each a token", "arXiv 2010.11929, 3.1"},
     .inputs = 1,
     .shape = op_patches_shape,
     .forward = op_patches_forward,
     .backward = op_patches_backward},
    {.row = {"embedding", "the learnt row of each id", NULL},
     .inputs = 1,
     .shape = op_embedding_shape,
     .forward = op_embedding_forward,
     .backward = op_embedding_backward},
    {.row = {"class_token", "a learnt token before the others", "arXiv 2010.11929, 3.1"},
     .inputs = 1,
     .shape = op_class_token_shape,
     .forward = op_class_token_forward,
     .backward = op_class_token_backward},
    {.row = {"position", "a learnt row added to each token", "arXiv 2010.11929, 3.1"},
     .inputs = 1,
     .shape = op_position_shape,
     .forward = op_position_forward,
     .backward = op_position_backward,
     .in_place = true},
    {.row = {"layer_norm", "each row to mean 0 and variance 1, then gain and bias",
             "arXiv 1607.06450"},
     .inputs = 1,
     .shape = op_layer_norm_shape,
     .prepare = op_layer_norm_prepare,
     .bytes = op_layer_norm_bytes,
     .forward = op_layer_norm_forward,
     .backward = op_layer_norm_backward},
    {.row = {"attention", "softmax(q k^T) v of packed tokens (q k v), per head",
             "arXiv 1706.03762, 3.2"},
     .inputs = 1,
     .shape = op_attention_shape,
     .prepare = op_attention_prepare,
     .bytes = op_attention_bytes,
     .forward = op_attention_forward,
     .backward = op_attention_backward,
     .forward_flops = op_attention_forward_flops,
     .backward_flops = op_attention_backward_flops},
    {.row = {"dropout", "numbers lost at random in training, the others grown",
             "arXiv 1207.0580"},
     .inputs = 1,
     .shape = op_dropout_shape,
     .prepare = op_dropout_prepare,
     .bytes = op_dropout_bytes,
     .forward = op_dropout_forward,
     .backward = op_dropout_backward,
     .in_place = true},
    {.row = {"first_token", "the first of the tokens", NULL},
     .inputs = 1,
     .shape = op_one_token_shape,
     .forward = op_first_token_forward,
     .backward = op_first_token_backward},
    {.row = {"last_token", "the last of the tokens", NULL},
     .inputs = 1,
     .shape = op_one_token_shape,
     .forward = op_last_token_forward,
     .backward = op_last_token_backward},
    {.row = {"mean_tokens", "the mean of the tokens", NULL},
     .inputs = 1,
     .shape = op_one_token_shape,
     .forward = op_mean_tokens_forward,
     .backward = op_mean_tokens_backward},
    {.row = {"l2_normalise", "each row to one length", NULL},
     .inputs = 1,
     .shape = op_l2_normalise_shape,
     .prepare = op_l2_normalise_prepare,
     .bytes = op_l2_normalise_bytes,
     .forward = op_l2_normalise_forward,
     .backward = op_l2_normalise_backward},
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

struct param op_normal_param(const struct node *n, int n_dims, int64_t a, int64_t b, int64_t c)
{
    bool drawn = n->set.start == START_DRAWN;
    return (struct param){.n_dims = n_dims,
                          .size = {a, b, c},
                          .fan_in = 1,
                          .wide_out = n->set.wide_out,
                          .trained = !n->set.frozen,
                          .start = drawn ? START_NORMAL : n->set.start,
                          .sd = drawn ? 1 : n->set.sd};
}
