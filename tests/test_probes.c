/* test_probes.c - a store says what the probes are, or that it does not know. */
#include "coord/probes.h"
#include "tests/store_made.h"
#include "worker/probe.h"

static struct arena arena;

static struct probes read_probes(void)
{
    struct probes p;
    arena_clear(&arena);
    ck_assert_msg(probes_read(path, "test", &arena, &p, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(p.n, sweep.record.probe[0].n);
    ck_assert((p.inputs != NULL) == (p.d > 0));
    return p;
}

static void check_file(bool known)
{
    hid_t file = open_file(path);
    check_probes(file, known);
    H5Fclose(file);
    struct probes p = read_probes();
    ck_assert((p.labels != NULL) == known && (p.inputs != NULL) == known);
    for (int64_t i = 0; known && i < p.n; i++) ck_assert_int_eq(p.labels[i], fake_label(i));
    for (int64_t i = 0; known && i < p.n * p.d; i++) ck_assert(p.inputs[i] == fake_input(i));
    ck_assert_int_eq(p.d, known ? FAKE_INPUT : 0);
}

/* What varies, as an attribute of the dataset says; NULL: nothing. */
static const char *varies(const char *name)
{
    static char out[200];
    char *text = NULL;
    hid_t file = open_file(path), d = H5Dopen2(file, name, H5P_DEFAULT);
    bool there = H5Aexists(d, "varies") > 0;
    if (there) {
        hid_t a = H5Aopen(d, "varies", H5P_DEFAULT), type = H5Aget_type(a);
        ck_assert_int_ge(H5Aread(a, type, &text), 0);
        snprintf(out, sizeof out, "%s", text);
        H5free_memory(text);
        H5Tclose(type);
        H5Aclose(a);
    }
    H5Dclose(d);
    H5Fclose(file);
    return there ? out : NULL;
}

static bool is_there(const char *name)
{
    hid_t file = open_file(path);
    bool there = H5Lexists(file, name, H5P_DEFAULT) > 0;
    H5Fclose(file);
    return there;
}

/* The store as a shoal made it that knew neither labels nor inputs. */
static void make_older(void)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(H5Ldelete(file, "probe/test/labels", H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Ldelete(file, "probe/test/inputs", H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Ldelete(file, "probe/test/input", H5P_DEFAULT), 0);
    H5Fclose(file);
}

/* ---- reading what is not there ---- */

START_TEST(test_missing_store_and_set_are_errors)
{
    struct probes p;
    ck_assert_int_eq(probes_read(path, "test", &arena, &p, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, path));
    int64_t row[64];
    prepared(fake_plan(), row);
    ck_assert_int_eq(probes_read(path, "train", &arena, &p, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, "train") && strstr(e.text, "test"), "%s", e.text);
    ck_assert_int_eq(probes_read(path, NULL, &arena, &p, &e), ERR_OK);
    ck_assert_int_eq(p.n, 6);
    sweep.record.n_layers = sweep.record.n_slots = 0;
    unlink(path);
    prepared(fake_plan(), row);
    ck_assert_int_eq(probes_read(path, NULL, &arena, &p, &e), ERR_CONFIG);
}
END_TEST

START_TEST(test_labels_of_other_length_are_refused)
{
    struct probes p;
    int64_t row[64];
    prepared(fake_plan(), row);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "probe/test/labels", H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, (hsize_t[]){5}, NULL);
    H5Dclose(H5Dcreate2(file, "probe/test/labels", H5T_STD_I32LE, space, H5P_DEFAULT,
                        H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    ck_assert_int_eq(probes_read(path, "test", &arena, &p, &e), ERR_FORMAT);
}
END_TEST

/* ---- writing ---- */

START_TEST(test_unknown_until_a_trial_has_written_them)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    prepared(p, row);
    check_file(false);
    write_trials(p, row, 3, 4);
    check_file(true);
    write_trials(p, row, 0, p->n_trials);
    check_file(true);
    ck_assert_ptr_null(varies("probe/test/labels"));
    ck_assert_ptr_null(varies("probe/test/inputs"));
}
END_TEST

START_TEST(test_handle_wants_them_once)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    struct store *s;
    prepared(p, row);
    start_mpi();
    ck_assert_int_eq(store_open(path, &sweep.record, &s, &e), ERR_OK);
    struct fake_rows *f = fake_rows(plan_id(p, 0), plan_shape(p, 0));
    f->result.outcome = OUTCOME_FAILED; /* knows nothing */
    ck_assert_int_eq(store_write(s, row[0], plan_shape(p, 0), &f->rows, &f->result, &e),
                     ERR_OK);
    check_file(false);
    ck_assert(store_wants_labels(s, 0) && store_wants_inputs(s, 0) == FAKE_INPUT);
    fake_write(s, p, 1, row[1]);
    ck_assert(!store_wants_labels(s, 0) && store_wants_inputs(s, 0) == 0);
    f = fake_rows(plan_id(p, 2), plan_shape(p, 2));
    f->input[3] = f->input[0] = -99; /* too late */
    f->label[0] = 99;
    ck_assert_int_eq(store_write(s, row[2], plan_shape(p, 2), &f->rows, &f->result, &e),
                     ERR_OK);
    ck_assert_int_eq(store_close(s, &e), ERR_OK);
    check_file(true);
}
END_TEST

/* What a killed writer leaves: the next handle writes them whole. */
START_TEST(test_half_written_inputs_are_unknown_until_written_again)
{
    int64_t row[64];
    float input[3 * FAKE_INPUT];
    const struct plan *p = fake_plan();
    prepared(p, row);
    for (int i = 0; i < 3 * FAKE_INPUT; i++) input[i] = fake_input(i);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t d = H5Dopen2(file, "probe/test/inputs", H5P_DEFAULT), space = H5Dget_space(d);
    hsize_t start[] = {0, 0}, count[] = {3, FAKE_INPUT};
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    hid_t memory = H5Screate_simple(2, count, NULL);
    ck_assert_int_ge(H5Dwrite(d, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, input), 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(d);
    H5Fclose(file);
    ck_assert_ptr_null(read_probes().inputs);
    write_trials(p, row, 0, 1);
    check_file(true);
}
END_TEST

START_TEST(test_no_classes_are_no_labels)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    struct store *s;
    prepared(p, row);
    start_mpi();
    ck_assert_int_eq(store_open(path, &sweep.record, &s, &e), ERR_OK);
    struct fake_rows *f = fake_rows(plan_id(p, 0), plan_shape(p, 0));
    for (int i = 0; i < 6; i++) f->label[i] = -1;
    ck_assert_int_eq(store_write(s, row[0], plan_shape(p, 0), &f->rows, &f->result, &e),
                     ERR_OK);
    ck_assert_int_eq(store_close(s, &e), ERR_OK);
    struct probes got = read_probes();
    ck_assert(!got.labels && got.inputs && got.d == FAKE_INPUT);
}
END_TEST

/* ---- data that vary ---- */

START_TEST(test_setting_of_the_data_leaves_them_unknown)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    check_file(true);
    fake.path = "bcd"; /* other data for the widest */
    p = fake_plan();
    prepared(p, row);
    ck_assert_str_eq(varies("probe/test/labels"), "data.path");
    ck_assert_str_eq(varies("probe/test/inputs"), "data.path");
    check_file(false);
    write_trials(p, row, 0, p->n_trials);
    check_file(false);
    sweep.seeds = 3; /* the rows of "a" are still there */
    p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    ck_assert_str_eq(varies("probe/test/inputs"), "data.path");
    check_file(false);
}
END_TEST

START_TEST(test_own_path_of_the_set_does_not_vary)
{
    int64_t row[64];
    struct probe_set *set = &sweep.record.probe[0];
    set->n_patches = 1;
    set->patch[0] = (struct patch){offsetof(struct config, data.path), TASK_PATH, "own"};
    prepared(fake_plan(), row);
    fake.path = "bcd";
    const struct plan *p = fake_plan();
    prepared(p, row);
    ck_assert_ptr_null(varies("probe/test/inputs"));
    write_trials(p, row, 0, p->n_trials);
    check_file(true);
}
END_TEST

START_TEST(test_pools_that_differ_leave_them_unknown)
{
    int64_t row[64];
    prepared(fake_plan(), row);
    unlink(path);
    const struct plan *p = fake_plan();
    shapes[1].probe_pool[0] = 50;
    prepared(p, row);
    ck_assert_str_eq(varies("probe/test/labels"), "index");
    write_trials(p, row, 0, p->n_trials);
    check_file(false);
}
END_TEST

START_TEST(test_features_of_a_network_are_not_known)
{
    int64_t row[64];
    struct stage stage = {.n_from = 1, .from = {{.role = ROLE_FEATURES}}};
    sweep.stage = &stage;
    sweep.n_stages = 1;
    const struct plan *p = fake_plan();
    prepared(p, row);
    ck_assert_str_eq(varies("probe/test/inputs"), "data.layer");
    write_trials(p, row, 0, p->n_trials);
    struct probes got = read_probes();
    ck_assert(got.labels && !got.inputs && got.labels[5] == fake_label(5));
    sweep.n_stages = 0; /* its trials stay in the store */
    sweep.seeds = 3;
    p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, p->n_trials);
    got = read_probes();
    ck_assert(got.labels && !got.inputs && got.labels[5] == fake_label(5));
}
END_TEST

