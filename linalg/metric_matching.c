/* metric_matching.c - measures that compare features one by one. */
#include <math.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/features.h"
#include "linalg/metric_local.h"
#include "linalg/transport.h"

struct neurons {
    int64_t count; /* of features that vary; -1: one is not finite */
    double x[];    /* [n, d], the first count columns in use */
};

static size_t size(const struct form_shape *s)
{
    return sizeof(struct neurons) + (size_t)(s->n * s->d) * sizeof(double);
}

/* Length of column j of x[n, d]. */
static double column_norm(const double *x, int64_t n, int64_t d, int64_t j)
{
    double square = 0;
    for (int64_t i = 0; i < n; i++) square += x[i * d + j] * x[i * d + j];
    return sqrt(square);
}

static enum err_code make(const struct form_shape *s, double *x, void *form, struct err *e)
{
    int64_t n = s->n, d = s->d;
    struct neurons *f = form;
    (void)e;
    memset(form, 0, size(s));
    features_centre(x, n, d);
    for (int64_t j = 0; j < d; j++) {
        double norm = column_norm(x, n, d, j);
        if (!isfinite(norm)) {
            f->count = -1;
            return ERR_OK;
        }
        if (norm == 0) continue;
        for (int64_t i = 0; i < n; i++) f->x[i * d + f->count] = x[i * d + j] / norm;
        f->count++;
    }
    return ERR_OK;
}

static void permute(const struct form_shape *s, const void *form, const int32_t *perm,
                    void *out)
{
    const struct neurons *from = form;
    struct neurons *to = out;
    to->count = from->count;
    for (int64_t i = 0; i < s->n; i++)
        memcpy(to->x + i * s->d, from->x + perm[i] * s->d, (size_t)s->d * sizeof(double));
}

const struct form form_neurons = {"neurons", size, make, permute};

double metric_soft_matching(const struct form_side *a, const struct form_side *b, void *scratch)
{
    const struct neurons *f_a = a->form, *f_b = b->form;
    INVARIANT(a->shape.n == b->shape.n);
    if (f_a->count < 1 || f_b->count < 1) return NAN;
    int n = comm_int(a->shape.n), d_a = comm_int(a->shape.d), d_b = comm_int(b->shape.d),
        rows = comm_int(f_a->count), columns = comm_int(f_b->count);
    const double one = 1, zero = 0;
    double *correlation = scratch; /* [rows, columns] */
    dgemm_("N", "T", &columns, &rows, &n, &one, f_b->x, &d_b, f_a->x, &d_a, &zero, correlation,
           &columns);
    double score =
        transport_uniform(rows, columns, correlation, correlation + (int64_t)rows * columns);
    return fmax(-1, fmin(1, score));
}

size_t metric_soft_matching_scratch(const struct form_shape *a, const struct form_shape *b)
{
    return (size_t)(a->d * b->d) * sizeof(double) + transport_scratch(a->d, b->d);
}
