/* provenance.h - what a result was made with: program, libraries, machine, ranks. */
#ifndef SHOAL_COORD_PROVENANCE_H
#define SHOAL_COORD_PROVENANCE_H

#include "coord/job.h"

enum { PROVENANCE_MAX = 32 };

/* Name, value, name, value, ..., NULL. */
struct provenance {
    const char *pair[2 * PROVENANCE_MAX + 1];
    int n;
    struct arena arena; /* owns the values */
};

/* Fills p. job NULL: program and libraries only (shoal version). Local, after MPI_Init when job
 * is given.
 * errors   ERR_NOMEM */
enum err_code provenance_collect(struct provenance *p, const struct job *job, struct err *e);
void provenance_clear(struct provenance *p);

#endif
