/* calibration.h - what an alignment score is worth: against the scores of the same two
 * representations after the rows of one were permuted, alone and among many pairs.
 *
 * A null sample holds K scores T_b of permuted rows; T is the score as observed. Of a score
 * that is the best of several (layers, say) the whole search is repeated for each permutation.
 * source   arXiv 2602.14486 (Aristotelian): the gated score; Phipson and Smyth, Permutation
 *          p-values should never be zero, 2010 */
#ifndef SHOAL_LINALG_CALIBRATION_H
#define SHOAL_LINALG_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

/* perm[n]: permutation number `index` of the null of root `key`, uniform; row i becomes row
 * perm[i]. With group[n], any labels, only rows of the same label change places; NULL, or one
 * label for all: all may. Local.
 * same     everywhere, for the same arguments
 * cost     O(n), with groups O(n log n) */
void calibration_permutation(uint64_t key, int64_t index, int64_t n, const int32_t *group,
                             int32_t *perm);

struct calibration_rule {
    double alpha;       /* level of the test, in (0, 1): 0.05 */
    double best;        /* score of a representation with itself */
    bool dissimilarity; /* smaller scores are more alike */
};

struct calibration {
    double p;                  /* (1 + #{T_b >= T}) / (K + 1): at least 1 / (K + 1) */
    double threshold;          /* order statistic ceil((1 - alpha)(K + 1)) of the T_b and T */
    double calibrated;         /* 0 up to the threshold, then linear to 1 at best */
    double null_mean, null_sd; /* of the T_b, with K in the denominator */
};

/* Calibrates the score T = observed from null[K]; of a dissimilarity with <= for >= and order
 * from the other end. calibrated > 0 if and only if p <= alpha.
 *
 * NaN      T: all but the moments are NaN. T_b: less alike than any number, left out of the
 *          moments; where the threshold is thereby infinite, calibrated is NaN. K = 0: all NaN
 * cost     O(K log K)
 * Local. */
struct calibration calibration_of(const struct calibration_rule *rule, double observed,
                                  int64_t K, const double *null);

/* q[n]: p-values adjusted so that those with q <= level have a share of false ones of at most
 * level among them; NaN stays NaN and does not count as a test. q may be p. Local.
 * source   Benjamini and Hochberg, Controlling the false discovery rate, 1995; right also for
 *          tests of pairs with models in common as far as their scores depend positively
 *          (Benjamini and Yekutieli, 2001) */
void calibration_fdr(int64_t n, const double *p, double *q);

/* z[K] of the null scores and *z_observed, by the mean and the standard deviation of all K + 1,
 * so that under the null all are alike; 0 where the scores are all the same. What statistics of
 * different pairs have in common. Of a dissimilarity pass the negative scores.
 *
 * NaN      observed: all are NaN. A null score: -infinity, and left out of the moments
 * Local. */
void calibration_standardize(int64_t K, const double *null, double observed, double *z,
                             double *z_observed);

/* The p-value of one of many pairs, right for all at once: null_max[K] are the largest z of any
 * pair in each permutation (the same permutations for all pairs). NaN for a NaN z, or K = 0.
 * Local.
 * source   Westfall and Young, Resampling-based multiple testing, 1993, single step */
double calibration_max_t(int64_t K, const double *null_max, double z_observed);

#endif
