/* scaling_form.c - the table of forms.
 *
 * A new form is its three functions and a row; the tests then compare its gradient with finite
 * differences and recover it from points without noise. */
#include "linalg/scaling_form.h"

#include <math.h>
#include <stdio.h>

/* log(sum exp(h[n])), and each term's share of the sum. h may be -inf, but not all of it. */
static double log_sum_exp(int n, const double *h, double *share)
{
    double top = h[0], sum = 0;
    for (int i = 1; i < n; i++) top = fmax(top, h[i]);
    for (int i = 0; i < n; i++) sum += share[i] = exp(h[i] - top);
    for (int i = 0; i < n; i++) share[i] /= sum;
    return top + log(sum);
}

/* ---- E + A x^-alpha: t = log E, log A, alpha ---- */

static double power_value(const double *t, const double *u, double *gradient)
{
    double share[2], value = log_sum_exp(2, (double[]){t[0], t[1] - t[2] * u[0]}, share);
    gradient[0] = share[0];
    gradient[1] = share[1];
    gradient[2] = -u[0] * share[1];
    return value;
}

static void power_natural(const double *t, const struct scaling_frame *f, double *param)
{
    param[0] = f->y_unit * exp(t[0]);
    param[2] = t[2] / f->half[0];
    param[1] = f->y_unit * exp(t[1] + param[2] * f->middle[0]);
}

static void power_coordinates(const double *param, double *t)
{
    t[0] = log(param[0]);
    t[1] = log(param[1]);
    t[2] = param[2];
}

/* ---- A x^-alpha: t = log A, alpha ---- */

static double power_only_value(const double *t, const double *u, double *gradient)
{
    gradient[0] = 1;
    gradient[1] = -u[0];
    return t[0] - t[1] * u[0];
}

static void power_only_natural(const double *t, const struct scaling_frame *f, double *param)
{
    param[1] = t[1] / f->half[0];
    param[0] = f->y_unit * exp(t[0] + param[1] * f->middle[0]);
}

static void power_only_coordinates(const double *param, double *t)
{
    t[0] = log(param[0]);
    t[1] = param[1];
}

/* ---- E + A N^-alpha + B D^-beta: t = log E, log A, alpha, log B, beta ---- */

static double power2_value(const double *t, const double *u, double *gradient)
{
    double share[3];
    double value =
        log_sum_exp(3, (double[]){t[0], t[1] - t[2] * u[0], t[3] - t[4] * u[1]}, share);
    gradient[0] = share[0];
    gradient[1] = share[1];
    gradient[2] = -u[0] * share[1];
    gradient[3] = share[2];
    gradient[4] = -u[1] * share[2];
    return value;
}

static void power2_natural(const double *t, const struct scaling_frame *f, double *param)
{
    param[0] = f->y_unit * exp(t[0]);
    for (int i = 0; i < 2; i++) {
        param[2 + 2 * i] = t[2 + 2 * i] / f->half[i];
        param[1 + 2 * i] = f->y_unit * exp(t[1 + 2 * i] + param[2 + 2 * i] * f->middle[i]);
    }
}

static void power2_coordinates(const double *param, double *t)
{
    t[0] = log(param[0]);
    for (int i = 0; i < 2; i++) {
        t[1 + 2 * i] = log(param[1 + 2 * i]);
        t[2 + 2 * i] = param[2 + 2 * i];
    }
}

/* ---- a + b x^-c0 (1 + (x/d)^(1/f))^(-c1 f): t = log a, log b, c0, c1, log d, log f ---- */

static double broken_value(const double *t, const double *u, double *gradient)
{
    double f = exp(t[5]), z = (u[0] - t[4]) / f, share[2];
    double past = 1 / (1 + exp(-z)); /* 0 before the break, 1 behind it */
    double bend = fmax(z, 0) + log1p(exp(-fabs(z)));
    double value =
        log_sum_exp(2, (double[]){t[0], t[1] - t[2] * u[0] - t[3] * f * bend}, share);
    gradient[0] = share[0];
    gradient[1] = share[1];
    gradient[2] = -u[0] * share[1];
    gradient[3] = -f * bend * share[1];
    gradient[4] = t[3] * past * share[1];
    gradient[5] = -t[3] * f * (bend - z * past) * share[1];
    return value;
}

static void broken_natural(const double *t, const struct scaling_frame *f, double *param)
{
    param[0] = f->y_unit * exp(t[0]);
    param[2] = t[2] / f->half[0];
    param[3] = t[3] / f->half[0];
    param[1] = f->y_unit * exp(t[1] + param[2] * f->middle[0]);
    param[4] = exp(f->middle[0] + f->half[0] * t[4]);
    param[5] = f->half[0] * exp(t[5]);
}

static void broken_coordinates(const double *param, double *t)
{
    t[0] = log(param[0]);
    t[1] = log(param[1]);
    t[2] = param[2];
    t[3] = param[3];
    t[4] = log(param[4]);
    t[5] = log(param[5]);
}

