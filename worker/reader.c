/* reader.c - see reader.h. zlib reads plain files as they are. */
#include "worker/reader.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { MAX_RATIO = 1032 }; /* deflate never packs better */

enum err_code reader_open(struct reader *r, const char *path, struct err *e)
{
    *r = (struct reader){.path = path};
    errno = 0;
    r->gz = gzopen(path, "rb");
    if (!r->gz)
        return ERR(e, errno ? ERR_IO : ERR_NOMEM, "opening %s: %s", path, strerror(errno));
    return ERR_OK;
}

void reader_close(struct reader *r)
{
    if (r->gz) gzclose_r(r->gz);
    r->gz = NULL;
}

/* Why the last read gave less than was wanted. */
static enum err_code failed(struct reader *r, int64_t missing, struct err *e)
{
    int code;
    const char *why = gzerror(r->gz, &code);
    if (code == Z_ERRNO) return ERR(e, ERR_IO, "reading %s: %s", r->path, strerror(errno));
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file ends early, %lld bytes missing%s",
                   r->path, (long long)r->offset, (long long)missing,
                   missing ? "" : " but the end of the gzip data");
    return ERR(e, ERR_FORMAT, "%s: byte %lld: damaged gzip data: %s", r->path,
               (long long)r->offset, why);
}

enum err_code reader_bytes(struct reader *r, uint8_t *out, int64_t n, struct err *e)
{
    while (n > 0) {
        int got = gzread(r->gz, out, n < 1 << 30 ? (unsigned)n : 1u << 30);
        if (got <= 0) return failed(r, n, e);
        r->offset += got;
        out += got;
        n -= got;
    }
    return ERR_OK;
}

/* gzip data close with a sum, and zlib tells when that is missing. */
enum err_code reader_end(struct reader *r, struct err *e)
{
    uint8_t beyond;
    int more = gzread(r->gz, &beyond, 1), code;
    gzerror(r->gz, &code);
    if (more > 0)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file goes on behind the last sample",
                   r->path, (long long)r->offset);
    return code == Z_OK || code == Z_STREAM_END ? ERR_OK : failed(r, 0, e);
}

bool reader_ended(struct reader *r)
{
    int byte = gzgetc(r->gz), code;
    if (byte >= 0) gzungetc(byte, r->gz);
    gzerror(r->gz, &code);
    return byte < 0 && (code == Z_OK || code == Z_STREAM_END);
}

bool reader_plain(const struct reader *r)
{
    return gzdirect(r->gz);
}

bool reader_holds(const struct reader *r, uint64_t file_bytes, int64_t wanted)
{
    return (uint64_t)(reader_plain(r) ? wanted : wanted / MAX_RATIO) <= file_bytes;
}
