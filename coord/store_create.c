/* store_create.c - makes every group, dataset and attribute of a store, and fills what is known
 * before the first trial: ids, seeds, settings, provenance, and the rows of the store before.
 *
 * All metadata are made here and never again, and the file is flushed and synced before it gets
 * its name: from then on only raw data change, so that a kill at any moment leaves a readable
 * file. Dimension scales stand where netCDF-4 looks for named dimensions: in the group of the
 * data or above it. */
#include "coord/store_create.h"
#include "worker/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/state.h"

enum {
    SLAB_BYTES = 64 << 20,
    PATH_SIZE = 512,
};

static const char group_trials[] = "trials", group_metrics[] = "metrics";

struct making {
    const struct store_layout *layout;
    const struct store_old *old;
    const struct record *record;
    const char *name; /* that the file will have */
    hid_t file, trial, record_scale, slot;
};

/* Makes the missing groups of a path below the root. */
static enum err_code make_groups(struct making *m, const char *path, struct err *e)
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

/* A coordinate: a dimension scale with a value for each place. negative: see H5_ERR. */
static hid_t make_scale(struct making *m, const char *path, const int64_t *value, int64_t n)
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

/* The same with the values 0..n-1. */
static hid_t make_counter(struct making *m, const char *path, int64_t n)
{
    int64_t *value = malloc(((size_t)n + 1) * sizeof *value);
    if (!value) return -1;
    for (int64_t i = 0; i < n; i++) value[i] = i;
    hid_t d = make_scale(m, path, value, n);
    free(value);
    return d;
}

