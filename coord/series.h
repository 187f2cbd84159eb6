/* series.h - a quantity against a setting, one series for each value of another: what a line
 * figure draws and a table prints. */
#ifndef SHOAL_COORD_SERIES_H
#define SHOAL_COORD_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "coord/results.h"
#include "linalg/statistics.h"

enum {
    SERIES_MAX_Y = 6,  /* metrics side by side */
    SERIES_FEW = 5,    /* fewer seeds than this are also shown one by one: ... */
    SERIES_VALUES = 6, /* ... 4 values, or the 6 pairs of 4 seeds */
};

/* One value of x in one series. */
struct series_point {
    double x;         /* of names: their place in order of appearance */
    const char *text; /* of x, as a sweep file would have it; borrowed from the results */
    struct statistics_interval value;
    double sd;          /* over seeds; of pairs: over seeds' mean scores */
    int64_t n_diverged; /* trials that are not in the mean because they diverged */
    int n_each;         /* where there are few seeds: each seed's (pair's) value */
    double each[SERIES_VALUES];
};

struct series {
    const char *y;    /* borrowed from the query */
    const char *name; /* value of hue, borrowed; "" without one */
    struct series_point *point;
};

/* Every series has a point at every x; a point without trials has value.n = 0. */
struct series_set {
    bool of_pairs; /* y is an alignment measure */
    bool names;    /* x is names, not numbers */
    bool by_step;  /* x is the steps of records */
    int64_t n_x, n_series;
    struct series *series;
    int64_t n_seeds;    /* distinct, over all trials used */
    int64_t n_diverged; /* over all points */
    int64_t n_waiting;  /* trials neither done nor diverged */
    struct arena arena;
};

struct series_query {
    int n_y;                     /* 0: as 1 */
    const char *y[SERIES_MAX_Y]; /* metrics (the value at the last record), or one measure of
                                    alignment */
    const char *x,
        *hue; /* settings that vary; "": none. x may be "step": a metric at every record
                            over the steps done by then */
    const struct results_axis *only; /* NULL, or: only trials that have this value of it */
    double only_value;
    const char *filter; /* "": all trials */
    const char *at;     /* the first record where this holds; "" or NULL: the last */
    double level;       /* of the intervals, percent */
};

/* Collects the points, of metric after metric. Of a metric: one value a seed, the mean over all
 * trials of that seed at the point; interval over seeds. Of a measure: the mean over pairs of
 * trials that differ in their seed alone; interval over seeds, see statistics_pair_interval. Only trials that are done count.
 * errors   ERR_CONFIG: an unknown y, x, hue or filter, naming the known ones
 * same     bits for the same store
 * Local. Clear it with series_clear also after a failure. */
enum err_code series_collect(const struct results *r, const struct series_query *q,
                             struct series_set *out, struct err *e);
void series_clear(struct series_set *s);

/* Lowers *least and raises *most to the fewest and most seeds of a point that has some.
 * Local. */
void series_count_seeds(const struct series_set *s, int64_t *least, int64_t *most);

#endif
