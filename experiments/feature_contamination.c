/* feature_contamination.c - the measurements of the experiment.
 *
 * Notation: neuron k of a two_layer network has weights w_k, pre-activation h_k = <w_k, x> + b_k
 * and output weight a_k; m_j are the rows of the feature model's dictionary, core ones first; y is
 * the label, +1 or -1. A neuron's own class is the sign of a_k. */
#include "experiments/feature_contamination.h"

#include <math.h>
#include <string.h>

#include "worker/data_feature_model.h"
#include "worker/first_layer.h"
#include "worker/model.h"
#include "worker/op.h"
#include "worker/trainer.h"

enum { NEGATIVE, POSITIVE, CLASSES }; /* labels 0 and 1 */

/* Everything this experiment adds to a record; NaN where it has no meaning. */
struct values {
    double id_risk, id_acc, ood_risk, ood_acc, ood_risk_fresh, ood_acc_fresh;
    double id_risk_of[CLASSES], ood_risk_of[CLASSES], id_acc_of[CLASSES], ood_acc_of[CLASSES];
    double f_id[CLASSES], f_ood[CLASSES], margin_ratio, ood_margin_max;
    double corr_core, corr_bg, s_core[CLASSES], s_bg[CLASSES], s_ratio;
    double act_hi, act_lo, act_asym, act_asym_share, act_dead, act_own, act_other, act_hi_ood;
    double magnitude_id, magnitude_ood, gate_ratio;
    double grad_core[CLASSES], grad_bg[CLASSES];
    double grad_core_formula[CLASSES], grad_bg_formula[CLASSES];
};

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
    TABLE_BEHIND(&metrics, METRICS, "metric", rows);

const struct experiment_default feature_contamination_defaults[] = {
    {"data.name", "feature_model"}, {"data.n", "1000"},      {"data.test", "4096"},
    {"model.kind", "two_layer"},    {"model.width", "256"},  {"optim.batch", "full"},
    {"optim.loss", "logistic"},     {"seeds.data", "trial"}, {NULL, NULL}};

/* ---- what a pass over samples tells ---- */

struct survey {
    int64_t n[CLASSES]; /* with other than two classes all samples are in the first */
    double risk[CLASSES], right[CLASSES], f[CLASSES], margin_max;
    double *active[CLASSES];     /* [m] samples with h > 0 */
    double *activation[CLASSES]; /* [m] sums */
};

struct contamination {
    bool binary; /* two classes, one output: margins have a meaning */

    /* Of a two_layer network; m is 0 for all others. */
    int64_t m;
    const struct node *hidden, *active; /* h, and the nonlinearity of it */
    const real *a;                      /* [m] output weights; NULL with several outputs */
    real *slope;                        /* [capacity, m] of the nonlinearity */
    double slope_of_loss;               /* -y df, mean over training samples */
    double *gate_core, *gate_bg;        /* [m] sums of y slope <x, mean m_j> */
    double *gate_odd, *gate_even;       /* [m] sums of slope, weighted by -df and -y df */

    /* Of a network that sees a feature model; d is 0 for all others. */
    int64_t d, n_core, n_bg;
    const double *dictionary;
    const real *w, *dw;          /* [m, d] first layer, and its gradient */
    double *mean_core, *mean_bg; /* [d] mean of the m_j */
    double *s_core, *s_bg;       /* [m] */

    struct survey train, id, ood, fresh;
};

static double *numbers(struct arena *arena, int64_t n)
{
    return arena_array(arena, (size_t)n, sizeof(double));
}

static bool survey_init(struct survey *s, int64_t m, struct arena *arena)
{
    bool good = true;
    for (int c = 0; c < CLASSES; c++) {
        s->active[c] = numbers(arena, m);
        s->activation[c] = numbers(arena, m);
        good = good && s->active[c] && s->activation[c];
    }
    return good;
}

