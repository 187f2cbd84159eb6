/* test_trainer.c - whole trials: against a plain loop, twice, in both worlds, to divergence. */
#include "tests/core.h"

#include <sys/stat.h>
#include <unistd.h>

#include "experiments/experiment.h"
#include "worker/probe.h"
#include "worker/trainer.h"

enum { DIM = 6, CLASSES = 3, N_TRAIN = 70, N_TEST = 50, B = 16, STEPS = 11, ROOT = 9 };

static struct config small(void)
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
    c.optim.schedule = core_row(&schedules, "cosine");
    c.optim.warmup = 2;
    c.optim.batch = B;
    c.optim.steps = STEPS;
    return c;
}

static struct record everything(void)
{
    struct record r = {.grid = GRID_LINEAR,
                       .grid_count = 2,
                       .n_layers = 3,
                       .layer = {"input", "hidden.last", "logits"},
                       .n_slots = 3,
                       .slot = {SLOT_INIT, 4, SLOT_FINAL},
                       .n_probe_sets = 1,
                       .probe = {{.name = "test", .split = SPLIT_TEST, .n = 20}},
                       .diverged_above = HUGE_VAL,
                       .train_subset = 40};
    for (r.n_metrics = 0; r.n_metrics < metrics.count; r.n_metrics++)
        snprintf(r.metric[r.n_metrics], TASK_NAME, "%s",
                 table_row(&metrics, r.n_metrics)->name);
    return r;
}

/* One trial and what came of it. */
struct ran {
    struct trial_shape shape;
    struct rows rows;
    struct result result;
    struct record record;
};

static const struct experiment *train(void)
{
    return (const void *)table_row(&experiments, core_row(&experiments, "train"));
}

