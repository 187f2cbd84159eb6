/* alignment_inputs.h - pairs of representations of the golden cases, for test_alignment.c.
 *
 * Integers from a linear congruential generator, mixed and divided by 128: exact in float32,
 * the same wherever they are made. */
#ifndef SHOAL_TESTS_ALIGNMENT_INPUTS_H
#define SHOAL_TESTS_ALIGNMENT_INPUTS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint32_t lcg_u32(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*s >> 32);
}

static int lcg_int8(uint64_t *s)
{
    return (int)(lcg_u32(s) >> 24) - 128;
}

static int lcg_small(uint64_t *s)
{
    return (int)(lcg_u32(s) >> 24) % 5 - 2;
}

static inline double lcg_gauss(uint64_t *s)
{
    double u = (lcg_u32(s) + 0.5) / 4294967296.0, v = (lcg_u32(s) + 0.5) / 4294967296.0;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static int *lcg_ints(uint64_t *s, int64_t count, int (*draw)(uint64_t *))
{
    int *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = draw(s);
    return x;
}

/* (z p + noise e) / 128 */
static float *mixture(const int *z, const int *p, const int *e, int64_t n, int64_t r, int64_t d,
                      int noise)
{
    float *x = malloc((size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            int sum = noise * e[i * d + j];
            for (int64_t l = 0; l < r; l++) sum += z[i * r + l] * p[l * d + j];
            x[i * d + j] = (float)sum / 128.0f;
        }
    return x;
}

/* Two representations of the same probes. */
struct pair {
    int64_t n, d[2];
    float *x[2];
};

static struct pair make_pair(uint64_t seed, int64_t n, int64_t d_a, int64_t d_b, int64_t r,
                             int noise)
{
    int *z = lcg_ints(&seed, n * r, lcg_int8);
    int *p_a = lcg_ints(&seed, r * d_a, lcg_small), *p_b = lcg_ints(&seed, r * d_b, lcg_small);
    int *e_a = lcg_ints(&seed, n * d_a, lcg_int8), *e_b = lcg_ints(&seed, n * d_b, lcg_int8);
    struct pair out = {.n = n, .d = {d_a, d_b}};
    out.x[0] = mixture(z, p_a, e_a, n, r, d_a, noise);
    out.x[1] = mixture(z, p_b, e_b, n, r, d_b, noise);
    free(z), free(p_a), free(p_b), free(e_a), free(e_b);
    return out;
}

static inline void pair_clear(struct pair *p)
{
    free(p->x[0]);
    free(p->x[1]);
}

static void copy_row(float *x, int64_t d, int64_t to, int64_t from)
{
    memcpy(x + to * d, x + from * d, (size_t)d * sizeof *x);
}

static void edit_dup_all(struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        int64_t count = p->n * p->d[side];
        p->x[side] = realloc(p->x[side], (size_t)(2 * count) * sizeof(float));
        memcpy(p->x[side] + count, p->x[side], (size_t)count * sizeof(float));
    }
    p->n *= 2;
}

static void edit_dup_some(struct pair *p)
{
    for (int64_t to = 10; to <= 40; to += 10) copy_row(p->x[0], p->d[0], to, 5);
    for (int64_t to = 11; to <= 21; to += 10) copy_row(p->x[1], p->d[1], to, 7);
}

static void constant_columns(struct pair *p, float value)
{
    for (int64_t i = 0; i < p->n; i++)
        p->x[0][i * p->d[0] + 3] = p->x[1][i * p->d[1] + 5] = value;
}

static void edit_const1(struct pair *p)
{
    constant_columns(p, 1.0f);
}

static void edit_const01(struct pair *p)
{
    constant_columns(p, 0.1f);
}

static void edit_zero_row(struct pair *p)
{
    memset(p->x[0] + 17 * p->d[0], 0, (size_t)p->d[0] * sizeof(float));
}

static void edit_identical(struct pair *p)
{
    memcpy(p->x[1], p->x[0], (size_t)(p->n * p->d[0]) * sizeof(float));
}

/* B = A times a signed permutation: exact in floating point. */
static void edit_rotated(struct pair *p)
{
    static const int to[] = {3, 7, 0, 11, 5, 9, 1, 10, 2, 8, 4, 6};
    for (int64_t i = 0; i < p->n; i++)
        for (int j = 0; j < 12; j++)
            p->x[1][i * 12 + to[j]] = (j % 2 ? -1 : 1) * p->x[0][i * 12 + j];
}

static void edit_scaled(struct pair *p)
{
    for (int64_t i = 0; i < p->n * p->d[0]; i++) p->x[1][i] = 4 * p->x[0][i];
}

static void edit_independent(struct pair *p)
{
    uint64_t s = 10;
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < p->n * p->d[side]; i++)
            p->x[side][i] = (float)lcg_int8(&s) / 128.0f;
}

/* `ties`: where similarities tie to the last bit, the reference sees rounding, not the index.
 */
static const struct golden_case {
    const char *name;
    int64_t seed, n, d_a, d_b, r;
    int noise;
    void (*edit)(struct pair *p);
} golden_cases[] = {
    {"n64_d8_d16", 1, 64, 8, 16, 6, 1, NULL},
    {"n256_d32_d64", 2, 256, 32, 64, 12, 2, NULL},
    {"n32_d128_d48", 3, 32, 128, 48, 8, 2, NULL},
    {"n1024_d48_d64", 4, 1024, 48, 64, 16, 4, NULL},
    {"dup_all_n64_d12_d12", 5, 32, 12, 12, 6, 1, edit_dup_all},
    {"dup_some_n64_d12_d16", 6, 64, 12, 16, 6, 1, edit_dup_some},
    {"const1_n64_d16_d16", 7, 64, 16, 16, 8, 1, edit_const1},
    {"const01_n64_d16_d16", 7, 64, 16, 16, 8, 1, edit_const01},
    {"zero_row_n64_d8_d8", 8, 64, 8, 8, 5, 1, edit_zero_row},
    {"identical_n64_d12", 9, 64, 12, 12, 6, 1, edit_identical},
    {"rotated_n64_d12", 9, 64, 12, 12, 6, 1, edit_rotated},
    {"scaled_n64_d12", 9, 64, 12, 12, 6, 1, edit_scaled},
    {"indep_n64_d8_d16", 10, 64, 8, 16, 6, 1, edit_independent},
};
enum { N_GOLDEN = sizeof golden_cases / sizeof *golden_cases };

static inline struct pair golden_pair(const struct golden_case *g)
{
    struct pair p = make_pair((uint64_t)g->seed, g->n, g->d_a, g->d_b, g->r, g->noise);
    if (g->edit) g->edit(&p);
    return p;
}

#endif
