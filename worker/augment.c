/* augment.c - flips, crops, cutout, mixup. To add an augmentation of pixels: a row, and what is
 * new about it in augment_image, its draws behind the others. */
#include "worker/augment.h"

#include <math.h>
#include <string.h>

#define DEEP_BOOTSTRAP "arXiv 2010.08127, released code"

static const struct augmentation rows[] = {
    {{"none", "images as they are", NULL}},
    {{"flip", "left and right change places with probability 1/2", DEEP_BOOTSTRAP},
     .flip = true},
    {{"crop", "a random crop after padding with data.pad black pixels", NULL}, .crop = true},
    {{"crop_flip", "crop, then flip", DEEP_BOOTSTRAP}, .crop = true, .flip = true},
    {{"crop_flip_reflect", "crop after padding by reflection, then flip", DEEP_BOOTSTRAP},
     .crop = true,
     .flip = true,
     .reflect = true},
};
const struct table augmentations = TABLE("augmentation", rows);

static const struct augmentation *kind_of(const struct config *c)
{
    return (const void *)table_row(&augmentations, c->data.augment);
}

struct augment augment_init(const struct config *c, const struct data_shape *shape)
{
    return (struct augment){.kind = kind_of(c),
                            .channels = shape->size[0],
                            .height = shape->size[1],
                            .width = shape->size[2],
                            .pad = kind_of(c)->crop ? c->data.pad : 0,
                            .cutout = c->data.cutout,
                            .fill = shape->black};
}

bool augment_changes(const struct config *c)
{
    return kind_of(c)->crop || kind_of(c)->flip || c->data.cutout > 0;
}

enum err_code augment_check(const struct config *c, const struct data_shape *shape,
                            struct err *e)
{
    const struct augmentation *kind = kind_of(c);
    if (c->data.augreps > 0 && shape->pool[SPLIT_TRAIN] == INT64_MAX)
        return ERR(e, ERR_CONFIG, "data.augreps: this stream never ends, nothing to repeat");
    if (!augment_changes(c)) {
        if (c->data.augreps == 0) return ERR_OK;
        return ERR(e, ERR_CONFIG,
                   "data.augreps: without data.augment or data.cutout all repetitions are "
                   "alike");
    }
    if (shape->n_dims != 3)
        return ERR(e, ERR_CONFIG,
                   "%s: is for images, this stream's samples have %d dimension%s",
                   kind->crop || kind->flip ? "data.augment" : "data.cutout", shape->n_dims,
                   shape->n_dims == 1 ? "" : "s");
    int64_t side = shape->size[1] < shape->size[2] ? shape->size[1] : shape->size[2];
    if (kind->reflect && c->data.pad >= side)
        return ERR(
            e, ERR_CONFIG, "data.pad: %lld pixels cannot be reflected in images of %lld x %lld",
            (long long)c->data.pad, (long long)shape->size[1], (long long)shape->size[2]);
    return ERR_OK;
}

/* The place of a padded coordinate in the image, -1 outside. */
static int64_t inside(int64_t at, int64_t size, bool reflect)
{
    if (at >= 0 && at < size) return at;
    if (!reflect) return -1;
    return at < 0 ? -at : 2 * size - 2 - at;
}

void augment_crop(const struct augment *a, int64_t i, int64_t j, bool flip, const real *in,
                  real *out)
{
    const int64_t height = a->height, width = a->width;
    for (int64_t c = 0; c < a->channels; c++, in += height * width)
        for (int64_t y = 0; y < height; y++, out += width) {
            int64_t from = inside(y + i - a->pad, height, a->kind->reflect);
            for (int64_t x = 0; x < width; x++) {
                int64_t column = (flip ? width - 1 - x : x) + j - a->pad;
                column = inside(column, width, a->kind->reflect);
                out[x] = from < 0 || column < 0 ? a->fill : in[from * width + column];
            }
        }
}

void augment_cutout(const struct augment *a, int64_t y, int64_t x, real *image)
{
    const int64_t top = y - a->cutout / 2, left = x - a->cutout / 2;
    for (int64_t c = 0; c < a->channels; c++, image += a->height * a->width)
        for (int64_t row = top; row < top + a->cutout; row++) {
            if (row < 0 || row >= a->height) continue;
            for (int64_t column = left; column < left + a->cutout; column++)
                if (column >= 0 && column < a->width) image[row * a->width + column] = a->fill;
        }
}

void augment_image(const struct augment *a, uint64_t seed, enum rng_purpose purpose,
                   uint64_t index, real *image, real *room)
{
    struct rng r = rng_stream(seed, purpose, index);
    bool flip = rng_u32(&r) >> 31;
    int64_t i = (int64_t)rng_below(&r, (uint64_t)(2 * a->pad + 1));
    int64_t j = (int64_t)rng_below(&r, (uint64_t)(2 * a->pad + 1));
    int64_t y = (int64_t)rng_below(&r, (uint64_t)a->height);
    int64_t x = (int64_t)rng_below(&r, (uint64_t)a->width);
    flip = flip && a->kind->flip;
    if (flip || i != a->pad || j != a->pad) {
        size_t size = (size_t)(a->channels * a->height * a->width);
        memcpy(room, image, size * sizeof *room);
        augment_crop(a, i, j, flip, room, image);
    }
    if (a->cutout > 0) augment_cutout(a, y, x, image);
}

/* log of a Gamma(shape, 1) variable. Below 1 by way of shape + 1, as a logarithm, for the
 * variable itself would vanish.
 * source   Marsaglia & Tsang, A simple method for generating gamma variables, 2000 */
static double log_gamma_draw(struct rng *r, double shape)
{
    double boost = 0;
    if (shape < 1) {
        boost = log(rng_uniform(r)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(r), v = 1 + c * x;
        double u = rng_uniform(r);
        if (v <= 0) continue;
        v = v * v * v;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return log(d * v) + boost;
    }
}

real augment_mixup(double alpha, uint64_t seed, int64_t step, int64_t n, int64_t dim, real *x,
                   const int32_t *label, int32_t *label2, int64_t *partner, real *room)
{
    struct rng r = rng_stream(seed, RNG_MIXUP, (uint64_t)step);
    double one = log_gamma_draw(&r, alpha), other = log_gamma_draw(&r, alpha);
    const real weight = (real)(1 / (1 + exp(other - one))), rest = 1 - weight;
    rng_permutation(&r, n, partner);
    for (int64_t i = 0; i < n; i++) label2[i] = label[partner[i]];
    /* Along each cycle a partner is read before it changes, but for the first. */
    for (int64_t start = 0; start < n; start++) {
        if (partner[start] < 0) continue;
        memcpy(room, x + start * dim, (size_t)dim * sizeof *room);
        for (int64_t i = start, next; partner[i] >= 0; i = next) {
            next = partner[i];
            partner[i] = -1;
            real *to = x + i * dim;
            const real *from = next == start ? room : x + next * dim;
            for (int64_t k = 0; k < dim; k++) to[k] = weight * to[k] + rest * from[k];
        }
    }
    return weight;
}
