/* store_arrays.c - the classes of arrays: which trials leave an array of which sizes.
 *
 * A class of an array is a struct store_class whose view is the array's place in the record and
 * whose d is the count of its numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/store_layout.h"

const char *store_array_path(const struct record *record, const struct store_class *c,
                             char *out, size_t size)
{
    snprintf(out, size, "arrays/%s/", record->array[c->view]);
    for (int k = 0; k < c->n_dims; k++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%lld", k ? "x" : "", (long long)c->size[k]);
    }
    return out;
}

/* Sizes from the name of a group: "4x3x28x28". False if it is none. */
static bool sizes_of(const char *name, struct store_class *c)
{
    c->d = 1;
    for (c->n_dims = 0; c->n_dims < TASK_MAX_DIMS;) {
        char *end;
        int64_t n = strtoll(name, &end, 10);
        if (end == name || n < 1) return false;
        c->size[c->n_dims++] = n;
        c->d *= n;
        if (!*end) return true;
        if (*end != 'x') return false;
        name = end + 1;
    }
    return false;
}

static enum err_code read_class(hid_t file, const char *path, const struct record *record,
                                const char *name, struct store_class *c, struct arena *arena,
                                struct err *e)
{
    char member[200];
    hsize_t dims[1 + TASK_MAX_DIMS];
    const char *array = record->array[c->view];
    if (!sizes_of(name, c))
        return ERR(e, ERR_FORMAT, "'%s': /arrays/%s/%s is not named by sizes", path, array,
                   name);
    snprintf(member, sizeof member, "arrays/%s/%s/trial", array, name);
    c->n = -1;
    c->row = store_column_read(file, member, H5T_NATIVE_INT64, sizeof *c->row, &c->n, arena);
    snprintf(member, sizeof member, "arrays/%s/%s/data", array, name);
    hid_t data = H5Dopen2(file, member, H5P_DEFAULT);
    int n_dims = h5_dims(data, 1 + TASK_MAX_DIMS, dims);
    h5_release(data);
    bool good = c->row && n_dims == 1 + c->n_dims && (int64_t)dims[0] == c->n;
    for (int k = 0; good && k < c->n_dims; k++) good = (int64_t)dims[1 + k] == c->size[k];
    if (!good)
        return ERR(e, ERR_FORMAT, "'%s': /arrays/%s/%s has the wrong sizes", path, array, name);
    c->n_old = c->n;
    return ERR_OK;
}

enum err_code store_arrays_read(hid_t file, const char *path, const struct record *record,
                                struct arena *arena, struct store_class **out, int *n,
                                struct err *e)
{
    char group[160];
    char **names[TASK_MAX_ARRAYS];
    int count[TASK_MAX_ARRAYS], total = 0;
    for (int i = 0; i < record->n_arrays; i++) {
        snprintf(group, sizeof group, "arrays/%s", record->array[i]);
        names[i] = h5_names(file, group, arena, &count[i]);
        if (!names[i]) return ERR(e, ERR_FORMAT, "'%s' has no readable /%s", path, group);
        total += count[i];
    }
    *n = 0;
    *out = arena_array(arena, (size_t)total + 1, sizeof **out);
    if (!*out) return ERR(e, ERR_NOMEM, "no memory for the arrays of '%s'", path);
    for (int i = 0; i < record->n_arrays; i++)
        for (int k = 0; k < count[i]; k++, ++*n) {
            (*out)[*n] = (struct store_class){.view = i};
            TRY(read_class(file, path, record, names[i][k], &(*out)[*n], arena, e));
        }
    return ERR_OK;
}

/* The class of array i of that shape; the list has room for it. NULL: the trial has none. */
static struct store_class *need_class(struct store_layout *l, int i,
                                      const struct trial_shape *shape)
{
    int n_dims = shape->array_dims[i];
    size_t bytes = (size_t)n_dims * sizeof shape->array_size[i][0];
    if (n_dims == 0) return NULL;
    for (int k = 0; k < l->n_arrays; k++) {
        struct store_class *c = &l->array[k];
        if (c->view == i && c->n_dims == n_dims &&
            !memcmp(c->size, shape->array_size[i], bytes))
            return c;
    }
    struct store_class *c = &l->array[l->n_arrays++];
    *c = (struct store_class){.view = i, .n_dims = n_dims, .d = task_array_count(shape, i)};
    memcpy(c->size, shape->array_size[i], bytes);
    return c;
}

enum err_code store_arrays_init(struct store_layout *l, const struct store_old *old,
                                struct arena *arena, struct err *e)
{
    int n = l->plan->sweep->record.n_arrays, n_old = old ? old->n_arrays : 0;
    size_t most = (size_t)n_old + (size_t)n * (size_t)l->plan->n_shapes;
    l->array = arena_array(arena, most + 1, sizeof *l->array);
    if (!l->array) goto nomem;
    for (l->n_arrays = 0; l->n_arrays < n_old; l->n_arrays++)
        l->array[l->n_arrays] = old->array[l->n_arrays];
    for (int64_t r = l->n_old; r < l->n_rows; r++)
        for (int i = 0; i < n; i++) {
            struct store_class *c = need_class(l, i, plan_shape(l->plan, l->trial_of[r]));
            if (c) c->n++;
        }
    for (int k = 0; k < l->n_arrays; k++) {
        struct store_class *c = &l->array[k];
        c->row = arena_array(arena, (size_t)c->n + 1, sizeof *c->row);
        if (!c->row) goto nomem;
        if (c->n_old) memcpy(c->row, old->array[k].row, (size_t)c->n_old * sizeof *c->row);
        c->n = c->n_old;
    }
    for (int64_t r = l->n_old; r < l->n_rows; r++)
        for (int i = 0; i < n; i++) {
            struct store_class *c = need_class(l, i, plan_shape(l->plan, l->trial_of[r]));
            if (c) c->row[c->n++] = r;
        }
    return ERR_OK;
nomem:
    return ERR(e, ERR_NOMEM, "no memory for the classes of arrays");
}
