/* test_scaling_law.c - forms, fits, intervals and the held-out size of scaling laws. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/scaling_law.h"
#include "linalg/statistics.h"
#include "tests/check_main.h"

enum { MOST = 16, SEEDS = 12 };

static struct err e;

static const struct scaling_form *form_of(const char *name)
{
    const struct scaling_form *form = NULL;
    ck_assert_msg(scaling_form_find(name, &form, &e) == ERR_OK, "%s", e.text);
    return form;
}

static struct scaling_options with(int64_t resamples)
{
    struct scaling_options o = scaling_defaults;
    o.resamples = resamples;
    return o;
}

/* Parameters of a law of that form that its sizes below tell. */
static const double *truth_of(const struct scaling_form *form)
{
    static const struct {
        const char *form;
        double param[SCALING_PARAMS];
    } known[] = {
        {"power", {0.5, 40, 0.4}},
        {"power_only", {7, 0.15}},
        {"power2", {1.7, 400, 0.34, 410, 0.28}},
        {"broken", {0.3, 3, 0.05, 0.5, 3e5, 0.4}},
        {"loglinear", {0.9, -0.03}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].form, form->row.name) == 0) return known[i].param;
    ck_abort_msg("no law of the form %s to test it with", form->row.name);
}

/* 10 sizes over four decades; of two numbers 4 x 4. */
static int64_t sizes_of(const struct scaling_form *form, double *x)
{
    for (int i = 0; i < 16; i++)
        if (form->n_x == 2) {
            x[2 * i] = 1e4 * pow(10, i / 4);
            x[2 * i + 1] = 1e5 * pow(10, i % 4);
        } else if (i < 10) {
            x[i] = 1e4 * pow(10, 4.0 * i / 9);
        }
    return form->n_x == 2 ? 16 : 10;
}

/* y[n, S] of a law with relative noise. */
static void measure(const struct scaling_form *form, int64_t n, int64_t S, const double *x,
                    double noise, uint64_t key, double *y)
{
    struct rng draw = rng_stream(key, RNG_TESTING, 0);
    for (int64_t i = 0; i < n; i++)
        for (int64_t s = 0; s < S; s++)
            y[i * S + s] = scaling_form_predict(form, truth_of(form), x + i * form->n_x) *
                           (1 + noise * rng_normal(&draw));
}

static struct scaling_fit fitted(const char *name, int64_t n, int64_t S, const double *x,
                                 const double *y, const struct scaling_options *o)
{
    const struct scaling_form *form = form_of(name);
    struct scaling_data d = {n, S, form->n_x, x, y};
    struct scaling_fit fit;
    ck_assert_msg(scaling_fit(form, &d, o, &fit, &e) == ERR_OK, "%s", e.text);
    return fit;
}

/* ---- refused ---- */

static void refused(const char *name, int64_t n, const double *x, const double *y,
                    const char *reason)
{
    const struct scaling_form *form = form_of(name);
    struct scaling_data d = {n, 1, form->n_x, x, y};
    struct scaling_options o = with(0);
    struct scaling_fit fit;
    ck_assert_int_eq(scaling_fit(form, &d, &o, &fit, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, reason) != NULL, "'%s' in '%s'", reason, e.text);
}

START_TEST(test_unknown_form_is_refused)
{
    const struct scaling_form *form;
    ck_assert_int_eq(scaling_form_find("powr", &form, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "E + A*x^-alpha"));
    ck_assert_ptr_nonnull(strstr(e.text, "did you mean 'power'?"));
    ck_assert_ptr_eq(form_of("E+A * x^-alpha"), form_of("power"));
    ck_assert_ptr_eq(form_of("E + A*N^-alpha + B*D^-beta"), form_of("power2"));
}
END_TEST

START_TEST(test_too_few_sizes_are_refused)
{
    const double x[8] = {1, 10, 2, 20, 4, 40, 8, 80}, y[4] = {4, 3, 2.5, 2.2};
    refused("power", 3, x, y, "3 parameters need at least 4 distinct sizes, there are 3");
    refused("power2", 4, x, y, "5 parameters need at least 6 distinct sizes, there are 4");
    refused("power_only", 2, x, y, "2 parameters need at least 3 distinct sizes");
}
END_TEST

