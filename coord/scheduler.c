/* scheduler.c - owns which trial is where: blocked, ready, with a worker, or over.
 *
 * List scheduling, longest first: whoever has room gets the next trial in order; trials that
 * are to be tried again go in front of all others. Small trials travel in batches so that a
 * message costs little beside the work; a batch is never more than a quarter of a worker's
 * share of what is left, so that batches shrink towards the end and all workers end together.
 * A second batch is handed out ahead only while the first is short: a long trial that waits
 * behind a long trial could have begun elsewhere.
 *
 * A trial that needs others is blocked until the last of them is over, and then stands among
 * the ready ones by its place in the order; batches share out what is ready, not what is
 * blocked. */
#include "coord/scheduler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double batch_s = 0.05;    /* of work in a batch */
static const double ahead_s = 0.1;     /* a worker with this much or more needs nothing yet */
static const double overhead_s = 5e-5; /* a trial takes this much whatever its FLOPs */
static const double memory = 0.98;     /* what a finished trial leaves of older measurements */
static const double prior_s = 0.01;    /* the assumed rate counts as much as this much work */

enum { NOBODY = -1, MAX_BATCHES = 2 };

/* Trials handed to a worker in one go and not finished. */
struct batch {
    int64_t n;
    double cost;
};

struct skip {
    int64_t trial, parent;
};

/* What is known of trials that wait for each other. */
struct waiting {
    const struct scheduler_graph *graph; /* borrowed; NULL: no trial waits for another */
    int32_t *needs;                      /* [n_nodes] nodes that are not over yet */
    bool *blocked;                       /* [n_trials] */
    int64_t *place;                      /* [n_trials] in order */
    int64_t *ready;                      /* heap of unblocked trials, first in order on top */
    int64_t n_ready, n_blocked;
    double cost_blocked;
    struct skip *skip;
    int64_t n_skip, n_told;
};

struct scheduler {
    int64_t n_trials;
    const double *cost;   /* borrowed */
    const int64_t *order; /* borrowed */
    int n_workers;
    bool *waits;    /* [n_trials] not yet handed out for the first time */
    int32_t *owner; /* [n_trials] worker that has it, or NOBODY */
    uint8_t *batch; /* [n_trials] which of its owner's batches it belongs to */
    int64_t next;   /* no trial before this place in order waits */
    int64_t *again; /* [n_again] to be tried once more */
    int64_t n_again, again_capacity;
    struct batch (*held)[MAX_BATCHES]; /* [n_workers] */
    int64_t n_left, n_out;
    double cost_left;
    double seconds, flops; /* measured, older ones fading */
    bool stopped;
    struct waiting wait;
};

enum err_code scheduler_create(int64_t n_trials, const double *cost, const int64_t *order,
                               const bool *todo, int n_workers, double rate,
                               struct scheduler **out, struct err *e)
{
    INVARIANT(n_trials >= 0 && n_workers > 0 && rate > 0);
    *out = NULL;
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s) goto nomem;
    size_t n = (size_t)n_trials + 1; /* calloc(0) may be NULL */
    s->waits = calloc(n, sizeof *s->waits);
    s->owner = calloc(n, sizeof *s->owner);
    s->batch = calloc(n, sizeof *s->batch);
    s->held = calloc((size_t)n_workers, sizeof *s->held);
    if (!s->waits || !s->owner || !s->batch || !s->held) goto nomem;
    s->n_trials = n_trials;
    s->cost = cost;
    s->order = order;
    s->n_workers = n_workers;
    s->seconds = prior_s;
    s->flops = prior_s * rate;
    for (int64_t t = 0; t < n_trials; t++) {
        s->owner[t] = NOBODY;
        s->waits[t] = todo[t];
        s->n_left += todo[t];
        s->cost_left += todo[t] ? cost[t] : 0;
    }
    *out = s;
    return ERR_OK;
nomem:
    scheduler_destroy(s);
    return ERR(e, ERR_NOMEM, "no memory to schedule %lld trials", (long long)n_trials);
}

void scheduler_destroy(struct scheduler *s)
{
    if (!s) return;
    free(s->waits);
    free(s->owner);
    free(s->batch);
    free(s->again);
    free(s->held);
    free(s->wait.needs);
    free(s->wait.blocked);
    free(s->wait.place);
    free(s->wait.ready);
    free(s->wait.skip);
    free(s);
}

