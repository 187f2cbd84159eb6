/* optim.c - a step over all parameters: clipping, and the optimizer's rule group by group. The
 * rules themselves are in optim_rules.c. */
#include "worker/optim.h"

#include <math.h>
#include <stddef.h>

static const struct optimizer *rule_of(const struct config *c)
{
    return (const void *)table_row(&optimizers, c->optim.name);
}

bool optim_is_matrix(const struct param *p)
{
    return !p->bias && p->rows > 1 && p->cols > 1 && p->wide_in && p->wide_out;
}

bool optim_by_matrix(const struct optimizer *rule, const struct param *p)
{
    return rule->update_matrix && optim_is_matrix(p);
}

int64_t optim_state_size(const struct config *c, int64_t n)
{
    return n * rule_of(c)->slots(c);
}

/* Two matrices of the parameter's shape and two squares of its smaller side. */
int64_t optim_scratch_size(const struct config *c, int n_params, const struct param *p)
{
    int64_t most = 0;
    for (int i = 0; i < n_params; i++) {
        if (!p[i].trained || !optim_by_matrix(rule_of(c), &p[i])) continue;
        int64_t side = p[i].rows < p[i].cols ? p[i].rows : p[i].cols;
        int64_t size = 2 * p[i].rows * p[i].cols + 2 * side * side;
        if (size > most) most = size;
    }
    return most;
}

void optim_init(struct optim *o, const struct config *c, int64_t n, real *state, real *scratch)
{
    *o = (struct optim){
        .rule = rule_of(c), .config = c, .n = n, .state = state, .scratch = scratch};
}

static void clip_value(double limit, int n_params, const struct param *p, real *g)
{
    const real most = (real)limit;
    for (int i = 0; i < n_params; i++) {
        real *x = g + p[i].offset;
        for (int64_t j = 0; p[i].trained && j < p[i].rows * p[i].cols; j++)
            x[j] = x[j] > most ? most : x[j] < -most ? -most : x[j]; /* NaN stays */
    }
}

static void clip_norm(double limit, int n_params, const struct param *p, real *g)
{
    double sum = 0;
    for (int i = 0; i < n_params; i++) {
        const real *x = g + p[i].offset;
        for (int64_t j = 0; p[i].trained && j < p[i].rows * p[i].cols; j++)
            sum += (double)x[j] * (double)x[j];
    }
    double scale = limit / (sqrt(sum) + 1e-6);
    if (scale >= 1) return; /* a NaN goes on into every gradient, as in PyTorch */
    for (int i = 0; i < n_params; i++) {
        real *x = g + p[i].offset;
        for (int64_t j = 0; p[i].trained && j < p[i].rows * p[i].cols; j++) x[j] *= (real)scale;
    }
}

static struct optim_rates rates_at(const struct optim *o, double lr, double lr_scale)
{
    const struct config *c = o->config;
    double t = (double)o->t;
    return (struct optim_rates){
        .config = c,
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
        .decayed_lr = (real)(lr * lr_scale / (1 + (t - 1) * c->optim.lr_decay)),
    };
}

/* Parameters first..end-1, which share their rates and lie in one stretch of the blocks. */
static void update(struct optim *o, double lr, const struct param *p, int64_t end, real *w,
                   const real *g)
{
    const struct config *c = o->config;
    real *slot[OPTIM_MAX_SLOTS] = {NULL};
    for (int k = 0; k < o->rule->slots(c); k++) slot[k] = o->state + k * o->n + p->offset;
    w += p->offset;
    g += p->offset;
    if (optim_by_matrix(o->rule, p)) {
        struct optim_rates rates = rates_at(o, lr, p->lr_scale);
        o->rule->update_matrix(&rates, p->rows, p->cols, w, g, slot, o->scratch);
        return;
    }
    /* The schedule moves both learning rates of a rule of matrices. */
    if (o->rule->update_matrix) lr = c->optim.lr > 0 ? lr / c->optim.lr * c->optim.adamw_lr : 0;
    struct optim_rates rates = rates_at(o, lr, p->lr_scale);
    o->rule->update(&rates, end - p->offset, w, g, slot);
}

static bool same_group(const struct optimizer *rule, const struct param *a,
                       const struct param *b)
{
    return a->trained == b->trained && a->lr_scale == b->lr_scale &&
           !optim_by_matrix(rule, a) && !optim_by_matrix(rule, b);
}

void optim_step(struct optim *o, double lr, int n_params, const struct param *p, real *w,
                real *g)
{
    const struct config *c = o->config;
    if (c->optim.clip_value > 0) clip_value(c->optim.clip_value, n_params, p, g);
    if (c->optim.clip_norm > 0) clip_norm(c->optim.clip_norm, n_params, p, g);
    o->t++;
    for (int i = 0, next; i < n_params; i = next) {
        for (next = i + 1; next < n_params && same_group(o->rule, &p[i], &p[next]);) next++;
        int64_t end = next < n_params ? p[next].offset : o->n;
        if (p[i].trained) update(o, lr, &p[i], end, w, g);
    }
}
