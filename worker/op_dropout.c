/* op_dropout.c - in training each number is lost with probability set.rate, and the others grow
 * by 1 / (1 - rate); in evaluation nothing happens. What is lost is a function of the graph's
 * noise seed, the step, the node and the place in the batch: the same on any rank. The state
 * keeps it for the backward pass. */
#include <string.h>

#include "base/kernel.h"
#include "base/rng.h"
#include "worker/op.h"

enum { PIECE = 1024, NODE_BITS = 16 };

double op_dropout_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    (void)g;
    return (double)capacity * (double)n->shape.dim;
}

enum err_code op_dropout_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e)
{
    INVARIANT(n->set.rate >= 0 && n->set.rate < 1);
    return op_same_shape(g, in, n, e);
}

enum err_code op_dropout_prepare(struct graph *g, struct node *n, struct err *e)
{
    n->state = arena_array(g->arena, (size_t)g->capacity, (size_t)n->shape.dim);
    return n->state ? ERR_OK
                    : ERR(e, ERR_NOMEM, "no memory for a dropout mask of %lld x %lld",
                          (long long)g->capacity, (long long)n->shape.dim);
}

KERNEL static void at_least(int64_t n, uint32_t limit, const uint32_t *restrict word,
                            uint8_t *restrict kept)
{
    for (int64_t i = 0; i < n; i++) kept[i] = word[i] >= limit;
}

static void draw(const struct graph *g, const struct node *n, int64_t size, uint8_t *kept)
{
    uint64_t node = (uint64_t)(n - g->node);
    INVARIANT(node >> NODE_BITS == 0 && size <= (int64_t)UINT32_MAX);
    struct rng r = rng_stream(g->noise, RNG_DROPOUT, g->noise_step << NODE_BITS | node);
    uint32_t word[PIECE], limit = (uint32_t)((double)n->set.rate * 0x1p32);
    for (int64_t i = 0; i < size; i += PIECE) {
        int64_t here = size - i < PIECE ? size - i : PIECE;
        rng_words(&r, here, word);
        at_least(here, limit, word, kept + i);
    }
}

/* A product, not a choice: a NaN stays one. */
KERNEL static void thin(int64_t n, real scale, const uint8_t *restrict kept, real *restrict x)
{
    for (int64_t i = 0; i < n; i++) x[i] *= scale * (real)kept[i];
}

void op_dropout_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    int64_t size = B * n->shape.dim;
    memcpy(n->y, in->y, (size_t)size * sizeof *n->y);
    if (g->mode == GRAPH_EVAL || n->set.rate == 0) return;
    draw(g, n, size, n->state);
    thin(size, 1 / (1 - n->set.rate), n->state, n->y);
}

void op_dropout_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate)
{
    (void)accumulate;
    int64_t size = B * n->shape.dim;
    if (in->dy != n->dy) memcpy(in->dy, n->dy, (size_t)size * sizeof *in->dy);
    if (g->mode == GRAPH_EVAL || n->set.rate == 0) return;
    thin(size, 1 / (1 - n->set.rate), n->state, in->dy);
}
