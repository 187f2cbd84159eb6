/* loss.c - losses as rows. To add one: outputs, value, and a row. */
#include "worker/loss.h"

#include <math.h>
#include <stdbool.h>

#include "worker/vmath.h"

static real target(int32_t label)
{
    return label == 1 ? 1 : -1;
}

static int64_t one_per_class(int64_t classes)
{
    return classes;
}

static int64_t one_for_two(int64_t classes)
{
    return classes == 2 ? 1 : 0;
}

static int64_t one_for_two_else_per_class(int64_t classes)
{
    return classes == 2 ? 1 : classes;
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

static double cross_entropy(int64_t n, int64_t k, const real *f, const int32_t *label,
                            real scale, real *df)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++, f += k) {
        real top, sum = softmax_sum(k, f, &top);
        total += log((double)sum) + (double)(top - f[label[i]]);
        if (!df) continue;
        real *d = df + i * k, unit = scale / sum;
        for (int64_t j = 0; j < k; j++) d[j] = unit * vmath_exp(f[j] - top);
        d[label[i]] -= scale;
    }
    return total;
}

static double mse(int64_t n, int64_t k, const real *f, const int32_t *label, real scale,
                  real *df)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            real wanted = k == 1 ? target(label[i]) : (real)(label[i] == j);
            real off = f[i * k + j] - wanted;
            total += (double)off * (double)off;
            if (df) df[i * k + j] = 2 * scale * off;
        }
    return total;
}

static double logistic(int64_t n, int64_t k, const real *f, const int32_t *label, real scale,
                       real *df)
{
    (void)k;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        real y = target(label[i]), margin = y * f[i];
        total += (double)vmath_softplus(-margin);
        if (df) df[i] = -scale * y * vmath_sigmoid(-margin);
    }
    return total;
}

static double hinge(int64_t n, int64_t k, const real *f, const int32_t *label, real scale,
                    real *df)
{
    (void)k;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        real y = target(label[i]), lacking = 1 - y * f[i];
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
    {{"cross_entropy", "-log softmax(f)[class], one output per class", NULL},
     one_per_class,
     cross_entropy},
    {{"mse", "squared distance to +1/-1 (two classes) or to the class's unit vector", NULL},
     one_for_two_else_per_class,
     mse},
    {{"logistic", "log(1 + exp(-y f)), y = +1/-1; two classes", NULL}, one_for_two, logistic},
    {{"hinge", "max(0, 1 - y f), y = +1/-1; two classes", NULL}, one_for_two, hinge},
};

const struct table losses = TABLE("loss", rows);
