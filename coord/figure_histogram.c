/* figure_histogram.c - how the values of one column of an array are distributed, an outline for
 * each value of hue. All outlines have the same bins. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure_trials.h"
#include "coord/label.h"

enum { FILLED = 2 }; /* more outlines are not filled */

/* Values of one hue. */
struct group {
    int64_t first;    /* its first trial's place */
    int64_t n;        /* values */
    double *value;    /* [n] owned, ascending */
    int64_t n_nan;    /* that are no numbers */
    int64_t n_trials; /* that have the array */
    int64_t n_seeds;
    int64_t *count; /* [bins] */
};

struct histogram {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    int64_t n_groups;
    struct group *group;
    double low, high; /* of all bins */
    double most;      /* the largest share */
};

static double edge(const struct histogram *h, int64_t bin)
{
    return bin == h->spec->bins
               ? h->high
               : h->low + (h->high - h->low) * (double)bin / (double)h->spec->bins;
}

static double share(const struct group *g, int64_t bin)
{
    return g->n ? (double)g->count[bin] / (double)g->n : 0;
}

/* ---- values ---- */

/* Adds the values of the column to a group. */
static enum err_code add_values(const struct histogram *h, struct group *g,
                                const struct results_array *a, struct err *e)
{
    const char *column = h->spec->column;
    int64_t stride = 1, at = 0;
    if (*column) {
        stride = a->size[a->n_dims - 1];
        at = results_array_column(a, column);
        if (at < 0)
            return ERR(e, ERR_CONFIG, "column: array '%s' has no column '%s'; it has %s",
                       h->spec->array, column, a->columns ? a->columns : "numbers from 0");
    }
    double *grown = realloc(g->value, (size_t)(g->n + a->count / stride + 1) * sizeof *grown);
    if (!grown) return ERR(e, ERR_NOMEM, "no memory for the values of '%s'", h->spec->array);
    g->value = grown;
    for (int64_t i = at; i < a->count; i += stride) {
        if (isfinite(a->data[i]))
            g->value[g->n++] = (double)a->data[i];
        else
            g->n_nan++;
    }
    g->n_trials++;
    return ERR_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum err_code fill_group(const struct histogram *h, struct group *g, int64_t end,
                                struct err *e)
{
    const struct results *r = h->trials.r;
    uint64_t seed = 0;
    for (int64_t i = g->first; i < end; i++) {
        int64_t trial = h->trials.trial[i];
        struct results_array a;
        TRY(results_array(r, h->spec->array, trial, &a, e));
        enum err_code rc = a.n_dims ? add_values(h, g, &a, e) : ERR_OK;
        g->n_seeds += a.n_dims && (g->n_seeds == 0 || r->seed[trial] != seed);
        if (a.n_dims) seed = r->seed[trial];
        results_array_clear(&a);
        TRY(rc);
    }
    if (g->n) qsort(g->value, (size_t)g->n, sizeof *g->value, ascending);
    return ERR_OK;
}

static enum err_code collect(struct histogram *h, struct err *e)
{
    struct figure_trials *t = &h->trials;
    TRY(figure_trials_find(t->r, h->spec, t, e));
    h->group = arena_array(&t->arena, (size_t)t->n + 1, sizeof *h->group);
    if (!h->group) return ERR(e, ERR_NOMEM, "no memory for a histogram");
    for (int64_t i = 0, end; i < t->n; i = end) {
        struct group *g = &h->group[h->n_groups++];
        end = figure_trials_group(t, i);
        g->first = i;
        g->count = arena_array(&t->arena, (size_t)h->spec->bins, sizeof *g->count);
        if (!g->count) return ERR(e, ERR_NOMEM, "no memory for a histogram");
        TRY(fill_group(h, g, end, e));
    }
    return ERR_OK;
}

static void count_values(struct histogram *h)
{
    int64_t bins = h->spec->bins;
    h->low = HUGE_VAL;
    h->high = -HUGE_VAL;
    for (int64_t k = 0; k < h->n_groups; k++) {
        const struct group *g = &h->group[k];
        if (g->n == 0) continue;
        h->low = fmin(h->low, g->value[0]);
        h->high = fmax(h->high, g->value[g->n - 1]);
    }
    if (!(h->low <= h->high)) h->low = 0, h->high = 1; /* nothing to show */
    if (h->low == h->high) h->low -= 0.5, h->high += 0.5;
    for (int64_t k = 0; k < h->n_groups; k++) {
        struct group *g = &h->group[k];
        for (int64_t i = 0; i < g->n; i++) {
            double part = (g->value[i] - h->low) / (h->high - h->low);
            int64_t bin = (int64_t)(part * (double)bins);
            g->count[bin < bins ? bin : bins - 1]++;
        }
        for (int64_t b = 0; b < bins; b++) h->most = fmax(h->most, share(g, b));
    }
}

/* ---- data ---- */

static void write_csv(const struct histogram *h)
{
    struct text *t = &h->f->csv;
    text_add_csv(t, *h->spec->hue ? h->spec->hue : "series");
    text_add(t, ",low,high,share,count\n");
    for (int64_t k = 0; k < h->n_groups; k++)
        for (int64_t b = 0; b < h->spec->bins; b++) {
            const struct group *g = &h->group[k];
            const double number[] = {edge(h, b), edge(h, b + 1), share(g, b)};
            if (h->trials.hue) text_add_csv(t, h->trials.hue->text[h->trials.trial[g->first]]);
            for (int i = 0; i < 3; i++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[i]);
            }
            text_add(t, ",%lld\n", (long long)g->count[b]);
        }
}

