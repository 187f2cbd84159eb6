/* test_represent.c - what a trial says of its probes: labels and inputs are those of the samples
 * that the index names. */
#include "tests/core.h"

#include "experiments/experiment.h"
#include "worker/probe.h"
#include "worker/trainer.h"

enum { ROOT = 9, PROBES = 300, DIM = 6, WIDTH = 4 }; /* more probes than pass at once */

struct ran {
    double metric[64], step[64];
    float layer[2][PROBES * DIM], input[2][PROBES * DIM];
    int32_t label[2][PROBES];
    struct result result;
};

static struct config small(const char *settings)
{
    struct config c = core_config();
    core_set(&c, "optim.steps=3 optim.batch=8 data.train=40 data.test=400");
    core_set(&c, settings);
    return c;
}

/* Two sets: test, and train with settings of its own if noise > 0. */
static struct record two_sets(double noise)
{
    struct record r = {.n_metrics = 1,
                       .metric = {"train_loss"},
                       .grid = GRID_LAST,
                       .n_layers = 1,
                       .layer = {"input"},
                       .n_slots = 1,
                       .slot = {SLOT_FINAL},
                       .n_probe_sets = 2,
                       .probe = {{.name = "test", .split = SPLIT_TEST, .n = PROBES},
                                 {.name = "train", .split = SPLIT_TRAIN, .n = PROBES - 7}},
                       .diverged_above = HUGE_VAL,
                       .train_subset = 32};
    if (noise > 0) {
        struct patch *patch = &r.probe[1].patch[r.probe[1].n_patches++];
        patch->offset = offsetof(struct config, data.label_noise);
        patch->size = sizeof noise;
        memcpy(patch->value, &noise, sizeof noise);
    }
    return r;
}

static void run(struct worker *w, const struct config *c, const struct record *r, bool wanted,
                struct ran *out)
{
    struct err e;
    float *layer[] = {out->layer[0], out->layer[1]};
    struct task task = {.root = ROOT, .config = *c};
    struct rows rows = {.metric = out->metric, .step = out->step, .layer = layer};
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "train"));
    memset(out, 0x55, sizeof *out);
    for (int i = 0; wanted && i < 2; i++) {
        rows.probe_label[i] = out->label[i];
        rows.probe_input[i] = out->input[i];
    }
    ck_assert_msg(x->run(w, &task, r, &rows, &out->result, &e) == ERR_OK, "%s", e.text);
}

/* Set i of what ran is the stream's samples at the index, fetched one by one. */
static void check_set(const struct config *trial, const struct record *r, int i,
                      const struct ran *ran)
{
    struct err e;
    struct data data;
    struct config c;
    const struct probe_set *set = &r->probe[i];
    int64_t *order, n_other = 0;
    int32_t label;
    real x[DIM];
    probe_config(set, trial, &c);
    ck_assert_int_eq(data_open(&c, ROOT, &data, &e), ERR_OK);
    ck_assert_int_eq(data.shape.dim, DIM);
    ck_assert_int_eq(probe_order(set->split, data.shape.pool[set->split], ROOT, &order, &e),
                     ERR_OK);
    for (int64_t k = 0; k < set->n; k++) {
        int64_t index = order ? order[k] : k;
        data_fetch(&data, (enum split)set->split, &index, 1, x, &label);
        ck_assert_int_eq(ran->label[i][k], label);
        for (int j = 0; j < DIM; j++) {
            ck_assert(ran->input[i][k * DIM + j] == (float)x[j]);
            ck_assert(ran->layer[i][k * DIM + j] == (float)x[j]); /* the layer `input` */
        }
        n_other += k > 0 && label != ran->label[i][0];
    }
    ck_assert_int_gt(n_other, 0);
    for (int64_t k = set->n; k < PROBES; k++) /* and no more than these */
        ck_assert_int_eq(ran->label[i][k], 0x55555555);
    free(order);
    data_close(&data);
}

static void check_both(const char *settings, double noise)
{
    static struct ran ran, again;
    struct config c = small(settings);
    struct record r = two_sets(noise);
    struct worker *w = worker_create(NULL);
    run(w, &c, &r, true, &ran);
    check_set(&c, &r, 0, &ran);
    check_set(&c, &r, 1, &ran);
    c.model.width = 2 * WIDTH; /* another trial of the same data, of the same worker */
    run(w, &c, &r, true, &again);
    ck_assert_mem_eq(ran.label, again.label, sizeof ran.label);
    ck_assert_mem_eq(ran.input, again.input, sizeof ran.input);
    worker_destroy(w);
}

START_TEST(test_probes_of_an_endless_stream)
{
    check_both("data.name=gaussian_teacher data.dim=6 data.classes=3", 0);
}
END_TEST

START_TEST(test_probes_of_a_finite_split_are_in_the_order_of_the_index)
{
    check_both("data.name=feature_model data.core_dim=2 data.background_dim=2 data.input_dim=6 "
               "data.n=310 data.labels=linear",
               0);
}
END_TEST

START_TEST(test_probes_have_their_own_label_noise)
{
    check_both("data.name=gaussian_teacher data.dim=6 data.classes=3", 0.5);
}
END_TEST

START_TEST(test_what_is_not_wanted_is_not_made)
{
    static struct ran ran, with;
    struct config c = small("data.name=gaussian_teacher data.dim=6 data.classes=3");
    struct record r = two_sets(0);
    struct worker *w = worker_create(NULL);
    run(w, &c, &r, false, &ran);
    for (int k = 0; k < PROBES; k++) ck_assert_int_eq(ran.label[0][k], 0x55555555);
    run(w, &c, &r, true, &with); /* and nothing else changes by it */
    ck_assert_mem_eq(ran.layer, with.layer, sizeof ran.layer);
    ck_assert_mem_eq(ran.metric, with.metric, sizeof(double));
    worker_destroy(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("represent");
    TCase *t = check_case(s, "represent");
    tcase_add_test(t, test_probes_of_an_endless_stream);
    tcase_add_test(t, test_probes_of_a_finite_split_are_in_the_order_of_the_index);
    tcase_add_test(t, test_probes_have_their_own_label_noise);
    tcase_add_test(t, test_what_is_not_wanted_is_not_made);
    return check_run(s);
}
