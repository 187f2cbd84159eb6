/* metric_cka.c - centred kernel alignment: HSIC is an inner product of centred Gram matrices.
 *
 * Features are centred once, which centres the Gram matrix (biased) or costs it nothing but
 * rounding (unbiased: U-centring ignores what is added per row and per column). Two ways give
 * the same: by tiles of the Gram matrices (gram.h), and by the products A'B of features, which
 * are cheaper where there are few. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/centred.h"
#include "linalg/features.h"
#include "linalg/metric.h"
#include "linalg/permutation_moments.h"

/* ---- by tiles ---- */

/* U-centring of a tile. */
static void u_centre_tile(const struct form_shape *s, const void *form, int64_t i0,
                          int64_t rows, int64_t j0, int64_t columns, double *tile)
{
    const double *shift = centred_shifts(form);
    (void)s;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            tile[i * columns + j] += shift[i0 + i] + shift[j0 + j];
    if (i0 == j0)
        for (int64_t i = 0; i < rows; i++) tile[i * columns + i] = 0;
}

static void u_centre_tile_single(const struct form_shape *s, const void *form, int64_t i0,
                                 int64_t rows, int64_t j0, int64_t columns, float *tile)
{
    const double *shift = centred_shifts(form);
    (void)s;
    for (int64_t i = 0; i < rows; i++) {
        float add = (float)shift[i0 + i], *row = tile + i * columns;
        for (int64_t j = 0; j < columns; j++) row[j] += add + (float)shift[j0 + j];
    }
    if (i0 == j0)
        for (int64_t i = 0; i < rows; i++) tile[i * columns + i] = 0;
}

/* What is below 1e-13 of the trace is rounding of the Gram matrix. */
static double rounding_of_trace(const struct form_shape *s, const void *form)
{
    const struct centred *c = form;
    double precision = s->single ? 1e-6 : 1e-13;
    return precision * precision * c->trace * c->trace;
}

static double unbiased_scale(int64_t n)
{
    return 1 / ((double)n * (double)(n - 3));
}

const struct gram gram_cka = {.form = &form_centred,
                              .tile = centred_tile,
                              .tile_single = centred_tile_single,
                              .rounding = rounding_of_trace,
                              .rows_cancel = true};
const struct gram gram_cka_unbiased = {.form = &form_centred,
                                       .tile = centred_tile,
                                       .tile_single = centred_tile_single,
                                       .finish = u_centre_tile,
                                       .finish_single = u_centre_tile_single,
                                       .scale = unbiased_scale,
                                       .rounding = rounding_of_trace,
                                       .rows_cancel = true};

/* ---- the RBF kernel ---- */

enum { RBF_ROWS = 128 }; /* of a panel; the same everywhere, so that bits are */

/* panel[rows, n] of squared distances, 0 where they are rounding. square[n] of the rows. */
static void distances(const double *x, const double *square, int64_t n, int64_t d, int64_t i0,
                      int64_t rows, double *panel)
{
    int m = comm_int(n), k = comm_int(rows), depth = comm_int(d);
    const double minus = -2, zero = 0;
    dgemm_("T", "N", &m, &k, &depth, &minus, x, &depth, x + i0 * d, &depth, &zero, panel, &m);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            double *at = &panel[i * n + j];
            double sizes = square[i0 + i] + square[j], distance = *at + sizes;
            bool real = i0 + i != j && distance > DBL_EPSILON * (double)(d + 4) * sizes;
            *at = real ? distance : 0;
        }
}

/* The lower median of the squared distances of different rows, to single precision: found digit
 * by digit (base 2^16 of the bits of a positive float), so that they are never all kept.
 * count[1 << 16], panel[RBF_ROWS, n]. */
static double median_distance(const double *x, const double *square, int64_t n, int64_t d,
                              int64_t *count, double *panel)
{
    uint32_t high = 0;
    int64_t place = (n * (n - 1) / 2 - 1) / 2;
    for (int pass = 0; pass < 2; pass++) {
        memset(count, 0, sizeof *count << 16);
        for (int64_t i0 = 0; i0 < n; i0 += RBF_ROWS) {
            int64_t rows = n - i0 < RBF_ROWS ? n - i0 : RBF_ROWS;
            distances(x, square, n, d, i0, rows, panel);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = i0 + i + 1; j < n; j++) {
                    float value = (float)panel[i * n + j];
                    uint32_t bits;
                    memcpy(&bits, &value, sizeof bits);
                    if (pass == 0)
                        count[bits >> 16]++;
                    else if (bits >> 16 == high)
                        count[bits & 0xffff]++;
                }
        }
        uint32_t digit = 0;
        while (place >= count[digit]) place -= count[digit++];
        if (pass == 0) high = digit;
        if (pass == 1) high = high << 16 | digit;
    }
    float median;
    memcpy(&median, &high, sizeof median);
    return (double)median;
}

