/* metric_rsa.c - representational similarity analysis: correlation of the dissimilarities of all
 * pairs of rows. The dissimilarity is 1 - Pearson's correlation of the features of two rows, so
 * that correlating correlations gives the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/features.h"
#include "linalg/metric.h"

/* Rows less their mean and of length 1: their products are correlations. A row that does not
 * vary becomes NaN. */
static void standardise_rows(double *x, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n; i++, x += d) {
        double mean = 0, largest = 0;
        for (int64_t j = 0; j < d; j++) {
            mean += x[j] / (double)d;
            largest = fmax(largest, fabs(x[j]));
        }
        for (int64_t j = 0; j < d; j++) x[j] -= mean;
        double length = sqrt(features_dot(x, x, d));
        if (!(length > 1e-12 * largest)) length = NAN;
        for (int64_t j = 0; j < d; j++) x[j] /= length;
    }
}

/* Sums of squares below this are rounding of correlations, which are at most 1. */
static double rounding_of_correlations(const struct form_shape *s, const void *form)
{
    (void)form;
    return 1e-24 * (double)(s->n * s->n);
}

/* ---- Pearson ---- */

/* In front of x[n, d]. */
struct rows {
    int64_t n, d;
    double mean; /* correlation of different rows */
};

static size_t rows_size(const struct form_shape *s)
{
    return sizeof(struct rows) + (size_t)(s->n * s->d) * sizeof(double);
}

static enum err_code rows_make(const struct form_shape *s, double *x, void *form, struct err *e)
{
    struct rows *r = form;
    (void)e;
    int64_t n = s->n, d = s->d;
    standardise_rows(x, n, d);
    *r = (struct rows){.n = n, .d = d};
    for (int64_t j = 0; j < d; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += x[i * d + j];
        r->mean += sum * sum;
    }
    r->mean = (r->mean - features_dot(x, x, n * d)) / (double)(n * (n - 1));
    memcpy(r + 1, x, (size_t)(n * d) * sizeof *x);
    return ERR_OK;
}

static void rows_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                         void *out)
{
    memcpy(out, form, sizeof(struct rows));
    form_permute_rows(s->n, s->d, (const double *)((const struct rows *)form + 1), perm,
                      (double *)((struct rows *)out + 1));
}

static const struct form form_rows = {"correlations", rows_size, rows_make, rows_permute};

static void products(const double *x, int64_t d, int64_t i0, int64_t rows, int64_t j0,
                     int64_t columns, double *out)
{
    int depth = comm_int(d), m = comm_int(columns), k = comm_int(rows);
    const double one = 1, zero = 0;
    dgemm_("T", "N", &m, &k, &depth, &one, x + j0 * d, &depth, x + i0 * d, &depth, &zero, out,
           &m);
}

static void tile_pearson(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                         int64_t j0, int64_t columns, double *out)
{
    const struct rows *r = form;
    products((const double *)(r + 1), s->d, i0, rows, j0, columns, out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            out[i * columns + j] = i0 + i == j0 + j ? 0 : out[i * columns + j] - r->mean;
}

const struct gram gram_rsa = {
    .form = &form_rows, .tile = tile_pearson, .rounding = rounding_of_correlations};

/* ---- Spearman ---- */

/* The form is rank[n (n - 1) / 2], less the mean rank, of pairs i < j. */
static int64_t place(int64_t n, int64_t i, int64_t j)
{
    int64_t low = i < j ? i : j, high = i < j ? j : i;
    return low * (2 * n - low - 1) / 2 + high - low - 1;
}

static size_t ranks_size(const struct form_shape *s)
{
    return (size_t)(s->n * (s->n - 1) / 2) * sizeof(double);
}

struct entry {
    int32_t value; /* correlation in units of 2^-24: what differs by less is a tie */
    int32_t place;
};

static int ascending(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static void rank_entries(int64_t count, const struct entry *sorted, double *rank)
{
    for (int64_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && sorted[end].value == sorted[begin].value;) end++;
        double mean = (double)(begin + end - 1) / 2 - (double)(count - 1) / 2;
        for (int64_t i = begin; i < end; i++) rank[sorted[i].place] = mean;
    }
}

static enum err_code ranks_make(const struct form_shape *s, double *x, void *form,
                                struct err *e)
{
    enum { ROWS = 128 };
    int64_t n = s->n, count = n * (n - 1) / 2;
    double *rank = form;
    struct entry *entry = malloc((size_t)(count + 1) * sizeof *entry);
    double *panel = malloc((size_t)(ROWS * n) * sizeof *panel);
    enum err_code rc = ERR_OK;
    standardise_rows(x, n, s->d);
    if (!entry || !panel || count > INT32_MAX) {
        rc = ERR(e, ERR_NOMEM, "no memory for the ranks of %lld pairs", (long long)count);
    } else if (!features_finite(x, n * s->d)) {
        for (int64_t i = 0; i < count; i++) rank[i] = NAN;
    } else {
        for (int64_t i0 = 0; i0 < n; i0 += ROWS) {
            int64_t rows = n - i0 < ROWS ? n - i0 : ROWS;
            products(x, s->d, i0, rows, 0, n, panel);
            for (int64_t i = i0; i < i0 + rows; i++)
                for (int64_t j = i + 1; j < n; j++) {
                    int64_t at = place(n, i, j);
                    double value = rint(panel[(i - i0) * n + j] * 0x1p24);
                    entry[at] = (struct entry){(int32_t)value, (int32_t)at};
                }
        }
        qsort(entry, (size_t)count, sizeof *entry, ascending);
        rank_entries(count, entry, rank);
    }
    free(entry), free(panel);
    return rc;
}

static void ranks_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                          void *out)
{
    const double *from = form;
    double *to = out;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = i + 1; j < s->n; j++) *to++ = from[place(s->n, perm[i], perm[j])];
}

static const struct form form_ranks = {"ranks", ranks_size, ranks_make, ranks_permute};

static void tile_spearman(const struct form_shape *s, const void *form, int64_t i0,
                          int64_t rows, int64_t j0, int64_t columns, double *out)
{
    const double *rank = form;
    for (int64_t i = i0; i < i0 + rows; i++)
        for (int64_t j = j0; j < j0 + columns; j++)
            *out++ = i == j ? 0 : rank[place(s->n, i, j)];
}

const struct gram gram_rsa_spearman = {
    .form = &form_ranks, .tile = tile_spearman, .rounding = rounding_of_correlations};
