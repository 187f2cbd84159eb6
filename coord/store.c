/* store.c - writes rows of a store that is prepared, from every rank through a handle of its
 * own.
 *
 * The handle is on MPI_COMM_SELF with the MPI-IO driver: it takes no file locks, caches no raw
 * data and does not mind that other ranks die. Only raw data are written; all handles that a
 * row needs are open from store_open on. The trial's state is the last byte of a row to be
 * written, so that a row that says "done" is whole. */
#include "coord/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "coord/h5.h"
#include "coord/store_layout.h"

enum { ID, STATE, SEED, SECONDS, WORKER, CHECKSUM, STEPS_DONE }; /* places in store_columns */

/* A dataset that rows are written to, with its file space. */
struct target {
    hid_t dataset, space;
};

/* What a handle has still to write of a probe set: where a target is open. */
struct probe_targets {
    struct target label, input;
    int64_t d; /* numbers of an input */
};

struct store {
    hid_t file;
    int fd; /* to sync by */
    struct record record;
    int64_t n_rows, n_records;
    struct target column[STORE_COLUMNS], step, metric[TASK_MAX_METRICS];
    int n_classes;
    struct store_class *class;
    struct target *data;              /* [n_classes] */
    int32_t *member[STORE_MAX_VIEWS]; /* [n_rows] place in its class, -1: in none */
    int n_weights, n_arrays;
    struct store_class *weights, *array;
    struct target *weights_data, *array_data; /* [n_weights], [n_arrays] */
    struct place {
        int32_t class, member;
    } * kept; /* [n_rows] of the row's weights, class -1: not kept;
                                              NULL without any */
    struct place *array_at[TASK_MAX_ARRAYS]; /* [n_rows] likewise of each array */
    struct probe_targets probe[TASK_MAX_PROBE_SETS];
    struct arena arena;
};

static enum err_code open_target(struct store *s, const char *path, struct target *out,
                                 struct err *e)
{
    out->dataset = H5Dopen2(s->file, path, H5P_DEFAULT);
    if (out->dataset < 0) return H5_ERR(e, "cannot open '/%s' of the store", path);
    out->space = H5Dget_space(out->dataset);
    return ERR_OK;
}

static void close_target(struct target *t)
{
    if (t->dataset <= 0) return; /* never opened */
    h5_release(t->space);
    h5_release(t->dataset);
    *t = (struct target){0};
}

static enum err_code open_columns(struct store *s, struct err *e)
{
    char path[160];
    for (int i = 0; i < STORE_COLUMNS; i++) {
        snprintf(path, sizeof path, "trials/%s", store_columns[i].name);
        TRY(open_target(s, path, &s->column[i], e));
    }
    for (int i = 0; i < s->record.n_metrics; i++) {
        snprintf(path, sizeof path, "metrics/%s", s->record.metric[i]);
        TRY(open_target(s, path, &s->metric[i], e));
    }
    TRY(open_target(s, "metrics/step", &s->step, e));
    hsize_t dims[2];
    if (h5_dims(s->step.dataset, 2, dims) != 2)
        return ERR(e, ERR_FORMAT, "'/metrics/step' of the store has no two dimensions");
    s->n_rows = (int64_t)dims[0];
    s->n_records = (int64_t)dims[1];
    return ERR_OK;
}

