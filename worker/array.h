/* array.h - arrays on disk that are read in pieces: .npy files, members of .npz archives,
 * tensors of .safetensors files, HDF5 datasets. */
#ifndef SHOAL_WORKER_ARRAY_H
#define SHOAL_WORKER_ARRAY_H

#include "base/arena.h"
#include "worker/extent.h"
#include "worker/npy.h"

enum { ARRAY_MAX_CLASSES = 10000, ARRAY_MAX_NAMES = 4096, ARRAY_NAME = 256 };

struct array {
    struct npy npy; /* element type and sizes: n_dims and all sizes are at least 1 */
    int64_t row;    /* elements of one index of the first dimension */
    struct extent extent;
    struct array_hdf5 *hdf5; /* until it is settled; NULL: read through the extent */
};

/* Opens *a and reads its type and sizes. An array must stay where it is. After a failure there
 * is nothing to close.
 *
 * npy      the file `path`; name is not used
 * npz      the member name.npy of the archive `path`, stored or deflated
 * safetensors   the tensor `name` of the file `path`
 * hdf5     the dataset `name` of the file `path`
 *
 * Elements of a .npy and an .npz may lie in Fortran order: see a->npy.fortran. Local.
 * errors   ERR_FORMAT names the file and the byte, or the dataset: not such a file, no such
 *          member, tensor or dataset, another element type, no elements, a length that does not
 *          fit the sizes; ERR_IO; ERR_NOMEM */
enum err_code array_open_npy(struct array *a, const char *path, const char *name,
                             struct err *e);
enum err_code array_open_npz(struct array *a, const char *path, const char *name,
                             struct err *e);
enum err_code array_open_hdf5(struct array *a, const char *path, const char *name,
                              struct err *e);
enum err_code array_open_safetensors(struct array *a, const char *path, const char *name,
                                     struct err *e);
void array_close(struct array *a);

/* Names of the arrays in a file, as the functions above take them. */
struct array_names {
    struct arena *arena; /* theirs */
    int n;
    char **name;
    bool ordered; /* by whoever made the file; otherwise as it happens */
};

/* Reads the names; a dataset within groups is "group/name". A .npy file has one, "layer". Local.
 * errors   ERR_FORMAT: not such a file, more than ARRAY_MAX_NAMES names, one of ARRAY_NAME bytes
 *          or more; ERR_IO; ERR_NOMEM */
enum err_code array_names_npy(const char *path, struct array_names *out, struct err *e);
enum err_code array_names_npz(const char *path, struct array_names *out, struct err *e);
enum err_code array_names_safetensors(const char *path, struct array_names *out, struct err *e);
enum err_code array_names_hdf5(const char *path, struct array_names *out, struct err *e);

/* Appends a name to those of the file `path`. Local.
 * errors   as above */
enum err_code array_names_add(struct array_names *names, const char *path, const char *name,
                              struct err *e);

/* Makes the array one whose elements array_read gives in any order, from two threads at a time:
 * a deflated member, or an HDF5 dataset that is not contiguous, is unpacked into a temporary
 * file. Local.
 * errors   ERR_IO; ERR_FORMAT; ERR_NOMEM */
enum err_code array_settle(struct array *a, struct err *e);

/* Elements first..first+n-1 as they lie in the file: of a dataset whole rows. An array that has
 * not been settled is read from its start to its end. Local.
 * errors   ERR_FORMAT; ERR_IO */
enum err_code array_read(struct array *a, int64_t first, int64_t n, void *out, struct err *e);

/* All elements of an array of labels that is not settled: integers 0..classes-1.
 *
 * classes  0: as many as there are, at most ARRAY_MAX_CLASSES
 * out[count]   NULL: not wanted
 * most     the largest label; NULL: not wanted
 * errors   ERR_FORMAT names the byte of a label out of range; those of reading. Local. */
enum err_code array_labels(struct array *a, int64_t classes, int32_t *out, int64_t *most,
                           struct err *e);

#endif
