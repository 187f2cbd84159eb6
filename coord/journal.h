/* journal.h - the append-only log of what happened to trials; the truth about their state.
 *
 * STORE.d/journal: one JSON object a line, {"t": 1761990000.123, "event": "done", "trial":
 * "0123456789abcdef", ...}. A line counts when it ends in a newline; a torn last line (a crash
 * while writing) is cut off before the first append. */
#ifndef SHOAL_COORD_JOURNAL_H
#define SHOAL_COORD_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Events: rows of the table in state.c. Members an event does not use are 0. */
struct event {
    double time; /* seconds since 1970; filled by journal_append when 0 */
    char name[16];
    uint64_t trial; /* id */
    int32_t attempt, worker;
    int64_t count;        /* trials of the plan (run), ranks, ... as the event's row says */
    double seconds, cost; /* of a trial; planned FLOPs */
    uint64_t checksum;
    char text[256]; /* reason, host, job */
};

struct journal;

/* Opens for appending, creating the folder STORE.d and the file when missing, and takes the
 * lock that says a run is live (given up by the kernel when the process ends, however it ends).
 * Waits up to wait_s for the ranks of a killed run to go away. Local.
 * errors   ERR_BUSY names host and pid of the holder; ERR_IO */
enum err_code journal_open(const char *store_path, double wait_s, struct journal **out,
                           struct err *e);
enum err_code journal_append(struct journal *j, const struct event *event, struct err *e);

/* Writes what was appended and fdatasyncs it. An event happened when this has returned. */
enum err_code journal_sync(struct journal *j, struct err *e);

/* Touches the file's time: a sign of life that costs no line. */
void journal_beat(struct journal *j);
enum err_code journal_close(struct journal *j, struct err *e);

/* Calls each(self, event) for every whole line, in order; lines that are not events are counted
 * in *n_bad (may be NULL) and passed over. Takes no lock: works beside a live run. A missing
 * journal has no events. Local. */
enum err_code journal_replay(const char *store_path,
                             void (*each)(void *self, const struct event *), void *self,
                             int64_t *n_bad, struct err *e);

/* Seconds since the last sign of life, or -1 if there is no journal. */
double journal_age_s(const char *store_path);

/* STORE.d/name in out[size]. Returns out. */
const char *journal_path(const char *store_path, const char *name, char *out, size_t size);

#endif
