/* test_rng.c - random numbers: known answers, bits, and statistics of fixed streams. Nothing
 * here is left to chance: a seed gives the same verdict every time. */
#include "base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tests/check_main.h"

enum { MANY = 1 << 20 };

/* source   Random123 1.14, tests/kat_vectors: philox4x32 10 */
START_TEST(test_block_gives_known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], word[4];
    } known[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const uint32_t *c = known[i].counter, *k = known[i].key;
        uint32_t word[4];
        rng_block((uint64_t)k[1] << 32 | k[0], (enum rng_purpose)c[1],
                  (uint64_t)c[3] << 32 | c[2], c[0], word);
        for (int j = 0; j < 4; j++) ck_assert_uint_eq(word[j], known[i].word[j]);
    }
}
END_TEST

START_TEST(test_streams_of_other_names_differ)
{
    uint32_t a[4], b[4];
    rng_block(1, RNG_TRAIN, 7, 0, a);
    rng_block(2, RNG_TRAIN, 7, 0, b);
    ck_assert_mem_ne(a, b, sizeof a);
    rng_block(1, RNG_TEST, 7, 0, b);
    ck_assert_mem_ne(a, b, sizeof a);
    rng_block(1, RNG_TRAIN, 7 + (1LL << 32), 0, b);
    ck_assert_mem_ne(a, b, sizeof a);
    rng_block(1, RNG_TRAIN, 7, 1, b);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_uint_ne(rng_seed(1, 2), rng_seed(2, 1));
    ck_assert_uint_ne(rng_seed(1, 2) >> 32, rng_seed(1, 3) >> 32);
}
END_TEST

START_TEST(test_words_are_those_of_the_blocks)
{
    struct rng r = rng_stream(5, RNG_TESTING, 9);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t word[4];
        rng_block(5, RNG_TESTING, 9, block, word);
        for (int j = 0; j < 4; j++) ck_assert_uint_eq(rng_u32(&r), word[j]);
    }
}
END_TEST

START_TEST(test_below_is_in_range_and_unbiased)
{
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(rng_below(&r, 1), 0);
    /* Of 3 * 2^62 values a multiplication without rejection gives the multiples of three half
     * of the time. 5 sigma of 30000 draws: 0.0136. */
    int hits = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t value = rng_below(&r, 3ULL << 62);
        ck_assert(value < 3ULL << 62);
        hits += value % 3 == 0;
    }
    ck_assert_double_eq_tol(hits / 30000.0, 1 / 3.0, 0.0136);
    double chi2 = 0;
    int count[10] = {0};
    for (int i = 0; i < 100000; i++) count[rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++) chi2 += (count[i] - 1e4) * (count[i] - 1e4) / 1e4;
    ck_assert_double_lt(chi2, 9 + 5 * sqrt(18)); /* 9 degrees of freedom, 5 sigma */
}
END_TEST

START_TEST(test_uniform_has_mean_and_variance)
{
    struct rng r = rng_stream(2, RNG_TESTING, 0);
    double sum = 0, square = 0;
    for (int i = 0; i < MANY; i++) {
        double u = rng_uniform(&r);
        ck_assert(u > 0 && u < 1);
        sum += u;
        square += (u - 0.5) * (u - 0.5);
    }
    ck_assert_double_eq_tol(sum / MANY, 0.5, 5 * sqrt(1 / 12.0 / MANY));
    ck_assert_double_eq_tol(square / MANY, 1 / 12.0, 5 * sqrt(1 / 180.0 / MANY));
}
END_TEST

START_TEST(test_permutation_is_one)
{
    enum { N = 1000 };
    int64_t order[N];
    bool seen[N] = {false};
    struct rng r = rng_stream(3, RNG_TESTING, 0);
    rng_permutation(&r, 0, order);
    rng_permutation(&r, N, order);
    for (int i = 0; i < N; i++) {
        ck_assert(order[i] >= 0 && order[i] < N && !seen[order[i]]);
        seen[order[i]] = true;
    }
}
END_TEST

START_TEST(test_permutation_is_uniform)
{
    enum { DRAWS = 120000, CELLS = 120 };
    static int count[3125]; /* five base-five digits */
    struct rng r = rng_stream(4, RNG_TESTING, 0);
    for (int i = 0; i < DRAWS; i++) {
        int64_t p[5];
        rng_permutation(&r, 5, p);
        count[(((p[0] * 5 + p[1]) * 5 + p[2]) * 5 + p[3]) * 5 + p[4]]++;
    }
    double chi2 = 0, expected = (double)DRAWS / CELLS;
    int cells = 0;
    for (int i = 0; i < 3125; i++) {
        if (!count[i]) continue;
        cells++;
        chi2 += (count[i] - expected) * (count[i] - expected) / expected;
    }
    ck_assert_int_eq(cells, CELLS);
    ck_assert_double_lt(chi2, CELLS - 1 + 5 * sqrt(2 * (CELLS - 1)));
    ck_assert_double_gt(chi2, CELLS - 1 - 5 * sqrt(2 * (CELLS - 1)));
}
END_TEST

