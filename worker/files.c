/* files.c - see files.h. Messages start with the setting to change. */
#include "worker/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_ROOM = 64 }; /* for a file's name in its folder */

enum err_code files_folder(const struct files_place *place, const struct config *c,
                           char out[FILES_PATH], struct err *e)
{
    const char *root = getenv("SHOAL_DATA_DIR");
    int length;
    if (*c->data.path)
        length = snprintf(out, FILES_PATH, "%s", c->data.path);
    else if (place->subfolder && root && *root)
        length = snprintf(out, FILES_PATH, "%s/%s", root, place->subfolder);
    else if (place->folder)
        length = snprintf(out, FILES_PATH, "%s", place->folder);
    else
        return ERR(e, ERR_CONFIG,
                   "data.path: missing; the stream '%s' needs the folder of its files%s%s%s",
                   place->stream,
                   place->subfolder ? ", or SHOAL_DATA_DIR set to the one that holds " : "",
                   place->subfolder ? place->subfolder : "", place->subfolder ? "/" : "");
    if (length >= FILES_PATH - NAME_ROOM)
        return ERR(e, ERR_CONFIG, "data.path: longer than %d bytes", FILES_PATH - NAME_ROOM);
    return ERR_OK;
}

/* Appends out->path[out->n] if it is a file. */
static bool file_taken(struct files *out)
{
    struct stat st;
    if (stat(out->path[out->n], &st) != 0 || !S_ISREG(st.st_mode)) return false;
    out->stamp[out->n++] =
        (struct files_stamp){(uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                             st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    return true;
}

enum err_code files_add(const struct files_place *place, const char *folder, const char *name,
                        struct files *files, struct err *e)
{
    static const char *const endings[] = {"", ".gz"};
    INVARIANT(files->n < FILES_MAX && strlen(name) < NAME_ROOM - 4);
    for (int i = 0; i < 1 + place->gzip; i++) {
        char *path = files->path[files->n];
        memset(path, 0, FILES_PATH);
        int length = snprintf(path, FILES_PATH, "%s/%s%s", folder, name, endings[i]);
        INVARIANT(length < FILES_PATH);
        if (file_taken(files)) return ERR_OK;
    }
    if (place->package)
        return ERR(e, ERR_CONFIG,
                   "data.name: no file %s or %s.gz in '%s'; install it (apt install %s), set "
                   "SHOAL_DATA_DIR to the folder that holds %s/, or use data.name: idx with a "
                   "data.path",
                   name, name, folder, place->package, place->subfolder);
    return ERR(e, ERR_CONFIG, "data.path: no file %s%s%s%s in '%s'", name,
               place->gzip ? " or " : "", place->gzip ? name : "", place->gzip ? ".gz" : "",
               folder);
}

enum err_code files_add_path(const struct files_place *place, const struct config *c,
                             struct files *files, struct err *e)
{
    INVARIANT(files->n < FILES_MAX);
    if (!*c->data.path)
        return ERR(e, ERR_CONFIG, "data.path: missing; the stream '%s' needs its file",
                   place->stream);
    snprintf(files->path[files->n], FILES_PATH, "%s", c->data.path);
    if (file_taken(files)) return ERR_OK;
    return ERR(e, ERR_CONFIG, "data.path: no file '%s'", c->data.path);
}

enum err_code files_shape(struct files_known *known, const struct files *files,
                          enum err_code (*read)(const struct files *files,
                                                struct data_shape *out, struct err *e),
                          struct data_shape *out, struct err *e)
{
    if (memcmp(files, &known->files, sizeof *files) == 0) {
        *out = known->shape;
        return ERR_OK;
    }
    TRY(read(files, out, e));
    known->files = *files;
    known->shape = *out;
    return ERR_OK;
}
