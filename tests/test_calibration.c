/* test_calibration.c - permutations, calibrated scores, many tests at once; the reference's
 * nulls. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/calibration.h"
#include "tests/alignment_inputs.h"
#include "tests/alignment_twin.h"
#include "tests/check_main.h"
#include "tests/golden_json.h"

/* ---- permutations ---- */

static void assert_permutation(int64_t n, const int32_t *perm)
{
    char seen[64] = {0};
    for (int64_t i = 0; i < n; i++) {
        ck_assert(perm[i] >= 0 && perm[i] < n && !seen[perm[i]]);
        seen[perm[i]] = 1;
    }
}

START_TEST(test_permutations_of_none_and_one)
{
    int32_t perm[1] = {7};
    calibration_permutation(1, 0, 0, NULL, perm);
    ck_assert_int_eq(perm[0], 7);
    calibration_permutation(1, 0, 1, NULL, perm);
    ck_assert_int_eq(perm[0], 0);
}
END_TEST

/* The numbers are part of every result. */
START_TEST(test_permutations_are_a_function_of_key_and_index)
{
    static const int32_t known[8] = {6, 4, 5, 2, 0, 7, 1, 3};
    int32_t a[8], b[8], c[8], d[8];
    calibration_permutation(5, 3, 8, NULL, a);
    calibration_permutation(5, 3, 8, NULL, b);
    calibration_permutation(5, 4, 8, NULL, c);
    calibration_permutation(6, 3, 8, NULL, d);
    ck_assert_mem_eq(a, known, sizeof a);
    ck_assert_mem_eq(a, b, sizeof a);
    struct rng draw = rng_stream(5, RNG_PERMUTE, 3);
    int64_t plain[8];
    rng_permutation(&draw, 8, plain);
    for (int i = 0; i < 8; i++) ck_assert_int_eq(a[i], plain[i]);
    ck_assert_mem_ne(a, c, sizeof a);
    ck_assert_mem_ne(a, d, sizeof a);
}
END_TEST

/* All 24 orders of 4 rows 1000 times each: the chi-squared statistic of 23 degrees of freedom
 * is below 49.7 in all but one of 1000 draws; the draw is fixed. */
START_TEST(test_permutations_are_uniform)
{
    double count[256] = {0}, chi = 0;
    for (int64_t b = 0; b < 24000; b++) {
        int32_t perm[4];
        calibration_permutation(1, b, 4, NULL, perm);
        assert_permutation(4, perm);
        count[perm[0] << 6 | perm[1] << 4 | perm[2] << 2 | perm[3]]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        orders += count[i] > 0;
        if (count[i] > 0) chi += (count[i] - 1000) * (count[i] - 1000) / 1000;
    }
    ck_assert_int_eq(orders, 24);
    ck_assert_double_lt(chi, 49.7);
}
END_TEST

START_TEST(test_rows_stay_in_their_group)
{
    enum { N = 60 };
    int32_t group[N], perm[N], plain[N], one[N] = {0};
    int moved = 0;
    for (int i = 0; i < N; i++) group[i] = i * 7 % 5 - 2; /* negative labels, too */
    group[11] = 1000;                                     /* alone */
    for (int64_t b = 0; b < 20; b++) {
        calibration_permutation(9, b, N, group, perm);
        assert_permutation(N, perm);
        for (int i = 0; i < N; i++) {
            ck_assert_int_eq(group[perm[i]], group[i]);
            moved += perm[i] != i;
        }
        ck_assert_int_eq(perm[11], 11);
    }
    ck_assert_int_gt(moved, 1000); /* of 1200, one in twelve stays */
    calibration_permutation(9, 0, N, one, perm);
    calibration_permutation(9, 0, N, NULL, plain);
    ck_assert_mem_eq(perm, plain, sizeof perm);
}
END_TEST

/* ---- one statistic ---- */

static const struct calibration_rule usual = {0.05, 1, false};

static void assert_all_nan(struct calibration c)
{
    ck_assert_double_nan(c.p);
    ck_assert_double_nan(c.threshold);
    ck_assert_double_nan(c.calibrated);
    ck_assert_double_nan(c.null_mean);
    ck_assert_double_nan(c.null_sd);
}

