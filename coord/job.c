/* job.c - see job.h. */
#include "coord/job.h"

#include <time.h>

volatile sig_atomic_t job_drain;

double job_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool job_wait(MPI_Comm comm, double timeout_s, int cap_us, MPI_Status *status)
{
    double end = job_now() + timeout_s;
    for (long nap_us = 50;; nap_us = 2 * nap_us < cap_us ? 2 * nap_us : cap_us) {
        int there = 0;
        for (int look = 0; look < 2 && !there; look++)
            MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &there, status);
        if (there) return true;
        if (timeout_s >= 0 && job_now() >= end) return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000 * nap_us}, NULL);
    }
}
