/* test_checkpoint.c - a run that goes on from a checkpoint has the bits of one that was never
 * interrupted; a file that is none costs nothing. */
#include "tests/core.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "experiments/experiment.h"
#include "worker/checkpoint.h"
#include "worker/trainer.h"

enum { STEPS = 12, RECORDS = 4, PROBES = 10, WIDTH = 8, ROW = 5, STOP = 7 };

static struct checkpoints place;
static char file[CHECKPOINT_PATH + 32];

static void folder_make(void)
{
    snprintf(place.folder, sizeof place.folder, "/tmp/shoal-checkpoint.%d", (int)getpid());
    snprintf(file, sizeof file, "%s/%d.checkpoint", place.folder, ROW);
    place.every_s = 1e-9; /* after every step */
    mkdir(place.folder, 0777);
}

static void folder_remove(void)
{
    unlink(file);
    rmdir(place.folder);
}

struct ran {
    double metric[3 * RECORDS], step[RECORDS];
    float layer[3 * PROBES * WIDTH], weights[4096];
    struct result result;
    enum err_code rc;
};

/* Stops the run at a record, as a kill would; step 0 never does. */
static int64_t stop_at;
static enum err_code stop(struct trainer *t, double *values, struct err *e)
{
    (void)values;
    return stop_at && t->step >= stop_at ? ERR(e, ERR_STOPPED, "killed") : ERR_OK;
}

static struct config config_of(int optimizer)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "gaussian_teacher");
    c.data.dim = 6;
    c.data.classes = 3;
    c.data.train = 64;
    c.data.test = 20;
    c.data.mixup = 0.5;
    c.model.depth = 2;
    c.model.width = WIDTH;
    c.model.norm = NORM_BATCH;
    c.model.dropout = 0.2;
    c.optim.name = optimizer;
    c.optim.lr = 0.01;
    c.optim.momentum = 0.9;
    c.optim.batch = 16;
    c.optim.steps = STEPS;
    c.optim.schedule = core_row(&schedules, "cosine");
    return c;
}

static struct ran *run(const struct config *c, bool keep)
{
    struct ran *o = calloc(1, sizeof *o);
    struct record r = {.n_metrics = 3,
                       .metric = {"train_loss", "weight_movement", "cka_init"},
                       .grid = GRID_LINEAR,
                       .grid_count = RECORDS - 1,
                       .n_layers = 1,
                       .layer = {"hidden.last"},
                       .n_slots = 3,
                       .slot = {SLOT_INIT, 4, SLOT_FINAL},
                       .n_probe_sets = 1,
                       .probe = {{.name = "test", .split = SPLIT_TEST, .n = PROBES}},
                       .diverged_above = HUGE_VAL,
                       .train_subset = 32};
    struct task task = {.trial = ROW, .attempt = keep, .root = 3, .seed = 1, .config = *c};
    float *layer[] = {o->layer};
    struct rows rows = {
        .metric = o->metric, .step = o->step, .layer = layer, .weights = o->weights};
    struct trial trial = {&task, &r, &rows, &o->result};
    struct trainer_hooks hooks = {.metrics = &metrics, .measure = stop};
    struct worker *w = worker_create(NULL);
    struct err e;
    if (keep) worker_keep(w, &place);
    o->rc = trainer_run(w, &trial, &hooks, &e);
    worker_destroy(w);
    return o;
}

static void compare(const struct ran *a, const struct ran *b, const char *what)
{
    ck_assert_msg(a->rc == ERR_OK && b->rc == ERR_OK, "%s", what);
    ck_assert_msg(memcmp(a->metric, b->metric, sizeof a->metric) == 0, "%s: metrics", what);
    ck_assert_msg(memcmp(a->step, b->step, sizeof a->step) == 0, "%s: steps", what);
    ck_assert_msg(memcmp(a->layer, b->layer, sizeof a->layer) == 0, "%s: layers", what);
    ck_assert_msg(memcmp(a->weights, b->weights, sizeof a->weights) == 0, "%s: weights", what);
    ck_assert_int_eq(a->result.steps_done, b->result.steps_done);
}

static bool there(void)
{
    return access(file, F_OK) == 0;
}

START_TEST(test_every_optimizer_goes_on_to_the_same_bits)
{
    for (int i = 0; i < optimizers.count; i++) {
        struct config c = config_of(i);
        if (((const struct optimizer *)table_row(&optimizers, i))->minimise) continue;
        stop_at = 0;
        struct ran *whole = run(&c, false);
        ck_assert(!there());
        stop_at = STOP;
        struct ran *killed = run(&c, true);
        ck_assert_int_eq(killed->rc, ERR_STOPPED);
        ck_assert(there());
        stop_at = 0;
        struct ran *resumed = run(&c, true);
        compare(whole, resumed, table_row(&optimizers, i)->name);
        checkpoint_remove(&place, ROW);
        ck_assert(!there());
        free(whole);
        free(killed);
        free(resumed);
    }
}
END_TEST

static int64_t size_of(void)
{
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    return st.st_size;
}

/* Truncations and flipped bits, in the header and behind it: the run starts anew. */
START_TEST(test_damaged_checkpoints_are_none)
{
    struct config c = config_of(core_row(&optimizers, "adam"));
    stop_at = 0;
    struct ran *whole = run(&c, false);
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < 60; i++) {
        stop_at = STOP;
        free(run(&c, true));
        int64_t size = size_of();
        int64_t at = i < 40 ? i : (int64_t)rng_below(&r, (uint64_t)size);
        if (i % 2) {
            ck_assert_int_eq(truncate(file, at), 0);
        } else {
            FILE *f = fopen(file, "r+b");
            fseek(f, at, SEEK_SET);
            int byte = fgetc(f);
            fseek(f, at, SEEK_SET);
            fputc(byte ^ 0x10, f);
            fclose(f);
        }
        stop_at = 0;
        struct ran *again = run(&c, true);
        compare(whole, again, "damaged");
        free(again);
        checkpoint_remove(&place, ROW);
    }
    free(whole);
}
END_TEST

START_TEST(test_another_trials_checkpoint_is_none)
{
    struct config c = config_of(core_row(&optimizers, "adam")), other = c;
    other.optim.lr = 0.02;
    stop_at = 0;
    struct ran *whole = run(&other, false);
    stop_at = STOP;
    free(run(&c, true));
    ck_assert(there());
    stop_at = 0;
    struct ran *resumed = run(&other, true);
    compare(whole, resumed, "another's");
    free(whole);
    free(resumed);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *t = check_case(s, "checkpoint");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, test_every_optimizer_goes_on_to_the_same_bits);
    tcase_add_test(t, test_damaged_checkpoints_are_none);
    tcase_add_test(t, test_another_trials_checkpoint_is_none);
    return check_run(s);
}
