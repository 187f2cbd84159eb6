/* distributed.h - products of matrices whose columns are spread over ranks, on ScaLAPACK.
 *
 * Columns lie in contiguous blocks: rank p holds [p * block, (p + 1) * block) as far as there
 * are that many. A rank may hold none. */
#ifndef SHOAL_LINALG_DISTRIBUTED_H
#define SHOAL_LINALG_DISTRIBUTED_H

#include <mpi.h>
#include <stdint.h>

#include "base/err.h"

/* Columns per rank. Local. */
int64_t distributed_block(int64_t n_columns, int size);

/* The columns of one rank: first and how many. Local. */
void distributed_range(int64_t n_columns, int size, int rank, int64_t *first, int64_t *count);

/* Collects the columns on rank 0. Collective over comm.
 *
 * own[count, length]      this rank's columns, one after the other
 * out[n_columns, length]  on rank 0, NULL elsewhere */
void distributed_gather(MPI_Comm comm, const double *own, int64_t n_columns, int64_t length,
                        double *out);

/* C[n, n] += alpha A'A, for an A that is made and added a few rows at a time. */
struct distributed_sum;

/* Starts with C = 0. Collective over comm, which must outlive the sum.
 * cost     n * count numbers on each rank */
enum err_code distributed_sum_create(MPI_Comm comm, int64_t n_columns,
                                     struct distributed_sum **out, struct err *e);
void distributed_sum_destroy(struct distributed_sum *s);

/* Adds m rows: a[count, m] holds this rank's columns of them one after the other. Collective.
 * cost     m n^2 flops over all ranks; m n numbers travel to each */
void distributed_sum_add(struct distributed_sum *s, double alpha, const double *a, int64_t m);

/* C on rank 0, both triangles; out is NULL elsewhere. Collective. */
void distributed_sum_gather(const struct distributed_sum *s, double *out);

#endif
