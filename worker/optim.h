/* optim.h - optimizers: one step from gradients to new parameters. */
#ifndef SHOAL_WORKER_OPTIM_H
#define SHOAL_WORKER_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "worker/param.h"
#include "worker/real.h"
#include "worker/task.h"

enum { OPTIM_MAX_SLOTS = 3 };

/* The numbers of one step for one group of parameters. */
struct optim_rates {
    const struct config *config;
    real lr, weight_decay, momentum, beta1, beta2, epsilon;
    real rest1, rest2;     /* 1 - beta1, 1 - beta2, each rounded once */
    real debias1, debias2; /* 1 - beta1^t, sqrt(1 - beta2^t) in step t = 1, 2, ... */
    real decayed_lr;       /* lr / (1 + (t - 1) optim.lr_decay) */
};

/* A function of all trained parameters, which lie in the block w; gradients lie in g. */
struct objective {
    const struct config *config;
    int n_params;
    const struct param *param;
    real *w, *g;
    double (*value)(void *self); /* at w, without weight decay; its gradient goes to g */
    bool (*advance)(void *self, int64_t step); /* w is the result of a step; false: stop */
    void *self;
};

struct optimizer {
    struct row row;
    bool adaptive;                        /* normalises gradients: muP scales it differently */
    int (*slots)(const struct config *c); /* numbers of state per parameter */

    /* w[n] from g[n]; slot[k][n] is the state, as many as slots says, 0 at first. */
    void (*update)(const struct optim_rates *rates, int64_t n, real *w, const real *g,
                   real *const slot[OPTIM_MAX_SLOTS]);

    /* Optional: the same for one parameter of which optim_is_matrix, as a matrix
     * [rows, cols]. Then update is for the others, at the learning rate optim.adamw_lr.
     * scratch[optim_scratch_size] holds anything. */
    void (*update_matrix)(const struct optim_rates *rates, int64_t rows, int64_t cols, real *w,
                          const real *g, real *const slot[OPTIM_MAX_SLOTS], real *scratch);

    /* Optional, instead of update: minimises the objective, plus optim.weight_decay / 2 times
     * the square of all trained weights, biases not, in at most so many steps; after each it
     * calls advance. It may end early; w is then its result. Local.
     * errors   ERR_CONFIG, ERR_NOMEM */
    enum err_code (*minimise)(const struct objective *o, int64_t steps, struct err *e);
};

/* All optimizers: rows of struct optimizer. */
extern const struct table optimizers;

/* The optimizer of one training run. Plain data; memory is borrowed. */
struct optim {
    const struct optimizer *rule;
    const struct config *config;
    int64_t n;     /* size of the parameter block, padding included */
    real *state;   /* [slots, n] */
    real *scratch; /* of update_matrix */
    int64_t t;     /* steps taken */
};

/* Is a parameter a hidden layer's matrix: more than one row and column, input and output both
 * as wide as the model? First layers, output layers, embeddings, gains and biases are not. */
bool optim_is_matrix(const struct param *p);

/* Does the optimizer of a configuration take a parameter as a matrix? Its steps then have the
 * same size in the spectral norm whatever the width, and no parametrization scales them. */
bool optim_by_matrix(const struct optimizer *rule, const struct param *p);

/* How many numbers of state a parameter block of n needs. Local. */
int64_t optim_state_size(const struct config *c, int64_t n);

/* How many numbers the optimizer needs beside its state, which a step may overwrite. Local. */
int64_t optim_scratch_size(const struct config *c, int n_params, const struct param *p);

/* state[optim_state_size] must be 0; it, scratch[optim_scratch_size] and c must stay while the
 * optimizer is used. scratch may be NULL where its size is 0. Local. */
void optim_init(struct optim *o, const struct config *c, int64_t n, real *state, real *scratch);

/* One step with learning rate lr on the trained ones of n_params parameters, which lie in the
 * blocks w and g. Gradients are clipped first, in place: each to optim.clip_value, then all to
 * the Euclidean norm optim.clip_norm (PyTorch's clip_grad_value_, clip_grad_norm_). Neighbours
 * with equal rates are updated in one loop. Weight decay is divided by a parameter's lr_scale,
 * so that lr * weight_decay does not depend on width. Local.
 * same     bits as PyTorch in double precision up to the order of operations */
void optim_step(struct optim *o, double lr, int n_params, const struct param *p, real *w,
                real *g);

#endif
