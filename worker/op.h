/* op.h - operations, the kinds of nodes that a graph is made of. */
#ifndef SHOAL_WORKER_OP_H
#define SHOAL_WORKER_OP_H

#include "base/table.h"
#include "worker/graph.h"

/* To add one: functions in a file op_<name>.c, their declarations below, a row in op.c. In all
 * of them `in` is the node whose output n takes (graph_also: the second one) and B the number
 * of samples. g->mode says whether a pass is of training. Optional members are NULL. */
struct op {
    struct row row;
    int inputs; /* nodes whose output it takes: 1 or 2 */

    /* Sets n->shape (its dim is the graph's work) and adds parameters (graph_param). An input of
     * a shape that it cannot take is ERR_CONFIG, "model.kind: ...". */
    enum err_code (*shape)(struct graph *g, const struct node *in, struct node *n,
                           struct err *e);

    /* Optional: makes n->state once buffers exist, and gives it back. */
    enum err_code (*prepare)(struct graph *g, struct node *n, struct err *e);
    void (*release)(struct node *n);

    /* Optional: bytes that prepare takes. */
    double (*bytes)(const struct graph *g, const struct node *n, int64_t capacity);

    /* Optional: bytes of g->workspace that a pass needs. It is one for all nodes: what lies in
     * it is lost when the pass of the node is done. Aligned to 64. */
    size_t (*workspace)(const struct graph *g, const struct node *n, int64_t capacity);

    /* n->y from in->y. NULL: the graph's input, which the caller sets. */
    void (*forward)(struct graph *g, const struct node *in, struct node *n, int64_t B);

    /* Gradients of n's trained parameters (added to if accumulate) and, for each input that
     * needs_gradient, its dy, which is written whole; both from n->dy. */
    void (*backward)(struct graph *g, struct node *in, struct node *n, int64_t B,
                     bool accumulate);

    /* Optional: FLOPs per sample, backward ones without what is not computed. */
    double (*forward_flops)(const struct graph *g, const struct node *n);
    double (*backward_flops)(const struct graph *g, const struct node *in,
                             const struct node *n);

    bool in_place; /* backward may write in->dy over n->dy: they may be the same memory */
};

/* All operations: rows of struct op. */
extern const struct table ops;

enum err_code op_dense_shape(struct graph *g, const struct node *in, struct node *n,
                             struct err *e);
void op_dense_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_dense_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate);
double op_dense_forward_flops(const struct graph *g, const struct node *n);
double op_dense_backward_flops(const struct graph *g, const struct node *in,
                               const struct node *n);

void op_scale_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_scale_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate);

/* n->shape is the input's. For operations that work element by element. */
enum err_code op_same_shape(struct graph *g, const struct node *in, struct node *n,
                            struct err *e);

/* The bias of a layer with this weight, whose values it draws only if the weight's are drawn. */
struct param op_bias_of(struct param weight);

/* Features of a row: the last dimension. */
static inline int64_t op_features(const struct node *n)
{
    return n->shape.size[n->shape.n_dims - 1];
}

/* A parameter [a, b, c] (n_dims of them) that starts from N(0, 1), or as the settings say:
 * START_DRAWN knows no size for what is not a layer's weight. */
struct param op_normal_param(const struct node *n, int n_dims, int64_t a, int64_t b, int64_t c);

enum err_code op_activation_prepare(struct graph *g, struct node *n, struct err *e);
double op_activation_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_activation_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_activation_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate);

enum err_code op_channels_last_shape(struct graph *g, const struct node *in, struct node *n,
                                     struct err *e);
void op_channels_last_forward(struct graph *g, const struct node *in, struct node *n,
                              int64_t B);
void op_channels_last_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                               bool accumulate);
enum err_code op_flatten_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e);
void op_flatten_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_flatten_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate);

enum err_code op_convolution_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e);
enum err_code op_convolution_prepare(struct graph *g, struct node *n, struct err *e);
void op_convolution_release(struct node *n);
size_t op_convolution_workspace(const struct graph *g, const struct node *n, int64_t capacity);
void op_convolution_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_convolution_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate);
double op_convolution_forward_flops(const struct graph *g, const struct node *n);
double op_convolution_backward_flops(const struct graph *g, const struct node *in,
                                     const struct node *n);

enum err_code op_batch_norm_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e);
enum err_code op_batch_norm_prepare(struct graph *g, struct node *n, struct err *e);
double op_batch_norm_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_batch_norm_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_batch_norm_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate);

enum err_code op_pool_shape(struct graph *g, const struct node *in, struct node *n,
                            struct err *e);
enum err_code op_global_pool_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e);
enum err_code op_max_pool_prepare(struct graph *g, struct node *n, struct err *e);
double op_max_pool_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_max_pool_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_max_pool_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                          bool accumulate);
void op_average_pool_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_average_pool_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                              bool accumulate);

enum err_code op_add_shape(struct graph *g, const struct node *in, struct node *n,
                           struct err *e);
void op_add_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_add_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                     bool accumulate);
enum err_code op_concat_shape(struct graph *g, const struct node *in, struct node *n,
                              struct err *e);
void op_concat_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_concat_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                        bool accumulate);

enum err_code op_patches_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e);
void op_patches_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_patches_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate);

enum err_code op_embedding_shape(struct graph *g, const struct node *in, struct node *n,
                                 struct err *e);
void op_embedding_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_embedding_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                           bool accumulate);

enum err_code op_class_token_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e);
void op_class_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_class_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate);

enum err_code op_position_shape(struct graph *g, const struct node *in, struct node *n,
                                struct err *e);
void op_position_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_position_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                          bool accumulate);

enum err_code op_layer_norm_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e);
enum err_code op_layer_norm_prepare(struct graph *g, struct node *n, struct err *e);
double op_layer_norm_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_layer_norm_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_layer_norm_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate);

enum err_code op_attention_shape(struct graph *g, const struct node *in, struct node *n,
                                 struct err *e);
enum err_code op_attention_prepare(struct graph *g, struct node *n, struct err *e);
double op_attention_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_attention_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_attention_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                           bool accumulate);
double op_attention_forward_flops(const struct graph *g, const struct node *n);
double op_attention_backward_flops(const struct graph *g, const struct node *in,
                                   const struct node *n);

enum err_code op_dropout_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e);
enum err_code op_dropout_prepare(struct graph *g, struct node *n, struct err *e);
double op_dropout_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_dropout_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_dropout_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate);

/* Tokens [T, d] to one row [d]. */
enum err_code op_one_token_shape(struct graph *g, const struct node *in, struct node *n,
                                 struct err *e);
void op_first_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_first_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate);
void op_last_token_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_last_token_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate);
void op_mean_tokens_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_mean_tokens_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate);

enum err_code op_l2_normalise_shape(struct graph *g, const struct node *in, struct node *n,
                                    struct err *e);
enum err_code op_l2_normalise_prepare(struct graph *g, struct node *n, struct err *e);
double op_l2_normalise_bytes(const struct graph *g, const struct node *n, int64_t capacity);
void op_l2_normalise_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_l2_normalise_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                              bool accumulate);

#endif
