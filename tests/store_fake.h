/* store_fake.h - a small sweep made by hand, its plan, and rows that are a function of the
 * trial, for tests of the store without a sweep file or training. Include once per program:
 * it defines the plan_* functions. */
#ifndef SHOAL_TESTS_STORE_FAKE_H
#define SHOAL_TESTS_STORE_FAKE_H

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "coord/store.h"
#include "tests/check_main.h"

static const struct row fake_activation_rows[] = {{"relu"}, {"leaky_relu"}, {"gelu"}};
static const struct table fake_activations = TABLE("activation", fake_activation_rows);

#define FAKE_FIELD(key, type_, member, fallback_, ...)                                         \
    {                                                                                          \
        .row = {key}, .type = type_, .offset = FIELD_AT(struct config, member),                \
        .fallback = fallback_, .flags = FIELD_IDENTITY, __VA_ARGS__                            \
    }
static const struct field fake_fields[] = {
    FAKE_FIELD("model.width", FIELD_INT, model.width, "64"),
    FAKE_FIELD("optim.lr", FIELD_FLOAT, optim.lr, "0.1"),
    FAKE_FIELD("model.activation", FIELD_NAME, model.activation, "relu",
               .names = &fake_activations),
    FAKE_FIELD("model.freeze_output", FIELD_BOOL, model.freeze_output, "false"),
    FAKE_FIELD("data.path", FIELD_TEXT, data.path, "a", .size = TASK_PATH),
};
enum { FAKE_WIDTH, FAKE_LR, FAKE_ACTIVATION, FAKE_FREEZE, FAKE_PATH };

enum { FAKE_INPUT = 4 }; /* numbers of a sample */

static const struct table fake_table = TABLE("field", fake_fields);
static const struct trial_array fake_array_rows[] = {
    {.row = {"neurons"}, .dims = "neuron statistic", .columns = "mean sd max"},
    {.row = {"visual"}},
};
static const struct table fake_arrays = TABLE("array", fake_array_rows);
static const struct experiment fake_experiment = {
    .row = {"train"}, .fields = &fake_table, .arrays = &fake_arrays};

/* Every width with every activation is a configuration. */
struct fake {
    int n_widths, n_activations;
    int64_t width[8];
    int activation[4];
    double lr;
    int64_t records;  /* of the widest; a narrower one may have fewer */
    const char *path; /* data.path: matters to the widest only */
    bool keeps;       /* weights of some trials */
};
static struct fake fake;
static struct sweep sweep;
static struct plan plan;
static struct trial_shape shapes[32];
static const struct field *varied[8];
static struct err e;

void plan_config(const struct plan *p, int64_t c, struct config *out)
{
    (void)p;
    memset(out, 0, sizeof *out);
    field_defaults(&fake_table, out);
    out->model.width = fake.width[c / fake.n_activations];
    out->model.activation = fake.activation[c % fake.n_activations];
    out->optim.lr = fake.lr;
    out->model.freeze_output = out->model.width > 64;
    snprintf(out->data.path, sizeof out->data.path, "%s", fake.path);
}

int64_t plan_config_of(const struct plan *p, int64_t trial)
{
    return trial / p->sweep->seeds;
}

uint64_t plan_seed(const struct plan *p, int64_t trial)
{
    return (uint64_t)(trial % p->sweep->seeds);
}

uint64_t plan_id(const struct plan *p, int64_t trial)
{
    struct config c;
    plan_config(p, plan_config_of(p, trial), &c);
    char text[128];
    int n = snprintf(text, sizeof text, "%lld %d %a %d %s", (long long)c.model.width,
                     c.model.activation, c.optim.lr, (int)plan_seed(p, trial),
                     c.model.width > 64 ? c.data.path : "");
    return XXH64(text, (size_t)n, 0);
}

int64_t plan_find(const struct plan *p, uint64_t id)
{
    for (int64_t t = 0; t < p->n_trials; t++)
        if (plan_id(p, t) == id) return t;
    return -1;
}

int plan_stage_of(const struct plan *p, int64_t c)
{
    (void)p, (void)c;
    return 0;
}

int64_t plan_parent(const struct plan *p, int64_t t, int k)
{
    (void)p, (void)k;
    return t;
}

int64_t plan_ancestor(const struct plan *p, int64_t c, int stage)
{
    (void)p, (void)c, (void)stage;
    return -1;
}

const struct trial_shape *plan_shape(const struct plan *p, int64_t trial)
{
    return &p->shape[plan_config_of(p, trial)];
}

/* Weights of all widths but 64 are kept. */
static bool fake_keeps(const struct trial_shape *shape)
{
    return fake.keeps && shape->weights != 3 * 64;
}

bool plan_keeps(const struct plan *p, int64_t t)
{
    return fake_keeps(plan_shape(p, t));
}

