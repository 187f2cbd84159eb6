/* alignment.c - the table of measures, and what is common to them.
 *
 * A new measure is a pair function over a form (form.h), its declaration in metric.h or
 * metric_local.h, and a row below; the tests then run it on every number of ranks. */
#include "linalg/alignment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/distributed.h"
#include "linalg/metric.h"
#include "linalg/metric_local.h"

#define ORTHOGONAL "orthogonal maps, isotropic scaling"
#define LISTS "2 n^2 d a representation, n k a pair"
#define SPANS "6 n d^2 a representation, 2 n d^2 + 3 d^3 a pair"
#define GRAMS "n^2 d a representation, n^2 / 2 a pair"
#define PLATONIC "Huh et al. 2024, arXiv 2405.07987, appendix A"

static const struct alignment_measure measures[] = {
    {
        .row = {"cka", "linear centred kernel alignment, biased estimate",
                "Kornblith et al. 2019, arXiv 1905.00414"},
        .formula = "<K,L> / sqrt(<K,K> <L,L>), K = H A A' H",
        .invariances = ORTHOGONAL,
        .cost = GRAMS ", or 2 n d^2 a pair where that is less",
        .symmetric = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_covariance,
        .pair = cka_by_features,
        .scratch = cka_scratch,
        .moments = cka_moments,
        .gram = &gram_cka,
    },
    {
        .row = {"cka_unbiased", "linear centred kernel alignment, unbiased estimate",
                "Song et al. 2012, eq. 5; Nguyen et al. 2020, arXiv 2010.15327"},
        .formula = "as cka with U-centred K, L (diagonal left out); NaN without structure",
        .invariances = ORTHOGONAL,
        .cost = GRAMS ", or 2 n d^2 a pair where that is less",
        .symmetric = true,
        .least_n = 4,
        .range = {-1, 1},
        .self = 1,
        .form = &form_covariance,
        .pair = cka_unbiased_by_features,
        .scratch = cka_scratch,
        .moments = cka_unbiased_moments,
        .gram = &gram_cka_unbiased,
    },
    {
        .row = {"cka_rbf",
                "centred kernel alignment with the kernel exp(-|x - y|^2 / 2 sigma^2)",
                "Kornblith et al. 2019, arXiv 1905.00414; released: sigma 1"},
        .formula = "as cka; sigma: the median distance of each, or a given one",
        .invariances = "orthogonal maps, translation; with the median isotropic scaling",
        .cost = GRAMS,
        .symmetric = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .gram = &gram_cka_rbf,
    },
    {
        .row = {"cka_deconfounded", "cka of what the Gram matrix of the input does not explain",
                "Cui et al. 2022, arXiv 2202.00095"},
        .formula = "as cka with K - alpha K_0, alpha = <K,K_0> / <K_0,K_0>, K_0 of the input",
        .invariances = ORTHOGONAL,
        .cost = "n^2 (d + inputs) a representation, n^2 / 2 a pair",
        .symmetric = true,
        .confound = true,
        .least_n = 2,
        .range = {-1, 1},
        .self = 1,
        .gram = &gram_cka_deconfounded,
    },
    {
        .row = {"cknna", "kernel alignment of nearest neighbours, as released",
                "platonic-rep, metrics.py: AlignmentMetrics.cknna"},
        .formula =
            "g(K,L) / sqrt(g(K,K) g(L,L)), g: unbiased HSIC of M o K and M o L, M_ij = 1 "
            "where j is a neighbour of i on both sides",
        .invariances = ORTHOGONAL,
        .cost = "2 n^2 d a representation, n k^2 a pair",
        .parameter = "neighbours",
        .least_n = 4,
        .range = {-1, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_cknna,
        .scratch = knn_scratch,
    },
    {
        .row = {"cknna_paper", "kernel alignment of nearest neighbours, as in the paper",
                "Huh et al. 2024, arXiv 2405.07987, eq. 16 to 18"},
        .formula =
            "the same with g(K,L) = sum over M of (K_ij - mean_j K_ij)(L_ij - mean_j L_ij)",
        .invariances = ORTHOGONAL,
        .cost = LISTS,
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {-1, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_cknna_paper,
        .scratch = knn_scratch,
    },
    {
        .row = {"mutual_knn", "share of the k nearest neighbours in common", PLATONIC},
        .formula =
            "mean over rows of |N_A intersect N_B| / k, by inner product; ties: lower index",
        .invariances = ORTHOGONAL,
        .cost = LISTS,
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_mutual,
        .scratch = knn_scratch,
        .moments = knn_mutual_moments,
    },
    {
        .row = {"mutual_knn_ties", "the same, its mean over all ways to break ties",
                "mutual_knn, of which it is the expectation"},
        .formula =
            "mean over rows of sum_j p_A(j) p_B(j) / k; p: 1 where nearer than the k-th, "
            "an equal share of what places are left where as near",
        .invariances = ORTHOGONAL,
        .cost = "2 n^2 d a representation, n^2 / 16 a pair",
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = NAN, /* 1 without ties */
        .form = &form_ties,
        .pair = knn_mutual_ties,
    },
    {
        .row = {"cycle_knn", "share of rows that a neighbour leads back to", PLATONIC},
        .formula = "mean over i of [some j in N_B(i) has i in N_A(j)]",
        .invariances = ORTHOGONAL,
        .cost = "2 n^2 d a representation, n k^2 a pair",
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = NAN, /* 1 only where neighbours are mutual */
        .form = &form_neighbours,
        .pair = knn_cycle,
    },
    {
        .row = {"lcs_knn", "longest common subsequence of the lists of neighbours", PLATONIC},
        .formula =
            "mean over rows of the length of LCS(N_A, N_B); not divided by k, as released",
        .invariances = ORTHOGONAL,
        .cost = "2 n^2 d a representation, n k^2 a pair",
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, INFINITY},
        .self = INFINITY,
        .form = &form_neighbours,
        .pair = knn_lcs,
        .scratch = knn_scratch,
    },
    {
        .row = {"edit_distance_knn", "1 less the edit distance of the lists of neighbours",
                PLATONIC},
        .formula = "1 - mean over rows of Levenshtein(N_A, N_B) / k",
        .invariances = ORTHOGONAL,
        .cost = "2 n^2 d a representation, n k^2 a pair",
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_edit,
        .scratch = knn_scratch,
    },
    {
        .row = {"jaccard_knn", "neighbours in common out of those of either",
                "Schumacher et al. 2021, arXiv 2005.10039"},
        .formula = "mean over rows of |N_A intersect N_B| / |N_A union N_B|",
        .invariances = ORTHOGONAL,
        .cost = LISTS,
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_jaccard,
        .scratch = knn_scratch,
    },
    {
        .row = {"rank_knn", "how alike common neighbours are ranked",
                "Wang et al. 2022; Klabunde et al. 2023, arXiv 2305.06329, section 3.4"},
        .formula =
            "mean over rows of sum over common j of 2 / ((1 + |r - s|)(r + s)) over the sum "
            "of 1 / i, i = 1 to their number; r, s: ranks of j; 0 without any",
        .invariances = ORTHOGONAL,
        .cost = LISTS,
        .symmetric = true,
        .parameter = "neighbours",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_neighbours,
        .pair = knn_rank,
        .scratch = knn_scratch,
    },
    {
        .row = {"cca", "mean canonical correlation",
                "Raghu et al. 2017, arXiv 1706.05806; Kornblith et al. 2019, table 1"},
        .formula =
            "sum of the singular values of U_A' U_B over min(rank A, rank B), U of the SVD "
            "of the centred features",
        .invariances = "invertible linear maps",
        .cost = SPANS,
        .symmetric = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .few_rows = form_svd_few_rows,
        .form = &form_svd,
        .pair = metric_cca,
        .scratch = metric_cca_scratch,
    },
    {
        .row =
            {"svcca", "mean canonical correlation of leading components",
             "Raghu et al. 2017, arXiv 1706.05806; exact, the released code draws at random"},
        .formula = "mean singular value of U_A' U_B, leading columns of U of the standardised "
                   "features",
        .invariances = "scaling of every feature, permutation of features",
        .cost = "6 n d^2 a representation, 2 n c^2 a pair",
        .symmetric = true,
        .parameter = "components",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .few_rows = form_svd_few_rows,
        .form = &form_svd_standard,
        .pair = metric_svcca,
        .scratch = metric_svcca_scratch,
    },
    {
        .row = {"pwcca", "canonical correlations weighted by what they carry of A",
                "Morcos et al. 2018, arXiv 1806.05759, section 2"},
        .formula = "sum alpha_i rho_i / sum alpha_i, alpha_i = sum_j |<h_i, a_j>|",
        .invariances = "isotropic scaling, permutation of features",
        .cost = "6 n d^2 a representation, 2 n d^2 + 24 d^3 a pair",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .few_rows = form_svd_few_rows,
        .form = &form_svd,
        .pair = metric_pwcca,
        .scratch = metric_pwcca_scratch,
    },
    {
        .row = {"procrustes", "cosine after the best rotation",
                "Williams et al. 2021, arXiv 2110.14739; Ding et al. 2021, arXiv 2108.01661"},
        .formula =
            "sum of the singular values of A' B over |A| |B|; squared Procrustes distance "
            "at |A| = |B| = 1: 2 - 2 score",
        .invariances = ORTHOGONAL,
        .cost = SPANS,
        .symmetric = true,
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .form = &form_svd,
        .pair = metric_procrustes,
        .scratch = metric_procrustes_scratch,
    },
    {
        .row = {"linear_regression",
                "share of the variance of B that a linear map of A predicts",
                "Kornblith et al. 2019, arXiv 1905.00414, table 1"},
        .formula = "R^2 = |U_A' B|^2 / |B|^2",
        .invariances = ORTHOGONAL,
        .cost = "6 n d^2 a representation, 2 n d^2 a pair",
        .least_n = 2,
        .range = {0, 1},
        .self = 1,
        .few_rows = form_svd_few_rows,
        .form = &form_svd,
        .pair = metric_linear_regression,
        .scratch = metric_linear_regression_scratch,
    },
    {
        .row = {"rsa", "Pearson correlation of the dissimilarities of all pairs of rows",
                "Kriegeskorte et al. 2008, doi 10.3389/neuro.06.004.2008"},
        .formula = "dissimilarity of two rows: 1 - Pearson correlation over features",
        .invariances = "isotropic scaling, permutation of features",
        .cost = GRAMS,
        .symmetric = true,
        .least_n = 3,
        .range = {-1, 1},
        .self = 1,
        .gram = &gram_rsa,
    },
    {
        .row = {"rsa_spearman", "the same with Spearman's rank correlation",
                "Kriegeskorte et al. 2008; Nili et al. 2014"},
        .formula = "as rsa; ties (to 2^-24) have their mean rank",
        .invariances = "isotropic scaling, permutation of features",
        .cost = "n^2 d + n^2 log n a representation, n^2 / 2 a pair",
        .symmetric = true,
        .least_n = 3,
        .range = {-1, 1},
        .self = 1,
        .gram = &gram_rsa_spearman,
    },
    {
        .row = {"soft_matching", "mean correlation of features with those they are matched to",
                "Khosla and Williams 2024, arXiv 2311.09466"},
        .formula = "max of sum T_ij corr(a_i, b_j), rows of T summing to 1 / d_A, columns to "
                   "1 / d_B",
        .invariances = "scaling of every feature, permutation of features",
        .cost = "2 n d^2 + d^3 a pair",
        .symmetric = true,
        .least_n = 2,
        .range = {-1, 1},
        .self = 1,
        .form = &form_neurons,
        .pair = metric_soft_matching,
        .scratch = metric_soft_matching_scratch,
    },
    {
        .row = {"disagreement", "share of rows with another largest logit",
                "Kuncheva and Whitaker 2003; Somepalli et al. 2022, arXiv 2203.08124"},
        .formula = "mean over rows of [argmax A != argmax B], first of equals",
        .invariances = "isotropic scaling",
        .cost = "n a pair",
        .symmetric = true,
        .distance = true,
        .predictions = true,
        .least_n = 1,
        .range = {0, 1},
        .self = 0,
        .form = &form_predictions,
        .pair = metric_disagreement,
    },
    {
        .row = {"jsd", "Jensen-Shannon divergence of predictions", "Lin 1991"},
        .formula =
            "mean over rows of (H((p + q) / 2) - (H(p) + H(q)) / 2) / log 2, p and q the "
            "softmax of the logits",
        .invariances = "translation of a row",
        .cost = "n C logarithms a pair",
        .symmetric = true,
        .distance = true,
        .predictions = true,
        .least_n = 1,
        .range = {0, 1},
        .self = 0,
        .form = &form_predictions,
        .pair = metric_jsd,
        .scratch = metric_prediction_scratch,
    },
};
const struct table alignment_measures = TABLE("alignment measure", measures);

static const struct row precisions[] = {
    [ALIGN_DOUBLE] = {"double", "everything in double precision", NULL},
    [ALIGN_SINGLE] = {"single",
                      "large products in single precision: neighbours exact, cka to 1e-6",
                      NULL},
};
const struct table alignment_precisions = TABLE("precision", precisions);

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
    o->k = 0;
    if (at && !m->parameter)
        return ERR(e, ERR_CONFIG, "'%s': %s takes no number; write '%s'", text, name, name);
    if (!m->parameter) return ERR_OK;
    o->k = 10;
    if (!at) return ERR_OK;
    char *end;
    errno = 0;
    o->k = strtoll(at + 1, &end, 10);
    if (at[1] < '0' || at[1] > '9' || *end || errno || o->k < 1)
        return ERR(e, ERR_CONFIG, "'%s': want a number of %s behind '@', as in '%s@10'", text,
                   m->parameter, name);
    return ERR_OK;
}

