/* sweep_stored.h - the sweep of a store. */
#ifndef SHOAL_COORD_SWEEP_STORED_H
#define SHOAL_COORD_SWEEP_STORED_H

#include "coord/results.h"
#include "coord/sweep.h"

/* The sweep that a store was last run with: STORE.d/sweep.yaml, or without it the store's
 * provenance; of a store without trials one that asks for nothing. e names the store. Local. */
enum err_code sweep_stored(const struct results *r, const char *store, struct sweep **out,
                           struct err *e);

#endif
