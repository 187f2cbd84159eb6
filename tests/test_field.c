/* test_field.c - settings as rows: every complaint as the user sees it, then values, defaults
 * and their texts. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "base/rng.h"
#include "base/text.h"
#include "tests/check_main.h"

static const struct row kind_rows[] = {{"mlp"}, {"two_layer"}, {"cnn"}};
static const struct table kind_table = TABLE("model", kind_rows);
static const struct row activation_rows[] = {{"relu"}, {"gelu"}, {"tanh"}, {"leaky_relu"}};
static const struct table activation_table = TABLE("activation", activation_rows);

struct settings {
    int kind, activation;
    int64_t width, batch, any;
    double leak, lr, momentum, positive;
    bool freeze;
    char path[8];
};

#define AT(member) .offset = offsetof(struct settings, member)
static const struct field rows[] = {
    {{"model.kind", "architecture"},
     FIELD_NAME,
     AT(kind),
     .names = &kind_table,
     .flags = FIELD_REQUIRED},
    {{"model.width", "units"},
     FIELD_INT,
     AT(width),
     .fallback = "128",
     .min = 1,
     .max = 1e6,
     .unit = "units"},
    {{"model.activation", "nonlinearity"},
     FIELD_NAME,
     AT(activation),
     .fallback = "relu",
     .names = &activation_table,
     .only_key = "model.kind",
     .only_names = "mlp two_layer"},
    {{"model.leak", "slope"},
     FIELD_FLOAT,
     AT(leak),
     .fallback = "0.01",
     .min = -1,
     .max = 1,
     .only_key = "model.activation",
     .only_names = "leaky_relu"},
    {{"model.freeze", "frozen"}, FIELD_BOOL, AT(freeze), .fallback = "false"},
    {{"optim.lr", "learning rate"}, FIELD_FLOAT, AT(lr), .fallback = "1e-1"},
    {{"optim.momentum", "momentum"},
     FIELD_FLOAT,
     AT(momentum),
     .fallback = "0",
     .max = 1,
     .flags = FIELD_OPEN_MAX},
    {{"optim.batch", "samples"},
     FIELD_INT,
     AT(batch),
     .fallback = "full",
     .min = 1,
     .max = 1e9,
     .word = "full",
     .word_value = -1},
    {{"optim.positive", "above 0"},
     FIELD_FLOAT,
     AT(positive),
     .fallback = "1",
     .max = HUGE_VAL,
     .flags = FIELD_OPEN_MIN},
    {{"data.path", "folder"}, FIELD_TEXT, AT(path), .size = 8, .fallback = ""},
    {{"any", "at the top"}, FIELD_INT, AT(any), .fallback = "0"},
};
static const struct table fields = TABLE("setting", rows);

/* Reads the sections of text; returns the file, to be destroyed. */
static struct yaml_file *read_text(const char *text, struct settings *s, bool *was_set)
{
    struct yaml_file *file;
    ck_assert_int_eq(yaml_parse("s.yaml", text, &file, NULL), ERR_OK);
    ck_assert_ptr_nonnull(file->root);
    memset(s, 0xff, sizeof *s);
    field_defaults(&fields, s);
    field_read_section(&fields, "", "model optim data", file, file->root, s, was_set);
    field_read_section(&fields, "model", "", file, yaml_get(file->root, "model"), s, was_set);
    field_read_section(&fields, "optim", "loss", file, yaml_get(file->root, "optim"), s,
                       was_set);
    field_read_section(&fields, "data", "", file, yaml_get(file->root, "data"), s, was_set);
    return file;
}