START_TEST(test_two_values_of_a_size_are_refused)
{
    double x[16], y[8];
    for (int i = 0; i < 8; i++) x[2 * i] = 1 + i % 4, x[2 * i + 1] = 1 + i / 4, y[i] = 1 + i;
    refused("power2", 8, x, y, "at least 3 distinct values of each size; of the second 2");
}
END_TEST

START_TEST(test_impossible_values_are_refused)
{
    const double x[5] = {1, 2, 4, 8, 16}, zero[5] = {0, 2, 4, 8, 16};
    const double y[5] = {4, 3, 2.5, 2.2, 2.1}, low[5] = {4, 3, 0, 2, 2},
                 missing[5] = {4, 3, NAN, 2, 2}, infinite[5] = {4, 3, INFINITY, 2, 2};
    refused("power", 5, zero, y, "sizes must be positive, one is 0");
    refused("power", 5, x, low, "the mean at size 4 is 0; try loglinear");
    refused("power", 5, x, missing, "no finite mean at size 4");
    refused("loglinear", 5, x, infinite, "no finite mean at size 4");
    struct scaling_options o = with(0);
    fitted("loglinear", 5, 1, x, low, &o); /* takes any values */
}
END_TEST

/* ---- forms ---- */

/* Central differences: an error of about 1e-10 at steps of 1e-5. */
START_TEST(test_gradients_are_those_of_differences)
{
    const struct scaling_form *form = (const void *)table_row(&scaling_forms, _i);
    struct rng draw = rng_stream(2, RNG_TESTING, (uint64_t)_i);
    for (int trial = 0; trial < 50; trial++) {
        double t[SCALING_PARAMS], u[2], g[SCALING_PARAMS], other[SCALING_PARAMS];
        for (int k = 0; k < form->n_params; k++) t[k] = rng_normal(&draw);
        for (int j = 0; j < 2; j++) u[j] = 2 * rng_uniform(&draw) - 1;
        form->value(t, u, g);
        for (int k = 0; k < form->n_params; k++) {
            const double step = 1e-5;
            double at = t[k];
            t[k] = at + step;
            double above = form->value(t, u, other);
            t[k] = at - step;
            double below = form->value(t, u, other);
            t[k] = at;
            ck_assert_double_eq_tol(g[k], (above - below) / (2 * step), 1e-8);
        }
    }
}
END_TEST

/* A value in a frame is that of the natural parameters, which read back as themselves. */
START_TEST(test_frames_do_not_change_the_law)
{
    const struct scaling_form *form = (const void *)table_row(&scaling_forms, _i);
    const struct scaling_frame frame = {{5, 3}, {2, 4}, 1.5}, plain = {{0}, {1, 1}, 1};
    double param[SCALING_PARAMS], again[SCALING_PARAMS], t[SCALING_PARAMS], g[SCALING_PARAMS];
    const double start[SCALING_PARAMS] = {-0.3, 0.2, 0.7, 0.4, 0.6, -0.2}, u[2] = {0.4, -0.7};
    double x[2] = {exp(5 + 2 * u[0]), exp(3 + 4 * u[1])};
    form->natural(start, &frame, param);
    double m = form->value(start, u, g), want = 1.5 * (form->log_y ? exp(m) : m);
    ck_assert_double_eq_tol(scaling_form_predict(form, param, x) / want, 1, 1e-12);
    form->coordinates(param, t);
    form->natural(t, &plain, again);
    for (int k = 0; k < form->n_params; k++)
        ck_assert_double_eq_tol(again[k] / param[k], 1, 1e-12);
}
END_TEST

