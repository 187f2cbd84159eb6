/* permutation_moments.h - the null of a score without sampling it: exact mean and variance over
 * all n! permutations, and a tail by three moments.
 *
 * For scores that are a sum over pairs of rows, as the overlap of neighbours (mutual_knn is Z /
 * (n k) of two neighbour lists) and the CKA family are, whose normaliser permutations leave
 * alone.
 * source   Mantel, The detection of disease clustering, 1967; Hubert, Assignment methods in
 *          combinatorial data analysis, 1987; Josse, Pages and Husson, Testing the significance
 *          of the RV coefficient, 2008 */
#ifndef SHOAL_LINALG_PERMUTATION_MOMENTS_H
#define SHOAL_LINALG_PERMUTATION_MOMENTS_H

#include <stdint.h>

struct permutation_moments {
    double mean, variance;
};

/* What the moments need of a matrix a[n, n], symmetric or not, its diagonal left out: r_i and
 * c_i are its row and column sums. */
struct permutation_sums {
    double sum;          /* of a_ij */
    double squares;      /* of a_ij^2 */
    double reciprocal;   /* of a_ij a_ji */
    double rows;         /* of r_i^2 */
    double columns;      /* of c_i^2 */
    double rows_columns; /* of r_i c_i */
};

/* The sums of a dense matrix a[n, n]. Local.
 * cost     O(n^2) */
struct permutation_sums permutation_sums_dense(int64_t n, const double *a);

/* The sums of the graph in which row i points at the k different rows lists[n, k] of 0..n-1
 * other than i: a_ij = 1 where it does, else 0. Local.
 * cost     O(n k^2) */
struct permutation_sums permutation_sums_lists(int64_t n, int64_t k, const int32_t *lists);

/* Of Z = sum over i != j of a_ij b_{pi(i) pi(j)} over all permutations pi of n >= 4 rows.
 * Local. */
struct permutation_moments permutation_moments_pairs(int64_t n,
                                                     const struct permutation_sums *a,
                                                     const struct permutation_sums *b);

/* What the moments need of a symmetric matrix K[n, n] whose rows add up to 0. */
struct permutation_traces {
    double trace;    /* of K */
    double squares;  /* trace of K K */
    double diagonal; /* sum of K_ii^2 */
};

/* The traces of a dense matrix K[n, n]. Local.
 * cost     O(n^2) */
struct permutation_traces permutation_traces_dense(int64_t n, const double *k);

/* Of tr(K L with rows and columns permuted), the diagonal too, over all permutations of n >= 4
 * rows: the numerator of biased CKA, from centred Gram matrices. Local.
 * source   Kazi-Aoual, Hitier, Sabatier and Lebreton, Refined approximations to permutation
 *          tests for multivariate inference, 1995 */
struct permutation_moments permutation_moments_centred(int64_t n,
                                                       const struct permutation_traces *a,
                                                       const struct permutation_traces *b);

/* Probability that a variable with these moments is at least `observed`, for one of Pearson's
 * type III (a shifted gamma distribution; normal for skewness 0): p-values below 1 / (K + 1) of
 * K permutations, from which the caller estimates the skewness. Relative error below 1e-8 down
 * to 1e-300; 0 below the smallest number and, with negative skewness, beyond the end of the
 * distribution, mean - 2 sd / skewness. NaN for a NaN argument or an sd that is not above 0.
 * Local.
 * source   the approximation: Mielke and Berry, Permutation methods, 2001; incomplete gamma
 *          functions: Abramowitz and Stegun 6.5.29 and 6.5.31; for large shapes: Temme, The
 *          asymptotic expansion of the incomplete gamma functions, 1979 */
double permutation_tail(double observed, double mean, double sd, double skewness);

#endif
