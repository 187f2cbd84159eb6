/* extent.c - see extent.h. Files are read by pread; the page cache, shared by all ranks of a
 * node, is the only memory they take.
 *
 * Members of zip archives are read by libzip. It can seek in stored members (also those beyond
 * 4 GiB), under a lock, for an archive has one place. It cannot in deflated ones: these are
 * unpacked once per data set that is opened, in pieces, into a temporary file without a name.
 * That keeps memory bounded and reads fast; it takes as much of $TMPDIR as the member is long.
 * The sum of a member (CRC-32) is compared when all of it was read in order. */
#include "worker/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum {
    PIECE = 1 << 20,  /* bytes that are unpacked at once */
    MAX_RATIO = 1032, /* deflate never packs better */
};

static void extent_init(struct extent *x)
{
    *x = (struct extent){.fd = -1};
    pthread_mutex_init(&x->lock, NULL);
}

void extent_close(struct extent *x)
{
    if (x->member) zip_fclose(x->member);
    if (x->archive) zip_discard(x->archive);
    if (x->fd >= 0) close(x->fd);
    pthread_mutex_destroy(&x->lock);
    *x = (struct extent){.fd = -1};
}

/* ---- files ---- */

static enum err_code file_open(struct extent *x, const char *path, int64_t *bytes,
                               struct err *e)
{
    struct stat st;
    x->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (x->fd < 0 || fstat(x->fd, &st) != 0)
        return ERR(e, ERR_IO, "opening %s: %s", path, strerror(errno));
    *bytes = st.st_size;
    return ERR_OK;
}

enum err_code extent_file(struct extent *x, const char *path, struct err *e)
{
    extent_init(x);
    snprintf(x->name, sizeof x->name, "%s", path);
    enum err_code rc = file_open(x, path, &x->length, e);
    if (rc != ERR_OK) extent_close(x);
    return rc;
}

enum err_code extent_part(struct extent *x, const char *path, const char *name, int64_t offset,
                          int64_t length, struct err *e)
{
    int64_t bytes, end;
    extent_init(x);
    snprintf(x->name, sizeof x->name, "%s", name);
    enum err_code rc = file_open(x, path, &bytes, e);
    if (rc == ERR_OK && (offset < 0 || length < 0 ||
                         __builtin_add_overflow(offset, length, &end) || end > bytes))
        rc = ERR(e, ERR_FORMAT, "%s: byte %lld: %lld bytes lie behind the end of the file",
                 name, (long long)offset, (long long)length);
    x->offset = offset;
    x->length = length;
    if (rc != ERR_OK) extent_close(x);
    return rc;
}

enum err_code extent_temporary(struct extent *x, const char *name, struct err *e)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    extent_init(x);
    snprintf(x->name, sizeof x->name, "%s", name);
    int length =
        snprintf(path, sizeof path, "%s/shoal-XXXXXX", folder && *folder ? folder : "/tmp");
    x->fd = length < (int)sizeof path ? mkostemp(path, O_CLOEXEC) : -1;
    if (x->fd >= 0) {
        unlink(path);
        return ERR_OK;
    }
    ERR(e, ERR_IO, "%s: making a temporary file like %s for it: %s; TMPDIR says where", name,
        path, strerror(errno));
    extent_close(x);
    return ERR_IO;
}

enum err_code extent_append(struct extent *x, const void *bytes, int64_t n, struct err *e)
{
    for (const char *from = bytes; n > 0;) {
        ssize_t put = pwrite(x->fd, from, (size_t)n, x->length);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0)
            return ERR(e, ERR_IO,
                       "%s: byte %lld: unpacking it into a temporary file: %s; set TMPDIR to a "
                       "folder with more room",
                       x->name, (long long)x->length, strerror(errno));
        from += put;
        x->length += put;
        n -= put;
    }
    return ERR_OK;
}

