/* model_resnet.c - convolutional networks with skip connections.
 *
 * A stage is a run of blocks of equal width; the first of each stage but the first halves the
 * image. Layers "layer1", "layer2", ... are the outputs of stages. */
#include "worker/model_builder.h"

enum { MAX_STAGES = 4, EXPANSION = 4 /* of a bottleneck's output */ };

static void convolution(struct model_builder *b, const char *name, int64_t width,
                        int64_t kernel, int64_t stride)
{
    model_op(b, "convolution", model_conv(name, width, kernel, stride));
}

/* The first convolution: 3 x 3, from the data's channels. */
static void first_convolution(struct model_builder *b, int64_t width)
{
    struct node_settings conv = model_conv("conv1", width, 3, 1);
    conv.wide_in = false;
    model_images(b);
    model_op(b, "convolution", conv);
}

static int64_t channels(const struct model_builder *b, int node)
{
    return b->g->node[node].shape.size[2];
}

/* Average over the image, then the output layer. */
static void finish(struct model_builder *b, const char *output)
{
    model_op(b, "global_average_pool", (struct node_settings){0});
    model_layer(b, "pooled", true);
    model_output(b, output, (struct node_settings){.wide_in = true});
}

/* ---- pre-activation, arXiv 1603.05027, as arXiv 2010.08127 has it ---- */

/* Batch norm, nonlinearity and convolution, `sizes` times; the shortcut is a convolution of the
 * first nonlinearity's output where the shape changes. */
static void pre_block(struct model_builder *b, int stage, int block, int64_t width,
                      int64_t stride, bool bottleneck)
{
    int x = model_at(b), active = -1, n = bottleneck ? 3 : 2;
    int64_t out = bottleneck ? EXPANSION * width : width;
    for (int i = 1; i <= n; i++) {
        model_norm(b, model_name(b, "layer%d.%d.bn%d", stage, block, i));
        model_activation(b);
        if (i == 1) active = model_at(b);
        bool wide_kernel = !bottleneck || i == 2;
        convolution(b, model_name(b, "layer%d.%d.conv%d", stage, block, i),
                    i == n ? out : width, wide_kernel ? 3 : 1,
                    i == (bottleneck ? 2 : 1) ? stride : 1);
    }
    int y = model_at(b);
    if (stride != 1 || channels(b, x) != out) {
        const char *name = model_name(b, "layer%d.%d.shortcut.0", stage, block);
        model_from(b, active, "convolution", model_conv(name, out, 1, stride));
        x = model_at(b);
    }
    model_from(b, y, "add", (struct node_settings){.also = x});
}

static void pre_activation(struct model_builder *b, const int blocks[MAX_STAGES],
                           bool bottleneck)
{
    int64_t width = b->c->model.width;
    first_convolution(b, width);
    for (int stage = 0; stage < MAX_STAGES; stage++) {
        for (int i = 0; i < blocks[stage] && b->rc == ERR_OK; i++)
            pre_block(b, stage + 1, i, width << stage, i == 0 && stage > 0 ? 2 : 1, bottleneck);
        model_layer(b, model_name(b, "layer%d", stage + 1), false);
    }
    if (b->c->model.final_norm) {
        model_norm(b, "bn");
        model_activation(b);
    }
    finish(b, "linear");
}

void model_preresnet18(struct model_builder *b)
{
    pre_activation(b, (const int[]){2, 2, 2, 2}, false);
}

void model_preresnet50(struct model_builder *b)
{
    pre_activation(b, (const int[]){3, 4, 6, 3}, true);
}

/* ---- post-activation, three stages, depth 6 n + 2: arXiv 1512.03385, section 4.2 ---- */

/* Kernels are drawn from N(0, 2 / (k^2 out)). */
static struct node_settings he_conv(const char *name, int64_t width, int64_t kernel,
                                    int64_t stride)
{
    struct node_settings conv = model_conv(name, width, kernel, stride);
    conv.start = START_NORMAL;
    conv.sd = sqrt(2 / (double)(kernel * kernel * width));
    return conv;
}

static void post_block(struct model_builder *b, int stage, int block, int64_t width,
                       int64_t stride)
{
    int x = model_at(b);
    for (int i = 1; i <= 2; i++) {
        model_op(b, "convolution",
                 he_conv(model_name(b, "layer%d.%d.conv%d", stage, block, i), width, 3,
                         i == 1 ? stride : 1));
        model_norm(b, model_name(b, "layer%d.%d.bn%d", stage, block, i));
        if (i == 1) model_activation(b);
    }
    int y = model_at(b);
    if (stride != 1 || channels(b, x) != width) {
        const char *name = model_name(b, "layer%d.%d.downsample.0", stage, block);
        model_from(b, x, "convolution", he_conv(name, width, 1, stride));
        model_norm(b, model_name(b, "layer%d.%d.downsample.1", stage, block));
        x = model_at(b);
    }
    model_from(b, y, "add", (struct node_settings){.also = x});
    model_activation(b);
}

