/* align.h - alignment of the networks of a store: reads their representations, runs measures
 * over all pairs, keeps the scores in STORE.d/alignment.h5. */
#ifndef SHOAL_COORD_ALIGN_H
#define SHOAL_COORD_ALIGN_H

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

#include "linalg/alignment.h"

/* Runs the measures ("cka", "mutual_knn@10") that the store lacks, over the trials that are
 * done (a diverged one is no model) and the layers at their last recorded moment, and replaces
 * STORE.d/alignment.h5 by rename. Scores of the same models and options are kept as they are,
 * those of measures not asked for too. Collective over comm; the store is only read.
 *
 * options  k comes from the measures' names
 * force    run again what is there already
 * errors   ERR_CONFIG for an unknown measure, an impossible k, or a store without
 *          representations; ERR_SHAPE, ERR_FORMAT, ERR_IO, ERR_NOMEM. No trial done: no error,
 *          nothing is written
 * cost     every representation is read once, by the rank that owns it */
enum err_code align_store(MPI_Comm comm, const char *store_path, const char *const *measures,
                          int n_measures, const struct alignment_options *options, bool force,
                          struct err *e);

/* Prints the scores of those measures (n_measures 0: of all there are) as JSON:
 *
 *   {"schema": 1, "pairs": [{"a": ID, "b": ID, "measure": "cka", "score": 0.5 or null,
 *                            "layer_a": "hidden.last", "layer_b": ..., "p_value": null}]}
 *
 * Every pair once, a before b in the store. A store that was never aligned has no pairs. Local,
 * needs no MPI. */
enum err_code align_json(const char *store_path, const char *const *measures, int n_measures,
                         FILE *out, struct err *e);

#endif
