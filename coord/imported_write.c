/* imported_write.c - writes a model of imported.h: to NAME.h5.new, under a lock on the folder,
 * then syncs and renames. Nothing is left of one that was abandoned, not even folders. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/text.h"
#include "coord/folder.h"
#include "coord/h5.h"
#include "coord/imported.h"
#include "coord/journal.h"
#include "coord/store_bare.h"

enum { PATH_SIZE = 4096 };

struct imported_writer {
    char store[PATH_SIZE], folder[PATH_SIZE], file_name[IMPORTED_NAME + 8], path[PATH_SIZE];
    const struct imported_model *m; /* a copy in the arena */
    struct arena arena;
    int lock; /* on the folder */
    hid_t file;
    hid_t *dataset;       /* [n_layers] */
    XXH64_state_t **hash; /* [n_layers] of the numbers */
};

/* ---- may it be kept? ---- */

static enum err_code model_check(const struct imported_model *m, struct err *e)
{
    if (!imported_name_ok(m->name))
        return ERR(
            e, ERR_CONFIG,
            "a model cannot be called '%s': its name is that of a file, 1 to %d letters, "
            "digits, . _ + -, begins with no . + -, and is no trial's id",
            m->name, IMPORTED_NAME - 1);
    if (m->n < 1 || m->n_layers < 1 || m->n_layers > IMPORTED_MAX_LAYERS)
        return ERR(e, ERR_SHAPE, "model %s: %d layers of %" PRId64 " rows; 1 to %d are kept",
                   m->name, m->n_layers, m->n, IMPORTED_MAX_LAYERS);
    for (int l = 0; l < m->n_layers; l++) {
        int64_t bytes;
        if (m->d[l] < 1 || __builtin_mul_overflow(m->n, m->d[l], &bytes) ||
            __builtin_mul_overflow(bytes, 4, &bytes))
            return ERR(e, ERR_SHAPE, "model %s: layer %s cannot be [%" PRId64 ", %" PRId64 "]",
                       m->name, m->layer[l], m->n, m->d[l]);
        if (!imported_layer_ok(m->layer[l]))
            return ERR(e, ERR_CONFIG, "model %s: a layer cannot be called '%s'", m->name,
                       m->layer[l]);
        for (int k = 0; k < l; k++)
            if (strcmp(m->layer[k], m->layer[l]) == 0)
                return ERR(e, ERR_CONFIG, "model %s: two layers are called '%s'", m->name,
                           m->layer[l]);
    }
    for (int a = 0; a < m->n_attributes; a++)
        for (int b = 0; b < a; b++)
            if (strcmp(m->attribute[a].key, m->attribute[b].key) == 0)
                return ERR(e, ERR_CONFIG, "model %s: the attribute %s is given twice", m->name,
                           m->attribute[a].key);
    return ERR_OK;
}

/* The number of samples of the store's probe set. */
static enum err_code probe_check(const char *store_path, const struct imported_model *m,
                                 struct err *e)
{
    char name[IMPORTED_NAME + 32];
    hsize_t n = 0;
    hid_t file = h5_open_read(store_path);
    if (file < 0)
        return ERR(e, ERR_CONFIG, "probe set %s: there is no store '%s' to have one", m->probe,
                   store_path);
    snprintf(name, sizeof name, "/probe/%s/index", m->probe);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    bool found = dataset >= 0 && h5_dims(dataset, 1, &n) == 1;
    h5_release(dataset);
    struct text known = {0};
    struct arena arena = {0};
    int count = 0;
    char **set = found ? NULL : h5_names(file, "/probe", &arena, &count);
    for (int i = 0; set && i < count; i++) text_add(&known, "%s%s", i ? ", " : "", set[i]);
    enum err_code rc = ERR_OK;
    if (!found)
        rc = ERR(e, ERR_CONFIG, "'%s' has no probe set '%s'; it has %.200s", store_path,
                 m->probe, known.at ? known.at : "none");
    else if ((int64_t)n != m->n)
        rc = ERR(e, ERR_CONFIG,
                 "model %s has %" PRId64 " rows, but the probe set %s of '%s' has %" PRId64,
                 m->name, m->n, m->probe, store_path, (int64_t)n);
    text_clear(&known);
    arena_clear(&arena);
    H5Fclose(file);
    return rc;
}

