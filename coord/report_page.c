/* report_page.c - the page: question, answer in numbers, figures, tables, what was run and how.
 *
 * Everything that comes from the store or the sweep file goes through html_add. Colours and
 * spacing are in report_style.h; a section is a function and a line in report_page. */
#include "coord/report_page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "coord/html.h"
#include "coord/label.h"
#include "coord/report_best.h"
#include "coord/report_style.h"
#include "coord/setting.h"
#include "coord/state.h"

enum { SHOWN_LINES = 8, SHOWN_VALUES = 12 };

static void add_element(struct text *out, const char *tag, const char *text)
{
    text_add(out, "<%s>", tag);
    html_add(out, text);
    text_add(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

/* ---- head ---- */

/* "How do test_acc and cka depend on model.width and model.activation?" */
static void derive_question(const struct report_parts *p, struct text *out)
{
    const struct results *r = p->results;
    int n = 0, total = r->n_alignments;
    for (int i = 1; i < r->n_metrics; i++) total += label_better(r->metric[i].name) != 0;
    for (int i = 0; i < r->n_alignments; i++, n++)
        text_add(out, "%s%s",
                 n == 0           ? ""
                 : n == total - 1 ? " and "
                                  : ", ",
                 r->alignment[i].measure);
    for (int i = 1; i < r->n_metrics; i++)
        if (label_better(r->metric[i].name)) {
            text_add(out, "%s%s",
                     n == 0           ? ""
                     : n == total - 1 ? " and "
                                      : ", ",
                     r->metric[i].name);
            n++;
        }
    if (n == 0 || r->n_axes == 0) {
        text_clear(out);
        return;
    }
    text_add(out, n == 1 ? " depends on " : " depend on ");
    for (int i = 0; i < r->n_axes; i++)
        text_add(out, "%s%s",
                 i == 0               ? ""
                 : i == r->n_axes - 1 ? " and "
                                      : ", ",
                 r->axis[i].name);
}

static void add_states(const struct results *r, struct text *out)
{
    int64_t count[TRIAL_STATES] = {0};
    int64_t trials = 0, imported = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        imported += results_origin(r, t) == RESULTS_IMPORTED;
        if (results_origin(r, t) != RESULTS_TRIAL) continue;
        count[r->state[t]]++;
        trials++;
    }
    text_add(out, "<p class=\"states\">");
    if (imported) text_add(out, "%" PRId64 " imported, ", imported);
    text_add(out, "%" PRId64 " trial%s", trials, trials == 1 ? "" : "s");
    const char *between = ": ";
    for (int s = TRIAL_STATES - 1; s >= 0; s--) {
        if (count[s] == 0) continue;
        const char *name = table_row(&trial_states, s)->name;
        text_add(out, "%s<span class=\"%s\">%" PRId64 " %s</span>", between, name, count[s],
                 name);
        between = ", ";
    }
    text_add(out, "</p>\n");
}

static void add_head(const struct report_parts *p, struct text *out)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n");
    add_element(out, "title", p->results->name);
    text_add(out, "<style>\n%s</style>\n</head>\n<body>\n<main>\n<header>\n", report_style);
    add_element(out, "h1", p->results->name);
    struct text question = {0};
    if (*p->question) {
        add_element(out, "p class=\"question\"", p->question);
    } else {
        derive_question(p, &question);
        if (question.at) {
            text_add(out, "<p class=\"question\">How ");
            html_add(out, question.at);
            text_add(out, "</p>\n");
        }
    }
    text_clear(&question);
    add_states(p->results, out);
    text_add(out, "</header>\n");
}

/* ---- answer ---- */

/* The lines of a text as list items, the first few of many. */
static void add_lines(struct text *out, const char *text)
{
    int n = 0;
    text_add(out, "<ul>\n");
    while (*text && n < SHOWN_LINES) {
        size_t length = strcspn(text, "\n");
        struct text line = {0};
        text_add_bytes(&line, text, length);
        add_element(out, "li", line.at);
        text_clear(&line);
        text += length + (text[length] == '\n');
        n++;
    }
    if (*text) text_add(out, "<li>and more in the figure's data</li>\n");
    text_add(out, "</ul>\n");
}

