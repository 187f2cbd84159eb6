/* data_idx.c - images in IDX files: a big-endian magic number and sizes, then bytes.
 *
 * A file is hostile until read: its sizes are compared with what a file of its length can hold
 * before anything is allocated. Another data set in this format is a struct source. */
#include "worker/data_idx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
    MAX_SIDE = 4096,  /* pixels */
    MAX_RATIO = 1032, /* deflate never packs better */
    MAX_PATH = 512,   /* data.path or $SHOAL_DATA_DIR and a name */
    LABEL_HEADER = 8, /* bytes before the first label */
    LEVELS = 256,     /* of a pixel */
};

/* Where a data set lies when data.path is empty, and what is known of it. */
struct source {
    const char *folder, *subfolder, *package;
    int64_t classes; /* 0: as many as the training labels say */
};
static const struct source fashion = {"/usr/share/datasets/fashion-mnist", "fashion-mnist",
                                      "dataset-fashion-mnist", 10};
static const struct source any = {0};

enum part { IMAGES, LABELS };
static const char *const file_names[2][2] = {
    [SPLIT_TRAIN] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
    [SPLIT_TEST] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
};

/* The files of one folder, and what tells whether they changed. */
struct stamp {
    uint64_t device, inode, bytes;
    int64_t second, nanosecond;
};
struct files {
    int64_t classes; /* of the source */
    struct stamp stamp[2][2];
    char path[2][2][MAX_PATH];
};

/* A file being read. */
struct reader {
    gzFile gz;
    const char *path;
    int64_t offset;               /* bytes read, after decompression */
    int64_t count, height, width; /* labels: height = width = 1 */
};

struct idx {
    uint8_t *pixel[2]; /* [pool, dim] */
    uint8_t *label[2]; /* [pool] */
    real level[LEVELS];
};

static enum err_code folder_find(const struct source *s, const struct config *c,
                                 char out[MAX_PATH], struct err *e)
{
    const char *root = getenv("SHOAL_DATA_DIR");
    int length;
    if (*c->data.path)
        length = snprintf(out, MAX_PATH, "%s", c->data.path);
    else if (!s->folder)
        return ERR(e, ERR_CONFIG,
                   "data.path: missing; the stream 'idx' needs the folder of "
                   "its files");
    else if (root && *root)
        length = snprintf(out, MAX_PATH, "%s/%s", root, s->subfolder);
    else
        length = snprintf(out, MAX_PATH, "%s", s->folder);
    if (length >= MAX_PATH - 64)
        return ERR(e, ERR_CONFIG, "data.path: longer than %d bytes", MAX_PATH - 64);
    return ERR_OK;
}

