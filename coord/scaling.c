/* scaling.c - owns the way from trials to points, and from fits to the document. How it is
 * shown is in scaling_show.c. */
#include "coord/scaling.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coord/filter.h"
#include "coord/journal.h"
#include "coord/state.h"
#include "linalg/scaling_law.h"

struct gather {
    const struct results *r;
    const double *params; /* may be NULL */
    const struct scaling_spec *spec;
    struct arena arena;
    const struct scaling_form *form;
    int n_x;
    char name[SCALING_VARIABLES][TASK_NAME];
    const double *x[SCALING_VARIABLES], *y; /* [n_trials] */
    const struct results_axis *group;       /* NULL: all in one */
    bool *chosen;                           /* [n_trials] by the filter */
    int64_t n_left_out;
    double *size;        /* [n_sizes, n_x] ascending */
    double *seed;        /* [n_seeds] ascending */
    double *sum, *count; /* [n_sizes, n_seeds] */
    struct scaling_data data;
};

static enum err_code nomem(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for scaling fits");
}

/* ---- names ---- */

static enum err_code unknown(const struct results *r, const char *name, bool size,
                             struct err *e)
{
    struct text known = {0};
    for (int i = 0; i < r->n_axes && size; i++)
        text_add(&known, "%s%s", known.at ? ", " : "", r->axis[i].name);
    for (int i = 1; i < r->n_metrics; i++)
        text_add(&known, "%s%s", known.at ? ", " : "", r->metric[i].name);
    enum err_code rc = ERR(e, ERR_CONFIG, "'%s' is no %s; known: %s%s", name,
                           size ? "number that varies in this store" : "metric of this store",
                           size ? "params, " : "", known.at ? known.at : "none");
    text_clear(&known);
    return rc;
}

/* A number of every trial. */
static enum err_code quantity(struct gather *g, const char *name, bool size, const double **out,
                              struct err *e)
{
    const struct results *r = g->r;
    const struct results_axis *axis = results_axis(r, name);
    const struct results_metric *metric = results_metric(r, name);
    if (size && strcmp(name, "params") == 0) {
        *out = g->params;
        return g->params ? ERR_OK
                         : ERR(e, ERR_CONFIG, "params: the store does not say its sweep");
    }
    if (size && axis && axis->is_text)
        return ERR(e, ERR_CONFIG, "x: '%s' is names, not numbers", name);
    *out = size && axis ? axis->number : NULL;
    if (*out) return ERR_OK;
    if (!metric) return unknown(r, name, size, e);
    double *value = arena_array(&g->arena, (size_t)r->n_trials, sizeof *value);
    if (!value) return nomem(e);
    for (int64_t t = 0; t < r->n_trials; t++) value[t] = results_last(r, metric, t);
    *out = value;
    return ERR_OK;
}

/* Splits "a, b" of x. */
static enum err_code split_sizes(struct gather *g, struct err *e)
{
    const char *at = g->spec->x;
    for (g->n_x = 0; *at; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ", ");
        if (g->n_x == SCALING_VARIABLES || length >= TASK_NAME)
            return ERR(e, ERR_CONFIG, "x names one or two sizes, not '%s'", g->spec->x);
        snprintf(g->name[g->n_x++], TASK_NAME, "%.*s", (int)length, at);
        at += length;
    }
    return ERR_OK;
}

static enum err_code find_names(struct gather *g, struct err *e)
{
    const struct scaling_spec *s = g->spec;
    TRY(split_sizes(g, e));
    TRY(scaling_form_find(*s->form ? s->form : g->n_x == 2 ? "power2" : "power", &g->form, e));
    if (g->form->n_x != g->n_x)
        return ERR(e, ERR_CONFIG, "%s is of %d size%s, x is '%s'", g->form->formula,
                   g->form->n_x, g->form->n_x == 1 ? "" : "s", s->x);
    TRY(quantity(g, s->y, false, &g->y, e));
    for (int j = 0; j < g->n_x; j++) TRY(quantity(g, g->name[j], true, &g->x[j], e));
    g->group = *s->group ? results_axis(g->r, s->group) : NULL;
    if (*s->group && !g->group)
        return ERR(e, ERR_CONFIG, "group: '%s' does not vary in this store", s->group);
    struct expr *filter;
    TRY(filter_parse(g->r, s->filter, &g->arena, &filter, e));
    g->chosen = arena_array(&g->arena, (size_t)g->r->n_trials, sizeof *g->chosen);
    if (!g->chosen) return nomem(e);
    for (int64_t t = 0; t < g->r->n_trials; t++)
        g->chosen[t] =
            results_origin(g->r, t) == RESULTS_TRIAL && filter_match(g->r, filter, t);
    return ERR_OK;
}

