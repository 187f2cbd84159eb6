/* figure_line.c - a quantity against a setting, a line for each value of hue.
 *
 * Numbers on x get lines and bands; names get points and error bars side by side. Where there
 * are fewer seeds than SERIES_FEW, each seed (or pair of seeds) is drawn as a small point. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure.h"
#include "coord/label.h"
#include "coord/series.h"

/* Columns of the CSV: series, x, position, mean, low, high, n, diverged, value_1 ... */
enum { FIRST_VALUE = 9 };

struct line {
    const struct figure_spec *spec;
    struct figure *f;
    struct series_set s;
    bool log_x, log_y;
    int n_values;      /* columns for single values */
    double x[2], y[2]; /* ranges of the axes */
};

static const struct figure_style *style(int64_t series)
{
    return &figure_styles[series % FIGURE_STYLES];
}

/* Where point i of a series lies on the x axis. */
static double position(const struct line *l, int64_t i)
{
    return l->s.names ? (double)i : l->s.series[0].point[i].x;
}

/* Names: series stand side by side. */
static double shift(const struct line *l, int64_t series)
{
    if (!l->s.names || l->s.n_series < 2) return 0;
    double room = 0.5, middle = (double)(l->s.n_series - 1) / 2;
    return ((double)series - middle) * room / (double)l->s.n_series;
}

/* A value with the name that a number needs: "relu", "width 64". */
static const char *value_text(const char *setting, const char *value, char out[LABEL_SIZE])
{
    const char *dot = strrchr(setting, '.');
    bool number = *value && !value[strspn(value, "0123456789.+-e")];
    snprintf(out, LABEL_SIZE, "%s%s%s", number && dot ? dot + 1 : "", number && dot ? " " : "",
             value);
    return out;
}

/* What the key says of a series. */
static const char *key_text(const struct line *l, int64_t series, char out[LABEL_SIZE])
{
    return value_text(l->spec->hue, l->s.series[series].name, out);
}

/* ---- data ---- */

static void write_csv(const struct line *l)
{
    struct text *t = &l->f->csv;
    text_add(t, "%s,", *l->spec->hue ? l->spec->hue : "series");
    text_add(t, "%s,position,%s,low,high,n,diverged", l->spec->x, l->spec->y);
    for (int v = 0; v < l->n_values; v++) text_add(t, ",value_%d", v + 1);
    text_add(t, "\n");
    for (int64_t h = 0; h < l->s.n_series; h++)
        for (int64_t i = 0; i < l->s.n_x; i++) {
            const struct series_point *p = &l->s.series[h].point[i];
            const double number[4] = {position(l, i), p->value.mean, p->value.low,
                                      p->value.high};
            text_add_csv(t, l->s.series[h].name);
            text_add(t, ",");
            text_add_csv(t, p->text);
            for (int k = 0; k < 4; k++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[k]);
            }
            text_add(t, ",%lld,%lld", (long long)p->value.n, (long long)p->n_diverged);
            for (int v = 0; v < l->n_values; v++) {
                text_add(t, ",");
                figure_add_csv_number(t, v < p->n_each ? p->each[v] : NAN);
            }
            text_add(t, "\n");
        }
}

/* ---- ranges and ticks ---- */

