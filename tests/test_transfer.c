/* test_transfer.c - trials that take something from other trials: weights, a teacher, features.
 * The store is a list in memory. */
#include "tests/core.h"

#include <jansson.h>
#include <unistd.h>

#include "experiments/experiment.h"
#include "worker/start.h"
#include "worker/teacher.h"
#include "worker/trainer.h"

enum { DIM = 6, CLASSES = 3, N_TRAIN = 70, N_TEST = 50, STEPS = 11, ROOT = 9, MAX_ROWS = 8 };

static struct err e;

/* --- a store in memory, and trials ----------------------------------------------------------
 */

static struct {
    int n, reads;
    int64_t size[MAX_ROWS];
    float *weights[MAX_ROWS];
} store;

static enum err_code store_read(void *self, int64_t row, int64_t n, float *out, struct err *err)
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

static void setup(void)
{
    worker = worker_create(&source);
    memset(&store, 0, sizeof store);
}

static void teardown(void)
{
    worker_destroy(worker);
    for (int i = 0; i < store.n; i++) free(store.weights[i]);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

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
    c.optim.batch = 16;
    c.optim.steps = STEPS;
    return c;
}

static struct record everything(void)
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

static struct record without_layers(void)
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

static const struct experiment *train(void)
{
    return (const void *)table_row(&experiments, core_row(&experiments, "train"));
}

