/* contamination_survey.c - where a network's neurons are, and passes over samples. */
#include <math.h>
#include <string.h>

#include "experiments/contamination.h"
#include "worker/data_feature_model.h"
#include "worker/first_layer.h"
#include "worker/model.h"
#include "worker/op.h"

static double *numbers(struct arena *arena, int64_t n)
{
    return arena_array(arena, (size_t)n, sizeof(double));
}

static bool survey_init(struct survey *s, int64_t m, struct arena *arena)
{
    bool good = true;
    for (int c = 0; c < CLASSES; c++) {
        s->active[c] = numbers(arena, m);
        s->activation[c] = numbers(arena, m);
        good = good && s->active[c] && s->activation[c];
    }
    return good;
}

static void survey_begin(struct survey *s, int64_t m)
{
    s->margin_max = -HUGE_VAL;
    for (int c = 0; c < CLASSES; c++) {
        s->n[c] = 0;
        s->risk[c] = s->right[c] = s->f[c] = 0;
        memset(s->active[c], 0, (size_t)m * sizeof(double));
        memset(s->activation[c], 0, (size_t)m * sizeof(double));
    }
}

/* Adds one sample: its loss is that of an input of one. */
static void survey_sample(const struct contamination *c, const struct trainer *t,
                          const struct loss_input *all, int64_t i, struct survey *s)
{
    const struct loss *loss = t->setup.loss;
    struct loss_input in = *all;
    in.n = 1;
    in.f += i * in.k;
    in.label += i;
    if (in.teacher) in.teacher += i * in.teacher_k;
    int class = c->two_classes && *in.label == 1 ? POSITIVE : NEGATIVE;
    double soft = 0;
    s->n[class]++;
    s->risk[class] += loss->value(&in, 1, NULL);
    if (loss->no_logits)
        s->right[class] = NAN;
    else
        loss_score(1, in.k, in.f, in.label, &s->right[class], &soft);
    if (c->binary) {
        double f = (double)in.f[0], margin = class == POSITIVE ? f : -f;
        s->f[class] += f;
        if (margin > s->margin_max) s->margin_max = margin;
    }
    for (int64_t k = 0; k < c->m; k++) {
        s->active[class][k] += c->hidden->y[i * c->m + k] > 0;
        s->activation[class][k] += (double)c->active->y[i * c->m + k];
    }
}

void contamination_slopes(const struct contamination *c, int64_t n)
{
    const struct node *f = c->active;
    for (int64_t i = 0; i < n * c->m; i++) c->slope[i] = 1;
    if (f->set.activation)
        f->set.activation->backward(n * c->m, f->set.leak, c->hidden->y, f->y, c->slope);
}

/* Adds the gates of a batch of n training samples. */
static void add_gates(struct contamination *c, const struct trainer *t,
                      const struct loss_input *in, int64_t n)
{
    int64_t m = c->m;
    real *df = graph_output(&t->setup.graph)->dy;
    t->setup.loss->value(in, 1, df);
    contamination_slopes(c, n);
    for (int64_t i = 0; i < n; i++) {
        const real *x = t->batch.x + i * c->d, *slope = c->slope + i * m;
        double y = in->label[i] == 1 ? 1 : -1, core = y * along(c->d, x, c->mean_core);
        double bg = y * along(c->d, x, c->mean_bg), pull = -(double)df[i];
        c->slope_of_loss += y * pull;
        for (int64_t k = 0; k < m; k++) {
            c->gate_core[k] += (double)slope[k] * core;
            c->gate_bg[k] += (double)slope[k] * bg;
            c->gate_odd[k] += (double)slope[k] * pull;
            c->gate_even[k] += (double)slope[k] * pull * y;
        }
    }
}

static void clear_gates(struct contamination *c)
{
    c->slope_of_loss = 0;
    double *const sums[] = {c->gate_core, c->gate_bg, c->gate_odd, c->gate_even};
    for (int i = 0; i < 4; i++) memset(sums[i], 0, (size_t)c->m * sizeof(double));
}

void contamination_survey(struct contamination *c, struct trainer *t, const struct samples *set,
                          int64_t n, struct survey *s)
{
    bool gates = s == &c->train && c->d > 0 && c->binary;
    int64_t most = t->setup.capacity;
    survey_begin(s, c->m);
    if (gates) clear_gates(c);
    for (int64_t i = 0; i < n; i += most) {
        int64_t count = n - i < most ? n - i : most;
        samples_range(set, i, count, &t->batch);
        graph_forward(&t->setup.graph, t->batch.x, count, GRAPH_EVAL);
        struct loss_input in = trainer_outputs(t, &t->batch, count);
        for (int64_t k = 0; k < count; k++) survey_sample(c, t, &in, k, s);
        if (gates) add_gates(c, t, &in, count);
    }
}

/* Where the neurons of a two_layer network are. */
static void find_neurons(struct contamination *c, struct trainer *t)
{
    const struct graph *g = &t->setup.graph;
    const char *kind = table_row(&models, t->setup.config->model.kind)->name;
    int active = graph_layer(g, "hidden.1"), first = first_layer_node(g);
    if (strcmp(kind, "two_layer") != 0 || active < 0 || first < 0) return;
    c->active = &g->node[active];
    c->hidden = &g->node[c->active->set.input];
    c->m = c->active->shape.dim;
    const struct param *out = &g->param[g->node[graph_head(g)].first_param];
    if (out->rows == 1) c->a = g->w + out->offset;
    c->dictionary = data_feature_model_dictionary(t->sets->train.data);
    if (!c->dictionary) return;
    const struct param *weight = &g->param[g->node[first].first_param];
    c->d = weight->cols;
    c->w = g->w + weight->offset;
    c->dw = g->dw + weight->offset;
    c->n_core = t->setup.config->data.core_dim;
    c->n_bg = t->setup.config->data.background_dim;
}

/* out[d] = the mean of n rows. */
static void mean_row(int64_t n, int64_t d, const double *row, double *out)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) out[j] += row[i * d + j] / (double)n;
}

double contamination_bytes(int64_t m, int64_t d, int64_t capacity)
{
    return (double)(22 * m + 2 * d) * sizeof(double) + (double)(capacity * m) * sizeof(real);
}

enum err_code contamination_start(struct contamination *c, struct trainer *t,
                                  struct arena *arena, struct err *e)
{
    *c = (struct contamination){.two_classes = t->setup.data.classes == 2};
    c->binary = c->two_classes && t->setup.outputs == 1 && !t->setup.loss->no_logits;
    find_neurons(c, t);
    struct survey *const survey[] = {&c->train, &c->id, &c->ood, &c->fresh};
    bool good = true;
    for (int i = 0; i < 4; i++) good = good && survey_init(survey[i], c->m, arena);
    double **const of_m[] = {&c->gate_core, &c->gate_bg, &c->gate_odd,
                             &c->gate_even, &c->s_core,  &c->s_bg};
    for (int i = 0; i < 6; i++) good = good && (*of_m[i] = numbers(arena, c->m));
    good = good && (c->mean_core = numbers(arena, c->d)) && (c->mean_bg = numbers(arena, c->d));
    c->slope = arena_array(arena, (size_t)(t->setup.capacity * c->m), sizeof *c->slope);
    if (!good || !c->slope) return ERR(e, ERR_NOMEM, "no memory to measure neurons");
    if (c->d) {
        mean_row(c->n_core, c->d, c->dictionary, c->mean_core);
        mean_row(c->n_bg, c->d, c->dictionary + c->n_core * c->d, c->mean_bg);
    }
    return ERR_OK;
}
