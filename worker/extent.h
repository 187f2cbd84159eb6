/* extent.h - bytes at any place of a file, of a part of it, or of a member of a zip archive,
 * without holding them in memory. */
#ifndef SHOAL_WORKER_EXTENT_H
#define SHOAL_WORKER_EXTENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { EXTENT_NAME = 600 };

struct extent {
    char name[EXTENT_NAME]; /* for messages: "x.npy", "x.npz: train_x.npy" */
    int64_t length;         /* bytes */
    int64_t offset;         /* of the first byte in fd */
    int fd;                 /* -1: read through the archive */
    struct zip *archive;
    struct zip_file *member;
    int64_t index;        /* of the member in the archive */
    bool packed;          /* the member is deflated: bytes can be read in order only */
    int64_t at;           /* where the member is being read */
    pthread_mutex_t lock; /* of archive, member, at */
};

/* Each opens *x; after a failure there is nothing to close. An extent must stay where it is.
 *
 * file     a whole file
 * part     length bytes of a file from offset on; name is what messages call them
 * member   a member of a zip archive, stored or deflated, of any length (zip64)
 * Local.
 * errors   ERR_IO; ERR_NOMEM; ERR_FORMAT: no zip archive, no such member, a part or a member
 *          longer than the file can hold, another compression */
enum err_code extent_file(struct extent *x, const char *path, struct err *e);
enum err_code extent_part(struct extent *x, const char *path, const char *name, int64_t offset,
                          int64_t length, struct err *e);
enum err_code extent_member(struct extent *x, const char *path, const char *member,
                            struct err *e);

/* Calls each(self, name) for the members of a zip archive in the order of its directory, until
 * it returns false. Local.
 * errors   ERR_IO; ERR_NOMEM; ERR_FORMAT: no zip archive */
enum err_code extent_members(const char *path, bool (*each)(void *self, const char *name),
                             void *self, struct err *e);

/* An empty temporary file in $TMPDIR (/tmp), which has no name and goes with its extent. It
 * grows by extent_append. Local.
 * errors   ERR_IO */
enum err_code extent_temporary(struct extent *x, const char *name, struct err *e);
enum err_code extent_append(struct extent *x, const void *bytes, int64_t n, struct err *e);

/* Bytes at..at+n-1. A deflated member has to be read in order until it is settled. Local; two
 * threads may read at the same time.
 * errors   ERR_FORMAT: behind the end, damaged; ERR_IO; ERR_NOMEM */
enum err_code extent_read(struct extent *x, int64_t at, int64_t n, void *out, struct err *e);

/* Makes any place of a deflated member readable, by unpacking it into a temporary file. Others
 * are already. Local.
 * errors   like extent_read and extent_append */
enum err_code extent_settle(struct extent *x, struct err *e);

/* Reads to the end of a member whose bytes were all read in order: its sum is right. Local.
 * errors   ERR_FORMAT */
enum err_code extent_check(struct extent *x, struct err *e);

void extent_close(struct extent *x);

#endif
