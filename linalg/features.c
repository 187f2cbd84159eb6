/* features.c - see features.h. A further normalisation is a function and a row of
 * normalizations[] here, a further way to clip one of clips[], and a name in alignment.h. */
#include "linalg/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/kernel.h"

enum { CENTRE_COLUMNS = 64 }; /* of which the sums are kept at a time */

static void normalize_none(double *x, int64_t n, int64_t d)
{
    (void)x, (void)n, (void)d;
}

KERNEL static void normalize_l2(double *x, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n; i++, x += d) {
        double norm = fmax(sqrt(features_dot(x, x, d)), 1e-12);
        for (int64_t j = 0; j < d; j++) x[j] /= norm;
    }
}

/* A standard deviation below 1e-7 of the largest entry is float32 rounding, not variation. */
static void normalize_standard(double *x, int64_t n, int64_t d)
{
    for (int64_t j = 0; j < d; j++) {
        double largest = 0, shift = x[j], mean = 0, square = 0;
        for (int64_t i = 0; i < n; i++) {
            largest = fmax(largest, fabs(x[i * d + j]));
            mean += (x[i * d + j] - shift) / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            double *at = &x[i * d + j];
            *at = *at - shift - mean;
            square += *at * *at;
        }
        double sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
        double scale = sd < 1e-7 * largest || sd == 0 ? 0 : 1 / sd;
        for (int64_t i = 0; i < n; i++) x[i * d + j] *= scale;
    }
}

static void normalize_centre_l2(double *x, int64_t n, int64_t d)
{
    features_centre(x, n, d);
    normalize_l2(x, n, d);
}

static const struct normalization {
    struct row row;
    void (*apply)(double *x, int64_t n, int64_t d);
} normalizations[] = {
    [ALIGN_NONE] = {{"none", "features as they were recorded", NULL}, normalize_none},
    [ALIGN_L2] = {{"l2", "every row divided by its length", "arXiv 2405.07987, appendix A"},
                  normalize_l2},
    [ALIGN_STANDARD] = {{"standard", "every column to mean 0 and standard deviation 1", NULL},
                        normalize_standard},
    [ALIGN_CENTRE] = {{"centre", "the mean taken from every column", NULL}, features_centre},
    [ALIGN_CENTRE_L2] = {{"centre_l2", "the same, then every row divided by its length", NULL},
                         normalize_centre_l2},
};
const struct table alignment_normalizations = TABLE("normalization", normalizations);

KERNEL double features_dot(const double *a, const double *b, int64_t d)
{
    enum { LANES = 8 };
    double sum[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (int l = 0; l < LANES; l++) sum[l] += a[j + l] * b[j + l];
    for (int l = 0; j < d; j++, l++) sum[l] += a[j] * b[j];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Entry at place k of x as if x were sorted. Hoare's selection; x is permuted. */
static float select_kth(float *x, int64_t count, int64_t k)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = x[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (pivot < x[j]) j--;
            if (i > j) break;
            float swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return x[k];
}

double features_threshold(const float *x, int64_t count, double quantile, float *scratch)
{
    for (int64_t i = 0; i < count; i++) scratch[i] = fabsf(x[i]);
    int64_t place = (int64_t)(quantile * (double)count);
    return select_kth(scratch, count, place < count ? place : count - 1);
}

/* The first row is taken off before the mean, so that a constant column is exactly 0 and a
 * large offset costs no digits. What is left below 1e-12 of the entries is rounding of the
 * normalisation: real variation of float32 input is larger. */
KERNEL void features_centre(double *x, int64_t n, int64_t d)
{
    double shift[CENTRE_COLUMNS], mean[CENTRE_COLUMNS];
    for (int64_t j0 = 0; j0 < d; j0 += CENTRE_COLUMNS) {
        int64_t columns = d - j0 < CENTRE_COLUMNS ? d - j0 : CENTRE_COLUMNS;
        double largest[CENTRE_COLUMNS] = {0}, spread[CENTRE_COLUMNS] = {0};
        for (int64_t j = 0; j < columns; j++) shift[j] = x[j0 + j], mean[j] = 0;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < columns; j++) {
                double value = x[i * d + j0 + j], size = fabs(value);
                largest[j] = size > largest[j] ? size : largest[j];
                mean[j] += value - shift[j];
            }
        for (int64_t j = 0; j < columns; j++) mean[j] /= (double)n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < columns; j++) {
                double value = x[i * d + j0 + j] - shift[j] - mean[j], size = fabs(value);
                spread[j] = size > spread[j] ? size : spread[j];
                x[i * d + j0 + j] = value;
            }
        for (int64_t j = 0; j < columns; j++)
            if (isfinite(mean[j]) && spread[j] <= 1e-12 * largest[j])
                for (int64_t i = 0; i < n; i++) x[i * d + j0 + j] = 0;
    }
}

int64_t features_width(const struct alignment_model *m, int layer)
{
    if (layer != ALIGN_CONCAT) return m->layer[layer].d;
    int64_t d = 0;
    for (int l = 0; l < m->n_layers; l++) d += m->layer[l].d;
    return d;
}

