/* state.h - where every trial stands: a fold over the journal. */
#ifndef SHOAL_COORD_STATE_H
#define SHOAL_COORD_STATE_H

#include "base/table.h"
#include "coord/journal.h"

enum trial_state {
    TRIAL_PLANNED,
    TRIAL_QUEUED, /* handed to a worker, not begun */
    TRIAL_RUNNING,
    TRIAL_DONE,
    TRIAL_DIVERGED,
    TRIAL_FAILED,
    TRIAL_LOST,
    TRIAL_SKIPPED, /* a trial that it needs is no good */
    TRIAL_STATES   /* numbers are stored: new states at the end */
};

/* Rows of struct row, in the order of the enum: "planned", "queued", ... */
extern const struct table trial_states;

/* Every event, with the members of struct event that it uses in its help. */
extern const struct table state_events;

struct trial_status {
    uint64_t id;
    enum trial_state state;
    int32_t attempts, worker;
    double since;   /* time of the last event */
    double seconds; /* of work, when done */
    double cost;    /* FLOPs */
    uint64_t checksum;
    bool dropped; /* not in the plan last run: in no sum */
    char *reason; /* of a failure or a divergence, or NULL; owned by the state */
};

/* The run as a whole. */
struct run_status {
    int64_t trials; /* of the plan last run */
    int64_t runs;   /* times the journal was opened for a run */
    int ranks, workers;
    double started, ended; /* of the last run; ended 0 while it is on or was killed */
    int exit_code;         /* of the last run, when ended */
    char host[64], text[64];
    double flops_left, flops_done, flops_total; /* cost-weighted progress */
    double rate; /* FLOPs per second of worker time, measured over the last run */
};

struct state;

/* Trials that nothing happened to are known only by their number: planned are those of the plan
 * last run beyond all trials that ever had an event. */
enum err_code state_create(struct state **out, struct err *e);
void state_destroy(struct state *s);

/* Applies one event. Unknown events are ignored (a newer shoal wrote them). */
void state_apply(struct state *s, const struct event *event);

/* state_create and a replay of the store's journal. */
enum err_code state_read(const char *store_path, struct state **out, struct err *e);

/* Status of a trial, borrowed until the next event; NULL: planned, nothing happened yet. When
 * a run begins (event "run"), trials that were queued or running in a run that is gone become
 * planned again. */
const struct trial_status *state_find(const struct state *s, uint64_t id);

/* Every trial with an event, one a call, NULL after the last; *place starts at 0. */
const struct trial_status *state_next(const struct state *s, int64_t *place);

const struct run_status *state_run(const struct state *s);

/* Of the trials in the plan last run. */
void state_counts(const struct state *s, int64_t count[TRIAL_STATES]);

#endif
