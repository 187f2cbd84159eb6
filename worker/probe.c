/* probe.c - see probe.h. */
#include "worker/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

void probe_config(const struct probe_set *set, const struct config *trial, struct config *out)
{
    memcpy(out, trial, sizeof *out);
    for (int i = 0; i < set->n_patches; i++)
        memcpy((char *)out + set->patch[i].offset, set->patch[i].value, set->patch[i].size);
}

enum err_code probe_order(int split, int64_t pool, uint64_t root, int64_t **index,
                          struct err *e)
{
    *index = NULL;
    if (pool == INT64_MAX) return ERR_OK;
    *index = malloc((size_t)pool * sizeof **index);
    if (!*index) return ERR(e, ERR_NOMEM, "no memory for %lld indices", (long long)pool);
    struct rng r = rng_stream(root, RNG_PROBE, (uint64_t)split);
    rng_permutation(&r, pool, *index);
    return ERR_OK;
}
