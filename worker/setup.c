/* setup.c - resolves a configuration. Each check stands where its number is made; its message
 * starts with the key to blame. */
#include "worker/setup.h"

#include <string.h>

#include "worker/augment.h"
#include "worker/dynamics.h"
#include "worker/features.h"
#include "worker/feed.h"
#include "worker/model.h"
#include "worker/op.h"
#include "worker/probe.h"
#include "worker/record.h"
#include "worker/samples.h"
#include "worker/score.h"
#include "worker/start.h"

enum { EVAL_ROWS = 256 }; /* samples of an evaluation that pass the network at once, or ... */
#define EVAL_BYTES 2.5e8  /* ... as many as the batch where they would take more than this */

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Samples of a split that the trial uses: as many as asked for, or all. */
static enum err_code split_size(const char *key, int64_t wanted, int64_t pool, int64_t *out,
                                struct err *e)
{
    if (wanted == 0 && pool == INT64_MAX)
        return ERR(e, ERR_CONFIG, "%s: say how many: this stream never ends", key);
    if (wanted > pool)
        return ERR(e, ERR_CONFIG, "%s: %lld samples asked for, the data set has %lld", key,
                   (long long)wanted, (long long)pool);
    *out = wanted ? wanted : pool;
    return ERR_OK;
}

/* Does the trial train nothing? */
static bool only_evaluates(const struct config *c)
{
    return c->optim.steps == 0 && c->optim.epochs == 0;
}

/* What augmentation, label noise and priors make of the training samples. */
static enum err_code resolve_pool(struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    bool ideal = c->data.world == WORLD_IDEAL;
    int64_t pool = s->data.pool[SPLIT_TRAIN];
    TRY(augment_check(c, &s->data, e));
    if (c->data.label_noise > 0 && s->data.classes < 2)
        return ERR(e, ERR_CONFIG, "data.label_noise: with one class there is no other label");
    s->whole = ideal ? pool : s->n_train;
    s->n_pool = pool;
    if (pool == INT64_MAX) return ERR_OK;
    int64_t left = classes_total(c, s->data.classes, s->whole);
    if (left == 0)
        return ERR(e, ERR_CONFIG, "data.prior: leaves none of %lld training samples",
                   (long long)s->whole);
    *(ideal ? &s->n_pool : &s->n_train) = left;
    return ERR_OK;
}

/* A loss of pairs sees each sample twice, under two augmentations. */
static enum err_code resolve_views(struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    const struct loss *loss = (const void *)table_row(&losses, c->optim.loss);
    s->views = loss->needs & LOSS_PAIRS ? 2 : 1;
    if (s->views == 1) return ERR_OK;
    if (!augment_changes(c))
        return ERR(
            e, ERR_CONFIG,
            "data.augment: %s compares two views of a sample, which nothing makes differ",
            loss->row.name);
    if (c->optim.batch != BATCH_FULL && c->optim.batch % 2)
        return ERR(e, ERR_CONFIG,
                   "optim.batch: %lld rows are not pairs: %s has two views of each sample",
                   (long long)c->optim.batch, loss->row.name);
    if (c->data.mixup > 0)
        return ERR(e, ERR_CONFIG, "data.mixup: does not go with %s, which compares views",
                   loss->row.name);
    if (c->data.augreps > 0)
        return ERR(e, ERR_CONFIG, "data.augreps: does not go with %s: its views are fresh ones",
                   loss->row.name);
    if (s->needs & (METRIC_SHARPNESS | METRIC_TRACE | METRIC_KERNEL))
        return ERR(e, ERR_CONFIG,
                   "record.metrics: sharpness and the tangent kernel are of losses of single "
                   "samples, not of %s",
                   loss->row.name);
    return ERR_OK;
}

