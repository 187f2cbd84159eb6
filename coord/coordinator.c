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
#include "coord/lineage.h"
#include "coord/scheduler.h"
#include "coord/store.h"
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

enum { UNKNOWN = -2, NONE = -1 }; /* of a choice */

/* What is needed where trials wait for others. */
struct family {
    bool any;
    struct scheduler_graph graph;
    uint8_t *end;        /* [n_trials] enum trial_state of those that are over, else PLANNED */
    int64_t *chosen;     /* [plan_choices] configuration, UNKNOWN or NONE */
    struct store *store; /* opened where there are choices: the best is read from it */
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
    struct family family;
};

static bool finished(enum trial_state s)
{
    return s == TRIAL_DONE || s == TRIAL_DIVERGED;
}

/* Who waits for whom, and how those ended that are over. */
static enum err_code family_setup(struct coordinator *c, struct err *e)
{
    const struct plan *plan = c->job->plan;
    struct family *f = &c->family;
    f->any = true;
    f->end = arena_array(&c->arena, (size_t)plan->n_trials, sizeof *f->end);
    f->chosen = arena_array(&c->arena, (size_t)plan_choices(plan) + 1, sizeof *f->chosen);
    if (!f->end || !f->chosen)
        return ERR(e, ERR_NOMEM, "no memory for the state of %lld trials",
                   (long long)plan->n_trials);
    TRY(lineage_graph(plan, &c->arena, &f->graph, e));
    for (int64_t t = 0; t < plan->n_trials; t++) {
        if (c->todo[t]) continue;
        f->end[t] = (uint8_t)state_find(c->job->state, plan_id(plan, t))->state;
        f->graph.bad[t] = f->end[t] != TRIAL_DONE;
    }
    for (int64_t i = 0; i < plan_choices(plan); i++) f->chosen[i] = UNKNOWN;
    if (plan_choices(plan))
        TRY(store_open(c->job->store, &c->job->sweep->record, &f->store, e));
    return scheduler_depend(c->scheduler, &f->graph, e);
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
    TRY(scheduler_create(plan->n_trials, c->cost, plan->order, c->todo, c->job->n_workers, rate,
                         &c->scheduler, e));
    return lineage_any(plan) ? family_setup(c, e) : ERR_OK;
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

/* ---- tasks ---- */

/* What lineage_best compares: the metric of a trial that is done. */
struct compared {
    const struct coordinator *c;
    int metric;
};

static enum err_code compared_value(void *self, int64_t trial, double *out, struct err *e)
{
    const struct compared *by = self;
    const struct family *f = &by->c->family;
    *out = NAN;
    if (f->end[trial] != TRIAL_DONE) return ERR_OK;
    return store_read_last(f->store, by->c->job->row[trial], by->metric, out, e);
}

/* The best candidate of a trial's choice, looked up once. */
static enum err_code choose(struct coordinator *c, int64_t trial, int64_t *out, struct err *e)
{
    const struct plan *plan = c->job->plan;
    int64_t *known = &c->family.chosen[plan_choice(plan, trial)];
    int stage = plan_stage_of(plan, plan_config_of(plan, trial));
    const struct stage_best *best = &plan->sweep->stage[stage].best;
    const struct record *record = &plan->sweep->record;
    struct compared by = {.c = c};
    while (strcmp(record->metric[by.metric], best->by) != 0) by.metric++;
    if (*known == UNKNOWN)
        TRY(lineage_best(plan, plan_choice(plan, trial), best->better, compared_value, &by,
                         known, e));
    *out = *known;
    return ERR_OK;
}

/* The settings of a trial with what it takes from others. *good: there is something to take. */
static enum err_code resolve(struct coordinator *c, int64_t trial, struct config *out,
                             bool *good, struct err *e)
{
    const struct plan *plan = c->job->plan;
    int64_t config = plan_config_of(plan, trial), from = NONE;
    plan_config(plan, config, out);
    if (!c->family.any || plan_choice(plan, trial) < 0) return ERR_OK;
    TRY(choose(c, trial, &from, e));
    *good = *good && from != NONE;
    if (from == NONE) return ERR_OK;
    struct config taken;
    TRY(resolve(c, plan_trial(plan, from, 0), &taken, good, e));
    plan_take(plan, plan_stage_of(plan, config), &taken, out);
    return ERR_OK;
}

/* The row shows what was taken. */
static enum err_code show_taken(struct coordinator *c, int64_t trial,
                                const struct config *config, struct err *e)
{
    const struct plan *plan = c->job->plan;
    int stage = plan_stage_of(plan, plan_config_of(plan, trial));
    const struct stage_best *best = &plan->sweep->stage[stage].best;
    for (int i = 0; i < best->n_take; i++)
        TRY(store_write_setting(c->family.store, c->job->row[trial], best->take[i], config, e));
    return ERR_OK;
}

/* *good becomes false if there is nothing to take where the trial takes settings of others. */
static enum err_code task_fill(struct coordinator *c, int64_t trial, struct task *out,
                               bool *good, struct err *e)
{
    const struct plan *plan = c->job->plan;
    memset(out, 0, sizeof *out); /* it travels as bytes */
    out->trial = c->job->row[trial];
    out->attempt = c->attempt[trial];
    out->root = c->job->sweep->root;
    out->seed = plan_seed(plan, trial);
    out->keep = plan_keeps(plan, trial);
    *good = true;
    TRY(resolve(c, trial, &out->config, good, e));
    if (!c->family.any || !*good) return ERR_OK;
    if (plan_choice(plan, trial) >= 0) TRY(show_taken(c, trial, &out->config, e));
    plan_parents(plan, trial, c->job->row, &out->parents);
    for (int k = 0; k < out->parents.n; k++) {
        bool done = true; /* it has taken what it took */
        int64_t parent = plan_parent(plan, trial, k);
        if (parent >= 0) TRY(resolve(c, parent, &out->parents.parent[k].config, &done, e));
    }
    return ERR_OK;
}

static enum err_code take(struct coordinator *c, int w, int64_t t, const struct result *r,
                          struct err *e);

/* A trial that has nothing to start from failed before it began. */
static enum err_code fail_early(struct coordinator *c, int w, int64_t trial, struct err *e)
{
    const struct plan *plan = c->job->plan;
    int stage = plan_stage_of(plan, plan_config_of(plan, trial));
    const struct stage_best *best = &plan->sweep->stage[stage].best;
    struct result r = {.trial = c->job->row[trial],
                       .attempt = c->attempt[trial],
                       .outcome = OUTCOME_FAILED,
                       .worker = w};
    snprintf(r.reason, sizeof r.reason,
             "best by %s: no configuration of stage '%s' ended well with all of its seeds",
             best->by, plan->sweep->stage[best->stage].name);
    return take(c, w, trial, &r, e);
}

/* Trials that wait in vain are over. */
static enum err_code take_skipped(struct coordinator *c, struct err *e)
{
    const struct plan *plan = c->job->plan;
    int64_t trial, parent;
    while (scheduler_skipped(c->scheduler, &trial, &parent)) {
        struct event event = {.name = "skipped",
                              .trial = plan_id(plan, trial),
                              .attempt = c->attempt[trial],
                              .worker = -1,
                              .cost = c->cost[trial]};
        const char *how = table_row(&trial_states, c->family.end[parent])->name;
        bool is_state = c->family.end[parent] == TRIAL_SKIPPED;
        snprintf(event.text, sizeof event.text, "needs trial %016llx, which %s%s",
                 (unsigned long long)plan_id(plan, parent), is_state ? "was " : "", how);
        c->family.end[trial] = TRIAL_SKIPPED;
        c->tally->skipped++;
        c->cost_done += c->cost[trial];
        c->unsynced = true;
        TRY(journal_append(c->job->journal, &event, e));
    }
    return ERR_OK;
}

/* Takes the next batch of worker w from the scheduler, with its tasks, which are to free(). */
static enum err_code next_batch(struct coordinator *c, int w, struct batch *batch,
                                struct task **task, struct err *e)
{
    int64_t trial[JOB_BATCH];
    enum err_code code = ERR_OK;
    batch->n = 0;
    *task = NULL;
    while (batch->n == 0 && code == ERR_OK) {
        int n = scheduler_next(c->scheduler, w, JOB_BATCH, trial);
        if (n == 0) break;
        if (!*task) *task = calloc(JOB_BATCH, sizeof **task);
        if (!*task) return ERR(e, ERR_NOMEM, "no memory for a batch of %d tasks", n);
        for (int i = 0; i < n && code == ERR_OK; i++) {
            bool good;
            c->attempt[trial[i]]++;
            code = task_fill(c, trial[i], &(*task)[batch->n], &good, e);
            if (code == ERR_OK && good)
                batch->trial[batch->n++] = trial[i];
            else if (code == ERR_OK)
                code = fail_early(c, w, trial[i], e);
        }
    }
    if (batch->n == 0) {
        free(*task);
        *task = NULL;
    }
    return code;
}

/* Sends worker w its next batch, if the scheduler has one for it. */
static enum err_code hand_out(struct coordinator *c, int w, bool *any, struct err *e)
{
    struct hand *hand = &c->hand[w];
    struct task *task;
    *any = false;
    if (hand->n == DEPTH) return ERR_OK;
    struct batch *batch = &hand->batch[hand->n];
    enum err_code code = next_batch(c, w, batch, &task, e);
    if (!task) return code;
    *any = true;
    const char *event = hand->n == 0 ? "started" : "queued";
    for (int i = 0; i < batch->n; i++)
        if (code == ERR_OK) code = note(c, event, batch->trial[i], w, e);
    MPI_Isend(task, batch->n * (int)sizeof *task, MPI_BYTE, w + 1, JOB_TASKS, c->job->world,
              &hand->request[hand->n]);
    hand->sent[hand->n++] = task;
    return code;
}

/* ---- results ---- */

/* One report of worker w, about trial t of the plan. */
static enum err_code take(struct coordinator *c, int w, int64_t t, const struct result *r,
                          struct err *e)
{
    static const char *const name[] = {"done", "diverged", "failed"};
    static const uint8_t ends[] = {TRIAL_DONE, TRIAL_DIVERGED, TRIAL_FAILED};
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
    if (c->family.any) c->family.end[t] = ends[r->outcome];
    scheduler_finished(c->scheduler, w, t, r->seconds,
                       r->outcome == OUTCOME_DONE ? SCHEDULER_DONE : SCHEDULER_BAD);
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
    TRY(journal_append(c->job->journal, &event, e));
    return take_skipped(c, e);
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
    for (;;) {
        struct batch batch;
        struct task *task;
        enum err_code code = next_batch(c, 0, &batch, &task, e);
        if (!task) return code;
        for (int i = 0; i < batch.n && code == ERR_OK; i++) {
            code = note(c, "started", batch.trial[i], 0, e);
            if (code == ERR_OK) code = keep_house(c, false, e);
            if (code == ERR_OK) worker_rank_do(c->self, &task[i], &result[i]);
        }
        free(task);
        TRY(code);
        worker_rank_sync(c->self, result, batch.n);
        for (int i = 0; i < batch.n; i++) TRY(take(c, 0, batch.trial[i], &result[i], e));
    }
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
    if (code == ERR_OK) code = take_skipped(&c, e);
    if (code == ERR_OK) code = self ? run_alone(&c, e) : run_workers(&c, e);
    if (code == ERR_OK) code = keep_house(&c, true, e);
    if (!self) dismiss_workers(&c);
    scheduler_destroy(c.scheduler);
    struct err closing;
    if (store_close(c.family.store, &closing) != ERR_OK && code == ERR_OK) {
        code = closing.code;
        *e = closing;
    }
    arena_clear(&c.arena);
    return code;
}
