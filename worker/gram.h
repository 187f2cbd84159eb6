/* gram.h - inner products of the rows of a matrix, in double. */
#ifndef SHOAL_WORKER_GRAM_H
#define SHOAL_WORKER_GRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/real.h"

/* Numbers of scratch for x[n, d]. Local. */
int64_t gram_scratch(int64_t n, int64_t d);

/* gram[n, n] = x x' of x[n, d], after the mean is taken from every column if centre is set.
 * Local.
 * cost     n^2 d flops */
void gram_rows(int64_t n, int64_t d, const real *x, bool centre, double *scratch, double *gram);

/* The upper triangle of the smaller of x x' and x' x, x centred: both have the same eigenvalues
 * that are not 0. gram has room for min(n, d)^2. Local. */
void gram_smaller(int64_t n, int64_t d, const real *x, double *scratch, double *gram);

/* Takes the means of rows and columns from a symmetric gram[n, n]; mean[n] is scratch. Local. */
void gram_centre(int64_t n, double *gram, double *mean);

/* <a, b> / (|a| |b|) of two matrices of n x n numbers; NaN if one is 0. Exactly 1 for a = b.
 * Local. */
double gram_cosine(int64_t n, const double *a, const double *b);

#endif
