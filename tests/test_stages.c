/* test_stages.c - trials that need trials: reading, joining, identity. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "tests/stages_plan.h"

static uint64_t id_of(const char *rest, const char *stage, uint64_t seed)
{
    struct reading o = planned(rest);
    uint64_t id = plan_id(o.plan, plan_trial(o.plan, config_of(o.plan, stage, ""), seed));
    reading_clear(&o);
    return id;
}

/* ---- wrong files ---- */

static const struct {
    const char *rest, *place, *words;
} wrong[] = {
    {"stages: {a b: {}}\n", "6:10", "the name of a stage is letters"},
    {"stages: {best: {}}\n", "6:10", "cannot be called 'best'"},
    {"stages: {a: 3}\n", "6:13", "stages.a: expected a map"},
    {"stages: {a: {modle: {width: 8}}}\n", "6:14", "did you mean 'model'"},
    {"stages: {a: {model: {widht: 8}}}\n", "6:22", "did you mean 'width'"},
    {"stages: {a: {model: 8}}\n", "6:21", "model: expected a map"},
    {"stages: {a: {optim: {beta1: 0.5}}}\n", "6:22", "optim.beta1 does not apply"},
    {"stages: {a: {}, b: {from: {zzz: weights}}}\n", "6:28", "stages are a"},
    {"stages: {teacher: {}, b: {from: {techer: weights}}}\n", "6:34", "did you mean 'teacher'"},
    {"stages: {a: {from: {a: weights}}}\n", "6:21", "cannot need itself"},
    {"stages: {a: {}, b: {from: {a: weihts}}}\n", "6:31", "did you mean 'weights'"},
    {"stages: {a: {from: {b: weights}}, b: {from: {a: end}}}\n", "6:46", "need each other"},
    {"stages:\n  a: {}\n  b: {model: {width: 9}}\n  c:\n    from: {a: end, b: end}\n", "10:20",
     "two networks in the role end"},
    {"stages: {a: {optim: {loss: {cross_entropy: c}}}}\n", "6:44", "there is no stage 'c'"},
    {"stages: {a: {}, b: {optim: {loss: {mse: a, x: a}}}}\n", "6:35", "expected one loss"},
    {"stages: {a: {}, b: {optim: {loss: {mso: a}}}}\n", "6:36", "did you mean 'mse'"},
    {"stages: {a: {}, b: {from: {file: no/such/file}}}\n", "6:34",
     "cannot read 'no/such/file'"},
    {"stages: {a: {}, b: {from: {file: {as: end}}}}\n", "6:34", "path is missing"},
    {"stages: {a: {}, b: {from: {file: {path: x, model: {widht: 1}}}}}\n", "6:52",
     "unknown key 'model.widht'"},
    {"stages: {a: {}, b: {from: {best: {stage: a, take: [optim.lr]}}}}\n", "6:34",
     "by is missing"},
    {"stages: {a: {}, b: {from: {best: {stage: a, by: los, take: [optim.lr]}}}}\n", "6:49",
     "has no metric 'los'"},
    {"stages: {a: {}, b: {from: {best: {stage: a, by: grad_norm, take: [optim.lr]}}}}\n",
     "6:49", "neither the smallest nor the largest"},
    {"stages: {a: {}, b: {from: {best: {stage: a, by: test_loss, take: [lr]}}}}\n", "6:67",
     "did you mean 'optim.lr'"},
    {"stages: {a: {}, b: {from: {best: {stage: a, by: test_loss, take: []}}}}\n", "6:66",
     "at least one"},
    {"stages: {a: {}, b: {from: {best: {stage: a, by: test_loss, take: [optim.lr]}}}}\n"
     "record: {metrics: [train_loss]}\n",
     "6:28", "test_loss is not recorded"},
    {"stages:\n  a: {}\n  b:\n    sweep: {axes: {optim.lr: [1, 2]}}\n"
     "    from: {best: {stage: a, by: test_loss, take: [optim.lr]}}\n",
     "10:50", "optim.lr is taken, but varies"},
    {"stages:\n  a: {sweep: {axes: {model.width: [8, 16]}}}\n"
     "  b: {from: {best: {stage: a, by: test_loss, take: [model.width]}}}\n",
     "8:14", "model.width changes the size or the cost"},
    {"stages: {a: {}, b: {}}\n", "6:17", "'b' and 'a' have a trial in common"},
    {"sweep: {axes: {model.width: [8, 16]}}\nstages: {a: {model: {width: 3}}}\n", "7:22",
     "varies in every stage, in line 6"},
    {"sweep: {axes: {model.width: [8, 16]}}\nstages: {a: {sweep: {seeds: 2}}}\n", "6:9",
     "sweep.axes is for no stage"},
    {"stages:\n  a: {sweep: {axes: {optim.lr: [1, 2]}}}\n"
     "  b: {from: {a: weights}, sweep: {axes: {optim.lr: [1, 3]}}}\n",
     "8:14", "stage 'a' has no trial with optim.lr = 3 for stage 'b'"},
    {"stages:\n  a: {sweep: {seeds: 2}}\n  b: {from: {a: weights}, sweep: {seeds: 3}}\n",
     "8:14", "stage 'b' has 3 seeds, its parent 'a' only 2"},
    {"from: {a: weights}\n", "6:1", "it belongs into a stage"},
};

