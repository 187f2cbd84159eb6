/* test_export.c - the table a store becomes: JSON that parses, CSV by RFC 4180. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "coord/export.h"
#include "coord/filter.h"
#include "coord/state.h"
#include "tests/results_small.h"

/* The table as text to free(). */
static char *exported(const struct results *r, bool json, bool records, struct expr *filter)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_int_eq(export_rows(r, out, json, records, filter, NULL, &e), ERR_OK);
    fclose(out);
    return text;
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

START_TEST(test_full_disk_is_an_error)
{
    struct results *r = small();
    FILE *out = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(export_rows(r, out, false, false, NULL, NULL, &e), ERR_IO);
    fclose(out);
    results_destroy(r);
}
END_TEST

START_TEST(test_json_has_one_row_a_trial)
{
    struct results *r = small();
    char *text = exported(r, true, false, NULL);
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    ck_assert_msg(root, "%s", error.text);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "schema")), 1);
    json_t *rows = json_object_get(root, "rows");
    ck_assert_uint_eq(json_array_size(rows), 18);
    json_t *row = json_array_get(rows, 8);
    ck_assert_str_eq(json_string_value(json_object_get(row, "trial")), "abcdef0000000008");
    ck_assert_str_eq(json_string_value(json_object_get(row, "state")), "done");
    ck_assert_int_eq(json_integer_value(json_object_get(row, "seed")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "model.width")), 256);
    ck_assert_str_eq(json_string_value(json_object_get(row, "model.activation")), "relu");
    ck_assert_int_eq(json_integer_value(json_object_get(row, "model.depth")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(row, "optim.name")), "sgd");
    ck_assert(json_is_true(json_object_get(row, "optim.nesterov")));
    ck_assert_double_eq_tol(json_number_value(json_object_get(row, "test_acc")), 0.72, 1e-15);
    ck_assert_int_eq(json_number_value(json_object_get(row, "step")), 200);
    json_decref(root);
    free(text);
    results_destroy(r);
}
END_TEST

START_TEST(test_json_says_null_for_nan)
{
    struct results *r = small();
    char *text = exported(r, true, false, NULL);
    json_t *root = json_loads(text, 0, NULL);
    json_t *rows = json_object_get(root, "rows"), *diverged = json_array_get(rows, 4);
    ck_assert_str_eq(json_string_value(json_object_get(diverged, "state")), "diverged");
    ck_assert(json_is_null(json_object_get(diverged, "train_loss")));
    ck_assert(json_is_number(json_object_get(diverged, "test_acc")));
    ck_assert(json_is_null(json_object_get(json_array_get(rows, 17), "step")));
    json_decref(root);
    free(text);
    results_destroy(r);
}
END_TEST

START_TEST(test_records_are_rows)
{
    struct results *r = small();
    char *text = exported(r, true, true, NULL);
    json_t *root = json_loads(text, 0, NULL), *rows = json_object_get(root, "rows");
    ck_assert_uint_eq(json_array_size(rows), 16 * 4 + 2); /* the diverged one has 2 */
    json_t *second = json_array_get(rows, 1);
    ck_assert_double_eq(json_number_value(json_object_get(second, "step")), 100);
    ck_assert_double_eq(json_number_value(json_object_get(second, "train_loss")), 0.5);
    json_decref(root);
    free(text);
    results_destroy(r);
}
END_TEST

START_TEST(test_csv_has_a_header)
{
    struct results *r = small();
    char *text = exported(r, false, false, NULL);
    const char header[] = "trial,state,seed,model.width,model.activation,model.depth,optim."
                          "name,optim.nesterov,seconds,step,"
                          "train_loss,test_acc\n"
                          "abcdef0000000000,done,0,16,relu,2,sgd,true,0.5,200,0.25,0.5\n";
    ck_assert_int_eq(strncmp(text, header, strlen(header)), 0);
    ck_assert_int_eq(count_of(text, "\n"), 19);
    ck_assert_ptr_nonnull(
        strstr(text, "abcdef0000000004,diverged,1,64,relu,2,sgd,true,4.5,100,,0.305\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "abcdef0000000011,planned,2,256,tanh,2,sgd,true,17.5,,,\n"));
    free(text);
    results_destroy(r);
}
END_TEST

/* A table of one trial whose texts need quotes in both formats. */
START_TEST(test_texts_are_quoted)
{
    uint64_t id = 1, seed = 0;
    uint8_t state = TRIAL_DONE;
    double seconds = 1, number = 0, step = NAN;
    const char *text = "a \"b\", c\\d\n";
    struct results_axis axis = {"data.path", true, &number, &text};
    struct results_metric metric = {"step", &step};
    struct results r = {.n_trials = 1,
                        .n_records = 1,
                        .id = &id,
                        .seed = &seed,
                        .state = &state,
                        .seconds = &seconds,
                        .n_axes = 1,
                        .axis = &axis,
                        .n_metrics = 1,
                        .metric = &metric};
    char *csv = exported(&r, false, false, NULL), *json = exported(&r, true, false, NULL);
    ck_assert_ptr_nonnull(strstr(csv, "0,\"a \"\"b\"\", c\\d\n\",1,\n"));
    json_t *root = json_loads(json, 0, NULL);
    json_t *row = json_array_get(json_object_get(root, "rows"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(row, "data.path")), text);
    json_decref(root);
    free(csv);
    free(json);
}
END_TEST

/* A stopping criterion is looked for record by record; who never meets it has none. */
START_TEST(test_a_record_is_found_by_a_condition)
{
    struct results *r = small();
    struct arena a = {0};
    struct expr *later = NULL, *never = NULL;
    char text[64];
    int64_t t = 0;
    while (results_last_record(r, t) < 2) t++;
    const double *step = r->metric[0].value + t * r->n_records;
    snprintf(text, sizeof text, "step > %g", step[0]);
    ck_assert_int_eq(filter_parse(r, text, &a, &later, &e), ERR_OK);
    ck_assert_int_eq(filter_parse(r, "step < 0", &a, &never, &e), ERR_OK);
    ck_assert_int_eq(filter_record(r, later, t), 1);
    ck_assert_int_eq(filter_record(r, never, t), -1);
    ck_assert_int_eq(filter_record(r, NULL, t), results_last_record(r, t));
    arena_clear(&a);
    results_destroy(r);
}
END_TEST

START_TEST(test_filter_drops_rows)
{
    struct results *r = small();
    struct arena a = {0};
    struct expr *filter = NULL;
    ck_assert_int_eq(filter_parse(r, "model.activation == tanh", &a, &filter, &e), ERR_OK);
    char *text = exported(r, false, false, filter);
    ck_assert_int_eq(count_of(text, "\n"), 10);
    ck_assert_ptr_null(strstr(text, "relu"));
    free(text);
    arena_clear(&a);
    results_destroy(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("export");
    TCase *t = check_case(s, "export");
    tcase_add_test(t, test_full_disk_is_an_error);
    tcase_add_test(t, test_json_has_one_row_a_trial);
    tcase_add_test(t, test_json_says_null_for_nan);
    tcase_add_test(t, test_records_are_rows);
    tcase_add_test(t, test_csv_has_a_header);
    tcase_add_test(t, test_texts_are_quoted);
    tcase_add_test(t, test_a_record_is_found_by_a_condition);
    tcase_add_test(t, test_filter_drops_rows);
    return check_run(s);
}
