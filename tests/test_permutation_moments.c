/* test_permutation_moments.c - moments against all permutations, tails against closed forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/calibration.h"
#include "linalg/permutation_moments.h"
#include "tests/check_main.h"

enum { MOST = 6 };

/* ---- all permutations ---- */

struct all {
    int64_t n;
    bool diagonal;
    const double *a, *b;
    double count, sum, squares;
};

static double product(const struct all *s, const int *perm)
{
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->n; j++)
            if (i != j || s->diagonal)
                sum += s->a[i * s->n + j] * s->b[perm[i] * s->n + perm[j]];
    return sum;
}

/* Every order of the places from `at` on. */
static void visit(struct all *s, int *perm, int at)
{
    if (at == s->n) {
        double z = product(s, perm);
        s->count++;
        s->sum += z;
        s->squares += z * z;
        return;
    }
    for (int i = at; i < s->n; i++) {
        int first = perm[at], other = perm[i];
        perm[at] = other;
        perm[i] = first;
        visit(s, perm, at + 1);
        perm[at] = first;
        perm[i] = other;
    }
}

static void assert_moments_of_all(int64_t n, bool diagonal, const double *a, const double *b,
                                  struct permutation_moments m)
{
    struct all s = {n, diagonal, a, b, 0, 0, 0};
    int perm[MOST] = {0, 1, 2, 3, 4, 5};
    visit(&s, perm, 0);
    ck_assert_double_eq(s.count, tgamma((double)n + 1));
    double mean = s.sum / s.count, variance = s.squares / s.count - mean * mean;
    double size = s.squares / s.count; /* sums of 720 terms of this size */
    ck_assert_double_eq_tol(m.mean, mean, 1e-12 * sqrt(size));
    ck_assert_double_eq_tol(m.variance, variance, 1e-12 * size);
    ck_assert_double_gt(m.variance, 1e-3 * size); /* there is something to compare */
}

static void draw_matrix(uint64_t index, int64_t n, double *a)
{
    struct rng draw = rng_stream(1, RNG_TESTING, index);
    for (int64_t i = 0; i < n * n; i++) a[i] = rng_normal(&draw) + 0.5;
}

START_TEST(test_moments_of_directed_matrices_are_those_of_all_permutations)
{
    double a[MOST * MOST], b[MOST * MOST];
    for (int64_t n = 4; n <= MOST; n++) {
        draw_matrix(1, n, a);
        draw_matrix(2, n, b);
        struct permutation_sums sa = permutation_sums_dense(n, a);
        struct permutation_sums sb = permutation_sums_dense(n, b);
        assert_moments_of_all(n, false, a, b, permutation_moments_pairs(n, &sa, &sb));
    }
}
END_TEST

/* lists[n, k] of random rows, and their matrix. */
static void draw_lists(uint64_t index, int64_t n, int64_t k, int32_t *lists, double *a)
{
    memset(a, 0, (size_t)(n * n) * sizeof *a);
    for (int64_t i = 0; i < n; i++) {
        int32_t order[64];
        calibration_permutation(index, i, n, NULL, order);
        for (int64_t t = 0, at = 0; t < k; at++) {
            if (order[at] == i) continue;
            lists[i * k + t++] = order[at];
            a[i * n + order[at]] = 1;
        }
    }
}

START_TEST(test_moments_of_neighbours_are_those_of_all_permutations)
{
    enum { N = 6, K = 2 };
    int32_t x[N * K], y[N * K];
    double a[N * N], b[N * N];
    draw_lists(1, N, K, x, a);
    draw_lists(2, N, K, y, b);
    struct permutation_sums sa = permutation_sums_lists(N, K, x);
    struct permutation_sums sb = permutation_sums_lists(N, K, y);
    struct permutation_sums dense = permutation_sums_dense(N, a);
    ck_assert_mem_eq(&sa, &dense, sizeof dense);
    struct permutation_moments m = permutation_moments_pairs(N, &sa, &sb);
    assert_moments_of_all(N, false, a, b, m);
    ck_assert_double_eq_tol(m.mean / (N * K), K / (N - 1.0), 1e-15); /* of mutual_knn */
}
END_TEST

