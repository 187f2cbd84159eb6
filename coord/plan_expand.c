/* plan_expand.c - the configurations of a sweep, and the shape of each.
 *
 * A configuration is kept as one number, its place in the product of all axes, those inside
 * `when` among them (their digit is 0 where the condition does not hold); plan_config unfolds
 * it. Expansion walks the axes like nested loops in the order of the file, changing one struct
 * config in place, and keeps for each field its line of identity text, so that a leaf costs one
 * hash of a few hundred bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/text.h"
#include "coord/plan_index.h"
#include "coord/plan_inner.h"

enum { MAX_PROBLEMS = 20 }; /* contradictions worth showing */

/* What is needed only while the sweep is expanded. */
struct expansion {
    struct plan *plan;
    struct plan_inner *inner;
    struct config config;
    int64_t place, visited, capacity, shape_capacity;
    struct plan_index configs, shapes, contents; /* config id; settings; what a shape holds */
    const struct axis **owner;      /* [n_identity] who set the field in this branch */
    const struct field **candidate; /* fields of all axes */
    bool *varies;
    int n_candidates, n_problems;
    struct config first; /* configuration 0, to see what varies */
};

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

static enum err_code too_many(const struct sweep *s, struct err *e)
{
    yaml_problem(s->file, sweep_mark(s, "sweep.axes"), NULL, "more than %d combinations",
                 PLAN_MAX_TRIALS);
    return ERR(e, ERR_CONFIG, "%s: 1 error", s->file->name);
}

/* ---- levels ---- */

static enum err_code level_setup(struct plan *p, const struct axis *axis, struct plan_level *l,
                                 struct err *e)
{
    struct arena *arena = &p->inner->arena;
    size_t n = (size_t)axis->count * (size_t)axis->n_fields, k = 0;
    *l = (struct plan_level){.axis = axis};
    l->line = arena_array(arena, n, sizeof *l->line);
    l->identity = arena_array(arena, (size_t)axis->n_fields, sizeof *l->identity);
    if (!l->line || !l->identity) return no_memory(e);
    for (int f = 0; f < axis->n_fields; f++)
        l->identity[f] = plan_identity_of(p->inner, axis->field[f]);
    struct text text = {0};
    struct config c = p->sweep->base;
    text_add_bytes(&text, "", 1);
    for (int64_t i = 0; i < axis->count; i++) {
        sweep_axis_apply(axis, i, &c);
        for (int f = 0; f < axis->n_fields; f++) {
            size_t start = text.length;
            plan_identity_line(axis->field[f], &c, &text);
            l->line[k++] = text.length > start ? start : 0; /* text[0]: the empty line */
            text_add_bytes(&text, "", 1);
        }
    }
    l->text = arena_alloc(arena, text.length + 1);
    if (l->text) memcpy(l->text, text.at, text.length + 1);
    text_clear(&text);
    return l->text ? ERR_OK : no_memory(e);
}

static enum err_code levels_setup(struct plan *p, struct err *e)
{
    const struct sweep *s = p->sweep;
    struct plan_inner *inner = p->inner;
    int n = s->n_axes;
    for (int w = 0; w < s->n_when; w++) n += s->when[w].n_axes;
    inner->level = arena_array(&inner->arena, (size_t)n + 1, sizeof *inner->level);
    if (!inner->level) return no_memory(e);
    for (int i = 0; i < s->n_axes; i++)
        TRY(level_setup(p, &s->axis[i], &inner->level[inner->n_levels++], e));
    for (int w = 0; w < s->n_when; w++) {
        const struct when *when = &s->when[w];
        int first = inner->n_levels;
        for (int i = 0; i < when->n_axes; i++)
            TRY(level_setup(p, &when->axis[i], &inner->level[inner->n_levels++], e));
        if (when->n_axes == 0) continue;
        inner->level[first].when = when;
        inner->level[first].past = inner->n_levels;
    }
    int64_t stride = 1, all = 1;
    for (int i = n - 1; i >= 0; i--) {
        inner->level[i].stride = stride;
        if (__builtin_mul_overflow(stride, inner->level[i].axis->count, &stride))
            return too_many(s, e);
    }
    for (int i = 0; i < s->n_axes; i++) all *= s->axis[i].count; /* a factor of stride */
    return all > PLAN_MAX_TRIALS ? too_many(s, e) : ERR_OK;
}

/* Does the condition hold of the configuration as it is? */
bool plan_holds(const struct sweep *s, const struct expr *condition, const struct config *c)
{
    struct sweep_values values = {s->experiment->fields, c};
    return expr_true(condition, sweep_lookup, &values);
}

/* ---- shapes ---- */