static enum err_code resolve_sizes(struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    bool ideal = c->data.world == WORLD_IDEAL;
    /* The ideal world needs data.train only where it is a yardstick: for epochs or `full`. */
    bool yardstick = c->optim.epochs > 0 || c->optim.batch == BATCH_FULL;
    int64_t pool = s->data.pool[SPLIT_TRAIN];
    if (ideal && c->optim.batch == BATCH_FULL && c->data.train == 0 && pool == INT64_MAX)
        return ERR(e, ERR_CONFIG,
                   "data.train: say how many a full batch is of, or give optim.batch a number: "
                   "this stream never ends");
    if (!ideal || yardstick || c->data.train > 0)
        TRY(split_size("data.train", c->data.train, pool, &s->n_train, e));
    TRY(resolve_pool(s, e));
    TRY(resolve_views(s, e));
    s->batch = c->optim.batch == BATCH_FULL ? s->n_train * s->views : c->optim.batch;
    if (only_evaluates(c))
        s->batch = min(EVAL_ROWS, ideal ? s->batch : min(s->batch, s->n_train));
    if (!only_evaluates(c) && (!ideal || c->optim.epochs > 0) &&
        s->batch / s->views > s->n_train)
        return ERR(e, ERR_CONFIG,
                   "optim.batch: a batch of %lld is larger than the training set of %lld",
                   (long long)s->batch, (long long)s->n_train);
    s->steps_per_epoch = s->n_train / (s->batch / s->views);
    if (s->needs & (METRIC_TEST | METRIC_FEATURES | METRIC_SHIFTED) || s->record->n_arrays > 0)
        TRY(split_size("data.test", c->data.test, s->data.pool[SPLIT_TEST], &s->n_test, e));
    int64_t subset = s->record->test_subset;
    s->n_test_subset = subset ? min(subset, s->n_test) : s->n_test;
    return ERR_OK;
}

static enum err_code resolve_steps(struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    bool by_epochs = c->optim.epochs > 0;
    if (by_epochs ? c->optim.steps > 0 : c->optim.steps == STEPS_NONE)
        return ERR(e, ERR_CONFIG, "optim.steps: give either optim.steps or optim.epochs%s",
                   by_epochs ? ", not both" : " (steps: 0 only evaluates)");
    s->steps = c->optim.steps;
    if (by_epochs && __builtin_mul_overflow(c->optim.epochs, s->steps_per_epoch, &s->steps))
        return ERR(e, ERR_CONFIG, "optim.epochs: too many steps");
    s->schedule = (const void *)table_row(&schedules, c->optim.schedule);
    if (s->steps > 0) TRY(schedule_check(s->schedule, c, s->steps, e));
    if (c->data.world == WORLD_IDEAL) {
        int64_t pool = s->n_pool, used;
        if (c->data.augreps > 0 && __builtin_mul_overflow(pool, c->data.augreps, &pool))
            pool = INT64_MAX;
        if (__builtin_mul_overflow(s->steps, s->batch / s->views, &used) || used > pool)
            return ERR(
                e, ERR_CONFIG,
                "optim.steps: %lld fresh batches of %lld would repeat samples: the ideal "
                "world has %lld",
                (long long)s->steps, (long long)s->batch, (long long)pool);
        s->n_train = min(s->record->train_subset, s->n_pool);
    }
    s->n_subset = min(s->record->train_subset, s->n_train);
    return ERR_OK;
}

static enum err_code resolve_records(struct setup *s, struct arena *arena, struct err *e)
{
    s->n_records = record_steps(s->record, s->steps, 0, NULL);
    if (s->n_records > TASK_MAX_RECORDS)
        return ERR(e, ERR_CONFIG, "record.every: %lld records; at most %d are kept",
                   (long long)s->n_records, TASK_MAX_RECORDS);
    s->record_step = arena_array(arena, (size_t)s->n_records, sizeof *s->record_step);
    if (!s->record_step) return ERR(e, ERR_NOMEM, "no memory for a recording grid");
    record_steps(s->record, s->steps, s->n_records, s->record_step);
    return ERR_OK;
}

/* What metrics ask of the stream. */
static enum err_code check_shifted(const struct setup *s, struct err *e)
{
    const struct stream *stream = (const void *)table_row(&streams, s->config->data.name);
    for (int i = 0; i < s->record->n_metrics; i++)
        if (s->metric[i]->needs & METRIC_SHIFTED && !stream->has_background)
            return ERR(
                e, ERR_CONFIG,
                "record.metrics: %s wants samples with backgrounds to shift; %s has none",
                s->metric[i]->row.name, stream->row.name);
    return ERR_OK;
}

static enum err_code resolve_metrics(struct setup *s, const struct table *known, struct err *e)
{
    for (int i = 0; i < s->record->n_metrics; i++) {
        int row;
        struct err cause;
        if (table_need(known, s->record->metric[i], &row, &cause) != ERR_OK)
            return ERR(e, ERR_CONFIG, "record.metrics: %s", cause.text);
        s->metric[i] = (const void *)table_row(known, row);
        s->needs |= s->metric[i]->needs;
    }
    return check_shifted(s, e);
}

