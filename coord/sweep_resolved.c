/* sweep_resolved.c - a sweep as YAML with every default written out. What it writes is a sweep
 * file again, and plans the same trials: it stands in the provenance of a store. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/sweep.h"
#include "worker/data.h"

static void add_quoted(struct text *out, const char *text)
{
    text_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            text_add(out, "\\%c", *text);
        else if (*text == '\n')
            text_add(out, "\\n");
        else
            text_add_bytes(out, text, 1);
    }
    text_add(out, "\"");
}

static void add_value(struct text *out, const struct field *f, const void *values)
{
    char value[TASK_PATH];
    field_text(f, values, value, sizeof value);
    if (f->type == FIELD_TEXT)
        add_quoted(out, value);
    else
        text_add(out, "%s", value);
}

/* The scalars directly in a section, each on a line of its own. */
static void add_scalars(struct text *out, const struct table *fields, const char *section,
                        const char *indent, const void *values)
{
    size_t length = strlen(section);
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        const char *key = f->row.name;
        if (length) {
            if (strncmp(key, section, length) != 0 || key[length] != '.') continue;
            key += length + 1;
        }
        if (strchr(key, '.')) continue;
        text_add(out, "%s%s: ", indent, key);
        add_value(out, f, values);
        text_add(out, "\n");
    }
}

/* data, model, optim: what can matter. */
static void add_settings(struct text *out, const struct sweep *s, const struct stage *stage,
                         const char *indent)
{
    const struct table *fields = s->experiment->fields;
    char section[TASK_NAME] = "";
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        size_t length = strcspn(f->row.name, ".");
        if (!sweep_may_apply(s, stage, f)) continue;
        if (strlen(section) != length || strncmp(section, f->row.name, length) != 0) {
            snprintf(section, sizeof section, "%.*s", (int)length, f->row.name);
            text_add(out, "%s%s:\n", indent, section);
        }
        text_add(out, "%s  %s: ", indent, f->row.name + length + 1);
        add_value(out, f, &stage->base);
        text_add(out, "\n");
    }
}

/* model.width: [8, 16] */
static void add_axis_field(struct text *out, const struct axis *a, int k)
{
    struct config c;
    memset(&c, 0, sizeof c);
    text_add(out, "%s: [", a->field[k]->row.name);
    for (int64_t i = 0; i < a->count; i++) {
        sweep_axis_apply(a, i, &c);
        if (i) text_add(out, ", ");
        add_value(out, a->field[k], &c);
    }
    text_add(out, "]");
}

static void add_axes(struct text *out, const struct axis *axis, int n, const char *indent,
                     const char *more)
{
    for (int i = 0; i < n; i++) {
        if (axis[i].n_fields != 1) continue;
        text_add(out, "%s%s", indent, more);
        add_axis_field(out, &axis[i], 0);
        text_add(out, "\n");
    }
}

static void add_zips(struct text *out, const struct stage *s, const char *indent)
{
    bool any = false;
    for (int i = 0; i < s->n_axes; i++) {
        const struct axis *a = &s->axis[i];
        if (a->n_fields == 1) continue;
        if (!any) text_add(out, "%s  zip:\n", indent);
        any = true;
        for (int k = 0; k < a->n_fields; k++) {
            text_add(out, "%s%s", indent, k ? "      " : "    - ");
            add_axis_field(out, a, k);
            text_add(out, "\n");
        }
    }
}

static void add_sweep(struct text *out, const struct stage *s, const char *indent)
{
    text_add(out, "%ssweep:\n%s  method: %s\n%s  seeds: %lld\n", indent, indent,
             table_row(&sweep_methods, s->method)->name, indent, (long long)s->seeds);
    int single = 0;
    for (int i = 0; i < s->n_axes; i++) single += s->axis[i].n_fields == 1;
    if (single) text_add(out, "%s  axes:\n", indent);
    add_axes(out, s->axis, s->n_axes, indent, "    ");
    add_zips(out, s, indent);
    if (s->n_when) text_add(out, "%s  when:\n", indent);
    for (int i = 0; i < s->n_when; i++) {
        text_add(out, "%s    - if: ", indent);
        add_quoted(out, s->when[i].text);
        text_add(out, "\n%s      axes:%s\n", indent, s->when[i].n_axes ? "" : " {}");
        add_axes(out, s->when[i].axis, s->when[i].n_axes, indent, "        ");
    }
    if (s->n_exclude) text_add(out, "%s  exclude:\n", indent);
    for (int i = 0; i < s->n_exclude; i++) {
        text_add(out, "%s    - ", indent);
        add_quoted(out, s->exclude_text[i]);
        text_add(out, "\n");
    }
}

