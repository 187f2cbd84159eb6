/* test_expr.c - conditions: what is refused, where and why; what is true. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/expr.h"
#include "base/rng.h"
#include "base/text.h"
#include "tests/check_main.h"

static const struct {
    const char *key;
    struct expr_value value;
    const char *names; /* its possible values; NULL: a number */
} settings[] = {
    {"model.width", {.number = 4096}, NULL},
    {"model.leak", {.number = 0.01}, NULL},
    {"optim.name", {.is_text = true, .text = "sgd"}, "sgd adam"},
    {"optim.nesterov", {.number = 1}, "true"},
    {"test_loss", {.number = NAN}, NULL},
    {"cka@10", {.number = -1e-3}, NULL},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static int find(const char *key)
{
    for (int i = 0; i < N_SETTINGS; i++)
        if (strcmp(settings[i].key, key) == 0) return i;
    return -1;
}

static bool knows(void *self, const char *key)
{
    (void)self;
    return find(key) >= 0;
}

static bool allows(void *self, const char *key, const char *text)
{
    (void)self;
    const char *names = settings[find(key)].names;
    return names && strstr(names, text);
}

static const char *nearest(void *self, const char *key)
{
    (void)self;
    struct text_nearest best = text_nearest_init(key);
    for (int i = 0; i < N_SETTINGS; i++) text_nearest_try(&best, settings[i].key);
    return best.found;
}

static struct expr_value lookup(void *self, const char *key)
{
    (void)self;
    return settings[find(key)].value;
}

static const struct expr_scope scope = {.knows = knows, .allows = allows, .nearest = nearest};

static const struct {
    const char *text;
    int column;
    const char *error;
} wrong[] = {
    {"", 0, "expected a key such as model.width, but the condition ends here"},
    {"model.width", 11, "expected a comparison such as == or <, but the condition ends here"},
    {"optim.name and true", 11, "expected a comparison such as == or <, got 'and'"},
    {"3", 1, "expected a comparison such as == or <, but the condition ends here"},
    {"model.width >=", 14, "expected a value, but the condition ends here"},
    {"model.width = 3", 12,
     "expected a comparison such as == or <, got '='; did you mean '=='?"},
    {"model.width == 3 && true", 17,
     "expected 'and', 'or' or the end, got '&&'; did you mean 'and'?"},
    {"true AND true", 5, "expected 'and', 'or' or the end, got 'AND'; did you mean 'and'?"},
    {"! true", 0, "expected a key such as model.width, got '!'; did you mean 'not'?"},
    {"model.widht > 3", 0, "unknown key 'model.widht'; did you mean 'model.width'?"},
    {"qqqq > 3", 0, "unknown key 'qqqq'"},
    {"3 < model.widht", 4, "unknown key 'model.widht'; did you mean 'model.width'?"},
    {"optim.name == sdg", 14, "'sdg' is not a value of optim.name"},
    {"optim.name in [sgd, adma]", 20, "'adma' is not a value of optim.name"},
    {"model.width == wide", 15, "'wide' is not a value of model.width"},
    {"model.width in 3", 15, "expected '[' and a list of values, got '3'"},
    {"model.width in []", 16, "expected a value, got ']'"},
    {"model.width in [3 4]", 18, "expected ',' or ']', got '4'"},
    {"model.width in [3", 17, "expected ',' or ']', but the condition ends here"},
    {"1 < model.width < 3", 16, "expected 'and', 'or' or the end, got '<'"},
    {"(true", 5, "expected ')', but the condition ends here"},
    {"true)", 4, "expected 'and', 'or' or the end, got ')'"},
    {"model.width > 0777", 14,
     "expected a number, got '0777'; write a number without leading zeros, or quote it if it "
     "is text"},
    {"model.width > 1_000", 14,
     "expected a number, got '1_000'; write the number without '_', or quote it if it is text"},
    {"model.width > 12:30", 14,
     "expected a number, got '12:30'; quote it if it is text; a number has no ':'"},
    {"optim.name == 'sgd", 14, "a closing ' is missing"},
    {"optim.name == 'é' or x", 14, "'é' is not a value of optim.name"},
    {"true or é", 8, "expected a key such as model.width, got 'é'"},
    {"'é' == 3 or x", 12, "unknown key 'x'"},
    {"not", 3, "expected a key such as model.width, but the condition ends here"},
    {"true and or true", 9, "expected a key such as model.width, got 'or'"},
};

START_TEST(test_wrong_conditions_are_explained)
{
    struct arena arena = {0};
    struct expr *x;
    struct err e = {0};
    int column = -1;
    ck_assert_int_eq(expr_parse(&arena, wrong[_i].text, &scope, &x, &column, &e), ERR_CONFIG);
    ck_assert_str_eq(e.text, wrong[_i].error);
    ck_assert_msg(column == wrong[_i].column, "%s: %d", wrong[_i].text, column);
    ck_assert_ptr_null(x);
    arena_clear(&arena);
}
END_TEST

START_TEST(test_depth_is_limited_and_length_is_not)
{
    struct arena arena = {0};
    struct expr *x;
    int column;
    struct err e = {0};
    char *text = calloc(1, 700001);
    memset(text, '(', 100000);
    ck_assert_int_eq(expr_parse(&arena, text, &scope, &x, &column, &e), ERR_CONFIG);
    ck_assert_str_eq(e.text, "a condition nested deeper than 64 levels");
    ck_assert_int_eq(column, 64);
    for (int i = 0; i < 100000; i++) memcpy(text + 4 * (size_t)i, "not ", 4);
    ck_assert_int_eq(expr_parse(&arena, text, &scope, &x, &column, &e), ERR_CONFIG);
    for (int i = 0; i < 50000; i++) memcpy(text + 9 * (size_t)i, "false or ", 9);
    strcpy(text + 9 * 50000, "true");
    ck_assert_int_eq(expr_parse(&arena, text, &scope, &x, &column, &e), ERR_OK);
    ck_assert(expr_true(x, lookup, NULL));
    free(text);
    arena_clear(&arena);
}
END_TEST

static const struct {
    const char *text;
    bool value;
} right[] = {
    {"true", true},
    {"not true", false},
    {"optim.nesterov", true},
    {"not optim.nesterov", false},
    {"optim.nesterov == true", true},
    {"optim.nesterov != false", true},
    {"model.width >= 4096", true},
    {"model.width>4096", false},
    {"model.width <= 4.096e+3", true},
    {"4095 < model.width", true},
    {"model.leak == 1e-2", true},
    {"cka@10 < 0", true},
    {"cka@10 == -.001", true},
    {"optim.name == sgd", true},
    {"optim.name == 'sgd'", true},
    {"optim.name != \"adam\"", true},
    {"optim.name < sgd", false},
    {"optim.name > adam", true},
    {"optim.name == 3", false},
    {"optim.name != 3", true},
    {"optim.name < 3", false},
    {"model.width in [1, 2, 4096]", true},
    {"model.width in [1]", false},
    {"optim.name in [adam, sgd]", true},
    {"model.width == model.width", true},
    {"model.leak < model.width", true},
    {"test_loss < 1", false},
    {"test_loss >= 1", false},
    {"test_loss == test_loss", false},
    {"test_loss != test_loss", true},
    {"test_loss in [test_loss]", false},
    {"true or true and false", true}, /* and binds tighter than or */
    {"(true or true) and false", false},
    {"not false and false", false}, /* not binds tighter than and */
    {"not (false and false)", true},
    {"not not true", true},
    {"model.width >= 4096 and optim.name == sgd and not optim.nesterov", false},
};

START_TEST(test_conditions_have_values)
{
    struct arena arena = {0};
    struct expr *x;
    struct err e = {0};
    int column;
    enum err_code rc = expr_parse(&arena, right[_i].text, &scope, &x, &column, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s", right[_i].text, e.text);
    ck_assert_msg(expr_true(x, lookup, NULL) == right[_i].value, "%s", right[_i].text);
    arena_clear(&arena);
}
END_TEST

START_TEST(test_any_words_are_read_or_refused)
{
    static const char *const words[] = {"model.width ",
                                        "optim.name ",
                                        "sgd ",
                                        "and ",
                                        "or ",
                                        "not ",
                                        "( ",
                                        ") ",
                                        "in ",
                                        "[ ",
                                        "] ",
                                        ", ",
                                        "== ",
                                        "< ",
                                        "3 ",
                                        "'x' ",
                                        "optim.nesterov ",
                                        "'",
                                        "\xc3",
                                        "-",
                                        "1e",
                                        "true "};
    struct rng r = rng_stream(2, RNG_TESTING, 0);
    int n_good = 0;
    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        for (uint64_t k = rng_below(&r, 12); k > 0; k--)
            strcat(text, words[rng_below(&r, sizeof words / sizeof *words)]);
        struct arena arena = {0};
        struct expr *x;
        int column;
        if (expr_parse(&arena, text, &scope, &x, &column, NULL) == ERR_OK) {
            expr_true(x, lookup, NULL);
            n_good++;
        }
        ck_assert_int_le(column, (int)strlen(text));
        arena_clear(&arena);
    }
    ck_assert_int_gt(n_good, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("expr");
    TCase *all = check_case(s, "all");
    tcase_add_loop_test(all, test_wrong_conditions_are_explained, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(all, test_depth_is_limited_and_length_is_not);
    tcase_add_loop_test(all, test_conditions_have_values, 0, sizeof right / sizeof *right);
    tcase_add_test(all, test_any_words_are_read_or_refused);
    return check_run(s);
}
