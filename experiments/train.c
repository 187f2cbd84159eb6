/* train.c - plain training, and at its end how classes are confused. */
#include "experiments/train.h"

#include "worker/record.h"
#include "worker/trainer.h"

static const char confusion[] = "confusion";
static const struct trial_array arrays[] = {
    {.row = {confusion, "test samples at the end, by their class and the class answered", NULL},
     .dims = "class answer"},
};
const struct table train_arrays = TABLE("array", arrays);

/* A network with one output answers one of two classes. */
static int64_t answers(int64_t outputs)
{
    return outputs == 1 ? 2 : outputs;
}

enum err_code train_shape(const struct config *config, const struct parents *parents,
                          const struct record *record, struct trial_shape *out, struct err *e)
{
    TRY(setup_shape(config, parents, record, &metrics, out, e));
    const struct loss *loss = (const void *)table_row(&losses, config->optim.loss);
    int i = record_array(record, confusion);
    if (i < 0 || loss->no_logits) return ERR_OK;
    struct data_shape data;
    TRY(data_shape(config, &data, e));
    out->array_dims[i] = 2;
    out->array_size[i][0] = data.classes;
    out->array_size[i][1] = answers(out->net.outputs);
    return ERR_OK;
}

/* The class that outputs f[k] mean, as loss_score has it. */
static int64_t answer_of(int64_t k, const real *f)
{
    int64_t top = 0;
    if (k == 1) return f[0] > 0;
    for (int64_t j = 1; j < k; j++)
        if (f[j] > f[top]) top = j;
    return top;
}

/* Counts the test set: out[classes, answers]. */
static void count_answers(struct trainer *t, float *out)
{
    const struct setup *s = &t->setup;
    int64_t k = graph_output(&s->graph)->shape.dim, columns = answers(k);
    for (int64_t i = 0; i < s->data.classes * columns; i++) out[i] = 0;
    for (int64_t i = 0; i < s->n_test; i += s->capacity) {
        int64_t n = s->n_test - i < s->capacity ? s->n_test - i : s->capacity;
        samples_range(&t->sets->test, i, n, &t->batch);
        graph_forward(&t->setup.graph, t->batch.x, n, GRAPH_EVAL);
        const real *f = graph_output(&s->graph)->y;
        for (int64_t b = 0; b < n; b++)
            out[t->batch.label[b] * columns + answer_of(k, f + b * k)]++;
    }
}

static enum err_code train_finish(struct trainer *t, float **array, struct err *e)
{
    (void)e;
    int i = record_array(t->setup.record, confusion);
    if (i >= 0 && array[i]) count_answers(t, array[i]);
    return ERR_OK;
}

enum err_code train_run(struct worker *worker, const struct task *task,
                        const struct record *record, struct rows *rows, struct result *result,
                        struct err *e)
{
    struct trainer_hooks plain = {.metrics = &metrics, .finish = train_finish};
    struct trial trial = {task, record, rows, result};
    return trainer_run(worker, &trial, &plain, e);
}
