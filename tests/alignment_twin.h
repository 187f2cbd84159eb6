/* alignment_twin.h - the measures of one pair, straight from their formulas: the plain twin of
 * linalg/metric_cka.c, _knn.c, _ties.c, _rsa.c, for test_alignment.c and test_all_pairs.c. */
#ifndef SHOAL_TESTS_ALIGNMENT_TWIN_H
#define SHOAL_TESTS_ALIGNMENT_TWIN_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/alignment.h"
#include "linalg/features.h"
#include "tests/alignment_confound.h"

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

/* Both sides of a pair. */
struct twin_sides {
    int64_t n, k, d[2];
    double sigma, epsilon;
    double *x[2];    /* [n, d] normalised */
    double *gram[2]; /* [n, n] their inner products */
};

/* ---- kernels ---- */

static double twin_ratio(const double *k, const double *l, const struct twin_sides *s,
                         double hsic(const double *, const double *, int64_t))
{
    double root = sqrt(hsic(k, k, s->n) * hsic(l, l, s->n));
    return root > 0 ? hsic(k, l, s->n) / (root + s->epsilon) : NAN;
}

static double twin_cka(const struct twin_sides *s)
{
    return twin_ratio(s->gram[0], s->gram[1], s, twin_hsic);
}

static double twin_cka_unbiased(const struct twin_sides *s)
{
    return twin_ratio(s->gram[0], s->gram[1], s, twin_hsic_unbiased);
}

static int twin_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *twin_rbf_kernel(const double *x, int64_t n, int64_t d, double sigma)
{
    double *out = calloc((size_t)(n * n), sizeof *out);
    double *sorted = malloc((size_t)(n * n) * sizeof *sorted);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            for (int64_t l = 0; l < d; l++)
                out[i * n + j] += pow(x[i * d + l] - x[j * d + l], 2);
            if (i < j) sorted[count++] = out[i * n + j];
        }
    qsort(sorted, (size_t)count, sizeof *sorted, twin_ascending);
    double sigma2 = sigma > 0 ? sigma * sigma : (double)(float)sorted[(count - 1) / 2];
    for (int64_t i = 0; i < n * n; i++) out[i] = exp(-out[i] / (2 * sigma2));
    free(sorted);
    return out;
}

/* K less what is explained of it by the inputs. */
static double *twin_residual(const double *k, int64_t n)
{
    double *out = malloc((size_t)(n * n) * sizeof *out);
    double *input = twin_gram(made_confound(n), n, CONFOUND_D);
    double alpha = twin_hsic(k, input, n) / twin_hsic(input, input, n);
    for (int64_t i = 0; i < n * n; i++) out[i] = k[i] - alpha * input[i];
    free(input);
    return out;
}

static double twin_cka_deconfounded(const struct twin_sides *s)
{
    double *k = twin_residual(s->gram[0], s->n), *l = twin_residual(s->gram[1], s->n);
    double out = twin_ratio(k, l, s, twin_hsic);
    free(k), free(l);
    return out;
}

static double twin_cka_rbf(const struct twin_sides *s)
{
    double *k = twin_rbf_kernel(s->x[0], s->n, s->d[0], s->sigma);
    double *l = twin_rbf_kernel(s->x[1], s->n, s->d[1], s->sigma);
    /* A kernel of 1 everywhere has no structure, but rounding. */
    double least = 1e-26 * (double)(s->n * s->n), out = NAN;
    if (twin_hsic(k, k, s->n) > least && twin_hsic(l, l, s->n) > least)
        out = twin_ratio(k, l, s, twin_hsic);
    free(k), free(l);
    return out;
}

/* ---- neighbours ---- */

static double twin_mutual(const struct twin_sides *s)
{
    return twin_knn(s->gram[0], s->gram[1], s->n, s->k);
}

/* lists[n, k] of the k nearest of every row, nearest first. */
static int64_t *twin_lists(const double *gram, int64_t n, int64_t k)
{
    int64_t *lists = malloc((size_t)(n * k) * sizeof *lists);
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0; t < k; t++) {
            int64_t best = -1;
            for (int64_t j = 0; j < n; j++) {
                bool taken = j == i;
                for (int64_t u = 0; u < t; u++) taken = taken || lists[i * k + u] == j;
                if (!taken && (best < 0 || gram[i * n + j] > gram[i * n + best])) best = j;
            }
            lists[i * k + t] = best;
        }
    return lists;
}

