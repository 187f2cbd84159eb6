/* sweep_stages.c - the stages of a sweep: settings of their own over those of the file, and
 * what varies in each. A file without the block `stages` is one stage of no name.
 *
 * A stage is read as if its sections stood in the file: each is laid over the file's own before
 * any value is looked at, so that both are checked by the same rows. What a stage needs of
 * others is read in sweep_from.c when all names are known. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/sweep_reader.h"

enum { MAX_NAME = 24 }; /* "teacher.model.width" is the name of a column */

static const char sweep_keys[] = "method axes zip when exclude seeds";

bool sweep_has_stages(const struct sweep *s)
{
    return s->stage && s->stage[0].node;
}

int sweep_stage_find(const struct sweep *s, const char *name)
{
    for (int i = 0; i < s->n_stages; i++)
        if (strcmp(s->stage[i].name, name) == 0) return i;
    return -1;
}

bool sweep_is_lineage(const struct sweep *s, const char *key)
{
    const char *dot = strchr(key, '.');
    char stage[TASK_NAME];
    if (!sweep_has_stages(s)) return false;
    if (!dot) return strcmp(key, "stage") == 0;
    snprintf(stage, sizeof stage, "%.*s", (int)(dot - key), key);
    return sweep_stage_find(s, stage) >= 0 && field_find(s->experiment->fields, dot + 1, NULL);
}

/* The next word of a space-separated list into out; false behind the last. */
static bool next_word(const char **list, char out[TASK_NAME])
{
    *list += strspn(*list, " ");
    size_t length = strcspn(*list, " ");
    snprintf(out, TASK_NAME, "%.*s", (int)length, *list);
    *list += length;
    return length > 0;
}

/* ---- settings ---- */

/* A map with room for the keys of two. */
static struct yaml_node *empty_map(struct sweep_reader *r, const struct yaml_node *a,
                                   const struct yaml_node *b)
{
    struct arena *arena = &r->sweep->arena;
    size_t n = (size_t)((a ? a->count : 0) + (b ? b->count : 0)) + 1;
    struct yaml_node *out = arena_alloc(arena, sizeof *out);
    if (!out) return NULL;
    *out = (struct yaml_node){.kind = YAML_MAP, .mark = b ? b->mark : a->mark};
    out->child = arena_array(arena, n, sizeof *out->child);
    out->key = arena_array(arena, n, sizeof *out->key);
    out->key_mark = arena_array(arena, n, sizeof *out->key_mark);
    return out->child && out->key && out->key_mark ? out : NULL;
}

static void map_add(struct yaml_node *map, const struct yaml_node *from, int i)
{
    map->key[map->count] = from->key[i];
    map->key_mark[map->count] = from->key_mark[i];
    map->child[map->count++] = from->child[i];
}

/* loss: {distill: teacher} stands for loss: distill and names the stage that teaches. */
static enum err_code take_teacher(struct sweep_reader *r, struct yaml_node *map,
                                  const struct yaml_node **teacher, struct err *e)
{
    int i = 0;
    while (i < map->count && strcmp(map->key[i], "loss") != 0) i++;
    if (i == map->count || map->child[i]->kind != YAML_MAP) return ERR_OK;
    const struct yaml_node *form = map->child[i];
    if (form->count != 1 || form->child[0]->kind != YAML_SCALAR) {
        yaml_problem(r->file, form->mark, "write loss: {NAME: STAGE}",
                     "optim.loss: expected one loss and the stage that teaches it");
        map->count--;
        for (; i < map->count; i++) {
            map->key[i] = map->key[i + 1];
            map->key_mark[i] = map->key_mark[i + 1];
            map->child[i] = map->child[i + 1];
        }
        return ERR_OK;
    }
    struct yaml_node *name = arena_alloc(&r->sweep->arena, sizeof *name);
    if (!name) return ERR(e, ERR_NOMEM, "no memory for a stage");
    *name = (struct yaml_node){
        .kind = YAML_SCALAR, .mark = form->key_mark[0], .text = form->key[0]};
    map->child[i] = name;
    *teacher = form->child[0];
    return ERR_OK;
}

