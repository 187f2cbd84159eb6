/* tall.c - a measure with a gram over all pairs, as one tall product: see gram.h.
 *
 * The grid is 1 x size: a rank holds the columns of its own models of the second group, with the
 * rows of all models of the first, so that it finishes whole pairs of models by itself. Models
 * differ in layers: every rank has as many columns as the one with most, the rest is padding. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "base/kernel.h"
#include "linalg/all_pairs_inner.h"
#include "linalg/centred.h"
#include "linalg/distributed.h"
#include "linalg/features.h"
#include "linalg/gram.h"
#include "linalg/neighbours.h"
#include "linalg/permutation_moments.h"

enum { TILE_MAX = 256 }; /* larger tiles waste more below the diagonal than dgemm gains */

/* One of the two groups. */
struct columns {
    struct bank *bank; /* [size] layouts; this rank's has its forms */
    int64_t block;     /* columns of each rank */
    double *tile;      /* [block, side, side]; padding stays 0 */
    double *square;    /* [size * block] inner product of each with itself, then its root */
    const char *form;  /* of this rank, as they are or permuted */
    struct permutation_traces *traces; /* [size * block] where rows cancel; squares stay 0 */
    struct neighbours_search *search;  /* of own representations; NULL: there is none */
    struct bank *lists;                /* that the searches are for */
};

struct tall {
    const struct run *run;
    const struct alignment_task *task;
    const struct gram *gram;
    bool single, same; /* one group with itself */
    bool rooted;       /* squares are roots: they stay as they are */
    int64_t side;
    struct columns a, b;
    float *part; /* [side, side]; single: one tile */
    char *permuted;
    struct distributed_product *product;
    double *null, *z; /* [own pairs, K], [K] */
};

static struct bank *mine(const struct tall *t, const struct columns *c)
{
    return &c->bank[t->run->rank];
}

static void make_double(const struct tall *t, struct columns *c, int64_t r, int64_t i0,
                        int64_t rows, int64_t j0, int64_t columns, double *tile)
{
    const struct candidate *at = &mine(t, c)->candidate[r];
    const void *form = c->form + at->at;
    t->gram->tile(&at->shape, form, i0, rows, j0, columns, tile);
    if (c->search && c->search[r].n)
        neighbours_search_tile(&c->search[r], i0, rows, j0, columns, tile);
    if (t->gram->finish) t->gram->finish(&at->shape, form, i0, rows, j0, columns, tile);
}

/* The entries in single precision; what is summed of them is summed in double: of few different
 * values sums in single precision drift by 1e-5. */
static void make_single(const struct tall *t, struct columns *c, int64_t r, int64_t i0,
                        int64_t rows, int64_t j0, int64_t columns, double *tile)
{
    const struct candidate *at = &mine(t, c)->candidate[r];
    const void *form = c->form + at->at;
    t->gram->tile_single(&at->shape, form, i0, rows, j0, columns, t->part);
    if (c->search && c->search[r].n)
        neighbours_search_tile_single(&c->search[r], i0, rows, j0, columns, t->part);
    if (t->gram->finish_single)
        t->gram->finish_single(&at->shape, form, i0, rows, j0, columns, t->part);
    features_extend(t->part, rows * columns, tile);
}

/* Adds the diagonal of a tile on the diagonal. */
static void add_diagonal(struct permutation_traces *t, int64_t rows, const double *tile)
{
    for (int64_t i = 0; i < rows; i++) {
        double value = tile[i * rows + i];
        t->trace += value;
        t->diagonal += value * value;
    }
}

/* Tiles of own representations. Their squares are added up, times the weight. */
static void make_tiles(struct tall *t, struct columns *c, int64_t i0, int64_t rows, int64_t j0,
                       int64_t columns, double weight)
{
    const struct bank *b = mine(t, c);
    int64_t size = rows * columns;
    for (int64_t r = 0; r < b->n_candidates; r++) {
        double *square = &c->square[t->run->rank * c->block + r];
        double *tile = c->tile + r * size;
        if (t->single)
            make_single(t, c, r, i0, rows, j0, columns, tile);
        else
            make_double(t, c, r, i0, rows, j0, columns, tile);
        if (!t->rooted) *square += weight * features_dot(tile, tile, size);
        if (!t->rooted && i0 == j0)
            add_diagonal(&c->traces[t->run->rank * c->block + r], rows, tile);
    }
}

/* The product over all tiles. Collective. */
static void multiply(struct tall *t)
{
    int64_t n = t->run->groups->a->n;
    bool apart = !t->same || t->b.form != t->a.form;
    for (int64_t i0 = 0; i0 < n; i0 += t->side)
        for (int64_t j0 = i0; j0 < n; j0 += t->side) {
            int64_t rows = n - i0 < t->side ? n - i0 : t->side;
            int64_t columns = n - j0 < t->side ? n - j0 : t->side;
            double weight = i0 == j0 ? 1 : 2;
            make_tiles(t, &t->a, i0, rows, j0, columns, weight);
            if (apart) make_tiles(t, &t->b, i0, rows, j0, columns, weight);
            distributed_product_add(t->product, weight, t->a.tile, apart ? t->b.tile : NULL,
                                    rows * columns);
        }
}

