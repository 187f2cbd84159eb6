/* plan.c - from a sweep to its trials.
 *
 * A configuration is kept as one number, its place in the product of all axes, those inside
 * `when` among them (their digit is 0 where the condition does not hold); plan_config unfolds
 * it. Expansion walks the axes like nested loops in the order of the file, changing one struct
 * config in place, and keeps for each field its line of identity text, so that a leaf costs one
 * hash of a few hundred bytes.
 *
 * INVARIANT of the project: identity. The id of a configuration is XXH64, seed 0, of
 *
 *     root=SEED\n  [experiment=NAME\n unless train]  then key=value\n
 *
 * for every identity field that applies and differs from its default, sorted by key, values as
 * field_text has them; the id of a trial is XXH64 of the two numbers config_id and seed, 8
 * little-endian bytes each. 0 becomes 1. Stores of years are found by these: a new field with a
 * default, a new value or another seed leaves every old id as it was. */
#include "coord/plan.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/text.h"

enum {
    MAX_TRIALS = 100000000, /* and combinations looked at */
    MAX_IDENTITY = 8192,    /* bytes of identity text */
    MAX_PROBLEMS = 20,      /* contradictions worth showing */
};

/* One loop of the expansion: an axis, perhaps inside a `when`. */
struct level {
    const struct axis *axis;
    const struct when *when; /* whose first axis this is, else NULL */
    int past;                /* level behind the last axis of that when */
    int64_t stride;          /* of its digit in a place */
    char *text;              /* identity lines of all values, one behind the other */
    size_t *line;            /* [count * n_fields] where each starts in text */
    int *identity;           /* [n_fields] place in the list of identity fields */
};

/* A field of the identity and the text it contributes at the moment. */
struct identity {
    const struct field *field;
    const struct identity *on; /* the field it depends on, or NULL */
    bool *applies;             /* [rows of on] for which of its values */
    const char *line;          /* "key=value\n"; "" at the default */
};

/* A map from non-zero hash to number. */
struct index {
    uint64_t *key;
    int64_t *value;
    size_t capacity, count; /* capacity: a power of two */
};

struct plan_store {
    struct arena arena;
    int n_levels, n_identity;
    struct level *level;
    struct identity *identity;
    int64_t *place;  /* [n_configs] */
    uint32_t *found; /* [n_found] trial + 1 by id */
    size_t n_found;
};

/* What is needed only while the sweep is expanded. */
struct expansion {
    struct plan *plan;
    struct plan_store *inner;
    struct config config;
    int64_t place, visited, capacity, shape_capacity;
    struct index configs, shapes, contents; /* config id; settings; what a shape holds */
    const struct axis **owner;              /* [n_identity] who set the field in this branch */
    const struct field **candidate;         /* fields of all axes */
    bool *varies;
    int n_candidates, n_problems;
    struct config first; /* configuration 0, to see what varies */
};

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

/* ---- index ---- */

static size_t index_slot(const struct index *x, uint64_t key)
{
    size_t i = key & (x->capacity - 1);
    while (x->key[i] && x->key[i] != key) i = (i + 1) & (x->capacity - 1);
    return i;
}

static bool index_find(const struct index *x, uint64_t key, int64_t *value)
{
    if (!x->capacity) return false;
    size_t i = index_slot(x, key);
    if (x->key[i]) *value = x->value[i];
    return x->key[i] != 0;
}

static enum err_code index_put(struct index *x, uint64_t key, int64_t value, struct err *e)
{
    if (2 * (x->count + 1) > x->capacity) {
        struct index wider = {.capacity = x->capacity ? 2 * x->capacity : 1024,
                              .count = x->count};
        wider.key = calloc(wider.capacity, sizeof *wider.key);
        wider.value = calloc(wider.capacity, sizeof *wider.value);
        if (!wider.key || !wider.value) {
            free(wider.key);
            free(wider.value);
            return no_memory(e);
        }
        for (size_t i = 0; i < x->capacity; i++) {
            if (!x->key[i]) continue;
            size_t slot = index_slot(&wider, x->key[i]);
            wider.key[slot] = x->key[i];
            wider.value[slot] = x->value[i];
        }
        free(x->key);
        free(x->value);
        *x = wider;
    }
    size_t i = index_slot(x, key);
    x->count += !x->key[i];
    x->key[i] = key;
    x->value[i] = value;
    return ERR_OK;
}

