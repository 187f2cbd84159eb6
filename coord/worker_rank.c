/* worker_rank.c - owns a worker, its handle on the store and the buffers of one trial's rows.
 */
#include "coord/worker_rank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

#include "base/comm.h"
#include "coord/store.h"
#include "worker/checkpoint.h"
#include "worker/worker.h"

struct worker_rank {
    const struct job *job;
    int number;
    struct worker *worker;
    struct store *store;
    struct weights_source source; /* the store, for trials that start from others */
    struct checkpoints checkpoints;
    struct arena arena; /* the buffers of one trial */
};

static enum err_code read_weights(void *self, int64_t row, int64_t n, float *out, struct err *e)
{
    return store_read_weights(self, row, n, out, e);
}

/* run.checkpoint of the sweep file. */
static enum err_code checkpoints_place(const struct job *job, struct checkpoints *out,
                                       struct err *e)
{
    const struct run_spec *run = &job->sweep->run;
    wordexp_t words;
    *out = (struct checkpoints){.every_s = run->checkpoint_s};
    snprintf(out->folder, sizeof out->folder, "%s.d/checkpoints", job->store);
    if (!*run->checkpoint_dir) return ERR_OK;
    if (wordexp(run->checkpoint_dir, &words, WRDE_NOCMD | WRDE_UNDEF) == 0) {
        bool one = words.we_wordc == 1;
        if (one) snprintf(out->folder, sizeof out->folder, "%s", words.we_wordv[0]);
        wordfree(&words);
        if (one) return ERR_OK;
    }
    return ERR(e, ERR_CONFIG, "run.checkpoint.dir: '%s' names no folder", run->checkpoint_dir);
}

enum err_code worker_rank_open(const struct job *job, int number, struct worker_rank **out,
                               struct err *e)
{
    struct worker_rank *w = calloc(1, sizeof *w);
    if (!w) return ERR(e, ERR_NOMEM, "no memory for a worker");
    *out = w;
    w->job = job;
    w->number = number;
    TRY(store_open(job->store, &job->sweep->record, &w->store, e));
    w->source = (struct weights_source){.read = read_weights, .self = w->store};
    w->worker = worker_create(&w->source);
    if (!w->worker) return ERR(e, ERR_NOMEM, "no memory for a worker");
    worker_keep(w->worker, &w->checkpoints);
    return checkpoints_place(job, &w->checkpoints, e);
}

/* Buffers of the arrays that the trial has, all NaN. */
static enum err_code arrays_create(struct arena *arena, int n, const struct trial_shape *shape,
                                   struct rows *out, struct err *e)
{
    out->array = arena_array(arena, (size_t)n + 1, sizeof *out->array);
    bool ok = out->array;
    for (int i = 0; ok && i < n; i++) {
        int64_t count = task_array_count(shape, i);
        if (count == 0) continue;
        out->array[i] = arena_array(arena, (size_t)count, sizeof(float));
        ok = out->array[i] != NULL;
        for (int64_t k = 0; ok && k < count; k++) out->array[i][k] = NAN;
    }
    return ok ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the arrays of a trial");
}

/* Buffers of the sizes that shape says, metrics all NaN. keep: the weights as well. */
static enum err_code rows_create(struct arena *arena, const struct record *record,
                                 const struct trial_shape *shape, bool keep, struct rows *out,
                                 struct err *e)
{
    size_t n = (size_t)record->n_metrics * (size_t)shape->records;
    out->metric_bytes = n * sizeof *out->metric;
    out->metric = arena_array(arena, n, sizeof *out->metric);
    out->step = arena_array(arena, (size_t)shape->records, sizeof *out->step);
    int views = shape->n_layers * record->n_probe_sets;
    out->layer = arena_array(arena, (size_t)views + 1, sizeof *out->layer);
    bool ok = out->metric && out->step && out->layer;
    for (int v = 0; ok && v < views; v++) {
        size_t rows = (size_t)record->n_slots * (size_t)record->probe[v / shape->n_layers].n;
        size_t d = (size_t)shape->layer_dim[v % shape->n_layers];
        out->layer[v] = arena_array(arena, rows * d, sizeof(float));
        ok = out->layer[v] != NULL;
    }
    if (keep) out->weights = arena_array(arena, (size_t)shape->weights, sizeof(float));
    ok = ok && (!keep || out->weights);
    if (!ok) return ERR(e, ERR_NOMEM, "no memory for the rows of a trial");
    for (size_t i = 0; i < n; i++) out->metric[i] = NAN;
    for (int64_t i = 0; i < shape->records; i++) out->step[i] = NAN;
    return arrays_create(arena, record->n_arrays, shape, out, e);
}

