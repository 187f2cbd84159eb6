/* report_table.h - a quantity over two settings as a table: booktabs, CSV and HTML. */
#ifndef SHOAL_COORD_REPORT_TABLE_H
#define SHOAL_COORD_REPORT_TABLE_H

#include "base/text.h"
#include "coord/results.h"
#include "coord/sweep.h"

struct report_table {
    char stem[16]; /* "table1" */
    struct text tex, csv;
    struct text html;    /* the table element */
    struct text title;   /* plain text */
    struct text caption; /* plain text */
};

/* How a cell is shown: a row of table_shows. */
struct report_show {
    struct row row;
    bool interval, sd;
};

/* Makes table number n (from 1). The best of each column is bold only if its interval has no
 * point in common with any other of the column. Clear it with report_table_clear also after a
 * failure. Local.
 * errors   ERR_CONFIG as series_collect */
enum err_code report_table_make(const struct results *r, const struct table_spec *spec, int n,
                                struct report_table *out, struct err *e);

/* Writes stem.tex and stem.csv. Local.
 * errors   ERR_IO */
enum err_code report_table_save(const struct report_table *t, const char *dir, struct err *e);
void report_table_clear(struct report_table *t);

#endif
