/* train.h - plain training: the experiment of a sweep that says no more. */
#ifndef SHOAL_EXPERIMENTS_TRAIN_H
#define SHOAL_EXPERIMENTS_TRAIN_H

#include "experiments/experiment.h"

extern const struct table train_arrays; /* rows of struct trial_array */

/* See struct experiment. */
enum err_code train_shape(const struct config *config, const struct parents *parents,
                          const struct record *record, struct trial_shape *out, struct err *e);
enum err_code train_run(struct worker *worker, const struct task *task,
                        const struct record *record, struct rows *rows, struct result *result,
                        struct err *e);

#endif
