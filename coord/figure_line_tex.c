/* figure_line_tex.c - a line figure for pgfplots. */
#include <math.h>

#include "coord/figure_line.h"

static void tex_ticks(struct text *t, const char *axis, const double *tick, int n)
{
    text_add(t, "  %stick={", axis);
    for (int i = 0; i < n; i++) text_add(t, "%s%.12g", i ? "," : "", tick[i]);
    text_add(t, "},\n");
}

/* The axis's options; number counts panels. */
static void tex_options(const struct line *l, int number, struct text *t)
{
    const struct line_panel *p = &l->panel[number];
    int columns = line_columns(l);
    bool left = number % columns == 0, bottom = number + columns >= l->n_panels;
    double tick[FIGURE_TICKS];
    char label[LABEL_SIZE], text[32];
    text_add(t, l->n_panels > 1 ? "\\nextgroupplot[title={" : "\\begin{axis}[title={");
    figure_add_tex(t, p->title);
    text_add(t, "},\n  width=%gin, height=%gin, axis lines=left, xlabel={",
             l->f->venue->width_in / columns,
             l->f->height_in / ((l->n_panels + columns - 1) / columns));
    figure_add_tex(t, bottom ? line_x_label(l, label) : "");
    text_add(t, "}, ylabel={");
    figure_add_tex(t, left ? line_y_label(l, label) : "");
    text_add(t, "},\n  xmode=%s, ymode=%s, xmin=%.12g, xmax=%.12g, ymin=%.12g, ymax=%.12g,\n",
             l->log_x ? "log" : "linear", l->log_y ? "log" : "linear", l->x[0], l->x[1],
             l->y[0], l->y[1]);
    int n = line_x_ticks(l, p, tick);
    tex_ticks(t, "x", tick, n);
    text_add(t, "  xticklabels={");
    for (int i = 0; i < n; i++) {
        text_add(t, "%s{", i ? "," : "");
        figure_add_tex(t, line_tick_text(p, tick[i], text));
        text_add(t, "}");
    }
    text_add(t, "},\n");
    n = figure_ticks(l->y[0], l->y[1], l->log_y, tick);
    tex_ticks(t, "y", tick, n);
    text_add(t, "  yticklabels={");
    for (int i = 0; i < n; i++)
        text_add(t, "%s{%s}", i ? "," : "", results_number(tick[i], text));
    text_add(t,
             "},\n  ymajorgrids, minor tick num=0, grid style={black!15}, mark size=1.3pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n");
}

/* Coordinates of one curve; skips points without the value. */
static void tex_curve(const struct line *l, const struct line_panel *p, struct text *t,
                      int64_t h,
                      double (*value)(const struct line *l, const struct series_point *p))
{
    for (int64_t i = 0; i < p->s.n_x; i++) {
        double y = value(l, &p->s.series[h].point[i]);
        if (isfinite(y))
            text_add(t, " (%.12g,%.12g)", line_position(p, i) + line_shift(p, h), y);
    }
    text_add(t, "};\n");
}

static double mean_of(const struct line *l, const struct series_point *p)
{
    (void)l;
    return p->value.mean;
}

static double high_of(const struct line *l, const struct series_point *p)
{
    (void)l;
    return p->value.high;
}

static void tex_band(const struct line *l, const struct line_panel *p, struct text *t,
                     int64_t h)
{
    text_add(t, "\\addplot[name path=low%lld, draw=none, forget plot] coordinates {",
             (long long)h);
    tex_curve(l, p, t, h, line_low);
    text_add(t, "\\addplot[name path=high%lld, draw=none, forget plot] coordinates {",
             (long long)h);
    tex_curve(l, p, t, h, high_of);
    text_add(t,
             "\\addplot[shoal%lld, opacity=0.18, forget plot] fill between[of=low%lld and"
             " high%lld];\n",
             (long long)(h % FIGURE_STYLES), (long long)h, (long long)h);
}

static void tex_bars(const struct line *l, const struct line_panel *p, struct text *t,
                     int64_t h)
{
    for (int64_t i = 0; i < p->s.n_x; i++) {
        const struct series_point *q = &p->s.series[h].point[i];
        double x = line_position(p, i) + line_shift(p, h);
        if (isfinite(q->value.low))
            text_add(t,
                     "\\addplot[shoal%lld, forget plot] coordinates {(%.12g,%.12g)"
                     " (%.12g,%.12g)};\n",
                     (long long)(h % FIGURE_STYLES), x, line_low(l, q), x, q->value.high);
    }
}

/* Are there two intervals at least, so that a band has an inside? */
static bool has_band(const struct line_panel *p, int64_t h)
{
    int n = 0;
    for (int64_t i = 0; i < p->s.n_x; i++) n += isfinite(p->s.series[h].point[i].value.low);
    return n > 1;
}

static void tex_values(const struct line_panel *p, struct text *t, int64_t h)
{
    text_add(t,
             "\\addplot[shoal%lld, only marks, mark=*, mark size=0.5pt, forget plot]"
             " coordinates {",
             (long long)(h % FIGURE_STYLES));
    for (int64_t i = 0; i < p->s.n_x; i++) {
        const struct series_point *q = &p->s.series[h].point[i];
        for (int v = 0; v < q->n_each; v++)
            text_add(t, " (%.12g,%.12g)", line_position(p, i) + line_shift(p, h), q->each[v]);
    }
    text_add(t, "};\n");
}

static void tex_panel(const struct line *l, int number, struct text *t)
{
    const struct line_panel *p = &l->panel[number];
    char key[LABEL_SIZE];
    tex_options(l, number, t);
    for (int64_t h = 0; h < p->s.n_series; h++) {
        const struct figure_style *s = &figure_styles[h % FIGURE_STYLES];
        if (p->s.names)
            tex_bars(l, p, t, h);
        else if (has_band(p, h))
            tex_band(l, p, t, h);
        if (l->n_values) tex_values(p, t, h);
        text_add(t, "\\addplot[shoal%lld, %s, mark=%s, mark options={solid}%s] coordinates {",
                 (long long)(h % FIGURE_STYLES), s->dash, s->mark,
                 p->s.names ? ", only marks" : "");
        tex_curve(l, p, t, h, mean_of);
        if (p->s.n_series < 2 || number > 0) continue;
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, line_key(l, &p->s.series[h], key));
        text_add(t, "}\n");
    }
}

void line_tex(const struct line *l)
{
    struct text *t = &l->f->axis;
    int columns = line_columns(l);
    bool group = l->n_panels > 1;
    if (group)
        text_add(t,
                 "\\begin{groupplot}[group style={group size=%d by %d, horizontal sep=12pt,"
                 " vertical sep=32pt}]\n",
                 columns, (l->n_panels + columns - 1) / columns);
    for (int i = 0; i < l->n_panels; i++) tex_panel(l, i, t);
    text_add(t, group ? "\\end{groupplot}\n" : "\\end{axis}\n");
}
