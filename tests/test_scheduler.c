/* test_scheduler.c - simulated workers: every trial once, nobody idle for long. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "coord/scheduler.h"
#include "tests/check_main.h"

enum { MAX_TRIALS = 20000, MAX_WORKERS = 64, MAX_BATCH = 256, MAX_HELD = 2 * MAX_BATCH };

static struct err e;
static double cost[MAX_TRIALS];
static int64_t order[MAX_TRIALS];
static bool todo[MAX_TRIALS];
static int times[MAX_TRIALS]; /* a trial was handed out */

static int by_cost(const void *a, const void *b)
{
    double x = cost[*(const int64_t *)a], y = cost[*(const int64_t *)b];
    return (x < y) - (x > y);
}

/* n trials with costs from low to high, log-uniform. */
static void make_trials(int n, double low, double high)
{
    struct rng rng = rng_stream(1, RNG_TESTING, 0);
    for (int t = 0; t < n; t++) {
        cost[t] = low * pow(high / low, rng_uniform(&rng));
        order[t] = t;
        todo[t] = true;
        times[t] = 0;
    }
    qsort(order, (size_t)n, sizeof *order, by_cost);
}

static struct scheduler *created(int n, int workers, double rate)
{
    struct scheduler *s;
    ck_assert_int_eq(scheduler_create(n, cost, order, todo, workers, rate, &s, &e), ERR_OK);
    return s;
}

struct worker {
    int64_t trial[MAX_HELD]; /* in the order they were handed out */
    int n;
    double free_at; /* when its first trial ends; only while n > 0 */
};

/* A world in which a trial takes base + cost / rate seconds. */
struct world {
    double base, rate;
    int n_workers;
    struct worker worker[MAX_WORKERS];
    double now;
    int fail_every; /* finished trials are put back now and then */
    int64_t n_finished, n_again, n_messages;
};

static double duration(const struct world *w, int64_t t)
{
    return w->base + cost[t] / w->rate;
}

static void fill(struct world *world, struct scheduler *s, int w)
{
    struct worker *worker = &world->worker[w];
    int64_t trial[MAX_BATCH];
    int n;
    while ((n = scheduler_next(s, w, MAX_BATCH, trial)) > 0) {
        world->n_messages++;
        for (int i = 0; i < n; i++) {
            ck_assert_int_lt(worker->n, MAX_HELD);
            if (worker->n == 0) worker->free_at = world->now + duration(world, trial[i]);
            worker->trial[worker->n++] = trial[i];
            times[trial[i]]++;
        }
    }
}

/* The next trial to end ends. False when none is out. */
static bool step(struct world *world, struct scheduler *s)
{
    int w = -1;
    for (int i = 0; i < world->n_workers; i++)
        if (world->worker[i].n > 0 &&
            (w < 0 || world->worker[i].free_at < world->worker[w].free_at))
            w = i;
    if (w < 0) return false;
    struct worker *worker = &world->worker[w];
    int64_t t = worker->trial[0];
    world->now = worker->free_at;
    memmove(worker->trial, worker->trial + 1, (size_t)--worker->n * sizeof *worker->trial);
    if (worker->n > 0) worker->free_at += duration(world, worker->trial[0]);
    bool again = world->fail_every > 0 && ++world->n_finished % world->fail_every == 0;
    world->n_again += again;
    scheduler_finished(s, w, t, duration(world, t), again);
    for (int i = 0; i < world->n_workers; i++) fill(world, s, i);
    return true;
}

static void simulate(struct world *world, struct scheduler *s)
{
    for (int i = 0; i < world->n_workers; i++) fill(world, s, i);
    while (step(world, s)) continue;
}

/* No schedule is shorter than this. */
static double lower_bound(const struct world *w, int n)
{
    double sum = 0, longest = 0;
    for (int t = 0; t < n; t++) {
        sum += duration(w, t);
        longest = fmax(longest, duration(w, t));
    }
    return fmax(sum / w->n_workers, longest);
}

