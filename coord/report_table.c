/* report_table.c - one grid of cells, written three times.
 *
 * All numbers of a table have the same number of decimals, and means, intervals and marks have
 * columns of their own: right-aligned means are then aligned at the point without a package
 * beyond booktabs. */
#include "coord/report_table.h"

#include <math.h>
#include <stdio.h>

#include "coord/figure.h"
#include "coord/folder.h"
#include "coord/html.h"
#include "coord/label.h"
#include "coord/series.h"

static const struct report_show shows[] = {
    {{"mean", "the mean over seeds", NULL}, false, false},
    {{"mean_ci", "the mean and its 95 % interval over seeds", NULL}, true, false},
    {{"mean_sd", "the mean and the standard deviation over seeds", NULL}, false, true},
};
const struct table table_shows = TABLE("way to show a value", shows);

struct grid {
    const struct table_spec *spec;
    const struct report_show *show;
    struct report_table *t;
    struct series_set s; /* series: rows; x: columns */
    int decimals;
};

static const struct series_point *cell(const struct grid *g, int64_t row, int64_t column)
{
    return &g->s.series[row].point[column];
}

/* Three significant digits of the smallest mean, two more than the largest would need at most.
 */
static int decimals(const struct grid *g)
{
    double least = HUGE_VAL, most = 0;
    for (int64_t i = 0; i < g->s.n_series; i++)
        for (int64_t j = 0; j < g->s.n_x; j++) {
            double mean = fabs(cell(g, i, j)->value.mean);
            if (!(mean > 0) || isinf(mean)) continue;
            least = fmin(least, mean);
            most = fmax(most, mean);
        }
    if (most == 0) return 3;
    int fine = 2 - (int)floor(log10(least)), coarse = 2 - (int)floor(log10(most));
    if (fine > coarse + 2) fine = coarse + 2;
    return fine < 0 ? 0 : fine > 12 ? 12 : fine;
}

/* Is the cell the best of its column, apart from all others? */
static bool is_best(const struct grid *g, int64_t row, int64_t column)
{
    int better = label_better(g->spec->value);
    if (g->s.of_pairs) better = 1;
    const struct statistics_interval *v = &cell(g, row, column)->value;
    if (!g->spec->bold || better == 0 || v->n == 0 || g->s.n_series < 2) return false;
    bool compared = false;
    for (int64_t i = 0; i < g->s.n_series; i++) {
        const struct statistics_interval *other = &cell(g, i, column)->value;
        if (i == row || other->n == 0) continue;
        if (better * (v->mean - other->mean) <= 0 || !statistics_separate(v, other))
            return false;
        compared = true;
    }
    return compared; /* alone in its column, all others diverged, it is not the best */
}

/* ---- CSV ---- */

static void write_csv(const struct grid *g)
{
    struct text *t = &g->t->csv;
    text_add(t, "%s,%s,%s,low,high,sd,n,diverged\n", *g->spec->rows ? g->spec->rows : "row",
             *g->spec->cols ? g->spec->cols : "column", g->spec->value);
    for (int64_t i = 0; i < g->s.n_series; i++)
        for (int64_t j = 0; j < g->s.n_x; j++) {
            const struct series_point *p = cell(g, i, j);
            const double number[4] = {p->value.mean, p->value.low, p->value.high, p->sd};
            text_add_csv(t, g->s.series[i].name);
            text_add(t, ",");
            text_add_csv(t, p->text);
            for (int k = 0; k < 4; k++) {
                text_add(t, ",");
                figure_add_csv_number(t, number[k]);
            }
            text_add(t, ",%lld,%lld\n", (long long)p->value.n, (long long)p->n_diverged);
        }
}

/* ---- LaTeX ---- */

static void tex_cell(const struct grid *g, int64_t row, int64_t column)
{
    struct text *t = &g->t->tex;
    const struct series_point *p = cell(g, row, column);
    if (p->value.n == 0)
        text_add(t, " & --- &");
    else if (is_best(g, row, column))
        text_add(t, " & \\textbf{%.*f} &", g->decimals, p->value.mean);
    else
        text_add(t, " & %.*f &", g->decimals, p->value.mean);
    if (g->show->interval && isfinite(p->value.low))
        text_add(t, " {\\scriptsize[%.*f, %.*f]}", g->decimals, p->value.low, g->decimals,
                 p->value.high);
    if (g->show->sd && isfinite(p->sd))
        text_add(t, " {\\scriptsize$\\pm$\\,%.*f}", g->decimals, p->sd);
    if (p->n_diverged) text_add(t, "$^{\\dagger%lld}$", (long long)p->n_diverged);
}

static void write_tex(const struct grid *g)
{
    struct text *t = &g->t->tex;
    text_add(t, "%% %s.tex - made by shoal. Needs \\usepackage{booktabs}.\n%% ", g->t->stem);
    figure_add_tex(t, g->t->caption.at);
    text_add(t, "\n\\begin{tabular}{@{}l");
    for (int64_t j = 0; j < g->s.n_x; j++) text_add(t, "r@{\\,}l");
    text_add(t, "@{}}\n\\toprule\n");
    if (*g->spec->cols) {
        text_add(t, " & \\multicolumn{%lld}{c}{", (long long)(2 * g->s.n_x));
        figure_add_tex(t, g->spec->cols);
        text_add(t, "} \\\\\n\\cmidrule(l){2-%lld}\n", (long long)(2 * g->s.n_x + 1));
    }
    figure_add_tex(t, g->spec->rows);
    for (int64_t j = 0; j < g->s.n_x; j++) {
        text_add(t, " & \\multicolumn{2}{c}{");
        figure_add_tex(t, *g->spec->cols ? cell(g, 0, j)->text : g->spec->value);
        text_add(t, "}");
    }
    text_add(t, " \\\\\n\\midrule\n");
    for (int64_t i = 0; i < g->s.n_series; i++) {
        figure_add_tex(t, g->s.series[i].name);
        for (int64_t j = 0; j < g->s.n_x; j++) tex_cell(g, i, j);
        text_add(t, " \\\\\n");
    }
    text_add(t, "\\bottomrule\n\\end{tabular}\n");
}

