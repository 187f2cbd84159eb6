/* neighbours.h - exact nearest neighbours of the rows of a representation, and the form made of
 * them.
 *
 * Similarity is the inner product. Of equal similarities the lower index is nearer. */
#ifndef SHOAL_LINALG_NEIGHBOURS_H
#define SHOAL_LINALG_NEIGHBOURS_H

#include "base/arena.h"
#include "linalg/form.h"

/* ---- the search ---- */

struct near {
    double similarity;
    int32_t index;
};

/* What may be a neighbour. */
struct guess {
    float similarity; /* up to what all of a row share */
    int32_t index;
};

/* The search in one representation, which is shown tiles of the Gram matrix of its centred
 * features and keeps what may be among the k nearest of each row. */
struct neighbours_search {
    int64_t n, d, k, room;
    float *lift;         /* [n] what the mean row adds to a similarity with row j */
    float *slack;        /* [n] how much less than the k-th a neighbour may seem */
    float *least;        /* [n] similarity of a guess */
    int64_t *count;      /* [n] guesses so far, or more than there is room for */
    struct guess *guess; /* [n, room] */
    float *few;          /* [room] scratch, like the next three */
    int32_t *above;      /* [room] */
    double *row, *heap;  /* [d], [k] */
    struct near *near;   /* [n] candidates of one row */
    struct arena arena;  /* owns all of the above */
};

/* Found: the candidates w->near[0, count) of row i, nearest first. The first k are its
 * neighbours; all that tie with the k-th are among them. */
typedef void neighbours_found(void *self, struct neighbours_search *w, int64_t i,
                              int64_t count);

/* Prepares the search of the s->k nearest rows; form is of form_centred. False: no memory.
 * arena_clear(&w->arena) in any case. Local. */
bool neighbours_search_init(struct neighbours_search *w, const struct form_shape *s,
                            const void *form);

/* Bytes of a search, or a few more. Local. */
size_t neighbours_search_bytes(const struct form_shape *s);

/* Shows a tile [rows, columns] at row i0 and column j0 >= i0, in double or single precision as
 * the shape was. Every place on and above the diagonal is to be shown once. Local. */
void neighbours_search_tile(struct neighbours_search *w, int64_t i0, int64_t rows, int64_t j0,
                            int64_t columns, const double *tile);
void neighbours_search_tile_single(struct neighbours_search *w, int64_t i0, int64_t rows,
                                   int64_t j0, int64_t columns, const float *tile);

/* Calls found for every row in turn, once all tiles were shown of the features x[n, d] before
 * they were centred. False: no memory. Local.
 * cost     2 (k + a few) d flops for each row; 2 n d for one that more than room seem near to
 * same     bits whatever the tiles and their precision */
bool neighbours_search_finish(struct neighbours_search *w, const double *x,
                              neighbours_found *found, void *self);

/* The whole search. Local.
 * errors   ERR_NOMEM
 * cost     n^2 d flops, in single precision if the shape says so */
enum err_code neighbours_search_all(const struct form_shape *s, const double *x,
                                    neighbours_found *found, void *self, struct err *e);

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

/* Makes the form of x[n, d] from a search that was shown all tiles; w is NULL where x is not
 * finite. False: no memory. Local. */
bool neighbours_lists_make(const struct form_shape *s, const double *x,
                           struct neighbours_search *w, void *form);

#endif
