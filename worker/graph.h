/* graph.h - a network as a static graph: operations in topological order, each a row of `ops`.
 *
 * Built once per trial, then fixed: parameters and gradients are one block each, every buffer
 * is planned before the first step, and a step allocates nothing. Samples are rows; a buffer
 * holds up to `capacity` of them.
 *
 * Images lie with their channels last, [H, W, C]: every operation then sees rows of C features
 * (a pixel, a token), and no layer has to reorder what the one before it wrote. Data sets have
 * planes, [C, H, W]: the node channels_last stands between. */
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

/* Of one sample: [d]; tokens [T, d]; an image [H, W, C], as the input [C, H, W]. */
struct graph_shape {
    int n_dims;
    int64_t size[GRAPH_MAX_DIMS];
    int64_t dim; /* their product */
};

/* What a model builder says of a node. Each operation reads what it needs. */
struct node_settings {
    int input;                           /* the node whose output it takes */
    int also;                            /* the second one, of an operation with two */
    const char *layer;                   /* name under which it is recorded, or NULL */
    const char *name;                    /* what its parameters' names start with */
    int64_t width;                       /* outputs: dense, embedding; channels: convolution */
    int64_t kernel, stride, pad, groups; /* convolution, pooling */
    int64_t heads;                       /* attention */
    int64_t tokens;                      /* embedding: how many there are to know */
    bool no_bias;                        /* dense, convolution */
    bool wide_in, wide_out;              /* see struct param */
    bool frozen;                         /* parameters are not trained */
    bool frozen_statistics;              /* batch norm: running averages in training too */
    bool causal;                         /* attention: to earlier tokens only */
    real scale;             /* attention: of the logits; L2 normalisation: of its output */
    real rate;              /* dropout */
    enum param_start start; /* of the weight; its bias is 0 unless START_DRAWN */
    double sd;              /* of START_NORMAL */
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
    bool reached;        /* in a backward pass: dy holds a gradient */
    int consumers;       /* nodes that take its output */
    real *y, *dy;        /* [capacity, dim]: output, and the loss's gradient by it */
    void *state;         /* of its operation, see op.prepare */
};

enum graph_mode {
    GRAPH_EVAL,  /* a function of the sample alone */
    GRAPH_TRAIN, /* statistics of the batch, dropout */
};

/* A second derivative has no room for jumps of the first: what stands on one side of a kink in
 * one pass (ReLU), or is the largest (maxima), can be held there in the next. */
enum graph_kinks {
    GRAPH_KINKS_FREE,
    GRAPH_KINKS_NOTE, /* remembers the sides */
    GRAPH_KINKS_HELD, /* the sides are those of the last pass that noted them */
};

struct graph {
    int n_nodes, n_params;
    struct node *node; /* node[0] is the input */
    struct param *param;
    int output;         /* the node that the loss looks at: the last one unless set */
    int hidden_last;    /* the node that "hidden.last" stands for, or -1 */
    int64_t size;       /* of the parameter block: each parameter starts on 64 bytes */
    int64_t parameters; /* without padding and running averages */
    int64_t weights;    /* parameters and running averages, without padding */
    int64_t capacity;
    enum graph_mode mode; /* of the last forward pass */
    enum graph_kinks kinks;
    bool notes_kinks;           /* set before memory is planned: there is room for them */
    uint64_t noise, noise_step; /* dropout in training: seed, and number of the step */
    real *w, *dw;               /* [size] parameters and gradients */
    real *scratch[2];           /* [capacity, largest dim]: gradients before they are summed */
    void *workspace;            /* for the operation that runs, see op.workspace */
    size_t workspace_bytes;
    struct arena *arena; /* borrowed; owns all of the above */
    int node_room, param_room;
};

/* An empty graph on samples of a shape. Memory comes from the arena. Local. */
enum err_code graph_init(struct graph *g, struct arena *arena, const struct graph_shape *input,
                         struct err *e);

/* Appends a node: the operation's name in `ops`, its settings. It becomes the last of g->node,
 * and g->output. Local.
 * errors   ERR_NOMEM; ERR_CONFIG if the parameters are too many, or the input's shape is none
 *          for the operation */
enum err_code graph_add(struct graph *g, const char *op, struct node_settings set,
                        struct err *e);

/* For an operation: appends a parameter to the node being added, called name.suffix (suffix "":
 * name). rows and cols, or size, say its shape. */
enum err_code graph_param(struct graph *g, struct node *n, const char *suffix, struct param p,
                          struct err *e);

/* Leaves a parameter as it is from now on; before graph_allocate. What lies before all trained
 * parameters needs no gradient, and gets none. Local. */
void graph_freeze(struct graph *g, int param);

/* Makes the input a node that needs a gradient: a backward pass leaves it in node[0].dy; before
 * graph_allocate. Local. */
void graph_want_input(struct graph *g);

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

/* The same; on failure ERR_CONFIG starts with the key to blame and names the layers there are.
 */
enum err_code graph_need_layer(const struct graph *g, const char *key, const char *name,
                               int *out, struct err *e);

/* The node of the last dense layer, the head, or -1. Local. */
int graph_head(const struct graph *g);

/* Runs the operations on x[n, dim of the input], n <= capacity, borrowed until the backward
 * pass is done: all of them, or in training those as far as the output. Local. */
void graph_forward(struct graph *g, const real *x, int64_t n, enum graph_mode mode);

/* Gradients of all trained parameters, from output->dy, which the caller has filled; it is
 * overwritten. Adds to g->dw if accumulate is set, else replaces. Those behind the output stay
 * as they are. Local. */
void graph_backward(struct graph *g, int64_t n, bool accumulate);

static inline struct node *graph_output(const struct graph *g)
{
    return &g->node[g->output];
}

/* Is a parameter one of that node (-1: of none)? */
static inline bool graph_owns(const struct graph *g, int node, int param)
{
    int first = node < 0 ? 0 : g->node[node].first_param;
    return node >= 0 && param >= first && param < first + g->node[node].n_params;
}

/* The second input of a node that has two. */
static inline struct node *graph_also(const struct graph *g, const struct node *n)
{
    return &g->node[n->set.also];
}

/* Copies all weights, in the order of the parameters, without padding: [g->weights]. Local. */
void graph_get(const struct graph *g, float *out);
void graph_set(struct graph *g, const float *in);

/* FLOPs per sample of matrix products and the like; cheap loops are not counted. Local. */
double graph_forward_flops(const struct graph *g);
double graph_backward_flops(const struct graph *g);

#endif
