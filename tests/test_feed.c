/* test_feed.c - which samples a batch holds, with and without a thread, and what priors and
 * noise make of the sets they come from. */
#include "tests/feed.h"

/* All batches of a run, taken in order or, which the thread never foresees, backwards. */
struct taken {
    int64_t steps;
    real *x, *mix;
    int32_t *label, *label2;
};

static struct taken take_all(const struct config *c, uint64_t seed, bool backwards,
                             bool threaded)
{
    struct fed *f = fed(c, seed, 1);
    ck_assert_int_eq(f->feed.threaded, threaded);
    int64_t steps = f->setup.steps, dim = f->setup.data.dim;
    struct taken t = {.steps = steps,
                      .x = calloc((size_t)(steps * B * dim), sizeof(real)),
                      .mix = calloc((size_t)steps, sizeof(real)),
                      .label = calloc((size_t)(steps * B), sizeof(int32_t)),
                      .label2 = calloc((size_t)(steps * B), sizeof(int32_t))};
    for (int64_t i = 0; i < steps; i++) {
        int64_t step = backwards ? steps - 1 - i : i;
        const struct batch *b = feed_take(&f->feed, step);
        ck_assert_int_eq(b->n, B);
        memcpy(t.x + step * B * dim, b->x, (size_t)(B * dim) * sizeof(real));
        memcpy(t.label + step * B, b->label, B * sizeof(int32_t));
        if (b->label2) memcpy(t.label2 + step * B, b->label2, B * sizeof(int32_t));
        ck_assert((b->label2 != NULL) == (c->data.mixup > 0));
        t.mix[step] = b->mix;
    }
    fed_destroy(f);
    return t;
}

static void taken_clear(struct taken *t)
{
    free(t->x);
    free(t->mix);
    free(t->label);
    free(t->label2);
}

static bool same(const struct taken *a, const struct taken *b, int64_t dim)
{
    return memcmp(a->x, b->x, (size_t)(a->steps * B * dim) * sizeof(real)) == 0 &&
           memcmp(a->mix, b->mix, (size_t)a->steps * sizeof(real)) == 0 &&
           memcmp(a->label, b->label, (size_t)(a->steps * B) * sizeof(int32_t)) == 0 &&
           memcmp(a->label2, b->label2, (size_t)(a->steps * B) * sizeof(int32_t)) == 0;
}

static void check_order_of_asking(const struct config *c, int64_t dim, bool threaded)
{
    struct taken ahead = take_all(c, 1, false, threaded),
                 asked = take_all(c, 1, true, threaded),
                 other = take_all(c, 2, false, threaded);
    ck_assert(same(&ahead, &asked, dim));
    bool endless = c->data.name == core_row(&streams, "gaussian_teacher");
    if (c->data.world == WORLD_REAL || !endless) ck_assert(!same(&ahead, &other, dim));
    taken_clear(&ahead);
    taken_clear(&asked);
    taken_clear(&other);
}

START_TEST(test_batches_are_a_function_of_the_step)
{
    struct config c = images();
    check_order_of_asking(&c, DIM, false); /* in memory, nothing to do */
    c.data.augment = core_row(&augmentations, "crop_flip");
    c.data.cutout = 3;
    check_order_of_asking(&c, DIM, true);
    c.data.mixup = 0.5;
    check_order_of_asking(&c, DIM, true);
    c.data.augreps = 3;
    check_order_of_asking(&c, DIM, true);
    c.data.world = WORLD_IDEAL;
    c.optim.steps = 9; /* 576 of 600 */
    check_order_of_asking(&c, DIM, true);
    c = images();
    c.data.world = WORLD_IDEAL;
    c.optim.steps = 3;
    check_order_of_asking(&c, DIM, true);
    c = vectors();
    check_order_of_asking(&c, 8, false);
    c.data.world = WORLD_IDEAL;
    check_order_of_asking(&c, 8, false);
    c.data.dim = 256;
    check_order_of_asking(&c, 256, true);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_epochs_are_permutations_and_ideal_samples_are_fresh)
{
    struct config c = images();
    c.optim.steps = 9; /* three epochs of three batches, 8 samples are left */
    struct taken t = take_all(&c, 1, false, false);
    for (int epoch = 0; epoch < 3; epoch++) {
        int seen[N_TRAIN] = {0};
        for (int i = 0; i < 3 * B; i++) {
            int64_t row = epoch * 3 * B + i;
            int number = number_of(t.x + row * DIM);
            ck_assert_int_eq(t.label[row], number % K);
            ck_assert_int_eq(seen[number]++, 0);
        }
    }
    ck_assert_mem_ne(t.label, t.label + 3 * B, B * sizeof(int32_t));
    taken_clear(&t);

    c.data.world = WORLD_IDEAL;
    c.data.augment = core_row(&augmentations, "flip");
    c.data.augreps = 3;
    t = take_all(&c, 1, false, true);
    int seen[N_TRAIN] = {0}, first = 0;
    for (int64_t row = 0; row < 9 * B; row++) {
        const real *x = t.x + row * DIM;
        int left = number_of(x), right = number_of(x + SIDE - 1);
        int number = left % K == t.label[row] && left < N_TRAIN ? left : right;
        first += left == number;
        seen[number]++;
    }
    for (int i = 0; i < N_TRAIN; i++) ck_assert_int_le(seen[i], 6); /* 3, and look-alikes */
    ck_assert(first > 200 && first < 9 * B - 100);                  /* about half is flipped */
    taken_clear(&t);
}
END_TEST

