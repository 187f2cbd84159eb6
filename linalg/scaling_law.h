/* scaling_law.h - fits of scaling laws to the means over seeds of what was measured at several
 * sizes, with intervals over seeds and the error at the largest size when that is held out. */
#ifndef SHOAL_LINALG_SCALING_LAW_H
#define SHOAL_LINALG_SCALING_LAW_H

#include <stdint.h>

#include "base/err.h"
#include "linalg/scaling_form.h"

enum {
    SCALING_RESAMPLES = 4000,
    SCALING_FEW = 10, /* seeds below which intervals are t intervals */
};

/* What was measured: y of every seed at every size. The same seed number at two sizes is one
 * seed, as seeds share their data. Borrowed. */
struct scaling_data {
    int64_t n_sizes, n_seeds;
    int n_x;         /* numbers that make a size: 1 or 2 */
    const double *x; /* [n_sizes, n_x], no two rows alike */
    const double *y; /* [n_sizes, n_seeds]; NaN: missing */
};

struct scaling_options {
    double huber;      /* |residual| from which it counts linearly; NaN: see scaling_fit */
    int64_t resamples; /* 0: no intervals */
    double level;      /* percent, 95 */
    uint64_t key;      /* names the streams of the resampling */
};
extern const struct scaling_options scaling_defaults;

/* How a fit went: stored with it, no error. */
enum scaling_outcome {
    SCALING_CONVERGED,
    SCALING_UNDETERMINED, /* a parameter (E -> 0) that no longer moves any prediction */
    SCALING_NOT_CONVERGED,
};
extern const char *const scaling_outcomes[]; /* "converged", ... */

enum scaling_interval { SCALING_NO_INTERVAL, SCALING_T, SCALING_PERCENTILE };
extern const char *const scaling_intervals[]; /* "none", "t", "percentile" */

struct scaling_fit {
    const struct scaling_form *form;
    int64_t n_sizes, n_seeds;
    enum scaling_outcome outcome;
    int undetermined; /* the parameter, or -1 */
    double param[SCALING_PARAMS];
    double low[SCALING_PARAMS], high[SCALING_PARAMS]; /* NaN without an interval */
    enum scaling_interval interval;
    int64_t n_resamples, n_failed;     /* refits, and those of them that did not converge */
    double huber;                      /* as it was used */
    double loss;                       /* summed Huber loss of the residuals */
    double r2;                         /* 1 - squared residuals / squares around the mean */
    int64_t held_out;                  /* the largest size */
    enum scaling_outcome held_outcome; /* of the fit to the others */
    double held_y, held_predicted;
    double held_error; /* |predicted - y| / |y| */
};

/* Fits the form to the means over seeds and fills out. Local.
 *
 * loss     sum over sizes of Huber(log f(x) - log mean y), of forms that are not log_y of
 *          (f(x) - mean y) / mean |y|; minimised by L-BFGS from a grid of starts. Without a
 *          huber it is 1.345 standard errors of the means (the median of the sizes), at
 *          least 1e-3
 * interval over seeds: labels are drawn, the same for all sizes, and the fit is repeated from
 *          the parameters of the first (and from others where one of these moves nothing).
 *          From SCALING_FEW seeds the percentiles that tail = Phi(-t sqrt(S / (S - 1))) names,
 *          S seeds, t Student's quantile of S - 1 degrees of freedom; below, estimate +- t
 *          sqrt(S / (S - 1)) sd of the refits, in the logarithm where the form's coordinate is
 *          one, but E. Of one seed there is none
 * held_out the size with the largest product of its x; predicted by the fit to all others
 * errors   ERR_CONFIG: too few distinct sizes for the form, another number of sizes than the
 *          form has, x <= 0, a mean y <= 0 in a form of logarithms, a size without values;
 *          ERR_NOMEM
 * cost     about 10 us a refit of 8 sizes; the first fit starts from 1 place (a line) to 72
 *          (broken)
 * same     bits for the same data, options and key; also with the seeds in another order
 * source   Hoffmann et al. 2022, arXiv 2203.15556, appendix D.3; intervals: Hesterberg 2015,
 *          What teachers should know about the bootstrap, section 5.3 */
enum err_code scaling_fit(const struct scaling_form *form, const struct scaling_data *data,
                          const struct scaling_options *options, struct scaling_fit *out,
                          struct err *e);

/* mean[n_sizes] over the seeds that have a value, NaN without any. Local. */
void scaling_means(const struct scaling_data *data, double *mean);

#endif
