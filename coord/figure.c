/* figure.c - what all figures share, and how one becomes files.
 *
 * To add a type: a draw function in figure_<type>.c, its line in figure.h, a row here. */
#include "coord/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/folder.h"
#include "coord/gnuplot.h"

static const struct figure_type types[] = {
    {{"line", "a metric or an alignment against a setting, one line for each value of hue",
      NULL},
     "y x",
     figure_line_draw},
    {{"scatter", "a metric against another, a point for each trial", NULL},
     "y x",
     figure_scatter_draw},
    {{"matrix", "a heat map of the alignment of all pairs of networks", NULL},
     "value",
     figure_matrix_draw},
    {{"map", "networks in the plane, near each other where they are aligned", NULL},
     "value",
     figure_map_draw},
    {{"bins", "alignment among the networks of each bin of a metric", NULL},
     "value by bins",
     figure_bins_draw},
    {{"agreement", "rank correlations between measures of alignment, over all pairs", NULL},
     "",
     figure_agreement_draw},
    {{"trend", "alignment of each network with the others against a setting or metric", NULL},
     "value x",
     figure_trend_draw},
    {{"neighbours", "a measure of k neighbours against k, within and across values of hue",
      NULL},
     "value",
     figure_neighbours_draw},
    {{"spectrum", "share of variance along each direction of a layer, by hue", NULL},
     "",
     figure_spectrum_draw},
    {{"histogram", "how the values in a column of an array are distributed, by hue", NULL},
     "array",
     figure_histogram_draw},
    {{"images", "the first images of an array, a row for each value of hue", NULL},
     "array",
     figure_images_draw},
    {{"scaling", "fits of a metric against a size: means and the law through them", NULL},
     "y x",
     figure_scaling_draw},
};
const struct table figure_types = TABLE("figure type", types);

/* source   Okabe and Ito, Color universal design, 2008; yellow last: faint on white */
const struct figure_style figure_styles[FIGURE_STYLES] = {
    {"0072B2", 7, 1, "*", "solid"},
    {"D55E00", 5, 2, "square*", "dashed"},
    {"009E73", 9, 4, "triangle*", "dash dot"},
    {"CC79A7", 13, 3, "diamond*", "dotted"},
    {"E69F00", 11, 5, "pentagon*", "dash dot dot"},
    {"56B4E9", 6, 1, "o", "solid"},
    {"000000", 4, 2, "square", "dashed"},
    {"F0E442", 8, 4, "triangle", "dash dot"},
};

/* source   van der Walt and Smith, matplotlib 1.5, CC0 */
const char *const figure_palette[FIGURE_PALETTE] = {
    "440154", "472D7B", "3B528B", "2C728E", "21918C", "28AE80", "5EC962", "ADDC30", "FDE725"};

/* ---- ticks ---- */

static int linear_ticks(double low, double high, double tick[FIGURE_TICKS])
{
    double rough = (high - low) / 5, power = pow(10, floor(log10(rough)));
    double step = power * (rough / power < 1.5   ? 1
                           : rough / power < 3.5 ? 2
                           : rough / power < 7.5 ? 5
                                                 : 10);
    int n = 0;
    for (double k = ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && n < FIGURE_TICKS;
         k++) {
        double rounded = round(k * step / power * 10) / 10 * power;
        char text[32]; /* twelve digits: 0.30000000000000004 is meant as 0.3 */
        snprintf(text, sizeof text, "%.12g", rounded);
        tick[n++] = strtod(text, NULL);
    }
    return n;
}

/* Powers of ten, every `stride`th where there are many; all: also 2 and 5 times them. */
static int log_ticks(double low, double high, bool all, double tick[FIGURE_TICKS])
{
    static const double multiple[] = {1, 2, 5};
    int first = (int)floor(log10(low)), last = (int)ceil(log10(high));
    int stride = 1 + (last - first) / 8, n = 0;
    for (int power = first; power <= last; power += stride)
        for (int i = 0; i < (all ? 3 : 1); i++) {
            double at = multiple[i] * pow(10, power);
            if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9) && n < FIGURE_TICKS)
                tick[n++] = at;
        }
    return n;
}

int figure_ticks(double low, double high, bool log, double tick[FIGURE_TICKS])
{
    if (!(high > low) || !isfinite(high - low)) {
        tick[0] = low;
        return isfinite(low);
    }
    int n = log ? log_ticks(low, high, ceil(log10(high)) - floor(log10(low)) <= 2, tick) : 0;
    if (log && n < 3) n = log_ticks(low, high, true, tick);
    return n >= 3 ? n : linear_ticks(low, high, tick); /* too short for a log's round numbers */
}

/* ---- text ---- */

bool figure_is_cluster(const struct figure_spec *spec)
{
    return spec->n_order == 1 && strcmp(spec->order[0], FIGURE_CLUSTER) == 0;
}

int figure_names(const char *list, char out[FIGURE_MAX_NAMES][TASK_NAME])
{
    int n = 0;
    for (const char *at = list; *at; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ", ");
        if (n == FIGURE_MAX_NAMES) return n + 1;
        if (length) snprintf(out[n++], TASK_NAME, "%.*s", (int)length, at);
        at += length;
    }
    return n;
}

void figure_add_interval(struct text *t, const struct statistics_interval *v)
{
    text_add(t, "%.3g", v->mean);
    if (isfinite(v->low)) text_add(t, " [%.3g, %.3g]", v->low, v->high);
}

void figure_add_quoted(struct text *t, const char *text)
{
    for (; *text; text++) text_add(t, *text == '\'' ? "''" : "%c", *text);
}

