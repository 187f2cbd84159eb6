/* eigen.c - owns the declarations of the LAPACK routines in use, in their Fortran form. */
#include "linalg/eigen.h"

#include <math.h>
#include <string.h>

#include "base/comm.h"

void dsyev_(const char *job, const char *uplo, const int *n, double *a, const int *lda,
            double *value, double *work, const int *lwork, int *info);
void dstev_(const char *job, const int *n, double *diagonal, double *off, double *vector,
            const int *ldz, double *work, int *info);

enum { BLOCK = 32 }; /* columns that dsyev reduces at a time */

int64_t eigen_scratch(int64_t n)
{
    return (BLOCK + 2) * n;
}

static bool all_finite(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

bool eigen_symmetric(int64_t n, double *a, double *value, double *scratch)
{
    int rows = comm_int(n), size = comm_int(eigen_scratch(n)), info;
    if (!all_finite(n * n, a)) return false;
    dsyev_("N", "L", &rows, a, &rows, value, scratch, &size, &info); /* by columns: lower */
    return info == 0;
}

bool eigen_tridiagonal(int64_t n, const double *diagonal, const double *off, double *value,
                       double *last, double *scratch)
{
    int rows = comm_int(n), info;
    double *vector = scratch, *off_copy = vector + n * n, *work = off_copy + n;
    if (!all_finite(n, diagonal) || !all_finite(n - 1, off)) return false;
    memcpy(value, diagonal, (size_t)n * sizeof *value);
    if (n > 1) memcpy(off_copy, off, (size_t)(n - 1) * sizeof *off_copy);
    dstev_("V", &rows, value, off_copy, vector, &rows, work, &info);
    for (int64_t i = 0; i < n; i++) last[i] = vector[i * n + n - 1];
    return info == 0;
}
