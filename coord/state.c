/* state.c - owns what is known of every trial, and the table of events that changes it.
 *
 * The state is a fold: the same events in the same order give the same state, whether they are
 * applied as they happen or replayed from a journal. Trials live in one array, found by an
 * open-addressing table of places in it. A trial without events is planned and not in it.
 *
 * To extend: an event is a row of `rows` with a function that applies it. */
#include "coord/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct row state_rows[] = {
    {"planned", "waits for its turn", NULL},
    {"queued", "handed to a worker, not begun", NULL},
    {"running", "being trained", NULL},
    {"done", "finished, its numbers are in the store", NULL},
    {"diverged", "finished with a loss that is not finite or above the limit", NULL},
    {"failed", "ended by an error", NULL},
    {"lost", "its worker died", NULL},
    {"skipped", "not begun: a trial that it needs did not end well", NULL},
};
const struct table trial_states = TABLE("trial state", state_rows);

struct state {
    struct trial_status *trial;
    int64_t n, capacity, n_dropped;
    int64_t *slot; /* [n_slots] place in trial, -1: free; n_slots a power of two > 2 n */
    uint64_t n_slots;
    int64_t count[TRIAL_STATES];
    double run_flops, run_seconds; /* of trials that finished in the last run */
    struct run_status run;
};

static uint64_t slot_of(const struct state *s, uint64_t id)
{
    uint64_t at = (id * 0x9E3779B97F4A7C15u) >> 20;
    for (;; at++) {
        int64_t place = s->slot[at & (s->n_slots - 1)];
        if (place < 0 || s->trial[place].id == id) return at & (s->n_slots - 1);
    }
}

static void *resized(void *block, size_t bytes)
{
    block = realloc(block, bytes);
    INVARIANT(block != NULL); /* tens of megabytes for a million trials */
    return block;
}

static void grow(struct state *s)
{
    s->capacity = s->capacity ? 2 * s->capacity : 256;
    s->n_slots = 4 * (uint64_t)s->capacity;
    s->trial = resized(s->trial, (size_t)s->capacity * sizeof *s->trial);
    s->slot = resized(s->slot, s->n_slots * sizeof *s->slot);
    for (uint64_t i = 0; i < s->n_slots; i++) s->slot[i] = -1;
    for (int64_t t = 0; t < s->n; t++) s->slot[slot_of(s, s->trial[t].id)] = t;
}

static void clear(struct state *s)
{
    for (int64_t i = 0; i < s->n; i++) free(s->trial[i].reason);
    free(s->trial);
    free(s->slot);
}

/* The trial's status, made when it has none. */
static struct trial_status *need_trial(struct state *s, uint64_t id)
{
    if (s->n == s->capacity) grow(s);
    int64_t *slot = &s->slot[slot_of(s, id)];
    if (*slot >= 0) return &s->trial[*slot];
    *slot = s->n;
    s->count[TRIAL_PLANNED]++;
    s->trial[s->n] = (struct trial_status){.id = id, .state = TRIAL_PLANNED, .worker = -1};
    return &s->trial[s->n++];
}

static bool is_finished(enum trial_state state)
{
    return state == TRIAL_DONE || state == TRIAL_DIVERGED || state == TRIAL_FAILED ||
           state == TRIAL_SKIPPED;
}

/* Takes a trial into the sums, or out of them: sign 1 or -1. */
static void sum(struct state *s, const struct trial_status *t, int sign)
{
    s->count[t->state] += sign;
    if (is_finished(t->state)) s->run.flops_done += sign * t->cost;
}

static void enter(struct state *s, struct trial_status *t, enum trial_state state)
{
    sum(s, t, -1);
    t->state = state;
    sum(s, t, 1);
}

static void take_back(struct state *s, struct trial_status *t)
{
    if (!t->dropped) return;
    t->dropped = false;
    s->n_dropped--;
    sum(s, t, 1);
}

/* Apply functions. t is the event's trial, NULL for events of the run. */

static void apply_created(struct state *s, struct trial_status *unused,
                          const struct event *event)
{
    (void)unused, (void)event;
    clear(s);
    *s = (struct state){0};
}

static void apply_run(struct state *s, struct trial_status *unused, const struct event *event)
{
    (void)unused;
    for (int64_t i = 0; i < s->n; i++) {
        struct trial_status *t = &s->trial[i];
        take_back(s, t); /* until this run drops it as well */
        bool open = t->state == TRIAL_QUEUED || t->state == TRIAL_RUNNING;
        if (open || t->state == TRIAL_SKIPPED) enter(s, t, TRIAL_PLANNED);
    }
    s->run.trials = event->count;
    s->run.runs++;
    s->run.ranks = event->worker;
    s->run.workers = event->worker > 1 ? event->worker - 1 : 1;
    s->run.started = event->time;
    s->run.ended = 0;
    s->run.exit_code = 0;
    s->run.flops_total = event->cost;
    s->run_flops = s->run_seconds = 0;
    size_t host = strcspn(event->text, " ");
    const char *rest = event->text + host + (event->text[host] == ' ');
    snprintf(s->run.host, sizeof s->run.host, "%.*s", (int)host, event->text);
    snprintf(s->run.text, sizeof s->run.text, "%s", rest);
}

static void apply_ended(struct state *s, struct trial_status *unused, const struct event *event)
{
    (void)unused;
    s->run.ended = event->time;
    s->run.exit_code = (int)event->count;
}

