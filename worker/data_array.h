/* data_array.h - samples and labels in arrays of one's own: .npy files, an .npz archive, an
 * HDF5 file. Rows of `streams`; the functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_ARRAY_H
#define SHOAL_WORKER_DATA_ARRAY_H

#include "worker/data.h"

/* Arrays train_x, train_y, test_x, test_y. npy: files train_x.npy and so on in the folder
 * data.path. npz: members train_x.npy and so on, stored or deflated, of the file data.path.
 * hdf5: datasets of the file data.path.
 *
 * x        [n, d], [n, H, W] (samples [1, H, W]) or [n, C, H, W]; bytes (|u1) are pixels and
 *          become [-1, 1], half, single and double precision are taken as they are
 * y        [n] integers 0..classes-1; the classes are those of the training labels
 * cost     shape reads headers and the training labels, and nothing while the files stay as
 *          they are; open keeps the labels in memory. Samples stay in their file; deflated and
 *          chunked ones are unpacked into temporary files in $TMPDIR */
enum err_code data_npy_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_npy_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e);
enum err_code data_npz_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_npz_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e);
enum err_code data_hdf5_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_hdf5_open(const struct config *c, uint64_t root, struct data *data,
                             struct err *e);
void data_array_close(struct data *data);
void data_array_fetch(const struct data *data, enum split split, const int64_t *index,
                      int64_t n, real *x, int32_t *label);

#endif
