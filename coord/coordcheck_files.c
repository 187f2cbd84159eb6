/* coordcheck_files.c - see coordcheck_files.h. */
#include "coord/coordcheck_files.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"
#include "coord/folder.h"
#include "coord/gnuplot.h"

static void add_cell(struct text *t, double value, const char *end)
{
    char number[32];
    text_add(t, "%s%s", isfinite(value) ? text_double(value, number) : "", end);
}

static void csv(const struct coordcheck *c, struct text *t)
{
    text_add(t, "width,seed,step,layer,activation,change\n");
    for (int64_t i = 0; i < c->n_widths; i++)
        for (int64_t seed = 0; seed < c->n_seeds; seed++)
            for (int64_t step = 0; step <= c->n_steps; step++)
                for (int l = 0; l < c->n_layers; l++) {
                    int64_t at = seed * c->n_widths + i;
                    text_add(t, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%s,", c->width[i], seed,
                             step, c->layer[l]);
                    add_cell(t, coordcheck_values(c, COORDCHECK_ACTIVATION, step, l)[at], ",");
                    add_cell(t, coordcheck_values(c, COORDCHECK_CHANGE, step, l)[at], "\n");
                }
}

/* A block of the script: width, then the mean change over the seeds after step 1, 2, ... */
static void layer_block(const struct coordcheck *c, int layer, struct text *t)
{
    text_add(t, "$layer%d << END\n", layer);
    for (int64_t i = 0; i < c->n_widths; i++) {
        text_add(t, "%" PRId64, c->width[i]);
        for (int64_t step = 1; step <= c->n_steps; step++) {
            const double *value = coordcheck_values(c, COORDCHECK_CHANGE, step, layer);
            double sum = 0;
            for (int64_t s = 0; s < c->n_seeds; s++) sum += value[s * c->n_widths + i];
            text_add(t, isfinite(sum) && sum > 0 ? " %.6g" : " NaN", sum / (double)c->n_seeds);
        }
        text_add(t, "\n");
    }
    text_add(t, "END\n");
}

static void script(const struct coordcheck *c, struct text *t)
{
    int columns = c->n_layers < 4 ? c->n_layers : 4, rows = (c->n_layers + 3) / 4;
    text_add(t,
             "# coordcheck.gp - made by shoal: change of the layers from their start, a line "
             "for each step\nif (!exists('suffix')) suffix = ''\nset encoding utf8\n");
    for (int l = 0; l < c->n_layers; l++) layer_block(c, l, t);
    text_add(t,
             "set logscale xy 2\nset border 3\nset tics nomirror out\nset xlabel 'width'\n"
             "set format y '2^{%%L}'\nset key off\nset palette defined (0 '#9ecae1', 1 "
             "'#08306b')\nunset colorbox\nset cbrange [1:%" PRId64 "]\n",
             c->n_steps > 1 ? c->n_steps : 2);
    static const char *const terminal[] = {"pdfcairo size %din,%din", "svg size %d00,%d00"};
    static const char *const end[] = {"pdf", "svg"};
    for (int i = 0; i < 2; i++) {
        text_add(t, "set terminal ");
        text_add(t, terminal[i], 2 * columns, 2 * rows);
        text_add(t, "\nset output 'coordcheck.%s'.suffix\nset multiplot layout %d,%d\n", end[i],
                 rows, columns);
        for (int l = 0; l < c->n_layers; l++)
            text_add(t,
                     "set title \"%s\" noenhanced\nplot for [t=1:%" PRId64
                     "] $layer%d using 1:t+1 with linespoints pointtype 7 pointsize 0.3 "
                     "linecolor palette cb t\n",
                     c->layer[l], c->n_steps, l);
        text_add(t, "unset multiplot\nset output\n");
    }
}

enum err_code coordcheck_save(const struct coordcheck *c, const char *dir, bool *found,
                              struct err *e)
{
    struct text table = {0}, gp = {0};
    csv(c, &table);
    script(c, &gp);
    enum err_code rc = folder_make(dir, e);
    if (rc == ERR_OK) rc = folder_write(dir, "coordcheck.csv", &table, e);
    if (rc == ERR_OK) rc = folder_write(dir, "coordcheck.gp", &gp, e);
    text_clear(&table);
    text_clear(&gp);
    TRY(rc);
    return gnuplot_run(dir, "coordcheck", found, e);
}