static void index_clear(struct index *x)
{
    free(x->key);
    free(x->value);
    *x = (struct index){0};
}

static uint64_t hash(const void *bytes, size_t size)
{
    uint64_t h = XXH64(bytes, size, 0);
    return h ? h : 1;
}

/* ---- identity ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct identity *x = a, *y = b;
    return strcmp(x->field->row.name, y->field->row.name);
}

static int identity_of(const struct plan_store *inner, const struct field *f)
{
    for (int i = 0; i < inner->n_identity; i++)
        if (inner->identity[i].field == f) return i;
    return -1;
}

/* "key=value\n", or "" at the default. */
static void identity_line(const struct field *f, const struct config *c, struct text *out)
{
    char value[TASK_PATH];
    if (!field_differs(f, c)) return;
    text_add(out, "%s=%s\n", f->row.name, field_text(f, c, value, sizeof value));
}

/* For which values of the field it depends on does the field apply? */
static enum err_code identity_link(struct plan *p, struct identity *id, struct err *e)
{
    const struct field *f = id->field;
    if (!f->only_key) return ERR_OK;
    const struct table *fields = &p->sweep->experiment->fields;
    const struct field *on = field_find(fields, f->only_key, NULL);
    int place = on ? identity_of(p->inner, on) : -1;
    INVARIANT(place >= 0 && on->type == FIELD_NAME);
    id->on = &p->inner->identity[place];
    id->applies = arena_array(&p->inner->arena, (size_t)on->names->count, sizeof(bool));
    if (!id->applies) return no_memory(e);
    struct field alone = *on; /* what it depends on itself is looked at on its own */
    alone.only_key = alone.only_names = NULL;
    struct field pair[2] = {*f, alone};
    struct table both = TABLE("setting", pair);
    struct config c = p->sweep->base;
    for (int i = 0; i < on->names->count; i++) {
        memcpy((char *)&c + on->offset, &i, sizeof i);
        id->applies[i] = field_applies(&pair[0], &both, &c);
    }
    return ERR_OK;
}

static enum err_code identity_setup(struct plan *p, struct err *e)
{
    struct plan_store *inner = p->inner;
    const struct table *fields = &p->sweep->experiment->fields;
    inner->identity =
        arena_array(&inner->arena, (size_t)fields->count, sizeof *inner->identity);
    if (!inner->identity) return no_memory(e);
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        if (!(f->flags & FIELD_IDENTITY)) continue;
        struct text line = {0};
        identity_line(f, &p->sweep->base, &line);
        struct identity *id = &inner->identity[inner->n_identity++];
        *id = (struct identity){.field = f,
                                .line = arena_text(&inner->arena, line.at ? line.at : "")};
        text_clear(&line);
        if (!id->line) return no_memory(e);
    }
    qsort(inner->identity, (size_t)inner->n_identity, sizeof *inner->identity, compare_keys);
    for (int i = 0; i < inner->n_identity; i++) TRY(identity_link(p, &inner->identity[i], e));
    return ERR_OK;
}

static bool identity_applies(const struct identity *id, const struct config *c)
{
    for (; id->on; id = id->on) {
        int row;
        memcpy(&row, (const char *)c + id->on->field->offset, sizeof row);
        if (!id->applies[row]) return false;
    }
    return true;
}

static uint64_t config_hash(const struct expansion *x)
{
    const struct sweep *s = x->plan->sweep;
    char text[MAX_IDENTITY];
    size_t used =
        (size_t)snprintf(text, sizeof text, "root=%llu\n", (unsigned long long)s->root);
    if (strcmp(s->experiment->row.name, "train") != 0)
        used += (size_t)snprintf(text + used, sizeof text - used, "experiment=%s\n",
                                 s->experiment->row.name);
    for (int i = 0; i < x->inner->n_identity; i++) {
        const struct identity *id = &x->inner->identity[i];
        if (!*id->line || !identity_applies(id, &x->config)) continue;
        size_t length = strcspn(id->line, "\n") + 1;
        INVARIANT(used + length < sizeof text);
        memcpy(text + used, id->line, length);
        used += length;
    }
    return hash(text, used);
}

/* ---- levels ---- */

