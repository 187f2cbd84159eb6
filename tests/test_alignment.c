/* test_alignment.c - the measures against golden values, a plain implementation per pair,
 * closed forms and invariances; on any number of ranks.
 *
 * Every rank makes all features, keeps those it owns in the set, and gets the scores by a
 * broadcast: assertions then hold or fail on all ranks alike, and none waits for another. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/features.h"
#include "tests/alignment_inputs.h"
#include "tests/alignment_run.h"
#include "tests/alignment_twin.h"
#include "tests/check_main.h"

/* ---- running a measure ---- */

static double score(const char *measure, struct alignment_options o, const struct pair *p)
{
    double *all = run(MPI_COMM_WORLD, measure, o, p->n, 2, p->d, p->x), out = all[1];
    free(all);
    return out;
}

static enum err_code refusal(const char *measure, struct alignment_options o, int64_t n,
                             int64_t d, struct err *e)
{
    struct alignment_task task;
    ck_assert_int_eq(alignment_parse(measure, &task.measure, &o, e), ERR_OK);
    task.k = o.k;
    static const float x[64] = {1, 2, 3};
    struct representation layer = {d, x, false, true};
    struct alignment_model model[2] = {{1, &layer}, {1, &layer}};
    struct alignment_set set = {n, 2, model};
    static const uint8_t wanted[4] = {1, 1, 1, 1};
    struct alignment_groups groups = {&set, &set, 0, 0, wanted};
    struct alignment_pairs list = {0};
    struct alignment_sink sink = {keep_pairs, &list};
    enum err_code rc =
        alignment_all_pairs(MPI_COMM_WORLD, &groups, &task, 1, &o, &no_null, &sink, e);
    free(list.pair);
    return rc;
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
    ck_assert_str_eq(m->parameter, "neighbours");
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
        o.sigma = 1;
        json_object_foreach(row, measure, want)
        {
            if (!json_is_number(want)) continue;
            double got = score(measure, o, &p), expected = json_number_value(want);
            /* A longest common subsequence is a sum, not a share. */
            ck_assert_msg(fabs(got - expected) <= 1e-9 * fmax(1, expected),
                          "%s, normalization %d, %s: %.17g, want %.17g", name, o.normalize,
                          measure, got, expected);
            compared++;
        }
        pair_clear(&p);
    }
    ck_assert_int_eq(compared, (int)json_integer_value(json_object_get(root, "values")));
    json_decref(root);
}
END_TEST

/* Three layers of x and four of y, two with an outlier. */
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

/* The two models of make_layers. Features of others are not looked at. */
struct two_models {
    struct representation layer[7];
    struct alignment_model model[2];
    struct alignment_set set;
};

static void two_models(struct two_models *m, float *const x[7])
{
    for (int l = 0; l < 7; l++) m->layer[l] = (struct representation){12, x[l], false, false};
    m->model[0] = (struct alignment_model){3, m->layer};
    m->model[1] = (struct alignment_model){4, m->layer + 3};
    m->set = (struct alignment_set){64, 2, m->model};
}

/* The released code gives float32 for measures of neighbours; HEAD searches the layers, the code
 * of the paper's time their concatenation too, which comes first. */
START_TEST(test_layers_are_searched_as_released)
{
    json_t *root = reference(), *want = json_object_get(root, "layers"), *row;
    float *x[7];
    make_layers(x);
    struct two_models m;
    two_models(&m, x);
    size_t i;
    json_array_foreach(json_object_get(want, "searches"), i, row)
    {
        struct alignment_options o = {.normalize = ALIGN_L2, .clip = 0.95, .epsilon = 1e-6};
        const char *measure = json_string_value(json_object_get(row, "measure"));
        o.clip_by =
            table_find(&alignment_clips, json_string_value(json_object_get(row, "clip_by")));
        o.concat = json_is_true(json_object_get(row, "concat"));
        struct alignment_pair *all = run_models(MPI_COMM_WORLD, measure, o, &no_null, &m.set);
        double score = json_number_value(json_object_get(row, "score"));
        int32_t a = (int32_t)json_integer_value(json_object_get(row, "layer_a"));
        int32_t b = (int32_t)json_integer_value(json_object_get(row, "layer_b"));
        double within = strstr(measure, "_knn") ? 1e-7 * fmax(1, score) : 1e-9;
        ck_assert_msg(fabs(all[1].score - score) <= within, "%s: %.12g, want %.12g", measure,
                      all[1].score, score);
        ck_assert_msg(all[1].layer_a == (a == -1 ? ALIGN_CONCAT : a) && all[1].layer_b == b,
                      "%s: layers %d %d", measure, all[1].layer_a, all[1].layer_b);
        free(all);
    }
    ck_assert_uint_eq(i, 29);
    for (int l = 0; l < 7; l++) free(x[l]);
    json_decref(root);
}
END_TEST

