/* align_file.c - see align_file.h. A further number of a measure is a member of struct
 * align_scores and a line in read_scores and write_scores. */
#include "coord/align_file.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coord/journal.h"

enum { PATH_SIZE = 4096 };

struct align_scores *align_file_find(const struct align_file *f, const char *measure)
{
    for (int i = 0; i < f->n_scores; i++)
        if (strcmp(f->scores[i].measure, measure) == 0) return &f->scores[i];
    return NULL;
}

struct align_scores *align_file_scores(struct align_file *f, const char *measure)
{
    struct align_scores *s = align_file_find(f, measure);
    if (s) return s;
    if (f->n_scores == f->capacity) {
        int capacity = 2 * f->capacity + 8;
        struct align_scores *grown = arena_array(&f->arena, (size_t)capacity, sizeof *grown);
        if (!grown) return NULL;
        if (f->n_scores) memcpy(grown, f->scores, (size_t)f->n_scores * sizeof *grown);
        f->scores = grown;
        f->capacity = capacity;
    }
    size_t n = (size_t)f->n_models, pairs;
    if (__builtin_mul_overflow(n, n, &pairs)) return NULL;
    s = &f->scores[f->n_scores];
    s->score = arena_array(&f->arena, pairs, sizeof *s->score);
    s->layer_a = arena_array(&f->arena, pairs, sizeof *s->layer_a);
    s->layer_b = arena_array(&f->arena, pairs, sizeof *s->layer_b);
    if (!s->score || !s->layer_a || !s->layer_b) return NULL;
    snprintf(s->measure, sizeof s->measure, "%s", measure);
    f->n_scores++;
    return s;
}

void align_file_clear(struct align_file *f)
{
    arena_clear(&f->arena);
    *f = (struct align_file){0};
}

/* ---- reading ---- */

/* Values of the dataset, all of them; false if there is none of that many. */
static bool read_dataset(hid_t from, const char *name, hid_t type, int64_t count, void *out)
{
    hid_t d = H5Dopen2(from, name, H5P_DEFAULT);
    if (d < 0) return false;
    hid_t space = H5Dget_space(d);
    bool ok = H5Sget_simple_extent_npoints(space) == count &&
              (count == 0 || H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(d);
    return ok;
}

static bool read_attribute(hid_t from, const char *name, hid_t type, void *out)
{
    hid_t a = H5Aopen(from, name, H5P_DEFAULT);
    if (a < 0) return false;
    hid_t space = H5Aget_space(a);
    bool ok = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(a, type, out) >= 0;
    H5Sclose(space);
    H5Aclose(a);
    return ok;
}

/* A fixed text of at most size - 1 characters. */
static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

static bool read_text(hid_t from, const char *name, char *out, size_t size)
{
    hid_t type = text_type(size);
    bool ok = read_attribute(from, name, type, out);
    H5Tclose(type);
    return ok;
}

static bool read_scores(hid_t group, const char *measure, struct align_file *f)
{
    struct align_scores *s = align_file_scores(f, measure);
    if (!s) return false;
    hid_t g = H5Gopen2(group, measure, H5P_DEFAULT);
    if (g < 0) return false;
    int64_t pairs = f->n_models * f->n_models;
    char normalize[ALIGN_NAME];
    struct alignment_options *o = &s->options;
    bool ok = read_dataset(g, "score", H5T_NATIVE_DOUBLE, pairs, s->score) &&
              read_dataset(g, "layer_a", H5T_NATIVE_INT32, pairs, s->layer_a) &&
              read_dataset(g, "layer_b", H5T_NATIVE_INT32, pairs, s->layer_b) &&
              read_attribute(g, "epsilon", H5T_NATIVE_DOUBLE, &o->epsilon) &&
              read_attribute(g, "clip", H5T_NATIVE_DOUBLE, &o->clip) &&
              read_attribute(g, "k", H5T_NATIVE_INT64, &o->k) &&
              read_text(g, "normalize", normalize, sizeof normalize) &&
              read_text(g, "probe", o->probe, sizeof o->probe) &&
              read_text(g, "source", s->source, sizeof s->source);
    if (ok) o->normalize = table_find(&alignment_normalizations, normalize);
    for (int64_t i = 0; i < pairs && ok; i++)
        ok = s->layer_a[i] >= -1 && s->layer_a[i] < f->n_layers && s->layer_b[i] >= -1 &&
             s->layer_b[i] < f->n_layers;
    H5Gclose(g);
    return ok;
}

static bool read_models(hid_t group, struct align_file *f)
{
    hid_t d = H5Dopen2(group, "id", H5P_DEFAULT);
    if (d < 0) return false;
    hid_t space = H5Dget_space(d);
    f->n_models = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Dclose(d);
    hid_t a = H5Aopen(group, "layers", H5P_DEFAULT);
    if (a < 0) return false;
    space = H5Aget_space(a);
    f->n_layers = (int)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    f->row = arena_array(&f->arena, (size_t)f->n_models, sizeof *f->row);
    f->id = arena_array(&f->arena, (size_t)f->n_models, sizeof *f->id);
    f->layer = arena_array(&f->arena, (size_t)f->n_layers, sizeof *f->layer);
    hid_t text = text_type(sizeof *f->layer);
    bool ok = f->row && f->id && f->layer && H5Aread(a, text, f->layer) >= 0 &&
              read_dataset(group, "trial", H5T_NATIVE_INT64, f->n_models, f->row) &&
              read_dataset(group, "id", H5T_NATIVE_UINT64, f->n_models, f->id);
    H5Tclose(text);
    H5Aclose(a);
    return ok;
}

static bool read_group(hid_t group, struct align_file *f)
{
    H5G_info_t info;
    if (!read_models(group, f) || H5Gget_info(group, &info) < 0) return false;
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char name[ALIGN_NAME];
        ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                            sizeof name, H5P_DEFAULT);
        if (length < 0 || (size_t)length >= sizeof name) return false;
        if (strcmp(name, "trial") == 0 || strcmp(name, "id") == 0) continue;
        if (!read_scores(group, name, f)) return false;
    }
    return true;
}

