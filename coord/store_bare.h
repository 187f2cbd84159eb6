/* store_bare.h - a store without trials: what holds models from elsewhere and nothing else. */
#ifndef SHOAL_COORD_STORE_BARE_H
#define SHOAL_COORD_STORE_BARE_H

#include "base/err.h"

/* Writes path.new, syncs it and renames it to path. results_read reads it. Local.
 * errors   ERR_IO */
enum err_code store_bare_create(const char *path, struct err *e);

/* Is the file a store, with or without trials? Local.
 * errors   ERR_FORMAT, ERR_IO */
enum err_code store_bare_check(const char *path, struct err *e);

#endif
