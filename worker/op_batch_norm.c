/* op_batch_norm.c - batch normalisation of the last dimension, as in PyTorch: momentum 0.1, the
 * variance that is divided by is biased, the one that is averaged is not.
 *
 * Rows are samples, tokens or pixels. Statistics are taken block by block, in each in two passes
 * over what the cache holds, and put together in double: one pass over memory, and no
 * cancellation where the mean is large. */
#include <math.h>
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"

static const double epsilon = 1e-5, momentum = 0.1;

enum { BLOCK = 4096 /* numbers */, MIN_ROWS = 16 };

/* Per channel. */
struct batch_norm {
    real *mean, *inverse; /* of the last forward pass: 1 / sqrt(variance + epsilon) */
    real *part, *part2;   /* sums over a block */
    real *scale;          /* weight * inverse */
    double *sum, *sum2;   /* over the batch: mean and squares in the forward pass */
};

enum { WEIGHT, BIAS, MEAN, VARIANCE }; /* parameters, from first_param on */

static const real *weight_of(const struct graph *g, const struct node *n, int which)
{
    return g->w + g->param[n->first_param + which].offset;
}

enum err_code op_batch_norm_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e)
{
    n->shape = in->shape;
    int64_t C = op_features(n);
    struct param weight = {.rows = C,
                           .cols = 1,
                           .fan_in = 1,
                           .wide_out = n->set.wide_out,
                           .trained = !n->set.frozen,
                           .start = START_ONES};
    struct param bias = weight, mean = weight;
    bias.bias = true;
    bias.start = mean.start = START_ZEROS;
    mean.average = true;
    mean.trained = false;
    struct param variance = mean;
    variance.start = START_ONES;
    TRY(graph_param(g, n, "weight", weight, e));
    TRY(graph_param(g, n, "bias", bias, e));
    TRY(graph_param(g, n, "running_mean", mean, e));
    return graph_param(g, n, "running_var", variance, e);
}

double op_batch_norm_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    (void)g, (void)capacity;
    return (double)op_features(n) * (5 * sizeof(real) + 2 * sizeof(double));
}

enum err_code op_batch_norm_prepare(struct graph *g, struct node *n, struct err *e)
{
    struct batch_norm *s = n->state = arena_alloc(g->arena, sizeof *s);
    size_t C = (size_t)op_features(n);
    real *numbers = arena_array(g->arena, 5 * C, sizeof *numbers);
    double *sums = arena_array(g->arena, 2 * C, sizeof *sums);
    if (!s || !numbers || !sums)
        return ERR(e, ERR_NOMEM, "no memory for batch normalisation of %zu channels", C);
    *s = (struct batch_norm){numbers,         numbers + C, numbers + 2 * C, numbers + 3 * C,
                             numbers + 4 * C, sums,        sums + C};
    return ERR_OK;
}

/* mean[C] of the rows of x[rows, C], and the sums of squares around it. */
KERNEL static void block_statistics(int64_t rows, int64_t C, const real *restrict x,
                                    real *restrict mean, real *restrict squares)
{
    memset(mean, 0, (size_t)C * sizeof *mean);
    memset(squares, 0, (size_t)C * sizeof *squares);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < C; c++) mean[c] += x[i * C + c];
    for (int64_t c = 0; c < C; c++) mean[c] /= (real)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < C; c++) {
            real d = x[i * C + c] - mean[c];
            squares[c] += d * d;
        }
}

/* Puts a block of `more` rows to the `rows` before it. */
KERNEL static void merge(int64_t C, double rows, double more, const real *restrict mean,
                         const real *restrict squares, double *restrict sum,
                         double *restrict sum2)
{
    for (int64_t c = 0; c < C; c++) {
        double d = (double)mean[c] - sum[c];
        sum[c] += d * (more / (rows + more));
        sum2[c] += (double)squares[c] + d * d * (rows * more / (rows + more));
    }
}

static int64_t block_rows(int64_t C)
{
    return BLOCK / C > MIN_ROWS ? BLOCK / C : MIN_ROWS;
}

/* s->sum: the mean of each column of x[rows, C]; s->sum2: the sum of squares around it. */
static void statistics(int64_t rows, int64_t C, const real *x, struct batch_norm *s)
{
    memset(s->sum, 0, (size_t)C * sizeof *s->sum);
    memset(s->sum2, 0, (size_t)C * sizeof *s->sum2);
    int64_t block = block_rows(C);
    for (int64_t i = 0; i < rows; i += block) {
        int64_t more = rows - i < block ? rows - i : block;
        block_statistics(more, C, x + i * C, s->part, s->part2);
        merge(C, (double)i, (double)more, s->part, s->part2, s->sum, s->sum2);
    }
}

/* Does it normalise by the statistics of the batch? */
static bool of_batch(const struct graph *g, const struct node *n)
{
    return g->mode == GRAPH_TRAIN && !n->set.frozen_statistics;
}

/* The mean and deviation to normalise by: the batch's, which move the running ones, or those.
 * A batch of one row has no unbiased variance: its own, 0, takes the place. */
