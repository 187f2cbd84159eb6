/* model.h - architectures: a builder is a row that emits the nodes of a graph. */
#ifndef SHOAL_WORKER_MODEL_H
#define SHOAL_WORKER_MODEL_H

#include "base/table.h"
#include "worker/graph.h"
#include "worker/task.h"

/* Layers have names: "input"; "hidden.1", "hidden.2" ... (outputs of the nonlinearities or
 * blocks), or "layer1", ... (of the stages of a network of convolutions); "hidden.last" (what
 * the last layer sees); "logits". Parameters are called as in the PyTorch module
 * that docs/models.md gives for each architecture. */
struct model_builder;
struct model {
    struct row row;
    void (*build)(struct model_builder *b);
};

/* All architectures: rows of struct model. */
extern const struct table models;

extern const struct table model_norms;            /* model.norm: rows in the order of */
enum { NORM_NONE, NORM_BATCH, NORM_LAYER };       /* this enum */
extern const struct table model_attention_scales; /* model.attention_scale */
enum { ATTENTION_HEAD, ATTENTION_MODEL };

/* Builds the configuration's network on samples of a shape, with the factors of its
 * parametrization; no large memory yet (graph_allocate). Local.
 * errors   ERR_CONFIG starts with the key to blame; ERR_NOMEM */
enum err_code model_build(const struct config *c, const struct graph_shape *input,
                          int64_t outputs, struct arena *arena, struct graph *g, struct err *e);

#endif
