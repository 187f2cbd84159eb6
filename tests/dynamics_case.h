/* dynamics_case.h - one small trial whose dynamics are measured; for the tests in double and in
 * single precision. */
#ifndef SHOAL_TESTS_DYNAMICS_CASE_H
#define SHOAL_TESTS_DYNAMICS_CASE_H

#include "tests/core.h"
#include "worker/trainer.h"

enum { DIM = 6, CLASSES = 3, N_TRAIN = 60, N_TEST = 50, ROOT = 9 };

/* What the double precision finds at the first and at the last record, where test_dynamics.c
 * compares it with plain twins. */
struct dynamics_golden {
    const char *activation, *metric;
    double first, last;
};
static const struct dynamics_golden dynamics_golden[] = {
    {"tanh", "weight_movement", 0, 1.31578887},
    {"tanh", "sharpness", 0.76104025, 0.795366386},
    {"tanh", "hessian_trace", 1.6206611, 4.65545958},
    {"tanh", "kernel_drift", 0, 0.187263036},
    {"tanh", "kernel_alignment", 0.337685359, 0.368499696},
    {"tanh", "cka_init", 1, 0.363550482},
    {"tanh", "effective_rank", 3.6997712, 3.31993766},
    {"tanh", "participation_ratio", 2.71749456, 2.01471331},
    {"relu", "sharpness", 1.48443751, 1.19403629},
    {"relu", "hessian_trace", 4.10482033, 4.40167557},
};

static inline struct config dynamics_config(void)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "gaussian_teacher");
    c.data.dim = DIM;
    c.data.classes = CLASSES;
    c.data.train = N_TRAIN;
    c.data.test = N_TEST;
    c.data.teacher_width = 8;
    c.model.activation = core_row(&activations, "tanh");
    c.optim.lr = 0.3;
    c.optim.batch = 16;
    c.optim.steps = 30;
    return c;
}

/* A trial and what came of it. */
struct dynamics_ran {
    struct record record;
    struct trial_shape shape;
    struct rows rows;
    struct result result;
};

/* Records all metrics, or those that are not on request, at the first and the last step. */
static inline struct record dynamics_record(bool all)
{
    struct record r = {
        .grid = GRID_LINEAR, .grid_count = 1, .diverged_above = HUGE_VAL, .train_subset = 40};
    for (int i = 0; i < metrics.count; i++) {
        const struct metric *m = (const void *)table_row(&metrics, i);
        if (all || !m->on_request)
            snprintf(r.metric[r.n_metrics++], TASK_NAME, "%s", m->row.name);
    }
    return r;
}

static inline struct dynamics_ran *
dynamics_run(const struct config *c, const struct record *r,
             enum err_code (*look)(struct trainer *t, double *values, struct err *e))
{
    struct err e;
    struct worker *w = worker_create(NULL);
    struct dynamics_ran *t = calloc(1, sizeof *t);
    struct task task = {.root = ROOT, .seed = 1, .config = *c};
    struct trial trial = {&task, &t->record, &t->rows, &t->result};
    struct trainer_hooks hooks = {.metrics = &metrics, .measure = look};
    t->record = *r;
    ck_assert_msg(setup_shape(c, &task.parents, r, &metrics, &t->shape, &e) == ERR_OK, "%s",
                  e.text);
    size_t values = (size_t)(r->n_metrics * t->shape.records);
    t->rows.metric = malloc(values * sizeof *t->rows.metric);
    t->rows.step = malloc((size_t)t->shape.records * sizeof *t->rows.step);
    t->rows.weights = malloc((size_t)t->shape.weights * sizeof *t->rows.weights);
    ck_assert_msg(trainer_run(w, &trial, &hooks, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(t->result.outcome, OUTCOME_DONE);
    worker_destroy(w);
    return t;
}

static inline void dynamics_ran_destroy(struct dynamics_ran *t)
{
    free(t->rows.metric);
    free(t->rows.step);
    free(t->rows.weights);
    free(t);
}

static inline struct dynamics_ran *dynamics_golden_run(const struct dynamics_golden *g)
{
    struct config c = dynamics_config();
    struct record r = dynamics_record(true);
    c.model.activation = core_row(&activations, g->activation);
    if (strcmp(g->activation, "relu") == 0) c.model.width = 32; /* many kinks */
    return dynamics_run(&c, &r, NULL);
}

static inline double dynamics_value(const struct dynamics_ran *t, const char *name,
                                    int64_t record)
{
    for (int i = 0; i < t->record.n_metrics; i++)
        if (strcmp(t->record.metric[i], name) == 0)
            return t->rows.metric[i * t->shape.records + record];
    ck_abort_msg("no metric '%s'", name);
    return 0;
}

#endif
