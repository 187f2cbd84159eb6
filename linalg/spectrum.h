/* spectrum.h - how many directions a representation uses: the eigenvalues of its covariance. */
#ifndef SHOAL_LINALG_SPECTRUM_H
#define SHOAL_LINALG_SPECTRUM_H

#include <stdint.h>

#include "base/err.h"

enum { SPECTRUM_SHARES = 3 };

/* Shares of the variance that dimensions are counted for: 0.90, 0.95, 0.99. */
extern const double spectrum_shares[SPECTRUM_SHARES];

struct spectrum {
    double variance;      /* sum of the eigenvalues */
    double participation; /* (sum l)^2 / sum l^2; NaN without variance, as the next */
    double effective;     /* exp of the entropy of l / sum l */
    int64_t dimensions[SPECTRUM_SHARES]; /* largest eigenvalues that make up each share; 0
                                            without variance */
};

/* Eigenvalues of the covariance (1 / n) sum (x_i - mean)(x_i - mean)', of which no more than
 * min(n, d) are not 0. Local.
 *
 * x[n, d]         a row for each sample; need not be centred, is not changed
 * value[min(n,d)] descending, none below 0
 * errors          ERR_SHAPE: a number is not finite; ERR_NOMEM; ERR_ENV: LAPACK fails
 * cost            with m = min(n, d): n d m + 4/3 m^3 flops; n d + m^2 numbers */
enum err_code spectrum_eigenvalues(int64_t n, int64_t d, const double *x, double *value,
                                   struct err *e);

/* What m descending eigenvalues say. Local.
 * source   participation: Gao et al., A theory of multineuronal dimensionality, 2017;
 *          effective: Roy and Vetterli, The effective rank, 2007 */
struct spectrum spectrum_of(int64_t m, const double *value);

#endif
