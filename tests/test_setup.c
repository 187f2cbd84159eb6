/* test_setup.c - what settings contradict each other, and what a trial costs. */
#include "tests/core.h"

#include "worker/augment.h"
#include "worker/classes.h"
#include "worker/projection.h"
#include "worker/setup.h"

static const struct data_shape images = {.n_dims = 3,
                                         .size = {1, 28, 28},
                                         .dim = 784,
                                         .classes = 10,
                                         .pool = {60000, 10000},
                                         .bytes = 1};
static const struct data_shape endless = {.n_dims = 1,
                                          .size = {8},
                                          .dim = 8,
                                          .classes = 2,
                                          .pool = {INT64_MAX, INT64_MAX},
                                          .bytes = 1};

static struct config runnable(void)
{
    struct config c = core_config();
    c.data.train = 1000;
    c.data.test = 500;
    c.optim.batch = 100;
    c.optim.steps = 40;
    return c;
}

static struct record recorded(void)
{
    return (struct record){.n_metrics = 2,
                           .metric = {"train_loss", "test_acc"},
                           .grid = GRID_LINEAR,
                           .grid_count = 4,
                           .n_layers = 2,
                           .layer = {"hidden.last", "logits"},
                           .n_slots = 2,
                           .slot = {SLOT_INIT, SLOT_FINAL},
                           .n_probe_sets = 1,
                           .probe = {{.name = "test", .split = SPLIT_TEST, .n = 128}},
                           .diverged_above = HUGE_VAL,
                           .train_subset = 300};
}

static struct setup setup_;
static struct arena arena;

static enum err_code resolve(const struct config *c, const struct record *r,
                             const struct data_shape *data, struct err *e)
{
    arena_clear(&arena);
    setup_ = (struct setup){.config = c, .record = r, .data = *data};
    return setup_init(&setup_, &metrics, &arena, e);
}

/* The configuration is refused with a text that starts so and contains that. */
static void refused(const struct config *c, const struct record *r,
                    const struct data_shape *data, const char *key, const char *part)
{
    struct err e;
    ck_assert_msg(resolve(c, r, data, &e) == ERR_CONFIG, "%s: accepted", key);
    ck_assert_msg(strncmp(e.text, key, strlen(key)) == 0, "'%s' should start with %s", e.text,
                  key);
    ck_assert_msg(strstr(e.text, part) != NULL, "'%s' should contain '%s'", e.text, part);
}

#define REFUSED(data, key, part, ...)                                                          \
    do {                                                                                       \
        struct config c = runnable();                                                          \
        struct record r = recorded();                                                          \
        __VA_ARGS__;                                                                           \
        refused(&c, &r, data, key, part);                                                      \
    } while (0)