static void survey_begin(struct survey *s, int64_t m)
{
    s->margin_max = -HUGE_VAL;
    for (int c = 0; c < CLASSES; c++) {
        s->n[c] = 0;
        s->risk[c] = s->right[c] = s->f[c] = 0;
        memset(s->active[c], 0, (size_t)m * sizeof(double));
        memset(s->activation[c], 0, (size_t)m * sizeof(double));
    }
}

/* Adds one sample: its loss is that of an input of one. */
static void survey_sample(const struct contamination *c, const struct trainer *t,
                          const struct loss_input *all, int64_t i, struct survey *s)
{
    const struct loss *loss = t->setup.loss;
    struct loss_input in = *all;
    in.n = 1;
    in.f += i * in.k;
    in.label += i;
    if (in.teacher) in.teacher += i * in.teacher_k;
    int class = c->binary && *in.label == 1 ? POSITIVE : NEGATIVE;
    double soft = 0;
    s->n[class]++;
    s->risk[class] += loss->value(&in, 1, NULL);
    if (loss->no_logits)
        s->right[class] = NAN;
    else
        loss_score(1, in.k, in.f, in.label, &s->right[class], &soft);
    if (c->binary) {
        double f = (double)in.f[0], margin = class == POSITIVE ? f : -f;
        s->f[class] += f;
        if (margin > s->margin_max) s->margin_max = margin;
    }
    for (int64_t k = 0; k < c->m; k++) {
        s->active[class][k] += c->hidden->y[i * c->m + k] > 0;
        s->activation[class][k] += (double)c->active->y[i * c->m + k];
    }
}

static double along(int64_t d, const real *x, const double *direction)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) sum += (double)x[j] * direction[j];
    return sum;
}

/* Adds the gates of a batch of n training samples. */
static void add_gates(struct contamination *c, const struct trainer *t,
                      const struct loss_input *in, int64_t n)
{
    int64_t m = c->m;
    real *df = graph_output(&t->setup.graph)->dy;
    const struct node *f = c->active;
    t->setup.loss->value(in, 1, df);
    for (int64_t i = 0; i < n * m; i++) c->slope[i] = 1;
    if (f->set.activation)
        f->set.activation->backward(n * m, f->set.leak, c->hidden->y, f->y, c->slope);
    for (int64_t i = 0; i < n; i++) {
        const real *x = t->batch.x + i * c->d, *slope = c->slope + i * m;
        double y = in->label[i] == 1 ? 1 : -1, core = y * along(c->d, x, c->mean_core);
        double bg = y * along(c->d, x, c->mean_bg), pull = -(double)df[i];
        c->slope_of_loss += y * pull;
        for (int64_t k = 0; k < m; k++) {
            c->gate_core[k] += (double)slope[k] * core;
            c->gate_bg[k] += (double)slope[k] * bg;
            c->gate_odd[k] += (double)slope[k] * pull;
            c->gate_even[k] += (double)slope[k] * pull * y;
        }
    }
}

/* A pass over samples 0..n-1 of a set; over training samples with gates. */
static void take_survey(struct contamination *c, struct trainer *t, const struct samples *set,
                        int64_t n, struct survey *s)
{
    bool gates = s == &c->train && c->d > 0 && c->binary;
    int64_t most = t->setup.capacity;
    survey_begin(s, c->m);
    for (int64_t i = 0; i < n; i += most) {
        int64_t count = n - i < most ? n - i : most;
        samples_range(set, i, count, &t->batch);
        graph_forward(&t->setup.graph, t->batch.x, count, GRAPH_EVAL);
        struct loss_input in = trainer_outputs(t, &t->batch, count);
        for (int64_t k = 0; k < count; k++) survey_sample(c, t, &in, k, s);
        if (gates) add_gates(c, t, &in, count);
    }
}

/* ---- values from surveys ---- */

static double all(const double of[CLASSES], const struct survey *s)
{
    return (of[NEGATIVE] + of[POSITIVE]) / (double)(s->n[NEGATIVE] + s->n[POSITIVE]);
}

static double one(const double of[CLASSES], const struct survey *s, int class)
{
    return of[class] / (double)s->n[class];
}

