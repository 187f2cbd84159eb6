/* plan_index.h - a hash map from non-zero 64-bit hashes to numbers. */
#ifndef SHOAL_COORD_PLAN_INDEX_H
#define SHOAL_COORD_PLAN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zero-initialise to use. */
struct plan_index {
    uint64_t *key; /* 0: free */
    int64_t *value;
    size_t capacity, count; /* capacity: a power of two, at most half full */
};

/* The value of key into *value, or false. Local. */
bool plan_index_find(const struct plan_index *x, uint64_t key, int64_t *value);

/* Sets the value of key (not 0), new or old. Local.
 * errors   ERR_NOMEM, the map is as it was */
enum err_code plan_index_put(struct plan_index *x, uint64_t key, int64_t value, struct err *e);
void plan_index_clear(struct plan_index *x);

#endif
