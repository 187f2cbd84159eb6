/* test_dynamics.c - measures of dynamics in double, against plain twins that look at the same
 * network at the same record. */
#include "tests/dynamics_case.h"

#include "tests/alignment_run.h"
#include "worker/gram.h"
#include "worker/vector.h"

void dsyev_(const char *job, const char *uplo, const int *n, double *a, const int *lda,
            double *value, double *work, const int *lwork, int *info);
void dgesvd_(const char *jobu, const char *jobv, const int *m, const int *n, double *a,
             const int *lda, double *s, double *u, const int *ldu, double *v, const int *ldv,
             double *work, const int *lwork, int *info);

enum { MOST = 384, PROBES = 32 };

/* Central differences of gradients, or of outputs: errors near 1e-10. */
static const double h = 1e-5;

/* Places of the trained parameters in the block. */
static int places(const struct graph *g, int64_t place[MOST])
{
    int n = 0;
    for (int p = 0; p < g->n_params; p++)
        for (int64_t i = 0; i < g->param[p].rows * g->param[p].cols; i++) {
            if (!g->param[p].trained) continue;
            ck_assert_int_lt(n, MOST);
            place[n++] = g->param[p].offset + i;
        }
    return n;
}

static double *copy(const real *x, int64_t n)
{
    double *out = malloc((size_t)n * sizeof *out);
    for (int64_t i = 0; i < n; i++) out[i] = x[i];
    return out;
}

/* ---- curvature ---- */

/* hessian[n, n] by differences of gradients along each parameter, made symmetric. */
static int dense_hessian(struct trainer *t, double *hessian)
{
    const double step = 1e-7; /* no unit of a small network is that near its kink */
    struct graph *g = &t->setup.graph;
    struct evaluation unused;
    int64_t place[MOST];
    int n = places(g, place);
    static double up[MOST];
    for (int i = 0; i < n; i++) {
        real at = g->w[place[i]];
        g->w[place[i]] = at + step;
        trainer_evaluate(t, &t->sets->train, 40, true, &unused);
        for (int j = 0; j < n; j++) up[j] = g->dw[place[j]];
        g->w[place[i]] = at - step;
        trainer_evaluate(t, &t->sets->train, 40, true, &unused);
        for (int j = 0; j < n; j++) hessian[i * n + j] = (up[j] - g->dw[place[j]]) / (2 * step);
        g->w[place[i]] = at;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            hessian[i * n + j] = hessian[j * n + i] =
                (hessian[i * n + j] + hessian[j * n + i]) / 2;
    return n;
}

/* Mean of z'Hz over the measure's own random vectors. */
static double plain_hutchinson(int n, const double *hessian)
{
    double sum = 0;
    for (int k = 0; k < DYNAMICS_HUTCHINSON; k++) {
        double z[MOST];
        struct rng r = rng_stream(ROOT, RNG_DYNAMICS, 2 + (uint64_t)k);
        for (int i = 0; i < n; i++) z[i] = rng_u32(&r) & 1 ? 1 : -1;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) sum += z[i] * hessian[i * n + j] * z[j];
    }
    return sum / DYNAMICS_HUTCHINSON;
}

static enum err_code look_at_curvature(struct trainer *t, double *values, struct err *e)
{
    (void)values, (void)e;
    static double hessian[MOST * MOST];
    static double value[MOST], work[34 * MOST];
    double trace = 0, spread = 0;
    int n = dense_hessian(t, hessian), size = 34 * MOST, info;
    double wanted = plain_hutchinson(n, hessian), got = t->measured.hessian_trace;
    for (int i = 0; i < n; i++) trace += hessian[i * n + i];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (i != j) spread += 2 * hessian[i * n + j] * hessian[i * n + j];
    ck_assert_double_eq_tol(got, wanted, 1e-6);
    ck_assert_double_eq_tol(got, trace, 4 * sqrt(spread / DYNAMICS_HUTCHINSON));

    dsyev_("N", "L", &n, hessian, &n, value, work, &size, &info);
    double largest = value[n - 1];
    ck_assert_int_eq(info, 0);
    ck_assert_double_gt(largest, 0.1);
    /* The error of a Ritz value is the square of its residual over the gap to the next. */
    ck_assert_double_eq_tol(t->measured.sharpness, largest, 1e-5 * largest);
    ck_assert_double_eq_tol(dynamics_sharpness(t, DYNAMICS_LANCZOS, 1e-8), largest,
                            1e-7 * largest);
    double poor = dynamics_sharpness(t, 1, 0); /* one iteration: v'Hv */
    ck_assert_double_lt(poor, 0.9 * largest);
    return ERR_OK;
}

