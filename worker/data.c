/* data.c - the tables of streams, splits and worlds.
 *
 * To add a stream: data_<name>.c with the four functions of struct stream, and a row here. */
#include "worker/data.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/rng.h"
#include "worker/data_array.h"
#include "worker/data_cifar.h"
#include "worker/data_cifar5m.h"
#include "worker/data_composed.h"
#include "worker/data_feature_model.h"
#include "worker/data_fitted.h"
#include "worker/data_gaussian.h"
#include "worker/data_idx.h"

#define FEATURES "arXiv 2406.03345, section 3 and released code"

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
    [LABELS_LINEAR] = {"linear", "cores are y z with z in [0, 1]^d: linearly separable",
                       FEATURES},
    [LABELS_SPHERE] = {"sphere", "cores on a sphere of radius 1 or, y = -1, of radius 2",
                       FEATURES},
};
const struct table label_sets = TABLE("label set", label_set_rows);

static const struct row data_seed_rows[] = {
    [DATA_SEED_ROOT] = {"root", "all trials of the sweep have the same samples", NULL},
    [DATA_SEED_TRIAL] = {"trial", "each of a configuration's seeds has samples of its own",
                         NULL},
};
const struct table data_seeds = TABLE("data seed", data_seed_rows);

static const struct row replay_rows[] = {
    [REPLAY_NONE] = {"none", "fresh cores", NULL},
    [REPLAY_RELEASED] = {"released", "the cores of the training samples", FEATURES},
};
const struct table replays = TABLE("replay", replay_rows);

uint64_t data_root(const struct task *t)
{
    return t->config.seeds.data == DATA_SEED_TRIAL ? rng_seed(t->root, t->seed) : t->root;
}

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
    {{"fitted", "normal distributions fitted to the classes of data.base; infinite",
      "Tipping & Bishop 1999, probabilistic principal components"},
     data_fitted_shape,
     data_fitted_open,
     data_fitted_close,
     data_fitted_fetch},
    {{"feature_model", "core and background features in orthogonal subspaces, two classes",
      "arXiv 2406.03345, definition 1"},
     data_feature_model_shape,
     data_feature_model_open,
     data_feature_model_close,
     data_feature_model_fetch,
     .has_background = true},
    {{"composed", "images of data.base on backgrounds that tell nothing of their class",
      "arXiv 2406.03345, section 5"},
     data_composed_shape,
     data_composed_open,
     data_composed_close,
     data_composed_fetch,
     .has_background = true},
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
    struct data data = {.stream = stream_of(c), .background_scale = c->data.background_scale};
    *out = (struct data){0};
    TRY(data.stream->shape(c, &data.shape, e));
    TRY(classes_open(c, root, data.shape.classes, &data.classes, e));
    data.failure = calloc(1, sizeof *data.failure);
    enum err_code rc =
        data.failure ? ERR_OK : ERR(e, ERR_NOMEM, "no memory to open a data set");
    if (data.failure) pthread_mutex_init(&data.failure->lock, NULL);
    if (rc == ERR_OK) rc = data.stream->open(c, root, &data, e);
    if (rc == ERR_OK) {
        *out = data;
        return ERR_OK;
    }
    free(data.failure);
    classes_close(&data.classes);
    return rc;
}

enum err_code data_classes(struct data *data, const struct config *c, uint64_t root,
                           struct err *e)
{
    classes_close(&data->classes);
    return classes_open(c, root, data->shape.classes, &data->classes, e);
}

void data_close(struct data *data)
{
    if (data->stream) data->stream->close(data);
    free(data->failure);
    classes_close(&data->classes);
    *data = (struct data){0};
}

void data_fetch(const struct data *data, enum split split, const int64_t *index, int64_t n,
                real *x, int32_t *label)
{
    data->stream->fetch(data, split, index, n, x, label);
    for (int64_t i = 0; label && i < n; i++)
        label[i] = classes_label(&data->classes, split, index[i], label[i]);
}

/* After so many candidates the last one is taken: a stream of rare classes alone would never
 * give another. */
void data_fetch_skewed(const struct data *data, const int64_t *index, int64_t n, real *x,
                       int32_t *label)
{
    enum { MOST = 1 << 20 };
    const struct classes *classes = &data->classes;
    for (int64_t i = 0; i < n; i++, x += data->shape.dim)
        for (uint32_t number = 0; number < MOST; number++) {
            int64_t candidate = classes_candidate(classes, index[i], number);
            data->stream->fetch(data, SPLIT_TRAIN, &candidate, 1, x, &label[i]);
            if (!classes_accept(classes, candidate, label[i])) continue;
            label[i] = classes_label(classes, SPLIT_TRAIN, candidate, label[i]);
            break;
        }
}

/* The classes of a whole finite training split, before label noise. */
static enum err_code split_classes(const struct data *data, int32_t *label, struct err *e)
{
    enum { AT_ONCE = 64 };
    int64_t pool = data->shape.pool[SPLIT_TRAIN], index[AT_ONCE];
    real *x = malloc((size_t)(AT_ONCE * data->shape.dim) * sizeof *x);
    if (!x) return ERR(e, ERR_NOMEM, "no memory to look at classes");
    for (int64_t i = 0; i < pool; i += AT_ONCE) {
        int64_t n = pool - i < AT_ONCE ? pool - i : AT_ONCE;
        for (int64_t j = 0; j < n; j++) index[j] = i + j;
        data->stream->fetch(data, SPLIT_TRAIN, index, n, x, label + i);
    }
    free(x);
    return ERR_OK;
}

/* Leaves of order[*n] the samples that the quota of their class has room for; left[k] is that
 * quota, and what remains of it. */
static void keep_quotas(const int32_t *label, int64_t *left, int64_t *order, int64_t *n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < *n; i++)
        if (left[label[order[i]]] > 0) {
            left[label[order[i]]]--;
            order[kept++] = order[i];
        }
    *n = kept;
}

static enum err_code skew(const struct data *data, int64_t whole, int64_t *order, int64_t *n,
                          struct err *e)
{
    const struct classes *classes = &data->classes;
    int32_t *label = malloc((size_t)*n * sizeof *label);
    int64_t *left = malloc((size_t)classes->n * sizeof *left);
    enum err_code rc = label && left ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for a prior");
    if (rc == ERR_OK) rc = split_classes(data, label, e);
    if (rc != ERR_OK) goto out;
    for (int64_t k = 0; k < classes->n; k++)
        left[k] = classes_quota(whole, classes->n, classes->share[k]);
    keep_quotas(label, left, order, n);
    for (int64_t k = 0; k < classes->n && rc == ERR_OK; k++)
        if (left[k] > 0)
            rc = ERR(e, ERR_CONFIG,
                     "data.prior: of class %lld the data set has %lld samples less than the "
                     "prior takes; give a smaller data.train",
                     (long long)k, (long long)left[k]);
out:
    free(label);
    free(left);
    return rc;
}

enum err_code data_subset(const struct data *data, int64_t whole, int64_t **out, int64_t *n,
                          struct err *e)
{
    *n = data->shape.pool[SPLIT_TRAIN];
    *out = malloc((size_t)*n * sizeof **out);
    if (!*out) return ERR(e, ERR_NOMEM, "no memory for %lld indices", (long long)*n);
    struct rng r = rng_stream(data->classes.subset_seed, RNG_SUBSET, 0);
    rng_permutation(&r, *n, *out);
    enum err_code rc = data->classes.share ? skew(data, whole, *out, n, e) : ERR_OK;
    if (rc != ERR_OK) free(*out);
    return rc;
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