/* Runs a trial and keeps its weights as the next row of the store. */
static struct ran *run_recorded(const struct config *c, const struct parents *parents,
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

static struct ran *run(const struct config *c, const struct parents *parents, uint64_t seed)
{
    struct record r = everything();
    return run_recorded(c, parents, &r, seed);
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

/* One parent more: a row of the store. */
static struct parents with(struct parents p, enum role role, int64_t row,
                           const struct config *c)
{
    p.parent[p.n++] = (struct parent){.role = (int)role, .row = row, .config = *c};
    return p;
}

static struct parents from_row(enum role role, int64_t row, const struct config *c)
{
    return with((struct parents){0}, role, row, c);
}

static void refused(const struct config *c, const struct parents *parents, const char *words)
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

/* --- weights --------------------------------------------------------------------------------
 */

START_TEST(test_weights_give_the_metrics_of_their_trial)
{
    struct config c = small(), child = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    child.optim.steps = 0;
    child.optim.batch = 100; /* no batch is taken: it may be larger than the set */
    struct ran *same = run(&child, &parents, 2);
    ck_assert_int_eq(same->shape.records, 1);
    ck_assert_double_eq(same->shape.train_flops, 0);
    ck_assert_double_eq(same->rows.step[0], 0);
    for (int i = 0; i < metrics.count; i++) {
        const char *name = table_row(&metrics, i)->name;
        if (strcmp(name, "lr") == 0)
            ck_assert_double_nan(metric(same, name, 0));
        else
            ck_assert_msg(metric(same, name, 0) == metric(parent, name, 2), "%s", name);
    }
    ck_assert_mem_eq(store.weights[1], store.weights[0], 63 * sizeof(float));
    for (int l = 0; l < 3; l++)
        ck_assert_mem_eq(same->rows.layer[l], parent->rows.layer[l],
                         (size_t)(N_TRAIN * same->shape.layer_dim[l]) * sizeof(float));
    ran_destroy(same);
    ran_destroy(parent);
}
END_TEST

START_TEST(test_training_goes_on_from_the_weights)
{
    struct config c = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    struct ran *child = run(&c, &parents, 2), *again = run(&c, &parents, 2);
    ck_assert_double_eq(metric(child, "test_loss", 0), metric(parent, "test_loss", 2));
    ck_assert_double_lt(metric(child, "train_loss", 2), metric(parent, "train_loss", 2));
    ck_assert_mem_eq(store.weights[1], store.weights[2], 63 * sizeof(float));
    ran_destroy(again);
    ran_destroy(child);
    ran_destroy(parent);
}
END_TEST

START_TEST(test_head_is_kept_new_or_zero)
{
    struct config c = small(), child = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    child.data.classes = 5;
    child.optim.steps = 0;
    refused(&child, &parents, "5.weight is [3, 4] there, [5, 4] here; 5.bias is [3] there");
    refused(&child, &parents, "(model.head: new or zero");
    child.model.head = HEAD_NEW;
    struct ran *drawn = run(&child, &parents, 7), *fresh = run(&child, NULL, 7);
    ck_assert_mem_eq(store.weights[1], store.weights[0], 48 * sizeof(float));
    ck_assert_mem_eq(store.weights[1] + 48, store.weights[2] + 48, 25 * sizeof(float));
    ck_assert_int_ne(memcmp(store.weights[1], store.weights[2], 48 * sizeof(float)), 0);
    child.model.head = HEAD_ZERO;
    struct ran *zero = run(&child, &parents, 7);
    ck_assert_mem_eq(store.weights[3], store.weights[0], 48 * sizeof(float));
    for (int i = 48; i < 73; i++) ck_assert(store.weights[3][i] == 0);
    ck_assert_double_eq_tol(metric(zero, "train_loss", 0), log(5), 1e-6);
    ran_destroy(zero);
    ran_destroy(fresh);
    ran_destroy(drawn);
    ran_destroy(parent);
}
END_TEST

/* Trains with these parameters frozen: they stay, the others move. */
static void check_frozen(const char *freeze, unsigned frozen)
{
    struct config c = small();
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    snprintf(c.model.freeze, sizeof c.model.freeze, "%s", freeze);
    struct ran *t = run(&c, &parents, 3);
    int row = --store.n;
    for (int p = 0; p < PARAMS; p++) {
        size_t bytes = (size_t)(place[p + 1] - place[p]) * sizeof(float);
        bool moved =
            memcmp(store.weights[row] + place[p], store.weights[0] + place[p], bytes) != 0;
        ck_assert_msg(moved == !(frozen >> p & 1), "%s: parameter %d", freeze, p);
    }
    free(store.weights[row]);
    ran_destroy(t);
}

START_TEST(test_frozen_parameters_alone_stay)
{
    struct config c = small();
    ran_destroy(run(&c, NULL, 1));
    check_frozen("", 0);
    check_frozen("1.weight", 1);
    check_frozen("*.bias", 0x2a);
    check_frozen("3.*  1.bias", 0x0e);
    check_frozen("body", 0x0f);
    check_frozen("body 5.bias", 0x2f);
    strcpy(c.model.freeze, "1.* 2.*");
    refused(&c, NULL, "model.freeze: no parameter matches '2.*'; this model has 1.weight, 1.b");
    strcpy(c.model.freeze, "*");
    refused(&c, NULL, "model.freeze: no parameter is left to train");
    c.optim.steps = 0;
    ran_destroy(run(&c, NULL, 1));
}
END_TEST

START_TEST(test_frozen_body_costs_no_backward_pass)
{
    struct config c = small();
    struct record r = everything();
    struct trial_shape whole, head;
    ck_assert_int_eq(train()->shape(&c, NULL, &r, &whole, &e), ERR_OK);
    strcpy(c.model.freeze, "body");
    ck_assert_int_eq(train()->shape(&c, NULL, &r, &head, &e), ERR_OK);
    double forward = 2 * (24 + 16 + 12);
    ck_assert_double_eq(head.train_flops, STEPS * 16 * (forward + 2 * 12));
    ck_assert_double_lt(head.train_flops, whole.train_flops);
    ck_assert_int_eq(head.weights, whole.weights);
}
END_TEST

/* Behind 1.weight and 1.bias of batch-normalised layers: 2.weight, 2.bias, 2.running_mean,
 * 2.running_var. */
START_TEST(test_running_averages_are_weights_that_may_be_frozen)
{
    struct config c = small();
    c.model.norm = NORM_BATCH;
    struct ran *parent = run(&c, NULL, 1);
    ck_assert_int_eq(parent->shape.weights, parent->shape.params + 2 * 8);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    struct config child = c;
    child.optim.steps = 0;
    struct ran *same = run(&child, &parents, 2);
    ck_assert_double_eq(metric(same, "test_loss", 0), metric(parent, "test_loss", 2));
    ran_destroy(same);
    child = c;
    strcpy(child.model.freeze, "body");
    struct ran *moved = run(&child, &parents, 2); /* as in PyTorch */
    ck_assert_mem_eq(store.weights[2], store.weights[0], (24 + 4 + 8) * sizeof(float));
    for (int i = 36; i < 44; i++) ck_assert(store.weights[2][i] != store.weights[0][i]);
    child.model.freeze_statistics = true;
    struct ran *stay = run(&child, &parents, 2);
    int64_t head = parent->shape.weights - 15;
    ck_assert_mem_eq(store.weights[3], store.weights[0], (size_t)head * sizeof(float));
    for (int64_t i = head; i < head + 15; i++)
        ck_assert(store.weights[3][i] != store.weights[0][i]);
    strcpy(child.model.freeze, "2.weight"); /* a bias is left: not frozen */
    struct ran *half = run(&child, &parents, 2);
    for (int i = 36; i < 44; i++) ck_assert(store.weights[4][i] != store.weights[0][i]);
    struct ran *all[] = {half, stay, moved, parent};
    for (int i = 0; i < 4; i++) ran_destroy(all[i]);
}
END_TEST

/* With frozen statistics a training step follows the gradient of the network in eval mode. */
START_TEST(test_frozen_statistics_train_what_evaluation_sees)
{
    struct config c = small();
    struct record r = without_layers();
    r.train_subset = N_TRAIN;
    c.model.norm = NORM_BATCH;
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    c.optim.batch = BATCH_FULL;
    c.optim.steps = 1;
    for (int frozen = 0; frozen < 2; frozen++) {
        strcpy(c.model.freeze, "2.* 5.*");
        c.model.freeze_statistics = frozen;
        struct ran *t = run_recorded(&c, &parents, &r, 5);
        double moved = 0;
        for (int64_t i = 0; i < t->shape.weights; i++) {
            double by = (double)(t->rows.weights[i] - store.weights[0][i]);
            bool average = (i >= 36 && i < 44) || (i >= 72 && i < 80);
            moved += average ? 0 : by * by;
        }
        double off = sqrt(moved) / (c.optim.lr * metric(t, "grad_norm", 0)) - 1;
        ck_assert_int_eq(fabs(off) < 1e-4, frozen);
        ran_destroy(t);
    }
}
END_TEST

START_TEST(test_interpolation_goes_from_one_network_to_the_other)
{
    struct config c = small(), blend = small();
    ran_destroy(run(&c, NULL, 1));
    ran_destroy(run(&c, NULL, 2));
    struct parents one = from_row(ROLE_WEIGHTS, 0, &c), two = with(one, ROLE_END, 1, &c);
    blend.optim.steps = 0;
    static const double alpha[] = {0, 1, 0.25, -1};
    for (int i = 0; i < 4; i++) {
        blend.model.interpolate = alpha[i];
        ran_destroy(run(&blend, &two, 3));
        const float *w = store.weights[store.n - 1];
        for (int k = 0; k < 63; k++) {
            float a = store.weights[0][k], b = store.weights[1][k];
            double wanted = (1 - alpha[i]) * (double)a + alpha[i] * (double)b;
            ck_assert(w[k] == (float)wanted);
            if (i < 2) ck_assert(w[k] == (i ? b : a));
        }
    }
    refused(&blend, &one, "model.interpolate: ");
    struct parents end = from_row(ROLE_END, 1, &c);
    blend.model.interpolate = 0;
    refused(&blend, &end, "model.interpolate: ");
}
END_TEST

START_TEST(test_weights_that_do_not_fit_are_named)
{
    struct config c = small(), other = small();
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    other.model.width = 8;
    refused(&other, &parents,
            "model.kind: the weights of the other network do not fit: 1.weight"
            " is [4, 6] there, [8, 6] here; ");
    refused(&other, &parents, "; and 2 more");
    other = c;
    other.model.depth = 1;
    refused(&other, &parents, "3.weight is [4, 4] there, [3, 4] here");
    refused(&other, &parents, "5.weight is [3, 4] there, unknown here");
    other.model.depth = 3;
    refused(&other, &parents, "7.weight is missing there, [3, 4] here");
    parents.parent[0].row = -1;
    strcpy(parents.parent[0].path, "/nowhere/a");
    struct record r = everything();
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&c, &parents, &r, &shape, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/a: No such file"));
}
END_TEST

START_TEST(test_network_of_pytorch_says_the_same_here)
{
    struct config c = small();
    struct parents parents = from_row(ROLE_WEIGHTS, -1, &c);
    snprintf(parents.parent[0].path, TASK_PATH, "%s/golden/transfer/mlp.safetensors",
             TESTS_DIR);
    c.model.width = 5;
    struct core_net *net = core_net(&c, DIM, CLASSES, 4);
    ck_assert_msg(start_weights(&c, &parents, 1, NULL, &net->g, &e) == ERR_OK, "%s", e.text);
    real x[4 * DIM];
    for (int i = 0; i < 4 * DIM; i++) x[i] = (real)sin(i);
    graph_forward(&net->g, x, 4, GRAPH_EVAL);
    json_t *golden = json_load_file(TESTS_DIR "/golden/transfer/mlp.json", 0, NULL);
    json_t *logits = json_object_get(golden, "logits");
    ck_assert_uint_eq(json_array_size(logits), 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < CLASSES; k++)
            ck_assert_double_eq_tol(
                (double)graph_output(&net->g)->y[i * CLASSES + k],
                json_number_value(json_array_get(json_array_get(logits, i), k)), 1e-6);
    json_decref(golden);
    core_net_destroy(net);
    c = small();
    refused(&c, &parents, "mlp.safetensors do not fit: 1.weight is [5, 6]");
}
END_TEST

/* --- a teacher ------------------------------------------------------------------------------
 */

START_TEST(test_teacher_says_what_its_layer_said)
{
    struct config c = small(), student = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    static const char *const layers[] = {"hidden.last", "logits"};
    struct graph_shape input = {1, {DIM}, DIM};
    for (int l = 0; l < 2; l++) {
        struct arena arena = {0};
        struct teacher t;
        strcpy(student.optim.teacher_layer, layers[l]);
        ck_assert_msg(teacher_plan(&t, &student, &parents, &input, &arena, &e) == ERR_OK, "%s",
                      e.text);
        ck_assert_int_eq(t.k, parent->shape.layer_dim[l + 1]);
        ck_assert_int_eq(teacher_start(&t, &source, N_TRAIN, &e), ERR_OK);
        real x[N_TRAIN * DIM];
        for (int i = 0; i < N_TRAIN * DIM; i++) x[i] = (real)parent->rows.layer[0][i];
        const real *target = teacher_targets(&t, x, N_TRAIN);
        for (int64_t i = 0; i < N_TRAIN * t.k; i++)
            ck_assert_float_eq_tol((float)target[i], parent->rows.layer[l + 1][i], 1e-6f);
        ck_assert_double_eq(teacher_flops(&t), 2 * (24 + 16 + (l ? 12 : 0)));
        graph_clear(&t.graph);
        arena_clear(&arena);
    }
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.teacher_layer, "hiden.1");
    refused(&student, &parents,
            "optim.teacher_layer: unknown layer 'hiden.1'; this model has ");
    strcpy(student.optim.teacher_layer, "logits");
    student.data.dim = 7;
    refused(&student, &parents,
            "data.name: the teacher takes samples of shape [6], these are [7]");
    ran_destroy(parent);
}
END_TEST

/* Weight by weight, to rounding: a batch of another size rounds differently. */
static void same_weights(int64_t a, int64_t b, int64_t n, float off)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_float_eq_tol(store.weights[a][i], store.weights[b][i], off);
}

