/* model.h - architectures: a builder is a row that emits the nodes of a graph. */
#ifndef SHOAL_WORKER_MODEL_H
#define SHOAL_WORKER_MODEL_H

#include "base/table.h"
#include "worker/graph.h"
#include "worker/task.h"

/* Layers have names: "input", "hidden.1", "hidden.2" ... (outputs of the nonlinearities),
 * "hidden.last" (the last of them), "logits". Parameters are called as in the PyTorch module
 * that docs/models.md gives for each architecture. */
struct model {
    struct row row;
    enum err_code (*build)(const struct config *c, int64_t outputs, struct graph *g,
                           struct err *e);
};

/* All architectures: rows of struct model. */
extern const struct table models;

/* Builds the configuration's network on samples of a shape, with the factors of its
 * parametrization; no large memory yet (graph_allocate). Local.
 * errors   ERR_CONFIG starts with the key to blame; ERR_NOMEM */
enum err_code model_build(const struct config *c, const struct graph_shape *input,
                          int64_t outputs, struct arena *arena, struct graph *g, struct err *e);

#endif