/* x[n, d] with columns of mean 0, and x x^T. */
static void draw_gram(uint64_t index, int64_t n, int64_t d, double *gram)
{
    double x[64 * 8];
    struct rng draw = rng_stream(3, RNG_TESTING, index);
    for (int64_t i = 0; i < n * d; i++) x[i] = rng_normal(&draw) * exp(rng_normal(&draw));
    for (int64_t j = 0; j < d; j++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++) mean += x[i * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++) x[i * d + j] -= mean;
    }
    for (int64_t i = 0; i < n * n; i++) {
        gram[i] = 0;
        for (int64_t j = 0; j < d; j++) gram[i] += x[i / n * d + j] * x[i % n * d + j];
    }
}

START_TEST(test_moments_of_centred_matrices_are_those_of_all_permutations)
{
    double a[MOST * MOST], b[MOST * MOST];
    for (int64_t n = 4; n <= MOST; n++) {
        draw_gram(1, n, 2, a);
        draw_gram(2, n, 3, b);
        struct permutation_traces ta = permutation_traces_dense(n, a);
        struct permutation_traces tb = permutation_traces_dense(n, b);
        assert_moments_of_all(n, true, a, b, permutation_moments_centred(n, &ta, &tb));
    }
}
END_TEST

/* A centred identity is the same after every permutation. */
START_TEST(test_what_permutations_leave_alone_has_no_variance)
{
    double a[36], b[36];
    for (int i = 0; i < 36; i++) a[i] = (i / 6 == i % 6) - 1.0 / 6;
    draw_gram(2, 6, 3, b);
    struct permutation_traces ta = permutation_traces_dense(6, a);
    struct permutation_traces tb = permutation_traces_dense(6, b);
    struct permutation_moments m = permutation_moments_centred(6, &ta, &tb);
    ck_assert_double_eq_tol(m.mean, tb.trace, 1e-12 * tb.trace);
    ck_assert_double_le(m.variance, 1e-12 * tb.squares);
    for (int i = 0; i < 36; i++) a[i] = 7; /* all equal off the diagonal */
    struct permutation_sums sa = permutation_sums_dense(6, a);
    struct permutation_sums sb = permutation_sums_dense(6, b);
    m = permutation_moments_pairs(6, &sa, &sb);
    ck_assert_double_eq_tol(m.mean, 7 * sb.sum, 1e-12 * fabs(7 * sb.sum));
    ck_assert_double_le(m.variance, 1e-10 * sb.squares);
}
END_TEST

/* Mean of biased CKA: roots of the participation ratios over n - 1. Numerator of unbiased CKA,
 * the product of matrices whose rows and diagonals are 0: its mean is 0. */
START_TEST(test_closed_forms_of_cka)
{
    enum { N = 40 };
    static double a[N * N], b[N * N];
    draw_gram(1, N, 5, a);
    draw_gram(2, N, 8, b);
    struct permutation_traces ta = permutation_traces_dense(N, a);
    struct permutation_traces tb = permutation_traces_dense(N, b);
    double mean = permutation_moments_centred(N, &ta, &tb).mean;
    double ratio_a = ta.trace * ta.trace / ta.squares,
           ratio_b = tb.trace * tb.trace / tb.squares;
    ck_assert_double_gt(ratio_a, 1);
    ck_assert_double_eq_tol(mean / sqrt(ta.squares * tb.squares),
                            sqrt(ratio_a * ratio_b) / (N - 1), 1e-14);
    for (int side = 0; side < 2; side++) { /* U-centring: Szekely and Rizzo 2014 */
        double *k = side ? b : a, row[N] = {0}, all = 0;
        for (int i = 0; i < N * N; i++)
            if (i / N != i % N) row[i / N] += k[i] / (N - 2), all += k[i] / ((N - 1) * (N - 2));
        for (int i = 0; i < N * N; i++)
            k[i] = i / N == i % N ? 0 : k[i] - row[i / N] - row[i % N] + all;
    }
    struct permutation_sums sa = permutation_sums_dense(N, a);
    struct permutation_sums sb = permutation_sums_dense(N, b);
    struct permutation_moments m = permutation_moments_pairs(N, &sa, &sb);
    ck_assert_double_eq_tol(m.mean, 0, 1e-12 * sqrt(m.variance));
    /* rows of 0 leave one pattern: 2 |A|^2 |B|^2 / (n (n - 3)) */
    ck_assert_double_eq_tol(m.variance, 2 * sa.squares * sb.squares / (N * (N - 3.0)),
                            1e-12 * m.variance);
}
END_TEST

