/* data_feature_model.c - see data_feature_model.h.
 *
 * Streams of the root seed: RNG_WORLD 0 is T, RNG_WORLD d the signs of domain d. Numbers are made
 * in double, in the order of features, in either build. */
#include "worker/data_feature_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/kernel.h"
#include "base/rng.h"

struct feature_model {
    uint64_t root;
    int64_t core, background, dim, domains;
    int labels; /* label_sets */
    double core_strength, background_strength;
    double *dictionary; /* T */
    signed char *sign;  /* [domains, background] */
};

static double dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Rows of normals, made orthonormal one after the other; twice, so that they are to rounding. */
static void draw_dictionary(struct feature_model *m)
{
    struct rng r = rng_stream(m->root, RNG_WORLD, 0);
    for (int64_t i = 0; i < m->core + m->background; i++) {
        double *row = m->dictionary + i * m->dim;
        for (int64_t j = 0; j < m->dim; j++) row[j] = rng_normal(&r);
        for (int twice = 0; twice < 2; twice++) {
            for (int64_t k = 0; k < i; k++) {
                const double *before = m->dictionary + k * m->dim;
                double along = dot(m->dim, row, before);
                for (int64_t j = 0; j < m->dim; j++) row[j] -= along * before[j];
            }
            double length = sqrt(dot(m->dim, row, row));
            for (int64_t j = 0; j < m->dim; j++) row[j] /= length;
        }
    }
}

static void draw_domains(struct feature_model *m)
{
    for (int64_t d = 0; d < m->domains; d++) {
        struct rng r = rng_stream(m->root, RNG_WORLD, (uint64_t)d);
        for (int64_t j = 0; j < m->background; j++)
            m->sign[d * m->background + j] = d > 0 && rng_below(&r, 2) ? -1 : 1;
    }
}

enum err_code data_feature_model_shape(const struct config *c, struct data_shape *out,
                                       struct err *e)
{
    int64_t features = c->data.core_dim + c->data.background_dim;
    if (features > c->data.input_dim)
        return ERR(e, ERR_CONFIG,
                   "data.input_dim: %lld orthogonal features do not fit into %lld dimensions",
                   (long long)features, (long long)c->data.input_dim);
    if (c->data.n % 2)
        return ERR(e, ERR_CONFIG, "data.n: must be even: one half is of each class");
    if (c->data.labels != LABELS_LINEAR && c->data.labels != LABELS_SPHERE)
        return ERR(e, ERR_CONFIG, "data.labels: of a feature_model are linear or sphere");
    *out = (struct data_shape){.n_dims = 1,
                               .size = {c->data.input_dim},
                               .dim = c->data.input_dim,
                               .classes = 2,
                               .pool = {c->data.n ? c->data.n : INT64_MAX, INT64_MAX}};
    out->bytes = (double)(features * out->dim) * sizeof(double) +
                 (double)(c->data.domains * c->data.background_dim);
    return ERR_OK;
}

enum err_code data_feature_model_open(const struct config *c, uint64_t root, struct data *data,
                                      struct err *e)
{
    struct feature_model *m = calloc(1, sizeof *m);
    if (!m) return ERR(e, ERR_NOMEM, "opening a feature model");
    data->inner = m;
    *m = (struct feature_model){.root = root,
                                .core = c->data.core_dim,
                                .background = c->data.background_dim,
                                .dim = c->data.input_dim,
                                .domains = c->data.domains,
                                .labels = c->data.labels,
                                .core_strength = c->data.core_strength,
                                .background_strength = c->data.background_strength};
    size_t features = (size_t)(m->core + m->background);
    m->dictionary = calloc(features * (size_t)m->dim, sizeof *m->dictionary);
    m->sign = calloc((size_t)(m->domains * m->background + 1), 1);
    if (!m->dictionary || !m->sign) {
        data_feature_model_close(data);
        return ERR(e, ERR_NOMEM, "%.0f bytes for a feature model", data->shape.bytes);
    }
    draw_dictionary(m);
    draw_domains(m);
    return ERR_OK;
}

void data_feature_model_close(struct data *data)
{
    struct feature_model *m = data->inner;
    free(m->dictionary);
    free(m->sign);
    free(m);
    data->inner = NULL;
}

const double *data_feature_model_dictionary(const struct data *data)
{
    if (data->stream->fetch != data_feature_model_fetch) return NULL;
    return ((const struct feature_model *)data->inner)->dictionary;
}

KERNEL static void add_row(int64_t n, double factor, const double *row, double *sum)
{
    for (int64_t j = 0; j < n; j++) sum[j] += factor * row[j];
}

/* Adds factor c T_core. */
static void add_core(const struct feature_model *m, enum split split, int64_t index,
                     bool positive, double *x)
{
    struct rng r =
        rng_stream(m->root, split == SPLIT_TRAIN ? RNG_TRAIN : RNG_TEST, (uint64_t)index);
    double factor = m->core_strength, squares = 0;
    if (m->labels == LABELS_SPHERE) {
        struct rng ahead = r; /* the same normals twice: to know their length first */
        for (int64_t j = 0; j < m->core; j++) {
            double z = rng_normal(&ahead);
            squares += z * z;
        }
        factor *= (positive ? 1 : 2) / sqrt(squares);
    } else if (!positive)
        factor = -factor;
    for (int64_t j = 0; j < m->core; j++) {
        double z = m->labels == LABELS_SPHERE ? rng_normal(&r) : rng_uniform(&r);
        add_row(m->dim, factor * z, m->dictionary + j * m->dim, x);
    }
}

/* Adds scale background_strength s T_background. */
static void add_background(const struct feature_model *m, enum split split, int64_t index,
                           double scale, double *x)
{
    uint64_t drawn = 4 * (uint64_t)index + (split == SPLIT_TEST ? 2 : 0) + (scale != 1);
    struct rng r = rng_stream(m->root, RNG_BACKGROUND, drawn);
    const signed char *sign = m->sign;
    if (scale == 1) sign += index / 2 % m->domains * m->background;
    const double *row = m->dictionary + m->core * m->dim;
    for (int64_t j = 0; j < m->background; j++, row += m->dim)
        add_row(m->dim, scale * m->background_strength * sign[j] * rng_uniform(&r), row, x);
}

void data_feature_model_fetch(const struct data *data, enum split split, const int64_t *index,
                              int64_t n, real *x, int32_t *label)
{
    const struct feature_model *m = data->inner;
    double sum[8192]; /* the most that data.input_dim may be */
    for (int64_t i = 0; i < n; i++, x += m->dim) {
        bool positive = index[i] % 2 == 0;
        memset(sum, 0, (size_t)m->dim * sizeof *sum);
        add_core(m, split, index[i], positive, sum);
        add_background(m, split, index[i], data->background_scale, sum);
        for (int64_t j = 0; j < m->dim; j++) x[j] = (real)sum[j];
        if (label) label[i] = positive;
    }
}
