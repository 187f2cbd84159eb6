/* test_mds.c - layouts from dissimilarities, against points that are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "linalg/mds.h"
#include "tests/check_main.h"

enum { N = 24, P = 2 };
static struct err e;

static void distances(int64_t n, int p, const double *x, double *delta)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < p; k++) sum += pow(x[i * p + k] - x[j * p + k], 2);
            delta[i * n + j] = sqrt(sum);
        }
}

static void normals(int64_t count, uint64_t stream, double *x)
{
    struct rng draw = rng_stream(11, RNG_TESTING, stream);
    for (int64_t i = 0; i < count; i++) x[i] = rng_normal(&draw);
}

/* Largest entry of y - s(x). */
static double off(const struct mds_similarity *s, int64_t n, int p, const double *x,
                  const double *y)
{
    double copy[N * MDS_MAX_DIM], most = 0;
    memcpy(copy, x, (size_t)(n * p) * sizeof *x);
    mds_apply(s, n, p, copy);
    for (int64_t i = 0; i < n * p; i++) most = fmax(most, fabs(copy[i] - y[i]));
    return most;
}

/* Sum of squares of y - s(x), shifted to where it is least. */
static double off_squared(const struct mds_similarity *s, const double *x, const double *y)
{
    double copy[N * P], mean[P] = {0}, sum = 0;
    memcpy(copy, x, sizeof copy);
    mds_apply(s, N, P, copy);
    for (int i = 0; i < N * P; i++) mean[i % P] += (y[i] - copy[i]) / N;
    for (int i = 0; i < N * P; i++) sum += pow(y[i] - copy[i] - mean[i % P], 2);
    return sum;
}

