/* rng.c - counter-based random numbers.
 *
 * Counter words: block, purpose, index low, index high; key words: seed low, seed high. */
#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

#include "base/err.h"

void rng_block(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint32_t block,
               uint32_t out[4])
{
    philox4x32_ctr_t counter = {
        {block, (uint32_t)purpose, (uint32_t)index, (uint32_t)(index >> 32)}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t word = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) out[i] = word.v[i];
}

uint64_t rng_seed(uint64_t root, uint64_t trial)
{
    uint32_t word[4];
    rng_block(root, RNG_SEED, trial, 0, word);
    return (uint64_t)word[1] << 32 | word[0];
}

struct rng rng_stream(uint64_t seed, enum rng_purpose purpose, uint64_t index)
{
    return (struct rng){.seed = seed, .index = index, .purpose = purpose};
}

uint32_t rng_u32(struct rng *r)
{
    if (r->left == 0) {
        rng_block(r->seed, r->purpose, r->index, r->block++, r->word);
        r->left = 4;
    }
    return r->word[4 - r->left--];
}

double rng_uniform(struct rng *r)
{
    uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6; /* 27 and 26 bits */
    return ((double)(high << 26 | low) + 0.5) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double radius = sqrt(-2 * log(rng_uniform(r)));
    return radius * cos(6.283185307179586 * rng_uniform(r));
}

/* Lemire's multiplication with rejection of the biased part. */
uint64_t rng_below(struct rng *r, uint64_t n)
{
    INVARIANT(n > 0);
    for (;;) {
        uint64_t word = (uint64_t)rng_u32(r) << 32;
        word |= rng_u32(r);
        unsigned __int128 product = (unsigned __int128)word * n;
        if ((uint64_t)product >= -n % n) return (uint64_t)(product >> 64);
    }
}

void rng_permutation(struct rng *r, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)rng_below(r, (uint64_t)i + 1);
        out[i] = out[j];
        out[j] = i;
    }
}
