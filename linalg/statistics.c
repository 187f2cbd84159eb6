/* statistics.c - resampling is a pure function of the key: replicate i is stream i. */
#include "linalg/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"

double statistics_mean(int64_t n, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

double statistics_sd(int64_t n, const double *x)
{
    if (n < 2) return NAN;
    double mean = statistics_mean(n, x), sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

double statistics_quantile(int64_t n, const double *sorted, double p)
{
    INVARIANT(n >= 1 && p >= 0 && p <= 1);
    double place = p * (double)(n - 1);
    int64_t below = (int64_t)place;
    if (below >= n - 1) return sorted[n - 1];
    double part = place - (double)below;
    return part > 0 ? sorted[below] + part * (sorted[below + 1] - sorted[below])
                    : sorted[below];
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* low and high from the replicates; those without a value (NaN) are not counted. */
static void percentiles(double *replicate, double level, struct statistics_interval *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < STATISTICS_RESAMPLES; i++)
        if (!isnan(replicate[i])) replicate[n++] = replicate[i];
    if (n == 0) return;
    qsort(replicate, (size_t)n, sizeof *replicate, ascending);
    double tail = (1 - level / 100) / 2;
    out->low = statistics_quantile(n, replicate, tail);
    out->high = statistics_quantile(n, replicate, 1 - tail);
}

struct statistics_interval statistics_bootstrap(int64_t n, const double *x, double level,
                                                uint64_t key)
{
    struct statistics_interval out = {.low = NAN, .high = NAN};
    double *value = malloc((size_t)(n > 0 ? n : 1) * sizeof *value);
    INVARIANT(value);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i])) value[out.n++] = x[i];
    out.mean = statistics_mean(out.n, value);
    if (out.n > 1) {
        double replicate[STATISTICS_RESAMPLES];
        for (int64_t i = 0; i < STATISTICS_RESAMPLES; i++) {
            struct rng draw = rng_stream(key, RNG_BOOTSTRAP, (uint64_t)i);
            double sum = 0;
            for (int64_t j = 0; j < out.n; j++) sum += value[rng_below(&draw, (uint64_t)out.n)];
            replicate[i] = sum / (double)out.n;
        }
        percentiles(replicate, level, &out);
    }
    free(value);
    return out;
}

/* Mean score of the pairs of different seeds, seed s taken times[s] times. */
static double pair_mean(int64_t n, const double *score, const double *times)
{
    double sum = 0, weight = 0;
    for (int64_t a = 0; a < n; a++) {
        if (times[a] == 0) continue;
        for (int64_t b = 0; b < n; b++) {
            double w = times[a] * times[b], s = score[a * n + b];
            if (a == b || w == 0 || isnan(s)) continue;
            sum += w * s;
            weight += w;
        }
    }
    return weight > 0 ? sum / weight : NAN;
}

static bool has_score(int64_t n, const double *score, int64_t a)
{
    for (int64_t b = 0; b < n; b++)
        if (b != a && (!isnan(score[a * n + b]) || !isnan(score[b * n + a]))) return true;
    return false;
}

struct statistics_interval statistics_bootstrap_pairs(int64_t n, const double *score,
                                                      double level, uint64_t key)
{
    struct statistics_interval out = {.low = NAN, .high = NAN};
    double *times = malloc((size_t)(n > 0 ? n : 1) * sizeof *times);
    INVARIANT(times);
    for (int64_t s = 0; s < n; s++) {
        out.n += has_score(n, score, s);
        times[s] = 1;
    }
    out.mean = pair_mean(n, score, times);
    if (out.n > 2) {
        double replicate[STATISTICS_RESAMPLES];
        for (int64_t i = 0; i < STATISTICS_RESAMPLES; i++) {
            struct rng draw = rng_stream(key, RNG_BOOTSTRAP, (uint64_t)i);
            for (int64_t s = 0; s < n; s++) times[s] = 0;
            for (int64_t s = 0; s < n; s++) times[rng_below(&draw, (uint64_t)n)]++;
            replicate[i] = pair_mean(n, score, times);
        }
        percentiles(replicate, level, &out);
    }
    free(times);
    return out;
}

