/* test_gradients.c - every activation, loss and model against finite differences, in double. */
#include "tests/core.h"

#include "base/rng.h"

enum { DIM = 3, B = 6 }; /* B is even: pairs */

/* Central differences in double: truncation h^2 f'''/6 and rounding 1e-16/h balance near 1e-5,
 * at about 1e-10. Wrong gradients are off by far more than 1e-7. */
static const double h = 1e-5, tolerance = 1e-7;

struct sample {
    real x[B * DIM];
    int32_t label[B];
};

static struct sample sample(int64_t classes)
{
    struct sample s;
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < B * DIM; i++) s.x[i] = (real)rng_normal(&r);
    for (int i = 0; i < B; i++) s.label[i] = (int32_t)rng_below(&r, (uint64_t)classes);
    return s;
}

/* Smallest distance of any number that a kink stands at: an activation's input or a margin - 1.
 * Closer than a few h, a difference would straddle it. */
static double nearest_kink(const struct core_net *n, const int32_t *label)
{
    double nearest = INFINITY;
    for (int i = 1; i < n->g.n_nodes; i++) {
        const struct node *node = &n->g.node[i];
        if (!node->set.activation) continue;
        const real *x = n->g.node[node->set.input].y;
        for (int64_t j = 0; j < B * node->shape.dim; j++) nearest = fmin(nearest, fabs(x[j]));
    }
    for (int i = 0; n->outputs == 1 && i < B; i++) {
        double y = label[i] == 1 ? 1 : -1;
        nearest = fmin(nearest, fabs(1 - y * graph_output(&n->g)->y[i]));
    }
    return nearest;
}

static void check_gradient(const struct config *c, int64_t classes, const char *what)
{
    struct core_net *n = core_net(c, DIM, classes, B);
    struct sample s = sample(classes);
    uint64_t seed = 0;
    do { /* weights at which no sample is near a kink */
        ck_assert_uint_lt(seed, 100);
        param_init(c, seed++, n->g.n_params, n->g.param, n->g.w);
        core_loss(n, s.x, s.label, B, true);
    } while (nearest_kink(n, s.label) < 20 * h);

    double *gradient = malloc((size_t)n->g.size * sizeof *gradient), largest = 0;
    for (int64_t i = 0; i < n->g.size; i++) gradient[i] = n->g.dw[i];
    for (int p = 0; p < n->g.n_params; p++) {
        const struct param *param = &n->g.param[p];
        for (int64_t i = 0; i < param->rows * param->cols; i++) {
            real *w = &n->g.w[param->offset + i], at = *w;
            *w = at + h;
            double up = core_loss(n, s.x, s.label, B, false);
            *w = at - h;
            double down = core_loss(n, s.x, s.label, B, false);
            *w = at;
            double wanted = param->trained ? (up - down) / (2 * h) : 0;
            double got = gradient[param->offset + i];
            largest = fmax(largest, fabs(got));
            ck_assert_msg(fabs(got - wanted) < tolerance,
                          "%s: %s[%lld]: %.12g, should be %.12g", what, param->name,
                          (long long)i, got, wanted);
        }
    }
    ck_assert_msg(largest > 1e-3, "%s: the gradient vanishes: nothing was tested", what);
    free(gradient);
    core_net_destroy(n);
}

START_TEST(test_every_activation_and_loss_matches_differences)
{
    for (int l = 0; l < losses.count; l++)
        for (int a = 0; a < activations.count; a++)
            for (int64_t classes = 2; classes <= 3; classes++) {
                const struct loss *loss = (const void *)table_row(&losses, l);
                struct config c = core_config();
                if (loss->outputs(&c, classes) == 0) continue;
                c.model.depth = 2;
                c.model.leak = 0.3;
                c.model.activation = a;
                c.optim.loss = l;
                c.optim.embedding = 3;
                c.optim.temperature = 0.2; /* at 1 the pairs of small outputs look alike */
                c.optim.label_smoothing = 0.1;
                c.optim.distill_weight = 0.7;
                char what[128];
                snprintf(what, sizeof what, "%s, %s", loss->row.name,
                         table_row(&activations, a)->name);
                check_gradient(&c, classes, what);
            }
}
END_TEST

/* What an architecture needs beyond the defaults of the tests to be small. */
static const struct {
    const char *kind, *settings;
} small[] = {
    {"vgg", "model.depth=11 model.width=2"},
    {"alexnet", "model.width=2"},
    {"preresnet18", "model.width=1"},
    {"preresnet50", "model.width=1"},
    {"mcnn", "model.width=1"},
    {"resnet", "model.depth=8 model.width=2"},
    {"wide_resnet", "model.depth=10 model.width=1"},
    {"densenet", "model.depth=7 model.growth=2 model.bottleneck=false"},
    {"vit", "model.patch=8 model.width=8 model.heads=2 model.mlp_width=8"},
    {"transformer", "model.tokens=3 model.width=8 model.heads=2 model.mlp_width=8"},
};

static struct config small_config(int kind)
{
    struct config c = core_config();
    const char *name = table_row(&models, kind)->name;
    c.model.kind = kind;
    c.model.activation = core_row(&activations, "gelu");
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (strcmp(small[i].kind, name) == 0) core_set(&c, small[i].settings);
    return c;
}

enum { SAMPLES = 3, CHECKED = 3 /* numbers of each parameter */ };

