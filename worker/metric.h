/* metric.h - quantities that a trial can record. */
#ifndef SHOAL_WORKER_METRIC_H
#define SHOAL_WORKER_METRIC_H

#include "base/table.h"

/* What has to be computed at a record for a metric to be known. */
enum metric_need {
    METRIC_TRAIN = 1,    /* a pass over training samples */
    METRIC_TEST = 2,     /* a pass over the test samples */
    METRIC_GRADIENT = 4, /* the gradient over those training samples */
};

/* Averages over a set of samples. */
struct evaluation {
    double loss, accuracy, soft_error;
};

/* What is known at a record; NaN where nobody asked. */
struct measured {
    struct evaluation train, test;
    double grad_norm, weight_norm, lr;
};

struct metric {
    struct row row;
    const char *unit; /* or NULL */
    int better;       /* +1: larger is better, -1: smaller, 0: neither */
    unsigned needs;   /* of enum metric_need */
    double (*value)(const struct measured *m); /* NULL: an experiment's hook measures it */
};

/* The metrics of plain training: rows of struct metric. */
extern const struct table metrics;

#endif
