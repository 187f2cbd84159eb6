/* test_all_pairs_null.c - the permutation null inside the engine: against scores of features
 * whose rows were permuted by hand, the reference's nulls, and what p-values of nothing are. */
#include <stdio.h>

#include "tests/alignment_run.h"
#include "tests/alignment_zoo.h"
#include "tests/check_main.h"
#include "tests/golden_json.h"

/* perm[K, n]; to free(). */
static int32_t *permutations(uint64_t seed, int64_t K, int64_t n)
{
    int32_t *perm = malloc((size_t)(K * n) * sizeof *perm);
    for (int64_t k = 0; k < K; k++) {
        int32_t *p = perm + k * n;
        for (int64_t i = 0; i < n; i++) p[i] = (int32_t)i;
        for (int64_t i = n - 1; i > 0; i--) {
            int64_t j = lcg_u32(&seed) % (uint32_t)(i + 1);
            int32_t swap = p[i];
            p[i] = p[j];
            p[j] = swap;
        }
    }
    return perm;
}

static double *no_most(int tasks, int64_t K)
{
    double *most = malloc((size_t)(tasks * K) * sizeof *most);
    for (int64_t i = 0; i < tasks * K; i++) most[i] = -HUGE_VAL;
    return most;
}

/* The same zoo, row i of every layer from row perm[i]. */
static struct zoo permuted_zoo(const struct zoo *w, const int32_t *perm)
{
    struct zoo out = {.n = w->n};
    for (int m = 0; m < w->n_models; m++)
        zoo_add(&out, w->first[m + 1] - w->first[m], &w->d[w->first[m]]);
    for (int l = 0; l < w->n_layers; l++)
        for (int64_t i = 0; i < w->n; i++)
            memcpy(out.x[l] + i * w->d[l], w->x[l] + perm[i] * w->d[l],
                   (size_t)w->d[l] * sizeof(float));
    return out;
}

/* ---- by hand ---- */

enum { K = 19, MODELS = 4, OTHER = 10 };

/* Scores of model a as it is with b permuted, of every permutation, each on one of the ranks;
 * and of b with a. */
struct nulls {
    double sample[K][MODELS][MODELS][2];
};

static struct nulls *null_by_hand(const struct zoo *w, const struct alignment_task *task,
                                  const struct alignment_options *o, const int32_t *perm)
{
    struct nulls *out = calloc(1, sizeof *out);
    uint8_t wanted[MODELS * MODELS];
    memset(wanted, 1, sizeof wanted);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int k = rank; k < K; k += size) {
        struct zoo moved = permuted_zoo(w, perm + k * w->n);
        struct bound b, c;
        zoo_bind(&b, w, MPI_COMM_SELF);
        zoo_bind(&c, &moved, MPI_COMM_SELF);
        struct alignment_groups groups = {&b.set, &c.set, 0, OTHER, wanted};
        struct alignment_pairs list =
            engine(MPI_COMM_SELF, &groups, task, 1, o, &no_null, NULL);
        for (int64_t i = 0; i < list.count; i++) {
            const struct alignment_pair *p = &list.pair[i];
            bool back = p->a >= OTHER;
            out->sample[k][back ? p->b : p->a][(back ? p->a : p->b) - OTHER][back] = p->score;
        }
        free(list.pair);
        zoo_clear(&moved);
    }
    MPI_Allreduce(MPI_IN_PLACE, out->sample, sizeof out->sample / sizeof(double), MPI_DOUBLE,
                  MPI_SUM, MPI_COMM_WORLD);
    return out;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* p by counting, the threshold the 19th of 20, moments over K; z over K + 1. Equal but for
 * rounding is equal. */
