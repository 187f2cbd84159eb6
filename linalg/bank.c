/* bank.c - owns the layout of forms. The concatenation of layers comes first, as in the code of
 * the paper: of equal scores it wins. */
#include "linalg/bank.h"

#include <stdlib.h>

#include "base/arena.h"
#include "linalg/distributed.h"
#include "linalg/features.h"

static int candidates_of(const struct alignment_model *m, const struct alignment_options *o)
{
    return m->n_layers + (o->concat && m->n_layers > 1);
}

static struct candidate candidate_of(const struct alignment_set *set,
                                     const struct alignment_model *m, int place, int64_t k,
                                     const struct alignment_options *o)
{
    bool concat = candidates_of(m, o) > m->n_layers;
    int layer = concat ? place - 1 : place;
    struct candidate c = {.layer = layer < 0 ? ALIGN_CONCAT : layer};
    c.shape = (struct form_shape){.n = set->n,
                                  .d = features_width(m, c.layer),
                                  .k = k,
                                  .single = o->precision == ALIGN_SINGLE,
                                  .sigma = o->sigma,
                                  .confound = set->confound,
                                  .confound_d = set->confound_d,
                                  .epsilon = o->epsilon};
    if (layer >= 0) {
        c.is_input = m->layer[layer].is_input && m->n_layers > 1;
        c.is_logits = m->layer[layer].is_logits;
    }
    return c;
}

static enum err_code check_layers(const struct alignment_model *m, int64_t number, int64_t n,
                                  struct err *e)
{
    for (int l = 0; l < m->n_layers; l++)
        if (n < 1 || m->layer[l].d < 1)
            return ERR(e, ERR_SHAPE, "layer %d of model %lld is [%lld, %lld]: empty", l,
                       (long long)number, (long long)n, (long long)m->layer[l].d);
    return ERR_OK;
}

enum err_code bank_plan(const struct alignment_set *set, const struct form *kind, int64_t k,
                        const struct alignment_options *o, int rank, int size, struct bank *out,
                        struct err *e)
{
    *out = (struct bank){.kind = kind};
    struct bank *b = out;
    distributed_range(set->n_models, size, rank, &b->first, &b->count);
    for (int64_t m = 0; m < b->count; m++)
        b->n_candidates += candidates_of(&set->model[b->first + m], o);
    b->begin = calloc((size_t)b->count + 1, sizeof *b->begin);
    b->candidate = calloc((size_t)b->n_candidates + 1, sizeof *b->candidate);
    if (!b->begin || !b->candidate)
        return ERR(e, ERR_NOMEM, "no memory for %lld representations",
                   (long long)b->n_candidates);
    int64_t at = 0;
    for (int64_t m = 0; m < b->count; m++) {
        const struct alignment_model *model = &set->model[b->first + m];
        TRY(check_layers(model, b->first + m, set->n, e));
        for (int i = 0; i < candidates_of(model, o); i++) {
            struct candidate *c = &b->candidate[at++];
            *c = candidate_of(set, model, i, k, o);
            c->at = b->bytes;
            b->bytes += kind->size(&c->shape);
        }
        b->begin[m + 1] = at;
    }
    return ERR_OK;
}

enum err_code bank_fill_by(struct bank *b, const struct alignment_set *set,
                           const struct alignment_options *o, bank_maker *make, void *self,
                           struct err *e)
{
    int64_t widest = 1;
    int deepest = 1;
    for (int64_t c = 0; c < b->n_candidates; c++)
        if (b->candidate[c].shape.d > widest) widest = b->candidate[c].shape.d;
    for (int64_t m = 0; m < b->count; m++)
        if (set->model[b->first + m].n_layers > deepest)
            deepest = set->model[b->first + m].n_layers;
    double *x = arena_large_alloc((size_t)(set->n * widest) * sizeof *x);
    double *limit = malloc((size_t)deepest * sizeof *limit);
    b->form = arena_large_alloc(b->bytes + 8);
    enum err_code rc = x && limit && b->form ? ERR_OK
                                             : ERR(e, ERR_NOMEM, "no memory for %.3g GB of %s",
                                                   1e-9 * (double)b->bytes, b->kind->name);
    for (int64_t m = 0; m < b->count && rc == ERR_OK; m++) {
        const struct alignment_model *model = &set->model[b->first + m];
        rc = features_limits(model, set->n, o, limit, e);
        for (int64_t c = b->begin[m]; c < b->begin[m + 1] && rc == ERR_OK; c++) {
            const struct candidate *at = &b->candidate[c];
            features_prepare(model, at->layer, set->n, o, limit, x);
            rc = make(self, c, x, b->form + at->at, e);
        }
    }
    free(x);
    free(limit);
    return rc;
}

static enum err_code make_kind(void *self, int64_t c, double *x, void *form, struct err *e)
{
    const struct bank *b = self;
    return b->kind->make(&b->candidate[c].shape, x, form, e);
}

enum err_code bank_fill(struct bank *b, const struct alignment_set *set,
                        const struct alignment_options *o, struct err *e)
{
    return bank_fill_by(b, set, o, make_kind, b, e);
}

void bank_clear(struct bank *b)
{
    free(b->begin);
    free(b->candidate);
    free(b->form);
    *b = (struct bank){0};
}
