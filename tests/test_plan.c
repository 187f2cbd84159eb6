/* test_plan.c - which trials a sweep is, what they are called, in which order they run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/text.h"
#include "coord/plan.h"
#include "coord/plan_cost.h"
#include "tests/check_main.h"

static const char head[] =
    "name: t\n"
    "seed: 7\n"
    "data: {name: gaussian_teacher, dim: 8, classes: 2, train: 256, test: 256}\n"
    "model: {kind: mlp, depth: 1, width: 8}\n"
    "optim: {lr: 0.1, batch: 32, steps: 10}\n"
    "sweep:\n";

/* The plan of head and a sweep block. */
static struct plan *plan_of(const char *block)
{
    struct err e;
    struct yaml_file *file;
    struct sweep *sweep;
    struct plan *plan;
    struct text text = {0};
    text_add(&text, "%s%s", head, block);
    ck_assert_int_eq(yaml_parse("t.yaml", text.at, &file, &e), ERR_OK);
    text_clear(&text);
    enum err_code code = sweep_read(file, NULL, 0, &sweep, &e);
    if (code == ERR_OK) code = plan_create(sweep, &plan, &e);
    ck_assert_msg(code == ERR_OK, "%s", yaml_report(sweep->file, false));
    return plan;
}

static void plan_clear(struct plan *p)
{
    struct sweep *s = (struct sweep *)p->sweep;
    plan_destroy(p);
    sweep_destroy(s);
}

/* "model.width=8 optim.lr=0.1": what varies, of one configuration. */
static char *settings_of(const struct plan *p, int64_t c, char out[512])
{
    struct config config;
    plan_config(p, c, &config);
    *out = '\0';
    for (int i = 0; i < p->n_varied; i++) {
        char value[TASK_PATH];
        size_t used = strlen(out);
        snprintf(out + used, 512 - used, "%s%s=%s", i ? " " : "", p->varied[i]->row.name,
                 field_text(p->varied[i], &config, value, sizeof value));
    }
    return out;
}

/* ---- which configurations ---- */

static const struct {
    const char *block;
    int64_t configs, duplicates, excluded;
    const char *last; /* configuration */
} counts[] = {
    {"  seeds: 1", 1, 0, 0, ""},
    {"  axes: {model.width: [8]}", 1, 0, 0, ""},
    {"  axes: {model.width: [8, 16], model.depth: [1, 2, 3]}", 6, 0, 0,
     "model.width=16 model.depth=3"},
    {"  zip: [{model.width: [8, 16], model.depth: [2, 3]}]", 2, 0, 0,
     "model.width=16 model.depth=3"},
    {"  axes: {optim.lr: [0.1, 0.2]}\n"
     "  zip: [{model.width: [8, 16], model.depth: [2, 3]}]",
     4, 0, 0, "optim.lr=0.2 model.width=16 model.depth=3"},
    /* the base value once more, and a value that comes twice */
    {"  axes: {optim.lr: [0.1, 0.2, 0.1]}", 2, 1, 0, "optim.lr=0.2"},
    /* momentum means nothing to adam */
    {"  axes: {optim.name: [sgd, adam], optim.momentum: [0, 0.5, 0.9]}", 4, 2, 0,
     "optim.name=adam optim.momentum=0"},
    {"  axes: {optim.name: [sgd, adam]}\n"
     "  when:\n"
     "    - {if: optim.name == sgd, axes: {optim.momentum: [0, 0.5, 0.9]}}\n"
     "    - {if: optim.name == adam, set: {optim.lr: 0.002}}",
     4, 0, 0, "optim.name=adam optim.momentum=0 optim.lr=0.002"},
    /* a condition sees what an earlier one has set */
    {"  axes: {model.width: [8, 16]}\n"
     "  when:\n"
     "    - {if: model.width == 16, set: {model.depth: 3}}\n"
     "    - {if: model.depth == 3, axes: {optim.lr: [0.1, 0.2]}}",
     3, 0, 0, "model.width=16 model.depth=3 optim.lr=0.2"},
    {"  axes: {model.width: [8, 16, 32], model.depth: [1, 2]}\n"
     "  exclude: [model.width >= 16 and model.depth == 2, model.width == 32]",
     3, 0, 3, "model.width=16 model.depth=1"},
    {"  axes: {model.activation: [leaky_relu, relu], optim.name: [sgd, adam], optim.batch: "
     "[full, 8]}\n"
     "  zip: [{model.width: [128, 16], model.init: [he_normal, uniform]}]\n"
     "  when:\n"
     "    - {if: model.activation == leaky_relu, axes: {model.leak: [0.01, 0.1, 0.2]}}\n"
     "    - {if: optim.name == sgd, set: {optim.momentum: 0.9}, axes: {optim.lr: [0.1, 1, "
     "2]}}\n"
     "    - {if: optim.batch == full and model.width > 64, set: {optim.steps: 5}}\n"
     "  exclude: [optim.lr == 2 and model.leak == 0.2]",
     60, 0, 4,
     "model.activation=relu optim.name=adam optim.batch=8 model.width=16 model.init=uniform "
     "model.leak=0.01 optim.lr=0.1 optim.momentum=0 optim.steps=10"},
};

