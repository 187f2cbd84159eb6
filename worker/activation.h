/* activation.h - nonlinearities, applied element by element. */
#ifndef SHOAL_WORKER_ACTIVATION_H
#define SHOAL_WORKER_ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "worker/real.h"

struct activation {
    struct row row;

    /* y[n] = f(x[n]). leak is model.leak, for those that have one. */
    void (*forward)(int64_t n, real leak, const real *restrict x, real *restrict y);

    /* dy[n] *= f'(x[n]), given y = f(x): the gradient by y becomes that by x in place. */
    void (*backward)(int64_t n, real leak, const real *restrict x, const real *restrict y,
                     real *restrict dy);

    bool kinked; /* f(x) = f'(x) x, with a slope that jumps at 0 */
};

/* All activations: rows of struct activation. */
extern const struct table activations;

#endif