/* Row means of the kernel, as what centring takes away: shift_i = grand / 2 - mean_i. */
static void rbf_centre(struct centred *c, const double *square, double *panel)
{
    int64_t n = c->n;
    double *shift = centred_shifts(c), grand = 0;
    for (int64_t i0 = 0; i0 < n; i0 += RBF_ROWS) {
        int64_t rows = n - i0 < RBF_ROWS ? n - i0 : RBF_ROWS;
        distances(centred_entries(c), square, n, c->d, i0, rows, panel);
        for (int64_t i = 0; i < rows; i++) {
            double sum = 0;
            for (int64_t j = 0; j < n; j++) sum += exp(-c->scale * panel[i * n + j]);
            shift[i0 + i] = sum / (double)n;
            grand += sum / (double)(n * n);
        }
    }
    for (int64_t i = 0; i < n; i++) shift[i] = grand / 2 - shift[i];
}

static enum err_code rbf_make(const struct form_shape *s, double *x, void *form, struct err *e)
{
    struct centred *c = form;
    int64_t n = s->n, d = s->d;
    double *panel = malloc((size_t)(RBF_ROWS * n) * sizeof *panel);
    double *square = malloc((size_t)n * sizeof *square);
    int64_t *count = malloc(sizeof *count << 16);
    enum err_code rc = ERR_OK;
    *c = (struct centred){.n = n, .d = d};
    memset(centred_shifts(c), 0, (size_t)(n + d) * sizeof(double));
    memcpy(centred_entries(c), x, (size_t)(n * d) * sizeof *x);
    features_centre(centred_entries(c), n, d);
    if (!panel || !square || !count) {
        rc = ERR(e, ERR_NOMEM, "no memory for a kernel of %lld rows", (long long)n);
    } else if (!features_finite(x, n * d)) {
        c->scale = NAN;
    } else {
        const double *y = centred_entries(c);
        for (int64_t i = 0; i < n; i++) square[i] = features_dot(y + i * d, y + i * d, d);
        double sigma2 =
            s->sigma > 0 ? s->sigma * s->sigma : median_distance(y, square, n, d, count, panel);
        c->scale = sigma2 > 0 ? 1 / (2 * sigma2) : NAN;
        rbf_centre(c, square, panel);
    }
    free(panel), free(square), free(count);
    return rc;
}

static size_t rbf_size(const struct form_shape *s)
{
    struct form_shape whole = *s;
    whole.single = false;
    return centred_size(&whole);
}

static void rbf_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                        void *out)
{
    struct form_shape whole = *s;
    whole.single = false;
    centred_permute(&whole, form, perm, out);
}

static const struct form form_rbf = {"kernel", rbf_size, rbf_make, rbf_permute};

static void tile_rbf(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                     int64_t j0, int64_t columns, double *out)
{
    const struct centred *c = form;
    const double *x = centred_entries(c), *shift = centred_shifts(c);
    centred_tile(s, form, i0, rows, j0, columns, out);
    for (int64_t i = 0; i < rows; i++) {
        const double *row = x + (i0 + i) * s->d;
        double square = features_dot(row, row, s->d);
        for (int64_t j = 0; j < columns; j++) {
            const double *other = x + (j0 + j) * s->d;
            double *at = &out[i * columns + j];
            double distance = square + features_dot(other, other, s->d) - 2 * *at;
            if (i0 + i == j0 + j) distance = 0;
            *at = exp(-c->scale * fmax(distance, 0)) + shift[i0 + i] + shift[j0 + j];
        }
    }
}

/* Entries are at most 1, and rounded so: also where all are close to 1. */
static double rounding_of_kernel(const struct form_shape *s, const void *form)
{
    (void)form;
    return 1e-26 * (double)s->n * (double)s->n;
}

const struct gram gram_cka_rbf = {
    .form = &form_rbf, .tile = tile_rbf, .rounding = rounding_of_kernel, .rows_cancel = true};

/* ---- by products of features ---- */

/* In front of square[n] (of the rows) and x[n, d]. */
struct covariance {
    int64_t n, d;
    double trace;
    double self, self_unbiased; /* HSIC of the representation with itself */
};

static size_t covariance_size(const struct form_shape *s)
{
    size_t n = (size_t)s->n, d = (size_t)s->d;
    return sizeof(struct covariance) + n * sizeof(double) + n * d * sizeof(double);
}

static double *squares(const struct covariance *c)
{
    return (double *)(c + 1);
}

static double *features(const struct covariance *c)
{
    return squares(c) + c->n;
}

size_t cka_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return (size_t)(a->d * b->d) * sizeof(double);
}

