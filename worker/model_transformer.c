/* model_transformer.c - networks of attention: pre-norm blocks of model.width features.
 *
 * source   arXiv 2010.11929; modules and names of the released code of arXiv 2010.08127, whose
 *          attention divides by the root of all features, not of a head's
 *          (model.attention_scale: model) */
#include "worker/model_builder.h"

static void layer_norm(struct model_builder *b, const char *name)
{
    model_op(b, "layer_norm", (struct node_settings){.name = name, .wide_out = true});
}

static void dropout(struct model_builder *b)
{
    if (b->c->model.dropout > 0)
        model_op(b, "dropout", (struct node_settings){.rate = (real)b->c->model.dropout});
}

static int64_t mlp_width(const struct model_builder *b)
{
    return b->c->model.mlp_width ? b->c->model.mlp_width : 4 * b->c->model.width;
}

static void attention(struct model_builder *b, int block, bool causal)
{
    const struct config *c = b->c;
    int x = model_at(b);
    layer_norm(b, model_name(b, "transformer.layers.%d.0.fn.norm", block));
    model_op(b, "dense",
             (struct node_settings){
                 .name = model_name(b, "transformer.layers.%d.0.fn.fn.to_qkv", block),
                 .width = 3 * c->model.width,
                 .no_bias = true,
                 .wide_in = true,
                 .wide_out = true});
    model_op(b, "attention",
             (struct node_settings){.heads = c->model.heads,
                                    .causal = causal,
                                    .scale = c->model.attention_scale == ATTENTION_MODEL
                                                 ? (real)(1 / sqrt((double)c->model.width))
                                                 : 0});
    model_dense(b, model_name(b, "transformer.layers.%d.0.fn.fn.to_out.0", block),
                c->model.width);
    dropout(b);
    model_residual(b, x);
}

static void feed_forward(struct model_builder *b, int block)
{
    int x = model_at(b);
    layer_norm(b, model_name(b, "transformer.layers.%d.1.fn.norm", block));
    model_dense(b, model_name(b, "transformer.layers.%d.1.fn.fn.net.0", block), mlp_width(b));
    model_activation(b);
    dropout(b);
    model_dense(b, model_name(b, "transformer.layers.%d.1.fn.fn.net.3", block),
                b->c->model.width);
    dropout(b);
    model_residual(b, x);
}

static void add_blocks(struct model_builder *b, bool causal)
{
    const struct config *c = b->c;
    if (c->model.width % c->model.heads)
        model_fail(b, "model.heads: %lld heads do not divide a width of %lld",
                   (long long)c->model.heads, (long long)c->model.width);
    for (int i = 0; i < c->model.depth && b->rc == ERR_OK; i++) {
        attention(b, i, causal);
        feed_forward(b, i);
        model_layer(b, model_name(b, "hidden.%d", i + 1), false);
    }
}

/* Layer norm, Linear, nonlinearity, Linear. */
static void add_head(struct model_builder *b)
{
    model_layer(b, "pooled", true);
    layer_norm(b, "mlp_head.0");
    model_dense(b, "mlp_head.1", mlp_width(b));
    model_activation(b);
    dropout(b);
    model_output(b, "mlp_head.4", (struct node_settings){.wide_in = true});
}

void model_vit(struct model_builder *b)
{
    const struct config *c = b->c;
    struct node_settings token = {.start = START_NORMAL, .sd = 1, .wide_out = true};
    model_images(b);
    model_op(b, "patches", (struct node_settings){.kernel = c->model.patch});
    model_op(b, "dense",
             (struct node_settings){
                 .name = "patch_to_embedding", .width = c->model.width, .wide_out = true});
    token.name = "cls_token";
    model_op(b, "class_token", token);
    token.name = "pos_embedding";
    model_op(b, "position", token);
    dropout(b);
    add_blocks(b, false);
    model_op(b, "first_token", (struct node_settings){0});
    add_head(b);
}

/* A decoder: samples are the numbers of tokens, 0 .. model.tokens - 1; the class is read off
 * the last one. */
void model_transformer(struct model_builder *b)
{
    const struct config *c = b->c;
    struct node_settings token = {
        .start = START_NORMAL, .sd = 1, .width = c->model.width, .wide_out = true};
    if (b->g->node[0].shape.n_dims != 1)
        model_fail(b,
                   "model.kind: a transformer sees sequences of tokens, not images; vit does");
    token.name = "token_embedding";
    token.tokens = c->model.tokens;
    model_op(b, "embedding", token);
    token.name = "pos_embedding";
    model_op(b, "position", token);
    dropout(b);
    add_blocks(b, true);
    model_op(b, "last_token", (struct node_settings){0});
    add_head(b);
}
