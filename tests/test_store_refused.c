/* test_store_refused.c - what is no store, or that of another sweep, is not written to. */
#include "tests/store_made.h"

START_TEST(test_file_that_is_no_store_is_refused)
{
    int64_t row[64];
    FILE *f = fopen(path, "w");
    fputs("not HDF5", f);
    fclose(f);
    ck_assert_int_eq(store_prepare(path, fake_plan(), provenance, row, &e), ERR_FORMAT);
    ck_assert_int_eq(e.code, ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, path));
    hid_t other = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(other);
    ck_assert_int_eq(store_prepare(path, fake_plan(), provenance, row, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, path));
}
END_TEST

START_TEST(test_folder_that_is_not_there_is_an_error)
{
    int64_t row[64];
    struct store *s;
    enum err_code code = store_prepare("/nowhere/s.h5", fake_plan(), provenance, row, &e);
    ck_assert_int_eq(code, ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/s.h5"));
    ck_assert_msg(strstr(e.text, "No such file"), "%s", e.text);
    start_mpi();
    ck_assert_int_eq(store_open("/nowhere/s.h5", &sweep.record, &s, &e), ERR_IO);
    ck_assert_ptr_null(s);
}
END_TEST

static void change_name(void)
{
    strcpy(sweep.name, "other");
}
static void change_root(void)
{
    sweep.root = 43;
}
static void change_metrics(void)
{
    strcpy(sweep.record.metric[1], "test_loss");
}
static void change_grid(void)
{
    sweep.record.grid = GRID_LINEAR;
}
static void change_layers(void)
{
    sweep.record.n_layers = 1;
}
static void change_slots(void)
{
    sweep.record.slot[0] = 100;
}
static void change_probe(void)
{
    sweep.record.probe[0].n = 7;
}

static void change_arrays(void)
{
    sweep.record.n_arrays = 1;
}

static void change_visual(void)
{
    strcpy(sweep.record.visual.layer, "hidden.1");
}

static const struct {
    void (*change)(void);
    const char *named[3];
} refusals[] = {
    {change_name, {"name", "'fake'", "'other'"}},
    {change_root, {"seed", "'42'", "'43'"}},
    {change_metrics, {"record.metrics", "'train_loss test_acc'", "'train_loss test_loss'"}},
    {change_grid, {"record.every", "'log 5'", "'linear 5'"}},
    {change_layers, {"layers", "'hidden.1 hidden.last'", "'hidden.1'"}},
    {change_slots, {"representations.at", "'init final'", "'100 final'"}},
    {change_probe, {"probe", "'test 6'", "'test 7'"}},
    {change_arrays, {"record.arrays", "'neurons visual (", "'neurons'"}},
    {change_visual, {"record.arrays", "'neurons visual (", "(hidden.1 "}},
};

START_TEST(test_store_of_another_sweep_is_refused)
{
    int64_t row[64], kept, fresh, changed;
    prepared(fake_plan(), row);
    refusals[_i].change();
    ck_assert_int_eq(store_prepare(path, fake_plan(), provenance, row, &e), ERR_CONFIG);
    for (int i = 0; i < 3; i++) ck_assert_ptr_nonnull(strstr(e.text, refusals[_i].named[i]));
    ck_assert_ptr_nonnull(strstr(e.text, path));
    ck_assert_ptr_nonnull(strstr(e.text, "-o"));
    ck_assert_int_eq(store_compare(path, fake_plan(), &kept, &fresh, &changed, &e), ERR_CONFIG);
}
END_TEST

START_TEST(test_store_without_a_common_trial_is_refused)
{
    int64_t row[64];
    prepared(fake_plan(), row);
    fake.lr = 0.2;
    ck_assert_int_eq(store_prepare(path, fake_plan(), provenance, row, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "none of its 12 trials"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("refused stores");
    TCase *c = check_case(s, "refused stores");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_file_that_is_no_store_is_refused);
    tcase_add_test(c, test_folder_that_is_not_there_is_an_error);
    tcase_add_loop_test(c, test_store_of_another_sweep_is_refused, 0,
                        sizeof refusals / sizeof *refusals);
    tcase_add_test(c, test_store_without_a_common_trial_is_refused);
    return check_run(s);
}
