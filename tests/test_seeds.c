/* test_seeds.c - whole trials: what each seed moves, mixup's gradient, the end of the thread. */
#include "tests/feed.h"

#include "experiments/experiment.h"

enum { METRICS = 3, RECORDS = 3 };
struct ran {
    double value[METRICS * RECORDS];
};

static struct ran run(struct worker *w, const struct config *c, uint64_t seed)
{
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "train"));
    struct err e;
    struct ran ran;
    double step[RECORDS];
    struct record record = recorded();
    struct task task = {.root = ROOT, .seed = seed, .config = *c};
    struct rows rows = {.metric = ran.value, .step = step};
    struct result result;
    ck_assert_msg(x->run(w, &task, &record, &rows, &result, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(result.outcome, OUTCOME_DONE);
    return ran;
}

static double value(const struct ran *r, int metric, int record)
{
    return r->value[metric * RECORDS + record];
}

enum { TRAIN_LOSS, TEST_LOSS, WEIGHT_NORM };

START_TEST(test_seeds_vary_apart)
{
    struct config base = vectors(), c = base;
    struct worker *w = worker_create(NULL);
    struct ran a = run(w, &base, 1), b;
    c.seeds.order = 2;
    b = run(w, &c, 1); /* the same network and data at the start, other batches */
    for (int m = 0; m < METRICS; m++) ck_assert_double_eq(value(&a, m, 0), value(&b, m, 0));
    for (int m = 0; m < METRICS; m++) ck_assert_double_ne(value(&a, m, 2), value(&b, m, 2));

    c = base;
    c.seeds.init = 2;
    b = run(w, &c, 1);
    ck_assert_double_ne(value(&a, WEIGHT_NORM, 0), value(&b, WEIGHT_NORM, 0));
    c.seeds.order = 2;
    b = run(w, &c, 1); /* everything of trial 2 */
    struct ran two = run(w, &base, 2);
    ck_assert_mem_eq(&b, &two, sizeof b);

    c = base;
    c.seeds.subset = 3;
    b = run(w, &c, 1); /* the same network and test set, another training set */
    ck_assert_double_eq(value(&a, WEIGHT_NORM, 0), value(&b, WEIGHT_NORM, 0));
    ck_assert_double_eq(value(&a, TEST_LOSS, 0), value(&b, TEST_LOSS, 0));
    ck_assert_double_ne(value(&a, TRAIN_LOSS, 0), value(&b, TRAIN_LOSS, 0));

    c = base;
    c.data.label_noise = 0.3;
    a = run(w, &c, 1);
    c.seeds.noise = 3;
    b = run(w, &c, 1);
    ck_assert_double_eq(value(&a, WEIGHT_NORM, 0), value(&b, WEIGHT_NORM, 0));
    ck_assert_double_ne(value(&a, TEST_LOSS, 0), value(&b, TEST_LOSS, 0));
    b = run(w, &base, 2); /* nothing is left over in the worker */
    ck_assert_mem_eq(&b, &two, sizeof b);
    worker_destroy(w);
}
END_TEST

START_TEST(test_subset_and_augment_seeds_of_images)
{
    struct config base = images(), c;
    base.data.train = 100;
    base.data.augment = core_row(&augmentations, "crop_flip");
    struct worker *w = worker_create(NULL);
    struct ran a = run(w, &base, 1), b;
    c = base;
    c.seeds.augment = 2;
    b = run(w, &c, 1);
    for (int m = 0; m < METRICS; m++) ck_assert_double_eq(value(&a, m, 0), value(&b, m, 0));
    ck_assert_double_ne(value(&a, TEST_LOSS, 2), value(&b, TEST_LOSS, 2));
    c = base;
    c.seeds.subset = 2;
    b = run(w, &c, 1);
    ck_assert_double_ne(value(&a, TRAIN_LOSS, 0), value(&b, TRAIN_LOSS, 0));
    ck_assert_double_eq(value(&a, TEST_LOSS, 0), value(&b, TEST_LOSS, 0));

    c = base; /* the same batches, other train metrics */
    c.data.augment_train_metrics = true;
    b = run(w, &c, 1);
    for (int r = 0; r < RECORDS; r++) {
        ck_assert_double_ne(value(&a, TRAIN_LOSS, r), value(&b, TRAIN_LOSS, r));
        ck_assert_double_eq(value(&a, TEST_LOSS, r), value(&b, TEST_LOSS, r));
    }
    struct ran again = run(w, &c, 1);
    ck_assert_mem_eq(&b, &again, sizeof b);
    worker_destroy(w);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* Mixup's gradient is that of the two losses, weighted. */
START_TEST(test_mixup_trains_on_both_labels)
{
    struct config c = vectors();
    c.data.mixup = 1;
    c.optim.steps = 3;
    struct worker *w = worker_create(NULL);
    struct ran ran = run(w, &c, 1);
    struct fed *f = fed(&c, 1, 1);
    struct core_net *net = core_net(&c, 8, K, B);
    struct graph *g = &net->g;
    real *one = calloc((size_t)g->size, sizeof *one);
    param_init(&c, rng_seed(ROOT, 1), g->n_params, g->param, g->w);
    for (int64_t step = 0; step < 3; step++) {
        const struct batch *b = feed_take(&f->feed, step);
        core_loss(net, b->x, b->label, B, true);
        memcpy(one, g->dw, (size_t)g->size * sizeof *one);
        core_loss(net, b->x, b->label2, B, true);
        for (int64_t i = 0; i < g->size; i++)
            g->w[i] -= (real)c.optim.lr * (b->mix * one[i] + (1 - b->mix) * g->dw[i]);
    }
    double sum = 0;
    for (int64_t i = 0; i < g->size; i++) sum += (double)g->w[i] * (double)g->w[i];
    ck_assert_double_eq_tol(value(&ran, WEIGHT_NORM, 2), sqrt(sum), 1e-6);
    ck_assert_double_ge(fabs(value(&ran, WEIGHT_NORM, 2) - value(&ran, WEIGHT_NORM, 0)), 1e-4);
    free(one);
    core_net_destroy(net);
    fed_destroy(f);
    worker_destroy(w);
}
END_TEST

static int threads_now(void)
{
    int threads = 0;
    char line[128];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) sscanf(line, "Threads: %d", &threads);
    if (file) fclose(file);
    return threads;
}

/* The thread ends with the run, also when that ends early. */
START_TEST(test_divergence_ends_the_thread)
{
    struct config c = images();
    c.data.augment = core_row(&augmentations, "crop_flip");
    c.optim.lr = 1e30;
    c.optim.steps = 1000;
    struct record record = recorded();
    double metric[METRICS * RECORDS], step[RECORDS];
    struct rows rows = {.metric = metric, .step = step};
    struct task task = {.root = ROOT, .config = c};
    struct result result;
    struct err e;
    const struct experiment *x =
        (const void *)table_row(&experiments, core_row(&experiments, "train"));
    struct worker *w = worker_create(NULL);
    int before = threads_now();
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(x->run(w, &task, &record, &rows, &result, &e), ERR_OK);
        ck_assert_int_eq(result.outcome, OUTCOME_DIVERGED);
    }
    worker_destroy(w);
    ck_assert_int_eq(threads_now(), before);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("seeds");
    TCase *t = check_case(s, "seeds");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, test_seeds_vary_apart);
    tcase_add_test(t, test_subset_and_augment_seeds_of_images);
    tcase_add_test(t, test_mixup_trains_on_both_labels);
    tcase_add_test(t, test_divergence_ends_the_thread);
    return check_run(s);
}
