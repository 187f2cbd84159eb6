/* statistics.h - means and the intervals around them. The unit that is averaged over and
 * resampled is the seed. */
#ifndef SHOAL_LINALG_STATISTICS_H
#define SHOAL_LINALG_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STATISTICS_RESAMPLES = 2000,
    STATISTICS_FEW = 10, /* seeds below which resampled intervals are too short */
};

/* A mean of n seeds. low and high are NaN without an interval (n < 2), mean without a value. */
struct statistics_interval {
    int64_t n;
    double mean, low, high;
};

/* Mean of the n values, NaN if n = 0. Local. */
double statistics_mean(int64_t n, const double *x);

/* Standard deviation with n - 1 in the denominator, NaN if n < 2. Local. */
double statistics_sd(int64_t n, const double *x);

/* The p-quantile (0 <= p <= 1) of n >= 1 sorted values, linear between neighbours. Local.
 * source   Hyndman and Fan, Sample quantiles in statistical packages, 1996, type 7 */
double statistics_quantile(int64_t n, const double *sorted, double p);

/* Mean of the values that are not NaN, one a seed, and its percentile bootstrap interval.
 *
 * level    percent, 95
 * key      names the stream of the resampling
 * note     too short for few values, as it takes their spread for that of all: of 95 %
 *          intervals of n = 2, 3, 5, 10, 20 normal values 49, 74, 84, 90, 93 in 100 hold the
 *          mean
 * cost     STATISTICS_RESAMPLES * n
 * same     bits for the same values and key
 * source   Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13
 * Local. */
struct statistics_interval statistics_bootstrap(int64_t n, const double *x, double level,
                                                uint64_t key);

/* The same for a quantity of pairs: score[n, n] of each pair of different seeds. A resample
 * draws seeds and averages the pairs of its members that are different seeds, so that a pair
 * is never taken for independent of the others that share a seed with it; NaN scores are left
 * out. n in the result counts seeds that have a score. Needs 3 seeds for an interval: two have
 * one pair. */
struct statistics_interval statistics_bootstrap_pairs(int64_t n, const double *score,
                                                      double level, uint64_t key);

/* The p-quantile (0.5 <= p < 1) of Student's t with df >= 1 degrees of freedom, to ten digits
 * for p up to 0.9999. Local.
 * cost     O(df)
 * source   Abramowitz and Stegun, Handbook of mathematical functions, 26.7.3 and 26.7.4 */
double statistics_t_quantile(double p, int64_t df);

/* Mean of the values that are not NaN, one a seed, and Student's interval: right also for few
 * seeds, if their values are normal. level in percent. Local. */
struct statistics_interval statistics_t_interval(int64_t n, const double *x, double level);

/* The interval that reports show: Student's of fewer than STATISTICS_FEW values, else the
 * bootstrap. Local. */
struct statistics_interval statistics_seed_interval(int64_t n, const double *x, double level,
                                                    uint64_t key);

/* The same for a quantity of pairs, see statistics_bootstrap_pairs: of fewer than STATISTICS_FEW
 * seeds each is left out once, and Student's interval is that of the pseudo-values. Local.
 * source   Arvesen, Jackknifing U-statistics, 1969 */
struct statistics_interval statistics_pair_interval(int64_t n, const double *score,
                                                    double level, uint64_t key);

/* What those of least to most values are called: "Student's t intervals". Local. */
const char *statistics_seed_interval_name(int64_t least, int64_t most);

/* Both have intervals and these have no point in common. */
bool statistics_separate(const struct statistics_interval *a,
                         const struct statistics_interval *b);

#endif
