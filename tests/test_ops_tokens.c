/* test_ops_tokens.c - operations on tokens in double: gradients against finite differences,
 * results against PyTorch and against what they are defined as. */
#include "tests/ops_tokens.h"

#include "base/rng.h"

/* Central differences: truncation and rounding balance near 1e-5, at about 1e-10. */
static const double h = 1e-5, tolerance = 1e-7;

enum { B = 3, CAPACITY = 4 };

static const struct {
    const char *op;
    struct graph_shape input;
    struct node_settings set;
} cases[] = {
    {"patches", {3, {4, 6, 3}}, {.kernel = 2}},
    {"patches", {3, {3, 3, 1}}, {.kernel = 1}},
    {"class_token", {2, {3, 4}}, {0}},
    {"class_token", {2, {1, 1}}, {.frozen = true}},
    {"position", {2, {3, 4}}, {0}},
    {"position", {2, {3, 4}}, {.frozen = true}},
    {"layer_norm", {1, {5}}, {0}},
    {"layer_norm", {2, {3, 35}}, {0}},
    {"layer_norm", {3, {2, 2, 4}}, {.frozen = true}},
    {"attention", {2, {4, 12}}, {.heads = 2}},
    {"attention", {2, {35, 6}}, {.heads = 1, .scale = 0.3}},
    {"attention", {2, {4, 18}}, {.heads = 3, .causal = true}},
    {"dropout", {1, {7}}, {.rate = 0.4}},
    {"dropout", {3, {2, 3, 4}}, {.rate = 0.1}},
    {"dropout", {2, {2, 3}}, {0}},
    {"first_token", {2, {3, 4}}, {0}},
    {"last_token", {2, {3, 4}}, {0}},
    {"mean_tokens", {2, {6, 4}}, {0}},
    {"l2_normalise", {1, {5}}, {0}},
    {"l2_normalise", {2, {3, 35}}, {.scale = 2.5}},
};
enum { CASES = sizeof cases / sizeof *cases };

static real *normals(uint64_t index, int64_t n)
{
    real *x = calloc((size_t)n, sizeof *x);
    struct rng r = rng_stream(1, RNG_TESTING, index);
    for (int64_t i = 0; i < n; i++) x[i] = rng_normal(&r);
    return x;
}

/* A random sum of the outputs, and its gradients if wanted. */
static double total(struct one_op *o, const real *x, const real *weight, bool gradient,
                    bool accumulate)
{
    double sum = 0;
    graph_forward(&o->g, x, B, GRAPH_TRAIN);
    for (int64_t i = 0; i < B * o->out->shape.dim; i++) sum += weight[i] * o->out->y[i];
    if (gradient && o->out->needs_gradient) {
        memcpy(o->out->dy, weight, (size_t)(B * o->out->shape.dim) * sizeof *weight);
        graph_backward(&o->g, B, accumulate);
    }
    return sum;
}

/* *at is one of the numbers that the total depends on. */
static void check_number(struct one_op *o, const real *x, const real *weight, real *at,
                         double got, const char *what, int64_t i)
{
    real middle = *at;
    *at = middle + h;
    double up = total(o, x, weight, false, false);
    *at = middle - h;
    double down = total(o, x, weight, false, false), wanted = (up - down) / (2 * h);
    *at = middle;
    ck_assert_msg(fabs(got - wanted) < tolerance, "%s[%lld]: %.12g, should be %.12g", what,
                  (long long)i, got, wanted);
}

static void check_params(struct one_op *o, real *x, const real *weight, const real *gradient)
{
    for (int p = 0; p < o->g.n_params; p++) {
        const struct param *param = &o->g.param[p];
        real *w = o->g.w + param->offset;
        for (int64_t i = 0; i < param->rows * param->cols; i++)
            if (param->trained)
                check_number(o, x, weight, &w[i], gradient[param->offset + i], param->name, i);
            else
                ck_assert(gradient[param->offset + i] == 0);
    }
}

