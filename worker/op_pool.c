/* op_pool.c - the largest number or the mean of each channel under a sliding window, or of the
 * whole image: that is a window without a size. */
#include <string.h>

#include "base/kernel.h"
#include "worker/op.h"
#include "worker/window.h"

static struct window window(const struct node *in, const struct node *n)
{
    return window_of(&in->shape, &n->set, n->set.kernel);
}

enum err_code op_pool_shape(struct graph *g, const struct node *in, struct node *n,
                            struct err *e)
{
    (void)g;
    INVARIANT(2 * n->set.pad <= n->set.kernel); /* else a window may see nothing but padding */
    struct window w = window(in, n);
    TRY(window_check(&w, &in->shape, e));
    n->shape = in->shape;
    n->shape.size[0] = w.out_H;
    if (n->shape.n_dims == 3) n->shape.size[1] = w.out_W;
    return ERR_OK;
}

enum err_code op_global_pool_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e)
{
    (void)g;
    INVARIANT(n->set.kernel == 0 && n->set.pad == 0);
    struct window w = window(in, n);
    TRY(window_check(&w, &in->shape, e));
    n->shape = (struct graph_shape){1, {w.C}};
    return ERR_OK;
}

/* What a visit of one place of a window reads and writes; rows are pixels of C numbers. */
struct pool {
    int64_t C;
    const real *from;
    real *to;
    int32_t *where; /* maxima: number of the place at which they lie */
    real share;     /* averages: of each place */
};

/* Calls visit for each place of each window, in PyTorch's order: with the output's row, the
 * input's row, and the number of the place among those that are not padding. */
static void slide(const struct window *w, int64_t B, struct pool p,
                  void (*visit)(const struct pool *p, int64_t out, int64_t in, int32_t place))
{
    int64_t out = 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < w->out_H; i++)
            for (int64_t j = 0; j < w->out_W; j++, out++) {
                struct window_part h = window_part(w, i, w->kernel_H, w->H);
                struct window_part v = window_part(w, j, w->kernel_W, w->W);
                int64_t row = b * w->H + i * w->stride - w->pad;
                int64_t column = j * w->stride - w->pad;
                int32_t place = 0;
                for (int64_t k = h.first; k < h.end; k++)
                    for (int64_t l = v.first; l < v.end; l++)
                        visit(&p, out, (row + k) * w->W + column + l, place++);
            }
}

enum err_code op_max_pool_prepare(struct graph *g, struct node *n, struct err *e)
{
    n->state = arena_array(g->arena, (size_t)(g->capacity * n->shape.dim), sizeof(int32_t));
    if (!n->state)
        return ERR(e, ERR_NOMEM, "no memory for the places of %lld x %lld maxima",
                   (long long)g->capacity, (long long)n->shape.dim);
    return ERR_OK;
}

double op_max_pool_bytes(const struct graph *g, const struct node *n, int64_t capacity)
{
    (void)g;
    return (double)capacity * (double)n->shape.dim * sizeof(int32_t);
}

/* NaN wins, as in PyTorch; of equal numbers the first. */
KERNEL static void keep_larger(int64_t C, const real *restrict x, int32_t place,
                               real *restrict most, int32_t *restrict where)
{
    for (int64_t c = 0; c < C; c++) {
        bool take = (x[c] > most[c]) | (x[c] != x[c]);
        most[c] = take ? x[c] : most[c];
        where[c] = take ? place : where[c];
    }
}

static void max_forward(const struct pool *p, int64_t out, int64_t in, int32_t place)
{
    const real *x = p->from + in * p->C;
    real *y = p->to + out * p->C;
    int32_t *where = p->where + out * p->C;
    if (place > 0) {
        keep_larger(p->C, x, place, y, where);
    } else {
        memcpy(y, x, (size_t)p->C * sizeof *y);
        memset(where, 0, (size_t)p->C * sizeof *where);
    }
}

static void held_forward(const struct pool *p, int64_t out, int64_t in, int32_t place)
{
    const real *x = p->from + in * p->C;
    real *y = p->to + out * p->C;
    const int32_t *where = p->where + out * p->C;
    for (int64_t c = 0; c < p->C; c++)
        if (where[c] == place) y[c] = x[c];
}

/* The places of the last pass are noted anyway: those that are held stay. */
void op_max_pool_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    struct window w = window(in, n);
    bool held = g->kinks == GRAPH_KINKS_HELD;
    slide(&w, B, (struct pool){w.C, in->y, n->y, n->state, 0},
          held ? held_forward : max_forward);
}

KERNEL static void add_where(int64_t C, const real *restrict dy, const int32_t *restrict where,
                             int32_t place, real *restrict dx)
{
    for (int64_t c = 0; c < C; c++) dx[c] += where[c] == place ? dy[c] : 0;
}

static void max_backward(const struct pool *p, int64_t out, int64_t in, int32_t place)
{
    add_where(p->C, p->from + out * p->C, p->where + out * p->C, place, p->to + in * p->C);
}

void op_max_pool_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                          bool accumulate)
{
    (void)g, (void)accumulate;
    struct window w = window(in, n);
    memset(in->dy, 0, (size_t)(B * in->shape.dim) * sizeof *in->dy);
    slide(&w, B, (struct pool){w.C, n->dy, in->dy, n->state, 0}, max_backward);
}

KERNEL static void add_times(int64_t n, real by, const real *restrict x, real *restrict sum)
{
    for (int64_t i = 0; i < n; i++) sum[i] += by * x[i];
}

static void average_forward(const struct pool *p, int64_t out, int64_t in, int32_t place)
{
    (void)place;
    add_times(p->C, p->share, p->from + in * p->C, p->to + out * p->C);
}

/* Padding counts as zeros, as PyTorch's default is. */
void op_average_pool_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    struct window w = window(in, n);
    struct pool p = {
        .C = w.C, .from = in->y, .to = n->y, .share = 1 / (real)(w.kernel_H * w.kernel_W)};
    memset(n->y, 0, (size_t)(B * n->shape.dim) * sizeof *n->y);
    slide(&w, B, p, average_forward);
}

static void average_backward(const struct pool *p, int64_t out, int64_t in, int32_t place)
{
    (void)place;
    add_times(p->C, p->share, p->from + out * p->C, p->to + in * p->C);
}

void op_average_pool_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                              bool accumulate)
{
    (void)g, (void)accumulate;
    struct window w = window(in, n);
    struct pool p = {
        .C = w.C, .from = n->dy, .to = in->dy, .share = 1 / (real)(w.kernel_H * w.kernel_W)};
    memset(in->dy, 0, (size_t)(B * in->shape.dim) * sizeof *in->dy);
    slide(&w, B, p, average_backward);
}
