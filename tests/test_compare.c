/* test_compare.c - a paper's numbers beside a sweep's: what agrees, and how it is written. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "coord/report_compare.h"
#include "tests/check_main.h"

static struct err e;

static struct results *small(void)
{
    struct results *r = NULL;
    enum err_code rc = results_read(TESTS_DIR "/golden/results/small.h5", &r, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return r;
}

static struct compare_spec line(const char *value, const char *filter)
{
    struct compare_spec c;
    field_defaults(&sweep_compare_settings, &c);
    snprintf(c.what, sizeof c.what, "a & b");
    snprintf(c.value, sizeof c.value, "%s", value);
    snprintf(c.filter, sizeof c.filter, "%s", filter);
    return c;
}

/* The store's tanh networks of width 16 have accuracies 0.55, 0.56, 0.57. */
static const char tanh16[] = "model.activation == tanh and model.width == 16";

/* "yes", "no", "" of one line. */
static void agrees(const struct results *r, const struct compare_spec *c, const char *wanted)
{
    struct report_compare out;
    char row[64];
    report_compare_make(r, 1, c, &out);
    snprintf(row, sizeof row, ",%s\n", wanted);
    ck_assert_msg(strstr(out.csv.at, row) != NULL, "%s", out.csv.at);
    ck_assert_int_eq(out.n_judged, *wanted != '\0');
    ck_assert_int_eq(out.n_agree, strcmp(wanted, "yes") == 0);
    report_compare_clear(&out);
}

START_TEST(test_parts)
{
    char part[2][TASK_NAME], op;
    ck_assert_int_eq(report_compare_parts("a", part, &op), 1);
    ck_assert_str_eq(part[0], "a");
    ck_assert_int_eq(report_compare_parts("a / b", part, &op), 2);
    ck_assert_str_eq(part[1], "b");
    ck_assert_int_eq(op, '/');
    ck_assert_int_eq(report_compare_parts("a_x - b", part, &op), 2);
    ck_assert_str_eq(part[0], "a_x");
    ck_assert_int_eq(op, '-');
    ck_assert_int_eq(report_compare_parts("", part, &op), 0);
    ck_assert_int_eq(report_compare_parts("a / ", part, &op), 0);
}
END_TEST

/* 4 sd sqrt(1/3 + 1/12) = 2.582 sd around 0.6 has to reach 0.56. */
START_TEST(test_what_agrees)
{
    struct results *r = small();
    struct compare_spec c = line("test_acc", tanh16);
    agrees(r, &c, "");
    c.released = 0.6;
    agrees(r, &c, "");
    c.seeds = 12;
    c.sd = 0.0156;
    agrees(r, &c, "yes");
    c.sd = 0.0154;
    agrees(r, &c, "no");
    c.sd = NAN;
    c.within = 0.067;
    agrees(r, &c, "yes");
    c.within = 0.066;
    agrees(r, &c, "no");
    c = line("test_acc", tanh16);
    c.least = 0.55;
    c.most = 0.57;
    agrees(r, &c, "yes");
    c.most = 0.559;
    agrees(r, &c, "no");
    c.filter[0] = '\0';
    snprintf(c.filter, sizeof c.filter, "model.width == 1");
    agrees(r, &c, "");
    snprintf(c.filter, sizeof c.filter, "model.depth == 1"); /* does not vary here */
    agrees(r, &c, "");
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_numbers_and_signs)
{
    struct results *r = small();
    struct compare_spec c[2] = {line("test_acc", tanh16), line("test_acc / test_acc", tanh16)};
    struct report_compare out;
    c[0].released = 0.5;
    c[0].sd = 0.1;
    c[0].seeds = 10;
    report_compare_make(r, 2, c, &out);
    ck_assert_msg(strstr(out.md.at, "| 0.5 ± 0.1 (10) | 0.56 ± 0.01 (3) | yes |"), "%s",
                  out.md.at);
    ck_assert_msg(strstr(out.md.at, "|  | 1 ± 0 (3) |  |"), "%s", out.md.at);
    ck_assert_msg(strstr(out.tex.at, "a \\& b &  & 0.5 $\\pm$ 0.1 (10) & 0.56"), "%s",
                  out.tex.at);
    ck_assert_msg(strstr(out.html.at, "<th scope=\"row\">a &amp; b</th>"), "%s", out.html.at);
    report_compare_clear(&out);
    results_destroy(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("comparison");
    TCase *t = check_case(s, "comparison");
    tcase_add_test(t, test_parts);
    tcase_add_test(t, test_what_agrees);
    tcase_add_test(t, test_numbers_and_signs);
    return check_run(s);
}
