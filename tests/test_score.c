/* test_score.c - scores by class, confidence and margin, against plain counts. */
#include "tests/core.h"

#include "base/rng.h"
#include "linalg/statistics.h"
#include "worker/score.h"

enum { N = 400, MOST_K = 5 };

struct answers {
    int64_t k, classes;
    real f[N * MOST_K];
    int32_t label[N];
};

/* Outputs, for ties in steps of a half; class 1 is rare, class 3 is absent. */
static struct answers draw(int64_t k, bool ties)
{
    struct answers a = {.k = k, .classes = k == 1 ? 2 : k};
    struct rng r = rng_stream(3, RNG_TESTING, (uint64_t)k);
    for (int64_t i = 0; i < N * k; i++)
        a.f[i] = (real)(ties ? round(4 * rng_normal(&r)) / 2 : 2 * rng_normal(&r));
    for (int i = 0; i < N; i++) {
        a.label[i] = (int32_t)rng_below(&r, (uint64_t)a.classes);
        if (a.label[i] == 3 || (a.label[i] == 1 && i % 8)) a.label[i] = 0;
    }
    return a;
}

static struct evaluation evaluate(const struct answers *a, unsigned needs, int64_t parts)
{
    struct arena arena = {0};
    struct score s;
    struct err e;
    struct evaluation out = {0};
    ck_assert_int_eq(score_init(&s, needs, a->classes, N, &arena, &e), ERR_OK);
    for (int again = 0; again < 2; again++) { /* a pass leaves nothing to the next */
        score_begin(&s);
        for (int64_t p = 0; p < parts; p++) {
            int64_t i = N * p / parts, count = N * (p + 1) / parts - i;
            score_add(&s, count, a->k, a->f + i * a->k, a->label + i);
        }
    }
    score_finish(&s, &out);
    arena_clear(&arena);
    return out;
}

/* The probability of class 0..classes-1. */
static double probability(const struct answers *a, int i, int64_t c)
{
    const real *f = a->f + i * a->k;
    double sum = 0;
    if (a->k == 1) return 1 / (1 + exp(c == 1 ? -(double)f[0] : (double)f[0]));
    for (int64_t j = 0; j < a->k; j++) sum += exp((double)f[j] - (double)f[c]);
    return 1 / sum;
}

static bool right(const struct answers *a, int i)
{
    double correct = 0, soft = 0;
    loss_score(1, a->k, a->f + i * a->k, a->label + i, &correct, &soft);
    return correct == 1;
}

static void check_classes(const struct answers *a, const struct evaluation *out)
{
    double sum = 0, worst = 1, n = 0;
    for (int64_t c = 0; c < a->classes; c++) {
        double hit = 0, all = 0;
        for (int i = 0; i < N; i++) {
            all += a->label[i] == c;
            hit += a->label[i] == c && right(a, i);
        }
        if (all == 0) continue;
        sum += hit / all;
        worst = fmin(worst, hit / all);
        n++;
    }
    ck_assert_double_eq_tol(out->balanced, sum / n, 1e-14);
    ck_assert_double_eq_tol(out->worst, worst, 1e-14);
    ck_assert_double_lt(worst, sum / n);
}

static void check_confidence(const struct answers *a, const struct evaluation *out)
{
    double mean = 0, ece = 0;
    for (int b = 0; b < 15; b++) {
        double n = 0, hits = 0, confidence = 0;
        for (int i = 0; i < N; i++) {
            double most = 0;
            for (int64_t c = 0; c < a->classes; c++) most = fmax(most, probability(a, i, c));
            if (!(most > b / 15.0 && most <= (b + 1) / 15.0)) continue;
            n++;
            hits += right(a, i);
            confidence += most;
        }
        mean += confidence / N;
        if (n > 0) ece += n / N * fabs(hits / n - confidence / n);
    }
    ck_assert_double_eq_tol(out->confidence, mean, 1e-6); /* exp in single precision */
    ck_assert_double_eq_tol(out->ece, ece, 1e-6);
    ck_assert_double_gt(ece, 0.1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_margins(const struct answers *a, const struct evaluation *out)
{
    double margin[N], mean = 0;
    for (int i = 0; i < N; i++) {
        const real *f = a->f + i * a->k;
        double other = -INFINITY;
        for (int64_t j = 0; j < a->k; j++)
            if (j != a->label[i]) other = fmax(other, (double)f[j]);
        margin[i] = (double)f[a->k > 1 ? a->label[i] : 0] - other;
        if (a->k == 1) margin[i] = (a->label[i] ? 1 : -1) * (double)f[0];
        mean += margin[i] / N;
    }
    qsort(margin, N, sizeof *margin, ascending);
    ck_assert_double_eq_tol(out->margin_mean, mean, 1e-12);
    ck_assert_double_eq(out->margin_min, margin[0]);
    ck_assert_double_eq_tol(out->margin_10, statistics_quantile(N, margin, 0.1), 1e-12);
}

START_TEST(test_scores_are_the_plain_counts)
{
    for (int i = 0; i < 2 * MOST_K; i++) {
        struct answers a = draw(1 + i / 2, i % 2);
        struct evaluation out = evaluate(&a, METRIC_SCORE | METRIC_MARGIN, 7);
        check_classes(&a, &out);
        check_confidence(&a, &out);
        check_margins(&a, &out);
    }
}
END_TEST

/* Between neighbours: a tenth of the way from the least of two. */
START_TEST(test_percentile_lies_between_neighbours)
{
    struct arena arena = {0};
    struct score s;
    struct err e;
    struct evaluation out;
    const real f[] = {5, -3};
    const int32_t label[] = {1, 1};
    ck_assert_int_eq(score_init(&s, METRIC_MARGIN, 2, 2, &arena, &e), ERR_OK);
    score_begin(&s);
    score_add(&s, 2, 1, f, label);
    score_finish(&s, &out);
    ck_assert_double_eq_tol(out.margin_10, -3 + 0.1 * 8, 1e-14);
    arena_clear(&arena);
}
END_TEST

START_TEST(test_what_was_not_asked_for_or_is_no_number_is_nan)
{
    struct answers a = draw(3, true);
    struct evaluation score = evaluate(&a, METRIC_SCORE, 1);
    struct evaluation margin = evaluate(&a, METRIC_MARGIN, 1);
    struct evaluation none = evaluate(&a, 0, 1), empty = evaluate(&a, METRIC_SCORE, 0);
    ck_assert(isfinite(score.ece) && isnan(score.margin_10));
    ck_assert(isnan(margin.ece) && isfinite(margin.margin_10));
    ck_assert(isnan(none.balanced) && isnan(none.margin_mean));
    ck_assert(isnan(empty.worst) && isnan(empty.confidence));
    a.f[4] = NAN;
    score = evaluate(&a, METRIC_SCORE | METRIC_MARGIN, 1);
    ck_assert(isnan(score.confidence) && isnan(score.ece));
    ck_assert(isnan(score.margin_mean) && isnan(score.margin_10));
    ck_assert_double_eq(score_bytes(0, 10, 1000), 0);
    ck_assert_double_eq(score_bytes(METRIC_SCORE | METRIC_MARGIN, 10, 1000), 8 * 1020);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("score");
    TCase *t = check_case(s, "score");
    tcase_add_test(t, test_scores_are_the_plain_counts);
    tcase_add_test(t, test_percentile_lies_between_neighbours);
    tcase_add_test(t, test_what_was_not_asked_for_or_is_no_number_is_nan);
    return check_run(s);
}
