/* neighbours.c - exact nearest neighbours, and the forms made of them.
 *
 * Similarities are symmetric: a tile above the diagonal serves its rows and its columns. A
 * blocked product gives other last bits than a plain one. So it only finds candidates: all that
 * may be among the k nearest given its error. Which of them are is decided by features_dot,
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
#include "base/kernel.h"
#include "linalg/blas.h"
#include "linalg/centred.h"
#include "linalg/features.h"

enum {
    TILE_SIDE = 256,
    PANEL_ROWS = 128, /* of those that are searched in double precision */
    LANES = 32
};

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

/* ---- guesses ---- */

static bool is_crowded(const struct neighbours_search *w, int64_t i)
{
    return w->count[i] > w->room;
}

static void set_crowded(struct neighbours_search *w, int64_t i)
{
    w->count[i] = w->room + 1;
    w->least[i] = NAN; /* nothing is at least that */
}

/* The k-th largest of s[count], or -HUGE_VALF: the least of those that fewer than k exceed. Many
 * comparisons of few numbers, without a branch. */
KERNEL static float kth_of_few(const float *s, int32_t count, int32_t k, int32_t *above)
{
    memset(above, 0, (size_t)count * sizeof *above);
    for (int32_t l = 0; l < count; l++)
        for (int32_t j = 0; j < count; j++) above[j] += s[l] > s[j];
    float least = HUGE_VALF;
    for (int32_t j = 0; j < count; j++) least = above[j] < k && s[j] < least ? s[j] : least;
    return count < k ? -HUGE_VALF : least;
}

/* Drops the guesses of row i that cannot be neighbours. */
static void thin_out(struct neighbours_search *w, int64_t i)
{
    struct guess *guess = w->guess + i * w->room;
    int32_t count = (int32_t)w->count[i], kept = 0;
    for (int32_t j = 0; j < count; j++) w->few[j] = guess[j].similarity;
    w->least[i] = kth_of_few(w->few, count, (int32_t)w->k, w->above) - w->slack[i];
    for (int32_t j = 0; j < count; j++) {
        struct guess one = guess[j];
        guess[kept] = one;
        kept += one.similarity >= w->least[i];
    }
    w->count[i] = kept;
}

static void offer(struct neighbours_search *w, int64_t i, int64_t j, float similarity)
{
    if (!(similarity >= w->least[i]) || i == j) return;
    w->guess[i * w->room + w->count[i]++] = (struct guess){similarity, (int32_t)j};
    if (w->count[i] < w->room) return;
    thin_out(w, i);
    if (w->count[i] > w->room * 3 / 4) set_crowded(w, i);
}

/* Columns [j0, j0 + columns) as neighbours of row i. */
KERNEL static void offer_to_row(struct neighbours_search *w, int64_t i, int64_t j0,
                                int64_t columns, const float *row)
{
    const float *lift = w->lift + j0;
    int64_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
        int hits = 0;
        float least = w->least[i];
        for (int l = 0; l < LANES; l++) hits |= row[j + l] + lift[j + l] >= least;
        for (int l = 0; l < LANES && hits; l++)
            offer(w, i, j0 + j + l, row[j + l] + lift[j + l]);
    }
    for (; j < columns; j++) offer(w, i, j0 + j, row[j] + lift[j]);
}

/* Row i as a neighbour of rows [j0, j0 + columns). */
KERNEL static void offer_to_columns(struct neighbours_search *w, int64_t i, int64_t j0,
                                    int64_t columns, const float *row)
{
    const float lift = w->lift[i], *least = w->least + j0;
    int64_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
        int hits = 0;
        for (int l = 0; l < LANES; l++) hits |= row[j + l] + lift >= least[j + l];
        for (int l = 0; l < LANES && hits; l++) offer(w, j0 + j + l, i, row[j + l] + lift);
    }
    for (; j < columns; j++) offer(w, j0 + j, i, row[j] + lift);
}

/* The places of the next guesses of rows [i0, i0 + rows) are far apart in memory. */
static void fetch_guesses(const struct neighbours_search *w, int64_t i0, int64_t rows)
{
    for (int64_t i = i0; i < i0 + rows; i++)
        __builtin_prefetch(w->guess + i * w->room + w->count[i], 1);
}

