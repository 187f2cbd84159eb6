/* slope.c - see slope.h. */
#include "linalg/slope.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"

double slope_log2(int64_t n, const double *x, const double *y)
{
    double x_mean = 0, y_mean = 0, xx = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        INVARIANT(x[i] > 0);
        if (!(y[i] > 0) || isinf(y[i])) return NAN;
        x_mean += log2(x[i]) / (double)n;
        y_mean += log2(y[i]) / (double)n;
    }
    bool differ = false;
    for (int64_t i = 0; i < n; i++) {
        double dx = log2(x[i]) - x_mean;
        differ |= x[i] != x[0];
        xx += dx * dx;
        xy += dx * (log2(y[i]) - y_mean);
    }
    return differ ? xy / xx : NAN;
}

struct statistics_interval slope_over_seeds(int64_t seeds, int64_t n, const double *x,
                                            const double *y)
{
    double *slope = malloc((size_t)(seeds > 0 ? seeds : 1) * sizeof *slope);
    INVARIANT(slope);
    for (int64_t s = 0; s < seeds; s++) slope[s] = slope_log2(n, x, y + s * n);
    struct statistics_interval out = statistics_t_interval(seeds, slope, 95);
    free(slope);
    return out;
}

enum slope_verdict slope_verdict(const struct statistics_interval *slope)
{
    if (slope->low > SLOPE_FLAT) return SLOPE_GROWS;
    if (slope->high < -SLOPE_FLAT) return SLOPE_VANISHES;
    bool flat = slope->low > -2 * SLOPE_FLAT && slope->high < 2 * SLOPE_FLAT;
    return flat ? SLOPE_INDEPENDENT : SLOPE_UNDECIDED;
}
