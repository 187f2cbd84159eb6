/* distributed.c - owns the BLACS grid and the layout of columns over ranks.
 *
 * The grid is 1 x size, so that a rank's columns are whole and contiguous in its memory and can
 * be written by an ordinary BLAS call. Another distributed operation goes here beside
 * distributed_sum, with the same layout; its routine is declared in blas.h. */
#include "linalg/distributed.h"

#include <stdlib.h>

#include "base/comm.h"
#include "linalg/blas.h"

struct distributed_sum {
    MPI_Comm comm;
    int handle, context; /* of BLACS */
    int n, block;
    double *c; /* [count, n] own columns; only the upper triangle of the whole is kept */
};

int64_t distributed_block(int64_t n_columns, int size)
{
    return (n_columns + size - 1) / size;
}

void distributed_range(int64_t n_columns, int size, int rank, int64_t *first, int64_t *count)
{
    int64_t block = distributed_block(n_columns, size);
    int64_t begin = rank * block, end = begin + block;
    *first = begin < n_columns ? begin : n_columns;
    *count = (end < n_columns ? end : n_columns) - *first;
}

void distributed_gather(MPI_Comm comm, const double *own, int64_t n_columns, int64_t length,
                        double *out)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    MPI_Datatype column;
    MPI_Type_contiguous(comm_int(length), MPI_DOUBLE, &column);
    MPI_Type_commit(&column);
    int64_t first, count;
    distributed_range(n_columns, size, rank, &first, &count);
    /* Point to point: counts and offsets of a Gatherv would have to fit an int in all. */
    if (rank != 0 && count > 0) MPI_Send(own, comm_int(count), column, 0, 0, comm);
    if (rank == 0) {
        MPI_Sendrecv(own, comm_int(count), column, 0, 0, out, comm_int(count), column, 0, 0,
                     comm, MPI_STATUS_IGNORE);
        for (int p = 1; p < size; p++) {
            distributed_range(n_columns, size, p, &first, &count);
            if (count > 0)
                MPI_Recv(out + first * length, comm_int(count), column, p, 0, comm,
                         MPI_STATUS_IGNORE);
        }
    }
    MPI_Type_free(&column);
}

enum err_code distributed_sum_create(MPI_Comm comm, int64_t n_columns,
                                     struct distributed_sum **out, struct err *e)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    int64_t first, count;
    distributed_range(n_columns, size, rank, &first, &count);
    *out = NULL;
    struct distributed_sum *s = calloc(1, sizeof *s);
    double *c = calloc((size_t)(count * n_columns) + 1, sizeof *c);
    enum err_code rc = s && c ? ERR_OK
                              : ERR(e, ERR_NOMEM, "no memory for %lld columns of %lld numbers",
                                    (long long)count, (long long)n_columns);
    rc = comm_agree(comm, rc, e);
    if (rc != ERR_OK) {
        free(c);
        free(s);
        return rc;
    }
    *s = (struct distributed_sum){.comm = comm, .n = comm_int(n_columns), .c = c};
    s->block = comm_int(distributed_block(n_columns, size));
    s->handle = Csys2blacs_handle(comm);
    s->context = s->handle;
    Cblacs_gridinit(&s->context, "Row", 1, size);
    *out = s;
    return ERR_OK;
}

void distributed_sum_destroy(struct distributed_sum *s)
{
    if (!s) return;
    Cblacs_gridexit(s->context);
    Cfree_blacs_system_handle(s->handle);
    free(s->c);
    free(s);
}

void distributed_sum_add(struct distributed_sum *s, double alpha, const double *a, int64_t m)
{
    int k = comm_int(m), one = 1;
    double add = 1.0;
    /* type, context, rows, columns, row block, column block, first process (2), leading dim */
    int desc_a[9] = {1, s->context, k, s->n, k, s->block, 0, 0, k};
    int desc_c[9] = {1, s->context, s->n, s->n, s->block, s->block, 0, 0, s->n};
    pdsyrk_("U", "T", &s->n, &k, &alpha, a, &one, &one, desc_a, &add, s->c, &one, &one, desc_c);
}

void distributed_sum_gather(const struct distributed_sum *s, double *out)
{
    distributed_gather(s->comm, s->c, s->n, s->n, out);
    if (!out) return;
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t i = 0; i < j; i++) out[i * s->n + j] = out[j * s->n + i];
}
