/* setup.h - what a configuration comes to: steps, batches, records, the network, its cost.
 *
 * The plan asks for it before a run, the trainer at the start of one: both see the same
 * numbers. */
#ifndef SHOAL_WORKER_SETUP_H
#define SHOAL_WORKER_SETUP_H

#include "worker/data.h"
#include "worker/graph.h"
#include "worker/loss.h"
#include "worker/metric.h"
#include "worker/optim.h"
#include "worker/projection.h"
#include "worker/schedule.h"
#include "worker/task.h"
#include "worker/teacher.h"

struct setup {
    /* Given by the caller. */
    const struct config *config;
    const struct parents *parents;
    const struct record *record;
    struct data_shape data; /* of the data set; setup_init makes it that of features */

    /* Made by setup_init. */
    const struct loss *loss;
    const struct optimizer *optimizer;
    const struct schedule *schedule;
    const struct projection *projection;
    int64_t outputs;
    struct graph graph;
    struct teacher teacher;
    int64_t sample_dim;    /* numbers of a sample before it is made features */
    double features_bytes; /* of the network that makes features */

    int64_t n_train; /* training set of the real world; of the ideal one: of train metrics */
    int64_t whole;   /* samples it, or the ideal world's pool, had with a uniform prior */
    int64_t n_pool;  /* samples an ideal world has, each counted once; INT64_MAX: no end */
    int64_t n_test;  /* of the test set, and of the shifted one; 0: nothing needs them */
    int64_t n_test_subset;                 /* samples of test metrics before the last record */
    int64_t n_subset;                      /* samples of train metrics before the last record */
    int64_t batch, steps, steps_per_epoch; /* steps 0: nothing is trained */
    int64_t views; /* rows of a batch that show one sample: 2 for losses of pairs, else 1 */
    int64_t n_records;
    int64_t *record_step; /* [n_records] */
    const struct metric *metric[TASK_MAX_METRICS];
    unsigned needs;                          /* of all metrics */
    int layer[TASK_MAX_LAYERS];              /* nodes of recorded layers */
    int64_t slot[TASK_MAX_SLOTS];            /* steps of recorded slots, or SLOT_LEVEL */
    int64_t probe_pool[TASK_MAX_PROBE_SETS]; /* samples that probes are drawn from */
    int64_t capacity; /* samples that pass the network at once, at most */
};

/* Resolves and checks. known are the metrics that record may name. Memory of the arena holds
 * the graph's plan, no buffers. Local.
 * errors   ERR_CONFIG where settings contradict each other or a name is unknown; the text
 *          starts with the dotted key to blame. ERR_NOMEM */
enum err_code setup_init(struct setup *s, const struct table *known, struct arena *arena,
                         struct err *e);

/* Samples of the largest evaluation. */
int64_t setup_most(const struct setup *s);

/* Bytes of training, test and probe samples that a worker keeps in memory between trials. */
double setup_samples_bytes(const struct setup *s);

/* experiment.shape for plain training: no data set is opened, no large memory taken. Same
 * errors, and those of data_shape. Local.
 * cost     microseconds */
enum err_code setup_shape(const struct config *config, const struct parents *parents,
                          const struct record *record, const struct table *known,
                          struct trial_shape *out, struct err *e);

#endif
