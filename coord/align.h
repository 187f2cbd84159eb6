/* align.h - alignment of the models of a store: runs measures over all pairs, keeps the scores in
 * STORE.d/alignment.h5. */
#ifndef SHOAL_COORD_ALIGN_H
#define SHOAL_COORD_ALIGN_H

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

#include "coord/align_file.h"

/* What to measure and how. */
struct align_request {
    struct align_options options; /* k comes from the measures' names */
    unsigned baselines;           /* see align_baselines_parse */
    double memory_gb;             /* for forms and features on each rank */
    const char *classes; /* file of the probes' classes, a line each; NULL: the store's */
    bool force;          /* run again what is there already */
};

/* Runs the measures ("cka", "mutual_knn@10") over all pairs of models that the store lacks: over
 * trials that are done (a diverged one is no model) with the layers at their last recorded
 * moment, imported models and baselines. STORE.d/alignment.h5 is replaced by rename again and
 * again, so that a run that is killed goes on where it was. Scores of the same models and
 * options are kept as they are, those of measures not asked for too. Collective over comm; the
 * store is only read.
 *
 * errors   ERR_CONFIG for an unknown measure, an impossible k, or a store without
 *          representations; ERR_SHAPE, ERR_FORMAT, ERR_IO, ERR_NOMEM. No model: no error,
 *          nothing is written
 * cost     every representation is read once, by the rank that owns it, where all fit in the
 *          memory given; else once for every group of models that does */
enum err_code align_store(MPI_Comm comm, const char *store_path, const char *const *measures,
                          int n_measures, const struct align_request *request, struct err *e);

/* Prints the scores of those measures (n_measures 0: of all there are) as JSON:
 *
 *   {"schema": 1, "pairs": [{"a": MODEL, "b": MODEL, "measure": "cka", "score": 0.5 or null,
 *     "layer_a": "hidden.last", "layer_b": ..., "p_value": null, "calibrated": null, ...}]}
 *
 * Every pair once, a before b in the store; of a measure that is not symmetric both ways. A store
 * that was never aligned has no pairs. With spectra also "spectra": see spectra_json. Local,
 * needs no MPI. */
enum err_code align_json(const char *store_path, const char *const *measures, int n_measures,
                         bool spectra, FILE *out, struct err *e);

#endif
