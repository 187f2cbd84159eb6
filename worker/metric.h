/* metric.h - quantities that a trial can record. */
#ifndef SHOAL_WORKER_METRIC_H
#define SHOAL_WORKER_METRIC_H

#include <stdbool.h>

#include "base/table.h"

/* What has to be computed at a record for a metric to be known. */
enum metric_need {
    METRIC_TRAIN = 1,    /* a pass over training samples */
    METRIC_TEST = 2,     /* a pass over the test samples */
    METRIC_GRADIENT = 4, /* the gradient over those training samples */

    /* Of those passes, see score.h. */
    METRIC_SCORE = 8,   /* classes and confidence */
    METRIC_MARGIN = 16, /* margins */

    /* See dynamics.h. */
    METRIC_MOVEMENT = 32,  /* the weights before the first step */
    METRIC_KERNEL = 64,    /* the tangent kernel now and before the first step */
    METRIC_FEATURES = 128, /* the Gram matrix of features, and a test set */
    METRIC_CKA = 256,      /* with FEATURES: that matrix before the first step */
    METRIC_SPECTRUM = 512, /* with FEATURES: its eigenvalues */
    METRIC_SHARPNESS = 1024,
    METRIC_TRACE = 2048,

    METRIC_SHIFTED = 4096, /* a hook's passes: the test set, both shifted sets */
};

/* Averages over a set of samples; the members are doubles. */
struct evaluation {
    double loss, accuracy, soft_error;
    double balanced, worst; /* accuracy of the classes: mean, least */
    double confidence, ece;
    double margin_mean, margin_min, margin_10;
};

/* What is known at a record; NaN where nobody asked. */
struct measured {
    struct evaluation train, test;
    double grad_norm, weight_norm, lr;
    double weight_distance, weight_movement;
    double kernel_drift, kernel_alignment;
    double cka_init, effective_rank, participation_ratio;
    double sharpness, hessian_trace;
};

struct metric {
    struct row row;
    const char *unit; /* or NULL */
    int better;       /* +1: larger is better, -1: smaller, 0: neither */
    unsigned needs;   /* of enum metric_need */
    bool on_request;  /* recorded only where a sweep names it: costly, or of special interest */
    double (*value)(const struct measured *m); /* NULL: an experiment's hook measures it */
};

/* The metrics of plain training: rows of struct metric. An experiment's own stand behind them
 * (TABLE_BEHIND). */
enum { METRIC_ROWS = 25 };
extern const struct table metrics;

#endif