/* ---- clipping ---- */

static void limits_layer(const struct alignment_model *m, int64_t n, double quantile,
                         float *scratch, double *limit)
{
    for (int l = 0; l < m->n_layers; l++)
        limit[l] = features_threshold(m->layer[l].x, n * m->layer[l].d, quantile, scratch);
}

static void limits_model(const struct alignment_model *m, int64_t n, double quantile,
                         float *scratch, double *limit)
{
    int64_t d = features_width(m, ALIGN_CONCAT), count = 0;
    float *all = scratch + n * d;
    for (int l = 0; l < m->n_layers; l++) {
        memcpy(all + count, m->layer[l].x, (size_t)(n * m->layer[l].d) * sizeof *all);
        count += n * m->layer[l].d;
    }
    double common = features_threshold(all, count, quantile, scratch);
    for (int l = 0; l < m->n_layers; l++) limit[l] = common;
}

/* Mean over samples of the quantile of their entries in all layers, linear between two. */
static void limits_sample(const struct alignment_model *m, int64_t n, double quantile,
                          float *scratch, double *limit)
{
    int64_t d = features_width(m, ALIGN_CONCAT);
    double sum = 0, place = quantile * (double)(d - 1);
    int64_t below = (int64_t)place;
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int l = 0; l < m->n_layers; l++)
            for (int64_t j = 0; j < m->layer[l].d; j++)
                scratch[count++] = fabsf(m->layer[l].x[i * m->layer[l].d + j]);
        double low = (double)select_kth(scratch, d, below), high = low;
        if (below + 1 < d) high = (double)select_kth(scratch, d, below + 1);
        sum += low + (place - (double)below) * (high - low);
    }
    for (int l = 0; l < m->n_layers; l++) limit[l] = sum / (double)n;
}

static const struct clip {
    struct row row;
    void (*limits)(const struct alignment_model *m, int64_t n, double quantile, float *scratch,
                   double *limit);
} clips[] = {
    [ALIGN_CLIP_LAYER] = {{"layer", "at the quantile of each layer by itself",
                           "platonic-rep, remove_outliers of a list"},
                          limits_layer},
    [ALIGN_CLIP_MODEL] = {{"model", "at the quantile of all layers of the model",
                           "platonic-rep, remove_outliers(exact=True)"},
                          limits_model},
    [ALIGN_CLIP_SAMPLE] = {{"sample", "at the mean over samples of the quantile of each",
                            "platonic-rep, remove_outliers(exact=False)"},
                           limits_sample},
};
const struct table alignment_clips = TABLE("clip", clips);

enum err_code features_limits(const struct alignment_model *m, int64_t n,
                              const struct alignment_options *o, double *limit, struct err *e)
{
    if (!(o->clip > 0 && o->clip <= 1))
        return ERR(e, ERR_CONFIG, "clip %g: want a quantile above 0 and at most 1", o->clip);
    for (int l = 0; l < m->n_layers; l++) limit[l] = HUGE_VAL;
    if (o->clip == 1) return ERR_OK;
    size_t count = (size_t)(n * features_width(m, ALIGN_CONCAT));
    float *scratch = malloc(2 * count * sizeof *scratch);
    if (!scratch) return ERR(e, ERR_NOMEM, "no memory to sort %zu features", count);
    INVARIANT(o->clip_by >= 0 && o->clip_by < alignment_clips.count);
    clips[o->clip_by].limits(m, n, o->clip, scratch, limit);
    free(scratch);
    return ERR_OK;
}

/* One layer into columns [at, at + its d) of x[n, d]. */
KERNEL static void copy_layer(const struct representation *r, int64_t n, double limit,
                              int64_t at, int64_t d, double *x)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < r->d; j++) {
            double value = (double)r->x[i * r->d + j]; /* NaN stays */
            x[i * d + at + j] = value > limit ? limit : value < -limit ? -limit : value;
        }
}

void features_prepare(const struct alignment_model *m, int layer, int64_t n,
                      const struct alignment_options *o, const double *limit, double *x)
{
    int64_t d = features_width(m, layer), at = 0;
    for (int l = 0; l < m->n_layers; l++) {
        if (layer != ALIGN_CONCAT && layer != l) continue;
        copy_layer(&m->layer[l], n, limit[l], at, d, x);
        at += m->layer[l].d;
    }
    INVARIANT(o->normalize >= 0 && o->normalize < alignment_normalizations.count);
    normalizations[o->normalize].apply(x, n, d);
}

double features_unit(double largest)
{
    int exponent = 0;
    if (isfinite(largest)) frexp(largest, &exponent);
    return ldexp(1, -exponent);
}

KERNEL void features_round(const double *x, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++) out[i] = (float)x[i];
}

KERNEL void features_extend(const float *x, int64_t count, double *out)
{
    for (int64_t i = 0; i < count; i++) out[i] = (double)x[i];
}

KERNEL bool features_finite(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i] * 0;
    return sum == 0;
}
