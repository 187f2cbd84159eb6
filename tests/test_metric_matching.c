/* Soft matching of features, and the transport problem under it. */
#include "linalg/metric_local.h"
#include "linalg/transport.h"
#include "tests/check_main.h"
#include "tests/metric_case.h"

static const struct measure matching = {"soft_matching",
                                        &form_neurons,
                                        metric_soft_matching,
                                        metric_soft_matching_scratch,
                                        .symmetric = true,
                                        .low = -1,
                                        .high = 1,
                                        .self = 1};

/* ---- twins ---- */

/* Best sum over the assignments of rows [row, n) to the columns not in used. */
static double brute_force(int n, const double *gain, int row, unsigned used)
{
    double best = -INFINITY;
    if (row == n) return 0;
    for (int j = 0; j < n; j++)
        if (!(used >> j & 1))
            best =
                fmax(best, gain[row * n + j] + brute_force(n, gain, row + 1, used | 1u << j));
    return best;
}

/* The same over subsets of the columns: rows [0, |used|) assigned to them. */
static double subsets(int n, const double *gain)
{
    double *best = malloc(((size_t)1 << n) * sizeof *best), out;
    best[0] = 0;
    for (unsigned used = 1; used < 1u << n; used++) {
        const double *row = gain + (__builtin_popcount(used) - 1) * n;
        best[used] = -INFINITY;
        for (int j = 0; j < n; j++)
            if (used >> j & 1) best[used] = fmax(best[used], best[used ^ 1u << j] + row[j]);
    }
    out = best[(1u << n) - 1];
    free(best);
    return out;
}

/* Every row and column as often as makes them equally many. */
static double replicated(int rows, int columns, const double *gain)
{
    int n = rows;
    while (n % columns) n += rows;
    double *all = malloc((size_t)(n * n) * sizeof *all);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) all[i * n + j] = gain[i % rows * columns + j % columns];
    double out = (n <= 6 ? brute_force(n, all, 0, 0) : subsets(n, all)) / n;
    free(all);
    return out;
}

static double transport(int64_t rows, int64_t columns, const double *gain)
{
    void *scratch = malloc(transport_scratch(rows, columns));
    double out = transport_uniform(rows, columns, gain, scratch);
    free(scratch);
    return out;
}

static double *transposed(int64_t rows, int64_t columns, const double *x)
{
    double *out = malloc((size_t)(rows * columns) * sizeof *out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) out[j * rows + i] = x[i * columns + j];
    return out;
}

/* ---- transport ---- */

/* Sizes whose least common multiple is at most 15; integers among the gains, for ties. */
START_TEST(test_transport_matches_brute_force)
{
    static const int sizes[][2] = {{1, 1}, {1, 7}, {5, 1}, {2, 3}, {3, 4}, {4, 6}, {5, 3},
                                   {6, 6}, {9, 3}, {7, 2}, {5, 5}, {4, 4}, {3, 3}, {8, 4}};
    int rows = sizes[_i][0], columns = sizes[_i][1];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct matrix gain = gaussian(seed, rows, columns);
        if (seed % 2)
            for (int i = 0; i < rows * columns; i++) gain.x[i] = round(gain.x[i]);
        double *other = transposed(rows, columns, gain.x);
        double want = replicated(rows, columns, gain.x);
        near("transport", transport(rows, columns, gain.x), want, 1e-14);
        near("transposed", transport(columns, rows, other), want, 1e-14);
        free(gain.x), free(other);
    }
}
END_TEST

/* A product of two numbers is matched in sorted order. With ranks as numbers and the columns
 * twice as many, row i gets columns 2 i and 2 i + 1. */
START_TEST(test_transport_sorts_products)
{
    enum { ROWS = 40, COLUMNS = 80 };
    double gain[ROWS * COLUMNS], want = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            gain[i * COLUMNS + j] = (double)(i * 7 % ROWS) * (double)(j * 13 % COLUMNS);
    for (int i = 0; i < ROWS; i++) want += i * (4 * i + 1);
    near("products", transport(ROWS, COLUMNS, gain), want / COLUMNS, 1e-9);
}
END_TEST

/* Sizes without a common divisor: quantiles of two uniform distributions, in closed form from
 * the merged breakpoints. */
START_TEST(test_transport_of_coprime_sizes)
{
    enum { ROWS = 31, COLUMNS = 30 };
    double gain[ROWS * COLUMNS], want = 0, at = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) gain[i * COLUMNS + j] = (double)i * (double)j;
    for (int i = 0, j = 0; i < ROWS && j < COLUMNS;) {
        double next = fmin((i + 1) / (double)ROWS, (j + 1) / (double)COLUMNS);
        want += (next - at) * i * j;
        at = next;
        if ((i + 1) * COLUMNS <= (j + 1) * ROWS)
            i++;
        else
            j++;
    }
    near("quantiles", transport(ROWS, COLUMNS, gain), want, 1e-10);
}
END_TEST

