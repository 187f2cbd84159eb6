/* worker.c - caches between trials. A tiny trial takes a fraction of a millisecond, a data set
 * seconds to make: what the next trial can use again stays. */
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "worker/features.h"
#include "worker/probe.h"

/* What a data set depends on: the stream, and how classes and labels are changed. */
struct data_key {
    struct config stream;  /* zero but for data and extra */
    struct config classes; /* zero but for the settings of classes.h */
    uint64_t root;
};

/* What the sets taken from it depend on. */
struct sets_key {
    int64_t n_train, whole, n_test;
    bool shifted; /* sets are wanted */
    int n_probe_sets;
    struct probe_set probe[TASK_MAX_PROBE_SETS];
    struct parent network; /* that makes features; zero: none */
    char layer[TASK_NAME];
    bool standardize;
};

struct worker {
    const struct weights_source *source;   /* borrowed, may be NULL */
    const struct checkpoints *checkpoints; /* likewise */
    struct data_key data_key;
    struct sets_key sets_key;
    struct data data;
    struct data probe_data[TASK_MAX_PROBE_SETS]; /* of probe sets with data of their own */
    struct data features;                        /* shape of the sets, if a network made them */
    struct data ood; /* the data set but for the scale of its backgrounds; borrows from it */
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

void worker_keep(struct worker *w, const struct checkpoints *c)
{
    w->checkpoints = c;
}

const struct checkpoints *worker_checkpoints(const struct worker *w)
{
    return w->checkpoints;
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

/* Keys are compared byte by byte. */
static void make_data_key(const struct config *c, uint64_t root, struct data_key *key)
{
    memset(key, 0, sizeof *key);
    key->classes.data.label_noise = c->data.label_noise;
    key->classes.data.noise_test = c->data.noise_test;
    key->classes.data.prior = c->data.prior;
    key->classes.data.imbalance = c->data.imbalance;
    key->classes.data.prior_order = c->data.prior_order;
    key->classes.seeds.subset = c->seeds.subset;
    key->classes.seeds.noise = c->seeds.noise;
    key->stream.data = c->data;
    key->stream.data.label_noise = key->stream.data.imbalance = key->stream.data.mixup = 0;
    key->stream.data.noise_test = key->stream.data.augment_train_metrics = false;
    key->stream.data.prior = key->stream.data.prior_order = key->stream.data.augment = 0;
    key->stream.data.pad = key->stream.data.cutout = key->stream.data.augreps = 0;
    memset(key->stream.data.layer, 0, sizeof key->stream.data.layer);
    key->stream.data.standardize = false;
    memcpy(key->stream.extra, c->extra, sizeof c->extra);
    key->root = root;
}

enum err_code worker_data(struct worker *w, const struct config *c, uint64_t root,
                          const struct data **out, struct err *e)
{
    struct data_key key;
    make_data_key(c, root, &key);
    *out = &w->data;
    bool good = w->has_data && worker_data_failed(w, NULL) == ERR_OK;
    if (good && memcmp(&key, &w->data_key, sizeof key) == 0) return ERR_OK;
    if (good && root == w->data_key.root &&
        memcmp(&key.stream, &w->data_key.stream, sizeof key.stream) == 0) {
        forget_sets(w);
        enum err_code rc = data_classes(&w->data, c, root, e);
        if (rc != ERR_OK) forget_data(w);
        TRY(rc);
    } else {
        forget_data(w);
        memset(&w->data, 0, sizeof w->data);
        TRY(data_open(c, root, &w->data, e));
    }
    w->data_key = key;
    w->has_data = true;
    return ERR_OK;
}

enum err_code worker_data_failed(const struct worker *w, struct err *e)
{
    if (!w->has_data) return ERR_OK;
    for (int i = 0; i < TASK_MAX_PROBE_SETS; i++)
        if (w->probe_data[i].stream) TRY(data_failed(&w->probe_data[i], e));
    return data_failed(&w->data, e);
}

/* Training samples of an endless stream: from its start, or with a seed of their own from far
 * away. */
static enum err_code choose_endless(struct worker *w, const struct sets_key *key,
                                    double *budget, struct err *e)
{
    bool follows = w->data_key.classes.seeds.subset == SEED_FOLLOWS;
    uint64_t far = rng_seed(w->data.classes.subset_seed, 0) >> 2; /* indices stay positive */
    struct samples all = {.data = &w->data,
                          .split = SPLIT_TRAIN,
                          .n = key->n_train,
                          .first = follows ? 0 : (int64_t)far,
                          .skewed = w->data.classes.share != NULL};
    w->sets.train = w->sets.pool = all;
    return samples_load(&w->sets.train, budget, &w->sets_arena, e);
}

/* Training samples of a finite pool: the first n of a permutation, so that a larger set
 * contains a smaller one. Where a prior leaves only some, the pool is those. */
static enum err_code choose_finite(struct worker *w, const struct sets_key *key, double *budget,
                                   struct err *e)
{
    struct samples all = {.data = &w->data, .split = SPLIT_TRAIN};
    struct arena *arena = &w->sets_arena;
    int64_t *order;
    double none = 0;
    TRY(data_subset(&w->data, key->whole, &order, &all.n, e));
    INVARIANT(key->n_train <= all.n);
    w->sets.train = w->sets.pool = all;
    w->sets.train.n = key->n_train;
    w->sets.train.index = order;
    w->sets.pool.index = w->data.classes.share ? order : NULL;
    enum err_code rc = samples_load(&w->sets.pool, &none, arena, e);
    if (rc == ERR_OK) rc = samples_load(&w->sets.train, budget, arena, e);
    free(order);
    return rc;
}

/* Loads the first samples of a split in the order of probe_order. */
static enum err_code load_in_order(struct worker *w, struct samples *set, double *budget,
                                   struct err *e)
{
    int64_t *index;
    TRY(probe_order(set->split, set->data->shape.pool[set->split], w->data_key.root, &index,
                    e));
    set->index = index;
    enum err_code rc = samples_load(set, budget, &w->sets_arena, e);
    free(index);
    return rc;
}

static enum err_code make_probes(struct worker *w, const struct config *trial,
                                 const struct probe_set *set, int i, double *budget,
                                 struct err *e)
{
    struct samples *probe = &w->sets.probe[i];
    struct config c;
    *probe = (struct samples){&w->data, (enum split)set->split, set->n};
    if (set->n_patches) {
        probe_config(set, trial, &c);
        TRY(data_open(&c, w->data_key.root, &w->probe_data[i], e));
        probe->data = &w->probe_data[i];
    }
    return load_in_order(w, probe, budget, e);
}

/* Sets of the same samples with shifted backgrounds. */
static enum err_code make_shifted(struct worker *w, const struct setup *s,
                                  const struct sets_key *key, double *budget, struct err *e)
{
    struct worker_sets *sets = &w->sets;
    w->ood = w->data;
    w->ood.background_scale = s->config->data.ood_scale;
    sets->ood = (struct samples){&w->ood, SPLIT_TEST, key->n_test};
    sets->ood_train = (struct samples){.data = &w->ood};
    if (!key->shifted) return ERR_OK;
    TRY(load_in_order(w, &sets->ood, budget, e));
    sets->ood_train = sets->train;
    sets->ood_train.data = &w->ood;
    sets->ood_train.x = NULL;
    sets->ood_train.label = NULL;
    return samples_load(&sets->ood_train, budget, &w->sets_arena, e);
}

/* Makes features of all sets, which hold no samples so far. */
static enum err_code make_features(struct worker *w, const struct setup *s,
                                   const struct parent *network, int n_probe_sets,
                                   struct features *f, struct err *e)
{
    struct worker_sets *sets = &w->sets;
    TRY(features_open(f, s->config, network, w->source, &w->data.shape, e));
    w->features = (struct data){.shape = f->shape};
    TRY(features_load(f, &sets->train, &w->features, &w->sets_arena, e));
    if (s->config->data.standardize) TRY(features_standardize(f, &sets->train, e));
    TRY(features_load(f, &sets->test, &w->features, &w->sets_arena, e));
    TRY(features_load(f, &sets->ood, &w->features, &w->sets_arena, e));
    TRY(features_load(f, &sets->ood_train, &w->features, &w->sets_arena, e));
    for (int i = 0; i < n_probe_sets; i++)
        TRY(features_load(f, &sets->probe[i], &w->features, &w->sets_arena, e));
    return ERR_OK;
}

static enum err_code make_sets(struct worker *w, const struct setup *s,
                               const struct sets_key *key, struct err *e)
{
    struct worker_sets *sets = &w->sets;
    const struct data *data = &w->data;
    const struct parent *network = parent_of(s->parents, ROLE_FEATURES);
    double budget = network ? 0 : SAMPLES_BUDGET;
    sets->test = (struct samples){data, SPLIT_TEST, key->n_test};
    TRY(data->shape.pool[SPLIT_TRAIN] == INT64_MAX ? choose_endless(w, key, &budget, e)
                                                   : choose_finite(w, key, &budget, e));
    TRY(load_in_order(w, &sets->test, &budget, e));
    TRY(make_shifted(w, s, key, &budget, e));
    for (int i = 0; i < key->n_probe_sets; i++)
        TRY(make_probes(w, s->config, &key->probe[i], i, &budget, e));
    if (!network) return ERR_OK;
    struct features f = {0};
    enum err_code rc = make_features(w, s, network, key->n_probe_sets, &f, e);
    features_close(&f);
    return rc;
}

enum err_code worker_samples(struct worker *w, const struct setup *s,
                             const struct worker_sets **out, struct err *e)
{
    struct sets_key key;
    memset(&key, 0, sizeof key);
    key.n_train = s->n_train;
    key.whole = s->whole;
    key.n_test = s->n_test;
    key.shifted = s->needs & METRIC_SHIFTED;
    key.n_probe_sets = s->record->n_layers ? s->record->n_probe_sets : 0;
    memcpy(key.probe, s->record->probe, sizeof key.probe);
    const struct parent *network = parent_of(s->parents, ROLE_FEATURES);
    if (network) {
        memcpy(&key.network, network, sizeof key.network);
        memcpy(key.layer, s->config->data.layer, sizeof key.layer);
        key.standardize = s->config->data.standardize;
    }
    *out = &w->sets;
    if (w->has_sets && memcmp(&key, &w->sets_key, sizeof key) == 0) return ERR_OK;
    forget_sets(w);
    TRY(make_sets(w, s, &key, e));
    w->sets_key = key;
    w->has_sets = true;
    return ERR_OK;
}

struct arena *worker_arena(struct worker *w)
{
    arena_clear(&w->trial_arena);
    return &w->trial_arena;
}
