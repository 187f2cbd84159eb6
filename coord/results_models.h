/* results_models.h - models that are no trials as rows of the results: imported ones, and the
 * baselines of an alignment. */
#ifndef SHOAL_COORD_RESULTS_MODELS_H
#define SHOAL_COORD_RESULTS_MODELS_H

#include "base/arena.h"
#include "coord/results.h"

/* A model of the alignment. */
struct results_model {
    char name[64];
    uint64_t id;
    int64_t trial; /* row of the results; -1: no trial, filled in here */
};

/* Appends a row for every model that is no trial, and for every imported model that is not among
 * them. They are done; their row in the store is -1; a new axis `model` has their names and ""
 * for trials; numbers among the attributes of imported models are metrics, their modality and other texts
 * are axes; what only trials have is "" or -infinity. `untrained:ID` has that trial's settings.
 * Nothing changes in a store of trials alone. Local.
 * errors   those of imported_list; ERR_NOMEM */
enum err_code results_add_models(struct results *r, struct arena *arena,
                                 struct results_model *model, int64_t n_models, struct err *e);

#endif
