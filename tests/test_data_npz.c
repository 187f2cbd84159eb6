/* test_data_npz.c - samples in .npy files and .npz archives: hostile files are refused, good
 * ones give their samples. */
#include <pthread.h>

#include "tests/data_archives.h"
#include "worker/worker.h"

static void expect_small(const char *stream, const char *name)
{
    struct data data;
    ck_assert_msg(try_open(stream, name, &data) == ERR_OK, "%s", e.text);
    small_expect(&data);
    data_close(&data);
}

/* The small arrays with another one in the place of one of them. */
static void with(int which, const char *descr, const char *shape, const void *at, size_t bytes,
                 struct small_array out[ARRAYS])
{
    memcpy(out, small_arrays, sizeof small_arrays);
    out[which] = (struct small_array){small_arrays[which].name, descr, shape, at, bytes};
}

/* Both streams refuse such an array. */
static void expect_with(int which, const char *descr, const char *shape, const void *at,
                        size_t bytes, const char *words)
{
    struct small_array a[ARRAYS];
    with(which, descr, shape, at, bytes, a);
    npy_put_all(a);
    expect("npy", "", ERR_FORMAT, words);
    for (int deflated = 0; deflated < 2; deflated++) {
        npz_put("a.npz", a, ARRAYS, deflated);
        expect("npz", "a.npz", ERR_FORMAT, words);
    }
}

START_TEST(test_arrays_missing_are_explained)
{
    struct config c = config_scratch("npy", "");
    struct data_shape shape;
    c.data.path[0] = '\0';
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_str_eq(e.text,
                     "data.path: missing; the stream 'npy' needs the folder of its files");
    c.data.name = table_find(&streams, "npz");
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_str_eq(e.text, "data.path: missing; the stream 'npz' needs its file");
    expect("npy", "", ERR_CONFIG, "data.path: no file train_x.npy in '");
    expect("npz", "", ERR_CONFIG, "data.path: no file '");
    file_put("a.npz", "hello", 5);
    expect("npz", "a.npz", ERR_FORMAT, "a.npz: ");
    npz_put("a.npz", small_arrays, 3, false);
    expect("npz", "a.npz", ERR_FORMAT, "a.npz: no member test_y.npy in the archive");
}
END_TEST

START_TEST(test_arrays_of_wrong_types_or_sizes_are_refused)
{
    static const char zeros[64];
    static const unsigned char four[5] = {0, 1, 2, 3, 4}, signs[5] = {0, 1, 255, 0, 0};
    static const unsigned char high[3] = {0, 1, 3};
    static const uint16_t beyond[5] = {0, 1, 10000};
    expect_with(TRAIN_X, ">f4", "(5, 2)", zeros, 40, "big-endian elements (>f4)");
    expect_with(TRAIN_X, "<i4", "(5, 2)", zeros, 40, "|u1, <f2, <f4 or <f8 expected");
    expect_with(TRAIN_X, "|u1", "(5,)", zeros, 5, "1 dimensions; [n, d]");
    expect_with(TRAIN_X, "|u1", "(5, 1, 1, 1, 1)", zeros, 5, "5 dimensions; [n, d]");
    expect_with(TRAIN_X, "|u1", "(0, 2, 3)", zeros, 0, "an array without elements");
    expect_with(TRAIN_X, "|u1", "(5, 2, 3)", zeros, 29,
                "29 bytes of elements follow; the sizes say 30");
    expect_with(TRAIN_X, "|u1", "(5, 2, 3)", zeros, 31, "31 bytes of elements follow");
    expect_with(TRAIN_X, "|u1", "(4, 2, 3)", zeros, 24, "5 labels in 5 rows for 4 samples");
    expect_with(TRAIN_X, "|u1", "(1, 8192, 8193)", zeros, 1, "of elements follow");
    expect_with(TEST_X, "|u1", "(3, 6)", zeros, 18, "of another type or other sizes");
    expect_with(TEST_X, "|u1", "(3, 3, 2)", zeros, 18, "of another type or other sizes");
    expect_with(TEST_X, "<f2", "(3, 2, 3)", zeros, 36, "of another type or other sizes");
    expect_with(TRAIN_Y, "<f4", "(5,)", zeros, 20, "labels of type <f4; integers expected");
    expect_with(TRAIN_Y, "|u1", "(5, 2)", zeros, 10, "10 labels in 5 rows for 5 samples");
    expect_with(TRAIN_Y, "|u1", "(5,)", zeros, 5, "all labels are 0");
    expect_with(TRAIN_Y, "|i1", "(5,)", signs, 5,
                "byte 130: label -1; labels are from 0 to 9999");
    expect_with(TRAIN_Y, "<u2", "(5,)", beyond, 10, "byte 132: label 10000; labels are from 0");
    expect_with(TEST_Y, "|u1", "(3,)", high, 3, "byte 130: label 3, but there are 3 classes");
    struct small_array a[ARRAYS];
    with(TRAIN_Y, "|u1", "(5, 1)", four, 5, a); /* a column of labels is fine */
    npy_put_all(a);
    expect("npy", "", ERR_OK, "");
    static struct file_bytes b; /* Fortran order, of a matrix */
    npy_bytes(&small_arrays[TRAIN_X], &b);
    memcpy(strstr((char *)b.at + 10, "False"), "True ", 5);
    file_put("train_x.npy", b.at, b.length);
    expect("npy", "", ERR_FORMAT, "fortran_order; save numpy.ascontiguousarray(x)");
}
END_TEST

