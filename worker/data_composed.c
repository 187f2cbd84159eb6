/* data_composed.c - see data_composed.h.
 *
 * Streams of the root seed: RNG_WORLD d is the colour of domain d, RNG_TRAIN and RNG_TEST i the
 * place of image i, RNG_BACKGROUND its background. */
#include "worker/data_composed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"

enum { PLANES = 3, GRID = 4 };

/* Where a pixel lies, and what textures are drawn from. */
struct texture_input {
    int64_t height, width;
    struct rng r;
};

struct texture {
    struct row row;
    /* u[height * width] in [0, 1]. Local. */
    void (*draw)(struct texture_input *in, float *u);
};

static void fill(const struct texture_input *in, float value, float *u)
{
    for (int64_t i = 0; i < in->height * in->width; i++) u[i] = value;
}

static void flat(struct texture_input *in, float *u)
{
    fill(in, 1, u);
}

static void uniform(struct texture_input *in, float *u)
{
    fill(in, (float)rng_uniform(&in->r), u);
}

static void noise(struct texture_input *in, float *u)
{
    for (int64_t i = 0; i < in->height * in->width; i++) u[i] = (float)rng_uniform(&in->r);
}

/* Place i of n on a grid of GRID points: *at is the point before, the rest the way to the next.
 */
static float on_grid(int64_t i, int64_t n, int *at)
{
    float place = n > 1 ? (float)i * (GRID - 1) / (float)(n - 1) : 0;
    *at = place >= GRID - 1 ? GRID - 2 : (int)place;
    return place - (float)*at;
}

static void smooth(struct texture_input *in, float *u)
{
    float grid[GRID][GRID];
    for (int y = 0; y < GRID; y++)
        for (int x = 0; x < GRID; x++) grid[y][x] = (float)rng_uniform(&in->r);
    for (int64_t i = 0; i < in->height * in->width; i++) {
        int y, x;
        float down = on_grid(i / in->width, in->height, &y);
        float right = on_grid(i % in->width, in->width, &x);
        float above = grid[y][x] + right * (grid[y][x + 1] - grid[y][x]);
        float below = grid[y + 1][x] + right * (grid[y + 1][x + 1] - grid[y + 1][x]);
        u[i] = above + down * (below - above);
    }
}

static const struct texture texture_rows[] = {
    {{"flat", "one value, 1", NULL}, flat},
    {{"uniform", "one value per sample, uniform on [0, 1]", NULL}, uniform},
    {{"smooth", "a 4 x 4 grid of such values per sample, interpolated", NULL}, smooth},
    {{"noise", "such a value per pixel", NULL}, noise},
};
const struct table textures = TABLE("texture", texture_rows);

static const struct row composition_rows[] = {
    [COMPOSITION_BEHIND] = {"behind", "the background shows where the image is dark", NULL},
    [COMPOSITION_BORDER] = {"border", "it shows where the image was moved away from",
                            "arXiv 2406.03345, released code"},
};
const struct table compositions = TABLE("composition", composition_rows);

struct composed {
    uint64_t root;
    struct data base;
    int64_t planes, height, width, border, domains;
    int composition;
    const struct texture *texture;
    double (*colour)[PLANES]; /* [domains] */
};