static void check_gradients(struct one_op *o, real *x, bool by_input)
{
    real *weight = normals(2, B * o->out->shape.dim), *w = normals(3, o->g.size);
    memcpy(o->g.w, w, (size_t)o->g.size * sizeof *w);
    for (int64_t i = 0; i < o->g.size; i++) o->g.dw[i] = o->g.param[0].trained ? 99 : 0;
    if (by_input)
        for (int64_t i = 0; i < B * o->in->shape.dim; i++) o->in->dy[i] = 99;
    total(o, x, weight, true, false);
    real *gradient = w;
    memcpy(gradient, o->g.dw, (size_t)o->g.size * sizeof *w);
    for (int64_t i = 0; by_input && i < B * o->in->shape.dim; i++)
        check_number(o, x, weight, &x[i], o->in->dy[i], "input", i);
    check_params(o, x, weight, gradient);
    total(o, x, weight, true, true); /* adds to what is there */
    for (int p = 0; p < o->g.n_params; p++)
        for (int64_t i = 0; i < o->g.param[p].rows * o->g.param[p].cols; i++) {
            int64_t at = o->g.param[p].offset + i;
            ck_assert_double_eq_tol(o->g.dw[at], 2 * gradient[at], 1e-12);
        }
    free(weight);
    free(w);
}

START_TEST(test_gradients_match_differences)
{
    struct one_op *o = one_op(cases[_i].op, cases[_i].input, cases[_i].set, CAPACITY, true);
    real *x = normals(1, B * o->in->shape.dim);
    check_gradients(o, x, true);
    free(x);
    one_op_destroy(o);
}
END_TEST

START_TEST(test_embedding_gradients_match_differences)
{
    struct node_settings set = {.tokens = 5, .width = 3};
    struct one_op *o = one_op("embedding", (struct graph_shape){1, {4}}, set, CAPACITY, false);
    real x[B * 4] = {0, 4, 4, 1, 0, 2, 0, 0, 1, 1, 1, 1};
    check_gradients(o, x, false);
    one_op_destroy(o);
}
END_TEST

START_TEST(test_results_equal_pytorch)
{
    one_op_golden(1e-12);
}
END_TEST

START_TEST(test_patches_are_in_order)
{
    enum { H = 4, W = 6, C = 2, K = 2 };
    struct node_settings set = {.kernel = K};
    struct one_op *o = one_op("patches", (struct graph_shape){3, {H, W, C}}, set, 2, false);
    real *x = normals(1, 2 * H * W * C);
    graph_forward(&o->g, x, 2, GRAPH_TRAIN);
    ck_assert_int_eq(o->out->shape.size[0], H / K * (W / K));
    ck_assert_int_eq(o->out->shape.size[1], K * K * C);
    for (int i = 0; i < 2 * H * W * C; i++) {
        int c = i % C, p2 = i / C % K, p1 = i / (C * K) % K; /* b (h w) (p1 p2 c) */
        int w = i / (C * K * K) % (W / K), row = i / (C * K * W) * K + p1;
        ck_assert(o->out->y[i] == x[(row * W + w * K + p2) * C + c]);
    }
    free(x);
    one_op_destroy(o);
}
END_TEST

START_TEST(test_embedding_of_no_id_is_nan)
{
    struct node_settings set = {.tokens = 3, .width = 2};
    struct one_op *o = one_op("embedding", (struct graph_shape){1, {6}}, set, 1, false);
    for (int i = 0; i < 6; i++) o->g.w[i] = i;
    real x[6] = {2, 3, -1, 0.5, NAN, 1e30};
    graph_forward(&o->g, x, 1, GRAPH_TRAIN);
    ck_assert(o->out->y[0] == 4 && o->out->y[1] == 5);
    for (int i = 2; i < 12; i++) ck_assert(isnan(o->out->y[i]));
    one_op_destroy(o);
}
END_TEST

START_TEST(test_class_token_is_first_and_token_choices_find_theirs)
{
    enum { T = 3, D = 2 };
    struct graph_shape tokens = {2, {T, D}};
    real x[2 * T * D] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const struct {
        const char *op;
        real y[2 * D];
    } wanted[] = {{"first_token", {1, 2, 7, 8}},
                  {"last_token", {5, 6, 11, 12}},
                  {"mean_tokens", {3, 4, 9, 10}}};
    for (int k = 0; k < 3; k++) {
        struct one_op *o = one_op(wanted[k].op, tokens, (struct node_settings){0}, 2, false);
        graph_forward(&o->g, x, 2, GRAPH_EVAL);
        ck_assert_int_eq(o->out->shape.n_dims, 1);
        for (int i = 0; i < 2 * D; i++) ck_assert(o->out->y[i] == wanted[k].y[i]);
        one_op_destroy(o);
    }
    struct one_op *o = one_op("class_token", tokens, (struct node_settings){0}, 2, false);
    o->g.w[0] = 20, o->g.w[1] = 21;
    graph_forward(&o->g, x, 2, GRAPH_EVAL);
    const real *y = o->out->y;
    ck_assert(y[0] == 20 && y[1] == 21 && y[2] == 1 && y[8] == 20 && y[9] == 21 && y[10] == 7);
    one_op_destroy(o);
}
END_TEST

