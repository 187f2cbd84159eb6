/* comm.h - agreement between ranks. The only file of base/ that knows MPI. */
#ifndef SHOAL_BASE_COMM_H
#define SHOAL_BASE_COMM_H

#include <mpi.h>

#include "base/err.h"

/* Collective over comm: every rank gets the same code. Each rank passes the result of its local
 * phase; if any failed, all return the code of the lowest failing rank, and *e (may be NULL)
 * holds that rank's error with rank filled in.
 * cost     one integer Allreduce; on failure one Bcast more */
enum err_code comm_agree(MPI_Comm comm, enum err_code local, struct err *e);

/* count as the int that MPI, BLAS and HDF5 take; a count that does not fit is a bug. Local. */
int comm_int(long long count);

#endif
