/* data_fitted.h - an endless world like a finite data set: normal distributions fitted to its
 * classes. A row of `streams`; the functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_FITTED_H
#define SHOAL_WORKER_DATA_FITTED_H

#include "worker/data.h"

/* Classes come as often as in the training split of data.base. A sample of class k is
 * mean_k + W_k z + sigma_k e with normal z and e, clipped to [-1, 1]: probabilistic principal
 * components, W_k the data.components largest of the class's covariance less sigma_k^2, and
 * sigma_k^2 the mean of all other eigenvalues, so that the covariance is right along the
 * components and its trace is right. Both splits are endless.
 * cost     open: 2 n dim^2 flops for n training samples, and an eigenproblem of size dim for
 *          each class; a sample: 2 dim components flops
 * errors   ERR_CONFIG for a base that is endless, or larger than 4096 numbers a sample; those
 *          of the base; ERR_NOMEM
 * source   Tipping & Bishop, Probabilistic principal component analysis, 1999, section 3.2 */
enum err_code data_fitted_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_fitted_open(const struct config *c, uint64_t root, struct data *data,
                               struct err *e);
void data_fitted_close(struct data *data);
void data_fitted_fetch(const struct data *data, enum split split, const int64_t *index,
                       int64_t n, real *x, int32_t *label);

#endif
