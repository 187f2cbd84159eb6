/* test_schedule.c - closed forms. PyTorch's cosine is in test_golden_steps.c. */
#include "tests/core.h"

static const struct schedule *schedule(const char *name)
{
    return (const void *)table_row(&schedules, core_row(&schedules, name));
}

START_TEST(test_constant_is_one)
{
    for (int64_t s = 0; s < 10; s++)
        ck_assert_double_eq(schedule_factor(schedule("constant"), s, 10, 0), 1);
}
END_TEST

START_TEST(test_cosine_falls_from_one_towards_zero)
{
    ck_assert_double_eq(schedule_factor(schedule("cosine"), 0, 100, 0), 1);
    ck_assert_double_eq_tol(schedule_factor(schedule("cosine"), 50, 100, 0), 0.5, 1e-15);
    ck_assert_double_eq_tol(schedule_factor(schedule("cosine"), 25, 100, 0),
                            (1 + sqrt(0.5)) / 2, 1e-15);
}
END_TEST

START_TEST(test_warmup_rises_then_the_schedule_starts)
{
    for (int i = 0; i < schedules.count; i++) {
        const struct schedule *s = (const void *)table_row(&schedules, i);
        for (int64_t t = 0; t < 4; t++)
            ck_assert_double_eq(schedule_factor(s, t, 14, 4), (double)(t + 1) / 4);
        for (int64_t t = 4; t < 14; t++)
            ck_assert_double_eq(schedule_factor(s, t, 14, 4), schedule_factor(s, t - 4, 10, 0));
    }
}
END_TEST

START_TEST(test_factors_stay_between_zero_and_one)
{
    for (int i = 0; i < schedules.count; i++)
        for (int64_t t = 0; t < 37; t++) {
            double f = schedule_factor((const void *)table_row(&schedules, i), t, 37, 5);
            ck_assert(f >= 0 && f <= 1);
        }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = check_case(s, "schedule");
    tcase_add_test(t, test_constant_is_one);
    tcase_add_test(t, test_cosine_falls_from_one_towards_zero);
    tcase_add_test(t, test_warmup_rises_then_the_schedule_starts);
    tcase_add_test(t, test_factors_stay_between_zero_and_one);
    return check_run(s);
}
