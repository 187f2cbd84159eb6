/* distributed.c - owns the BLACS grid and the layout of columns over ranks.
 *
 * The grid is 1 x size, so that a rank's columns are whole and contiguous in its memory and can
 * be written by an ordinary BLAS call. Another distributed operation goes here beside
 * distributed_product, with the same layout; its routine is declared in blas.h. */
#include "linalg/distributed.h"

#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/blas.h"

struct distributed_product {
    int handle, context; /* of BLACS */
    int rows, columns, block_a, block_b;
    bool square, alone; /* alone: one rank, by BLAS itself */
    double *c;          /* [block_b, rows] own columns */
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

enum err_code distributed_product_create(MPI_Comm comm, int64_t block_a, int64_t block_b,
                                         struct distributed_product **out, struct err *e)
{
    int size;
    MPI_Comm_size(comm, &size);
    *out = NULL;
    struct distributed_product *p = calloc(1, sizeof *p);
    bool square = block_b == 0;
    if (square) block_b = block_a;
    size_t count = (size_t)(size * block_a) * (size_t)block_b + 1;
    double *c = calloc(count, sizeof *c);
    enum err_code rc = p && c ? ERR_OK
                              : ERR(e, ERR_NOMEM, "no memory for %lld columns of %lld numbers",
                                    (long long)block_b, (long long)(size * block_a));
    rc = comm_agree(comm, rc, e);
    if (rc != ERR_OK) {
        free(c), free(p);
        return rc;
    }
    *p = (struct distributed_product){.square = square, .c = c};
    p->alone = size == 1;
    p->block_a = comm_int(block_a);
    p->block_b = comm_int(block_b);
    p->rows = comm_int(size * block_a);
    p->columns = comm_int(size * block_b);
    p->handle = Csys2blacs_handle(comm);
    p->context = p->handle;
    Cblacs_gridinit(&p->context, "Row", 1, size);
    *out = p;
    return ERR_OK;
}

void distributed_product_destroy(struct distributed_product *p)
{
    if (!p) return;
    Cblacs_gridexit(p->context);
    Cfree_blacs_system_handle(p->handle);
    free(p->c), free(p);
}

void distributed_product_reset(struct distributed_product *p)
{
    memset(p->c, 0, (size_t)p->rows * (size_t)p->block_b * sizeof *p->c);
}

void distributed_product_add(struct distributed_product *p, double alpha, const double *a,
                             const double *b, int64_t m)
{
    int k = comm_int(m), one = 1;
    double add = 1.0;
    /* type, context, rows, columns, row block, column block, first process (2), leading dim */
    int desc_a[9] = {1, p->context, k, p->rows, k, p->block_a, 0, 0, k};
    int desc_b[9] = {1, p->context, k, p->columns, k, p->block_b, 0, 0, k};
    int desc_c[9] = {1, p->context, p->rows, p->columns, p->block_a, p->block_b, 0, 0, p->rows};
    if (p->alone && p->square)
        dsyrk_("U", "T", &p->rows, &k, &alpha, a, &k, &add, p->c, &p->rows);
    else if (p->alone)
        dgemm_("T", "N", &p->rows, &p->columns, &k, &alpha, a, &k, b, &k, &add, p->c, &p->rows);
    else if (p->square)
        pdsyrk_("U", "T", &p->rows, &k, &alpha, a, &one, &one, desc_a, &add, p->c, &one, &one,
                desc_c);
    else
        pdgemm_("T", "N", &p->rows, &p->columns, &k, &alpha, a, &one, &one, desc_a, b, &one,
                &one, desc_b, &add, p->c, &one, &one, desc_c);
}

double distributed_product_at(const struct distributed_product *p, int64_t row, int64_t column)
{
    return p->c[column * p->rows + row];
}

void distributed_product_copy(const struct distributed_product *p, int64_t m, double *to,
                              const int desc[9])
{
    int n = comm_int(m), one = 1;
    int from[9] = {1, p->context, p->rows, p->columns, p->block_a, p->block_b, 0, 0, p->rows};
    pdgemr2d_(&n, &n, p->c, &one, &one, from, to, &one, &one, desc, &p->context);
}
