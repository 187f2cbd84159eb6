/* spectrum.c - see spectrum.h. X'X and XX' have the same eigenvalues but for zeros. */
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/eigen.h"
#include "linalg/features.h"

const double spectrum_shares[SPECTRUM_SHARES] = {0.90, 0.95, 0.99};

static enum err_code eigenvalues(int64_t n, int64_t d, const double *x, double *value,
                                 struct arena *a, struct err *e)
{
    int64_t m = n < d ? n : d;
    int rows = comm_int(m), inner = comm_int(n < d ? d : n), stride = comm_int(d);
    double scale = 1 / (double)n, zero = 0;
    double *copy = arena_array(a, (size_t)n, (size_t)d * sizeof *copy);
    double *square = arena_array(a, (size_t)m, (size_t)m * sizeof *square);
    double *scratch = arena_array(a, (size_t)eigen_scratch(m), sizeof *scratch);
    if (!copy || !square || !scratch) return ERR(e, ERR_NOMEM, "no memory for a spectrum");
    memcpy(copy, x, (size_t)(n * d) * sizeof *copy);
    features_centre(copy, n, d);
    /* by columns it is [d, n]; lower by columns is upper by rows */
    dsyrk_("L", n < d ? "T" : "N", &rows, &inner, &scale, copy, &stride, &zero, square, &rows);
    for (int64_t i = 0; i < m; i++)
        if (!isfinite(square[i * m + i]))
            return ERR(e, ERR_SHAPE, "a representation has numbers that are not finite");
    if (!eigen_symmetric(m, square, value, scratch))
        return ERR(e, ERR_ENV, "LAPACK finds no eigenvalues of a covariance");
    for (int64_t i = 0; i < (m + 1) / 2; i++) {
        double low = value[i], high = value[m - 1 - i];
        value[i] = fmax(high, 0);
        value[m - 1 - i] = fmax(low, 0); /* below 0 by rounding */
    }
    return ERR_OK;
}

enum err_code spectrum_eigenvalues(int64_t n, int64_t d, const double *x, double *value,
                                   struct err *e)
{
    struct arena a = {0};
    if (n < 1 || d < 1) return ERR_OK;
    enum err_code rc = eigenvalues(n, d, x, value, &a, e);
    arena_clear(&a);
    return rc;
}

struct spectrum spectrum_of(int64_t m, const double *value)
{
    struct spectrum out = {.participation = NAN, .effective = NAN};
    double squares = 0, entropy = 0, sum = 0;
    for (int64_t i = 0; i < m; i++) out.variance += value[i];
    if (!(out.variance > 0)) return out;
    for (int64_t i = 0, k = 0; i < m; i++) {
        double share = value[i] / out.variance;
        squares += share * share;
        if (share > 0) entropy -= share * log(share);
        sum += share;
        /* a share that is reached but for rounding is reached */
        for (; k < SPECTRUM_SHARES && sum >= spectrum_shares[k] * (1 - 1e-12); k++)
            out.dimensions[k] = i + 1;
    }
    out.participation = 1 / squares;
    out.effective = exp(entropy);
    return out;
}
