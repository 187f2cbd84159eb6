/* calibration.c - order statistics of null samples. A dissimilarity is turned round first: all
 * that follows takes larger for more alike. */
#include "linalg/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *array(int64_t n, size_t size)
{
    void *out = calloc((size_t)(n > 0 ? n : 1), size);
    INVARIANT(out);
    return out;
}

/* ---- permutations ---- */

/* Uniform permutation of the rows in member[m]; inside-out. */
static void shuffle(struct rng *draw, int64_t m, const int32_t *member, int32_t *perm)
{
    for (int64_t i = 0; i < m; i++) {
        int64_t j = (int64_t)rng_below(draw, (uint64_t)i + 1);
        perm[member[i]] = perm[member[j]];
        perm[member[j]] = member[i];
    }
}

struct place {
    int32_t group, row;
};

static int by_group(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

void calibration_permutation(uint64_t key, int64_t index, int64_t n, const int32_t *group,
                             int32_t *perm)
{
    struct rng draw = rng_stream(key, RNG_PERMUTE, (uint64_t)index);
    struct place *place = array(n, sizeof *place);
    int32_t *member = array(n, sizeof *member);
    for (int64_t i = 0; i < n; i++) place[i] = (struct place){group ? group[i] : 0, (int32_t)i};
    if (group) qsort(place, (size_t)n, sizeof *place, by_group);
    for (int64_t i = 0; i < n; i++) member[i] = place[i].row;
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && place[end].group == place[first].group;) end++;
        shuffle(&draw, end - first, member + first, perm);
    }
    free(place);
    free(member);
}

/* ---- one statistic ---- */

struct moments {
    double mean, sd;
};

/* Over the n values that are finite; NaN without one. */
static struct moments moments_of(int64_t n, const double *x)
{
    double count = 0, sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) sum += x[i], count++;
    double mean = count > 0 ? sum / count : NAN;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) squares += (x[i] - mean) * (x[i] - mean);
    return (struct moments){mean, count > 0 ? sqrt(squares / count) : NAN};
}

static int64_t count_at_least(int64_t n, const double *x, double least)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += x[i] >= least;
    return count;
}

static double gate(double score, double threshold, double best)
{
    if (!isfinite(threshold) || !isfinite(best)) return NAN;
    if (score <= threshold) return 0;
    return best > threshold ? (score - threshold) / (best - threshold) : 1;
}

struct calibration calibration_of(const struct calibration_rule *rule, double observed,
                                  int64_t K, const double *null)
{
    INVARIANT(rule->alpha > 0 && rule->alpha < 1);
    struct calibration out = {NAN, NAN, NAN, NAN, NAN};
    if (K <= 0) return out;
    const double sign = rule->dissimilarity ? -1 : 1, score = sign * observed;
    struct moments moments = moments_of(K, null);
    out.null_mean = moments.mean;
    out.null_sd = moments.sd;
    if (isnan(observed)) return out;
    double *all = array(K + 1, sizeof *all);
    for (int64_t b = 0; b < K; b++) all[b] = isnan(null[b]) ? -INFINITY : sign * null[b];
    all[K] = score;
    out.p = (double)count_at_least(K + 1, all, score) / (double)(K + 1);
    qsort(all, (size_t)(K + 1), sizeof *all, ascending);
    /* but for rounding: (1 - 0.05) * 20 is 19 */
    int64_t rank = (int64_t)ceil((1 - rule->alpha) * (double)(K + 1) - 1e-9);
    out.threshold = sign * all[(rank > 0 ? rank : 1) - 1];
    out.calibrated = gate(score, sign * out.threshold, sign * rule->best);
    free(all);
    return out;
}

/* ---- many statistics ---- */

struct ranked {
    double p;
    int64_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->p > y->p) - (x->p < y->p);
}

void calibration_fdr(int64_t n, const double *p, double *q)
{
    struct ranked *test = array(n, sizeof *test);
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isnan(p[i])) test[m++] = (struct ranked){p[i], i};
        q[i] = p[i];
    }
    qsort(test, (size_t)m, sizeof *test, by_p);
    double least = 1;
    for (int64_t i = m - 1; i >= 0; i--) {
        least = fmin(least, test[i].p * (double)m / (double)(i + 1));
        q[test[i].at] = least;
    }
    free(test);
}

void calibration_standardize(int64_t K, const double *null, double observed, double *z,
                             double *z_observed)
{
    double *all = array(K + 1, sizeof *all);
    all[K] = observed;
    bool same = true;
    for (int64_t b = 0; b < K; b++) {
        all[b] = null[b];
        same = same && (null[b] == observed || isnan(null[b]));
    }
    struct moments m = moments_of(K + 1, all);
    for (int64_t b = 0; b <= K; b++) {
        double *to = b < K ? &z[b] : z_observed;
        if (isnan(observed))
            *to = NAN;
        else if (isnan(all[b]))
            *to = -INFINITY;
        else
            *to = same ? 0 : (all[b] - m.mean) / m.sd;
    }
    free(all);
}

double calibration_max_t(int64_t K, const double *null_max, double z_observed)
{
    if (K <= 0 || isnan(z_observed)) return NAN;
    return (double)(1 + count_at_least(K, null_max, z_observed)) / (double)(K + 1);
}