START_TEST(test_student_that_is_its_teacher_has_nothing_to_learn)
{
    struct config c = small(), student = small();
    ran_destroy(run(&c, NULL, 1));
    struct parents both = with(from_row(ROLE_TEACHER, 0, &c), ROLE_WEIGHTS, 0, &c);
    static const char *const losses_[] = {"distill", "distill_kl"};
    for (int l = 0; l < 2; l++) {
        student.optim.loss = core_row(&losses, losses_[l]);
        struct ran *t = run(&student, &both, 2);
        for (int i = 0; i < 3; i++) {
            ck_assert_double_eq_tol(metric(t, "train_loss", i), 0, 1e-6);
            ck_assert_double_eq_tol(metric(t, "test_loss", i), 0, 1e-6);
            ck_assert_int_eq(isnan(metric(t, "test_acc", i)), l == 0);
        }
        same_weights(store.n - 1, 0, 63, 1e-6f);
        ck_assert_double_eq(t->shape.train_flops,
                            STEPS * 16.0 * (2 * 52 * 4 - 2 * 24)); /* and the teacher */
        ran_destroy(t);
    }
}
END_TEST

START_TEST(test_student_learns_the_layers_of_its_teacher)
{
    struct config c = small(), student = small();
    c.model.width = 5;
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.teacher_layer, "hidden.last");
    student.optim.lr = 0.3;
    struct ran *t = run(&student, &parents, 2); /* its logits are as wide as that layer */
    ck_assert_int_eq(t->shape.net.outputs, 5);
    ck_assert_double_lt(metric(t, "test_loss", 2), 0.9 * metric(t, "test_loss", 0));
    struct parents taught = from_row(ROLE_WEIGHTS, 1, &student);
    struct config probe = small();
    probe.model.head = HEAD_NEW;
    probe.optim.steps = 0;
    refused(&probe, &taught, "optim.loss: distill does not say how many outputs");
    taught.parent[0].net = t->shape.net;
    ran_destroy(run(&probe, &taught, 3));
    ck_assert_mem_eq(store.weights[2], store.weights[1], 48 * sizeof(float));
    ran_destroy(t);

    strcpy(student.optim.student_layer, "hidden.1");
    refused(&student, &parents,
            "optim.teacher_layer: hidden.last has 5 features, what is comp");
    student.model.width = 5;
    student.optim.weight_decay = 0.1; /* which would move what is not trained */
    t = run(&student, &parents, 2);
    int row = store.n - 1;
    ck_assert_double_lt(metric(t, "test_loss", 2), 0.9 * metric(t, "test_loss", 0));
    student.optim.steps = 0;
    ran_destroy(run(&student, &parents, 2));
    ck_assert_int_ne(memcmp(store.weights[row], store.weights[row + 1], 35 * sizeof(float)), 0);
    ck_assert_mem_eq(store.weights[row] + 35, store.weights[row + 1] + 35, 48 * sizeof(float));
    ran_destroy(t);
}
END_TEST

