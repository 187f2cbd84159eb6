/* probe.c - see probe.h. */
#include "worker/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/table.h"
#include "worker/data.h"

/* Settings of data that change training, the classes or their use, but no sample. */
#define AT(member) offsetof(struct config, member)
static const size_t of_no_sample[] = {
    AT(data.world),       AT(data.train),      AT(data.ood_scale),
    AT(data.replay),      AT(data.augment),    AT(data.pad),
    AT(data.cutout),      AT(data.mixup),      AT(data.augreps),
    AT(data.label_noise), AT(data.noise_test), AT(data.augment_train_metrics),
    AT(data.prior),       AT(data.imbalance),  AT(data.prior_order),
    AT(data.layer),       AT(data.standardize)};
static const size_t of_labels[] = {AT(data.label_noise), AT(data.noise_test), AT(seeds.noise)};

void probe_config(const struct probe_set *set, const struct config *trial, struct config *out)
{
    memcpy(out, trial, sizeof *out);
    for (int i = 0; i < set->n_patches; i++)
        memcpy((char *)out + set->patch[i].offset, set->patch[i].value, set->patch[i].size);
}

_Static_assert(AT(data) == 0, "probe_depends says so");

static bool is_among(const size_t *list, size_t bytes, size_t setting)
{
    for (size_t i = 0; i < bytes / sizeof *list; i++)
        if (list[i] == setting) return true;
    return false;
}

bool probe_depends(const struct probe_set *set, enum probe_part part, size_t setting,
                   const struct config *c)
{
    struct config own;
    for (int i = 0; i < set->n_patches; i++)
        if (set->patch[i].offset == setting) return false;
    probe_config(set, c, &own);
    bool noise =
        set->split == SPLIT_TRAIN || own.data.noise_test || setting == AT(data.noise_test);
    if (part == PROBE_LABELS && noise && is_among(of_labels, sizeof of_labels, setting))
        return true;
    bool data = setting < sizeof own.data; /* the first member */
    return (data || setting >= AT(extra)) &&
           !is_among(of_no_sample, sizeof of_no_sample, setting);
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
