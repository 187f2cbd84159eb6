/* coordcheck.h - the coordinate check: how large are a network's activations, and how far do
 * they move in the first steps, as its width grows? Under the maximal update parametrization
 * the movement of every layer does not depend on width.
 *
 * source   arXiv 2203.03466, appendix D.1 */
#ifndef SHOAL_WORKER_COORDCHECK_H
#define SHOAL_WORKER_COORDCHECK_H

#include "linalg/slope.h"
#include "worker/task.h"

enum { COORDCHECK_MAX_WIDTHS = 32, COORDCHECK_MAX_SEEDS = 1000, COORDCHECK_PROBES = 128 };

enum coordcheck_quantity {
    COORDCHECK_ACTIVATION, /* mean |h_t| over the probes and the units of a layer */
    COORDCHECK_CHANGE,     /* mean |h_t - h_0| */
    COORDCHECK_QUANTITIES,
};

struct coordcheck {
    /* Given by the caller. */
    struct task task; /* what is trained, but for its width and seed; no parents */
    int64_t n_widths, width[COORDCHECK_MAX_WIDTHS];
    int64_t n_seeds; /* 0, 1, ... */
    int64_t n_steps;

    /* Made by coordcheck_init. */
    int n_layers;             /* all that have a name: hidden.1, ..., logits */
    char (*layer)[TASK_NAME]; /* [n_layers] */
    double *value;            /* [quantity, step, layer, seed, width]: NaN where it diverged */

    int64_t n_diverged; /* runs, of coordcheck_run */
};

/* FLOPs that the widths from `first` on would take with one seed: steps and probes. Local.
 * errors   those of coordcheck_init but for ERR_USAGE */
enum err_code coordcheck_flops(const struct coordcheck *c, int64_t first, double *out,
                               struct err *e);

/* Checks, names the layers, makes memory; coordcheck_clear also after a failure. Local.
 * errors   ERR_USAGE: fewer than two distinct widths, or one below 1; ERR_CONFIG starts with
 *          the key to blame: the network has no width, the optimizer no steps, the run fewer
 *          than asked for, or what setup_init refuses; ERR_NOMEM */
enum err_code coordcheck_init(struct coordcheck *c, struct err *e);

/* Trains n_widths * n_seeds networks, each for n_steps as if the whole run were to come: its
 * learning rates are those of the schedule. Probes are the first COORDCHECK_PROBES samples of
 * the training set, or all, and pass the network in evaluation mode. Local.
 * errors   those of trainer_run
 * same     bits for the same configuration, root seed, seeds */
enum err_code coordcheck_run(struct coordcheck *c, struct err *e);
void coordcheck_clear(struct coordcheck *c);

/* The values of a quantity: [n_seeds, n_widths]. Local. */
double *coordcheck_values(const struct coordcheck *c, enum coordcheck_quantity quantity,
                          int64_t step, int layer);

/* Their exponent: y ~ width^slope. Local. */
struct statistics_interval coordcheck_slope(const struct coordcheck *c,
                                            enum coordcheck_quantity quantity, int64_t step,
                                            int layer);

#endif
