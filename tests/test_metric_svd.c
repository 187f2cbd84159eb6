/* CCA, SVCCA, PWCCA, Procrustes and linear regression, against plain twins: bases by
 * Gram-Schmidt, singular values by one-sided Jacobi rotations, regression by the normal
 * equations. */
#include <jansson.h>

#include "linalg/metric_local.h"
#include "tests/check_main.h"
#include "tests/metric_case.h"

static const struct measure measures[] = {
    {"cca", &form_svd, metric_cca, metric_cca_scratch, 0, true, 0, 1, 1},
    {"pwcca", &form_svd, metric_pwcca, metric_pwcca_scratch, 0, false, 0, 1, 1},
    {"procrustes", &form_svd, metric_procrustes, metric_procrustes_scratch, 0, true, 0, 1, 1},
    {"linear_regression", &form_svd, metric_linear_regression, metric_linear_regression_scratch,
     0, false, 0, 1, 1},
    {"svcca@3", &form_svd_standard, metric_svcca, metric_svcca_scratch, 3, true, 0, 1, 1},
};
enum { CCA, PWCCA, PROCRUSTES, REGRESSION, SVCCA, N_MEASURES };

static double measured(int m, const struct matrix *a, const struct matrix *b)
{
    return score(&measures[m], a, b);
}

/* ---- twins ---- */

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Columns of a, centred, one after the other: out[d][n]. */
static double *centred(const struct matrix *a)
{
    double *out = malloc((size_t)(a->n * a->d) * sizeof *out);
    for (int64_t j = 0; j < a->d; j++) {
        double mean = 0, *column = out + j * a->n;
        for (int64_t i = 0; i < a->n; i++) mean += a->x[i * a->d + j] / (double)a->n;
        for (int64_t i = 0; i < a->n; i++) column[i] = a->x[i * a->d + j] - mean;
    }
    return out;
}

/* Orthonormal basis of count columns, in place, each cleaned twice; returns how many. */
static int64_t gram_schmidt(double *x, int64_t n, int64_t count)
{
    int64_t rank = 0;
    for (int64_t j = 0; j < count; j++) {
        double *q = x + rank * n, before = sqrt(dot(x + j * n, x + j * n, n));
        memmove(q, x + j * n, (size_t)n * sizeof *q);
        for (int64_t l = 0; l < 2 * rank; l++) {
            const double *other = x + l % rank * n;
            double along = dot(q, other, n);
            for (int64_t i = 0; i < n; i++) q[i] -= along * other[i];
        }
        double norm = sqrt(dot(q, q, n));
        if (norm <= 1e-11 * before) continue;
        for (int64_t i = 0; i < n; i++) q[i] /= norm;
        rank++;
    }
    return rank;
}

/* Rotates pairs of the columns x[count][n] until all are orthogonal: then x = U S, columns in
 * the order of descending length, which value[count] receives. v[count][count], if there is
 * one, receives the rotation. */
static void jacobi(double *x, int64_t n, int64_t count, double *value, double *v)
{
    for (int64_t i = 0; v && i < count * count; i++) v[i] = i % (count + 1) == 0;
    for (int sweep = 0; sweep < 30; sweep++)
        for (int64_t p = 0; p < count; p++)
            for (int64_t q = p + 1; q < count; q++) {
                double *a = x + p * n, *b = x + q * n;
                double aa = dot(a, a, n), bb = dot(b, b, n), ab = dot(a, b, n);
                /* descending: the longer one first */
                double angle = atan2(2 * ab, aa - bb) / 2, c = cos(angle), s = sin(angle);
                if (fabs(ab) <= 1e-17 * sqrt(aa * bb) && aa >= bb) continue;
                for (int64_t i = 0; i < n; i++) {
                    double keep = a[i];
                    a[i] = c * keep + s * b[i];
                    b[i] = c * b[i] - s * keep;
                }
                for (int64_t i = 0; v && i < count; i++) {
                    double keep = v[p * count + i];
                    v[p * count + i] = c * keep + s * v[q * count + i];
                    v[q * count + i] = c * v[q * count + i] - s * keep;
                }
            }
    for (int64_t j = 0; j < count; j++) value[j] = sqrt(dot(x + j * n, x + j * n, n));
}

