/* store_bare.c - see store_bare.h. The datasets are those that results_read wants of every
 * store (store.h), without rows. */
#include "coord/store_bare.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coord/folder.h"
#include "coord/h5.h"

enum { PATH_SIZE = 4096 };

static bool dataset_make(hid_t at, const char *name, hid_t type, int n_dims)
{
    hid_t d = h5_dataset_create(at, name, type, n_dims, (hsize_t[]){0, 0}, NULL);
    h5_release(d);
    return d >= 0;
}

static bool groups_make(hid_t file)
{
    hid_t trials = h5_group_create(file, "trials"), metrics = h5_group_create(file, "metrics"),
          provenance = h5_group_create(file, "provenance");
    bool ok = trials >= 0 && metrics >= 0 && provenance >= 0 &&
              dataset_make(trials, "id", H5T_STD_U64LE, 1) &&
              dataset_make(trials, "seed", H5T_STD_U64LE, 1) &&
              dataset_make(trials, "state", H5T_STD_U8LE, 1) &&
              dataset_make(trials, "seconds", H5T_IEEE_F64LE, 1) &&
              dataset_make(trials, "steps_done", H5T_STD_I64LE, 1) &&
              dataset_make(metrics, "step", H5T_IEEE_F64LE, 2);
    h5_release(provenance);
    h5_release(metrics);
    h5_release(trials);
    return ok;
}

enum err_code store_bare_create(const char *path, struct err *e)
{
    char fresh[PATH_SIZE], folder[PATH_SIZE], name[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(name, sizeof name, "%s", path);
    snprintf(fresh, sizeof fresh, "%.*s" FOLDER_NEW, PATH_SIZE - 8, path);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);
    hid_t file = H5Fcreate(fresh, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    bool ok = file >= 0 && groups_make(file);
    if (file >= 0) ok = H5Fclose(file) >= 0 && ok;
    if (ok) return folder_keep_synced(dirname(folder), basename(name), e);
    enum err_code rc = H5_ERR(e, "cannot make the store '%s'", path);
    unlink(fresh);
    return rc;
}

enum err_code store_bare_check(const char *path, struct err *e)
{
    if (access(path, R_OK) != 0) return ERR(e, ERR_IO, "cannot read the store '%s': %m", path);
    hid_t file = h5_open_read(path);
    bool ok = file >= 0 && H5Lexists(file, "/trials", H5P_DEFAULT) > 0 &&
              H5Lexists(file, "/trials/id", H5P_DEFAULT) > 0;
    if (file >= 0) H5Fclose(file);
    return ok ? ERR_OK : ERR(e, ERR_FORMAT, "'%s' is not a store", path);
}
