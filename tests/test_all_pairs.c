/* test_all_pairs.c - the engine of all pairs: every measure against its plain twin, on any
 * ranks, in groups, in single precision, by either route, and under the maps that the table
 * says it does not see. The null is in test_all_pairs_null.c. */
#include <stdio.h>

#include "linalg/features.h"
#include "tests/alignment_run.h"
#include "tests/alignment_twin.h"
#include "tests/alignment_zoo.h"
#include "tests/check_main.h"

/* ---- twins ---- */

/* Scores of two layers by a twin, or by the measure's own pair function. */
struct by_hand {
    const struct zoo *w;
    const struct alignment_task *task;
    struct alignment_options o;
    const struct twin_row *twin; /* or NULL */
    struct form_side side[ZOO_LAYERS];
    double score[ZOO_LAYERS][ZOO_LAYERS];
};

static void forms_make(struct by_hand *h)
{
    const struct form *form = h->task->measure->form;
    const struct zoo *w = h->w;
    for (int l = 0; l < w->n_layers; l++) {
        double *x = twin_prepared(w->x[l], w->n, w->d[l], h->o);
        h->side[l].shape = (struct form_shape){.n = w->n, .d = w->d[l], .k = h->task->k};
        void *made = malloc(form->size(&h->side[l].shape));
        ck_assert_int_eq(form->make(&h->side[l].shape, x, made, NULL), ERR_OK);
        h->side[l].form = made;
        free(x);
    }
}

static double score_of(const struct by_hand *h, int a, int b)
{
    const struct alignment_measure *m = h->task->measure;
    const struct zoo *w = h->w;
    if (h->twin) {
        char name[64];
        snprintf(name, sizeof name, m->parameter ? "%s@%d" : "%s", m->row.name,
                 (int)h->task->k);
        double out = twin(name, h->o, w->n, w->d[a], w->x[a], w->d[b], w->x[b]);
        return isfinite(out) ? out : NAN;
    }
    void *scratch =
        malloc(m->scratch ? m->scratch(&h->side[a].shape, &h->side[b].shape) + 8 : 8);
    double out = m->pair(&h->side[a], &h->side[b], scratch);
    free(scratch);
    return out;
}

/* All layers with all, each pair on one of the ranks. */
static struct by_hand *by_hand(const struct zoo *w, const struct alignment_task *task,
                               struct alignment_options o)
{
    struct by_hand *h = calloc(1, sizeof *h);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    h->w = w, h->task = task, h->o = o, h->o.k = task->k;
    h->twin = twin_find(task->measure->row.name);
    if (!h->twin) forms_make(h);
    for (int a = 0; a < w->n_layers; a++)
        for (int b = 0; b < w->n_layers; b++)
            if ((a + b) % size == rank) h->score[a][b] = score_of(h, a, b);
    MPI_Allreduce(MPI_IN_PLACE, h->score, ZOO_LAYERS * ZOO_LAYERS, MPI_DOUBLE, MPI_SUM,
                  MPI_COMM_WORLD);
    for (int l = 0; l < ZOO_LAYERS; l++) free((void *)h->side[l].form);
    return h;
}

/* Both layers are inputs of networks with more, or one is no logits. */
static bool is_no_pair(const struct by_hand *h, int a, int i, int b, int j)
{
    int layers_a = h->w->first[a + 1] - h->w->first[a];
    int layers_b = h->w->first[b + 1] - h->w->first[b];
    if (h->task->measure->predictions)
        return !is_logits(h->w, h->w->first[a] + i) || !is_logits(h->w, h->w->first[b] + j);
    return i == 0 && j == 0 && layers_a > 1 && layers_b > 1;
}

