/* test_sweep.c - reading sweep files: first what is wrong, then what is right.
 *
 * A file of tests/sweeps that starts with "# expect LINE:COLUMN words" has one mistake, there,
 * and its report must contain the words. Every other file must be right. */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "coord/plan.h"
#include "tests/check_main.h"
#include "worker/data.h"
#include "worker/metric.h"
#include "worker/probe.h"

#define SWEEPS TESTS_DIR "/sweeps/"

static const char valid_head[] =
    "name: t\n"
    "data: {name: gaussian_teacher, dim: 8, classes: 2, train: 256, test: 256}\n"
    "model: {kind: mlp, depth: 1, width: 8}\n"
    "optim: {lr: 0.1, batch: 32, steps: 10}\n";

/* A sweep read and planned. report is NULL if it is right. */
struct reading {
    enum err_code code;
    struct err e;
    struct sweep *sweep;
    struct plan *plan;
    char *report;
};

static struct reading read_text(const char *text, const char *const *set, int n_set)
{
    struct reading o = {0};
    struct yaml_file *file;
    ck_assert_int_eq(yaml_parse("t.yaml", text, &file, &o.e), ERR_OK);
    o.code = sweep_read(file, set, n_set, &o.sweep, &o.e);
    if (o.code == ERR_OK) o.code = plan_create(o.sweep, &o.plan, &o.e);
    o.report = yaml_report(o.sweep->file, false);
    return o;
}

static void reading_clear(struct reading *o)
{
    free(o->report);
    plan_destroy(o->plan);
    sweep_destroy(o->sweep);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

static char *slurp(const char *path)
{
    FILE *in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s", path);
    struct text text = {0};
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, in)) > 0) text_add_bytes(&text, block, n);
    fclose(in);
    return text.at;
}

/* ---- wrong files ---- */

static void check_broken(const char *name, const char *text)
{
    char place[32], want[64], words[256];
    ck_assert_msg(sscanf(text, "# expect %31s %255[^\n]", place, words) >= 1, "%s", name);
    if (sscanf(text, "# expect %*s %255[^\n]", words) < 1) *words = '\0';
    struct reading o = read_text(text, NULL, 0);
    ck_assert_msg(o.code == ERR_CONFIG, "%s: code %d", name, o.code);
    ck_assert_msg(o.report != NULL, "%s: no report", name);
    snprintf(want, sizeof want, "t.yaml:%s: error:", place);
    ck_assert_msg(strncmp(o.report, want, strlen(want)) == 0, "%s: wanted %s in\n%s", name,
                  want, o.report);
    ck_assert_msg(strstr(o.report, words) != NULL, "%s: wanted '%s' in\n%s", name, words,
                  o.report);
    ck_assert_msg(o.sweep->file->n_problems == 1, "%s: one mistake, one error:\n%s", name,
                  o.report);
    reading_clear(&o);
}

START_TEST(test_broken_files_are_located)
{
    DIR *dir = opendir(SWEEPS);
    ck_assert(dir != NULL);
    int n = 0;
    for (struct dirent *d; (d = readdir(dir));) {
        char path[1024];
        if (!strstr(d->d_name, ".yaml")) continue;
        snprintf(path, sizeof path, SWEEPS "%s", d->d_name);
        char *text = slurp(path);
        bool broken = strncmp(text, "# expect ", 9) == 0;
        if (broken) check_broken(d->d_name, text);
        free(text);
        n += broken;
    }
    closedir(dir);
    ck_assert_int_gt(n, 100);
}
END_TEST

START_TEST(test_many_mistakes_are_all_told)
{
    struct reading o = read_text("name: a/b\n"
                                 "data: {name: gaussian_teacher, dimm: 8}\n"
                                 "model: {kind: mpl}\n"
                                 "optim: {lr: fast, epochs: 1}\n"
                                 "sweep: {axes: {model.widht: [1]}, seeds: 0}\n"
                                 "record: {metrics: [loss]}\n"
                                 "slurm: {}\n",
                                 NULL, 0);
    ck_assert_int_eq(o.sweep->file->n_problems, 8);
    ck_assert_ptr_nonnull(strstr(o.report, "8 errors"));
    reading_clear(&o);
}
END_TEST