/* A dataset with a scale on every dimension. negative: see H5_ERR. */
static hid_t make_dataset(struct making *m, const char *path, hid_t type, int n_dims,
                          const hid_t *scale, const void *fill)
{
    hsize_t dims[4] = {0};
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

/* Copies a dataset of the old store, row by row, to the front of the same one here. */
static enum err_code copy_rows(struct making *m, const char *path, struct err *e)
{
    enum err_code code = ERR_OK;
    hsize_t dims[4] = {0};
    void *slab = NULL;
    hid_t from = H5Dopen2(m->old->file, path, H5P_DEFAULT), type = -1;
    hid_t to = H5Dopen2(m->file, path, H5P_DEFAULT);
    int n_dims = h5_dims(from, 4, dims);
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

/* ---- /trials ---- */

/* Makes a column and copies the old store's rows of it. */
static enum err_code make_column(struct making *m, const struct store_column *c, struct err *e)
{
    static const char zero[8];
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group_trials, c->name);
    hid_t d = make_dataset(m, path, c->type(), 1, &m->trial, zero);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    h5_release(d);
    return m->old ? copy_rows(m, path, e) : ERR_OK;
}

/* Fills a column of numbers for the new rows. */
static enum err_code fill_ids(struct making *m, const char *name,
                              uint64_t (*value)(const struct plan *, int64_t), struct err *e)
{
    const struct store_layout *l = m->layout;
    int64_t n = l->n_rows - l->n_old;
    uint64_t *column = malloc(((size_t)n + 1) * sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for %lld rows", (long long)n);
    for (int64_t i = 0; i < n; i++) column[i] = value(l->plan, l->trial_of[l->n_old + i]);
    hid_t d = H5Dopen2(m->file, name, H5P_DEFAULT);
    herr_t rc = h5_rows_write(d, H5T_NATIVE_UINT64, l->n_old, n, NULL, column);
    h5_release(d);
    free(column);
    return rc < 0 ? H5_ERR(e, "cannot write '%s'", name) : ERR_OK;
}

/* The settings of the rows one after the other. */
struct settings {
    const struct store_layout *layout;
    struct config gone; /* of rows that are not in the plan, as far as they do not vary */
    int stage;          /* see struct store_axis */
    struct config config;
    int64_t place; /* of config in the plan, -1: none */
};

static void settings_init(struct settings *s, struct making *m, struct arena *arena)
{
    const struct table *fields = m->layout->plan->sweep->experiment->fields;
    s->layout = m->layout;
    s->place = s->stage = -1;
    field_defaults(fields, &s->gone);
    hid_t old = m->old ? H5Gopen2(m->old->file, group_trials, H5P_DEFAULT) : -1;
    for (int i = 0; old >= 0 && i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        const char *text = h5_attribute_read(old, f->row.name, arena);
        if (text) field_set(f, text, &s->gone, NULL);
    }
    h5_release(old);
}

/* Borrowed until the next call. */
static const struct config *settings_of(struct settings *s, int64_t row)
{
    int64_t trial = s->layout->trial_of[row];
    if (trial < 0) return &s->gone;
    int64_t place = plan_config_of(s->layout->plan, trial);
    int64_t of = s->stage < 0 ? -1 : plan_ancestor(s->layout->plan, place, s->stage);
    if (of >= 0) place = of;
    if (place != s->place) plan_config(s->layout->plan, place, &s->config);
    s->place = place;
    return &s->config;
}

static bool is_number(const struct field *f)
{
    return f->type == FIELD_INT || f->type == FIELD_FLOAT;
}

/* Bytes of the longest text of a setting, its NUL among them, or of a number. */
static size_t axis_size(const struct field *f, struct settings *s, hid_t old)
{
    size_t size = 1, n;
    if (is_number(f)) return 8;
    if (old >= 0) {
        hid_t type = H5Dget_type(old);
        size = H5Tget_size(type);
        h5_release(type);
    }
    for (int64_t r = 0; r < s->layout->n_rows; r++) {
        char text[TASK_PATH + 1];
        n = strlen(field_text(f, settings_of(s, r), text, sizeof text)) + 1;
        if (n > size) size = n;
    }
    return size;
}

/* Makes the column of a setting and fills it: with what the old store has, else from the plan,
 * else from what was constant in the old store. */
static enum err_code make_axis(struct making *m, const struct store_axis *axis,
                               struct settings *s, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct field *f = axis->field;
    char path[PATH_SIZE];
    enum err_code code = ERR_OK;
    s->stage = axis->stage;
    s->place = -1;
    snprintf(path, sizeof path, "%s/%s", group_trials, axis->name);
    hid_t old = m->old && H5Lexists(m->old->file, path, H5P_DEFAULT) > 0
                    ? H5Dopen2(m->old->file, path, H5P_DEFAULT)
                    : -1;
    size_t size = axis_size(f, s, old);
    hid_t type = is_number(f) ? H5Tcopy(f->type == FIELD_INT ? H5T_STD_I64LE : H5T_IEEE_F64LE)
                              : h5_text_type(size);
    char *column = calloc((size_t)l->n_rows + 1, size), text[TASK_PATH + 1];
    hid_t d = make_dataset(m, path, type, 1, &m->trial, column);
    if (!column || d < 0) {
        code = H5_ERR(e, "cannot make '%s'", path);
        goto out;
    }
    for (int64_t r = old >= 0 ? l->n_old : 0; r < l->n_rows; r++) {
        const struct config *config = settings_of(s, r);
        if (is_number(f))
            memcpy(column + (size_t)r * size, (const char *)config + f->offset, size);
        else
            strcpy(column + (size_t)r * size, field_text(f, config, text, sizeof text));
    }
    if (old >= 0 && h5_rows_read(old, type, 0, l->n_old, column) < 0)
        code = H5_ERR(e, "cannot read the old '%s'", path);
    else if (h5_rows_write(d, type, 0, l->n_rows, NULL, column) < 0)
        code = H5_ERR(e, "cannot write '%s'", path);
out:
    free(column);
    h5_release(d);
    h5_release(type);
    h5_release(old);
    return code;
}

/* Settings that are the same in all rows: attributes of the group. */
static enum err_code make_constants(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct table *fields = l->plan->sweep->experiment->fields;
    enum err_code code = ERR_OK;
    struct config config;
    plan_config(l->plan, 0, &config);
    hid_t group = H5Gopen2(m->file, group_trials, H5P_DEFAULT);
    for (int i = 0; code == ERR_OK && i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        char text[TASK_PATH + 1];
        bool varies = !(f->flags & FIELD_IDENTITY);
        for (int k = 0; k < l->n_axes; k++)
            varies |= l->axis[k].field == f && l->axis[k].stage < 0;
        if (!varies)
            code = h5_attribute_write(group, f->row.name,
                                      field_text(f, &config, text, sizeof text), e);
    }
    h5_release(group);
    return code;
}

/* Writes a whole column of its own making. */
static enum err_code write_column(struct making *m, const char *path, hid_t type,
                                  const void *column, const void *fill, struct err *e)
{
    hid_t d = make_dataset(m, path, type, 1, &m->trial, fill);
    herr_t rc = d < 0 ? -1 : h5_rows_write(d, type, 0, m->layout->n_rows, NULL, column);
    h5_release(d);
    return rc < 0 ? H5_ERR(e, "cannot make '%s'", path) : ERR_OK;
}

/* The stage of each trial; of those that are not in the plan as it was. */
static enum err_code make_stage(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct plan *p = l->plan;
    char(*column)[TASK_NAME] = calloc((size_t)l->n_rows + 1, sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for the stages of the trials");
    for (int64_t r = 0; r < l->n_rows; r++) {
        int64_t t = l->trial_of[r];
        if (t >= 0)
            strcpy(column[r], p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))].name);
        else if (m->old && m->old->stage)
            memcpy(column[r], m->old->stage[r], sizeof column[r]);
    }
    hid_t type = h5_text_type(sizeof *column);
    enum err_code code =
        write_column(m, "trials/stage", type, column, column[l->n_rows], e); /* "" */
    h5_release(type);
    free(column);
    return code;
}

