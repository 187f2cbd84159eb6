/* figure_scatter.c - a metric against another, a point for each trial, and how far groups lie
 * from a line fitted to some of them: effective robustness.
 *
 * A fit of logits scales the axes, too, so that the line is straight.
 *
 * source   Taori et al., arXiv 2007.00644, section 3: rho = acc2 - beta(acc1), beta linear
 *          between logits, fitted on standard models */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure_trials.h"
#include "coord/filter.h"
#include "coord/label.h"

/* A trial's point. */
struct point {
    double x, y, rho; /* rho: distance from the fit along y, NaN without one */
    bool fitted;      /* the line was fitted to it, too */
};

/* Trials of one value of hue. */
struct group {
    int64_t first, end; /* points [first, end) */
    char name[FIGURE_NAME];
    struct statistics_interval rho;
};

struct scatter {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    struct point *point; /* [trials.n] */
    int64_t n_groups;
    struct group *group;
    double a, b; /* y = a + b x, or between logits; NaN without a fit */
    int64_t n_there, n_fitted;
    const char *why;   /* there is no fit; NULL if there is */
    bool logits;       /* axes are scaled by the logit: the line is straight */
    double x[2], y[2]; /* ranges as scaled */
};

static const struct row fit_rows[] = {
    [FIGURE_FIT_NONE] = {"none", "no line", NULL},
    [FIGURE_FIT_LINEAR] = {"linear", "y = a + b x", NULL},
    [FIGURE_FIT_LOGIT] = {"logit", "logit y = a + b logit x", "arXiv 2007.00644"},
};
const struct table figure_fits = TABLE("fit", fit_rows);

/* ---- points ---- */

static bool is_there(const struct point *p)
{
    return isfinite(p->x) && isfinite(p->y);
}

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
        s->n_there += is_there(&s->point[i]);
    }
    return ERR_OK;
}

/* Are all values shares, so that they have logits? */
static bool are_shares(const struct scatter *s)
{
    for (int64_t i = 0; i < s->trials.n; i++) {
        const struct point *p = &s->point[i];
        if (is_there(p) && !(p->x >= 0 && p->x <= 1 && p->y >= 0 && p->y <= 1)) return false;
    }
    return true;
}

/* ---- the fit ---- */

/* How near to 0 and 1 a share may come: half a sample. */
static double edge(const struct scatter *s)
{
    return 0.5 / (double)s->spec->fit_n;
}

/* A value on its axis, and back. */
static double scaled(const struct scatter *s, double value)
{
    if (!s->logits) return value;
    double p = fmin(fmax(value, edge(s)), 1 - edge(s));
    return log(p / (1 - p));
}

static double unscaled(const struct scatter *s, double at)
{
    return s->logits ? 1 / (1 + exp(-at)) : at;
}

static double fit_at(const struct scatter *s, double x)
{
    return unscaled(s, s->a + s->b * scaled(s, x));
}

