/* test_data.c - streams: shapes, bits that do not depend on the request, hostile IDX files. */
#include "worker/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/rng.h"
#include "tests/check_main.h"

static struct err e;

static struct config config_of(const char *name)
{
    struct config c = {0};
    c.data.name = table_find(&streams, name);
    ck_assert_int_ge(c.data.name, 0);
    return c;
}

/* --- a small data set: 5 training and 3 test images of 2 x 3 --- */

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, FILES };
static const char *const file_name[FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

struct bytes {
    size_t length;
    unsigned char at[128];
};
static char folder[] = "/tmp/shoal-test-data-XXXXXX";

static struct bytes good(int file)
{
    struct bytes b = {0};
    unsigned char n = file < TEST_IMAGES ? 5 : 3;
    if (file == TRAIN_IMAGES || file == TEST_IMAGES) {
        memcpy(b.at, (unsigned char[16]){0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 3}, 16);
        b.length = 16 + 6 * (size_t)n;
        for (size_t i = 16; i < b.length; i++) b.at[i] = (unsigned char)(i * 51);
    } else {
        memcpy(b.at, (unsigned char[8]){0, 0, 8, 1, 0, 0, 0, n}, 8);
        b.length = 8 + (size_t)n;
        for (size_t i = 8; i < b.length; i++) b.at[i] = (unsigned char)((i * 2) % 4 + i % 2);
    }
    return b;
}

static void path_of(int file, const char *ending, char path[256])
{
    snprintf(path, 256, "%s/%s%s", folder, file_name[file], ending);
}

static void put(int file, const struct bytes *b)
{
    char path[256];
    path_of(file, "", path);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(b->at, 1, b->length, f), b->length);
    fclose(f);
    path_of(file, ".gz", path);
    unlink(path);
}

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

static void folder_setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int file = 0; file < FILES; file++) {
        struct bytes b = good(file);
        put(file, &b);
    }
}

static void folder_teardown(void)
{
    char path[256];
    for (int file = 0; file < FILES; file++) {
        path_of(file, "", path);
        unlink(path);
        path_of(file, ".gz", path);
        unlink(path);
    }
    rmdir(folder);
}