/* Do both stand for the same inputs, as far as they say? */
static enum err_code same_inputs(const struct imported_model *m,
                                 const struct imported_model *other, struct err *e)
{
    static const char all[] = "all models of a store stand for the same inputs in the same "
                              "order; --force replaces a model";
    if (m->n != other->n)
        return ERR(e, ERR_CONFIG,
                   "model %s has %" PRId64 " rows, but model %s, imported before, has %" PRId64
                   ": %s",
                   m->name, m->n, other->name, other->n, all);
    if (strcmp(m->probe, other->probe) != 0)
        return ERR(
            e, ERR_CONFIG,
            "the rows of model %s are of %s%s, but those of model %s, imported before, of "
            "%s%s: %s",
            m->name, *m->probe ? "the probe set " : "no probe set", m->probe, other->name,
            *other->probe ? "the probe set " : "no probe set", other->probe, all);
    if (m->rows == other->rows) return ERR_OK;
    if (m->rows && other->rows)
        return ERR(
            e, ERR_CONFIG,
            "the row ids of model %s are others, or in another order, than those of model "
            "%s, imported before: %s",
            m->name, other->name, all);
    return ERR(e, ERR_CONFIG,
               "model %s has row ids, but model %s has none%s: they cannot be compared; %s",
               m->rows ? m->name : other->name, m->rows ? other->name : m->name,
               m->rows ? " (it was imported before)" : "", all);
}

static enum err_code others_check(const struct imported_writer *w, bool force, struct err *e)
{
    struct arena arena = {0};
    struct imported_model *other;
    int n;
    if (!force &&
        access(imported_path(w->store, w->m->name, (char[PATH_SIZE]){0}, PATH_SIZE), F_OK) == 0)
        return ERR(e, ERR_CONFIG, "'%s' has a model %s; --force replaces it", w->store,
                   w->m->name);
    enum err_code rc = imported_others(w->store, w->m->name, &arena, &other, &n, e);
    for (int i = 0; rc == ERR_OK && i < n; i++) rc = same_inputs(w->m, &other[i], e);
    arena_clear(&arena);
    return rc;
}

/* ---- the file ---- */