static enum err_code file_find(const struct source *s, const char *folder, const char *name,
                               char path[MAX_PATH], struct stamp *stamp, struct err *e)
{
    static const char *const endings[] = {"", ".gz"};
    struct stat st;
    for (int i = 0; i < 2; i++) {
        int length = snprintf(path, MAX_PATH, "%s/%s%s", folder, name, endings[i]);
        INVARIANT(length < MAX_PATH);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) continue;
        *stamp = (struct stamp){(uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                                st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
        return ERR_OK;
    }
    if (s->package)
        return ERR(e, ERR_CONFIG,
                   "data.name: no file %s or %s.gz in '%s'; install it (apt install %s), set "
                   "SHOAL_DATA_DIR to the folder that holds %s/, or use data.name: idx with a "
                   "data.path",
                   name, name, folder, s->package, s->subfolder);
    return ERR(e, ERR_CONFIG, "data.path: no file %s or %s.gz in '%s'", name, name, folder);
}

static enum err_code files_find(const struct source *s, const struct config *c,
                                struct files *out, struct err *e)
{
    char folder[MAX_PATH];
    memset(out, 0, sizeof *out);
    out->classes = s->classes;
    TRY(folder_find(s, c, folder, e));
    for (int split = 0; split < 2; split++)
        for (int part = 0; part < 2; part++)
            TRY(file_find(s, folder, file_names[split][part], out->path[split][part],
                          &out->stamp[split][part], e));
    return ERR_OK;
}

/* Why the last read gave less than was wanted. */
static enum err_code reader_failed(struct reader *r, int64_t missing, struct err *e)
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

static enum err_code reader_bytes(struct reader *r, uint8_t *out, int64_t n, struct err *e)
{
    while (n > 0) {
        int got = gzread(r->gz, out, n < 1 << 30 ? (unsigned)n : 1u << 30);
        if (got <= 0) return reader_failed(r, n, e);
        r->offset += got;
        out += got;
        n -= got;
    }
    return ERR_OK;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Reads and checks magic number and sizes. Sizes are bounded, and can be in a file of so many
 * bytes. */
static enum err_code reader_header(struct reader *r, enum part part, uint64_t file_bytes,
                                   struct err *e)
{
    uint8_t head[16];
    uint32_t magic = part == IMAGES ? 0x803 : 0x801;
    TRY(reader_bytes(r, head, 4, e));
    if (big_endian(head) != magic)
        return ERR(e, ERR_FORMAT, "%s: byte 0: magic number 0x%08x expected, found 0x%08x",
                   r->path, magic, big_endian(head));
    TRY(reader_bytes(r, head + 4, part == IMAGES ? 12 : 4, e));
    r->count = big_endian(head + 4);
    r->height = part == IMAGES ? big_endian(head + 8) : 1;
    r->width = part == IMAGES ? big_endian(head + 12) : 1;
    if (r->count < 1) return ERR(e, ERR_FORMAT, "%s: byte 4: no samples", r->path);
    if (r->height < 1 || r->height > MAX_SIDE || r->width < 1 || r->width > MAX_SIDE)
        return ERR(e, ERR_FORMAT,
                   "%s: byte 8: images of %lld x %lld; sides of 1 to %d are known", r->path,
                   (long long)r->height, (long long)r->width, MAX_SIDE);
    int64_t wanted = r->offset + r->count * r->height * r->width;
    int64_t held = (int64_t)file_bytes;
    bool plain = gzdirect(r->gz);
    if (plain ? wanted > held : wanted / MAX_RATIO > held)
        return ERR(e, ERR_FORMAT,
                   "%s: byte 4: %lld samples of %lld x %lld take %lld bytes, more than a file "
                   "of %lld bytes holds",
                   r->path, (long long)r->count, (long long)r->height, (long long)r->width,
                   (long long)wanted, (long long)held);
    if (plain && wanted < held)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file goes on behind the last sample",
                   r->path, (long long)wanted);
    return ERR_OK;
}

/* Opens a file and reads its header; reader_close in any case. */
static enum err_code reader_open(struct reader *r, const struct files *f, enum split split,
                                 enum part part, struct err *e)
{
    *r = (struct reader){.path = f->path[split][part]};
    errno = 0;
    r->gz = gzopen(r->path, "rb");
    if (!r->gz)
        return ERR(e, errno ? ERR_IO : ERR_NOMEM, "opening %s: %s", r->path, strerror(errno));
    return reader_header(r, part, f->stamp[split][part].bytes, e);
}

static void reader_close(struct reader *r)
{
    if (r->gz) gzclose_r(r->gz);
}

/* All bytes behind the header, to be freed; the file must end there. */
static enum err_code reader_payload(struct reader *r, uint8_t **out, struct err *e)
{
    int64_t n = r->count * r->height * r->width;
    uint8_t beyond, *bytes = malloc((size_t)n);
    enum err_code rc = ERR_OK;
    if (!bytes) return ERR(e, ERR_NOMEM, "%lld bytes for %s", (long long)n, r->path);
    rc = reader_bytes(r, bytes, n, e);
    if (rc != ERR_OK) goto out;
    /* The end has to be one: gzip data closes with a sum, and zlib tells when that is missing.
     */
    int more = gzread(r->gz, &beyond, 1), code;
    gzerror(r->gz, &code);
    if (more > 0)
        rc = ERR(e, ERR_FORMAT, "%s: byte %lld: the file goes on behind the last sample",
                 r->path, (long long)r->offset);
    else if (code != Z_OK && code != Z_STREAM_END)
        rc = reader_failed(r, 0, e);
out:
    if (rc == ERR_OK)
        *out = bytes;
    else
        free(bytes);
    return rc;
}

static enum err_code part_header(const struct files *f, enum split split, enum part part,
                                 struct reader *out, struct err *e)
{
    enum err_code rc = reader_open(out, f, split, part, e);
    reader_close(out);
    return rc;
}

static enum err_code part_load(const struct files *f, enum split split, enum part part,
                               uint8_t **out, int64_t *n, struct err *e)
{
    struct reader r;
    enum err_code rc = reader_open(&r, f, split, part, e);
    if (rc == ERR_OK) rc = reader_payload(&r, out, e);
    reader_close(&r);
    *n = r.count * r.height * r.width;
    return rc;
}

static enum err_code classes_count(const struct files *f, int64_t *out, struct err *e)
{
    uint8_t *label, most = 0;
    int64_t n;
    TRY(part_load(f, SPLIT_TRAIN, LABELS, &label, &n, e));
    for (int64_t i = 0; i < n; i++)
        if (label[i] > most) most = label[i];
    free(label);
    if (most == 0)
        return ERR(e, ERR_FORMAT, "%s: byte %d: all labels are 0; two classes are needed",
                   f->path[SPLIT_TRAIN][LABELS], LABEL_HEADER);
    *out = (int64_t)most + 1;
    return ERR_OK;
}

static enum err_code files_shape(const struct files *f, struct data_shape *out, struct err *e)
{
    struct reader images[2], labels[2];
    *out = (struct data_shape){.n_dims = 3, .classes = f->classes, .black = -1};
    for (int split = 0; split < 2; split++) {
        TRY(part_header(f, split, IMAGES, &images[split], e));
        TRY(part_header(f, split, LABELS, &labels[split], e));
        if (labels[split].count != images[split].count)
            return ERR(e, ERR_FORMAT, "%s: byte 4: %lld labels for %lld images",
                       labels[split].path, (long long)labels[split].count,
                       (long long)images[split].count);
        out->pool[split] = images[split].count;
    }
    if (images[1].height != images[0].height || images[1].width != images[0].width)
        return ERR(e, ERR_FORMAT, "%s: byte 8: images of %lld x %lld, but of %lld x %lld in %s",
                   images[1].path, (long long)images[1].height, (long long)images[1].width,
                   (long long)images[0].height, (long long)images[0].width, images[0].path);
    out->size[0] = 1;
    out->size[1] = images[0].height;
    out->size[2] = images[0].width;
    out->dim = out->size[1] * out->size[2];
    out->bytes = (double)(out->pool[0] + out->pool[1]) * (double)(out->dim + 1);
    if (!out->classes) TRY(classes_count(f, &out->classes, e));
    return ERR_OK;
}

/* A plan asks for the shape once per trial: the last answer is kept while the files stay. */
static enum err_code source_shape(const struct source *s, const struct config *c,
                                  struct data_shape *out, struct err *e)
{
    static struct files known;
    static struct data_shape known_shape;
    struct files files;
    TRY(files_find(s, c, &files, e));
    if (memcmp(&files, &known, sizeof files) == 0) {
        *out = known_shape;
        return ERR_OK;
    }
    TRY(files_shape(&files, out, e));
    known = files;
    known_shape = *out;
    return ERR_OK;
}

static enum err_code split_load(const struct files *f, const struct data_shape *shape,
                                enum split split, struct idx *idx, struct err *e)
{
    int64_t n_pixels, n_labels;
    TRY(part_load(f, split, IMAGES, &idx->pixel[split], &n_pixels, e));
    TRY(part_load(f, split, LABELS, &idx->label[split], &n_labels, e));
    if (n_labels != shape->pool[split] || n_pixels != shape->pool[split] * shape->dim)
        return ERR(e, ERR_IO, "%s changed while it was read", f->path[split][IMAGES]);
    for (int64_t i = 0; i < n_labels; i++)
        if (idx->label[split][i] >= shape->classes)
            return ERR(e, ERR_FORMAT, "%s: byte %lld: label %d, but there are %lld classes",
                       f->path[split][LABELS], (long long)(LABEL_HEADER + i),
                       idx->label[split][i], (long long)shape->classes);
    return ERR_OK;
}

static enum err_code source_open(const struct source *s, const struct config *c,
                                 struct data *data, struct err *e)
{
    struct files files;
    TRY(files_find(s, c, &files, e));
    struct idx *idx = calloc(1, sizeof *idx);
    if (!idx) return ERR(e, ERR_NOMEM, "opening %s", files.path[0][0]);
    data->inner = idx;
    enum err_code rc = split_load(&files, &data->shape, SPLIT_TRAIN, idx, e);
    if (rc == ERR_OK) rc = split_load(&files, &data->shape, SPLIT_TEST, idx, e);
    if (rc != ERR_OK) data_idx_close(data);
    for (int i = 0; rc == ERR_OK && i < LEVELS; i++)
        idx->level[i] = ((real)i / 255 - (real)0.5) / (real)0.5;
    return rc;
}

enum err_code data_idx_fashion_shape(const struct config *c, struct data_shape *out,
                                     struct err *e)
{
    return source_shape(&fashion, c, out, e);
}

enum err_code data_idx_fashion_open(const struct config *c, uint64_t root, struct data *data,
                                    struct err *e)
{
    (void)root;
    return source_open(&fashion, c, data, e);
}

enum err_code data_idx_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    return source_shape(&any, c, out, e);
}

enum err_code data_idx_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e)
{
    (void)root;
    return source_open(&any, c, data, e);
}

void data_idx_close(struct data *data)
{
    struct idx *idx = data->inner;
    for (int split = 0; split < 2; split++) {
        free(idx->pixel[split]);
        free(idx->label[split]);
    }
    free(idx);
    data->inner = NULL;
}

void data_idx_fetch(const struct data *data, enum split split, const int64_t *index, int64_t n,
                    real *x, int32_t *label)
{
    const struct idx *idx = data->inner;
    const int64_t dim = data->shape.dim;
    for (int64_t i = 0; i < n; i++) {
        INVARIANT(index[i] >= 0 && index[i] < data->shape.pool[split]);
        const uint8_t *pixel = idx->pixel[split] + index[i] * dim;
        for (int64_t j = 0; j < dim; j++) x[i * dim + j] = idx->level[pixel[j]];
        if (label) label[i] = idx->label[split][index[i]];
    }
}