START_TEST(test_mistakes_are_located)
{
    struct reading o = read_stages(wrong[_i].rest);
    char place[64];
    snprintf(place, sizeof place, "t.yaml:%s: error:", wrong[_i].place);
    ck_assert_msg(o.report != NULL, "%s", wrong[_i].rest);
    ck_assert_msg(strncmp(o.report, place, strlen(place)) == 0, "wanted %s in\n%s", place,
                  o.report);
    ck_assert_msg(strstr(o.report, wrong[_i].words) != NULL, "wanted '%s' in\n%s",
                  wrong[_i].words, o.report);
    ck_assert_msg(o.sweep->file->n_problems == 1, "one mistake, one error:\n%s", o.report);
    reading_clear(&o);
}
END_TEST

/* ---- settings ---- */

START_TEST(test_settings_are_laid_over_those_of_the_file)
{
    struct reading o = planned("sweep: {axes: {optim.lr: [1, 2]}, seeds: 3}\n"
                               "stages:\n"
                               "  a: {model: {width: 16}, optim: {steps: 20}}\n"
                               "  b: {sweep: {axes: {model.depth: [1, 2, 3]}}}\n"
                               "  c: {data: {test: 128}, sweep: {seeds: 1}}\n");
    const struct sweep *s = o.sweep;
    ck_assert_int_eq(s->n_stages, 3);
    ck_assert_str_eq(s->stage[1].name, "b");
    ck_assert_int_eq(s->stage[0].base.model.width, 16);
    ck_assert_int_eq(s->stage[0].base.model.depth, 1);
    ck_assert_int_eq(s->stage[0].base.optim.steps, 20);
    ck_assert_int_eq(s->stage[1].base.model.width, 8);
    ck_assert_int_eq(s->stage[1].base.optim.steps, 10);
    ck_assert_int_eq(s->stage[2].base.data.test, 128);
    ck_assert_int_eq(o.plan->stage[0].n_configs, 2); /* inherited axes */
    ck_assert_int_eq(o.plan->stage[1].n_configs, 3); /* its own instead */
    ck_assert_int_eq(o.plan->stage[2].n_configs, 1);
    ck_assert_int_eq(o.plan->stage[1].seeds, 3);
    ck_assert_int_eq(o.plan->stage[2].seeds, 1);
    ck_assert_int_eq(o.plan->n_trials, 2 * 3 + 3 * 3 + 1);
    for (int64_t t = 0; t < o.plan->n_trials; t++) {
        int64_t c = plan_config_of(o.plan, t);
        ck_assert_int_eq(plan_trial(o.plan, c, plan_seed(o.plan, t)), t);
        ck_assert_int_eq(plan_find(o.plan, plan_id(o.plan, t)), t);
        ck_assert(!plan_keeps(o.plan, t));
    }
    reading_clear(&o);
}
END_TEST

