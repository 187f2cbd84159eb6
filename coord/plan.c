/* plan.c - a plan from a sweep: order of the trials, looking them up, unfolding a
 * configuration. Which configurations there are is found in plan_expand.c, their ids in
 * plan_identity.c, what they need of each other in plan_needs.c. */
#include "coord/plan.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "coord/plan_inner.h"

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

/* ---- order and lookup ---- */

static double shape_flops(const struct trial_shape *shape)
{
    return shape->train_flops + shape->eval_flops;
}

static int compare_flops(const void *a, const void *b, void *plan)
{
    const struct plan *p = plan;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    double x = shape_flops(&p->shape[i]), y = shape_flops(&p->shape[j]);
    return (x < y) - (x > y);
}

/* Counting sort by the rank of the shape's cost: shapes are few, trials many, and ties keep the
 * order of the file. */
static enum err_code order_longest_first(struct plan *p, struct err *e)
{
    size_t n = (size_t)p->n_shapes + 1;
    int64_t *by_cost = calloc(n, sizeof *by_cost), *rank = calloc(n, sizeof *rank);
    int64_t *start = calloc(n + 1, sizeof *start);
    enum err_code rc = by_cost && rank && start ? ERR_OK : no_memory(e);
    if (rc != ERR_OK) goto out;
    for (int64_t i = 0; i < p->n_shapes; i++) by_cost[i] = i;
    qsort_r(by_cost, (size_t)p->n_shapes, sizeof *by_cost, compare_flops, p);
    for (int64_t i = 1; i < p->n_shapes; i++) {
        bool tie = compare_flops(&by_cost[i - 1], &by_cost[i], p) == 0;
        rank[by_cost[i]] = rank[by_cost[i - 1]] + !tie;
    }
    for (int k = 0; k < p->n_stages; k++) {
        const struct plan_stage *s = &p->stage[k];
        for (int64_t c = s->first_config; c < s->first_config + s->n_configs; c++)
            start[rank[p->shape_of[c]] + 1] += s->seeds;
    }
    for (int64_t i = 0; i < p->n_shapes; i++) start[i + 1] += start[i];
    for (int64_t t = 0; t < p->n_trials;) {
        int64_t c = plan_config_of(p, t), seeds = p->stage[plan_stage_of(p, c)].seeds;
        int64_t *at = &start[rank[p->shape_of[c]]];
        for (int64_t s = 0; s < seeds; s++) p->order[(*at)++] = t++;
    }
out:
    free(by_cost);
    free(rank);
    free(start);
    return rc;
}

static enum err_code make_order(struct plan *p, struct err *e)
{
    p->order = malloc(((size_t)p->n_trials + 1) * sizeof *p->order);
    if (!p->order) return no_memory(e);
    const char *how = table_row(&sweep_run_orders, p->sweep->run.order)->name;
    bool needs = false;
    for (int s = 0; s < p->n_stages; s++) needs = needs || p->inner->part[s].n_needs;
    if (strcmp(how, "longest_first") == 0)
        return needs ? plan_order_critical(p, e) : order_longest_first(p, e);
    for (int64_t t = 0; t < p->n_trials; t++) p->order[t] = t;
    return ERR_OK;
}

static enum err_code make_lookup(struct plan *p, struct err *e)
{
    struct plan_inner *inner = p->inner;
    inner->n_found = 1024;
    while (inner->n_found < 2 * (size_t)p->n_trials) inner->n_found *= 2;
    inner->found = calloc(inner->n_found, sizeof *inner->found);
    if (!inner->found) return no_memory(e);
    for (int64_t t = 0; t < p->n_trials; t++) {
        size_t i = plan_id(p, t) & (inner->n_found - 1);
        while (inner->found[i]) i = (i + 1) & (inner->n_found - 1);
        inner->found[i] = (uint32_t)(t + 1);
    }
    return ERR_OK;
}

/* ---- public ---- */

static enum err_code check(const struct plan *p, struct err *e)
{
    const struct sweep *s = p->sweep;
    int64_t n = 0;
    bool all_there = s->file->n_problems == 0;
    for (int k = 0; k < p->n_stages; k++) {
        const struct plan_stage *stage = &p->stage[k];
        if (stage->n_configs == 0 && all_there)
            yaml_problem(s->file, sweep_mark(s, &s->stage[k], "sweep.exclude"), NULL,
                         "nothing is left to run%s%s: all %lld combinations are excluded",
                         sweep_has_stages(s) ? " in stage " : "", s->stage[k].name,
                         (long long)p->n_excluded);
        if (stage->n_configs > (PLAN_MAX_TRIALS - n) / stage->seeds)
            yaml_problem(s->file, sweep_mark(s, &s->stage[k], "sweep.seeds"), NULL,
                         "more than %d trials", PLAN_MAX_TRIALS);
        else
            n += stage->n_configs * stage->seeds;
    }
    sweep_set_explain(s);
    if (s->file->n_problems == 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: %d error%s", s->file->name, s->file->n_problems,
               s->file->n_problems == 1 ? "" : "s");
}

