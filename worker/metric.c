/* metric.c - the metrics of plain training. To add one: a member of struct measured if it is
 * new, a function and a row. */
#include "worker/metric.h"

static double train_loss(const struct measured *m)
{
    return m->train.loss;
}

static double test_loss(const struct measured *m)
{
    return m->test.loss;
}

static double train_acc(const struct measured *m)
{
    return m->train.accuracy;
}

static double test_acc(const struct measured *m)
{
    return m->test.accuracy;
}

static double soft_error(const struct measured *m)
{
    return m->test.soft_error;
}

static double train_soft_error(const struct measured *m)
{
    return m->train.soft_error;
}

static double grad_norm(const struct measured *m)
{
    return m->grad_norm;
}

static double weight_norm(const struct measured *m)
{
    return m->weight_norm;
}

static double lr(const struct measured *m)
{
    return m->lr;
}

#define SOFT_ERROR "arXiv 2010.08127, section 2"

const struct metric metric_rows[METRIC_COUNT] = {
    {{"train_loss", "training loss, mean over training samples", NULL},
     NULL,
     -1,
     METRIC_TRAIN,
     train_loss},
    {{"test_loss", "training loss, mean over the test samples", NULL},
     NULL,
     -1,
     METRIC_TEST,
     test_loss},
    {{"train_acc", "share of training samples classified rightly", NULL},
     NULL,
     +1,
     METRIC_TRAIN,
     train_acc},
    {{"test_acc", "share of test samples classified rightly", NULL},
     NULL,
     +1,
     METRIC_TEST,
     test_acc},
    {{"soft_error", "1 - probability of the right class, mean over the test samples",
      SOFT_ERROR},
     NULL,
     -1,
     METRIC_TEST,
     soft_error},
    {{"train_soft_error", "1 - probability of the right class, mean over training samples",
      SOFT_ERROR},
     NULL,
     -1,
     METRIC_TRAIN,
     train_soft_error},
    {{"grad_norm", "Euclidean norm of the gradient of train_loss by trained parameters", NULL},
     NULL,
     0,
     METRIC_TRAIN | METRIC_GRADIENT,
     grad_norm},
    {{"weight_norm", "Euclidean norm of all parameters", NULL}, NULL, 0, 0, weight_norm},
    {{"lr", "learning rate of the last step done", NULL}, NULL, 0, 0, lr},
};

const struct table metrics = METRIC_TABLE;
