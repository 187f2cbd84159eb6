/* worker_rank.h - a rank that trains: receives tasks, runs them, writes their rows, reports. */
#ifndef SHOAL_COORD_WORKER_RANK_H
#define SHOAL_COORD_WORKER_RANK_H

#include "coord/job.h"
#include "worker/task.h"

struct worker_rank;

/* Opens the store and makes the worker's caches. number: 0, 1, ... among workers. Local. */
enum err_code worker_rank_open(const struct job *job, int number, struct worker_rank **out,
                               struct err *e);

/* Runs one trial and writes its rows. A trial that fails is a result, not an error. Local. */
void worker_rank_do(struct worker_rank *w, const struct task *task, struct result *result);

/* Makes all rows written so far durable: to be called before anything says that they are done. A
 * store that cannot be synced turns results into failures. Local. */
void worker_rank_sync(struct worker_rank *w, struct result *result, int n);

/* Serves the coordinator until it says that there is no more. Local (messages with rank 0). */
void worker_rank_serve(struct worker_rank *w);

/* Makes the written rows durable and closes. Local. */
enum err_code worker_rank_close(struct worker_rank *w, struct err *e);

#endif