/* Buffers of what the store wants of the probes. */
static enum err_code probes_create(struct worker_rank *w, const struct trial_shape *shape,
                                   struct rows *out, struct err *e)
{
    const struct record *record = &w->job->sweep->record;
    bool ok = true;
    for (int i = 0; record->n_layers > 0 && i < record->n_probe_sets; i++) {
        size_t n = (size_t)record->probe[i].n;
        int64_t d = store_wants_inputs(w->store, i);
        if (store_wants_labels(w->store, i)) {
            out->probe_label[i] = arena_array(&w->arena, n, sizeof *out->probe_label[i]);
            ok &= out->probe_label[i] != NULL;
        }
        if (d > 0 && d == task_input_dim(shape)) {
            out->probe_input[i] = arena_array(&w->arena, n * (size_t)d, sizeof(float));
            ok &= out->probe_input[i] != NULL;
        }
    }
    return ok ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the probes of a trial");
}

static enum err_code trial_run(struct worker_rank *w, const struct task *task,
                               struct result *result, struct err *e)
{
    const struct experiment *x = w->job->sweep->experiment;
    const struct record *record = &w->job->sweep->record;
    struct trial_shape shape;
    struct rows rows = {0};
    TRY(x->shape(&task->config, &task->parents, record, &shape, e));
    TRY(rows_create(&w->arena, record, &shape, task->keep, &rows, e));
    TRY(probes_create(w, &shape, &rows, e));
    double began = job_now();
    TRY(x->run(w->worker, task, record, &rows, result, e));
    TRY(worker_data_failed(w->worker, e));
    result->seconds = job_now() - began;
    return store_write(w->store, task->trial, &shape, &rows, result, e);
}

void worker_rank_do(struct worker_rank *w, const struct task *task, struct result *result)
{
    struct err e = {0};
    *result =
        (struct result){.trial = task->trial, .attempt = task->attempt, .worker = w->number};
    if (trial_run(w, task, result, &e) != ERR_OK) {
        result->outcome = OUTCOME_FAILED;
        snprintf(result->reason, sizeof result->reason, "%.250s", e.text);
    }
    arena_clear(&w->arena);
}

void worker_rank_sync(struct worker_rank *w, struct result *result, int n)
{
    struct err e = {0};
    if (store_sync(w->store, &e) == ERR_OK) {
        for (int i = 0; i < n; i++) checkpoint_remove(&w->checkpoints, result[i].trial);
        return;
    }
    for (int i = 0; i < n; i++) {
        result[i].outcome = OUTCOME_FAILED;
        snprintf(result[i].reason, sizeof result[i].reason, "%.250s", e.text);
    }
}

void worker_rank_serve(struct worker_rank *w)
{
    static struct task task[JOB_BATCH];
    static struct result result[JOB_BATCH];
    MPI_Comm world = w->job->world;
    for (;;) {
        MPI_Status status;
        job_wait(world, -1, 1000, &status);
        int bytes;
        MPI_Get_count(&status, MPI_BYTE, &bytes);
        MPI_Recv(task, (int)sizeof task, MPI_BYTE, 0, JOB_TASKS, world, MPI_STATUS_IGNORE);
        int n = bytes / (int)sizeof *task;
        if (n == 0) return;
        for (int i = 0; i < n; i++) worker_rank_do(w, &task[i], &result[i]);
        worker_rank_sync(w, result, n);
        MPI_Send(result, n * (int)sizeof *result, MPI_BYTE, 0, JOB_RESULTS, world);
    }
}

enum err_code worker_rank_close(struct worker_rank *w, struct err *e)
{
    if (!w) return ERR_OK;
    enum err_code code = w->store ? store_close(w->store, e) : ERR_OK;
    worker_destroy(w->worker);
    arena_clear(&w->arena);
    free(w);
    return code;
}