static double mean_margin(const struct survey *s)
{
    return (s->f[POSITIVE] - s->f[NEGATIVE]) / (double)(s->n[NEGATIVE] + s->n[POSITIVE]);
}

static void outputs(const struct contamination *c, struct values *v)
{
    const struct survey *id = &c->id, *ood = &c->ood, *fresh = &c->fresh;
    v->id_risk = all(id->risk, id);
    v->id_acc = all(id->right, id);
    v->ood_risk = all(ood->risk, ood);
    v->ood_acc = all(ood->right, ood);
    v->ood_risk_fresh = all(fresh->risk, fresh);
    v->ood_acc_fresh = all(fresh->right, fresh);
    if (!c->binary) return;
    for (int k = 0; k < CLASSES; k++) {
        v->id_risk_of[k] = one(id->risk, id, k);
        v->ood_risk_of[k] = one(ood->risk, ood, k);
        v->id_acc_of[k] = one(id->right, id, k);
        v->ood_acc_of[k] = one(ood->right, ood, k);
        v->f_id[k] = one(id->f, id, k);
        v->f_ood[k] = one(ood->f, ood, k);
    }
    v->margin_ratio = mean_margin(ood) / mean_margin(id);
    v->ood_margin_max = ood->margin_max;
}

static int own_class(const struct contamination *c, int64_t k)
{
    return c->a[k] < 0 ? NEGATIVE : POSITIVE;
}

/* Mean over neurons of what a survey counted of their own class, or the other one. */
static double of_class(const struct contamination *c, const struct survey *s,
                       double *const counted[CLASSES], bool own)
{
    double sum = 0;
    for (int64_t k = 0; k < c->m; k++) {
        int class = own_class(c, k);
        if (!own) class = class == POSITIVE ? NEGATIVE : POSITIVE;
        sum += counted[class][k] / (double)s->n[class];
    }
    return sum / (double)c->m;
}

static double act_hi(const struct contamination *c, const struct survey *s)
{
    double sum = 0;
    for (int64_t k = 0; k < c->m; k++)
        sum += fmax(s->active[POSITIVE][k] / (double)s->n[POSITIVE],
                    s->active[NEGATIVE][k] / (double)s->n[NEGATIVE]);
    return sum / (double)c->m;
}

static void activations_of_neurons(const struct contamination *c, struct values *v)
{
    const struct survey *s = &c->train;
    double lo = 0, asym = 0, share = 0, dead = 0, m = (double)c->m;
    for (int64_t k = 0; k < c->m; k++) {
        double p = s->active[POSITIVE][k] / (double)s->n[POSITIVE];
        double q = s->active[NEGATIVE][k] / (double)s->n[NEGATIVE];
        lo += fmin(p, q);
        asym += fabs(p - q);
        share += fmax(p, q) >= 0.9 && fmin(p, q) <= 0.1;
        dead += fmax(p, q) == 0;
    }
    v->act_hi = act_hi(c, s);
    v->act_hi_ood = act_hi(c, &c->ood);
    v->act_lo = lo / m;
    v->act_asym = asym / m;
    v->act_asym_share = share / m;
    v->act_dead = dead / m;
    if (!c->a) return;
    v->act_own = of_class(c, s, s->active, true);
    v->act_other = of_class(c, s, s->active, false);
    v->magnitude_id = of_class(c, &c->id, c->id.activation, true);
    v->magnitude_ood = of_class(c, &c->ood, c->ood.activation, true);
}

/* Means of a quantity over neurons with positive and with negative output weight. */
static void by_sign(const struct contamination *c, const double *of, double out[CLASSES])
{
    double sum[CLASSES] = {0};
    int64_t n[CLASSES] = {0};
    for (int64_t k = 0; k < c->m; k++) {
        sum[own_class(c, k)] += of[k];
        n[own_class(c, k)]++;
    }
    for (int k = 0; k < CLASSES; k++) out[k] = sum[k] / (double)n[k];
}

