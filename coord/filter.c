/* filter.c - gives base/expr the keys of a store's table. A key that all trials have is added
 * in key_knows and key_value. */
#include "coord/filter.h"

#include <math.h>
#include <string.h>

#include "coord/state.h"

struct filtered {
    const struct results *r;
    int64_t trial, record; /* -1: the trial has none */
};

static bool key_knows(void *self, const char *key)
{
    const struct results *r = self;
    return strcmp(key, "state") == 0 || strcmp(key, "seed") == 0 || results_axis(r, key) ||
           results_metric(r, key);
}

static bool key_allows(void *self, const char *key, const char *text)
{
    const struct results *r = self;
    if (strcmp(key, "state") == 0) return table_find(&trial_states, text) >= 0;
    const struct results_axis *axis = results_axis(r, key);
    if (!axis || !axis->is_text) return true;
    for (int64_t t = 0; t < r->n_trials; t++)
        if (strcmp(axis->text[t], text) == 0) return true;
    return false;
}

enum err_code filter_parse(const struct results *r, const char *text, struct arena *a,
                           struct expr **out, struct err *e)
{
    *out = NULL;
    if (!*text) return ERR_OK;
    struct expr_scope scope = {.knows = key_knows, .allows = key_allows, .self = (void *)r};
    struct err cause = {0};
    int column = 0;
    enum err_code rc = expr_parse(a, text, &scope, out, &column, &cause);
    if (rc == ERR_OK) return rc;
    return ERR(e, rc, "filter '%s', column %d: %s", text, column + 1, cause.text);
}

/* A store has true and false as text, a condition as numbers. */
static struct expr_value axis_value(const struct results_axis *axis, int64_t trial)
{
    const char *text = axis->text[trial];
    if (axis->is_text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return (struct expr_value){.number = *text == 't'};
    return (struct expr_value){
        .is_text = axis->is_text, .number = axis->number[trial], .text = text};
}

static struct expr_value key_value(void *self, const char *key)
{
    const struct filtered *f = self;
    if (strcmp(key, "state") == 0)
        return (struct expr_value){
            .is_text = true, .text = table_row(&trial_states, f->r->state[f->trial])->name};
    if (strcmp(key, "seed") == 0)
        return (struct expr_value){.number = (double)f->r->seed[f->trial]};
    const struct results_axis *axis = results_axis(f->r, key);
    if (axis) return axis_value(axis, f->trial);
    const struct results_metric *m = results_metric(f->r, key);
    return (struct expr_value){.number = results_at(f->r, m, f->trial, f->record)};
}

bool filter_match(const struct results *r, const struct expr *filter, int64_t trial)
{
    struct filtered f = {r, trial, results_last_record(r, trial)};
    return !filter || expr_true(filter, key_value, &f);
}

int64_t filter_record(const struct results *r, const struct expr *when, int64_t trial)
{
    int64_t last = results_last_record(r, trial);
    if (!when) return last;
    for (int64_t record = 0; record <= last; record++) {
        struct filtered f = {r, trial, record};
        if (isnan(results_at(r, &r->metric[0], trial, record))) continue;
        if (expr_true(when, key_value, &f)) return record;
    }
    return -1;
}