/* The laws as they are written, not by their logarithms. */
START_TEST(test_predictions_are_the_written_formulas)
{
    const double x[2] = {1e5, 1e7};
    double past = 3 * pow(1e5, -0.05) * pow(1 + pow(1e5 / 3e5, 1 / 0.4), -0.5 * 0.4);
    const struct {
        const char *form;
        double want;
    } known[] = {
        {"power", 0.5 + 40 * pow(1e5, -0.4)},
        {"power_only", 7 * pow(1e5, -0.15)},
        {"power2", 1.7 + 400 * pow(1e5, -0.34) + 410 * pow(1e7, -0.28)},
        {"broken", 0.3 + past},
        {"loglinear", 0.9 - 0.03 * log(1e5)},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct scaling_form *form = form_of(known[i].form);
        ck_assert_double_eq_tol(scaling_form_predict(form, truth_of(form), x), known[i].want,
                                1e-12);
    }
    const double no_limit[3] = {0, 40, 0.4};
    ck_assert_double_eq_tol(scaling_form_predict(form_of("power"), no_limit, x), 0.4, 1e-12);
}
END_TEST

/* ---- fits ---- */

/* The minimiser stops 1e-8 above nothing in the loss, in directions that hardly matter earlier:
 * the break's sharpness. */
START_TEST(test_noiseless_laws_are_recovered)
{
    const struct scaling_form *form = (const void *)table_row(&scaling_forms, _i);
    double x[2 * MOST], y[MOST];
    int64_t n = sizes_of(form, x);
    struct scaling_options o = with(0);
    measure(form, n, 1, x, 0, 0, y);
    struct scaling_fit fit = fitted(form->row.name, n, 1, x, y, &o);
    for (int k = 0; k < form->n_params; k++)
        ck_assert_double_eq_tol(fit.param[k] / truth_of(form)[k], 1, 1e-4);
    ck_assert_int_eq(fit.outcome, SCALING_CONVERGED);
    ck_assert_int_eq(fit.undetermined, -1);
    ck_assert_double_eq_tol(fit.r2, 1, 1e-9);
    ck_assert_double_eq_tol(fit.held_error, 0, 1e-4);
    ck_assert_int_eq(fit.held_out, n - 1);
    ck_assert_double_eq(fit.held_y, y[n - 1]);
}
END_TEST

START_TEST(test_units_of_y_are_those_of_limit_and_amplitude)
{
    double x[MOST], y[MOST], scaled[MOST];
    struct scaling_options o = with(0);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power"), n, 1, x, 0.01, 3, y);
    for (int64_t i = 0; i < n; i++) scaled[i] = 1000 * y[i];
    struct scaling_fit a = fitted("power", n, 1, x, y, &o);
    struct scaling_fit b = fitted("power", n, 1, x, scaled, &o);
    ck_assert_double_eq_tol(b.param[0] / a.param[0], 1000, 1e-3);
    ck_assert_double_eq_tol(b.param[1] / a.param[1], 1000, 1e-3);
    ck_assert_double_eq_tol(b.param[2] / a.param[2], 1, 1e-6);
}
END_TEST

/* One of ten sizes is 30 % off. */
START_TEST(test_an_outlier_hardly_moves_a_huber_fit)
{
    double x[MOST], y[MOST];
    const struct scaling_form *form = form_of("power");
    int64_t n = sizes_of(form, x);
    struct scaling_options robust = with(0), squares = with(0);
    robust.huber = 1e-3;
    squares.huber = 1e6;
    measure(form, n, 1, x, 1e-4, 4, y);
    y[3] *= 1.3;
    double off = fabs(fitted("power", n, 1, x, y, &robust).param[2] - 0.4);
    double off_squares = fabs(fitted("power", n, 1, x, y, &squares).param[2] - 0.4);
    ck_assert_double_lt(off, 0.002);
    ck_assert_double_gt(off_squares, 0.02);
}
END_TEST

