/* test_data_idx.c - IDX files: hostile ones are refused, good ones give their samples. */
#include <sys/stat.h>
#include <zlib.h>

#include "base/rng.h"
#include "tests/data_small.h"

static struct err e;

/* The same as .gz; returns the compressed bytes. */
static struct bytes pack(int file, const struct bytes *b)
{
    char path[256];
    path_of(file, "", path);
    unlink(path);
    path_of(file, ".gz", path);
    gzFile gz = gzopen(path, "wb");
    ck_assert_int_eq(gzwrite(gz, b->at, (unsigned)b->length), (int)b->length);
    gzclose(gz);
    struct bytes packed = {0};
    FILE *f = fopen(path, "rb");
    packed.length = fread(packed.at, 1, sizeof packed.at, f);
    fclose(f);
    return packed;
}

static void put_packed(int file, const struct bytes *b)
{
    char path[256];
    path_of(file, ".gz", path);
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(b->at, 1, b->length, f), b->length);
    fclose(f);
}

/* Opening the folder fails with this code, and the text has these words. */
static void expect(enum err_code code, const char *words)
{
    struct config c = config_folder("idx");
    struct data data;
    e = (struct err){0};
    enum err_code rc = data_open(&c, 1, &data, &e);
    ck_assert_msg(rc == code && strstr(e.text, words), "wanted '%s', got %d: %s", words, rc,
                  e.text);
    ck_assert((rc == ERR_OK) == (data.stream != NULL));
    data_close(&data);
}

static void expect_after(int file, const struct bytes *b, enum err_code code, const char *words)
{
    struct bytes whole = good(file);
    put(file, b);
    expect(code, words);
    put(file, &whole);
}

static void expect_with(int file, int at, unsigned char value, enum err_code code,
                        const char *words)
{
    struct bytes b = good(file);
    b.at[at] = value;
    expect_after(file, &b, code, words);
}

START_TEST(test_idx_missing_is_explained)
{
    struct config c = config_of("idx");
    struct data_shape shape;
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "data.path: missing"));
    strcpy(c.data.path, "/nowhere");
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "train-images-idx3-ubyte or "));
    ck_assert_ptr_nonnull(strstr(e.text, "'/nowhere'"));
    c = config_of("fashion_mnist");
    setenv("SHOAL_DATA_DIR", "/nowhere", 1);
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "data.name: "));
    ck_assert_ptr_nonnull(strstr(e.text, "'/nowhere/fashion-mnist'"));
    ck_assert_ptr_nonnull(strstr(e.text, "apt install dataset-fashion-mnist"));
    unsetenv("SHOAL_DATA_DIR");
    char path[256];
    path_of(TEST_LABELS, "", path);
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* a folder is not a file */
    expect(ERR_CONFIG, "t10k-labels-idx1-ubyte");
    rmdir(path);
}
END_TEST

START_TEST(test_idx_refuses_wrong_headers)
{
    expect_with(TRAIN_IMAGES, 3, 1, ERR_FORMAT, "byte 0: magic number 0x00000803 expected");
    expect_with(TEST_LABELS, 2, 9, ERR_FORMAT, "found 0x00000901");
    expect_with(TRAIN_IMAGES, 7, 0, ERR_FORMAT, "byte 4: no samples");
    expect_with(TRAIN_IMAGES, 11, 0, ERR_FORMAT, "byte 8: images of 0 x 3");
    expect_with(TRAIN_IMAGES, 12, 255, ERR_FORMAT, "byte 8: images of 2 x 4278190083");
    expect_with(TRAIN_IMAGES, 4, 255, ERR_FORMAT, "more than a file of 46 bytes holds");
    expect_with(TRAIN_LABELS, 4, 255, ERR_FORMAT, "more than a file of 13 bytes holds");
    expect_with(TEST_LABELS, 10, 7, ERR_FORMAT, "byte 10: label 7, but there are 4 classes");
    struct bytes b = good(TRAIN_LABELS);
    memset(b.at + 8, 0, 5);
    expect_after(TRAIN_LABELS, &b, ERR_FORMAT, "all labels are 0");
}
END_TEST