void figure_add_tex(struct text *t, const char *text)
{
    for (; *text; text++) {
        if (strchr("#$%&_{}", *text))
            text_add(t, "\\%c", *text);
        else if (*text == '\\')
            text_add(t, "\\textbackslash{}");
        else if (*text == '~')
            text_add(t, "\\textasciitilde{}");
        else if (*text == '^')
            text_add(t, "\\textasciicircum{}");
        else
            text_add_bytes(t, text, 1);
    }
}

void figure_add_csv_number(struct text *t, double value)
{
    char number[32];
    if (isfinite(value)) text_add(t, "%s", results_number(value, number));
}

/* ---- files ---- */

enum err_code figure_make(const struct results *r, const struct figure_spec *spec, int n,
                          const struct report_venue *venue, struct figure *out, struct err *e)
{
    *out = (struct figure){.venue = venue, .height_in = venue->height_in};
    snprintf(out->stem, sizeof out->stem, "fig%d", n);
    const struct figure_type *type = (const void *)table_row(&figure_types, spec->type);
    struct err cause = {0};
    enum err_code rc = type->draw(r, spec, out, &cause);
    return rc == ERR_OK ? rc : ERR(e, rc, "report.figures, number %d: %s", n, cause.text);
}

/* The script: both terminals show the same plot at the same true size. */
static void gnuplot_script(const struct figure *f, struct text *gp)
{
    enum { CSS_PIXELS_PER_INCH = 96, POINTS_PER_INCH = 72 };
    const struct report_venue *v = f->venue;
    double svg_font = v->font_pt * CSS_PIXELS_PER_INCH / POINTS_PER_INCH;
    text_add(gp,
             "# %s.gp - made by shoal. gnuplot %s.gp reads %s.csv, writes %s.pdf and .svg\n",
             f->stem, f->stem, f->stem, f->stem);
    text_add(gp, "if (!exists('suffix')) suffix = ''\n"
                 "set encoding utf8\n"
                 "set datafile separator comma\n"
                 "set border 3 linewidth 0.6\n"
                 "set tics nomirror out scale 0.5\n");
    text_add_bytes(gp, f->setup.at, f->setup.length);
    /* fontscale 0.75: pdfcairo takes a font's size for three quarters of what it is */
    text_add(gp,
             "set terminal pdfcairo noenhanced size %gin,%gin font 'Liberation Serif,%g'"
             " fontscale 0.75\nset output '%s.pdf'.suffix\n",
             v->width_in, f->height_in, v->font_pt, f->stem);
    text_add_bytes(gp, f->plot.at, f->plot.length);
    text_add(gp,
             "set terminal svg noenhanced size %.0f,%.0f font 'Liberation Serif,%.4g' name '%s'"
             " linewidth 1\nset output '%s.svg'.suffix\n",
             v->width_in * CSS_PIXELS_PER_INCH, f->height_in * CSS_PIXELS_PER_INCH, svg_font,
             f->stem, f->stem);
    if (f->multiplot)
        text_add_bytes(gp, f->plot.at, f->plot.length);
    else
        text_add(gp, "replot\n");
    text_add(gp, "set output\n");
}

static void tex_document(const struct figure *f, struct text *tex)
{
    text_add(
        tex,
        "%% %s.tex - made by shoal. pdflatex %s.tex makes the figure; in a paper that loads\n"
        "%% pgfplots and standalone, \\input{%s} does.\n"
        "\\documentclass{standalone}\n"
        "\\usepackage[T1]{fontenc}\n\\usepackage{mathptmx}\n\\usepackage{pgfplots}\n"
        "\\pgfplotsset{compat=1.16}\n\\usepgfplotslibrary{fillbetween,groupplots}\n"
        "\\begin{document}\n\\fontsize{%g}{%g}\\selectfont\n",
        f->stem, f->stem, f->stem, f->venue->font_pt, 1.2 * f->venue->font_pt);
    for (int i = 0; i < FIGURE_STYLES; i++)
        text_add(tex, "\\definecolor{shoal%d}{HTML}{%s}\n", i, figure_styles[i].color);
    text_add(tex, "\\begin{tikzpicture}\n");
    text_add_bytes(tex, f->axis.at, f->axis.length);
    text_add(tex, "\\end{tikzpicture}\n\\end{document}\n");
}

static enum err_code save(const struct figure *f, const char *dir, const char *end,
                          const struct text *text, struct err *e)
{
    char name[32];
    snprintf(name, sizeof name, "%s.%s", f->stem, end);
    return folder_write(dir, name, text, e);
}

enum err_code figure_save(struct figure *f, const char *dir, bool *found, struct err *e)
{
    char svg[32];
    struct text gp = {0}, tex = {0};
    gnuplot_script(f, &gp);
    tex_document(f, &tex);
    enum err_code rc = save(f, dir, "csv", &f->csv, e);
    if (rc == ERR_OK) rc = save(f, dir, "gp", &gp, e);
    if (rc == ERR_OK) rc = save(f, dir, "tex", &tex, e);
    text_clear(&gp);
    text_clear(&tex);
    TRY(rc);
    TRY(gnuplot_run(dir, f->stem, found, e));
    if (!*found) return ERR_OK;
    snprintf(svg, sizeof svg, "%s.svg", f->stem);
    return folder_read(dir, svg, &f->svg, e);
}

void figure_clear(struct figure *f)
{
    struct text *const all[] = {&f->csv,   &f->setup,   &f->plot,   &f->axis,
                                &f->title, &f->caption, &f->answer, &f->svg};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) text_clear(all[i]);
}
