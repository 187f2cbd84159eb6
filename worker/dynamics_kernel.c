/* dynamics_kernel.c - the empirical neural tangent kernel of a few samples. */
#include <math.h>

#include "worker/dynamics.h"
#include "worker/gram.h"
#include "worker/trainer.h"

/* The gradient of r'f for one sample of the training set goes to g->dw. */
static void gradient(struct trainer *t, int64_t sample)
{
    struct graph *g = &t->setup.graph;
    struct node *out = graph_output(g);
    int64_t k = out->shape.dim;
    struct rng r = rng_stream(t->trial->task->root, RNG_DYNAMICS, 0);
    const real entry = (real)(1 / sqrt((double)k));
    samples_range(&t->sets->train, sample, 1, &t->batch);
    graph_forward(g, t->batch.x, 1, GRAPH_EVAL);
    for (int64_t j = 0; j < k; j++) out->dy[j] = rng_u32(&r) & 1 ? entry : -entry;
    graph_backward(g, 1, false);
}

void dynamics_kernel(struct trainer *t, double *kernel)
{
    struct dynamics *d = &t->dynamics;
    for (int64_t i = 0; i < d->kernel_probes; i++) {
        gradient(t, i);
        dynamics_get(&t->setup.graph, t->setup.graph.dw, d->vector + i * d->n);
    }
    gram_rows(d->kernel_probes, d->n, d->vector, false, d->scratch, kernel);
}

double dynamics_alignment(struct trainer *t, const double *kernel)
{
    enum { MOST = DYNAMICS_KERNEL_PROBES };
    double own[MOST * MOST], labels[MOST * MOST], mean[MOST];
    int64_t m = t->dynamics.kernel_probes;
    samples_range(&t->sets->train, 0, m, &t->batch);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < m; j++) {
            own[i * m + j] = kernel[i * m + j];
            labels[i * m + j] = t->batch.label[i] == t->batch.label[j];
        }
    gram_centre(m, own, mean);
    gram_centre(m, labels, mean);
    return gram_cosine(m, labels, own);
}