/* Probability that |t| <= sqrt(df) tan(angle): a finite series, as df is whole. */
static double t_within(double angle, int64_t df)
{
    double c = cos(angle), sum = 0, term = df % 2 ? c : 1;
    for (int64_t k = df % 2 ? 1 : 0; k <= df - 2; k += 2) { /* term: of cos(angle)^k */
        sum += term;
        term *= c * c * (double)(k + 1) / (double)(k + 2);
    }
    return df % 2 ? M_2_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

double statistics_t_quantile(double p, int64_t df)
{
    INVARIANT(p >= 0.5 && p < 1 && df >= 1);
    double low = 0, high = M_PI_2;
    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (t_within(middle, df) < 2 * p - 1)
            low = middle;
        else
            high = middle;
    }
    return sqrt((double)df) * tan(low);
}

struct statistics_interval statistics_t_interval(int64_t n, const double *x, double level)
{
    struct statistics_interval out = {.low = NAN, .high = NAN};
    double *value = calloc((size_t)(n > 0 ? n : 1), sizeof *value);
    INVARIANT(value);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i])) value[out.n++] = x[i];
    out.mean = statistics_mean(out.n, value);
    if (out.n > 1) {
        double half = statistics_t_quantile(0.5 + level / 200, out.n - 1) *
                      statistics_sd(out.n, value) / sqrt((double)out.n);
        out.low = out.mean - half;
        out.high = out.mean + half;
    }
    free(value);
    return out;
}

struct statistics_interval statistics_seed_interval(int64_t n, const double *x, double level,
                                                    uint64_t key)
{
    int64_t values = 0;
    for (int64_t i = 0; i < n; i++) values += !isnan(x[i]);
    return values < STATISTICS_FEW ? statistics_t_interval(n, x, level)
                                   : statistics_bootstrap(n, x, level, key);
}

struct statistics_interval statistics_pair_interval(int64_t n, const double *score,
                                                    double level, uint64_t key)
{
    int64_t seeds = 0;
    for (int64_t s = 0; s < n; s++) seeds += has_score(n, score, s);
    if (seeds >= STATISTICS_FEW) return statistics_bootstrap_pairs(n, score, level, key);
    struct statistics_interval out = {.n = seeds, .low = NAN, .high = NAN};
    double pseudo[STATISTICS_FEW];
    double *times = malloc((size_t)(n > 0 ? n : 1) * sizeof *times);
    INVARIANT(times);
    for (int64_t s = 0; s < n; s++) times[s] = 1;
    out.mean = pair_mean(n, score, times);
    int64_t count = 0;
    for (int64_t s = 0; s < n && seeds > 2; s++) {
        if (!has_score(n, score, s)) continue;
        times[s] = 0;
        double without = pair_mean(n, score, times), m = (double)seeds;
        times[s] = 1;
        pseudo[count++] = m * out.mean - (m - 1) * without;
    }
    free(times);
    if (seeds < 3) return out;
    struct statistics_interval jackknife = statistics_t_interval(count, pseudo, level);
    out.low = out.mean - (jackknife.high - jackknife.low) / 2;
    out.high = out.mean + (jackknife.high - jackknife.low) / 2;
    return out;
}

const char *statistics_seed_interval_name(int64_t least, int64_t most)
{
    if (most < STATISTICS_FEW) return "Student's t intervals";
    return least < STATISTICS_FEW ? "Student's t (few seeds) and percentile bootstrap intervals"
                                  : "percentile bootstrap intervals";
}

bool statistics_separate(const struct statistics_interval *a,
                         const struct statistics_interval *b)
{
    return a->high < b->low || b->high < a->low;
}
