/* test_comm.c - agreement of ranks: whoever fails, all return the same code and text. Runs on
 * 1 to 4 ranks; each test is collective, so an assertion is agreed on before it is made. */
#include "base/comm.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/check_main.h"

static int rank, ranks;

/* A condition of this rank, asserted by all: one that failed alone would leave the others
 * waiting in the next collective. */
static void all_assert(bool mine, const char *what)
{
    int all, one = mine;
    if (!mine) fprintf(stderr, "rank %d of %d: not true: %s\n", rank, ranks, what);
    MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    ck_assert_msg(all, "%s", what);
}
#define ALL(cond) all_assert(cond, #cond)

/* The ranks of set (bits) fail, each with a code and text of its own. */
static enum err_code phase(unsigned set, struct err *e)
{
    if (!(set >> rank & 1)) return ERR_OK;
    return ERR(e, rank % 2 ? ERR_IO : ERR_FORMAT, "rank %d could not", rank);
}

START_TEST(test_agree_tells_the_lowest_failure)
{
    for (unsigned set = 1; set < 1u << ranks; set++) {
        int lowest = 0;
        while (!(set >> lowest & 1)) lowest++;
        struct err e = {.code = ERR_OK, .rank = -7};
        enum err_code local = phase(set, &e), rc = comm_agree(MPI_COMM_WORLD, local, &e);
        char text[64];
        snprintf(text, sizeof text, "rank %d could not", lowest);
        ALL(rc == (lowest % 2 ? ERR_IO : ERR_FORMAT));
        ALL(e.code == rc);
        ALL(e.rank == lowest);
        ALL(strcmp(e.text, text) == 0);
        ALL(strcmp(e.file, "test_comm.c") == 0);
        ALL(e.line > 0);
    }
}
END_TEST

START_TEST(test_agree_without_an_error_struct)
{
    for (unsigned set = 1; set < 1u << ranks; set++)
        ALL(comm_agree(MPI_COMM_WORLD, phase(set, NULL), NULL) != ERR_OK);
    struct err e = {0}; /* some ranks pass one, some do not */
    bool with = rank % 2;
    enum err_code local = phase(1, with ? &e : NULL);
    enum err_code rc = comm_agree(MPI_COMM_WORLD, local, with ? &e : NULL);
    ALL(rc == ERR_FORMAT);
    ALL(!with || (e.rank == 0 && e.code == ERR_FORMAT));
}
END_TEST

START_TEST(test_agree_is_silent_when_all_is_well)
{
    struct err e = {.code = ERR_BUSY, .rank = 3, .line = 9};
    for (int i = 0; i < 100; i++) ALL(comm_agree(MPI_COMM_WORLD, ERR_OK, &e) == ERR_OK);
    ALL(e.code == ERR_BUSY && e.rank == 3 && e.line == 9);
}
END_TEST

START_TEST(test_agree_within_a_part)
{
    MPI_Comm part;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &part);
    struct err e = {0};
    enum err_code local = rank == 1 ? ERR(&e, ERR_NOMEM, "odd") : ERR_OK;
    enum err_code rc = comm_agree(part, local, &e);
    MPI_Comm_free(&part);
    ALL(rc == (rank % 2 ? ERR_NOMEM : ERR_OK));
    ALL(rank % 2 == 0 || (e.rank == 0 && strcmp(e.text, "odd") == 0));
}
END_TEST

START_TEST(test_int_takes_what_fits)
{
    ALL(comm_int(0) == 0);
    ALL(comm_int(2147483647) == 2147483647);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    Suite *s = suite_create("comm");
    TCase *t = check_case(s, "comm");
    tcase_add_test(t, test_agree_tells_the_lowest_failure);
    tcase_add_test(t, test_agree_without_an_error_struct);
    tcase_add_test(t, test_agree_is_silent_when_all_is_well);
    tcase_add_test(t, test_agree_within_a_part);
    tcase_add_test(t, test_int_takes_what_fits);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
