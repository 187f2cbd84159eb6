/* visualise.c - see visualise.h. */
#include "worker/visualise.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "worker/model.h"
#include "worker/op.h"

enum { BLUR = 2 }; /* pixels on each side */

struct visualise_settings visualise_defaults(void)
{
    return (struct visualise_settings){.rounds = 10,
                                       .steps = 200,
                                       .lr = 0.05,
                                       .penalty = 0.01,
                                       .low = -1,
                                       .high = 1,
                                       .clip = true};
}

/* Are the samples numbers of tokens, which nothing can be derived by? */
static bool of_ids(const struct graph *g)
{
    for (int i = 1; i < g->n_nodes; i++)
        if (g->node[i].set.input == 0 && strcmp(g->node[i].op->row.name, "embedding") == 0)
            return true;
    return false;
}

enum err_code visualise_layer(const struct graph *g, const char *key, const char *layer,
                              int *node, struct err *e)
{
    TRY(graph_need_layer(g, key, layer, node, e));
    if (*node == 0)
        return ERR(e, ERR_CONFIG,
                   "%s: the input has no channels that answer to it; choose a layer behind it",
                   key);
    if (of_ids(g))
        return ERR(e, ERR_CONFIG,
                   "%s: this model takes numbers of tokens, which are no images; choose a "
                   "model.kind that takes vectors or images",
                   key);
    return ERR_OK;
}

/* Images under way. Each is a sample of one batch. */
struct visual {
    const struct visualise_settings *s;
    struct graph g;
    struct arena arena;
    int64_t n, dim;           /* images, numbers of one */
    int64_t channels, places; /* of the layer: features, and where each stands */
    real *pixel, *x;          /* [n, dim] in pixel units, and as the network sees them */
    double *m, *v;            /* [n, dim] of Adam */
    real *room;
};

/* Features are a node's last dimension. */
static void measure_layer(struct visual *v, const struct node *n)
{
    v->channels = n->shape.size[n->shape.n_dims - 1];
    v->places = n->shape.dim / v->channels;
}

static enum err_code open_network(struct visual *v, const struct graph *trained,
                                  const struct config *c, const char *key, const char *layer,
                                  int64_t most, struct err *e)
{
    const struct node *last = &trained->node[trained->n_nodes - 1];
    int node;
    TRY(model_build(c, &trained->node[0].shape, last->shape.dim, &v->arena, &v->g, e));
    TRY(visualise_layer(&v->g, key, layer, &node, e));
    for (int p = 0; p < v->g.n_params; p++) graph_freeze(&v->g, p);
    graph_want_input(&v->g);
    v->g.output = node;
    measure_layer(v, &v->g.node[node]);
    v->n = most < v->channels ? most : v->channels;
    v->dim = v->g.node[0].shape.dim;
    TRY(graph_allocate(&v->g, v->n, e));
    INVARIANT(v->g.size == trained->size);
    memcpy(v->g.w, trained->w, (size_t)v->g.size * sizeof *v->g.w);
    size_t numbers = (size_t)(v->n * v->dim);
    v->pixel = arena_array(&v->arena, numbers, sizeof *v->pixel);
    v->x = arena_array(&v->arena, numbers, sizeof *v->x);
    v->m = arena_array(&v->arena, numbers, sizeof *v->m);
    v->v = arena_array(&v->arena, numbers, sizeof *v->v);
    v->room = arena_array(&v->arena, (size_t)v->dim, sizeof *v->room);
    if (v->pixel && v->x && v->m && v->v && v->room) return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory for %lld images", (long long)v->n);
}

static void start(struct visual *v, uint64_t seed)
{
    for (int64_t i = 0; i < v->n; i++) {
        struct rng r = rng_stream(seed, RNG_VISUAL, (uint64_t)i);
        for (int64_t j = 0; j < v->dim; j++)
            v->pixel[i * v->dim + j] = (real)((20 * rng_uniform(&r) + 128) / 255);
    }
}

/* The gradient by the input of minus each image's channel, to node[0].dy. */
static void differentiate(struct visual *v)
{
    struct node *layer = graph_output(&v->g);
    for (int64_t k = 0; k < v->n * v->dim; k++)
        v->x[k] = (real)(v->s->low + (v->s->high - v->s->low) * (double)v->pixel[k]);
    graph_forward(&v->g, v->x, v->n, GRAPH_EVAL);
    memset(layer->dy, 0, (size_t)(v->n * layer->shape.dim) * sizeof *layer->dy);
    for (int64_t i = 0; i < v->n; i++)
        for (int64_t p = 0; p < v->places; p++)
            layer->dy[(i * v->places + p) * v->channels + i * v->channels / v->n] =
                -1 / (real)v->places;
    graph_backward(&v->g, v->n, false);
}