/* One wrong setting each: the value as written, the text of the problem, its hint. */
static const struct {
    const char *text, *problem, *hint;
    int line, column;
} wrong[] = {
    {"model: {kind: mlp, width: wide}", "model.width: expected an integer, got 'wide'", NULL, 1,
     27},
    {"model: {kind: mlp, width: 2.5}", "model.width: expected an integer, got '2.5'", NULL, 1,
     27},
    {"model: {kind: mlp, width: '8'}", "model.width: expected an integer, got '8'",
     "remove the quotes", 1, 27},
    {"model: {kind: mlp, width: [8]}", "model.width: expected an integer, got a list", NULL, 1,
     27},
    {"model: {kind: mlp, width: {a: 8}}", "model.width: expected an integer, got a map", NULL,
     1, 27},
    {"model: {kind: mlp, width: }", "model.width: expected an integer, got nothing",
     "write a value here, or leave the key out", 1, 27},
    {"model: {kind: mlp, width: 0777}", "model.width: expected an integer, got '0777'",
     "write a number without leading zeros, or quote it if it is text", 1, 27},
    {"model: {kind: mlp, width: 0}", "model.width must be in [1, 1000000] units, got 0", NULL,
     1, 27},
    {"model: {kind: mlp, width: 1e9}", "model.width must be in [1, 1000000] units, got 1e9",
     NULL, 1, 27},
    {"model: {kind: mlp, activation: rleu}", "unknown activation 'rleu'",
     "did you mean 'relu'?", 1, 32},
    {"model: {kind: mlp, activation: no}", "unknown activation 'no'",
     "known: relu, gelu, tanh, leaky_relu", 1, 32},
    {"model: {kind: mlp, activation: [relu]}",
     "model.activation: expected the name of an activation, got a list", NULL, 1, 32},
    {"model: {kind: mlp, activation: }",
     "model.activation: expected the name of an activation, got nothing",
     "write a value here, or leave the key out", 1, 32},
    {"model: {kind: mlp, freeze: yes}", "model.freeze: expected true or false, got 'yes'",
     "write true or false, or quote it if it is text", 1, 28},
    {"model: {kind: mlp, freeze: 'true'}", "model.freeze: expected true or false, got 'true'",
     "remove the quotes", 1, 28},
    {"model: {kind: mlp, freeze: 1}", "model.freeze: expected true or false, got '1'", NULL, 1,
     28},
    {"model: {kind: mlp, leak: ~}", "model.leak: expected a number, got '~'",
     "write a value here, or leave the key out", 1, 26},
    {"model: {kind: mlp, leak: .nan}", "model.leak: expected a number, got '.nan'",
     "write a finite number, or quote it if it is text", 1, 26},
    {"model: {kind: mlp}\noptim: {momentum: 1.0}", "optim.momentum must be in [0, 1), got 1.0",
     NULL, 2, 19},
    {"model: {kind: mlp}\noptim: {positive: 0}", "optim.positive must be above 0, got 0", NULL,
     2, 19},
    {"model: {kind: mlp}\noptim: {lr: 12:30}", "optim.lr: expected a number, got '12:30'",
     "quote it if it is text; a number has no ':'", 2, 13},
    {"model: {kind: mlp}\noptim: {batch: ful}",
     "optim.batch: expected an integer or 'full', got 'ful'", "did you mean 'full'?", 2, 16},
    {"model: {kind: mlp}\noptim: {batch: -1}", "optim.batch must be in [1, 1000000000], got -1",
     NULL, 2, 16},
    {"model: {kind: mlp}\ndata: {path: 12345678}",
     "data.path: text of 8 bytes is too long, at most 7 fit", NULL, 2, 14},
    {"model: {kind: mlp}\ndata: {path: 04:00}", "data.path: expected text, got '04:00'",
     "quote it", 2, 14},
    {"model: {kind: mlp}\ndata: {path: no}", "data.path: expected text, got 'no'", "quote it",
     2, 14},
    {"model: {kind: mlp}\ndata: {path: [a]}", "data.path: expected text, got a list", NULL, 2,
     14},
    {"model: {kind: mlp, widht: 8}", "unknown key 'widht' in model", "did you mean 'width'?", 1,
     20},
    {"model: {kind: mlp, lr: 8}", "unknown key 'lr' in model", "did you mean 'optim.lr'?", 1,
     20},
    {"model: {kind: mlp, qqqq: 8}", "unknown key 'qqqq' in model",
     "known: kind, width, activation, leak, freeze", 1, 20},
    {"model: {kind: mlp, model.width: 8}", "unknown key 'model.width' in model",
     "write it as 'width' under 'model'", 1, 20},
    {"model: {kind: mlp}\nlr: 8", "unknown key 'lr'", "did you mean 'optim.lr'?", 2, 1},
    {"model: {kind: mlp}\nopitm: {lr: 8}", "unknown key 'opitm'", "did you mean 'optim'?", 2,
     1},
    {"model: {kind: mlp}\noptim: {lsos: 8}", "unknown key 'lsos' in optim",
     "did you mean 'loss'?", 2, 9},
    {"model: {width: 8}", "missing 'model.kind' (architecture)", "known: mlp, two_layer, cnn",
     1, 8},
    {"any: 3", "missing 'model.kind' (architecture)", "known: mlp, two_layer, cnn", 1, 1},
    {"model: {kind: mlp}\noptim: sgd", "optim: expected a map, got 'sgd'",
     "write 'key: value' lines, or {key: value, ...}", 2, 8},
    {"model: {kind: mlp}\noptim:", "optim: expected a map, got nothing",
     "write 'key: value' lines, or {key: value, ...}", 2, 7},
};

