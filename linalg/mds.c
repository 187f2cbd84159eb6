/* mds.c - see mds.h. Layouts are row-major [n, p]: to LAPACK, by columns, they are [p, n]. */
#include "linalg/mds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/comm.h"
#include "base/rng.h"
#include "linalg/blas.h"
#include "linalg/eigen.h"

int64_t mds_dissimilarity(int64_t n, const double *score, double floor, double *delta)
{
    int64_t below = 0;
    for (int64_t i = 0; i < n; i++) {
        delta[i * n + i] = 0;
        for (int64_t j = i + 1; j < n; j++) {
            double a = score[i * n + j], b = score[j * n + i];
            if (isnan(a)) a = b;
            if (isnan(b)) b = a;
            below += a < floor || b < floor;
            double d = isnan(a) ? NAN : -(log(fmax(a, floor)) + log(fmax(b, floor))) / 2;
            delta[i * n + j] = delta[j * n + i] = d < 0 ? 0 : d;
        }
    }
    return below;
}

static enum err_code check_dim(int p, struct err *e)
{
    if (p >= 1 && p <= MDS_MAX_DIM) return ERR_OK;
    return ERR(e, ERR_SHAPE, "a layout has 1 to %d dimensions, not %d", MDS_MAX_DIM, p);
}

static double distance(int p, const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < p; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum);
}

static void centre(int64_t n, int p, double *x)
{
    for (int k = 0; k < p; k++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++) mean += x[i * p + k] / (double)n;
        for (int64_t i = 0; i < n; i++) x[i * p + k] -= mean;
    }
}

/* The largest entry of each column positive. */
static void orient(int64_t n, int p, double *x)
{
    for (int k = 0; k < p; k++) {
        double largest = 0;
        for (int64_t i = 0; i < n; i++)
            if (fabs(x[i * p + k]) > fabs(largest)) largest = x[i * p + k];
        for (int64_t i = 0; largest < 0 && i < n; i++) x[i * p + k] = -x[i * p + k];
    }
}

/* ---- classical ---- */

/* b[n, n] = -1/2 H delta^2 H, mean[n]. */
static void double_centre(int64_t n, const double *delta, double *b, double *mean)
{
    double all = 0;
    for (int64_t i = 0; i < n; i++) {
        b[i * n + i] = mean[i] = 0;
        for (int64_t j = i + 1; j < n; j++)
            b[i * n + j] = b[j * n + i] = delta[i * n + j] * delta[i * n + j];
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) mean[i] += b[i * n + j] / (double)n;
        all += mean[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            b[i * n + j] = -(b[i * n + j] - mean[i] - mean[j] + all) / 2;
}

/* The `top` largest eigenvalues of b[n, n], which is overwritten, ascending, and their
 * eigenvectors one after another. */
static enum err_code leading(int64_t n, int64_t top, double *b, double *value, double *vector,
                             struct arena *a, struct err *e)
{
    int rows = comm_int(n), first = comm_int(n - top + 1), found, size = -1, count = -1, info;
    double zero = 0, want;
    int want_count;
    int *support = arena_array(a, 2 * (size_t)n, sizeof *support);
    if (!support) return ERR(e, ERR_NOMEM, "no memory for eigenvectors");
    dsyevr_("V", "I", "L", &rows, b, &rows, &zero, &zero, &first, &rows, &zero, &found, value,
            vector, &rows, support, &want, &size, &want_count, &count, &info);
    size = (int)want;
    count = want_count;
    double *work = arena_array(a, (size_t)size, sizeof *work);
    int *places = arena_array(a, (size_t)count, sizeof *places);
    if (!work || !places) return ERR(e, ERR_NOMEM, "no memory for eigenvectors");
    dsyevr_("V", "I", "L", &rows, b, &rows, &zero, &zero, &first, &rows, &zero, &found, value,
            vector, &rows, support, work, &size, places, &count, &info);
    if (info == 0 && found == top) return ERR_OK;
    return ERR(e, ERR_ENV, "LAPACK finds no eigenvectors (dsyevr: %d)", info);
}

/* The share of negative eigenvalues of b[n, n], which is overwritten. */
static enum err_code negative_share(int64_t n, double *b, double *value, double *share,
                                    struct arena *a, struct err *e)
{
    double negative = 0, all = 0;
    double *scratch = arena_array(a, (size_t)eigen_scratch(n), sizeof *scratch);
    if (!scratch) return ERR(e, ERR_NOMEM, "no memory for eigenvalues");
    if (!eigen_symmetric(n, b, value, scratch))
        return ERR(e, ERR_ENV, "LAPACK finds no eigenvalues");
    for (int64_t i = 0; i < n; i++) {
        all += fabs(value[i]);
        negative += value[i] < 0 ? -value[i] : 0;
    }
    *share = all > 0 ? negative / all : 0;
    return ERR_OK;
}

static enum err_code classical(int64_t n, int p, const double *delta, double *x,
                               double *negative, struct arena *a, struct err *e)
{
    int64_t top = p < n ? p : n;
    double *b = arena_array(a, (size_t)n, (size_t)n * sizeof *b);
    double *value = arena_array(a, (size_t)n, sizeof *value);
    double *vector = arena_array(a, (size_t)n, (size_t)top * sizeof *vector);
    if (!b || !value || !vector) return ERR(e, ERR_NOMEM, "no memory for a layout");
    double_centre(n, delta, b, x);
    TRY(leading(n, top, b, value, vector, a, e));
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < p; k++) {
            int64_t from = top - 1 - k; /* they ascend */
            x[i * p + k] = from < 0 ? 0 : sqrt(fmax(value[from], 0)) * vector[from * n + i];
        }
    orient(n, p, x);
    if (!negative) return ERR_OK;
    double_centre(n, delta, b, vector);
    return negative_share(n, b, value, negative, a, e);
}

