/* figure_plot.c - see figure_plot.h. */
#include "coord/figure_plot.h"

#include <math.h>
#include <stdio.h>

struct axis_range {
    char name; /* x or y */
    bool log;
    const char *label;
    double low, high;
};

static bool fits(bool log, double value)
{
    return isfinite(value) && (!log || value > 0);
}

static void widen(struct axis_range *a, double value)
{
    if (!fits(a->log, value)) return;
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

/* Some air around the data. */
static void pad(struct axis_range *a)
{
    enum { PARTS = 20 };
    if (!(a->high >= a->low)) a->low = a->log ? 0.1 : 0, a->high = 1; /* nothing to show */
    if (a->log) {
        double factor = a->high > a->low ? pow(a->high / a->low, 1.0 / PARTS) : 2;
        a->low /= factor;
        a->high *= factor;
    } else {
        double width = a->high - a->low, size = fmax(fabs(a->low), fabs(a->high));
        double more = width > 1e-9 * size ? width / PARTS : fmax(size / PARTS, 1e-3);
        a->low -= more;
        a->high += more;
    }
}

static void find_ranges(const struct figure_plot *p, struct axis_range range[2])
{
    range[0] = (struct axis_range){'x', p->log_x, p->x_label, HUGE_VAL, -HUGE_VAL};
    range[1] = (struct axis_range){'y', p->log_y, p->y_label, HUGE_VAL, -HUGE_VAL};
    for (int64_t i = 0; i < p->n; i++) {
        const struct figure_plot_point *q = &p->point[i];
        if (!fits(p->log_x, q->x) || !fits(p->log_y, q->y)) continue;
        widen(&range[0], q->x);
        widen(&range[1], q->y);
        widen(&range[1], q->low);
        widen(&range[1], q->high);
    }
    for (int k = 0; k < 2; k++) pad(&range[k]);
}

/* ---- gnuplot ---- */

static void add_axis(const struct axis_range *a, struct text *t)
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = figure_ticks(a->low, a->high, a->log, tick);
    text_add(t, "set %clabel '", a->name);
    figure_add_quoted(t, a->label);
    text_add(t, "' offset %s\nset %crange [%.12g:%.12g]\n", a->name == 'x' ? "0,0.4" : "0.4,0",
             a->name, a->low, a->high);
    if (a->log) text_add(t, "set logscale %c\n", a->name);
    text_add(t, "set %ctics (", a->name);
    for (int i = 0; i < n; i++)
        text_add(t, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number), tick[i]);
    text_add(t, ")\n");
}

static void write_plot(const struct figure_plot *p, struct figure *f)
{
    struct text *t = &f->plot;
    text_add(t, "plot NaN notitle");
    for (int64_t k = 0; k < p->n_groups; k++) {
        const struct figure_plot_group *g = &p->group[k];
        const struct figure_style *s = &figure_styles[k % FIGURE_STYLES];
        struct text rows = {0};
        text_add(&rows, ", \\\n    '%s.csv' skip 1 every ::%lld::%lld using %d:", f->stem,
                 (long long)g->first, (long long)(g->end - 1), p->x_column);
        if (p->lines)
            text_add(
                t,
                "%s%d:(0):($%d - $%d) with vectors nohead linecolor rgb '#%s' linewidth 1.2"
                " notitle",
                rows.at, p->y_column + 1, p->y_column + 2, p->y_column + 1, s->color);
        text_add(t, "%s%d with %s linecolor rgb '#%s' pointtype %d pointsize %s", rows.at,
                 p->y_column, p->lines ? "linespoints" : "points", s->color, s->gnuplot_point,
                 p->lines ? "0.45" : "0.5");
        if (p->lines) text_add(t, " linewidth 1.4 dashtype %d", s->gnuplot_dash);
        text_clear(&rows);
        text_add(t, *g->name ? " title '" : " notitle");
        if (!*g->name) continue;
        figure_add_quoted(t, g->name);
        text_add(t, "'");
    }
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void tex_axis(const struct axis_range *a, struct text *t)
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = figure_ticks(a->low, a->high, a->log, tick);
    text_add(t, "  %clabel={", a->name);
    figure_add_tex(t, a->label);
    text_add(t, "}, %cmode=%s, %cmin=%.12g, %cmax=%.12g,\n  %ctick={", a->name,
             a->log ? "log" : "linear", a->name, a->low, a->name, a->high, a->name);
    for (int i = 0; i < n; i++) text_add(t, "%s%.12g", i ? "," : "", tick[i]);
    text_add(t, "}, %cticklabels={", a->name);
    for (int i = 0; i < n; i++)
        text_add(t, "%s{%s}", i ? "," : "", results_number(tick[i], number));
    text_add(t, "},\n");
}

