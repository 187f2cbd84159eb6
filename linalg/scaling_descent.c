/* scaling_descent.c - L-BFGS in steps scaled by the curvature at the start: near a minimum a
 * descent then takes few iterations. */
#include "linalg/scaling_descent.h"

#include <math.h>
#include <string.h>

/* ---- the objective ---- */

static double huber(double r, double delta, double *slope)
{
    if (fabs(r) <= delta) {
        *slope = r;
        return r * r / 2;
    }
    *slope = copysign(delta, r);
    return delta * (fabs(r) - delta / 2);
}

/* Loss at t and its gradient. */
static double objective(const struct scaling_problem *p, const double *t, double *gradient)
{
    const struct scaling_form *form = p->form;
    double loss = 0, g[SCALING_PARAMS], slope;
    for (int k = 0; k < form->n_params; k++) gradient[k] = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double r = form->value(t, p->u + i * form->n_x, g) - p->m[i];
        loss += huber(r / SCALING_UNIT, p->huber / SCALING_UNIT, &slope);
        for (int k = 0; k < form->n_params; k++) gradient[k] += slope / SCALING_UNIT * g[k];
    }
    return loss;
}

static void place(const struct scaling_problem *p, const double *z, double *t)
{
    int n = p->form->n_params;
    for (int k = 0; k < n; k++) {
        t[k] = p->origin[k];
        for (int j = 0; j < n; j++) t[k] += p->scale[k][j] * z[j];
    }
}

static lbfgsfloatval_t evaluate(void *self, const lbfgsfloatval_t *z, lbfgsfloatval_t *gradient,
                                int n, lbfgsfloatval_t step)
{
    const struct scaling_problem *p = self;
    double t[SCALING_PARAMS], g[SCALING_PARAMS];
    (void)step;
    place(p, z, t);
    double loss = objective(p, t, g);
    for (int j = 0; j < n; j++) gradient[j] = 0; /* liblbfgs pads n */
    if (!isfinite(loss)) return 1e100;
    for (int j = 0; j < p->form->n_params; j++)
        for (int k = 0; k < p->form->n_params; k++) gradient[j] += p->scale[k][j] * g[k];
    return loss;
}

/* ---- steps in units of the curvature ---- */

/* scale <- inverse transpose of the Cholesky factor of the Gauss-Newton curvature at t, with a
 * ridge for what hardly matters. */
static void set_scale(struct scaling_problem *p, const double *t)
{
    int n = p->form->n_params;
    double h[SCALING_PARAMS][SCALING_PARAMS] = {0}, g[SCALING_PARAMS], top = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double r = p->form->value(t, p->u + i * p->form->n_x, g) - p->m[i];
        double weight = fmin(1, p->huber / fabs(r)) / (SCALING_UNIT * SCALING_UNIT);
        for (int a = 0; a < n; a++)
            for (int b = 0; b <= a; b++) h[a][b] += weight * g[a] * g[b];
    }
    for (int a = 0; a < n; a++) top = fmax(top, h[a][a]);
    for (int a = 0; a < n; a++) h[a][a] += 1e-5 * top + 1e-300;
    for (int a = 0; a < n; a++) { /* h <- its Cholesky factor L */
        for (int b = 0; b <= a; b++) {
            for (int k = 0; k < b; k++) h[a][b] -= h[a][k] * h[b][k];
            h[a][b] = a == b ? sqrt(h[a][a]) : h[a][b] / h[b][b];
        }
    }
    memset(p->scale, 0, sizeof p->scale);
    for (int j = 0; j < n; j++) /* row j of inv(L)' solves L' s = e_j upwards */
        for (int a = j; a >= 0; a--) {
            double sum = a == j;
            for (int k = a + 1; k <= j; k++) sum -= h[k][a] * p->scale[k][j];
            p->scale[a][j] = sum / h[a][a];
        }
}

/* ---- one fit ---- */

/* What a step along the gradient could still gain is nothing beside the loss; a line search
 * that rounding has ended is no failure then. */
static bool at_minimum(const struct scaling_problem *p, const lbfgsfloatval_t *gradient,
                       double loss)
{
    double square = 0;
    for (int j = 0; j < p->form->n_params; j++) square += gradient[j] * gradient[j];
    return square <= 1e-6 * loss + 1e-10;
}

struct scaling_solution scaling_descent(struct scaling_problem *p, const double *start)
{
    struct scaling_solution s = {0};
    lbfgsfloatval_t gradient[SCALING_PARAMS];
    int n = p->form->n_params;
    lbfgs_parameter_t o;
    lbfgs_parameter_init(&o);
    o.epsilon = 1e-6;
    o.max_iterations = 300;
    memcpy(p->origin, start, (size_t)n * sizeof *start);
    set_scale(p, start);
    memset(p->z, 0, (size_t)n * sizeof *p->z);
    lbfgs(n, p->z, NULL, evaluate, NULL, p, &o);
    place(p, p->z, s.t);
    s.loss = evaluate(p, p->z, gradient, n, 0);
    s.converged = at_minimum(p, gradient, s.loss);
    return s;
}

struct scaling_solution scaling_descent_search(struct scaling_problem *p)
{
    const struct scaling_form *form = p->form;
    struct scaling_solution best = {.loss = HUGE_VAL};
    int digit[SCALING_PARAMS] = {0}, k;
    do {
        double start[SCALING_PARAMS];
        for (k = 0; k < form->n_params; k++) start[k] = form->start[k][digit[k]];
        struct scaling_solution s = scaling_descent(p, start);
        if (s.loss < best.loss) best = s;
        for (k = 0; k < form->n_params; k++) {
            if (++digit[k] < SCALING_GRID && !isnan(form->start[k][digit[k]])) break;
            digit[k] = 0;
        }
    } while (k < form->n_params);
    for (k = 0; k < 5 && !best.converged; k++) best = scaling_descent(p, best.t);
    return best;
}

void scaling_descent_idle(const struct scaling_problem *p, const double *t, bool *idle)
{
    double g[SCALING_PARAMS];
    for (int k = 0; k < p->form->n_params; k++) idle[k] = true;
    for (int64_t i = 0; i < p->n; i++) {
        p->form->value(t, p->u + i * p->form->n_x, g);
        for (int k = 0; k < p->form->n_params; k++)
            idle[k] = idle[k] && fabs(g[k]) < SCALING_MOVES;
    }
}
