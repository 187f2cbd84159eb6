/* test_data_cifar.c - CIFAR-10 and CIFAR-100: hostile files are refused, good ones give their
 * samples. */
#include <zlib.h>

#include "base/rng.h"
#include "tests/data_files.h"

static struct err e;

static void folder_setup(void)
{
    scratch_setup();
    cifar_put();
}

/* Opening the folder fails with this code, and the text has these words. */
static void expect(const char *stream, enum err_code code, const char *words)
{
    struct config c = config_scratch(stream, "");
    struct data data;
    e = (struct err){0};
    enum err_code rc = data_open(&c, 1, &data, &e);
    ck_assert_msg(rc == code && strstr(e.text, words), "wanted '%s', got %d: %s", words, rc,
                  e.text);
    data_close(&data);
}

/* The same as name.gz instead; the compressed bytes. */
static void pack(const char *name, const struct file_bytes *b, struct file_bytes *packed)
{
    char path[512], gz_name[64];
    snprintf(gz_name, sizeof gz_name, "%s.gz", name);
    unlink(scratch_path(name, path));
    gzFile gz = gzopen(scratch_path(gz_name, path), "wb");
    ck_assert_int_eq(gzwrite(gz, b->at, (unsigned)b->length), (int)b->length);
    gzclose(gz);
    file_get(gz_name, packed);
}

START_TEST(test_cifar_missing_is_explained)
{
    struct config c = config_scratch("cifar10", "");
    struct data_shape shape;
    char path[512];
    c.data.path[0] = '\0';
    unsetenv("SHOAL_DATA_DIR");
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "data.path: missing; the stream 'cifar10' needs"));
    ck_assert_ptr_nonnull(strstr(e.text, "SHOAL_DATA_DIR set to the one that holds "
                                         "cifar-10-batches-bin/"));
    setenv("SHOAL_DATA_DIR", "/nowhere", 1);
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "data_batch_1.bin or data_batch_1.bin.gz in "
                                         "'/nowhere/cifar-10-batches-bin'"));
    unsetenv("SHOAL_DATA_DIR");
    unlink(scratch_path("data_batch_4.bin", path));
    expect("cifar10", ERR_CONFIG, "data.path: no file data_batch_4.bin or ");
    unlink(scratch_path("test.bin", path));
    expect("cifar100", ERR_CONFIG, "data.path: no file test.bin or ");
}
END_TEST

START_TEST(test_cifar_refuses_wrong_lengths)
{
    static struct file_bytes b;
    cifar_bytes(2, 2, 1, &b);
    for (size_t length = 0; length < b.length; length += length % 3073 < 8 ? 1 : 61) {
        file_put("data_batch_3.bin", b.at, length);
        if (length == 3073) continue; /* a whole record */
        expect("cifar10", ERR_FORMAT,
               length ? "ends in the middle of a record of 3073 bytes" : "ends early");
    }
    file_put("data_batch_3.bin", b.at, b.length + 1);
    expect("cifar10", ERR_FORMAT, "data_batch_3.bin: byte 6147: ");
    file_put("train.bin", b.at, b.length); /* records of CIFAR-10 */
    expect("cifar100", ERR_FORMAT, "ends in the middle of a record of 3074 bytes");
}
END_TEST

START_TEST(test_cifar_refuses_wrong_labels)
{
    static struct file_bytes b;
    cifar_bytes(5, 2, 1, &b);
    b.at[3073] = 10;
    file_put("test_batch.bin", b.at, b.length);
    expect("cifar10", ERR_FORMAT,
           "test_batch.bin: byte 3073: label 10, but there are 10 classes");
    cifar_bytes(0, 2, 2, &b);
    b.at[3075] = 100;
    file_put("train.bin", b.at, b.length);
    expect("cifar100", ERR_FORMAT,
           "train.bin: byte 3075: label 100, but there are 100 classes");
    b.at[3075] = 99;
    b.at[0] = 20; /* coarse, which is not asked for */
    file_put("train.bin", b.at, b.length);
    expect("cifar100", ERR_OK, "");
    struct config c = config_scratch("cifar100", "");
    struct data data;
    c.data.labels = LABELS_COARSE;
    ck_assert_int_eq(data_open(&c, 1, &data, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "byte 0: label 20, but there are 20 classes"));
}
END_TEST