enum err_code data_composed_colour(const char *key, const char *text, double out[3],
                                   struct err *e)
{
    int value[PLANES], end = 0;
    if (sscanf(text, "%d,%d,%d%n", &value[0], &value[1], &value[2], &end) == 3 && !text[end] &&
        (value[0] & ~255) == 0 && (value[1] & ~255) == 0 && (value[2] & ~255) == 0) {
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
    const char *name = table_row(&streams, c->data.base)->name;
    double colour[PLANES];
    if (c->data.base == c->data.name)
        return ERR(e, ERR_CONFIG, "data.base: a composed stream has no images of its own");
    TRY(data_composed_colour("data.background_rgb", c->data.background_rgb, colour, e));
    TRY(data_shape(&base, out, e));
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
                           .composition = c->data.composition,
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

/* What a sample is composed of. */
struct parts {
    const real *image; /* [planes, H, W] */
    const float *u;    /* [H, W] */
    double colour[PLANES];
    int64_t down, right; /* by which the image is moved */
};

static real clipped(double value)
{
    return (real)(value < -1 ? -1 : value > 1 ? 1 : value);
}

/* Pixel (row, column) of the moved image, or NULL: outside of it. Planes lie H W apart. */
static const real *pixel_at(const struct composed *m, const struct parts *s, int64_t row,
                            int64_t column)
{
    row -= s->down;
    column -= s->right;
    if (row < 0 || row >= m->height || column < 0 || column >= m->width) return NULL;
    return s->image + row * m->width + column;
}

/* How much of the background a pixel covers. */
static double opacity(const struct composed *m, const real *pixel)
{
    int64_t plane = m->height * m->width;
    double v = -1;
    if (!pixel) return 0;
    if (m->composition == COMPOSITION_BORDER) return 1;
    for (int64_t p = 0; p < m->planes; p++)
        if ((double)pixel[p * plane] > v) v = (double)pixel[p * plane];
    v = (v + 1) / 2;
    return v > 1 ? 1 : v;
}

static void compose(const struct composed *m, const struct parts *s, real *x)
{
    int64_t plane = m->height * m->width;
    for (int64_t i = 0; i < plane; i++) {
        const real *pixel = pixel_at(m, s, i / m->width, i % m->width);
        double v = opacity(m, pixel);
        for (int64_t p = 0; p < PLANES; p++) {
            double image = pixel ? (double)pixel[(m->planes == 1 ? 0 : p) * plane] : 0;
            x[p * plane + i] = clipped(v * image + (1 - v) * s->colour[p] * (double)s->u[i]);
        }
    }
}

/* The place of an image, the same whatever its background. */
static void place(const struct composed *m, enum split split, int64_t index, struct parts *s)
{
    s->down = s->right = 0;
    if (m->composition != COMPOSITION_BORDER) return;
    struct rng r =
        rng_stream(m->root, split == SPLIT_TRAIN ? RNG_TRAIN : RNG_TEST, (uint64_t)index);
    uint64_t places = 2 * (uint64_t)m->border + 1;
    s->down = (int64_t)rng_below(&r, places) - m->border;
    s->right = (int64_t)rng_below(&r, places) - m->border;
}

static void paint(const struct composed *m, enum split split, int64_t index, double scale,
                  float *u, struct parts *s)
{
    uint64_t drawn = 4 * (uint64_t)index + (split == SPLIT_TEST ? 2 : 0) + (scale != 1);
    struct texture_input in = {m->height, m->width, rng_stream(m->root, RNG_BACKGROUND, drawn)};
    int64_t domain = scale == 1 ? index % m->domains : 0;
    m->texture->draw(&in, u);
    for (int p = 0; p < PLANES; p++) s->colour[p] = scale * m->colour[domain][p];
    s->u = u;
}

void data_composed_fetch(const struct data *data, enum split split, const int64_t *index,
                         int64_t n, real *x, int32_t *label)
{
    const struct composed *m = data->inner;
    int64_t plane = m->height * m->width;
    struct err why;
    real *image = malloc((size_t)(m->planes * plane) * sizeof *image);
    float *u = malloc((size_t)plane * sizeof *u);
    for (int64_t i = 0; i < n; i++, x += data->shape.dim) {
        if (!image || !u) {
            for (int64_t j = 0; j < data->shape.dim; j++) x[j] = 0;
            if (label) label[i] = 0;
            continue;
        }
        struct parts s = {.image = image};
        m->base.stream->fetch(&m->base, split, &index[i], 1, image, label ? &label[i] : NULL);
        place(m, split, index[i], &s);
        paint(m, split, index[i], data->background_scale, u, &s);
        compose(m, &s, x);
    }
    if (!image || !u) {
        ERR(&why, ERR_NOMEM, "no memory to compose an image");
        data_fail(data, &why);
    } else if (data_failed(&m->base, &why) != ERR_OK)
        data_fail(data, &why);
    free(image);
    free(u);
}