/* product[d_a][d_b] of columns a[d_a][n], b[d_b][n]: entry [i][j] = <a_i, b_j>. */
static double *products(const double *a, int64_t d_a, const double *b, int64_t d_b, int64_t n)
{
    double *out = malloc((size_t)(d_a * d_b) * sizeof *out);
    for (int64_t i = 0; i < d_a; i++)
        for (int64_t j = 0; j < d_b; j++) out[i * d_b + j] = dot(a + i * n, b + j * n, n);
    return out;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static double sum_of(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    return sum;
}

static double twin_cca(const struct matrix *a, const struct matrix *b)
{
    double *q_a = centred(a), *q_b = centred(b), value[64];
    int64_t r_a = gram_schmidt(q_a, a->n, a->d), r_b = gram_schmidt(q_b, b->n, b->d);
    double *m = products(q_a, r_a, q_b, r_b, a->n);
    jacobi(m, r_b, r_a, value, NULL);
    free(q_a), free(q_b), free(m);
    return sum_of(value, r_a) / (double)smaller(r_a, r_b);
}

static double twin_pwcca(const struct matrix *a, const struct matrix *b)
{
    double *x = centred(a), *q_a = centred(a), *q_b = centred(b), rho[64], v[64 * 64];
    int64_t n = a->n, r_a = gram_schmidt(q_a, n, a->d), r_b = gram_schmidt(q_b, n, b->d);
    double *m = products(q_a, r_a, q_b, r_b, n), *h = malloc((size_t)n * sizeof *h);
    double sum = 0, total = 0;
    jacobi(m, r_b, r_a, rho, v);
    for (int64_t i = 0; i < smaller(r_a, r_b); i++) {
        double alpha = 0;
        for (int64_t t = 0; t < n; t++) {
            h[t] = 0;
            for (int64_t l = 0; l < r_a; l++) h[t] += q_a[l * n + t] * v[i * r_a + l];
        }
        for (int64_t j = 0; j < a->d; j++) alpha += fabs(dot(h, x + j * n, n));
        sum += alpha * rho[i];
        total += alpha;
    }
    free(x), free(q_a), free(q_b), free(m), free(h);
    return sum / total;
}

static double twin_procrustes(const struct matrix *a, const struct matrix *b)
{
    double *x = centred(a), *y = centred(b), value[64];
    double *m = products(x, a->d, y, b->d, a->n);
    double norm = sqrt(dot(x, x, a->n * a->d) * dot(y, y, b->n * b->d));
    jacobi(m, b->d, a->d, value, NULL);
    free(x), free(y), free(m);
    return sum_of(value, a->d) / norm;
}

/* x[d] with gram[d][d] x = right[d], both overwritten: Gauss and Jordan with pivots. */
static void solve(double *gram, double *right, int64_t d)
{
    for (int64_t p = 0; p < d; p++) {
        int64_t best = p;
        for (int64_t i = p; i < d; i++)
            if (fabs(gram[i * d + p]) > fabs(gram[best * d + p])) best = i;
        for (int64_t j = 0; j < d; j++) {
            double keep = gram[p * d + j];
            gram[p * d + j] = gram[best * d + j];
            gram[best * d + j] = keep;
        }
        double keep = right[p];
        right[p] = right[best];
        right[best] = keep;
        for (int64_t i = 0; i < d; i++) {
            double factor = gram[i * d + p] / gram[p * d + p];
            if (i == p) continue;
            for (int64_t j = 0; j < d; j++) gram[i * d + j] -= factor * gram[p * d + j];
            right[i] -= factor * right[p];
        }
    }
    for (int64_t p = 0; p < d; p++) right[p] /= gram[p * d + p];
}

/* 1 - residual / variance, column by column; A of full rank. */
static double twin_regression(const struct matrix *a, const struct matrix *b)
{
    double *x = centred(a), *y = centred(b), residual = 0;
    int64_t n = a->n, d = a->d;
    double variance = dot(y, y, n * b->d);
    for (int64_t j = 0; j < b->d; j++) {
        double *gram = products(x, d, x, d, n), *w = products(x, d, y + j * n, 1, n);
        solve(gram, w, d);
        for (int64_t i = 0; i < n; i++) {
            double left = y[j * n + i];
            for (int64_t l = 0; l < d; l++) left -= w[l] * x[l * n + i];
            residual += left * left;
        }
        free(gram), free(w);
    }
    free(x), free(y);
    return 1 - residual / variance;
}

/* Leading c principal components, of unit length, of the standardised columns. */
static double *components(const struct matrix *a, int64_t c)
{
    double *x = centred(a), value[64];
    int64_t n = a->n;
    for (int64_t j = 0; j < a->d; j++) {
        double sd = sqrt(dot(x + j * n, x + j * n, n) / (double)(n - 1));
        for (int64_t i = 0; i < n; i++) x[j * n + i] /= sd;
    }
    jacobi(x, n, a->d, value, NULL);
    for (int64_t i = 0; i < c * n; i++) x[i] /= value[i / n];
    return x;
}

static double twin_svcca(const struct matrix *a, const struct matrix *b)
{
    double *u = components(a, 3), *v = components(b, 3), value[3];
    double *m = products(u, 3, v, 3, a->n);
    jacobi(m, 3, 3, value, NULL);
    free(u), free(v), free(m);
    return sum_of(value, 3) / 3;
}

static double (*const twins[N_MEASURES])(const struct matrix *a, const struct matrix *b) = {
    twin_cca, twin_pwcca, twin_procrustes, twin_regression, twin_svcca};

/* ---- inputs ---- */

/* a[n, d] times w[d, columns] */
static struct matrix times(const struct matrix *a, const struct matrix *w)
{
    struct matrix out = matrix_new(a->n, w->d);
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t j = 0; j < w->d; j++)
            for (int64_t l = 0; l < a->d; l++)
                out.x[i * w->d + j] += a->x[i * a->d + l] * w->x[l * w->d + j];
    return out;
}