START_TEST(test_distillation_that_cannot_be_is_refused)
{
    struct config c = small(), student = small();
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    strcpy(student.optim.student_layer, "hidden.1");
    refused(&student, &parents, "optim.student_layer: is for optim.loss: distill, not cross");
    student.optim.loss = core_row(&losses, "distill_kl");
    refused(&student, &parents,
            "optim.student_layer: is for optim.loss: distill, not distill_");
    strcpy(student.optim.student_layer, "logits");
    strcpy(student.optim.teacher_layer, "hidden.1");
    refused(&student, &parents,
            "optim.teacher_layer: hidden.1 has 4 features, what is compared");
    refused(&student, NULL, "optim.loss: distill_kl needs a teacher");
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.student_layer, "hidden.9");
    refused(&student, &parents, "optim.student_layer: unknown layer 'hidden.9'");
    student = small();
    student.optim.projection = core_row(&projections, "prograd");
    refused(&student, NULL, "optim.projection: prograd needs a teacher");
    student.data.classes = 2;
    student.optim.loss = core_row(&losses, "logistic");
    c.data.classes = 2;
    c.optim.loss = student.optim.loss;
    parents.parent[0].config = c;
    refused(&student, &parents, "optim.projection: prograd needs one output per class");
}
END_TEST

/* One step by hand: g and h on the whole set, tensor by tensor. */
START_TEST(test_prograd_takes_out_what_is_against_the_teacher)
{
    struct config c = small(), student = small();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    student.optim.batch = BATCH_FULL;
    student.optim.steps = 1;
    student.optim.momentum = 0;
    student.optim.lr = 1;
    static const char *const with_loss[] = {"cross_entropy", "distill_kl"};
    for (int l = 0; l < 2; l++) {
        student.optim.loss = core_row(&losses, with_loss[l]);
        ran_destroy(run_recorded(&student, &parents, &r, 2));
    }
    student.optim.loss = core_row(&losses, "cross_entropy");
    student.optim.projection = core_row(&projections, "prograd");
    struct ran *t = run_recorded(&student, &parents, &r, 2);
    ck_assert_double_gt(t->shape.train_flops, 0);
    student.optim.steps = 0;
    ran_destroy(run_recorded(&student, &parents, &r, 2));
    const float *start = store.weights[4];
    int changed = 0;
    for (int p = 0; p < PARAMS; p++) {
        double g[24], h[24], inner = 0, square = 0;
        int n = place[p + 1] - place[p];
        for (int i = 0; i < n; i++) {
            g[i] = (double)start[place[p] + i] - (double)store.weights[1][place[p] + i];
            h[i] = (double)start[place[p] + i] - (double)store.weights[2][place[p] + i];
            inner += g[i] * h[i];
            square += h[i] * h[i];
        }
        changed += inner < 0;
        for (int i = 0; i < n; i++) {
            double wanted = inner < 0 ? g[i] - inner / square * h[i] : g[i];
            double got = (double)start[place[p] + i] - (double)store.weights[3][place[p] + i];
            ck_assert_double_eq_tol(got, wanted, 2e-6); /* of single precision */
        }
    }
    ck_assert(changed > 0 && changed < PARAMS);
    ran_destroy(t);
}
END_TEST

