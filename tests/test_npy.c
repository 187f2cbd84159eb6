/* test_npy.c - headers of .npy files, hostile ones too, and elements as numbers. */
#include "worker/npy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/check_main.h"

static struct err e;

/* A header of that version around a dictionary, without padding; its length. */
static int64_t make(int version, const char *text, uint8_t head[NPY_MAX_HEADER])
{
    size_t n = strlen(text), start = version == 1 ? 10 : 12;
    memset(head, 0, NPY_MAX_HEADER);
    memcpy(head, "\x93NUMPY", 6);
    head[6] = (uint8_t)version;
    head[8] = (uint8_t)n;
    head[9] = (uint8_t)(n >> 8);
    memcpy(head + start, text, n);
    return (int64_t)(start + n);
}

static enum err_code parse(int version, const char *text, struct npy *out)
{
    uint8_t head[NPY_MAX_HEADER];
    int64_t bytes = make(version, text, head), offset;
    e = (struct err){0};
    enum err_code rc = npy_begin("x.npy", head, &offset, &e);
    if (rc != ERR_OK) return rc;
    ck_assert_int_eq(offset, bytes);
    return npy_parse("x.npy", head, offset, out, &e);
}

static void refused(const char *text, const char *words)
{
    struct npy npy;
    enum err_code rc = parse(1, text, &npy);
    ck_assert_msg(rc == ERR_FORMAT && strstr(e.text, words) && strstr(e.text, "x.npy: byte "),
                  "wanted '%s', got %d: %s", words, rc, e.text);
}

START_TEST(test_npy_refuses_what_is_none)
{
    uint8_t head[NPY_MAX_HEADER];
    int64_t offset;
    make(1, "{}", head);
    head[1] = 'n';
    ck_assert_int_eq(npy_begin("x.npy", head, &offset, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "x.npy: byte 0: no .npy file"));
    make(4, "{}", head);
    ck_assert_int_eq(npy_begin("x.npy", head, &offset, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "byte 6: .npy version 4"));
    make(2, "{}", head);
    head[11] = 255;
    ck_assert_int_eq(npy_begin("x.npy", head, &offset, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "byte 8: a header of 4278190094 bytes"));
    make(1, "{", head);
    ck_assert_int_eq(npy_begin("x.npy", head, &offset, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "byte 8: a header of 11 bytes"));
}
END_TEST

START_TEST(test_npy_refuses_wrong_dictionaries)
{
    refused("[]", "byte 10: '{' expected");
    refused("{'descr': '<f4', 'shape': (2,)}", "descr, fortran_order and shape expected");
    refused("{'descr': '<f4', 'descr': '<f4'}", "each once");
    refused("{'dtype': '<f4'}", "each once");
    refused("{'descr' '<f4'}", "byte 19: ':' expected");
    refused("{'descr': '>f4', 'fortran_order': False, 'shape': ()}",
            "byte 20: big-endian elements (>f4); save x.astype");
    refused("{'descr': '<c8', 'fortran_order': False, 'shape': ()}",
            "unknown element type '<c8'; known are |u1");
    refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}",
            "byte 20: a structured element type");
    refused("{'descr': 4, 'fortran_order': False, 'shape': ()}", "a quoted text");
    refused("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "True or False");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': 5}", "'(' expected");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5)}", "',' expected");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-5,)}", "a size expected");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 6", "',' expected");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}",
            "a size below 2^63");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
            "product is too large");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}",
            "product is too large");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
            "at most 8 sizes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': ()} {", "nothing more");
}
END_TEST

START_TEST(test_npy_reads_headers)
{
    struct npy npy;
    for (int version = 1; version <= 3; version++) {
        ck_assert_int_eq(
            parse(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n",
                  &npy),
            ERR_OK);
        ck_assert_str_eq(npy.type->row.name, "<f4");
        ck_assert_int_eq(npy.type->bytes, 4);
        ck_assert_int_eq(npy.n_dims, 2);
        ck_assert_int_eq(npy.size[0], 3);
        ck_assert_int_eq(npy.size[1], 4);
        ck_assert_int_eq(npy.count, 12);
        ck_assert(!npy.fortran);
    }
    ck_assert_int_eq(
        parse(1, "{\"shape\":(7L, 1,),\"fortran_order\":True,\"descr\":\"<i2\"}", &npy),
        ERR_OK);
    ck_assert_int_eq(npy.count, 7);
    ck_assert(!npy.fortran); /* one column: both orders are the same */
    ck_assert_int_eq(parse(1, "{'descr': '<u1', 'fortran_order': True, 'shape': (2, 3)}", &npy),
                     ERR_OK);
    ck_assert_str_eq(npy.type->row.name, "|u1");
    ck_assert(npy.fortran);
    ck_assert_int_eq(parse(1, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", &npy),
                     ERR_OK);
    ck_assert_int_eq(npy.n_dims, 0);
    ck_assert_int_eq(npy.count, 1);
    ck_assert_int_eq(
        parse(1,
              "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 2, 0)}",
              &npy),
        ERR_OK);
    ck_assert_int_eq(npy.count, 0);
    for (int i = 0; i < npy_types.count; i++) {
        char text[128];
        const char *name = table_row(&npy_types, i)->name;
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}",
                 name);
        ck_assert_int_eq(parse(1, text, &npy), ERR_OK);
        ck_assert_ptr_eq(npy.type, table_row(&npy_types, i));
        ck_assert_int_eq(npy.type->bytes, atoi(name + 2));
        ck_assert_int_eq(npy.type->kind, name[1] == 'u'   ? NPY_UNSIGNED
                                         : name[1] == 'i' ? NPY_SIGNED
                                                          : NPY_FLOAT);
    }
}
END_TEST