/* The engine's pair against the best of all layers. Returns whether there was a score. */
static bool check_best(const struct by_hand *h, const struct alignment_pair *p)
{
    const struct alignment_measure *m = h->task->measure;
    const int *first = h->w->first;
    double best = NAN, at_layers = NAN;
    double within = h->twin ? h->twin->within : 0;
    int best_a = ALIGN_NO_LAYER, best_b = ALIGN_NO_LAYER;
    for (int i = 0; i < first[p->a + 1] - first[p->a]; i++)
        for (int j = 0; j < first[p->b + 1] - first[p->b]; j++) {
            if (is_no_pair(h, p->a, i, p->b, j)) continue;
            double s = h->score[first[p->a] + i][first[p->b] + j];
            if (p->layer_a == i && p->layer_b == j) at_layers = s;
            if (isnan(s) || (m->distance ? s >= best : s <= best)) continue;
            best = s, best_a = i, best_b = j;
        }
    /* Without structure the twin of the unbiased estimates finds rounding. */
    bool loose = h->twin && h->twin->within >= 1e-8;
    if (isnan(p->score) && loose) return false;
    ck_assert_msg(is_near(p->score, best, within) && is_near(at_layers, best, within),
                  "%s@%d, n %d, %d, %d: %.17g at %d, %d; by hand %.17g at %d, %d", m->row.name,
                  (int)h->task->k, (int)h->w->n, p->a, p->b, p->score, p->layer_a, p->layer_b,
                  best, best_a, best_b);
    if (within == 0) ck_assert(p->layer_a == best_a && p->layer_b == best_b);
    return !isnan(p->score);
}

/* Sizes, how many models, with what normalization, and the worst k. */
static const struct shape {
    int64_t n;
    int models, normalize;
    int64_t k;
} shapes[] = {
    {33, 4, ALIGN_NONE, 5}, {7, 1, ALIGN_L2, 6},        {31, 3, ALIGN_L2, 3},
    {5, 2, ALIGN_NONE, 2},  {19, 5, ALIGN_STANDARD, 4}, {26, 4, ALIGN_CENTRE_L2, 9},
    {8, 3, ALIGN_NONE, 7},  {37, 3, ALIGN_CENTRE, 8},   {45, 2, ALIGN_NONE, 1},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static struct alignment_options options_of(const struct shape *s)
{
    struct alignment_options o = plain;
    o.normalize = s->normalize;
    return o;
}

START_TEST(test_scores_are_the_best_of_plain_twins)
{
    const struct shape *s = &shapes[_i];
    struct zoo w = zoo_random((uint64_t)_i, s->n, s->models, false);
    struct alignment_task task[ALIGNMENT_MAX_TASKS];
    struct alignment_options o = options_of(s);
    int count = tasks_of_all(s->k, task), scored = 0;
    for (int turn = 0; turn < 2; turn++) {
        if (turn) o.sigma = 0.75, o.epsilon = 1e-6, count = 0;
        if (turn) task[count++] = task_of("cka_rbf"), task[count++] = task_of("cka");
        if (turn) task[count++] = task_of("cka_unbiased");
        struct alignment_pairs list =
            engine_within(MPI_COMM_WORLD, &w, task, count, &o, &no_null, NULL);
        for (int t = 0; t < count; t++) {
            struct by_hand *h = by_hand(&w, &task[t], o);
            for (int a = 0; a < s->models; a++)
                for (int b = 0; b < s->models; b++) {
                    if (a > b && task[t].measure->symmetric) continue;
                    struct alignment_pair p = find_one(&list, t, a, b);
                    scored += check_best(h, &p);
                }
            free(h);
        }
        free(list.pair);
    }
    ck_assert_int_gt(scored, alignment_measures.count / 2);
    zoo_clear(&w);
}
END_TEST

/* All tasks together on all ranks, on one, and one by one. */
START_TEST(test_ranks_and_company_change_nothing)
{
    static const char *const more[] = {"mutual_knn@1", "jaccard_knn@2", "mutual_knn@4",
                                       "svcca@2",      "svcca@1",       "mutual_knn_ties@2",
                                       "cknna@4"};
    const struct shape *s = &shapes[_i];
    struct zoo w = zoo_random(100 + (uint64_t)_i, s->n, s->models, false);
    struct alignment_task task[ALIGNMENT_MAX_TASKS];
    struct alignment_options o = options_of(s);
    o.concat = _i % 2;
    int count = tasks_of_all(s->n < 5 ? s->n - 1 : 3, task);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) task[count++] = task_of(more[i]);
    struct alignment_pairs all =
        engine_within(MPI_COMM_WORLD, &w, task, count, &o, &no_null, NULL);
    struct alignment_pairs self =
        engine_within(MPI_COMM_SELF, &w, task, count, &o, &no_null, NULL);
    int64_t pairs = 0;
    for (int t = 0; t < count; t++) {
        const struct alignment_measure *m = task[t].measure;
        struct alignment_pairs alone =
            engine_within(MPI_COMM_WORLD, &w, &task[t], 1, &o, &no_null, NULL);
        pairs += alone.count;
        ck_assert_int_eq(alone.count, m->symmetric ? s->models * (s->models + 1) / 2
                                                   : s->models * s->models);
        for (int64_t i = 0; i < alone.count; i++) {
            struct alignment_pair *p = &alone.pair[i];
            struct alignment_pair q = find_one(&all, t, p->a, p->b);
            struct alignment_pair r = find_one(&self, t, p->a, p->b);
            if (m->symmetric) ck_assert_int_le(p->a, p->b);
            pairs_same("alone", &task[t], p, &q, within_of(m));
            pairs_same("one rank", &task[t], &q, &r, within_of(m));
        }
        free(alone.pair);
    }
    ck_assert_int_eq(all.count, pairs);
    ck_assert_int_eq(self.count, pairs);
    free(all.pair), free(self.pair);
    zoo_clear(&w);
}
END_TEST

