/* neighbours.c - exact nearest neighbours, and the forms made of them.
 *
 * A blocked product gives other last bits than a plain one. So it only finds candidates: all
 * that may be among the k nearest given its error. Which of them are is decided by features_dot,
 * whose bits depend on the two rows alone. Neighbours are therefore exact and the same wherever
 * they are found, also where the blocked product is in single precision, and rows that are
 * bit-identical tie exactly. */
#include "linalg/neighbours.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/features.h"

static int nearer(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->similarity != y->similarity) return x->similarity > y->similarity ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* The k-th largest of s[n], by a heap of the k largest so far with the least of them on top. */
static double kth_largest(const double *s, int64_t n, int64_t k, double *heap)
{
    for (int64_t i = 0; i < k; i++) heap[i] = -HUGE_VAL;
    for (int64_t j = 0; j < n; j++) {
        if (!(s[j] > heap[0])) continue;
        int64_t at = 0;
        for (int64_t child = 1; child < k; child = 2 * at + 1) {
            if (child + 1 < k && heap[child + 1] < heap[child]) child++;
            if (s[j] <= heap[child]) break;
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = s[j];
    }
    return heap[0];
}

/* All that may be among the k nearest of row i, nearest first; returns how many. error bounds
 * how far w->row is from features_dot. */
static int64_t candidates(struct neighbours_search *w, int64_t i, double error)
{
    w->row[i] = -HUGE_VAL;
    double low = kth_largest(w->row, w->n, w->k, w->heap) - 2 * error;
    int64_t count = 0;
    for (int64_t j = 0; j < w->n; j++) {
        if (w->row[j] < low || j == i) continue;
        double exact = features_dot(w->x + i * w->d, w->x + j * w->d, w->d);
        w->near[count++] = (struct near){exact, (int32_t)j};
    }
    INVARIANT(count >= w->k);
    qsort(w->near, (size_t)count, sizeof *w->near, nearer);
    return count;
}

/* Similarities of rows [i0, i0 + rows) with all. */
static void make_panel(struct neighbours_search *w, int64_t i0, int64_t rows)
{
    int n = comm_int(w->n), m = comm_int(rows), d = comm_int(w->d);
    if (w->single) {
        const float one = 1, zero = 0;
        sgemm_("T", "N", &n, &m, &d, &one, w->single, &d, w->single + i0 * w->d, &d, &zero,
               w->panel, &n);
    } else {
        const double one = 1, zero = 0;
        dgemm_("T", "N", &n, &m, &d, &one, w->x, &d, w->x + i0 * w->d, &d, &zero, w->panel, &n);
    }
}

/* A row of the panel into w->row. What all entries of a row share decides nothing. */
static void take_row(struct neighbours_search *w, int64_t place)
{
    if (w->single) {
        const float *s = (const float *)w->panel + place * w->n;
        double unit = w->scale * w->scale;
        for (int64_t j = 0; j < w->n; j++) w->row[j] = (double)s[j] / unit + w->lift[j];
    } else {
        memcpy(w->row, (const double *)w->panel + place * w->n, (size_t)w->n * sizeof *w->row);
    }
}

/* Bound on the difference between w->row of row i and features_dot, up to what a row shares.
 * Each sum of d products is within d roundings of the truth; the features that the panel is made
 * of are rounded themselves in single precision. */
static double error_of(const struct neighbours_search *w, int64_t i)
{
    double terms = (double)(w->d + 4);
    if (!w->single) return DBL_EPSILON * terms * w->norm[i] * w->longest;
    double small = (double)FLT_MIN / (w->scale * w->scale); /* what underflows is lost */
    return terms * ((double)FLT_EPSILON * w->norm[i] * w->longest + small +
                    4 * DBL_EPSILON * w->lift[w->n]);
}

void neighbours_search_rows(struct neighbours_search *w, neighbours_found *found, void *self)
{
    for (int64_t i0 = 0; i0 < w->n; i0 += PANEL_ROWS) {
        int64_t rows = w->n - i0 < PANEL_ROWS ? w->n - i0 : PANEL_ROWS;
        make_panel(w, i0, rows);
        for (int64_t i = i0; i < i0 + rows; i++) {
            take_row(w, i - i0);
            found(self, w, i, candidates(w, i, error_of(w, i)));
        }
    }
}

/* x_i . x_j = (x_i - m) . (x_j - m) + m . x_j + (a number of row i): the large part of features
 * with an offset is kept in double, and the others are scaled so that products neither overflow
 * nor vanish. lift[n] holds the largest of what was taken apart. */
static bool prepare_single(struct neighbours_search *w)
{
    int64_t n = w->n, d = w->d;
    float *single = arena_array(&w->arena, (size_t)n, (size_t)d * sizeof *single);
    double *mean = arena_array(&w->arena, (size_t)d, sizeof *mean);
    w->lift = arena_array(&w->arena, (size_t)n + 1, sizeof *w->lift);
    if (!single || !mean || !w->lift) return false;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) mean[j] += w->x[i * d + j] / (double)n;
    double most = features_dot(mean, mean, d), largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *x = w->x + i * d;
        w->lift[i] = features_dot(mean, x, d);
        most = fmax(most, features_dot(x, x, d));
        for (int64_t j = 0; j < d; j++) largest = fmax(largest, fabs(x[j] - mean[j]));
    }
    w->lift[n] = most;
    w->scale = features_unit(largest);
    for (int64_t i = 0; i < n * d; i++)
        single[i] = (float)((w->x[i] - mean[i % d]) * w->scale);
    w->single = single;
    return true;
}

