/* imported.h - models trained elsewhere, of which a store keeps what they make of the same
 * inputs: STORE.d/imported/NAME.h5.
 *
 *   /                  text modality, probe, source (the file it came from); int64 n; uint64
 *                      rows (hash of the inputs' ids), id (hash of what is in /layers)
 *   /layers/<layer>    float32 [n, d], contiguous, in the order of the model
 *   /attributes        its attributes, float64 or text: size, hellaswag, ...
 *
 * The name is that of the file. All models of a store stand for the same inputs in the same
 * order. */
#ifndef SHOAL_COORD_IMPORTED_H
#define SHOAL_COORD_IMPORTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    IMPORTED_NAME = 64, /* bytes of a name of a model, layer, modality, attribute */
    IMPORTED_TEXT = 128,
    IMPORTED_MAX_LAYERS = 4096,
    IMPORTED_MAX_ATTRIBUTES = 256,
};

/* What is known of a model beside its representations; a number has a text, too. */
struct imported_attribute {
    char key[IMPORTED_NAME];
    bool is_number;
    double number;
    char text[IMPORTED_TEXT];
};

struct imported_model {
    char name[IMPORTED_NAME], modality[IMPORTED_NAME];
    uint64_t id;   /* hash of names, sizes and numbers of its layers */
    uint64_t rows; /* hash of the inputs' ids, or 0: unknown */
    int64_t n;     /* inputs */
    int n_layers;
    char (*layer)[IMPORTED_NAME]; /* [n_layers] */
    int64_t *d;                   /* [n_layers] */
    int n_attributes;
    struct imported_attribute *attribute;
    char probe[IMPORTED_NAME]; /* the probe set of the store that the inputs are, or "" */
};

/* The models that a store has, by name; memory comes from the arena. None: *n is 0. Local, no
 * MPI.
 * errors   ERR_FORMAT names a file that is none of ours; ERR_IO; ERR_NOMEM */
enum err_code imported_list(const char *store_path, struct arena *arena,
                            struct imported_model **out, int *n, struct err *e);

/* Representation [n, d] of a layer of a model that imported_list gave. Local, no MPI.
 * errors   ERR_FORMAT if it is another model by now; ERR_IO */
enum err_code imported_read(const char *store_path, const struct imported_model *m, int layer,
                            float *x, struct err *e);

/* "5" is a number, "5 B" is a text. Returns false where key or value are none: a key has
 * letters, digits, _ . and -, a letter first. Local. */
bool imported_attribute_set(struct imported_attribute *a, const char *key, const char *value);

/* ---- writing ---- */

struct imported_writer;

/* Begins a model, all of *m but id. A store that is not there is made, without trials, when the
 * model is finished. One writer at a time: others wait. Local.
 *
 * source   the file it comes from
 * force    replace the model of that name
 * errors   ERR_CONFIG: a name that cannot be, or is there already without force; other inputs
 *          than those of another model or of the probe set. ERR_SHAPE, ERR_IO, ERR_NOMEM */
enum err_code imported_begin(const char *store_path, const struct imported_model *m,
                             const char *source, bool force, struct imported_writer **out,
                             struct err *e);

/* Rows first..first+n-1 of a layer, x[n, d]; the rows of a layer in ascending order.
 * errors   ERR_IO */
enum err_code imported_rows(struct imported_writer *w, int layer, int64_t first, int64_t n,
                            const float *x, struct err *e);

/* Every row has been given: keeps the model, durably. A kill at any moment leaves the old one or
 * the new one. Destroys the writer, also after a failure.
 * errors   ERR_IO */
enum err_code imported_finish(struct imported_writer *w, uint64_t *id, struct err *e);

/* Destroys the writer and what it wrote; NULL is fine. */
void imported_abandon(struct imported_writer *w);

/* Removes what a writer that was killed has left of a model. Local. */
void imported_clean(const char *store_path, const char *name);

/* A whole model, x[n_layers] of [n, d]. Errors as above. Local. */
enum err_code imported_write(const char *store_path, const struct imported_model *m,
                             const float *const *x, const char *source, bool force,
                             struct err *e);

/* STORE.d/imported/NAME.h5 in out. Returns out. */
const char *imported_path(const char *store_path, const char *name, char *out, size_t size);

/* The same of all models but the one called that; as imported_list. */
enum err_code imported_others(const char *store_path, const char *name, struct arena *arena,
                              struct imported_model **out, int *n, struct err *e);

/* May a model, or a layer, be called that? A model's name has letters, digits, . _ + and -, the
 * first is none of . + -, and is no trial's id. A layer's is UTF-8 without / and controls. */
bool imported_name_ok(const char *name);
bool imported_layer_ok(const char *name);

#endif
