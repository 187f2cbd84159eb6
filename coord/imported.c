/* imported.c - see imported.h. Reads what imported_write.c wrote; a file is believed only as far
 * as its sizes agree. */
#include "coord/imported.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/h5.h"
#include "coord/journal.h"

enum { PATH_SIZE = 4096 };

const char *imported_path(const char *store_path, const char *name, char *out, size_t size)
{
    char file[IMPORTED_NAME + 16];
    snprintf(file, sizeof file, "imported/%s.h5", name);
    return journal_path(store_path, file, out, size);
}

/* ---- names ---- */

/* Is all of the text ASCII letters, digits and those signs? */
static bool made_of(const char *text, const char *signs)
{
    for (; *text; text++)
        if (*text & 0x80 || (!isalnum(*text) && !strchr(signs, *text))) return false;
    return true;
}

bool imported_name_ok(const char *name)
{
    size_t length = strlen(name);
    bool is_trial = length == 16 && strspn(name, "0123456789abcdefABCDEF") == 16;
    return length > 0 && length < IMPORTED_NAME && made_of(name, "._+-") &&
           !strchr(".+-", name[0]) && !is_trial;
}

/* Is it UTF-8 without control characters? */
static bool printable(const char *text)
{
    unsigned code;
    for (size_t left = strlen(text); left;) {
        int bytes = text_code_point(text, left, &code);
        if (bytes == 0 || code < ' ' || (code >= 0x7f && code < 0xa0)) return false;
        text += bytes;
        left -= (size_t)bytes;
    }
    return true;
}

bool imported_layer_ok(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length < IMPORTED_NAME && strcmp(name, ".") != 0 &&
           !strchr(name, '/') && printable(name);
}

bool imported_attribute_set(struct imported_attribute *a, const char *key, const char *value)
{
    char *end;
    if (strlen(key) >= sizeof a->key || !isalpha((unsigned char)*key) || !made_of(key, "_.-") ||
        strlen(value) >= sizeof a->text || !printable(value))
        return false;
    *a = (struct imported_attribute){.number = strtod(value, &end)};
    a->is_number = end != value && !*end;
    if (!a->is_number) a->number = 0;
    snprintf(a->key, sizeof a->key, "%s", key);
    snprintf(a->text, sizeof a->text, "%s", value);
    return true;
}

/* ---- one file ---- */

struct reader {
    const char *path;
    hid_t file;
    struct arena *arena;
    struct imported_model *m;
};

static bool number_read(hid_t at, const char *name, hid_t type, void *out)
{
    hid_t a = H5Aopen(at, name, H5P_DEFAULT), space = a < 0 ? -1 : H5Aget_space(a);
    bool ok =
        space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Aread(a, type, out) >= 0;
    h5_release(space);
    h5_release(a);
    return ok;
}

static bool text_read(const struct reader *x, const char *name, char out[IMPORTED_NAME])
{
    const char *text = h5_attribute_read(x->file, name, x->arena);
    if (text && strlen(text) < IMPORTED_NAME) strcpy(out, text);
    return text && strlen(text) < IMPORTED_NAME;
}

static herr_t attribute_read(hid_t group, const char *name, const H5A_info_t *info, void *self)
{
    const struct reader *x = self;
    (void)info;
    struct imported_attribute *a = &x->m->attribute[x->m->n_attributes];
    char number[32];
    const char *text = h5_attribute_read(group, name, x->arena);
    double value = 0;
    if (x->m->n_attributes == IMPORTED_MAX_ATTRIBUTES) return -1;
    if (!text && !number_read(group, name, H5T_NATIVE_DOUBLE, &value)) return -1;
    if (!imported_attribute_set(a, name, text ? text : text_double(value, number))) return -1;
    a->is_number = !text;
    a->number = value;
    x->m->n_attributes++;
    return 0;
}

static bool attributes_read(struct reader *x)
{
    hsize_t at = 0;
    x->m->attribute =
        arena_array(x->arena, IMPORTED_MAX_ATTRIBUTES + 1, sizeof *x->m->attribute);
    hid_t group = x->m->attribute ? H5Gopen2(x->file, "/attributes", H5P_DEFAULT) : -1;
    bool ok = group >= 0 &&
              H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, &at, attribute_read, x) >= 0;
    h5_release(group);
    return ok;
}

/* Is it [n, d] of single precision? Then *d is set. */
static bool layer_sizes(hid_t dataset, int64_t n, int64_t *d)
{
    hsize_t dims[2] = {0};
    int64_t count;
    hid_t type = H5Dget_type(dataset);
    bool ok = H5Tequal(type, H5T_IEEE_F32LE) > 0 && h5_dims(dataset, 2, dims) == 2 &&
              dims[0] == (hsize_t)n && dims[1] > 0 && dims[1] <= INT64_MAX &&
              !__builtin_mul_overflow(n, (int64_t)dims[1], &count) && count <= INT64_MAX / 4;
    h5_release(type);
    *d = (int64_t)dims[1];
    return ok;
}

