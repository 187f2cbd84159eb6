/* job.h - what one run holds while it runs, on every rank. */
#ifndef SHOAL_COORD_JOB_H
#define SHOAL_COORD_JOB_H

#include <mpi.h>
#include <signal.h>

#include "coord/journal.h"
#include "coord/plan.h"
#include "coord/state.h"

/* With several ranks, rank 0 coordinates and the others are workers 0, 1, ...; one rank is
 * both. */
struct job {
    MPI_Comm world;
    MPI_Comm workers; /* of the ranks that train; MPI_COMM_NULL on a pure coordinator */
    int rank, size, n_workers;
    const char *store;   /* path */
    struct sweep *sweep; /* the same on every rank */
    bool fronted;        /* started by the front end, which shows progress itself */
    bool quiet;

    /* on rank 0 only */
    struct plan *plan;
    int64_t *row;  /* [n_trials] in the store */
    bool *written; /* [n_trials] the store has the whole row */
    struct journal *journal;
    struct state *state;
    bool noted; /* the journal has the beginning of this run */
};

/* Set by SIGUSR1: hand out no more trials, wait for those that run, end with status 75. */
extern volatile sig_atomic_t job_drain;

/* Messages between coordinator and workers. */
enum job_tag {
    JOB_TASKS =
        1,       /* coordinator -> worker: array of struct task; an empty one means: no more */
    JOB_RESULTS, /* worker -> coordinator: array of struct result */
    JOB_READY,   /* worker -> coordinator: the analysis is over; empty */
};

enum { JOB_BATCH = 64 }; /* trials in one message at most */

/* Waits for a message from any rank with any tag, without using a core: polls
 * with a back-off from 50 us to cap_us. Returns false after timeout_s (< 0: never) without one.
 * Local. Open MPI sees a message only at the second MPI_Iprobe after it came, so each look
 * probes twice. */
bool job_wait(MPI_Comm comm, double timeout_s, int cap_us, MPI_Status *status);

double job_now(void); /* seconds, monotonic */

#endif
