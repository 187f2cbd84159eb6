/* test_visualise.c - gradients by the input, and images that follow them. In double. */
#include "tests/core.h"

#include "base/rng.h"
#include "worker/visualise.h"

enum { B = 2 };

static struct err e;

/* A network that wants the gradient by its input, with weights drawn. */
struct net {
    struct arena arena;
    struct graph g;
    struct config c;
};

static void build(struct net *n, const char *settings, struct graph_shape input)
{
    memset(n, 0, sizeof *n);
    n->c = core_config();
    core_set(&n->c, settings);
    ck_assert_msg(model_build(&n->c, &input, 3, &n->arena, &n->g, &e) == ERR_OK, "%s", e.text);
    graph_want_input(&n->g);
    ck_assert_int_eq(graph_allocate(&n->g, B, &e), ERR_OK);
    param_init(&n->c, 5, n->g.n_params, n->g.param, n->g.w);
}

static void destroy(struct net *n)
{
    graph_clear(&n->g);
    arena_clear(&n->arena);
}

static struct graph_shape image(int64_t planes, int64_t side)
{
    return (struct graph_shape){3, {planes, side, side}, planes * side * side};
}

/* Sum of the outputs, weighted so that none is like another. */
static double weighted(struct net *n, const real *x)
{
    double sum = 0;
    graph_forward(&n->g, x, B, GRAPH_EVAL);
    struct node *out = graph_output(&n->g);
    for (int64_t i = 0; i < B * out->shape.dim; i++) {
        sum += (double)(i + 1) * (double)out->y[i];
        out->dy[i] = (real)(i + 1);
    }
    return sum;
}

START_TEST(test_gradients_by_the_input)
{
    static const struct {
        const char *settings;
        int planes, side;
    } cases[] = {{"model.kind=mlp model.depth=2 model.width=5 model.activation=tanh", 2, 3},
                 {"model.kind=two_layer model.width=7 model.activation=gelu", 1, 4},
                 {"model.kind=linear", 1, 3},
                 {"model.kind=mcnn model.width=2 model.activation=silu", 3, 16},
                 {"model.kind=preresnet18 model.width=2 model.activation=silu", 3, 8},
                 {"model.kind=vit model.depth=1 model.width=8 model.heads=2 model.patch=4 "
                  "model.activation=gelu",
                  3, 8}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct net n;
        build(&n, cases[k].settings, image(cases[k].planes, cases[k].side));
        int64_t dim = B * n.g.node[0].shape.dim;
        real *x = malloc((size_t)dim * sizeof *x), *dx = malloc((size_t)dim * sizeof *dx);
        struct rng r = rng_stream(3, RNG_TESTING, k);
        for (int64_t i = 0; i < dim; i++) x[i] = (real)rng_normal(&r);
        weighted(&n, x);
        graph_backward(&n.g, B, false);
        memcpy(dx, n.g.node[0].dy, (size_t)dim * sizeof *dx);
        for (int64_t i = 0; i < dim; i += 1 + dim / 40) {
            const double h = 1e-5;
            real at = x[i];
            x[i] = at + (real)h;
            double above = weighted(&n, x);
            x[i] = at - (real)h;
            double slope = (above - weighted(&n, x)) / (2 * h);
            x[i] = at;
            ck_assert_msg(fabs(slope - (double)dx[i]) < 1e-6 * (1 + fabs(slope)),
                          "%s: %lld: %.9g, not %.9g", cases[k].settings, (long long)i,
                          (double)dx[i], slope);
        }
        free(x);
        free(dx);
        destroy(&n);
    }
}
END_TEST

/* The image of output k of a linear network goes along the signs of its weights. */
START_TEST(test_images_follow_the_weights)
{
    struct net n;
    struct visualise_settings s = visualise_defaults();
    build(&n, "model.kind=linear", image(1, 6));
    int64_t images = 3, agree = 0;
    float out[3 * 36];
    s.rounds = 1;
    s.steps = 50;
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "logits", &s, 9, &images, out, &e), ERR_OK);
    ck_assert_int_eq(images, 3);
    const real *w = n.g.w + n.g.param[0].offset;
    for (int i = 0; i < 3 * 36; i++) {
        ck_assert(out[i] >= -1 && out[i] <= 1);
        agree += (out[i] > 0) == (w[i] > 0);
    }
    ck_assert_int_gt(agree, 95); /* those of small weight are still on their way */
    destroy(&n);
}
END_TEST

/* A network that sees red alone: its images are red, and not the more blurred ones less so. */
START_TEST(test_images_have_the_colour_that_is_seen)
{
    struct net n;
    struct visualise_settings s = visualise_defaults();
    const double red[3] = {255, 0, 0}, green[3] = {0, 255, 0}, grey[3] = {7, 7, 7};
    build(&n, "model.kind=mlp model.depth=1 model.width=4 model.activation=identity",
          image(3, 8));
    real *w = n.g.w + n.g.param[0].offset;
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 192; j++) w[k * 192 + j] = j < 64 ? 1 : 0;
    int64_t images = 2;
    float out[2 * 192], again[2 * 192];
    s.rounds = 2;
    s.steps = 30;
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "hidden.1", &s, 9, &images, out, &e),
                     ERR_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_gt(visualise_colour(out + i * 192, 64, red), 0.5);
        ck_assert_double_lt(visualise_colour(out + i * 192, 64, green), 0);
        ck_assert(visualise_colour(out + i * 192, 64, grey) == 0);
    }
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "hidden.1", &s, 9, &images, again, &e),
                     ERR_OK);
    ck_assert_mem_eq(out, again, sizeof out);
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "hidden.7", &s, 9, &images, again, &e),
                     ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "layer: unknown layer 'hidden.7'") == e.text, "%s", e.text);
    destroy(&n);
}
END_TEST