START_TEST(test_configurations_are_counted)
{
    struct plan *p = plan_of(counts[_i].block);
    char settings[512];
    ck_assert_int_eq(p->n_configs, counts[_i].configs);
    ck_assert_int_eq(p->n_duplicates, counts[_i].duplicates);
    ck_assert_int_eq(p->n_excluded, counts[_i].excluded);
    ck_assert_str_eq(settings_of(p, p->n_configs - 1, settings), counts[_i].last);
    plan_clear(p);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_trials_are_configurations_and_seeds)
{
    struct plan *p = plan_of("  axes: {model.width: [8, 16]}\n  seeds: 3");
    ck_assert_int_eq(p->n_trials, 6);
    for (int64_t t = 0; t < 6; t++) {
        ck_assert_int_eq(plan_config_of(p, t), t / 3);
        ck_assert_uint_eq(plan_seed(p, t), (uint64_t)t % 3);
        ck_assert_int_eq(plan_find(p, plan_id(p, t)), t);
        for (int64_t u = 0; u < t; u++) ck_assert_uint_ne(plan_id(p, t), plan_id(p, u));
    }
    ck_assert_int_eq(plan_find(p, 1), -1);
    ck_assert_int_eq(plan_find(p, 0), -1);
    plan_clear(p);
}
END_TEST

/* ---- identity ---- */

/* Written down once, computed from the texts by libxxhash from Python, and never to be changed:
 * stores hold these. */
static const struct {
    const char *block;
    const char *identity;   /* of the last configuration, as plan_identity.c describes it */
    uint64_t config, trial; /* its id, and that of its last seed */
} golden[] = {
    {"  seeds: 1",
     "root=7\ndata.classes=2\ndata.dim=8\ndata.name=gaussian_teacher\ndata.test=256\ndata."
     "train=256\nmodel.depth=1\n"
     "model.width=8\noptim.batch=32\noptim.steps=10\n",
     UINT64_C(0xdeaa5660eb6783c6), UINT64_C(0x55f532c03bdc3058)},
    {"  axes: {model.width: [64], optim.name: [adam], optim.lr: [1e-3]}\n  seeds: 3",
     "root=7\ndata.classes=2\ndata.dim=8\ndata.name=gaussian_teacher\ndata.test=256\ndata."
     "train=256\nmodel.depth=1\n"
     "model.width=64\noptim.batch=32\noptim.lr=0.001\noptim.name=adam\noptim.steps=10\n",
     UINT64_C(0xcb88af9f63a53881), UINT64_C(0x585220ad3aae99ea)},
    {"  axes: {optim.batch: [full], model.activation: [leaky_relu], model.leak: [0.2]}\n",
     "root=7\ndata.classes=2\ndata.dim=8\ndata.name=gaussian_teacher\ndata.test=256\ndata."
     "train=256\n"
     "model.activation=leaky_relu\nmodel.depth=1\nmodel.leak=0.2\nmodel.width=8\n"
     "optim.batch=full\noptim.steps=10\n",
     UINT64_C(0x0748ddae3bf8a5be), UINT64_C(0xc43ffc9f26833b9c)},
};

START_TEST(test_ids_stay)
{
    struct plan *p = plan_of(golden[_i].block);
    const char *text = golden[_i].identity;
    ck_assert_uint_eq(p->config_id[p->n_configs - 1], XXH64(text, strlen(text), 0));
    ck_assert_uint_eq(p->config_id[p->n_configs - 1], golden[_i].config);
    ck_assert_uint_eq(plan_id(p, p->n_trials - 1), golden[_i].trial);
    plan_clear(p);
}
END_TEST

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The id of a configuration, the slow and plain way: from its settings as unfolded. */
static uint64_t id_of(const struct plan *p, int64_t c)
{
    const struct table *fields = p->sweep->experiment->fields;
    char *line[64];
    int n = 0;
    struct config config;
    struct text text = {0};
    plan_config(p, c, &config);
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        char value[TASK_PATH];
        if (!(f->flags & FIELD_IDENTITY) || !field_differs(f, &config) ||
            !field_applies(f, fields, &config))
            continue;
        struct text one = {0};
        text_add(&one, "%s=%s\n", f->row.name, field_text(f, &config, value, sizeof value));
        line[n++] = one.at;
    }
    qsort(line, (size_t)n, sizeof *line, compare_lines);
    text_add(&text, "root=%llu\n", (unsigned long long)p->sweep->root);
    for (int i = 0; i < n; i++) {
        text_add(&text, "%s", line[i]);
        free(line[i]);
    }
    uint64_t id = XXH64(text.at, text.length, 0);
    text_clear(&text);
    return id;
}

