/* op.h - operations, the kinds of nodes that a graph is made of. */
#ifndef SHOAL_WORKER_OP_H
#define SHOAL_WORKER_OP_H

#include "base/table.h"
#include "worker/graph.h"

/* To add one: functions in a file op_<name>.c, their declarations below, a row in op.c. In all
 * of them `in` is the node whose output n takes and B the number of samples. Optional members
 * are NULL. */
struct op {
    struct row row;

    /* Sets n->shape and adds parameters (graph_param). */
    enum err_code (*shape)(struct graph *g, const struct node *in, struct node *n,
                           struct err *e);

    /* Optional: makes n->state once buffers exist, and gives it back. */
    enum err_code (*prepare)(struct graph *g, struct node *n, struct err *e);
    void (*release)(struct node *n);

    /* n->y from in->y. NULL: the graph's input, which the caller sets. */
    void (*forward)(struct graph *g, const struct node *in, struct node *n, int64_t B);

    /* Gradients of n's trained parameters (added to if accumulate) and, where
     * in->needs_gradient, in->dy; both from n->dy. */
    void (*backward)(struct graph *g, struct node *in, struct node *n, int64_t B,
                     bool accumulate);

    /* Optional: FLOPs per sample, backward ones without what is not computed. */
    double (*forward_flops)(const struct graph *g, const struct node *n);
    double (*backward_flops)(const struct graph *g, const struct node *in,
                             const struct node *n);

    bool in_place; /* backward may write in->dy over n->dy: they share memory */
};

/* All operations: rows of struct op. */
extern const struct table ops;

enum err_code op_dense_shape(struct graph *g, const struct node *in, struct node *n,
                             struct err *e);
void op_dense_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_dense_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                       bool accumulate);
double op_dense_forward_flops(const struct graph *g, const struct node *n);
double op_dense_backward_flops(const struct graph *g, const struct node *in,
                               const struct node *n);

enum err_code op_activation_shape(struct graph *g, const struct node *in, struct node *n,
                                  struct err *e);
void op_activation_forward(struct graph *g, const struct node *in, struct node *n, int64_t B);
void op_activation_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate);

#endif
