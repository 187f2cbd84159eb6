/* test_all_pairs_single.c - several measures in one call: what is made in passing is what is
 * made by itself; neighbours are exact where single precision cannot tell them apart. */
#include "linalg/all_pairs.h"

#include "base/rng.h"
#include "tests/alignment_run.h"
#include "tests/alignment_twin.h"
#include "tests/check_main.h"

enum { COUNT = 5, N = 300, D = 70 };

/* The second has an offset of 100 standard deviations; of the third and fifth, six rows in a row
 * differ by less than single precision can tell, of the fourth a hundred do. */
static void make(float x[COUNT][N * D])
{
    struct rng random = rng_stream(7, RNG_TESTING, 0);
    for (int r = 0; r < COUNT; r++)
        for (int64_t i = 0; i < N * D; i++) {
            int64_t same = r == 2 || r == 4 ? 6 : r == 3 ? 100 : 1, row = i / D;
            float value = (float)(rng_normal(&random) + (r == 1 ? 100 : 0));
            if (row % same) value = nextafterf(x[r][(row - 1) * D + i % D], value);
            x[r][i] = value;
        }
}

/* The score of a pair in a call with all measures, on every rank. */
static double score_of(const struct alignment_pairs *list, int32_t task, int32_t a, int32_t b)
{
    double score = NAN;
    for (int64_t i = 0; i < list->count; i++)
        if (list->pair[i].task == task && list->pair[i].a == a && list->pair[i].b == b)
            score = list->pair[i].score;
    MPI_Bcast(&score, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    return score;
}

/* Measures over models [0, COUNT) with themselves, or [0, 2) with the rest. */
static struct alignment_pairs call(float x[COUNT][N * D], int n_tasks, const char *const *name,
                                   bool apart, int precision)
{
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    struct representation layer[COUNT];
    struct alignment_model model[COUNT];
    int first_b = apart ? 2 : 0, count_a = apart ? 2 : COUNT, count_b = COUNT - first_b;
    for (int m = 0; m < COUNT; m++) {
        bool own = m < count_a ? alignment_owner(m, count_a, size) == rank
                               : alignment_owner(m - first_b, count_b, size) == rank;
        layer[m] = (struct representation){D, own ? x[m] : NULL, false, false};
        model[m] = (struct alignment_model){1, &layer[m]};
    }
    struct alignment_set a = {N, count_a, model}, b = {N, count_b, model + first_b};
    uint8_t wanted[COUNT * COUNT];
    for (int i = 0; i < COUNT * COUNT; i++) wanted[i] = apart || i / COUNT <= i % COUNT;
    struct alignment_groups groups = {&a, apart ? &b : &a, 0, first_b, wanted};
    struct alignment_options o = plain;
    struct alignment_task task[4];
    struct err e = {0};
    o.precision = precision;
    for (int t = 0; t < n_tasks; t++) {
        ck_assert_int_eq(alignment_parse(name[t], &task[t].measure, &o, &e), ERR_OK);
        task[t].k = o.k;
    }
    struct alignment_pairs list = {0};
    struct alignment_sink sink = {keep_pairs, &list};
    enum err_code rc =
        alignment_all_pairs(MPI_COMM_WORLD, &groups, task, n_tasks, &o, &no_null, &sink, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return list;
}

START_TEST(test_measures_in_one_call_score_as_alone)
{
    static const char *const names[] = {"mutual_knn@3", "cka_unbiased", "cka", "jaccard_knn@7"};
    static float x[COUNT][N * D];
    make(x);
    bool apart = _i % 2;
    int precision = _i / 2 ? ALIGN_SINGLE : ALIGN_DOUBLE;
    struct alignment_pairs all = call(x, 4, names, apart, precision);
    for (int t = 0; t < 4; t++) {
        struct alignment_pairs one = call(x, 1, &names[t], apart, precision);
        for (int a = 0; a < (apart ? 2 : COUNT); a++)
            for (int b = apart ? 2 : a; b < COUNT; b++) {
                double got = score_of(&all, t, a, b), want = score_of(&one, 0, a, b);
                ck_assert_msg(got == want, "%s %d %d: %.17g alone %.17g", names[t], a, b, got,
                              want);
            }
        free(one.pair);
    }
    free(all.pair);
}
END_TEST

START_TEST(test_neighbours_that_single_precision_cannot_tell_apart)
{
    static const char *const names[] = {"cka", "mutual_knn@3"};
    static float x[COUNT][N * D];
    make(x);
    struct alignment_options o = plain;
    o.precision = _i ? ALIGN_SINGLE : ALIGN_DOUBLE;
    struct alignment_pairs all = call(x, 2, names, false, o.precision);
    int64_t d[COUNT] = {D, D, D, D, D};
    float *const rows[COUNT] = {x[0], x[1], x[2], x[3], x[4]};
    double *alone = run(MPI_COMM_WORLD, names[1], o, N, COUNT, d, rows);
    for (int a = 0; a < COUNT; a++)
        for (int b = a; b < COUNT; b++) {
            double got = score_of(&all, 1, a, b);
            double want = twin("mutual_knn@3", plain, N, D, x[a], D, x[b]);
            ck_assert_msg(got == want, "%d %d: %.17g twin %.17g", a, b, got, want);
            ck_assert(alone[a * COUNT + b] == want);
        }
    free(all.pair), free(alone);
}
END_TEST

/* Also with an offset. */
START_TEST(test_single_precision_is_within_a_millionth)
{
    static const char *const names[] = {"cka", "cka_unbiased"};
    static float x[COUNT][N * D];
    make(x);
    struct alignment_pairs want = call(x, 2, names, false, ALIGN_DOUBLE);
    struct alignment_pairs got = call(x, 2, names, false, ALIGN_SINGLE);
    for (int t = 0; t < 2; t++)
        for (int a = 0; a < COUNT; a++)
            for (int b = a; b < COUNT; b++) {
                double error = score_of(&got, t, a, b) - score_of(&want, t, a, b);
                ck_assert_msg(fabs(error) < 1e-6, "%s %d %d: %.3g", names[t], a, b, error);
            }
    free(want.pair), free(got.pair);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("all_pairs");
    TCase *t = check_case(s, "all_pairs");
    tcase_add_loop_test(t, test_measures_in_one_call_score_as_alone, 0, 4);
    tcase_add_loop_test(t, test_neighbours_that_single_precision_cannot_tell_apart, 0, 2);
    tcase_add_test(t, test_single_precision_is_within_a_millionth);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
