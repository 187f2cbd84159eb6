/* loss.h - training losses: what a network's outputs cost, and the gradient by them. */
#ifndef SHOAL_WORKER_LOSS_H
#define SHOAL_WORKER_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "worker/real.h"
#include "worker/task.h"

/* What a loss needs beside outputs and labels. */
enum loss_need {
    LOSS_TEACHER = 1, /* the outputs of another network on the same samples */
    LOSS_PAIRS = 2,   /* samples 2i and 2i + 1 of a batch are two views of one thing */
    LOSS_PRIOR = 4,   /* how frequent the classes are in training */
};

/* Outputs of a network for n samples, and what they are compared with. */
struct loss_input {
    int64_t n, k;
    const real *f;        /* [n, k] */
    const int32_t *label; /* [n] in 0..classes-1. With k = 1 class 1 is the target +1, class 0
                             the target -1 */
    const real *teacher;  /* [n, teacher_k], or NULL */
    int64_t teacher_k;
    const real *log_prior; /* [k], finite, or NULL */
    const struct config *config;
};

struct loss {
    struct row row;

    /* Outputs a network needs for so many classes; 0: the loss does not know that many; -1: as
     * many as the teacher has. */
    int64_t (*outputs)(const struct config *c, int64_t classes);

    unsigned needs; /* of enum loss_need */

    /* Sum over the samples of the loss, in double; df[n, k] (NULL: not wanted) receives scale
     * times its gradient. Stable for any finite outputs; a NaN gives a NaN. */
    double (*value)(const struct loss_input *in, real scale, real *df);

    bool no_logits; /* the outputs say nothing of classes: there is no accuracy */
};

/* All losses: rows of struct loss. */
extern const struct table losses;

/* Sums over samples: right answers (the largest output, or the sign of the only one) and
 * 1 - probability of the right class (softmax, or sigmoid). Adds to *correct and *soft. Local.
 * source   soft-error: arXiv 2010.08127, section 2 */
void loss_score(int64_t n, int64_t k, const real *f, const int32_t *label, double *correct,
                double *soft);

/* Rows of loss_pairs.c. */
double loss_nce(const struct loss_input *in, real scale, real *df);
double loss_info_nce(const struct loss_input *in, real scale, real *df);

#endif