static void add_best(const struct results *r, struct text *out)
{
    for (int i = 1; i < r->n_metrics; i++) {
        const struct results_metric *m = &r->metric[i];
        struct report_best best;
        int better = label_better(m->name);
        if (!better || !report_best(r, m, better, &best)) continue;
        text_add(out, "<li>");
        html_add(out, m->name);
        text_add(out, ": <b>%.4g</b>", best.value.mean);
        if (isfinite(best.value.low))
            text_add(out, " [%.4g, %.4g]", best.value.low, best.value.high);
        const char *between = " with ";
        for (int k = 0; k < r->n_axes; k++) {
            if (!*r->axis[k].text[best.trial]) continue; /* of a model that is no trial */
            if (!setting_applies(r, r->axis[k].name, best.trial)) continue;
            text_add(out, "%s", between);
            between = ", ";
            html_add(out, r->axis[k].name);
            text_add(out, " = ");
            html_add(out, r->axis[k].text[best.trial]);
        }
        text_add(out, " (n = %" PRId64 ")</li>\n", best.value.n);
    }
}

static void add_answer(const struct report_parts *p, struct text *out)
{
    text_add(out, "<section>\n<h2>In short</h2>\n<div class=\"answers\">\n");
    for (int i = 0; i < p->n_figures; i++) {
        if (!p->figure[i].answer.at) continue;
        text_add(out, "<div>\n<h3><a href=\"#%s\">", p->figure[i].stem);
        html_add(out, p->figure[i].title.at);
        text_add(out, "</a></h3>\n");
        add_lines(out, p->figure[i].answer.at);
        text_add(out, "</div>\n");
    }
    struct text best = {0};
    add_best(p->results, &best);
    if (best.at)
        text_add(out, "<div>\n<h3>Best configurations</h3>\n<ul>\n%s</ul>\n</div>\n", best.at);
    text_clear(&best);
    text_add(out, "</div>\n<p class=\"note\">Means over seeds at the last record; in brackets "
                  "intervals over seeds: Student's, but bootstrapped of ten seeds and more. "
                  "Trials that diverged are not in the "
                  "means.</p>\n</section>\n");
}

/* ---- figures and tables ---- */

static void add_figure(const struct figure *f, int number, struct text *out)
{
    static const char *const ends[] = {"pdf", "svg", "tex", "gp", "csv"};
    text_add(out, "<figure id=\"%s\">\n", f->stem);
    if (f->svg.at) {
        struct text words = {0};
        text_add(&words, "%s. %s", f->title.at, f->answer.at ? f->answer.at : "");
        html_add_svg(out, f->svg.at, f->stem, words.at);
        text_clear(&words);
    }
    text_add(out, "<figcaption><b>Figure %d. ", number);
    html_add(out, f->title.at);
    text_add(out, ".</b> ");
    html_add(out, f->caption.at);
    text_add(out, "\n<span class=\"files\">");
    for (int i = 0; i < 5; i++)
        if (f->svg.at || i >= 2)
            text_add(out, "<a href=\"%s.%s\">%s</a> ", f->stem, ends[i], ends[i]);
    text_add(out, "</span></figcaption>\n</figure>\n");
}

static void add_figures(const struct report_parts *p, struct text *out)
{
    if (p->n_figures == 0) return;
    text_add(out, "<section>\n<h2>Figures</h2>\n<div class=\"figures\">\n");
    for (int i = 0; i < p->n_figures; i++) add_figure(&p->figure[i], i + 1, out);
    text_add(out, "</div>\n</section>\n");
}

static void add_tables(const struct report_parts *p, struct text *out)
{
    if (p->n_tables == 0) return;
    text_add(out, "<section>\n<h2>Tables</h2>\n");
    for (int i = 0; i < p->n_tables; i++) {
        const struct report_table *t = &p->table[i];
        text_add(out, "<figure id=\"%s\">\n<figcaption><b>Table %d. ", t->stem, i + 1);
        html_add(out, t->title.at);
        text_add(out, ".</b> ");
        html_add(out, t->caption.at);
        text_add(out,
                 " <span class=\"files\"><a href=\"%s.tex\">tex</a> "
                 "<a href=\"%s.csv\">csv</a></span></figcaption>\n<div class=\"scroll\">\n",
                 t->stem, t->stem);
        text_add_bytes(out, t->html.at, t->html.length);
        text_add(out, "</div>\n</figure>\n");
    }
    text_add(out, "</section>\n");
}

static void add_compare(const struct report_parts *p, struct text *out)
{
    if (!p->compare) return;
    text_add(out, "<section>\n<h2>Comparison with the paper</h2>\n<figure id=\"compare\">\n"
                  "<figcaption>");
    html_add(out, p->compare->caption.at);
    text_add(out, " <span class=\"files\"><a href=\"compare.tex\">tex</a> "
                  "<a href=\"compare.csv\">csv</a> <a href=\"compare.md\">md</a></span>"
                  "</figcaption>\n<div class=\"scroll\">\n");
    text_add_bytes(out, p->compare->html.at, p->compare->html.length);
    text_add(out, "</div>\n</figure>\n</section>\n");
}

