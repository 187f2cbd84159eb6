/* optim.h - optimizers: one step from gradients to new parameters. */
#ifndef SHOAL_WORKER_OPTIM_H
#define SHOAL_WORKER_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "worker/param.h"
#include "worker/real.h"
#include "worker/task.h"

/* The numbers of one step for one group of parameters. */
struct optim_rates {
    real lr, weight_decay, momentum, beta1, beta2, epsilon;
    real rest1, rest2;     /* 1 - beta1, 1 - beta2, each rounded once */
    real debias1, debias2; /* 1 - beta1^t, sqrt(1 - beta2^t) in step t = 1, 2, ... */
    bool nesterov;
};

struct optimizer {
    struct row row;
    bool adaptive;                        /* normalises gradients: muP scales it differently */
    int (*slots)(const struct config *c); /* numbers of state per parameter: 0, 1 or 2 */

    /* w[n] from g[n]; a[n] and b[n] are the state, NULL where there is none, 0 at first. */
    void (*update)(const struct optim_rates *rates, int64_t n, real *restrict w,
                   const real *restrict g, real *restrict a, real *restrict b);
};

/* All optimizers: rows of struct optimizer. */
extern const struct table optimizers;

/* The optimizer of one training run. Plain data; state is borrowed. */
struct optim {
    const struct optimizer *rule;
    const struct config *config;
    int64_t n;   /* size of the parameter block, padding included */
    real *state; /* [slots, n] */
    int64_t t;   /* steps taken */
};

/* How many numbers of state a parameter block of n needs. Local. */
int64_t optim_state_size(const struct config *c, int64_t n);

/* state[optim_state_size] must be 0, and stay while the optimizer is used; so must c. Local. */
void optim_init(struct optim *o, const struct config *c, int64_t n, real *state);

/* One step with learning rate lr on the trained ones of n_params parameters, which lie in the
 * blocks w and g. Neighbours with equal rates are updated in one loop. Weight decay is divided
 * by a parameter's lr_scale, so that lr * weight_decay does not depend on width. Local.
 * same     bits as PyTorch in double precision up to the order of operations */
void optim_step(struct optim *o, double lr, int n_params, const struct param *p, real *w,
                const real *g);

#endif
