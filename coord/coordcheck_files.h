/* coordcheck_files.h - what a coordinate check leaves in a folder. */
#ifndef SHOAL_COORD_COORDCHECK_FILES_H
#define SHOAL_COORD_COORDCHECK_FILES_H

#include <stdbool.h>

#include "worker/coordcheck.h"

/* Makes the folder and in it coordcheck.csv: all values, one row for each width, seed, step and
 * layer (width,seed,step,layer,activation,change; an empty cell where the run had diverged);
 * coordcheck.gp, and what gnuplot makes of it: a panel for each layer, how far it has moved
 * against width, a line for each step. *found: see gnuplot_run. Local.
 * errors   ERR_IO */
enum err_code coordcheck_save(const struct coordcheck *c, const char *dir, bool *found,
                              struct err *e);

#endif