/* ---- groups ---- */

/* The models [first, first + count) of a set. */
static struct alignment_set part_of(const struct bound *b, int64_t first, int64_t count)
{
    return (struct alignment_set){b->set.n, count, b->model + first, b->set.confound,
                                  b->set.confound_d};
}

/* Rows of the sets that a rank owns differ with the group: all features everywhere. */
static void bind_everything(struct bound *b, const struct zoo *w)
{
    zoo_bind(b, w, MPI_COMM_SELF);
}

static const char *const some[] = {"mutual_knn@3", "cka",         "cka_unbiased", "rsa",
                                   "cknna@4",      "cycle_knn@2", "cka_rbf",      "pwcca",
                                   "svcca@1",      "jsd",         "rsa_spearman"};
enum { N_SOME = sizeof some / sizeof *some };

static void some_tasks(struct alignment_task *task)
{
    for (int t = 0; t < N_SOME; t++) task[t] = task_of(some[t]);
}

/* The route of cka depends on the shapes of a group: to 1e-12. */
START_TEST(test_two_groups_give_entries_of_the_whole)
{
    struct zoo w = zoo_random(7, 29, 5, false);
    struct bound b;
    bind_everything(&b, &w);
    struct alignment_task task[N_SOME];
    some_tasks(task);
    struct alignment_pairs whole =
        engine_within(MPI_COMM_WORLD, &w, task, N_SOME, &plain, &no_null, NULL);
    for (int cut = 1; cut < 5; cut++) {
        struct alignment_set left = part_of(&b, 0, cut), right = part_of(&b, cut, 5 - cut);
        uint8_t wanted[ZOO_MODELS * ZOO_MODELS];
        int want = 0;
        for (int i = 0; i < cut * (5 - cut); i++) want += wanted[i] = (i * 7 + cut) % 3 != 0;
        struct alignment_groups groups = {&left, &right, 100, 100 + cut, wanted};
        struct alignment_pairs list =
            engine(MPI_COMM_WORLD, &groups, task, N_SOME, &plain, &no_null, NULL);
        int64_t expected = 0;
        for (int t = 0; t < N_SOME; t++)
            expected += task[t].measure->symmetric ? want : 2 * want;
        ck_assert_int_eq(list.count, expected);
        for (int64_t i = 0; i < list.count; i++) {
            struct alignment_pair p = list.pair[i];
            p.a -= 100, p.b -= 100;
            int low = p.a < p.b ? p.a : p.b, high = p.a < p.b ? p.b : p.a;
            ck_assert(low < cut && high >= cut && wanted[low * (5 - cut) + high - cut]);
            if (task[p.task].measure->symmetric) ck_assert_int_lt(p.a, p.b);
            find_one(&list, p.task, p.a + 100, p.b + 100);
            struct alignment_pair q = find_one(&whole, p.task, p.a, p.b);
            pairs_same("groups", &task[p.task], &p, &q, within_of(task[p.task].measure));
        }
        free(list.pair);
    }
    free(whole.pair);
    zoo_clear(&w);
}
END_TEST