/* The id of each trial's parent in stage `of`, 0 where it has none. */
static enum err_code make_from(struct making *m, int of, struct err *e)
{
    static const uint64_t zero;
    const struct store_layout *l = m->layout;
    const struct plan *p = l->plan;
    char name[2 * TASK_NAME], path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group_trials,
             store_from_name(&p->sweep->stage[of], name));
    uint64_t *column = calloc((size_t)l->n_rows + 1, sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for '%s'", path);
    if (m->old && H5Lexists(m->old->file, path, H5P_DEFAULT) > 0) {
        hid_t d = H5Dopen2(m->old->file, path, H5P_DEFAULT);
        h5_rows_read(d, H5T_NATIVE_UINT64, 0, l->n_old, column);
        h5_release(d);
    }
    for (int64_t r = 0; r < l->n_rows; r++) {
        int64_t t = l->trial_of[r];
        if (t < 0) continue;
        const struct stage *s = &p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))];
        column[r] = 0;
        for (int k = 0; k < s->n_from; k++)
            if (s->from[k].stage == of) column[r] = plan_id(p, plan_parent(p, t, k));
    }
    enum err_code code = write_column(m, path, H5T_NATIVE_UINT64, column, &zero, e);
    free(column);
    return code;
}

/* Which stage a trial is of, and which trials it comes from. */
static enum err_code make_stages(struct making *m, struct err *e)
{
    const struct sweep *s = m->layout->plan->sweep;
    if (!sweep_has_stages(s) && !(m->old && m->old->stage)) return ERR_OK;
    TRY(make_stage(m, e));
    for (int of = 0; of < s->n_stages; of++) {
        bool parent = false;
        for (int i = 0; i < s->n_stages; i++)
            for (int k = 0; k < s->stage[i].n_from; k++)
                parent = parent || s->stage[i].from[k].stage == of;
        if (parent) TRY(make_from(m, of, e));
    }
    return ERR_OK;
}

/* Rows whose weights are wanted now are to be trained again. */
static enum err_code make_again(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const uint8_t planned = TRIAL_PLANNED;
    if (l->n_again == 0) return ERR_OK;
    hid_t d = H5Dopen2(m->file, "trials/state", H5P_DEFAULT);
    herr_t rc = d < 0 ? -1 : 0;
    for (int64_t i = 0; i < l->n_again && rc >= 0; i++)
        rc = h5_rows_write(d, H5T_NATIVE_UINT8, l->again[i], 1, NULL, &planned);
    h5_release(d);
    return rc < 0 ? H5_ERR(e, "cannot write '/trials/state'") : ERR_OK;
}

static enum err_code make_trials(struct making *m, struct err *e)
{
    struct arena arena = {0};
    struct settings settings;
    TRY(make_groups(m, group_trials, e));
    for (int i = 0; i < STORE_COLUMNS; i++) TRY(make_column(m, &store_columns[i], e));
    TRY(fill_ids(m, "trials/id", plan_id, e));
    TRY(fill_ids(m, "trials/seed", plan_seed, e));
    TRY(make_again(m, e));
    TRY(make_stages(m, e));
    settings_init(&settings, m, &arena);
    enum err_code code = ERR_OK;
    for (int i = 0; code == ERR_OK && i < m->layout->n_axes; i++)
        code = make_axis(m, &m->layout->axis[i], &settings, e);
    arena_clear(&arena);
    return code == ERR_OK ? make_constants(m, e) : code;
}

/* ---- /metrics, /representations, /probe ---- */

static enum err_code make_metric(struct making *m, const char *name, struct err *e)
{
    char path[PATH_SIZE];
    double fill = NAN;
    snprintf(path, sizeof path, "%s/%s", group_metrics, name);
    hid_t scales[] = {m->trial, m->record_scale};
    hid_t d = make_dataset(m, path, H5T_IEEE_F64LE, 2, scales, &fill);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    h5_release(d);
    return m->old ? copy_rows(m, path, e) : ERR_OK;
}

static enum err_code make_metrics(struct making *m, struct err *e)
{
    TRY(make_groups(m, group_metrics, e));
    TRY(make_metric(m, "step", e));
    for (int i = 0; i < m->record->n_metrics; i++) TRY(make_metric(m, m->record->metric[i], e));
    return ERR_OK;
}

