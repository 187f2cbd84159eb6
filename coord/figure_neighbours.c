/* figure_neighbours.c - a measure of k neighbours against k: mean scores over pairs of networks
 * within each value of hue, and across its values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure_pairs.h"
#include "coord/figure_plot.h"

static const char across[] = "across";

/* One alignment of the measure. */
struct sweep_point {
    int64_t k;
    const struct results_alignment *alignment;
};

struct neighbours {
    const struct figure_spec *spec;
    struct figure *f;
    struct arena arena;
    int64_t n_k, n_groups, n_networks;
    struct sweep_point *at;            /* [n_k] ascending */
    char (*name)[FIGURE_NAME];         /* [n_groups] */
    struct statistics_interval *score; /* [n_groups, n_k] */
    struct text said;                  /* of networks left out */
};

/* The number behind "value@", or -1. */
static int64_t k_of(const char *measure, const char *value)
{
    size_t length = strlen(value);
    if (strncmp(measure, value, length) != 0 || measure[length] != '@') return -1;
    const char *digits = measure + length + 1;
    if (!*digits || digits[strspn(digits, "0123456789")]) return -1;
    return strtoll(digits, NULL, 10);
}

static int by_k(const void *a, const void *b)
{
    const struct sweep_point *p = a, *q = b;
    return (p->k > q->k) - (p->k < q->k);
}

static enum err_code find_measures(struct neighbours *x, const struct results *r, struct err *e)
{
    x->at = arena_array(&x->arena, (size_t)r->n_alignments + 1, sizeof *x->at);
    if (!x->at) return ERR(e, ERR_NOMEM, "no memory for a figure");
    for (int i = 0; i < r->n_alignments; i++) {
        int64_t k = k_of(r->alignment[i].measure, x->spec->value);
        if (k >= 1) x->at[x->n_k++] = (struct sweep_point){k, &r->alignment[i]};
    }
    if (x->n_k == 0) { /* none has this name either: the error says which there are */
        char name[TASK_NAME + 2];
        snprintf(name, sizeof name, "%s@k", x->spec->value);
        return figure_pairs_alignment(r, name, &x->at[0].alignment, e);
    }
    qsort(x->at, (size_t)x->n_k, sizeof *x->at, by_k);
    return ERR_OK;
}

/* Names of the groups, and the last one of pairs across them where there are several. */
static enum err_code find_groups(struct neighbours *x, const struct results *r, struct err *e)
{
    struct figure_trials t;
    enum err_code rc = figure_trials_find(r, x->spec, &t, e);
    size_t room = (size_t)t.n + 2;
    x->name = rc == ERR_OK ? arena_array(&x->arena, room, sizeof *x->name) : NULL;
    for (int64_t first = 0; x->name && first < t.n; first = figure_trials_group(&t, first))
        figure_trials_name(&t, first, x->name[x->n_groups++]);
    if (x->name && x->n_groups > 1) snprintf(x->name[x->n_groups++], FIGURE_NAME, "%s", across);
    figure_trials_clear(&t);
    TRY(rc);
    x->score =
        arena_array(&x->arena, (size_t)x->n_groups + 1, (size_t)x->n_k * sizeof *x->score);
    return x->name && x->score ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for %zu groups", room);
}

/* Which of the names a group of trials has. */
static int64_t group_named(const struct neighbours *x, const struct figure_trials *t,
                           int64_t first)
{
    char name[FIGURE_NAME];
    figure_trials_name(t, first, name);
    for (int64_t g = 0; g < x->n_groups; g++)
        if (strcmp(x->name[g], name) == 0) return g;
    return 0;
}

/* The means of one alignment. */
static enum err_code measure(struct neighbours *x, const struct results *r, int64_t i,
                             struct err *e)
{
    struct figure_pairs p;
    enum err_code rc = figure_pairs_find(r, x->spec, x->at[i].alignment->measure, &p, e);
    int64_t n = p.trials.n;
    size_t room = (size_t)n + 1;
    int64_t *member = rc == ERR_OK ? arena_array(&p.trials.arena, room, sizeof *member) : NULL;
    int64_t *group = rc == ERR_OK ? arena_array(&p.trials.arena, room, sizeof *group) : NULL;
    if (rc == ERR_OK && (!member || !group)) rc = ERR(e, ERR_NOMEM, "no memory for a figure");
    for (int64_t j = 0; rc == ERR_OK && j < n; j++) member[j] = j;
    for (int64_t first = 0, end; rc == ERR_OK && first < n; first = end) {
        end = figure_trials_group(&p.trials, first);
        int64_t g = group_named(x, &p.trials, first);
        for (int64_t j = first; j < end; j++) group[j] = g;
        x->score[g * x->n_k + i] =
            figure_pairs_mean(&p, x->spec->ci, end - first, member + first, NULL);
    }
    if (rc == ERR_OK && x->n_groups > 1)
        x->score[(x->n_groups - 1) * x->n_k + i] =
            figure_pairs_mean(&p, x->spec->ci, n, member, group);
    if (n > x->n_networks) x->n_networks = n;
    if (rc == ERR_OK && i == 0) figure_pairs_say(&p, x->spec, &x->said);
    figure_pairs_clear(&p);
    return rc;
}

