/* report.c - from a specification, or none, to a folder of figures, tables and a page. */
#include "coord/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure.h"
#include "coord/folder.h"
#include "coord/label.h"
#include "coord/report_best.h"
#include "coord/report_compare.h"
#include "coord/report_page.h"
#include "coord/report_table.h"
#include "coord/scaling.h"
#include "coord/setting.h"

/* Text widths of the official LaTeX styles; icml is one of its two columns. */
static const struct report_venue venues[] = {
    {{"icml", "3.25 in, a column of ICML", "icml2024.sty"}, 3.25, 2.3, 8},
    {{"neurips", "5.5 in, the text width of NeurIPS", "neurips_2024.sty"}, 5.5, 3.0, 8},
    {{"iclr", "5.5 in, the text width of ICLR", "iclr2024_conference.sty"}, 5.5, 3.0, 8},
    {{"jmlr", "6 in, the text width of JMLR", "jmlr2e.sty"}, 6.0, 3.2, 8},
};
const struct table report_venues = TABLE("venue", venues);

struct report {
    const struct results *r;
    const char *dir;
    struct report_spec spec;
    struct figure figure[SWEEP_MAX_FIGURES];
    struct report_table table[SWEEP_MAX_TABLES];
    struct report_compare compare;
    json_t *scaling; /* NULL: the store has no fits */
};

/* ---- the default set ---- */

/* Are the values of the axis far enough apart for a logarithmic axis? */
static bool wants_log(const struct results *r, const struct results_axis *axis)
{
    enum { FAR_APART = 8 };
    double least = HUGE_VAL, most = -HUGE_VAL;
    for (int64_t t = 0; t < r->n_trials; t++) {
        least = fmin(least, axis->number[t]);
        most = fmax(most, axis->number[t]);
    }
    return !axis->is_text && least > 0 && most >= FAR_APART * least;
}

/* The first axis that is (or is not) text, other than `other`; NULL if there is none. */
static const struct results_axis *first_axis(const struct results *r, bool text,
                                             const struct results_axis *other)
{
    for (int i = 0; i < r->n_axes; i++)
        if (r->axis[i].is_text == text && &r->axis[i] != other) return &r->axis[i];
    return NULL;
}

static void add_line(struct report *p, const char *y, const struct results_axis *x,
                     const struct results_axis *hue)
{
    if (p->spec.n_figures == SWEEP_MAX_FIGURES) return;
    struct figure_spec *f = &p->spec.figure[p->spec.n_figures++];
    *f = (struct figure_spec){.type = table_find(&figure_types, "line"), .ci = 95};
    snprintf(f->y, sizeof f->y, "%s", y);
    snprintf(f->x, sizeof f->x, "%s", x->name);
    if (hue) snprintf(f->hue, sizeof f->hue, "%s", hue->name);
    snprintf(f->log, sizeof f->log, "%s", wants_log(p->r, x) ? "x" : "");
}

static void add_matrix(struct report *p)
{
    if (p->spec.n_figures == SWEEP_MAX_FIGURES || p->r->n_alignments == 0) return;
    struct figure_spec *f = &p->spec.figure[p->spec.n_figures++];
    *f = (struct figure_spec){.type = table_find(&figure_types, "matrix"), .ci = 95};
    snprintf(f->value, sizeof f->value, "%s", p->r->alignment[0].measure);
}

static void default_figures(struct report *p)
{
    const struct results *r = p->r;
    const struct results_axis *x = first_axis(r, false, NULL);
    if (!x) x = first_axis(r, true, NULL);
    if (!x) return; /* nothing varies: the page's numbers say it all */
    const struct results_axis *hue = first_axis(r, true, x);
    if (!hue) hue = first_axis(r, false, x);
    for (int i = 0; i < r->n_alignments; i++) add_line(p, r->alignment[i].measure, x, hue);
    for (int i = 1; i < r->n_metrics; i++) /* 0 is the step */
        if (label_better(r->metric[i].name)) add_line(p, r->metric[i].name, x, hue);
    add_matrix(p);
}

/* ---- what the store can show ---- */

/* A sweep narrowed to one value of an axis leaves names of settings that do not vary: as a hue
 * or in an order they say nothing, a figure or table along them is left out. */
static bool varies(const struct results *r, const char *name)
{
    return !*name || results_axis(r, name);
}

static void say_left_out(const char *where, int number, const char *name)
{
    fprintf(stderr,
            "shoal: warning: %s, number %d is left out: '%s' does not vary in this store\n",
            where, number, name);
}

static void keep_figures(struct report *p)
{
    struct report_spec *s = &p->spec;
    int n = 0;
    for (int i = 0; i < s->n_figures; i++) {
        struct figure_spec f = s->figure[i];
        int n_order = figure_is_cluster(&f);
        for (int k = n_order; k < f.n_order; k++)
            if (varies(p->r, f.order[k])) memmove(f.order[n_order++], f.order[k], TASK_NAME);
        f.n_order = n_order;
        if (!varies(p->r, f.hue)) f.hue[0] = '\0';
        if (!varies(p->r, f.panel)) f.panel[0] = '\0';
        bool metric = strcmp(f.x, "step") == 0 || results_metric(p->r, f.x) ||
                      f.type == table_find(&figure_types, "scaling");
        if (metric || varies(p->r, f.x))
            s->figure[n++] = f;
        else
            say_left_out("report.figures", i + 1, f.x);
    }
    s->n_figures = n;
}

static void keep_tables(struct report *p)
{
    struct report_spec *s = &p->spec;
    int n = 0;
    for (int i = 0; i < s->n_tables; i++) {
        struct table_spec t = s->table[i];
        if (varies(p->r, t.rows) && varies(p->r, t.cols))
            s->table[n++] = t;
        else
            say_left_out("report.tables", i + 1, varies(p->r, t.rows) ? t.cols : t.rows);
    }
    s->n_tables = n;
}

