/* array_hdf5.h - datasets of HDF5 files, for array.c. */
#ifndef SHOAL_WORKER_ARRAY_HDF5_H
#define SHOAL_WORKER_ARRAY_HDF5_H

#include "worker/array.h"

/* Opens the dataset `name` of the file `path`, and fills the type and the sizes of *npy. Local.
 * errors   ERR_FORMAT, which name file and dataset; ERR_NOMEM */
enum err_code array_hdf5_open(const char *path, const char *name, struct npy *npy,
                              struct array_hdf5 **out, struct err *e);
void array_hdf5_close(struct array_hdf5 *h);

/* "x.h5: dataset train_x" */
const char *array_hdf5_name(const struct array_hdf5 *h);

/* Rows first..first+n-1 as they are in the file. Local.
 * errors   ERR_FORMAT */
enum err_code array_hdf5_rows(struct array_hdf5 *h, int64_t first, int64_t n, void *out,
                              struct err *e);

/* Opens an extent of all elements: on the file itself where they lie in one piece, otherwise on
 * a temporary file into which they are unpacked. Local.
 * errors   ERR_FORMAT; ERR_IO; ERR_NOMEM */
enum err_code array_hdf5_extent(struct array_hdf5 *h, struct extent *out, struct err *e);

#endif
