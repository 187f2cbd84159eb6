/* features.h - representations in double precision, clipped, normalised, centred. */
#ifndef SHOAL_LINALG_FEATURES_H
#define SHOAL_LINALG_FEATURES_H

#include <stdint.h>

#include "linalg/alignment.h"

/* Where the entries of each layer are clamped, HUGE_VAL without clipping. Local.
 *
 * limit[n_layers]  by o->clip_by: each layer its own, or all layers of the model one
 * errors           ERR_CONFIG for a clip outside (0, 1]; ERR_NOMEM
 * source           minyoungg/platonic-rep, remove_outliers: of a list and of a tensor with
 *                  exact=True, and of a tensor with exact=False */
enum err_code features_limits(const struct alignment_model *m, int64_t n,
                              const struct alignment_options *o, double *limit, struct err *e);

/* One layer, or all side by side (ALIGN_CONCAT), clamped at limit[n_layers] and normalised, into
 * x[n, d]. Local. */
void features_prepare(const struct alignment_model *m, int layer, int64_t n,
                      const struct alignment_options *o, const double *limit, double *x);

/* Features of a layer, or of all side by side. Local. */
int64_t features_width(const struct alignment_model *m, int layer);

/* The value at place floor(quantile * count) of the sorted |x|: entries beyond it are clamped.
 * scratch[count] is overwritten. Local. */
double features_threshold(const float *x, int64_t count, double quantile, float *scratch);

/* Takes the mean from every column of x[n, d]. A column that does not vary becomes exactly 0.
 * Local. */
void features_centre(double *x, int64_t n, int64_t d);

/* Sum of a[i] * b[i] in an order that depends on d alone: the same bits wherever it is
 * computed, and dot(a, b) = dot(b, a). Local. */
double features_dot(const double *a, const double *b, int64_t d);

/* The power of two that scales numbers of at most this size to at most 1; 1 for 0. Local. */
double features_unit(double largest);

/* To single precision and back. Local. */
void features_round(const double *x, int64_t count, float *out);
void features_extend(const float *x, int64_t count, double *out);

/* Are all numbers finite? Local. */
bool features_finite(const double *x, int64_t count);

#endif
