/* mds.h - points in few dimensions whose distances are given dissimilarities, and how two such
 * layouts are brought over each other. */
#ifndef SHOAL_LINALG_MDS_H
#define SHOAL_LINALG_MDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
    MDS_MAX_DIM = 8,
    MDS_ITERATIONS = 1000,
};

/* Scores of alignment below this count as it: log has no value at 0 and below. */
#define MDS_FLOOR 1e-3

/* delta[n, n] = -log(max(score, floor)), the mean of both directions, or the one that is there;
 * 0 on the diagonal and where a score is above 1; NaN where a pair has no score. Returns how
 * many pairs have a score below the floor. score[n, n] may be delta. Local. */
int64_t mds_dissimilarity(int64_t n, const double *score, double floor, double *delta);

/* Classical scaling: the leading p eigenvectors of -1/2 H delta^2 H, H the centring, each times
 * the root of its eigenvalue, or 0 where that is negative. Local.
 *
 * delta[n, n]  symmetric; its upper triangle is read
 * x[n, p]      receives the points, row-major, centred; each column's largest entry in size is
 *              positive, so that a layout has one orientation
 * negative     sum of the sizes of negative eigenvalues over that of all: 0 if there are such
 *              points in some dimension; NULL is allowed
 * errors       ERR_SHAPE: p is not 1 to MDS_MAX_DIM, or a dissimilarity is not finite: missing
 *              ones are refused; ERR_NOMEM; ERR_ENV: LAPACK fails
 * cost         4/3 n^3 flops; 2 n^2 numbers
 * source       Torgerson, Multidimensional scaling: I. Theory and method, 1952 */
enum err_code mds_classical(int64_t n, int p, const double *delta, double *x, double *negative,
                            struct err *e);

/* Sum over pairs i < j of (|x_i - x_j| - delta_ij)^2; missing (NaN) ones have weight 0.
 * Local. */
double mds_stress(int64_t n, int p, const double *delta, const double *x);

/* x <- B(x) x / n, which never increases the stress. A missing dissimilarity is taken for what
 * the distance is: it pulls nowhere. out[n, p] must not be x. Returns the stress of x. Local.
 * cost     3 n^2 p flops
 * source   de Leeuw, Convergence of the majorization method for multidimensional scaling, 1988,
 *          equation 9; missing ones: a weight of 0 majorised by 1 */
double mds_step(int64_t n, int p, const double *delta, const double *x, double *out);

struct mds_fit {
    double stress;      /* of the layout */
    double share;       /* sqrt(stress / sum of squared dissimilarities): Kruskal's stress 1 */
    int64_t iterations; /* of the start that was kept */
    int64_t start;      /* that was kept: 0 the classical one, then the random ones */
    bool converged;     /* the stress fell by less than 1 part in 10^7 before MDS_ITERATIONS */
};

/* The layout of least stress that steps from the classical one and from n_starts random ones
 * lead to; of equal ones the first. With missing dissimilarities there is no classical start,
 * and there must be random ones. Turned to its principal axes, with signs as mds_classical.
 * Local.
 *
 * x[n, p]  receives the points, row-major, centred
 * key      names the stream of the random starts
 * errors   ERR_SHAPE: p is not 1 to MDS_MAX_DIM, a dissimilarity is negative or infinite, pairs
 *          that are there do not connect all points, or no start is left; ERR_NOMEM, ERR_ENV
 * cost     at most MDS_ITERATIONS (n_starts + 1) steps
 * same     bits for the same dissimilarities and key */
enum err_code mds_smacof(int64_t n, int p, const double *delta, int64_t n_starts, uint64_t key,
                         double *x, struct mds_fit *fit, struct err *e);

/* y = scale rotation x + shift, for each point. */
struct mds_similarity {
    double rotation[MDS_MAX_DIM * MDS_MAX_DIM]; /* [p, p] row-major */
    double scale, shift[MDS_MAX_DIM];
    double residual; /* share of y's variance that is left, 0 to 1 */
};

/* The similarity that brings x nearest to y in squares. Local.
 *
 * x, y[n, p]  layouts of the same points, row-major
 * reflect     also mirror images are allowed
 * errors      ERR_SHAPE: p is not 1 to MDS_MAX_DIM, a number is not finite, or all points of a
 *             layout are one; ERR_ENV: LAPACK fails
 * source      Umeyama, Least-squares estimation of transformation parameters between two point
 *             patterns, 1991, equations 38 to 43 */
enum err_code mds_procrustes(int64_t n, int p, const double *x, const double *y, bool reflect,
                             struct mds_similarity *out, struct err *e);

/* x[n, p] <- the image of x. Local. */
void mds_apply(const struct mds_similarity *s, int64_t n, int p, double *x);

#endif
