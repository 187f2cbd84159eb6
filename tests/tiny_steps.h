/* tiny_steps.h - five steps of a two-layer network against PyTorch's:
 * tests/golden/feature_contamination. */
#ifndef SHOAL_TESTS_TINY_STEPS_H
#define SHOAL_TESTS_TINY_STEPS_H

#include <jansson.h>

#include "tests/core.h"

static inline double number(const json_t *value)
{
    ck_assert(json_is_number(value));
    return json_number_value(value);
}

/* The numbers of a nested list, row by row; returns how many. */
static inline int64_t flatten(const json_t *value, double *out)
{
    if (!json_is_array(value)) {
        *out = number(value);
        return 1;
    }
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(value); i++)
        n += flatten(json_array_get(value, i), out + n);
    return n;
}

static inline void load(const json_t *from, const char *key, real *out, int64_t wanted)
{
    double values[256];
    ck_assert_int_eq(flatten(json_object_get(from, key), values), wanted);
    for (int64_t i = 0; i < wanted; i++) out[i] = (real)values[i];
}

static inline void compare(const json_t *from, const char *key, const real *got, int64_t n,
                           double tolerance, const char *what)
{
    double values[256];
    ck_assert_int_ge(flatten(json_object_get(from, key), values), n);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - values[i]) < tolerance,
                      "%s: %s[%lld] is %.15g, should be %.15g", what, key, (long long)i,
                      (double)got[i], values[i]);
}

enum { N = 12, DIM = 6, WIDTH = 4, STEPS = 5 };

static const struct {
    const char *theirs, *ours;
} names[] = {{"leakyrelu", "leaky_relu"}};

static inline struct config tiny_config(const char *run)
{
    char activation[32], loss[32], optimizer[32], output[32];
    ck_assert_int_eq(
        sscanf(run, "%31[^/]/%31[^/]/%31[^/]/%31s", activation, loss, optimizer, output), 4);
    const char *name = strcmp(activation, names[0].theirs) ? activation : names[0].ours;
    struct config c = core_config();
    c.model.kind = core_row(&models, "two_layer");
    c.model.activation = core_row(&activations, name);
    c.model.leak = 0.1;
    c.model.freeze_output = strcmp(output, "frozen") == 0;
    c.optim.loss = core_row(&losses, loss);
    c.optim.name = core_row(&optimizers, optimizer);
    c.optim.momentum = 0.9;
    c.optim.weight_decay = 0.01;
    return c;
}

/* The first gradient, and where `whole` all five steps, agree to `near`. In double that is 1e-9:
 * a numpy transcription of the formulas agrees with the golden values to 1.4e-10, Adam's root of a
 * small second moment being what loses the digits. */
static inline void check_tiny(const json_t *file, const char *run, const json_t *wanted,
                              double near, bool whole)
{
    struct config c = tiny_config(run);
    struct core_net *n = core_net(&c, DIM, 2, N);
    struct graph *g = &n->g;
    real x[N * DIM], *w1 = g->w + g->param[0].offset, *b1 = g->w + g->param[1].offset,
                     *w2 = g->w + g->param[2].offset, *b2 = g->w + g->param[3].offset;
    int32_t label[N];
    for (int i = 0; i < N; i++) label[i] = i < N / 2;
    load(file, "X", x, N * DIM);
    param_init(&c, 0, g->n_params, g->param, g->w);
    load(file, "W1", w1, WIDTH * DIM);
    load(file, "b1", b1, WIDTH);
    if (!c.model.freeze_output) load(file, "w2", w2, WIDTH);
    load(file, "b2", b2, 1);

    int64_t slots = optim_state_size(&c, g->size);
    real *state = calloc((size_t)slots, sizeof *state);
    struct optim optim;
    optim_init(&optim, &c, g->size, state, NULL);
    real losses_seen[STEPS + 1];
    for (int s = 0; s <= STEPS; s++) {
        losses_seen[s] = core_loss(n, x, label, N, true);
        if (s == 0)
            compare(wanted, "gradW1_step0", g->dw + g->param[0].offset, WIDTH * DIM, near, run);
        if (s < STEPS) optim_step(&optim, c.optim.lr, g->n_params, g->param, g->w, g->dw);
    }
    compare(wanted, "loss", losses_seen, whole ? STEPS + 1 : 1, near, run);
    if (whole) {
        compare(wanted, "W1", w1, WIDTH * DIM, near, run);
        compare(wanted, "b1", b1, WIDTH, near, run);
        compare(wanted, "w2", w2, WIDTH, near, run);
        compare(wanted, "b2", b2, 1, near, run);
    }
    free(state);
    core_net_destroy(n);
}

/* Checks all 108 runs; whole(run) says of which all steps. */
static inline void check_all_tiny(double near, bool (*whole)(const char *run))
{
    json_error_t why;
    json_t *file =
        json_load_file(TESTS_DIR "/golden/feature_contamination/tiny_steps.json", 0, &why);
    ck_assert_msg(file != NULL, "%s", why.text);
    json_t *runs = json_object_get(file, "runs"), *wanted;
    const char *run;
    int checked = 0;
    json_object_foreach(runs, run, wanted)
    {
        check_tiny(file, run, wanted, near, whole(run));
        checked++;
    }
    ck_assert_int_eq(checked, 6 * 3 * 3 * 2);
    json_decref(file);
}

#endif
