/* sweep_report.c - the block `report:`: what is shown when the trials are done. Names are
 * checked against what the sweep records, so that a slip is found before the machine time is
 * spent and not after.
 *
 * To add an option of a figure: a member of struct figure_spec and a row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/figure.h"
#include "coord/report.h"
#include "coord/report_compare.h"
#include "coord/sweep_reader.h"
#include "worker/record.h"

#define AT(member) .offset = offsetof(struct figure_spec, member), .size = TASK_NAME
static const struct field figure_rows[] = {
    {{"figure.type", "kind of figure", NULL},
     FIELD_NAME,
     AT(type),
     .names = &figure_types,
     .flags = FIELD_REQUIRED},
    {{"figure.y",
      "metric or measure of alignment on the y axis; of a line also several metrics", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct figure_spec, y),
     .size = TASK_PATH,
     .fallback = ""},
    {{"figure.x", "setting on the x axis; step: all records of a metric", NULL},
     FIELD_TEXT,
     AT(x),
     .fallback = ""},
    {{"figure.hue", "setting that tells the lines apart", NULL},
     FIELD_TEXT,
     AT(hue),
     .fallback = ""},
    {{"figure.panel", "setting each of whose values has a small plot of its own", NULL},
     FIELD_TEXT,
     AT(panel),
     .fallback = ""},
    {{"figure.value", "measure of alignment shown by a matrix", NULL},
     FIELD_TEXT,
     AT(value),
     .fallback = ""},
    {{"figure.log", "logarithmic axes: x, y or xy", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct figure_spec, log),
     .size = sizeof(((struct figure_spec *)0)->log),
     .fallback = ""},
    {{"figure.ci", "confidence of the interval drawn", NULL},
     FIELD_FLOAT,
     AT(ci),
     .fallback = "95",
     .max = 100,
     .unit = "%",
     .flags = FIELD_OPEN_MIN | FIELD_OPEN_MAX},
    {{"figure.filter", "only trials for which this condition holds", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct figure_spec, filter),
     .size = TASK_PATH,
     .fallback = ""},
    {{"figure.at",
      "metrics at the first record where this holds: a stopping criterion, judged later", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct figure_spec, at),
     .size = TASK_PATH,
     .fallback = ""},
    {{"figure.array", "recorded array that a histogram or images show", NULL},
     FIELD_TEXT,
     AT(array),
     .fallback = ""},
    {{"figure.column", "place in its last dimension: a name, or a number from 0", NULL},
     FIELD_TEXT,
     AT(column),
     .fallback = ""},
    {{"figure.bins", "bins of a histogram", NULL},
     FIELD_INT,
     AT(bins),
     .fallback = "40",
     .min = 1,
     .max = 1000},
    {{"figure.n", "images in a row", NULL},
     FIELD_INT,
     AT(n),
     .fallback = "16",
     .min = 1,
     .max = 64},
    {{"figure.low", "value of an image that is black", NULL},
     FIELD_FLOAT,
     AT(low),
     .fallback = "-1"},
    {{"figure.high", "value of an image that is white", NULL},
     FIELD_FLOAT,
     AT(high),
     .fallback = "1"},
    {{"figure.fit", "line fitted to a scatter", NULL},
     FIELD_NAME,
     AT(fit),
     .fallback = "none",
     .names = &figure_fits},
    {{"figure.fit_filter", "only to trials for which this condition holds", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct figure_spec, fit_filter),
     .size = TASK_PATH,
     .fallback = ""},
    {{"figure.fit_n", "samples that accuracies are of: logits keep half a sample from 0 and 1",
      NULL},
     FIELD_INT,
     AT(fit_n),
     .fallback = "1000",
     .min = 1,
     .max = 1e9},
    {{"figure.diagonal", "draw y = x in a scatter", NULL},
     FIELD_BOOL,
     AT(diagonal),
     .fallback = "false"},
};
const struct table sweep_figure_settings = TABLE("figure setting", figure_rows);
#undef AT

#define AT(member) .offset = offsetof(struct table_spec, member), .size = TASK_NAME
static const struct field table_rows[] = {
    {{"table.rows", "setting down the table", NULL},
     FIELD_TEXT,
     AT(rows),
     .flags = FIELD_REQUIRED},
    {{"table.cols", "setting across the table", NULL}, FIELD_TEXT, AT(cols), .fallback = ""},
    {{"table.value", "metric in the cells", NULL},
     FIELD_TEXT,
     AT(value),
     .flags = FIELD_REQUIRED},
    {{"table.show", "what a cell says", NULL},
     FIELD_NAME,
     AT(show),
     .fallback = "mean_ci",
     .names = &table_shows},
    {{"table.filter", "only trials for which this condition holds", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct table_spec, filter),
     .size = TASK_PATH,
     .fallback = ""},
    {{"table.at",
      "metrics at the first record where this holds: a stopping criterion, judged later", NULL},
     FIELD_TEXT,
     .offset = offsetof(struct table_spec, at),
     .size = TASK_PATH,
     .fallback = ""},
};
const struct table sweep_table_settings = TABLE("table setting", table_rows);
#undef AT

#define TEXT(key, help, member, ...)                                                           \
    {                                                                                          \
        {"compare." key, help, NULL}, FIELD_TEXT,                                              \
            .offset = offsetof(struct compare_spec, member),                                   \
            .size = sizeof(((struct compare_spec *)0)->member), __VA_ARGS__                    \
    }
#define NUMBER(key, help, member, max_)                                                        \
    {                                                                                          \
        {"compare." key, help, NULL}, FIELD_FLOAT,                                             \
            .offset = offsetof(struct compare_spec, member), .fallback = "none",               \
            .word = "none", .max = max_                                                        \
    }
static const struct field compare_rows[] = {
    TEXT("what", "the quantity in words", what, .flags = FIELD_REQUIRED),
    TEXT("value", "a metric, or \"A / B\" or \"A - B\" of two", value, .flags = FIELD_REQUIRED),
    TEXT("filter", "only trials for which this condition holds", filter, .fallback = ""),
    TEXT("at", "metrics at the first record where this holds", at, .fallback = ""),
    TEXT("paper", "what the paper says, in words", paper, .fallback = ""),
    NUMBER("released", "what the paper's code gives", released, 0),
    NUMBER("sd", "standard deviation of that over seeds", sd, HUGE_VAL),
    NUMBER("within", "relative distance from it that agrees, where there is no sd", within,
           HUGE_VAL),
    NUMBER("least", "the mean is to be at least this", least, 0),
    NUMBER("most", "the mean is to be at most this", most, 0),
    {{"compare.seeds", "seeds that the paper's code was run with", NULL},
     FIELD_INT,
     .offset = offsetof(struct compare_spec, seeds),
     .fallback = "0",
     .max = 1e6},
};
const struct table sweep_compare_settings = TABLE("compare setting", compare_rows);
#undef TEXT
#undef NUMBER

/* ---- names in figures and tables ---- */