START_TEST(test_augreps_repeats_the_same_variants)
{
    struct config c = images();
    c.data.augment = core_row(&augmentations, "crop");
    c.data.pad = 2;
    c.data.augreps = 2;
    c.data.train = B; /* an epoch is a permutation of one batch */
    c.optim.steps = 4;
    struct taken t = take_all(&c, 1, false, true);
    int found = 0;
    for (int i = 0; i < B; i++) {
        const real *x = t.x + i * DIM; /* variant 0 of some image is there again in epoch 2 */
        int again[4] = {0};
        for (int epoch = 1; epoch < 4; epoch++)
            for (int j = 0; j < B; j++)
                again[epoch] += memcmp(x, t.x + (epoch * B + j) * DIM, DIM * sizeof *x) == 0;
        ck_assert_int_eq(again[2], 1);
        found += again[1] + again[3];
    }
    ck_assert_int_lt(found, B / 4); /* another variant, but for one in 25 */
    taken_clear(&t);
    c.data.augreps = 0;
    t = take_all(&c, 1, false, true);
    found = 0;
    for (int i = 0; i < B; i++)
        for (int j = 0; j < B; j++)
            found += memcmp(t.x + i * DIM, t.x + (2 * B + j) * DIM, DIM * sizeof(real)) == 0;
    ck_assert_int_lt(found, B / 4);
    taken_clear(&t);

    c.data.train = 0; /* an ideal world has three variants of each image, rarely alike */
    c.data.augreps = 3;
    c.data.world = WORLD_IDEAL;
    c.optim.steps = 9;
    t = take_all(&c, 1, false, true);
    found = 0;
    for (int i = 0; i < 9 * B; i++)
        for (int j = 0; j < i; j++)
            found += memcmp(t.x + i * DIM, t.x + j * DIM, DIM * sizeof(real)) == 0;
    ck_assert(found > 0 && found < 60); /* 24 of 600 pairs */
    taken_clear(&t);
}
END_TEST

START_TEST(test_views_are_two_augmentations_of_one_sample)
{
    struct config c = images();
    struct fed *plain = fed(&c, 1, 2);
    c.data.augment = core_row(&augmentations, "flip");
    struct fed *f = fed(&c, 1, 2);
    int differ = 0, seen[N_TRAIN] = {0};
    for (int64_t step = 0; step < 6; step++) { /* an epoch has 200 / 32 batches */
        const struct batch *a = feed_take(&plain->feed, step), *b = feed_take(&f->feed, step);
        ck_assert_int_eq(a->n, B);
        for (int i = 0; i < B; i += 2) {
            const real *x = a->x + i * DIM, *y = b->x + i * DIM;
            ck_assert_int_eq(a->label[i], a->label[i + 1]);
            ck_assert_mem_eq(x, x + DIM, DIM * sizeof *x);
            ck_assert_int_eq(seen[number_of(x)]++, 0);
            for (int view = 0; view < 2; view++)
                ck_assert(memcmp(x, y + view * DIM, DIM * sizeof *x) == 0 ||
                          x[0] == y[view * DIM + SIDE - 1]);
            differ += memcmp(y, y + DIM, DIM * sizeof *y) != 0;
        }
    }
    ck_assert(differ > 50 && differ < 142); /* half of 192 */
    fed_destroy(plain);
    fed_destroy(f);
}
END_TEST

START_TEST(test_full_batch_is_the_set_itself)
{
    struct config c = images();
    c.optim.batch = BATCH_FULL;
    struct fed *f = fed(&c, 1, 1);
    const struct batch *b = feed_take(&f->feed, 7);
    ck_assert_ptr_eq(b->x, f->sets->train.x);
    ck_assert(b->mix == 1 && b->label2 == NULL);
    struct fed *g;
    c.data.augment = core_row(&augmentations, "flip");
    g = fed(&c, 1, 1);
    ck_assert_mem_ne(feed_take(&g->feed, 0)->x, b->x, N_TRAIN * DIM * sizeof(real));
    ck_assert_mem_eq(g->sets->train.x, b->x, N_TRAIN * DIM * sizeof(real)); /* as it was */
    fed_destroy(f);
    fed_destroy(g);
}
END_TEST

