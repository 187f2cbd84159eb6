/* results_small.h - the small store of tests/golden/results, read. */
#ifndef SHOAL_TESTS_RESULTS_SMALL_H
#define SHOAL_TESTS_RESULTS_SMALL_H

#include "coord/results.h"
#include "tests/check_main.h"

static struct err e;

static inline struct results *small(void)
{
    struct results *r = NULL;
    enum err_code rc = results_read(TESTS_DIR "/golden/results/small.h5", &r, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return r;
}

#endif
