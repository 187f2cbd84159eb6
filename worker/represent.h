/* represent.h - representations of the probe sets at the slots of a trial: what the recorded
 * layers put out, in evaluation mode, into struct rows. */
#ifndef SHOAL_WORKER_REPRESENT_H
#define SHOAL_WORKER_REPRESENT_H

#include "worker/trainer.h"

/* Fills the slots of the step that has come. Local. */
void represent_due(struct trainer *t);

/* Fills those that wait for a level which these values of the recorded metrics are the first
 * to pass. Local. */
void represent_passed(struct trainer *t, const double *values);

/* Fills what is wanted of the probes themselves: labels and inputs. Local. */
void represent_probes(struct trainer *t);

/* NaN into the slots whose moment never came. Local. */
void represent_missing(const struct trainer *t);

#endif
