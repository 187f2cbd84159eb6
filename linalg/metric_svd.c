/* metric_svd.c - measures of the spans of two sets of features, all from M = U_A' U_B, whose
 * singular values are the canonical correlations.
 *
 * A row-major x[n, d] is its own transpose to LAPACK, so that the singular vectors come out as
 * they are kept: U[n, m] by rows, which permuting rows and dgemm both like. A further measure
 * is a function of two views and M. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/features.h"
#include "linalg/metric_local.h"
#include "linalg/svd.h"

struct svd_form {
    int64_t rank;    /* -1: not finite, or the SVD did not converge */
    double number[]; /* s[w], U[n, w], then for form_svd S V'[w, d] */
};

/* Where the parts of a form lie. */
struct view {
    int64_t n, d, w, rank;
    const double *s, *u, *loading;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Columns of U. */
static int64_t width_all(const struct form_shape *s)
{
    return least(s->n, s->d);
}

static int64_t width_leading(const struct form_shape *s)
{
    return least(s->k, least(s->n, s->d));
}

static struct view view(const struct form_side *side, int64_t w)
{
    const struct svd_form *f = side->form;
    const double *u = f->number + w;
    int64_t n = side->shape.n;
    return (struct view){n, side->shape.d, w, f->rank, f->number, u, u + n * w};
}

/* ---- forms ---- */

static size_t size_all(const struct form_shape *s)
{
    int64_t m = width_all(s);
    return sizeof(struct svd_form) + (size_t)(m + s->n * m + m * s->d) * sizeof(double);
}

static size_t size_leading(const struct form_shape *s)
{
    int64_t w = width_leading(s);
    return sizeof(struct svd_form) + (size_t)(w + s->n * w) * sizeof(double);
}

static int64_t rank_of(const double *s, int64_t n, int64_t d)
{
    double limit = (double)(n > d ? n : d) * DBL_EPSILON * s[0];
    int64_t rank = 0;
    while (rank < least(n, d) && s[rank] > limit) rank++;
    return rank;
}

static enum err_code make_all(const struct form_shape *s, double *x, void *form, struct err *e)
{
    int64_t n = s->n, d = s->d, m = width_all(s);
    struct svd_form *f = form;
    memset(form, 0, size_all(s));
    f->rank = -1;
    features_centre(x, n, d);
    double *u = f->number + m, *vt = u + n * m;
    double *scratch = malloc((size_t)svd_scratch(d, n, true) * sizeof *scratch);
    if (!scratch)
        return ERR(e, ERR_NOMEM, "no memory for the SVD of [%lld, %lld]", (long long)n,
                   (long long)d);
    if (svd_thin(d, n, x, f->number, vt, u, scratch)) f->rank = rank_of(f->number, n, d);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < d; j++) vt[i * d + j] *= f->number[i];
    free(scratch);
    return ERR_OK;
}

/* Columns to mean 0 and standard deviation 1, constant ones to 0. The released code, which has an
 * epsilon, adds 1e-8 to deviations. scratch[d]. */
static void standardise(double *x, int64_t n, int64_t d, double epsilon, double *scratch)
{
    double add = epsilon > 0 ? 1e-8 : 0;
    double *largest = scratch;
    for (int64_t j = 0; j < d; j++) {
        largest[j] = 0;
        for (int64_t i = 0; i < n; i++) largest[j] = fmax(largest[j], fabs(x[i * d + j]));
    }
    features_centre(x, n, d);
    for (int64_t j = 0; j < d; j++) {
        double square = 0;
        for (int64_t i = 0; i < n; i++) square += x[i * d + j] * x[i * d + j];
        double sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
        double scale = sd < 1e-7 * largest[j] || sd == 0 ? 0 : 1 / (sd + add);
        for (int64_t i = 0; i < n; i++) x[i * d + j] *= scale;
    }
}