START_TEST(test_nothing_to_do_hands_out_nothing)
{
    int64_t trial[1];
    struct scheduler *s = created(0, 2, 1e9);
    ck_assert_int_eq(scheduler_next(s, 1, 1, trial), 0);
    scheduler_destroy(s);
    scheduler_destroy(NULL);
    make_trials(5, 1, 1);
    memset(todo, 0, sizeof todo);
    s = created(5, 2, 1e9);
    ck_assert_int_eq(scheduler_next(s, 0, 1, trial), 0);
    ck_assert_int_eq(scheduler_left(s), 0);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_only_what_is_to_be_done_goes_out_longest_first)
{
    make_trials(100, 1e9, 1e12); /* seconds: one at a time */
    for (int t = 0; t < 100; t += 3) todo[t] = false;
    struct scheduler *s = created(100, 1, 1e9);
    int64_t trial[MAX_BATCH], n_done = 0;
    double last = INFINITY;
    while (scheduler_next(s, 0, MAX_BATCH, trial) == 1) {
        ck_assert(todo[*trial] && cost[*trial] <= last);
        last = cost[*trial];
        scheduler_finished(s, 0, *trial, cost[*trial] / 1e9, false);
        n_done++;
    }
    ck_assert_int_eq(n_done, 66);
    ck_assert_int_eq(scheduler_left(s) + scheduler_out(s), 0);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_asking_twice_hands_out_nothing_twice)
{
    make_trials(1000, 1e6, 1e6);
    struct scheduler *s = created(1000, 4, 1e9);
    int64_t trial[MAX_BATCH], n_out = 0;
    int n;
    for (int round = 0; round < 20; round++)
        for (int w = 0; w < 4; w++) {
            n = scheduler_next(s, w, 16, trial);
            if (round >= 2) ck_assert_int_eq(n, 0); /* two batches each */
            for (int i = 0; i < n; i++) ck_assert_int_eq(times[trial[i]]++, 0);
            n_out += n;
        }
    ck_assert_int_eq(n_out, 4 * 2 * 16);
    ck_assert_int_eq(scheduler_out(s), n_out);
    ck_assert_int_eq(scheduler_left(s), 1000 - n_out);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_long_trials_are_not_hoarded)
{
    make_trials(10, 1e10, 1e10);
    struct scheduler *s = created(10, 2, 1e9);
    int64_t trial[MAX_BATCH];
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 1);
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 0);
    ck_assert_int_eq(scheduler_next(s, 1, MAX_BATCH, trial), 1);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_last_trials_go_to_who_is_idle)
{
    make_trials(3, 1e7, 1e7);
    struct scheduler *s = created(3, 3, 1e9);
    int64_t trial[MAX_BATCH];
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 1);
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 0);
    ck_assert_int_eq(scheduler_next(s, 1, MAX_BATCH, trial), 1);
    ck_assert_int_eq(scheduler_next(s, 2, MAX_BATCH, trial), 1);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_batches_are_worth_a_message_and_shrink_to_the_end)
{
    make_trials(MAX_TRIALS, 1e6, 1e6); /* 1 ms each */
    struct scheduler *s = created(MAX_TRIALS, 4, 1e9);
    int64_t trial[MAX_BATCH];
    int n, last = MAX_BATCH;
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 50);
    for (int i = 0; i < 50; i++) scheduler_finished(s, 0, trial[i], 1e-3, false);
    while ((n = scheduler_next(s, 0, MAX_BATCH, trial)) > 0) {
        ck_assert_int_le(n, 51);
        int64_t left = scheduler_left(s) + n;
        if (n > 1) ck_assert(n <= 1.001 * (double)left / 16); /* rounding of the rate */
        ck_assert_int_le(n, last + 1);                        /* rounding of the rate */
        last = n;
        for (int i = 0; i < n; i++) scheduler_finished(s, 0, trial[i], 1e-3, false);
    }
    ck_assert_int_eq(last, 1);
    ck_assert_int_eq(scheduler_left(s), 0);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_rate_is_learned)
{
    make_trials(MAX_TRIALS, 1e6, 1e6);
    struct scheduler *s = created(MAX_TRIALS, 4, 1e12); /* a thousand times too fast */
    int64_t trial[MAX_BATCH];
    int n = 0;
    for (int round = 0; round < 20; round++) {
        n = scheduler_next(s, 0, MAX_BATCH, trial);
        for (int i = 0; i < n; i++) scheduler_finished(s, 0, trial[i], 1e-3, false);
    }
    ck_assert_int_ge(n, 49);
    ck_assert_int_le(n, 51);
    scheduler_destroy(s);
}
END_TEST

/* Every trial once, and an end that is near the best possible. */
static void check_makespan(int n, double low, double high, int workers, double base,
                           double rate, double slack)
{
    make_trials(n, low, high);
    static struct world world;
    world = (struct world){.base = base, .rate = rate, .n_workers = workers};
    struct scheduler *s = created(n, workers, 1e10);
    simulate(&world, s);
    for (int t = 0; t < n; t++) ck_assert_int_eq(times[t], 1);
    ck_assert_int_eq(scheduler_left(s) + scheduler_out(s), 0);
    double bound = lower_bound(&world, n);
    ck_assert_msg(world.now <= slack * bound, "%g s instead of %g s", world.now, bound);
    scheduler_destroy(s);
}

