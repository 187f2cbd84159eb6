/* data_fitted.c - see data_fitted.h.
 *
 * Samples are computed in float with loops of fixed order, pixels side by side, in the double
 * build too. A sample's stream gives the class first; normals continue at whole tiles. */
#include "worker/data_fitted.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "base/kernel.h"
#include "base/rng.h"
#include "linalg/blas.h"

enum {
    TILE = 64,         /* pixels computed together; normals drawn together */
    MOST_DIM = 4096,   /* of a sample: its covariance is one matrix */
    MOST_PARTS = 1024, /* components */
    ROWS = 256,        /* samples that enter a covariance together */
};

struct fitted {
    uint64_t root;
    int64_t dim, classes, parts, samples;
    int64_t tiles;  /* of a sample; pixels behind its end are 0 */
    int64_t *until; /* [classes] training samples of this class and those before */
    float *sigma;   /* [classes] */
    float *mean;    /* [classes][tiles][TILE] */
    float *part;    /* W: [classes][tiles][parts][TILE] */
};

/* The training split that is fitted, and room to do it. */
struct fit {
    struct data base;
    int32_t *label;    /* [pool] */
    int64_t *of_class; /* [pool] samples by class */
    real *x;           /* [ROWS, dim] */
    double *rows, *mean, *covariance, *value, *vector;
};

static struct config base_of(const struct config *c)
{
    struct config base = *c;
    base.data.name = c->data.base;
    return base;
}

static int64_t parts_of(const struct config *c, int64_t dim)
{
    return c->data.components < dim ? c->data.components : dim - 1;
}

enum err_code data_fitted_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    struct config base = base_of(c);
    const struct row *row = table_row(&streams, c->data.base);
    if (c->data.base == c->data.name)
        return ERR(e, ERR_CONFIG, "data.base: a fitted stream has no samples to fit");
    TRY(data_shape(&base, out, e));
    if (out->pool[SPLIT_TRAIN] == INT64_MAX)
        return ERR(e, ERR_CONFIG, "data.base: %s is endless already", row->name);
    if (out->dim > MOST_DIM)
        return ERR(e, ERR_CONFIG, "data.base: samples of %s have %lld numbers; at most %d",
                   row->name, (long long)out->dim, MOST_DIM);
    out->pool[SPLIT_TRAIN] = out->pool[SPLIT_TEST] = INT64_MAX;
    out->bytes = (double)(out->classes * (parts_of(c, out->dim) + 1)) *
                 (double)(out->dim + TILE) * sizeof(float);
    return ERR_OK;
}

static void fit_clear(struct fit *f)
{
    data_close(&f->base);
    free(f->label);
    free(f->of_class);
    free(f->x);
    free(f->rows);
    free(f->mean);
    free(f->covariance);
    free(f->value);
    free(f->vector);
}

static enum err_code fit_allocate(struct fit *f, const struct fitted *g, struct err *e)
{
    size_t dim = (size_t)g->dim, pool = (size_t)g->samples;
    f->label = malloc(pool * sizeof *f->label);
    f->of_class = malloc(pool * sizeof *f->of_class);
    f->x = malloc(ROWS * dim * sizeof *f->x);
    f->rows = malloc(ROWS * dim * sizeof *f->rows);
    f->mean = malloc(dim * sizeof *f->mean);
    f->covariance = malloc(dim * dim * sizeof *f->covariance);
    f->value = malloc(dim * sizeof *f->value);
    f->vector = malloc((size_t)(g->parts + 1) * dim * sizeof *f->vector);
    if (f->label && f->of_class && f->x && f->rows && f->mean && f->covariance && f->value &&
        f->vector)
        return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory to fit samples of %lld numbers", (long long)g->dim);
}

static int64_t fetch_rows(struct fit *f, const int64_t *index, int64_t n)
{
    int64_t count = n < ROWS ? n : ROWS;
    f->base.stream->fetch(&f->base, SPLIT_TRAIN, index, count, f->x, NULL);
    return count;
}

/* Sorts the samples by class: those of class k end at until[k]. */
static void sort_classes(struct fit *f, struct fitted *g)
{
    int64_t index[ROWS];
    for (int64_t i = 0; i < g->samples; i += ROWS) {
        int64_t n = g->samples - i < ROWS ? g->samples - i : ROWS;
        for (int64_t j = 0; j < n; j++) index[j] = i + j;
        f->base.stream->fetch(&f->base, SPLIT_TRAIN, index, n, f->x, f->label + i);
    }
    for (int64_t i = 0; i < g->samples; i++) g->until[f->label[i]]++;
    for (int64_t k = 1; k < g->classes; k++) g->until[k] += g->until[k - 1];
    for (int64_t i = g->samples; i-- > 0;) f->of_class[--g->until[f->label[i]]] = i;
    for (int64_t k = 0; k < g->classes; k++) /* from where a class starts to its end */
        g->until[k] = k + 1 < g->classes ? g->until[k + 1] : g->samples;
}

