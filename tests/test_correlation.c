/* test_correlation.c - Pearson's and Spearman's correlation, and intervals over groups. */
#include <math.h>

#include "base/rng.h"
#include "linalg/correlation.h"
#include "tests/check_main.h"

START_TEST(test_nothing_correlates_with_nothing)
{
    const double x[4] = {1, 2, NAN, 4}, y[4] = {NAN, 5, 6, NAN}, same[4] = {0.1, 0.1, 0.1, 0.1};
    ck_assert_double_nan(correlation_pearson(0, NULL, NULL));
    ck_assert_double_nan(correlation_pearson(4, x, y)); /* one pair */
    ck_assert_double_nan(correlation_spearman(4, x, same));
    ck_assert_double_nan(correlation_pearson(4, same, x));
    struct correlation c = correlation_of(4, x, y, NULL, false, 95);
    ck_assert_int_eq(c.n, 1);
    ck_assert_int_eq(c.n_groups, 1);
    ck_assert_double_nan(c.r);
    ck_assert_double_nan(c.low);
    ck_assert_int_eq(correlation_of(0, NULL, NULL, NULL, true, 95).n, 0);
}
END_TEST

/* Of ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: 4.5 / sqrt(4.5 * 5). */
START_TEST(test_correlations_of_small_numbers)
{
    const double x[5] = {1, 2, NAN, 2, 40}, y[5] = {1, 3, 7, 2, 4}, down[5] = {9, 5, 7, 5, -1};
    ck_assert_double_eq_tol(correlation_spearman(5, x, y), 4.5 / sqrt(22.5), 1e-15);
    ck_assert_double_eq(correlation_spearman(5, x, down), -1);
    const double a[3] = {1e8 + 1, 1e8 + 2, 1e8 + 3}, b[3] = {2, 2, 5};
    ck_assert_double_eq_tol(correlation_pearson(3, a, b), sqrt(0.75), 1e-15);
    ck_assert_double_eq_tol(correlation_pearson(3, b, a), sqrt(0.75), 1e-15);
    ck_assert_double_eq_tol(correlation_pearson(3, a, a), 1, 1e-15);
}
END_TEST

/* NumPy: corrcoef of the numbers or of mean ranks, pseudo-values of arctanh, t = 2.776445. */
START_TEST(test_intervals_equal_the_reference)
{
    const double x[11] = {1, 2, 2, 4, 5, 7, 7, 8, 10, 3, NAN};
    const double y[11] = {2, 1, 4, 3, 6, 8, 5, 9, 9, 2.5, 1};
    const int32_t group[11] = {9, 9, -1, -1, 7, 7, 3, 3, 4, 4, 100};
    struct correlation c = correlation_of(11, x, y, group, false, 95);
    ck_assert_int_eq(c.n, 10);
    ck_assert_int_eq(c.n_groups, 5);
    ck_assert_double_eq_tol(c.r, 0.9044483099084796, 1e-14);
    ck_assert_double_eq_tol(c.low, 0.6513793771149962, 1e-10);
    ck_assert_double_eq_tol(c.high, 0.9764324667432345, 1e-10);
    c = correlation_of(11, x, y, group, true, 95);
    ck_assert_double_eq_tol(c.r, 0.9052030094975445, 1e-14);
    ck_assert_double_eq_tol(c.low, 0.6517548280154709, 1e-10);
    ck_assert_double_eq_tol(c.high, 0.9767872288456944, 1e-10);
    struct correlation wide = correlation_of(11, x, y, group, true, 99);
    ck_assert(wide.low < c.low && wide.high > c.high);
}
END_TEST

START_TEST(test_intervals_need_groups_that_differ)
{
    const double x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {2, 1, 3, 5, 4, 7};
    const int32_t two[6] = {0, 0, 0, 1, 1, 1};
    struct correlation c = correlation_of(6, x, y, two, false, 95);
    ck_assert_int_eq(c.n_groups, 2);
    ck_assert_double_gt(c.r, 0.8);
    ck_assert_double_nan(c.low);
    c = correlation_of(3, x, y, NULL, false, 95); /* without one the others have r of 1 or -1 */
    ck_assert_int_eq(c.n_groups, 3);
    ck_assert_double_nan(c.low);
    c = correlation_of(6, x, x, NULL, true, 95);
    ck_assert_double_eq(c.r, 1);
    ck_assert_double_nan(c.high);
    c = correlation_of(5, x, y, NULL, false, 95);
    ck_assert(c.low >= -1 && c.low < c.r && c.r < c.high && c.high <= 1);
}
END_TEST

