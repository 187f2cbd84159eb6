/* align_file.h - STORE.d/alignment.h5: scores of all pairs of models, one group per measure.
 *
 *   /alignment              attribute layers: text [layer]
 *   /alignment/trial        int64 [model]: rows of the store
 *   /alignment/id           uint64 [model]
 *   /alignment/<measure>/score               float64 [model, model], NaN where there is none
 *   /alignment/<measure>/{layer_a, layer_b}  int32 [model, model]: best pair of layers, or -1
 *                           attributes normalize, epsilon, clip, k (0: has none), probe, source */
#ifndef SHOAL_COORD_ALIGN_FILE_H
#define SHOAL_COORD_ALIGN_FILE_H

#include "base/arena.h"
#include "linalg/alignment.h"

enum { ALIGN_NAME = 64 };

struct align_scores {
    char measure[ALIGN_NAME]; /* with its k: "mutual_knn@10" */
    struct alignment_options options;
    char source[256];
    double *score;              /* [n_models, n_models] */
    int32_t *layer_a, *layer_b; /* the same */
};

struct align_file {
    int64_t n_models;
    int64_t *row; /* [n_models] */
    uint64_t *id;
    int n_layers;
    char (*layer)[ALIGN_NAME];
    int n_scores, capacity;
    struct align_scores *scores;
    struct arena arena; /* owns all arrays */
};

/* Reads what there is; a missing file has no models and no scores. Local, no MPI.
 * errors   ERR_FORMAT when it is none of ours; ERR_NOMEM */
enum err_code align_file_read(const char *store_path, struct align_file *out, struct err *e);

/* Replaces the file: a kill at any moment leaves the old one or the new one. Local.
 * errors   ERR_IO */
enum err_code align_file_write(const char *store_path, const struct align_file *f,
                               struct err *e);
void align_file_clear(struct align_file *f);

/* Scores of a measure by its name in the file, or NULL. */
struct align_scores *align_file_find(const struct align_file *f, const char *measure);

/* Room for the scores of a measure: those it has, or new ones. NULL: no memory. */
struct align_scores *align_file_scores(struct align_file *f, const char *measure);

#endif