/* --- priors and noise in the sets --- */

static void count_classes(const struct config *c, int64_t train[K], int64_t test[K])
{
    struct fed *f = fed(c, 1, 1);
    const struct samples *set[] = {&f->sets->train, &f->sets->test};
    memset(train, 0, K * sizeof *train);
    memset(test, 0, K * sizeof *test);
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < set[s]->n; i++) (s ? test : train)[set[s]->label[i]]++;
    fed_destroy(f);
}

START_TEST(test_prior_thins_out_a_finite_pool)
{
    struct config c = images();
    int64_t train[K], test[K], nested[K];
    c.data.prior = core_row(&priors, "skewed");
    c.data.imbalance = 8;
    c.optim.batch = 16;
    count_classes(&c, train, test);
    static const int64_t all[] = {50, 25, 12, 6}, half[] = {25, 12, 6, 3};
    for (int k = 0; k < K; k++) {
        ck_assert_int_eq(train[k], all[k]);
        ck_assert_int_eq(test[k], N_TEST / K);
    }
    c.data.train = N_TRAIN / 2;
    count_classes(&c, nested, test);
    for (int k = 0; k < K; k++) ck_assert_int_eq(nested[k], half[k]);

    c.data.train = 0;
    c.data.world = WORLD_IDEAL;
    c.optim.steps = 5; /* 80 of 93 */
    struct fed *f = fed(&c, 1, 1);
    ck_assert_int_eq(f->setup.n_pool, 93);
    int seen[N_TRAIN] = {0}, small = 0;
    for (int64_t step = 0; step < 5; step++) {
        const struct batch *b = feed_take(&f->feed, step);
        for (int i = 0; i < 16; i++) {
            ck_assert_int_eq(seen[number_of(b->x + i * DIM)]++, 0);
            small += b->label[i] == 3;
        }
    }
    ck_assert_int_le(small, 6);
    fed_destroy(f);
}
END_TEST

START_TEST(test_prior_skews_an_endless_stream)
{
    struct config c = vectors();
    int64_t uniform[K], train[K], test[K], clean[K];
    count_classes(&c, uniform, clean);
    c.data.prior = core_row(&priors, "skewed");
    c.data.imbalance = 8;
    count_classes(&c, train, test);
    ck_assert_mem_eq(test, clean, sizeof test);
    double share[K], sum = 0;
    for (int k = 0; k < K; k++) sum += share[k] = (double)uniform[k] * pow(8, -k / 3.0);
    for (int k = 0; k < K; k++) { /* both counts vary: 6 of their standard deviations */
        double want = 1000 * share[k] / sum;
        ck_assert_double_eq_tol((double)train[k], want, 6 * sqrt(2 * want));
    }
    ck_assert_int_gt(train[0], 3 * train[3]);
}
END_TEST

START_TEST(test_noise_reaches_the_sets)
{
    struct config c = images(), noisy = c, clean;
    noisy.data.label_noise = 0.5;
    clean = noisy;
    clean.data.noise_test = false;
    struct fed *a = fed(&c, 1, 1), *b = fed(&noisy, 1, 1), *d = fed(&clean, 1, 1);
    int changed[2] = {0}, kept = 0;
    for (int64_t i = 0; i < N_TRAIN; i++)
        changed[0] += a->sets->train.label[i] != b->sets->train.label[i];
    for (int64_t i = 0; i < N_TEST; i++) {
        changed[1] += a->sets->test.label[i] != b->sets->test.label[i];
        kept += a->sets->test.label[i] == d->sets->test.label[i];
    }
    ck_assert(changed[0] > 65 && changed[0] < 135); /* 5 standard deviations about 100 */
    ck_assert(changed[1] > 11 && changed[1] < 49);
    ck_assert_int_eq(kept, N_TEST);
    ck_assert_mem_eq(a->sets->train.x, b->sets->train.x, N_TRAIN * DIM * sizeof(real));
    ck_assert_mem_eq(b->sets->train.label, d->sets->train.label, N_TRAIN * sizeof(int32_t));
    fed_destroy(a);
    fed_destroy(b);
    fed_destroy(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("feed");
    TCase *t = check_case(s, "feed");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, test_batches_are_a_function_of_the_step);
    tcase_add_test(t, test_epochs_are_permutations_and_ideal_samples_are_fresh);
    tcase_add_test(t, test_augreps_repeats_the_same_variants);
    tcase_add_test(t, test_views_are_two_augmentations_of_one_sample);
    tcase_add_test(t, test_full_batch_is_the_set_itself);
    tcase_add_test(t, test_prior_thins_out_a_finite_pool);
    tcase_add_test(t, test_prior_skews_an_endless_stream);
    tcase_add_test(t, test_noise_reaches_the_sets);
    return check_run(s);
}
