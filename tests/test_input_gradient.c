/* test_input_gradient.c - gradients by the samples against finite differences, in double: as in
 * training, from layers inside, with all parameters frozen, and the memory that they take. */
#include "tests/core.h"

#include "base/rng.h"

enum { B = 3, CHECKED = 40 /* numbers of a network's samples */ };

/* Central differences in double, see test_gradients.c. */
static const double h = 1e-5;

static const struct input_case {
    const char *settings, *inner; /* a layer inside */
    struct graph_shape input;
} cases[] = {
    {"model.kind=mlp model.depth=2 model.width=5 model.norm=batch", "hidden.1", {1, {7}, 7}},
    {"model.kind=mlp model.depth=2 model.width=5 model.norm=layer", "hidden.1", {1, {7}, 7}},
    {"model.kind=two_layer model.width=6", "hidden.1", {3, {2, 3, 3}, 18}},
    {"model.kind=random_features model.width=6", "hidden.1", {1, {5}, 5}},
    {"model.kind=mcnn model.width=2", "hidden.1", {3, {3, 16, 16}, 768}},
    {"model.kind=preresnet18 model.width=2", "layer2", {3, {3, 8, 8}, 192}},
    {"model.kind=vit model.depth=2 model.width=8 model.heads=2 model.patch=4 model.mlp_width=8",
     "hidden.1",
     {3, {3, 8, 8}, 192}},
};
enum { CASES = sizeof cases / sizeof *cases };

struct net {
    struct arena arena;
    struct graph g;
    real *x;
};

/* Running averages are drawn too, small ones: with those of the start, 0 and 1, a narrow
 * network's gradient vanishes in evaluation. */
static void draw(const struct config *c, struct net *n)
{
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    param_init(c, 5, n->g.n_params, n->g.param, n->g.w);
    for (int p = 0; p < n->g.n_params; p++)
        for (int64_t i = 0; n->g.param[p].average && i < n->g.param[p].rows; i++)
            n->g.w[n->g.param[p].offset + i] = 0.05 * (0.5 + rng_uniform(&r));
    for (int64_t i = 0; i < B * n->g.node[0].shape.dim; i++) n->x[i] = (real)rng_normal(&r);
}

static struct net *net(const struct input_case *k, bool frozen, bool wants)
{
    struct err e;
    struct net *n = calloc(1, sizeof *n);
    struct config c = core_config();
    core_set(&c, k->settings);
    c.model.activation = core_row(&activations, "gelu"); /* no kinks */
    ck_assert_msg(model_build(&c, &k->input, 3, &n->arena, &n->g, &e) == ERR_OK, "%s", e.text);
    for (int p = 0; frozen && p < n->g.n_params; p++) graph_freeze(&n->g, p);
    if (wants) graph_want_input(&n->g);
    ck_assert_int_eq(graph_allocate(&n->g, B, &e), ERR_OK);
    n->x = arena_array(&n->arena, (size_t)(B * k->input.dim), sizeof *n->x);
    draw(&c, n);
    return n;
}

static void destroy(struct net *n)
{
    graph_clear(&n->g);
    arena_clear(&n->arena);
    free(n);
}

/* The output times fixed numbers, also as its gradient. Running averages stay as they were. */
static double loss(struct net *n, enum graph_mode mode)
{
    struct node *out = graph_output(&n->g);
    struct rng r = rng_stream(1, RNG_TESTING, 1);
    size_t bytes = (size_t)n->g.size * sizeof *n->g.w;
    real *w = malloc(bytes);
    double sum = 0;
    memcpy(w, n->g.w, bytes);
    graph_forward(&n->g, n->x, B, mode);
    memcpy(n->g.w, w, bytes);
    free(w);
    for (int64_t i = 0; i < B * out->shape.dim; i++) {
        out->dy[i] = (real)rng_normal(&r);
        sum += out->dy[i] * out->y[i];
    }
    return sum;
}

