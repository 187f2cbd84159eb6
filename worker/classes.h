/* classes.h - what stands between a stream's classes and the labels a trial trains on: class
 * priors and label noise. Both are functions of (seed, sample), the same for all trials that
 * share the seeds. */
#ifndef SHOAL_WORKER_CLASSES_H
#define SHOAL_WORKER_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "worker/task.h"

extern const struct table priors;       /* uniform, skewed */
extern const struct table prior_orders; /* class, random */

struct classes {
    int64_t n;
    uint64_t noise_seed, subset_seed;
    double noise[2]; /* by split: probability that a label is another one */
    double *share;   /* [n] samples of each class by those of the largest; NULL: uniform */
};

/* data.prior's profile: class number r by size has imbalance^(-r / (classes - 1)) as many
 * samples as the largest, the classes in their own order or a random one. Local.
 * errors   ERR_NOMEM */
enum err_code classes_open(const struct config *c, uint64_t root, int64_t n,
                           struct classes *out, struct err *e);
void classes_close(struct classes *classes); /* of a zeroed one is fine */

/* How many samples a class of that share may have where `whole` uniform ones would be, and how
 * many all classes have together: whole for a uniform prior. Local. */
int64_t classes_quota(int64_t whole, int64_t n, double share);
int64_t classes_total(const struct config *c, int64_t n, int64_t whole);

/* The label that a sample has for good: the stream's, or with the probability of noise another
 * class, all others alike. Local.
 * source   arXiv 2010.08127, released code: (y + Categorical([1 - p, p/(K-1), ...])) mod K */
int32_t classes_label(const struct classes *classes, int split, int64_t index, int32_t label);

/* An endless stream of a prior, by rejection: sample number `index` is the first of its
 * candidates that is accepted. Number 0 is the sample itself, later ones are drawn from far
 * away, so that no two samples share one. Local. */
int64_t classes_candidate(const struct classes *classes, int64_t index, uint32_t number);
bool classes_accept(const struct classes *classes, int64_t candidate, int32_t label);

#endif
