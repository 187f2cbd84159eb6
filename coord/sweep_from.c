/* sweep_from.c - what a stage needs: networks of other stages or files, and settings of the
 * best configuration of another stage. Owns the order of the stages, in which what a stage
 * needs comes before it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/sweep_reader.h"
#include "worker/metric.h"

static bool is_scalar(struct sweep_reader *r, const struct yaml_node *node, const char *what)
{
    if (node->kind == YAML_SCALAR && *node->text) return true;
    yaml_problem(r->file, node->mark, NULL, "from: expected %s", what);
    return false;
}

/* The stage that the text at mark names, another than the one that is being read; -1 after a
 * problem. */
static int need_stage(struct sweep_reader *r, const char *name, struct yaml_mark mark)
{
    const struct sweep *s = r->sweep;
    int found = sweep_stage_find(s, name);
    if (found >= 0 && &s->stage[found] != r->stage) return found;
    if (found >= 0) {
        yaml_problem(r->file, mark, NULL, "stage '%s' cannot need itself", name);
        return -1;
    }
    struct text_nearest near = text_nearest_init(name);
    struct text known = {0};
    text_add(&known, "stages are");
    for (int i = 0; i < s->n_stages; i++) {
        if (&s->stage[i] == r->stage) continue;
        text_nearest_try(&near, s->stage[i].name);
        text_add(&known, " %s", s->stage[i].name);
    }
    char hint[512];
    if (near.found)
        snprintf(hint, sizeof hint, "did you mean '%s'?", near.found);
    else
        snprintf(hint, sizeof hint, "%s", s->n_stages > 1 ? known.at : "there is no other");
    text_clear(&known);
    yaml_problem(r->file, mark, hint, "there is no stage '%s'", name);
    return -1;
}

static int need_role(struct sweep_reader *r, const struct yaml_node *node)
{
    if (!is_scalar(r, node, "a role: weights, end, teacher or features")) return -1;
    int role = table_find(&roles, node->text);
    if (role >= 0) return role;
    char hint[128] = "known: weights, end, teacher, features";
    const char *near = table_nearest(&roles, node->text);
    if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
    yaml_problem(r->file, node->mark, hint, "from: unknown role '%s'", node->text);
    return -1;
}

/* Adds an empty need at mark; NULL after a problem. */
static struct stage_from *add_from(struct sweep_reader *r, int role, struct yaml_mark mark)
{
    struct stage *stage = r->stage;
    for (int i = 0; i < stage->n_from; i++)
        if (stage->from[i].role == role && role != ROLE_WEIGHTS) {
            yaml_problem(r->file, mark, NULL, "stage '%s' has two networks in the role %s",
                         stage->name, table_row(&roles, role)->name);
            return NULL;
        }
    if (stage->n_from == TASK_MAX_PARENTS) {
        yaml_problem(r->file, mark, NULL, "a stage can take at most %d networks",
                     TASK_MAX_PARENTS);
        return NULL;
    }
    struct stage_from *f = &stage->from[stage->n_from++];
    *f = (struct stage_from){.role = role, .stage = -1, .mark = mark};
    return f;
}

/* ---- files ---- */

/* A relative path counts from the folder of the sweep file. */
static bool set_path(struct sweep_reader *r, struct stage_from *f, const struct yaml_node *node)
{
    const char *slash = strrchr(r->file->name, '/');
    int folder = slash && *node->text != '/' ? (int)(slash + 1 - r->file->name) : 0;
    int n = snprintf(f->path, sizeof f->path, "%.*s%s", folder, r->file->name, node->text);
    if (n < (int)sizeof f->path) return true;
    yaml_problem(r->file, node->mark, "move it, or make a link",
                 "from: the path is too long, at most %zu bytes fit", sizeof f->path - 1);
    return false;
}

/* Settings of the file's network: each one an axis of one value. */
static enum err_code read_network(struct sweep_reader *r, const struct yaml_node *map,
                                  const char *section_list, struct stage_from *out,
                                  struct err *e)
{
    struct arena *arena = &r->sweep->arena;
    int n = r->fields->count;
    bool *was_set = arena_array(arena, (size_t)n, sizeof *was_set);
    struct axis *set = arena_array(arena, (size_t)n, sizeof *set);
    struct config *config = arena_alloc(arena, sizeof *config);
    if (!was_set || !set || !config) return ERR(e, ERR_NOMEM, "no memory for a network");
    *config = r->stage->base;
    for (int i = 0; i < map->count; i++) {
        if (!text_listed(section_list, map->key[i])) continue;
        if (map->child[i]->kind != YAML_MAP)
            yaml_problem(r->file, map->child[i]->mark, NULL, "%s: expected a map", map->key[i]);
        for (int k = 0; map->child[i]->kind == YAML_MAP && k < map->child[i]->count; k++) {
            char key[2 * TASK_NAME];
            snprintf(key, sizeof key, "%.60s.%.60s", map->key[i], map->child[i]->key[k]);
            int at;
            const struct field *f = field_find(r->fields, key, &at);
            if (f)
                was_set[at] = field_read(f, r->file, map->child[i]->child[k], config);
            else
                yaml_problem(r->file, map->child[i]->key_mark[k], NULL, "unknown key '%s'",
                             key);
        }
    }
    out->set = set;
    for (int i = 0; i < n; i++) {
        if (!was_set[i]) continue;
        struct axis *a = &set[out->n_set++];
        *a = (struct axis){.n_fields = 1, .count = 1};
        a->field = arena_alloc(arena, sizeof *a->field);
        if (!a->field) return ERR(e, ERR_NOMEM, "no memory for a network");
        a->field[0] = (const struct field *)table_row(r->fields, i);
        a->value = arena_alloc(arena, sweep_axis_size(a));
        if (!a->value) return ERR(e, ERR_NOMEM, "no memory for a network");
        memcpy(a->value, (const char *)config + a->field[0]->offset, sweep_axis_size(a));
    }
    return ERR_OK;
}

