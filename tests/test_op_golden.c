/* test_op_golden.c - operations on images in double against PyTorch's, number by number: outputs,
 * gradients, running averages (tests/golden/ops). */
#include "tests/core.h"

#include <jansson.h>

#include "worker/op.h"

static const json_t *member(const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);
    ck_assert_msg(value != NULL, "no '%s'", key);
    return value;
}

static void load(const json_t *from, real *out, int64_t n)
{
    ck_assert_int_eq(json_array_size(from), n);
    for (int64_t i = 0; i < n; i++) out[i] = json_number_value(json_array_get(from, (size_t)i));
}

/* The file has 12 digits; sums of tens of terms in another order differ by less. */
static void compare(const json_t *from, const real *got, int64_t n, const char *op, int number,
                    const char *what)
{
    ck_assert_int_eq(json_array_size(from), n);
    for (int64_t i = 0; i < n; i++) {
        double wanted = json_number_value(json_array_get(from, (size_t)i));
        ck_assert_msg(fabs(got[i] - wanted) < 1e-10 * (1 + fabs(wanted)),
                      "case %d, %s: %s[%lld] is %.15g, should be %.15g", number, op, what,
                      (long long)i, got[i], wanted);
    }
}

static int64_t setting(const json_t *c, const char *key)
{
    const json_t *value = json_object_get(member(c, "settings"), key);
    return value ? json_integer_value(value) : 0;
}

static struct graph_shape shape_of(const json_t *c)
{
    const json_t *size = member(c, "shape");
    struct graph_shape shape = {.n_dims = (int)json_array_size(size), .dim = 1};
    for (int i = 0; i < shape.n_dims; i++) {
        shape.size[i] = json_integer_value(json_array_get(size, (size_t)i));
        shape.dim *= shape.size[i];
    }
    return shape;
}

/* Parameters under the keys of an object ("weight"), to or from a block of the graph. */
static void load_parameters(const json_t *from, const struct graph *g, real *block)
{
    for (int p = 0; p < g->n_params; p++)
        load(member(from, g->param[p].name + 3), block + g->param[p].offset,
             g->param[p].rows * g->param[p].cols);
}

static void compare_parameters(const json_t *from, const struct graph *g, const real *block,
                               const char *op, int number)
{
    const char *key;
    json_t *wanted;
    json_object_foreach((json_t *)from, key, wanted)
    {
        int p = 0;
        while (p < g->n_params && strcmp(g->param[p].name + 3, key) != 0) p++;
        ck_assert_msg(p < g->n_params, "%s has no %s", op, key);
        compare(wanted, block + g->param[p].offset, g->param[p].rows * g->param[p].cols, op,
                number, key);
    }
}

static void check(const json_t *c, int number, int64_t B)
{
    struct arena arena = {0};
    struct graph g;
    struct err e;
    const char *op = json_string_value(member(c, "op"));
    struct graph_shape input = shape_of(c);
    struct node_settings set = {.name = "op",
                                .width = setting(c, "width"),
                                .kernel = setting(c, "kernel"),
                                .stride = setting(c, "stride"),
                                .pad = setting(c, "pad"),
                                .groups = setting(c, "groups"),
                                .no_bias = setting(c, "no_bias")};
    enum graph_mode mode =
        strcmp(json_string_value(member(c, "mode")), "train") ? GRAPH_EVAL : GRAPH_TRAIN;
    ck_assert_int_eq(graph_init(&g, &arena, &input, &e), ERR_OK);
    g.node[0].needs_gradient = true;
    ck_assert_int_eq(graph_add(&g, op, set, &e), ERR_OK);
    ck_assert_int_eq(graph_allocate(&g, B, &e), ERR_OK);
    struct node *out = graph_output(&g);
    real *x = arena_array(&arena, (size_t)(B * input.dim), sizeof *x);
    if (!g.node[0].dy) g.node[0].dy = arena_array(&arena, (size_t)(B * input.dim), sizeof *x);
    load(member(c, "x"), x, B * input.dim);
    load_parameters(member(c, "parameters"), &g, g.w);
    graph_forward(&g, x, B, mode);
    compare(member(c, "y"), out->y, B * out->shape.dim, op, number, "y");
    load(member(c, "factor"), out->dy, B * out->shape.dim);
    graph_backward(&g, B, false);
    compare(member(c, "dx"), g.node[0].dy, B * input.dim, op, number, "dx");
    compare_parameters(member(c, "gradients"), &g, g.dw, op, number);
    compare_parameters(member(c, "after"), &g, g.w, op, number);
    graph_clear(&g);
    arena_clear(&arena);
}

