/* dynamics.c - owns the memory of the measures of dynamics, and says who is asked for what.
 *
 * To add one: a bit of enum metric_need, its memory in pieces_of(), its cost in
 * dynamics_flops(), a line in dynamics_measure(). */
#include "worker/dynamics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "linalg/eigen.h"
#include "worker/gram.h"
#include "worker/trainer.h"
#include "worker/vector.h"

/* A block of memory: the pointer's place in struct dynamics. */
struct piece {
    unsigned needs; /* of any of these */
    size_t place;
    int64_t count;
    size_t size;
};

enum { MOST_PIECES = 16 };

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void dynamics_get(const struct graph *g, const real *block, real *out)
{
    for (int p = 0; p < g->n_params; p++) {
        int64_t n = g->param[p].rows * g->param[p].cols;
        if (!g->param[p].trained) continue;
        memcpy(out, block + g->param[p].offset, (size_t)n * sizeof *out);
        out += n;
    }
}

void dynamics_set(struct graph *g, const real *base, double step, const real *direction)
{
    const real h = (real)step;
    for (int p = 0; p < g->n_params; p++) {
        int64_t n = g->param[p].rows * g->param[p].cols;
        real *w = g->w + g->param[p].offset;
        if (!g->param[p].trained) continue;
        memcpy(w, base, (size_t)n * sizeof *w);
        base += n;
        if (!direction) continue;
        for (int64_t i = 0; i < n; i++) w[i] += h * direction[i];
        direction += n;
    }
}

static int feature_node(const struct graph *g)
{
    return g->hidden_last >= 0 ? g->hidden_last : g->output;
}

static struct dynamics sizes_of(const struct setup *s)
{
    const struct graph *g = &s->graph;
    struct dynamics d = {
        .kernel_probes = min(DYNAMICS_KERNEL_PROBES, s->n_subset),
        .feature_probes = min(DYNAMICS_FEATURE_PROBES, s->n_test ? s->n_test : s->n_subset),
        .feature_dim = g->node[feature_node(g)].shape.dim,
        .samples = min(DYNAMICS_CURVATURE_SAMPLES, s->n_subset),
    };
    for (int p = 0; p < g->n_params; p++)
        if (g->param[p].trained) d.n += g->param[p].rows * g->param[p].cols;
    return d;
}

/* A network without trained parameters has features, and nothing else to measure. */
static unsigned needs_of(const struct setup *s, const struct dynamics *d)
{
    const unsigned weights = METRIC_MOVEMENT | METRIC_KERNEL | METRIC_SHARPNESS | METRIC_TRACE;
    return d->n > 0 ? s->needs : s->needs & ~weights;
}

/* Vectors of all parameters that the measures need at a time. */
static int64_t vectors(unsigned needs, const struct dynamics *d)
{
    int64_t n = 0;
    if (needs & METRIC_MOVEMENT) n = 1;
    if (needs & METRIC_TRACE) n = 3; /* weights, product, direction */
    if (needs & METRIC_KERNEL) n = max(n, d->kernel_probes);
    if (needs & METRIC_SHARPNESS) n = max(n, 2 + DYNAMICS_LANCZOS);
    return n;
}

static int64_t scratch(unsigned needs, const struct dynamics *d)
{
    int64_t n = 0, smaller = min(d->feature_probes, d->feature_dim);
    if (needs & METRIC_KERNEL) n = gram_scratch(d->kernel_probes, d->n);
    if (needs & METRIC_FEATURES) n = max(n, gram_scratch(d->feature_probes, d->feature_dim));
    if (needs & METRIC_SPECTRUM) n = max(n, eigen_scratch(smaller));
    return n;
}

#define PLACE(member) offsetof(struct dynamics, member)