/* ---- points ---- */

static bool in_group(const struct gather *g, int64_t t, double value)
{
    return g->chosen[t] && (!g->group || g->group->number[t] == value);
}

static bool has_value(const struct gather *g, int64_t t)
{
    bool all = g->r->state[t] == TRIAL_DONE && !isnan(g->y[t]);
    for (int j = 0; j < g->n_x; j++) all = all && !isnan(g->x[j][t]);
    return all;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_two(const void *a, const void *b)
{
    int first = by_number(a, b);
    return first ? first : by_number((const double *)a + 1, (const double *)b + 1);
}

/* Sorts n rows and drops repetitions. Returns how many are left. */
static int64_t distinct(double *row, int64_t n, int width)
{
    int64_t kept = 0;
    size_t bytes = (size_t)width * sizeof *row;
    qsort(row, (size_t)n, bytes, width == 2 ? by_two : by_number);
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || memcmp(row + i * width, row + (kept - 1) * width, bytes) != 0)
            memmove(row + kept++ * width, row + i * width, bytes);
    return kept;
}

static int64_t place(const double *key, const double *sorted, int64_t n, int width)
{
    const double *at = bsearch(key, sorted, (size_t)n, (size_t)width * sizeof *key,
                               width == 2 ? by_two : by_number);
    INVARIANT(at);
    return (at - sorted) / width;
}

/* The mean of every seed at every size, over the trials of a group. */
static enum err_code collect(struct gather *g, double value, struct err *e)
{
    const struct results *r = g->r;
    size_t room = (size_t)r->n_trials + 1;
    double *x = arena_array(&g->arena, room * (size_t)g->n_x, sizeof *x);
    double *seed = arena_array(&g->arena, room, sizeof *seed);
    if (!x || !seed) return nomem(e);
    int64_t n = 0;
    g->n_left_out = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        if (!in_group(g, t, value)) continue;
        g->n_left_out += !has_value(g, t);
        if (!has_value(g, t)) continue;
        for (int j = 0; j < g->n_x; j++) x[n * g->n_x + j] = g->x[j][t];
        seed[n++] = (double)r->seed[t];
    }
    g->size = x;
    g->seed = seed;
    int64_t K = distinct(x, n, g->n_x), S = distinct(seed, n, 1);
    g->sum = arena_array(&g->arena, (size_t)(K * S), sizeof *g->sum);
    g->count = arena_array(&g->arena, (size_t)(K * S), sizeof *g->count);
    if (!g->sum || !g->count) return nomem(e);
    for (int64_t t = 0; t < r->n_trials; t++) {
        if (!in_group(g, t, value) || !has_value(g, t)) continue;
        double size[SCALING_VARIABLES], of = (double)r->seed[t];
        for (int j = 0; j < g->n_x; j++) size[j] = g->x[j][t];
        int64_t at = place(size, x, K, g->n_x) * S + place(&of, seed, S, 1);
        g->sum[at] += g->y[t];
        g->count[at]++;
    }
    for (int64_t i = 0; i < K * S; i++)
        g->sum[i] = g->count[i] > 0 ? g->sum[i] / g->count[i] : NAN;
    g->data = (struct scaling_data){K, S, g->n_x, x, g->sum};
    return ERR_OK;
}

