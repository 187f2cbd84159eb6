/* vector.h - long vectors of the core's numbers. Sums are in double, in an order that is
 * written out: the same bits for any vector width. */
#ifndef SHOAL_WORKER_VECTOR_H
#define SHOAL_WORKER_VECTOR_H

#include <stdint.h>

#include "worker/real.h"

/* Sum of a[i] * b[i]. Local. */
double vector_dot(int64_t n, const real *a, const real *b);

/* y += factor * x. Local. */
void vector_add(int64_t n, double factor, const real *x, real *y);

/* x *= factor. Local. */
void vector_scale(int64_t n, double factor, real *x);

#endif
