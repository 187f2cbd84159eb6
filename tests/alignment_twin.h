/* alignment_twin.h - the measures of one pair, straight from their formulas: the plain twin of
 * linalg/metric_*.c, for test_alignment.c. */
#ifndef SHOAL_TESTS_ALIGNMENT_TWIN_H
#define SHOAL_TESTS_ALIGNMENT_TWIN_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/alignment.h"
#include "linalg/features.h"

static void twin_centre(double *x, int64_t n, int64_t d)
{
    for (int64_t j = 0; j < d; j++) {
        double mean = 0, first = x[j]; /* a large offset costs no digits */
        for (int64_t i = 0; i < n; i++) mean += (x[i * d + j] - first) / (double)n;
        for (int64_t i = 0; i < n; i++) x[i * d + j] = x[i * d + j] - first - mean;
    }
}

static double *twin_prepare(const float *x, int64_t n, int64_t d, int normalize)
{
    double *out = malloc((size_t)(n * d) * sizeof *out);
    for (int64_t i = 0; i < n * d; i++) out[i] = (double)x[i];
    if (normalize == ALIGN_CENTRE || normalize == ALIGN_CENTRE_L2) twin_centre(out, n, d);
    for (int64_t i = 0; i < n && (normalize == ALIGN_L2 || normalize == ALIGN_CENTRE_L2); i++) {
        double norm = 0;
        for (int64_t j = 0; j < d; j++) norm += out[i * d + j] * out[i * d + j];
        for (int64_t j = 0; j < d; j++) out[i * d + j] /= fmax(sqrt(norm), 1e-12);
    }
    for (int64_t j = 0; j < d && normalize == ALIGN_STANDARD; j++) {
        double mean = 0, var = 0, most = 0;
        for (int64_t i = 0; i < n; i++) mean += out[i * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++) {
            most = fmax(most, fabs(out[i * d + j]));
            var += pow(out[i * d + j] - mean, 2) / (double)(n - 1);
        }
        double sd = sqrt(var) < 1e-7 * most || var == 0 ? HUGE_VAL : sqrt(var);
        for (int64_t i = 0; i < n; i++) out[i * d + j] = (out[i * d + j] - mean) / sd;
    }
    return out;
}

static double *twin_gram(const double *x, int64_t n, int64_t d)
{
    double *gram = malloc((size_t)(n * n) * sizeof *gram);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) gram[i * n + j] = features_dot(x + i * d, x + j * d, d);
    return gram;
}

/* tr(K H L H) with H L H written out. */
static double twin_hsic(const double *k, const double *l, int64_t n)
{
    double *row = calloc((size_t)n, sizeof *row), all = 0, sum = 0;
    for (int64_t i = 0; i < n * n; i++) row[i / n] += l[i] / (double)n;
    for (int64_t i = 0; i < n; i++) all += row[i] / (double)n;
    for (int64_t i = 0; i < n * n; i++) sum += k[i] * (l[i] - row[i / n] - row[i % n] + all);
    free(row);
    return sum;
}

/* Song et al. 2012, eq. 5. */
static double twin_hsic_unbiased(const double *k, const double *l, int64_t n)
{
    double product = 0, sum_k = 0, sum_l = 0, cross = 0, m = (double)n;
    for (int64_t i = 0; i < n; i++) {
        double row_k = 0, row_l = 0;
        for (int64_t j = 0; j < n; j++) {
            if (i == j) continue;
            product += k[i * n + j] * l[i * n + j];
            row_k += k[i * n + j];
            row_l += l[i * n + j];
        }
        sum_k += row_k;
        sum_l += row_l;
        cross += row_k * row_l;
    }
    return (product + sum_k * sum_l / ((m - 1) * (m - 2)) - 2 * cross / (m - 2)) /
           (m * (m - 3));
}

/* marks[j] = 1 for the k largest of s without i; of equals the lower index. */
static void twin_neighbours(const double *s, int64_t n, int64_t k, int64_t i, char *marks)
{
    memset(marks, 0, (size_t)n);
    for (int64_t t = 0; t < k; t++) {
        int64_t best = -1;
        for (int64_t j = 0; j < n; j++)
            if (j != i && !marks[j] && (best < 0 || s[j] > s[best])) best = j;
        marks[best] = 1;
    }
}

static double twin_knn(const double *s_a, const double *s_b, int64_t n, int64_t k)
{
    char *a = malloc((size_t)n), *b = malloc((size_t)n);
    int64_t hits = 0;
    for (int64_t i = 0; i < n; i++) {
        twin_neighbours(s_a + i * n, n, k, i, a);
        twin_neighbours(s_b + i * n, n, k, i, b);
        for (int64_t j = 0; j < n; j++) hits += a[j] && b[j];
    }
    free(a), free(b);
    return (double)hits / (double)(n * k);
}

/* The features that the product compares. Rows that would tie in exact arithmetic are decided
 * by the last bits of the normalisation, so that neighbours are found from the very same ones.
 */
static double *twin_prepared(const float *x, int64_t n, int64_t d, struct alignment_options o)
{
    struct representation layer = {.d = d, .x = x};
    struct alignment_model model = {1, &layer};
    double *out = malloc((size_t)(n * d) * sizeof *out), limit;
    ck_assert_int_eq(features_limits(&model, n, &o, &limit, NULL), ERR_OK);
    features_prepare(&model, 0, n, &o, &limit, out);
    return out;
}

static inline double twin(const char *measure, struct alignment_options o, int64_t n,
                          int64_t d_a, const float *x_a, int64_t d_b, const float *x_b)
{
    const struct alignment_measure *m;
    ck_assert_int_eq(alignment_parse(measure, &m, &o, NULL), ERR_OK);
    bool is_knn = m->parameter != NULL, unbiased = strcmp(m->row.name, "cka_unbiased") == 0;
    double *a = is_knn ? twin_prepared(x_a, n, d_a, o) : twin_prepare(x_a, n, d_a, o.normalize);
    double *b = is_knn ? twin_prepared(x_b, n, d_b, o) : twin_prepare(x_b, n, d_b, o.normalize);
    if (!is_knn) features_centre(a, n, d_a), features_centre(b, n, d_b);
    double *k = twin_gram(a, n, d_a), *l = twin_gram(b, n, d_b), out;
    if (is_knn) {
        out = twin_knn(k, l, n, o.k);
    } else {
        double (*hsic)(const double *, const double *, int64_t) =
            unbiased ? twin_hsic_unbiased : twin_hsic;
        out = hsic(k, l, n) / (sqrt(hsic(k, k, n) * hsic(l, l, n)) + o.epsilon);
    }
    free(a), free(b), free(k), free(l);
    return out;
}

#endif
