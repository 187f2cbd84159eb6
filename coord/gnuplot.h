/* gnuplot.h - the program that draws, as a child process. */
#ifndef SHOAL_COORD_GNUPLOT_H
#define SHOAL_COORD_GNUPLOT_H

#include <stdbool.h>

#include "base/err.h"

/* Runs dir/stem.gp, which makes dir/stem.pdf and dir/stem.svg. Both appear whole, or neither.
 * The date that cairo writes into a PDF is blanked, so that the same script gives the same
 * bytes. *found becomes false, without an error, when there is no gnuplot to run. Local.
 * errors   ERR_IO with what gnuplot said */
enum err_code gnuplot_run(const char *dir, const char *stem, bool *found, struct err *e);

#endif
