/* all_pairs_inner.h - what all_pairs.c and tall.c share; for nobody else. */
#ifndef SHOAL_LINALG_ALL_PAIRS_INNER_H
#define SHOAL_LINALG_ALL_PAIRS_INNER_H

#include "linalg/all_pairs.h"
#include "linalg/bank.h"

/* The arguments of alignment_all_pairs. */
struct run {
    MPI_Comm comm;
    int rank, size;
    const struct alignment_groups *groups;
    const struct alignment_task *task;
    int n_tasks;
    const struct alignment_options *options;
    const struct alignment_null *null;
    const struct alignment_sink *sink;
    double *most;                /* [n_tasks, K] */
    struct alignment_pairs *own; /* found since the last flush */
};

struct best {
    double score;
    int32_t layer_a, layer_b;
};

/* May these layers be a pair? Local. */
bool pairs_may_match(const struct alignment_measure *m, const struct candidate *a,
                     const struct candidate *b);

/* Takes a score that is better than the best so far; NaN never is. Local. */
void pairs_offer(struct best *best, const struct alignment_measure *m, double score,
                 int32_t layer_a, int32_t layer_b);

/* A new pair at the end, without scores. NULL: no memory. Local. */
struct alignment_pair *pairs_add(struct alignment_pairs *list);

/* Fills in what sample[K] says of a score, and raises most[K]. sample is overwritten, z[K] is
 * scratch. Local. */
void pairs_calibrate(const struct alignment_null *null, const struct alignment_task *task,
                     double *sample, double *z, double *most, struct alignment_pair *p);

/* What exact moments say of a score that is the best of `searched` pairs of layers. Local. */
void pairs_exact(double mean, double sd, int64_t searched, struct alignment_pair *p);

/* The pairs that all ranks have found to the sink. Collective. */
enum err_code pairs_flush(const struct run *r, struct err *e);

/* The neighbour lists of a rank's own models, where they are made in passing: b is empty where
 * the groups are one. */
struct lists {
    struct bank a, b;
};

/* Tasks that share a form over all wanted pairs; lists: their forms were made already, or NULL.
 * Collective. */
enum err_code ring_pairs(const struct run *r, const struct alignment_task *const *task,
                         int n_tasks, struct lists *lists, struct err *e);

/* The largest k of tasks. Local. */
int64_t pairs_largest_k(const struct alignment_task *const *task, int n_tasks);

/* A measure with a gram over all wanted pairs. Collective.
 *
 * lists    laid out: their forms are made from the tiles of centred features that go by; or NULL
 */
enum err_code tall_product(const struct run *r, const struct alignment_task *task,
                           struct lists *lists, struct err *e);

#endif
