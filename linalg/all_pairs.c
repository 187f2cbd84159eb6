/* all_pairs.c - owns the walk over all pairs of models.
 *
 * Measures that compare two forms go by pairs (ring.c). Measures that are inner products of
 * large matrices go by one tall product (tall.c) where that is cheaper, or the only way. Which
 * way depends on shapes alone, and a pair on its two models alone: never on the ranks. */
#include "linalg/all_pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/all_pairs_inner.h"
#include "linalg/calibration.h"
#include "linalg/centred.h"
#include "linalg/distributed.h"
#include "linalg/gram.h"
#include "linalg/neighbours.h"
#include "linalg/permutation_moments.h"

/* ---- what both ways share ---- */

bool pairs_may_match(const struct alignment_measure *m, const struct candidate *a,
                     const struct candidate *b)
{
    if (m->predictions) return a->is_logits && b->is_logits;
    return !(a->is_input && b->is_input);
}

void pairs_offer(struct best *best, const struct alignment_measure *m, double score,
                 int32_t layer_a, int32_t layer_b)
{
    if (isnan(score)) return;
    bool better = m->distance ? score < best->score : score > best->score;
    if (!isnan(best->score) && !better) return;
    *best = (struct best){score, layer_a, layer_b};
}

struct alignment_pair *pairs_add(struct alignment_pairs *list)
{
    if (list->count == list->capacity) {
        int64_t capacity = 2 * list->capacity + 64;
        struct alignment_pair *grown = realloc(list->pair, (size_t)capacity * sizeof *grown);
        if (!grown) return NULL;
        list->pair = grown;
        list->capacity = capacity;
    }
    struct alignment_pair *p = &list->pair[list->count++];
    *p = (struct alignment_pair){.layer_a = ALIGN_NO_LAYER, .layer_b = ALIGN_NO_LAYER};
    for (double *x = &p->score; x <= &p->exact_tail; x++) *x = NAN;
    return p;
}

static double skewness_of(int64_t count, const double *x, double mean, double sd)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) continue;
        sum += pow((x[i] - mean) / sd, 3);
        n++;
    }
    return sd > 0 && n > 2 ? sum / (double)n : 0;
}

void pairs_calibrate(const struct alignment_null *null, const struct alignment_task *task,
                     double *sample, double *z, double *most, struct alignment_pair *p)
{
    const struct alignment_measure *m = task->measure;
    struct alignment_options o = {.k = task->k};
    struct calibration_rule rule = {null->alpha, alignment_best(m, &o), m->distance};
    double rounding = 1e-11 * fmax(1, fabs(p->score)); /* equal but for it is equal */
    for (int64_t t = 0; t < null->count; t++)
        if (fabs(sample[t] - p->score) <= rounding) sample[t] = p->score;
    struct calibration c = calibration_of(&rule, p->score, null->count, sample);
    p->p_value = c.p;
    p->threshold = c.threshold;
    p->calibrated = c.calibrated;
    p->null_mean = c.null_mean;
    p->null_sd = c.null_sd;
    p->null_skewness = skewness_of(null->count, sample, c.null_mean, c.null_sd);
    double sign = m->distance ? -1 : 1;
    for (int64_t t = 0; t < null->count; t++) sample[t] *= sign;
    calibration_standardize(null->count, sample, sign * p->score, z, &p->null_z);
    if (isnan(p->null_z) || p->a == p->b) return;
    for (int64_t t = 0; t < null->count; t++) most[t] = fmax(most[t], z[t]);
}

void pairs_exact(double mean, double sd, int64_t searched, struct alignment_pair *p)
{
    p->exact_mean = mean;
    p->exact_sd = sd;
    if (!(sd > 0) || isnan(p->score)) return;
    double tail = permutation_tail(p->score, mean, sd, fmax(p->null_skewness, 0));
    p->exact_tail = fmin(1, (double)searched * tail);
}

int64_t pairs_largest_k(const struct alignment_task *const *task, int n_tasks)
{
    int64_t k = 0;
    for (int t = 0; t < n_tasks; t++) k = task[t]->k > k ? task[t]->k : k;
    return k;
}

/* ---- all together ---- */

