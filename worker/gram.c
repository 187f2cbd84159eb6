/* gram.c - products of a few columns at a time, so that long rows need no copy in double. */
#include "worker/gram.h"

#include <cblas.h>
#include <math.h>

#include "base/comm.h"
#include "linalg/features.h"

enum { AT_ONCE = 1 << 17 }; /* numbers in a piece, if rows are few */

/* Columns that are packed at a time: at least as many as there are rows. */
static int64_t piece(int64_t n, int64_t d)
{
    int64_t columns = AT_ONCE / n > n ? AT_ONCE / n : n;
    return columns < d ? columns : d;
}

int64_t gram_scratch(int64_t n, int64_t d)
{
    return n * piece(n, d);
}

/* out[n, count]: columns first..first+count-1 of x. */
static void pack(int64_t n, int64_t d, const real *x, int64_t first, int64_t count, bool centre,
                 double *out)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < count; j++) out[i * count + j] = (double)x[i * d + first + j];
    if (centre) features_centre(out, n, count);
}

static void mirror(int64_t n, double *gram)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) gram[i * n + j] = gram[j * n + i];
}

void gram_rows(int64_t n, int64_t d, const real *x, bool centre, double *scratch, double *gram)
{
    int64_t step = piece(n, d);
    for (int64_t first = 0; first < d; first += step) {
        int64_t count = d - first < step ? d - first : step;
        pack(n, d, x, first, count, centre, scratch);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, comm_int(n), comm_int(count), 1,
                    scratch, comm_int(count), first > 0, gram, comm_int(n));
    }
    mirror(n, gram);
}

void gram_smaller(int64_t n, int64_t d, const real *x, double *scratch, double *gram)
{
    if (d >= n) {
        gram_rows(n, d, x, true, scratch, gram);
        return;
    }
    pack(n, d, x, 0, d, true, scratch);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, comm_int(d), comm_int(n), 1, scratch,
                comm_int(d), 0, gram, comm_int(d));
}

void gram_centre(int64_t n, double *gram, double *mean)
{
    double all = 0;
    for (int64_t i = 0; i < n; i++) {
        mean[i] = 0;
        for (int64_t j = 0; j < n; j++) mean[i] += gram[i * n + j];
        mean[i] /= (double)n;
        all += mean[i];
    }
    all /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) gram[i * n + j] += all - mean[i] - mean[j];
}

double gram_cosine(int64_t n, const double *a, const double *b)
{
    double aa = features_dot(a, a, n * n), bb = features_dot(b, b, n * n);
    if (aa == 0 || bb == 0) return (double)NAN;
    return features_dot(a, b, n * n) / aa * sqrt(aa / bb);
}
