/* config.h - the settings of a configuration as field rows: what a sweep file may say under
 * data, model, optim and seeds. */
#ifndef SHOAL_WORKER_CONFIG_H
#define SHOAL_WORKER_CONFIG_H

#include "base/field.h"
#include "worker/task.h"

/* Rows of struct field over struct config. */
extern const struct table config_fields;

#endif
