/* test_store.c - a store is made, filled and extended without losing a bit. */
#include "tests/store_made.h"

/* ---- making and filling ---- */

START_TEST(test_new_store_is_empty)
{
    int64_t row[64], kept, fresh, changed;
    double values[8];
    const struct plan *p = fake_plan();
    ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
    ck_assert(kept == 0 && fresh == 12 && changed == 0);
    prepared(p, row);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++) {
        ck_assert_int_eq(row[t], t);
        ck_assert_int_eq(state_of_row(file, t), TRIAL_PLANNED);
        ck_assert_int_eq(read_row(file, "metrics/test_acc", H5T_NATIVE_DOUBLE, t, values), 5);
        for (int i = 0; i < 5; i++) ck_assert(isnan(values[i]));
    }
    H5Fclose(file);
    ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
    ck_assert(kept == 0 && fresh == 12 && changed == 0);
}
END_TEST

START_TEST(test_rows_come_back_bit_for_bit)
{
    int64_t row[64], kept, fresh, changed;
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 2, p->n_trials);
    hid_t file = open_file(path);
    ck_assert_int_eq(state_of_row(file, 0), TRIAL_PLANNED);
    for (int64_t t = 2; t < p->n_trials; t++) {
        enum trial_state state = plan_id(p, t) % 3 ? TRIAL_DONE : TRIAL_DIVERGED;
        ck_assert_int_eq(state_of_row(file, row[t]), state);
        check_row(file, row[t], plan_id(p, t), plan_shape(p, t));
    }
    H5Fclose(file);
    ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
    ck_assert(kept == 10 && fresh == 2 && changed == 0);
}
END_TEST

START_TEST(test_failed_trial_has_a_state_and_no_numbers)
{
    int64_t row[64];
    double values[8];
    const struct plan *p = fake_plan();
    prepared(p, row);
    start_mpi();
    struct store *s;
    ck_assert_int_eq(store_open(path, &sweep.record, &s, &e), ERR_OK);
    struct fake_rows *f = fake_rows(plan_id(p, 3), plan_shape(p, 3));
    f->result.outcome = OUTCOME_FAILED;
    ck_assert_int_eq(store_write(s, row[3], plan_shape(p, 3), &f->rows, &f->result, &e),
                     ERR_OK);
    ck_assert_uint_eq(f->result.checksum, 0);
    store_close(s, &e);
    hid_t file = open_file(path);
    ck_assert_int_eq(state_of_row(file, row[3]), TRIAL_FAILED);
    read_row(file, "metrics/train_loss", H5T_NATIVE_DOUBLE, row[3], values);
    ck_assert(isnan(values[0]));
    H5Fclose(file);
}
END_TEST

static void check_text(hid_t file, const char *name, int64_t row, const char *want)
{
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert_msg(d >= 0, "%s", name);
    hid_t type = H5Dget_type(d);
    char text[256] = "";
    ck_assert_uint_lt(H5Tget_size(type), sizeof text);
    read_row(file, name, type, row, text);
    ck_assert_str_eq(text, want);
    H5Tclose(type);
    H5Dclose(d);
}

START_TEST(test_settings_that_vary_are_columns)
{
    int64_t row[64], width;
    const struct plan *p = fake_plan();
    prepared(p, row);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++) {
        struct config c;
        uint64_t seed;
        plan_config(p, plan_config_of(p, t), &c);
        read_row(file, "trials/model.width", H5T_NATIVE_INT64, t, &width);
        ck_assert_int_eq(width, c.model.width);
        check_text(file, "trials/model.activation", t, c.model.activation ? "gelu" : "relu");
        check_text(file, "trials/model.freeze_output", t, width > 64 ? "true" : "false");
        read_row(file, "trials/seed", H5T_NATIVE_UINT64, t, &seed);
        ck_assert_uint_eq(seed, plan_seed(p, t));
    }
    ck_assert_int_eq(H5Lexists(file, "trials/optim.lr", H5P_DEFAULT), 0);
    H5Fclose(file);
}
END_TEST

START_TEST(test_same_plan_again_writes_nothing)
{
    int64_t row[64], again[64];
    struct stat before, after;
    prepared(fake_plan(), row);
    stat(path, &before);
    sweep.seeds = 1; /* part of it is in the store too */
    prepared(fake_plan(), again);
    stat(path, &after);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    for (int64_t t = 0; t < 6; t++) ck_assert_int_eq(again[t], row[2 * t]);
}
END_TEST

/* ---- extension ---- */