/* ---- gnuplot ---- */

static const char *x_label(const struct histogram *h, char out[LABEL_SIZE])
{
    const char *column = h->spec->column;
    bool number = column[strspn(column, "0123456789")] == '\0';
    if (*column && !number) return label_axis(column, out);
    snprintf(out, LABEL_SIZE, "%.60s%s%.20s", h->spec->array, *column ? ", column " : "",
             column);
    return out;
}

static void add_tics(struct text *t, const char *axis, double low, double high)
{
    double tick[FIGURE_TICKS];
    char number[32];
    int n = figure_ticks(low, high, false, tick);
    text_add(t, "set %stics (", axis);
    for (int i = 0; i < n; i++)
        text_add(t, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number), tick[i]);
    text_add(t, ")\n");
}

static double top(const struct histogram *h)
{
    return h->most > 0 ? 1.06 * h->most : 1;
}

static void write_setup(const struct histogram *h)
{
    struct text *t = &h->f->setup;
    char label[LABEL_SIZE];
    double air = 0.03 * (h->high - h->low);
    text_add(t, "set xlabel '");
    figure_add_quoted(t, x_label(h, label));
    text_add(t,
             "' offset 0,0.4\nset ylabel 'share of values' offset 0.4,0\n"
             "set xrange [%.12g:%.12g]\nset yrange [0:%.12g]\n",
             h->low - air, h->high + air, top(h));
    add_tics(t, "x", h->low - air, h->high + air);
    add_tics(t, "y", 0, top(h));
    text_add(t,
             "set grid ytics linecolor rgb '#b0b0b0' linewidth 0.3 dashtype 1\n"
             "set style fill transparent solid 0.18 noborder\nset boxwidth %.12g\n",
             edge(h, 1) - h->low);
    if (h->n_groups > 1)
        text_add(t, "set key above horizontal center Left reverse spacing 0.9 samplen 2.5\n");
    else
        text_add(t, "unset key\n");
}

/* The bins of a group in the file, by their middle. */
static void add_source(const struct histogram *h, struct text *t, int64_t group)
{
    text_add(t, ", \\\n    '%s.csv' skip 1 every ::%lld::%lld using (($2 + $3) / 2):4",
             h->f->stem, (long long)(group * h->spec->bins),
             (long long)((group + 1) * h->spec->bins - 1));
}

/* An outline: up at the left edge of the first bin, along the bins, down at the right edge of
 * the last one. */
static void write_plot(const struct histogram *h)
{
    struct text *t = &h->f->plot;
    char name[FIGURE_NAME];
    text_add(t, "plot NaN notitle"); /* draws the axes also where nothing is known yet */
    for (int64_t k = 0; k < h->n_groups && h->n_groups <= FILLED; k++) {
        const struct figure_style *s = &figure_styles[k % FIGURE_STYLES];
        add_source(h, t, k);
        text_add(t, " with boxes linecolor rgb '#%s' notitle", s->color);
    }
    for (int64_t k = 0; k < h->n_groups;
         k++) { /* no dashes: they would begin anew at each bin */
        add_source(h, t, k);
        text_add(t, " with histeps linecolor rgb '#%s' linewidth 1.4 dashtype 1 title '",
                 figure_styles[k % FIGURE_STYLES].color);
        figure_add_quoted(t, figure_trials_name(&h->trials, h->group[k].first, name));
        text_add(t, "'");
    }
    text_add(t, "\n");
}

/* ---- pgfplots ---- */