static struct matrix orthogonal(uint64_t seed, int64_t d)
{
    struct matrix out = gaussian(seed, d, d);
    ck_assert_int_eq(gram_schmidt(out.x, d, d), d);
    return out;
}

/* Two representations that share some of what they see. */
static void related(uint64_t seed, int64_t n, int64_t d_a, int64_t d_b, struct matrix out[2])
{
    struct matrix z = gaussian(seed, n, 4);
    for (int side = 0; side < 2; side++) {
        int64_t d = side ? d_b : d_a;
        struct matrix w = gaussian(seed + 20 + (uint64_t)side, 4, d), x = times(&z, &w);
        struct matrix noise = gaussian(seed + 40 + (uint64_t)side, n, d);
        for (int64_t i = 0; i < n * d; i++)
            x.x[i] += (double)(1 + i % d) / 4 * noise.x[i] + (double)(i % d);
        out[side] = x;
        free(w.x), free(noise.x);
    }
    free(z.x);
}

static void pair_free(struct matrix p[2])
{
    free(p[0].x), free(p[1].x);
}

/* ---- tests ---- */

START_TEST(test_without_structure_is_nan)
{
    struct matrix a = gaussian(1, 12, 4), flat = matrix_new(12, 3), none = matrix_new(12, 3);
    for (int i = 0; i < 36; i++) flat.x[i] = 0.1 * (1 + i % 3);
    for (int m = 0; m < N_MEASURES; m++) {
        ck_assert(isnan(measured(m, &a, &flat)) && isnan(measured(m, &flat, &a)));
        ck_assert(isnan(measured(m, &none, &none)) && isnan(measured(m, &a, &none)));
    }
    struct matrix row = gaussian(2, 1, 4); /* one probe does not vary */
    for (int m = 0; m < N_MEASURES; m++) ck_assert(isnan(measured(m, &row, &row)));
    free(a.x), free(flat.x), free(none.x), free(row.x);
}
END_TEST

START_TEST(test_svcca_of_too_many_components_is_nan)
{
    struct measure m = measures[SVCCA];
    struct matrix a = gaussian(1, 30, 4), b = gaussian(2, 30, 6), few = gaussian(3, 4, 9);
    for (m.k = 0; m.k < 8; m.k++)
        ck_assert_int_eq(isnan(score(&m, &a, &b)) != 0, m.k < 1 || m.k > 4);
    for (int64_t i = 0; i < 30; i++) a.x[4 * i + 3] = a.x[4 * i] - a.x[4 * i + 1];
    for (m.k = 3; m.k < 5; m.k++) ck_assert_int_eq(isnan(score(&m, &a, &b)) != 0, m.k > 3);
    for (m.k = 3; m.k < 5; m.k++) ck_assert_int_eq(isnan(score(&m, &few, &few)) != 0, m.k > 3);
    free(a.x), free(b.x), free(few.x);
}
END_TEST

START_TEST(test_golden_inputs)
{
    for (int m = 0; m < N_MEASURES; m++)
        ck_assert_int_eq(check_measure(&measures[m]), N_GOLDEN);
}
END_TEST