static void expect_samples(const char *stream, enum label_set labels)
{
    struct config c = config_scratch(stream, "");
    struct data data;
    bool ten = strcmp(stream, "cifar10") == 0;
    const int files = ten ? 6 : 2;
    c.data.labels = labels;
    ck_assert_msg(data_open(&c, 1, &data, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(data.shape.n_dims, 3);
    ck_assert_int_eq(data.shape.size[0], 3);
    ck_assert_int_eq(data.shape.size[1], 32);
    ck_assert_int_eq(data.shape.size[2], 32);
    ck_assert_int_eq(data.shape.dim, CIFAR_PIXELS);
    ck_assert_int_eq(data.shape.classes, ten ? 10 : labels == LABELS_COARSE ? 20 : 100);
    ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], 2 * (files - 1));
    ck_assert_int_eq(data.shape.pool[SPLIT_TEST], 2);
    ck_assert_double_eq(data.shape.bytes, 2 * files * 3073);
    for (int file = 0; file < files; file++)
        for (int i = 0; i < 2; i++) {
            static real x[CIFAR_PIXELS];
            int32_t label;
            bool test = file == files - 1;
            data.stream->fetch(&data, test ? SPLIT_TEST : SPLIT_TRAIN,
                               (int64_t[]){test ? i : 2 * file + i}, 1, x, &label);
            ck_assert_int_eq(label, !ten && labels == LABELS_COARSE ? (8 * i + file) % 20
                                                                    : (7 * i + file) % 10);
            for (int j = 0; j < CIFAR_PIXELS; j++)
                ck_assert(x[j] ==
                          ((real)cifar_pixel(file, i, j) / 255 - (real)0.5) / (real)0.5);
        }
    data_close(&data);
}

START_TEST(test_cifar_gives_the_samples)
{
    static struct file_bytes b, packed;
    expect_samples("cifar10", LABELS_FINE);
    expect_samples("cifar100", LABELS_FINE);
    expect_samples("cifar100", LABELS_COARSE);
    for (int i = 0; i < 6; i++) {
        cifar_bytes(i, 2, 1, &b);
        pack(cifar10_files[i], &b, &packed);
    }
    for (int i = 0; i < 2; i++) {
        cifar_bytes(i, 2, 2, &b);
        pack(cifar100_files[i], &b, &packed);
    }
    expect_samples("cifar10", LABELS_FINE);
    expect_samples("cifar100", LABELS_FINE);
    expect_samples("cifar100", LABELS_COARSE);
}
END_TEST

START_TEST(test_cifar_shape_follows_the_files)
{
    static struct file_bytes b;
    struct config c = config_scratch("cifar100", "");
    struct data_shape shape;
    for (int i = 0; i < 3; i++) {
        c.data.labels = LABELS_FINE;
        ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
        ck_assert_int_eq(shape.classes, 100);
        c.data.labels = LABELS_COARSE;
        ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
        ck_assert_int_eq(shape.classes, 20);
    }
    cifar_bytes(0, 5, 2, &b);
    file_put("train.bin", b.at, b.length);
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
    ck_assert_int_eq(shape.pool[SPLIT_TRAIN], 5);
}
END_TEST

/* Whatever the bytes of a packed file, opening returns a code. */
START_TEST(test_cifar_survives_mutations)
{
    static struct file_bytes b, packed, bad;
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    int opened = 0;
    cifar_bytes(0, 2, 2, &b);
    pack("train.bin", &b, &packed);
    for (size_t length = 0; length < packed.length; length += length < 60 ? 1 : 47) {
        file_put("train.bin.gz", packed.at, length);
        expect("cifar100", ERR_FORMAT, "train.bin.gz: byte ");
    }
    for (int round = 0; round < 1000; round++) {
        bad = packed;
        uint64_t at = rng_below(&r, rng_below(&r, 2) ? bad.length : 30);
        bad.at[at] ^= (unsigned char)(1 + rng_below(&r, 255));
        file_put("train.bin.gz", bad.at, bad.length);
        struct config c = config_scratch("cifar100", "");
        struct data data;
        enum err_code rc = data_open(&c, 1, &data, &e);
        ck_assert(rc == ERR_OK || rc == ERR_FORMAT);
        opened += rc == ERR_OK;
        data_close(&data);
    }
    ck_assert_int_gt(opened, 10); /* the time in the gzip header may be anything */
    ck_assert_int_lt(opened, 700);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data cifar");
    TCase *t = check_case(s, "data cifar");
    tcase_add_checked_fixture(t, folder_setup, scratch_teardown);
    tcase_add_test(t, test_cifar_missing_is_explained);
    tcase_add_test(t, test_cifar_refuses_wrong_lengths);
    tcase_add_test(t, test_cifar_refuses_wrong_labels);
    tcase_add_test(t, test_cifar_gives_the_samples);
    tcase_add_test(t, test_cifar_shape_follows_the_files);
    tcase_add_test(t, test_cifar_survives_mutations);
    return check_run(s);
}
