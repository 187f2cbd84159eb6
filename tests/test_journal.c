/* test_journal.c - what was synced is replayed, whatever the end of the file looks like. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coord/journal.h"
#include "tests/check_main.h"

static char store[64];
static struct err e;

static void setup(void)
{
    strcpy(store, "/tmp/shoal-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(store));
    strcat(store, "/s.h5");
}

static void teardown(void)
{
    char path[256];
    unlink(journal_path(store, "journal", path, sizeof path));
    unlink(journal_path(store, "lock", path, sizeof path));
    rmdir(journal_path(store, "", path, sizeof path));
    *strrchr(store, '/') = '\0';
    rmdir(store);
}

/* Events seen by a replay. */
struct seen {
    int64_t n, bad;
    struct event last, first;
};

static void note(void *self, const struct event *event)
{
    struct seen *seen = self;
    if (seen->n++ == 0) seen->first = *event;
    seen->last = *event;
}

static struct seen replay(void)
{
    struct seen seen = {0};
    ck_assert_int_eq(journal_replay(store, note, &seen, &seen.bad, &e), ERR_OK);
    return seen;
}

static struct journal *opened(void)
{
    struct journal *j;
    ck_assert_msg(journal_open(store, 0, &j, &e) == ERR_OK, "%s", e.text);
    return j;
}

static void add_bytes(const char *bytes)
{
    char path[256];
    FILE *f = fopen(journal_path(store, "journal", path, sizeof path), "a");
    ck_assert_ptr_nonnull(f);
    fputs(bytes, f);
    fclose(f);
}

START_TEST(test_open_in_missing_folder_fails)
{
    struct journal *j;
    ck_assert_int_eq(journal_open("/nowhere/s.h5", 0, &j, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/s.h5.d"));
}
END_TEST

START_TEST(test_missing_journal_has_no_events)
{
    ck_assert_int_eq(replay().n, 0);
    ck_assert(journal_age_s(store) == -1);
}
END_TEST

START_TEST(test_event_without_name_is_refused)
{
    struct journal *j = opened();
    ck_assert_int_eq(journal_append(j, &(struct event){.time = 1}, &e), ERR_FORMAT);
    ck_assert_int_eq(journal_append(j, &(struct event){.time = NAN, .name = "x"}, &e),
                     ERR_FORMAT);
    journal_close(j, &e);
    ck_assert_int_eq(replay().n, 0);
}
END_TEST

START_TEST(test_second_opener_is_told_who_holds_the_lock)
{
    struct journal *j = opened(), *other;
    ck_assert_int_eq(journal_open(store, 0.12, &other, &e), ERR_BUSY);
    char host[64] = "", pid[32];
    gethostname(host, sizeof host - 1);
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    ck_assert_ptr_nonnull(strstr(e.text, host));
    ck_assert_ptr_nonnull(strstr(e.text, pid));
    ck_assert_int_eq(journal_close(j, &e), ERR_OK);
    journal_close(opened(), &e);
}
END_TEST

START_TEST(test_lock_of_a_killed_holder_is_waited_for)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        opened();
        if (write(ready[1], "x", 1) != 1) _exit(1);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        raise(SIGKILL);
    }
    char c;
    struct journal *j;
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    ck_assert_int_eq(journal_open(store, 5, &j, &e), ERR_OK);
    waitpid(child, NULL, 0);
    journal_close(j, &e);
}
END_TEST

START_TEST(test_bad_lines_are_counted_and_passed_over)
{
    journal_close(opened(), &e);
    add_bytes("garbage\n{}\n[1]\n{\"t\": 1}\n{\"event\": \"done\"}\n\n"
              "{\"t\": 1, \"event\": \"a-name-that-is-too-long\"}\n"
              "{\"t\": 1, \"event\": \"done\", \"trial\": \"12\"}\n"
              "{\"t\": 1, \"event\": \"done\", \"trial\": 12}\n"
              "{\"t\": 1, \"event\": \"done\", \"trial\": \"0123456789abcdeg\"}\n"
              "{\"t\": 1, \"event\": \"done\", \"worker\": 99999999999}\n"
              "{\"t\": 1, \"event\": \"done\", \"seconds\": \"3\"}\n"
              "{\"t\": \"1\", \"event\": \"done\"}\n"
              "{\"t\": 1, \"event\": \"done\"} {}\n"
              "{\"t\": 7, \"event\": \"good\", \"from\": \"a newer version\"}\n"
              "{\"t\": 8, \"event\": \"torn\"");
    struct seen seen = replay();
    ck_assert_int_eq(seen.n, 1);
    ck_assert_int_eq(seen.bad, 14);
    ck_assert_str_eq(seen.last.name, "good");
}
END_TEST

