/* param.h - what the parameters of a network start from, and how that and their learning rates
 * depend on width. */
#ifndef SHOAL_WORKER_PARAM_H
#define SHOAL_WORKER_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/table.h"
#include "worker/real.h"
#include "worker/task.h"

/* What a parameter is before the first step, if no other trial's weights replace it. */
enum param_start {
    START_DRAWN, /* by model.init */
    START_ZEROS,
    START_ONES,
    START_NORMAL, /* N(0, sd^2) */
    START_SIGNS,  /* +1/fan_in for the first half of each row, then -1/fan_in */
};

enum { PARAM_MAX_DIMS = 4 };

/* One tensor under PyTorch's name and in its layout, row-major: a weight matrix [out, in], a
 * kernel [out, in / groups, height, width], a vector. */
struct param {
    char name[TASK_NAME]; /* "layer1.0.conv1.weight" */
    int n_dims;           /* 0 until it is added: rows, or [rows, cols] where cols > 1 */
    int64_t size[PARAM_MAX_DIMS];
    int64_t rows, cols;     /* size[0], and the product of the others */
    int64_t fan_in;         /* of its layer, also for a bias */
    bool bias;              /* a vector, added */
    bool wide_in, wide_out; /* does the layer's input, its output grow with model.width? */
    bool trained;           /* the optimizer moves it */
    bool average;           /* a running average: no parameter, its operation moves it */
    enum param_start start;
    double sd;         /* of START_NORMAL */
    int64_t offset;    /* in the parameter block */
    double init_scale; /* of the initializer's standard deviation */
    double lr_scale;   /* of the learning rate */
};

/* Factors of a parameter; width_ratio is model.width / model.base_width, adaptive says that the
 * optimizer normalises gradients (Adam and kin). */
struct parametrization {
    struct row row;
    double (*init_scale)(const struct param *p, double width_ratio);
    double (*lr_scale)(const struct param *p, double width_ratio, bool adaptive);
};

/* All parametrizations: rows of struct parametrization. */
extern const struct table parametrizations;

struct initializer {
    struct row row;
    void (*draw)(struct rng *r, const struct param *p, int64_t n, real *out);
};

/* All initializers: rows of struct initializer. */
extern const struct table initializers;

/* Sets init_scale and lr_scale of each of n parameters from the configuration. Local. */
void param_scale(const struct config *c, int n, struct param *p);

/* Draws the initial values into the block: parameter i is a function of (seed, i, its shape)
 * alone. Local. */
void param_init(const struct config *c, uint64_t seed, int n, const struct param *p,
                real *block);

#endif