static double distance_from_grey(int64_t n, const real *pixel)
{
    double squares = 0;
    for (int64_t j = 0; j < n; j++)
        squares += ((double)pixel[j] - 0.5) * ((double)pixel[j] - 0.5);
    return sqrt(squares);
}

/* Step t = 1, 2, ... of Adam. */
static void adam(struct visual *v, int t)
{
    const double b1 = 0.9, b2 = 0.999, scale = v->s->high - v->s->low;
    const double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
    for (int64_t i = 0; i < v->n; i++) {
        real *pixel = v->pixel + i * v->dim;
        const real *dx = v->g.node[0].dy + i * v->dim;
        double away = distance_from_grey(v->dim, pixel);
        for (int64_t j = 0; j < v->dim; j++) {
            int64_t k = i * v->dim + j;
            double g = scale * (double)dx[j];
            if (away > 0) g += v->s->penalty * ((double)pixel[j] - 0.5) / away;
            v->m[k] = b1 * v->m[k] + (1 - b1) * g;
            v->v[k] = b2 * v->v[k] + (1 - b2) * g * g;
            pixel[j] -= (real)(v->s->lr * (v->m[k] / c1) / (sqrt(v->v[k] / c2) + 1e-8));
        }
    }
}

void visualise_blur(int64_t height, int64_t width, real *plane, real *room)
{
    memcpy(room, plane, (size_t)(height * width) * sizeof *room);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            double sum = 0;
            int64_t n = 0;
            for (int64_t i = y - BLUR; i <= y + BLUR; i++)
                for (int64_t j = x - BLUR; j <= x + BLUR; j++) {
                    if (i < 0 || i >= height || j < 0 || j >= width) continue;
                    sum += (double)room[i * width + j];
                    n++;
                }
            plane[y * width + x] = (real)(sum / (double)n);
        }
}

/* Blurs the planes of all images; what is no image stays. */
static void blur(struct visual *v)
{
    const struct graph_shape *in = &v->g.node[0].shape;
    if (in->n_dims != 3) return;
    for (int64_t k = 0; k < v->n * in->size[0]; k++)
        visualise_blur(in->size[1], in->size[2], v->pixel + k * in->size[1] * in->size[2],
                       v->room);
}

static void maximise(struct visual *v)
{
    size_t numbers = (size_t)(v->n * v->dim);
    for (int round = 0; round < v->s->rounds; round++) {
        bool second = 2 * round >= v->s->rounds;
        int steps = second ? (int)(1.3 * v->s->steps) : v->s->steps;
        memset(v->m, 0, numbers * sizeof *v->m);
        memset(v->v, 0, numbers * sizeof *v->v);
        for (int t = 1; t <= steps; t++) {
            differentiate(v);
            adam(v, t);
        }
        if (round + 1 < v->s->rounds) blur(v);
    }
}

/* To [0, 1]; a NaN stays one: what has diverged must not look like an image. */
static double clipped(double pixel)
{
    return pixel < 0 ? 0 : pixel > 1 ? 1 : pixel;
}

enum err_code visualise(const struct graph *trained, const struct config *c, const char *key,
                        const char *layer, const struct visualise_settings *s, uint64_t seed,
                        int64_t *n, float *out, struct err *e)
{
    struct visual v = {.s = s};
    enum err_code rc = open_network(&v, trained, c, key, layer, *n, e);
    if (rc == ERR_OK) {
        start(&v, seed);
        maximise(&v);
        *n = v.n;
        for (int64_t k = 0; k < v.n * v.dim; k++) {
            double pixel = (double)v.pixel[k];
            if (s->clip) pixel = clipped(pixel);
            out[k] = (float)(s->low + (s->high - s->low) * pixel);
        }
    }
    graph_clear(&v.g);
    arena_clear(&v.arena);
    return rc;
}

double visualise_colour(const float *image, int64_t pixels, const double rgb[3])
{
    double mean[3] = {0}, grey = 0, of_rgb = (rgb[0] + rgb[1] + rgb[2]) / 3, length = 0,
           sum = 0;
    for (int p = 0; p < 3; p++) {
        for (int64_t i = 0; i < pixels; i++)
            mean[p] += (double)image[p * pixels + i] / (double)pixels;
        grey += mean[p] / 3;
        length += (rgb[p] - of_rgb) * (rgb[p] - of_rgb);
    }
    for (int p = 0; p < 3; p++) sum += (mean[p] - grey) * (rgb[p] - of_rgb);
    return length > 0 ? sum / sqrt(length) : 0;
}
