/* sweep_axes.c - the `sweep:` block: axes, zip, when, exclude.
 *
 * Owns how values are written: a list, or a range that is a row of sweep_ranges. To add a kind
 * of range: a function and a row. Every value, listed or generated, goes through the field's
 * own row, so that an axis accepts exactly what the base accepts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/sweep_reader.h"

enum { MAX_VALUES = 1000000 };

/* The numbers that a range stands for, in the arena. NULL after a problem. */
struct range {
    struct row row;
    int min_args, max_args;
    double *(*make)(struct sweep_reader *r, const struct yaml_node *args, const double *arg,
                    int64_t *count);
};

/* Twelve digits: what a person would write, and the same on every C library, whose pow and
 * log10 may differ in the last bit. A value is part of a trial's identity. */
static double tidy(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.12g", x);
    return strtod(text, NULL);
}

static double *numbers(struct sweep_reader *r, const struct yaml_node *at, int64_t count)
{
    double *x = arena_array(&r->sweep->arena, (size_t)count, sizeof *x);
    if (!x) yaml_problem(r->file, at->mark, NULL, "no memory for so many values");
    return x;
}

/* [from, to] in powers of two. */
static double *range_log2(struct sweep_reader *r, const struct yaml_node *args,
                          const double *arg, int64_t *count)
{
    int exponent[2];
    for (int i = 0; i < 2; i++) {
        if (arg[i] > 0 && frexp(arg[i], &exponent[i]) == 0.5) continue;
        yaml_problem(r->file, args->child[i]->mark, NULL, "log2 wants a power of two, got %s",
                     args->child[i]->text);
        return NULL;
    }
    *count = exponent[1] - exponent[0] + 1;
    double *x = numbers(r, args, *count);
    for (int64_t i = 0; x && i < *count; i++) x[i] = ldexp(arg[0], (int)i);
    return x;
}

/* Third argument: how many values. */
static bool wanted_count(struct sweep_reader *r, const struct yaml_node *args, int64_t *count)
{
    const struct yaml_node *at = args->child[2];
    if (yaml_integer(at, count) && *count >= 2 && *count <= MAX_VALUES) return true;
    yaml_problem(r->file, at->mark, NULL, "the number of values is a whole number from 2 to %d",
                 MAX_VALUES);
    return false;
}

static double *range_linear(struct sweep_reader *r, const struct yaml_node *args,
                            const double *arg, int64_t *count)
{
    if (!wanted_count(r, args, count)) return NULL;
    double *x = numbers(r, args, *count), last = (double)(*count - 1);
    for (int64_t i = 0; x && i < *count; i++)
        x[i] = tidy(arg[0] + (arg[1] - arg[0]) * ((double)i / last));
    return x;
}

/* [from, to]: one value a decade; [from, to, n]: n values at equal ratios. */
static double *range_log10(struct sweep_reader *r, const struct yaml_node *args,
                           const double *arg, int64_t *count)
{
    if (arg[0] <= 0) {
        yaml_problem(r->file, args->child[0]->mark, NULL, "log10 wants positive numbers");
        return NULL;
    }
    double decades = log10(arg[1] / arg[0]);
    if (args->count == 3) {
        if (!wanted_count(r, args, count)) return NULL;
    } else {
        *count = llround(decades) + 1;
        if (fabs(decades - round(decades)) > 1e-9) {
            yaml_problem(r->file, args->mark, "write log10: [from, to, number of values]",
                         "%s and %s are not whole decades apart", args->child[0]->text,
                         args->child[1]->text);
            return NULL;
        }
    }
    double *x = numbers(r, args, *count), last = (double)(*count - 1);
    for (int64_t i = 0; x && i < *count; i++)
        x[i] = tidy(arg[0] * pow(10, *count > 1 ? decades * ((double)i / last) : 0));
    return x;
}

static const struct range ranges[] = {
    {{"log2", "[from, to]: the powers of two from one to the other", NULL}, 2, 2, range_log2},
    {{"log10", "[from, to]: one value a decade; [from, to, n]: n values at equal ratios", NULL},
     2,
     3,
     range_log10},
    {{"linear", "[from, to, n]: n values at equal distances", NULL}, 3, 3, range_linear},
};
const struct table sweep_ranges = TABLE("range", ranges);

