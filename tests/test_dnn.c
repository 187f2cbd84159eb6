/* test_dnn.c - convolutions by oneDNN against the plain loops, in single precision, at the shapes
 * of the architectures. */
#include "tests/core.h"

#include "base/rng.h"
#include "worker/dnn.h"
#include "worker/op.h"

/* Both sum the same products in another order. For sums of up to a few thousand terms that is off
 * by a few units of 6e-8 times the root of their number, of the sum of all magnitudes. */
static const double tolerance = 1e-5;

enum { CAPACITY = 6, MANY = 32 };

struct shape {
    const char *where;
    int64_t C, H, W, width, kernel, stride, pad, groups;
    bool no_bias;
};

static const struct shape shapes[] = {
    {"resnet18 stem", 3, 32, 32, 64, 3, 1, 1, 1, true},
    {"resnet18 layer1", 64, 32, 32, 64, 3, 1, 1, 1, true},
    {"resnet18 layer2", 64, 32, 32, 128, 3, 2, 1, 1, true},
    {"resnet18 shortcut2", 64, 32, 32, 128, 1, 2, 0, 1, true},
    {"resnet18 layer3", 256, 8, 8, 256, 3, 1, 1, 1, true},
    {"resnet18 layer4", 256, 8, 8, 512, 3, 2, 1, 1, true},
    {"resnet18 shortcut4", 256, 8, 8, 512, 1, 2, 0, 1, true},
    {"resnet18 last", 512, 4, 4, 512, 3, 1, 1, 1, true},
    {"narrow resnet18 layer1", 16, 32, 32, 16, 3, 1, 1, 1, true},
    {"narrow resnet18 layer2", 16, 32, 32, 32, 3, 2, 1, 1, true},
    {"narrow resnet18 odd width", 5, 16, 16, 10, 3, 2, 1, 1, true},
    {"mcnn first", 3, 32, 32, 16, 3, 1, 1, 1, false},
    {"mcnn second", 16, 16, 16, 32, 3, 1, 1, 1, false},
    {"mcnn last", 128, 2, 2, 128, 3, 1, 1, 1, false},
    {"grey images", 1, 28, 28, 32, 3, 1, 1, 1, false},
    {"vgg", 128, 16, 16, 256, 3, 1, 1, 1, false},
    {"vgg last", 512, 2, 2, 512, 3, 1, 1, 1, false},
    {"densenet bottleneck", 88, 16, 16, 48, 1, 1, 0, 1, true},
    {"densenet growth", 48, 16, 16, 12, 3, 1, 1, 1, true},
    {"densenet transition", 300, 8, 8, 150, 1, 1, 0, 1, true},
    {"alexnet first", 3, 63, 63, 64, 11, 4, 2, 1, false},
    {"alexnet second", 64, 15, 15, 192, 5, 1, 2, 1, false},
    {"two groups", 64, 16, 16, 96, 3, 1, 1, 2, false},
    {"groups of odd width", 30, 9, 7, 45, 3, 2, 1, 5, false},
    {"depthwise", 32, 16, 16, 32, 3, 1, 1, 32, true},
    {"no square", 7, 13, 5, 9, 2, 3, 0, 1, false},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

struct rig {
    struct arena arena;
    struct graph g;
    real *x, *dx;
    int64_t inputs, outputs; /* numbers of a sample */
};

static struct rig *rig(const struct shape *s, bool plain, int64_t capacity)
{
    struct err e;
    struct rig *r = calloc(1, sizeof *r);
    struct graph *g = &r->g;
    struct graph_shape input = {3, {s->H, s->W, s->C}, s->H * s->W * s->C};
    struct node_settings set = {.name = "op",
                                .width = s->width,
                                .kernel = s->kernel,
                                .stride = s->stride,
                                .pad = s->pad,
                                .groups = s->groups,
                                .no_bias = s->no_bias};
    setenv("SHOAL_KERNELS", plain ? "plain" : "", 1);
    ck_assert_int_eq(graph_init(g, &r->arena, &input, &e), ERR_OK);
    g->node[0].needs_gradient = true;
    ck_assert_int_eq(graph_add(g, "convolution", set, &e), ERR_OK);
    ck_assert_msg(graph_allocate(g, capacity, &e) == ERR_OK, "%s: %s", s->where, e.text);
    ck_assert(!g->node[1].state == plain);
    r->inputs = input.dim;
    r->outputs = graph_output(g)->shape.dim;
    r->x = arena_array(&r->arena, (size_t)(capacity * r->inputs), sizeof *r->x);
    g->node[0].dy = arena_array(&r->arena, (size_t)(capacity * r->inputs), sizeof *r->dx);
    return r;
}

static void rig_destroy(struct rig *r)
{
    graph_clear(&r->g);
    arena_clear(&r->arena);
    free(r);
}

/* The same few numbers again and again: drawing millions would take longer than the tests. */
static void fill(struct rng *r, bool magnitude, int64_t n, real *out)
{
    enum { DRAWN = 10007 };
    static float drawn[DRAWN];
    rng_normals(r, DRAWN, drawn);
    for (int64_t i = 0; i < n; i++) {
        real x = (real)drawn[i % DRAWN];
        out[i] = magnitude ? fabsf(x) : x;
    }
}

/* Both passes on the same numbers, or their magnitudes. What dw held before is a number too. */
static void run(struct rig *r, int64_t B, bool magnitude, bool accumulate)
{
    struct rng random = rng_stream(1, RNG_TESTING, 0);
    struct graph *g = &r->g;
    fill(&random, magnitude, B * r->inputs, r->x);
    fill(&random, magnitude, g->size, g->w);
    fill(&random, magnitude, g->size, g->dw);
    graph_forward(g, r->x, B, GRAPH_TRAIN);
    fill(&random, magnitude, B * r->outputs, graph_output(g)->dy);
    graph_backward(g, B, accumulate);
}

static void compare(const char *where, const char *what, int64_t n, const real *got,
                    const real *wanted, const real *magnitude)
{
    for (int64_t i = 0; i < n; i++) { /* an assertion that holds is a write to a file */
        double off = fabs((double)got[i] - (double)wanted[i]);
        if (!(off <= tolerance * (double)magnitude[i]))
            ck_abort_msg("%s: %s[%lld] is %.9g, plain %.9g, of terms of %g", where, what,
                         (long long)i, (double)got[i], (double)wanted[i], (double)magnitude[i]);
    }
}

static void check(const struct shape *s)
{
    struct rig *dnn = rig(s, false, CAPACITY), *plain = rig(s, true, CAPACITY),
               *size = rig(s, true, CAPACITY);
    const int64_t Bs[] = {CAPACITY, 3, 1};
    for (int k = 0; k < 3; k++) {
        int64_t B = Bs[k];
        bool accumulate = k == 1;
        run(dnn, B, false, accumulate);
        run(plain, B, false, accumulate);
        run(size, B, true, accumulate);
        compare(s->where, "y", B * dnn->outputs, dnn->g.node[1].y, plain->g.node[1].y,
                size->g.node[1].y);
        compare(s->where, "dx", B * dnn->inputs, dnn->g.node[0].dy, plain->g.node[0].dy,
                size->g.node[0].dy);
        for (int p = 0; p < dnn->g.n_params; p++) {
            const struct param *param = &dnn->g.param[p];
            compare(s->where, param->name, param->rows * param->cols, dnn->g.dw + param->offset,
                    plain->g.dw + param->offset, size->g.dw + param->offset);
        }
    }
    rig_destroy(dnn);
    rig_destroy(plain);
    rig_destroy(size);
}

START_TEST(test_onednn_agrees_with_plain_loops)
{
    check(&shapes[_i]);
}
END_TEST

/* Evaluation cuts its samples into pieces: the cut must not show. */
START_TEST(test_outputs_do_not_depend_on_the_batch)
{
    static const int64_t Bs[] = {1, 2, 5, 16};
    const struct shape *s = &shapes[_i];
    struct rng random = rng_stream(1, RNG_TESTING, 0);
    struct rig *r = rig(s, false, MANY);
    size_t numbers = (size_t)(MANY * r->outputs);
    real *whole = malloc(numbers * sizeof *whole);
    fill(&random, false, MANY * r->inputs, r->x);
    fill(&random, false, r->g.size, r->g.w);
    graph_forward(&r->g, r->x, MANY, GRAPH_EVAL);
    memcpy(whole, graph_output(&r->g)->y, numbers * sizeof *whole);
    for (size_t k = 0; k < sizeof Bs / sizeof *Bs; k++) {
        int64_t first = MANY - Bs[k];
        graph_forward(&r->g, r->x + first * r->inputs, Bs[k], GRAPH_EVAL);
        size_t same = (size_t)(Bs[k] * r->outputs) * sizeof *whole;
        ck_assert_msg(!memcmp(whole + first * r->outputs, graph_output(&r->g)->y, same),
                      "%s: other bits in a batch of %lld", s->where, (long long)Bs[k]);
    }
    free(whole);
    rig_destroy(r);
}
END_TEST

START_TEST(test_two_runs_give_the_same_bits)
{
    const struct shape *s = &shapes[_i];
    struct rig *a = rig(s, false, CAPACITY), *b = rig(s, false, CAPACITY);
    run(b, 3, false, false); /* other code is there already */
    run(a, CAPACITY, false, false);
    run(b, CAPACITY, false, false);
    size_t inputs = (size_t)(CAPACITY * a->inputs), outputs = (size_t)(CAPACITY * a->outputs);
    ck_assert_mem_eq(a->g.node[1].y, b->g.node[1].y, outputs * sizeof(real));
    ck_assert_mem_eq(a->g.node[0].dy, b->g.node[0].dy, inputs * sizeof(real));
    ck_assert_mem_eq(a->g.dw, b->g.dw, (size_t)a->g.size * sizeof(real));
    rig_destroy(a);
    rig_destroy(b);
}
END_TEST

START_TEST(test_name_says_what_works)
{
    setenv("SHOAL_KERNELS", "", 1);
    ck_assert_ptr_nonnull(strstr(dnn_name(), dnn_available() ? "oneDNN" : "plain"));
    setenv("SHOAL_KERNELS", "plain", 1);
    ck_assert(!dnn_available());
    ck_assert_str_eq(dnn_name(), "plain");
}
END_TEST

START_TEST(test_unknown_kernels_are_an_error)
{
    struct err e;
    setenv("SHOAL_KERNELS", "quick", 1);
    ck_assert_int_eq(dnn_check(&e), ERR_ENV);
    ck_assert_ptr_nonnull(strstr(e.text, "SHOAL_KERNELS"));
    ck_assert_ptr_nonnull(strstr(e.text, "quick"));
    setenv("SHOAL_KERNELS", "plain", 1);
    ck_assert_int_eq(dnn_check(&e), ERR_OK);
    setenv("SHOAL_KERNELS", "onednn", 1);
    ck_assert_int_eq(dnn_check(&e), dnn_available() ? ERR_OK : ERR_ENV);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oneDNN");
    TCase *t = check_case(s, "oneDNN");
    tcase_add_test(t, test_name_says_what_works);
    tcase_add_test(t, test_unknown_kernels_are_an_error);
    if (dnn_available()) {
        tcase_add_loop_test(t, test_onednn_agrees_with_plain_loops, 0, SHAPES);
        tcase_add_loop_test(t, test_outputs_do_not_depend_on_the_batch, 0, SHAPES);
        tcase_add_loop_test(t, test_two_runs_give_the_same_bits, 0, SHAPES);
    }
    return check_run(s);
}
