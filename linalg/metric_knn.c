/* metric_knn.c - what two sets of neighbour lists have in common. A further measure is a pair
 * function here, its declaration in metric.h and a row of alignment_measures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/metric.h"
#include "linalg/neighbours.h"
#include "linalg/permutation_moments.h"

/* The lists of both sides. */
struct both {
    int64_t n, k, stride_a, stride_b;
    const int32_t *a, *b;
    const double *similarity_a, *similarity_b, *mean_a, *mean_b;
};

/* False where one of them has no neighbours. */
static bool open_both(const struct form_side *a, const struct form_side *b, struct both *p)
{
    const struct neighbour_lists *x = a->form, *y = b->form;
    *p = (struct both){x->n,
                       a->shape.k,
                       x->k,
                       y->k,
                       neighbours_indices(x),
                       neighbours_indices(y),
                       neighbours_similarities(x),
                       neighbours_similarities(y),
                       neighbours_means(x),
                       neighbours_means(y)};
    return x->finite && y->finite;
}

size_t knn_scratch(const struct form_shape *a, const struct form_shape *b)
{
    size_t n = (size_t)a->n, k = (size_t)(a->k > b->k ? a->k : b->k);
    return n * sizeof(int32_t) + 4 * n * sizeof(double) + 2 * (k + 1) * sizeof(int64_t);
}

/* Marks the places 1..k of a list in mark[n], or takes the marks away. */
static void mark_list(int32_t *mark, const int32_t *list, int64_t k, bool set)
{
    for (int64_t j = 0; j < k; j++) mark[list[j]] = set ? (int32_t)j + 1 : 0;
}

/* Sum over rows of a function of how many entries are shared. */
static double sum_overlap(const struct form_side *a, const struct form_side *b, void *scratch,
                          double (*of_row)(int64_t shared, int64_t k))
{
    struct both p;
    if (!open_both(a, b, &p)) return NAN;
    int32_t *mark = memset(scratch, 0, (size_t)p.n * sizeof *mark);
    double sum = 0;
    for (int64_t i = 0; i < p.n; i++) {
        const int32_t *x = p.a + i * p.stride_a, *y = p.b + i * p.stride_b;
        int64_t shared = 0;
        mark_list(mark, x, p.k, true);
        for (int64_t j = 0; j < p.k; j++) shared += mark[y[j]] != 0;
        mark_list(mark, x, p.k, false);
        sum += of_row(shared, p.k);
    }
    return sum;
}

static double count_of(int64_t shared, int64_t k)
{
    (void)k;
    return (double)shared; /* sums of whole numbers are exact */
}

double knn_mutual(const struct form_side *a, const struct form_side *b, void *scratch)
{
    return sum_overlap(a, b, scratch, count_of) / (double)(a->shape.n * a->shape.k);
}

/* The sums of the first k of every list. */
static struct permutation_sums sums_of(const struct form_side *side)
{
    const struct neighbour_lists *l = side->form;
    int64_t n = l->n, k = side->shape.k;
    if (k == l->k) return permutation_sums_lists(n, k, neighbours_indices(l));
    int32_t *first = malloc((size_t)(n * k) * sizeof *first);
    INVARIANT(first);
    for (int64_t i = 0; i < n; i++)
        memcpy(first + i * k, neighbours_indices(l) + i * l->k, (size_t)k * sizeof *first);
    struct permutation_sums sums = permutation_sums_lists(n, k, first);
    free(first);
    return sums;
}

void knn_mutual_moments(const struct form_side *a, const struct form_side *b, double *mean,
                        double *sd)
{
    const struct neighbour_lists *x = a->form, *y = b->form;
    *mean = *sd = NAN;
    if (!x->finite || !y->finite || x->n < 4) return;
    struct permutation_sums p = sums_of(a), q = sums_of(b);
    struct permutation_moments m = permutation_moments_pairs(x->n, &p, &q);
    double size = (double)(x->n * a->shape.k);
    *mean = m.mean / size;
    *sd = sqrt(fmax(m.variance, 0)) / size;
}

static double jaccard_of(int64_t shared, int64_t k)
{
    return (double)shared / (double)(2 * k - shared);
}

