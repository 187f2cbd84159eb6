/* score.c - see score.h. */
#include "worker/score.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "worker/vmath.h"

double score_bytes(unsigned needs, int64_t classes, int64_t room)
{
    double numbers = needs & METRIC_SCORE ? 2 * (double)classes : 0;
    if (needs & METRIC_MARGIN) numbers += (double)room;
    return numbers * sizeof(double);
}

enum err_code score_init(struct score *s, unsigned needs, int64_t classes, int64_t room,
                         struct arena *arena, struct err *e)
{
    *s = (struct score){.needs = needs, .classes = classes, .room = room};
    if (needs & METRIC_SCORE) {
        s->total = arena_array(arena, (size_t)classes, sizeof *s->total);
        s->right = arena_array(arena, (size_t)classes, sizeof *s->right);
        if (!s->total || !s->right)
            return ERR(e, ERR_NOMEM, "no memory for scores of %lld classes",
                       (long long)classes);
    }
    if (needs & METRIC_MARGIN) {
        s->margin = arena_array(arena, (size_t)room, sizeof *s->margin);
        if (!s->margin) return ERR(e, ERR_NOMEM, "no memory for %lld margins", (long long)room);
    }
    return ERR_OK;
}

void score_begin(struct score *s)
{
    size_t bytes = (size_t)s->classes * sizeof *s->total;
    s->n = 0;
    memset(s->bin, 0, sizeof s->bin);
    if (s->total) memset(s->total, 0, bytes);
    if (s->right) memset(s->right, 0, bytes);
}

/* By how much the right class's output exceeds the others': y f if there is one output. A NaN
 * gives NaN. */
static double margin_of(int64_t k, const real *f, int32_t label)
{
    if (k == 1) return label == 1 ? (double)f[0] : -(double)f[0];
    double other = -(double)INFINITY;
    for (int64_t j = 0; j < k; j++)
        if (j != label && (f[j] != f[j] || (double)f[j] > other)) other = (double)f[j];
    return (double)f[label] - other;
}

/* A tie goes to the class of the lower number; of one output, to nobody. */
static bool is_right(int64_t k, const real *f, int32_t label, double margin)
{
    if (margin != 0 || k == 1) return margin > 0;
    for (int64_t j = 0; j < label; j++)
        if (f[j] == f[label]) return false;
    return true;
}

/* The largest probability: softmax's, or that of the sigmoid's side. */
static double confidence_of(int64_t k, const real *f)
{
    if (k == 1) return (double)vmath_sigmoid(f[0] < 0 ? -f[0] : f[0]);
    real top = f[0], sum = 0;
    for (int64_t j = 1; j < k; j++)
        if (!(f[j] <= top)) top = f[j];
    for (int64_t j = 0; j < k; j++) sum += vmath_exp(f[j] - top);
    return 1 / (double)sum;
}

static void add_confidence(struct score *s, double confidence, bool right)
{
    int b = confidence > 0 ? (int)ceil(fmin(confidence, 1) * SCORE_BINS) - 1 : 0;
    s->bin[b].n++;
    s->bin[b].right += right;
    s->bin[b].confidence += confidence;
}

void score_add(struct score *s, int64_t n, int64_t k, const real *f, const int32_t *label)
{
    if (!s->needs) return;
    for (int64_t i = 0; i < n; i++, f += k) {
        double margin = margin_of(k, f, label[i]);
        if (s->margin && s->n < s->room) s->margin[s->n] = margin;
        s->n++;
        if (!s->total) continue;
        bool right = is_right(k, f, label[i], margin);
        s->total[label[i]]++;
        s->right[label[i]] += right;
        add_confidence(s, confidence_of(k, f), right);
    }
}

static void finish_classes(const struct score *s, struct evaluation *out)
{
    double sum = 0, worst = (double)INFINITY;
    int64_t classes = 0;
    for (int64_t c = 0; c < s->classes; c++) {
        if (s->total[c] == 0) continue;
        double accuracy = (double)s->right[c] / (double)s->total[c];
        sum += accuracy;
        worst = fmin(worst, accuracy);
        classes++;
    }
    out->balanced = sum / (double)classes;
    out->worst = worst;
}

static void finish_confidence(const struct score *s, struct evaluation *out)
{
    double confidence = 0, off = 0;
    for (int b = 0; b < SCORE_BINS; b++) {
        confidence += s->bin[b].confidence;
        off += fabs(s->bin[b].confidence - (double)s->bin[b].right);
    }
    out->confidence = confidence / (double)s->n;
    out->ece = off / (double)s->n;
}

/* Puts the number that belongs at place k of the sorted x there, no larger ones before it and
 * no smaller ones behind it (Hoare's selection). No x is NaN. */
static double select_kth(double *x, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = x[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (pivot < x[j]) j--;
            if (i > j) break;
            double swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return x[k];
}

/* The tenth percentile is linear between neighbours, as statistics_quantile (linalg) has it. */
static void finish_margins(struct score *s, struct evaluation *out)
{
    double sum = 0, least = (double)INFINITY;
    for (int64_t i = 0; i < s->n; i++) {
        if (isnan(s->margin[i])) return;
        sum += s->margin[i];
        least = fmin(least, s->margin[i]);
    }
    double place = 0.1 * (double)(s->n - 1);
    int64_t k = (int64_t)place;
    double tenth = select_kth(s->margin, s->n, k), next = (double)INFINITY;
    for (int64_t i = k + 1; i < s->n; i++) next = fmin(next, s->margin[i]);
    out->margin_mean = sum / (double)s->n;
    out->margin_min = least;
    out->margin_10 = place > (double)k ? tenth + (place - (double)k) * (next - tenth) : tenth;
}

void score_finish(struct score *s, struct evaluation *out)
{
    out->balanced = out->worst = out->confidence = out->ece = (double)NAN;
    out->margin_mean = out->margin_min = out->margin_10 = (double)NAN;
    if (s->n == 0) return;
    if (s->total) {
        finish_classes(s, out);
        finish_confidence(s, out);
    }
    if (s->margin && s->n <= s->room) finish_margins(s, out);
}