/* One section of a stage over that of the file. NULL: neither has it, or not as a map. */
static enum err_code overlay(struct sweep_reader *r, const struct yaml_node *top,
                             const struct yaml_node *own, struct yaml_node **out, struct err *e)
{
    *out = NULL;
    if (own && own->kind != YAML_MAP) top = NULL;
    if (top && top->kind != YAML_MAP) own = NULL;
    if (!top && !own) return ERR_OK;
    if (!(*out = empty_map(r, top, own))) return ERR(e, ERR_NOMEM, "no memory for a stage");
    for (int i = 0; top && i < top->count; i++)
        if (!own || !yaml_get(own, top->key[i])) map_add(*out, top, i);
    for (int i = 0; own && i < own->count; i++) map_add(*out, own, i);
    return ERR_OK;
}

/* seeds: 5 on the top level: the block of that name is meant for other things. */
static bool is_sweep_setting(struct sweep_reader *r, const char *section,
                             const struct yaml_node *map)
{
    char key[TASK_NAME + 8], hint[TASK_NAME + 80];
    snprintf(key, sizeof key, "sweep.%s", section);
    if (!map || map->kind == YAML_MAP || table_find(&sweep_settings, key) < 0) return false;
    snprintf(hint, sizeof hint, "did you mean %s? it belongs into the block sweep", key);
    yaml_problem(r->file, map->mark, hint, "%s: expected a map", section);
    return true;
}

/* Every setting as it is before the file is read. */
static void start_settings(struct sweep_reader *r)
{
    struct stage *stage = r->stage;
    const struct experiment_default *d = r->sweep->experiment->defaults;
    field_defaults(r->fields, &stage->base);
    for (; d && d->key; d++) {
        int i;
        struct err e;
        const struct field *f = field_find(r->fields, d->key, &i);
        INVARIANT(f && field_set(f, d->text, &stage->base, &e) == ERR_OK);
        stage->was_set[i] = f->flags & FIELD_REQUIRED;
    }
}

static enum err_code read_settings(struct sweep_reader *r, const char *section_list,
                                   const struct yaml_node **teacher, struct err *e)
{
    struct stage *stage = r->stage;
    const struct yaml_node *root = r->file->root;
    char section[TASK_NAME];
    start_settings(r);
    for (const char *at = section_list; next_word(&at, section);) {
        const struct yaml_node *top = yaml_get(root, section);
        const struct yaml_node *own = stage->node ? yaml_get(stage->node, section) : NULL;
        bool maps = (!top || top->kind == YAML_MAP) && (!own || own->kind == YAML_MAP);
        struct yaml_node *map = NULL;
        if (maps) TRY(overlay(r, top, own, &map, e));
        if (map && strcmp(section, "optim") == 0) TRY(take_teacher(r, map, teacher, e));
        const struct yaml_node *bad = own && own->kind != YAML_MAP ? own : top;
        if (!maps && is_sweep_setting(r, section, bad)) continue;
        field_read_section(r->fields, section, "", r->file, maps ? map : bad, &stage->base,
                           stage->was_set);
    }
    return ERR_OK;
}

/* ---- the block sweep ---- */

static enum err_code read_sweep_block(struct sweep_reader *r, const struct yaml_node *block,
                                      struct err *e)
{
    for (int i = 0; block && i < block->count; i++) {
        const char *key = block->key[i];
        char near[TASK_NAME], hint[128] = "known: method, axes, zip, when, exclude, seeds";
        if (text_listed(sweep_keys, key)) continue;
        if (field_find(r->fields, key, NULL))
            snprintf(hint, sizeof hint, "put it under sweep.axes");
        else if (sweep_nearest_of(sweep_keys, key, near))
            snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        yaml_problem(r->file, block->key_mark[i], hint, "unknown key '%s' in sweep", key);
    }
    if (block) sweep_scalars(r, block, "sweep", NULL);
    return sweep_axes_read(r, block, e);
}