void neighbours_search_tile_single(struct neighbours_search *w, int64_t i0, int64_t rows,
                                   int64_t j0, int64_t columns, const float *tile)
{
    fetch_guesses(w, i0, rows);
    fetch_guesses(w, j0, columns);
    for (int64_t i = 0; i < rows; i++) {
        offer_to_row(w, i0 + i, j0, columns, tile + i * columns);
        if (i0 != j0) offer_to_columns(w, i0 + i, j0, columns, tile + i * columns);
    }
}

void neighbours_search_tile(struct neighbours_search *w, int64_t i0, int64_t rows, int64_t j0,
                            int64_t columns, const double *tile)
{
    float part[LANES * 4];
    fetch_guesses(w, i0, rows);
    fetch_guesses(w, j0, columns);
    for (int64_t j = 0; j < columns; j += LANES * 4) {
        int64_t width = columns - j < LANES * 4 ? columns - j : LANES * 4;
        for (int64_t i = 0; i < rows; i++) {
            features_round(tile + i * columns + j, width, part);
            offer_to_row(w, i0 + i, j0 + j, width, part);
            if (i0 != j0) offer_to_columns(w, i0 + i, j0 + j, width, part);
        }
    }
}

/* ---- start ---- */

/* Twice a bound on how far a similarity is from features_dot, up to what a row shares, and the
 * rounding of what is compared with. Each sum of d products is within d roundings of the truth
 * and the features that a tile in single precision is made of are rounded themselves; the lift
 * and the sum with it are rounded to single precision; the rest is double. */
static double slack_of(const struct form_shape *s, double norm, double longest, double lift,
                       double mean)
{
    double terms = (double)(s->d + 4), sizes = norm * longest;
    double whole = (longest + mean) * (longest + mean);
    double rounding =
        (double)FLT_EPSILON * ((s->single ? terms + 6 : 6) * sizes + 4 * lift + mean * longest);
    double underflow = (double)FLT_MIN * terms * (1 + longest);
    return 2 * (rounding + underflow + (1e-12 + 4 * DBL_EPSILON * terms) * whole);
}

/* x_i . x_j = (x_i - m) . (x_j - m) + m . (x_j - m) + (a number of row i): the tile and the lift
 * of j. Where single precision could overflow all rows are left to double. */
static void prepare(struct neighbours_search *w, const struct form_shape *s, const void *form)
{
    int64_t n = s->n, d = s->d;
    const double *mean = centred_mean(form);
    double longest = 0, lift = 0, length = sqrt(features_dot(mean, mean, d));
    for (int64_t i = 0; i < n; i++) {
        const double *x = w->row;
        if (s->single)
            features_extend((const float *)centred_entries(form) + i * d, d, w->row);
        else
            x = (const double *)centred_entries(form) + i * d;
        double norm = sqrt(features_dot(x, x, d)), add = features_dot(mean, x, d);
        longest = fmax(longest, norm);
        lift = fmax(lift, fabs(add));
        w->lift[i] = (float)add;
        w->slack[i] = (float)norm;
        w->least[i] = -HUGE_VALF;
    }
    for (int64_t i = 0; i < n; i++) {
        double slack = slack_of(s, (double)w->slack[i], longest, lift, length);
        w->slack[i] = (float)(1.0001 * slack);
        if (!(longest * longest + lift + slack < (double)FLT_MAX / 16)) set_crowded(w, i);
    }
}

/* Guesses of a row. */
static int64_t room_of(int64_t k)
{
    return 2 * k + 12;
}

size_t neighbours_search_bytes(const struct form_shape *s)
{
    size_t row = (size_t)room_of(s->k) * sizeof(struct guess) + sizeof(struct near) +
                 3 * sizeof(float) + sizeof(int64_t);
    return (size_t)s->n * row + (size_t)s->d * sizeof(double) + (1 << 16);
}