/* An array of width / 16 neurons, and images that the narrowest network has none of. */
static void fake_arrays_shape(int64_t width, struct trial_shape *out)
{
    const int64_t size[2][4] = {{width / 16, 3}, {2, 3, width / 32, 5}};
    for (int i = 0; i < 2 && i < sweep.record.n_arrays; i++) {
        out->array_dims[i] = i == 0 ? 2 : width > 16 ? 4 : 0;
        for (int k = 0; k < out->array_dims[i]; k++) out->array_size[i][k] = size[i][k];
    }
}

/* The plan of `fake` with `sweep`: two recorded layers, of which the narrowest network has one;
 * a layer has width / 16 features. */
static const struct plan *fake_plan(void)
{
    int n_varied = 0;
    plan = (struct plan){.sweep = &sweep, .shape = shapes, .varied = varied};
    plan.n_configs = fake.n_widths * fake.n_activations;
    plan.n_trials = plan.n_configs * sweep.seeds;
    plan.n_shapes = plan.n_configs;
    for (int c = 0; c < plan.n_configs; c++) {
        int64_t width = fake.width[c / fake.n_activations];
        shapes[c] = (struct trial_shape){.records = fake.records - (width == 16),
                                         .probe_pool = {INT64_MAX},
                                         .weights = 3 * width,
                                         .net = {.n_dims = 2, .size = {2, FAKE_INPUT / 2}},
                                         .n_layers = sweep.record.n_layers};
        if (shapes[c].records > plan.max_records) plan.max_records = shapes[c].records;
        for (int l = 0; l < sweep.record.n_layers; l++)
            shapes[c].layer_dim[l] = l == 1 && width == 16 ? 0 : width / 16 + 2 * l;
        fake_arrays_shape(width, &shapes[c]);
    }
    if (fake.n_widths > 1) varied[n_varied++] = &fake_fields[FAKE_WIDTH];
    if (fake.n_activations > 1) varied[n_varied++] = &fake_fields[FAKE_ACTIVATION];
    if (fake.n_widths > 1) varied[n_varied++] = &fake_fields[FAKE_FREEZE];
    plan.n_varied = n_varied;
    return &plan;
}

static void fake_reset(void)
{
    fake = (struct fake){.n_widths = 3,
                         .n_activations = 2,
                         .width = {16, 64, 128},
                         .activation = {0, 2},
                         .lr = 0.1,
                         .records = 5,
                         .path = "a"};
    sweep =
        (struct sweep){.name = "fake", .root = 42, .experiment = &fake_experiment, .seeds = 2};
    sweep.record = (struct record){.n_metrics = 2,
                                   .metric = {"train_loss", "test_acc"},
                                   .grid = GRID_LOG,
                                   .grid_count = 5,
                                   .n_layers = 2,
                                   .layer = {"hidden.1", "hidden.last"},
                                   .n_slots = 2,
                                   .slot = {SLOT_INIT, SLOT_FINAL},
                                   .n_probe_sets = 1,
                                   .probe = {{.name = "test", .split = 1, .n = 6}},
                                   .n_arrays = 2,
                                   .array = {"neurons", "visual"},
                                   .diverged_above = HUGE_VAL,
                                   .train_subset = 2048};
}

/* ---- rows ---- */

enum { FAKE_MAX = 4096 };

struct fake_rows {
    struct rows rows;
    double metric[FAKE_MAX], step[64];
    float layer[2][FAKE_MAX], weights[FAKE_MAX], array[2][FAKE_MAX];
    float *layers[2], *arrays[2];
    int32_t label[FAKE_MAX];
    float input[FAKE_MAX];
    struct result result;
};

/* What the probes are, the same for all trials. */
static inline int32_t fake_label(int64_t i)
{
    return (int32_t)(i * i % 7);
}
static inline float fake_input(int64_t i)
{
    return 0.5f * (float)i - 3;
}

