/* test_report.c - figures, tables and the page of a small store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "coord/folder.h"
#include "coord/html.h"
#include "coord/report.h"
#include "coord/report_best.h"
#include "coord/report_table.h"
#include "coord/series.h"
#include "coord/state.h"
#include "tests/results_small.h"

static char folder[] = "/tmp/test_report.XXXXXX";
static const char *in_folder(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", folder, name);
    return out;
}

static int type_of(const char *name)
{
    return table_find(&figure_types, name);
}

static bool exists(const char *dir, const char *name)
{
    char path[512];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &info) == 0 && info.st_size > 0;
}

/* ---- series ---- */

static enum err_code collect(const struct results *r, const char *y, const char *x,
                             const char *hue, const char *filter, struct series_set *s)
{
    struct series_query q = {.y = {y}, .x = x, .hue = hue, .filter = filter, .level = 95};
    return series_collect(r, &q, s, &e);
}

START_TEST(test_unknown_names_are_refused_with_a_suggestion)
{
    struct results *r = small();
    struct series_set s;
    ck_assert_int_eq(collect(r, "test_ac", "model.width", "", "", &s), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "did you mean 'test_acc'"));
    series_clear(&s);
    ck_assert_int_eq(collect(r, "cka", "model.widht", "", "", &s), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "did you mean 'model.width'"));
    series_clear(&s);
    ck_assert_int_eq(collect(r, "cka", "model.width", "seed", "", &s), ERR_CONFIG);
    series_clear(&s);
    ck_assert_int_eq(collect(r, "cka", "model.width", "", "widht > 3", &s), ERR_CONFIG);
    series_clear(&s);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_series_average_seeds_and_count_the_diverged)
{
    struct results *r = small();
    struct series_set s;
    ck_assert_int_eq(collect(r, "test_acc", "model.width", "model.activation", "", &s), ERR_OK);
    ck_assert_int_eq(s.n_series, 2);
    ck_assert_int_eq(s.n_x, 3);
    ck_assert_str_eq(s.series[1].name, "tanh");
    const struct series_point *p = &s.series[1].point[0];
    ck_assert_str_eq(p->text, "16");
    ck_assert_int_eq(p->value.n, 3);
    ck_assert_double_eq_tol(p->value.mean, 0.56, 1e-12);
    ck_assert_double_eq_tol(p->sd, 0.01, 1e-12);
    ck_assert_int_eq(p->n_each, 3);
    p = &s.series[0].point[1]; /* relu, 64: seed 1 diverged, seeds 0 and 2 count */
    ck_assert_int_eq(p->value.n, 2);
    ck_assert_double_eq_tol(p->value.mean, 0.61, 1e-12);
    ck_assert_int_eq(p->n_diverged, 1);
    ck_assert_int_eq(s.n_diverged, 1);
    ck_assert_int_eq(s.n_waiting, 1);
    series_clear(&s);
    results_destroy(r);
}
END_TEST

START_TEST(test_other_settings_are_averaged_within_a_seed)
{
    struct results *r = small();
    struct series_set s;
    ck_assert_int_eq(collect(r, "test_acc", "model.activation", "", "", &s), ERR_OK);
    ck_assert(s.names);
    ck_assert_int_eq(s.n_series, 1);
    /* relu: seed 0: (0.5 + 0.6 + 0.7) / 3; seed 1 lacks width 64: (0.51 + 0.71) / 2 */
    ck_assert_double_eq_tol(s.series[0].point[0].each[0], 0.6, 1e-12);
    ck_assert_double_eq_tol(s.series[0].point[0].each[1], 0.61, 1e-12);
    ck_assert_int_eq(s.series[0].point[0].value.n, 3);
    series_clear(&s);
    results_destroy(r);
}
END_TEST

/* A condition's true is that of a setting, which a store has as text. */
START_TEST(test_filters_know_true)
{
    struct results *r = small();
    struct series_set s;
    const struct results_axis *axis = results_axis(r, "model.activation");
    for (int64_t t = 0; t < r->n_trials; t++)
        axis->text[t] = strcmp(axis->text[t], "relu") == 0 ? "true" : "false";
    ck_assert_int_eq(collect(r, "test_acc", "model.width", "", "model.activation == true", &s),
                     ERR_OK);
    ck_assert_double_eq_tol(s.series[0].point[0].value.mean, 0.51, 1e-12);
    series_clear(&s);
    ck_assert_int_eq(collect(r, "test_acc", "model.width", "", "model.activation != true", &s),
                     ERR_OK);
    ck_assert_double_eq_tol(s.series[0].point[0].value.mean, 0.56, 1e-12);
    series_clear(&s);
    results_destroy(r);
}
END_TEST

