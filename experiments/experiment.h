/* experiment.h - an experiment is one row: settings of its own, and how to size and run a
 * trial. */
#ifndef SHOAL_EXPERIMENTS_EXPERIMENT_H
#define SHOAL_EXPERIMENTS_EXPERIMENT_H

#include "base/field.h"
#include "worker/task.h"

struct worker;

/* What a trial can leave beside metrics, representations and weights: a float32 array that its
 * experiment fills at the end of a trial. Its sizes, of up to TASK_MAX_DIMS dimensions, may
 * differ between configurations: experiment.shape says them. */
struct trial_array {
    struct row row;
    const char *dims;    /* names of the dimensions, "neuron statistic"; NULL: numbered */
    const char *columns; /* names of the last dimension's places, "mean sd max"; or NULL */
};

/* What a setting is unless the sweep file says otherwise, where an experiment has its own idea of
 * that. */
struct experiment_default {
    const char *key, *text;
};

struct experiment {
    struct row row;
    const struct table *fields;  /* config_fields, perhaps with rows of its own behind them */
    const struct table *metrics; /* rows of struct metric (worker/metric.h) */
    const struct table *arrays;  /* rows of struct trial_array, or NULL */
    const struct experiment_default *defaults; /* ends with a key of NULL; NULL: none */

    /* Sizes and costs of a trial that has such parents (their rows do not matter), without
     * running it. Local.
     * errors  ERR_CONFIG where settings contradict each other (batch larger than the data ...)
     * or a recorded layer does not exist; the text starts with the dotted key to blame. */
    enum err_code (*shape)(const struct config *config, const struct parents *parents,
                           const struct record *record, struct trial_shape *out, struct err *e);

    /* Runs one trial. rows has the sizes that shape gave. A failure of the trial is an error; a
     * divergence is an outcome in *result. worker caches data sets and memory between trials.
     * Local. */
    enum err_code (*run)(struct worker *worker, const struct task *task,
                         const struct record *record, struct rows *rows, struct result *result,
                         struct err *e);
};

/* All experiments: rows of struct experiment. */
extern const struct table experiments;

#endif
