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

void sgemm_(const char *trans_a, const char *trans_b, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *c, const int *ldc);

/* The same of distributed matrices. */
void pdgemm_(const char *trans_a, const char *trans_b, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja,
             const int *desc_a, const double *b, const int *ib, const int *jb,
             const int *desc_b, const double *beta, double *c, const int *ic, const int *jc,
             const int *desc_c);

/* The same for a triangle of a distributed c = alpha op(a) op(a)' + beta c. */
void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja,
             const int *desc_a, const double *beta, double *c, const int *ic, const int *jc,
             const int *desc_c);

/* The same on one rank. */
void dsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *beta, double *c,
            const int *ldc);

/* Eigenvalues w, ascending, and eigenvectors z of a symmetric a, which is overwritten: those
 * number il to iu, from 1, with range "I". lwork = liwork = -1 asks for the sizes of work and
 * iwork. */
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
             const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
             const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);

/* Singular values s, descending, and vectors u and vt of a, which is overwritten. */
void dgesvd_(const char *jobu, const char *jobvt, const int *m, const int *n, double *a,
             const int *lda, double *s, double *u, const int *ldu, double *vt, const int *ldvt,
             double *work, const int *lwork, int *info);

/* Copies a distributed matrix into another layout; context holds the ranks of both. */
void pdgemr2d_(const int *m, const int *n, const double *a, const int *ia, const int *ja,
               const int *desc_a, double *b, const int *ib, const int *jb, const int *desc_b,
               const int *context);

/* Eigenvalues w, ascending and on all ranks, of a distributed symmetric a, which is overwritten;
 * with jobz "N" no eigenvectors z. lwork = -1 asks for the size of work. */
void pdsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia,
             const int *ja, const int *desc_a, double *w, double *z, const int *iz,
             const int *jz, const int *desc_z, double *work, const int *lwork, int *info);

/* Rows of n, in blocks of nb over n_ranks from rank `first` on, that rank holds. */
int numroc_(const int *n, const int *nb, const int *rank, const int *first, const int *n_ranks);

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
void Cblacs_gridexit(int context);

#endif
