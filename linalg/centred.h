/* centred.h - centred features and tiles of their Gram matrix: the form behind the CKA family and
 * the search for neighbours. */
#ifndef SHOAL_LINALG_CENTRED_H
#define SHOAL_LINALG_CENTRED_H

#include "linalg/form.h"

/* In front of shift[n], mean[d], and of x[n, d] in double or in single precision. */
struct centred {
    int64_t n, d;
    double trace; /* of the Gram matrix */
    double grand; /* RBF: mean of the kernel */
    double scale; /* RBF: 1 / (2 sigma^2) */
};

/* The features were mean + x; shift is what U-centring adds to the Gram matrix. */
extern const struct form form_centred;

static inline double *centred_shifts(const struct centred *c)
{
    return (double *)(c + 1);
}

static inline double *centred_mean(const struct centred *c)
{
    return centred_shifts(c) + c->n;
}

static inline void *centred_entries(const struct centred *c)
{
    return centred_mean(c) + c->d;
}

size_t centred_size(const struct form_shape *s);
void centred_permute(const struct form_shape *s, const void *form, const int32_t *perm,
                     void *out);

/* out[rows, columns] of the Gram matrix at row i0 and column j0, from entries in double and in
 * single precision. Local. */
void centred_tile(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                  int64_t j0, int64_t columns, double *out);
void centred_tile_single(const struct form_shape *s, const void *form, int64_t i0, int64_t rows,
                         int64_t j0, int64_t columns, float *out);

#endif
