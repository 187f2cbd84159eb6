/* teacher.h - a second network, which does not learn: what its layer says of a batch is what a
 * distillation matches. */
#ifndef SHOAL_WORKER_TEACHER_H
#define SHOAL_WORKER_TEACHER_H

#include "worker/graph.h"
#include "worker/parent.h"

struct teacher {
    const struct parent *parent; /* NULL: there is none */
    struct graph graph;          /* as far as optim.teacher_layer */
    int64_t k;                   /* features of that layer */
};

/* Plans the teacher among the parents, if there is one, for samples of a shape; no buffers.
 * Local.
 * errors   ERR_CONFIG, also where it takes other samples; those of parent_build */
enum err_code teacher_plan(struct teacher *t, const struct config *c,
                           const struct parents *parents, const struct graph_shape *input,
                           struct arena *arena, struct err *e);

/* Makes its buffers and reads its weights. Local.
 * errors   ERR_NOMEM; those of parent_load */
enum err_code teacher_start(struct teacher *t, const struct weights_source *source,
                            int64_t capacity, struct err *e);

/* [n, k] for x[n, dim], n <= capacity, valid until the next call; NULL without a teacher. Local.
 */
const real *teacher_targets(struct teacher *t, const real *x, int64_t n);

/* FLOPs of a forward pass per sample, and bytes of buffers; 0 without a teacher. Local. */
double teacher_flops(const struct teacher *t);
double teacher_bytes(const struct teacher *t, int64_t capacity);

#endif
