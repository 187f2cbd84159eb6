/* model_cnn.c - convolutional networks without skip connections.
 *
 * source   the released code of arXiv 2010.08127, whose modules name the parameters */
#include "worker/model_builder.h"

enum { POOL = 0 }; /* in a list of channels: max pooling by 2 */

static void add_pool(struct model_builder *b)
{
    const struct graph_shape *in = &graph_output(b->g)->shape;
    if (in->size[0] < 2 || in->size[1] < 2)
        model_fail(b, "model.kind: images of %lld x %lld are too small for its poolings",
                   (long long)b->g->node[0].shape.size[1],
                   (long long)b->g->node[0].shape.size[2]);
    model_op(b, "max_pool", (struct node_settings){.kernel = 2, .stride = 2});
}

/* Sequential: 3 x 3 convolution with a bias, batch norm, nonlinearity; the number of the part
 * behind them. */
static int add_stage(struct model_builder *b, const char *prefix, int part, int64_t width,
                     double sd)
{
    struct node_settings conv = model_conv(model_name(b, "%s%d", prefix, part), width, 3, 1);
    conv.no_bias = false;
    conv.wide_in = part > 0;
    if (sd > 0) {
        conv.start = START_NORMAL;
        conv.sd = sd;
    }
    model_op(b, "convolution", conv);
    model_norm(b, model_name(b, "%s%d", prefix, part + 1));
    model_activation(b);
    return part + 3;
}

/* Five layers, "Myrtle's": widths c, 2c, 4c, 8c. Part 0 of its Sequential is the first
 * convolution; it ends with pooling, flattening and Linear. */
void model_mcnn(struct model_builder *b)
{
    model_images(b);
    int part = 0;
    for (int i = 0; i < 4; i++) {
        part = add_stage(b, "", part, b->c->model.width << i, 0);
        model_layer(b, model_name(b, "hidden.%d", i + 1), false);
        if (i != 1 && i != 2) continue;
        add_pool(b);
        part++;
    }
    model_op(b, "global_max_pool", (struct node_settings){0});
    model_layer(b, "pooled", true);
    model_output(b, model_name(b, "%d", part + 2), (struct node_settings){.wide_in = true});
}

void model_alexnet(struct model_builder *b)
{
    static const struct {
        int part;
        int64_t width, kernel, stride, pad;
        bool pool;
    } layer[] = {
        {0, 64, 11, 4, 5, true},  {3, 192, 5, 1, 2, true},  {6, 384, 3, 1, 1, false},
        {8, 256, 3, 1, 1, false}, {10, 256, 3, 1, 1, true},
    };
    model_images(b);
    for (int i = 0; i < 5; i++) {
        struct node_settings conv = model_conv(model_name(b, "features.%d", layer[i].part),
                                               layer[i].width * b->c->model.width / 64,
                                               layer[i].kernel, layer[i].stride);
        conv.no_bias = false;
        conv.pad = layer[i].pad;
        conv.wide_in = i > 0;
        model_op(b, "convolution", conv);
        model_activation(b);
        if (layer[i].pool) add_pool(b);
        model_layer(b, model_name(b, "hidden.%d", i + 1), false);
    }
    model_op(b, "flatten", (struct node_settings){0});
    model_layer(b, "pooled", true);
    model_output(b, "classifier", (struct node_settings){.wide_in = true});
}

/* Channels in units of model.width. */
static const int vgg11[] = {1, POOL, 2, POOL, 4, 4, POOL, 8, 8, POOL, 8, 8, POOL};
static const int vgg13[] = {1, 1, POOL, 2, 2, POOL, 4, 4, POOL, 8, 8, POOL, 8, 8, POOL};
static const int vgg16[] = {1,    1, POOL, 2, 2,    POOL, 4, 4, 4,
                            POOL, 8, 8,    8, POOL, 8,    8, 8, POOL};
static const int vgg19[] = {1, 1, POOL, 2, 2,    POOL, 4, 4, 4, 4,   POOL,
                            8, 8, 8,    8, POOL, 8,    8, 8, 8, POOL};

#define VGG(depth, list)                                                                       \
    {                                                                                          \
        depth, (int)(sizeof list / sizeof *list), list                                         \
    }
static const struct {
    int64_t depth;
    int n;
    const int *unit;
} vggs[] = {VGG(11, vgg11), VGG(13, vgg13), VGG(16, vgg16), VGG(19, vgg19)};

void model_vgg(struct model_builder *b)
{
    int which = 0, part = 0, number = 0;
    while (which < 4 && vggs[which].depth != b->c->model.depth) which++;
    if (which == 4) {
        model_fail(b, "model.depth: a vgg has 11, 13, 16 or 19 layers, not %lld",
                   (long long)b->c->model.depth);
        return;
    }
    model_images(b);
    for (int i = 0; i < vggs[which].n; i++) {
        if (vggs[which].unit[i] == POOL) {
            add_pool(b);
            part++;
            continue;
        }
        int64_t width = vggs[which].unit[i] * b->c->model.width;
        part = add_stage(b, "features.", part, width, sqrt(2 / (9 * (double)width)));
        model_layer(b, model_name(b, "hidden.%d", ++number), false);
    }
    model_op(b, "flatten", (struct node_settings){0});
    model_layer(b, "pooled", true);
    model_output(b, "classifier",
                 (struct node_settings){.wide_in = true, .start = START_NORMAL, .sd = 0.01});
}