/* Roots of what representations are with themselves, NaN where that is rounding. Collective. */
static void take_roots(struct tall *t, struct columns *c, double scale)
{
    const struct bank *b = mine(t, c);
    double *own = c->square + t->run->rank * c->block;
    for (int64_t r = 0; r < b->n_candidates; r++) {
        const struct candidate *at = &b->candidate[r];
        double least = t->gram->rounding(&at->shape, b->form + at->at);
        own[r] = own[r] > least ? sqrt(own[r] * scale) : NAN;
    }
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, c->square, comm_int(c->block), MPI_DOUBLE,
                  t->run->comm);
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, c->traces,
                  comm_int(c->block * (int64_t)(sizeof *c->traces / sizeof(double))),
                  MPI_DOUBLE, t->run->comm);
}

/* The best layers of model a of rank p and own model b. Only rows up to the column are kept of a
 * product of one group with itself. */
static struct best best_layers(const struct tall *t, int p, int64_t a, int64_t b, bool mirrored)
{
    const struct bank *x = &t->a.bank[p], *y = mine(t, &t->b);
    struct best best = {NAN, ALIGN_NO_LAYER, ALIGN_NO_LAYER};
    int64_t first = t->run->rank * t->b.block;
    double scale = t->gram->scale ? t->gram->scale(t->run->groups->a->n) : 1;
    for (int64_t i = x->begin[a]; i < x->begin[a + 1]; i++)
        for (int64_t j = y->begin[b]; j < y->begin[b + 1]; j++) {
            if (!pairs_may_match(t->task->measure, &x->candidate[i], &y->candidate[j]))
                continue;
            int64_t row = p * t->a.block + i, column = j;
            double roots = t->a.square[row] * t->b.square[first + j];
            if (mirrored && row > first + column) {
                int64_t swap = row;
                row = first + column;
                column = swap - first;
            }
            double sum = distributed_product_at(t->product, row, column);
            pairs_offer(&best, t->task->measure,
                        sum * scale / (roots + t->run->options->epsilon), x->candidate[i].layer,
                        y->candidate[j].layer);
        }
    return best;
}

/* Calls pair for every wanted pair whose second model is own. */
static bool each_pair(struct tall *t,
                      bool (*pair)(struct tall *t, int p, int64_t a, int64_t b, void *self),
                      void *self)
{
    const struct alignment_groups *g = t->run->groups;
    const struct bank *own = mine(t, &t->b);
    for (int p = 0; p < t->run->size; p++)
        for (int64_t a = 0; a < t->a.bank[p].count; a++)
            for (int64_t b = 0; b < own->count; b++) {
                int64_t i = t->a.bank[p].first + a, j = own->first + b;
                if (t->same && i > j) continue;
                if (g->wanted[i * g->b->n_models + j] && !pair(t, p, a, b, self)) return false;
            }
    return true;
}

static bool add_pair(struct tall *t, int p, int64_t a, int64_t b, void *self)
{
    struct alignment_pair *new = pairs_add(self);
    if (!new) return false;
    struct best best = best_layers(t, p, a, b, t->same);
    new->task = (int32_t)(t->task - t->run->task);
    new->a = (int32_t)(t->run->groups->first_a + t->a.bank[p].first + a);
    new->b = (int32_t)(t->run->groups->first_b + mine(t, &t->b)->first + b);
    new->score = best.score;
    new->layer_a = best.layer_a;
    new->layer_b = best.layer_b;
    return true;
}

/* ---- the null ---- */

struct sample {
    double *next;
    int64_t stride;
};

static bool add_sample(struct tall *t, int p, int64_t a, int64_t b, void *self)
{
    struct sample *s = self;
    *s->next = best_layers(t, p, a, b, false).score;
    s->next += s->stride;
    return true;
}

/* One product for every permutation of the second group. Collective. */
static void sample_null(struct tall *t)
{
    const struct alignment_null *null = t->run->null;
    const struct bank *b = mine(t, &t->b);
    t->b.form = t->permuted;
    for (int64_t k = 0; k < null->count; k++) {
        const int32_t *perm = null->perm + k * t->run->groups->a->n;
        for (int64_t r = 0; r < b->n_candidates; r++) {
            const struct candidate *at = &b->candidate[r];
            b->kind->permute(&at->shape, b->form + at->at, perm, t->permuted + at->at);
        }
        distributed_product_reset(t->product);
        multiply(t);
        struct sample s = {t->null + k, null->count};
        each_pair(t, add_sample, &s);
    }
}

