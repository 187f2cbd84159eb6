/* test_results.c - a store made by h5py (golden/results/gen_store.py) is read back. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "coord/filter.h"
#include "coord/journal.h"
#include "coord/results.h"
#include "coord/state.h"
#include "tests/check_main.h"

#define SMALL TESTS_DIR "/golden/results/small.h5"

static char folder[] = "/tmp/test_results.XXXXXX";
static struct err e;

/* ---- bad input ---- */

START_TEST(test_missing_store_is_named)
{
    struct results *r = NULL;
    ck_assert_int_eq(results_read("/nonexistent/store.h5", &r, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/store.h5"));
}
END_TEST

START_TEST(test_other_file_is_refused)
{
    struct results *r = NULL;
    ck_assert_int_eq(results_read(TESTS_DIR "/golden/results/README", &r, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "HDF5"));
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* A copy of the small store in which change(file) broke something. */
static enum err_code read_broken(void (*change)(hid_t file))
{
    char path[64], command[300];
    snprintf(path, sizeof path, "%s/broken.h5", folder);
    snprintf(command, sizeof command, "cp %s %s", SMALL, path);
    ck_assert_int_eq(system(command), 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    change(file);
    H5Fclose(file);
    struct results *r = NULL;
    enum err_code rc = results_read(path, &r, &e);
    if (rc == ERR_OK) results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
    return rc;
}

static void change_nothing(hid_t file)
{
    (void)file;
}

static void drop_ids(hid_t file)
{
    H5Ldelete(file, "/trials/id", H5P_DEFAULT);
}

static void drop_steps(hid_t file)
{
    H5Ldelete(file, "/metrics/step", H5P_DEFAULT);
}

static void shorten_metric(hid_t file)
{
    hsize_t dims[2] = {3, 4};
    hid_t space = H5Screate_simple(2, dims, NULL);
    H5Ldelete(file, "/metrics/test_acc", H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, "/metrics/test_acc", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT,
                        H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void spoil_state(hid_t file)
{
    uint8_t state[19];
    memset(state, 99, sizeof state);
    hid_t d = H5Dopen2(file, "/trials/state", H5P_DEFAULT);
    H5Dwrite(d, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, state);
    H5Dclose(d);
}

START_TEST(test_broken_store_is_refused)
{
    ck_assert_int_eq(read_broken(change_nothing), ERR_OK);
    ck_assert_int_eq(read_broken(drop_ids), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "/trials/id"));
    ck_assert_int_eq(read_broken(drop_steps), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "/metrics/step"));
    ck_assert_int_eq(read_broken(shorten_metric), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "3 rows"));
    ck_assert_int_eq(read_broken(spoil_state), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "state 99"));
}
END_TEST

static void shift_ids(hid_t file)
{
    uint64_t id[19] = {0};
    for (uint64_t row = 1; row < 19; row++) id[row] = row;
    hid_t d = H5Dopen2(file, "/trials/id", H5P_DEFAULT);
    H5Dwrite(d, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, id);
    H5Dclose(d);
}

START_TEST(test_alignment_of_another_store_is_refused)
{
    char command[400];
    snprintf(command, sizeof command, "cp -r %s.d %s/broken.h5.d", SMALL, folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(read_broken(shift_ids), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "align again"));
}
END_TEST

/* ---- good input ---- */

static struct results *small(void)
{
    struct results *r = NULL;
    enum err_code rc = results_read(SMALL, &r, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return r;
}

START_TEST(test_trials_are_the_rows_in_use)
{
    struct results *r = small();
    ck_assert_int_eq(r->n_trials, 18);
    for (int64_t t = 0; t < 18; t++) {
        ck_assert_uint_eq(r->id[t], 0xABCDEF0000000000u + (uint64_t)t);
        ck_assert_uint_eq(r->seed[t], (uint64_t)t % 3);
        ck_assert_double_eq(r->seconds[t], 0.5 + (double)t);
    }
    ck_assert_int_eq(r->state[4], TRIAL_DIVERGED);
    ck_assert_int_eq(r->state[17], TRIAL_PLANNED);
    ck_assert_int_eq(r->steps_done[4], 50);
    ck_assert_double_nan(r->wall_s);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_settings_have_numbers_and_texts)
{
    struct results *r = small();
    ck_assert_int_eq(r->n_axes, 2);
    const struct results_axis *width = results_axis(r, "model.width");
    const struct results_axis *activation = results_axis(r, "model.activation");
    ck_assert_ptr_eq(width, &r->axis[0]); /* in the order of the file */
    ck_assert_ptr_null(results_axis(r, "seed"));
    ck_assert(!width->is_text && activation->is_text);
    ck_assert_double_eq(width->number[8], 256);
    ck_assert_str_eq(width->text[8], "256");
    ck_assert_str_eq(activation->text[0], "relu");
    ck_assert_str_eq(activation->text[17], "tanh");
    ck_assert_double_eq(activation->number[17], 1);
    ck_assert_int_eq(r->n_constants, 3);
    ck_assert_str_eq(r->constant[0], "model.depth");
    ck_assert_str_eq(r->constant[1], "2");
    results_destroy(r);
}
END_TEST

START_TEST(test_metrics_end_at_the_last_record)
{
    struct results *r = small();
    ck_assert_int_eq(r->n_metrics, 3);
    ck_assert_str_eq(r->metric[0].name, "step");
    ck_assert_int_eq(r->n_records, 4);
    const struct results_metric *acc = results_metric(r, "test_acc");
    ck_assert_double_eq_tol(results_last(r, acc, 8), 0.5 + 0.2 + 0.02, 1e-15);
    ck_assert_int_eq(results_last_record(r, 4), 1);
    ck_assert_double_eq_tol(results_last(r, acc, 4), 0.61 / 2, 1e-15);
    ck_assert_double_nan(results_last(r, results_metric(r, "train_loss"), 4));
    ck_assert_int_eq(results_last_record(r, 17), -1);
    ck_assert_double_nan(results_last(r, acc, 17));
    results_destroy(r);
}
END_TEST

START_TEST(test_provenance_is_text)
{
    struct results *r = small();
    ck_assert_str_eq(r->name, "small <&> store");
    ck_assert_str_eq(r->sweep, "version: 1\nname: small\n");
    ck_assert_ptr_nonnull(strstr(r->resolved, "\"quoted\""));
    ck_assert_int_eq(r->n_provenance, 1);
    ck_assert_str_eq(r->provenance[0], "mpi");
    ck_assert_str_eq(r->provenance[1], "Open MPI 4.1.4");
    results_destroy(r);
}
END_TEST

START_TEST(test_alignment_refers_to_trials)
{
    struct results *r = small();
    ck_assert_int_eq(r->n_alignments, 1);
    const struct results_alignment *a = results_alignment(r, "cka");
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(results_alignment(r, "trial"));
    ck_assert_int_eq(a->n_models, 16);
    ck_assert_int_eq(a->trial[3], 3);
    ck_assert_int_eq(a->trial[4], 5); /* 4 diverged */
    /* relu, 16, seed 0 and tanh, 16, seed 1 (trial 10, model 9) */
    ck_assert_double_eq_tol(a->score[0 * 16 + 9], 0.21, 1e-15);
    ck_assert_int_eq(a->layer_a[9], 1);
    ck_assert_int_eq(a->layer_b[9], 0);
    ck_assert_int_eq(r->n_layers, 2);
    ck_assert_str_eq(r->layer[1], "hidden.last");
    results_destroy(r);
}
END_TEST

/* The journal knows of trials that never wrote a row, and of a row whose trial runs again. */
START_TEST(test_journal_says_where_trials_stand)
{
    char path[64], command[300];
    snprintf(path, sizeof path, "%s/told.h5", folder);
    snprintf(command, sizeof command, "cp %s %s", SMALL, path);
    ck_assert_int_eq(system(command), 0);
    const uint64_t first = 0xABCDEF0000000000u;
    const struct event told[] = {
        {.time = 100, .name = "run", .count = 18, .worker = 2},
        {.time = 101, .name = "started", .trial = first, .worker = 1},
        {.time = 102, .name = "done", .trial = first, .worker = 1, .seconds = 1},
        {.time = 103, .name = "started", .trial = first + 1, .worker = 1},
        {.time = 104, .name = "failed", .trial = first + 1, .worker = 1, .text = "no memory"},
        {.time = 105, .name = "started", .trial = first + 2, .worker = 1},
    };
    struct journal *j = NULL;
    ck_assert_int_eq(journal_open(path, 0, &j, &e), ERR_OK);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        ck_assert_int_eq(journal_append(j, &told[i], &e), ERR_OK);
    ck_assert_int_eq(journal_close(j, &e), ERR_OK);
    struct results *r = NULL;
    ck_assert_int_eq(results_read(path, &r, &e), ERR_OK);
    ck_assert_int_eq(r->state[0], TRIAL_DONE);
    ck_assert_int_eq(r->state[1], TRIAL_FAILED);
    ck_assert_int_eq(r->state[2], TRIAL_RUNNING);
    ck_assert_int_eq(r->state[3], TRIAL_PLANNED);
    ck_assert_double_nan(r->wall_s); /* the run has not ended */
    results_destroy(r);
}
END_TEST

START_TEST(test_numbers_are_shortest_and_plain)
{
    const struct {
        double value;
        const char *text;
    } want[] = {{200, "200"},
                {0.1, "0.1"},
                {-0.0, "0"},
                {1.0 / 3, "0.3333333333333333"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1e300, "1e+300"},
                {NAN, "nan"},
                {4096, "4096"}};
    char text[32];
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        ck_assert_str_eq(results_number(want[i].value, text), want[i].text);
}
END_TEST

/* ---- filters ---- */

static int64_t matches(const struct results *r, const char *text)
{
    struct arena a = {0};
    struct expr *filter = NULL;
    enum err_code rc = filter_parse(r, text, &a, &filter, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    int64_t n = 0;
    for (int64_t t = 0; t < r->n_trials; t++) n += filter_match(r, filter, t);
    arena_clear(&a);
    return n;
}

START_TEST(test_filter_with_unknown_key_is_refused)
{
    struct results *r = small();
    struct arena a = {0};
    struct expr *filter = NULL;
    ck_assert_int_eq(filter_parse(r, "model.widht > 3", &a, &filter, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "model.widht"));
    ck_assert_int_eq(filter_parse(r, "seed ==", &a, &filter, &e), ERR_CONFIG);
    arena_clear(&a);
    results_destroy(r);
}
END_TEST

START_TEST(test_filter_selects_trials)
{
    struct results *r = small();
    ck_assert_int_eq(matches(r, ""), 18);
    ck_assert_int_eq(matches(r, "state == done"), 16);
    ck_assert_int_eq(matches(r, "seed == 0"), 6);
    ck_assert_int_eq(matches(r, "model.width >= 64 and model.activation == relu"), 6);
    ck_assert_int_eq(matches(r, "test_acc > 0.715"), 3); /* 0.72, 0.75, 0.76 */
    results_destroy(r);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    Suite *s = suite_create("results");
    TCase *t = check_case(s, "results");
    tcase_add_test(t, test_missing_store_is_named);
    tcase_add_test(t, test_other_file_is_refused);
    tcase_add_test(t, test_broken_store_is_refused);
    tcase_add_test(t, test_alignment_of_another_store_is_refused);
    tcase_add_test(t, test_trials_are_the_rows_in_use);
    tcase_add_test(t, test_settings_have_numbers_and_texts);
    tcase_add_test(t, test_metrics_end_at_the_last_record);
    tcase_add_test(t, test_provenance_is_text);
    tcase_add_test(t, test_alignment_refers_to_trials);
    tcase_add_test(t, test_journal_says_where_trials_stand);
    tcase_add_test(t, test_numbers_are_shortest_and_plain);
    tcase_add_test(t, test_filter_with_unknown_key_is_refused);
    tcase_add_test(t, test_filter_selects_trials);
    int failed = check_run(s);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed;
}