/* Steps are recorded beside the metrics of every sweep. */
static bool is_metric(const struct sweep *s, const char *name)
{
    if (strcmp(name, "step") == 0) return true;
    for (int i = 0; i < s->record.n_metrics; i++)
        if (strcmp(s->record.metric[i], name) == 0) return true;
    return false;
}

static bool is_measure(const struct sweep *s, const char *name)
{
    for (int i = 0; i < s->analysis.n_measures; i++)
        if (strcmp(s->analysis.measure[i], name) == 0) return true;
    return false;
}

static const char *nearest(const struct sweep *s, enum sweep_wanted wanted, const char *name)
{
    struct text_nearest near = text_nearest_init(name);
    if (wanted == WANT_SETTING || wanted == WANT_SIZE)
        return sweep_nearest_setting(s->experiment->fields, name);
    if (wanted == WANT_METRIC || wanted == WANT_METRIC_OR_MEASURE)
        for (int i = 0; i < s->record.n_metrics; i++)
            text_nearest_try(&near, s->record.metric[i]);
    if (wanted == WANT_MEASURE || wanted == WANT_METRIC_OR_MEASURE)
        for (int i = 0; i < s->analysis.n_measures; i++)
            text_nearest_try(&near, s->analysis.measure[i]);
    return near.found;
}

