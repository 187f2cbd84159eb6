/* npy.c - see npy.h. The header is the text of a Python dictionary with three keys in any order
 * (numpy.lib.format); a parser of just that reads it. Another element type is a row of `types`
 * and a line in the conversions. */
#include "worker/npy.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they are");

enum { U1, I1, I2, U2, I4, U4, I8, U8, F2, F4, F8, B2 };
static const struct npy_type types[] = {
    [U1] = {{"|u1", "bytes", NULL}, NPY_UNSIGNED, 1},
    [I1] = {{"|i1", "signed bytes", NULL}, NPY_SIGNED, 1},
    [I2] = {{"<i2", "16 bit integers", NULL}, NPY_SIGNED, 2},
    [U2] = {{"<u2", "16 bit unsigned integers", NULL}, NPY_UNSIGNED, 2},
    [I4] = {{"<i4", "32 bit integers", NULL}, NPY_SIGNED, 4},
    [U4] = {{"<u4", "32 bit unsigned integers", NULL}, NPY_UNSIGNED, 4},
    [I8] = {{"<i8", "64 bit integers", NULL}, NPY_SIGNED, 8},
    [U8] = {{"<u8", "64 bit unsigned integers", NULL}, NPY_UNSIGNED, 8},
    [F2] = {{"<f2", "half precision", NULL}, NPY_FLOAT, 2},
    [F4] = {{"<f4", "single precision", NULL}, NPY_FLOAT, 4},
    [F8] = {{"<f8", "double precision", NULL}, NPY_FLOAT, 8},
    [B2] = {{"bfloat16", "the upper half of single precision", NULL}, NPY_FLOAT, 2},
};
const struct table npy_types = {"element type", types, sizeof *types, B2, NULL, 0};
const struct npy_type *const npy_bfloat16 = &types[B2];

/* ---- the header ---- */

enum err_code npy_begin(const char *name, const uint8_t first[NPY_FIRST], int64_t *offset,
                        struct err *e)
{
    if (memcmp(first, "\x93NUMPY", 6) != 0)
        return ERR(e, ERR_FORMAT, "%s: byte 0: no .npy file: it does not start with \\x93NUMPY",
                   name);
    if (first[6] < 1 || first[6] > 3)
        return ERR(e, ERR_FORMAT, "%s: byte 6: .npy version %d; 1 to 3 are known", name,
                   first[6]);
    int64_t size = first[8] | first[9] << 8, start = first[6] == 1 ? 10 : 12;
    if (first[6] > 1) size |= (int64_t)first[10] << 16 | (int64_t)first[11] << 24;
    if (start + size < NPY_FIRST || start + size > NPY_MAX_HEADER)
        return ERR(e, ERR_FORMAT,
                   "%s: byte 8: a header of %lld bytes; those of plain arrays have %d to %d",
                   name, (long long)(start + size), NPY_FIRST, NPY_MAX_HEADER);
    *offset = start + size;
    return ERR_OK;
}

/* A place in the text of a header. */
struct cursor {
    const char *name;
    const uint8_t *head;
    int64_t at, end;
    struct err *e;
};

static enum err_code expected(const struct cursor *c, const char *what)
{
    return ERR(c->e, ERR_FORMAT, "%s: byte %lld: %s expected in the header of the array",
               c->name, (long long)c->at, what);
}

static bool blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t';
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && blank(c->head[c->at])) c->at++;
}

/* Skips blanks, and the character if it is the next. */
static bool taken(struct cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || c->head[c->at] != (uint8_t)wanted) return false;
    c->at++;
    return true;
}

static enum err_code quoted(struct cursor *c, char *out, int64_t size)
{
    char quote = taken(c, '\'') ? '\'' : '"';
    if (quote == '"' && !taken(c, '"')) return expected(c, "a quoted text");
    int64_t start = c->at;
    while (c->at < c->end && c->head[c->at] != (uint8_t)quote) c->at++;
    if (c->at == c->end || c->at - start >= size) return expected(c, "a short quoted text");
    memcpy(out, c->head + start, (size_t)(c->at - start));
    out[c->at - start] = '\0';
    c->at++;
    return ERR_OK;
}

