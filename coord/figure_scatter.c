/* figure_scatter.c - a metric against another, a point for each trial, and how far groups lie from
 * a line fitted to some of them: effective robustness.
 *
 * source   Taori et al., arXiv 2007.00644, section 3: rho = acc2 - beta(acc1), beta linear between
 *          logits, fitted on standard models */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure_trials.h"
#include "coord/filter.h"
#include "coord/label.h"

enum { CURVE_POINTS = 101 };

/* A trial's point. */
struct point {
    double x, y, rho; /* rho: distance from the fit along y, NaN without one */
    bool fitted;      /* the line was fitted to it, too */
};

struct scatter {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    struct point *point; /* [trials.n] */
    double a, b;         /* y = a + b x, or between logits; NaN without a fit */
    int64_t n_fitted;
    const char *why; /* there is no fit; NULL if there is */
    double x[2], y[2];
};

static const struct row fit_rows[] = {
    [FIGURE_FIT_NONE] = {"none", "no line", NULL},
    [FIGURE_FIT_LINEAR] = {"linear", "y = a + b x", NULL},
    [FIGURE_FIT_LOGIT] = {"logit", "logit y = a + b logit x", "arXiv 2007.00644"},
};
const struct table figure_fits = TABLE("fit", fit_rows);

/* ---- points ---- */

static enum err_code find_points(struct scatter *s, const struct results *r, struct err *e)
{
    struct expr *at, *fitted;
    const struct results_metric *x = results_metric(r, s->spec->x);
    const struct results_metric *y = results_metric(r, s->spec->y);
    if (!x || !y)
        return ERR(e, ERR_CONFIG, "'%s' is no metric of this store",
                   x ? s->spec->y : s->spec->x);
    TRY(figure_trials_find(r, s->spec, &s->trials, e));
    TRY(filter_parse(r, s->spec->at, &s->trials.arena, &at, e));
    TRY(filter_parse(r, s->spec->fit_filter, &s->trials.arena, &fitted, e));
    s->point = arena_array(&s->trials.arena, (size_t)s->trials.n + 1, sizeof *s->point);
    if (!s->point)
        return ERR(e, ERR_NOMEM, "no memory for %lld points", (long long)s->trials.n);
    for (int64_t i = 0; i < s->trials.n; i++) {
        int64_t t = s->trials.trial[i], record = filter_record(r, at, t);
        s->point[i] = (struct point){results_at(r, x, t, record), results_at(r, y, t, record),
                                     NAN, filter_match(r, fitted, t)};
    }
    return ERR_OK;
}

static bool is_there(const struct point *p)
{
    return isfinite(p->x) && isfinite(p->y);
}

/* ---- the fit ---- */

static double logit(const struct scatter *s, double p)
{
    double edge = 0.5 / (double)s->spec->fit_n;
    p = fmin(fmax(p, edge), 1 - edge);
    return log(p / (1 - p));
}

static double fit_at(const struct scatter *s, double x)
{
    if (s->spec->fit == FIGURE_FIT_LINEAR) return s->a + s->b * x;
    return 1 / (1 + exp(-(s->a + s->b * logit(s, x))));
}

/* Least squares over the points that the filter lets pass. */
static void fit(struct scatter *s)
{
    bool logits = s->spec->fit == FIGURE_FIT_LOGIT;
    double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0;
    s->a = s->b = NAN;
    for (int twice = 0; twice < 2; twice++) { /* the means first */
        for (int64_t i = 0; i < s->trials.n; i++) {
            const struct point *p = &s->point[i];
            if (!p->fitted || !is_there(p)) continue;
            double x = logits ? logit(s, p->x) : p->x, y = logits ? logit(s, p->y) : p->y;
            if (twice) {
                xx += (x - mean_x) * (x - mean_x);
                xy += (x - mean_x) * (y - mean_y);
            } else {
                n++;
                mean_x += (x - mean_x) / n;
                mean_y += (y - mean_y) / n;
            }
        }
    }
    s->n_fitted = (int64_t)n;
    if (s->spec->fit == FIGURE_FIT_NONE)
        s->why = "";
    else if (n < 2)
        s->why = "fewer than two points to fit a line to";
    else if (xx <= 1e-12 * (1 + mean_x * mean_x))
        s->why = "all points to fit a line to have the same x";
    if (s->why) return;
    s->b = xy / xx;
    s->a = mean_y - s->b * mean_x;
    for (int64_t i = 0; i < s->trials.n; i++)
        if (is_there(&s->point[i])) s->point[i].rho = s->point[i].y - fit_at(s, s->point[i].x);
}