static void calibrate_by_hand(const struct alignment_task *task, struct alignment_pair *p,
                              double *sample, double *z)
{
    const struct alignment_measure *m = task->measure;
    struct alignment_options o = {.k = task->k};
    double sign = m->distance ? -1 : 1, best = sign * alignment_best(m, &o);
    double all[K + 1], sum = 0, squares = 0, cubes = 0, mean, count = 0, above = 0;
    bool same = true;
    for (int k = 0; k <= K; k++) {
        if (k < K && fabs(sample[k] - p->score) < 1e-11 * fmax(1, p->score))
            sample[k] = p->score;
        double x = k < K ? sample[k] : p->score;
        same = same && (x == p->score || isnan(x));
        all[k] = isnan(x) ? -HUGE_VAL : sign * x;
        above += all[k] >= sign * p->score;
        if (k < K && !isnan(x)) sum += x, count++;
    }
    p->null_mean = mean = sum / count;
    for (int k = 0; k < K; k++)
        if (!isnan(sample[k])) squares += pow(sample[k] - mean, 2);
    p->null_sd = sqrt(squares / count);
    for (int k = 0; k < K; k++)
        if (!isnan(sample[k])) cubes += pow((sample[k] - mean) / p->null_sd, 3) / count;
    p->null_skewness = p->null_sd > 0 && count > 2 ? cubes : 0;
    p->p_value = above / (K + 1);
    double mean_z = (sign * sum + sign * p->score) / (count + 1), square_z = 0;
    for (int k = 0; k <= K; k++)
        if (isfinite(all[k])) square_z += pow(all[k] - mean_z, 2) / (count + 1);
    for (int k = 0; k < K; k++) z[k] = same ? 0 : (all[k] - mean_z) / sqrt(square_z);
    p->null_z = same ? 0 : (sign * p->score - mean_z) / sqrt(square_z);
    qsort(all, K + 1, sizeof *all, ascending);
    double t = all[18], s = sign * p->score;
    p->threshold = sign * t;
    p->calibrated = !isfinite(t) ? NAN : s <= t ? 0 : best > t ? (s - t) / (best - t) : 1;
}

static void check_null(const struct zoo *w, const struct alignment_task *task,
                       const struct alignment_options *o, const int32_t *perm,
                       const struct alignment_pairs *list, const double *most)
{
    struct nulls *null = null_by_hand(w, task, o, perm);
    double raised[K], z[K];
    for (int k = 0; k < K; k++) raised[k] = -HUGE_VAL;
    for (int64_t i = 0; i < list->count; i++) {
        const struct alignment_pair *p = &list->pair[i];
        struct alignment_pair want = *p;
        double sample[K];
        int low = p->a < p->b ? p->a : p->b, high = p->a < p->b ? p->b : p->a;
        for (int k = 0; k < K; k++) sample[k] = null->sample[k][low][high][p->a > p->b];
        if (isnan(p->score)) {
            ck_assert(isnan(p->p_value) && isnan(p->threshold) && isnan(p->null_z));
            continue;
        }
        calibrate_by_hand(task, &want, sample, z);
        pairs_same("null", task, p, &want, 1e-10);
        for (int k = 0; k < K && p->a != p->b; k++) raised[k] = fmax(raised[k], z[k]);
    }
    for (int k = 0; k < K; k++)
        ck_assert_msg(is_near(most[k], raised[k], 1e-6), "%s: most %d: %.17g, by hand %.17g",
                      task->measure->row.name, k, most[k], raised[k]);
    free(null);
}

/* Are ties broken by the index of the row? A permuted form keeps who was taken, permuted
 * features may not. */
static bool breaks_ties(const struct alignment_measure *m)
{
    return m->parameter && strcmp(m->parameter, "neighbours") == 0 &&
           strcmp(m->row.name, "mutual_knn_ties") != 0;
}