START_TEST(test_makespan_is_near_the_bound)
{
    /* The last trials are the shortest, so that what is lost is about one of them. */
    check_makespan(1000, 1e8, 1e12, 4, 0, 1e10, 1.02);
    check_makespan(1000, 1e8, 1e12, 16, 1e-4, 1e9, 1.02);
    check_makespan(MAX_TRIALS, 1e4, 1e6, 8, 3e-4, 1e10, 1.02);  /* tiny: overhead rules */
    check_makespan(MAX_TRIALS, 1e7, 1e7, 64, 1e-4, 1e10, 1.05); /* 22 s of 1 ms trials in all */
    check_makespan(2000, 1e6, 1e10, 32, 1e-4, 1e10, 1.05);
    check_makespan(5, 1e10, 1e11, 16, 0, 1e10, 1.0); /* fewer trials than workers */
}
END_TEST

START_TEST(test_small_trials_need_few_messages)
{
    make_trials(MAX_TRIALS, 1e7, 1e7);
    static struct world world;
    world = (struct world){.base = 1e-4, .rate = 1e10, .n_workers = 4};
    struct scheduler *s = created(MAX_TRIALS, 4, 1e10);
    simulate(&world, s);
    ck_assert_int_lt(world.n_messages, MAX_TRIALS / 20); /* 45 trials to a batch of 50 ms */
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_retried_trials_come_again)
{
    make_trials(2000, 1e6, 1e10);
    static struct world world;
    world = (struct world){.rate = 1e10, .n_workers = 8, .fail_every = 7};
    struct scheduler *s = created(2000, 8, 1e10);
    simulate(&world, s);
    int64_t sum = 0;
    for (int t = 0; t < 2000; t++) {
        ck_assert_int_ge(times[t], 1);
        sum += times[t];
    }
    ck_assert_int_eq(sum, 2000 + world.n_again);
    ck_assert_int_ge(world.n_again, 2000 / 7);
    ck_assert_int_eq(scheduler_left(s) + scheduler_out(s), 0);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_stop_hands_out_no_more_but_waits)
{
    make_trials(100, 1e9, 1e9);
    struct scheduler *s = created(100, 2, 1e9);
    int64_t trial[MAX_BATCH], other[MAX_BATCH];
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 1);
    scheduler_stop(s);
    ck_assert_int_eq(scheduler_next(s, 1, MAX_BATCH, other), 0);
    ck_assert_int_eq(scheduler_out(s), 1);
    ck_assert_int_eq(scheduler_left(s), 99);
    scheduler_finished(s, 0, *trial, 1, true);
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 0);
    ck_assert_int_eq(scheduler_out(s), 0);
    ck_assert_int_eq(scheduler_left(s), 100);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_trials_without_cost_finish_too)
{
    make_trials(1000, 1, 1);
    memset(cost, 0, sizeof cost);
    static struct world world;
    world = (struct world){.base = 1e-4, .rate = 1, .n_workers = 3};
    struct scheduler *s = created(1000, 3, 1e10);
    simulate(&world, s);
    for (int t = 0; t < 1000; t++) ck_assert_int_eq(times[t], 1);
    ck_assert_int_ge(world.n_messages, 12); /* no batch above a twelfth of what is left */
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_finishing_what_is_not_out_is_a_bug)
{
    make_trials(10, 1e9, 1e9);
    struct scheduler *s = created(10, 2, 1e9);
    int64_t trial[1];
    ck_assert_int_eq(scheduler_next(s, 0, 1, trial), 1);
    scheduler_finished(s, 1, *trial, 1, false); /* aborts: worker 0 has it */
}
END_TEST

/* ---- trials that wait for others ---- */

enum { MAX_GATES = 50, MAX_ARROWS = 40000 };

/* A random graph: trial t needs some of those before it, directly or through a gate. */
static struct {
    struct scheduler_graph graph;
    int n, n_gates, n_arrows;
    int from[MAX_ARROWS], to[MAX_ARROWS];
    int64_t first[MAX_TRIALS + MAX_GATES + 1], next[MAX_ARROWS];
    int32_t needs[MAX_TRIALS + MAX_GATES];
    bool bad[MAX_TRIALS];
    bool over[MAX_TRIALS + MAX_GATES], good[MAX_TRIALS], skipped[MAX_TRIALS];
} dag;

