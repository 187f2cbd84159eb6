/* op_convolution.c - the convolution of images [H, W, C] with kernels [out, C / groups, k, k], as
 * in PyTorch.
 *
 * By oneDNN where it is; the plain form is for checking and for machines without. There the
 * pixels under each place of the window become a row of a matrix, tap by tap, and a matrix
 * product does the rest. A sample at a time, so that its result does not depend on the others. */
#include <string.h>

#include "worker/blas.h"
#include "worker/dnn.h"
#include "worker/op.h"
#include "worker/rows.h"
#include "worker/window.h"

/* All the sizes that the loops need. */
struct sizes {
    struct window w;
    int64_t groups, in, out; /* channels of each group */
    int64_t taps, cols;      /* kernel^2, and taps * in: length of a row */
    int64_t pixels;          /* of the output: number of rows */
    int64_t width;           /* groups * out */
};

static struct sizes sizes_of(const struct node *in, const struct node *n)
{
    struct sizes s = {.w = window_of(&in->shape, &n->set, 1), .width = n->set.width};
    s.groups = n->set.groups ? n->set.groups : 1;
    s.in = s.w.C / s.groups;
    s.out = s.width / s.groups;
    s.taps = n->set.kernel * n->set.kernel;
    s.cols = s.taps * s.in;
    s.pixels = s.w.out_H * s.w.out_W;
    return s;
}

enum err_code op_convolution_shape(struct graph *g, const struct node *in, struct node *n,
                                   struct err *e)
{
    const struct node_settings *set = &n->set;
    struct sizes s = sizes_of(in, n);
    INVARIANT(set->kernel > 0 && set->pad >= 0);
    TRY(window_check(&s.w, &in->shape, e));
    if (s.in * s.groups != s.w.C || s.out * s.groups != set->width)
        return ERR(e, ERR_CONFIG,
                   "model.kind: %lld and %lld channels do not fall into %lld groups; choose "
                   "model.width a multiple of them",
                   (long long)s.w.C, (long long)set->width, (long long)s.groups);
    struct param weight = {.n_dims = 4,
                           .size = {set->width, s.in, set->kernel, set->kernel},
                           .fan_in = s.cols,
                           .wide_in = set->wide_in,
                           .wide_out = set->wide_out,
                           .trained = !set->frozen,
                           .start = set->start,
                           .sd = set->sd};
    n->shape = (struct graph_shape){3, {s.w.out_H, s.w.out_W, set->width}};
    TRY(graph_param(g, n, "weight", weight, e));
    return set->no_bias ? ERR_OK : graph_param(g, n, "bias", op_bias_of(weight), e);
}

static struct dnn_shape dnn_shape(const struct sizes *s, const struct node *n)
{
    return (struct dnn_shape){s->w.H,     s->w.W,    s->w.C,         s->w.out_H,
                              s->w.out_W, s->width,  n->set.kernel,  s->w.stride,
                              s->w.pad,   s->groups, !n->set.no_bias};
}

/* Where the plain form puts one sample. */
struct plain {
    real *rows;    /* [pixels, cols] of one group */
    real *part;    /* [pixels, out] of one group */
    real *weight;  /* [width, taps, in]: in the order of a row */
    real *dweight; /* its gradient */
};

static size_t plain_numbers(const struct sizes *s)
{
    return (size_t)(s->pixels * (s->cols + s->out) + 2 * s->width * s->cols);
}

static struct plain plain_of(const struct sizes *s, void *workspace)
{
    struct plain p = {.rows = workspace};
    p.part = p.rows + s->pixels * s->cols;
    p.weight = p.part + s->pixels * s->out;
    p.dweight = p.weight + s->width * s->cols;
    return p;
}

size_t op_convolution_workspace(const struct graph *g, const struct node *n, int64_t capacity)
{
    struct sizes s = sizes_of(&g->node[n->set.input], n);
    struct dnn_shape shape = dnn_shape(&s, n);
    return dnn_available() ? dnn_convolution_workspace(&shape, capacity)
                           : plain_numbers(&s) * sizeof(real);
}

