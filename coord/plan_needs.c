/* plan_needs.c - what the configurations of a stage need of others: networks of parents, and
 * the best of a group.
 *
 * A child and a parent belong together when they agree in every setting that varies in the
 * parent's stage and is an axis of the child's. A configuration that needs others adds to its
 * identity text, in the order of roles (of one role: in that of the file),
 *
 *     from.ROLE=ID\n                      the parent's configuration id, 16 hex digits
 *     from.ROLE=file:HASH\n               XXH64 of the file's bytes, then
 *     from.ROLE.KEY=VALUE\n               for each setting of its network that the file gives
 *     best=METRIC take=KEYS of=HASH\n     of the candidates' ids and numbers of seeds
 *
 * but no stage's name: renaming a stage trains nothing anew. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "coord/plan_inner.h"

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

/* ---- groups ---- */

static uint64_t values_key(const struct plan_match *m, const struct config *c)
{
    uint64_t h = 1;
    for (int i = 0; i < m->n_fields; i++)
        h = XXH64((const char *)c + m->field[i]->offset, field_size(m->field[i]), h);
    return h ? h : 1;
}

int64_t plan_match_find(const struct plan_match *m, const struct config *c)
{
    int64_t group;
    return plan_index_find(&m->groups, values_key(m, c), &group) ? group : -1;
}

static bool among(const struct field *const *list, int n, const struct field *f)
{
    for (int i = 0; i < n; i++)
        if (list[i] == f) return true;
    return false;
}

/* The fields by which stage s and stage `of` are matched. best: NULL for a parent. */
static enum err_code match_fields(struct plan *p, int s, int of, const struct stage_best *best,
                                  struct plan_match *m, struct err *e)
{
    struct plan_inner *inner = p->inner;
    const struct plan_part *part = &inner->part[of];
    m->field = arena_array(&inner->arena, (size_t)inner->n_identity + 1, sizeof *m->field);
    if (!m->field) return no_memory(e);
    for (int i = 0; i < inner->n_identity; i++) {
        const struct field *f = inner->identity[i].field;
        bool both = part->varies[i] && sweep_axis_of(&p->sweep->stage[s], f);
        if (best) {
            both = both || among(best->per, best->n_per, f);
            both = both && !among(best->take, best->n_take, f);
        }
        if (both) m->field[m->n_fields++] = f;
    }
    return ERR_OK;
}

/* Sorts the configurations of a stage into their groups. */
static enum err_code match_fill(struct plan *p, int of, struct plan_match *m, struct err *e)
{
    const struct plan_stage *stage = &p->stage[of];
    size_t n = (size_t)stage->n_configs;
    int64_t *group_of = malloc((n + 1) * sizeof *group_of);
    m->member = malloc((n + 1) * sizeof *m->member);
    m->start = calloc(n + 2, sizeof *m->start);
    enum err_code rc = group_of && m->member && m->start ? ERR_OK : no_memory(e);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        struct config c;
        plan_config(p, stage->first_config + (int64_t)i, &c);
        uint64_t key = values_key(m, &c);
        if (!plan_index_find(&m->groups, key, &group_of[i])) {
            group_of[i] = m->n_groups++;
            rc = plan_index_put(&m->groups, key, group_of[i], e);
        }
        m->start[group_of[i] + 1]++;
    }
    for (int64_t g = 0; rc == ERR_OK && g < m->n_groups; g++) m->start[g + 1] += m->start[g];
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        m->member[m->start[group_of[i]]++] = stage->first_config + (int64_t)i;
    if (rc == ERR_OK) { /* each start has become the next one's */
        memmove(m->start + 1, m->start, (size_t)m->n_groups * sizeof *m->start);
        m->start[0] = 0;
    }
    free(group_of);
    return rc;
}

/* ---- setup of a stage ---- */

static enum err_code hash_file(struct plan *p, const struct stage_from *f, uint64_t *out,
                               struct err *e)
{
    enum { BLOCK = 1 << 20 };
    FILE *in = fopen(f->path, "rb");
    XXH64_state_t *state = XXH64_createState();
    char *block = malloc(BLOCK);
    enum err_code rc = state && block ? ERR_OK : no_memory(e);
    if (rc == ERR_OK && in) {
        size_t n;
        XXH64_reset(state, 0);
        while ((n = fread(block, 1, BLOCK, in)) > 0) XXH64_update(state, block, n);
        *out = XXH64_digest(state);
    }
    if (rc == ERR_OK && (!in || ferror(in)))
        yaml_problem(p->sweep->file, f->mark, NULL, "cannot read '%s': %s", f->path,
                     strerror(errno));
    free(block);
    XXH64_freeState(state);
    if (in) fclose(in);
    return rc;
}