double knn_jaccard(const struct form_side *a, const struct form_side *b, void *scratch)
{
    return sum_overlap(a, b, scratch, jaccard_of) / (double)a->shape.n;
}

static bool holds(const int32_t *list, int64_t k, int32_t what)
{
    for (int64_t j = 0; j < k; j++)
        if (list[j] == what) return true;
    return false;
}

double knn_cycle(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct both p;
    (void)scratch;
    if (!open_both(a, b, &p)) return NAN;
    int64_t hits = 0;
    for (int64_t i = 0; i < p.n; i++) {
        bool back = false;
        for (int64_t j = 0; j < p.k && !back; j++) {
            int64_t there = p.b[i * p.stride_b + j];
            back = holds(p.a + there * p.stride_a, p.k, (int32_t)i);
        }
        hits += back;
    }
    return (double)hits / (double)p.n;
}

/* Longest common subsequence of two lists; row holds 2 (k + 1) numbers. */
static int64_t lcs(const int32_t *x, const int32_t *y, int64_t k, int64_t *row)
{
    int64_t *above = row, *here = row + k + 1;
    memset(row, 0, (size_t)(2 * (k + 1)) * sizeof *row);
    for (int64_t i = 1; i <= k; i++) {
        for (int64_t j = 1; j <= k; j++) {
            int64_t longest = above[j] > here[j - 1] ? above[j] : here[j - 1];
            here[j] = x[i - 1] == y[j - 1] ? above[j - 1] + 1 : longest;
        }
        int64_t *swap = above;
        above = here;
        here = swap;
    }
    return above[k];
}

/* Levenshtein distance with unit costs. */
static int64_t edits(const int32_t *x, const int32_t *y, int64_t k, int64_t *row)
{
    int64_t *above = row, *here = row + k + 1;
    for (int64_t j = 0; j <= k; j++) above[j] = j;
    for (int64_t i = 1; i <= k; i++) {
        here[0] = i;
        for (int64_t j = 1; j <= k; j++) {
            int64_t least = above[j - 1] + (x[i - 1] != y[j - 1]);
            if (above[j] + 1 < least) least = above[j] + 1;
            if (here[j - 1] + 1 < least) least = here[j - 1] + 1;
            here[j] = least;
        }
        int64_t *swap = above;
        above = here;
        here = swap;
    }
    return above[k];
}

/* Sum over rows of a function of both lists. */
static double sum_lists(const struct both *p, int64_t *row,
                        int64_t (*of)(const int32_t *x, const int32_t *y, int64_t k,
                                      int64_t *row))
{
    int64_t sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        sum += of(p->a + i * p->stride_a, p->b + i * p->stride_b, p->k, row);
    return (double)sum;
}

double knn_lcs(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct both p;
    return open_both(a, b, &p) ? sum_lists(&p, scratch, lcs) / (double)p.n : NAN;
}

double knn_edit(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct both p;
    if (!open_both(a, b, &p)) return NAN;
    return 1 - sum_lists(&p, scratch, edits) / (double)(p.n * p.k);
}

double knn_rank(const struct form_side *a, const struct form_side *b, void *scratch)
{
    struct both p;
    if (!open_both(a, b, &p)) return NAN;
    int32_t *mark = memset(scratch, 0, (size_t)p.n * sizeof *mark);
    double sum = 0;
    for (int64_t i = 0; i < p.n; i++) {
        const int32_t *x = p.a + i * p.stride_a, *y = p.b + i * p.stride_b;
        double row = 0, most = 0;
        int64_t shared = 0;
        mark_list(mark, x, p.k, true);
        for (int64_t j = 0; j < p.k; j++) {
            double r = mark[y[j]], q = (double)(j + 1);
            if (r == 0) continue;
            row += 2 / ((1 + fabs(r - q)) * (r + q));
            most += 1 / (double)++shared;
        }
        mark_list(mark, x, p.k, false);
        if (shared) sum += row / most;
    }
    return sum / (double)p.n;
}

/* ---- kernel alignment of neighbours ---- */

/* Of pairs (i, j) whose j is in both lists of i: K and L there. */
struct masked {
    double *row_k, *row_l, *column_k, *column_l; /* [n] sums */
    double product;                              /* sum of K_ij L_ji where both are there */
};