/* The block sweep of the whole file stands for that of every stage without one; of a stage that
 * has one, it gives method and seeds where the stage does not. */
static enum err_code read_varying(struct sweep_reader *r, struct err *e)
{
    struct sweep *s = r->sweep;
    struct stage *stage = r->stage;
    const struct yaml_node *top = sweep_child(r, r->file->root, "", "sweep", YAML_MAP);
    const struct yaml_node *own = sweep_child(r, stage->node, "", "sweep", YAML_MAP);
    stage->inherits = !stage->node || !yaml_get(stage->node, "sweep");
    if (stage->inherits) TRY(read_sweep_block(r, top, e));
    int method = s->method;
    int64_t seeds = s->seeds;
    if (own) TRY(read_sweep_block(r, own, e));
    stage->method = s->method;
    stage->seeds = s->seeds;
    s->method = method;
    s->seeds = seeds;
    return ERR_OK;
}

/* ---- stages ---- */

static bool is_name(const char *name)
{
    if (!*name || strlen(name) > MAX_NAME) return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_') return false;
    return true;
}

static void check_stage(struct sweep_reader *r, const struct yaml_node *block, int i,
                        const char *section_list)
{
    const char *name = block->key[i];
    char known[320], where[TASK_NAME + 16];
    if (!is_name(name))
        yaml_problem(r->file, block->key_mark[i], NULL,
                     "the name of a stage is letters, digits, '-' and '_', at most %d: got "
                     "'%.80s'",
                     MAX_NAME, name);
    else if (text_listed("file best", name))
        yaml_problem(r->file, block->key_mark[i], NULL,
                     "a stage cannot be called '%s': the word means something under `from`",
                     name);
    if (block->child[i]->kind != YAML_MAP) {
        yaml_problem(r->file, block->child[i]->mark, "write {} for a stage without settings",
                     "stages.%.80s: expected a map", name);
        return;
    }
    snprintf(known, sizeof known, "%s sweep from", section_list);
    snprintf(where, sizeof where, "stages.%.60s", name);
    sweep_known_keys(r, block->child[i], where, known);
}

static enum err_code make_stages(struct sweep_reader *r, const struct yaml_node *block,
                                 const char *section_list, struct err *e)
{
    struct sweep *s = r->sweep;
    size_t n = block ? (size_t)block->count : 1;
    s->stage = arena_array(&s->arena, n, sizeof *s->stage);
    s->stage_order = arena_array(&s->arena, n, sizeof *s->stage_order);
    if (!s->stage || !s->stage_order) return ERR(e, ERR_NOMEM, "no memory for %zu stages", n);
    s->n_stages = (int)n;
    for (int i = 0; i < s->n_stages; i++) {
        struct stage *stage = &s->stage[i];
        stage->best.stage = -1;
        stage->was_set =
            arena_array(&s->arena, (size_t)r->fields->count, sizeof *stage->was_set);
        if (!stage->was_set) return ERR(e, ERR_NOMEM, "no memory for the settings");
        if (!block) continue;
        check_stage(r, block, i, section_list);
        snprintf(stage->name, sizeof stage->name, "%s", block->key[i]);
        stage->mark = block->key_mark[i];
        stage->node = block->child[i];
    }
    return ERR_OK;
}

/* Axes of the whole file that no stage would look at. */
static void check_unused(struct sweep_reader *r)
{
    const struct sweep *s = r->sweep;
    const struct yaml_node *top = yaml_get(r->file->root, "sweep");
    for (int i = 0; i < s->n_stages; i++)
        if (s->stage[i].inherits) return;
    for (int i = 0; top && top->kind == YAML_MAP && i < top->count; i++) {
        if (text_listed("method seeds", top->key[i])) continue;
        yaml_problem(r->file, top->key_mark[i], NULL,
                     "sweep.%s is for no stage: each has a block sweep of its own",
                     top->key[i]);
    }
}

