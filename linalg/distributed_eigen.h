/* distributed_eigen.h - the spectrum of one large representation, by all ranks together. */
#ifndef SHOAL_LINALG_DISTRIBUTED_EIGEN_H
#define SHOAL_LINALG_DISTRIBUTED_EIGEN_H

#include <mpi.h>
#include <stdint.h>

#include "base/err.h"

/* Eigenvalues of the covariance (1 / n) sum (x_i - mean)(x_i - mean)', as spectrum_eigenvalues
 * gives them. Collective over comm.
 *
 * x[n, d]         on the rank root a row for each sample, overwritten; NULL on others
 * value[min(n,d)] on all ranks: descending, none below 0
 * errors          ERR_SHAPE: a number is not finite; ERR_NOMEM; ERR_ENV: ScaLAPACK fails
 * cost            with m = min(n, d), over all ranks: n d m + 4/3 m^3 flops; 2 m^2 + n d
 *                 numbers, and n d more on root
 * same            to 1e-10 of the largest as with any other number of ranks */
enum err_code distributed_eigenvalues(MPI_Comm comm, int root, int64_t n, int64_t d, double *x,
                                      double *value, struct err *e);

#endif
