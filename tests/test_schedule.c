/* test_schedule.c - closed forms, and what holds for every schedule. PyTorch's values are in
 * test_golden_optim.c. */
#include "tests/core.h"

static const struct schedule *schedule(const char *name)
{
    return (const void *)table_row(&schedules, core_row(&schedules, name));
}

/* With what a schedule cannot do without. */
static struct config complete(void)
{
    struct config c = core_config();
    snprintf(c.optim.milestones, sizeof c.optim.milestones, "4,0.75");
    return c;
}

START_TEST(test_constant_is_one)
{
    struct config c = core_config();
    for (int64_t s = 0; s < 10; s++)
        ck_assert_double_eq(schedule_factor(schedule("constant"), &c, s, 10), 1);
}
END_TEST

START_TEST(test_cosine_falls_from_one_towards_zero)
{
    struct config c = core_config();
    ck_assert_double_eq(schedule_factor(schedule("cosine"), &c, 0, 100), 1);
    ck_assert_double_eq_tol(schedule_factor(schedule("cosine"), &c, 50, 100), 0.5, 1e-15);
    ck_assert_double_eq_tol(schedule_factor(schedule("cosine"), &c, 25, 100),
                            (1 + sqrt(0.5)) / 2, 1e-15);
}
END_TEST

START_TEST(test_warmup_comes_first_then_the_schedule_starts)
{
    struct config c = complete();
    c.optim.warmup = 4;
    c.optim.warmup_factor = 0.3;
    for (int i = 0; i < schedules.count; i++)
        for (int constant = 0; constant < 2; constant++) {
            const struct schedule *s = (const void *)table_row(&schedules, i);
            c.optim.warmup_kind = core_row(&warmups, constant ? "constant" : "linear");
            for (int64_t t = 0; t < 4; t++)
                ck_assert_double_eq(schedule_factor(s, &c, t, 14),
                                    constant ? 0.3 : (double)(t + 1) / 4);
            for (int64_t t = 4; t < 14; t++)
                ck_assert_double_eq(schedule_factor(s, &c, t, 14), s->factor(&c, t - 4, 10));
        }
}
END_TEST

START_TEST(test_factors_stay_between_zero_and_one)
{
    struct config c = complete();
    for (int i = 0; i < schedules.count; i++)
        for (c.optim.warmup = 0; c.optim.warmup < 7; c.optim.warmup++)
            for (c.optim.schedule_block = 1; c.optim.schedule_block < 31;
                 c.optim.schedule_block++)
                for (int64_t t = 0; t < 37; t++) {
                    const struct schedule *s = (const void *)table_row(&schedules, i);
                    double f = schedule_factor(s, &c, t, 37);
                    ck_assert_msg(f >= 0 && f <= 1, "%s, step %lld: %g", s->row.name,
                                  (long long)t, f);
                }
}
END_TEST

START_TEST(test_a_block_of_steps_shares_a_factor)
{
    struct config c = complete();
    for (int i = 0; i < schedules.count; i++) {
        const struct schedule *s = (const void *)table_row(&schedules, i);
        c.optim.schedule_block = 7;
        for (int64_t t = 0; t < 66; t++)
            ck_assert_double_eq(schedule_factor(s, &c, t, 66), s->factor(&c, t / 7, 9));
    }
}
END_TEST

START_TEST(test_peak_at_the_first_step_of_one_cycle)
{
    struct config c = core_config();
    c.optim.pct_start = 0.1; /* the rise has one step, for which PyTorch divides by 0 */
    ck_assert_double_eq(schedule_factor(schedule("one_cycle"), &c, 0, 10), 1);
    c.optim.pct_start = 1;
    ck_assert_double_eq(schedule_factor(schedule("one_cycle"), &c, 9, 10), 1);
}
END_TEST

START_TEST(test_one_cycle_stays_at_its_end_in_what_is_left)
{
    struct config c = core_config();
    c.optim.schedule_block = 10;
    double end = 1 / c.optim.div_factor / c.optim.final_div_factor;
    for (c.optim.pct_start = 0.3; c.optim.pct_start < 1.5; c.optim.pct_start += 0.7)
        ck_assert_double_eq(schedule_factor(schedule("one_cycle"), &c, 54, 55), end);
}
END_TEST

static void refused(const char *milestones, const char *part)
{
    struct config c = core_config();
    struct err e;
    snprintf(c.optim.milestones, sizeof c.optim.milestones, "%s", milestones);
    ck_assert_msg(schedule_check(schedule("milestones"), &c, 100, &e) == ERR_CONFIG,
                  "'%s' accepted", milestones);
    ck_assert_msg(strncmp(e.text, "optim.milestones: ", 18) == 0 && strstr(e.text, part),
                  "'%s' should contain '%s'", e.text, part);
}

START_TEST(test_milestones_are_checked)
{
    refused("", "say where");
    refused("a", "'a'");
    refused("10,,20", "'10,,20'");
    refused("10 20", "'10 20'");
    refused("1.2.3", "1.2.3");
    refused("1.5", "1.5"); /* a share above 1 */
    refused("-5", "-5");
    refused("1e3", "1e3");
    refused("5,x", "5,x");
    struct config c = core_config();
    struct err e;
    snprintf(c.optim.milestones, sizeof c.optim.milestones, " 10 , 0.5,70");
    ck_assert_int_eq(schedule_check(schedule("milestones"), &c, 100, &e), ERR_OK);
    static const int at[] = {10, 50, 70};
    for (int64_t t = 0; t < 100; t++) {
        int passed = (t >= at[0]) + (t >= at[1]) + (t >= at[2]);
        ck_assert_double_eq_tol(schedule_factor(schedule("milestones"), &c, t, 100),
                                pow(0.1, passed), 1e-15);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = check_case(s, "schedule");
    tcase_add_test(t, test_constant_is_one);
    tcase_add_test(t, test_cosine_falls_from_one_towards_zero);
    tcase_add_test(t, test_warmup_comes_first_then_the_schedule_starts);
    tcase_add_test(t, test_factors_stay_between_zero_and_one);
    tcase_add_test(t, test_a_block_of_steps_shares_a_factor);
    tcase_add_test(t, test_peak_at_the_first_step_of_one_cycle);
    tcase_add_test(t, test_one_cycle_stays_at_its_end_in_what_is_left);
    tcase_add_test(t, test_milestones_are_checked);
    return check_run(s);
}
