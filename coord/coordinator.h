/* coordinator.h - rank 0: hands out trials, writes the journal, says how far it is. */
#ifndef SHOAL_COORD_COORDINATOR_H
#define SHOAL_COORD_COORDINATOR_H

#include "coord/job.h"
#include "worker/task.h"

struct worker_rank;

/* What came of the run. */
struct tally {
    int64_t total, before, done, diverged, failed,
        skipped;  /* before: finished in earlier runs */
    bool stopped; /* early: too many failures, or a drain */
};

/* Runs all trials that are not finished yet, on the job's workers or, with one rank, on `self`.
 * Returns when every trial handed out has come back and its event is synced. Local to rank 0,
 * which exchanges messages with the workers.
 * errors   ERR_IO when the journal cannot be written; workers have been told to stop */
enum err_code coordinator_run(struct job *job, struct worker_rank *self, struct tally *tally,
                              struct err *e);

#endif
