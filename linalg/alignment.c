/* alignment.c - the table of measures, and what is common to them.
 *
 * A new measure is a function in metric_<name>.c, its declaration in metric.h and a row below;
 * the tests then run it on every number of ranks. */
#include "linalg/alignment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/distributed.h"
#include "linalg/metric.h"

static const struct alignment_measure measures[] = {
    {
        .row = {"cka", "linear centred kernel alignment, biased estimate",
                "Kornblith et al. 2019, arXiv 1905.00414"},
        .formula = "<K,L> / sqrt(<K,K> <L,L>), K = H A A' H",
        .symmetric = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .all_pairs = metric_cka,
    },
    {
        .row = {"cka_unbiased", "linear centred kernel alignment, unbiased estimate",
                "Song et al. 2012, eq. 5; Nguyen et al. 2020, arXiv 2010.15327"},
        .formula = "as cka with U-centred K, L (diagonal left out); NaN without structure",
        .symmetric = true,
        .least_n = 4,
        .range = {-1, 1},
        .self = 1,
        .all_pairs = metric_cka_unbiased,
    },
    {
        .row = {"mutual_knn", "share of the k nearest neighbours in common",
                "Huh et al. 2024, arXiv 2405.07987, appendix A"},
        .formula =
            "mean over rows of |N_A intersect N_B| / k, by inner product; ties: lower index",
        .symmetric = true,
        .wants_k = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .all_pairs = metric_mutual_knn,
    },
};
const struct table alignment_measures = TABLE("alignment measure", measures);

enum err_code alignment_parse(const char *text, const struct alignment_measure **out,
                              struct alignment_options *o, struct err *e)
{
    const char *at = strchr(text, '@');
    size_t length = at ? (size_t)(at - text) : strlen(text);
    char name[64] = "";
    if (length >= sizeof name)
        return ERR(e, ERR_CONFIG, "'%.60s...' is too long for an alignment measure", text);
    memcpy(name, text, length);
    int index;
    TRY(table_need(&alignment_measures, name, &index, e));
    const struct alignment_measure *m = &measures[index];
    *out = m;
    if (at && !m->wants_k)
        return ERR(e, ERR_CONFIG, "'%s': %s has no neighbours; write '%s'", text, name, name);
    if (!m->wants_k) return ERR_OK;
    o->k = 10;
    if (!at) return ERR_OK;
    char *end;
    errno = 0;
    o->k = strtoll(at + 1, &end, 10);
    if (at[1] < '0' || at[1] > '9' || *end || errno || o->k < 1)
        return ERR(e, ERR_CONFIG, "'%s': want a number of neighbours behind '@', as in '%s@10'",
                   text, name);
    return ERR_OK;
}

int alignment_owner(int64_t r, int64_t n_representations, int size)
{
    return (int)(r / distributed_block(n_representations, size));
}

/* Best pair of layers of models a and b. */
static void best_of(const double *pair, int64_t a, int64_t b, int n_layers, int64_t stride,
                    double *score, int32_t *layer_a, int32_t *layer_b)
{
    *score = NAN;
    *layer_a = *layer_b = -1;
    for (int i = 0; i < n_layers; i++)
        for (int j = 0; j < n_layers; j++) {
            double s = pair[(a * n_layers + i) * stride + b * n_layers + j];
            if (isnan(s) || s <= *score) continue;
            *score = s;
            *layer_a = i;
            *layer_b = j;
        }
}

void alignment_best_layers(const struct alignment_set *set, const double *pair, double *score,
                           int32_t *layer_a, int32_t *layer_b)
{
    int64_t n_models = set->n_models, stride = n_models * set->n_layers;
    for (int64_t a = 0; a < n_models; a++)
        for (int64_t b = 0; b < n_models; b++) {
            int64_t at = a * n_models + b;
            best_of(pair, a, b, set->n_layers, stride, &score[at], &layer_a[at], &layer_b[at]);
        }
}
