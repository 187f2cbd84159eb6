/* test_statistics.c - means, quantiles, bootstrap and t intervals over seeds. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/statistics.h"
#include "tests/check_main.h"

START_TEST(test_no_values_have_no_mean)
{
    double missing[2] = {NAN, NAN};
    struct statistics_interval i = statistics_bootstrap(2, missing, 95, 1);
    ck_assert_int_eq(i.n, 0);
    ck_assert_double_nan(i.mean);
    ck_assert_double_nan(i.low);
    ck_assert_int_eq(statistics_bootstrap(0, NULL, 95, 1).n, 0);
    ck_assert_int_eq(statistics_bootstrap_pairs(0, NULL, 95, 1).n, 0);
    ck_assert_double_nan(statistics_sd(1, missing));
}
END_TEST

START_TEST(test_one_seed_has_no_interval)
{
    double x[3] = {NAN, 4, NAN};
    struct statistics_interval i = statistics_bootstrap(3, x, 95, 1);
    ck_assert_int_eq(i.n, 1);
    ck_assert_double_eq(i.mean, 4);
    ck_assert_double_nan(i.low);
    ck_assert_double_nan(i.high);
}
END_TEST

START_TEST(test_quantiles_are_those_of_type_7)
{
    const double x[4] = {1, 2, 4, 8}; /* R: quantile(c(1,2,4,8), c(0, .1, .5, .9, 1)) */
    const double p[5] = {0, 0.1, 0.5, 0.9, 1}, want[5] = {1, 1.3, 3, 6.8, 8};
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(statistics_quantile(4, x, p[i]), want[i], 1e-12);
    ck_assert_double_eq_tol(statistics_sd(4, x), 3.0956959368344519, 1e-15);
}
END_TEST

START_TEST(test_interval_is_reproducible_and_keyed)
{
    const double x[5] = {0.313, 0.941, 0.1, 0.52, 0.626};
    struct statistics_interval a = statistics_bootstrap(5, x, 95, 7);
    struct statistics_interval b = statistics_bootstrap(5, x, 95, 7);
    struct statistics_interval c = statistics_bootstrap(5, x, 95, 8);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert(a.low != c.low || a.high != c.high);
    ck_assert_double_eq_tol(a.mean, 0.5, 1e-15);
    ck_assert(a.low >= 0.1 && a.low < a.mean && a.mean < a.high && a.high <= 0.9);
}
END_TEST

START_TEST(test_interval_has_the_width_of_the_normal_one)
{
    enum { N = 400 };
    double x[N];
    struct rng draw = rng_stream(3, RNG_TESTING, 0);
    for (int i = 0; i < N; i++) x[i] = rng_normal(&draw);
    struct statistics_interval i = statistics_bootstrap(N, x, 95, 1);
    double half = 1.96 * statistics_sd(N, x) / sqrt(N);
    /* quantiles of 2000 resamples have a relative error of about 3 % */
    ck_assert_double_eq_tol((i.high - i.low) / 2 / half, 1, 0.1);
}
END_TEST

/* The shares that statistics.h names; of 1000 intervals they have a standard deviation of up to
 * 0.014. */
START_TEST(test_intervals_of_few_values_are_too_short)
{
    static const struct {
        int64_t n;
        double share;
    } known[] = {{2, 0.49}, {3, 0.74}, {5, 0.84}, {10, 0.90}};
    enum { TIMES = 1000 };
    struct rng draw = rng_stream(5, RNG_TESTING, 0);
    for (int k = 0; k < 4; k++) {
        int hold = 0;
        for (int t = 0; t < TIMES; t++) {
            double x[10];
            for (int64_t i = 0; i < known[k].n; i++) x[i] = rng_normal(&draw);
            struct statistics_interval i = statistics_bootstrap(known[k].n, x, 95, 1);
            hold += i.low <= 0 && i.high >= 0;
        }
        ck_assert_double_eq_tol((double)hold / TIMES, known[k].share, 0.045);
    }
}
END_TEST

/* The quantile of one degree of freedom is tan(pi (p - 1/2)), of two a root; others as printed
 * in tables. */