/* Least squares over the points that the filter lets pass. */
static void fit(struct scatter *s)
{
    double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0;
    s->a = s->b = NAN;
    for (int twice = 0; twice < 2; twice++) { /* the means first */
        for (int64_t i = 0; i < s->trials.n; i++) {
            const struct point *p = &s->point[i];
            if (!p->fitted || !is_there(p)) continue;
            double x = scaled(s, p->x), y = scaled(s, p->y);
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
    else if (s->spec->fit == FIGURE_FIT_LOGIT && !s->logits)
        s->why = "only values from 0 to 1 have logits";
    else if (n < 2)
        s->why = "fewer than two points to fit a line to";
    else if (xx <= 1e-24 * n * mean_x * mean_x) /* but for rounding */
        s->why = "all points to fit a line to have the same x";
    if (s->why) return;
    s->b = xy / xx;
    s->a = mean_y - s->b * mean_x;
    for (int64_t i = 0; i < s->trials.n; i++)
        if (is_there(&s->point[i])) s->point[i].rho = s->point[i].y - fit_at(s, s->point[i].x);
}

/* The mean distance of a group: over the trials of a seed, then over seeds. scratch: as many
 * numbers as it has trials. */
static struct statistics_interval robustness(const struct scatter *s, int64_t first,
                                             int64_t end, double *scratch)
{
    int64_t n = 0;
    double rounding = 1e-13 * fmax(fabs(unscaled(s, s->y[0])), fabs(unscaled(s, s->y[1])));
    for (int64_t i = first; i < end;) { /* trials of a group lie by seed */
        uint64_t seed = s->trials.r->seed[s->trials.trial[i]];
        double sum = 0, count = 0;
        for (; i < end && s->trials.r->seed[s->trials.trial[i]] == seed; i++) {
            if (isnan(s->point[i].rho)) continue;
            sum += s->point[i].rho;
            count++;
        }
        if (count > 0) scratch[n++] = sum / count;
    }
    struct statistics_interval out = statistics_t_interval(n, scratch, s->spec->ci);
    if (fabs(out.mean) < rounding) out.mean = 0; /* of a line through all points */
    return out;
}

static enum err_code find_groups(struct scatter *s, struct err *e)
{
    size_t room = (size_t)s->trials.n + 1;
    double *scratch = arena_array(&s->trials.arena, room, sizeof *scratch);
    s->group = arena_array(&s->trials.arena, room, sizeof *s->group);
    if (!scratch || !s->group)
        return ERR(e, ERR_NOMEM, "no memory for %lld groups", (long long)s->trials.n);
    for (int64_t first = 0; first < s->trials.n; first = s->group[s->n_groups++].end) {
        struct group *g = &s->group[s->n_groups];
        g->first = first;
        g->end = figure_trials_group(&s->trials, first);
        g->rho = robustness(s, first, g->end, scratch);
        figure_trials_name(&s->trials, first, g->name);
    }
    return ERR_OK;
}

/* ---- data ---- */

/* What is said of a group stands in each of its rows. */
static void write_csv(const struct scatter *s)
{
    struct text *t = &s->f->csv;
    const struct results *r = s->trials.r;
    text_add(t, "%s,%s,%s,seed,fitted,rho,group_rho,group_low,group_high,group_seeds\n",
             *s->spec->hue ? s->spec->hue : "series", s->spec->x, s->spec->y);
    for (int64_t k = 0; k < s->n_groups; k++)
        for (int64_t i = s->group[k].first; i < s->group[k].end; i++) {
            const struct point *p = &s->point[i];
            const struct statistics_interval *v = &s->group[k].rho;
            const double number[4] = {p->rho, v->mean, v->low, v->high};
            text_add_csv(t, s->trials.hue ? s->trials.hue->text[s->trials.trial[i]] : "");
            text_add(t, ",");
            figure_add_csv_number(t, p->x);
            text_add(t, ",");
            figure_add_csv_number(t, p->y);
            text_add(t, ",%llu,%d", (unsigned long long)r->seed[s->trials.trial[i]], p->fitted);
            for (int n = 0; n < 4; n++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[n]);
            }
            text_add(t, ",%lld\n", (long long)v->n);
        }
}

/* ---- ranges and ticks ---- */

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
        widen(s->x, scaled(s, s->point[i].x));
        widen(s->y, scaled(s, s->point[i].y));
    }
    for (int k = 0; k < 2; k++) {
        double *a = range[k];
        if (!(a[1] >= a[0])) a[0] = scaled(s, 0.05), a[1] = scaled(s, 0.95);
        double width = a[1] - a[0], size = fmax(fabs(a[0]), fabs(a[1]));
        double air = width > 0 ? 0.06 * width : size > 0 ? 0.05 * size : 0.05;
        a[0] -= air;
        a[1] += air;
    }
}