START_TEST(test_extension_keeps_every_old_row)
{
    int64_t row[64], more[64];
    const struct plan *p = fake_plan();
    struct plan old = *p;
    uint64_t id[64];
    struct trial_shape shape[64];
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    for (int64_t t = 0; t < old.n_trials; t++) {
        id[t] = plan_id(p, t);
        shape[t] = *plan_shape(p, t);
    }
    fake.width[fake.n_widths++] = 32; /* behind the others in the file and in the store */
    fake.activation[fake.n_activations++] = 1;
    fake.records = 7;
    sweep.seeds = 3;
    p = fake_plan();
    prepared(p, more);
    hid_t file = open_file(path);
    ck_assert_int_eq(length_of(file, "trials/id"), p->n_trials);
    ck_assert_int_eq(p->n_trials, 36);
    for (int64_t r = 0; r < old.n_trials; r++) {
        check_row(file, r, id[r], &shape[r]);
        ck_assert_int_eq(state_of_row(file, r), id[r] % 3 ? TRIAL_DONE : TRIAL_DIVERGED);
    }
    for (int64_t t = 0; t < p->n_trials; t++) {
        uint64_t u;
        struct config c;
        read_row(file, "trials/id", H5T_NATIVE_UINT64, more[t], &u);
        ck_assert_uint_eq(u, plan_id(p, t));
        plan_config(p, plan_config_of(p, t), &c);
        check_text(file, "trials/model.activation", more[t],
                   fake_activation_rows[c.model.activation].name);
        if (more[t] >= old.n_trials)
            ck_assert_int_eq(state_of_row(file, more[t]), TRIAL_PLANNED);
    }
    H5Fclose(file);
    write_trials(p, more, 0, p->n_trials);
    file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++)
        check_row(file, more[t], plan_id(p, t), plan_shape(p, t));
    ck_assert_int_gt(H5Lexists(file, "provenance/before", H5P_DEFAULT), 0);
    H5Fclose(file);
}
END_TEST

START_TEST(test_trials_that_left_the_file_stay)
{
    int64_t row[64], more[64], kept, fresh, changed, width;
    fake.n_widths = 1; /* width and lr are the same for all at first */
    const struct plan *p = fake_plan();
    uint64_t gone = plan_id(p, 0);
    struct trial_shape shape = *plan_shape(p, 0);
    prepared(p, row);
    write_trials(p, row, 0, 4);
    fake.activation[0] = 1;
    fake.width[1] = 128;
    fake.n_widths = 2;
    p = fake_plan();
    ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
    ck_assert(kept == 2 && fresh == 6 && changed == 2);
    prepared(p, more);
    hid_t file = open_file(path);
    ck_assert_int_eq(length_of(file, "trials/id"), 10);
    check_row(file, 0, gone, &shape);
    check_text(file, "trials/model.activation", 0, "relu");
    for (int64_t r = 0; r < 10; r++) {
        read_row(file, "trials/model.width", H5T_NATIVE_INT64, r, &width);
        bool wide = false;
        for (int64_t t = 4; t < 8; t++) wide |= more[t] == r;
        ck_assert_int_eq(width, wide ? 128 : 16); /* also of rows that are in no plan */
    }
    H5Fclose(file);
}
END_TEST

START_TEST(test_setting_that_changed_between_runs_becomes_a_column)
{
    int64_t row[64], more[64];
    const struct plan *p = fake_plan();
    prepared(p, row);
    fake.path = "bcd"; /* other trials for the widest, the same for all others */
    p = fake_plan();
    prepared(p, more);
    hid_t file = open_file(path);
    ck_assert_int_eq(length_of(file, "trials/id"), 16);
    for (int64_t r = 8; r < 12; r++) check_text(file, "trials/data.path", r, "a");
    for (int64_t r = 12; r < 16; r++) check_text(file, "trials/data.path", r, "bcd");
    H5Fclose(file);
}
END_TEST

START_TEST(test_fewer_records_in_the_file_keep_those_of_the_store)
{
    int64_t row[64], more[64];
    const struct plan *p = fake_plan();
    uint64_t wide = plan_id(p, 11);
    struct trial_shape shape = *plan_shape(p, 11);
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    fake.n_widths = 1; /* the narrowest has one record less */
    sweep.seeds = 3;
    p = fake_plan();
    ck_assert_int_lt(p->max_records, shape.records);
    prepared(p, more);
    hid_t file = open_file(path);
    check_row(file, 11, wide, &shape);
    H5Fclose(file);
}
END_TEST

