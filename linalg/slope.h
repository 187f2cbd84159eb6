/* slope.h - power laws: how fast something grows with a size, over seeds. */
#ifndef SHOAL_LINALG_SLOPE_H
#define SHOAL_LINALG_SLOPE_H

#include "linalg/statistics.h"

/* Exponents up to this are taken for 0 by slope_verdict. */
#define SLOPE_FLAT 0.1

/* Least-squares slope of log2 y on log2 x: y ~ x^slope.
 *
 * x[n]     positive
 * y[n]     NaN comes of one that is not positive and finite: a line through the others would
 *          hide that the largest network diverged
 * returns  NaN also if fewer than two x differ
 * Local. */
double slope_log2(int64_t n, const double *x, const double *y);

/* Mean of the seeds' slopes and Student's 95 % interval; seeds without a slope are left out, and
 * n of the result does not count them.
 *
 * y[seeds, n]  row-major
 * Local. */
struct statistics_interval slope_over_seeds(int64_t seeds, int64_t n, const double *x,
                                            const double *y);

/* What an exponent says: "grows" or "vanishes" if it is beyond SLOPE_FLAT and its interval on the
 * same side of 0; "independent" if it is within SLOPE_FLAT and its interval within twice that;
 * else "undecided", as with less than two seeds. Local. */
const char *slope_verdict(const struct statistics_interval *slope);

#endif
