/* test_text.c - near names, numbers for people, a growing string. */
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/check_main.h"

START_TEST(test_distance_counts_edits)
{
    static const struct {
        const char *a, *b;
        int distance;
    } known[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"relu", "relu", 0},
        {"relu", "rleu", 1}, /* a swap is one edit */
        {"relu", "relus", 1},
        {"relu", "reu", 1},
        {"relu", "rely", 1},
        {"ca", "abc", 3}, /* optimal string alignment: no edit inside a swap */
        {"kitten", "sitting", 3},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ck_assert_int_eq(text_distance(known[i].a, known[i].b), known[i].distance);
        ck_assert_int_eq(text_distance(known[i].b, known[i].a), known[i].distance);
    }
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(text_distance(longer, "x"), (int)strlen(longer)); /* not compared */
}
END_TEST

static const char *nearest(const char *wanted)
{
    static const char *const known[] = {"model.width", "model.depth", "model.activation",
                                        "optim.lr",    "relu",        "tanh"};
    struct text_nearest best = text_nearest_init(wanted);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) text_nearest_try(&best, known[i]);
    return best.found;
}

START_TEST(test_nearest_suggests_only_what_is_near)
{
    ck_assert_ptr_null(nearest("something else"));
    ck_assert_ptr_null(nearest(""));
    ck_assert_ptr_null(nearest("xyz"));
    ck_assert_ptr_null(nearest("rexy")); /* two edits in four letters */
    ck_assert_str_eq(nearest("model.activaton"), "model.activation");
    ck_assert_str_eq(nearest("optim.rl"), "optim.lr");
    ck_assert_str_eq(nearest("rely"), "relu");
    ck_assert_str_eq(nearest("tanh"), "tanh");
}
END_TEST

START_TEST(test_double_reads_back)
{
    char buffer[32];
    static const struct {
        double value;
        const char *text;
    } known[] = {{0, "0"},          {0.1, "0.1"},        {1, "1"},
                 {-2.5, "-2.5"},    {1e6, "1000000"},    {200, "200"},
                 {1e-8, "1e-08"},   {1e-3, "0.001"},     {NAN, "nan"},
                 {INFINITY, "inf"}, {-INFINITY, "-inf"}, {1 / 3.0, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_str_eq(text_double(known[i].value, buffer), known[i].text);
    static const double edge[] = {DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074, 0x1.fffffffffffffp-2};
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++)
        ck_assert_double_eq(strtod(text_double(edge[i], buffer), NULL), edge[i]);
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)rng_u32(&r) << 32 | rng_u32(&r);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        text_double(value, buffer);
        ck_assert_uint_lt(strlen(buffer), sizeof buffer);
        ck_assert_double_eq(strtod(buffer, NULL), value);
    }
}
END_TEST

START_TEST(test_numbers_for_people)
{
    char b[32];
    ck_assert_str_eq(text_bytes(0, b), "0 B");
    ck_assert_str_eq(text_bytes(830, b), "830 B");
    ck_assert_str_eq(text_bytes(1.2e6, b), "1.2 MB");
    ck_assert_str_eq(text_bytes(999.7, b), "1.0 kB");
    ck_assert_str_eq(text_bytes(123e9, b), "123 GB");
    ck_assert_str_eq(text_bytes(5e20, b), "500000 PB");
    ck_assert_str_eq(text_count(900, b), "900");
    ck_assert_str_eq(text_count(12e3, b), "12.0 k");
    ck_assert_str_eq(text_count(4.2e9, b), "4.2 G");
    ck_assert_str_eq(text_count(-4.2e9, b), "-4.2 G");
}
END_TEST

START_TEST(test_durations_carry)
{
    static const struct {
        double seconds;
        const char *text;
    } known[] = {{0, "0 ms"},
                 {0.23, "230 ms"},
                 {0.9996, "1.0 s"},
                 {3.4, "3.4 s"},
                 {59.97, "1 min 00 s"},
                 {60, "1 min 00 s"},
                 {19 * 60 + 5, "19 min 05 s"},
                 {3599.2, "59 min 59 s"},
                 {3599.6, "1 h 00 min"},
                 {4320, "1 h 12 min"},
                 {2 * 86400 + 5 * 3600, "2 d 05 h"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char b[32];
        ck_assert_str_eq(text_duration(known[i].seconds, b), known[i].text);
    }
}
END_TEST

START_TEST(test_text_grows)
{
    struct text t = {0};
    text_clear(&t);
    char expected[4001] = "";
    for (int i = 0; i < 1000; i++) {
        text_add(&t, "%03d,", i);
        snprintf(expected + 4 * i, sizeof expected - 4 * (size_t)i, "%03d,", i);
        ck_assert_uint_eq(t.length, 4 * (size_t)(i + 1));
    }
    ck_assert_str_eq(t.at, expected);
    text_add(&t, "%s", "");
    text_add_bytes(&t, "a\0b", 3);
    ck_assert_uint_eq(t.length, 4003);
    ck_assert_mem_eq(t.at + 4000, "a\0b", 4); /* and the final NUL */
    text_clear(&t);
    ck_assert_ptr_null(t.at);
    ck_assert_uint_eq(t.length, 0);
}
END_TEST

START_TEST(test_csv_is_quoted_where_it_must)
{
    static const struct {
        const char *cell, *written;
    } known[] = {{"", ""},           {"0.5", "0.5"},         {"two words", "two words"},
                 {"a,b", "\"a,b\""}, {"a\"b", "\"a\"\"b\""}, {"a\nb", "\"a\nb\""},
                 {"a\r", "\"a\r\""}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct text t = {0};
        text_add_csv(&t, known[i].cell);
        ck_assert_str_eq(t.at, known[i].written);
        text_clear(&t);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text");
    TCase *t = check_case(s, "text");
    tcase_add_test(t, test_distance_counts_edits);
    tcase_add_test(t, test_nearest_suggests_only_what_is_near);
    tcase_add_test(t, test_double_reads_back);
    tcase_add_test(t, test_numbers_for_people);
    tcase_add_test(t, test_durations_carry);
    tcase_add_test(t, test_text_grows);
    tcase_add_test(t, test_csv_is_quoted_where_it_must);
    return check_run(s);
}