static enum err_code type_read(struct cursor *c, struct npy *out)
{
    char text[16];
    skip_blanks(c);
    int64_t at = c->at;
    if (at < c->end && c->head[at] == '[')
        return ERR(c->e, ERR_FORMAT,
                   "%s: byte %lld: a structured element type; save one field as an array",
                   c->name, (long long)at);
    TRY(quoted(c, text, sizeof text));
    int row = table_find(&npy_types, text);
    if (row < 0 && (strcmp(text, "<u1") == 0 || strcmp(text, "<i1") == 0))
        row = text[1] == 'u' ? U1 : I1;
    if (row < 0 && text[0] == '>')
        return ERR(c->e, ERR_FORMAT,
                   "%s: byte %lld: big-endian elements (%s); save "
                   "x.astype(x.dtype.newbyteorder('<'))",
                   c->name, (long long)at, text);
    if (row < 0)
        return ERR(
            c->e, ERR_FORMAT,
            "%s: byte %lld: unknown element type '%s'; known are |u1 |i1 <i2 <u2 <i4 <u4 "
            "<i8 <u8 <f2 <f4 <f8",
            c->name, (long long)at, text);
    out->type = &types[row];
    return ERR_OK;
}

static enum err_code order_read(struct cursor *c, struct npy *out)
{
    static const char *const words[] = {"False", "True"};
    skip_blanks(c);
    for (int i = 0; i < 2; i++) {
        int64_t length = (int64_t)strlen(words[i]);
        if (c->end - c->at < length || memcmp(c->head + c->at, words[i], (size_t)length) != 0)
            continue;
        c->at += length;
        out->fortran = i;
        return ERR_OK;
    }
    return expected(c, "True or False");
}

static enum err_code size_read(struct cursor *c, int64_t *out)
{
    *out = 0;
    skip_blanks(c);
    if (c->at == c->end || !isdigit(c->head[c->at])) return expected(c, "a size");
    for (; c->at < c->end && isdigit(c->head[c->at]); c->at++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, c->head[c->at] - '0', out))
            return expected(c, "a size below 2^63");
    taken(c, 'L'); /* Python 2 wrote it */
    return ERR_OK;
}

static enum err_code shape_read(struct cursor *c, struct npy *out)
{
    if (!taken(c, '(')) return expected(c, "'('");
    while (!taken(c, ')')) {
        if (out->n_dims == NPY_MAX_DIMS) return expected(c, "at most 8 sizes");
        TRY(size_read(c, &out->size[out->n_dims++]));
        if (taken(c, ',')) continue;
        if (!taken(c, ')') || out->n_dims == 1) return expected(c, "','");
        break;
    }
    return ERR_OK;
}

static enum err_code entries_read(struct cursor *c, struct npy *out)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    static enum err_code (*const readers[])(struct cursor *,
                                            struct npy *) = {type_read, order_read, shape_read};
    unsigned seen = 0;
    char key[16];
    if (!taken(c, '{')) return expected(c, "'{'");
    while (!taken(c, '}')) {
        int which = 0;
        TRY(quoted(c, key, sizeof key));
        while (which < 3 && strcmp(key, keys[which]) != 0) which++;
        if (which == 3 || seen >> which & 1)
            return expected(c, "descr, fortran_order and shape, each once,");
        seen |= 1u << which;
        if (!taken(c, ':')) return expected(c, "':'");
        TRY(readers[which](c, out));
        if (taken(c, ',')) continue;
        if (!taken(c, '}')) return expected(c, "'}'");
        break;
    }
    if (seen != 7) return expected(c, "descr, fortran_order and shape");
    skip_blanks(c);
    return c->at == c->end ? ERR_OK : expected(c, "nothing more");
}

