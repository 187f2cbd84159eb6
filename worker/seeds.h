/* seeds.h - which seed a random stream of a trial is keyed by.
 *
 * By default weights, order and augmentation follow the trial's seed, the choice of samples and
 * label noise the sweep's root seed. Each can be given a number of its own, so that what comes
 * from one can be told apart from what comes from another. */
#ifndef SHOAL_WORKER_SEEDS_H
#define SHOAL_WORKER_SEEDS_H

#include "base/rng.h"
#include "worker/task.h"

/* The seed for a member of config.seeds that follows the trial's: trial t with the number at s
 * has the streams that trial s has without it. Local. */
static inline uint64_t seeds_trial(const struct task *t, int64_t number)
{
    return rng_seed(t->root, number == SEED_FOLLOWS ? t->seed : (uint64_t)number);
}

/* The seed for a member that follows the root seed. Local. */
static inline uint64_t seeds_root(uint64_t root, int64_t number)
{
    return number == SEED_FOLLOWS ? root : rng_seed(root, (uint64_t)number);
}

#endif
