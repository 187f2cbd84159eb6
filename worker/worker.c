/* worker.c - caches between trials. A tiny trial takes a fraction of a millisecond, a data set
 * seconds to make: what the next trial can use again stays. */
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "worker/probe.h"

/* What a data set depends on. */
struct data_key {
    struct config config; /* zero but for data and extra */
    uint64_t root;
};

/* What the sets taken from it depend on. */
struct sets_key {
    int64_t n_train, n_test;
    int n_probe_sets;
    struct probe_set probe[TASK_MAX_PROBE_SETS];
};

struct worker {
    const struct weights_source *source; /* borrowed, may be NULL */
    struct data_key data_key;
    struct sets_key sets_key;
    struct data data;
    struct data probe_data[TASK_MAX_PROBE_SETS]; /* of probe sets with data of their own */
    struct worker_sets sets;
    bool has_data, has_sets;
    struct arena sets_arena, trial_arena;
};

struct worker *worker_create(const struct weights_source *source)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w) w->source = source;
    return w;
}

const struct weights_source *worker_source(const struct worker *w)
{
    return w->source;
}

static void forget_sets(struct worker *w)
{
    for (int i = 0; i < TASK_MAX_PROBE_SETS; i++) data_close(&w->probe_data[i]);
    arena_clear(&w->sets_arena);
    w->has_sets = false;
}

static void forget_data(struct worker *w)
{
    forget_sets(w);
    if (w->has_data) data_close(&w->data);
    w->has_data = false;
}

void worker_destroy(struct worker *w)
{
    if (!w) return;
    forget_data(w);
    arena_clear(&w->trial_arena);
    free(w);
}

enum err_code worker_data(struct worker *w, const struct config *c, uint64_t root,
                          const struct data **out, struct err *e)
{
    struct data_key key;
    memset(&key, 0, sizeof key); /* keys are compared byte by byte */
    key.config.data = c->data;
    memcpy(key.config.extra, c->extra, sizeof c->extra);
    key.root = root;
    *out = &w->data;
    if (w->has_data && memcmp(&key, &w->data_key, sizeof key) == 0 &&
        data_failed(&w->data, NULL) == ERR_OK)
        return ERR_OK;
    forget_data(w);
    memset(&w->data, 0, sizeof w->data);
    TRY(data_open(c, root, &w->data, e));
    w->data_key = key;
    w->has_data = true;
    return ERR_OK;
}

enum err_code worker_data_failed(const struct worker *w, struct err *e)
{
    return w->has_data ? data_failed(&w->data, e) : ERR_OK;
}

/* The training set of a finite pool: the first n of a permutation, so that a larger set
 * contains a smaller one. *order is to free(); NULL for an endless stream. */
static enum err_code train_order(const struct worker *w, int64_t **order, struct err *e)
{
    int64_t pool = w->data.shape.pool[SPLIT_TRAIN];
    *order = NULL;
    if (pool == INT64_MAX) return ERR_OK;
    *order = malloc((size_t)pool * sizeof **order);
    if (!*order) return ERR(e, ERR_NOMEM, "no memory for %lld indices", (long long)pool);
    struct rng r = rng_stream(w->data_key.root, RNG_SUBSET, 0);
    rng_permutation(&r, pool, *order);
    return ERR_OK;
}

static enum err_code make_probes(struct worker *w, const struct probe_set *set, int i,
                                 double *budget, struct err *e)
{
    struct samples *probe = &w->sets.probe[i];
    struct config c;
    *probe = (struct samples){&w->data, (enum split)set->split, set->n};
    if (set->n_patches) {
        probe_config(set, &w->data_key.config, &c);
        TRY(data_open(&c, w->data_key.root, &w->probe_data[i], e));
        probe->data = &w->probe_data[i];
    }
    int64_t *index;
    TRY(probe_index(set, probe->data->shape.pool[set->split], w->data_key.root, &index, e));
    probe->index = index;
    enum err_code rc = samples_load(probe, budget, &w->sets_arena, e);
    free(index);
    return rc;
}

static enum err_code make_sets(struct worker *w, const struct sets_key *key, struct err *e)
{
    double budget = SAMPLES_BUDGET;
    struct worker_sets *sets = &w->sets;
    const struct data *data = &w->data;
    int64_t *order;
    TRY(train_order(w, &order, e));
    sets->train = (struct samples){data, SPLIT_TRAIN, key->n_train, order};
    sets->test = (struct samples){data, SPLIT_TEST, key->n_test};
    enum err_code rc = samples_load(&sets->train, &budget, &w->sets_arena, e);
    free(order);
    TRY(rc);
    TRY(samples_load(&sets->test, &budget, &w->sets_arena, e));
    for (int i = 0; i < key->n_probe_sets; i++)
        TRY(make_probes(w, &key->probe[i], i, &budget, e));
    return ERR_OK;
}

enum err_code worker_samples(struct worker *w, const struct setup *s,
                             const struct worker_sets **out, struct err *e)
{
    struct sets_key key;
    memset(&key, 0, sizeof key);
    key.n_train = s->n_train;
    key.n_test = s->n_test;
    key.n_probe_sets = s->record->n_layers ? s->record->n_probe_sets : 0;
    memcpy(key.probe, s->record->probe, sizeof key.probe);
    *out = &w->sets;
    if (w->has_sets && memcmp(&key, &w->sets_key, sizeof key) == 0) return ERR_OK;
    forget_sets(w);
    TRY(make_sets(w, &key, e));
    w->sets_key = key;
    w->has_sets = true;
    return ERR_OK;
}

struct arena *worker_arena(struct worker *w)
{
    arena_clear(&w->trial_arena);
    return &w->trial_arena;
}