START_TEST(test_wrong_settings_are_explained)
{
    struct settings s;
    struct yaml_file *file = read_text(wrong[_i].text, &s, NULL);
    ck_assert_msg(file->n_problems == 1, "%s: %d problems", wrong[_i].text, file->n_problems);
    const struct yaml_problem *p = file->problem;
    ck_assert_str_eq(p->text, wrong[_i].problem);
    if (wrong[_i].hint)
        ck_assert_pstr_eq(p->hint, wrong[_i].hint);
    else
        ck_assert_pstr_eq(p->hint, NULL);
    ck_assert_int_eq(p->mark.line, wrong[_i].line);
    ck_assert_int_eq(p->mark.column, wrong[_i].column);
    yaml_destroy(file);
}
END_TEST

START_TEST(test_report_is_whole)
{
    struct settings s;
    struct yaml_file *file = read_text("model:\n"
                                       "  kind: mlp\n"
                                       "  activaton: gelu # a comment\n"
                                       "  width: 1_000\n"
                                       "optim: {lr: fast, momentum: 1.5}\n",
                                       &s, NULL);
    char *report = yaml_report(file, false);
    ck_assert_str_eq(
        report,
        "s.yaml:3:3: error: unknown key 'activaton' in model\n"
        "    3 |   activaton: gelu # a comment\n"
        "      |   ^~~~~~~~~ did you mean 'activation'?\n"
        "s.yaml:4:10: error: model.width: expected an integer, got '1_000'\n"
        "    4 |   width: 1_000\n"
        "      |          ^~~~~ write the number without '_', or quote it if it is text\n"
        "s.yaml:5:13: error: optim.lr: expected a number, got 'fast'\n"
        "    5 | optim: {lr: fast, momentum: 1.5}\n"
        "      |             ^~~~\n"
        "s.yaml:5:29: error: optim.momentum must be in [0, 1), got 1.5\n"
        "    5 | optim: {lr: fast, momentum: 1.5}\n"
        "      |                             ^~~\n"
        "4 errors\n");
    free(report);
    yaml_destroy(file);
}
END_TEST

START_TEST(test_set_explains_and_leaves_the_value)
{
    static const struct {
        const char *key, *text, *error;
    } set[] = {
        {"model.width", "wide", "model.width: expected an integer, got 'wide'"},
        {"model.width", "",
         "model.width: expected an integer, got nothing; write a value here, or leave the key "
         "out"},
        {"model.activation", "rleu",
         "model.activation: unknown activation 'rleu'; did you mean 'relu'?"},
        {"optim.momentum", "1", "optim.momentum must be in [0, 1), got 1"},
        {"data.path", "12345678", "data.path: text of 8 bytes is too long, at most 7 fit"},
    };
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        struct settings s, before;
        field_defaults(&fields, memset(&s, 0, sizeof s));
        before = s;
        struct err e;
        const struct field *f = field_find(&fields, set[i].key, NULL);
        ck_assert_int_eq(field_set(f, set[i].text, &s, &e), ERR_CONFIG);
        ck_assert_str_eq(e.text, set[i].error);
        ck_assert_mem_eq(&s, &before, sizeof s);
    }
}
END_TEST

START_TEST(test_settings_are_read)
{
    struct settings s;
    bool was_set[sizeof rows / sizeof *rows] = {0};
    struct yaml_file *file = read_text("any: 7\n"
                                       "model: {kind: two_layer, width: 2.0e+1, freeze: true}\n"
                                       "optim: {lr: 1e-3, batch: 32, loss: x}\n"
                                       "data: {path: \"no\"}\n",
                                       &s, was_set);
    ck_assert_int_eq(file->n_problems, 0);
    ck_assert_int_eq(s.any, 7);
    ck_assert_int_eq(s.kind, 1);
    ck_assert_int_eq(s.width, 20);
    ck_assert(s.freeze);
    ck_assert(s.lr == 1e-3);
    ck_assert_int_eq(s.batch, 32);
    ck_assert_mem_eq(s.path, "no\0\0\0\0\0", 8);
    const struct field *path = field_find(&fields, "data.path", NULL);
    ck_assert_int_eq(field_set(path, "longer", &s, NULL), ERR_OK);
    ck_assert_int_eq(field_set(path, "no", &s, NULL), ERR_OK);
    ck_assert_mem_eq(s.path, "no\0\0\0\0\0", 8); /* no rest of earlier bytes */
    for (int i = 0; i < fields.count; i++) {
        const char *name = rows[i].row.name;
        bool given = !strstr("model.activation model.leak optim.momentum optim.positive", name);
        ck_assert_msg(was_set[i] == given, "%s", name);
        if (!(rows[i].flags & FIELD_REQUIRED))
            ck_assert_msg(field_differs(&rows[i], &s) == given, "%s", name);
    }
    yaml_destroy(file);
}
END_TEST

