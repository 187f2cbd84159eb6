/* test_safetensors.c - hostile files are refused, good ones give their numbers. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/rng.h"
#include "tests/check_main.h"
#include "worker/safetensors.h"

static struct err e;
static char folder[] = "/tmp/shoal-test-tensors-XXXXXX";
static char path[64];

static void setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

/* Writes a file of a header and n bytes of data. */
static void put_length(uint64_t length, const char *header, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(&length, sizeof length, 1, f), 1);
    ck_assert_uint_eq(fwrite(header, 1, strlen(header), f), strlen(header));
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void put(const char *header, const void *data, size_t n)
{
    put_length(strlen(header), header, data, n);
}

/* Opening the file fails with this code, and the text has the path and these words. */
static void expect(enum err_code code, const char *words)
{
    struct safetensors s;
    e = (struct err){0};
    enum err_code rc = safetensors_open(path, &s, &e);
    ck_assert_msg(rc == code && strstr(e.text, words) && strstr(e.text, path),
                  "wanted '%s', got %d: %s", words, rc, e.text);
    ck_assert_ptr_null(s.file);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

static const char zeros[64];

static void expect_header(const char *header, const char *words)
{
    put(header, zeros, 24);
    expect(ERR_FORMAT, words);
}

#define A(dtype, shape, offsets)                                                               \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define AB(a, b)                                                                               \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":" a                              \
    "},\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":" b "}}"

START_TEST(test_safetensors_refuses_wrong_headers)
{
    expect(ERR_IO, "No such file");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect(ERR_IO, "it is no file");
    rmdir(path);
    FILE *f = fopen(path, "wb");
    fputs("1234567", f);
    fclose(f);
    expect(ERR_FORMAT, "byte 7: the file ends in the length of its header");
    put_length(3, "{}", "", 0);
    expect(ERR_FORMAT, "byte 0: a header of 3 bytes; a file of 10 bytes has one of 2 to 2");
    put_length(UINT64_MAX, "{}", "", 0);
    expect(ERR_FORMAT, "a header of 18446744073709551615 bytes");
    put_length(0, "{}", "", 0);
    expect(ERR_FORMAT, "a header of 0 bytes");
    expect_header("{\"a\":}", "byte 14: header: ");
    expect_header("[1]", "the header is no JSON object");
    expect_header("{\"a\":1}", "tensor 'a': unknown dtype ''");
    expect_header("{\"__metadata__\":{}}", "byte 27: the file goes on behind the last tensor");
    expect_header("{\"a\":{},\"a\":{}}", "duplicate");
}
END_TEST

START_TEST(test_safetensors_refuses_wrong_tensors)
{
    expect_header(A("\"F33\"", "[6]", "[0,24]"), "tensor 'a': unknown dtype 'F33'");
    expect_header(A("7", "[6]", "[0,24]"), "tensor 'a': unknown dtype ''");
    expect_header(A("\"F32\"", "6", "[0,24]"), "its shape is no list");
    expect_header(A("\"F32\"", "[-6]", "[0,24]"), "its shape is no list");
    expect_header(A("\"F32\"", "[6.0]", "[0,24]"), "its shape is no list");
    expect_header(A("\"F32\"", "[6,1,1,1,1,1,1,1,1]", "[0,24]"), "no list of up to 8 sizes");
    expect_header(A("\"F32\"", "[6]", "[0]"), "no range within the 24 bytes of data");
    expect_header(A("\"F32\"", "[6]", "[0,24,24]"), "no range within");
    expect_header(A("\"F32\"", "[6]", "[0,28]"), "no range within");
    expect_header(A("\"F32\"", "[6]", "[24,0]"), "no range within");
    expect_header(A("\"F32\"", "[6]", "[-24,0]"), "no range within");
    expect_header(A("\"F32\"", "[2,2]", "[0,24]"), "24 bytes do not hold F32 of [2, 2]");
    expect_header(A("\"F64\"", "[6]", "[0,24]"), "24 bytes do not hold F64 of [6]");
    expect_header(A("\"F32\"", "[4294967296,4294967296]", "[0,0]"), "0 bytes do not hold");
    expect_header(A("\"F32\"", "[4611686018427387904]", "[0,0]"), "0 bytes do not hold");
    expect_header(A("\"F32\"", "[5]", "[0,20]"), "the file goes on behind the last tensor");
    expect_header(A("\"F32\"", "[5]", "[4,24]"), "behind a hole from");
    expect_header(AB("[0,12]", "[8,20]"), "tensor 'b': its data begin at byte");
    expect_header(AB("[0,12]", "[8,20]"), "within the one before");
    expect_header(AB("[0,12]", "[0,12]"), "tensor 'b': its data begin at byte");
}
END_TEST

