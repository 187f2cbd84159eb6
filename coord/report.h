/* report.h - figures, tables and a page from a store. */
#ifndef SHOAL_COORD_REPORT_H
#define SHOAL_COORD_REPORT_H

#include "base/table.h"
#include "base/text.h"
#include "coord/results.h"

struct report_spec;

/* How large figures are printed where. */
struct report_venue {
    struct row row;
    double width_in, height_in; /* of a figure over the text column */
    double font_pt;
};

extern const struct table report_venues; /* icml, neurips, iclr, jmlr */
extern const struct table table_shows;   /* mean, mean_ci, mean_sd */
extern const struct table figure_types;  /* struct figure_type of figure.h */

/* Writes into the folder dir (made if missing) figN.{csv,gp,tex,pdf,svg}, tableN.{tex,csv} and
 * index.html, and scaling.{csv,json} of a store with fits, each whole or not at all. A spec
 * without figures gets a default set: each metric against the first setting that is a number, the matrix of the first alignment measure.
 * summary (may be NULL) receives the question and what the figures say, in lines of text.
 * Without gnuplot .pdf and .svg are left out with a warning to stderr.
 *
 * errors   ERR_CONFIG: a figure or table names what the store does not have; ERR_IO
 * same     bytes for the same store and spec
 * Local; never from a rank that has called MPI_Init: gnuplot is a child process. */
enum err_code report_write(const struct results *r, const struct report_spec *spec,
                           const char *dir, struct text *summary, struct err *e);

#endif
