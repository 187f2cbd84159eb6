/* test_param.c - initial distributions, and how muP scales with width. */
#include "tests/core.h"

enum { DIM = 32, CLASSES = 5, B = 64 };

static struct config mup(const char *optimizer, int64_t width, int64_t base)
{
    struct config c = core_config();
    c.model.depth = 2;
    c.model.width = width;
    c.model.base_width = base;
    c.model.parametrization = core_row(&parametrizations, "mup");
    c.optim.name = core_row(&optimizers, optimizer);
    return c;
}

START_TEST(test_mup_at_base_width_is_standard_bit_for_bit)
{
    for (int o = 0; o < optimizers.count; o++)
        for (int i = 0; i < initializers.count; i++) {
            struct config c = mup(table_row(&optimizers, o)->name, 48, 48);
            c.model.init = i;
            struct config standard = c;
            standard.model.parametrization = core_row(&parametrizations, "standard");
            struct core_net *a = core_net(&c, DIM, CLASSES, 1);
            struct core_net *b = core_net(&standard, DIM, CLASSES, 1);
            param_init(&c, 5, a->g.n_params, a->g.param, a->g.w);
            param_init(&standard, 5, b->g.n_params, b->g.param, b->g.w);
            ck_assert_mem_eq(a->g.w, b->g.w, (size_t)a->g.size * sizeof(real));
            for (int p = 0; p < a->g.n_params; p++)
                ck_assert_double_eq(a->g.param[p].lr_scale, 1);
            core_net_destroy(a);
            core_net_destroy(b);
        }
}
END_TEST

/* Table 3 of arXiv 2203.03466 at four times the base width: weight and bias of the first, the
 * second hidden layer and the output. */
START_TEST(test_mup_factors_are_those_of_the_paper)
{
    static const double init[] = {1, 1, 1, 2, 0.5, 2};
    static const double sgd[] = {4, 4, 1, 4, 0.25, 1};
    static const double adam[] = {1, 1, 0.25, 1, 0.25, 1};
    for (int adaptive = 0; adaptive < 2; adaptive++) {
        struct config c = mup(adaptive ? "adam" : "sgd", 256, 64);
        struct core_net *n = core_net(&c, DIM, CLASSES, 1);
        ck_assert_int_eq(n->g.n_params, 6);
        for (int p = 0; p < 6; p++) {
            ck_assert_double_eq(n->g.param[p].init_scale, init[p]);
            ck_assert_double_eq(n->g.param[p].lr_scale, adaptive ? adam[p] : sgd[p]);
        }
        core_net_destroy(n);
    }
}
END_TEST

/* Root mean square change of the logits in three steps, averaged over seeds. */
static double logit_change(const struct config *c)
{
    real x[B * DIM];
    int32_t label[B];
    struct rng r = rng_stream(3, RNG_TESTING, 0);
    for (int i = 0; i < B * DIM; i++) x[i] = (real)rng_normal(&r);
    for (int i = 0; i < B; i++) label[i] = (int32_t)rng_below(&r, CLASSES);
    struct core_net *n = core_net(c, DIM, CLASSES, B);
    struct graph *g = &n->g;
    size_t slots = (size_t)optim_state_size(c, g->size);
    size_t scratch = (size_t)optim_scratch_size(c, g->n_params, g->param);
    real *state = calloc(slots + scratch + 1, sizeof *state);
    double sum = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        real before[B * CLASSES];
        struct optim optim;
        memset(state, 0, slots * sizeof *state);
        optim_init(&optim, c, g->size, state, state + slots);
        param_init(c, seed, g->n_params, g->param, g->w);
        core_loss(n, x, label, B, true);
        memcpy(before, graph_output(g)->y, sizeof before);
        for (int s = 0; s < 3; s++) {
            optim_step(&optim, c->optim.lr, g->n_params, g->param, g->w, g->dw);
            core_loss(n, x, label, B, true);
        }
        for (int i = 0; i < B * CLASSES; i++) {
            double change = (double)(graph_output(g)->y[i] - before[i]);
            sum += change * change / (4.0 * B * CLASSES);
        }
    }
    free(state);
    core_net_destroy(n);
    return sqrt(sum);
}

/* The coordinate check of the paper (its appendix D): under muP what a step does to the outputs
 * does not depend on width; under the standard parametrization Adam's step grows with it. Over
 * a factor 4 the limits tell 4^0 from 4^(1/2) with room for the finite width. */