/* ---- trials that wait for others ---- */

static bool before(const struct waiting *w, int64_t i, int64_t k)
{
    return w->place[w->ready[i]] < w->place[w->ready[k]];
}

static void swap(struct waiting *w, int64_t i, int64_t k)
{
    int64_t t = w->ready[i];
    w->ready[i] = w->ready[k];
    w->ready[k] = t;
}

static void ready_push(struct waiting *w, int64_t t)
{
    int64_t i = w->n_ready++;
    w->ready[i] = t;
    for (; i > 0 && before(w, i, (i - 1) / 2); i = (i - 1) / 2) swap(w, i, (i - 1) / 2);
}

static void ready_pop(struct waiting *w)
{
    w->ready[0] = w->ready[--w->n_ready];
    for (int64_t i = 0, k; (k = 2 * i + 1) < w->n_ready; i = k) {
        if (k + 1 < w->n_ready && before(w, k + 1, k)) k++;
        if (!before(w, k, i)) return;
        swap(w, i, k);
    }
}

static void unblock(struct scheduler *s, int64_t t)
{
    s->wait.blocked[t] = false;
    s->wait.n_blocked--;
    s->wait.cost_blocked -= s->cost[t];
}

static void node_over(struct scheduler *s, int64_t node, bool good);

/* One node fewer to wait for. */
static void release(struct scheduler *s, int64_t node)
{
    if (--s->wait.needs[node] > 0) return;
    if (node >= s->n_trials) {
        node_over(s, node, true);
    } else if (s->wait.blocked[node]) {
        unblock(s, node);
        ready_push(&s->wait, node);
    }
}

static void skip(struct scheduler *s, int64_t t, int64_t parent)
{
    if (!s->wait.blocked[t]) return;
    unblock(s, t);
    s->n_left--;
    s->cost_left -= s->cost[t];
    s->wait.skip[s->wait.n_skip++] = (struct skip){t, parent};
    node_over(s, t, false);
}

/* Tells those that need a node. Goes as deep as the longest chain of needs. */
static void node_over(struct scheduler *s, int64_t node, bool good)
{
    const struct scheduler_graph *g = s->wait.graph;
    for (int64_t i = g->first[node]; i < g->first[node + 1]; i++) {
        if (good || g->next[i] >= s->n_trials)
            release(s, g->next[i]);
        else
            skip(s, g->next[i], node);
    }
}

enum err_code scheduler_depend(struct scheduler *s, const struct scheduler_graph *graph,
                               struct err *e)
{
    struct waiting *w = &s->wait;
    size_t n = (size_t)s->n_trials + 1, nodes = (size_t)graph->n_nodes + 1;
    w->needs = calloc(nodes, sizeof *w->needs);
    w->blocked = calloc(n, sizeof *w->blocked);
    w->place = calloc(n, sizeof *w->place);
    w->ready = calloc(n, sizeof *w->ready);
    w->skip = calloc(n, sizeof *w->skip);
    if (!w->needs || !w->blocked || !w->place || !w->ready || !w->skip)
        return ERR(e, ERR_NOMEM, "no memory to schedule %lld trials", (long long)s->n_trials);
    w->graph = graph;
    memcpy(w->needs, graph->needs, (nodes - 1) * sizeof *w->needs);
    for (int64_t i = 0; i < s->n_trials; i++) w->place[s->order[i]] = i;
    bool *over = calloc(n, sizeof *over); /* waits changes below */
    if (!over) return ERR(e, ERR_NOMEM, "no memory to schedule trials");
    for (int64_t t = 0; t < s->n_trials; t++) {
        over[t] = !s->waits[t];
        w->blocked[t] = s->waits[t] && w->needs[t] > 0;
        if (!w->blocked[t]) continue;
        s->waits[t] = false;
        w->n_blocked++;
        w->cost_blocked += s->cost[t];
    }
    for (int64_t t = 0; t < s->n_trials; t++)
        if (over[t]) node_over(s, t, !graph->bad[t]);
    free(over);
    return ERR_OK;
}

bool scheduler_skipped(struct scheduler *s, int64_t *trial, int64_t *parent)
{
    struct waiting *w = &s->wait;
    if (w->n_told == w->n_skip) return false;
    *trial = w->skip[w->n_told].trial;
    *parent = w->skip[w->n_told++].parent;
    return true;
}

/* ---- handing out ---- */