/* The place of j in a list of k, from 1; 0: not there. */
static int64_t twin_place(const int64_t *list, int64_t k, int64_t j)
{
    for (int64_t t = 0; t < k; t++)
        if (list[t] == j) return t + 1;
    return 0;
}

/* Mean over rows of what is said of the two lists of a row. */
static double twin_rows(const struct twin_sides *s,
                        double of(const int64_t *a, const int64_t *b, int64_t k))
{
    int64_t *a = twin_lists(s->gram[0], s->n, s->k), *b = twin_lists(s->gram[1], s->n, s->k);
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++) sum += of(a + i * s->k, b + i * s->k, s->k);
    free(a), free(b);
    return sum / (double)s->n;
}

static double twin_jaccard_row(const int64_t *a, const int64_t *b, int64_t k)
{
    int64_t both = 0;
    for (int64_t t = 0; t < k; t++) both += twin_place(a, k, b[t]) > 0;
    return (double)both / (double)(2 * k - both);
}

/* The whole table of longest common subsequences of beginnings. */
static double twin_lcs_row(const int64_t *a, const int64_t *b, int64_t k)
{
    int64_t *t = calloc((size_t)((k + 1) * (k + 1)), sizeof *t);
    for (int64_t i = 1; i <= k; i++)
        for (int64_t j = 1; j <= k; j++) {
            int64_t up = t[(i - 1) * (k + 1) + j], left = t[i * (k + 1) + j - 1];
            t[i * (k + 1) + j] = a[i - 1] == b[j - 1] ? t[(i - 1) * (k + 1) + j - 1] + 1
                                 : up > left          ? up
                                                      : left;
        }
    double out = (double)t[k * (k + 1) + k];
    free(t);
    return out;
}

static double twin_edit_row(const int64_t *a, const int64_t *b, int64_t k)
{
    int64_t *t = calloc((size_t)((k + 1) * (k + 1)), sizeof *t);
    for (int64_t i = 0; i <= k; i++) t[i] = t[i * (k + 1)] = i;
    for (int64_t i = 1; i <= k; i++)
        for (int64_t j = 1; j <= k; j++) {
            int64_t least = t[(i - 1) * (k + 1) + j - 1] + (a[i - 1] != b[j - 1]);
            if (t[(i - 1) * (k + 1) + j] + 1 < least) least = t[(i - 1) * (k + 1) + j] + 1;
            if (t[i * (k + 1) + j - 1] + 1 < least) least = t[i * (k + 1) + j - 1] + 1;
            t[i * (k + 1) + j] = least;
        }
    double out = 1 - (double)t[k * (k + 1) + k] / (double)k;
    free(t);
    return out;
}

static double twin_rank_row(const int64_t *a, const int64_t *b, int64_t k)
{
    double sum = 0, most = 0;
    int64_t both = 0;
    for (int64_t r = 1; r <= k; r++) {
        int64_t q = twin_place(b, k, a[r - 1]);
        if (q) sum += 2.0 / (double)((1 + llabs(r - q)) * (r + q)), both++;
    }
    for (int64_t i = 1; i <= both; i++) most += 1.0 / (double)i;
    return both ? sum / most : 0;
}

static double twin_jaccard(const struct twin_sides *s)
{
    return twin_rows(s, twin_jaccard_row);
}

static double twin_lcs(const struct twin_sides *s)
{
    return twin_rows(s, twin_lcs_row);
}

static double twin_edit(const struct twin_sides *s)
{
    return twin_rows(s, twin_edit_row);
}

static double twin_rank(const struct twin_sides *s)
{
    return twin_rows(s, twin_rank_row);
}

static double twin_cycle(const struct twin_sides *s)
{
    int64_t *a = twin_lists(s->gram[0], s->n, s->k), *b = twin_lists(s->gram[1], s->n, s->k);
    double hits = 0;
    for (int64_t i = 0; i < s->n; i++) {
        bool back = false;
        for (int64_t t = 0; t < s->k; t++)
            back = back || twin_place(a + b[i * s->k + t] * s->k, s->k, i);
        hits += back;
    }
    free(a), free(b);
    return hits / (double)s->n;
}

