/* test_slope.c - exponents of known laws, what has none, and what is said of them. */
#include "linalg/slope.h"

#include <math.h>
#include <string.h>

#include "tests/check_main.h"

static const double width[] = {32, 64, 128, 512};

START_TEST(test_slope_without_value_is_nan)
{
    double nan_y[] = {1, 2, NAN, 4}, zero_y[] = {1, 0, 2, 4}, negative[] = {1, 2, -2, 4};
    double infinite[] = {1, 2, 3, INFINITY}, good[] = {1, 2, 3, 4}, same[] = {8, 8, 8, 8};
    ck_assert(isnan(slope_log2(4, width, nan_y)));
    ck_assert(isnan(slope_log2(4, width, zero_y)));
    ck_assert(isnan(slope_log2(4, width, negative)));
    ck_assert(isnan(slope_log2(4, width, infinite)));
    ck_assert(isnan(slope_log2(4, same, good)));
    ck_assert(isnan(slope_log2(1, width, good)));
    ck_assert(isnan(slope_log2(0, width, good)));
}
END_TEST

/* Sums of a few logarithms: 1e-13 is some hundred roundings. */
START_TEST(test_slope_is_exponent)
{
    for (double exponent = -2; exponent <= 2; exponent += 0.25) {
        double y[4];
        for (int i = 0; i < 4; i++) y[i] = 7.5 * pow(width[i], exponent);
        ck_assert_double_eq_tol(slope_log2(4, width, y), exponent, 1e-13);
    }
}
END_TEST

/* By hand: log2 y = 0, 1, 1 at log2 x = 0, 1, 2: slope = ((-1)(0) + (1)(1)) / 2. */
START_TEST(test_slope_is_least_squares)
{
    double x[] = {1, 2, 4}, y[] = {1, 2, 2};
    ck_assert_double_eq_tol(slope_log2(3, x, y), 0.5, 1e-14);
}
END_TEST

/* Slopes 1 and 2: mean 1.5, half width t(0.975, 1) sd / sqrt(2) = 12.7062047362 / 2. The seed
 * that diverged does not count. */
START_TEST(test_seeds_give_students_interval)
{
    double x[] = {2, 4}, y[] = {2, 4, 1, NAN, 4, 16};
    struct statistics_interval s = slope_over_seeds(3, 2, x, y);
    ck_assert_int_eq(s.n, 2);
    ck_assert_double_eq_tol(s.mean, 1.5, 1e-14);
    ck_assert_double_eq_tol(s.low, 1.5 - 12.7062047362 / 2, 1e-8);
    ck_assert_double_eq_tol(s.high, 1.5 + 12.7062047362 / 2, 1e-8);
    s = slope_over_seeds(1, 2, x, y);
    ck_assert(s.n == 1 && s.mean == 1 && isnan(s.low) && isnan(s.high));
    s = slope_over_seeds(1, 2, x, y + 2);
    ck_assert(s.n == 0 && isnan(s.mean));
}
END_TEST

START_TEST(test_verdicts)
{
    static const struct {
        struct statistics_interval slope;
        enum slope_verdict verdict;
    } rows[] = {
        {{5, 0.5, 0.4, 0.6}, SLOPE_GROWS},
        {{5, 0.15, 0.12, 0.18}, SLOPE_GROWS},
        {{5, 0.5, 0.05, 0.95}, SLOPE_UNDECIDED},
        {{5, -0.5, -0.6, -0.4}, SLOPE_VANISHES},
        {{5, -0.15, -0.18, -0.12}, SLOPE_VANISHES},
        {{5, -0.5, -0.95, -0.05}, SLOPE_UNDECIDED},
        {{5, 0.05, 0.01, 0.09}, SLOPE_INDEPENDENT},
        {{5, -0.12, -0.19, -0.05}, SLOPE_INDEPENDENT},
        {{5, 0.05, -0.15, 0.25}, SLOPE_UNDECIDED},
        {{5, -0.05, -0.25, 0.15}, SLOPE_UNDECIDED},
        {{1, 0.05, NAN, NAN}, SLOPE_UNDECIDED},
        {{0, NAN, NAN, NAN}, SLOPE_UNDECIDED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(slope_verdict(&rows[i].slope), rows[i].verdict);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slope");
    TCase *t = check_case(s, "slope");
    tcase_add_test(t, test_slope_without_value_is_nan);
    tcase_add_test(t, test_slope_is_exponent);
    tcase_add_test(t, test_slope_is_least_squares);
    tcase_add_test(t, test_seeds_give_students_interval);
    tcase_add_test(t, test_verdicts);
    return check_run(s);
}
