/* data_cifar.h - photographs in the binary versions of CIFAR-10 and CIFAR-100. Rows of
 * `streams`; the functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_CIFAR_H
#define SHOAL_WORKER_DATA_CIFAR_H

#include "worker/data.h"

/* data_batch_{1..5}.bin and test_batch.bin (CIFAR-100: train.bin, test.bin), plain or .gz, in
 * data.path, or $SHOAL_DATA_DIR/cifar-10-batches-bin (cifar-100-binary); samples [3, 32, 32],
 * pixels in [-1, 1]. Labels of CIFAR-100: data.labels.
 * cost     shape reads nothing of plain files but their lengths, packed ones to their ends, and
 *          neither while the files stay as they are; open keeps both splits in memory, one byte
 *          a pixel */
enum err_code data_cifar10_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_cifar10_open(const struct config *c, uint64_t root, struct data *data,
                                struct err *e);
enum err_code data_cifar100_shape(const struct config *c, struct data_shape *out,
                                  struct err *e);
enum err_code data_cifar100_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e);
void data_cifar_close(struct data *data);
void data_cifar_fetch(const struct data *data, enum split split, const int64_t *index,
                      int64_t n, real *x, int32_t *label);

#endif