static bool layers_read(struct reader *x)
{
    struct imported_model *m = x->m;
    char **name = h5_names(x->file, "/layers", x->arena, &m->n_layers);
    if (!name || m->n_layers < 1 || m->n_layers > IMPORTED_MAX_LAYERS) return false;
    m->layer = arena_array(x->arena, (size_t)m->n_layers, sizeof *m->layer);
    m->d = arena_array(x->arena, (size_t)m->n_layers, sizeof *m->d);
    hid_t group = m->layer && m->d ? H5Gopen2(x->file, "/layers", H5P_DEFAULT) : -1;
    bool ok = group >= 0;
    for (int l = 0; l < m->n_layers && ok; l++) {
        hid_t dataset = H5Dopen2(group, name[l], H5P_DEFAULT);
        ok = dataset >= 0 && imported_layer_ok(name[l]) && layer_sizes(dataset, m->n, &m->d[l]);
        if (ok) strcpy(m->layer[l], name[l]);
        h5_release(dataset);
    }
    h5_release(group);
    return ok;
}

static bool model_read(struct reader *x)
{
    struct imported_model *m = x->m;
    return number_read(x->file, "n", H5T_NATIVE_INT64, &m->n) && m->n > 0 &&
           number_read(x->file, "rows", H5T_NATIVE_UINT64, &m->rows) &&
           number_read(x->file, "id", H5T_NATIVE_UINT64, &m->id) &&
           text_read(x, "modality", m->modality) && text_read(x, "probe", m->probe) &&
           layers_read(x) && attributes_read(x);
}

static enum err_code file_read(const char *store_path, const char *name, struct arena *arena,
                               struct imported_model *out, struct err *e)
{
    char path[PATH_SIZE];
    struct reader x = {
        .path = imported_path(store_path, name, path, sizeof path), .arena = arena, .m = out};
    *out = (struct imported_model){0};
    snprintf(out->name, sizeof out->name, "%s", name);
    x.file = h5_open_read(path);
    bool ok = x.file >= 0 && model_read(&x);
    if (x.file >= 0) H5Fclose(x.file);
    if (ok) return ERR_OK;
    return ERR(e, ERR_FORMAT,
               "'%s' is not readable as an imported model; import it again with "
               "--force, or remove it",
               path);
}

/* ---- all of a store ---- */

static int by_name(const void *a, const void *b)
{
    const struct imported_model *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The name of a model whose file is called that, in out; false: it is no such file. */
static bool model_of_file(const char *file, char out[IMPORTED_NAME])
{
    size_t length = strlen(file);
    if (length < 4 || length - 3 >= IMPORTED_NAME || strcmp(file + length - 3, ".h5") != 0)
        return false;
    snprintf(out, IMPORTED_NAME, "%.*s", (int)(length - 3), file);
    return imported_name_ok(out);
}

static enum err_code read_all(const char *store_path, const char *except, DIR *folder,
                              struct arena *arena, struct imported_model **out, int *n,
                              struct err *e)
{
    char name[IMPORTED_NAME];
    int count = 0;
    while (readdir(folder)) count++;
    rewinddir(folder);
    *out = arena_array(arena, (size_t)count, sizeof **out);
    if (!*out) return ERR(e, ERR_NOMEM, "no memory for %d imported models", count);
    for (struct dirent *file; *n < count && (file = readdir(folder));) {
        if (!model_of_file(file->d_name, name) || (except && strcmp(name, except) == 0))
            continue;
        TRY(file_read(store_path, name, arena, &(*out)[*n], e));
        ++*n;
    }
    qsort(*out, (size_t)*n, sizeof **out, by_name);
    return ERR_OK;
}

enum err_code imported_others(const char *store_path, const char *name, struct arena *arena,
                              struct imported_model **out, int *n, struct err *e)
{
    char path[PATH_SIZE];
    DIR *folder = opendir(journal_path(store_path, "imported", path, sizeof path));
    *out = NULL;
    *n = 0;
    h5_quiet();
    if (!folder && errno == ENOENT) return ERR_OK;
    if (!folder) return ERR(e, ERR_IO, "cannot list '%s': %s", path, strerror(errno));
    enum err_code rc = read_all(store_path, name, folder, arena, out, n, e);
    closedir(folder);
    return rc;
}

enum err_code imported_list(const char *store_path, struct arena *arena,
                            struct imported_model **out, int *n, struct err *e)
{
    return imported_others(store_path, NULL, arena, out, n, e);
}

enum err_code imported_read(const char *store_path, const struct imported_model *m, int layer,
                            float *x, struct err *e)
{
    char path[PATH_SIZE], name[IMPORTED_NAME + 16];
    uint64_t id = 0;
    int64_t d = 0;
    enum err_code rc = ERR_OK;
    INVARIANT(layer >= 0 && layer < m->n_layers);
    h5_quiet();
    hid_t file = h5_open_read(imported_path(store_path, m->name, path, sizeof path));
    if (file < 0) return H5_ERR(e, "cannot open '%s'", path);
    snprintf(name, sizeof name, "/layers/%s", m->layer[layer]);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0 || !layer_sizes(dataset, m->n, &d) || d != m->d[layer] ||
        !number_read(file, "id", H5T_NATIVE_UINT64, &id) || id != m->id)
        rc = ERR(e, ERR_FORMAT, "'%s' is another model than it was", path);
    else if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0)
        rc = H5_ERR(e, "cannot read %s of '%s'", name, path);
    h5_release(dataset);
    H5Fclose(file);
    return rc;
}
