/* features.c - see features.h. A further normalisation is a function and a row of
 * normalizations[] here, and a name in enum alignment_normalization. */
#include "linalg/features.h"

#include <math.h>
#include <stdlib.h>

#include "base/comm.h"
#include "linalg/distributed.h"

static void normalize_none(double *x, int64_t n, int64_t d)
{
    (void)x, (void)n, (void)d;
}

static void normalize_l2(double *x, int64_t n, int64_t d)
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

static const struct normalization {
    struct row row;
    void (*apply)(double *x, int64_t n, int64_t d);
} normalizations[] = {
    [ALIGN_NONE] = {{"none", "features as they were recorded", NULL}, normalize_none},
    [ALIGN_L2] = {{"l2", "every row divided by its length", "arXiv 2405.07987, appendix A"},
                  normalize_l2},
    [ALIGN_STANDARD] = {{"standard", "every column to mean 0 and standard deviation 1", NULL},
                        normalize_standard},
};
const struct table alignment_normalizations = TABLE("normalization", normalizations);

double features_dot(const double *a, const double *b, int64_t d)
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
void features_centre(double *x, int64_t n, int64_t d)
{
    for (int64_t j = 0; j < d; j++) {
        double largest = 0, spread = 0, shift = x[j], mean = 0;
        for (int64_t i = 0; i < n; i++) {
            largest = fmax(largest, fabs(x[i * d + j]));
            mean += x[i * d + j] - shift;
        }
        mean /= (double)n;
        for (int64_t i = 0; i < n; i++) {
            x[i * d + j] = x[i * d + j] - shift - mean;
            spread = fmax(spread, fabs(x[i * d + j]));
        }
        if (isfinite(mean) && spread <= 1e-12 * largest)
            for (int64_t i = 0; i < n; i++) x[i * d + j] = 0;
    }
}

/* One representation into x[n, d]. */
static enum err_code prepare(const struct representation *r, int64_t n,
                             const struct alignment_options *o, bool centre, double *x,
                             struct err *e)
{
    double limit = HUGE_VAL;
    if (o->clip < 1) {
        float *scratch = malloc((size_t)(n * r->d) * sizeof *scratch);
        if (!scratch)
            return ERR(e, ERR_NOMEM, "no memory to sort %lld features", (long long)(n * r->d));
        limit = features_threshold(r->x, n * r->d, o->clip, scratch);
        free(scratch);
    }
    for (int64_t i = 0; i < n * r->d; i++) {
        double value = r->x[i];
        x[i] = value > limit ? limit : value < -limit ? -limit : value; /* NaN stays */
    }
    INVARIANT(o->normalize >= 0 && o->normalize < alignment_normalizations.count);
    normalizations[o->normalize].apply(x, n, r->d);
    if (centre) features_centre(x, n, r->d);
    return ERR_OK;
}

static enum err_code prepare_all(const struct alignment_set *set,
                                 const struct alignment_options *o, bool centre,
                                 struct features *f, struct err *e)
{
    if (!(o->clip > 0 && o->clip <= 1))
        return ERR(e, ERR_CONFIG, "clip %g: want a quantile above 0 and at most 1", o->clip);
    f->d = arena_array(&f->arena, (size_t)f->count, sizeof *f->d);
    f->x = arena_array(&f->arena, (size_t)f->count, sizeof *f->x);
    if (!f->d || !f->x) return ERR(e, ERR_NOMEM, "no memory for features");
    for (int64_t i = 0; i < f->count; i++) {
        const struct representation *r = &set->layer[f->first + i];
        if (set->n < 1 || r->d < 1)
            return ERR(e, ERR_SHAPE, "representation %lld is [%lld, %lld]: empty",
                       (long long)(f->first + i), (long long)set->n, (long long)r->d);
        f->d[i] = r->d;
        f->x[i] = arena_array(&f->arena, (size_t)set->n, (size_t)r->d * sizeof(double));
        if (!f->x[i])
            return ERR(e, ERR_NOMEM, "no memory for features [%lld, %lld]", (long long)set->n,
                       (long long)r->d);
        TRY(prepare(r, set->n, o, centre, f->x[i], e));
    }
    return ERR_OK;
}

enum err_code features_create(MPI_Comm comm, const struct alignment_set *set,
                              const struct alignment_options *o, bool centre,
                              struct features *out, struct err *e)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    *out = (struct features){.n = set->n};
    distributed_range(set->n_models * set->n_layers, size, rank, &out->first, &out->count);
    enum err_code rc = comm_agree(comm, prepare_all(set, o, centre, out, e), e);
    if (rc != ERR_OK) features_clear(out);
    return rc;
}

void features_clear(struct features *f)
{
    arena_clear(&f->arena);
}
