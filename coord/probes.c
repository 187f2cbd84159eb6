/* probes.c - see probes.h. What fill values are is in store.h. */
#include "coord/probes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/h5.h"

enum { PATH_SIZE = 200 };

/* A dataset whole as the type if it has so many dimensions, the first of them n (n < 0: any);
 * NULL with ERR_OK: not there. */
static enum err_code read_part(hid_t file, const char *path, int n_dims, hid_t mem_type,
                               size_t size, hsize_t dims[2], int64_t n, struct arena *arena,
                               void **out, struct err *e)
{
    enum err_code code = ERR_OK;
    *out = NULL;
    if (H5Lexists(file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    dims[1] = 1;
    if (h5_dims(d, 2, dims) != n_dims || (n >= 0 && (int64_t)dims[0] != n))
        code = ERR(e, ERR_FORMAT, "/%s does not have the dimensions of its probe set", path);
    if (code == ERR_OK && (__builtin_mul_overflow((size_t)dims[1], size, &size) ||
                           !(*out = arena_array(arena, (size_t)dims[0], size))))
        code = ERR(e, ERR_NOMEM, "no memory for /%s", path);
    if (code == ERR_OK && H5Dread(d, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
        code = H5_ERR(e, "cannot read /%s", path);
    h5_release(d);
    return code;
}

static enum err_code read_labels(hid_t file, const char *set, struct arena *arena,
                                 struct probes *out, struct err *e)
{
    char path[PATH_SIZE];
    hsize_t dims[2];
    void *data;
    snprintf(path, sizeof path, "probe/%s/labels", set);
    TRY(read_part(file, path, 1, H5T_NATIVE_INT32, sizeof *out->labels, dims, out->n, arena,
                  &data, e));
    const int32_t *label = data;
    for (int64_t i = 0; label && i < out->n; i++)
        if (label[i] >= 0) out->labels = data;
    return ERR_OK;
}

/* A trial writes them whole: NaN among them is what a killed one left. */
static enum err_code read_inputs(hid_t file, const char *set, struct arena *arena,
                                 struct probes *out, struct err *e)
{
    char path[PATH_SIZE];
    hsize_t dims[2];
    void *data;
    snprintf(path, sizeof path, "probe/%s/inputs", set);
    TRY(read_part(file, path, 2, H5T_NATIVE_FLOAT, sizeof *out->inputs, dims, out->n, arena,
                  &data, e));
    const float *input = data;
    if (!input) return ERR_OK;
    for (int64_t i = 0; i < out->n * (int64_t)dims[1]; i++)
        if (isnan(input[i])) return ERR_OK;
    out->inputs = data;
    out->d = (int64_t)dims[1];
    return ERR_OK;
}

/* The set's name in the store. */
static enum err_code find_set(hid_t file, const char *path, const char *set,
                              struct arena *arena, const char **out, struct err *e)
{
    int n;
    struct text known = {0};
    char **name = h5_names(file, "probe", arena, &n);
    for (int i = 0; name && i < n; i++) {
        if (!set || !*set || strcmp(set, name[i]) == 0) {
            *out = name[i];
            text_clear(&known);
            return ERR_OK;
        }
        text_add(&known, "%s%s", i ? ", " : "", name[i]);
    }
    enum err_code code = ERR(e, ERR_CONFIG, "'%s' has no probe set '%s'; it has %s", path,
                             set ? set : "", known.at ? known.at : "none");
    text_clear(&known);
    return code;
}

static enum err_code read_set(hid_t file, const char *set, struct arena *arena,
                              struct probes *out, struct err *e)
{
    char path[PATH_SIZE];
    hsize_t dims[2];
    void *index;
    snprintf(path, sizeof path, "probe/%s/index", set);
    TRY(read_part(file, path, 1, H5T_NATIVE_INT64, sizeof(int64_t), dims, -1, arena, &index,
                  e));
    if (!index) return ERR(e, ERR_FORMAT, "no /%s", path);
    out->n = (int64_t)dims[0];
    TRY(read_labels(file, set, arena, out, e));
    return read_inputs(file, set, arena, out, e);
}

enum err_code probes_read(const char *store_path, const char *set, struct arena *arena,
                          struct probes *out, struct err *e)
{
    const char *name = NULL;
    *out = (struct probes){0};
    h5_quiet();
    hid_t file = h5_open_read(store_path);
    if (file < 0) return H5_ERR(e, "cannot read the store '%s'", store_path);
    enum err_code code = find_set(file, store_path, set, arena, &name, e);
    if (code == ERR_OK) code = read_set(file, name, arena, out, e);
    h5_release(file);
    return code;
}