static void widen(double range[2], double value)
{
    if (!isfinite(value)) return;
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

/* Some air around the data. */
static void pad(double range[2], bool log, double part)
{
    if (!(range[1] >= range[0])) range[0] = 0, range[1] = 1; /* nothing to show */
    if (log) {
        double factor = range[1] > range[0] ? pow(range[1] / range[0], part) : 2;
        range[0] /= factor;
        range[1] *= factor;
    } else {
        double width = range[1] - range[0];
        double more = width > 0 ? width * part : fmax(fabs(range[0]) * part, 1e-3);
        range[0] -= more;
        range[1] += more;
    }
}

static void find_ranges(struct line *l)
{
    l->x[0] = l->y[0] = HUGE_VAL;
    l->x[1] = l->y[1] = -HUGE_VAL;
    for (int64_t i = 0; i < l->s.n_x; i++) widen(l->x, position(l, i));
    for (int64_t h = 0; h < l->s.n_series; h++)
        for (int64_t i = 0; i < l->s.n_x; i++) {
            const struct series_point *p = &l->s.series[h].point[i];
            widen(l->y, p->value.mean);
            widen(l->y, p->value.low);
            widen(l->y, p->value.high);
            for (int v = 0; v < p->n_each; v++) widen(l->y, p->each[v]);
            if (p->n_each > l->n_values) l->n_values = p->n_each;
        }
    l->log_x = strchr(l->spec->log, 'x') && !l->s.names && l->x[0] > 0;
    l->log_y = strchr(l->spec->log, 'y') && l->y[0] > 0;
    if (l->s.names)
        l->x[0] = -0.5, l->x[1] = (double)l->s.n_x - 0.5;
    else
        pad(l->x, l->log_x, 0.04);
    pad(l->y, l->log_y, 0.06);
}

/* Part of the x axis between two points. */
static double distance(const struct line *l, double a, double b)
{
    return l->log_x ? log(b / a) / log(l->x[1] / l->x[0]) : (b - a) / (l->x[1] - l->x[0]);
}

/* Labels of the x axis: the values of the setting where there is room, or round numbers. */
static int x_ticks(const struct line *l, double tick[FIGURE_TICKS])
{
    int64_t n = l->s.n_x, stride = (n + 7) / 8;
    double nearest = 1;
    if (n == 0) return 0;
    for (int64_t i = stride; i < n; i += stride)
        nearest = fmin(nearest, distance(l, position(l, i - stride), position(l, i)));
    if (!l->s.names && nearest < 0.08) return figure_ticks(l->x[0], l->x[1], l->log_x, tick);
    if (l->s.names && n <= FIGURE_TICKS) stride = 1;
    int count = 0;
    for (int64_t i = 0; i < n && count < FIGURE_TICKS; i += stride)
        tick[count++] = position(l, i);
    return count;
}

static const char *x_tick_text(const struct line *l, double tick, char buffer[32])
{
    return l->s.names ? l->s.series[0].point[(int64_t)tick].text : results_number(tick, buffer);
}

/* ---- gnuplot ---- */

static const char *y_label(const struct line *l, char out[LABEL_SIZE])
{
    if (!l->s.of_pairs) return label_axis(l->spec->y, out);
    snprintf(out, LABEL_SIZE, "alignment, %s", l->spec->y);
    return out;
}

static void add_tics(const struct line *l, struct text *t)
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = x_ticks(l, tick);
    text_add(t, "set xtics (");
    for (int i = 0; i < n; i++) {
        text_add(t, "%s'", i ? ", " : "");
        figure_add_quoted(t, x_tick_text(l, tick[i], number));
        text_add(t, "' %.12g", tick[i]);
    }
    n = figure_ticks(l->y[0], l->y[1], l->log_y, tick);
    text_add(t, ")\nset ytics (");
    for (int i = 0; i < n; i++)
        text_add(t, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number), tick[i]);
    text_add(t, ")\n");
}

static void write_setup(const struct line *l)
{
    struct text *t = &l->f->setup;
    char label[LABEL_SIZE];
    text_add(t, "set xlabel '");
    figure_add_quoted(t, label_axis(l->spec->x, label));
    text_add(t, "' offset 0,0.4\nset ylabel '");
    figure_add_quoted(t, y_label(l, label));
    text_add(t, "' offset 0.4,0\nset xrange [%.12g:%.12g]\nset yrange [%.12g:%.12g]\n", l->x[0],
             l->x[1], l->y[0], l->y[1]);
    if (l->log_x) text_add(t, "set logscale x\n");
    if (l->log_y) text_add(t, "set logscale y\n");
    add_tics(l, t);
    text_add(t, "set grid ytics linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
                "set style fill transparent solid 0.18 noborder\n");
    if (l->s.n_series > 1)
        text_add(t, "set key above horizontal center Left reverse spacing 0.9 samplen %g\n",
                 l->s.names ? 0.5 : 2.5);
    else
        text_add(t, "unset key\n");
}

/* The rows of a series in the file. */
static void add_source(const struct line *l, struct text *t, int64_t series)
{
    text_add(t, ", \\\n    '%s.csv' skip 1 every ::%lld::%lld", l->f->stem,
             (long long)(series * l->s.n_x), (long long)((series + 1) * l->s.n_x - 1));
}

