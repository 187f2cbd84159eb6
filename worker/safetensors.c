/* safetensors.c - reading and writing weights. To know another type of number: a row of dtypes.
 */
#include "worker/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/table.h"
#include "base/text.h"

enum {
    MAX_HEADER = 100000000, /* as the format's own library */
    LENGTH = 8,             /* bytes before the header */
    MAX_TENSORS = 1000000,
    AT_ONCE = 1 << 16, /* bytes that are converted together */
};

struct dtype {
    struct row row;
    int bytes;
    const char *npy; /* its name in npy.h; NULL: it has none */
};

static const struct dtype dtype_rows[] = {
    {{"F32", "single precision", NULL}, 4, "<f4"},
    {{"F64", "double precision", NULL}, 8, "<f8"},
    {{"F16", "half precision", NULL}, 2, "<f2"},
    {{"BF16", "the upper half of single precision", NULL}, 2, "bfloat16"},
    {{"I64", "integer", NULL}, 8, "<i8"},
    {{"U64", "integer", NULL}, 8, "<u8"},
    {{"I32", "integer", NULL}, 4, "<i4"},
    {{"U32", "integer", NULL}, 4, "<u4"},
    {{"I16", "integer", NULL}, 2, "<i2"},
    {{"U16", "integer", NULL}, 2, "<u2"},
    {{"I8", "integer", NULL}, 1, "|i1"},
    {{"U8", "integer", NULL}, 1, "|u1"},
    {{"BOOL", "truth", NULL}, 1, NULL},
    {{"F8_E5M2", "a byte", NULL}, 1, NULL},
    {{"F8_E4M3", "a byte", NULL}, 1, NULL},
};
static const struct table dtypes = TABLE("dtype", dtype_rows);

struct safetensors_file {
    int descriptor;
    char *path;
    int64_t bytes; /* of the file */
    int64_t data;  /* first byte of the numbers */
    struct arena arena;
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

const char *safetensors_shape(int n_dims, const int64_t *size, char out[192])
{
    int used = snprintf(out, 192, "[");
    for (int i = 0; i < n_dims; i++)
        used += snprintf(out + used, 192 - (size_t)used, "%s%" PRId64, i ? ", " : "", size[i]);
    snprintf(out + used, 192 - (size_t)used, "]");
    return out;
}

/* All bytes of a range, which lies in the file. */
static enum err_code read_bytes(const struct safetensors_file *f, int64_t at, void *out,
                                int64_t n, struct err *e)
{
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(f->descriptor, (char *)out + done, (size_t)(n - done), at + done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ERR(e, ERR_IO, "reading %s: %s", f->path, strerror(errno));
        if (got == 0)
            return ERR(e, ERR_FORMAT, "%s: byte %lld: the file ends early", f->path,
                       (long long)(at + done));
        done += got;
    }
    return ERR_OK;
}

/* The header as JSON; the caller gives it back. */
static enum err_code read_header(struct safetensors_file *f, json_t **out, struct err *e)
{
    uint64_t length;
    json_error_t why;
    if (f->bytes < LENGTH)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file ends in the length of its header",
                   f->path, (long long)f->bytes);
    TRY(read_bytes(f, 0, &length, LENGTH, e));
    if (length < 2 || length > MAX_HEADER || length > (uint64_t)(f->bytes - LENGTH))
        return ERR(
            e, ERR_FORMAT,
            "%s: byte 0: a header of %llu bytes; a file of %lld bytes has one of 2 to "
            "%lld: is it a safetensors file?",
            f->path, (unsigned long long)length, (long long)f->bytes,
            (long long)(f->bytes - LENGTH < MAX_HEADER ? f->bytes - LENGTH : MAX_HEADER));
    char *text = malloc(length);
    if (!text) return ERR(e, ERR_NOMEM, "%s: no memory for its header", f->path);
    enum err_code rc = read_bytes(f, LENGTH, text, (int64_t)length, e);
    *out = NULL;
    if (rc == ERR_OK) {
        *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
        if (!*out)
            rc = ERR(e, ERR_FORMAT, "%s: byte %lld: header: %s", f->path,
                     (long long)why.position + LENGTH, why.text);
        else if (!json_is_object(*out))
            rc = ERR(e, ERR_FORMAT, "%s: byte %d: the header is no JSON object", f->path,
                     LENGTH);
    }
    free(text);
    if (rc != ERR_OK) json_decref(*out);
    f->data = LENGTH + (int64_t)length;
    return rc;
}

/* Is it an array of n numbers of at least 0 (n < 0: of at most SAFETENSORS_MAX_DIMS)? */
static bool counts(const json_t *array, int n, int64_t *out, int *n_out)
{
    size_t length = json_array_size(array);
    if (!json_is_array(array) || (n < 0 ? length > SAFETENSORS_MAX_DIMS : length != (size_t)n))
        return false;
    for (size_t i = 0; i < length; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
        out[i] = json_integer_value(number);
    }
    *n_out = (int)length;
    return true;
}

