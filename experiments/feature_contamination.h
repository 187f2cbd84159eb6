/* feature_contamination.h - training on a core and a background: how much of the background the
 * network learns, and what that costs where the background shifts.
 *
 * On any stream with backgrounds it measures risk and accuracy on the training set, a fresh test
 * set, and the same cores with data.ood_scale times the background. Where the network is a
 * two_layer one that sees a feature_model, its neurons are measured too: their weights, gates and
 * gradients along the core and the background.
 * source   arXiv 2406.03345, sections 3 and 4 */
#ifndef SHOAL_EXPERIMENTS_FEATURE_CONTAMINATION_H
#define SHOAL_EXPERIMENTS_FEATURE_CONTAMINATION_H

#include "experiments/experiment.h"

extern const struct table feature_contamination_metrics;
extern const struct table feature_contamination_arrays;
extern const struct experiment_default feature_contamination_defaults[];

/* See struct experiment. */
enum err_code feature_contamination_shape(const struct config *config,
                                          const struct parents *parents,
                                          const struct record *record, struct trial_shape *out,
                                          struct err *e);
enum err_code feature_contamination_run(struct worker *worker, const struct task *task,
                                        const struct record *record, struct rows *rows,
                                        struct result *result, struct err *e);

#endif
