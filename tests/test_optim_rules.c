/* test_optim_rules.c - optimizers that PyTorch lacks against plain twins written from their
 * papers' formulas, in double; what holds for all of them; projections. */
#include "tests/core.h"

#include "worker/projection.h"

enum { STEPS = 10, ROOM = 256 };

/* A network's worth of shapes: first layer, hidden matrices (square, tall, flat), a gain, a
 * bias, a fixed matrix, the output. */
static struct param params[] = {
    {.rows = 4, .cols = 3, .wide_out = true},
    {.rows = 4, .cols = 4, .wide_in = true, .wide_out = true},
    {.rows = 6, .cols = 4, .wide_in = true, .wide_out = true},
    {.rows = 4, .cols = 7, .wide_in = true, .wide_out = true},
    {.rows = 5, .cols = 1, .wide_in = true, .wide_out = true},
    {.rows = 7, .cols = 1, .wide_in = true, .wide_out = true, .bias = true},
    {.rows = 3, .cols = 3, .wide_in = true, .wide_out = true}, /* not trained */
    {.rows = 2, .cols = 5, .wide_in = true},
};
enum { N_PARAMS = sizeof params / sizeof *params, FIXED = 6 };

static int64_t lay_out(void)
{
    int64_t size = 0;
    for (int i = 0; i < N_PARAMS; i++) {
        params[i].offset = size;
        params[i].trained = i != FIXED;
        params[i].lr_scale = i % 2 ? 1 : 0.5;
        size += (params[i].rows * params[i].cols + 7) / 8 * 8;
    }
    ck_assert_int_le(size, ROOM);
    return size;
}

/* The state of one parameter as a twin keeps it. */
struct twin {
    double m[64], v[64];
};

typedef void (*twin_step)(const struct config *c, const struct param *p, int t, double lr,
                          double *w, const double *g, struct twin *s);

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/* Algorithm 2 of arXiv 2302.06675. */
static void lion(const struct config *c, const struct param *p, int t, double lr, double *w,
                 const double *g, struct twin *s)
{
    (void)t;
    for (int64_t i = 0; i < p->rows * p->cols; i++) {
        double u = sign(c->optim.beta1 * s->m[i] + (1 - c->optim.beta1) * g[i]);
        w[i] -= lr * (u + c->optim.weight_decay / p->lr_scale * w[i]);
        s->m[i] = c->optim.lion_beta2 * s->m[i] + (1 - c->optim.lion_beta2) * g[i];
    }
}

/* Algorithm 1 of arXiv 1810.05291 with one worker. */
static void sign_sgd(const struct config *c, const struct param *p, int t, double lr, double *w,
                     const double *g, struct twin *s)
{
    (void)t;
    for (int64_t i = 0; i < p->rows * p->cols; i++) {
        s->m[i] = c->optim.momentum * s->m[i] + (1 - c->optim.momentum) * g[i];
        w[i] -= lr * (sign(s->m[i]) + c->optim.weight_decay / p->lr_scale * w[i]);
    }
}

/* out[rows, cols] = a b, or a b^T. */
static void product(int64_t rows, int64_t inner, int64_t cols, const double *a, const double *b,
                    bool transposed, double *out)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0;
            for (int64_t k = 0; k < inner; k++)
                sum += a[i * inner + k] * (transposed ? b[j * inner + k] : b[k * cols + j]);
            out[i * cols + j] = sum;
        }
}

static void muon_matrix(const struct config *c, const struct param *p, double lr, double *w,
                        const double *g, struct twin *s)
{
    int64_t rows = p->rows, cols = p->cols, size = rows * cols;
    const double mu = c->optim.muon_momentum;
    double x[64], a[64], aa[64], ax[64], aax[64], norm = 0;
    for (int64_t i = 0; i < size; i++) {
        s->m[i] += (1 - mu) * (g[i] - s->m[i]);
        x[i] = g[i] + mu * (s->m[i] - g[i]);
        norm += x[i] * x[i];
    }
    for (int64_t i = 0; i < size; i++) x[i] /= sqrt(norm) + 1e-7;
    for (int k = 0; k < 5; k++) { /* X <- 3.4445 X - 4.775 X X' X + 2.0315 (X X')^2 X */
        product(rows, cols, rows, x, x, true, a);
        product(rows, rows, rows, a, a, false, aa);
        product(rows, rows, cols, a, x, false, ax);
        product(rows, rows, cols, aa, x, false, aax);
        for (int64_t i = 0; i < size; i++)
            x[i] = 3.4445 * x[i] - 4.775 * ax[i] + 2.0315 * aax[i];
    }
    double scale = sqrt(fmax(1, (double)rows / (double)cols));
    for (int64_t i = 0; i < size; i++)
        w[i] -= lr * (scale * x[i] + c->optim.weight_decay / p->lr_scale * w[i]);
}