/* Mean and covariance (its lower triangle by columns) of n samples. */
static void moments(struct fit *f, const int64_t *index, int64_t n, int64_t dim)
{
    const double one = 1;
    const int order = comm_int(dim);
    memset(f->mean, 0, (size_t)dim * sizeof *f->mean);
    memset(f->covariance, 0, (size_t)(dim * dim) * sizeof *f->covariance);
    for (int64_t i = 0, count; i < n; i += count) {
        count = fetch_rows(f, index + i, n - i);
        for (int64_t r = 0; r < count; r++)
            for (int64_t d = 0; d < dim; d++) f->mean[d] += (double)f->x[r * dim + d];
    }
    for (int64_t d = 0; d < dim; d++) f->mean[d] /= (double)n;
    for (int64_t i = 0, count; i < n; i += count) {
        count = fetch_rows(f, index + i, n - i);
        for (int64_t r = 0; r < count; r++)
            for (int64_t d = 0; d < dim; d++)
                f->rows[r * dim + d] = (double)f->x[r * dim + d] - f->mean[d];
        const double scale = 1 / (double)n;
        const int rows = comm_int(count);
        dsyrk_("L", "N", &order, &rows, &scale, f->rows, &order, &one, f->covariance, &order);
    }
}

/* The largest eigenvalues of the covariance, ascending, and their vectors. */
static enum err_code decompose(struct fit *f, int64_t dim, int64_t parts, struct err *e)
{
    const int n = comm_int(dim), first = comm_int(dim - parts + 1), ask = -1;
    const double zero = 0;
    int found, info, integers, *integer = NULL, *support = malloc(2 * (size_t)n * sizeof(int));
    double numbers, *number = NULL;
    enum err_code rc = ERR_OK;
    if (parts == 0) goto out;
    dsyevr_("V", "I", "L", &n, f->covariance, &n, &zero, &zero, &first, &n, &zero, &found,
            f->value, f->vector, &n, support, &numbers, &ask, &integers, &ask, &info);
    const int n_numbers = (int)numbers;
    number = malloc((size_t)n_numbers * sizeof *number);
    integer = malloc((size_t)integers * sizeof *integer);
    if (!support || !number || !integer) {
        rc = ERR(e, ERR_NOMEM, "no memory for eigenvalues of %d", n);
        goto out;
    }
    dsyevr_("V", "I", "L", &n, f->covariance, &n, &zero, &zero, &first, &n, &zero, &found,
            f->value, f->vector, &n, support, number, &n_numbers, integer, &integers, &info);
    if (info != 0 || found != parts)
        rc = ERR(e, ERR_ENV, "LAPACK finds no eigenvalues of a covariance (dsyevr: %d)", info);
out:
    free(support);
    free(number);
    free(integer);
    return rc;
}

static float *pixel_of_part(const struct fitted *g, int64_t k, int64_t part, int64_t d)
{
    return g->part + ((k * g->tiles + d / TILE) * g->parts + part) * TILE + d % TILE;
}

/* The sign of an eigenvector is LAPACK's whim: its largest entry is made positive. */
static double sign_of(const double *vector, int64_t dim)
{
    double most = 0;
    for (int64_t d = 0; d < dim; d++)
        if (fabs(vector[d]) > fabs(most)) most = vector[d];
    return most < 0 ? -1 : 1;
}

static enum err_code fit_class(struct fit *f, struct fitted *g, int64_t k, struct err *e)
{
    int64_t first = k ? g->until[k - 1] : 0, n = g->until[k] - first, dim = g->dim;
    if (n == 0) return ERR_OK;
    moments(f, f->of_class + first, n, dim);
    double rest = 0;
    for (int64_t d = 0; d < dim; d++) rest += f->covariance[d * dim + d];
    TRY(decompose(f, dim, g->parts, e));
    for (int64_t p = 0; p < g->parts; p++) rest -= f->value[p];
    double variance = rest > 0 ? rest / (double)(dim - g->parts) : 0;
    g->sigma[k] = (float)sqrt(variance);
    for (int64_t d = 0; d < dim; d++)
        g->mean[(k * g->tiles + d / TILE) * TILE + d % TILE] = (float)f->mean[d];
    for (int64_t p = 0; p < g->parts; p++) {
        const double *vector = f->vector + p * dim;
        double more = f->value[p] - variance;
        double scale = more > 0 ? sign_of(vector, dim) * sqrt(more) : 0;
        for (int64_t d = 0; d < dim; d++)
            *pixel_of_part(g, k, p, d) = (float)(scale * vector[d]);
    }
    return ERR_OK;
}

