/* task.h - the plain data that describe one trial and what came of it. No pointers: a task
 * travels to its worker as bytes. */
#ifndef SHOAL_WORKER_TASK_H
#define SHOAL_WORKER_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/table.h"

enum {
    TASK_MAX_METRICS = 64,
    TASK_MAX_LAYERS = 16,
    TASK_MAX_SLOTS = 8,
    TASK_MAX_PROBE_SETS = 4,
    TASK_MAX_PATCHES = 8,
    TASK_MAX_ARRAYS = 4,
    TASK_MAX_DIMS = 4, /* of an array */
    TASK_MAX_RECORDS = 4096,
    TASK_MAX_PARENTS = 3,
    TASK_NAME = 64,
    TASK_PATH = 240,
};

enum world { WORLD_REAL, WORLD_IDEAL };
enum data_seed { DATA_SEED_ROOT, DATA_SEED_TRIAL };
enum replay { REPLAY_NONE, REPLAY_RELEASED };
enum { BATCH_FULL = -1 };   /* optim.batch: full */
enum { SEED_FOLLOWS = -1 }; /* a number of struct config.seeds: "trial" or "root" */
enum { STEPS_NONE = -1 };   /* optim.steps: given by epochs; 0 is: train nothing */

/* One resolved configuration. The rows of config_fields (worker/config.h) describe every
 * member; an int whose field is a name is a row number of the table named beside it. */
struct config {
    struct {
        int name; /* streams */
        int world;
        int labels;          /* label_sets */
        int64_t train, test; /* samples; 0: all there are */
        int64_t dim, classes;
        int64_t teacher_width;
        int base; /* streams: what a fitted one is fitted to */
        int64_t components;
        int64_t core_dim, background_dim, input_dim; /* of a feature model */
        int64_t n;                                   /* samples it has; 0: endless */
        int64_t domains;
        double core_strength, background_strength;
        double background_scale, ood_scale; /* in the splits; in the shifted test set */
        int replay;                         /* replays */
        int composition, texture;           /* compositions, textures */
        int64_t border;
        char background_rgb[16];
        char path[TASK_PATH];
        int augment; /* augmentations */
        int64_t pad, cutout;
        double mixup;    /* alpha; 0: none */
        int64_t augreps; /* fixed variants of each sample; 0: a new one every time */
        bool augment_train_metrics;
        double label_noise;
        bool noise_test;
        int prior; /* priors */
        double imbalance;
        int prior_order;       /* prior_orders */
        char layer[TASK_NAME]; /* of the network that samples pass through first */
        bool standardize;
    } data;
    struct {
        int kind;       /* models */
        int activation; /* activations */
        int parametrization;
        int init;
        int64_t depth; /* hidden layers */
        int64_t width;
        int64_t base_width; /* width at which muP equals the standard parametrization */
        double leak;        /* slope of leaky ReLU below 0 */
        bool freeze_output;
        int norm;            /* model_norms */
        int attention_scale; /* model_attention_scales */
        bool residual, final_norm, bottleneck;
        double dropout, output_scale, logit_scale, compression;
        int64_t growth, patch, heads, mlp_width, tokens;
        int head;               /* heads */
        int first_layer;        /* first_layers */
        char freeze[TASK_PATH]; /* patterns of parameters' names, and the word body */
        bool freeze_statistics;
        double interpolate; /* share of ROLE_END's weights in the start */
    } model;
    struct {
        int name; /* optimizers */
        int loss; /* losses */
        int schedule;
        int warmup_kind; /* warmups */
        int projection;  /* projections */
        double lr, momentum, weight_decay, beta1, beta2, epsilon;
        bool nesterov, centered;
        double rho; /* of rmsprop: decay of the mean square */
        double lr_decay, initial_accumulator, adagrad_epsilon;
        double lion_beta2, muon_momentum, adamw_lr;
        double clip_norm, clip_value; /* 0: none */
        double projection_weight;
        int64_t batch, steps, epochs, warmup;
        double warmup_factor;
        int64_t schedule_block; /* steps that share a learning rate */
        int64_t step_size, timescale;
        double gamma, decay, pct_start, div_factor, final_div_factor;
        char milestones[TASK_NAME];
        double label_smoothing, tau, temperature, distill_weight, nce_bias, nce_prior;
        int64_t embedding; /* outputs of a contrastive loss */
        int64_t history;   /* of lbfgs: steps it remembers */
        double tolerance;
        char teacher_layer[TASK_NAME]; /* what a distillation matches, */
        char student_layer[TASK_NAME]; /* with this */
    } optim;
    struct {
        int64_t init, order, augment; /* SEED_FOLLOWS: the trial's seed */
        int64_t subset, noise;        /* SEED_FOLLOWS: the root seed */
        int data;                     /* data_seeds */
    } seeds;
    _Alignas(16) unsigned char extra[512]; /* an experiment's own settings */
};

/* What a trial takes from a network that another trial left, or a file holds. */
enum role {
    ROLE_WEIGHTS,  /* its network starts from these */
    ROLE_END,      /* model.interpolate goes from ROLE_WEIGHTS to these */
    ROLE_TEACHER,  /* its outputs are what a distillation matches */
    ROLE_FEATURES, /* samples pass through it first, as far as data.layer */
};
extern const struct table roles; /* rows of struct row in the order of the enum */

/* What a network takes and gives: the shape of a sample, and outputs. */
struct net_shape {
    int n_dims;
    int64_t size[3];
    int64_t outputs; /* 0: both are what its configuration says, and its data set */
};

