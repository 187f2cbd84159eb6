/* test_input_gradient_float.c - gradients by the samples in single precision: convolutions by
 * oneDNN against the plain loops, also as a network's first layer. */
#include "tests/core.h"

#include "base/rng.h"
#include "worker/dnn.h"

enum { B = 3, SIDE = 16, DIM = 3 * SIDE * SIDE };

static void gradient(const char *kernels, const char *settings, real dx[B * DIM])
{
    const struct graph_shape input = {3, {3, SIDE, SIDE}, DIM};
    struct config c = core_config();
    struct arena arena = {0};
    struct graph g;
    struct err e;
    static real x[B * DIM];
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    setenv("SHOAL_KERNELS", kernels, 1);
    core_set(&c, settings);
    c.model.activation = core_row(&activations, "gelu");
    ck_assert_msg(model_build(&c, &input, 3, &arena, &g, &e) == ERR_OK, "%s", e.text);
    graph_want_input(&g);
    ck_assert_msg(graph_allocate(&g, B, &e) == ERR_OK, "%s", e.text);
    param_init(&c, 5, g.n_params, g.param, g.w);
    for (int i = 0; i < B * DIM; i++) x[i] = (real)rng_normal(&r);
    graph_forward(&g, x, B, GRAPH_EVAL);
    for (int64_t i = 0; i < B * graph_output(&g)->shape.dim; i++)
        graph_output(&g)->dy[i] = (real)rng_normal(&r);
    graph_backward(&g, B, false);
    memcpy(dx, g.node[0].dy, B * DIM * sizeof *dx);
    graph_clear(&g);
    arena_clear(&arena);
}

/* Sums in another order, layer upon layer: a few 1e-6 of the largest number. */
START_TEST(test_onednn_agrees_with_plain_loops)
{
    static const char *const settings[] = {"model.kind=mcnn model.width=4",
                                           "model.kind=preresnet18 model.width=4"};
    static real fast[B * DIM], plain[B * DIM];
    setenv("SHOAL_KERNELS", "", 1);
    if (!dnn_available()) return;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        double largest = 0;
        gradient("onednn", settings[k], fast);
        gradient("plain", settings[k], plain);
        for (int i = 0; i < B * DIM; i++) largest = fmax(largest, fabs((double)plain[i]));
        ck_assert_double_gt(largest, 1e-4);
        for (int i = 0; i < B * DIM; i++)
            ck_assert_msg(fabs((double)(fast[i] - plain[i])) < 1e-4 * largest,
                          "%s: dx[%d]: %g, not %g", settings[k], i, (double)fast[i],
                          (double)plain[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("input_gradient_float");
    TCase *t = check_case(s, "input_gradient_float");
    tcase_add_test(t, test_onednn_agrees_with_plain_loops);
    return check_run(s);
}
