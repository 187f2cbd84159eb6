/* sweep_report.c - the block `report:`: what is shown when the trials are done. Names are
 * checked against what the sweep records, so that a slip is found before the machine time is
 * spent and not after. The figures are read in sweep_figure.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/figure.h"
#include "coord/report.h"
#include "coord/report_compare.h"
#include "coord/results.h"
#include "coord/sweep_reader.h"
#include "worker/record.h"

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

/* A measure of the analysis, also its calibrated scores where there is a null. */
bool sweep_is_measure(const struct sweep *s, const char *name)
{
    size_t length = strlen(name), tail = strlen(RESULTS_CALIBRATED);
    bool calibrated = s->analysis.permutations && length > tail &&
                      strcmp(name + length - tail, RESULTS_CALIBRATED) == 0;
    if (calibrated) length -= tail;
    for (int i = 0; i < s->analysis.n_measures; i++)
        if (strncmp(s->analysis.measure[i], name, length) == 0 &&
            strlen(s->analysis.measure[i]) == length)
            return true;
    return false;
}

static const char *nearest(const struct sweep *s, enum sweep_wanted wanted, const char *name)
{
    struct text_nearest near = text_nearest_init(name);
    if (wanted & WANT_METRIC)
        for (int i = 0; i < s->record.n_metrics; i++)
            text_nearest_try(&near, s->record.metric[i]);
    if (wanted & WANT_MEASURE)
        for (int i = 0; i < s->analysis.n_measures; i++)
            text_nearest_try(&near, s->analysis.measure[i]);
    if (near.found || !(wanted & WANT_SETTING)) return near.found;
    return sweep_nearest_setting(s->experiment->fields, name);
}

void sweep_check_name(struct sweep_reader *r, const struct yaml_node *at,
                      enum sweep_wanted wanted)
{
    static const char *const kinds[] = {
        [WANT_SETTING] = "a setting of the experiment",
        [WANT_METRIC] = "a metric that is recorded",
        [WANT_MEASURE] = "a measure of analysis.alignment",
        [WANT_METRIC | WANT_MEASURE] = "a metric that is recorded or a measure",
        [WANT_SIZE] = "a setting, a metric that is recorded, or params"};
    const struct sweep *s = r->sweep;
    if (!at || at->kind != YAML_SCALAR) return;
    if ((wanted & WANT_SETTING && (field_find(s->experiment->fields, at->text, NULL) ||
                                   sweep_is_lineage(s, at->text))) ||
        (wanted & WANT_PARAMS && strcmp(at->text, "params") == 0) ||
        (wanted & WANT_METRIC && is_metric(s, at->text)) ||
        (wanted & WANT_MEASURE && sweep_is_measure(s, at->text)))
        return;
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
                   SWEEP_MAX_FIGURES, sweep_figure_read);
    sweep_each_map(r, sweep_child(r, node, "report", "tables", YAML_LIST), "report.tables",
                   SWEEP_MAX_TABLES, read_table);
    sweep_each_map(r, sweep_child(r, node, "report", "compare", YAML_LIST), "report.compare",
                   SWEEP_MAX_COMPARE, read_compare);
}