/* Names, shapes and starts as PyTorch users know them. */
START_TEST(test_parameters_are_described)
{
    struct graph_shape tokens = {2, {3, 2}};
    struct node_settings set = {0}, zeros = {.start = START_ZEROS},
                         narrow = {.start = START_NORMAL, .sd = 0.02};
    struct config c = core_config();
    struct one_op *o = one_op("position", tokens, set, 1, false);
    ck_assert_str_eq(o->g.param[0].name, "node");
    ck_assert_int_eq(o->g.param[0].n_dims, 3);
    ck_assert_int_eq(o->g.param[0].size[1], 3);
    ck_assert(o->g.param[0].start == START_NORMAL && o->g.param[0].sd == 1);
    one_op_destroy(o);
    o = one_op("class_token", tokens, zeros, 1, false);
    ck_assert_int_eq(o->g.param[0].size[2], 2);
    ck_assert(o->g.param[0].start == START_ZEROS);
    one_op_destroy(o);
    o = one_op("class_token", tokens, narrow, 1, false);
    ck_assert(o->g.param[0].start == START_NORMAL && o->g.param[0].sd == 0.02);
    one_op_destroy(o);
    o = one_op("layer_norm", tokens, set, 1, false);
    ck_assert_str_eq(o->g.param[0].name, "node.weight");
    ck_assert_str_eq(o->g.param[1].name, "node.bias");
    ck_assert(!o->g.param[0].bias && o->g.param[1].bias);
    param_init(&c, 1, o->g.n_params, o->g.param, o->g.w);
    for (int i = 0; i < 2; i++) ck_assert(o->g.w[o->g.param[0].offset + i] == 1);
    for (int i = 0; i < 2; i++) ck_assert(o->g.w[o->g.param[1].offset + i] == 0);
    one_op_destroy(o);
}
END_TEST

