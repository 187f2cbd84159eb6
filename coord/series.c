/* series.c - groups trials by x, hue and seed; statistics does the rest.
 *
 * A cell is a pair (hue, x); a trial lies in one cell and belongs to one seed. Distinct values
 * are sorted numbers (names by place of first appearance), so that a store gives the same
 * series on every machine. */
#include "coord/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/filter.h"
#include "coord/state.h"

/* Distinct values of one setting over the chosen trials. */
struct levels {
    const struct results_axis *axis; /* NULL: one level, "" */
    int64_t n;
    double *number;    /* [n] ascending */
    const char **text; /* [n] */
};

struct collector {
    const struct results *r;
    const struct series_query *query;
    struct series_set *out;
    struct arena scratch;
    int64_t n; /* trials chosen by the filter */
    int64_t *trial;
    struct levels x, hue;
    bool by_step;
    int n_y;
    int64_t n_seeds;
    double *seed; /* [n_seeds] ascending */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts value[n] and drops repetitions. Returns how many are left. */
static int64_t distinct(double *value, int64_t n)
{
    qsort(value, (size_t)n, sizeof *value, ascending);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || value[i] != value[kept - 1]) value[kept++] = value[i];
    return kept;
}

static int64_t place(double value, const double *sorted, int64_t n)
{
    const double *at = bsearch(&value, sorted, (size_t)n, sizeof value, ascending);
    INVARIANT(at);
    return at - sorted;
}

static int64_t level_of(const struct levels *l, int64_t trial)
{
    return l->axis ? place(l->axis->number[trial], l->number, l->n) : 0;
}

/* ---- names ---- */

/* "a, b, c" of the settings that vary. */
static enum err_code unknown_setting(const struct results *r, const char *name, struct err *e)
{
    struct text_nearest near = text_nearest_init(name);
    struct text known = {0};
    for (int i = 0; i < r->n_axes; i++) {
        text_add(&known, "%s%s", i ? ", " : "", r->axis[i].name);
        text_nearest_try(&near, r->axis[i].name);
    }
    enum err_code rc =
        ERR(e, ERR_CONFIG, "'%s' does not vary in this store; settings that do: %s%s%s%s", name,
            known.at ? known.at : "none", near.found ? "; did you mean '" : "",
            near.found ? near.found : "", near.found ? "'?" : "");
    text_clear(&known);
    return rc;
}

static enum err_code unknown_quantity(const struct results *r, const char *name, struct err *e)
{
    struct text_nearest near = text_nearest_init(name);
    struct text known = {0};
    for (int i = 1; i < r->n_metrics; i++) {
        text_add(&known, "%s%s", known.at ? ", " : "", r->metric[i].name);
        text_nearest_try(&near, r->metric[i].name);
    }
    for (int i = 0; i < r->n_alignments; i++) {
        text_add(&known, "%s%s", known.at ? ", " : "", r->alignment[i].measure);
        text_nearest_try(&near, r->alignment[i].measure);
    }
    enum err_code rc = ERR(
        e, ERR_CONFIG, "'%s' is no metric or alignment measure of this store; known: %s%s%s%s",
        name, known.at ? known.at : "none", near.found ? "; did you mean '" : "",
        near.found ? near.found : "", near.found ? "'?" : "");
    text_clear(&known);
    return rc;
}

/* ---- which trials, which levels ---- */

static enum err_code nomem(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory to group the trials");
}

static enum err_code choose_trials(struct collector *c, struct err *e)
{
    struct expr *filter = NULL;
    TRY(filter_parse(c->r, c->query->filter, &c->scratch, &filter, e));
    c->trial = arena_array(&c->scratch, (size_t)c->r->n_trials, sizeof *c->trial);
    c->seed = arena_array(&c->scratch, (size_t)c->r->n_trials, sizeof *c->seed);
    if (!c->trial || !c->seed) return nomem(e);
    for (int64_t t = 0; t < c->r->n_trials; t++) {
        if (c->r->row[t] < 0 || !filter_match(c->r, filter, t)) continue; /* no trial */
        if (c->query->only && c->query->only->number[t] != c->query->only_value) continue;
        c->seed[c->n] = (double)c->r->seed[t];
        c->trial[c->n++] = t;
    }
    c->n_seeds = distinct(c->seed, c->n);
    return ERR_OK;
}

