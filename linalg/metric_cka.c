/* metric_cka.c - centred kernel alignment of all pairs as one tall symmetric product.
 *
 * HSIC is an inner product of centred Gram matrices, so with those matrices as columns of a
 * tall A all pairs are A'A. The n^2 rows of A are made tile by tile: every rank computes one
 * tile of the Gram matrix of each of its own representations by dgemm, and the product is added
 * over ranks by ScaLAPACK. Gram matrices are symmetric: tiles below the diagonal are not made,
 * those above count twice. Never more than METRIC_BLOCK_BYTES of tiles exist, whatever n and
 * the number of models.
 *
 * Features are centred once, which centres the Gram matrix (biased) or costs it nothing but
 * rounding (unbiased: U-centring ignores what is added per row and per column). */
#include <math.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/distributed.h"
#include "linalg/features.h"
#include "linalg/metric.h"

enum { TILE_MAX = 256 }; /* larger tiles waste more below the diagonal than dgemm gains */

struct cka {
    struct features f;
    bool unbiased;
    int64_t side;  /* of a tile */
    double *tile;  /* [count, side, side] */
    double *shift; /* [count, n]; unbiased: added to row and column of the Gram matrix */
    double *trace; /* [count] of the Gram matrix */
};

/* U-centring as something to add: K_ij + shift_i + shift_j off the diagonal, 0 on it.
 * source   Szekely and Rizzo 2014; Song et al. 2012, eq. 5 */
static void u_centre(const double *x, int64_t n, int64_t d, double *sum, double *shift)
{
    for (int64_t j = 0; j < d; j++) sum[j] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) sum[j] += x[i * d + j];
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *row = x + i * d;
        shift[i] = features_dot(row, sum, d) - features_dot(row, row, d);
        total += shift[i];
    }
    double m = (double)n;
    for (int64_t i = 0; i < n; i++)
        shift[i] = total / (2 * (m - 1) * (m - 2)) - shift[i] / (m - 2);
}

/* tile[rows, columns] of the centred Gram matrix of own representation r. */
static void make_tile(const struct cka *c, int64_t r, int64_t i0, int64_t rows, int64_t j0,
                      int64_t columns, double *tile)
{
    int d = comm_int(c->f.d[r]), m = comm_int(columns), k = comm_int(rows);
    const double *x = c->f.x[r], one = 1, zero = 0;
    dgemm_("T", "N", &m, &k, &d, &one, x + j0 * d, &d, x + i0 * d, &d, &zero, tile, &m);
    if (!c->unbiased) return;
    const double *shift = c->shift + r * c->f.n;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            tile[i * columns + j] += shift[i0 + i] + shift[j0 + j];
    if (i0 == j0)
        for (int64_t i = 0; i < rows; i++) tile[i * columns + i] = 0;
}

static void add_all_tiles(const struct cka *c, struct distributed_sum *sum)
{
    int64_t n = c->f.n;
    for (int64_t i0 = 0; i0 < n; i0 += c->side)
        for (int64_t j0 = i0; j0 < n; j0 += c->side) {
            int64_t rows = n - i0 < c->side ? n - i0 : c->side;
            int64_t columns = n - j0 < c->side ? n - j0 : c->side;
            for (int64_t r = 0; r < c->f.count; r++)
                make_tile(c, r, i0, rows, j0, columns, c->tile + r * rows * columns);
            distributed_sum_add(sum, i0 == j0 ? 1 : 2, c->tile, rows * columns);
        }
}

