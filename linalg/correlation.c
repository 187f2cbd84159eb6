/* correlation.c - Pearson's correlation of numbers or of their ranks, jackknifed over
 * groups. */
#include "linalg/correlation.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "linalg/statistics.h"

/* Pairs without a NaN, by group: those of one stand together. */
struct pairs {
    int64_t n;
    double *x, *y;
    int32_t *group;
};

struct keyed {
    double value;
    int32_t group;
    int64_t at;
};

static void *array(int64_t n, size_t size)
{
    void *out = calloc((size_t)(n > 0 ? n : 1), size);
    INVARIANT(out);
    return out;
}

static int by_group(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_value(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* group: NULL: the pair's number. */
static struct pairs pairs_of(int64_t n, const double *x, const double *y, const int32_t *group)
{
    struct keyed *key = array(n, sizeof *key);
    struct pairs p = {0, array(n, sizeof(double)), array(n, sizeof(double)),
                      array(n, sizeof(int32_t))};
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i]) && !isnan(y[i]))
            key[p.n++] = (struct keyed){0, group ? group[i] : (int32_t)i, i};
    qsort(key, (size_t)p.n, sizeof *key, by_group);
    for (int64_t i = 0; i < p.n; i++) {
        p.x[i] = x[key[i].at];
        p.y[i] = y[key[i].at];
        p.group[i] = key[i].group;
    }
    free(key);
    return p;
}

static void pairs_clear(struct pairs *p)
{
    free(p->x);
    free(p->y);
    free(p->group);
}

/* ---- one correlation ---- */

/* Is a sum of squares 0 but for rounding? */
static bool does_not_vary(double squares, double n, double mean)
{
    return squares <= 1e-24 * n * mean * mean;
}

/* n numbers without a NaN. */
static double pearson(int64_t n, const double *x, const double *y)
{
    double mean_x = statistics_mean(n, x), mean_y = statistics_mean(n, y);
    double xx = 0, xy = 0, yy = 0;
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    if (n < 2 || does_not_vary(xx, (double)n, mean_x) || does_not_vary(yy, (double)n, mean_y))
        return NAN;
    return fmin(fmax(xy / sqrt(xx) / sqrt(yy), -1), 1);
}

/* Puts the ranks of x, from 0, in their place. */
static void rank(int64_t n, double *x)
{
    struct keyed *key = array(n, sizeof *key);
    for (int64_t i = 0; i < n; i++) key[i] = (struct keyed){.value = x[i], .at = i};
    qsort(key, (size_t)n, sizeof *key, by_value);
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && key[end].value == key[first].value;) end++;
        for (int64_t i = first; i < end; i++) x[key[i].at] = (double)(first + end - 1) / 2;
    }
    free(key);
}

/* Overwrites the pairs. */
static double correlate(int64_t n, double *x, double *y, bool ranks)
{
    if (ranks) {
        rank(n, x);
        rank(n, y);
    }
    return pearson(n, x, y);
}

double correlation_pearson(int64_t n, const double *x, const double *y)
{
    struct pairs p = pairs_of(n, x, y, NULL);
    double r = correlate(p.n, p.x, p.y, false);
    pairs_clear(&p);
    return r;
}

double correlation_spearman(int64_t n, const double *x, const double *y)
{
    struct pairs p = pairs_of(n, x, y, NULL);
    double r = correlate(p.n, p.x, p.y, true);
    pairs_clear(&p);
    return r;
}

/* ---- the interval ---- */

/* atanh of the correlation without the pairs from first to end. x, y: scratch of p->n. */
static double transformed(const struct pairs *p, int64_t first, int64_t end, bool ranks,
                          double *x, double *y)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (i >= first && i < end) continue;
        x[n] = p->x[i];
        y[n++] = p->y[i];
    }
    double r = correlate(n, x, y, ranks), m = (double)n;
    double most = ranks ? 1 - 6 / (m * m * m - m) : 1 - 1e-12; /* 1 but for rounding */
    if (fabs(r) > most) r = copysign(ranks ? most : 1, r);
    return atanh(r);
}

/* Interval from the groups' pseudo-values, around z. */
static void jackknife(int64_t m, double *pseudo, double z, double level, struct correlation *c)
{
    double half = statistics_t_quantile(0.5 + level / 200, m - 1) * statistics_sd(m, pseudo) /
                  sqrt((double)m);
    if (!isfinite(half) || half < 1e-9) return;
    c->low = fmin(tanh(z - half), c->r);
    c->high = fmax(tanh(z + half), c->r);
}

struct correlation correlation_of(int64_t n, const double *x, const double *y,
                                  const int32_t *group, bool ranks, double level)
{
    struct pairs p = pairs_of(n, x, y, group);
    struct correlation c = {.n = p.n, .low = NAN, .high = NAN};
    double *without = array(3 * p.n, sizeof *without), *scratch = without + p.n;
    for (int64_t first = 0, end; first < p.n; first = end) {
        for (end = first; end < p.n && p.group[end] == p.group[first];) end++;
        without[c.n_groups++] = transformed(&p, first, end, ranks, scratch, scratch + p.n);
    }
    double z = transformed(&p, 0, 0, ranks, scratch, scratch + p.n), m = (double)c.n_groups;
    for (int64_t g = 0; g < c.n_groups; g++) without[g] = m * z - (m - 1) * without[g];
    c.r = correlate(p.n, p.x, p.y, ranks);
    if (c.n_groups >= 3) jackknife(c.n_groups, without, z, level, &c);
    free(without);
    pairs_clear(&p);
    return c;
}
