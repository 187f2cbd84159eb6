/* alignment.h - how alike two networks represent the same inputs: all pairs at once.
 *
 * A measure is a row of alignment_measures. Each reduces to one tall product over all
 * representations and a local finish, which is what a cluster is good at. */
#ifndef SHOAL_LINALG_ALIGNMENT_H
#define SHOAL_LINALG_ALIGNMENT_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/table.h"

/* One model's layers, in the order of layers. Where a rank does not own the model, layer is
 * NULL. */
struct representation {
    int64_t d;
    const float *x; /* [n, d] row-major, borrowed; NULL on ranks that do not own it */
};

enum alignment_normalization { ALIGN_NONE, ALIGN_L2, ALIGN_STANDARD };
extern const struct table alignment_normalizations; /* none, l2, standard */

struct alignment_options {
    int normalize;  /* row of alignment_normalizations */
    double epsilon; /* added to the normaliser of the CKA family; the released code has 1e-6 */
    double clip;    /* quantile of |x| to which entries are clamped; 1: none */
    int64_t k;      /* neighbours; parsed from "mutual_knn@10" */
    char probe[64]; /* the probe set compared on; empty: the first of the store */
};

/* The set that is compared: model m has layers [m * n_layers, (m + 1) * n_layers) of `layer`.
 * Representation r belongs to rank alignment_owner(r, ...). */
struct alignment_set {
    int64_t n; /* rows: probes */
    int64_t n_models;
    int n_layers;                 /* per model */
    struct representation *layer; /* [n_models * n_layers] */
};

struct alignment_measure {
    struct row row;
    const char *formula;
    bool symmetric, wants_k;
    int64_t least_n; /* fewest probes for which it is defined */
    double range[2];
    double self; /* score of a representation with itself */
    /* pair[R, R] on rank 0 (NULL elsewhere), R = n_models * n_layers: the score of every pair
     * of representations; NaN with one that has no structure to compare (all rows alike, for
     * the CKA family) or that is not finite. Collective over comm.
     * errors   ERR_SHAPE for an empty representation, or n < 4 (cka_unbiased); ERR_CONFIG for
     *          k outside 1 to n - 1 or a clip outside (0, 1]; ERR_NOMEM
     * same     mutual_knn: bits on any number of ranks; the CKA family: to 1e-12 */
    enum err_code (*all_pairs)(MPI_Comm comm, const struct alignment_set *set,
                               const struct alignment_options *o, double *pair, struct err *e);
};
extern const struct table alignment_measures; /* cka, cka_unbiased, mutual_knn */

/* Splits "mutual_knn@10" into the measure's row and o->k (default 10). Local.
 * errors   ERR_CONFIG: unknown measure (with the nearest), bad or missing k */
enum err_code alignment_parse(const char *text, const struct alignment_measure **out,
                              struct alignment_options *o, struct err *e);

/* The rank that holds representation r: contiguous blocks over size ranks. Local. */
int alignment_owner(int64_t r, int64_t n_representations, int size);

/* Best pair of layers of every pair of models: maximum over pair[R, R], first maximum in
 * row-major order wins; NaN never wins. score, layer_a, layer_b [n_models, n_models]. Local. */
void alignment_best_layers(const struct alignment_set *set, const double *pair, double *score,
                           int32_t *layer_a, int32_t *layer_b);

#endif