static void add_arrow(int from, int to)
{
    ck_assert_int_lt(dag.n_arrows, MAX_ARROWS);
    dag.from[dag.n_arrows] = from;
    dag.to[dag.n_arrows++] = to;
    dag.needs[to]++;
}

static void arrows_done(int n_nodes)
{
    int64_t k = 0;
    for (int node = 0; node < n_nodes; node++) {
        dag.first[node] = k;
        for (int i = 0; i < dag.n_arrows; i++)
            if (dag.from[i] == node) dag.next[k++] = dag.to[i];
    }
    dag.first[n_nodes] = k;
    dag.graph = (struct scheduler_graph){n_nodes, dag.first, dag.next, dag.needs, dag.bad};
}

static void make_dag(struct rng *rng, int n, int n_gates)
{
    memset(&dag, 0, sizeof dag);
    dag.n = n;
    dag.n_gates = n_gates;
    for (int t = 1; t < n; t++)
        for (uint64_t k = rng_below(rng, 4); k > 0 && rng_below(rng, 3); k--)
            add_arrow((int)rng_below(rng, (uint64_t)t), t);
    for (int g = 0; g < n_gates; g++) { /* from the first half of the trials to the second */
        for (uint64_t k = rng_below(rng, 20); k > 0; k--)
            add_arrow((int)rng_below(rng, (uint64_t)n / 2), n + g);
        if (dag.needs[n + g] == 0) add_arrow(0, n + g);
        for (uint64_t k = rng_below(rng, 20); k > 0; k--)
            add_arrow(n + g, n / 2 + (int)rng_below(rng, (uint64_t)(n - n / 2)));
    }
    arrows_done(n + n_gates);
}

static void note_over(int t, bool good)
{
    dag.over[t] = true;
    dag.good[t] = good;
    for (int g = dag.n; g < dag.n + dag.n_gates; g++) {
        bool all = true;
        for (int i = 0; i < dag.n_arrows; i++)
            if (dag.to[i] == g) all = all && dag.over[dag.from[i]];
        dag.over[g] = all;
    }
}

static void note_skips(struct scheduler *s)
{
    int64_t t, parent;
    while (scheduler_skipped(s, &t, &parent)) {
        bool arrow = false;
        for (int i = 0; i < dag.n_arrows; i++)
            arrow = arrow || (dag.from[i] == parent && dag.to[i] == t);
        ck_assert(arrow && !dag.good[parent] && times[t] == 0 && !dag.skipped[t] && todo[t]);
        ck_assert(dag.skipped[parent] || dag.over[parent]);
        dag.skipped[t] = true;
        note_over((int)t, false);
    }
}

/* Four workers in a random order of events. Every trial goes out once when all that it needs is
 * over and good, or is skipped. */
static void run_dag(struct rng *rng, struct scheduler *s)
{
    static int64_t held[4][MAX_HELD];
    int n_held[4] = {0};
    for (;;) {
        int w = (int)rng_below(rng, 4), n;
        note_skips(s);
        while ((n = scheduler_next(s, w, 8, held[w] + n_held[w])) > 0)
            for (int i = 0; i < n; i++) {
                int64_t t = held[w][n_held[w]++];
                ck_assert(todo[t] && times[t]++ == 0 && !dag.skipped[t]);
                for (int k = 0; k < dag.n_arrows; k++)
                    if (dag.to[k] == t)
                        ck_assert(dag.over[dag.from[k]] &&
                                  (dag.from[k] >= dag.n || dag.good[dag.from[k]]));
            }
        if (scheduler_out(s) == 0 && n_held[w] == 0) {
            if (scheduler_left(s) == 0) return;
            continue; /* this worker has none: another will get some */
        }
        if (n_held[w] == 0) continue;
        int64_t t = held[w][0];
        bool good = rng_below(rng, 10) > 0;
        memmove(held[w], held[w] + 1, (size_t)--n_held[w] * sizeof **held);
        note_over((int)t, good);
        scheduler_finished(s, w, t, 1e-3, good ? SCHEDULER_DONE : SCHEDULER_BAD);
    }
}

