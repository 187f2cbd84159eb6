/* ops_tokens.h - operations on tokens, each as a graph of one node, against PyTorch's numbers.
 * Shared by the tests in double and in single precision. */
#ifndef SHOAL_TESTS_OPS_TOKENS_H
#define SHOAL_TESTS_OPS_TOKENS_H

#include <jansson.h>

#include "tests/core.h"
#include "worker/op.h"

/* A graph of one operation whose input wants a gradient. */
struct one_op {
    struct arena arena;
    struct graph g;
    struct node *in, *out;
};

static inline struct one_op *one_op(const char *op, struct graph_shape input,
                                    struct node_settings set, int64_t capacity, bool gradient)
{
    struct err e;
    struct one_op *o = calloc(1, sizeof *o);
    input.dim = 1;
    for (int i = 0; i < input.n_dims; i++) input.dim *= input.size[i];
    set.name = "node";
    ck_assert_int_eq(graph_init(&o->g, &o->arena, &input, &e), ERR_OK);
    o->g.node[0].needs_gradient = gradient;
    ck_assert_msg(graph_add(&o->g, op, set, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(graph_allocate(&o->g, capacity, &e), ERR_OK);
    o->in = &o->g.node[0];
    o->out = graph_output(&o->g);
    if (gradient && !o->in->dy)
        o->in->dy = arena_array(&o->arena, (size_t)(capacity * input.dim), sizeof(real));
    return o;
}

static inline void one_op_destroy(struct one_op *o)
{
    graph_clear(&o->g);
    arena_clear(&o->arena);
    free(o);
}

static inline void one_op_load(const json_t *from, real *out, int64_t n)
{
    ck_assert_int_eq((int64_t)json_array_size(from), n);
    for (int64_t i = 0; i < n; i++)
        out[i] = (real)json_number_value(json_array_get(from, (size_t)i));
}

/* Differences beside the larger of 1 and the number itself. */
static inline void one_op_compare(const json_t *from, const real *got, int64_t n,
                                  double tolerance, const char *what, int number)
{
    ck_assert_int_eq((int64_t)json_array_size(from), n);
    for (int64_t i = 0; i < n; i++) {
        double wanted = json_number_value(json_array_get(from, (size_t)i));
        ck_assert_msg(fabs((double)got[i] - wanted) <= tolerance * fmax(1, fabs(wanted)),
                      "case %d, %s[%lld]: %.15g, should be %.15g", number, what, (long long)i,
                      (double)got[i], wanted);
    }
}

static inline void one_op_golden_case(const json_t *c, double tolerance, int number)
{
    const json_t *shape = json_object_get(c, "shape"), *set = json_object_get(c, "settings");
    int64_t B = json_integer_value(json_object_get(c, "B"));
    struct graph_shape input = {.n_dims = (int)json_array_size(shape)};
    for (int i = 0; i < input.n_dims; i++)
        input.size[i] = json_integer_value(json_array_get(shape, (size_t)i));
    struct node_settings settings = {.heads = json_integer_value(json_object_get(set, "heads")),
                                     .scale =
                                         (real)json_number_value(json_object_get(set, "scale")),
                                     .causal = json_is_true(json_object_get(set, "causal"))};
    struct one_op *o =
        one_op(json_string_value(json_object_get(c, "op")), input, settings, B, true);
    int64_t in = B * o->in->shape.dim, out = B * o->out->shape.dim;
    real *x = calloc((size_t)in, sizeof *x);
    one_op_load(json_object_get(c, "x"), x, in);
    const json_t *params = json_object_get(c, "params"), *grads = json_object_get(c, "dparams");
    ck_assert_int_eq((int)json_array_size(params), o->g.n_params);
    for (int p = 0; p < o->g.n_params; p++)
        one_op_load(json_array_get(params, (size_t)p), o->g.w + o->g.param[p].offset,
                    o->g.param[p].rows * o->g.param[p].cols);
    graph_forward(&o->g, x, B, GRAPH_TRAIN);
    one_op_compare(json_object_get(c, "y"), o->out->y, out, tolerance, "y", number);
    one_op_load(json_object_get(c, "dy"), o->out->dy, out);
    graph_backward(&o->g, B, false);
    one_op_compare(json_object_get(c, "dx"), o->in->dy, in, tolerance, "dx", number);
    for (int p = 0; p < o->g.n_params; p++)
        one_op_compare(json_array_get(grads, (size_t)p), o->g.dw + o->g.param[p].offset,
                       o->g.param[p].rows * o->g.param[p].cols, tolerance, o->g.param[p].name,
                       number);
    free(x);
    one_op_destroy(o);
}

static inline void one_op_golden(double tolerance)
{
    json_t *file = json_load_file(TESTS_DIR "/golden/ops_tokens/tokens.json", 0, NULL);
    ck_assert(file != NULL);
    json_t *cases = json_object_get(file, "cases"), *c;
    size_t i;
    json_array_foreach(cases, i, c) one_op_golden_case(c, tolerance, (int)i);
    ck_assert_uint_eq(i, 16);
    json_decref(file);
}

#endif