/* A parent of one seed serves all; else every seed of the stage needs one of its own. */
static void check_seeds(struct plan *p, int s, int k)
{
    const struct stage_from *from = &p->sweep->stage[s].from[k];
    int64_t own = p->stage[s].seeds, theirs = p->stage[from->stage].seeds;
    struct plan_part *part = &p->inner->part[s];
    if (theirs > 1 && theirs < own)
        yaml_problem(p->sweep->file, from->mark, "give both as many, or the parent one for all",
                     "stage '%s' has %lld seeds, its parent '%s' only %lld",
                     p->sweep->stage[s].name, (long long)own, p->sweep->stage[from->stage].name,
                     (long long)theirs);
    bool one_for_all = theirs == 1 && own > 1;
    uint64_t words[4] = {htole64(part->shared), htole64((uint64_t)from->role), one_for_all,
                         htole64(one_for_all ? 0 : p->inner->part[from->stage].shared)};
    if (words[2] || words[3]) part->shared = plan_hash(words, sizeof words);
}

enum err_code plan_needs_setup(struct plan *p, int s, struct err *e)
{
    const struct stage *stage = &p->sweep->stage[s];
    struct plan_inner *inner = p->inner;
    struct plan_part *part = &inner->part[s];
    if (stage->n_from == 0 && stage->best.stage < 0) return ERR_OK;
    part->n_needs = stage->n_from + 1;
    for (int k = 0; k < stage->n_from; k++) {
        int of = stage->from[k].stage;
        if (of < 0) {
            TRY(hash_file(p, &stage->from[k], &part->file[k], e));
            continue;
        }
        check_seeds(p, s, k);
        TRY(match_fields(p, s, of, NULL, &part->match[k], e));
        TRY(match_fill(p, of, &part->match[k], e));
    }
    if (stage->best.stage < 0) return ERR_OK;
    TRY(match_fields(p, s, stage->best.stage, &stage->best, &part->best, e));
    TRY(match_fill(p, stage->best.stage, &part->best, e));
    part->first_group = inner->n_choices;
    inner->n_choices += part->best.n_groups;
    return ERR_OK;
}

static void match_clear(struct plan_match *m)
{
    plan_index_clear(&m->groups);
    free(m->start);
    free(m->member);
}

void plan_needs_clear(struct plan_inner *inner, int n_stages)
{
    for (int s = 0; inner->part && s < n_stages; s++) {
        for (int k = 0; k < TASK_MAX_PARENTS; k++) match_clear(&inner->part[s].match[k]);
        match_clear(&inner->part[s].best);
        free(inner->part[s].need);
    }
}

static enum err_code mark_parents(struct plan *p, struct err *e)
{
    p->inner->keeps = calloc((size_t)p->n_configs + 1, 1);
    if (!p->inner->keeps) return no_memory(e);
    for (int s = 0; s < p->n_stages; s++) {
        const struct plan_part *part = &p->inner->part[s];
        for (int64_t i = 0; part->n_needs && i < p->stage[s].n_configs; i++)
            for (int k = 0; k < part->n_needs - 1; k++) {
                int64_t parent = part->need[i * part->n_needs + k];
                if (parent >= 0) p->inner->keeps[parent] = 1;
            }
    }
    return ERR_OK;
}

static void add_joined(struct plan *p, int stage, const struct field *f)
{
    for (int i = 0; i < p->n_joined; i++)
        if (p->joined[i].stage == stage && p->joined[i].field == f) return;
    p->joined[p->n_joined++] = (struct plan_joined){stage, f};
}

/* What varies in a parent and is no axis of the child. */
static void add_all_joined(struct plan *p, int s, int of)
{
    for (int i = 0; i < p->inner->n_identity; i++) {
        const struct field *f = p->inner->identity[i].field;
        bool varies = p->inner->part[of].varies[i];
        if (varies && !sweep_axis_of(&p->sweep->stage[s], f)) add_joined(p, of, f);
    }
}

enum err_code plan_needs_end(struct plan *p, struct err *e)
{
    bool any = false;
    for (int s = 0; s < p->n_stages; s++) any = any || p->sweep->stage[s].n_from;
    if (!any) return ERR_OK;
    size_t most = (size_t)p->n_stages * (size_t)p->inner->n_identity;
    p->joined = arena_array(&p->inner->arena, most + 1, sizeof *p->joined);
    if (!p->joined) return no_memory(e);
    for (int s = 0; s < p->n_stages; s++)
        for (int k = 0; k < p->sweep->stage[s].n_from; k++)
            if (p->sweep->stage[s].from[k].stage >= 0)
                add_all_joined(p, s, p->sweep->stage[s].from[k].stage);
    return mark_parents(p, e);
}

/* ---- one configuration ---- */