static enum err_code file_read(const struct extent *x, int64_t at, int64_t n, char *out,
                               struct err *e)
{
    while (n > 0) {
        ssize_t got = pread(x->fd, out, (size_t)n, x->offset + at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return ERR(e, ERR_IO, "reading %s: byte %lld: %s", x->name, (long long)at,
                       strerror(errno));
        if (got == 0)
            return ERR(e, ERR_IO, "%s: byte %lld: the file became shorter while it was read",
                       x->name, (long long)at);
        at += got;
        out += got;
        n -= got;
    }
    return ERR_OK;
}

/* ---- members of archives ---- */

static enum err_code zip_failed(const struct extent *x, zip_error_t *why, struct err *e)
{
    int kind = zip_error_code_zip(why);
    enum err_code code = kind == ZIP_ER_MEMORY ? ERR_NOMEM
                         : kind == ZIP_ER_OPEN || kind == ZIP_ER_READ || kind == ZIP_ER_SEEK
                             ? ERR_IO
                             : ERR_FORMAT;
    return ERR(e, code, "%s: byte %lld: %s", x->name, (long long)x->at,
               zip_error_strerror(why));
}

/* What the archive says of the member, compared with what the file can hold. */
static enum err_code member_check(struct extent *x, const zip_stat_t *st, const char *path,
                                  struct err *e)
{
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    struct stat file;
    if (stat(path, &file) != 0) return ERR(e, ERR_IO, "%s: %s", path, strerror(errno));
    if ((st->valid & wanted) != wanted)
        return ERR(e, ERR_FORMAT, "%s: the archive does not say how long it is", x->name);
    if (st->valid & ZIP_STAT_ENCRYPTION_METHOD && st->encryption_method != ZIP_EM_NONE)
        return ERR(e, ERR_FORMAT, "%s: the member is encrypted", x->name);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return ERR(e, ERR_FORMAT,
                   "%s: compression method %d; stored and deflated members are known", x->name,
                   st->comp_method);
    x->packed = st->comp_method == ZIP_CM_DEFLATE;
    if (st->comp_size > (uint64_t)file.st_size ||
        (x->packed ? st->size / MAX_RATIO > st->comp_size : st->size != st->comp_size))
        return ERR(e, ERR_FORMAT,
                   "%s: a member of %llu bytes, packed %llu, in a file of %lld cannot be",
                   x->name, (unsigned long long)st->size, (unsigned long long)st->comp_size,
                   (long long)file.st_size);
    x->length = (int64_t)st->size;
    return ERR_OK;
}

/* The member again, from its start. */
static enum err_code member_rewind(struct extent *x, struct err *e)
{
    if (x->member) zip_fclose(x->member);
    x->at = 0;
    x->member = zip_fopen_index(x->archive, (zip_uint64_t)x->index, 0);
    return x->member ? ERR_OK : zip_failed(x, zip_get_error(x->archive), e);
}

static enum err_code archive_open(struct extent *x, const char *path, struct err *e)
{
    int code;
    zip_error_t why;
    x->archive = zip_open(path, ZIP_RDONLY, &code);
    if (x->archive) return ERR_OK;
    zip_error_init_with_code(&why, code);
    snprintf(x->name, sizeof x->name, "%s", path);
    enum err_code rc = zip_failed(x, &why, e);
    zip_error_fini(&why);
    return rc;
}

enum err_code extent_members(const char *path, bool (*each)(void *self, const char *name),
                             void *self, struct err *e)
{
    struct extent x;
    extent_init(&x);
    enum err_code rc = archive_open(&x, path, e);
    zip_int64_t n = rc == ERR_OK ? zip_get_num_entries(x.archive, 0) : 0;
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(x.archive, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        if (!name || !each(self, name)) break;
    }
    extent_close(&x);
    return rc;
}

static enum err_code member_open(struct extent *x, const char *path, const char *member,
                                 struct err *e)
{
    zip_stat_t st;
    TRY(archive_open(x, path, e));
    snprintf(x->name, sizeof x->name, "%s: %s", path, member);
    zip_int64_t index = zip_name_locate(x->archive, member, ZIP_FL_ENC_RAW);
    x->index = index;
    if (index < 0) return ERR(e, ERR_FORMAT, "%s: no member %s in the archive", path, member);
    if (zip_stat_index(x->archive, (zip_uint64_t)index, 0, &st) != 0)
        return zip_failed(x, zip_get_error(x->archive), e);
    TRY(member_check(x, &st, path, e));
    return member_rewind(x, e);
}

enum err_code extent_member(struct extent *x, const char *path, const char *member,
                            struct err *e)
{
    extent_init(x);
    enum err_code rc = member_open(x, path, member, e);
    if (rc != ERR_OK) extent_close(x);
    return rc;
}

/* Under the lock. */
static enum err_code member_read(struct extent *x, int64_t at, int64_t n, char *out,
                                 struct err *e)
{
    if (at != x->at) {
        INVARIANT(!x->packed);
        if (zip_fseek(x->member, at, SEEK_SET) != 0)
            return zip_failed(x, zip_file_get_error(x->member), e);
        x->at = at;
    }
    while (n > 0) {
        zip_int64_t got = zip_fread(x->member, out, (zip_uint64_t)n);
        if (got < 0) return zip_failed(x, zip_file_get_error(x->member), e);
        if (got == 0)
            return ERR(e, ERR_FORMAT,
                       "%s: byte %lld: the member ends early, %lld bytes missing", x->name,
                       (long long)x->at, (long long)(x->length - x->at));
        x->at += got;
        out += got;
        n -= got;
    }
    return ERR_OK;
}

enum err_code extent_read(struct extent *x, int64_t at, int64_t n, void *out, struct err *e)
{
    INVARIANT(at >= 0 && n >= 0);
    if (n > x->length || at > x->length - n)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: it ends early, %lld bytes missing", x->name,
                   (long long)x->length, (long long)(at - x->length + n));
    if (!x->member) return file_read(x, at, n, out, e);
    pthread_mutex_lock(&x->lock);
    enum err_code rc = member_read(x, at, n, out, e);
    pthread_mutex_unlock(&x->lock);
    return rc;
}

