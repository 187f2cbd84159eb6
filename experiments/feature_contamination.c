/* feature_contamination.c - the rows of the experiment, and its hooks. */
#include "experiments/feature_contamination.h"

#include <math.h>
#include <string.h>

#include "experiments/contamination.h"
#include "worker/data_composed.h"
#include "worker/model.h"
#include "worker/record.h"
#include "worker/visualise.h"

/* ---- metrics ---- */

struct own_metric {
    struct metric metric;
    size_t offset; /* in struct values */
};

static double train_risk(const struct measured *m)
{
    return m->train.loss;
}

#define PAPER "arXiv 2406.03345"
#define OWN(name_, help_, source_, better_, needs_, member)                                    \
    {                                                                                          \
        .metric = {.row = {(name_), (help_), (source_)},                                       \
                   .better = (better_),                                                        \
                   .needs = METRIC_SHIFTED | (needs_)},                                        \
        .offset = offsetof(struct values, member)                                              \
    }
#define GRADIENT (METRIC_TRAIN | METRIC_GRADIENT)

static const struct own_metric rows[] = {
    {.metric = {.row = {"train_risk", "loss, mean over training samples", PAPER},
                .better = -1,
                .needs = METRIC_TRAIN,
                .value = train_risk}},
    OWN("id_risk", "loss, mean over fresh samples", PAPER, -1, 0, id_risk),
    OWN("id_acc", "share of fresh samples classified rightly", PAPER, +1, 0, id_acc),
    OWN("ood_risk", "loss on shifted backgrounds (data.replay: on which cores)", PAPER, -1, 0,
        ood_risk),
    OWN("ood_acc", "accuracy on shifted backgrounds", PAPER, +1, 0, ood_acc),
    OWN("ood_risk_fresh", "loss on shifted backgrounds behind the cores of id_risk", NULL, -1,
        0, ood_risk_fresh),
    OWN("ood_acc_fresh", "accuracy on shifted backgrounds behind the cores of id_acc", NULL, +1,
        0, ood_acc_fresh),
    OWN("train_risk_pos", "train_risk of y = +1", NULL, -1, 0, train_risk_of[POSITIVE]),
    OWN("train_risk_neg", "train_risk of y = -1", NULL, -1, 0, train_risk_of[NEGATIVE]),
    OWN("train_acc_pos", "train_acc of y = +1", NULL, +1, 0, train_acc_of[POSITIVE]),
    OWN("train_acc_neg", "train_acc of y = -1", NULL, +1, 0, train_acc_of[NEGATIVE]),
    OWN("id_risk_pos", "id_risk of y = +1", NULL, -1, 0, id_risk_of[POSITIVE]),
    OWN("id_risk_neg", "id_risk of y = -1", NULL, -1, 0, id_risk_of[NEGATIVE]),
    OWN("ood_risk_pos", "ood_risk of y = +1", NULL, -1, 0, ood_risk_of[POSITIVE]),
    OWN("ood_risk_neg", "ood_risk of y = -1", NULL, -1, 0, ood_risk_of[NEGATIVE]),
    OWN("id_acc_pos", "id_acc of y = +1", NULL, +1, 0, id_acc_of[POSITIVE]),
    OWN("id_acc_neg", "id_acc of y = -1", NULL, +1, 0, id_acc_of[NEGATIVE]),
    OWN("ood_acc_pos", "ood_acc of y = +1", NULL, +1, 0, ood_acc_of[POSITIVE]),
    OWN("ood_acc_neg", "ood_acc of y = -1", NULL, +1, 0, ood_acc_of[NEGATIVE]),
    OWN("f_id_pos", "mean output for fresh samples of y = +1", NULL, 0, 0, f_id[POSITIVE]),
    OWN("f_id_neg", "mean output for fresh samples of y = -1", NULL, 0, 0, f_id[NEGATIVE]),
    OWN("f_ood_pos", "mean output on shifted backgrounds, y = +1", NULL, 0, 0, f_ood[POSITIVE]),
    OWN("f_ood_neg", "mean output on shifted backgrounds, y = -1", NULL, 0, 0, f_ood[NEGATIVE]),
    OWN("margin_ratio", "mean margin y f on shifted backgrounds by that on fresh samples", NULL,
        +1, 0, margin_ratio),
    OWN("ood_margin_max", "largest margin y f on shifted backgrounds", NULL, 0, 0,
        ood_margin_max),
    OWN("corr_core", "norm of a neuron's weights in the core's subspace, mean", PAPER, 0, 0,
        corr_core),
    OWN("corr_bg", "norm of a neuron's weights in the background's subspace, mean", PAPER, 0, 0,
        corr_bg),
    OWN("s_core_pos", "sum of <w, m> / 2 over core features, mean over neurons with a > 0",
        PAPER ", theorem 2", 0, 0, s_core[POSITIVE]),
    OWN("s_core_neg", "sum of <w, m> / 2 over core features, mean over neurons with a < 0",
        PAPER ", theorem 2", 0, 0, s_core[NEGATIVE]),
    OWN("s_bg_pos", "sum of <w, m> / 2 over background features, mean over neurons with a > 0",
        PAPER ", theorem 2", 0, 0, s_bg[POSITIVE]),
    OWN("s_bg_neg", "sum of <w, m> / 2 over background features, mean over neurons with a < 0",
        PAPER ", theorem 2", 0, 0, s_bg[NEGATIVE]),
    OWN("s_ratio", "(s_bg_pos + s_bg_neg) / (s_core_pos - s_core_neg)", NULL, 0, 0, s_ratio),
    OWN("act_hi", "share of the class that activates a neuron more often, mean",
        PAPER ", theorem 1", 0, 0, act_hi),
    OWN("act_lo", "share of the class that activates a neuron less often, mean",
        PAPER ", theorem 1", 0, 0, act_lo),
    OWN("act_asym", "difference of these shares, mean over neurons", PAPER ", theorem 1", 0, 0,
        act_asym),
    OWN("act_asym_share", "neurons with one share of 0.9 or more, the other 0.1 or less", PAPER,
        0, 0, act_asym_share),
    OWN("act_dead", "neurons that no training sample activates", NULL, 0, 0, act_dead),
    OWN("act_own", "share of its own class that activates a neuron, mean", PAPER, 0, 0,
        act_own),
    OWN("act_other", "share of the other class that activates a neuron, mean", PAPER, 0, 0,
        act_other),
    OWN("act_hi_ood", "act_hi on shifted backgrounds", PAPER, 0, 0, act_hi_ood),
    OWN("magnitude_id", "activation of neurons by fresh samples of their own class, mean", NULL,
        0, 0, magnitude_id),
    OWN("magnitude_ood", "the same on shifted backgrounds", NULL, 0, 0, magnitude_ood),
    OWN("gate_ratio",
        "odd by even part of the slopes of neurons, weighted by the loss of samples", NULL, 0,
        0, gate_ratio),
    OWN("grad_core_pos", "descent direction along a core feature, mean over neurons with a > 0",
        PAPER ", section 4", 0, GRADIENT, grad_core[POSITIVE]),
    OWN("grad_core_neg", "descent direction along a core feature, mean over neurons with a < 0",
        PAPER ", section 4", 0, GRADIENT, grad_core[NEGATIVE]),
    OWN("grad_bg_pos", "descent direction along a background feature, neurons with a > 0",
        PAPER ", section 4", 0, GRADIENT, grad_bg[POSITIVE]),
    OWN("grad_bg_neg", "descent direction along a background feature, neurons with a < 0",
        PAPER ", section 4", 0, GRADIENT, grad_bg[NEGATIVE]),
    OWN("grad_core_pos_formula", "grad_core_pos by the formula: a E[y slope <x, m>]",
        PAPER ", theorem 4.1", 0, 0, grad_core_formula[POSITIVE]),
    OWN("grad_core_neg_formula", "grad_core_neg by the formula: a E[y slope <x, m>]",
        PAPER ", theorem 4.1", 0, 0, grad_core_formula[NEGATIVE]),
    OWN("grad_bg_pos_formula", "grad_bg_pos by the formula: a E[y slope <x, m>]",
        PAPER ", theorem 4.1", 0, 0, grad_bg_formula[POSITIVE]),
    OWN("grad_bg_neg_formula", "grad_bg_neg by the formula: a E[y slope <x, m>]",
        PAPER ", theorem 4.1", 0, 0, grad_bg_formula[NEGATIVE]),
    {.metric = {.row = {"visual_colour",
                        "colour record.visual.rgb in images of record.visual, mean, at the end",
                        PAPER ", appendix"},
                .needs = METRIC_SHIFTED,
                .on_request = true},
     .offset = offsetof(struct values, visual_colour)},
};
const struct table feature_contamination_metrics =
    TABLE_BEHIND(&metrics, METRIC_ROWS, "metric", rows);