/* The derivative of the loss by *w, by differences over 2 step. */
static double difference(struct core_net *n, const real *x, const int32_t *label, real *w,
                         double step)
{
    real at = *w;
    *w = at + step;
    double up = core_loss(n, x, label, SAMPLES, false);
    *w = at - step;
    double down = core_loss(n, x, label, SAMPLES, false);
    *w = at;
    return (up - down) / (2 * step);
}

/* Two steps that disagree straddle a kink (max pooling), or a bend too sharp for them (batch
 * norm over three numbers): nothing can be said there, which must be rare. */
static void check_model(struct core_net *n, const real *x, const char *kind)
{
    const int32_t label[SAMPLES] = {1, 0, 2};
    int kinks = 0, checked = 0;
    ck_assert_msg(isfinite(core_loss(n, x, label, SAMPLES, true)), "%s", kind);
    for (int p = 0; p < n->g.n_params; p++) {
        const struct param *param = &n->g.param[p];
        int64_t size = param->rows * param->cols, stride = size / CHECKED + 1;
        for (int64_t i = 0; i < size && !param->average; i += stride) {
            real *w = &n->g.w[param->offset + i];
            double got = n->g.dw[param->offset + i];
            double wanted = difference(n, x, label, w, h);
            double tolerated = 1e-6 * (1 + fabs(wanted));
            checked++;
            if (fabs(difference(n, x, label, w, h / 4) - wanted) > tolerated && ++kinks)
                continue;
            if (!param->trained) wanted = 0;
            ck_assert_msg(fabs(got - wanted) < 2 * tolerated,
                          "%s: %s[%lld]: %.12g, should be %.12g", kind, param->name,
                          (long long)i, got, wanted);
        }
    }
    ck_assert_msg(10 * kinks <= checked, "%s: %d of %d lie at kinks", kind, kinks, checked);
}

/* Samples of the first kind that the architecture takes: a vector, an image, tokens. */
static struct core_net *small_net(int kind, real x[SAMPLES * 2048])
{
    static const struct graph_shape inputs[] = {{1, {4}, 4}, {3, {2, 32, 32}, 2048}};
    struct config c = small_config(kind);
    struct err e;
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < 2; i++) {
        struct core_net *n = core_net_try(&c, &inputs[i], 3, SAMPLES, &e);
        for (int64_t j = 0; n && j < SAMPLES * inputs[i].dim; j++)
            x[j] = strcmp(table_row(&models, kind)->name, "transformer") == 0
                       ? (real)rng_below(&r, 3)
                       : (real)rng_normal(&r);
        if (n) return n;
    }
    ck_abort_msg("%s: %s", table_row(&models, kind)->name, e.text);
}

START_TEST(test_every_model_matches_differences)
{
    static real x[SAMPLES * 2048];
    struct core_net *n = small_net(_i, x);
    struct config c = small_config(_i);
    param_init(&c, 3, n->g.n_params, n->g.param, n->g.w);
    check_model(n, x, table_row(&models, _i)->name);
    core_net_destroy(n);
}
END_TEST

START_TEST(test_frozen_output_has_no_gradient_but_passes_it_on)
{
    struct config c = core_config();
    c.model.freeze_output = true;
    c.optim.loss = core_row(&losses, "logistic");
    check_gradient(&c, 2, "frozen output");
}
END_TEST

START_TEST(test_backward_accumulates_over_parts_of_a_batch)
{
    struct config c = core_config();
    struct sample s = sample(3);
    struct core_net *n = core_net(&c, DIM, 3, B);
    param_init(&c, 0, n->g.n_params, n->g.param, n->g.w);
    core_loss(n, s.x, s.label, B, true);
    real *whole = malloc((size_t)n->g.size * sizeof *whole);
    memcpy(whole, n->g.dw, (size_t)n->g.size * sizeof *whole);
    for (int part = 0; part < 2; part++) {
        int64_t first = part ? 2 : 0, count = part ? B - 2 : 2;
        graph_forward(&n->g, s.x + first * DIM, count, GRAPH_TRAIN);
        struct loss_input in = core_input(n, s.label, first, count);
        n->loss->value(&in, 1 / (real)B, graph_output(&n->g)->dy);
        graph_backward(&n->g, count, part > 0);
    }
    for (int64_t i = 0; i < n->g.size; i++) /* only the order of summation differs */
        ck_assert_double_eq_tol(n->g.dw[i], whole[i], 1e-15);
    free(whole);
    core_net_destroy(n);
}
END_TEST

/* An activation at NaN, and the loss behind it, must not look healthy. */
START_TEST(test_nan_reaches_the_loss)
{
    for (int a = 0; a < activations.count; a++)
        for (int l = 0; l < losses.count; l++) {
            struct config c = core_config();
            c.model.activation = a;
            c.optim.loss = l;
            struct sample s = sample(2);
            s.x[0] = NAN;
            struct core_net *n = core_net(&c, DIM, 2, B);
            param_init(&c, 0, n->g.n_params, n->g.param, n->g.w);
            ck_assert_msg(isnan(core_loss(n, s.x, s.label, B, false)), "%s, %s",
                          table_row(&activations, a)->name, table_row(&losses, l)->name);
            core_net_destroy(n);
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gradients");
    TCase *t = check_case(s, "gradients");
    tcase_add_test(t, test_every_activation_and_loss_matches_differences);
    tcase_add_loop_test(t, test_every_model_matches_differences, 0, models.count);
    tcase_add_test(t, test_frozen_output_has_no_gradient_but_passes_it_on);
    tcase_add_test(t, test_backward_accumulates_over_parts_of_a_batch);
    tcase_add_test(t, test_nan_reaches_the_loss);
    return check_run(s);
}
