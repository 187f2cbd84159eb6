/* plan_index.c - open addressing with linear probing; the keys are hashes already. */
#include "coord/plan_index.h"

#include <stdlib.h>

static size_t slot_of(const struct plan_index *x, uint64_t key)
{
    size_t i = key & (x->capacity - 1);
    while (x->key[i] && x->key[i] != key) i = (i + 1) & (x->capacity - 1);
    return i;
}

bool plan_index_find(const struct plan_index *x, uint64_t key, int64_t *value)
{
    if (!x->capacity) return false;
    size_t i = slot_of(x, key);
    if (x->key[i]) *value = x->value[i];
    return x->key[i] != 0;
}

enum err_code plan_index_put(struct plan_index *x, uint64_t key, int64_t value, struct err *e)
{
    if (2 * (x->count + 1) > x->capacity) {
        struct plan_index wider = {.capacity = x->capacity ? 2 * x->capacity : 1024,
                                   .count = x->count};
        wider.key = calloc(wider.capacity, sizeof *wider.key);
        wider.value = calloc(wider.capacity, sizeof *wider.value);
        if (!wider.key || !wider.value) {
            free(wider.key);
            free(wider.value);
            return ERR(e, ERR_NOMEM, "no memory for the plan");
        }
        for (size_t i = 0; i < x->capacity; i++) {
            if (!x->key[i]) continue;
            size_t slot = slot_of(&wider, x->key[i]);
            wider.key[slot] = x->key[i];
            wider.value[slot] = x->value[i];
        }
        free(x->key);
        free(x->value);
        *x = wider;
    }
    size_t i = slot_of(x, key);
    x->count += !x->key[i];
    x->key[i] = key;
    x->value[i] = value;
    return ERR_OK;
}

void plan_index_clear(struct plan_index *x)
{
    free(x->key);
    free(x->value);
    *x = (struct plan_index){0};
}