/* Every measure, on all ranks and on one. */
START_TEST(test_nulls_are_of_features_permuted_by_hand)
{
    enum { TURNS = 3 };
    static const int64_t sizes[TURNS] = {17, 24, 9};
    int measure = _i / TURNS, turn = _i % TURNS;
    int64_t n = sizes[turn];
    struct alignment_task all[ALIGNMENT_MAX_TASKS];
    tasks_of_all(3, all);
    struct alignment_task *task = &all[measure];
    bool plain_only = turn == 0 || breaks_ties(task->measure);
    bool weighted = strcmp(task->measure->row.name, "pwcca") == 0;
    if (weighted) n = 85; /* unique with more rows than features: see metric_local.h */
    struct zoo w = zoo_random(31 + (uint64_t)turn, n, MODELS, plain_only);
    struct alignment_options o = plain;
    o.normalize = turn == 1 ? ALIGN_CENTRE_L2 : ALIGN_NONE;
    o.concat = turn == 1 && !weighted;
    int32_t *perm = permutations(9, K, n);
    struct alignment_null null = {K, perm, 0.05};
    double *most = no_most(1, K), *most_self = no_most(1, K);
    struct alignment_pairs list = engine_within(MPI_COMM_WORLD, &w, task, 1, &o, &null, most);
    struct alignment_pairs self =
        engine_within(MPI_COMM_SELF, &w, task, 1, &o, &null, most_self);
    ck_assert_int_eq(list.count, self.count);
    for (int64_t i = 0; i < self.count; i++) {
        struct alignment_pair p = find_one(&list, 0, self.pair[i].a, self.pair[i].b);
        pairs_same("one rank", task, &p, &self.pair[i], within_of(task->measure));
    }
    for (int k = 0; k < K; k++)
        ck_assert(is_near(most[k], most_self[k], 1e6 * within_of(task->measure)));
    /* Inputs are permuted with the rows, which is no change of the features alone. */
    if (!task->measure->confound) check_null(&w, task, &o, perm, &list, most);
    free(perm), free(most), free(most_self), free(list.pair), free(self.pair);
    zoo_clear(&w);
}
END_TEST

/* Several tasks, two groups, wanted pairs: what each gives in the whole. */
START_TEST(test_nulls_do_not_depend_on_groups_and_company)
{
    static const char *const names[] = {"mutual_knn@3", "jaccard_knn@2", "rsa",  "cka_unbiased",
                                        "cka_rbf",      "cknna@4",       "pwcca"};
    enum { N_TASKS = sizeof names / sizeof *names, N = 21 };
    struct zoo w = zoo_random(41, N, MODELS, true);
    struct alignment_task task[N_TASKS];
    for (int t = 0; t < N_TASKS; t++) task[t] = task_of(names[t]);
    int32_t *perm = permutations(10, K, N);
    struct alignment_null null = {K, perm, 0.05};
    double *most = no_most(N_TASKS, K), *in_parts = no_most(N_TASKS, K);
    struct alignment_pairs whole =
        engine_within(MPI_COMM_WORLD, &w, task, N_TASKS, &plain, &null, most);
    struct bound b;
    zoo_bind(&b, &w, MPI_COMM_SELF); /* all features everywhere */
    uint8_t wanted[MODELS * MODELS];
    memset(wanted, 1, sizeof wanted);
    struct alignment_set half[2] = {{N, 1, b.model}, {N, MODELS - 1, b.model + 1}};
    int64_t seen = 0;
    for (int part = 0; part < 3; part++) {
        int i = part == 2, j = part > 0;
        struct alignment_groups groups = {&half[i], &half[j], i, j, wanted};
        struct alignment_pairs list =
            engine(MPI_COMM_WORLD, &groups, task, N_TASKS, &plain, &null, in_parts);
        for (int64_t at = 0; at < list.count; at++, seen++) {
            struct alignment_pair *p = &list.pair[at];
            struct alignment_pair q = find_one(&whole, p->task, p->a, p->b);
            pairs_same("parts", &task[p->task], p, &q, 1e-12);
        }
        free(list.pair);
    }
    ck_assert_int_eq(seen, whole.count);
    for (int i = 0; i < N_TASKS * K; i++) ck_assert(is_near(most[i], in_parts[i], 1e-6));
    for (int t = 0; t < N_TASKS; t++) {
        double *alone = no_most(1, K);
        struct alignment_pairs list =
            engine_within(MPI_COMM_WORLD, &w, &task[t], 1, &plain, &null, alone);
        for (int64_t at = 0; at < list.count; at++) {
            struct alignment_pair q = find_one(&whole, t, list.pair[at].a, list.pair[at].b);
            pairs_same("alone", &task[t], &list.pair[at], &q, within_of(task[t].measure));
        }
        for (int k = 0; k < K; k++) ck_assert(is_near(most[t * K + k], alone[k], 1e-6));
        free(list.pair), free(alone);
    }
    free(whole.pair), free(perm), free(most), free(in_parts);
    zoo_clear(&w);
}
END_TEST

/* ---- p-values ---- */