void plan_parents_of(const struct plan *p, int s, const struct config *c, const int64_t *parent,
                     struct parents *out)
{
    const struct stage *stage = &p->sweep->stage[s];
    out->n = stage->n_from;
    for (int k = 0; k < out->n; k++) {
        const struct stage_from *from = &stage->from[k];
        struct parent *at = &out->parent[k];
        memset(at, 0, sizeof *at); /* it travels as bytes */
        at->role = from->role;
        at->row = -1;
        if (parent[k] >= 0) {
            plan_config(p, parent[k], &at->config);
            if (p->shape_of[parent[k]] >= 0) at->net = p->shape[p->shape_of[parent[k]]].net;
            continue;
        }
        memcpy(&at->config, c, sizeof at->config);
        for (int i = 0; i < from->n_set; i++) sweep_axis_apply(&from->set[i], 0, &at->config);
        memcpy(at->path, from->path, sizeof at->path);
    }
}

void plan_take(const struct plan *p, int s, const struct config *from, struct config *to)
{
    const struct stage_best *b = &p->sweep->stage[s].best;
    for (int i = 0; i < b->n_take; i++) {
        const struct field *f = b->take[i];
        memcpy((char *)to + f->offset, (const char *)from + f->offset, field_size(f));
    }
}

static void file_lines(const struct stage_from *from, uint64_t hash, const char *role,
                       struct text *out)
{
    text_add(out, "from.%s=file:%016llx\n", role, (unsigned long long)hash);
    for (int i = 0; i < from->n_set; i++) {
        const struct field *f = from->set[i].field[0];
        struct config c;
        char value[TASK_PATH];
        memset(&c, 0, sizeof c);
        sweep_axis_apply(&from->set[i], 0, &c);
        text_add(out, "from.%s.%s=%s\n", role, f->row.name,
                 field_text(f, &c, value, sizeof value));
    }
}

/* Keys are written in the order of the table, as the file may list them in any. */
static void best_line(const struct plan *p, int s, int64_t group, struct text *out)
{
    const struct stage_best *b = &p->sweep->stage[s].best;
    const struct plan_match *m = &p->inner->part[s].best;
    text_add(out, "best=%s take=", b->by);
    for (int i = 0, n = 0; i < p->inner->n_identity; i++) {
        const struct field *f = p->inner->identity[i].field;
        if (among(b->take, b->n_take, f)) text_add(out, "%s%s", n++ ? "," : "", f->row.name);
    }
    uint64_t of = htole64((uint64_t)p->stage[b->stage].seeds);
    for (int64_t i = m->start[group]; i < m->start[group + 1]; i++) {
        uint64_t id = htole64(p->config_id[m->member[i]]);
        of = htole64(XXH64(&id, sizeof id, of));
    }
    text_add(out, " of=%016llx\n", (unsigned long long)of);
}

void plan_needs_lines(const struct plan *p, int s, const int64_t *need, struct text *out)
{
    const struct stage *stage = &p->sweep->stage[s];
    for (int role = 0; role < roles.count; role++)
        for (int k = 0; k < stage->n_from; k++) {
            const struct stage_from *from = &stage->from[k];
            const char *name = table_row(&roles, role)->name;
            if (from->role != role) continue;
            if (from->stage < 0)
                file_lines(from, p->inner->part[s].file[k], name, out);
            else
                text_add(out, "from.%s=%016llx\n", name,
                         (unsigned long long)p->config_id[need[k]]);
        }
    if (stage->best.stage >= 0) best_line(p, s, need[stage->n_from], out);
}

/* ---- of a plan that is made ---- */

/* What configuration c needs, as in struct plan_part; NULL: nothing. */
static const int64_t *need_of(const struct plan *p, int64_t c, int *s)
{
    *s = plan_stage_of(p, c);
    const struct plan_part *part = &p->inner->part[*s];
    if (part->n_needs == 0) return NULL;
    return part->need + (c - p->stage[*s].first_config) * part->n_needs;
}

int64_t plan_parent(const struct plan *p, int64_t t, int k)
{
    int s;
    int64_t c = plan_config_of(p, t);
    const int64_t *need = need_of(p, c, &s);
    if (!need || k >= p->sweep->stage[s].n_from || need[k] < 0) return -1;
    bool one = p->stage[p->sweep->stage[s].from[k].stage].seeds == 1;
    return plan_trial(p, need[k], one ? 0 : plan_seed(p, t));
}

void plan_parents(const struct plan *p, int64_t t, const int64_t *row, struct parents *out)
{
    int s;
    int64_t c = plan_config_of(p, t);
    const int64_t *need = need_of(p, c, &s);
    struct config config;
    out->n = 0;
    if (!need) return;
    plan_config(p, c, &config);
    plan_parents_of(p, s, &config, need, out);
    for (int k = 0; k < out->n; k++) {
        int64_t parent = plan_parent(p, t, k);
        if (parent >= 0) out->parent[k].row = row ? row[parent] : parent;
    }
}

