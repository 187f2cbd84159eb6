/* report_compare.h - a paper's numbers beside those of a sweep: one table, four ways. */
#ifndef SHOAL_COORD_REPORT_COMPARE_H
#define SHOAL_COORD_REPORT_COMPARE_H

#include "base/text.h"
#include "coord/results.h"
#include "coord/sweep.h"

struct report_compare {
    int n_judged, n_agree; /* lines that say what would agree, and do */
    struct text tex, csv, md;
    struct text html;    /* the table element */
    struct text caption; /* plain text */
};

/* The metrics of a value: "A", "A / B" or "A - B". Returns how many, 0 if it is none of these; *op
 * (may be NULL) is 0, '/' or '-'. Local. */
int report_compare_parts(const char *value, char part[2][TASK_NAME], char *op);

/* Makes the table. A line whose filter knows a setting that does not vary in this store, or that
 * no trial passes, has no number. The mean is over seeds, of each the mean of its trials that are
 * done; it agrees
 *   with sd       if |mean - released| <= 4 sd sqrt(1 / n + 1 / seeds), n being our seeds
 *   with within   if |mean - released| <= within |released|
 *   with least, most   if it is at least, at most that
 * and all that is given must hold. Local. */
void report_compare_make(const struct results *r, int n, const struct compare_spec *spec,
                         struct report_compare *out);

/* Writes compare.tex (booktabs), compare.csv and compare.md. Local.
 * errors   ERR_IO */
enum err_code report_compare_save(const struct report_compare *c, const char *dir,
                                  struct err *e);
void report_compare_clear(struct report_compare *c);

#endif
