/* scaling_law.c - owns the points, the resampling of seeds and the held-out size.
 *
 * All fits of one call share a frame, in which sizes run from -1 to 1 and values are of order
 * 1. Seeds are put in the order of their values before they are drawn, so that their numbers do
 * not matter. */
#include "linalg/scaling_law.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "linalg/scaling_descent.h"
#include "linalg/statistics.h"

const struct scaling_options scaling_defaults = {NAN, SCALING_RESAMPLES, 95, 0};
const char *const scaling_outcomes[] = {"converged", "undetermined", "not_converged"};
const char *const scaling_intervals[] = {"none", "t", "percentile"};

static const double least_huber = 1e-3; /* of Hoffmann et al. */
static const double tuning = 1.345; /* of Huber 1964: 95 % of the efficiency of least squares */

/* Sets outcome and undetermined. */
static enum scaling_outcome judge(const struct scaling_problem *p,
                                  const struct scaling_solution *s, int *undetermined)
{
    bool idle[SCALING_PARAMS];
    *undetermined = -1;
    if (!s->converged) return SCALING_NOT_CONVERGED;
    scaling_descent_idle(p, s->t, idle);
    for (int k = p->form->n_params - 1; k >= 0; k--)
        if (idle[k]) *undetermined = k;
    return *undetermined >= 0 ? SCALING_UNDETERMINED : SCALING_CONVERGED;
}

/* ---- the data ---- */

struct fitter {
    const struct scaling_data *data;
    const struct scaling_options *options;
    struct scaling_fit *out;
    int64_t K, S;     /* sizes; seeds that have a value */
    double *y;        /* [S, K], seeds in the order of their values */
    double *u, *mean; /* [K, n_x], [K] */
    double *times;    /* [S] how often a seed is drawn */
    double *refit;    /* [n_params, resamples] coordinates */
    struct scaling_problem problem;
    struct arena arena;
};

void scaling_means(const struct scaling_data *data, double *mean)
{
    for (int64_t i = 0; i < data->n_sizes; i++) {
        double sum = 0, n = 0;
        for (int64_t s = 0; s < data->n_seeds; s++) {
            double y = data->y[i * data->n_seeds + s];
            if (!isnan(y)) sum += y, n++;
        }
        mean[i] = n > 0 ? sum / n : NAN;
    }
}

