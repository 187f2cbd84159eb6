/* hierarchy.h - which things are alike, group in group: average linkage, and an order in which
 * like stands by like. */
#ifndef SHOAL_LINALG_HIERARCHY_H
#define SHOAL_LINALG_HIERARCHY_H

#include <stdint.h>

#include "base/err.h"

/* Two groups become one. A group is called by the lowest number in it. */
struct hierarchy_merge {
    int64_t a, b;  /* a < b */
    int64_t size;  /* of the group that they make, which is called a */
    double height; /* mean dissimilarity between members of a and of b */
};

/* Merges the two groups of least mean dissimilarity until there is one. Local.
 *
 * delta[n, n]   symmetric; its upper triangle is read
 * merge[n - 1]  by height; what makes a group comes before what it becomes
 * order[n]      the leaves of the tree from one side to the other: of two groups that merge the
 *               one with the lower number comes first
 * errors        ERR_SHAPE: a dissimilarity is not finite; ERR_NOMEM
 * cost          O(n^2) time, n^2 numbers: by chains of nearest neighbours
 * same          tree for the same dissimilarities: of equal ones the first pair in rows
 * source        Murtagh, A survey of recent advances in hierarchical clustering algorithms,
 *               1983; Lance and Williams, 1967, for the means */
enum err_code hierarchy_average(int64_t n, const double *delta, struct hierarchy_merge *merge,
                                int64_t *order, struct err *e);

#endif