/* What all events of a trial say. */
static void note(struct state *s, struct trial_status *t, const struct event *event,
                 enum trial_state state)
{
    take_back(s, t);
    if (event->attempt > t->attempts) t->attempts = event->attempt;
    t->worker = event->worker;
    t->since = event->time;
    enter(s, t, TRIAL_PLANNED); /* takes the old cost out of the sums */
    if (event->cost > 0) t->cost = event->cost;
    enter(s, t, state);
    free(t->reason);
    t->reason = NULL;
}

static void apply_planned(struct state *s, struct trial_status *t, const struct event *event)
{
    note(s, t, event, TRIAL_PLANNED);
}

static void apply_queued(struct state *s, struct trial_status *t, const struct event *event)
{
    note(s, t, event, TRIAL_QUEUED);
}

static void apply_started(struct state *s, struct trial_status *t, const struct event *event)
{
    note(s, t, event, TRIAL_RUNNING);
}

static void finish(struct state *s, struct trial_status *t, const struct event *event,
                   enum trial_state state)
{
    note(s, t, event, state);
    t->seconds = event->seconds;
    t->checksum = event->checksum;
    if (*event->text) t->reason = strdup(event->text);
}

static void apply_done(struct state *s, struct trial_status *t, const struct event *event)
{
    finish(s, t, event, TRIAL_DONE);
    s->run_flops += t->cost;
    s->run_seconds += t->seconds;
}

static void apply_diverged(struct state *s, struct trial_status *t, const struct event *event)
{
    finish(s, t, event, TRIAL_DIVERGED); /* may have ended early: says nothing of the rate */
}

static void apply_failed(struct state *s, struct trial_status *t, const struct event *event)
{
    finish(s, t, event, TRIAL_FAILED);
}

static void apply_lost(struct state *s, struct trial_status *t, const struct event *event)
{
    finish(s, t, event, TRIAL_LOST);
}

static void apply_skipped(struct state *s, struct trial_status *t, const struct event *event)
{
    finish(s, t, event, TRIAL_SKIPPED);
}

static void apply_dropped(struct state *s, struct trial_status *t, const struct event *event)
{
    (void)event;
    if (t->dropped) return;
    sum(s, t, -1);
    t->dropped = true;
    s->n_dropped++;
}

/* The members of struct event that an event uses stand in its help. */
static const struct event_row {
    struct row row;
    bool of_trial;
    void (*apply)(struct state *s, struct trial_status *t, const struct event *event);
} rows[] = {
    {{"created", "the store is made anew: nothing before counts"}, false, apply_created},
    {{"run", "a run begins: count = trials of the plan, worker = ranks, cost = FLOPs of the "
             "plan, text = host and what else there is to say"},
     false,
     apply_run},
    {{"queued", "handed to a worker: trial, attempt, worker, cost"}, true, apply_queued},
    {{"started", "begun by its worker: trial, attempt, worker"}, true, apply_started},
    {{"done", "finished: trial, attempt, worker, seconds, cost, checksum"}, true, apply_done},
    {{"diverged", "finished without a finite loss: as done, text = reason"},
     true,
     apply_diverged},
    {{"failed", "ended by an error: trial, attempt, worker, seconds, text = reason"},
     true,
     apply_failed},
    {{"lost", "its worker died: trial, attempt, worker, text = reason"}, true, apply_lost},
    {{"skipped", "not begun, what it needs is no good: trial, cost, text = reason"},
     true,
     apply_skipped},
    {{"retry", "to be tried again: trial"}, true, apply_planned},
    {{"dropped", "in the store, but not in the plan of this run: trial"}, true, apply_dropped},
    {{"ended", "a run ends: count = exit code"}, false, apply_ended},
};
const struct table state_events = TABLE("event", rows);

enum err_code state_create(struct state **out, struct err *e)
{
    *out = calloc(1, sizeof **out);
    return *out ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the state of the trials");
}

void state_destroy(struct state *s)
{
    if (!s) return;
    clear(s);
    free(s);
}

void state_apply(struct state *s, const struct event *event)
{
    int i = table_find(&state_events, event->name);
    if (i < 0 || (rows[i].of_trial && event->trial == 0)) return;
    rows[i].apply(s, rows[i].of_trial ? need_trial(s, event->trial) : NULL, event);
    s->run.flops_left = fmax(0, s->run.flops_total - s->run.flops_done);
    s->run.rate = s->run_seconds > 0 ? s->run_flops / s->run_seconds : 0;
}

static void apply_each(void *self, const struct event *event)
{
    state_apply(self, event);
}

enum err_code state_read(const char *store_path, struct state **out, struct err *e)
{
    TRY(state_create(out, e));
    enum err_code rc = journal_replay(store_path, apply_each, *out, NULL, e);
    if (rc != ERR_OK) {
        state_destroy(*out);
        *out = NULL;
    }
    return rc;
}

const struct trial_status *state_find(const struct state *s, uint64_t id)
{
    if (s->n == 0) return NULL;
    int64_t place = s->slot[slot_of(s, id)];
    return place >= 0 ? &s->trial[place] : NULL;
}

const struct trial_status *state_next(const struct state *s, int64_t *place)
{
    return *place < s->n ? &s->trial[(*place)++] : NULL;
}

const struct run_status *state_run(const struct state *s)
{
    return &s->run;
}

void state_counts(const struct state *s, int64_t count[TRIAL_STATES])
{
    memcpy(count, s->count, sizeof s->count);
    int64_t never_seen = s->run.trials - (s->n - s->n_dropped);
    if (never_seen > 0) count[TRIAL_PLANNED] += never_seen;
}
