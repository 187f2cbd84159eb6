/* filter.h - conditions over the trials of a store: settings that vary, metrics at their last
 * record, state and seed. */
#ifndef SHOAL_COORD_FILTER_H
#define SHOAL_COORD_FILTER_H

#include "base/expr.h"
#include "coord/results.h"

/* Parses `optim.lr < 0.1 and test_acc > 0.8`; an empty text becomes a NULL filter.
 * errors   ERR_CONFIG shows the condition and the column. Memory comes from the arena. Local.
 */
enum err_code filter_parse(const struct results *r, const char *text, struct arena *a,
                           struct expr **out, struct err *e);

/* Does the trial pass the filter? A NULL filter lets all pass. Local. */
bool filter_match(const struct results *r, const struct expr *filter, int64_t trial);

/* A stopping criterion judged after the fact: the trial's first record at which the condition
 * holds, its metrics being those of that record; -1 if it never does. The last record for a
 * NULL condition. Local. */
int64_t filter_record(const struct results *r, const struct expr *when, int64_t trial);

#endif
