/* visualise.h - images that channels of a network answer to most: activation maximisation.
 *
 * In pixel units [0, 1], from the start (20 U[0, 1] + 128) / 255, Adam lowers
 *   - mean of the channel's activations + penalty |image - 1/2|
 * in rounds with a fresh state each, in the second half of them for 1.3 times the steps; after each
 * round but the last a box blur of 5 x 5. The network is in evaluation mode and sees
 * low + (high - low) pixel.
 * source   arXiv 2406.03345, released code (after Graetz, Visualizing CNN filters) */
#ifndef SHOAL_WORKER_VISUALISE_H
#define SHOAL_WORKER_VISUALISE_H

#include "worker/graph.h"

struct visualise_settings {
    int rounds, steps;
    double lr, penalty, low, high;
    bool clip; /* pixels of the result to [0, 1] */
};

/* 10 rounds of 200 steps, learning rate 0.05, penalty 0.01, -1 to 1, clipped. */
struct visualise_settings visualise_defaults(void);

/* The node of a layer whose channels can be visualised. Local.
 * errors   ERR_CONFIG, starting with `key`: an unknown layer, the input itself, or a network
 *          that takes numbers of tokens */
enum err_code visualise_layer(const struct graph *g, const char *key, const char *layer,
                              int *node, struct err *e);

/* out[n, dim of the input] receives in network units the images of n of the channels of a layer,
 * evenly spread where it has more (at most all: *n is lowered). A channel of an image or of
 * tokens is one feature at all places. trained has the weights; c is its configuration, of which a second
 * network is built. The same bits for the same weights and seed; NaN where activations are.
 * Local.
 * errors   those of visualise_layer; ERR_NOMEM
 * cost     2,300 forward and backward passes of n samples with the defaults */
enum err_code visualise(const struct graph *trained, const struct config *c, const char *key,
                        const char *layer, const struct visualise_settings *s, uint64_t seed,
                        int64_t *n, float *out, struct err *e);

/* A box blur of side 5: each pixel of [H, W] becomes the mean of those around it that lie inside.
 * room[H W]. Local. */
void visualise_blur(int64_t height, int64_t width, real *plane, real *room);

/* How far the mean colour of an image [3, pixels] goes in the direction of a colour, both without
 * their grey part: <mean - grey, u>, u the unit vector of rgb - its mean. 0 of a grey image, and
 * for a grey rgb. In the image's units. Local.
 * source   arXiv 2406.03345, appendix: the colour of a padding in visualised features */
double visualise_colour(const float *image, int64_t pixels, const double rgb[3]);

#endif
