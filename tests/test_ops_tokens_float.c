/* test_ops_tokens_float.c - operations on tokens in single precision: PyTorch's numbers, and
 * what only this precision can show. */
#include "tests/ops_tokens.h"

/* A few units of the last place; gradients of a layer norm, 1/sqrt(1e-5) times as large, some
 * hundred. */
START_TEST(test_results_equal_pytorch)
{
    one_op_golden(2e-5);
}
END_TEST

/* Logits far beyond the range of exp: the largest takes all. */
START_TEST(test_attention_to_large_logits_is_finite)
{
    enum { T = 3 };
    struct node_settings set = {.heads = 1};
    struct one_op *o = one_op("attention", (struct graph_shape){2, {T, 3}}, set, 1, false);
    real x[T * 3] = {1e4f, 1e4f, 1, 1e4f, -1e4f, 2, 1e4f, 3e4f, 3}; /* q, k, v */
    graph_forward(&o->g, x, 1, GRAPH_TRAIN);
    for (int i = 0; i < T; i++) ck_assert(o->out->y[i] == 3);
    x[7] = NAN; /* a key: no row may look healthy */
    graph_forward(&o->g, x, 1, GRAPH_TRAIN);
    for (int i = 0; i < T; i++) ck_assert(isnan(o->out->y[i]));
    one_op_destroy(o);
}
END_TEST

/* Numbers far from 0: the variance is not lost in their squares. */
START_TEST(test_layer_norm_of_a_large_mean_keeps_its_digits)
{
    enum { D = 64 };
    struct one_op *o =
        one_op("layer_norm", (struct graph_shape){1, {D}}, (struct node_settings){0}, 1, false);
    real x[D];
    for (int i = 0; i < D; i++) {
        x[i] = 4096 + (real)(i % 2);
        o->g.w[o->g.param[0].offset + i] = 1;
    }
    graph_forward(&o->g, x, 1, GRAPH_TRAIN);
    for (int i = 0; i < D; i++)
        ck_assert_double_eq_tol((double)o->out->y[i], (i % 2 ? 1 : -1) / sqrt(1 + 4e-5), 1e-6);
    one_op_destroy(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("operations on tokens, float");
    TCase *t = check_case(s, "operations");
    tcase_add_test(t, test_results_equal_pytorch);
    tcase_add_test(t, test_attention_to_large_logits_is_finite);
    tcase_add_test(t, test_layer_norm_of_a_large_mean_keeps_its_digits);
    return check_run(s);
}
