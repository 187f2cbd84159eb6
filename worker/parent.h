/* parent.h - networks that other trials left, or files hold: their shape and their weights. */
#ifndef SHOAL_WORKER_PARENT_H
#define SHOAL_WORKER_PARENT_H

#include "base/arena.h"
#include "worker/graph.h"
#include "worker/safetensors.h"
#include "worker/task.h"

struct weights_source;

/* The parent of a role, or NULL. parents may be NULL. */
const struct parent *parent_of(const struct parents *parents, enum role role);

/* The network of a parent, nothing of it trained, without buffers. Local.
 * errors   as data_shape and model_build */
enum err_code parent_build(const struct parent *p, struct arena *arena, struct graph *g,
                           struct err *e);

/* The same as far as a layer, which is its output; an unknown one is blamed on the key. */
enum err_code parent_build_to(const struct parent *p, const char *key, const char *layer,
                              struct arena *arena, struct graph *g, struct err *e);

/* Fills the blocks of an allocated network from parent_build with the parent's weights. Local.
 * errors   those of the source; ERR_CONFIG if a file holds other weights; ERR_NOMEM */
enum err_code parent_load(const struct parent *p, const struct weights_source *source,
                          struct graph *g, struct err *e);

/* Named weights. */
struct weights {
    int n;
    struct safetensor *tensor; /* data are NULL when only shapes were wanted */
};

/* The weights of a parent, or only their names and shapes: without numbers, source is not used.
 * Local.
 * errors   those of parent_build and of the source; ERR_FORMAT, ERR_IO of a file */
enum err_code parent_weights(const struct parent *p, const struct weights_source *source,
                             bool numbers, struct arena *arena, struct weights *out,
                             struct err *e);

/* The tensor of a name, or NULL. */
const struct safetensor *weights_find(const struct weights *w, const char *name);

/* Have weights the names and shapes of the network's parameters? Those of node `spare` (-1: none)
 * may differ or be missing. Local.
 * errors   ERR_CONFIG starts with model.kind and lists what does not fit */
enum err_code weights_check(const struct weights *w, const struct parent *p, int spare,
                            const struct graph *g, struct err *e);

/* Copies weights that fit into the network's block, all but those of node `spare`. Local. */
void weights_copy(const struct weights *w, int spare, struct graph *g);

#endif
