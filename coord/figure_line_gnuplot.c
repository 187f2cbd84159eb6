/* figure_line_gnuplot.c - a line figure as commands for gnuplot. */
#include <string.h>

#include "coord/figure_line.h"

/* Panels but the first of a row have no labels on y. */
static void add_tics(const struct line *l, const struct line_panel *p, bool labels,
                     struct text *t)
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = line_x_ticks(l, p, tick);
    text_add(t, "set xtics (");
    for (int i = 0; i < n; i++) {
        text_add(t, "%s'", i ? ", " : "");
        figure_add_quoted(t, line_tick_text(p, tick[i], number));
        text_add(t, "' %.12g", tick[i]);
    }
    n = figure_ticks(l->y[0], l->y[1], l->log_y, tick);
    text_add(t, ")\nset ytics (");
    for (int i = 0; i < n; i++)
        text_add(t, "%s'%s' %.12g", i ? ", " : "",
                 labels ? results_number(tick[i], number) : "", tick[i]);
    text_add(t, ")\n");
}

static void add_label(const char *axis, const char *text, const char *offset, struct text *t)
{
    text_add(t, "set %slabel '", axis);
    figure_add_quoted(t, text);
    text_add(t, "' offset %s\n", offset);
}

/* Columns of a key above panels. */
static int key_columns(const struct line *l)
{
    return l->f->venue->width_in > 4 ? 4 : 2;
}

static int64_t key_rows(const struct line *l)
{
    int64_t n = l->panel[0].s.n_series;
    return n > 1 ? (n + key_columns(l) - 1) / key_columns(l) : 0;
}

/* Do names below a panel need to lean so as not to lie on each other? */
static bool names_lean(const struct line *l)
{
    const struct series_set *s = &l->panel[0].s;
    size_t letters = 0;
    for (int64_t i = 0; s->names && i < s->n_x; i++)
        letters += strlen(s->series[0].point[i].text) + 2;
    double letter_in = 0.45 * l->f->venue->font_pt / 72;
    return (double)letters * letter_in > (l->f->venue->width_in - 0.6) / line_columns(l);
}

static void write_setup(const struct line *l)
{
    struct text *t = &l->f->setup;
    double sample = l->panel[0].s.names ? 0.5 : 2.5;
    text_add(t, "set xrange [%.12g:%.12g]\nset yrange [%.12g:%.12g]\n", l->x[0], l->x[1],
             l->y[0], l->y[1]);
    if (l->log_x) text_add(t, "set logscale x\n");
    if (l->log_y)
        text_add(t, "set logscale y\nlow(v) = v < %.12g ? %.12g : v\n", l->y[0], l->y[0]);
    else
        text_add(t, "low(v) = v\n");
    text_add(t, "set grid ytics linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
                "set style fill transparent solid 0.18 noborder\n");
    if (names_lean(l)) text_add(t, "set xtics rotate by 40 right\n");
    if (l->panel[0].s.n_series < 2)
        text_add(t, "unset key\n");
    else if (l->n_panels == 1)
        text_add(t, "set key above horizontal center Left reverse spacing 0.9 samplen %g\n",
                 sample);
}

/* The rows of a series in the file. */
static void add_source(const struct line *l, const struct line_panel *p, struct text *t,
                       int64_t series)
{
    int64_t first = p->first_row + series * p->s.n_x;
    text_add(t, ", \\\n    '%s.csv' skip 1 every ::%lld::%lld", l->f->stem, (long long)first,
             (long long)(first + p->s.n_x - 1));
}

