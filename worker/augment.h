/* augment.h - random changes to training images, and mixup.
 *
 * What happens to an image is a function of (seed, purpose, index): the draws for flip, crop
 * and cutout are always made, in one order, so that settings differ only in what they use. */
#ifndef SHOAL_WORKER_AUGMENT_H
#define SHOAL_WORKER_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/table.h"
#include "worker/data.h"
#include "worker/real.h"

struct augmentation {
    struct row row;
    bool crop, flip, reflect;
};

/* All augmentations: rows of struct augmentation. */
extern const struct table augmentations;

/* How images change, and the shape of one. */
struct augment {
    const struct augmentation *kind;
    int64_t channels, height, width;
    int64_t pad, cutout;
    real fill; /* what a black pixel is as a number */
};

/* The augmentation of a configuration on samples of a shape. Local. */
struct augment augment_init(const struct config *c, const struct data_shape *shape);

/* Do pixels change at all? */
bool augment_changes(const struct config *c);

/* Settings that contradict each other or the data. Local.
 * errors   ERR_CONFIG, starting with the key to blame */
enum err_code augment_check(const struct config *c, const struct data_shape *shape,
                            struct err *e);

/* out[C, H, W] is the crop at row i, column j (0 to 2 pad, pad is the middle) of the image
 * in[C, H, W] inside a border of pad pixels, black or mirrored without the edge, and then
 * flipped left to right. Local. */
void augment_crop(const struct augment *a, int64_t i, int64_t j, bool flip, const real *in,
                  real *out);

/* A square of a->cutout pixels around (y, x) becomes black in all channels, as far as it lies
 * in the image. Local.
 * source   arXiv 1708.04552, with black for the mean of the data */
void augment_cutout(const struct augment *a, int64_t y, int64_t x, real *image);

/* Changes one image in place, by the stream (seed, purpose, index). room[C, H, W] is scratch.
 * Local. */
void augment_image(const struct augment *a, uint64_t seed, enum rng_purpose purpose,
                   uint64_t index, real *image, real *room);

/* x[n, dim] <- weight x + (1 - weight) x[partner], the partners a permutation and the weight
 * one for all, drawn from Beta(alpha, alpha) by (seed, RNG_MIXUP, step). label2[n] receives the
 * partners' labels. room[dim] and partner[n] are scratch. Returns the weight. Local.
 * source   arXiv 1710.09412, equation 1 */
real augment_mixup(double alpha, uint64_t seed, int64_t step, int64_t n, int64_t dim, real *x,
                   const int32_t *label, int32_t *label2, int64_t *partner, real *room);

#endif