/* The pool of each probe set; its samples must fit the network. */
static enum err_code resolve_probes(struct setup *s, struct err *e)
{
    for (int i = 0; i < s->record->n_probe_sets; i++) {
        const struct probe_set *set = &s->record->probe[i];
        struct data_shape shape;
        struct config c;
        probe_config(set, s->config, &c);
        TRY(data_shape(&c, &shape, e));
        s->probe_pool[i] = shape.pool[set->split];
        if (set->n > s->probe_pool[i])
            return ERR(e, ERR_CONFIG,
                       "record.representations: %lld probes asked for, the %s split has %lld",
                       (long long)set->n, table_row(&splits, set->split)->name,
                       (long long)s->probe_pool[i]);
        if (shape.dim != s->sample_dim)
            return ERR(
                e, ERR_CONFIG,
                "record.representations: samples of the probe set '%s' have %lld numbers, "
                "those of the trial %lld",
                set->name, (long long)shape.dim, (long long)s->sample_dim);
    }
    return ERR_OK;
}

static enum err_code resolve_layers(struct setup *s, struct err *e)
{
    const struct record *r = s->record;
    if (r->n_layers == 0) return ERR_OK;
    if (s->config->seeds.data == DATA_SEED_TRIAL)
        return ERR(
            e, ERR_CONFIG,
            "seeds.data: with samples of its own for each seed there are no common probes "
            "to compare representations on; say root");
    TRY(resolve_probes(s, e));
    for (int i = 0; i < r->n_layers; i++) {
        TRY(graph_need_layer(&s->graph, "record.representations", r->layer[i], &s->layer[i],
                             e));
    }
    for (int i = 0; i < r->n_slots; i++) {
        int64_t step = r->slot[i];
        s->slot[i] = step == SLOT_INIT ? 0 : step == SLOT_FINAL ? s->steps : step;
        if (s->slot[i] > s->steps)
            return ERR(e, ERR_CONFIG,
                       "record.representations: step %lld is behind the last, %lld",
                       (long long)step, (long long)s->steps);
    }
    return ERR_OK;
}

static enum err_code needs_teacher(const char *key, const char *name, struct err *e)
{
    return ERR(e, ERR_CONFIG, "%s: %s needs a teacher: name a stage whose network teaches", key,
               name);
}

/* Loss, teacher, and how many outputs they make of the network. */
static enum err_code resolve_loss(struct setup *s, const struct graph_shape *input,
                                  struct arena *arena, struct err *e)
{
    const struct config *c = s->config;
    s->loss = (const void *)table_row(&losses, c->optim.loss);
    s->projection = (const void *)table_row(&projections, c->optim.projection);
    const char *name = s->loss->row.name;
    bool taught = s->loss->needs & LOSS_TEACHER;
    if (taught || s->projection->apply)
        TRY(teacher_plan(&s->teacher, c, s->parents, input, arena, e));
    if (taught && !s->teacher.parent) return needs_teacher("optim.loss", name, e);
    if (s->projection->apply && !s->teacher.parent)
        return needs_teacher("optim.projection", s->projection->row.name, e);
    s->outputs = s->loss->outputs(c, s->data.classes);
    if (s->outputs == 0)
        return ERR(e, ERR_CONFIG, "optim.loss: %s is for two classes, the data have %lld", name,
                   (long long)s->data.classes);
    if (s->outputs > 0) return ERR_OK;
    bool whole = strcmp(c->optim.student_layer, "logits") == 0;
    s->outputs = whole ? s->teacher.k : s->data.classes;
    return ERR_OK;
}

/* The layer that the loss sees: it becomes the network's output, what lies behind is not
 * trained. */
static enum err_code resolve_student(struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    struct graph *g = &s->graph;
    if (strcmp(c->optim.student_layer, "logits") != 0) {
        int node;
        if (!(s->loss->needs & LOSS_TEACHER && s->loss->no_logits))
            return ERR(e, ERR_CONFIG, "optim.student_layer: is for optim.loss: distill, not %s",
                       s->loss->row.name);
        TRY(graph_need_layer(g, "optim.student_layer", c->optim.student_layer, &node, e));
        for (int i = node + 1; i < g->n_nodes; i++)
            for (int p = 0; p < g->node[i].n_params; p++)
                graph_freeze(g, g->node[i].first_param + p);
        g->output = node;
    }
    int64_t k = graph_output(g)->shape.dim;
    if (s->teacher.parent && s->teacher.k != k)
        return ERR(e, ERR_CONFIG,
                   "optim.teacher_layer: %s has %lld features, what is compared with it %lld",
                   c->optim.teacher_layer, (long long)s->teacher.k, (long long)k);
    if (s->projection->apply && k == 1)
        return ERR(e, ERR_CONFIG, "optim.projection: %s needs one output per class",
                   s->projection->row.name);
    return ERR_OK;
}