bool neighbours_search_init(struct neighbours_search *w, const struct form_shape *s,
                            const void *form)
{
    size_t n = (size_t)s->n;
    *w = (struct neighbours_search){.n = s->n, .d = s->d, .k = s->k, .room = room_of(s->k)};
    w->lift = arena_array(&w->arena, n, sizeof *w->lift);
    w->slack = arena_array(&w->arena, n, sizeof *w->slack);
    w->least = arena_array(&w->arena, n, sizeof *w->least);
    w->count = arena_array(&w->arena, n, sizeof *w->count);
    w->guess = arena_array(&w->arena, n, (size_t)w->room * sizeof *w->guess);
    w->few = arena_array(&w->arena, (size_t)w->room, sizeof *w->few);
    w->above = arena_array(&w->arena, (size_t)w->room, sizeof *w->above);
    w->row = arena_array(&w->arena, (size_t)s->d, sizeof *w->row);
    w->heap = arena_array(&w->arena, (size_t)s->k, sizeof *w->heap);
    w->near = arena_array(&w->arena, n, sizeof *w->near);
    if (!w->lift || !w->slack || !w->least || !w->count || !w->guess || !w->few || !w->above ||
        !w->row || !w->heap || !w->near)
        return false;
    prepare(w, s, form);
    return true;
}

/* ---- end ---- */

/* The exact similarity with row j. */
static void add_near(struct neighbours_search *w, const double *x, int64_t i, int64_t j,
                     int64_t *count)
{
    double exact = features_dot(x + i * w->d, x + j * w->d, w->d);
    w->near[(*count)++] = (struct near){exact, (int32_t)j};
}

static void fetch_row(const double *x, int64_t d)
{
    for (int64_t j = 0; j < d; j += 64 / (int64_t)sizeof *x) __builtin_prefetch(x + j);
}

static void decide(struct neighbours_search *w, int64_t i, int64_t count,
                   neighbours_found *found, void *self)
{
    INVARIANT(count >= w->k);
    qsort(w->near, (size_t)count, sizeof *w->near, nearer);
    found(self, w, i, count);
}

/* Rows that too many seem near to, by products in double precision: bounds are 1e-9 of those in
 * single precision. The m rows of list lie one after the other in part[m, d]; panel[m, n]. */
static void search_panel(struct neighbours_search *w, const double *x, int64_t m,
                         const int64_t *list, double *part, double *panel,
                         neighbours_found *found, void *self)
{
    int64_t n = w->n, d = w->d;
    double longest = 0;
    for (int64_t j = 0; j < n; j++)
        longest = fmax(longest, features_dot(x + j * d, x + j * d, d));
    for (int64_t i = 0; i < m; i++)
        memcpy(part + i * d, x + list[i] * d, (size_t)d * sizeof *part);
    int columns = comm_int(n), rows = comm_int(m), depth = comm_int(d);
    const double one = 1, zero = 0;
    dgemm_("T", "N", &columns, &rows, &depth, &one, x, &depth, part, &depth, &zero, panel,
           &columns);
    for (int64_t i = 0; i < m; i++) {
        double *row = panel + i * n;
        int64_t count = 0, self_row = list[i];
        double square = features_dot(x + self_row * d, x + self_row * d, d);
        double error = DBL_EPSILON * (double)(d + 4) * sqrt(square) * sqrt(longest);
        row[self_row] = -HUGE_VAL;
        double low = kth_largest(row, n, w->k, w->heap) - 2 * error;
        for (int64_t j = 0; j < n; j++)
            if (row[j] >= low && j != self_row) add_near(w, x, self_row, j, &count);
        decide(w, self_row, count, found, self);
    }
}

/* All crowded rows. False: no memory. */
static bool search_crowded(struct neighbours_search *w, const double *x,
                           neighbours_found *found, void *self)
{
    int64_t list[PANEL_ROWS], m = 0;
    double *part = arena_array(&w->arena, PANEL_ROWS, (size_t)w->d * sizeof *part);
    double *panel = arena_array(&w->arena, PANEL_ROWS, (size_t)w->n * sizeof *panel);
    if (!part || !panel) return false;
    for (int64_t i = 0; i < w->n; i++) {
        if (is_crowded(w, i)) list[m++] = i;
        if (m == PANEL_ROWS || (m && i + 1 == w->n)) {
            search_panel(w, x, m, list, part, panel, found, self);
            m = 0;
        }
    }
    return true;
}