/* The two ends of the line in the frame, each by `form`; nothing where it misses the frame. */
static void add_line(const struct scatter *s, struct text *t, const char *form)
{
    double end[2] = {s->x[0], s->x[1]};
    if (s->b != 0) {
        double p = (s->y[0] - s->a) / s->b, q = (s->y[1] - s->a) / s->b;
        end[0] = fmax(end[0], fmin(p, q));
        end[1] = fmin(end[1], fmax(p, q));
    } else if (s->a < s->y[0] || s->a > s->y[1]) {
        return;
    }
    for (int i = 0; i < 2 && end[0] < end[1]; i++)
        text_add(t, form, end[i], s->a + s->b * end[i]);
}

/* Adds a label at a share, in ascending order, if it is on the axis and has room. 0 and 1 stand
 * where they are drawn, half a sample inside; nothing else does beyond. */
static void add_share(const struct scatter *s, const double range[2], double share, int *n,
                      double tick[FIGURE_TICKS])
{
    double at = scaled(s, share);
    bool beyond = share < edge(s) || share > 1 - edge(s);
    if (at < range[0] || at > range[1] || (beyond && share != 0 && share != 1)) return;
    for (int k = 0; k < *n; k++)
        if (fabs(scaled(s, tick[k]) - at) < 0.1 * (range[1] - range[0])) return;
    int k = (*n)++;
    for (; k > 0 && tick[k - 1] > share; k--) tick[k] = tick[k - 1];
    tick[k] = share;
}

/* Shares at which an axis of logits is labelled: of these, the first that have room; where they
 * are few, round ones. */
static int share_ticks(const struct scatter *s, const double range[2],
                       double tick[FIGURE_TICKS])
{
    static const double shares[] = {0.5, 1,   0,   0.9, 0.1,  0.99, 0.01, 0.999, 0.001, 0.7,
                                    0.3, 0.8, 0.2, 0.6, 0.95, 0.05, 0.4,  0.97,  0.03};
    enum { SHARES = sizeof shares / sizeof *shares, FEW = 4 };
    double rounds[FIGURE_TICKS];
    int n = 0, few = figure_ticks(unscaled(s, range[0]), unscaled(s, range[1]), false, rounds);
    for (int i = 0; i < SHARES && n < FIGURE_TICKS; i++)
        add_share(s, range, shares[i], &n, tick);
    if (n >= FEW) return n;
    for (int i = 0; i < few && n < FIGURE_TICKS; i++) add_share(s, range, rounds[i], &n, tick);
    return n;
}

/* Values at which an axis is labelled. */
static int find_ticks(const struct scatter *s, const double range[2], double tick[FIGURE_TICKS])
{
    return s->logits ? share_ticks(s, range, tick)
                     : figure_ticks(range[0], range[1], false, tick);
}

/* What an axis is called: by its name where both would be called the same. */
static const char *axis_label(const struct scatter *s, const char *name, char out[LABEL_SIZE])
{
    char x[LABEL_SIZE], y[LABEL_SIZE];
    if (strcmp(label_axis(s->spec->x, x), label_axis(s->spec->y, y)) != 0 ||
        strcmp(s->spec->x, s->spec->y) == 0)
        return label_axis(name, out);
    snprintf(out, LABEL_SIZE, "%s", name);
    for (char *c = out; *c; c++)
        if (*c == '_') *c = ' ';
    return out;
}

/* ---- gnuplot ---- */

static void add_tics(const struct scatter *s, const char *axis, const double range[2])
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = find_ticks(s, range, tick);
    text_add(&s->f->setup, "set %stics (", axis);
    for (int i = 0; i < n; i++)
        text_add(&s->f->setup, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number),
                 scaled(s, tick[i]));
    text_add(&s->f->setup, ")\n");
}

