/* figure_scaling.c - the fits that a store has of a metric against one size: means over seeds
 * and the law through them, both axes logarithmic. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure_trials.h"
#include "coord/label.h"
#include "coord/scaling.h"
#include "linalg/scaling_form.h"

enum { CURVE = 61, ROOM = 4096 };

/* One fit: rows [first, curve) are means, [curve, end) lie on its law. */
struct law {
    char name[FIGURE_NAME];
    const json_t *fit;
    int first, curve, end;
};

struct drawing {
    const struct figure_spec *spec;
    struct figure *f;
    json_t *document;
    int n_laws, n_rows;
    struct law law[FIGURE_STYLES];
    double x[ROOM], y[ROOM];
    double range_x[2], range_y[2];
};

/* ---- data ---- */

/* Is it a fit of the figure's y and x that could be made? */
static bool is_shown(const struct drawing *d, const json_t *fit)
{
    const json_t *x = json_object_get(fit, "x");
    const char *name = json_string_value(json_array_get(x, 0));
    const char *y = json_string_value(json_object_get(fit, "y"));
    return json_is_null(json_object_get(fit, "refused")) && json_array_size(x) == 1 && name &&
           y && strcmp(name, d->spec->x) == 0 && strcmp(y, d->spec->y) == 0;
}

static void add_row(struct drawing *d, double x, double y)
{
    if (!(x > 0 && y > 0) || d->n_rows == ROOM) return;
    d->x[d->n_rows] = x;
    d->y[d->n_rows++] = y;
    d->range_x[0] = fmin(d->range_x[0], x);
    d->range_x[1] = fmax(d->range_x[1], x);
    d->range_y[0] = fmin(d->range_y[0], y);
    d->range_y[1] = fmax(d->range_y[1], y);
}

/* The law between the least and the largest size, at equal distances of their logarithm. */
static void add_curve(struct drawing *d, const json_t *fit, double least, double most)
{
    const struct scaling_form *form;
    double param[SCALING_PARAMS] = {0};
    const char *name = json_string_value(json_object_get(fit, "form"));
    if (!name || scaling_form_find(name, &form, NULL) || form->n_x != 1) return;
    for (int k = 0; k < form->n_params; k++)
        param[k] = json_number_value(json_object_get(
            json_array_get(json_object_get(fit, "params"), (size_t)k), "value"));
    for (int i = 0; i < CURVE; i++) {
        double x = least * pow(most / least, i / (CURVE - 1.0));
        add_row(d, x, scaling_form_predict(form, param, &x));
    }
}

static void add_law(struct drawing *d, const json_t *fit)
{
    struct law *l = &d->law[d->n_laws++];
    const char *value = json_string_value(json_object_get(fit, "value"));
    const char *form = json_string_value(json_object_get(fit, "formula"));
    size_t i;
    const json_t *point;
    double least = HUGE_VAL, most = 0;
    snprintf(l->name, sizeof l->name, "%s", value ? value : form ? form : "");
    l->fit = fit;
    l->first = d->n_rows;
    json_array_foreach(json_object_get(fit, "points"), i, point)
    {
        double x = json_number_value(json_array_get(json_object_get(point, "x"), 0));
        add_row(d, x, json_number_value(json_object_get(point, "y")));
        least = fmin(least, x);
        most = fmax(most, x);
    }
    l->curve = d->n_rows;
    add_curve(d, fit, least, most);
    l->end = d->n_rows;
}

static void find_laws(struct drawing *d)
{
    size_t i;
    const json_t *fit;
    json_array_foreach(json_object_get(d->document, "fits"), i,
                       fit) if (is_shown(d, fit) && d->n_laws < FIGURE_STYLES) add_law(d, fit);
    if (d->n_rows == 0) d->range_x[0] = d->range_y[0] = 1, d->range_x[1] = d->range_y[1] = 10;
    double *const range[2] = {d->range_x, d->range_y};
    for (int k = 0; k < 2; k++) {
        double air = fmax(1.02, pow(range[k][1] / range[k][0], 0.06));
        range[k][0] /= air;
        range[k][1] *= air;
    }
}

static void write_csv(const struct drawing *d)
{
    struct text *t = &d->f->csv;
    text_add(t, "fit,what,x,y\n");
    for (int k = 0; k < d->n_laws; k++)
        for (int i = d->law[k].first; i < d->law[k].end; i++) {
            text_add_csv(t, d->law[k].name);
            text_add(t, ",%s,", i < d->law[k].curve ? "mean" : "law");
            figure_add_csv_number(t, d->x[i]);
            text_add(t, ",");
            figure_add_csv_number(t, d->y[i]);
            text_add(t, "\n");
        }
}

/* ---- gnuplot ---- */

/* Values at which an axis is labelled, so far apart that labels have room. */
static int find_ticks(const double range[2], double tick[FIGURE_TICKS])
{
    double least = 0.12 * log(range[1] / range[0]);
    int n = figure_ticks(range[0], range[1], true, tick), kept = 0;
    for (int i = 0; i < n; i++)
        if (kept == 0 || log(tick[i] / tick[kept - 1]) > least) tick[kept++] = tick[i];
    return kept;
}

static void add_tics(const struct drawing *d, const char *axis, const double range[2])
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = find_ticks(range, tick);
    text_add(&d->f->setup, "set %stics (", axis);
    for (int i = 0; i < n; i++)
        text_add(&d->f->setup, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number),
                 tick[i]);
    text_add(&d->f->setup, ")\n");
}