static enum err_code open_classes(struct store *s, const char *path, struct err *e)
{
    char group[256], data[300];
    TRY(store_classes_read(s->file, path, &s->record, &s->arena, &s->class, &s->n_classes, e));
    s->data = arena_array(&s->arena, (size_t)s->n_classes, sizeof *s->data);
    if (!s->data) return ERR(e, ERR_NOMEM, "no memory to open '%s'", path);
    for (int i = 0; i < store_views(&s->record); i++) {
        s->member[i] = arena_array(&s->arena, (size_t)s->n_rows, sizeof *s->member[i]);
        if (!s->member[i]) return ERR(e, ERR_NOMEM, "no memory to open '%s'", path);
        memset(s->member[i], -1, (size_t)s->n_rows * sizeof *s->member[i]);
    }
    for (int i = 0; i < s->n_classes; i++) {
        const struct store_class *c = &s->class[i];
        store_class_path(&s->record, c->view, c->d, group, sizeof group);
        snprintf(data, sizeof data, "%s/data", group);
        TRY(open_target(s, data, &s->data[i], e));
        for (int64_t m = 0; m < c->n; m++) {
            if (c->row[m] < 0 || c->row[m] >= s->n_rows)
                return ERR(e, ERR_FORMAT, "'%s': /%s has a member outside the store", path,
                           group);
            s->member[c->view][c->row[m]] = (int32_t)m;
        }
    }
    return ERR_OK;
}

/* Which members of class number i the rows are. */
static enum err_code place_members(const struct store *s, const struct store_class *c, int i,
                                   const char *group, struct place *out, struct err *e)
{
    for (int64_t m = 0; m < c->n; m++) {
        if (c->row[m] < 0 || c->row[m] >= s->n_rows)
            return ERR(e, ERR_FORMAT, "/%s of the store has a member outside it", group);
        out[c->row[m]] = (struct place){i, (int32_t)m};
    }
    return ERR_OK;
}

/* A place for every row, in no class yet; NULL: no memory. */
static struct place *no_places(struct store *s)
{
    struct place *out = arena_array(&s->arena, (size_t)s->n_rows + 1, sizeof *out);
    if (out) memset(out, -1, (size_t)s->n_rows * sizeof *out);
    return out;
}

static enum err_code open_weights(struct store *s, const char *path, struct err *e)
{
    char group[80], data[100];
    TRY(store_weights_read(s->file, path, &s->arena, &s->weights, &s->n_weights, e));
    if (s->n_weights == 0) return ERR_OK;
    s->weights_data = arena_array(&s->arena, (size_t)s->n_weights, sizeof *s->weights_data);
    s->kept = no_places(s);
    if (!s->weights_data || !s->kept) return ERR(e, ERR_NOMEM, "no memory to open '%s'", path);
    for (int i = 0; i < s->n_weights; i++) {
        const struct store_class *c = &s->weights[i];
        store_weights_path(c->d, group, sizeof group);
        snprintf(data, sizeof data, "%s/data", group);
        TRY(open_target(s, data, &s->weights_data[i], e));
        TRY(place_members(s, c, i, group, s->kept, e));
    }
    return ERR_OK;
}

static enum err_code open_arrays(struct store *s, const char *path, struct err *e)
{
    char group[160], data[200];
    TRY(store_arrays_read(s->file, path, &s->record, &s->arena, &s->array, &s->n_arrays, e));
    s->array_data = arena_array(&s->arena, (size_t)s->n_arrays + 1, sizeof *s->array_data);
    bool ok = s->array_data;
    for (int i = 0; i < s->record.n_arrays; i++) ok &= (s->array_at[i] = no_places(s)) != NULL;
    if (!ok) return ERR(e, ERR_NOMEM, "no memory to open '%s'", path);
    for (int i = 0; i < s->n_arrays; i++) {
        const struct store_class *c = &s->array[i];
        store_array_path(&s->record, c, group, sizeof group);
        snprintf(data, sizeof data, "%s/data", group);
        TRY(open_target(s, data, &s->array_data[i], e));
        TRY(place_members(s, c, i, group, s->array_at[c->view], e));
    }
    return ERR_OK;
}

/* Opens a part of /probe, unless the store lacks it, or it differs between trials, or it has other
 * dimensions than [n, *d] (d: NULL for [n]). */
