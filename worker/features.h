/* features.h - samples that have passed through another network: sets made of sets.
 *
 * They are made once, when the worker's sets are, and held in memory: training on them costs
 * what the network behind them costs. */
#ifndef SHOAL_WORKER_FEATURES_H
#define SHOAL_WORKER_FEATURES_H

#include "worker/data.h"
#include "worker/parent.h"
#include "worker/samples.h"

/* The network that makes features, as far as data.layer. */
struct features {
    struct data_shape shape; /* of features: vectors, whatever the shape of the layer */
    struct arena arena;
    struct graph graph;
    struct batch batch;
    real *mean, *scale; /* [dim]; NULL until they are standardised */
};

/* Replaces the shape of a data set by that of its features, if a parent makes them. *bytes is
 * what that takes beyond the samples, or 0. Local.
 * errors   ERR_CONFIG, also where that network takes other samples, or where features could not
 *          be made once for all; those of parent_build */
enum err_code features_shape(const struct config *c, const struct parents *parents,
                             struct data_shape *shape, double *bytes, struct err *e);

/* Reads the network, for samples of a shape; features_close in any case. Local.
 * errors   as features_shape; those of parent_load; ERR_NOMEM */
enum err_code features_open(struct features *f, const struct config *c,
                            const struct parent *parent, const struct weights_source *source,
                            const struct data_shape *shape, struct err *e);
void features_close(struct features *f); /* of a zeroed one is fine */

/* Makes a set that is not in memory one of features that are; made has their shape. Local.
 * errors   ERR_NOMEM */
enum err_code features_load(struct features *f, struct samples *s, const struct data *made,
                            struct arena *arena, struct err *e);

/* The features of the training set, and all that are loaded from now on, get mean 0 and
 * variance 1 over the training set. Where nothing varies they are divided by 1. Local.
 * errors   ERR_NOMEM
 * source   the population's variance, as scikit-learn's StandardScaler */
enum err_code features_standardize(struct features *f, struct samples *train, struct err *e);

#endif
