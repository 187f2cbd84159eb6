/* data_idx.c - images in IDX files: a big-endian magic number and sizes, then bytes.
 *
 * A file is hostile until read: its sizes are compared with what a file of its length can hold
 * before anything is allocated. Another data set in this format is a struct files_place. */
#include "worker/data_idx.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/files.h"
#include "worker/reader.h"

enum {
    MAX_SIDE = 4096,  /* pixels */
    LABEL_HEADER = 8, /* bytes before the first label */
};

static const struct files_place fashion = {"fashion_mnist", "fashion-mnist",
                                           "/usr/share/datasets/fashion-mnist",
                                           "dataset-fashion-mnist", true};
static const struct files_place any = {.stream = "idx", .gzip = true};
enum { FASHION_CLASSES = 10 };

/* The files of a set are path[2 * split + part]; files.variant is the number of classes, 0: as
 * many as the training labels say. */
enum part { IMAGES, LABELS };
static const char *const file_names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/* A file being read. */
struct idx_file {
    struct reader reader;
    int64_t count, height, width; /* labels: height = width = 1 */
};

struct idx {
    uint8_t *pixel[2]; /* [pool, dim] */
    uint8_t *label[2]; /* [pool] */
    real level[DATA_LEVELS];
};

static enum err_code files_find(const struct files_place *place, int64_t classes,
                                const struct config *c, struct files *out, struct err *e)
{
    char folder[FILES_PATH];
    *out = (struct files){.variant = classes};
    TRY(files_folder(place, c, folder, e));
    for (int i = 0; i < 4; i++) TRY(files_add(place, folder, file_names[i], out, e));
    return ERR_OK;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Reads and checks magic number and sizes. Sizes are bounded, and can be in a file of so many
 * bytes. */
static enum err_code file_header(struct idx_file *f, enum part part, uint64_t file_bytes,
                                 struct err *e)
{
    struct reader *r = &f->reader;
    uint8_t head[16];
    uint32_t magic = part == IMAGES ? 0x803 : 0x801;
    TRY(reader_bytes(r, head, 4, e));
    if (big_endian(head) != magic)
        return ERR(e, ERR_FORMAT, "%s: byte 0: magic number 0x%08x expected, found 0x%08x",
                   r->path, magic, big_endian(head));
    TRY(reader_bytes(r, head + 4, part == IMAGES ? 12 : 4, e));
    f->count = big_endian(head + 4);
    f->height = part == IMAGES ? big_endian(head + 8) : 1;
    f->width = part == IMAGES ? big_endian(head + 12) : 1;
    if (f->count < 1) return ERR(e, ERR_FORMAT, "%s: byte 4: no samples", r->path);
    if (f->height < 1 || f->height > MAX_SIDE || f->width < 1 || f->width > MAX_SIDE)
        return ERR(e, ERR_FORMAT,
                   "%s: byte 8: images of %lld x %lld; sides of 1 to %d are known", r->path,
                   (long long)f->height, (long long)f->width, MAX_SIDE);
    int64_t wanted = r->offset + f->count * f->height * f->width;
    if (!reader_holds(r, file_bytes, wanted))
        return ERR(e, ERR_FORMAT,
                   "%s: byte 4: %lld samples of %lld x %lld take %lld bytes, more than a file "
                   "of %lld bytes holds",
                   r->path, (long long)f->count, (long long)f->height, (long long)f->width,
                   (long long)wanted, (long long)file_bytes);
    if (reader_plain(r) && (uint64_t)wanted < file_bytes)
        return ERR(e, ERR_FORMAT, "%s: byte %lld: the file goes on behind the last sample",
                   r->path, (long long)wanted);
    return ERR_OK;
}

/* Opens a file and reads its header; reader_close in any case. */
static enum err_code file_open(struct idx_file *f, const struct files *files, enum split split,
                               enum part part, struct err *e)
{
    *f = (struct idx_file){0};
    TRY(reader_open(&f->reader, files->path[2 * split + part], e));
    return file_header(f, part, files->stamp[2 * split + part].bytes, e);
}

/* All bytes behind the header, to be freed; the file must end there. */
static enum err_code file_payload(struct idx_file *f, uint8_t **out, struct err *e)
{
    int64_t n = f->count * f->height * f->width;
    uint8_t *bytes = malloc((size_t)n);
    if (!bytes) return ERR(e, ERR_NOMEM, "%lld bytes for %s", (long long)n, f->reader.path);
    enum err_code rc = reader_bytes(&f->reader, bytes, n, e);
    if (rc == ERR_OK) rc = reader_end(&f->reader, e);
    if (rc == ERR_OK)
        *out = bytes;
    else
        free(bytes);
    return rc;
}

static enum err_code part_header(const struct files *files, enum split split, enum part part,
                                 struct idx_file *out, struct err *e)
{
    enum err_code rc = file_open(out, files, split, part, e);
    reader_close(&out->reader);
    return rc;
}

static enum err_code part_load(const struct files *files, enum split split, enum part part,
                               uint8_t **out, int64_t *n, struct err *e)
{
    struct idx_file f;
    enum err_code rc = file_open(&f, files, split, part, e);
    if (rc == ERR_OK) rc = file_payload(&f, out, e);
    reader_close(&f.reader);
    *n = f.count * f.height * f.width;
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
                   f->path[LABELS], LABEL_HEADER);
    *out = (int64_t)most + 1;
    return ERR_OK;
}

