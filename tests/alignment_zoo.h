/* alignment_zoo.h - groups of models with ragged layers, and the engine's pairs of them on
 * every rank: assertions then hold or fail on all ranks alike, and none waits for another. */
#ifndef SHOAL_TESTS_ALIGNMENT_ZOO_H
#define SHOAL_TESTS_ALIGNMENT_ZOO_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/all_pairs.h"
#include "tests/alignment_confound.h"
#include "tests/alignment_inputs.h"

enum { ZOO_MODELS = 12, ZOO_LAYERS = 32, ZOO_CLASSES = 5 };

/* Features of all layers of all models, one layer after the other. */
struct zoo {
    int64_t n;
    int n_models, n_layers;
    int first[ZOO_MODELS + 1]; /* layer of each model */
    int64_t d[ZOO_LAYERS];
    bool constant[ZOO_LAYERS]; /* all rows alike */
    float *x[ZOO_LAYERS];
};

/* What the engine takes: features are there on the owner's rank alone. */
struct bound {
    struct representation layer[ZOO_LAYERS];
    struct alignment_model model[ZOO_MODELS];
    struct alignment_set set;
};

/* The last layer of a model, and others of as many features as there are classes. */
static inline bool is_logits(const struct zoo *w, int layer)
{
    bool last = false;
    for (int m = 0; m < w->n_models; m++) last = last || w->first[m + 1] == layer + 1;
    return last || w->d[layer] == ZOO_CLASSES;
}

static inline void zoo_bind(struct bound *b, const struct zoo *w, MPI_Comm comm)
{
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    for (int m = 0; m < w->n_models; m++) {
        bool own = alignment_owner(m, w->n_models, size) == rank;
        int count = w->first[m + 1] - w->first[m];
        b->model[m] = (struct alignment_model){count, &b->layer[w->first[m]]};
        for (int l = 0; l < count; l++) {
            int at = w->first[m] + l;
            b->layer[at] = (struct representation){w->d[at], own ? w->x[at] : NULL, l == 0,
                                                   is_logits(w, at)};
        }
    }
    b->set =
        (struct alignment_set){w->n, w->n_models, b->model, made_confound(w->n), CONFOUND_D};
}

/* A model with layers of these widths, features still to be made. */
static inline float *const *zoo_add(struct zoo *w, int layers, const int64_t *d)
{
    ck_assert_int_lt(w->n_models, ZOO_MODELS);
    w->first[w->n_models++] = w->n_layers;
    float *const *out = &w->x[w->n_layers];
    for (int l = 0; l < layers; l++) {
        ck_assert_int_lt(w->n_layers, ZOO_LAYERS);
        w->d[w->n_layers] = d[l];
        w->x[w->n_layers++] = calloc((size_t)(w->n * d[l]), sizeof(float));
    }
    w->first[w->n_models] = w->n_layers;
    return out;
}

static inline void zoo_clear(struct zoo *w)
{
    for (int l = 0; l < w->n_layers; l++) free(w->x[l]);
}

/* Every layer shares z[n, 4] with the others, more or less. */
static inline void zoo_fill(struct zoo *w, int l, int kind, const int *z, uint64_t *s)
{
    int64_t n = w->n, d = w->d[l];
    float *x = w->x[l];
    int *p = lcg_ints(s, 4 * d, lcg_small), *e = lcg_ints(s, n * d, lcg_int8);
    float *mixed = mixture(z, p, e, n, 4, d, 1 + l % 3);
    memcpy(x, mixed, (size_t)(n * d) * sizeof *x);
    free(p), free(e), free(mixed);
    for (int64_t i = 0; i < n * d; i++) {
        if (kind == 1) x[i] = (float)(100 + lcg_gauss(s)); /* an offset */
        if (kind == 2) x[i] = (float)lcg_small(s);         /* ties */
    }
    for (int64_t i = 0; i < n; i += 2)
        if (kind == 3) copy_row(x, d, i, 0); /* duplicates */
    for (int64_t i = 0; i < n; i += 4)
        if (kind == 4) memset(x + i * d, 0, (size_t)d * sizeof *x); /* constant rows */
    for (int64_t i = 0; i < n; i++)
        if (kind == 5) copy_row(x, d, i, 0);
    w->constant[l] = kind == 5;
}

/* Models of 1, 2 and 4 layers of any width and kind; logits of ZOO_CLASSES at most of them. */
static inline struct zoo zoo_random(uint64_t seed, int64_t n, int models, bool plain_only)
{
    static const int64_t widths[] = {1, 2, 3, 6, 8, 17, 40};
    static const int layers[] = {1, 2, 4};
    struct zoo w = {.n = n};
    uint64_t s = seed * 977 + 5;
    int *z = lcg_ints(&s, n * 4, lcg_int8);
    for (int m = 0; m < models; m++) {
        int count = layers[(uint64_t)m + seed > 0 ? (int)(((uint64_t)m + seed) % 3) : 0];
        int64_t d[4];
        for (int l = 0; l < count; l++) d[l] = widths[(lcg_u32(&s) >> 8) % 7];
        if (plain_only)
            for (int l = 0; l < count; l++) d[l] = d[l] < 3 ? 4 : d[l];
        if (m != 1) d[count - 1] = ZOO_CLASSES;
        if (count == 4) d[1] = ZOO_CLASSES;
        zoo_add(&w, count, d);
        for (int l = w.first[m]; l < w.first[m + 1]; l++)
            zoo_fill(&w, l, plain_only ? 0 : (int)((lcg_u32(&s) >> 8) % 8), z, &s);
    }
    free(z);
    return w;
}