/* What minimises a function needs one that stays the same from step to step. */
static enum err_code check_minimise(const struct setup *s, struct err *e)
{
    const struct config *c = s->config;
    const char *name = s->optimizer->row.name;
    if (c->optim.batch != BATCH_FULL)
        return ERR(e, ERR_CONFIG, "optim.batch: %s takes the whole training set: say full",
                   name);
    if (c->data.world == WORLD_IDEAL)
        return ERR(e, ERR_CONFIG, "data.world: %s uses its samples in every step", name);
    if (augment_changes(c) || c->data.mixup > 0)
        return ERR(e, ERR_CONFIG, "optim.name: %s does not go with augmentation", name);
    if (s->projection->apply || c->optim.clip_norm > 0 || c->optim.clip_value > 0)
        return ERR(e, ERR_CONFIG, "optim.name: %s takes the gradient as it is", name);
    for (int i = 1; i < s->graph.n_nodes; i++) {
        const struct node *n = &s->graph.node[i];
        bool average = false;
        for (int p = 0; p < n->n_params; p++)
            average |= s->graph.param[n->first_param + p].average;
        if (n->set.rate > 0 || average)
            return ERR(e, ERR_CONFIG,
                       "optim.name: %s minimises one function; with %s each batch has another "
                       "(train on features of the network instead)",
                       name, n->op->row.name);
    }
    return ERR_OK;
}

static enum err_code resolve_network(struct setup *s, struct arena *arena, struct err *e)
{
    const struct config *c = s->config;
    struct graph_shape input = {.n_dims = s->data.n_dims, .dim = s->data.dim};
    for (int i = 0; i < input.n_dims; i++) input.size[i] = s->data.size[i];
    s->optimizer = (const void *)table_row(&optimizers, c->optim.name);
    TRY(resolve_loss(s, &input, arena, e));
    if (c->optim.nesterov && s->optimizer->slots(c) == 0)
        return ERR(e, ERR_CONFIG, "optim.nesterov: needs optim.momentum above 0");
    TRY(model_build(c, &input, s->outputs, arena, &s->graph, e));
    TRY(resolve_student(s, e));
    if (s->optimizer->minimise) TRY(check_minimise(s, e));
    return start_plan(c, s->parents, &s->graph, e);
}

/* Features are made once: all sets must stay in memory. */
static enum err_code check_features(const struct setup *s, struct err *e)
{
    const struct record *r = s->record;
    int64_t n[4 + TASK_MAX_PROBE_SETS] = {s->n_train, s->n_test};
    if (s->needs & METRIC_SHIFTED) {
        n[2] = s->n_test;
        n[3] = s->n_train;
    }
    for (int i = 0; r->n_layers && i < r->n_probe_sets; i++) n[4 + i] = r->probe[i].n;
    double budget = SAMPLES_BUDGET;
    if (!parent_of(s->parents, ROLE_FEATURES)) return ERR_OK;
    for (int i = 0; i < 4 + TASK_MAX_PROBE_SETS; i++)
        if (n[i] > 0 && samples_held(&s->data, n[i], &budget) == 0)
            return ERR(e, ERR_CONFIG,
                       "data.layer: %lld samples of %lld features are more than a worker holds "
                       "in memory, %.0f MB with all its sets",
                       (long long)n[i], (long long)s->data.dim, SAMPLES_BUDGET / 1e6);
    return ERR_OK;
}

enum err_code setup_init(struct setup *s, const struct table *known, struct arena *arena,
                         struct err *e)
{
    const struct record *record = s->record;
    INVARIANT(record->train_subset > 0);
    TRY(resolve_metrics(s, known, e));
    s->sample_dim = s->data.dim;
    TRY(features_shape(s->config, s->parents, &s->data, &s->features_bytes, e));
    TRY(resolve_sizes(s, e));
    TRY(resolve_steps(s, e));
    TRY(resolve_records(s, arena, e));
    TRY(resolve_network(s, arena, e));
    s->graph.notes_kinks = s->needs & (METRIC_SHARPNESS | METRIC_TRACE);
    TRY(resolve_layers(s, e));
    TRY(check_features(s, e));
    int64_t most = setup_most(s);
    for (int i = 0; i < record->n_probe_sets; i++)
        if (record->n_layers && record->probe[i].n > most) most = record->probe[i].n;
    most = min(most, EVAL_ROWS);
    while (most > s->batch && graph_bytes(&s->graph, most) > EVAL_BYTES) most /= 2;
    bool by_batches = !s->optimizer->minimise || s->views > 1;
    s->capacity = s->batch > most && by_batches ? s->batch : most;
    return ERR_OK;
}

