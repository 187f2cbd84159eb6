/* folder.c - write to NAME.new, then rename. Reports can be made again: nothing of them is
 * synced. */
#include "coord/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *join(const char *dir, const char *name, const char *suffix,
                        char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix);
    return out;
}

enum err_code folder_make(const char *path, struct err *e)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return ERR(e, ERR_IO, "the folder's name is too long: %s", path);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        mkdir(part, 0777); /* what fails here fails below, with a reason */
        *at = '/';
    }
    struct stat info;
    if (mkdir(part, 0777) == 0 || (stat(part, &info) == 0 && S_ISDIR(info.st_mode)))
        return ERR_OK;
    return ERR(e, ERR_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

enum err_code folder_keep(const char *dir, const char *name, struct err *e)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (rename(join(dir, name, FOLDER_NEW, from), join(dir, name, "", to)) == 0) return ERR_OK;
    enum err_code rc = ERR(e, ERR_IO, "cannot write %s: %s", to, strerror(errno));
    unlink(from);
    return rc;
}

static enum err_code synced(const char *path, struct err *e)
{
    int at = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = at >= 0 && fsync(at) == 0;
    int cause = errno;
    if (at >= 0) close(at);
    return ok ? ERR_OK : ERR(e, ERR_IO, "cannot sync '%s': %s", path, strerror(cause));
}

enum err_code folder_keep_synced(const char *dir, const char *name, struct err *e)
{
    char from[PATH_MAX];
    TRY(synced(join(dir, name, FOLDER_NEW, from), e));
    TRY(folder_keep(dir, name, e));
    return synced(dir, e);
}

enum err_code folder_write(const char *dir, const char *name, const struct text *text,
                           struct err *e)
{
    char path[PATH_MAX];
    FILE *out = fopen(join(dir, name, FOLDER_NEW, path), "w");
    if (!out) return ERR(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (text->length) fwrite(text->at, 1, text->length, out);
    bool bad = ferror(out) != 0;
    if (fclose(out) == 0 && !bad) return folder_keep(dir, name, e);
    enum err_code rc = ERR(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    unlink(path);
    return rc;
}

enum err_code folder_read(const char *dir, const char *name, struct text *out, struct err *e)
{
    char path[PATH_MAX], block[1 << 16];
    FILE *in = fopen(join(dir, name, "", path), "r");
    if (!in) return ERR(e, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;) text_add_bytes(out, block, n);
    bool bad = ferror(in) != 0;
    fclose(in);
    return bad ? ERR(e, ERR_IO, "cannot read %s", path) : ERR_OK;
}