/* ---- soft matching ---- */

START_TEST(test_golden_inputs)
{
    ck_assert_int_eq(check_measure(&matching), N_GOLDEN);
}
END_TEST

START_TEST(test_constant_representation_is_nan_and_column_left_out)
{
    struct matrix a = gaussian(1, 20, 3), b = gaussian(2, 20, 4), wide = matrix_new(20, 5);
    struct matrix flat = matrix_new(20, 2);
    for (int64_t i = 0; i < 20; i++) {
        flat.x[2 * i] = 0.1;
        wide.x[5 * i] = 3, wide.x[5 * i + 3] = 0.1;
        wide.x[5 * i + 1] = a.x[3 * i], wide.x[5 * i + 2] = a.x[3 * i + 1];
        wide.x[5 * i + 4] = a.x[3 * i + 2];
    }
    ck_assert(isnan(score(&matching, &a, &flat)) && isnan(score(&matching, &flat, &a)));
    near("constant columns", score(&matching, &wide, &b), score(&matching, &a, &b), 1e-14);
    free(a.x), free(b.x), free(wide.x), free(flat.x);
}
END_TEST

static double correlation(const struct matrix *a, int64_t j, const struct matrix *b, int64_t l)
{
    double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < a->n; i++) {
        mean_a += a->x[i * a->d + j] / (double)a->n;
        mean_b += b->x[i * b->d + l] / (double)a->n;
    }
    for (int64_t i = 0; i < a->n; i++) {
        double u = a->x[i * a->d + j] - mean_a, v = b->x[i * b->d + l] - mean_b;
        aa += u * u, bb += v * v, ab += u * v;
    }
    return ab / sqrt(aa * bb);
}

START_TEST(test_soft_matching_matches_the_twin)
{
    static const int64_t widths[][2] = {{1, 1}, {6, 6}, {4, 6}, {3, 5}, {1, 4}, {8, 4}};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int64_t n = 2; n <= 50; n += 16) {
            struct matrix a = gaussian(w + 1, n, widths[w][0]);
            struct matrix b = gaussian(w + 90, n, widths[w][1]);
            struct matrix gain = matrix_new(a.d, b.d);
            for (int64_t i = 0; i < a.d * b.d; i++)
                gain.x[i] = correlation(&a, i / b.d, &b, i % b.d);
            double want = replicated((int)a.d, (int)b.d, gain.x);
            near("twin", score(&matching, &a, &b), want, 1e-13);
            free(a.x), free(b.x), free(gain.x);
        }
}
END_TEST

/* Of two features a rotation makes others; order, scale and offset of each do not matter. */
START_TEST(test_soft_matching_knows_features_not_spans)
{
    enum { N = 60, D = 6 };
    static const int64_t to[D] = {3, 0, 5, 1, 2, 4};
    struct matrix a = gaussian(5, N, D), b = gaussian(6, N, 9), moved = matrix_new(N, D);
    struct matrix turned = matrix_new(N, D), twice = matrix_new(N, 2 * D);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j < D; j++) {
            double x = a.x[i * D + j], next = a.x[i * D + (j + 1) % D];
            moved.x[i * D + to[j]] = (double)(j + 1) * x + 100;
            turned.x[i * D + j] = j % 2 ? x - next : x + next;
            twice.x[i * 2 * D + j] = twice.x[i * 2 * D + D + to[j]] = x;
        }
    near("moved", score(&matching, &a, &moved), 1, 1e-12);
    near("twice", score(&matching, &a, &twice), 1, 1e-12);
    near("moved", score(&matching, &moved, &b), score(&matching, &a, &b), 1e-12);
    ck_assert(score(&matching, &a, &turned) < 0.9);
    for (int64_t i = 0; i < N * D; i++) moved.x[i] = -a.x[i];
    for (int64_t i = 0; i < N; i++) /* one feature: the opposite of itself */
        twice.x[i] = a.x[i * D], turned.x[i] = moved.x[i * D];
    twice.d = turned.d = 1;
    near("opposite", score(&matching, &twice, &turned), -1, 1e-12);
    free(a.x), free(b.x), free(moved.x), free(turned.x), free(twice.x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metric_matching");
    TCase *c = check_case(suite, "transport");
    tcase_add_loop_test(c, test_transport_matches_brute_force, 0, 14);
    tcase_add_test(c, test_transport_sorts_products);
    tcase_add_test(c, test_transport_of_coprime_sizes);
    c = check_case(suite, "soft matching");
    tcase_add_test(c, test_constant_representation_is_nan_and_column_left_out);
    tcase_add_test(c, test_golden_inputs);
    tcase_add_test(c, test_soft_matching_matches_the_twin);
    tcase_add_test(c, test_soft_matching_knows_features_not_spans);
    return check_run(suite);
}