static enum err_code open_part(struct store *s, const char *path, int64_t n, int64_t *d,
                               struct target *out, struct err *e)
{
    hsize_t dims[2];
    if (H5Lexists(s->file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    TRY(open_target(s, path, out, e));
    bool wanted = H5Aexists(out->dataset, STORE_PROBE_VARIES) == 0 &&
                  h5_dims(out->dataset, 2, dims) == 1 + !!d && (int64_t)dims[0] == n;
    if (wanted && d) *d = (int64_t)dims[1];
    if (!wanted) close_target(out);
    return ERR_OK;
}

static enum err_code open_probes(struct store *s, struct err *e)
{
    char path[160];
    const struct record *r = &s->record;
    for (int i = 0; r->n_layers > 0 && i < r->n_probe_sets; i++) {
        struct probe_targets *p = &s->probe[i];
        const struct probe_set *set = &r->probe[i];
        snprintf(path, sizeof path, "probe/%s/labels", set->name);
        TRY(open_part(s, path, set->n, NULL, &p->label, e));
        snprintf(path, sizeof path, "probe/%s/inputs", set->name);
        TRY(open_part(s, path, set->n, &p->d, &p->input, e));
    }
    return ERR_OK;
}

enum err_code store_open(const char *path, const struct record *record, struct store **out,
                         struct err *e)
{
    *out = NULL;
    h5_quiet();
    struct store *s = calloc(1, sizeof *s);
    if (!s) return ERR(e, ERR_NOMEM, "no memory to open '%s'", path);
    s->record = *record;
    enum err_code code = ERR_OK;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL);
    s->file = H5Fopen(path, H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (s->file < 0) code = H5_ERR(e, "cannot open the store '%s'", path);
    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (code == ERR_OK && s->fd < 0)
        code = ERR(e, ERR_IO, "cannot open the store '%s': %s", path, strerror(errno));
    if (code == ERR_OK) code = open_columns(s, e);
    if (code == ERR_OK) code = open_classes(s, path, e);
    if (code == ERR_OK) code = open_weights(s, path, e);
    if (code == ERR_OK) code = open_arrays(s, path, e);
    if (code == ERR_OK) code = open_probes(s, e);
    if (code == ERR_OK)
        *out = s;
    else
        store_close(s, NULL);
    return code;
}

enum err_code store_close(struct store *s, struct err *e)
{
    if (!s) return ERR_OK;
    enum err_code code = ERR_OK;
    for (int i = 0; i < STORE_COLUMNS; i++) close_target(&s->column[i]);
    for (int i = 0; i < s->record.n_metrics; i++) close_target(&s->metric[i]);
    close_target(&s->step);
    for (int i = 0; s->data && i < s->n_classes; i++) close_target(&s->data[i]);
    for (int i = 0; s->weights_data && i < s->n_weights; i++) close_target(&s->weights_data[i]);
    for (int i = 0; s->array_data && i < s->n_arrays; i++) close_target(&s->array_data[i]);
    for (int i = 0; i < TASK_MAX_PROBE_SETS; i++) {
        close_target(&s->probe[i].label);
        close_target(&s->probe[i].input);
    }
    if (s->file >= 0 && H5Fclose(s->file) < 0) code = H5_ERR(e, "cannot close the store");
    if (s->fd >= 0) close(s->fd);
    arena_clear(&s->arena);
    free(s);
    return code;
}

/* Writes count[] elements (count[0] = 1) from the start of a row. */
static herr_t write_row(const struct target *t, hid_t mem_type, int64_t row, int n_dims,
                        const hsize_t *count, const void *in)
{
    hsize_t start[STORE_MAX_DIMS] = {(hsize_t)row};
    hid_t memory = H5Screate_simple(n_dims, count, NULL);
    herr_t rc = H5Sselect_hyperslab(t->space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (rc >= 0) rc = H5Dwrite(t->dataset, mem_type, memory, t->space, H5P_DEFAULT, in);
    H5Sclose(memory);
    return rc;
}

static enum err_code write_value(struct store *s, int column, hid_t mem_type, int64_t row,
                                 const void *in, struct err *e)
{
    if (write_row(&s->column[column], mem_type, row, 1, (hsize_t[]){1}, in) < 0)
        return H5_ERR(e, "cannot write row %lld of '/trials/%s'", (long long)row,
                      store_columns[column].name);
    return ERR_OK;
}

static enum err_code write_metrics(struct store *s, int64_t row,
                                   const struct trial_shape *shape, const struct rows *rows,
                                   struct err *e)
{
    hsize_t count[] = {1, (hsize_t)shape->records};
    for (int i = 0; i < s->record.n_metrics; i++)
        if (write_row(&s->metric[i], H5T_NATIVE_DOUBLE, row, 2, count,
                      rows->metric + i * shape->records) < 0)
            return H5_ERR(e, "cannot write row %lld of '/metrics/%s'", (long long)row,
                          s->record.metric[i]);
    if (write_row(&s->step, H5T_NATIVE_DOUBLE, row, 2, count, rows->step) < 0)
        return H5_ERR(e, "cannot write row %lld of '/metrics/step'", (long long)row);
    return ERR_OK;
}

/* Features of a view; 0: the trial has no such layer. */
static int64_t view_dim(const struct store *s, const struct trial_shape *shape, int view)
{
    return shape->layer_dim[view % s->record.n_layers];
}

static size_t view_floats(const struct store *s, const struct trial_shape *shape, int view)
{
    return (size_t)s->record.n_slots * (size_t)store_probe_set(&s->record, view)->n *
           (size_t)view_dim(s, shape, view);
}

static enum err_code write_view(struct store *s, int64_t row, int view, int64_t d,
                                const float *in, struct err *e)
{
    const struct record *r = &s->record;
    const char *layer = r->layer[view % r->n_layers];
    hsize_t count[] = {1, (hsize_t)r->n_slots, (hsize_t)store_probe_set(r, view)->n,
                       (hsize_t)d};
    for (int i = 0; i < s->n_classes; i++) {
        if (s->class[i].view != view || s->class[i].d != d) continue;
        int64_t member = s->member[view][row];
        INVARIANT(member >= 0 && member < s->class[i].n && s->class[i].row[member] == row);
        if (write_row(&s->data[i], H5T_NATIVE_FLOAT, member, 4, count, in) < 0)
            return H5_ERR(e, "cannot write the representation '%s' of row %lld", layer,
                          (long long)row);
        return ERR_OK;
    }
    return ERR(e, ERR_SHAPE, "the store has no place for '%s' with %lld features", layer,
               (long long)d);
}

/* Weights of a trial that did not end well are nobody's to use. */
static bool has_weights(const struct rows *rows, const struct result *result)
{
    return rows->weights && result->outcome == OUTCOME_DONE;
}

static enum err_code weights_place(const struct store *s, int64_t row, int64_t n,
                                   struct place *out, struct err *e)
{
    if (!s->kept || s->kept[row].class < 0)
        return ERR(e, ERR_FORMAT, "the store keeps no weights of row %lld", (long long)row);
    *out = s->kept[row];
    if (s->weights[out->class].d == n) return ERR_OK;
    return ERR(e, ERR_FORMAT, "row %lld of the store has %lld weights, not %lld",
               (long long)row, (long long)s->weights[out->class].d, (long long)n);
}

static enum err_code write_weights(struct store *s, int64_t row, int64_t n, const float *in,
                                   struct err *e)
{
    struct place at = {-1, -1};
    TRY(weights_place(s, row, n, &at, e));
    hsize_t count[] = {1, (hsize_t)n};
    if (write_row(&s->weights_data[at.class], H5T_NATIVE_FLOAT, at.member, 2, count, in) < 0)
        return H5_ERR(e, "cannot write the weights of row %lld", (long long)row);
    return ERR_OK;
}

static enum err_code write_array(struct store *s, int64_t row, int i,
                                 const struct trial_shape *shape, const float *in,
                                 struct err *e)
{
    struct place at = s->array_at[i][row];
    const struct store_class *c = at.class >= 0 ? &s->array[at.class] : NULL;
    hsize_t count[STORE_MAX_DIMS] = {1};
    bool same = c && c->n_dims == shape->array_dims[i];
    for (int k = 0; same && k < c->n_dims; k++) {
        same = c->size[k] == shape->array_size[i][k];
        count[1 + k] = (hsize_t)c->size[k];
    }
    if (!same)
        return ERR(e, ERR_SHAPE, "the store has no place for the array '%s' of row %lld",
                   s->record.array[i], (long long)row);
    if (write_row(&s->array_data[at.class], H5T_NATIVE_FLOAT, at.member, 1 + c->n_dims, count,
                  in) < 0)
        return H5_ERR(e, "cannot write the array '%s' of row %lld", s->record.array[i],
                      (long long)row);
    return ERR_OK;
}

bool store_wants_labels(const struct store *s, int set)
{
    return s->probe[set].label.dataset > 0;
}

int64_t store_wants_inputs(const struct store *s, int set)
{
    return s->probe[set].input.dataset > 0 ? s->probe[set].d : 0;
}

/* Writes a part of a probe set that is wanted and there, and wants it no more. */
static enum err_code write_part(struct target *t, hid_t mem_type, const void *in, struct err *e)
{
    if (t->dataset <= 0 || !in) return ERR_OK;
    if (H5Dwrite(t->dataset, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, in) < 0)
        return H5_ERR(e, "cannot write the probes of the store");
    close_target(t);
    return ERR_OK;
}

static enum err_code write_probes(struct store *s, const struct rows *rows, struct err *e)
{
    for (int i = 0; i < s->record.n_probe_sets; i++) {
        struct probe_targets *p = &s->probe[i];
        TRY(write_part(&p->label, H5T_NATIVE_INT32, rows->probe_label[i], e));
        TRY(write_part(&p->input, H5T_NATIVE_FLOAT, rows->probe_input[i], e));
    }
    return ERR_OK;
}

static uint64_t checksum(const struct store *s, const struct trial_shape *shape,
                         const struct rows *rows, bool weights)
{
    size_t records = (size_t)shape->records * sizeof(double);
    XXH64_state_t *state = XXH64_createState();
    INVARIANT(state);
    XXH64_reset(state, 0);
    XXH64_update(state, rows->metric, (size_t)s->record.n_metrics * records);
    XXH64_update(state, rows->step, records);
    for (int v = 0; v < store_views(&s->record); v++)
        if (view_dim(s, shape, v) > 0)
            XXH64_update(state, rows->layer[v], view_floats(s, shape, v) * sizeof(float));
    if (weights) XXH64_update(state, rows->weights, (size_t)shape->weights * sizeof(float));
    for (int i = 0; i < s->record.n_arrays; i++)
        if (shape->array_dims[i] > 0)
            XXH64_update(state, rows->array[i],
                         (size_t)task_array_count(shape, i) * sizeof(float));
    uint64_t sum = XXH64_digest(state);
    XXH64_freeState(state);
    return sum;
}

static uint8_t state_of(enum outcome outcome)
{
    return outcome == OUTCOME_DONE       ? TRIAL_DONE
           : outcome == OUTCOME_DIVERGED ? TRIAL_DIVERGED
                                         : TRIAL_FAILED;
}

enum err_code store_write(struct store *s, int64_t row, const struct trial_shape *shape,
                          const struct rows *rows, struct result *result, struct err *e)
{
    INVARIANT(row >= 0 && row < s->n_rows && shape->records <= s->n_records);
    uint8_t state = state_of(result->outcome);
    if (result->outcome != OUTCOME_FAILED) { /* a failed trial has no numbers */
        TRY(write_metrics(s, row, shape, rows, e));
        for (int v = 0; v < store_views(&s->record); v++)
            if (view_dim(s, shape, v) > 0)
                TRY(write_view(s, row, v, view_dim(s, shape, v), rows->layer[v], e));
        for (int i = 0; i < s->record.n_arrays; i++)
            if (shape->array_dims[i] > 0) TRY(write_array(s, row, i, shape, rows->array[i], e));
        TRY(write_probes(s, rows, e));
        bool weights = has_weights(rows, result);
        if (weights) TRY(write_weights(s, row, shape->weights, rows->weights, e));
        result->checksum = checksum(s, shape, rows, weights);
    }
    TRY(write_value(s, SECONDS, H5T_NATIVE_DOUBLE, row, &result->seconds, e));
    TRY(write_value(s, WORKER, H5T_NATIVE_INT32, row, &result->worker, e));
    TRY(write_value(s, STEPS_DONE, H5T_NATIVE_INT64, row, &result->steps_done, e));
    TRY(write_value(s, CHECKSUM, H5T_NATIVE_UINT64, row, &result->checksum, e));
    return write_value(s, STATE, H5T_NATIVE_UINT8, row, &state, e);
}

enum err_code store_read_weights(struct store *s, int64_t row, int64_t n, float *out,
                                 struct err *e)
{
    struct place at = {-1, -1};
    INVARIANT(row >= 0 && row < s->n_rows);
    TRY(weights_place(s, row, n, &at, e));
    if (h5_rows_read(s->weights_data[at.class].dataset, H5T_NATIVE_FLOAT, at.member, 1, out) <
        0)
        return H5_ERR(e, "cannot read the weights of row %lld", (long long)row);
    return ERR_OK;
}

enum err_code store_read_last(struct store *s, int64_t row, int metric, double *out,
                              struct err *e)
{
    INVARIANT(row >= 0 && row < s->n_rows && metric >= 0 && metric < s->record.n_metrics);
    double *values = malloc(2 * (size_t)s->n_records * sizeof *values);
    if (!values) return ERR(e, ERR_NOMEM, "no memory for a row of the store");
    double *step = values + s->n_records;
    bool good = h5_rows_read(s->metric[metric].dataset, H5T_NATIVE_DOUBLE, row, 1, values) >= 0;
    good = good && h5_rows_read(s->step.dataset, H5T_NATIVE_DOUBLE, row, 1, step) >= 0;
    int64_t last = s->n_records - 1;
    while (good && last >= 0 && isnan(step[last])) last--;
    *out = good && last >= 0 ? values[last] : NAN;
    free(values);
    return good ? ERR_OK
                : H5_ERR(e, "cannot read row %lld of '/metrics/%s'", (long long)row,
                         s->record.metric[metric]);
}

enum err_code store_write_setting(struct store *s, int64_t row, const struct field *f,
                                  const struct config *config, struct err *e)
{
    char path[160], text[TASK_PATH + 1] = "";
    enum err_code code = ERR_OK;
    snprintf(path, sizeof path, "trials/%s", f->row.name);
    if (H5Lexists(s->file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    hid_t d = H5Dopen2(s->file, path, H5P_DEFAULT), type = -1;
    const void *value = (const char *)config + f->offset;
    if (f->type == FIELD_INT || f->type == FIELD_FLOAT) {
        type = H5Tcopy(f->type == FIELD_INT ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE);
    } else {
        hid_t stored = H5Dget_type(d);
        type = h5_text_type(sizeof text);
        field_text(f, config, text, sizeof text);
        if (strlen(text) >= H5Tget_size(stored)) /* it is the value of a row: it fits */
            code = ERR(e, ERR_SHAPE, "'/%s' of the store has no room for '%s'", path, text);
        h5_release(stored);
        value = text;
    }
    if (code == ERR_OK && h5_rows_write(d, type, row, 1, NULL, value) < 0)
        code = H5_ERR(e, "cannot write row %lld of '/%s'", (long long)row, path);
    h5_release(type);
    h5_release(d);
    return code;
}

enum err_code store_sync(struct store *s, struct err *e)
{
    if (fdatasync(s->fd) != 0)
        return ERR(e, ERR_IO, "cannot sync the store: %s", strerror(errno));
    return ERR_OK;
}