static int64_t n_ready(const struct scheduler *s)
{
    return s->n_left - s->wait.n_blocked;
}

/* Seconds that n trials of that cost together should take one worker. */
static double expected_s(const struct scheduler *s, int64_t n, double cost)
{
    return fmax((double)n * overhead_s, cost * s->seconds / s->flops);
}

/* The next trial to hand out; only while some are ready. */
static int64_t peek(struct scheduler *s)
{
    const struct waiting *w = &s->wait;
    if (s->n_again > 0) return s->again[s->n_again - 1];
    while (s->next < s->n_trials && !s->waits[s->order[s->next]]) s->next++;
    bool late = w->n_ready > 0 && w->place[w->ready[0]] < s->next;
    INVARIANT(w->n_ready > 0 || s->next < s->n_trials);
    return late || s->next == s->n_trials ? w->ready[0] : s->order[s->next];
}

static void hand_out(struct scheduler *s, int64_t t, int w, int batch)
{
    if (s->n_again > 0)
        s->n_again--;
    else if (s->wait.n_ready > 0 && s->wait.ready[0] == t)
        ready_pop(&s->wait);
    else
        s->waits[t] = false;
    s->owner[t] = w;
    s->batch[t] = (uint8_t)batch;
    s->held[w][batch].n++;
    s->held[w][batch].cost += s->cost[t];
    s->cost_left -= s->cost[t];
    s->n_left--;
    s->n_out++;
}

/* Which of w's batches to fill now, or -1 when it has enough. */
static int free_batch(const struct scheduler *s, int w)
{
    const struct batch *held = s->held[w];
    int64_t n = held[0].n + held[1].n;
    if (n == 0) return 0;
    if (held[0].n > 0 && held[1].n > 0) return -1;
    if (n_ready(s) < s->n_workers) return -1; /* the last ones go to whoever is idle */
    if (expected_s(s, n, held[0].cost + held[1].cost) >= ahead_s) return -1;
    return held[0].n > 0 ? 1 : 0;
}

int scheduler_next(struct scheduler *s, int w, int max, int64_t *trial)
{
    INVARIANT(w >= 0 && w < s->n_workers);
    int batch = s->stopped ? -1 : free_batch(s, w);
    if (batch < 0) return 0;
    double ready_cost = s->cost_left - s->wait.cost_blocked;
    double share_s = expected_s(s, n_ready(s), ready_cost) / (4.0 * s->n_workers);
    double cost = 0;
    int n = 0;
    while (n < max && n_ready(s) > 0) {
        int64_t t = peek(s);
        cost += s->cost[t];
        if (n > 0 && expected_s(s, n + 1, cost) > share_s) break;
        hand_out(s, t, w, batch);
        trial[n++] = t;
        if (expected_s(s, n, cost) >= batch_s) break;
    }
    return n;
}

static void try_again(struct scheduler *s, int64_t t)
{
    if (s->n_again == s->again_capacity) {
        s->again_capacity = s->again_capacity ? 2 * s->again_capacity : 64;
        s->again = realloc(s->again, (size_t)s->again_capacity * sizeof *s->again);
        INVARIANT(s->again != NULL); /* at most eight bytes a trial */
    }
    s->again[s->n_again++] = t;
    s->cost_left += s->cost[t];
    s->n_left++;
}

void scheduler_finished(struct scheduler *s, int w, int64_t t, double seconds,
                        enum scheduler_end end)
{
    INVARIANT(t >= 0 && t < s->n_trials && s->owner[t] == w);
    struct batch *held = &s->held[w][s->batch[t]];
    held->n--;
    held->cost = held->n > 0 ? held->cost - s->cost[t] : 0; /* no rounding is left behind */
    s->owner[t] = NOBODY;
    s->n_out--;
    if (seconds > 0 && s->cost[t] > 0) {
        s->seconds = memory * s->seconds + seconds;
        s->flops = memory * s->flops + s->cost[t];
    }
    if (end == SCHEDULER_AGAIN)
        try_again(s, t);
    else if (s->wait.graph)
        node_over(s, t, end == SCHEDULER_DONE);
}

void scheduler_stop(struct scheduler *s)
{
    s->stopped = true;
}

int64_t scheduler_left(const struct scheduler *s)
{
    return s->n_left;
}

int64_t scheduler_out(const struct scheduler *s)
{
    return s->n_out;
}