static struct config config_folder(const char *name)
{
    struct config c = config_of(name);
    snprintf(c.data.path, sizeof c.data.path, "%s", folder);
    return c;
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

/* --- the Gaussian teacher --- */

static struct config gaussian(int64_t dim, int64_t classes, int64_t width)
{
    struct config c = config_of("gaussian_teacher");
    c.data.dim = dim;
    c.data.classes = classes;
    c.data.teacher_width = width;
    return c;
}

START_TEST(test_gaussian_refuses_sizes)
{
    static const struct {
        int64_t dim, classes, width;
        const char *key;
    } bad[] = {
        {0, 10, 64, "data.dim: 0"},           {INT64_MAX, 10, 64, "data.dim: "},
        {32, 1, 64, "data.classes: 1"},       {32, 1 << 20, 64, "data.classes: "},
        {32, 10, 0, "data.teacher_width: 0"}, {32, 10, INT64_MAX, "data.teacher_width: "}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config c = gaussian(bad[i].dim, bad[i].classes, bad[i].width);
        struct data data;
        ck_assert_int_eq(data_open(&c, 1, &data, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.text, bad[i].key) == e.text, "%s", e.text);
    }
}
END_TEST

/* W, V and m of the header's formula in double, from the stream's own definition. The labels
 * may differ only where two classes nearly tie. */
START_TEST(test_gaussian_labels_are_the_teachers)
{
    enum { DIM = 7, CLASSES = 300, WIDTH = 19, N = 300 }; /* beyond one block of classes */
    struct config c = gaussian(DIM, CLASSES, WIDTH);
    struct data data;
    ck_assert_int_eq(data_open(&c, 42, &data, &e), ERR_OK);
    static float w[DIM][WIDTH], v[CLASSES][WIDTH];
    static double mean[CLASSES];
    struct rng r = rng_stream(42, RNG_WORLD, 0);
    for (int i = 0; i < DIM; i++) rng_normals(&r, WIDTH, w[i]);
    r = rng_stream(42, RNG_WORLD, 1);
    for (int k = 0; k < CLASSES; k++) rng_normals(&r, WIDTH, v[k]);
    for (int sample = -1024; sample < N; sample++) { /* the first 1024 calibrate */
        float x[DIM];
        real got[DIM];
        int32_t label;
        double score[CLASSES] = {0};
        int64_t index = sample;
        r = sample < 0 ? rng_stream(42, RNG_WORLD, (uint64_t)(1026 + sample))
                       : rng_stream(42, RNG_TEST, (uint64_t)sample);
        rng_normals(&r, DIM, x);
        for (int j = 0; j < WIDTH; j++) {
            double unit = 0;
            for (int i = 0; i < DIM; i++) unit += (double)x[i] * (double)w[i][j] / sqrt(DIM);
            for (int k = 0; k < CLASSES; k++)
                if (unit > 0) score[k] += unit * (double)v[k][j] / sqrt(WIDTH);
        }
        for (int k = 0; sample < 0 && k < CLASSES; k++) mean[k] += score[k] / 1024;
        if (sample < 0) continue;
        data.stream->fetch(&data, SPLIT_TEST, &index, 1, got, &label);
        for (int i = 0; i < DIM; i++) ck_assert(got[i] == (real)x[i]);
        for (int k = 0; k < CLASSES; k++) /* 1e-5: float sums of 19 terms of size one */
            ck_assert_double_le(score[k] - mean[k], score[label] - mean[label] + 1e-5);
    }
    data_close(&data);
}
END_TEST

START_TEST(test_gaussian_has_every_class)
{
    static const struct {
        int64_t dim, classes, width;
    } world[] = {{32, 10, 64}, {8, 2, 16}, {100, 50, 256}, {20, 100, 300}};
    enum { N = 8192 };
    for (size_t w = 0; w < sizeof world / sizeof *world; w++) {
        struct config c = gaussian(world[w].dim, world[w].classes, world[w].width);
        for (uint64_t root = 0; root < 3; root++) {
            struct data data;
            ck_assert_int_eq(data_open(&c, root, &data, &e), ERR_OK);
            real *x = malloc(N * (size_t)world[w].dim * sizeof *x);
            static int64_t index[N];
            static int32_t label[N];
            static int count[100];
            memset(count, 0, sizeof count);
            for (int i = 0; i < N; i++) index[i] = i + (1LL << 40);
            data.stream->fetch(&data, SPLIT_TRAIN, index, N, x, label);
            for (int i = 0; i < N; i++) {
                ck_assert(label[i] >= 0 && label[i] < world[w].classes);
                count[label[i]]++;
            }
            for (int k = 0; k < world[w].classes; k++)
                ck_assert_msg(count[k] > 0 && count[k] < 0.75 * N, "%d of class %d of %d",
                              count[k], k, (int)world[w].classes);
            free(x);
            data_close(&data);
        }
    }
}
END_TEST

/* A perceptron with 20 epochs separates any separable sample of this size in this dimension;
 * the teacher must leave it well above chance and well below all. */
START_TEST(test_gaussian_is_not_linear)
{
    enum { DIM = 16, N = 2000 };
    struct config c = gaussian(DIM, 2, 64);
    struct data data;
    ck_assert_int_eq(data_open(&c, 5, &data, &e), ERR_OK);
    static real x[N * DIM];
    static int64_t index[N];
    static int32_t label[N];
    for (int i = 0; i < N; i++) index[i] = i;
    data.stream->fetch(&data, SPLIT_TRAIN, index, N, x, label);
    double w[DIM + 1] = {0}, mean[DIM + 1] = {0};
    for (int step = 0; step < 20 * N; step++) {
        const real *row = x + step % N * DIM;
        double dot = w[DIM], sign = label[step % N] ? 1 : -1;
        for (int j = 0; j < DIM; j++) dot += w[j] * (double)row[j];
        if (dot * sign <= 0) {
            for (int j = 0; j < DIM; j++) w[j] += sign * (double)row[j];
            w[DIM] += sign;
        }
        for (int j = 0; j <= DIM; j++) mean[j] += w[j];
    }
    int right = 0;
    for (int i = 0; i < N; i++) {
        double dot = mean[DIM];
        for (int j = 0; j < DIM; j++) dot += mean[j] * (double)x[i * DIM + j];
        right += (dot > 0) == (label[i] == 1);
    }
    ck_assert_int_gt(right, 55 * N / 100);
    ck_assert_int_lt(right, 97 * N / 100);
    data_close(&data);
}
END_TEST

START_TEST(test_gaussian_worlds_differ_by_root_and_split)
{
    struct config c = gaussian(32, 10, 64);
    struct data a, b;
    ck_assert_int_eq(data_open(&c, 1, &a, &e), ERR_OK);
    ck_assert_int_eq(data_open(&c, 2, &b, &e), ERR_OK);
    real x[32], y[32];
    int64_t zero = 0;
    a.stream->fetch(&a, SPLIT_TRAIN, &zero, 1, x, NULL);
    a.stream->fetch(&a, SPLIT_TEST, &zero, 1, y, NULL);
    ck_assert_mem_ne(x, y, sizeof x);
    b.stream->fetch(&b, SPLIT_TRAIN, &zero, 1, y, NULL);
    ck_assert_mem_ne(x, y, sizeof x);
    data_close(&a);
    data_close(&b);
}
END_TEST

/* Every stream: samples 0..n-1 one by one, all at once, and backwards are the same bits. */
START_TEST(test_fetch_does_not_depend_on_the_request)
{
    for (int row = 0; row < streams.count; row++) {
        struct config c = config_folder("idx");
        c.data.name = row;
        c.data.dim = 37;
        c.data.classes = 300; /* more than one block of classes */
        c.data.teacher_width = 21;
        struct data data;
        ck_assert_msg(data_open(&c, 1, &data, &e) == ERR_OK, "%s", e.text);
        enum { MOST = 11 };
        int n = data.shape.pool[SPLIT_TRAIN] < MOST ? (int)data.shape.pool[SPLIT_TRAIN] : MOST;
        size_t dim = (size_t)data.shape.dim;
        real all[MOST * 37], back[MOST * 37], one[37];
        int32_t label[MOST], label_back[MOST], label_one;
        int64_t index[MOST], reverse[MOST];
        for (int i = 0; i < n; i++) {
            index[i] = i;
            reverse[i] = n - 1 - i;
        }
        data.stream->fetch(&data, SPLIT_TRAIN, index, n, all, label);
        data.stream->fetch(&data, SPLIT_TRAIN, reverse, n, back, label_back);
        for (int i = 0; i < n; i++) {
            const real *x = all + (size_t)i * dim;
            ck_assert_mem_eq(x, back + (size_t)(n - 1 - i) * dim, dim * sizeof *x);
            ck_assert_int_eq(label[i], label_back[n - 1 - i]);
            data.stream->fetch(&data, SPLIT_TRAIN, &index[i], 1, one, &label_one);
            ck_assert_mem_eq(x, one, dim * sizeof *x);
            ck_assert_int_eq(label[i], label_one);
        }
        data_close(&data);
    }
}
END_TEST

START_TEST(test_tables_have_help)
{
    static const struct table *const tables[] = {&streams, &splits, &worlds};
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < tables[t]->count; i++) {
            ck_assert_ptr_nonnull(table_row(tables[t], i)->help);
            ck_assert_int_eq(table_find(tables[t], table_row(tables[t], i)->name), i);
        }
    ck_assert_int_eq(table_find(&splits, "test"), SPLIT_TEST);
    ck_assert_int_eq(table_find(&worlds, "ideal"), WORLD_IDEAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data");
    TCase *idx = check_case(s, "idx"), *all = check_case(s, "streams");
    tcase_add_checked_fixture(idx, folder_setup, folder_teardown);
    tcase_add_test(idx, test_idx_missing_is_explained);
    tcase_add_test(idx, test_idx_refuses_wrong_headers);
    tcase_add_test(idx, test_idx_refuses_wrong_lengths);
    tcase_add_test(idx, test_idx_refuses_damaged_gzip);
    tcase_add_test(idx, test_idx_survives_mutations);
    tcase_add_test(idx, test_idx_gives_the_samples);
    tcase_add_test(idx, test_idx_shape_follows_the_files);
    tcase_add_test(idx, test_fetch_does_not_depend_on_the_request);
    tcase_add_test(all, test_fashion_mnist_is_the_known_one);
    tcase_add_test(all, test_gaussian_refuses_sizes);
    tcase_add_test(all, test_gaussian_labels_are_the_teachers);
    tcase_add_test(all, test_gaussian_has_every_class);
    tcase_add_test(all, test_gaussian_is_not_linear);
    tcase_add_test(all, test_gaussian_worlds_differ_by_root_and_split);
    tcase_add_test(all, test_tables_have_help);
    return check_run(s);
}