static const char neurons[] = "neurons", features[] = "features", visual[] = "visual";
static const struct trial_array arrays[] = {
    {.row = {neurons,
             "each neuron of a two_layer network at the end, as the metrics measure it", NULL},
     .dims = "neuron statistic",
     .columns = "p_plus p_minus asymmetry s_core s_bg output"},
    {.row = {features, "weights and gradients along each feature, core ones first, at the end",
             PAPER ", theorem 4.1"},
     .dims = "feature statistic",
     .columns = "w_pos w_neg grad_pos grad_neg formula_pos formula_neg"},
    {.row = {visual, "images that channels of record.visual.layer answer to most, at the end",
             PAPER ", appendix"},
     .dims = "channel plane row column"},
};
const struct table feature_contamination_arrays = TABLE("array", arrays);

const struct experiment_default feature_contamination_defaults[] = {
    {"data.name", "feature_model"},
    {"data.labels", "linear"},
    {"data.n", "1000"},
    {"data.test", "4096"},
    {"model.kind", "two_layer"},
    {"model.width", "256"},
    {"optim.batch", "full"},
    {"optim.loss", "logistic"},
    {"seeds.data", "trial"},
    {NULL, NULL}};

/* ---- hooks ---- */

/* What a trial of this experiment keeps. */
struct own {
    struct contamination c;
    bool measures;  /* c is in use */
    float *image;   /* [images, dim]; NULL: none are wanted */
    int64_t images; /* as many as the layer has channels, at most those wanted */
};

