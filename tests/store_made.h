/* store_made.h - making and filling the store of the fake sweep. */
#ifndef SHOAL_TESTS_STORE_MADE_H
#define SHOAL_TESTS_STORE_MADE_H

#include <mpi.h>

#include "tests/store_fake.h"

static const char *const provenance[] = {"git",      "0123abc",      "sweep", "name: fake\n",
                                         "resolved", "name: fake\n", NULL};

static inline void start_mpi(void)
{
    int started;
    MPI_Initialized(&started);
    if (!started) MPI_Init(NULL, NULL);
}

static inline void prepared(const struct plan *p, int64_t *row)
{
    ck_assert_msg(store_prepare(path, p, provenance, row, &e) == ERR_OK, "%s", e.text);
}

/* Writes the trials first..last-1 of the plan. */
static inline void write_trials(const struct plan *p, const int64_t *row, int64_t first,
                                int64_t last)
{
    struct store *s;
    start_mpi();
    ck_assert_msg(store_open(path, &sweep.record, &s, &e) == ERR_OK, "%s", e.text);
    for (int64_t t = first; t < last; t++) fake_write(s, p, t, row[t]);
    ck_assert_int_eq(store_sync(s, &e), ERR_OK);
    ck_assert_int_eq(store_close(s, &e), ERR_OK);
}

#endif
