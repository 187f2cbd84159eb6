/* test_scatter.c - points, the line fitted to some of them, distances from it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "coord/state.h"
#include "tests/results_small.h"

/* A small store whose trials get other values: x apart from each other, y of relu networks by
 * `line`, of tanh networks by 0.05 above it. */
static struct results *made(double (*line)(double x))
{
    struct results *r = small();
    const struct results_metric *x = results_metric(r, "train_loss");
    const struct results_metric *y = results_metric(r, "test_acc");
    const struct results_axis *activation = results_axis(r, "model.activation");
    for (int64_t t = 0; t < r->n_trials; t++)
        for (int64_t k = 0; k < r->n_records; k++) {
            double at = 0.3 + 0.02 * (double)t;
            bool above = strcmp(activation->text[t], "tanh") == 0;
            x->value[t * r->n_records + k] = at;
            y->value[t * r->n_records + k] = line(at) + (above ? 0.05 : 0);
        }
    return r;
}

static struct figure_spec scatter(int fit)
{
    return (struct figure_spec){.type = table_find(&figure_types, "scatter"),
                                .x = "train_loss",
                                .y = "test_acc",
                                .hue = "model.activation",
                                .fit = fit,
                                .ci = 95,
                                .fit_n = 1000,
                                .fit_filter = "model.activation == relu"};
}

static void draw(const struct results *r, const struct figure_spec *spec, struct figure *f)
{
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    ck_assert_msg(figure_make(r, spec, 1, icml, f, &e) == ERR_OK, "%s", e.text);
}

static double straight(double x)
{
    return 0.1 + 0.5 * x;
}

static double bent(double x)
{
    return 1 / (1 + exp(-(0.3 + 0.8 * log(x / (1 - x)))));
}