static struct ran *run(struct worker *w, const struct config *c, const struct record *r,
                       uint64_t seed)
{
    struct err e;
    struct ran *t = calloc(1, sizeof *t);
    struct task task = {.trial = 3, .attempt = 2, .root = ROOT, .seed = seed, .config = *c};
    t->record = *r;
    ck_assert_msg(train()->shape(c, &(struct parents){0}, r, &t->shape, &e) == ERR_OK, "%s",
                  e.text);
    size_t values = (size_t)(r->n_metrics * t->shape.records);
    t->rows.metric = malloc(values * sizeof *t->rows.metric);
    t->rows.step = malloc((size_t)t->shape.records * sizeof *t->rows.step);
    t->rows.layer = calloc(TASK_MAX_LAYERS, sizeof *t->rows.layer);
    for (int v = 0; v < r->n_layers * r->n_probe_sets; v++)
        t->rows.layer[v] =
            malloc((size_t)(r->n_slots * r->probe[0].n * t->shape.layer_dim[v % r->n_layers]) *
                   sizeof(float));
    ck_assert_msg(train()->run(w, &task, r, &t->rows, &t->result, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(t->result.trial, 3);
    ck_assert_int_eq(t->result.attempt, 2);
    return t;
}

static void ran_destroy(struct ran *t)
{
    for (int l = 0; l < TASK_MAX_LAYERS; l++) free(t->rows.layer[l]);
    free(t->rows.layer);
    free(t->rows.metric);
    free(t->rows.step);
    free(t);
}

static double metric(const struct ran *t, const char *name, int64_t record)
{
    for (int i = 0; i < t->record.n_metrics; i++)
        if (strcmp(t->record.metric[i], name) == 0)
            return t->rows.metric[i * t->shape.records + record];
    ck_abort_msg("no metric '%s'", name);
    return 0;
}

static void same_bits(const struct ran *a, const struct ran *b)
{
    size_t records = (size_t)a->shape.records;
    ck_assert_mem_eq(a->rows.step, b->rows.step, records * sizeof(double));
    ck_assert_mem_eq(a->rows.metric, b->rows.metric,
                     (size_t)a->record.n_metrics * records * sizeof(double));
    for (int l = 0; l < a->record.n_layers; l++)
        ck_assert_mem_eq(
            a->rows.layer[l], b->rows.layer[l],
            (size_t)(a->record.n_slots * a->record.probe[0].n * a->shape.layer_dim[l]) *
                sizeof(float));
}

/* The trial once more as a loop over public parts: batch number t is what pick says. */
struct plain {
    struct data data;
    struct core_net *net;
    struct optim optim;
    real *state;
};

/* The classes' shares of the real world's training set, samples 0..N_TRAIN-1. */
static void plain_prior(struct plain *p)
{
    int64_t index[N_TRAIN];
    real x[N_TRAIN * DIM];
    int32_t label[N_TRAIN];
    for (int i = 0; i < N_TRAIN; i++) index[i] = i;
    p->data.stream->fetch(&p->data, SPLIT_TRAIN, index, N_TRAIN, x, label);
    for (int j = 0; j < CLASSES; j++) {
        double count = 0;
        for (int i = 0; i < N_TRAIN; i++) count += label[i] == j;
        p->net->log_prior[j] = (real)log((count > 0 ? count : 0.5) / N_TRAIN);
    }
}

static struct plain plain_run(const struct config *c, uint64_t seed, int64_t B_,
                              void (*pick)(uint64_t seed, int64_t t, int64_t *index))
{
    struct err e;
    struct plain p = {.net = core_net(c, DIM, CLASSES, 256)};
    struct graph *g = &p.net->g;
    ck_assert_int_eq(data_open(c, ROOT, &p.data, &e), ERR_OK);
    int64_t slots = optim_state_size(c, g->size);
    int64_t scratch = optim_scratch_size(c, g->n_params, g->param);
    p.state = calloc((size_t)(slots + scratch + 1), sizeof *p.state);
    optim_init(&p.optim, c, g->size, p.state, p.state + slots);
    plain_prior(&p);
    param_init(c, rng_seed(ROOT, seed), g->n_params, g->param, g->w);
    const struct schedule *schedule = (const void *)table_row(&schedules, c->optim.schedule);
    for (int64_t t = 0; t < STEPS; t++) {
        int64_t index[N_TRAIN];
        real x[N_TRAIN * DIM];
        int32_t label[N_TRAIN];
        pick(rng_seed(ROOT, seed), t, index);
        p.data.stream->fetch(&p.data, SPLIT_TRAIN, index, B_, x, label);
        core_loss(p.net, x, label, B_, true);
        double lr = c->optim.lr * schedule_factor(schedule, c, t, STEPS);
        optim_step(&p.optim, lr, g->n_params, g->param, g->w, g->dw);
    }
    return p;
}

static void plain_clear(struct plain *p)
{
    data_close(&p->data);
    core_net_destroy(p->net);
    free(p->state);
}

static double plain_loss(struct plain *p, enum split split, int64_t n, bool gradient)
{
    int64_t index[N_TRAIN];
    real x[N_TRAIN * DIM];
    int32_t label[N_TRAIN];
    for (int64_t i = 0; i < n; i++) index[i] = i;
    p->data.stream->fetch(&p->data, split, index, n, x, label);
    return core_loss(p->net, x, label, n, gradient);
}

static void pick_real(uint64_t seed, int64_t t, int64_t *index)
{
    int64_t order[N_TRAIN], per_epoch = N_TRAIN / B;
    struct rng r = rng_stream(seed, RNG_ORDER, (uint64_t)(t / per_epoch));
    rng_permutation(&r, N_TRAIN, order);
    memcpy(index, order + t % per_epoch * B, B * sizeof *index);
}

static void pick_ideal(uint64_t seed, int64_t t, int64_t *index)
{
    (void)seed;
    for (int i = 0; i < B; i++) index[i] = t * B + i;
}

static void pick_full(uint64_t seed, int64_t t, int64_t *index)
{
    (void)seed, (void)t;
    for (int i = 0; i < N_TRAIN; i++) index[i] = i;
}

static double block_norm(const struct graph *g, const real *block)
{
    double sum = 0;
    for (int64_t i = 0; i < g->size; i++) sum += (double)block[i] * (double)block[i];
    return sqrt(sum);
}

/* Bitwise: both do the same operations in the same order. */
static void check_against_plain(const struct config *c, int64_t B_, int64_t n_train,
                                void (*pick)(uint64_t, int64_t, int64_t *))
{
    struct record r = everything();
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, c, &r, 5);
    struct plain p = plain_run(c, 5, B_, pick);
    int64_t last = t->shape.records - 1;
    ck_assert_int_eq(t->result.outcome, OUTCOME_DONE);
    ck_assert_int_eq(t->result.steps_done, STEPS);
    ck_assert_double_eq(t->rows.step[last], STEPS);
    ck_assert_double_eq(metric(t, "weight_norm", last), block_norm(&p.net->g, p.net->g.w));
    ck_assert_double_eq(metric(t, "train_loss", last),
                        plain_loss(&p, SPLIT_TRAIN, n_train, true));
    ck_assert_double_eq(metric(t, "grad_norm", last), block_norm(&p.net->g, p.net->g.dw));
    ck_assert_double_eq(metric(t, "test_loss", last),
                        plain_loss(&p, SPLIT_TEST, N_TEST, false));
    plain_clear(&p);
    ran_destroy(t);
    worker_destroy(w);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

START_TEST(test_real_world_is_the_plain_loop)
{
    struct config c = small();
    check_against_plain(&c, B, N_TRAIN, pick_real);
    c.optim.name = core_row(&optimizers, "adamw");
    c.optim.weight_decay = 0.1;
    check_against_plain(&c, B, N_TRAIN, pick_real);
}
END_TEST

/* Every optimizer, schedule and loss that a trial can have by itself. */
START_TEST(test_every_rule_is_the_plain_loop)
{
    for (int i = 0; i < optimizers.count; i++) {
        struct config c = small();
        if (((const struct optimizer *)table_row(&optimizers, i))->minimise) continue;
        c.optim.name = i;
        c.optim.lr = 0.01;
        c.optim.clip_norm = 1;
        check_against_plain(&c, B, N_TRAIN, pick_real);
    }
    for (int i = 0; i < schedules.count; i++) {
        struct config c = small();
        c.optim.schedule = i;
        c.optim.schedule_block = 2;
        snprintf(c.optim.milestones, sizeof c.optim.milestones, "0.5");
        check_against_plain(&c, B, N_TRAIN, pick_real);
    }
    for (int i = 0; i < losses.count; i++) {
        struct config c = small();
        c.optim.loss = i;
        const struct loss *loss = (const void *)table_row(&losses, i);
        if (loss->needs & (LOSS_TEACHER | LOSS_PAIRS) || loss->outputs(&c, CLASSES) == 0)
            continue;
        check_against_plain(&c, B, N_TRAIN, pick_real);
    }
}
END_TEST

START_TEST(test_full_batch_is_the_plain_loop)
{
    struct config c = small();
    c.optim.batch = BATCH_FULL;
    check_against_plain(&c, N_TRAIN, N_TRAIN, pick_full);
}
END_TEST

START_TEST(test_ideal_world_is_the_plain_loop_on_fresh_samples)
{
    struct config c = small();
    c.data.world = WORLD_IDEAL;
    c.data.train = 0;
    check_against_plain(&c, B, 40, pick_ideal); /* train metrics: record.train_subset samples */
}
END_TEST

/* A finite pool in IDX files of a folder that is removed afterwards. */
static void write_idx(const char *folder, const char *name, bool images, int n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    unsigned char head[] = {0, 0, 8, images ? 3 : 1, 0, 0, 0, (unsigned char)n, 0, 0, 0, 2, 0,
                            0, 0, 2};
    fwrite(head, 1, images ? 16 : 8, file);
    for (int i = 0; i < n * (images ? 4 : 1); i++) fputc(images ? i * 37 % 256 : i % 2, file);
    fclose(file);
}

START_TEST(test_ideal_world_of_a_finite_pool_uses_each_sample_once)
{
    enum { POOL = 96 };
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    struct config c = small();
    snprintf(c.data.path, sizeof c.data.path, "/tmp/test_trainer.XXXXXX");
    ck_assert(mkdtemp(c.data.path) != NULL);
    for (int i = 0; i < 4; i++) write_idx(c.data.path, names[i], i % 2 == 0, POOL);
    c.data.name = core_row(&streams, "idx");
    c.data.world = WORLD_IDEAL;
    c.data.train = c.data.test = 0;
    c.optim.steps = POOL / B;
    c.optim.warmup = 0;
    struct record r = everything();
    struct worker *w = worker_create(NULL);
    struct ran *a = run(w, &c, &r, 1), *b = run(w, &c, &r, 1), *other = run(w, &c, &r, 2);
    same_bits(a, b);
    ck_assert_double_ne(metric(a, "train_loss", 2), metric(other, "train_loss", 2));

    struct trial_shape shape;
    struct err e;
    c.optim.steps++;
    ck_assert_int_eq(train()->shape(&c, &(struct parents){0}, &r, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "optim.steps: "));
    ran_destroy(a);
    ran_destroy(b);
    ran_destroy(other);
    worker_destroy(w);
    for (int i = 0; i < 4; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", c.data.path, names[i]);
        unlink(path);
    }
    rmdir(c.data.path);
}
END_TEST

START_TEST(test_same_trial_has_the_same_bits_whatever_ran_between)
{
    struct config c = small(), other = small();
    other.data.dim = 9;
    other.model.width = 7;
    other.model.activation = core_row(&activations, "gelu");
    struct record r = everything();
    struct worker *w = worker_create(NULL), *fresh = worker_create(NULL);
    struct ran *first = run(w, &c, &r, 4);
    struct ran *between = run(w, &other, &r, 4), *seed = run(w, &c, &r, 5);
    struct ran *again = run(w, &c, &r, 4), *elsewhere = run(fresh, &c, &r, 4);
    same_bits(first, again);
    same_bits(first, elsewhere);
    ck_assert_double_ne(metric(first, "train_loss", 0), metric(seed, "train_loss", 0));
    ck_assert_mem_eq(first->rows.layer[0], seed->rows.layer[0], 20 * DIM * sizeof(float));
    worker_destroy(w);
    worker_destroy(fresh);
    ck_assert_uint_eq(arena_live_bytes(), 0);
    struct ran *all[] = {first, between, seed, again, elsewhere};
    for (int i = 0; i < 5; i++) ran_destroy(all[i]);
}
END_TEST

START_TEST(test_records_are_steps_and_subsets)
{
    struct config c = small();
    struct record r = everything();
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, &c, &r, 0);
    ck_assert_int_eq(t->shape.records, 3);
    static const double steps[] = {0, 6, 11};
    for (int i = 0; i < 3; i++) ck_assert_double_eq(t->rows.step[i], steps[i]);
    for (int i = 0; i < r.n_metrics * 3; i++) ck_assert(isfinite(t->rows.metric[i]));
    ck_assert_double_eq(metric(t, "lr", 0), 0.1 * 0.5); /* first step of two of warm-up */
    ck_assert_double_lt(metric(t, "train_loss", 2), metric(t, "train_loss", 0));
    ck_assert_double_eq(remainder(metric(t, "train_acc", 0) * 40, 1), 0); /* of 40 samples */
    ran_destroy(t);
    worker_destroy(w);
}
END_TEST

START_TEST(test_metrics_do_not_depend_on_what_else_is_recorded)
{
    struct config c = small();
    struct record all = everything(), one = everything();
    one.n_metrics = 1;
    one.n_layers = 0;
    snprintf(one.metric[0], TASK_NAME, "test_loss");
    struct worker *w = worker_create(NULL);
    struct ran *a = run(w, &c, &all, 0), *b = run(w, &c, &one, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(metric(a, "test_loss", i), metric(b, "test_loss", i));
    ran_destroy(a);
    ran_destroy(b);
    worker_destroy(w);
}
END_TEST

START_TEST(test_representations_are_the_layers_outputs)
{
    struct config c = small();
    struct record r = everything();
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, &c, &r, 5);
    struct plain p = plain_run(&c, 5, B, pick_real);
    plain_loss(&p, SPLIT_TEST, 20, false);
    const struct graph *g = &p.net->g;
    const int node[] = {0, graph_layer(g, "hidden.2"), g->n_nodes - 1};
    for (int l = 0; l < 3; l++) {
        int64_t size = 20 * t->shape.layer_dim[l];
        if (l > 0) /* plain_loss has dropped its inputs by now */
            for (int64_t i = 0; i < size; i++)
                ck_assert(t->rows.layer[l][2 * size + i] == (float)g->node[node[l]].y[i]);
        bool trained = memcmp(t->rows.layer[l], t->rows.layer[l] + 2 * size,
                              (size_t)size * sizeof(float)) != 0;
        ck_assert_int_eq(trained, l > 0);
    }
    plain_clear(&p);
    ran_destroy(t);
    worker_destroy(w);
}
END_TEST

/* The first record whose training loss is below that of record 1 is record 2, the last one here;
 * a level that nothing passes leaves NaN. */
START_TEST(test_slots_wait_for_their_level)
{
    struct config c = small();
    struct record r = everything();
    struct worker *w = worker_create(NULL);
    struct ran *plain = run(w, &c, &r, 5);
    int loss = 0;
    while (strcmp(r.metric[loss], "train_loss") != 0) loss++;
    r.slot[0] = r.slot[1] = SLOT_LEVEL;
    r.level[0] = (struct level){.metric = loss, .at = metric(plain, "train_loss", 1)};
    r.level[1] = (struct level){.metric = loss, .above = true, .at = 1e9};
    struct ran *t = run(w, &c, &r, 5);
    for (int l = 0; l < 3; l++) {
        int64_t size = 20 * t->shape.layer_dim[l];
        const float *x = t->rows.layer[l], *last = plain->rows.layer[l] + 2 * size;
        ck_assert_mem_eq(x, last, (size_t)size * sizeof *x);
        for (int64_t i = 0; i < size; i++) ck_assert(isnan(x[size + i]));
    }
    ran_destroy(plain);
    ran_destroy(t);
    worker_destroy(w);
}
END_TEST

/* A second set with a teacher of its own: other labels, the same inputs; and one of the
 * training split. */
START_TEST(test_every_probe_set_has_its_representations)
{
    struct config c = small();
    struct record r = everything();
    r.n_layers = 1; /* the input */
    r.n_probe_sets = 3;
    r.probe[1] = r.probe[2] = r.probe[0];
    r.probe[1].n_patches = 1;
    r.probe[1].patch[0] = (struct patch){offsetof(struct config, data.dim), sizeof c.data.dim};
    memcpy(r.probe[1].patch[0].value, &c.data.dim, sizeof c.data.dim);
    r.probe[2].split = SPLIT_TRAIN;
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, &c, &r, 5);
    size_t bytes = 20 * DIM * sizeof(float);
    ck_assert_mem_eq(t->rows.layer[0], t->rows.layer[1], bytes);
    ck_assert_mem_ne(t->rows.layer[0], t->rows.layer[2], bytes);
    ran_destroy(t);
    worker_destroy(w);
    r.probe[1].patch[0].value[0]++; /* another dimension: another network's samples */
    struct trial_shape shape;
    struct err e;
    ck_assert_int_eq(train()->shape(&c, &(struct parents){0}, &r, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "probe set 'test'"));
}
END_TEST

