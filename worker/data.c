/* data.c - the tables of streams, splits and worlds.
 *
 * To add a stream: data_<name>.c with the four functions of struct stream, and a row here. */
#include "worker/data.h"

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

enum err_code data_open(const struct config *c, uint64_t root, struct data *out, struct err *e)
{
    struct data data = {.stream = stream_of(c)};
    *out = (struct data){0};
    TRY(data.stream->shape(c, &data.shape, e));
    TRY(data.stream->open(c, root, &data, e));
    *out = data;
    return ERR_OK;
}

void data_close(struct data *data)
{
    if (data->stream) data->stream->close(data);
    *data = (struct data){0};
}
