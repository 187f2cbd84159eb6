/* figure_pairs.h - the networks that a measure of alignment compares, and its scores in the
 * order of a figure's trials. */
#ifndef SHOAL_COORD_FIGURE_PAIRS_H
#define SHOAL_COORD_FIGURE_PAIRS_H

#include "coord/figure_trials.h"

struct figure_pairs {
    struct figure_trials trials; /* done, past the filter, and with a score */
    const char *measure;         /* borrowed from the results */
    double *score;     /* [n, n], n = trials.n: the mean of both directions, or the one
                                    that is there; NaN without one, and on the diagonal */
    int64_t n_without; /* trials left out because no pair of them has a score */
};

/* The alignment of that name. Local.
 * errors   ERR_CONFIG: there is none; names those there are */
enum err_code figure_pairs_alignment(const struct results *r, const char *measure,
                                     const struct results_alignment **out, struct err *e);

/* Is less of the measure more alike? Its scores are then 1 less what the store has. Local. */
bool figure_pairs_distance(const char *measure);

/* score[n, n] as above for all trials of t, in memory of its arena; NULL without memory. Local.
 */
double *figure_pairs_score(struct figure_trials *t, const struct results_alignment *a);

/* Finds the networks of a figure and their scores. Local. Clear it with figure_pairs_clear also
 * after a failure.
 * errors   as figure_pairs_alignment and figure_trials_find */
enum err_code figure_pairs_find(const struct results *r, const struct figure_spec *spec,
                                const char *measure, struct figure_pairs *out, struct err *e);
void figure_pairs_clear(struct figure_pairs *p);

/* Mean score over the pairs of m networks, and its interval by resampling networks, never
 * pairs. member[m]: places among the trials; group[n] (or NULL): only pairs of different
 * groups. Local. */
struct statistics_interval figure_pairs_mean(const struct figure_pairs *p, double level,
                                             int64_t m, const int64_t *member,
                                             const int64_t *group);

/* " 2 networks have no score.", and what figure_trials_say says. */
void figure_pairs_say(const struct figure_pairs *p, const struct figure_spec *spec,
                      struct text *out);

#endif