/* One tensor of the header: type, shape, place, all of which must agree. */
static enum err_code read_entry(const struct safetensors_file *f, const char *name,
                                const json_t *value, struct safetensors_entry *t, struct err *e)
{
    int64_t place[2], bytes;
    int two;
    char shape[192];
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    t->dtype = dtype ? table_find(&dtypes, dtype) : -1;
    if (t->dtype < 0)
        return ERR(e, ERR_FORMAT, "%s: tensor '%.80s': unknown dtype '%.20s'", f->path, name,
                   dtype ? dtype : "");
    if (!counts(json_object_get(value, "shape"), -1, t->size, &t->n_dims))
        return ERR(e, ERR_FORMAT, "%s: tensor '%.80s': its shape is no list of up to %d sizes",
                   f->path, name, SAFETENSORS_MAX_DIMS);
    if (!counts(json_object_get(value, "data_offsets"), 2, place, &two) ||
        place[0] > place[1] || place[1] > f->bytes - f->data)
        return ERR(
            e, ERR_FORMAT,
            "%s: tensor '%.80s': data_offsets are no range within the %lld bytes of data",
            f->path, name, (long long)(f->bytes - f->data));
    bool fits = true;
    t->count = 1;
    for (int i = 0; i < t->n_dims; i++)
        fits &= !__builtin_mul_overflow(t->count, t->size[i], &t->count);
    fits &= !__builtin_mul_overflow(t->count, dtype_rows[t->dtype].bytes, &bytes);
    if (!fits || bytes != place[1] - place[0])
        return ERR(e, ERR_FORMAT, "%s: tensor '%.80s': %lld bytes do not hold %s of %s",
                   f->path, name, (long long)(place[1] - place[0]), dtype,
                   safetensors_shape(t->n_dims, t->size, shape));
    t->begin = f->data + place[0];
    return ERR_OK;
}

static int64_t end_of(const struct safetensors_entry *t)
{
    return t->begin + t->count * dtype_rows[t->dtype].bytes;
}

static int by_place(const void *a, const void *b)
{
    const struct safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (end_of(x) != end_of(y)) return end_of(x) < end_of(y) ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Do the tensors, in the order of their data, fill it without holes and overlaps? */
static enum err_code check_places(const struct safetensors_file *f, int n,
                                  const struct safetensors_entry *t, struct err *e)
{
    int64_t at = f->data;
    for (int i = 0; i < n; at = end_of(&t[i++]))
        if (t[i].begin != at)
            return ERR(
                e, ERR_FORMAT, "%s: tensor '%.80s': its data begin at byte %lld, %s %lld",
                f->path, t[i].name, (long long)t[i].begin,
                t[i].begin < at ? "within the one before, which ends at" : "behind a hole from",
                (long long)at);
    if (at != f->bytes)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file goes on behind the last tensor",
                   f->path, (long long)at);
    return ERR_OK;
}

static enum err_code read_entries(struct safetensors *s, json_t *header, struct err *e)
{
    struct safetensors_file *f = s->file;
    size_t room = json_object_size(header);
    struct safetensors_entry *t = arena_array(&f->arena, room, sizeof *t);
    const char *name;
    json_t *value;
    int n = 0;
    if (room > MAX_TENSORS)
        return ERR(e, ERR_FORMAT, "%s: more than %d tensors", f->path, MAX_TENSORS);
    if (!t) return ERR(e, ERR_NOMEM, "%s: no memory for its tensors", f->path);
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        t[n].name = arena_text(&f->arena, name);
        if (!t[n].name) return ERR(e, ERR_NOMEM, "%s: no memory for its tensors", f->path);
        TRY(read_entry(f, name, value, &t[n++], e));
    }
    qsort(t, (size_t)n, sizeof *t, by_place);
    TRY(check_places(f, n, t, e));
    for (int i = 0; i < n; i++)
        if (!ends_with(t[i].name, ".num_batches_tracked")) t[s->n++] = t[i];
    s->entry = t;
    return ERR_OK;
}

static enum err_code open_file(const char *path, struct safetensors *s, struct err *e)
{
    struct safetensors_file *f = s->file;
    struct stat st;
    json_t *header = NULL;
    f->path = arena_text(&f->arena, path);
    if (!f->path) return ERR(e, ERR_NOMEM, "no memory for a path");
    f->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (f->descriptor < 0 || fstat(f->descriptor, &st) != 0)
        return ERR(e, ERR_IO, "opening %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return ERR(e, ERR_IO, "opening %s: it is no file", path);
    f->bytes = st.st_size;
    TRY(read_header(f, &header, e));
    enum err_code rc = read_entries(s, header, e);
    json_decref(header);
    return rc;
}

enum err_code safetensors_open(const char *path, struct safetensors *out, struct err *e)
{
    *out = (struct safetensors){.file = calloc(1, sizeof *out->file)};
    if (!out->file) return ERR(e, ERR_NOMEM, "no memory for an open file");
    out->file->descriptor = -1;
    enum err_code rc = open_file(path, out, e);
    if (rc != ERR_OK) safetensors_close(out);
    return rc;
}

void safetensors_close(struct safetensors *s)
{
    if (s->file) {
        if (s->file->descriptor >= 0) close(s->file->descriptor);
        arena_clear(&s->file->arena);
        free(s->file);
    }
    *s = (struct safetensors){0};
}

const struct safetensors_entry *safetensors_find(const struct safetensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->entry[i].name, name) == 0) return &s->entry[i];
    return NULL;
}

