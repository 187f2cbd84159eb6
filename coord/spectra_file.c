/* spectra_file.c - spectra in STORE.d/spectra.h5. A further number of a layer is a member of
 * struct spectra_row and a row of columns[]. */
#include <hdf5.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/folder.h"
#include "coord/h5.h"
#include "coord/journal.h"
#include "coord/spectra.h"

enum { PATH_SIZE = 4096 };

#define COLUMN(member)                                                                         \
    offsetof(struct spectra_row, member), sizeof(((struct spectra_row *)0)->member)
static const struct column {
    const char *name;
    size_t offset, size;
    enum { TEXT, WHOLE, ID, REAL } type;
} columns[] = {
    {"name", COLUMN(name), TEXT},
    {"layer", COLUMN(layer), TEXT},
    {"trial", COLUMN(trial), WHOLE},
    {"id", COLUMN(id), ID},
    {"d", COLUMN(d), WHOLE},
    {"participation_ratio", COLUMN(participation), REAL},
    {"effective_dimension", COLUMN(effective), REAL},
    {"d90", COLUMN(dimensions[0]), WHOLE},
    {"d95", COLUMN(dimensions[1]), WHOLE},
    {"d99", COLUMN(dimensions[2]), WHOLE},
    {"eigenvalues", COLUMN(share), REAL},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* Numbers or texts of a row in a column. */
static hsize_t width_of(const struct column *c)
{
    return c->type == TEXT ? 1 : c->size / 8;
}

/* To be closed by H5Tclose. */
static hid_t type_of(const struct column *c)
{
    hid_t type = H5Tcopy(c->type == TEXT    ? H5T_C_S1
                         : c->type == WHOLE ? H5T_NATIVE_INT64
                         : c->type == ID    ? H5T_NATIVE_UINT64
                                            : H5T_NATIVE_DOUBLE);
    if (c->type == TEXT) H5Tset_size(type, c->size);
    return type;
}

void spectra_clear(struct spectra *s)
{
    free(s->row);
    *s = (struct spectra){0};
}

/* ---- reading ---- */

static bool read_column(hid_t from, const struct column *c, struct spectra *s)
{
    hsize_t dims[2] = {0, 1};
    hid_t d = H5Dopen2(from, c->name, H5P_DEFAULT), type = type_of(c);
    int n_dims = h5_dims(d, 2, dims);
    bool ok = n_dims == (width_of(c) > 1 ? 2 : 1) && dims[1] == width_of(c);
    if (ok && !s->row) {
        s->n = (int64_t)dims[0];
        s->row = calloc(dims[0] + 1, sizeof *s->row);
    }
    ok = ok && s->row && (int64_t)dims[0] == s->n;
    char *value = ok ? malloc((size_t)s->n * c->size + 1) : NULL;
    ok = value && (s->n == 0 || H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    for (int64_t i = 0; ok && i < s->n; i++) {
        char *to = (char *)&s->row[i] + c->offset;
        memcpy(to, value + (size_t)i * c->size, c->size);
        if (c->type == TEXT) to[c->size - 1] = 0;
    }
    free(value);
    h5_release(type);
    h5_release(d);
    return ok;
}

static bool read_name(hid_t g, const char *name, const struct table *rows, struct arena *a,
                      int *out)
{
    const char *text = h5_attribute_read(g, name, a);
    *out = text ? table_find(rows, text) : -1;
    return *out >= 0;
}

static bool read_group(hid_t g, struct spectra *s)
{
    struct arena a = {0};
    struct alignment_options *o = &s->options;
    const char *probe = h5_attribute_read(g, "probe", &a);
    const char *clip = h5_attribute_read(g, "clip", &a);
    bool ok = probe && clip &&
              read_name(g, "normalize", &alignment_normalizations, &a, &o->normalize) &&
              read_name(g, "clip_by", &alignment_clips, &a, &o->clip_by);
    if (ok) {
        snprintf(o->probe, sizeof o->probe, "%s", probe);
        o->clip = strtod(clip, NULL);
    }
    arena_clear(&a);
    for (int i = 0; ok && i < N_COLUMNS; i++) ok = read_column(g, &columns[i], s);
    return ok;
}

enum err_code spectra_read(const char *store_path, struct spectra *out, struct err *e)
{
    char path[PATH_SIZE];
    journal_path(store_path, "spectra.h5", path, sizeof path);
    *out = (struct spectra){0};
    if (access(path, F_OK) != 0) return ERR_OK;
    bool ok = false;
    H5E_BEGIN_TRY
    {
        hid_t file = h5_open_read(path);
        hid_t g = file >= 0 ? H5Gopen2(file, "/spectra", H5P_DEFAULT) : -1;
        ok = g >= 0 && read_group(g, out);
        h5_release(g);
        h5_release(file);
    }
    H5E_END_TRY;
    if (ok) return ERR_OK;
    spectra_clear(out);
    return ERR(e, ERR_FORMAT, "'%s' is not readable as spectra; remove it and align again",
               path);
}

/* ---- writing ---- */

static bool write_column(hid_t to, const struct column *c, const struct spectra *s)
{
    hsize_t dims[2] = {(hsize_t)s->n, width_of(c)};
    hid_t type = type_of(c), space = H5Screate_simple(dims[1] > 1 ? 2 : 1, dims, NULL);
    hid_t d = H5Dcreate2(to, c->name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    char *value = malloc((size_t)s->n * c->size + 1);
    for (int64_t i = 0; value && i < s->n; i++)
        memcpy(value + (size_t)i * c->size, (const char *)&s->row[i] + c->offset, c->size);
    bool ok = value && d >= 0 &&
              (s->n == 0 || H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    free(value);
    h5_release(d);
    h5_release(space);
    h5_release(type);
    return ok;
}

static enum err_code write_file(const char *path, const struct spectra *s, struct err *e)
{
    char clip[32];
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t g = file >= 0 ? h5_group_create(file, "spectra") : -1;
    const struct alignment_options *o = &s->options;
    const char *const attribute[][2] = {
        {"normalize", table_row(&alignment_normalizations, o->normalize)->name},
        {"clip_by", table_row(&alignment_clips, o->clip_by)->name},
        {"probe", o->probe},
        {"clip", text_double(o->clip, clip)},
    };
    enum err_code rc = g >= 0 ? ERR_OK : H5_ERR(e, "cannot write '%s'", path);
    for (int i = 0; rc == ERR_OK && i < 4; i++)
        rc = h5_attribute_write(g, attribute[i][0], attribute[i][1], e);
    for (int i = 0; rc == ERR_OK && i < N_COLUMNS; i++)
        if (!write_column(g, &columns[i], s)) rc = H5_ERR(e, "cannot write '%s'", path);
    h5_release(g);
    if (file >= 0 && H5Fclose(file) < 0 && rc == ERR_OK)
        rc = H5_ERR(e, "cannot write '%s'", path);
    return rc;
}

enum err_code spectra_write(const char *store_path, const struct spectra *s, struct err *e)
{
    char folder[PATH_SIZE], path[PATH_SIZE];
    enum err_code rc;
    snprintf(folder, sizeof folder, "%s.d", store_path);
    journal_path(store_path, "spectra.h5" FOLDER_NEW, path, sizeof path);
    TRY(folder_make(folder, e));
    H5E_BEGIN_TRY
    {
        rc = write_file(path, s, e);
    }
    H5E_END_TRY;
    TRY(rc);
    return folder_keep_synced(folder, "spectra.h5", e);
}

/* ---- JSON ---- */

static void print_number(FILE *out, const char *key, double value)
{
    char number[32] = "null";
    if (isfinite(value)) text_double(value, number);
    fprintf(out, ", \"%s\": %s", key, number);
}

enum err_code spectra_json(const char *store_path, FILE *out, struct err *e)
{
    struct spectra s;
    TRY(spectra_read(store_path, &s, e));
    fprintf(out, "[");
    for (int64_t i = 0; i < s.n; i++) {
        const struct spectra_row *r = &s.row[i];
        fprintf(out, "%s\n  {\"model\": \"%s\", \"layer\": \"%s\", \"d\": %" PRId64,
                i ? "," : "", r->name, r->layer, r->d);
        print_number(out, "participation_ratio", r->participation);
        print_number(out, "effective_dimension", r->effective);
        for (int k = 0; k < SPECTRUM_SHARES; k++)
            fprintf(out, ", \"d%.0f\": %" PRId64, 100 * spectrum_shares[k], r->dimensions[k]);
        fprintf(out, "}");
    }
    fprintf(out, "\n]");
    spectra_clear(&s);
    return ferror(out) ? ERR(e, ERR_IO, "cannot write the spectra") : ERR_OK;
}