/* Settings that differ between stages are columns of the store like any axis. */
START_TEST(test_what_differs_between_stages_varies)
{
    struct reading o = planned("stages: {a: {model: {width: 16}}, b: {optim: {steps: 20}}}\n");
    ck_assert_int_eq(o.plan->n_varied, 2);
    ck_assert_str_eq(o.plan->varied[0]->row.name, "model.width");
    ck_assert_str_eq(o.plan->varied[1]->row.name, "optim.steps");
    reading_clear(&o);
}
END_TEST

START_TEST(test_a_loss_names_its_teacher)
{
    struct reading o =
        planned("stages:\n"
                "  a: {model: {width: 16}}\n"
                "  b: {optim: {loss: {mse: a}}}\n"
                "  c: {from: {a: weights}, optim: {loss: {mse: a}, lr: 0.5}}\n"
                "  d: {from: {c: end, b: weights}, optim: {loss: {mse: a}, lr: 2}}\n");
    const struct stage *s = o.sweep->stage;
    const struct field *loss = field_find(o.sweep->experiment->fields, "optim.loss", NULL);
    char name[64];
    for (int i = 1; i < 4; i++) {
        ck_assert_str_eq(field_text(loss, &s[i].base, name, sizeof name), "mse");
        ck_assert_int_eq(s[i].n_from, i == 3 ? 3 : 1);
        ck_assert_int_eq(s[i].from[s[i].n_from - 1].role, ROLE_TEACHER);
        ck_assert_int_eq(s[i].from[s[i].n_from - 1].stage, 0);
    }
    ck_assert_int_eq(s[3].from[0].role, ROLE_END);
    reading_clear(&o);
}
END_TEST

/* ---- joining ---- */

START_TEST(test_children_join_on_shared_axes_and_seeds)
{
    struct reading o =
        planned("sweep: {axes: {model.activation: [relu, tanh]}, seeds: 2}\n"
                "stages:\n"
                "  child:\n"
                "    from: {a: weights, one: end}\n"
                "    sweep: {axes: {optim.lr: [1, 2], model.activation: [tanh, relu]}}\n"
                "  a: {optim: {steps: 20}}\n"
                "  one: {optim: {steps: 30}, sweep: {seeds: 1}}\n");
    const struct plan *p = o.plan;
    int64_t row[64];
    for (int64_t t = 0; t < p->n_trials; t++) row[t] = 1000 + t;
    ck_assert_int_eq(p->n_trials, 8 + 4 + 1);
    for (uint64_t seed = 0; seed < 2; seed++)
        for (int act = 0; act < 2; act++) {
            char settings[64];
            snprintf(settings, sizeof settings, "optim.lr=2 model.activation=%s",
                     act ? "tanh" : "relu"); /* listed in another order by the child */
            int64_t t = plan_trial(p, config_of(p, "child", settings), seed);
            int64_t a = plan_trial(p, config_of(p, "a", strchr(settings, ' ') + 1), seed);
            int64_t one = plan_trial(p, config_of(p, "one", ""), 0);
            ck_assert_int_eq(plan_parent(p, t, 0), a);
            ck_assert_int_eq(plan_parent(p, t, 1), one);
            struct parents parents;
            plan_parents(p, t, row, &parents);
            ck_assert_int_eq(parents.n, 2);
            ck_assert_int_eq(parents.parent[0].role, ROLE_WEIGHTS);
            ck_assert_int_eq(parents.parent[0].row, 1000 + a);
            ck_assert_int_eq(parents.parent[0].config.optim.steps, 20);
            ck_assert_int_eq(parents.parent[1].role, ROLE_END);
            ck_assert_int_eq(parents.parent[1].row, 1000 + one);
            ck_assert(!plan_keeps(p, t) && plan_keeps(p, a) && plan_keeps(p, one));
            ck_assert_int_eq(plan_parent(p, a, 0), -1);
        }
    reading_clear(&o);
}
END_TEST