/* share[n, n]: how likely j is among the k nearest of i when ties are broken at random. */
static double *twin_shares(const double *gram, int64_t n, int64_t k)
{
    double *share = calloc((size_t)(n * n), sizeof *share);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            int64_t above = 0, equal = 0;
            for (int64_t l = 0; l < n; l++) {
                above += l != i && gram[i * n + l] > gram[i * n + j];
                equal += l != i && gram[i * n + l] == gram[i * n + j];
            }
            if (j != i && above < k)
                share[i * n + j] = fmin(1, (double)(k - above) / (double)equal);
        }
    return share;
}

static double twin_mutual_ties(const struct twin_sides *s)
{
    double *a = twin_shares(s->gram[0], s->n, s->k), sum = 0;
    double *b = twin_shares(s->gram[1], s->n, s->k);
    for (int64_t i = 0; i < s->n * s->n; i++) sum += a[i] * b[i];
    free(a), free(b);
    return sum / (double)(s->n * s->k);
}

/* The matrix where j is a neighbour of i on both sides, else 0. */
static double *twin_masked(const struct twin_sides *s, int a, int b, const double *value)
{
    int64_t n = s->n, k = s->k;
    int64_t *x = twin_lists(s->gram[a], n, k), *y = twin_lists(s->gram[b], n, k);
    double *out = calloc((size_t)(n * n), sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (twin_place(x + i * k, k, j) && twin_place(y + i * k, k, j))
                out[i * n + j] = value[i * n + j];
    free(x), free(y);
    return out;
}

/* Song et al. 2012, eq. 5, of matrices that are not symmetric: tr(K L) and 1' K L 1. */
static double twin_masked_hsic(const struct twin_sides *s, int a, int b)
{
    int64_t n = s->n;
    double *k = twin_masked(s, a, b, s->gram[a]), *l = twin_masked(s, a, b, s->gram[b]);
    double trace = 0, chain = 0, sum_k = 0, sum_l = 0, m = (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            trace += k[i * n + j] * l[j * n + i];
            sum_k += k[i * n + j];
            sum_l += l[i * n + j];
            for (int64_t h = 0; h < n; h++) chain += k[i * n + j] * l[j * n + h];
        }
    free(k), free(l);
    double sums = sum_k * sum_l / ((m - 1) * (m - 2)), chains = 2 * chain / (m - 2);
    double sum = trace + sums - chains, all = fabs(trace) + fabs(sums) + fabs(chains);
    return fabs(sum) > 1e-13 * all ? sum / (m * (m - 3)) : 0; /* of rounding */
}

static double twin_masked_centred(const struct twin_sides *s, int a, int b)
{
    int64_t n = s->n;
    double *centred[2], sum = 0;
    for (int side = 0; side < 2; side++) {
        centred[side] = calloc((size_t)(n * n), sizeof(double));
        const double *gram = s->gram[side ? b : a];
        for (int64_t i = 0; i < n; i++) {
            double mean = 0;
            for (int64_t j = 0; j < n; j++) mean += gram[i * n + j] / (double)n;
            for (int64_t j = 0; j < n; j++)
                if (fabs(gram[i * n + j] - mean) > 1e-13 * fabs(mean)) /* else: rounding */
                    centred[side][i * n + j] = gram[i * n + j] - mean;
        }
    }
    double *k = twin_masked(s, a, b, centred[0]), *l = twin_masked(s, a, b, centred[1]);
    for (int64_t i = 0; i < n * n; i++) sum += k[i] * l[i];
    free(k), free(l), free(centred[0]), free(centred[1]);
    return sum;
}

static double twin_cknna(const struct twin_sides *s)
{
    double root = sqrt(twin_masked_hsic(s, 0, 0) * twin_masked_hsic(s, 1, 1));
    return root > 0 ? twin_masked_hsic(s, 0, 1) / (root + s->epsilon) : NAN;
}

static double twin_cknna_paper(const struct twin_sides *s)
{
    double self = twin_masked_centred(s, 0, 0) * twin_masked_centred(s, 1, 1);
    return twin_masked_centred(s, 0, 1) / sqrt(self);
}

/* ---- dissimilarities ---- */

static double twin_correlation(const double *x, const double *y, int64_t count)
{
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < count; i++) mean_x += x[i] / (double)count;
    for (int64_t i = 0; i < count; i++) mean_y += y[i] / (double)count;
    for (int64_t i = 0; i < count; i++) {
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    double least = 1e-24 * (double)count; /* of rounding there is no correlation */
    return xx > least && yy > least ? xy / sqrt(xx * yy) : NAN;
}

/* 1 - correlation of all rows i < j. */
static double *twin_dissimilarities(const double *x, int64_t n, int64_t d)
{
    double *out = malloc((size_t)(n * (n - 1) / 2) * sizeof *out), *at = out;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            *at++ = 1 - twin_correlation(x + i * d, x + j * d, d);
    return out;
}

/* Mean ranks; what differs by less than 1e-7 is a tie. */
static void twin_ranks(double *x, int64_t count)
{
    double *rank = calloc((size_t)count, sizeof *rank);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++)
            rank[i] += fabs(x[j] - x[i]) < 1e-7 ? 0.5 : x[j] < x[i];
    for (int64_t i = 0; i < count; i++) x[i] = isnan(x[i]) ? NAN : rank[i];
    free(rank);
}

