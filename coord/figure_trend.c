/* figure_trend.c - how aligned each network is with the others, or with the best of them,
 * against a setting or a metric. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure_pairs.h"
#include "coord/figure_plot.h"
#include "coord/filter.h"
#include "linalg/correlation.h"

struct trend {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_pairs pairs;
    struct figure_plot_point *point; /* [pairs.trials.n] in the order of the trials */
    int64_t n_there;
    int64_t best;              /* place of the best network, or -1 */
    double best_value;         /* of its metric */
    struct correlation rho[2]; /* Spearman's and Pearson's, a network each left out once */
};

static const struct row target_rows[] = {
    [FIGURE_TO_ALL] = {"all", "the mean score with all other networks", NULL},
    [FIGURE_TO_BEST] = {"best", "the score with the network that is best by a metric", NULL},
};
const struct table figure_targets = TABLE("target", target_rows);

enum { TREND_LEVEL = 95 }; /* percent, of the intervals */

/* ---- x ---- */

/* The value of a setting, or of a metric at the record that `at` wants. */
static enum err_code read_x(struct trend *d, const struct results *r, struct err *e)
{
    struct figure_trials *t = &d->pairs.trials;
    const struct results_metric *metric = results_metric(r, d->spec->x);
    const struct results_axis *axis = results_axis(r, d->spec->x);
    struct expr *at;
    TRY(filter_parse(r, d->spec->at, &t->arena, &at, e));
    if (!metric && !axis)
        return ERR(e, ERR_CONFIG, "x: '%s' is no metric of this store, and does not vary in it",
                   d->spec->x);
    if (!metric && axis->is_text)
        return ERR(e, ERR_CONFIG, "x: '%s' has names for values, a trend wants numbers",
                   d->spec->x);
    for (int64_t i = 0; i < t->n; i++) {
        int64_t trial = t->trial[i];
        d->point[i].x = metric ? results_at(r, metric, trial, filter_record(r, at, trial))
                               : axis->number[trial];
    }
    return ERR_OK;
}

/* ---- y ---- */

static enum err_code find_best(struct trend *d, const struct results *r, struct err *e)
{
    const struct results_metric *by = results_metric(r, d->spec->by);
    int better = label_better(d->spec->by);
    d->best = -1;
    if (d->spec->to != FIGURE_TO_BEST) return ERR_OK;
    if (!by) return ERR(e, ERR_CONFIG, "by: '%s' is no metric of this store", d->spec->by);
    if (!better)
        return ERR(e, ERR_CONFIG, "by: of %s neither large nor small values are better",
                   d->spec->by);
    for (int64_t i = 0; i < d->pairs.trials.n; i++) {
        double value = results_last(r, by, d->pairs.trials.trial[i]);
        if (isnan(value) || (d->best >= 0 && better * (value - d->best_value) <= 0)) continue;
        d->best = i;
        d->best_value = value;
    }
    return ERR_OK;
}

static double mean_score(const struct trend *d, int64_t i)
{
    int64_t n = d->pairs.trials.n;
    double sum = 0, count = 0;
    if (d->spec->to == FIGURE_TO_BEST)
        return d->best < 0 ? NAN : d->pairs.score[i * n + d->best]; /* with itself it is NaN */
    for (int64_t j = 0; j < n; j++) {
        double score = d->pairs.score[i * n + j];
        if (isnan(score)) continue;
        sum += score;
        count++;
    }
    return sum / count; /* NaN without any */
}

static enum err_code find_points(struct trend *d, const struct results *r, struct err *e)
{
    struct figure_trials *t = &d->pairs.trials;
    double *x = arena_array(&t->arena, (size_t)t->n + 1, 2 * sizeof *x), *y = x + t->n;
    d->point = arena_array(&t->arena, (size_t)t->n + 1, sizeof *d->point);
    if (!x || !d->point) return ERR(e, ERR_NOMEM, "no memory for a trend");
    TRY(read_x(d, r, e));
    TRY(find_best(d, r, e));
    for (int64_t i = 0; i < t->n; i++) {
        struct figure_plot_point *p = &d->point[i];
        p->y = mean_score(d, i);
        p->low = p->high = NAN;
        if (!isfinite(p->x) || !isfinite(p->y)) continue;
        x[d->n_there] = p->x;
        y[d->n_there++] = p->y;
    }
    for (int k = 0; k < 2; k++)
        d->rho[k] = correlation_of(d->n_there, x, y, NULL, k == 0, TREND_LEVEL);
    return ERR_OK;
}

/* ---- output ---- */