/* Flops of a group of models by products of features and by Gram matrices. */
static bool features_are_cheaper(const struct run *r)
{
    const struct alignment_set *set[2] = {r->groups->a, r->groups->b};
    double width[2] = {0}, count[2] = {0}, n = (double)set[0]->n;
    for (int s = 0; s < 2; s++)
        for (int64_t m = 0; m < set[s]->n_models; m++)
            for (int l = 0; l < set[s]->model[m].n_layers; l++) {
                width[s] += (double)set[s]->model[m].layer[l].d;
                count[s]++;
            }
    bool same = set[0] == set[1];
    double features = 2 * n * width[0] * width[1] / (same ? 2 : 1);
    double tiles = n * n * (width[0] + (same ? 0 : width[1]));
    return features < tiles + n * n * count[0] * count[1] / (same ? 1 : 0.5);
}

static bool goes_by_pairs(const struct run *r, const struct alignment_measure *m)
{
    return m->pair && (!m->gram || features_are_cheaper(r));
}

/* The pairs of all ranks, one after the other, on rank 0; to free(). Collective. */
static enum err_code collect(const struct run *r, struct alignment_pairs *all, struct err *e)
{
    int64_t *count = calloc((size_t)r->size, sizeof *count);
    enum err_code rc = count ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for %d ranks", r->size);
    TRY(comm_agree(r->comm, rc, e));
    MPI_Gather(&r->own->count, 1, MPI_INT64_T, count, 1, MPI_INT64_T, 0, r->comm);
    for (int p = 0; p < r->size; p++) all->capacity += count[p];
    all->pair = malloc((size_t)(all->capacity + 1) * sizeof *all->pair);
    if (!all->pair)
        rc = ERR(e, ERR_NOMEM, "no memory for %lld pairs", (long long)all->capacity);
    rc = comm_agree(r->comm, rc, e);
    if (rc == ERR_OK) {
        MPI_Datatype pair;
        MPI_Type_contiguous(sizeof(struct alignment_pair), MPI_BYTE, &pair);
        MPI_Type_commit(&pair);
        if (r->rank != 0)
            MPI_Send(r->own->pair, comm_int(r->own->count), pair, 0, 0, r->comm);
        else if (r->own->count)
            memcpy(all->pair, r->own->pair, (size_t)r->own->count * sizeof *all->pair);
        all->count = r->own->count;
        for (int p = 1; p < r->size && r->rank == 0; p++) {
            MPI_Recv(all->pair + all->count, comm_int(count[p]), pair, p, 0, r->comm,
                     MPI_STATUS_IGNORE);
            all->count += count[p];
        }
        MPI_Type_free(&pair);
    }
    free(count);
    return rc;
}

enum err_code pairs_flush(const struct run *r, struct err *e)
{
    struct alignment_pairs all = {0};
    if (r->null->count)
        MPI_Allreduce(MPI_IN_PLACE, r->most, comm_int(r->n_tasks * r->null->count), MPI_DOUBLE,
                      MPI_MAX, r->comm);
    enum err_code rc = collect(r, &all, e);
    if (rc == ERR_OK && r->rank == 0 && all.count) r->sink->take(r->sink->self, &all, r->most);
    free(all.pair);
    r->own->count = 0;
    return rc;
}

/* All tasks by pairs that can share the form of task first. */
static int group_of(const struct run *r, int first, const struct alignment_task **group)
{
    const struct alignment_task *task = &r->task[first];
    int n = 0;
    for (int u = 0; u < r->n_tasks; u++) {
        const struct alignment_task *other = &r->task[u];
        if (goes_by_pairs(r, other->measure) && other->measure->form == task->measure->form &&
            (other->k == task->k || task->measure->form->serves_less))
            group[n++] = other;
    }
    return n;
}

static bool is_first_of_group(const struct run *r, int t)
{
    const struct alignment_task *group[ALIGNMENT_MAX_TASKS];
    return group_of(r, t, group) && group[0] == &r->task[t];
}

static enum err_code plan_lists(const struct run *r, int64_t k, struct lists *l, struct err *e)
{
    const struct alignment_groups *g = r->groups;
    TRY(bank_plan(g->a, &form_neighbours, k, r->options, r->rank, r->size, &l->a, e));
    if (g->a == g->b) return ERR_OK;
    return bank_plan(g->b, &form_neighbours, k, r->options, r->rank, r->size, &l->b, e);
}

/* A tall product over tiles of centred features, and the tasks on neighbour lists, which are made
 * while the tiles are there. Collective. */
