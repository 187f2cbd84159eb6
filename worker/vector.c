/* vector.c - see vector.h. */
#include "worker/vector.h"

#include "base/kernel.h"

KERNEL double vector_dot(int64_t n, const real *a, const real *b)
{
    enum { LANES = 16 };
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (double)a[i + l] * (double)b[i + l];
    for (int l = 0; i + l < n; l++) lane[l] += (double)a[i + l] * (double)b[i + l];
    for (int half = LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

KERNEL void vector_add(int64_t n, double factor, const real *restrict x, real *restrict y)
{
    const real f = (real)factor;
    for (int64_t i = 0; i < n; i++) y[i] += f * x[i];
}

KERNEL void vector_scale(int64_t n, double factor, real *x)
{
    const real f = (real)factor;
    for (int64_t i = 0; i < n; i++) x[i] *= f;
}
