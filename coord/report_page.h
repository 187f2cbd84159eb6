/* report_page.h - the report as one page of HTML that needs nothing but itself. */
#ifndef SHOAL_COORD_REPORT_PAGE_H
#define SHOAL_COORD_REPORT_PAGE_H

#include "base/text.h"
#include "coord/figure.h"
#include "coord/report_compare.h"
#include "coord/report_table.h"
#include "coord/results.h"
#include "coord/scaling.h"

struct report_parts {
    const struct results *results;
    const char *question; /* "": the page starts with the sweep's name alone */
    int n_figures, n_tables;
    const struct figure *figure;
    const struct report_table *table;
    const struct report_compare *compare; /* NULL: there is none */
    const json_t *scaling;                /* see scaling.h; NULL: there is none */
};

/* Adds the page. No scripts, no references but to the figures' files beside it. Local. */
void report_page(const struct report_parts *parts, struct text *out);

#endif
