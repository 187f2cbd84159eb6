/* loss.c - losses as rows; those of pairs are in loss_pairs.c. To add one: outputs, value, and a
 * row. */
#include "worker/loss.h"

#include <math.h>
#include <stdbool.h>

#include "worker/vmath.h"

static real target(int32_t label)
{
    return label == 1 ? 1 : -1;
}

static int64_t one_per_class(const struct config *c, int64_t classes)
{
    (void)c;
    return classes;
}

static int64_t one_for_two(const struct config *c, int64_t classes)
{
    (void)c;
    return classes == 2 ? 1 : 0;
}

static int64_t one_for_two_else_per_class(const struct config *c, int64_t classes)
{
    (void)c;
    return classes == 2 ? 1 : classes;
}

static int64_t one_per_teachers(const struct config *c, int64_t classes)
{
    (void)c, (void)classes;
    return -1;
}

static int64_t embedding(const struct config *c, int64_t classes)
{
    (void)classes;
    return c->optim.embedding;
}

/* The largest output, and the sum of exp(f - largest). */
static real softmax_sum(int64_t k, const real *f, real *largest)
{
    real top = f[0], sum = 0;
    for (int64_t j = 1; j < k; j++)
        if (!(f[j] <= top)) top = f[j]; /* a NaN gets through */
    for (int64_t j = 0; j < k; j++) sum += vmath_exp(f[j] - top);
    *largest = top;
    return sum;
}

/* With label smoothing e the target is (1 - e) of the class and e / k of each: what that adds
 * to the loss of one sample, and takes from its gradient d (or NULL). */
static double smoothing(double e, int64_t k, const real *f, int32_t label, real scale, real *d)
{
    double mean = 0;
    for (int64_t j = 0; j < k; j++) mean += (double)f[j] / (double)k;
    if (d) {
        for (int64_t j = 0; j < k; j++) d[j] -= scale * (real)(e / (double)k);
        d[label] += scale * (real)e;
    }
    return e * ((double)f[label] - mean);
}

static double cross_entropy(const struct loss_input *in, real scale, real *df)
{
    const int64_t k = in->k;
    const real *f = in->f;
    const double smooth = in->config->optim.label_smoothing;
    double total = 0;
    for (int64_t i = 0; i < in->n; i++, f += k) {
        int32_t label = in->label[i];
        real top, sum = softmax_sum(k, f, &top), *d = df ? df + i * k : NULL;
        total += log((double)sum) + (double)(top - f[label]);
        if (d) {
            const real unit = scale / sum;
            for (int64_t j = 0; j < k; j++) d[j] = unit * vmath_exp(f[j] - top);
            d[label] -= scale;
        }
        if (smooth > 0) total += smoothing(smooth, k, f, label, scale, d);
    }
    return total;
}

/* Cross-entropy of f + tau log prior, which is made anew wherever it is used. */
static double logit_adjusted(const struct loss_input *in, real scale, real *df)
{
    const int64_t k = in->k;
    const real *f = in->f, *prior = in->log_prior, tau = (real)in->config->optim.tau;
    const double smooth = in->config->optim.label_smoothing;
    INVARIANT(prior);
    double total = 0;
    for (int64_t i = 0; i < in->n; i++, f += k) {
        int32_t label = in->label[i];
        real top = f[0] + tau * prior[0], sum = 0, right = f[label] + tau * prior[label];
        double mean = 0;
        for (int64_t j = 0; j < k; j++) {
            real z = f[j] + tau * prior[j];
            if (!(z <= top)) top = z;
            mean += (double)z / (double)k;
        }
        for (int64_t j = 0; j < k; j++) sum += vmath_exp(f[j] + tau * prior[j] - top);
        total += log((double)sum) + (double)(top - right) + smooth * ((double)right - mean);
        if (!df) continue;
        real *d = df + i * k, unit = scale / sum;
        for (int64_t j = 0; j < k; j++)
            d[j] = unit * vmath_exp(f[j] + tau * prior[j] - top) -
                   scale * (real)(smooth / (double)k);
        d[label] -= scale * (real)(1 - smooth);
    }
    return total;
}

static double distill(const struct loss_input *in, real scale, real *df)
{
    INVARIANT(in->teacher && in->teacher_k == in->k);
    const real unit = 2 * scale / (real)in->k;
    double total = 0;
    for (int64_t i = 0; i < in->n * in->k; i++) {
        real off = in->f[i] - in->teacher[i];
        total += (double)off * (double)off;
        if (df) df[i] = unit * off;
    }
    return total / (double)in->k;
}

/* log softmax(f / temperature) as f / temperature minus the number returned. */
static double log_softmax_shift(int64_t k, const real *f, double temperature)
{
    double top = (double)f[0], sum = 0;
    for (int64_t j = 1; j < k; j++)
        if (!((double)f[j] <= top)) top = (double)f[j];
    for (int64_t j = 0; j < k; j++) sum += exp(((double)f[j] - top) / temperature);
    return top / temperature + log(sum);
}

/* In double throughout: with few classes it costs nothing, and with a high temperature the loss
 * is T^2 times a small difference. */