int64_t setup_most(const struct setup *s)
{
    return s->n_train > s->n_test ? s->n_train : s->n_test;
}

double setup_samples_bytes(const struct setup *s)
{
    int sets = s->record->n_layers ? s->record->n_probe_sets : 0;
    double budget = SAMPLES_BUDGET, bytes = samples_held(&s->data, s->n_train, &budget);
    bytes += samples_held(&s->data, s->n_test, &budget);
    if (s->needs & METRIC_SHIFTED) {
        bytes += samples_held(&s->data, s->n_test, &budget);
        bytes += samples_held(&s->data, s->n_train, &budget);
    }
    for (int i = 0; i < sets; i++)
        bytes += samples_held(&s->data, s->record->probe[i].n, &budget);
    return bytes;
}

/* FLOPs of all records: passes over training samples (a subset, at last the set), over the test
 * set, over the probes. */
static double eval_flops(const struct setup *s)
{
    double forward = graph_forward_flops(&s->graph), samples = 0;
    if (s->loss->needs & LOSS_TEACHER) forward += teacher_flops(&s->teacher);
    double train = (double)(s->n_records - 1) * (double)s->n_subset + (double)s->n_train;
    if (s->needs & METRIC_TRAIN) samples += train;
    double test = (double)(s->n_records - 1) * (double)s->n_test_subset + (double)s->n_test;
    if (s->needs & METRIC_TEST) samples += test;
    if (s->needs & METRIC_SHIFTED) samples += 2 * (test + train);
    for (int i = 0; s->record->n_layers && i < s->record->n_probe_sets; i++)
        samples += (double)s->record->n_slots * (double)s->record->probe[i].n;
    double backward = s->needs & METRIC_GRADIENT ? graph_backward_flops(&s->graph) : 0;
    return samples * forward + train * backward + dynamics_flops(s);
}

static double memory_bytes(const struct setup *s)
{
    double bytes =
        graph_bytes(&s->graph, s->capacity) + teacher_bytes(&s->teacher, s->capacity);
    int64_t optim = optim_state_size(s->config, s->graph.size) +
                    optim_scratch_size(s->config, s->graph.n_params, s->graph.param);
    if (s->projection->apply) optim += s->graph.size;
    bytes += (double)optim * sizeof(real);
    bytes += samples_bytes(&s->data, s->capacity) + s->features_bytes; /* of an evaluation */
    bytes += dynamics_bytes(s) + score_bytes(s->needs, s->data.classes, setup_most(s));
    if (s->config->data.mixup > 0)
        bytes += (double)(s->batch * graph_output(&s->graph)->shape.dim) * sizeof(real);
    return bytes + feed_bytes(s);
}

static struct net_shape net_shape(const struct setup *s)
{
    struct net_shape net = {.n_dims = s->data.n_dims, .outputs = s->outputs};
    for (int i = 0; i < net.n_dims; i++) net.size[i] = s->data.size[i];
    return net;
}

enum err_code setup_shape(const struct config *config, const struct parents *parents,
                          const struct record *record, const struct table *known,
                          struct trial_shape *out, struct err *e)
{
    struct setup s = {.config = config, .parents = parents, .record = record};
    struct arena arena = {0};
    TRY(data_shape(config, &s.data, e));
    enum err_code rc = setup_init(&s, known, &arena, e);
    if (rc == ERR_OK) {
        int backward = s.projection->apply ? 2 : 1;
        double step = graph_forward_flops(&s.graph) + teacher_flops(&s.teacher) +
                      backward * graph_backward_flops(&s.graph);
        *out = (struct trial_shape){
            .params = s.graph.parameters,
            .weights = s.graph.weights,
            .net = net_shape(&s),
            .train_flops = step * (double)s.batch * (double)s.steps,
            .eval_flops = eval_flops(&s),
            .memory_bytes = memory_bytes(&s),
            .data_bytes = s.data.bytes + setup_samples_bytes(&s),
            .steps = s.steps,
            .records = s.n_records,
            .batch = s.batch,
            .n_layers = record->n_layers,
        };
        for (int i = 0; i < record->n_layers; i++)
            out->layer_dim[i] = s.graph.node[s.layer[i]].shape.dim;
        memcpy(out->probe_pool, s.probe_pool, sizeof s.probe_pool);
    }
    arena_clear(&arena);
    return rc;
}