int64_t plan_ancestor(const struct plan *p, int64_t c, int stage)
{
    int s;
    const int64_t *need = need_of(p, c, &s);
    if (s == stage) return c;
    for (int k = 0; need && k < p->sweep->stage[s].n_from; k++) {
        int64_t found = need[k] >= 0 ? plan_ancestor(p, need[k], stage) : -1;
        if (found >= 0) return found;
    }
    return -1;
}

bool plan_keeps(const struct plan *p, int64_t trial)
{
    if (p->sweep->keep_weights) return true;
    return p->inner->keeps && p->inner->keeps[plan_config_of(p, trial)];
}

int64_t plan_choice(const struct plan *p, int64_t trial)
{
    int s;
    const int64_t *need = need_of(p, plan_config_of(p, trial), &s);
    if (!need || p->sweep->stage[s].best.stage < 0) return -1;
    return p->inner->part[s].first_group + need[p->sweep->stage[s].n_from];
}

int64_t plan_choices(const struct plan *p)
{
    return p->inner->n_choices;
}

const int64_t *plan_candidates(const struct plan *p, int64_t choice, int64_t *n)
{
    for (int s = 0; s < p->n_stages; s++) {
        const struct plan_part *part = &p->inner->part[s];
        int64_t group = choice - part->first_group;
        if (group < 0 || group >= part->best.n_groups) continue;
        *n = part->best.start[group + 1] - part->best.start[group];
        return part->best.member + part->best.start[group];
    }
    INVARIANT(!"no such choice");
    return NULL;
}

/* ---- order ---- */

struct critical {
    double flops; /* from the trial's start to the end of all that waits for it */
    int64_t config;
};

static int compare_critical(const void *a, const void *b)
{
    const struct critical *x = a, *y = b;
    if (x->flops != y->flops) return x->flops < y->flops ? 1 : -1;
    return (x->config > y->config) - (x->config < y->config);
}

static void at_least(double *to, double value)
{
    if (value > *to) *to = value;
}

/* What waits for the parents and candidates of the configurations of stage s; behind[] of s is
 * known. group: scratch for its choices. */
static void pass_up(const struct plan *p, int s, double *behind, double *group)
{
    const struct plan_part *part = &p->inner->part[s];
    const struct plan_match *m = &part->best;
    for (int64_t i = 0; i < p->stage[s].n_configs; i++) {
        const int64_t *need = part->need + i * part->n_needs;
        int64_t c = p->stage[s].first_config + i;
        const struct trial_shape *shape = &p->shape[p->shape_of[c]];
        double all = shape->train_flops + shape->eval_flops + behind[c];
        for (int k = 0; k < part->n_needs - 1; k++)
            if (need[k] >= 0) at_least(&behind[need[k]], all);
        if (need[part->n_needs - 1] >= 0)
            at_least(&group[part->first_group + need[part->n_needs - 1]], all);
    }
    for (int64_t g = 0; g < m->n_groups; g++)
        for (int64_t i = m->start[g]; i < m->start[g + 1]; i++)
            at_least(&behind[m->member[i]], group[part->first_group + g]);
}

enum err_code plan_order_critical(struct plan *p, struct err *e)
{
    size_t n = (size_t)p->n_configs + 1;
    double *behind = calloc(n, sizeof *behind);
    double *group = calloc((size_t)p->inner->n_choices + 1, sizeof *group);
    struct critical *critical = calloc(n, sizeof *critical);
    enum err_code rc = behind && group && critical ? ERR_OK : no_memory(e);
    for (int i = p->n_stages; i-- > 0 && rc == ERR_OK;) {
        int s = p->sweep->stage_order[i];
        if (p->inner->part[s].n_needs) pass_up(p, s, behind, group);
    }
    for (int64_t c = 0; c < p->n_configs && rc == ERR_OK; c++) {
        const struct trial_shape *shape = &p->shape[p->shape_of[c]];
        critical[c] = (struct critical){shape->train_flops + shape->eval_flops + behind[c], c};
    }
    if (rc == ERR_OK) qsort(critical, (size_t)p->n_configs, sizeof *critical, compare_critical);
    for (int64_t i = 0, at = 0; i < p->n_configs && rc == ERR_OK; i++) {
        int64_t c = critical[i].config, seeds = p->stage[plan_stage_of(p, c)].seeds;
        for (int64_t k = 0; k < seeds; k++) p->order[at++] = plan_trial(p, c, (uint64_t)k);
    }
    free(behind);
    free(group);
    free(critical);
    return rc;
}
