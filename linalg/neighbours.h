/* neighbours.h - exact nearest neighbours of the rows of a representation, and the form made of
 * them.
 *
 * Similarity is the inner product. Of equal similarities the lower index is nearer. */
#ifndef SHOAL_LINALG_NEIGHBOURS_H
#define SHOAL_LINALG_NEIGHBOURS_H

#include "base/arena.h"
#include "linalg/form.h"

/* ---- the search ---- */

enum { PANEL_ROWS = 128 }; /* rows whose similarities are made at a time */

struct near {
    double similarity;
    int32_t index;
};

/* Scratch of the search in one representation x[n, d]. */
struct neighbours_search {
    int64_t n, d, k;
    const double *x;
    const float *single; /* x less its mean row, scaled; or NULL: in double precision */
    double scale;        /* single: a power of two that makes its largest entry about 1 */
    double *lift;        /* [n]; single: what the mean row adds to a similarity */
    double *row;         /* [n] similarities of one row, approximate */
    double *norm;        /* [n] of the rows that the panel is made of */
    double longest;      /* of them */
    double *heap;        /* [k] */
    struct near *near;   /* [n] candidates */
    void *panel;         /* [PANEL_ROWS, n] similarities */
    struct arena arena;  /* owns all of the above but x */
};

/* Found: the candidates w->near[0, count) of row i, nearest first. The first k are its
 * neighbours; all that tie with the k-th are among them. */
typedef void neighbours_found(void *self, struct neighbours_search *w, int64_t i,
                              int64_t count);

/* Prepares the search of the s->k nearest rows of x[n, d], which is borrowed. False: no memory.
 * arena_clear(&w->arena) in any case. Local. */
bool neighbours_search_init(struct neighbours_search *w, const struct form_shape *s,
                            const double *x);

/* Calls found for every row in turn. Local.
 * cost     2 n^2 d flops, in single precision if the shape says so
 * same     bits whatever the precision */
void neighbours_search_rows(struct neighbours_search *w, neighbours_found *found, void *self);

/* ---- the form of lists ---- */

/* The lists of k neighbours of every row, nearest first, with their similarities and the mean
 * similarity of the row to all. Made at the largest k of several measures, it serves the smaller
 * ones. */
extern const struct form form_neighbours;

/* In front of similarity[n, k], mean[n] and index[n, k]. */
struct neighbour_lists {
    int64_t n, k;
    int64_t finite; /* else there are no lists */
};

static inline double *neighbours_similarities(const struct neighbour_lists *l)
{
    return (double *)(l + 1);
}

static inline double *neighbours_means(const struct neighbour_lists *l)
{
    return neighbours_similarities(l) + l->n * l->k;
}

static inline int32_t *neighbours_indices(const struct neighbour_lists *l)
{
    return (int32_t *)(neighbours_means(l) + l->n);
}

#endif
