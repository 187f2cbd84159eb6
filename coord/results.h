/* results.h - a store read into memory as one table, for export, reports and analysis.
 *
 * Reads without MPI, while a run writes or after. */
#ifndef SHOAL_COORD_RESULTS_H
#define SHOAL_COORD_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* A varied field, or `stage`: a number per trial, and its text. */
struct results_axis {
    char name[64];
    bool is_text;
    double *number; /* [n_trials]; of names the place among the distinct ones, in order seen */
    const char **text; /* [n_trials] as a sweep file would have it */
};

/* Which trial of a stage each trial comes from. */
struct results_link {
    char name[64]; /* "from.teacher" */
    uint64_t *id;  /* [n_trials]; 0: it comes from none */
};

struct results_metric {
    char name[64];
    double *value; /* [n_trials, n_records] */
};

/* All pairs of one measure; NaN where a model has no representation. */
struct results_alignment {
    char measure[64];
    int64_t n_models;
    int64_t *trial;             /* [n_models] rows of the table, not all of them trials */
    double *score;              /* [n_models, n_models] */
    int32_t *layer_a, *layer_b; /* [n_models, n_models] best pair of layers, or -1 */
};

/* What a trial left beside its metrics; without dimensions: it left none. */
struct results_array {
    int n_dims;
    int64_t size[4];
    int64_t count; /* product of size */
    float *data;   /* [count], NaN where nothing was written */
    char *columns; /* names of the last dimension's places, with spaces between, or NULL */
};

/* What a row of the table is. */
enum results_origin { RESULTS_TRIAL, RESULTS_IMPORTED, RESULTS_BASELINE };

struct results {
    const char *path; /* of the store */
    char name[64];    /* of the sweep */
    int64_t n_trials, n_records;
    int64_t *row;    /* in the store; -1: a model that is no trial, see results_models.h */
    uint8_t *origin; /* see results_origin; NULL: all are trials */
    uint64_t *id, *seed;
    uint8_t *state; /* enum trial_state */
    double *seconds;
    double wall_s; /* of the last run; NaN while unknown */
    int64_t *steps_done;
    int n_axes, n_links, n_metrics, n_alignments;
    struct results_axis *axis;
    struct results_link *link;
    struct results_metric *metric; /* the first is "step" */
    struct results_alignment *alignment;
    int n_calibrated; /* of the alignments with a null: the same with calibrated scores */
    struct results_alignment *calibrated;
    int n_constants;
    char **constant;        /* settings that do not vary, 2 * n_constants: name, text */
    char *sweep, *resolved; /* YAML texts of the provenance; NULL in a store without them */
    int n_provenance;
    char **provenance; /* 2 * n_provenance: name, value */
    int n_layers;
    char (*layer)[64];
    struct results_inner *inner;
};

/* Reads a store, and what its STORE.d has of journal and alignment. Local.
 * errors   ERR_IO names the store; ERR_FORMAT says what it lacks */
enum err_code results_read(const char *store_path, struct results **out, struct err *e);
void results_destroy(struct results *r);

enum results_origin results_origin(const struct results *r, int64_t row);

const struct results_axis *results_axis(const struct results *r, const char *name);
const struct results_metric *results_metric(const struct results *r, const char *name);

/* The scores of a measure, or of "MEASURE:calibrated" what they are worth beyond chance; NULL if
 * there are none. */
const struct results_alignment *results_alignment(const struct results *r, const char *measure);
#define RESULTS_CALIBRATED ":calibrated"

/* Adds a metric that has one value[n_trials] a trial, at all of its records. Local. */
enum err_code results_add_metric(struct results *r, const char *name, const double *value,
                                 struct err *e);

/* Reads an array of a trial from the store, whose file must still be there. Local. Clear it with
 * results_array_clear also after a failure.
 * errors   ERR_CONFIG: no such array, naming those there are; ERR_FORMAT, ERR_IO
 * cost     opens the file anew and reads this array alone */
enum err_code results_array(const struct results *r, const char *name, int64_t trial,
                            struct results_array *out, struct err *e);
void results_array_clear(struct results_array *a);

/* Names of the arrays that a store keeps, NULL without any; *n of them. Memory comes from the
 * arena. Local. */
char **results_arrays(const char *store_path, struct arena *arena, int *n);

/* Place of a column by its name, or by its number where columns have no names; -1: none. */
int64_t results_array_column(const struct results_array *a, const char *name);

/* The trial's last record that has a step, or -1. */
int64_t results_last_record(const struct results *r, int64_t trial);

/* Value of a metric at a trial's record, NaN for record -1. */
double results_at(const struct results *r, const struct results_metric *m, int64_t trial,
                  int64_t record);

/* Value of a metric at the trial's last record, NaN if the trial has none. */
double results_last(const struct results *r, const struct results_metric *m, int64_t trial);

/* text_double without the sign of -0. Returns buffer. */
const char *results_number(double value, char buffer[32]);

#endif
