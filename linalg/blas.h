/* blas.h - the few BLAS, PBLAS and BLACS routines in use. Debian ships no C headers for them,
 * so they are declared here in their Fortran form: every argument by address, matrices by
 * columns. */
#ifndef SHOAL_LINALG_BLAS_H
#define SHOAL_LINALG_BLAS_H

#include <mpi.h>

/* c = alpha op(a) op(b) + beta c */
void dgemm_(const char *trans_a, const char *trans_b, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b,
            const int *ldb, const double *beta, double *c, const int *ldc);

/* The same for a triangle of a distributed c = alpha op(a) op(a)' + beta c. */
void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja,
             const int *desc_a, const double *beta, double *c, const int *ic, const int *jc,
             const int *desc_c);

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridexit(int context);

#endif
