/* all_pairs.c - owns the walk over all pairs of models.
 *
 * Measures that compare two forms go by pairs: the forms of every rank travel around a ring, and
 * each rank compares its own models with the visiting ones. Measures that are inner products of
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

/* ---- by pairs ---- */

enum { FLUSHES = 32 }; /* of what is found with the models of one rank */

/* A model whose forms are here: its own, those of a visitor, or permuted ones. */
struct member {
    const struct bank *bank;
    const char *form;
    size_t base; /* place in the bank of the first byte of form */
    int64_t m, number;
};

struct walk {
    const struct run *run;
    const struct alignment_task *const *task; /* that share a form */
    int n_tasks;
    struct bank own, *bank; /* bank[size]: layouts of the second group on all ranks */
    char *visiting, *next, *permuted;
    void *scratch;
    double *null, *z; /* [pairs of one visitor, K], [K] */
    int64_t null_room;
};

static struct form_side side_of(const struct member *x, int64_t c, int64_t k)
{
    const struct candidate *at = &x->bank->candidate[x->bank->begin[x->m] + c];
    struct form_side s = {at->shape, x->form + at->at - x->base};
    s.shape.k = k;
    return s;
}

static int64_t depth(const struct member *x)
{
    return x->bank->begin[x->m + 1] - x->bank->begin[x->m];
}

/* The best layers: the first pair of the maximum, layers of a in the outer loop. */
static struct best best_layers(const struct walk *w, const struct alignment_task *t,
                               const struct member *a, const struct member *b)
{
    struct best best = {NAN, ALIGN_NO_LAYER, ALIGN_NO_LAYER};
    for (int64_t i = 0; i < depth(a); i++)
        for (int64_t j = 0; j < depth(b); j++) {
            const struct candidate *x = &a->bank->candidate[a->bank->begin[a->m] + i];
            const struct candidate *y = &b->bank->candidate[b->bank->begin[b->m] + j];
            if (!pairs_may_match(t->measure, x, y)) continue;
            struct form_side p = side_of(a, i, t->k), q = side_of(b, j, t->k);
            pairs_offer(&best, t->measure, t->measure->pair(&p, &q, w->scratch), x->layer,
                        y->layer);
        }
    return best;
}

/* The scores of an own model with a visiting one. */
static enum err_code score_pair(struct walk *w, const struct member *own,
                                const struct member *visitor, struct alignment_pairs *out,
                                struct err *e)
{
    bool lower = own->number <= visitor->number;
    const struct member *a = lower ? own : visitor, *b = lower ? visitor : own;
    for (int t = 0; t < w->n_tasks; t++)
        for (int turn = 0; turn < 2; turn++) {
            if (turn && (w->task[t]->measure->symmetric || a->number == b->number)) continue;
            const struct member *x = turn ? b : a, *y = turn ? a : b;
            struct best best = best_layers(w, w->task[t], x, y);
            struct alignment_pair *p = pairs_add(out);
            if (!p) return ERR(e, ERR_NOMEM, "no memory for scores of pairs");
            p->task = (int32_t)(w->task[t] - w->run->task);
            p->a = (int32_t)x->number;
            p->b = (int32_t)y->number;
            p->score = best.score;
            p->layer_a = best.layer_a;
            p->layer_b = best.layer_b;
        }
    return ERR_OK;
}

/* Which rank compares a pair within one group depends on whether its numbers add up to an even
 * number: every rank gets half of its own. */
static bool is_mine(const struct run *r, int64_t own, int64_t visitor)
{
    const struct alignment_groups *g = r->groups;
    int64_t low = own < visitor ? own : visitor, high = own < visitor ? visitor : own;
    if (g->a == g->b) {
        if (own != visitor && (own < visitor) != ((own + visitor) % 2 != 0)) return false;
        return g->wanted[(low - g->first_a) * g->b->n_models + high - g->first_b];
    }
    return g->wanted[(own - g->first_a) * g->b->n_models + visitor - g->first_b];
}

static struct member own_member(const struct walk *w, int64_t m)
{
    return (struct member){&w->own, w->own.form, 0, m,
                           w->run->groups->first_a + w->own.first + m};
}

static void permute_member(struct walk *w, const struct member *x, const int32_t *perm,
                           struct member *out)
{
    *out = *x;
    out->form = w->permuted;
    out->base = x->bank->candidate[x->bank->begin[x->m]].at;
    for (int64_t c = x->bank->begin[x->m]; c < x->bank->begin[x->m + 1]; c++) {
        const struct candidate *at = &x->bank->candidate[c];
        x->bank->kind->permute(&at->shape, x->form + at->at - x->base, perm,
                               w->permuted + at->at - out->base);
    }
}