START_TEST(test_alignment_is_between_seeds_of_one_configuration)
{
    struct results *r = small();
    struct series_set s;
    ck_assert_int_eq(collect(r, "cka", "model.width", "model.activation", "", &s), ERR_OK);
    ck_assert(s.of_pairs);
    const struct series_point *p = &s.series[0].point[0]; /* pairs 01, 02, 12 */
    ck_assert_int_eq(p->value.n, 3);
    ck_assert_double_eq_tol(p->value.mean, 0.25 + 0.04 / 3, 1e-12);
    ck_assert_int_eq(p->n_each, 3);
    ck_assert_double_eq_tol(p->each[1], 0.27, 1e-12);
    ck_assert_double_eq_tol(s.series[0].point[1].value.mean, 0.45 + 0.02, 1e-12);
    series_clear(&s);
    /* without hue: the same pairs, never one across activations */
    ck_assert_int_eq(collect(r, "cka", "model.width", "", "", &s), ERR_OK);
    ck_assert_double_eq_tol(s.series[0].point[0].value.mean, 0.25 + 0.04 / 3, 1e-12);
    series_clear(&s);
    results_destroy(r);
}
END_TEST

START_TEST(test_best_configuration_is_a_mean_over_seeds)
{
    struct results *r = small();
    struct report_best best;
    ck_assert(report_best(r, results_metric(r, "test_acc"), 1, &best));
    ck_assert_str_eq(results_axis(r, "model.width")->text[best.trial], "256");
    ck_assert_str_eq(results_axis(r, "model.activation")->text[best.trial], "tanh");
    ck_assert_int_eq(best.value.n, 2);
    ck_assert_double_eq_tol(best.value.mean, 0.755, 1e-12);
    ck_assert(report_best(r, results_metric(r, "test_acc"), -1, &best));
    ck_assert_int_eq(best.trial, 0);
    memset(r->state, TRIAL_FAILED, (size_t)r->n_trials);
    ck_assert(!report_best(r, results_metric(r, "test_acc"), 1, &best));
    results_destroy(r);
}
END_TEST

/* ---- what figures share ---- */

START_TEST(test_ticks_are_round_and_inside)
{
    double tick[FIGURE_TICKS];
    const struct {
        double low, high;
        bool log;
    } axis[] = {{0, 1, false},    {0.301, 0.334, false}, {-5, 1234, false},
                {1, 1e6, true},   {0.31, 0.37, true},    {3, 40, true},
                {1e-30, 1, true}, {1e9, 1e9 + 3, false}};
    for (size_t i = 0; i < sizeof axis / sizeof *axis; i++) {
        int n = figure_ticks(axis[i].low, axis[i].high, axis[i].log, tick);
        ck_assert_msg(n >= 2 && n <= FIGURE_TICKS, "axis %zu has %d ticks", i, n);
        for (int k = 0; k < n; k++) {
            ck_assert(tick[k] >= axis[i].low * (1 - 1e-9) - 1e-12 &&
                      tick[k] <= axis[i].high * (1 + 1e-9));
            ck_assert(k == 0 || tick[k] > tick[k - 1]);
        }
    }
    ck_assert_int_eq(figure_ticks(0, 1, false, tick), 6);
    ck_assert_double_eq(tick[3], 0.6); /* not 0.6000000000000001 */
    ck_assert_int_eq(figure_ticks(2, 2, false, tick), 1);
    ck_assert_int_eq(figure_ticks(NAN, NAN, true, tick), 0);
}
END_TEST

