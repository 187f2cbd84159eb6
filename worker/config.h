/* config.h - the settings of a configuration as field rows: what a sweep file may say under
 * data, model and optim. */
#ifndef SHOAL_WORKER_CONFIG_H
#define SHOAL_WORKER_CONFIG_H

#include "base/field.h"
#include "worker/task.h"

/* Rows of struct field over struct config. */
enum { CONFIG_COUNT = 31 };
extern const struct field config_rows[CONFIG_COUNT];
extern const struct table config_fields;

/* The table as an initialiser. */
#define CONFIG_TABLE                                                                           \
    {                                                                                          \
        .kind = "setting", .rows = config_rows, .stride = sizeof(struct field),                \
        .count = CONFIG_COUNT                                                                  \
    }

#endif