enum err_code mds_classical(int64_t n, int p, const double *delta, double *x, double *negative,
                            struct err *e)
{
    struct arena a = {0};
    TRY(check_dim(p, e));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            if (!isfinite(delta[i * n + j]))
                return ERR(e, ERR_SHAPE,
                           "classical scaling wants all dissimilarities: that of %lld and %lld "
                           "is missing or infinite",
                           (long long)i, (long long)j);
    if (negative) *negative = 0;
    if (n < 1) return ERR_OK;
    enum err_code rc = classical(n, p, delta, x, negative, &a, e);
    arena_clear(&a);
    return rc;
}

/* ---- least stress ---- */

double mds_stress(int64_t n, int p, const double *delta, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            double off = distance(p, x + i * p, x + j * p) - delta[i * n + j];
            if (!isnan(off)) sum += off * off;
        }
    return sum;
}

/* Row i of B(x) x is the sum over j of delta_ij / d_ij (x_i - x_j). */
double mds_step(int64_t n, int p, const double *delta, const double *x, double *out)
{
    double stress = 0;
    memset(out, 0, (size_t)(n * p) * sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            double d = distance(p, x + i * p, x + j * p), wanted = delta[i * n + j];
            double ratio = isnan(wanted) ? 1 : d > 0 ? wanted / d : 0;
            stress += isnan(wanted) ? 0 : (d - wanted) * (d - wanted);
            for (int k = 0; k < p; k++) {
                double pull = ratio * (x[i * p + k] - x[j * p + k]) / (double)n;
                out[i * p + k] += pull;
                out[j * p + k] -= pull;
            }
        }
    return stress;
}

/* What is asked of dissimilarities, and what starts need of them. */
struct given {
    bool complete;
    double squares; /* sum over pairs */
    int64_t pairs;
};

static void connect(int64_t n, const double *delta, int64_t *queue, bool *reached)
{
    int64_t end = n > 0;
    for (int64_t at = 0; at < end; at++) {
        int64_t i = queue[at];
        reached[i] = true;
        for (int64_t j = 0; j < n; j++) {
            double d = delta[i < j ? i * n + j : j * n + i];
            if (reached[j] || isnan(d)) continue;
            reached[j] = true;
            queue[end++] = j;
        }
    }
}

static enum err_code look(int64_t n, const double *delta, struct given *g, struct arena *a,
                          struct err *e)
{
    int64_t *queue = arena_array(a, (size_t)n + 1, sizeof *queue);
    bool *reached = arena_array(a, (size_t)n + 1, sizeof *reached);
    if (!queue || !reached) return ERR(e, ERR_NOMEM, "no memory for a layout");
    *g = (struct given){.complete = true};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            double d = delta[i * n + j];
            if (d < 0 || isinf(d))
                return ERR(e, ERR_SHAPE, "the dissimilarity of %lld and %lld is %g",
                           (long long)i, (long long)j, d);
            g->complete &= !isnan(d);
            g->squares += isnan(d) ? 0 : d * d;
            g->pairs += !isnan(d);
        }
    connect(n, delta, queue, reached);
    for (int64_t i = 0; i < n; i++)
        if (!reached[i])
            return ERR(e, ERR_SHAPE, "no dissimilarities connect points 0 and %lld",
                       (long long)i);
    return ERR_OK;
}