START_TEST(test_sharpness_and_trace_match_a_dense_hessian)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_curvature));
    c.data.classes = 2;
    c.model.freeze_output = true; /* a part of the parameters */
    c.optim.loss = core_row(&losses, "logistic");
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_curvature));
    c = dynamics_config();
    c.model.activation = core_row(&activations, "relu");
    c.model.width = 32;
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_curvature));
    c = dynamics_config();
    c.optim.loss = core_row(&losses, "mse");
    c.model.kind = core_row(&models, "linear"); /* 21 parameters: fewer than iterations */
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_curvature));
}
END_TEST

/* One operation of a graph, in and out of HELD: y is f of x as if x had the sides of noted. */
static void check_held(const char *op, struct node_settings set, const real *noted,
                       const real *x, const real *wanted, const real *slope)
{
    struct err e;
    struct arena arena = {0};
    struct graph g;
    struct graph_shape input = {3, {2, 2, 1}, 4};
    ck_assert_int_eq(graph_init(&g, &arena, &input, &e), ERR_OK);
    ck_assert_int_eq(graph_add(&g, op, set, &e), ERR_OK);
    struct node *out = &g.node[1];
    g.node[0].needs_gradient = out->needs_gradient = true;
    g.notes_kinks = true;
    ck_assert_int_eq(graph_allocate(&g, 1, &e), ERR_OK);
    real dx[4];
    g.node[0].dy = dx;
    g.kinks = GRAPH_KINKS_NOTE;
    graph_forward(&g, noted, 1, GRAPH_EVAL);
    g.kinks = GRAPH_KINKS_HELD;
    for (int again = 0; again < 2; again++) { /* what is held stays noted */
        graph_forward(&g, x, 1, GRAPH_EVAL);
        for (int i = 0; i < out->shape.dim; i++) ck_assert_double_eq(out->y[i], wanted[i]);
        for (int i = 0; i < out->shape.dim; i++) out->dy[i] = 1;
        graph_backward(&g, 1, false);
        for (int i = 0; i < 4; i++) ck_assert_double_eq(dx[i], slope[i]);
    }
    g.kinks = GRAPH_KINKS_FREE;
    graph_forward(&g, x, 1, GRAPH_EVAL);
    bool same = true;
    for (int i = 0; i < out->shape.dim; i++) same &= out->y[i] == wanted[i];
    ck_assert(!same);
    graph_clear(&g);
    arena_clear(&arena);
}

START_TEST(test_kinks_are_held)
{
    struct node_settings set = {
        .activation = (const void *)table_row(&activations, core_row(&activations, "relu"))};
    const real noted[] = {1, -2, 3, -4}, x[] = {-1, 5, 2, -6};
    check_held("activation", set, noted, x, (real[]){-1, 0, 2, 0}, (real[]){1, 0, 1, 0});
    set.activation =
        (const void *)table_row(&activations, core_row(&activations, "leaky_relu"));
    set.leak = 0.5;
    check_held("activation", set, noted, x, (real[]){-1, 2.5, 2, -3}, (real[]){1, .5, 1, .5});
    set = (struct node_settings){.kernel = 2, .stride = 2};
    check_held("max_pool", set, noted, x, (real[]){2}, (real[]){0, 0, 1, 0});
    set = (struct node_settings){0};
    check_held("global_max_pool", set, noted, x, (real[]){2}, (real[]){0, 0, 1, 0});
}
END_TEST

/* ---- weights ---- */

static double *first_weights;

static enum err_code look_at_weights(struct trainer *t, double *values, struct err *e)
{
    (void)values, (void)e;
    struct graph *g = &t->setup.graph;
    if (t->step == 0) first_weights = copy(g->w, g->size);
    int64_t place[MOST];
    int n = places(g, place);
    double moved = 0, length = 0;
    for (int i = 0; i < n; i++) {
        double first = first_weights[place[i]], off = g->w[place[i]] - first;
        moved += off * off;
        length += first * first;
    }
    ck_assert((moved > 0) == (t->step > 0));
    ck_assert_double_eq_tol(t->measured.weight_distance, sqrt(moved), 1e-14);
    ck_assert_double_eq_tol(t->measured.weight_movement, sqrt(moved / length), 1e-14);

    /* Measuring once more changes no weight and finds the same bits. */
    double *before = copy(g->w, g->size);
    struct measured again = t->measured;
    dynamics_measure(t);
    ck_assert_mem_eq(before, g->w, (size_t)g->size * sizeof *g->w);
    ck_assert_mem_eq(&again, &t->measured, sizeof again);
    free(before);
    if (t->step > 0) free(first_weights);
    return ERR_OK;
}