static enum err_code create(struct plan *p, struct err *e)
{
    struct plan_inner *inner = p->inner = calloc(1, sizeof *p->inner);
    if (!inner) return no_memory(e);
    size_t n = (size_t)p->sweep->n_stages;
    p->n_stages = p->sweep->n_stages;
    p->stage = arena_array(&inner->arena, n, sizeof *p->stage);
    inner->part = arena_array(&inner->arena, n, sizeof *inner->part);
    if (!p->stage || !inner->part) return no_memory(e);
    for (size_t s = 0; s < n; s++) p->stage[s].seeds = p->sweep->stage[s].seeds;
    TRY(plan_identity_setup(p, e));
    TRY(plan_expand(p, e));
    TRY(check(p, e));
    for (size_t i = 0; i < n; i++) {
        struct plan_stage *stage = &p->stage[p->sweep->stage_order[i]];
        stage->first_trial = p->n_trials;
        p->n_trials += stage->n_configs * stage->seeds;
    }
    TRY(make_order(p, e));
    return make_lookup(p, e);
}

enum err_code plan_create(const struct sweep *sweep, struct plan **out, struct err *e)
{
    *out = NULL;
    struct plan *p = calloc(1, sizeof *p);
    if (!p) return no_memory(e);
    p->sweep = sweep;
    enum err_code rc = create(p, e);
    if (rc != ERR_OK) {
        plan_destroy(p);
        return rc;
    }
    *out = p;
    return ERR_OK;
}

void plan_destroy(struct plan *p)
{
    if (!p) return;
    free(p->config_id);
    free(p->shape_of);
    free(p->shape);
    free(p->order);
    if (p->inner) {
        plan_needs_clear(p->inner, p->n_stages);
        arena_clear(&p->inner->arena);
        free(p->inner->place);
        free(p->inner->found);
        free(p->inner->keeps);
    }
    free(p->inner);
    free(p);
}

/* The stage of a trial, by where it stands. */
static const struct plan_stage *stage_of_trial(const struct plan *p, int64_t trial)
{
    int s = 0;
    while (s + 1 < p->n_stages &&
           (trial < p->stage[s].first_trial ||
            trial - p->stage[s].first_trial >= p->stage[s].n_configs * p->stage[s].seeds))
        s++;
    return &p->stage[s];
}

int plan_stage_of(const struct plan *p, int64_t config)
{
    int s = 0;
    while (s + 1 < p->n_stages && (config < p->stage[s].first_config ||
                                   config - p->stage[s].first_config >= p->stage[s].n_configs))
        s++;
    return s;
}

int64_t plan_config_of(const struct plan *p, int64_t trial)
{
    const struct plan_stage *s = stage_of_trial(p, trial);
    return s->first_config + (trial - s->first_trial) / s->seeds;
}

uint64_t plan_seed(const struct plan *p, int64_t trial)
{
    const struct plan_stage *s = stage_of_trial(p, trial);
    return (uint64_t)((trial - s->first_trial) % s->seeds);
}

int64_t plan_trial(const struct plan *p, int64_t config, uint64_t seed)
{
    const struct plan_stage *s = &p->stage[plan_stage_of(p, config)];
    return s->first_trial + (config - s->first_config) * s->seeds + (int64_t)seed;
}

/* A seed above 0 whose parent is one for all seeds is another trial than one with a parent of
 * its own. */
uint64_t plan_id(const struct plan *p, int64_t trial)
{
    int64_t c = plan_config_of(p, trial);
    uint64_t seed = plan_seed(p, trial), shared = p->inner->part[plan_stage_of(p, c)].shared;
    uint64_t words[3] = {htole64(p->config_id[c]), htole64(seed), htole64(shared)};
    return plan_hash(words, (seed && shared ? 3 : 2) * sizeof *words);
}

int64_t plan_find(const struct plan *p, uint64_t id)
{
    const struct plan_inner *inner = p->inner;
    for (size_t i = id & (inner->n_found - 1); inner->found[i];
         i = (i + 1) & (inner->n_found - 1)) {
        int64_t t = (int64_t)inner->found[i] - 1;
        if (plan_id(p, t) == id) return t;
    }
    return -1;
}

void plan_config(const struct plan *p, int64_t c, struct config *out)
{
    const struct plan_inner *inner = p->inner;
    int64_t place = inner->place[c];
    int s = plan_stage_of(p, c);
    const struct plan_part *part = &inner->part[s];
    memcpy(out, &p->sweep->stage[s].base, sizeof *out);
    for (int i = 0; i < part->n_levels; i++) {
        const struct plan_level *l = &part->level[i];
        if (l->when && !plan_holds(p->sweep, l->when->condition, out)) {
            i = l->past - 1;
            continue;
        }
        sweep_axis_apply(l->axis, place / l->stride % l->axis->count, out);
    }
}

const struct trial_shape *plan_shape(const struct plan *p, int64_t trial)
{
    return &p->shape[p->shape_of[plan_config_of(p, trial)]];
}

double plan_flops(const struct plan *p, int64_t trial)
{
    return shape_flops(plan_shape(p, trial));
}