/* Does a part depend on the settings, by their keys' members? */
START_TEST(test_settings_that_matter)
{
#define ON(part, member) probe_depends(&set, part, offsetof(struct config, member), &c)
    static struct config c;
    struct probe_set set = {.split = 1};
    c.data.noise_test = true;
    for (int part = PROBE_LABELS; part <= PROBE_INPUTS; part++) {
        ck_assert(ON(part, data.name) && ON(part, data.path) && ON(part, data.dim));
        ck_assert(ON(part, data.teacher_width) && ON(part, data.background_scale));
        ck_assert(ON(part, data.labels) && ON(part, extra));
        ck_assert(!ON(part, model.width) && !ON(part, optim.lr) && !ON(part, optim.name));
        ck_assert(!ON(part, data.train) && !ON(part, data.augment) && !ON(part, data.world));
        ck_assert(!ON(part, data.prior) && !ON(part, seeds.init) && !ON(part, seeds.subset));
    }
    ck_assert(ON(PROBE_LABELS, data.label_noise) && ON(PROBE_LABELS, seeds.noise));
    ck_assert(!ON(PROBE_INPUTS, data.label_noise) && !ON(PROBE_INPUTS, seeds.noise));
    ck_assert(ON(PROBE_LABELS, data.noise_test) && !ON(PROBE_INPUTS, data.noise_test));
    c.data.noise_test = false;
    ck_assert(ON(PROBE_LABELS, data.noise_test) && !ON(PROBE_LABELS, data.label_noise));
    set.split = 0;
    ck_assert(ON(PROBE_LABELS, data.label_noise));
    set.n_patches = 1;
    set.patch[0] =
        (struct patch){offsetof(struct config, data.label_noise), sizeof(double), {0}};
    ck_assert(!ON(PROBE_LABELS, data.label_noise));
#undef ON
}
END_TEST

