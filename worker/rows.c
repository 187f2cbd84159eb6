/* rows.c - see rows.h. */
#include "worker/rows.h"

#include "base/kernel.h"

/* Four rows at a time: a quarter of the passes over sum, and rounding errors that grow more
 * slowly. */
KERNEL void rows_add(int64_t n, int64_t d, int64_t stride, const real *restrict x,
                     real *restrict sum)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, x += 4 * stride)
        for (int64_t j = 0; j < d; j++)
            sum[j] += (x[j] + x[stride + j]) + (x[2 * stride + j] + x[3 * stride + j]);
    for (; i < n; i++, x += stride)
        for (int64_t j = 0; j < d; j++) sum[j] += x[j];
}
