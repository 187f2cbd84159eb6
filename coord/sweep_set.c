/* sweep_set.c - --set KEY=VALUE: values from the command line, put into the tree of the file
 * before it is read, so that they are checked as the file is.
 *
 * Such a node is marked with line -i for override i. When all is read, sweep_set_explain turns
 * problems at these places into ones that quote the override. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/sweep_reader.h"

static const char axes_block[] = "sweep.axes", stages_block[] = "stages.";

/* Copies a tree into the file's arena, every mark at `mark`. NULL when memory is exhausted. */
static struct yaml_node *copy(struct arena *a, const struct yaml_node *from,
                              struct yaml_mark mark)
{
    struct yaml_node *to = arena_alloc(a, sizeof *to);
    if (!to) return NULL;
    size_t n = (size_t)from->count;
    *to = (struct yaml_node){
        .kind = from->kind, .quoted = from->quoted, .mark = mark, .count = from->count};
    if (from->kind == YAML_SCALAR) return (to->text = arena_text(a, from->text)) ? to : NULL;
    to->child = arena_array(a, n + 1, sizeof *to->child);
    to->key = arena_array(a, n + 1, sizeof *to->key);
    to->key_mark = arena_array(a, n + 1, sizeof *to->key_mark);
    if (!to->child || !to->key || !to->key_mark) return NULL;
    for (size_t i = 0; i < n; i++) {
        to->key_mark[i] = mark;
        if (!(to->child[i] = copy(a, from->child[i], mark))) return NULL;
        if (from->kind == YAML_MAP && !(to->key[i] = arena_text(a, from->key[i]))) return NULL;
    }
    return to;
}

/* Makes node the value of key in map, new or in place of the old one. */
static enum err_code put(struct arena *a, struct yaml_node *map, const char *key,
                         struct yaml_node *node, struct err *e)
{
    for (int i = 0; i < map->count; i++) {
        if (strcmp(map->key[i], key) != 0) continue;
        map->child[i] = node;
        map->key_mark[i] = node->mark;
        return ERR_OK;
    }
    size_t n = (size_t)map->count + 1;
    struct yaml_node **child = arena_array(a, n, sizeof *child);
    const char **keys = arena_array(a, n, sizeof *keys);
    struct yaml_mark *marks = arena_array(a, n, sizeof *marks);
    const char *own = arena_text(a, key);
    if (!child || !keys || !marks || !own)
        return ERR(e, ERR_NOMEM, "no memory for --set %s", key);
    for (size_t i = 0; i + 1 < n; i++) {
        child[i] = map->child[i];
        keys[i] = map->key[i];
        marks[i] = map->key_mark[i];
    }
    child[n - 1] = node;
    keys[n - 1] = own;
    marks[n - 1] = node->mark;
    map->child = child;
    map->key = keys;
    map->key_mark = marks;
    map->count++;
    return ERR_OK;
}

/* The map that holds the last part of the dotted key, made where missing, and that part. */
static enum err_code descend(struct yaml_file *file, const char *key, struct yaml_mark mark,
                             struct yaml_node **map, const char **last, struct err *e)
{
    const char *at = key;
    struct yaml_node *node = file->root;
    for (;;) {
        /* settings keep their dots as keys of sweep.axes */
        size_t done = at == key ? 0 : (size_t)(at - key) - 1, start = 0;
        if (strncmp(key, stages_block, strlen(stages_block)) == 0) {
            start = strlen(stages_block);
            start += strcspn(key + start, ".") + 1;
        }
        bool in_axes = done == start + strlen(axes_block) &&
                       strncmp(key + start, axes_block, strlen(axes_block)) == 0;
        const char *dot = in_axes ? NULL : strchr(at, '.');
        if (node->kind != YAML_MAP)
            return ERR(e, ERR_USAGE, "--set %s: %.*s is no block of the file", key, (int)done,
                       key);
        if (!dot) break;
        char part[TASK_NAME];
        snprintf(part, sizeof part, "%.*s", (int)(dot - at), at);
        struct yaml_node *next = yaml_get(node, part);
        if (!next) {
            next = copy(&file->arena, &(struct yaml_node){.kind = YAML_MAP}, mark);
            if (!next) return ERR(e, ERR_NOMEM, "no memory for --set %s", key);
            TRY(put(&file->arena, node, part, next, e));
        }
        node = next;
        at = dot + 1;
    }
    *map = node;
    *last = at;
    return ERR_OK;
}