static bool is_setting(const struct sweep *s, const char *name)
{
    return field_find(s->experiment->fields, name, NULL) != NULL || sweep_is_lineage(s, name);
}

static bool is_wanted(const struct sweep *s, enum sweep_wanted wanted, const char *name)
{
    switch (wanted) {
    case WANT_SETTING: return is_setting(s, name);
    case WANT_METRIC: return is_metric(s, name);
    case WANT_MEASURE: return is_measure(s, name);
    case WANT_METRIC_OR_MEASURE: return is_metric(s, name) || is_measure(s, name);
    case WANT_SIZE:
        return strcmp(name, "params") == 0 || is_setting(s, name) || is_metric(s, name);
    }
    return false;
}

void sweep_check_name(struct sweep_reader *r, const struct yaml_node *at,
                      enum sweep_wanted wanted)
{
    static const char *const kinds[] = {
        "a setting of the experiment", "a metric that is recorded",
        "a measure of analysis.alignment", "a metric that is recorded or a measure",
        "a setting of the experiment, a metric that is recorded, or params"};
    const struct sweep *s = r->sweep;
    if (!at || at->kind != YAML_SCALAR || is_wanted(s, wanted, at->text)) return;
    char hint[128];
    const char *near = nearest(s, wanted, at->text);
    if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    yaml_problem(r->file, at->mark, near ? hint : NULL, "'%s' is not %s", at->text,
                 kinds[wanted]);
}

/* A filter may speak of metrics, and of how a trial ended. */
static bool filter_knows(void *self, const char *key)
{
    return is_metric(self, key) || strcmp(key, "seed") == 0 || strcmp(key, "state") == 0 ||
           sweep_is_lineage(self, key);
}

void sweep_check_filter(struct sweep_reader *r, const struct yaml_node *map)
{
    static const char *const keys[] = {"filter", "at", "fit_filter"};
    for (int i = 0; i < 3; i++) {
        const struct yaml_node *node = yaml_get(map, keys[i]);
        if (node && node->kind == YAML_SCALAR) sweep_condition(r, node, filter_knows, r->sweep);
    }
}

static void need_keys(struct sweep_reader *r, const struct yaml_node *map, const char *where,
                      const char *const *key)
{
    for (; *key; key++)
        if (!yaml_get(map, *key))
            yaml_problem(r->file, map->mark, NULL, "%s: %s is missing", where, *key);
}

/* ---- figures ---- */

/* The column must be one of the array's, by name where they have names. */
static void check_column(struct sweep_reader *r, const struct yaml_node *map, const char *type,
                         const struct trial_array *array)
{
    char near[TASK_NAME], hint[160];
    const struct yaml_node *at = yaml_get(map, "column");
    if (!at && array->columns && strcmp(type, "histogram") == 0)
        yaml_problem(r->file, map->mark, array->columns, "%s: column is missing", type);
    if (!at || at->kind != YAML_SCALAR) return;
    if (!array->columns) {
        if (!*at->text || at->text[strspn(at->text, "0123456789")])
            yaml_problem(r->file, at->mark, "write its number, from 0",
                         "column: those of '%s' have no names", array->row.name);
        return;
    }
    if (text_listed(array->columns, at->text)) return;
    bool found = sweep_nearest_of(array->columns, at->text, near) != NULL;
    snprintf(hint, sizeof hint, found ? "did you mean '%s'?" : "known: %s",
             found ? near : array->columns);
    yaml_problem(r->file, at->mark, hint, "'%s' is no column of '%s'", at->text,
                 array->row.name);
}