/* n->state: oneDNN's convolution, or NULL for the plain form. */
enum err_code op_convolution_prepare(struct graph *g, struct node *n, struct err *e)
{
    struct sizes s = sizes_of(&g->node[n->set.input], n);
    struct dnn_shape shape = dnn_shape(&s, n);
    TRY(dnn_check(e));
    if (!dnn_available()) return ERR_OK;
    struct dnn_convolution *c;
    TRY(dnn_convolution_create(&shape, g->capacity, g->workspace_bytes, &c, e));
    n->state = c;
    return ERR_OK;
}

void op_convolution_release(struct node *n)
{
    dnn_convolution_destroy(n->state);
}

/* Visits the pixels under the windows of one sample and group, each with its place in a row:
 * gathers rows from x, or adds rows to x. */
static void gather(const struct sizes *s, int64_t group, const real *x, real *rows)
{
    const struct window *w = &s->w;
    size_t size = (size_t)s->in * sizeof *x;
    for (int64_t i = 0; i < w->out_H; i++)
        for (int64_t j = 0; j < w->out_W; j++) {
            struct window_part h = window_part(w, i, w->kernel_H, w->H);
            struct window_part v = window_part(w, j, w->kernel_W, w->W);
            for (int64_t k = 0; k < w->kernel_H; k++)
                for (int64_t l = 0; l < w->kernel_W; l++, rows += s->in) {
                    int64_t pixel =
                        (i * w->stride - w->pad + k) * w->W + j * w->stride - w->pad + l;
                    if (k < h.first || k >= h.end || l < v.first || l >= v.end)
                        memset(rows, 0, size);
                    else
                        memcpy(rows, x + pixel * w->C + group * s->in, size);
                }
        }
}

static void scatter(const struct sizes *s, int64_t group, const real *rows, real *x)
{
    const struct window *w = &s->w;
    for (int64_t i = 0; i < w->out_H; i++)
        for (int64_t j = 0; j < w->out_W; j++, rows += s->cols) {
            struct window_part h = window_part(w, i, w->kernel_H, w->H);
            struct window_part v = window_part(w, j, w->kernel_W, w->W);
            for (int64_t k = h.first; k < h.end; k++)
                for (int64_t l = v.first; l < v.end; l++) {
                    int64_t pixel =
                        (i * w->stride - w->pad + k) * w->W + j * w->stride - w->pad + l;
                    rows_add(1, s->in, 0, rows + (k * w->kernel_W + l) * s->in,
                             x + pixel * w->C + group * s->in);
                }
        }
}

/* One group's channels of a sample's output to or from a matrix of their own. */
static void copy_group(const struct sizes *s, const real *from, int64_t from_width, real *to,
                       int64_t to_width)
{
    for (int64_t i = 0; i < s->pixels; i++)
        memcpy(to + i * to_width, from + i * from_width, (size_t)s->out * sizeof *to);
}

static void order_weight(const struct sizes *s, const real *weight, const struct plain *p)
{
    for (int64_t o = 0; o < s->width; o++)
        for (int64_t c = 0; c < s->in; c++)
            for (int64_t t = 0; t < s->taps; t++)
                p->weight[(o * s->taps + t) * s->in + c] =
                    weight[(o * s->in + c) * s->taps + t];
}

static void plain_forward(const struct sizes *s, const real *weight, const real *bias,
                          const real *x, int64_t B, const struct plain *p, real *y)
{
    order_weight(s, weight, p);
    for (int64_t b = 0; b < B; b++, x += s->w.H * s->w.W * s->w.C, y += s->pixels * s->width) {
        for (int64_t q = 0; q < s->groups; q++) {
            gather(s, q, x, p->rows);
            blas_gemm(CblasNoTrans, CblasTrans, s->pixels, s->out, s->cols, p->rows,
                      p->weight + q * s->out * s->cols, 0, p->part);
            copy_group(s, p->part, s->out, y + q * s->out, s->width);
        }
        for (int64_t i = 0; bias && i < s->pixels; i++)
            rows_add(1, s->width, 0, bias, y + i * s->width);
    }
}

