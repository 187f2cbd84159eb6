/* op_activation.c - a nonlinearity as a node. Its gradient can be made in place: the buffer that
 * holds the gradient by its output then holds that by its input. The state of one with a kink is
 * its slopes, if the graph notes kinks. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"

static bool notes(const struct graph *g, const struct node *n)
{
    return g->notes_kinks && n->set.activation->kinked;
}

enum err_code op_activation_prepare(struct graph *g, struct node *n, struct err *e)
{
    if (!notes(g, n)) return ERR_OK;
    n->state = arena_array(g->arena, (size_t)(g->capacity * n->shape.dim), sizeof(real));
    if (!n->state)
        return ERR(e, ERR_NOMEM, "no memory for %lld x %lld slopes", (long long)g->capacity,
                   (long long)n->shape.dim);
    return ERR_OK;
}

double op_activation_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    return notes(g, n) ? (double)capacity * (double)n->shape.dim * sizeof(real) : 0;
}

KERNEL static void multiply(int64_t n, const real *restrict slope, const real *restrict x,
                            real *restrict y)
{
    for (int64_t i = 0; i < n; i++) y[i] = slope[i] * x[i];
}

void op_activation_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct activation *f = n->set.activation;
    int64_t size = B * n->shape.dim;
    real *slope = n->state;
    if (slope && g->kinks == GRAPH_KINKS_HELD) {
        multiply(size, slope, in->y, n->y);
        return;
    }
    f->forward(size, n->set.leak, in->y, n->y);
    if (!slope || g->kinks == GRAPH_KINKS_FREE) return;
    for (int64_t i = 0; i < size; i++) slope[i] = 1;
    f->backward(size, n->set.leak, in->y, n->y, slope);
}

void op_activation_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                            bool accumulate)
{
    (void)accumulate;
    int64_t size = B * n->shape.dim;
    if (n->state && g->kinks == GRAPH_KINKS_HELD) {
        for (int64_t i = 0; i < size; i++) in->dy[i] = ((real *)n->state)[i] * n->dy[i];
        return;
    }
    if (in->dy != n->dy) memcpy(in->dy, n->dy, (size_t)size * sizeof *in->dy);
    n->set.activation->backward(size, n->set.leak, in->y, n->y, in->dy);
}
