/* family.h - for tests of trials that take something from other trials: a small configuration,
 * trials that leave their weights in a store in memory. */
#ifndef SHOAL_TESTS_FAMILY_H
#define SHOAL_TESTS_FAMILY_H

#include "experiments/experiment.h"
#include "tests/core.h"
#include "worker/start.h"
#include "worker/trainer.h"

enum { DIM = 6, CLASSES = 3, N_TRAIN = 70, N_TEST = 50, STEPS = 11, ROOT = 9, MAX_ROWS = 8 };

static struct err e;

static struct {
    int n, reads;
    int64_t size[MAX_ROWS];
    float *weights[MAX_ROWS];
} store;

static inline enum err_code store_read(void *self, int64_t row, int64_t n, float *out,
                                       struct err *err)
{
    (void)self;
    ck_assert(row >= 0 && row < store.n);
    if (store.size[row] != n) return ERR(err, ERR_FORMAT, "row has other weights");
    memcpy(out, store.weights[row], (size_t)n * sizeof *out);
    store.reads++;
    return ERR_OK;
}

static const struct weights_source source = {store_read, NULL};
static struct worker *worker;

static inline void setup(void)
{
    worker = worker_create(&source);
    memset(&store, 0, sizeof store);
}

static inline void teardown(void)
{
    worker_destroy(worker);
    for (int i = 0; i < store.n; i++) free(store.weights[i]);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

static inline struct config small(void)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "gaussian_teacher");
    c.data.dim = DIM;
    c.data.classes = CLASSES;
    c.data.train = N_TRAIN;
    c.data.test = N_TEST;
    c.data.teacher_width = 8;
    c.model.depth = 2;
    c.optim.momentum = 0.9;
    c.optim.batch = 16;
    c.optim.steps = STEPS;
    return c;
}

static inline struct record everything(void)
{
    struct record r = {.grid = GRID_LINEAR,
                       .grid_count = 2,
                       .n_layers = 3,
                       .layer = {"input", "hidden.last", "logits"},
                       .n_slots = 1,
                       .slot = {SLOT_FINAL},
                       .n_probe_sets = 1,
                       .probe = {{.name = "train", .split = SPLIT_TRAIN, .n = N_TRAIN}},
                       .diverged_above = HUGE_VAL,
                       .train_subset = 40};
    for (r.n_metrics = 0; r.n_metrics < metrics.count; r.n_metrics++)
        snprintf(r.metric[r.n_metrics], TASK_NAME, "%s",
                 table_row(&metrics, r.n_metrics)->name);
    return r;
}

static inline struct record without_layers(void)
{
    struct record r = everything();
    r.n_layers = 0;
    return r;
}

struct ran {
    struct trial_shape shape;
    struct rows rows;
    struct result result;
    struct record record;
};

static inline const struct experiment *train(void)
{
    return (const void *)table_row(&experiments, core_row(&experiments, "train"));
}

/* Runs a trial and keeps its weights as the next row of the store. */
static inline struct ran *run_recorded(const struct config *c, const struct parents *parents,
                                       const struct record *r, uint64_t seed)
{
    struct ran *t = calloc(1, sizeof *t);
    struct task task = {.root = ROOT, .seed = seed, .keep = true, .config = *c};
    if (parents) task.parents = *parents;
    t->record = *r;
    struct parents planned = task.parents; /* a plan does not know the rows yet */
    for (int i = 0; i < planned.n; i++) planned.parent[i].row = -1;
    ck_assert_msg(train()->shape(c, &planned, r, &t->shape, &e) == ERR_OK, "%s", e.text);
    t->rows.metric = calloc((size_t)(r->n_metrics * t->shape.records), sizeof(double));
    t->rows.step = calloc((size_t)t->shape.records, sizeof *t->rows.step);
    t->rows.layer = calloc(TASK_MAX_LAYERS, sizeof *t->rows.layer);
    for (int l = 0; l < r->n_layers * r->n_probe_sets; l++)
        t->rows.layer[l] =
            calloc((size_t)(r->n_slots * r->probe[0].n * t->shape.layer_dim[l % r->n_layers]),
                   sizeof(float));
    t->rows.weights = calloc((size_t)t->shape.weights, sizeof(float));
    ck_assert_msg(train()->run(worker, &task, r, &t->rows, &t->result, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_int_lt(store.n, MAX_ROWS);
    store.size[store.n] = t->shape.weights;
    store.weights[store.n++] = t->rows.weights;
    return t;
}

static inline struct ran *run(const struct config *c, const struct parents *parents,
                              uint64_t seed)
{
    struct record r = everything();
    return run_recorded(c, parents, &r, seed);
}

static inline void ran_destroy(struct ran *t)
{
    for (int l = 0; l < TASK_MAX_LAYERS; l++) free(t->rows.layer[l]);
    free(t->rows.layer);
    free(t->rows.metric);
    free(t->rows.step);
    free(t);
}

static inline double metric(const struct ran *t, const char *name, int64_t record)
{
    for (int i = 0; i < t->record.n_metrics; i++)
        if (strcmp(t->record.metric[i], name) == 0)
            return t->rows.metric[i * t->shape.records + record];
    ck_abort_msg("no metric '%s'", name);
    return 0;
}

/* One parent more: a row of the store. */
static inline struct parents with(struct parents p, enum role role, int64_t row,
                                  const struct config *c)
{
    p.parent[p.n++] = (struct parent){.role = (int)role, .row = row, .config = *c};
    return p;
}

static inline struct parents from_row(enum role role, int64_t row, const struct config *c)
{
    return with((struct parents){0}, role, row, c);
}

static inline void refused(const struct config *c, const struct parents *parents,
                           const char *words)
{
    struct record r = without_layers();
    struct trial_shape shape;
    size_t before = arena_live_bytes();
    e = (struct err){0};
    enum err_code rc = train()->shape(c, parents, &r, &shape, &e);
    ck_assert_msg(rc == ERR_CONFIG, "accepted, or %d: %s", rc, e.text);
    ck_assert_msg(strstr(e.text, words) != NULL, "'%s' should contain '%s'", e.text, words);
    ck_assert_msg(strstr(e.text, ": ") > strchr(e.text, '.'), "no key in '%s'", e.text);
    ck_assert_uint_eq(arena_live_bytes(), before);
}

/* Places of the parameters of small() among its weights: 1.weight, 1.bias, 3., 5. */
static const int place[] = {0, 24, 28, 44, 48, 60, 63};
enum { HEAD = 4, PARAMS = 6 };

#endif
