/* trainer.c - the training loop.
 *
 * A run is: set up, then for each step record if it is due, take a batch, forward, loss,
 * backward, update. Nothing is allocated after start(). */
#include "worker/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "worker/checkpoint.h"
#include "worker/first_layer.h"
#include "worker/represent.h"
#include "worker/seeds.h"
#include "worker/start.h"

struct loss_input trainer_outputs(struct trainer *t, const struct batch *b, int64_t n)
{
    const struct node *out = graph_output(&t->setup.graph);
    bool taught = t->setup.loss->needs & LOSS_TEACHER;
    return (struct loss_input){.n = n,
                               .k = out->shape.dim,
                               .f = out->y,
                               .label = b->label,
                               .teacher =
                                   taught ? teacher_targets(&t->setup.teacher, b->x, n) : NULL,
                               .teacher_k = t->setup.teacher.k,
                               .log_prior = t->log_prior,
                               .config = t->setup.config};
}

void trainer_evaluate(struct trainer *t, const struct samples *set, int64_t n, bool gradient,
                      struct evaluation *out)
{
    struct graph *g = &t->setup.graph;
    const struct loss *loss = t->setup.loss;
    bool augmented = set == &t->sets->train && t->setup.config->data.augment_train_metrics &&
                     t->setup.views == 1;
    double total = 0, correct = loss->no_logits ? (double)NAN : 0, soft = correct;
    int64_t views = t->setup.views, most = t->setup.capacity;
    if (views > 1) { /* as many others to compare with as in training */
        most = t->setup.batch / views < n ? t->setup.batch / views : n;
        n -= n % most;
    }
    score_begin(&t->score);
    for (int64_t i = 0; i < n; i += most) {
        int64_t count = n - i < most ? n - i : most;
        samples_range(set, i, count, &t->batch);
        if (augmented) feed_augment(&t->feed, set, t->step, i, &t->batch);
        if (views > 1) feed_views(&t->feed, i, &t->batch);
        graph_forward(g, t->batch.x, t->batch.n, GRAPH_EVAL);
        struct loss_input in = trainer_outputs(t, &t->batch, t->batch.n);
        real scale = 1 / (real)(n * views);
        total += loss->value(&in, scale, gradient ? graph_output(g)->dy : NULL);
        if (!loss->no_logits) {
            loss_score(count, in.k, in.f, in.label, &correct, &soft);
            score_add(&t->score, count, in.k, in.f, in.label);
        }
        if (gradient) graph_backward(g, t->batch.n, i > 0);
    }
    total /= (double)views;
    *out = (struct evaluation){total / (double)n, correct / (double)n, soft / (double)n};
    score_finish(&t->score, out);
}

void trainer_backward(struct trainer *t, int64_t n, double scale, bool accumulate)
{
    struct loss_input in = trainer_outputs(t, &t->batch, n);
    t->setup.loss->value(&in, (real)scale, graph_output(&t->setup.graph)->dy);
    graph_backward(&t->setup.graph, n, accumulate);
}

/* Euclidean norm of all parameters' part of a block. */
static double norm(const struct graph *g, const real *block)
{
    double sum = 0;
    for (int p = 0; p < g->n_params; p++) {
        const real *x = block + g->param[p].offset;
        int64_t n = g->param[p].average ? 0 : g->param[p].rows * g->param[p].cols;
        for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    }
    return sqrt(sum);
}

static double lr_at(const struct trainer *t, int64_t step)
{
    const struct config *c = t->setup.config;
    return c->optim.lr * schedule_factor(t->setup.schedule, c, step, t->setup.steps);
}

/* Whether a loss ends the run as diverged. */
static bool diverged(const struct trainer *t, double loss)
{
    struct result *result = t->trial->result;
    double above = t->setup.record->diverged_above;
    if (isfinite(loss) && !(loss > above)) return false;
    result->outcome = OUTCOME_DIVERGED;
    snprintf(result->reason, sizeof result->reason, "train_loss %g at step %" PRId64,
             isnan(loss) ? (double)NAN : loss, t->step);
    return true;
}

static struct measured measured_nothing(void)
{
    double nothing[sizeof(struct measured) / sizeof(double)];
    struct measured m;
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) nothing[i] = (double)NAN;
    memcpy(&m, nothing, sizeof m); /* all members are doubles */
    return m;
}

