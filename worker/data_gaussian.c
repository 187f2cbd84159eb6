/* data_gaussian.c - see data_gaussian.h.
 *
 * The teacher is computed in float with loops of fixed order, never by BLAS: a label is a
 * function of (root seed, index) alone, in the double build too. Loops run over hidden units or
 * classes side by side, and sums over one of them stay in order, so that vector code gives the
 * bits of scalar code.
 *
 * Streams of the root seed: RNG_WORLD 0 and 1 are W and V, from 2 on the inputs behind m. */
#include "worker/data_gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/kernel.h"
#include "base/rng.h"

enum {
    SAMPLES = 4,   /* labelled together, so that each weight is loaded once for all */
    UNITS = 16,    /* hidden units computed together */
    CLASSES = 256, /* classes scored together */
    PIECE = 64,    /* normals drawn together: rng_normals continues at multiples of it */
    CALIBRATION = 1024,
    CALIBRATION_STREAM = 2,
};

struct gaussian {
    uint64_t root;
    int64_t dim, classes;
    int64_t width; /* hidden units, rounded up to UNITS; the rest has zero weights */
    float *hidden; /* W: [width / UNITS][dim][UNITS] */
    float *output; /* V: [width][classes] */
    float *mean;   /* m: [classes] */
};

/* score[s][k] = sum over hidden units of V relu(W x_s), for n classes from first. */
KERNEL static void teacher_scores(const struct gaussian *g, const real *const x[SAMPLES],
                                  int64_t first, int64_t n, float score[SAMPLES][CLASSES])
{
    memset(score, 0, SAMPLES * sizeof *score);
    for (int64_t j = 0; j < g->width; j += UNITS) {
        const float *w = g->hidden + j * g->dim;
        float unit[SAMPLES][UNITS] = {0};
        for (int64_t i = 0; i < g->dim; i++, w += UNITS)
            for (int s = 0; s < SAMPLES; s++)
                for (int u = 0; u < UNITS; u++) unit[s][u] += (float)x[s][i] * w[u];
        for (int u = 0; u < UNITS; u++) {
            const float *v = g->output + (j + u) * g->classes + first;
            for (int s = 0; s < SAMPLES; s++) {
                float on = unit[s][u] > 0 ? unit[s][u] : 0;
                for (int64_t k = 0; k < n; k++) score[s][k] += on * v[k];
            }
        }
    }
}

/* Labels of up to SAMPLES rows of x. */
static void teacher_labels(const struct gaussian *g, const real *x, int64_t n, int32_t *label)
{
    const real *row[SAMPLES];
    float score[SAMPLES][CLASSES], best[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) row[s] = x + (s < n ? s : 0) * g->dim;
    for (int64_t first = 0; first < g->classes; first += CLASSES) {
        int64_t here = g->classes - first < CLASSES ? g->classes - first : CLASSES;
        teacher_scores(g, row, first, here, score);
        for (int64_t s = 0; s < n; s++)
            for (int64_t k = 0; k < here; k++) {
                float centred = score[s][k] - g->mean[first + k];
                if (first + k > 0 && centred <= best[s]) continue;
                best[s] = centred;
                label[s] = (int32_t)(first + k);
            }
    }
}

static void draw_input(uint64_t seed, enum rng_purpose purpose, uint64_t index, int64_t n,
                       real *x)
{
    struct rng r = rng_stream(seed, purpose, index);
    float piece[PIECE];
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t here = n - i < PIECE ? n - i : PIECE;
        rng_normals(&r, here, piece);
        for (int64_t j = 0; j < here; j++) x[i + j] = piece[j];
    }
}

/* W input by input, then V class by class. */
static enum err_code draw_weights(struct gaussian *g, int64_t units, struct err *e)
{
    float *drawn = malloc((size_t)units * sizeof *drawn);
    if (!drawn) return ERR(e, ERR_NOMEM, "weights of %lld teacher units", (long long)units);
    struct rng r = rng_stream(g->root, RNG_WORLD, 0);
    float scale = 1 / sqrtf((float)g->dim);
    for (int64_t i = 0; i < g->dim; i++) {
        rng_normals(&r, units, drawn);
        for (int64_t u = 0; u < units; u++)
            g->hidden[(u / UNITS * g->dim + i) * UNITS + u % UNITS] = drawn[u] * scale;
    }
    r = rng_stream(g->root, RNG_WORLD, 1);
    scale = 1 / sqrtf((float)units);
    for (int64_t k = 0; k < g->classes; k++) {
        rng_normals(&r, units, drawn);
        for (int64_t u = 0; u < units; u++) g->output[u * g->classes + k] = drawn[u] * scale;
    }
    free(drawn);
    return ERR_OK;
}

