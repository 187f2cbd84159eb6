/* data_composed.c - see data_composed.h.
 *
 * Streams of the root seed: RNG_WORLD d is the colour of domain d, RNG_TRAIN and RNG_TEST i the
 * place of image i, RNG_BACKGROUND its background. */
#include "worker/data_composed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { PLANES = 3, GRID = 4 };

/* Where a background is, and what it is drawn from. */
struct canvas {
    int64_t height, width;
    struct rng r;
    float drawn[GRID * GRID];
};

struct texture {
    struct row row;
    int draws; /* numbers of a canvas that are drawn first, uniform on [0, 1] */

    /* u of pixel i. Asked in the order of pixels, each once. Local. */
    float (*at)(struct canvas *c, int64_t i);
};

static float flat(struct canvas *c, int64_t i)
{
    (void)c, (void)i;
    return 1;
}

static float uniform(struct canvas *c, int64_t i)
{
    (void)i;
    return c->drawn[0];
}

static float noise(struct canvas *c, int64_t i)
{
    (void)i;
    return (float)rng_uniform(&c->r);
}

/* Place i of n on a grid of GRID points: *at is the point before, the rest the way to the next.
 */
static float on_grid(int64_t i, int64_t n, int *at)
{
    float place = n > 1 ? (float)i * (GRID - 1) / (float)(n - 1) : 0;
    *at = place >= GRID - 1 ? GRID - 2 : (int)place;
    return place - (float)*at;
}

static float smooth(struct canvas *c, int64_t i)
{
    int y, x;
    float down = on_grid(i / c->width, c->height, &y);
    float right = on_grid(i % c->width, c->width, &x);
    const float *g = c->drawn + y * GRID + x;
    float above = g[0] + right * (g[1] - g[0]);
    float below = g[GRID] + right * (g[GRID + 1] - g[GRID]);
    return above + down * (below - above);
}

static const struct texture texture_rows[] = {
    {{"flat", "one value, 1", NULL}, 0, flat},
    {{"uniform", "one value per sample, uniform on [0, 1]", NULL}, 1, uniform},
    {{"smooth", "a 4 x 4 grid of such values per sample, interpolated", NULL},
     GRID *GRID,
     smooth},
    {{"noise", "such a value per pixel", NULL}, 0, noise},
};
const struct table textures = TABLE("texture", texture_rows);

struct composed {
    uint64_t root;
    struct data base;
    int64_t planes, height, width, border, domains;
    const struct composition *composition;
    const struct texture *texture;
    double (*colour)[PLANES]; /* [domains] */
};

/* A sample while it is composed. */
struct sample {
    real *x;             /* [PLANES, H, W]: first the image, [planes, H, W], then all of it */
    int64_t down, right; /* by which the image is moved */
    double colour[PLANES];
    struct canvas canvas;
};

struct composition {
    struct row row;
    bool moves; /* the image, by up to data.border */

    /* How much of the background pixel i of the image covers, in [0, 1]. Local. */
    double (*opacity)(const struct composed *m, const struct sample *s, int64_t i);
};

static double brightness(const struct composed *m, const struct sample *s, int64_t i)
{
    double v = -1;
    for (int64_t p = 0; p < m->planes; p++) {
        double pixel = (double)s->x[p * m->height * m->width + i];
        if (pixel > v) v = pixel;
    }
    return v > 1 ? 1 : (v + 1) / 2;
}

static double inside(const struct composed *m, const struct sample *s, int64_t i)
{
    int64_t row = i / m->width - s->down, column = i % m->width - s->right;
    return row >= 0 && row < m->height && column >= 0 && column < m->width;
}

static const struct composition composition_rows[] = {
    {{"behind", "the background shows where the image is dark", NULL}, false, brightness},
    {{"border", "it shows where the image was moved away from",
      "arXiv 2406.03345, released code"},
     true,
     inside},
};
const struct table compositions = TABLE("composition", composition_rows);

enum err_code data_composed_colour(const char *key, const char *text, double out[3],
                                   struct err *e)
{
    int value[PLANES], end = 0;
    if (sscanf(text, "%3d,%3d,%3d%n", &value[0], &value[1], &value[2], &end) == PLANES &&
        !text[end] && ((value[0] | value[1] | value[2]) & ~255) == 0) {
        for (int p = 0; p < PLANES; p++) out[p] = value[p] / 127.5 - 1;
        return ERR_OK;
    }
    return ERR(e, ERR_CONFIG, "%s: write red, green and blue from 0 to 255 as \"150,50,50\"",
               key);
}

static struct config base_of(const struct config *c)
{
    struct config base = *c;
    base.data.name = c->data.base;
    return base;
}

enum err_code data_composed_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    struct config base = base_of(c);
    const struct stream *stream = (const void *)table_row(&streams, c->data.base);
    const char *name = stream->row.name;
    double colour[PLANES];
    TRY(data_composed_colour("data.background_rgb", c->data.background_rgb, colour, e));
    if (stream->has_background)
        return ERR(e, ERR_CONFIG, "data.base: samples of %s have backgrounds already", name);
    TRY(data_shape(&base, out, e));
    if (out->pool[SPLIT_TRAIN] == INT64_MAX)
        return ERR(e, ERR_CONFIG, "data.base: %s is endless; name a finite data set", name);
    if (out->n_dims != 3 || (out->size[0] != 1 && out->size[0] != PLANES))
        return ERR(e, ERR_CONFIG, "data.base: samples of %s are no images of 1 or 3 planes",
                   name);
    out->bytes += (double)(c->data.domains * PLANES) * sizeof(double);
    out->size[0] = PLANES;
    out->dim = PLANES * out->size[1] * out->size[2];
    out->black = -1;
    return ERR_OK;
}

