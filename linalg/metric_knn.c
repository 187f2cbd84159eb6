/* metric_knn.c - how many nearest neighbours two representations share.
 *
 * Every rank finds the neighbours of its own representations once. The lists then travel around
 * a ring of ranks, half way, and every rank counts what its own lists share with the visiting
 * ones.
 *
 * A blocked product gives other last bits than a plain one, and other ones on another number of
 * ranks. So it decides only what it can decide beyond its error; the rest is decided by
 * features_dot, whose bits depend on the two rows alone. Neighbours are therefore exact, rows
 * that are bit-identical tie exactly, and of a tie the lower index wins. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/distributed.h"
#include "linalg/features.h"
#include "linalg/metric.h"

enum { PANEL_ROWS = 128 };

struct near {
    double similarity;
    int32_t index;
};

/* Scratch of the search in one representation. */
struct search {
    int64_t n, k, rows;
    double *panel;     /* [rows, n] similarities */
    double *norm;      /* [n] of the rows of x */
    double *heap;      /* [k] */
    struct near *near; /* [n] candidates too close to call */
};

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

static int nearer(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->similarity != y->similarity) return x->similarity > y->similarity ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* The k neighbours of row i of x[n, d] in ascending order, from blocked similarities s[n],
 * which are overwritten. error bounds how far s is from features_dot. */
static void pick(struct search *w, const double *x, int64_t d, int64_t i, double *s,
                 double error, int32_t *list)
{
    s[i] = -HUGE_VAL;
    double last = kth_largest(s, w->n, w->k, w->heap);
    double low = last - 2 * error, high = last + 2 * error;
    int64_t sure = 0, open = 0;
    for (int64_t j = 0; j < w->n; j++) {
        sure += s[j] > high;
        if (s[j] >= low && s[j] <= high) w->near[open++].index = (int32_t)j;
    }
    if (sure + open > w->k) {
        for (int64_t j = 0; j < open; j++)
            w->near[j].similarity = features_dot(x + i * d, x + w->near[j].index * d, d);
        qsort(w->near, (size_t)open, sizeof *w->near, nearer);
        for (int64_t j = w->k - sure; j < open; j++) s[w->near[j].index] = -HUGE_VAL;
    }
    int64_t count = 0;
    for (int64_t j = 0; j < w->n; j++)
        if (s[j] >= low) list[count++] = (int32_t)j;
    INVARIANT(count == w->k);
}

/* Neighbour lists of x[n, d]; a first entry of -1 says that x is not finite. */
static void find_neighbours(struct search *w, const double *x, int64_t d, int32_t *lists)
{
    double longest = 0;
    for (int64_t i = 0; i < w->n; i++) {
        w->norm[i] = sqrt(features_dot(x + i * d, x + i * d, d));
        if (!isfinite(w->norm[i])) {
            lists[0] = -1;
            return;
        }
        longest = fmax(longest, w->norm[i]);
    }
    int n = comm_int(w->n), depth = comm_int(d);
    const double one = 1, zero = 0;
    for (int64_t i0 = 0; i0 < w->n; i0 += w->rows) {
        int rows = comm_int(w->n - i0 < w->rows ? w->n - i0 : w->rows);
        dgemm_("T", "N", &n, &rows, &depth, &one, x, &depth, x + i0 * d, &depth, &zero,
               w->panel, &n);
        for (int64_t i = i0; i < i0 + rows; i++) {
            /* Each of the two sums is within d roundings (DBL_EPSILON / 2) of the truth. */
            double error = DBL_EPSILON * (double)(d + 2) * w->norm[i] * longest;
            pick(w, x, d, i, w->panel + (i - i0) * w->n, error, lists + i * w->k);
        }
    }
}

/* Entries that two sets of n ascending lists share. */
static int64_t shared(const int32_t *a, const int32_t *b, int64_t n, int64_t k)
{
    int64_t hits = 0;
    for (int64_t row = 0; row < n; row++, a += k, b += k)
        for (int64_t i = 0, j = 0; i < k && j < k;) {
            int32_t x = a[i], y = b[j];
            hits += x == y;
            i += x <= y;
            j += y <= x;
        }
    return hits;
}

/* Lists of this rank and of the rank whose lists are visiting. */
struct overlap {
    int64_t n, k, n_representations, first, count;
    int32_t *own, *visiting, *next; /* [block, n, k] */
    double *score; /* [count, n_representations]; ELSEWHERE: not counted here */
};

static const double ELSEWHERE = -1;