START_TEST(test_contradictions_name_the_key_to_blame)
{
    REFUSED(&images, "optim.batch: ", "1000", c.optim.batch = 1001);
    REFUSED(&images, "data.train: ", "60000", c.data.train = 60001);
    REFUSED(&images, "data.test: ", "10000", c.data.test = 10001);
    REFUSED(&endless, "data.train: ", "never ends", c.data.train = 0);
    REFUSED(&endless, "data.test: ", "never ends", c.data.test = 0);
    REFUSED(&images, "optim.steps: ", "either", c.optim.steps = STEPS_NONE);
    REFUSED(&images, "optim.steps: ", "not both", c.optim.epochs = 2);
    REFUSED(&images, "optim.epochs: ", "too many", c.optim.steps = STEPS_NONE,
            c.optim.epochs = INT64_MAX);
    REFUSED(&images, "optim.warmup: ", "40", c.optim.warmup = 40);
    REFUSED(&images, "optim.steps: ", "60000", c.data.world = WORLD_IDEAL, c.optim.steps = 601);
    REFUSED(&endless, "data.train: ", "never ends", c.data.world = WORLD_IDEAL,
            c.data.train = 0, c.optim.batch = BATCH_FULL);
    REFUSED(&images, "optim.loss: ", "10", c.optim.loss = core_row(&losses, "hinge"));
    REFUSED(&images, "optim.loss: ", "teacher", c.optim.loss = core_row(&losses, "distill"));
    REFUSED(&images, "optim.loss: ", "teacher", c.optim.loss = core_row(&losses, "distill_kl"));
    REFUSED(&images, "data.augment: ", "two views",
            c.optim.loss = core_row(&losses, "info_nce"));
    REFUSED(&images, "optim.batch: ", "63 rows", c.optim.loss = core_row(&losses, "info_nce"),
            c.data.augment = core_row(&augmentations, "flip"), c.optim.batch = 63);
    REFUSED(&images, "data.mixup: ", "nce", c.optim.loss = core_row(&losses, "nce"),
            c.data.augment = core_row(&augmentations, "flip"), c.optim.batch = 64,
            c.data.mixup = 1);
    REFUSED(&images, "data.augreps: ", "nce", c.optim.loss = core_row(&losses, "nce"),
            c.data.augment = core_row(&augmentations, "flip"), c.optim.batch = 64,
            c.data.augreps = 2);
    REFUSED(&images, "optim.projection: ", "teacher",
            c.optim.projection = core_row(&projections, "prograd"));
    REFUSED(&images, "optim.schedule_block: ", "41", c.optim.schedule_block = 41);
    REFUSED(&images, "optim.schedule_block: ", "30", c.optim.schedule_block = 31,
            c.optim.warmup = 10);
    REFUSED(&images, "optim.milestones: ", "say where",
            c.optim.schedule = core_row(&schedules, "milestones"));
    REFUSED(&images, "optim.nesterov: ", "momentum", c.optim.nesterov = true);
    REFUSED(&images, "model.freeze_output: ", "one output", c.model.freeze_output = true);
    REFUSED(&images, "model.width: ", "too many", c.model.depth = 2, c.model.width = 1LL << 31);
    REFUSED(&images, "record.metrics: ", "'train_loss'", strcpy(r.metric[0], "train_los"));
    REFUSED(&images, "record.representations: ", "'hidden.1'", strcpy(r.layer[0], "hiden.1"));
    REFUSED(&images, "record.representations: ", "logits", strcpy(r.layer[0], "hidden.last"),
            c.model.kind = core_row(&models, "linear"));
    REFUSED(&images, "record.representations: ", "10000", r.probe[0].n = 10001);
    REFUSED(&images, "record.representations: ", "40", r.slot[0] = 41);
    REFUSED(&endless, "data.augment: ", "images",
            c.data.augment = core_row(&augmentations, "flip"));
    REFUSED(&images, "data.prior: ", "of 9", c.data.prior = core_row(&priors, "skewed"),
            c.data.train = 9);
    REFUSED(&images, "optim.batch: ", "356", c.data.prior = core_row(&priors, "skewed"),
            c.data.imbalance = 16, c.optim.batch = 357);
    REFUSED(&images, "optim.steps: ", "120000", c.data.world = WORLD_IDEAL,
            c.data.augment = core_row(&augmentations, "flip"), c.data.augreps = 2,
            c.optim.steps = 1201);
    REFUSED(&images, "record.every: ", "5001", c.optim.steps = 1000000, r.grid_count = 5000);
    arena_clear(&arena);
}
END_TEST

