/* test_vmath.c - the single-precision functions against the C library in double. */
#include "tests/core.h"

#include "worker/vmath.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5));
}

static double normal_pdf(double x)
{
    return exp(-x * x / 2) / sqrt(2 * acos(-1));
}

/* Relative errors in units of 2^-24, half a unit of the last place, over a range. What exp
 * makes of an argument inherits that argument's rounding error times its size: x^2/2 of
 * normal_pdf, a^2 of normal_cdf. */
static const struct {
    const char *name;
    real (*got)(real x);
    double (*wanted)(double x);
    double from, to, limit;
} functions[] = {
    {"exp", vmath_exp, exp, -87, 88, 4},
    {"expm1", vmath_expm1, expm1, -20, 0, 4},
    {"log1p", vmath_log1p, log1p, 0, 1, 5},
    {"tanh", vmath_tanh, tanh, -20, 20, 8},
    {"sigmoid", vmath_sigmoid, sigmoid, -80, 80, 6},
    {"softplus", vmath_softplus, softplus, -80, 80, 8},
    {"normal_cdf near 0", vmath_normal_cdf, normal_cdf, -3, 40, 24},
    {"normal_cdf tail", vmath_normal_cdf, normal_cdf, -12, -3, 320},
    {"normal_pdf", vmath_normal_pdf, normal_pdf, -12, 12, 160},
    {"sin", vmath_sin, sin, -50, 50, 2},
    {"cos", vmath_cos, cos, -50, 50, 2},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

START_TEST(test_functions_are_accurate)
{
    enum { POINTS = 200000 };
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0;
        for (int i = 0; i <= POINTS; i++) {
            double span = functions[f].to - functions[f].from;
            real x = (real)(functions[f].from + span * i / POINTS);
            double wanted = functions[f].wanted((double)x);
            double got = (double)functions[f].got(x);
            double off = fabs(got - wanted) / fmax(fabs(wanted), 1e-37) * 0x1p24;
            if (!(off <= worst)) worst = off;
        }
        ck_assert_msg(worst <= functions[f].limit, "%s: %g", functions[f].name, worst);
    }
}
END_TEST

START_TEST(test_small_arguments_keep_their_digits)
{
    for (real x = 0.5f; x > 1e-30f; x /= 3) {
        ck_assert_double_lt(fabs((double)vmath_tanh(x) / tanh((double)x) - 1), 5e-7);
        ck_assert_double_lt(fabs((double)vmath_expm1(-x) / expm1(-(double)x) - 1), 5e-7);
        ck_assert_double_lt(fabs((double)vmath_log1p(x) / log1p((double)x) - 1), 5e-7);
    }
    ck_assert(vmath_tanh(0) == 0 && vmath_expm1(0) == 0 && vmath_exp(0) == 1);
}
END_TEST

START_TEST(test_ends_of_the_range)
{
    ck_assert(isinf(vmath_exp(100)) && isinf(vmath_exp(INFINITY)));
    ck_assert(vmath_exp(-200) == 0 && vmath_exp(-INFINITY) == 0);
    ck_assert(vmath_tanh(INFINITY) == 1 && vmath_tanh(-INFINITY) == -1);
    ck_assert(vmath_sigmoid(-1e30f) == 0 && vmath_sigmoid(1e30f) == 1);
    ck_assert(vmath_softplus(1e30f) == 1e30f && vmath_softplus(-1e30f) == 0);
    ck_assert(vmath_normal_cdf(-1e10f) == 0 && vmath_normal_cdf(1e10f) == 1);
    for (int f = 0; f < FUNCTIONS; f++)
        ck_assert_msg(isnan(functions[f].got(NAN)), "%s", functions[f].name);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmath");
    TCase *t = check_case(s, "vmath");
    tcase_add_test(t, test_functions_are_accurate);
    tcase_add_test(t, test_small_arguments_keep_their_digits);
    tcase_add_test(t, test_ends_of_the_range);
    return check_run(s);
}