/* The column of a layer of a model of the group, of all ranks. */
static int64_t column_of(const struct tall *t, const struct columns *c, int64_t n_models,
                         int64_t model, int32_t layer)
{
    int p = alignment_owner(model, n_models, t->run->size);
    const struct bank *b = &c->bank[p];
    int64_t at = b->begin[model - b->first];
    while (b->candidate[at].layer != layer) at++;
    return p * c->block + at;
}

/* Exact moments of a pair. */
static void find_exact(const struct tall *t, struct alignment_pair *p)
{
    const struct alignment_groups *g = t->run->groups;
    int64_t n = g->a->n, a = p->a - g->first_a, b = p->b - g->first_b;
    if (!t->gram->rows_cancel || t->run->null->within || p->layer_a == ALIGN_NO_LAYER || n < 4)
        return;
    int64_t x = column_of(t, &t->a, g->a->n_models, a, p->layer_a);
    int64_t y = column_of(t, &t->b, g->b->n_models, b, p->layer_b);
    double scale = t->gram->scale ? t->gram->scale(n) : 1;
    double root_x = t->a.square[x], root_y = t->b.square[y];
    struct permutation_traces k = t->a.traces[x], l = t->b.traces[y];
    k.squares = root_x * root_x / scale;
    l.squares = root_y * root_y / scale;
    struct permutation_moments m = permutation_moments_centred(n, &k, &l);
    double factor = scale / (root_x * root_y + t->run->options->epsilon);
    int64_t layers_a = g->a->model[a].n_layers, layers_b = g->b->model[b].n_layers;
    if (t->run->options->concat) layers_a += layers_a > 1, layers_b += layers_b > 1;
    pairs_exact(m.mean * factor, sqrt(fmax(m.variance, 0)) * factor, layers_a * layers_b, p);
}

/* Calibrates the pairs just found. Collective. */
static enum err_code calibrate(struct tall *t, struct err *e)
{
    const struct run *r = t->run;
    int64_t count = r->own->count, K = r->null->count;
    t->null = malloc((size_t)(count * K + 1) * sizeof *t->null);
    t->z = malloc((size_t)K * sizeof *t->z);
    t->permuted = malloc(mine(t, &t->b)->bytes + 8);
    size_t tile = (size_t)(t->side * t->side) * sizeof(double);
    if (t->same) t->b.tile = calloc((size_t)t->b.block, tile);
    enum err_code rc =
        t->null && t->z && t->permuted && t->b.tile
            ? ERR_OK
            : ERR(e, ERR_NOMEM, "no memory for the null of %lld pairs", (long long)count);
    rc = comm_agree(r->comm, rc, e);
    if (rc == ERR_OK) {
        distributed_product_destroy(t->product);
        rc = distributed_product_create(r->comm, t->a.block, t->b.block, &t->product, e);
    }
    if (rc == ERR_OK) sample_null(t);
    for (int64_t i = 0; i < count && rc == ERR_OK; i++) {
        pairs_calibrate(r->null, t->task, t->null + i * K, t->z,
                        r->most + (t->task - r->task) * K, &r->own->pair[i]);
        find_exact(t, &r->own->pair[i]);
    }
    return rc;
}

/* ---- neighbour lists in passing ---- */

/* Searches in all own representations whose features are finite. Local. */
static enum err_code start_searches(const struct tall *t, struct columns *c, struct bank *lists,
                                    struct err *e)
{
    const struct bank *b = mine(t, c);
    c->lists = lists;
    c->search = calloc((size_t)b->n_candidates + 1, sizeof *c->search);
    bool ok = c->search != NULL;
    for (int64_t r = 0; r < b->n_candidates && ok; r++) {
        const struct centred *form = (const void *)(b->form + b->candidate[r].at);
        if (isfinite(form->trace))
            ok = neighbours_search_init(&c->search[r], &lists->candidate[r].shape, form);
    }
    return ok ? ERR_OK
              : ERR(e, ERR_NOMEM, "no memory for neighbours of %lld representations",
                    (long long)b->n_candidates);
}

static void clear_search(struct neighbours_search *w)
{
    arena_clear(&w->arena);
    w->n = 0;
}

static enum err_code make_list(void *self, int64_t r, double *x, void *form, struct err *e)
{
    struct columns *c = self;
    struct neighbours_search *w = &c->search[r];
    bool ok = neighbours_lists_make(&c->lists->candidate[r].shape, x, w->n ? w : NULL, form);
    clear_search(w);
    return ok ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for neighbour lists");
}

/* Local. */
static enum err_code finish_searches(const struct tall *t, struct columns *c,
                                     const struct alignment_set *set, struct err *e)
{
    if (!c->search) return ERR_OK;
    return bank_fill_by(c->lists, set, t->run->options, make_list, c, e);
}

