/* window.c - see window.h. */
#include "worker/window.h"

struct window window_of(const struct graph_shape *in, const struct node_settings *set,
                        int64_t otherwise)
{
    struct window w = {.H = in->size[0],
                       .W = in->n_dims == 3 ? in->size[1] : 1,
                       .C = in->size[in->n_dims - 1],
                       .stride = set->stride ? set->stride : otherwise,
                       .pad = set->pad};
    w.kernel_H = set->kernel ? set->kernel : w.H;
    w.kernel_W = set->kernel ? set->kernel : w.W;
    if (!set->kernel) w.stride = 1;
    w.out_H = (w.H + 2 * w.pad - w.kernel_H) / w.stride + 1;
    w.out_W = (w.W + 2 * w.pad - w.kernel_W) / w.stride + 1;
    return w;
}

enum err_code window_check(const struct window *w, const struct graph_shape *in, struct err *e)
{
    if (in->n_dims < 2)
        return ERR(e, ERR_CONFIG,
                   "model.kind: this architecture needs images as samples, "
                   "[channels, height, width]");
    if (w->kernel_H > w->H + 2 * w->pad || w->kernel_W > w->W + 2 * w->pad)
        return ERR(e, ERR_CONFIG,
                   "model.kind: images of %lld x %lld are too small for this architecture at a "
                   "window of %lld x %lld",
                   (long long)w->H, (long long)w->W, (long long)w->kernel_H,
                   (long long)w->kernel_W);
    return ERR_OK;
}
