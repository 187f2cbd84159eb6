/* sweep_schema.c - a JSON schema of the sweep file, for editors that complete and check while
 * typing. Scalars come from the field rows; only lists and what is a choice of forms is spelt
 * out here. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure.h"
#include "coord/report.h"
#include "coord/sweep.h"
#include "linalg/alignment.h"

/* A schema object with properties and nothing else. */
static json_t *block(const char *help)
{
    return json_pack("{s:s, s:s, s:{}, s:b}", "type", "object", "description", help,
                     "properties", "additionalProperties", 0);
}

/* Adds a schema at a dotted path below root, blocks made on the way. Takes schema. */
static void put(json_t *root, const char *path, json_t *schema)
{
    const char *dot;
    for (; (dot = strchr(path, '.')); path = dot + 1) {
        char part[TASK_NAME];
        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        json_t *properties = json_object_get(root, "properties");
        if (!json_object_get(properties, part))
            json_object_set_new(properties, part, block(part));
        root = json_object_get(properties, part);
    }
    json_object_set_new(json_object_get(root, "properties"), path, schema);
}

static json_t *names_schema(const struct table *names)
{
    json_t *list = json_array();
    for (int i = 0; i < names->count; i++)
        json_array_append_new(list, json_string(table_row(names, i)->name));
    return json_pack("{s:o}", "enum", list);
}

static void add_range(const struct field *f, json_t *out)
{
    if (f->min == 0 && f->max == 0) return;
    bool whole = f->type == FIELD_INT;
    const char *min = f->flags & FIELD_OPEN_MIN ? "exclusiveMinimum" : "minimum";
    const char *max = f->flags & FIELD_OPEN_MAX ? "exclusiveMaximum" : "maximum";
    json_object_set_new(out, min, whole ? json_integer((int64_t)f->min) : json_real(f->min));
    if (isinf(f->max)) return;
    json_object_set_new(out, max, whole ? json_integer((int64_t)f->max) : json_real(f->max));
}

/* The default as the JSON value it is. */
static json_t *default_value(const struct field *f)
{
    struct yaml_node node = {.kind = YAML_SCALAR, .text = f->fallback};
    int64_t whole;
    double number;
    if (f->type == FIELD_BOOL) return json_boolean(strcmp(f->fallback, "true") == 0);
    if (f->type == FIELD_INT && yaml_integer(&node, &whole)) return json_integer(whole);
    if (f->type == FIELD_FLOAT && yaml_number(&node, &number)) return json_real(number);
    return json_string(f->fallback);
}

static json_t *field_schema(const struct field *f)
{
    static const char *const types[] = {"integer", "number", "boolean", NULL, "string"};
    json_t *out = f->type == FIELD_NAME ? names_schema(f->names)
                                        : json_pack("{s:s}", "type", types[f->type]);
    add_range(f, out);
    if (f->type == FIELD_TEXT) json_object_set_new(out, "maxLength", json_integer(f->size - 1));
    if (f->word) out = json_pack("{s:[o, {s:s}]}", "anyOf", out, "const", f->word);
    char help[512];
    snprintf(help, sizeof help, "%s%s%s%s%s%s%s", f->row.help, f->unit ? ", in " : "",
             f->unit ? f->unit : "", f->only_key ? "; only for " : "",
             f->only_key ? f->only_key : "", f->only_key ? ": " : "",
             f->only_key ? f->only_names : "");
    json_object_set_new(out, "description", json_string(help));
    if (f->fallback && !(f->flags & FIELD_REQUIRED))
        json_object_set_new(out, "default", default_value(f));
    return out;
}

static json_t *list_of(json_t *items, const char *help)
{
    return json_pack("{s:s, s:s, s:o}", "type", "array", "description", help, "items", items);
}

static json_t *text_schema(const char *help)
{
    return json_pack("{s:s, s:s}", "type", "string", "description", help);
}