/* m, summed in double: its order is fixed as well. */
static enum err_code calibrate(struct gaussian *g, struct err *e)
{
    real *x = malloc((size_t)(SAMPLES * g->dim) * sizeof *x);
    double *sum = calloc((size_t)g->classes, sizeof *sum);
    enum err_code rc = ERR_OK;
    if (!x || !sum) {
        rc = ERR(e, ERR_NOMEM, "calibrating a teacher");
        goto out;
    }
    const real *row[SAMPLES];
    float score[SAMPLES][CLASSES];
    for (int s = 0; s < SAMPLES; s++) row[s] = x + s * g->dim;
    for (uint64_t i = 0; i < CALIBRATION; i += SAMPLES) {
        for (int s = 0; s < SAMPLES; s++)
            draw_input(g->root, RNG_WORLD, CALIBRATION_STREAM + i + (uint64_t)s, g->dim,
                       x + s * g->dim);
        for (int64_t first = 0; first < g->classes; first += CLASSES) {
            int64_t here = g->classes - first < CLASSES ? g->classes - first : CLASSES;
            teacher_scores(g, row, first, here, score);
            for (int s = 0; s < SAMPLES; s++)
                for (int64_t k = 0; k < here; k++) sum[first + k] += (double)score[s][k];
        }
    }
    for (int64_t k = 0; k < g->classes; k++) g->mean[k] = (float)(sum[k] / CALIBRATION);
out:
    free(x);
    free(sum);
    return rc;
}

static enum err_code in_range(int64_t value, int64_t low, int64_t high, const char *key,
                              struct err *e)
{
    if (value >= low && value <= high) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: %lld is not in %lld to %lld", key, (long long)value,
               (long long)low, (long long)high);
}

enum err_code data_gaussian_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    TRY(in_range(c->data.dim, 1, 1000000, "data.dim", e));
    TRY(in_range(c->data.classes, 2, 10000, "data.classes", e));
    TRY(in_range(c->data.teacher_width, 1, 100000, "data.teacher_width", e));
    double units = (double)(c->data.teacher_width + UNITS - 1);
    *out = (struct data_shape){.n_dims = 1,
                               .size = {c->data.dim},
                               .dim = c->data.dim,
                               .classes = c->data.classes,
                               .pool = {INT64_MAX, INT64_MAX}};
    out->bytes = units * (double)(out->dim + out->classes) * sizeof(float);
    return ERR_OK;
}

enum err_code data_gaussian_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e)
{
    int64_t units = c->data.teacher_width;
    struct gaussian *g = calloc(1, sizeof *g);
    if (!g) return ERR(e, ERR_NOMEM, "opening a Gaussian world");
    data->inner = g;
    *g = (struct gaussian){.root = root,
                           .dim = data->shape.dim,
                           .classes = data->shape.classes,
                           .width = (units + UNITS - 1) / UNITS * UNITS};
    g->hidden = calloc((size_t)(g->width * g->dim), sizeof *g->hidden);
    g->output = calloc((size_t)(g->width * g->classes), sizeof *g->output);
    g->mean = calloc((size_t)g->classes, sizeof *g->mean);
    enum err_code rc = ERR_OK;
    if (!g->hidden || !g->output || !g->mean)
        rc = ERR(e, ERR_NOMEM, "%.0f bytes for a teacher network", data->shape.bytes);
    if (rc == ERR_OK) rc = draw_weights(g, units, e);
    if (rc == ERR_OK) rc = calibrate(g, e);
    if (rc != ERR_OK) data_gaussian_close(data);
    return rc;
}

void data_gaussian_close(struct data *data)
{
    struct gaussian *g = data->inner;
    free(g->hidden);
    free(g->output);
    free(g->mean);
    free(g);
    data->inner = NULL;
}

void data_gaussian_fetch(const struct data *data, enum split split, const int64_t *index,
                         int64_t n, real *x, int32_t *label)
{
    const struct gaussian *g = data->inner;
    enum rng_purpose purpose = split == SPLIT_TRAIN ? RNG_TRAIN : RNG_TEST;
    for (int64_t i = 0; i < n; i++)
        draw_input(g->root, purpose, (uint64_t)index[i], g->dim, x + i * g->dim);
    for (int64_t i = 0; label && i < n; i += SAMPLES)
        teacher_labels(g, x + i * g->dim, n - i < SAMPLES ? n - i : SAMPLES, label + i);
}