/* ---- a + b log(x): t = a, b ---- */

static double loglinear_value(const double *t, const double *u, double *gradient)
{
    gradient[0] = 1;
    gradient[1] = u[0];
    return t[0] + t[1] * u[0];
}

static void loglinear_natural(const double *t, const struct scaling_frame *f, double *param)
{
    param[1] = f->y_unit * t[1] / f->half[0];
    param[0] = f->y_unit * t[0] - param[1] * f->middle[0];
}

static void loglinear_coordinates(const double *param, double *t)
{
    t[0] = param[0];
    t[1] = param[1];
}

static const struct scaling_form forms[] = {
    {
        .row = {"power", "a power of the size, down to a limit",
                "Hoffmann et al. 2022, arXiv 2203.15556, appendix D.3"},
        .formula = "E + A*x^-alpha",
        .param = {"E", "A", "alpha"},
        .n_params = 3,
        .n_x = 1,
        .log_y = true,
        .value = power_value,
        .natural = power_natural,
        .coordinates = power_coordinates,
        .start = {{-3, -0.7, -0.1, NAN}, {-2, -0.5, NAN}, {0.1, 0.5, 1.5, 4}},
    },
    {
        .row = {"power_only", "a power of the size, down to nothing",
                "Kaplan et al. 2020, arXiv 2001.08361, eq. 1.1"},
        .formula = "A*x^-alpha",
        .param = {"A", "alpha"},
        .n_params = 2,
        .n_x = 1,
        .offset = -1,
        .log_y = true,
        .value = power_only_value,
        .natural = power_only_natural,
        .coordinates = power_only_coordinates,
        .start = {{0, NAN}, {0.5, NAN}},
    },
    {
        .row = {"power2", "a power each of two sizes, down to a limit",
                "Hoffmann et al. 2022, arXiv 2203.15556, eq. 2 and appendix D.3"},
        .formula = "E + A*N^-alpha + B*D^-beta",
        .param = {"E", "A", "alpha", "B", "beta"},
        .n_params = 5,
        .n_x = 2,
        .log_y = true,
        .value = power2_value,
        .natural = power2_natural,
        .coordinates = power2_coordinates,
        .start = {{-3, -0.5, NAN},
                  {-2, -0.7, NAN},
                  {0.3, 1.5, NAN},
                  {-2, -0.7, NAN},
                  {0.3, 1.5, NAN}},
    },
    {
        .row = {"broken", "two powers of the size with a smooth break, down to a limit",
                "Caballero et al. 2022, arXiv 2210.14891, eq. 1 with n = 1"},
        .formula = "a + b*x^-c0*(1 + (x/d)^(1/f))^(-c1*f)",
        .param = {"a", "b", "c0", "c1", "d", "f"},
        .n_params = 6,
        .n_x = 1,
        .log_y = true,
        .value = broken_value,
        .natural = broken_natural,
        .coordinates = broken_coordinates,
        .start = {{-3, -0.5, NAN},
                  {-0.5, NAN},
                  {0.1, 0.6, NAN},
                  {-0.4, 0.6, 1.5, NAN},
                  {-0.5, 0, 0.5, NAN},
                  {-2, -1, NAN}},
    },
    {
        .row = {"loglinear", "a straight line in the logarithm of the size", NULL},
        .formula = "a + b*log(x)",
        .param = {"a", "b"},
        .n_params = 2,
        .n_x = 1,
        .offset = -1,
        .value = loglinear_value,
        .natural = loglinear_natural,
        .coordinates = loglinear_coordinates,
        .start = {{0, NAN}, {0, NAN}},
    },
};
const struct table scaling_forms = TABLE("scaling form", forms);

static bool same_text(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == ' ') a++;
        while (*b == ' ') b++;
        if (*a != *b) return false;
        if (!*a) return true;
    }
}

enum err_code scaling_form_find(const char *text, const struct scaling_form **out,
                                struct err *e)
{
    char known[512];
    int length = 0;
    for (int i = 0; i < scaling_forms.count; i++) {
        const struct scaling_form *form = (const void *)table_row(&scaling_forms, i);
        if (same_text(text, form->row.name) || same_text(text, form->formula)) {
            *out = form;
            return ERR_OK;
        }
        length += snprintf(known + length, sizeof known - (size_t)length, "%s%s \"%s\"",
                           i ? ", " : "", form->row.name, form->formula);
        INVARIANT(length < (int)sizeof known);
    }
    const char *near = table_nearest(&scaling_forms, text);
    return ERR(e, ERR_CONFIG, "no scaling form '%s'; known: %s%s%s%s", text, known,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

double scaling_form_predict(const struct scaling_form *form, const double *param,
                            const double *x)
{
    double t[SCALING_PARAMS], u[SCALING_VARIABLES], gradient[SCALING_PARAMS];
    form->coordinates(param, t);
    for (int j = 0; j < form->n_x; j++) u[j] = log(x[j]);
    double value = form->value(t, u, gradient);
    return form->log_y ? exp(value) : value;
}
