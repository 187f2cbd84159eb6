/* distributed.h - products of matrices whose columns are spread over ranks, on ScaLAPACK.
 *
 * Columns lie in contiguous blocks: rank p holds [p * block, (p + 1) * block) as far as there
 * are that many. A rank may hold none. */
#ifndef SHOAL_LINALG_DISTRIBUTED_H
#define SHOAL_LINALG_DISTRIBUTED_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Columns per rank. Local. */
int64_t distributed_block(int64_t n_columns, int size);

/* The columns of one rank: first and how many. Local. */
void distributed_range(int64_t n_columns, int size, int rank, int64_t *first, int64_t *count);

/* C[a, b] += alpha A'B, or A'A, for tall matrices that are made and added a few rows at a time.
 *
 * Every rank has the same number of columns, so that some of them may be padding, which is 0. */
struct distributed_product;

/* Starts with C = 0. Collective over comm, which must outlive the product.
 *
 * block_a, block_b  columns of each rank; block_b = 0: C = A'A, of which only the entries with
 *                   row <= column are kept
 * cost              size * block_a * block_b numbers on each rank */
enum err_code distributed_product_create(MPI_Comm comm, int64_t block_a, int64_t block_b,
                                         struct distributed_product **out, struct err *e);
void distributed_product_destroy(struct distributed_product *p);
void distributed_product_reset(struct distributed_product *p);

/* Adds m rows: a[block_a, m] holds this rank's columns of them one after the other, b[block_b, m]
 * likewise (NULL with block_b = 0). Collective.
 * cost     2 m a b flops over all ranks, half for A'A; m numbers of each column travel */
void distributed_product_add(struct distributed_product *p, double alpha, const double *a,
                             const double *b, int64_t m);

/* C at a row of all and one of this rank's columns. Local. */
double distributed_product_at(const struct distributed_product *p, int64_t row, int64_t column);

/* The leading C[m, m] into a matrix of ScaLAPACK on a grid of all ranks, to[], described by desc.
 * Collective. */
void distributed_product_copy(const struct distributed_product *p, int64_t m, double *to,
                              const int desc[9]);

#endif
