/* rng.c - counter-based random numbers.
 *
 * Counter words: block, purpose, index low, index high; key words: seed low, seed high.
 * rng_block and the scalar readers take Philox from Random123. rng_normals is on the path of
 * every synthetic batch and carries its own, written over arrays so that the compiler turns it
 * into vector code; the test holds it against Random123 and a scalar twin, bit by bit. */
#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/kernel.h"

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

enum { LANES = 16, TILE = 4 * LANES }; /* Philox blocks side by side; normals they give */

/* One Philox4x32-10 block per lane: word[k][lane] of block first + lane. */
static inline void philox_lanes(const struct rng *r, uint32_t word[4][LANES])
{
    const uint32_t seed_low = (uint32_t)r->seed, seed_high = (uint32_t)(r->seed >> 32);
    const uint32_t purpose = (uint32_t)r->purpose, first = r->block;
    const uint32_t index_low = (uint32_t)r->index, index_high = (uint32_t)(r->index >> 32);
    for (int lane = 0; lane < LANES; lane++) {
        uint32_t c0 = first + (uint32_t)lane, c1 = purpose, c2 = index_low, c3 = index_high;
        uint32_t k0 = seed_low, k1 = seed_high;
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
            c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
            c1 = (uint32_t)b;
            c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
            c3 = (uint32_t)a;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        word[0][lane] = c0;
        word[1][lane] = c1;
        word[2][lane] = c2;
        word[3][lane] = c3;
    }
}

/* log of a float in (0, 1]: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then a polynomial.
 * source   Cephes, logf.c */
static inline float log_unit(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits - 0x3f3504f3) >> 23;
    bits -= (uint32_t)e << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    float f = m - 1, f2 = f * f, p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float tail = p * f * f2 - 2.12194440e-4f * (float)e - 0.5f * f2;
    return f + tail + 0.693359375f * (float)e;
}

/* Box-Muller on two words: the radius from the upper 24 bits of one, (0, 1]; the angle from the
 * upper 24 bits of the other, 2 bits of quadrant and 22 of place in it.
 * source   sine and cosine on [-pi/4, pi/4]: Cephes, sinf.c */
static inline void box_muller(uint32_t radius_word, uint32_t angle_word, float *x, float *y)
{
    float radius = sqrtf(-2 * log_unit((float)(int32_t)((radius_word >> 8) + 1) * 0x1p-24f));
    int32_t place = (int32_t)(angle_word >> 7 & 0x7ffffe) - 0x3fffff; /* odd: never 0 */
    float a = (float)place * (0x1p-23f * 1.57079632679f), a2 = a * a;
    float sine = -1.9515295891e-4f;
    sine = sine * a2 + 8.3321608736e-3f;
    sine = sine * a2 - 1.6666654611e-1f;
    sine = sine * a2 * a + a;
    float cosine = 2.443315711809948e-5f;
    cosine = cosine * a2 - 1.388731625493765e-3f;
    cosine = cosine * a2 + 4.166664568298827e-2f;
    cosine = cosine * a2 * a2 - 0.5f * a2 + 1;
    int32_t quadrant = (int32_t)(angle_word >> 30);
    float u = quadrant & 1 ? sine : cosine, v = quadrant & 1 ? cosine : sine;
    *x = radius * (float)(1 - ((quadrant + 1) & 2)) * u;
    *y = radius * (float)(1 - (quadrant & 2)) * v;
}

/* The TILE normals of blocks r->block to r->block + LANES - 1: word k of all lanes, then word
 * k + 1. */
KERNEL static void normals_tile(const struct rng *r, float out[TILE])
{
    uint32_t word[4][LANES];
    float normal[4][LANES];
    philox_lanes(r, word);
    for (int pair = 0; pair < 4; pair += 2)
        for (int lane = 0; lane < LANES; lane++)
            box_muller(word[pair][lane], word[pair + 1][lane], &normal[pair][lane],
                       &normal[pair + 1][lane]);
    memcpy(out, normal, sizeof normal);
}

void rng_normals(struct rng *r, int64_t n, float *out)
{
    r->left = 0;
    for (; n >= TILE; n -= TILE, out += TILE, r->block += LANES) normals_tile(r, out);
    if (n <= 0) return;
    float tile[TILE];
    normals_tile(r, tile);
    memcpy(out, tile, (size_t)n * sizeof *out);
    r->block += LANES;
}

/* The TILE words of blocks r->block to r->block + LANES - 1. */
KERNEL static void words_tile(const struct rng *r, uint32_t out[TILE])
{
    uint32_t word[4][LANES];
    philox_lanes(r, word);
    memcpy(out, word, sizeof word);
}

void rng_words(struct rng *r, int64_t n, uint32_t *out)
{
    r->left = 0;
    for (; n >= TILE; n -= TILE, out += TILE, r->block += LANES) words_tile(r, out);
    if (n <= 0) return;
    uint32_t tile[TILE];
    words_tile(r, tile);
    memcpy(out, tile, (size_t)n * sizeof *out);
    r->block += LANES;
}