static bool number_write(hid_t at, const char *name, hid_t stored, hid_t type,
                         const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(at, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = a >= 0 && H5Awrite(a, type, value) >= 0;
    h5_release(a);
    h5_release(space);
    return ok;
}

static bool attributes_write(hid_t file, const struct imported_model *m, struct err *e)
{
    hid_t group = h5_group_create(file, "attributes");
    bool ok = group >= 0;
    for (int i = 0; i < m->n_attributes && ok; i++) {
        const struct imported_attribute *a = &m->attribute[i];
        ok = a->is_number
                 ? number_write(group, a->key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &a->number)
                 : h5_attribute_write(group, a->key, a->text, e) == ERR_OK;
    }
    h5_release(group);
    return ok;
}

static bool layers_make(struct imported_writer *w)
{
    const struct imported_model *m = w->m;
    hid_t group = h5_group_create(w->file, "layers");
    bool ok = group >= 0;
    for (int l = 0; l < m->n_layers && ok; l++) {
        hsize_t dims[2] = {(hsize_t)m->n, (hsize_t)m->d[l]};
        w->dataset[l] = h5_dataset_create(group, m->layer[l], H5T_IEEE_F32LE, 2, dims, NULL);
        ok = w->dataset[l] >= 0;
    }
    h5_release(group);
    return ok;
}

static enum err_code file_make(struct imported_writer *w, const char *source, struct err *e)
{
    const struct imported_model *m = w->m;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);
    w->file = H5Fcreate(w->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    bool ok = w->file >= 0 && h5_attribute_write(w->file, "name", m->name, e) == ERR_OK &&
              h5_attribute_write(w->file, "modality", m->modality, e) == ERR_OK &&
              h5_attribute_write(w->file, "probe", m->probe, e) == ERR_OK &&
              h5_attribute_write(w->file, "source", source, e) == ERR_OK &&
              number_write(w->file, "n", H5T_STD_I64LE, H5T_NATIVE_INT64, &m->n) &&
              number_write(w->file, "rows", H5T_STD_U64LE, H5T_NATIVE_UINT64, &m->rows) &&
              attributes_write(w->file, m, e) && layers_make(w);
    return ok ? ERR_OK : H5_ERR(e, "cannot write '%s'", w->path);
}

/* Everything that the writer holds open or hashed. */
static bool file_close(struct imported_writer *w)
{
    bool ok = true;
    for (int l = 0; w->dataset && l < w->m->n_layers; l++) {
        if (w->dataset[l] >= 0) ok = H5Dclose(w->dataset[l]) >= 0 && ok;
        w->dataset[l] = -1;
    }
    if (w->file >= 0) ok = H5Fclose(w->file) >= 0 && ok;
    w->file = -1;
    return ok;
}

/* ---- a model ---- */

static void *copy_of(struct arena *arena, const void *from, int count, size_t size)
{
    void *copy = arena_array(arena, (size_t)count, size);
    return copy && count ? memcpy(copy, from, (size_t)count * size) : copy;
}

static bool paths_set(struct imported_writer *w, const char *store_path, const char *name)
{
    char inside[IMPORTED_NAME + 32];
    if (snprintf(w->store, sizeof w->store, "%s", store_path) >= PATH_SIZE - IMPORTED_NAME - 32)
        return false;
    snprintf(w->file_name, sizeof w->file_name, "%s.h5", name);
    snprintf(inside, sizeof inside, "imported/%s%s", w->file_name, FOLDER_NEW);
    journal_path(store_path, inside, w->path, sizeof w->path);
    journal_path(store_path, "imported", w->folder, sizeof w->folder);
    return true;
}

static enum err_code writer_init(struct imported_writer *w, const char *store_path,
                                 const struct imported_model *m, struct err *e)
{
    w->file = w->lock = -1;
    if (!paths_set(w, store_path, m->name))
        return ERR(e, ERR_IO, "the path of the store is too long: %.200s...", store_path);
    struct imported_model *copy = copy_of(&w->arena, m, 1, sizeof *m);
    size_t layers = (size_t)m->n_layers;
    w->dataset = arena_array(&w->arena, layers, sizeof *w->dataset);
    w->hash = arena_array(&w->arena, layers, sizeof *w->hash);
    if (!copy || !w->dataset || !w->hash) goto nomem;
    w->m = copy;
    for (int l = 0; l < m->n_layers; l++) w->dataset[l] = -1;
    copy->layer = copy_of(&w->arena, m->layer, m->n_layers, sizeof *m->layer);
    copy->d = copy_of(&w->arena, m->d, m->n_layers, sizeof *m->d);
    copy->attribute = copy_of(&w->arena, m->attribute, m->n_attributes, sizeof *m->attribute);
    if (!copy->layer || !copy->d || !copy->attribute) goto nomem;
    for (int l = 0; l < m->n_layers; l++) {
        w->hash[l] = XXH64_createState();
        if (!w->hash[l]) goto nomem;
        XXH64_reset(w->hash[l], 0);
    }
    return ERR_OK;
nomem:
    return ERR(e, ERR_NOMEM, "no memory for %d layers", m->n_layers);
}

static enum err_code folder_lock(struct imported_writer *w, struct err *e)
{
    TRY(folder_make(w->folder, e));
    w->lock = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->lock < 0) return ERR(e, ERR_IO, "cannot open '%s': %s", w->folder, strerror(errno));
    flock(w->lock, LOCK_EX); /* a file system without locks: as good as it gets */
    return ERR_OK;
}