START_TEST(test_operations_match_pytorch)
{
    json_error_t error;
    json_t *root = json_load_file(TESTS_DIR "/golden/ops/cases.json", 0, &error);
    ck_assert_msg(root != NULL, "cases.json: %s", error.text);
    const json_t *all = member(root, "cases");
    ck_assert_int_gt(json_array_size(all), 20);
    for (size_t i = 0; i < json_array_size(all); i++)
        check(json_array_get(all, i), (int)i, json_integer_value(member(root, "B")));
    json_decref(root);
}
END_TEST

static struct graph pool_graph(struct arena *arena, const char *op, struct node_settings set)
{
    struct graph g;
    struct err e;
    struct graph_shape input = {3, {2, 2, 1}, 4};
    ck_assert_int_eq(graph_init(&g, arena, &input, &e), ERR_OK);
    ck_assert_int_eq(graph_add(&g, op, set, &e), ERR_OK);
    ck_assert_int_eq(graph_allocate(&g, 1, &e), ERR_OK);
    return g;
}

START_TEST(test_maximum_of_nan_is_nan_wherever_it_stands)
{
    const char *op[] = {"max_pool", "global_max_pool"};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4; i++) {
            struct arena arena = {0};
            struct graph g =
                pool_graph(&arena, op[k], (struct node_settings){.kernel = k ? 0 : 2});
            real x[4] = {1, 3, 2, 1};
            x[i] = NAN;
            graph_forward(&g, x, 1, GRAPH_EVAL);
            ck_assert_msg(isnan(graph_output(&g)->y[0]), "%s: NaN at %d is lost", op[k], i);
            arena_clear(&arena);
        }
}
END_TEST

START_TEST(test_shapes_that_do_not_fit_are_errors)
{
    struct arena arena = {0};
    struct graph g;
    struct err e;
    struct graph_shape image = {3, {4, 4, 6}, 96}, vector = {1, {96}, 96};
    struct node_settings big = {.name = "op", .width = 6, .kernel = 5},
                         groups = {.name = "op", .width = 6, .kernel = 1, .groups = 4};
    ck_assert_int_eq(graph_init(&g, &arena, &image, &e), ERR_OK);
    ck_assert_int_eq(graph_add(&g, "convolution", big, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "4 x 4"));
    ck_assert_int_eq(graph_add(&g, "max_pool", big, &e), ERR_CONFIG);
    ck_assert_int_eq(graph_add(&g, "convolution", groups, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "groups"));
    ck_assert_int_eq(graph_init(&g, &arena, &vector, &e), ERR_OK);
    groups.groups = 1;
    ck_assert_int_eq(graph_add(&g, "convolution", groups, &e), ERR_CONFIG);
    ck_assert_int_eq(graph_add(&g, "global_average_pool", (struct node_settings){0}, &e),
                     ERR_CONFIG);
    ck_assert_int_eq(graph_add(&g, "channels_last", (struct node_settings){0}, &e), ERR_CONFIG);
    ck_assert_int_eq(graph_add(&g, "dense", groups, &e), ERR_OK);
    struct node_settings join = {.input = 0, .also = 1};
    ck_assert_int_eq(graph_add(&g, "add", join, &e), ERR_CONFIG);
    ck_assert_int_eq(graph_add(&g, "concat", join, &e), ERR_OK);
    ck_assert_int_eq(graph_output(&g)->shape.dim, 102);
    arena_clear(&arena);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("op golden");
    TCase *t = check_case(s, "op golden");
    tcase_add_test(t, test_operations_match_pytorch);
    tcase_add_test(t, test_maximum_of_nan_is_nan_wherever_it_stands);
    tcase_add_test(t, test_shapes_that_do_not_fit_are_errors);
    return check_run(s);
}
