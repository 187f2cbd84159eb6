/* results_array.c - arrays of trials, read one by one: together they may be large. The schema is
 * in store.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "coord/h5.h"
#include "coord/results.h"
#include "coord/store.h"

/* Place of a row among the members of a class, or -1. */
static int64_t member_of(hid_t file, const char *class, int64_t row, struct arena *scratch)
{
    char path[200];
    hsize_t n[1] = {0};
    int64_t found = -1;
    snprintf(path, sizeof path, "%s/trial", class);
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    int64_t *member =
        h5_dims(d, 1, n) == 1 ? arena_array(scratch, n[0] + 1, sizeof *member) : NULL;
    bool read =
        member && H5Dread(d, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, member) >= 0;
    for (int64_t m = 0; read && m < (int64_t)n[0]; m++)
        if (member[m] == row) found = m;
    h5_release(d);
    return found;
}

/* Reads a member of the dataset of a class. */
static enum err_code read_member(const struct results *r, hid_t d, int64_t member,
                                 struct results_array *out, struct err *e)
{
    hsize_t dims[1 + TASK_MAX_DIMS];
    int n_dims = h5_dims(d, 1 + TASK_MAX_DIMS, dims);
    if (n_dims < 2) return ERR(e, ERR_FORMAT, "%s: an array without dimensions", r->path);
    out->count = 1;
    for (int k = 1; k < n_dims; k++) {
        out->size[k - 1] = (int64_t)dims[k];
        if (__builtin_mul_overflow(out->count, out->size[k - 1], &out->count))
            return ERR(e, ERR_FORMAT, "%s: an array without end", r->path);
    }
    out->data = malloc((size_t)out->count * sizeof *out->data + 1);
    if (!out->data) return ERR(e, ERR_NOMEM, "%s: no memory for an array", r->path);
    if (h5_rows_read(d, H5T_NATIVE_FLOAT, member, 1, out->data) < 0)
        return H5_ERR(e, "%s: cannot read an array", r->path);
    out->n_dims = n_dims - 1;
    return ERR_OK;
}

static enum err_code read_class(const struct results *r, hid_t file, const char *class,
                                int64_t member, struct results_array *out, struct err *e)
{
    char path[200];
    struct arena arena = {0};
    snprintf(path, sizeof path, "%s/data", class);
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset %s", r->path, path);
    enum err_code rc = read_member(r, d, member, out, e);
    const char *columns = h5_attribute_read(d, STORE_ARRAY_COLUMNS, &arena);
    if (columns) out->columns = strdup(columns);
    arena_clear(&arena);
    h5_release(d);
    return rc;
}

static enum err_code no_such_array(const struct results *r, hid_t file, const char *name,
                                   struct arena *scratch, struct err *e)
{
    int n = 0;
    bool any = H5Lexists(file, "/arrays", H5P_DEFAULT) > 0;
    char **known = any ? h5_names(file, "/arrays", scratch, &n) : NULL;
    struct text list = {0};
    for (int i = 0; i < n; i++) text_add(&list, "%s%s", i ? ", " : "", known[i]);
    enum err_code rc = ERR(e, ERR_CONFIG, "%s has no array '%s'; it has %s", r->path, name,
                           n ? list.at : "none (record: {arrays: [...]})");
    text_clear(&list);
    return rc;
}

static enum err_code read_array(const struct results *r, hid_t file, const char *name,
                                int64_t trial, struct results_array *out, struct arena *scratch,
                                struct err *e)
{
    char group[80], class[160];
    int n = 0;
    if (r->row[trial] < 0) return ERR_OK; /* no trial: it left none */
    bool plain = *name && strlen(name) < TASK_NAME && !strchr(name, '/');
    snprintf(group, sizeof group, "/arrays/%.64s", name);
    char **sizes = plain ? h5_names(file, group, scratch, &n) : NULL;
    if (!sizes) return no_such_array(r, file, name, scratch, e);
    for (int i = 0; i < n; i++) {
        snprintf(class, sizeof class, "%s/%.70s", group, sizes[i]);
        int64_t member = member_of(file, class, r->row[trial], scratch);
        if (member >= 0) return read_class(r, file, class, member, out, e);
    }
    return ERR_OK;
}

enum err_code results_array(const struct results *r, const char *name, int64_t trial,
                            struct results_array *out, struct err *e)
{
    struct arena scratch = {0};
    *out = (struct results_array){0};
    hid_t file = h5_open_read(r->path);
    if (file < 0) return H5_ERR(e, "cannot read the store %s", r->path);
    enum err_code rc = read_array(r, file, name, trial, out, &scratch, e);
    h5_release(file);
    arena_clear(&scratch);
    if (rc != ERR_OK) results_array_clear(out);
    return rc;
}

char **results_arrays(const char *store_path, struct arena *arena, int *n)
{
    *n = 0;
    h5_quiet();
    hid_t file = h5_open_read(store_path);
    bool any = file >= 0 && H5Lexists(file, "arrays", H5P_DEFAULT) > 0;
    char **names = any ? h5_names(file, "arrays", arena, n) : NULL;
    h5_release(file);
    return names;
}

int64_t results_array_column(const struct results_array *a, const char *name)
{
    int64_t columns = a->n_dims ? a->size[a->n_dims - 1] : 0, k = 0;
    if (!a->columns) {
        char *end;
        k = strtoll(name, &end, 10);
        return end != name && !*end && k >= 0 && k < columns ? k : -1;
    }
    size_t length = strlen(name);
    for (const char *word = a->columns; *word && k < columns; k++) {
        size_t n = strcspn(word, " ");
        if (n == length && strncmp(word, name, n) == 0) return k;
        word += n;
        word += *word == ' ';
    }
    return -1;
}

void results_array_clear(struct results_array *a)
{
    free(a->data);
    free(a->columns);
    *a = (struct results_array){0};
}
