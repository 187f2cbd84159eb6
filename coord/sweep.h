/* sweep.h - the sweep file as data: base settings, what varies, what is recorded and analysed.
 */
#ifndef SHOAL_COORD_SWEEP_H
#define SHOAL_COORD_SWEEP_H

#include "base/arena.h"
#include "base/expr.h"
#include "base/yaml.h"
#include "experiments/experiment.h"
#include "worker/task.h"

enum {
    SWEEP_MAX_MEASURES = 48,
    SWEEP_MAX_FIGURES = 32,
    SWEEP_MAX_TABLES = 16,
    SWEEP_MAX_COMPARE = 64,
    SWEEP_MAX_ORDER = 4,
    SWEEP_MAX_SCALING = 16,
    STAGE_MAX_TAKE = 8, /* settings taken from the best of another stage, or matched with it */
};

/* A group of fields that take their values together: one field for an axis, several for a zip.
 */
struct axis {
    int n_fields;
    const struct field **field;
    int64_t count;        /* of values */
    unsigned char *value; /* count images of the fields' values, axis_value_size bytes each */
    struct yaml_mark mark;
};

/* `when` entry: where the condition holds, further axes (their product) and fixed settings. */
struct when {
    struct expr *condition;
    const char *text; /* of the condition */
    int n_axes;
    struct axis *axis; /* a `set` is an axis with one value */
};

/* A network that a stage takes from another stage, or from a file. */
struct stage_from {
    int role;  /* roles */
    int stage; /* place in sweep.stage; -1: a file */
    struct yaml_mark mark;
    char path[TASK_PATH];   /* of the file, from the folder of the program */
    int n_set;              /* settings of the file's network beside those of the stage */
    const struct axis *set; /* axes of one value */
};

/* Settings that a stage takes from the best configuration of another one. */
struct stage_best {
    int stage; /* place in sweep.stage; -1: nothing is taken */
    struct yaml_mark mark;
    char by[TASK_NAME]; /* metric */
    int better;         /* as in struct metric */
    int n_take, n_per;
    const struct field *take[STAGE_MAX_TAKE];
    const struct field
        *per[STAGE_MAX_TAKE]; /* must agree although only one of the two varies */
};

/* A named part of the sweep: settings of its own and what varies in them. A file without
 * stages is one of no name. */
struct stage {
    char name[TASK_NAME];
    struct yaml_mark mark;
    const struct yaml_node *node; /* its block; NULL without a name */
    struct config base;
    bool *was_set; /* [experiment->fields->count] did the file give it a base value? */
    bool inherits; /* the axes are those of the block `sweep` of the whole file */
    int method;    /* sweep_methods */
    int n_axes;
    struct axis *axis; /* axes and zips, in the order of the file */
    int n_when;
    struct when *when;
    int n_exclude;
    struct expr **exclude;
    const char **exclude_text;
    int64_t seeds;
    int n_from;
    struct stage_from from[TASK_MAX_PARENTS];
    struct stage_best best;
};

struct figure_spec {
    int type;          /* figure_types */
    char y[TASK_PATH]; /* "test_acc", "train_loss, test_loss" */
    char x[TASK_NAME], hue[TASK_NAME], panel[TASK_NAME], value[TASK_NAME];
    char log[4]; /* "", "x", "y", "xy" */
    double ci;   /* percent */
    int n_order;
    char order[SWEEP_MAX_ORDER][TASK_NAME];
    char filter[TASK_PATH];
    char at[TASK_PATH]; /* condition on metrics; "": the last record */
    char array[TASK_NAME], column[TASK_NAME];
    int64_t bins, n;  /* of a histogram or of networks; images in a row */
    double low, high; /* values that are black and white */
    int fit;          /* figure_fits */
    char fit_filter[TASK_PATH];
    int64_t fit_n; /* samples that accuracies are of */
    bool diagonal;
    int method;         /* figure_layouts */
    char by[TASK_NAME]; /* metric of bins, or by which a network is best */
    char onto[TASK_NAME]; /* measure onto whose layout a map is turned */
    int to;             /* figure_targets */
    int n_measures;     /* of an agreement; 0: all */
    char measure[SWEEP_MAX_MEASURES][TASK_NAME];
};

struct table_spec {
    char rows[TASK_NAME], cols[TASK_NAME], value[TASK_NAME];
    int show; /* mean, mean_ci, mean_sd */
    bool bold;
    char filter[TASK_PATH];
    char at[TASK_PATH]; /* condition on metrics; "": the last record */
};

/* One line of the comparison with a paper. Numbers that are not given are NaN. */
struct compare_spec {
    char what[TASK_PATH], paper[TASK_PATH];
    char value[2 * TASK_NAME + 4]; /* a metric, "A / B" or "A - B" */
    char filter[TASK_PATH], at[TASK_PATH];
    double released, sd, within; /* their number, its standard deviation over ... */
    int64_t seeds;               /* ... so many seeds, or the relative distance allowed */
    double least, most;
};

struct run_spec {
    char checkpoint_every[TASK_NAME], checkpoint_dir[TASK_PATH];
    double checkpoint_s; /* the former as seconds; 0: never */
    int order;           /* sweep_run_orders: longest_first, file */
    double max_failed; /* stop handing out after this many failed trials; < 0: percent as -p */
    bool fail_fast;
};

