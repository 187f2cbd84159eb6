/* contamination_values.c - numbers from passes and weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/contamination.h"

static double all(const double of[CLASSES], const struct survey *s)
{
    return (of[NEGATIVE] + of[POSITIVE]) / (double)(s->n[NEGATIVE] + s->n[POSITIVE]);
}

static double one(const double of[CLASSES], const struct survey *s, int class)
{
    return of[class] / (double)s->n[class];
}

static double mean_margin(const struct survey *s)
{
    return (s->f[POSITIVE] - s->f[NEGATIVE]) / (double)(s->n[NEGATIVE] + s->n[POSITIVE]);
}

static void outputs(const struct contamination *c, struct values *v)
{
    const struct survey *id = &c->id, *ood = &c->ood, *fresh = &c->fresh;
    v->id_risk = all(id->risk, id);
    v->id_acc = all(id->right, id);
    v->ood_risk = all(ood->risk, ood);
    v->ood_acc = all(ood->right, ood);
    v->ood_risk_fresh = all(fresh->risk, fresh);
    v->ood_acc_fresh = all(fresh->right, fresh);
    for (int k = 0; c->two_classes && k < CLASSES; k++) {
        v->train_risk_of[k] = one(c->train.risk, &c->train, k);
        v->train_acc_of[k] = one(c->train.right, &c->train, k);
        v->id_risk_of[k] = one(id->risk, id, k);
        v->ood_risk_of[k] = one(ood->risk, ood, k);
        v->id_acc_of[k] = one(id->right, id, k);
        v->ood_acc_of[k] = one(ood->right, ood, k);
    }
    for (int k = 0; c->binary && k < CLASSES; k++) {
        v->f_id[k] = one(id->f, id, k);
        v->f_ood[k] = one(ood->f, ood, k);
    }
    if (!c->binary) return;
    v->margin_ratio = mean_margin(ood) / mean_margin(id);
    v->ood_margin_max = ood->margin_max;
}

static int own_class(const struct contamination *c, int64_t k)
{
    return c->a[k] < 0 ? NEGATIVE : POSITIVE;
}

/* Mean over neurons of what a survey counted of their own class, or the other one. */
static double of_class(const struct contamination *c, const struct survey *s,
                       double *const counted[CLASSES], bool own)
{
    double sum = 0;
    for (int64_t k = 0; k < c->m; k++) {
        int class = own_class(c, k);
        if (!own) class = class == POSITIVE ? NEGATIVE : POSITIVE;
        sum += counted[class][k] / (double)s->n[class];
    }
    return sum / (double)c->m;
}

static double act_hi(const struct contamination *c, const struct survey *s)
{
    double sum = 0;
    for (int64_t k = 0; k < c->m; k++)
        sum += fmax(s->active[POSITIVE][k] / (double)s->n[POSITIVE],
                    s->active[NEGATIVE][k] / (double)s->n[NEGATIVE]);
    return sum / (double)c->m;
}

static void activations_of_neurons(const struct contamination *c, struct values *v)
{
    const struct survey *s = &c->train;
    double lo = 0, asym = 0, share = 0, dead = 0, m = (double)c->m;
    for (int64_t k = 0; k < c->m; k++) {
        double p = s->active[POSITIVE][k] / (double)s->n[POSITIVE];
        double q = s->active[NEGATIVE][k] / (double)s->n[NEGATIVE];
        lo += fmin(p, q);
        asym += fabs(p - q);
        share += fmax(p, q) >= 0.9 && fmin(p, q) <= 0.1;
        dead += fmax(p, q) == 0;
    }
    v->act_hi = act_hi(c, s);
    v->act_hi_ood = act_hi(c, &c->ood);
    v->act_lo = lo / m;
    v->act_asym = asym / m;
    v->act_asym_share = share / m;
    v->act_dead = dead / m;
    if (!c->a) return;
    v->act_own = of_class(c, s, s->active, true);
    v->act_other = of_class(c, s, s->active, false);
    v->magnitude_id = of_class(c, &c->id, c->id.activation, true);
    v->magnitude_ood = of_class(c, &c->ood, c->ood.activation, true);
}

/* Means of a quantity over neurons with positive and with negative output weight. */
static void by_sign(const struct contamination *c, const double *of, double out[CLASSES])
{
    double sum[CLASSES] = {0};
    int64_t n[CLASSES] = {0};
    for (int64_t k = 0; k < c->m; k++) {
        sum[own_class(c, k)] += of[k];
        n[own_class(c, k)]++;
    }
    for (int k = 0; k < CLASSES; k++) out[k] = sum[k] / (double)n[k];
}

/* Norms and half sums of the projections of w_k on the dictionary. */
static void weights_of_neurons(struct contamination *c, struct values *v)
{
    double core = 0, bg = 0;
    for (int64_t k = 0; k < c->m; k++) {
        double squares[2] = {0}, sum[2] = {0};
        for (int64_t j = 0; j < c->n_core + c->n_bg; j++) {
            double p = along(c->d, c->w + k * c->d, c->dictionary + j * c->d);
            squares[j >= c->n_core] += p * p;
            sum[j >= c->n_core] += p;
        }
        core += sqrt(squares[0]);
        bg += sqrt(squares[1]);
        c->s_core[k] = sum[0] / 2;
        c->s_bg[k] = sum[1] / 2;
    }
    v->corr_core = core / (double)c->m;
    v->corr_bg = bg / (double)c->m;
    if (!c->a) return;
    by_sign(c, c->s_core, v->s_core);
    by_sign(c, c->s_bg, v->s_bg);
    v->s_ratio =
        (v->s_bg[POSITIVE] + v->s_bg[NEGATIVE]) / (v->s_core[POSITIVE] - v->s_core[NEGATIVE]);
}

