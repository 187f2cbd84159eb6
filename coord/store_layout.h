/* store_layout.h - what a store holds and where: rows, settings, classes of representations.
 *
 * Private to store*.c. A layout is computed from a plan and the store that is there before (if
 * any); making a store and extending one are then the same work. */
#ifndef SHOAL_COORD_STORE_LAYOUT_H
#define SHOAL_COORD_STORE_LAYOUT_H

#include "coord/h5.h"
#include "coord/plan.h"

/* Columns of /trials that every store has; the settings that vary stand behind them. */
struct store_column {
    const char *name;
    hid_t (*type)(void);
};
enum { STORE_COLUMNS = 7, STORE_WEIGHTS = -1, STORE_MAX_DIMS = 1 + TASK_MAX_DIMS };
extern const struct store_column store_columns[STORE_COLUMNS];

enum { STORE_IDENTITY = 12 };

/* What must be the same for a store and a sweep to belong together: attributes of the root. */
struct store_identity {
    const char *name;
    char text[TASK_MAX_METRICS * TASK_NAME];
};
void store_identity(const struct sweep *sweep, struct store_identity out[STORE_IDENTITY]);

/* A layer as one probe set sees it: view number probe set * record.n_layers + layer. */
enum { STORE_MAX_VIEWS = TASK_MAX_LAYERS * TASK_MAX_PROBE_SETS };
int store_views(const struct record *record);
const struct probe_set *store_probe_set(const struct record *record, int view);

/* A setting that varies between rows: of the trial itself, or of the one of a stage from which
 * it comes. */
struct store_axis {
    const struct field *field;
    int stage;                /* -1: its own */
    char name[2 * TASK_NAME]; /* "model.width", "teacher.model.width" */
};

/* All members of one view with one number of features, or all trials of that many weights, or
 * all of an array of one shape. */
struct store_class {
    int view; /* STORE_WEIGHTS: of none; of an array: its place in the record */
    int64_t d;
    int n_dims; /* of an array */
    int64_t size[TASK_MAX_DIMS];
    int64_t n_old, n; /* members: those of the store before come first */
    int64_t *row;     /* [n] of each member */
};

/* A store that is there, opened for reading. */
struct store_old {
    const char *path;
    hid_t file;
    struct arena arena;
    int64_t n_rows, records;
    uint64_t *id;   /* [n_rows] */
    uint8_t *state; /* [n_rows] enum trial_state */
    int n_axes;
    char **axis; /* dotted keys of the settings that vary */
    int n_classes, n_weights, n_arrays;
    struct store_class *class, *weights, *array;
    char (*stage)[TASK_NAME]; /* [n_rows]; NULL: made of a file without stages */
};

/* Opens a store and checks that it belongs to the sweep. store_old_close in any case. Local.
 * errors   ERR_CONFIG names what differs; ERR_FORMAT what the file lacks */
enum err_code store_old_open(const char *path, const struct sweep *sweep, struct store_old *out,
                             struct err *e);
void store_old_close(struct store_old *old);

/* A store and a plan of n_trials that have no trial in common are of two sweeps: ERR_CONFIG. */
enum err_code store_old_shares(const struct store_old *old, int64_t common, int64_t n_trials,
                               struct err *e);

/* Path of a view's group, and of a class's in it, under the root. Returns out. */
const char *store_view_path(const struct record *record, int view, char *out, size_t size);
const char *store_class_path(const struct record *record, int view, int64_t d, char *out,
                             size_t size);

/* Path of the group of all trials of n weights. Returns out. */
const char *store_weights_path(int64_t n, char *out, size_t size);

/* The classes of weights that a file has, none in a store that keeps none. As
 * store_classes_read. */
enum err_code store_weights_read(hid_t file, const char *path, struct arena *arena,
                                 struct store_class **out, int *n, struct err *e);

/* The classes that a file has. Local.
 * errors   ERR_FORMAT */
enum err_code store_classes_read(hid_t file, const char *path, const struct record *record,
                                 struct arena *arena, struct store_class **out, int *n,
                                 struct err *e);

/* A whole column as the type; NULL: not there, or not [*n] (*n < 0: any length, filled in). */
void *store_column_read(hid_t file, const char *name, hid_t mem_type, size_t size, int64_t *n,
                        struct arena *arena);

/* Path of the group of all arrays of a class. Returns out. */
const char *store_array_path(const struct record *record, const struct store_class *c,
                             char *out, size_t size);

/* The classes of arrays that a file has. As store_classes_read. */
enum err_code store_arrays_read(hid_t file, const char *path, const struct record *record,
                                struct arena *arena, struct store_class **out, int *n,
                                struct err *e);

struct store_layout {
    const struct plan *plan;
    int64_t n_old, n_rows, records;
    int64_t *trial_of; /* [n_rows] trial of the plan, -1: no longer in it */
    int n_axes;
    struct store_axis *axis;
    int n_classes, class_capacity;
    struct store_class *class;
    int n_weights, weights_capacity;
    struct store_class *weights;
    int n_arrays;
    struct store_class *array;
    bool changed;    /* the store that was there does not do although it has all rows */
    int64_t n_again; /* rows whose weights are wanted now and were not kept: */
    int64_t *again;  /* they are not done any more */
};

/* Name of a trial's column of the parent's stage. Returns out. */
const char *store_from_name(const struct stage *parent, char out[2 * TASK_NAME]);

/* old: NULL for a new store. row[n_trials] (may be NULL) receives each trial's row. Local.
 * errors   ERR_NOMEM; ERR_CONFIG when no trial is in both, or a setting is unknown */
enum err_code store_layout_init(struct store_layout *l, const struct plan *plan,
                                const struct store_old *old, int64_t *row, struct arena *arena,
                                struct err *e);

/* The part of it that is of arrays, when the rows are known. */
enum err_code store_arrays_init(struct store_layout *l, const struct store_old *old,
                                struct arena *arena, struct err *e);

#endif