/* What the trial's row must be: numbers that depend on its id alone. */
static struct fake_rows *fake_rows(uint64_t id, const struct trial_shape *shape)
{
    static struct fake_rows f;
    memset(&f, 0, sizeof f);
    for (int64_t i = 0; i < sweep.record.n_metrics * shape->records; i++)
        f.metric[i] = i == 1 ? NAN : (double)(id % 1000003) + 1.0 / (double)(i + 1);
    for (int64_t i = 0; i < shape->records; i++) f.step[i] = (double)(10 * i);
    for (int l = 0; l < sweep.record.n_layers; l++) {
        int64_t n = sweep.record.n_slots * sweep.record.probe[0].n * shape->layer_dim[l];
        ck_assert_int_le(n, FAKE_MAX);
        for (int64_t i = 0; i < n; i++)
            f.layer[l][i] = (float)(id % 9973) + 0.001f * (float)(i + l);
        f.layers[l] = f.layer[l];
    }
    for (int64_t i = 0; i < shape->weights; i++)
        f.weights[i] = (float)(id % 8191) - 0.5f * (float)i;
    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < FAKE_MAX; k++)
            f.array[i][k] = (float)(id % 7919) + 0.25f * (float)(k + i);
        f.arrays[i] = shape->array_dims[i] ? f.array[i] : NULL;
    }
    f.rows =
        (struct rows){.metric = f.metric, .step = f.step, .layer = f.layers, .array = f.arrays};
    if (fake_keeps(shape)) f.rows.weights = f.weights;
    for (int64_t i = 0; i < sweep.record.probe[0].n; i++) f.label[i] = fake_label(i);
    for (int64_t i = 0; i < FAKE_INPUT * sweep.record.probe[0].n; i++)
        f.input[i] = fake_input(i);
    f.rows.probe_label[0] = f.label;
    f.rows.probe_input[0] = f.input;
    f.result = (struct result){.outcome = id % 3 ? OUTCOME_DONE : OUTCOME_DIVERGED,
                               .worker = (int32_t)(id % 7),
                               .seconds = 1e-3 * (double)(id % 99),
                               .steps_done = (int64_t)(id % 77)};
    return &f;
}

static void fake_write(struct store *s, const struct plan *p, int64_t trial, int64_t row)
{
    const struct trial_shape *shape = plan_shape(p, trial);
    struct fake_rows *f = fake_rows(plan_id(p, trial), shape);
    enum err_code code = store_write(s, row, shape, &f->rows, &f->result, &e);
    ck_assert_msg(code == ERR_OK, "%s", e.text);
    ck_assert_uint_ne(f->result.checksum, 0);
}

/* ---- reading back without the code under test ---- */

/* Reads row `row` of a dataset whole. Returns the number of elements. */
static int64_t read_row(hid_t file, const char *path, hid_t type, int64_t row, void *out)
{
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    ck_assert_msg(d >= 0, "%s", path);
    hid_t space = H5Dget_space(d);
    hsize_t start[5] = {(hsize_t)row}, count[5];
    int n = H5Sget_simple_extent_dims(space, count, NULL);
    count[0] = 1;
    int64_t elements = 1;
    for (int i = 0; i < n; i++) elements *= (int64_t)count[i];
    ck_assert_int_ge(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL), 0);
    hid_t memory = H5Screate_simple(n, count, NULL);
    ck_assert_int_ge(H5Dread(d, type, memory, space, H5P_DEFAULT, out), 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(d);
    return elements;
}

static int64_t length_of(hid_t file, const char *path)
{
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    ck_assert_msg(d >= 0, "%s", path);
    hid_t space = H5Dget_space(d);
    hsize_t dims[5];
    H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    H5Dclose(d);
    return (int64_t)dims[0];
}

static inline uint8_t state_of_row(hid_t file, int64_t row)
{
    uint8_t state;
    read_row(file, "trials/state", H5T_NATIVE_UINT8, row, &state);
    return state;
}

/* The class's member that is the row, or -1. */
static int64_t member_of(hid_t file, const char *group, int64_t row)
{
    static int64_t member[FAKE_MAX];
    char name[200];
    snprintf(name, sizeof name, "%s/trial", group);
    int64_t n = length_of(file, name);
    ck_assert_int_le(n, FAKE_MAX);
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert_int_ge(H5Dread(d, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, member), 0);
    H5Dclose(d);
    for (int64_t m = 0; m < n; m++)
        if (member[m] == row) return m;
    return -1;
}

/* The group of an array as its schema has it. */
static void fake_array_group(int i, const struct trial_shape *shape, char out[128])
{
    const int64_t *n = shape->array_size[i];
    if (i == 0)
        snprintf(out, 128, "arrays/neurons/%lldx3", (long long)n[0]);
    else
        snprintf(out, 128, "arrays/visual/2x3x%lldx5", (long long)n[2]);
}

/* The arrays of a row are the trial's; adds them to its checksum. */
static void check_arrays(hid_t file, int64_t row, const struct trial_shape *shape,
                         struct fake_rows *f, XXH64_state_t *sum)
{
    static float floats[FAKE_MAX];
    for (int i = 0; i < sweep.record.n_arrays; i++) {
        char group[128], data[160];
        if (shape->array_dims[i] == 0) continue;
        fake_array_group(i, shape, group);
        snprintf(data, sizeof data, "%s/data", group);
        int64_t n = read_row(file, data, H5T_NATIVE_FLOAT, member_of(file, group, row), floats);
        ck_assert_mem_eq(floats, f->array[i], (size_t)n * sizeof(float));
        XXH64_update(sum, f->array[i], (size_t)n * sizeof(float));
    }
}