/* Each layer of one model alone with each of the other. */
START_TEST(test_layer_pairs_score_as_released)
{
    json_t *root = reference(), *want = json_object_get(root, "layers");
    json_t *matrix = json_object_get(want, "mutual_knn@10");
    struct alignment_options o = {
        .normalize = ALIGN_L2, .clip = 0.95, .clip_by = ALIGN_CLIP_MODEL};
    float *x[7];
    double limit[4];
    make_layers(x);
    struct two_models m;
    two_models(&m, x);
    ck_assert_int_eq(features_limits(&m.model[0], 64, &o, limit, NULL), ERR_OK);
    ck_assert(limit[0] == json_number_value(json_object_get(want, "threshold_0.95")));
    ck_assert(limit[0] == limit[2]);
    for (int l = 0; l < 3; l++)
        for (int i = 0; i < 64 * 12; i++)
            x[l][i] = (float)fmin(fmax(x[l][i], -limit[0]), limit[0]);
    ck_assert_int_eq(features_limits(&m.model[1], 64, &o, limit, NULL), ERR_OK);
    for (int l = 3; l < 7; l++)
        for (int i = 0; i < 64 * 12; i++)
            x[l][i] = (float)fmin(fmax(x[l][i], -limit[0]), limit[0]);
    static const int64_t d[7] = {12, 12, 12, 12, 12, 12, 12};
    o.clip = 1;
    double *scores = run(MPI_COMM_WORLD, "mutual_knn@10", o, 64, 7, d, x);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            json_t *cell = json_array_get(json_array_get(matrix, (size_t)i), (size_t)j);
            ck_assert(fabs(scores[i * 7 + 3 + j] - json_number_value(cell)) < 1e-7);
        }
    free(scores);
    for (int l = 0; l < 7; l++) free(x[l]);
    json_decref(root);
}
END_TEST

START_TEST(test_thresholds_are_those_released)
{
    json_t *root = reference(), *want = json_object_get(root, "layers");
    float *x[7];
    double limit[3];
    make_layers(x);
    struct two_models m;
    two_models(&m, x);
    struct alignment_options o = {.clip = 0.5, .clip_by = ALIGN_CLIP_MODEL};
    ck_assert_int_eq(features_limits(&m.model[0], 64, &o, limit, NULL), ERR_OK);
    ck_assert(limit[1] == json_number_value(json_object_get(want, "threshold_0.5")));
    o.clip_by = ALIGN_CLIP_SAMPLE;
    ck_assert_int_eq(features_limits(&m.model[0], 64, &o, limit, NULL), ERR_OK);
    ck_assert_double_eq_tol(
        limit[1], json_number_value(json_object_get(want, "inexact_threshold_0.5")), 1e-6);
    o.clip = 0.95; /* 1e-6: of single precision */
    ck_assert_int_eq(features_limits(&m.model[0], 64, &o, limit, NULL), ERR_OK);
    ck_assert_double_eq_tol(
        limit[1], json_number_value(json_object_get(want, "inexact_threshold_0.95")), 1e-6);
    o.clip_by = ALIGN_CLIP_LAYER;
    ck_assert_int_eq(features_limits(&m.model[0], 64, &o, limit, NULL), ERR_OK);
    ck_assert(limit[0] != limit[1] && limit[1] != limit[2]);
    for (int l = 0; l < 7; l++) free(x[l]);
    json_decref(root);
}
END_TEST

