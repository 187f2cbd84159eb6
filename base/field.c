/* field.c - reading, checking and showing one setting as its row says.
 *
 * A new type of setting is a row of `kinds`: its C size and how to parse and to show it.
 * Parsing is one function for the file, for --set and for defaults: it fills a `complaint`,
 * which becomes a problem at a place or an error. */
#include "base/field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { MAX_KEY = 128 };

struct complaint {
    char text[512], hint[512]; /* hint "": none */
};

static void hint_set(struct complaint *c, const char *hint)
{
    snprintf(c->hint, sizeof c->hint, "%s", hint ? hint : "");
}

static void hint_nearest(struct complaint *c, const char *near)
{
    snprintf(c->hint, sizeof c->hint, "did you mean '%s'?", near);
}

static void hint_known(struct complaint *c, const char *name)
{
    size_t used = strlen(c->hint);
    snprintf(c->hint + used, sizeof c->hint - used, "%s%s", used ? ", " : "known: ", name);
}

/* What stands at a node, for "expected ..., got ...". */
static const char *node_text(const struct yaml_node *node, char *out, size_t size)
{
    if (node->kind == YAML_LIST)
        snprintf(out, size, "a list");
    else if (node->kind == YAML_MAP)
        snprintf(out, size, "a map");
    else if (!node->quoted && !*node->text)
        snprintf(out, size, "nothing");
    else if (strlen(node->text) > 60)
        snprintf(out, size, "'%.57s...'", node->text);
    else
        snprintf(out, size, "'%s'", node->text);
    return out;
}

static bool expected(const struct field *f, const struct yaml_node *node, const char *what,
                     struct complaint *c)
{
    char got[80];
    snprintf(c->text, sizeof c->text, "%s: expected %s, got %s", f->row.name, what,
             node_text(node, got, sizeof got));
    if (!*c->hint) hint_set(c, yaml_trap(node));
    return false;
}

/* ---- the types ---- */

static bool in_range(const struct field *f, double value, const struct yaml_node *node,
                     struct complaint *c)
{
    if (f->min == 0 && f->max == 0) return true;
    bool open_min = f->flags & FIELD_OPEN_MIN, open_max = f->flags & FIELD_OPEN_MAX;
    bool low = open_min ? value <= f->min : value < f->min;
    bool high = open_max ? value >= f->max : value > f->max;
    if (!low && !high) return true;
    char min[32], max[32], range[96];
    text_double(f->min, min);
    text_double(f->max, max);
    if (isinf(f->max))
        snprintf(range, sizeof range, "%s %s", open_min ? "above" : "at least", min);
    else if (isinf(f->min))
        snprintf(range, sizeof range, "%s %s", open_max ? "below" : "at most", max);
    else
        snprintf(range, sizeof range, "in %c%s, %s%c", open_min ? '(' : '[', min, max,
                 open_max ? ')' : ']');
    snprintf(c->text, sizeof c->text, "%s must be %s%s%s, got %.60s", f->row.name, range,
             f->unit ? " " : "", f->unit ? f->unit : "", node->text);
    return false;
}