static void plot_series(const struct line *l, struct text *t, int64_t h)
{
    const struct figure_style *s = style(h);
    double x = shift(l, h);
    char key[LABEL_SIZE];
    add_source(l, t, h);
    if (l->s.names) {
        text_add(t,
                 " using ($3 + %g):5:(0):($6 - $5) with vectors nohead linecolor rgb '#%s'"
                 " linewidth 1.2 notitle",
                 x, s->color);
        add_source(l, t, h);
        text_add(t,
                 " using ($3 + %g):4 with points linecolor rgb '#%s' pointtype %d"
                 " pointsize 0.45 title '",
                 x, s->color, s->gnuplot_point);
    } else {
        text_add(t, " using 3:5:6 with filledcurves linecolor rgb '#%s' notitle", s->color);
        add_source(l, t, h);
        text_add(t,
                 " using 3:4 with linespoints linecolor rgb '#%s' linewidth 1.4 dashtype %d"
                 " pointtype %d pointsize 0.45 title '",
                 s->color, s->gnuplot_dash, s->gnuplot_point);
    }
    figure_add_quoted(t, key_text(l, h, key));
    text_add(t, "'");
    for (int v = 0; v < l->n_values; v++) {
        add_source(l, t, h);
        text_add(t,
                 " using ($3 + %g):%d with points linecolor rgb '#%s' pointtype 7"
                 " pointsize 0.18 notitle",
                 x, FIRST_VALUE + v, s->color);
    }
}

static void write_plot(const struct line *l)
{
    struct text *t = &l->f->plot;
    text_add(t, "plot NaN notitle"); /* draws the axes also where nothing is known yet */
    for (int64_t h = 0; h < l->s.n_series; h++) plot_series(l, t, h);
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void tex_ticks(struct text *t, const char *axis, const double *tick, int n)
{
    text_add(t, "  %stick={", axis);
    for (int i = 0; i < n; i++) text_add(t, "%s%.12g", i ? "," : "", tick[i]);
    text_add(t, "},\n");
}

static void tex_options(const struct line *l, struct text *t)
{
    double tick[FIGURE_TICKS];
    char label[LABEL_SIZE], number[32];
    text_add(t, "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left, xlabel={",
             l->f->venue->width_in, l->f->height_in);
    figure_add_tex(t, label_axis(l->spec->x, label));
    text_add(t, "}, ylabel={");
    figure_add_tex(t, y_label(l, label));
    text_add(t, "},\n  xmode=%s, ymode=%s, xmin=%.12g, xmax=%.12g, ymin=%.12g, ymax=%.12g,\n",
             l->log_x ? "log" : "linear", l->log_y ? "log" : "linear", l->x[0], l->x[1],
             l->y[0], l->y[1]);
    int n = x_ticks(l, tick);
    tex_ticks(t, "x", tick, n);
    text_add(t, "  xticklabels={");
    for (int i = 0; i < n; i++) {
        text_add(t, "%s{", i ? "," : "");
        figure_add_tex(t, x_tick_text(l, tick[i], number));
        text_add(t, "}");
    }
    text_add(t, "},\n");
    n = figure_ticks(l->y[0], l->y[1], l->log_y, tick);
    tex_ticks(t, "y", tick, n);
    text_add(t, "  yticklabels={");
    for (int i = 0; i < n; i++)
        text_add(t, "%s{%s}", i ? "," : "", results_number(tick[i], number));
    text_add(t,
             "},\n  ymajorgrids, minor tick num=0, grid style={black!15}, mark size=1.3pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n");
}

/* Coordinates of one curve; skips points without the value. */
static void tex_curve(const struct line *l, struct text *t, int64_t h,
                      double (*value)(const struct series_point *p))
{
    for (int64_t i = 0; i < l->s.n_x; i++) {
        double y = value(&l->s.series[h].point[i]);
        if (isfinite(y)) text_add(t, " (%.12g,%.12g)", position(l, i) + shift(l, h), y);
    }
    text_add(t, "};\n");
}

static double mean_of(const struct series_point *p)
{
    return p->value.mean;
}

static double low_of(const struct series_point *p)
{
    return p->value.low;
}

static double high_of(const struct series_point *p)
{
    return p->value.high;
}

static void tex_band(const struct line *l, struct text *t, int64_t h)
{
    text_add(t, "\\addplot[name path=low%lld, draw=none, forget plot] coordinates {",
             (long long)h);
    tex_curve(l, t, h, low_of);
    text_add(t, "\\addplot[name path=high%lld, draw=none, forget plot] coordinates {",
             (long long)h);
    tex_curve(l, t, h, high_of);
    text_add(t,
             "\\addplot[shoal%lld, opacity=0.18, forget plot] fill between[of=low%lld and"
             " high%lld];\n",
             (long long)(h % FIGURE_STYLES), (long long)h, (long long)h);
}

static void tex_bars(const struct line *l, struct text *t, int64_t h)
{
    for (int64_t i = 0; i < l->s.n_x; i++) {
        const struct statistics_interval *v = &l->s.series[h].point[i].value;
        double x = position(l, i) + shift(l, h);
        if (isfinite(v->low))
            text_add(t,
                     "\\addplot[shoal%lld, forget plot] coordinates {(%.12g,%.12g)"
                     " (%.12g,%.12g)};\n",
                     (long long)(h % FIGURE_STYLES), x, v->low, x, v->high);
    }
}

/* Are there two intervals at least, so that a band has an inside? */
static bool has_band(const struct line *l, int64_t h)
{
    int n = 0;
    for (int64_t i = 0; i < l->s.n_x; i++) n += isfinite(l->s.series[h].point[i].value.low);
    return n > 1;
}

static void tex_values(const struct line *l, struct text *t, int64_t h)
{
    text_add(t,
             "\\addplot[shoal%lld, only marks, mark=*, mark size=0.5pt, forget plot]"
             " coordinates {",
             (long long)(h % FIGURE_STYLES));
    for (int64_t i = 0; i < l->s.n_x; i++) {
        const struct series_point *p = &l->s.series[h].point[i];
        for (int v = 0; v < p->n_each; v++)
            text_add(t, " (%.12g,%.12g)", position(l, i) + shift(l, h), p->each[v]);
    }
    text_add(t, "};\n");
}

static void write_tex(const struct line *l)
{
    struct text *t = &l->f->axis;
    char key[LABEL_SIZE];
    tex_options(l, t);
    for (int64_t h = 0; h < l->s.n_series; h++) {
        const struct figure_style *s = style(h);
        if (l->s.names)
            tex_bars(l, t, h);
        else if (has_band(l, h))
            tex_band(l, t, h);
        if (l->n_values) tex_values(l, t, h);
        text_add(t, "\\addplot[shoal%lld, %s, mark=%s, mark options={solid}%s] coordinates {",
                 (long long)(h % FIGURE_STYLES), s->dash, s->mark,
                 l->s.names ? ", only marks" : "");
        tex_curve(l, t, h, mean_of);
        if (l->s.n_series < 2) continue;
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, key_text(l, h, key));
        text_add(t, "}\n");
    }
    text_add(t, "\\end{axis}\n");
}

