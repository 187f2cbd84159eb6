/* sweep_figure.c - the figures of the block `report:`. A type's row says which keys it wants.
 *
 * To add an option of a figure: a member of struct figure_spec and a row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/figure.h"
#include "coord/label.h"
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
    {{"figure.x", "setting on the x axis, or a metric; step: all records of one", NULL},
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
    {{"figure.value",
      "measure of alignment shown by a figure of pairs: matrix, map, bins, trend; of "
      "neighbours without its @k",
      NULL},
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
    {{"figure.bins", "bins of a histogram, or of networks", NULL},
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
    {{"figure.method", "how a map is laid out", NULL},
     FIELD_NAME,
     AT(method),
     .fallback = "smacof",
     .names = &figure_layouts},
    {{"figure.by", "metric whose bins networks are in, or by which one is the best", NULL},
     FIELD_TEXT,
     AT(by),
     .fallback = ""},
    {{"figure.onto", "measure onto whose layout a map is turned, mirrored and scaled", NULL},
     FIELD_TEXT,
     AT(onto),
     .fallback = ""},
    {{"figure.to", "what networks of a trend are aligned with", NULL},
     FIELD_NAME,
     AT(to),
     .fallback = "all",
     .names = &figure_targets},
};
const struct table sweep_figure_settings = TABLE("figure setting", figure_rows);
#undef AT

/* The keys that the row of a figure's type names must be there. */
static void need_keys(struct sweep_reader *r, const struct yaml_node *map,
                      const struct row *type)
{
    const char *needs = ((const struct figure_type *)type)->needs;
    for (size_t length; *needs; needs += length + strspn(needs + length, " ")) {
        char key[TASK_NAME];
        length = strcspn(needs, " ");
        snprintf(key, sizeof key, "%.*s", (int)length, needs);
        if (!yaml_get(map, key))
            yaml_problem(r->file, map->mark, NULL, "%s: %s is missing", type->name, key);
    }
}

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
    check_array(r, map, table_row(&figure_types, f->type)->name);
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
            sweep_check_name(r, y->child[i], n > 1 ? WANT_METRIC : WANT_METRIC | WANT_MEASURE);
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
        sweep_check_name(r, &one, n > 1 ? WANT_METRIC : WANT_METRIC | WANT_MEASURE);
    }
}

/* order: a list of settings, or the word cluster, with or without brackets. */
static void read_order(struct sweep_reader *r, const struct yaml_node *order,
                       struct figure_spec *f)
{
    static const char where[] = "report.figures.order";
    if (!order) return;
    if (order->kind == YAML_SCALAR && strcmp(order->text, FIGURE_CLUSTER) == 0) {
        f->n_order = 1;
        snprintf(f->order[0], sizeof f->order[0], "%s", order->text);
        return;
    }
    if (order->kind != YAML_LIST) {
        yaml_problem(r->file, order->mark, "[model.width], or cluster",
                     "%s: want a list of settings, or cluster", where);
        return;
    }
    f->n_order = sweep_names(r, order, where, f->order, SWEEP_MAX_ORDER);
    for (int i = 0; i < order->count && !figure_is_cluster(f); i++)
        sweep_check_name(r, order->child[i], WANT_SETTING);
}

/* measures: what is compared, two at least. */
static void read_measures(struct sweep_reader *r, const struct yaml_node *list,
                          struct figure_spec *f)
{
    static const char where[] = "report.figures.measures";
    if (!list) return;
    f->n_measures = sweep_names(r, list, where, f->measure, SWEEP_MAX_MEASURES);
    for (int i = 0; i < list->count; i++) sweep_check_name(r, list->child[i], WANT_MEASURE);
    if (list->count < 2)
        yaml_problem(r->file, list->mark, "leave it out for all of them",
                     "%s: want two measures at least", where);
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
    if (sweep_is_measure(r->sweep, f->y))
        yaml_problem(r->file, y->mark, "take a metric",
                     "y: an alignment is of pairs of networks, a scatter has a point for each");
    if (figure_names(f->y, name) > 1)
        yaml_problem(r->file, y->mark, "make a figure for each",
                     "y: a scatter shows a single metric");
}