/* --- the plain twin of rng_normals: one pair at a time, branches where they are natural --- */

static float twin_log(float x)
{
    int e;
    float m = frexpf(x, &e); /* [1/2, 1) */
    if (m < 0x1.6a09e6p-1f) {
        m *= 2;
        e--;
    }
    static const float c[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                              -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                              2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    float f = m - 1, p = c[0];
    for (int i = 1; i < 9; i++) p = p * f + c[i];
    float tail = p * f * (f * f) - 2.12194440e-4f * (float)e - 0.5f * (f * f);
    return f + tail + 0.693359375f * (float)e;
}

static void twin_pair(uint32_t first, uint32_t second, float *x, float *y)
{
    float radius = sqrtf(-2 * twin_log((float)((first >> 8) + 1) / 16777216.0f));
    int place = (int)(second >> 8 & 0x3fffff) * 2 + 1 - (1 << 22); /* 22 bits */
    float a = (float)place * (1.57079632679f / 8388608.0f), a2 = a * a;
    float s =
        ((-1.9515295891e-4f * a2 + 8.3321608736e-3f) * a2 - 1.6666654611e-1f) * a2 * a + a;
    float c =
        ((2.443315711809948e-5f * a2 - 1.388731625493765e-3f) * a2 + 4.166664568298827e-2f) *
            a2 * a2 -
        0.5f * a2 + 1;
    switch (second >> 30) {
    case 0: *x = radius * c, *y = radius * s; break;
    case 1: *x = -radius * s, *y = radius * c; break;
    case 2: *x = -radius * c, *y = -radius * s; break;
    case 3: *x = radius * s, *y = -radius * c; break;
    }
}

static void twin_normals(const struct rng *r, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t tile = i / 64, word = i % 64 / 16, lane = i % 16;
        uint32_t w[4];
        float pair[2];
        rng_block(r->seed, r->purpose, r->index, r->block + (uint32_t)(tile * 16 + lane), w);
        twin_pair(w[word & 2], w[(word & 2) + 1], &pair[0], &pair[1]);
        out[i] = pair[word & 1];
    }
}

START_TEST(test_normals_have_the_bits_of_the_twin)
{
    enum { N = 1 << 16 };
    static float fast[N], plain[N];
    for (uint64_t index = 0; index < 4; index++) {
        struct rng r = rng_stream(0x0123456789abcdef, RNG_TESTING, index << 31), start = r;
        rng_normals(&r, N, fast);
        twin_normals(&start, N, plain);
        for (int i = 0; i < N; i++)
            ck_assert_msg(fast[i] == plain[i], "%d: %a, twin %a", i, (double)fast[i],
                          (double)plain[i]);
    }
}
END_TEST

START_TEST(test_normals_do_not_depend_on_how_many)
{
    enum { N = 300 };
    float all[N], some[N];
    struct rng r = rng_stream(6, RNG_TESTING, 1);
    rng_normals(&r, N, all);
    for (int n = 0; n <= N; n++) {
        r = rng_stream(6, RNG_TESTING, 1);
        for (int i = 0; i < N; i++) some[i] = 99;
        rng_normals(&r, n, some);
        ck_assert_mem_eq(some, all, (size_t)n * sizeof *some);
        if (n < N) ck_assert(some[n] == 99);
    }
    r = rng_stream(6, RNG_TESTING, 1); /* multiples of 64 continue */
    rng_normals(&r, 128, some);
    rng_normals(&r, N - 128, some + 128);
    ck_assert_mem_eq(some, all, sizeof all);
    r = rng_stream(6, RNG_TESTING, 1); /* a block begun is left */
    rng_u32(&r);
    struct rng next = rng_stream(6, RNG_TESTING, 1);
    next.block = 1;
    rng_normals(&r, N, some);
    rng_normals(&next, N, all);
    ck_assert_mem_eq(some, all, sizeof all);
    ck_assert_uint_eq(rng_u32(&r), rng_u32(&next)); /* and words go on behind the normals */
}
END_TEST

/* Results of published sweeps hang on these bits: a change of them is a change of the format.
 */
START_TEST(test_normals_never_change)
{
    static const float known[] = {0x1.01939cp+1f,  0x1.345faap-5f,  -0x1.eb4f0cp-3f,
                                  -0x1.d17aeap-2f, -0x1.c572f6p-2f, -0x1.a5a13p-1f};
    float x[100];
    struct rng r = rng_stream(20261101, RNG_TRAIN, 3);
    rng_normals(&r, 100, x);
    static const int at[] = {0, 17, 34, 51, 68, 99};
    for (int i = 0; i < 6; i++)
        ck_assert_msg(x[at[i]] == known[i], "%d: %a", at[i], (double)x[at[i]]);
}
END_TEST