enum err_code align_file_read(const char *store_path, struct align_file *out, struct err *e)
{
    char path[PATH_SIZE];
    journal_path(store_path, "alignment.h5", path, sizeof path);
    *out = (struct align_file){0};
    if (access(path, F_OK) != 0) return ERR_OK;
    bool ok = false;
    H5E_BEGIN_TRY
    {
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t group = file >= 0 ? H5Gopen2(file, "/alignment", H5P_DEFAULT) : -1;
        ok = group >= 0 && read_group(group, out);
        if (group >= 0) H5Gclose(group);
        if (file >= 0) H5Fclose(file);
    }
    H5E_END_TRY;
    if (ok) return ERR_OK;
    align_file_clear(out);
    return ERR(e, ERR_FORMAT, "'%s' is not readable as alignment; remove it and align again",
               path);
}

/* ---- writing ---- */

static bool write_dataset(hid_t to, const char *name, hid_t type, int n_dims, int64_t n,
                          const void *values)
{
    hsize_t dims[2] = {(hsize_t)n, (hsize_t)n};
    hid_t space = H5Screate_simple(n_dims, dims, NULL);
    hid_t d = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (d >= 0) H5Dclose(d);
    H5Sclose(space);
    return ok;
}

/* count values; 0: a scalar */
static bool write_attribute(hid_t to, const char *name, hid_t type, int64_t count,
                            const void *values)
{
    hsize_t dims = (hsize_t)count;
    hid_t space = count ? H5Screate_simple(1, &dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = a >= 0 && H5Awrite(a, type, values) >= 0;
    if (a >= 0) H5Aclose(a);
    H5Sclose(space);
    return ok;
}

static bool write_text(hid_t to, const char *name, const char *text)
{
    hid_t type = text_type(strlen(text) + 1);
    bool ok = write_attribute(to, name, type, 0, text);
    H5Tclose(type);
    return ok;
}

static bool write_scores(hid_t group, const struct align_scores *s, int64_t n)
{
    const struct alignment_options *o = &s->options;
    hid_t g = H5Gcreate2(group, s->measure, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (g < 0) return false;
    bool ok =
        write_dataset(g, "score", H5T_NATIVE_DOUBLE, 2, n, s->score) &&
        write_dataset(g, "layer_a", H5T_NATIVE_INT32, 2, n, s->layer_a) &&
        write_dataset(g, "layer_b", H5T_NATIVE_INT32, 2, n, s->layer_b) &&
        write_attribute(g, "epsilon", H5T_NATIVE_DOUBLE, 0, &o->epsilon) &&
        write_attribute(g, "clip", H5T_NATIVE_DOUBLE, 0, &o->clip) &&
        write_attribute(g, "k", H5T_NATIVE_INT64, 0, &o->k) &&
        write_text(g, "normalize", table_row(&alignment_normalizations, o->normalize)->name) &&
        write_text(g, "probe", o->probe) && write_text(g, "source", s->source);
    return H5Gclose(g) >= 0 && ok;
}

static bool write_file(const char *path, const struct align_file *f)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0) return false;
    hid_t g = H5Gcreate2(file, "/alignment", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = text_type(sizeof *f->layer);
    bool ok = g >= 0 && write_attribute(g, "layers", text, f->n_layers, f->layer) &&
              write_dataset(g, "trial", H5T_NATIVE_INT64, 1, f->n_models, f->row) &&
              write_dataset(g, "id", H5T_NATIVE_UINT64, 1, f->n_models, f->id);
    for (int i = 0; i < f->n_scores && ok; i++)
        ok = write_scores(g, &f->scores[i], f->n_models);
    H5Tclose(text);
    if (g >= 0) H5Gclose(g);
    return H5Fclose(file) >= 0 && ok;
}

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0) return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

enum err_code align_file_write(const char *store_path, const struct align_file *f,
                               struct err *e)
{
    char folder[PATH_SIZE], path[PATH_SIZE], fresh[PATH_SIZE];
    journal_path(store_path, "", folder, sizeof folder);
    journal_path(store_path, "alignment.h5", path, sizeof path);
    journal_path(store_path, "alignment.h5.new", fresh, sizeof fresh);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ERR(e, ERR_IO, "cannot make the folder '%s': %s", folder, strerror(errno));
    bool ok = false;
    H5E_BEGIN_TRY
    {
        ok = write_file(fresh, f);
    }
    H5E_END_TRY;
    if (!ok) return ERR(e, ERR_IO, "cannot write '%s'", fresh);
    if (!sync_path(fresh) || rename(fresh, path) != 0 || !sync_path(folder))
        return ERR(e, ERR_IO, "cannot replace '%s': %s", path, strerror(errno));
    return ERR_OK;
}
