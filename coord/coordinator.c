/* coordinator.c - the loop of rank 0.
 *
 * Owns the scheduler, the batches each worker holds, and the order of truth: a worker reports a
 * trial after its rows are written, the journal records the report, the sync makes it true.
 * Rank 0 never blocks in a collective while trials run, and sleeps between looks at its
 * messages. */
#include "coord/coordinator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "coord/scheduler.h"
#include "coord/worker_rank.h"

enum {
    DEPTH = 2,           /* batches a worker holds: the one it works on and the next */
    SLEEP_CAP_US = 5000, /* 1 % of a core; hidden by the prefetched batch */
};
#define SYNC_S 0.1 /* events wait at most this long for their sync */
#define BEAT_S 2.0
#define FLOPS_PER_S 2e9 /* expected of a worker before any was measured: an underestimate */

struct batch {
    int n;
    int64_t trial[JOB_BATCH];
};

struct hand {
    struct batch batch[DEPTH]; /* [0] is being worked on */
    int n;
    struct task *sent[DEPTH]; /* buffers of sends under way */
    MPI_Request request[DEPTH];
};

struct coordinator {
    struct job *job;
    struct worker_rank *self; /* one rank alone: trains here */
    struct scheduler *scheduler;
    struct hand *hand; /* [n_workers] */
    struct tally *tally;
    double *cost;
    bool *todo;
    int32_t *attempt;
    struct arena arena;
    double max_failed;
    double began, last_sync, last_beat, last_line, next_share;
    double cost_total, cost_done;
    bool unsynced;
};

static bool finished(enum trial_state s)
{
    return s == TRIAL_DONE || s == TRIAL_DIVERGED;
}

static enum err_code coordinator_setup(struct coordinator *c, struct err *e)
{
    const struct plan *plan = c->job->plan;
    size_t n = (size_t)plan->n_trials;
    c->cost = arena_array(&c->arena, n, sizeof *c->cost);
    c->todo = arena_array(&c->arena, n, sizeof *c->todo);
    c->attempt = arena_array(&c->arena, n, sizeof *c->attempt);
    c->hand = arena_array(&c->arena, (size_t)c->job->n_workers, sizeof *c->hand);
    if (!c->cost || !c->todo || !c->attempt || !c->hand)
        return ERR(e, ERR_NOMEM, "no memory for the state of %lld trials",
                   (long long)plan->n_trials);
    for (int64_t t = 0; t < plan->n_trials; t++) {
        const struct trial_status *s = state_find(c->job->state, plan_id(plan, t));
        c->cost[t] = plan_flops(plan, t);
        /* the journal's word, but no row can be done that an older copy of the store lacks */
        c->todo[t] = !s || !finished(s->state) || !c->job->written[t];
        c->attempt[t] = s ? s->attempts : 0;
        c->cost_total += c->todo[t] ? c->cost[t] : 0;
        c->tally->before += !c->todo[t];
    }
    c->tally->total = plan->n_trials;
    const struct run_spec *run = &c->job->sweep->run;
    c->max_failed =
        run->max_failed < 0 ? -run->max_failed / 100 * (double)plan->n_trials : run->max_failed;
    if (run->fail_fast) c->max_failed = 0;
    const struct run_status *before = state_run(c->job->state);
    double rate = before->rate > 0 ? before->rate : FLOPS_PER_S;
    return scheduler_create(plan->n_trials, c->cost, plan->order, c->todo, c->job->n_workers,
                            rate, &c->scheduler, e);
}

static enum err_code note(struct coordinator *c, const char *name, int64_t trial, int worker,
                          struct err *e)
{
    struct event event = {.trial = plan_id(c->job->plan, trial),
                          .attempt = c->attempt[trial],
                          .worker = worker,
                          .cost = c->cost[trial]};
    snprintf(event.name, sizeof event.name, "%s", name);
    c->unsynced = true;
    return journal_append(c->job->journal, &event, e);
}

static void task_fill(const struct coordinator *c, int64_t trial, struct task *out)
{
    const struct plan *plan = c->job->plan;
    *out = (struct task){.trial = c->job->row[trial],
                         .attempt = c->attempt[trial],
                         .root = c->job->sweep->root,
                         .seed = plan_seed(plan, trial)};
    plan_config(plan, plan_config_of(plan, trial), &out->config);
}

