/* test_data_hdf5.c - samples in HDF5 files of any layout; wrong ones are refused, quietly.
 * Bytes are not mutated here: that would test the HDF5 library. */
#include <fcntl.h>

#include "tests/data_files.h"

static struct err e;

static enum err_code try_open(struct data *data)
{
    struct config c = config_scratch("hdf5", "a.h5");
    e = (struct err){0};
    return data_open(&c, 1, data, &e);
}

static void expect(enum err_code code, const char *words)
{
    struct data data;
    enum err_code rc = try_open(&data);
    ck_assert_msg(rc == code && strstr(e.text, words), "wanted '%s', got %d: %s", words, rc,
                  e.text);
    data_close(&data);
}

/* The small set with another dataset in the place of one of them. */
static void expect_with(int which, hid_t type, int n_dims, const hsize_t *size,
                        const char *words)
{
    char path[512];
    hdf5_put("a.h5", HDF5_CONTIGUOUS, 0);
    hid_t file = H5Fopen(scratch_path("a.h5", path), H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(H5Ldelete(file, small_arrays[which].name, H5P_DEFAULT), 0);
    if (n_dims >= 0)
        hdf5_add(file, small_arrays[which].name, type, n_dims, size, HDF5_CONTIGUOUS, NULL);
    H5Fclose(file);
    expect(ERR_FORMAT, words);
}

START_TEST(test_hdf5_gives_the_samples)
{
    for (int layout = HDF5_CONTIGUOUS; layout <= HDF5_COMPACT; layout++)
        for (hsize_t userblock = 0; userblock <= 512; userblock += 512) {
            struct data data;
            hdf5_put("a.h5", (enum hdf5_layout)layout, userblock);
            ck_assert_msg(try_open(&data) == ERR_OK, "%s", e.text);
            small_expect(&data);
            data_close(&data);
        }
}
END_TEST

/* Samples of contiguous datasets are read where they are: no temporary file. */
START_TEST(test_contiguous_hdf5_needs_no_room)
{
    setenv("TMPDIR", "/nowhere", 1);
    hdf5_put("a.h5", HDF5_CONTIGUOUS, 0);
    expect(ERR_OK, "");
    hdf5_put("a.h5", HDF5_CHUNKED, 0);
    expect(ERR_IO, "a.h5: dataset train_x: making a temporary file like /nowhere/");
}
END_TEST

START_TEST(test_hdf5_floats_are_taken_as_they_are)
{
    static const double as8[2] = {0.5, -0.25};
    static const float as4[2] = {0.5f, -0.25f};
    static const uint16_t as2[2] = {0x3800, 0xb400};
    static const unsigned char label[2] = {0, 1};
    static const hsize_t size[2] = {2, 1};
    hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const hid_t type[] = {half, H5T_IEEE_F32LE, H5T_IEEE_F64LE};
    const void *const at[] = {as2, as4, as8};
    for (int i = 0; i < 3; i++) {
        struct data data;
        real x[2];
        hid_t file = hdf5_create("a.h5", 0);
        for (int split = 0; split < 2; split++) {
            hdf5_add(file, small_arrays[2 * split].name, type[i], 2, size,
                     split ? HDF5_CHUNKED : HDF5_CONTIGUOUS, at[i]);
            hdf5_add(file, small_arrays[2 * split + 1].name, H5T_STD_U8LE, 1, size,
                     HDF5_CONTIGUOUS, label);
        }
        H5Fclose(file);
        ck_assert_msg(try_open(&data) == ERR_OK, "%s", e.text);
        ck_assert_int_eq(data.shape.n_dims, 1);
        for (int split = 0; split < 2; split++) {
            data.stream->fetch(&data, (enum split)split, (int64_t[]){0, 1}, 2, x, NULL);
            ck_assert(x[0] == (real)0.5 && x[1] == (real)-0.25);
        }
        data_close(&data);
    }
    H5Tclose(half);
}
END_TEST

START_TEST(test_hdf5_refuses_wrong_datasets)
{
    static const hsize_t x[] = {5, 2, 3, 1, 1}, other[] = {3, 3, 2}, none[] = {0, 2, 3};
    static const hsize_t y[] = {4};
    expect_with(TEST_X, 0, -1, NULL, "a.h5: dataset test_x: not there (HDF5: ");
    expect_with(TRAIN_X, H5T_IEEE_F32BE, 3, x, "dataset train_x: big-endian elements");
    expect_with(TRAIN_X, H5T_C_S1, 3, x, "dataset train_x: element type not known");
    expect_with(TRAIN_X, H5T_NATIVE_LDOUBLE, 3, x, "element type not known");
    expect_with(TRAIN_X, H5T_STD_I16LE, 3, x, "|u1, <f2, <f4 or <f8 expected");
    expect_with(TRAIN_X, H5T_STD_U8LE, 0, x, "dataset train_x: 0 dimensions");
    expect_with(TRAIN_X, H5T_STD_U8LE, 5, x, "5 dimensions; [n, d]");
    expect_with(TRAIN_X, H5T_STD_U8LE, 3, none, "dataset train_x: no elements");
    expect_with(TEST_X, H5T_STD_U8LE, 3, other, "of another type or other sizes");
    expect_with(TRAIN_Y, H5T_IEEE_F32LE, 1, x, "labels of type <f4; integers expected");
    expect_with(TRAIN_Y, H5T_STD_U8LE, 1, y, "4 labels in 4 rows for 5 samples");
    expect_with(TRAIN_Y, H5T_STD_U8LE, 1, x, "all labels are 0"); /* never written */
    hid_t file = hdf5_create("a.h5", 0);
    static const int64_t wrong[] = {0, 1, -7, 0, 0};
    hdf5_add(file, "train_x", H5T_STD_U8LE, 3, x, HDF5_CONTIGUOUS, small_train_x);
    hdf5_add(file, "train_y", H5T_STD_I64LE, 1, x, HDF5_CONTIGUOUS, wrong);
    H5Fclose(file);
    expect(ERR_FORMAT, "a.h5: dataset train_y: element 2: label -7; labels are from 0");
}
END_TEST

/* Sizes that no file of this length can hold, though the library believes them. */
START_TEST(test_hdf5_refuses_what_cannot_be)
{
    static const hsize_t much[] = {1 << 20, 1 << 20}, chunk[] = {1, 1 << 20};
    hid_t file = hdf5_create("a.h5", 0), plist = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, much, NULL);
    H5Pset_chunk(plist, 2, chunk);
    H5Dclose(H5Dcreate2(file, "train_x", H5T_STD_U8LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(plist);
    H5Fclose(file);
    expect(ERR_FORMAT, "dataset train_x: 1099511627776 bytes of elements in a file of ");
}
END_TEST

START_TEST(test_hdf5_errors_are_quiet)
{
    char path[512];
    file_put("a.h5", "no HDF5 at all", 14);
    int keep = dup(2), out = open(scratch_path("stderr", path), O_CREAT | O_RDWR, 0600);
    dup2(out, 2);
    struct data data;
    enum err_code rc = try_open(&data);
    hdf5_put("a.h5", HDF5_CHUNKED, 0);
    static struct file_bytes b;
    file_get("a.h5", &b);
    file_put("a.h5", b.at, b.length / 2);
    enum err_code cut = try_open(&data);
    dup2(keep, 2);
    ck_assert_int_eq(rc, ERR_FORMAT);
    ck_assert_int_eq(cut, ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "a.h5: not readable as HDF5 (HDF5: "));
    ck_assert_int_eq(lseek(out, 0, SEEK_END), 0);
    close(out);
    close(keep);
    unlink(scratch_path("a.h5", path));
    expect(ERR_CONFIG, "data.path: no file '");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data hdf5");
    TCase *t = check_case(s, "data hdf5");
    tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
    tcase_add_test(t, test_hdf5_gives_the_samples);
    tcase_add_test(t, test_contiguous_hdf5_needs_no_room);
    tcase_add_test(t, test_hdf5_floats_are_taken_as_they_are);
    tcase_add_test(t, test_hdf5_refuses_wrong_datasets);
    tcase_add_test(t, test_hdf5_refuses_what_cannot_be);
    tcase_add_test(t, test_hdf5_errors_are_quiet);
    return check_run(s);
}