static const struct {
    const char *set, *words;
    enum err_code code;
} wrong_sets[] = {
    {"model.width", "wants KEY=VALUE", ERR_USAGE},
    {"=3", "wants KEY=VALUE", ERR_USAGE},
    {"model.width=[1", "--set model.width=[1", ERR_USAGE},
    {"name.first=x", "is no block", ERR_USAGE},
    {"model.width=wide", "--set model.width=wide: model.width: expected an integer",
     ERR_CONFIG},
    {"model.widht=8", "--set model.widht=8: unknown key 'widht'", ERR_CONFIG},
    {"sweep.axes.model.widht=[8]", "unknown key 'model.widht' in sweep.axes", ERR_CONFIG},
    {"optim.batch=512", "--set optim.batch=512: optim.batch: ", ERR_CONFIG},
    {"sweep.axes.optim.batch=[32, 512]", "--set sweep.axes.optim.batch", ERR_CONFIG},
    {"model.activation=tanh", "model.activation varies in the sweep", ERR_CONFIG},
    {"run.max_failures=x%", "--set run.max_failures=x%", ERR_CONFIG},
};

START_TEST(test_wrong_set_is_quoted)
{
    struct text text = {0};
    text_add(&text, "%ssweep: {axes: {model.activation: [relu, gelu]}}\n", valid_head);
    struct reading o = read_text(text.at, &wrong_sets[_i].set, 1);
    ck_assert_msg(o.code == wrong_sets[_i].code, "%s: code %d", wrong_sets[_i].set, o.code);
    const char *said = o.report ? o.report : o.e.text;
    ck_assert_msg(strstr(said, wrong_sets[_i].words) != NULL, "%s", said);
    if (o.report) ck_assert_msg(strstr(said, "t.yaml: error: --set ") == said, "%s", said);
    reading_clear(&o);
    text_clear(&text);
}
END_TEST

