/* run.h - a run inside MPI: start-up, trials, analysis, end. */
#ifndef SHOAL_COORD_RUN_H
#define SHOAL_COORD_RUN_H

#include "coord/cli.h"
#include "coord/sweep.h"

/* Is this process a rank of mpirun or srun? Local, before MPI_Init. */
bool run_launched(void);

/* Trains what the sweep file o->arg[0] still lacks in `store`, then aligns. Calls MPI_Init and
 * MPI_Finalize. Returns the exit status (interface: 0, 1, 2, 3, 4, 75), the same on every rank.
 * Collective over MPI_COMM_WORLD. */
int run_ranks(const struct options *o, const char *store);

/* Runs measures of alignment over a finished store, on all ranks. Returns the exit status.
 * Collective over MPI_COMM_WORLD, calls MPI_Init and MPI_Finalize. */
int run_align(const struct options *o, const char *store, const struct analysis_spec *spec);

/* Prints the scores of the spec's measures as JSON to stdout. Local. */
enum err_code run_print_scores(const char *store, const struct analysis_spec *spec,
                               struct err *e);

#endif
