/* optim.c - optimizers as rows, with PyTorch's semantics.
 *
 * To add one: slots, update (one loop over w, g and state) and a row. */
#include "worker/optim.h"

#include <math.h>
#include <stddef.h>

#include "base/kernel.h"

static int sgd_slots(const struct config *c)
{
    return c->optim.momentum > 0 ? 1 : 0;
}

static int adam_slots(const struct config *c)
{
    (void)c;
    return 2;
}

/* v starts at 0, which makes its first value g as in PyTorch. */
KERNEL static void sgd(const struct optim_rates *rates, int64_t n, real *restrict w,
                       const real *restrict g, real *restrict v, real *restrict unused)
{
    (void)unused;
    const real lr = rates->lr, decay = rates->weight_decay, mu = rates->momentum;
    if (!v) {
        for (int64_t i = 0; i < n; i++) w[i] -= lr * (g[i] + decay * w[i]);
    } else if (rates->nesterov) {
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
#ifdef SHOAL_REAL_DOUBLE
        real root = sqrt(v[i]);
#else
        real root = sqrtf(v[i]);
#endif
        w[i] = keep * w[i] - step * m[i] / (root / debias2 + epsilon);
    }
}

KERNEL static void adam(const struct optim_rates *rates, int64_t n, real *restrict w,
                        const real *restrict g, real *restrict m, real *restrict v)
{
    adam_update(rates, 1, rates->weight_decay, n, w, g, m, v);
}

KERNEL static void adamw(const struct optim_rates *rates, int64_t n, real *restrict w,
                         const real *restrict g, real *restrict m, real *restrict v)
{
    adam_update(rates, 1 - rates->lr * rates->weight_decay, 0, n, w, g, m, v);
}

static const struct optimizer rows[] = {
    {{"sgd", "stochastic gradient descent, with momentum or Nesterov's", NULL},
     false,
     sgd_slots,
     sgd},
    {{"adam", "Adam; weight decay is added to the gradient", "arXiv 1412.6980"},
     true,
     adam_slots,
     adam},
    {{"adamw", "Adam; weight decay is decoupled from the gradient", "arXiv 1711.05101"},
     true,
     adam_slots,
     adamw},
};

const struct table optimizers = TABLE("optimizer", rows);

static const struct optimizer *rule_of(const struct config *c)
{
    return (const void *)table_row(&optimizers, c->optim.name);
}

int64_t optim_state_size(const struct config *c, int64_t n)
{
    return n * rule_of(c)->slots(c);
}

void optim_init(struct optim *o, const struct config *c, int64_t n, real *state)
{
    *o = (struct optim){.rule = rule_of(c), .config = c, .n = n, .state = state};
}

static struct optim_rates rates_at(const struct optim *o, double lr, double lr_scale)
{
    const struct config *c = o->config;
    double t = (double)o->t;
    return (struct optim_rates){
        .lr = (real)(lr * lr_scale),
        .weight_decay = (real)(c->optim.weight_decay / lr_scale),
        .momentum = (real)c->optim.momentum,
        .beta1 = (real)c->optim.beta1,
        .beta2 = (real)c->optim.beta2,
        .epsilon = (real)c->optim.epsilon,
        .rest1 = (real)(1 - c->optim.beta1),
        .rest2 = (real)(1 - c->optim.beta2),
        .debias1 = (real)(1 - pow(c->optim.beta1, t)),
        .debias2 = (real)sqrt(1 - pow(c->optim.beta2, t)),
        .nesterov = c->optim.nesterov,
    };
}

void optim_step(struct optim *o, double lr, int n_params, const struct param *p, real *w,
                const real *g)
{
    int slots = o->rule->slots(o->config);
    o->t++;
    for (int i = 0, next; i < n_params; i = next) {
        for (next = i + 1; next < n_params; next++)
            if (p[next].trained != p[i].trained || p[next].lr_scale != p[i].lr_scale) break;
        if (!p[i].trained) continue;
        int64_t from = p[i].offset, end = next < n_params ? p[next].offset : o->n;
        struct optim_rates rates = rates_at(o, lr, p[i].lr_scale);
        real *a = slots > 0 ? o->state + from : NULL;
        real *b = slots > 1 ? o->state + o->n + from : NULL;
        o->rule->update(&rates, end - from, w + from, g + from, a, b);
    }
}
