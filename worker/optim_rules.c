/* optim_rules.c - optimizers as rows, with PyTorch's semantics where PyTorch has them.
 *
 * To add one: slots, update (one loop over w, g and the slots) and a row. `d` is the gradient
 * with the weight decay of those rules that add it there. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/kernel.h"
#include "worker/blas.h"
#include "worker/optim.h"
#include "worker/optim_lbfgs.h"

static inline real root(real x)
{
#ifdef SHOAL_REAL_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* -1, 0 or 1; a NaN stays one. */
static inline real sign(real x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static int one_slot(const struct config *c)
{
    (void)c;
    return 1;
}

static int two_slots(const struct config *c)
{
    (void)c;
    return 2;
}

static int momentum_slots(const struct config *c)
{
    return c->optim.momentum > 0 ? 1 : 0;
}

static int rmsprop_slots(const struct config *c)
{
    return 1 + (c->optim.momentum > 0) + c->optim.centered;
}

/* v starts at 0, which makes its first value g as in PyTorch. */
KERNEL static void sgd(const struct optim_rates *rates, int64_t n, real *restrict w,
                       const real *restrict g, real *const slot[OPTIM_MAX_SLOTS])
{
    real *restrict v = slot[0];
    const real lr = rates->lr, decay = rates->weight_decay, mu = rates->momentum;
    if (!v) {
        for (int64_t i = 0; i < n; i++) w[i] -= lr * (g[i] + decay * w[i]);
    } else if (rates->config->optim.nesterov) {
        for (int64_t i = 0; i < n; i++) {
            real d = g[i] + decay * w[i];
            v[i] = mu * v[i] + d;
            w[i] -= lr * (d + mu * v[i]);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            v[i] = mu * v[i] + (g[i] + decay * w[i]);
            w[i] -= lr * v[i];
        }
    }
}

/* Adam's step for weights that were multiplied with keep before, given gradients to which
 * decay * w is added. */
static inline void adam_update(const struct optim_rates *rates, real keep, real decay,
                               int64_t n, real *restrict w, const real *restrict g,
                               real *restrict m, real *restrict v)
{
    const real beta1 = rates->beta1, rest1 = rates->rest1, beta2 = rates->beta2;
    const real rest2 = rates->rest2, step = rates->lr / rates->debias1;
    const real debias2 = rates->debias2, epsilon = rates->epsilon;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        m[i] = beta1 * m[i] + rest1 * d;
        v[i] = beta2 * v[i] + rest2 * d * d;
        w[i] = keep * w[i] - step * m[i] / (root(v[i]) / debias2 + epsilon);
    }
}

KERNEL static void adam(const struct optim_rates *rates, int64_t n, real *w, const real *g,
                        real *const slot[OPTIM_MAX_SLOTS])
{
    adam_update(rates, 1, rates->weight_decay, n, w, g, slot[0], slot[1]);
}

KERNEL static void adamw(const struct optim_rates *rates, int64_t n, real *w, const real *g,
                         real *const slot[OPTIM_MAX_SLOTS])
{
    adam_update(rates, 1 - rates->lr * rates->weight_decay, 0, n, w, g, slot[0], slot[1]);
}

/* Slots: the average of d^2, that of momentum if there is any, the average of d if centered.
 * Rounding may take a centered variance below 0, which is then 0. */
KERNEL static void rmsprop(const struct optim_rates *rates, int64_t n, real *restrict w,
                           const real *restrict g, real *const slot[OPTIM_MAX_SLOTS])
{
    const struct config *c = rates->config;
    real *restrict square = slot[0], *restrict v = c->optim.momentum > 0 ? slot[1] : NULL;
    real *restrict mean = c->optim.centered ? slot[v ? 2 : 1] : NULL;
    const real rho = (real)c->optim.rho, rest = (real)(1 - c->optim.rho);
    const real lr = rates->lr, decay = rates->weight_decay, mu = rates->momentum;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        square[i] = rho * square[i] + rest * d * d;
        real variance = square[i];
        if (mean) {
            mean[i] = rho * mean[i] + rest * d;
            variance -= mean[i] * mean[i];
            variance = variance < 0 ? 0 : variance;
        }
        real step = d / (root(variance) + rates->epsilon);
        if (v) step = v[i] = mu * v[i] + step;
        w[i] -= lr * step;
    }
}

/* The sum of squares starts at 0, and what it should start at is added when it is used. */
KERNEL static void adagrad(const struct optim_rates *rates, int64_t n, real *restrict w,
                           const real *restrict g, real *const slot[OPTIM_MAX_SLOTS])
{
    real *restrict sum = slot[0];
    const real start = (real)rates->config->optim.initial_accumulator;
    const real epsilon = (real)rates->config->optim.adagrad_epsilon;
    const real lr = rates->decayed_lr, decay = rates->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        sum[i] += d * d;
        w[i] -= lr * (d / (root(start + sum[i]) + epsilon));
    }
}

KERNEL static void lion(const struct optim_rates *rates, int64_t n, real *restrict w,
                        const real *restrict g, real *const slot[OPTIM_MAX_SLOTS])
{
    real *restrict m = slot[0];
    const real beta1 = rates->beta1, rest1 = rates->rest1;
    const real beta2 = (real)rates->config->optim.lion_beta2;
    const real rest2 = (real)(1 - rates->config->optim.lion_beta2);
    const real lr = rates->lr, keep = 1 - lr * rates->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        w[i] = keep * w[i] - lr * sign(beta1 * m[i] + rest1 * g[i]);
        m[i] = beta2 * m[i] + rest2 * g[i];
    }
}