/* The mean distance of a group: over the trials of a seed, then over seeds. */
static enum err_code robustness(const struct scatter *s, int64_t first, int64_t end,
                                struct statistics_interval *out, struct err *e)
{
    double *mean = malloc((size_t)(end - first + 1) * sizeof *mean);
    int64_t n = 0;
    if (!mean) return ERR(e, ERR_NOMEM, "no memory for distances");
    for (int64_t i = first; i < end;) { /* trials of a group lie by seed */
        uint64_t seed = s->trials.r->seed[s->trials.trial[i]];
        double sum = 0, count = 0;
        for (; i < end && s->trials.r->seed[s->trials.trial[i]] == seed; i++) {
            if (isnan(s->point[i].rho)) continue;
            sum += s->point[i].rho;
            count++;
        }
        if (count > 0) mean[n++] = sum / count;
    }
    *out = statistics_bootstrap(n, mean, 95, 0);
    free(mean);
    return ERR_OK;
}

/* ---- data ---- */

static void write_csv(const struct scatter *s)
{
    struct text *t = &s->f->csv;
    const struct results *r = s->trials.r;
    text_add(t, "%s,%s,%s,seed,fitted,rho\n", *s->spec->hue ? s->spec->hue : "series",
             s->spec->x, s->spec->y);
    for (int64_t i = 0; i < s->trials.n; i++) {
        const struct point *p = &s->point[i];
        const double number[2] = {p->x, p->y};
        text_add_csv(t, s->trials.hue ? s->trials.hue->text[s->trials.trial[i]] : "");
        for (int k = 0; k < 2; k++) {
            text_add(t, ",");
            figure_add_csv_number(t, number[k]);
        }
        text_add(t, ",%llu,%d,", (unsigned long long)r->seed[s->trials.trial[i]], p->fitted);
        figure_add_csv_number(t, p->rho);
        text_add(t, "\n");
    }
}

