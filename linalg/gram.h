/* gram.h - measures that are inner products of n x n matrices, as one tall product.
 *
 * With the matrix of each representation as a column of a tall matrix G, the inner products of
 * all pairs are G'G. The n^2 rows of G are made tile by tile by the rank that owns the
 * representation and multiplied by ScaLAPACK; never more than GRAM_BLOCK_BYTES of tiles exist on
 * a rank, whatever n and the number of models. The matrices are symmetric: tiles below the
 * diagonal are not made, those above count twice. */
#ifndef SHOAL_LINALG_GRAM_H
#define SHOAL_LINALG_GRAM_H

#include "linalg/form.h"

enum { GRAM_BLOCK_BYTES = 64 << 20 };

struct gram {
    const struct form *form;
    /* out[rows, columns] of the matrix at row i0 and column j0 >= i0. Local. */
    void (*tile)(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                 int64_t j0, int64_t columns, double *out);
    /* The same in single precision, of the form made with shape.single; NULL: there is none. */
    void (*tile_single)(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                        int64_t j0, int64_t columns, float *out);
    /* What is still to be done to a tile; NULL: nothing. Local. */
    void (*finish)(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                   int64_t j0, int64_t columns, double *tile);
    void (*finish_single)(const struct form_shape *s, const void *form, int64_t i0,
                          int64_t rows, int64_t j0, int64_t columns, float *tile);
    /* Inner product to score scale: the released epsilon is relative to it. NULL: 1. Local. */
    double (*scale)(int64_t n);
    /* Sum of squares below which a matrix is rounding: there is no structure to compare. */
    double (*rounding)(const struct form_shape *s, const void *form);
    bool
        rows_cancel; /* rows of the matrix add up to 0: its moments under permutations are known */
};

#endif