KERNEL static void sign_sgd(const struct optim_rates *rates, int64_t n, real *restrict w,
                            const real *restrict g, real *const slot[OPTIM_MAX_SLOTS])
{
    real *restrict m = slot[0];
    const real mu = rates->momentum, rest = (real)(1 - rates->config->optim.momentum);
    const real lr = rates->lr, keep = 1 - lr * rates->weight_decay;
    if (!m) {
        for (int64_t i = 0; i < n; i++) w[i] = keep * w[i] - lr * sign(g[i]);
    } else {
        for (int64_t i = 0; i < n; i++) {
            m[i] = mu * m[i] + rest * g[i];
            w[i] = keep * w[i] - lr * sign(m[i]);
        }
    }
}

/* x[rows, cols] towards the nearest matrix with orthonormal rows or columns: five steps of
 * X <- a X + (b A + c A^2) X with A = X X^T (X^T X and the factors swapped if that is smaller),
 * whose coefficients take all singular values to about 0.7 .. 1.2. */
static void orthogonalise(int64_t rows, int64_t cols, real *x, real *scratch)
{
    const real a = (real)3.4445, b = (real)-4.7750, c = (real)2.0315;
    bool tall = rows > cols;
    int64_t size = rows * cols, side = tall ? cols : rows;
    real *next = scratch, *gram = next + size, *square = gram + side * side;
    double sum = 0;
    for (int64_t i = 0; i < size; i++) sum += (double)x[i] * (double)x[i];
    real shrink = (real)(1 / (sqrt(sum) + 1e-7));
    for (int64_t i = 0; i < size; i++) x[i] *= shrink;
    for (int k = 0; k < 5; k++) {
        blas_gemm(tall ? CblasTrans : CblasNoTrans, tall ? CblasNoTrans : CblasTrans, side,
                  side, tall ? rows : cols, x, x, 0, gram);
        blas_gemm(CblasNoTrans, CblasNoTrans, side, side, side, gram, gram, 0, square);
        for (int64_t i = 0; i < side * side; i++) square[i] = b * gram[i] + c * square[i];
        memcpy(next, x, (size_t)size * sizeof *x);
        if (tall)
            blas_gemm(CblasNoTrans, CblasNoTrans, rows, cols, cols, x, square, a, next);
        else
            blas_gemm(CblasNoTrans, CblasNoTrans, rows, cols, rows, square, x, a, next);
        memcpy(x, next, (size_t)size * sizeof *x);
    }
}

static void muon(const struct optim_rates *rates, int64_t rows, int64_t cols, real *w,
                 const real *g, real *const slot[OPTIM_MAX_SLOTS], real *scratch)
{
    const double beta = rates->config->optim.muon_momentum;
    const real mu = (real)beta, rest = (real)(1 - beta);
    real *m = slot[0], *x = scratch;
    for (int64_t i = 0; i < rows * cols; i++) {
        m[i] = mu * m[i] + rest * g[i];
        x[i] = mu * m[i] + rest * g[i]; /* Nesterov's */
    }
    orthogonalise(rows, cols, x, scratch + rows * cols);
    const real keep = 1 - rates->lr * rates->weight_decay;
    const real lr = rates->lr * (rows > cols ? root((real)rows / (real)cols) : 1);
    for (int64_t i = 0; i < rows * cols; i++) w[i] = keep * w[i] - lr * x[i];
}

static int no_slots(const struct config *c)
{
    (void)c;
    return 0;
}

static const struct optimizer optimizer_rows[] = {
    {.row = {"sgd", "stochastic gradient descent, with momentum or Nesterov's", NULL},
     .slots = momentum_slots,
     .update = sgd},
    {.row = {"adam", "Adam; weight decay is added to the gradient", "arXiv 1412.6980"},
     .adaptive = true,
     .slots = two_slots,
     .update = adam},
    {.row = {"adamw", "Adam; weight decay is decoupled from the gradient", "arXiv 1711.05101"},
     .adaptive = true,
     .slots = two_slots,
     .update = adamw},
    {.row = {"rmsprop", "gradient over the root of its mean square, momentum behind that",
             "Tieleman and Hinton 2012, lecture 6e; centered: arXiv 1308.0850, equation 38"},
     .adaptive = true,
     .slots = rmsprop_slots,
     .update = rmsprop},
    {.row = {"adagrad", "gradient over the root of the sum of its squares",
             "Duchi, Hazan, Singer 2011"},
     .adaptive = true,
     .slots = one_slot,
     .update = adagrad},
    {.row = {"lion", "sign of an average of momentum and gradient; weight decay is decoupled",
             "arXiv 2302.06675, algorithm 2"},
     .adaptive = true,
     .slots = one_slot,
     .update = lion},
    {.row = {"sign_sgd",
             "sign of the gradient, or of its momentum (Signum); weight decay is decoupled",
             "arXiv 1802.04434; with weight decay: arXiv 1810.05291, algorithm 1"},
     .adaptive = true,
     .slots = momentum_slots,
     .update = sign_sgd},
    {.row = {"muon",
             "orthogonalised Nesterov momentum for hidden matrices; first and output layers, "
             "gains and biases by AdamW at optim.adamw_lr",
             "Jordan et al. 2024, kellerjordan.github.io/posts/muon"},
     .adaptive = true,
     .slots = two_slots,
     .update = adamw,
     .update_matrix = muon},
    {.row =
         {"lbfgs",
          "L-BFGS on the whole training set, for convex probes; no learning rate, and weight "
          "decay is a ridge on weights but not biases",
          "Liu and Nocedal 1989"},
     .slots = no_slots,
     .minimise = optim_lbfgs},
};

const struct table optimizers = TABLE("optimizer", optimizer_rows);
