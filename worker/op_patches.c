/* op_patches.c - an image [H, W, C] cut into squares of set.kernel pixels, row by row: tokens
 * [H/k W/k, k k C], a token's features in the order row, column, channel. A line of a square is
 * k C numbers in a row on both sides: both passes are copies of lines. */
#include <string.h>

#include "worker/op.h"

enum err_code op_patches_shape(struct graph *g, const struct node *in, struct node *n,
                               struct err *e)
{
    (void)g;
    const int64_t *size = in->shape.size, k = n->set.kernel;
    INVARIANT(k > 0);
    if (in->shape.n_dims != 3)
        return ERR(e, ERR_CONFIG, "model.kind: patches are cut from images, not from rows");
    if (size[0] % k || size[1] % k)
        return ERR(e, ERR_CONFIG, "model.patch: squares of %lld do not fill %lld x %lld pixels",
                   (long long)k, (long long)size[0], (long long)size[1]);
    n->shape = (struct graph_shape){2, {(size[0] / k) * (size[1] / k), k * k * size[2]}};
    return ERR_OK;
}

/* Copies B images to their tokens, or back. */
static void copy_lines(const struct node *in, const struct node *n, int64_t B, real *image,
                       real *tokens, bool back)
{
    int64_t k = n->set.kernel, line = k * in->shape.size[2], across = in->shape.size[1] / k;
    int64_t bands = B * in->shape.size[0] / k; /* of k lines of pixels */
    for (int64_t band = 0; band < bands; band++, tokens += across * k * line)
        for (int64_t row = 0; row < k; row++)
            for (int64_t p = 0; p < across; p++, image += line) {
                real *token = tokens + (p * k + row) * line;
                memcpy(back ? image : token, back ? token : image, (size_t)line * sizeof(real));
            }
}

void op_patches_forward(struct graph *g, const struct node *in, struct node *n, int64_t B)
{
    (void)g;
    copy_lines(in, n, B, in->y, n->y, false);
}

void op_patches_backward(struct graph *g, struct node *in, struct node *n, int64_t B,
                         bool accumulate)
{
    (void)g, (void)accumulate;
    copy_lines(in, n, B, in->dy, n->dy, true);
}
