/* sweep_condition.c - conditions over settings (`if`, `exclude`, `filter`): what they may name,
 * and what the names stand for in a configuration. The grammar is base/expr.c. */
#include <stdio.h>
#include <string.h>

#include "coord/sweep_reader.h"

struct scope {
    const struct table *fields;
    bool (*extra)(void *self, const char *key);
    void *self;
    const char *near; /* value meant by the last one refused, or NULL */
};

static bool scope_knows(void *self, const char *key)
{
    const struct scope *scope = self;
    return field_find(scope->fields, key, NULL) ||
           (scope->extra && scope->extra(scope->self, key));
}

static const char *scope_nearest(void *self, const char *key)
{
    const struct scope *scope = self;
    return sweep_nearest_setting(scope->fields, key);
}

static bool scope_allows(void *self, const char *key, const char *text)
{
    struct scope *scope = self;
    const struct field *f = field_find(scope->fields, key, NULL);
    if (!f || f->type == FIELD_TEXT) return true;
    if (f->type == FIELD_BOOL) return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (f->type != FIELD_NAME) return f->word && strcmp(f->word, text) == 0;
    if (table_find(f->names, text) >= 0) return true;
    scope->near = table_nearest(f->names, text);
    return false;
}

struct expr *sweep_condition(struct sweep_reader *r, const struct yaml_node *node,
                             bool (*extra)(void *self, const char *key), void *self)
{
    if (node->kind != YAML_SCALAR) {
        yaml_problem(r->file, node->mark, "write it as text: model.width >= 64",
                     "expected a condition");
        return NULL;
    }
    struct scope inner = {.fields = r->fields, .extra = extra, .self = self};
    struct expr_scope scope = {
        .knows = scope_knows, .allows = scope_allows, .nearest = scope_nearest, .self = &inner};
    struct expr *x = NULL;
    struct err e;
    int column = 0;
    if (expr_parse(&r->sweep->arena, node->text, &scope, &x, &column, &e) == ERR_OK) return x;
    struct yaml_mark mark = {node->mark.line, node->mark.column + column + node->quoted, 1};
    char hint[TASK_NAME + 32];
    if (inner.near) snprintf(hint, sizeof hint, "did you mean '%s'?", inner.near);
    yaml_problem(r->file, mark, inner.near ? hint : NULL, "%s", e.text);
    return NULL;
}

struct expr_value sweep_lookup(void *self, const char *key)
{
    const struct sweep_values *values = self;
    const struct field *f = field_find(values->fields, key, NULL);
    INVARIANT(f);
    const char *at = (const char *)values->config + f->offset;
    if (f->type == FIELD_TEXT) return (struct expr_value){.is_text = true, .text = at};
    if (f->type == FIELD_NAME)
        return (struct expr_value){.is_text = true,
                                   .text = table_row(f->names, *(const int *)at)->name};
    if (f->type == FIELD_INT && f->word && *(const int64_t *)at == f->word_value)
        return (struct expr_value){.is_text = true, .text = f->word};
    return (struct expr_value){.number = field_number(f, values->config)};
}