static bool wants_images(const struct record *r)
{
    bool wanted = record_array(r, visual) >= 0;
    for (int i = 0; i < r->n_metrics; i++) wanted |= strcmp(r->metric[i], "visual_colour") == 0;
    return wanted;
}

static enum err_code start(struct trainer *t, struct arena *arena, struct err *e)
{
    const struct record *r = t->setup.record;
    struct own *own = t->own = arena_alloc(arena, sizeof *own);
    if (!own) return ERR(e, ERR_NOMEM, "no memory to measure neurons");
    if (wants_images(r) && t->setup.data.n_dims == 3) {
        own->images = r->visual.channels;
        own->image =
            arena_array(arena, (size_t)(own->images * t->setup.data.dim), sizeof *own->image);
        if (!own->image) return ERR(e, ERR_NOMEM, "no memory for images");
    }
    own->measures = t->setup.needs & METRIC_SHIFTED;
    return own->measures ? contamination_start(&own->c, t, arena, e) : ERR_OK;
}

/* Images of the network as it is at the end, and the colour in them. */
static enum err_code make_images(struct trainer *t, double *colour, struct err *e)
{
    struct own *own = t->own;
    const struct setup *s = &t->setup;
    struct visualise_settings settings = visualise_defaults();
    double rgb[3], sum = 0;
    TRY(data_composed_colour("record.visual.rgb", s->record->visual.rgb, rgb, e));
    TRY(visualise(&s->graph, s->config, "record.visual.layer", s->record->visual.layer,
                  &settings, s->graph.noise, &own->images, own->image, e));
    for (int64_t i = 0; i < own->images; i++)
        sum += visualise_colour(own->image + i * s->data.dim, s->data.dim / 3, rgb);
    if (s->data.size[0] == 3) *colour = sum / (double)own->images;
    return ERR_OK;
}

static void take_surveys(struct trainer *t, struct contamination *c)
{
    const struct setup *s = &t->setup;
    bool last = t->step == s->steps;
    int64_t n_train = last ? s->n_train : s->n_subset, n = last ? s->n_test : s->n_test_subset;
    contamination_survey(c, t, &t->sets->train, n_train, &c->train);
    contamination_survey(c, t, &t->sets->test, n, &c->id);
    contamination_survey(c, t, &t->sets->ood, n, &c->fresh);
    if (s->config->data.replay == REPLAY_RELEASED)
        contamination_survey(c, t, &t->sets->ood_train, n_train, &c->ood);
    else
        c->ood = c->fresh;
}

static enum err_code measure(struct trainer *t, double *values, struct err *e)
{
    struct own *own = t->own;
    const struct setup *s = &t->setup;
    struct values v;
    double colour = NAN;
    if (own->image && t->step == s->steps) TRY(make_images(t, &colour, e));
    if (!own->measures) return ERR_OK;
    take_surveys(t, &own->c);
    contamination_values(&own->c, t, &v);
    v.visual_colour = colour;
    for (int i = 0; i < s->record->n_metrics; i++) {
        const struct own_metric *m = (const void *)s->metric[i];
        if (!s->metric[i]->value) memcpy(&values[i], (char *)&v + m->offset, sizeof values[i]);
    }
    return ERR_OK;
}