/* Norms and half sums of the projections of w_k on the dictionary. */
static void weights_of_neurons(struct contamination *c, struct values *v)
{
    double core = 0, bg = 0;
    for (int64_t k = 0; k < c->m; k++) {
        double squares[2] = {0}, sum[2] = {0};
        for (int64_t j = 0; j < c->n_core + c->n_bg; j++) {
            double p = along(c->d, c->w + k * c->d, c->dictionary + j * c->d);
            squares[j >= c->n_core] += p * p;
            sum[j >= c->n_core] += p;
        }
        core += sqrt(squares[0]);
        bg += sqrt(squares[1]);
        c->s_core[k] = sum[0] / 2;
        c->s_bg[k] = sum[1] / 2;
    }
    v->corr_core = core / (double)c->m;
    v->corr_bg = bg / (double)c->m;
    if (!c->a) return;
    by_sign(c, c->s_core, v->s_core);
    by_sign(c, c->s_bg, v->s_bg);
    v->s_ratio =
        (v->s_bg[POSITIVE] + v->s_bg[NEGATIVE]) / (v->s_core[POSITIVE] - v->s_core[NEGATIVE]);
}

/* The gradient along core and background, as it is and by the formula. It overwrites the gates.
 */
static void gradients_of_neurons(struct contamination *c, const struct trainer *t,
                                 struct values *v)
{
    double n = (double)(c->train.n[POSITIVE] + c->train.n[NEGATIVE]), odd = 0, even = 0;
    double pull = c->slope_of_loss / n;
    for (int64_t k = 0; k < c->m; k++) {
        odd += (own_class(c, k) == POSITIVE ? 1 : -1) * c->gate_odd[k];
        even += c->gate_even[k];
        c->gate_core[k] *= pull * (double)c->a[k] / n;
        c->gate_bg[k] *= pull * (double)c->a[k] / n;
    }
    v->gate_ratio = odd / even;
    by_sign(c, c->gate_core, v->grad_core_formula);
    by_sign(c, c->gate_bg, v->grad_bg_formula);
    if (!(t->setup.needs & METRIC_GRADIENT)) return;
    for (int64_t k = 0; k < c->m; k++) {
        c->gate_core[k] = -along(c->d, c->dw + k * c->d, c->mean_core);
        c->gate_bg[k] = -along(c->d, c->dw + k * c->d, c->mean_bg);
    }
    by_sign(c, c->gate_core, v->grad_core);
    by_sign(c, c->gate_bg, v->grad_bg);
}

static void clear_gates(struct contamination *c)
{
    c->slope_of_loss = 0;
    double *const sums[] = {c->gate_core, c->gate_bg, c->gate_odd, c->gate_even};
    for (int i = 0; i < 4; i++) memset(sums[i], 0, (size_t)c->m * sizeof(double));
}

/* ---- hooks ---- */

static enum err_code measure(struct trainer *t, double *values, struct err *e)
{
    (void)e;
    struct contamination *c = t->own;
    const struct setup *s = &t->setup;
    bool last = t->step == s->steps;
    int64_t n_train = last ? s->n_train : s->n_subset, n = last ? s->n_test : s->n_test_subset;
    if (!c) return ERR_OK;
    double nothing[sizeof(struct values) / sizeof(double)];
    struct values v;
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) nothing[i] = (double)NAN;
    memcpy(&v, nothing, sizeof v); /* all members are doubles */
    bool released = s->config->data.replay == REPLAY_RELEASED;
    clear_gates(c);
    take_survey(c, t, &t->sets->train, n_train, &c->train);
    take_survey(c, t, &t->sets->test, n, &c->id);
    take_survey(c, t, &t->sets->ood, n, &c->fresh);
    if (released)
        take_survey(c, t, &t->sets->ood_train, n_train, &c->ood);
    else
        c->ood = c->fresh;
    outputs(c, &v);
    if (c->m && c->binary) activations_of_neurons(c, &v);
    if (c->d) weights_of_neurons(c, &v);
    if (c->d && c->binary) gradients_of_neurons(c, t, &v);
    for (int i = 0; i < s->record->n_metrics; i++) {
        const struct own_metric *own = (const void *)s->metric[i];
        if (!s->metric[i]->value)
            memcpy(&values[i], (char *)&v + own->offset, sizeof v.id_risk);
    }
    return ERR_OK;
}