/* ---- the document ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *numbers(const double *value, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, number(value[i]));
    return list;
}

static json_t *params_json(const struct scaling_fit *f)
{
    json_t *list = json_array();
    for (int k = 0; k < f->form->n_params; k++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "name", f->form->param[k],
                                              "value", number(f->param[k]), "low",
                                              number(f->low[k]), "high", number(f->high[k])));
    return list;
}

static json_t *points_json(const struct gather *g, const struct scaling_fit *f,
                           const double *mean)
{
    json_t *list = json_array();
    const struct scaling_data *d = &g->data;
    for (int64_t i = 0; i < d->n_sizes; i++) {
        const double *x = d->x + i * d->n_x;
        double predicted = scaling_form_predict(f->form, f->param, x);
        int64_t seeds = 0;
        for (int64_t s = 0; s < d->n_seeds; s++) seeds += !isnan(d->y[i * d->n_seeds + s]);
        json_array_append_new(list,
                              json_pack("{s:o, s:I, s:o, s:o, s:o}", "x", numbers(x, d->n_x),
                                        "seeds", (json_int_t)seeds, "y", number(mean[i]),
                                        "predicted", number(predicted), "residual",
                                        number((mean[i] - predicted) / fabs(predicted))));
    }
    return list;
}

/* A form's fit without intervals, for the comparison. */
static json_t *form_json(const struct gather *g, const struct scaling_form *form)
{
    struct scaling_options o = scaling_defaults;
    struct scaling_fit f;
    struct err e;
    o.huber = g->spec->huber;
    o.resamples = 0;
    enum err_code rc = scaling_fit(form, &g->data, &o, &f, &e);
    json_t *out = json_pack("{s:s, s:s, s:o}", "form", form->row.name, "formula", form->formula,
                            "refused", rc ? json_string(e.text) : json_null());
    if (rc) return out;
    json_object_set_new(out, "held_out_error", number(f.held_error));
    json_object_set_new(out, "r2", number(f.r2));
    json_object_set_new(out, "loss", number(f.loss));
    json_object_set_new(out, "outcome", json_string(scaling_outcomes[f.outcome]));
    return out;
}

/* All forms of as many sizes: refused ones last, before them by the held-out error. */
static json_t *forms_json(const struct gather *g)
{
    json_t *list = json_array();
    for (int i = 0; i < scaling_forms.count; i++) {
        const struct scaling_form *form = (const void *)table_row(&scaling_forms, i);
        if (form->n_x != g->n_x) continue;
        json_t *one = form_json(g, form);
        const json_t *error = json_object_get(one, "held_out_error");
        size_t at = 0;
        for (; at < json_array_size(list); at++) {
            const json_t *other = json_object_get(json_array_get(list, at), "held_out_error");
            if (error && (!other || json_number_value(error) < json_number_value(other))) break;
        }
        json_array_insert_new(list, at, one);
    }
    return list;
}

static void add_fit(const struct gather *g, const struct scaling_fit *f,
                    const struct scaling_options *o, json_t *out, const double *mean)
{
    json_t *rest = json_pack(
        "{s:I, s:I, s:I, s:s, s:o, s:s, s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "sizes",
        (json_int_t)f->n_sizes, "seeds", (json_int_t)f->n_seeds, "left_out",
        (json_int_t)g->n_left_out, "outcome", scaling_outcomes[f->outcome], "undetermined",
        text_or_null(f->undetermined < 0 ? NULL : f->form->param[f->undetermined]), "interval",
        scaling_intervals[f->interval], "level", o->level, "resamples",
        (json_int_t)f->n_resamples, "failed_refits", (json_int_t)f->n_failed, "huber",
        number(f->huber), "loss", number(f->loss), "r2", number(f->r2), "params",
        params_json(f), "points", points_json(g, f, mean), "forms", forms_json(g));
    json_object_update(out, rest);
    json_decref(rest);
    json_object_set_new(out, "held_out",
                        json_pack("{s:o, s:o, s:o, s:o, s:s}", "x",
                                  numbers(g->data.x + f->held_out * g->n_x, g->n_x), "y",
                                  number(f->held_y), "predicted", number(f->held_predicted),
                                  "error", number(f->held_error), "outcome",
                                  scaling_outcomes[f->held_outcome]));
}