START_TEST(test_idx_refuses_wrong_lengths)
{
    struct config c = config_folder("idx");
    struct data_shape shape;
    for (int file = 0; file < FILES; file++) {
        struct bytes b = good(file);
        const size_t whole = b.length;
        b.length++;
        expect_after(file, &b, ERR_FORMAT, "the file goes on behind the last sample");
        put(file, &b); /* of a plain file the length alone tells */
        ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_FORMAT);
        for (b.length = 0; b.length < whole; b.length++) {
            size_t header = file == TRAIN_IMAGES || file == TEST_IMAGES ? 16 : 8;
            expect_after(file, &b, ERR_FORMAT, b.length < header ? "ends" : "more than a file");
        }
    }
    struct bytes b = good(TEST_LABELS);
    b.at[7]++;
    b.length++;
    expect_after(TEST_LABELS, &b, ERR_FORMAT, "byte 4: 4 labels for 3 images");
    b = good(TEST_IMAGES);
    b.at[11] = 3;
    b.at[15] = 2;
    expect_after(TEST_IMAGES, &b, ERR_FORMAT, "byte 8: images of 3 x 2, but of 2 x 3");
    b = good(TEST_IMAGES);
    b.at[11] = 1;
    b.length = 16 + 9;
    expect_after(TEST_IMAGES, &b, ERR_FORMAT, "byte 8: images of 1 x 3, but of 2 x 3");
}
END_TEST

START_TEST(test_idx_refuses_damaged_gzip)
{
    for (int file = 0; file < FILES; file++) {
        struct bytes b = good(file), packed = pack(file, &b), bad = packed;
        expect(ERR_OK, "");
        bad.length = packed.length - 9; /* in the data */
        put_packed(file, &bad);
        expect(ERR_FORMAT, "");
        bad.length = packed.length - 3; /* in the sum */
        put_packed(file, &bad);
        expect(ERR_FORMAT, "ends early");
        bad = packed;
        bad.at[bad.length - 7] ^= 1; /* the sum itself */
        put_packed(file, &bad);
        expect(ERR_FORMAT, "damaged gzip data");
        bad = (struct bytes){.length = 100}; /* no gzip at all */
        memset(bad.at, 0x5a, sizeof bad.at);
        put_packed(file, &bad);
        expect(ERR_FORMAT, "found 0x5a5a5a5a");
        b.at[4] = 0x7f; /* two billion samples in a few bytes */
        pack(file, &b);
        expect(ERR_FORMAT, "bytes holds");
        b = good(file);
        pack(file, &b);
    }
}
END_TEST

/* Whatever the bytes, opening returns a code and, where it succeeds, samples in range. */
START_TEST(test_idx_survives_mutations)
{
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    int opened = 0;
    for (int round = 0; round < 6000; round++) {
        int file = (int)rng_below(&r, FILES);
        bool gzip = rng_below(&r, 2);
        struct bytes whole = good(file), b = gzip ? pack(file, &whole) : whole;
        for (uint64_t i = 1 + rng_below(&r, 3); i > 0; i--) {
            uint64_t at = rng_below(&r, rng_below(&r, 2) ? b.length : 16) % b.length;
            b.at[at] =
                (unsigned char)(rng_below(&r, 3) ? rng_below(&r, 256) : rng_below(&r, 4));
        }
        if (rng_below(&r, 8) == 0) b.length = rng_below(&r, b.length + 1);
        if (gzip)
            put_packed(file, &b);
        else
            put(file, &b);
        struct config c = config_folder("idx");
        struct data data;
        e = (struct err){0};
        enum err_code rc = data_open(&c, 1, &data, &e);
        ck_assert(rc == ERR_OK || rc == ERR_FORMAT);
        ck_assert(rc == ERR_OK || strstr(e.text, file_name[file]) || strstr(e.text, folder));
        if (rc == ERR_OK) {
            real x[6];
            int32_t label;
            ck_assert_int_eq(data.shape.dim, 6);
            data.stream->fetch(&data, SPLIT_TEST, (int64_t[]){2}, 1, x, &label);
            ck_assert(label >= 0 && label < data.shape.classes);
            opened++;
        }
        data_close(&data);
        put(file, &whole);
    }
    ck_assert_int_gt(opened, 600); /* pixels may be anything: many mutants are fine files */
    ck_assert_int_lt(opened, 5400);
}
END_TEST

