/* figure_spectrum.c - share of the variance of a layer against the rank of its eigenvalue:
 * means over networks within each value of hue. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure_plot.h"
#include "coord/spectra.h"

enum { MAX_LAYERS = 32 }; /* in the CSV */

struct spectrum_figure {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    const struct spectra *spectra;
    int n_layers, chosen;
    const char *layer[MAX_LAYERS];
    const struct spectra_row **row; /* [n, n_layers], NULL where a network has no such layer */
    double *scratch;                /* [n] */
    int64_t n_groups, n_ranks, n_without;
    struct figure_plot_group *group;
    struct statistics_interval *share; /* [n_groups, n_ranks] */
    struct statistics_interval *ratio; /* [n_groups, n_layers] participation ratios */
};

/* ---- data ---- */

static int layer_of(struct spectrum_figure *x, const char *name)
{
    for (int l = 0; l < x->n_layers; l++)
        if (strcmp(x->layer[l], name) == 0) return l;
    if (x->n_layers == MAX_LAYERS) return -1;
    x->layer[x->n_layers] = name;
    return x->n_layers++;
}

static bool is_of(const struct results *r, int64_t t, const struct spectra_row *row)
{
    return r->id[t] == row->id && (r->row[t] < 0) == (row->trial < 0);
}

/* Does the figure show a network of this row? at: where to look first. */
static int64_t place_of(const struct spectrum_figure *x, const struct results *r,
                        const struct spectra_row *row, int64_t at)
{
    int64_t n = x->trials.n;
    for (int64_t i = 0; i < n; i++)
        if (is_of(r, x->trials.trial[(at + i) % n], row)) return (at + i) % n;
    return -1;
}

/* The layer that is asked for, else hidden.last, else the last that there is. */
static enum err_code choose_layer(struct spectrum_figure *x, const struct results *r,
                                  struct err *e)
{
    const char *wanted = *x->spec->layer ? x->spec->layer : "hidden.last";
    struct text known = {0};
    for (int l = 0; l < x->n_layers && x->chosen < 0; l++)
        if (strcmp(x->layer[l], wanted) == 0) x->chosen = l;
    if (x->chosen < 0 && !*x->spec->layer) x->chosen = x->n_layers - 1;
    if (x->chosen >= 0) return ERR_OK;
    for (int l = 0; l < x->n_layers; l++) text_add(&known, "%s%s", l ? ", " : "", x->layer[l]);
    enum err_code rc = ERR(e, ERR_CONFIG, "%s has no spectra of layer '%s'; it has: %s",
                           r->path, wanted, known.at);
    text_clear(&known);
    return rc;
}

static enum err_code find_rows(struct spectrum_figure *x, const struct results *r,
                               struct err *e)
{
    const struct spectra *s = x->spectra;
    int64_t n = x->trials.n, at = 0;
    struct arena *a = &x->trials.arena;
    if (s->n == 0)
        return ERR(e, ERR_CONFIG, "%s has no spectra: run shoal align --spectra", r->path);
    for (int64_t i = 0; i < s->n; i++) layer_of(x, s->row[i].layer);
    TRY(choose_layer(x, r, e));
    x->row = arena_array(a, (size_t)n + 1, (size_t)x->n_layers * sizeof *x->row);
    x->scratch = arena_array(a, (size_t)n + 1, sizeof *x->scratch);
    x->group = arena_array(a, (size_t)n + 1, sizeof *x->group);
    if (!x->row || !x->scratch || !x->group) return ERR(e, ERR_NOMEM, "no memory for a figure");
    for (int64_t i = 0; i < s->n && n > 0; i++) {
        int l = layer_of(x, s->row[i].layer);
        int64_t place = place_of(x, r, &s->row[i], at);
        if (place < 0 || l < 0) continue;
        at = place;
        x->row[place * x->n_layers + l] = &s->row[i];
        if (l == x->chosen)
            for (int64_t k = 0; k < SPECTRA_KEPT; k++)
                if (s->row[i].share[k] > 0 && k >= x->n_ranks) x->n_ranks = k + 1;
    }
    for (int64_t i = 0; i < n; i++) x->n_without += !x->row[i * x->n_layers + x->chosen];
    return ERR_OK;
}

