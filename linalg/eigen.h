/* eigen.h - eigenvalues of small symmetric matrices, by LAPACK. */
#ifndef SHOAL_LINALG_EIGEN_H
#define SHOAL_LINALG_EIGEN_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers of scratch that either function wants for n rows. Local. */
int64_t eigen_scratch(int64_t n);

/* value[n]: eigenvalues of a[n, n], ascending; a is overwritten, its upper triangle alone is
 * read. False, and nothing else, if a holds a number that is not finite or if the iteration
 * does not converge. Local.
 * cost     4/3 n^3 flops */
bool eigen_symmetric(int64_t n, double *a, double *value, double *scratch);

/* The same for the tridiagonal matrix of diagonal[n] and off[n - 1], which are not changed;
 * last[n] receives the last component of each unit eigenvector. scratch also holds n^2 more
 * numbers. Local. */
bool eigen_tridiagonal(int64_t n, const double *diagonal, const double *off, double *value,
                       double *last, double *scratch);

#endif
