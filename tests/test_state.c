/* test_state.c - every event moves a trial as it should, from any prefix of a journal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/state.h"
#include "tests/check_main.h"

static struct err e;

static void apply(struct state *s, const char *name, uint64_t trial, double cost,
                  double seconds)
{
    struct event event = {.time = 10, .trial = trial, .cost = cost, .seconds = seconds};
    snprintf(event.name, sizeof event.name, "%s", name);
    state_apply(s, &event);
}

static struct state *begun(int64_t trials, double flops)
{
    struct state *s;
    ck_assert_int_eq(state_create(&s, &e), ERR_OK);
    state_apply(s, &(struct event){.time = 100,
                                   .name = "run",
                                   .count = trials,
                                   .worker = 5,
                                   .cost = flops,
                                   .text = "n012 job 4711"});
    return s;
}

static int64_t counted(const struct state *s, enum trial_state state)
{
    int64_t count[TRIAL_STATES];
    state_counts(s, count);
    return count[state];
}

START_TEST(test_names_follow_the_enum)
{
    ck_assert_int_eq(trial_states.count, TRIAL_STATES);
    ck_assert_int_eq(table_find(&trial_states, "planned"), TRIAL_PLANNED);
    ck_assert_int_eq(table_find(&trial_states, "queued"), TRIAL_QUEUED);
    ck_assert_int_eq(table_find(&trial_states, "running"), TRIAL_RUNNING);
    ck_assert_int_eq(table_find(&trial_states, "done"), TRIAL_DONE);
    ck_assert_int_eq(table_find(&trial_states, "diverged"), TRIAL_DIVERGED);
    ck_assert_int_eq(table_find(&trial_states, "failed"), TRIAL_FAILED);
    ck_assert_int_eq(table_find(&trial_states, "lost"), TRIAL_LOST);
    ck_assert_int_eq(table_find(&trial_states, "skipped"), TRIAL_SKIPPED);
    ck_assert_int_eq(TRIAL_LOST, 6); /* numbers are stored */
    ck_assert_int_eq(TRIAL_SKIPPED, 7);
}
END_TEST

START_TEST(test_unknown_events_and_no_trial_change_nothing)
{
    struct state *s = begun(3, 10);
    apply(s, "paused", 5, 1, 1);
    apply(s, "done", 0, 1, 1);
    apply(s, "", 5, 1, 1);
    ck_assert_ptr_null(state_find(s, 5));
    ck_assert_ptr_null(state_find(s, 0));
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 3);
    state_destroy(s);
}
END_TEST

START_TEST(test_each_event_leads_to_its_state)
{
    static const struct {
        const char *event;
        enum trial_state state;
    } cases[] = {
        {"queued", TRIAL_QUEUED},     {"started", TRIAL_RUNNING}, {"done", TRIAL_DONE},
        {"diverged", TRIAL_DIVERGED}, {"failed", TRIAL_FAILED},   {"lost", TRIAL_LOST},
        {"skipped", TRIAL_SKIPPED},   {"retry", TRIAL_PLANNED},
    };
    struct state *s = begun(1, 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apply(s, cases[i].event, 5, 0, 0);
        ck_assert_int_eq(state_find(s, 5)->state, cases[i].state);
        ck_assert_int_eq(counted(s, cases[i].state), 1);
    }
    ck_assert_int_eq(state_events.count,
                     sizeof cases / sizeof *cases + 4); /* created, run, dropped, ended */
    state_destroy(s);
}
END_TEST

START_TEST(test_skipped_trial_waits_again_in_the_next_run)
{
    struct state *s = begun(2, 10);
    state_apply(s,
                &(struct event){.name = "skipped", .trial = 5, .cost = 4, .text = "needs 7"});
    ck_assert_str_eq(state_find(s, 5)->reason, "needs 7");
    ck_assert(state_run(s)->flops_done == 4); /* nothing is left to do for it */
    state_apply(s, &(struct event){.name = "run", .count = 2, .worker = 1, .cost = 10});
    ck_assert_int_eq(state_find(s, 5)->state, TRIAL_PLANNED);
    ck_assert(state_run(s)->flops_done == 0);
    state_destroy(s);
}
END_TEST