static void adamw(const struct config *c, const struct param *p, int t, double lr, double *w,
                  const double *g, struct twin *s)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++) {
        s->m[i] = c->optim.beta1 * s->m[i] + (1 - c->optim.beta1) * g[i];
        s->v[i] = c->optim.beta2 * s->v[i] + (1 - c->optim.beta2) * g[i] * g[i];
        double m = s->m[i] / (1 - pow(c->optim.beta1, t));
        double v = s->v[i] / (1 - pow(c->optim.beta2, t));
        w[i] -= lr * c->optim.weight_decay / p->lr_scale * w[i];
        w[i] -= lr * m / (sqrt(v) + c->optim.epsilon);
    }
}

static void muon(const struct config *c, const struct param *p, int t, double lr, double *w,
                 const double *g, struct twin *s)
{
    if (p >= &params[1] && p <= &params[3])
        muon_matrix(c, p, lr, w, g, s);
    else
        adamw(c, p, t, lr / c->optim.lr * c->optim.adamw_lr, w, g, s);
}

static void check_twin(const struct config *c, twin_step twin_of)
{
    static struct twin twins[N_PARAMS];
    double w[ROOM], g[ROOM], wanted[ROOM], scratch[ROOM];
    double state[OPTIM_MAX_SLOTS * ROOM] = {0};
    int64_t size = lay_out();
    struct rng r = rng_stream(6, RNG_TESTING, 0);
    memset(twins, 0, sizeof twins);
    for (int64_t i = 0; i < size; i++) wanted[i] = w[i] = rng_normal(&r);
    const char *name = table_row(&optimizers, c->optim.name)->name;
    ck_assert_int_le(optim_scratch_size(c, N_PARAMS, params), ROOM);
    struct optim o;
    optim_init(&o, c, size, state, scratch);
    for (int t = 1; t <= STEPS; t++) {
        double lr = c->optim.lr * (1 - 0.05 * t); /* as a schedule might */
        for (int64_t i = 0; i < size; i++) g[i] = rng_normal(&r);
        g[1] = 0; /* has no sign */
        for (int p = 0; p < N_PARAMS; p++)
            if (params[p].trained)
                twin_of(c, &params[p], t, lr * params[p].lr_scale, wanted + params[p].offset,
                        g + params[p].offset, &twins[p]);
        optim_step(&o, lr, N_PARAMS, params, w, g);
        for (int p = 0; p < N_PARAMS; p++)
            for (int64_t i = 0; i < params[p].rows * params[p].cols; i++) {
                int64_t at = params[p].offset + i;
                /* Muon's polynomial multiplies small singular values, and roundings, by up to
                 * 3.4445^5 = 485. */
                ck_assert_msg(fabs(w[at] - wanted[at]) < 1e-12,
                              "%s, step %d, parameter %d, %lld: %.15g, should be %.15g", name,
                              t, p, (long long)i, w[at], wanted[at]);
            }
    }
}

START_TEST(test_rules_equal_their_papers)
{
    static const struct {
        const char *name;
        twin_step step;
    } rules[] = {{"lion", lion}, {"sign_sgd", sign_sgd}, {"muon", muon}};
    for (int r = 0; r < 3; r++) {
        struct config c = core_config();
        c.optim.name = core_row(&optimizers, rules[r].name);
        c.optim.lr = 0.02;
        check_twin(&c, rules[r].step);
        c.optim.weight_decay = 0.3;
        c.optim.momentum = 0.6;
        c.optim.beta1 = 0.8;
        c.optim.lion_beta2 = 0.7;
        c.optim.muon_momentum = 0.5;
        c.optim.adamw_lr = 0.01;
        check_twin(&c, rules[r].step);
    }
}
END_TEST

/* Five steps of the polynomial take every singular value of the normalised momentum to 0.68 ..
 * 1.14 (they start above 0.01 here), so that W W' of a flat matrix is near the unit matrix. */
START_TEST(test_step_of_muon_is_nearly_orthogonal)
{
    struct config c = core_config();
    c.optim.name = core_row(&optimizers, "muon");
    struct param p = {.rows = 2, .cols = 40, .trained = true, .lr_scale = 1};
    p.wide_in = p.wide_out = true;
    double w[80] = {0}, g[80], state[160] = {0}, scratch[256], square[4];
    struct rng r = rng_stream(6, RNG_TESTING, 1);
    for (int i = 0; i < 80; i++) g[i] = rng_normal(&r) * 1e3;
    struct optim o;
    optim_init(&o, &c, 80, state, scratch);
    optim_step(&o, 1, 1, &p, w, g);
    product(2, 40, 2, w, w, true, square);
    ck_assert(square[0] > 0.4 && square[0] < 1.4 && square[3] > 0.4 && square[3] < 1.4);
    ck_assert_double_lt(fabs(square[1]), 0.4);
}
END_TEST

