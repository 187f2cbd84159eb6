/* trainer.h - trains one network and measures it on the way.
 *
 * Numbers depend on (configuration, root seed, trial seed) alone: weights come from RNG_INIT,
 * batches from feed.h; which seed each is keyed by is in seeds.h.
 *
 * A record at step s is taken after s updates. Train metrics use the first record.train_subset
 * samples of the training set, the whole set at the last record. */
#ifndef SHOAL_WORKER_TRAINER_H
#define SHOAL_WORKER_TRAINER_H

#include "worker/dynamics.h"
#include "worker/feed.h"
#include "worker/score.h"
#include "worker/setup.h"
#include "worker/worker.h"

/* What to run and where to put what comes of it: the arguments of experiment.run. */
struct trial {
    const struct task *task;
    const struct record *record;
    struct rows *rows;
    struct result *result;
};

/* A training run under way, as an experiment's hooks see it. */
struct trainer {
    const struct trial *trial;
    struct setup setup; /* sizes, and the network: setup.graph */
    const struct worker_sets *sets;
    struct batch batch; /* of an evaluation */
    struct optim optim;
    real *toward_teacher;     /* [graph.size] gradient for optim.projection, else NULL */
    real *log_prior;          /* [outputs] for a loss that needs it, else NULL */
    struct measured measured; /* at the latest record */
    struct score score;       /* of the latest evaluation, if a metric needs one */
    struct dynamics dynamics;
    int64_t step;     /* updates done */
    struct feed feed; /* training batches */
    real *dy2;        /* [B, outputs] mixup: gradient by the second labels */
    bool slot_filled[TASK_MAX_SLOTS];
    const struct checkpoints *checkpoints; /* NULL: none */
    double kept_s;                         /* when the last one was made, or the run began */
    void *own;                             /* an experiment's, made by its hook start */
};

/* What an experiment adds to plain training. */
struct trainer_hooks {
    const struct table *metrics; /* rows of struct metric that may be recorded */

    /* Optional. Before the first record: makes t->own of memory of the trial's arena. */
    enum err_code (*start)(struct trainer *t, struct arena *arena, struct err *e);

    /* Optional. At each record, after the trainer has measured: values[i] is the place of
     * record.metric[i], still NaN where metric.value is NULL. */
    enum err_code (*measure)(struct trainer *t, double *values, struct err *e);

    /* Optional. After the last record of a run that did not diverge, where arrays are recorded:
     * fills array[i], which is record.array[i] of the size that experiment.shape gave, NaN so
     * far (NULL: the trial has none of it). The test set is there. */
    enum err_code (*finish)(struct trainer *t, float **array, struct err *e);

    /* Optional; not called for an optimizer that minimises. Before the first update and after
     * each: false ends the run there, whatever steps and records its configuration has left.
     */
    bool (*step)(struct trainer *t, void *self);
    void *self; /* of the hook step */
};

/* experiment.run for plain training with hooks. Local.
 * errors   those of setup_init and worker_data; ERR_NOMEM; a hook's. Divergence is none: it is
 *          result->outcome, with a reason; metrics after it are NaN, as are representations of
 *          slots that were not reached. */
enum err_code trainer_run(struct worker *worker, const struct trial *trial,
                          const struct trainer_hooks *hooks, struct err *e);

/* Averages over samples 0..n-1 of a set; with gradient also leaves the gradient of the mean
 * loss in t->setup.graph.dw. For hooks. Local. */
void trainer_evaluate(struct trainer *t, const struct samples *set, int64_t n, bool gradient,
                      struct evaluation *out);

/* The outputs of a forward pass over the first n samples of a batch, as a loss takes them: a
 * teacher's are made. For hooks. Local. */
struct loss_input trainer_outputs(struct trainer *t, const struct batch *b, int64_t n);

double trainer_now_s(void); /* seconds, monotonic */

/* After a forward pass of the batch's first n samples: their loss's gradient, times scale, to
 * t->setup.graph.dw, as graph_backward does. Local. */
void trainer_backward(struct trainer *t, int64_t n, double scale, bool accumulate);

#endif