static enum err_code both_ways(const struct run *r, int tall, int lists, struct err *e)
{
    const struct alignment_task *group[ALIGNMENT_MAX_TASKS];
    int n = group_of(r, lists, group);
    struct lists l = {0};
    enum err_code rc = comm_agree(r->comm, plan_lists(r, pairs_largest_k(group, n), &l, e), e);
    if (rc == ERR_OK) rc = tall_product(r, &r->task[tall], &l, e);
    if (rc == ERR_OK) rc = ring_pairs(r, group, n, &l, e);
    bank_clear(&l.a);
    bank_clear(&l.b);
    return rc;
}

/* Tasks by pairs are grouped by form, those by tall products go one by one, the first of them
 * that can together with neighbour lists. */
static enum err_code run_tasks(const struct run *r, struct err *e)
{
    int tall = -1, lists = -1;
    for (int t = r->n_tasks - 1; t >= 0; t--) {
        const struct alignment_measure *m = r->task[t].measure;
        if (!goes_by_pairs(r, m) && m->gram->form == &form_centred) tall = t;
        if (goes_by_pairs(r, m) && m->form == &form_neighbours) lists = t;
    }
    bool both = tall >= 0 && lists >= 0;
    if (both) TRY(both_ways(r, tall, lists, e));
    for (int t = 0; t < r->n_tasks; t++) {
        const struct alignment_task *group[ALIGNMENT_MAX_TASKS];
        if (both && (t == tall || r->task[t].measure->form == &form_neighbours)) continue;
        if (!goes_by_pairs(r, r->task[t].measure))
            TRY(tall_product(r, &r->task[t], NULL, e));
        else if (is_first_of_group(r, t))
            TRY(ring_pairs(r, group, group_of(r, t, group), NULL, e));
    }
    return ERR_OK;
}

enum err_code alignment_all_pairs(MPI_Comm comm, const struct alignment_groups *groups,
                                  const struct alignment_task *task, int n_tasks,
                                  const struct alignment_options *o,
                                  const struct alignment_null *null,
                                  const struct alignment_sink *sink, struct err *e)
{
    INVARIANT(n_tasks <= ALIGNMENT_MAX_TASKS);
    struct alignment_pairs own = {0};
    struct run r = {.comm = comm,
                    .groups = groups,
                    .task = task,
                    .n_tasks = n_tasks,
                    .options = o,
                    .null = null,
                    .sink = sink,
                    .own = &own};
    MPI_Comm_rank(comm, &r.rank);
    MPI_Comm_size(comm, &r.size);
    for (int t = 0; t < n_tasks; t++) {
        struct alignment_options with_k = *o;
        with_k.k = task[t].k;
        TRY(alignment_check(task[t].measure, &with_k, groups->a->n, e)); /* alike on all */
        if (task[t].measure->confound && !groups->a->confound)
            return ERR(e, ERR_CONFIG, "%s wants the inputs, which are not known",
                       task[t].measure->row.name);
    }
    int64_t count = n_tasks * null->count;
    r.most = malloc((size_t)(count + 1) * sizeof *r.most);
    enum err_code rc = r.most ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the null");
    rc = comm_agree(comm, rc, e);
    if (rc == ERR_OK) {
        for (int64_t i = 0; i < count; i++) r.most[i] = -HUGE_VAL;
        rc = run_tasks(&r, e);
    }
    free(r.most);
    free(own.pair);
    return rc;
}

size_t alignment_model_bytes(const struct alignment_model *m, int64_t n,
                             const struct alignment_task *task, int n_tasks,
                             const struct alignment_options *o)
{
    size_t most = 0, centred = 0, lists = 0;
    const struct alignment_set set = {.n = n, .n_models = 1, .model = m};
    for (int t = 0; t < n_tasks; t++) {
        const struct alignment_measure *measure = task[t].measure;
        const struct form *kinds[2] = {measure->form,
                                       measure->gram ? measure->gram->form : NULL};
        for (int i = 0; i < 2; i++) {
            struct bank b = {0};
            if (kinds[i] && bank_plan(&set, kinds[i], task[t].k, o, 0, 1, &b, NULL) == ERR_OK &&
                b.bytes > most)
                most = b.bytes;
            if (kinds[i] == &form_centred) centred = b.bytes;
            for (int64_t c = 0; kinds[i] == &form_neighbours && c < b.n_candidates; c++)
                lists += neighbours_search_bytes(&b.candidate[c].shape);
            if (kinds[i] == &form_neighbours) lists += b.bytes;
            bank_clear(&b);
        }
    }
    return centred + lists > most ? centred + lists : most;
}
