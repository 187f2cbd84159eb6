/* plan_identity.c - what makes a configuration itself, as text and as a number.
 *
 * The id of a configuration is XXH64, seed 0, of
 *
 *     root=SEED\n  [experiment=NAME\n unless train]  then key=value\n
 *
 * for every identity field that applies and differs from its default, sorted by key, values as
 * field_text has them, and then what the configuration needs of others, see plan_needs.c; the
 * id of a trial is XXH64 of the two numbers config_id and seed, 8
 * little-endian bytes each. 0 becomes 1. Stores of years are found by these ids: never change
 * how they are made. A new field with a default, a new value or another seed leaves every old
 * id as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/text.h"
#include "coord/plan_inner.h"

enum { MAX_IDENTITY = 8192 }; /* bytes of identity text */

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the plan");
}

uint64_t plan_hash(const void *bytes, size_t size)
{
    uint64_t h = XXH64(bytes, size, 0);
    return h ? h : 1;
}

static int compare_keys(const void *a, const void *b)
{
    const struct plan_identity *x = a, *y = b;
    return strcmp(x->field->row.name, y->field->row.name);
}

int plan_identity_of(const struct plan_inner *inner, const struct field *f)
{
    for (int i = 0; i < inner->n_identity; i++)
        if (inner->identity[i].field == f) return i;
    return -1;
}

/* "key=value\n", or "" at the default. */
void plan_identity_line(const struct field *f, const struct config *c, struct text *out)
{
    char value[TASK_PATH];
    if (!field_differs(f, c)) return;
    text_add(out, "%s=%s\n", f->row.name, field_text(f, c, value, sizeof value));
}

/* For which values of the field it depends on does the field apply? */
static enum err_code link_up(struct plan *p, struct plan_identity *id, struct err *e)
{
    const struct field *f = id->field;
    if (!f->only_key) return ERR_OK;
    const struct table *fields = p->sweep->experiment->fields;
    const struct field *on = field_find(fields, f->only_key, NULL);
    int place = on ? plan_identity_of(p->inner, on) : -1;
    INVARIANT(place >= 0 && on->type == FIELD_NAME);
    id->on = &p->inner->identity[place];
    id->applies = arena_array(&p->inner->arena, (size_t)on->names->count, sizeof(bool));
    if (!id->applies) return no_memory(e);
    struct field alone = *on; /* what it depends on itself is looked at on its own */
    alone.only_key = alone.only_names = NULL;
    struct field pair[2] = {*f, alone};
    struct table both = TABLE("setting", pair);
    struct config c = p->sweep->stage[0].base;
    for (int i = 0; i < on->names->count; i++) {
        memcpy((char *)&c + on->offset, &i, sizeof i);
        id->applies[i] = field_applies(&pair[0], &both, &c);
    }
    return ERR_OK;
}

/* The lines of a stage's base. */
static enum err_code base_lines(struct plan *p, int s, struct err *e)
{
    struct plan_inner *inner = p->inner;
    struct plan_part *part = &inner->part[s];
    part->base = arena_array(&inner->arena, (size_t)inner->n_identity + 1, sizeof *part->base);
    part->varies =
        arena_array(&inner->arena, (size_t)inner->n_identity + 1, sizeof *part->varies);
    if (!part->base || !part->varies) return no_memory(e);
    for (int i = 0; i < inner->n_identity; i++) {
        struct text line = {0};
        plan_identity_line(inner->identity[i].field, &p->sweep->stage[s].base, &line);
        part->base[i] = arena_text(&inner->arena, line.at ? line.at : "");
        text_clear(&line);
        if (!part->base[i]) return no_memory(e);
    }
    return ERR_OK;
}

enum err_code plan_identity_setup(struct plan *p, struct err *e)
{
    struct plan_inner *inner = p->inner;
    const struct table *fields = p->sweep->experiment->fields;
    inner->identity =
        arena_array(&inner->arena, (size_t)fields->count, sizeof *inner->identity);
    if (!inner->identity) return no_memory(e);
    for (int i = 0; i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        if (!(f->flags & FIELD_IDENTITY)) continue;
        inner->identity[inner->n_identity++] = (struct plan_identity){.field = f};
    }
    qsort(inner->identity, (size_t)inner->n_identity, sizeof *inner->identity, compare_keys);
    for (int i = 0; i < inner->n_identity; i++) TRY(link_up(p, &inner->identity[i], e));
    for (int s = 0; s < p->n_stages; s++) TRY(base_lines(p, s, e));
    return ERR_OK;
}

static bool applies(const struct plan_identity *id, const struct config *c)
{
    for (; id->on; id = id->on) {
        int row;
        memcpy(&row, (const char *)c + id->on->field->offset, sizeof row);
        if (!id->applies[row]) return false;
    }
    return true;
}

uint64_t plan_identity_hash(const struct plan *p, const struct config *c, const char *needs)
{
    const struct sweep *s = p->sweep;
    char text[MAX_IDENTITY];
    size_t used =
        (size_t)snprintf(text, sizeof text, "root=%llu\n", (unsigned long long)s->root);
    if (strcmp(s->experiment->row.name, "train") != 0)
        used += (size_t)snprintf(text + used, sizeof text - used, "experiment=%s\n",
                                 s->experiment->row.name);
    for (int i = 0; i < p->inner->n_identity; i++) {
        const struct plan_identity *id = &p->inner->identity[i];
        if (!*id->line || !applies(id, c)) continue;
        size_t length = strlen(id->line);
        INVARIANT(used + length < sizeof text);
        memcpy(text + used, id->line, length);
        used += length;
    }
    size_t length = strlen(needs);
    INVARIANT(used + length < sizeof text);
    memcpy(text + used, needs, length);
    return plan_hash(text, used + length);
}