/* ---- words ---- */

static void say_seeds(const struct line *l, struct text *t)
{
    int64_t least = INT64_MAX, most = 0;
    for (int64_t h = 0; h < l->s.n_series; h++)
        for (int64_t i = 0; i < l->s.n_x; i++) {
            int64_t n = l->s.series[h].point[i].value.n;
            if (n > 0 && n < least) least = n;
            if (n > most) most = n;
        }
    if (most == 0)
        text_add(t, " There is nothing to show%s.",
                 l->s.of_pairs ? ": an alignment between seeds needs two seeds that are done"
                               : "");
    else if (least == most)
        text_add(t, " n = %lld seed%s at each point.", (long long)most, most > 1 ? "s" : "");
    else
        text_add(t, " n = %lld to %lld seeds a point.", (long long)least, (long long)most);
    if (most > (l->s.of_pairs ? 2 : 1)) {
        text_add(t, " %s: %g %% percentile bootstrap intervals over seeds, %d resamples.",
                 l->s.names ? "Bars" : "Bands", l->spec->ci, STATISTICS_RESAMPLES);
        if (least < STATISTICS_FEW)
            text_add(t, " Of so few seeds they are too short: about three in four of 95 %%"
                        " intervals of three seeds hold the mean.");
    } else if (most > 0) {
        text_add(t, " Too few seeds for an interval.");
    }
    if (l->n_values && most > 1)
        text_add(t, " Small points: the single %s.",
                 l->s.of_pairs ? "pairs of seeds" : "seeds");
}

