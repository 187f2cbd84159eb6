/* start.h - what a network starts from, and what of it is trained: another trial's weights, a
 * new head, a blend of two networks, frozen layers. */
#ifndef SHOAL_WORKER_START_H
#define SHOAL_WORKER_START_H

#include "base/table.h"
#include "worker/graph.h"
#include "worker/parent.h"
#include "worker/task.h"

/* What the head, the last dense layer, starts from. */
enum head { HEAD_KEEP, HEAD_NEW, HEAD_ZERO };
extern const struct table heads; /* keep, new, zero */

/* Freezes what model.freeze names in a network just built, and checks that the weights of its
 * parents will fit. Local.
 * errors   ERR_CONFIG starts with the key to blame; ERR_FORMAT, ERR_IO of a file; ERR_NOMEM */
enum err_code start_plan(const struct config *c, const struct parents *parents, struct graph *g,
                         struct err *e);

/* Fills the block of an allocated network: initial weights drawn from the seed, over them those
 * of its parents, then the head. Local.
 * errors   those of parent_weights and parent_copy */
enum err_code start_weights(const struct config *c, const struct parents *parents,
                            uint64_t seed, const struct weights_source *source, struct graph *g,
                            struct err *e);

#endif