/* Sends worker w its next batch, if the scheduler has one for it. */
static enum err_code hand_out(struct coordinator *c, int w, bool *any, struct err *e)
{
    struct hand *hand = &c->hand[w];
    *any = false;
    if (hand->n == DEPTH) return ERR_OK;
    struct batch *batch = &hand->batch[hand->n];
    batch->n = scheduler_next(c->scheduler, w, JOB_BATCH, batch->trial);
    if (batch->n == 0) return ERR_OK;
    *any = true;
    struct task *task = calloc((size_t)batch->n, sizeof *task);
    if (!task) return ERR(e, ERR_NOMEM, "no memory for a batch of %d tasks", batch->n);
    const char *event = hand->n == 0 ? "started" : "queued";
    enum err_code code = ERR_OK;
    for (int i = 0; i < batch->n; i++) {
        int64_t trial = batch->trial[i];
        c->attempt[trial]++;
        task_fill(c, trial, &task[i]);
        if (code == ERR_OK) code = note(c, event, trial, w, e);
    }
    MPI_Isend(task, batch->n * (int)sizeof *task, MPI_BYTE, w + 1, JOB_TASKS, c->job->world,
              &hand->request[hand->n]);
    hand->sent[hand->n++] = task;
    return code;
}

/* One report of worker w, about trial t of the plan. */
static enum err_code take(struct coordinator *c, int w, int64_t t, const struct result *r,
                          struct err *e)
{
    static const char *const name[] = {"done", "diverged", "failed"};
    struct event event = {.trial = plan_id(c->job->plan, t),
                          .attempt = r->attempt,
                          .worker = w,
                          .seconds = r->seconds,
                          .cost = c->cost[t],
                          .checksum = r->checksum};
    snprintf(event.name, sizeof event.name, "%s", name[r->outcome]);
    snprintf(event.text, sizeof event.text, "%s", r->reason);
    c->tally->done += r->outcome == OUTCOME_DONE;
    c->tally->diverged += r->outcome == OUTCOME_DIVERGED;
    c->tally->failed += r->outcome == OUTCOME_FAILED;
    c->cost_done += c->cost[t];
    scheduler_finished(c->scheduler, w, t, r->seconds, false);
    c->unsynced = true;
    if (r->outcome == OUTCOME_FAILED) {
        if (c->tally->failed <= 20)
            fprintf(stderr, "shoal: [w%d %016llx] failed: %s\n", w,
                    (unsigned long long)event.trial, r->reason);
        if (c->tally->failed == 20)
            fprintf(stderr, "shoal: further failures are in the journal\n");
        if ((double)c->tally->failed > c->max_failed) {
            scheduler_stop(c->scheduler);
            c->tally->stopped = true;
        }
    }
    return journal_append(c->job->journal, &event, e);
}

/* Takes the message that status announces: the results of worker w's current batch. */
static enum err_code receive(struct coordinator *c, const MPI_Status *status, struct err *e)
{
    static struct result result[JOB_BATCH];
    int w = status->MPI_SOURCE - 1, bytes;
    MPI_Recv(result, (int)sizeof result, MPI_BYTE, status->MPI_SOURCE, JOB_RESULTS,
             c->job->world, MPI_STATUS_IGNORE);
    MPI_Get_count(status, MPI_BYTE, &bytes);
    struct hand *hand = &c->hand[w];
    struct batch batch = hand->batch[0];
    INVARIANT(hand->n > 0 && bytes == batch.n * (int)sizeof *result);
    MPI_Wait(&hand->request[0], MPI_STATUS_IGNORE);
    free(hand->sent[0]);
    hand->n--;
    hand->batch[0] = hand->batch[1];
    hand->sent[0] = hand->sent[1];
    hand->request[0] = hand->request[1];
    for (int i = 0; i < batch.n; i++) {
        INVARIANT(result[i].trial == c->job->row[batch.trial[i]]);
        TRY(take(c, w, batch.trial[i], &result[i], e));
    }
    for (int i = 0; hand->n && i < hand->batch[0].n; i++)
        TRY(note(c, "started", hand->batch[0].trial[i], w, e));
    return ERR_OK;
}