/* The rows of one table as the properties of a block of its own, without "figure.". */
static json_t *item_schema(const struct table *fields, const char *help)
{
    json_t *out = block(help), *required = json_array();
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        const char *key = strchr(f->row.name, '.') + 1;
        put(out, key, field_schema(f));
        if (f->flags & FIELD_REQUIRED) json_array_append_new(required, json_string(key));
    }
    json_object_set_new(out, "required", required);
    return out;
}

/* ---- the block sweep ---- */

static json_t *range_schema(void)
{
    json_t *out = block("a range of numbers");
    for (int i = 0; i < sweep_ranges.count; i++) {
        const struct row *row = table_row(&sweep_ranges, i);
        json_t *list = list_of(json_pack("{s:s}", "type", "number"), row->help);
        json_object_set_new(list, "minItems", json_integer(2));
        json_object_set_new(list, "maxItems", json_integer(3));
        put(out, row->name, list);
    }
    json_object_set_new(out, "minProperties", json_integer(1));
    json_object_set_new(out, "maxProperties", json_integer(1));
    return out;
}

/* Maps of settings that may vary: to lists (axes, zip), or to single values (set). */
static void add_varying(json_t *axes, json_t *set, const struct table *fields)
{
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        if (!(f->flags & FIELD_IDENTITY)) continue;
        json_t *values = list_of(field_schema(f), f->row.help);
        json_object_set_new(values, "minItems", json_integer(1));
        bool numbers = f->type == FIELD_INT || f->type == FIELD_FLOAT;
        if (numbers)
            values = json_pack("{s:[o, {s:s}]}", "anyOf", values, "$ref", "#/$defs/range");
        json_object_set_new(json_object_get(axes, "properties"), f->row.name, values);
        json_object_set_new(json_object_get(set, "properties"), f->row.name, field_schema(f));
    }
}

static json_t *ref(const char *name)
{
    char path[TASK_NAME];
    snprintf(path, sizeof path, "#/$defs/%s", name);
    return json_pack("{s:s}", "$ref", path);
}

static void add_sweep(json_t *root)
{
    json_t *when = block("where the condition holds, further axes and fixed settings");
    put(when, "if", text_schema("a condition: optim.name == sgd and model.width >= 64"));
    put(when, "axes", ref("axes"));
    put(when, "set", ref("set"));
    json_object_set_new(when, "required", json_pack("[s]", "if"));
    put(root, "sweep.axes", ref("axes"));
    put(root, "sweep.zip", list_of(ref("axes"), "settings that take their values together"));
    put(root, "sweep.when", list_of(when, "axes of some configurations only"));
    put(root, "sweep.exclude",
        list_of(text_schema("a condition"), "configurations that are left out"));
}

/* ---- stages ---- */

/* The sections of settings as they stand at the top: data, model, optim. */
static void add_sections(json_t *to)
{
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const struct experiment *)table_row(&experiments, i);
        for (int k = 0; k < x->fields->count; k++) {
            char section[TASK_NAME], path[2 * TASK_NAME];
            const char *name = table_row(x->fields, k)->name;
            snprintf(section, sizeof section, "%.*s", (int)strcspn(name, "."), name);
            snprintf(path, sizeof path, "#/properties/%s", section);
            put(to, section, json_pack("{s:s}", "$ref", path));
        }
    }
}

/* PATH, or a block, or a list of these. */
static json_t *file_schema(void)
{
    json_t *file = block("a network in a safetensors file");
    put(file, "path", text_schema("of the file, from the folder of the sweep file"));
    put(file, "as", names_schema(&roles));
    add_sections(file);
    json_object_set_new(file, "required", json_pack("[s]", "path"));
    json_t *one = json_pack("{s:[o, o]}", "anyOf", text_schema("its path"), file);
    json_t *list = list_of(json_deep_copy(one), "several");
    return json_pack("{s:[o, o]}", "anyOf", one, list);
}