/* Of a group with itself only the upper triangle is looked at; what is there already stays. */
START_TEST(test_only_wanted_pairs_are_added)
{
    enum { M = 5 };
    struct zoo w = zoo_random(8, 23, M, false);
    struct bound b;
    zoo_bind(&b, &w, MPI_COMM_WORLD);
    struct alignment_task task[N_SOME];
    some_tasks(task);
    struct alignment_pairs whole =
        engine_within(MPI_COMM_WORLD, &w, task, N_SOME, &plain, &no_null, NULL);
    uint8_t wanted[M * M];
    for (int i = 0; i < M * M; i++) wanted[i] = i / M > i % M || (i * 5) % 3 == 1;
    struct alignment_groups groups = {&b.set, &b.set, 40, 40, wanted};
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    struct alignment_pairs list = {0};
    struct alignment_sink sink = {keep_pairs, &list};
    for (int twice = 0; twice < 2; twice++)
        ck_assert_int_eq(alignment_all_pairs(MPI_COMM_WORLD, &groups, task, N_SOME, &plain,
                                             &no_null, &sink, NULL),
                         ERR_OK);
    int64_t expected = 0;
    bool right = true;
    for (int t = 0; t < N_SOME; t++)
        for (int i = 0; i < M * M; i++) {
            int a = i / M, c = i % M;
            bool mirrored = a > c && !task[t].measure->symmetric && wanted[c * M + a];
            bool want = (a <= c && wanted[i]) || mirrored;
            struct alignment_pair p = {0}, q;
            expected += 2 * want;
            int found = find_all(&list, t, 40 + a, 40 + c, &p);
            if (rank != 0) continue;
            right = right && found == 2 * want;
            if (!want) continue;
            q = find_one(&whole, t, a, c);
            right = right && is_near(p.score, q.score, within_of(task[t].measure));
        }
    right = right && list.count == (rank == 0 ? expected : 0);
    MPI_Allreduce(MPI_IN_PLACE, &right, 1, MPI_C_BOOL, MPI_LAND, MPI_COMM_WORLD);
    ck_assert(right);
    free(list.pair), free(whole.pair);
    zoo_clear(&w);
}
END_TEST

/* ---- structure ---- */