static enum err_code find_levels(struct collector *c, const char *name, struct levels *out,
                                 struct err *e)
{
    out->axis = *name ? results_axis(c->r, name) : NULL;
    if (*name && !out->axis) return unknown_setting(c->r, name, e);
    int64_t room = c->n > 0 ? c->n : 1;
    out->number = arena_array(&c->scratch, (size_t)room, sizeof *out->number);
    out->text = arena_array(&c->scratch, (size_t)room, sizeof *out->text);
    if (!out->number || !out->text) return nomem(e);
    if (!out->axis) {
        out->n = 1;
        out->text[0] = "";
        return ERR_OK;
    }
    for (int64_t i = 0; i < c->n; i++) out->number[i] = out->axis->number[c->trial[i]];
    out->n = distinct(out->number, c->n);
    for (int64_t i = 0; i < c->n; i++) /* any trial of a level knows its text */
        out->text[level_of(out, c->trial[i])] = out->axis->text[c->trial[i]];
    return ERR_OK;
}

/* x is the distinct steps of all records of chosen trials. */
static enum err_code find_steps(struct collector *c, struct err *e)
{
    int64_t records = c->r->n_records, n = 0;
    const double *step = c->r->metric[0].value;
    size_t room = (size_t)(c->n * records + 1);
    c->x.number = arena_array(&c->scratch, room, sizeof *c->x.number);
    if (!c->x.number) return nomem(e);
    for (int64_t i = 0; i < c->n * records; i++) {
        double at = step[c->trial[i / records] * records + i % records];
        if (!isnan(at)) c->x.number[n++] = at;
    }
    c->x.n = distinct(c->x.number, n);
    c->x.text = arena_array(&c->scratch, (size_t)c->x.n + 1, sizeof *c->x.text);
    if (!c->x.text) return nomem(e);
    for (int64_t i = 0; i < c->x.n; i++) {
        char number[32];
        c->x.text[i] = arena_text(&c->out->arena, results_number(c->x.number[i], number));
        if (!c->x.text[i]) return nomem(e);
    }
    return ERR_OK;
}

static enum err_code make_points(struct collector *c, struct err *e)
{
    struct series_set *s = c->out;
    s->n_x = c->x.n;
    s->n_series = c->n_y * c->hue.n;
    s->by_step = c->by_step;
    s->names = c->x.axis && c->x.axis->is_text;
    s->n_seeds = c->n_seeds;
    s->series = arena_array(&s->arena, (size_t)s->n_series, sizeof *s->series);
    if (!s->series) return nomem(e);
    for (int64_t h = 0; h < s->n_series; h++) {
        s->series[h].y = c->query->y[h / c->hue.n];
        s->series[h].name = c->hue.text[h % c->hue.n];
        s->series[h].point =
            arena_array(&s->arena, (size_t)s->n_x, sizeof(struct series_point));
        if (!s->series[h].point) return nomem(e);
        for (int64_t i = 0; i < s->n_x; i++) {
            s->series[h].point[i].x = c->x.number[i];
            s->series[h].point[i].text = c->x.text[i];
            s->series[h].point[i].sd = NAN;
        }
    }
    return ERR_OK;
}

/* Counts a diverged trial at its point of every metric; on an axis of steps it has none. */
static void count_diverged(struct collector *c, int64_t trial)
{
    c->out->n_diverged++;
    for (int y = 0; y < c->n_y && !c->by_step; y++)
        c->out->series[y * c->hue.n + level_of(&c->hue, trial)]
            .point[level_of(&c->x, trial)]
            .n_diverged++;
}

static void count_states(struct collector *c)
{
    for (int64_t i = 0; i < c->n; i++) {
        uint8_t state = c->r->state[c->trial[i]];
        if (state == TRIAL_DIVERGED) {
            count_diverged(c, c->trial[i]);
        } else if (state != TRIAL_DONE) {
            c->out->n_waiting++;
        }
    }
}

/* ---- values ---- */

/* Interval, spread and single values from one value a seed (NaN: none). */
static void finish_point(const struct collector *c, double *value, struct series_point *p)
{
    p->value = statistics_seed_interval(c->n_seeds, value, c->query->level, 0);
    int64_t n = 0;
    for (int64_t s = 0; s < c->n_seeds; s++)
        if (!isnan(value[s])) value[n++] = value[s];
    p->sd = statistics_sd(n, value);
    if (n >= SERIES_FEW || c->by_step) return;
    p->n_each = (int)n;
    memcpy(p->each, value, (size_t)n * sizeof *value);
}

/* Sums over the trials of a cell and a seed. */
struct sums {
    double *sum;
    int64_t *count;
};

static void add_value(const struct collector *c, struct sums *s, int64_t trial, int64_t x,
                      double value)
{
    if (isnan(value)) return;
    int64_t cell = level_of(&c->hue, trial) * c->x.n + x;
    int64_t at = cell * c->n_seeds + place((double)c->r->seed[trial], c->seed, c->n_seeds);
    s->sum[at] += value;
    s->count[at]++;
}