static void add_stages(json_t *root)
{
    json_t *stage = block("settings over those of the file, and what they need");
    add_sections(stage);
    put(stage, "sweep", json_pack("{s:s}", "$ref", "#/properties/sweep"));
    put(stage, "from.best.stage", text_schema("of which the best configuration is looked for"));
    put(stage, "from.best.by", text_schema("a metric, at the last record"));
    put(stage, "from.best.take", list_of(text_schema("a setting"), "what is taken from it"));
    put(stage, "from.best.per",
        list_of(text_schema("a setting"), "in which the two must agree as well"));
    put(stage, "from.file", file_schema());
    json_t *from = json_object_get(json_object_get(stage, "properties"), "from");
    json_object_set_new(from, "description",
                        json_string("networks of other stages, each in a role"));
    json_object_set_new(from, "additionalProperties", names_schema(&roles));
    json_t *stages =
        json_pack("{s:s, s:s, s:o, s:i}", "type", "object", "description",
                  "trials that need trials", "additionalProperties", stage, "minProperties", 1);
    json_object_set_new(json_object_get(root, "properties"), "stages", stages);
    json_object_set_new(
        root, "anyOf",
        json_pack("[{s:[s]}, {s:[s]}]", "required", "data", "required", "stages"));
}

/* optim.loss: a name, or {NAME: STAGE}. */
static void add_teacher(json_t *root)
{
    json_t *optim = json_object_get(json_object_get(root, "properties"), "optim");
    json_t *loss = json_object_get(json_object_get(optim, "properties"), "loss");
    json_t *map =
        json_pack("{s:s, s:i, s:i, s:o}", "type", "object", "minProperties", 1, "maxProperties",
                  1, "additionalProperties", text_schema("the stage that teaches"));
    json_t *help = json_incref(json_object_get(loss, "description"));
    json_t *both =
        json_pack("{s:[o, o], s:o}", "anyOf", json_incref(loss), map, "description", help);
    put(root, "optim.loss", both);
}

/* ---- the other blocks ---- */

static void add_arrays(json_t *root)
{
    json_t *names = json_array();
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const struct experiment *)table_row(&experiments, i);
        for (int k = 0; x->arrays && k < x->arrays->count; k++)
            json_array_append_new(names, json_string(table_row(x->arrays, k)->name));
    }
    json_t *list = list_of(json_pack("{s:o}", "enum", names),
                           "what a trial leaves at its end; default: nothing");
    json_object_set_new(list, "maxItems", json_integer(TASK_MAX_ARRAYS));
    put(root, "record.arrays", list);
}

static void add_record(json_t *root)
{
    json_t *metrics = json_array();
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const struct experiment *)table_row(&experiments, i);
        for (int k = i ? x->metrics->n_first : 0; k < x->metrics->count; k++)
            json_array_append_new(metrics, json_string(table_row(x->metrics, k)->name));
    }
    put(root, "record.metrics",
        list_of(json_pack("{s:o}", "enum", metrics),
                "what is measured; default: what costs little"));
    add_arrays(root);
    json_t *every = block("when metrics are recorded");
    for (int i = 0; i < sweep_grids.count; i++) {
        const struct row *row = table_row(&sweep_grids, i);
        json_t *grid = i == GRID_LAST
                           ? json_pack("{s:b}", "const", 1)
                           : json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1,
                                       "maximum", TASK_MAX_RECORDS - 1);
        json_object_set_new(grid, "description", json_string(row->help));
        put(every, row->name, grid);
    }
    json_object_set_new(every, "minProperties", json_integer(1));
    json_object_set_new(every, "maxProperties", json_integer(1));
    put(root, "record.every", every);
    put(root, "record.representations.layers",
        list_of(text_schema("input, hidden.1, hidden.last, logits"), "recorded layers"));
    json_t *at =
        json_pack("{s:[{s:[s,s]}, {s:s, s:i}, {s:s, s:i, s:s}]}", "anyOf", "enum", "init",
                  "final", "type", "integer", "minimum", 1, "type", "object", "maxProperties",
                  1, "description", "METRIC: {above or below: LEVEL}");
    put(root, "record.representations.at", list_of(at, "moments; default: final"));
    json_t *set =
        json_pack("{s:s, s:{s:{s:[s,s]}, s:{s:s, s:i}, s:{s:s}}, s:b}", "type", "object",
                  "properties", "split", "enum", "train", "test", "n", "type", "integer",
                  "minimum", 1, "data", "type", "object", "additionalProperties", 0);
    json_t *probe = root;
    static const char *const path[] = {"record", "representations", "probe"};
    for (int i = 0; i < 3; i++)
        probe = json_object_get(json_object_get(probe, "properties"), path[i]);
    json_object_set_new(probe, "patternProperties", /* several, by their names */
                        json_pack("{s:o}", "^(?!split$|n$|data$)", set));
}

