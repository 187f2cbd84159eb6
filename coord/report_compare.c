/* report_compare.c - see report_compare.h. */
#include "coord/report_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure.h"
#include "coord/filter.h"
#include "coord/folder.h"
#include "coord/html.h"
#include "coord/state.h"
#include "linalg/statistics.h"

enum { COLUMNS = 5 };

/* What a line comes to. */
struct line {
    int64_t n; /* seeds */
    double mean, sd;
    int agrees; /* 1 yes, 0 no, -1: nothing to judge by, or nothing to judge */
};

int report_compare_parts(const char *value, char part[2][TASK_NAME], char *op)
{
    const char *sign = strstr(value, " / ");
    if (!sign) sign = strstr(value, " - ");
    if (op) *op = sign ? sign[1] : 0;
    if (!sign) return snprintf(part[0], TASK_NAME, "%s", value) > 0;
    int one = snprintf(part[0], TASK_NAME, "%.*s", (int)(sign - value), value);
    return one > 0 && snprintf(part[1], TASK_NAME, "%s", sign + 3) > 0 ? 2 : 0;
}

/* The value of a trial at a record; NaN where a metric is unknown. */
static double value_at(const struct results *r, const char *value, int64_t trial,
                       int64_t record)
{
    char part[2][TASK_NAME], op;
    double number[2];
    int n = report_compare_parts(value, part, &op);
    for (int i = 0; i < n; i++) {
        const struct results_metric *m = results_metric(r, part[i]);
        number[i] = m ? results_at(r, m, trial, record) : NAN;
    }
    return op == '/' ? number[0] / number[1] : op == '-' ? number[0] - number[1] : number[0];
}

/* The mean over trials of each seed: value[*n] in the order of seeds' first trials. */
static void by_seed(const struct results *r, const struct compare_spec *c,
                    const struct expr *filter, const struct expr *at, double *value, int64_t *n)
{
    uint64_t *seed = malloc((size_t)(r->n_trials + 1) * sizeof *seed);
    int64_t *count = calloc((size_t)(r->n_trials + 1), sizeof *count);
    INVARIANT(seed && count);
    *n = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        if (r->state[t] != TRIAL_DONE || !filter_match(r, filter, t)) continue;
        double x = value_at(r, c->value, t, filter_record(r, at, t));
        int64_t k = 0;
        if (!isfinite(x)) continue;
        while (k < *n && seed[k] != r->seed[t]) k++;
        if (k == *n) {
            seed[(*n)++] = r->seed[t];
            value[k] = 0;
        }
        value[k] += x;
        count[k]++;
    }
    for (int64_t k = 0; k < *n; k++) value[k] /= (double)count[k];
    free(seed);
    free(count);
}

static int judge(const struct compare_spec *c, const struct line *l)
{
    double off = fabs(l->mean - c->released);
    bool any =
        isfinite(c->sd) || isfinite(c->within) || isfinite(c->least) || isfinite(c->most);
    if (!any || l->n == 0) return -1;
    if (isfinite(c->sd) && off > 4 * c->sd * sqrt(1 / (double)l->n + 1 / (double)c->seeds))
        return 0;
    if (isfinite(c->within) && off > c->within * fabs(c->released)) return 0;
    return !(l->mean < c->least) && !(l->mean > c->most);
}

static struct line make_line(const struct results *r, const struct compare_spec *c)
{
    struct line l = {.mean = NAN, .sd = NAN};
    struct arena arena = {0};
    struct expr *filter, *at;
    struct err e;
    double *value = malloc((size_t)(r->n_trials + 1) * sizeof *value);
    INVARIANT(value);
    if (filter_parse(r, c->filter, &arena, &filter, &e) == ERR_OK &&
        filter_parse(r, c->at, &arena, &at, &e) == ERR_OK) {
        by_seed(r, c, filter, at, value, &l.n);
        l.mean = statistics_mean(l.n, value);
        l.sd = statistics_sd(l.n, value);
    }
    l.agrees = judge(c, &l);
    free(value);
    arena_clear(&arena);
    return l;
}

/* "0.7718 ± 0.0031 (3)" */
static void add_number(double mean, double sd, int64_t seeds, struct text *t)
{
    if (!isfinite(mean)) return;
    text_add(t, "%.4g", mean);
    if (isfinite(sd)) text_add(t, " ± %.2g", sd);
    if (seeds > 0) text_add(t, " (%lld)", (long long)seeds);
}

/* What the line is judged by beside a standard deviation: ", within 5 %", ", ≥ 0.6". */
static void add_bounds(const struct compare_spec *c, struct text *t)
{
    if (isfinite(c->within))
        text_add(t, "%swithin %g %%", t->length ? ", " : "", 100 * c->within);
    if (isfinite(c->least)) text_add(t, "%s≥ %g", t->length ? ", " : "", c->least);
    if (isfinite(c->most)) text_add(t, "%s≤ %g", t->length ? ", " : "", c->most);
}

/* What the line says in its columns; each text is to clear. */
static void cells(const struct compare_spec *c, const struct line *l, struct text out[COLUMNS])
{
    static const char *const answers[] = {"", "no", "yes"};
    text_add(&out[0], "%s", c->what);
    text_add(&out[1], "%s", c->paper);
    add_number(c->released, c->sd, c->seeds, &out[2]);
    add_bounds(c, &out[2]);
    if (l->n)
        add_number(l->mean, l->sd, l->n, &out[3]);
    else
        text_add(&out[3], "-");
    text_add(&out[4], "%s", answers[l->agrees + 1]);
}