enum err_code sweep_stages_read(struct sweep_reader *r, const char *section_list, struct err *e)
{
    struct sweep *s = r->sweep;
    const struct yaml_node *block = sweep_child(r, r->file->root, "", "stages", YAML_MAP);
    if (block && block->count == 0) {
        yaml_problem(r->file, block->mark, "leave the key out, or write stages: {NAME: {...}}",
                     "stages: at least one");
        block = NULL;
    }
    TRY(make_stages(r, block, section_list, e));
    const struct yaml_node **teacher =
        arena_array(&s->arena, (size_t)s->n_stages, sizeof *teacher);
    if (!teacher) return ERR(e, ERR_NOMEM, "no memory for %d stages", s->n_stages);
    const struct yaml_node *top = sweep_child(r, r->file->root, "", "sweep", YAML_MAP);
    if (top) sweep_scalars(r, top, "sweep", NULL); /* method and seeds hold for all stages */
    for (int i = 0; i < s->n_stages; i++) {
        r->stage = &s->stage[i];
        if (r->stage->node && r->stage->node->kind != YAML_MAP) continue;
        TRY(read_settings(r, section_list, &teacher[i], e));
        TRY(read_varying(r, e));
    }
    check_unused(r);
    return sweep_from_read(r, section_list, teacher, e);
}

/* ---- what does not apply ---- */

bool sweep_may_apply(const struct sweep *s, const struct stage *stage, const struct field *f)
{
    const struct table *fields = s->experiment->fields;
    if (!f->only_key) return true;
    const struct field *on = field_find(fields, f->only_key, NULL);
    INVARIANT(on);
    if (sweep_axis_of(stage, on)) return true;
    return field_applies(f, fields, &stage->base) && sweep_may_apply(s, stage, on);
}

/* The key of a setting in its section below map; NULL: it is not there. */
static const struct yaml_mark *key_mark(const struct yaml_node *map, const char *setting)
{
    char section[TASK_NAME];
    const char *dot = strchr(setting, '.');
    if (!map || !dot) return NULL;
    snprintf(section, sizeof section, "%.*s", (int)(dot - setting), setting);
    map = yaml_get(map, section);
    for (int i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->key[i], dot + 1) == 0) return &map->key_mark[i];
    return NULL;
}

/* Does some stage look at it? */
static bool used_somewhere(const struct sweep *s, const struct field *f)
{
    for (int i = 0; i < s->n_stages; i++)
        if (sweep_may_apply(s, &s->stage[i], f)) return true;
    return false;
}

static void check_field(struct sweep_reader *r, const struct stage *stage, int i)
{
    const struct sweep *s = r->sweep;
    const struct field *f = (const struct field *)table_row(r->fields, i);
    const struct axis *axis = sweep_axis_of(stage, f);
    const struct yaml_mark *own = key_mark(stage->node, f->row.name);
    const struct yaml_mark *top = key_mark(r->file->root, f->row.name);
    char value[TASK_PATH], place[32];
    if (axis && own && stage->inherits)
        yaml_problem(r->file, *own, "give the stage a block sweep of its own",
                     "%s varies in every stage, %s", f->row.name,
                     sweep_place(axis->mark, place));
    if ((!axis && !stage->was_set[i]) || sweep_may_apply(s, stage, f)) return;
    if (!axis && !own && used_somewhere(s, f)) return; /* set for another stage */
    const struct field *on = field_find(r->fields, f->only_key, NULL);
    struct yaml_mark mark = axis  ? axis->mark
                            : own ? *own
                            : top ? *top
                                  : sweep_mark(s, stage, f->row.name);
    yaml_problem(r->file, mark, NULL, "%s does not apply to %s %s", f->row.name, f->only_key,
                 field_text(on, &stage->base, value, sizeof value));
}

/* A setting given although nothing looks at it is a mistake, not a comment. */
void sweep_stages_check(struct sweep_reader *r)
{
    for (int k = 0; k < r->sweep->n_stages; k++)
        for (int i = 0; i < r->fields->count; i++) check_field(r, &r->sweep->stage[k], i);
}
