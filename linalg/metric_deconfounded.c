/* metric_deconfounded.c - CKA of what the Gram matrix of the input does not explain: inputs that
 * are alike are alike in every network, trained or not.
 *
 * K_A - alpha K_0 with alpha = <K_A, K_0> / <K_0, K_0> stands for K_A, all of them centred. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/centred.h"
#include "linalg/features.h"
#include "linalg/metric.h"

/* In front of x[n, d], centred, and of the row of the input for every row, [n]. */
struct residual {
    int64_t n, d;
    double trace; /* of the Gram matrix of x */
    double alpha;
};

static double *residual_x(const struct residual *r)
{
    return (double *)(r + 1);
}

static int32_t *input_rows(const struct residual *r)
{
    return (int32_t *)(residual_x(r) + r->n * r->d);
}

static size_t residual_size(const struct form_shape *s)
{
    size_t n = (size_t)s->n, d = (size_t)s->d;
    return sizeof(struct residual) + n * d * sizeof(double) + (n * sizeof(int32_t) + 7) / 8 * 8;
}

/* Sum of the squares of A'B: <A A', B B'>. product[p, q] is scratch. */
static double inner(int64_t n, const double *a, int64_t p, const double *b, int64_t q,
                    double *product)
{
    int rows = comm_int(n), wide_a = comm_int(p), wide_b = comm_int(q);
    const double one = 1, zero = 0;
    dgemm_("N", "T", &wide_b, &wide_a, &rows, &one, b, &wide_b, a, &wide_a, &zero, product,
           &wide_b);
    return features_dot(product, product, p * q);
}

static enum err_code residual_make(const struct form_shape *s, double *x, void *form,
                                   struct err *e)
{
    struct residual *r = form;
    int64_t q = s->confound_d, widest = s->d > q ? s->d : q;
    double *product = malloc((size_t)(widest * q) * sizeof *product);
    if (!product)
        return ERR(e, ERR_NOMEM, "no memory for products with %lld inputs", (long long)q);
    features_centre(x, s->n, s->d);
    *r = (struct residual){.n = s->n, .d = s->d, .trace = features_dot(x, x, s->n * s->d)};
    double own = inner(s->n, s->confound, q, s->confound, q, product);
    r->alpha = own > 0 ? inner(s->n, x, s->d, s->confound, q, product) / own : 0;
    memcpy(residual_x(r), x, (size_t)(s->n * s->d) * sizeof *x);
    for (int64_t i = 0; i < s->n; i++) input_rows(r)[i] = (int32_t)i;
    free(product);
    return ERR_OK;
}

static void residual_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                             void *out)
{
    const struct residual *from = form;
    struct residual *to = out;
    *to = *from;
    form_permute_rows(s->n, s->d, residual_x(from), perm, residual_x(to));
    for (int64_t i = 0; i < s->n; i++) input_rows(to)[i] = input_rows(from)[perm[i]];
}

static const struct form form_residual = {"residuals", residual_size, residual_make,
                                          residual_permute};

/* out = factor times the products of rows, added to keep times out. */
static void products(const double *x, const double *y, int64_t d, int64_t rows, int64_t columns,
                     double factor, double keep, double *out)
{
    int depth = comm_int(d), m = comm_int(columns), k = comm_int(rows);
    dgemm_("T", "N", &m, &k, &depth, &factor, y, &depth, x, &depth, &keep, out, &m);
}

static void residual_tile(const struct form_shape *s, const void *form, int64_t i0,
                          int64_t rows, int64_t j0, int64_t columns, double *out)
{
    const struct residual *r = form;
    const double *x = residual_x(r);
    int64_t q = s->confound_d;
    double *z = malloc((size_t)((rows + columns) * q) * sizeof *z);
    INVARIANT(z); /* no larger than what the products needed */
    form_permute_rows(rows, q, s->confound, input_rows(r) + i0, z);
    form_permute_rows(columns, q, s->confound, input_rows(r) + j0, z + rows * q);
    products(x + i0 * s->d, x + j0 * s->d, s->d, rows, columns, 1, 0, out);
    products(z, z + rows * q, q, rows, columns, -r->alpha, 1, out);
    free(z);
}

static double residual_rounding(const struct form_shape *s, const void *form)
{
    const struct residual *r = form;
    (void)s;
    return 1e-24 * r->trace * r->trace;
}

const struct gram gram_cka_deconfounded = {.form = &form_residual,
                                           .tile = residual_tile,
                                           .rounding = residual_rounding,
                                           .rows_cancel = true};