START_TEST(test_nothing_is_calibrated_without_numbers)
{
    const double null[2] = {1, 3};
    assert_all_nan(calibration_of(&usual, 0.5, 0, NULL));
    struct calibration c = calibration_of(&usual, NAN, 2, null);
    ck_assert_double_eq(c.null_mean, 2);
    ck_assert_double_eq(c.null_sd, 1);
    c.null_mean = c.null_sd = NAN;
    assert_all_nan(c);
}
END_TEST

/* Twenty scores: the threshold is the 19th of them. */
START_TEST(test_scores_are_gated_at_the_threshold)
{
    double null[19];
    for (int b = 0; b < 19; b++) null[b] = (b * 7 % 19) / 20.0; /* 0, .05, ... .9 */
    struct calibration c = calibration_of(&usual, 0.95, 19, null);
    ck_assert_double_eq(c.p, 0.05);
    ck_assert_double_eq(c.threshold, 0.9);
    ck_assert_double_eq_tol(c.calibrated, 0.5, 1e-15);
    ck_assert_double_eq_tol(c.null_mean, 0.45, 1e-15);
    ck_assert_double_eq_tol(c.null_sd, 0.05 * sqrt((19 * 19 - 1) / 12.0), 1e-15);
    c = calibration_of(&usual, 0.9, 19, null); /* as high as the highest: one more above */
    ck_assert_double_eq(c.p, 0.1);
    ck_assert_double_eq(c.calibrated, 0);
    c = calibration_of(&usual, -1, 19, null);
    ck_assert_double_eq(c.p, 1);
    ck_assert_double_eq(c.calibrated, 0);
    c = calibration_of(&usual, 1, 19, null);
    ck_assert_double_eq(c.calibrated, 1);
    c = calibration_of(&usual, 2, 1, (double[]){3}); /* too few to reject anything */
    ck_assert_double_eq(c.p, 1);
    c = calibration_of(&usual, 0.5, 1, (double[]){0});
    ck_assert_double_eq(c.p, 0.5);
    ck_assert_double_eq(c.calibrated, 0);
}
END_TEST

START_TEST(test_above_the_threshold_means_p_of_at_most_alpha)
{
    struct rng draw = rng_stream(1, RNG_TESTING, 0);
    int above = 0;
    for (int t = 0; t < 3000; t++) {
        double null[60];
        const struct calibration_rule rule = {(double)(1 + rng_below(&draw, 19)) / 20, 100,
                                              false};
        int64_t K = 1 + (int64_t)rng_below(&draw, 60);
        for (int64_t b = 0; b < K; b++) null[b] = (double)rng_below(&draw, 30); /* ties */
        null[0] += 8;
        double observed = (double)rng_below(&draw, 40);
        struct calibration c = calibration_of(&rule, observed, K, null);
        ck_assert_int_eq(c.calibrated > 0, c.p <= rule.alpha + 1e-12);
        above += c.calibrated > 0;
    }
    ck_assert_int_gt(above, 500);
}
END_TEST

START_TEST(test_dissimilarities_are_mirrored)
{
    double null[50], mirrored[50];
    struct rng draw = rng_stream(2, RNG_TESTING, 0);
    for (int b = 0; b < 50; b++) mirrored[b] = 2 - (null[b] = rng_uniform(&draw));
    null[7] = mirrored[7] = NAN;
    const struct calibration_rule distance = {0.1, 1, true};
    const struct calibration_rule likeness = {0.1, 1, false};
    static const double observed[3] = {0.99, 0.95, 0.3};
    for (int i = 0; i < 3; i++) {
        struct calibration a = calibration_of(&likeness, observed[i], 50, null);
        struct calibration b = calibration_of(&distance, 2 - observed[i], 50, mirrored);
        ck_assert_double_eq(a.p, b.p);
        ck_assert_double_eq_tol(b.threshold, 2 - a.threshold, 1e-15);
        ck_assert_double_eq_tol(b.calibrated, a.calibrated, 1e-13);
        ck_assert_double_eq_tol(b.null_mean, 2 - a.null_mean, 1e-14);
        ck_assert_double_eq_tol(b.null_sd, a.null_sd, 1e-14);
    }
}
END_TEST