START_TEST(test_leftover_of_a_killed_extension_is_removed)
{
    int64_t row[64];
    char leftover[160];
    snprintf(leftover, sizeof leftover, "%s.new", path);
    prepared(fake_plan(), row);
    FILE *f = fopen(leftover, "w");
    fputs("half", f);
    fclose(f);
    prepared(fake_plan(), row);
    ck_assert_int_ne(access(leftover, F_OK), 0);
}
END_TEST

START_TEST(test_store_without_representations_works)
{
    int64_t row[64];
    sweep.record.n_layers = sweep.record.n_slots = 0;
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++)
        check_row(file, t, plan_id(p, t), plan_shape(p, t));
    H5Fclose(file);
}
END_TEST

/* ---- arrays ---- */

START_TEST(test_arrays_are_nan_until_written)
{
    static float floats[FAKE_MAX];
    int64_t row[64];
    const struct plan *p = fake_plan();
    char group[128], data[160];
    prepared(p, row);
    hid_t file = open_file(path);
    fake_array_group(1, plan_shape(p, p->n_trials - 1), group);
    snprintf(data, sizeof data, "%s/data", group);
    int64_t n = read_row(file, data, H5T_NATIVE_FLOAT, 0, floats);
    ck_assert_int_eq(n, 2 * 3 * 4 * 5);
    for (int64_t i = 0; i < n; i++) ck_assert(isnan(floats[i]));
    ck_assert_int_eq(member_of(file, group, row[0]), -1); /* the narrowest has none */
    H5Fclose(file);
}
END_TEST

/* A store of a shoal that knew no arrays is as good as one without. */
START_TEST(test_store_without_the_attribute_goes_on)
{
    int64_t row[64];
    sweep.record.n_arrays = 0;
    prepared(fake_plan(), row);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(H5Adelete(file, "record.arrays"), 0);
    H5Fclose(file);
    sweep.seeds = 3;
    prepared(fake_plan(), row);
    sweep.record.n_arrays = 1;
    ck_assert_int_eq(store_prepare(path, fake_plan(), provenance, row, &e), ERR_CONFIG);
}
END_TEST

/* ---- weights ---- */

START_TEST(test_kept_weights_come_back_through_any_handle)
{
    static float got[FAKE_MAX];
    int64_t row[64];
    fake.keeps = true;
    const struct plan *p = fake_plan();
    prepared(p, row);
    start_mpi();
    struct store *reader; /* open before anything is written, as in a run */
    ck_assert_int_eq(store_open(path, &sweep.record, &reader, &e), ERR_OK);
    write_trials(p, row, 0, p->n_trials);
    int n_read = 0;
    for (int64_t t = 0; t < p->n_trials; t++) {
        const struct trial_shape *shape = plan_shape(p, t);
        struct fake_rows *f = fake_rows(plan_id(p, t), shape);
        enum err_code code = store_read_weights(reader, row[t], shape->weights, got, &e);
        ck_assert_int_eq(code, plan_keeps(p, t) ? ERR_OK : ERR_FORMAT);
        if (code != ERR_OK || f->result.outcome != OUTCOME_DONE) continue;
        ck_assert_mem_eq(got, f->weights, (size_t)shape->weights * sizeof *got);
        code = store_read_weights(reader, row[t], shape->weights - 1, got, &e);
        ck_assert_int_eq(code, ERR_FORMAT);
        n_read++;
    }
    ck_assert_int_gt(n_read, 0);
    store_close(reader, &e);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++)
        check_row(file, row[t], plan_id(p, t), plan_shape(p, t));
    H5Fclose(file);
}
END_TEST

START_TEST(test_extension_keeps_weights)
{
    int64_t row[64], more[64];
    fake.keeps = true;
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    sweep.seeds = 3;
    fake.width[fake.n_widths++] = 32;
    p = fake_plan();
    prepared(p, more);
    write_trials(p, more, 18, p->n_trials); /* of the new width */
    hid_t file = open_file(path);
    int n_old = 0;
    for (int64_t t = 0; t < p->n_trials; t++) {
        if (state_of_row(file, more[t]) == TRIAL_PLANNED) continue;
        check_row(file, more[t], plan_id(p, t), plan_shape(p, t));
        n_old += more[t] < 12;
    }
    ck_assert_int_eq(n_old, 12);
    H5Fclose(file);
}
END_TEST

