/* figure.h - one figure of a report: its data, the scripts that draw it, what is said of it. */
#ifndef SHOAL_COORD_FIGURE_H
#define SHOAL_COORD_FIGURE_H

#include <stdbool.h>

#include "base/table.h"
#include "base/text.h"
#include "coord/report.h"
#include "coord/results.h"
#include "coord/sweep.h"
#include "linalg/statistics.h"

enum {
    FIGURE_TICKS = 16,
    FIGURE_STYLES = 8,  /* colours, markers and dashes before they repeat */
    FIGURE_PALETTE = 9, /* stops of the colour map */
};

/* A figure type's draw fills the texts; figure_save makes files of them. */
struct figure {
    char stem[16]; /* "fig1" */
    const struct report_venue *venue;
    double height_in;
    bool multiplot;      /* the plot is several commands: it cannot be repeated by one */
    struct text csv;     /* the data */
    struct text setup;   /* gnuplot: commands before the plot */
    struct text plot;    /* gnuplot: the plot command */
    struct text axis;    /* pgfplots: the axis environment */
    struct text title;   /* plain text from here on: one line, for the page */
    struct text caption; /* what is shown, how many seeds, which intervals, what diverged */
    struct text answer;  /* what the data say, in lines of text */
    struct text svg;     /* filled by figure_save; empty without gnuplot */
};

struct figure_type {
    struct row row;
    const char *needs; /* keys without which there is no such figure: "y x" */
    enum err_code (*draw)(const struct results *r, const struct figure_spec *spec,
                          struct figure *f, struct err *e);
};

/* Lines fitted to a scatter. */
enum figure_fit { FIGURE_FIT_NONE, FIGURE_FIT_LINEAR, FIGURE_FIT_LOGIT };
extern const struct table figure_fits; /* none, linear, logit */

/* How a map is laid out. */
enum figure_layout { FIGURE_LAYOUT_SMACOF, FIGURE_LAYOUT_CLASSICAL };
extern const struct table figure_layouts; /* smacof, classical */

/* What a trend's networks are aligned with. */
enum figure_target { FIGURE_TO_ALL, FIGURE_TO_BEST };
extern const struct table figure_targets; /* all, best */

/* Draw functions of the rows of figure_types. */
enum err_code figure_scatter_draw(const struct results *r, const struct figure_spec *spec,
                                  struct figure *f, struct err *e);
enum err_code figure_line_draw(const struct results *r, const struct figure_spec *spec,
                               struct figure *f, struct err *e);
enum err_code figure_matrix_draw(const struct results *r, const struct figure_spec *spec,
                                 struct figure *f, struct err *e);
enum err_code figure_map_draw(const struct results *r, const struct figure_spec *spec,
                              struct figure *f, struct err *e);
enum err_code figure_bins_draw(const struct results *r, const struct figure_spec *spec,
                               struct figure *f, struct err *e);
enum err_code figure_agreement_draw(const struct results *r, const struct figure_spec *spec,
                                    struct figure *f, struct err *e);
enum err_code figure_trend_draw(const struct results *r, const struct figure_spec *spec,
                                struct figure *f, struct err *e);
enum err_code figure_neighbours_draw(const struct results *r, const struct figure_spec *spec,
                                     struct figure *f, struct err *e);
enum err_code figure_spectrum_draw(const struct results *r, const struct figure_spec *spec,
                                   struct figure *f, struct err *e);
enum err_code figure_histogram_draw(const struct results *r, const struct figure_spec *spec,
                                    struct figure *f, struct err *e);
enum err_code figure_images_draw(const struct results *r, const struct figure_spec *spec,
                                 struct figure *f, struct err *e);
enum err_code figure_scaling_draw(const struct results *r, const struct figure_spec *spec,
                                  struct figure *f, struct err *e);

/* Prepares figure number n (from 1) for a venue, draws it, writes its files into dir.
 * *found: see gnuplot_run. Local. Clear it with figure_clear also after a failure. */
enum err_code figure_make(const struct results *r, const struct figure_spec *spec, int n,
                          const struct report_venue *venue, struct figure *out, struct err *e);
enum err_code figure_save(struct figure *f, const char *dir, bool *found, struct err *e);
void figure_clear(struct figure *f);

/* order: cluster, the order of likeness; it stands among settings but alone. */
#define FIGURE_CLUSTER "cluster"
bool figure_is_cluster(const struct figure_spec *spec);

/* The names in "a, b, c", at most 6. Returns how many, 7 if there are more. Local. */
enum { FIGURE_MAX_NAMES = 6 };
int figure_names(const char *list, char out[FIGURE_MAX_NAMES][TASK_NAME]);

/* ---- what figure types share ---- */

/* Okabe and Ito's colours, told apart also by those who see fewer, as RRGGBB; with markers and
 * dashes, so that they need not be. */
struct figure_style {
    const char *color;
    int gnuplot_point, gnuplot_dash;
    const char *mark, *dash; /* of pgfplots */
};
extern const struct figure_style figure_styles[FIGURE_STYLES];

/* A perceptually uniform colour map (viridis) as RRGGBB, equally spaced. */
extern const char *const figure_palette[FIGURE_PALETTE];

/* Round numbers within [low, high] at which an axis is labelled. Returns how many. */
int figure_ticks(double low, double high, bool log, double tick[FIGURE_TICKS]);

/* Adds "0.512 [0.498, 0.525]", the mean alone where there is no interval. */
void figure_add_interval(struct text *t, const struct statistics_interval *v);

/* Adds text as the inside of a gnuplot '...' string, as TeX. */
void figure_add_quoted(struct text *t, const char *text);
void figure_add_tex(struct text *t, const char *text);

/* Adds a number as one field of a CSV line; NaN is empty. */
void figure_add_csv_number(struct text *t, double value);

#endif
