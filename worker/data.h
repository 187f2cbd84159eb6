/* data.h - where samples come from. A stream is a row: name, sizes, and a function of the
 * index.
 *
 * Streams know nothing of batches, epochs or worlds: the trainer asks for samples by index. A
 * finite stream (images) has indices 0..pool-1 in each split; an infinite one (a synthetic
 * world) any. */
#ifndef SHOAL_WORKER_DATA_H
#define SHOAL_WORKER_DATA_H

#include <stdint.h>

#include "base/table.h"
#include "worker/classes.h"
#include "worker/real.h"
#include "worker/task.h"

enum split { SPLIT_TRAIN, SPLIT_TEST };
extern const struct table splits; /* train, test */
extern const struct table worlds; /* real, ideal */

enum label_set { LABELS_FINE, LABELS_COARSE, LABELS_LINEAR, LABELS_SPHERE };
extern const struct table label_sets; /* fine, coarse, linear, sphere */

extern const struct table data_seeds; /* root, trial */
extern const struct table replays;    /* none, released */

enum { DATA_MAX_DIMS = 3 };

struct data_shape {
    int n_dims;
    int64_t size[DATA_MAX_DIMS]; /* of one sample: [d], or [C, H, W] */
    int64_t dim;                 /* their product */
    int64_t classes;
    int64_t pool[2]; /* samples per split; INT64_MAX: infinite */
    double bytes;    /* memory that an open data set takes */
    real black;      /* images: what a pixel of value 0 is as a number */
};

/* The seed that a trial's data set is opened with. Local. */
uint64_t data_root(const struct task *t);

/* An open data set. Read-only after opening but for its failure, shared by all trials of a
 * worker. */
struct data {
    const struct stream *stream;
    struct data_shape shape;
    struct classes classes;  /* priors and label noise */
    double background_scale; /* of a stream with backgrounds; a copy may have another one */
    void *inner;
    struct data_failure *failure;
};

struct stream {
    struct row row;

    /* Sizes without opening (headers of files only). Local.
     * errors  ERR_CONFIG, text starting with the key to blame ("data.path: ..."); ERR_IO;
     *         ERR_FORMAT names the file and the byte. */
    enum err_code (*shape)(const struct config *c, struct data_shape *out, struct err *e);

    /* Fills data->inner from the settings and the root seed alone (not the trial's): trials
     * that differ only in their model share a data set. Same errors; ERR_NOMEM. */
    enum err_code (*open)(const struct config *c, uint64_t root, struct data *data,
                          struct err *e);
    void (*close)(struct data *data);

    /* x[n, dim] row-major, label[n] in 0..classes-1 (NULL: not wanted): the samples index[n] of
     * a split. The same bits for an index whatever n and the order. Two threads may fetch from
     * the same data set at the same time: samples come from memory, by pread, or under a lock.
     * A file that cannot be read any more gives samples of zeros, and data_failed tells. */
    void (*fetch)(const struct data *data, enum split split, const int64_t *index, int64_t n,
                  real *x, int32_t *label);

    bool has_background; /* samples are a core and data->background_scale times a background */
};

/* All streams: rows of struct stream. */
extern const struct table streams;

enum err_code data_shape(const struct config *c, struct data_shape *out, struct err *e);
enum err_code data_open(const struct config *c, uint64_t root, struct data *out, struct err *e);
void data_close(struct data *data); /* closing a zeroed one is fine */

/* Why a fetch since opening gave zeros; ERR_OK if none did. To be asked before numbers made
 * from samples are kept. e may be NULL. Local; of any thread. */
enum err_code data_failed(const struct data *data, struct err *e);

/* For fetch: keeps the first failure. Local; of any thread. */
void data_fail(const struct data *data, const struct err *why);

enum { DATA_LEVELS = 256 };

/* The value of each of the levels of a pixel, in [-1, 1]: those of torchvision's ToTensor and
 * Normalize(0.5, 0.5). */
void data_levels(real level[DATA_LEVELS]);

/* Changes the priors and label noise of an open data set to those of a configuration. Local.
 * errors   ERR_NOMEM */
enum err_code data_classes(struct data *data, const struct config *c, uint64_t root,
                           struct err *e);

/* stream->fetch with label noise. Same arguments. Local. */
void data_fetch(const struct data *data, enum split split, const int64_t *index, int64_t n,
                real *x, int32_t *label);

/* The same for training samples of an endless stream whose classes have a prior: sample i is
 * the first that is accepted of a sequence that begins with index i. label is wanted. Local.
 * cost     a fetch of one sample for each candidate */
void data_fetch_skewed(const struct data *data, const int64_t *index, int64_t n, real *x,
                       int32_t *label);

/* Which samples of a finite training split a trial may see, in the order of the permutation
 * that the subset seed draws: of each class as many as the prior leaves where `whole` samples
 * would be. *out[*n] is to free. Local.
 * errors   ERR_CONFIG if the split has too few of a class; ERR_NOMEM
 * cost     without a prior no sample is fetched, with one all are */
enum err_code data_subset(const struct data *data, int64_t whole, int64_t **out, int64_t *n,
                          struct err *e);

#endif
