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
    hsize_t start[4] = {(hsize_t)row};
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

static uint64_t checksum(const struct store *s, const struct trial_shape *shape,
                         const struct rows *rows)
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
        result->checksum = checksum(s, shape, rows);
    }
    TRY(write_value(s, SECONDS, H5T_NATIVE_DOUBLE, row, &result->seconds, e));
    TRY(write_value(s, WORKER, H5T_NATIVE_INT32, row, &result->worker, e));
    TRY(write_value(s, STEPS_DONE, H5T_NATIVE_INT64, row, &result->steps_done, e));
    TRY(write_value(s, CHECKSUM, H5T_NATIVE_UINT64, row, &result->checksum, e));
    return write_value(s, STATE, H5T_NATIVE_UINT8, row, &state, e);
}

enum err_code store_sync(struct store *s, struct err *e)
{
    if (fdatasync(s->fd) != 0)
        return ERR(e, ERR_IO, "cannot sync the store: %s", strerror(errno));
    return ERR_OK;
}