START_TEST(test_values_have_texts_and_numbers)
{
    struct settings s;
    memset(&s, 0xff, sizeof s);
    field_defaults(&fields, &s);
    static const struct {
        const char *key, *text;
        double number;
    } value[] = {
        {"model.kind", "mlp", 0},     {"model.width", "128", 128}, {"model.leak", "0.01", 0.01},
        {"model.freeze", "false", 0}, {"optim.lr", "0.1", 0.1},    {"optim.batch", "full", -1},
        {"data.path", "", NAN},
    };
    for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
        char out[64];
        const struct field *f = field_find(&fields, value[i].key, NULL);
        ck_assert_str_eq(field_text(f, &s, out, sizeof out), value[i].text);
        double number = field_number(f, &s);
        ck_assert(number == value[i].number || (isnan(number) && isnan(value[i].number)));
        ck_assert(f->flags & FIELD_REQUIRED || !field_differs(f, &s));
        if (f->type == FIELD_TEXT) continue;
        struct settings again;
        ck_assert_int_eq(field_set(f, out, &again, NULL), ERR_OK);
        ck_assert(field_number(f, &again) == number);
    }
}
END_TEST

START_TEST(test_numbers_survive_their_text)
{
    const struct field *f = field_find(&fields, "optim.lr", NULL);
    struct rng r = rng_stream(3, RNG_TESTING, 0);
    for (int i = 0; i < 20000; i++) {
        struct settings s, again;
        uint64_t bits = (uint64_t)rng_u32(&r) << 32;
        bits |= rng_u32(&r);
        memcpy(&s.lr, &bits, sizeof s.lr);
        if (!isfinite(s.lr)) continue;
        char out[32];
        field_text(f, &s, out, sizeof out);
        ck_assert_msg(field_set(f, out, &again, NULL) == ERR_OK, "%s", out);
        ck_assert_mem_eq(&again.lr, &s.lr, sizeof s.lr);
    }
}
END_TEST

START_TEST(test_fields_apply_where_they_matter)
{
    static const struct {
        const char *kind, *activation;
        bool activation_applies, leak_applies;
    } cases[] = {
        {"mlp", "relu", true, false},
        {"two_layer", "leaky_relu", true, true},
        {"cnn", "leaky_relu", false, false}, /* what it depends on does not apply either */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s;
        field_defaults(&fields, &s);
        ck_assert_int_eq(field_set(&rows[0], cases[i].kind, &s, NULL), ERR_OK);
        ck_assert_int_eq(field_set(&rows[2], cases[i].activation, &s, NULL), ERR_OK);
        ck_assert(field_applies(&rows[1], &fields, &s));
        ck_assert(field_applies(&rows[2], &fields, &s) == cases[i].activation_applies);
        ck_assert(field_applies(&rows[3], &fields, &s) == cases[i].leak_applies);
    }
    int index = 0;
    ck_assert_ptr_eq(field_find(&fields, "model.leak", &index), &rows[3]);
    ck_assert_int_eq(index, 3);
    ck_assert_ptr_null(field_find(&fields, "model.lek", NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("field");
    TCase *all = check_case(s, "all");
    tcase_add_loop_test(all, test_wrong_settings_are_explained, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(all, test_report_is_whole);
    tcase_add_test(all, test_set_explains_and_leaves_the_value);
    tcase_add_test(all, test_settings_are_read);
    tcase_add_test(all, test_values_have_texts_and_numbers);
    tcase_add_test(all, test_numbers_survive_their_text);
    tcase_add_test(all, test_fields_apply_where_they_matter);
    return check_run(s);
}
