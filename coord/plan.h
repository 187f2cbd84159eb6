/* plan.h - which trials a sweep consists of, what each records and costs. A pure function of
 * the file: the same on every rank, in every run. */
#ifndef SHOAL_COORD_PLAN_H
#define SHOAL_COORD_PLAN_H

#include "coord/sweep.h"

/* A setting of parents in which the children of one own configuration differ. */
struct plan_joined {
    int stage; /* of the parents */
    const struct field *field;
};

/* Where a stage's configurations and trials stand among all. */
struct plan_stage {
    int64_t first_config, n_configs, first_trial, seeds;
};

/* A million trials take tens of megabytes: a trial is two numbers, a configuration the places
 * of its values on the axes, a shape is shared by all configurations of that shape. */
struct plan {
    const struct sweep *sweep; /* borrowed */
    int64_t n_trials;          /* = n_configs * seeds, summed over stages */
    int n_stages;              /* of the sweep, in its order */
    struct plan_stage *stage;
    int64_t n_configs;         /* distinct ones */
    int64_t n_duplicates;      /* configurations merged into an equal one */
    int64_t n_excluded;        /* configurations dropped by `exclude` */
    uint64_t *config_id;       /* [n_configs] hash of root seed and identity settings */
    int64_t *shape_of;         /* [n_configs] place in shape */
    struct trial_shape *shape; /* [n_shapes] */
    int64_t n_shapes;
    int64_t *order; /* [n_trials] trials, longest first (or as in the file) */
    int n_varied;   /* fields that differ between trials: the axes of the store */
    const struct field **varied;
    int n_joined;
    struct plan_joined *joined;
    int64_t max_records; /* over trials */
    struct plan_inner *inner;
};

/* Expands the sweep. What contradicts (a batch larger than the data) becomes a problem of the
 * sweep's file and ERR_CONFIG.
 * cost     about a second per million trials; memory about 30 bytes per trial. Local. */
enum err_code plan_create(const struct sweep *sweep, struct plan **out, struct err *e);
void plan_destroy(struct plan *p);

/* The trials of a configuration stand side by side, seed 0 first; so do the configurations of a
 * stage. */
int64_t plan_config_of(const struct plan *p, int64_t trial);
uint64_t plan_seed(const struct plan *p, int64_t trial);
int plan_stage_of(const struct plan *p, int64_t config);
int64_t plan_trial(const struct plan *p, int64_t config, uint64_t seed);

/* 64-bit identity of a trial: hash of config_id and seed. Never 0. Shown as 16 hex digits. */
uint64_t plan_id(const struct plan *p, int64_t trial);
int64_t plan_find(const struct plan *p, uint64_t id); /* trial, or -1; O(1) */

/* The resolved settings of configuration c; what it takes from the best of another stage is not
 * known yet. */
void plan_config(const struct plan *p, int64_t c, struct config *out);

/* Which trial has the k-th network that trial t needs (sweep.stage.from), the one of its seed or
 * one for all seeds; -1: a file. */
int64_t plan_parent(const struct plan *p, int64_t t, int k);

/* All of them as its worker wants to know them; row (may be NULL) of each trial in the store. */
void plan_parents(const struct plan *p, int64_t t, const int64_t *row, struct parents *out);

/* The configuration of a stage from which c comes, over any number of parents, or c itself; -1:
 * none. */
int64_t plan_ancestor(const struct plan *p, int64_t c, int stage);

/* Must the weights of the trial be kept? */
bool plan_keeps(const struct plan *p, int64_t trial);

/* Of which configurations is the trial to take the best? Trials of equal choice have the same
 * number, 0 <= number < plan_choices; -1: none. */
int64_t plan_choice(const struct plan *p, int64_t trial);
int64_t plan_choices(const struct plan *p);
const int64_t *plan_candidates(const struct plan *p, int64_t choice, int64_t *n);

/* Copies what the trials of a stage take from the best configuration, `from`. */
void plan_take(const struct plan *p, int stage, const struct config *from, struct config *to);
const struct trial_shape *plan_shape(const struct plan *p, int64_t trial);

/* FLOPs of a trial: training and evaluation. */
double plan_flops(const struct plan *p, int64_t trial);

#endif
