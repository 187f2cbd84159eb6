/* align_models.h - the models whose representations are compared: trials of a store that are done,
 * models from elsewhere, and baselines. */
#ifndef SHOAL_COORD_ALIGN_MODELS_H
#define SHOAL_COORD_ALIGN_MODELS_H

#include <hdf5.h>
#include <mpi.h>

#include "coord/align_baselines.h"
#include "coord/align_file.h"

struct align_models {
    MPI_Comm comm;
    const char *path;       /* of the store */
    struct align_file file; /* names of models and layers; no scores */
    struct alignment_set set;
    int **layer;    /* [n_models][n_layers] names of the layers, in file.layer */
    char probe[64]; /* that they are compared on */
    struct align_models_inner *inner;
};

/* What there is to compare, without features. Collective over comm.
 *
 * probe    the probe set; "": the first that the sweep file names
 * errors   ERR_CONFIG: no representations, no such probe set, other inputs in an imported model,
 *          a baseline that the store lacks; ERR_FORMAT, ERR_IO, ERR_NOMEM */
enum err_code align_models_open(MPI_Comm comm, const char *store_path, const char *probe,
                                unsigned baselines, struct align_models *out, struct err *e);
void align_models_close(struct align_models *x);

/* Makes a set of models [first, first + count), with the features of those that this rank owns
 * in it. Valid until the next load into the same slot, 0 or 1. Collective.
 * cost     every dataset of representations is read together, by all ranks */
enum err_code align_models_load(struct align_models *x, int slot, int64_t first, int64_t count,
                                struct alignment_set *out, struct err *e);

/* Gives the set the inputs of the probes, for measures that want them. Collective.
 * errors   ERR_CONFIG where the store does not hold them; ERR_NOMEM */
enum err_code align_models_confound(struct align_models *x, struct err *e);

/* label[n] of the probes, or NULL where the store does not know them. Collective; valid until
 * close. */
const int32_t *align_models_classes(struct align_models *x);

#endif