static void write_setup(const struct scatter *s)
{
    struct text *t = &s->f->setup;
    char label[LABEL_SIZE];
    text_add(t, "set xlabel '");
    figure_add_quoted(t, axis_label(s, s->spec->x, label));
    text_add(t, "' offset 0,0.4\nset ylabel '");
    figure_add_quoted(t, axis_label(s, s->spec->y, label));
    text_add(t, "' offset 0.4,0\nset xrange [%.12g:%.12g]\nset yrange [%.12g:%.12g]\n", s->x[0],
             s->x[1], s->y[0], s->y[1]);
    add_tics(s, "x", s->x);
    add_tics(s, "y", s->y);
    text_add(t, "set grid linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
                "set key above horizontal center Left reverse spacing 0.9 samplen 1\n");
    if (s->logits)
        text_add(t,
                 "inside(p) = p < %.9g ? %.9g : p > %.9g ? %.9g : p\n"
                 "at(p) = log(inside(p) / (1 - inside(p)))\n",
                 edge(s), edge(s), 1 - edge(s), 1 - edge(s));
    else
        text_add(t, "at(p) = p\n");
    if (s->why) return;
    /* clip two: rounding may put both ends outside the frame */
    text_add(t, "set clip two\n$fit << EOD\n");
    add_line(s, t, "%.12g,%.12g\n");
    text_add(t, "EOD\n");
}

static void write_plot(const struct scatter *s)
{
    struct text *t = &s->f->plot;
    text_add(t, "plot NaN notitle");
    if (s->spec->diagonal)
        text_add(t, ", x with lines linecolor rgb '#909090' dashtype 2 linewidth 0.8 notitle");
    if (!s->why)
        text_add(
            t, ", $fit using 1:2 with lines linecolor rgb '#404040' linewidth 1.2 title 'fit'");
    for (int64_t k = 0; k < s->n_groups; k++) {
        const struct group *g = &s->group[k];
        const struct figure_style *style = &figure_styles[k % FIGURE_STYLES];
        text_add(
            t,
            ", \\\n    '%s.csv' skip 1 every ::%lld::%lld using (at($2)):(at($3)) with points"
            " linecolor rgb '#%s' pointtype %d pointsize 0.5",
            s->f->stem, (long long)g->first, (long long)(g->end - 1), style->color,
            style->gnuplot_point);
        text_add(t, *g->name ? " title '" : " notitle");
        if (!*g->name) continue;
        figure_add_quoted(t, g->name);
        text_add(t, "'");
    }
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void tex_axis(const struct scatter *s, const char *axis, const char *name,
                     const double range[2])
{
    struct text *t = &s->f->axis;
    double tick[FIGURE_TICKS];
    char label[LABEL_SIZE], number[32];
    int n = find_ticks(s, range, tick);
    text_add(t, "  %slabel={", axis);
    figure_add_tex(t, axis_label(s, name, label));
    text_add(t, "}, %smin=%.12g, %smax=%.12g,\n  %stick={", axis, range[0], axis, range[1],
             axis);
    for (int i = 0; i < n; i++) text_add(t, "%s%.12g", i ? "," : "", scaled(s, tick[i]));
    text_add(t, "}, %sticklabels={", axis);
    for (int i = 0; i < n; i++)
        text_add(t, "%s{%s}", i ? "," : "", results_number(tick[i], number));
    text_add(t, "},\n");
}

static void write_tex(const struct scatter *s)
{
    struct text *t = &s->f->axis;
    text_add(t, "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left,\n",
             s->f->venue->width_in, s->f->height_in);
    tex_axis(s, "x", s->spec->x, s->x);
    tex_axis(s, "y", s->spec->y, s->y);
    text_add(t,
             "  grid=major, grid style={black!15}, mark size=1.5pt,\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n");
    if (s->spec->diagonal)
        text_add(t, "\\addplot[gray, dashed, forget plot, domain=%.12g:%.12g] {x};\n", s->x[0],
                 s->x[1]);
    if (!s->why) {
        text_add(t, "\\addplot[black!75, thick] coordinates {");
        add_line(s, t, " (%.12g,%.12g)");
        text_add(t, "};\n\\addlegendentry{fit}\n");
    }
    for (int64_t k = 0; k < s->n_groups; k++) {
        const struct group *g = &s->group[k];
        text_add(t, "\\addplot[shoal%lld, only marks, mark=%s%s] coordinates {",
                 (long long)(k % FIGURE_STYLES), figure_styles[k % FIGURE_STYLES].mark,
                 *g->name ? "" : ", forget plot");
        for (int64_t i = g->first; i < g->end; i++)
            if (is_there(&s->point[i]))
                text_add(t, " (%.9g,%.9g)", scaled(s, s->point[i].x), scaled(s, s->point[i].y));
        text_add(t, "};\n");
        if (!*g->name) continue;
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, g->name);
        text_add(t, "}\n");
    }
    text_add(t, "\\end{axis}\n");
}