START_TEST(test_t_quantiles)
{
    static const struct {
        double p;
        int64_t df;
        double quantile;
    } known[] = {{0.5, 3, 0},
                 {0.975, 1, 12.706204736174698},
                 {0.975, 2, 4.3026527297494619},
                 {0.975, 3, 3.182446305284},
                 {0.975, 4, 2.776445105198},
                 {0.95, 9, 1.833112932653},
                 {0.995, 30, 2.749995653567},
                 {0.975, 1000, 1.962339080826}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_double_eq_tol(statistics_t_quantile(known[i].p, known[i].df),
                                known[i].quantile, 1e-10);
}
END_TEST

/* 1, 2, 3 and a missing one: 2 +- 4.3027 / sqrt(3). */
START_TEST(test_t_interval)
{
    const double x[4] = {1, NAN, 3, 2}, half = 4.3026527297494619 / sqrt(3);
    struct statistics_interval i = statistics_t_interval(4, x, 95);
    ck_assert_int_eq(i.n, 3);
    ck_assert_double_eq_tol(i.mean, 2, 1e-15);
    ck_assert_double_eq_tol(i.low, 2 - half, 1e-10);
    ck_assert_double_eq_tol(i.high, 2 + half, 1e-10);
    i = statistics_t_interval(2, x, 95);
    ck_assert_double_eq(i.mean, 1);
    ck_assert_double_nan(i.low);
    i = statistics_t_interval(0, NULL, 95);
    ck_assert_int_eq(i.n, 0);
    ck_assert_double_nan(i.mean);
}
END_TEST

START_TEST(test_t_intervals_of_few_values_hold)
{
    enum { TIMES = 4000 }; /* the share has a standard deviation of 0.0034 */
    struct rng draw = rng_stream(6, RNG_TESTING, 0);
    for (int64_t n = 2; n <= 5; n++) {
        int hold = 0;
        for (int t = 0; t < TIMES; t++) {
            double x[5];
            for (int64_t i = 0; i < n; i++) x[i] = rng_normal(&draw);
            struct statistics_interval i = statistics_t_interval(n, x, 95);
            hold += i.low <= 0 && i.high >= 0;
        }
        ck_assert_double_eq_tol((double)hold / TIMES, 0.95, 0.014);
    }
}
END_TEST

/* Ten values without the missing ones are resampled, nine are not. */
START_TEST(test_few_seeds_have_t_intervals)
{
    double x[11] = {1, 2, NAN, 4, 8, 3, 5, 7, 6, 9, NAN};
    struct statistics_interval want = statistics_t_interval(11, x, 90);
    struct statistics_interval i = statistics_seed_interval(11, x, 90, 4);
    ck_assert_int_eq(i.n, 9);
    ck_assert_mem_eq(&i, &want, sizeof i);
    x[10] = 10;
    want = statistics_bootstrap(11, x, 90, 4);
    i = statistics_seed_interval(11, x, 90, 4);
    ck_assert_int_eq(i.n, 10);
    ck_assert_mem_eq(&i, &want, sizeof i);
    ck_assert_str_eq(statistics_seed_interval_name(2, 9), "Student's t intervals");
    ck_assert_str_eq(statistics_seed_interval_name(10, 12), "percentile bootstrap intervals");
    const char *both = statistics_seed_interval_name(9, 10);
    ck_assert(strstr(both, "Student's t") && strstr(both, "bootstrap"));
}
END_TEST

START_TEST(test_pairs_of_two_seeds_have_no_interval)
{
    const double score[4] = {1, 0.25, 0.75, 1};
    struct statistics_interval i = statistics_bootstrap_pairs(2, score, 95, 1);
    ck_assert_int_eq(i.n, 2);
    ck_assert_double_eq(i.mean, 0.5); /* not the diagonal */
    ck_assert_double_nan(i.low);
}
END_TEST

/* Scores that are the sum of an effect of each seed: the mean over pairs is twice the mean
 * effect and varies like it, which resampling of pairs as if independent would miss. */
START_TEST(test_pairs_resample_seeds)
{
    enum { N = 60 };
    double effect[N], score[N * N], pairs[N * N];
    struct rng draw = rng_stream(4, RNG_TESTING, 0);
    for (int i = 0; i < N; i++) effect[i] = rng_normal(&draw);
    int n_pairs = 0;
    for (int a = 0; a < N; a++)
        for (int b = 0; b < N; b++) {
            score[a * N + b] = a == b ? 1e6 : effect[a] + effect[b];
            if (a < b) pairs[n_pairs++] = score[a * N + b];
        }
    struct statistics_interval i = statistics_bootstrap_pairs(N, score, 95, 1);
    double half = 1.96 * 2 * statistics_sd(N, effect) / sqrt(N);
    ck_assert_double_eq_tol(i.mean, 2 * statistics_mean(N, effect), 1e-12);
    ck_assert_double_eq_tol((i.high - i.low) / 2 / half, 1, 0.15);
    struct statistics_interval naive = statistics_bootstrap(n_pairs, pairs, 95, 1);
    ck_assert(naive.high - naive.low < 0.5 * (i.high - i.low));
}
END_TEST

/* Of scores that are sums of effects the pseudo-values are twice the effects: Student's interval. Of
 * nine seeds, with noise of each pair, 95 in 100 hold the mean. */
START_TEST(test_pairs_of_few_seeds_have_students_interval)
{
    enum { N = 9, TURNS = 1000 };
    double effect[N], twice[N], score[N * N];
    int held = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        struct rng draw = rng_stream(6, RNG_TESTING, (uint64_t)turn);
        for (int i = 0; i < N; i++) effect[i] = rng_normal(&draw), twice[i] = 2 * effect[i];
        for (int a = 0; a < N; a++)
            for (int b = 0; b <= a; b++) {
                double noise = turn ? 0.5 * rng_normal(&draw) : 0;
                score[a * N + b] = score[b * N + a] = effect[a] + effect[b] + noise;
            }
        struct statistics_interval i = statistics_pair_interval(N, score, 95, 1);
        held += i.low <= 0 && i.high >= 0;
        if (turn) continue;
        struct statistics_interval t = statistics_t_interval(N, twice, 95);
        ck_assert_double_eq_tol(i.mean, t.mean, 1e-12);
        ck_assert_double_eq_tol(i.low, t.low, 1e-10);
        ck_assert_double_eq_tol(i.high, t.high, 1e-10);
    }
    ck_assert_msg(held >= 925 && held <= 975, "%d of 1000", held);
    ck_assert_double_nan(statistics_pair_interval(2, score, 95, 1).low);
    ck_assert_int_eq(statistics_pair_interval(0, NULL, 95, 1).n, 0);
}
END_TEST