void op_convolution_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    const struct param *param = &g->param[n->first_param];
    struct sizes s = sizes_of(in, n);
    const real *bias = n->set.no_bias ? NULL : g->w + param[1].offset;
    const real *weight = g->w + param[0].offset;
    if (n->state) {
        dnn_convolution_forward(n->state, B, in->y, weight, bias, g->workspace, n->y);
    } else {
        struct plain p = plain_of(&s, g->workspace);
        plain_forward(&s, weight, bias, in->y, B, &p, n->y);
    }
}

/* Gradients by weight and input; either may be NULL. */
static void plain_backward(const struct sizes *s, const real *x, const real *weight,
                           const real *dy, int64_t B, bool accumulate, const struct plain *p,
                           real *dweight, real *dx)
{
    int64_t image = s->w.H * s->w.W * s->w.C;
    order_weight(s, weight, p);
    if (dx) memset(dx, 0, (size_t)(B * image) * sizeof *dx);
    for (int64_t b = 0; b < B; b++, x += image, dy += s->pixels * s->width) {
        for (int64_t q = 0; q < s->groups; q++) {
            int64_t first = q * s->out * s->cols;
            copy_group(s, dy + q * s->out, s->width, p->part, s->out);
            if (dweight) {
                gather(s, q, x, p->rows);
                blas_gemm(CblasTrans, CblasNoTrans, s->out, s->cols, s->pixels, p->part,
                          p->rows, b > 0, p->dweight + first);
            }
            if (dx) {
                blas_gemm(CblasNoTrans, CblasNoTrans, s->pixels, s->cols, s->out, p->part,
                          p->weight + first, 0, p->rows);
                scatter(s, q, p->rows, dx + b * image);
            }
        }
    }
    for (int64_t o = 0; dweight && o < s->width; o++)
        for (int64_t c = 0; c < s->in; c++)
            for (int64_t t = 0; t < s->taps; t++) {
                real *to = &dweight[(o * s->in + c) * s->taps + t];
                *to = p->dweight[(o * s->taps + t) * s->in + c] + (accumulate ? *to : 0);
            }
}

void op_convolution_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                             bool accumulate)
{
    const struct param *param = &g->param[n->first_param];
    struct sizes s = sizes_of(in, n);
    const real *weight = g->w + param[0].offset;
    real *dweight = param[0].trained ? g->dw + param[0].offset : NULL;
    real *dx = in->needs_gradient ? in->dy : NULL;
    if (n->state) {
        if (dweight)
            dnn_convolution_backward_weight(n->state, B, in->y, n->dy, accumulate, g->workspace,
                                            dweight);
        if (dx) dnn_convolution_backward_data(n->state, B, n->dy, weight, g->workspace, dx);
    } else {
        struct plain p = plain_of(&s, g->workspace);
        plain_backward(&s, in->y, weight, n->dy, B, accumulate, &p, dweight, dx);
    }
    if (n->set.no_bias || !param[1].trained) return;
    real *dbias = g->dw + param[1].offset;
    if (!accumulate) memset(dbias, 0, (size_t)s.width * sizeof *dbias);
    real *part = g->workspace;        /* as long as the weights, at least */
    for (int64_t b = 0; b < B; b++) { /* by samples: long sums lose digits */
        memset(part, 0, (size_t)s.width * sizeof *part);
        rows_add(s.pixels, s.width, s.width, n->dy + b * n->shape.dim, part);
        rows_add(1, s.width, 0, part, dbias);
    }
}

double op_convolution_forward_flops(const struct graph *g, const struct node *n)
{
    struct sizes s = sizes_of(&g->node[n->set.input], n);
    return 2 * (double)n->shape.dim * (double)s.cols;
}

double op_convolution_backward_flops(const struct graph *g, const struct node *in,
                                     const struct node *n)
{
    return op_convolution_forward_flops(g, n) *
           (g->param[n->first_param].trained + in->needs_gradient);
}
