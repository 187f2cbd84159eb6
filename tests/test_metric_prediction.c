/* Disagreement and Jensen-Shannon divergence of classifiers. */
#include "linalg/metric_local.h"
#include "tests/check_main.h"
#include "tests/metric_case.h"

static const struct measure disagreement = {
    "disagreement",    &form_predictions, metric_disagreement, metric_prediction_scratch,
    .symmetric = true, .low = 0,          .high = 1,           .self = 0};
static const struct measure jsd = {
    "jsd",    &form_predictions, metric_jsd, metric_prediction_scratch, .symmetric = true,
    .low = 0, .high = 1,         .self = 0};

START_TEST(test_other_classes_are_nan)
{
    struct matrix a = gaussian(1, 5, 3), b = gaussian(2, 5, 4);
    ck_assert(isnan(score(&disagreement, &a, &b)) && isnan(score(&jsd, &a, &b)));
    free(a.x), free(b.x);
}
END_TEST

START_TEST(test_golden_inputs_as_logits)
{
    /* dup_all, const1, const01, zero_row, identical, rotated, scaled have d_A = d_B */
    ck_assert_int_eq(check_measure(&disagreement), 7);
    ck_assert_int_eq(check_measure(&jsd), 7);
}
END_TEST

START_TEST(test_disagreement_counts_rows_first_maximum_wins)
{
    double x[] = {1, 5, 5, /**/ 0, 0, 0, /**/ 9, 1, 2, /**/ -3, -2, -1};
    double y[] = {0, 1, 0, /**/ 1, 0, 0, /**/ 3, 1, 2, /**/ -1, -2, -3};
    struct matrix a = {4, 3, x}, b = {4, 3, y};
    ck_assert(score(&disagreement, &a, &b) == 0.25);
    ck_assert(score(&disagreement, &a, &a) == 0);
}
END_TEST

/* Straight from the formula: softmax without shift, two Kullback-Leibler divergences. */
static double twin_jsd(const struct matrix *a, const struct matrix *b)
{
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const double *x = a->x + i * a->d, *y = b->x + i * a->d;
        double z_x = 0, z_y = 0;
        for (int64_t c = 0; c < a->d; c++) z_x += exp(x[c]), z_y += exp(y[c]);
        for (int64_t c = 0; c < a->d; c++) {
            double p = exp(x[c]) / z_x, q = exp(y[c]) / z_y;
            sum += p * log2(2 * p / (p + q)) / 2 + q * log2(2 * q / (p + q)) / 2;
        }
    }
    return sum / (double)a->n;
}

START_TEST(test_jsd_matches_the_twin)
{
    for (int64_t d = 1; d <= 20; d++) {
        struct matrix a = gaussian((uint64_t)d, 31, d), b = gaussian((uint64_t)d + 100, 31, d);
        near("jsd", score(&jsd, &a, &b), twin_jsd(&a, &b), 1e-14);
        free(a.x), free(b.x);
    }
}
END_TEST

START_TEST(test_jsd_closed_forms)
{
    double sure[] = {2000, 0, /**/ 0, 2000}, other[] = {0, 2000, /**/ 2000, 0};
    double even[] = {7, 7, /**/ -1e5, -1e5};
    struct matrix a = {2, 2, sure}, b = {2, 2, other}, c = {2, 2, even};
    ck_assert(score(&jsd, &a, &b) == 1);
    /* m = (3/4, 1/4): H(m) - (0 + 1) / 2 bits */
    near("jsd", score(&jsd, &a, &c), 2 - 0.75 * log2(3) - 0.5, 1e-15);
    double part[] = {2000, 0, /**/ 2000, 0};
    struct matrix half = {2, 2, part};
    ck_assert(score(&jsd, &a, &half) == 0.5);
}
END_TEST

/* Equal rows exactly 0, and so are those that a number was added to, if it costs no digit. */
START_TEST(test_jsd_of_equal_rows_is_exactly_0)
{
    struct matrix a = gaussian(3, 200, 10), b = matrix_new(200, 10);
    for (int64_t i = 0; i < 2000; i++) {
        a.x[i] = floor(a.x[i] * 1024) / 1024;
        b.x[i] = a.x[i] + (double)(i / 10 % 7);
    }
    ck_assert(score(&jsd, &a, &a) == 0);
    ck_assert(score(&jsd, &a, &b) == 0);
    ck_assert(score(&disagreement, &a, &b) == 0);
    free(a.x), free(b.x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metric_prediction");
    TCase *c = check_case(suite, "prediction");
    tcase_add_test(c, test_other_classes_are_nan);
    tcase_add_test(c, test_golden_inputs_as_logits);
    tcase_add_test(c, test_disagreement_counts_rows_first_maximum_wins);
    tcase_add_test(c, test_jsd_matches_the_twin);
    tcase_add_test(c, test_jsd_closed_forms);
    tcase_add_test(c, test_jsd_of_equal_rows_is_exactly_0);
    return check_run(suite);
}
