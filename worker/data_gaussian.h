/* data_gaussian.h - an infinite world: normal inputs, labels from a random network. A row of
 * `streams`; the functions are those of struct stream (data.h). */
#ifndef SHOAL_WORKER_DATA_GAUSSIAN_H
#define SHOAL_WORKER_DATA_GAUSSIAN_H

#include "worker/data.h"

/* x ~ N(0, I) in data.dim dimensions. label = argmax of V relu(W x) - m with data.teacher_width
 * hidden units, W and V normal with variance 1/fan_in, and m the mean of V relu(W x) over 1024
 * fixed inputs: without it the classes with the largest weights would take nearly all samples.
 * A teacher with fewer hidden units than classes still leaves some classes rare or empty.
 * cost     2 (dim + classes) teacher_width flops a label */
enum err_code data_gaussian_shape(const struct config *c, struct data_shape *out,
                                  struct err *e);
enum err_code data_gaussian_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e);
void data_gaussian_close(struct data *data);
void data_gaussian_fetch(const struct data *data, enum split split, const int64_t *index,
                         int64_t n, real *x, int32_t *label);

#endif