/* Independent Gaussian features, four layers a model. If the search of layers were not repeated
 * in the null, the best of 16 would look like something. */
static double mean_p_value(const char *measure, double *rejected)
{
    enum { ZOOS = 12, M = 5, N = 20 };
    double sum = 0, count = 0;
    struct alignment_task task = task_of(measure);
    *rejected = 0;
    for (uint64_t seed = 0; seed < ZOOS; seed++) {
        struct zoo w = {.n = N};
        uint64_t s = seed * 1000 + 3;
        for (int m = 0; m < M; m++) {
            int64_t d[4] = {3, 5, 4, 6};
            float *const *x = zoo_add(&w, 4, d);
            for (int l = 0; l < 4; l++)
                for (int64_t i = 0; i < N * d[l]; i++) x[l][i] = (float)lcg_gauss(&s);
        }
        int32_t *perm = permutations(seed + 50, K, N);
        struct alignment_null null = {K, perm, 0.05};
        double *most = no_most(1, K);
        struct alignment_pairs list =
            engine_within(MPI_COMM_WORLD, &w, &task, 1, &plain, &null, most);
        for (int64_t i = 0; i < list.count; i++) {
            const struct alignment_pair *p = &list.pair[i];
            if (p->a == p->b) {
                ck_assert(p->p_value == 1.0 / (K + 1));
                continue;
            }
            ck_assert_int_eq(p->p_value <= 0.05, p->calibrated > 0);
            sum += p->p_value;
            *rejected += p->p_value <= 0.05;
            count++;
        }
        free(list.pair), free(perm), free(most);
        zoo_clear(&w);
    }
    *rejected /= count;
    return sum / count;
}

/* Uniform on 1/20, ..., 1: mean 0.525. Of 120 pairs the mean has a standard deviation of 0.027
 * if they are independent, of the share 0.02; the draws are fixed. */
START_TEST(test_p_values_of_nothing_are_uniform)
{
    static const char *const names[] = {"cka", "rsa", "cka_rbf", "procrustes"};
    double rejected, mean = mean_p_value(names[_i], &rejected);
    ck_assert_msg(fabs(mean - 0.525) < 0.09, "%s: mean p %g", names[_i], mean);
    ck_assert_msg(rejected <= 0.125, "%s: %g rejected", names[_i], rejected);
}
END_TEST

/* ---- the reference's nulls ---- */

static const struct golden_case *golden_named(const char *name)
{
    for (int i = 0; i < N_GOLDEN; i++)
        if (strcmp(golden_cases[i].name, name) == 0) return &golden_cases[i];
    ck_abort_msg("no case %s", name);
    return NULL;
}

static void check_golden(const json_t *want, const char *key, double got)
{
    double number = golden_number(json_object_get(want, key));
    ck_assert_msg(fabs(got - number) <= 1e-9, "%s: %.17g, want %.17g", key, got, number);
}

/* The reference's permutations are one stream from 77. By features, and (of the smaller ones)
 * by tiles, where a third model has more features than there are probes. */
START_TEST(test_engine_gives_the_references_nulls)
{
    enum { GOLDEN_K = 200 };
    static const char *const cases[3][2] = {{"n64_d8_d16", "n64_d8_d16"},
                                            {"indep_n64_d8_d16", "indep"},
                                            {"n256_d32_d64", "n256_d32_d64"}};
    static const char *const measures[4][2] = {{"mutual_knn@10", "mutual_knn_k10"},
                                               {"cka", "cka"},
                                               {"cka_unbiased", "unbiased_cka"},
                                               {"cycle_knn@10", "cycle_knn_k10"}};
    bool tiles = _i >= 3;
    const char *const *name = cases[_i % 3];
    struct pair p = golden_pair(golden_named(name[0]));
    struct zoo w = {.n = p.n};
    for (int side = 0; side < 2; side++)
        memcpy(zoo_add(&w, 1, &p.d[side])[0], p.x[side],
               (size_t)(p.n * p.d[side]) * sizeof(float));
    int64_t wide[1] = {p.n + 40};
    if (tiles) zoo_add(&w, 1, wide);
    struct alignment_task task[4];
    for (int t = 0; t < 4; t++) task[t] = task_of(measures[t][0]);
    struct alignment_options o = plain;
    o.normalize = ALIGN_L2;
    o.epsilon = 1e-6;
    int32_t *perm = permutations(77, GOLDEN_K, p.n);
    struct alignment_null null = {GOLDEN_K, perm, 0.05};
    double *most = no_most(4, GOLDEN_K);
    struct alignment_pairs list = engine_within(MPI_COMM_WORLD, &w, task, 4, &o, &null, most);
    json_t *file = golden_open("platonic/calibration.json");
    for (int t = 0; t < 4; t++) {
        char key[64];
        snprintf(key, sizeof key, "%s/%s", name[1], measures[t][1]);
        const json_t *want = json_object_get(file, key);
        struct alignment_pair got = find_one(&list, t, 0, 1);
        check_golden(want, "obs", got.score);
        check_golden(want, "null_mean", got.null_mean);
        check_golden(want, "null_sd", got.null_sd);
        check_golden(want, "tau", got.threshold);
        check_golden(want, "p", got.p_value);
        check_golden(want, "gated", got.calibrated);
    }
    json_decref(file);
    free(list.pair), free(perm), free(most);
    zoo_clear(&w), pair_clear(&p);
}
END_TEST