/* Any bytes: a report or a plan, never a crash. Sizes are kept small by the limits here. */
START_TEST(test_mutated_files_never_crash)
{
    static const char letters[] = "[]{},:#'\"-|&*?! \n\t0129.eabmodelwidth_=<>";
    char *text = slurp(_i ? SWEEPS "stages.yaml" : SWEEPS "full.yaml");
    size_t length = strlen(text);
    struct rng r = rng_stream(7, RNG_TESTING, (uint64_t)_i);
    for (int round = 0; round < 3000; round++) {
        char *copy = strdup(text);
        for (uint64_t k = 1 + rng_below(&r, 3); k > 0; k--) {
            size_t at = rng_below(&r, length), run = 1 + rng_below(&r, 4);
            for (size_t i = at; i < at + run && i < length; i++)
                copy[i] = letters[rng_below(&r, sizeof letters - 1)];
        }
        struct yaml_file *file;
        struct sweep *s;
        struct plan *p = NULL;
        struct err e;
        ck_assert_int_eq(yaml_parse("m.yaml", copy, &file, &e), ERR_OK);
        enum err_code code = sweep_read(file, NULL, 0, &s, &e);
        int64_t size = 1;
        for (int k = 0; code == ERR_OK && k < s->n_stages; k++) {
            const struct stage *stage = &s->stage[k];
            for (int i = 0; i < stage->n_axes && size < 1000000; i++)
                size *= stage->axis[i].count;
            size = size < 1000000 ? size * stage->seeds : size;
        }
        if (code == ERR_OK && size < 100000) code = plan_create(s, &p, &e);
        char *report = yaml_report(s->file, false);
        ck_assert_msg((code == ERR_CONFIG) == (report != NULL), "%d: %s", code, e.text);
        free(report);
        plan_destroy(p);
        sweep_destroy(s);
        free(copy);
    }
    free(text);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* ---- right files ---- */

static const char *const valid_files[] = {"tiny.yaml", "many.yaml",   "slow.yaml",
                                          "full.yaml", "stages.yaml", "arrays.yaml"};

START_TEST(test_valid_file_plans)
{
    char path[1024];
    snprintf(path, sizeof path, SWEEPS "%s", valid_files[_i]);
    char *text = slurp(path);
    struct reading o = read_text(text, NULL, 0);
    ck_assert_msg(o.code == ERR_OK, "%s: %s", valid_files[_i], o.report);
    ck_assert_ptr_null(o.report);
    reading_clear(&o);
    free(text);
}
END_TEST

/* What sweep_resolved writes is the same sweep. */
START_TEST(test_resolved_is_the_same_sweep)
{
    char path[1024];
    snprintf(path, sizeof path, SWEEPS "%s", valid_files[_i]);
    char *text = slurp(path);
    struct reading a = read_text(text, NULL, 0);
    char *resolved = sweep_resolved(a.sweep);
    struct reading b = read_text(resolved, NULL, 0);
    ck_assert_msg(b.code == ERR_OK, "%s\n%s", b.report, resolved);
    ck_assert_int_eq(a.plan->n_trials, b.plan->n_trials);
    for (int64_t t = 0; t < a.plan->n_trials; t++)
        ck_assert_uint_eq(plan_id(a.plan, t), plan_id(b.plan, t));
    ck_assert_int_eq(memcmp(&a.sweep->record, &b.sweep->record, sizeof a.sweep->record), 0);
    ck_assert_int_eq(memcmp(&a.sweep->run, &b.sweep->run, sizeof a.sweep->run), 0);
    ck_assert_int_eq(memcmp(&a.sweep->report, &b.sweep->report, sizeof a.sweep->report), 0);
    ck_assert_int_eq(memcmp(&a.sweep->analysis, &b.sweep->analysis, sizeof a.sweep->analysis),
                     0);
    char *again = sweep_resolved(b.sweep);
    ck_assert_str_eq(resolved, again);
    free(again);
    free(resolved);
    free(text);
    plan_destroy(a.plan);
    sweep_destroy(a.sweep);
    reading_clear(&b);
}
END_TEST

static const struct {
    const char *axis, *values; /* one field, its values as text */
} written[] = {
    {"model.width: [8, 16, 1e2]", "8 16 100"},
    {"model.width: {log2: [4, 64]}", "4 8 16 32 64"},
    {"model.width: {log2: [8, 8]}", "8"},
    {"model.width: {log10: [1, 1000]}", "1 10 100 1000"},
    {"model.width: {linear: [8, 32, 4]}", "8 16 24 32"},
    {"optim.lr: {log2: [0.25, 2]}", "0.25 0.5 1 2"},
    {"optim.lr: {log10: [1e-3, 1]}", "0.001 0.01 0.1 1"},
    {"optim.lr: {log10: [1e-3, 1, 4]}", "0.001 0.01 0.1 1"},
    {"optim.lr: {log10: [1e-3, 1, 3]}", "0.001 0.0316227766017 1"},
    {"optim.lr: {linear: [0.1, 0.3, 3]}", "0.1 0.2 0.3"},
    {"optim.batch: [full, 32]", "full 32"},
    {"optim.nesterov: [true, false]", "true false"},
    {"model.activation: [relu, tanh]", "relu tanh"},
};

START_TEST(test_axis_values)
{
    struct text text = {0}, values = {0};
    text_add(&text, "%ssweep: {axes: {%s}}\n", valid_head, written[_i].axis);
    struct reading o = read_text(text.at, NULL, 0);
    ck_assert_msg(o.sweep->stage[0].n_axes == 1, "%s: %s", written[_i].axis, o.report);
    const struct axis *a = &o.sweep->stage[0].axis[0];
    for (int64_t i = 0; i < a->count; i++) {
        struct config c;
        char value[TASK_PATH];
        memset(&c, 0, sizeof c);
        sweep_axis_apply(a, i, &c);
        text_add(&values, "%s%s", i ? " " : "",
                 field_text(a->field[0], &c, value, sizeof value));
    }
    ck_assert_str_eq(values.at, written[_i].values);
    reading_clear(&o);
    text_clear(&text);
    text_clear(&values);
}
END_TEST

/* A name in a table stands for one row, also where a table stands behind another. */
START_TEST(test_names_are_unique)
{
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const void *)table_row(&experiments, i);
        const struct table *const tables[] = {x->metrics, x->fields};
        for (int t = 0; t < 2; t++)
            for (int k = 0; k < tables[t]->count; k++) {
                const char *name = table_row(tables[t], k)->name;
                ck_assert_msg(table_find(tables[t], name) == k, "%s twice", name);
            }
    }
}
END_TEST