START_TEST(test_movement_is_that_of_trained_weights_and_measuring_moves_none)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_weights));
    core_set(&c, "model.norm=batch"); /* running averages are no weights */
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_weights));
    c = dynamics_config();
    c.data.classes = 2;
    c.model.freeze_output = true;
    c.optim.loss = core_row(&losses, "logistic");
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_weights));
}
END_TEST

/* ---- kernel ---- */

/* r'f of one training sample. */
static double projected(struct trainer *t, int sample)
{
    int64_t k = t->setup.outputs;
    struct rng r = rng_stream(ROOT, RNG_DYNAMICS, 0);
    samples_range(&t->sets->train, sample, 1, &t->batch);
    graph_forward(&t->setup.graph, t->batch.x, 1, GRAPH_EVAL);
    double sum = 0;
    for (int64_t j = 0; j < k; j++)
        sum += (rng_u32(&r) & 1 ? 1 : -1) * graph_output(&t->setup.graph)->y[j];
    return sum / sqrt((double)k);
}

static double kernel_product(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < PROBES * PROBES; i++) sum += a[i] * b[i];
    return sum;
}

/* H K H with H = I - 11'/m. */
static void centre(const double *kernel, double *out)
{
    for (int i = 0; i < PROBES; i++)
        for (int j = 0; j < PROBES; j++) {
            double sum = 0;
            for (int a = 0; a < PROBES; a++)
                for (int b = 0; b < PROBES; b++)
                    sum += ((a == i) - 1.0 / PROBES) * kernel[a * PROBES + b] *
                           ((b == j) - 1.0 / PROBES);
            out[i * PROBES + j] = sum;
        }
}

static void plain_kernel(struct trainer *t, double *kernel)
{
    static double gradient[PROBES][MOST];
    struct graph *g = &t->setup.graph;
    int64_t place[MOST];
    int n = places(g, place);
    for (int s = 0; s < PROBES; s++)
        for (int i = 0; i < n; i++) {
            real at = g->w[place[i]];
            g->w[place[i]] = at + h;
            double up = projected(t, s);
            g->w[place[i]] = at - h;
            gradient[s][i] = (up - projected(t, s)) / (2 * h);
            g->w[place[i]] = at;
        }
    for (int a = 0; a < PROBES; a++)
        for (int b = 0; b < PROBES; b++) {
            double sum = 0;
            for (int i = 0; i < n; i++) sum += gradient[a][i] * gradient[b][i];
            kernel[a * PROBES + b] = sum;
        }
}

static enum err_code look_at_kernel(struct trainer *t, double *values, struct err *e)
{
    (void)values, (void)e;
    static double first[PROBES * PROBES], kernel[PROBES * PROBES], labels[PROBES * PROBES];
    static double centred[PROBES * PROBES], wanted[PROBES * PROBES];
    ck_assert_int_eq(t->dynamics.kernel_probes, PROBES);
    plain_kernel(t, kernel);
    for (int i = 0; i < PROBES * PROBES; i++)
        ck_assert_double_eq_tol(t->dynamics.kernel[i], kernel[i], 1e-7);
    if (t->step == 0) memcpy(first, kernel, sizeof first);
    double cosine = kernel_product(first, kernel) /
                    sqrt(kernel_product(first, first) * kernel_product(kernel, kernel));
    ck_assert_double_eq_tol(t->measured.kernel_drift, 1 - cosine, 1e-7);
    if (t->step == 0) ck_assert_double_eq(t->measured.kernel_drift, 0);
    if (t->step > 0) ck_assert_double_gt(t->measured.kernel_drift, 1e-3);

    samples_range(&t->sets->train, 0, PROBES, &t->batch);
    for (int i = 0; i < PROBES * PROBES; i++)
        labels[i] = t->batch.label[i / PROBES] == t->batch.label[i % PROBES];
    centre(kernel, centred);
    centre(labels, wanted);
    double alignment = kernel_product(centred, wanted) /
                       sqrt(kernel_product(centred, centred) * kernel_product(wanted, wanted));
    ck_assert_double_eq_tol(t->measured.kernel_alignment, alignment, 1e-7);
    return ERR_OK;
}

START_TEST(test_kernel_matches_differences_per_sample)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    c.data.classes = 5;
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_kernel));
    c.data.classes = 2;
    c.optim.loss = core_row(&losses, "logistic"); /* one output */
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_kernel));
}
END_TEST