START_TEST(test_shapes_that_fit_not_are_errors)
{
    static const struct {
        const char *op;
        struct graph_shape input;
        struct node_settings set;
        const char *text;
    } bad[] = {
        {"patches", {3, {4, 6, 1}}, {.kernel = 4}, "model.patch: squares of 4"},
        {"patches", {3, {6, 4, 1}}, {.kernel = 4}, "model.patch: squares of 4"},
        {"patches", {1, {16}}, {.kernel = 4}, "model.kind: patches"},
        {"embedding", {2, {4, 4}}, {.tokens = 2, .width = 2}, "model.kind: an embedding"},
        {"class_token", {1, {4}}, {0}, "model.kind: a class token"},
        {"position", {1, {4}}, {0}, "model.kind: positions"},
        {"attention", {2, {4, 12}}, {.heads = 3}, "model.heads: 3 heads do not share 4"},
        {"attention", {2, {4, 10}}, {.heads = 1}, "model.kind: attention"},
        {"attention", {1, {12}}, {.heads = 1}, "model.kind: attention"},
        {"first_token", {1, {4}}, {0}, "model.kind: only of tokens"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena arena = {0};
        struct graph g;
        struct err e;
        struct node_settings set = bad[i].set;
        set.name = "node";
        ck_assert_int_eq(graph_init(&g, &arena, &bad[i].input, &e), ERR_OK);
        ck_assert_int_eq(graph_add(&g, bad[i].op, set, &e), ERR_CONFIG);
        ck_assert_msg(strncmp(e.text, bad[i].text, strlen(bad[i].text)) == 0, "%s", e.text);
        arena_clear(&arena);
    }
}
END_TEST

START_TEST(test_dropout_drops_in_training_alone)
{
    enum { D = 5000, N = 4 };
    const double rate = 0.3;
    struct node_settings set = {.rate = rate};
    struct one_op *o = one_op("dropout", (struct graph_shape){1, {D}}, set, N, false);
    real *x = normals(1, N * D), *first = calloc(N * D, sizeof *first);
    o->g.noise = 7;
    o->g.noise_step = 3;
    graph_forward(&o->g, x, N, GRAPH_EVAL);
    ck_assert_mem_eq(o->out->y, x, N * D * sizeof *x);
    graph_forward(&o->g, x, N, GRAPH_TRAIN);
    memcpy(first, o->out->y, N * D * sizeof *first);
    double lost = 0, kept_before = 0;
    for (int i = 0; i < N * D; i++) {
        lost += first[i] == 0;
        ck_assert(first[i] == 0 || fabs(first[i] - x[i] / (1 - rate)) < 1e-14);
        kept_before += i >= D && (first[i] == 0) == (first[i - D] == 0);
    }
    /* 5 sigma; samples next to each other have masks of their own */
    ck_assert_double_eq_tol(lost / (N * D), rate, 5 * sqrt(rate * (1 - rate) / (N * D)));
    double alike = rate * rate + (1 - rate) * (1 - rate), pairs = (N - 1) * D;
    ck_assert_double_eq_tol(kept_before / pairs, alike, 5 * sqrt(alike * (1 - alike) / pairs));
    graph_forward(&o->g, x, 1, GRAPH_TRAIN); /* fewer samples: the same places are lost */
    ck_assert_mem_eq(o->out->y, first, D * sizeof *x);
    graph_forward(&o->g, x, N, GRAPH_TRAIN);
    ck_assert_mem_eq(o->out->y, first, N * D * sizeof *x);
    o->g.noise_step = 4;
    graph_forward(&o->g, x, N, GRAPH_TRAIN);
    ck_assert_mem_ne(o->out->y, first, N * D * sizeof *x);
    o->g.noise_step = 3;
    o->g.noise = 8;
    graph_forward(&o->g, x, N, GRAPH_TRAIN);
    ck_assert_mem_ne(o->out->y, first, N * D * sizeof *x);
    free(x);
    free(first);
    one_op_destroy(o);
}
END_TEST

/* Two of them in a row lose what is not the same, and a NaN is not lost. */
START_TEST(test_dropout_nodes_have_masks_of_their_own)
{
    enum { D = 400 };
    struct arena arena = {0};
    struct graph g;
    struct err e;
    struct graph_shape shape = {1, {D}, D};
    struct node_settings set = {.rate = 0.5}, second = {.input = 1, .rate = 0.5};
    ck_assert_int_eq(graph_init(&g, &arena, &shape, &e), ERR_OK);
    ck_assert_int_eq(graph_add(&g, "dropout", set, &e), ERR_OK);
    ck_assert_int_eq(graph_add(&g, "dropout", second, &e), ERR_OK);
    ck_assert_int_eq(graph_allocate(&g, 1, &e), ERR_OK);
    real x[D];
    for (int i = 0; i < D; i++) x[i] = 1;
    graph_forward(&g, x, 1, GRAPH_TRAIN);
    int left[2] = {0, 0};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < D; i++) left[k] += g.node[k + 1].y[i] != 0;
    ck_assert(left[0] > 150 && left[0] < 250 && left[1] > 50 && left[1] < 150);
    for (int i = 0; i < D; i++) x[i] = NAN;
    graph_forward(&g, x, 1, GRAPH_TRAIN);
    for (int i = 0; i < D; i++) ck_assert(isnan(graph_output(&g)->y[i]));
    arena_clear(&arena);
}
END_TEST

/* What an operation keeps is part of the plan, which the scheduler relies on. */
START_TEST(test_state_is_planned)
{
    for (int i = 0; i < CASES; i++) {
        const struct op *op = (const void *)table_row(&ops, table_find(&ops, cases[i].op));
        ck_assert_msg(!op->prepare == !op->bytes, "%s", cases[i].op);
    }
    struct node_settings set = {.heads = 2};
    struct graph_shape tokens = {2, {64, 12}};
    struct one_op *o = one_op("attention", tokens, set, 16, true);
    double planned = graph_bytes(&o->g, 16), at_least = 16 * 2 * 64 * 64 * sizeof(real);
    ck_assert_double_gt(planned, at_least);
    ck_assert_double_lt(planned, (double)arena_live_bytes());
    one_op_destroy(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("operations on tokens");
    TCase *t = check_case(s, "operations");
    tcase_add_loop_test(t, test_gradients_match_differences, 0, CASES);
    tcase_add_test(t, test_embedding_gradients_match_differences);
    tcase_add_test(t, test_results_equal_pytorch);
    tcase_add_test(t, test_patches_are_in_order);
    tcase_add_test(t, test_embedding_of_no_id_is_nan);
    tcase_add_test(t, test_class_token_is_first_and_token_choices_find_theirs);
    tcase_add_test(t, test_parameters_are_described);
    tcase_add_test(t, test_shapes_that_fit_not_are_errors);
    tcase_add_test(t, test_dropout_drops_in_training_alone);
    tcase_add_test(t, test_dropout_nodes_have_masks_of_their_own);
    tcase_add_test(t, test_state_is_planned);
    return check_run(s);
}
