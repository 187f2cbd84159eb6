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

static double weight_distance(const struct measured *m)
{
    return m->weight_distance;
}

static double weight_movement(const struct measured *m)
{
    return m->weight_movement;
}

static double kernel_drift(const struct measured *m)
{
    return m->kernel_drift;
}

static double kernel_alignment(const struct measured *m)
{
    return m->kernel_alignment;
}

static double cka_init(const struct measured *m)
{
    return m->cka_init;
}

static double effective_rank(const struct measured *m)
{
    return m->effective_rank;
}

static double participation_ratio(const struct measured *m)
{
    return m->participation_ratio;
}

static double sharpness(const struct measured *m)
{
    return m->sharpness;
}

static double hessian_trace(const struct measured *m)
{
    return m->hessian_trace;
}

static double margin_mean(const struct measured *m)
{
    return m->train.margin_mean;
}

static double margin_min(const struct measured *m)
{
    return m->train.margin_min;
}

static double margin_10(const struct measured *m)
{
    return m->train.margin_10;
}

static double test_acc_balanced(const struct measured *m)
{
    return m->test.balanced;
}

static double test_acc_worst(const struct measured *m)
{
    return m->test.worst;
}

static double test_confidence(const struct measured *m)
{
    return m->test.confidence;
}

static double test_ece(const struct measured *m)
{
    return m->test.ece;
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
    {.row = {"test_acc_balanced",
             "accuracy on the test samples of each class, mean over classes", NULL},
     .better = +1,
     .needs = METRIC_TEST | METRIC_SCORE,
     .on_request = true,
     .value = test_acc_balanced},
    {.row = {"test_acc_worst", "accuracy on the test samples of the class where it is least",
             NULL},
     .better = +1,
     .needs = METRIC_TEST | METRIC_SCORE,
     .on_request = true,
     .value = test_acc_worst},
    {.row = {"test_confidence",
             "probability of the class that is answered, mean over the test samples",
             "arXiv 1706.04599, section 2"},
     .needs = METRIC_TEST | METRIC_SCORE,
     .on_request = true,
     .value = test_confidence},
    {.row = {"test_ece", "expected calibration error on the test samples, 15 bins",
             "arXiv 1706.04599, equation 3"},
     .better = -1,
     .needs = METRIC_TEST | METRIC_SCORE,
     .on_request = true,
     .value = test_ece},
    {.row = {"margin_mean",
             "right class's output less the largest other, or y f; mean over training samples",
             "arXiv 1706.08498"},
     .better = +1,
     .needs = METRIC_TRAIN | METRIC_MARGIN,
     .on_request = true,
     .value = margin_mean},
    {.row = {"margin_min", "least of these margins", "arXiv 1706.08498"},
     .better = +1,
     .needs = METRIC_TRAIN | METRIC_MARGIN,
     .on_request = true,
     .value = margin_min},
    {.row = {"margin_10", "tenth percentile of these margins", "arXiv 1706.08498"},
     .better = +1,
     .needs = METRIC_TRAIN | METRIC_MARGIN,
     .on_request = true,
     .value = margin_10},
    {.row = {"weight_distance",
             "Euclidean distance of trained parameters from their first values", NULL},
     .needs = METRIC_MOVEMENT,
     .on_request = true,
     .value = weight_distance},
    {.row = {"weight_movement", "weight_distance over the norm of the first values",
             "arXiv 1812.07956"},
     .needs = METRIC_MOVEMENT,
     .on_request = true,
     .value = weight_movement},
    {.row = {"kernel_drift",
             "1 - cosine of the tangent kernels of 32 training samples now and at first",
             "arXiv 2010.15110, kernel distance"},
     .needs = METRIC_KERNEL,
     .on_request = true,
     .value = kernel_drift},
    {.row = {"kernel_alignment", "centred alignment of that tangent kernel with the labels",
             "arXiv 1203.0550"},
     .needs = METRIC_KERNEL,
     .on_request = true,
     .value = kernel_alignment},
    {.row = {"cka_init", "linear CKA of hidden.last on 512 test samples now and at first",
             "arXiv 1905.00414, section 3"},
     .needs = METRIC_FEATURES | METRIC_CKA,
     .on_request = true,
     .value = cka_init},
    {.row = {"effective_rank",
             "exp of the entropy of the singular values of those features, centred",
             "Roy and Vetterli, EUSIPCO 2007"},
     .needs = METRIC_FEATURES | METRIC_SPECTRUM,
     .on_request = true,
     .value = effective_rank},
    {.row = {"participation_ratio",
             "(sum l)^2 / sum l^2 over the eigenvalues of those features' covariance",
             "Gao et al., bioRxiv 214262"},
     .needs = METRIC_FEATURES,
     .on_request = true,
     .value = participation_ratio},
    {.row = {"sharpness",
             "largest eigenvalue of the Hessian of train_loss on 1024 training samples",
             "arXiv 2103.00065, section 2"},
     .needs = METRIC_SHARPNESS,
     .on_request = true,
     .value = sharpness},
    {.row = {"hessian_trace", "trace of that Hessian, from 10 random vectors",
             "arXiv 1912.07145"},
     .needs = METRIC_TRACE,
     .on_request = true,
     .value = hessian_trace},
};

_Static_assert(sizeof rows / sizeof *rows == METRIC_ROWS, "metric.h says how many");
const struct table metrics = TABLE("metric", rows);