START_TEST(test_idx_gives_the_samples)
{
    struct config c = config_folder("idx");
    struct data data;
    ck_assert_int_eq(data_open(&c, 1, &data, &e), ERR_OK);
    ck_assert_int_eq(data.shape.n_dims, 3);
    ck_assert_int_eq(data.shape.size[0], 1);
    ck_assert_int_eq(data.shape.size[1], 2);
    ck_assert_int_eq(data.shape.size[2], 3);
    ck_assert_int_eq(data.shape.dim, 6);
    ck_assert_int_eq(data.shape.classes, 4);
    ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], 5);
    ck_assert_int_eq(data.shape.pool[SPLIT_TEST], 3);
    ck_assert_double_eq(data.shape.bytes, 8 * 7);
    real x[12];
    int32_t label[2];
    data.stream->fetch(&data, SPLIT_TRAIN, (int64_t[]){4, 1}, 2, x, label);
    struct bytes images = good(TRAIN_IMAGES), labels = good(TRAIN_LABELS);
    for (int i = 0; i < 12; i++) {
        unsigned char pixel = images.at[16 + (i < 6 ? 24 + i : i)];
        ck_assert(x[i] == ((real)pixel / 255 - (real)0.5) / (real)0.5);
    }
    ck_assert_int_eq(label[0], labels.at[8 + 4]);
    ck_assert_int_eq(label[1], labels.at[8 + 1]);
    data_close(&data);
    data_close(&data);
}
END_TEST

START_TEST(test_idx_shape_follows_the_files)
{
    struct config c = config_folder("idx"), f = config_folder("fashion_mnist");
    struct data_shape shape;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
        ck_assert_int_eq(shape.classes, 4);
        ck_assert_int_eq(data_shape(&f, &shape, &e), ERR_OK);
        ck_assert_int_eq(shape.classes, 10);
    }
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
    struct bytes b = good(TEST_IMAGES), l = good(TEST_LABELS);
    b.at[7] = l.at[7] = 1;
    b.length = 22;
    l.length = 9;
    put(TEST_IMAGES, &b);
    put(TEST_LABELS, &l);
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
    ck_assert_int_eq(shape.pool[SPLIT_TEST], 1);
}
END_TEST

START_TEST(test_fashion_mnist_is_the_known_one)
{
    struct config c = config_of("fashion_mnist");
    struct data data;
    if (data_open(&c, 1, &data, &e) != ERR_OK) {
        printf("skipped: %s\n", e.text);
        return;
    }
    ck_assert_int_eq(data.shape.size[1], 28);
    ck_assert_int_eq(data.shape.size[2], 28);
    ck_assert_int_eq(data.shape.classes, 10);
    ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], 60000);
    ck_assert_int_eq(data.shape.pool[SPLIT_TEST], 10000);
    static const int32_t train[] = {9, 0, 0, 3, 0, 2, 7, 2, 5, 5};
    static const int32_t test[] = {9, 2, 1, 1, 6, 1, 4, 6, 5, 7};
    int64_t index[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    int32_t label[10];
    static real x[10 * 784];
    data.stream->fetch(&data, SPLIT_TRAIN, index, 10, x, label);
    ck_assert_mem_eq(label, train, sizeof train);
    data.stream->fetch(&data, SPLIT_TEST, index, 10, x, label);
    ck_assert_mem_eq(label, test, sizeof test);
    double sum = 0; /* the published mean of the training pixels is 0.2860 of 255 */
    for (int64_t i = 0; i < 60000; i++) {
        data.stream->fetch(&data, SPLIT_TRAIN, &i, 1, x, NULL);
        for (int j = 0; j < 784; j++) sum += (double)x[j];
    }
    ck_assert_double_eq_tol((sum / 60000 / 784 + 1) / 2, 0.2860, 0.0001);
    data_close(&data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data idx");
    TCase *t = check_case(s, "data idx");
    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, test_idx_missing_is_explained);
    tcase_add_test(t, test_idx_refuses_wrong_headers);
    tcase_add_test(t, test_idx_refuses_wrong_lengths);
    tcase_add_test(t, test_idx_refuses_damaged_gzip);
    tcase_add_test(t, test_idx_survives_mutations);
    tcase_add_test(t, test_idx_gives_the_samples);
    tcase_add_test(t, test_idx_shape_follows_the_files);
    tcase_add_test(t, test_fashion_mnist_is_the_known_one);
    return check_run(s);
}
