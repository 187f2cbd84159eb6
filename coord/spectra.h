/* spectra.h - STORE.d/spectra.h5: how many directions each layer of each model uses.
 *
 *   /spectra                attributes normalize, clip, clip_by, probe, texts: what was done
 *                           to the representations first
 *   /spectra/{name, layer}  text [row]: a row for each layer of each model, as in alignment.h5
 *   /spectra/trial          int64 [row]: row of the store, -1: no trial
 *   /spectra/id             uint64 [row]: of a trial its id, else a hash of its features
 *   /spectra/d              int64 [row]: features
 *   /spectra/{d90, d95, d99}  int64 [row]: leading eigenvalues that hold so many percent of the
 *                           variance; 0 without variance
 *   /spectra/{participation_ratio, effective_dimension}  float64 [row]; NaN without variance
 *   /spectra/eigenvalues    float64 [row, 64]: the leading ones as shares of the variance,
 *                           descending; NaN where there is none */
#ifndef SHOAL_COORD_SPECTRA_H
#define SHOAL_COORD_SPECTRA_H

#include <mpi.h>
#include <stdio.h>

#include "coord/align.h"
#include "linalg/spectrum.h"

enum { SPECTRA_KEPT = 64 };

struct spectra_row {
    char name[ALIGN_NAME], layer[ALIGN_NAME];
    int64_t trial;
    uint64_t id;
    int64_t d, dimensions[SPECTRUM_SHARES];
    double participation, effective;
    double share[SPECTRA_KEPT];
};

struct spectra {
    struct alignment_options options; /* normalize, clip, clip_by and probe alone */
    int64_t n;
    struct spectra_row *row; /* [n] */
};

/* Finds the spectra of all layers of all models that the store lacks: the models of align_store
 * with the same request. STORE.d/spectra.h5 is replaced by rename; spectra of the same models
 * and options are kept as they are. Collective over comm; the store is only read.
 *
 * errors   those of align_models_open; ERR_CONFIG, ERR_IO, ERR_NOMEM. No model: no error,
 *          nothing is written. A representation that is not finite has a row of NaN
 * cost     every representation is read once, by the rank that owns it, which finds its
 *          eigenvalues as spectrum.h says; those of more than SPECTRA_TOGETHER rows and
 *          features are found by all ranks together
 * same     bits on any number of ranks where a rank works alone; else to 1e-10 */
enum { SPECTRA_TOGETHER = 1024 };
enum err_code spectra_store(MPI_Comm comm, const char *store_path,
                            const struct align_request *request, struct err *e);

/* Reads what there is; a missing file has no rows. Local. Clear it with spectra_clear.
 * errors   ERR_FORMAT when it is none of ours; ERR_NOMEM */
enum err_code spectra_read(const char *store_path, struct spectra *out, struct err *e);
enum err_code spectra_write(const char *store_path, const struct spectra *s, struct err *e);
void spectra_clear(struct spectra *s);

/* Prints the rows, but for their eigenvalues, as a list of JSON. Local. */
enum err_code spectra_json(const char *store_path, FILE *out, struct err *e);

#endif
