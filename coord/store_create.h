/* store_create.h - writes a whole store file for a layout. Private to store*.c. */
#ifndef SHOAL_COORD_STORE_CREATE_H
#define SHOAL_COORD_STORE_CREATE_H

#include "coord/store_layout.h"

/* Writes a store of that layout to path, filled from old (NULL: a new one), and makes its bytes
 * durable. final_path: what it will be called. Local.
 * errors   ERR_IO, ERR_NOMEM */
enum err_code store_create(const char *path, const char *final_path,
                           const struct store_layout *layout, const struct store_old *old,
                           const char *const *provenance, struct err *e);

#endif
