/* test_lineage.c - which of several is best, in which order trials go, what waits for what. */
#include <math.h>

#include "coord/lineage.h"
#include "tests/stages_plan.h"

/* ---- best ---- */

#define TUNED                                                                                  \
    "stages:\n"                                                                                \
    "  tuned:\n"                                                                               \
    "    sweep:\n"                                                                             \
    "      axes: {optim.lr: [1, 2, 3], model.depth: [1, 2], optim.momentum: [0, 0.5]}\n"       \
    "      seeds: 2\n"
#define STUDENT(best)                                                                          \
    "  student:\n"                                                                             \
    "    from: {best: {stage: tuned, by: test_acc, " best "}}\n"                               \
    "    sweep: {axes: {model.depth: [1, 2], optim.steps: [20, 30]}}\n"

/* value[seed][lr] of test_best_mean_over_seeds_is_taken; momentum makes it worse. */
static const double *table;
static int asked;

static enum err_code fake_value(void *self, int64_t t, double *out, struct err *e)
{
    const struct plan *p = self;
    struct config c;
    (void)e;
    plan_config(p, plan_config_of(p, t), &c);
    *out = table[3 * plan_seed(p, t) + (int)c.optim.lr - 1] - (c.optim.momentum > 0);
    asked++;
    return ERR_OK;
}

static double best_lr(const struct plan *p, int64_t choice, int better, const double *values)
{
    struct config c;
    struct err e;
    int64_t best;
    table = values;
    ck_assert_int_eq(lineage_best(p, choice, better, fake_value, (void *)p, &best, &e), ERR_OK);
    if (best < 0) return -1;
    plan_config(p, best, &c);
    return c.optim.lr;
}

START_TEST(test_best_mean_over_seeds_is_taken)
{
    struct reading o = planned(TUNED STUDENT("take: [optim.lr]"));
    const struct plan *p = o.plan;
    ck_assert_int_eq(plan_choices(p), 2); /* a depth each */
    for (int depth = 1; depth <= 2; depth++) {
        char settings[64];
        snprintf(settings, sizeof settings, "model.depth=%d optim.steps=20", depth);
        int64_t t = plan_trial(p, config_of(p, "student", settings), 0), n;
        int64_t choice = plan_choice(p, t);
        const int64_t *candidate = plan_candidates(p, choice, &n);
        ck_assert_int_eq(n, 6);
        for (int64_t i = 0; i < n; i++) {
            struct config c;
            plan_config(p, candidate[i], &c);
            ck_assert_int_eq(c.model.depth, depth);
            ck_assert_int_eq(plan_choice(p, plan_trial(p, candidate[i], 1)), -1);
        }
        asked = 0;
        ck_assert(best_lr(p, choice, 1, (double[]){5, 1, 4, 1, 2, 4}) == 3);
        ck_assert_int_eq(asked, 12);
        ck_assert(best_lr(p, choice, -1, (double[]){5, 1, 4, 1, 2, 4}) == 2);
        ck_assert(best_lr(p, choice, 1, (double[]){5, 9, 4, 1, NAN, 2}) == 1); /* 2 is out */
        ck_assert(best_lr(p, choice, 1, (double[]){3, 3, 3, 3, 3, 3}) == 1);   /* the first */
        ck_assert(best_lr(p, choice, 1, (double[]){NAN, NAN, NAN, 3, 3, 3}) == -1);
    }
    reading_clear(&o);
}
END_TEST

START_TEST(test_candidates_agree_per_setting)
{
    struct reading o = planned(TUNED STUDENT("take: [optim.lr], per: [optim.momentum]"));
    int64_t n,
        choice = plan_choice(o.plan, plan_trial(o.plan, o.plan->stage[1].first_config, 0));
    const int64_t *candidate = plan_candidates(o.plan, choice, &n);
    ck_assert_int_eq(n, 3); /* of the student's momentum alone */
    struct config from, to;
    plan_config(o.plan, candidate[2], &from);
    ck_assert(from.optim.momentum == 0 && from.optim.lr == 3);
    plan_config(o.plan, o.plan->stage[1].first_config, &to);
    plan_take(o.plan, 1, &from, &to);
    ck_assert(to.optim.lr == 3 && to.optim.steps == 20);
    reading_clear(&o);
}
END_TEST

/* ---- order and graph ---- */

START_TEST(test_long_chains_come_first)
{
    struct reading o = planned("stages:\n"
                               "  long: {optim: {steps: 100}}\n"
                               "  root: {optim: {steps: 30}}\n"
                               "  leaf: {from: {root: weights}, optim: {steps: 90}}\n"
                               "  short: {optim: {steps: 20}}\n");
    const char *const want[] = {"root", "long", "leaf", "short"};
    for (int i = 0; i < 4; i++) {
        int s = plan_stage_of(o.plan, plan_config_of(o.plan, o.plan->order[i]));
        ck_assert_str_eq(o.sweep->stage[s].name, want[i]);
    }
    reading_clear(&o);
}
END_TEST

static bool has_arrow(const struct scheduler_graph *g, int64_t from, int64_t to)
{
    for (int64_t i = g->first[from]; i < g->first[from + 1]; i++)
        if (g->next[i] == to) return true;
    return false;
}

START_TEST(test_graph_has_an_arrow_for_each_need)
{
    struct reading o = planned(TUNED STUDENT(
        "take: [optim.lr]") "  last: {from: {student: teacher}, optim: {steps: 99}}\n");
    const struct plan *p = o.plan;
    struct scheduler_graph g;
    struct arena arena = {0};
    struct err e;
    int64_t arrows = 0, needs = 0;
    ck_assert(lineage_any(p));
    ck_assert_int_eq(lineage_graph(p, &arena, &g, &e), ERR_OK);
    ck_assert_int_eq(g.n_nodes, p->n_trials + 2);
    for (int64_t t = 0; t < p->n_trials; t++) {
        int s = plan_stage_of(p, plan_config_of(p, t));
        int64_t parent = plan_parent(p, t, 0), choice = plan_choice(p, t);
        ck_assert_int_eq(g.needs[t], s > 0);
        if (parent >= 0) ck_assert(has_arrow(&g, parent, t));
        if (choice < 0) continue;
        int64_t n;
        const int64_t *candidate = plan_candidates(p, choice, &n);
        ck_assert(has_arrow(&g, p->n_trials + choice, t));
        ck_assert_int_eq(g.needs[p->n_trials + choice], 2 * n);
        for (int64_t i = 0; i < 2 * n; i++)
            ck_assert(has_arrow(&g, plan_trial(p, candidate[i / 2], (uint64_t)i % 2),
                                p->n_trials + choice));
    }
    for (int64_t i = 0; i < g.n_nodes; i++) {
        arrows += g.first[i + 1] - g.first[i];
        needs += g.needs[i];
    }
    ck_assert_int_eq(arrows, needs);
    arena_clear(&arena);
    reading_clear(&o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lineage");
    TCase *c = check_case(s, "lineage");
    tcase_add_test(c, test_best_mean_over_seeds_is_taken);
    tcase_add_test(c, test_candidates_agree_per_setting);
    tcase_add_test(c, test_long_chains_come_first);
    tcase_add_test(c, test_graph_has_an_arrow_for_each_need);
    return check_run(s);
}