enum err_code imported_begin(const char *store_path, const struct imported_model *m,
                             const char *source, bool force, struct imported_writer **out,
                             struct err *e)
{
    *out = NULL;
    h5_quiet();
    TRY(model_check(m, e));
    if (*m->probe) TRY(probe_check(store_path, m, e));
    if (access(store_path, F_OK) == 0) TRY(store_bare_check(store_path, e));
    struct imported_writer *w = calloc(1, sizeof *w);
    if (!w) return ERR(e, ERR_NOMEM, "no memory to write a model");
    enum err_code rc = writer_init(w, store_path, m, e);
    if (rc == ERR_OK) rc = folder_lock(w, e);
    if (rc == ERR_OK) rc = others_check(w, force, e);
    if (rc == ERR_OK) rc = file_make(w, source, e);
    if (rc == ERR_OK)
        *out = w;
    else
        imported_abandon(w);
    return rc;
}

enum err_code imported_rows(struct imported_writer *w, int layer, int64_t first, int64_t n,
                            const float *x, struct err *e)
{
    INVARIANT(layer >= 0 && layer < w->m->n_layers && first >= 0 && first + n <= w->m->n);
    XXH64_update(w->hash[layer], x, (size_t)(n * w->m->d[layer]) * sizeof *x);
    if (h5_rows_write(w->dataset[layer], H5T_NATIVE_FLOAT, first, n, NULL, x) >= 0)
        return ERR_OK;
    return H5_ERR(e, "cannot write '%s'", w->path);
}

/* Of the names, sizes and numbers of all layers, in order. */
static uint64_t content_hash(const struct imported_writer *w)
{
    XXH64_state_t *all = XXH64_createState();
    INVARIANT(all);
    XXH64_reset(all, 0);
    for (int l = 0; l < w->m->n_layers; l++) {
        uint64_t part[3] = {(uint64_t)w->m->n, (uint64_t)w->m->d[l], XXH64_digest(w->hash[l])};
        XXH64_update(all, w->m->layer[l], strlen(w->m->layer[l]) + 1);
        XXH64_update(all, part, sizeof part);
    }
    uint64_t hash = XXH64_digest(all);
    XXH64_freeState(all);
    return hash;
}

static void writer_destroy(struct imported_writer *w)
{
    file_close(w);
    for (int l = 0; w->hash && w->m && l < w->m->n_layers; l++) XXH64_freeState(w->hash[l]);
    if (w->lock >= 0) close(w->lock);
    arena_clear(&w->arena);
    free(w);
}

enum err_code imported_finish(struct imported_writer *w, uint64_t *id, struct err *e)
{
    *id = content_hash(w);
    bool ok = number_write(w->file, "id", H5T_STD_U64LE, H5T_NATIVE_UINT64, id);
    ok = file_close(w) && ok;
    enum err_code rc = ok ? ERR_OK : H5_ERR(e, "cannot write '%s'", w->path);
    if (rc == ERR_OK && access(w->store, F_OK) != 0) rc = store_bare_create(w->store, e);
    if (rc == ERR_OK) rc = folder_keep_synced(w->folder, w->file_name, e);
    if (rc == ERR_OK)
        writer_destroy(w);
    else
        imported_abandon(w);
    return rc;
}

/* Under the lock. */
static void remove_rest(const struct imported_writer *w)
{
    char above[PATH_SIZE];
    unlink(w->path);
    rmdir(w->folder); /* where something is in it, it stays */
    rmdir(dirname(strcpy(above, w->folder)));
}

void imported_abandon(struct imported_writer *w)
{
    if (!w) return;
    file_close(w);
    if (w->lock >= 0) remove_rest(w);
    writer_destroy(w);
}

void imported_clean(const char *store_path, const char *name)
{
    struct imported_writer w = {0};
    if (!imported_name_ok(name) || !paths_set(&w, store_path, name)) return;
    w.lock = open(w.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w.lock < 0) return;
    flock(w.lock, LOCK_EX);
    remove_rest(&w);
    close(w.lock);
}

enum err_code imported_write(const char *store_path, const struct imported_model *m,
                             const float *const *x, const char *source, bool force,
                             struct err *e)
{
    struct imported_writer *w;
    uint64_t id;
    TRY(imported_begin(store_path, m, source, force, &w, e));
    for (int l = 0; l < m->n_layers; l++) {
        enum err_code rc = imported_rows(w, l, 0, m->n, x[l], e);
        if (rc == ERR_OK) continue;
        imported_abandon(w);
        return rc;
    }
    return imported_finish(w, &id, e);
}