/* One self-contained line per max(60 s, 5 %). */
static void say_progress(struct coordinator *c, double now)
{
    if (c->job->quiet || c->job->fronted) return;
    double share = c->cost_total > 0 ? c->cost_done / c->cost_total : 1;
    if (now - c->last_line < 60 || share < c->next_share) return;
    c->last_line = now;
    c->next_share = share + 0.05;
    char stamp[32], left[32];
    time_t clock = time(NULL);
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", localtime_r(&clock, &tm));
    text_duration(share > 0 ? (now - c->began) * (1 - share) / share : NAN, left);
    fprintf(stderr, "%s %s: %.0f %%, %lld of %lld trials, %lld diverged, %lld failed, ETA %s\n",
            stamp, c->job->sweep->name, 100 * share,
            (long long)(c->tally->before + c->tally->done + c->tally->diverged),
            (long long)c->tally->total, (long long)c->tally->diverged,
            (long long)c->tally->failed, left);
}

/* Journal sync, sign of life, progress: whatever is due. */
static enum err_code keep_house(struct coordinator *c, bool now_please, struct err *e)
{
    double now = job_now();
    if (job_drain && !c->tally->stopped) {
        scheduler_stop(c->scheduler);
        c->tally->stopped = true;
    }
    if (c->unsynced && (now_please || now - c->last_sync >= SYNC_S)) {
        TRY(journal_sync(c->job->journal, e));
        c->unsynced = false;
        c->last_sync = now;
    }
    if (now - c->last_beat >= BEAT_S) {
        journal_beat(c->job->journal);
        c->last_beat = now;
    }
    say_progress(c, now);
    return ERR_OK;
}

static enum err_code run_alone(struct coordinator *c, struct err *e)
{
    static struct result result[JOB_BATCH];
    int64_t trial[JOB_BATCH];
    int n;
    while ((n = scheduler_next(c->scheduler, 0, JOB_BATCH, trial)) > 0) {
        for (int i = 0; i < n; i++) {
            struct task task;
            c->attempt[trial[i]]++;
            task_fill(c, trial[i], &task);
            TRY(note(c, "started", trial[i], 0, e));
            TRY(keep_house(c, false, e));
            worker_rank_do(c->self, &task, &result[i]);
        }
        worker_rank_sync(c->self, result, n);
        for (int i = 0; i < n; i++) TRY(take(c, 0, trial[i], &result[i], e));
    }
    return ERR_OK;
}

static enum err_code run_workers(struct coordinator *c, struct err *e)
{
    for (;;) {
        for (int w = 0; w < c->job->n_workers; w++) {
            bool any = true;
            while (any) TRY(hand_out(c, w, &any, e));
        }
        if (scheduler_out(c->scheduler) == 0) return ERR_OK;
        MPI_Status status;
        if (job_wait(c->job->world, c->unsynced ? SYNC_S : BEAT_S / 2, SLEEP_CAP_US, &status))
            TRY(receive(c, &status, e));
        TRY(keep_house(c, false, e));
    }
}

/* Tells every worker that there is no more. After a failure here batches may still be out: they
 * are awaited and dropped (their trials count as not done, and are run again). */
static void dismiss_workers(struct coordinator *c)
{
    static struct result dropped[JOB_BATCH];
    for (int w = 0; w < c->job->n_workers; w++) {
        for (int i = 0; c->hand && i < c->hand[w].n; i++) {
            MPI_Recv(dropped, (int)sizeof dropped, MPI_BYTE, w + 1, JOB_RESULTS, c->job->world,
                     MPI_STATUS_IGNORE);
            MPI_Wait(&c->hand[w].request[i], MPI_STATUS_IGNORE);
            free(c->hand[w].sent[i]);
        }
        MPI_Send(NULL, 0, MPI_BYTE, w + 1, JOB_TASKS, c->job->world);
    }
}

enum err_code coordinator_run(struct job *job, struct worker_rank *self, struct tally *tally,
                              struct err *e)
{
    struct coordinator c = {.job = job, .self = self, .tally = tally, .began = job_now()};
    c.last_sync = c.last_beat = c.last_line = c.began;
    *tally = (struct tally){0};
    enum err_code code = coordinator_setup(&c, e);
    if (code == ERR_OK) code = self ? run_alone(&c, e) : run_workers(&c, e);
    if (code == ERR_OK) code = keep_house(&c, true, e);
    if (!self) dismiss_workers(&c);
    scheduler_destroy(c.scheduler);
    arena_clear(&c.arena);
    return code;
}
