/* stages_plan.h - a sweep file with stages, read and planned. Include once per program. */
#ifndef SHOAL_TESTS_STAGES_PLAN_H
#define SHOAL_TESTS_STAGES_PLAN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/plan.h"
#include "tests/check_main.h"

static const char head[] =
    "name: t\n"
    "seed: 7\n"
    "data: {name: gaussian_teacher, dim: 8, classes: 3, train: 256, test: 256}\n"
    "model: {kind: mlp, depth: 1, width: 8}\n"
    "optim: {lr: 0.1, batch: 32, steps: 10}\n";

/* A sweep read and planned. report is NULL if it is right. */
struct reading {
    struct sweep *sweep;
    struct plan *plan;
    char *report;
};

static struct reading read_stages(const char *rest)
{
    struct reading o = {0};
    struct yaml_file *file;
    struct err e;
    struct text text = {0};
    text_add(&text, "%s%s", head, rest);
    ck_assert_int_eq(yaml_parse("t.yaml", text.at, &file, &e), ERR_OK);
    text_clear(&text);
    enum err_code code = sweep_read(file, NULL, 0, &o.sweep, &e);
    if (code == ERR_OK) code = plan_create(o.sweep, &o.plan, &e);
    o.report = yaml_report(o.sweep->file, false);
    ck_assert_msg((code == ERR_CONFIG) == (o.report != NULL), "%d: %s", code, e.text);
    return o;
}

static void reading_clear(struct reading *o)
{
    free(o->report);
    plan_destroy(o->plan);
    sweep_destroy(o->sweep);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

static struct reading planned(const char *rest)
{
    struct reading o = read_stages(rest);
    ck_assert_msg(o.report == NULL, "%s\n%s", rest, o.report);
    return o;
}

/* The only configuration of a stage that has such settings: "model.width=8 optim.lr=0.1". */
static int64_t config_of(const struct plan *p, const char *stage, const char *settings)
{
    int s = sweep_stage_find(p->sweep, stage);
    int64_t found = -1;
    for (int64_t c = p->stage[s].first_config;
         c < p->stage[s].first_config + p->stage[s].n_configs; c++) {
        struct config config;
        char list[256], value[TASK_PATH];
        bool all = true;
        snprintf(list, sizeof list, "%s", settings);
        plan_config(p, c, &config);
        for (char *at = strtok(list, " "); at; at = strtok(NULL, " ")) {
            char *equals = strchr(at, '=');
            *equals = '\0';
            const struct field *f = field_find(p->sweep->experiment->fields, at, NULL);
            all = all && strcmp(field_text(f, &config, value, sizeof value), equals + 1) == 0;
        }
        if (!all) continue;
        ck_assert_int_lt(found, 0);
        found = c;
    }
    ck_assert_msg(found >= 0, "%s %s", stage, settings);
    return found;
}

#endif
