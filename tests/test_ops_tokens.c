/* test_ops_tokens.c - operations on tokens in double: results against PyTorch and against what
 * they are defined as. Their gradients: test_ops.c. */
#include "tests/ops_tokens.h"

#include "base/rng.h"

static real *normals(uint64_t index, int64_t n)
{
    real *x = calloc((size_t)n, sizeof *x);
    struct rng r = rng_stream(1, RNG_TESTING, index);
    for (int64_t i = 0; i < n; i++) x[i] = rng_normal(&r);
    return x;
}

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

static void append(struct graph *g, const char *op, struct node_settings set)
{
    struct err e;
    set.name = "node";
    ck_assert_int_eq(graph_add(g, op, set, &e), ERR_OK);
}

static double first_output(struct graph *g, const real *x)
{
    graph_forward(g, x, 1, GRAPH_TRAIN);
    return graph_output(g)->y[0];
}

/* A transformer's block: x + attention(layer norm(x)), behind tokens of an image. */
START_TEST(test_block_has_gradients)
{
    enum { D = 6, DIM = 4 * 4 * 2 };
    const double h = 1e-5;
    struct arena arena = {0};
    struct graph g;
    struct err e;
    struct graph_shape image = {3, {4, 4, 2}, DIM};
    ck_assert_int_eq(graph_init(&g, &arena, &image, &e), ERR_OK);
    g.node[0].needs_gradient = true;
    append(&g, "patches", (struct node_settings){.kernel = 2});
    append(&g, "dense", (struct node_settings){.input = 1, .width = D});
    append(&g, "class_token", (struct node_settings){.input = 2});
    append(&g, "position", (struct node_settings){.input = 3});
    append(&g, "layer_norm", (struct node_settings){.input = 4});
    append(&g, "dense", (struct node_settings){.input = 5, .width = 3 * D, .no_bias = true});
    append(&g, "attention", (struct node_settings){.input = 6, .heads = 2});
    append(&g, "dense", (struct node_settings){.input = 7, .width = D});
    append(&g, "dropout", (struct node_settings){.input = 8, .rate = 0.2});
    append(&g, "add", (struct node_settings){.input = 4, .also = 9});
    append(&g, "first_token", (struct node_settings){.input = 10});
    append(&g, "dense", (struct node_settings){.input = 11, .width = 1});
    ck_assert_int_eq(graph_allocate(&g, 1, &e), ERR_OK);
    g.node[0].dy = arena_array(&arena, DIM, sizeof(real));
    real *x = normals(1, DIM), *w = normals(2, g.size);
    memcpy(g.w, w, (size_t)g.size * sizeof *w);
    first_output(&g, x);
    graph_output(&g)->dy[0] = 1;
    graph_backward(&g, 1, false);
    for (int64_t i = 0; i < DIM + g.size; i++) {
        real *at = i < DIM ? &x[i] : &g.w[i - DIM], middle = *at;
        *at = middle + h;
        double up = first_output(&g, x);
        *at = middle - h;
        double wanted = (up - first_output(&g, x)) / (2 * h);
        *at = middle;
        ck_assert_double_eq_tol(i < DIM ? g.node[0].dy[i] : g.dw[i - DIM], wanted, 1e-7);
    }
    free(x);
    free(w);
    arena_clear(&arena);
}
END_TEST

/* What an operation keeps is part of the plan, which the scheduler relies on. */
START_TEST(test_state_is_planned)
{
    static const char *const keeping[] = {"layer_norm", "attention", "dropout", "l2_normalise"};
    for (int i = 0; i < 4; i++) {
        const struct op *op = (const void *)table_row(&ops, core_row(&ops, keeping[i]));
        ck_assert_msg(op->prepare && op->bytes, "%s", keeping[i]);
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
    tcase_add_test(t, test_results_equal_pytorch);
    tcase_add_test(t, test_patches_are_in_order);
    tcase_add_test(t, test_embedding_of_no_id_is_nan);
    tcase_add_test(t, test_class_token_is_first_and_token_choices_find_theirs);
    tcase_add_test(t, test_parameters_are_described);
    tcase_add_test(t, test_shapes_that_fit_not_are_errors);
    tcase_add_test(t, test_dropout_drops_in_training_alone);
    tcase_add_test(t, test_dropout_nodes_have_masks_of_their_own);
    tcase_add_test(t, test_block_has_gradients);
    tcase_add_test(t, test_state_is_planned);
    return check_run(s);
}
