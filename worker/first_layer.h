/* first_layer.h - what the first dense layer has in the two subspaces of a feature model before
 * the first step. */
#ifndef SHOAL_WORKER_FIRST_LAYER_H
#define SHOAL_WORKER_FIRST_LAYER_H

#include "worker/data.h"
#include "worker/graph.h"

enum first_layer { FIRST_DRAWN, FIRST_WITHOUT_BACKGROUND, FIRST_CORE_ONLY };
extern const struct table first_layers; /* drawn, without_background, core_only */

/* The node of the dense layer that sees the samples themselves, or -1. Local. */
int first_layer_node(const struct graph *g);

/* May model.first_layer be anything but drawn? Local.
 * errors   ERR_CONFIG */
enum err_code first_layer_check(const struct config *c, const struct parents *parents,
                                const struct graph *g, struct err *e);

/* Changes the layer W [m, input_dim] as drawn, T being the dictionary of the data set:
 *   without_background   W - W T_background' T_background
 *   core_only            B T_core with B ~ N(0, 1 / core_dim), and bias 0: a network that knows
 *                        the core and cannot see the background
 * Weights that came from a parent stay. Local.
 * source   arXiv 2406.03345, section 5: representation distillation */
void first_layer_start(const struct config *c, const struct parents *parents, uint64_t seed,
                       const struct data *data, struct graph *g);

#endif
