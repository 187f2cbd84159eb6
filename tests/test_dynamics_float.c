/* test_dynamics_float.c - measures of dynamics in single precision: near those in double, and
 * without a trace in what else is recorded. */
#include "tests/dynamics_case.h"

/* Sharpness and trace are differences of gradients, others of rounded features. */
START_TEST(test_values_are_those_of_double_precision)
{
    for (size_t i = 0; i < sizeof dynamics_golden / sizeof *dynamics_golden; i++) {
        const struct dynamics_golden *g = &dynamics_golden[i];
        struct dynamics_ran *t = dynamics_golden_run(g);
        double first = dynamics_value(t, g->metric, 0), last = dynamics_value(t, g->metric, 1);
        bool curvature = strstr("sharpness hessian_trace", g->metric) != NULL;
        double near = curvature ? 2e-3 : 1e-5;
        ck_assert_msg(fabs(first - g->first) <= near * fabs(g->first), "%s: %.9g, not %.9g",
                      g->metric, first, g->first);
        ck_assert_msg(fabs(last - g->last) <= near * fabs(g->last), "%s: %.9g, not %.9g",
                      g->metric, last, g->last);
        dynamics_ran_destroy(t);
    }
}
END_TEST

static void check_no_trace(const struct config *c)
{
    struct record all = dynamics_record(true), few = dynamics_record(false);
    all.grid_count = few.grid_count = 5;
    struct dynamics_ran *a = dynamics_run(c, &all, NULL), *b = dynamics_run(c, &few, NULL);
    ck_assert_int_eq(a->shape.records, b->shape.records);
    for (int i = 0; i < few.n_metrics; i++)
        for (int64_t k = 0; k < b->shape.records; k++)
            ck_assert_msg(dynamics_value(a, few.metric[i], k) ==
                              dynamics_value(b, few.metric[i], k),
                          "%s at record %d", few.metric[i], (int)k);
    ck_assert_mem_eq(a->rows.weights, b->rows.weights,
                     (size_t)a->shape.weights * sizeof(float));
    dynamics_ran_destroy(a);
    dynamics_ran_destroy(b);
}

START_TEST(test_measuring_leaves_no_trace)
{
    struct config c = dynamics_config();
    check_no_trace(&c);
    core_set(&c, "model.norm=batch model.dropout=0.2 optim.momentum=0.9");
    check_no_trace(&c);
}
END_TEST

START_TEST(test_every_metric_is_the_same_alone)
{
    struct config c = dynamics_config();
    struct record all = dynamics_record(true), one = all;
    struct dynamics_ran *a = dynamics_run(&c, &all, NULL);
    one.n_metrics = 1;
    for (int i = 0; i < all.n_metrics; i++) {
        memcpy(one.metric[0], all.metric[i], sizeof one.metric[0]);
        struct dynamics_ran *b = dynamics_run(&c, &one, NULL);
        for (int64_t k = 0; k < a->shape.records; k++)
            ck_assert_msg(dynamics_value(a, all.metric[i], k) ==
                              dynamics_value(b, all.metric[i], k),
                          "%s at record %d", all.metric[i], (int)k);
        dynamics_ran_destroy(b);
    }
    dynamics_ran_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dynamics in single precision");
    TCase *t = check_case(s, "dynamics");
    tcase_add_test(t, test_values_are_those_of_double_precision);
    tcase_add_test(t, test_measuring_leaves_no_trace);
    tcase_add_test(t, test_every_metric_is_the_same_alone);
    return check_run(s);
}
