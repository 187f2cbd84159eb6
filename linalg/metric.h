/* metric.h - the forms and functions behind the rows of alignment_measures: see form.h for what
 * a form and a pair function are, and alignment.c for formulas and sources. */
#ifndef SHOAL_LINALG_METRIC_H
#define SHOAL_LINALG_METRIC_H

#include "linalg/form.h"
#include "linalg/gram.h"
#include "linalg/neighbours.h"

/* metric_knn.c: of form_neighbours */
form_pair knn_mutual, knn_jaccard, knn_cycle, knn_lcs, knn_edit, knn_rank, knn_cknna,
    knn_cknna_paper;
form_scratch knn_scratch;
form_moments knn_mutual_moments;

/* metric_ties.c: membership of the k nearest with ties at the last place */
extern const struct form form_ties;
form_pair knn_mutual_ties;

/* metric_cka.c: of centred features and what they are with themselves */
extern const struct form form_covariance;
form_pair cka_by_features, cka_unbiased_by_features;
form_scratch cka_scratch;
form_moments cka_moments, cka_unbiased_moments;
extern const struct gram gram_cka, gram_cka_unbiased, gram_cka_rbf;

/* metric_deconfounded.c */
extern const struct gram gram_cka_deconfounded;

/* metric_rsa.c */
extern const struct gram gram_rsa, gram_rsa_spearman;

#endif