START_TEST(test_scores_match_the_twins)
{
    static const int64_t sizes[][3] = {{40, 3, 3},   {40, 8, 5},  {41, 5, 8}, {300, 12, 4},
                                       {300, 3, 16}, {20, 9, 10}, {11, 4, 5}, {2000, 6, 6}};
    const int64_t *s = sizes[_i];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct matrix p[2];
        related(seed, s[0], s[1], s[2], p);
        for (int m = 0; m < N_MEASURES; m++) {
            near(measures[m].name, measured(m, &p[0], &p[1]), twins[m](&p[0], &p[1]), 1e-11);
            near(measures[m].name, measured(m, &p[1], &p[0]), twins[m](&p[1], &p[0]), 1e-11);
        }
        pair_free(p);
    }
}
END_TEST

/* One feature each: all is the correlation. One against many: that of the best prediction. */
START_TEST(test_of_one_feature_is_its_correlation)
{
    struct matrix p[2], one = matrix_new(50, 1);
    related(3, 50, 1, 1, p);
    double *x = centred(&p[0]), *y = centred(&p[1]);
    double r = fabs(dot(x, y, 50)) / sqrt(dot(x, x, 50) * dot(y, y, 50));
    for (int m = CCA; m <= PROCRUSTES; m++)
        near(measures[m].name, measured(m, &p[0], &p[1]), r, 1e-14);
    near("regression", measured(REGRESSION, &p[0], &p[1]), r * r, 1e-14);
    free(x), free(y), pair_free(p);
    related(4, 50, 6, 2, p);
    for (int64_t i = 0; i < 50; i++) one.x[i] = p[1].x[2 * i];
    double r2 = twin_regression(&p[0], &one);
    near("cca", measured(CCA, &p[0], &one), sqrt(r2), 1e-13);
    near("pwcca", measured(PWCCA, &one, &p[0]), sqrt(r2), 1e-13);
    pair_free(p), free(one.x);
}
END_TEST

/* Of a 2 x 2 matrix: (s_1 + s_2)^2 = |M|^2 + 2 |det M|; and 2 - 2 score is the least squared
 * distance over rotations and reflections. */
START_TEST(test_procrustes_of_two_features_in_closed_form)
{
    struct matrix p[2];
    related(5, 30, 2, 2, p);
    double *x = centred(&p[0]), *y = centred(&p[1]), least = INFINITY;
    double *m = products(x, 2, y, 2, 30), got = measured(PROCRUSTES, &p[0], &p[1]);
    double norm_x = sqrt(dot(x, x, 60)), norm_y = sqrt(dot(y, y, 60));
    double sum = sqrt(dot(m, m, 4) + 2 * fabs(m[0] * m[3] - m[1] * m[2]));
    near("closed form", got, sum / (norm_x * norm_y), 1e-14);
    for (int step = 0; step < 20000; step++) {
        double angle = 2 * M_PI * (step % 10000) / 10000, distance = 0;
        double c = cos(angle), s = sin(angle), flip = step < 10000 ? 1 : -1;
        for (int i = 0; i < 30; i++) {
            double u = (c * y[i] + s * y[30 + i]) / norm_y;
            double v = flip * (c * y[30 + i] - s * y[i]) / norm_y;
            distance += pow(x[i] / norm_x - u, 2) + pow(x[30 + i] / norm_x - v, 2);
        }
        least = fmin(least, distance);
    }
    near("search", 2 - 2 * got, least, 1e-6); /* steps of 6e-4, squared */
    free(x), free(y), free(m), pair_free(p);
}
END_TEST

/* The regression onto an orthonormal basis of B is the mean squared canonical correlation,
 * tr(P_A P_B) / r_B with projections P. */
START_TEST(test_regression_onto_a_basis_is_the_trace_of_projections)
{
    enum { N = 40, A = 5, B = 3 };
    struct matrix p[2], basis = matrix_new(N, B);
    related(6, N, A, B, p);
    double *q_a = centred(&p[0]), *q_b = centred(&p[1]), trace = 0;
    ck_assert_int_eq(gram_schmidt(q_a, N, A), A);
    ck_assert_int_eq(gram_schmidt(q_b, N, B), B);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double a = 0, b = 0;
            for (int l = 0; l < A; l++) a += q_a[l * N + i] * q_a[l * N + j];
            for (int l = 0; l < B; l++) b += q_b[l * N + i] * q_b[l * N + j];
            trace += a * b;
        }
    for (int i = 0; i < N * B; i++) basis.x[i] = q_b[i % B * N + i / B];
    near("trace", measured(REGRESSION, &p[0], &basis), trace / B, 1e-13);
    near("sides", measured(REGRESSION, &basis, &p[0]) > 0, 1, 0);
    free(q_a), free(q_b), free(basis.x), pair_free(p);
}
END_TEST

