/* data_cifar.c - images in records: one or two bytes of label, then three planes of 32 x 32
 * bytes. A file has nothing but records, so its length says how many; a packed one has to be
 * read for that, record by record.
 *
 * Another data set in this format is a struct source and a few lines at the end. */
#include "worker/data_cifar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/files.h"
#include "worker/reader.h"

enum { CHANNELS = 3, SIDE = 32, PIXELS = CHANNELS * SIDE * SIDE, MOST_LABELS = 2 };

/* A version of the data set. files.variant is its row in `sources`. */
struct source {
    struct files_place place;
    int n_files;
    const char *file[FILES_MAX]; /* the last one is the test set */
    int n_labels, label;         /* of a record, and the one that counts */
    int64_t classes;
};

enum { CIFAR10, CIFAR100_FINE, CIFAR100_COARSE };
#define CIFAR100_FILES                                                                         \
    {"cifar100", "cifar-100-binary", .gzip = true}, 2, {"train.bin", "test.bin"}, 2
static const struct source sources[] = {
    [CIFAR10] = {{"cifar10", "cifar-10-batches-bin", .gzip = true},
                 6,
                 {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                  "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
                 1,
                 0,
                 10},
    [CIFAR100_FINE] = {CIFAR100_FILES, 1, 100},
    [CIFAR100_COARSE] = {CIFAR100_FILES, 0, 20},
};

struct cifar {
    uint8_t *pixel[2]; /* [pool, PIXELS] */
    uint8_t *label[2]; /* [pool] */
    real level[DATA_LEVELS];
};

static enum err_code files_find(int which, const struct config *c, struct files *out,
                                struct err *e)
{
    const struct source *s = &sources[which];
    char folder[FILES_PATH];
    *out = (struct files){.variant = which};
    TRY(files_folder(&s->place, c, folder, e));
    for (int i = 0; i < s->n_files; i++) TRY(files_add(&s->place, folder, s->file[i], out, e));
    return ERR_OK;
}

static enum split split_of(const struct source *s, int file)
{
    return file == s->n_files - 1 ? SPLIT_TEST : SPLIT_TRAIN;
}

/* ---- counting ---- */

/* Records of an open file whose first byte was read: a packed one is read to its end. */
static enum err_code records_count(struct reader *r, uint64_t file_bytes, int64_t record,
                                   int64_t *out, struct err *e)
{
    uint8_t skipped[MOST_LABELS + PIXELS];
    int64_t bytes = (int64_t)file_bytes;
    if (!reader_plain(r)) {
        TRY(reader_bytes(r, skipped, record - r->offset, e));
        while (!reader_ended(r)) TRY(reader_bytes(r, skipped, record, e));
        TRY(reader_end(r, e));
        bytes = r->offset;
    }
    if (bytes % record != 0)
        return ERR(e, ERR_FORMAT,
                   "%s: byte %lld: the file ends in the middle of a record of %lld bytes",
                   r->path, (long long)bytes, (long long)record);
    *out = bytes / record;
    return ERR_OK;
}

static enum err_code shape_read(const struct files *files, struct data_shape *out,
                                struct err *e)
{
    const struct source *s = &sources[files->variant];
    *out = (struct data_shape){.n_dims = 3,
                               .size = {CHANNELS, SIDE, SIDE},
                               .dim = PIXELS,
                               .classes = s->classes,
                               .black = -1};
    for (int i = 0; i < s->n_files; i++) {
        struct reader r;
        uint8_t first;
        int64_t n = 0;
        enum err_code rc = reader_open(&r, files->path[i], e);
        if (rc == ERR_OK) rc = reader_bytes(&r, &first, 1, e);
        if (rc == ERR_OK)
            rc = records_count(&r, files->stamp[i].bytes, s->n_labels + PIXELS, &n, e);
        reader_close(&r);
        TRY(rc);
        out->pool[split_of(s, i)] += n;
    }
    out->bytes = (double)(out->pool[0] + out->pool[1]) * (PIXELS + 1);
    return ERR_OK;
}

/* ---- reading ---- */

/* The records of a file, up to n of them, into the places of a split from *done on. */
static enum err_code records_read(struct reader *r, const struct source *s, int64_t n,
                                  uint8_t *pixel, uint8_t *label, int64_t *done, struct err *e)
{
    uint8_t labels[MOST_LABELS];
    for (; !reader_ended(r); (*done)++) {
        if (*done == n) return ERR(e, ERR_IO, "%s changed while it was read", r->path);
        TRY(reader_bytes(r, labels, s->n_labels, e));
        label[*done] = labels[s->label];
        if (label[*done] >= s->classes)
            return ERR(e, ERR_FORMAT, "%s: byte %lld: label %d, but there are %lld classes",
                       r->path, (long long)(r->offset - s->n_labels + s->label), label[*done],
                       (long long)s->classes);
        TRY(reader_bytes(r, pixel + *done * PIXELS, PIXELS, e));
    }
    return reader_end(r, e);
}

static enum err_code splits_read(const struct files *files, const struct data_shape *shape,
                                 struct cifar *cifar, struct err *e)
{
    const struct source *s = &sources[files->variant];
    int64_t done[2] = {0, 0};
    for (int split = 0; split < 2; split++) {
        cifar->pixel[split] = malloc((size_t)(shape->pool[split] * PIXELS));
        cifar->label[split] = malloc((size_t)shape->pool[split]);
        if (!cifar->pixel[split] || !cifar->label[split])
            return ERR(e, ERR_NOMEM, "no memory for %s", files->path[0]);
    }
    for (int i = 0; i < s->n_files; i++) {
        enum split split = split_of(s, i);
        struct reader r;
        enum err_code rc = reader_open(&r, files->path[i], e);
        if (rc == ERR_OK)
            rc = records_read(&r, s, shape->pool[split], cifar->pixel[split],
                              cifar->label[split], &done[split], e);
        reader_close(&r);
        TRY(rc);
    }
    if (done[0] != shape->pool[0] || done[1] != shape->pool[1])
        return ERR(e, ERR_IO, "%s changed while it was read", files->path[0]);
    return ERR_OK;
}

static enum err_code source_open(int which, const struct config *c, struct data *data,
                                 struct err *e)
{
    struct files files;
    TRY(files_find(which, c, &files, e));
    struct cifar *cifar = calloc(1, sizeof *cifar);
    if (!cifar) return ERR(e, ERR_NOMEM, "opening %s", files.path[0]);
    data->inner = cifar;
    data_levels(cifar->level);
    enum err_code rc = splits_read(&files, &data->shape, cifar, e);
    if (rc != ERR_OK) data_cifar_close(data);
    return rc;
}

void data_cifar_close(struct data *data)
{
    struct cifar *cifar = data->inner;
    for (int split = 0; split < 2; split++) {
        free(cifar->pixel[split]);
        free(cifar->label[split]);
    }
    free(cifar);
    data->inner = NULL;
}

void data_cifar_fetch(const struct data *data, enum split split, const int64_t *index,
                      int64_t n, real *x, int32_t *label)
{
    const struct cifar *cifar = data->inner;
    for (int64_t i = 0; i < n; i++) {
        INVARIANT(index[i] >= 0 && index[i] < data->shape.pool[split]);
        const uint8_t *pixel = cifar->pixel[split] + index[i] * PIXELS;
        for (int64_t j = 0; j < PIXELS; j++) x[i * PIXELS + j] = cifar->level[pixel[j]];
        if (label) label[i] = cifar->label[split][index[i]];
    }
}

/* ---- the rows of `streams` ---- */

static int cifar100(const struct config *c)
{
    return c->data.labels == LABELS_COARSE ? CIFAR100_COARSE : CIFAR100_FINE;
}

enum err_code data_cifar10_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(CIFAR10, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_cifar10_open(const struct config *c, uint64_t root, struct data *data,
                                struct err *e)
{
    (void)root;
    return source_open(CIFAR10, c, data, e);
}

enum err_code data_cifar100_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(cifar100(c), c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_cifar100_open(const struct config *c, uint64_t root, struct data *data,
                                 struct err *e)
{
    (void)root;
    return source_open(cifar100(c), c, data, e);
}
