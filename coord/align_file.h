/* align_file.h - STORE.d/alignment.h5: scores of all pairs of models, one group per measure.
 *
 *   /alignment              attribute layers: text [layer], names of the layers of all models
 *   /alignment/name         text [model]: of a trial its id, of another model its name
 *   /alignment/trial        int64 [model]: row of the store, -1: no trial
 *   /alignment/id           uint64 [model]: of a trial its id, else a hash of its features
 *   /alignment/<measure>/score               float64 [model, model], NaN where there is none
 *   /alignment/<measure>/{layer_a, layer_b}  int32 [model, model]: best pair of layers; -1: none,
 *                           -2: all layers side by side
 *   /alignment/<measure>/taken               uint8 [model, model]: 0 where nobody has looked
 *   with a null also p_value and the other rows of align_fields, float64 [model, model], and
 *   /alignment/<measure>/most                float64 [permutation]: largest z of any pair
 *                           attributes: the rows of align_settings, normalize, clip_by,
 *                           precision, probe, source, formula */
#ifndef SHOAL_COORD_ALIGN_FILE_H
#define SHOAL_COORD_ALIGN_FILE_H

#include "base/arena.h"
#include "linalg/all_pairs.h"

enum { ALIGN_NAME = 64, ALIGN_FIELDS = 13 };

/* The calibration asked for. */
struct align_null {
    int64_t permutations; /* 0: none */
    double alpha;         /* level of the threshold */
    uint64_t seed;        /* of the permutations */
    bool within_class;    /* rows change places within their class only */
    uint64_t classes;     /* hash of the classes; 0: all permutations */
};

/* All that changes a score. */
struct align_options {
    struct alignment_options alignment;
    struct align_null null;
};

/* What is kept of a pair: a name in the file and its place in struct alignment_pair, or -1 for
 * what follows from all pairs together. The first is the score. */
struct align_field {
    struct row row;
    ptrdiff_t offset;
};
extern const struct table align_fields;
enum { ALIGN_SCORE, ALIGN_P_VALUE, ALIGN_THRESHOLD, ALIGN_CALIBRATED };
enum { ALIGN_Z = 6, ALIGN_Q_VALUE = 11, ALIGN_P_ADJUSTED = 12 };

struct align_scores {
    char measure[ALIGN_NAME]; /* with its k: "mutual_knn@10" */
    struct align_options options;
    char source[256], formula[256];
    double *field[ALIGN_FIELDS]; /* [n_models, n_models] each; without a null the score alone */
    int32_t *layer_a, *layer_b;  /* the same */
    uint8_t *taken;
    double *most; /* [permutations] */
};

struct align_file {
    int64_t n_models;
    char (*name)[ALIGN_NAME];
    int64_t *row;
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

/* Room for the scores of a measure: those it has, or new ones of which nothing is taken. NULL: no
 * memory. */
struct align_scores *align_file_scores(struct align_file *f, const char *measure,
                                       const struct align_options *options);

/* Takes over the scores of old for the models that f has too, by name and id, and for the
 * layers of these names. Gives the number of these models; -1: no memory. */
int64_t align_file_adopt(struct align_file *f, const struct align_file *old);

/* Number of the layer of that name, added if it is new; -1: no memory. */
int align_file_layer(struct align_file *f, const char *name);

/* Do two mean the same scores? */
bool align_options_same(const struct align_options *a, const struct align_options *b);

#endif
