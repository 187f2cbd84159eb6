/* model.c - architectures as rows. To add one: a builder that calls graph_add, and a row. */
#include "worker/model.h"

#include <stdio.h>

/* Numbers the parts of a torch.nn.Sequential: names of parameters start with them. Part 0
 * flattens the sample. */
struct sequential {
    int part;
    char name[16];
};

static const char *next_part(struct sequential *s)
{
    snprintf(s->name, sizeof s->name, "%d", s->part++);
    return s->name;
}

/* A dense node and its nonlinearity, whose output is what the layer's name stands for. */
static enum err_code add_hidden(const struct config *c, int number, struct sequential *s,
                                struct graph *g, struct err *e)
{
    char layer[TASK_NAME];
    snprintf(layer, sizeof layer, "hidden.%d", number);
    struct node_settings dense = {.input = g->output,
                                  .name = next_part(s),
                                  .width = c->model.width,
                                  .wide_in = number > 1,
                                  .wide_out = true};
    TRY(graph_add(g, "dense", dense, e));
    s->part++;
    struct node_settings activation = {
        .input = g->output,
        .layer = layer,
        .activation = (const void *)table_row(&activations, c->model.activation),
        .leak = (real)c->model.leak};
    TRY(graph_add(g, "activation", activation, e));
    g->hidden_last = g->output;
    return ERR_OK;
}

static enum err_code add_output(int64_t outputs, bool wide_in, bool frozen,
                                struct sequential *s, struct graph *g, struct err *e)
{
    struct node_settings dense = {.input = g->output,
                                  .layer = "logits",
                                  .name = next_part(s),
                                  .width = outputs,
                                  .wide_in = wide_in,
                                  .frozen = frozen,
                                  .start = frozen ? START_SIGNS : START_DRAWN};
    return graph_add(g, "dense", dense, e);
}

static enum err_code build_layers(const struct config *c, int64_t depth, int64_t outputs,
                                  struct graph *g, struct err *e)
{
    if (c->model.freeze_output && outputs != 1)
        return ERR(e, ERR_CONFIG,
                   "model.freeze_output: fixed weights +1/width and -1/width need one output "
                   "(two classes and loss logistic, hinge or mse), not %lld",
                   (long long)outputs);
    struct sequential s = {.part = 1};
    for (int64_t i = 1; i <= depth; i++) TRY(add_hidden(c, (int)i, &s, g, e));
    return add_output(outputs, true, c->model.freeze_output, &s, g, e);
}

static enum err_code build_mlp(const struct config *c, int64_t outputs, struct graph *g,
                               struct err *e)
{
    return build_layers(c, c->model.depth, outputs, g, e);
}

static enum err_code build_two_layer(const struct config *c, int64_t outputs, struct graph *g,
                                     struct err *e)
{
    return build_layers(c, 1, outputs, g, e);
}

static enum err_code build_linear(const struct config *c, int64_t outputs, struct graph *g,
                                  struct err *e)
{
    (void)c;
    struct sequential s = {.part = 1};
    return add_output(outputs, false, false, &s, g, e);
}

static const struct model rows[] = {
    {{"mlp", "model.depth hidden layers of model.width units", NULL}, build_mlp},
    {{"two_layer", "one hidden layer, output weights trained or fixed",
      "arXiv 2406.03345, section 3"},
     build_two_layer},
    {{"linear", "one dense layer", NULL}, build_linear},
};

const struct table models = TABLE("model", rows);

enum err_code model_build(const struct config *c, const struct graph_shape *input,
                          int64_t outputs, struct arena *arena, struct graph *g, struct err *e)
{
    const struct model *model = (const void *)table_row(&models, c->model.kind);
    TRY(graph_init(g, arena, input, e));
    TRY(model->build(c, outputs, g, e));
    param_scale(c, g->n_params, g->param);
    return ERR_OK;
}
