/* align_models_inner.h - what align_models.c and align_load.c share; for nobody else. */
#ifndef SHOAL_COORD_ALIGN_MODELS_INNER_H
#define SHOAL_COORD_ALIGN_MODELS_INNER_H

#include "coord/align_models.h"
#include "coord/imported.h"

enum { RANDOM_WIDTH = 512 }; /* as align_baselines says */

/* One dataset of representations: a layer of all trials in which it is d wide. */
struct block {
    char path[256];
    int layer;
    int64_t d, n_members;
    int64_t *row; /* [n_members] of the store */
};

/* Where the features of a model come from. */
struct origin {
    enum { OF_TRIAL, OF_IMPORT, OF_INPUT, OF_RANDOM } kind;
    int64_t row;  /* trial: of the store */
    int64_t slot; /* trial: which moment */
    const struct imported_model *imported;
};

struct align_models_inner {
    hid_t file; /* -1: a store without representations of its own */
    struct arena arena;
    int64_t n_rows;
    uint64_t *id;
    uint8_t *state;
    int n_blocks;
    struct block *block;
    int64_t n_slots, init_slot; /* the last is the final one; init: -1 if it is not recorded */
    struct imported_model *imported;
    int n_imported;
    struct origin *origin; /* [n_models] */
    int64_t input_d;
    float *input;     /* [n, input_d] of the probes, or NULL */
    int32_t *classes; /* [n], or NULL */
    bool looked_for_probes;
    float *features[2]; /* of a load */
    struct alignment_model *model[2];
};

#endif
