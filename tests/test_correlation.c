/* test_correlation.c - ranks and correlations, against numbers worked out by hand. */
#include "linalg/correlation.h"

#include <math.h>

#include "base/rng.h"
#include "tests/check_main.h"

START_TEST(test_nothing_varies)
{
    const double x[3] = {0.1, 0.1, 0.1}, y[3] = {1, 2, 3};
    ck_assert_double_nan(correlation_of(0, NULL, NULL).pearson);
    ck_assert_double_nan(correlation_of(1, y, y).spearman);
    ck_assert_double_nan(correlation_of(3, x, y).pearson);
    ck_assert_double_nan(correlation_of(3, y, x).spearman);
}
END_TEST

START_TEST(test_equal_values_share_ranks)
{
    const double x[6] = {3, 1, 3, -2, 3, 1}, want[6] = {5, 2.5, 5, 1, 5, 2.5};
    double rank[6];
    correlation_ranks(6, x, rank);
    for (int i = 0; i < 6; i++) ck_assert_double_eq(rank[i], want[i]);
}
END_TEST

/* Sums of squares 10, 10, products 8. Of ranks with ties x: 1, 2.5, 2.5, 4; y: 1, 3, 2, 4:
 * products 4.5 of 4.5 and 5. */
START_TEST(test_by_hand)
{
    const double x[5] = {1, 2, 3, 4, 5}, y[5] = {2, 1, 4, 3, 5};
    struct correlation c = correlation_of(5, x, y);
    ck_assert_double_eq_tol(c.pearson, 0.8, 1e-15);
    ck_assert_double_eq_tol(c.spearman, 0.8, 1e-15); /* 1 - 6 * 4 / (5 * 24) */
    const double tied[4] = {0, 7, 7, 100}, other[4] = {-5, 3, 2, 4};
    ck_assert_double_eq_tol(correlation_of(4, tied, other).spearman, 4.5 / sqrt(4.5 * 5),
                            1e-15);
}
END_TEST

/* Ranks do not see a monotone function; a falling one turns the sign. */
START_TEST(test_monotone_functions)
{
    enum { N = 500 };
    double x[N], y[N], up[N], down[N];
    struct rng draw = rng_stream(41, RNG_TESTING, 0);
    for (int i = 0; i < N; i++) {
        x[i] = rng_normal(&draw);
        y[i] = x[i] + rng_normal(&draw);
        up[i] = exp(3 * y[i]);
        down[i] = -y[i] * y[i] * y[i];
    }
    struct correlation a = correlation_of(N, x, y), b = correlation_of(N, x, up),
                       c = correlation_of(N, x, down);
    ck_assert_double_eq_tol(a.pearson, sqrt(0.5), 0.07); /* its standard deviation is 0.022 */
    ck_assert_double_eq(a.spearman, b.spearman);
    ck_assert_double_eq_tol(a.spearman, -c.spearman, 1e-14);
    ck_assert_double_lt(b.pearson, a.pearson - 0.1);
    ck_assert_double_eq(correlation_of(N, x, x).pearson, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("correlation");
    TCase *t = check_case(s, "correlation");
    tcase_add_test(t, test_nothing_varies);
    tcase_add_test(t, test_equal_values_share_ranks);
    tcase_add_test(t, test_by_hand);
    tcase_add_test(t, test_monotone_functions);
    return check_run(s);
}
