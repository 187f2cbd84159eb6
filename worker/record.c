/* record.c - recording grids, recorded arrays. */
#include "worker/record.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

/* Point i of a grid of n points, before equal ones are merged. */
static int64_t grid_step(const struct record *r, int64_t steps, int64_t i, int64_t n)
{
    if (i == n - 1) return steps;
    if (r->grid == GRID_LINEAR) /* round(i steps / (n - 1)), in integers */
        return (int64_t)(((__int128)2 * i * steps + (n - 1)) / (2 * (n - 1)));
    return llround(exp(log((double)steps) * (double)i / (double)(n - 1)));
}

int64_t record_steps(const struct record *r, int64_t steps, int64_t max, int64_t *out)
{
    int64_t n = 1;
    if (steps > 0 && r->grid == GRID_LINEAR) n = r->grid_count + 1;
    if (steps > 0 && r->grid == GRID_LOG) n = r->grid_count;
    INVARIANT(n >= 1);
    int64_t count = 0, before = -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t step = grid_step(r, steps, i, n);
        if (step == before) continue;
        if (out && count < max) out[count] = step;
        before = step;
        count++;
    }
    return count;
}

int record_array(const struct record *r, const char *name)
{
    for (int i = 0; i < r->n_arrays; i++)
        if (strcmp(r->array[i], name) == 0) return i;
    return -1;
}