/* One fit of a law to a metric against sizes. */
struct scaling_spec {
    char y[TASK_NAME];
    char x[2 * TASK_NAME + 2]; /* "params", or two sizes: "params, data.train" */
    char form[TASK_PATH];      /* of scaling_forms; "": power, of two sizes power2 */
    char group[TASK_NAME];     /* a fit for each of its values; "": one of all */
    double huber;              /* NaN: follows the noise */
    int64_t bootstrap;
    char filter[TASK_PATH];
};

struct analysis_spec {
    int n_measures;
    char measure[SWEEP_MAX_MEASURES][TASK_NAME]; /* "cka", "mutual_knn@10" */
    int normalize;                               /* alignment_normalizations */
    double epsilon;
    double clip;            /* quantile of |x|; 1: none */
    int clip_by, precision; /* alignment_clips, alignment_precisions */
    double sigma;           /* of the RBF kernel; 0: the median distance */
    bool concat;            /* all layers side by side are a candidate */
    char probe[TASK_NAME];
    char baselines[TASK_NAME]; /* align_baselines, comma-separated, or none */
    double memory_gb;
    int64_t permutations; /* of the null; 0: none */
    bool within_class;
    double alpha;
    int n_scaling;
    struct scaling_spec scaling[SWEEP_MAX_SCALING];
};

struct report_spec {
    int venue; /* report_venues */
    char question[TASK_PATH];
    int n_figures, n_tables;
    struct figure_spec figure[SWEEP_MAX_FIGURES];
    struct table_spec table[SWEEP_MAX_TABLES];
    int n_compare;
    struct compare_spec compare[SWEEP_MAX_COMPARE];
};

struct sweep {
    int64_t version; /* of the file's format */
    char name[TASK_NAME];
    uint64_t root;      /* seed of every random stream */
    int experiment_row; /* experiments */
    const struct experiment *experiment;
    int method;          /* sweep_methods: of stages that do not say, */
    int64_t seeds;       /* as this */
    int n_stages;        /* at least 1 */
    struct stage *stage; /* in the order of the file */
    int *stage_order;    /* [n_stages] such that what a stage needs comes before it */
    struct record record;
    bool keep_weights;          /* of all trials, not only of those that others need */
    int dtype, diverged_metric; /* tables of one row: what else there may be one day */
    struct run_spec run;
    struct analysis_spec analysis;
    struct report_spec report;
    int n_set;
    const char **set;       /* the --set overrides that were applied */
    struct yaml_file *file; /* owned: problems, source */
    struct arena arena;     /* owns axes and expressions */
};

/* Reads the tree of a sweep file with --set overrides ("key=value", n_set of them) applied.
 * What is wrong with the file becomes problems of it (see yaml_report): then ERR_CONFIG is
 * returned with a one-line summary and *out still holds the file for the report. Takes file.
 * Local. */
enum err_code sweep_read(struct yaml_file *file, const char *const *set, int n_set,
                         struct sweep **out, struct err *e);
void sweep_destroy(struct sweep *s);

/* Bytes of one value image of an axis, and writing value i of it into a configuration. Local.
 */
size_t sweep_axis_size(const struct axis *a);
void sweep_axis_apply(const struct axis *a, int64_t i, struct config *c);

/* Does the file have stages? One without has a single one of no name. */
bool sweep_has_stages(const struct sweep *s);

/* Place of the stage of that name, or -1. */
int sweep_stage_find(const struct sweep *s, const char *name);

/* Is key `stage`, or STAGE.KEY, a setting of the stage that trials come from? */
bool sweep_is_lineage(const struct sweep *s, const char *key);

/* The axis that gives field f its values (the first one, also inside `when`), or NULL. */
const struct axis *sweep_axis_of(const struct stage *stage, const struct field *f);

/* Can f matter in some configuration of the stage: does it apply to the base, or does what it
 * depends on vary? Local. */
bool sweep_may_apply(const struct sweep *s, const struct stage *stage, const struct field *f);

/* Where the file speaks of a dotted key, "optim.batch" or "record.metrics": its axis in the
 * stage (NULL: any file's only one), else its value, else the innermost block around it. Local.
 */
struct yaml_mark sweep_mark(const struct sweep *s, const struct stage *stage, const char *key);

/* The settings of a configuration for expr_true. self is a struct sweep_values. */
struct sweep_values {
    const struct table *fields;
    const struct config *config;
};
struct expr_value sweep_lookup(void *self, const char *key);

/* Gives problems found at values that --set gave a text that says so. Done by sweep_read; again
 * by whoever adds problems. Local. */
void sweep_set_explain(const struct sweep *s);

/* "in line 8", or "by --set". Returns out. Local. */
const char *sweep_place(struct yaml_mark mark, char out[32]);

#define SWEEP_KEPT "sweep.yaml" /* in STORE.d: the resolved sweep of the last run */

/* Resolved settings as YAML text with every default written out: a sweep file of the same
 * trials. text to free(). */
char *sweep_resolved(const struct sweep *s);

/* One JSON schema (draft 2020-12) of the whole file, made from the field rows. text to free().
 */
char *sweep_schema(void);

/* The scalar settings outside data, model and optim: rows of struct field over struct sweep,
 * struct figure_spec, struct table_spec and so on. */
extern const struct table sweep_settings, sweep_figure_settings, sweep_table_settings,
    sweep_compare_settings, sweep_scaling_settings;
extern const struct table sweep_methods, sweep_ranges, sweep_run_orders, sweep_grids;

#endif