/* Of a trend x is a number, and who is best must be said. */
static void check_trend(struct sweep_reader *r, const struct yaml_node *map,
                        const struct figure_spec *f)
{
    const struct yaml_node *x = yaml_get(map, "x"), *by = yaml_get(map, "by");
    const struct yaml_node *to = yaml_get(map, "to");
    const struct field *field = field_find(r->sweep->experiment->fields, f->x, NULL);
    sweep_check_name(r, x, WANT_SIZE);
    if (field && field->type != FIELD_INT && field->type != FIELD_FLOAT)
        yaml_problem(r->file, x->mark, "take a setting that has numbers, or a metric",
                     "x: %s has names for values", f->x);
    if (f->to == FIGURE_TO_BEST && !by)
        yaml_problem(r->file, to->mark, "add by: and a metric",
                     "to: best by which metric is not said");
    if (f->to == FIGURE_TO_BEST && by && !label_better(f->by))
        yaml_problem(r->file, by->mark, NULL,
                     "by: of %s neither large nor small values are "
                     "better",
                     f->by);
}

/* The measure without its @k, which stands with some k in the analysis. */
static void check_neighbours(struct sweep_reader *r, const struct yaml_node *value)
{
    const struct analysis_spec *analysis = &r->sweep->analysis;
    if (!value || value->kind != YAML_SCALAR) return;
    size_t length = strlen(value->text);
    for (int i = 0; i < analysis->n_measures; i++)
        if (strncmp(analysis->measure[i], value->text, length) == 0 &&
            analysis->measure[i][length] == '@')
            return;
    yaml_problem(r->file, value->mark, "write mutual_knn for mutual_knn@5, mutual_knn@10, ...",
                 "value: no measure '%s@k' in analysis.alignment", value->text);
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
    if (f->type == table_find(&figure_types, "trend")) {
        check_trend(r, map, f);
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
    if (sweep_is_measure(r->sweep, f->y))
        yaml_problem(r->file, yaml_get(map, "y")->mark, "take a metric",
                     "y: an alignment is of finished networks, x: step wants a metric");
}

void sweep_figure_read(struct sweep_reader *r, const struct yaml_node *map)
{
    struct sweep *s = r->sweep;
    struct figure_spec *f = &s->report.figure[s->report.n_figures];
    field_defaults(&sweep_figure_settings, f);
    field_read_section(&sweep_figure_settings, "figure", "order measures y", r->file, map, f,
                       NULL);
    read_y(r, yaml_get(map, "y"), f);
    if (f->log[0] && strcmp(f->log, "x") && strcmp(f->log, "y") && strcmp(f->log, "xy"))
        yaml_problem(r->file, yaml_get(map, "log")->mark, "write x, y or xy",
                     "log: unknown axes '%s'", f->log);
    read_order(r, yaml_get(map, "order"), f);
    read_measures(r, sweep_child(r, map, "report.figures", "measures", YAML_LIST), f);
    check_x(r, map, f);
    sweep_check_name(r, yaml_get(map, "hue"), WANT_SETTING);
    sweep_check_name(r, yaml_get(map, "panel"), WANT_SETTING);
    if (f->type == table_find(&figure_types, "neighbours"))
        check_neighbours(r, yaml_get(map, "value"));
    else
        sweep_check_name(r, yaml_get(map, "value"), WANT_MEASURE);
    sweep_check_name(r, yaml_get(map, "onto"), WANT_MEASURE);
    sweep_check_name(r, yaml_get(map, "by"), WANT_METRIC);
    sweep_check_filter(r, map);
    const struct yaml_node *type = yaml_get(map, "type");
    if (type && type->kind == YAML_SCALAR && table_find(&figure_types, type->text) >= 0)
        need_keys(r, map, table_row(&figure_types, f->type));
    check_arrays(r, map, f);
    s->report.n_figures++;
}
