/* rng.h - random numbers as a pure function of (seed, purpose, index).
 *
 * Philox4x32-10 from Random123: no state to keep, skip or send, so that any rank can make any
 * number, in any order, with the same bits. A stream is named by a 64-bit seed, a purpose and a
 * 64-bit index (a sample, an epoch, a layer); block b of it holds four 32-bit words.
 * source   Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 */
#ifndef SHOAL_BASE_RNG_H
#define SHOAL_BASE_RNG_H

#include <stdint.h>

/* Never renumber: the numbers are part of every result. Add at the end. */
enum rng_purpose {
    RNG_SEED = 1,   /* deriving one seed from others */
    RNG_WORLD,      /* what a synthetic data set is made of (a teacher's weights) */
    RNG_TRAIN,      /* training samples */
    RNG_TEST,       /* test samples */
    RNG_SUBSET,     /* which training samples a finite world holds */
    RNG_INIT,       /* initial weights, index = parameter number */
    RNG_ORDER,      /* epoch permutations, index = epoch */
    RNG_AUGMENT,    /* augmentation of samples */
    RNG_NOISE,      /* label noise */
    RNG_PROBE,      /* choice of probes */
    RNG_BOOTSTRAP,  /* resampling in intervals */
    RNG_TESTING,    /* the project's own tests */
    RNG_DROPOUT,    /* dropout masks, index = step and node */
    RNG_METRIC,     /* augmentation of samples that train metrics are measured on */
    RNG_MIXUP,      /* partners and weights of mixup, index = step */
    RNG_PRIOR,      /* class priors: which candidates are taken, which classes are large */
    RNG_DYNAMICS,   /* random directions in which a network is measured */
    RNG_BACKGROUND, /* backgrounds of samples */
    RNG_VISUAL,     /* images that a visualisation starts from, index = image */
    RNG_PERMUTE,    /* permutations of rows in the null of an alignment, index = permutation */
    RNG_LAYOUT,     /* random starts of multidimensional scaling, index = start */
};

/* The four words of block `block`. Local. */
void rng_block(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint32_t block,
               uint32_t out[4]);

/* The seed of a trial's private streams: a mix of the sweep's root seed and the trial's seed.
 */
uint64_t rng_seed(uint64_t root, uint64_t trial);

/* A reader of one stream, word after word. Plain data. */
struct rng {
    uint64_t seed, index;
    enum rng_purpose purpose;
    uint32_t block; /* the next block */
    int left;       /* unread words of word[] */
    uint32_t word[4];
};
struct rng rng_stream(uint64_t seed, enum rng_purpose purpose, uint64_t index);

uint32_t rng_u32(struct rng *r);
double rng_uniform(struct rng *r); /* in (0, 1): 53 bits, never 0 or 1 */
double rng_normal(struct rng *r);  /* N(0, 1), Box-Muller; two words of 53 bits each */
uint64_t rng_below(struct rng *r, uint64_t n); /* uniform on 0..n-1, unbiased; n > 0 */

/* out[n]: a uniform permutation of 0..n-1 (Fisher-Yates on the stream). Local. */
void rng_permutation(struct rng *r, int64_t n, int64_t *out);

/* out[n] standard normals as a function of the stream alone, single precision: 24-bit uniforms,
 * Box-Muller with polynomial log, sine and cosine in plain float arithmetic, so that a
 * vectorised loop gives the bits of a scalar one. Starts at the stream's next whole block.
 * Local.
 * cost     about 2 ns each */
void rng_normals(struct rng *r, int64_t n, float *out);

/* out[n]: words as a function of the stream alone. Starts at the stream's next whole block and
 * takes tiles of 16 blocks: word 0 of all of them, then word 1, 2 and 3. Local.
 * cost     about 1 ns each */
void rng_words(struct rng *r, int64_t n, uint32_t *out);

#endif