static const char *const heads[COLUMNS] = {"quantity", "paper", "released code", "shoal",
                                           "agrees"};

/* As figure_add_tex, with the signs that the table has beyond ASCII. */
static void add_tex(struct text *t, const char *text)
{
    static const char *const sign[][2] = {{"±", "$\\pm$"}, {"≥", "$\\ge$"}, {"≤", "$\\le$"}};
    char byte[2] = "";
    while (*text) {
        size_t k = 0;
        while (k < 3 && strncmp(text, sign[k][0], strlen(sign[k][0])) != 0) k++;
        if (k < 3) {
            text_add(t, "%s", sign[k][1]);
            text += strlen(sign[k][0]);
        } else {
            byte[0] = *text++;
            figure_add_tex(t, byte);
        }
    }
}

/* As a cell of Markdown: no sign is markup, no line ends. */
static void add_markdown(struct text *t, const char *text)
{
    for (; *text; text++) {
        bool tag = *text == '<' && text[1] != ' ';
        if (tag || strchr("|\\*`[]", *text)) text_add(t, "\\");
        text_add(t, "%c", *text == '\n' ? ' ' : *text);
    }
}

static void add_row(struct report_compare *c, const struct text cell[COLUMNS])
{
    text_add(&c->md, "|");
    text_add(&c->html, "<tr>");
    for (int i = 0; i < COLUMNS; i++) {
        const char *text = cell[i].at ? cell[i].at : "";
        text_add(&c->md, " ");
        add_markdown(&c->md, text);
        text_add(&c->md, " |");
        add_tex(&c->tex, text);
        text_add(&c->tex, i + 1 < COLUMNS ? " & " : " \\\\\n");
        text_add(&c->html, i ? "<td>" : "<th scope=\"row\">");
        html_add(&c->html, text);
        text_add(&c->html, i ? "</td>" : "</th>");
    }
    text_add(&c->md, "\n");
    text_add(&c->html, "</tr>\n");
}

static void add_csv(struct text *t, const struct compare_spec *c, const struct line *l)
{
    const double number[] = {c->released, c->sd,    c->seeds > 0 ? (double)c->seeds : NAN,
                             c->within,   c->least, c->most,
                             l->mean,     l->sd};
    text_add_csv(t, c->what);
    text_add(t, ",");
    text_add_csv(t, c->paper);
    for (int i = 0; i < 8; i++) {
        text_add(t, ",");
        figure_add_csv_number(t, number[i]);
    }
    text_add(t, ",%lld,%s\n", (long long)l->n, l->agrees < 0 ? "" : l->agrees ? "yes" : "no");
}

void report_compare_make(const struct results *r, int n, const struct compare_spec *spec,
                         struct report_compare *out)
{
    *out = (struct report_compare){0};
    text_add(&out->csv, "quantity,paper,released,released_sd,released_seeds,within,least,most,"
                        "shoal,shoal_sd,seeds,agrees\n");
    text_add(&out->tex, "%% compare.tex - made by shoal. Needs \\usepackage{booktabs}.\n"
                        "\\begin{tabular}{@{}llrrl@{}}\n\\toprule\n");
    text_add(&out->html, "<table class=\"numbers\"><thead><tr>");
    for (int i = 0; i < COLUMNS; i++) {
        text_add(&out->tex, "%s%s", heads[i], i + 1 < COLUMNS ? " & " : " \\\\\n\\midrule\n");
        text_add(&out->html, "<th scope=\"col\">%s</th>", heads[i]);
        text_add(&out->md, "| %s ", heads[i]);
    }
    text_add(&out->md, "|\n|---|---|---|---|---|\n");
    text_add(&out->html, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < n; i++) {
        struct text cell[COLUMNS] = {{0}};
        struct line l = make_line(r, &spec[i]);
        cells(&spec[i], &l, cell);
        add_row(out, cell);
        add_csv(&out->csv, &spec[i], &l);
        out->n_judged += l.agrees >= 0;
        out->n_agree += l.agrees == 1;
        for (int k = 0; k < COLUMNS; k++) text_clear(&cell[k]);
    }
    text_add(&out->tex, "\\bottomrule\n\\end{tabular}\n");
    text_add(&out->html, "</tbody></table>\n");
    text_add(
        &out->caption,
        "Mean ± standard deviation over seeds (their number). A mean agrees within four "
        "standard deviations of the difference, or, where that is given, within a share of the "
        "number or within bounds. %d of %d agree.",
        out->n_agree, out->n_judged);
}

enum err_code report_compare_save(const struct report_compare *c, const char *dir,
                                  struct err *e)
{
    TRY(folder_write(dir, "compare.tex", &c->tex, e));
    TRY(folder_write(dir, "compare.csv", &c->csv, e));
    return folder_write(dir, "compare.md", &c->md, e);
}

void report_compare_clear(struct report_compare *c)
{
    struct text *const all[] = {&c->tex, &c->csv, &c->md, &c->html, &c->caption};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) text_clear(all[i]);
}