/* Kernels that are 1 everywhere but for rounding, or whose median distance is 0. */
START_TEST(test_rbf_kernels_without_structure_have_no_score)
{
    struct zoo w = {.n = 40};
    uint64_t s = (uint64_t)_i;
    for (int m = 0; m < 3; m++) {
        float *x = zoo_add(&w, 1, (int64_t[]){50})[0];
        for (int i = 0; i < 40 * 50; i++) x[i] = (float)(0.3 + lcg_gauss(&s));
        for (int64_t i = 0; i < 40 && m; i++)
            if (m == 1 || i % 6) copy_row(x, 50, i, 0);
    }
    const struct alignment_task task = task_of("cka_rbf");
    static const double sigmas[] = {0, 1, 1e12};
    for (int i = 0; i < 3; i++) {
        struct alignment_options o = plain;
        o.sigma = sigmas[i];
        struct alignment_pairs list =
            engine_within(MPI_COMM_WORLD, &w, &task, 1, &o, &no_null, NULL);
        for (int64_t j = 0; j < list.count; j++) {
            const struct alignment_pair *p = &list.pair[j];
            bool structure = i < 2 && p->b != 1 && (p->b == 0 || i == 1) && p->a != 1;
            ck_assert_msg(isnan(p->score) == !structure, "sigma %g, %d, %d: %g", o.sigma, p->a,
                          p->b, p->score);
        }
        free(list.pair);
    }
    zoo_clear(&w);
}
END_TEST

/* ---- routes and precision ---- */

/* Gaussian features with a mean of this many standard deviations, sharing four directions. */
static void fill_offset(float *x, int64_t n, int64_t d, double offset, uint64_t seed)
{
    uint64_t s = 4, t = seed;
    for (int64_t i = 0; i < n; i++) {
        double z[4];
        for (int l = 0; l < 4; l++) z[l] = lcg_gauss(&s);
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] = (float)(offset + 0.5 * z[(j + (int64_t)seed) % 4] + lcg_gauss(&t));
    }
}

/* Three models, the last with `wide` features: from n or so on, cka goes by tiles. */
static struct zoo zoo_offset(int64_t n, int64_t d, int64_t wide, double offset)
{
    struct zoo w = {.n = n};
    for (int m = 0; m < 3; m++) {
        int64_t width[1] = {m == 2 ? wide : d + m};
        fill_offset(zoo_add(&w, 1, width)[0], n, width[0], offset, (uint64_t)m + 1);
    }
    return w;
}

/* With more rows than a tile has, too; and their nulls. */
START_TEST(test_both_routes_of_cka_agree)
{
    enum { K = 5, FEW = 61, MANY = 290 };
    const double offset = _i % 2 ? 100 : 0;
    const int64_t n = _i < 10 ? FEW : MANY;
    struct alignment_task task[2] = {task_of("cka"), task_of("cka_unbiased")};
    struct zoo narrow = zoo_offset(n, 6, 5, offset), wide = zoo_offset(n, 6, n + 20, offset);
    struct alignment_options o = plain;
    o.normalize = _i / 2 % 5;
    int32_t perm[K * MANY];
    double most[2 * K] = {0};
    for (int64_t i = 0; i < K * n; i++) /* 7 and 11 have no common factor with n */
        perm[i] = (int32_t)((i % n * (i / n % 2 ? 7 : 11) + i / n) % n);
    struct alignment_null null = {K, perm, 0.2};
    struct alignment_pairs by_features =
        engine_within(MPI_COMM_WORLD, &narrow, task, 2, &o, &null, most);
    struct alignment_pairs by_tiles =
        engine_within(MPI_COMM_WORLD, &wide, task, 2, &o, &null, most);
    for (int t = 0; t < 2; t++)
        for (int b = 0; b < 2; b++) {
            struct alignment_pair p = find_one(&by_features, t, 0, b);
            struct alignment_pair q = find_one(&by_tiles, t, 0, b);
            ck_assert(!isnan(p.score));
            pairs_same("routes", &task[t], &p, &q, 1e-12);
        }
    free(by_features.pair), free(by_tiles.pair);
    zoo_clear(&narrow), zoo_clear(&wide);
}
END_TEST

static struct alignment_options single(void)
{
    struct alignment_options o = plain;
    o.precision = ALIGN_SINGLE;
    return o;
}