/* [optim.lr, model.width] */
static void add_fields(struct text *out, const char *key, const struct field *const *field,
                       int n)
{
    text_add(out, "%s: [", key);
    for (int i = 0; i < n; i++) text_add(out, "%s%s", i ? ", " : "", field[i]->row.name);
    text_add(out, "]");
}

/* One file: its place for whoever reads this somewhere else, its role and its network. */
static void add_file(struct text *out, const struct stage_from *f)
{
    char *path = realpath(f->path, NULL);
    text_add(out, "        - path: ");
    add_quoted(out, path ? path : f->path);
    free(path);
    text_add(out, "\n          as: %s\n", table_row(&roles, f->role)->name);
    for (int i = 0; i < f->n_set; i++) {
        const struct field *field = f->set[i].field[0];
        int length = (int)strcspn(field->row.name, ".");
        struct config c;
        memset(&c, 0, sizeof c);
        sweep_axis_apply(&f->set[i], 0, &c);
        if (i == 0 ||
            strncmp(f->set[i - 1].field[0]->row.name, field->row.name, (size_t)length + 1) != 0)
            text_add(out, "          %.*s:\n", length, field->row.name);
        text_add(out, "            %s: ", field->row.name + length + 1);
        add_value(out, field, &c);
        text_add(out, "\n");
    }
}

static void add_from(struct text *out, const struct sweep *s, const struct stage *stage)
{
    const struct stage_best *b = &stage->best;
    bool any_file = false;
    if (stage->n_from || b->stage >= 0) text_add(out, "    from:\n");
    for (int i = 0; i < stage->n_from; i++)
        if (stage->from[i].stage >= 0)
            text_add(out, "      %s: %s\n", s->stage[stage->from[i].stage].name,
                     table_row(&roles, stage->from[i].role)->name);
    for (int i = 0; i < stage->n_from; i++) {
        if (stage->from[i].stage >= 0) continue;
        if (!any_file) text_add(out, "      file:\n");
        any_file = true;
        add_file(out, &stage->from[i]);
    }
    if (b->stage < 0) return;
    text_add(out, "      best:\n        stage: %s\n        by: %s\n", s->stage[b->stage].name,
             b->by);
    add_fields(out, "        take", b->take, b->n_take);
    add_fields(out, "\n        per", b->per, b->n_per);
    text_add(out, "\n");
}

/* Each stage with all of its settings: the file itself then needs none. */
static void add_stages(struct text *out, const struct sweep *s)
{
    text_add(out, "stages:\n");
    for (int i = 0; i < s->n_stages; i++) {
        text_add(out, "  %s:\n", s->stage[i].name);
        add_settings(out, s, &s->stage[i], "    ");
        add_from(out, s, &s->stage[i]);
        add_sweep(out, &s->stage[i], "    ");
    }
}

static void add_names(struct text *out, const char *key, const char (*name)[TASK_NAME], int n)
{
    text_add(out, "%s: [", key);
    for (int i = 0; i < n; i++) {
        if (i) text_add(out, ", ");
        add_quoted(out, name[i]);
    }
    text_add(out, "]");
}

static void add_level(struct text *out, const struct record *r, const struct level *level)
{
    char number[32];
    text_add(out, "{%s: {%s: %s}}", r->metric[level->metric], level->above ? "above" : "below",
             text_double(level->at, number));
}

static void add_probe_set(struct text *out, const struct sweep *s, const struct probe_set *set)
{
    text_add(out, "      %s: {split: %s, n: %" PRId64, set->name,
             table_row(&splits, set->split)->name, set->n);
    for (int i = 0; i < set->n_patches; i++) {
        const struct table *fields = s->experiment->fields;
        struct config config = s->stage[0].base;
        memcpy((char *)&config + set->patch[i].offset, set->patch[i].value, set->patch[i].size);
        for (int k = 0; k < fields->count; k++) {
            const struct field *f = (const struct field *)table_row(fields, k);
            if (f->offset != set->patch[i].offset) continue;
            text_add(out, "%s%s: ", i ? ", " : ", data: {", strchr(f->row.name, '.') + 1);
            add_value(out, f, &config);
        }
    }
    text_add(out, "%s}\n", set->n_patches ? "}" : "");
}