/* Probes of a finite split are a permutation's beginning, whatever their number. */
START_TEST(test_probes_are_drawn_from_the_whole_split)
{
    struct err e;
    int64_t *index, *again, beyond = 0;
    ck_assert_int_eq(probe_order(SPLIT_TEST, 1000, ROOT, &index, &e), ERR_OK);
    ck_assert_int_eq(probe_order(SPLIT_TEST, 1000, ROOT, &again, &e), ERR_OK);
    ck_assert_mem_eq(index, again, 20 * sizeof *index);
    for (int i = 0; i < 20; i++) beyond += index[i] >= 20;
    ck_assert_int_gt(beyond, 15);
    free(index);
    free(again);
    ck_assert_int_eq(probe_order(SPLIT_TEST, INT64_MAX, ROOT, &index, &e), ERR_OK);
    ck_assert_ptr_null(index);
}
END_TEST

static void check_diverged(const struct config *c, const struct record *r, const char *reason)
{
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, c, r, 0);
    int64_t done = t->result.steps_done, last = t->shape.records - 1;
    ck_assert_int_eq(t->result.outcome, OUTCOME_DIVERGED);
    ck_assert_int_lt(done, STEPS);
    ck_assert_msg(strstr(t->result.reason, reason) != NULL, "%s", t->result.reason);
    char step[32];
    snprintf(step, sizeof step, "at step %d", (int)done);
    ck_assert_ptr_nonnull(strstr(t->result.reason, step));
    ck_assert_double_eq(t->rows.step[0], 0);
    ck_assert(isfinite(metric(t, "test_loss", 0)));
    ck_assert_double_nan(t->rows.step[last]);
    ck_assert_double_nan(metric(t, "test_loss", last));
    for (int l = 0; l < r->n_layers; l++) {
        int64_t size = r->probe[0].n * t->shape.layer_dim[l];
        ck_assert(isfinite(t->rows.layer[l][0]));
        for (int64_t i = 2 * size; i < 3 * size; i++) ck_assert(isnan(t->rows.layer[l][i]));
    }
    ran_destroy(t);
    worker_destroy(w);
}