START_TEST(test_pairs_leave_out_missing_scores)
{
    double score[16];
    for (int i = 0; i < 16; i++) score[i] = i / 4 == 3 || i % 4 == 3 ? NAN : 0.5;
    struct statistics_interval i = statistics_bootstrap_pairs(4, score, 95, 1);
    ck_assert_int_eq(i.n, 3);
    ck_assert_double_eq(i.mean, 0.5);
    ck_assert_double_eq(i.low, 0.5);
}
END_TEST

START_TEST(test_intervals_separate_without_common_point)
{
    struct statistics_interval a = {5, 1, 0.5, 1.5}, b = {5, 2, 1.5, 2.5}, c = {5, 3, 2, 4},
                               none = {1, 9, NAN, NAN};
    ck_assert(!statistics_separate(&a, &b));
    ck_assert(statistics_separate(&a, &c) && statistics_separate(&c, &a));
    ck_assert(!statistics_separate(&a, &none) && !statistics_separate(&none, &a));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("statistics");
    TCase *t = check_case(s, "statistics");
    tcase_add_test(t, test_no_values_have_no_mean);
    tcase_add_test(t, test_one_seed_has_no_interval);
    tcase_add_test(t, test_quantiles_are_those_of_type_7);
    tcase_add_test(t, test_interval_is_reproducible_and_keyed);
    tcase_add_test(t, test_interval_has_the_width_of_the_normal_one);
    tcase_add_test(t, test_intervals_of_few_values_are_too_short);
    tcase_add_test(t, test_t_quantiles);
    tcase_add_test(t, test_t_interval);
    tcase_add_test(t, test_t_intervals_of_few_values_hold);
    tcase_add_test(t, test_few_seeds_have_t_intervals);
    tcase_add_test(t, test_pairs_of_two_seeds_have_no_interval);
    tcase_add_test(t, test_pairs_resample_seeds);
    tcase_add_test(t, test_pairs_of_few_seeds_have_students_interval);
    tcase_add_test(t, test_pairs_leave_out_missing_scores);
    tcase_add_test(t, test_intervals_separate_without_common_point);
    return check_run(s);
}
