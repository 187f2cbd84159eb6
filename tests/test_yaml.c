/* test_yaml.c - what the reader refuses and how it says so, then what it reads; and that no
 * mutation of a sweep file makes it crash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/yaml.h"
#include "tests/check_main.h"

static struct yaml_file *parse(const char *text)
{
    struct yaml_file *file;
    struct err e = {0};
    ck_assert_int_eq(yaml_parse("s.yaml", text, &file, &e), ERR_OK);
    return file;
}

static void check_report(const char *text, const char *wanted)
{
    struct yaml_file *file = parse(text);
    char *report = yaml_report(file, false);
    ck_assert_str_eq(report ? report : "", wanted);
    free(report);
    yaml_destroy(file);
}

/* ---- what is wrong ---- */

static const struct {
    const char *text, *report;
} broken[] = {
    {"a: 1\nb: 2\na: 3\n", "s.yaml:3:1: error: duplicate key 'a', first given in line 1\n"
                           "    3 | a: 3\n"
                           "      | ^\n"
                           "1 error\n"},
    {"", "s.yaml:1:1: error: the file is empty\n"
         "    1 | \n"
         "      | ^\n"
         "1 error\n"},
    {"# nothing\n", "s.yaml:1:1: error: the file is empty\n"
                    "    1 | # nothing\n"
                    "      | ^\n"
                    "1 error\n"},
    {"a:\n\tb: 1\n", "s.yaml:2:1: error: tab in front of a line\n"
                     "    2 |  b: 1\n"
                     "      | ^ indent with spaces\n"
                     "1 error\n"},
    {"é: [1, \xff]\n", "s.yaml:1:8: error: byte 0xff is not UTF-8 text\n"
                       "    1 | é: [1, ?]\n"
                       "      |        ^ save the file as UTF-8\n"
                       "1 error\n"},
    {"a: \xc0\xaf\n", "s.yaml:1:4: error: byte 0xc0 is not UTF-8 text\n"
                      "    1 | a: ??\n"
                      "      |    ^ save the file as UTF-8\n"
                      "1 error\n"},
    {"a: x\033[31m\n", "s.yaml:1:5: error: control character U+001B\n"
                       "    1 | a: x?[31m\n"
                       "      |     ^\n"
                       "1 error\n"},
    {"é: 1\né: 2\n", "s.yaml:2:1: error: duplicate key 'é', first given in line 1\n"
                     "    2 | é: 2\n"
                     "      | ^\n"
                     "1 error\n"},
    {"a: [1, 2\n", "s.yaml:1:9: error: did not find expected ',' or ']' while parsing a flow "
                   "sequence (from 1:4 on)\n"
                   "    1 | a: [1, 2\n"
                   "      |         ^ a ',' or the closing ']' is missing\n"
                   "1 error\n"},
    {"a: {b: 1]\n", "s.yaml:1:9: error: did not find expected ',' or '}' while parsing a flow "
                    "mapping\n"
                    "    1 | a: {b: 1]\n"
                    "      |         ^ a ',' or the closing '}' is missing\n"
                    "1 error\n"},
    {"a: b: c\n", "s.yaml:1:5: error: mapping values are not allowed in this context\n"
                  "    1 | a: b: c\n"
                  "      |     ^ quote text that contains ': '\n"
                  "1 error\n"},
    {"a: &x {b: *x}\n", "s.yaml:1:11: error: alias to a value that contains itself\n"
                        "    1 | a: &x {b: *x}\n"
                        "      |           ^~\n"
                        "1 error\n"},
    {"a: *x\n", "s.yaml:1:4: error: unknown alias\n"
                "    1 | a: *x\n"
                "      |    ^~ an anchor '&' stands before its aliases '*'\n"
                "1 error\n"},
    {"a: {<<: {b: 1}}\n", "s.yaml:1:5: error: merge keys ('<<') are not supported\n"
                          "    1 | a: {<<: {b: 1}}\n"
                          "      |     ^~ write the keys out\n"
                          "1 error\n"},
    {"a: !!int 3\n", "s.yaml:1:4: error: tags ('!') are not supported\n"
                     "    1 | a: !!int 3\n"
                     "      |    ^~~~~~~ leave it out\n"
                     "1 error\n"},
    {"[a]: 3\n", "s.yaml:1:1: error: a key must be a word\n"
                 "    1 | [a]: 3\n"
                 "      | ^ quote it if it is text\n"
                 "1 error\n"},
    {"a: 1\n---\nb: 2\n", "s.yaml:2:1: error: a second document starts here\n"
                          "    2 | ---\n"
                          "      | ^~~ one file is one document\n"
                          "1 error\n"},
    {"a: \"x\\0y\"\n", "s.yaml:1:4: error: text with a NUL character\n"
                       "    1 | a: \"x\\0y\"\n"
                       "      |    ^~~~~~\n"
                       "1 error\n"},
};