/* Scores of the pairs [begin, out->count) with the visitor's rows permuted. */
static enum err_code calibrate_pairs(struct walk *w, const struct member *visitor,
                                     int64_t begin, struct alignment_pairs *out, struct err *e)
{
    const struct alignment_null *null = w->run->null;
    int64_t count = out->count - begin;
    if (count * null->count > w->null_room) {
        free(w->null);
        w->null_room = count * null->count;
        w->null = malloc((size_t)w->null_room * sizeof *w->null);
        if (!w->null)
            return ERR(e, ERR_NOMEM, "no memory for the null of %lld pairs", (long long)count);
    }
    for (int64_t k = 0; k < null->count; k++) {
        struct member permuted;
        permute_member(w, visitor, null->perm + k * w->run->groups->a->n, &permuted);
        for (int64_t i = 0; i < count; i++) {
            const struct alignment_pair *p = &out->pair[begin + i];
            bool visits_b = p->b == visitor->number;
            int64_t number = visits_b ? p->a : p->b;
            struct member own = own_member(w, number - w->run->groups->first_a - w->own.first);
            w->null[i * null->count + k] =
                best_layers(w, &w->run->task[p->task], visits_b ? &own : &permuted,
                            visits_b ? &permuted : &own)
                    .score;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        struct alignment_pair *p = &out->pair[begin + i];
        pairs_calibrate(null, &w->run->task[p->task], w->null + i * null->count, w->z,
                        w->run->most + p->task * null->count, p);
    }
    return ERR_OK;
}

/* All own models with [begin, end) of those that visit from rank p. Local. */
static enum err_code meet(struct walk *w, int p, int64_t begin, int64_t end, struct err *e)
{
    const struct bank *bank = &w->bank[p];
    struct alignment_pairs *out = w->run->own;
    for (int64_t v = begin; v < end && v < bank->count; v++) {
        struct member visitor = {bank, w->visiting, 0, v,
                                 w->run->groups->first_b + bank->first + v};
        int64_t first = out->count;
        for (int64_t m = 0; m < w->own.count; m++) {
            struct member own = own_member(w, m);
            if (is_mine(w->run, own.number, visitor.number))
                TRY(score_pair(w, &own, &visitor, out, e));
        }
        if (w->run->null->count && out->count > first)
            TRY(calibrate_pairs(w, &visitor, first, out, e));
    }
    return ERR_OK;
}

/* The same of all that visit, with what was found given away in between. Collective. */
static enum err_code meet_all(struct walk *w, int p, struct err *e)
{
    int64_t block = distributed_block(w->run->groups->b->n_models, w->run->size);
    int64_t slice = (block + FLUSHES - 1) / FLUSHES;
    for (int64_t begin = 0; begin < block; begin += slice) {
        TRY(comm_agree(w->run->comm, meet(w, p, begin, begin + slice, e), e));
        TRY(pairs_flush(w->run, e));
    }
    return ERR_OK;
}

/* One step of the ring: the forms of rank p are here, those of its next are wanted. */
static void pass_on(struct walk *w, int p)
{
    const struct run *r = w->run;
    int after = (p + 1) % r->size;
    MPI_Datatype word; /* bytes would not fit an int */
    MPI_Type_contiguous(64, MPI_BYTE, &word);
    MPI_Type_commit(&word);
    MPI_Sendrecv(w->visiting, comm_int((long long)(w->bank[p].bytes / 64 + 1)), word,
                 (r->rank + r->size - 1) % r->size, 0, w->next,
                 comm_int((long long)(w->bank[after].bytes / 64 + 1)), word,
                 (r->rank + 1) % r->size, 0, r->comm, MPI_STATUS_IGNORE);
    MPI_Type_free(&word);
    char *swap = w->visiting;
    w->visiting = w->next;
    w->next = swap;
}

/* Largest scratch of a pair, and largest model, of all there are. */
static void measure_room(const struct walk *w, size_t *scratch, size_t *model, size_t *bytes)
{
    *scratch = *model = *bytes = 0;
    for (int p = 0; p < w->run->size; p++) {
        const struct bank *b = &w->bank[p];
        if (b->bytes > *bytes) *bytes = b->bytes;
        for (int64_t m = 0; m < b->count; m++) {
            size_t end =
                b->begin[m + 1] < b->n_candidates ? b->candidate[b->begin[m + 1]].at : b->bytes;
            size_t size = end - b->candidate[b->begin[m]].at;
            if (size > *model) *model = size;
        }
        for (int64_t c = 0; c < b->n_candidates; c++)
            for (int64_t d = 0; d < w->own.n_candidates; d++)
                for (int t = 0; t < w->n_tasks; t++) {
                    const struct form_shape *x = &w->own.candidate[d].shape;
                    const struct form_shape *y = &b->candidate[c].shape;
                    form_scratch *room = w->task[t]->measure->scratch;
                    size_t one = room ? room(x, y) : 0, other = room ? room(y, x) : 0;
                    if (one > *scratch) *scratch = one;
                    if (other > *scratch) *scratch = other;
                }
    }
}

/* Takes the forms of lists where there are any. Local. */
static enum err_code walk_init(struct walk *w, const struct form *kind, int64_t k,
                               struct lists *lists, struct err *e)
{
    const struct run *r = w->run;
    size_t scratch, model, bytes;
    w->bank = calloc((size_t)r->size, sizeof *w->bank);
    if (!w->bank) return ERR(e, ERR_NOMEM, "no memory for %d ranks", r->size);
    for (int p = 0; p < r->size; p++)
        TRY(bank_plan(r->groups->b, kind, k, r->options, p, r->size, &w->bank[p], e));
    if (lists) {
        w->own = lists->a;
        lists->a = (struct bank){0};
    } else {
        TRY(bank_plan(r->groups->a, kind, k, r->options, r->rank, r->size, &w->own, e));
        TRY(bank_fill(&w->own, r->groups->a, r->options, e));
    }
    measure_room(w, &scratch, &model, &bytes);
    w->visiting = malloc(bytes + 64);
    w->next = malloc(bytes + 64);
    w->permuted = malloc(model + 8);
    w->scratch = malloc(scratch + 8);
    w->z = malloc((size_t)(r->null->count + 1) * sizeof *w->z);
    if (!w->visiting || !w->next || !w->permuted || !w->scratch || !w->z)
        return ERR(e, ERR_NOMEM, "no memory for %.3g GB of %s", 2e-9 * (double)bytes,
                   kind->name);
    struct bank *mine = &w->bank[r->rank];
    if (r->groups->a == r->groups->b) {
        memcpy(w->visiting, w->own.form, w->own.bytes);
    } else {
        if (lists) {
            mine->form = lists->b.form;
            lists->b.form = NULL;
        } else {
            TRY(bank_fill(mine, r->groups->b, r->options, e));
        }
        memcpy(w->visiting, mine->form, mine->bytes);
        free(mine->form);
        mine->form = NULL;
    }
    return ERR_OK;
}

static void walk_clear(struct walk *w)
{
    for (int p = 0; p < w->run->size && w->bank; p++) bank_clear(&w->bank[p]);
    bank_clear(&w->own);
    free(w->bank), free(w->visiting), free(w->next), free(w->permuted), free(w->scratch);
    free(w->null), free(w->z);
}

static int64_t largest_k(const struct alignment_task *const *task, int n_tasks)
{
    int64_t k = 0;
    for (int t = 0; t < n_tasks; t++) k = task[t]->k > k ? task[t]->k : k;
    return k;
}

/* Tasks that share a form, by pairs. Collective. */
static enum err_code by_pairs(const struct run *r, const struct alignment_task *const *task,
                              int n_tasks, struct lists *lists, struct err *e)
{
    int64_t k = largest_k(task, n_tasks);
    struct walk w = {.run = r, .task = task, .n_tasks = n_tasks};
    enum err_code rc =
        comm_agree(r->comm, walk_init(&w, task[0]->measure->form, k, lists, e), e);
    for (int step = 0; step < r->size && rc == ERR_OK; step++) {
        int p = (r->rank + step) % r->size;
        rc = meet_all(&w, p, e);
        if (rc == ERR_OK && step + 1 < r->size) pass_on(&w, p);
    }
    walk_clear(&w);
    return rc;
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
    enum err_code rc = comm_agree(r->comm, plan_lists(r, largest_k(group, n), &l, e), e);
    if (rc == ERR_OK) rc = tall_product(r, &r->task[tall], &l, e);
    if (rc == ERR_OK) rc = by_pairs(r, group, n, &l, e);
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
            TRY(by_pairs(r, group, group_of(r, t, group), NULL, e));
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
    const struct alignment_set set = {n, 1, m};
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