START_TEST(test_bad_input_is_refused)
{
    double delta[4] = {0, NAN, NAN, 0}, x[2 * P], one[2 * P] = {3, 4, 3, 4};
    struct mds_fit fit;
    struct mds_similarity s;
    ck_assert_int_eq(mds_classical(2, 0, delta, x, NULL, &e), ERR_SHAPE);
    ck_assert_int_eq(mds_classical(2, MDS_MAX_DIM + 1, delta, x, NULL, &e), ERR_SHAPE);
    ck_assert_int_eq(mds_classical(2, P, delta, x, NULL, &e), ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(e.text, "that of 0 and 1 is missing"));
    ck_assert_int_eq(mds_smacof(2, P, delta, 3, 1, x, &fit, &e), ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(e.text, "no dissimilarities connect"));
    delta[1] = -1;
    ck_assert_int_eq(mds_smacof(2, P, delta, 3, 1, x, &fit, &e), ERR_SHAPE);
    x[0] = 1, x[1] = x[2] = x[3] = 0;
    ck_assert_int_eq(mds_procrustes(2, P, x, one, false, &s, &e), ERR_SHAPE);
    ck_assert_int_eq(mds_procrustes(2, P, one, x, false, &s, &e), ERR_SHAPE);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* exp(-1) and exp(-3) one way and the other: 2. */
START_TEST(test_dissimilarities_of_scores)
{
    double s[16] = {1,       exp(-1), 0.5,  NAN,  /**/
                    exp(-3), 1,       0.5,  NAN,  /**/
                    NAN,     -1,      1,    1.01, /**/
                    NAN,     NAN,     1.02, 1};
    double d[16];
    ck_assert_int_eq(mds_dissimilarity(4, s, 1e-2, d), 1);
    ck_assert_double_eq_tol(d[1], 2, 1e-15);
    ck_assert_double_eq(d[4], d[1]);
    ck_assert_double_eq_tol(d[2], log(2), 1e-15); /* one direction alone */
    ck_assert_double_eq_tol(d[1 * 4 + 2], -(log(0.5) + log(1e-2)) / 2, 1e-15); /* the floor */
    ck_assert_double_nan(d[3]);
    ck_assert_double_eq(d[2 * 4 + 3], 0); /* a score above 1 is a rounded 1 */
    for (int i = 0; i < 4; i++) ck_assert_double_eq(d[i * 5], 0);
    ck_assert_int_eq(mds_dissimilarity(4, s, 1e-2, s), 1); /* in place */
    for (int i = 0; i < 16; i++) ck_assert(s[i] == d[i] || isnan(d[i]));
}
END_TEST

START_TEST(test_classical_recovers_a_plane)
{
    double x[N * P], delta[N * N], y[N * P], negative;
    struct mds_similarity s;
    normals(N * P, 0, x);
    distances(N, P, x, delta);
    ck_assert_int_eq(mds_classical(N, P, delta, y, &negative, &e), ERR_OK);
    ck_assert_double_lt(negative, 1e-14);
    ck_assert_int_eq(mds_procrustes(N, P, y, x, true, &s, &e), ERR_OK);
    ck_assert_double_eq_tol(s.scale, 1, 1e-12);
    ck_assert_double_lt(off(&s, N, P, y, x), 1e-9);
    ck_assert_double_lt(mds_stress(N, P, delta, y), 1e-18);
}
END_TEST

/* The Gram matrix of this path 0-1-2 with ends 4 apart has eigenvalues 8, -2 and 0. */
START_TEST(test_negative_eigenvalues_are_told)
{
    const double delta[9] = {0, 1, 4, 1, 0, 1, 4, 1, 0};
    double x[3 * P], negative;
    ck_assert_int_eq(mds_classical(3, P, delta, x, &negative, &e), ERR_OK);
    ck_assert_double_eq_tol(negative, 0.2, 1e-14);
    ck_assert_double_eq_tol(fabs(x[0]), 2, 1e-14);
    ck_assert_double_eq_tol(x[1], 0, 1e-7); /* no root of a negative eigenvalue */
}
END_TEST

START_TEST(test_fewer_points_than_dimensions)
{
    const double delta[4] = {0, 2, 2, 0};
    double x[8];
    struct mds_fit fit;
    ck_assert_int_eq(mds_classical(2, 4, delta, x, NULL, &e), ERR_OK);
    ck_assert_double_eq_tol(fabs(x[0] - x[4]), 2, 1e-14);
    ck_assert_double_eq(x[2], 0);
    ck_assert_int_eq(mds_smacof(2, 4, delta, 2, 1, x, &fit, &e), ERR_OK);
    ck_assert_double_lt(fit.stress, 1e-20);
    ck_assert_int_eq(mds_smacof(1, 2, delta, 2, 1, x, &fit, &e), ERR_OK);
    ck_assert_double_eq(x[0], 0);
    ck_assert_int_eq(mds_smacof(0, 2, NULL, 2, 1, NULL, &fit, &e), ERR_OK);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* Dissimilarities that no plane has, some of them missing: the stress of one step after
 * another, and the step against B(X) X / n written out. */
START_TEST(test_stress_never_increases)
{
    double delta[N * N], x[N * P], next[N * P];
    struct rng draw = rng_stream(12, RNG_TESTING, 0);
    for (int missing = 0; missing < 2; missing++) {
        for (int i = 0; i < N; i++)
            for (int j = i; j < N; j++) {
                double d = i == j ? 0 : 0.1 + 3 * rng_uniform(&draw);
                if (missing && (i + j) % 5 == 4) d = NAN;
                delta[i * N + j] = delta[j * N + i] = d;
            }
        normals(N * P, 1, x);
        double stress = mds_stress(N, P, delta, x), first = stress;
        for (int step = 0; step < 200; step++) {
            ck_assert_double_eq_tol(mds_step(N, P, delta, x, next), stress, 1e-12 * stress);
            double now = mds_stress(N, P, delta, next);
            ck_assert_double_le(now, stress * (1 + 1e-14));
            memcpy(x, next, sizeof x);
            stress = now;
        }
        ck_assert_double_lt(stress, 0.7 * first);
    }
}
END_TEST

START_TEST(test_step_is_the_guttman_transform)
{
    double points[N * 3], delta[N * N], x[N * P], d[N * N], b[N * N], next[N * P];
    normals(N * 3, 2, points);
    distances(N, 3, points, delta);
    normals(N * P, 3, x);
    double mean[P] = {0};
    for (int i = 0; i < N * P; i++) mean[i % P] += x[i] / N;
    distances(N, P, x, d);
    for (int i = 0; i < N; i++) {
        b[i * N + i] = 0;
        for (int j = 0; j < N; j++)
            if (i != j) {
                b[i * N + j] = -delta[i * N + j] / d[i * N + j];
                b[i * N + i] -= b[i * N + j];
            }
    }
    mds_step(N, P, delta, x, next);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < P; k++) {
            double want = 0;
            for (int j = 0; j < N; j++) want += b[i * N + j] * x[j * P + k] / N;
            ck_assert_double_eq_tol(next[i * P + k], want, 1e-13);
        }
}
END_TEST

START_TEST(test_least_stress_is_no_more_than_any_start_has)
{
    double points[N * 5], delta[N * N], x[N * P], again[N * P], classical[N * P];
    struct mds_fit fit, other, few;
    normals(N * 5, 4, points);
    distances(N, 5, points, delta);
    ck_assert_int_eq(mds_smacof(N, P, delta, 6, 9, x, &fit, &e), ERR_OK);
    ck_assert_double_eq_tol(fit.stress, mds_stress(N, P, delta, x), 1e-10);
    ck_assert_int_eq(mds_smacof(N, P, delta, 6, 9, again, &other, &e), ERR_OK);
    ck_assert_mem_eq(x, again, sizeof x);
    ck_assert_int_eq(mds_smacof(N, P, delta, 0, 9, again, &few, &e), ERR_OK);
    ck_assert_double_le(fit.stress, few.stress);
    ck_assert_int_eq(mds_classical(N, P, delta, classical, NULL, &e), ERR_OK);
    ck_assert_double_lt(few.stress, mds_stress(N, P, delta, classical));
    double squares = 0, xy = 0;
    for (int i = 0; i < N; i++)
        for (int j = i + 1; j < N; j++) squares += delta[i * N + j] * delta[i * N + j];
    ck_assert_double_eq_tol(fit.share, sqrt(fit.stress / squares), 1e-12);
    for (int i = 0; i < N; i++) xy += x[i * P] * x[i * P + 1];
    ck_assert_double_lt(fabs(xy), 1e-9); /* principal axes */
}
END_TEST

START_TEST(test_missing_dissimilarities_have_no_weight)
{
    double x[N * P], delta[N * N], y[N * P];
    struct mds_fit fit;
    struct mds_similarity s;
    normals(N * P, 5, x);
    distances(N, P, x, delta);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            if (i != j && (i + j) % 7 == 3) delta[i * N + j] = NAN;
    ck_assert_int_eq(mds_smacof(N, P, delta, 0, 1, y, &fit, &e), ERR_SHAPE);
    ck_assert_int_eq(mds_smacof(N, P, delta, 12, 1, y, &fit, &e), ERR_OK);
    ck_assert_int_eq(mds_procrustes(N, P, y, x, true, &s, &e), ERR_OK);
    ck_assert_double_lt(s.residual, 1e-8); /* steps end at a fall of 1e-10 of the stress */
}
END_TEST

/* A similarity made up from a rotation about a skew axis; with a mirror the residual is
 * positive unless reflection is allowed. */
START_TEST(test_procrustes_recovers_a_similarity)
{
    enum { D = 3 };
    double x[N * D], y[N * D], c = cos(0.7), s = sin(0.7), h = sqrt(0.5);
    const double turn[D * D] = {c * h, -s, c * h, s * h, c, s * h, -h, 0, h};
    const double shift[D] = {3, -5, 0.25};
    normals(N * D, 6, x);
    for (int mirror = 0; mirror < 2; mirror++) {
        double sign = mirror ? -1 : 1;
        struct mds_similarity found, without;
        for (int i = 0; i < N; i++)
            for (int k = 0; k < D; k++) {
                y[i * D + k] = shift[k];
                for (int l = 0; l < D; l++)
                    y[i * D + k] += 2.5 * sign * turn[k * D + l] * x[i * D + l];
            }
        ck_assert_int_eq(mds_procrustes(N, D, x, y, mirror, &found, &e), ERR_OK);
        ck_assert_double_eq_tol(found.scale, 2.5, 1e-12);
        ck_assert_double_lt(found.residual, 1e-12);
        ck_assert_double_lt(off(&found, N, D, x, y), 1e-12);
        for (int k = 0; k < D * D; k++)
            ck_assert_double_eq_tol(found.rotation[k], sign * turn[k], 1e-12);
        for (int k = 0; k < D; k++) ck_assert_double_eq_tol(found.shift[k], shift[k], 1e-12);
        ck_assert_int_eq(mds_procrustes(N, D, x, y, !mirror, &without, &e), ERR_OK);
        ck_assert(mirror ? without.residual > 0.1 : without.residual < 1e-12);
    }
}
END_TEST

/* Points in a line: the smallest singular value is 0, and yet it is a rotation. */
START_TEST(test_procrustes_of_a_line_is_a_rotation)
{
    double x[N * P], y[N * P];
    struct mds_similarity s;
    for (int i = 0; i < N; i++) {
        x[i * P] = i, x[i * P + 1] = 0;
        y[i * P] = 0, y[i * P + 1] = 2 * i;
    }
    ck_assert_int_eq(mds_procrustes(N, P, x, y, false, &s, &e), ERR_OK);
    ck_assert_double_eq_tol(s.rotation[0] * s.rotation[3] - s.rotation[1] * s.rotation[2], 1,
                            1e-12);
    ck_assert_double_lt(off(&s, N, P, x, y), 1e-12);
}
END_TEST

/* Residuals are what squares leave: |y - s(x)|^2 over |y - mean|^2. */
START_TEST(test_residual_is_the_share_left)
{
    double x[N * P], y[N * P], image[N * P], left = 0, all = 0, mean[P] = {0};
    struct mds_similarity s;
    normals(N * P, 7, x);
    normals(N * P, 8, y);
    for (int i = 0; i < N * P; i++) y[i] = x[i] + 0.4 * y[i];
    for (int reflect = 0; reflect < 2; reflect++) {
        ck_assert_int_eq(mds_procrustes(N, P, x, y, reflect, &s, &e), ERR_OK);
        memcpy(image, x, sizeof x);
        mds_apply(&s, N, P, image);
        mean[0] = mean[1] = left = all = 0;
        for (int i = 0; i < N * P; i++) mean[i % P] += y[i] / N;
        for (int i = 0; i < N * P; i++) {
            left += pow(y[i] - image[i], 2);
            all += pow(y[i] - mean[i % P], 2);
        }
        ck_assert_double_eq_tol(s.residual, left / all, 1e-12);
    }
}
END_TEST

/* Of a mirror image in noise no turn leaves less than the rotation that is found. */
START_TEST(test_rotation_is_the_best_one)
{
    double x[N * P], y[N * P];
    struct mds_similarity s, turned;
    normals(N * P, 9, x);
    normals(N * P, 10, y);
    for (int i = 0; i < N; i++) {
        x[i * P] *= 3; /* the two singular values differ */
        y[i * P] = x[i * P] + 0.3 * y[i * P];
        y[i * P + 1] = -x[i * P + 1] + 0.3 * y[i * P + 1];
    }
    ck_assert_int_eq(mds_procrustes(N, P, x, y, false, &s, &e), ERR_OK);
    ck_assert_double_gt(s.scale, 0);
    double found = off_squared(&s, x, y);
    for (int degree = 0; degree < 360; degree++) {
        double c = cos(degree * M_PI / 180), q = sin(degree * M_PI / 180);
        turned = s;
        memcpy(turned.rotation, (double[P * P]){c, -q, q, c}, P * P * sizeof c);
        ck_assert_double_ge(off_squared(&turned, x, y), found * (1 - 1e-12));
    }
}
END_TEST

/* Colours on a circle, given by how far apart they are along it, which no plane has: they come
 * back on a ring, in order. */
START_TEST(test_a_ring_comes_back_as_a_ring)
{
    double delta[N * N], x[N * P];
    struct mds_fit fit;
    for (int method = 0; method < 2; method++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int apart = abs(i - j) < N - abs(i - j) ? abs(i - j) : N - abs(i - j);
                delta[i * N + j] = 2 * M_PI * apart / N;
            }
        if (method)
            ck_assert_int_eq(mds_smacof(N, P, delta, 4, 3, x, &fit, &e), ERR_OK);
        else
            ck_assert_int_eq(mds_classical(N, P, delta, x, NULL, &e), ERR_OK);
        double radius = hypot(x[0], x[1]), step = 0;
        for (int i = 0; i < N; i++) {
            const double *a = x + i * P, *b = x + (i + 1) % N * P;
            double angle = atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1]);
            ck_assert_double_eq_tol(hypot(a[0], a[1]), radius, 1e-4 * radius);
            if (i == 0) step = angle;
            ck_assert_double_eq_tol(angle, step, 1e-4);
        }
        ck_assert_double_eq_tol(fabs(step), 2 * M_PI / N, 1e-4);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mds");
    TCase *t = check_case(s, "mds");
    tcase_add_test(t, test_bad_input_is_refused);
    tcase_add_test(t, test_dissimilarities_of_scores);
    tcase_add_test(t, test_classical_recovers_a_plane);
    tcase_add_test(t, test_negative_eigenvalues_are_told);
    tcase_add_test(t, test_fewer_points_than_dimensions);
    tcase_add_test(t, test_stress_never_increases);
    tcase_add_test(t, test_step_is_the_guttman_transform);
    tcase_add_test(t, test_least_stress_is_no_more_than_any_start_has);
    tcase_add_test(t, test_missing_dissimilarities_have_no_weight);
    tcase_add_test(t, test_procrustes_recovers_a_similarity);
    tcase_add_test(t, test_procrustes_of_a_line_is_a_rotation);
    tcase_add_test(t, test_residual_is_the_share_left);
    tcase_add_test(t, test_rotation_is_the_best_one);
    tcase_add_test(t, test_a_ring_comes_back_as_a_ring);
    return check_run(s);
}