/* ---- output ---- */

/* A mean without pairs is none. */
static double mean_of(const struct statistics_interval *v)
{
    return v->n > 0 ? v->mean : NAN;
}

static void write_csv(const struct neighbours *x)
{
    struct text *t = &x->f->csv;
    text_add(t, "%s,k,%s,low,high,networks\n", *x->spec->hue ? x->spec->hue : "series",
             x->spec->value);
    for (int64_t g = 0; g < x->n_groups; g++)
        for (int64_t i = 0; i < x->n_k; i++) {
            const struct statistics_interval *v = &x->score[g * x->n_k + i];
            const double number[3] = {mean_of(v), v->n > 0 ? v->low : NAN,
                                      v->n > 0 ? v->high : NAN};
            text_add_csv(t, x->name[g]);
            text_add(t, ",%lld", (long long)x->at[i].k);
            for (int c = 0; c < 3; c++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[c]);
            }
            text_add(t, ",%lld\n", (long long)v->n);
        }
}

static enum err_code draw_plot(struct neighbours *x, struct err *e)
{
    int64_t n = x->n_groups * x->n_k;
    struct figure_plot_point *point = arena_array(&x->arena, (size_t)n + 1, sizeof *point);
    struct figure_plot_group *group =
        arena_array(&x->arena, (size_t)x->n_groups + 1, sizeof *group);
    if (!point || !group) return ERR(e, ERR_NOMEM, "no memory for a figure");
    struct figure_plot plot = {.x_label = "neighbours k",
                               .lines = true,
                               .log_x = true,
                               .log_y = strchr(x->spec->log, 'y') != NULL,
                               .n = n,
                               .n_groups = x->n_groups,
                               .point = point,
                               .group = group,
                               .x_column = 2,
                               .y_column = 3};
    for (int64_t g = 0; g < x->n_groups; g++) {
        group[g].first = g * x->n_k;
        group[g].end = (g + 1) * x->n_k;
        snprintf(group[g].name, sizeof group[g].name, "%s", x->name[g]);
        for (int64_t i = 0; i < x->n_k; i++) {
            const struct statistics_interval *v = &x->score[g * x->n_k + i];
            bool there = v->n > 0;
            point[g * x->n_k + i] = (struct figure_plot_point){
                (double)x->at[i].k, mean_of(v), there ? v->low : NAN, there ? v->high : NAN};
        }
    }
    snprintf(plot.y_label, sizeof plot.y_label, "alignment, %s", x->spec->value);
    figure_plot_draw(&plot, x->f);
    return ERR_OK;
}

static void write_words(const struct neighbours *x)
{
    struct figure *f = x->f;
    text_add(&f->title, "%s against the number of neighbours%s%s", x->spec->value,
             *x->spec->hue ? " by " : "", x->spec->hue);
    text_add(&f->caption, "Mean %s over pairs of %lld networks", x->spec->value,
             (long long)x->n_networks);
    if (*x->spec->hue)
        text_add(&f->caption, ", within each %s and, %s, of different ones", x->spec->hue,
                 across);
    text_add(&f->caption, ". Intervals of %g %% resample networks, never pairs.", x->spec->ci);
    if (x->said.at) text_add(&f->caption, "%s", x->said.at);
    for (int64_t g = 0; g < x->n_groups; g++) {
        const char *comma = "";
        text_add(&f->answer, "%s%s", x->name[g], *x->name[g] ? ": " : "");
        for (int64_t i = 0; i<x->n_k; i += x->n_k> 1 ? x->n_k - 1 : 1) {
            const struct statistics_interval *v = &x->score[g * x->n_k + i];
            text_add(&f->answer, "%s", comma);
            if (v->n > 0)
                figure_add_interval(&f->answer, v);
            else
                text_add(&f->answer, "no pairs");
            text_add(&f->answer, " at k = %lld", (long long)x->at[i].k);
            comma = ", ";
        }
        text_add(&f->answer, "\n");
    }
}

enum err_code figure_neighbours_draw(const struct results *r, const struct figure_spec *spec,
                                     struct figure *f, struct err *e)
{
    struct neighbours x = {.spec = spec, .f = f};
    enum err_code rc = find_measures(&x, r, e);
    if (rc == ERR_OK) rc = find_groups(&x, r, e);
    for (int64_t i = 0; rc == ERR_OK && i < x.n_k; i++) rc = measure(&x, r, i, e);
    if (rc == ERR_OK) rc = draw_plot(&x, e);
    if (rc == ERR_OK) {
        write_csv(&x);
        write_words(&x);
    }
    text_clear(&x.said);
    arena_clear(&x.arena);
    return rc;
}
