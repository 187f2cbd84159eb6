/* samples.c - sets of samples and the batches taken from them. */
#include "worker/samples.h"

#include <string.h>

double samples_bytes(const struct data_shape *shape, int64_t n)
{
    return (double)n * ((double)shape->dim * sizeof(real) + sizeof(int32_t) + sizeof(int64_t));
}

double samples_held(const struct data_shape *shape, int64_t n, double *budget)
{
    double bytes = samples_bytes(shape, n);
    if (bytes > *budget) return 0;
    *budget -= bytes;
    return bytes;
}

static enum err_code no_memory(int64_t n, struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for %lld samples", (long long)n);
}

static void fetch(const struct samples *s, const int64_t *index, int64_t n, real *x,
                  int32_t *label)
{
    if (s->skewed)
        data_fetch_skewed(s->data, index, n, x, label);
    else
        data_fetch(s->data, s->split, index, n, x, label);
}

/* Fetches the whole set in pieces, so that the indices of an unordered one stay few. */
static void fetch_all(struct samples *s)
{
    enum { AT_ONCE = 256 };
    int64_t index[AT_ONCE], dim = s->data->shape.dim;
    for (int64_t i = 0; i < s->n; i += AT_ONCE) {
        int64_t n = s->n - i < AT_ONCE ? s->n - i : AT_ONCE;
        for (int64_t j = 0; j < n; j++) index[j] = samples_index(s, i + j);
        fetch(s, index, n, s->x + i * dim, s->label + i);
    }
}

enum err_code samples_load(struct samples *s, double *budget, struct arena *arena,
                           struct err *e)
{
    if (s->index) {
        size_t bytes = (size_t)s->n * sizeof *s->index;
        int64_t *index = arena_alloc(arena, bytes);
        if (!index) return no_memory(s->n, e);
        s->index = memcpy(index, s->index, bytes);
    }
    if (samples_held(&s->data->shape, s->n, budget) == 0) return ERR_OK;
    s->x = arena_array(arena, (size_t)(s->n * s->data->shape.dim), sizeof *s->x);
    s->label = arena_array(arena, (size_t)s->n, sizeof *s->label);
    if (!s->x || !s->label) return no_memory(s->n, e);
    fetch_all(s);
    return ERR_OK;
}

enum err_code batch_init(struct batch *b, const struct data_shape *shape, int64_t capacity,
                         struct arena *arena, struct err *e)
{
    *b = (struct batch){
        .mix = 1,
        .own_x = arena_array(arena, (size_t)capacity, (size_t)shape->dim * sizeof *b->own_x),
        .own_label = arena_array(arena, (size_t)capacity, sizeof *b->own_label),
        .own_index = arena_array(arena, (size_t)capacity, sizeof *b->own_index),
    };
    return b->own_x && b->own_label && b->own_index ? ERR_OK : no_memory(capacity, e);
}

/* The samples b->own_index[0..n-1] of the split, by the stream. */
static void fill(const struct samples *s, int64_t n, struct batch *b)
{
    fetch(s, b->own_index, n, b->own_x, b->own_label);
    b->n = n;
    b->x = b->own_x;
    b->label = b->own_label;
}

void samples_range(const struct samples *s, int64_t first, int64_t n, struct batch *b)
{
    if (s->x) {
        b->n = n;
        b->x = s->x + first * s->data->shape.dim;
        b->label = s->label + first;
        return;
    }
    for (int64_t i = 0; i < n; i++) b->own_index[i] = samples_index(s, first + i);
    fill(s, n, b);
}

void samples_pick(const struct samples *s, const int64_t *place, int64_t n, struct batch *b)
{
    if (!s->x) {
        for (int64_t i = 0; i < n; i++) b->own_index[i] = samples_index(s, place[i]);
        fill(s, n, b);
        return;
    }
    int64_t dim = s->data->shape.dim;
    for (int64_t i = 0; i < n; i++) {
        memcpy(b->own_x + i * dim, s->x + place[i] * dim, (size_t)dim * sizeof *b->own_x);
        b->own_label[i] = s->label[place[i]];
    }
    b->n = n;
    b->x = b->own_x;
    b->label = b->own_label;
}
