/* model_mlp.c - networks of dense layers.
 *
 * Parameters are called as those of torch.nn.Sequential(Flatten, then for each hidden layer
 * Linear, [BatchNorm1d or LayerNorm,] nonlinearity, [Dropout], at last Linear): by the number
 * of their part. */
#include "worker/model_builder.h"

/* Numbers the parts of a torch.nn.Sequential; part 0 flattens. */
struct sequential {
    struct model_builder *b;
    int part;
};

static const char *next_part(struct sequential *s)
{
    return model_name(s->b, "%d", s->part++);
}

static void add_norm(struct sequential *s)
{
    static const char *const op[] = {
        [NORM_BATCH] = "batch_norm",
        [NORM_LAYER] = "layer_norm",
    };
    int norm = s->b->c->model.norm;
    if (norm == NORM_NONE) return;
    model_op(s->b, op[norm], (struct node_settings){.name = next_part(s), .wide_out = true});
}

/* Hidden layer number 1, 2, ...: the layer's name stands for the output of its nonlinearity,
 * and of the skip connection around it. */
static void add_hidden(struct sequential *s, int number, bool frozen)
{
    struct model_builder *b = s->b;
    const struct config *c = b->c;
    int x = model_at(b);
    model_op(b, "dense",
             (struct node_settings){.name = next_part(s),
                                    .width = c->model.width,
                                    .frozen = frozen,
                                    .wide_in = number > 1,
                                    .wide_out = true});
    add_norm(s);
    model_activation(b);
    s->part++;
    if (c->model.dropout > 0) {
        model_op(b, "dropout", (struct node_settings){.rate = (real)c->model.dropout});
        s->part++;
    }
    if (c->model.residual && number > 1) model_residual(b, x);
    model_layer(b, model_name(b, "hidden.%d", number), true);
}

static void add_layers(struct model_builder *b, int64_t depth)
{
    const struct config *c = b->c;
    bool frozen = c->model.freeze_output;
    if (frozen && b->outputs != 1)
        model_fail(b,
                   "model.freeze_output: fixed weights +1/width and -1/width need one output "
                   "(two classes and loss logistic, hinge or mse), not %lld",
                   (long long)b->outputs);
    struct sequential s = {b, 1};
    for (int64_t i = 1; i <= depth; i++) add_hidden(&s, (int)i, false);
    model_output(b, next_part(&s),
                 (struct node_settings){.wide_in = true,
                                        .frozen = frozen,
                                        .start = frozen ? START_SIGNS : START_DRAWN});
}

void model_mlp(struct model_builder *b)
{
    add_layers(b, b->c->model.depth);
}

void model_two_layer(struct model_builder *b)
{
    add_layers(b, 1);
}

void model_linear(struct model_builder *b)
{
    struct sequential s = {b, 1};
    model_output(b, next_part(&s), (struct node_settings){0});
}

/* Sequential(Flatten, normalisation to length model.logit_scale, Linear without bias): the
 * logits of a contrastive model, whose weights are the embeddings of the classes. */
void model_cosine(struct model_builder *b)
{
    model_op(b, "l2_normalise", (struct node_settings){.scale = (real)b->c->model.logit_scale});
    model_output(b, "2", (struct node_settings){.no_bias = true});
}

void model_random_features(struct model_builder *b)
{
    struct sequential s = {b, 1};
    add_hidden(&s, 1, true);
    model_output(b, next_part(&s), (struct node_settings){.wide_in = true});
}