/* A trial's values: at one record, or at all of them. */
static void add_trial(const struct collector *c, const struct results_metric *m,
                      const struct expr *at, int64_t trial, struct sums *s)
{
    if (!c->by_step) {
        int64_t record = filter_record(c->r, at, trial);
        add_value(c, s, trial, level_of(&c->x, trial), results_at(c->r, m, trial, record));
        return;
    }
    const double *step = c->r->metric[0].value + trial * c->r->n_records;
    for (int64_t k = 0; k < c->r->n_records; k++)
        if (!isnan(step[k]))
            add_value(c, s, trial, place(step[k], c->x.number, c->x.n),
                      results_at(c->r, m, trial, k));
}

/* Metric number y of the query. */
static enum err_code collect_metric(struct collector *c, int y, const struct expr *at_record,
                                    struct err *e)
{
    const struct results_metric *m = results_metric(c->r, c->query->y[y]);
    int64_t cells = c->hue.n * c->x.n;
    if (!m) return unknown_quantity(c->r, c->query->y[y], e);
    size_t n = (size_t)(cells * c->n_seeds);
    struct sums s = {arena_array(&c->scratch, n, sizeof *s.sum),
                     arena_array(&c->scratch, n, sizeof *s.count)};
    if (!s.sum || !s.count) return nomem(e);
    for (int64_t i = 0; i < c->n; i++)
        if (c->r->state[c->trial[i]] == TRIAL_DONE) add_trial(c, m, at_record, c->trial[i], &s);
    for (size_t at = 0; at < n; at++)
        s.sum[at] = s.count[at] ? s.sum[at] / (double)s.count[at] : NAN;
    for (int64_t cell = 0; cell < cells; cell++)
        finish_point(c, s.sum + cell * c->n_seeds,
                     &c->out->series[y * c->hue.n + cell / c->x.n].point[cell % c->x.n]);
    return ERR_OK;
}

static enum err_code collect_metrics(struct collector *c, struct err *e)
{
    struct expr *at = NULL;
    if (c->query->at) TRY(filter_parse(c->r, c->query->at, &c->scratch, &at, e));
    for (int y = 0; y < c->n_y; y++) TRY(collect_metric(c, y, at, e));
    return ERR_OK;
}

/* ---- pairs ---- */

/* A model of the alignment: where its trial lies. */
struct model {
    const struct collector *c;
    int64_t index, trial, cell, seed;
};