/* ---- words ---- */

static void say_points(const struct scatter *s, struct text *t)
{
    int64_t absent = s->trials.n - s->n_there;
    if (s->n_there == 0) text_add(t, "There is nothing to show");
    if (s->n_there == 1) text_add(t, "A point for one trial");
    if (s->n_there > 1) text_add(t, "A point for each of %lld trials", (long long)s->n_there);
    text_add(t, ", at the %s%s.", *s->spec->at ? "first record with " : "last record",
             s->spec->at);
    if (absent > 0)
        text_add(t, " %lld trial%s no point: no such record, or no numbers in it.",
                 (long long)absent, absent > 1 ? "s have" : " has");
    if (s->spec->diagonal) text_add(t, " Dashed: y = x.");
    figure_trials_say(&s->trials, s->spec, t);
    if (s->logits) text_add(t, " Axes are scaled by the logit.");
}

static void say_groups(const struct scatter *s)
{
    struct figure *f = s->f;
    const char *between = "";
    text_add(
        &f->caption,
        " Distances from it along y, rho, with %g %% t intervals over seeds: ", s->spec->ci);
    for (int64_t k = 0; k < s->n_groups; k++) {
        const struct group *g = &s->group[k];
        if (g->rho.n == 0) continue;
        text_add(&f->caption, "%s%s%s", between, g->name, *g->name ? " " : "");
        figure_add_interval(&f->caption, &g->rho);
        text_add(&f->answer, "%s%srho = ", g->name, *g->name ? ": " : "");
        figure_add_interval(&f->answer, &g->rho);
        text_add(&f->answer, "\n");
        between = "; ";
    }
    text_add(&f->caption, ".");
}

static void write_words(const struct scatter *s)
{
    struct figure *f = s->f;
    const struct row *kind = table_row(&figure_fits, s->spec->fit);
    text_add(&f->title, "%s against %s%s%s", s->spec->y, s->spec->x,
             *s->spec->hue ? " by " : "", s->spec->hue);
    say_points(s, &f->caption);
    if (s->spec->fit == FIGURE_FIT_NONE) return;
    if (s->why) {
        text_add(&f->caption, " No line: %s.", s->why);
        return;
    }
    text_add(&f->caption, " Line: %s, a = %.3g, b = %.3g, least squares over %lld trials%s%s.",
             kind->help, s->a, s->b, (long long)s->n_fitted,
             *s->spec->fit_filter ? " with " : "", s->spec->fit_filter);
    say_groups(s);
}

enum err_code figure_scatter_draw(const struct results *r, const struct figure_spec *spec,
                                  struct figure *f, struct err *e)
{
    struct scatter s = {.spec = spec, .f = f};
    enum err_code rc = find_points(&s, r, e);
    if (rc == ERR_OK) {
        s.logits = spec->fit == FIGURE_FIT_LOGIT && are_shares(&s);
        fit(&s);
        find_ranges(&s);
        rc = find_groups(&s, e);
    }
    if (rc == ERR_OK) {
        write_csv(&s);
        write_setup(&s);
        write_plot(&s);
        write_tex(&s);
        write_words(&s);
    }
    figure_trials_clear(&s.trials);
    return rc;
}