/* What varies in the parent alone multiplies its children. */
START_TEST(test_children_of_several_parents_multiply)
{
    struct reading o = planned(
        "stages:\n"
        "  a: {sweep: {axes: {model.width: [8, 16, 32], optim.lr: [1, 2]}}}\n"
        "  b: {from: {a: teacher}, model: {width: 4}, sweep: {axes: {optim.lr: [2, 1]}}}\n"
        "  c: {from: {b: weights}, model: {width: 4}, sweep: {axes: {optim.lr: [1]}}}\n");
    const struct plan *p = o.plan;
    ck_assert_int_eq(p->stage[1].n_configs, 6);
    ck_assert_int_eq(p->stage[2].n_configs, 3);
    ck_assert_int_eq(p->n_joined, 1);
    ck_assert_int_eq(p->joined[0].stage, 0);
    ck_assert_str_eq(p->joined[0].field->row.name, "model.width");
    bool seen[3] = {0};
    for (int64_t c = p->stage[2].first_config; c < p->stage[2].first_config + 3; c++) {
        struct config config;
        plan_config(p, plan_ancestor(p, c, 0), &config);
        ck_assert(config.optim.lr == 1.0);
        seen[config.model.width == 16 ? 1 : config.model.width == 32 ? 2 : 0] = true;
        plan_config(p, plan_ancestor(p, c, 1), &config);
        ck_assert_int_eq(config.model.width, 4);
        ck_assert_int_eq(plan_ancestor(p, c, 2), c);
        ck_assert_int_eq(plan_ancestor(p, p->stage[0].first_config, 1), -1);
    }
    ck_assert(seen[0] && seen[1] && seen[2]);
    reading_clear(&o);
}
END_TEST

/* ---- identity ---- */

#define A "  a: {optim: {steps: 20}}\n"
#define B "  b: {from: {a: weights}}\n"

START_TEST(test_names_of_stages_are_not_part_of_the_id)
{
    uint64_t child = id_of("stages:\n" A B, "b", 0);
    ck_assert_uint_eq(
        id_of("stages:\n  zoe: {optim: {steps: 20}}\n  b: {from: {zoe: weights}}\n", "b", 0),
        child);
    ck_assert_uint_eq(id_of("stages:\n" B A, "b", 0), child);
    ck_assert_uint_eq(id_of("stages:\n" A "  kid: {from: {a: weights}}\n", "kid", 0), child);
    /* a trial without parents is the one of a file without stages */
    struct reading plain = planned("");
    uint64_t id = plan_id(plain.plan, 0);
    reading_clear(&plain);
    ck_assert_uint_eq(id_of("stages:\n" A "  b: {}\n", "b", 0), id);
    ck_assert_uint_ne(id, child);
}
END_TEST

START_TEST(test_parents_are_part_of_the_id)
{
    const char *const other[] = {
        "stages:\n" A "  b: {from: {a: features}}\n",
        "stages:\n" A "  b: {from: {a: teacher}}\n",
        "stages:\n  a: {optim: {steps: 21}}\n" B,
        "stages:\n  a: {optim: {steps: 20}, from: {z: weights}}\n  z: {optim: {lr: 0.3}}\n" B,
        "stages:\n" A "  b: {from: {a: weights}, optim: {lr: 0.2}}\n",
    };
    uint64_t child = id_of("stages:\n" A B, "b", 0);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_uint_ne(id_of(other[i], "b", 0), child);
    /* the order of two roles says nothing */
    const char *c = "  c: {optim: {lr: 0.7}}\n";
    struct text x = {0}, y = {0};
    text_add(&x, "stages:\n" A "%s  b: {from: {a: weights, c: end}}\n", c);
    text_add(&y, "stages:\n" A "%s  b: {from: {c: end, a: weights}}\n", c);
    ck_assert_uint_eq(id_of(x.at, "b", 0), id_of(y.at, "b", 0));
    text_clear(&x);
    text_clear(&y);
}
END_TEST