START_TEST(test_missing_null_scores_are_least_alike)
{
    const double null[4] = {NAN, 0.5, NAN, 0.7};
    struct calibration_rule rule = {0.3, 1, false};
    struct calibration c = calibration_of(&rule, 0.6, 4, null);
    ck_assert_double_eq(c.p, 0.4);
    ck_assert_double_eq(c.threshold, 0.6); /* the fourth of -inf, -inf, .5, .6, .7 */
    ck_assert_double_eq(c.null_mean, 0.6);
    rule.alpha = 0.7; /* the second */
    c = calibration_of(&rule, 0.6, 4, null);
    ck_assert(isinf(c.threshold) && c.threshold < 0);
    ck_assert_double_nan(c.calibrated);
}
END_TEST

/* ---- many statistics ---- */

/* p.adjust(c(.01, .04, .03, .02, .5), "BH") of R, with a missing one between. */
START_TEST(test_false_discovery_rates_are_those_of_r)
{
    double p[6] = {0.01, 0.04, NAN, 0.03, 0.02, 0.5}, q[6];
    const double want[6] = {0.05, 0.05, NAN, 0.05, 0.05, 0.5};
    calibration_fdr(0, NULL, NULL);
    calibration_fdr(6, p, q);
    for (int i = 0; i < 6; i++) {
        if (isnan(want[i]))
            ck_assert_double_nan(q[i]);
        else
            ck_assert_double_eq_tol(q[i], want[i], 1e-15);
    }
    const double other[4] = {0.001, 0.8, 0.02, 0.9}, adjusted[4] = {0.004, 0.9, 0.04, 0.9};
    memcpy(p, other, sizeof other);
    calibration_fdr(4, p, p); /* in place */
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(p[i], adjusted[i], 1e-15);
}
END_TEST

/* Straight from the definition: the least of p_(j) m / j over all j at or above. */
START_TEST(test_false_discovery_rates_equal_the_definition)
{
    enum { M = 40 };
    double p[M], q[M];
    struct rng draw = rng_stream(3, RNG_TESTING, 0);
    for (int i = 0; i < M; i++) p[i] = (double)(1 + rng_below(&draw, 60)) / 61; /* ties */
    calibration_fdr(M, p, q);
    for (int i = 0; i < M; i++) {
        double least = 1;
        for (int j = 0; j < M; j++) {
            int below = 0;
            for (int l = 0; l < M; l++) below += p[l] <= p[j];
            if (p[j] >= p[i]) least = fmin(least, p[j] * M / below);
        }
        ck_assert_double_eq_tol(q[i], least, 1e-15);
    }
}
END_TEST

START_TEST(test_standard_scores_take_the_observed_in)
{
    const double null[4] = {1, 2, 3, NAN};
    double z[4], seen;
    calibration_standardize(4, null, 6, z, &seen); /* 1, 2, 3, 6: mean 3, sd sqrt(3.5) */
    ck_assert_double_eq_tol(z[0], -2 / sqrt(3.5), 1e-15);
    ck_assert_double_eq_tol(seen, 3 / sqrt(3.5), 1e-15);
    ck_assert(isinf(z[3]) && z[3] < 0);
    calibration_standardize(3, (double[]){0.1, 0.1, 0.1}, 0.1, z, &seen);
    ck_assert_double_eq(seen, 0);
    ck_assert_double_eq(z[1], 0);
    calibration_standardize(2, null, NAN, z, &seen);
    ck_assert_double_nan(seen);
    ck_assert_double_nan(z[1]);
}
END_TEST

START_TEST(test_max_t_counts_maxima)
{
    const double most[4] = {1.5, 2.5, 3.5, NAN};
    ck_assert_double_nan(calibration_max_t(0, NULL, 1));
    ck_assert_double_nan(calibration_max_t(4, most, NAN));
    ck_assert_double_eq(calibration_max_t(4, most, 2.5), 0.6);
    ck_assert_double_eq(calibration_max_t(4, most, 9), 0.2);
}
END_TEST

/* Twelve statistics of nothing, half of them copies and of different size: the smallest
 * adjusted p is at most 0.1 in one of ten worlds (standard deviation of the share of 600:
 * 0.012). */
