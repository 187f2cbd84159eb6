/* distributed_eigen.c - the covariance is a distributed product, in which each rank has whole
 * columns; for the eigenvalues it is dealt out anew in small blocks, so that no rank is without
 * work when the first columns are reduced. */
#include "linalg/distributed_eigen.h"

#include <math.h>
#include <stdlib.h>

#include "base/comm.h"
#include "linalg/blas.h"
#include "linalg/distributed.h"
#include "linalg/features.h"

enum { BLOCK = 64 };

/* A symmetric matrix on a grid of all ranks. */
struct square {
    int handle, context; /* of BLACS */
    int n, desc[9];
    double *at, *work; /* own part */
};

static enum err_code square_init(MPI_Comm comm, int64_t m, struct square *s, struct err *e)
{
    int size, grid[2] = {0, 0}, row, column, block = BLOCK, zero = 0;
    MPI_Comm_size(comm, &size);
    MPI_Dims_create(size, 2, grid);
    *s = (struct square){.handle = Csys2blacs_handle(comm), .n = comm_int(m)};
    s->context = s->handle;
    Cblacs_gridinit(&s->context, "Row", grid[0], grid[1]);
    Cblacs_gridinfo(s->context, &grid[0], &grid[1], &row, &column);
    int rows = numroc_(&s->n, &block, &row, &zero, &grid[0]);
    int columns = numroc_(&s->n, &block, &column, &zero, &grid[1]);
    const int desc[9] = {1, s->context, s->n, s->n, BLOCK, BLOCK, 0, 0, rows > 1 ? rows : 1};
    for (int i = 0; i < 9; i++) s->desc[i] = desc[i];
    s->at = malloc(((size_t)rows * (size_t)columns + 1) * sizeof *s->at);
    return s->at ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for a spectrum");
}

static void square_clear(struct square *s)
{
    Cblacs_gridexit(s->context);
    Cfree_blacs_system_handle(s->handle);
    free(s->at), free(s->work);
}

/* value[n] ascending. Collective. */
static enum err_code solve(MPI_Comm comm, struct square *s, double *value, struct err *e)
{
    int one = 1, size = -1, info;
    double wanted, none;
    pdsyev_("N", "U", &s->n, s->at, &one, &one, s->desc, value, &none, &one, &one, s->desc,
            &wanted, &size, &info);
    size = comm_int((long long)wanted);
    s->work = malloc((size_t)size * sizeof *s->work);
    enum err_code rc = s->work ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for a spectrum");
    TRY(comm_agree(comm, rc, e));
    pdsyev_("N", "U", &s->n, s->at, &one, &one, s->desc, value, &none, &one, &one, s->desc,
            s->work, &size, &info);
    rc = info == 0
             ? ERR_OK
             : ERR(e, ERR_ENV, "ScaLAPACK finds no eigenvalues of a covariance: %d", info);
    return comm_agree(comm, rc, e);
}

/* What root sends: the centred columns of X one after the other, or its rows where they are
 * fewer. Local to root. NULL: no memory. */
static double *columns_of(int64_t n, int64_t d, double *x)
{
    features_centre(x, n, d);
    double *out = malloc((size_t)(n * d + 1) * sizeof *out);
    for (int64_t i = 0; out && i < n; i++)
        for (int64_t j = 0; j < d; j++) out[n < d ? i * d + j : j * n + i] = x[i * d + j];
    return out;
}

/* own[block, k]: the columns of this rank, 0 where there are none. Collective. */
static enum err_code scatter(MPI_Comm comm, int root, const double *all, int64_t m, int64_t k,
                             double *own, struct err *e)
{
    int size, rank;
    MPI_Datatype column;
    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &rank);
    int *count = calloc(2 * (size_t)size, sizeof *count), *first = count + size;
    enum err_code rc = count ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for a spectrum");
    rc = comm_agree(comm, rc, e);
    for (int p = 0; rc == ERR_OK && p < size; p++) {
        int64_t begin, n;
        distributed_range(m, size, p, &begin, &n);
        first[p] = comm_int(begin);
        count[p] = comm_int(n);
    }
    if (rc == ERR_OK) {
        MPI_Type_contiguous(comm_int(k), MPI_DOUBLE, &column);
        MPI_Type_commit(&column);
        MPI_Scatterv(all, count, first, column, own, count[rank], column, root, comm);
        MPI_Type_free(&column);
    }
    free(count);
    return rc;
}

/* Descending, and what is below 0 by rounding is 0. */
static void turn(int64_t m, double *value)
{
    for (int64_t i = 0; i < (m + 1) / 2; i++) {
        double low = value[i], high = value[m - 1 - i];
        value[i] = fmax(high, 0);
        value[m - 1 - i] = fmax(low, 0);
    }
}

enum err_code distributed_eigenvalues(MPI_Comm comm, int root, int64_t n, int64_t d, double *x,
                                      double *value, struct err *e)
{
    int rank, size;
    int64_t m = n < d ? n : d, k = n < d ? d : n;
    double *all = NULL;
    struct square s = {0};
    struct distributed_product *p = NULL;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (m < 1) return ERR_OK;
    int64_t block = distributed_block(m, size);
    double *own = calloc((size_t)(block * k), sizeof *own);
    enum err_code rc = own ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for a spectrum");
    if (rank == root && !features_finite(x, n * d))
        rc = ERR(e, ERR_SHAPE, "a representation has numbers that are not finite");
    if (rank == root && rc == ERR_OK && !(all = columns_of(n, d, x)))
        rc = ERR(e, ERR_NOMEM, "no memory for a spectrum");
    rc = comm_agree(comm, rc, e);
    if (rc == ERR_OK) rc = scatter(comm, root, all, m, k, own, e);
    free(all);
    if (rc == ERR_OK) rc = distributed_product_create(comm, block, 0, &p, e);
    if (rc == ERR_OK) {
        distributed_product_add(p, 1 / (double)n, own, NULL, k);
        rc = comm_agree(comm, square_init(comm, m, &s, e), e);
        if (rc == ERR_OK) distributed_product_copy(p, m, s.at, s.desc);
        if (rc == ERR_OK) rc = solve(comm, &s, value, e);
        square_clear(&s);
    }
    distributed_product_destroy(p);
    free(own);
    if (rc == ERR_OK) turn(m, value);
    return rc;
}