/* A sum, not a mean. Eight points pull a level with r, two with no more than huber. */
START_TEST(test_loss_is_a_sum_of_huber_losses)
{
    double x[MOST], y[MOST];
    for (int i = 0; i < 10; i++) x[i] = exp(i - 4.5), y[i] = 1;
    y[4] += 0.05, y[5] += 0.05; /* symmetric: no slope */
    struct scaling_options o = with(0);
    o.huber = 1e-2;
    struct scaling_fit fit = fitted("loglinear", 10, 1, x, y, &o);
    double level = fit.param[0], loss = 0, unit = 1.01; /* mean |y| */
    for (int i = 0; i < 10; i++) {
        double r = fabs(y[i] - level) / unit;
        loss += r <= 1e-2 ? r * r / 2 : 1e-2 * (r - 0.5e-2);
    }
    ck_assert_double_eq_tol(fit.param[1], 0, 1e-9);
    ck_assert_double_eq_tol(level, 1 + 2 * 1e-2 * unit / 8, 1e-9);
    ck_assert_double_eq_tol(fit.loss, loss, 1e-12);
    ck_assert_double_eq(fit.huber, 1e-2);
}
END_TEST

START_TEST(test_a_limit_of_nothing_is_undetermined)
{
    double x[MOST], y[MOST];
    struct scaling_options o = with(0);
    int64_t n = sizes_of(form_of("power"), x);
    for (int64_t i = 0; i < n; i++) y[i] = 3 * pow(x[i], -0.2) * (i == n - 1 ? 0.9 : 1);
    struct scaling_fit fit = fitted("power", n, 1, x, y, &o);
    ck_assert_int_eq(fit.outcome, SCALING_UNDETERMINED);
    ck_assert_int_eq(fit.undetermined, 0);
    ck_assert_double_lt(fit.param[0], 1e-3 * y[n - 1]);
}
END_TEST

START_TEST(test_the_true_form_predicts_the_held_out_size_best)
{
    double x[MOST], y[MOST];
    struct scaling_options o = with(0);
    const struct scaling_form *form = form_of("power");
    int64_t n = sizes_of(form, x);
    measure(form, n, 1, x, 1e-3, 5, y);
    struct scaling_fit right = fitted("power", n, 1, x, y, &o);
    struct scaling_fit wrong = fitted("power_only", n, 1, x, y, &o);
    struct scaling_fit line = fitted("loglinear", n, 1, x, y, &o);
    ck_assert_double_lt(right.held_error, 0.01);
    ck_assert_double_gt(wrong.held_error, 3 * right.held_error);
    ck_assert_double_gt(line.held_error, 3 * right.held_error);
    y[n - 1] *= 2; /* what is held out does not matter for its prediction */
    struct scaling_fit moved = fitted("power", n, 1, x, y, &o);
    ck_assert_double_eq_tol(moved.held_predicted / right.held_predicted, 1, 1e-6);
}
END_TEST

/* ---- intervals ---- */

START_TEST(test_one_seed_has_no_interval_and_says_so)
{
    double x[MOST], y[MOST];
    struct scaling_options o = with(100);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power"), n, 1, x, 0.01, 6, y);
    struct scaling_fit fit = fitted("power", n, 1, x, y, &o);
    ck_assert_int_eq(fit.interval, SCALING_NO_INTERVAL);
    ck_assert_double_nan(fit.low[0]);
    ck_assert_int_eq(fit.n_resamples, 0);
    ck_assert_double_eq(fit.huber, 1e-3); /* one seed does not measure the noise */
}
END_TEST

START_TEST(test_intervals_are_reproducible_and_keyed)
{
    double x[MOST], y[MOST * SEEDS];
    struct scaling_options o = with(300);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power"), n, SEEDS, x, 0.01, 7, y);
    struct scaling_fit a = fitted("power", n, SEEDS, x, y, &o);
    struct scaling_fit b = fitted("power", n, SEEDS, x, y, &o);
    o.key = 1;
    struct scaling_fit c = fitted("power", n, SEEDS, x, y, &o);
    ck_assert_int_eq(a.interval, SCALING_PERCENTILE);
    ck_assert_int_eq(a.n_resamples, 300);
    ck_assert_mem_eq(a.low, b.low, sizeof a.low);
    ck_assert_mem_eq(a.high, b.high, sizeof a.high);
    ck_assert(a.low[2] != c.low[2]);
    for (int k = 0; k < 3; k++) ck_assert(a.low[k] < a.param[k] && a.param[k] < a.high[k]);
}
END_TEST

