/* svd.h - singular values and vectors of a matrix on one rank, by LAPACK.
 *
 * Matrices by columns, as LAPACK has them: a row-major x[n, d] is a[d, n] here. */
#ifndef SHOAL_LINALG_SVD_H
#define SHOAL_LINALG_SVD_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers of scratch that svd_values (vectors false) and svd_thin want. What suffices for a
 * matrix suffices for any with fewer rows or columns. Local. */
int64_t svd_scratch(int64_t rows, int64_t columns, bool vectors);

/* s[m], m = min(rows, columns): singular values of a[rows, columns], descending; a is
 * overwritten. False, and nothing else, if a holds a number that is not finite or if the
 * iteration does not converge. Local.
 * cost     4 m^2 (max(rows, columns) - m / 3) flops */
bool svd_values(int64_t rows, int64_t columns, double *a, double *s, double *scratch);

/* The same with a = u diag(s) vt, u[rows, m], vt[m, columns]. A long matrix is first reduced by
 * QR or LQ; a'a is never formed, so small singular values keep their digits. Local.
 * cost     about 6 m^2 max(rows, columns) + 20 m^3 flops */
bool svd_thin(int64_t rows, int64_t columns, double *a, double *s, double *u, double *vt,
              double *scratch);

#endif