/* Where the neurons of a two_layer network are. */
static void find_neurons(struct contamination *c, struct trainer *t)
{
    const struct graph *g = &t->setup.graph;
    const char *kind = table_row(&models, t->setup.config->model.kind)->name;
    int active = graph_layer(g, "hidden.1"), first = first_layer_node(g);
    if (strcmp(kind, "two_layer") != 0 || active < 0 || first < 0) return;
    c->active = &g->node[active];
    c->hidden = &g->node[c->active->set.input];
    c->m = c->active->shape.dim;
    const struct param *out = &g->param[g->node[graph_head(g)].first_param];
    if (out->rows == 1) c->a = g->w + out->offset;
    c->dictionary = data_feature_model_dictionary(t->sets->train.data);
    if (!c->dictionary) return;
    const struct param *weight = &g->param[g->node[first].first_param];
    c->d = weight->cols;
    c->w = g->w + weight->offset;
    c->dw = g->dw + weight->offset;
    c->n_core = t->setup.config->data.core_dim;
    c->n_bg = t->setup.config->data.background_dim;
}

/* out[d] = the mean of n rows. */
static void mean_row(int64_t n, int64_t d, const double *row, double *out)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) out[j] += row[i * d + j] / (double)n;
}

/* Numbers of doubles, and of reals, that start takes. */
static double own_bytes(int64_t m, int64_t d, int64_t capacity)
{
    return (double)(22 * m + 2 * d) * sizeof(double) + (double)(capacity * m) * sizeof(real);
}

static enum err_code start(struct trainer *t, struct arena *arena, struct err *e)
{
    if (!(t->setup.needs & METRIC_SHIFTED)) return ERR_OK;
    struct contamination *c = arena_alloc(arena, sizeof *c);
    if (!c) return ERR(e, ERR_NOMEM, "no memory to measure neurons");
    *c = (struct contamination){.binary = t->setup.data.classes == 2 && t->setup.outputs == 1 &&
                                          !t->setup.loss->no_logits};
    find_neurons(c, t);
    struct survey *const survey[] = {&c->train, &c->id, &c->ood, &c->fresh};
    bool good = true;
    for (int i = 0; i < 4; i++) good = good && survey_init(survey[i], c->m, arena);
    double **const of_m[] = {&c->gate_core, &c->gate_bg, &c->gate_odd,
                             &c->gate_even, &c->s_core,  &c->s_bg};
    for (int i = 0; i < 6; i++) good = good && (*of_m[i] = numbers(arena, c->m));
    good = good && (c->mean_core = numbers(arena, c->d)) && (c->mean_bg = numbers(arena, c->d));
    c->slope = arena_array(arena, (size_t)(t->setup.capacity * c->m), sizeof *c->slope);
    if (!good || !c->slope) return ERR(e, ERR_NOMEM, "no memory to measure neurons");
    if (c->d) {
        mean_row(c->n_core, c->d, c->dictionary, c->mean_core);
        mean_row(c->n_bg, c->d, c->dictionary + c->n_core * c->d, c->mean_bg);
    }
    t->own = c;
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
    out->memory_bytes += own_bytes(config->model.width, config->data.input_dim, capacity);
    return ERR_OK;
}

enum err_code feature_contamination_run(struct worker *worker, const struct task *task,
                                        const struct record *record, struct rows *rows_,
                                        struct result *result, struct err *e)
{
    struct trainer_hooks hooks = {
        .metrics = &feature_contamination_metrics, .start = start, .measure = measure};
    struct trial trial = {task, record, rows_, result};
    return trainer_run(worker, &trial, &hooks, e);
}
