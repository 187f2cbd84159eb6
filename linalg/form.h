/* form.h - what an alignment measure computes once of a representation, so that a pair is cheap.
 *
 * A form is one block of memory without pointers: it travels between ranks as bytes. Measures
 * that start from the same thing share a form: the neighbour lists serve eight. */
#ifndef SHOAL_LINALG_FORM_H
#define SHOAL_LINALG_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What a form is made of and for. */
struct form_shape {
    int64_t n, d;           /* of the representation */
    int64_t k;              /* of the measure: neighbours, components; 0: it has none */
    bool single;            /* large products in single precision */
    double sigma;           /* of the RBF kernel; 0: the median distance */
    const double *confound; /* [n, confound_d] centred inputs, the same on all ranks; or NULL */
    int64_t confound_d;
    double epsilon; /* of the released code: added to a normaliser; 0: nothing is */
};

struct form {
    const char *name;
    /* Bytes of the form, a multiple of 8. Local. */
    size_t (*size)(const struct form_shape *s);
    /* Makes the form of x[n, d], row-major, clipped and normalised as the options say; x may be
     * overwritten. Local.
     * errors   ERR_NOMEM */
    enum err_code (*make)(const struct form_shape *s, double *x, void *form, struct err *e);
    /* The form of the same features with row i taken from row perm[i]. Local. */
    void (*permute)(const struct form_shape *s, const void *form, const int32_t *perm,
                    void *out);
    bool serves_less; /* made for k, it serves every smaller k */
};

/* One side of a pair. */
struct form_side {
    struct form_shape shape;
    const void *form;
};

/* A score of two representations of the same n from their forms; NaN where there is nothing to
 * compare. scratch has the bytes that the measure asked for. Local. */
typedef double form_pair(const struct form_side *a, const struct form_side *b, void *scratch);

/* Mean and standard deviation of the score over all permutations of the rows of one side; NaN
 * where there is no score. Local. */
typedef void form_moments(const struct form_side *a, const struct form_side *b, double *mean,
                          double *sd);

/* Bytes of scratch for a pair of these shapes. Local. */
typedef size_t form_scratch(const struct form_shape *a, const struct form_shape *b);

/* values[n, width] with rows permuted, for a form that keeps such rows. Local. */
void form_permute_rows(int64_t n, int64_t width, const double *values, const int32_t *perm,
                       double *out);

#endif