START_TEST(test_gram_of_long_rows_is_summed_in_pieces)
{
    enum { LONG = 150000 };
    static real x[3 * LONG];
    static double scratch[3 * LONG];
    double gram[9];
    struct rng r = rng_stream(2, RNG_TESTING, 0);
    for (int i = 0; i < 3 * LONG; i++) x[i] = rng_normal(&r);
    ck_assert_int_lt(gram_scratch(3, LONG), 3 * LONG / 2);
    gram_rows(3, LONG, x, false, scratch, gram);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            ck_assert_double_eq_tol(gram[3 * a + b],
                                    vector_dot(LONG, x + a * LONG, x + b * LONG), 1e-8);
}
END_TEST

/* ---- features ---- */

static struct features_seen {
    int64_t n, d;
    double *first, *x;
} seen;

/* The layer's outputs for all test samples, columns centred. */
static double *plain_features(struct trainer *t, int64_t n, int64_t d)
{
    struct graph *g = &t->setup.graph;
    const struct node *node = g->hidden_last >= 0 ? &g->node[g->hidden_last] : graph_output(g);
    ck_assert_int_eq(node->shape.dim, d);
    samples_range(&t->sets->test, 0, n, &t->batch);
    graph_forward(g, t->batch.x, n, GRAPH_EVAL);
    double *x = copy(node->y, n * d);
    for (int64_t j = 0; j < d; j++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++) mean += x[i * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++) x[i * d + j] -= mean;
    }
    return x;
}

/* |a'b|^2: sums over pairs of features. */
static double cross(const double *a, const double *b, int64_t n, int64_t d)
{
    double total = 0;
    for (int64_t j = 0; j < d; j++)
        for (int64_t k = 0; k < d; k++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++) sum += a[i * d + j] * b[i * d + k];
            total += sum * sum;
        }
    return total;
}

/* linalg's measure, which is given single precision. */
static double linalg_cka(const double *a, const double *b, int64_t n, int64_t d)
{
    float *x[2] = {malloc((size_t)(n * d) * sizeof(float)),
                   malloc((size_t)(n * d) * sizeof(float))};
    for (int64_t i = 0; i < n * d; i++) {
        x[0][i] = (float)a[i];
        x[1][i] = (float)b[i];
    }
    int64_t width[2] = {d, d};
    double *pair = run(MPI_COMM_WORLD, "cka", plain, n, 2, width, x), out = pair[1];
    free(pair);
    free(x[0]);
    free(x[1]);
    return out;
}

static void check_spectrum(const struct measured *m, double *x, int64_t n, int64_t d)
{
    double value[MOST], work[40 * MOST], sum = 0, entropy = 0, squares = 0, fourths = 0;
    int rows = (int)d, columns = (int)n, one = 1, size = 40 * MOST, info;
    int64_t side = n < d ? n : d;
    dgesvd_("N", "N", &rows, &columns, x, &rows, value, NULL, &one, NULL, &one, work, &size,
            &info);
    ck_assert_int_eq(info, 0);
    for (int64_t i = 0; i < side; i++) {
        sum += value[i];
        squares += value[i] * value[i];
        fourths += pow(value[i], 4);
    }
    for (int64_t i = 0; i < side; i++)
        if (value[i] > 1e-7 * value[0]) entropy -= value[i] / sum * log(value[i] / sum);
    ck_assert_double_eq_tol(m->effective_rank, exp(entropy), 1e-8);
    ck_assert_double_eq_tol(m->participation_ratio, squares * squares / fourths, 1e-10);
    ck_assert_double_gt(m->effective_rank, 1.5);
}

static enum err_code look_at_features(struct trainer *t, double *values, struct err *e)
{
    (void)values, (void)e;
    int64_t n = t->setup.n_test, d = t->dynamics.feature_dim;
    ck_assert_int_eq(t->dynamics.feature_probes, n);
    double *x = plain_features(t, n, d);
    if (t->step == 0) seen.first = copy(x, n * d);
    double cka = cross(seen.first, x, n, d) /
                 sqrt(cross(seen.first, seen.first, n, d) * cross(x, x, n, d));
    ck_assert_double_eq_tol(t->measured.cka_init, cka, 1e-12);
    ck_assert_double_eq_tol(t->measured.cka_init, linalg_cka(seen.first, x, n, d), 1e-6);
    if (t->step == 0) ck_assert_double_eq(t->measured.cka_init, 1);
    if (t->step > 0) ck_assert_double_lt(t->measured.cka_init, 0.999);
    check_spectrum(&t->measured, x, n, d);
    if (t->step > 0) free(seen.first);
    free(x);
    return ERR_OK;
}