/* Against 4000 permutations: their mean has an error of sd / 63, their variance one of
 * some 3 %. */
START_TEST(test_moments_of_many_rows_are_those_of_sampled_permutations)
{
    enum { N = 50, K = 5, TIMES = 4000 };
    static int32_t x[N * K], y[N * K], perm[N];
    static double a[N * N], b[N * N];
    draw_lists(1, N, K, x, a);
    draw_lists(2, N, K, y, b);
    struct permutation_sums sa = permutation_sums_lists(N, K, x);
    struct permutation_sums sb = permutation_sums_lists(N, K, y);
    struct permutation_moments m = permutation_moments_pairs(N, &sa, &sb);
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < TIMES; t++) {
        double z = 0;
        calibration_permutation(3, t, N, NULL, perm);
        for (int64_t i = 0; i < N * K; i++) z += b[perm[i / K] * N + perm[x[i]]];
        sum += z - m.mean;
        squares += (z - m.mean) * (z - m.mean);
    }
    ck_assert_double_eq_tol(sum / TIMES, 0, 4 * sqrt(m.variance / TIMES));
    ck_assert_double_eq_tol(squares / TIMES / m.variance, 1, 0.1);
}
END_TEST

/* ---- tails ---- */

static void assert_relative(double value, double want)
{
    ck_assert_msg(fabs(value - want) <= 1e-8 * want, "%.17g, not %.17g", value, want);
}

START_TEST(test_tails_of_nothing)
{
    ck_assert_double_nan(permutation_tail(NAN, 0, 1, 0));
    ck_assert_double_nan(permutation_tail(1, NAN, 1, 0));
    ck_assert_double_nan(permutation_tail(1, 0, 1, NAN));
    ck_assert_double_nan(permutation_tail(1, 0, 0, 0));
    ck_assert_double_nan(permutation_tail(1, 0, -1, 0));
    for (double g = -1; g <= 1; g++) {
        ck_assert_double_eq(permutation_tail(INFINITY, 0, 1, g), 0);
        ck_assert_double_eq(permutation_tail(-INFINITY, 0, 1, g), 1);
    }
}
END_TEST

/* Published: Q(z) at 10 and 37. */
START_TEST(test_tail_without_skewness_is_normal)
{
    for (double z = -5; z < 37; z += 0.5)
        assert_relative(permutation_tail(3 + 2 * z, 3, 2, 0), erfc(z / sqrt(2)) / 2);
    assert_relative(permutation_tail(10, 0, 1, 0), 7.619853024160526e-24);
    assert_relative(permutation_tail(37, 0, 1, 0), 5.725571222524472e-300);
}
END_TEST

/* log of the Poisson probability of fewer than a events where x are expected, which is Q(a, x)
 * of whole a: the sum down from a - 1. */
static double log_gamma_tail(double a, double x)
{
    long double sum = 0, term = 1;
    for (double k = a - 1; k >= 0 && term > 1e-20L * sum; k--) {
        sum += term;
        term *= (long double)k / x;
    }
    return (double)((a - 1) * logl((long double)x) - x - lgammal((long double)a) + logl(sum));
}