/* Settings that may change a trial's size or cost: all but real numbers (a learning rate). */
static uint64_t shape_key(const struct expansion *x)
{
    struct config c;
    memcpy(&c, &x->config, sizeof c);
    for (int i = 0; i < x->inner->n_identity; i++) {
        const struct field *f = x->inner->identity[i].field;
        if (f->type == FIELD_FLOAT) memset((char *)&c + f->offset, 0, sizeof(double));
    }
    uint64_t h = XXH3_64bits(&c, sizeof c);
    return h ? h : 1;
}

/* The value inside node that the message quotes, or NULL. */
static const struct yaml_node *quoted_in(const struct yaml_node *node, const char *message)
{
    if (node->kind == YAML_SCALAR) {
        char quoted[TASK_NAME];
        snprintf(quoted, sizeof quoted, "'%s'", node->text);
        return strstr(message, quoted) ? node : NULL;
    }
    const struct yaml_node *found = NULL;
    for (int i = 0; i < node->count && !found; i++) found = quoted_in(node->child[i], message);
    return found;
}

/* What the experiment refuses becomes a problem where the blamed key got its value. */
static void blame(struct expansion *x, const char *message)
{
    const struct sweep *s = x->plan->sweep;
    char key[2 * TASK_NAME];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(message, ": "), message);
    struct yaml_mark mark = sweep_mark(s, key);
    if (strncmp(key, "record.", 7) == 0) {
        const struct yaml_node *record = yaml_get(s->file->root, "record");
        const struct yaml_node *word = record ? quoted_in(record, message) : NULL;
        if (word) mark = word->mark;
    }
    for (const struct yaml_problem *p = s->file->problem; p; p = p->before)
        if (p->mark.line == mark.line && p->mark.column == mark.column) return;
    if (x->n_problems++ < MAX_PROBLEMS) yaml_problem(s->file, mark, NULL, "%s", message);
}

/* The shape of the current configuration; -1 if the experiment refuses it. */
static enum err_code shape_find(struct expansion *x, int64_t *out, struct err *e)
{
    struct plan *p = x->plan;
    uint64_t key = shape_key(x);
    if (plan_index_find(&x->shapes, key, out)) return ERR_OK;
    struct trial_shape shape;
    struct err why;
    memset(&shape, 0, sizeof shape); /* it is compared as bytes */
    enum err_code rc = p->sweep->experiment->shape(&x->config, &(struct parents){0},
                                                   &p->sweep->record, &shape, &why);
    if (rc == ERR_NOMEM) return no_memory(e);
    if (rc != ERR_OK) {
        blame(x, why.text);
        *out = -1;
        return plan_index_put(&x->shapes, key, -1, e);
    }
    uint64_t content = XXH3_64bits(&shape, sizeof shape);
    content += content == 0;
    if (!plan_index_find(&x->contents, content, out)) {
        if (p->n_shapes == x->shape_capacity) {
            int64_t more = 2 * x->shape_capacity + 16;
            void *grown = realloc(p->shape, (size_t)more * sizeof *p->shape);
            if (!grown) return no_memory(e);
            p->shape = grown;
            x->shape_capacity = more;
        }
        *out = p->n_shapes++;
        p->shape[*out] = shape;
        if (shape.records > p->max_records) p->max_records = shape.records;
        TRY(plan_index_put(&x->contents, content, *out, e));
    }
    return plan_index_put(&x->shapes, key, *out, e);
}

/* ---- expansion ---- */

static enum err_code configs_reserve(struct expansion *x, struct err *e)
{
    struct plan *p = x->plan;
    if (p->n_configs < x->capacity) return ERR_OK;
    size_t more = 2 * (size_t)x->capacity + 256;
    void *id = realloc(p->config_id, more * sizeof *p->config_id);
    if (id) p->config_id = id;
    void *shape = realloc(p->shape_of, more * sizeof *p->shape_of);
    if (shape) p->shape_of = shape;
    void *place = realloc(x->inner->place, more * sizeof *x->inner->place);
    if (place) x->inner->place = place;
    if (!id || !shape || !place) return no_memory(e);
    x->capacity = (int64_t)more;
    return ERR_OK;
}

static size_t field_bytes(const struct field *f)
{
    struct axis alone = {.n_fields = 1, .field = &f};
    return sweep_axis_size(&alone);
}

static void note_variation(struct expansion *x)
{
    for (int i = 0; i < x->n_candidates; i++) {
        const struct field *f = x->candidate[i];
        if (x->varies[i]) continue;
        x->varies[i] = memcmp((const char *)&x->config + f->offset,
                              (const char *)&x->first + f->offset, field_bytes(f)) != 0;
    }
}