static bool parse_int(const struct field *f, const struct yaml_node *node, void *at,
                      struct complaint *c)
{
    int64_t value;
    char what[MAX_KEY] = "an integer";
    if (f->word) {
        if (node->kind == YAML_SCALAR && strcmp(node->text, f->word) == 0) {
            memcpy(at, &f->word_value, sizeof value);
            return true;
        }
        snprintf(what, sizeof what, "an integer or '%s'", f->word);
    }
    if (!yaml_integer(node, &value)) {
        double number;
        if (f->word && node->kind == YAML_SCALAR && !yaml_number(node, &number)) {
            struct text_nearest best = text_nearest_init(node->text);
            text_nearest_try(&best, f->word);
            if (best.found) hint_nearest(c, best.found);
        }
        return expected(f, node, what, c);
    }
    if (!in_range(f, (double)value, node, c)) return false;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool parse_float(const struct field *f, const struct yaml_node *node, void *at,
                        struct complaint *c)
{
    double value = NAN;
    if (f->word && node->kind == YAML_SCALAR && strcmp(node->text, f->word) == 0) {
        memcpy(at, &value, sizeof value);
        return true;
    }
    if (!yaml_number(node, &value)) return expected(f, node, "a number", c);
    if (!in_range(f, value, node, c)) return false;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool parse_bool(const struct field *f, const struct yaml_node *node, void *at,
                       struct complaint *c)
{
    bool scalar = node->kind == YAML_SCALAR && !node->quoted;
    bool value = scalar && strcmp(node->text, "true") == 0;
    if (!value && !(scalar && strcmp(node->text, "false") == 0))
        return expected(f, node, "true or false", c);
    memcpy(at, &value, sizeof value);
    return true;
}

static bool parse_name(const struct field *f, const struct yaml_node *node, void *at,
                       struct complaint *c)
{
    if (node->kind != YAML_SCALAR || (!node->quoted && !*node->text)) {
        char what[MAX_KEY];
        bool vowel = strchr("aeiou", f->names->kind[0]) != NULL;
        snprintf(what, sizeof what, "the name of %s %s", vowel ? "an" : "a", f->names->kind);
        return expected(f, node, what, c);
    }
    int value = table_find(f->names, node->text);
    if (value >= 0) {
        memcpy(at, &value, sizeof value);
        return true;
    }
    snprintf(c->text, sizeof c->text, "unknown %s '%.60s'", f->names->kind, node->text);
    const char *near = table_nearest(f->names, node->text);
    if (near)
        hint_nearest(c, near);
    else
        for (int i = 0; i < f->names->count; i++) hint_known(c, table_row(f->names, i)->name);
    return false;
}

/* Plain text that other readers of YAML take for something else has to be quoted. */
static bool parse_text(const struct field *f, const struct yaml_node *node, void *at,
                       struct complaint *c)
{
    if (node->kind != YAML_SCALAR) return expected(f, node, "text", c);
    if (!node->quoted && yaml_trap(node)) {
        hint_set(c, *node->text ? "quote it" : "write \"\" for empty text");
        return expected(f, node, "text", c);
    }
    size_t length = strlen(node->text);
    if (length >= f->size) {
        snprintf(c->text, sizeof c->text, "%s: text of %zu bytes is too long, at most %zu fit",
                 f->row.name, length, f->size - 1);
        return false;
    }
    memset(at, 0, f->size); /* the bytes are hashed */
    memcpy(at, node->text, length);
    return true;
}

static void show_int(const struct field *f, const void *at, char *out, size_t size)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    if (f->word && value == f->word_value)
        snprintf(out, size, "%s", f->word);
    else
        snprintf(out, size, "%lld", (long long)value);
}

static void show_float(const struct field *f, const void *at, char *out, size_t size)
{
    double value;
    char buffer[32];
    memcpy(&value, at, sizeof value);
    bool word = f->word && isnan(value);
    snprintf(out, size, "%s", word ? f->word : text_double(value, buffer));
}

static void show_bool(const struct field *f, const void *at, char *out, size_t size)
{
    (void)f;
    bool value;
    memcpy(&value, at, sizeof value);
    snprintf(out, size, "%s", value ? "true" : "false");
}

static void show_name(const struct field *f, const void *at, char *out, size_t size)
{
    int value;
    memcpy(&value, at, sizeof value);
    snprintf(out, size, "%s", table_row(f->names, value)->name);
}

static void show_text(const struct field *f, const void *at, char *out, size_t size)
{
    (void)f;
    snprintf(out, size, "%s", (const char *)at);
}

static double int_number(const void *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return (double)value;
}

static double float_number(const void *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double bool_number(const void *at)
{
    bool value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double name_number(const void *at)
{
    int value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double text_number(const void *at)
{
    (void)at;
    return NAN;
}

static const struct {
    size_t size; /* 0: the row says */
    bool (*parse)(const struct field *, const struct yaml_node *, void *, struct complaint *);
    void (*show)(const struct field *, const void *, char *, size_t);
    double (*number)(const void *);
} kinds[] = {
    [FIELD_INT] = {sizeof(int64_t), parse_int, show_int, int_number},
    [FIELD_FLOAT] = {sizeof(double), parse_float, show_float, float_number},
    [FIELD_BOOL] = {sizeof(bool), parse_bool, show_bool, bool_number},
    [FIELD_NAME] = {sizeof(int), parse_name, show_name, name_number},
    [FIELD_TEXT] = {0, parse_text, show_text, text_number},
};

/* ---- one field ---- */

size_t field_size(const struct field *f)
{
    return kinds[f->type].size ? kinds[f->type].size : f->size;
}

static const void *value_at(const struct field *f, const void *values)
{
    return (const char *)values + f->offset;
}

static bool parse(const struct field *f, const struct yaml_node *node, void *values,
                  struct complaint *c)
{
    *c = (struct complaint){0};
    return kinds[f->type].parse(f, node, (char *)values + f->offset, c);
}

/* A node as if the text stood in the file. Text is taken as it is: on a command line, the shell
 * has eaten the quotes. */
static struct yaml_node bare_node(const struct field *f, const char *text)
{
    return (struct yaml_node){
        .kind = YAML_SCALAR, .text = text, .quoted = f->type == FIELD_TEXT};
}

static const struct field *field_row(const struct table *fields, int i)
{
    return (const struct field *)table_row(fields, i);
}

void field_defaults(const struct table *fields, void *values)
{
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = field_row(fields, i);
        memset((char *)values + f->offset, 0, field_size(f));
        if (f->flags & FIELD_REQUIRED) continue;
        INVARIANT(f->fallback);
        INVARIANT(field_set(f, f->fallback, values, NULL) == ERR_OK);
    }
}

bool field_read(const struct field *f, struct yaml_file *file, const struct yaml_node *node,
                void *values)
{
    struct complaint c;
    if (parse(f, node, values, &c)) return true;
    yaml_problem(file, node->mark, *c.hint ? c.hint : NULL, "%s", c.text);
    return false;
}

enum err_code field_set(const struct field *f, const char *text, void *values, struct err *e)
{
    struct yaml_node node = bare_node(f, text);
    struct complaint c;
    if (parse(f, &node, values, &c)) return ERR_OK;
    bool named = strncmp(c.text, f->row.name, strlen(f->row.name)) == 0;
    return ERR(e, ERR_CONFIG, "%s%s%s%s%s", named ? "" : f->row.name, named ? "" : ": ", c.text,
               *c.hint ? "; " : "", c.hint);
}

const char *field_text(const struct field *f, const void *values, char *out, size_t size)
{
    kinds[f->type].show(f, value_at(f, values), out, size);
    return out;
}

double field_number(const struct field *f, const void *values)
{
    return kinds[f->type].number(value_at(f, values));
}

bool field_applies(const struct field *f, const struct table *fields, const void *values)
{
    for (; f->only_names; f = field_find(fields, f->only_key, NULL)) {
        const struct field *on = field_find(fields, f->only_key, NULL);
        INVARIANT(on && on->type == FIELD_NAME);
        char name[MAX_KEY];
        if (!text_listed(f->only_names, field_text(on, values, name, sizeof name)))
            return false;
    }
    return true;
}

bool field_differs(const struct field *f, const void *values)
{
    if (!f->fallback) return true;
    const void *at = value_at(f, values);
    if (f->type == FIELD_TEXT) return strcmp(at, f->fallback) != 0;
    union {
        int64_t i;
        double d;
        bool b;
        int name;
    } fallback;
    struct yaml_node node = bare_node(f, f->fallback);
    struct complaint c = {0};
    INVARIANT(kinds[f->type].parse(f, &node, &fallback, &c));
    return kinds[f->type].number(at) != kinds[f->type].number(&fallback) ||
           memcmp(at, &fallback, field_size(f)) != 0;
}

const struct field *field_find(const struct table *fields, const char *key, int *index)
{
    int i = table_find(fields, key);
    if (index) *index = i;
    return i < 0 ? NULL : field_row(fields, i);
}

/* ---- sections ---- */

/* The key of a row in a section, NULL if the row stands elsewhere. */
static const char *key_in(const struct row *row, const char *section)
{
    size_t length = strlen(section);
    const char *key = row->name;
    if (length) {
        if (strncmp(key, section, length) != 0 || key[length] != '.') return NULL;
        key += length + 1;
    }
    return strchr(key, '.') ? NULL : key;
}

static void suggest_skipped(const char *skip, struct text_nearest *best, char word[MAX_KEY])
{
    for (const char *s = skip; s && *s;) {
        size_t length = strcspn(s, " ");
        char one[MAX_KEY];
        snprintf(one, sizeof one, "%.*s", (int)length, s);
        text_nearest_try(best, one);
        if (best->found == one) best->found = strcpy(word, one);
        s += length;
        s += strspn(s, " ");
    }
}

/* Where an unknown key may have been meant to stand: the same key in another section, the
 * nearest of this one, or the list of all. */
static void suggest_key(const struct table *fields, const char *section, const char *skip,
                        const char *key, struct complaint *c)
{
    struct text_nearest best = text_nearest_init(key);
    char word[MAX_KEY];
    suggest_skipped(skip, &best, word);
    for (int i = 0; i < fields->count; i++) {
        const char *known = key_in(table_row(fields, i), section);
        if (known) text_nearest_try(&best, known);
    }
    for (int i = 0; i < fields->count; i++) {
        const char *name = table_row(fields, i)->name, *last = strrchr(name, '.');
        if (strcmp(name, key) == 0 && last) {
            snprintf(c->hint, sizeof c->hint, "write it as '%s' under '%.*s'", last + 1,
                     (int)(last - name), name);
            return;
        }
        if (last && strcmp(last + 1, key) == 0) {
            hint_nearest(c, name);
            return;
        }
    }
    if (best.found) {
        hint_nearest(c, best.found);
        return;
    }
    for (int i = 0; i < fields->count; i++) {
        const char *known = key_in(table_row(fields, i), section);
        if (known) hint_known(c, known);
    }
}

static int find_in(const struct table *fields, const char *section, const char *key)
{
    for (int i = 0; i < fields->count; i++) {
        const char *known = key_in(table_row(fields, i), section);
        if (known && strcmp(known, key) == 0) return i;
    }
    return -1;
}

static void check_required(const struct table *fields, const char *section, const char *skip,
                           struct yaml_file *file, const struct yaml_node *map,
                           const void *values, const bool *was_set)
{
    static const struct yaml_mark start = {1, 1, 1};
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = field_row(fields, i);
        const char *key = key_in(&f->row, section);
        if (!key || !(f->flags & FIELD_REQUIRED) || text_listed(skip, key)) continue;
        if ((was_set && was_set[i]) || yaml_get(map, key)) continue;
        if (!field_applies(f, fields, values)) continue;
        struct complaint c = {0};
        if (f->type == FIELD_NAME)
            for (int n = 0; n < f->names->count; n++)
                hint_known(&c, table_row(f->names, n)->name);
        yaml_problem(file,
                     map          ? map->mark
                     : file->root ? file->root->mark
                                  : start,
                     *c.hint ? c.hint : NULL, "missing '%s' (%s)", f->row.name, f->row.help);
    }
}

void field_read_section(const struct table *fields, const char *section, const char *skip,
                        struct yaml_file *file, const struct yaml_node *map, void *values,
                        bool *was_set)
{
    if (map && map->kind != YAML_MAP) {
        char got[80];
        yaml_problem(file, map->mark, "write 'key: value' lines, or {key: value, ...}",
                     "%s: expected a map, got %s", section, node_text(map, got, sizeof got));
        return;
    }
    for (int k = 0; map && k < map->count; k++) {
        const char *key = map->key[k];
        if (text_listed(skip, key)) continue;
        int i = find_in(fields, section, key);
        if (i >= 0) {
            bool good = field_read(field_row(fields, i), file, map->child[k], values);
            if (was_set && good) was_set[i] = true;
            continue;
        }
        struct complaint c = {0};
        suggest_key(fields, section, skip, key, &c);
        yaml_problem(file, map->key_mark[k], *c.hint ? c.hint : NULL, "unknown key '%.60s'%s%s",
                     key, *section ? " in " : "", section);
    }
    check_required(fields, section, skip, file, map, values, was_set);
}