static int pieces_of(unsigned needs, const struct dynamics *d, struct piece out[MOST_PIECES])
{
    const unsigned any = METRIC_KERNEL | METRIC_FEATURES | METRIC_SPECTRUM;
    const unsigned vector = METRIC_MOVEMENT | METRIC_TRACE | METRIC_KERNEL | METRIC_SHARPNESS;
    int64_t m = d->kernel_probes, p = d->feature_probes, smaller = min(p, d->feature_dim);
    const struct piece pieces[] = {
        {METRIC_MOVEMENT, PLACE(initial), d->n, sizeof(real)},
        {vector, PLACE(vector), vectors(needs, d) * d->n, sizeof(real)},
        {METRIC_KERNEL, PLACE(kernel), m * m, sizeof(double)},
        {METRIC_KERNEL, PLACE(kernel_initial), m * m, sizeof(double)},
        {METRIC_FEATURES, PLACE(feature), p * d->feature_dim, sizeof(real)},
        {METRIC_FEATURES, PLACE(gram), p * p, sizeof(double)},
        {METRIC_CKA, PLACE(gram_initial), p * p, sizeof(double)},
        {METRIC_SPECTRUM, PLACE(smaller), smaller * smaller, sizeof(double)},
        {METRIC_SPECTRUM, PLACE(value), smaller, sizeof(double)},
        {any, PLACE(scratch), scratch(needs, d), sizeof(double)},
    };
    int n = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (needs & pieces[i].needs) out[n++] = pieces[i];
    return n;
}

double dynamics_bytes(const struct setup *s)
{
    struct dynamics d = sizes_of(s);
    struct piece piece[MOST_PIECES];
    double bytes = 0;
    for (int i = pieces_of(needs_of(s, &d), &d, piece) - 1; i >= 0; i--)
        bytes += (double)piece[i].count * (double)piece[i].size;
    return bytes;
}

double dynamics_flops(const struct setup *s)
{
    struct dynamics d = sizes_of(s);
    unsigned needs = needs_of(s, &d);
    double records = (double)s->n_records, m = (double)d.kernel_probes, flops = 0;
    double forward = graph_forward_flops(&s->graph), p = (double)d.feature_probes;
    double gradient = forward + graph_backward_flops(&s->graph);
    double side = fmin(p, (double)d.feature_dim);
    double product = (double)d.samples * (2 * gradient + forward);
    if (needs & METRIC_KERNEL) flops += (records + 1) * (m * gradient + m * m * (double)d.n);
    if (needs & METRIC_FEATURES)
        flops += (records + 1) * (p * forward + p * p * (double)d.feature_dim);
    if (needs & METRIC_SPECTRUM)
        flops += records * side * side * (4 * side / 3 + fmax(p, (double)d.feature_dim));
    if (needs & METRIC_SHARPNESS) flops += records * DYNAMICS_LANCZOS * product;
    if (needs & METRIC_TRACE) flops += records * DYNAMICS_HUTCHINSON * product;
    return flops;
}

enum err_code dynamics_start(struct trainer *t, struct arena *arena, struct err *e)
{
    const struct setup *s = &t->setup;
    struct dynamics *d = &t->dynamics;
    struct piece piece[MOST_PIECES];
    *d = sizes_of(s);
    for (int i = pieces_of(needs_of(s, d), d, piece) - 1; i >= 0; i--) {
        void *memory = arena_array(arena, (size_t)piece[i].count, piece[i].size);
        if (!memory)
            return ERR(e, ERR_NOMEM, "no memory for metrics of %lld parameters",
                       (long long)d->n);
        memcpy((char *)d + piece[i].place, &memory, sizeof memory);
    }
    if (d->initial) dynamics_get(&s->graph, s->graph.w, d->initial);
    if (d->kernel_initial) dynamics_kernel(t, d->kernel_initial);
    if (d->gram_initial) {
        dynamics_features(t);
        gram_rows(d->feature_probes, d->feature_dim, d->feature, true, d->scratch,
                  d->gram_initial);
    }
    return ERR_OK;
}

