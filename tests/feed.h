/* feed.h - what tests of training batches share: numbered images and normal vectors, and a feed
 * with all it needs. */
#ifndef SHOAL_TESTS_FEED_H
#define SHOAL_TESTS_FEED_H

#include <unistd.h>

#include "tests/core.h"
#include "worker/feed.h"

enum { N_TRAIN = 200, N_TEST = 60, SIDE = 16, DIM = SIDE * SIDE, B = 64, K = 4, ROOT = 5 };

/* Images in a folder: the first pixel is the number of the image, its class that mod K. */

static char folder[64];
static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

static inline void put(const char *name, bool images, int n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    unsigned char head[] = {0, 0, 8, images ? 3 : 1, 0, 0, 0, (unsigned char)n,
                            0, 0, 0, SIDE,           0, 0, 0, SIDE};
    fwrite(head, 1, images ? 16 : 8, file);
    for (int i = 0; i < n; i++) {
        if (!images) fputc(i % K, file);
        for (int j = 0; images && j < DIM; j++)
            fputc(j ? (i * 31 + j * 7 + j / SIDE * 13) % 256 : i, file);
    }
    fclose(file);
}

static inline void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_feed.XXXXXX");
    ck_assert(mkdtemp(folder) != NULL);
    for (int i = 0; i < 4; i++) put(names[i], i % 2 == 0, i < 2 ? N_TRAIN : N_TEST);
}

static inline void folder_remove(void)
{
    for (int i = 0; i < 4; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static inline int number_of(const real *x)
{
    return (int)((x[0] + 1) * (real)127.5 + (real)0.5);
}

static inline struct config images(void)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "idx");
    snprintf(c.data.path, sizeof c.data.path, "%s", folder);
    c.optim.batch = B;
    c.optim.steps = 10;
    return c;
}

static inline struct config vectors(void)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "gaussian_teacher");
    c.data.dim = 8;
    c.data.classes = K;
    c.data.teacher_width = 32;
    c.data.train = 1000;
    c.data.test = 1000;
    c.optim.batch = B;
    c.optim.steps = 10;
    return c;
}

static inline struct record recorded(void)
{
    return (struct record){.n_metrics = 3,
                           .metric = {"train_loss", "test_loss", "weight_norm"},
                           .grid = GRID_LINEAR,
                           .grid_count = 2,
                           .diverged_above = HUGE_VAL,
                           .train_subset = 50};
}

/* A feed outside any trainer. */
struct fed {
    struct task task;
    struct record record;
    struct worker *worker;
    struct arena arena;
    struct setup setup;
    const struct worker_sets *sets;
    struct feed feed;
};

static inline struct fed *fed(const struct config *c, uint64_t seed, int64_t views)
{
    struct err e;
    struct fed *f = calloc(1, sizeof *f);
    const struct data *data;
    f->task = (struct task){.root = ROOT, .seed = seed, .config = *c};
    f->record = recorded();
    f->worker = worker_create(NULL);
    ck_assert_msg(worker_data(f->worker, c, ROOT, &data, &e) == ERR_OK, "%s", e.text);
    f->setup = (struct setup){.config = &f->task.config,
                              .parents = &f->task.parents,
                              .record = &f->record,
                              .data = data->shape};
    ck_assert_msg(setup_init(&f->setup, &metrics, &f->arena, &e) == ERR_OK, "%s", e.text);
    ck_assert_msg(worker_samples(f->worker, &f->setup, &f->sets, &e) == ERR_OK, "%s", e.text);
    f->setup.views = views;
    ck_assert_msg(feed_init(&f->feed, &f->setup, f->sets, &f->task, &f->arena, &e) == ERR_OK,
                  "%s", e.text);
    return f;
}

static inline void fed_destroy(struct fed *f)
{
    feed_clear(&f->feed);
    graph_clear(&f->setup.graph);
    arena_clear(&f->arena);
    worker_destroy(f->worker);
    free(f);
}

#endif
