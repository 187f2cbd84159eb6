/* hierarchy.c - groups live in the row of their lowest member. A chain goes from a group to its
 * nearest one until two are each other's nearest: by average linkage these two merge in any
 * order of merging, as no merge brings another group nearer to them. */
#include "linalg/hierarchy.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct group {
    int64_t size, last; /* 0: it is part of another */
    double height;
};

struct tree {
    int64_t n;
    double *delta;       /* [n, n] symmetric, between groups */
    struct group *group; /* [n] */
    int64_t *next;       /* [n] leaf behind a leaf in its group, or -1 */
    int64_t *chain;      /* [n] */
};

static int64_t nearest(const struct tree *t, int64_t from, int64_t before)
{
    /* the one before wins against equal ones: else a chain might never end */
    int64_t best = before;
    for (int64_t j = 0; j < t->n; j++) {
        if (j == from || t->group[j].size == 0) continue;
        if (best < 0 || t->delta[from * t->n + j] < t->delta[from * t->n + best]) best = j;
    }
    return best;
}

static struct hierarchy_merge join(struct tree *t, int64_t a, int64_t b)
{
    struct group *p = &t->group[a], *q = &t->group[b];
    double part = (double)p->size / (double)(p->size + q->size);
    double height = fmax(t->delta[a * t->n + b], fmax(p->height, q->height)); /* rounding */
    for (int64_t j = 0; j < t->n; j++) {
        if (j == a || j == b || t->group[j].size == 0) continue;
        double d = part * t->delta[a * t->n + j] + (1 - part) * t->delta[b * t->n + j];
        t->delta[a * t->n + j] = t->delta[j * t->n + a] = d;
    }
    t->next[p->last] = b;
    *p = (struct group){p->size + q->size, q->last, height};
    q->size = 0;
    return (struct hierarchy_merge){a, b, p->size, height};
}

static int by_height(const void *a, const void *b)
{
    const struct hierarchy_merge *p = a, *q = b;
    if (p->height != q->height) return p->height < q->height ? -1 : 1;
    return (p->size > q->size) - (p->size < q->size); /* parts before the whole */
}

static void merge_all(struct tree *t, struct hierarchy_merge *merge)
{
    int64_t length = 0, lowest = 0;
    for (int64_t m = 0; m < t->n - 1;) {
        while (t->group[lowest].size == 0) lowest++;
        if (length == 0) t->chain[length++] = lowest;
        int64_t at = t->chain[length - 1], before = length > 1 ? t->chain[length - 2] : -1;
        int64_t near = nearest(t, at, before);
        if (near != before) {
            t->chain[length++] = near;
            continue;
        }
        merge[m++] = join(t, at < near ? at : near, at < near ? near : at);
        length -= 2;
    }
    if (t->n > 1) qsort(merge, (size_t)(t->n - 1), sizeof *merge, by_height);
}

static enum err_code start(struct tree *t, int64_t n, const double *delta, struct arena *a,
                           struct err *e)
{
    t->n = n;
    t->delta = arena_array(a, (size_t)n, (size_t)n * sizeof *t->delta);
    t->group = arena_array(a, (size_t)n, sizeof *t->group);
    t->next = arena_array(a, (size_t)n, sizeof *t->next);
    t->chain = arena_array(a, (size_t)n, sizeof *t->chain);
    if (!t->delta || !t->group || !t->next || !t->chain)
        return ERR(e, ERR_NOMEM, "no memory to cluster %lld things", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        t->group[i] = (struct group){1, i, 0};
        t->next[i] = -1;
        for (int64_t j = i + 1; j < n; j++) {
            if (!isfinite(delta[i * n + j]))
                return ERR(e, ERR_SHAPE, "the dissimilarity of %lld and %lld is no number",
                           (long long)i, (long long)j);
            t->delta[i * n + j] = t->delta[j * n + i] = delta[i * n + j];
        }
    }
    return ERR_OK;
}

enum err_code hierarchy_average(int64_t n, const double *delta, struct hierarchy_merge *merge,
                                int64_t *order, struct err *e)
{
    struct tree t;
    struct arena a = {0};
    if (n < 1) return ERR_OK;
    enum err_code rc = start(&t, n, delta, &a, e);
    if (rc == ERR_OK) {
        merge_all(&t, merge);
        int64_t k = 0;
        for (int64_t i = 0; i >= 0; i = t.next[i]) order[k++] = i;
    }
    arena_clear(&a);
    return rc;
}