static void tex_group(const struct figure_plot *p, int64_t k, struct text *t)
{
    const struct figure_plot_group *g = &p->group[k];
    const struct figure_style *s = &figure_styles[k % FIGURE_STYLES];
    long long color = (long long)(k % FIGURE_STYLES);
    for (int64_t i = g->first; p->lines && i < g->end; i++) {
        const struct figure_plot_point *q = &p->point[i];
        if (fits(p->log_x, q->x) && fits(p->log_y, q->low) && fits(p->log_y, q->high))
            text_add(t,
                     "\\addplot[shoal%lld, forget plot] coordinates {(%.9g,%.9g)"
                     " (%.9g,%.9g)};\n",
                     color, q->x, q->low, q->x, q->high);
    }
    text_add(t, "\\addplot[shoal%lld, %s, mark=%s, mark options={solid}%s] coordinates {",
             color, p->lines ? s->dash : "only marks", s->mark,
             *g->name ? "" : ", forget plot");
    for (int64_t i = g->first; i < g->end; i++) {
        const struct figure_plot_point *q = &p->point[i];
        if (fits(p->log_x, q->x) && fits(p->log_y, q->y))
            text_add(t, " (%.9g,%.9g)", q->x, q->y);
    }
    text_add(t, "};\n");
    if (!*g->name) return;
    text_add(t, "\\addlegendentry{");
    figure_add_tex(t, g->name);
    text_add(t, "}\n");
}

const char *figure_plot_label(const struct results *r, const char *name, char out[LABEL_SIZE])
{
    if (!results_metric(r, name)) return label_axis(name, out);
    snprintf(out, LABEL_SIZE, "%s", name);
    for (char *c = out; *c; c++)
        if (*c == '_') *c = ' ';
    return out;
}

int64_t figure_plot_groups(const struct figure_trials *t, struct figure_plot_group *group)
{
    int64_t k = 0;
    for (int64_t first = 0; first < t->n; first = group[k++].end) {
        group[k].first = first;
        group[k].end = figure_trials_group(t, first);
        figure_trials_name(t, first, group[k].name);
    }
    return k;
}

void figure_plot_draw(const struct figure_plot *p, struct figure *f)
{
    struct axis_range range[2];
    find_ranges(p, range);
    for (int k = 0; k < 2; k++) add_axis(&range[k], &f->setup);
    text_add(&f->setup,
             "%sset grid linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
             "set key above horizontal center Left reverse spacing 0.9 samplen %d\n",
             p->equal ? "set size ratio -1\n" : "", p->lines ? 2 : 1);
    write_plot(p, f);
    text_add(&f->axis, "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left,%s\n",
             f->venue->width_in, f->height_in, p->equal ? " axis equal image," : "");
    for (int k = 0; k < 2; k++) tex_axis(&range[k], &f->axis);
    text_add(&f->axis,
             "  grid=major, grid style={black!15}, mark size=1.5pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n");
    for (int64_t k = 0; k < p->n_groups; k++) tex_group(p, k, &f->axis);
    text_add(&f->axis, "\\end{axis}\n");
}
