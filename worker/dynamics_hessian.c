/* dynamics_hessian.c - curvature of the training loss, by products of its Hessian with vectors.
 *
 * H v = (gradient(w + h v) - gradient(w - h v)) / 2h for a unit vector v, with h = STEP |w|. The
 * error is h^2/6 times the fourth derivative of the loss along v, and rounding: of gradients
 * about their relative error / h, of w + h v about that of a number / STEP. Sharpness and trace
 * come out within some 1e-4 in single precision (STEP 1e-3), 1e-8 in double (1e-5).
 *
 * The first derivative of a network of ReLUs or maxima jumps where a unit changes sides. Its
 * Hessian almost everywhere, which papers plot, knows nothing of that: all units are held on
 * the side where they are at w (enum graph_kinks). The loss hinge is not: its jumps within h of
 * w count as curvature.
 *
 * d->vector holds the weights, the product, and then Lanczos's basis or the direction. */
#include <math.h>
#include <string.h>

#include "linalg/eigen.h"
#include "worker/dynamics.h"
#include "worker/trainer.h"
#include "worker/vector.h"

#ifdef SHOAL_REAL_DOUBLE
static const double STEP = 1e-5;
#else
static const double STEP = 1e-3;
#endif

/* Random streams beside that of the kernel's outputs. */
enum { STREAM_LANCZOS = 1, STREAM_HUTCHINSON = 2 };

/* The gradient at w + step v of one batch's part of the mean loss is added to g->dw, or taken
 * away if sign is -1. */
static void add_gradient(struct trainer *t, double step, const real *v, double sign,
                         bool accumulate)
{
    struct graph *g = &t->setup.graph;
    dynamics_set(g, t->dynamics.vector, step, v);
    graph_forward(g, t->batch.x, t->batch.n, GRAPH_EVAL);
    trainer_backward(t, t->batch.n, sign / (double)t->dynamics.samples, accumulate);
}

/* out = H v; the weights are those of d->vector before and after. */
static void product(struct trainer *t, const real *v, real *out)
{
    struct dynamics *d = &t->dynamics;
    struct graph *g = &t->setup.graph;
    double length = sqrt(vector_dot(d->n, d->vector, d->vector));
    double h = STEP * (length > 0 ? length : 1);
    for (int64_t i = 0; i < d->samples; i += t->setup.capacity) {
        int64_t left = d->samples - i;
        samples_range(&t->sets->train, i, left < t->setup.capacity ? left : t->setup.capacity,
                      &t->batch);
        dynamics_set(g, d->vector, 0, NULL);
        g->kinks = GRAPH_KINKS_NOTE;
        graph_forward(g, t->batch.x, t->batch.n, GRAPH_EVAL);
        g->kinks = GRAPH_KINKS_HELD;
        add_gradient(t, h, v, 1, i > 0);
        add_gradient(t, -h, v, -1, true);
    }
    g->kinks = GRAPH_KINKS_FREE;
    dynamics_set(g, d->vector, 0, NULL);
    dynamics_get(g, g->dw, out);
    vector_scale(d->n, 1 / (2 * h), out);
}

static void unit(int64_t n, real *v)
{
    vector_scale(n, 1 / sqrt(vector_dot(n, v, v)), v);
}

static void draw_normal(uint64_t seed, int64_t n, real *v)
{
    enum { AT_ONCE = 1024 };
    float draw[AT_ONCE];
    struct rng r = rng_stream(seed, RNG_DYNAMICS, STREAM_LANCZOS);
    for (int64_t done = 0; done < n; done += AT_ONCE) {
        int64_t count = n - done < AT_ONCE ? n - done : AT_ONCE;
        rng_normals(&r, count, draw);
        for (int64_t i = 0; i < count; i++) v[done + i] = (real)draw[i];
    }
    unit(n, v);
}

/* Takes from v what lies along the first k of the basis; twice, as once leaves rounding error
 * that grows. */
static void orthogonalise(int64_t n, int k, const real *basis, real *v)
{
    for (int pass = 0; pass < 2; pass++)
        for (int j = 0; j < k; j++)
            vector_add(n, -vector_dot(n, basis + j * n, v), basis + j * n, v);
}

double dynamics_sharpness(struct trainer *t, int most, double tolerance)
{
    enum { MOST = DYNAMICS_LANCZOS };
    struct dynamics *d = &t->dynamics;
    int64_t n = d->n;
    real *next = d->vector + n, *basis = next + n;
    double diagonal[MOST], off[MOST], value[MOST], last[MOST], scratch[MOST * MOST + 34 * MOST];
    double largest = (double)NAN;
    INVARIANT(most <= MOST && eigen_scratch(MOST) <= 34 * MOST);
    dynamics_get(&t->setup.graph, t->setup.graph.w, d->vector);
    draw_normal(t->trial->task->root, n, basis);
    for (int k = 0; k < most && k < n; k++) {
        product(t, basis + k * n, next);
        diagonal[k] = vector_dot(n, basis + k * n, next);
        orthogonalise(n, k + 1, basis, next);
        off[k] = sqrt(vector_dot(n, next, next));
        if (!eigen_tridiagonal(k + 1, diagonal, off, value, last, scratch)) return (double)NAN;
        largest = value[k];
        if (!(off[k] * fabs(last[k]) > tolerance * fabs(largest))) break;
        if (k + 1 == most) break;
        memcpy(basis + (k + 1) * n, next, (size_t)n * sizeof *next);
        unit(n, basis + (k + 1) * n);
    }
    return largest;
}

double dynamics_trace(struct trainer *t)
{
    struct dynamics *d = &t->dynamics;
    real *out = d->vector + d->n, *z = out + d->n;
    const real entry = (real)(1 / sqrt((double)d->n));
    double sum = 0;
    dynamics_get(&t->setup.graph, t->setup.graph.w, d->vector);
    for (int i = 0; i < DYNAMICS_HUTCHINSON; i++) {
        struct rng r =
            rng_stream(t->trial->task->root, RNG_DYNAMICS, STREAM_HUTCHINSON + (uint64_t)i);
        for (int64_t j = 0; j < d->n; j++) z[j] = rng_u32(&r) & 1 ? entry : -entry;
        product(t, z, out);
        sum += (double)d->n * vector_dot(d->n, z, out);
    }
    return sum / DYNAMICS_HUTCHINSON;
}