/* Fills measured with what the metrics need. */
static void measure(struct trainer *t)
{
    struct setup *s = &t->setup;
    struct measured *m = &t->measured;
    bool last = t->step == s->steps;
    *m = measured_nothing();
    if (s->steps > 0 && !s->optimizer->minimise)
        m->lr = lr_at(t, t->step > 0 ? t->step - 1 : 0);
    m->weight_norm = norm(&s->graph, s->graph.w);
    if (isfinite(m->weight_norm)) dynamics_measure(t); /* else the run ends here */
    if (s->needs & METRIC_TRAIN) {
        bool gradient = s->needs & METRIC_GRADIENT;
        int64_t n = last ? s->n_train : s->n_subset;
        trainer_evaluate(t, &t->sets->train, n, gradient, &m->train);
        if (gradient) m->grad_norm = norm(&s->graph, s->graph.dw);
    }
    int64_t n_test = last ? s->n_test : s->n_test_subset;
    if (s->needs & METRIC_TEST) trainer_evaluate(t, &t->sets->test, n_test, false, &m->test);
}

/* Record number r: measures, and stores unless the loss shows divergence. */
static enum err_code record(struct trainer *t, int64_t r, const struct trainer_hooks *hooks,
                            struct err *e)
{
    const struct setup *s = &t->setup;
    struct rows *rows = t->trial->rows;
    double values[TASK_MAX_METRICS];
    measure(t);
    /* Without a loss the weights tell: one that is not finite makes their norm so. */
    double loss = s->needs & METRIC_TRAIN ? t->measured.train.loss : 0;
    if (!isfinite(t->measured.weight_norm)) loss = NAN;
    if (diverged(t, loss)) return ERR_OK;
    for (int i = 0; i < s->record->n_metrics; i++)
        values[i] = s->metric[i]->value ? s->metric[i]->value(&t->measured) : NAN;
    if (hooks->measure) TRY(hooks->measure(t, values, e));
    for (int i = 0; i < s->record->n_metrics; i++)
        rows->metric[i * s->n_records + r] = values[i];
    rows->step[r] = (double)t->step;
    represent_passed(t, values);
    return ERR_OK;
}

/* Sum of the loss over a batch after its forward pass; its mean's gradient goes to the output.
 * With mixup, of both labels by their weights. */
static double batch_loss(struct trainer *t, const struct batch *b)
{
    const struct loss *loss = t->setup.loss;
    real scale = 1 / (real)b->n, *dy = graph_output(&t->setup.graph)->dy;
    struct loss_input in = trainer_outputs(t, b, b->n);
    if (!b->label2) return loss->value(&in, scale, dy);
    double one = loss->value(&in, b->mix * scale, dy);
    in.label = b->label2;
    double other = loss->value(&in, (1 - b->mix) * scale, t->dy2);
    for (int64_t i = 0; i < in.n * in.k; i++) dy[i] += t->dy2[i];
    return (double)b->mix * one + (double)(1 - b->mix) * other;
}

/* Changes the gradient in graph.dw as optim.projection says, given that of the distance to the
 * teacher: KL(softmax(teacher) || softmax(f)). */
static void project(struct trainer *t, const struct batch *b)
{
    const struct setup *s = &t->setup;
    struct graph *g = &t->setup.graph;
    const struct loss *kl = (const void *)table_row(&losses, table_find(&losses, "distill_kl"));
    struct config plain = *s->config;
    plain.optim.temperature = plain.optim.distill_weight = 1;
    struct loss_input to_teacher = trainer_outputs(t, b, s->batch);
    to_teacher.config = &plain;
    if (!to_teacher.teacher)
        to_teacher.teacher = teacher_targets(&t->setup.teacher, b->x, s->batch);
    real *of_loss = g->dw;
    g->dw = t->toward_teacher;
    kl->value(&to_teacher, 1 / (real)s->batch, graph_output(g)->dy);
    graph_backward(g, s->batch, false);
    g->dw = of_loss;
    projection_apply(s->config, g->n_params, g->param, g->dw, t->toward_teacher);
}

/* One optimizer step. A batch that shows divergence changes nothing and returns false. */
static bool step(struct trainer *t)
{
    const struct setup *s = &t->setup;
    struct graph *g = &t->setup.graph;
    const struct batch *b = feed_take(&t->feed, t->step);
    g->noise_step = (uint64_t)t->step;
    graph_forward(g, b->x, s->batch, GRAPH_TRAIN);
    double loss = batch_loss(t, b) / (double)s->batch;
    if (diverged(t, loss)) return false;
    graph_backward(g, s->batch, false);
    if (t->toward_teacher) project(t, b);
    optim_step(&t->optim, lr_at(t, t->step), g->n_params, g->param, g->w, g->dw);
    t->step++;
    return true;
}

