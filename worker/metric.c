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

static const struct metric rows[] = {
    {.row = {"train_loss", "training loss, mean over training samples", NULL},
     .better = -1,
     .needs = METRIC_TRAIN,
     .value = train_loss},
    {.row = {"test_loss", "training loss, mean over the test samples", NULL},
     .better = -1,
     .needs = METRIC_TEST,
     .value = test_loss},
    {.row = {"train_acc", "share of training samples classified rightly", NULL},
     .better = +1,
     .needs = METRIC_TRAIN,
     .value = train_acc},
    {.row = {"test_acc", "share of test samples classified rightly", NULL},
     .better = +1,
     .needs = METRIC_TEST,
     .value = test_acc},
    {.row = {"soft_error", "1 - probability of the right class, mean over the test samples",
             SOFT_ERROR},
     .better = -1,
     .needs = METRIC_TEST,
     .value = soft_error},
    {.row = {"train_soft_error",
             "1 - probability of the right class, mean over training samples", SOFT_ERROR},
     .better = -1,
     .needs = METRIC_TRAIN,
     .value = train_soft_error},
    {.row = {"grad_norm", "Euclidean norm of the gradient of train_loss by trained parameters",
             NULL},
     .needs = METRIC_TRAIN | METRIC_GRADIENT,
     .value = grad_norm},
    {.row = {"weight_norm", "Euclidean norm of all parameters", NULL}, .value = weight_norm},
    {.row = {"lr", "learning rate of the last step done", NULL}, .value = lr},
};

const struct table metrics = TABLE("metric", rows);