/* Five of six in order, one swap away from all: without either of the two r is 1. */
START_TEST(test_ranks_in_perfect_order_have_intervals)
{
    const double x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {2, 1, 3, 4, 5, 6};
    struct correlation c = correlation_of(6, x, y, NULL, true, 95);
    ck_assert_double_eq_tol(c.r, 1 - 12 / 210.0, 1e-14);
    ck_assert(c.low > -1 && c.low < c.r && c.r <= c.high && c.high < 1);
}
END_TEST

START_TEST(test_order_and_names_of_groups_do_not_matter)
{
    enum { N = 24 };
    double x[2][N], y[2][N];
    int32_t group[2][N];
    struct rng draw = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < N; i++) {
        int to = i * 7 % N;
        x[0][i] = x[1][to] = rng_normal(&draw);
        y[0][i] = y[1][to] = x[0][i] + rng_normal(&draw);
        group[0][i] = i / 4;
        group[1][to] = 50 - 9 * (i / 4);
    }
    for (int ranks = 0; ranks < 2; ranks++) {
        struct correlation a = correlation_of(N, x[0], y[0], group[0], ranks, 95);
        struct correlation b = correlation_of(N, x[1], y[1], group[1], ranks, 95);
        ck_assert_int_eq(a.n_groups, 6);
        ck_assert_double_eq_tol(a.r, b.r, 1e-14);
        ck_assert_double_eq_tol(a.low, b.low, 1e-12);
        ck_assert_double_eq_tol(a.high, b.high, 1e-12);
    }
}
END_TEST

enum { TIMES = 2000, WIDTHS = 6 };

/* Share of 95 % intervals that hold the correlation of m groups. single: one normal pair each
 * of correlation 0.8; else a line over six values of x with noise, and an offset for each
 * group. */
static double coverage(int m, bool single)
{
    double x[9 * WIDTHS], y[9 * WIDTHS];
    int32_t group[9 * WIDTHS];
    int each = single ? 1 : WIDTHS, hold = 0;
    const double variance = 35.0 / 12, slope = 0.5; /* of 0 to 5 */
    double want = single ? 0.8 : slope * sqrt(variance / (slope * slope * variance + 1.49));
    struct rng draw = rng_stream(2, RNG_TESTING, (uint64_t)m);
    for (int t = 0; t < TIMES; t++) {
        for (int g = 0; g < m; g++) {
            double common = rng_normal(&draw);
            for (int i = g * each; i < (g + 1) * each; i++) {
                group[i] = g;
                x[i] = single ? common : i % WIDTHS;
                y[i] = single ? 0.8 * common + 0.6 * rng_normal(&draw)
                              : slope * x[i] + 0.7 * common + rng_normal(&draw);
            }
        }
        struct correlation c = correlation_of(m * each, x, y, group, false, 95);
        hold += c.low <= want && want <= c.high;
    }
    return (double)hold / TIMES;
}

/* The shares that correlation.h names; of 2000 they have a standard deviation of 0.005. */
START_TEST(test_intervals_of_few_groups_hold)
{
    static const int groups[3] = {4, 6, 9};
    for (int k = 0; k < 3; k++)
        for (int single = 0; single < 2; single++) {
            double share = coverage(groups[k], single);
            ck_assert_msg(share > 0.935 && share < 0.985, "%d groups: %g", groups[k], share);
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("correlation");
    TCase *t = check_case(s, "correlation");
    tcase_add_test(t, test_nothing_correlates_with_nothing);
    tcase_add_test(t, test_correlations_of_small_numbers);
    tcase_add_test(t, test_intervals_equal_the_reference);
    tcase_add_test(t, test_intervals_need_groups_that_differ);
    tcase_add_test(t, test_ranks_in_perfect_order_have_intervals);
    tcase_add_test(t, test_order_and_names_of_groups_do_not_matter);
    tcase_add_test(t, test_intervals_of_few_groups_hold);
    return check_run(s);
}