/* More seeds leave the ids of the old ones; a parent shared by all seeds makes others. */
START_TEST(test_ids_and_seeds)
{
#define SEEDS(a, b)                                                                            \
    "sweep: {seeds: " b "}\nstages:\n  a: {optim: {steps: 20}, sweep: {seeds: " a "}}\n"
    uint64_t zero = id_of(SEEDS("1", "1") B, "b", 0);
    ck_assert_uint_eq(id_of(SEEDS("3", "3") B, "b", 0), zero);
    ck_assert_uint_eq(id_of(SEEDS("1", "3") B, "b", 0), zero);
    ck_assert_uint_eq(id_of(SEEDS("3", "2") B, "b", 1), id_of(SEEDS("4", "4") B, "b", 1));
    ck_assert_uint_ne(id_of(SEEDS("1", "3") B, "b", 1), id_of(SEEDS("3", "3") B, "b", 1));
    /* so for its children */
    const char *c = "  c: {from: {b: weights}, optim: {lr: 1}}\n";
    struct text x = {0}, y = {0};
    text_add(&x, "%s%s", SEEDS("1", "3") B, c);
    text_add(&y, "%s%s", SEEDS("3", "3") B, c);
    ck_assert_uint_ne(id_of(x.at, "c", 1), id_of(y.at, "c", 1));
    ck_assert_uint_eq(id_of(x.at, "c", 0), id_of(y.at, "c", 0));
    text_clear(&x);
    text_clear(&y);
}
END_TEST

/* Stores of years are found by these ids. */
START_TEST(test_ids_stay)
{
    static const char own[] = "data.classes=3\ndata.dim=8\ndata.name=gaussian_teacher\n"
                              "data.test=256\ndata.train=256\nmodel.depth=1\n";
    static const char rest[] = "optim.batch=32\noptim.steps=10\n";
    struct text a = {0}, b = {0};
    text_add(&a, "root=7\n%smodel.width=8\noptim.batch=32\noptim.steps=20\n", own);
    text_add(&b, "root=7\n%smodel.width=8\n%sfrom.weights=%016llx\n", own, rest,
             (unsigned long long)XXH64(a.at, a.length, 0));
    struct reading o = planned("stages:\n" A B);
    ck_assert_uint_eq(o.plan->config_id[config_of(o.plan, "b", "")], XXH64(b.at, b.length, 0));
    reading_clear(&o);
    text_clear(&a);
    text_clear(&b);
}
END_TEST

/* A file is known by what it holds. */
START_TEST(test_a_file_is_part_of_the_id)
{
    char path[2][64] = {"/tmp/shoal-stages-XXXXXX", "/tmp/shoal-stages-XXXXXX"};
    uint64_t id[5];
    for (int i = 0; i < 2; i++) close(mkstemp(path[i]));
    for (int i = 0; i < 5; i++) {
        struct text text = {0};
        FILE *out = fopen(path[i % 2], "w");
        fputs(i == 2 ? "other" : "weights", out);
        fclose(out);
        const char *form = i == 3   ? "{path: %s, as: teacher, model: {width: 64}}"
                           : i == 4 ? "{path: %s, as: features}"
                                    : "{path: %s, as: teacher}";
        text_add(&text, "stages: {a: {}, b: {from: {file: ");
        text_add(&text, form, path[i % 2]);
        text_add(&text, "}}}\n");
        struct reading o = planned(text.at);
        int64_t t = plan_trial(o.plan, config_of(o.plan, "b", ""), 0);
        struct parents parents;
        plan_parents(o.plan, t, NULL, &parents);
        ck_assert_int_eq(parents.n, 1);
        ck_assert_int_eq(parents.parent[0].row, -1);
        ck_assert_str_eq(parents.parent[0].path, path[i % 2]);
        ck_assert_int_eq(parents.parent[0].role, i == 4 ? ROLE_FEATURES : ROLE_TEACHER);
        ck_assert_int_eq(parents.parent[0].config.model.width, i == 3 ? 64 : 8);
        id[i] = plan_id(o.plan, t);
        reading_clear(&o);
        text_clear(&text);
    }
    ck_assert_uint_eq(id[0], id[1]); /* another name */
    for (int i = 0; i < 5; i++)
        for (int k = 1; k < i; k++) ck_assert_uint_ne(id[i], id[k]);
    for (int i = 0; i < 2; i++) unlink(path[i]);
}
END_TEST

