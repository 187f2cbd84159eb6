/* scaling_descent.h - the parameters of a form that fit points best, in the sum of Huber losses.
 */
#ifndef SHOAL_LINALG_SCALING_DESCENT_H
#define SHOAL_LINALG_SCALING_DESCENT_H

#include <lbfgs.h>
#include <stdbool.h>
#include <stdint.h>

#include "linalg/scaling_form.h"

/* Losses are in squares of this: gradients are of order 1. */
#define SCALING_UNIT 1e-3

/* Points in a frame and the form to fit to them. */
struct scaling_problem {
    const struct scaling_form *form;
    struct scaling_frame frame;
    double huber;
    int64_t n;
    double *u; /* [n, n_x] */
    double *m; /* [n] value wanted */
    double origin[SCALING_PARAMS];
    double scale[SCALING_PARAMS][SCALING_PARAMS]; /* t = origin + scale z */
    lbfgsfloatval_t *z;                           /* lbfgs_malloc(SCALING_PARAMS) */
};

struct scaling_solution {
    double t[SCALING_PARAMS];
    double loss; /* in squares of SCALING_UNIT */
    bool converged;
};

/* The minimum below start[n_params]. Changes origin, scale and z of p. Local.
 * cost     about 10 us for 8 points */
struct scaling_solution scaling_descent(struct scaling_problem *p, const double *start);

/* The least one from all starts of the form's grid. Local. */
struct scaling_solution scaling_descent_search(struct scaling_problem *p);

/* idle[k]: parameter k moves no value by more than SCALING_MOVES. Local. */
#define SCALING_MOVES 1e-3
void scaling_descent_idle(const struct scaling_problem *p, const double *t, bool *idle);

#endif
