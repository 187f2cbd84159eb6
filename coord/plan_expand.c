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
    int s; /* the stage that is being expanded */
    const struct stage *stage;
    struct plan_part *part;
    struct config config;
    int64_t
        need[TASK_MAX_PARENTS + 1]; /* of the current configuration, as in struct plan_part */
    struct parents parents;
    int64_t place, visited, capacity, shape_capacity;
    struct plan_index configs, shapes, contents; /* config id; settings; what a shape holds */
    const struct axis **owner;      /* [n_identity] who set the field in this branch */
    const struct field **candidate; /* fields of all axes */
    bool *varies;
    int n_candidates, n_problems;
    int *candidate_at;         /* [n_candidates] place among the identity fields */
    struct config first;       /* configuration 0, to see what varies */
    struct config stage_first; /* the first one of the stage */
    struct plan_index takes;   /* shapes with a choice that were looked at */
};

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

static enum err_code too_many(const struct sweep *s, const struct stage *stage, struct err *e)
{
    yaml_problem(s->file, sweep_mark(s, stage, "sweep.axes"), NULL, "more than %d combinations",
                 PLAN_MAX_TRIALS);
    return ERR(e, ERR_CONFIG, "%s: 1 error", s->file->name);
}

/* ---- levels ---- */

static enum err_code level_setup(struct plan *p, const struct stage *stage,
                                 const struct axis *axis, struct plan_level *l, struct err *e)
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
    struct config c = stage->base;
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

static enum err_code levels_setup(struct plan *p, int k, struct err *e)
{
    const struct stage *s = &p->sweep->stage[k];
    struct plan_part *part = &p->inner->part[k];
    int n = s->n_axes;
    for (int w = 0; w < s->n_when; w++) n += s->when[w].n_axes;
    part->level = arena_array(&p->inner->arena, (size_t)n + 1, sizeof *part->level);
    if (!part->level) return no_memory(e);
    for (int i = 0; i < s->n_axes; i++)
        TRY(level_setup(p, s, &s->axis[i], &part->level[part->n_levels++], e));
    for (int w = 0; w < s->n_when; w++) {
        const struct when *when = &s->when[w];
        int first = part->n_levels;
        for (int i = 0; i < when->n_axes; i++)
            TRY(level_setup(p, s, &when->axis[i], &part->level[part->n_levels++], e));
        if (when->n_axes == 0) continue;
        part->level[first].when = when;
        part->level[first].past = part->n_levels;
    }
    int64_t stride = 1, all = 1;
    for (int i = n - 1; i >= 0; i--) {
        part->level[i].stride = stride;
        if (__builtin_mul_overflow(stride, part->level[i].axis->count, &stride))
            return too_many(p->sweep, s, e);
    }
    for (int i = 0; i < s->n_axes; i++) all *= s->axis[i].count; /* a factor of stride */
    return all > PLAN_MAX_TRIALS ? too_many(p->sweep, s, e) : ERR_OK;
}

/* Does the condition hold of the configuration as it is? */
bool plan_holds(const struct sweep *s, const struct expr *condition, const struct config *c)
{
    struct sweep_values values = {s->experiment->fields, c};
    return expr_true(condition, sweep_lookup, &values);
}

/* ---- shapes ---- */

/* Hash of the settings that may change a trial's size or cost: all but real numbers (a learning
 * rate). */
static uint64_t config_key(const struct expansion *x, const struct config *config)
{
    struct config c;
    memcpy(&c, config, sizeof c);
    for (int i = 0; i < x->inner->n_identity; i++) {
        const struct field *f = x->inner->identity[i].field;
        if (f->type == FIELD_FLOAT) memset((char *)&c + f->offset, 0, sizeof(double));
    }
    return XXH3_64bits(&c, sizeof c);
}

