/* experiment.c - the table of experiments. To add one: shape and run in a file of its own, a
 * row here. */
#include "experiments/experiment.h"

#include "experiments/train.h"
#include "worker/config.h"
#include "worker/metric.h"

static const struct experiment rows[] = {
    {.row = {"train", "train networks, record metrics and representations", NULL},
     .fields = &config_fields,
     .metrics = &metrics,
     .arrays = &train_arrays,
     .shape = train_shape,
     .run = train_run},
};

const struct table experiments = TABLE("experiment", rows);