/* PATH, or {path: PATH, as: ROLE, model: {...}}. */
static enum err_code read_file(struct sweep_reader *r, const struct yaml_node *node,
                               const char *section_list, struct err *e)
{
    const struct yaml_node *path = node, *as = NULL;
    int role = ROLE_WEIGHTS;
    if (node->kind == YAML_MAP) {
        char known[320];
        snprintf(known, sizeof known, "path as %s", section_list);
        sweep_known_keys(r, node, "from.file", known);
        path = yaml_get(node, "path");
        as = yaml_get(node, "as");
        if (!path) {
            yaml_problem(r->file, node->mark, NULL, "from.file: path is missing");
            return ERR_OK;
        }
    }
    if (!is_scalar(r, path, "the path of a safetensors file")) return ERR_OK;
    if (as && (role = need_role(r, as)) < 0) return ERR_OK;
    struct stage_from *f = add_from(r, role, path->mark);
    if (!f || !set_path(r, f, path) || node->kind != YAML_MAP) return ERR_OK;
    return read_network(r, node, section_list, f, e);
}

static enum err_code read_files(struct sweep_reader *r, const struct yaml_node *node,
                                const char *section_list, struct err *e)
{
    if (node->kind != YAML_LIST) return read_file(r, node, section_list, e);
    for (int i = 0; i < node->count; i++) TRY(read_file(r, node->child[i], section_list, e));
    return ERR_OK;
}

/* ---- best ---- */

static int read_fields(struct sweep_reader *r, const struct yaml_node *list, const char *where,
                       const struct field **out)
{
    char name[STAGE_MAX_TAKE][TASK_NAME];
    int n = sweep_names(r, list, where, name, STAGE_MAX_TAKE), good = 0;
    for (int i = 0; i < n; i++) {
        const struct field *f = field_find(r->fields, name[i], NULL);
        if (f && f->flags & FIELD_IDENTITY) {
            out[good++] = f;
            continue;
        }
        char hint[128];
        const char *near = sweep_nearest_setting(r->fields, name[i]);
        if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        yaml_problem(r->file, list->child[i]->mark, near ? hint : NULL,
                     "%s: no setting '%s' can be taken from a trial", where, name[i]);
    }
    return good;
}

/* The metric must have a better end, and be recorded; the latter is seen by sweep_from_check. */
static void read_by(struct sweep_reader *r, const struct yaml_node *node)
{
    struct stage_best *b = &r->stage->best;
    const struct table *known = r->sweep->experiment->metrics;
    if (!is_scalar(r, node, "a metric")) return;
    int row = table_find(known, node->text);
    if (row < 0) {
        char hint[128];
        const char *near = table_nearest(known, node->text);
        if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        yaml_problem(r->file, node->mark, near ? hint : NULL,
                     "experiment %s has no metric '%s'", r->sweep->experiment->row.name,
                     node->text);
        return;
    }
    snprintf(b->by, sizeof b->by, "%s", node->text);
    b->better = ((const struct metric *)table_row(known, row))->better;
    if (b->better == 0)
        yaml_problem(r->file, node->mark, NULL,
                     "best: of %s neither the smallest nor the largest value is best", b->by);
}

/* best: {stage: S, by: METRIC, take: [settings], per: [settings]} */
static void read_best(struct sweep_reader *r, const struct yaml_node *map,
                      struct yaml_mark mark)
{
    struct stage_best *b = &r->stage->best;
    if (map->kind != YAML_MAP) {
        yaml_problem(r->file, map->mark, "write {stage: S, by: METRIC, take: [optim.lr]}",
                     "best: expected a map");
        return;
    }
    sweep_known_keys(r, map, "from.best", "stage by take per");
    const struct yaml_node *of = yaml_get(map, "stage"), *by = yaml_get(map, "by");
    const struct yaml_node *take = sweep_child(r, map, "from.best", "take", YAML_LIST);
    const struct yaml_node *per = sweep_child(r, map, "from.best", "per", YAML_LIST);
    const char *missing = !of ? "stage" : !by ? "by" : !yaml_get(map, "take") ? "take" : NULL;
    if (missing) {
        yaml_problem(r->file, map->mark, NULL, "best: %s is missing", missing);
        return;
    }
    b->mark = mark;
    if (is_scalar(r, of, "a stage")) b->stage = need_stage(r, of->text, of->mark);
    read_by(r, by);
    b->n_take = read_fields(r, take, "from.best.take", b->take);
    b->n_per = read_fields(r, per, "from.best.per", b->per);
    if (take && take->count == 0)
        yaml_problem(r->file, take->mark, NULL, "best: take at least one setting");
    for (int i = 0; i < b->n_take; i++)
        if (sweep_axis_of(r->stage, b->take[i]))
            yaml_problem(r->file, take->mark, "give the stage a block sweep of its own",
                         "best: %s is taken, but varies in the stage as well",
                         b->take[i]->row.name);
}

