/* test_all_pairs_maps.c - what scores do not see: the maps of features that the column
 * `invariances` of the table names, the order of the rows; and bounds between three models. */
#include <stdio.h>

#include "tests/alignment_run.h"
#include "tests/alignment_zoo.h"
#include "tests/check_main.h"

/* ---- maps of features, exact in float32 of the whole numbers / 128 they are used on ---- */

typedef void map(const float *x, int64_t n, int64_t d, float *out);

/* Blocks of four by a Hadamard matrix / 2, then another order and other signs. */
static void map_orthogonal(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            const float *four = x + i * d + j / 4 * 4;
            float sum = 0;
            for (int l = 0; l < 4; l++)
                sum += __builtin_popcount((unsigned)l & (unsigned)(j % 4)) % 2 ? -four[l]
                                                                               : four[l];
            out[i * d + (j * 5 + 1) % d] = j % 3 ? sum / 2 : -sum / 2;
        }
}

static void map_scaling(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++) out[i] = 3 * x[i];
}

static void map_translation(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++) out[i] = x[i] + (float)(i % d * 7 % 11 - 5);
}

static void map_row_translation(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++) out[i] = x[i] + (float)(i / d % 5) / 2;
}

/* A triangular matrix, which scales, shears and mixes. */
static void map_invertible(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++)
        out[i] = (float)(1 + i % d % 3) * x[i] + (i % d > 0 ? 2 * x[i - 1] : 0) -
                 (i % d > 3 ? x[i - 4] : 0);
}

static void map_each_scaled(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++) out[i] = (float)(1 + i % d * 5 % 7) * x[i];
}

static void map_permutation(const float *x, int64_t n, int64_t d, float *out)
{
    for (int64_t i = 0; i < n * d; i++) out[i / d * d + (i % d * 5 + 2) % d] = x[i];
}

static const struct {
    const char *name; /* as in the table */
    map *apply;
} maps[] = {
    {"orthogonal maps", map_orthogonal},
    {"isotropic scaling", map_scaling},
    {"translation", map_translation},
    {"translation of a row", map_row_translation},
    {"invertible linear maps", map_invertible},
    {"scaling of every feature", map_each_scaled},
    {"permutation of features", map_permutation},
};
enum { N_MAPS = sizeof maps / sizeof *maps };

static int map_named(const char *name)
{
    for (int i = 0; i < N_MAPS; i++)
        if (strcmp(maps[i].name, name) == 0) return i;
    ck_abort_msg("no map '%s'", name);
    return -1;
}

/* ---- scores of mapped features ---- */

enum { N = 43 };

/* Two models of these widths with something in common. */
static struct zoo two_models(int64_t d_a, int64_t d_b)
{
    struct zoo w = {.n = N};
    uint64_t s = 6;
    int *z = lcg_ints(&s, N * 4, lcg_int8);
    for (int m = 0; m < 2; m++) {
        zoo_add(&w, 1, m ? &d_b : &d_a);
        zoo_fill(&w, m, 0, z, &s);
    }
    free(z);
    return w;
}

/* Scores (0, 1) and (1, 0), with a map of either side. */
static void scores_mapped(const struct zoo *w, const struct alignment_task *task, double sigma,
                          map *const side[2], double out[2])
{
    struct zoo moved = {.n = w->n};
    struct alignment_options o = plain;
    o.sigma = sigma;
    for (int m = 0; m < 2; m++) {
        float *x = zoo_add(&moved, 1, &w->d[m])[0];
        if (side[m])
            side[m](w->x[m], w->n, w->d[m], x);
        else
            memcpy(x, w->x[m], (size_t)(w->n * w->d[m]) * sizeof *x);
    }
    struct alignment_pairs list =
        engine_within(MPI_COMM_WORLD, &moved, task, 1, &o, &no_null, NULL);
    out[0] = find_one(&list, 0, 0, 1).score;
    out[1] = task->measure->symmetric ? out[0] : find_one(&list, 0, 1, 0).score;
    free(list.pair);
    zoo_clear(&moved);
}