static enum err_code allocate(struct cka *c, int64_t block, struct err *e)
{
    int64_t n = c->f.n;
    c->side = (int64_t)sqrt(METRIC_BLOCK_BYTES / (8.0 * (double)block));
    if (c->side < 1) c->side = 1;
    if (c->side > TILE_MAX) c->side = TILE_MAX;
    if (c->side > n) c->side = n;
    struct arena *a = &c->f.arena;
    c->tile = arena_array(a, (size_t)c->f.count, (size_t)(c->side * c->side) * sizeof(double));
    c->trace = arena_array(a, (size_t)c->f.count, sizeof(double));
    c->shift = arena_array(a, (size_t)c->f.count, (size_t)n * sizeof(double));
    int64_t widest = 0;
    for (int64_t r = 0; r < c->f.count; r++) widest = fmax(widest, c->f.d[r]);
    double *sum = arena_array(a, (size_t)widest, sizeof(double));
    if (!c->tile || !c->trace || !c->shift || !sum)
        return ERR(e, ERR_NOMEM, "no memory for Gram tiles of %lld representations",
                   (long long)c->f.count);
    for (int64_t r = 0; r < c->f.count; r++) {
        const double *x = c->f.x[r];
        c->trace[r] = features_dot(x, x, n * c->f.d[r]);
        if (c->unbiased) u_centre(x, n, c->f.d[r], sum, c->shift + r * n);
    }
    return ERR_OK;
}

/* From sums of products to scores. What is below rounding of the Gram matrix, 1e-13 of its
 * trace, is a representation without structure (constant rows, or for the unbiased measure a
 * single outlier): like nothing, not even itself. trace[R] is overwritten. */
static void finish(double *pair, double *trace, int64_t n_representations, double scale,
                   double epsilon)
{
    int64_t R = n_representations;
    double *root = trace;
    for (int64_t a = 0; a < R; a++) {
        double self = pair[a * R + a];
        root[a] = self > 1e-26 * trace[a] * trace[a] ? sqrt(self * scale) : NAN;
    }
    for (int64_t a = 0; a < R; a++)
        for (int64_t b = 0; b < R; b++)
            pair[a * R + b] = pair[a * R + b] * scale / (root[a] * root[b] + epsilon);
}

static enum err_code all_pairs(MPI_Comm comm, const struct alignment_set *set,
                               const struct alignment_options *o, bool unbiased, double *pair,
                               struct err *e)
{
    int size;
    MPI_Comm_size(comm, &size);
    int64_t n = set->n, n_representations = set->n_models * set->n_layers;
    struct cka c = {.unbiased = unbiased};
    TRY(features_create(comm, set, o, true, &c.f, e));
    struct distributed_sum *sum = NULL;
    enum err_code rc = allocate(&c, distributed_block(n_representations, size), e);
    double *trace = arena_array(&c.f.arena, (size_t)n_representations, sizeof *trace);
    if (!trace) rc = ERR(e, ERR_NOMEM, "no memory for traces");
    rc = comm_agree(comm, rc, e);
    if (rc != ERR_OK) goto out;
    rc = distributed_sum_create(comm, n_representations, &sum, e);
    if (rc != ERR_OK) goto out;
    add_all_tiles(&c, sum);
    distributed_sum_gather(sum, pair);
    distributed_gather(comm, c.trace, n_representations, 1, trace);
    double scale = unbiased ? 1 / ((double)n * (double)(n - 3)) : 1;
    if (pair) finish(pair, trace, n_representations, scale, o->epsilon);
out:
    distributed_sum_destroy(sum);
    features_clear(&c.f);
    return rc;
}

enum err_code metric_cka(MPI_Comm comm, const struct alignment_set *set,
                         const struct alignment_options *o, double *pair, struct err *e)
{
    return all_pairs(comm, set, o, false, pair, e);
}

enum err_code metric_cka_unbiased(MPI_Comm comm, const struct alignment_set *set,
                                  const struct alignment_options *o, double *pair,
                                  struct err *e)
{
    if (set->n < 4)
        return ERR(e, ERR_SHAPE,
                   "cka_unbiased of %lld probes: its normaliser n (n - 3) wants 4",
                   (long long)set->n);
    return all_pairs(comm, set, o, true, pair, e);
}