START_TEST(test_arrays_give_the_samples)
{
    npy_put_all(small_arrays);
    expect_small("npy", "");
    npz_put("a.npz", small_arrays, ARRAYS, false);
    expect_small("npz", "a.npz");
    npz_put("a.npz", small_arrays, ARRAYS, true);
    expect_small("npz", "a.npz");
    struct config c = config_scratch("npz", "a.npz");
    struct data_shape shape;
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
    ck_assert_double_ge(shape.bytes, 8 * sizeof(int32_t));
    ck_assert_double_lt(shape.bytes, 20000);
}
END_TEST

/* Samples of more bytes than are read at once, in each float type. */
START_TEST(test_float_arrays_are_taken_as_they_are)
{
    enum { D = 3000, N = 2 };
    static const char *const descr[] = {"<f2", "<f4", "<f8"};
    static const unsigned char y[N] = {1, 0};
    static double as8[N * D];
    static float as4[N * D];
    static uint16_t as2[N * D];
    for (int i = 0; i < N * D; i++) {
        as8[i] = 1 + i % 1024 / 1024.0; /* exact in half precision */
        as4[i] = (float)as8[i];
        as2[i] = (uint16_t)(0x3c00 + i % 1024);
    }
    const void *const at[] = {as2, as4, as8};
    for (int type = 0; type < 3; type++) {
        size_t bytes = (size_t)N * D << (type + 1);
        struct small_array a[ARRAYS] = {
            {"train_x", descr[type], "(2, 3000)", at[type], bytes},
            {"train_y", "|u1", "(2,)", y, N},
            {"test_x", descr[type], "(1, 3000)", at[type], bytes / 2},
            {"test_y", "|u1", "(1,)", y, 1}};
        if (type == 2) /* of the largest type only part fits file_bytes */
            a[0].bytes = bytes = sizeof as8 / 2, a[0].shape = "(1, 3000)", a[1].shape = "(1,)",
            a[1].bytes = 1;
        npz_put("f.npz", a, ARRAYS, type % 2);
        struct data data;
        ck_assert_msg(try_open("npz", "f.npz", &data) == ERR_OK, "%s", e.text);
        ck_assert_int_eq(data.shape.n_dims, 1);
        ck_assert_int_eq(data.shape.size[0], D);
        for (int64_t i = data.shape.pool[SPLIT_TRAIN] - 1; i >= 0; i--) {
            static real x[D];
            data.stream->fetch(&data, SPLIT_TRAIN, &i, 1, x, NULL);
            for (int j = 0; j < D; j++) ck_assert(x[j] == (real)as8[i * D + j]);
        }
        data_close(&data);
    }
}
END_TEST

START_TEST(test_truncated_arrays_are_refused)
{
    static struct file_bytes b;
    npy_put_all(small_arrays);
    for (int i = 0; i < ARRAYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.npy", small_arrays[i].name);
        npy_bytes(&small_arrays[i], &b);
        for (size_t length = 0; length < b.length; length++) {
            file_put(name, b.at, length);
            expect("npy", "", ERR_FORMAT, name);
        }
        file_put(name, b.at, b.length);
    }
    expect_small("npy", "");
    for (int deflated = 0; deflated < 2; deflated++) {
        npz_put("a.npz", small_arrays, ARRAYS, deflated);
        file_get("a.npz", &b);
        for (size_t length = 0; length < b.length; length += deflated ? 7 : 1) {
            file_put("a.npz", b.at, length);
            expect("npz", "a.npz", ERR_FORMAT, "a.npz: byte 0: ");
        }
    }
}
END_TEST

