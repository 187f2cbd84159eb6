/* model_builder.c - see model_builder.h. */
#include "worker/model_builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *model_name(struct model_builder *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(b->name, sizeof b->name, format, args);
    va_end(args);
    return b->name;
}

void model_fail(struct model_builder *b, const char *format, ...)
{
    char text[512];
    va_list args;
    if (b->rc != ERR_OK) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    b->rc = ERR(b->e, ERR_CONFIG, "%s", text);
}

int model_at(const struct model_builder *b)
{
    return b->g->output;
}

void model_from(struct model_builder *b, int input, const char *op, struct node_settings set)
{
    set.input = input;
    if (b->rc == ERR_OK) b->rc = graph_add(b->g, op, set, b->e);
}

void model_op(struct model_builder *b, const char *op, struct node_settings set)
{
    model_from(b, b->g->output, op, set);
}

void model_layer(struct model_builder *b, const char *layer, bool last)
{
    if (b->rc != ERR_OK) return;
    struct node *n = graph_output(b->g);
    snprintf(n->layer, sizeof n->layer, "%s", layer);
    if (last) b->g->hidden_last = b->g->output;
}

struct node_settings model_conv(const char *name, int64_t width, int64_t kernel, int64_t stride)
{
    return (struct node_settings){.name = name,
                                  .width = width,
                                  .kernel = kernel,
                                  .stride = stride,
                                  .pad = kernel / 2,
                                  .no_bias = true,
                                  .wide_in = true,
                                  .wide_out = true};
}

void model_norm(struct model_builder *b, const char *name)
{
    model_op(b, "batch_norm", (struct node_settings){.name = name, .wide_out = true});
}

void model_activation(struct model_builder *b)
{
    const struct config *c = b->c;
    model_op(b, "activation",
             (struct node_settings){
                 .activation = (const void *)table_row(&activations, c->model.activation),
                 .leak = (real)c->model.leak});
}

void model_dense(struct model_builder *b, const char *name, int64_t width)
{
    model_op(b, "dense",
             (struct node_settings){
                 .name = name, .width = width, .wide_in = true, .wide_out = true});
}

void model_residual(struct model_builder *b, int x)
{
    model_op(b, "add", (struct node_settings){.also = x});
}

void model_images(struct model_builder *b)
{
    const struct graph_shape *shape = &b->g->node[0].shape;
    if (shape->n_dims != 3)
        model_fail(
            b,
            "model.kind: this architecture sees images, and a sample of this data set has "
            "%d dimension%s; mlp takes any sample",
            shape->n_dims, shape->n_dims == 1 ? "" : "s");
    model_op(b, "channels_last", (struct node_settings){0});
}

void model_output(struct model_builder *b, const char *name, struct node_settings set)
{
    set.name = name;
    set.width = b->outputs;
    model_op(b, "dense", set);
    if (b->c->model.output_scale != 1)
        model_op(b, "scale", (struct node_settings){.scale = (real)b->c->model.output_scale});
    model_layer(b, "logits", false);
}
