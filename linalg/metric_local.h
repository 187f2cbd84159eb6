/* metric_local.h - alignment measures that one rank computes of two forms: of the spans of the
 * features (metric_svd.c), of the features one by one (metric_matching.c), and of the answers
 * of a classifier (metric_prediction.c).
 *
 * A and B are the two representations [n, d_A] and [n, d_B], columns centred; U S V' is the
 * thin singular value decomposition of one, r its rank. All are unchanged when the rows of both
 * are permuted alike, and NaN where a feature is not finite or the iteration of an SVD does not
 * converge; what else is NaN is said of each. */
#ifndef SHOAL_LINALG_METRIC_LOCAL_H
#define SHOAL_LINALG_METRIC_LOCAL_H

#include <stdbool.h>

#include "linalg/form.h"

/* S, U and S V' of the centred columns, and the rank: the singular values above
 * max(n, d) 2^-52 of the largest, of the features as they are (rounding to float32 makes a
 * dependent feature an independent one, 1e-7 long).
 * size     8 (1 + m + n m + m d), m = min(n, d)
 * cost     about 6 m^2 max(n, d) + 20 m^3 flops, and a copy of the form while it is made */
extern const struct form form_svd;

/* The first k columns of U after every column was divided by its standard deviation (of n - 1;
 * below 1e-7 of the largest entry the column counts as constant and becomes 0), and the rank.
 * size     8 (1 + min(k, m) (1 + n)) */
extern const struct form form_svd_standard;

/* Columns centred and of unit length, constant ones left out. size 8 (1 + n d) */
extern const struct form form_neurons;

/* Of logits [n, C]: softmax, its entropy and the largest class of every row (the first of
 * equals). size 8 n (C + 2) */
extern const struct form form_predictions;

/* Fewer than two rows per feature: the CCA family is then large whatever is compared, and cca
 * is 1 for n <= max(r_A, r_B) + 1. Local. */
bool form_svd_few_rows(const struct form_shape *s);

/* cca: mean canonical correlation. Form svd.
 *
 * formula  sum of the singular values of U_A' U_B over min(r_A, r_B)
 * range    0 to 1; symmetric; self 1; NaN if either is constant
 * same     under invertible linear maps of the features of either side
 * source   Raghu et al. 2017, arXiv 1706.05806; rho_CCA of Kornblith et al. 2019,
 *          arXiv 1905.00414, table 1
 * cost     2 n r_A r_B + 8/3 r^3 flops */
form_pair metric_cca;
form_scratch metric_cca_scratch;

/* svcca@c: mean canonical correlation of the c principal components of the standardised
 * features. Form svd_standard with k = c.
 *
 * formula  mean singular value of U_A' U_B, c leading columns of each
 * range    0 to 1; symmetric; self 1; NaN if c > min(r_A, r_B). Ill-conditioned where the
 *          singular values number c and c + 1 are close
 * same     under scaling of every feature by itself and permutation of features
 * source   Raghu et al. 2017, arXiv 1706.05806; as in Huh et al. 2024, arXiv 2405.07987, with
 *          exact components and no 1e-8 in the deviation
 * cost     2 n c^2 + 8/3 c^3 flops */
form_pair metric_svcca;
form_scratch metric_svcca_scratch;

/* pwcca: canonical correlations weighted by what their directions carry of A. Form svd.
 *
 * formula  sum alpha_i rho_i / sum alpha_i, alpha_i = sum_j |<h_i, a_j>|, h_i the canonical
 *          vectors in the span of A, i = 1 to min(r_A, r_B), a_j the columns of A. The h_i of
 *          equal rho_i are any basis of what they span, and their weight depends on it: for
 *          n <= r_A + r_B, where several rho_i can be 1, the score is not unique (2e-4 seen)
 * range    0 to 1; not symmetric; self 1; NaN if either is constant
 * same     under isotropic scaling and permutation of features of A, invertible linear maps of
 *          B
 * source   Morcos et al. 2018, arXiv 1806.05759
 * cost     2 n r_A r_B + 22 r^3 + 2 d_A r_A min(r_A, r_B) flops */
form_pair metric_pwcca;
form_scratch metric_pwcca_scratch;

/* procrustes: cosine of A and B after the best rotation. Form svd.
 *
 * formula  sum of the singular values of A' B over |A| |B| (Frobenius); at |A| = |B| = 1 the
 *          squared Procrustes distance min |A - B R|^2 over orthogonal R is 2 - 2 score, and
 *          the angle of Williams et al. the arc cosine of the score
 * range    0 to 1; symmetric; self 1; NaN if either is constant
 * same     under orthogonal maps and isotropic scaling of either side
 * source   Williams et al. 2021, arXiv 2110.14739; Ding et al. 2021, arXiv 2108.01661
 * cost     2 n r_A r_B + 8/3 r^3 flops */
form_pair metric_procrustes;
form_scratch metric_procrustes_scratch;

/* linear_regression: share of the variance of B that a linear map of A predicts. Form svd.
 *
 * formula  R^2 = |U_A' B|^2 / |B|^2 = |U_A' U_B S_B|^2 / |S_B|^2
 * range    0 to 1; not symmetric; self 1; NaN if either is constant
 * same     under invertible linear maps of A, orthogonal maps and isotropic scaling of B
 * source   R^2_LR of Kornblith et al. 2019, arXiv 1905.00414, table 1
 * cost     2 n r_A r_B flops */
form_pair metric_linear_regression;
form_scratch metric_linear_regression_scratch;

/* soft_matching: mean correlation of the features of A with those of B that they are matched
 * to, a feature being split where d_A and d_B differ. Form neurons.
 *
 * formula  max of sum T_ij C_ij over T >= 0 with row sums 1 / d_A and column sums 1 / d_B, C
 *          the correlations; constant features are left out and not counted. Soft matching
 *          distance sqrt(2 - 2 score)
 * range    -1 to 1; symmetric; self 1; NaN if either is constant
 * same     under scaling of every feature by a positive number and permutation of features
 * source   Khosla and Williams 2024, arXiv 2311.09466, with correlation as the similarity
 * cost     2 n d_A d_B flops, and transport_uniform */
form_pair metric_soft_matching;
form_scratch metric_soft_matching_scratch;

/* disagreement: share of the rows that the two assign to different classes. Form predictions.
 *
 * range    0 to 1; symmetric; self 0; NaN for different numbers of classes
 * same     under what keeps the largest logit of every row
 * source   Kuncheva and Whitaker 2003; Somepalli et al. 2022, arXiv 2203.08124 */
form_pair metric_disagreement;

/* jsd: Jensen-Shannon divergence of the predicted distributions. Form predictions.
 *
 * formula  mean over rows of (H((p + q) / 2) - (H(p) + H(q)) / 2) / log 2
 * range    0 to 1; symmetric; self 0; exactly 0 for equal rows; NaN for different numbers of
 *          classes
 * same     under adding a number to all logits of a row
 * source   Lin 1991
 * cost     n C logarithms */
form_pair metric_jsd;
form_scratch metric_prediction_scratch;

#endif
