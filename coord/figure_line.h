/* figure_line.h - what the parts of a line figure share: its data, and where things lie. Private
 * to figure_line*.c. */
#ifndef SHOAL_COORD_FIGURE_LINE_H
#define SHOAL_COORD_FIGURE_LINE_H

#include "coord/figure.h"
#include "coord/label.h"
#include "coord/series.h"

/* Columns of the CSV: series, x, position, mean, low, high, n, diverged, value_1 ..., panel. */
enum { LINE_FIRST_VALUE = 9, LINE_MAX_PANELS = 12 };

/* One small plot. */
struct line_panel {
    char title[LABEL_SIZE]; /* "activation relu"; "" where it is the only one */
    const char *text;       /* value of the setting; "" */
    int64_t first_row;      /* of its data in the CSV */
    struct series_set s;
};

struct line {
    const struct figure_spec *spec;
    struct figure *f;
    int n_y;
    char y_name[SERIES_MAX_Y][TASK_NAME];
    int n_panels;
    struct line_panel panel[LINE_MAX_PANELS];
    bool log_x, log_y;
    int n_values;      /* columns for single values */
    double x[2], y[2]; /* ranges of the axes, the same in all panels */
};

/* Where point i of a series lies on the x axis. */
double line_position(const struct line_panel *p, int64_t i);

/* Names on x: series stand side by side, apart by this. */
double line_shift(const struct line_panel *p, int64_t series);

/* What the key says of a series, and its number in all panels: those of one name look alike. */
const char *line_key(const struct line *l, const struct series *s, char out[LABEL_SIZE]);

/* Where a point's interval is drawn from: not below a logarithmic axis. */
double line_low(const struct line *l, const struct series_point *p);

/* Labels of the axes. */
const char *line_x_label(const struct line *l, char out[LABEL_SIZE]);
const char *line_y_label(const struct line *l, char out[LABEL_SIZE]);
int line_x_ticks(const struct line *l, const struct line_panel *p, double tick[FIGURE_TICKS]);
const char *line_tick_text(const struct line_panel *p, double tick, char buffer[32]);

/* Panels stand in rows of this many. */
int line_columns(const struct line *l);

void line_gnuplot(const struct line *l); /* fills f->setup, f->plot */
void line_tex(const struct line *l);     /* fills f->axis */

#endif