static enum err_code make_leading(const struct form_shape *s, double *x, void *form,
                                  struct err *e)
{
    int64_t n = s->n, d = s->d, m = width_all(s), w = width_leading(s);
    struct svd_form *f = form;
    memset(form, 0, size_leading(s));
    f->rank = -1;
    int64_t count = m + n * m + m * d + svd_scratch(d, n, true);
    double *value = malloc((size_t)count * sizeof *value);
    if (!value)
        return ERR(e, ERR_NOMEM, "no memory for the SVD of [%lld, %lld]", (long long)n,
                   (long long)d);
    double *u = value + m, *vt = u + n * m, *scratch = vt + m * d;
    standardise(x, n, d, s->epsilon, scratch);
    if (svd_thin(d, n, x, value, vt, u, scratch)) {
        f->rank = rank_of(value, n, d);
        size_t row = (size_t)w * sizeof(double);
        memcpy(f->number, value, row);
        for (int64_t i = 0; i < n; i++) memcpy(f->number + w + i * w, u + i * m, row);
    }
    free(value);
    return ERR_OK;
}

/* out, a form of the given size, with the rows of U permuted. */
static void permute_rows(size_t size, int64_t n, int64_t w, const void *form,
                         const int32_t *perm, void *out)
{
    const double *u = ((const struct svd_form *)form)->number + w;
    double *to = ((struct svd_form *)out)->number + w;
    memcpy(out, form, size);
    for (int64_t i = 0; i < n; i++) memcpy(to + i * w, u + perm[i] * w, (size_t)w * sizeof *to);
}

static void permute_all(const struct form_shape *s, const void *form, const int32_t *perm,
                        void *out)
{
    permute_rows(size_all(s), s->n, width_all(s), form, perm, out);
}

static void permute_leading(const struct form_shape *s, const void *form, const int32_t *perm,
                            void *out)
{
    permute_rows(size_leading(s), s->n, width_leading(s), form, perm, out);
}

const struct form form_svd = {"svd", size_all, make_all, permute_all};
const struct form form_svd_standard = {"svd_standard", size_leading, make_leading,
                                       permute_leading};

bool form_svd_few_rows(const struct form_shape *s)
{
    return s->n < 2 * s->d;
}

/* ---- pairs ---- */

/* The views of a and b; false if one has no structure. */
static bool open_pair(const struct form_side *a, const struct form_side *b, struct view v[2])
{
    v[0] = view(a, width_all(&a->shape));
    v[1] = view(b, width_all(&b->shape));
    return v[0].rank > 0 && v[1].rank > 0;
}

/* product[r_a, r_b] = U_a' U_b of the first columns, by columns. */
static void multiply(const struct view *a, int64_t r_a, const struct view *b, int64_t r_b,
                     double *product)
{
    int m = comm_int(r_a), n = comm_int(r_b), k = comm_int(a->n), w_a = comm_int(a->w),
        w_b = comm_int(b->w);
    const double one = 1, zero = 0;
    INVARIANT(a->n == b->n);
    dgemm_("N", "T", &m, &n, &k, &one, a->u, &w_a, b->u, &w_b, &zero, product, &m);
}

/* Sum of the singular values of product[r_a, r_b], which is overwritten, or NaN. Behind it lies
 * the rest of the scratch. */
static double sum_singular(double *product, int64_t r_a, int64_t r_b)
{
    double *value = product + r_a * r_b, sum = 0;
    int64_t r = least(r_a, r_b);
    if (!svd_values(r_a, r_b, product, value, value + r)) return NAN;
    for (int64_t i = 0; i < r; i++) sum += value[i];
    return sum;
}

/* Bytes for a product, its singular values and their scratch. */
static size_t product_size(int64_t w_a, int64_t w_b)
{
    return (size_t)(w_a * w_b + least(w_a, w_b) + svd_scratch(w_a, w_b, false)) *
           sizeof(double);
}

/* What rounding puts above 1; NaN stays. */
static double at_most_1(double score)
{
    return score > 1 ? 1 : score;
}

double metric_cca(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct view v[2];
    if (!open_pair(a, b, v)) return NAN;
    int64_t r_a = v[0].rank, r_b = v[1].rank;
    multiply(&v[0], r_a, &v[1], r_b, scratch);
    return at_most_1(sum_singular(scratch, r_a, r_b) / (double)least(r_a, r_b));
}