START_TEST(test_mup_moves_outputs_the_same_at_every_width)
{
    for (int o = 0; o < optimizers.count; o++) {
        const struct optimizer *rule = (const void *)table_row(&optimizers, o);
        const char *name = rule->row.name;
        if (rule->minimise) continue; /* has no learning rate */
        struct config narrow = mup(name, 64, 64), wide = mup(name, 256, 64);
        narrow.optim.lr = wide.optim.lr = rule->adaptive ? 1e-3 : 0.05;
        double ratio = logit_change(&wide) / logit_change(&narrow);
        ck_assert_msg(ratio > 0.6 && ratio < 1.67, "%s: %g", name, ratio);
        wide.model.parametrization = core_row(&parametrizations, "standard");
        double standard = logit_change(&wide) / logit_change(&narrow);
        if (rule->adaptive) ck_assert_msg(standard > 1.9, "standard %s: %g", name, standard);
    }
}
END_TEST

/* A step of Muon has a spectral norm that does not depend on width: its matrices need no factor,
 * what AdamW updates has Adam's. */
START_TEST(test_mup_leaves_the_matrices_of_muon)
{
    static const double wanted[] = {1, 1, 1, 1, 0.25, 1};
    struct config c = mup("muon", 256, 64);
    struct core_net *n = core_net(&c, DIM, CLASSES, 1);
    for (int p = 0; p < 6; p++) ck_assert_double_eq(n->g.param[p].lr_scale, wanted[p]);
    int64_t most = optim_scratch_size(&c, n->g.n_params, n->g.param);
    ck_assert_int_eq(most, 4 * 256 * 256);
    c.optim.name = core_row(&optimizers, "adamw");
    ck_assert_int_eq(optim_scratch_size(&c, n->g.n_params, n->g.param), 0);
    core_net_destroy(n);
}
END_TEST

START_TEST(test_initializers_have_their_moments)
{
    struct config c = core_config();
    c.model.width = 400;
    for (int i = 0; i < initializers.count; i++) {
        c.model.init = i;
        struct core_net *n = core_net(&c, 300, CLASSES, 1);
        param_init(&c, 1, n->g.n_params, n->g.param, n->g.w);
        const char *name = table_row(&initializers, i)->name;
        double variance = strcmp(name, "uniform") == 0     ? 1.0 / 3 / 300
                          : strcmp(name, "he_normal") == 0 ? 2.0 / 300
                                                           : 1.0 / 300;
        const real *w = n->g.w;
        double sum = 0, square = 0, count = 400 * 300;
        for (int64_t j = 0; j < 400 * 300; j++) {
            sum += (double)w[j];
            square += (double)w[j] * (double)w[j];
        }
        /* five standard errors: sqrt(v/n) of a mean, v sqrt(2/n) of a normal's variance */
        ck_assert_double_lt(fabs(sum / count), 5 * sqrt(variance / count));
        ck_assert_double_lt(fabs(square / count - variance), 5 * variance * sqrt(2 / count));
        const real *bias = n->g.w + n->g.param[1].offset;
        for (int j = 0; j < 400; j++) {
            bool in_range = fabs((double)bias[j]) <= 1 / sqrt(300.0);
            ck_assert(strcmp(name, "uniform") ? bias[j] == 0 : in_range && bias[j] != 0);
        }
        core_net_destroy(n);
    }
}
END_TEST

START_TEST(test_frozen_output_is_half_plus_half_minus)
{
    struct config c = core_config();
    c.model.freeze_output = true;
    c.optim.loss = core_row(&losses, "hinge");
    struct core_net *n = core_net(&c, DIM, 2, 1);
    param_init(&c, 1, n->g.n_params, n->g.param, n->g.w);
    const real *w = n->g.w + n->g.param[2].offset, wanted[] = {.25, .25, -.25, -.25};
    ck_assert_mem_eq(w, wanted, sizeof wanted);
    core_net_destroy(n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("param");
    TCase *t = check_case(s, "param");
    tcase_add_test(t, test_mup_at_base_width_is_standard_bit_for_bit);
    tcase_add_test(t, test_mup_factors_are_those_of_the_paper);
    tcase_add_test(t, test_mup_moves_outputs_the_same_at_every_width);
    tcase_add_test(t, test_mup_leaves_the_matrices_of_muon);
    tcase_add_test(t, test_initializers_have_their_moments);
    tcase_add_test(t, test_frozen_output_is_half_plus_half_minus);
    return check_run(s);
}
