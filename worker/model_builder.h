/* model_builder.h - what builders of architectures are written with. Private to worker/model*.c.
 *
 * A builder is a list of calls, each of which appends a node to the last one. A failure sticks:
 * what follows does nothing, and b->rc tells at the end. */
#ifndef SHOAL_WORKER_MODEL_BUILDER_H
#define SHOAL_WORKER_MODEL_BUILDER_H

#include <math.h>

#include "worker/graph.h"
#include "worker/model.h"

struct model_builder {
    const struct config *c;
    int64_t outputs;
    struct graph *g;
    struct err *e;
    enum err_code rc;
    char name[TASK_NAME]; /* of the last model_name */
};

/* The name of parameters or of a layer, until the next call. Returns b->name. */
const char *model_name(struct model_builder *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails with ERR_CONFIG; the text starts with the key to blame. */
void model_fail(struct model_builder *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The number of the last node: a branch begins or ends there. */
int model_at(const struct model_builder *b);

/* Appends an operation; set.input is the last node. model_from takes another one's output. */
void model_op(struct model_builder *b, const char *op, struct node_settings set);
void model_from(struct model_builder *b, int input, const char *op, struct node_settings set);

/* Records the last node under a layer's name; as "hidden.last" too if last. */
void model_layer(struct model_builder *b, const char *layer, bool last);

/* Settings of a convolution: square kernel, padding that keeps the size at stride 1, no bias. */
struct node_settings model_conv(const char *name, int64_t width, int64_t kernel,
                                int64_t stride);

void model_norm(struct model_builder *b, const char *name); /* batch norm */
void model_activation(struct model_builder *b);             /* model.activation */
void model_dense(struct model_builder *b, const char *name, int64_t width);

/* x + the last node. */
void model_residual(struct model_builder *b, int x);

/* Images as planes, as a data set has them, become channels last.
 * errors   ERR_CONFIG if samples are no images */
void model_images(struct model_builder *b);

/* The last layer: dense to b->outputs, recorded as "logits", times model.output_scale. */
void model_output(struct model_builder *b, const char *name, struct node_settings set);

/* The builders, one for each row of models. */
void model_mlp(struct model_builder *b);
void model_two_layer(struct model_builder *b);
void model_linear(struct model_builder *b);
void model_cosine(struct model_builder *b);
void model_random_features(struct model_builder *b);
void model_mcnn(struct model_builder *b);
void model_alexnet(struct model_builder *b);
void model_vgg(struct model_builder *b);
void model_preresnet18(struct model_builder *b);
void model_preresnet50(struct model_builder *b);
void model_resnet(struct model_builder *b);
void model_wide_resnet(struct model_builder *b);
void model_densenet(struct model_builder *b);
void model_vit(struct model_builder *b);
void model_transformer(struct model_builder *b);

#endif