/* A number of a layer: the participation ratio, or with rank >= 0 a share, which is 0 beyond its
 * last direction: else the mean would rise where narrow layers end. */
static double number_of(const struct spectra_row *row, int64_t rank)
{
    if (!row) return NAN;
    if (rank < 0) return row->participation;
    return isnan(row->share[rank]) && !isnan(row->share[0]) ? 0 : row->share[rank];
}

/* Mean over seeds, of each the mean over its networks that have the number. Trials of a group
 * are sorted by seed. */
static struct statistics_interval mean_of(const struct spectrum_figure *x,
                                          const struct figure_plot_group *g, int layer,
                                          int64_t rank)
{
    const struct results *r = x->trials.r;
    int64_t n_seeds = 0;
    for (int64_t i = g->first, end; i < g->end; i = end) {
        double sum = 0;
        int64_t n = 0;
        for (end = i; end < g->end; end++) {
            if (r->seed[x->trials.trial[end]] != r->seed[x->trials.trial[i]]) break;
            double value = number_of(x->row[end * x->n_layers + layer], rank);
            if (isnan(value)) continue;
            sum += value;
            n++;
        }
        if (n > 0) x->scratch[n_seeds++] = sum / (double)n;
    }
    return statistics_seed_interval(n_seeds, x->scratch, x->spec->ci, 0);
}

static enum err_code measure(struct spectrum_figure *x, struct err *e)
{
    struct arena *a = &x->trials.arena;
    x->n_groups = figure_plot_groups(&x->trials, x->group);
    size_t room = (size_t)x->n_groups + 1;
    x->share = arena_array(a, room, (size_t)(x->n_ranks + 1) * sizeof *x->share);
    x->ratio = arena_array(a, room, (size_t)x->n_layers * sizeof *x->ratio);
    if (!x->share || !x->ratio) return ERR(e, ERR_NOMEM, "no memory for a figure");
    for (int64_t g = 0; g < x->n_groups; g++) {
        for (int64_t k = 0; k < x->n_ranks; k++)
            x->share[g * x->n_ranks + k] = mean_of(x, &x->group[g], x->chosen, k);
        for (int l = 0; l < x->n_layers; l++)
            x->ratio[g * x->n_layers + l] = mean_of(x, &x->group[g], l, -1);
    }
    return ERR_OK;
}

/* ---- output ---- */

static double value_of(const struct statistics_interval *v)
{
    return v->n > 0 ? v->mean : NAN;
}

static void write_csv(const struct spectrum_figure *x)
{
    struct text *t = &x->f->csv;
    text_add(t, "%s,rank,share,low,high,seeds", *x->spec->hue ? x->spec->hue : "series");
    for (int l = 0; l < x->n_layers; l++) {
        char name[ALIGN_NAME + 32];
        snprintf(name, sizeof name, "participation_ratio.%s", x->layer[l]);
        text_add(t, ",");
        text_add_csv(t, name);
    }
    text_add(t, "\n");
    for (int64_t g = 0; g < x->n_groups; g++)
        for (int64_t k = 0; k < x->n_ranks; k++) {
            const struct statistics_interval *v = &x->share[g * x->n_ranks + k];
            const double number[3] = {value_of(v), v->low, v->high};
            text_add_csv(t, x->group[g].name);
            text_add(t, ",%lld", (long long)k + 1);
            for (int c = 0; c < 3; c++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[c]);
            }
            text_add(t, ",%lld", (long long)v->n);
            for (int l = 0; l < x->n_layers; l++) {
                text_add(t, ",");
                figure_add_csv_number(t, value_of(&x->ratio[g * x->n_layers + l]));
            }
            text_add(t, "\n");
        }
}

