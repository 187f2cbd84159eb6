/* test_store_crash.c - writers and extensions that are killed at random moments leave a store
 * that can be read, with every finished row. */
#include <mpi.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/rng.h"
#include "tests/store_fake.h"

enum { ROUNDS = 20 };

static void sleep_ms(double ms)
{
    struct timespec t = {(time_t)(ms / 1e3), (long)(1e6 * fmod(ms, 1e3))};
    nanosleep(&t, NULL);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Many rows with some weight. */
static const struct plan *heavy_plan(int64_t seeds)
{
    sweep.seeds = seeds;
    sweep.record.probe[0].n = 64;
    return fake_plan();
}

/* Writes all rows that are not finished, again and again; never returns. Tells through `ready`
 * when it has begun. */
static _Noreturn void write_until_killed(const struct plan *p, const int64_t *row, int ready)
{
    struct store *s;
    MPI_Init(NULL, NULL);
    if (store_open(path, &sweep.record, &s, &e) != ERR_OK) _exit(1);
    if (write(ready, "x", 1) != 1) _exit(1);
    for (;;)
        for (int64_t t = 0; t < p->n_trials; t++) fake_write(s, p, t, row[t]);
}

static int64_t check_all(const struct plan *p, const int64_t *row)
{
    int64_t n_finished = 0;
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++) {
        uint8_t state = state_of_row(file, row[t]);
        if (state == TRIAL_PLANNED) continue;
        ck_assert_int_eq(state, plan_id(p, t) % 3 ? TRIAL_DONE : TRIAL_DIVERGED);
        check_row(file, row[t], plan_id(p, t), plan_shape(p, t));
        n_finished++;
    }
    if (n_finished > 0) check_probes(file, true);
    H5Fclose(file);
    return n_finished;
}

START_TEST(test_killed_writer_leaves_whole_rows)
{
    int64_t row[1024], n_finished = 0, kept, fresh, changed;
    const struct plan *p = heavy_plan(100);
    struct rng rng = rng_stream(1, RNG_TESTING, 1);
    for (int round = 0; round < ROUNDS; round++) {
        int ready[2];
        char c;
        if (round % 5 == 0) unlink(path); /* so that most rounds end in the middle */
        ck_assert_int_eq(store_prepare(path, p, NULL, row, &e), ERR_OK);
        ck_assert_int_eq(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) write_until_killed(p, row, ready[1]);
        ck_assert_int_eq(read(ready[0], &c, 1), 1);
        sleep_ms(20 * rng_uniform(&rng));
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        close(ready[0]);
        close(ready[1]);
        n_finished = check_all(p, row);
        ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
        ck_assert_int_eq(kept, n_finished);
    }
    ck_assert_int_gt(n_finished, 0);
}
END_TEST

START_TEST(test_killed_extension_leaves_old_or_new_store)
{
    static int64_t row[1024], more[16384];
    struct rng rng = rng_stream(1, RNG_TESTING, 2);
    const struct plan *p = heavy_plan(20);
    int n_old = 0, n_new = 0, status;
    ck_assert_int_eq(store_prepare(path, p, NULL, row, &e), ERR_OK);
    pid_t child = fork();
    if (child == 0) {
        struct store *s;
        MPI_Init(NULL, NULL);
        if (store_open(path, &sweep.record, &s, &e) != ERR_OK) _exit(1);
        for (int64_t t = 0; t < p->n_trials; t++) fake_write(s, p, t, row[t]);
        _exit(store_close(s, &e) != ERR_OK);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    double longest = 0; /* time of an extension that nobody kills */
    for (int round = 0; round < ROUNDS; round++) {
        p = heavy_plan(21 + round);
        double start = now_ms();
        child = fork();
        if (child == 0) _exit(store_prepare(path, p, NULL, more, &e) != ERR_OK);
        if (round > 0) {
            sleep_ms(longest * rng_uniform(&rng));
            kill(child, SIGKILL);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (round == 0) longest = now_ms() - start;
        hid_t file = open_file(path);
        bool extended = length_of(file, "trials/id") == p->n_trials;
        H5Fclose(file);
        n_new += extended;
        n_old += !extended;
        p = heavy_plan(20); /* the rows that were there from the start */
        ck_assert_int_eq(check_all(p, row), p->n_trials);
    }
    ck_assert_int_gt(n_new, 0);
    ck_assert_int_gt(n_old, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("store crash");
    TCase *c = check_case(s, "store crash");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_killed_writer_leaves_whole_rows);
    tcase_add_test(c, test_killed_extension_leaves_old_or_new_store);
    return check_run(s);
}
