/* form.c - what forms have in common. */
#include "linalg/form.h"

#include <string.h>

void form_permute_rows(int64_t n, int64_t width, const double *values, const int32_t *perm,
                       double *out)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(out + i * width, values + perm[i] * width, (size_t)width * sizeof *out);
}
