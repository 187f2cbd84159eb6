/* figure_trials.c - see figure_trials.h. */
#include "coord/figure_trials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/filter.h"
#include "coord/state.h"

/* A trial and what it is sorted by. */
struct key {
    double hue;
    uint64_t seed;
    int64_t trial;
};

static int by_key(const void *a, const void *b)
{
    const struct key *p = a, *q = b;
    if (p->hue != q->hue) return p->hue < q->hue ? -1 : 1;
    if (p->seed != q->seed) return p->seed < q->seed ? -1 : 1;
    return (p->trial > q->trial) - (p->trial < q->trial);
}

enum err_code figure_trials_find(const struct results *r, const struct figure_spec *spec,
                                 struct figure_trials *out, struct err *e)
{
    struct expr *filter = NULL;
    *out = (struct figure_trials){.r = r};
    out->hue = *spec->hue ? results_axis(r, spec->hue) : NULL;
    if (*spec->hue && !out->hue)
        return ERR(e, ERR_CONFIG, "hue: '%s' does not vary in this store", spec->hue);
    TRY(filter_parse(r, spec->filter, &out->arena, &filter, e));
    struct key *key = arena_array(&out->arena, (size_t)r->n_trials + 1, sizeof *key);
    out->trial = arena_array(&out->arena, (size_t)r->n_trials + 1, sizeof *out->trial);
    if (!key || !out->trial) return ERR(e, ERR_NOMEM, "no memory to sort the trials");
    for (int64_t t = 0; t < r->n_trials; t++) {
        bool shown = results_origin(r, t) != RESULTS_BASELINE ||
                     spec->type == table_find(&figure_types, "map"); /* means leave them out */
        if (!shown || !filter_match(r, filter, t)) continue;
        if (r->state[t] == TRIAL_DONE)
            key[out->n++] = (struct key){out->hue ? out->hue->number[t] : 0, r->seed[t], t};
        else
            out->n_missing++;
    }
    qsort(key, (size_t)out->n, sizeof *key, by_key);
    for (int64_t i = 0; i < out->n; i++) out->trial[i] = key[i].trial;
    return ERR_OK;
}

void figure_trials_clear(struct figure_trials *t)
{
    arena_clear(&t->arena);
}

int64_t figure_trials_group(const struct figure_trials *t, int64_t first)
{
    int64_t end = first + 1;
    if (!t->hue) return t->n;
    while (end < t->n && t->hue->number[t->trial[end]] == t->hue->number[t->trial[first]])
        end++;
    return end;
}

const char *figure_trials_name(const struct figure_trials *t, int64_t first,
                               char out[FIGURE_NAME])
{
    const char *dot = t->hue ? strrchr(t->hue->name, '.') : NULL;
    bool number = t->hue && !t->hue->is_text && dot;
    if (t->hue && !*t->hue->text[t->trial[first]]) { /* has no such setting, or is no trial */
        bool is_trial = t->r->row[t->trial[first]] >= 0;
        snprintf(out, FIGURE_NAME, "%s", is_trial ? "trials" : "other models");
        return out;
    }
    snprintf(out, FIGURE_NAME, "%s%s%s", number ? dot + 1 : "", number ? " " : "",
             t->hue ? t->hue->text[t->trial[first]] : "");
    for (char *c = out; *c && number; c++)
        if (*c == '_') *c = ' ';
    return out;
}

void figure_trials_say(const struct figure_trials *t, const struct figure_spec *spec,
                       struct text *out)
{
    if (*spec->filter) text_add(out, " Only trials with %s.", spec->filter);
    if (t->n_missing > 0)
        text_add(out, " %lld trial%s not done.", (long long)t->n_missing,
                 t->n_missing > 1 ? "s are" : " is");
}