/* From 1 to 1e-300, shapes of both kinds of computation; their limit is at a = 1e6,
 * above which terms are left out. */
START_TEST(test_tails_of_whole_shapes_are_poisson_sums)
{
    static const double shape[] = {1, 2, 4, 9, 10, 100, 1e4, 9e5, 1.1e6, 4e6};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        double a = shape[i], skewness = 2 / sqrt(a), least = 1;
        for (double z = -3; z < 700; z += z < 10 ? 0.5 : 5) {
            double x = a + sqrt(a) * z;
            if (x <= 0) continue;
            double want = log_gamma_tail(a, x);
            if (want < -690) break;
            least = permutation_tail(z, 0, 1, skewness);
            ck_assert_msg(fabs(log(least) - want) < (a < 1e6 ? 1e-10 : 1e-9),
                          "shape %g, z %g: %.17g, not %.17g", a, z, log(least), want);
        }
        ck_assert_double_lt(least, 1e-200);
    }
}
END_TEST

/* Shape 1/2: erfc(sqrt(x)). */
START_TEST(test_tail_of_a_chi_square)
{
    for (double x = 0.01; x < 690; x *= 1.3)
        assert_relative(permutation_tail((x - 0.5) / sqrt(0.5), 0, 1, 2 * sqrt(2)),
                        erfc(sqrt(x)));
    ck_assert_double_eq(permutation_tail(-0.8, 0, 1, 2 * sqrt(2)), 1);
}
END_TEST

/* Skewed the other way the upper tail is the lower one of a gamma variable, which ends: of
 * shape 1 it is 1 - exp(-x). */
START_TEST(test_tails_of_negative_skewness)
{
    for (double x = 1e-10; x < 50; x *= 1.7)
        ck_assert_double_eq_tol(permutation_tail(1 - x, 0, 1, -2) / -expm1(-x), 1,
                                1e-8 + 4e-16 / x);
    ck_assert_double_eq(permutation_tail(1.01, 0, 1, -2), 0);
    static const double skewness[] = {1, 0.1, 0.002001, 0.001999, 1e-5};
    for (int i = 0; i < 5; i++)
        for (double z = -1.5; z <= 1.5; z += 0.25)
            ck_assert_double_eq_tol(permutation_tail(z, 0, 1, -skewness[i]),
                                    1 - permutation_tail(-z, 0, 1, skewness[i]), 1e-12);
}
END_TEST

/* On both sides of the limit between the computations, and next to none: the tail goes on. */
START_TEST(test_tail_is_continuous_in_skewness)
{
    static const double at[] = {2e-3, -2e-3, 1e-9};
    for (int i = 0; i < 3; i++)
        for (double z = -4; z < 36; z += 0.7) {
            double h = 1e-12, a = permutation_tail(z, 0, 1, at[i] - h);
            double b = permutation_tail(z, 0, 1, at[i] + h);
            ck_assert_double_eq_tol(a / b, 1, 1e-8 + h * fabs(z * z * z));
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("permutation_moments");
    TCase *t = check_case(s, "permutation_moments");
    tcase_add_test(t, test_moments_of_directed_matrices_are_those_of_all_permutations);
    tcase_add_test(t, test_moments_of_neighbours_are_those_of_all_permutations);
    tcase_add_test(t, test_moments_of_centred_matrices_are_those_of_all_permutations);
    tcase_add_test(t, test_what_permutations_leave_alone_has_no_variance);
    tcase_add_test(t, test_closed_forms_of_cka);
    tcase_add_test(t, test_moments_of_many_rows_are_those_of_sampled_permutations);
    tcase_add_test(t, test_tails_of_nothing);
    tcase_add_test(t, test_tail_without_skewness_is_normal);
    tcase_add_test(t, test_tails_of_whole_shapes_are_poisson_sums);
    tcase_add_test(t, test_tail_of_a_chi_square);
    tcase_add_test(t, test_tails_of_negative_skewness);
    tcase_add_test(t, test_tail_is_continuous_in_skewness);
    return check_run(s);
}