START_TEST(test_broken_is_reported)
{
    check_report(broken[_i].text, broken[_i].report);
}
END_TEST

START_TEST(test_deep_nesting_is_refused)
{
    static const char *const open[] = {"[", "{a: ", "- "};
    for (int k = 0; k < 3; k++) {
        char *text = calloc(5, 100001);
        for (int i = 0; i < 100000; i++) strcpy(text + (size_t)i * strlen(open[k]), open[k]);
        struct yaml_file *file = parse(text);
        ck_assert_int_eq(file->n_problems, 1);
        ck_assert_str_eq(file->problem->text, "nested deeper than 64 levels");
        ck_assert_ptr_null(file->root);
        yaml_destroy(file);
        free(text);
    }
}
END_TEST

START_TEST(test_nesting_of_64_is_read)
{
    for (int depth = 64; depth <= 65; depth++) {
        char text[256] = "";
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct yaml_file *file = parse(text);
        ck_assert_int_eq(file->n_problems, depth - 64);
        yaml_destroy(file);
    }
}
END_TEST

START_TEST(test_exploding_aliases_are_refused)
{
    char text[2048] = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (int i = 1; i < 10; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n",
                 i, i, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    struct yaml_file *file = parse(text);
    ck_assert_int_eq(file->n_problems, 1);
    ck_assert_str_eq(file->problem->text, "aliases stand for more than a million values");
    yaml_destroy(file);
}
END_TEST

START_TEST(test_files_that_cannot_be_read)
{
    struct yaml_file *file;
    struct err e = {0};
    ck_assert_int_eq(yaml_read("/nowhere/x.yaml", &file, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/x.yaml: No such file"));
    ck_assert_int_eq(yaml_read("/tmp", &file, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "directory"));
    ck_assert_int_eq(yaml_read("/dev/zero", &file, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "larger than"));

    char path[] = "/tmp/test_yaml_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "a: 1\nb: \0\n", 10), 10);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(yaml_read(path, &file, &e), ERR_OK);
    unlink(path);
    ck_assert_int_eq(file->n_problems, 1);
    ck_assert_str_eq(file->problem->text, "control character U+0000");
    ck_assert_int_eq(file->problem->mark.line, 2);
    ck_assert_int_eq(file->problem->mark.column, 4);
    yaml_destroy(file);
}
END_TEST

START_TEST(test_report_orders_problems_and_cuts_lines)
{
    char text[600], line[512] = "";
    for (int i = 0; i < 100; i++) strcat(line, "ab, ");
    snprintf(text, sizeof text, "first: [%s]\nsecond: \"\\e[31m\"\n", line);
    struct yaml_file *file = parse(text);
    struct yaml_node *second = yaml_get(file->root, "second");
    yaml_problem(file, (struct yaml_mark){0, 0, 1}, "drop it", "no place");
    yaml_problem(file, second->mark, NULL, "bad '%s'", second->text);
    yaml_problem(file, yaml_get(file->root, "first")->child[50]->mark, NULL, "bad");
    yaml_problem(file, second->mark, NULL, "again");
    char *report = yaml_report(file, false);
    char wanted[1024];
    snprintf(wanted, sizeof wanted,
             "s.yaml: error: no place\n      | drop it\n"
             "s.yaml:1:209: error: bad\n    1 | ... %.160s\n      | %64s^~\n"
             "s.yaml:2:9: error: bad '?[31m'\n    2 | second: \"\\e[31m\"\n"
             "      |         ^~~~~~~~\n"
             "s.yaml:2:9: error: again\n    2 | second: \"\\e[31m\"\n"
             "      |         ^~~~~~~~\n4 errors\n",
             text + 148, "");
    ck_assert_str_eq(report, wanted);
    free(report);
    report = yaml_report(file, true);
    ck_assert_ptr_nonnull(strstr(report, "\033[1ms.yaml:2:9:\033[0m \033[1;31merror:\033[0m"));
    free(report);
    yaml_destroy(file);
}
END_TEST

/* ---- scalars ---- */

static const struct {
    const char *text, *hint; /* hint: a part of it; NULL: no trap */
} no_number[] = {
    {"yes", "true or false"},
    {"No", "true or false"},
    {"off", "true or false"},
    {"True", "true or false"},
    {"~", "write a value"},
    {"null", "write a value"},
    {"", "write a value"},
    {"0777", "leading zeros"},
    {"-012", "leading zeros"},
    {"0o17", "leading zeros"},
    {"00.5", "leading zeros"},
    {"12:30", "':'"},
    {"1:2:3", "':'"},
    {"1_000", "'_'"},
    {"0x1f", "decimals"},
    {".inf", "finite"},
    {"-.Inf", "finite"},
    {".nan", "finite"},
    {"nan", "finite"},
    {"'8'", "quotes"},
    {"\"1e3\"", "quotes"},
    {"1e", NULL},
    {"1e999", NULL},
    {".", NULL},
    {"+", NULL},
    {"1.2.3", NULL},
    {"1;5", NULL},
    {"5%", NULL},
    {"wide", NULL},
    {"1 2", NULL},
    {"10min", NULL},
    {"--1", NULL},
    {"'relu'", NULL},
};

START_TEST(test_no_number_is_explained)
{
    char text[64];
    snprintf(text, sizeof text, "[%s]\n", no_number[_i].text);
    if (!*no_number[_i].text) strcpy(text, "-\n");
    struct yaml_file *file = parse(text);
    const struct yaml_node *node = file->root->child[0];
    double number = 7;
    int64_t integer = 7;
    ck_assert_msg(!yaml_number(node, &number), "%s", node->text);
    ck_assert(!yaml_integer(node, &integer));
    ck_assert(number == 7 && integer == 7);
    const char *hint = yaml_trap(node);
    if (no_number[_i].hint)
        ck_assert_msg(hint && strstr(hint, no_number[_i].hint), "%s: %s", node->text, hint);
    else
        ck_assert_ptr_null(hint);
    yaml_destroy(file);
}
END_TEST

static const struct {
    const char *text;
    double number;
    bool whole;
    int64_t integer;
} numbers[] = {
    {"0", 0, true, 0},
    {"-0", 0, true, 0},
    {"20000", 20000, true, 20000},
    {"2.0e+4", 20000, true, 20000},
    {"1e6", 1e6, true, 1000000},
    {"1E6", 1e6, true, 1000000},
    {"+3", 3, true, 3},
    {"5.", 5, true, 5},
    {"0.5", 0.5, false, 0},
    {".5", 0.5, false, 0},
    {"-.5e1", -5, true, -5},
    {"1e-3", 1e-3, false, 0},
    {"1.0e+6", 1e6, true, 1000000},
    {"1e20", 1e20, false, 0},
    {"9007199254740993", 9007199254740993, true, 9007199254740993},
    {"-9223372036854774784", -0x1.fffffffffffffp62, true, -9223372036854774784},
};

START_TEST(test_numbers_are_read)
{
    struct yaml_node node = {.kind = YAML_SCALAR, .text = numbers[_i].text};
    double number;
    int64_t integer = 0;
    ck_assert_msg(yaml_number(&node, &number), "%s", node.text);
    ck_assert(number == numbers[_i].number);
    ck_assert_msg(yaml_integer(&node, &integer) == numbers[_i].whole, "%s", node.text);
    ck_assert_int_eq(integer, numbers[_i].integer);
}
END_TEST

/* ---- trees ---- */

static const char sweep[] = "version: 1\n"
                            "name: \"width é\"   # comment\n"
                            "model: {kind: mlp, depth: 2, width: 16, activation: relu}\n"
                            "sweep:\n"
                            "  axes:\n"
                            "    model.width:      {log2: [8, 32]}\n"
                            "    model.activation: [relu, &t tanh]\n"
                            "  when:\n"
                            "    - if: optim.name == sgd\n"
                            "      set: {optim.lr: 0.002, model.activation: *t}\n"
                            "empty:\n"
                            "block: |\n"
                            "  two\n"
                            "  lines\n";

START_TEST(test_tree_knows_its_places)
{
    struct yaml_file *file = parse(sweep);
    ck_assert_int_eq(file->n_problems, 0);
    ck_assert_ptr_null(yaml_report(file, false));
    struct yaml_node *model = yaml_get(file->root, "model");
    ck_assert_int_eq(model->count, 4);
    ck_assert_int_eq(model->mark.line, 3);
    ck_assert_int_eq(model->mark.column, 8);
    ck_assert_int_eq(model->mark.length, 50);
    ck_assert_str_eq(model->key[2], "width");
    ck_assert_int_eq(model->key_mark[2].column, 30);
    ck_assert_int_eq(model->key_mark[2].length, 5);
    struct yaml_node *name = yaml_get(file->root, "name");
    ck_assert_str_eq(name->text, "width é");
    ck_assert(name->quoted);
    ck_assert_int_eq(name->mark.length, 9); /* in characters */
    struct yaml_node *when = yaml_get(yaml_get(file->root, "sweep"), "when");
    ck_assert_int_eq(when->kind, YAML_LIST);
    ck_assert_str_eq(yaml_get(when->child[0], "if")->text, "optim.name == sgd");
    struct yaml_node *set = yaml_get(when->child[0], "set");
    ck_assert_str_eq(yaml_get(set, "model.activation")->text, "tanh");
    ck_assert_str_eq(yaml_get(file->root, "empty")->text, "");
    ck_assert(yaml_get(file->root, "block")->quoted);
    ck_assert_ptr_null(yaml_get(file->root, "nothing"));
    ck_assert_ptr_null(yaml_get(name, "nothing"));
    ck_assert_ptr_null(yaml_get(NULL, "nothing"));
    yaml_destroy(file);
}
END_TEST

START_TEST(test_windows_files_are_read)
{
    struct yaml_file *file = parse("\xef\xbb\xbf"
                                   "a: 1\r\n\r\nb: [x]\r\n");
    ck_assert_int_eq(file->n_problems, 0);
    ck_assert_int_eq(file->root->key_mark[0].column, 1);
    ck_assert_int_eq(file->root->key_mark[1].line, 3);
    yaml_destroy(file);
}
END_TEST

/* Replaces, removes, doubles bytes of the sweep file; whatever comes out is read or reported.
 */
START_TEST(test_mutations_never_crash)
{
    static const char likely[] = "[]{}:,-#&*!|>'\"%@`\t\n ?<~0\\\xff\xc3";
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    int n_broken = 0;
    for (int round = 0; round < 5000; round++) {
        char text[2 * sizeof sweep];
        strcpy(text, sweep);
        for (uint64_t k = 1 + rng_below(&r, 4); k > 0; k--) {
            size_t length = strlen(text), at = rng_below(&r, length - 20);
            size_t span = 1 + rng_below(&r, 16);
            switch (rng_below(&r, 4)) {
            case 0: text[at] = likely[rng_below(&r, sizeof likely - 1)]; break;
            case 1: text[at] = (char)(1 + rng_below(&r, 255)); break;
            case 2: memmove(text + at, text + at + span, length - at - span + 1); break;
            default:
                if (length + span >= sizeof text) break;
                memmove(text + at + span, text + at, length - at + 1);
            }
        }
        struct yaml_file *file = parse(text);
        char *report = yaml_report(file, false);
        ck_assert(file->root || report);
        n_broken += report != NULL;
        free(report);
        yaml_destroy(file);
    }
    ck_assert_int_gt(n_broken, 1000);
    ck_assert_int_lt(n_broken, 5000);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("yaml");
    TCase *wrong = check_case(s, "wrong"), *right = check_case(s, "right");
    tcase_add_loop_test(wrong, test_broken_is_reported, 0, sizeof broken / sizeof *broken);
    tcase_add_test(wrong, test_deep_nesting_is_refused);
    tcase_add_test(wrong, test_nesting_of_64_is_read);
    tcase_add_test(wrong, test_exploding_aliases_are_refused);
    tcase_add_test(wrong, test_files_that_cannot_be_read);
    tcase_add_test(wrong, test_report_orders_problems_and_cuts_lines);
    tcase_add_loop_test(wrong, test_no_number_is_explained, 0,
                        sizeof no_number / sizeof *no_number);
    tcase_add_test(wrong, test_mutations_never_crash);
    tcase_add_loop_test(right, test_numbers_are_read, 0, sizeof numbers / sizeof *numbers);
    tcase_add_test(right, test_tree_knows_its_places);
    tcase_add_test(right, test_windows_files_are_read);
    return check_run(s);
}