static void add_scaling(const struct report_parts *p, struct text *out)
{
    if (!p->scaling) return;
    text_add(out, "<section>\n<h2>Scaling laws</h2>\n<figure id=\"scaling\">\n<figcaption>"
                  "Fits to means over seeds; in brackets intervals over seeds, refitted with "
                  "drawn seeds. The largest size is predicted by a fit to all others. "
                  "<span class=\"files\"><a href=\"scaling.csv\">csv</a> "
                  "<a href=\"scaling.json\">json</a></span></figcaption>\n"
                  "<div class=\"scroll\">\n");
    scaling_html(p->scaling, out);
    text_add(out, "</div>\n</figure>\n</section>\n");
}

/* ---- what was run ---- */

/* The distinct texts of an axis in the order of the trials; many are cut short. */
static void add_values(const struct results *r, const struct results_axis *axis,
                       struct text *out)
{
    const char *seen[SHOWN_VALUES];
    int n = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        int i = 0;
        while (i < n && strcmp(seen[i], axis->text[t]) != 0) i++;
        if (i < n) continue;
        if (n == SHOWN_VALUES) {
            text_add(out, ", &hellip;");
            return;
        }
        seen[n++] = axis->text[t];
        text_add(out, n > 1 ? ", " : "");
        html_add(out, axis->text[t]);
    }
}

static void add_settings(const struct report_parts *p, struct text *out)
{
    const struct results *r = p->results;
    text_add(out, "<section>\n<h2>What was run</h2>\n<div class=\"scroll\"><table>\n<tbody>\n");
    for (int i = 0; i < r->n_axes; i++) {
        text_add(out, "<tr><th scope=\"row\">");
        html_add(out, r->axis[i].name);
        text_add(out, "</th>");
        text_add(out, "<td>");
        add_values(r, &r->axis[i], out);
        text_add(out, "</td></tr>\n");
    }
    uint64_t most = 0;
    for (int64_t t = 0; t < r->n_trials; t++) most = r->seed[t] > most ? r->seed[t] : most;
    if (r->n_trials)
        text_add(out, "<tr><th scope=\"row\">seeds</th><td>%" PRIu64 "</td></tr>\n", most + 1);
    text_add(out, "</tbody></table></div>\n");
    if (r->resolved) {
        text_add(out, "<details><summary>All settings, resolved (YAML)</summary>\n");
        add_element(out, "pre", r->resolved);
        text_add(out, "</details>\n");
    }
    if (r->sweep) {
        text_add(out, "<details><summary>The sweep file</summary>\n");
        add_element(out, "pre", r->sweep);
        text_add(out, "</details>\n");
    }
    text_add(out, "</section>\n");
}

static void add_compute(const struct report_parts *p, struct text *out)
{
    const struct results *r = p->results;
    double sum = 0, longest = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        if (!(r->seconds[t] > 0)) continue;
        sum += r->seconds[t];
        longest = fmax(longest, r->seconds[t]);
    }
    char text[32];
    text_add(out,
             "<section>\n<h2>Compute</h2>\n<div class=\"scroll\"><table>\n<tbody>\n"
             "<tr><th scope=\"row\">work of all trials</th><td>%s</td></tr>\n",
             text_duration(sum, text));
    text_add(out, "<tr><th scope=\"row\">longest trial</th><td>%s</td></tr>\n",
             text_duration(longest, text));
    if (!isnan(r->wall_s))
        text_add(out, "<tr><th scope=\"row\">wall time of the last run</th><td>%s</td></tr>\n",
                 text_duration(r->wall_s, text));
    text_add(out, "</tbody></table></div>\n</section>\n");
}

static void add_provenance(const struct report_parts *p, struct text *out)
{
    const struct results *r = p->results;
    text_add(out, "<section>\n<h2>Provenance</h2>\n<div class=\"scroll\"><table>\n<tbody>\n");
    for (int i = 0; i < r->n_provenance; i++) {
        text_add(out, "<tr><th scope=\"row\">");
        html_add(out, r->provenance[2 * i]);
        text_add(out, "</th><td>");
        html_add(out, r->provenance[2 * i + 1]);
        text_add(out, "</td></tr>\n");
    }
    text_add(out, "</tbody></table></div>\n</section>\n");
}

void report_page(const struct report_parts *parts, struct text *out)
{
    add_head(parts, out);
    add_answer(parts, out);
    add_figures(parts, out);
    add_tables(parts, out);
    add_scaling(parts, out);
    add_compare(parts, out);
    add_settings(parts, out);
    add_compute(parts, out);
    add_provenance(parts, out);
    text_add(out, "</main>\n<footer>Made by shoal.</footer>\n</body>\n</html>\n");
}
