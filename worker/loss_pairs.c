/* loss_pairs.c - losses of a batch of pairs: rows 2i and 2i + 1 of f are two views of one thing.
 *
 * All rows are scored against all, a tile of the matrix of scores at a time, so that none of the
 * size of the batch has to be stored. */
#include <math.h>
#include <string.h>

#include "worker/blas.h"
#include "worker/loss.h"
#include "worker/vmath.h"

enum { TILE = 64 };

static int64_t tile_rows(const struct loss_input *in, int64_t first)
{
    return in->n - first < TILE ? in->n - first : TILE;
}

/* Scores of the rows of the tile that starts at a against those of b: inner products over the
 * temperature. */
static void tile_scores(const struct loss_input *in, int64_t a, int64_t b, real *score)
{
    int64_t rows = tile_rows(in, a), columns = tile_rows(in, b);
    const real unit = (real)(1 / in->config->optim.temperature);
    blas_gemm(CblasNoTrans, CblasTrans, rows, columns, in->k, in->f + a * in->k,
              in->f + b * in->k, 0, score);
    for (int64_t i = 0; i < rows * columns; i++) score[i] *= unit;
}

/* The gradient by the rows of tile a, from d, that by their scores against tile b. */
static void tile_gradient(const struct loss_input *in, int64_t a, int64_t b, const real *d,
                          real *df)
{
    blas_gemm(CblasNoTrans, CblasNoTrans, tile_rows(in, a), in->k, tile_rows(in, b), d,
              in->f + b * in->k, 1, df + a * in->k);
}

/* Each unordered pair is met twice, as a score is in row a and in row b. So the weight of a meeting
 * is half that of a pair, and the gradient by a row is twice that by the row of scores. */
double loss_nce(const struct loss_input *in, real scale, real *df)
{
    const int64_t n = in->n;
    INVARIANT(n % 2 == 0);
    const double prior = in->config->optim.nce_prior, others = n > 2 ? (double)(n - 2) : 1;
    const real bias = (real)in->config->optim.nce_bias;
    const real unit = 2 * scale / (real)in->config->optim.temperature;
    const real yes = unit * (real)prior, no = unit * (real)((1 - prior) / others);
    real score[TILE * TILE];
    double positive = 0, negative = 0;
    if (df) memset(df, 0, (size_t)(n * in->k) * sizeof *df);
    for (int64_t a = 0; a < n; a += TILE)
        for (int64_t b = 0; b < n; b += TILE) {
            int64_t columns = tile_rows(in, b), size = tile_rows(in, a) * columns;
            tile_scores(in, a, b, score);
            for (int64_t i = 0; i < size; i++) {
                int64_t row = a + i / columns, other = b + i % columns;
                real g = score[i] + bias;
                if (other == (row ^ 1)) {
                    positive += (double)vmath_softplus(-g);
                    score[i] = -yes * vmath_sigmoid(-g);
                } else if (other != row) {
                    negative += (double)vmath_softplus(g);
                    score[i] = no * vmath_sigmoid(g);
                } else {
                    score[i] = 0;
                }
            }
            if (df) tile_gradient(in, a, b, score, df);
        }
    return prior * positive + (1 - prior) * negative / others;
}

/* What is known of the scores of a tile's rows against all other rows. */
struct row_scores {
    real top[TILE], sum[TILE]; /* the largest, and the sum of exp(score - largest) */
    real right[TILE];          /* that against the partner */
};

static void row_scores(const struct loss_input *in, int64_t a, real *score,
                       struct row_scores *out)
{
    for (int64_t i = 0; i < TILE; i++) out->top[i] = -INFINITY, out->sum[i] = 0;
    for (int64_t b = 0; b < in->n; b += TILE) {
        int64_t columns = tile_rows(in, b);
        tile_scores(in, a, b, score);
        for (int64_t i = 0; i < tile_rows(in, a); i++) {
            const real *g = score + i * columns;
            real before = out->top[i], top = before;
            for (int64_t j = 0; j < columns; j++) {
                if (b + j != a + i && !(g[j] <= top)) top = g[j]; /* a NaN gets through */
                if (b + j == ((a + i) ^ 1)) out->right[i] = g[j];
            }
            if (b > 0) out->sum[i] *= vmath_exp(before - top);
            for (int64_t j = 0; j < columns; j++)
                if (b + j != a + i) out->sum[i] += vmath_exp(g[j] - top);
            out->top[i] = top;
        }
    }
}

/* The gradient of tile a's rows by all scores in them, on to both rows that a score is of. */
static void row_gradients(const struct loss_input *in, int64_t a,
                          const struct row_scores *known, real scale, real *score, real *df)
{
    const int64_t rows = tile_rows(in, a), k = in->k;
    const real unit = scale / (real)in->config->optim.temperature;
    for (int64_t b = 0; b < in->n; b += TILE) {
        int64_t columns = tile_rows(in, b);
        tile_scores(in, a, b, score);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                real *d = &score[i * columns + j];
                *d = b + j == a + i ? 0 : unit * vmath_exp(*d - known->top[i]) / known->sum[i];
                if (b + j == ((a + i) ^ 1)) *d -= unit;
            }
        tile_gradient(in, a, b, score, df);
        blas_gemm(CblasTrans, CblasNoTrans, columns, k, rows, score, in->f + a * k, 1,
                  df + b * k);
    }
}

double loss_info_nce(const struct loss_input *in, real scale, real *df)
{
    INVARIANT(in->n % 2 == 0);
    real score[TILE * TILE];
    struct row_scores known;
    double total = 0;
    if (df) memset(df, 0, (size_t)(in->n * in->k) * sizeof *df);
    for (int64_t a = 0; a < in->n; a += TILE) {
        row_scores(in, a, score, &known);
        for (int64_t i = 0; i < tile_rows(in, a); i++)
            total += log((double)known.sum[i]) + (double)(known.top[i] - known.right[i]);
        if (df) row_gradients(in, a, &known, scale, score, df);
    }
    return total;
}