/* The gradient along core and background, as it is and by the formula. It overwrites the gates.
 */
static void gradients_of_neurons(struct contamination *c, const struct trainer *t,
                                 struct values *v)
{
    double n = (double)(c->train.n[POSITIVE] + c->train.n[NEGATIVE]), odd = 0, even = 0;
    double pull = c->slope_of_loss / n;
    for (int64_t k = 0; k < c->m; k++) {
        odd += (own_class(c, k) == POSITIVE ? 1 : -1) * c->gate_odd[k];
        even += c->gate_even[k];
        c->gate_core[k] *= pull * (double)c->a[k] / n;
        c->gate_bg[k] *= pull * (double)c->a[k] / n;
    }
    v->gate_ratio = odd / even;
    by_sign(c, c->gate_core, v->grad_core_formula);
    by_sign(c, c->gate_bg, v->grad_bg_formula);
    if (!(t->setup.needs & METRIC_GRADIENT)) return;
    for (int64_t k = 0; k < c->m; k++) {
        c->gate_core[k] = -along(c->d, c->dw + k * c->d, c->mean_core);
        c->gate_bg[k] = -along(c->d, c->dw + k * c->d, c->mean_bg);
    }
    by_sign(c, c->gate_core, v->grad_core);
    by_sign(c, c->gate_bg, v->grad_bg);
}

void contamination_values(struct contamination *c, const struct trainer *t, struct values *v)
{
    double nothing[sizeof(struct values) / sizeof(double)];
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) nothing[i] = (double)NAN;
    memcpy(v, nothing, sizeof *v); /* all members are doubles */
    outputs(c, v);
    if (c->m && c->two_classes) activations_of_neurons(c, v);
    if (c->d) weights_of_neurons(c, v);
    if (c->d && c->binary) gradients_of_neurons(c, t, v);
}

void contamination_neurons(const struct contamination *c, float *out)
{
    const struct survey *s = &c->train;
    for (int64_t k = 0; k < c->m; k++, out += CONTAMINATION_COLUMNS) {
        double p = s->active[POSITIVE][k] / (double)s->n[POSITIVE];
        double q = s->active[NEGATIVE][k] / (double)s->n[NEGATIVE];
        out[0] = c->two_classes ? (float)p : NAN;
        out[1] = c->two_classes ? (float)q : NAN;
        out[2] = c->two_classes ? (float)fabs(p - q) : NAN;
        out[3] = c->d ? (float)c->s_core[k] : NAN;
        out[4] = c->d ? (float)c->s_bg[k] : NAN;
        out[5] = c->a ? (float)c->a[k] : NAN;
    }
}

/* Adds, for each feature of one sample, the slopes of neurons weighted by a, y and the feature. */
static void add_formula(const struct contamination *c, const real *x, const real *slope,
                        double y, double scale, double (*formula)[CLASSES])
{
    double sum[CLASSES] = {0};
    for (int64_t k = 0; k < c->m; k++)
        sum[own_class(c, k)] += (double)slope[k] * (double)c->a[k] * y * scale;
    for (int64_t j = 0; j < c->n_core + c->n_bg; j++) {
        double feature = along(c->d, x, c->dictionary + j * c->d);
        for (int class = 0; class < CLASSES; class ++)
            formula[j][class] += sum[class] * feature;
    }
}

static void features_of_neurons(const struct contamination *c, const double (*formula)[CLASSES],
                                float *out)
{
    double n[CLASSES] = {0};
    for (int64_t k = 0; k < c->m; k++) n[own_class(c, k)]++;
    for (int64_t j = 0; j < c->n_core + c->n_bg; j++, out += CONTAMINATION_COLUMNS) {
        const double *feature = c->dictionary + j * c->d;
        double w[CLASSES] = {0}, dw[CLASSES] = {0};
        for (int64_t k = 0; k < c->m; k++) {
            w[own_class(c, k)] += along(c->d, c->w + k * c->d, feature);
            dw[own_class(c, k)] -= along(c->d, c->dw + k * c->d, feature);
        }
        for (int i = 0; i < CLASSES; i++) {
            int class = i == 0 ? POSITIVE : NEGATIVE;
            out[i] = (float)(w[class] / n[class]);
            out[2 + i] = (float)(dw[class] / n[class]);
            out[4 + i] = (float)(formula[j][class] / n[class]);
        }
    }
}

enum err_code contamination_features(const struct contamination *c, struct trainer *t,
                                     const struct samples *set, int64_t n, float *out,
                                     struct err *e)
{
    if (!c->d || !c->binary) return ERR_OK;
    double(*formula)[CLASSES] = calloc((size_t)(c->n_core + c->n_bg), sizeof *formula);
    if (!formula) return ERR(e, ERR_NOMEM, "no memory for features");
    struct evaluation ignored;
    trainer_evaluate(t, set, n, true, &ignored); /* its gradient */
    double pull = c->slope_of_loss / (double)(c->train.n[POSITIVE] + c->train.n[NEGATIVE]);
    for (int64_t i = 0; i < n; i += t->setup.capacity) {
        int64_t count = n - i < t->setup.capacity ? n - i : t->setup.capacity;
        samples_range(set, i, count, &t->batch);
        graph_forward(&t->setup.graph, t->batch.x, count, GRAPH_EVAL);
        contamination_slopes(c, count);
        for (int64_t b = 0; b < count; b++)
            add_formula(c, t->batch.x + b * c->d, c->slope + b * c->m,
                        t->batch.label[b] == 1 ? 1 : -1, pull / (double)n, formula);
    }
    features_of_neurons(c, (const void *)formula, out);
    free(formula);
    return ERR_OK;
}
