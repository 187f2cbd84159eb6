/* reader.h - the bytes of a file from its start, unpacked if it is gzip. */
#ifndef SHOAL_WORKER_READER_H
#define SHOAL_WORKER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct reader {
    struct gzFile_s *gz;
    const char *path; /* borrowed */
    int64_t offset;   /* bytes read, after decompression */
};

/* reader_close in any case. Local.
 * errors   ERR_IO; ERR_NOMEM */
enum err_code reader_open(struct reader *r, const char *path, struct err *e);
void reader_close(struct reader *r);

/* The next n bytes. Local.
 * errors   ERR_FORMAT if the file ends early or is damaged gzip data; ERR_IO */
enum err_code reader_bytes(struct reader *r, uint8_t *out, int64_t n, struct err *e);

/* The file ends here, and so do its gzip data. Local.
 * errors   like reader_bytes */
enum err_code reader_end(struct reader *r, struct err *e);

/* Are there no more bytes? False as well if the next read would fail. */
bool reader_ended(struct reader *r);

/* Is the file no gzip? After the first reader_bytes. */
bool reader_plain(const struct reader *r);

/* Can a file of so many bytes hold so many when it is read? What it says of its own size is
 * compared with this before memory is taken. */
bool reader_holds(const struct reader *r, uint64_t file_bytes, int64_t wanted);

#endif
