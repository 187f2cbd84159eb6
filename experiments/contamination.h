/* contamination.h - what the experiment feature_contamination looks at in a network under
 * training. Private to its files.
 *
 * Notation: neuron k of a two_layer network has weights w_k, pre-activation h_k = <w_k, x> + b_k
 * and output weight a_k; m_j are the rows of the feature model's dictionary, core ones first; y is
 * the label, +1 or -1. A neuron's own class is the sign of a_k. */
#ifndef SHOAL_EXPERIMENTS_CONTAMINATION_H
#define SHOAL_EXPERIMENTS_CONTAMINATION_H

#include "worker/trainer.h"

enum { NEGATIVE, POSITIVE, CLASSES }; /* labels 0 and 1 */

/* Everything this experiment adds to a record; NaN where it has no meaning. */
struct values {
    double id_risk, id_acc, ood_risk, ood_acc, ood_risk_fresh, ood_acc_fresh;
    double train_risk_of[CLASSES], train_acc_of[CLASSES];
    double id_risk_of[CLASSES], ood_risk_of[CLASSES], id_acc_of[CLASSES], ood_acc_of[CLASSES];
    double f_id[CLASSES], f_ood[CLASSES], margin_ratio, ood_margin_max;
    double corr_core, corr_bg, s_core[CLASSES], s_bg[CLASSES], s_ratio;
    double act_hi, act_lo, act_asym, act_asym_share, act_dead, act_own, act_other, act_hi_ood;
    double magnitude_id, magnitude_ood, gate_ratio;
    double grad_core[CLASSES], grad_bg[CLASSES];
    double grad_core_formula[CLASSES], grad_bg_formula[CLASSES];
    double visual_colour;
};

/* What a pass over samples tells. */
struct survey {
    int64_t n[CLASSES]; /* with other than two classes all samples are in the first */
    double risk[CLASSES], right[CLASSES], f[CLASSES], margin_max;
    double *active[CLASSES];     /* [m] samples with h > 0 */
    double *activation[CLASSES]; /* [m] sums */
};

struct contamination {
    bool two_classes; /* each has sums of its own */
    bool binary;      /* and one output tells them apart: margins have a meaning */

    /* Of a two_layer network; m is 0 for all others. */
    int64_t m;
    const struct node *hidden, *active; /* h, and the nonlinearity of it */
    const real *a;                      /* [m] output weights; NULL with several outputs */
    real *slope;                        /* [capacity, m] of the nonlinearity */
    double slope_of_loss;               /* -y df, mean over training samples */
    double *gate_core, *gate_bg;        /* [m] sums of y slope <x, mean m_j> */
    double *gate_odd, *gate_even;       /* [m] sums of slope, weighted by -df and -y df */

    /* Of a network that sees a feature model; d is 0 for all others. */
    int64_t d, n_core, n_bg;
    const double *dictionary;
    const real *w, *dw;          /* [m, d] first layer, and its gradient */
    double *mean_core, *mean_bg; /* [d] mean of the m_j */
    double *s_core, *s_bg;       /* [m] */

    struct survey train, id, ood, fresh;
};

/* <x, direction> of d numbers. */
static inline double along(int64_t d, const real *x, const double *direction)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) sum += (double)x[j] * direction[j];
    return sum;
}

/* Finds the neurons of a network, if it has such. Memory of the arena. Local.
 * errors   ERR_NOMEM */
enum err_code contamination_start(struct contamination *c, struct trainer *t,
                                  struct arena *arena, struct err *e);

/* Bytes that contamination_start takes for m neurons that see d numbers. Local. */
double contamination_bytes(int64_t m, int64_t d, int64_t capacity);

/* A pass over samples 0..n-1 of a set into one of c's surveys; that of training samples with
 * gates. Local. */
void contamination_survey(struct contamination *c, struct trainer *t, const struct samples *set,
                          int64_t n, struct survey *s);

/* Slopes of the nonlinearity after a forward pass over n samples, to c->slope. Local. */
void contamination_slopes(const struct contamination *c, int64_t n);

/* The values that all surveys, the weights and the gradient in t->setup.graph.dw come to. The
 * gates are overwritten. Local. */
void contamination_values(struct contamination *c, const struct trainer *t, struct values *v);

/* out[n_core + n_bg, CONTAMINATION_COLUMNS]: along each feature m_j, core ones first, means over the
 * neurons with a > 0 and with a < 0 of <w, m_j>, of the descent direction <-dw, m_j> and of the
 * formula a E[y slope <x, m_j>] over n samples of a set. NaN without a feature model, or without
 * such neurons. After contamination_values. Local.
 * errors   ERR_NOMEM */
enum err_code contamination_features(const struct contamination *c, struct trainer *t,
                                     const struct samples *set, int64_t n, float *out,
                                     struct err *e);

/* out[m, CONTAMINATION_COLUMNS]: of each neuron the shares p+ and p- of training samples of both
 * classes that activate it and |p+ - p-|, sums of <w, m> / 2 over core and over background features,
 * output weight. What the network has not is NaN. After contamination_values. Local. */
enum { CONTAMINATION_COLUMNS = 6 };
void contamination_neurons(const struct contamination *c, float *out);

#endif