/* {log2: [8, 32]}: its numbers, or NULL after a problem. */
static double *range_read(struct sweep_reader *r, const struct yaml_node *node, int64_t *count)
{
    if (node->count != 1) {
        yaml_problem(r->file, node->mark, "write one of log2, log10, linear",
                     "expected a list of values or one range, got %d keys", node->count);
        return NULL;
    }
    int kind = table_find(&sweep_ranges, node->key[0]);
    if (kind < 0) {
        char hint[96] = "known: log2, log10, linear";
        const char *near = table_nearest(&sweep_ranges, node->key[0]);
        if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        yaml_problem(r->file, node->key_mark[0], hint, "unknown range '%s'", node->key[0]);
        return NULL;
    }
    const struct range *range = &ranges[kind];
    const struct yaml_node *args = node->child[0];
    if (args->kind != YAML_LIST || args->count < range->min_args ||
        args->count > range->max_args) {
        yaml_problem(r->file, args->mark, NULL, "%s wants %s", range->row.name,
                     range->row.help);
        return NULL;
    }
    double arg[3] = {0};
    for (int i = 0; i < args->count; i++) {
        if (yaml_number(args->child[i], &arg[i]) && isfinite(arg[i])) continue;
        yaml_problem(r->file, args->child[i]->mark, NULL, "%s wants numbers", range->row.name);
        return NULL;
    }
    if (arg[1] < arg[0]) {
        yaml_problem(r->file, args->mark, NULL, "%s runs from the smaller to the larger value",
                     range->row.name);
        return NULL;
    }
    return range->make(r, args, arg, count);
}

/* ---- values of one field ---- */

size_t sweep_axis_size(const struct axis *a)
{
    size_t size = 0;
    for (int i = 0; i < a->n_fields; i++) size += field_size(a->field[i]);
    return size;
}

void sweep_axis_apply(const struct axis *a, int64_t i, struct config *c)
{
    const unsigned char *from = a->value + (size_t)i * sweep_axis_size(a);
    for (int k = 0; k < a->n_fields; k++) {
        size_t bytes = field_size(a->field[k]);
        memcpy((char *)c + a->field[k]->offset, from, bytes);
        from += bytes;
    }
}

/* Values of one field, one behind the other. count 0 after a problem. */
struct values {
    int64_t count;
    unsigned char *at;
};

static enum err_code values_reserve(struct sweep_reader *r, const struct field *f,
                                    int64_t count, struct values *out, struct err *e)
{
    out->at = arena_array(&r->sweep->arena, (size_t)count, field_size(f));
    return out->at ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the values of %s", f->row.name);
}

static enum err_code values_from_list(struct sweep_reader *r, const struct field *f,
                                      const struct yaml_node *list, struct values *out,
                                      struct err *e)
{
    if (list->count == 0) {
        yaml_problem(r->file, list->mark, NULL, "%s has no values", f->row.name);
        return ERR_OK;
    }
    TRY(values_reserve(r, f, list->count, out, e));
    size_t bytes = field_size(f);
    bool all_good = true;
    for (int i = 0; i < list->count; i++) {
        struct config scratch;
        memset(&scratch, 0, sizeof scratch);
        if (!field_read(f, r->file, list->child[i], &scratch)) all_good = false;
        memcpy(out->at + (size_t)i * bytes, (char *)&scratch + f->offset, bytes);
    }
    out->count = all_good ? list->count : 0;
    return ERR_OK;
}

static enum err_code values_from_range(struct sweep_reader *r, const struct field *f,
                                       const struct yaml_node *node, struct values *out,
                                       struct err *e)
{
    if (f->type != FIELD_INT && f->type != FIELD_FLOAT) {
        yaml_problem(r->file, node->mark, "write a list: [a, b, c]",
                     "%s takes no range of numbers", f->row.name);
        return ERR_OK;
    }
    int64_t count = 0;
    const double *number = range_read(r, node, &count);
    if (!number) return ERR_OK;
    TRY(values_reserve(r, f, count, out, e));
    size_t bytes = field_size(f);
    for (int64_t i = 0; i < count; i++) {
        char text[32];
        struct config scratch;
        struct err wrong;
        memset(&scratch, 0, sizeof scratch);
        if (field_set(f, text_double(number[i], text), &scratch, &wrong) != ERR_OK) {
            yaml_problem(r->file, node->child[0]->mark, NULL, "%s", wrong.text);
            return ERR_OK;
        }
        memcpy(out->at + (size_t)i * bytes, (char *)&scratch + f->offset, bytes);
    }
    out->count = count;
    return ERR_OK;
}

static enum err_code values_read(struct sweep_reader *r, const struct field *f,
                                 const struct yaml_node *node, struct values *out,
                                 struct err *e)
{
    *out = (struct values){0};
    if (node->kind == YAML_LIST) return values_from_list(r, f, node, out, e);
    if (node->kind == YAML_MAP) return values_from_range(r, f, node, out, e);
    yaml_problem(r->file, node->mark, "write a list, [a, b], or a range, {log2: [a, b]}",
                 "%s: expected values to sweep over", f->row.name);
    return ERR_OK;
}

