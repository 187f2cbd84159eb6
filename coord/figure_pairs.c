/* figure_pairs.c - see figure_pairs.h. */
#include "coord/figure_pairs.h"

#include <math.h>
#include <stdlib.h>

#include "linalg/alignment.h"

enum err_code figure_pairs_alignment(const struct results *r, const char *measure,
                                     const struct results_alignment **out, struct err *e)
{
    *out = results_alignment(r, measure);
    if (*out) return ERR_OK;
    struct text known = {0};
    for (int i = 0; i < r->n_alignments; i++)
        text_add(&known, "%s%s", i ? ", " : "", r->alignment[i].measure);
    enum err_code rc =
        ERR(e, ERR_CONFIG, "the store has no alignment by '%s' (run shoal align); it has: %s",
            measure, known.at ? known.at : "none");
    text_clear(&known);
    return rc;
}

/* The mean of both, or the one that is there. */
static double either(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : (a + b) / 2;
}

bool figure_pairs_distance(const char *measure)
{
    const struct alignment_measure *m;
    struct alignment_options o;
    return alignment_parse(measure, &m, &o, NULL) == ERR_OK && m->distance;
}

double *figure_pairs_score(struct figure_trials *t, const struct results_alignment *a)
{
    bool distance = figure_pairs_distance(a->measure);
    int64_t *model = arena_array(&t->arena, (size_t)t->r->n_trials + 1, sizeof *model);
    double *score = arena_array(&t->arena, (size_t)t->n + 1, (size_t)t->n * sizeof *score);
    if (!model || !score) return NULL;
    for (int64_t m = 0; m < a->n_models; m++) model[a->trial[m]] = m + 1; /* 0: none */
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t j = 0; j < t->n; j++) {
            int64_t p = model[t->trial[i]] - 1, q = model[t->trial[j]] - 1;
            bool there = i != j && p >= 0 && q >= 0;
            double *to = &score[i * t->n + j];
            *to = there ? either(a->score[p * a->n_models + q], a->score[q * a->n_models + p])
                        : NAN;
            if (distance) *to = 1 - *to;
        }
    return score;
}

/* Leaves out the trials without a score. */
static void keep_scored(struct figure_pairs *p, int64_t *kept)
{
    struct figure_trials *t = &p->trials;
    int64_t n = t->n, k = 0;
    for (int64_t i = 0; i < n; i++) {
        bool any = false;
        for (int64_t j = 0; j < n; j++) any |= !isnan(p->score[i * n + j]);
        if (any) kept[k++] = i;
    }
    for (int64_t i = 0; i < k; i++) {
        t->trial[i] = t->trial[kept[i]];
        for (int64_t j = 0; j < k; j++) p->score[i * k + j] = p->score[kept[i] * n + kept[j]];
    }
    p->n_without = n - k;
    t->n = k;
}

enum err_code figure_pairs_find(const struct results *r, const struct figure_spec *spec,
                                const char *measure, struct figure_pairs *out, struct err *e)
{
    const struct results_alignment *a;
    *out = (struct figure_pairs){.measure = measure};
    TRY(figure_pairs_alignment(r, measure, &a, e));
    TRY(figure_trials_find(r, spec, &out->trials, e));
    int64_t n = out->trials.n;
    int64_t *kept = arena_array(&out->trials.arena, (size_t)n + 1, sizeof *kept);
    out->score = figure_pairs_score(&out->trials, a);
    if (!kept || !out->score)
        return ERR(e, ERR_NOMEM, "no memory for the scores of %lld networks", (long long)n);
    keep_scored(out, kept);
    return ERR_OK;
}

void figure_pairs_clear(struct figure_pairs *p)
{
    figure_trials_clear(&p->trials);
}

struct statistics_interval figure_pairs_mean(const struct figure_pairs *p, double level,
                                             int64_t m, const int64_t *member,
                                             const int64_t *group)
{
    struct statistics_interval out;
    double *score = malloc((size_t)(m * m + 1) * sizeof *score);
    INVARIANT(score);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < m; j++) {
            bool together = group && group[member[i]] == group[member[j]];
            score[i * m + j] = together ? NAN : p->score[member[i] * p->trials.n + member[j]];
        }
    out = statistics_pair_interval(m, score, level, 0);
    free(score);
    return out;
}

void figure_pairs_say(const struct figure_pairs *p, const struct figure_spec *spec,
                      struct text *out)
{
    if (p->n_without > 0)
        text_add(out, " %lld network%s no score.", (long long)p->n_without,
                 p->n_without > 1 ? "s have" : " has");
    figure_trials_say(&p->trials, spec, out);
}
