/* slope.h - power laws: how fast something grows with a size, over seeds. */
#ifndef SHOAL_LINALG_SLOPE_H
#define SHOAL_LINALG_SLOPE_H

#include "linalg/statistics.h"

/* What an exponent says of the quantity as x grows. */
enum slope_verdict { SLOPE_UNDECIDED, SLOPE_INDEPENDENT, SLOPE_GROWS, SLOPE_VANISHES };

/* Exponents up to this may be 0: those of theory are multiples of 1/2, which networks of finite
 * width miss by as much. */
#define SLOPE_FLAT 0.1

/* Least-squares slope of log2 y on log2 x: y ~ x^slope.
 *
 * x[n]     positive
 * y[n]     NaN comes of one that is not positive and finite: a line through the others would
 *          hide that the largest network diverged
 * returns  NaN also if fewer than two x differ
 * Local. */
double slope_log2(int64_t n, const double *x, const double *y);

/* Mean of the seeds' slopes and Student's 95 % interval; seeds without a slope are left out,
 * and n of the result does not count them.
 *
 * y[seeds, n]  row-major
 * Local. */
struct statistics_interval slope_over_seeds(int64_t seeds, int64_t n, const double *x,
                                            const double *y);

/* Grows or vanishes: the whole interval is beyond SLOPE_FLAT. Independent: else, and the whole
 * interval is within twice that. Else undecided, as with less than two seeds. Local. */
enum slope_verdict slope_verdict(const struct statistics_interval *slope);

#endif
