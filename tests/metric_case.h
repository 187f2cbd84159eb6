/* metric_case.h - what every measure on forms is tested for, on the golden inputs. */
#ifndef SHOAL_TESTS_METRIC_CASE_H
#define SHOAL_TESTS_METRIC_CASE_H

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/metric_local.h"
#include "tests/alignment_inputs.h"

struct measure {
    const char *name;
    const struct form *form;
    form_pair *pair;
    form_scratch *scratch;
    int64_t k;
    bool symmetric;
    double low, high, self;
};

/* A representation in double precision. */
struct matrix {
    int64_t n, d;
    double *x; /* [n, d] */
};

static struct matrix matrix_new(int64_t n, int64_t d)
{
    return (struct matrix){n, d, calloc((size_t)(n * d), sizeof(double))};
}

static struct matrix gaussian(uint64_t seed, int64_t n, int64_t d)
{
    struct matrix out = matrix_new(n, d);
    for (int64_t i = 0; i < n * d; i++) out.x[i] = lcg_gauss(&seed);
    return out;
}

static struct form_side side_new(const struct measure *m, const struct matrix *a)
{
    struct form_side out = {.shape = {a->n, a->d, m->k}};
    size_t bytes = (size_t)(a->n * a->d) * sizeof(double);
    double *copy = malloc(bytes);
    void *form = malloc(m->form->size(&out.shape));
    memcpy(copy, a->x, bytes);
    ck_assert_int_eq(m->form->make(&out.shape, copy, form, NULL), ERR_OK);
    ck_assert(m->form->size(&out.shape) % 8 == 0);
    free(copy);
    out.form = form;
    return out;
}

static void side_free(struct form_side *s)
{
    free((void *)s->form);
}

/* The scratch has the size asked for, so that the sanitizer sees what goes beyond it. */
static double side_score(const struct measure *m, const struct form_side *a,
                         const struct form_side *b)
{
    void *scratch = malloc(m->scratch(&a->shape, &b->shape));
    double out = m->pair(a, b, scratch);
    free(scratch);
    return out;
}

static double score(const struct measure *m, const struct matrix *a, const struct matrix *b)
{
    struct form_side f = side_new(m, a), g = side_new(m, b);
    double out = side_score(m, &f, &g);
    side_free(&f), side_free(&g);
    return out;
}

static void near(const char *what, double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance || (isnan(got) && isnan(want)),
                  "%s: %.17g, want %.17g", what, got, want);
}

static void golden_matrices(const struct golden_case *g, struct matrix out[2])
{
    struct pair p = golden_pair(g);
    for (int side = 0; side < 2; side++) {
        out[side] = matrix_new(p.n, p.d[side]);
        for (int64_t i = 0; i < p.n * p.d[side]; i++) out[side].x[i] = p.x[side][i];
    }
    pair_clear(&p);
}

static void shuffle(uint64_t seed, int64_t n, int32_t *perm)
{
    for (int64_t i = 0; i < n; i++) perm[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = lcg_u32(&seed) % (i + 1);
        int32_t swap = perm[i];
        perm[i] = perm[j];
        perm[j] = swap;
    }
}

static struct matrix permuted(const struct matrix *a, const int32_t *perm)
{
    struct matrix out = matrix_new(a->n, a->d);
    for (int64_t i = 0; i < a->n; i++)
        memcpy(out.x + i * a->d, a->x + perm[i] * a->d, (size_t)a->d * sizeof(double));
    return out;
}

static struct form_side side_permuted(const struct measure *m, const struct form_side *s,
                                      const int32_t *perm)
{
    size_t size = m->form->size(&s->shape);
    void *form = malloc(size);
    memset(form, 0xff, size);
    m->form->permute(&s->shape, s->form, perm, form);
    return (struct form_side){s->shape, form};
}

/* Range, symmetry and self; returns whether there was a score. */
static bool check_scores(const struct measure *m, const struct matrix *a,
                         const struct matrix *b)
{
    double ab = score(m, a, b), ba = score(m, b, a), aa = score(m, a, a);
    if (!isnan(aa)) near(m->name, aa, m->self, 1e-12);
    if (isnan(ab)) {
        ck_assert(isnan(ba));
        return false;
    }
    ck_assert_msg(ab >= m->low && ab <= m->high, "%s: %.17g", m->name, ab);
    ck_assert(ba >= m->low && ba <= m->high);
    if (m->symmetric) near(m->name, ab, ba, 1e-12);
    return true;
}

/* Rows in another order: both sides, and one side's form against one made so. */
static void check_permuted(const struct measure *m, const struct matrix *a,
                           const struct matrix *b)
{
    int32_t *perm = malloc((size_t)a->n * sizeof *perm);
    shuffle(77, a->n, perm);
    struct matrix moved = permuted(a, perm);
    struct form_side f = side_new(m, a), g = side_new(m, b), made = side_new(m, &moved);
    struct form_side f_moved = side_permuted(m, &f, perm), g_moved = side_permuted(m, &g, perm);
    near(m->name, side_score(m, &f_moved, &g_moved), side_score(m, &f, &g), 1e-12);
    near(m->name, side_score(m, &f_moved, &g), side_score(m, &made, &g), 1e-12);
    near(m->name, side_score(m, &g, &f_moved), side_score(m, &g, &made), 1e-12);
    side_free(&f), side_free(&g), side_free(&made), side_free(&f_moved), side_free(&g_moved);
    free(moved.x), free(perm);
}

static void check_not_finite(const struct measure *m, const struct matrix *a,
                             const struct matrix *b)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    int32_t *perm = malloc((size_t)a->n * sizeof *perm);
    shuffle(78, a->n, perm);
    struct form_side g = side_new(m, b);
    for (int i = 0; i < 3; i++) {
        double keep = a->x[a->n * a->d / 2];
        a->x[a->n * a->d / 2] = bad[i];
        struct form_side f = side_new(m, a), moved = side_permuted(m, &f, perm);
        ck_assert(isnan(side_score(m, &f, &g)) && isnan(side_score(m, &g, &f)));
        ck_assert(isnan(side_score(m, &moved, &g)) && isnan(side_score(m, &f, &f)));
        side_free(&f), side_free(&moved);
        a->x[a->n * a->d / 2] = keep;
    }
    side_free(&g);
    free(perm);
}

/* All of it on the golden inputs; returns how many pairs had a score. */
static int check_measure(const struct measure *m)
{
    int scored = 0;
    for (int i = 0; i < N_GOLDEN; i++) {
        struct matrix a[2];
        golden_matrices(&golden_cases[i], a);
        scored += check_scores(m, &a[0], &a[1]);
        check_permuted(m, &a[0], &a[1]);
        check_not_finite(m, &a[0], &a[1]);
        free(a[0].x), free(a[1].x);
    }
    return scored;
}

#endif
