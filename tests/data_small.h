/* data_small.h - for tests of streams: a configuration by name, and a small data set of 5
 * training and 3 test images of 2 x 3 in IDX files, in a folder of its own. */
#ifndef SHOAL_TESTS_DATA_SMALL_H
#define SHOAL_TESTS_DATA_SMALL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "worker/data.h"

static inline struct config config_of(const char *name)
{
    struct config c = {0};
    c.data.name = table_find(&streams, name);
    ck_assert_int_ge(c.data.name, 0);
    return c;
}

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, FILES };
static const char *const file_name[FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

struct bytes {
    size_t length;
    unsigned char at[128];
};
static char folder[] = "/tmp/shoal-test-data-XXXXXX";

static inline struct bytes good(int file)
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

static inline void path_of(int file, const char *ending, char path[256])
{
    snprintf(path, 256, "%s/%s%s", folder, file_name[file], ending);
}

static inline void put(int file, const struct bytes *b)
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

static inline void folder_setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int file = 0; file < FILES; file++) {
        struct bytes b = good(file);
        put(file, &b);
    }
}

static inline void folder_teardown(void)
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

static inline struct config config_folder(const char *name)
{
    struct config c = config_of(name);
    snprintf(c.data.path, sizeof c.data.path, "%s", folder);
    return c;
}

#endif