static enum err_code finish(struct trainer *t, float **array, struct err *e)
{
    const struct record *r = t->setup.record;
    const struct own *own = t->own;
    int i = record_array(r, neurons), j = record_array(r, features),
        k = record_array(r, visual);
    if (k >= 0 && array[k])
        memcpy(array[k], own->image,
               (size_t)(own->images * t->setup.data.dim) * sizeof *own->image);
    if (!own->measures) return ERR_OK;
    if (i >= 0 && array[i]) contamination_neurons(&own->c, array[i]);
    if (j < 0 || !array[j]) return ERR_OK;
    return contamination_features(&own->c, t, &t->sets->train, t->setup.n_train, array[j], e);
}

/* The sizes of images and what they cost; whether there is such a layer. */
static enum err_code shape_images(const struct config *c, const struct record *record,
                                  struct trial_shape *out, struct err *e)
{
    enum { PASSES = 2300 };
    const struct net_shape *net = &out->net;
    struct graph_shape input = {.n_dims = net->n_dims, .dim = 1};
    struct arena arena = {0};
    struct graph g;
    double rgb[3];
    int node, i = record_array(record, visual);
    if (net->n_dims != 3) return ERR_OK;
    for (int k = 0; k < 3; k++) input.dim *= input.size[k] = net->size[k];
    TRY(data_composed_colour("record.visual.rgb", record->visual.rgb, rgb, e));
    enum err_code rc = model_build(c, &input, net->outputs, &arena, &g, e);
    if (rc == ERR_OK)
        rc = visualise_layer(&g, "record.visual.layer", record->visual.layer, &node, e);
    if (rc == ERR_OK) {
        double images = (double)record->visual.channels;
        out->eval_flops +=
            PASSES * images * (graph_forward_flops(&g) + graph_backward_flops(&g));
        out->memory_bytes += graph_bytes(&g, record->visual.channels);
    }
    arena_clear(&arena);
    TRY(rc);
    if (i < 0) return ERR_OK;
    out->array_dims[i] = 4;
    out->array_size[i][0] = record->visual.channels;
    for (int k = 0; k < 3; k++) out->array_size[i][k + 1] = net->size[k];
    return ERR_OK;
}

/* Array i has so many rows. */
static void shape_table(int i, int64_t rows_, struct trial_shape *out)
{
    out->array_dims[i] = 2;
    out->array_size[i][0] = rows_;
    out->array_size[i][1] = CONTAMINATION_COLUMNS;
}

enum err_code feature_contamination_shape(const struct config *config,
                                          const struct parents *parents,
                                          const struct record *record, struct trial_shape *out,
                                          struct err *e)
{
    const struct loss *loss = (const void *)table_row(&losses, config->optim.loss);
    if (loss->needs & LOSS_PAIRS)
        return ERR(e, ERR_CONFIG,
                   "optim.loss: %s compares samples; this experiment measures them "
                   "one by one",
                   loss->row.name);
    TRY(setup_shape(config, parents, record, &feature_contamination_metrics, out, e));
    int64_t capacity = out->batch > 256 ? out->batch : 256;
    out->memory_bytes +=
        contamination_bytes(config->model.width, config->data.input_dim, capacity);
    if (wants_images(record)) TRY(shape_images(config, record, out, e));
    int i = record_array(record, neurons), j = record_array(record, features);
    const char *kind = table_row(&models, config->model.kind)->name;
    const char *stream = table_row(&streams, config->data.name)->name;
    if (strcmp(kind, "two_layer") != 0) return ERR_OK;
    if (i >= 0) shape_table(i, config->model.width, out);
    if (j >= 0 && strcmp(stream, "feature_model") == 0)
        shape_table(j, config->data.core_dim + config->data.background_dim, out);
    return ERR_OK;
}

enum err_code feature_contamination_run(struct worker *worker, const struct task *task,
                                        const struct record *record, struct rows *rows_,
                                        struct result *result, struct err *e)
{
    struct trainer_hooks hooks = {.metrics = &feature_contamination_metrics,
                                  .start = start,
                                  .measure = measure,
                                  .finish = finish};
    struct trial trial = {task, record, rows_, result};
    return trainer_run(worker, &trial, &hooks, e);
}