/* ---- all of one stage ---- */

/* The stage that the loss names teaches, whatever `from` calls it. */
static void read_teacher(struct sweep_reader *r, const struct yaml_node *name)
{
    if (!r->stage->node) {
        yaml_problem(r->file, name->mark, NULL,
                     "optim.loss names the stage '%s', and the file has no stages", name->text);
        return;
    }
    int stage = need_stage(r, name->text, name->mark);
    if (stage < 0) return;
    for (int i = 0; i < r->stage->n_from; i++) {
        struct stage_from *f = &r->stage->from[i];
        if (f->stage == stage && f->role == ROLE_WEIGHTS) f->role = ROLE_TEACHER;
        if (f->stage == stage && f->role == ROLE_TEACHER) return;
    }
    struct stage_from *f = add_from(r, ROLE_TEACHER, name->mark);
    if (f) f->stage = stage;
}

static enum err_code read_stage(struct sweep_reader *r, const char *section_list,
                                const struct yaml_node *teacher, struct err *e)
{
    const struct yaml_node *from = sweep_child(r, r->stage->node, "", "from", YAML_MAP);
    for (int i = 0; from && i < from->count; i++) {
        const char *key = from->key[i];
        const struct yaml_node *value = from->child[i];
        if (strcmp(key, "best") == 0) {
            read_best(r, value, from->key_mark[i]);
        } else if (strcmp(key, "file") == 0) {
            TRY(read_files(r, value, section_list, e));
        } else {
            int stage = need_stage(r, key, from->key_mark[i]);
            int role = stage >= 0 ? need_role(r, value) : -1;
            struct stage_from *f = role >= 0 ? add_from(r, role, from->key_mark[i]) : NULL;
            if (f) f->stage = stage;
        }
    }
    if (teacher) read_teacher(r, teacher);
    return ERR_OK;
}

/* ---- the order of the stages ---- */

struct visit {
    struct sweep_reader *r;
    int *state; /* [n_stages] 0: not seen, 1: on the way, 2: in the order */
    int n;      /* in the order */
};

static void visit_stage(struct visit *v, int i);

/* Stage i needs stage `on`. */
static void visit_need(struct visit *v, int i, int on, struct yaml_mark mark)
{
    const struct sweep *s = v->r->sweep;
    if (on < 0) return;
    if (v->state[on] == 1)
        yaml_problem(v->r->file, mark, "a stage can only need what does not need it",
                     "stages '%s' and '%s' need each other", s->stage[i].name,
                     s->stage[on].name);
    else
        visit_stage(v, on);
}

static void visit_stage(struct visit *v, int i)
{
    struct stage *stage = &v->r->sweep->stage[i];
    if (v->state[i]) return;
    v->state[i] = 1;
    for (int k = 0; k < stage->n_from; k++)
        visit_need(v, i, stage->from[k].stage, stage->from[k].mark);
    visit_need(v, i, stage->best.stage, stage->best.mark);
    v->state[i] = 2;
    v->r->sweep->stage_order[v->n++] = i;
}

enum err_code sweep_from_read(struct sweep_reader *r, const char *section_list,
                              const struct yaml_node *const *teacher, struct err *e)
{
    struct sweep *s = r->sweep;
    for (int i = 0; i < s->n_stages; i++) {
        r->stage = &s->stage[i];
        if (r->stage->node && r->stage->node->kind != YAML_MAP) continue;
        TRY(read_stage(r, section_list, teacher[i], e));
    }
    struct visit v = {.r = r};
    v.state = arena_array(&s->arena, (size_t)s->n_stages, sizeof *v.state);
    if (!v.state) return ERR(e, ERR_NOMEM, "no memory for %d stages", s->n_stages);
    for (int i = 0; i < s->n_stages; i++) visit_stage(&v, i);
    return ERR_OK;
}

/* What is best is read from the store: the metric must be recorded. */
void sweep_from_check(struct sweep_reader *r)
{
    const struct record *record = &r->sweep->record;
    for (int i = 0; i < r->sweep->n_stages; i++) {
        const struct stage_best *b = &r->sweep->stage[i].best;
        bool recorded = b->stage < 0 || !*b->by;
        for (int m = 0; m < record->n_metrics; m++)
            recorded = recorded || strcmp(record->metric[m], b->by) == 0;
        if (!recorded)
            yaml_problem(r->file, b->mark, "add it to record.metrics",
                         "best: the metric %s is not recorded", b->by);
    }
}
