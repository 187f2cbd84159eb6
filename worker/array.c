/* array.c - see array.h. What a file says of its sizes is compared with its length before
 * anything is read or allocated. */
#include "worker/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/array_hdf5.h"
#include "worker/safetensors.h"

enum { PIECE = 1024 }; /* labels that are read at once */

/* ---- opening ---- */

static enum err_code header_read(struct array *a, struct err *e)
{
    uint8_t head[NPY_MAX_HEADER];
    const char *name = a->extent.name;
    int64_t offset;
    TRY(extent_read(&a->extent, 0, NPY_FIRST, head, e));
    TRY(npy_begin(name, head, &offset, e));
    TRY(extent_read(&a->extent, NPY_FIRST, offset - NPY_FIRST, head + NPY_FIRST, e));
    TRY(npy_parse(name, head, offset, &a->npy, e));
    if (a->npy.n_dims == 0 || a->npy.count == 0)
        return ERR(e, ERR_FORMAT, "%s: byte %d: an array without elements", name, NPY_FIRST);
    int64_t wanted = a->npy.count * a->npy.type->bytes, held = a->extent.length - offset;
    if (wanted != held)
        return ERR(e, ERR_FORMAT,
                   "%s: byte %lld: %lld bytes of elements follow; the sizes say %lld", name,
                   (long long)offset, (long long)held, (long long)wanted);
    a->row = a->npy.count / a->npy.size[0];
    return ERR_OK;
}

static enum err_code opened(struct array *a, struct err *e)
{
    enum err_code rc = header_read(a, e);
    if (rc != ERR_OK) extent_close(&a->extent);
    return rc;
}

enum err_code array_open_npy(struct array *a, const char *path, const char *name, struct err *e)
{
    (void)name;
    a->hdf5 = NULL;
    TRY(extent_file(&a->extent, path, e));
    return opened(a, e);
}

enum err_code array_open_npz(struct array *a, const char *path, const char *name, struct err *e)
{
    char member[ARRAY_NAME + 4];
    int length = snprintf(member, sizeof member, "%s.npy", name);
    INVARIANT(length < (int)sizeof member);
    a->hdf5 = NULL;
    TRY(extent_member(&a->extent, path, member, e));
    return opened(a, e);
}

enum err_code array_open_hdf5(struct array *a, const char *path, const char *name,
                              struct err *e)
{
    TRY(array_hdf5_open(path, name, &a->npy, &a->hdf5, e));
    a->row = a->npy.count / a->npy.size[0];
    return ERR_OK;
}

/* The bytes of a tensor, of whose header safetensors_open has checked everything. */
enum err_code array_open_safetensors(struct array *a, const char *path, const char *name,
                                     struct err *e)
{
    struct safetensors s;
    char label[EXTENT_NAME];
    a->hdf5 = NULL;
    snprintf(label, sizeof label, "%s: tensor %s", path, name);
    TRY(safetensors_open(path, &s, e));
    const struct safetensors_entry *t = safetensors_find(&s, name);
    const struct npy_type *type = t ? safetensors_type(t) : NULL;
    enum err_code rc = ERR_OK;
    if (!type)
        rc =
            ERR(e, ERR_FORMAT, "%s: %s", label,
                t ? "truths and floats of one byte are no numbers that are read" : "not there");
    else if (t->n_dims == 0 || t->count == 0)
        rc = ERR(e, ERR_FORMAT, "%s: byte %lld: an array without elements", label,
                 (long long)t->begin);
    if (rc == ERR_OK)
        rc = extent_part(&a->extent, path, label, t->begin, t->count * type->bytes, e);
    if (rc == ERR_OK) {
        a->npy = (struct npy){.type = type, .n_dims = t->n_dims, .count = t->count};
        memcpy(a->npy.size, t->size, sizeof a->npy.size);
        a->row = t->count / t->size[0];
    }
    safetensors_close(&s);
    return rc;
}

void array_close(struct array *a)
{
    if (a->hdf5)
        array_hdf5_close(a->hdf5);
    else
        extent_close(&a->extent);
}

/* ---- names ---- */

enum err_code array_names_add(struct array_names *l, const char *path, const char *name,
                              struct err *e)
{
    if (l->n == ARRAY_MAX_NAMES)
        return ERR(e, ERR_FORMAT, "%s: more than %d arrays", path, ARRAY_MAX_NAMES);
    if (strlen(name) >= ARRAY_NAME)
        return ERR(e, ERR_FORMAT, "%s: an array's name has %d bytes or more: %.80s...", path,
                   ARRAY_NAME, name);
    if (!l->name) l->name = arena_array(l->arena, ARRAY_MAX_NAMES, sizeof *l->name);
    char *copy = l->name ? arena_text(l->arena, name) : NULL;
    if (!copy) return ERR(e, ERR_NOMEM, "%s: no memory for the names of its arrays", path);
    l->name[l->n++] = copy;
    return ERR_OK;
}