START_TEST(test_single_precision_keeps_cka)
{
    struct alignment_task task[2] = {task_of("cka"), task_of("cka_unbiased")};
    static const float sizes[] = {1, 1e-14f, 1e14f};
    bool large = _i < 4, tiles = _i % 2 == 0;
    int64_t n = large ? 300 : 70, d = large ? 64 : 20;
    struct zoo w = zoo_offset(n, d, tiles ? n : d + 20, _i / 2 % 2 ? 100 : 0);
    for (int l = 0; l < 3; l++)
        for (int64_t i = 0; i < w.n * w.d[l]; i++) w.x[l][i] *= sizes[_i / 4];
    struct alignment_options o = single();
    struct alignment_pairs got = engine_within(MPI_COMM_WORLD, &w, task, 2, &o, &no_null, NULL);
    struct alignment_pairs want =
        engine_within(MPI_COMM_WORLD, &w, task, 2, &plain, &no_null, NULL);
    for (int64_t i = 0; i < want.count; i++) {
        struct alignment_pair *q = &want.pair[i], p = find_one(&got, q->task, q->a, q->b);
        pairs_same("single", &task[q->task], &p, q, 1e-6);
    }
    free(got.pair), free(want.pair);
    zoo_clear(&w);
}
END_TEST

/* Rows that tie, and rows that differ in the last place. */
static void near_ties(float *x, int64_t n, int64_t d)
{
    for (int64_t i = 1; i < n; i += 3) {
        copy_row(x, d, i, i - 1);
        if (i % 2) x[i * d + i % d] = nextafterf(x[i * d + i % d], 2e5f);
    }
}

START_TEST(test_single_precision_keeps_neighbours)
{
    static const double offsets[] = {0, 100, 1e4};
    static const float sizes[] = {1, 1e-22f, 1e20f};
    struct alignment_task all[ALIGNMENT_MAX_TASKS], task[ALIGNMENT_MAX_TASKS];
    int count = 0, known = tasks_of_all(7, all);
    for (int t = 0; t < known; t++)
        if (all[t].measure->form &&
            strcmp(all[t].measure->parameter ? all[t].measure->parameter : "", "neighbours") ==
                0)
            task[count++] = all[t];
    ck_assert_int_eq(count, 9);
    struct zoo w = zoo_offset(171, 9, 33, offsets[_i / 3]);
    for (int l = 0; l < 3; l++) near_ties(w.x[l], w.n, w.d[l]);
    for (int l = 0; l < 3; l++)
        for (int64_t i = 0; i < w.n * w.d[l]; i++) w.x[l][i] *= sizes[_i % 3];
    struct alignment_options o = single();
    struct alignment_pairs got =
        engine_within(MPI_COMM_WORLD, &w, task, count, &o, &no_null, NULL);
    struct alignment_pairs want =
        engine_within(MPI_COMM_WORLD, &w, task, count, &plain, &no_null, NULL);
    for (int64_t i = 0; i < want.count; i++) {
        struct alignment_pair *q = &want.pair[i], p = find_one(&got, q->task, q->a, q->b);
        ck_assert(!isnan(q->score));
        pairs_same("single", &task[q->task], &p, q, 0);
    }
    free(got.pair), free(want.pair);
    zoo_clear(&w);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("all_pairs");
    TCase *t = check_case(s, "all_pairs");
    tcase_add_loop_test(t, test_scores_are_the_best_of_plain_twins, 0, N_SHAPES);
    tcase_add_loop_test(t, test_ranks_and_company_change_nothing, 0, N_SHAPES);
    tcase_add_test(t, test_two_groups_give_entries_of_the_whole);
    tcase_add_test(t, test_only_wanted_pairs_are_added);
    tcase_add_loop_test(t, test_rbf_kernels_without_structure_have_no_score, 0, 8);
    tcase_add_loop_test(t, test_both_routes_of_cka_agree, 0, 14);
    tcase_add_loop_test(t, test_single_precision_keeps_cka, 0, 12);
    tcase_add_loop_test(t, test_single_precision_keeps_neighbours, 0, 9);
    int failed = check_run_ranks(s);
    MPI_Finalize();
    return failed;
}
