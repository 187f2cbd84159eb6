/* svd.c - owns the declaration of LAPACK's divide and conquer SVD, in its Fortran form. */
#include "linalg/svd.h"

#include <math.h>

#include "base/comm.h"

void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work,
             const int *lwork, int *iwork, int *info);

enum { BLOCK = 64 }; /* columns reduced at a time, at most */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The least that dgesdd takes, and room for its blocks. */
static int64_t work_size(int64_t rows, int64_t columns, bool vectors)
{
    int64_t m = least(rows, columns);
    return (vectors ? 4 * m * m : 0) + 10 * m + (BLOCK + 1) * (rows + columns);
}

int64_t svd_scratch(int64_t rows, int64_t columns, bool vectors)
{
    return work_size(rows, columns, vectors) + 4 * least(rows, columns); /* 8 int32 per value */
}

static bool decompose(int64_t rows, int64_t columns, double *a, double *s, double *u,
                      double *vt, double *scratch)
{
    if (rows == 0 || columns == 0) return true;
    for (int64_t i = 0; i < rows * columns; i++)
        if (!isfinite(a[i])) return false;
    int64_t size = work_size(rows, columns, u != NULL);
    int m = comm_int(rows), n = comm_int(columns), small = m < n ? m : n;
    int lwork = comm_int(size), info;
    int *iwork = (int *)(scratch + size);
    dgesdd_(u ? "S" : "N", &m, &n, a, &m, s, u, &m, vt, &small, scratch, &lwork, iwork, &info);
    return info == 0;
}

bool svd_values(int64_t rows, int64_t columns, double *a, double *s, double *scratch)
{
    return decompose(rows, columns, a, s, NULL, NULL, scratch);
}

bool svd_thin(int64_t rows, int64_t columns, double *a, double *s, double *u, double *vt,
              double *scratch)
{
    return decompose(rows, columns, a, s, u, vt, scratch);
}