static int by_values(const void *a, const void *b, void *count)
{
    const double *x = a, *y = b;
    for (int64_t i = 0; i < *(int64_t *)count; i++) {
        if (isnan(x[i]) != isnan(y[i])) return isnan(x[i]) ? 1 : -1;
        if (x[i] < y[i] || x[i] > y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

/* mean[K] with every seed taken times[] times. False: a size has none, and NaN. */
static bool weighted_means(const struct fitter *f, double *mean)
{
    bool all = true;
    for (int64_t i = 0; i < f->K; i++) {
        double sum = 0, n = 0;
        for (int64_t s = 0; s < f->S; s++) {
            double y = f->y[s * f->K + i];
            if (f->times[s] == 0 || isnan(y)) continue;
            sum += f->times[s] * y;
            n += f->times[s];
        }
        mean[i] = n > 0 ? sum / n : NAN;
        all = all && n > 0;
    }
    return all;
}

static enum err_code take_data(struct fitter *f, struct err *e)
{
    const struct scaling_data *d = f->data;
    size_t K = (size_t)d->n_sizes, S = (size_t)d->n_seeds, n_x = (size_t)d->n_x;
    size_t refits = (size_t)(f->out->form->n_params * f->options->resamples);
    f->K = d->n_sizes;
    f->y = arena_array(&f->arena, S * K, sizeof *f->y);
    f->u = arena_array(&f->arena, K * n_x, sizeof *f->u);
    f->mean = arena_array(&f->arena, K, sizeof *f->mean);
    f->times = arena_array(&f->arena, S, sizeof *f->times);
    f->refit = arena_array(&f->arena, refits, sizeof *f->refit);
    f->problem.u = arena_array(&f->arena, K * n_x, sizeof *f->problem.u);
    f->problem.m = arena_array(&f->arena, K, sizeof *f->problem.m);
    f->problem.z = lbfgs_malloc(SCALING_PARAMS);
    if (!f->y || !f->u || !f->mean || !f->times || !f->refit || !f->problem.u ||
        !f->problem.m || !f->problem.z)
        return ERR(e, ERR_NOMEM, "no memory for a fit to %zu sizes of %zu seeds", K, S);
    for (int64_t s = 0; s < d->n_seeds; s++) {
        bool any = false;
        for (int64_t i = 0; i < f->K; i++) {
            double y = d->y[i * d->n_seeds + s];
            f->y[f->S * f->K + i] = y;
            any = any || !isnan(y);
        }
        f->S += any;
    }
    qsort_r(f->y, (size_t)f->S, K * sizeof *f->y, by_values, &f->K);
    for (int64_t s = 0; s < f->S; s++) f->times[s] = 1;
    return ERR_OK;
}

static int64_t n_distinct(const struct scaling_data *d, int j)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_sizes; i++) {
        int64_t k = 0;
        while (d->x[k * d->n_x + j] != d->x[i * d->n_x + j]) k++;
        n += k == i;
    }
    return n;
}

static enum err_code check_sizes(const struct scaling_form *form, const struct scaling_data *d,
                                 struct err *e)
{
    if (d->n_x != form->n_x)
        return ERR(e, ERR_CONFIG, "%s: takes %d sizes x, not %d", form->row.name, form->n_x,
                   d->n_x);
    for (int64_t i = 0; i < d->n_sizes * d->n_x; i++)
        if (!(d->x[i] > 0 && isfinite(d->x[i])))
            return ERR(e, ERR_CONFIG, "%s: sizes must be positive, one is %g", form->row.name,
                       d->x[i]);
    if (d->n_sizes <= form->n_params)
        return ERR(e, ERR_CONFIG,
                   "%s: %d parameters need at least %d distinct sizes, there are %" PRId64,
                   form->row.name, form->n_params, form->n_params + 1, d->n_sizes);
    for (int j = 0; j < d->n_x && d->n_x > 1; j++)
        if (n_distinct(d, j) < 3)
            return ERR(e, ERR_CONFIG,
                       "%s: needs at least 3 distinct values of each size; of %s %" PRId64,
                       form->row.name, j ? "the second" : "the first", n_distinct(d, j));
    return ERR_OK;
}

static enum err_code check_values(const struct fitter *f, struct err *e)
{
    const struct scaling_form *form = f->out->form;
    for (int64_t i = 0; i < f->K; i++) {
        double x = f->data->x[i * f->data->n_x];
        if (!isfinite(f->mean[i]))
            return ERR(e, ERR_CONFIG, "%s: no finite mean at size %g", form->row.name, x);
        if (form->log_y && f->mean[i] <= 0)
            return ERR(e, ERR_CONFIG,
                       "%s: fits the logarithm, and the mean at size %g is %g; "
                       "try loglinear",
                       form->row.name, x, f->mean[i]);
    }
    return ERR_OK;
}

/* Sizes from -1 to 1, values of order 1. */
static void set_frame(struct fitter *f)
{
    const struct scaling_data *d = f->data;
    struct scaling_frame *frame = &f->problem.frame;
    for (int j = 0; j < d->n_x; j++) {
        double low = HUGE_VAL, high = -HUGE_VAL;
        for (int64_t i = 0; i < f->K; i++) {
            low = fmin(low, log(d->x[i * d->n_x + j]));
            high = fmax(high, log(d->x[i * d->n_x + j]));
        }
        frame->middle[j] = (low + high) / 2;
        frame->half[j] = (high - low) / 2;
        for (int64_t i = 0; i < f->K; i++)
            f->u[i * d->n_x + j] =
                (log(d->x[i * d->n_x + j]) - frame->middle[j]) / frame->half[j];
    }
    double sum = 0;
    bool log_y = f->out->form->log_y;
    for (int64_t i = 0; i < f->K; i++) sum += log_y ? log(f->mean[i]) : fabs(f->mean[i]);
    sum /= (double)f->K;
    frame->y_unit = log_y ? exp(sum) : sum > 0 ? sum : 1;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where the loss turns from quadratic to linear, if nobody said: so far out that the noise of
 * the means lies within. Fewer kinks than sizes then meet the noise, without which resampling
 * would overstate the spread of the fit. The scratch is of [K] and [S]. */
static double own_huber(const struct fitter *f, double *error, double *value)
{
    int64_t n_errors = 0;
    for (int64_t i = 0; i < f->K; i++) {
        int64_t n = 0;
        for (int64_t s = 0; s < f->S; s++)
            if (!isnan(f->y[s * f->K + i])) value[n++] = f->y[s * f->K + i];
        double of = f->out->form->log_y ? f->mean[i] : f->problem.frame.y_unit;
        if (n > 1) error[n_errors++] = statistics_sd(n, value) / sqrt((double)n) / of;
    }
    if (n_errors == 0) return least_huber;
    qsort(error, (size_t)n_errors, sizeof *error, ascending);
    return fmax(least_huber, tuning * statistics_quantile(n_errors, error, 0.5));
}

/* The problem of all sizes but one (-1: of all) with these means. */
static void pose(struct fitter *f, const double *mean, int64_t without)
{
    struct scaling_problem *p = &f->problem;
    int n_x = p->form->n_x;
    p->n = 0;
    for (int64_t i = 0; i < f->K; i++) {
        if (i == without) continue;
        memcpy(p->u + p->n * n_x, f->u + i * n_x, (size_t)n_x * sizeof *p->u);
        double y = mean[i] / p->frame.y_unit;
        p->m[p->n++] = p->form->log_y ? log(y) : y;
    }
}

/* ---- held-out size and quality ---- */

static void hold_out(struct fitter *f)
{
    const struct scaling_data *d = f->data;
    struct scaling_fit *out = f->out;
    double largest = -HUGE_VAL;
    for (int64_t i = 0; i < f->K; i++) {
        double size = 0;
        for (int j = 0; j < d->n_x; j++) size += log(d->x[i * d->n_x + j]);
        if (size > largest) largest = size, out->held_out = i;
    }
    int undetermined;
    double param[SCALING_PARAMS];
    pose(f, f->mean, out->held_out);
    struct scaling_solution s = scaling_descent_search(&f->problem);
    out->held_outcome = judge(&f->problem, &s, &undetermined);
    out->form->natural(s.t, &f->problem.frame, param);
    out->held_y = f->mean[out->held_out];
    out->held_predicted = scaling_form_predict(out->form, param, d->x + out->held_out * d->n_x);
    out->held_error = fabs(out->held_predicted - out->held_y) / fabs(out->held_y);
}

static void set_quality(const struct scaling_problem *p, const struct scaling_solution *s,
                        struct scaling_fit *out)
{
    double g[SCALING_PARAMS], sum = 0, squares = 0, around = 0;
    for (int64_t i = 0; i < p->n; i++) sum += p->m[i];
    for (int64_t i = 0; i < p->n; i++) {
        double r = p->form->value(s->t, p->u + i * p->form->n_x, g) - p->m[i];
        squares += r * r;
        around += (p->m[i] - sum / (double)p->n) * (p->m[i] - sum / (double)p->n);
    }
    out->r2 = 1 - squares / around;
    out->loss = s->loss * SCALING_UNIT * SCALING_UNIT;
}

/* ---- intervals ---- */

/* Where refits start: at the first fit, and where parameters of it are idle also with these
 * back on the grid, as no descent would bring them back from there. Returns how many. */
static int warm_starts(const struct scaling_problem *p, const struct scaling_solution *full,
                       double start[SCALING_GRID + 1][SCALING_PARAMS])
{
    bool idle[SCALING_PARAMS];
    int n = 1;
    memcpy(start[0], full->t, sizeof full->t);
    scaling_descent_idle(p, full->t, idle);
    for (int i = 0; i < SCALING_GRID; i++) {
        bool more = false;
        memcpy(start[n], full->t, sizeof full->t);
        for (int k = 0; k < p->form->n_params; k++) {
            if (!idle[k]) continue;
            int at = i;
            while (at >= SCALING_GRID || isnan(p->form->start[k][at])) at--;
            start[n][k] = p->form->start[k][at];
            more = more || at == i;
        }
        n += more;
    }
    return n;
}

static struct scaling_solution refit(struct scaling_problem *p, int n,
                                     double start[SCALING_GRID + 1][SCALING_PARAMS])
{
    struct scaling_solution best = scaling_descent(p, start[0]);
    if (!best.converged) best = scaling_descent(p, best.t);
    for (int i = 1; i < n; i++) {
        struct scaling_solution s = scaling_descent(p, start[i]);
        if (s.loss < best.loss) best = s;
    }
    return best;
}

/* Natural parameters of the refits, n of them. False: no memory. */
static bool refit_all(struct fitter *f, const struct scaling_solution *full, int64_t *n)
{
    int n_params = f->problem.form->n_params;
    double start[SCALING_GRID + 1][SCALING_PARAMS];
    int n_starts = warm_starts(&f->problem, full, start);
    double *mean = arena_array(&f->arena, (size_t)f->K, sizeof *mean);
    if (!mean) return false;
    *n = 0;
    for (int64_t i = 0; i < f->options->resamples; i++) {
        struct rng draw = rng_stream(f->options->key, RNG_BOOTSTRAP, (uint64_t)i);
        for (int64_t s = 0; s < f->S; s++) f->times[s] = 0;
        for (int64_t s = 0; s < f->S; s++) f->times[rng_below(&draw, (uint64_t)f->S)]++;
        if (!weighted_means(f, mean)) continue;
        pose(f, mean, -1);
        struct scaling_solution r = refit(&f->problem, n_starts, start);
        f->out->n_failed += !r.converged;
        double param[SCALING_PARAMS];
        f->problem.form->natural(r.t, &f->problem.frame, param);
        for (int k = 0; k < n_params; k++) f->refit[k * f->options->resamples + *n] = param[k];
        ++*n;
    }
    f->out->n_resamples = *n;
    return true;
}

/* How many standard errors of the resampling lie between estimate and end: Student's quantile,
 * and as n draws from n values vary too little by sqrt((n - 1) / n). */
static double reach(double level, int64_t n)
{
    return statistics_t_quantile(0.5 + level / 200, n - 1) * sqrt((double)n / (double)(n - 1));
}

/* The percentiles that lie as far out in normal refits. */
static void percentiles(struct fitter *f, int64_t n)
{
    double tail = erfc(reach(f->options->level, f->S) / M_SQRT2) / 2;
    for (int k = 0; k < f->out->form->n_params; k++) {
        double *value = f->refit + k * f->options->resamples;
        qsort(value, (size_t)n, sizeof *value, ascending);
        f->out->low[k] = statistics_quantile(n, value, tail);
        f->out->high[k] = statistics_quantile(n, value, 1 - tail);
    }
}

/* Estimate +- so many standard deviations of the refits, in the form's coordinates. */
static void t_intervals(struct fitter *f, int64_t n)
{
    static const struct scaling_frame plain = {.half = {1, 1}, .y_unit = 1};
    const struct scaling_form *form = f->out->form;
    double at[SCALING_PARAMS], t[SCALING_PARAMS], param[SCALING_PARAMS];
    form->coordinates(f->out->param, at);
    for (int k = 0; k < form->n_params; k++) {
        double *value = f->refit + k * f->options->resamples;
        for (int64_t i = 0; i < n && k != form->offset; i++) {
            memcpy(param, f->out->param, sizeof param);
            param[k] = value[i];
            form->coordinates(param, t);
            value[i] = t[k];
        }
        double half = reach(f->options->level, f->S) * statistics_sd(n, value);
        for (int side = -1; side <= 1; side += 2) {
            memcpy(t, at, sizeof t);
            t[k] += side * half;
            form->natural(t, &plain, param);
            if (k == form->offset) param[k] = fmax(0, f->out->param[k] + side * half);
            *(side < 0 ? &f->out->low[k] : &f->out->high[k]) = param[k];
        }
    }
}

/* An interval that reaches a limit of next to nothing reaches 0, where its logarithm cannot be.
 */
static void open_limit(struct fitter *f)
{
    int k = f->out->form->offset;
    double least = HUGE_VAL;
    for (int64_t i = 0; i < f->K; i++) least = fmin(least, f->mean[i]);
    if (k >= 0 && f->out->low[k] < SCALING_MOVES * least) f->out->low[k] = 0;
}

static enum err_code set_intervals(struct fitter *f, const struct scaling_solution *full,
                                   struct err *e)
{
    int64_t n = 0;
    if (f->S < 2 || f->options->resamples < 2) return ERR_OK;
    if (!refit_all(f, full, &n)) return ERR(e, ERR_NOMEM, "no memory for refits");
    if (n < 2) return ERR_OK;
    f->out->interval = f->S < SCALING_FEW ? SCALING_T : SCALING_PERCENTILE;
    f->S < SCALING_FEW ? t_intervals(f, n) : percentiles(f, n);
    open_limit(f);
    return ERR_OK;
}

static enum err_code fit(struct fitter *f, struct err *e)
{
    struct scaling_fit *out = f->out;
    struct scaling_problem *p = &f->problem;
    TRY(take_data(f, e));
    weighted_means(f, f->mean);
    TRY(check_values(f, e));
    set_frame(f);
    if (isnan(p->huber)) p->huber = own_huber(f, p->m, f->times);
    for (int64_t i = 0; i < f->S; i++) f->times[i] = 1;
    out->huber = p->huber;
    out->n_sizes = f->K;
    out->n_seeds = f->S;
    hold_out(f);
    pose(f, f->mean, -1);
    struct scaling_solution full = scaling_descent_search(p);
    out->outcome = judge(p, &full, &out->undetermined);
    set_quality(p, &full, out);
    out->form->natural(full.t, &p->frame, out->param);
    return set_intervals(f, &full, e);
}

enum err_code scaling_fit(const struct scaling_form *form, const struct scaling_data *data,
                          const struct scaling_options *options, struct scaling_fit *out,
                          struct err *e)
{
    *out = (struct scaling_fit){.form = form, .undetermined = -1};
    for (int k = 0; k < SCALING_PARAMS; k++) out->low[k] = out->high[k] = NAN;
    TRY(check_sizes(form, data, e));
    struct fitter f = {.data = data,
                       .options = options,
                       .out = out,
                       .problem = {.form = form, .huber = options->huber}};
    enum err_code rc = fit(&f, e);
    lbfgs_free(f.problem.z);
    arena_clear(&f.arena);
    return rc;
}
