/* correlation.h - how one number goes with another over models, and how sure that is. */
#ifndef SHOAL_LINALG_CORRELATION_H
#define SHOAL_LINALG_CORRELATION_H

#include <stdbool.h>
#include <stdint.h>

/* Pearson's correlation of the n pairs (x, y) without a NaN; NaN for fewer than two, or where x
 * or y does not vary. Local. */
double correlation_pearson(int64_t n, const double *x, const double *y);

/* Spearman's: Pearson's of the ranks, equal numbers taking the mean of theirs. Local. */
double correlation_spearman(int64_t n, const double *x, const double *y);

struct correlation {
    int64_t n, n_groups; /* pairs without a NaN, groups they come from */
    double r, low, high; /* low and high are NaN without an interval */
};

/* A correlation and its interval for other groups like these.
 *
 * group    [n] any labels: what is independent (a seed, a model); NULL: each pair by itself
 * ranks    Spearman's, else Pearson's
 * level    percent, 95
 * method   jackknife: each group is left out once; Student's interval of the pseudo-values of
 *          atanh r. Of 95 % intervals of 4 to 9 groups, single normal pairs or six each with a
 *          common part, 94 to 98 in 100 hold the correlation (95 to 100 of Spearman's), of
 *          percentile bootstrap intervals 64 to 92
 * none     of fewer than 3 groups, where an atanh is infinite (three single pairs) or where
 *          nothing depends on the group left out (all in perfect order). Of ranks an |r| of 1
 *          is taken half the least step below it, so that a few in perfect order have one
 * cost     O(n log n) for each group
 * source   Tukey, Bias and confidence in not quite large samples, 1958; Miller, The jackknife -
 *          a review, 1974
 * Local. */
struct correlation correlation_of(int64_t n, const double *x, const double *y,
                                  const int32_t *group, bool ranks, double level);

#endif