/* The same of the current configuration and its parents. */
static uint64_t shape_key(const struct expansion *x)
{
    uint64_t h = config_key(x, &x->config);
    for (int i = 0; i < x->parents.n; i++) {
        int64_t of = x->need[i] < 0 ? -1 : x->plan->shape_of[x->need[i]];
        uint64_t words[4] = {h, (uint64_t)x->parents.parent[i].role, (uint64_t)of,
                             config_key(x, &x->parents.parent[i].config)};
        h = XXH3_64bits(words, sizeof words);
    }
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
    struct yaml_mark mark = sweep_mark(s, x->stage, key);
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
    enum err_code rc =
        p->sweep->experiment->shape(&x->config, &x->parents, &p->sweep->record, &shape, &why);
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

static bool differs(const struct field *f, const struct config *a, const struct config *b)
{
    return memcmp((const char *)a + f->offset, (const char *)b + f->offset, field_size(f)) != 0;
}

static void note_variation(struct expansion *x)
{
    for (int i = 0; i < x->n_candidates; i++) {
        const struct field *f = x->candidate[i];
        bool *here = &x->part->varies[x->candidate_at[i]];
        x->varies[i] = x->varies[i] || differs(f, &x->config, &x->first);
        *here = *here || differs(f, &x->config, &x->stage_first);
    }
}

/* Makes room for what the current configuration needs, and notes it. */
static enum err_code keep_needs(struct expansion *x, int64_t c, struct err *e)
{
    struct plan_part *part = x->part;
    size_t n = (size_t)part->n_needs;
    int64_t at = c - x->plan->stage[x->s].first_config;
    if (at == part->capacity) {
        size_t more = 2 * (size_t)part->capacity + 64;
        void *grown = realloc(part->need, more * n * sizeof *part->need);
        if (!grown) return no_memory(e);
        part->need = grown;
        part->capacity = (int64_t)more;
    }
    memcpy(part->need + (size_t)at * n, x->need, n * sizeof *part->need);
    return ERR_OK;
}

/* What is taken from the best of others must leave sizes and costs as they are: they are known
 * before it is. */
static enum err_code check_takes(struct expansion *x, int64_t group, int64_t shape,
                                 struct err *e)
{
    const struct plan_match *m = &x->part->best;
    uint64_t words[2] = {(uint64_t)(x->part->first_group + group + 1), (uint64_t)shape};
    uint64_t key = plan_hash(words, sizeof words);
    int64_t known;
    struct config config;
    if (plan_index_find(&x->takes, key, &known)) return ERR_OK;
    memcpy(&config, &x->config, sizeof config);
    for (int64_t i = m->start[group]; i < m->start[group + 1]; i++) {
        struct config from;
        int64_t taken;
        plan_config(x->plan, m->member[i], &from);
        plan_take(x->plan, x->s, &from, &x->config);
        TRY(shape_find(x, &taken, e));
        memcpy(&x->config, &config, sizeof config);
        if (taken < 0 || taken == shape) continue;
        yaml_problem(x->plan->sweep->file, x->stage->best.mark,
                     "take settings such as optim.lr, and make the others an axis",
                     "best: %s changes the size or the cost of a trial, which must be known "
                     "before",
                     x->stage->best.take[0]->row.name);
        break;
    }
    return plan_index_put(&x->takes, key, 1, e);
}

/* Equal to a configuration that is there: merged, unless it is one of another stage. */
static void note_duplicate(struct expansion *x, int64_t known)
{
    struct plan *p = x->plan;
    p->n_duplicates++;
    if (known >= p->stage[x->s].first_config || x->n_problems++ >= MAX_PROBLEMS) return;
    yaml_problem(p->sweep->file, x->stage->mark, "leave it out of one of the two",
                 "stages '%s' and '%s' have a trial in common", x->stage->name,
                 p->sweep->stage[plan_stage_of(p, known)].name);
}

/* The configuration is complete, with all that it needs: keep it unless it is there already. */
static enum err_code keep_config(struct expansion *x, struct err *e)
{
    struct plan *p = x->plan;
    struct text needs = {0};
    if (x->part->n_needs) plan_needs_lines(p, x->s, x->need, &needs);
    uint64_t id = plan_identity_hash(p, &x->config, needs.at ? needs.at : "");
    text_clear(&needs);
    int64_t known, shape, group = x->part->n_needs ? x->need[x->stage->n_from] : -1;
    if (plan_index_find(&x->configs, id, &known)) {
        note_duplicate(x, known);
        return ERR_OK;
    }
    TRY(plan_index_put(&x->configs, id, p->n_configs, e));
    TRY(configs_reserve(x, e));
    int64_t c = p->n_configs++;
    p->stage[x->s].n_configs++;
    p->config_id[c] = id;
    x->inner->place[c] = x->place;
    if (c == 0) memcpy(&x->first, &x->config, sizeof x->first);
    if (c == p->stage[x->s].first_config)
        memcpy(&x->stage_first, &x->config, sizeof x->stage_first);
    note_variation(x);
    if (x->part->n_needs) {
        TRY(keep_needs(x, c, e));
        plan_parents_of(p, x->s, &x->config, x->need, &x->parents);
    }
    TRY(shape_find(x, &shape, e));
    p->shape_of[c] = shape;
    return group >= 0 && shape >= 0 ? check_takes(x, group, shape, e) : ERR_OK;
}

/* No configuration, or too many, of stage `of` fit the current one. */
static void blame_match(struct expansion *x, const struct plan_match *m, int of,
                        struct yaml_mark mark)
{
    const struct sweep *s = x->plan->sweep;
    struct text with = {0};
    for (int i = 0; i < m->n_fields; i++) {
        char value[TASK_PATH];
        text_add(&with, "%s%s = %s", i ? " and " : " with ", m->field[i]->row.name,
                 field_text(m->field[i], &x->config, value, sizeof value));
    }
    if (x->n_problems++ < MAX_PROBLEMS)
        yaml_problem(s->file, mark, "both stages need the same values there",
                     "stage '%s' has no trial%s for stage '%s'", s->stage[of].name,
                     with.at ? with.at : "", x->stage->name);
    text_clear(&with);
}

/* The configuration once for each choice of parents from the k-th on. */
static enum err_code match_parents(struct expansion *x, int k, struct err *e)
{
    const struct stage_best *best = &x->stage->best;
    const struct stage_from *from = &x->stage->from[k];
    if (k == x->stage->n_from) {
        x->need[k] = best->stage >= 0 ? plan_match_find(&x->part->best, &x->config) : -1;
        if (best->stage < 0 || x->need[k] >= 0) return keep_config(x, e);
        blame_match(x, &x->part->best, best->stage, best->mark);
        return ERR_OK;
    }
    x->need[k] = -1;
    if (from->stage < 0) return match_parents(x, k + 1, e);
    const struct plan_match *m = &x->part->match[k];
    int64_t group = plan_match_find(m, &x->config);
    if (group < 0) blame_match(x, m, from->stage, from->mark);
    for (int64_t i = group < 0 ? 0 : m->start[group]; group >= 0 && i < m->start[group + 1];
         i++) {
        x->need[k] = m->member[i];
        TRY(match_parents(x, k + 1, e));
    }
    return ERR_OK;
}

/* All settings of its own are there: is it wanted? */
static enum err_code leaf(struct expansion *x, struct err *e)
{
    struct plan *p = x->plan;
    if (++x->visited > PLAN_MAX_TRIALS) return too_many(p->sweep, x->stage, e);
    for (int i = 0; i < x->stage->n_exclude; i++) {
        if (!plan_holds(p->sweep, x->stage->exclude[i], &x->config)) continue;
        p->n_excluded++;
        return ERR_OK;
    }
    return x->part->n_needs ? match_parents(x, 0, e) : keep_config(x, e);
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
    if (depth == x->part->n_levels) return leaf(x, e);
    const struct plan_level *l = &x->part->level[depth];
    const struct axis *axis = l->axis;
    struct plan_identity *identity = x->inner->identity;
    if (l->when && !plan_holds(x->plan->sweep, l->when->condition, &x->config))
        return expand(x, l->past, e);
    if (!claim(x, l)) return ERR_OK;
    bool inside = depth >= x->stage->n_axes; /* a `when`: what it hides must come back */
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

static void add_candidate(struct expansion *x, const struct field *f)
{
    for (int k = 0; k < x->n_candidates; k++)
        if (x->candidate[k] == f) return;
    x->candidate_at[x->n_candidates] = plan_identity_of(x->inner, f);
    x->candidate[x->n_candidates++] = f;
}

/* Distinct fields of all levels, in the order of the file; then those in whose base stages
 * differ. */
static enum err_code candidates(struct expansion *x, struct err *e)
{
    struct plan_inner *inner = x->inner;
    const struct sweep *s = x->plan->sweep;
    size_t most = (size_t)inner->n_identity;
    x->owner = arena_array(&inner->arena, most + 1, sizeof *x->owner);
    x->candidate = arena_array(&inner->arena, most + 1, sizeof *x->candidate);
    x->candidate_at = arena_array(&inner->arena, most + 1, sizeof *x->candidate_at);
    x->varies = arena_array(&inner->arena, most + 1, sizeof *x->varies);
    if (!x->owner || !x->candidate || !x->candidate_at || !x->varies) return no_memory(e);
    for (int k = 0; k < s->n_stages; k++)
        for (int i = 0; i < inner->part[k].n_levels; i++) {
            const struct axis *axis = inner->part[k].level[i].axis;
            for (int f = 0; f < axis->n_fields; f++) add_candidate(x, axis->field[f]);
        }
    for (int i = 0; i < inner->n_identity; i++)
        for (int k = 1; k < s->n_stages; k++) {
            const struct field *f = inner->identity[i].field;
            if (differs(f, &s->stage[0].base, &s->stage[k].base)) add_candidate(x, f);
        }
    return ERR_OK;
}

static enum err_code expand_stage(struct expansion *x, int s, struct err *e)
{
    struct plan *p = x->plan;
    x->s = s;
    x->stage = &p->sweep->stage[s];
    x->part = &x->inner->part[s];
    x->place = 0;
    x->parents = (struct parents){0};
    p->stage[s].first_config = p->n_configs;
    memcpy(&x->config, &x->stage->base, sizeof x->config);
    for (int i = 0; i < x->inner->n_identity; i++)
        x->inner->identity[i].line = x->part->base[i];
    TRY(plan_needs_setup(p, s, e));
    return p->sweep->file->n_problems ? ERR_OK : expand(x, 0, e);
}

enum err_code plan_expand(struct plan *p, struct err *e)
{
    const struct sweep *s = p->sweep;
    for (int k = 0; k < p->n_stages; k++) TRY(levels_setup(p, k, e));
    struct expansion *x = calloc(1, sizeof *x);
    if (!x) return no_memory(e);
    x->plan = p;
    x->inner = p->inner;
    enum err_code rc = candidates(x, e);
    for (int i = 0; i < p->n_stages && rc == ERR_OK; i++) {
        rc = expand_stage(x, s->stage_order[i], e);
        if (s->file->n_problems) break; /* what needs it would only repeat them */
    }
    if (rc == ERR_OK && s->file->n_problems == 0) rc = plan_needs_end(p, e);
    p->varied = x->candidate;
    for (int i = 0; i < x->n_candidates; i++)
        if (x->varies[i]) p->varied[p->n_varied++] = x->candidate[i];
    plan_index_clear(&x->configs);
    plan_index_clear(&x->shapes);
    plan_index_clear(&x->contents);
    plan_index_clear(&x->takes);
    free(x);
    return rc;
}