/* The configuration is complete: keep it unless it is excluded or there already. */
static enum err_code leaf(struct expansion *x, struct err *e)
{
    struct plan *p = x->plan;
    const struct sweep *s = p->sweep;
    if (++x->visited > PLAN_MAX_TRIALS) return too_many(s, e);
    for (int i = 0; i < s->n_exclude; i++) {
        if (!plan_holds(s, s->exclude[i], &x->config)) continue;
        p->n_excluded++;
        return ERR_OK;
    }
    uint64_t id = plan_identity_hash(p, &x->config);
    int64_t known;
    if (plan_index_find(&x->configs, id, &known)) {
        p->n_duplicates++;
        return ERR_OK;
    }
    TRY(plan_index_put(&x->configs, id, p->n_configs, e));
    TRY(configs_reserve(x, e));
    int64_t c = p->n_configs++, shape;
    p->config_id[c] = id;
    x->inner->place[c] = x->place;
    if (c == 0) memcpy(&x->first, &x->config, sizeof x->first);
    note_variation(x);
    TRY(shape_find(x, &shape, e));
    p->shape_of[c] = shape;
    return ERR_OK;
}

/* Claims the fields of a level for this branch. Two `when` that both hold and both set a field
 * contradict each other. */
static bool claim(struct expansion *x, const struct plan_level *l)
{
    for (int f = 0; f < l->axis->n_fields; f++) {
        const struct axis *owner = x->owner[l->identity[f]];
        if (!owner || owner == l->axis) continue;
        char place[32];
        if (x->n_problems++ < MAX_PROBLEMS)
            yaml_problem(x->plan->sweep->file, l->axis->mark, NULL,
                         "%s is also set %s, and both conditions can hold at once",
                         l->axis->field[f]->row.name, sweep_place(owner->mark, place));
        return false;
    }
    for (int f = 0; f < l->axis->n_fields; f++) x->owner[l->identity[f]] = l->axis;
    return true;
}

static enum err_code expand(struct expansion *x, int depth, struct err *e)
{
    if (depth == x->inner->n_levels) return leaf(x, e);
    const struct plan_level *l = &x->inner->level[depth];
    const struct axis *axis = l->axis;
    struct plan_identity *identity = x->inner->identity;
    if (l->when && !plan_holds(x->plan->sweep, l->when->condition, &x->config))
        return expand(x, l->past, e);
    if (!claim(x, l)) return ERR_OK;
    bool inside = depth >= x->plan->sweep->n_axes; /* a `when`: what it hides must come back */
    INVARIANT(!inside || axis->n_fields == 1);
    struct config config;
    const char *line = identity[l->identity[0]].line;
    if (inside) memcpy(&config, &x->config, sizeof config);
    enum err_code rc = ERR_OK;
    int64_t place = x->place;
    for (int64_t i = 0; i < axis->count && rc == ERR_OK; i++) {
        sweep_axis_apply(axis, i, &x->config);
        for (int f = 0; f < axis->n_fields; f++)
            identity[l->identity[f]].line = l->text + l->line[i * axis->n_fields + f];
        x->place = place + i * l->stride;
        rc = expand(x, depth + 1, e);
    }
    x->place = place;
    for (int f = 0; f < axis->n_fields; f++) x->owner[l->identity[f]] = NULL;
    if (inside) memcpy(&x->config, &config, sizeof config);
    if (inside) identity[l->identity[0]].line = line;
    return rc;
}

/* Distinct fields of all levels, in the order of the file. */
static enum err_code candidates(struct expansion *x, struct err *e)
{
    struct plan_inner *inner = x->inner;
    size_t most = (size_t)inner->n_identity;
    x->owner = arena_array(&inner->arena, most + 1, sizeof *x->owner);
    x->candidate = arena_array(&inner->arena, most + 1, sizeof *x->candidate);
    x->varies = arena_array(&inner->arena, most + 1, sizeof *x->varies);
    if (!x->owner || !x->candidate || !x->varies) return no_memory(e);
    for (int i = 0; i < inner->n_levels; i++)
        for (int f = 0; f < inner->level[i].axis->n_fields; f++) {
            const struct field *field = inner->level[i].axis->field[f];
            bool there = false;
            for (int k = 0; k < x->n_candidates; k++) there |= x->candidate[k] == field;
            if (!there) x->candidate[x->n_candidates++] = field;
        }
    return ERR_OK;
}

enum err_code plan_expand(struct plan *p, struct err *e)
{
    TRY(levels_setup(p, e));
    struct expansion *x = calloc(1, sizeof *x);
    if (!x) return no_memory(e);
    x->plan = p;
    x->inner = p->inner;
    memcpy(&x->config, &p->sweep->base, sizeof x->config);
    enum err_code rc = candidates(x, e);
    if (rc == ERR_OK) rc = expand(x, 0, e);
    p->varied = x->candidate;
    for (int i = 0; i < x->n_candidates; i++)
        if (x->varies[i]) p->varied[p->n_varied++] = x->candidate[i];
    plan_index_clear(&x->configs);
    plan_index_clear(&x->shapes);
    plan_index_clear(&x->contents);
    free(x);
    return rc;
}
