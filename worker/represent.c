/* represent.c - see represent.h. */
#include "worker/represent.h"

#include <math.h>

/* Copies the recorded layers' outputs on a probe set into slot k. */
static void represent_set(struct trainer *t, int set, int k)
{
    struct setup *s = &t->setup;
    int64_t probes = s->record->probe[set].n;
    for (int64_t i = 0; i < probes; i += s->capacity) {
        int64_t count = probes - i < s->capacity ? probes - i : s->capacity;
        samples_range(&t->sets->probe[set], i, count, &t->batch);
        graph_forward(&s->graph, t->batch.x, count, GRAPH_EVAL);
        for (int l = 0; l < s->record->n_layers; l++) {
            const struct node *n = &s->graph.node[s->layer[l]];
            float *out = t->trial->rows->layer[set * s->record->n_layers + l];
            out += (k * probes + i) * n->shape.dim;
            for (int64_t j = 0; j < count * n->shape.dim; j++) out[j] = (float)n->y[j];
        }
    }
}

static void represent(struct trainer *t, int k)
{
    for (int set = 0; set < t->setup.record->n_probe_sets; set++) represent_set(t, set, k);
    t->slot_filled[k] = true;
}

static void copy_probes(struct trainer *t, int set, int32_t *label, float *input)
{
    const struct samples *probe = &t->sets->probe[set];
    int64_t d = probe->data->shape.dim;
    bool classes = probe->data->shape.classes > 0;
    for (int64_t i = 0; i < probe->n; i += t->setup.capacity) {
        int64_t n = probe->n - i < t->setup.capacity ? probe->n - i : t->setup.capacity;
        samples_range(probe, i, n, &t->batch);
        for (int64_t j = 0; label && j < n; j++)
            label[i + j] = classes ? t->batch.label[j] : -1;
        for (int64_t j = 0; input && j < n * d; j++) input[i * d + j] = (float)t->batch.x[j];
    }
}

void represent_probes(struct trainer *t)
{
    const struct record *r = t->setup.record;
    for (int set = 0; r->n_layers > 0 && set < r->n_probe_sets; set++) {
        int32_t *label = t->trial->rows->probe_label[set];
        float *input = t->trial->rows->probe_input[set];
        if (label || input) copy_probes(t, set, label, input);
    }
}

void represent_due(struct trainer *t)
{
    if (t->setup.record->n_layers == 0) return;
    for (int k = 0; k < t->setup.record->n_slots; k++)
        if (t->setup.slot[k] == t->step) represent(t, k);
}

void represent_passed(struct trainer *t, const double *values)
{
    const struct record *r = t->setup.record;
    for (int k = 0; r->n_layers && k < r->n_slots; k++) {
        const struct level *level = &r->level[k];
        if (r->slot[k] != SLOT_LEVEL || t->slot_filled[k]) continue;
        double value = values[level->metric];
        if (level->above ? value > level->at : value < level->at) represent(t, k);
    }
}

void represent_missing(const struct trainer *t)
{
    const struct setup *s = &t->setup;
    for (int v = 0; v < s->record->n_layers * s->record->n_probe_sets; v++) {
        const struct node *n = &s->graph.node[s->layer[v % s->record->n_layers]];
        int64_t size = s->record->probe[v / s->record->n_layers].n * n->shape.dim;
        for (int k = 0; k < s->record->n_slots; k++)
            if (!t->slot_filled[k])
                for (int64_t j = 0; j < size; j++) t->trial->rows->layer[v][k * size + j] = NAN;
    }
}
