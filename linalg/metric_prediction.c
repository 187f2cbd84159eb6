/* metric_prediction.c - measures that compare the answers of two classifiers. */
#include <math.h>
#include <string.h>

#include "linalg/metric_local.h"

/* A form is a row per input: the entropy of the prediction, the largest class, and the softmax
 * over C classes, all as numbers. */
enum { ENTROPY, LARGEST, SOFTMAX };

static int64_t row_length(const struct form_shape *s)
{
    return SOFTMAX + s->d;
}

static size_t size(const struct form_shape *s)
{
    return (size_t)(s->n * row_length(s)) * sizeof(double);
}

/* - p log p, 0 at 0 */
static double surprise(double p)
{
    return p > 0 ? -p * log(p) : 0;
}

static void predict(const double *logit, int64_t n_classes, double *row)
{
    double *p = row + SOFTMAX, sum = 0;
    int64_t largest = 0;
    for (int64_t c = 1; c < n_classes; c++)
        if (logit[c] > logit[largest]) largest = c;
    for (int64_t c = 0; c < n_classes; c++) {
        p[c] = exp(logit[c] - logit[largest]);
        sum += p[c];
    }
    row[LARGEST] = (double)largest;
    row[ENTROPY] = 0;
    for (int64_t c = 0; c < n_classes; c++) {
        p[c] /= sum;
        row[ENTROPY] += surprise(p[c]);
    }
}

static enum err_code make(const struct form_shape *s, double *x, void *form, struct err *e)
{
    bool finite = true;
    (void)e;
    memset(form, 0, size(s));
    for (int64_t i = 0; i < s->n * s->d; i++) finite = finite && isfinite(x[i]);
    for (int64_t i = 0; i < s->n; i++) {
        double *row = (double *)form + i * row_length(s);
        if (finite)
            predict(x + i * s->d, s->d, row);
        else
            row[LARGEST] = NAN;
    }
    return ERR_OK;
}

static void permute(const struct form_shape *s, const void *form, const int32_t *perm,
                    void *out)
{
    int64_t length = row_length(s);
    for (int64_t i = 0; i < s->n; i++)
        memcpy((double *)out + i * length, (const double *)form + perm[i] * length,
               (size_t)length * sizeof(double));
}

const struct form form_predictions = {"predictions", size, make, permute};

static bool comparable(const struct form_side *a, const struct form_side *b)
{
    const double *row_a = a->form, *row_b = b->form;
    INVARIANT(a->shape.n == b->shape.n);
    return a->shape.d == b->shape.d && !isnan(row_a[LARGEST]) && !isnan(row_b[LARGEST]);
}

double metric_disagreement(const struct form_side *a, const struct form_side *b, void *scratch)
{
    int64_t length = row_length(&a->shape), n = a->shape.n, differ = 0;
    const double *row_a = a->form, *row_b = b->form;
    (void)scratch;
    if (!comparable(a, b)) return NAN;
    for (int64_t i = 0; i < n; i++, row_a += length, row_b += length)
        differ += row_a[LARGEST] != row_b[LARGEST];
    return (double)differ / (double)n;
}

double metric_jsd(const struct form_side *a, const struct form_side *b, void *scratch)
{
    int64_t length = row_length(&a->shape), n = a->shape.n;
    const double *row_a = a->form, *row_b = b->form;
    double sum = 0;
    (void)scratch;
    if (!comparable(a, b)) return NAN;
    for (int64_t i = 0; i < n; i++, row_a += length, row_b += length) {
        double entropy = 0; /* in the order of predict(): equal rows give exactly 0 */
        for (int64_t c = SOFTMAX; c < length; c++)
            entropy += surprise((row_a[c] + row_b[c]) / 2);
        sum += fmax(0, entropy - (row_a[ENTROPY] + row_b[ENTROPY]) / 2);
    }
    return fmin(1, sum / ((double)n * M_LN2));
}

size_t metric_prediction_scratch(const struct form_shape *a, const struct form_shape *b)
{
    (void)a, (void)b;
    return 0;
}