/* The array must be recorded. */
static void check_array(struct sweep_reader *r, const struct yaml_node *map, const char *type)
{
    const struct record *record = &r->sweep->record;
    const struct yaml_node *at = yaml_get(map, "array");
    struct text_nearest near = text_nearest_init(at ? at->text : "");
    if (!at || at->kind != YAML_SCALAR) return;
    int i = record_array(record, at->text);
    if (i >= 0) {
        const struct table *known = r->sweep->experiment->arrays;
        int row = known ? table_find(known, at->text) : -1;
        if (row >= 0) check_column(r, map, type, (const void *)table_row(known, row));
        return;
    }
    for (i = 0; i < record->n_arrays; i++) text_nearest_try(&near, record->array[i]);
    char hint[160];
    snprintf(hint, sizeof hint, near.found ? "did you mean '%s'?" : "add %s to record.arrays",
             near.found ? near.found : at->text);
    yaml_problem(r->file, at->mark, hint, "'%s' is no array that is recorded", at->text);
}

/* The keys of figures that show arrays. */
static void check_arrays(struct sweep_reader *r, const struct yaml_node *map,
                         const struct figure_spec *f)
{
    static const char *const types[] = {"histogram", "images"};
    const struct yaml_node *type = yaml_get(map, "type");
    for (int i = 0; i < 2; i++) {
        if (!type || type->kind != YAML_SCALAR || strcmp(type->text, types[i]) != 0) continue;
        need_keys(r, map, types[i], (const char *const[]){"array", NULL});
        check_array(r, map, types[i]);
    }
    const struct yaml_node *at = yaml_get(map, "high");
    if (!at) at = yaml_get(map, "low");
    if (at && !(f->high > f->low))
        yaml_problem(r->file, at->mark, NULL, "high: must be above low, %g", f->low);
}

/* y: a name, or a list of metrics; as text the names are separated by commas. */
static void read_y(struct sweep_reader *r, const struct yaml_node *y, struct figure_spec *f)
{
    char name[FIGURE_MAX_NAMES][TASK_NAME];
    int n = 0;
    if (!y) return;
    if (y->kind == YAML_LIST) {
        n = sweep_names(r, y, "report.figures.y", name, FIGURE_MAX_NAMES);
        for (int i = 0; i < n; i++) {
            size_t used = strlen(f->y);
            snprintf(f->y + used, sizeof f->y - used, "%s%s", i ? ", " : "", name[i]);
        }
        for (int i = 0; i < y->count; i++)
            sweep_check_name(r, y->child[i], n > 1 ? WANT_METRIC : WANT_METRIC_OR_MEASURE);
        return;
    }
    if (!field_read(field_find(&sweep_figure_settings, "figure.y", NULL), r->file, y, f))
        return;
    n = figure_names(f->y, name);
    if (n > FIGURE_MAX_NAMES)
        yaml_problem(r->file, y->mark, NULL, "report.figures.y: at most %d metrics",
                     FIGURE_MAX_NAMES);
    for (int i = 0; i < n && i < FIGURE_MAX_NAMES; i++) {
        struct yaml_node one = *y;
        one.text = name[i];
        sweep_check_name(r, &one, n > 1 ? WANT_METRIC : WANT_METRIC_OR_MEASURE);
    }
}

/* Of a scatter both axes are metrics, one each; of y read_y has seen whether it is known. */
static void check_scatter(struct sweep_reader *r, const struct yaml_node *map,
                          const struct figure_spec *f)
{
    char name[FIGURE_MAX_NAMES][TASK_NAME];
    const struct yaml_node *y = yaml_get(map, "y");
    const struct yaml_node *fitted = yaml_get(map, "fit_filter");
    sweep_check_name(r, yaml_get(map, "x"), WANT_METRIC);
    if (fitted && f->fit == FIGURE_FIT_NONE)
        yaml_problem(r->file, fitted->mark, "add fit: linear or fit: logit",
                     "fit_filter: there is no fit");
    if (is_measure(r->sweep, f->y))
        yaml_problem(r->file, y->mark, "take a metric",
                     "y: an alignment is of pairs of networks, a scatter has a point for each");
    if (figure_names(f->y, name) > 1)
        yaml_problem(r->file, y->mark, "make a figure for each",
                     "y: a scatter shows a single metric");
}

