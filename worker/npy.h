/* npy.h - the header of NumPy's .npy files, and their elements as numbers.
 *
 *     uint8_t head[NPY_MAX_HEADER];              the first NPY_FIRST bytes of the file
 *     TRY(npy_begin(name, head, &offset, e));    how long the header is; read the rest of it
 *     TRY(npy_parse(name, head, offset, &npy, e));
 *
 * or npy_read for a FILE. Elements follow from npy.offset to the end of the file. */
#ifndef SHOAL_WORKER_NPY_H
#define SHOAL_WORKER_NPY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/table.h"
#include "worker/real.h"

enum {
    NPY_FIRST = 12,        /* bytes that say how long a header is */
    NPY_MAX_HEADER = 4096, /* those of plain arrays are much shorter */
    NPY_MAX_DIMS = 8,
};

enum npy_kind { NPY_UNSIGNED, NPY_SIGNED, NPY_FLOAT };

/* An element type: |u1 |i1, and little-endian <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8. */
struct npy_type {
    struct row row; /* the name as in a header */
    enum npy_kind kind;
    int64_t bytes;
};
extern const struct table npy_types;

/* That of safetensors which NumPy does not know: no row of npy_types. */
extern const struct npy_type *const npy_bfloat16;

struct npy {
    const struct npy_type *type;
    int n_dims; /* 0: a single number */
    int64_t size[NPY_MAX_DIMS];
    int64_t count;  /* elements: the product of the sizes */
    int64_t offset; /* bytes of header, in front of the first element */
    bool fortran;   /* the first index runs fastest; false where the order is the same */
};

/* From the first NPY_FIRST bytes of a file: bytes of its header, NPY_FIRST to NPY_MAX_HEADER.
 * `name` is for messages. Local.
 * errors   ERR_FORMAT: no .npy file, an unknown version, a header too long */
enum err_code npy_begin(const char *name, const uint8_t first[NPY_FIRST], int64_t *offset,
                        struct err *e);

/* From the whole header, `bytes` as npy_begin said. Sizes are from 0 up, and count times the
 * bytes of an element does not overflow; whether the file is as long is for the caller to
 * check. Local.
 * errors   ERR_FORMAT names the byte: syntax, an element type that is not known (big-endian,
 *          structured, complex, ...), more than NPY_MAX_DIMS sizes */
enum err_code npy_parse(const char *name, const uint8_t *head, int64_t bytes, struct npy *out,
                        struct err *e);

/* Reads the header from the current place of a file, which is then at the first element. Local.
 * errors   those of npy_begin and npy_parse; ERR_FORMAT if the file ends early; ERR_IO */
enum err_code npy_read(FILE *f, const char *name, struct npy *out, struct err *e);

/* n elements as they lie in a file, of any alignment, as numbers: rounded to the nearest. */
void npy_reals(const struct npy_type *type, const void *in, int64_t n, real *out);
void npy_floats(const struct npy_type *type, const void *in, int64_t n, float *out);

/* The same of an integer type; a <u8 above INT64_MAX becomes negative. */
void npy_ints(const struct npy_type *type, const void *in, int64_t n, int64_t *out);

#endif
