/* alignment_run.h - measures over made representations, their results on every rank: assertions
 * then hold or fail on all ranks alike, and none waits for another. */
#ifndef SHOAL_TESTS_ALIGNMENT_RUN_H
#define SHOAL_TESTS_ALIGNMENT_RUN_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/all_pairs.h"
#include "tests/alignment_confound.h"

static const struct alignment_options plain = {.normalize = ALIGN_NONE, .clip = 1, .k = 10};
static const struct alignment_null no_null = {0};

/* The pair (a, b) of a list, also where only (b, a) was taken of a symmetric measure. */
static inline struct alignment_pair find_pair(const struct alignment_pairs *list, int32_t a,
                                              int32_t b)
{
    for (int turn = 0; turn < 2; turn++)
        for (int64_t i = 0; i < list->count; i++) {
            struct alignment_pair p = list->pair[i];
            if (turn == 0 && p.a == a && p.b == b) return p;
            if (turn == 1 && p.a == b && p.b == a) {
                p.layer_a = list->pair[i].layer_b;
                p.layer_b = list->pair[i].layer_a;
                return p;
            }
        }
    ck_abort_msg("no pair %d, %d", a, b);
    return (struct alignment_pair){0};
}

/* A sink that keeps all. */
static void keep_pairs(void *self, const struct alignment_pairs *pairs, const double *most)
{
    struct alignment_pairs *list = self;
    size_t count = (size_t)(list->count + pairs->count);
    list->pair = realloc(list->pair, count * sizeof *list->pair);
    memcpy(list->pair + list->count, pairs->pair, (size_t)pairs->count * sizeof *list->pair);
    list->count += pairs->count;
    (void)most;
}

/* All wanted pairs of a group (wanted NULL: all) on every rank, as a matrix [n_models, n_models];
 * to free(). */
static inline struct alignment_pair *run_models(MPI_Comm comm, const char *measure,
                                                struct alignment_options o,
                                                const struct alignment_null *null,
                                                const struct alignment_set *set)
{
    struct err e = {0};
    struct alignment_task task;
    ck_assert_int_eq(alignment_parse(measure, &task.measure, &o, &e), ERR_OK);
    task.k = o.k;
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t M = set->n_models;
    uint8_t *wanted = malloc((size_t)(M * M));
    memset(wanted, 1, (size_t)(M * M));
    struct alignment_groups groups = {set, set, 0, 0, wanted};
    struct alignment_pairs list = {0};
    struct alignment_sink sink = {keep_pairs, &list};
    enum err_code rc = alignment_all_pairs(comm, &groups, &task, 1, &o, null, &sink, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s", measure, e.text);
    struct alignment_pair *out = calloc((size_t)(M * M), sizeof *out);
    for (int64_t i = 0; i < M * M && rank == 0; i++)
        out[i] = find_pair(&list, (int32_t)(i / M), (int32_t)(i % M));
    MPI_Bcast(out, (int)(M * M) * (int)sizeof *out, MPI_BYTE, 0, comm);
    free(wanted), free(list.pair);
    return out;
}

/* Scores of all pairs of x[count][n, d[.]], one layer a model, on every rank; to free(). */
static inline double *run(MPI_Comm comm, const char *measure, struct alignment_options o,
                          int64_t n, int count, const int64_t *d, float *const *x)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    struct representation layer[16] = {0};
    struct alignment_model model[16];
    for (int m = 0; m < count; m++) {
        bool own = alignment_owner(m, count, size) == rank;
        layer[m] = (struct representation){d[m], own ? x[m] : NULL, false, true};
        model[m] = (struct alignment_model){1, &layer[m]};
    }
    struct alignment_set set = {n, count, model, made_confound(n), CONFOUND_D};
    struct alignment_pair *pair = run_models(comm, measure, o, &no_null, &set);
    double *score = malloc((size_t)(count * count) * sizeof *score);
    for (int i = 0; i < count * count; i++) score[i] = pair[i].score;
    free(pair);
    return score;
}

#endif