START_TEST(test_needs_are_met_first_and_all_trials_end)
{
    struct rng rng = rng_stream(5, RNG_TESTING, (uint64_t)_i);
    int n = 2 + (int)rng_below(&rng, 300), skipped = 0;
    make_trials(n, 1e6, 1e9);
    make_dag(&rng, n, (int)rng_below(&rng, 10));
    for (int t = 0; t < n; t++) {
        todo[t] = rng_below(&rng, 10) > 0;
        dag.bad[t] = !todo[t] && rng_below(&rng, 8) == 0;
        if (!todo[t]) note_over(t, !dag.bad[t]);
    }
    struct scheduler *s = created(n, 4, 1e9);
    ck_assert_int_eq(scheduler_depend(s, &dag.graph, &e), ERR_OK);
    run_dag(&rng, s);
    for (int t = 0; t < n; t++) {
        ck_assert_int_eq(times[t], todo[t] && !dag.skipped[t]);
        skipped += dag.skipped[t];
    }
    if (n > 100) ck_assert_int_gt(skipped, 0);
    ck_assert_int_eq(scheduler_left(s) + scheduler_out(s), 0);
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_ready_trials_keep_the_order_of_the_plan)
{
    make_trials(200, 1e9, 1e12);
    memset(&dag, 0, sizeof dag);
    dag.n = 200;
    for (int i = 1; i < 200; i++) add_arrow((int)order[0], (int)order[i]);
    arrows_done(200);
    struct scheduler *s = created(200, 1, 1e9);
    ck_assert_int_eq(scheduler_depend(s, &dag.graph, &e), ERR_OK);
    int64_t trial[MAX_BATCH];
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 1);
        ck_assert_int_eq(*trial, order[i]);
        scheduler_finished(s, 0, *trial, 1, SCHEDULER_DONE);
    }
    scheduler_destroy(s);
}
END_TEST

START_TEST(test_nothing_is_handed_out_while_all_wait)
{
    make_trials(3, 1e9, 1e9);
    memset(&dag, 0, sizeof dag);
    dag.n = 3;
    add_arrow(0, 1);
    add_arrow(1, 2);
    arrows_done(3);
    struct scheduler *s = created(3, 2, 1e9);
    int64_t trial[MAX_BATCH], parent;
    ck_assert_int_eq(scheduler_depend(s, &dag.graph, &e), ERR_OK);
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 1);
    ck_assert_int_eq(*trial, 0);
    ck_assert_int_eq(scheduler_next(s, 1, MAX_BATCH, trial), 0);
    scheduler_finished(s, 0, 0, 1, SCHEDULER_AGAIN); /* lost, not over */
    ck_assert_int_eq(scheduler_next(s, 1, MAX_BATCH, trial), 1);
    ck_assert_int_eq(*trial, 0);
    scheduler_finished(s, 1, 0, 1, SCHEDULER_BAD);
    ck_assert_int_eq(scheduler_next(s, 0, MAX_BATCH, trial), 0);
    ck_assert(scheduler_skipped(s, trial, &parent) && *trial == 1 && parent == 0);
    ck_assert(scheduler_skipped(s, trial, &parent) && *trial == 2 && parent == 1);
    ck_assert(!scheduler_skipped(s, trial, &parent));
    ck_assert_int_eq(scheduler_left(s) + scheduler_out(s), 0);
    scheduler_destroy(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scheduler");
    TCase *c = check_case(s, "scheduler");
    tcase_add_test(c, test_nothing_to_do_hands_out_nothing);
    tcase_add_test(c, test_only_what_is_to_be_done_goes_out_longest_first);
    tcase_add_test(c, test_asking_twice_hands_out_nothing_twice);
    tcase_add_test(c, test_long_trials_are_not_hoarded);
    tcase_add_test(c, test_last_trials_go_to_who_is_idle);
    tcase_add_test(c, test_batches_are_worth_a_message_and_shrink_to_the_end);
    tcase_add_test(c, test_rate_is_learned);
    tcase_add_test(c, test_makespan_is_near_the_bound);
    tcase_add_test(c, test_small_trials_need_few_messages);
    tcase_add_test(c, test_retried_trials_come_again);
    tcase_add_test(c, test_stop_hands_out_no_more_but_waits);
    tcase_add_test(c, test_trials_without_cost_finish_too);
    tcase_add_loop_test(c, test_needs_are_met_first_and_all_trials_end, 0, 200);
    tcase_add_test(c, test_ready_trials_keep_the_order_of_the_plan);
    tcase_add_test(c, test_nothing_is_handed_out_while_all_wait);
    tcase_add_test_raise_signal(c, test_finishing_what_is_not_out_is_a_bug, 6); /* SIGABRT */
    return check_run(s);
}
