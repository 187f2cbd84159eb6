/* data_array.c - see data_array.h. What differs between the formats is how an array is opened:
 * a row of `sources`. */
#include "worker/data_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/array.h"
#include "worker/files.h"

enum {
    MAX_DIM = 1 << 26, /* numbers of a sample */
    PIECE = 8192,      /* bytes of a sample that are read at once: whole elements */
};

/* A format. files.variant is its row in `sources`. */
struct source {
    struct files_place place;
    bool folder; /* a file for each array, in the order of array_names; false: one for all */
    enum err_code (*open)(struct array *a, const char *path, const char *name, struct err *e);
};

enum { NPY, NPZ, HDF5 };
static const struct source sources[] = {
    [NPY] = {{.stream = "npy"}, true, array_open_npy},
    [NPZ] = {{.stream = "npz"}, false, array_open_npz},
    [HDF5] = {{.stream = "hdf5"}, false, array_open_hdf5},
};

enum part { X, Y };
static const char *const array_names[] = {"train_x", "train_y", "test_x", "test_y"};

struct arrays {
    struct array x[2];
    int n_open;
    int32_t *label[2]; /* [pool] */
    real level[DATA_LEVELS];
};

static enum err_code files_find(int which, const struct config *c, struct files *out,
                                struct err *e)
{
    const struct source *s = &sources[which];
    char folder[FILES_PATH], name[32];
    *out = (struct files){.variant = which};
    if (!s->folder) return files_add_path(&s->place, c, out, e);
    TRY(files_folder(&s->place, c, folder, e));
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s.npy", array_names[i]);
        TRY(files_add(&s->place, folder, name, out, e));
    }
    return ERR_OK;
}

/* ---- opening ---- */

/* For messages: the file and the array in it. */
static const char *name_of(const struct files *files, enum split split, enum part part,
                           char out[FILES_PATH + 32])
{
    int i = 2 * (int)split + (int)part;
    if (sources[files->variant].folder)
        snprintf(out, FILES_PATH + 32, "%s", files->path[i]);
    else
        snprintf(out, FILES_PATH + 32, "%s: %s", files->path[0], array_names[i]);
    return out;
}

static enum err_code part_open(const struct files *files, enum split split, enum part part,
                               struct array *a, struct err *e)
{
    const struct source *s = &sources[files->variant];
    int i = 2 * (int)split + (int)part;
    TRY(s->open(a, files->path[s->folder ? i : 0], array_names[i], e));
    if (!a->npy.fortran) return ERR_OK;
    ERR(e, ERR_FORMAT, "%s: byte %d: fortran_order; save numpy.ascontiguousarray(x)",
        a->extent.name, NPY_FIRST);
    array_close(a);
    return ERR_FORMAT;
}

/* The sizes of a sample, of an array x. */
static enum err_code x_check(const struct npy *x, const char *name, struct data_shape *out,
                             struct err *e)
{
    const int images = x->n_dims == 3; /* [n, H, W]: one channel */
    if (strcmp(x->type->row.name, "|u1") != 0 && x->type->kind != NPY_FLOAT)
        return ERR(e, ERR_FORMAT, "%s: elements of type %s; |u1, <f2, <f4 or <f8 expected",
                   name, x->type->row.name);
    if (x->n_dims < 2 || x->n_dims > 4)
        return ERR(e, ERR_FORMAT, "%s: %d dimensions; [n, d] or [n, C, H, W] expected", name,
                   x->n_dims);
    if (x->count / x->size[0] > MAX_DIM)
        return ERR(e, ERR_FORMAT, "%s: samples of %lld numbers; at most %d are known", name,
                   (long long)(x->count / x->size[0]), MAX_DIM);
    out->n_dims = x->n_dims - 1 + images;
    out->size[0] = 1;
    for (int i = 1; i < x->n_dims; i++) out->size[i - 1 + images] = x->size[i];
    out->dim = x->count / x->size[0];
    out->black = x->type->kind == NPY_FLOAT ? 0 : -1;
    return ERR_OK;
}

/* An array y of n labels. */
static enum err_code y_check(const struct npy *y, const char *name, int64_t n, struct err *e)
{
    if (y->type->kind == NPY_FLOAT)
        return ERR(e, ERR_FORMAT, "%s: labels of type %s; integers expected", name,
                   y->type->row.name);
    if (y->size[0] != n || y->count != n)
        return ERR(e, ERR_FORMAT, "%s: %lld labels in %lld rows for %lld samples", name,
                   (long long)y->count, (long long)y->size[0], (long long)n);
    return ERR_OK;
}

/* ---- shape ---- */

/* Sizes of a split, and its largest label when it is the training set. */
static enum err_code split_shape(const struct files *files, enum split split, struct npy *x,
                                 struct data_shape *out, struct err *e)
{
    char name[FILES_PATH + 32];
    struct array a;
    TRY(part_open(files, split, X, &a, e));
    *x = a.npy;
    array_close(&a);
    TRY(x_check(x, name_of(files, split, X, name), out, e));
    out->pool[split] = x->size[0];
    TRY(part_open(files, split, Y, &a, e));
    enum err_code rc = y_check(&a.npy, name_of(files, split, Y, name), out->pool[split], e);
    if (rc == ERR_OK && split == SPLIT_TRAIN) {
        rc = array_labels(&a, 0, NULL, &out->classes, e);
        out->classes++;
    }
    array_close(&a);
    if (rc == ERR_OK && out->classes < 2)
        rc = ERR(e, ERR_FORMAT, "%s: all labels are 0; two classes are needed", name);
    return rc;
}