/* The walk that finds configurations, its shortcuts to their ids, and plan_config agree. */
START_TEST(test_ids_follow_from_settings)
{
    struct plan *p = plan_of(counts[_i].block);
    for (int64_t c = 0; c < p->n_configs; c++) ck_assert_uint_eq(p->config_id[c], id_of(p, c));
    plan_clear(p);
}
END_TEST

/* Every trial of one plan is in the other under the same id. */
static void check_kept(const char *before, const char *after)
{
    struct plan *a = plan_of(before), *b = plan_of(after);
    for (int64_t t = 0; t < a->n_trials; t++) {
        int64_t u = plan_find(b, plan_id(a, t));
        ck_assert_int_ge(u, 0);
        ck_assert_uint_eq(plan_seed(a, t), plan_seed(b, u));
        ck_assert_uint_eq(a->config_id[plan_config_of(a, t)],
                          b->config_id[plan_config_of(b, u)]);
    }
    plan_clear(a);
    plan_clear(b);
}

START_TEST(test_extending_keeps_ids)
{
    static const char before[] = "  axes: {model.width: [8, 16], optim.lr: [0.1, 0.2]}\n";
    check_kept(before, "  axes: {model.width: [8, 16], optim.lr: [0.1, 0.2]}\n  seeds: 4\n");
    check_kept(before, "  axes: {model.width: [32, 16, 8], optim.lr: [0.3, 0.1, 0.2]}\n");
    check_kept(before, "  axes: {optim.lr: [0.1, 0.2], model.width: [16, 8]}\n");
    /* a further axis whose first value is what held before */
    check_kept(before, "  axes: {model.width: [8, 16], optim.lr: [0.1, 0.2], model.activation: "
                       "[relu, tanh]}\n");
}
END_TEST

START_TEST(test_root_seed_changes_every_id)
{
    struct plan *a = plan_of("  seeds: 2");
    struct sweep *s = (struct sweep *)a->sweep;
    struct plan *b;
    struct err e;
    s->root = 8;
    ck_assert_int_eq(plan_create(s, &b, &e), ERR_OK);
    for (int64_t t = 0; t < 2; t++) ck_assert_int_eq(plan_find(b, plan_id(a, t)), -1);
    plan_destroy(b);
    plan_clear(a);
}
END_TEST

/* ---- shapes and order ---- */

START_TEST(test_shapes_are_shared)
{
    struct plan *p =
        plan_of("  axes: {model.width: [8, 16], optim.lr: {log10: [0.001, 1, 9]}}\n"
                "  seeds: 5");
    ck_assert_int_eq(p->n_shapes, 2);
    for (int64_t t = 0; t < p->n_trials; t++) {
        struct config c;
        struct trial_shape shape;
        struct err e;
        plan_config(p, plan_config_of(p, t), &c);
        ck_assert_int_eq(p->sweep->experiment->shape(&c, &(struct parents){0},
                                                     &p->sweep->record, &shape, &e),
                         ERR_OK);
        ck_assert(plan_flops(p, t) == shape.train_flops + shape.eval_flops);
        ck_assert_int_eq(plan_shape(p, t)->params, shape.params);
    }
    plan_clear(p);
}
END_TEST

START_TEST(test_longest_first_is_stable)
{
    struct plan *p = plan_of("  axes: {optim.lr: [0.1, 0.2], model.width: [8, 32, 16]}\n"
                             "  seeds: 2");
    bool *seen = calloc((size_t)p->n_trials, sizeof *seen);
    for (int64_t i = 0; i < p->n_trials; i++) {
        ck_assert(!seen[p->order[i]]);
        seen[p->order[i]] = true;
        if (i == 0) continue;
        double before = plan_flops(p, p->order[i - 1]), now = plan_flops(p, p->order[i]);
        ck_assert(before > now || (before == now && p->order[i - 1] < p->order[i]));
    }
    free(seen);
    plan_clear(p);
}
END_TEST

START_TEST(test_file_order)
{
    struct plan *p = plan_of("  axes: {model.width: [8, 32, 16]}\n  seeds: 2\n"
                             "run: {order: file}\n");
    for (int64_t i = 0; i < p->n_trials; i++) ck_assert_int_eq(p->order[i], i);
    plan_clear(p);
}
END_TEST