/* A law is shown that is fitted. */
static void check_scaling(struct sweep_reader *r, const struct yaml_node *map,
                          const struct figure_spec *f)
{
    const struct analysis_spec *a = &r->sweep->analysis;
    for (int i = 0; i < a->n_scaling; i++)
        if (strcmp(a->scaling[i].y, f->y) == 0 && strcmp(a->scaling[i].x, f->x) == 0) return;
    if (yaml_get(map, "x") && yaml_get(map, "y"))
        yaml_problem(r->file, map->mark, "add it to analysis.scaling",
                     "report.figures: no fit of %s against %s", f->y, f->x);
}

/* x: a setting, or the steps of records, where only a line of metrics can be. */
static void check_x(struct sweep_reader *r, const struct yaml_node *map,
                    const struct figure_spec *f)
{
    const struct yaml_node *x = yaml_get(map, "x"), *at = yaml_get(map, "at");
    if (f->type == table_find(&figure_types, "scatter")) {
        check_scatter(r, map, f);
        return;
    }
    if (f->type == table_find(&figure_types, "scaling")) {
        check_scaling(r, map, f);
        return;
    }
    if (strcmp(f->x, "step") != 0) {
        sweep_check_name(r, x, WANT_SETTING);
        return;
    }
    if (at)
        yaml_problem(r->file, at->mark, "leave out at, or take a setting for x",
                     "at: with x: step all records are shown");
    if (is_measure(r->sweep, f->y))
        yaml_problem(r->file, yaml_get(map, "y")->mark, "take a metric",
                     "y: an alignment is of finished networks, x: step wants a metric");
}

static void read_figure(struct sweep_reader *r, const struct yaml_node *map)
{
    struct sweep *s = r->sweep;
    struct figure_spec *f = &s->report.figure[s->report.n_figures];
    field_defaults(&sweep_figure_settings, f);
    field_read_section(&sweep_figure_settings, "figure", "order y", r->file, map, f, NULL);
    read_y(r, yaml_get(map, "y"), f);
    if (f->log[0] && strcmp(f->log, "x") && strcmp(f->log, "y") && strcmp(f->log, "xy"))
        yaml_problem(r->file, yaml_get(map, "log")->mark, "write x, y or xy",
                     "log: unknown axes '%s'", f->log);
    const struct yaml_node *order = sweep_child(r, map, "report.figures", "order", YAML_LIST);
    f->n_order = sweep_names(r, order, "report.figures.order", f->order, SWEEP_MAX_ORDER);
    for (int i = 0; order && i < order->count; i++)
        sweep_check_name(r, order->child[i], WANT_SETTING);
    check_x(r, map, f);
    sweep_check_name(r, yaml_get(map, "hue"), WANT_SETTING);
    sweep_check_name(r, yaml_get(map, "panel"), WANT_SETTING);
    sweep_check_name(r, yaml_get(map, "value"), WANT_MEASURE);
    sweep_check_filter(r, map);
    const struct yaml_node *type = yaml_get(map, "type");
    if (type && type->kind == YAML_SCALAR && strcmp(type->text, "scatter") == 0)
        need_keys(r, map, "scatter", (const char *const[]){"y", "x", NULL});
    if (type && type->kind == YAML_SCALAR && strcmp(type->text, "scaling") == 0)
        need_keys(r, map, "scaling", (const char *const[]){"y", "x", NULL});
    if (type && type->kind == YAML_SCALAR && strcmp(type->text, "line") == 0)
        need_keys(r, map, "line", (const char *const[]){"y", "x", NULL});
    if (type && type->kind == YAML_SCALAR && strcmp(type->text, "matrix") == 0)
        need_keys(r, map, "matrix", (const char *const[]){"value", NULL});
    check_arrays(r, map, f);
    s->report.n_figures++;
}

