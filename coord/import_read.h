/* import_read.h - representations in files of NumPy, PyTorch and HDF5, for `shoal import`.
 *
 * An array [n, d] is a layer of its name, an array [n, layers, d] so many, "name.0" and on. A /
 * in the name of an array is a . in that of its layer. */
#ifndef SHOAL_COORD_IMPORT_READ_H
#define SHOAL_COORD_IMPORT_READ_H

#include "base/table.h"
#include "base/text.h"
#include "coord/imported.h"
#include "worker/array.h"

#define IMPORT_ROWS "row_ids" /* the array of row ids, where nobody says another */

/* A kind of file. */
struct import_format {
    struct row row; /* how the file's name ends, without the dot */
    bool keyed;     /* arrays have names that somebody gave them */
    enum err_code (*names)(const char *path, struct array_names *out, struct err *e);
    enum err_code (*open)(struct array *a, const char *path, const char *name, struct err *e);
};
extern const struct table import_formats;

/* An open file and what is taken from it. */
struct import_source {
    const char *path;
    const struct import_format *format;
    struct array_names array;
    int rows_array;            /* of the row ids; -1: none */
    struct import_take *taken; /* [n_layers] */
    struct arena arena;
};

/* Reads the names of a file's arrays; in the order of the file if it has one, else 2 before 10.
 * Local. Close it also after a failure.
 * errors   ERR_CONFIG: no such format. ERR_FORMAT, ERR_IO, ERR_NOMEM */
enum err_code import_open(const char *path, struct import_source *out, struct err *e);
void import_close(struct import_source *s);

/* Hash of the row ids, 0 without any, and their number: xxh64 of each as text and a newline.
 * Local.
 *
 * rows     an array of integers in the file, a .npy file, or a text file with an id a line; NULL:
 *          the array IMPORT_ROWS, where there is one
 * errors   ERR_FORMAT, ERR_IO, ERR_NOMEM */
enum err_code import_rows(struct import_source *s, const char *rows, uint64_t *hash, int64_t *n,
                          struct err *e);

/* Fills n, layer, d of a model, whose memory is the source's. Local.
 *
 * layer[n_layers]   names of arrays, or of one layer of an array; none: all arrays but the row
 *                   ids, which have been read before
 * errors   ERR_CONFIG: no such array; ERR_SHAPE: other dimensions, other numbers of rows;
 *          ERR_FORMAT, ERR_IO, ERR_NOMEM */
enum err_code import_select(struct import_source *s, const char *const *layer, int n_layers,
                            struct imported_model *m, struct err *e);

/* Copies the layers of that model to a writer. A line about NaN and Inf is added to warnings.
 * Local.
 * errors   ERR_FORMAT: a number beyond single precision; those of reading and writing
 * memory   a few rows, but a whole array in Fortran order */
enum err_code import_copy(struct import_source *s, const struct imported_model *m,
                          struct imported_writer *w, struct text *warnings, struct err *e);

#endif
