/* data_archives.h - for tests of streams in archives: opening one, mutants of its files, and
 * archives beyond 4 GiB. */
#ifndef SHOAL_TESTS_DATA_ARCHIVES_H
#define SHOAL_TESTS_DATA_ARCHIVES_H

#include <fcntl.h>
#include <zlib.h>

#include "base/rng.h"
#include "tests/data_files.h"

static struct err e;

static inline enum err_code try_open(const char *stream, const char *name, struct data *data)
{
    struct config c = config_scratch(stream, name);
    e = (struct err){0};
    return data_open(&c, 1, data, &e);
}

/* Opening fails with this code, and the text has these words. */
static inline void expect(const char *stream, const char *name, enum err_code code,
                          const char *words)
{
    struct data data;
    enum err_code rc = try_open(stream, name, &data);
    ck_assert_msg(rc == code && strstr(e.text, words), "wanted '%s', got %d: %s", words, rc,
                  e.text);
    data_close(&data);
}

/* Whatever the bytes, opening returns a code and, where it succeeds, samples with labels in
 * range, or a failure that says why not. */
static inline int mutants_opened(const char *stream, const char *name, const char *file,
                                 int rounds, uint64_t seed)
{
    static struct file_bytes whole, b;
    struct rng r = rng_stream(1, RNG_TESTING, seed);
    int opened = 0;
    file_get(file, &whole);
    for (int round = 0; round < rounds; round++) {
        b = whole;
        for (uint64_t i = rng_below(&r, 3); i < 3; i++)
            b.at[rng_below(&r, b.length)] ^= (unsigned char)(1 + rng_below(&r, 255));
        file_put(file, b.at, b.length);
        struct data data;
        enum err_code rc = try_open(stream, name, &data);
        ck_assert(rc == ERR_OK || rc == ERR_FORMAT || rc == ERR_IO);
        if (rc == ERR_OK) {
            real *x = malloc((size_t)data.shape.dim * sizeof *x);
            int32_t label;
            for (int64_t i = 0; i < data.shape.pool[SPLIT_TEST] && i < 5; i++) {
                data.stream->fetch(&data, SPLIT_TEST, &i, 1, x, &label);
                ck_assert(label >= 0 && label < data.shape.classes);
            }
            free(x);
            opened++;
        }
        ck_assert(rc == ERR_OK || strstr(e.text, scratch));
        data_close(&data);
    }
    file_put(file, whole.at, whole.length);
    return opened;
}

/* ---- beyond 4 GiB ---- */

/* A stored member of an archive written by hand: an .npy header, zeros, and a last byte. */
struct big_member {
    const char *name, *descr, *shape;
    int64_t bytes; /* of elements */
    unsigned char last;
    int64_t at; /* out: of the first element, in the archive */
};

static inline void number(unsigned char *to, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static inline uint32_t sum_to_last(uLong sum, const struct big_member *m)
{
    static const unsigned char zeros[4096];
    for (int64_t n = m->bytes - 1; n > 0; n -= 4096)
        sum = crc32(sum, zeros, (uInt)(n < 4096 ? n : 4096));
    return (uint32_t)crc32(sum, &m->last, 1);
}

/* An archive of n members with sizes and places in zip64 records, sparse on the disk. */
static inline void big_put(const char *name, struct big_member *member, int n)
{
    static struct file_bytes head;
    unsigned char local[64], entry[128], end[98] = "PK\x06\x06";
    int64_t start[ARRAYS], at = 0, directory;
    uint32_t sum[ARRAYS];
    char path[512];
    int fd = open(scratch_path(name, path), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    for (int i = 0; i < n; i++) {
        struct small_array a = {"", member[i].descr, member[i].shape, "", 0};
        npy_bytes(&a, &head);
        size_t letters = strlen(member[i].name);
        int64_t length = (int64_t)head.length + member[i].bytes;
        memset(local, 0, sizeof local);
        memcpy(local, "PK\x03\x04\x2d\x00", 6);
        sum[i] = (uint32_t)crc32(0, head.at, (uInt)head.length);
        if (member[i].bytes < 1 << 28) /* a larger one is never read to its end */
            sum[i] = sum_to_last(sum[i], &member[i]);
        number(local + 14, 4, sum[i]);
        number(local + 18, 8, UINT64_MAX); /* both sizes: see the extra field */
        number(local + 26, 2, letters);
        number(local + 28, 2, 20);
        start[i] = at;
        pwrite(fd, local, 30, at);
        pwrite(fd, member[i].name, letters, at + 30);
        number(local, 4, 1 | 16 << 16);
        number(local + 4, 8, (uint64_t)length);
        number(local + 12, 8, (uint64_t)length);
        pwrite(fd, local, 20, at + 30 + (int64_t)letters);
        at += 50 + (int64_t)letters;
        pwrite(fd, head.at, head.length, at);
        member[i].at = at + (int64_t)head.length;
        at += length;
        pwrite(fd, &member[i].last, 1, at - 1);
    }
    directory = at;
    for (int i = 0; i < n; i++) {
        size_t letters = strlen(member[i].name);
        uint64_t length = (uint64_t)(member[i].at + member[i].bytes - start[i]) - 50 - letters;
        memset(entry, 0, sizeof entry);
        memcpy(entry, "PK\x01\x02\x2d\x00\x2d\x00", 8);
        number(entry + 16, 4, sum[i]);
        number(entry + 20, 8, UINT64_MAX);
        number(entry + 28, 2, letters);
        number(entry + 30, 2, 28);
        number(entry + 42, 4, UINT32_MAX);
        memcpy(entry + 46, member[i].name, letters);
        unsigned char *extra = entry + 46 + letters;
        number(extra, 4, 1 | 24 << 16);
        number(extra + 4, 8, length);
        number(extra + 12, 8, length);
        number(extra + 20, 8, (uint64_t)start[i]);
        pwrite(fd, entry, 46 + letters + 28, at);
        at += 46 + (int64_t)letters + 28;
    }
    number(end + 4, 8, 44);
    number(end + 12, 4, 45 | 45 << 16);
    number(end + 24, 8, (uint64_t)n);
    number(end + 32, 8, (uint64_t)n);
    number(end + 40, 8, (uint64_t)(at - directory));
    number(end + 48, 8, (uint64_t)directory);
    memcpy(end + 56, "PK\x06\x07", 4);
    number(end + 64, 8, (uint64_t)at);
    number(end + 72, 4, 1);
    memcpy(end + 76, "PK\x05\x06", 4);
    number(end + 84, 2, (uint64_t)n);
    number(end + 86, 2, (uint64_t)n);
    number(end + 88, 8, UINT64_MAX);
    pwrite(fd, end, sizeof end, at);
    ck_assert_int_eq(close(fd), 0);
}

#endif