static void read_table(struct sweep_reader *r, const struct yaml_node *map)
{
    struct sweep *s = r->sweep;
    struct table_spec *t = &s->report.table[s->report.n_tables];
    field_defaults(&sweep_table_settings, t);
    field_read_section(&sweep_table_settings, "table", "best", r->file, map, t, NULL);
    sweep_check_name(r, yaml_get(map, "rows"), WANT_SETTING);
    sweep_check_name(r, yaml_get(map, "cols"), WANT_SETTING);
    sweep_check_name(r, yaml_get(map, "value"), WANT_METRIC);
    sweep_check_filter(r, map);
    const struct yaml_node *best = sweep_child(r, map, "report.tables", "best", YAML_SCALAR);
    t->bold = best && strcmp(best->text, "bold") == 0;
    if (best && !t->bold && strcmp(best->text, "none") != 0)
        yaml_problem(r->file, best->mark, "write bold or none",
                     "report.tables.best: unknown '%s'", best->text);
    s->report.n_tables++;
}

/* ---- comparison ---- */

/* The value must be one of the three forms, of metrics that are recorded. */
static void check_value(struct sweep_reader *r, const struct yaml_node *at, const char *value)
{
    char part[2][TASK_NAME];
    if (!at || at->kind != YAML_SCALAR) return;
    int n = report_compare_parts(value, part, NULL);
    for (int i = 0; i < n; i++) {
        struct yaml_node one = *at;
        one.text = part[i];
        sweep_check_name(r, &one, WANT_METRIC);
    }
    if (n == 0)
        yaml_problem(r->file, at->mark, "write a metric, \"A / B\" or \"A - B\"",
                     "report.compare: value '%s' is none", value);
}

/* What a number is judged by must make sense together. */
static void check_judgement(struct sweep_reader *r, const struct yaml_node *map,
                            const struct compare_spec *c)
{
    const struct yaml_node *sd = yaml_get(map, "sd"), *within = yaml_get(map, "within");
    const struct yaml_node *most = yaml_get(map, "most"), *by = sd ? sd : within;
    bool has_sd = isfinite(c->sd), has_within = isfinite(c->within);
    if (has_sd && has_within)
        yaml_problem(r->file, within->mark, "leave out one of them",
                     "report.compare: within and sd both say how near is near enough");
    if (has_sd && c->seeds < 1)
        yaml_problem(r->file, sd->mark, "add seeds",
                     "report.compare: sd is of so many seeds, and none are given");
    if ((has_sd || has_within) && !isfinite(c->released))
        yaml_problem(r->file, by->mark, "add released",
                     "report.compare: there is no number to be near to");
    if (isfinite(c->least) && isfinite(c->most) && c->least > c->most)
        yaml_problem(r->file, most->mark, NULL, "report.compare: most is below least, %g",
                     c->least);
}

static void read_compare(struct sweep_reader *r, const struct yaml_node *map)
{
    struct sweep *s = r->sweep;
    struct compare_spec *c = &s->report.compare[s->report.n_compare++];
    field_defaults(&sweep_compare_settings, c);
    field_read_section(&sweep_compare_settings, "compare", "", r->file, map, c, NULL);
    sweep_check_filter(r, map);
    check_value(r, yaml_get(map, "value"), c->value);
    check_judgement(r, map, c);
}

void sweep_each_map(struct sweep_reader *r, const struct yaml_node *list, const char *where,
                    int max, void (*read)(struct sweep_reader *r, const struct yaml_node *map))
{
    for (int i = 0; list && i < list->count; i++) {
        const struct yaml_node *at = list->child[i];
        if (at->kind != YAML_MAP)
            yaml_problem(r->file, at->mark, NULL, "%s: expected a map", where);
        else if (i >= max)
            yaml_problem(r->file, at->mark, NULL, "%s: at most %d", where, max);
        else
            read(r, at);
    }
}

void sweep_report_read(struct sweep_reader *r, const struct yaml_node *node)
{
    if (!node) return;
    sweep_scalars(r, node, "report", "figures tables compare");
    sweep_each_map(r, sweep_child(r, node, "report", "figures", YAML_LIST), "report.figures",
                   SWEEP_MAX_FIGURES, read_figure);
    sweep_each_map(r, sweep_child(r, node, "report", "tables", YAML_LIST), "report.tables",
                   SWEEP_MAX_TABLES, read_table);
    sweep_each_map(r, sweep_child(r, node, "report", "compare", YAML_LIST), "report.compare",
                   SWEEP_MAX_COMPARE, read_compare);
}
