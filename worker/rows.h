/* rows.h - sums over a row of numbers. They are made in lanes, in an order that is written out:
 * vector code of any width gives the same bits. To stand inside KERNEL functions. */
#ifndef SHOAL_WORKER_ROWS_H
#define SHOAL_WORKER_ROWS_H

#include <stdint.h>

#include "worker/real.h"

enum { ROWS_LANES = 16 };

static inline real rows_fold(real lane[ROWS_LANES])
{
    for (int half = ROWS_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* The sum of x[d]. */
static inline real rows_sum(int64_t d, const real *x)
{
    real lane[ROWS_LANES] = {0}, rest = 0;
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++) lane[l] += x[j + l];
    for (; j < d; j++) rest += x[j];
    return rows_fold(lane) + rest;
}

/* The sum of a[d] times x[d] - centre. */
static inline real rows_dot(int64_t d, const real *a, const real *x, real centre)
{
    real lane[ROWS_LANES] = {0}, rest = 0;
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++) lane[l] += a[j + l] * (x[j + l] - centre);
    for (; j < d; j++) rest += a[j] * (x[j] - centre);
    return rows_fold(lane) + rest;
}

/* The sum of squares of x[d] - centre. */
static inline real rows_squares(int64_t d, const real *x, real centre)
{
    real lane[ROWS_LANES] = {0}, rest = 0;
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++)
            lane[l] += (x[j + l] - centre) * (x[j + l] - centre);
    for (; j < d; j++) rest += (x[j] - centre) * (x[j] - centre);
    return rows_fold(lane) + rest;
}

/* sum[d] += the n rows of x, which start `stride` numbers apart. Local. */
void rows_add(int64_t n, int64_t d, int64_t stride, const real *x, real *sum);

#endif
