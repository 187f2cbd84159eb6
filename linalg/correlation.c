/* correlation.c - see correlation.h. */
#include "linalg/correlation.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"

struct numbered {
    double value;
    int64_t place;
};

static int by_value(const void *a, const void *b)
{
    const struct numbered *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->place > q->place) - (p->place < q->place);
}

void correlation_ranks(int64_t n, const double *x, double *rank)
{
    struct numbered *sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    INVARIANT(sorted);
    for (int64_t i = 0; i < n; i++) sorted[i] = (struct numbered){x[i], i};
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && sorted[end].value == sorted[first].value;) end++;
        for (int64_t i = first; i < end; i++)
            rank[sorted[i].place] = (double)(first + 1 + end) / 2;
    }
    free(sorted);
}

static double pearson(int64_t n, const double *x, const double *y)
{
    double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0, size_x = 0, size_y = 0;
    for (int64_t i = 0; i < n; i++) {
        mean_x += x[i] / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double a = x[i] - mean_x, b = y[i] - mean_y;
        xx += a * a;
        yy += b * b;
        xy += a * b;
        size_x += x[i] * x[i];
        size_y += y[i] * y[i];
    }
    /* but for rounding */
    if (n < 2 || xx <= 1e-28 * size_x || yy <= 1e-28 * size_y) return NAN;
    return fmax(-1, fmin(1, xy / sqrt(xx) / sqrt(yy)));
}

struct correlation correlation_of(int64_t n, const double *x, const double *y)
{
    struct correlation out = {.pearson = pearson(n, x, y)};
    double *rank = malloc((size_t)(2 * n + 1) * sizeof *rank);
    INVARIANT(rank);
    correlation_ranks(n, x, rank);
    correlation_ranks(n, y, rank + n);
    out.spearman = pearson(n, rank, rank + n);
    free(rank);
    return out;
}