START_TEST(test_arrays_survive_mutations)
{
    npy_put_all(small_arrays);
    int opened = mutants_opened("npy", "", "train_x.npy", 600, 1);
    opened += mutants_opened("npy", "", "test_y.npy", 600, 2);
    npz_put("a.npz", small_arrays, ARRAYS, false);
    opened += mutants_opened("npz", "a.npz", "a.npz", 1000, 3);
    npz_put("a.npz", small_arrays, ARRAYS, true);
    opened += mutants_opened("npz", "a.npz", "a.npz", 1000, 4);
    ck_assert_int_gt(opened, 80);
    ck_assert_int_lt(opened, 2800);
}
END_TEST

START_TEST(test_damaged_deflated_members_are_refused)
{
    static struct file_bytes b;
    npz_put("a.npz", small_arrays, ARRAYS, true);
    file_get("a.npz", &b);
    b.at[14] ^= 1; /* the sum in a local header: not what counts */
    file_put("a.npz", b.at, b.length);
    size_t entry = 0; /* the first entry of the central directory has the sum that does */
    while (memcmp(b.at + entry, "PK\x01\x02", 4) != 0) entry++;
    b.at[entry + 16] ^= 1;
    file_put("a.npz", b.at, b.length);
    expect("npz", "a.npz", ERR_FORMAT, "train_x.npy: byte 158: CRC error");
    setenv("TMPDIR", "/nowhere", 1);
    npz_put("/b.npz", small_arrays, ARRAYS, true);
    expect("npz", "b.npz", ERR_IO, "making a temporary file like /nowhere/shoal-");
}
END_TEST

/* ---- files that change ---- */

/* The archive is read through a buffer: its samples are too large for one. */
enum { WIDE = 20000 };

static void expect_fetch_fails(const char *stream, const char *name, const char *file,
                               const char *words)
{
    static real x[WIDE];
    struct data data;
    char path[512];
    ck_assert_msg(try_open(stream, name, &data) == ERR_OK, "%s", e.text);
    data.stream->fetch(&data, SPLIT_TRAIN, (int64_t[]){0}, 1, x, NULL);
    ck_assert(x[0] == 1);
    ck_assert_int_eq(data_failed(&data, &e), ERR_OK);
    ck_assert_int_eq(truncate(scratch_path(file, path), 140), 0);
    data.stream->fetch(&data, SPLIT_TRAIN, (int64_t[]){0}, 1, x, NULL);
    for (int i = 0; i < WIDE; i++) ck_assert(x[i] == 0);
    ck_assert_int_ne(data_failed(&data, &e), ERR_OK);
    ck_assert_msg(strstr(e.text, words) != NULL, "%s", e.text);
    data_close(&data);
}

START_TEST(test_a_file_that_vanishes_is_a_failure)
{
    static unsigned char wide[WIDE];
    memset(wide, 255, sizeof wide);
    struct small_array a[ARRAYS] = {{"train_x", "|u1", "(1, 20000)", wide, WIDE},
                                    {"train_y", "|u1", "(1,)", "\x01", 1},
                                    {"test_x", "|u1", "(1, 20000)", wide, WIDE},
                                    {"test_y", "|u1", "(1,)", "\x01", 1}};
    npy_put_all(a);
    expect_fetch_fails("npy", "", "train_x.npy",
                       "train_x.npy: byte 140: the file became shorter");
    npz_put("a.npz", a, ARRAYS, false);
    expect_fetch_fails("npz", "a.npz", "a.npz", "a.npz: train_x.npy: byte ");
}
END_TEST

/* A trial whose samples could not be read says so, and the next one opens the files anew. */
START_TEST(test_a_worker_opens_a_failed_data_set_anew)
{
    struct worker *w = worker_create(NULL);
    const struct data *data;
    real x[SMALL_DIM];
    char path[512];
    npy_put_all(small_arrays);
    struct config c = config_scratch("npy", "");
    ck_assert_int_eq(worker_data_failed(w, &e), ERR_OK);
    ck_assert_int_eq(worker_data(w, &c, 1, &data, &e), ERR_OK);
    data->stream->fetch(data, SPLIT_TRAIN, (int64_t[]){0}, 1, x, NULL);
    ck_assert_int_eq(worker_data_failed(w, &e), ERR_OK);
    ck_assert_int_eq(truncate(scratch_path("train_x.npy", path), 0), 0);
    data->stream->fetch(data, SPLIT_TRAIN, (int64_t[]){0}, 1, x, NULL);
    ck_assert_int_eq(worker_data_failed(w, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "train_x.npy: byte 128: the file became shorter"));
    npy_put_all(small_arrays);
    ck_assert_int_eq(worker_data(w, &c, 1, &data, &e), ERR_OK);
    ck_assert_int_eq(worker_data_failed(w, &e), ERR_OK);
    small_expect(data);
    worker_destroy(w);
}
END_TEST

/* ---- threads ---- */

struct reading {
    const struct data *data;
    int64_t first;
    bool wrong;
};