/* ---- axes ---- */

static const struct axis *axis_with(const struct axis *axis, int n, const struct field *f)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < axis[i].n_fields; k++)
            if (axis[i].field[k] == f) return &axis[i];
    return NULL;
}

/* The field that key number i of map names, if it may vary there; NULL after a problem. */
static const struct field *axis_field(struct sweep_reader *r, const struct yaml_node *map,
                                      int i, const char *where, const struct axis *own,
                                      int n_own)
{
    const char *key = map->key[i];
    const struct field *f = field_find(r->fields, key, NULL);
    if (!f) {
        char hint[128];
        const char *near = sweep_nearest_setting(r->fields, key);
        if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        yaml_problem(r->file, map->key_mark[i], near ? hint : NULL, "unknown key '%s' in %s",
                     key, where);
        return NULL;
    }
    if (!(f->flags & FIELD_IDENTITY)) {
        yaml_problem(r->file, map->key_mark[i], NULL,
                     "%s cannot vary: it is not part of what makes a configuration", key);
        return NULL;
    }
    const struct axis *taken = axis_with(r->stage->axis, r->stage->n_axes, f);
    if (!taken) taken = axis_with(own, n_own, f);
    if (taken) {
        char place[32];
        yaml_problem(r->file, map->key_mark[i], NULL, "%s varies already, %s", key,
                     sweep_place(taken->mark, place));
        return NULL;
    }
    return f;
}

/* Fields with their values side by side become one axis. */
static enum err_code axis_make(struct sweep_reader *r, int n, const struct field **field,
                               const struct values *values, struct yaml_mark mark,
                               struct axis *out, struct err *e)
{
    *out = (struct axis){.n_fields = n, .count = values[0].count, .mark = mark};
    out->field = arena_array(&r->sweep->arena, (size_t)n, sizeof(struct field *));
    if (!out->field) return ERR(e, ERR_NOMEM, "no memory for an axis");
    memcpy(out->field, field, (size_t)n * sizeof *field);
    size_t size = sweep_axis_size(out);
    out->value = arena_array(&r->sweep->arena, (size_t)out->count, size);
    if (!out->value) return ERR(e, ERR_NOMEM, "no memory for an axis");
    size_t behind = 0;
    for (int k = 0; k < n; k++) {
        size_t bytes = field_size(field[k]);
        for (int64_t i = 0; i < out->count; i++)
            memcpy(out->value + (size_t)i * size + behind, values[k].at + (size_t)i * bytes,
                   bytes);
        behind += bytes;
    }
    return ERR_OK;
}

/* Each key of map becomes an axis behind the n that are there. single: values are scalars, an
 * axis of one value. */
static enum err_code axes_from_map(struct sweep_reader *r, const struct yaml_node *map,
                                   const char *where, bool single, struct axis *axis, int *n,
                                   struct err *e)
{
    for (int i = 0; map && i < map->count; i++) {
        const struct field *f = axis_field(r, map, i, where, axis, *n);
        struct values values = {0};
        struct yaml_node list = {.kind = YAML_LIST, .count = 1, .child = &map->child[i]};
        if (!f) continue;
        TRY(values_read(r, f, single ? &list : map->child[i], &values, e));
        if (values.count == 0) continue;
        TRY(axis_make(r, 1, &f, &values, map->key_mark[i], &axis[*n], e));
        ++*n;
    }
    return ERR_OK;
}

/* One entry of zip: lists of equal length that go together. */
static enum err_code zip_read(struct sweep_reader *r, const struct yaml_node *map,
                              struct err *e)
{
    struct stage *s = r->stage;
    struct arena *arena = &r->sweep->arena;
    if (map->kind != YAML_MAP || map->count == 0) {
        yaml_problem(r->file, map->mark, "write {key: [a, b], other.key: [c, d]}",
                     "sweep.zip: expected a map of lists");
        return ERR_OK;
    }
    const struct field **field = arena_array(arena, (size_t)map->count, sizeof *field);
    struct values *values = arena_array(arena, (size_t)map->count, sizeof *values);
    if (!field || !values) return ERR(e, ERR_NOMEM, "no memory for a zip");
    bool all_good = true;
    for (int i = 0; i < map->count; i++) {
        field[i] = axis_field(r, map, i, "sweep.zip", NULL, 0);
        if (field[i]) TRY(values_read(r, field[i], map->child[i], &values[i], e));
        all_good = all_good && values[i].count > 0;
    }
    for (int i = 1; i < map->count && all_good; i++) {
        if (values[i].count == values[0].count) continue;
        yaml_problem(r->file, map->child[i]->mark, NULL,
                     "zip wants lists of equal length: %s has %lld values, %s has %lld",
                     map->key[0], (long long)values[0].count, map->key[i],
                     (long long)values[i].count);
        all_good = false;
    }
    if (!all_good) return ERR_OK;
    TRY(axis_make(r, map->count, field, values, map->key_mark[0], &s->axis[s->n_axes], e));
    s->n_axes++;
    return ERR_OK;
}

