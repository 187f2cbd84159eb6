/* model.c - architectures as rows. To add one: a builder in model_<family>.c, declared in
 * model_builder.h, and a row here. */
#include "worker/model.h"

#include "worker/model_builder.h"

#define BOOTSTRAP "arXiv 2010.08127, released code"

static const struct row norm_rows[] = {
    [NORM_NONE] = {"none", "no normalisation", NULL},
    [NORM_BATCH] = {"batch", "batch normalisation before the nonlinearity", "arXiv 1502.03167"},
    [NORM_LAYER] = {"layer", "layer normalisation before the nonlinearity", "arXiv 1607.06450"},
};
const struct table model_norms = TABLE("normalisation", norm_rows);

static const struct row attention_scale_rows[] = {
    [ATTENTION_HEAD] = {"head", "1 / root of the features of a head", "arXiv 1706.03762"},
    [ATTENTION_MODEL] = {"model", "1 / root of all features", BOOTSTRAP},
};
const struct table model_attention_scales = TABLE("attention scale", attention_scale_rows);

static const struct model rows[] = {
    {{"mlp", "model.depth hidden layers of model.width units", NULL}, model_mlp},
    {{"two_layer", "one hidden layer, output weights trained or fixed",
      "arXiv 2406.03345, section 3"},
     model_two_layer},
    {{"linear", "one dense layer", NULL}, model_linear},
    {{"random_features", "a hidden layer that stays as it was drawn, a trained output layer",
      "Rahimi and Recht, NIPS 2007"},
     model_random_features},
    {{"cosine", "model.logit_scale times the cosine of the sample and each class's weights",
      "arXiv 2103.00020"},
     model_cosine},
    {{"mcnn", "five layers: convolutions of c, 2c, 4c, 8c channels, c = model.width",
      BOOTSTRAP},
     model_mcnn},
    {{"alexnet", "five convolutions, model.width 64 is the usual", BOOTSTRAP}, model_alexnet},
    {{"vgg", "model.depth 11, 13, 16 or 19, batch norm, model.width 64 is the usual",
      "arXiv 1409.1556; " BOOTSTRAP},
     model_vgg},
    {{"preresnet18", "pre-activation ResNet-18 of k, 2k, 4k, 8k channels, k = model.width",
      "arXiv 1603.05027; " BOOTSTRAP},
     model_preresnet18},
    {{"preresnet50", "pre-activation ResNet-50 with bottlenecks", "arXiv 1603.05027"},
     model_preresnet50},
    {{"resnet", "model.depth 20, 32, ...: three stages of k, 2k, 4k channels, k = model.width",
      "arXiv 1512.03385, section 4.2"},
     model_resnet},
    {{"wide_resnet", "model.depth 28, model.width 4: WRN-28-4", "arXiv 1605.07146"},
     model_wide_resnet},
    {{"densenet", "model.depth 40, model.growth 12: three densely connected blocks",
      "arXiv 1608.06993"},
     model_densenet},
    {{"vit", "vision transformer with a class token", "arXiv 2010.11929; " BOOTSTRAP},
     model_vit},
    {{"transformer", "causal transformer that classifies sequences of tokens",
      "arXiv 1706.03762"},
     model_transformer},
};

const struct table models = TABLE("model", rows);

enum err_code model_build(const struct config *c, const struct graph_shape *input,
                          int64_t outputs, struct arena *arena, struct graph *g, struct err *e)
{
    const struct model *model = (const void *)table_row(&models, c->model.kind);
    struct model_builder b = {.c = c, .outputs = outputs, .g = g, .e = e};
    TRY(graph_init(g, arena, input, e));
    model->build(&b);
    TRY(b.rc);
    param_scale(c, g->n_params, g->param);
    return ERR_OK;
}
