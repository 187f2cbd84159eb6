/* dynamics.h - how far training has moved a network from where it started, and how curved the
 * loss is where it is now. All in evaluation mode; nothing that training sees is changed, and
 * what nobody asked for costs nothing.
 *
 *   weights    trained parameters against those before the first step
 *   kernel     the empirical neural tangent kernel K_ij = <g_i, g_j> of the first
 *              DYNAMICS_KERNEL_PROBES samples of the training set: g_i is the gradient of r'f
 *              by the trained parameters, f being the outputs for sample i and r a fixed random
 *              vector of entries +1/sqrt(k), -1/sqrt(k). With k = 1 that is the kernel itself,
 *              with more outputs one draw of a quantity whose mean over r is the trace of the
 *              kernel's k x k block divided by k
 *   features   outputs of "hidden.last" (without one, the network's) for the first
 *              DYNAMICS_FEATURE_PROBES test samples (of data without any, training samples)
 *   curvature  the Hessian of the mean training loss (without weight decay) by the trained
 *              parameters, on the first DYNAMICS_CURVATURE_SAMPLES samples of the training set
 *
 * Training samples are never more than record.train_subset, and never augmented. */
#ifndef SHOAL_WORKER_DYNAMICS_H
#define SHOAL_WORKER_DYNAMICS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "worker/real.h"

struct graph;
struct setup;
struct trainer;

enum {
    DYNAMICS_KERNEL_PROBES = 32,
    DYNAMICS_FEATURE_PROBES = 512,
    DYNAMICS_CURVATURE_SAMPLES = 1024,
    DYNAMICS_LANCZOS = 30,    /* iterations at most */
    DYNAMICS_HUTCHINSON = 10, /* random directions */
};

/* Memory of the measures; NULL where nobody asked. */
struct dynamics {
    int64_t n;                       /* trained parameters */
    int64_t kernel_probes;           /* m */
    int64_t feature_probes;          /* p */
    int64_t feature_dim;             /* d */
    int64_t samples;                 /* of the curvature */
    real *initial;                   /* [n] parameters before the first step */
    real *vector;                    /* [as many as the hungriest measure needs, n] */
    double *kernel, *kernel_initial; /* [m, m] */
    real *feature;                   /* [p, d] */
    double *gram, *gram_initial;     /* [p, p] of centred features */
    double *smaller;                 /* [min(p, d)^2] */
    double *value;                   /* [min(p, d)] */
    double *scratch;                 /* of gram_rows and eigen_symmetric */
};

/* Bytes that dynamics_start takes. Local. */
double dynamics_bytes(const struct setup *s);

/* FLOPs of all records, counted as those of the network's passes are. Local. */
double dynamics_flops(const struct setup *s);

/* Memory, and what is remembered of the network before the first step, whose weights are in
 * place. Local.
 * errors   ERR_NOMEM */
enum err_code dynamics_start(struct trainer *t, struct arena *arena, struct err *e);

/* Fills t->measured with what the metrics need; NaN where a quantity does not exist. Overwrites
 * the batch, the activations and g->dw. Local. */
void dynamics_measure(struct trainer *t);

/* Trained parameters' part of a block, without gaps: out[n]; and back into the graph's weights,
 * as base + step * direction (NULL: base, bit by bit). Local. */
void dynamics_get(const struct graph *g, const real *block, real *out);
void dynamics_set(struct graph *g, const real *base, double step, const real *direction);

/* kernel[m, m] of the network as it is. Local. */
void dynamics_kernel(struct trainer *t, double *kernel);

/* Centred alignment of a kernel of the probes with that of their labels, 1 where two samples
 * are of one class and else 0. Local.
 * source   arXiv 1203.0550 */
double dynamics_alignment(struct trainer *t, const double *kernel);

/* The features of the network as it is, to d->feature. Local. */
void dynamics_features(struct trainer *t);

/* The exponential of the entropy of the features' singular values, as shares of their sum. Of
 * an eigenvalue below 1e-13 of the largest, rounding error, nothing is left. NaN for features
 * that do not vary. Local.
 * source   Roy and Vetterli, The effective rank, EUSIPCO 2007 */
double dynamics_effective_rank(struct trainer *t);

/* (sum of l)^2 / sum of l^2 over the eigenvalues l of the features' covariance. Local. */
double dynamics_participation(const struct dynamics *d);

/* The largest eigenvalue of the Hessian: Lanczos with full reorthogonalisation, until the
 * residual of the largest Ritz value is below tolerance times its absolute value, or for `most`
 * (up to DYNAMICS_LANCZOS) iterations. An unfinished iteration gives too little. Products with
 * the Hessian are central differences of gradients, see dynamics_hessian.c. Local.
 * cost     two gradients and a forward pass of d->samples samples per iteration */
double dynamics_sharpness(struct trainer *t, int most, double tolerance);

/* The trace of the Hessian: the mean of z'Hz over DYNAMICS_HUTCHINSON random vectors of +1 and
 * -1, the same at every record. Its variance is 2 sum of H_ij^2, i != j, over their number.
 * Local. */
double dynamics_trace(struct trainer *t);

#endif