/* --- features -------------------------------------------------------------------------------
 */

static struct config linear_probe(void)
{
    struct config c = small();
    c.model.kind = core_row(&models, "linear");
    c.model.head = HEAD_ZERO;
    return c;
}

START_TEST(test_linear_probe_is_the_head_behind_a_frozen_body)
{
    struct config c = small(), frozen = small(), probe = linear_probe();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    struct parents weights = from_row(ROLE_WEIGHTS, 0, &c);
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    frozen.model.head = HEAD_ZERO;
    strcpy(frozen.model.freeze, "body");
    struct ran *a = run_recorded(&frozen, &weights, &r, 5);
    struct ran *b = run_recorded(&probe, &features, &r, 5);
    ck_assert_int_eq(b->shape.params, 4 * 3 + 3);
    ck_assert_int_eq(b->shape.net.size[0], 4);
    ck_assert_int_eq(b->shape.net.outputs, 3);
    ck_assert_double_eq(b->shape.train_flops, STEPS * 16 * 4 * 12.0);
    for (int i = 0; i < 3; i++) {
        static const char *const same[] = {"train_loss", "test_loss", "test_acc", "soft_error"};
        for (int m = 0; m < 4; m++) /* products of other sizes round differently */
            ck_assert_double_eq_tol(metric(a, same[m], i), metric(b, same[m], i), 1e-6);
    }
    for (int i = 0; i < 15; i++)
        ck_assert_float_eq_tol(store.weights[1][48 + i], store.weights[2][i], 1e-6f);
    ran_destroy(a);
    ran_destroy(b);
}
END_TEST

