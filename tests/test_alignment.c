/* test_alignment.c - the measures against golden values, a plain implementation per pair,
 * closed forms and invariances; on any number of ranks.
 *
 * Every rank makes all features, keeps those it owns in the set, and gets the scores by a
 * broadcast: assertions then hold or fail on all ranks alike, and none waits for another. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/alignment.h"
#include "linalg/features.h"
#include "tests/alignment_inputs.h"
#include "tests/alignment_twin.h"
#include "tests/check_main.h"

/* ---- running a measure ---- */

static const struct alignment_options plain = {.normalize = ALIGN_NONE, .clip = 1, .k = 10};

/* Scores of all pairs of x[count][n, d[.]] on every rank; to free(). */
static double *run(MPI_Comm comm, const char *measure, struct alignment_options o, int64_t n,
                   int count, const int64_t *d, float *const *x)
{
    struct err e = {0};
    const struct alignment_measure *m = NULL;
    ck_assert_int_eq(alignment_parse(measure, &m, &o, &e), ERR_OK);
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    struct representation *layer = calloc((size_t)count, sizeof *layer);
    for (int r = 0; r < count; r++) {
        layer[r].d = d[r];
        if (alignment_owner(r, count, size) == rank) layer[r].x = x[r];
    }
    struct alignment_set set = {.n = n, .n_models = count, .n_layers = 1, .layer = layer};
    double *pair = calloc((size_t)(count * count), sizeof *pair);
    enum err_code rc = m->all_pairs(comm, &set, &o, rank == 0 ? pair : NULL, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s", measure, e.text);
    MPI_Bcast(pair, count * count, MPI_DOUBLE, 0, comm);
    free(layer);
    return pair;
}

static double score(const char *measure, struct alignment_options o, const struct pair *p)
{
    double *all = run(MPI_COMM_WORLD, measure, o, p->n, 2, p->d, p->x), out = all[1];
    ck_assert(all[1] == all[2] || (isnan(all[1]) && isnan(all[2])));
    free(all);
    return out;
}

static enum err_code refusal(const char *measure, struct alignment_options o, int64_t n,
                             int64_t d, struct err *e)
{
    const struct alignment_measure *m;
    ck_assert_int_eq(alignment_parse(measure, &m, &o, e), ERR_OK);
    float x[64] = {1, 2, 3};
    struct representation layer[2] = {{d, x}, {d, x}};
    struct alignment_set set = {.n = n, .n_models = 2, .n_layers = 1, .layer = layer};
    double pair[4];
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return m->all_pairs(MPI_COMM_WORLD, &set, &o, rank ? NULL : pair, e);
}

/* ---- tests ---- */

START_TEST(test_parse_refuses_what_is_wrong)
{
    const struct alignment_measure *m;
    struct alignment_options o = plain;
    struct err e = {0};
    ck_assert_int_eq(alignment_parse("mutal_knn@5", &m, &o, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "did you mean 'mutual_knn'"));
    static const char *const bad[] = {"",
                                      "mutual_knn@",
                                      "mutual_knn@0",
                                      "mutual_knn@-3",
                                      "cka@10",
                                      "mutual_knn@5x",
                                      "mutual_knn@ 5",
                                      "@5",
                                      "mutual_knn@99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(alignment_parse(bad[i], &m, &o, &e), ERR_CONFIG);
}
END_TEST

START_TEST(test_parse_reads_names_and_k)
{
    const struct alignment_measure *m;
    struct alignment_options o = {.k = 3};
    ck_assert_int_eq(alignment_parse("mutual_knn", &m, &o, NULL), ERR_OK);
    ck_assert_int_eq(o.k, 10);
    ck_assert_int_eq(alignment_parse("mutual_knn@25", &m, &o, NULL), ERR_OK);
    ck_assert_int_eq(o.k, 25);
    ck_assert(m->wants_k);
    ck_assert_int_eq(alignment_parse("cka_unbiased", &m, &o, NULL), ERR_OK);
    ck_assert_str_eq(m->row.name, "cka_unbiased");
}
END_TEST

START_TEST(test_owner_gives_contiguous_blocks)
{
    for (int size = 1; size <= 5; size++)
        for (int64_t count = 1; count < 20; count++)
            for (int64_t r = 0; r < count; r++) {
                int owner = alignment_owner(r, count, size);
                ck_assert_int_lt(owner, size);
                if (r) ck_assert_int_ge(owner, alignment_owner(r - 1, count, size));
            }
    ck_assert_int_eq(alignment_owner(5, 6, 4), 2);
}
END_TEST

START_TEST(test_measures_refuse_impossible_sizes)
{
    struct err e = {0};
    ck_assert_int_eq(refusal("cka_unbiased", plain, 3, 2, &e), ERR_SHAPE);
    ck_assert_int_eq(refusal("mutual_knn@5", plain, 5, 2, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "1 to 4"));
    struct alignment_options o = plain;
    o.clip = 0;
    ck_assert_int_eq(refusal("cka", o, 5, 2, &e), ERR_CONFIG);
    ck_assert_int_eq(refusal("cka", plain, 5, 0, &e), ERR_SHAPE);
    ck_assert_int_eq(e.rank, 0);
}
END_TEST

START_TEST(test_generator_gives_the_golden_inputs)
{
    uint64_t s = 1;
    static const uint32_t stream[] = {1817669548u, 2187888307u, 2784682393u, 1644385741u};
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(lcg_u32(&s), stream[i]);
    struct pair p = golden_pair(&golden_cases[0]);
    double sum[2] = {0};
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < p.n * p.d[side]; i++) sum[side] += p.x[side][i];
    ck_assert(p.x[0][0] == 0.4140625f && p.x[0][7] == -1.5625f);
    ck_assert(sum[0] == 44.5625 && sum[1] == -79.515625);
    pair_clear(&p);
}
END_TEST

static json_t *reference(void)
{
    json_error_t error;
    json_t *root = json_load_file(TESTS_DIR "/golden/platonic/reference.json", 0, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    return root;
}

/* Reference and product both sum n^2 terms in double: 1e-9 is far above their rounding, and any
 * wrong neighbour moves mutual_knn by at least 1 / (1024 * 20). */
START_TEST(test_scores_match_reference)
{
    json_t *root = reference(), *row;
    size_t i;
    int compared = 0;
    json_array_foreach(json_object_get(root, "cases"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name")), *measure;
        const struct golden_case *g = golden_cases;
        while (g < golden_cases + N_GOLDEN && strcmp(g->name, name)) g++;
        ck_assert_msg(g < golden_cases + N_GOLDEN, "no inputs for %s", name);
        struct pair p = golden_pair(g);
        struct alignment_options o = plain;
        o.epsilon = 1e-6;
        o.normalize = table_find(&alignment_normalizations,
                                 json_string_value(json_object_get(row, "normalize")));
        json_t *want;
        json_object_foreach(row, measure, want)
        {
            if (!json_is_number(want)) continue;
            double got = score(measure, o, &p), expected = json_number_value(want);
            ck_assert_msg(fabs(got - expected) <= 1e-9,
                          "%s, normalization %d, %s: %.17g, want %.17g", name, o.normalize,
                          measure, got, expected);
            compared++;
        }
        pair_clear(&p);
    }
    ck_assert_int_eq(compared, 25 * 6 - 1); /* the largest case has no k = 5 */
    json_decref(root);
}
END_TEST

/* Three layers of x and four of y, two with an outlier, as models of four layers: the fourth of
 * x is missing (NaN scores). */
static void make_layers(float *x[7])
{
    uint64_t s = 11;
    int *z = lcg_ints(&s, 64 * 6, lcg_int8);
    for (int l = 0; l < 7; l++) {
        int *p = lcg_ints(&s, 6 * 12, lcg_small), *e = lcg_ints(&s, 64 * 12, lcg_int8);
        x[l] = mixture(z, p, e, 64, 6, 12, l < 3 ? 1 + 2 * l : 7 - 2 * (l - 3));
        free(p), free(e);
    }
    x[0][3 * 12 + 2] = 500;
    x[4][5 * 12 + 4] = -700;
    free(z);
}

/* The released code clips all layers of a model at one threshold. */
static void clip_model(float **x, int n_layers, double quantile, double want)
{
    enum { SIZE = 64 * 12 };
    float *all = calloc((size_t)n_layers * SIZE, sizeof *all);
    float *scratch = malloc((size_t)n_layers * SIZE * sizeof *scratch);
    for (int l = 0; l < n_layers; l++) memcpy(all + l * SIZE, x[l], SIZE * sizeof *all);
    double limit = features_threshold(all, n_layers * SIZE, quantile, scratch);
    if (want > 0) ck_assert(limit == want);
    for (int l = 0; l < n_layers; l++)
        for (int i = 0; i < SIZE; i++) x[l][i] = (float)fmin(fmax(x[l][i], -limit), limit);
    free(all), free(scratch);
}

/* Best layers of the two models out of the scores of their seven layers. */
static double search_layers(const double *scores, int32_t *layer_a, int32_t *layer_b)
{
    double pair[64], best[4];
    int32_t a[4], b[4];
    for (int i = 0; i < 64; i++) {
        int row = i / 8, column = i % 8;
        pair[i] = row == 3 || column == 3
                      ? NAN
                      : scores[(row - (row > 3)) * 7 + column - (column > 3)];
    }
    struct alignment_set set = {.n = 64, .n_models = 2, .n_layers = 4};
    alignment_best_layers(&set, pair, best, a, b);
    ck_assert(best[1] == best[2] && a[1] == b[2] && b[1] == a[2]);
    *layer_a = a[1];
    *layer_b = b[1];
    return best[1];
}

START_TEST(test_layers_are_searched_as_in_the_paper)
{
    json_t *root = reference(), *want = json_object_get(root, "layers");
    static const int64_t d[7] = {12, 12, 12, 12, 12, 12, 12};
    struct alignment_options o = {
        .normalize = ALIGN_L2, .clip = 0.95, .epsilon = 1e-6, .k = 10};
    float *x[7];
    int32_t a, b;
    make_layers(x);
    double *scores = run(MPI_COMM_WORLD, "mutual_knn@10", o, 64, 7, d, x);
    /* 1e-7: the released code gives float32 */
    json_t *listed = json_object_get(want, "per_layer_clip");
    ck_assert(fabs(search_layers(scores, &a, &b) -
                   json_number_value(json_object_get(listed, "score"))) < 1e-7);
    ck_assert(a == 0 && b == 3);
    free(scores);

    clip_model(x, 3, 0.95, json_number_value(json_object_get(want, "threshold_0.95")));
    clip_model(x + 3, 4, 0.95, 0);
    o.clip = 1;
    scores = run(MPI_COMM_WORLD, "mutual_knn@10", o, 64, 7, d, x);
    json_t *matrix = json_object_get(want, "mutual_knn@10");
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            json_t *cell = json_array_get(json_array_get(matrix, (size_t)i), (size_t)j);
            ck_assert(fabs(scores[i * 7 + 3 + j] - json_number_value(cell)) < 1e-7);
        }
    free(scores);
    static const char *const names[] = {"cka", "cka_unbiased"};
    for (int i = 0; i < 2; i++) {
        scores = run(MPI_COMM_WORLD, names[i], o, 64, 7, d, x);
        json_t *head = json_object_get(want, names[i]);
        double best = search_layers(scores, &a, &b);
        ck_assert(fabs(best - json_number_value(json_object_get(head, "score"))) < 1e-9);
        ck_assert(a == 0 && b == 3);
        free(scores);
    }
    for (int l = 0; l < 7; l++) free(x[l]);

    make_layers(x);
    clip_model(x, 3, 0.5, json_number_value(json_object_get(want, "threshold_0.5")));
    for (int l = 0; l < 7; l++) free(x[l]);
    json_decref(root);
}
END_TEST

START_TEST(test_best_layers_takes_the_first_maximum)
{
    const double nan = NAN;
    double pair[16] = {0, 0, nan, .5, 0, 0, .5, .5, nan, .5, 0, 0, .5, .5, 0, 0}, best[4];
    int32_t a[4], b[4];
    struct alignment_set set = {.n_models = 2, .n_layers = 2};
    alignment_best_layers(&set, pair, best, a, b);
    ck_assert(best[1] == .5 && a[1] == 0 && b[1] == 1);
    for (int i = 0; i < 16; i++) pair[i] = i / 8 == i % 4 / 2 ? 1 : -0.25 - i;
    alignment_best_layers(&set, pair, best, a, b);
    ck_assert(best[1] == -2.25 && a[1] == 0 && b[1] == 0); /* negative scores count too */
    for (int i = 0; i < 16; i++) pair[i] = nan;
    alignment_best_layers(&set, pair, best, a, b);
    ck_assert(isnan(best[1]) && a[1] == -1 && b[1] == -1);
}
END_TEST

/* Random sizes: odd n, one feature, more features than probes, duplicates, constant rows,
 * fewer representations than ranks. Against the twin, and against one rank. */
static void random_set(uint64_t seed, int64_t *n, int *count, int64_t *d, float **x)
{
    static const int64_t sizes[] = {4, 5, 7, 31, 64, 90, 131};
    static const int64_t widths[] = {1, 2, 3, 8, 17, 70};
    *n = sizes[seed % 7];
    *count = 1 + (int)(lcg_u32(&seed) % 6);
    for (int r = 0; r < *count; r++) {
        d[r] = widths[lcg_u32(&seed) % 6];
        x[r] = malloc((size_t)(*n * d[r]) * sizeof(float));
        double offset = r % 2 ? 100 : 0;
        for (int64_t i = 0; i < *n * d[r]; i++)
            x[r][i] = (float)(offset + (r == 2 ? lcg_small(&seed) : lcg_gauss(&seed)));
        if (r == 3)
            for (int64_t i = 0; i < *n; i += 2) copy_row(x[r], d[r], i, 0);
        if (r == 4)
            for (int64_t i = 0; i < *n; i++) copy_row(x[r], d[r], i, 0); /* constant */
    }
}

static void compare_with_twin(const char *measure, struct alignment_options o, int64_t n,
                              int count, const int64_t *d, float **x)
{
    double *world = run(MPI_COMM_WORLD, measure, o, n, count, d, x);
    double *alone = run(MPI_COMM_SELF, measure, o, n, count, d, x);
    bool exact = strncmp(measure, "mutual", 6) == 0;
    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++) {
            double got = world[a * count + b], one = alone[a * count + b];
            double want = twin(measure, o, n, d[a], x[a], d[b], x[b]);
            if (exact) {
                ck_assert_msg(got == want && got == one, "%s n %d, %d %d: %.17g %.17g %.17g",
                              measure, (int)n, a, b, got, one, want);
                continue;
            }
            ck_assert_int_eq(isnan(got), isnan(one));
            /* Without structure (4: constant; small n: U-centred to nothing) there is no score.
             */
            if (isnan(got)) continue;
            ck_assert_msg(fabs(got - one) <= 1e-12, "%s n %d: %.17g alone %.17g", measure,
                          (int)n, got, one);
            /* The twin of cka_unbiased subtracts large sums: its rounding, not ours. */
            ck_assert_msg(fabs(got - want) <= 1e-8, "%s n %d, %d %d: %.17g twin %.17g", measure,
                          (int)n, a, b, got, want);
            if (a == b) ck_assert(fabs(got - 1) <= 1e-12);
        }
    free(world), free(alone);
}

START_TEST(test_random_sets_match_the_twin_on_any_ranks)
{
    int64_t n, d[8];
    float *x[8];
    int count;
    random_set((uint64_t)_i, &n, &count, d, x);
    for (int normalize = 0; normalize < alignment_normalizations.count; normalize++) {
        struct alignment_options o = plain;
        o.normalize = normalize;
        compare_with_twin("cka", o, n, count, d, x);
        compare_with_twin("cka_unbiased", o, n, count, d, x);
        compare_with_twin("mutual_knn@1", o, n, count, d, x);
        compare_with_twin("mutual_knn@3", o, n, count, d, x);
        if (n > 10) compare_with_twin("mutual_knn@10", o, n, count, d, x);
    }
    for (int r = 0; r < count; r++) free(x[r]);
}
END_TEST

START_TEST(test_every_measure_is_1_with_itself_and_nan_with_a_constant)
{
    struct pair p = golden_pair(&golden_cases[0]);
    for (int64_t i = 0; i < p.n; i++) p.x[1][i * p.d[1]] = 3; /* only the first row counts */
    for (int64_t i = 1; i < p.n; i++) copy_row(p.x[1], p.d[1], i, 0);
    for (int m = 0; m < alignment_measures.count; m++) {
        const struct alignment_measure *measure =
            (const void *)table_row(&alignment_measures, m);
        for (int normalize = 0; normalize < alignment_normalizations.count; normalize++) {
            struct alignment_options o = plain;
            o.normalize = normalize;
            double *all = run(MPI_COMM_WORLD, measure->row.name, o, p.n, 2, p.d, p.x);
            ck_assert(fabs(all[0] - measure->self) <= 1e-12);
            if (!measure->wants_k) ck_assert(isnan(all[1]) && isnan(all[2]) && isnan(all[3]));
            free(all);
        }
    }
    p.x[1][5] = NAN;
    ck_assert(isnan(score("mutual_knn@3", plain, &p)));
    ck_assert(isnan(score("cka", plain, &p)));
    pair_clear(&p);
}
END_TEST

/* Rows of one direction are equal after normalisation but for rounding: no structure either. */
START_TEST(test_cka_of_rows_of_one_direction_is_nan)
{
    struct pair p = golden_pair(&golden_cases[0]);
    for (int64_t i = 0; i < p.n; i++)
        for (int64_t j = 0; j < p.d[1]; j++)
            p.x[1][i * p.d[1] + j] = (float)(1 + i) * (0.125f + (float)(3 * j % 7));
    struct alignment_options o = plain;
    o.normalize = ALIGN_L2;
    ck_assert(isnan(score("cka", o, &p)));
    ck_assert(isnan(score("cka_unbiased", o, &p)));
    pair_clear(&p);
}
END_TEST

/* One outlier: off the diagonal the Gram matrix is a_i + a_j, which U-centring removes. */
START_TEST(test_unbiased_cka_of_a_single_outlier_is_nan)
{
    struct pair p = golden_pair(&golden_cases[0]);
    memset(p.x[1], 0, (size_t)(p.n * p.d[1]) * sizeof(float));
    for (int64_t j = 0; j < p.d[1]; j++) p.x[1][7 * p.d[1] + j] = 0.3f + (float)j;
    ck_assert(isnan(score("cka_unbiased", plain, &p)));
    ck_assert(!isnan(score("cka", plain, &p)));
    pair_clear(&p);
}
END_TEST

/* Permuting features, changing their signs and scaling change nothing; nor does an offset for
 * the centred measures, here of 100 standard deviations. 1e-6: the offset is rounded to
 * float32. */
START_TEST(test_scores_do_not_depend_on_the_frame)
{
    struct pair p = make_pair(21, 65, 9, 14, 5, 1), q = make_pair(21, 65, 9, 14, 5, 1);
    for (int64_t i = 0; i < q.n; i++)
        for (int64_t j = 0; j < 9; j++)
            q.x[0][i * 9 + (j * 4) % 9] = (j % 2 ? -0.25f : 0.25f) * p.x[0][i * 9 + j];
    static const char *const names[] = {"cka", "cka_unbiased", "mutual_knn@7"};
    for (int i = 0; i < 3; i++)
        ck_assert(fabs(score(names[i], plain, &p) - score(names[i], plain, &q)) <= 1e-12);
    for (int64_t i = 0; i < q.n * 9; i++) q.x[0][i] += 100;
    for (int i = 0; i < 2; i++)
        ck_assert(fabs(score(names[i], plain, &p) - score(names[i], plain, &q)) <= 1e-6);
    pair_clear(&p), pair_clear(&q);
}
END_TEST

/* Sets that overlap by m(A,B) and m(B,C) overlap by at least m(A,B) + m(B,C) - 1. */
START_TEST(test_mutual_knn_keeps_the_triangle_bound)
{
    enum { COUNT = 6 };
    int64_t d[COUNT];
    float *x[COUNT];
    struct pair p[COUNT / 2];
    for (int i = 0; i < COUNT; i++) {
        if (i % 2 == 0) p[i / 2] = make_pair(77, 90, 10, 12, 6, i);
        d[i] = p[i / 2].d[i % 2];
        x[i] = p[i / 2].x[i % 2];
    }
    double *m = run(MPI_COMM_WORLD, "mutual_knn@8", plain, 90, COUNT, d, x);
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < COUNT; b++)
            for (int c = 0; c < COUNT; c++)
                ck_assert(m[a * COUNT + c] >= m[a * COUNT + b] + m[b * COUNT + c] - 1 - 1e-12);
    free(m);
    for (int i = 0; i < COUNT / 2; i++) pair_clear(&p[i]);
}
END_TEST