static void choose_colours(struct composed *m)
{
    for (int64_t d = 1; d < m->domains; d++) {
        struct rng r = rng_stream(m->root, RNG_WORLD, (uint64_t)d);
        for (int p = 0; p < PLANES; p++) m->colour[d][p] = 2 * rng_uniform(&r) - 1;
    }
}

enum err_code data_composed_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e)
{
    struct config base = base_of(c);
    struct composed *m = calloc(1, sizeof *m);
    if (!m) return ERR(e, ERR_NOMEM, "opening a composed stream");
    data->inner = m;
    *m = (struct composed){.root = root,
                           .height = data->shape.size[1],
                           .width = data->shape.size[2],
                           .border = c->data.border,
                           .domains = c->data.domains,
                           .composition =
                               (const void *)table_row(&compositions, c->data.composition),
                           .texture = (const void *)table_row(&textures, c->data.texture)};
    m->colour = calloc((size_t)m->domains, sizeof *m->colour);
    enum err_code rc = m->colour ? data_composed_colour("data.background_rgb",
                                                        c->data.background_rgb, m->colour[0], e)
                                 : ERR(e, ERR_NOMEM, "no memory for colours");
    if (rc == ERR_OK) rc = data_open(&base, root, &m->base, e);
    if (rc != ERR_OK) {
        data_composed_close(data);
        return rc;
    }
    m->planes = m->base.shape.size[0];
    choose_colours(m);
    return ERR_OK;
}

void data_composed_close(struct data *data)
{
    struct composed *m = data->inner;
    data_close(&m->base);
    free(m->colour);
    free(m);
    data->inner = NULL;
}

/* Moves the image in its place. What it leaves has any value. */
static void move(const struct composed *m, enum split split, int64_t index, struct sample *s)
{
    enum rng_purpose purpose = split == SPLIT_TRAIN ? RNG_TRAIN : RNG_TEST;
    struct rng r = rng_stream(m->root, purpose, (uint64_t)index);
    uint64_t places = 2 * (uint64_t)m->border + 1;
    s->down = (int64_t)rng_below(&r, places) - m->border;
    s->right = (int64_t)rng_below(&r, places) - m->border;
    int64_t plane = m->height * m->width, by = s->down * m->width + s->right;
    int64_t n = plane - (by < 0 ? -by : by); /* row by row all pixels move by as many places */
    for (int64_t p = 0; n > 0 && p < m->planes; p++) {
        real *x = s->x + p * plane;
        memmove(by > 0 ? x + by : x, by > 0 ? x : x - by, (size_t)n * sizeof *x);
    }
}

/* What the background is drawn from. */
static void choose(const struct composed *m, enum split split, int64_t index, double scale,
                   struct sample *s)
{
    uint64_t drawn = 4 * (uint64_t)index + (split == SPLIT_TEST ? 2 : 0) + (scale != 1);
    int64_t domain = scale == 1 ? index % m->domains : 0;
    s->canvas = (struct canvas){.height = m->height,
                                .width = m->width,
                                .r = rng_stream(m->root, RNG_BACKGROUND, drawn)};
    for (int i = 0; i < m->texture->draws; i++)
        s->canvas.drawn[i] = (float)rng_uniform(&s->canvas.r);
    for (int p = 0; p < PLANES; p++) s->colour[p] = scale * m->colour[domain][p];
}

static real clipped(double value)
{
    return (real)(value < -1 ? -1 : value > 1 ? 1 : value);
}

static void compose(const struct composed *m, struct sample *s)
{
    int64_t plane = m->height * m->width;
    for (int64_t i = 0; i < plane; i++) {
        double v = m->composition->opacity(m, s, i), image[PLANES];
        double u = (double)m->texture->at(&s->canvas, i);
        for (int64_t p = 0; p < PLANES; p++)
            image[p] = (double)s->x[(m->planes == 1 ? 0 : p) * plane + i];
        for (int64_t p = 0; p < PLANES; p++)
            s->x[p * plane + i] = clipped(v * image[p] + (1 - v) * s->colour[p] * u);
    }
}

void data_composed_fetch(const struct data *data, enum split split, const int64_t *index,
                         int64_t n, real *x, int32_t *label)
{
    const struct composed *m = data->inner;
    const int64_t dim = data->shape.dim;
    struct err why;
    for (int64_t i = 0; i < n; i++) {
        struct sample s = {.x = x + i * dim};
        m->base.stream->fetch(&m->base, split, &index[i], 1, s.x, label ? &label[i] : NULL);
        if (m->composition->moves) move(m, split, index[i], &s);
        choose(m, split, index[i], data->background_scale, &s);
        compose(m, &s);
    }
    if (data_failed(&m->base, &why) == ERR_OK) return;
    data_fail(data, &why);
    memset(x, 0, (size_t)(n * dim) * sizeof *x);
}