START_TEST(test_max_t_holds_the_familywise_level)
{
    enum { K = 39, PAIRS = 12, WORLDS = 600 };
    struct rng draw = rng_stream(4, RNG_TESTING, 0);
    int rejected = 0;
    for (int w = 0; w < WORLDS; w++) {
        double base[PAIRS][K + 1], z[K], most[K], seen[PAIRS];
        for (int b = 0; b < K; b++) most[b] = -INFINITY;
        for (int i = 0; i < PAIRS; i++) {
            for (int b = 0; b <= K; b++)
                base[i][b] = i % 2 ? 5 * base[i - 1][b] + 3 : pow(rng_normal(&draw), 3);
            calibration_standardize(K, base[i], base[i][K], z, &seen[i]);
            for (int b = 0; b < K; b++) most[b] = fmax(most[b], z[b]);
        }
        double least = 1;
        for (int i = 0; i < PAIRS; i++)
            least = fmin(least, calibration_max_t(K, most, seen[i]));
        rejected += least <= 0.1;
    }
    ck_assert_double_eq_tol((double)rejected / WORLDS, 0.1, 0.045);
}
END_TEST

/* ---- the reference's nulls ---- */

/* Two representations: Gram matrices of their normalised rows, and who is a neighbour of
 * whom. */
struct sides {
    int64_t n;
    double *gram[2], *moved; /* moved: of the second, its rows permuted */
    char *near[2];           /* [n, n] */
};

enum { NEIGHBOURS = 10 };

static struct sides sides_of(const char *name)
{
    const struct golden_case *g = golden_cases;
    while (strcmp(g->name, name) != 0) g++;
    struct pair p = golden_pair(g);
    struct sides s = {.n = p.n};
    for (int side = 0; side < 2; side++) {
        double *x = twin_prepare(p.x[side], p.n, p.d[side], ALIGN_L2);
        s.gram[side] = twin_gram(x, p.n, p.d[side]);
        s.near[side] = malloc((size_t)(p.n * p.n));
        for (int64_t i = 0; i < p.n; i++)
            twin_neighbours(s.gram[side] + i * p.n, p.n, NEIGHBOURS, i, s.near[side] + i * p.n);
        free(x);
    }
    s.moved = malloc((size_t)(p.n * p.n) * sizeof *s.moved);
    pair_clear(&p);
    return s;
}

static void sides_clear(struct sides *s)
{
    for (int side = 0; side < 2; side++) free(s->gram[side]), free(s->near[side]);
    free(s->moved);
}

static double mutual(struct sides *s, const int32_t *perm)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->n; j++)
            hits += s->near[0][i * s->n + j] && s->near[1][perm[i] * s->n + perm[j]];
    return (double)hits / (double)(s->n * NEIGHBOURS);
}

/* The share of rows that are a neighbour on one side of one of their neighbours on the
 * other. */
static double cycle(struct sides *s, const int32_t *perm)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < s->n; i++) {
        bool back = false;
        for (int64_t j = 0; j < s->n; j++)
            back = back || (s->near[1][perm[i] * s->n + perm[j]] && s->near[0][j * s->n + i]);
        hits += back;
    }
    return (double)hits / (double)s->n;
}

static double ratio(struct sides *s, const int32_t *perm,
                    double hsic(const double *, const double *, int64_t))
{
    const double *k = s->gram[0], *l = s->gram[1];
    for (int64_t i = 0; i < s->n * s->n; i++)
        s->moved[i] = l[perm[i / s->n] * s->n + perm[i % s->n]];
    return hsic(k, s->moved, s->n) / (sqrt(hsic(k, k, s->n) * hsic(l, l, s->n)) + 1e-6);
}

static double biased(struct sides *s, const int32_t *perm)
{
    return ratio(s, perm, twin_hsic);
}

static double unbiased(struct sides *s, const int32_t *perm)
{
    return ratio(s, perm, twin_hsic_unbiased);
}

/* The reference's permutations: one stream, from the last place down. */
static void reference_permutation(uint64_t *state, int64_t n, int32_t *perm)
{
    for (int64_t i = 0; i < n; i++) perm[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = lcg_u32(state) % (uint32_t)(i + 1);
        int32_t held = perm[i];
        perm[i] = perm[j];
        perm[j] = held;
    }
}

