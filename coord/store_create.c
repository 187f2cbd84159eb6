/* store_create.c - makes every group, dataset and attribute of a store, and fills what is known
 * before the first trial: ids, seeds, settings (store_create_trials.c), probes
 * (store_create_probes.c), provenance, and the rows of the store before.
 *
 * All metadata are made here and never again, and the file is flushed and synced before it gets
 * its name: from then on only raw data change, so that a kill at any moment leaves a readable
 * file. Dimension scales stand where netCDF-4 looks for named dimensions: in the group of the
 * data or above it. */
#include "coord/store.h"
#include "coord/store_making.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLAB_BYTES = 64 << 20,
    PATH_SIZE = 512,
};

static const char group_metrics[] = "metrics";

enum err_code store_make_groups(struct making *m, const char *path, struct err *e)
{
    char part[PATH_SIZE];
    for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        if (H5Lexists(m->file, part, H5P_DEFAULT) <= 0) {
            hid_t group = h5_group_create(m->file, part);
            if (group < 0) return H5_ERR(e, "cannot make the group '%s'", part);
            h5_release(group);
        }
        if (!path[n]) return ERR_OK;
    }
}

hid_t store_make_scale(struct making *m, const char *path, const int64_t *value, int64_t n)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    int64_t zero = 0;
    hid_t d =
        h5_dataset_create(m->file, path, H5T_STD_I64LE, 1, (hsize_t[]){(hsize_t)n}, &zero);
    if (d < 0 || H5DSset_scale(d, name) < 0 ||
        H5Dwrite(d, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        h5_release(d);
        return -1;
    }
    return d;
}

/* A coordinate with the values 0..n-1. */
static hid_t make_counter(struct making *m, const char *path, int64_t n)
{
    int64_t *value = malloc(((size_t)n + 1) * sizeof *value);
    if (!value) return -1;
    for (int64_t i = 0; i < n; i++) value[i] = i;
    hid_t d = store_make_scale(m, path, value, n);
    free(value);
    return d;
}