START_TEST(test_features_are_made_once_for_many_trials)
{
    struct config c = small(), probe = linear_probe(), raw = linear_probe();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    ran_destroy(run(&c, NULL, 2));
    struct parents one = from_row(ROLE_FEATURES, 0, &c), two = from_row(ROLE_FEATURES, 1, &c);
    store.reads = 0;
    struct ran *first = run_recorded(&probe, &one, &r, 1);
    ck_assert_int_eq(store.reads, 1);
    probe.optim.weight_decay = 0.1;
    ran_destroy(run_recorded(&probe, &one, &r, 1));
    ck_assert_int_eq(store.reads, 1);
    struct ran *other = run_recorded(&probe, &two, &r, 1); /* another network */
    ck_assert_int_eq(store.reads, 2);
    ran_destroy(run_recorded(&raw, NULL, &r, 1));
    probe.optim.weight_decay = 0;
    struct ran *again = run_recorded(&probe, &one, &r, 1);
    ck_assert_double_ne(metric(first, "test_loss", 2), metric(other, "test_loss", 2));
    ck_assert_mem_eq(first->rows.metric, again->rows.metric,
                     (size_t)(r.n_metrics * 3) * sizeof(double));
    ran_destroy(other);
    ran_destroy(again);
    ran_destroy(first);
}
END_TEST

