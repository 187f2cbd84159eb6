/* figure_plot.h - points of one CSV, a colour for each group of them: clouds, or lines with
 * their intervals. What figures of pairs draw. */
#ifndef SHOAL_COORD_FIGURE_PLOT_H
#define SHOAL_COORD_FIGURE_PLOT_H

#include "coord/figure_trials.h"
#include "coord/label.h"

struct figure_plot_point {
    double x, y;
    double low, high; /* NaN: no interval */
};

struct figure_plot_group {
    int64_t first, end; /* points [first, end), which are also rows of the CSV */
    char name[FIGURE_NAME];
};

struct figure_plot {
    char x_label[LABEL_SIZE], y_label[LABEL_SIZE];
    bool lines; /* points are joined, and have intervals */
    bool equal; /* a unit is as long on both axes */
    bool log_x, log_y;
    int64_t n, n_groups;
    const struct figure_plot_point *point;
    const struct figure_plot_group *group;
    int x_column, y_column; /* of the CSV, from 1; low and high are the two behind y */
};

/* What an axis is called: a setting by its help, a metric by its name, for several metrics are
 * called the same in short. Returns out. Local. */
const char *figure_plot_label(const struct results *r, const char *name, char out[LABEL_SIZE]);

/* group: those of t, in order; room for t->n of them. Returns how many. Local. */
int64_t figure_plot_groups(const struct figure_trials *t, struct figure_plot_group *group);

/* Fills f's setup, plot and axis. Points whose x or y is not finite, or not above 0 on a
 * logarithmic axis, are left out. Local. */
void figure_plot_draw(const struct figure_plot *p, struct figure *f);

#endif