static void write_tex(const struct histogram *h)
{
    struct text *t = &h->f->axis;
    char label[LABEL_SIZE], name[FIGURE_NAME];
    text_add(t, "\\begin{axis}[\n  width=%gin, height=%gin, axis lines=left, xlabel={",
             h->f->venue->width_in, h->f->height_in);
    figure_add_tex(t, x_label(h, label));
    text_add(t,
             "}, ylabel={share of values},\n  ymin=0, ymax=%.12g, ymajorgrids, grid "
             "style={black!15}, scaled y ticks=false,\n"
             "  yticklabel style={/pgf/number format/fixed},\n"
             "  legend columns=4, legend style={draw=none, at={(0.5,1.03)}, anchor=south}]\n",
             top(h));
    for (int64_t k = 0; k < h->n_groups; k++) {
        const struct group *g = &h->group[k];
        text_add(t, "\\addplot[shoal%lld, const plot, no markers] coordinates {(%.12g,0)",
                 (long long)(k % FIGURE_STYLES), h->low);
        for (int64_t b = 0; b < h->spec->bins; b++)
            text_add(t, " (%.12g,%.6g)", edge(h, b), share(g, b));
        text_add(t, " (%.12g,0)};\n", h->high);
        if (h->n_groups < 2) continue;
        text_add(t, "\\addlegendentry{");
        figure_add_tex(t, figure_trials_name(&h->trials, g->first, name));
        text_add(t, "}\n");
    }
    text_add(t, "\\end{axis}\n");
}

/* ---- words ---- */

/* "relu: 300 values of 3 networks, 3 seeds" */
static void say_numbers(const struct histogram *h, struct text *t)
{
    char name[FIGURE_NAME];
    int64_t n_nan = 0;
    for (int64_t k = 0; k < h->n_groups; k++) {
        const struct group *g = &h->group[k];
        n_nan += g->n_nan;
        text_add(t, "%s%s%s%lld value%s of %lld network%s, %lld seed%s", k ? "; " : " ",
                 figure_trials_name(&h->trials, g->first, name), h->trials.hue ? ": " : "",
                 (long long)g->n, g->n == 1 ? "" : "s", (long long)g->n_trials,
                 g->n_trials == 1 ? "" : "s", (long long)g->n_seeds,
                 g->n_seeds == 1 ? "" : "s");
    }
    text_add(t, h->n_groups ? "." : " There is nothing to show.");
    if (n_nan > 0)
        text_add(t, " %lld further value%s no number.", (long long)n_nan,
                 n_nan == 1 ? " is" : "s are");
}

static double quantile(const struct group *g, double q)
{
    return g->value[(int64_t)(q * (double)(g->n - 1) + 0.5)];
}

/* "relu: median 0.1, half of the values from 0.05 to 0.3" */
static void say_answer(const struct histogram *h, struct text *t)
{
    char name[FIGURE_NAME];
    for (int64_t k = 0; k < h->n_groups; k++) {
        const struct group *g = &h->group[k];
        if (g->n == 0) continue;
        text_add(t, "%s%smedian %.3g, half of the values from %.3g to %.3g\n",
                 figure_trials_name(&h->trials, g->first, name), h->trials.hue ? ": " : "",
                 quantile(g, 0.5), quantile(g, 0.25), quantile(g, 0.75));
    }
}

static void write_words(const struct histogram *h)
{
    const struct figure_spec *spec = h->spec;
    struct figure *f = h->f;
    text_add(&f->title, "%s%s%s%s%s", *spec->column ? spec->column : "values", " of ",
             spec->array, *spec->hue ? " by " : "", spec->hue);
    text_add(
        &f->caption,
        "%s%s%s: the share of the values in each of %lld bins from %.3g to %.3g, all rows of "
        "all networks together.",
        spec->column, *spec->column ? " of " : "", spec->array, (long long)spec->bins, h->low,
        h->high);
    say_numbers(h, &f->caption);
    figure_trials_say(&h->trials, spec, &f->caption);
    say_answer(h, &f->answer);
}

enum err_code figure_histogram_draw(const struct results *r, const struct figure_spec *spec,
                                    struct figure *f, struct err *e)
{
    struct histogram h = {.spec = spec, .f = f, .trials = {.r = r}};
    if (spec->bins < 1) return ERR(e, ERR_CONFIG, "bins: a histogram needs at least one");
    enum err_code rc = collect(&h, e);
    if (rc == ERR_OK) {
        count_values(&h);
        write_csv(&h);
        write_setup(&h);
        write_plot(&h);
        write_tex(&h);
        write_words(&h);
    }
    for (int64_t k = 0; k < h.n_groups; k++) free(h.group[k].value);
    figure_trials_clear(&h.trials);
    return rc;
}
