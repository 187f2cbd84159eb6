/* scaling_form.h - the laws that a scaling fit knows: y as a function of one or two sizes.
 *
 * A form is a row of scaling_forms. It is evaluated in coordinates in which a minimiser does
 * well: sizes and what is predicted are logarithms, sums of powers are log-sum-exps of affine
 * functions, u runs from -1 to 1 over the sizes of the data. */
#ifndef SHOAL_LINALG_SCALING_FORM_H
#define SHOAL_LINALG_SCALING_FORM_H

#include <stdbool.h>

#include "base/table.h"

enum { SCALING_PARAMS = 6, SCALING_VARIABLES = 2, SCALING_GRID = 4 };

/* log x = middle + half * u, and y = y_unit * exp(m); of a form that is not log_y y = y_unit *
 * m. */
struct scaling_frame {
    double middle[SCALING_VARIABLES], half[SCALING_VARIABLES], y_unit;
};

struct scaling_form {
    struct row row;
    const char *formula; /* as a sweep file has it; its name will do as well */
    const char *param[SCALING_PARAMS];
    int n_params, n_x;
    int offset; /* which parameter is the limit E that y comes down to; -1: none */
    bool log_y; /* residuals are of log y, and y must be positive */
    /* Value at u[n_x] of the coordinates t[n_params], gradient[n_params] with respect to t.
     * Local. */
    double (*value)(const double *t, const double *u, double *gradient);
    /* param[n_params] <- t[n_params]. Local. */
    void (*natural)(const double *t, const struct scaling_frame *frame, double *param);
    /* t <- param in the frame {0, 1, 1}. Local. */
    void (*coordinates)(const double *param, double *t);
    double start[SCALING_PARAMS][SCALING_GRID]; /* of t; NaN: no more */
};
extern const struct table scaling_forms; /* power, power_only, power2, broken, loglinear */

/* The form with that name or formula; spaces do not matter. Local.
 * errors   ERR_CONFIG lists the forms */
enum err_code scaling_form_find(const char *text, const struct scaling_form **out,
                                struct err *e);

/* y at x[n_x] > 0 of the parameters. Local. */
double scaling_form_predict(const struct scaling_form *form, const double *param,
                            const double *x);

#endif