START_TEST(test_torn_line_is_cut_before_the_next_event)
{
    struct journal *j = opened();
    ck_assert_int_eq(journal_append(j, &(struct event){.name = "one"}, &e), ERR_OK);
    journal_close(j, &e);
    add_bytes("{\"t\": 5, \"event\": \"to");
    j = opened();
    ck_assert_int_eq(journal_append(j, &(struct event){.name = "two"}, &e), ERR_OK);
    journal_close(j, &e);
    struct seen seen = replay();
    ck_assert_int_eq(seen.n, 2);
    ck_assert_int_eq(seen.bad, 0);
    ck_assert_str_eq(seen.last.name, "two");
}
END_TEST

START_TEST(test_torn_line_longer_than_a_block_is_cut)
{
    struct journal *j = opened();
    ck_assert_int_eq(journal_append(j, &(struct event){.name = "one"}, &e), ERR_OK);
    journal_close(j, &e);
    char *torn = malloc(10001);
    memset(torn, 'x', 10000);
    torn[10000] = '\0';
    add_bytes(torn);
    free(torn);
    j = opened();
    ck_assert_int_eq(journal_append(j, &(struct event){.name = "two"}, &e), ERR_OK);
    journal_close(j, &e);
    ck_assert_int_eq(replay().n, 2);
    ck_assert_int_eq(replay().bad, 0);
}
END_TEST

START_TEST(test_event_comes_back_as_it_was)
{
    struct event event = {
        .time = 1761990000.125, /* a binary fraction: three decimals hold it exactly */
        .name = "failed",
        .trial = 0xfedcba9876543210u,
        .attempt = 2,
        .worker = 7,
        .count = -3,
        .seconds = 1.0 / 3,
        .cost = 1.7e15,
        .checksum = 1,
        .text = "line\nbreak \"quoted\" \\ \x01 na\xc3\xafve",
    };
    struct journal *j = opened();
    ck_assert_int_eq(journal_append(j, &event, &e), ERR_OK);
    ck_assert_int_eq(replay().n, 0); /* not before it is synced */
    ck_assert_int_eq(journal_sync(j, &e), ERR_OK);
    struct seen seen = replay();
    ck_assert_int_eq(seen.n, 1);
    ck_assert_mem_eq(&seen.last, &event, sizeof event);
    journal_close(j, &e);
}
END_TEST

START_TEST(test_what_json_cannot_say_is_left_out)
{
    struct event event = {.time = 5, .name = "done", .seconds = NAN, .cost = INFINITY};
    strcpy(event.text, "cut in a letter \xc3");
    struct journal *j = opened();
    ck_assert_int_eq(journal_append(j, &event, &e), ERR_OK);
    journal_close(j, &e);
    struct seen seen = replay();
    ck_assert_int_eq(seen.n, 1);
    ck_assert(seen.last.seconds == 0 && seen.last.cost == 0);
    ck_assert_str_eq(seen.last.text, "cut in a letter ?");
}
END_TEST

START_TEST(test_beat_makes_the_journal_young)
{
    char path[256];
    struct journal *j = opened();
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    utimensat(AT_FDCWD, journal_path(store, "journal", path, sizeof path), old, 0);
    ck_assert(journal_age_s(store) > 1e6);
    journal_beat(j);
    ck_assert(journal_age_s(store) < 60);
    journal_close(j, &e);
}
END_TEST

START_TEST(test_many_events_come_back)
{
    enum { N = 100000 };
    struct journal *j = opened();
    for (int i = 0; i < N; i++) {
        struct event event = {.name = "done",
                              .trial = 1 + (uint64_t)i,
                              .worker = i % 64,
                              .seconds = 0.001 * i,
                              .cost = 1e9,
                              .checksum = 77u * (unsigned)i};
        ck_assert_int_eq(journal_append(j, &event, &e), ERR_OK);
        if (i % 100 == 99) ck_assert_int_eq(journal_sync(j, &e), ERR_OK);
    }
    journal_close(j, &e);
    struct seen seen = replay();
    ck_assert_int_eq(seen.n, N);
    ck_assert_int_eq(seen.bad, 0);
    ck_assert_uint_eq(seen.last.trial, N);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("journal");
    TCase *c = check_case(s, "journal");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_open_in_missing_folder_fails);
    tcase_add_test(c, test_missing_journal_has_no_events);
    tcase_add_test(c, test_event_without_name_is_refused);
    tcase_add_test(c, test_second_opener_is_told_who_holds_the_lock);
    tcase_add_test(c, test_lock_of_a_killed_holder_is_waited_for);
    tcase_add_test(c, test_bad_lines_are_counted_and_passed_over);
    tcase_add_test(c, test_torn_line_is_cut_before_the_next_event);
    tcase_add_test(c, test_torn_line_longer_than_a_block_is_cut);
    tcase_add_test(c, test_event_comes_back_as_it_was);
    tcase_add_test(c, test_what_json_cannot_say_is_left_out);
    tcase_add_test(c, test_beat_makes_the_journal_young);
    tcase_add_test(c, test_many_events_come_back);
    return check_run(s);
}
