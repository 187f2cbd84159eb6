/* figure_bins.c - do networks that are better agree more: alignment among the networks of each
 * bin of a metric.
 *
 * Bins are quantiles, of as many networks each as can be: of n networks in the order of the
 * metric, number i is in bin floor(i bins / n), and equal values are in the bin of the first of
 * them. Bins of equal width would leave most with too few networks to have pairs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "coord/figure_pairs.h"
#include "coord/figure_plot.h"
#include "coord/filter.h"

struct ranked {
    double value;
    int64_t place; /* among the trials of the pairs */
};

struct bin {
    int64_t first, end; /* of the ranked networks */
    struct statistics_interval score;
};

struct bins {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_pairs pairs;
    int64_t n, n_bins, n_valueless;
    struct ranked *ranked; /* [n] ascending */
    struct bin *bin;       /* [n_bins] none is empty */
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->place > q->place) - (p->place < q->place);
}

static enum err_code rank(struct bins *b, const struct results *r, struct err *e)
{
    struct figure_trials *t = &b->pairs.trials;
    const struct results_metric *metric = results_metric(r, b->spec->by);
    struct expr *at;
    if (!metric) return ERR(e, ERR_CONFIG, "by: '%s' is no metric of this store", b->spec->by);
    TRY(filter_parse(r, b->spec->at, &t->arena, &at, e));
    b->ranked = arena_array(&t->arena, (size_t)t->n + 1, sizeof *b->ranked);
    b->bin = arena_array(&t->arena, (size_t)t->n + 1, sizeof *b->bin);
    if (!b->ranked || !b->bin) return ERR(e, ERR_NOMEM, "no memory for bins");
    for (int64_t i = 0; i < t->n; i++) {
        double value = results_at(r, metric, t->trial[i], filter_record(r, at, t->trial[i]));
        if (isfinite(value))
            b->ranked[b->n++] = (struct ranked){value, i};
        else
            b->n_valueless++;
    }
    qsort(b->ranked, (size_t)b->n, sizeof *b->ranked, by_value);
    return ERR_OK;
}

static enum err_code fill(struct bins *b, struct err *e)
{
    int64_t *member = arena_array(&b->pairs.trials.arena, (size_t)b->n + 1, sizeof *member);
    if (!member) return ERR(e, ERR_NOMEM, "no memory for bins");
    int64_t last = -1;
    for (int64_t i = 0; i < b->n; i++) {
        member[i] = b->ranked[i].place;
        int64_t number = i * b->spec->bins / b->n;
        bool tie = i > 0 && b->ranked[i].value == b->ranked[i - 1].value;
        if (!tie && number != last) {
            b->bin[b->n_bins++].first = i;
            last = number;
        }
        b->bin[b->n_bins - 1].end = i + 1;
    }
    for (int64_t k = 0; k < b->n_bins; k++) {
        struct bin *bin = &b->bin[k];
        bin->score = figure_pairs_mean(&b->pairs, b->spec->ci, bin->end - bin->first,
                                       member + bin->first, NULL);
    }
    return ERR_OK;
}

/* ---- output ---- */

static double low_of(const struct bins *b, int64_t k)
{
    return b->ranked[b->bin[k].first].value;
}

static double high_of(const struct bins *b, int64_t k)
{
    return b->ranked[b->bin[k].end - 1].value;
}

static double mean_of(const struct bins *b, int64_t k)
{
    double sum = 0;
    for (int64_t i = b->bin[k].first; i < b->bin[k].end; i++) sum += b->ranked[i].value;
    return sum / (double)(b->bin[k].end - b->bin[k].first);
}

static void write_csv(const struct bins *b)
{
    struct text *t = &b->f->csv;
    text_add(t, "bin,%s,%s,low,high,networks,%s_from,%s_to\n", b->spec->by, b->pairs.measure,
             b->spec->by, b->spec->by);
    for (int64_t k = 0; k < b->n_bins; k++) {
        const struct bin *bin = &b->bin[k];
        const double number[4] = {mean_of(b, k), bin->score.mean, bin->score.low,
                                  bin->score.high};
        text_add(t, "%lld", (long long)k + 1);
        for (int i = 0; i < 4; i++) {
            text_add(t, ",");
            figure_add_csv_number(t, number[i]);
        }
        text_add(t, ",%lld,%.9g,%.9g\n", (long long)(bin->end - bin->first), low_of(b, k),
                 high_of(b, k));
    }
}

static enum err_code draw_plot(struct bins *b, struct err *e)
{
    struct figure_plot_group all = {0, b->n_bins, ""};
    struct figure_plot_point *point =
        arena_array(&b->pairs.trials.arena, (size_t)b->n_bins + 1, sizeof *point);
    if (!point) return ERR(e, ERR_NOMEM, "no memory for bins");
    for (int64_t k = 0; k < b->n_bins; k++)
        point[k] = (struct figure_plot_point){mean_of(b, k), b->bin[k].score.mean,
                                              b->bin[k].score.low, b->bin[k].score.high};
    struct figure_plot plot = {.lines = true,
                               .n = b->n_bins,
                               .n_groups = b->n_bins > 0,
                               .point = point,
                               .group = &all,
                               .x_column = 2,
                               .y_column = 3};
    figure_plot_label(b->pairs.trials.r, b->spec->by, plot.x_label);
    snprintf(plot.y_label, sizeof plot.y_label, "alignment, %s", b->pairs.measure);
    figure_plot_draw(&plot, b->f);
    return ERR_OK;
}

static void write_words(const struct bins *b)
{
    struct figure *f = b->f;
    text_add(&f->title, "%s among networks of like %s", b->pairs.measure, b->spec->by);
    text_add(&f->caption,
             "Mean %s over the pairs of networks within each bin of %s at the %s%s: quantile "
             "bins, of as many of %lld networks each as can be, equal values together; drawn "
             "at the bin's mean. Intervals of %g %% resample networks, never pairs.",
             b->pairs.measure, b->spec->by, *b->spec->at ? "first record with " : "last record",
             b->spec->at, (long long)b->n, b->spec->ci);
    if (b->n_bins < b->spec->bins)
        text_add(&f->caption, " There are only %lld bins for so many different values.",
                 (long long)b->n_bins);
    if (b->n_valueless > 0)
        text_add(&f->caption, " %lld network%s no such value.", (long long)b->n_valueless,
                 b->n_valueless > 1 ? "s have" : " has");
    figure_pairs_say(&b->pairs, b->spec, &f->caption);
    for (int64_t k = 0; k < b->n_bins; k++) {
        if (b->bin[k].score.n == 0) continue;
        text_add(&f->answer, "%s %.3g to %.3g: ", b->spec->by, low_of(b, k), high_of(b, k));
        figure_add_interval(&f->answer, &b->bin[k].score);
        text_add(&f->answer, "\n");
    }
}

enum err_code figure_bins_draw(const struct results *r, const struct figure_spec *spec,
                               struct figure *f, struct err *e)
{
    struct bins b = {.spec = spec, .f = f};
    enum err_code rc = figure_pairs_find(r, spec, spec->value, &b.pairs, e);
    if (rc == ERR_OK) rc = rank(&b, r, e);
    if (rc == ERR_OK) rc = fill(&b, e);
    if (rc == ERR_OK) rc = draw_plot(&b, e);
    if (rc == ERR_OK) {
        write_csv(&b);
        write_words(&b);
    }
    figure_pairs_clear(&b.pairs);
    return rc;
}