static void count_visiting(struct overlap *o, int64_t first, int64_t count)
{
    int64_t size = o->n * o->k;
    for (int64_t a = 0; a < o->count; a++)
        for (int64_t b = 0; b < count; b++) {
            if (first == o->first && b < a) continue;
            const int32_t *x = o->own + a * size, *y = o->visiting + b * size;
            bool finite = x[0] >= 0 && y[0] >= 0;
            o->score[a * o->n_representations + first + b] =
                finite ? (double)shared(x, y, o->n, o->k) / (double)size : NAN;
        }
}

/* Collective. Half of the ring is enough: a pair is seen by one of its two owners. */
static void count_all(MPI_Comm comm, struct overlap *o)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    int64_t block = distributed_block(o->n_representations, size);
    MPI_Datatype lists;
    MPI_Type_contiguous(comm_int(o->n * o->k), MPI_INT32_T, &lists);
    MPI_Type_commit(&lists);
    memcpy(o->visiting, o->own, (size_t)(o->count * o->n * o->k) * sizeof *o->own);
    for (int step = 0; step <= size / 2; step++) {
        int64_t first, count;
        distributed_range(o->n_representations, size, (rank + step) % size, &first, &count);
        count_visiting(o, first, count);
        if (step == size / 2) break;
        MPI_Sendrecv(o->visiting, comm_int(count), lists, (rank + size - 1) % size, 0, o->next,
                     comm_int(block), lists, (rank + 1) % size, 0, comm, MPI_STATUS_IGNORE);
        int32_t *swap = o->visiting;
        o->visiting = o->next;
        o->next = swap;
    }
    MPI_Type_free(&lists);
}

static enum err_code allocate(struct arena *a, struct search *w, struct overlap *o,
                              int64_t block, struct err *e)
{
    int64_t size = o->n * o->k;
    w->rows = METRIC_BLOCK_BYTES / (8 * w->n);
    w->rows = w->rows < 1 ? 1 : w->rows > PANEL_ROWS ? PANEL_ROWS : w->rows;
    w->panel = arena_array(a, (size_t)w->rows, (size_t)w->n * sizeof *w->panel);
    w->norm = arena_array(a, (size_t)w->n, sizeof *w->norm);
    w->heap = arena_array(a, (size_t)w->k, sizeof *w->heap);
    w->near = arena_array(a, (size_t)w->n, sizeof *w->near);
    o->own = arena_array(a, (size_t)block, (size_t)size * sizeof *o->own);
    o->visiting = arena_array(a, (size_t)block, (size_t)size * sizeof *o->visiting);
    o->next = arena_array(a, (size_t)block, (size_t)size * sizeof *o->next);
    o->score =
        arena_array(a, (size_t)o->count, (size_t)o->n_representations * sizeof *o->score);
    if (!w->panel || !w->norm || !w->heap || !w->near || !o->own || !o->visiting || !o->next ||
        !o->score)
        return ERR(e, ERR_NOMEM, "no memory for neighbours of %lld representations",
                   (long long)o->count);
    for (int64_t i = 0; i < o->count * o->n_representations; i++) o->score[i] = ELSEWHERE;
    return ERR_OK;
}

enum err_code metric_mutual_knn(MPI_Comm comm, const struct alignment_set *set,
                                const struct alignment_options *o, double *pair, struct err *e)
{
    if (o->k < 1 || o->k >= set->n)
        return ERR(e, ERR_CONFIG, "mutual_knn@%lld of %lld probes: k must be 1 to %lld",
                   (long long)o->k, (long long)set->n, (long long)set->n - 1);
    int size;
    MPI_Comm_size(comm, &size);
    int64_t n_representations = set->n_models * set->n_layers;
    struct features f;
    TRY(features_create(comm, set, o, false, &f, e));
    struct search w = {.n = f.n, .k = o->k};
    struct overlap overlap = {.n = f.n,
                              .k = o->k,
                              .n_representations = n_representations,
                              .first = f.first,
                              .count = f.count};
    int64_t block = distributed_block(n_representations, size);
    enum err_code rc = comm_agree(comm, allocate(&f.arena, &w, &overlap, block, e), e);
    if (rc != ERR_OK) goto out;
    for (int64_t r = 0; r < f.count; r++)
        find_neighbours(&w, f.x[r], f.d[r], overlap.own + r * f.n * o->k);
    count_all(comm, &overlap);
    distributed_gather(comm, overlap.score, n_representations, n_representations, pair);
    if (!pair) goto out;
    for (int64_t a = 0; a < n_representations; a++)
        for (int64_t b = 0; b < a; b++) {
            double *ab = &pair[a * n_representations + b];
            double *ba = &pair[b * n_representations + a];
            if (*ab == ELSEWHERE) *ab = *ba;
            *ba = *ab;
        }
out:
    features_clear(&f);
    return rc;
}