void model_resnet(struct model_builder *b)
{
    int64_t depth = b->c->model.depth, n = (depth - 2) / 6;
    if (depth < 8 || (depth - 2) % 6)
        model_fail(b, "model.depth: a resnet has 6 n + 2 layers (20, 32, 44, ...), not %lld",
                   (long long)depth);
    struct node_settings first = he_conv("conv1", b->c->model.width, 3, 1);
    first.wide_in = false;
    model_images(b);
    model_op(b, "convolution", first);
    model_norm(b, "bn1");
    model_activation(b);
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < n && b->rc == ERR_OK; i++)
            post_block(b, stage + 1, i, b->c->model.width << stage,
                       i == 0 && stage > 0 ? 2 : 1);
        model_layer(b, model_name(b, "layer%d", stage + 1), false);
    }
    finish(b, "fc");
}

/* ---- wide: arXiv 1605.07146 ---- */

static void wide_block(struct model_builder *b, int stage, int block, int64_t width,
                       int64_t stride)
{
    int x = model_at(b);
    bool changes = channels(b, x) != width;
    model_norm(b, model_name(b, "block%d.layer.%d.bn1", stage, block));
    model_activation(b);
    int active = model_at(b);
    convolution(b, model_name(b, "block%d.layer.%d.conv1", stage, block), width, 3, stride);
    model_norm(b, model_name(b, "block%d.layer.%d.bn2", stage, block));
    model_activation(b);
    if (b->c->model.dropout > 0)
        model_op(b, "dropout", (struct node_settings){.rate = (real)b->c->model.dropout});
    convolution(b, model_name(b, "block%d.layer.%d.conv2", stage, block), width, 3, 1);
    int y = model_at(b);
    if (changes) {
        const char *name = model_name(b, "block%d.layer.%d.convShortcut", stage, block);
        model_from(b, active, "convolution", model_conv(name, width, 1, stride));
        x = model_at(b);
    }
    model_from(b, y, "add", (struct node_settings){.also = x});
}

/* model.depth 28 and model.width 4 are WRN-28-4: 6 n + 4 layers of widths 16 (1, k, 2k, 4k). */
void model_wide_resnet(struct model_builder *b)
{
    int64_t depth = b->c->model.depth, n = (depth - 4) / 6;
    if (depth < 10 || (depth - 4) % 6)
        model_fail(b, "model.depth: a wide_resnet has 6 n + 4 layers (16, 28, 40), not %lld",
                   (long long)depth);
    first_convolution(b, 16);
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < n && b->rc == ERR_OK; i++)
            wide_block(b, stage + 1, i, 16 * b->c->model.width << stage,
                       i == 0 && stage > 0 ? 2 : 1);
        model_layer(b, model_name(b, "layer%d", stage + 1), false);
    }
    model_norm(b, "bn1");
    model_activation(b);
    finish(b, "fc");
}

/* ---- densely connected: arXiv 1608.06993 ---- */

/* Appends model.growth channels to those there are. */
static void dense_layer(struct model_builder *b, int block, int layer)
{
    int x = model_at(b);
    int64_t growth = b->c->model.growth;
    model_norm(b, model_name(b, "dense%d.%d.bn1", block, layer));
    model_activation(b);
    if (b->c->model.bottleneck) {
        convolution(b, model_name(b, "dense%d.%d.conv1", block, layer), EXPANSION * growth, 1,
                    1);
        model_norm(b, model_name(b, "dense%d.%d.bn2", block, layer));
        model_activation(b);
    }
    convolution(b, model_name(b, "dense%d.%d.conv%d", block, layer, 1 + b->c->model.bottleneck),
                growth, 3, 1);
    if (b->c->model.dropout > 0)
        model_op(b, "dropout", (struct node_settings){.rate = (real)b->c->model.dropout});
    int y = model_at(b);
    model_from(b, x, "concat", (struct node_settings){.also = y});
}

static void transition(struct model_builder *b, int block)
{
    int64_t width = channels(b, model_at(b));
    model_norm(b, model_name(b, "trans%d.bn1", block));
    model_activation(b);
    convolution(b, model_name(b, "trans%d.conv1", block),
                (int64_t)((double)width / b->c->model.compression), 1, 1);
    model_op(b, "average_pool", (struct node_settings){.kernel = 2, .stride = 2});
}

/* model.depth 40 and model.growth 12: three blocks of 12 layers (6 with bottlenecks). */
void model_densenet(struct model_builder *b)
{
    int64_t depth = b->c->model.depth, per = b->c->model.bottleneck ? 6 : 3;
    if (depth < 4 + per || (depth - 4) % per)
        model_fail(b, "model.depth: this densenet has %lld n + 4 layers (40, ...), not %lld",
                   (long long)per, (long long)depth);
    first_convolution(b, 2 * b->c->model.growth);
    for (int block = 1; block <= 3; block++) {
        for (int i = 0; i < (depth - 4) / per && b->rc == ERR_OK; i++) dense_layer(b, block, i);
        model_layer(b, model_name(b, "layer%d", block), false);
        if (block < 3) transition(b, block);
    }
    model_norm(b, "bn");
    model_activation(b);
    finish(b, "fc");
}