enum err_code alignment_check(const struct alignment_measure *m,
                              const struct alignment_options *o, int64_t n, struct err *e)
{
    if (!(o->clip > 0 && o->clip <= 1))
        return ERR(e, ERR_CONFIG, "clip %g: want a quantile above 0 and at most 1", o->clip);
    if (n < m->least_n)
        return ERR(e, ERR_SHAPE, "%s needs at least %lld probes, not %lld", m->row.name,
                   (long long)m->least_n, (long long)n);
    if (m->parameter && (o->k < 1 || o->k >= n))
        return ERR(e, ERR_CONFIG, "%s@%lld of %lld probes: the number of %s must be 1 to %lld",
                   m->row.name, (long long)o->k, (long long)n, m->parameter, (long long)n - 1);
    return ERR_OK;
}

static double or_k(double value, const struct alignment_options *o)
{
    return isinf(value) ? (double)o->k : value;
}

double alignment_self(const struct alignment_measure *m, const struct alignment_options *o)
{
    return or_k(m->self, o);
}

double alignment_best(const struct alignment_measure *m, const struct alignment_options *o)
{
    return or_k(m->distance ? m->range[0] : m->range[1], o);
}

int alignment_owner(int64_t m, int64_t n_models, int size)
{
    return (int)(m / distributed_block(n_models, size));
}
