/* test_spectrum.c - eigenvalues of covariances that are known, and what they say. */
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "tests/check_main.h"

static struct err e;

START_TEST(test_numbers_that_are_none_are_refused)
{
    double x[6] = {1, 2, NAN, 4, 5, 7}, value[2];
    ck_assert_int_eq(spectrum_eigenvalues(3, 2, x, value, &e), ERR_SHAPE);
    x[2] = INFINITY;
    ck_assert_int_eq(spectrum_eigenvalues(2, 3, x, value, &e), ERR_SHAPE);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_without_variance_there_are_no_dimensions)
{
    const double x[6] = {3, 1, 3, 1, 3, 1};
    double value[2] = {-1, -1};
    ck_assert_int_eq(spectrum_eigenvalues(3, 2, x, value, &e), ERR_OK);
    struct spectrum s = spectrum_of(2, value);
    ck_assert_double_eq(s.variance, 0);
    ck_assert_double_nan(s.participation);
    ck_assert_double_nan(s.effective);
    ck_assert_int_eq(s.dimensions[0], 0);
    ck_assert_double_nan(spectrum_of(0, NULL).effective);
    ck_assert_int_eq(spectrum_eigenvalues(0, 2, x, value, &e), ERR_OK);
}
END_TEST

/* Sample 2i is +a along axis i, sample 2i + 1 is -a: the covariance is diagonal with a^2 / d. A
 * mean does not matter. */
START_TEST(test_diagonal_covariance)
{
    enum { D = 4 };
    const double a[D] = {1, 4, 2, 3}, want[D] = {16.0 / D, 9.0 / D, 4.0 / D, 1.0 / D};
    double x[2 * D * D], value[D];
    for (int i = 0; i < 2 * D * D; i++) x[i] = 5;
    for (int i = 0; i < D; i++) {
        x[2 * i * D + i] += a[i];
        x[(2 * i + 1) * D + i] -= a[i];
    }
    ck_assert_int_eq(spectrum_eigenvalues(2 * D, D, x, value, &e), ERR_OK);
    for (int i = 0; i < D; i++) ck_assert_double_eq_tol(value[i], want[i], 1e-13);
    struct spectrum s = spectrum_of(D, value);
    ck_assert_double_eq_tol(s.variance, 30.0 / D, 1e-13);
    ck_assert_double_eq_tol(s.participation, 900.0 / (256 + 81 + 16 + 1), 1e-12);
    double entropy = 0;
    for (int i = 0; i < D; i++) entropy -= want[i] / 7.5 * log(want[i] / 7.5);
    ck_assert_double_eq_tol(s.effective, exp(entropy), 1e-12);
    ck_assert_int_eq(s.dimensions[0], 3); /* 25 / 30, 29 / 30 */
    ck_assert_int_eq(s.dimensions[1], 3);
    ck_assert_int_eq(s.dimensions[2], 4);
}
END_TEST

START_TEST(test_equal_eigenvalues_are_all_used)
{
    double value[100];
    for (int i = 0; i < 100; i++) value[i] = 0.7;
    struct spectrum s = spectrum_of(100, value);
    ck_assert_double_eq_tol(s.participation, 100, 1e-10);
    ck_assert_double_eq_tol(s.effective, 100, 1e-10);
    ck_assert_int_eq(s.dimensions[0], 90);
    ck_assert_int_eq(s.dimensions[1], 95);
    ck_assert_int_eq(s.dimensions[2], 99);
    for (int i = 1; i < 100; i++) value[i] = 0;
    s = spectrum_of(100, value);
    ck_assert_double_eq_tol(s.participation, 1, 1e-14);
    ck_assert_double_eq_tol(s.effective, 1, 1e-14);
    ck_assert_int_eq(s.dimensions[2], 1);
}
END_TEST

/* The n x n route and, of the same numbers with columns of 0 taken away or added, the d x d
 * one: 30 samples that vary in the first 12 of 12, or of 40, columns. */
START_TEST(test_fewer_samples_than_features)
{
    enum { N = 30, D = 12, WIDE = 40 };
    double x[N * D], wide[N * WIDE] = {0}, value[D], many[N];
    struct rng draw = rng_stream(31, RNG_TESTING, 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            x[i * D + j] = wide[i * WIDE + 3 * j] = 100 + (1 + j) * rng_normal(&draw);
        }
    ck_assert_int_eq(spectrum_eigenvalues(N, D, x, value, &e), ERR_OK);
    ck_assert_int_eq(spectrum_eigenvalues(N, WIDE, wide, many, &e), ERR_OK);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(many[i], i < D ? value[i] : 0, 1e-11 * value[0]);
    struct spectrum s = spectrum_of(D, value), t = spectrum_of(N, many);
    ck_assert_double_eq_tol(s.participation, t.participation, 1e-9);
    ck_assert_double_eq_tol(s.effective, t.effective, 1e-9);
    ck_assert_mem_eq(s.dimensions, t.dimensions, sizeof s.dimensions);
    double trace = 0; /* the variance, column by column */
    for (int j = 0; j < D; j++) {
        double mean = 0;
        for (int i = 0; i < N; i++) mean += x[i * D + j] / N;
        for (int i = 0; i < N; i++) trace += pow(x[i * D + j] - mean, 2) / N;
    }
    ck_assert_double_eq_tol(s.variance, trace, 1e-10 * trace);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spectrum");
    TCase *t = check_case(s, "spectrum");
    tcase_add_test(t, test_numbers_that_are_none_are_refused);
    tcase_add_test(t, test_without_variance_there_are_no_dimensions);
    tcase_add_test(t, test_diagonal_covariance);
    tcase_add_test(t, test_equal_eigenvalues_are_all_used);
    tcase_add_test(t, test_fewer_samples_than_features);
    return check_run(s);
}
