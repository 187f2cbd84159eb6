/* correlation.h - how two lists of numbers go together. */
#ifndef SHOAL_LINALG_CORRELATION_H
#define SHOAL_LINALG_CORRELATION_H

#include <stdint.h>

/* Correlations of n pairs x, y of finite numbers, -1 to 1; NaN where n < 2 or where all of a
 * list are equal. */
struct correlation {
    double pearson;
    double spearman; /* Pearson's of the ranks, equal values sharing the mean of theirs */
};

/* Both. Local.
 * cost     O(n log n); 5 n numbers
 * source   Spearman, The proof and measurement of association between two things, 1904 */
struct correlation correlation_of(int64_t n, const double *x, const double *y);

/* rank[n], from 1; equal values have the mean of their ranks. Local. */
void correlation_ranks(int64_t n, const double *x, double *rank);

#endif