START_TEST(test_npy_reads_from_a_file)
{
    static const char text[] = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }";
    uint8_t head[NPY_MAX_HEADER];
    struct npy npy;
    int64_t bytes = make(3, text, head);
    for (int64_t n = 0; n <= bytes; n++) {
        FILE *f = tmpfile();
        fwrite(head, 1, (size_t)n, f);
        fputs(n == bytes ? "data" : "", f);
        rewind(f);
        ck_assert_int_eq(npy_read(f, "x.npy", &npy, &e), n < bytes ? ERR_FORMAT : ERR_OK);
        ck_assert(n == bytes || strstr(e.text, "x.npy: the file ends in the header"));
        if (n == bytes) ck_assert_int_eq(fgetc(f), 'd');
        fclose(f);
    }
    ck_assert_int_eq(npy.offset, bytes);
}
END_TEST

START_TEST(test_npy_survives_mutations)
{
    static const char text[] =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 3, 32, 32), }      \n";
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    int good = 0;
    for (int round = 0; round < 8000; round++) {
        uint8_t head[NPY_MAX_HEADER];
        struct npy npy;
        int64_t bytes = make(1 + (int)rng_below(&r, 3), text, head), offset;
        for (uint64_t i = rng_below(&r, 3) + 1; i > 0; i--) {
            static const char likely[] = "0123456789(),{}:' \n<>fiuL\"";
            head[rng_below(&r, (uint64_t)bytes)] =
                rng_below(&r, 2) ? (uint8_t)likely[rng_below(&r, sizeof likely)]
                                 : (uint8_t)rng_below(&r, 256);
        }
        if (npy_begin("x.npy", head, &offset, &e) != ERR_OK) continue;
        uint8_t *exact = malloc((size_t)offset); /* a read beyond it is seen */
        memcpy(exact, head, (size_t)offset);
        enum err_code rc = npy_parse("x.npy", exact, offset, &npy, &e);
        ck_assert(rc == ERR_OK || rc == ERR_FORMAT);
        if (rc == ERR_OK) {
            int64_t count = 1, total;
            for (int i = 0; i < npy.n_dims; i++) count *= npy.size[i];
            ck_assert_int_eq(count, npy.count);
            ck_assert(!__builtin_mul_overflow(count, npy.type->bytes, &total));
            good++;
        }
        free(exact);
    }
    ck_assert_int_gt(good, 80);
    ck_assert_int_lt(good, 4000);
}
END_TEST

static const struct npy_type *type_of(const char *name)
{
    return (const struct npy_type *)table_row(&npy_types, table_find(&npy_types, name));
}

/* Every half precision number, by the definition of the format. */
START_TEST(test_half_precision_is_exact)
{
    for (int i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i;
        real got;
        npy_reals(type_of("<f2"), &bits, 1, &got);
        int exponent = i / 1024 % 32, fraction = i % 1024;
        double wanted = exponent ? (1 + fraction / 1024.0) * pow(2, exponent - 15)
                                 : fraction / 1024.0 * pow(2, -14);
        if (exponent == 31) wanted = fraction ? (double)NAN : HUGE_VAL;
        if (i >= 32768) wanted = -wanted;
        ck_assert(isnan(wanted) ? isnan((double)got) : (double)got == wanted);
        ck_assert(isnan(wanted) || !signbit((double)got) == (i < 32768));
    }
}
END_TEST

#define EXPECT_REAL(name, type, value)                                                         \
    do {                                                                                       \
        unsigned char raw[1 + sizeof(type)];                                                   \
        type from = (value);                                                                   \
        real got;                                                                              \
        memcpy(raw + 1, &from, sizeof from);                                                   \
        npy_reals(type_of(name), raw + 1, 1, &got);                                            \
        ck_assert(got == (real)from);                                                          \
        if (type_of(name)->kind != NPY_FLOAT) {                                                \
            int64_t whole;                                                                     \
            npy_ints(type_of(name), raw + 1, 1, &whole);                                       \
            ck_assert_int_eq(whole, (int64_t)from);                                            \
        }                                                                                      \
    } while (0)

START_TEST(test_elements_become_numbers)
{
    EXPECT_REAL("|u1", uint8_t, 200);
    EXPECT_REAL("|i1", int8_t, -100);
    EXPECT_REAL("<i2", int16_t, -30000);
    EXPECT_REAL("<u2", uint16_t, 60000);
    EXPECT_REAL("<i4", int32_t, -2000000001);
    EXPECT_REAL("<u4", uint32_t, 4000000001);
    EXPECT_REAL("<i8", int64_t, -5000000000000000001);
    EXPECT_REAL("<u8", uint64_t, 18000000000000000001u);
    EXPECT_REAL("<f4", float, 0.1f);
    EXPECT_REAL("<f8", double, 0.1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("npy");
    TCase *t = check_case(s, "npy");
    tcase_add_test(t, test_npy_refuses_what_is_none);
    tcase_add_test(t, test_npy_refuses_wrong_dictionaries);
    tcase_add_test(t, test_npy_reads_headers);
    tcase_add_test(t, test_npy_reads_from_a_file);
    tcase_add_test(t, test_npy_survives_mutations);
    tcase_add_test(t, test_half_precision_is_exact);
    tcase_add_test(t, test_elements_become_numbers);
    return check_run(s);
}