/* The seeds that are drawn most may want a limit although the means want none: refits that
 * start where E moves nothing must come back from there. */
START_TEST(test_refits_leave_a_limit_of_nothing)
{
    double x[MOST], y[MOST * SEEDS];
    struct scaling_options o = with(500);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power_only"), n, SEEDS, x, 0.02, 13, y);
    for (int64_t s = 0; s < SEEDS; s++) y[(n - 1) * SEEDS + s] *= 0.96;
    struct scaling_fit fit = fitted("power", n, SEEDS, x, y, &o);
    ck_assert_int_eq(fit.undetermined, 0);
    ck_assert_double_eq(fit.low[0], 0);
    ck_assert_double_gt(fit.high[0], 0.02 * y[n * SEEDS - 1]);
}
END_TEST

START_TEST(test_order_of_seeds_does_not_matter)
{
    double x[MOST], y[MOST * SEEDS], other[MOST * SEEDS];
    struct scaling_options o = with(200);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power"), n, SEEDS, x, 0.01, 8, y);
    for (int64_t i = 0; i < n; i++)
        for (int64_t s = 0; s < SEEDS; s++)
            other[i * SEEDS + (5 * s + 3) % SEEDS] = y[i * SEEDS + s];
    struct scaling_fit a = fitted("power", n, SEEDS, x, y, &o);
    struct scaling_fit b = fitted("power", n, SEEDS, x, other, &o);
    ck_assert_mem_eq(a.param, b.param, sizeof a.param);
    ck_assert_mem_eq(a.low, b.low, sizeof a.low);
    ck_assert_mem_eq(a.high, b.high, sizeof a.high);
}
END_TEST

/* The slope of least squares is a mean over seeds of their slopes, so that the interval is
 * Student's; 4000 refits know a standard deviation to about 1 %. */
START_TEST(test_t_interval_of_a_line_is_that_of_its_seeds_slopes)
{
    enum { S = 5 };
    double x[MOST], y[MOST * S], slope[S];
    struct scaling_options o = with(4000), one = with(0);
    int64_t n = sizes_of(form_of("loglinear"), x);
    measure(form_of("loglinear"), n, S, x, 0.05, 9, y);
    o.huber = one.huber = 1e6;
    struct scaling_fit fit = fitted("loglinear", n, S, x, y, &o);
    for (int s = 0; s < S; s++) {
        double column[MOST];
        for (int64_t i = 0; i < n; i++) column[i] = y[i * S + s];
        slope[s] = fitted("loglinear", n, 1, x, column, &one).param[1];
    }
    struct statistics_interval want = statistics_t_interval(S, slope, 95);
    ck_assert_int_eq(fit.interval, SCALING_T);
    ck_assert_double_eq_tol(fit.param[1], want.mean, 1e-8);
    ck_assert_double_eq_tol((fit.high[1] - fit.low[1]) / (want.high - want.low), 1, 0.05);
}
END_TEST

/* What all sizes of a seed share moves the level of a line, not its slope: drawing the seeds of
 * each size by themselves would see neither. */
START_TEST(test_seeds_are_drawn_for_all_sizes_together)
{
    double x[MOST], y[MOST * SEEDS];
    struct scaling_options o = with(1000);
    struct rng draw = rng_stream(10, RNG_TESTING, 0);
    int64_t n = sizes_of(form_of("loglinear"), x);
    for (int64_t s = 0; s < SEEDS; s++) {
        double common = rng_normal(&draw);
        for (int64_t i = 0; i < n; i++)
            y[i * SEEDS + s] = 20 - log(x[i]) + common + 1e-6 * rng_normal(&draw);
    }
    struct scaling_fit fit = fitted("loglinear", n, SEEDS, x, y, &o);
    ck_assert_double_lt(fit.high[1] - fit.low[1], 1e-4);
    ck_assert_double_gt(fit.high[0] - fit.low[0], 0.5);
}
END_TEST