START_TEST(test_sizes_are_resolved)
{
    struct config c = runnable();
    struct record r = recorded();
    struct err e;
    ck_assert_int_eq(resolve(&c, &r, &images, &e), ERR_OK);
    ck_assert_int_eq(setup_.n_train, 1000);
    ck_assert_int_eq(setup_.n_test, 500);
    ck_assert_int_eq(setup_.n_subset, 300);
    ck_assert_int_eq(setup_.steps_per_epoch, 10);
    ck_assert_int_eq(setup_.n_records, 5);
    ck_assert_int_eq(setup_.record_step[4], 40);
    ck_assert_int_eq(setup_.slot[0], 0);
    ck_assert_int_eq(setup_.slot[1], 40);

    c.data.train = 0; /* all there are */
    c.optim.steps = 0;
    c.optim.epochs = 3;
    c.optim.batch = 128; /* the last 96 samples are dropped */
    ck_assert_int_eq(resolve(&c, &r, &images, &e), ERR_OK);
    ck_assert_int_eq(setup_.n_train, 60000);
    ck_assert_int_eq(setup_.steps, 3 * 468);

    c.optim.batch = BATCH_FULL;
    ck_assert_int_eq(resolve(&c, &r, &images, &e), ERR_OK);
    ck_assert_int_eq(setup_.batch, 60000);
    ck_assert_int_eq(setup_.steps, 3);

    c = runnable();
    c.data.world = WORLD_IDEAL;
    c.data.train = 0;
    c.optim.steps = 600; /* exactly the pool */
    ck_assert_int_eq(resolve(&c, &r, &images, &e), ERR_OK);
    ck_assert_int_eq(setup_.n_train, 300);
    c.data.augment = core_row(&augmentations, "flip");
    c.data.augreps = 2;
    c.optim.steps = 1200; /* exactly twice the pool */
    ck_assert_int_eq(resolve(&c, &r, &images, &e), ERR_OK);
    ck_assert_int_eq(setup_.n_train, 300);
    arena_clear(&arena);
}
END_TEST

START_TEST(test_cost_is_that_of_the_matrix_products)
{
    struct config c = runnable();
    c.data.name = core_row(&streams, "gaussian_teacher");
    c.data.dim = 20;
    c.data.classes = 10;
    c.data.teacher_width = 8;
    c.model.depth = 2;
    c.model.width = 32;
    struct record r = recorded();
    struct trial_shape shape;
    struct err e;
    ck_assert_int_eq(setup_shape(&c, &(struct parents){0}, &r, &metrics, &shape, &e), ERR_OK);
    double weights = 20 * 32 + 32 * 32 + 32 * 10;
    ck_assert_int_eq(shape.params, 20 * 32 + 32 * 32 + 32 * 10 + 32 + 32 + 10);
    /* 6 B P without the gradient by the input, 2 B d_in w */
    ck_assert_double_eq(shape.train_flops, 40 * (6 * 100 * weights - 2 * 100 * 20.0 * 32));
    double samples = 4 * 300 + 1000 + 5 * 500 + 2 * 128; /* train, test, probes */
    ck_assert_double_eq(shape.eval_flops, 2 * weights * samples);
    ck_assert_int_eq(shape.steps, 40);
    ck_assert_int_eq(shape.records, 5);
    ck_assert_int_eq(shape.batch, 100);
    ck_assert_int_eq(shape.layer_dim[0], 32);
    ck_assert_int_eq(shape.layer_dim[1], 10);
    ck_assert_double_gt(shape.memory_bytes, 2 * 4 * (double)shape.params);
    ck_assert_double_ge(shape.data_bytes, 1628 * 20 * 4.0);

    c.model.freeze_output = true; /* saves the gradient by the output weights */
    c.data.classes = 2;
    c.optim.loss = core_row(&losses, "logistic");
    ck_assert_int_eq(setup_shape(&c, &(struct parents){0}, &r, &metrics, &shape, &e), ERR_OK);
    weights = 20 * 32 + 32 * 32;
    ck_assert_double_eq(shape.train_flops, 40 * 100 * (6 * weights - 2 * 20.0 * 32 + 4 * 32.0));
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("setup");
    TCase *t = check_case(s, "setup");
    tcase_add_test(t, test_contradictions_name_the_key_to_blame);
    tcase_add_test(t, test_sizes_are_resolved);
    tcase_add_test(t, test_cost_is_that_of_the_matrix_products);
    return check_run(s);
}
