/* feature_contamination.c - the rows of the experiment, and its hooks. */
#include "experiments/feature_contamination.h"

#include <string.h>

#include "experiments/contamination.h"
#include "worker/model.h"
#include "worker/record.h"

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
        "odd by even part of the slopes of neurons: s_ratio as the gradient has it", NULL, 0, 0,
        gate_ratio),
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
};
const struct table feature_contamination_metrics =
    TABLE_BEHIND(&metrics, METRIC_ROWS, "metric", rows);

static const char neurons[] = "neurons";
static const struct trial_array arrays[] = {
    {.row = {neurons,
             "each neuron of a two_layer network at the end, as the metrics measure it", NULL},
     .dims = "neuron statistic",
     .columns = "p_plus p_minus asymmetry s_core s_bg output"},
};
const struct table feature_contamination_arrays = TABLE("array", arrays);

const struct experiment_default feature_contamination_defaults[] = {
    {"data.name", "feature_model"}, {"data.n", "1000"},      {"data.test", "4096"},
    {"model.kind", "two_layer"},    {"model.width", "256"},  {"optim.batch", "full"},
    {"optim.loss", "logistic"},     {"seeds.data", "trial"}, {NULL, NULL}};

/* ---- hooks ---- */

static enum err_code start(struct trainer *t, struct arena *arena, struct err *e)
{
    if (!(t->setup.needs & METRIC_SHIFTED)) return ERR_OK;
    t->own = arena_alloc(arena, sizeof(struct contamination));
    if (!t->own) return ERR(e, ERR_NOMEM, "no memory to measure neurons");
    return contamination_start(t->own, t, arena, e);
}

static enum err_code measure(struct trainer *t, double *values, struct err *e)
{
    (void)e;
    struct contamination *c = t->own;
    const struct setup *s = &t->setup;
    bool last = t->step == s->steps;
    int64_t n_train = last ? s->n_train : s->n_subset, n = last ? s->n_test : s->n_test_subset;
    if (!c) return ERR_OK;
    contamination_survey(c, t, &t->sets->train, n_train, &c->train);
    contamination_survey(c, t, &t->sets->test, n, &c->id);
    contamination_survey(c, t, &t->sets->ood, n, &c->fresh);
    if (s->config->data.replay == REPLAY_RELEASED)
        contamination_survey(c, t, &t->sets->ood_train, n_train, &c->ood);
    else
        c->ood = c->fresh;
    struct values v;
    contamination_values(c, t, &v);
    for (int i = 0; i < s->record->n_metrics; i++) {
        const struct own_metric *own = (const void *)s->metric[i];
        if (!s->metric[i]->value)
            memcpy(&values[i], (char *)&v + own->offset, sizeof values[i]);
    }
    return ERR_OK;
}

static enum err_code finish(struct trainer *t, float **array, struct err *e)
{
    (void)e;
    int i = record_array(t->setup.record, neurons);
    if (t->own && i >= 0 && array[i]) contamination_neurons(t->own, array[i]);
    return ERR_OK;
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
    int i = record_array(record, neurons);
    const char *kind = table_row(&models, config->model.kind)->name;
    if (i < 0 || strcmp(kind, "two_layer") != 0) return ERR_OK;
    out->array_dims[i] = 2;
    out->array_size[i][0] = config->model.width;
    out->array_size[i][1] = CONTAMINATION_COLUMNS;
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