/* Which maps of A and of B leave the score alone; what does not must move it. */
START_TEST(test_invariances)
{
    enum { SCALE, ROTATE, PERMUTE, DIAGONAL, INVERT, N_MAPS };
    static const bool same[N_MEASURES][2][N_MAPS] = {
        [CCA] = {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
        [PWCCA] = {{1, 0, 1, 0, 0}, {1, 1, 1, 1, 1}},
        [PROCRUSTES] = {{1, 1, 1, 0, 0}, {1, 1, 1, 0, 0}},
        [REGRESSION] = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}},
        [SVCCA] = {{1, 0, 1, 1, 0}, {1, 0, 1, 1, 0}},
    };
    enum { D = 6 };
    struct matrix p[2], map[N_MAPS];
    related(7, 80, D, D, p);
    for (int i = 0; i < N_MAPS; i++) map[i] = matrix_new(D, D);
    for (int j = 0; j < D; j++) {
        map[SCALE].x[j * D + j] = -3.7;
        map[PERMUTE].x[j * D + (j * 5 + 2) % D] = 1;
        map[DIAGONAL].x[j * D + j] = 1 + j * j;
    }
    free(map[ROTATE].x), free(map[INVERT].x);
    map[ROTATE] = orthogonal(8, D), map[INVERT] = gaussian(9, D, D);
    for (int m = 0; m < N_MEASURES; m++)
        for (int side = 0; side < 2; side++)
            for (int i = 0; i < N_MAPS; i++) {
                struct matrix x = times(&p[side], &map[i]);
                double was = measured(m, &p[0], &p[1]);
                double is = measured(m, side ? &p[0] : &x, side ? &x : &p[1]);
                ck_assert_msg(same[m][side][i] == (fabs(is - was) < 1e-11),
                              "%s, side %d, map %d: %.17g, was %.17g", measures[m].name, side,
                              i, is, was);
                ck_assert(same[m][side][i] || fabs(is - was) > 1e-4);
                free(x.x);
            }
    for (int i = 0; i < N_MAPS; i++) free(map[i].x);
    pair_free(p);
}
END_TEST

/* Features of very different size, and a large offset: squaring a condition number of 1e6 would
 * leave four digits. */
START_TEST(test_small_directions_keep_their_digits)
{
    struct matrix p[2], x = matrix_new(200, 7);
    related(10, 200, 7, 5, p);
    for (int64_t i = 0; i < 200 * 7; i++) x.x[i] = p[0].x[i] * pow(10, -(double)(i % 7));
    struct matrix turn = orthogonal(11, 7), y = times(&x, &turn);
    for (int64_t i = 0; i < 200 * 5; i++) p[1].x[i] += 1000;
    near("cca", measured(CCA, &y, &p[1]), twin_cca(&p[0], &p[1]), 1e-9);
    near("regression", measured(REGRESSION, &y, &p[1]), twin_regression(&p[0], &p[1]), 1e-9);
    free(x.x), free(y.x), free(turn.x), pair_free(p);
}
END_TEST

/* Dependent and constant columns span nothing more. */
START_TEST(test_dependent_columns_change_nothing)
{
    struct matrix p[2], wide = matrix_new(50, 9), more = matrix_new(50, 6);
    related(12, 50, 4, 5, p);
    for (int64_t i = 0; i < 50; i++) {
        const double *row = p[0].x + 4 * i;
        for (int64_t j = 0; j < 4; j++) wide.x[9 * i + 2 * j] = more.x[6 * i + j] = row[j];
        wide.x[9 * i + 1] = row[0] - 2 * row[2];
        wide.x[9 * i + 3] = row[1];
        wide.x[9 * i + 5] = 0.1;
        wide.x[9 * i + 7] = row[0] + row[1] + row[2] + row[3];
        more.x[6 * i + 4] = 0.1;
    }
    near("cca", measured(CCA, &wide, &p[1]), measured(CCA, &p[0], &p[1]), 1e-12);
    near("cca", measured(CCA, &wide, &p[0]), 1, 1e-12);
    near("cca", measured(CCA, &wide, &wide), 1, 1e-12);
    near("pwcca", measured(PWCCA, &wide, &p[1]), twin_pwcca(&wide, &p[1]), 1e-11);
    near("pwcca", measured(PWCCA, &p[1], &wide), measured(PWCCA, &p[1], &p[0]), 1e-12);
    near("regression", measured(REGRESSION, &wide, &p[1]), measured(REGRESSION, &p[0], &p[1]),
         1e-12);
    near("procrustes", measured(PROCRUSTES, &wide, &p[1]), twin_procrustes(&wide, &p[1]),
         1e-12);
    for (int m = 0; m < N_MEASURES; m++) /* constant columns alone */
        near(measures[m].name, measured(m, &more, &p[1]), measured(m, &p[0], &p[1]), 1e-12);
    free(wide.x), free(more.x), pair_free(p);
}
END_TEST