enum err_code extent_check(struct extent *x, struct err *e)
{
    char beyond;
    if (!x->member || x->at != x->length) return ERR_OK;
    zip_int64_t got = zip_fread(x->member, &beyond, 1);
    if (got < 0) return zip_failed(x, zip_file_get_error(x->member), e);
    if (got > 0)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the member is longer than the archive says",
                   x->name, (long long)x->at);
    return ERR_OK;
}

static enum err_code unpack(struct extent *packed, struct extent *out, struct err *e)
{
    char *piece = malloc(PIECE);
    if (!piece) return ERR(e, ERR_NOMEM, "%s: no memory to unpack it", packed->name);
    enum err_code rc = member_rewind(packed, e);
    while (rc == ERR_OK && out->length < packed->length) {
        int64_t left = packed->length - out->length, n = left < PIECE ? left : PIECE;
        rc = extent_read(packed, out->length, n, piece, e);
        if (rc == ERR_OK) rc = extent_append(out, piece, n, e);
    }
    free(piece);
    return rc == ERR_OK ? extent_check(packed, e) : rc;
}

enum err_code extent_settle(struct extent *x, struct err *e)
{
    struct extent out;
    if (!x->packed) return ERR_OK;
    TRY(extent_temporary(&out, x->name, e));
    enum err_code rc = unpack(x, &out, e);
    if (rc == ERR_OK) { /* the file goes from one to the other */
        zip_fclose(x->member);
        zip_discard(x->archive);
        x->member = NULL;
        x->archive = NULL;
        x->packed = false;
        x->fd = out.fd;
        out.fd = -1;
    }
    extent_close(&out);
    return rc;
}