/* By cell, then by all settings: models of one configuration come to stand together. */
static int by_configuration(const void *a, const void *b)
{
    const struct model *x = a, *y = b;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    const struct results *r = x->c->r;
    for (int i = 0; i < r->n_axes; i++) {
        int order = ascending(&r->axis[i].number[x->trial], &r->axis[i].number[y->trial]);
        if (order) return order;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static bool same_configuration(const struct model *a, const struct model *b)
{
    for (int i = 0; i < a->c->r->n_axes; i++)
        if (a->c->r->axis[i].number[a->trial] != a->c->r->axis[i].number[b->trial])
            return false;
    return true;
}

/* The models of chosen trials that are done, sorted. */
static struct model *sorted_models(struct collector *c, const struct results_alignment *a,
                                   int64_t *n)
{
    bool *chosen = arena_array(&c->scratch, (size_t)c->r->n_trials, sizeof *chosen);
    struct model *model = arena_array(&c->scratch, (size_t)a->n_models, sizeof *model);
    if (!chosen || !model) return NULL;
    for (int64_t i = 0; i < c->n; i++)
        chosen[c->trial[i]] = c->r->state[c->trial[i]] == TRIAL_DONE;
    *n = 0;
    for (int64_t m = 0; m < a->n_models; m++) {
        int64_t t = a->trial[m];
        if (!chosen[t]) continue;
        model[(*n)++] =
            (struct model){c, m, t, level_of(&c->hue, t) * c->x.n + level_of(&c->x, t),
                           place((double)c->r->seed[t], c->seed, c->n_seeds)};
    }
    qsort(model, (size_t)*n, sizeof *model, by_configuration);
    return model;
}

/* score[S, S]: mean score of each pair of seeds over the configurations of one cell, whose
 * models are model[0, n); NaN without a pair. count[S, S] is scratch. */
static void pair_scores(const struct collector *c, const struct results_alignment *a,
                        const struct model *model, int64_t n, double *score, double *count)
{
    int64_t S = c->n_seeds;
    memset(score, 0, (size_t)(S * S) * sizeof *score);
    memset(count, 0, (size_t)(S * S) * sizeof *count);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n && same_configuration(&model[i], &model[j]); j++) {
            double ab = a->score[model[i].index * a->n_models + model[j].index];
            double ba = a->score[model[j].index * a->n_models + model[i].index];
            if (isnan(ab) || isnan(ba) || model[i].seed == model[j].seed) continue;
            score[model[i].seed * S + model[j].seed] += (ab + ba) / 2;
            count[model[i].seed * S + model[j].seed]++;
        }
    for (int64_t s = 0; s < S; s++)
        for (int64_t t = s; t < S; t++) {
            double sum = score[s * S + t] + score[t * S + s];
            double pairs = count[s * S + t] + count[t * S + s];
            score[s * S + t] = score[t * S + s] = pairs > 0 ? sum / pairs : NAN;
        }
}

/* Standard deviation of the seeds' mean scores with the others. mean[S] is scratch. */
static double spread(int64_t S, const double *score, double *mean)
{
    int64_t n = 0;
    for (int64_t s = 0; s < S; s++) {
        double sum = 0, pairs = 0;
        for (int64_t t = 0; t < S; t++) {
            if (isnan(score[s * S + t])) continue;
            sum += score[s * S + t];
            pairs++;
        }
        if (pairs > 0) mean[n++] = sum / pairs;
    }
    return statistics_sd(n, mean);
}

/* Fills the point of one cell from its models. score, count: scratch [S, S]. */
static void finish_cell(const struct collector *c, const struct results_alignment *a,
                        const struct model *model, int64_t n, double *score, double *count)
{
    int64_t S = c->n_seeds;
    struct series_point *p = &c->out->series[model->cell / c->x.n].point[model->cell % c->x.n];
    pair_scores(c, a, model, n, score, count);
    p->value = statistics_pair_interval(S, score, c->query->level, 0);
    p->sd = spread(S, score, count);
    if (p->value.n >= SERIES_FEW) return;
    for (int64_t s = 0; s < S; s++)
        for (int64_t t = s + 1; t < S; t++)
            if (!isnan(score[s * S + t])) p->each[p->n_each++] = score[s * S + t];
}

static enum err_code collect_pairs(struct collector *c, const struct results_alignment *a,
                                   struct err *e)
{
    int64_t n = 0;
    struct model *model = sorted_models(c, a, &n);
    double *score = arena_array(&c->scratch, (size_t)(c->n_seeds * c->n_seeds), sizeof *score);
    double *count = arena_array(&c->scratch, (size_t)(c->n_seeds * c->n_seeds), sizeof *count);
    if (!model || !score || !count) return nomem(e);
    for (int64_t h = 0; h < c->hue.n; h++)
        for (int64_t i = 0; i < c->x.n; i++)
            c->out->series[h].point[i].value = statistics_pair_interval(0, NULL, 95, 0);
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && model[end].cell == model[first].cell;) end++;
        finish_cell(c, a, model + first, end - first, score, count);
    }
    return ERR_OK;
}

static enum err_code collect(struct collector *c, struct err *e)
{
    const struct results_alignment *a = results_alignment(c->r, c->query->y[0]);
    c->n_y = c->query->n_y ? c->query->n_y : 1;
    c->by_step = strcmp(c->query->x, "step") == 0;
    if (results_metric(c->r, c->query->y[0])) a = NULL;
    if (!results_metric(c->r, c->query->y[0]) && !a)
        return unknown_quantity(c->r, c->query->y[0], e);
    c->out->of_pairs = a != NULL;
    if (a && (c->by_step || c->n_y > 1))
        return ERR(e, ERR_CONFIG, "'%s' is an alignment of finished networks: take metrics",
                   c->query->y[0]);
    TRY(choose_trials(c, e));
    TRY(c->by_step ? find_steps(c, e) : find_levels(c, c->query->x, &c->x, e));
    TRY(find_levels(c, c->query->hue, &c->hue, e));
    TRY(make_points(c, e));
    count_states(c);
    return a ? collect_pairs(c, a, e) : collect_metrics(c, e);
}

enum err_code series_collect(const struct results *r, const struct series_query *q,
                             struct series_set *out, struct err *e)
{
    *out = (struct series_set){0};
    struct collector c = {.r = r, .query = q, .out = out};
    enum err_code rc = collect(&c, e);
    arena_clear(&c.scratch);
    return rc;
}

void series_clear(struct series_set *s)
{
    arena_clear(&s->arena);
    *s = (struct series_set){0};
}

void series_count_seeds(const struct series_set *s, int64_t *least, int64_t *most)
{
    for (int64_t h = 0; h < s->n_series; h++)
        for (int64_t i = 0; i < s->n_x; i++) {
            int64_t n = s->series[h].point[i].value.n;
            if (n > 0 && n < *least) *least = n;
            if (n > *most) *most = n;
        }
}
