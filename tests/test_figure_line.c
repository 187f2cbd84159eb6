/* test_figure_line.c - lines against a setting and over training, in one plot or in panels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "tests/results_small.h"

static int type_of(const char *name)
{
    return table_find(&figure_types, name);
}

static struct figure drawn(const struct results *r, const struct figure_spec *spec)
{
    struct figure f;
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    enum err_code rc = figure_make(r, spec, 1, icml, &f, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return f;
}

START_TEST(test_line_figure_tells_what_it_shows)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("line"),
                               .y = "test_acc",
                               .x = "model.width",
                               .hue = "model.activation",
                               .log = "xy",
                               .ci = 95};
    struct figure f = drawn(r, &spec);
    const char head[] = "model.activation,model.width,position,test_acc,low,high,n,diverged,"
                        "value_1,value_2,value_3\nrelu,16,16,0.51,0.4851586";
    ck_assert_int_eq(strncmp(f.csv.at, head, sizeof head - 1), 0);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "n = 2 to 3 seeds"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "95 % Student's t intervals over seeds."));
    ck_assert_ptr_null(strstr(f.caption.at, "too short"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "1 trial diverged"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "relu, 64: 1"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "relu: 0.51 [0.485, 0.535] at width 16, 0.71"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set logscale x\nset logscale y"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xtics ('16' 16, '64' 64, '256' 256)"));
    figure_clear(&f);
    snprintf(spec.filter, sizeof spec.filter, "model.width <= 64");
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.answer.at, "at width 64 (1 diverged)\n"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* Two metrics over training: a point for every step that was recorded. */
/* No trials: an empty figure, with axes that gnuplot can draw. */
START_TEST(test_nothing_to_show_is_drawn)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("line"),
                               .y = "test_acc",
                               .x = "model.activation",
                               .filter = "model.width > 1e6",
                               .ci = 95};
    struct figure f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xrange [-0.5:0.5]"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "There is nothing to show"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_lines_over_training)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("line"),
                               .y = "train_loss, test_acc",
                               .x = "step",
                               .hue = "model.activation",
                               .filter = "model.width == 16",
                               .ci = 95};
    struct figure f = drawn(r, &spec);
    ck_assert_msg(strncmp(f.csv.at, "series,step,position,value,low,high,n,diverged\n", 47) ==
                      0,
                  "%s", f.csv.at);
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\n\"train_loss, relu\",50,50,"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\n\"test_acc, tanh\",200,200,0.56,"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Means at each record."));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "test_acc, tanh: "));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "at step 200"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_panels)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("line"),
                               .y = "test_acc",
                               .x = "model.width",
                               .panel = "model.activation",
                               .ci = 95};
    struct figure f = drawn(r, &spec);
    ck_assert(f.multiplot);
    ck_assert_ptr_nonnull(strstr(f.csv.at, ",value_3,model.activation\n,16,16,0.51,"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, ",relu\n"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, ",tanh\n"));
    ck_assert_ptr_nonnull(strstr(f.plot.at, "set multiplot layout 1,2 "));
    ck_assert_ptr_nonnull(strstr(f.plot.at, "set title 'tanh'"));
    ck_assert_ptr_nonnull(strstr(f.plot.at, "every ::3::5")); /* the second panel's rows */
    ck_assert_ptr_nonnull(strstr(f.axis.at, "\\nextgroupplot[title={tanh}"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "relu, 0.51 [0.485, 0.535] at width 16"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "(relu, 64: 1)"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_alignment_has_no_steps)
{
    struct results *r = small();
    struct figure f;
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    struct figure_spec spec = {.type = type_of("line"), .y = "cka", .x = "step", .ci = 95};
    ck_assert_int_eq(figure_make(r, &spec, 1, icml, &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "'cka' is an alignment of finished networks"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_log_axis_needs_positive_values)
{
    struct results *r = small();
    const struct results_metric *acc = results_metric(r, "test_acc");
    for (int64_t i = 0; i < r->n_trials * r->n_records; i++) acc->value[i] -= 0.6;
    struct figure_spec spec = {
        .type = type_of("line"), .y = "test_acc", .x = "model.width", .log = "y", .ci = 95};
    struct figure f = drawn(r, &spec);
    ck_assert_ptr_null(strstr(f.setup.at, "logscale"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "The axis is linear"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* An interval of two seeds at width 64 reaches below 0: its band ends at the axis, which ends a
 * decade below the values. The data keep it. */
START_TEST(test_log_axis_cuts_intervals)
{
    struct results *r = small();
    const struct results_metric *acc = results_metric(r, "test_acc");
    for (int64_t i = 0; i < r->n_trials; i++)
        for (int64_t k = 0; k < r->n_records; k++)
            acc->value[i * r->n_records + k] = r->seed[i] == 0 ? 0.02 : 0.9;
    struct figure_spec spec = {
        .type = type_of("line"), .y = "test_acc", .x = "model.width", .log = "y", .ci = 95};
    struct figure f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set logscale y\nlow(v) = v < 0.00"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, ",-0.")); /* low */
    ck_assert_ptr_null(strstr(f.axis.at, ",-"));
    ck_assert_ptr_null(strstr(f.caption.at, "The axis is linear"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_one_seed_has_no_band)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("line"),
                               .y = "test_acc",
                               .x = "model.width",
                               .ci = 95,
                               .filter = "seed == 0 and model.activation == relu"};
    struct figure f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "n = 1 seed at each point. Too few seeds"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\n,16,16,0.5,,,1,0,0.5\n"));
    figure_clear(&f);
    snprintf(spec.y, sizeof spec.y, "cka");
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "needs two seeds"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("line figures");
    TCase *t = check_case(s, "lines");
    tcase_add_test(t, test_line_figure_tells_what_it_shows);
    tcase_add_test(t, test_nothing_to_show_is_drawn);
    tcase_add_test(t, test_lines_over_training);
    tcase_add_test(t, test_panels);
    tcase_add_test(t, test_alignment_has_no_steps);
    tcase_add_test(t, test_log_axis_needs_positive_values);
    tcase_add_test(t, test_log_axis_cuts_intervals);
    tcase_add_test(t, test_one_seed_has_no_band);
    return check_run(s);
}