START_TEST(test_missing_values_are_left_out)
{
    double x[MOST], y[MOST * SEEDS], more[MOST * (SEEDS + 1)];
    struct scaling_options o = with(100);
    int64_t n = sizes_of(form_of("power"), x);
    measure(form_of("power"), n, SEEDS, x, 0.01, 11, y);
    for (int64_t i = 0; i < n; i++)
        for (int64_t s = 0; s <= SEEDS; s++)
            more[i * (SEEDS + 1) + s] = s < SEEDS ? y[i * SEEDS + s] : NAN;
    struct scaling_fit a = fitted("power", n, SEEDS, x, y, &o);
    struct scaling_fit b = fitted("power", n, SEEDS + 1, x, more, &o);
    ck_assert_int_eq(b.n_seeds, SEEDS);
    ck_assert_mem_eq(a.low, b.low, sizeof a.low);
    for (int64_t i = 0; i < n; i++) more[i * (SEEDS + 1) + i % SEEDS] = NAN;
    struct scaling_fit c = fitted("power", n, SEEDS + 1, x, more, &o);
    ck_assert_int_eq(c.n_seeds, SEEDS);
    ck_assert(c.low[2] < 0.4 && 0.4 < c.high[2]);
}
END_TEST

/* tests/coverage_scaling.c counts 1000 laws; of 150 a share has a standard deviation of 0.018.
 * Intervals of a plain percentile bootstrap hold 0.90. */
START_TEST(test_intervals_hold_the_truth)
{
    enum { LAWS = 150, S = 10 };
    double x[MOST], y[MOST * S];
    const struct scaling_form *form = form_of("power");
    struct scaling_options o = with(600);
    int held[3] = {0};
    int64_t n = sizes_of(form, x);
    for (int l = 0; l < LAWS; l++) {
        measure(form, n, S, x, 0.01, 100 + (uint64_t)l, y);
        struct scaling_fit fit = fitted("power", n, S, x, y, &o);
        for (int k = 0; k < 3; k++)
            held[k] += fit.low[k] <= truth_of(form)[k] && truth_of(form)[k] <= fit.high[k];
    }
    for (int k = 0; k < 3; k++) ck_assert_double_eq_tol(held[k] / (double)LAWS, 0.95, 0.045);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scaling_law");
    TCase *t = check_case(s, "scaling_law");
    tcase_add_test(t, test_unknown_form_is_refused);
    tcase_add_test(t, test_too_few_sizes_are_refused);
    tcase_add_test(t, test_two_values_of_a_size_are_refused);
    tcase_add_test(t, test_impossible_values_are_refused);
    tcase_add_loop_test(t, test_gradients_are_those_of_differences, 0, scaling_forms.count);
    tcase_add_loop_test(t, test_frames_do_not_change_the_law, 0, scaling_forms.count);
    tcase_add_test(t, test_predictions_are_the_written_formulas);
    tcase_add_loop_test(t, test_noiseless_laws_are_recovered, 0, scaling_forms.count);
    tcase_add_test(t, test_units_of_y_are_those_of_limit_and_amplitude);
    tcase_add_test(t, test_an_outlier_hardly_moves_a_huber_fit);
    tcase_add_test(t, test_loss_is_a_sum_of_huber_losses);
    tcase_add_test(t, test_a_limit_of_nothing_is_undetermined);
    tcase_add_test(t, test_the_true_form_predicts_the_held_out_size_best);
    tcase_add_test(t, test_one_seed_has_no_interval_and_says_so);
    tcase_add_test(t, test_intervals_are_reproducible_and_keyed);
    tcase_add_test(t, test_refits_leave_a_limit_of_nothing);
    tcase_add_test(t, test_order_of_seeds_does_not_matter);
    tcase_add_test(t, test_t_interval_of_a_line_is_that_of_its_seeds_slopes);
    tcase_add_test(t, test_seeds_are_drawn_for_all_sizes_together);
    tcase_add_test(t, test_missing_values_are_left_out);
    tcase_add_test(t, test_intervals_hold_the_truth);
    return check_run(s);
}