/* Fewer rows than features: all of centred space is spanned. */
START_TEST(test_of_fewer_rows_than_features)
{
    struct matrix a = gaussian(13, 8, 20), b = gaussian(14, 8, 11), few = gaussian(15, 8, 2);
    near("cca", measured(CCA, &a, &b), 1, 1e-12);
    near("pwcca", measured(PWCCA, &a, &b), 1, 1e-12);
    near("regression", measured(REGRESSION, &a, &few), 1, 1e-12);
    near("regression", measured(REGRESSION, &few, &b), twin_regression(&few, &b), 1e-12);
    near("procrustes", measured(PROCRUSTES, &a, &b), twin_procrustes(&a, &b), 1e-12);
    near("pwcca", measured(PWCCA, &few, &b), 1, 1e-12);
    struct form_shape s = {15, 8, 0};
    ck_assert(form_svd_few_rows(&s));
    s.n = 16;
    ck_assert(!form_svd_few_rows(&s));
    free(a.x), free(b.x), free(few.x);
}
END_TEST

static void normalise_rows(struct matrix *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        double *row = a->x + i * a->d, norm = fmax(sqrt(dot(row, row, a->d)), 1e-12);
        for (int64_t j = 0; j < a->d; j++) row[j] /= norm;
    }
}

/* 1e-6: the reference divides by the deviation + 1e-8, which turns components whose singular
 * values lie 2 % apart a little; 3e-7 is the most seen. */
START_TEST(test_svcca_matches_reference)
{
    json_error_t error;
    json_t *root = json_load_file(TESTS_DIR "/golden/platonic/reference.json", 0, &error), *row;
    ck_assert_msg(root != NULL, "%s", error.text);
    size_t i;
    int compared = 0;
    json_array_foreach(json_object_get(root, "cases"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const struct golden_case *g = golden_cases;
        while (g < golden_cases + N_GOLDEN && strcmp(g->name, name)) g++;
        ck_assert_msg(g < golden_cases + N_GOLDEN, "no inputs for %s", name);
        struct matrix p[2];
        golden_matrices(g, p);
        if (strcmp(json_string_value(json_object_get(row, "normalize")), "l2") == 0)
            normalise_rows(&p[0]), normalise_rows(&p[1]);
        struct measure m = measures[SVCCA];
        for (m.k = 5; m.k <= 10; m.k += 5) {
            json_t *want = json_object_get(row, m.k == 5 ? "svcca@5" : "svcca@10");
            near(name, score(&m, &p[0], &p[1]),
                 json_is_null(want) ? NAN : json_number_value(want), 1e-6);
            compared++;
        }
        pair_free(p);
    }
    ck_assert_int_eq(compared, 25 * 2);
    json_decref(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metric_svd");
    TCase *c = check_case(suite, "svd");
    tcase_add_test(c, test_without_structure_is_nan);
    tcase_add_test(c, test_svcca_of_too_many_components_is_nan);
    tcase_add_test(c, test_golden_inputs);
    tcase_add_loop_test(c, test_scores_match_the_twins, 0, 8);
    tcase_add_test(c, test_of_one_feature_is_its_correlation);
    tcase_add_test(c, test_procrustes_of_two_features_in_closed_form);
    tcase_add_test(c, test_regression_onto_a_basis_is_the_trace_of_projections);
    tcase_add_test(c, test_invariances);
    tcase_add_test(c, test_small_directions_keep_their_digits);
    tcase_add_test(c, test_dependent_columns_change_nothing);
    tcase_add_test(c, test_of_fewer_rows_than_features);
    tcase_add_test(c, test_svcca_matches_reference);
    return check_run(suite);
}
