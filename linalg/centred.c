/* centred.c - see centred.h. */
#include "linalg/centred.h"

#include <math.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/features.h"

size_t centred_size(const struct form_shape *s)
{
    size_t entry = s->single ? sizeof(float) : sizeof(double);
    size_t n = (size_t)s->n, d = (size_t)s->d;
    return sizeof(struct centred) + (n + d) * sizeof(double) + (n * d * entry + 7) / 8 * 8;
}

/* U-centring as something to add: K_ij + shift_i + shift_j off the diagonal, 0 on it. Of centred
 * features the rows of K sum to 0, those without the diagonal to -K_ii.
 * source   Szekely and Rizzo 2014; Song et al. 2012, eq. 5 */
static void u_centre(const double *x, int64_t n, int64_t d, double *shift)
{
    double total = 0, m = (double)n;
    for (int64_t i = 0; i < n; i++) {
        shift[i] = -features_dot(x + i * d, x + i * d, d);
        total += shift[i];
    }
    for (int64_t i = 0; i < n; i++)
        shift[i] = total / (2 * (m - 1) * (m - 2)) - shift[i] / (m - 2);
}

/* Scores do not depend on the size of features but by the epsilon of the released code; of large
 * or small ones the fourth power, which is summed, is no number of single precision. */
static void scale_for_single(double *x, int64_t count, double *mean, int64_t d)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(x[i]));
    double unit = features_unit(largest);
    for (int64_t i = 0; i < count; i++) x[i] *= unit;
    for (int64_t j = 0; j < d; j++) mean[j] *= unit;
}

static enum err_code centred_make(const struct form_shape *s, double *x, void *form,
                                  struct err *e)
{
    struct centred *c = form;
    (void)e;
    *c = (struct centred){.n = s->n, .d = s->d};
    double *mean = centred_mean(c);
    memcpy(mean, x, (size_t)s->d * sizeof *x);
    features_centre(x, s->n, s->d);
    for (int64_t j = 0; j < s->d; j++) mean[j] -= x[j];
    if (s->single && s->epsilon == 0) scale_for_single(x, s->n * s->d, mean, s->d);
    c->trace = features_dot(x, x, s->n * s->d);
    u_centre(x, s->n, s->d, centred_shifts(c));
    if (s->single)
        features_round(x, s->n * s->d, centred_entries(c));
    else
        memcpy(centred_entries(c), x, (size_t)(s->n * s->d) * sizeof *x);
    return ERR_OK;
}

void centred_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                     void *out)
{
    const struct centred *from = form;
    struct centred *to = out;
    *to = *from;
    form_permute_rows(s->n, 1, centred_shifts(from), perm, centred_shifts(to));
    memcpy(centred_mean(to), centred_mean(from), (size_t)s->d * sizeof(double));
    if (!s->single) {
        form_permute_rows(s->n, s->d, centred_entries(from), perm, centred_entries(to));
        return;
    }
    const float *x = centred_entries(from);
    float *y = centred_entries(to);
    for (int64_t i = 0; i < s->n; i++)
        memcpy(y + i * s->d, x + perm[i] * s->d, (size_t)s->d * sizeof *y);
}

const struct form form_centred = {"centred features", centred_size, centred_make,
                                  centred_permute};

void centred_tile(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                  int64_t j0, int64_t columns, double *out)
{
    int d = comm_int(s->d), m = comm_int(columns), k = comm_int(rows);
    const double *x = centred_entries(form), one = 1, zero = 0;
    dgemm_("T", "N", &m, &k, &d, &one, x + j0 * d, &d, x + i0 * d, &d, &zero, out, &m);
}

void centred_tile_single(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                         int64_t j0, int64_t columns, float *out)
{
    int d = comm_int(s->d), m = comm_int(columns), k = comm_int(rows);
    const float *x = centred_entries(form), one = 1, zero = 0;
    sgemm_("T", "N", &m, &k, &d, &one, x + j0 * d, &d, x + i0 * d, &d, &zero, out, &m);
}