/* ---- when, exclude ---- */

static enum err_code when_read(struct sweep_reader *r, const struct yaml_node *map,
                               struct err *e)
{
    struct stage *s = r->stage;
    struct arena *arena = &r->sweep->arena;
    if (map->kind != YAML_MAP) {
        yaml_problem(r->file, map->mark, "write {if: condition, axes: {...}}",
                     "sweep.when: expected a map");
        return ERR_OK;
    }
    sweep_known_keys(r, map, "sweep.when", "if axes set");
    const struct yaml_node *condition = sweep_child(r, map, "sweep.when", "if", YAML_SCALAR);
    const struct yaml_node *axes = sweep_child(r, map, "sweep.when", "axes", YAML_MAP);
    const struct yaml_node *set = sweep_child(r, map, "sweep.when", "set", YAML_MAP);
    if (!yaml_get(map, "if"))
        yaml_problem(r->file, map->mark, NULL, "sweep.when: the condition `if` is missing");
    if (!yaml_get(map, "axes") && !yaml_get(map, "set"))
        yaml_problem(r->file, map->mark, NULL, "sweep.when: give axes or set (or both)");
    if (!condition) return ERR_OK;
    struct when *w = &s->when[s->n_when];
    *w = (struct when){.condition = sweep_condition(r, condition, NULL, NULL),
                       .text = condition->text};
    size_t most = (size_t)((axes ? axes->count : 0) + (set ? set->count : 0));
    w->axis = arena_array(arena, most + 1, sizeof *w->axis);
    if (!w->axis) return ERR(e, ERR_NOMEM, "no memory for a when");
    TRY(axes_from_map(r, axes, "sweep.when.axes", false, w->axis, &w->n_axes, e));
    TRY(axes_from_map(r, set, "sweep.when.set", true, w->axis, &w->n_axes, e));
    s->n_when++;
    return ERR_OK;
}

static void exclude_read(struct sweep_reader *r, const struct yaml_node *list)
{
    struct stage *s = r->stage;
    for (int i = 0; list && i < list->count; i++) {
        struct expr *x = sweep_condition(r, list->child[i], NULL, NULL);
        if (!x) continue;
        s->exclude_text[s->n_exclude] = list->child[i]->text;
        s->exclude[s->n_exclude++] = x;
    }
}

static int count_of(const struct yaml_node *node)
{
    return node ? node->count : 0;
}

enum err_code sweep_axes_read(struct sweep_reader *r, const struct yaml_node *node,
                              struct err *e)
{
    struct stage *s = r->stage;
    struct arena *arena = &r->sweep->arena;
    const struct yaml_node *axes = sweep_child(r, node, "sweep", "axes", YAML_MAP);
    const struct yaml_node *zip = sweep_child(r, node, "sweep", "zip", YAML_LIST);
    const struct yaml_node *when = sweep_child(r, node, "sweep", "when", YAML_LIST);
    const struct yaml_node *exclude = sweep_child(r, node, "sweep", "exclude", YAML_LIST);
    size_t most_axes = (size_t)(count_of(axes) + count_of(zip));
    s->axis = arena_array(arena, most_axes + 1, sizeof *s->axis);
    s->when = arena_array(arena, (size_t)count_of(when) + 1, sizeof *s->when);
    s->exclude = arena_array(arena, (size_t)count_of(exclude) + 1, sizeof *s->exclude);
    s->exclude_text =
        arena_array(arena, (size_t)count_of(exclude) + 1, sizeof *s->exclude_text);
    if (!s->axis || !s->when || !s->exclude || !s->exclude_text)
        return ERR(e, ERR_NOMEM, "no memory for the axes of the sweep");
    TRY(axes_from_map(r, axes, "sweep.axes", false, s->axis, &s->n_axes, e));
    for (int i = 0; i < count_of(zip); i++) TRY(zip_read(r, zip->child[i], e));
    for (int i = 0; i < count_of(when); i++) TRY(when_read(r, when->child[i], e));
    exclude_read(r, exclude);
    return ERR_OK;
}

const struct axis *sweep_axis_of(const struct stage *s, const struct field *f)
{
    const struct axis *axis = axis_with(s->axis, s->n_axes, f);
    for (int i = 0; i < s->n_when && !axis; i++)
        axis = axis_with(s->when[i].axis, s->when[i].n_axes, f);
    return axis;
}
