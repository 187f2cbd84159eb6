/* graph.h - a network as a static graph: operations in topological order, each a row of `ops`.
 *
 * Built once per trial, then fixed: parameters and gradients are one block each, every buffer
 * is planned before the first step, and a step allocates nothing. Samples are rows; a buffer
 * holds up to `capacity` of them. */
#ifndef SHOAL_WORKER_GRAPH_H
#define SHOAL_WORKER_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "worker/activation.h"
#include "worker/param.h"
#include "worker/real.h"

struct op;

enum { GRAPH_MAX_DIMS = 3 };

/* Of one sample: [d], or [C, H, W]. */
struct graph_shape {
    int n_dims;
    int64_t size[GRAPH_MAX_DIMS];
    int64_t dim; /* their product */
};

/* What a model builder says of a node. Each operation reads what it needs. */
struct node_settings {
    int input;                           /* the node whose output it takes */
    const char *layer;                   /* name under which it is recorded, or NULL */
    const char *name;                    /* what its parameters' names start with */
    int64_t width;                       /* dense: outputs */
    bool wide_in, wide_out;              /* dense: see struct param */
    bool frozen;                         /* dense: parameters are not trained */
    const struct activation *activation; /* activation */
    real leak;                           /* activation */
};

struct node {
    const struct op *op;
    struct node_settings set;
    char layer[TASK_NAME];
    struct graph_shape shape;
    int first_param, n_params;
    bool needs_gradient; /* a trained parameter lies in it or before it */
    real *y, *dy;        /* [capacity, dim]: output, and the loss's gradient by it */
    void *state;         /* of its operation, see op.prepare */
};

struct graph {
    int n_nodes, n_params;
    struct node *node; /* node[0] is the input, the last one the output */
    struct param *param;
    int hidden_last;    /* the node that "hidden.last" stands for, or -1 */
    int64_t size;       /* of the parameter block: each parameter starts on 64 bytes */
    int64_t parameters; /* without the padding */
    int64_t capacity;
    real *w, *dw;        /* [size] parameters and gradients */
    struct arena *arena; /* borrowed; owns all of the above */
    int node_room, param_room;
};

/* An empty graph on samples of a shape. Memory comes from the arena. Local. */
enum err_code graph_init(struct graph *g, struct arena *arena, const struct graph_shape *input,
                         struct err *e);

/* Appends a node: the operation's name in `ops`, its settings. It becomes the last of g->node.
 * Local.
 * errors   ERR_NOMEM; ERR_CONFIG if the parameters are too many */
enum err_code graph_add(struct graph *g, const char *op, struct node_settings set,
                        struct err *e);

/* For an operation: appends a parameter to the node being added. */
enum err_code graph_param(struct graph *g, struct node *n, const char *suffix, struct param p,
                          struct err *e);

/* Bytes that graph_allocate takes. Local. */
double graph_bytes(const struct graph *g, int64_t capacity);

/* Makes the blocks and buffers; the graph is complete now. Parameters and gradients are 0.
 * Local.
 * errors   ERR_NOMEM */
enum err_code graph_allocate(struct graph *g, int64_t capacity, struct err *e);

/* Gives back what operations hold beyond the arena. Local. */
void graph_clear(struct graph *g);

/* The node recorded under a name ("input", "hidden.1", "hidden.last", "logits"), or -1. */
int graph_layer(const struct graph *g, const char *name);

/* Runs all operations on x[n, dim of the input], n <= capacity, borrowed until the backward
 * pass is done. Local. */
void graph_forward(struct graph *g, const real *x, int64_t n);

/* Gradients of all trained parameters, from output->dy, which the caller has filled; it is
 * overwritten. Adds to g->dw if accumulate is set, else replaces. Local. */
void graph_backward(struct graph *g, int64_t n, bool accumulate);

static inline struct node *graph_output(const struct graph *g)
{
    return &g->node[g->n_nodes - 1];
}

/* FLOPs per sample of matrix products and the like; cheap loops are not counted. Local. */
double graph_forward_flops(const struct graph *g);
double graph_backward_flops(const struct graph *g);

#endif