START_TEST(test_divergence_is_an_outcome)
{
    struct config c = small();
    struct record r = everything();
    c.optim.lr = 1e30;
    check_diverged(&c, &r, "train_loss ");
    c.optim.lr = 1e4;
    c.model.activation = core_row(&activations, "tanh"); /* cannot die, stays finite */
    r.diverged_above = 50;
    check_diverged(&c, &r, "train_loss ");
    r.n_metrics = 1; /* without train metrics the batches tell */
    snprintf(r.metric[0], TASK_NAME, "test_loss");
    check_diverged(&c, &r, "train_loss ");
}
END_TEST

START_TEST(test_divergence_of_the_first_batch_keeps_the_record_before_it)
{
    struct config c = small();
    struct record r = everything();
    r.n_metrics = 1;
    snprintf(r.metric[0], TASK_NAME, "test_loss");
    r.diverged_above = 0.1; /* below any loss of a new network */
    check_diverged(&c, &r, "at step 0");
}
END_TEST

START_TEST(test_divergence_in_the_last_step_is_seen)
{
    struct config c = small();
    struct record r = {.n_metrics = 1,
                       .metric = {"lr"},
                       .grid = GRID_LAST,
                       .diverged_above = HUGE_VAL,
                       .train_subset = 10};
    c.optim.steps = 1;
    c.optim.warmup = 0;
    c.optim.lr = HUGE_VAL;
    struct worker *w = worker_create(NULL);
    struct ran *t = run(w, &c, &r, 0);
    ck_assert_int_eq(t->result.outcome, OUTCOME_DIVERGED);
    ck_assert_str_eq(t->result.reason, "train_loss nan at step 1");
    ran_destroy(t);
    worker_destroy(w);
}
END_TEST

