/* files.h - the files of a data set: where they lie and whether they changed. */
#ifndef SHOAL_WORKER_FILES_H
#define SHOAL_WORKER_FILES_H

#include "worker/data.h"

enum {
    FILES_MAX = 6,    /* of a data set */
    FILES_PATH = 512, /* data.path or $SHOAL_DATA_DIR, and a name */
};

/* Where a data set lies when data.path is empty. */
struct files_place {
    const char *stream;    /* its name */
    const char *subfolder; /* of $SHOAL_DATA_DIR; NULL: data.path is needed */
    const char *folder;    /* without that variable; NULL: none */
    const char *package;   /* of Debian that puts it there; NULL: none */
    bool gzip;             /* files may be packed, their names end in .gz then */
};

/* What tells whether a file changed. */
struct files_stamp {
    uint64_t device, inode, bytes;
    int64_t second, nanosecond;
};

/* Zero-initialise: compared byte by byte. */
struct files {
    int64_t n, variant; /* variant: what else the shape depends on, as the stream likes */
    struct files_stamp stamp[FILES_MAX];
    char path[FILES_MAX][FILES_PATH];
};

/* The folder of a data set. Local.
 * errors   ERR_CONFIG if no setting says it, or it is too long */
enum err_code files_folder(const struct files_place *place, const struct config *c,
                           char out[FILES_PATH], struct err *e);

/* Appends the file of that name in the folder, or if there is none and the place has gzip, that
 * of the name and .gz. Local.
 * errors   ERR_CONFIG if there is none */
enum err_code files_add(const struct files_place *place, const char *folder, const char *name,
                        struct files *files, struct err *e);

/* Appends the file that data.path names. Local.
 * errors   ERR_CONFIG if there is none */
enum err_code files_add_path(const struct files_place *place, const struct config *c,
                             struct files *files, struct err *e);

/* A plan asks for the shape once per trial: the last answer, kept while the files stay. */
struct files_known {
    struct files files;
    struct data_shape shape;
};

/* The shape by `read`, or the known one if it is of the same files. Local; of one thread.
 * errors   those of read */
enum err_code files_shape(struct files_known *known, const struct files *files,
                          enum err_code (*read)(const struct files *files,
                                                struct data_shape *out, struct err *e),
                          struct data_shape *out, struct err *e);

#endif