const struct npy_type *safetensors_type(const struct safetensors_entry *t)
{
    const char *npy = dtype_rows[t->dtype].npy;
    int row = npy ? table_find(&npy_types, npy) : -1;
    if (row >= 0) return (const struct npy_type *)table_row(&npy_types, row);
    return npy ? npy_bfloat16 : NULL;
}

enum err_code safetensors_read(const struct safetensors *s, const struct safetensors_entry *t,
                               float *out, struct err *e)
{
    unsigned char bytes[AT_ONCE];
    const struct dtype *dtype = &dtype_rows[t->dtype];
    int64_t most = AT_ONCE / dtype->bytes;
    const struct npy_type *type = safetensors_type(t);
    if (!type || type->kind != NPY_FLOAT)
        return ERR(e, ERR_FORMAT, "%s: tensor '%.80s': %s numbers are no weights",
                   s->file->path, t->name, dtype->row.name);
    for (int64_t i = 0; i < t->count; i += most) {
        int64_t n = t->count - i < most ? t->count - i : most;
        TRY(read_bytes(s->file, t->begin + i * dtype->bytes, bytes, n * dtype->bytes, e));
        npy_floats(type, bytes, n, out + i);
    }
    return ERR_OK;
}

/* Is it a tensor beside which PyTorch keeps a counter? */
static bool has_counter(const struct safetensor *t)
{
    return ends_with(t->name, ".running_var");
}

static int64_t count_of(const struct safetensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->size[i];
    return n;
}

static void add_entry(json_t *header, const char *name, const char *dtype, json_t *shape,
                      int64_t begin, int64_t end)
{
    json_object_set_new(header, name,
                        json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape,
                                  "data_offsets", (json_int_t)begin, (json_int_t)end));
}

/* The header, filled with blanks to a multiple of 8 bytes; the caller frees it. Counters come
 * first, so that all numbers are aligned. */
static char *header_text(int n, const struct safetensor *t, int64_t counters)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    struct text name = {0};
    int64_t at = 8 * counters, counter = 0;
    for (int i = 0; i < n; i++) {
        json_t *shape = json_array();
        for (int k = 0; k < t[i].n_dims; k++)
            json_array_append_new(shape, json_integer(t[i].size[k]));
        add_entry(header, t[i].name, "F32", shape, at, at + 4 * count_of(&t[i]));
        at += 4 * count_of(&t[i]);
        if (!has_counter(&t[i])) continue;
        text_clear(&name);
        text_add(&name, "%.*s.num_batches_tracked",
                 (int)(strlen(t[i].name) - strlen(".running_var")), t[i].name);
        add_entry(header, name.at, "I64", json_array(), counter, counter + 8);
        counter += 8;
    }
    char *compact = json_dumps(header, JSON_COMPACT), *padded = NULL;
    size_t length = compact ? (strlen(compact) + 7) / 8 * 8 : 0;
    if (compact && asprintf(&padded, "%-*s", (int)length, compact) < 0) padded = NULL;
    free(compact);
    text_clear(&name);
    json_decref(header);
    return padded;
}

static bool write_all(FILE *f, const char *header, int n, const struct safetensor *t,
                      int64_t counters)
{
    uint64_t length = strlen(header), zero = 0;
    bool ok = fwrite(&length, sizeof length, 1, f) == 1 && fputs(header, f) >= 0;
    for (int64_t i = 0; i < counters; i++) ok = ok && fwrite(&zero, sizeof zero, 1, f) == 1;
    for (int i = 0; i < n; i++) {
        size_t count = (size_t)count_of(&t[i]);
        ok = ok && fwrite(t[i].data, sizeof *t[i].data, count, f) == count;
    }
    return ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
}

enum err_code safetensors_write(const char *path, int n, const struct safetensor *t,
                                struct err *e)
{
    int64_t counters = 0;
    for (int i = 0; i < n; i++) counters += has_counter(&t[i]);
    char *header = header_text(n, t, counters);
    if (!header) return ERR(e, ERR_NOMEM, "%s: no memory for its header", path);
    struct text fresh = {0};
    text_add(&fresh, "%s.new", path);
    FILE *f = fopen(fresh.at, "wb");
    bool ok = f && write_all(f, header, n, t, counters);
    int why = errno;
    if (f && fclose(f) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(fresh.at, path) != 0) {
        ok = false;
        why = errno;
    }
    enum err_code rc = ok ? ERR_OK : ERR(e, ERR_IO, "writing %s: %s", fresh.at, strerror(why));
    if (f && !ok) unlink(fresh.at);
    text_clear(&fresh);
    free(header);
    return rc;
}