static enum err_code shape_read(const struct files *f, struct data_shape *out, struct err *e)
{
    struct idx_file images[2], labels[2];
    *out = (struct data_shape){.n_dims = 3, .classes = f->variant, .black = -1};
    for (int split = 0; split < 2; split++) {
        TRY(part_header(f, split, IMAGES, &images[split], e));
        TRY(part_header(f, split, LABELS, &labels[split], e));
        if (labels[split].count != images[split].count)
            return ERR(e, ERR_FORMAT, "%s: byte 4: %lld labels for %lld images",
                       labels[split].reader.path, (long long)labels[split].count,
                       (long long)images[split].count);
        out->pool[split] = images[split].count;
    }
    if (images[1].height != images[0].height || images[1].width != images[0].width)
        return ERR(e, ERR_FORMAT, "%s: byte 8: images of %lld x %lld, but of %lld x %lld in %s",
                   images[1].reader.path, (long long)images[1].height,
                   (long long)images[1].width, (long long)images[0].height,
                   (long long)images[0].width, images[0].reader.path);
    out->size[0] = 1;
    out->size[1] = images[0].height;
    out->size[2] = images[0].width;
    out->dim = out->size[1] * out->size[2];
    out->bytes = (double)(out->pool[0] + out->pool[1]) * (double)(out->dim + 1);
    if (!out->classes) TRY(classes_count(f, &out->classes, e));
    return ERR_OK;
}

static enum err_code split_load(const struct files *f, const struct data_shape *shape,
                                enum split split, struct idx *idx, struct err *e)
{
    int64_t n_pixels, n_labels;
    TRY(part_load(f, split, IMAGES, &idx->pixel[split], &n_pixels, e));
    TRY(part_load(f, split, LABELS, &idx->label[split], &n_labels, e));
    if (n_labels != shape->pool[split] || n_pixels != shape->pool[split] * shape->dim)
        return ERR(e, ERR_IO, "%s changed while it was read", f->path[2 * split + IMAGES]);
    for (int64_t i = 0; i < n_labels; i++)
        if (idx->label[split][i] >= shape->classes)
            return ERR(e, ERR_FORMAT, "%s: byte %lld: label %d, but there are %lld classes",
                       f->path[2 * split + LABELS], (long long)(LABEL_HEADER + i),
                       idx->label[split][i], (long long)shape->classes);
    return ERR_OK;
}

static enum err_code files_open(const struct files *files, struct data *data, struct err *e)
{
    struct idx *idx = calloc(1, sizeof *idx);
    if (!idx) return ERR(e, ERR_NOMEM, "opening %s", files->path[0]);
    data->inner = idx;
    data_levels(idx->level);
    enum err_code rc = split_load(files, &data->shape, SPLIT_TRAIN, idx, e);
    if (rc == ERR_OK) rc = split_load(files, &data->shape, SPLIT_TEST, idx, e);
    if (rc != ERR_OK) data_idx_close(data);
    return rc;
}

enum err_code data_idx_fashion_shape(const struct config *c, struct data_shape *out,
                                     struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(&fashion, FASHION_CLASSES, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_idx_fashion_open(const struct config *c, uint64_t root, struct data *data,
                                    struct err *e)
{
    struct files files;
    (void)root;
    TRY(files_find(&fashion, FASHION_CLASSES, c, &files, e));
    return files_open(&files, data, e);
}

enum err_code data_idx_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(&any, 0, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_idx_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e)
{
    struct files files;
    (void)root;
    TRY(files_find(&any, 0, c, &files, e));
    return files_open(&files, data, e);
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