/* ---- HTML ---- */

static void html_cell(const struct grid *g, int64_t row, int64_t column)
{
    struct text *t = &g->t->html;
    const struct series_point *p = cell(g, row, column);
    const char *mark = is_best(g, row, column) ? "strong" : "span";
    if (p->value.n == 0)
        text_add(t, "<td>&mdash;");
    else
        text_add(t, "<td><%s>%.*f</%s>", mark, g->decimals, p->value.mean, mark);
    if (g->show->interval && isfinite(p->value.low))
        text_add(t, " <small>[%.*f, %.*f]</small>", g->decimals, p->value.low, g->decimals,
                 p->value.high);
    if (g->show->sd && isfinite(p->sd))
        text_add(t, " <small>&plusmn; %.*f</small>", g->decimals, p->sd);
    if (p->n_diverged)
        text_add(t, "<sup title=\"diverged\">&dagger;%lld</sup>", (long long)p->n_diverged);
    text_add(t, "</td>");
}

static void write_html(const struct grid *g)
{
    struct text *t = &g->t->html;
    text_add(t, "<table class=\"numbers\"><thead>");
    if (*g->spec->cols) {
        text_add(t, "<tr><td></td><th scope=\"colgroup\" colspan=\"%lld\">",
                 (long long)g->s.n_x);
        html_add(t, g->spec->cols);
        text_add(t, "</th></tr>");
    }
    text_add(t, "<tr><th scope=\"col\">");
    html_add(t, g->spec->rows);
    text_add(t, "</th>");
    for (int64_t j = 0; j < g->s.n_x; j++) {
        text_add(t, "<th scope=\"col\">");
        html_add(t, *g->spec->cols ? cell(g, 0, j)->text : g->spec->value);
        text_add(t, "</th>");
    }
    text_add(t, "</tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < g->s.n_series; i++) {
        text_add(t, "<tr><th scope=\"row\">");
        html_add(t, g->s.series[i].name);
        text_add(t, "</th>");
        for (int64_t j = 0; j < g->s.n_x; j++) html_cell(g, i, j);
        text_add(t, "</tr>\n");
    }
    text_add(t, "</tbody></table>\n");
}

/* ---- the whole ---- */

static void write_words(const struct grid *g)
{
    struct report_table *t = g->t;
    text_add(&t->title, "%s", g->spec->value);
    if (*g->spec->rows) text_add(&t->title, " by %s", g->spec->rows);
    if (*g->spec->cols) text_add(&t->title, " and %s", g->spec->cols);
    text_add(&t->caption,
             g->s.of_pairs ? "Mean %s between networks that differ only in their seed"
                           : "Mean %s at the last record",
             g->spec->value);
    int64_t least = INT64_MAX, most = 0;
    series_count_seeds(&g->s, &least, &most);
    const char *name = statistics_seed_interval_name(least, most);
    if (g->show->interval) text_add(&t->caption, ", 95 %% %s over seeds", name);
    if (g->show->sd) text_add(&t->caption, ", standard deviation over seeds");
    text_add(&t->caption, "; %lld seed%s.", (long long)g->s.n_seeds,
             g->s.n_seeds == 1 ? "" : "s");
    if (g->spec->bold)
        text_add(&t->caption,
                 " Bold: best of its column, its 95 %% interval apart from all others.");
    if (g->s.n_diverged)
        text_add(&t->caption, " Dagger: number of diverged trials, not in the mean.");
    if (*g->spec->at) text_add(&t->caption, " At the first record with %s.", g->spec->at);
    if (*g->spec->filter) text_add(&t->caption, " Only trials with %s.", g->spec->filter);
}

enum err_code report_table_make(const struct results *r, const struct table_spec *spec, int n,
                                struct report_table *out, struct err *e)
{
    *out = (struct report_table){0};
    snprintf(out->stem, sizeof out->stem, "table%d", n);
    struct grid g = {.spec = spec, .t = out};
    g.show = (const void *)table_row(&table_shows, spec->show);
    struct series_query query = {.y = {spec->value},
                                 .x = spec->cols,
                                 .hue = spec->rows,
                                 .filter = spec->filter,
                                 .at = spec->at,
                                 .level = 95};
    struct err cause = {0};
    enum err_code rc = series_collect(r, &query, &g.s, &cause);
    if (rc == ERR_OK) {
        g.decimals = decimals(&g);
        write_words(&g);
        write_csv(&g);
        write_tex(&g);
        write_html(&g);
    } else {
        ERR(e, rc, "report.tables, number %d: %s", n, cause.text);
    }
    series_clear(&g.s);
    return rc;
}

enum err_code report_table_save(const struct report_table *t, const char *dir, struct err *e)
{
    char name[32];
    snprintf(name, sizeof name, "%s.tex", t->stem);
    TRY(folder_write(dir, name, &t->tex, e));
    snprintf(name, sizeof name, "%s.csv", t->stem);
    return folder_write(dir, name, &t->csv, e);
}

void report_table_clear(struct report_table *t)
{
    text_clear(&t->tex);
    text_clear(&t->csv);
    text_clear(&t->html);
    text_clear(&t->title);
    text_clear(&t->caption);
}