/* What a fit is of, and why there is none (NULL: there is one). */
static json_t *head_json(const struct gather *g, const char *value, const char *refused)
{
    const struct scaling_spec *s = g->spec;
    json_t *x = json_array();
    for (int j = 0; j < g->n_x; j++) json_array_append_new(x, json_string(g->name[j]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "y", s->y, "x", x, "group",
                     text_or_null(s->group), "value", text_or_null(value), "form",
                     text_or_null(g->form ? g->form->row.name : s->form), "formula",
                     text_or_null(g->form ? g->form->formula : s->form), "refused",
                     text_or_null(refused));
}

/* The fit to the trials whose number of the group is at. */
static enum err_code add_group(struct gather *g, const char *value, double at, json_t *fits,
                               struct err *e)
{
    struct scaling_options o = scaling_defaults;
    struct scaling_fit f;
    struct err why = {0};
    o.huber = g->spec->huber;
    o.resamples = g->spec->bootstrap;
    TRY(collect(g, at, e));
    double *mean = arena_array(&g->arena, (size_t)g->data.n_sizes + 1, sizeof *mean);
    if (!mean) return nomem(e);
    enum err_code rc = scaling_fit(g->form, &g->data, &o, &f, &why);
    if (rc == ERR_NOMEM) return nomem(e);
    json_t *out = head_json(g, value, rc ? why.text : NULL);
    json_array_append_new(fits, out);
    scaling_means(&g->data, mean);
    if (rc == ERR_OK) add_fit(g, &f, &o, out, mean);
    return ERR_OK;
}

/* The values of the group, in the order of the numbers; each trial's first appearance. */
static enum err_code add_groups(struct gather *g, json_t *fits, struct err *e)
{
    const struct results *r = g->r;
    if (!g->group) return add_group(g, NULL, 0, fits, e);
    double *value = arena_array(&g->arena, (size_t)r->n_trials + 1, sizeof *value);
    if (!value) return nomem(e);
    int64_t n = 0;
    for (int64_t t = 0; t < r->n_trials; t++)
        if (g->chosen[t]) value[n++] = g->group->number[t];
    n = distinct(value, n, 1);
    for (int64_t i = 0; i < n; i++) {
        int64_t t = 0;
        while (g->group->number[t] != value[i]) t++;
        TRY(add_group(g, g->group->text[t], value[i], fits, e));
    }
    return ERR_OK;
}

enum err_code scaling_fits(const struct results *r, const double *params, int n,
                           const struct scaling_spec *spec, json_t **out, struct err *e)
{
    enum err_code rc = ERR_OK;
    json_t *fits = json_array();
    *out = json_pack("{s:i, s:o}", "schema", 1, "fits", fits);
    for (int i = 0; i < n && rc == ERR_OK; i++) {
        struct gather g = {.r = r, .params = params, .spec = &spec[i]};
        rc = find_names(&g, e);
        if (rc == ERR_OK) {
            rc = add_groups(&g, fits, e);
        } else if (rc == ERR_CONFIG) {
            json_array_append_new(fits, head_json(&g, NULL, e->text));
            rc = ERR_OK;
        }
        arena_clear(&g.arena);
    }
    return rc;
}

/* ---- kept ---- */

enum err_code scaling_read(const char *store_path, json_t **out, struct err *e)
{
    char path[PATH_MAX];
    json_error_t why;
    *out = NULL;
    journal_path(store_path, SCALING_FILE, path, sizeof path);
    FILE *in = fopen(path, "r");
    if (!in) return ERR_OK;
    *out = json_loadf(in, 0, &why);
    fclose(in);
    if (!*out) return ERR(e, ERR_FORMAT, "%s: line %d: %s", path, why.line, why.text);
    if (json_integer_value(json_object_get(*out, "schema")) == 1 &&
        json_is_array(json_object_get(*out, "fits")))
        return ERR_OK;
    json_decref(*out);
    *out = NULL;
    return ERR(e, ERR_FORMAT, "%s: not of schema 1; run scaling again", path);
}

const char *scaling_refused(const json_t *document)
{
    size_t i;
    const json_t *fit;
    json_array_foreach(json_object_get(document, "fits"), i, fit)
    {
        const char *reason = json_string_value(json_object_get(fit, "refused"));
        if (reason) return reason;
    }
    return NULL;
}