START_TEST(test_an_experiment_has_defaults_of_its_own)
{
    struct reading o = read_text("version: 1\nname: a\nexperiment: feature_contamination\n"
                                 "data: {labels: linear}\noptim: {steps: 1}\n",
                                 NULL, 0);
    ck_assert_int_eq(o.code, ERR_OK);
    const struct config *c = &o.sweep->stage[0].base;
    ck_assert_str_eq(table_row(&streams, c->data.name)->name, "feature_model");
    ck_assert_int_eq(c->data.n, 1000);
    ck_assert_int_eq(c->seeds.data, DATA_SEED_TRIAL);
    reading_clear(&o);
}
END_TEST

START_TEST(test_defaults)
{
    struct reading o = read_text(valid_head, NULL, 0);
    ck_assert_int_eq(o.code, ERR_OK);
    const struct sweep *s = o.sweep;
    ck_assert_str_eq(s->experiment->row.name, "train");
    ck_assert_uint_eq(s->root, 0);
    ck_assert_int_eq(s->stage[0].seeds, 1);
    ck_assert_int_eq(s->record.grid, GRID_LOG);
    ck_assert_int_eq(s->record.grid_count, 10);
    int usual = 0;
    for (int i = 0; i < s->experiment->metrics->count; i++) {
        const struct metric *m = (const void *)table_row(s->experiment->metrics, i);
        if (!m->on_request) ck_assert_str_eq(s->record.metric[usual++], m->row.name);
    }
    ck_assert_int_eq(s->record.n_metrics, usual);
    ck_assert_int_lt(usual, s->experiment->metrics->count);
    ck_assert_int_eq(s->record.n_layers, 0);
    ck_assert_int_eq(s->record.train_subset, 2048);
    ck_assert(s->run.max_failed == HUGE_VAL);
    ck_assert_int_eq(s->analysis.n_measures, 0);
    ck_assert_int_eq(o.plan->n_trials, 1);
    reading_clear(&o);
}
END_TEST

START_TEST(test_representations_default_to_the_final_test_probes)
{
    struct text text = {0};
    text_add(&text, "%srecord: {representations: {layers: [logits]}}\n", valid_head);
    struct reading o = read_text(text.at, NULL, 0);
    ck_assert_int_eq(o.code, ERR_OK);
    ck_assert_int_eq(o.sweep->record.n_slots, 1);
    ck_assert_int_eq(o.sweep->record.slot[0], SLOT_FINAL);
    ck_assert_int_eq(o.sweep->record.probe[0].split, 1);
    ck_assert_int_eq(o.sweep->record.probe[0].n, 1024);
    reading_clear(&o);
    text_clear(&text);
}
END_TEST

START_TEST(test_levels_and_probe_sets_arrive)
{
    struct text text = {0};
    text_add(
        &text,
        "%srecord:\n  metrics: [train_acc, test_loss]\n  representations:\n"
        "    layers: [logits]\n    at: [{test_loss: {below: 0.5}}, {train_acc: {above: 0.9}}]\n"
        "    probe: {id: {n: 7}, odd: {split: train, n: 9, data: {teacher_width: 3}}}\n",
        valid_head);
    struct reading o = read_text(text.at, NULL, 0);
    ck_assert_msg(o.code == ERR_OK, "%s", o.report);
    const struct record *r = &o.sweep->record;
    ck_assert_int_eq(r->n_slots, 2);
    ck_assert(r->slot[0] == SLOT_LEVEL && r->slot[1] == SLOT_LEVEL);
    ck_assert(r->level[0].metric == 1 && !r->level[0].above && r->level[0].at == 0.5);
    ck_assert(r->level[1].metric == 0 && r->level[1].above && r->level[1].at == 0.9);
    ck_assert_int_eq(r->n_probe_sets, 2);
    ck_assert_str_eq(r->probe[0].name, "id");
    ck_assert(r->probe[0].split == 1 && r->probe[0].n == 7 && r->probe[0].n_patches == 0);
    ck_assert(r->probe[1].split == 0 && r->probe[1].n == 9 && r->probe[1].n_patches == 1);
    ck_assert_str_eq(r->probe[1].settings, "data.teacher_width=3");
    struct config c = o.sweep->stage[0].base;
    probe_config(&r->probe[1], &o.sweep->stage[0].base, &c);
    ck_assert_int_eq(c.data.teacher_width, 3);
    char *resolved = sweep_resolved(o.sweep);
    struct record first = *r;
    reading_clear(&o);
    o = read_text(resolved, NULL, 0); /* says the same again */
    ck_assert_msg(o.code == ERR_OK, "%s", o.report);
    ck_assert_mem_eq(&o.sweep->record, &first, sizeof first);
    free(resolved);
    reading_clear(&o);
    text_clear(&text);
}
END_TEST