START_TEST(test_features_match_linalg_and_a_decomposition)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_features));
    c.model.width = 9;
    c.data.test = 7; /* more features than probes */
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_features));
}
END_TEST

/* A linear model has no hidden layer: its outputs are its features, whose kernel drifts only
 * where the loss does not say so: never. */
static enum err_code look_at_linear(struct trainer *t, double *values, struct err *e)
{
    (void)values, (void)e;
    ck_assert_int_eq(t->dynamics.feature_dim, CLASSES);
    ck_assert_double_eq_tol(t->measured.kernel_drift, 0, 1e-15);
    return ERR_OK;
}

START_TEST(test_linear_model_has_a_constant_kernel)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    c.model.kind = core_row(&models, "linear");
    dynamics_ran_destroy(dynamics_run(&c, &r, look_at_linear));
}
END_TEST

/* ---- cost ---- */

static enum err_code look_at_memory(struct trainer *t, double *values, struct err *e)
{
    (void)values;
    struct dynamics own = t->dynamics;
    struct arena arena = {0};
    size_t before = arena_live_bytes();
    ck_assert_int_eq(dynamics_start(t, &arena, e), ERR_OK);
    double taken = (double)(arena_live_bytes() - before), said = dynamics_bytes(&t->setup);
    arena_clear(&arena);
    t->dynamics = own;
    /* The arena takes chunks of up to 64 KiB and aligns what it gives. */
    ck_assert_double_ge(taken, said);
    ck_assert_double_lt(taken, 2 * said + (128 << 10));
    return ERR_OK;
}

START_TEST(test_cost_is_planned_and_nothing_where_nobody_asks)
{
    struct config c = dynamics_config();
    struct record all = dynamics_record(true), few = dynamics_record(false);
    c.model.width = 300;
    struct dynamics_ran *a = dynamics_run(&c, &all, look_at_memory);
    struct dynamics_ran *b = dynamics_run(&c, &few, NULL);
    double weights = 6 * 300 + 300 * 3, gradient = 6 * weights - 2 * 6 * 300;
    double lanczos = 2.0 * DYNAMICS_LANCZOS * 2 * 40 * gradient;
    ck_assert_double_gt(a->shape.memory_bytes,
                        b->shape.memory_bytes + 32 * weights * sizeof(real));
    ck_assert_double_gt(a->shape.eval_flops, b->shape.eval_flops + lanczos);
    ck_assert_double_lt(a->shape.eval_flops, b->shape.eval_flops + 2 * lanczos);
    ck_assert_int_eq(few.n_metrics, 9);
    few.n_metrics = 1;
    snprintf(few.metric[0], TASK_NAME, "sharpness");
    struct dynamics_ran *one = dynamics_run(&c, &few, look_at_memory);
    ck_assert(dynamics_value(one, "sharpness", 1) == dynamics_value(a, "sharpness", 1));
    dynamics_ran_destroy(a);
    dynamics_ran_destroy(b);
    dynamics_ran_destroy(one);
}
END_TEST

START_TEST(test_values_are_those_given_to_the_float_test)
{
    for (size_t i = 0; i < sizeof dynamics_golden / sizeof *dynamics_golden; i++) {
        const struct dynamics_golden *g = &dynamics_golden[i];
        struct dynamics_ran *t = dynamics_golden_run(g);
        ck_assert_double_eq_tol(dynamics_value(t, g->metric, 0), g->first, 1e-5);
        ck_assert_double_eq_tol(dynamics_value(t, g->metric, 1), g->last, 1e-5);
        dynamics_ran_destroy(t);
    }
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("dynamics");
    TCase *t = check_case(s, "dynamics");
    tcase_add_test(t, test_sharpness_and_trace_match_a_dense_hessian);
    tcase_add_test(t, test_kinks_are_held);
    tcase_add_test(t, test_movement_is_that_of_trained_weights_and_measuring_moves_none);
    tcase_add_test(t, test_kernel_matches_differences_per_sample);
    tcase_add_test(t, test_gram_of_long_rows_is_summed_in_pieces);
    tcase_add_test(t, test_features_match_linalg_and_a_decomposition);
    tcase_add_test(t, test_linear_model_has_a_constant_kernel);
    tcase_add_test(t, test_cost_is_planned_and_nothing_where_nobody_asks);
    tcase_add_test(t, test_values_are_those_given_to_the_float_test);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