static int entry_of(const struct safetensors *s, const char *name, float *out)
{
    const struct safetensors_entry *t = safetensors_find(s, name);
    ck_assert_ptr_nonnull(t);
    ck_assert_msg(safetensors_read(s, t, out, &e) == ERR_OK, "%s", e.text);
    return (int)t->count;
}

START_TEST(test_safetensors_reads_every_kind_of_number)
{
    static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfe00, 0x8000};
    static const uint16_t brain[] = {0x3f80, 0xc000, 0x7f80, 0x0001};
    static const double wide[] = {0.1, -3};
    unsigned char data[14 + 8 + 16 + 3];
    memcpy(data, half, 14);
    memcpy(data + 14, brain, 8);
    memcpy(data + 22, wide, 16);
    memset(data + 38, 1, 3);
    put("{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[14,22]},"
        "\"h\":{\"dtype\":\"F16\",\"shape\":[7],\"data_offsets\":[0,14]},"
        "\"d\":{\"dtype\":\"F64\",\"shape\":[1,2,1],\"data_offsets\":[22,38]},"
        "\"m\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[38,41]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[38,38]}}   ",
        data, sizeof data);
    struct safetensors s;
    float x[8];
    ck_assert_msg(safetensors_open(path, &s, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(s.n, 5);
    ck_assert_str_eq(s.entry[0].name, "h");
    ck_assert_int_eq(entry_of(&s, "h", x), 7);
    ck_assert(x[0] == 1 && x[1] == -2 && x[2] == ldexpf(1, -24) && x[3] == 65504);
    ck_assert(isinf(x[4]) && x[4] > 0 && isnan(x[5]) && x[6] == 0 && signbit(x[6]));
    ck_assert_int_eq(entry_of(&s, "b", x), 4);
    ck_assert(x[0] == 1 && x[1] == -2 && isinf(x[2]) && x[3] == ldexpf(1, -133));
    ck_assert_int_eq(entry_of(&s, "d", x), 2);
    ck_assert(x[0] == 0.1f && x[1] == -3);
    ck_assert_int_eq(entry_of(&s, "none", x), 0);
    ck_assert_ptr_null(safetensors_find(&s, "other"));
    ck_assert_int_eq(safetensors_read(&s, safetensors_find(&s, "m"), x, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "tensor 'm': BOOL numbers are no weights"));
    safetensors_close(&s);
    safetensors_close(&s);
}
END_TEST

START_TEST(test_safetensors_written_is_read_again)
{
    enum { LARGE = 40000 };
    static float large[LARGE];
    float scalar = -1.5f, small[6] = {0, 1, 2, 3, 4, 5}, x[6];
    for (int i = 0; i < LARGE; i++) large[i] = (float)i / 7;
    struct safetensor t[] = {{"bn.running_var", 1, {6}, small},
                             {"layer \"1\"", 4, {2, 1, 3, 1}, small},
                             {"large", 2, {100, LARGE / 100}, large},
                             {"scale", 0, {0}, &scalar}};
    for (int i = 0; i < 2; i++)
        ck_assert_msg(safetensors_write(path, 4, t, &e) == ERR_OK, "%s", e.text);
    struct safetensors s;
    ck_assert_msg(safetensors_open(path, &s, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(s.n, 4); /* the counter is not among them */
    for (int i = 0; i < 4; i++) {
        const struct safetensors_entry *found = safetensors_find(&s, t[i].name);
        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(found->n_dims, t[i].n_dims);
        ck_assert_mem_eq(found->size, t[i].size, (size_t)t[i].n_dims * sizeof(int64_t));
        ck_assert_int_eq(found->begin % 4, 0);
    }
    static float again[LARGE];
    ck_assert_int_eq(entry_of(&s, "large", again), LARGE);
    ck_assert_mem_eq(again, large, sizeof large);
    ck_assert_int_eq(entry_of(&s, "layer \"1\"", x), 6);
    ck_assert_mem_eq(x, small, sizeof small);
    ck_assert_int_eq(entry_of(&s, "scale", x), 1);
    ck_assert(x[0] == scalar);
    safetensors_close(&s);
}
END_TEST

START_TEST(test_safetensors_writes_the_counter_of_a_batch_norm)
{
    float one = 1;
    struct safetensor t = {"layer.bn1.running_var", 1, {1}, &one};
    ck_assert_int_eq(safetensors_write(path, 1, &t, &e), ERR_OK);
    unsigned char bytes[512];
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    uint64_t length;
    memcpy(&length, bytes, 8);
    ck_assert_uint_eq(length % 8, 0);
    ck_assert_uint_eq(n, 8 + length + 12);
    json_t *header = json_loadb((char *)bytes + 8, length, 0, NULL);
    json_t *counter = json_object_get(header, "layer.bn1.num_batches_tracked");
    ck_assert_str_eq(json_string_value(json_object_get(counter, "dtype")), "I64");
    ck_assert_uint_eq(json_array_size(json_object_get(counter, "shape")), 0);
    ck_assert_mem_eq(bytes + 8 + length, zeros, 8);
    json_decref(header);
}
END_TEST

START_TEST(test_safetensors_failed_write_leaves_the_old_file)
{
    float one = 1;
    char lost[80];
    struct safetensor t = {"a", 1, {1}, &one};
    snprintf(lost, sizeof lost, "%s/nowhere/a", folder);
    ck_assert_int_eq(safetensors_write(lost, 1, &t, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/a.new: No such file"));
    ck_assert_int_eq(mkdir(path, 0700), 0); /* cannot be replaced */
    ck_assert_int_eq(safetensors_write(path, 1, &t, &e), ERR_IO);
    ck_assert_int_eq(rmdir(path), 0);
    snprintf(lost, sizeof lost, "%s.new", path);
    ck_assert_int_eq(access(lost, F_OK), -1);
}
END_TEST

/* Whatever the bytes, opening returns a code and, where it succeeds, entries within the file. */
START_TEST(test_safetensors_survives_mutations)
{
    static const char good[] =
        "{\"b.weight\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[4,12]},"
        "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}, \"c\":{\"dtype\":"
        "\"F64\",\"shape\":[],\"data_offsets\":[12,20]}}";
    enum { N = 8 + sizeof good - 1 + 20 };
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    int opened = 0;
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[N] = {sizeof good - 1};
        memcpy(bytes + 8, good, sizeof good - 1);
        size_t n = N;
        for (uint64_t i = 1 + rng_below(&r, 3); i > 0; i--) {
            static const char likely[] = "0123456789{}[],:\"aF ";
            uint64_t at = rng_below(&r, 8) ? rng_below(&r, N) : rng_below(&r, 8);
            bytes[at] = rng_below(&r, 3) ? (unsigned char)likely[rng_below(&r, 20)]
                                         : (unsigned char)rng_below(&r, 256);
        }
        if (rng_below(&r, 8) == 0) n = rng_below(&r, N + 1);
        FILE *f = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
        fclose(f);
        struct safetensors s;
        e = (struct err){0};
        enum err_code rc = safetensors_open(path, &s, &e);
        ck_assert_msg(rc == ERR_OK || (rc == ERR_FORMAT && strstr(e.text, path)), "%s", e.text);
        for (int i = 0; i < s.n; i++) {
            float x[20];
            ck_assert_int_le(s.entry[i].count, 20);
            rc = safetensors_read(&s, &s.entry[i], x, &e);
            ck_assert(rc == ERR_OK || strstr(e.text, "no weights"));
        }
        opened += s.n > 0;
        safetensors_close(&s);
    }
    ck_assert_int_gt(opened, 500); /* numbers and names may be anything */
    ck_assert_int_lt(opened, 19000);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("safetensors");
    TCase *t = check_case(s, "safetensors");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_safetensors_refuses_wrong_headers);
    tcase_add_test(t, test_safetensors_refuses_wrong_tensors);
    tcase_add_test(t, test_safetensors_reads_every_kind_of_number);
    tcase_add_test(t, test_safetensors_written_is_read_again);
    tcase_add_test(t, test_safetensors_writes_the_counter_of_a_batch_norm);
    tcase_add_test(t, test_safetensors_failed_write_leaves_the_old_file);
    tcase_add_test(t, test_safetensors_survives_mutations);
    return check_run(s);
}
