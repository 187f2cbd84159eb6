/* setting.h - the settings of one trial of a store: those that vary and those that do not. */
#ifndef SHOAL_COORD_SETTING_H
#define SHOAL_COORD_SETTING_H

#include "coord/results.h"

/* The setting's value as a sweep file would have it, or NULL if the store has no such setting.
 * Borrowed from r. Local. */
const char *setting_text(const struct results *r, const char *name, int64_t trial);

/* Does the setting matter to the trial (beta1 to adam, not to sgd; see only_key in field.h)? One
 * that this program does not know does. Local. */
bool setting_applies(const struct results *r, const char *name, int64_t trial);

#endif
