/* check_main.h - how a test program runs its suite. */
#ifndef SHOAL_TESTS_CHECK_MAIN_H
#define SHOAL_TESTS_CHECK_MAIN_H

#include <check.h>
#include <mpi.h>
#include <unistd.h>

/* A test that hangs fails before CTest ends its program (tests/CMakeLists.txt). */
enum { CHECK_TIMEOUT_S = 100 };

/* A case of the suite, to which tests are added. */
static inline TCase *check_case(Suite *suite, const char *name)
{
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, CHECK_TIMEOUT_S);
    suite_add_tcase(suite, c);
    return c;
}

/* Runs the suite and frees it; the status that main returns. */
static inline int check_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* The same on every rank of MPI_COMM_WORLD, after MPI_Init: the first rank reports, another
 * only what fails there, and all return the same. Without forks, for a forked child must not
 * use MPI. Collective. */
static inline int check_run_ranks(Suite *suite)
{
    int rank, failed;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    alarm(CHECK_TIMEOUT_S); /* a deadlock ends as a failure */
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, rank == 0 ? CK_ENV : CK_SILENT);
    failed = srunner_ntests_failed(runner);
    if (failed && rank != 0) srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return failed != 0;
}

#endif