static enum err_code level_setup(struct plan *p, const struct axis *axis, struct level *l,
                                 struct err *e)
{
    struct arena *arena = &p->inner->arena;
    size_t n = (size_t)axis->count * (size_t)axis->n_fields, k = 0;
    *l = (struct level){.axis = axis};
    l->line = arena_array(arena, n, sizeof *l->line);
    l->identity = arena_array(arena, (size_t)axis->n_fields, sizeof *l->identity);
    if (!l->line || !l->identity) return no_memory(e);
    for (int f = 0; f < axis->n_fields; f++)
        l->identity[f] = identity_of(p->inner, axis->field[f]);
    struct text text = {0};
    struct config c = p->sweep->base;
    text_add_bytes(&text, "", 1);
    for (int64_t i = 0; i < axis->count; i++) {
        sweep_axis_apply(axis, i, &c);
        for (int f = 0; f < axis->n_fields; f++) {
            size_t start = text.length;
            identity_line(axis->field[f], &c, &text);
            l->line[k++] = text.length > start ? start : 0;
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
    struct plan_store *inner = p->inner;
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
    int64_t stride = 1;
    for (int i = n - 1; i >= 0; i--) {
        inner->level[i].stride = stride;
        if (__builtin_mul_overflow(stride, inner->level[i].axis->count, &stride))
            return ERR(e, ERR_CONFIG, "%s: the axes have more than 2^63 combinations",
                       s->file->name);
    }
    return ERR_OK;
}

/* Does the condition hold of the configuration as it is? */
static bool holds(const struct sweep *s, const struct expr *condition, const struct config *c)
{
    struct sweep_values values = {&s->experiment->fields, c};
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

/* What the experiment refuses becomes a problem where the blamed key got its value. */
static void blame(struct expansion *x, const char *text)
{
    const struct sweep *s = x->plan->sweep;
    char key[2 * TASK_NAME];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(text, ": "), text);
    struct yaml_mark mark = sweep_mark(s, key);
    for (const struct yaml_problem *p = s->file->problem; p; p = p->before)
        if (p->mark.line == mark.line && p->mark.column == mark.column) return;
    if (x->n_problems++ < MAX_PROBLEMS) yaml_problem(s->file, mark, NULL, "%s", text);
}

/* The shape of the current configuration; -1 if the experiment refuses it. */
static enum err_code shape_find(struct expansion *x, int64_t *out, struct err *e)
{
    struct plan *p = x->plan;
    uint64_t key = shape_key(x);
    if (index_find(&x->shapes, key, out)) return ERR_OK;
    struct trial_shape shape;
    struct err why;
    memset(&shape, 0, sizeof shape); /* it is compared as bytes */
    enum err_code rc = p->sweep->experiment->shape(&x->config, &p->sweep->record, &shape, &why);
    if (rc == ERR_NOMEM) return no_memory(e);
    if (rc != ERR_OK) {
        blame(x, why.text);
        *out = -1;
        return index_put(&x->shapes, key, -1, e);
    }
    uint64_t content = XXH3_64bits(&shape, sizeof shape);
    content += content == 0;
    if (!index_find(&x->contents, content, out)) {
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
        TRY(index_put(&x->contents, content, *out, e));
    }
    return index_put(&x->shapes, key, *out, e);
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
    if (++x->visited > MAX_TRIALS)
        return ERR(e, ERR_CONFIG, "%s: more than %d combinations", s->file->name, MAX_TRIALS);
    for (int i = 0; i < s->n_exclude; i++) {
        if (!holds(s, s->exclude[i], &x->config)) continue;
        p->n_excluded++;
        return ERR_OK;
    }
    uint64_t id = config_hash(x);
    int64_t known;
    if (index_find(&x->configs, id, &known)) {
        p->n_duplicates++;
        return ERR_OK;
    }
    TRY(index_put(&x->configs, id, p->n_configs, e));
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
static bool claim(struct expansion *x, const struct level *l)
{
    for (int f = 0; f < l->axis->n_fields; f++) {
        const struct axis **owner = &x->owner[l->identity[f]];
        if (*owner && *owner != l->axis) {
            struct sweep *s = (struct sweep *)x->plan->sweep;
            if (x->n_problems++ < MAX_PROBLEMS)
                yaml_problem(s->file, l->axis->mark, NULL,
                             "%s is also set in line %d, and both conditions can hold at once",
                             l->axis->field[f]->row.name, (*owner)->mark.line);
            return false;
        }
    }
    for (int f = 0; f < l->axis->n_fields; f++) x->owner[l->identity[f]] = l->axis;
    return true;
}

static enum err_code expand(struct expansion *x, int depth, struct err *e)
{
    if (depth == x->inner->n_levels) return leaf(x, e);
    const struct level *l = &x->inner->level[depth];
    const struct axis *axis = l->axis;
    if (l->when && !holds(x->plan->sweep, l->when->condition, &x->config))
        return expand(x, l->past, e);
    if (!claim(x, l)) return ERR_OK;
    struct config *before = NULL; /* only a `when` hides values that must come back */
    const char *line[64];
    INVARIANT(axis->n_fields <= 64);
    struct config saved;
    if (depth >= x->plan->sweep->n_axes) {
        memcpy(&saved, &x->config, sizeof saved);
        before = &saved;
    }
    for (int f = 0; f < axis->n_fields; f++) line[f] = x->inner->identity[l->identity[f]].line;
    enum err_code rc = ERR_OK;
    int64_t place = x->place;
    for (int64_t i = 0; i < axis->count && rc == ERR_OK; i++) {
        sweep_axis_apply(axis, i, &x->config);
        for (int f = 0; f < axis->n_fields; f++)
            x->inner->identity[l->identity[f]].line = l->text + l->line[i * axis->n_fields + f];
        x->place = place + i * l->stride;
        rc = expand(x, depth + 1, e);
    }
    x->place = place;
    if (before) memcpy(&x->config, before, sizeof *before);
    for (int f = 0; f < axis->n_fields; f++) {
        x->inner->identity[l->identity[f]].line = line[f];
        x->owner[l->identity[f]] = NULL;
    }
    return rc;
}

/* Distinct fields of all levels, in the order of the file. */
static enum err_code candidates(struct expansion *x, struct err *e)
{
    struct plan_store *inner = x->inner;
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

static enum err_code expand_all(struct plan *p, struct err *e)
{
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
    index_clear(&x->configs);
    index_clear(&x->shapes);
    index_clear(&x->contents);
    free(x);
    return rc;
}

/* ---- order and lookup ---- */

static double shape_flops(const struct trial_shape *shape)
{
    return shape->train_flops + shape->eval_flops;
}

static int compare_flops(const void *a, const void *b, void *plan)
{
    const struct plan *p = plan;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    double x = shape_flops(&p->shape[i]), y = shape_flops(&p->shape[j]);
    return (x < y) - (x > y);
}

/* Counting sort by the rank of the shape's cost: shapes are few, trials many, and ties keep the
 * order of the file. */
static enum err_code order_longest_first(struct plan *p, struct err *e)
{
    size_t n = (size_t)p->n_shapes + 1;
    int64_t *by_cost = calloc(n, sizeof *by_cost), *rank = calloc(n, sizeof *rank);
    int64_t *start = calloc(n + 1, sizeof *start);
    enum err_code rc = by_cost && rank && start ? ERR_OK : no_memory(e);
    if (rc != ERR_OK) goto out;
    for (int64_t i = 0; i < p->n_shapes; i++) by_cost[i] = i;
    qsort_r(by_cost, (size_t)p->n_shapes, sizeof *by_cost, compare_flops, p);
    for (int64_t i = 1; i < p->n_shapes; i++) {
        bool tie = compare_flops(&by_cost[i - 1], &by_cost[i], p) == 0;
        rank[by_cost[i]] = rank[by_cost[i - 1]] + !tie;
    }
    int64_t seeds = p->sweep->seeds;
    for (int64_t c = 0; c < p->n_configs; c++) start[rank[p->shape_of[c]] + 1] += seeds;
    for (int64_t i = 0; i < p->n_shapes; i++) start[i + 1] += start[i];
    for (int64_t c = 0; c < p->n_configs; c++) {
        int64_t *at = &start[rank[p->shape_of[c]]];
        for (int64_t s = 0; s < seeds; s++) p->order[(*at)++] = c * seeds + s;
    }
out:
    free(by_cost);
    free(rank);
    free(start);
    return rc;
}

static enum err_code make_order(struct plan *p, struct err *e)
{
    p->order = malloc(((size_t)p->n_trials + 1) * sizeof *p->order);
    if (!p->order) return no_memory(e);
    const char *how = table_row(&sweep_run_orders, p->sweep->run.order)->name;
    if (strcmp(how, "longest_first") == 0) return order_longest_first(p, e);
    for (int64_t t = 0; t < p->n_trials; t++) p->order[t] = t;
    return ERR_OK;
}

static enum err_code make_lookup(struct plan *p, struct err *e)
{
    struct plan_store *inner = p->inner;
    inner->n_found = 1024;
    while (inner->n_found < 2 * (size_t)p->n_trials) inner->n_found *= 2;
    inner->found = calloc(inner->n_found, sizeof *inner->found);
    if (!inner->found) return no_memory(e);
    for (int64_t t = 0; t < p->n_trials; t++) {
        size_t i = plan_id(p, t) & (inner->n_found - 1);
        while (inner->found[i]) i = (i + 1) & (inner->n_found - 1);
        inner->found[i] = (uint32_t)(t + 1);
    }
    return ERR_OK;
}

/* ---- public ---- */

static enum err_code check(const struct plan *p, struct err *e)
{
    struct sweep *s = (struct sweep *)p->sweep;
    if (p->n_configs == 0 && s->file->n_problems == 0)
        yaml_problem(s->file, sweep_mark(s, "sweep.exclude"), NULL,
                     "nothing is left to run: all %lld combinations are excluded",
                     (long long)p->n_excluded);
    if (p->n_configs > MAX_TRIALS / s->seeds)
        yaml_problem(s->file, sweep_mark(s, "sweep.seeds"), NULL, "more than %d trials",
                     MAX_TRIALS);
    sweep_set_explain(s);
    if (s->file->n_problems == 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: %d error%s", s->file->name, s->file->n_problems,
               s->file->n_problems == 1 ? "" : "s");
}

enum err_code plan_create(const struct sweep *sweep, struct plan **out, struct err *e)
{
    *out = NULL;
    struct plan *p = calloc(1, sizeof *p);
    if (!p) return no_memory(e);
    p->sweep = sweep;
    p->inner = calloc(1, sizeof *p->inner);
    enum err_code rc = p->inner ? ERR_OK : no_memory(e);
    if (rc == ERR_OK) rc = identity_setup(p, e);
    if (rc == ERR_OK) rc = levels_setup(p, e);
    if (rc == ERR_OK) rc = expand_all(p, e);
    if (rc == ERR_OK) rc = check(p, e);
    p->n_trials = p->n_configs * sweep->seeds;
    if (rc == ERR_OK) rc = make_order(p, e);
    if (rc == ERR_OK) rc = make_lookup(p, e);
    if (rc != ERR_OK) {
        plan_destroy(p);
        return rc;
    }
    *out = p;
    return ERR_OK;
}

void plan_destroy(struct plan *p)
{
    if (!p) return;
    free(p->config_id);
    free(p->shape_of);
    free(p->shape);
    free(p->order);
    if (p->inner) {
        arena_clear(&p->inner->arena);
        free(p->inner->place);
        free(p->inner->found);
    }
    free(p->inner);
    free(p);
}

int64_t plan_config_of(const struct plan *p, int64_t trial)
{
    return trial / p->sweep->seeds;
}

uint64_t plan_seed(const struct plan *p, int64_t trial)
{
    return (uint64_t)(trial % p->sweep->seeds);
}

uint64_t plan_id(const struct plan *p, int64_t trial)
{
    uint64_t pair[2] = {htole64(p->config_id[plan_config_of(p, trial)]),
                        htole64(plan_seed(p, trial))};
    return hash(pair, sizeof pair);
}

int64_t plan_find(const struct plan *p, uint64_t id)
{
    const struct plan_store *inner = p->inner;
    for (size_t i = id & (inner->n_found - 1); inner->found[i];
         i = (i + 1) & (inner->n_found - 1)) {
        int64_t t = (int64_t)inner->found[i] - 1;
        if (plan_id(p, t) == id) return t;
    }
    return -1;
}

void plan_config(const struct plan *p, int64_t c, struct config *out)
{
    const struct plan_store *inner = p->inner;
    int64_t place = inner->place[c];
    memcpy(out, &p->sweep->base, sizeof *out);
    for (int i = 0; i < inner->n_levels; i++) {
        const struct level *l = &inner->level[i];
        if (l->when && !holds(p->sweep, l->when->condition, out)) {
            i = l->past - 1;
            continue;
        }
        sweep_axis_apply(l->axis, place / l->stride % l->axis->count, out);
    }
}

const struct trial_shape *plan_shape(const struct plan *p, int64_t trial)
{
    return &p->shape[p->shape_of[plan_config_of(p, trial)]];
}

double plan_flops(const struct plan *p, int64_t trial)
{
    return shape_flops(plan_shape(p, trial));
}