enum { REFERENCE_SEED = 77, REFERENCE_K = 200 };

START_TEST(test_reference_permutations)
{
    json_t *file = golden_open("platonic/calibration.json");
    json_t *check = json_object_get(file, "perm_check_n8");
    uint64_t state = REFERENCE_SEED;
    for (size_t b = 0; b < 2; b++) {
        int32_t perm[8];
        reference_permutation(&state, 8, perm);
        for (size_t i = 0; i < 8; i++)
            ck_assert_int_eq(perm[i],
                             json_integer_value(json_array_get(json_array_get(check, b), i)));
    }
    json_decref(file);
}
END_TEST

/* Sums of at most 65536 terms in double precision, in another order than NumPy's. */
static void assert_near(const json_t *want, const char *key, double value)
{
    ck_assert_double_eq_tol(value, golden_number(json_object_get(want, key)), 1e-11);
}

START_TEST(test_calibration_equals_the_reference)
{
    static const char *const cases[3][2] = {{"n64_d8_d16", "n64_d8_d16"},
                                            {"n256_d32_d64", "n256_d32_d64"},
                                            {"indep_n64_d8_d16", "indep"}};
    static const struct {
        const char *name;
        double (*score)(struct sides *s, const int32_t *perm);
    } measures[4] = {{"mutual_knn_k10", mutual},
                     {"cka", biased},
                     {"unbiased_cka", unbiased},
                     {"cycle_knn_k10", cycle}};
    json_t *file = golden_open("platonic/calibration.json");
    struct sides s = sides_of(cases[_i / 4][0]);
    char key[64];
    snprintf(key, sizeof key, "%s/%s", cases[_i / 4][1], measures[_i % 4].name);
    const json_t *want = json_object_get(file, key);
    int32_t perm[256];
    double null[REFERENCE_K];
    uint64_t state = REFERENCE_SEED;
    for (int b = 0; b < REFERENCE_K; b++) {
        reference_permutation(&state, s.n, perm);
        null[b] = measures[_i % 4].score(&s, perm);
    }
    for (size_t b = 0; b < 5; b++)
        ck_assert_double_eq_tol(
            null[b], json_number_value(json_array_get(json_object_get(want, "null_first5"), b)),
            1e-11);
    for (int64_t i = 0; i < s.n; i++) perm[i] = (int32_t)i;
    double observed = measures[_i % 4].score(&s, perm);
    struct calibration c = calibration_of(&usual, observed, REFERENCE_K, null);
    assert_near(want, "obs", observed);
    assert_near(want, "null_mean", c.null_mean);
    assert_near(want, "null_sd", c.null_sd);
    assert_near(want, "tau", c.threshold);
    assert_near(want, "p", c.p);
    assert_near(want, "gated", c.calibrated);
    sides_clear(&s);
    json_decref(file);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("calibration");
    TCase *t = check_case(s, "calibration");
    tcase_add_test(t, test_permutations_of_none_and_one);
    tcase_add_test(t, test_permutations_are_a_function_of_key_and_index);
    tcase_add_test(t, test_permutations_are_uniform);
    tcase_add_test(t, test_rows_stay_in_their_group);
    tcase_add_test(t, test_nothing_is_calibrated_without_numbers);
    tcase_add_test(t, test_scores_are_gated_at_the_threshold);
    tcase_add_test(t, test_above_the_threshold_means_p_of_at_most_alpha);
    tcase_add_test(t, test_dissimilarities_are_mirrored);
    tcase_add_test(t, test_missing_null_scores_are_least_alike);
    tcase_add_test(t, test_false_discovery_rates_are_those_of_r);
    tcase_add_test(t, test_false_discovery_rates_equal_the_definition);
    tcase_add_test(t, test_standard_scores_take_the_observed_in);
    tcase_add_test(t, test_max_t_counts_maxima);
    tcase_add_test(t, test_max_t_holds_the_familywise_level);
    tcase_add_test(t, test_reference_permutations);
    tcase_add_loop_test(t, test_calibration_equals_the_reference, 0, 12);
    return check_run(s);
}