static void say_missing(const struct line *l, struct text *t)
{
    if (l->s.n_diverged > 0) {
        text_add(t, " %lld trial%s diverged and %s not in the means (",
                 (long long)l->s.n_diverged, l->s.n_diverged > 1 ? "s" : "",
                 l->s.n_diverged > 1 ? "are" : "is");
        bool first = true;
        for (int64_t h = 0; h < l->s.n_series; h++)
            for (int64_t i = 0; i < l->s.n_x; i++) {
                const struct series_point *p = &l->s.series[h].point[i];
                if (p->n_diverged == 0) continue;
                text_add(t, "%s%s%s%s: %lld", first ? "" : "; ", l->s.series[h].name,
                         *l->s.series[h].name ? ", " : "", p->text, (long long)p->n_diverged);
                first = false;
            }
        text_add(t, ").");
    }
    if (l->s.n_waiting > 0)
        text_add(t, " %lld trial%s not done.", (long long)l->s.n_waiting,
                 l->s.n_waiting > 1 ? "s are" : " is");
    if (strchr(l->spec->log, 'y') && !l->log_y)
        text_add(t, " The axis is linear: not all values are positive.");
    if (strchr(l->spec->log, 'x') && !l->log_x && !l->s.names)
        text_add(t, " The x axis is linear: not all values are positive.");
}

/* "0.5 [0.4, 0.6] at width 64", and how many trials are not in the mean. */
static void say_point(const struct line *l, struct text *t, const struct series_point *p)
{
    char text[LABEL_SIZE];
    figure_add_interval(t, &p->value);
    text_add(t, " at %s", value_text(l->spec->x, p->text, text));
    if (p->n_diverged) text_add(t, " (%lld diverged)", (long long)p->n_diverged);
}

/* "relu: 0.5 [0.4, 0.6] at width 64, 0.7 [0.6, 0.8] at width 4096": the ends of x, or the
 * extremes of y where x is names. */
static void say_series(const struct line *l, struct text *t, int64_t h)
{
    const struct series_point *p = l->s.series[h].point, *a = NULL, *b = NULL;
    for (int64_t i = 0; i < l->s.n_x; i++) {
        if (p[i].value.n == 0) continue;
        if (!a || (l->s.names && p[i].value.mean < a->value.mean)) a = &p[i];
        if (!b || !l->s.names || p[i].value.mean > b->value.mean) b = &p[i];
    }
    if (!a) return;
    char text[LABEL_SIZE];
    if (*l->s.series[h].name) text_add(t, "%s: ", key_text(l, h, text));
    say_point(l, t, a);
    if (b != a) {
        text_add(t, ", ");
        say_point(l, t, b);
    }
    text_add(t, "\n");
}

static void write_words(const struct line *l)
{
    struct figure *f = l->f;
    text_add(&f->title, "%s against %s%s%s", l->spec->y, l->spec->x,
             *l->spec->hue ? " by " : "", l->spec->hue);
    if (l->s.of_pairs)
        text_add(&f->caption, "Mean %s between networks that differ only in their seed.",
                 l->spec->y);
    else
        text_add(&f->caption, "Mean %s at the %s%s.", l->spec->y,
                 *l->spec->at ? "first record with " : "last record", l->spec->at);
    say_seeds(l, &f->caption);
    say_missing(l, &f->caption);
    if (*l->spec->filter) text_add(&f->caption, " Only trials with %s.", l->spec->filter);
    for (int64_t h = 0; h < l->s.n_series; h++) say_series(l, &f->answer, h);
}

enum err_code figure_line_draw(const struct results *r, const struct figure_spec *spec,
                               struct figure *f, struct err *e)
{
    struct series_query query = {.y = spec->y,
                                 .x = spec->x,
                                 .hue = spec->hue,
                                 .filter = spec->filter,
                                 .at = spec->at,
                                 .level = spec->ci};
    struct line l = {.spec = spec, .f = f};
    if (!*spec->x) return ERR(e, ERR_CONFIG, "a line figure needs x, a setting that varies");
    enum err_code rc = series_collect(r, &query, &l.s, e);
    if (rc == ERR_OK) {
        find_ranges(&l);
        write_csv(&l);
        write_setup(&l);
        write_plot(&l);
        write_tex(&l);
        write_words(&l);
    }
    series_clear(&l.s);
    return rc;
}
