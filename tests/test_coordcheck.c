/* test_coordcheck.c - what cannot be checked; and the exponents that theory gives to
 * parametrizations, against those of small networks. */
#include "tests/core.h"

#include "experiments/train.h"
#include "worker/coordcheck.h"
#include "worker/data.h"
#include "worker/worker.h"

/* Outputs that are small at first make the gradient at the logits the same for all widths. */
static struct coordcheck small(const char *settings)
{
    struct coordcheck c = {.n_widths = 4,
                           .width = {64, 128, 256, 512},
                           .n_seeds = 8,
                           .n_steps = 1,
                           .task = {.root = 9, .config = core_config()}};
    core_set(&c.task.config,
             "data.name=gaussian_teacher data.dim=16 data.classes=3 data.train=512 "
             "data.test=50 optim.batch=64 optim.steps=100 model.depth=3 model.base_width=64 "
             "model.init=he_normal model.output_scale=0.1");
    core_set(&c.task.config, settings);
    return c;
}

static struct coordcheck ran(const char *settings, int64_t n_steps)
{
    struct err e;
    struct coordcheck c = small(settings);
    c.n_steps = n_steps;
    enum err_code rc = coordcheck_init(&c, &e);
    if (rc == ERR_OK) rc = coordcheck_run(&c, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return c;
}

static void refused(struct coordcheck c, enum err_code code, const char *start)
{
    struct err e;
    ck_assert_int_eq(coordcheck_init(&c, &e), code);
    ck_assert_msg(strncmp(e.text, start, strlen(start)) == 0, "%s", e.text);
    coordcheck_clear(&c);
}

START_TEST(test_what_has_no_width_is_refused)
{
    refused(small("model.kind=linear"), ERR_CONFIG, "model.width:");
    refused(small("optim.steps=0"), ERR_CONFIG, "optim.steps:");
    refused(small("optim.name=lbfgs optim.batch=full"), ERR_CONFIG, "optim.name:");
    refused(small("optim.batch=1000"), ERR_CONFIG, "optim.batch:");
    struct coordcheck c = small("");
    c.n_widths = 1;
    refused(c, ERR_USAGE, "a slope wants");
    c.n_widths = 2;
    c.width[1] = c.width[0];
    refused(c, ERR_USAGE, "a slope wants");
    c.width[1] = 0;
    refused(c, ERR_USAGE, "a width");
    c = small("");
    c.task.parents.n = 1;
    refused(c, ERR_CONFIG, "from:");
    c = small("optim.steps=4");
    c.n_steps = 5;
    refused(c, ERR_CONFIG, "optim.steps:");
}
END_TEST

enum { PROBES = 128, WIDTH = 64, LATER = 3 };

/* hidden.2 of a plain trial, recorded as a representation of the same samples at the start and
 * after LATER steps. Samples of an endless stream are in no other order. */
static void recorded(const struct task *task, float *layer)
{
    struct err e;
    struct trial_shape shape;
    struct result result;
    struct record r = {.grid = GRID_LAST,
                       .grid_count = 1,
                       .diverged_above = HUGE_VAL,
                       .train_subset = PROBES,
                       .n_layers = 1,
                       .layer = {"hidden.2"},
                       .n_slots = 2,
                       .slot = {SLOT_INIT, LATER},
                       .n_probe_sets = 1,
                       .probe = {{.name = "train", .split = SPLIT_TRAIN, .n = PROBES}}};
    double step;
    struct rows rows = {.step = &step, .layer = &layer};
    struct worker *w = worker_create(NULL);
    enum err_code rc = train_shape(&task->config, &task->parents, &r, &shape, &e);
    if (rc == ERR_OK) rc = train_run(w, task, &r, &rows, &result, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    worker_destroy(w);
}

/* Sums of the same 8192 floats in two orders of summation: 1e-9. The learning rate falls over
 * the steps that the configuration has, not over those that are watched. */
START_TEST(test_values_are_those_of_a_trial)
{
    static float layer[2 * PROBES * WIDTH];
    struct err e;
    struct coordcheck c = small("optim.lr=1 optim.schedule=cosine optim.steps=4");
    c.n_steps = LATER;
    ck_assert(coordcheck_init(&c, &e) == ERR_OK && coordcheck_run(&c, &e) == ERR_OK);
    ck_assert(c.n_layers == 4 && strcmp(c.layer[1], "hidden.2") == 0 &&
              strcmp(c.layer[3], "logits") == 0);
    for (int64_t seed = 0; seed < 2; seed++) {
        struct task task = c.task;
        double size[2] = {0}, change = 0, n = PROBES * WIDTH;
        int64_t at = seed * c.n_widths;
        task.seed = (uint64_t)seed;
        task.config.model.width = WIDTH;
        recorded(&task, layer);
        for (int64_t i = 0; i < PROBES * WIDTH; i++) {
            double first = (double)layer[i], later = (double)layer[PROBES * WIDTH + i];
            size[0] += fabs(first) / n;
            size[1] += fabs(later) / n;
            change += fabs(later - first) / n;
        }
        ck_assert(size[0] > 0 && change > 0);
        ck_assert_double_eq_tol(coordcheck_values(&c, COORDCHECK_ACTIVATION, 0, 1)[at], size[0],
                                1e-9);
        ck_assert_double_eq_tol(coordcheck_values(&c, COORDCHECK_ACTIVATION, LATER, 1)[at],
                                size[1], 1e-9);
        ck_assert_double_eq_tol(coordcheck_values(&c, COORDCHECK_CHANGE, LATER, 1)[at], change,
                                1e-9);
        ck_assert(coordcheck_values(&c, COORDCHECK_CHANGE, 0, 1)[at] == 0);
    }
    coordcheck_clear(&c);
}
END_TEST

/* Powers of width in the change of hidden.1, hidden.2, hidden.3 and the logits after one step.
 * Before it the gradient at a unit of a hidden layer is ~ the output weights, n^-1/2 (muP:
 * 1/n). SGD moves hidden.1 by lr times that, and what lies behind n units by n times as much.
 * Adam moves each weight by lr, n of which add up; the logits by n changes times aligned output
 * weights. muP and NTK scale lr. See arXiv 2203.03466, appendix J. */
static const struct {
    const char *settings;
    double slope[4];
    enum slope_verdict later[3]; /* of the hidden layers some steps on: only muP keeps them */
} theory[] = {
    {"model.parametrization=standard optim.name=sgd optim.lr=1",
     {-0.5, 0.5, 0.5, 1},
     {SLOPE_VANISHES, SLOPE_GROWS, SLOPE_GROWS}},
    {"model.parametrization=standard optim.name=adam optim.lr=0.001",
     {0, 1, 1, 1.5},
     {SLOPE_INDEPENDENT, SLOPE_GROWS, SLOPE_GROWS}},
    {"model.parametrization=ntk optim.name=sgd optim.lr=1",
     {-0.5, -0.5, -0.5, 0},
     {SLOPE_VANISHES, SLOPE_VANISHES, SLOPE_VANISHES}},
    {"model.parametrization=ntk optim.name=adam optim.lr=0.001",
     {0, 0.5, 0.5, 1},
     {SLOPE_INDEPENDENT, SLOPE_GROWS, SLOPE_GROWS}},
    {"model.parametrization=mup optim.name=sgd optim.lr=1",
     {0, 0, 0, 0},
     {SLOPE_INDEPENDENT, SLOPE_INDEPENDENT, SLOPE_INDEPENDENT}},
    {"model.parametrization=mup optim.name=adam optim.lr=0.001",
     {0, 0, 0, 0},
     {SLOPE_INDEPENDENT, SLOPE_INDEPENDENT, SLOPE_INDEPENDENT}},
};

/* At widths from 64 the corrections, ~ n^-1/2, and the spread of 8 seeds leave 0.1; for three
 * logits 0.2. */
START_TEST(test_slopes_are_those_of_theory)
{
    struct coordcheck c = ran(theory[_i].settings, 5);
    ck_assert_int_eq(c.n_diverged, 0);
    for (int l = 0; l < 4; l++) {
        struct statistics_interval s = coordcheck_slope(&c, COORDCHECK_CHANGE, 1, l);
        ck_assert_int_eq(s.n, c.n_seeds);
        ck_assert_msg(fabs(s.mean - theory[_i].slope[l]) < (l < 3 ? 0.1 : 0.2),
                      "%s: %s: %.3f [%.3f, %.3f], theory %g", theory[_i].settings, c.layer[l],
                      s.mean, s.low, s.high, theory[_i].slope[l]);
        if (l == 3) continue;
        s = coordcheck_slope(&c, COORDCHECK_CHANGE, 5, l);
        ck_assert_msg(slope_verdict(&s) == theory[_i].later[l], "%s: %s: %.3f [%.3f, %.3f]",
                      theory[_i].settings, c.layer[l], s.mean, s.low, s.high);
    }
    coordcheck_clear(&c);
}
END_TEST

START_TEST(test_divergence_leaves_no_slope)
{
    struct coordcheck c = ran("model.parametrization=standard optim.lr=1e6", 5);
    ck_assert_int_eq(c.n_diverged, c.n_seeds * c.n_widths);
    ck_assert_int_eq(coordcheck_slope(&c, COORDCHECK_ACTIVATION, 0, 3).n, c.n_seeds);
    struct statistics_interval s = coordcheck_slope(&c, COORDCHECK_CHANGE, 5, 3);
    ck_assert(s.n == 0 && isnan(s.mean) && slope_verdict(&s) == SLOPE_UNDECIDED);
    coordcheck_clear(&c);
}
END_TEST

int main(void)
{
    int n = sizeof theory / sizeof *theory;
    Suite *s = suite_create("coordcheck");
    TCase *t = check_case(s, "coordcheck");
    tcase_add_test(t, test_what_has_no_width_is_refused);
    tcase_add_test(t, test_values_are_those_of_a_trial);
    tcase_add_loop_test(t, test_slopes_are_those_of_theory, 0, n);
    tcase_add_test(t, test_divergence_leaves_no_slope);
    return check_run(s);
}