/* By rounding; of ranks one may change places with the next. */
static void check_map(const struct zoo *w, const struct alignment_task *task, double sigma,
                      int which)
{
    map *const none[2] = {NULL, NULL};
    map *const mapped[3][2] = {{maps[which].apply, NULL},
                               {NULL, maps[which].apply},
                               {maps[which].apply, maps[which].apply}};
    double within = strcmp(task->measure->row.name, "rsa_spearman") ? 1e-10 : 1e-5;
    double want[2], got[2];
    scores_mapped(w, task, sigma, none, want);
    for (int sides = 0; sides < 3; sides++) {
        scores_mapped(w, task, sigma, mapped[sides], got);
        for (int turn = 0; turn < 2; turn++)
            ck_assert_msg(fabs(got[turn] - want[turn]) <= within,
                          "%s, sigma %g, %s of %d: %.17g, want %.17g", task->measure->row.name,
                          sigma, maps[which].name, sides, got[turn], want[turn]);
    }
}

/* The column read: phrases between commas, and behind a semicolon what holds with the median
 * as sigma. */
START_TEST(test_scores_do_not_see_what_the_table_says)
{
    struct alignment_task task[ALIGNMENT_MAX_TASKS];
    tasks_of_all(4, task);
    const struct alignment_measure *m = task[_i].measure;
    struct zoo w = two_models(8, m->predictions ? 8 : 12);
    char text[256], *rest = text;
    snprintf(text, sizeof text, "%s", m->invariances);
    ck_assert_uint_gt(strlen(text), 5);
    bool is_median = false;
    for (char *end; rest; rest = end) {
        end = strpbrk(rest, ",;");
        bool last = end && *end == ';';
        if (end) *end++ = 0;
        while (*rest == ' ') rest++;
        static const char *const median = "with the median ";
        bool with_median = is_median && strncmp(rest, median, strlen(median)) == 0;
        int which = map_named(with_median ? rest + strlen(median) : rest);
        check_map(&w, &task[_i], 0, which);
        if (!with_median) check_map(&w, &task[_i], 25, which);
        is_median = last;
    }
    zoo_clear(&w);
}
END_TEST

