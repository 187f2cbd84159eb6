/* export.h - a store as one table of text, for other programs. */
#ifndef SHOAL_COORD_EXPORT_H
#define SHOAL_COORD_EXPORT_H

#include <stdio.h>

#include "base/expr.h"
#include "coord/results.h"

/* Writes the trials that pass the filter (NULL: all), one row each with its metrics at the last
 * record, or at the first where `at` holds (missing if none does; see filter_record), or one row
 * a record.
 *
 * json     {"schema": 1, "rows": [{"trial": "0123456789abcdef", "state": "done", "seed": 0,
 *          "model.width": 64, ..., "seconds": 1.5, "step": 200, "test_acc": 0.87}]}; NaN,
 *          infinities and settings that do not matter to the trial are null
 * else     CSV of the same columns, quoted as in RFC 4180 but with lines that end in LF, as cut
 *          and awk want them; null is an empty field
 * errors   ERR_IO
 * cost     seconds for 10^4 trials; no memory
 * same     bytes for the same store
 * Local. */
enum err_code export_rows(const struct results *r, FILE *out, bool json, bool records,
                          const struct expr *filter, const struct expr *at, struct err *e);

#endif
