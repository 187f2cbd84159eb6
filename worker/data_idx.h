/* data_idx.h - images in the IDX files of MNIST and Fashion-MNIST. Rows of `streams`; the
 * functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_IDX_H
#define SHOAL_WORKER_DATA_IDX_H

#include "worker/data.h"

/* {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz, in data.path; samples [1, H, W],
 * pixels in [-1, 1]. fashion: an empty data.path is $SHOAL_DATA_DIR/fashion-mnist, or without
 * that variable where Debian's dataset-fashion-mnist puts it; always 10 classes. Otherwise the
 * classes are those of the training labels.
 * cost     shape reads four headers (and the training labels), and nothing while the files stay
 *          as they are; open keeps both splits in memory, one byte a pixel */
enum err_code data_idx_fashion_shape(const struct config *c, struct data_shape *out,
                                     struct err *e);
enum err_code data_idx_fashion_open(const struct config *c, uint64_t root, struct data *data,
                                    struct err *e);
enum err_code data_idx_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_idx_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e);
void data_idx_close(struct data *data);
void data_idx_fetch(const struct data *data, enum split split, const int64_t *index, int64_t n,
                    real *x, int32_t *label);

#endif
