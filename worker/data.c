/* data.c - the tables of streams, splits and worlds.
 *
 * To add a stream: data_<name>.c with the four functions of struct stream, and a row here. */
#include "worker/data.h"

#include <pthread.h>
#include <stdlib.h>

#include "worker/data_array.h"
#include "worker/data_cifar.h"
#include "worker/data_cifar5m.h"
#include "worker/data_gaussian.h"
#include "worker/data_idx.h"

static const struct row split_rows[] = {
    [SPLIT_TRAIN] = {"train", "training samples", NULL},
    [SPLIT_TEST] = {"test", "test samples", NULL},
};
const struct table splits = TABLE("split", split_rows);

static const struct row world_rows[] = {
    [WORLD_REAL] = {"real", "a finite training set, reused over epochs",
                    "arXiv 2010.08127, section 2"},
    [WORLD_IDEAL] = {"ideal", "fresh samples in every batch", "arXiv 2010.08127, section 2"},
};
const struct table worlds = TABLE("world", world_rows);

static const struct row label_set_rows[] = {
    [LABELS_FINE] = {"fine", "100 classes", NULL},
    [LABELS_COARSE] = {"coarse", "20 superclasses", NULL},
};
const struct table label_sets = TABLE("label set", label_set_rows);

static const struct stream stream_rows[] = {
    {{"fashion_mnist", "70,000 images of clothing, 28 x 28, 10 classes", "arXiv 1708.07747"},
     data_idx_fashion_shape,
     data_idx_fashion_open,
     data_idx_close,
     data_idx_fetch},
    {{"idx", "images and labels in a folder with the file names of MNIST, plain or gzip",
      "http://yann.lecun.com/exdb/mnist"},
     data_idx_shape,
     data_idx_open,
     data_idx_close,
     data_idx_fetch},
    {{"gaussian_teacher", "normal inputs labelled by a random two-layer network; infinite",
      NULL},
     data_gaussian_shape,
     data_gaussian_open,
     data_gaussian_close,
     data_gaussian_fetch},
    {{"cifar10", "60,000 photographs, 3 x 32 x 32, 10 classes; binary version, plain or gzip",
      "https://www.cs.toronto.edu/~kriz/cifar.html"},
     data_cifar10_shape,
     data_cifar10_open,
     data_cifar_close,
     data_cifar_fetch},
    {{"cifar100", "60,000 photographs, 3 x 32 x 32, 100 classes in 20 superclasses",
      "https://www.cs.toronto.edu/~kriz/cifar.html"},
     data_cifar100_shape,
     data_cifar100_open,
     data_cifar_close,
     data_cifar_fetch},
    {{"cifar5m", "6 million images like CIFAR-10's, drawn by a generative model",
      "arXiv 2010.08127, appendix"},
     data_cifar5m_shape,
     data_cifar5m_open,
     data_cifar5m_close,
     data_cifar5m_fetch},
    {{"npy", "arrays in a folder: train_x.npy, train_y.npy, test_x.npy, test_y.npy",
      "numpy.lib.format"},
     data_npy_shape,
     data_npy_open,
     data_array_close,
     data_array_fetch},
    {{"npz", "arrays in a file of numpy.savez: train_x, train_y, test_x, test_y",
      "numpy.lib.format"},
     data_npz_shape,
     data_npz_open,
     data_array_close,
     data_array_fetch},
    {{"hdf5", "datasets of an HDF5 file: train_x, train_y, test_x, test_y", NULL},
     data_hdf5_shape,
     data_hdf5_open,
     data_array_close,
     data_array_fetch},
};
const struct table streams = TABLE("stream", stream_rows);

static const struct stream *stream_of(const struct config *c)
{
    return (const struct stream *)table_row(&streams, c->data.name);
}

enum err_code data_shape(const struct config *c, struct data_shape *out, struct err *e)
{
    *out = (struct data_shape){0};
    return stream_of(c)->shape(c, out, e);
}

/* The first failure of a fetch, from whichever thread. */
struct data_failure {
    pthread_mutex_t lock;
    struct err first;
};

enum err_code data_open(const struct config *c, uint64_t root, struct data *out, struct err *e)
{
    struct data data = {.stream = stream_of(c)};
    *out = (struct data){0};
    TRY(data.stream->shape(c, &data.shape, e));
    data.failure = calloc(1, sizeof *data.failure);
    if (!data.failure) return ERR(e, ERR_NOMEM, "no memory to open a data set");
    pthread_mutex_init(&data.failure->lock, NULL);
    enum err_code rc = data.stream->open(c, root, &data, e);
    if (rc == ERR_OK)
        *out = data;
    else
        free(data.failure);
    return rc;
}

void data_close(struct data *data)
{
    if (data->stream) data->stream->close(data);
    free(data->failure);
    *data = (struct data){0};
}

void data_fail(const struct data *data, const struct err *why)
{
    struct data_failure *f = data->failure;
    pthread_mutex_lock(&f->lock);
    if (f->first.code == ERR_OK) f->first = *why;
    pthread_mutex_unlock(&f->lock);
}

enum err_code data_failed(const struct data *data, struct err *e)
{
    struct data_failure *f = data->failure;
    pthread_mutex_lock(&f->lock);
    struct err first = f->first;
    pthread_mutex_unlock(&f->lock);
    if (first.code != ERR_OK && e) *e = first;
    return first.code;
}

void data_levels(real level[DATA_LEVELS])
{
    for (int i = 0; i < DATA_LEVELS; i++) level[i] = ((real)i / 255 - (real)0.5) / (real)0.5;
}
