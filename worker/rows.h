/* rows.h - sums over a row and over rows. A sum over a row is made in lanes, its order written
 * out: vector code of any width gives the same bits. The inline functions stand inside KERNEL
 * functions. */
#ifndef SHOAL_WORKER_ROWS_H
#define SHOAL_WORKER_ROWS_H

#include <stdint.h>

#include "worker/real.h"

enum { ROWS_LANES = 32 };

static inline real rows_fold(real lane[ROWS_LANES])
{
    for (int half = ROWS_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* The sum of x[d]. */
static inline real rows_sum(int64_t d, const real *x)
{
    real lane[ROWS_LANES] = {0};
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++) lane[l] += x[j + l];
    for (int l = 0; j + l < d; l++) lane[l] += x[j + l];
    return rows_fold(lane);
}

/* The sum of a[d] times x[d] - centre. */
static inline real rows_dot(int64_t d, const real *a, const real *x, real centre)
{
    real lane[ROWS_LANES] = {0};
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++) lane[l] += a[j + l] * (x[j + l] - centre);
    for (int l = 0; j + l < d; l++) lane[l] += a[j + l] * (x[j + l] - centre);
    return rows_fold(lane);
}

/* The sum of squares of x[d] - centre. */
static inline real rows_squares(int64_t d, const real *x, real centre)
{
    real lane[ROWS_LANES] = {0};
    int64_t j = 0;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++)
            lane[l] += (x[j + l] - centre) * (x[j + l] - centre);
    for (int l = 0; j + l < d; l++) lane[l] += (x[j + l] - centre) * (x[j + l] - centre);
    return rows_fold(lane);
}

/* The largest of x[d], d > 0; a NaN is passed over where another number is left. */
static inline real rows_max(int64_t d, const real *x)
{
    real lane[ROWS_LANES];
    for (int l = 0; l < ROWS_LANES; l++) lane[l] = x[l < d ? l : 0];
    int64_t j = ROWS_LANES;
    for (; j + ROWS_LANES <= d; j += ROWS_LANES)
        for (int l = 0; l < ROWS_LANES; l++) lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
    for (int l = 0; j + l < d; l++) lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
    for (int half = ROWS_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] = lane[l + half] > lane[l] ? lane[l + half] : lane[l];
    return lane[0];
}

/* sum[d] += the n rows of x, which start `stride` numbers apart. Local. */
void rows_add(int64_t n, int64_t d, int64_t stride, const real *x, real *sum);

#endif
