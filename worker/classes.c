/* classes.c - class priors and label noise.
 *
 * Streams: RNG_NOISE of the noise seed, index = sample, its top bit the split. RNG_PRIOR of the
 * subset seed: a candidate's draw has the index of the candidate, the numbers of further
 * candidates that of the sample with the top bit set, the random order of classes all bits. */
#include "worker/classes.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "worker/seeds.h"

enum { UNIFORM, SKEWED };
static const struct row prior_rows[] = {
    [UNIFORM] = {"uniform", "the classes as the data have them", NULL},
    [SKEWED] = {"skewed", "class sizes fall exponentially, by data.imbalance in all",
                "arXiv 1901.05555, section 5"},
};
const struct table priors = TABLE("prior", prior_rows);

enum { IN_ORDER, RANDOM };
static const struct row order_rows[] = {
    [IN_ORDER] = {"class", "class 0 is the largest, the last one the smallest", NULL},
    [RANDOM] = {"random", "in an order drawn by seeds.subset", NULL},
};
const struct table prior_orders = TABLE("order", order_rows);

#define TOP_BIT (UINT64_C(1) << 63)

/* Share of the class that is number rank by size. */
static double share_of(const struct config *c, int64_t n, int64_t rank)
{
    return n < 2 ? 1 : pow(c->data.imbalance, -(double)rank / (double)(n - 1));
}

enum err_code classes_open(const struct config *c, uint64_t root, int64_t n,
                           struct classes *out, struct err *e)
{
    *out = (struct classes){
        .n = n,
        .noise_seed = seeds_root(root, c->seeds.noise),
        .subset_seed = seeds_root(root, c->seeds.subset),
        .noise = {c->data.label_noise, c->data.noise_test ? c->data.label_noise : 0}};
    if (c->data.prior == UNIFORM) return ERR_OK;
    int64_t *order = malloc((size_t)n * sizeof *order);
    out->share = malloc((size_t)n * sizeof *out->share);
    if (!order || !out->share) {
        free(order);
        classes_close(out);
        return ERR(e, ERR_NOMEM, "no memory for the shares of %lld classes", (long long)n);
    }
    struct rng r = rng_stream(out->subset_seed, RNG_PRIOR, UINT64_MAX);
    if (c->data.prior_order == RANDOM)
        rng_permutation(&r, n, order);
    else
        for (int64_t k = 0; k < n; k++) order[k] = k;
    for (int64_t k = 0; k < n; k++) out->share[order[k]] = share_of(c, n, k);
    free(order);
    return ERR_OK;
}

void classes_close(struct classes *classes)
{
    free(classes->share);
    classes->share = NULL;
}

int64_t classes_quota(int64_t whole, int64_t n, double share)
{
    return (int64_t)((double)whole / (double)n * share);
}

int64_t classes_total(const struct config *c, int64_t n, int64_t whole)
{
    if (c->data.prior == UNIFORM) return whole;
    int64_t total = 0;
    for (int64_t k = 0; k < n; k++) total += classes_quota(whole, n, share_of(c, n, k));
    return total;
}

int32_t classes_label(const struct classes *classes, int split, int64_t index, int32_t label)
{
    double p = classes->noise[split];
    if (p == 0) return label;
    struct rng r =
        rng_stream(classes->noise_seed, RNG_NOISE, (uint64_t)index | (split ? TOP_BIT : 0));
    if (rng_uniform(&r) >= p) return label;
    int64_t other = label + 1 + (int64_t)rng_below(&r, (uint64_t)classes->n - 1);
    return (int32_t)(other % classes->n);
}

int64_t classes_candidate(const struct classes *classes, int64_t index, uint32_t number)
{
    if (number == 0) return index;
    uint32_t word[4];
    rng_block(classes->subset_seed, RNG_PRIOR, (uint64_t)index | TOP_BIT, number, word);
    return (int64_t)(((uint64_t)word[1] << 32 | word[0]) >> 1);
}

bool classes_accept(const struct classes *classes, int64_t candidate, int32_t label)
{
    struct rng r = rng_stream(classes->subset_seed, RNG_PRIOR, (uint64_t)candidate);
    return rng_uniform(&r) < classes->share[label];
}
