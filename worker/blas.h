/* blas.h - matrix products of the core's number type. Row-major. */
#ifndef SHOAL_WORKER_BLAS_H
#define SHOAL_WORKER_BLAS_H

#include <cblas.h>
#include <stdint.h>

#include "base/comm.h"
#include "worker/real.h"

/* c[m, n] = alpha op(a) op(b) + beta c, op(a) is [m, k], op(b) is [k, n]. Rows of a, b and c, as
 * they lie in memory, start lda, ldb and ldc numbers apart. Local.
 * cost     2 m n k flops */
static inline void blas_gemm_strided(CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b,
                                     int64_t m, int64_t n, int64_t k, real alpha, const real *a,
                                     int64_t lda, const real *b, int64_t ldb, real beta,
                                     real *c, int64_t ldc)
{
#ifdef SHOAL_REAL_DOUBLE
    cblas_dgemm(CblasRowMajor, trans_a, trans_b, comm_int(m), comm_int(n), comm_int(k), alpha,
                a, comm_int(lda), b, comm_int(ldb), beta, c, comm_int(ldc));
#else
    cblas_sgemm(CblasRowMajor, trans_a, trans_b, comm_int(m), comm_int(n), comm_int(k), alpha,
                a, comm_int(lda), b, comm_int(ldb), beta, c, comm_int(ldc));
#endif
}

/* The same with alpha 1 and without gaps between rows. */
static inline void blas_gemm(CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, int64_t m,
                             int64_t n, int64_t k, const real *a, const real *b, real beta,
                             real *c)
{
    blas_gemm_strided(trans_a, trans_b, m, n, k, 1, a, trans_a == CblasNoTrans ? k : m, b,
                      trans_b == CblasNoTrans ? n : k, beta, c, n);
}

#endif
