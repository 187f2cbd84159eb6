/* metric_ties.c - neighbours in common, averaged over all ways to break ties at the last place. */
#include <math.h>
#include <string.h>

#include "linalg/features.h"
#include "linalg/metric.h"
#include "linalg/neighbours.h"

/* In front of share[n], nearer[n, words] and tied[n, words]: bits of the rows that are nearer
 * than the k-th, of those that are as near, and the share of the latter that has a place. */
struct ties {
    int64_t n, words;
    int64_t finite;
};

static size_t ties_size(const struct form_shape *s)
{
    size_t n = (size_t)s->n, words = (n + 63) / 64;
    return sizeof(struct ties) + n * sizeof(double) + 2 * n * words * sizeof(uint64_t);
}

static double *shares(const struct ties *t)
{
    return (double *)(t + 1);
}

static uint64_t *nearer_bits(const struct ties *t, int64_t i)
{
    return (uint64_t *)(shares(t) + t->n) + i * t->words;
}

static uint64_t *tied_bits(const struct ties *t, int64_t i)
{
    return nearer_bits(t, t->n + i);
}

static void set_bit(uint64_t *bits, int64_t i)
{
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static void keep_ties(void *self, struct neighbours_search *w, int64_t i, int64_t count)
{
    struct ties *t = self;
    double last = w->near[w->k - 1].similarity;
    int64_t above = 0, equal = 0;
    for (int64_t j = 0; j < count && w->near[j].similarity >= last; j++) {
        bool is_above = w->near[j].similarity > last;
        set_bit(is_above ? nearer_bits(t, i) : tied_bits(t, i), w->near[j].index);
        above += is_above;
        equal += !is_above;
    }
    shares(t)[i] = (double)(w->k - above) / (double)equal;
}

static enum err_code make_ties(const struct form_shape *s, double *x, void *form, struct err *e)
{
    struct ties *t = form;
    memset(form, 0, ties_size(s));
    *t = (struct ties){s->n, (s->n + 63) / 64, features_finite(x, s->n * s->d)};
    if (!t->finite) return ERR_OK;
    return neighbours_search_all(s, x, keep_ties, t, e);
}

/* bits[i] of out where bit perm[i] is set. */
static void permute_bits(int64_t n, const uint64_t *bits, const int32_t *perm, uint64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        if (bits[perm[i] / 64] >> (perm[i] % 64) & 1) set_bit(out, i);
}

static void permute_ties(const struct form_shape *s, const void *form, const int32_t *perm,
                         void *out)
{
    const struct ties *from = form;
    struct ties *to = out;
    memset(out, 0, ties_size(s));
    *to = *from;
    if (!from->finite) return;
    form_permute_rows(s->n, 1, shares(from), perm, shares(to));
    for (int64_t i = 0; i < s->n; i++) {
        permute_bits(s->n, nearer_bits(from, perm[i]), perm, nearer_bits(to, i));
        permute_bits(s->n, tied_bits(from, perm[i]), perm, tied_bits(to, i));
    }
}

const struct form form_ties = {"ties", ties_size, make_ties, permute_ties};

static int64_t in_common(const uint64_t *a, const uint64_t *b, int64_t words)
{
    int64_t count = 0;
    for (int64_t i = 0; i < words; i++) count += __builtin_popcountll(a[i] & b[i]);
    return count;
}

double knn_mutual_ties(const struct form_side *a, const struct form_side *b, void *scratch)
{
    const struct ties *x = a->form, *y = b->form;
    (void)scratch;
    if (!x->finite || !y->finite) return NAN;
    double sum = 0;
    for (int64_t i = 0; i < x->n; i++) {
        const uint64_t *ga = nearer_bits(x, i), *gb = nearer_bits(y, i);
        const uint64_t *ea = tied_bits(x, i), *eb = tied_bits(y, i);
        double p = shares(x)[i], q = shares(y)[i];
        sum += (double)in_common(ga, gb, x->words) + q * (double)in_common(ga, eb, x->words) +
               p * (double)in_common(ea, gb, x->words) +
               p * q * (double)in_common(ea, eb, x->words);
    }
    return sum / (double)(x->n * a->shape.k);
}