static void write_csv(const struct trend *d)
{
    struct text *t = &d->f->csv;
    const struct figure_trials *trials = &d->pairs.trials;
    text_add(t,
             "%s,%s,%s,seed,spearman,spearman_low,spearman_high,pearson,pearson_low,"
             "pearson_high,networks\n",
             *d->spec->hue ? d->spec->hue : "series", d->spec->x, d->pairs.measure);
    for (int64_t i = 0; i < trials->n; i++) {
        const double number[2] = {d->point[i].x, d->point[i].y};
        text_add_csv(t, trials->hue ? trials->hue->text[trials->trial[i]] : "");
        for (int k = 0; k < 2; k++) {
            text_add(t, ",");
            figure_add_csv_number(t, number[k]);
        }
        text_add(t, ",%llu", (unsigned long long)trials->r->seed[trials->trial[i]]);
        for (int k = 0; k < 6; k++) {
            const struct correlation *c = &d->rho[k / 3];
            text_add(t, ",");
            figure_add_csv_number(t, k % 3 == 0 ? c->r : k % 3 == 1 ? c->low : c->high);
        }
        text_add(t, ",%lld\n", (long long)d->n_there);
    }
}

static enum err_code draw_plot(struct trend *d, struct err *e)
{
    struct figure_trials *t = &d->pairs.trials;
    struct figure_plot_group *group = arena_array(&t->arena, (size_t)t->n + 1, sizeof *group);
    if (!group) return ERR(e, ERR_NOMEM, "no memory for a trend");
    struct figure_plot plot = {.log_x = strchr(d->spec->log, 'x') != NULL,
                               .log_y = strchr(d->spec->log, 'y') != NULL,
                               .n = t->n,
                               .n_groups = figure_plot_groups(t, group),
                               .point = d->point,
                               .group = group,
                               .x_column = 2,
                               .y_column = 3};
    figure_plot_label(t->r, d->spec->x, plot.x_label);
    snprintf(plot.y_label, sizeof plot.y_label, "alignment%s, %s",
             d->spec->to == FIGURE_TO_BEST ? " with the best" : "", d->pairs.measure);
    figure_plot_draw(&plot, d->f);
    return ERR_OK;
}

static void add_rho(const struct trend *d, struct text *t)
{
    static const char *const names[2] = {"Spearman's rho", "Pearson's"};
    if (isnan(d->rho[0].r)) {
        text_add(t, "no correlation: fewer than two networks, or nothing varies");
        return;
    }
    for (int k = 0; k < 2; k++) {
        text_add(t, "%s%s = %.3g", k ? ", " : "", names[k], d->rho[k].r);
        if (isfinite(d->rho[k].low))
            text_add(t, " [%.3g, %.3g]", d->rho[k].low, d->rho[k].high);
    }
}

static void write_words(const struct trend *d)
{
    struct figure *f = d->f;
    bool best = d->spec->to == FIGURE_TO_BEST;
    int64_t absent = d->pairs.trials.n - d->n_there - (d->best >= 0);
    text_add(&f->title, "%s with %s against %s%s%s", d->pairs.measure,
             best ? "the best" : "the others", d->spec->x, *d->spec->hue ? " by " : "",
             d->spec->hue);
    text_add(&f->caption, "A point for each of %lld networks: %s, %s", (long long)d->n_there,
             d->pairs.measure,
             best ? "with the one that has the best " : "mean over the others");
    if (best) text_add(&f->caption, "%s", d->spec->by);
    if (d->best >= 0) text_add(&f->caption, " (%.3g), which has no point", d->best_value);
    text_add(&f->caption, ". ");
    add_rho(d, &f->caption);
    text_add(&f->caption, "; in brackets 95 %% intervals by leaving out each network once, "
                          "rough where the points share networks.");
    if (absent > 0)
        text_add(&f->caption, " %lld network%s no point: no such value or score.",
                 (long long)absent, absent > 1 ? "s have" : " has");
    figure_pairs_say(&d->pairs, d->spec, &f->caption);
    add_rho(d, &f->answer);
    text_add(&f->answer, "\n");
}

enum err_code figure_trend_draw(const struct results *r, const struct figure_spec *spec,
                                struct figure *f, struct err *e)
{
    struct trend d = {.spec = spec, .f = f};
    enum err_code rc = figure_pairs_find(r, spec, spec->value, &d.pairs, e);
    if (rc == ERR_OK) rc = find_points(&d, r, e);
    if (rc == ERR_OK) rc = draw_plot(&d, e);
    if (rc == ERR_OK) {
        write_csv(&d);
        write_words(&d);
    }
    figure_pairs_clear(&d.pairs);
    return rc;
}
