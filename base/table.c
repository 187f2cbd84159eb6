/* table.c - finding rows by name. */
#include "base/table.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const struct row *table_row(const struct table *t, int i)
{
    INVARIANT(i >= 0 && i < t->count);
    if (i < t->n_first) return table_row(t->first, i);
    return (const struct row *)((const char *)t->rows + (size_t)(i - t->n_first) * t->stride);
}

int table_find(const struct table *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (strcmp(table_row(t, i)->name, name) == 0) return i;
    return -1;
}

const char *table_nearest(const struct table *t, const char *name)
{
    struct text_nearest best = text_nearest_init(name);
    for (int i = 0; i < t->count; i++) text_nearest_try(&best, table_row(t, i)->name);
    return best.found;
}

enum err_code table_need(const struct table *t, const char *name, int *index, struct err *e)
{
    *index = table_find(t, name);
    if (*index >= 0) return ERR_OK;
    char known[512] = "";
    for (int i = 0; i < t->count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                 table_row(t, i)->name);
    }
    const char *near = table_nearest(t, name);
    return ERR(e, ERR_CONFIG, "unknown %s '%s'; known: %s%s%s%s", t->kind, name, known,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