static enum err_code shape_read(const struct files *files, struct data_shape *out,
                                struct err *e)
{
    struct npy x[2];
    char name[FILES_PATH + 32];
    *out = (struct data_shape){0};
    for (int split = 0; split < 2; split++) TRY(split_shape(files, split, &x[split], out, e));
    size_t sizes = (size_t)(x[0].n_dims - 1) * sizeof x[0].size[0];
    if (x[1].type != x[0].type || x[1].n_dims != x[0].n_dims ||
        memcmp(x[1].size + 1, x[0].size + 1, sizes) != 0)
        return ERR(e, ERR_FORMAT,
                   "%s: test samples are of another type or other sizes than training samples",
                   name_of(files, SPLIT_TEST, X, name));
    out->bytes = (double)(out->pool[0] + out->pool[1]) * sizeof(int32_t);
    out->bytes += sizeof(struct arrays);
    return ERR_OK;
}

/* ---- open, close, fetch ---- */

static enum err_code split_open(struct arrays *d, const struct files *files,
                                const struct data_shape *shape, enum split split, struct err *e)
{
    struct array *x = &d->x[split], y;
    char name[FILES_PATH + 32];
    TRY(part_open(files, split, X, x, e));
    d->n_open++;
    if (x->npy.size[0] != shape->pool[split] || x->row != shape->dim)
        return ERR(e, ERR_IO, "%s changed while it was read", name_of(files, split, X, name));
    d->label[split] = malloc((size_t)shape->pool[split] * sizeof *d->label[split]);
    if (!d->label[split])
        return ERR(e, ERR_NOMEM, "the labels of %s", name_of(files, split, Y, name));
    TRY(part_open(files, split, Y, &y, e));
    enum err_code rc = y_check(&y.npy, name_of(files, split, Y, name), shape->pool[split], e);
    if (rc == ERR_OK) rc = array_labels(&y, shape->classes, d->label[split], NULL, e);
    array_close(&y);
    TRY(rc);
    return array_settle(x, e);
}

static enum err_code source_open(int which, const struct config *c, struct data *data,
                                 struct err *e)
{
    struct files files;
    TRY(files_find(which, c, &files, e));
    struct arrays *d = calloc(1, sizeof *d);
    if (!d) return ERR(e, ERR_NOMEM, "opening %s", files.path[0]);
    data->inner = d;
    data_levels(d->level);
    enum err_code rc = split_open(d, &files, &data->shape, SPLIT_TRAIN, e);
    if (rc == ERR_OK) rc = split_open(d, &files, &data->shape, SPLIT_TEST, e);
    if (rc != ERR_OK) data_array_close(data);
    return rc;
}

void data_array_close(struct data *data)
{
    struct arrays *d = data->inner;
    for (int i = 0; i < d->n_open; i++) array_close(&d->x[i]);
    free(d->label[0]);
    free(d->label[1]);
    free(d);
    data->inner = NULL;
}

static enum err_code sample_read(struct arrays *d, enum split split, int64_t index, real *x,
                                 struct err *e)
{
    char raw[PIECE];
    struct array *a = &d->x[split];
    const int64_t at_once = PIECE / a->npy.type->bytes;
    for (int64_t done = 0; done < a->row; done += at_once) {
        int64_t n = a->row - done < at_once ? a->row - done : at_once;
        TRY(array_read(a, index * a->row + done, n, raw, e));
        if (a->npy.type->kind == NPY_FLOAT)
            npy_reals(a->npy.type, raw, n, x + done);
        else
            for (int64_t i = 0; i < n; i++) x[done + i] = d->level[(uint8_t)raw[i]];
    }
    return ERR_OK;
}

void data_array_fetch(const struct data *data, enum split split, const int64_t *index,
                      int64_t n, real *x, int32_t *label)
{
    struct arrays *d = data->inner;
    const int64_t dim = data->shape.dim;
    struct err e;
    for (int64_t i = 0; i < n; i++) {
        INVARIANT(index[i] >= 0 && index[i] < data->shape.pool[split]);
        if (sample_read(d, split, index[i], x + i * dim, &e) != ERR_OK) {
            data_fail(data, &e);
            memset(x + i * dim, 0, (size_t)dim * sizeof *x);
        }
        if (label) label[i] = d->label[split][index[i]];
    }
}

/* ---- the rows of `streams` ---- */

enum err_code data_npy_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(NPY, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_npy_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e)
{
    (void)root;
    return source_open(NPY, c, data, e);
}

enum err_code data_npz_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(NPZ, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_npz_open(const struct config *c, uint64_t root, struct data *data,
                            struct err *e)
{
    (void)root;
    return source_open(NPZ, c, data, e);
}

enum err_code data_hdf5_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    static struct files_known known;
    struct files files;
    TRY(files_find(HDF5, c, &files, e));
    return files_shape(&known, &files, shape_read, out, e);
}

enum err_code data_hdf5_open(const struct config *c, uint64_t root, struct data *data,
                             struct err *e)
{
    (void)root;
    return source_open(HDF5, c, data, e);
}
