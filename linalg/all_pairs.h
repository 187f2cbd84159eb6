/* all_pairs.h - measures over all pairs of models, with the search for the best layers and the
 * permutation null inside it, on all ranks. */
#ifndef SHOAL_LINALG_ALL_PAIRS_H
#define SHOAL_LINALG_ALL_PAIRS_H

#include <mpi.h>

#include "linalg/alignment.h"

enum { ALIGNMENT_MAX_TASKS = 64 };

/* A measure to take, with its k (0: it has none). */
struct alignment_task {
    const struct alignment_measure *measure;
    int64_t k;
};

/* Permutations of the rows of the model of higher number of each pair: the same for all its
 * layers, with the search for the best layers repeated in each. A score that equals the one
 * observed to 1e-11 counts as equal. */
struct alignment_null {
    int64_t count;       /* K; 0: no calibration */
    const int32_t *perm; /* [K, n], known to all ranks */
    double alpha;        /* level of the threshold */
    bool within;         /* not of all permutations: exact moments say nothing */
};

/* What came out for a pair of models, by their numbers in the whole. Without a null the
 * calibration is NaN. */
struct alignment_pair {
    int32_t task, a, b;
    int32_t layer_a, layer_b; /* of the best score; ALIGN_NO_LAYER, ALIGN_CONCAT */
    double score, p_value, threshold, calibrated;
    double null_mean, null_sd, null_z; /* z of the score among those of its null */
    double null_skewness;
    double exact_mean, exact_sd, exact_tail; /* of all permutations, at the best layers */
};

struct alignment_pairs {
    int64_t count, capacity;
    struct alignment_pair *pair;
};

/* Called on rank 0 alone, again and again while the work goes on, with the pairs since the last
 * time: what it keeps is not lost with a run that is killed.
 *
 * most[n_tasks, K]  largest z of any pair so far in each permutation */
struct alignment_sink {
    void (*take)(void *self, const struct alignment_pairs *pairs, const double *most);
    void *self;
};

/* Two groups of models; b may be a itself. Number first + i is model i of the set in the whole;
 * those of a come before those of b. */
struct alignment_groups {
    const struct alignment_set *a, *b;
    int64_t first_a, first_b;
    const uint8_t *wanted; /* [a, b], known to all ranks; of a with itself the upper triangle */
};

/* Gives the sink, on rank 0, one pair for every task and wanted pair of models, with the lower
 * number as a; of a measure that is not symmetric also the other way round. Collective over
 * comm.
 *
 * errors   those of alignment_check; ERR_SHAPE for an empty representation; ERR_NOMEM
 * cost     memory on a rank: the forms of its own models of both groups (two and the guesses of
 *          a search where neighbour lists are made in passing) and those of one other rank,
 *          GRAM_BLOCK_BYTES, and scores of pairs
 * same     bits on any number of ranks for measures by pairs; to 1e-12 for those by tall
 *          products */
enum err_code alignment_all_pairs(MPI_Comm comm, const struct alignment_groups *groups,
                                  const struct alignment_task *task, int n_tasks,
                                  const struct alignment_options *o,
                                  const struct alignment_null *null,
                                  const struct alignment_sink *sink, struct err *e);

/* Bytes of the forms of a model that exist at once, at most. Local. */
size_t alignment_model_bytes(const struct alignment_model *m, int64_t n,
                             const struct alignment_task *task, int n_tasks,
                             const struct alignment_options *o);

#endif
