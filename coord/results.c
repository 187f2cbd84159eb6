/* results.c - reads a store into one table of trials, without MPI.
 *
 * Owns the memory of struct results (an arena) and no file handle beyond a call. The schema it
 * reads is in store.h; rows not in use are left out, so that row numbers of the table differ
 * from those of the store (struct reader keeps both ways). Where a trial stands is the
 * journal's word; a store without one is believed by its own state column. A setting is a
 * dataset of /trials with a dot in its name: a new one needs no change here. The stage of a
 * trial is read like a setting; the trials it comes from are no settings: they differ between
 * seeds. */
#include "coord/results.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "coord/h5.h"
#include "coord/journal.h"
#include "coord/results_models.h"
#include "coord/state.h"

struct results_inner {
    struct arena arena;
};

struct reader {
    const char *path; /* of the file that is being read */
    hid_t file;
    struct results *r;
    struct arena *arena;  /* of the results */
    struct arena scratch; /* given back when reading ends */
    int64_t n_rows;       /* of the store */
    int64_t *row;         /* [n_trials] table -> store: results.row */
    int64_t *trial;       /* [n_rows] store -> table, or -1 */
    int64_t n_models;     /* of the alignment */
    struct results_model *model;
};

static enum err_code nomem(const struct reader *x, struct err *e)
{
    return ERR(e, ERR_NOMEM, "%s: no memory to read the results", x->path);
}

/* Names of a group's links that are wanted, in the order they were made. */
static enum err_code wanted_names(struct reader *x, const char *group,
                                  bool (*wanted)(const char *name), char ***name, int *count,
                                  struct err *e)
{
    int all = 0;
    *name = h5_names(x->file, group, &x->scratch, &all);
    if (!*name) return ERR(e, ERR_FORMAT, "%s: no group %s", x->path, group);
    *count = 0;
    for (int i = 0; i < all; i++)
        if (wanted((*name)[i])) (*name)[(*count)++] = (*name)[i];
    return ERR_OK;
}

/* The stored type of a dataset's or attribute's fixed texts with room for a NUL behind the
 * longest one; negative if they are no fixed texts. */
static hid_t terminated(hid_t stored)
{
    bool fixed = H5Tget_class(stored) == H5T_STRING && H5Tis_variable_str(stored) == 0;
    hid_t type = fixed ? H5Tcopy(stored) : -1;
    if (fixed) H5Tset_size(type, H5Tget_size(stored) + 1);
    if (fixed) H5Tset_strpad(type, H5T_STR_NULLTERM);
    return type;
}

/* A scalar dataset of fixed text, or NULL if there is none. */
static char *dataset_text(struct reader *x, const char *name)
{
    if (H5Lexists(x->file, name, H5P_DEFAULT) <= 0) return NULL;
    hid_t d = H5Dopen2(x->file, name, H5P_DEFAULT), stored = H5Dget_type(d);
    hid_t type = terminated(stored);
    hsize_t dims[1];
    char *text =
        type >= 0 && h5_dims(d, 0, dims) == 0 ? arena_alloc(x->arena, H5Tget_size(type)) : NULL;
    if (text && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) text = NULL;
    h5_release(type);
    h5_release(stored);
    h5_release(d);
    return text;
}

/* The text attributes of a group as pairs name, value. */
struct attributes {
    struct reader *x;
    char **pair;
    int count;
};

static herr_t attribute_add(hid_t group, const char *name, const H5A_info_t *info, void *data)
{
    (void)info;
    struct attributes *a = data;
    char *value = h5_attribute_read(group, name, a->x->arena);
    if (!value) return 0; /* not a text: none of ours */
    a->pair[2 * a->count] = arena_text(a->x->arena, name);
    a->pair[2 * a->count + 1] = value;
    return a->pair[2 * a->count++] ? 0 : -1;
}

static enum err_code read_attributes(struct reader *x, const char *group, char ***pair,
                                     int *count, struct err *e)
{
    hid_t g = H5Gopen2(x->file, group, H5P_DEFAULT);
    if (g < 0) return ERR(e, ERR_FORMAT, "%s: no group %s", x->path, group);
    H5O_info_t info;
    H5Oget_info2(g, &info, H5O_INFO_NUM_ATTRS);
    struct attributes a = {x, arena_array(x->arena, 2 * (size_t)info.num_attrs, sizeof(char *)),
                           0};
    hsize_t at = 0;
    herr_t rc =
        a.pair ? H5Aiterate2(g, H5_INDEX_NAME, H5_ITER_INC, &at, attribute_add, &a) : -1;
    h5_release(g);
    *pair = a.pair;
    *count = a.count;
    return rc < 0 ? nomem(x, e) : ERR_OK;
}