static void plot_series(const struct line *l, const struct line_panel *p, struct text *t,
                        int64_t h)
{
    const struct figure_style *s = &figure_styles[h % FIGURE_STYLES];
    double x = line_shift(p, h);
    char key[LABEL_SIZE];
    add_source(l, p, t, h);
    if (p->s.names) {
        text_add(t,
                 " using ($3 + %g):(low($5)):(0):($6 - low($5)) with vectors nohead"
                 " linecolor rgb '#%s' linewidth 1.2 notitle",
                 x, s->color);
        add_source(l, p, t, h);
        text_add(t,
                 " using ($3 + %g):4 with points linecolor rgb '#%s' pointtype %d"
                 " pointsize 0.45 title '",
                 x, s->color, s->gnuplot_point);
    } else {
        text_add(t, " using 3:(low($5)):6 with filledcurves linecolor rgb '#%s' notitle",
                 s->color);
        add_source(l, p, t, h);
        text_add(t,
                 " using 3:4 with linespoints linecolor rgb '#%s' linewidth 1.4 dashtype %d"
                 " pointtype %d pointsize %g title '",
                 s->color, s->gnuplot_dash, s->gnuplot_point, p->s.by_step ? 0.25 : 0.45);
    }
    figure_add_quoted(t, line_key(l, &p->s.series[h], key));
    text_add(t, "'");
    for (int v = 0; v < l->n_values; v++) {
        add_source(l, p, t, h);
        text_add(t,
                 " using ($3 + %g):%d with points linecolor rgb '#%s' pointtype 7"
                 " pointsize 0.18 notitle",
                 x, LINE_FIRST_VALUE + v, s->color);
    }
}

/* Labels, ticks and title of a panel; `number` counts panels. */
static void set_panel(const struct line *l, int number, struct text *t)
{
    const struct line_panel *p = &l->panel[number];
    int columns = line_columns(l);
    bool left = number % columns == 0, bottom = number + columns >= l->n_panels;
    char label[LABEL_SIZE];
    add_label("x", bottom ? line_x_label(l, label) : "", "0,0.4", t);
    add_label("y", left ? line_y_label(l, label) : "", "0.4,0", t);
    add_tics(l, p, left, t);
    if (l->n_panels == 1) return;
    text_add(t, "set title '");
    figure_add_quoted(t, p->title);
    text_add(t, "' offset 0,-0.7\n");
    if (number == 1) text_add(t, "unset key\n");
}

static void plot_panel(const struct line *l, const struct line_panel *p, struct text *t)
{
    text_add(t, "plot NaN notitle"); /* draws the axes also where nothing is known yet */
    for (int64_t h = 0; h < p->s.n_series; h++) plot_series(l, p, t, h);
    text_add(t, "\n");
}

/* Panels in rows, a key above all of them that the first one draws. */
static void begin_panels(const struct line *l, struct text *t)
{
    const struct report_venue *v = l->f->venue;
    int columns = line_columns(l), rows = (l->n_panels + columns - 1) / columns;
    double line_in = 1.15 * v->font_pt / 72, height = l->f->height_in;
    double below = (names_lean(l) ? 5.5 : 3.2) * line_in;
    double above = (1.6 + 1.15 * (double)key_rows(l)) * line_in;
    text_add(t, "set multiplot layout %d,%d margins %.4f,%.4f,%.4f,%.4f spacing %.4f,%.4f\n",
             rows, columns, 0.6 / v->width_in, 1 - 0.12 / v->width_in, below / height,
             1 - above / height, 0.2 / v->width_in,
             ((names_lean(l) ? 4.5 : 1.5) + 2) * line_in / height);
    if (key_rows(l))
        text_add(t,
                 "set key at screen 0.5, screen 0.995 center top vertical maxrows %lld Left"
                 " reverse spacing 0.9 samplen %g\n",
                 (long long)key_rows(l), l->panel[0].s.names ? 0.5 : 2.5);
}

void line_gnuplot(const struct line *l)
{
    write_setup(l);
    l->f->multiplot = l->n_panels > 1;
    if (!l->f->multiplot) {
        set_panel(l, 0, &l->f->setup);
        plot_panel(l, &l->panel[0], &l->f->plot);
        return;
    }
    begin_panels(l, &l->f->plot);
    for (int i = 0; i < l->n_panels; i++) {
        set_panel(l, i, &l->f->plot);
        plot_panel(l, &l->panel[i], &l->f->plot);
    }
    text_add(&l->f->plot, "unset multiplot\n");
}