static void widen(double range[2], double value)
{
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

static void find_ranges(struct scatter *s)
{
    double *const range[2] = {s->x, s->y};
    s->x[0] = s->y[0] = HUGE_VAL;
    s->x[1] = s->y[1] = -HUGE_VAL;
    for (int64_t i = 0; i < s->trials.n; i++) {
        if (!is_there(&s->point[i])) continue;
        widen(s->x, s->point[i].x);
        widen(s->y, s->point[i].y);
    }
    for (int k = 0; k < 2; k++) {
        if (!(range[k][1] >= range[k][0])) range[k][0] = 0, range[k][1] = 1;
        double width = range[k][1] - range[k][0], air = width > 0 ? 0.06 * width : 0.05;
        range[k][0] -= air;
        range[k][1] += air;
    }
}

/* The fitted curve as pairs of numbers with `between` in them. */
static void add_curve(const struct scatter *s, struct text *t, const char *form)
{
    for (int i = 0; i < CURVE_POINTS; i++) {
        double x = s->x[0] + (s->x[1] - s->x[0]) * i / (CURVE_POINTS - 1);
        bool outside = s->spec->fit == FIGURE_FIT_LOGIT && (x <= 0 || x >= 1);
        double y = fit_at(s, x);
        if (!outside && y >= s->y[0] && y <= s->y[1]) text_add(t, form, x, y);
    }
}

/* ---- gnuplot ---- */

static void write_setup(const struct scatter *s)
{
    struct text *t = &s->f->setup;
    char label[LABEL_SIZE];
    text_add(t, "set xlabel '");
    figure_add_quoted(t, label_axis(s->spec->x, label));
    text_add(t, "' offset 0,0.4\nset ylabel '");
    figure_add_quoted(t, label_axis(s->spec->y, label));
    text_add(t, "' offset 0.4,0\nset xrange [%.12g:%.12g]\nset yrange [%.12g:%.12g]\n", s->x[0],
             s->x[1], s->y[0], s->y[1]);
    text_add(t, "set grid linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
                "set key above horizontal center Left reverse spacing 0.9 samplen 1\n");
    if (s->why) return;
    text_add(t, "$fit << EOD\n");
    add_curve(s, t, "%.9g,%.9g\n");
    text_add(t, "EOD\n");
}

static void write_plot(const struct scatter *s)
{
    struct text *t = &s->f->plot;
    char name[FIGURE_NAME];
    text_add(t, "plot NaN notitle");
    if (s->spec->diagonal)
        text_add(t, ", x with lines linecolor rgb '#909090' dashtype 2 linewidth 0.8 notitle");
    if (!s->why)
        text_add(
            t, ", $fit using 1:2 with lines linecolor rgb '#404040' linewidth 1.2 title 'fit'");
    for (int64_t first = 0, group = 0, end; first < s->trials.n; first = end, group++) {
        const struct figure_style *style = &figure_styles[group % FIGURE_STYLES];
        end = figure_trials_group(&s->trials, first);
        text_add(t,
                 ", \\\n    '%s.csv' skip 1 every ::%lld::%lld using 2:3 with points"
                 " linecolor rgb '#%s' pointtype %d pointsize 0.5",
                 s->f->stem, (long long)first, (long long)(end - 1), style->color,
                 style->gnuplot_point);
        if (s->trials.hue) {
            text_add(t, " title '");
            figure_add_quoted(t, figure_trials_name(&s->trials, first, name));
            text_add(t, "'");
        } else
            text_add(t, " notitle");
    }
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void write_tex(const struct scatter *s)
{
    struct text *t = &s->f->axis;
    char label[LABEL_SIZE], name[FIGURE_NAME];
    text_add(t, "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left, xlabel={",
             s->f->venue->width_in, s->f->height_in);
    figure_add_tex(t, label_axis(s->spec->x, label));
    text_add(t, "}, ylabel={");
    figure_add_tex(t, label_axis(s->spec->y, label));
    text_add(t,
             "},\n  xmin=%.12g, xmax=%.12g, ymin=%.12g, ymax=%.12g, grid=major,\n"
             "  grid style={black!15}, mark size=1.5pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n",
             s->x[0], s->x[1], s->y[0], s->y[1]);
    if (s->spec->diagonal)
        text_add(t, "\\addplot[gray, dashed, forget plot, domain=%.12g:%.12g] {x};\n", s->x[0],
                 s->x[1]);
    if (!s->why) {
        text_add(t, "\\addplot[black!75, thick] coordinates {");
        add_curve(s, t, " (%.9g,%.9g)");
        text_add(t, "};\n\\addlegendentry{fit}\n");
    }
    for (int64_t first = 0, group = 0, end; first < s->trials.n; first = end, group++) {
        end = figure_trials_group(&s->trials, first);
        text_add(t, "\\addplot[shoal%lld, only marks, mark=%s] coordinates {",
                 (long long)(group % FIGURE_STYLES), figure_styles[group % FIGURE_STYLES].mark);
        for (int64_t i = first; i < end; i++)
            if (is_there(&s->point[i]))
                text_add(t, " (%.9g,%.9g)", s->point[i].x, s->point[i].y);
        text_add(t, "};\n");
        if (!s->trials.hue) continue;
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, figure_trials_name(&s->trials, first, name));
        text_add(t, "}\n");
    }
    text_add(t, "\\end{axis}\n");
}

/* ---- words ---- */

static enum err_code write_words(const struct scatter *s, struct err *e)
{
    struct figure *f = s->f;
    const struct row *kind = table_row(&figure_fits, s->spec->fit);
    char name[FIGURE_NAME];
    text_add(&f->title, "%s against %s%s%s", s->spec->y, s->spec->x,
             *s->spec->hue ? " by " : "", s->spec->hue);
    text_add(&f->caption, "A point for each of %lld trials, at the %s%s.",
             (long long)s->trials.n, *s->spec->at ? "first record with " : "last record",
             s->spec->at);
    figure_trials_say(&s->trials, s->spec, &f->caption);
    if (s->spec->fit == FIGURE_FIT_NONE) return ERR_OK;
    if (s->why) {
        text_add(&f->caption, " No line: %s.", s->why);
        return ERR_OK;
    }
    text_add(&f->caption, " Line: %s, a = %.3g, b = %.3g, least squares over %lld trials%s%s.",
             kind->help, s->a, s->b, (long long)s->n_fitted,
             *s->spec->fit_filter ? " with " : "", s->spec->fit_filter);
    text_add(&f->caption, " Distances from it along y, rho, with 95 %% intervals over seeds:");
    for (int64_t first = 0, end; first < s->trials.n; first = end) {
        struct statistics_interval rho;
        end = figure_trials_group(&s->trials, first);
        TRY(robustness(s, first, end, &rho, e));
        figure_trials_name(&s->trials, first, name);
        text_add(&f->caption, "%s %s%s", first ? ";" : "", name, *name ? " " : "");
        figure_add_interval(&f->caption, &rho);
        text_add(&f->answer, "%s%srho = ", name, *name ? ": " : "");
        figure_add_interval(&f->answer, &rho);
        text_add(&f->answer, "\n");
    }
    text_add(&f->caption, ".");
    return ERR_OK;
}

enum err_code figure_scatter_draw(const struct results *r, const struct figure_spec *spec,
                                  struct figure *f, struct err *e)
{
    struct scatter s = {.spec = spec, .f = f};
    enum err_code rc = find_points(&s, r, e);
    if (rc == ERR_OK) {
        fit(&s);
        find_ranges(&s);
        write_csv(&s);
        write_setup(&s);
        write_plot(&s);
        write_tex(&s);
        rc = write_words(&s, e);
    }
    figure_trials_clear(&s.trials);
    return rc;
}