bool neighbours_search_init(struct neighbours_search *w, const struct form_shape *s,
                            const double *x)
{
    size_t n = (size_t)s->n;
    *w = (struct neighbours_search){.n = s->n, .d = s->d, .k = s->k, .x = x};
    w->row = arena_array(&w->arena, n, sizeof *w->row);
    w->norm = arena_array(&w->arena, n, sizeof *w->norm);
    w->heap = arena_array(&w->arena, (size_t)s->k, sizeof *w->heap);
    w->near = arena_array(&w->arena, n, sizeof *w->near);
    w->panel = arena_array(&w->arena, n, PANEL_ROWS * sizeof(double));
    if (!w->row || !w->norm || !w->heap || !w->near || !w->panel) return false;
    if (s->single && !prepare_single(w)) return false;
    for (int64_t i = 0; i < s->n; i++) {
        double square = 0;
        for (int64_t j = 0; j < s->d && w->single; j++)
            square += (double)w->single[i * s->d + j] * (double)w->single[i * s->d + j];
        if (!w->single) square = features_dot(x + i * s->d, x + i * s->d, s->d);
        w->norm[i] = sqrt(square) / (w->single ? w->scale : 1);
        w->longest = fmax(w->longest, w->norm[i]);
    }
    return true;
}

/* ---- the form of lists ---- */

static size_t lists_size(const struct form_shape *s)
{
    size_t n = (size_t)s->n, k = (size_t)s->k;
    return sizeof(struct neighbour_lists) + n * k * sizeof(double) + n * sizeof(double) +
           (n * k * sizeof(int32_t) + 7) / 8 * 8;
}

static void keep_list(void *self, struct neighbours_search *w, int64_t i, int64_t count)
{
    struct neighbour_lists *l = self;
    (void)count;
    for (int64_t j = 0; j < l->k; j++) {
        neighbours_similarities(l)[i * l->k + j] = w->near[j].similarity;
        neighbours_indices(l)[i * l->k + j] = w->near[j].index;
    }
}

static enum err_code make_lists(const struct form_shape *s, double *x, void *form,
                                struct err *e)
{
    struct neighbour_lists *l = form;
    *l = (struct neighbour_lists){
        .n = s->n, .k = s->k, .finite = features_finite(x, s->n * s->d)};
    if (!l->finite) return ERR_OK;
    struct neighbours_search w;
    double *sum = calloc((size_t)s->d, sizeof *sum);
    enum err_code rc = ERR_OK;
    if (neighbours_search_init(&w, s, x) && sum) {
        neighbours_search_rows(&w, keep_list, l);
        for (int64_t i = 0; i < s->n * s->d; i++) sum[i % s->d] += x[i] / (double)s->n;
        for (int64_t i = 0; i < s->n; i++)
            neighbours_means(l)[i] = features_dot(x + i * s->d, sum, s->d);
    } else {
        rc = ERR(e, ERR_NOMEM, "no memory for neighbours of %lld rows", (long long)s->n);
    }
    free(sum);
    arena_clear(&w.arena);
    return rc;
}

/* Row i is row perm[i], whose neighbours have new numbers. */
static void permute_lists(const struct form_shape *s, const void *form, const int32_t *perm,
                          void *out)
{
    const struct neighbour_lists *from = form;
    struct neighbour_lists *to = out;
    (void)s;
    *to = *from;
    if (!from->finite) return;
    int64_t n = from->n, k = from->k;
    int32_t *inverse = neighbours_indices(to) + n * k; /* behind the form: see lists_room */
    for (int64_t i = 0; i < n; i++) inverse[perm[i]] = (int32_t)i;
    form_permute_rows(n, k, neighbours_similarities(from), perm, neighbours_similarities(to));
    form_permute_rows(n, 1, neighbours_means(from), perm, neighbours_means(to));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++)
            neighbours_indices(to)[i * k + j] =
                inverse[neighbours_indices(from)[perm[i] * k + j]];
}

/* Room behind the lists for the inverse of a permutation. */
static size_t lists_room(const struct form_shape *s)
{
    return lists_size(s) + ((size_t)s->n * sizeof(int32_t) + 7) / 8 * 8;
}

const struct form form_neighbours = {"neighbours", lists_room, make_lists, permute_lists, true};
