/* plan.h - which trials a sweep consists of, what each records and costs. A pure function of
 * the file: the same on every rank, in every run. */
#ifndef SHOAL_COORD_PLAN_H
#define SHOAL_COORD_PLAN_H

#include "coord/sweep.h"

/* A million trials take tens of megabytes: a trial is two numbers, a configuration the places
 * of its values on the axes, a shape is shared by all configurations of that shape. */
struct plan {
    const struct sweep *sweep; /* borrowed */
    int64_t n_trials;          /* = n_configs * seeds */
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
    int64_t max_records; /* over trials */
    struct plan_inner *inner;
};

/* Expands the sweep. What contradicts (a batch larger than the data) becomes a problem of the
 * sweep's file and ERR_CONFIG.
 * cost     about a second per million trials; memory about 30 bytes per trial. Local. */
enum err_code plan_create(const struct sweep *sweep, struct plan **out, struct err *e);
void plan_destroy(struct plan *p);

/* Trial t is seed t % seeds of configuration t / seeds. */
int64_t plan_config_of(const struct plan *p, int64_t trial);
uint64_t plan_seed(const struct plan *p, int64_t trial);

/* 64-bit identity of a trial: hash of config_id and seed. Never 0. Shown as 16 hex digits. */
uint64_t plan_id(const struct plan *p, int64_t trial);
int64_t plan_find(const struct plan *p, uint64_t id); /* trial, or -1; O(1) */

/* The resolved settings of configuration c. */
void plan_config(const struct plan *p, int64_t c, struct config *out);
const struct trial_shape *plan_shape(const struct plan *p, int64_t trial);

/* FLOPs of a trial: training and evaluation. */
double plan_flops(const struct plan *p, int64_t trial);

#endif
