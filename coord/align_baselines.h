/* align_baselines.h - models beside the trained ones that say what a score is worth. */
#ifndef SHOAL_COORD_ALIGN_BASELINES_H
#define SHOAL_COORD_ALIGN_BASELINES_H

#include "base/err.h"
#include "base/table.h"

/* A set of them is a sum of 1 << row. */
enum align_baseline { BASELINE_INPUT, BASELINE_RANDOM, BASELINE_UNTRAINED };
extern const struct table align_baselines; /* input, random, untrained */

/* Reads "input,untrained" or "none" into a set. Local.
 * errors   ERR_CONFIG names what there is */
enum err_code align_baselines_parse(const char *text, unsigned *out, struct err *e);

#endif
