/* worker.h - what a worker keeps between trials: the open data set, and the samples it has
 * already made into numbers. */
#ifndef SHOAL_WORKER_WORKER_H
#define SHOAL_WORKER_WORKER_H

#include "base/arena.h"
#include "worker/data.h"
#include "worker/samples.h"
#include "worker/setup.h"

struct worker;

/* Where weights of other trials come from: the store, whose room is further right. */
struct weights_source {
    /* out[n] receives the weights of a store's row, as struct rows.weights had them. Local.
     * errors   ERR_FORMAT if the row has other than n; ERR_IO */
    enum err_code (*read)(void *self, int64_t row, int64_t n, float *out, struct err *e);
    void *self;
};

/* source may be NULL where no trial has parents; borrowed. NULL when memory is exhausted.
 * Local. */
struct worker *worker_create(const struct weights_source *source);
void worker_destroy(struct worker *w); /* of NULL is fine */
const struct weights_source *worker_source(const struct worker *w);

/* Where runs under way are kept: NULL, at first, for nowhere. Borrowed. Local. */
struct checkpoints;
void worker_keep(struct worker *w, const struct checkpoints *c);
const struct checkpoints *worker_checkpoints(const struct worker *w);

/* The data set of a configuration, open; the one of the trial before if its settings and the
 * root seed are the same. Borrowed until the next call. Local.
 * errors   as data_open */
enum err_code worker_data(struct worker *w, const struct config *c, uint64_t root,
                          const struct data **out, struct err *e);

/* Why samples of the data set that is held could not be read since it was opened; ERR_OK if all
 * were. To be asked at the end of a trial; the next one opens the data set anew. Local. */
enum err_code worker_data_failed(const struct worker *w, struct err *e);

/* The sets that a trial draws from, likewise kept from trial to trial. */
struct worker_sets {
    struct samples train, test, probe[TASK_MAX_PROBE_SETS];
    struct samples ood;       /* the test set with data.ood_scale instead of background_scale */
    struct samples ood_train; /* the training set likewise: the same cores in the same order */
    struct samples pool; /* what an ideal world draws from; never held. Endless: n is nothing */
};

/* Training set: a subset of a finite pool, or the first samples of an endless stream; which
 * ones seeds.subset says, and data.prior. Test set: the first samples of its split. Probes: see
 * probe.h. Shifted sets are there where a metric needs them. Sets are held in memory as far as
 * SAMPLES_BUDGET reaches, the training set first.
 * Call worker_data before, for the same trial. Borrowed until the next call. Local.
 * errors   ERR_NOMEM */
enum err_code worker_samples(struct worker *w, const struct setup *s,
                             const struct worker_sets **out, struct err *e);

/* Memory for one trial, empty. Local. */
struct arena *worker_arena(struct worker *w);

#endif