/* Two models of the same three layers: all the best pairs tie. Inputs are no pair. */
START_TEST(test_first_maximum_wins_and_inputs_do_not_count)
{
    struct pair p = golden_pair(&golden_cases[9]); /* identical */
    float *constant = calloc((size_t)(p.n * 12), sizeof *constant);
    struct representation layer[3] = {
        {12, p.x[0], true, false}, {12, p.x[0], false, false}, {12, p.x[1], false, false}};
    struct representation dead[2] = {{12, constant, false, false},
                                     {12, constant, false, false}};
    struct alignment_model model[3] = {{3, layer}, {3, layer}, {2, dead}};
    struct alignment_set set = {p.n, 3, model};
    static const char *const names[] = {"mutual_knn@5", "cka", "cka_rbf", "jaccard_knn@5"};
    for (int i = 0; i < 4; i++) {
        struct alignment_pair *all =
            run_models(MPI_COMM_WORLD, names[i], plain, &no_null, &set);
        ck_assert(fabs(all[1].score - 1) < 1e-12);
        ck_assert(all[1].layer_a == 0 && all[1].layer_b == 1); /* (0, 0): both are inputs */
        ck_assert(all[3].layer_a == 1 && all[3].layer_b == 0); /* mirrored */
        if (i == 1 || i == 2) {
            ck_assert(isnan(all[2].score));
            ck_assert(all[2].layer_a == ALIGN_NO_LAYER && all[2].layer_b == ALIGN_NO_LAYER);
        }
        free(all);
    }
    free(constant);
    pair_clear(&p);
}
END_TEST

START_TEST(test_negative_scores_count_too)
{
    uint64_t s = 1001;
    float x[2][24];
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 24; i++) x[side][i] = (float)lcg_int8(&s) / 128;
    static const int64_t d[2] = {3, 3};
    float *const features[2] = {x[0], x[1]};
    struct alignment_options o = plain;
    o.epsilon = 1e-6;
    o.normalize = ALIGN_L2;
    double *all = run(MPI_COMM_WORLD, "cka_unbiased", o, 8, 2, d, features);
    json_t *root = reference();
    double want = json_number_value(json_object_get(root, "negative_only"));
    ck_assert_msg(fabs(all[1] - want) < 1e-9, "%.12g, want %.12g", all[1], want);
    ck_assert(want < -0.1);
    free(all);
    json_decref(root);
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

/* What a measure declares for a representation with itself, and none with one that is constant,
 * but for neighbours, which ties have, and for predictions. */
START_TEST(test_every_measure_of_itself_and_of_a_constant)
{
    const struct alignment_measure *measure = (const void *)table_row(&alignment_measures, _i);
    struct pair p = golden_pair(&golden_cases[0]);
    for (int64_t i = 0; i < p.n; i++) p.x[1][i * p.d[1]] = 3; /* only the first row counts */
    for (int64_t i = 1; i < p.n; i++) copy_row(p.x[1], p.d[1], i, 0);
    for (int normalize = 0; normalize < alignment_normalizations.count; normalize++) {
        struct alignment_options o = plain;
        o.normalize = normalize;
        char name[64];
        snprintf(name, sizeof name, "%s%s", measure->row.name, measure->parameter ? "@4" : "");
        o.k = 4;
        double *all = run(MPI_COMM_WORLD, name, o, p.n, 2, p.d, p.x);
        double self = alignment_self(measure, &o);
        if (!isnan(self))
            ck_assert_msg(fabs(all[0] - self) <= 1e-12, "%s: %.17g", name, all[0]);
        bool has_score = measure->predictions ||
                         (measure->parameter && strcmp(measure->parameter, "neighbours") == 0);
        bool rows_vary = strncmp(name, "rsa", 3) == 0; /* equal rows correlate: no structure */
        if (!has_score || rows_vary)
            ck_assert_msg(isnan(all[1]) && isnan(all[2]) && isnan(all[3]), "%s: %g", name,
                          all[1]);
        free(all);
    }
    p.x[1][5] = NAN;
    double *all = run(MPI_COMM_WORLD, measure->row.name, plain, p.n, 2, p.d, p.x);
    ck_assert_msg(isnan(all[1]) && isnan(all[2]) && isnan(all[3]), "%s: %g", measure->row.name,
                  all[1]);
    free(all);
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
    tcase_add_test(t, test_layers_are_searched_as_released);
    tcase_add_test(t, test_layer_pairs_score_as_released);
    tcase_add_test(t, test_thresholds_are_those_released);
    tcase_add_test(t, test_first_maximum_wins_and_inputs_do_not_count);
    tcase_add_test(t, test_negative_scores_count_too);
    tcase_add_loop_test(t, test_random_sets_match_the_twin_on_any_ranks, 0, 7);
    tcase_add_loop_test(t, test_every_measure_of_itself_and_of_a_constant, 0,
                        alignment_measures.count);
    tcase_add_test(t, test_cka_of_rows_of_one_direction_is_nan);
    tcase_add_test(t, test_unbiased_cka_of_a_single_outlier_is_nan);
    tcase_add_test(t, test_scores_do_not_depend_on_the_frame);
    tcase_add_test(t, test_mutual_knn_keeps_the_triangle_bound);
    tcase_add_test(t, test_independent_features_score_as_in_closed_form);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
