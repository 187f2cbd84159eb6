/* config.c - settings of seeds, behind those of data, model and optim. */
#include "worker/config_rows.h"
#include "worker/data.h"

/* A seed of its own for one purpose. */
#define SEED(key, member, word_, help)                                                         \
    {                                                                                          \
        {key, help, NULL}, FIELD_INT, AT(seeds.member),                                        \
            .fallback = word_, .max = MANY, .word = word_, .word_value = SEED_FOLLOWS, ID      \
    }

static const struct field rows[] = {
    SEED("seeds.init", init, "trial", "seed of initial weights; trial: the trial's own"),
    SEED("seeds.order", order, "trial", "seed of the order of samples; trial: the trial's own"),
    SEED("seeds.augment", augment, "trial", "seed of augmentation; trial: the trial's own"),
    SEED("seeds.subset", subset, "root",
         "seed that chooses training samples; root: the same for the whole sweep"),
    SEED("seeds.noise", noise, "root",
         "seed of label noise; root: the same for the whole sweep"),
    {{"seeds.data", "whose seed makes the samples of a synthetic stream", NULL},
     FIELD_NAME,
     AT(seeds.data),
     .fallback = "root",
     .names = &data_seeds,
     ID},
};

const struct table config_fields =
    TABLE_BEHIND(&config_optim, CONFIG_DATA + CONFIG_MODEL + CONFIG_OPTIM, "setting", rows);