/* With all 720 permutations of six rows as the null, its mean and deviation are the exact ones. */
START_TEST(test_exact_moments_are_those_of_all_permutations)
{
    enum { N = 6, ALL = 720 };
    static const char *const names[] = {"mutual_knn@2", "cka", "cka_unbiased", "cka_rbf"};
    int64_t d[1] = {_i ? 3 : 40}; /* by features, by tiles */
    struct zoo w = {.n = N};
    uint64_t seed = 5;
    for (int m = 0; m < 2; m++) {
        float *x = zoo_add(&w, 1, d)[0];
        for (int64_t i = 0; i < N * d[0]; i++) x[i] = (float)lcg_gauss(&seed);
    }
    int32_t perm[ALL * N];
    for (int k = 0; k < ALL; k++) { /* digits of the factorial base say whom to take next */
        int32_t left[N] = {0, 1, 2, 3, 4, 5};
        for (int i = 0, rest = k; i < N; i++) {
            int at = rest % (N - i);
            rest /= N - i;
            perm[k * N + i] = left[at];
            for (int j = at; j + 1 < N - i; j++) left[j] = left[j + 1];
        }
    }
    struct alignment_task task[4];
    for (int t = 0; t < 4; t++) task[t] = task_of(names[t]);
    struct alignment_null null = {ALL, perm, 0.05, false};
    double *most = no_most(4, ALL);
    struct alignment_pairs list =
        engine_within(MPI_COMM_WORLD, &w, task, 4, &plain, &null, most);
    for (int t = 0; t < 4; t++) {
        struct alignment_pair p = find_one(&list, t, 0, 1);
        ck_assert_double_eq_tol(p.exact_mean, p.null_mean, 1e-12);
        ck_assert_double_eq_tol(p.exact_sd, p.null_sd, 1e-12);
        ck_assert(p.exact_sd > 0.01 && p.exact_tail > 0 && p.exact_tail <= 1);
        ck_assert((p.exact_tail < 0.5) == (p.score > p.null_mean + 1e-9) ||
                  fabs(p.exact_tail - 0.5) < 0.2);
    }
    null.within = true; /* of some permutations only */
    free(list.pair);
    list = engine_within(MPI_COMM_WORLD, &w, task, 4, &plain, &null, most);
    for (int t = 0; t < 4; t++) ck_assert(isnan(find_one(&list, t, 0, 1).exact_mean));
    free(list.pair), free(most);
    zoo_clear(&w);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("all_pairs_null");
    TCase *t = check_case(s, "all_pairs_null");
    tcase_add_loop_test(t, test_nulls_are_of_features_permuted_by_hand, 0,
                        3 * alignment_measures.count);
    tcase_add_test(t, test_nulls_do_not_depend_on_groups_and_company);
    tcase_add_loop_test(t, test_p_values_of_nothing_are_uniform, 0, 4);
    tcase_add_loop_test(t, test_engine_gives_the_references_nulls, 0, 5);
    tcase_add_loop_test(t, test_exact_moments_are_those_of_all_permutations, 0, 2);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