static enum err_code draw_plot(struct spectrum_figure *x, struct err *e)
{
    int64_t n = x->n_groups * x->n_ranks;
    struct arena *a = &x->trials.arena;
    struct figure_plot_point *point = arena_array(a, (size_t)n + 1, sizeof *point);
    struct figure_plot_group *group = arena_array(a, (size_t)x->n_groups + 1, sizeof *group);
    if (!point || !group) return ERR(e, ERR_NOMEM, "no memory for a figure");
    struct figure_plot plot = {.x_label = "rank of the eigenvalue",
                               .y_label = "share of the variance",
                               .lines = true,
                               .log_x = strchr(x->spec->log, 'x') != NULL,
                               .log_y = strchr(x->spec->log, 'y') != NULL,
                               .n = n,
                               .n_groups = x->n_ranks ? x->n_groups : 0,
                               .point = point,
                               .group = group,
                               .x_column = 2,
                               .y_column = 3};
    for (int64_t g = 0; g < x->n_groups; g++) {
        group[g] = x->group[g];
        group[g].first = g * x->n_ranks;
        group[g].end = (g + 1) * x->n_ranks;
    }
    for (int64_t i = 0; i < n; i++) {
        const struct statistics_interval *v = &x->share[i];
        double low = plot.log_y && !(v->low > 0) ? NAN : v->low; /* a bar without an end */
        point[i] =
            (struct figure_plot_point){(double)(i % x->n_ranks + 1), value_of(v), low, v->high};
    }
    figure_plot_draw(&plot, x->f);
    return ERR_OK;
}

static void write_words(const struct spectrum_figure *x)
{
    struct figure *f = x->f;
    int64_t least = INT64_MAX, most = 0;
    for (int64_t g = 0; g < x->n_groups; g++) {
        int64_t n = x->ratio[g * x->n_layers + x->chosen].n;
        if (n < least) least = n;
        if (n > most) most = n;
    }
    text_add(&f->title, "Spectrum of %s%s%s", x->layer[x->chosen], *x->spec->hue ? " by " : "",
             x->spec->hue);
    text_add(&f->caption,
             "Share of the variance of %s along each direction, the largest first, at most %d: "
             "means over %lld networks, 0 of those that have fewer directions.",
             x->layer[x->chosen], SPECTRA_KEPT, (long long)(x->trials.n - x->n_without));
    if (most > 1)
        text_add(&f->caption, " Bars: %g %% %s over seeds.", x->spec->ci,
                 statistics_seed_interval_name(least, most));
    if (x->n_without > 0)
        text_add(&f->caption, " %lld network%s no spectrum of it.", (long long)x->n_without,
                 x->n_without > 1 ? "s have" : " has");
    figure_trials_say(&x->trials, x->spec, &f->caption);
    for (int64_t g = 0; g < x->n_groups; g++) {
        const struct statistics_interval *v = &x->ratio[g * x->n_layers + x->chosen];
        text_add(&f->answer, "%s%sparticipation ratio ", x->group[g].name,
                 *x->group[g].name ? ": " : "");
        if (v->n > 0)
            figure_add_interval(&f->answer, v);
        else
            text_add(&f->answer, "unknown");
        text_add(&f->answer, "\n");
    }
}

enum err_code figure_spectrum_draw(const struct results *r, const struct figure_spec *spec,
                                   struct figure *f, struct err *e)
{
    struct spectra spectra;
    struct spectrum_figure x = {.spec = spec, .f = f, .chosen = -1};
    TRY(spectra_read(r->path, &spectra, e));
    x.spectra = &spectra;
    enum err_code rc = figure_trials_find(r, spec, &x.trials, e);
    if (rc == ERR_OK) rc = find_rows(&x, r, e);
    if (rc == ERR_OK) rc = measure(&x, e);
    if (rc == ERR_OK) rc = draw_plot(&x, e);
    if (rc == ERR_OK) {
        write_csv(&x);
        write_words(&x);
    }
    figure_trials_clear(&x.trials);
    spectra_clear(&spectra);
    return rc;
}
