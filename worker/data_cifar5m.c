/* data_cifar5m.c - images in parts, each an archive of two arrays. Images stay in their files
 * and are read one by one; channels are the last dimension there and the first in a sample. */
#include "worker/data_cifar5m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/array.h"
#include "worker/files.h"

enum {
    PARTS = 6, /* the last one is the test set */
    CHANNELS = 3,
    SIDE = 32,
    AREA = SIDE * SIDE,
    PIXELS = CHANNELS * AREA,
    CLASSES = 10,
    TEST = 10000, /* samples, unless data.test says how many */
};

static const struct files_place place = {.stream = "cifar5m", .subfolder = "cifar5m"};

struct cifar5m {
    struct array image[PARTS];
    int n_open;
    int64_t start[PARTS]; /* of a part in its split */
    int32_t *label[2];    /* [samples of the parts] */
    real level[DATA_LEVELS];
};

static enum err_code files_find(const struct config *c, struct files *out, struct err *e)
{
    char folder[FILES_PATH], name[32];
    *out = (struct files){.variant = c->data.test > 0};
    TRY(files_folder(&place, c, folder, e));
    for (int i = 0; i < PARTS; i++) {
        snprintf(name, sizeof name, "part%d.npz", i);
        TRY(files_add(&place, folder, name, out, e));
    }
    return ERR_OK;
}

static enum split split_of(int part)
{
    return part == PARTS - 1 ? SPLIT_TEST : SPLIT_TRAIN;
}

static enum err_code images_open(struct array *a, const char *path, struct err *e)
{
    static const int64_t size[] = {SIDE, SIDE, CHANNELS};
    TRY(array_open_npz(a, path, "X", e));
    const struct npy *npy = &a->npy;
    if (strcmp(npy->type->row.name, "|u1") == 0 && npy->n_dims == 4 &&
        memcmp(npy->size + 1, size, sizeof size) == 0)
        return ERR_OK;
    ERR(e, ERR_FORMAT,
        "%s: byte %d: elements of type %s in %d dimensions; |u1 in [n, 32, 32, 3] expected",
        a->extent.name, NPY_FIRST, npy->type->row.name, npy->n_dims);
    array_close(a);
    return ERR_FORMAT;
}

static enum err_code labels_open(struct array *a, const char *path, int64_t n, struct err *e)
{
    TRY(array_open_npz(a, path, "Y", e));
    if (a->npy.count == n && a->npy.size[0] == n && a->npy.type->kind != NPY_FLOAT)
        return ERR_OK;
    ERR(e, ERR_FORMAT,
        "%s: byte %d: %lld elements of type %s; an integer for each of %lld images expected",
        a->extent.name, NPY_FIRST, (long long)a->npy.count, a->npy.type->row.name,
        (long long)n);
    array_close(a);
    return ERR_FORMAT;
}

static enum err_code shape_read(const struct files *files, struct data_shape *out,
                                struct err *e)
{
    struct array images, labels;
    double held = 0;
    *out = (struct data_shape){.n_dims = 3,
                               .size = {CHANNELS, SIDE, SIDE},
                               .dim = PIXELS,
                               .classes = CLASSES,
                               .black = -1};
    for (int i = 0; i < PARTS; i++) {
        TRY(images_open(&images, files->path[i], e));
        int64_t n = images.npy.size[0];
        array_close(&images);
        TRY(labels_open(&labels, files->path[i], n, e));
        array_close(&labels);
        out->pool[split_of(i)] += n;
        held += (double)n;
    }
    if (!files->variant && out->pool[SPLIT_TEST] > TEST) out->pool[SPLIT_TEST] = TEST;
    out->bytes = held * sizeof(int32_t) + sizeof(struct cifar5m);
    return ERR_OK;
}

enum err_code data_cifar5m_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

/* The labels of part i, behind those of the parts before. */
static enum err_code labels_read(struct cifar5m *d, int i, const char *path, struct err *e)
{
    struct array labels;
    int64_t n = d->image[i].npy.size[0], total = d->start[i] + n;
    int32_t **all = &d->label[split_of(i)];
    int32_t *grown = realloc(*all, (size_t)total * sizeof *grown);
    if (!grown) return ERR(e, ERR_NOMEM, "%lld labels of %s", (long long)n, path);
    *all = grown;
    TRY(labels_open(&labels, path, n, e));
    enum err_code rc = array_labels(&labels, CLASSES, grown + d->start[i], NULL, e);
    array_close(&labels);
    return rc;
}

static enum err_code parts_open(struct cifar5m *d, const struct files *files,
                                const struct data_shape *shape, struct err *e)
{
    int64_t pool[2] = {0, 0};
    for (int i = 0; i < PARTS; i++) {
        TRY(images_open(&d->image[i], files->path[i], e));
        d->n_open++;
        d->start[i] = pool[split_of(i)];
        pool[split_of(i)] += d->image[i].npy.size[0];
        TRY(labels_read(d, i, files->path[i], e));
        TRY(array_settle(&d->image[i], e));
    }
    if (pool[0] != shape->pool[0] || pool[1] < shape->pool[1])
        return ERR(e, ERR_IO, "%s changed while it was read", files->path[0]);
    return ERR_OK;
}

enum err_code data_cifar5m_open(const struct config *c, uint64_t root, struct data *data,
                                struct err *e)
{
    struct files files;
    (void)root;
    TRY(files_find(c, &files, e));
    struct cifar5m *d = calloc(1, sizeof *d);
    if (!d) return ERR(e, ERR_NOMEM, "opening %s", files.path[0]);
    data->inner = d;
    data_levels(d->level);
    enum err_code rc = parts_open(d, &files, &data->shape, e);
    if (rc != ERR_OK) data_cifar5m_close(data);
    return rc;
}

void data_cifar5m_close(struct data *data)
{
    struct cifar5m *d = data->inner;
    for (int i = 0; i < d->n_open; i++) array_close(&d->image[i]);
    free(d->label[0]);
    free(d->label[1]);
    free(d);
    data->inner = NULL;
}

static void image_fetch(const struct data *data, struct cifar5m *d, enum split split,
                        int64_t index, real *x)
{
    uint8_t pixel[PIXELS] = {0};
    struct err e;
    int part = split == SPLIT_TEST ? PARTS - 1 : PARTS - 2;
    while (index < d->start[part]) part--;
    if (array_read(&d->image[part], (index - d->start[part]) * PIXELS, PIXELS, pixel, &e) !=
        ERR_OK) {
        data_fail(data, &e);
        memset(x, 0, PIXELS * sizeof *x);
        return;
    }
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < AREA; i++) x[c * AREA + i] = d->level[pixel[i * CHANNELS + c]];
}

void data_cifar5m_fetch(const struct data *data, enum split split, const int64_t *index,
                        int64_t n, real *x, int32_t *label)
{
    struct cifar5m *d = data->inner;
    for (int64_t i = 0; i < n; i++) {
        INVARIANT(index[i] >= 0 && index[i] < data->shape.pool[split]);
        image_fetch(data, d, split, index[i], x + i * PIXELS);
        if (label) label[i] = d->label[split][index[i]];
    }
}