static enum err_code apply(struct yaml_file *file, const char *set, struct yaml_mark mark,
                           struct err *e)
{
    const char *equals = strchr(set, '=');
    if (!equals || equals == set)
        return ERR(e, ERR_USAGE, "--set wants KEY=VALUE, got '%s'", set);
    char key[2 * TASK_NAME];
    snprintf(key, sizeof key, "%.*s", (int)(equals - set), set);
    struct yaml_file *value = NULL;
    enum err_code rc = yaml_parse("--set", equals + 1, &value, e);
    if (rc != ERR_OK) return rc;
    struct yaml_node *node = NULL, *map = NULL;
    const char *last = NULL;
    if (!value->root || value->n_problems) {
        rc = ERR(e, ERR_USAGE, "--set %s: %s", set,
                 value->problem ? value->problem->text : "no value");
        goto out;
    }
    node = copy(&file->arena, value->root, mark);
    rc = node ? descend(file, key, mark, &map, &last, e)
              : ERR(e, ERR_NOMEM, "no memory for --set %s", set);
    if (rc == ERR_OK) rc = put(&file->arena, map, last, node, e);
out:
    yaml_destroy(value);
    return rc;
}

enum err_code sweep_set_apply(struct yaml_file *file, const char *const *set, int n_set,
                              struct err *e)
{
    for (int i = 0; i < n_set; i++)
        TRY(apply(file, set[i], (struct yaml_mark){-i - 1, 1, 1}, e));
    return ERR_OK;
}

void sweep_set_explain(const struct sweep *s)
{
    struct text text = {0};
    for (struct yaml_problem *p = s->file->problem; p; p = p->before) {
        if (p->mark.line >= 0 || -p->mark.line > s->n_set) continue;
        text.length = 0;
        text_add(&text, "--set %s: %s", s->set[-p->mark.line - 1], p->text);
        const char *said = arena_text(&s->file->arena, text.at);
        if (said) p->text = said;
        p->mark = (struct yaml_mark){0};
    }
    text_clear(&text);
}

/* "stages.NAME.": the stage, and *key behind the dot. Else NULL. */
static const struct stage *stage_of(const struct sweep *s, const char **key)
{
    for (int i = 0; sweep_has_stages(s) && i < s->n_stages; i++) {
        char prefix[2 * TASK_NAME];
        int n = snprintf(prefix, sizeof prefix, "%s%s.", stages_block, s->stage[i].name);
        if (strncmp(*key, prefix, (size_t)n) != 0) continue;
        *key += n;
        return &s->stage[i];
    }
    return NULL;
}

/* Does a setting of the stage, or with NULL of all stages, come from an axis? */
static bool varies(const struct sweep *s, const struct stage *stage, const struct field *f)
{
    if (stage) return sweep_axis_of(stage, f) != NULL;
    for (int i = 0; i < s->n_stages; i++)
        if (!sweep_axis_of(&s->stage[i], f)) return false;
    return true;
}

/* An override of a setting that varies would have no effect. */
void sweep_set_check(struct sweep *s)
{
    for (int i = 0; i < s->n_set; i++) {
        char key[2 * TASK_NAME];
        const char *name = key;
        snprintf(key, sizeof key, "%.*s", (int)strcspn(s->set[i], "="), s->set[i]);
        const struct stage *stage = stage_of(s, &name);
        const struct field *f = field_find(s->experiment->fields, name, NULL);
        if (!f || !varies(s, stage, f)) continue;
        yaml_problem(s->file, (struct yaml_mark){-i - 1, 1, 1}, NULL,
                     "%s varies in the sweep; set %.*ssweep.axes.%s=[...]", name,
                     (int)(name - key), key, name);
    }
}

const char *sweep_place(struct yaml_mark mark, char out[32])
{
    if (mark.line < 0)
        snprintf(out, 32, "by --set");
    else
        snprintf(out, 32, "in line %d", mark.line);
    return out;
}