START_TEST(test_features_are_standardised_over_the_training_set)
{
    struct config c = small(), probe = linear_probe();
    c.model.activation = core_row(&activations, "tanh");
    struct ran *parent = run(&c, NULL, 1);
    struct record r = everything();
    r.n_layers = 1;
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    struct ran *plain = run_recorded(&probe, &features, &r, 1);
    const float *made = parent->rows.layer[1], *taken = plain->rows.layer[0];
    for (int i = 0; i < N_TRAIN * 4; i++) ck_assert_float_eq_tol(made[i], taken[i], 1e-6f);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    for (int j = 0; j < 4; j++) {
        double sum = 0, squares = 0, mean = 0, variance = 0;
        for (int i = 0; i < N_TRAIN; i++) mean += (double)made[4 * i + j] / N_TRAIN;
        for (int i = 0; i < N_TRAIN; i++) {
            double x = (double)t->rows.layer[0][4 * i + j],
                   off = (double)made[4 * i + j] - mean;
            sum += x;
            squares += x * x;
            variance += off * off / N_TRAIN;
        }
        ck_assert_double_eq_tol(sum / N_TRAIN, 0, 1e-5); /* of single precision */
        ck_assert_double_eq_tol(squares / N_TRAIN, 1, 1e-5);
        ck_assert_double_eq_tol((double)t->rows.layer[0][j],
                                ((double)made[j] - mean) / sqrt(variance), 1e-5);
    }
    r.probe[0].split = SPLIT_TEST; /* the test set by what the training set says */
    r.probe[0].n = N_TEST;
    struct ran *test = run_recorded(&probe, &features, &r, 1);
    double sum = 0;
    for (int i = 0; i < N_TEST; i++) sum += (double)test->rows.layer[0][4 * i];
    ck_assert_double_gt(fabs(sum / N_TEST), 1e-3);
    ran_destroy(test);
    ran_destroy(t);
    ran_destroy(plain);
    ran_destroy(parent);
}
END_TEST

/* The data of another teacher are the same samples under other labels. */
START_TEST(test_probes_with_data_of_their_own_become_features_too)
{
    struct config c = small(), probe = linear_probe();
    ran_destroy(run(&c, NULL, 1));
    struct record r = everything();
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    int64_t dim = 7, width = 9;
    r.n_layers = 1;
    r.n_probe_sets = 2;
    r.probe[1] = r.probe[0];
    r.probe[1].n_patches = 1;
    struct patch *patch = &r.probe[1].patch[0];
    *patch = (struct patch){offsetof(struct config, data.teacher_width), sizeof width, {0}};
    memcpy(patch->value, &width, sizeof width);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    ck_assert_mem_eq(t->rows.layer[0], t->rows.layer[1], N_TRAIN * 4 * sizeof(float));
    ck_assert(t->rows.layer[1][0] != 0);
    ran_destroy(t);
    patch->offset = offsetof(struct config, data.dim);
    memcpy(patch->value, &dim, sizeof dim);
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&probe, &features, &r, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "have 7 numbers, those of the trial 6"));
}
END_TEST