/* The id says among what is chosen, not what was. */
START_TEST(test_id_of_a_choice)
{
#define PICK(take, lrs, seeds)                                                                 \
    "stages:\n  tuned: {sweep: {axes: {optim.lr: " lrs "}, seeds: " seeds "}}\n"               \
    "  s: {from: {best: {stage: tuned, by: test_acc, take: [" take "]}}, model: {depth: 2}}\n"
    uint64_t id = id_of(PICK("optim.lr, optim.momentum", "[1, 2]", "2"), "s", 0);
    ck_assert_uint_eq(id_of(PICK("optim.momentum, optim.lr", "[1, 2]", "2"), "s", 0), id);
    ck_assert_uint_ne(id_of(PICK("optim.lr", "[1, 2]", "2"), "s", 0), id);
    ck_assert_uint_ne(id_of(PICK("optim.lr, optim.momentum", "[1, 3]", "2"), "s", 0), id);
    ck_assert_uint_ne(id_of(PICK("optim.lr, optim.momentum", "[1, 2]", "3"), "s", 0), id);
}
END_TEST

START_TEST(test_set_reaches_into_a_stage)
{
    static const char *const set[] = {"stages.b.optim.lr=0.5",
                                      "stages.a.sweep.axes.model.depth=[1, 2]",
                                      "stages.b.optim.loss={mse: a}", "sweep.seeds=2"};
    static const char *const bad[] = {"stages.a.model.width=9"};
    struct yaml_file *file;
    struct sweep *s;
    struct err e;
    struct text text = {0};
    text_add(&text, "%sstages:\n  a: {sweep: {axes: {model.width: [4, 8]}}}\n  b: {}\n", head);
    ck_assert_int_eq(yaml_parse("t.yaml", text.at, &file, &e), ERR_OK);
    ck_assert_int_eq(sweep_read(file, set, 4, &s, &e), ERR_OK);
    ck_assert(s->stage[1].base.optim.lr == 0.5 && s->stage[0].base.optim.lr == 0.1);
    ck_assert_int_eq(s->stage[0].n_axes, 2);
    ck_assert_int_eq(s->stage[1].from[0].role, ROLE_TEACHER);
    ck_assert_int_eq(s->stage[0].seeds, 2);
    sweep_destroy(s);
    ck_assert_int_eq(yaml_parse("t.yaml", text.at, &file, &e), ERR_OK);
    ck_assert_int_eq(sweep_read(file, bad, 1, &s, &e), ERR_CONFIG);
    char *report = yaml_report(s->file, false);
    ck_assert_ptr_nonnull(strstr(report, "set stages.a.sweep.axes.model.width=[...]"));
    free(report);
    sweep_destroy(s);
    text_clear(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stages");
    TCase *c = check_case(s, "stages");
    tcase_add_loop_test(c, test_mistakes_are_located, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(c, test_settings_are_laid_over_those_of_the_file);
    tcase_add_test(c, test_what_differs_between_stages_varies);
    tcase_add_test(c, test_a_loss_names_its_teacher);
    tcase_add_test(c, test_children_join_on_shared_axes_and_seeds);
    tcase_add_test(c, test_children_of_several_parents_multiply);
    tcase_add_test(c, test_names_of_stages_are_not_part_of_the_id);
    tcase_add_test(c, test_parents_are_part_of_the_id);
    tcase_add_test(c, test_ids_and_seeds);
    tcase_add_test(c, test_ids_stay);
    tcase_add_test(c, test_a_file_is_part_of_the_id);
    tcase_add_test(c, test_id_of_a_choice);
    tcase_add_test(c, test_set_reaches_into_a_stage);
    return check_run(s);
}
