/* lineage.c - turns the parents and choices of a plan into arrows between trials. A pure
 * function of the plan. */
#include "coord/lineage.h"

#include <math.h>

bool lineage_any(const struct plan *plan)
{
    for (int s = 0; s < plan->n_stages; s++) {
        const struct stage *stage = &plan->sweep->stage[s];
        if (stage->n_from > 0 || stage->best.stage >= 0) return true;
    }
    return false;
}

/* Called for each arrow: `to` needs `from`. */
struct arrows {
    struct scheduler_graph *graph;
    bool write; /* into next; else only counted */
};

static void arrow(struct arrows *a, int64_t from, int64_t to)
{
    struct scheduler_graph *g = a->graph;
    if (a->write) {
        g->next[g->first[from]++] = to;
    } else {
        g->first[from + 1]++;
        g->needs[to]++;
    }
}

static void stage_arrows(struct arrows *a, const struct plan *plan, int s)
{
    const struct plan_stage *stage = &plan->stage[s];
    for (int64_t i = 0; i < stage->n_configs * stage->seeds; i++) {
        int64_t t = stage->first_trial + i, choice = plan_choice(plan, t);
        for (int k = 0; k < plan->sweep->stage[s].n_from; k++) {
            int64_t parent = plan_parent(plan, t, k);
            if (parent >= 0) arrow(a, parent, t);
        }
        if (choice >= 0) arrow(a, plan->n_trials + choice, t);
    }
}

static void all_arrows(struct arrows *a, const struct plan *plan)
{
    for (int s = 0; s < plan->n_stages; s++) stage_arrows(a, plan, s);
    for (int64_t choice = 0; choice < plan_choices(plan); choice++) {
        int64_t n;
        const int64_t *candidate = plan_candidates(plan, choice, &n);
        for (int64_t i = 0; i < n; i++) {
            int64_t seeds = plan->stage[plan_stage_of(plan, candidate[i])].seeds;
            for (int64_t k = 0; k < seeds; k++)
                arrow(a, plan_trial(plan, candidate[i], (uint64_t)k), plan->n_trials + choice);
        }
    }
}

enum err_code lineage_graph(const struct plan *plan, struct arena *arena,
                            struct scheduler_graph *out, struct err *e)
{
    int64_t n = plan->n_trials + plan_choices(plan);
    *out = (struct scheduler_graph){.n_nodes = n};
    out->first = arena_array(arena, (size_t)n + 2, sizeof *out->first);
    out->needs = arena_array(arena, (size_t)n + 1, sizeof *out->needs);
    out->bad = arena_array(arena, (size_t)plan->n_trials + 1, sizeof *out->bad);
    if (!out->first || !out->needs || !out->bad) goto nomem;
    struct arrows a = {.graph = out};
    all_arrows(&a, plan);
    for (int64_t i = 0; i < n; i++) out->first[i + 1] += out->first[i];
    out->next = arena_array(arena, (size_t)out->first[n] + 1, sizeof *out->next);
    if (!out->next) goto nomem;
    a.write = true;
    all_arrows(&a, plan); /* each first moves on to where the next one's begins */
    for (int64_t i = n; i > 0; i--) out->first[i] = out->first[i - 1];
    out->first[0] = 0;
    return ERR_OK;
nomem:
    return ERR(e, ERR_NOMEM, "no memory for the needs of %lld trials",
               (long long)plan->n_trials);
}

enum err_code lineage_best(const struct plan *plan, int64_t choice, int better,
                           enum err_code (*value)(void *self, int64_t trial, double *out,
                                                  struct err *e),
                           void *self, int64_t *out, struct err *e)
{
    int64_t n;
    const int64_t *candidate = plan_candidates(plan, choice, &n);
    double best = -INFINITY;
    *out = -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t seeds = plan->stage[plan_stage_of(plan, candidate[i])].seeds;
        double sum = 0, x = NAN;
        for (int64_t k = 0; k < seeds; k++) {
            TRY(value(self, plan_trial(plan, candidate[i], (uint64_t)k), &x, e));
            sum += x;
        }
        double mean = better * sum / (double)seeds;
        if (!isfinite(mean) || (*out >= 0 && mean <= best)) continue;
        best = mean;
        *out = candidate[i];
    }
    return ERR_OK;
}
