/* test_feature_contamination.c - what the experiment measures, against plain loops over the
 * weights that it left. In double; weights travel as float, hence tolerances of 1e-5. */
#include "tests/core.h"

#include "experiments/experiment.h"
#include "worker/data_feature_model.h"
#include "worker/first_layer.h"
#include "worker/trainer.h"

enum { CORE = 3, BG = 4, FEATURES = CORE + BG, DIM = 9, N = 20, N_TEST = 30, M = 6, ROOT = 5 };
enum { STEPS = 10, SEED = 2, WEIGHTS = M * DIM + M + M + 1 };

static struct err e;

static struct config small(const char *settings)
{
    struct config c = core_config();
    core_set(&c, "data.name=feature_model data.core_dim=3 data.background_dim=4 "
                 "data.input_dim=9 data.labels=linear data.n=20 data.test=30 seeds.data=trial "
                 "model.kind=two_layer model.width=6 optim.loss=hinge optim.batch=full "
                 "optim.steps=10 optim.lr=0.01 optim.momentum=0.9");
    core_set(&c, settings);
    return c;
}

/* A whole trial. */
struct ran {
    struct record record;
    struct trial_shape shape;
    struct rows rows;
    struct result result;
    double metric[TASK_MAX_METRICS], step[1]; /* at the only record, the last */
    float weights[512];
    float neurons[6 * M], features[6 * FEATURES];
};