static double twin_rsa_of(const struct twin_sides *s, bool ranked)
{
    int64_t count = s->n * (s->n - 1) / 2;
    double *a = twin_dissimilarities(s->x[0], s->n, s->d[0]);
    double *b = twin_dissimilarities(s->x[1], s->n, s->d[1]);
    if (ranked) twin_ranks(a, count), twin_ranks(b, count);
    double out = twin_correlation(a, b, count);
    free(a), free(b);
    return out;
}

static double twin_rsa(const struct twin_sides *s)
{
    return twin_rsa_of(s, false);
}

static double twin_rsa_spearman(const struct twin_sides *s)
{
    return twin_rsa_of(s, true);
}

/* ---- all of them ---- */

static const struct twin_row {
    const char *name;
    double (*score)(const struct twin_sides *s);
    bool centred; /* columns first */
    bool counts;  /* of whole numbers: the same bits */
    double within;
} twin_rows_of[] = {
    {"cka", twin_cka, true, false, 1e-10},
    {"cka_deconfounded", twin_cka_deconfounded, true, false, 1e-8},
    {"cka_unbiased", twin_cka_unbiased, true, false, 1e-8},
    {"cka_rbf", twin_cka_rbf, false, false, 1e-7}, /* the median is in single precision */
    {"cknna", twin_cknna, false, false, 1e-5},     /* an offset of 100 leaves it few digits */
    {"cknna_paper", twin_cknna_paper, false, false, 1e-8},
    {"mutual_knn", twin_mutual, false, true, 0},
    {"mutual_knn_ties", twin_mutual_ties, false, false, 1e-12},
    {"cycle_knn", twin_cycle, false, true, 0},
    {"lcs_knn", twin_lcs, false, true, 0},
    {"edit_distance_knn", twin_edit, false, false, 1e-12},
    {"jaccard_knn", twin_jaccard, false, false, 1e-12},
    {"rank_knn", twin_rank, false, false, 1e-12},
    {"rsa", twin_rsa, false, false, 1e-9},
    {"rsa_spearman", twin_rsa_spearman, false, false, 1e-9},
};

/* NULL: the measure has its twin elsewhere. */
static inline const struct twin_row *twin_find(const char *name)
{
    for (size_t i = 0; i < sizeof twin_rows_of / sizeof *twin_rows_of; i++)
        if (strcmp(twin_rows_of[i].name, name) == 0) return &twin_rows_of[i];
    return NULL;
}

static inline double twin(const char *measure, struct alignment_options o, int64_t n,
                          int64_t d_a, const float *x_a, int64_t d_b, const float *x_b)
{
    const struct alignment_measure *m;
    ck_assert_int_eq(alignment_parse(measure, &m, &o, NULL), ERR_OK);
    const struct twin_row *row = twin_find(m->row.name);
    ck_assert_msg(row != NULL, "%s has no twin", measure);
    const float *x[2] = {x_a, x_b};
    struct twin_sides s = {n, o.k, {d_a, d_b}, o.sigma, o.epsilon, {0}, {0}};
    for (int i = 0; i < 2; i++) {
        s.x[i] = m->parameter ? twin_prepared(x[i], n, s.d[i], o)
                              : twin_prepare(x[i], n, s.d[i], o.normalize);
        if (row->centred) features_centre(s.x[i], n, s.d[i]);
        s.gram[i] = twin_gram(s.x[i], n, s.d[i]);
    }
    double out = row->score(&s);
    for (int i = 0; i < 2; i++) free(s.x[i]), free(s.gram[i]);
    return out;
}

#endif