/* A class carries all its scales but /slot: its layer's group holds classes only. */
static enum err_code make_class(struct making *m, const struct store_class *c, struct err *e)
{
    char group[256], path[PATH_SIZE];
    enum err_code code = ERR_OK;
    TRY(make_groups(m, store_class_path(m->record, c->view, c->d, group, sizeof group), e));
    snprintf(path, sizeof path, "%s/trial", group);
    hid_t member = make_scale(m, path, c->row, c->n);
    snprintf(path, sizeof path, "%s/probe", group);
    hid_t probe = make_counter(m, path, store_probe_set(m->record, c->view)->n);
    snprintf(path, sizeof path, "%s/feature", group);
    hid_t feature = make_counter(m, path, c->d);
    snprintf(path, sizeof path, "%s/data", group);
    hid_t scales[] = {member, m->slot, probe, feature};
    hid_t d = make_dataset(m, path, H5T_IEEE_F32LE, 4, scales, NULL);
    if (d < 0) code = H5_ERR(e, "cannot make '%s'", path); /* as without one of its scales */
    h5_release(d);
    h5_release(feature);
    h5_release(probe);
    h5_release(member);
    return code == ERR_OK && c->n_old > 0 ? copy_rows(m, path, e) : code;
}

/* Which samples the probes are; -1 where that depends on the trial's data. */
static enum err_code make_probes(struct making *m, int i, struct err *e)
{
    const struct plan *plan = m->layout->plan;
    const struct probe_set *set = &m->record->probe[i];
    char path[PATH_SIZE];
    int64_t *index, pool = plan->n_shapes ? plan->shape[0].probe_pool[i] : 0;
    bool same = pool >= set->n;
    for (int64_t s = 0; s < plan->n_shapes; s++) same &= plan->shape[s].probe_pool[i] == pool;
    snprintf(path, sizeof path, "probe/%s", set->name);
    TRY(make_groups(m, path, e));
    TRY(probe_index(set, same ? pool : INT64_MAX, plan->sweep->root, &index, e));
    int64_t *list = calloc((size_t)set->n, sizeof *list);
    for (int64_t k = 0; list && k < set->n; k++) list[k] = !same ? -1 : index ? index[k] : k;
    strcat(path, "/index");
    hid_t d = list ? make_scale(m, path, list, set->n) : -1;
    free(list);
    free(index);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    h5_release(d);
    return ERR_OK;
}

static enum err_code make_representations(struct making *m, struct err *e)
{
    const struct record *r = m->record;
    char path[PATH_SIZE];
    if (r->n_layers == 0) return ERR_OK;
    m->slot = make_scale(m, "slot", r->slot, r->n_slots);
    if (m->slot < 0) return H5_ERR(e, "cannot make '/slot'");
    for (int v = 0; v < store_views(r); v++)
        TRY(make_groups(m, store_view_path(r, v, path, sizeof path), e));
    for (int i = 0; i < r->n_probe_sets; i++) TRY(make_probes(m, i, e));
    for (int i = 0; i < m->layout->n_classes; i++) TRY(make_class(m, &m->layout->class[i], e));
    return ERR_OK;
}

/* ---- /weights ---- */

/* A dimension without values: what a netCDF-4 library writes for one. */
static hid_t make_dimension(struct making *m, const char *path, int64_t n)
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

static enum err_code make_weights_class(struct making *m, const struct store_class *c,
                                        struct err *e)
{
    char group[80], path[PATH_SIZE];
    enum err_code code = ERR_OK;
    TRY(make_groups(m, store_weights_path(c->d, group, sizeof group), e));
    snprintf(path, sizeof path, "%s/trial", group);
    hid_t member = make_scale(m, path, c->row, c->n);
    snprintf(path, sizeof path, "%s/weight", group);
    hid_t weight = make_dimension(m, path, c->d);
    snprintf(path, sizeof path, "%s/data", group);
    hid_t scales[] = {member, weight};
    hid_t d = make_dataset(m, path, H5T_IEEE_F32LE, 2, scales, NULL);
    if (d < 0) code = H5_ERR(e, "cannot make '%s'", path); /* as without one of its scales */
    h5_release(d);
    h5_release(weight);
    h5_release(member);
    return code == ERR_OK && c->n_old > 0 ? copy_rows(m, path, e) : code;
}

static enum err_code make_weights(struct making *m, struct err *e)
{
    for (int i = 0; i < m->layout->n_weights; i++)
        TRY(make_weights_class(m, &m->layout->weights[i], e));
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
    TRY(make_trials(m, e));
    TRY(make_metrics(m, e));
    TRY(make_representations(m, e));
    TRY(make_weights(m, e));
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