static void set_statistics(struct graph *g, const struct node *in, struct node *n, int64_t rows)
{
    struct batch_norm *s = n->state;
    int64_t C = op_features(n);
    real *running_mean = g->w + g->param[n->first_param + MEAN].offset;
    real *running_var = g->w + g->param[n->first_param + VARIANCE].offset;
    bool batch = of_batch(g, n);
    if (batch) statistics(rows, C, in->y, s);
    for (int64_t c = 0; c < C; c++) {
        double mean = running_mean[c], variance = running_var[c];
        if (batch) {
            double unbiased = s->sum2[c] / (double)(rows > 1 ? rows - 1 : 1);
            running_mean[c] = (real)((1 - momentum) * mean + momentum * s->sum[c]);
            running_var[c] = (real)((1 - momentum) * variance + momentum * unbiased);
            mean = s->sum[c];
            variance = s->sum2[c] / (double)rows;
        }
        s->mean[c] = (real)mean;
        s->inverse[c] = (real)(1 / sqrt(variance + epsilon));
    }
}

KERNEL static void normalise(int64_t rows, int64_t C, const real *restrict x,
                             const struct batch_norm *s, const real *restrict weight,
                             const real *restrict bias, real *restrict y)
{
    const real *restrict mean = s->mean, *restrict inverse = s->inverse;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < C; c++)
            y[i * C + c] = (x[i * C + c] - mean[c]) * inverse[c] * weight[c] + bias[c];
}

void op_batch_norm_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    int64_t C = op_features(n), rows = B * n->shape.dim / C;
    set_statistics(g, in, n, rows);
    normalise(rows, C, in->y, n->state, weight_of(g, n, WEIGHT), weight_of(g, n, BIAS), n->y);
}

/* Sums over the rows of a block: of dy, and of dy (x - mean). */
KERNEL static void block_sums(int64_t rows, int64_t C, const real *restrict x,
                              const real *restrict dy, const struct batch_norm *s)
{
    const real *restrict mean = s->mean;
    real *restrict sum = s->part, *restrict product = s->part2;
    memset(sum, 0, (size_t)C * sizeof *sum);
    memset(product, 0, (size_t)C * sizeof *product);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < C; c++) {
            sum[c] += dy[i * C + c];
            product[c] += dy[i * C + c] * (x[i * C + c] - mean[c]);
        }
}

static void sums(int64_t rows, int64_t C, const real *x, const real *dy, struct batch_norm *s)
{
    memset(s->sum, 0, (size_t)C * sizeof *s->sum);
    memset(s->sum2, 0, (size_t)C * sizeof *s->sum2);
    int64_t block = block_rows(C);
    for (int64_t i = 0; i < rows; i += block) {
        block_sums(rows - i < block ? rows - i : block, C, x + i * C, dy + i * C, s);
        for (int64_t c = 0; c < C; c++) {
            s->sum[c] += (double)s->part[c];
            s->sum2[c] += (double)s->part2[c];
        }
    }
}

/* dx = scale (dy - shift - (x - mean) slope); dx may be dy. */
KERNEL static void differentiate(int64_t rows, int64_t C, const real *restrict x,
                                 const real *restrict mean, const real *restrict scale,
                                 const real *restrict shift, const real *restrict slope,
                                 const real *dy, real *dx)
{
    for (int64_t i = 0; i < rows; i++)
#pragma GCC ivdep
        for (int64_t c = 0; c < C; c++)
            dx[i * C + c] =
                scale[c] * (dy[i * C + c] - shift[c] - (x[i * C + c] - mean[c]) * slope[c]);
}

void op_batch_norm_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    struct batch_norm *s = n->state;
    int64_t C = op_features(n), rows = B * n->shape.dim / C;
    const real *weight = weight_of(g, n, WEIGHT);
    real *dweight = g->dw + g->param[n->first_param + WEIGHT].offset;
    real *dbias = g->dw + g->param[n->first_param + BIAS].offset;
    sums(rows, C, in->y, n->dy, s);
    const struct param *p = &g->param[n->first_param];
    for (int64_t c = 0; c < C && p[WEIGHT].trained; c++)
        dweight[c] = (real)(s->sum2[c] * s->inverse[c]) + (accumulate ? dweight[c] : 0);
    for (int64_t c = 0; c < C && p[BIAS].trained; c++)
        dbias[c] = (real)s->sum[c] + (accumulate ? dbias[c] : 0);
    if (!in->needs_gradient) return;
    bool constant = !of_batch(g, n); /* statistics do not depend on x */
    real *shift = s->part, *slope = s->part2;
    for (int64_t c = 0; c < C; c++) {
        double square = (double)s->inverse[c] * (double)s->inverse[c];
        shift[c] = constant ? 0 : (real)(s->sum[c] / (double)rows);
        slope[c] = constant ? 0 : (real)(s->sum2[c] * square / (double)rows);
        s->scale[c] = s->inverse[c] * weight[c];
    }
    differentiate(rows, C, in->y, s->mean, s->scale, shift, slope, n->dy, in->dy);
}