/* A training set beyond the budget is fetched batch by batch: the same bits. */
START_TEST(test_samples_held_or_fetched_are_the_same)
{
    struct config c = small();
    struct err e;
    struct data data;
    struct arena arena = {0};
    double none = 0, plenty = SAMPLES_BUDGET;
    int64_t order[] = {5, 3, 9, 1, 4}, place[] = {4, 0, 2};
    ck_assert_int_eq(data_open(&c, ROOT, &data, &e), ERR_OK);
    for (int ordered = 0; ordered < 2; ordered++) {
        struct samples held = {&data, SPLIT_TRAIN, 5, ordered ? order : NULL}, fetched = held;
        struct batch a, b;
        ck_assert_int_eq(samples_load(&held, &plenty, &arena, &e), ERR_OK);
        ck_assert_int_eq(samples_load(&fetched, &none, &arena, &e), ERR_OK);
        ck_assert(held.x != NULL && fetched.x == NULL);
        ck_assert_int_eq(batch_init(&a, &data.shape, 5, &arena, &e), ERR_OK);
        ck_assert_int_eq(batch_init(&b, &data.shape, 5, &arena, &e), ERR_OK);
        samples_range(&held, 2, 3, &a);
        samples_range(&fetched, 2, 3, &b);
        ck_assert_mem_eq(a.x, b.x, 3 * DIM * sizeof(real));
        ck_assert_mem_eq(a.label, b.label, 3 * sizeof(int32_t));
        samples_pick(&held, place, 3, &a);
        samples_pick(&fetched, place, 3, &b);
        ck_assert_mem_eq(a.x, b.x, 3 * DIM * sizeof(real));
        ck_assert_mem_eq(a.label, b.label, 3 * sizeof(int32_t));
    }
    arena_clear(&arena);
    data_close(&data);
}
END_TEST

