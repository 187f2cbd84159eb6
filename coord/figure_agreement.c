/* figure_agreement.c - do measures of alignment say the same: Spearman's rank correlation of
 * their scores over all pairs of networks, a measure against another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "coord/figure_pairs.h"
#include "linalg/correlation.h"

struct agreement {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    int n; /* measures */
    const char *name[SWEEP_MAX_MEASURES];
    double *score[SWEEP_MAX_MEASURES]; /* [trials.n, trials.n] */
    double rho[SWEEP_MAX_MEASURES][SWEEP_MAX_MEASURES];
    int64_t least, most; /* pairs that a correlation is over */
    double range[2];
};

/* Those of the figure, or all that the store has. */
static enum err_code find_measures(struct agreement *a, const struct results *r, struct err *e)
{
    const struct figure_spec *spec = a->spec;
    a->n = spec->n_measures ? spec->n_measures : r->n_alignments;
    if (a->n > SWEEP_MAX_MEASURES) a->n = SWEEP_MAX_MEASURES;
    TRY(figure_trials_find(r, spec, &a->trials, e));
    for (int m = 0; m < a->n; m++) {
        const struct results_alignment *alignment = &r->alignment[m];
        if (spec->n_measures) TRY(figure_pairs_alignment(r, spec->measure[m], &alignment, e));
        a->name[m] = alignment->measure;
        a->score[m] = figure_pairs_score(&a->trials, alignment);
        if (!a->score[m])
            return ERR(e, ERR_NOMEM, "no memory for the scores of %s", a->name[m]);
    }
    return ERR_OK;
}

/* Over the pairs for which both have a score. x and y have room for all pairs. */
static void correlate(struct agreement *a, int p, int q, double *x, double *y)
{
    int64_t n = a->trials.n, k = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            double u = a->score[p][i * n + j], v = a->score[q][i * n + j];
            if (isnan(u) || isnan(v)) continue;
            x[k] = u;
            y[k++] = v;
        }
    a->rho[p][q] = a->rho[q][p] = correlation_spearman(k, x, y);
    if (k < a->least) a->least = k;
    if (k > a->most) a->most = k;
}

static enum err_code correlate_all(struct agreement *a, struct err *e)
{
    size_t pairs = (size_t)(a->trials.n * (a->trials.n - 1) / 2);
    double *x = malloc((2 * pairs + 1) * sizeof *x);
    if (!x) return ERR(e, ERR_NOMEM, "no memory for %zu pairs", pairs);
    a->least = (int64_t)pairs;
    a->range[0] = HUGE_VAL;
    a->range[1] = -HUGE_VAL;
    for (int p = 0; p < a->n; p++)
        for (int q = p; q < a->n; q++) {
            correlate(a, p, q, x, x + pairs);
            if (p == q || isnan(a->rho[p][q])) continue;
            a->range[0] = fmin(a->range[0], a->rho[p][q]);
            a->range[1] = fmax(a->range[1], a->rho[p][q]);
        }
    free(x);
    if (!(a->range[1] >= a->range[0])) a->range[0] = 0, a->range[1] = 1;
    if (a->range[1] == a->range[0]) a->range[0] -= 0.01, a->range[1] += 0.01;
    return ERR_OK;
}

/* ---- output ---- */

static void write_csv(const struct agreement *a)
{
    struct text *t = &a->f->csv;
    text_add(t, "measure");
    for (int q = 0; q < a->n; q++) text_add(t, ",%s", a->name[q]);
    text_add(t, "\n");
    for (int p = 0; p < a->n; p++) {
        text_add(t, "%s", a->name[p]);
        for (int q = 0; q < a->n; q++) {
            text_add(t, ",");
            figure_add_csv_number(t, a->rho[p][q]);
        }
        text_add(t, "\n");
    }
}

/* Letters on a cell are white where it is dark. */
static bool is_dark(const struct agreement *a, int p, int q)
{
    return a->rho[p][q] < a->range[0] + 0.6 * (a->range[1] - a->range[0]);
}