static void *read_many(void *of)
{
    struct reading *r = of;
    for (int round = 0; round < 3000; round++) {
        real x[SMALL_DIM];
        int64_t i = (r->first + round) % SMALL_TRAIN;
        r->data->stream->fetch(r->data, SPLIT_TRAIN, &i, 1, x, NULL);
        for (int j = 0; j < SMALL_DIM; j++)
            r->wrong |=
                x[j] != ((real)small_train_x[i * SMALL_DIM + j] / 255 - (real)0.5) / (real)0.5;
    }
    return NULL;
}

static void expect_threads(const char *stream, const char *name)
{
    struct data data;
    pthread_t other;
    ck_assert_int_eq(try_open(stream, name, &data), ERR_OK);
    struct reading a = {&data, 0, false}, b = {&data, 2, false};
    ck_assert_int_eq(pthread_create(&other, NULL, read_many, &a), 0);
    read_many(&b);
    pthread_join(other, NULL);
    ck_assert(!a.wrong && !b.wrong);
    ck_assert_int_eq(data_failed(&data, NULL), ERR_OK);
    data_close(&data);
}

START_TEST(test_two_threads_may_fetch)
{
    npy_put_all(small_arrays);
    expect_threads("npy", "");
    npz_put("a.npz", small_arrays, ARRAYS, false);
    expect_threads("npz", "a.npz");
    npz_put("a.npz", small_arrays, ARRAYS, true);
    expect_threads("npz", "a.npz");
}
END_TEST

/* ---- beyond 4 GiB ---- */

static void poke(const char *name, int64_t at, const void *bytes, size_t n)
{
    char path[512];
    int fd = open(scratch_path(name, path), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
    close(fd);
}

/* The memory that this process holds. */
static int64_t resident_bytes(void)
{
    long long size, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_int_eq(fscanf(f, "%lld %lld", &size, &resident), 2);
    fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

START_TEST(test_a_member_of_more_than_4_gib_is_read_where_asked)
{
    enum { D = 65536, N = 70000 };
    struct big_member member[] = {
        {"train_x.npy", "|u1", "(70000, 65536)", (int64_t)N * D, 0, 0},
        {"train_y.npy", "|u1", "(70000,)", N, 1, 0},
        {"test_x.npy", "|u1", "(2, 65536)", 2 * D, 0, 0},
        {"test_y.npy", "|u1", "(2,)", 2, 1, 0}};
    static const int64_t place[] = {N - 1, 12345, 66001, 0};
    static real x[D];
    int32_t label;
    struct data data;
    big_put("big.npz", member, ARRAYS);
    for (int i = 0; i < 4; i++) {
        unsigned char pixel = (unsigned char)(i + 1);
        poke("big.npz", member[0].at + place[i] * D + 100, &pixel, 1);
    }
    int64_t before = resident_bytes();
    ck_assert_msg(try_open("npz", "big.npz", &data) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], N);
    for (int i = 0; i < 4; i++) {
        data.stream->fetch(&data, SPLIT_TRAIN, &place[i], 1, x, &label);
        ck_assert(x[99] == -1 && x[100] == ((real)(i + 1) / 255 - (real)0.5) / (real)0.5);
        ck_assert_int_eq(label, i == 0);
    }
    data.stream->fetch(&data, SPLIT_TEST, (int64_t[]){1}, 1, x, &label);
    ck_assert_int_eq(label, 1);
    ck_assert_int_eq(data_failed(&data, NULL), ERR_OK);
    ck_assert_int_lt(resident_bytes() - before, 32 << 20);
    data_close(&data);
    poke("big.npz", member[1].at + 5, "\x01", 1);
    expect("npz", "big.npz", ERR_FORMAT, "train_y.npy: byte 70128: CRC error");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data npz");
    TCase *t = check_case(s, "data npz");
    tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
    tcase_add_test(t, test_arrays_missing_are_explained);
    tcase_add_test(t, test_arrays_of_wrong_types_or_sizes_are_refused);
    tcase_add_test(t, test_arrays_give_the_samples);
    tcase_add_test(t, test_float_arrays_are_taken_as_they_are);
    tcase_add_test(t, test_truncated_arrays_are_refused);
    tcase_add_test(t, test_arrays_survive_mutations);
    tcase_add_test(t, test_damaged_deflated_members_are_refused);
    tcase_add_test(t, test_a_file_that_vanishes_is_a_failure);
    tcase_add_test(t, test_a_worker_opens_a_failed_data_set_anew);
    tcase_add_test(t, test_two_threads_may_fetch);
    tcase_add_test(t, test_a_member_of_more_than_4_gib_is_read_where_asked);
    return check_run(s);
}