hid_t store_make_dimension(struct making *m, const char *path, int64_t n)
{
    char name[80];
    snprintf(name, sizeof name, "This is a netCDF dimension but not a netCDF variable.%10lld",
             (long long)n);
    hid_t space = H5Screate_simple(1, (hsize_t[]){(hsize_t)n}, NULL);
    hid_t d =
        H5Dcreate2(m->file, path, H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    h5_release(space);
    if (d >= 0 && H5DSset_scale(d, name) >= 0) return d;
    h5_release(d);
    return -1;
}

hid_t store_make_dataset(struct making *m, const char *path, hid_t type, int n_dims,
                         const hid_t *scale, const void *fill)
{
    hsize_t dims[STORE_MAX_DIMS] = {0};
    for (int i = 0; i < n_dims; i++)
        if (h5_dims(scale[i], 1, &dims[i]) != 1) return -1;
    hid_t d = h5_dataset_create(m->file, path, type, n_dims, dims, fill);
    for (int i = 0; d >= 0 && i < n_dims; i++)
        if (H5DSattach_scale(d, scale[i], (unsigned)i) < 0) {
            h5_release(d);
            return -1;
        }
    return d;
}

/* ---- copying ---- */

enum err_code store_copy_rows(struct making *m, const char *path, struct err *e)
{
    enum err_code code = ERR_OK;
    hsize_t dims[STORE_MAX_DIMS] = {0};
    void *slab = NULL;
    hid_t from = H5Dopen2(m->old->file, path, H5P_DEFAULT), type = -1;
    hid_t to = H5Dopen2(m->file, path, H5P_DEFAULT);
    int n_dims = h5_dims(from, STORE_MAX_DIMS, dims);
    if (from < 0 || to < 0 || n_dims < 1) {
        code = H5_ERR(e, "cannot open '%s' to copy it", path);
        goto out;
    }
    type = H5Dget_type(to);
    size_t row_bytes = H5Tget_size(type);
    for (int i = 1; i < n_dims; i++) row_bytes *= (size_t)dims[i];
    int64_t n = (int64_t)dims[0], most = SLAB_BYTES / (row_bytes + 1) + 1;
    if (most > n) most = n;
    slab = malloc((size_t)most * row_bytes + 1);
    if (!slab) {
        code = ERR(e, ERR_NOMEM, "no memory to copy '%s'", path);
        goto out;
    }
    for (int64_t r = 0; r < n; r += most) {
        int64_t count = n - r < most ? n - r : most;
        if (h5_rows_read(from, type, r, count, slab) < 0 ||
            h5_rows_write(to, type, r, count, dims, slab) < 0) {
            code = H5_ERR(e, "cannot copy the rows of '%s'", path);
            break;
        }
    }
out:
    free(slab);
    h5_release(type);
    h5_release(to);
    h5_release(from);
    return code;
}

/* ---- /metrics, /representations ---- */

static enum err_code make_metric(struct making *m, const char *name, struct err *e)
{
    char path[PATH_SIZE];
    double fill = NAN;
    snprintf(path, sizeof path, "%s/%s", group_metrics, name);
    hid_t scales[] = {m->trial, m->record_scale};
    hid_t d = store_make_dataset(m, path, H5T_IEEE_F64LE, 2, scales, &fill);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    h5_release(d);
    return m->old ? store_copy_rows(m, path, e) : ERR_OK;
}

static enum err_code make_metrics(struct making *m, struct err *e)
{
    TRY(store_make_groups(m, group_metrics, e));
    TRY(make_metric(m, "step", e));
    for (int i = 0; i < m->record->n_metrics; i++) TRY(make_metric(m, m->record->metric[i], e));
    return ERR_OK;
}

/* A class carries all its scales but /slot: its layer's group holds classes only. */
static enum err_code make_class(struct making *m, const struct store_class *c, struct err *e)
{
    char group[256], path[PATH_SIZE];
    enum err_code code = ERR_OK;
    TRY(store_make_groups(m, store_class_path(m->record, c->view, c->d, group, sizeof group),
                          e));
    snprintf(path, sizeof path, "%s/trial", group);
    hid_t member = store_make_scale(m, path, c->row, c->n);
    snprintf(path, sizeof path, "%s/probe", group);
    hid_t probe = make_counter(m, path, store_probe_set(m->record, c->view)->n);
    snprintf(path, sizeof path, "%s/feature", group);
    hid_t feature = make_counter(m, path, c->d);
    snprintf(path, sizeof path, "%s/data", group);
    hid_t scales[] = {member, m->slot, probe, feature};
    hid_t d = store_make_dataset(m, path, H5T_IEEE_F32LE, 4, scales, NULL);
    if (d < 0) code = H5_ERR(e, "cannot make '%s'", path); /* as without one of its scales */
    h5_release(d);
    h5_release(feature);
    h5_release(probe);
    h5_release(member);
    return code == ERR_OK && c->n_old > 0 ? store_copy_rows(m, path, e) : code;
}

static enum err_code make_representations(struct making *m, struct err *e)
{
    const struct record *r = m->record;
    char path[PATH_SIZE];
    if (r->n_layers == 0) return ERR_OK;
    m->slot = store_make_scale(m, "slot", r->slot, r->n_slots);
    if (m->slot < 0) return H5_ERR(e, "cannot make '/slot'");
    for (int v = 0; v < store_views(r); v++)
        TRY(store_make_groups(m, store_view_path(r, v, path, sizeof path), e));
    for (int i = 0; i < r->n_probe_sets; i++) TRY(store_make_probes(m, i, e));
    for (int i = 0; i < m->layout->n_classes; i++) TRY(make_class(m, &m->layout->class[i], e));
    return ERR_OK;
}

/* ---- /weights ---- */

static enum err_code make_weights_class(struct making *m, const struct store_class *c,
                                        struct err *e)
{
    char group[80], path[PATH_SIZE];
    enum err_code code = ERR_OK;
    TRY(store_make_groups(m, store_weights_path(c->d, group, sizeof group), e));
    snprintf(path, sizeof path, "%s/trial", group);
    hid_t member = store_make_scale(m, path, c->row, c->n);
    snprintf(path, sizeof path, "%s/weight", group);
    hid_t weight = store_make_dimension(m, path, c->d);
    snprintf(path, sizeof path, "%s/data", group);
    hid_t scales[] = {member, weight};
    hid_t d = store_make_dataset(m, path, H5T_IEEE_F32LE, 2, scales, NULL);
    if (d < 0) code = H5_ERR(e, "cannot make '%s'", path); /* as without one of its scales */
    h5_release(d);
    h5_release(weight);
    h5_release(member);
    return code == ERR_OK && c->n_old > 0 ? store_copy_rows(m, path, e) : code;
}

static enum err_code make_weights(struct making *m, struct err *e)
{
    for (int i = 0; i < m->layout->n_weights; i++)
        TRY(make_weights_class(m, &m->layout->weights[i], e));
    return ERR_OK;
}

/* ---- /arrays ---- */

/* The name of dimension k: the k-th word of the list, or its number. */
static const char *dimension_name(const char *list, int k, char out[TASK_NAME])
{
    snprintf(out, TASK_NAME, "dim_%d", k);
    for (; list && *list; list += strcspn(list, " "), list += *list == ' ')
        if (k-- == 0) snprintf(out, TASK_NAME, "%.*s", (int)strcspn(list, " "), list);
    return out;
}

static enum err_code make_array_class(struct making *m, const struct store_class *c,
                                      struct err *e)
{
    const struct table *known = m->layout->plan->sweep->experiment->arrays;
    int row = table_find(known, m->record->array[c->view]);
    const struct trial_array *array = (const void *)table_row(known, row);
    char group[160], path[PATH_SIZE], name[TASK_NAME];
    enum err_code code = ERR_OK;
    float fill = NAN;
    hid_t scale[STORE_MAX_DIMS];
    TRY(store_make_groups(m, store_array_path(m->record, c, group, sizeof group), e));
    snprintf(path, sizeof path, "%s/trial", group);
    scale[0] = store_make_scale(m, path, c->row, c->n);
    for (int k = 0; k < c->n_dims; k++) {
        snprintf(path, sizeof path, "%s/%s", group, dimension_name(array->dims, k, name));
        scale[1 + k] = store_make_dimension(m, path, c->size[k]);
    }
    snprintf(path, sizeof path, "%s/data", group);
    hid_t d = store_make_dataset(m, path, H5T_IEEE_F32LE, 1 + c->n_dims, scale, &fill);
    if (d < 0) code = H5_ERR(e, "cannot make '%s'", path); /* as without one of its scales */
    if (code == ERR_OK && array->columns)
        code = h5_attribute_write(d, STORE_ARRAY_COLUMNS, array->columns, e);
    h5_release(d);
    for (int k = 0; k <= c->n_dims; k++) h5_release(scale[k]);
    return code == ERR_OK && c->n_old > 0 ? store_copy_rows(m, path, e) : code;
}

static enum err_code make_arrays(struct making *m, struct err *e)
{
    char path[160];
    for (int i = 0; i < m->record->n_arrays; i++) {
        snprintf(path, sizeof path, "arrays/%s", m->record->array[i]);
        TRY(store_make_groups(m, path, e));
    }
    for (int i = 0; i < m->layout->n_arrays; i++)
        TRY(make_array_class(m, &m->layout->array[i], e));
    return ERR_OK;
}

/* ---- /provenance ---- */

static enum err_code make_document(hid_t at, const char *name, const char *text, struct err *e)
{
    enum err_code code = ERR_OK;
    hid_t type = h5_text_type(strlen(text) + 1), space = H5Screate(H5S_SCALAR);
    hid_t d = H5Dcreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (d < 0 || H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0)
        code = H5_ERR(e, "cannot write '/provenance/%s'", name);
    h5_release(d);
    h5_release(space);
    h5_release(type);
    return code;
}

/* Pairs of name and value; the provenance of the store before is kept as `before`. */
static enum err_code make_provenance(struct making *m, const char *const *pair, struct err *e)
{
    enum err_code code = ERR_OK;
    hid_t group = h5_group_create(m->file, "provenance");
    if (group < 0) return H5_ERR(e, "cannot make '/provenance'");
    for (; pair && *pair && code == ERR_OK; pair += 2) {
        bool document = strcmp(pair[0], "sweep") == 0 || strcmp(pair[0], "resolved") == 0;
        code = document ? make_document(group, pair[0], pair[1], e)
                        : h5_attribute_write(group, pair[0], pair[1], e);
    }
    if (code == ERR_OK && m->old &&
        H5Ocopy(m->old->file, "provenance", group, "before", H5P_DEFAULT, H5P_DEFAULT) < 0)
        code = H5_ERR(e, "cannot copy '/provenance'");
    h5_release(group);
    return code;
}

/* ---- the whole ---- */

static enum err_code make_root(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    enum err_code code = ERR_OK;
    struct store_identity *identity = calloc(STORE_IDENTITY, sizeof *identity);
    if (!identity) return ERR(e, ERR_NOMEM, "no memory to make '%s'", m->name);
    store_identity(l->plan->sweep, identity);
    for (int i = 0; code == ERR_OK && i < STORE_IDENTITY; i++)
        code = h5_attribute_write(m->file, identity[i].name, identity[i].text, e);
    free(identity);
    TRY(code);
    m->trial = make_counter(m, "trial", l->n_rows);
    m->record_scale = make_counter(m, "record", l->records);
    if (m->trial < 0 || m->record_scale < 0)
        return H5_ERR(e, "cannot make the dimensions of '%s'", m->name);
    return ERR_OK;
}

static enum err_code make_all(struct making *m, const char *const *provenance, struct err *e)
{
    TRY(make_root(m, e));
    TRY(store_make_trials(m, e));
    TRY(make_metrics(m, e));
    TRY(make_representations(m, e));
    TRY(make_weights(m, e));
    TRY(make_arrays(m, e));
    TRY(make_provenance(m, provenance, e));
    if (H5Fflush(m->file, H5F_SCOPE_GLOBAL) < 0) return H5_ERR(e, "cannot write '%s'", m->name);
    return ERR_OK;
}

static enum err_code make_durable(const char *path, struct err *e)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    bool synced = file >= 0 && fsync(file) == 0;
    int cause = errno;
    if (file >= 0) close(file);
    if (!synced) return ERR(e, ERR_IO, "cannot sync '%s': %s", path, strerror(cause));
    return ERR_OK;
}

enum err_code store_create(const char *path, const char *final_path,
                           const struct store_layout *layout, const struct store_old *old,
                           const char *const *provenance, struct err *e)
{
    struct making m = {.layout = layout,
                       .old = old,
                       .record = &layout->plan->sweep->record,
                       .name = final_path,
                       .trial = -1,
                       .record_scale = -1,
                       .slot = -1};
    hid_t made = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_link_creation_order(made, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_file_locking(access, false, true);
    m.file = H5Fcreate(path, H5F_ACC_TRUNC, made, access);
    H5Pclose(access);
    H5Pclose(made);
    if (m.file < 0) return H5_ERR(e, "cannot make the store '%s'", final_path);
    enum err_code code = make_all(&m, provenance, e);
    h5_release(m.slot);
    h5_release(m.record_scale);
    h5_release(m.trial);
    if (H5Fclose(m.file) < 0 && code == ERR_OK)
        code = H5_ERR(e, "cannot write '%s'", final_path);
    return code == ERR_OK ? make_durable(path, e) : code;
}