/* The logarithm of each class's share of the training set. A class that has no sample counts as
 * half a one, so that the loss of a test sample stays finite. */
static enum err_code start_prior(struct trainer *t, struct arena *arena, struct err *e)
{
    const struct samples *train = &t->sets->train;
    int64_t k = t->setup.outputs, n = t->setup.n_train, capacity = t->setup.capacity;
    int64_t *count = arena_array(arena, (size_t)k, sizeof *count);
    t->log_prior = arena_array(arena, (size_t)k, sizeof *t->log_prior);
    if (!count || !t->log_prior)
        return ERR(e, ERR_NOMEM, "no memory for %lld classes", (long long)k);
    for (int64_t i = 0; i < n; i += capacity) {
        int64_t some = n - i < capacity ? n - i : capacity;
        samples_range(train, i, some, &t->batch);
        for (int64_t j = 0; j < some; j++) count[t->batch.label[j]]++;
    }
    for (int64_t j = 0; j < k; j++)
        t->log_prior[j] = (real)log((count[j] ? (double)count[j] : 0.5) / (double)n);
    return ERR_OK;
}

/* Memory for a run, and initial weights. */
static enum err_code start(struct trainer *t, const struct weights_source *source,
                           struct arena *arena, struct err *e)
{
    struct setup *s = &t->setup;
    TRY(graph_allocate(&s->graph, s->capacity, e));
    TRY(batch_init(&t->batch, &s->data, s->capacity, arena, e));
    if (s->loss->needs & LOSS_PRIOR) TRY(start_prior(t, arena, e));
    int64_t state = optim_state_size(s->config, s->graph.size);
    int64_t scratch = optim_scratch_size(s->config, s->graph.n_params, s->graph.param);
    real *memory = arena_array(arena, (size_t)(state + scratch), sizeof *memory);
    if (!memory) return ERR(e, ERR_NOMEM, "no memory for the optimizer's state");
    if (s->projection->apply) {
        t->toward_teacher = arena_array(arena, (size_t)s->graph.size, sizeof(real));
        if (!t->toward_teacher) return ERR(e, ERR_NOMEM, "no memory for a second gradient");
    }
    optim_init(&t->optim, s->config, s->graph.size, memory, memory + state);

    TRY(feed_init(&t->feed, s, t->sets, t->trial->task, arena, e));
    if (s->config->data.mixup > 0) {
        t->dy2 = arena_array(arena, (size_t)(s->batch * graph_output(&s->graph)->shape.dim),
                             sizeof *t->dy2);
        if (!t->dy2) return ERR(e, ERR_NOMEM, "no memory for a second gradient");
    }
    uint64_t seed = rng_seed(t->trial->task->root, t->trial->task->seed);
    s->graph.noise = seed;
    TRY(teacher_start(&s->teacher, source, s->capacity, e));
    seed = seeds_trial(t->trial->task, s->config->seeds.init);
    TRY(start_weights(s->config, s->parents, seed, source, &s->graph, e));
    first_layer_start(s->config, s->parents, seed, t->sets->train.data, &s->graph);
    return ERR_OK;
}

/* Memory of the metrics, and what they remember of the first weights. */
static enum err_code start_metrics(struct trainer *t, struct arena *arena, struct err *e)
{
    const struct setup *s = &t->setup;
    TRY(score_init(&t->score, s->needs, s->data.classes, setup_most(s), arena, e));
    return dynamics_start(t, arena, e);
}

static void clear_rows(const struct setup *s, struct rows *rows)
{
    int64_t n = s->record->n_metrics * s->n_records;
    for (int64_t i = 0; i < n; i++) rows->metric[i] = NAN;
    for (int64_t i = 0; i < s->n_records; i++) rows->step[i] = NAN;
}

/* The whole run. A record that shows divergence leaves nothing of its step, a batch that does
 * leaves what was recorded before it. */
static enum err_code train(struct trainer *t, const struct trainer_hooks *hooks, struct err *e)
{
    const struct setup *s = &t->setup;
    clear_rows(s, t->trial->rows);
    for (int64_t r = checkpoint_load(t);;) {
        if (r < s->n_records && s->record_step[r] == t->step) TRY(record(t, r++, hooks, e));
        if (t->trial->result->outcome == OUTCOME_DIVERGED) {
            represent_missing(t);
            return ERR_OK;
        }
        represent_due(t);
        bool ended = hooks->step && !hooks->step(t, hooks->self);
        if (ended || t->step == s->steps) {
            represent_missing(t);
            if (t->trial->rows->weights) graph_get(&s->graph, t->trial->rows->weights);
            return ERR_OK;
        }
        if (!step(t)) {
            represent_missing(t);
            return ERR_OK;
        }
        if (checkpoint_due(t)) checkpoint_save(t, r);
    }
}