/* ---- sizes ---- */

START_TEST(test_large_inputs_are_left_out)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    for (int i = 0; i < p->n_shapes; i++) shapes[i].net.size[1] = PROBE_INPUT_BYTES / 48 + 1;
    prepared(p, row);
    ck_assert(!is_there("probe/test/inputs") && !is_there("probe/test/input"));
    write_trials(p, row, 0, p->n_trials);
    struct probes got = read_probes();
    ck_assert(got.labels && !got.inputs);
}
END_TEST

START_TEST(test_inputs_of_several_sizes_are_left_out)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    shapes[p->n_shapes - 1].net.size[0] = 3;
    prepared(p, row);
    ck_assert(is_there("probe/test/labels") && !is_there("probe/test/inputs"));
    write_trials(p, row, 0, p->n_trials);
    struct probes got = read_probes();
    ck_assert(got.labels && !got.inputs);
}
END_TEST

/* ---- other stores ---- */

START_TEST(test_extension_carries_them_over)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    prepared(p, row);
    write_trials(p, row, 0, 1);
    sweep.seeds = 3;
    fake.width[fake.n_widths++] = 32;
    prepared(fake_plan(), row);
    check_file(true); /* before any new trial */
}
END_TEST

START_TEST(test_older_store_goes_on_without_and_is_extended_with)
{
    int64_t row[64];
    const struct plan *p = fake_plan();
    struct store *s;
    prepared(p, row);
    write_trials(p, row, 0, 3);
    make_older();
    start_mpi();
    ck_assert_int_eq(store_open(path, &sweep.record, &s, &e), ERR_OK);
    ck_assert(!store_wants_labels(s, 0) && store_wants_inputs(s, 0) == 0);
    store_close(s, &e);
    prepared(p, row);
    write_trials(p, row, 3, p->n_trials);
    struct probes got = read_probes();
    ck_assert(!got.labels && !got.inputs && got.d == 0);
    hid_t file = open_file(path);
    for (int64_t t = 0; t < p->n_trials; t++)
        check_row(file, row[t], plan_id(p, t), plan_shape(p, t));
    H5Fclose(file);
    sweep.seeds = 3;
    p = fake_plan();
    prepared(p, row);
    check_file(false);
    write_trials(p, row, 2, 3); /* seed 2 of the first configuration */
    check_file(true);
}
END_TEST

static void forget(void)
{
    arena_clear(&arena);
    teardown();
}

int main(void)
{
    Suite *s = suite_create("probes");
    TCase *c = check_case(s, "probes");
    tcase_add_checked_fixture(c, setup, forget);
    tcase_add_test(c, test_missing_store_and_set_are_errors);
    tcase_add_test(c, test_labels_of_other_length_are_refused);
    tcase_add_test(c, test_unknown_until_a_trial_has_written_them);
    tcase_add_test(c, test_handle_wants_them_once);
    tcase_add_test(c, test_half_written_inputs_are_unknown_until_written_again);
    tcase_add_test(c, test_no_classes_are_no_labels);
    tcase_add_test(c, test_setting_of_the_data_leaves_them_unknown);
    tcase_add_test(c, test_own_path_of_the_set_does_not_vary);
    tcase_add_test(c, test_pools_that_differ_leave_them_unknown);
    tcase_add_test(c, test_features_of_a_network_are_not_known);
    tcase_add_test(c, test_settings_that_matter);
    tcase_add_test(c, test_large_inputs_are_left_out);
    tcase_add_test(c, test_inputs_of_several_sizes_are_left_out);
    tcase_add_test(c, test_extension_carries_them_over);
    tcase_add_test(c, test_older_store_goes_on_without_and_is_extended_with);
    return check_run(s);
}