START_TEST(test_finished_trial_keeps_what_its_event_said)
{
    struct state *s = begun(1, 10);
    state_apply(
        s, &(struct event){
               .time = 3, .name = "queued", .trial = 9, .attempt = 2, .worker = 4, .cost = 6});
    state_apply(s, &(struct event){.time = 4,
                                   .name = "failed",
                                   .trial = 9,
                                   .attempt = 2,
                                   .worker = 4,
                                   .seconds = 1.5,
                                   .text = "no such file"});
    const struct trial_status *t = state_find(s, 9);
    ck_assert_int_eq(t->attempts, 2);
    ck_assert_int_eq(t->worker, 4);
    ck_assert(t->since == 4 && t->seconds == 1.5 && t->cost == 6);
    ck_assert_str_eq(t->reason, "no such file");
    state_apply(
        s,
        &(struct event){
            .time = 5, .name = "done", .trial = 9, .attempt = 3, .worker = 1, .checksum = 77});
    t = state_find(s, 9);
    ck_assert_ptr_null(t->reason);
    ck_assert_uint_eq(t->checksum, 77);
    state_destroy(s);
}
END_TEST

START_TEST(test_run_makes_what_was_out_planned_again)
{
    struct state *s = begun(4, 10);
    apply(s, "queued", 1, 1, 0);
    apply(s, "started", 2, 1, 0);
    apply(s, "done", 3, 1, 1);
    state_apply(s, &(struct event){.time = 200, .name = "run", .count = 6, .worker = 1});
    ck_assert_int_eq(state_find(s, 1)->state, TRIAL_PLANNED);
    ck_assert_int_eq(state_find(s, 2)->state, TRIAL_PLANNED);
    ck_assert_int_eq(state_find(s, 3)->state, TRIAL_DONE);
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 5);
    ck_assert_int_eq(state_run(s)->runs, 2);
    ck_assert_int_eq(state_run(s)->workers, 1);
    state_destroy(s);
}
END_TEST

START_TEST(test_dropped_trials_are_in_no_sum_until_the_next_run)
{
    struct state *s = begun(3, 30);
    for (uint64_t id = 1; id <= 3; id++) apply(s, "done", id, 10, 1);
    struct event run = {.name = "run", .count = 4, .worker = 3, .cost = 100};
    state_apply(s, &run); /* of trials 3 to 6 */
    apply(s, "dropped", 1, 0, 0);
    apply(s, "dropped", 2, 0, 0);
    apply(s, "dropped", 2, 0, 0);
    ck_assert_int_eq(counted(s, TRIAL_DONE), 1);
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 3);
    ck_assert(state_run(s)->flops_done == 10 && state_run(s)->flops_left == 90);
    ck_assert_int_eq(state_find(s, 1)->state, TRIAL_DONE); /* the store has it still */
    apply(s, "started", 4, 30, 0);
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 2);
    state_apply(s, &(struct event){.name = "run", .count = 6, .worker = 3, .cost = 120});
    ck_assert_int_eq(counted(s, TRIAL_DONE), 3);
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 3);
    ck_assert(state_run(s)->flops_done == 30);
    state_destroy(s);
}
END_TEST

START_TEST(test_new_store_forgets_what_was)
{
    struct state *s = begun(4, 10);
    apply(s, "failed", 1, 1, 0);
    state_apply(s, &(struct event){.time = 200, .name = "created"});
    ck_assert_ptr_null(state_find(s, 1));
    ck_assert_int_eq(state_run(s)->runs, 0);
    ck_assert_int_eq(counted(s, TRIAL_FAILED) + counted(s, TRIAL_PLANNED), 0);
    apply(s, "done", 1, 1, 1);
    ck_assert_int_eq(counted(s, TRIAL_DONE), 1);
    state_destroy(s);
}
END_TEST

START_TEST(test_run_and_its_end_are_described)
{
    struct state *s = begun(4, 10);
    ck_assert_str_eq(state_run(s)->host, "n012");
    ck_assert_str_eq(state_run(s)->text, "job 4711");
    ck_assert_int_eq(state_run(s)->ranks, 5);
    ck_assert_int_eq(state_run(s)->workers, 4);
    ck_assert(state_run(s)->started == 100 && state_run(s)->ended == 0);
    state_apply(s, &(struct event){.time = 300, .name = "ended", .count = 75});
    ck_assert(state_run(s)->ended == 300);
    ck_assert_int_eq(state_run(s)->exit_code, 75);
    state_destroy(s);
}
END_TEST

