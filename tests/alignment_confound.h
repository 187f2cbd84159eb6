/* alignment_confound.h - inputs that all networks of a test see. */
#ifndef SHOAL_TESTS_ALIGNMENT_CONFOUND_H
#define SHOAL_TESTS_ALIGNMENT_CONFOUND_H

#include <check.h>
#include <math.h>
#include <stdint.h>

enum { CONFOUND_D = 3, CONFOUND_MOST = 4096 };

/* [n, CONFOUND_D], columns centred; overwritten by the next call. */
static inline const double *made_confound(int64_t n)
{
    static double x[CONFOUND_MOST * CONFOUND_D];
    ck_assert_int_le(n, CONFOUND_MOST);
    for (int j = 0; j < CONFOUND_D; j++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++)
            mean +=
                (x[i * CONFOUND_D + j] = sin((double)(7 * i + 3 * j * j) + 0.3)) / (double)n;
        for (int64_t i = 0; i < n; i++) x[i * CONFOUND_D + j] -= mean;
    }
    return x;
}

#endif