static herr_t dataset_read(hid_t thing, hid_t type, void *out)
{
    return H5Dread(thing, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
}

/* ---- columns ---- */

/* Reads a dataset [n_rows] or [n_rows, *columns] as mem_type of that size and keeps the rows in
 * use. *columns: 0 wants a column; -1 any width, which it receives. */
static enum err_code read_rows(struct reader *x, const char *name, hid_t mem_type, size_t size,
                               int64_t *columns, void **out, struct err *e)
{
    hid_t d = H5Dopen2(x->file, name, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset %s", x->path, name);
    hsize_t dims[2] = {0, 1};
    enum err_code rc = ERR_OK;
    if (h5_dims(d, 2, dims) != (*columns ? 2 : 1)) {
        rc =
            ERR(e, ERR_FORMAT, "%s: %s has not %d dimensions", x->path, name, *columns ? 2 : 1);
        goto out;
    }
    if ((int64_t)dims[0] != x->n_rows || (*columns > 0 && (int64_t)dims[1] != *columns)) {
        rc = ERR(e, ERR_FORMAT, "%s: %s has %lld rows of %lld values, wanted %lld rows",
                 x->path, name, (long long)dims[0], (long long)dims[1], (long long)x->n_rows);
        goto out;
    }
    size_t row_bytes;
    if (__builtin_mul_overflow((size_t)dims[1], size, &row_bytes)) {
        rc = nomem(x, e);
        goto out;
    }
    char *all = arena_array(&x->scratch, (size_t)x->n_rows, row_bytes);
    char *kept = arena_array(x->arena, (size_t)x->r->n_trials, row_bytes);
    if (!all || !kept) {
        rc = nomem(x, e);
    } else if (x->n_rows && row_bytes && dataset_read(d, mem_type, all) < 0) {
        rc = ERR(e, ERR_IO, "%s: cannot read %s", x->path, name);
    } else {
        for (int64_t t = 0; t < x->r->n_trials; t++)
            memcpy(kept + (size_t)t * row_bytes, all + (size_t)x->row[t] * row_bytes,
                   row_bytes);
        if (*columns) *columns = (int64_t)dims[1];
        *out = kept;
    }
out:
    h5_release(d);
    return rc;
}

static enum err_code read_column(struct reader *x, const char *name, hid_t mem_type,
                                 size_t size, void *out, struct err *e)
{
    int64_t columns = 0;
    return read_rows(x, name, mem_type, size, &columns, out, e);
}

/* Which rows of the store are in use. */
static enum err_code read_ids(struct reader *x, struct err *e)
{
    hid_t d = H5Dopen2(x->file, "/trials/id", H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset /trials/id: not a store", x->path);
    hid_t space = H5Dget_space(d);
    x->n_rows = H5Sget_simple_extent_npoints(space);
    h5_release(space);
    uint64_t *id = arena_array(&x->scratch, (size_t)x->n_rows, sizeof *id);
    x->row = x->r->row = arena_array(x->arena, (size_t)x->n_rows, sizeof *x->row);
    x->trial = arena_array(&x->scratch, (size_t)x->n_rows, sizeof *x->trial);
    bool memory = id && x->row && x->trial;
    herr_t rc = memory && x->n_rows ? dataset_read(d, H5T_NATIVE_UINT64, id) : 0;
    h5_release(d);
    if (!memory) return nomem(x, e);
    if (rc < 0) return ERR(e, ERR_IO, "%s: cannot read /trials/id", x->path);
    int64_t n = 0;
    for (int64_t row = 0; row < x->n_rows; row++) {
        x->trial[row] = id[row] ? n : -1;
        if (id[row]) x->row[n++] = row;
    }
    x->r->n_trials = n;
    return read_column(x, "/trials/id", H5T_NATIVE_UINT64, sizeof *id, &x->r->id, e);
}

/* ---- settings ---- */

static enum err_code axis_numbers(struct reader *x, const char *path, struct results_axis *axis,
                                  struct err *e)
{
    int64_t n = x->r->n_trials;
    TRY(read_column(x, path, H5T_NATIVE_DOUBLE, sizeof *axis->number, &axis->number, e));
    char(*text)[32] = arena_array(x->arena, (size_t)n, sizeof *text);
    if (!text) return nomem(x, e);
    for (int64_t t = 0; t < n; t++) axis->text[t] = results_number(axis->number[t], text[t]);
    return ERR_OK;
}

static enum err_code axis_texts(struct reader *x, const char *path, hid_t type,
                                struct results_axis *axis, struct err *e)
{
    int64_t n = x->r->n_trials, n_distinct = 0;
    size_t size = H5Tget_size(type);
    char *text = NULL;
    TRY(read_column(x, path, type, size, &text, e));
    axis->is_text = true;
    axis->number = arena_array(x->arena, (size_t)n, sizeof *axis->number);
    const char **distinct = arena_array(&x->scratch, (size_t)n, sizeof *distinct);
    if (!axis->number || !distinct) return nomem(x, e);
    for (int64_t t = 0; t < n; t++) {
        axis->text[t] = text + (size_t)t * size;
        int64_t i = 0;
        while (i < n_distinct && strcmp(distinct[i], axis->text[t]) != 0) i++;
        if (i == n_distinct) distinct[n_distinct++] = axis->text[t];
        axis->number[t] = (double)i;
    }
    return ERR_OK;
}

static enum err_code read_axis(struct reader *x, const char *name, struct results_axis *axis,
                               struct err *e)
{
    char path[160];
    snprintf(path, sizeof path, "/trials/%s", name);
    snprintf(axis->name, sizeof axis->name, "%s", name);
    axis->text = arena_array(x->arena, (size_t)x->r->n_trials, sizeof *axis->text);
    if (!axis->text) return nomem(x, e);
    hid_t d = H5Dopen2(x->file, path, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: %s is no dataset", x->path, path);
    hid_t stored = H5Dget_type(d), type = terminated(stored);
    H5T_class_t class = H5Tget_class(stored);
    enum err_code rc;
    if (type >= 0)
        rc = axis_texts(x, path, type, axis, e);
    else if (class == H5T_INTEGER || class == H5T_FLOAT)
        rc = axis_numbers(x, path, axis, e);
    else
        rc = ERR(e, ERR_FORMAT, "%s: %s is neither number nor fixed text", x->path, path);
    h5_release(type);
    h5_release(stored);
    h5_release(d);
    return rc;
}

static bool is_link(const char *name)
{
    return strncmp(name, "from.", 5) == 0;
}

static bool is_setting(const char *name)
{
    return strcmp(name, "stage") == 0 || (strchr(name, '.') && !is_link(name));
}

static enum err_code read_links(struct reader *x, struct err *e)
{
    char **name, path[200];
    int n = 0;
    TRY(wanted_names(x, "/trials", is_link, &name, &n, e));
    x->r->link = arena_array(x->arena, (size_t)n + 1, sizeof *x->r->link);
    if (!x->r->link) return nomem(x, e);
    for (int i = 0; i < n; i++) {
        struct results_link *l = &x->r->link[x->r->n_links++];
        snprintf(l->name, sizeof l->name, "%s", name[i]);
        snprintf(path, sizeof path, "/trials/%s", name[i]);
        TRY(read_column(x, path, H5T_NATIVE_UINT64, sizeof *l->id, &l->id, e));
    }
    return ERR_OK;
}

static enum err_code read_axes(struct reader *x, struct err *e)
{
    char **name;
    int n = 0;
    TRY(wanted_names(x, "/trials", is_setting, &name, &n, e));
    x->r->axis = arena_array(x->arena, (size_t)n, sizeof *x->r->axis);
    if (!x->r->axis) return nomem(x, e);
    x->r->n_axes = n;
    for (int i = 0; i < n; i++) TRY(read_axis(x, name[i], &x->r->axis[i], e));
    return read_attributes(x, "/trials", &x->r->constant, &x->r->n_constants, e);
}

/* ---- metrics ---- */

static bool is_measured(const char *name)
{
    return strcmp(name, "step") != 0;
}

static enum err_code read_metrics(struct reader *x, struct err *e)
{
    char **names;
    int n = 0;
    TRY(wanted_names(x, "/metrics", is_measured, &names, &n, e));
    struct results *r = x->r;
    r->n_metrics = n + 1;
    r->metric = arena_array(x->arena, (size_t)r->n_metrics, sizeof *r->metric);
    if (!r->metric) return nomem(x, e);
    r->n_records = -1;
    for (int i = 0; i < r->n_metrics; i++) {
        char path[160];
        const char *name = i ? names[i - 1] : "step";
        snprintf(path, sizeof path, "/metrics/%s", name);
        snprintf(r->metric[i].name, sizeof r->metric[i].name, "%s", name);
        void *value = NULL;
        TRY(read_rows(x, path, H5T_NATIVE_DOUBLE, sizeof(double), &r->n_records, &value, e));
        r->metric[i].value = value;
    }
    return ERR_OK;
}

/* ---- provenance ---- */

static enum err_code read_provenance(struct reader *x, struct err *e)
{
    struct results *r = x->r;
    const char *name = h5_attribute_read(x->file, "name", x->arena);
    const char *slash = strrchr(x->path, '/');
    snprintf(r->name, sizeof r->name, "%s", name ? name : slash ? slash + 1 : x->path);
    r->sweep = dataset_text(x, "/provenance/sweep");
    r->resolved = dataset_text(x, "/provenance/resolved");
    return read_attributes(x, "/provenance", &r->provenance, &r->n_provenance, e);
}

/* ---- alignment ---- */

/* Reads a whole dataset of count values of 4 or 8 bytes. */
static enum err_code read_all(struct reader *x, const char *path, hid_t mem_type, size_t size,
                              int64_t count, void *out, struct err *e)
{
    hid_t d = H5Dopen2(x->file, path, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset %s", x->path, path);
    hid_t space = H5Dget_space(d);
    bool fits = H5Sget_simple_extent_npoints(space) == count;
    h5_release(space);
    void *values = fits ? arena_array(x->arena, (size_t)count, size) : NULL;
    herr_t rc = values && count ? dataset_read(d, mem_type, values) : 0;
    h5_release(d);
    if (!fits)
        return ERR(e, ERR_FORMAT, "%s: %s does not have %lld values", x->path, path,
                   (long long)count);
    if (!values) return nomem(x, e);
    if (rc < 0) return ERR(e, ERR_IO, "%s: cannot read %s", x->path, path);
    *(void **)out = values;
    return ERR_OK;
}

/* The models of the alignment: trials of this store, or others by name. */
static enum err_code read_models(struct reader *x, struct err *e)
{
    hid_t d = H5Dopen2(x->file, "/alignment/trial", H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset /alignment/trial", x->path);
    hid_t space = H5Dget_space(d), text = H5Tcopy(H5T_C_S1);
    x->n_models = H5Sget_simple_extent_npoints(space);
    h5_release(space);
    h5_release(d);
    int64_t *row = NULL;
    uint64_t *id = NULL;
    char(*name)[sizeof x->model->name] = NULL;
    H5Tset_size(text, sizeof *name);
    enum err_code rc =
        read_all(x, "/alignment/trial", H5T_NATIVE_INT64, sizeof *row, x->n_models, &row, e);
    if (rc == ERR_OK)
        rc = read_all(x, "/alignment/id", H5T_NATIVE_UINT64, sizeof *id, x->n_models, &id, e);
    /* Files of trials alone had no names once. */
    if (rc == ERR_OK && H5Lexists(x->file, "/alignment/name", H5P_DEFAULT) > 0)
        rc = read_all(x, "/alignment/name", text, sizeof *name, x->n_models, &name, e);
    h5_release(text);
    TRY(rc);
    x->model = arena_array(x->arena, (size_t)x->n_models, sizeof *x->model);
    if (!x->model) return nomem(x, e);
    for (int64_t m = 0; m < x->n_models; m++) {
        int64_t t = row[m] >= 0 && row[m] < x->n_rows ? x->trial[row[m]] : -1;
        for (int64_t s = 0; row[m] >= 0 && s < x->r->n_trials; s++) /* rows move */
            if (x->r->id[s] == id[m]) t = s;
        if (row[m] >= 0 && (t < 0 || x->r->id[t] != id[m]))
            return ERR(e, ERR_FORMAT,
                       "%s: model %lld is no trial of this store; run align again", x->path,
                       (long long)m);
        x->model[m] = (struct results_model){.id = id[m], .trial = t};
        if (name) memcpy(x->model[m].name, name[m], sizeof x->model[m].name - 1);
    }
    return ERR_OK;
}

static enum err_code read_measure(struct reader *x, const char *name,
                                  struct results_alignment *a, struct err *e)
{
    char path[200];
    int64_t pairs;
    if (__builtin_mul_overflow(a->n_models, a->n_models, &pairs)) return nomem(x, e);
    snprintf(a->measure, sizeof a->measure, "%s", name);
    snprintf(path, sizeof path, "/alignment/%s/score", name);
    TRY(read_all(x, path, H5T_NATIVE_DOUBLE, sizeof *a->score, pairs, &a->score, e));
    snprintf(path, sizeof path, "/alignment/%s/layer_a", name);
    TRY(read_all(x, path, H5T_NATIVE_INT32, sizeof *a->layer_a, pairs, &a->layer_a, e));
    snprintf(path, sizeof path, "/alignment/%s/layer_b", name);
    TRY(read_all(x, path, H5T_NATIVE_INT32, sizeof *a->layer_b, pairs, &a->layer_b, e));
    snprintf(path, sizeof path, "/alignment/%s/calibrated", name);
    if (H5Lexists(x->file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    struct results_alignment *c = &x->r->calibrated[x->r->n_calibrated++];
    *c = *a;
    snprintf(c->measure, sizeof c->measure, "%s" RESULTS_CALIBRATED, name);
    return read_all(x, path, H5T_NATIVE_DOUBLE, sizeof *c->score, pairs, &c->score, e);
}

/* The layers' names: an attribute of fixed texts. */
static enum err_code read_layers(struct reader *x, struct err *e)
{
    struct results *r = x->r;
    hid_t a = H5Aopen_by_name(x->file, "/alignment", "layers", H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) return ERR(e, ERR_FORMAT, "%s: /alignment has no attribute layers", x->path);
    hid_t space = H5Aget_space(a), stored = H5Aget_type(a), type = terminated(stored);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    if (type >= 0) H5Tset_size(type, sizeof *r->layer);
    r->layer = arena_array(x->arena, (size_t)n, sizeof *r->layer);
    herr_t rc = r->layer && type >= 0 ? H5Aread(a, type, r->layer) : -1;
    h5_release(type);
    h5_release(stored);
    h5_release(space);
    h5_release(a);
    if (rc < 0) return ERR(e, ERR_FORMAT, "%s: layers are no fixed texts", x->path);
    r->n_layers = (int)n;
    return ERR_OK;
}

static bool is_measure(const char *name)
{
    return strcmp(name, "trial") != 0 && strcmp(name, "id") != 0 && strcmp(name, "name") != 0;
}

static enum err_code read_alignments(struct reader *x, struct err *e)
{
    char **name;
    int n = 0;
    TRY(wanted_names(x, "/alignment", is_measure, &name, &n, e));
    TRY(read_models(x, e));
    TRY(read_layers(x, e));
    x->r->alignment = arena_array(x->arena, (size_t)n, sizeof *x->r->alignment);
    x->r->calibrated = arena_array(x->arena, (size_t)n, sizeof *x->r->calibrated);
    if (!x->r->alignment || !x->r->calibrated) return nomem(x, e);
    x->r->n_alignments = n;
    for (int i = 0; i < n; i++) {
        struct results_alignment *a = &x->r->alignment[i];
        a->n_models = x->n_models;
        TRY(read_measure(x, name[i], a, e));
    }
    return ERR_OK;
}

/* ---- the whole ---- */

/* Where the trials stand, by the journal. */
static enum err_code read_states(struct reader *x, const char *store_path, struct err *e)
{
    struct results *r = x->r;
    r->wall_s = NAN;
    for (int64_t t = 0; t < r->n_trials; t++)
        if (r->state[t] >= TRIAL_STATES)
            return ERR(e, ERR_FORMAT, "%s: row %lld has the unknown state %d", store_path,
                       (long long)x->row[t], r->state[t]);
    struct state *s = NULL;
    TRY(state_read(store_path, &s, e));
    const struct run_status *run = state_run(s);
    if (run->runs > 0) {
        for (int64_t t = 0; t < r->n_trials; t++) {
            const struct trial_status *status = state_find(s, r->id[t]);
            r->state[t] = status ? (uint8_t)status->state : TRIAL_PLANNED;
        }
        if (run->ended > run->started) r->wall_s = run->ended - run->started;
    }
    state_destroy(s);
    return ERR_OK;
}

static enum err_code read_store(struct reader *x, struct err *e)
{
    struct results *r = x->r;
    TRY(read_ids(x, e));
    r->origin = arena_array(x->arena, (size_t)r->n_trials, sizeof *r->origin);
    if (!r->origin) return nomem(x, e);
    TRY(read_column(x, "/trials/seed", H5T_NATIVE_UINT64, sizeof *r->seed, &r->seed, e));
    TRY(read_column(x, "/trials/state", H5T_NATIVE_UINT8, sizeof *r->state, &r->state, e));
    TRY(read_column(x, "/trials/seconds", H5T_NATIVE_DOUBLE, sizeof *r->seconds, &r->seconds,
                    e));
    TRY(read_column(x, "/trials/steps_done", H5T_NATIVE_INT64, sizeof *r->steps_done,
                    &r->steps_done, e));
    TRY(read_axes(x, e));
    TRY(read_links(x, e));
    TRY(read_metrics(x, e));
    return read_provenance(x, e);
}

/* Opens a file for reading beside a writer, calls read, closes it. */
static enum err_code read_file(struct reader *x, const char *path,
                               enum err_code (*read)(struct reader *x, struct err *e),
                               struct err *e)
{
    if (access(path, R_OK) != 0) return ERR(e, ERR_IO, "cannot read the store %s: %m", path);
    x->path = path;
    x->file = h5_open_read(path);
    if (x->file < 0) return ERR(e, ERR_FORMAT, "%s is not an HDF5 file that can be read", path);
    enum err_code rc = read(x, e);
    H5Fclose(x->file);
    return rc;
}

/* Rows for what is no trial, and the rows of the models of alignments. */
static enum err_code add_models(struct reader *x, struct err *e)
{
    TRY(results_add_models(x->r, x->arena, x->model, x->n_models, e));
    int64_t *trial = arena_array(x->arena, (size_t)x->n_models, sizeof *trial);
    if (!trial) return nomem(x, e);
    for (int64_t m = 0; m < x->n_models; m++) trial[m] = x->model[m].trial;
    for (int i = 0; i < x->r->n_alignments; i++) x->r->alignment[i].trial = trial;
    for (int i = 0; i < x->r->n_calibrated; i++) x->r->calibrated[i].trial = trial;
    return ERR_OK;
}

enum err_code results_read(const char *store_path, struct results **out, struct err *e)
{
    h5_quiet(); /* failures are reported in our words */
    struct results *r = calloc(1, sizeof *r);
    if (r) r->inner = calloc(1, sizeof *r->inner);
    if (!r || !r->inner) {
        free(r);
        return ERR(e, ERR_NOMEM, "%s: no memory to read the results", store_path);
    }
    struct reader x = {.path = store_path, .r = r, .arena = &r->inner->arena};
    char aligned[PATH_MAX];
    journal_path(store_path, "alignment.h5", aligned, sizeof aligned);
    r->path = arena_text(x.arena, store_path);
    enum err_code rc = r->path ? read_file(&x, store_path, read_store, e) : nomem(&x, e);
    if (rc == ERR_OK) rc = read_states(&x, store_path, e);
    if (rc == ERR_OK && access(aligned, F_OK) == 0)
        rc = read_file(&x, aligned, read_alignments, e);
    if (rc == ERR_OK) rc = add_models(&x, e);
    arena_clear(&x.scratch);
    if (rc == ERR_OK)
        *out = r;
    else
        results_destroy(r);
    return rc;
}

void results_destroy(struct results *r)
{
    if (!r) return;
    arena_clear(&r->inner->arena);
    free(r->inner);
    free(r);
}

enum err_code results_add_metric(struct results *r, const char *name, const double *value,
                                 struct err *e)
{
    struct arena *a = &r->inner->arena;
    size_t n = (size_t)r->n_metrics, rows = (size_t)r->n_trials;
    struct results_metric *metric = arena_array(a, n + 1, sizeof *metric);
    double *filled = arena_array(a, rows, (size_t)r->n_records * sizeof *filled);
    if (!metric || !filled) return ERR(e, ERR_NOMEM, "no memory for the metric %s", name);
    if (n) memcpy(metric, r->metric, n * sizeof *metric);
    for (int64_t i = 0; i < r->n_trials * r->n_records; i++)
        filled[i] = value[i / r->n_records];
    snprintf(metric[n].name, sizeof metric[n].name, "%s", name);
    metric[n].value = filled;
    r->metric = metric;
    r->n_metrics++;
    return ERR_OK;
}