/* Sum of the squares of A'B = sum of K_ij L_ij. */
static double cross(const struct covariance *a, const struct covariance *b, double *product)
{
    int n = comm_int(a->n), p = comm_int(a->d), q = comm_int(b->d);
    const double one = 1, zero = 0;
    dgemm_("N", "T", &q, &p, &n, &one, features(b), &q, features(a), &p, &zero, product, &q);
    return features_dot(product, product, a->d * b->d);
}

/* From sum K L to U-centred K and L: of centred features, without the diagonal. */
static double u_centred(const struct covariance *a, const struct covariance *b, double product)
{
    double n = (double)a->n, both = features_dot(squares(a), squares(b), a->n);
    return product - both + a->trace * b->trace / ((n - 1) * (n - 2)) - 2 * both / (n - 2);
}

static enum err_code covariance_make(const struct form_shape *s, double *x, void *form,
                                     struct err *e)
{
    struct covariance *c = form;
    double *product = malloc(cka_scratch(s, s));
    if (!product)
        return ERR(e, ERR_NOMEM, "no memory for products of %lld features", (long long)s->d);
    features_centre(x, s->n, s->d);
    *c = (struct covariance){.n = s->n, .d = s->d};
    memcpy(features(c), x, (size_t)(s->n * s->d) * sizeof *x);
    for (int64_t i = 0; i < s->n; i++) {
        squares(c)[i] = features_dot(x + i * s->d, x + i * s->d, s->d);
        c->trace += squares(c)[i];
    }
    c->self = cross(c, c, product);
    c->self_unbiased = u_centred(c, c, c->self);
    free(product);
    return ERR_OK;
}

static void covariance_permute(const struct form_shape *s, const void *form,
                               const int32_t *perm, void *out)
{
    const struct covariance *from = form;
    struct covariance *to = out;
    *to = *from;
    form_permute_rows(s->n, 1, squares(from), perm, squares(to));
    form_permute_rows(s->n, s->d, features(from), perm, features(to));
}

const struct form form_covariance = {"covariances", covariance_size, covariance_make,
                                     covariance_permute};

/* Root of HSIC with itself; NaN where it is rounding, which differences of large sums leave more
 * of than tiles do. */
static double root(const struct covariance *c, double self, double scale)
{
    return self > 1e-13 * c->trace * c->trace ? sqrt(self * scale) : NAN;
}

double cka_by_features(const struct form_side *a, const struct form_side *b, void *scratch)
{
    const struct covariance *x = a->form, *y = b->form;
    double roots = root(x, x->self, 1) * root(y, y->self, 1);
    return cross(x, y, scratch) / (roots + a->shape.epsilon);
}

double cka_unbiased_by_features(const struct form_side *a, const struct form_side *b,
                                void *scratch)
{
    const struct covariance *x = a->form, *y = b->form;
    double scale = unbiased_scale(x->n);
    double roots = root(x, x->self_unbiased, scale) * root(y, y->self_unbiased, scale);
    return u_centred(x, y, cross(x, y, scratch)) * scale / (roots + a->shape.epsilon);
}

/* Of a score that is sum K L times scale over the roots of what both are with themselves. */
static void moments_of(int64_t n, const struct permutation_traces *k,
                       const struct permutation_traces *l, double factor, double *mean,
                       double *sd)
{
    *mean = *sd = NAN;
    if (n < 4 || isnan(factor)) return;
    struct permutation_moments m = permutation_moments_centred(n, k, l);
    *mean = m.mean * factor;
    *sd = sqrt(fmax(m.variance, 0)) * factor;
}

static struct permutation_traces traces_of(const struct covariance *c)
{
    return (struct permutation_traces){c->trace, c->self,
                                       features_dot(squares(c), squares(c), c->n)};
}

void cka_moments(const struct form_side *a, const struct form_side *b, double *mean, double *sd)
{
    const struct covariance *x = a->form, *y = b->form;
    struct permutation_traces k = traces_of(x), l = traces_of(y);
    double roots = root(x, x->self, 1) * root(y, y->self, 1);
    moments_of(x->n, &k, &l, 1 / (roots + a->shape.epsilon), mean, sd);
}

/* U-centred matrices have no diagonal. */
void cka_unbiased_moments(const struct form_side *a, const struct form_side *b, double *mean,
                          double *sd)
{
    const struct covariance *x = a->form, *y = b->form;
    struct permutation_traces k = {0, x->self_unbiased, 0}, l = {0, y->self_unbiased, 0};
    double scale = unbiased_scale(x->n);
    double roots = root(x, x->self_unbiased, scale) * root(y, y->self_unbiased, scale);
    moments_of(x->n, &k, &l, scale / (roots + a->shape.epsilon), mean, sd);
}