START_TEST(test_progress_is_weighted_by_cost)
{
    struct state *s = begun(3, 100);
    apply(s, "queued", 1, 60, 0);
    ck_assert(state_run(s)->flops_left == 100 && state_run(s)->rate == 0);
    apply(s, "done", 1, 60, 2);
    apply(s, "done", 2, 30, 1);
    ck_assert(state_run(s)->flops_done == 90 && state_run(s)->flops_left == 10);
    ck_assert(state_run(s)->rate == 30);
    apply(s, "retry", 1, 0, 0);
    ck_assert(state_run(s)->flops_done == 30);
    apply(s, "done", 1, 70, 2); /* the cost was corrected */
    ck_assert(state_run(s)->flops_done == 100 && state_run(s)->flops_left == 0);
    state_apply(s, &(struct event){.name = "run", .count = 3, .worker = 3, .cost = 100});
    ck_assert(state_run(s)->flops_done == 100 && state_run(s)->rate == 0);
    state_destroy(s);
}
END_TEST

/* A fold over any prefix: trials keep distinct ids, counts add up, nothing is negative. */
static void check_sums(const struct state *s, int64_t trials)
{
    int64_t count[TRIAL_STATES], sum = 0;
    state_counts(s, count);
    for (int i = 0; i < TRIAL_STATES; i++) {
        ck_assert_int_ge(count[i], 0);
        sum += count[i];
    }
    ck_assert_int_eq(sum, trials);
}

START_TEST(test_journal_cut_at_every_byte_gives_a_state)
{
    char folder[] = "/tmp/shoal-state-XXXXXX", store[64], path[128];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(store, sizeof store, "%s/s.h5", folder);
    struct journal *j;
    ck_assert_int_eq(journal_open(store, 0, &j, &e), ERR_OK);
    static const char *const names[] = {"queued", "started", "done", "retry", "failed"};
    for (int i = 0; i < 30; i++) {
        struct event event = {.time = i, .trial = (uint64_t)(1 + i % 7), .cost = 1};
        strcpy(event.name, i % 10 == 0 ? "run" : names[i % 5]);
        if (i % 10 == 0) event.count = 7;
        ck_assert_int_eq(journal_append(j, &event, &e), ERR_OK);
    }
    journal_close(j, &e);
    journal_path(store, "journal", path, sizeof path);
    FILE *f = fopen(path, "r+");
    fseek(f, 0, SEEK_END);
    for (long length = ftell(f); length >= 0; length--) {
        ck_assert_int_eq(ftruncate(fileno(f), length), 0);
        struct state *s;
        ck_assert_int_eq(state_read(store, &s, &e), ERR_OK);
        check_sums(s, state_run(s)->runs > 0 ? 7 : 0);
        state_destroy(s);
    }
    fclose(f);
    unlink(path);
    unlink(journal_path(store, "lock", path, sizeof path));
    rmdir(journal_path(store, "", path, sizeof path));
    rmdir(folder);
}
END_TEST

START_TEST(test_many_trials_are_found)
{
    enum { N = 300000 };
    struct state *s = begun(N, N);
    for (uint64_t i = 1; i <= N; i++) apply(s, "queued", i * 0x9E3779B97F4A7C15u, 1, 0);
    for (uint64_t i = 1; i <= N; i++) apply(s, "done", i * 0x9E3779B97F4A7C15u, 1, 1);
    ck_assert_int_eq(counted(s, TRIAL_DONE), N);
    ck_assert_int_eq(counted(s, TRIAL_PLANNED), 0);
    for (uint64_t i = 1; i <= N; i++)
        ck_assert_uint_eq(state_find(s, i * 0x9E3779B97F4A7C15u)->id, i * 0x9E3779B97F4A7C15u);
    ck_assert_ptr_null(state_find(s, 12345));
    state_destroy(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("state");
    TCase *c = check_case(s, "state");
    tcase_add_test(c, test_names_follow_the_enum);
    tcase_add_test(c, test_unknown_events_and_no_trial_change_nothing);
    tcase_add_test(c, test_each_event_leads_to_its_state);
    tcase_add_test(c, test_finished_trial_keeps_what_its_event_said);
    tcase_add_test(c, test_skipped_trial_waits_again_in_the_next_run);
    tcase_add_test(c, test_run_makes_what_was_out_planned_again);
    tcase_add_test(c, test_dropped_trials_are_in_no_sum_until_the_next_run);
    tcase_add_test(c, test_new_store_forgets_what_was);
    tcase_add_test(c, test_run_and_its_end_are_described);
    tcase_add_test(c, test_progress_is_weighted_by_cost);
    tcase_add_test(c, test_journal_cut_at_every_byte_gives_a_state);
    tcase_add_test(c, test_many_trials_are_found);
    return check_run(s);
}