/* ---- the engine ---- */

struct kept {
    struct alignment_pairs list;
    double *most; /* [n_most] raised to what is seen; NULL without a null */
    int64_t n_most;
};

static inline void keep_most(void *self, const struct alignment_pairs *pairs,
                             const double *most)
{
    struct kept *kept = self;
    keep_pairs(&kept->list, pairs, most);
    for (int64_t i = 0; i < kept->n_most; i++) kept->most[i] = fmax(kept->most[i], most[i]);
}

/* All pairs of tasks on every rank; pair is to free(). most may be NULL without a null. */
static inline struct alignment_pairs engine(MPI_Comm comm,
                                            const struct alignment_groups *groups,
                                            const struct alignment_task *task, int n_tasks,
                                            const struct alignment_options *o,
                                            const struct alignment_null *null, double *most)
{
    struct err e = {0};
    struct kept kept = {.most = most, .n_most = most ? n_tasks * null->count : 0};
    struct alignment_sink sink = {keep_most, &kept};
    int rank;
    MPI_Comm_rank(comm, &rank);
    enum err_code rc = alignment_all_pairs(comm, groups, task, n_tasks, o, null, &sink, &e);
    struct alignment_pairs list = kept.list;
    if (most) MPI_Bcast(most, (int)kept.n_most, MPI_DOUBLE, 0, comm);
    ck_assert_msg(rc == ERR_OK, "%s: %s", task->measure->row.name, e.text);
    if (rank != 0) ck_assert_int_eq(list.count, 0);
    MPI_Bcast(&list.count, 1, MPI_INT64_T, 0, comm);
    if (rank != 0) list.pair = malloc((size_t)(list.count + 1) * sizeof *list.pair);
    MPI_Bcast(list.pair, (int)list.count * (int)sizeof *list.pair, MPI_BYTE, 0, comm);
    return list;
}

/* The same of all pairs within one zoo. */
static inline struct alignment_pairs
engine_within(MPI_Comm comm, const struct zoo *w, const struct alignment_task *task,
              int n_tasks, const struct alignment_options *o, const struct alignment_null *null,
              double *most)
{
    struct bound b;
    zoo_bind(&b, w, comm);
    uint8_t wanted[ZOO_MODELS * ZOO_MODELS];
    memset(wanted, 1, sizeof wanted);
    struct alignment_groups groups = {&b.set, &b.set, 0, 0, wanted};
    return engine(comm, &groups, task, n_tasks, o, null, most);
}

static inline struct alignment_task task_of(const char *text)
{
    struct alignment_options o = {0};
    struct alignment_task t;
    struct err e = {0};
    ck_assert_msg(alignment_parse(text, &t.measure, &o, &e) == ERR_OK, "%s", e.text);
    t.k = o.k;
    return t;
}

/* Every measure of the table, with this parameter where it has one. */
static inline int tasks_of_all(int64_t k, struct alignment_task *task)
{
    for (int t = 0; t < alignment_measures.count; t++) {
        const struct alignment_measure *m = (const void *)table_row(&alignment_measures, t);
        task[t] = (struct alignment_task){m, m->parameter ? k : 0};
    }
    return alignment_measures.count;
}

/* How often a pair is there, and the first of them. */
static inline int find_all(const struct alignment_pairs *list, int task, int a, int b,
                           struct alignment_pair *out)
{
    int found = 0;
    for (int64_t i = 0; i < list->count; i++) {
        const struct alignment_pair *p = &list->pair[i];
        if (p->task != task || p->a != a || p->b != b) continue;
        if (!found++) *out = *p;
    }
    return found;
}

/* The pair, which must be there once. */
static inline struct alignment_pair find_one(const struct alignment_pairs *list, int task,
                                             int a, int b)
{
    struct alignment_pair out = {0};
    int found = find_all(list, task, a, b, &out);
    ck_assert_msg(found == 1, "task %d, pair %d, %d: %d times", task, a, b, found);
    return out;
}

static inline bool is_near(double got, double want, double within)
{
    return fabs(got - want) <= within || (isnan(got) && isnan(want)) || got == want;
}

/* By pairs alone: the same bits wherever it is computed. */
static inline double within_of(const struct alignment_measure *m)
{
    return m->gram ? 1e-12 : 0;
}

static inline void pairs_same(const char *what, const struct alignment_task *task,
                              const struct alignment_pair *p, const struct alignment_pair *q,
                              double within)
{
    const double *x = &p->score, *y = &q->score;
    for (int i = 0; i <= &p->null_skewness - &p->score; i++)
        ck_assert_msg(is_near(x[i], y[i], i < 6 ? within : 1e4 * within),
                      "%s: %s@%d of %d, %d, number %d: %.17g, %.17g", what,
                      task->measure->row.name, (int)task->k, p->a, p->b, i, x[i], y[i]);
    ck_assert_msg(within > 0 || (p->layer_a == q->layer_a && p->layer_b == q->layer_b),
                  "%s: %s of %d, %d: layers %d, %d and %d, %d", what, task->measure->row.name,
                  p->a, p->b, p->layer_a, p->layer_b, q->layer_a, q->layer_b);
}

#endif