enum err_code array_names_npy(const char *path, struct array_names *out, struct err *e)
{
    return array_names_add(out, path, "layer", e);
}

/* What extent_members hands to npz_member. */
struct npz_listing {
    const char *path;
    struct array_names *names;
    enum err_code rc;
    struct err *e;
};

static bool npz_member(void *self, const char *member)
{
    struct npz_listing *l = self;
    size_t length = strlen(member);
    char name[ARRAY_NAME + 1];
    if (length < 4 || strcmp(member + length - 4, ".npy") != 0) return true;
    snprintf(name, sizeof name, "%.*s",
             (int)(length - 4 > ARRAY_NAME ? ARRAY_NAME : length - 4), member);
    l->rc = array_names_add(l->names, l->path, name, l->e);
    return l->rc == ERR_OK;
}

enum err_code array_names_npz(const char *path, struct array_names *out, struct err *e)
{
    struct npz_listing l = {path, out, ERR_OK, e};
    out->ordered = true;
    TRY(extent_members(path, npz_member, &l, e));
    return l.rc;
}

/* Their order in the file is by type and by the letters of their names: nobody's choice. */
enum err_code array_names_safetensors(const char *path, struct array_names *out, struct err *e)
{
    struct safetensors s;
    enum err_code rc = ERR_OK;
    TRY(safetensors_open(path, &s, e));
    for (int i = 0; i < s.n && rc == ERR_OK; i++)
        rc = array_names_add(out, path, s.entry[i].name, e);
    safetensors_close(&s);
    return rc;
}

/* ---- reading ---- */

enum err_code array_settle(struct array *a, struct err *e)
{
    if (!a->hdf5) return extent_settle(&a->extent, e);
    TRY(array_hdf5_extent(a->hdf5, &a->extent, e));
    array_hdf5_close(a->hdf5);
    a->hdf5 = NULL;
    a->npy.offset = 0;
    return ERR_OK;
}

enum err_code array_read(struct array *a, int64_t first, int64_t n, void *out, struct err *e)
{
    const int64_t bytes = a->npy.type->bytes;
    if (a->hdf5) return array_hdf5_rows(a->hdf5, first / a->row, n / a->row, out, e);
    return extent_read(&a->extent, a->npy.offset + first * bytes, n * bytes, out, e);
}

static enum err_code label_wrong(const struct array *a, int64_t at, int64_t label,
                                 int64_t classes, struct err *e)
{
    const char *name = a->hdf5 ? array_hdf5_name(a->hdf5) : a->extent.name;
    int64_t place = a->hdf5 ? at : a->npy.offset + at * a->npy.type->bytes;
    if (label < 0 || !classes)
        return ERR(e, ERR_FORMAT, "%s: %s %lld: label %lld; labels are from 0 to %d", name,
                   a->hdf5 ? "element" : "byte", (long long)place, (long long)label,
                   ARRAY_MAX_CLASSES - 1);
    return ERR(e, ERR_FORMAT, "%s: %s %lld: label %lld, but there are %lld classes", name,
               a->hdf5 ? "element" : "byte", (long long)place, (long long)label,
               (long long)classes);
}

enum err_code array_labels(struct array *a, int64_t classes, int32_t *out, int64_t *most,
                           struct err *e)
{
    char raw[PIECE * 8];
    int64_t label[PIECE], limit = classes ? classes : ARRAY_MAX_CLASSES, largest = 0;
    INVARIANT(a->row == 1 && a->npy.type->kind != NPY_FLOAT);
    for (int64_t done = 0; done < a->npy.count; done += PIECE) {
        int64_t left = a->npy.count - done, n = left < PIECE ? left : PIECE;
        TRY(array_read(a, done, n, raw, e));
        npy_ints(a->npy.type, raw, n, label);
        for (int64_t i = 0; i < n; i++) {
            if (label[i] < 0 || label[i] >= limit)
                return label_wrong(a, done + i, label[i], classes, e);
            if (label[i] > largest) largest = label[i];
            if (out) out[done + i] = (int32_t)label[i];
        }
    }
    if (most) *most = largest;
    return a->hdf5 ? ERR_OK : extent_check(&a->extent, e);
}