static double distill_kl(const struct loss_input *in, real scale, real *df)
{
    INVARIANT(in->teacher && in->teacher_k == in->k);
    const int64_t k = in->k;
    const double T = in->config->optim.temperature, share = in->config->optim.distill_weight;
    double total = 0;
    for (int64_t i = 0; i < in->n; i++) {
        const real *f = in->f + i * k, *t = in->teacher + i * k;
        const double shift = log_softmax_shift(k, f, T), shift_t = log_softmax_shift(k, t, T);
        const double plain = log_softmax_shift(k, f, 1), right = (double)f[in->label[i]];
        for (int64_t j = 0; j < k; j++) {
            double log_q = (double)f[j] / T - shift, log_p = (double)t[j] / T - shift_t;
            double p = exp(log_p);
            total += share * T * T * p * (log_p - log_q);
            double d = share * T * (exp(log_q) - p) + (1 - share) * exp((double)f[j] - plain);
            if (df) df[i * k + j] = scale * (real)d;
        }
        total += (1 - share) * (plain - right);
        if (df) df[i * k + in->label[i]] -= scale * (real)(1 - share);
    }
    return total;
}

static double mse(const struct loss_input *in, real scale, real *df)
{
    const int64_t n = in->n, k = in->k;
    const real *f = in->f;
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            real wanted = k == 1 ? target(in->label[i]) : (real)(in->label[i] == j);
            real off = f[i * k + j] - wanted;
            total += (double)off * (double)off;
            if (df) df[i * k + j] = 2 * scale * off;
        }
    return total;
}

static double logistic(const struct loss_input *in, real scale, real *df)
{
    double total = 0;
    for (int64_t i = 0; i < in->n; i++) {
        real y = target(in->label[i]), margin = y * in->f[i];
        total += (double)vmath_softplus(-margin);
        if (df) df[i] = -scale * y * vmath_sigmoid(-margin);
    }
    return total;
}

static double hinge(const struct loss_input *in, real scale, real *df)
{
    double total = 0;
    for (int64_t i = 0; i < in->n; i++) {
        real y = target(in->label[i]), lacking = 1 - y * in->f[i];
        total += lacking < 0 ? 0 : (double)lacking;
        if (df) df[i] = lacking < 0 ? 0 : -scale * y;
    }
    return total;
}

void loss_score(int64_t n, int64_t k, const real *f, const int32_t *label, double *correct,
                double *soft)
{
    for (int64_t i = 0; i < n; i++, f += k) {
        if (k == 1) {
            real margin = target(label[i]) * f[0];
            *correct += margin > 0;
            *soft += (double)vmath_sigmoid(-margin);
            continue;
        }
        real top, sum = softmax_sum(k, f, &top), right = f[label[i]];
        bool beaten = right != top; /* a tie goes to the class of the lower number */
        for (int64_t j = 0; j < label[i]; j++) beaten |= f[j] == top;
        *correct += !beaten;
        *soft += 1 - (double)(vmath_exp(right - top) / sum);
    }
}

static const struct loss rows[] = {
    {.row = {"cross_entropy", "-log softmax(f)[class], one output per class", NULL},
     .outputs = one_per_class,
     .value = cross_entropy},
    {.row = {"mse", "squared distance to +1/-1 (two classes) or to the class's unit vector",
             NULL},
     .outputs = one_for_two_else_per_class,
     .value = mse},
    {.row = {"logistic", "log(1 + exp(-y f)), y = +1/-1; two classes", NULL},
     .outputs = one_for_two,
     .value = logistic},
    {.row = {"hinge", "max(0, 1 - y f), y = +1/-1; two classes", NULL},
     .outputs = one_for_two,
     .value = hinge},
    {.row = {"logit_adjusted",
             "cross_entropy of f + tau log p, p the classes' shares in training",
             "arXiv 2007.07314, equation 10"},
     .outputs = one_per_class,
     .needs = LOSS_PRIOR,
     .value = logit_adjusted},
    {.row = {"distill", "squared distance to the teacher's outputs, mean over them",
             "arXiv 1412.6550"},
     .outputs = one_per_teachers,
     .needs = LOSS_TEACHER,
     .value = distill,
     .no_logits = true},
    {.row = {"distill_kl",
             "T^2 KL(softmax(teacher / T) || softmax(f / T)), T the temperature, and a share "
             "of cross_entropy",
             "arXiv 1503.02531, section 2"},
     .outputs = one_per_class,
     .needs = LOSS_TEACHER,
     .value = distill_kl},
    {.row = {"nce",
             "binary classification of pairs by f.f' / temperature + bias: two views of a "
             "sample against views of different ones",
             "arXiv 2405.07987, section 4.2"},
     .outputs = embedding,
     .needs = LOSS_PAIRS,
     .value = loss_nce,
     .no_logits = true},
    {.row = {"info_nce",
             "which other view in the batch is of the same sample? softmax of "
             "f.f' / temperature (NT-Xent)",
             "arXiv 2002.05709, equation 1"},
     .outputs = embedding,
     .needs = LOSS_PAIRS,
     .value = loss_info_nce,
     .no_logits = true},
};

const struct table losses = TABLE("loss", rows);
