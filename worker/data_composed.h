/* data_composed.h - images of another stream on backgrounds that tell nothing of their class.
 *
 * Samples are [3, H, W], pixels from -1 (black) to 1 (white). The background of a pixel is
 *
 *   background_scale colour u(pixel),   colour in [-1, 1]^3,   u by data.texture in [0, 1]
 *
 * so that a scale of 0 is flat mid-grey and a negative one the other end of the same colours.
 * With data.composition behind, an image's brightness v in [0, 1], the largest of its planes, is
 * its opacity: v image + (1 - v) background. With border the image is moved by up to data.border
 * pixels each way, as by padding and a random crop, and what that uncovers is background. Where
 * it is moved depends on its index alone and is the same in every epoch. Pixels are clipped to
 * [-1, 1]; those of data.base count as -1 black, 1 white.
 *
 * Where background_scale is not 1, u is drawn anew: the same image with another background. With
 * data.domains D > 1 sample i is of domain i mod D: domain 0 has the colour data.background_rgb,
 * each other one a random colour of its own. A background of another scale than 1 is that of
 * domain 0. A base whose classes take turns would tell them by their domains.
 * errors   ERR_CONFIG for a base that is endless, has a background already, or has no images of
 *          1 or 3 planes; those of the base; ERR_NOMEM
 * source   arXiv 2406.03345, section 5 and its released code (padding of (150, 50, 50)) */
#ifndef SHOAL_WORKER_DATA_COMPOSED_H
#define SHOAL_WORKER_DATA_COMPOSED_H

#include "worker/data.h"

extern const struct table compositions; /* behind, border */
extern const struct table textures;     /* flat, uniform, smooth, noise */

/* See struct stream. */
enum err_code data_composed_shape(const struct config *c, struct data_shape *out,
                                  struct err *e);
enum err_code data_composed_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e);
void data_composed_close(struct data *data);
void data_composed_fetch(const struct data *data, enum split split, const int64_t *index,
                         int64_t n, real *x, int32_t *label);

/* "r,g,b" from 0 to 255 as a colour from -1 to 1. Local.
 * errors   ERR_CONFIG starts with the key */
enum err_code data_composed_colour(const char *key, const char *text, double out[3],
                                   struct err *e);

#endif
