/* op_layer_norm.c - y = gain (x - mean) / sqrt(variance + 1e-5) + bias, mean and variance (the
 * biased one) over the features of a row, as in PyTorch. The state is mean and 1/sqrt(...) of
 * each row.
 *
 * oneDNN 2.6's takes as long forward and 1.15 times as long backward (AVX-512, 4160 rows of
 * 192). */
#include <math.h>
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"
#include "worker/rows.h"

static const real epsilon = (real)1e-5;

enum err_code op_layer_norm_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e)
{
    n->shape = in->shape;
    int64_t d = op_features(n);
    struct param gain = {.rows = d,
                         .cols = 1,
                         .fan_in = d,
                         .wide_out = n->set.wide_out,
                         .trained = !n->set.frozen,
                         .start = START_ONES};
    struct param bias = gain;
    bias.bias = true;
    bias.start = START_ZEROS;
    TRY(graph_param(g, n, "weight", gain, e));
    return graph_param(g, n, "bias", bias, e);
}

/* Two numbers for each row of features. */
double op_layer_norm_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    (void)g;
    return 2 * (double)capacity * (double)(n->shape.dim / op_features(n)) * sizeof(real);
}

enum err_code op_layer_norm_prepare(struct graph *g, struct node *n, struct err *e)
{
    size_t rows = (size_t)(g->capacity * (n->shape.dim / op_features(n)));
    n->state = arena_array(g->arena, 2 * rows, sizeof(real));
    return n->state ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the means of %zu rows", rows);
}

KERNEL static void normalise(int64_t rows, int64_t d, const real *restrict x,
                             const real *restrict gain, const real *restrict bias,
                             real *restrict moments, real *restrict y)
{
    for (int64_t i = 0; i < rows; i++, x += d, y += d) {
        real mean = rows_sum(d, x) / (real)d;
        real variance = rows_squares(d, x, mean) / (real)d;
        real unit = 1 / (real)sqrt(variance + epsilon);
        for (int64_t j = 0; j < d; j++) y[j] = (x[j] - mean) * unit * gain[j] + bias[j];
        moments[2 * i] = mean;
        moments[2 * i + 1] = unit;
    }
}

void op_layer_norm_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *p = &g->param[n->first_param];
    int64_t d = op_features(n);
    normalise(B * n->shape.dim / d, d, in->y, g->w + p[0].offset, g->w + p[1].offset, n->state,
              n->y);
}

KERNEL static void parameter_gradients(int64_t rows, int64_t d, const real *restrict x,
                                       const real *restrict moments, const real *restrict dy,
                                       real *restrict dgain, real *restrict dbias)
{
    for (int64_t i = 0; i < rows; i++, x += d, dy += d) {
        real mean = moments[2 * i], unit = moments[2 * i + 1];
        for (int64_t j = 0; j < d; j++) {
            dgain[j] += dy[j] * ((x[j] - mean) * unit);
            dbias[j] += dy[j];
        }
    }
}

/* With u = (x - mean) unit and v = gain dy: dx = unit (v - mean of v - u mean of u v). */
KERNEL static void input_gradients(int64_t rows, int64_t d, const real *restrict x,
                                   const real *restrict gain, const real *restrict moments,
                                   const real *restrict dy, real *restrict dx)
{
    for (int64_t i = 0; i < rows; i++, x += d, dy += d, dx += d) {
        real mean = moments[2 * i], unit = moments[2 * i + 1];
        for (int64_t j = 0; j < d; j++) dx[j] = dy[j] * gain[j];
        real shift = rows_sum(d, dx) / (real)d;
        real slope = rows_dot(d, dx, x, mean) / (real)d * unit * unit;
        for (int64_t j = 0; j < d; j++) dx[j] = unit * (dx[j] - shift - (x[j] - mean) * slope);
    }
}

void op_layer_norm_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    const struct param *p = &g->param[n->first_param];
    int64_t d = op_features(n), rows = B * n->shape.dim / d;
    if (p->trained) {
        real *dgain = g->dw + p[0].offset, *dbias = g->dw + p[1].offset;
        if (!accumulate) {
            memset(dgain, 0, (size_t)d * sizeof *dgain);
            memset(dbias, 0, (size_t)d * sizeof *dbias);
        }
        parameter_gradients(rows, d, in->y, n->state, n->dy, dgain, dbias);
    }
    if (in->needs_gradient)
        input_gradients(rows, d, in->y, g->w + p[0].offset, n->state, n->dy, in->dy);
}