static void add_rest(json_t *root)
{
    put(root, "run.max_failures",
        json_pack("{s:[{s:s, s:i}, {s:s, s:s}], s:s}", "anyOf", "type", "integer", "minimum", 0,
                  "type", "string", "pattern", "^[0-9.]+%$", "description",
                  "stop handing out after so many failed trials: 5 or 5%"));
    put(root, "analysis.alignment.measures",
        list_of(text_schema("cka, cka_unbiased, mutual_knn@10"), "measures of all pairs"));
    json_t *scaling =
        item_schema(&sweep_scaling_settings, "a fit of a law to means over seeds");
    json_t *x = json_incref(json_object_get(json_object_get(scaling, "properties"), "x"));
    put(scaling, "x",
        json_pack("{s:[o, o]}", "anyOf", x, list_of(text_schema("a size"), "one or two")));
    put(root, "analysis.scaling", list_of(scaling, "scaling laws"));
    json_t *figure = item_schema(&sweep_figure_settings, "a figure");
    put(figure, "order",
        json_pack("{s:[o, {s:s}]}", "anyOf",
                  list_of(text_schema("a setting"), "settings by which a matrix is sorted"),
                  "const", FIGURE_CLUSTER));
    put(figure, "measures",
        list_of(text_schema("a measure of alignment"), "what an agreement compares"));
    json_t *one = json_incref(json_object_get(json_object_get(figure, "properties"), "y"));
    put(figure, "y",
        json_pack("{s:[o, o]}", "anyOf", one, list_of(text_schema("a metric"), "several")));
    json_t *table = item_schema(&sweep_table_settings, "a table");
    put(table, "best",
        json_pack("{s:[s,s], s:s}", "enum", "none", "bold", "description",
                  "bold where intervals separate"));
    put(root, "report.figures",
        list_of(figure, "default: every metric against the first axis"));
    put(root, "report.tables", list_of(table, "tables"));
    put(root, "report.compare",
        list_of(item_schema(&sweep_compare_settings, "a number of a paper"),
                "numbers of a paper beside those of this sweep"));
}

char *sweep_schema(void)
{
    json_t *root = block("a sweep of shoal");
    json_t *axes = block("settings and their values"), *set = block("settings");
    json_object_set_new(root, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_string("shoal sweep"));
    json_object_set_new(root, "required", json_pack("[s]", "name"));
    for (int i = 0; i < sweep_settings.count; i++) {
        const struct field *f = (const struct field *)table_row(&sweep_settings, i);
        put(root, f->row.name, field_schema(f));
    }
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const struct experiment *)table_row(&experiments, i);
        for (int k = 0; k < x->fields->count; k++) {
            const struct field *f = (const struct field *)table_row(x->fields, k);
            put(root, f->row.name, field_schema(f));
        }
        add_varying(axes, set, x->fields);
    }
    add_sweep(root);
    add_teacher(root);
    add_stages(root);
    add_record(root);
    add_rest(root);
    json_object_set_new(
        root, "$defs",
        json_pack("{s:o, s:o, s:o}", "range", range_schema(), "axes", axes, "set", set));
    char *text = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    return text;
}