/* ---- making it ---- */

static enum err_code make_figures(struct report *p, struct err *e)
{
    bool found = true;
    const struct report_venue *venue = (const void *)table_row(&report_venues, p->spec.venue);
    for (int i = 0; i < p->spec.n_figures; i++) {
        TRY(figure_make(p->r, &p->spec.figure[i], i + 1, venue, &p->figure[i], e));
        TRY(figure_save(&p->figure[i], p->dir, &found, e));
    }
    if (!found)
        fprintf(stderr,
                "shoal: warning: no gnuplot in PATH: %s has no .pdf and .svg (Debian: "
                "apt install gnuplot-nox); fig*.csv, .gp and .tex are complete\n",
                p->dir);
    return ERR_OK;
}

static enum err_code make_tables(struct report *p, struct err *e)
{
    for (int i = 0; i < p->spec.n_tables; i++) {
        TRY(report_table_make(p->r, &p->spec.table[i], i + 1, &p->table[i], e));
        TRY(report_table_save(&p->table[i], p->dir, e));
    }
    if (p->spec.n_compare == 0) return ERR_OK;
    report_compare_make(p->r, p->spec.n_compare, p->spec.compare, &p->compare);
    return report_compare_save(&p->compare, p->dir, e);
}

/* scaling.csv and scaling.json of the fits that the store has. */
static enum err_code make_scaling(struct report *p, struct err *e)
{
    TRY(scaling_read(p->r->path, &p->scaling, e));
    if (!p->scaling) return ERR_OK;
    struct text csv = {0}, json = {0};
    char *dump = json_dumps(p->scaling, JSON_INDENT(1));
    scaling_csv(p->scaling, &csv);
    text_add(&json, "%s\n", dump ? dump : "");
    free(dump);
    enum err_code rc = folder_write(p->dir, "scaling.csv", &csv, e);
    if (rc == ERR_OK) rc = folder_write(p->dir, SCALING_FILE, &json, e);
    text_clear(&csv);
    text_clear(&json);
    return rc;
}

static enum err_code make_page(struct report *p, struct err *e)
{
    struct text page = {0};
    struct report_parts parts = {.results = p->r,
                                 .question = p->spec.question,
                                 .n_figures = p->spec.n_figures,
                                 .figure = p->figure,
                                 .n_tables = p->spec.n_tables,
                                 .table = p->table,
                                 .compare = p->spec.n_compare ? &p->compare : NULL,
                                 .scaling = p->scaling};
    report_page(&parts, &page);
    enum err_code rc = folder_write(p->dir, "index.html", &page, e);
    text_clear(&page);
    return rc;
}

/* The best mean over seeds of each metric, and with what settings. */
static void say_best(const struct results *r, struct text *out)
{
    text_add(out, "  best means over seeds\n");
    for (int i = 1; i < r->n_metrics; i++) { /* 0 is the step */
        struct report_best best;
        int better = label_better(r->metric[i].name);
        if (!better || !report_best(r, &r->metric[i], better, &best)) continue;
        text_add(out, "    %s %.4g", r->metric[i].name, best.value.mean);
        const char *between = " at ";
        for (int k = 0; k < r->n_axes; k++) {
            if (!*r->axis[k].text[best.trial]) continue; /* of a model that is no trial */
            if (!setting_applies(r, r->axis[k].name, best.trial)) continue;
            text_add(out, "%s%s %s", between, r->axis[k].name, r->axis[k].text[best.trial]);
            between = ", ";
        }
        text_add(out, "\n");
    }
}

/* What the figures say, for the terminal: every line of an answer under its figure's title. */
static void summarise(const struct report *p, struct text *out)
{
    if (*p->spec.question) text_add(out, "%s\n", p->spec.question);
    for (int i = 0; i < p->spec.n_figures; i++) {
        const char *line = p->figure[i].answer.at;
        if (!line || !*line) continue;
        text_add(out, "  %s\n", p->figure[i].title.at);
        for (; *line; line += strspn(line, "\n")) {
            int length = (int)strcspn(line, "\n");
            text_add(out, "    %.*s\n", length, line);
            line += length;
        }
    }
    if (p->spec.n_compare)
        text_add(out, "  compared with the paper: %d of %d lines agree\n", p->compare.n_agree,
                 p->compare.n_judged);
    say_best(p->r, out);
}

enum err_code report_write(const struct results *r, const struct report_spec *spec,
                           const char *dir, struct text *summary, struct err *e)
{
    struct report *p = calloc(1, sizeof *p);
    if (!p) return ERR(e, ERR_NOMEM, "no memory for a report");
    p->r = r;
    p->dir = dir;
    p->spec = *spec;
    keep_figures(p);
    keep_tables(p);
    if (p->spec.n_figures == 0) default_figures(p);
    enum err_code rc = folder_make(dir, e);
    if (rc == ERR_OK) rc = make_figures(p, e);
    if (rc == ERR_OK) rc = make_tables(p, e);
    if (rc == ERR_OK) rc = make_scaling(p, e);
    if (rc == ERR_OK) rc = make_page(p, e);
    if (rc == ERR_OK && summary) summarise(p, summary);
    for (int i = 0; i < SWEEP_MAX_FIGURES; i++) figure_clear(&p->figure[i]);
    for (int i = 0; i < SWEEP_MAX_TABLES; i++) report_table_clear(&p->table[i]);
    report_compare_clear(&p->compare);
    json_decref(p->scaling);
    free(p);
    return rc;
}
