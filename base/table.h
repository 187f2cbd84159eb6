/* table.h - named rows. Everything that a sweep file can name is a row of a table.
 *
 * A row type starts with struct row; a table is an array of such rows. The finder, `shoal
 * list`, the sweep reader and the tests all walk the same tables, so that adding a thing is
 * adding a row. */
#ifndef SHOAL_BASE_TABLE_H
#define SHOAL_BASE_TABLE_H

#include <stddef.h>

#include "base/err.h"

struct row {
    const char *name;   /* as written in a sweep file */
    const char *help;   /* one line */
    const char *source; /* paper and equation, or NULL */
};

struct table {
    const char *kind; /* "activation", "optimizer", ... in the singular */
    const void *rows; /* array of structs that start with struct row */
    size_t stride;    /* size of one such struct */
    int count;
    const struct table *first; /* a table of the same structs whose rows come before; or NULL */
    int n_first;               /* of count */
};

/* Makes a struct table of a static array whose elements start with a struct row. */
#define TABLE(kind_, array)                                                                    \
    {                                                                                          \
        .kind = (kind_), .rows = (array), .stride = sizeof *(array),                           \
        .count = (int)(sizeof(array) / sizeof *(array))                                        \
    }

/* The same, behind the n rows of another table. */
#define TABLE_BEHIND(first_, n, kind_, array)                                                  \
    {                                                                                          \
        .kind = (kind_), .rows = (array), .stride = sizeof *(array),                           \
        .count = (n) + (int)(sizeof(array) / sizeof *(array)), .first = (first_),              \
        .n_first = (n)                                                                         \
    }

/* Row i. Local. */
const struct row *table_row(const struct table *t, int i);

/* Index of the row called name, or -1. Local. */
int table_find(const struct table *t, const char *name);

/* The same; on failure ERR_CONFIG names the kind, the known names and the nearest. */
enum err_code table_need(const struct table *t, const char *name, int *index, struct err *e);

/* The row name nearest to name (see text_nearest), or NULL if none is near. */
const char *table_nearest(const struct table *t, const char *name);

#endif