/* The first d->feature_probes samples of the test set, or of the training set. */
void dynamics_features(struct trainer *t)
{
    struct dynamics *d = &t->dynamics;
    struct graph *g = &t->setup.graph;
    const struct samples *set = t->setup.n_test ? &t->sets->test : &t->sets->train;
    for (int64_t i = 0; i < d->feature_probes; i += t->setup.capacity) {
        int64_t count = min(d->feature_probes - i, t->setup.capacity);
        samples_range(set, i, count, &t->batch);
        graph_forward(g, t->batch.x, count, GRAPH_EVAL);
        memcpy(d->feature + i * d->feature_dim, g->node[feature_node(g)].y,
               (size_t)(count * d->feature_dim) * sizeof *d->feature);
    }
}

double dynamics_effective_rank(struct trainer *t)
{
    struct dynamics *d = &t->dynamics;
    int64_t side = min(d->feature_probes, d->feature_dim);
    gram_smaller(d->feature_probes, d->feature_dim, d->feature, d->scratch, d->smaller);
    if (!eigen_symmetric(side, d->smaller, d->value, d->scratch)) return (double)NAN;
    double least = 1e-13 * d->value[side - 1], sum = 0, entropy = 0;
    for (int64_t i = 0; i < side; i++)
        sum += d->value[i] = d->value[i] > least ? sqrt(d->value[i]) : 0;
    if (sum == 0) return (double)NAN;
    for (int64_t i = 0; i < side; i++)
        if (d->value[i] > 0) entropy -= d->value[i] / sum * log(d->value[i] / sum);
    return exp(entropy);
}

double dynamics_participation(const struct dynamics *d)
{
    int64_t p = d->feature_probes;
    double trace = 0, squares = 0;
    for (int64_t i = 0; i < p; i++) trace += d->gram[i * p + i];
    for (int64_t i = 0; i < p * p; i++) squares += d->gram[i] * d->gram[i];
    return trace * trace / squares;
}

static void measure_movement(struct trainer *t)
{
    struct dynamics *d = &t->dynamics;
    real *moved = d->vector;
    dynamics_get(&t->setup.graph, t->setup.graph.w, moved);
    vector_add(d->n, -1, d->initial, moved);
    double start = sqrt(vector_dot(d->n, d->initial, d->initial));
    t->measured.weight_distance = sqrt(vector_dot(d->n, moved, moved));
    t->measured.weight_movement = start > 0 ? t->measured.weight_distance / start : (double)NAN;
}

static void measure_features(struct trainer *t)
{
    struct dynamics *d = &t->dynamics;
    struct measured *m = &t->measured;
    int64_t p = d->feature_probes;
    dynamics_features(t);
    gram_rows(p, d->feature_dim, d->feature, true, d->scratch, d->gram);
    m->participation_ratio = dynamics_participation(d);
    if (d->gram_initial) m->cka_init = gram_cosine(p, d->gram_initial, d->gram);
    if (d->value) m->effective_rank = dynamics_effective_rank(t);
}

void dynamics_measure(struct trainer *t)
{
    const double tolerance = 1e-3; /* far below what the choice of samples changes */
    struct dynamics *d = &t->dynamics;
    struct measured *m = &t->measured;
    unsigned needs = needs_of(&t->setup, d);
    if (needs & METRIC_MOVEMENT) measure_movement(t);
    if (needs & METRIC_FEATURES) measure_features(t);
    if (needs & METRIC_KERNEL) {
        dynamics_kernel(t, d->kernel);
        m->kernel_drift = 1 - gram_cosine(d->kernel_probes, d->kernel_initial, d->kernel);
        m->kernel_alignment = dynamics_alignment(t, d->kernel);
    }
    if (needs & METRIC_SHARPNESS)
        m->sharpness = dynamics_sharpness(t, DYNAMICS_LANCZOS, tolerance);
    if (needs & METRIC_TRACE) m->hessian_trace = dynamics_trace(t);
}
