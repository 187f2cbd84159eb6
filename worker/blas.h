/* blas.h - matrix products of the core's number type. Row-major. */
#ifndef SHOAL_WORKER_BLAS_H
#define SHOAL_WORKER_BLAS_H

#include <cblas.h>
#include <stdint.h>

#include "base/comm.h"
#include "worker/real.h"

/* c[m, n] = op(a) op(b) + beta c, op(a) is [m, k], op(b) is [k, n]; all three without gaps
 * between rows. Local.
 * cost     2 m n k flops */
static inline void blas_gemm(CBLAS_TRANSPOSE trans_a, CBLAS_TRANSPOSE trans_b, int64_t m,
                             int64_t n, int64_t k, const real *a, const real *b, real beta,
                             real *c)
{
    int lda = comm_int(trans_a == CblasNoTrans ? k : m);
    int ldb = comm_int(trans_b == CblasNoTrans ? n : k);
#ifdef SHOAL_REAL_DOUBLE
    cblas_dgemm(CblasRowMajor, trans_a, trans_b, comm_int(m), comm_int(n), comm_int(k), 1, a,
                lda, b, ldb, beta, c, comm_int(n));
#else
    cblas_sgemm(CblasRowMajor, trans_a, trans_b, comm_int(m), comm_int(n), comm_int(k), 1, a,
                lda, b, ldb, beta, c, comm_int(n));
#endif
}

#endif
