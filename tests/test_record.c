/* test_record.c - recording grids. */
#include "tests/core.h"

#include "worker/record.h"

static void check(enum record_grid grid, int64_t count, int64_t steps, const char *wanted)
{
    struct record r = {.grid = grid, .grid_count = count};
    int64_t out[64];
    char got[512] = "";
    int64_t n = record_steps(&r, steps, 64, out);
    ck_assert_int_eq(record_steps(&r, steps, 0, NULL), n);
    for (int64_t i = 0; i < n; i++) {
        size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s%lld", i ? " " : "", (long long)out[i]);
    }
    ck_assert_str_eq(got, wanted);
}

START_TEST(test_grids_have_their_steps)
{
    check(GRID_LAST, 0, 200, "200");
    check(GRID_LINEAR, 4, 200, "0 50 100 150 200");
    check(GRID_LINEAR, 3, 10, "0 3 7 10");
    check(GRID_LINEAR, 1, 10, "0 10");
    check(GRID_LOG, 4, 1000, "1 10 100 1000");
    check(GRID_LOG, 5, 100, "1 3 10 32 100");
}
END_TEST

START_TEST(test_grids_finer_than_steps_merge)
{
    check(GRID_LINEAR, 50, 3, "0 1 2 3");
    check(GRID_LOG, 10, 4, "1 2 3 4");
    check(GRID_LOG, 1, 7, "7");
    check(GRID_LOG, 3, 1, "1");
    check(GRID_LINEAR, 5, 0, "0");
    check(GRID_LAST, 0, 0, "0");
}
END_TEST

START_TEST(test_long_runs_do_not_overflow)
{
    struct record r = {.grid = GRID_LINEAR, .grid_count = TASK_MAX_RECORDS - 1};
    static int64_t out[TASK_MAX_RECORDS];
    ck_assert_int_eq(record_steps(&r, 1000000000000, TASK_MAX_RECORDS, out), TASK_MAX_RECORDS);
    for (int i = 1; i < TASK_MAX_RECORDS; i++) ck_assert_int_gt(out[i], out[i - 1]);
    ck_assert_int_eq(out[TASK_MAX_RECORDS - 1], 1000000000000);
}
END_TEST

START_TEST(test_no_more_than_max_are_written)
{
    struct record r = {.grid = GRID_LINEAR, .grid_count = 10};
    int64_t out[3] = {-1, -1, -1};
    ck_assert_int_eq(record_steps(&r, 10, 2, out), 11);
    ck_assert_int_eq(out[1], 1);
    ck_assert_int_eq(out[2], -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("record");
    TCase *t = check_case(s, "record");
    tcase_add_test(t, test_grids_have_their_steps);
    tcase_add_test(t, test_grids_finer_than_steps_merge);
    tcase_add_test(t, test_long_runs_do_not_overflow);
    tcase_add_test(t, test_no_more_than_max_are_written);
    return check_run(s);
}