START_TEST(test_many_words_are_those_of_the_blocks)
{
    enum { N = 150 };
    uint32_t all[N], block[4];
    struct rng r = rng_stream(9, RNG_TESTING, 5);
    rng_words(&r, N, all);
    for (uint32_t i = 0; i < N; i++) { /* word i / 16 % 4 of block i % 16 of tile i / 64 */
        rng_block(9, RNG_TESTING, 5, i / 64 * 16 + i % 16, block);
        ck_assert_uint_eq(all[i], block[i / 16 % 4]);
    }
    ck_assert_uint_eq(r.block, 48);
    uint32_t some[N];
    r = rng_stream(9, RNG_TESTING, 5); /* multiples of 64 continue */
    rng_words(&r, 64, some);
    rng_words(&r, N - 64, some + 64);
    ck_assert_mem_eq(some, all, sizeof all);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

START_TEST(test_normals_are_normal)
{
    float *x = malloc(MANY * sizeof *x);
    struct rng r = rng_stream(7, RNG_TESTING, 0);
    rng_normals(&r, MANY, x);
    double moment[5] = {0}, beyond[5] = {0}, n = MANY;
    for (int i = 0; i < MANY; i++) {
        double power = 1, v = (double)x[i];
        for (int k = 1; k <= 4; k++) moment[k] += (power *= v) / n;
        for (int k = 1; k <= 4; k++) beyond[k] += fabs(v) > k;
    }
    /* 5 sigma; variances of the moments of a normal: 1, 2, 15, 96 over n */
    static const double want[] = {0, 0, 1, 0, 3}, spread[] = {0, 1, 2, 15, 96};
    for (int k = 1; k <= 4; k++)
        ck_assert_double_eq_tol(moment[k], want[k], 5 * sqrt(spread[k] / n));
    for (int k = 1; k <= 4; k++) { /* tails: P(|x| > 3) = 0.0027 */
        double p = erfc(k / sqrt(2));
        ck_assert_double_eq_tol(beyond[k] / n, p, 5 * sqrt(p * (1 - p) / n));
    }
    /* neighbours, words of one block, and their squares are uncorrelated */
    static const int lag[] = {1, 16, 32, 48, 64};
    for (int k = 0; k < 5; k++) {
        double c = 0, c2 = 0;
        for (int i = 0; i + lag[k] < MANY; i++) {
            double u = (double)x[i], v = (double)x[i + lag[k]];
            c += u * v / n;
            c2 += (u * u - 1) * (v * v - 1) / n;
        }
        ck_assert_double_eq_tol(c, 0, 5 / sqrt(n));
        ck_assert_double_eq_tol(c2, 0, 5 * 2 / sqrt(n));
    }
    qsort(x, MANY, sizeof *x, by_value); /* Kolmogorov-Smirnov, 0.1 % level */
    double distance = 0;
    for (int i = 0; i < MANY; i++) {
        double p = 0.5 * erfc(-(double)x[i] / sqrt(2));
        distance = fmax(distance, fmax(fabs(p - i / n), fabs(p - (i + 1) / n)));
    }
    ck_assert_double_lt(distance * sqrt(n), 1.95);
    free(x);
}
END_TEST

START_TEST(test_normal_of_the_scalar_reader_is_normal)
{
    struct rng r = rng_stream(8, RNG_TESTING, 0);
    double sum = 0, square = 0, beyond = 0, n = MANY;
    for (int i = 0; i < MANY; i++) {
        double v = rng_normal(&r);
        sum += v / n;
        square += v * v / n;
        beyond += fabs(v) > 3;
    }
    ck_assert_double_eq_tol(sum, 0, 5 / sqrt(n));
    ck_assert_double_eq_tol(square, 1, 5 * sqrt(2 / n));
    ck_assert_double_eq_tol(beyond / n, 0.0026998, 5 * sqrt(0.0027 / n));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rng");
    TCase *t = check_case(s, "rng");
    tcase_add_test(t, test_block_gives_known_answers);
    tcase_add_test(t, test_streams_of_other_names_differ);
    tcase_add_test(t, test_words_are_those_of_the_blocks);
    tcase_add_test(t, test_below_is_in_range_and_unbiased);
    tcase_add_test(t, test_uniform_has_mean_and_variance);
    tcase_add_test(t, test_permutation_is_one);
    tcase_add_test(t, test_permutation_is_uniform);
    tcase_add_test(t, test_normals_have_the_bits_of_the_twin);
    tcase_add_test(t, test_normals_do_not_depend_on_how_many);
    tcase_add_test(t, test_normals_never_change);
    tcase_add_test(t, test_many_words_are_those_of_the_blocks);
    tcase_add_test(t, test_normals_are_normal);
    tcase_add_test(t, test_normal_of_the_scalar_reader_is_normal);
    return check_run(s);
}
