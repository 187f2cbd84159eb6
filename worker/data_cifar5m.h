/* data_cifar5m.h - the six million synthetic images of CIFAR-5m. A row of `streams`; the
 * functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_CIFAR5M_H
#define SHOAL_WORKER_DATA_CIFAR5M_H

#include "worker/data.h"

/* part0.npz to part5.npz in data.path, or $SHOAL_DATA_DIR/cifar5m, each with X.npy (|u1,
 * [n, 32, 32, 3]) and Y.npy (integers 0..9), stored or deflated. Training samples: parts 0 to
 * 4. Test samples: the first 10,000 of part 5, or all of it when data.test says how many. Samples
 * [3, 32, 32], pixels in [-1, 1].
 * cost     shape reads the headers of the parts, and nothing while they stay as they are; open
 *          keeps the labels in memory, and unpacks deflated images into temporary files
 * source   arXiv 2010.08127; https://github.com/preetum/cifar5m */
enum err_code data_cifar5m_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_cifar5m_open(const struct config *c, uint64_t root, struct data *data,
                                struct err *e);
void data_cifar5m_close(struct data *data);
void data_cifar5m_fetch(const struct data *data, enum split split, const int64_t *index,
                        int64_t n, real *x, int32_t *label);

#endif
