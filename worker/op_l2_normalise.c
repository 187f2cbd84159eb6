/* op_l2_normalise.c - y = scale x / max(|x|, 1e-12), |x| over the features of a row, as
 * PyTorch's normalize. The state is the lengths of the rows. */
#include <math.h>

#include "base/kernel.h"
#include "worker/op.h"
#include "worker/rows.h"

static const real epsilon = (real)1e-12;

enum err_code op_l2_normalise_shape(struct graph *g, const struct node *in, struct node *n,
                                    struct err *e)
{
    if (n->set.scale == 0) n->set.scale = 1;
    return op_same_shape(g, in, n, e);
}

double op_l2_normalise_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    (void)g;
    return (double)capacity * (double)(n->shape.dim / op_features(n)) * sizeof(real);
}

enum err_code op_l2_normalise_prepare(struct graph *g, struct node *n, struct err *e)
{
    size_t rows = (size_t)(g->capacity * (n->shape.dim / op_features(n)));
    n->state = arena_array(g->arena, rows, sizeof(real));
    return n->state ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the lengths of %zu rows", rows);
}

KERNEL static void normalise(int64_t rows, int64_t d, real scale, const real *restrict x,
                             real *restrict length, real *restrict y)
{
    for (int64_t i = 0; i < rows; i++, x += d, y += d) {
        length[i] = (real)sqrt(rows_squares(d, x, 0));
        real factor = scale / (length[i] < epsilon ? epsilon : length[i]);
        for (int64_t j = 0; j < d; j++) y[j] = factor * x[j];
    }
}

void op_l2_normalise_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    int64_t d = op_features(n);
    normalise(B * n->shape.dim / d, d, n->set.scale, in->y, n->state, n->y);
}

/* With u = x / |x|: dx = scale / |x| (dy - u (u dy)); below epsilon the length is constant. */
KERNEL static void gradients(int64_t rows, int64_t d, real scale, const real *restrict x,
                             const real *restrict length, const real *restrict dy,
                             real *restrict dx)
{
    for (int64_t i = 0; i < rows; i++, x += d, dy += d, dx += d) {
        bool tiny = length[i] < epsilon;
        real factor = scale / (tiny ? epsilon : length[i]);
        real along = tiny ? 0 : rows_dot(d, dy, x, 0) / length[i] / length[i];
        for (int64_t j = 0; j < d; j++) dx[j] = factor * (dy[j] - along * x[j]);
    }
}

void op_l2_normalise_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                              bool accumulate)
{
    (void)g, (void)accumulate;
    int64_t d = op_features(n);
    gradients(B * n->shape.dim / d, d, n->set.scale, in->y, n->state, n->dy, in->dy);
}