START_TEST(test_wrong_levels_and_probe_sets_are_refused)
{
    static const struct {
        const char *block, *wanted;
    } wrong[] = {
        {"at: [{train_acc: 0.9}]", "expected a metric and one of above, below"},
        {"at: [{train_acc: {over: 0.9}}]", "expected a metric and one of above, below"},
        {"at: [{test_acc: {above: 0.9}}]", "'test_acc' is not recorded"},
        {"at: [{train_acc: {above: 1}}, {train_acc: {above: 1}}]", "is there twice"},
        {"probe: {a: {n: 4}, b: 3}", "expected a name and a map"},
        {"probe: {a: {n: 4, m: 3}}", "unknown key 'm'"},
        {"probe: {a: {data: {teacher_wdth: 3}}}", "unknown setting 'data.teacher_wdth'"},
        {"probe: {a: {data: {teacher_width: 0}}}", "data.teacher_width must be"},
        {"probe: {a: {n: 1}, b: {n: 1}, c: {n: 1}, d: {n: 1}, e: {n: 1}}", "at most 4 sets"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct text text = {0};
        text_add(&text,
                 "%srecord:\n  metrics: [train_acc]\n  representations:\n    layers: [logits]\n"
                 "    %s\n",
                 valid_head, wrong[i].block);
        struct reading o = read_text(text.at, NULL, 0);
        ck_assert_msg(o.code == ERR_CONFIG && strstr(o.report, wrong[i].wanted), "%s: %s",
                      wrong[i].block, o.report);
        reading_clear(&o);
        text_clear(&text);
    }
}
END_TEST

START_TEST(test_members_arrive)
{
    char *text = slurp(SWEEPS "full.yaml");
    struct reading o = read_text(text, NULL, 0);
    const struct sweep *s = o.sweep;
    ck_assert_str_eq(s->name, "full");
    ck_assert_uint_eq(s->root, 20261101);
    ck_assert_int_eq(s->record.n_slots, 3);
    ck_assert_int_eq(s->record.slot[0], SLOT_INIT);
    ck_assert_int_eq(s->record.slot[1], 10);
    ck_assert_int_eq(s->record.slot[2], SLOT_FINAL);
    ck_assert_int_eq(s->record.probe[0].split, 0);
    ck_assert_int_eq(s->record.probe[0].n, 64);
    ck_assert(s->record.diverged_above == 1e6);
    ck_assert(s->run.max_failed == -5);
    ck_assert(s->analysis.epsilon == 1e-6);
    ck_assert_str_eq(s->analysis.measure[1], "mutual_knn@5");
    ck_assert_str_eq(s->report.question, "Does \"everything\" work: #1, or 'not'?");
    ck_assert_int_eq(s->analysis.n_scaling, 3);
    ck_assert_str_eq(s->analysis.scaling[0].filter, "test_acc > 0.1");
    ck_assert(s->analysis.scaling[0].huber == 1e-3 && isnan(s->analysis.scaling[1].huber));
    ck_assert_int_eq(s->analysis.scaling[0].bootstrap, 0);
    ck_assert_str_eq(s->analysis.scaling[1].x, "params, data.train");
    ck_assert_int_eq(s->analysis.scaling[1].bootstrap, 4000);
    ck_assert_int_eq(s->report.n_figures, 11);
    ck_assert_str_eq(s->report.figure[0].log, "xy");
    ck_assert(s->report.figure[0].ci == 90 && s->report.figure[1].ci == 95);
    ck_assert_int_eq(s->report.figure[2].n_order, 2);
    ck_assert_str_eq(s->report.figure[3].fit_filter, "seed == 0");
    ck_assert(s->report.figure[3].diagonal && s->report.figure[3].fit_n == 64);
    ck_assert_int_eq(s->report.figure[4].n_order, 1);
    ck_assert_str_eq(s->report.figure[4].order[0], "cluster");
    ck_assert_int_eq(s->report.figure[5].method, 1);
    ck_assert(s->report.table[0].bold);
    ck_assert_int_eq(s->report.n_compare, 3);
    ck_assert_str_eq(s->report.compare[0].what, "accuracy: theirs, \"ours\"");
    ck_assert(s->report.compare[0].sd == 0.1 && s->report.compare[0].seeds == 3);
    ck_assert(isnan(s->report.compare[0].within) && isnan(s->report.compare[0].least));
    ck_assert_str_eq(s->report.compare[1].value, "test_loss / train_loss");
    ck_assert(s->report.compare[2].within == 0.5 && isnan(s->report.compare[2].sd));
    reading_clear(&o);
    free(text);
}
END_TEST

START_TEST(test_set_overrides)
{
    const char *set[] = {"model.depth=2",
                         "seed=9",
                         "name=other",
                         "sweep.seeds=3",
                         "sweep.axes.model.width=[8, 32]",
                         "sweep.axes.optim.lr={log10: [0.01, 1]}",
                         "report.venue=jmlr",
                         "run.max_failures=5%",
                         "sweep.exclude=[model.width == 8]"};
    struct text text = {0};
    text_add(&text, "%ssweep: {axes: {model.width: [16]}}\n", valid_head);
    struct reading o = read_text(text.at, set, sizeof set / sizeof *set);
    ck_assert_msg(o.code == ERR_OK, "%s", o.report ? o.report : o.e.text);
    ck_assert_int_eq(o.sweep->stage[0].base.model.depth, 2);
    ck_assert_uint_eq(o.sweep->root, 9);
    ck_assert_str_eq(o.sweep->name, "other");
    ck_assert(o.sweep->run.max_failed == -5);
    ck_assert_int_eq(o.sweep->stage[0].n_axes, 2);
    ck_assert_int_eq(o.plan->n_trials, 1 * 3 * 3);
    ck_assert_int_eq(o.plan->n_excluded, 3);
    reading_clear(&o);
    text_clear(&text);
}
END_TEST

/* Every setting stands in the schema, with nothing else allowed beside it. */
START_TEST(test_schema_knows_every_setting)
{
    char *text = sweep_schema();
    json_t *root = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(root);
    const struct experiment *x = (const struct experiment *)table_row(&experiments, 0);
    const struct table *tables[] = {&sweep_settings, x->fields};
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < tables[t]->count; i++) {
            const char *key = table_row(tables[t], i)->name;
            json_t *at = root;
            for (const char *part = key; part; part = strchr(part, '.')) {
                part += *part == '.';
                char name[TASK_NAME];
                snprintf(name, sizeof name, "%.*s", (int)strcspn(part, "."), part);
                ck_assert_msg(json_is_false(json_object_get(at, "additionalProperties")), "%s",
                              key);
                at = json_object_get(json_object_get(at, "properties"), name);
                ck_assert_msg(at != NULL, "%s", key);
            }
            ck_assert_ptr_nonnull(json_object_get(at, "description"));
        }
    json_decref(root);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sweep");
    TCase *wrong = check_case(s, "wrong"), *right = check_case(s, "right");
    tcase_add_test(wrong, test_broken_files_are_located);
    tcase_add_test(wrong, test_many_mistakes_are_all_told);
    tcase_add_loop_test(wrong, test_wrong_set_is_quoted, 0,
                        sizeof wrong_sets / sizeof *wrong_sets);
    tcase_add_loop_test(wrong, test_mutated_files_never_crash, 0, 2);
    int n_files = sizeof valid_files / sizeof *valid_files;
    tcase_add_loop_test(right, test_valid_file_plans, 0, n_files);
    tcase_add_loop_test(right, test_resolved_is_the_same_sweep, 0, n_files);
    tcase_add_loop_test(right, test_axis_values, 0, sizeof written / sizeof *written);
    tcase_add_test(right, test_names_are_unique);
    tcase_add_test(right, test_an_experiment_has_defaults_of_its_own);
    tcase_add_test(right, test_defaults);
    tcase_add_test(right, test_representations_default_to_the_final_test_probes);
    tcase_add_test(right, test_members_arrive);
    tcase_add_test(right, test_levels_and_probe_sets_arrive);
    tcase_add_test(right, test_wrong_levels_and_probe_sets_are_refused);
    tcase_add_test(right, test_set_overrides);
    tcase_add_test(right, test_schema_knows_every_setting);
    return check_run(s);
}
