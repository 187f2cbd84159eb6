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

enum err_code store_written(const char *path, const struct plan *plan, bool *written,
                            struct err *e)
{
    struct store_old old;
    enum err_code code = store_old_open(path, plan->sweep, &old, e);
    for (int64_t r = 0; code == ERR_OK && r < old.n_rows; r++) {
        int64_t trial = plan_find(plan, old.id[r]);
        if (trial >= 0)
            written[trial] = old.state[r] == TRIAL_DONE || old.state[r] == TRIAL_DIVERGED;
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
    for (int64_t r = 0; code == ERR_OK && r < old.n_rows; r++) {
        bool wanted = plan_find(plan, old.id[r]) >= 0;
        bool finished = old.state[r] == TRIAL_DONE || old.state[r] == TRIAL_DIVERGED;
        *kept += wanted && finished;
        *changed += !wanted;
        common += wanted;
    }
    if (code == ERR_OK) code = store_old_shares(&old, common, plan->n_trials, e);
    *fresh -= *kept;
    store_old_close(&old);
    return code;
}
