/* figure_trials.h - the trials whose arrays a figure shows, grouped by its hue. */
#ifndef SHOAL_COORD_FIGURE_TRIALS_H
#define SHOAL_COORD_FIGURE_TRIALS_H

#include "base/arena.h"
#include "coord/figure.h"

enum { FIGURE_NAME = 96 };

struct figure_trials {
    const struct results *r;
    const struct results_axis *hue; /* NULL: one group without a name */
    int64_t n;
    int64_t *trial;    /* [n] those that are done, by hue, then by seed, then as in the store */
    int64_t n_missing; /* that are not done */
    struct arena arena;
};

/* Finds the trials that pass the figure's filter. Local. Clear it with figure_trials_clear also
 * after a failure.
 * errors   ERR_CONFIG: hue does not vary, or the filter is wrong; ERR_NOMEM */
enum err_code figure_trials_find(const struct results *r, const struct figure_spec *spec,
                                 struct figure_trials *out, struct err *e);
void figure_trials_clear(struct figure_trials *t);

/* One behind the last trial of the group that begins at `first`. */
int64_t figure_trials_group(const struct figure_trials *t, int64_t first);

/* What a group is called: "relu", or "width 64" where its value is a number; "" without hue.
 * Returns out. */
const char *figure_trials_name(const struct figure_trials *t, int64_t first,
                               char out[FIGURE_NAME]);

/* " 3 trials are not done." or nothing. */
void figure_trials_say(const struct figure_trials *t, const struct figure_spec *spec,
                       struct text *out);

#endif