static void write_gnuplot(const struct agreement *a)
{
    struct text *t = &a->f->setup;
    text_add(t, "set palette defined (");
    for (int i = 0; i < FIGURE_PALETTE; i++)
        text_add(t, "%s%d '#%s'", i ? ", " : "", i, figure_palette[i]);
    text_add(t,
             ")\nunset border\nunset key\nset size ratio -1\nset xrange [-0.5:%g]\n"
             "set yrange [%g:-0.5]\nset cbrange [%.6g:%.6g]\nunset colorbox\n",
             fmax(a->n, 1) - 0.5, fmax(a->n, 1) - 0.5, a->range[0], a->range[1]);
    for (int axis = 0; axis < 2; axis++) {
        text_add(t, "set %s (", axis ? "ytics" : "xtics rotate by 40 right");
        for (int p = 0; p < a->n; p++) {
            text_add(t, "%s'", p ? ", " : "");
            figure_add_quoted(t, a->name[p]);
            text_add(t, "' %d", p);
        }
        text_add(t, ") scale 0\n");
    }
    for (int p = 0; p < a->n; p++)
        for (int q = 0; q < a->n; q++)
            if (!isnan(a->rho[p][q]))
                text_add(t, "set label '%.2f' at %d,%d center front textcolor rgb '%s'\n",
                         a->rho[p][q], q, p, is_dark(a, p, q) ? "white" : "black");
    if (a->n == 0 || a->most < 2) /* nothing to colour */
        text_add(&a->f->plot, "plot NaN notitle\n");
    else
        text_add(
            &a->f->plot,
            "plot '%s.csv' matrix every ::1:1 using ($1 - 1):($2 - 1):3 with image pixels\n",
            a->f->stem);
}

static void write_tex(const struct agreement *a)
{
    struct text *t = &a->f->axis;
    text_add(t,
             "\\begin{axis}[\n  width=%gin, height=%gin, enlargelimits=false, y dir=reverse,\n"
             "  axis line style={draw=none}, tick style={draw=none}, colormap={viridis}{",
             a->f->height_in, a->f->height_in);
    for (int i = 0; i < FIGURE_PALETTE; i++) {
        long color = strtol(figure_palette[i], NULL, 16);
        text_add(t, " rgb255=(%ld,%ld,%ld)", color >> 16, color >> 8 & 255, color & 255);
    }
    text_add(t,
             "},\n  point meta min=%.6g, point meta max=%.6g, x tick label style={rotate=40,"
             " anchor=east},\n",
             a->range[0], a->range[1]);
    for (int axis = 0; axis < 2; axis++) {
        text_add(t, "  %ctick={", "xy"[axis]);
        for (int p = 0; p < a->n; p++) text_add(t, "%s%d", p ? "," : "", p);
        text_add(t, "}, %cticklabels={", "xy"[axis]);
        for (int p = 0; p < a->n; p++) {
            text_add(t, "%s{", p ? "," : "");
            figure_add_tex(t, a->name[p]);
            text_add(t, "}");
        }
        text_add(t, "},\n");
    }
    text_add(t,
             "]\n\\addplot[matrix plot*, point meta=explicit, mesh/cols=%d]\n"
             "  table[meta=s] {\nx y s\n",
             a->n);
    for (int p = 0; p < a->n; p++)
        for (int q = 0; q < a->n; q++)
            text_add(t, "%d %d %.6g\n", q, p, isnan(a->rho[p][q]) ? a->range[0] : a->rho[p][q]);
    text_add(t, "};\n");
    for (int p = 0; p < a->n; p++)
        for (int q = 0; q < a->n; q++)
            if (!isnan(a->rho[p][q]))
                text_add(t, "\\node[%s] at (axis cs:%d,%d) {%.2f};\n",
                         is_dark(a, p, q) ? "white" : "black", q, p, a->rho[p][q]);
    text_add(t, "\\end{axis}\n");
}

static void write_words(const struct agreement *a)
{
    struct figure *f = a->f;
    text_add(&f->title, "agreement of %d measures", a->n);
    text_add(&f->caption,
             "Spearman's rank correlation of the scores of two measures over all pairs of "
             "networks, ");
    if (a->least < a->most) text_add(&f->caption, "%lld to ", (long long)a->least);
    text_add(&f->caption,
             "%lld of them; no intervals, for pairs that share a network are not independent.",
             (long long)a->most);
    figure_trials_say(&a->trials, a->spec, &f->caption);
    for (int p = 0; p < a->n; p++)
        for (int q = p + 1; q < a->n; q++)
            if (!isnan(a->rho[p][q]))
                text_add(&f->answer, "%s and %s: rho = %.3g\n", a->name[p], a->name[q],
                         a->rho[p][q]);
}

enum err_code figure_agreement_draw(const struct results *r, const struct figure_spec *spec,
                                    struct figure *f, struct err *e)
{
    struct agreement a = {.spec = spec, .f = f};
    f->height_in = 0.5 + 0.66 * f->venue->width_in;
    enum err_code rc = find_measures(&a, r, e);
    if (rc == ERR_OK) rc = correlate_all(&a, e);
    if (rc == ERR_OK) {
        write_csv(&a);
        write_gnuplot(&a);
        write_tex(&a);
        write_words(&a);
    }
    figure_trials_clear(&a.trials);
    return rc;
}
