/* store_prepare.c - makes a store fit a plan: a new one, an extended one, or as it is.
 *
 * A store is only ever replaced whole: what is made or extended is written to STORE.new, synced
 * and renamed. A kill leaves the store that was there and at most a STORE.new, which the next
 * call removes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/store.h"
#include "coord/store_create.h"
#include "coord/store_layout.h"

enum { PATH_SIZE = 4096 };

/* Makes a rename in the folder of path durable. */
static enum err_code sync_folder_of(const char *path, struct err *e)
{
    char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0'; /* "/x" is in "/" */
    else
        strcpy(folder, ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int cause = errno;
        if (fd >= 0) close(fd);
        return ERR(e, ERR_IO, "cannot sync the folder '%s': %s", folder, strerror(cause));
    }
    close(fd);
    return ERR_OK;
}

/* Writes the store and gives it its name. */
static enum err_code replace(const char *path, const struct store_layout *layout,
                             const struct store_old *old, const char *const *provenance,
                             struct err *e)
{
    char fresh[PATH_SIZE + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    enum err_code code = store_create(fresh, path, layout, old, provenance, e);
    if (code == ERR_OK && rename(fresh, path) != 0)
        code = ERR(e, ERR_IO, "cannot rename '%s' to '%s': %s", fresh, path, strerror(errno));
    if (code != ERR_OK) {
        unlink(fresh);
        return code;
    }
    return sync_folder_of(path, e);
}

enum err_code store_prepare(const char *path, const struct plan *plan,
                            const char *const *provenance, int64_t *row, struct err *e)
{
    char leftover[PATH_SIZE + 8], target[PATH_SIZE];
    struct store_old old = {.file = -1};
    struct store_layout layout;
    struct arena arena = {0};
    h5_quiet();
    if (realpath(path, target)) path = target; /* a link to a store stays a link */
    snprintf(leftover, sizeof leftover, "%s.new", path);
    unlink(leftover);
    bool exists = access(path, F_OK) == 0;
    enum err_code code = exists ? store_old_open(path, plan->sweep, &old, e) : ERR_OK;
    if (code == ERR_OK)
        code = store_layout_init(&layout, plan, exists ? &old : NULL, row, &arena, e);
    if (code == ERR_OK && (layout.n_rows > layout.n_old || layout.changed))
        code = replace(path, &layout, exists ? &old : NULL, provenance, e);
    store_old_close(&old);
    arena_clear(&arena);
    return code;
}

/* has[r]: the old store has the weights of row r. NULL: no memory. */
static bool *rows_with_weights(struct store_old *old)
{
    bool *has = arena_array(&old->arena, (size_t)old->n_rows, sizeof *has);
    for (int i = 0; has && i < old->n_weights; i++)
        for (int64_t m = 0; m < old->weights[i].n; m++) {
            int64_t r = old->weights[i].row[m];
            if (r >= 0 && r < old->n_rows) has[r] = true;
        }
    return has;
}

/* Has row r of the store all that the plan wants of that trial? */
static bool is_whole(const struct store_old *old, const bool *has, int64_t r,
                     const struct plan *plan, int64_t trial)
{
    bool finished = old->state[r] == TRIAL_DONE || old->state[r] == TRIAL_DIVERGED;
    return finished && (has[r] || !plan_keeps(plan, trial));
}

enum err_code store_written(const char *path, const struct plan *plan, bool *written,
                            struct err *e)
{
    struct store_old old;
    enum err_code code = store_old_open(path, plan->sweep, &old, e);
    const bool *has = code == ERR_OK ? rows_with_weights(&old) : NULL;
    if (code == ERR_OK && !has) code = ERR(e, ERR_NOMEM, "no memory to read '%s'", path);
    for (int64_t r = 0; code == ERR_OK && r < old.n_rows; r++) {
        int64_t trial = plan_find(plan, old.id[r]);
        if (trial >= 0) written[trial] = is_whole(&old, has, r, plan, trial);
    }
    store_old_close(&old);
    return code;
}

enum err_code store_compare(const char *path, const struct plan *plan, int64_t *kept,
                            int64_t *fresh, int64_t *changed, struct err *e)
{
    struct store_old old;
    h5_quiet();
    *kept = *changed = 0;
    *fresh = plan->n_trials;
    if (access(path, F_OK) != 0) return ERR_OK;
    enum err_code code = store_old_open(path, plan->sweep, &old, e);
    int64_t common = 0;
    const bool *has = code == ERR_OK ? rows_with_weights(&old) : NULL;
    if (code == ERR_OK && !has) code = ERR(e, ERR_NOMEM, "no memory to read '%s'", path);
    for (int64_t r = 0; code == ERR_OK && r < old.n_rows; r++) {
        int64_t trial = plan_find(plan, old.id[r]);
        bool wanted = trial >= 0;
        *kept += wanted && is_whole(&old, has, r, plan, trial);
        *changed += !wanted;
        common += wanted;
    }
    if (code == ERR_OK) code = store_old_shares(&old, common, plan->n_trials, e);
    *fresh -= *kept;
    store_old_close(&old);
    return code;
}

/* Row of a trial in an open store, or -1. */
static int64_t row_of(hid_t file, uint64_t id)
{
    hsize_t dims[1] = {0};
    int64_t row = -1;
    hid_t d = H5Dopen2(file, "trials/id", H5P_DEFAULT);
    uint64_t *all = h5_dims(d, 1, dims) == 1 ? malloc((size_t)dims[0] * sizeof *all + 1) : NULL;
    if (all && H5Dread(d, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0)
        for (int64_t r = 0; r < (int64_t)dims[0]; r++)
            if (all[r] == id) row = r;
    free(all);
    h5_release(d);
    return row;
}

enum err_code store_find_weights(const char *path, uint64_t id, int64_t n, float *out,
                                 struct err *e)
{
    struct arena arena = {0};
    struct store_class *class = NULL;
    int n_classes = 0;
    h5_quiet();
    hid_t file = h5_open_read(path);
    if (file < 0) return H5_ERR(e, "cannot read the store '%s'", path);
    int64_t row = row_of(file, id);
    enum err_code code = store_weights_read(file, path, &arena, &class, &n_classes, e);
    const struct store_class *found = NULL;
    int64_t member = -1;
    for (int i = 0; i < n_classes && row >= 0; i++)
        for (int64_t m = 0; m < class[i].n; m++)
            if (class[i].row[m] == row) found = &class[i], member = m;
    if (code == ERR_OK && !found)
        code =
            ERR(e, ERR_FORMAT,
                "'%s' keeps no weights of trial %016llx; record: {weights: true} keeps those "
                "of all trials",
                path, (unsigned long long)id);
    else if (code == ERR_OK && found->d != n)
        code = ERR(e, ERR_FORMAT, "trial %016llx of '%s' has %lld weights, not %lld",
                   (unsigned long long)id, path, (long long)found->d, (long long)n);
    if (code == ERR_OK) {
        char group[80], data[100];
        snprintf(data, sizeof data, "%s/data",
                 store_weights_path(found->d, group, sizeof group));
        hid_t d = H5Dopen2(file, data, H5P_DEFAULT);
        if (h5_rows_read(d, H5T_NATIVE_FLOAT, member, 1, out) < 0)
            code = H5_ERR(e, "cannot read '/%s' of '%s'", data, path);
        h5_release(d);
    }
    h5_release(file);
    arena_clear(&arena);
    return code;
}
