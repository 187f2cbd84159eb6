/* test_scatter.c - points, the line fitted to some of them, distances from it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "coord/state.h"
#include "tests/check_main.h"

static struct err e;

/* A small store whose trials get other values: x apart from each other, y of relu networks by
 * `line`, of tanh networks by 0.05 above it. */
static struct results *made(double (*line)(double x))
{
    struct results *r = NULL;
    ck_assert_int_eq(results_read(TESTS_DIR "/golden/results/small.h5", &r, &e), ERR_OK);
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

int main(void)
{
    Suite *s = suite_create("scatter");
    TCase *t = check_case(s, "scatter");
    tcase_add_test(t, test_linear_fit);
    tcase_add_test(t, test_logit_fit);
    tcase_add_test(t, test_no_fit_says_why);
    tcase_add_test(t, test_logits_of_the_ends);
    return check_run(s);
}
