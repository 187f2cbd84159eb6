/* samples.h - a fixed, ordered set of samples of a split, in memory when it is small enough. */
#ifndef SHOAL_WORKER_SAMPLES_H
#define SHOAL_WORKER_SAMPLES_H

#include "base/arena.h"
#include "worker/data.h"

struct samples {
    const struct data *data; /* borrowed */
    enum split split;
    int64_t n;
    const int64_t *index; /* [n] in the split; NULL: first..first+n-1 */
    real *x;              /* [n, dim]; NULL: fetched when asked for */
    int32_t *label;       /* [n]; NULL like x */
    int64_t first;
    bool skewed; /* training samples of an endless stream, by the classes' prior */
};

/* The index in the split of the set's sample number `place`. */
static inline int64_t samples_index(const struct samples *s, int64_t place)
{
    return s->index ? s->index[place] : s->first + place;
}

/* Rows for a network to read. x and label point into the set or into the batch's own room. */
struct batch {
    int64_t n;
    const real *x;
    const int32_t *label;
    const int32_t *label2; /* of mixup's partners, weighted by 1 - mix; NULL without mixup */
    real mix;              /* weight of label: 1 without mixup */
    real *own_x;           /* [capacity, dim] */
    int32_t *own_label;
    int64_t *own_index;
};

/* Bytes of samples that a worker holds in memory, sets in the order train, test, probe. */
#define SAMPLES_BUDGET 256e6

/* Bytes of n samples as numbers: of a set in memory, and of a batch. Local. */
double samples_bytes(const struct data_shape *shape, int64_t n);

/* Bytes of a set of n that is held in memory: 0 if it exceeds *budget, which else is lowered.
 * Local. */
double samples_held(const struct data_shape *shape, int64_t n, double *budget);

/* Fills a set whose data, split, n and index the caller has set: index is copied, and samples
 * are held in memory as samples_held says. Local.
 * errors   ERR_NOMEM */
enum err_code samples_load(struct samples *s, double *budget, struct arena *arena,
                           struct err *e);

enum err_code batch_init(struct batch *b, const struct data_shape *shape, int64_t capacity,
                         struct arena *arena, struct err *e);

/* The rows first..first+n-1 of the set, without copying if it is in memory. Local. */
void samples_range(const struct samples *s, int64_t first, int64_t n, struct batch *b);

/* The rows place[0..n-1] of the set. place may be b->own_index. Local. */
void samples_pick(const struct samples *s, const int64_t *place, int64_t n, struct batch *b);

#endif