bool neighbours_search_finish(struct neighbours_search *w, const double *x,
                              neighbours_found *found, void *self)
{
    bool crowded = false;
    for (int64_t i = 0; i < w->n; i++) {
        int64_t count = 0;
        if (!is_crowded(w, i)) thin_out(w, i);
        if (w->count[i] < w->k)
            set_crowded(w, i); /* not a number, or beyond single precision */
        crowded |= is_crowded(w, i);
        if (is_crowded(w, i)) continue;
        const struct guess *guess = w->guess + i * w->room;
        for (int64_t j = 0; j < w->count[i]; j++) {
            if (j + 1 < w->count[i]) fetch_row(x + guess[j + 1].index * w->d, w->d);
            add_near(w, x, i, guess[j].index, &count);
        }
        decide(w, i, count, found, self);
    }
    return !crowded || search_crowded(w, x, found, self);
}

/* ---- all of it ---- */

/* Local. False: no memory. */
static bool show_all(struct neighbours_search *w, const struct form_shape *s, const void *form)
{
    void *tile = malloc(TILE_SIDE * TILE_SIDE * sizeof(double));
    for (int64_t i = 0; i < s->n && tile; i += TILE_SIDE)
        for (int64_t j = i; j < s->n; j += TILE_SIDE) {
            int64_t rows = s->n - i < TILE_SIDE ? s->n - i : TILE_SIDE;
            int64_t columns = s->n - j < TILE_SIDE ? s->n - j : TILE_SIDE;
            if (s->single) {
                centred_tile_single(s, form, i, rows, j, columns, tile);
                neighbours_search_tile_single(w, i, rows, j, columns, tile);
            } else {
                centred_tile(s, form, i, rows, j, columns, tile);
                neighbours_search_tile(w, i, rows, j, columns, tile);
            }
        }
    free(tile);
    return tile != NULL;
}

enum err_code neighbours_search_all(const struct form_shape *s, const double *x,
                                    neighbours_found *found, void *self, struct err *e)
{
    struct neighbours_search w = {0};
    size_t count = (size_t)(s->n * s->d);
    double *copy = arena_large_alloc(count * sizeof *copy);
    void *form = arena_large_alloc(centred_size(s));
    bool ok = copy && form;
    if (ok) memcpy(copy, x, count * sizeof *copy);
    ok = ok && form_centred.make(s, copy, form, e) == ERR_OK &&
         neighbours_search_init(&w, s, form) && show_all(&w, s, form) &&
         neighbours_search_finish(&w, x, found, self);
    free(copy), free(form);
    arena_clear(&w.arena);
    return ok ? ERR_OK
              : ERR(e, ERR_NOMEM, "no memory for neighbours of %lld rows", (long long)s->n);
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

/* Mean similarity of every row to all. False: no memory. */
static bool make_means(const struct form_shape *s, const double *x, double *mean)
{
    double *sum = calloc((size_t)s->d, sizeof *sum);
    for (int64_t i = 0; i < s->n && sum; i++)
        for (int64_t j = 0; j < s->d; j++) sum[j] += x[i * s->d + j] / (double)s->n;
    for (int64_t i = 0; i < s->n && sum; i++) mean[i] = features_dot(x + i * s->d, sum, s->d);
    free(sum);
    return sum != NULL;
}

bool neighbours_lists_make(const struct form_shape *s, const double *x,
                           struct neighbours_search *w, void *form)
{
    struct neighbour_lists *l = form;
    *l = (struct neighbour_lists){.n = s->n, .k = s->k, .finite = w != NULL};
    return !w || (neighbours_search_finish(w, x, keep_list, l) &&
                  make_means(s, x, neighbours_means(l)));
}

static enum err_code make_lists(const struct form_shape *s, double *x, void *form,
                                struct err *e)
{
    struct neighbour_lists *l = form;
    *l = (struct neighbour_lists){
        .n = s->n, .k = s->k, .finite = features_finite(x, s->n * s->d)};
    if (!l->finite) return ERR_OK;
    TRY(neighbours_search_all(s, x, keep_list, l, e));
    if (make_means(s, x, neighbours_means(l))) return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory for %lld features", (long long)s->d);
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
