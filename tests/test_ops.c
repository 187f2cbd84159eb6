/* test_ops.c - every operation's gradients against finite differences, in double. An operation
 * without a case below fails the last test. */
#include "tests/core.h"

#include "base/rng.h"
#include "worker/op.h"

enum { B = 3, CAPACITY = 4, IDS = 5 };

/* Central differences in double: truncation h^2 f'''/6 and rounding 1e-16/h balance near 1e-5,
 * at about 1e-10 for numbers of order 1. Wrong gradients are off by far more than 1e-7. */
static const double h = 1e-5, tolerance = 1e-7;

/* One operation on samples of a shape. One with two inputs takes as its second what a linear
 * map, or a convolution of a pixel, makes of the first: of `also` features. */
struct op_case {
    const char *op;
    struct graph_shape input;
    struct node_settings set;
    int64_t also;
};

#define IMAGE(h, w, c)                                                                         \
    {                                                                                          \
        3, {h, w, c}, (h) * (w) * (c)                                                          \
    }
#define TOKENS(t, d)                                                                           \
    {                                                                                          \
        2, {t, d}, (t) * (d)                                                                   \
    }
#define VECTOR(d)                                                                              \
    {                                                                                          \
        1, {d}, d                                                                              \
    }

static const struct op_case cases[] = {
    {"dense", VECTOR(5), {.width = 3}, 0},
    {"dense", TOKENS(2, 3), {.width = 4, .no_bias = true}, 0},
    {"activation", VECTOR(6), {.leak = 0.3}, 0},
    {"scale", VECTOR(6), {.scale = 2.5}, 0},
    {"patches", IMAGE(4, 6, 3), {.kernel = 2}, 0},
    {"class_token", TOKENS(3, 4), {0}, 0},
    {"position", TOKENS(3, 4), {0}, 0},
    {"layer_norm", TOKENS(3, 5), {0}, 0},
    {"attention", TOKENS(4, 12), {.heads = 2, .causal = true}, 0},
    {"dropout", TOKENS(3, 4), {.rate = 0.4}, 0},
    {"first_token", TOKENS(3, 4), {0}, 0},
    {"last_token", TOKENS(3, 4), {0}, 0},
    {"mean_tokens", TOKENS(3, 4), {0}, 0},
    {"l2_normalise", TOKENS(3, 4), {.scale = 2.5}, 0},
    {"channels_last", IMAGE(2, 4, 3), {0}, 0},
    {"channels_last", IMAGE(3, 17, 19), {0}, 0},
    {"flatten", IMAGE(2, 4, 3), {0}, 0},
    {"flatten", TOKENS(4, 3), {0}, 0},
    {"flatten", VECTOR(5), {0}, 0},
    {"convolution", IMAGE(5, 4, 3), {.width = 2, .kernel = 3, .pad = 1}, 0},
    {"convolution", IMAGE(5, 7, 2), {.width = 3, .kernel = 2, .stride = 2, .no_bias = true}, 0},
    {"convolution",
     IMAGE(5, 5, 4),
     {.width = 6, .kernel = 3, .stride = 2, .pad = 1, .groups = 2},
     0},
    {"convolution", IMAGE(4, 4, 3), {.width = 3, .kernel = 3, .pad = 2, .groups = 3}, 0},
    {"convolution", IMAGE(3, 3, 4), {.width = 5, .kernel = 1, .no_bias = true}, 0},
    {"convolution", IMAGE(7, 7, 1), {.width = 2, .kernel = 5, .stride = 3, .pad = 2}, 0},
    {"batch_norm", VECTOR(3), {0}, 0},
    {"batch_norm", TOKENS(4, 3), {0}, 0},
    {"batch_norm", IMAGE(5, 3, 2), {0}, 0},
    {"max_pool", IMAGE(4, 6, 3), {.kernel = 2}, 0},
    {"max_pool", IMAGE(5, 5, 2), {.kernel = 3, .stride = 2, .pad = 1}, 0},
    {"average_pool", IMAGE(4, 7, 3), {.kernel = 2}, 0},
    {"average_pool", IMAGE(5, 5, 2), {.kernel = 3, .stride = 2, .pad = 1}, 0},
    {"global_max_pool", IMAGE(3, 4, 5), {0}, 0},
    {"global_max_pool", TOKENS(3, 2), {0}, 0},
    {"global_average_pool", IMAGE(3, 4, 5), {0}, 0},
    {"add", VECTOR(4), {0}, 4},
    {"add", IMAGE(2, 3, 4), {0}, 4},
    {"concat", VECTOR(3), {0}, 2},
    {"concat", TOKENS(2, 3), {0}, 4},
    {"concat", IMAGE(2, 3, 4), {0}, 1},
    {"patches", IMAGE(4, 6, 3), {.kernel = 2}, 0},
    {"patches", IMAGE(3, 3, 1), {.kernel = 1}, 0},
    {"embedding", VECTOR(7), {.tokens = IDS, .width = 3}, 0},
    {"class_token", TOKENS(3, 4), {0}, 0},
    {"class_token", TOKENS(1, 1), {.frozen = true}, 0},
    {"position", TOKENS(3, 4), {0}, 0},
    {"position", TOKENS(3, 4), {.frozen = true}, 0},
    {"layer_norm", VECTOR(5), {0}, 0},
    {"layer_norm", TOKENS(3, 35), {0}, 0},
    {"layer_norm", IMAGE(2, 2, 4), {.frozen = true}, 0},
    {"attention", TOKENS(4, 12), {.heads = 2}, 0},
    {"attention", TOKENS(19, 6), {.heads = 1, .scale = 0.3}, 0},
    {"attention", TOKENS(4, 18), {.heads = 3, .causal = true}, 0},
    {"dropout", VECTOR(7), {.rate = 0.4}, 0},
    {"dropout", IMAGE(2, 3, 4), {.rate = 0.1}, 0},
    {"dropout", TOKENS(2, 3), {0}, 0},
    {"first_token", TOKENS(3, 4), {0}, 0},
    {"last_token", TOKENS(3, 4), {0}, 0},
    {"mean_tokens", TOKENS(6, 4), {0}, 0},
    {"l2_normalise", VECTOR(5), {0}, 0},
    {"l2_normalise", TOKENS(3, 35), {.scale = 2.5}, 0},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* A graph of one operation. Its loss is the sum of the output times fixed numbers. */
struct rig {
    struct arena arena;
    struct graph g;
    real *x, *dx, *factor;
};

static void fill(struct rng *r, int64_t n, real *out)
{
    for (int64_t i = 0; i < n; i++) out[i] = (real)rng_normal(r);
}

static struct rig *rig(const struct op_case *c)
{
    struct err e;
    struct rig *r = calloc(1, sizeof *r);
    struct graph *g = &r->g;
    struct node_settings set = c->set;
    set.name = "op";
    if (strcmp(c->op, "activation") == 0)
        set.activation = (const void *)table_row(&activations, core_row(&activations, "tanh"));
    ck_assert_int_eq(graph_init(g, &r->arena, &c->input, &e), ERR_OK);
    bool ids = strcmp(c->op, "embedding") == 0; /* a gradient by them makes no sense */
    g->node[0].needs_gradient = !ids;
    if (c->also) {
        struct node_settings also = {.name = "also", .width = c->also, .kernel = 1};
        const char *op = c->input.n_dims == 3 ? "convolution" : "dense";
        ck_assert_int_eq(graph_add(g, op, also, &e), ERR_OK);
        set.also = g->output;
    }
    ck_assert_msg(graph_add(g, c->op, set, &e) == ERR_OK, "%s: %s", c->op, e.text);
    ck_assert_int_eq(graph_allocate(g, CAPACITY, &e), ERR_OK);
    struct rng random = rng_stream(1, RNG_TESTING, 0);
    int64_t inputs = B * c->input.dim, outputs = B * graph_output(g)->shape.dim;
    r->x = malloc((size_t)inputs * sizeof *r->x);
    r->dx = malloc((size_t)(CAPACITY * c->input.dim) * sizeof *r->dx);
    r->factor = malloc((size_t)outputs * sizeof *r->factor);
    if (!g->node[0].dy) g->node[0].dy = r->dx;
    fill(&random, inputs, r->x);
    for (int64_t i = 0; ids && i < inputs; i++) r->x[i] = (real)(i * i % (IDS - 1));
    fill(&random, outputs, r->factor);
    fill(&random, g->size, g->w);
    for (int p = 0; p < g->n_params; p++) /* a variance is none below 0 */
        for (int64_t i = 0; g->param[p].average && i < g->param[p].rows; i++)
            g->w[g->param[p].offset + i] = 0.5 + fabs(g->w[g->param[p].offset + i]);
    return r;
}

static void rig_destroy(struct rig *r)
{
    graph_clear(&r->g);
    arena_clear(&r->arena);
    free(r->x);
    free(r->dx);
    free(r->factor);
    free(r);
}

/* Running averages stay as they were: the loss is a function. */
static double loss(struct rig *r, enum graph_mode mode)
{
    struct graph *g = &r->g;
    real *before = malloc((size_t)g->size * sizeof *before);
    memcpy(before, g->w, (size_t)g->size * sizeof *before);
    graph_forward(g, r->x, B, mode);
    memcpy(g->w, before, (size_t)g->size * sizeof *before);
    free(before);
    double sum = 0;
    for (int64_t i = 0; i < B * graph_output(g)->shape.dim; i++)
        sum += r->factor[i] * graph_output(g)->y[i];
    return sum;
}

static void backward(struct rig *r, enum graph_mode mode, bool accumulate)
{
    loss(r, mode);
    struct node *out = graph_output(&r->g);
    memcpy(out->dy, r->factor, (size_t)(B * out->shape.dim) * sizeof *out->dy);
    graph_backward(&r->g, B, accumulate);
}

static double difference(struct rig *r, enum graph_mode mode, real *at)
{
    real middle = *at;
    *at = middle + h;
    double up = loss(r, mode);
    *at = middle - h;
    double down = loss(r, mode);
    *at = middle;
    return (up - down) / (2 * h);
}

static void check(const struct op_case *c, int number, enum graph_mode mode)
{
    struct rig *r = rig(c);
    struct graph *g = &r->g;
    backward(r, mode, true);
    backward(r, mode, false); /* replaces what is there */
    int64_t inputs = B * c->input.dim;
    real *dx = malloc((size_t)inputs * sizeof *dx), *dw = malloc((size_t)g->size * sizeof *dw);
    memcpy(dx, g->node[0].dy, (size_t)inputs * sizeof *dx);
    memcpy(dw, g->dw, (size_t)g->size * sizeof *dw);
    for (int64_t i = 0; g->node[0].needs_gradient && i < inputs; i++) {
        double wanted = difference(r, mode, &r->x[i]);
        ck_assert_msg(fabs(dx[i] - wanted) < tolerance,
                      "case %d, %s, mode %d: dx[%lld] is %.12g, should be %.12g", number, c->op,
                      (int)mode, (long long)i, dx[i], wanted);
    }
    for (int p = 0; p < g->n_params; p++)
        for (int64_t i = 0; i < g->param[p].rows * g->param[p].cols; i++) {
            int64_t k = g->param[p].offset + i;
            double wanted = g->param[p].trained ? difference(r, mode, &g->w[k]) : 0;
            ck_assert_msg(fabs(dw[k] - wanted) < tolerance,
                          "case %d, %s, mode %d: d%s[%lld] is %.12g, should be %.12g", number,
                          c->op, (int)mode, g->param[p].name, (long long)i, dw[k], wanted);
        }
    backward(r, mode, true);
    for (int64_t k = 0; k < g->size; k++) /* twice the same, from the same */
        ck_assert_msg(fabs(g->dw[k] - 2 * dw[k]) < tolerance, "case %d, %s: does not add up",
                      number, c->op);
    free(dx);
    free(dw);
    rig_destroy(r);
}

START_TEST(test_gradients_match_differences)
{
    for (int i = 0; i < CASES; i++) {
        check(&cases[i], i, GRAPH_EVAL);
        check(&cases[i], i, GRAPH_TRAIN);
    }
}
END_TEST

START_TEST(test_every_operation_has_a_case)
{
    for (int row = 1; row < ops.count; row++) {
        /* numbers of tokens have no derivative: test_ops_tokens.c */
        int found = strcmp(table_row(&ops, row)->name, "embedding") == 0;
        for (int i = 0; i < CASES; i++)
            found += strcmp(cases[i].op, table_row(&ops, row)->name) == 0;
        ck_assert_msg(found > 0, "no case for '%s'", table_row(&ops, row)->name);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ops");
    TCase *t = check_case(s, "ops");
    tcase_add_test(t, test_gradients_match_differences);
    tcase_add_test(t, test_every_operation_has_a_case);
    return check_run(s);
}
