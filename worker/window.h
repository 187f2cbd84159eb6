/* window.h - how the window of a convolution or a pooling slides over an image [H, W, C]. */
#ifndef SHOAL_WORKER_WINDOW_H
#define SHOAL_WORKER_WINDOW_H

#include "worker/graph.h"

struct window {
    int64_t H, W, C; /* of the input */
    int64_t kernel_H, kernel_W;
    int64_t stride, pad; /* pad: rows and columns added on each side */
    int64_t out_H, out_W;
};

/* From the input's shape and the settings kernel (0: the whole image), stride (0: otherwise) and
 * pad. Tokens [T, d] are an image of one column. Local. */
struct window window_of(const struct graph_shape *in, const struct node_settings *set,
                        int64_t otherwise);

/* Does the window fit into the image at least once?
 * errors   ERR_CONFIG "model.kind: ..." */
enum err_code window_check(const struct window *w, const struct graph_shape *in, struct err *e);

/* The part of a window, [first, end) of its `kernel` places, that lies on the image's `size`
 * places and not on padding, where the window is at output place `out`. Local. */
struct window_part {
    int64_t first, end;
};

static inline struct window_part window_part(const struct window *w, int64_t out,
                                             int64_t kernel, int64_t size)
{
    int64_t start = out * w->stride - w->pad, left = size - start;
    return (struct window_part){start < 0 ? -start : 0, left < kernel ? left : kernel};
}

#endif