START_TEST(test_data_set_is_kept_between_trials)
{
    struct config c = small(), other = small();
    other.model.width = 9;
    struct worker *w = worker_create(NULL);
    const struct data *data, *again;
    struct err e;
    ck_assert_int_eq(worker_data(w, &c, ROOT, &data, &e), ERR_OK);
    const void *inner = data->inner;
    ck_assert_int_eq(worker_data(w, &other, ROOT, &again, &e), ERR_OK);
    ck_assert_ptr_eq(again->inner, inner);
    ck_assert_int_eq(worker_data(w, &c, ROOT + 1, &again, &e), ERR_OK);
    real a[DIM], b[DIM];
    int64_t index = 0;
    again->stream->fetch(again, SPLIT_TRAIN, &index, 1, a, NULL);
    ck_assert_int_eq(worker_data(w, &c, ROOT, &again, &e), ERR_OK);
    again->stream->fetch(again, SPLIT_TRAIN, &index, 1, b, NULL);
    ck_assert_mem_ne(a, b, sizeof a);
    worker_destroy(w);
    worker_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trainer");
    TCase *t = check_case(s, "trainer");
    tcase_add_test(t, test_real_world_is_the_plain_loop);
    tcase_add_test(t, test_every_rule_is_the_plain_loop);
    tcase_add_test(t, test_full_batch_is_the_plain_loop);
    tcase_add_test(t, test_ideal_world_is_the_plain_loop_on_fresh_samples);
    tcase_add_test(t, test_ideal_world_of_a_finite_pool_uses_each_sample_once);
    tcase_add_test(t, test_same_trial_has_the_same_bits_whatever_ran_between);
    tcase_add_test(t, test_records_are_steps_and_subsets);
    tcase_add_test(t, test_metrics_do_not_depend_on_what_else_is_recorded);
    tcase_add_test(t, test_representations_are_the_layers_outputs);
    tcase_add_test(t, test_slots_wait_for_their_level);
    tcase_add_test(t, test_every_probe_set_has_its_representations);
    tcase_add_test(t, test_probes_are_drawn_from_the_whole_split);
    tcase_add_test(t, test_divergence_is_an_outcome);
    tcase_add_test(t, test_divergence_of_the_first_batch_keeps_the_record_before_it);
    tcase_add_test(t, test_divergence_in_the_last_step_is_seen);
    tcase_add_test(t, test_samples_held_or_fetched_are_the_same);
    tcase_add_test(t, test_data_set_is_kept_between_trials);
    return check_run(s);
}
