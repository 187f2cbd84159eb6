/* experiment.c - the table of experiments. To add one: shape and run in a file of its own, a
 * row here. */
#include "experiments/experiment.h"

#include "experiments/feature_contamination.h"
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
    {.row = {"feature_contamination",
             "what a network learns of features that tell nothing, and what that costs under "
             "shift",
             "arXiv 2406.03345"},
     .fields = &config_fields,
     .metrics = &feature_contamination_metrics,
     .arrays = &feature_contamination_arrays,
     .defaults = feature_contamination_defaults,
     .shape = feature_contamination_shape,
     .run = feature_contamination_run},
};

const struct table experiments = TABLE("experiment", rows);
