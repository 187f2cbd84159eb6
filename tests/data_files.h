/* data_files.h - for tests of streams that read files: a scratch folder, and small files in the
 * formats of CIFAR, NumPy and HDF5. */
#ifndef SHOAL_TESTS_DATA_FILES_H
#define SHOAL_TESTS_DATA_FILES_H

#include <ftw.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "tests/check_main.h"
#include "worker/data.h"

/* ---- a scratch folder ---- */

static char scratch[256];

static inline void scratch_setup(void)
{
    const char *root = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/shoal-test-XXXXXX", root && *root ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
}

static inline int scratch_remove(const char *path, const struct stat *st, int kind,
                                 struct FTW *place)
{
    (void)st, (void)kind, (void)place;
    return remove(path);
}

static inline void scratch_teardown(void)
{
    nftw(scratch, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *scratch_path(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", scratch, name);
    return path;
}

static inline struct config config_scratch(const char *stream, const char *name)
{
    char path[512];
    struct config c = {0};
    c.data.name = table_find(&streams, stream);
    ck_assert_int_ge(c.data.name, 0);
    ck_assert_uint_lt(strlen(scratch_path(name, path)), sizeof c.data.path);
    strcpy(c.data.path, path);
    return c;
}

/* ---- files as bytes ---- */

struct file_bytes {
    size_t length;
    unsigned char at[1 << 15];
};

static inline void file_put(const char *name, const void *at, size_t length)
{
    char path[512];
    unlink(scratch_path(name, path)); /* writing over a file waits for the disk */
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(at, 1, length, f), length);
    fclose(f);
}

static inline void file_get(const char *name, struct file_bytes *out)
{
    char path[512];
    FILE *f = fopen(scratch_path(name, path), "rb");
    ck_assert_ptr_nonnull(f);
    out->length = fread(out->at, 1, sizeof out->at, f);
    ck_assert_uint_lt(out->length, sizeof out->at);
    fclose(f);
}

/* ---- arrays ---- */

struct small_array {
    const char *name, *descr, *shape; /* "train_x", "|u1", "(5, 2, 3)" */
    const void *at;
    size_t bytes;
};

/* Five training and three test images of 2 x 3 bytes, three classes. */
enum { SMALL_TRAIN = 5, SMALL_TEST = 3, SMALL_DIM = 6 };
static const unsigned char small_train_x[SMALL_TRAIN * SMALL_DIM] = {
    0,  255, 128, 1,  2,  3,  10, 20, 30, 40,  50,  60,  7,   77,  177,
    13, 14,  15,  99, 98, 97, 96, 95, 94, 200, 201, 202, 203, 204, 205};
static const unsigned char small_test_x[SMALL_TEST * SMALL_DIM] = {
    5, 4, 3, 2, 1, 0, 250, 240, 230, 220, 210, 190, 33, 34, 35, 36, 37, 38};
static const int64_t small_train_y[SMALL_TRAIN] = {0, 2, 1, 1, 2};
static const int64_t small_test_y[SMALL_TEST] = {1, 0, 2};

enum { TRAIN_X, TRAIN_Y, TEST_X, TEST_Y, ARRAYS };
static const struct small_array small_arrays[ARRAYS] = {
    {"train_x", "|u1", "(5, 2, 3)", small_train_x, sizeof small_train_x},
    {"train_y", "<i8", "(5,)", small_train_y, sizeof small_train_y},
    {"test_x", "|u1", "(3, 2, 3)", small_test_x, sizeof small_test_x},
    {"test_y", "<i8", "(3,)", small_test_y, sizeof small_test_y},
};

/* As numpy.save writes it. */
static inline void npy_bytes(const struct small_array *a, struct file_bytes *out)
{
    memcpy(out->at, "\x93NUMPY\x01\x00", 8);
    int n =
        snprintf((char *)out->at + 10, 200,
                 "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", a->descr, a->shape);
    size_t header = ((size_t)n + 10 + 1 + 63) / 64 * 64;
    memset(out->at + 10 + n, ' ', header - 10 - (size_t)n);
    out->at[header - 1] = '\n';
    out->at[8] = (unsigned char)((header - 10) & 255);
    out->at[9] = (unsigned char)((header - 10) >> 8);
    memcpy(out->at + header, a->at, a->bytes);
    out->length = header + a->bytes;
}

static inline void npy_put(const struct small_array *a, const char *name)
{
    static struct file_bytes b;
    npy_bytes(a, &b);
    file_put(name, b.at, b.length);
}

/* Four arrays as .npy files of the scratch folder. */
static inline void npy_put_all(const struct small_array a[ARRAYS])
{
    char name[64];
    for (int i = 0; i < ARRAYS; i++) {
        snprintf(name, sizeof name, "%s.npy", small_arrays[i].name);
        npy_put(&a[i], name);
    }
}

/* n arrays as an archive; deflated or stored. */
static inline void npz_put(const char *name, const struct small_array *a, int n, bool deflated)
{
    static struct file_bytes b[ARRAYS];
    char path[512], member[64];
    int code;
    zip_t *archive = zip_open(scratch_path(name, path), ZIP_CREATE | ZIP_TRUNCATE, &code);
    ck_assert_ptr_nonnull(archive);
    for (int i = 0; i < n; i++) {
        npy_bytes(&a[i], &b[i]);
        snprintf(member, sizeof member, "%s.npy", a[i].name);
        zip_source_t *source = zip_source_buffer(archive, b[i].at, b[i].length, 0);
        zip_int64_t index = zip_file_add(archive, member, source, 0);
        ck_assert_int_ge(index, 0);
        zip_set_file_compression(archive, (zip_uint64_t)index,
                                 deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    ck_assert_int_eq(zip_close(archive), 0);
}

/* Is an open data set the small one, as images? */
static inline void small_expect(const struct data *data)
{
    const unsigned char *const x[2] = {small_train_x, small_test_x};
    const int64_t *const y[2] = {small_train_y, small_test_y};
    static const int64_t pool[2] = {SMALL_TRAIN, SMALL_TEST};
    ck_assert_int_eq(data->shape.n_dims, 3);
    ck_assert_int_eq(data->shape.size[0], 1);
    ck_assert_int_eq(data->shape.size[1], 2);
    ck_assert_int_eq(data->shape.size[2], 3);
    ck_assert_int_eq(data->shape.dim, SMALL_DIM);
    ck_assert_int_eq(data->shape.classes, 3);
    for (int split = 0; split < 2; split++) {
        ck_assert_int_eq(data->shape.pool[split], pool[split]);
        for (int64_t i = pool[split] - 1; i >= 0; i--) {
            real got[SMALL_DIM];
            int32_t label;
            data->stream->fetch(data, (enum split)split, &i, 1, got, &label);
            ck_assert_int_eq(label, y[split][i]);
            for (int j = 0; j < SMALL_DIM; j++)
                ck_assert(got[j] ==
                          ((real)x[split][i * SMALL_DIM + j] / 255 - (real)0.5) / (real)0.5);
        }
    }
    ck_assert_int_eq(data_failed(data, NULL), ERR_OK);
}

/* ---- HDF5 ---- */

enum hdf5_layout { HDF5_CONTIGUOUS, HDF5_CHUNKED, HDF5_COMPACT };

/* One dataset of a file, in elements of `type`. */
static inline void hdf5_add(hid_t file, const char *name, hid_t type, int n_dims,
                            const hsize_t *size, enum hdf5_layout layout, const void *at)
{
    hsize_t chunk[4] = {2, 1, 1, 1};
    hid_t space = H5Screate_simple(n_dims, size, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    if (layout == HDF5_CHUNKED) {
        H5Pset_chunk(plist, n_dims, chunk);
        H5Pset_shuffle(plist);
        H5Pset_deflate(plist, 6);
    } else if (layout == HDF5_COMPACT) {
        H5Pset_layout(plist, H5D_COMPACT);
    }
    hid_t d = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    ck_assert_int_ge(d, 0);
    if (at) ck_assert_int_ge(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, at), 0);
    H5Dclose(d);
    H5Pclose(plist);
    H5Sclose(space);
}

static inline hid_t hdf5_create(const char *name, hsize_t userblock)
{
    char path[512];
    hid_t plist = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(plist, userblock);
    hid_t file = H5Fcreate(scratch_path(name, path), H5F_ACC_TRUNC, plist, H5P_DEFAULT);
    H5Pclose(plist);
    ck_assert_int_ge(file, 0);
    return file;
}

/* The small data set. */
static inline void hdf5_put(const char *name, enum hdf5_layout layout, hsize_t userblock)
{
    static const hsize_t size[2][3] = {{SMALL_TRAIN, 2, 3}, {SMALL_TEST, 2, 3}};
    hid_t file = hdf5_create(name, userblock);
    for (int i = 0; i < ARRAYS; i++) {
        bool x = i % 2 == 0;
        hdf5_add(file, small_arrays[i].name, x ? H5T_STD_U8LE : H5T_STD_I64LE, x ? 3 : 1,
                 size[i / 2], layout, small_arrays[i].at);
    }
    H5Fclose(file);
}

/* ---- CIFAR ---- */

enum { CIFAR_PIXELS = 3072 };

static inline unsigned char cifar_pixel(int file, int record, int j)
{
    return (unsigned char)(file * 31 + record * 7 + j * 5 + j / 256);
}

/* Records of n_labels bytes (7 and 8 times the record and file number, modulo 10 and 20) and
 * pixels. */
static inline void cifar_bytes(int file, int records, int n_labels, struct file_bytes *out)
{
    unsigned char *to = out->at;
    for (int i = 0; i < records; i++) {
        if (n_labels == 2) *to++ = (unsigned char)((8 * i + file) % 20);
        *to++ = (unsigned char)((7 * i + file) % 10);
        for (int j = 0; j < CIFAR_PIXELS; j++) *to++ = cifar_pixel(file, i, j);
    }
    out->length = (size_t)(to - out->at);
}

static const char *const cifar10_files[] = {"data_batch_1.bin", "data_batch_2.bin",
                                            "data_batch_3.bin", "data_batch_4.bin",
                                            "data_batch_5.bin", "test_batch.bin"};
static const char *const cifar100_files[] = {"train.bin", "test.bin"};

/* Two records a file. */
static inline void cifar_put(void)
{
    static struct file_bytes b;
    for (int i = 0; i < 6; i++) {
        cifar_bytes(i, 2, 1, &b);
        file_put(cifar10_files[i], b.at, b.length);
    }
    for (int i = 0; i < 2; i++) {
        cifar_bytes(i, 2, 2, &b);
        file_put(cifar100_files[i], b.at, b.length);
    }
}

/* Pixels of image i of a part of CIFAR-5m: rows, columns, channels. */
static inline unsigned char cifar5m_pixel(int part, int image, int row, int column, int channel)
{
    return (unsigned char)(part * 41 + image * 11 + row * 3 + column * 5 + channel * 85);
}

enum { CIFAR5M_IMAGES = 2 };

/* One part: two images and labels part and part + 1. */
static inline void cifar5m_put(int part, bool deflated)
{
    static unsigned char x[CIFAR5M_IMAGES * CIFAR_PIXELS];
    int64_t y[CIFAR5M_IMAGES] = {part, part + 1};
    char name[32];
    for (int i = 0; i < CIFAR5M_IMAGES; i++)
        for (int j = 0; j < CIFAR_PIXELS; j++)
            x[i * CIFAR_PIXELS + j] = cifar5m_pixel(part, i, j / 96, j / 3 % 32, j % 3);
    struct small_array a[] = {{"X", "|u1", "(2, 32, 32, 3)", x, sizeof x},
                              {"Y", "<i8", "(2,)", y, sizeof y}};
    snprintf(name, sizeof name, "part%d.npz", part);
    npz_put(name, a, 2, deflated);
}

#endif