/* A whole run of an optimizer that minimises, and the next record. */
struct minimisation {
    struct trainer *t;
    const struct trainer_hooks *hooks;
    int64_t r;
    struct err *e;
    enum err_code rc;
};

static double whole_loss(void *self)
{
    struct minimisation *m = self;
    struct evaluation out;
    trainer_evaluate(m->t, &m->t->sets->train, m->t->setup.n_train, true, &out);
    return out.loss;
}

/* Records what is due at a step; false: the run ends. */
static bool advance(void *self, int64_t step)
{
    struct minimisation *m = self;
    struct trainer *t = m->t;
    const struct setup *s = &t->setup;
    t->step = step;
    if (m->r < s->n_records && s->record_step[m->r] == step)
        m->rc = record(t, m->r++, m->hooks, m->e);
    if (m->rc != ERR_OK || t->trial->result->outcome == OUTCOME_DIVERGED) return false;
    represent_due(t);
    return true;
}

/* The same for an optimizer that minimises. Where it ends before the last step, what would be
 * recorded later is its result. */
static enum err_code minimise(struct trainer *t, const struct trainer_hooks *hooks,
                              struct err *e)
{
    const struct setup *s = &t->setup;
    struct minimisation m = {.t = t, .hooks = hooks, .e = e};
    struct objective o = {s->config,   s->graph.n_params, s->graph.param, s->graph.w,
                          s->graph.dw, whole_loss,        advance,        &m};
    clear_rows(s, t->trial->rows);
    if (advance(&m, 0) && s->steps > 0) TRY(s->optimizer->minimise(&o, s->steps, e));
    int64_t done = t->step;
    while (m.rc == ERR_OK && t->trial->result->outcome != OUTCOME_DIVERGED &&
           t->step < s->steps)
        advance(&m, t->step + 1);
    TRY(m.rc);
    represent_missing(t);
    if (t->trial->result->outcome != OUTCOME_DIVERGED && t->trial->rows->weights)
        graph_get(&s->graph, t->trial->rows->weights);
    t->step = done;
    return ERR_OK;
}

/* What a run that came to its end leaves beside what was recorded on the way. */
static enum err_code finish(struct trainer *t, const struct trainer_hooks *hooks, struct err *e)
{
    bool wanted = hooks->finish && t->setup.record->n_arrays > 0;
    if (!wanted || t->trial->result->outcome == OUTCOME_DIVERGED) return ERR_OK;
    return hooks->finish(t, t->trial->rows->array, e);
}

double trainer_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum err_code trainer_run(struct worker *worker, const struct trial *trial,
                          const struct trainer_hooks *hooks, struct err *e)
{
    double begin_s = trainer_now_s();
    const struct task *task = trial->task;
    struct arena *arena = worker_arena(worker);
    struct trainer t = {
        .trial = trial,
        .checkpoints = worker_checkpoints(worker),
        .setup = {.config = &task->config, .parents = &task->parents, .record = trial->record}};
    const struct data *data;
    TRY(worker_data(worker, &task->config, data_root(task), &data, e));
    t.setup.data = data->shape;
    TRY(setup_init(&t.setup, hooks->metrics, arena, e));
    TRY(worker_samples(worker, &t.setup, &t.sets, e));
    *trial->result = (struct result){
        .trial = task->trial, .attempt = task->attempt, .outcome = OUTCOME_DONE};
    enum err_code rc = start(&t, worker_source(worker), arena, e);
    if (rc == ERR_OK) rc = start_metrics(&t, arena, e);
    if (rc == ERR_OK) represent_probes(&t);
    if (rc == ERR_OK && hooks->start) rc = hooks->start(&t, arena, e);
    if (rc == ERR_OK)
        rc = t.setup.optimizer->minimise ? minimise(&t, hooks, e) : train(&t, hooks, e);
    if (rc == ERR_OK) rc = finish(&t, hooks, e);
    feed_clear(&t.feed);
    graph_clear(&t.setup.graph);
    graph_clear(&t.setup.teacher.graph);
    trial->result->steps_done = t.step;
    trial->result->seconds = trainer_now_s() - begin_s;
    return rc;
}
