/* dnn.h - convolutions by oneDNN, where it was found when shoal was built: in single precision,
 * on one core. The plain loops of op_convolution.c are for all other cases, and are chosen by
 * the environment: SHOAL_KERNELS is "plain", or "onednn" (or not set). */
#ifndef SHOAL_WORKER_DNN_H
#define SHOAL_WORKER_DNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "worker/real.h"

struct dnn_convolution;

/* Of images [H, W, C], weights [width, C / groups, kernel, kernel], outputs [out_H, out_W, width];
 * bias says that forward passes get one. */
struct dnn_shape {
    int64_t H, W, C, out_H, out_W, width, kernel, stride, pad, groups;
    bool bias;
};

/* Local.
 * errors   ERR_ENV if SHOAL_KERNELS asks for what is not there */
enum err_code dnn_check(struct err *e);

/* Whether to use oneDNN: it is there, and not switched off. Local. */
bool dnn_available(void);

/* What does the work, for provenance: "oneDNN 2.6.3, avx512_core" or "plain". Local. */
const char *dnn_name(void);

/* Bytes of workspace that passes over up to capacity samples need. Local. */
size_t dnn_convolution_workspace(const struct dnn_shape *s, int64_t capacity);

/* Code is made when a pass first meets a number of samples, and kept for a few numbers. Local.
 * workspace_bytes  of the workspace that passes will get
 * errors           ERR_NOMEM; ERR_ENV if oneDNN refuses the shape */
enum err_code dnn_convolution_create(const struct dnn_shape *s, int64_t capacity,
                                     size_t workspace_bytes, struct dnn_convolution **out,
                                     struct err *e);
void dnn_convolution_destroy(struct dnn_convolution *c);

/* y[B, out_H, out_W, width] from x[B, H, W, C]; bias[width] or NULL, as in the shape. The
 * workspace is aligned to 64, its contents are lost. Local. */
void dnn_convolution_forward(struct dnn_convolution *c, int64_t B, const real *x,
                             const real *weight, const real *bias, void *workspace, real *y);

/* dx from dy. Local. */
void dnn_convolution_backward_data(struct dnn_convolution *c, int64_t B, const real *dy,
                                   const real *weight, void *workspace, real *dx);

/* dweight from x and dy; added to it if accumulate. Local. */
void dnn_convolution_backward_weight(struct dnn_convolution *c, int64_t B, const real *x,
                                     const real *dy, bool accumulate, void *workspace,
                                     real *dweight);

#endif