/* A finished row is bit for bit what the trial's must be. */
static inline void check_row(hid_t file, int64_t row, uint64_t id,
                             const struct trial_shape *shape)
{
    static double values[FAKE_MAX];
    static float floats[FAKE_MAX];
    struct fake_rows *f = fake_rows(id, shape);
    uint64_t u;
    double seconds;
    int32_t worker;
    int64_t steps;
    size_t bytes = (size_t)shape->records * sizeof(double);
    read_row(file, "trials/id", H5T_NATIVE_UINT64, row, &u);
    ck_assert_uint_eq(u, id);
    for (int i = -1; i < sweep.record.n_metrics; i++) {
        char path[100];
        snprintf(path, sizeof path, "metrics/%s", i < 0 ? "step" : sweep.record.metric[i]);
        int64_t n = read_row(file, path, H5T_NATIVE_DOUBLE, row, values);
        ck_assert_mem_eq(values, i < 0 ? f->step : f->metric + i * shape->records, bytes);
        for (int64_t k = shape->records; k < n; k++) ck_assert(isnan(values[k]));
    }
    XXH64_state_t *sum = XXH64_createState();
    XXH64_reset(sum, 0);
    XXH64_update(sum, f->metric, (size_t)sweep.record.n_metrics * bytes);
    XXH64_update(sum, f->step, bytes);
    for (int l = 0; l < sweep.record.n_layers; l++) {
        if (shape->layer_dim[l] == 0) continue;
        char group[128], path[160];
        snprintf(group, sizeof group, "representations/test/%s/%lld", sweep.record.layer[l],
                 (long long)shape->layer_dim[l]);
        snprintf(path, sizeof path, "%s/data", group);
        int64_t n = read_row(file, path, H5T_NATIVE_FLOAT, member_of(file, group, row), floats);
        ck_assert_mem_eq(floats, f->layer[l], (size_t)n * sizeof(float));
        XXH64_update(sum, f->layer[l], (size_t)n * sizeof(float));
    }
    if (fake_keeps(shape) && f->result.outcome == OUTCOME_DONE) {
        char group[128], data[160];
        snprintf(group, sizeof group, "weights/%lld", (long long)shape->weights);
        snprintf(data, sizeof data, "%s/data", group);
        read_row(file, data, H5T_NATIVE_FLOAT, member_of(file, group, row), floats);
        ck_assert_mem_eq(floats, f->weights, (size_t)shape->weights * sizeof(float));
        XXH64_update(sum, f->weights, (size_t)shape->weights * sizeof(float));
    }
    check_arrays(file, row, shape, f, sum);
    read_row(file, "trials/checksum", H5T_NATIVE_UINT64, row, &u);
    ck_assert_uint_eq(u, XXH64_digest(sum));
    XXH64_freeState(sum);
    read_row(file, "trials/seconds", H5T_NATIVE_DOUBLE, row, &seconds);
    read_row(file, "trials/worker", H5T_NATIVE_INT32, row, &worker);
    read_row(file, "trials/steps_done", H5T_NATIVE_INT64, row, &steps);
    ck_assert(seconds == f->result.seconds && worker == f->result.worker &&
              steps == f->result.steps_done);
}

/* The probes are what they must be, or (known false) what nobody wrote. */
static inline void check_probes(hid_t file, bool known)
{
    int32_t label;
    float input[FAKE_INPUT];
    ck_assert_int_eq(length_of(file, "probe/test/labels"), sweep.record.probe[0].n);
    for (int64_t i = 0; i < sweep.record.probe[0].n; i++) {
        read_row(file, "probe/test/labels", H5T_NATIVE_INT32, i, &label);
        ck_assert_int_eq(label, known ? fake_label(i) : -1);
        int64_t d = read_row(file, "probe/test/inputs", H5T_NATIVE_FLOAT, i, input);
        ck_assert_int_eq(d, FAKE_INPUT);
        for (int64_t k = 0; k < d; k++)
            ck_assert(known ? input[k] == fake_input(i * d + k) : isnan(input[k]));
    }
}

static inline hid_t open_file(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_msg(file >= 0, "%s cannot be read", path);
    return file;
}

/* ---- folders ---- */

static char folder[64], path[128];

static void setup(void)
{
    fake_reset();
    e = (struct err){0};
    strcpy(folder, "/tmp/shoal-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s.h5", folder);
    setenv("TMPDIR", folder, 1);       /* what MPI leaves behind of a killed process */
    setenv("OMPI_MCA_btl", "self", 1); /* each process is a world of its own */
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 1);
}

/* No test may leave a handle of HDF5 open. */
static void teardown(void)
{
    char command[128];
    ck_assert_int_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) printf("cannot remove %s\n", folder);
}

#endif