static void clear_searches(const struct tall *t, struct columns *c)
{
    for (int64_t r = 0; c->search && r < mine(t, c)->n_candidates; r++)
        clear_search(&c->search[r]);
    free(c->search);
    c->search = NULL;
}

/* ---- start and end ---- */

static enum err_code plan_columns(const struct tall *t, const struct alignment_set *set,
                                  struct columns *c, struct err *e)
{
    const struct run *r = t->run;
    c->bank = calloc((size_t)r->size, sizeof *c->bank);
    if (!c->bank) return ERR(e, ERR_NOMEM, "no memory for %d ranks", r->size);
    for (int p = 0; p < r->size; p++) {
        TRY(bank_plan(set, t->gram->form, t->task->k, r->options, p, r->size, &c->bank[p], e));
        if (c->bank[p].n_candidates > c->block) c->block = c->bank[p].n_candidates;
    }
    TRY(bank_fill(mine(t, c), set, r->options, e));
    c->form = mine(t, c)->form;
    c->square = calloc((size_t)(r->size * c->block) + 1, sizeof *c->square);
    c->traces = calloc((size_t)(r->size * c->block) + 1, sizeof *c->traces);
    return c->square && c->traces ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for representations");
}

/* Local. */
static enum err_code allocate(struct tall *t, struct lists *lists, struct err *e)
{
    const struct alignment_groups *g = t->run->groups;
    TRY(plan_columns(t, g->a, &t->a, e));
    if (!t->same) TRY(plan_columns(t, g->b, &t->b, e));
    if (lists) TRY(start_searches(t, &t->a, &lists->a, e));
    if (lists && !t->same) TRY(start_searches(t, &t->b, &lists->b, e));
    size_t entry = sizeof(double);
    int64_t block = t->a.block + (t->same ? t->a.block : t->b.block);
    t->side = (int64_t)sqrt((double)GRAM_BLOCK_BYTES / ((double)entry * (double)(block + 1)));
    if (t->side < 1) t->side = 1;
    if (t->side > TILE_MAX) t->side = TILE_MAX;
    if (t->side > g->a->n) t->side = g->a->n;
    size_t tile = (size_t)(t->side * t->side) * entry;
    t->a.tile = calloc((size_t)t->a.block + 1, tile);
    if (!t->same) t->b.tile = calloc((size_t)t->b.block + 1, tile);
    t->part = malloc((size_t)(t->side * t->side) * sizeof *t->part);
    if (t->a.tile && t->part && (t->same || t->b.tile)) return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory for tiles of %lld representations", (long long)block);
}

static void clear_columns(struct columns *c, int size)
{
    for (int p = 0; p < size && c->bank; p++) bank_clear(&c->bank[p]);
    free(c->bank), free(c->square), free(c->traces);
}

enum err_code tall_product(const struct run *r, const struct alignment_task *task,
                           struct lists *lists, struct err *e)
{
    struct tall t = {.run = r, .task = task, .gram = task->measure->gram};
    t.single = r->options->precision == ALIGN_SINGLE && t.gram->tile_single;
    t.same = r->groups->a == r->groups->b;
    enum err_code rc = comm_agree(r->comm, allocate(&t, lists, e), e);
    if (rc == ERR_OK)
        rc = distributed_product_create(r->comm, t.a.block, t.same ? 0 : t.b.block, &t.product,
                                        e);
    if (rc == ERR_OK) {
        if (t.same) t.b = t.a, t.b.tile = NULL, t.b.search = NULL;
        multiply(&t);
        rc = finish_searches(&t, &t.a, r->groups->a, e);
        if (rc == ERR_OK) rc = finish_searches(&t, &t.b, r->groups->b, e);
        rc = comm_agree(r->comm, rc, e);
    }
    clear_searches(&t, &t.a);
    clear_searches(&t, &t.b);
    if (rc == ERR_OK) {
        double scale = t.gram->scale ? t.gram->scale(r->groups->a->n) : 1;
        take_roots(&t, &t.a, scale);
        if (!t.same) take_roots(&t, &t.b, scale);
        t.rooted = true;
        if (!each_pair(&t, add_pair, r->own)) rc = ERR(e, ERR_NOMEM, "no memory for scores");
        rc = comm_agree(r->comm, rc, e);
    }
    if (rc == ERR_OK && r->null->count) rc = calibrate(&t, e);
    if (rc == ERR_OK) rc = pairs_flush(r, e);
    distributed_product_destroy(t.product);
    clear_columns(&t.a, r->size);
    if (!t.same) clear_columns(&t.b, r->size);
    free(t.a.tile), free(t.b.tile), free(t.part), free(t.permuted), free(t.null), free(t.z);
    return rc;
}