static enum err_code fit_all(const struct config *c, struct fitted *g, struct err *e)
{
    struct config base = base_of(c);
    struct fit f = {0};
    TRY(data_open(&base, g->root, &f.base, e));
    g->samples = f.base.shape.pool[SPLIT_TRAIN];
    enum err_code rc = fit_allocate(&f, g, e);
    if (rc == ERR_OK) sort_classes(&f, g);
    for (int64_t k = 0; rc == ERR_OK && k < g->classes; k++) rc = fit_class(&f, g, k, e);
    fit_clear(&f);
    return rc;
}

enum err_code data_fitted_open(const struct config *c, uint64_t root, struct data *data,
                               struct err *e)
{
    const struct data_shape *shape = &data->shape;
    struct fitted *g = calloc(1, sizeof *g);
    if (!g) return ERR(e, ERR_NOMEM, "opening a fitted world");
    data->inner = g;
    *g = (struct fitted){.root = root,
                         .dim = shape->dim,
                         .classes = shape->classes,
                         .parts = parts_of(c, shape->dim),
                         .tiles = (shape->dim + TILE - 1) / TILE};
    size_t classes = (size_t)g->classes, pixels = classes * (size_t)(g->tiles * TILE);
    g->until = calloc(classes, sizeof *g->until);
    g->sigma = calloc(classes, sizeof *g->sigma);
    g->mean = calloc(pixels, sizeof *g->mean);
    g->part = calloc(pixels * (size_t)(g->parts + 1), sizeof *g->part);
    enum err_code rc = ERR_OK;
    if (g->parts > MOST_PARTS)
        rc = ERR(e, ERR_CONFIG, "data.components: at most %d", MOST_PARTS);
    else if (!g->until || !g->sigma || !g->mean || !g->part)
        rc = ERR(e, ERR_NOMEM, "%.0f bytes for a fitted world", shape->bytes);
    if (rc == ERR_OK) rc = fit_all(c, g, e);
    if (rc != ERR_OK) data_fitted_close(data);
    return rc;
}

void data_fitted_close(struct data *data)
{
    struct fitted *g = data->inner;
    free(g->until);
    free(g->sigma);
    free(g->mean);
    free(g->part);
    free(g);
    data->inner = NULL;
}

/* pixel[u] = mean[u] + sum over parts of part[p][u] z[p] + sigma e[u], clipped. */
KERNEL static void make_tile(int64_t parts, const float *mean, const float *part,
                             const float *z, float sigma, const float *e, float *pixel)
{
    float sum[TILE];
    for (int u = 0; u < TILE; u++) sum[u] = mean[u] + sigma * e[u];
    for (int64_t p = 0; p < parts; p++)
        for (int u = 0; u < TILE; u++) sum[u] += part[p * TILE + u] * z[p];
    for (int u = 0; u < TILE; u++) {
        float low = sum[u] < -1 ? -1 : sum[u];
        pixel[u] = low > 1 ? 1 : low;
    }
}

static int32_t make_sample(const struct fitted *g, struct rng *r, real *x)
{
    float z[MOST_PARTS + TILE], e[TILE], pixel[TILE];
    int64_t member = (int64_t)rng_below(r, (uint64_t)g->samples), k = 0;
    while (member >= g->until[k]) k++;
    for (int64_t p = 0; p < g->parts; p += TILE) rng_normals(r, TILE, z + p);
    for (int64_t t = 0; t < g->tiles; t++) {
        int64_t tile = k * g->tiles + t, here = g->dim - t * TILE;
        rng_normals(r, TILE, e);
        make_tile(g->parts, g->mean + tile * TILE, g->part + tile * g->parts * TILE, z,
                  g->sigma[k], e, pixel);
        for (int64_t u = 0; u < here && u < TILE; u++) x[t * TILE + u] = pixel[u];
    }
    return (int32_t)k;
}

void data_fitted_fetch(const struct data *data, enum split split, const int64_t *index,
                       int64_t n, real *x, int32_t *label)
{
    const struct fitted *g = data->inner;
    enum rng_purpose purpose = split == SPLIT_TRAIN ? RNG_TRAIN : RNG_TEST;
    for (int64_t i = 0; i < n; i++) {
        struct rng r = rng_stream(g->root, purpose, (uint64_t)index[i]);
        int32_t k = make_sample(g, &r, x + i * g->dim);
        if (label) label[i] = k;
    }
}