/* Means over 15 independent pairs of Gaussian features: k/(n-1) for mutual_knn (sd of one about
 * 0.011), sqrt(p q / ((n+p)(n+q))) for cka (an approximation, good to 0.02 here), 0 for
 * cka_unbiased (sd of one about 0.02). */
START_TEST(test_independent_features_score_as_in_closed_form)
{
    enum { COUNT = 6, N = 100, D = 20 };
    int64_t d[COUNT];
    float *x[COUNT];
    uint64_t s = 5;
    for (int r = 0; r < COUNT; r++) {
        d[r] = D;
        x[r] = malloc(N * D * sizeof(float));
        for (int i = 0; i < N * D; i++) x[r][i] = (float)lcg_gauss(&s);
    }
    static const struct {
        const char *measure;
        double want, within;
    } rows[] = {{"mutual_knn@10", 10.0 / (N - 1), 0.01},
                {"cka", (double)D / (N + D), 0.02},
                {"cka_unbiased", 0, 0.02}};
    for (int i = 0; i < 3; i++) {
        double *all = run(MPI_COMM_WORLD, rows[i].measure, plain, N, COUNT, d, x), mean = 0;
        for (int a = 0; a < COUNT; a++)
            for (int b = 0; b < a; b++) mean += all[a * COUNT + b] / (COUNT * (COUNT - 1) / 2);
        ck_assert_msg(fabs(mean - rows[i].want) < rows[i].within, "%s: %g, want %g",
                      rows[i].measure, mean, rows[i].want);
        free(all);
    }
    for (int r = 0; r < COUNT; r++) free(x[r]);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("alignment");
    TCase *t = check_case(s, "alignment");
    tcase_add_test(t, test_parse_refuses_what_is_wrong);
    tcase_add_test(t, test_parse_reads_names_and_k);
    tcase_add_test(t, test_owner_gives_contiguous_blocks);
    tcase_add_test(t, test_measures_refuse_impossible_sizes);
    tcase_add_test(t, test_generator_gives_the_golden_inputs);
    tcase_add_test(t, test_scores_match_reference);
    tcase_add_test(t, test_layers_are_searched_as_in_the_paper);
    tcase_add_test(t, test_best_layers_takes_the_first_maximum);
    tcase_add_loop_test(t, test_random_sets_match_the_twin_on_any_ranks, 0, 21);
    tcase_add_test(t, test_every_measure_is_1_with_itself_and_nan_with_a_constant);
    tcase_add_test(t, test_cka_of_rows_of_one_direction_is_nan);
    tcase_add_test(t, test_unbiased_cka_of_a_single_outlier_is_nan);
    tcase_add_test(t, test_scores_do_not_depend_on_the_frame);
    tcase_add_test(t, test_mutual_knn_keeps_the_triangle_bound);
    tcase_add_test(t, test_independent_features_score_as_in_closed_form);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