/* Weights that nobody wanted were not kept: who wants them later has the trial run again. */
START_TEST(test_done_without_wanted_weights_is_not_done)
{
    int64_t row[64], again[64];
    bool written[64] = {0};
    struct stat before, after;
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    fake.keeps = true;
    p = fake_plan();
    int64_t kept, fresh, changed;
    ck_assert_int_eq(store_compare(path, p, &kept, &fresh, &changed, &e), ERR_OK);
    ck_assert(kept == 4 && fresh == 8 && changed == 0); /* as a run will find it */
    prepared(p, again);
    ck_assert_int_eq(store_written(path, p, written, &e), ERR_OK);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++) {
        ck_assert_int_eq(again[t], row[t]);
        ck_assert_int_eq(written[t], !plan_keeps(p, t));
        ck_assert_int_eq(state_of_row(file, row[t]) == TRIAL_PLANNED, plan_keeps(p, t));
    }
    H5Fclose(file);
    write_trials(p, row, 0, p->n_trials);
    stat(path, &before);
    prepared(p, again); /* now it is as wanted */
    fake.keeps = false;
    prepared(fake_plan(), again); /* and more than wanted is fine */
    stat(path, &after);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    fake.keeps = true;
    file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++)
        check_row(file, row[t], plan_id(p, t), plan_shape(p, t));
    H5Fclose(file);
}
END_TEST

START_TEST(test_last_value_and_late_setting)
{
    int64_t row[64], width = 0;
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    struct store *s;
    struct config c;
    ck_assert_int_eq(store_open(path, &sweep.record, &s, &e), ERR_OK);
    for (int64_t t = 0; t < p->n_trials; t++) {
        const struct trial_shape *shape = plan_shape(p, t);
        double value, want = fake_rows(plan_id(p, t), shape)->metric[2 * shape->records - 1];
        ck_assert_int_eq(store_read_last(s, row[t], 1, &value, &e), ERR_OK);
        ck_assert(value == want);
    }
    plan_config(p, plan_config_of(p, p->n_trials - 1), &c);
    for (int f = 0; f < fake_table.count; f++) /* optim.lr has no column: nothing to do */
        ck_assert_int_eq(store_write_setting(s, row[0], &fake_fields[f], &c, &e), ERR_OK);
    store_close(s, &e);
    hid_t file = open_file(path);
    read_row(file, "trials/model.width", H5T_NATIVE_INT64, row[0], &width);
    ck_assert_int_eq(width, c.model.width);
    check_text(file, "trials/model.activation", row[0], "gelu");
    check_text(file, "trials/model.activation", row[1], "relu");
    H5Fclose(file);
}
END_TEST

/* ---- other readers ---- */

START_TEST(test_others_can_read_it)
{
    int64_t row[64];
    char command[512];
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    snprintf(command, sizeof command,
             "! command -v h5dump >/dev/null || h5dump -H %s >/dev/null", path);
    ck_assert_int_eq(system(command), 0);
    snprintf(command, sizeof command,
             "[ -x /usr/bin/python3 ] || exit 77; /usr/bin/python3 %s/check_store.py %s",
             TESTS_DIR, path);
    int status = system(command);
    if (WEXITSTATUS(status) == 77) return; /* no h5py here */
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("store");
    TCase *c = check_case(s, "store");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_new_store_is_empty);
    tcase_add_test(c, test_rows_come_back_bit_for_bit);
    tcase_add_test(c, test_failed_trial_has_a_state_and_no_numbers);
    tcase_add_test(c, test_settings_that_vary_are_columns);
    tcase_add_test(c, test_same_plan_again_writes_nothing);
    tcase_add_test(c, test_extension_keeps_every_old_row);
    tcase_add_test(c, test_trials_that_left_the_file_stay);
    tcase_add_test(c, test_setting_that_changed_between_runs_becomes_a_column);
    tcase_add_test(c, test_fewer_records_in_the_file_keep_those_of_the_store);
    tcase_add_test(c, test_leftover_of_a_killed_extension_is_removed);
    tcase_add_test(c, test_store_without_representations_works);
    tcase_add_test(c, test_arrays_are_nan_until_written);
    tcase_add_test(c, test_store_without_the_attribute_goes_on);
    tcase_add_test(c, test_kept_weights_come_back_through_any_handle);
    tcase_add_test(c, test_extension_keeps_weights);
    tcase_add_test(c, test_done_without_wanted_weights_is_not_done);
    tcase_add_test(c, test_last_value_and_late_setting);
    tcase_add_test(c, test_others_can_read_it);
    return check_run(s);
}