static void run(const struct config *c, struct ran *r)
{
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "feature_contamination"));
    struct worker *w = worker_create(NULL);
    struct task task = {.root = ROOT, .seed = SEED, .keep = true, .config = *c};
    memset(r, 0, sizeof *r);
    r->record = (struct record){.grid = GRID_LAST,
                                .diverged_above = HUGE_VAL,
                                .train_subset = 2048,
                                .n_arrays = 2,
                                .array = {"neurons", "features"}};
    for (int i = 0; i < x->metrics->count; i++) {
        const struct metric *m = (const void *)table_row(x->metrics, i);
        if (!m->on_request)
            snprintf(r->record.metric[r->record.n_metrics++], TASK_NAME, "%s", m->row.name);
    }
    ck_assert_msg(x->shape(c, &(struct parents){0}, &r->record, &r->shape, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_int_eq(r->shape.records, 1);
    float *array[2] = {r->neurons, r->features};
    r->rows = (struct rows){
        .metric = r->metric, .step = r->step, .weights = r->weights, .array = array};
    ck_assert_msg(x->run(w, &task, &r->record, &r->rows, &r->result, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_int_eq(r->result.outcome, OUTCOME_DONE);
    worker_destroy(w);
}

static double value(const struct ran *r, const char *name)
{
    for (int i = 0; i < r->record.n_metrics; i++)
        if (strcmp(r->record.metric[i], name) == 0) return r->metric[i];
    ck_abort_msg("no metric '%s'", name);
    return 0;
}

static void is(const struct ran *r, const char *name, double wanted)
{
    double got = value(r, name);
    ck_assert_msg(fabs(got - wanted) <= 1e-5 * (1 + fabs(wanted)), "%s is %.9g, not %.9g", name,
                  got, wanted);
}

/* ---- the twin ---- */

/* A set of samples, and what the network makes of it. */
struct set {
    int n;
    double x[N_TEST][DIM], y[N_TEST], f[N_TEST], h[N_TEST][M];
};

struct twin {
    struct data data;
    const double *t;
    const float *w1, *b1, *w2, *b2;
    double leak; /* slope of the nonlinearity below 0 */
    struct set train, id, ood, fresh;
};

static void fill(struct twin *w, struct set *s, enum split split, int n, double scale)
{
    struct data data = w->data;
    data.background_scale = scale;
    s->n = n;
    for (int64_t i = 0; i < n; i++) {
        real x[DIM];
        int32_t label;
        data_fetch(&data, split, &i, 1, x, &label);
        s->y[i] = label ? 1 : -1;
        s->f[i] = (double)w->b2[0];
        for (int j = 0; j < DIM; j++) s->x[i][j] = (double)x[j];
        for (int k = 0; k < M; k++) {
            s->h[i][k] = (double)w->b1[k];
            for (int j = 0; j < DIM; j++) s->h[i][k] += (double)w->w1[k * DIM + j] * s->x[i][j];
            double phi = s->h[i][k] > 0 ? s->h[i][k] : w->leak * s->h[i][k];
            s->f[i] += (double)w->w2[k] * phi;
        }
    }
}

static void twin(const struct config *c, const struct ran *r, double leak, struct twin *w)
{
    struct task task = {.root = ROOT, .seed = SEED, .config = *c};
    ck_assert_int_eq(data_open(c, data_root(&task), &w->data, &e), ERR_OK);
    w->t = data_feature_model_dictionary(&w->data);
    w->w1 = r->weights;
    w->b1 = w->w1 + M * DIM;
    w->w2 = w->b1 + M;
    w->b2 = w->w2 + M;
    w->leak = leak;
    ck_assert_int_eq(r->shape.weights, WEIGHTS);
    fill(w, &w->train, SPLIT_TRAIN, N, 1);
    fill(w, &w->id, SPLIT_TEST, N_TEST, 1);
    fill(w, &w->fresh, SPLIT_TEST, N_TEST, -1);
    if (c->data.replay == REPLAY_RELEASED)
        fill(w, &w->ood, SPLIT_TRAIN, N, -1);
    else
        w->ood = w->fresh;
}

static double projection(const double *t, const double *x)
{
    double sum = 0;
    for (int j = 0; j < DIM; j++) sum += t[j] * x[j];
    return sum;
}

/* Mean over the samples of one class (0: of both) of hinge risk, correctness, output. */
static void outputs(const struct set *s, int class, double out[3])
{
    double n = 0, sum[3] = {0};
    for (int i = 0; i < s->n; i++) {
        double margin = s->y[i] * s->f[i];
        if (class && s->y[i] * class < 0) continue;
        n++;
        sum[0] += fmax(0, 1 - margin);
        sum[1] += margin > 0;
        sum[2] += s->f[i];
    }
    for (int k = 0; k < 3; k++) out[k] = sum[k] / n;
}

/* Share of a class that activates neuron k, and its mean activation. */
static void activity(const struct twin *w, const struct set *s, int k, double class,
                     double out[2])
{
    double n = 0, on = 0, sum = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->y[i] * class < 0) continue;
        n++;
        on += s->h[i][k] > 0;
        sum += s->h[i][k] > 0 ? s->h[i][k] : w->leak * s->h[i][k];
    }
    out[0] = on / n;
    out[1] = sum / n;
}

static void check_outputs(const struct twin *w, const struct ran *r)
{
    double id[3], ood[3], fresh[3], pos[3], neg[3];
    outputs(&w->id, 0, id);
    outputs(&w->ood, 0, ood);
    outputs(&w->fresh, 0, fresh);
    is(r, "id_risk", id[0]);
    is(r, "id_acc", id[1]);
    is(r, "ood_risk", ood[0]);
    is(r, "ood_acc", ood[1]);
    is(r, "ood_risk_fresh", fresh[0]);
    is(r, "ood_acc_fresh", fresh[1]);
    outputs(&w->train, 0, id);
    is(r, "train_risk", id[0]);
    for (int sign = -1; sign <= 1; sign += 2) {
        outputs(&w->train, sign, id);
        is(r, sign > 0 ? "train_risk_pos" : "train_risk_neg", id[0]);
        is(r, sign > 0 ? "train_acc_pos" : "train_acc_neg", id[1]);
    }
    outputs(&w->id, 1, pos);
    outputs(&w->id, -1, neg);
    double margin = (pos[2] - neg[2]) / 2;
    is(r, "id_risk_pos", pos[0]);
    is(r, "id_risk_neg", neg[0]);
    is(r, "id_acc_pos", pos[1]);
    is(r, "id_acc_neg", neg[1]);
    is(r, "f_id_pos", pos[2]);
    is(r, "f_id_neg", neg[2]);
    outputs(&w->ood, 1, pos);
    outputs(&w->ood, -1, neg);
    is(r, "ood_risk_pos", pos[0]);
    is(r, "ood_risk_neg", neg[0]);
    is(r, "ood_acc_pos", pos[1]);
    is(r, "ood_acc_neg", neg[1]);
    is(r, "f_ood_pos", pos[2]);
    is(r, "f_ood_neg", neg[2]);
    is(r, "margin_ratio", (pos[2] - neg[2]) / 2 / margin);
    double most = -HUGE_VAL;
    for (int i = 0; i < w->ood.n; i++) most = fmax(most, w->ood.y[i] * w->ood.f[i]);
    is(r, "ood_margin_max", most);
}

static void check_activity(const struct twin *w, const struct ran *r)
{
    double hi = 0, lo = 0, asym = 0, share = 0, dead = 0, own = 0, other = 0, hi_ood = 0;
    double magnitude = 0, magnitude_ood = 0;
    for (int k = 0; k < M; k++) {
        double p[2], q[2], a = w->w2[k] < 0 ? -1 : 1;
        activity(w, &w->train, k, 1, p);
        activity(w, &w->train, k, -1, q);
        hi += fmax(p[0], q[0]) / M;
        lo += fmin(p[0], q[0]) / M;
        asym += fabs(p[0] - q[0]) / M;
        share += (fmax(p[0], q[0]) >= 0.9 && fmin(p[0], q[0]) <= 0.1) / (double)M;
        dead += (p[0] == 0 && q[0] == 0) / (double)M;
        own += (a > 0 ? p : q)[0] / M;
        other += (a > 0 ? q : p)[0] / M;
        activity(w, &w->ood, k, 1, p);
        activity(w, &w->ood, k, -1, q);
        hi_ood += fmax(p[0], q[0]) / M;
        magnitude_ood += (a > 0 ? p : q)[1] / M;
        activity(w, &w->id, k, a, p);
        magnitude += p[1] / M;
    }
    is(r, "act_hi", hi);
    is(r, "act_lo", lo);
    is(r, "act_asym", asym);
    is(r, "act_asym_share", share);
    is(r, "act_dead", dead);
    is(r, "act_own", own);
    is(r, "act_other", other);
    is(r, "act_hi_ood", hi_ood);
    is(r, "magnitude_id", magnitude);
    is(r, "magnitude_ood", magnitude_ood);
}

static void check_weights(const struct twin *w, const struct ran *r)
{
    double norm[2] = {0}, sum[2][2] = {{0}}, n[2] = {0};
    for (int k = 0; k < M; k++) {
        double row[DIM], squares[2] = {0};
        int sign = w->w2[k] >= 0;
        n[sign]++;
        for (int j = 0; j < DIM; j++) row[j] = (double)w->w1[k * DIM + j];
        for (int i = 0; i < FEATURES; i++) {
            double p = projection(w->t + i * DIM, row);
            squares[i >= CORE] += p * p;
            sum[i >= CORE][sign] += p / 2;
        }
        for (int part = 0; part < 2; part++) norm[part] += sqrt(squares[part]) / M;
    }
    is(r, "corr_core", norm[0]);
    is(r, "corr_bg", norm[1]);
    if (n[0] == 0 || n[1] == 0) return;
    is(r, "s_core_pos", sum[0][1] / n[1]);
    is(r, "s_core_neg", sum[0][0] / n[0]);
    is(r, "s_bg_pos", sum[1][1] / n[1]);
    is(r, "s_bg_neg", sum[1][0] / n[0]);
    is(r, "s_ratio",
       (sum[1][1] / n[1] + sum[1][0] / n[0]) / (sum[0][1] / n[1] - sum[0][0] / n[0]));
}

/* Of hinge loss: -df = y where the margin is below 1. */
static void check_gradients(const struct twin *w, const struct ran *r)
{
    double real_[2][2] = {{0}}, formula[2][2] = {{0}}, n[2] = {0}, odd = 0, even = 0, pull = 0;
    for (int i = 0; i < N; i++) pull += (w->train.y[i] * w->train.f[i] < 1) / (double)N;
    for (int k = 0; k < M; k++) {
        int sign = w->w2[k] >= 0;
        n[sign]++;
        for (int i = 0; i < N; i++) {
            double y = w->train.y[i], slope = w->train.h[i][k] > 0 ? 1 : w->leak,
                   feature[2] = {0};
            double g = y * w->train.f[i] < 1;
            for (int j = 0; j < FEATURES; j++)
                feature[j >= CORE] +=
                    projection(w->t + j * DIM, w->train.x[i]) / (j >= CORE ? BG : CORE);
            odd += g * y * (sign ? 1 : -1) * slope;
            even += g * slope;
            for (int part = 0; part < 2; part++) {
                double term = (double)w->w2[k] * y * slope * feature[part] / N;
                formula[part][sign] += pull * term;
                real_[part][sign] += g * term;
            }
        }
    }
    is(r, "gate_ratio", odd / even);
    if (n[0] == 0 || n[1] == 0) return;
    is(r, "grad_core_pos", real_[0][1] / n[1]);
    is(r, "grad_core_neg", real_[0][0] / n[0]);
    is(r, "grad_bg_pos", real_[1][1] / n[1]);
    is(r, "grad_bg_neg", real_[1][0] / n[0]);
    is(r, "grad_core_pos_formula", formula[0][1] / n[1]);
    is(r, "grad_core_neg_formula", formula[0][0] / n[0]);
    is(r, "grad_bg_pos_formula", formula[1][1] / n[1]);
    is(r, "grad_bg_neg_formula", formula[1][0] / n[0]);
}

START_TEST(test_measures_are_those_of_plain_loops)
{
    static const struct {
        const char *settings;
        double leak;
    } cases[] = {{"model.freeze_output=true", 0},
                 {"model.freeze_output=true data.replay=released", 0},
                 {"model.activation=leaky_relu model.leak=0.3", 0.3},
                 {"model.activation=identity", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c = small(cases[i].settings);
        struct ran r;
        struct twin w;
        run(&c, &r);
        twin(&c, &r, cases[i].leak, &w);
        check_outputs(&w, &r);
        check_activity(&w, &r);
        check_weights(&w, &r);
        check_gradients(&w, &r);
        data_close(&w.data);
    }
}
END_TEST

/* While no shifted margin exceeds 1: risk = 1 - (mean f of +1 - mean f of -1) / 2. */
START_TEST(test_risk_by_mean_outputs)
{
    struct config c = small("model.freeze_output=true optim.steps=3");
    struct ran r;
    run(&c, &r);
    ck_assert_double_lt(value(&r, "ood_margin_max"), 1);
    ck_assert_double_eq_tol(value(&r, "ood_risk"),
                            1 - (value(&r, "f_ood_pos") - value(&r, "f_ood_neg")) / 2, 1e-12);
    ck_assert_double_eq_tol(value(&r, "grad_bg_pos"), value(&r, "grad_bg_pos_formula"), 1e-14);
    ck_assert_double_eq_tol(value(&r, "grad_core_neg"), value(&r, "grad_core_neg_formula"),
                            1e-14);
}
END_TEST

/* The arrays: what the metrics are means of. While every sample has a loss, the gradient along each
 * feature is that of the formula. */
START_TEST(test_arrays_of_neurons_and_features)
{
    struct config c = small("model.freeze_output=true optim.steps=3");
    struct ran r;
    run(&c, &r);
    double core = 0, grad_core = 0, asymmetry = 0;
    for (int k = 0; k < M; k++) {
        const float *row = r.neurons + 6 * k;
        ck_assert_float_eq_tol(row[5], k < M / 2 ? 1.f / M : -1.f / M, 1e-6);
        asymmetry += (double)row[2] / M;
        if (row[5] > 0) core += (double)row[3] / (M / 2);
    }
    ck_assert_double_eq_tol(asymmetry, value(&r, "act_asym"), 1e-6);
    ck_assert_double_eq_tol(core, value(&r, "s_core_pos"), 1e-6);
    core = 0;
    for (int j = 0; j < FEATURES; j++) {
        const float *row = r.features + 6 * j;
        for (int sign = 0; sign < 2; sign++)
            ck_assert_float_eq_tol(row[2 + sign], row[4 + sign], 1e-7);
        if (j < CORE) core += (double)row[0] / 2;
        if (j < CORE) grad_core += (double)row[2] / CORE;
    }
    ck_assert_double_eq_tol(core, value(&r, "s_core_pos"), 1e-6);
    ck_assert_double_eq_tol(grad_core, value(&r, "grad_core_pos"), 1e-8);
    ck_assert_double_gt(fabs(grad_core), 1e-4);
}
END_TEST

/* Of a linear network the background's part of each weight only decays: without a gradient along
 * it in expectation, and here with none at all (background strength 0), exactly. */
START_TEST(test_background_decays_by_the_law)
{
    struct config c = small("model.freeze_output=true model.activation=identity optim.steps=0");
    struct ran before, after;
    run(&c, &before);
    core_set(&c, "data.background_strength=0 optim.weight_decay=0.01 optim.momentum=0 "
                 "optim.steps=10");
    run(&c, &after);
    ck_assert_double_eq_tol(value(&after, "corr_bg") / value(&before, "corr_bg"),
                            pow(1 - 0.01 * 0.01, STEPS), 1e-12);
}
END_TEST

/* Several classes or outputs: what has no meaning is NaN, the rest is there. */
START_TEST(test_other_networks)
{
    struct config c = small("optim.loss=cross_entropy");
    struct ran r;
    run(&c, &r);
    ck_assert(isfinite(value(&r, "ood_risk")) && isfinite(value(&r, "corr_bg")));
    ck_assert(isnan(value(&r, "margin_ratio")) && isnan(value(&r, "s_bg_pos")));
    ck_assert(isfinite(value(&r, "act_hi")) && isfinite(value(&r, "ood_risk_pos")));
    ck_assert(isnan(value(&r, "act_own")) && isnan(value(&r, "grad_bg_pos")));
    core_set(&c, "model.kind=linear optim.loss=hinge");
    run(&c, &r);
    ck_assert(isfinite(value(&r, "ood_risk")) && isfinite(value(&r, "margin_ratio")));
    ck_assert(isnan(value(&r, "corr_bg")) && isnan(value(&r, "act_hi")));
}
END_TEST

/* The teacher that knows the core alone answers the same whatever the background. */
START_TEST(test_core_only_sees_no_background)
{
    struct config c = small("model.first_layer=core_only optim.loss=cross_entropy "
                            "optim.steps=0");
    struct ran r;
    run(&c, &r);
    ck_assert_double_eq_tol(value(&r, "id_risk"), value(&r, "ood_risk"), 1e-12);
    ck_assert_double_lt(value(&r, "corr_bg"), 1e-12);
    double squares = 0; /* of M x CORE normal numbers of variance 1 / CORE */
    for (int i = 0; i < M * DIM; i++) squares += (double)r.weights[i] * (double)r.weights[i];
    ck_assert_double_eq_tol(squares / M, 1, 4 * sqrt(2. / (M * CORE)));
    for (int k = 0; k < M; k++) ck_assert(r.weights[M * DIM + k] == 0);
    core_set(&c, "model.first_layer=without_background");
    run(&c, &r);
    ck_assert_double_lt(value(&r, "corr_bg"), 1e-12);
}
END_TEST

/* Each seed has samples of its own, or all have the same. */
START_TEST(test_samples_of_a_seed)
{
    struct config c = small("");
    struct task a = {.root = ROOT, .seed = 1, .config = c}, b = a;
    b.seed = 2;
    ck_assert(data_root(&a) != data_root(&b));
    a.config.seeds.data = b.config.seeds.data = DATA_SEED_ROOT;
    ck_assert(data_root(&a) == ROOT && data_root(&b) == ROOT);
    struct record record = {.n_layers = 1,
                            .layer = {"hidden.1"},
                            .n_slots = 1,
                            .slot = {SLOT_FINAL},
                            .n_probe_sets = 1,
                            .probe = {{.name = "p", .split = SPLIT_TEST, .n = 4}},
                            .grid = GRID_LAST,
                            .train_subset = 10};
    struct trial_shape shape;
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "feature_contamination"));
    ck_assert_int_eq(x->shape(&c, &(struct parents){0}, &record, &shape, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "seeds.data: ") == e.text, "%s", e.text);
    ck_assert_int_eq(x->shape(&a.config, &(struct parents){0}, &record, &shape, &e), ERR_OK);
}
END_TEST

START_TEST(test_streams_without_backgrounds_are_refused)
{
    struct config c = small("");
    core_set(&c, "data.name=gaussian_teacher data.classes=2 data.dim=9 data.train=20");
    struct record record = {
        .grid = GRID_LAST, .train_subset = 10, .n_metrics = 1, .metric = {"ood_risk"}};
    struct trial_shape shape;
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "feature_contamination"));
    ck_assert_int_eq(x->shape(&c, &(struct parents){0}, &record, &shape, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "record.metrics: ood_risk wants samples with backgrounds"),
                  "%s", e.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("feature contamination");
    TCase *t = check_case(s, "feature contamination");
    tcase_add_test(t, test_measures_are_those_of_plain_loops);
    tcase_add_test(t, test_risk_by_mean_outputs);
    tcase_add_test(t, test_arrays_of_neurons_and_features);
    tcase_add_test(t, test_background_decays_by_the_law);
    tcase_add_test(t, test_other_networks);
    tcase_add_test(t, test_core_only_sees_no_background);
    tcase_add_test(t, test_samples_of_a_seed);
    tcase_add_test(t, test_streams_without_backgrounds_are_refused);
    return check_run(s);
}
