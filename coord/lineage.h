/* lineage.h - what the trials of a plan wait for, and which of several is the best. */
#ifndef SHOAL_COORD_LINEAGE_H
#define SHOAL_COORD_LINEAGE_H

#include "coord/plan.h"
#include "coord/scheduler.h"

/* Does some trial of the plan need another? */
bool lineage_any(const struct plan *plan);

/* The graph for scheduler_depend: an arrow from each parent to its children, a gate for each
 * choice with arrows from the trials of all candidates. bad is all false. Memory of the arena.
 * Local.
 * errors   ERR_NOMEM */
enum err_code lineage_graph(const struct plan *plan, struct arena *arena,
                            struct scheduler_graph *out, struct err *e);

/* The candidate of a choice whose mean over seeds of value is best, better as in struct metric;
 * -1 if none is left. value gives NaN for a trial that did not end well: its configuration is
 * out. Of equals the first one wins. Local.
 * errors   those of value */
enum err_code lineage_best(const struct plan *plan, int64_t choice, int better,
                           enum err_code (*value)(void *self, int64_t trial, double *out,
                                                  struct err *e),
                           void *self, int64_t *out, struct err *e);

#endif