static void check_fit(double (*line)(double x), int fit, const char *a_and_b)
{
    struct results *r = made(line);
    struct figure_spec spec = scatter(fit);
    struct figure f;
    draw(r, &spec, &f);
    ck_assert_msg(strstr(f.caption.at, a_and_b) != NULL, "%s", f.caption.at);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "trials with model.activation == relu"));
    const char *tanh_line = strstr(f.answer.at, "tanh: rho = 0.05 [0.05, 0.05]");
    ck_assert_msg(tanh_line != NULL, "%s", f.answer.at);
    /* a trial of relu: its rho is 0 to rounding */
    const char *row = strstr(f.csv.at, "\nrelu,");
    double x, y, rho;
    unsigned long long seed;
    int fitted;
    ck_assert_int_eq(sscanf(row, "\nrelu,%lf,%lf,%llu,%d,%lf", &x, &y, &seed, &fitted, &rho),
                     5);
    ck_assert_int_eq(fitted, 1);
    ck_assert_double_lt(fabs(rho), 1e-12);
    ck_assert_ptr_nonnull(strstr(f.setup.at, "$fit << EOD"));
    ck_assert_ptr_nonnull(strstr(f.axis.at, "\\addlegendentry{fit}"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

START_TEST(test_linear_fit)
{
    check_fit(straight, FIGURE_FIT_LINEAR, "a = 0.1, b = 0.5,");
}
END_TEST

START_TEST(test_logit_fit)
{
    check_fit(bent, FIGURE_FIT_LOGIT, "a = 0.3, b = 0.8,");
}
END_TEST

START_TEST(test_no_fit_says_why)
{
    struct results *r = made(straight);
    struct figure_spec spec = scatter(FIGURE_FIT_LINEAR);
    struct figure f;
    snprintf(spec.fit_filter, sizeof spec.fit_filter, "model.activation == relu and seed > 90");
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "No line: fewer than two points"));
    ck_assert_ptr_null(strstr(f.plot.at, "$fit"));
    figure_clear(&f);
    const struct results_metric *x = results_metric(r, "train_loss");
    for (int64_t i = 0; i < r->n_trials * r->n_records; i++) x->value[i] = 0.3;
    spec.fit_filter[0] = '\0';
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "No line: all points to fit a line to have the "
                                               "same x"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* Accuracies of 0 and 1 have logits, half a sample inside. */
START_TEST(test_logits_of_the_ends)
{
    struct results *r = made(straight);
    struct figure_spec spec = scatter(FIGURE_FIT_LOGIT);
    struct figure f;
    const struct results_metric *y = results_metric(r, "test_acc");
    for (int64_t i = 0; i < r->n_trials * r->n_records; i++) y->value[i] = i % 2;
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Line: logit y = a + b logit x"));
    ck_assert_ptr_null(strstr(f.caption.at, "nan"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* ---- against hand-computed numbers ---- */

/* The first n trials get the points, all others none; seeds as in the store unless given. */
static struct results *given(int n, const double *x, const double *y, const uint64_t *seed)
{
    struct results *r = made(straight);
    const struct results_metric *mx = results_metric(r, "train_loss");
    const struct results_metric *my = results_metric(r, "test_acc");
    for (int64_t t = 0; t < r->n_trials; t++) {
        r->state[t] = t < n ? TRIAL_DONE : TRIAL_FAILED;
        if (t < n && seed) r->seed[t] = seed[t];
        for (int64_t k = 0; t < n && k < r->n_records; k++) {
            mx->value[t * r->n_records + k] = x[t];
            my->value[t * r->n_records + k] = y[t];
        }
    }
    return r;
}

static struct figure_spec plain(int fit)
{
    struct figure_spec spec = scatter(fit);
    spec.hue[0] = spec.fit_filter[0] = '\0';
    return spec;
}

/* The row-th row of the CSV: seed, rho and what is said of its group. */
static void read_row(const struct figure *f, int row, unsigned long long *seed, double *rho,
                     double group[3], int *n)
{
    const char *at = f->csv.at;
    double x, y;
    int fitted;
    for (int i = 0; i <= row; i++) at = strchr(at, '\n') + 1;
    ck_assert_int_eq(sscanf(at, ",%lf,%lf,%llu,%d,%lf,%lf,%lf,%lf,%d", &x, &y, seed, &fitted,
                            rho, &group[0], &group[1], &group[2], n),
                     9);
}

/* Sums of squares about the means: xx = 0.05, xy = 0.03. So b = 0.6, a = 0.25 - 0.6 0.25 = 0.1;
 * distances 0.04, -0.12, 0.12, -0.04. Two seeds with means -0.04 and 0.04: their mean is 0, the
 * half width t(0.975, 1) 0.04 sqrt(2) / sqrt(2). */
START_TEST(test_line_through_points_off_it)
{
    static const double x[] = {0.1, 0.2, 0.3, 0.4}, y[] = {0.2, 0.1, 0.4, 0.3};
    static const double off[] = {0.04, -0.12, 0.12, -0.04};
    static const uint64_t seeds[] = {0, 0, 1, 1};
    struct results *r = given(4, x, y, seeds);
    struct figure_spec spec = plain(FIGURE_FIT_LINEAR);
    struct figure f;
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "a = 0.1, b = 0.6, least squares over 4"));
    for (int i = 0; i < 4; i++) {
        unsigned long long seed;
        double rho, group[3];
        int n;
        read_row(&f, i, &seed, &rho, group, &n);
        ck_assert_uint_eq(seed, seeds[i]);
        ck_assert_double_eq_tol(rho, off[i], 1e-12);
        ck_assert_double_eq_tol(group[0], 0, 1e-12);
        ck_assert_double_eq_tol(group[1], -0.04 * 12.706204736174698, 1e-9);
        ck_assert_double_eq_tol(group[2], 0.04 * 12.706204736174698, 1e-9);
        ck_assert_int_eq(n, 2);
    }
    ck_assert_ptr_nonnull(strstr(f.answer.at, "rho = 0 [-0.508, 0.508]"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* Of accuracies 1/2 and 1 of 4 samples the logits are 0 and log 7; of 1/2 and 3/4 they are 0 and
 * log 3. The third point lies 1/8 above the line through these two. */
START_TEST(test_logits_of_few_samples)
{
    static const double x[] = {0.5, 1, 0.5}, y[] = {0.5, 0.75, 0.625};
    static const uint64_t seeds[] = {0, 0, 1};
    struct results *r = given(3, x, y, seeds);
    struct figure_spec spec = plain(FIGURE_FIT_LOGIT);
    struct figure f;
    char wanted[32];
    unsigned long long seed;
    double rho, group[3];
    int n;
    spec.fit_n = 4;
    snprintf(spec.fit_filter, sizeof spec.fit_filter, "seed == 0");
    draw(r, &spec, &f);
    snprintf(wanted, sizeof wanted, ", b = %.3g,", log(3) / log(7));
    ck_assert_msg(strstr(f.caption.at, wanted) != NULL, "%s", f.caption.at);
    read_row(&f, 1, &seed, &rho, group, &n);
    ck_assert_double_eq_tol(rho, 0, 1e-12);
    read_row(&f, 2, &seed, &rho, group, &n);
    ck_assert_double_eq_tol(rho, 0.125, 1e-12);
    ck_assert_double_eq_tol(group[0], 0.0625, 1e-12);
    /* all of them is where half a sample is missing */
    snprintf(wanted, sizeof wanted, "'1' %.12g", log(7));
    ck_assert_msg(strstr(f.setup.at, wanted) != NULL, "%s", f.setup.at);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Axes are scaled by the logit."));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_losses_have_no_logits)
{
    static const double x[] = {0.5, 1.5}, y[] = {0.5, 0.75};
    struct results *r = given(2, x, y, NULL);
    struct figure_spec spec = plain(FIGURE_FIT_LOGIT);
    struct figure f;
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "No line: only values from 0 to 1"));
    ck_assert_ptr_null(strstr(f.caption.at, "scaled"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* Small values that differ are no equal ones. */
START_TEST(test_tiny_values_have_a_line)
{
    static const double x[] = {1e-9, 2e-9, 3e-9}, y[] = {1e-9, 3e-9, 5e-9};
    struct results *r = given(3, x, y, NULL);
    struct figure_spec spec = plain(FIGURE_FIT_LINEAR);
    struct figure f;
    draw(r, &spec, &f);
    ck_assert_msg(strstr(f.caption.at, "a = -1e-09, b = 2,") != NULL, "%s", f.caption.at);
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

static void check_no_line(int n, const double *x, const double *y, const char *words,
                          const char *why)
{
    struct results *r = given(n, x, y, NULL);
    for (int fit = FIGURE_FIT_LINEAR; fit <= FIGURE_FIT_LOGIT; fit++) {
        struct figure_spec spec = plain(fit);
        struct figure f;
        draw(r, &spec, &f);
        ck_assert_msg(strstr(f.caption.at, words) != NULL, "%s", f.caption.at);
        ck_assert_msg(strstr(f.caption.at, why) != NULL, "%s", f.caption.at);
        const struct text *const all[] = {&f.caption, &f.csv, &f.setup, &f.axis, &f.answer};
        for (int i = 0; i < 5; i++)
            ck_assert(!all[i]->at ||
                      (!strstr(all[i]->at, "nan") && !strstr(all[i]->at, "inf")));
        figure_clear(&f);
    }
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

START_TEST(test_too_little_for_a_line)
{
    static const double same[] = {0.1, 0.1, 0.1}, y[] = {0.2, 0.3, 0.4}, ones[] = {1, 1, 1};
    check_no_line(0, NULL, NULL, "There is nothing to show", "No line: fewer than two");
    check_no_line(1, same, y, "A point for one trial", "No line: fewer than two");
    check_no_line(3, same, y, "A point for each of 3", "No line: all points to fit a line to");
    check_no_line(3, ones, y, "A point for each of 3", "No line: all points to fit a line to");
    check_no_line(3, same, same, "A point for each of 3", "No line: all points");
}
END_TEST

/* A group that never gets where `at` wants it has no distance. */
START_TEST(test_groups_without_points_are_not_spoken_of)
{
    struct results *r = made(straight);
    struct figure_spec spec = scatter(FIGURE_FIT_LINEAR);
    struct figure f;
    const struct results_axis *activation = results_axis(r, "model.activation");
    const struct results_metric *y = results_metric(r, "test_acc");
    for (int64_t t = 0; t < r->n_trials; t++)
        for (int64_t k = 0; k < r->n_records; k++)
            if (strcmp(activation->text[t], "tanh") == 0)
                y->value[t * r->n_records + k] = 0.01; /* lines of relu begin at 0.25 */
    snprintf(spec.at, sizeof spec.at, "test_acc > 0.1");
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.answer.at, "relu: rho = 0 ["));
    ck_assert_ptr_null(strstr(f.answer.at, "tanh"));
    ck_assert_ptr_null(strstr(f.caption.at, "nan"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "have no point: no such record"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* "training loss" is what both losses are called. */
START_TEST(test_axes_have_different_names)
{
    struct results *r = made(straight);
    struct figure_spec spec = plain(FIGURE_FIT_NONE);
    struct figure f;
    snprintf(spec.x, sizeof spec.x, "test_acc");
    snprintf(spec.y, sizeof spec.y, "train_loss");
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set ylabel 'training loss'"));
    figure_clear(&f);
    snprintf(r->metric[1].name, sizeof r->metric[1].name, "train_loss");
    snprintf(r->metric[2].name, sizeof r->metric[2].name, "test_loss");
    snprintf(spec.x, sizeof spec.x, "test_loss");
    draw(r, &spec, &f);
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xlabel 'test loss'"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set ylabel 'train loss'"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scatter");
    TCase *t = check_case(s, "scatter");
    tcase_add_test(t, test_linear_fit);
    tcase_add_test(t, test_logit_fit);
    tcase_add_test(t, test_no_fit_says_why);
    tcase_add_test(t, test_logits_of_the_ends);
    tcase_add_test(t, test_line_through_points_off_it);
    tcase_add_test(t, test_logits_of_few_samples);
    tcase_add_test(t, test_losses_have_no_logits);
    tcase_add_test(t, test_tiny_values_have_a_line);
    tcase_add_test(t, test_too_little_for_a_line);
    tcase_add_test(t, test_groups_without_points_are_not_spoken_of);
    tcase_add_test(t, test_axes_have_different_names);
    return check_run(s);
}