/* The same in plain loops, of a linear network: its gradient is a row of weights. */
static void twin(const struct visualise_settings *s, const real *w, int side, int channel,
                 double *pixel)
{
    enum { MOST = 64 };
    double m[MOST], v[MOST], before[MOST], scale = s->high - s->low;
    int d = side * side;
    struct rng r = rng_stream(9, RNG_VISUAL, (uint64_t)channel);
    for (int j = 0; j < d; j++) pixel[j] = (rng_uniform(&r) * 20 + 128) / 255;
    for (int round = 0; round < 4; round++) {
        for (int j = 0; j < d; j++) m[j] = v[j] = 0;
        for (int t = 1; t <= (round < 2 ? 10 : 13); t++) {
            double norm = 0;
            for (int j = 0; j < d; j++) norm += (pixel[j] - 0.5) * (pixel[j] - 0.5);
            for (int j = 0; j < d; j++) {
                double g = s->penalty * (pixel[j] - 0.5) / sqrt(norm) - scale * w[j];
                m[j] += 0.1 * (g - m[j]);
                v[j] += 0.001 * (g * g - v[j]);
                before[j] =
                    m[j] / (1 - pow(0.9, t)) / (sqrt(v[j] / (1 - pow(0.999, t))) + 1e-8);
            }
            for (int j = 0; j < d; j++) pixel[j] -= s->lr * before[j];
        }
        memcpy(before, pixel, (size_t)d * sizeof *before);
        for (int j = 0; j < d && round < 3; j++) {
            double sum = 0, n = 0;
            for (int k = 0; k < d; k++)
                if (abs(k / side - j / side) <= 2 && abs(k % side - j % side) <= 2)
                    sum += before[k], n++;
            pixel[j] = sum / n;
        }
    }
}

START_TEST(test_images_are_those_of_plain_loops)
{
    struct net n;
    struct visualise_settings s = visualise_defaults();
    build(&n, "model.kind=linear", image(1, 6));
    int64_t images = 3;
    float out[3 * 36];
    double wanted[36];
    s.rounds = 4;
    s.steps = 10;
    s.clip = false;
    s.low = -0.5;
    s.high = 2;
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "logits", &s, 9, &images, out, &e), ERR_OK);
    for (int k = 0; k < 3; k++) {
        twin(&s, n.g.w + n.g.param[0].offset + k * 36, 6, k, wanted);
        for (int j = 0; j < 36; j++) /* what is handed out is in single precision */
            ck_assert_double_eq_tol((double)out[k * 36 + j], -0.5 + 2.5 * wanted[j], 1e-5);
    }
    destroy(&n);
}
END_TEST

START_TEST(test_nan_stays_in_images)
{
    struct net n;
    struct visualise_settings s = visualise_defaults();
    build(&n, "model.kind=linear", image(1, 4));
    n.g.w[n.g.param[0].offset + 5] = (real)NAN;
    int64_t images = 1;
    float out[16];
    s.rounds = 1;
    s.steps = 2;
    ck_assert_int_eq(visualise(&n.g, &n.c, "layer", "logits", &s, 9, &images, out, &e), ERR_OK);
    ck_assert(isnan(out[5]));
    destroy(&n);
}
END_TEST

START_TEST(test_what_has_no_images_is_refused)
{
    struct net n;
    int node;
    build(&n, "model.kind=linear", image(1, 4));
    ck_assert_int_eq(visualise_layer(&n.g, "key", "input", &node, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "key: the input") == e.text, "%s", e.text);
    ck_assert_int_eq(visualise_layer(&n.g, "key", "logits", &node, &e), ERR_OK);
    destroy(&n);
    build(&n, "model.kind=transformer model.tokens=3 model.width=8 model.heads=2",
          (struct graph_shape){1, {4}, 4});
    ck_assert_int_eq(visualise_layer(&n.g, "key", "logits", &node, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "key: this model takes numbers") == e.text, "%s", e.text);
    destroy(&n);
}
END_TEST

START_TEST(test_blur)
{
    real plane[3 * 7], room[3 * 7];
    for (int i = 0; i < 21; i++) plane[i] = i == 0 ? 1 : 0;
    visualise_blur(3, 7, plane, room);
    /* the corner's pixel lies in the boxes of rows 0..2 and columns 0..2, which hold 3 rows and
     * 3, 4 or 5 columns */
    for (int i = 0; i < 21; i++) {
        int x = i % 7;
        double wanted = x > 2 ? 0 : 1 / (3. * (3 + x));
        ck_assert_double_eq_tol((double)plane[i], wanted, 1e-15);
    }
}
END_TEST

START_TEST(test_colour)
{
    const float image_[] = {1, 1, 0, 0, 0.5, 0.5}; /* red 1, green 0, blue 1/2 */
    const double red[3] = {2, 1, 1};
    /* direction (2, -1, -1) / sqrt 6; colour less grey (1/2, -1/2, 0) */
    ck_assert_double_eq_tol(visualise_colour(image_, 2, red), 1.5 / sqrt(6), 1e-7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("visualise");
    TCase *t = check_case(s, "visualise");
    tcase_add_test(t, test_gradients_by_the_input);
    tcase_add_test(t, test_images_follow_the_weights);
    tcase_add_test(t, test_images_have_the_colour_that_is_seen);
    tcase_add_test(t, test_images_are_those_of_plain_loops);
    tcase_add_test(t, test_nan_stays_in_images);
    tcase_add_test(t, test_what_has_no_images_is_refused);
    tcase_add_test(t, test_blur);
    tcase_add_test(t, test_colour);
    return check_run(s);
}