static void write_setup(const struct drawing *d)
{
    struct text *t = &d->f->setup;
    char label[LABEL_SIZE];
    text_add(t, "set xlabel '");
    figure_add_quoted(t, label_axis(d->spec->x, label));
    text_add(t, "' offset 0,0.4\nset ylabel '");
    figure_add_quoted(t, label_axis(d->spec->y, label));
    text_add(t,
             "' offset 0.4,0\nset logscale xy\nset xrange [%.12g:%.12g]\n"
             "set yrange [%.12g:%.12g]\n",
             d->range_x[0], d->range_x[1], d->range_y[0], d->range_y[1]);
    add_tics(d, "x", d->range_x);
    add_tics(d, "y", d->range_y);
    text_add(t, "set grid linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
                "set key above horizontal center Left reverse spacing 0.9 samplen 1\n");
}

static void write_plot(const struct drawing *d)
{
    struct text *t = &d->f->plot;
    text_add(t, "plot NaN notitle");
    for (int k = 0; k < d->n_laws; k++) {
        const struct law *l = &d->law[k];
        const struct figure_style *style = &figure_styles[k];
        text_add(t,
                 ", \\\n    '%s.csv' skip 1 every ::%d::%d using 3:4 with points linecolor rgb"
                 " '#%s' pointtype %d pointsize 0.6 title '",
                 d->f->stem, l->first, l->curve - 1, style->color, style->gnuplot_point);
        figure_add_quoted(t, l->name);
        text_add(t,
                 "', \\\n    '%s.csv' skip 1 every ::%d::%d using 3:4 with lines linecolor rgb"
                 " '#%s' dashtype %d linewidth 1.2 notitle",
                 d->f->stem, l->curve, l->end - 1, style->color, style->gnuplot_dash);
    }
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void add_coordinates(const struct drawing *d, int first, int end)
{
    struct text *t = &d->f->axis;
    text_add(t, " coordinates {");
    for (int i = first; i < end; i++) text_add(t, " (%.9g,%.9g)", d->x[i], d->y[i]);
    text_add(t, "};\n");
}

static void write_tex(const struct drawing *d)
{
    struct text *t = &d->f->axis;
    char label[LABEL_SIZE];
    text_add(
        t,
        "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left, xmode=log, ymode=log,\n"
        "  xlabel={",
        d->f->venue->width_in, d->f->height_in);
    figure_add_tex(t, label_axis(d->spec->x, label));
    text_add(t, "}, ylabel={");
    figure_add_tex(t, label_axis(d->spec->y, label));
    text_add(t,
             "}, xmin=%.12g, xmax=%.12g, ymin=%.12g, ymax=%.12g,\n"
             "  grid=major, grid style={black!15}, mark size=1.5pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n",
             d->range_x[0], d->range_x[1], d->range_y[0], d->range_y[1]);
    for (int k = 0; k < d->n_laws; k++) {
        const struct law *l = &d->law[k];
        text_add(t, "\\addplot[shoal%d, only marks, mark=%s]", k, figure_styles[k].mark);
        add_coordinates(d, l->first, l->curve);
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, l->name);
        text_add(t, "}\n\\addplot[shoal%d, %s, forget plot]", k, figure_styles[k].dash);
        add_coordinates(d, l->curve, l->end);
    }
    text_add(t, "\\end{axis}\n");
}

/* ---- words ---- */

/* "relu: E + A*x^-alpha, E = 0.2 [0.1, 0.3], alpha = ..." */
static void say_law(const struct law *l, struct text *t)
{
    size_t i;
    const json_t *p;
    const char *formula = json_string_value(json_object_get(l->fit, "formula"));
    text_add(t, "%s", l->name);
    if (formula && strcmp(formula, l->name) != 0) text_add(t, ": %s", formula);
    json_array_foreach(json_object_get(l->fit, "params"), i, p)
    {
        const json_t *low = json_object_get(p, "low");
        text_add(t, ", %s = %.3g", json_string_value(json_object_get(p, "name")),
                 json_number_value(json_object_get(p, "value")));
        if (json_is_number(low))
            text_add(t, " [%.3g, %.3g]", json_number_value(low),
                     json_number_value(json_object_get(p, "high")));
    }
    text_add(t, "\n");
}

static void write_words(const struct drawing *d)
{
    struct figure *f = d->f;
    text_add(&f->title, "Law of %s against %s", d->spec->y, d->spec->x);
    if (d->n_laws == 0) {
        text_add(&f->caption, "The store has no such fit: run shoal scaling.");
        return;
    }
    text_add(&f->caption,
             "Points: means over seeds. Lines: laws fitted to them; parameters stand in the "
             "table of scaling laws.");
    for (int k = 0; k < d->n_laws; k++) say_law(&d->law[k], &f->answer);
}

enum err_code figure_scaling_draw(const struct results *r, const struct figure_spec *spec,
                                  struct figure *f, struct err *e)
{
    struct drawing *d = calloc(1, sizeof *d);
    if (!d) return ERR(e, ERR_NOMEM, "no memory for a figure");
    *d = (struct drawing){
        .spec = spec, .f = f, .range_x = {HUGE_VAL, 0}, .range_y = {HUGE_VAL, 0}};
    enum err_code rc = scaling_read(r->path, &d->document, e);
    if (rc == ERR_OK) {
        find_laws(d);
        write_csv(d);
        write_setup(d);
        write_plot(d);
        write_tex(d);
        write_words(d);
    }
    json_decref(d->document);
    free(d);
    return rc;
}
