/* ring.c - measures by pairs: the forms of every rank travel around a ring, and each rank compares
 * its own models with the visiting ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "linalg/all_pairs_inner.h"
#include "linalg/distributed.h"

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
    int32_t *inverse; /* [n] */
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

/* The candidate of that layer. */
static int64_t candidate_of_layer(const struct member *x, int32_t layer)
{
    int64_t c = 0;
    while (x->bank->candidate[x->bank->begin[x->m] + c].layer != layer) c++;
    return c;
}

/* Exact moments of a pair that was compared. */
static void find_exact(const struct walk *w, const struct member *own,
                       const struct member *visitor, struct alignment_pair *p)
{
    const struct alignment_task *t = &w->run->task[p->task];
    const struct member *a = p->b == visitor->number ? own : visitor;
    const struct member *b = p->b == visitor->number ? visitor : own;
    if (!t->measure->moments || w->run->null->within || p->layer_a == ALIGN_NO_LAYER) return;
    struct form_side x = side_of(a, candidate_of_layer(a, p->layer_a), t->k);
    struct form_side y = side_of(b, candidate_of_layer(b, p->layer_b), t->k);
    double mean, sd;
    t->measure->moments(&x, &y, &mean, &sd);
    pairs_exact(mean, sd, depth(a) * depth(b), p);
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

/* Scores of the pairs [begin, out->count) that the visitor is the lower of, or those that it is
 * not, with its rows permuted, into sample[., K]. */
static void sample_pairs(struct walk *w, const struct member *visitor, bool is_lower,
                         const int32_t *perm, int64_t begin, const struct alignment_pairs *out,
                         double *sample)
{
    struct member permuted = {0};
    for (int64_t i = begin; i < out->count; i++, sample += w->run->null->count) {
        const struct alignment_pair *p = &out->pair[i];
        bool visits_b = p->b == visitor->number;
        int64_t number = visits_b ? p->a : p->b;
        if ((visitor->number < number) != is_lower) continue;
        if (!permuted.form) permute_member(w, visitor, perm, &permuted);
        struct member own = own_member(w, number - w->run->groups->first_a - w->own.first);
        *sample = best_layers(w, &w->run->task[p->task], visits_b ? &own : &permuted,
                              visits_b ? &permuted : &own)
                      .score;
    }
}

/* Calibrates the pairs [begin, out->count). It is the model of higher number whose rows are
 * permuted, whoever visits: where the visitor is the lower one it is permuted the other way
 * round, to the same effect. */
static enum err_code calibrate_pairs(struct walk *w, const struct member *visitor,
                                     int64_t begin, struct alignment_pairs *out, struct err *e)
{
    const struct alignment_null *null = w->run->null;
    int64_t count = out->count - begin, n = w->run->groups->a->n;
    if (count * null->count > w->null_room) {
        free(w->null);
        w->null_room = count * null->count;
        w->null = malloc((size_t)w->null_room * sizeof *w->null);
        if (!w->null)
            return ERR(e, ERR_NOMEM, "no memory for the null of %lld pairs", (long long)count);
    }
    for (int64_t k = 0; k < null->count; k++) {
        const int32_t *perm = null->perm + k * n;
        for (int64_t i = 0; i < n; i++) w->inverse[perm[i]] = (int32_t)i;
        sample_pairs(w, visitor, false, perm, begin, out, w->null + k);
        sample_pairs(w, visitor, true, w->inverse, begin, out, w->null + k);
    }
    for (int64_t i = 0; i < count; i++) {
        struct alignment_pair *p = &out->pair[begin + i];
        pairs_calibrate(null, &w->run->task[p->task], w->null + i * null->count, w->z,
                        w->run->most + p->task * null->count, p);
        int64_t number = p->b == visitor->number ? p->a : p->b;
        struct member own = own_member(w, number - w->run->groups->first_a - w->own.first);
        find_exact(w, &own, visitor, p);
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
    w->inverse = malloc((size_t)r->groups->a->n * sizeof *w->inverse);
    if (!w->visiting || !w->next || !w->permuted || !w->scratch || !w->z || !w->inverse)
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
    free(w->null), free(w->z), free(w->inverse);
}

enum err_code ring_pairs(const struct run *r, const struct alignment_task *const *task,
                         int n_tasks, struct lists *lists, struct err *e)
{
    int64_t k = pairs_largest_k(task, n_tasks);
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