size_t metric_cca_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return product_size(width_all(a), width_all(b));
}

double metric_svcca(const struct form_side *a, const struct form_side *b, void *scratch)
{
    INVARIANT(a->shape.k == b->shape.k);
    int64_t c = a->shape.k;
    struct view v_a = view(a, width_leading(&a->shape)),
                v_b = view(b, width_leading(&b->shape));
    if (c < 1 || v_a.rank < c || v_b.rank < c) return NAN;
    multiply(&v_a, c, &v_b, c, scratch);
    return at_most_1(sum_singular(scratch, c, c) / (double)c);
}

size_t metric_svcca_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return product_size(width_leading(a), width_leading(b));
}

double metric_procrustes(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct view v[2];
    if (!open_pair(a, b, v)) return NAN;
    int64_t r_a = v[0].rank, r_b = v[1].rank;
    double *product = scratch;
    multiply(&v[0], r_a, &v[1], r_b, product);
    for (int64_t j = 0; j < r_b; j++)
        for (int64_t i = 0; i < r_a; i++) product[j * r_a + i] *= v[0].s[i] * v[1].s[j];
    double norm = sqrt(features_dot(v[0].s, v[0].s, r_a) * features_dot(v[1].s, v[1].s, r_b));
    return at_most_1(sum_singular(product, r_a, r_b) / norm);
}

size_t metric_procrustes_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return product_size(width_all(a), width_all(b));
}

double metric_linear_regression(const struct form_side *a, const struct form_side *b,
                                void *scratch)
{
    struct view v[2];
    if (!open_pair(a, b, v)) return NAN;
    int64_t r_a = v[0].rank, r_b = v[1].rank;
    const double *s = v[1].s;
    double *product = scratch, explained = 0;
    multiply(&v[0], r_a, &v[1], r_b, product);
    for (int64_t j = 0; j < r_b; j++) {
        const double *column = product + j * r_a;
        explained += s[j] * s[j] * features_dot(column, column, r_a);
    }
    return at_most_1(explained / features_dot(s, s, r_b));
}

size_t metric_linear_regression_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return (size_t)(width_all(a) * width_all(b)) * sizeof(double);
}

/* Of the canonical correlations rho[r], with direction i of A at left[r_a, i]: their mean with
 * weights alpha_i = sum over the features of |left_i' S V'|. weight[d, r] is overwritten. */
static double weighted_mean(const struct view *a, const double *left, const double *rho,
                            int64_t r, double *weight)
{
    int d = comm_int(a->d), columns = comm_int(r), r_a = comm_int(a->rank);
    const double one = 1, zero = 0;
    double sum = 0, total = 0;
    dgemm_("N", "N", &d, &columns, &r_a, &one, a->loading, &d, left, &r_a, &zero, weight, &d);
    for (int64_t i = 0; i < r; i++) {
        double alpha = 0;
        for (int64_t j = 0; j < a->d; j++) alpha += fabs(weight[i * a->d + j]);
        sum += alpha * rho[i];
        total += alpha;
    }
    return sum / total;
}

double metric_pwcca(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct view v[2];
    if (!open_pair(a, b, v)) return NAN;
    int64_t r_a = v[0].rank, r_b = v[1].rank, r = least(r_a, r_b);
    double *product = scratch, *rho = product + r_a * r_b, *left = rho + r;
    double *right = left + r_a * r, *rest = right + r * r_b;
    multiply(&v[0], r_a, &v[1], r_b, product);
    if (!svd_thin(r_a, r_b, product, rho, left, right, rest)) return NAN;
    return at_most_1(weighted_mean(&v[0], left, rho, r, rest));
}

size_t metric_pwcca_scratch(const struct form_shape *a, const struct form_shape *b)
{
    int64_t w_a = width_all(a), w_b = width_all(b), w = least(w_a, w_b);
    int64_t svd = svd_scratch(w_a, w_b, true), weight = a->d * w;
    int64_t rest = svd > weight ? svd : weight;
    return (size_t)(w_a * w_b + w + w * (w_a + w_b) + rest) * sizeof(double);
}
