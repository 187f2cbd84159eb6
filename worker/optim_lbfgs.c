/* optim_lbfgs.c - liblbfgs works on one vector in double precision: trained parameters are
 * copied out of the block and back. */
#include "worker/optim_lbfgs.h"

#include <lbfgs.h>

/* Copies trained parameters from a block to a vector, or back. */
static void from_block(const struct objective *o, const real *block, lbfgsfloatval_t *x)
{
    for (int i = 0; i < o->n_params; i++) {
        const real *w = block + o->param[i].offset;
        int64_t n = o->param[i].trained ? o->param[i].rows * o->param[i].cols : 0;
        for (int64_t k = 0; k < n; k++) *x++ = (lbfgsfloatval_t)w[k];
    }
}

static void to_block(const struct objective *o, const lbfgsfloatval_t *x, real *block)
{
    for (int i = 0; i < o->n_params; i++) {
        real *w = block + o->param[i].offset;
        int64_t n = o->param[i].trained ? o->param[i].rows * o->param[i].cols : 0;
        for (int64_t k = 0; k < n; k++) w[k] = (real)*x++;
    }
}

/* Adds decay/2 times the square of each trained weight, biases not, and its gradient. */
static double add_ridge(const struct objective *o, double decay, const lbfgsfloatval_t *x,
                        lbfgsfloatval_t *gradient)
{
    double sum = 0;
    for (int i = 0; i < o->n_params; i++) {
        int64_t n = o->param[i].trained ? o->param[i].rows * o->param[i].cols : 0;
        for (int64_t k = 0; k < n && !o->param[i].bias; k++) {
            sum += x[k] * x[k];
            gradient[k] += decay * x[k];
        }
        x += n;
        gradient += n;
    }
    return decay / 2 * sum;
}

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x,
                                lbfgsfloatval_t *gradient, int n, lbfgsfloatval_t step)
{
    const struct objective *o = instance;
    (void)n, (void)step;
    to_block(o, x, o->w);
    double loss = o->value(o->self);
    from_block(o, o->g, gradient);
    return loss + add_ridge(o, o->config->optim.weight_decay, x, gradient);
}

static int progress(void *instance, const lbfgsfloatval_t *x, const lbfgsfloatval_t *gradient,
                    lbfgsfloatval_t value, lbfgsfloatval_t x_norm, lbfgsfloatval_t g_norm,
                    lbfgsfloatval_t step, int n, int k, int trials)
{
    const struct objective *o = instance;
    (void)gradient, (void)value, (void)x_norm, (void)g_norm, (void)step, (void)n, (void)trials;
    to_block(o, x, o->w);
    return o->advance(o->self, k) ? 0 : 1;
}

enum err_code optim_lbfgs(const struct objective *o, int64_t steps, struct err *e)
{
    int64_t n = 0;
    for (int i = 0; i < o->n_params; i++)
        if (o->param[i].trained) n += o->param[i].rows * o->param[i].cols;
    if (n > INT32_MAX || steps > INT32_MAX - 1)
        return ERR(e, ERR_CONFIG, "optim.name: lbfgs takes at most 2^31 parameters and steps");
    lbfgs_parameter_t p;
    lbfgs_parameter_init(&p);
    p.m = (int)o->config->optim.history;
    p.epsilon = o->config->optim.tolerance;
    p.max_iterations = (int)steps;
    lbfgsfloatval_t *x = lbfgs_malloc((int)n);
    if (!x) return ERR(e, ERR_NOMEM, "no memory for %lld parameters", (long long)n);
    from_block(o, o->w, x);
    int rc = steps > 0 ? lbfgs((int)n, x, NULL, evaluate, progress, (void *)o, &p) : 0;
    to_block(o, x, o->w); /* a failed line search has left another point in the block */
    lbfgs_free(x);
    if (rc == LBFGSERR_OUTOFMEMORY)
        return ERR(e, ERR_NOMEM, "no memory for L-BFGS on %lld parameters", (long long)n);
    return ERR_OK;
}