/* Points as far from each other, on average of squares, as they should be. */
static void random_start(int64_t n, int p, const struct given *g, uint64_t key, int64_t start,
                         double *x)
{
    struct rng draw = rng_stream(key, RNG_LAYOUT, (uint64_t)start);
    double size = sqrt(g->squares / (double)(g->pairs ? g->pairs : 1) / (2.0 * p));
    for (int64_t i = 0; i < n * p; i++) x[i] = size * rng_normal(&draw);
    centre(n, p, x);
}

/* Steps until the stress falls by less than one part in 10^7, or is nothing. next, after
 * [n, p]. */
static void descend(int64_t n, int p, const double *delta, double squares, double *x,
                    double *next, double *after, struct mds_fit *fit)
{
    fit->stress = mds_step(n, p, delta, x, next);
    for (; !fit->converged && fit->iterations < MDS_ITERATIONS; fit->iterations++) {
        double stress = mds_step(n, p, delta, next, after), fall = fit->stress - stress;
        double *swap = next;
        fit->converged = fall <= 1e-7 * fit->stress || stress <= 1e-28 * squares;
        if (fall > 0) { /* not so where rounding alone is left */
            memcpy(x, next, (size_t)(n * p) * sizeof *x);
            fit->stress = stress;
        }
        next = after;
        after = swap;
    }
}

/* Turned to the principal axes of x'x, largest first. next[n, p]. */
static enum err_code turn(int64_t n, int p, double *x, double *next, struct arena *a,
                          struct err *e)
{
    double square[MDS_MAX_DIM * MDS_MAX_DIM] = {0}, value[MDS_MAX_DIM],
                                vector[MDS_MAX_DIM * MDS_MAX_DIM];
    centre(n, p, x);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < p; k++)
            for (int l = 0; l < p; l++) square[k * p + l] += x[i * p + k] * x[i * p + l];
    TRY(leading(p, p, square, value, vector, a, e));
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < p; k++) {
            next[i * p + k] = 0;
            for (int l = 0; l < p; l++)
                next[i * p + k] += x[i * p + l] * vector[(p - 1 - k) * p + l];
        }
    memcpy(x, next, (size_t)(n * p) * sizeof *x);
    orient(n, p, x);
    return ERR_OK;
}

static enum err_code smacof(int64_t n, int p, const double *delta, int64_t n_starts,
                            uint64_t key, double *x, struct mds_fit *fit, struct arena *a,
                            struct err *e)
{
    struct given g = {0};
    size_t bytes = (size_t)(n * p) * sizeof(double);
    double *at = arena_alloc(a, bytes), *next = arena_alloc(a, bytes),
           *after = arena_alloc(a, bytes);
    if (!at || !next || !after) return ERR(e, ERR_NOMEM, "no memory for a layout");
    TRY(look(n, delta, &g, a, e));
    if (!g.complete && n_starts < 1)
        return ERR(e, ERR_SHAPE, "with missing dissimilarities a layout wants random starts");
    fit->stress = INFINITY;
    for (int64_t s = g.complete ? 0 : 1; s <= n_starts; s++) {
        struct mds_fit one = {.start = s};
        if (s == 0)
            TRY(mds_classical(n, p, delta, at, NULL, e));
        else
            random_start(n, p, &g, key, s, at);
        descend(n, p, delta, g.squares, at, next, after, &one);
        if (!(one.stress < fit->stress)) continue;
        *fit = one;
        memcpy(x, at, bytes);
    }
    fit->share = g.squares > 0 ? sqrt(fit->stress / g.squares) : 0;
    return turn(n, p, x, next, a, e);
}

enum err_code mds_smacof(int64_t n, int p, const double *delta, int64_t n_starts, uint64_t key,
                         double *x, struct mds_fit *fit, struct err *e)
{
    struct arena a = {0};
    *fit = (struct mds_fit){.converged = true};
    TRY(check_dim(p, e));
    if (n < 1) return ERR_OK;
    enum err_code rc = smacof(n, p, delta, n_starts, key, x, fit, &a, e);
    arena_clear(&a);
    return rc;
}

/* ---- Procrustes ---- */