START_TEST(test_varied_are_those_that_differ)
{
    struct plan *p = plan_of("  axes: {model.width: [8, 16], model.depth: [2], optim.lr: [0.1, "
                             "0.1]}\n");
    ck_assert_int_eq(p->n_varied, 1);
    ck_assert_str_eq(p->varied[0]->row.name, "model.width");
    plan_clear(p);
}
END_TEST

/* ---- cost ---- */

START_TEST(test_cost_adds_up)
{
    struct plan *p = plan_of("  axes: {model.width: [8, 64], optim.steps: [10, 20]}\n"
                             "  seeds: 3\n"
                             "record: {metrics: [test_loss], every: {last: true}}\n");
    struct plan_cost cost;
    plan_cost(p, &cost);
    double flops = 0;
    int64_t steps = 0;
    for (int64_t t = 0; t < p->n_trials; t++) {
        flops += plan_flops(p, t);
        steps += plan_shape(p, t)->steps;
    }
    ck_assert(fabs(cost.flops - flops) <= 1e-12 * flops); /* another order of adding */
    ck_assert_int_eq(cost.steps, steps);
    ck_assert_int_eq(cost.longest, p->order[0]);
    ck_assert_int_eq(cost.records_max, 1);
    ck_assert(plan_cost_seconds(p, &cost, 1e9, 4) < plan_cost_seconds(p, &cost, 1e9, 1));
    plan_clear(p);
}
END_TEST

/* ---- size ---- */

START_TEST(test_a_million_trials)
{
    static const char *const blocks[] = {
        "  axes:\n"
        "    optim.lr: {log10: [1e-3, 1, 10]}\n"
        "    optim.momentum: {linear: [0, 0.9, 10]}\n"
        "    optim.weight_decay: {log10: [1e-6, 1e-1, 10]}\n"
        "    model.width: {linear: [1, 10, 10]}\n"
        "    model.depth: {linear: [1, 10, 10]}\n"
        "    optim.warmup: {linear: [0, 9, 10]}\n",
        "  axes: {optim.lr: {log10: [1e-3, 1, 1000]}}\n"
        "  seeds: 1000\n",
    };
    for (int i = 0; i < 2; i++) {
        struct plan *p = plan_of(blocks[i]);
        ck_assert_int_eq(p->n_trials, 1000000);
        for (int64_t t = 0; t < p->n_trials; t += 9973)
            ck_assert_int_eq(plan_find(p, plan_id(p, t)), t);
        plan_clear(p);
    }
}
END_TEST

START_TEST(test_too_many_is_refused)
{
    struct err e;
    struct yaml_file *file;
    struct sweep *sweep;
    struct plan *plan;
    struct text text = {0};
    text_add(&text, "%s  axes:\n    optim.lr: {linear: [0.1, 1, 100000]}\n", head);
    text_add(&text, "    optim.weight_decay: {linear: [0.1, 1, 100000]}\n");
    text_add(&text, "    optim.momentum: {linear: [0.1, 0.9, 100000]}\n");
    text_add(&text, "    model.width: {linear: [1, 100000, 100000]}\n");
    ck_assert_int_eq(yaml_parse("t.yaml", text.at, &file, &e), ERR_OK);
    ck_assert_int_eq(sweep_read(file, NULL, 0, &sweep, &e), ERR_OK);
    /* before they are counted one by one: that would not end in time */
    ck_assert_int_eq(plan_create(sweep, &plan, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(sweep->file->problem);
    sweep_destroy(sweep);
    text_clear(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *all = check_case(s, "all"), *large = check_case(s, "large");
    tcase_add_loop_test(all, test_configurations_are_counted, 0,
                        sizeof counts / sizeof *counts);
    tcase_add_test(all, test_trials_are_configurations_and_seeds);
    tcase_add_loop_test(all, test_ids_stay, 0, sizeof golden / sizeof *golden);
    tcase_add_loop_test(all, test_ids_follow_from_settings, 0, sizeof counts / sizeof *counts);
    tcase_add_test(all, test_extending_keeps_ids);
    tcase_add_test(all, test_root_seed_changes_every_id);
    tcase_add_test(all, test_shapes_are_shared);
    tcase_add_test(all, test_longest_first_is_stable);
    tcase_add_test(all, test_file_order);
    tcase_add_test(all, test_varied_are_those_that_differ);
    tcase_add_test(all, test_cost_adds_up);
    tcase_add_test(large, test_a_million_trials);
    tcase_add_test(large, test_too_many_is_refused);
    return check_run(s);
}
