/* comm.c - see comm.h. */
#include "base/comm.h"

#include <limits.h>

enum err_code comm_agree(MPI_Comm comm, enum err_code local, struct err *e)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    int mine = local == ERR_OK ? size : rank, first;
    MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, comm);
    if (first == size) return ERR_OK;
    struct err told = {.code = local};
    if (rank == first) {
        if (e) told = *e;
        told.code = local;
        told.rank = rank;
    }
    MPI_Bcast(&told, (int)sizeof told, MPI_BYTE, first, comm);
    if (e) *e = told;
    return told.code;
}

int comm_int(long long count)
{
    INVARIANT(count >= 0 && count <= INT_MAX);
    return (int)count;
}
