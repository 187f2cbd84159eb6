/* features.h - a rank's own representations in double precision, clipped, normalised, centred.
 */
#ifndef SHOAL_LINALG_FEATURES_H
#define SHOAL_LINALG_FEATURES_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "linalg/alignment.h"

struct features {
    int64_t n;            /* rows of each */
    int64_t first, count; /* representations [first, first + count) of the set */
    int64_t *d;           /* [count] */
    double **x;           /* [count][n, d] row-major */
    struct arena arena;   /* holds d and x */
};

/* Prepares the representations of the set that this rank owns. Collective over comm.
 *
 * centre   also take the mean from every column
 * errors   ERR_SHAPE for an empty representation; ERR_CONFIG for a clip outside (0, 1];
 *          ERR_NOMEM
 * cost     eight bytes per number */
enum err_code features_create(MPI_Comm comm, const struct alignment_set *set,
                              const struct alignment_options *o, bool centre,
                              struct features *out, struct err *e);
void features_clear(struct features *f);

/* The value at place floor(quantile * count) of the sorted |x|: entries beyond it are clamped.
 * scratch[count] is overwritten. Local.
 * source   minyoungg/platonic-rep, remove_outliers(exact=True), of each layer by itself */
double features_threshold(const float *x, int64_t count, double quantile, float *scratch);

/* Takes the mean from every column of x[n, d]. A column that does not vary becomes exactly 0.
 * Local. */
void features_centre(double *x, int64_t n, int64_t d);

/* Sum of a[i] * b[i] in an order that depends on d alone: the same bits wherever it is
 * computed, and dot(a, b) = dot(b, a). Local. */
double features_dot(const double *a, const double *b, int64_t d);

#endif
