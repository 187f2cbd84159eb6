/* feed.h - the sequence of training batches of a trial: a function of the step.
 *
 *   real world    batches are cut from a permutation of the training set, a new one each epoch;
 *                 what is left at the end of an epoch is dropped. batch: full is the set itself
 *   ideal world   batch t is samples t B .. (t + 1) B - 1 of an endless stream, or of one
 *                 permutation of a finite pool: no sample twice
 *
 * Images are augmented by (seeds.augment, t B + place in the batch), whoever prepares them.
 * With data.augreps: r, a sample has r variants instead, functions of the sample and a number
 * below r: a finite ideal pool is laid out r times, and epoch e of a real world sees variant
 * e mod r.
 *
 * Where preparing a batch takes time, a thread makes batch t + 1 while t is trained on. */
#ifndef SHOAL_WORKER_FEED_H
#define SHOAL_WORKER_FEED_H

#include <pthread.h>

#include "worker/augment.h"
#include "worker/samples.h"
#include "worker/setup.h"
#include "worker/worker.h"

struct feed {
    const struct config *config;
    struct samples source;   /* borrowed arrays; a batch is places in it */
    int64_t batch;           /* rows */
    int64_t views;           /* rows that show one sample */
    int64_t per_epoch;       /* batches of an epoch; of the ideal world: all */
    int64_t steps, repeats;  /* repeats: data.augreps, or 1 */
    int64_t n_order, *order; /* permutation of the epoch or pool; NULL: samples in sequence */
    int64_t epoch;           /* that order holds; -1: none */
    uint64_t order_seed, augment_seed;
    bool changes; /* images are augmented */
    bool fixed;   /* data.augreps is given */
    struct augment augment;
    uint64_t *key; /* [batch] what augmentation is a function of */
    int64_t *partner;
    int32_t *label2[2];
    real *room, *room_shown; /* [dim] for the thread that prepares, for the main one */
    struct batch buffer[2];

    /* Of the thread. What stands above belongs to it while `wanted` is set. */
    bool threaded, quit;
    int64_t wanted;   /* the step being prepared, or -1 */
    int64_t prepared; /* the step in buffer[prepared % 2], or -1 */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* Prepares to serve a trial. With two views, rows 2i and 2i + 1 of a batch are one sample under
 * two augmentations. The feed must stay where it is until feed_clear, which is fine for a zeroed
 * one. Local.
 * errors   ERR_NOMEM */
enum err_code feed_init(struct feed *f, const struct setup *s, const struct worker_sets *sets,
                        const struct task *task, struct arena *arena, struct err *e);

/* Ends the thread. Memory belongs to the arena. */
void feed_clear(struct feed *f);

/* Batch number `step`, borrowed until the next call. The same whatever was taken before; fast
 * if it was the one before. Local. */
const struct batch *feed_take(struct feed *f, int64_t step);

/* Changes samples first..first+b->n-1 of the training set, which b holds, as training changes
 * its own: with fresh draws at each step, or with data.augreps the first variant. May run
 * beside the thread. Local. */
void feed_augment(struct feed *f, const struct samples *train, int64_t step, int64_t first,
                  struct batch *b);

/* Makes of samples first..first+b->n-1 of a set, which b holds, two views each, as training sees
 * them; the same in every evaluation. b has room for twice as many. May run beside the thread.
 * Local. */
void feed_views(struct feed *f, int64_t first, struct batch *b);

/* Bytes that feed_init takes of the arena, at most. Local. */
double feed_bytes(const struct setup *s);

#endif