START_TEST(test_markup_is_escaped)
{
    struct text t = {0};
    html_add(&t, "<a href=\"x\">&'");
    ck_assert_str_eq(t.at, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    text_clear(&t);
    figure_add_tex(&t, "50 % of a_b & {c}~\\");
    ck_assert_str_eq(t.at, "50 \\% of a\\_b \\& \\{c\\}\\textasciitilde{}\\textbackslash{}");
    text_clear(&t);
    figure_add_quoted(&t, "it's");
    ck_assert_str_eq(t.at, "it''s");
    text_clear(&t);
}
END_TEST

START_TEST(test_drawing_becomes_part_of_a_page)
{
    struct text t = {0};
    html_add_svg(&t,
                 "<?xml?><svg x='1'><title>f</title><circle id='gpDot' stroke='black'/>"
                 "<use xlink:href='#gpDot' fill='rgb(  0, 114, 178)'/></svg>",
                 "fig2", "a \"b\"");
    ck_assert_str_eq(t.at, "<svg role=\"img\" aria-label=\"a &quot;b&quot;\" x='1'>"
                           "<circle id='fig2_gpDot' stroke='currentColor'/>"
                           "<use href='#fig2_gpDot' fill='rgb(  0, 114, 178)'/></svg>");
    text_clear(&t);
}
END_TEST

/* ---- figures ---- */

static struct figure drawn(const struct results *r, const struct figure_spec *spec)
{
    struct figure f;
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    enum err_code rc = figure_make(r, spec, 1, icml, &f, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return f;
}

START_TEST(test_matrix_orders_networks_and_groups_them)
{
    struct results *r = small();
    struct figure_spec spec = {.type = type_of("matrix"),
                               .value = "cka",
                               .n_order = 2,
                               .order = {"model.activation", "model.width"}};
    struct figure f = drawn(r, &spec);
    ck_assert_int_eq(
        strncmp(f.csv.at, "network,\"relu, 16, seed 0\",\"relu, 16, seed 1\",", 45), 0);
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\n\"relu, 16, seed 0\",1,0.26,0.27,"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xtics ('relu' 3.5, 'tanh' 11.5)"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "'relu, 64' 3.5"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set cbrange [0.2:0.67]"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "16 networks"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "same settings, other seed: 0."));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "different model.activation: 0."));
    figure_clear(&f);
    snprintf(spec.value, sizeof spec.value, "rsa");
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    ck_assert_int_eq(figure_make(r, &spec, 7, icml, &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "number 7"));
    ck_assert_ptr_nonnull(strstr(e.text, "it has: cka"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

/* Networks of one activation are alike, whatever their width and seed; of a pair the score is
 * missing. */
START_TEST(test_matrix_puts_like_by_like)
{
    struct results *r = small();
    struct results_alignment *a = &r->alignment[0];
    const struct results_axis *activation = results_axis(r, "model.activation");
    struct figure_spec spec = {
        .type = type_of("matrix"), .value = "cka", .n_order = 1, .order = {"cluster"}};
    for (int64_t i = 0; i < a->n_models; i++) {
        for (int64_t j = 0; j < a->n_models; j++)
            a->score[i * a->n_models + j] =
                i % 3 == j % 3 ? 0.9 : 0.1 + 0.001 * (double)(i + j);
        activation->number[a->trial[i]] = (double)(i % 3);
        activation->text[a->trial[i]] = i % 3 == 0 ? "relu" : i % 3 == 1 ? "gelu" : "tanh";
    }
    a->score[1] = a->score[a->n_models] = NAN;
    struct figure f = drawn(r, &spec);
    const char *head = f.csv.at;
    static const char *const kinds[] = {"relu", "gelu", "tanh"};
    for (int k = 0; k < 3; k++) { /* the names of a kind stand side by side */
        const char *first = strstr(head, kinds[k]), *last = first;
        for (int n = 1; n < (k ? 5 : 6); n++) last = strstr(last + 1, kinds[k]);
        for (int other = 0; other < 3; other++) {
            const char *at = strstr(first, kinds[other]);
            ck_assert(other == k || !at || at > last);
        }
    }
    ck_assert_ptr_nonnull(strstr(f.caption.at, "average linkage"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "1 pair is without a score"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* ---- tables ---- */

START_TEST(test_table_is_bold_only_where_intervals_separate)
{
    struct results *r = small();
    struct table_spec spec = {
        .rows = "model.activation", .cols = "model.width", .value = "test_acc", .bold = true};
    spec.show = table_find(&table_shows, "mean_ci");
    const struct results_axis *rows = results_axis(r, spec.rows);
    const struct results_metric *acc = results_metric(r, "test_acc");
    for (int64_t i = 0; i < r->n_trials * r->n_records; i++) /* or intervals touch */
        if (strcmp(rows->text[i / r->n_records], "tanh") == 0) acc->value[i] += 0.02;
    struct report_table t;
    ck_assert_int_eq(report_table_make(r, &spec, 1, &t, &e), ERR_OK);
    ck_assert_ptr_nonnull(strstr(t.tex.at, "\\textbf{0.580} & {\\scriptsize[0.555, 0.605]}"));
    ck_assert_ptr_nonnull(strstr(t.tex.at, "{\\scriptsize[0.483, 0.737]}$^{\\dagger1}$"));
    ck_assert_ptr_null(strstr(t.tex.at, "\\textbf{0.510}"));
    ck_assert_ptr_nonnull(strstr(t.html.at, "<strong>0.580</strong>"));
    ck_assert_ptr_nonnull(strstr(t.csv.at, "\nrelu,64,0.61,0.4829"));
    ck_assert_ptr_nonnull(strstr(t.caption.at, ", 95 % Student's t intervals over seeds; 3"));
    report_table_clear(&t);
    snprintf(spec.filter, sizeof spec.filter, "seed == 0"); /* no intervals, nothing bold */
    ck_assert_int_eq(report_table_make(r, &spec, 1, &t, &e), ERR_OK);
    ck_assert_ptr_null(strstr(t.tex.at, "textbf"));
    report_table_clear(&t);
    *spec.filter = '\0';
    for (int64_t i = 0; i < r->n_trials; i++) /* all of relu: nothing to be better than */
        if (strcmp(rows->text[i], "relu") == 0) r->state[i] = TRIAL_DIVERGED;
    ck_assert_int_eq(report_table_make(r, &spec, 1, &t, &e), ERR_OK);
    ck_assert_ptr_null(strstr(t.tex.at, "textbf"));
    report_table_clear(&t);
    results_destroy(r);
}
END_TEST

/* ---- the whole ---- */

static struct text file(const char *dir, const char *name)
{
    struct text t = {0};
    ck_assert_msg(folder_read(dir, name, &t, &e) == ERR_OK, "%s", e.text);
    return t;
}

START_TEST(test_report_into_a_file_is_refused)
{
    struct results *r = small();
    struct report_spec spec = {0};
    ck_assert_int_eq(report_write(r, &spec, "/dev/null/report", NULL, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/dev/null/report"));
    results_destroy(r);
}
END_TEST

START_TEST(test_report_has_a_default_set)
{
    char dir[256];
    struct results *r = small();
    struct report_spec spec = {.question = "Is <b> & more?"};
    struct text summary = {0};
    ck_assert_int_eq(report_write(r, &spec, in_folder("a/b", dir), &summary, &e), ERR_OK);
    ck_assert_int_eq(strncmp(summary.at, "Is <b> & more?\n", 15), 0);
    ck_assert_ptr_nonnull(strstr(summary.at, "\n  best means over seeds\n    train_loss "));
    text_clear(&summary);
    ck_assert(exists(dir, "fig1.csv") && exists(dir, "fig1.gp") && exists(dir, "fig1.tex"));
    ck_assert(exists(dir, "fig4.csv") && !exists(dir, "fig5.csv")); /* cka, 2 metrics, matrix */
    struct text page = file(dir, "index.html");
    ck_assert_ptr_nonnull(strstr(page.at, "Is &lt;b&gt; &amp; more?"));
    ck_assert_ptr_nonnull(strstr(page.at, "small &lt;&amp;&gt; store"));
    ck_assert_ptr_nonnull(strstr(page.at, "# &quot;quoted&quot; &lt;tag&gt;"));
    ck_assert_ptr_nonnull(strstr(page.at, "18 trials: <span class=\"diverged\">1 diverged"));
    ck_assert_ptr_nonnull(strstr(page.at, "Open MPI 4.1.4"));
    ck_assert_ptr_null(strstr(page.at, "<script"));
    ck_assert_ptr_null(strstr(page.at, "nan,"));
    text_clear(&page);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_settings_that_do_not_vary_are_no_obstacle)
{
    char dir[256];
    struct results *r = small();
    struct report_spec spec = {.n_figures = 3, .n_tables = 2};
    spec.figure[0] = (struct figure_spec){
        .type = type_of("line"), .y = "test_acc", .x = "model.depth", .ci = 95};
    spec.figure[1] = (struct figure_spec){.type = type_of("line"),
                                          .y = "test_acc",
                                          .x = "model.width",
                                          .hue = "optim.lr",
                                          .ci = 95};
    spec.figure[2] = (struct figure_spec){.type = type_of("matrix"),
                                          .value = "cka",
                                          .n_order = 2,
                                          .order = {"model.depth", "model.width"},
                                          .ci = 95};
    spec.table[0] = (struct table_spec){.value = "test_acc", .rows = "model.depth"};
    spec.table[1] = (struct table_spec){.value = "test_acc", .rows = "model.width"};
    enum err_code rc = report_write(r, &spec, in_folder("narrow", dir), NULL, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    ck_assert(exists(dir, "fig2.csv") && !exists(dir, "fig3.csv"));
    ck_assert(exists(dir, "table1.csv") && !exists(dir, "table2.csv"));
    struct text page = file(dir, "index.html");
    ck_assert_ptr_nonnull(strstr(page.at, "test_acc against model.width"));
    text_clear(&page);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_report_is_the_same_when_made_twice)
{
    char first[256], second[256], command[600];
    struct results *r = small();
    struct report_spec spec = {.n_tables = 1,
                               .table = {{.rows = "model.width", .value = "cka"}}};
    ck_assert_int_eq(report_write(r, &spec, in_folder("first", first), NULL, &e), ERR_OK);
    sleep(1); /* so that a date in a file would differ */
    ck_assert_int_eq(report_write(r, &spec, in_folder("second", second), NULL, &e), ERR_OK);
    snprintf(command, sizeof command, "diff -r %s %s", first, second);
    ck_assert_int_eq(system(command), 0);
    ck_assert(exists(first, "table1.tex") && exists(first, "table1.csv"));
    results_destroy(r);
}
END_TEST

START_TEST(test_script_draws_by_itself)
{
    char dir[256], command[600];
    if (system("gnuplot --version >/dev/null 2>&1") != 0) return;
    struct results *r = small();
    struct report_spec spec = {0};
    ck_assert_int_eq(report_write(r, &spec, in_folder("alone", dir), NULL, &e), ERR_OK);
    ck_assert(exists(dir, "fig1.pdf") && exists(dir, "fig1.svg"));
    snprintf(command, sizeof command,
             "cd %s && rm *.pdf *.svg && for f in *.gp; do gnuplot $f || exit 1; done", dir);
    ck_assert_int_eq(system(command), 0);
    ck_assert(exists(dir, "fig1.pdf") && exists(dir, "fig4.svg"));
    results_destroy(r);
}
END_TEST

START_TEST(test_without_gnuplot_data_and_scripts_remain)
{
    char dir[256];
    struct results *r = small();
    struct report_spec spec = {0};
    setenv("PATH", "/nonexistent", 1); /* tests run in processes of their own */
    ck_assert_int_eq(report_write(r, &spec, in_folder("bare", dir), NULL, &e), ERR_OK);
    ck_assert(exists(dir, "fig1.csv") && exists(dir, "fig1.gp") && exists(dir, "fig1.tex"));
    ck_assert(!exists(dir, "fig1.pdf") && !exists(dir, "fig1.svg"));
    ck_assert(exists(dir, "index.html"));
    results_destroy(r);
}
END_TEST

START_TEST(test_failed_drawing_leaves_no_partial_file)
{
    char dir[256];
    struct results *r = small();
    struct figure f =
        drawn(r, &(struct figure_spec){
                     .type = type_of("line"), .y = "test_acc", .x = "model.width", .ci = 95});
    bool found;
    if (system("gnuplot --version >/dev/null 2>&1") != 0) return;
    text_add(&f.plot, "this is no command\n"); /* by now the drawing has begun */
    ck_assert_int_eq(folder_make(in_folder("broken", dir), &e), ERR_OK);
    ck_assert_int_eq(figure_save(&f, dir, &found, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "invalid command"));
    ck_assert(!exists(dir, "fig1.pdf") && !exists(dir, "fig1.pdf" FOLDER_NEW));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    Suite *s = suite_create("report");
    TCase *t = check_case(s, "report");
    tcase_add_test(t, test_unknown_names_are_refused_with_a_suggestion);
    tcase_add_test(t, test_series_average_seeds_and_count_the_diverged);
    tcase_add_test(t, test_other_settings_are_averaged_within_a_seed);
    tcase_add_test(t, test_alignment_is_between_seeds_of_one_configuration);
    tcase_add_test(t, test_best_configuration_is_a_mean_over_seeds);
    tcase_add_test(t, test_ticks_are_round_and_inside);
    tcase_add_test(t, test_markup_is_escaped);
    tcase_add_test(t, test_drawing_becomes_part_of_a_page);
    tcase_add_test(t, test_filters_know_true);
    tcase_add_test(t, test_matrix_orders_networks_and_groups_them);
    tcase_add_test(t, test_matrix_puts_like_by_like);
    tcase_add_test(t, test_table_is_bold_only_where_intervals_separate);
    tcase_add_test(t, test_report_into_a_file_is_refused);
    tcase_add_test(t, test_report_has_a_default_set);
    tcase_add_test(t, test_settings_that_do_not_vary_are_no_obstacle);
    tcase_add_test(t, test_report_is_the_same_when_made_twice);
    tcase_add_test(t, test_script_draws_by_itself);
    tcase_add_test(t, test_without_gnuplot_data_and_scripts_remain);
    tcase_add_test(t, test_failed_drawing_leaves_no_partial_file);
    int failed = check_run(s);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed;
}