/* L_ji where it is not masked, else 0. */
static double reverse(const struct both *p, int64_t i, int64_t j)
{
    if (!holds(p->a + j * p->stride_a, p->k, (int32_t)i)) return 0;
    for (int64_t t = 0; t < p->k; t++)
        if (p->b[j * p->stride_b + t] == i) return p->similarity_b[j * p->stride_b + t];
    return 0;
}

/* Sum of three terms; 0 where that is their rounding. */
static double sum_of(double a, double b, double c)
{
    double sum = a + b + c;
    return fabs(sum) > 1e-13 * (fabs(a) + fabs(b) + fabs(c)) ? sum : 0;
}

/* HSIC, unbiased, of M o K and M o L with M_ij = 1 where j is a neighbour of i on both sides. */
static double masked_hsic(const struct both *p, void *scratch)
{
    int64_t n = p->n, k = p->k;
    double *sums =
        memset(scratch, 0, (size_t)(4 * n) * sizeof(double) + (size_t)n * sizeof(int32_t));
    struct masked m = {sums, sums + n, sums + 2 * n, sums + 3 * n, 0};
    int32_t *mark = (int32_t *)(sums + 4 * n);
    for (int64_t i = 0; i < n; i++) {
        const int32_t *x = p->a + i * p->stride_a, *y = p->b + i * p->stride_b;
        mark_list(mark, x, k, true);
        for (int64_t j = 0; j < k; j++) {
            if (!mark[y[j]]) continue;
            double in_k = p->similarity_a[i * p->stride_a + mark[y[j]] - 1];
            double in_l = p->similarity_b[i * p->stride_b + j];
            m.row_k[i] += in_k;
            m.row_l[i] += in_l;
            m.column_k[y[j]] += in_k;
            m.column_l[y[j]] += in_l;
            m.product += in_k * reverse(p, i, y[j]);
        }
        mark_list(mark, x, k, false);
    }
    double all_k = 0, all_l = 0, cross = 0, size = (double)n;
    for (int64_t i = 0; i < n; i++) {
        all_k += m.row_k[i];
        all_l += m.row_l[i];
        cross += m.column_k[i] * m.row_l[i];
    }
    double sum =
        sum_of(m.product, all_k * all_l / ((size - 1) * (size - 2)), -2 * cross / (size - 2));
    return sum / (size * (size - 3));
}

/* A similarity less the mean of its row; 0 where that is rounding. */
static double centred(double similarity, double mean)
{
    double out = similarity - mean;
    return fabs(out) > 1e-13 * fabs(mean) ? out : 0;
}

/* Sum over the same pairs of K and L less the mean of their row. */
static double masked_centred(const struct both *p, void *scratch)
{
    int32_t *mark = memset(scratch, 0, (size_t)p->n * sizeof *mark);
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const int32_t *x = p->a + i * p->stride_a, *y = p->b + i * p->stride_b;
        mark_list(mark, x, p->k, true);
        for (int64_t j = 0; j < p->k; j++)
            if (mark[y[j]])
                sum +=
                    centred(p->similarity_a[i * p->stride_a + mark[y[j]] - 1], p->mean_a[i]) *
                    centred(p->similarity_b[i * p->stride_b + j], p->mean_b[i]);
        mark_list(mark, x, p->k, false);
    }
    return sum;
}

static double normalised(const struct form_side *a, const struct form_side *b, double epsilon,
                         void *scratch, double (*of)(const struct both *p, void *scratch))
{
    struct both ab, aa, bb;
    if (!open_both(a, b, &ab) || !open_both(a, a, &aa) || !open_both(b, b, &bb)) return NAN;
    double self_a = of(&aa, scratch), self_b = of(&bb, scratch), root = sqrt(self_a * self_b);
    if (!(root > 0)) return NAN;
    return of(&ab, scratch) / (root + epsilon);
}

double knn_cknna(const struct form_side *a, const struct form_side *b, void *scratch)
{
    return normalised(a, b, a->shape.epsilon, scratch, masked_hsic);
}

double knn_cknna_paper(const struct form_side *a, const struct form_side *b, void *scratch)
{
    return normalised(a, b, 0, scratch, masked_centred);
}