static void add_record(struct text *out, const struct sweep *s)
{
    const struct record *r = &s->record;
    text_add(out, "record:\n");
    add_scalars(out, &sweep_settings, "record", "  ", s);
    add_names(out, "  metrics", r->metric, r->n_metrics);
    text_add(out, "\n  every: {%s: ", table_row(&sweep_grids, (int)r->grid)->name);
    if (r->grid == GRID_LAST)
        text_add(out, "true}\n");
    else
        text_add(out, "%lld}\n", (long long)r->grid_count);
    if (r->n_layers) {
        text_add(out, "  representations:\n");
        add_names(out, "    layers", r->layer, r->n_layers);
        text_add(out, "\n    at: [");
        for (int i = 0; i < r->n_slots; i++) {
            if (i) text_add(out, ", ");
            if (r->slot[i] == SLOT_INIT)
                text_add(out, "init");
            else if (r->slot[i] == SLOT_FINAL)
                text_add(out, "final");
            else if (r->slot[i] == SLOT_LEVEL)
                add_level(out, r, &r->level[i]);
            else
                text_add(out, "%lld", (long long)r->slot[i]);
        }
        text_add(out, "]\n");
        add_scalars(out, &sweep_settings, "record.representations", "    ", s);
        text_add(out, "    probe:\n");
        for (int i = 0; i < r->n_probe_sets; i++) add_probe_set(out, s, &r->probe[i]);
    }
    if (r->n_arrays) {
        add_names(out, "  arrays", r->array, r->n_arrays);
        text_add(out, "\n");
    }
    text_add(out, "  visual:\n");
    add_scalars(out, &sweep_settings, "record.visual", "    ", s);
    text_add(out, "stop:\n  diverged:\n");
    add_scalars(out, &sweep_settings, "stop.diverged", "    ", s);
}

static void add_run(struct text *out, const struct sweep *s)
{
    char number[32];
    text_add(out, "run:\n");
    add_scalars(out, &sweep_settings, "run", "  ", s);
    text_add(out, "  checkpoint:\n");
    add_scalars(out, &sweep_settings, "run.checkpoint", "    ", s);
    if (isfinite(s->run.max_failed))
        text_add(out, "  max_failures: %s%s\n", text_double(fabs(s->run.max_failed), number),
                 s->run.max_failed < 0 ? "%" : "");
}

/* {type: line, y: "test_acc"}: what is not empty of one figure or table. */
static void add_flow(struct text *out, const struct table *fields, const char *more,
                     const void *values)
{
    const char *comma = "";
    text_add(out, "    - {");
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        char value[TASK_PATH];
        if (!*field_text(f, values, value, sizeof value)) continue;
        text_add(out, "%s%s: ", comma, strchr(f->row.name, '.') + 1);
        add_value(out, f, values);
        comma = ", ";
    }
    text_add(out, "%s%s}\n", *more ? ", " : "", more);
}

static void add_analysis(struct text *out, const struct sweep *s)
{
    const struct analysis_spec *a = &s->analysis;
    text_add(out, "analysis:\n  alignment:\n");
    add_names(out, "    measures", a->measure, a->n_measures);
    text_add(out, "\n");
    add_scalars(out, &sweep_settings, "analysis.alignment", "    ", s);
    text_add(out, "    null:\n");
    add_scalars(out, &sweep_settings, "analysis.alignment.null", "      ", s);
    if (a->n_scaling) text_add(out, "  scaling:\n");
    for (int i = 0; i < a->n_scaling; i++)
        add_flow(out, &sweep_scaling_settings, "", &a->scaling[i]);
}

static void add_report(struct text *out, const struct sweep *s)
{
    text_add(out, "report:\n");
    add_scalars(out, &sweep_settings, "report", "  ", s);
    if (s->report.n_figures) text_add(out, "  figures:\n");
    for (int i = 0; i < s->report.n_figures; i++) {
        const struct figure_spec *f = &s->report.figure[i];
        struct text lists = {0};
        if (f->n_order) add_names(&lists, "order", f->order, f->n_order);
        if (f->n_order && f->n_measures) text_add(&lists, ", ");
        if (f->n_measures) add_names(&lists, "measures", f->measure, f->n_measures);
        add_flow(out, &sweep_figure_settings, lists.at ? lists.at : "", f);
        text_clear(&lists);
    }
    if (s->report.n_tables) text_add(out, "  tables:\n");
    for (int i = 0; i < s->report.n_tables; i++)
        add_flow(out, &sweep_table_settings,
                 s->report.table[i].bold ? "best: bold" : "best: none", &s->report.table[i]);
    if (s->report.n_compare) text_add(out, "  compare:\n");
    for (int i = 0; i < s->report.n_compare; i++)
        add_flow(out, &sweep_compare_settings, "", &s->report.compare[i]);
}

char *sweep_resolved(const struct sweep *s)
{
    struct text out = {0};
    add_scalars(&out, &sweep_settings, "", "", s);
    if (sweep_has_stages(s)) {
        add_stages(&out, s);
    } else {
        add_settings(&out, s, &s->stage[0], "");
        add_sweep(&out, &s->stage[0], "");
    }
    add_record(&out, s);
    add_run(&out, s);
    add_analysis(&out, s);
    add_report(&out, s);
    return out.at;
}