/* A NaN among the gradients must not look healthy in the parameter that it is of, and a
 * parameter that is fixed must not move. */
START_TEST(test_every_rule_shows_a_nan_and_leaves_what_is_fixed)
{
    int64_t size = lay_out();
    for (int k = 0; k < optimizers.count; k++)
        for (int momentum = 0; momentum < 2; momentum++) {
            struct config c = core_config();
            if (((const struct optimizer *)table_row(&optimizers, k))->minimise) continue;
            c.optim.name = k;
            c.optim.momentum = momentum ? 0.9 : 0;
            c.optim.weight_decay = 0.1;
            double w[ROOM], g[ROOM], scratch[ROOM], state[OPTIM_MAX_SLOTS * ROOM] = {0};
            for (int64_t i = 0; i < size; i++) w[i] = g[i] = 1 + 0.1 * (double)i;
            for (int p = 0; p < N_PARAMS; p++) g[params[p].offset] = NAN;
            struct optim o;
            optim_init(&o, &c, size, state, scratch);
            ck_assert_int_le(optim_state_size(&c, size), OPTIM_MAX_SLOTS * size);
            optim_step(&o, 0.1, N_PARAMS, params, w, g);
            for (int p = 0; p < N_PARAMS; p++) {
                double at = w[params[p].offset];
                ck_assert_msg(params[p].trained ? isnan(at) != 0
                                                : at == 1 + 0.1 * (double)params[p].offset,
                              "%s, parameter %d: %g", table_row(&optimizers, k)->name, p, at);
            }
        }
}
END_TEST

/* Only trained parameters count in the norm and are clipped. */
START_TEST(test_clipping_leaves_out_what_is_fixed)
{
    int64_t size = lay_out();
    struct config c = core_config();
    c.optim.clip_norm = 2;
    double w[ROOM] = {0}, g[ROOM], sum = 0;
    for (int64_t i = 0; i < size; i++) g[i] = 1;
    struct optim o;
    optim_init(&o, &c, size, NULL, NULL);
    optim_step(&o, 0.1, N_PARAMS, params, w, g);
    for (int p = 0; p < N_PARAMS; p++)
        for (int64_t i = 0; i < params[p].rows * params[p].cols; i++)
            if (p == FIXED)
                ck_assert_double_eq(g[params[p].offset + i], 1);
            else
                sum += g[params[p].offset + i] * g[params[p].offset + i];
    ck_assert_double_eq_tol(sqrt(sum), 2, 1e-5); /* PyTorch's 1e-6 in the denominator */
}
END_TEST

/* --- projections ----------------------------------------------------------------------------
 */

/* Parameter by parameter: against the teacher, with it, at no distance from it, fixed. */
START_TEST(test_prograd_takes_out_what_is_against_the_teacher)
{
    struct param p[4];
    for (int i = 0; i < 4; i++)
        p[i] = (struct param){.rows = 2, .cols = 1, .offset = 8 * i, .trained = i < 3};
    double h[32] = {[0] = -2, [8] = 3, [9] = 1, [24] = -1};
    double before[32] = {[0] = 1, 5, [8] = 1, 1, [16] = 4, 4, [24] = 1, 1};
    struct config c = core_config();
    for (int row = 0; row < projections.count; row++)
        for (int half = 0; half < 2; half++) {
            double g[32], wanted[32];
            memcpy(g, before, sizeof g);
            memcpy(wanted, before, sizeof g);
            c.optim.projection = row;
            c.optim.projection_weight = half ? 0.5 : 1;
            if (strcmp(table_row(&projections, row)->name, "prograd") == 0)
                wanted[0] = half ? 0.5 : 0; /* <g, h> = -2, h h' / |h|^2 = (1, 0) */
            projection_apply(&c, 4, p, g, h);
            for (int i = 0; i < 32; i++) ck_assert_double_eq(g[i], wanted[i]);
        }
    double g[2] = {3, -1}, against[2] = {-2, 0.5}; /* neither is a multiple of an axis */
    c.optim.projection = core_row(&projections, "prograd");
    c.optim.projection_weight = 1;
    projection_apply(&c, 1, p, g, against);
    ck_assert_double_eq_tol(g[0] * against[0] + g[1] * against[1], 0, 1e-15);
    ck_assert_double_eq_tol(g[0], 3 - 6.5 / 4.25 * 2, 1e-15);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("optim rules");
    TCase *t = check_case(s, "optim rules");
    tcase_add_test(t, test_rules_equal_their_papers);
    tcase_add_test(t, test_step_of_muon_is_nearly_orthogonal);
    tcase_add_test(t, test_every_rule_shows_a_nan_and_leaves_what_is_fixed);
    tcase_add_test(t, test_clipping_leaves_out_what_is_fixed);
    tcase_add_test(t, test_prograd_takes_out_what_is_against_the_teacher);
    return check_run(s);
}
