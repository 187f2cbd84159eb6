/* import_read.h - representations in files of NumPy, PyTorch and HDF5 become a model of a store.
 *
 * An array [n, d] is a layer of its name, an array [n, layers, d] so many, "name.0" and on. A /
 * in the name of an array is a . in that of its layer. Layers are in the order of the file, or
 * where nobody chose that (safetensors, most HDF5 files), by name, 2 before 10. */
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
    bool fragile;   /* its library can crash on a damaged file: it is used in a process apart */
    enum err_code (*names)(const char *path, struct array_names *out, struct err *e);
    enum err_code (*open)(struct array *a, const char *path, const char *name, struct err *e);
};
extern const struct table import_formats;

struct import_request {
    const char *store; /* made where it is not there */
    const char *path;  /* the file, of one of import_formats */

    /* Row ids: an array of integers in the file, a .npy file, or a text file with an id a line;
     * NULL: the array IMPORT_ROWS, where there is one. */
    const char *rows;
    const char *const *layer; /* [n_layers] names of arrays, or of one layer of an array */
    int n_layers;             /* 0: all but the row ids */
    bool force;               /* replace the model of that name */
};

/* Copies representations to the store, in single precision. Local.
 *
 * m         name, modality, probe and attributes are given; the others are filled, but for the
 *           layers' names and widths. rows is the xxh64 of each row's id as text and a newline
 * warnings  gets a line for a layer with NaN or Inf
 * errors    nothing has been kept: ERR_CONFIG, ERR_SHAPE: an array or a model that cannot be
 *           (imported.h); ERR_FORMAT: a damaged file, a number beyond single precision; ERR_IO;
 *           ERR_NOMEM
 * An HDF5 file is read in a child process, before MPI is started.
 * memory    some rows, but all of an array in Fortran order */
enum err_code import_model(const struct import_request *r, struct imported_model *m,
                           struct text *warnings, struct err *e);

#endif