START_TEST(test_features_that_do_not_vary_are_only_centred)
{
    struct config c = small(), probe = linear_probe();
    ran_destroy(run(&c, NULL, 1));
    for (int i = 28; i < 48; i++) store.weights[0][i] = -1; /* all units of hidden.2 are dead */
    store.weights[0][44] = 100;                             /* but one */
    struct record r = everything();
    r.n_layers = 1;
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    for (int i = 0; i < N_TRAIN; i++)
        for (int j = 0; j < 4; j++) ck_assert(j == 0 || t->rows.layer[0][4 * i + j] == 0);
    ck_assert(isfinite(metric(t, "train_loss", 2)));
    ran_destroy(t);
}
END_TEST

START_TEST(test_features_that_cannot_be_are_refused)
{
    struct config c = small(), probe = linear_probe();
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    probe.data.standardize = true;
    refused(&probe, NULL, "data.standardize: ");
    probe.data.world = WORLD_IDEAL;
    refused(&probe, &features, "data.world: ");
    probe.data.world = WORLD_REAL;
    strcpy(probe.data.layer, "hidden.3");
    refused(&probe, &features, "data.layer: unknown layer 'hidden.3'");
    strcpy(probe.data.layer, "hidden.1");
    probe.data.train = 20000000; /* of 4 features: 320 MB */
    refused(&probe, &features, "data.layer: 20000000 samples of 4 features");
    probe.data.train = N_TRAIN;
    probe.data.dim = 7;
    refused(&probe, &features, "data.name: the network that makes features takes samples of");
    features.parent[0].net = (struct net_shape){1, {7}, 3}; /* what its trial said of it */
    struct record r = without_layers();
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&probe, &features, &r, &shape, &e), ERR_OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("transfer");
    TCase *t = check_case(s, "transfer");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_weights_give_the_metrics_of_their_trial);
    tcase_add_test(t, test_training_goes_on_from_the_weights);
    tcase_add_test(t, test_head_is_kept_new_or_zero);
    tcase_add_test(t, test_frozen_parameters_alone_stay);
    tcase_add_test(t, test_frozen_body_costs_no_backward_pass);
    tcase_add_test(t, test_running_averages_are_weights_that_may_be_frozen);
    tcase_add_test(t, test_frozen_statistics_train_what_evaluation_sees);
    tcase_add_test(t, test_interpolation_goes_from_one_network_to_the_other);
    tcase_add_test(t, test_weights_that_do_not_fit_are_named);
    tcase_add_test(t, test_network_of_pytorch_says_the_same_here);
    tcase_add_test(t, test_teacher_says_what_its_layer_said);
    tcase_add_test(t, test_student_that_is_its_teacher_has_nothing_to_learn);
    tcase_add_test(t, test_student_learns_the_layers_of_its_teacher);
    tcase_add_test(t, test_distillation_that_cannot_be_is_refused);
    tcase_add_test(t, test_prograd_takes_out_what_is_against_the_teacher);
    tcase_add_test(t, test_linear_probe_is_the_head_behind_a_frozen_body);
    tcase_add_test(t, test_features_are_made_once_for_many_trials);
    tcase_add_test(t, test_features_are_standardised_over_the_training_set);
    tcase_add_test(t, test_probes_with_data_of_their_own_become_features_too);
    tcase_add_test(t, test_features_that_do_not_vary_are_only_centred);
    tcase_add_test(t, test_features_that_cannot_be_are_refused);
    return check_run(s);
}
