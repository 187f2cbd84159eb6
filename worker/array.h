/* array.h - arrays on disk that are read in pieces: .npy files, members of .npz archives, HDF5
 * datasets. */
#ifndef SHOAL_WORKER_ARRAY_H
#define SHOAL_WORKER_ARRAY_H

#include "worker/extent.h"
#include "worker/npy.h"

enum { ARRAY_MAX_CLASSES = 10000 };

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
 * hdf5     the dataset `name` of the file `path`
 * Local.
 * errors   ERR_FORMAT names the file and the byte, or the dataset: not such a file, no such
 *          member or dataset, another element type, Fortran order, no elements, a length that
 *          does not fit the sizes; ERR_IO; ERR_NOMEM */
enum err_code array_open_npy(struct array *a, const char *path, const char *name,
                             struct err *e);
enum err_code array_open_npz(struct array *a, const char *path, const char *name,
                             struct err *e);
enum err_code array_open_hdf5(struct array *a, const char *path, const char *name,
                              struct err *e);
void array_close(struct array *a);

/* Makes the array one whose elements array_read gives in any order, from two threads at a time:
 * a deflated member, or an HDF5 dataset that is not contiguous, is unpacked into a temporary
 * file. Local.
 * errors   ERR_IO; ERR_FORMAT; ERR_NOMEM */
enum err_code array_settle(struct array *a, struct err *e);

/* Elements first..first+n-1 in C order, as they lie in the file. The array has been settled.
 * Local.
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