/* The same check, of what a measure does see: it can fail. */
START_TEST(test_scores_see_other_maps)
{
    static const struct {
        const char *measure, *map;
    } rows[] = {{"cka", "scaling of every feature"},
                {"cka_unbiased", "invertible linear maps"},
                {"mutual_knn@4", "translation"},
                {"mutual_knn_ties@4", "scaling of every feature"},
                {"rsa", "orthogonal maps"},
                {"rsa_spearman", "translation"},
                {"procrustes", "invertible linear maps"},
                {"soft_matching", "orthogonal maps"},
                {"cka_rbf", "isotropic scaling"},
                {"jsd", "isotropic scaling"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alignment_task task = task_of(rows[i].measure);
        struct zoo w = two_models(8, 8);
        map *const none[2] = {NULL, NULL};
        map *const one[2] = {maps[map_named(rows[i].map)].apply, NULL};
        double want[2], got[2];
        scores_mapped(&w, &task, 25, none, want);
        scores_mapped(&w, &task, 25, one, got);
        ck_assert_msg(fabs(got[0] - want[0]) > 1e-3, "%s, %s: %.17g, %.17g", rows[i].measure,
                      rows[i].map, got[0], want[0]);
        zoo_clear(&w);
    }
}
END_TEST

/* ---- the order of rows ---- */

/* Rows of all models moved alike. Without ties but where they have their mean. */
START_TEST(test_order_of_rows_changes_no_score)
{
    struct alignment_task task[ALIGNMENT_MAX_TASKS];
    tasks_of_all(4, task);
    const struct alignment_measure *m = task[_i].measure;
    if (m->confound) return; /* the inputs stay where they are */
    bool ties = !m->parameter || strcmp(m->row.name, "mutual_knn_ties") == 0;
    bool weighted = strcmp(m->row.name, "pwcca") == 0; /* unique with many rows */
    struct zoo w = zoo_random(3, weighted ? 86 : 37, 4, !ties), moved = {.n = w.n};
    for (int model = 0; model < w.n_models; model++)
        zoo_add(&moved, w.first[model + 1] - w.first[model], &w.d[w.first[model]]);
    for (int l = 0; l < w.n_layers; l++)
        for (int64_t i = 0; i < w.n; i++)
            memcpy(moved.x[l] + (i * 11 + 7) % w.n * w.d[l], w.x[l] + i * w.d[l],
                   (size_t)w.d[l] * sizeof(float));
    struct alignment_pairs want =
        engine_within(MPI_COMM_WORLD, &w, &task[_i], 1, &plain, &no_null, NULL);
    struct alignment_pairs got =
        engine_within(MPI_COMM_WORLD, &moved, &task[_i], 1, &plain, &no_null, NULL);
    for (int64_t i = 0; i < want.count; i++) {
        struct alignment_pair *p = &want.pair[i], q = find_one(&got, 0, p->a, p->b);
        ck_assert_msg(is_near(p->score, q.score, weighted ? 1e-10 : 1e-12),
                      "%s of %d, %d: %.17g, %.17g", m->row.name, p->a, p->b, p->score, q.score);
    }
    free(want.pair), free(got.pair);
    zoo_clear(&w), zoo_clear(&moved);
}
END_TEST

/* ---- three models ---- */

/* Sets that overlap by m(A,B) and m(B,C) overlap by at least m(A,B) + m(B,C) - 1; and 1 less
 * jaccard is a distance. One layer each: the best of several has neither. */
START_TEST(test_neighbours_keep_triangles)
{
    enum { M = 8 };
    struct zoo w = {.n = 47};
    uint64_t s = 8;
    int *z = lcg_ints(&s, w.n * 4, lcg_int8);
    for (int m = 0; m < M; m++) {
        zoo_add(&w, 1, (int64_t[]){4 + m % 3});
        zoo_fill(&w, m, m == 5 ? 2 : 0, z, &s);
        for (int64_t i = 0; i < w.n * w.d[m] && m % 4 == 3; i++) /* near the one before last */
            w.x[m][i] = w.x[m - 3][i % (w.n * w.d[m - 3])] + (float)lcg_small(&s) / 16;
    }
    struct alignment_task task[2] = {task_of("mutual_knn@6"), task_of("jaccard_knn@6")};
    struct alignment_pairs list =
        engine_within(MPI_COMM_WORLD, &w, task, 2, &plain, &no_null, NULL);
    double score[2][M][M], tightest = 2;
    for (int t = 0; t < 2; t++)
        for (int a = 0; a < M; a++)
            for (int b = a; b < M; b++)
                score[t][a][b] = score[t][b][a] = find_one(&list, t, a, b).score;
    for (int t = 0; t < 2; t++)
        for (int a = 0; a < M; a++)
            for (int b = 0; b < M; b++)
                for (int c = 0; c < M; c++) {
                    double slack = score[t][a][c] - (score[t][a][b] + score[t][b][c] - 1);
                    ck_assert_double_ge(slack, -1e-12);
                    if (a != b && b != c && a != c) tightest = fmin(tightest, slack);
                }
    ck_assert_double_lt(tightest, 0.6);
    free(list.pair), free(z);
    zoo_clear(&w);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("all_pairs_maps");
    TCase *t = check_case(s, "all_pairs_maps");
    tcase_add_loop_test(t, test_scores_do_not_see_what_the_table_says, 0,
                        alignment_measures.count);
    tcase_add_test(t, test_scores_see_other_maps);
    tcase_add_loop_test(t, test_order_of_rows_changes_no_score, 0, alignment_measures.count);
    tcase_add_test(t, test_neighbours_keep_triangles);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