struct parent {
    int role;             /* roles: rows of enum role */
    int64_t row;          /* of the trial in the store; -1: the weights are in a file */
    struct config config; /* of its network */
    struct net_shape net; /* of its trial_shape; zero: of its own accord */
    char path[TASK_PATH]; /* a safetensors file, if row is -1 */
};

/* All networks that a trial needs, at most one of each role but ROLE_WEIGHTS. */
struct parents {
    int n;
    struct parent parent[TASK_MAX_PARENTS];
};

/* What all trials of a sweep record. */
enum record_grid { GRID_LINEAR, GRID_LOG, GRID_LAST };
enum { SLOT_INIT = -1, SLOT_FINAL = -2, SLOT_LEVEL = -3 }; /* otherwise a step */

/* A moment that training finds: the first record at which a metric is beyond a level. */
struct level {
    int metric; /* place in record.metric */
    bool above; /* or below */
    double at;
};

/* One setting that a probe set's data have other than the trial: bytes of struct config. */
struct patch {
    size_t offset, size;
    unsigned char value[TASK_PATH];
};

/* Inputs on which representations are recorded: n samples of a split. */
struct probe_set {
    char name[TASK_NAME];
    int split; /* splits */
    int64_t n;
    int n_patches;
    struct patch patch[TASK_MAX_PATCHES];
    char settings[TASK_PATH]; /* the patches as text: "data.label_noise=0.2 ..." */
};

struct record {
    int n_metrics;
    char metric[TASK_MAX_METRICS][TASK_NAME];
    enum record_grid grid;
    int64_t grid_count;
    int n_layers;                           /* recorded; 0: no representations */
    char layer[TASK_MAX_LAYERS][TASK_NAME]; /* "hidden.1", "hidden.last", "logits", "input" */
    int n_slots;
    int64_t slot[TASK_MAX_SLOTS];
    struct level level[TASK_MAX_SLOTS]; /* of those that are SLOT_LEVEL */
    int n_probe_sets;
    struct probe_set probe[TASK_MAX_PROBE_SETS];
    int n_arrays; /* of the experiment's, made at the end of a trial */
    char array[TASK_MAX_ARRAYS][TASK_NAME];
    struct { /* of images that channels answer to */
        char layer[TASK_NAME];
        int64_t channels;
        char rgb[16]; /* colour that they are compared with */
    } visual;
    double diverged_above; /* training loss above this is divergence; HUGE_VAL: only NaN, Inf */
    int64_t train_subset;  /* samples that train metrics use before the last record: 2048 */
    int64_t test_subset;   /* likewise test metrics; 0: all */
};

/* Everything a worker needs to run one trial. */
struct task {
    int64_t trial; /* row in the store */
    int32_t attempt;
    uint64_t root; /* seed of the sweep */
    uint64_t seed; /* of the trial: 0, 1, 2, ... */
    bool keep;     /* the final weights go to the store: other trials need them */
    struct config config;
    struct parents parents;
};

/* Everything the plan and the store need to know of a trial before it runs. */
struct trial_shape {
    int64_t params;
    int64_t weights; /* numbers that make up its network: parameters and running averages */
    struct net_shape net; /* what a child has to know of it */
    double train_flops;   /* of all steps: forward and backward */
    double eval_flops;    /* of all records */
    double memory_bytes;  /* a worker's peak for this trial beyond its data set */
    double data_bytes;    /* of the data set the worker holds for it */
    int64_t steps, records, batch;
    int n_layers;
    int64_t layer_dim[TASK_MAX_LAYERS];      /* features of each recorded layer, d */
    int64_t probe_pool[TASK_MAX_PROBE_SETS]; /* samples that probes are drawn from */
    int array_dims[TASK_MAX_ARRAYS]; /* of each recorded array; 0: the trial has none of it */
    int64_t array_size[TASK_MAX_ARRAYS][TASK_MAX_DIMS];
};

/* Numbers of recorded array i, 0 if the trial has none of it. Local. */
static inline int64_t task_array_count(const struct trial_shape *shape, int i)
{
    int64_t count = shape->array_dims[i] > 0;
    for (int k = 0; k < shape->array_dims[i]; k++) count *= shape->array_size[i][k];
    return count;
}

/* Numbers of a sample as the network takes it. Local. */
static inline int64_t task_input_dim(const struct trial_shape *shape)
{
    int64_t dim = shape->net.n_dims > 0;
    for (int i = 0; i < shape->net.n_dims; i++) dim *= shape->net.size[i];
    return dim;
}

enum outcome { OUTCOME_DONE, OUTCOME_DIVERGED, OUTCOME_FAILED };

/* What a worker reports. */
struct result {
    int64_t trial;
    int32_t attempt;
    enum outcome outcome;
    int32_t worker;
    double seconds;
    int64_t steps_done;
    uint64_t checksum; /* of the rows written */
    char reason[256];  /* of a failure or a divergence */
};

/* The numbers of one trial, before they go to the store. Owned by the worker, reused. */
struct rows {
    double *metric;      /* [n_metrics, records]; NaN where nothing was measured */
    double *step;        /* [records]: optimizer steps done at each record */
    float **layer;       /* [n_probe_sets * n_layers][n_slots * probes * layer_dim] */
    float *weights;      /* [shape.weights] final ones; NULL when not kept */
    float **array;       /* [n_arrays][product of array_size]; NaN until the end of a trial */
    size_t metric_bytes; /* of metric */

    /* Of each probe set [probes] and [probes, task_input_dim]: classes, -1 where there are none,
     * and samples as the network takes them. NULL: not wanted. */
    int32_t *probe_label[TASK_MAX_PROBE_SETS];
    float *probe_input[TASK_MAX_PROBE_SETS];
};

#endif