enum err_code npy_parse(const char *name, const uint8_t *head, int64_t bytes, struct npy *out,
                        struct err *e)
{
    INVARIANT(bytes >= NPY_FIRST);
    struct cursor c = {name, head, head[6] == 1 ? 10 : 12, bytes, e};
    *out = (struct npy){.offset = bytes, .count = 1};
    TRY(entries_read(&c, out));
    int64_t total = out->type->bytes, longest = 0;
    bool over = false, empty = false;
    for (int i = 0; i < out->n_dims; i++) {
        empty = empty || out->size[i] == 0;
        over = __builtin_mul_overflow(total, out->size[i], &total) || over;
        if (out->size[i] > longest) longest = out->size[i];
    }
    if (over && !empty)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: sizes whose product is too large", name,
                   (long long)c.at);
    out->count = empty ? 0 : total / out->type->bytes;
    if (out->count == longest) out->fortran = false; /* one size alone is not 1 */
    return ERR_OK;
}

static enum err_code bytes_read(FILE *f, const char *name, uint8_t *out, int64_t n,
                                struct err *e)
{
    errno = 0;
    if (fread(out, 1, (size_t)n, f) == (size_t)n) return ERR_OK;
    if (ferror(f)) return ERR(e, ERR_IO, "reading %s: %s", name, strerror(errno));
    return ERR(e, ERR_FORMAT, "%s: the file ends in the header of the array", name);
}

enum err_code npy_read(FILE *f, const char *name, struct npy *out, struct err *e)
{
    uint8_t head[NPY_MAX_HEADER];
    int64_t offset;
    TRY(bytes_read(f, name, head, NPY_FIRST, e));
    TRY(npy_begin(name, head, &offset, e));
    TRY(bytes_read(f, name, head + NPY_FIRST, offset - NPY_FIRST, e));
    return npy_parse(name, head, offset, out, e);
}

/* ---- elements ---- */

/* IEEE 754 half precision: every value is one of single precision. */
static float half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 0   ? ldexpf((float)fraction, -24)
                 : exponent < 31 ? ldexpf((float)(fraction + 1024), exponent - 25)
                 : fraction == 0 ? HUGE_VALF
                                 : NAN;
    return bits >> 15 ? -size : size;
}

static float upper_half(uint16_t bits)
{
    uint32_t whole = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &whole, sizeof value);
    return value;
}

#define CONVERT(type_, expression)                                                             \
    for (int64_t i = 0; i < n; i++) {                                                          \
        type_ value;                                                                           \
        memcpy(&value, bytes + (size_t)i * sizeof value, sizeof value);                        \
        out[i] = expression;                                                                   \
    }                                                                                          \
    break

#define CONVERT_ALL(number)                                                                    \
    const char *bytes = in;                                                                    \
    switch (type - types) {                                                                    \
    case U1: CONVERT(uint8_t, (number)value);                                                  \
    case I1: CONVERT(int8_t, (number)value);                                                   \
    case I2: CONVERT(int16_t, (number)value);                                                  \
    case U2: CONVERT(uint16_t, (number)value);                                                 \
    case I4: CONVERT(int32_t, (number)value);                                                  \
    case U4: CONVERT(uint32_t, (number)value);                                                 \
    case I8: CONVERT(int64_t, (number)value);                                                  \
    case U8: CONVERT(uint64_t, (number)value);                                                 \
    case F2: CONVERT(uint16_t, (number)half(value));                                           \
    case F4: CONVERT(float, (number)value);                                                    \
    case F8: CONVERT(double, (number)value);                                                   \
    case B2: CONVERT(uint16_t, (number)upper_half(value));                                     \
    }

void npy_reals(const struct npy_type *type, const void *in, int64_t n, real *out)
{
    CONVERT_ALL(real)
}

void npy_floats(const struct npy_type *type, const void *in, int64_t n, float *out)
{
    CONVERT_ALL(float)
}

void npy_ints(const struct npy_type *type, const void *in, int64_t n, int64_t *out)
{
    const char *bytes = in;
    INVARIANT(type->kind != NPY_FLOAT);
    switch (type - types) {
    case U1: CONVERT(uint8_t, value);
    case I1: CONVERT(int8_t, value);
    case I2: CONVERT(int16_t, value);
    case U2: CONVERT(uint16_t, value);
    case I4: CONVERT(int32_t, value);
    case U4: CONVERT(uint32_t, value);
    case I8: CONVERT(int64_t, value);
    case U8: CONVERT(uint64_t, (int64_t)value);
    }
}
