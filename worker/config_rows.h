/* config_rows.h - what the files of rows of settings share. Private to config*.c.
 *
 * To add a setting: a member of struct config (task.h), a row in the file of its section, and one
 * more in the number of rows below, which the compiler checks. */
#ifndef SHOAL_WORKER_CONFIG_ROWS_H
#define SHOAL_WORKER_CONFIG_ROWS_H

#include "worker/config.h"

enum { CONFIG_DATA = 38, CONFIG_MODEL = 28, CONFIG_OPTIM = 48 };

/* Each behind the one before, config_fields behind them all. */
extern const struct table config_data, config_model, config_optim;

#define AT(member) .offset = offsetof(struct config, member)
#define ID .flags = FIELD_IDENTITY
#define MANY 1e15
#define ONLY(key, names) .only_key = (key), .only_names = (names)

#define FEATURES "arXiv 2406.03345, definition 1"
#define BACKGROUNDS "feature_model composed" /* streams with a background */

#endif
