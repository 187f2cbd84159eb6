/* figure_drawn.h - figures of the small store's alignment, drawn, and their CSV read again. */
#ifndef SHOAL_TESTS_FIGURE_DRAWN_H
#define SHOAL_TESTS_FIGURE_DRAWN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "tests/results_small.h"

enum { MODELS = 16 }; /* of the small store: trials 4 and 17 are not done */

static inline const struct report_venue *icml(void)
{
    return (const void *)table_row(&report_venues, 0);
}

static inline struct figure_spec of(const char *type)
{
    struct figure_spec spec = {.type = table_find(&figure_types, type), .ci = 95};
    snprintf(spec.value, sizeof spec.value, "cka");
    return spec;
}

static inline void draw(const struct results *r, const struct figure_spec *spec,
                        struct figure *f)
{
    ck_assert_msg(figure_make(r, spec, 1, icml(), f, &e) == ERR_OK, "%s", e.text);
    ck_assert_uint_gt(f->csv.length, 0);
    ck_assert_uint_gt(f->plot.length, 0);
    ck_assert_uint_gt(f->axis.length, 0);
    ck_assert_uint_gt(f->title.length, 0);
    const struct text *const all[] = {&f->caption, &f->csv, &f->setup, &f->axis, &f->answer};
    for (int i = 0; i < 5; i++)
        ck_assert_msg(!all[i]->at || (!strstr(all[i]->at, "nan") && !strstr(all[i]->at, "inf")),
                      "%s", all[i]->at);
}

/* Field k (from 0) of row `row` (from 0, the head is -1) of a CSV without quotes. */
static inline const char *cell(const struct figure *f, int row, int k)
{
    static char out[128];
    const char *at = f->csv.at;
    for (int i = -1; i < row; i++) at = strchr(at, '\n') + 1;
    for (int i = 0; i < k; i++) at += strcspn(at, ",\n") + 1;
    snprintf(out, sizeof out, "%.*s", (int)strcspn(at, ",\n"), at);
    return out;
}

static inline double number(const struct figure *f, int row, int k)
{
    const char *text = cell(f, row, k);
    return *text ? strtod(text, NULL) : NAN;
}

static inline int rows(const struct figure *f)
{
    int n = -1;
    for (const char *c = f->csv.at; *c; c++) n += *c == '\n';
    return n;
}

static inline int column(const struct figure *f, const char *name)
{
    for (int k = 0; k < 32; k++)
        if (strcmp(cell(f, -1, k), name) == 0) return k;
    ck_abort_msg("no column %s in %s", name, f->csv.at);
}

static inline void clear(struct results *r)
{
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

/* The files of fig1, and their folder. */
static inline void remove_figure(const char *folder)
{
    static const char *const ends[] = {"csv", "gp", "tex", "pdf", "svg"};
    for (int i = 0; i < 5; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/fig1.%s", folder, ends[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

#endif