/* Is the determinant of a[p, p] negative? By elimination with pivots; a is overwritten. */
static bool is_mirror(int p, double *a)
{
    bool negative = false;
    for (int k = 0; k < p; k++) {
        int best = k;
        for (int i = k + 1; i < p; i++)
            if (fabs(a[i * p + k]) > fabs(a[best * p + k])) best = i;
        for (int j = 0; best != k && j < p; j++) {
            double swap = a[k * p + j];
            a[k * p + j] = a[best * p + j];
            a[best * p + j] = swap;
        }
        negative ^= (best != k) ^ (a[k * p + k] < 0);
        for (int i = k + 1; i < p; i++)
            for (int j = p - 1; j >= k; j--)
                a[i * p + j] -= a[i * p + k] / a[k * p + k] * a[k * p + j];
    }
    return negative;
}

/* rotation = u diag(s) v', all row-major. */
static void multiply(int p, const double *u, const double *s, const double *vt, double *out)
{
    for (int i = 0; i < p; i++)
        for (int j = 0; j < p; j++) {
            out[i * p + j] = 0;
            for (int k = 0; k < p; k++) out[i * p + j] += u[i * p + k] * s[k] * vt[k * p + j];
        }
}

/* Means [p], variance (sum over columns) and whether all is finite and not one point. */
static bool moments(int64_t n, int p, const double *x, double *mean, double *variance)
{
    double size = 0;
    *variance = 0;
    for (int k = 0; k < p; k++) {
        mean[k] = 0;
        for (int64_t i = 0; i < n; i++) mean[k] += x[i * p + k] / (double)n;
        for (int64_t i = 0; i < n; i++) {
            double off = x[i * p + k] - mean[k];
            *variance += off * off / (double)n;
            size += x[i * p + k] * x[i * p + k] / (double)n;
        }
    }
    return isfinite(*variance) && *variance > 1e-28 * size; /* but for rounding */
}

enum err_code mds_procrustes(int64_t n, int p, const double *x, const double *y, bool reflect,
                             struct mds_similarity *out, struct err *e)
{
    enum { SQUARE = MDS_MAX_DIM * MDS_MAX_DIM, WORK = 8 * MDS_MAX_DIM };
    double mx[MDS_MAX_DIM], my[MDS_MAX_DIM], vx, vy, sigma[SQUARE] = {0}, u[SQUARE], vt[SQUARE];
    double d[MDS_MAX_DIM], s[MDS_MAX_DIM], copy[SQUARE], work[WORK], trace = 0;
    int size = WORK, info;
    TRY(check_dim(p, e));
    if (!moments(n, p, x, mx, &vx) || !moments(n, p, y, my, &vy))
        return ERR(e, ERR_SHAPE, "a layout that is compared has one point only, or no numbers");
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < p; k++)
            for (int l = 0; l < p; l++)
                sigma[k * p + l] += (y[i * p + k] - my[k]) * (x[i * p + l] - mx[l]) / (double)n;
    /* by columns it is sigma' = V D U': its left vectors by columns are V' by rows */
    dgesvd_("A", "A", &p, &p, sigma, &p, d, vt, &p, u, &p, work, &size, &info);
    if (info != 0) return ERR(e, ERR_ENV, "LAPACK finds no singular values (dgesvd: %d)", info);
    for (int k = 0; k < p; k++) s[k] = 1;
    multiply(p, u, s, vt, copy);
    if (!reflect && is_mirror(p, copy)) s[p - 1] = -1;
    multiply(p, u, s, vt, out->rotation);
    for (int k = 0; k < p; k++) trace += d[k] * s[k];
    out->scale = trace / vx;
    out->residual = fmax(1 - trace * trace / (vx * vy), 0);
    for (int k = 0; k < p; k++) {
        out->shift[k] = my[k];
        for (int l = 0; l < p; l++)
            out->shift[k] -= out->scale * out->rotation[k * p + l] * mx[l];
    }
    return ERR_OK;
}

void mds_apply(const struct mds_similarity *s, int64_t n, int p, double *x)
{
    for (int64_t i = 0; i < n; i++) {
        double from[MDS_MAX_DIM];
        memcpy(from, x + i * p, (size_t)p * sizeof *from);
        for (int k = 0; k < p; k++) {
            x[i * p + k] = s->shift[k];
            for (int l = 0; l < p; l++)
                x[i * p + k] += s->scale * s->rotation[k * p + l] * from[l];
        }
    }
}