static real *gradient(struct net *n, enum graph_mode mode)
{
    size_t bytes = (size_t)(B * n->g.node[0].shape.dim) * sizeof(real);
    real *dx = malloc(bytes);
    loss(n, mode);
    graph_backward(&n->g, B, false);
    return memcpy(dx, n->g.node[0].dy, bytes);
}

static double difference(struct net *n, enum graph_mode mode, real *x, double step)
{
    real at = *x;
    *x = at + step;
    double up = loss(n, mode);
    *x = at - step;
    double down = loss(n, mode);
    *x = at;
    return (up - down) / (2 * step);
}

/* Two steps that disagree straddle a jump of max pooling, which must be rare. */
static void check(struct net *n, enum graph_mode mode, const char *what)
{
    int64_t size = B * n->g.node[0].shape.dim;
    int kinks = 0, checked = 0;
    double largest = 0;
    real *dx = gradient(n, mode);
    for (int64_t i = 0; i < size; i += 1 + size / CHECKED) {
        double wanted = difference(n, mode, &n->x[i], h), got = dx[i];
        double tolerated = 1e-6 * (1 + fabs(wanted));
        checked++;
        largest = fmax(largest, fabs(got));
        if (fabs(difference(n, mode, &n->x[i], h / 4) - wanted) > tolerated && ++kinks)
            continue;
        ck_assert_msg(fabs(got - wanted) < 2 * tolerated,
                      "%s, mode %d: dx[%lld]: %.12g, not %.12g", what, (int)mode, (long long)i,
                      got, wanted);
    }
    ck_assert_msg(10 * kinks <= checked, "%s: %d of %d lie at kinks", what, kinks, checked);
    ck_assert_msg(largest > 1e-3, "%s: the gradient vanishes: nothing was tested", what);
    free(dx);
}

START_TEST(test_samples_match_differences)
{
    struct net *n = net(&cases[_i], false, true);
    check(n, GRAPH_EVAL, cases[_i].settings);
    check(n, GRAPH_TRAIN, cases[_i].settings);
    n->g.output = graph_layer(&n->g, cases[_i].inner);
    ck_assert_msg(n->g.output > 0, "%s: no %s", cases[_i].settings, cases[_i].inner);
    check(n, GRAPH_EVAL, cases[_i].inner);
    destroy(n);
}
END_TEST

START_TEST(test_frozen_network_gives_the_same)
{
    struct net *n = net(&cases[_i], false, true), *frozen = net(&cases[_i], true, true);
    real *a = gradient(n, GRAPH_EVAL), *b = gradient(frozen, GRAPH_EVAL);
    ck_assert_mem_eq(a, b, (size_t)(B * n->g.node[0].shape.dim) * sizeof *a);
    for (int64_t i = 0; i < frozen->g.size; i++) ck_assert(frozen->g.dw[i] == 0);
    free(a);
    free(b);
    destroy(n);
    destroy(frozen);
}
END_TEST

/* Training is as it was: the gradients by the parameters have the same bits. */
START_TEST(test_parameters_see_no_difference)
{
    struct net *n = net(&cases[_i], false, true), *plain = net(&cases[_i], false, false);
    ck_assert(plain->g.node[0].dy == NULL);
    loss(plain, GRAPH_TRAIN);
    graph_backward(&plain->g, B, false);
    free(gradient(n, GRAPH_TRAIN));
    ck_assert_mem_eq(n->g.dw, plain->g.dw, (size_t)n->g.size * sizeof *n->g.dw);
    double more = graph_bytes(&n->g, B) - graph_bytes(&plain->g, B);
    ck_assert_double_ge(more, (double)(B * n->g.node[0].shape.dim) * sizeof(real));
    destroy(n);
    destroy(plain);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("input_gradient");
    TCase *t = check_case(s, "input_gradient");
    tcase_add_loop_test(t, test_samples_match_differences, 0, CASES);
    tcase_add_loop_test(t, test_frozen_network_gives_the_same, 0, CASES);
    tcase_add_loop_test(t, test_parameters_see_no_difference, 0, CASES);
    return check_run(s);
}
