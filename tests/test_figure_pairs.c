/* test_figure_pairs.c - figures of an alignment's pairs: maps, bins, agreement, trends,
 * neighbours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "coord/figure_pairs.h"
#include "coord/folder.h"
#include "coord/state.h"
#include "linalg/mds.h"
#include "tests/results_small.h"

enum { MODELS = 16 }; /* of the small store: trials 4 and 17 are not done */

static const struct report_venue *icml(void)
{
    return (const void *)table_row(&report_venues, 0);
}

static struct figure_spec of(const char *type)
{
    struct figure_spec spec = {.type = table_find(&figure_types, type), .ci = 95};
    snprintf(spec.value, sizeof spec.value, "cka");
    return spec;
}

static void draw(const struct results *r, const struct figure_spec *spec, struct figure *f)
{
    ck_assert_msg(figure_make(r, spec, 1, icml(), f, &e) == ERR_OK, "%s", e.text);
    ck_assert_uint_gt(f->csv.length, 0);
    ck_assert_uint_gt(f->plot.length, 0);
    ck_assert_uint_gt(f->axis.length, 0);
    ck_assert_uint_gt(f->title.length, 0);
    const struct text *const all[] = {&f->caption, &f->csv, &f->setup, &f->axis, &f->answer};
    for (int i = 0; i < 5; i++)
        ck_assert_msg(!all[i]->at || (!strstr(all[i]->at, "nan") && !strstr(all[i]->at, "inf")),
                      "%s", all[i]->at);
}

/* Field k (from 0) of row `row` (from 0, the head is -1) of a CSV without quotes. */
static const char *cell(const struct figure *f, int row, int k)
{
    static char out[128];
    const char *at = f->csv.at;
    for (int i = -1; i < row; i++) at = strchr(at, '\n') + 1;
    for (int i = 0; i < k; i++) at += strcspn(at, ",\n") + 1;
    snprintf(out, sizeof out, "%.*s", (int)strcspn(at, ",\n"), at);
    return out;
}

static double number(const struct figure *f, int row, int k)
{
    const char *text = cell(f, row, k);
    return *text ? strtod(text, NULL) : NAN;
}

static int rows(const struct figure *f)
{
    int n = -1;
    for (const char *c = f->csv.at; *c; c++) n += *c == '\n';
    return n;
}

static int column(const struct figure *f, const char *name)
{
    for (int k = 0; k < 32; k++)
        if (strcmp(cell(f, -1, k), name) == 0) return k;
    ck_abort_msg("no column %s in %s", name, f->csv.at);
}

static void clear(struct results *r)
{
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

/* Gives all pairs of models a score. */
static void set_scores(struct results_alignment *a,
                       double (*score)(const struct results_alignment *a, int64_t i, int64_t j))
{
    for (int64_t i = 0; i < a->n_models; i++)
        for (int64_t j = 0; j < a->n_models; j++)
            a->score[i * a->n_models + j] = score(a, i, j);
}

/* Every type of these figures, with what it needs. */
static int each_type(struct figure_spec out[8])
{
    int n = 0;
    out[n++] = of("map");
    snprintf(out[0].hue, sizeof out[0].hue, "model.activation");
    out[n++] = of("bins");
    snprintf(out[1].by, sizeof out[1].by, "test_acc");
    out[1].bins = 3;
    out[n++] = of("agreement");
    out[2].n_measures = 1;
    snprintf(out[2].measure[0], sizeof out[2].measure[0], "cka");
    out[n++] = of("trend");
    snprintf(out[3].x, sizeof out[3].x, "model.width");
    snprintf(out[3].log, sizeof out[3].log, "x");
    out[n++] = of("trend");
    snprintf(out[4].x, sizeof out[4].x, "train_loss");
    snprintf(out[4].by, sizeof out[4].by, "test_acc");
    out[4].to = FIGURE_TO_BEST;
    return n;
}

START_TEST(test_unknown_measures_are_refused)
{
    struct results *r = small();
    struct figure_spec spec[8];
    struct figure f;
    int n = each_type(spec);
    for (int i = 0; i < n; i++) {
        snprintf(spec[i].value, sizeof spec[i].value, "rsa");
        snprintf(spec[i].measure[0], sizeof spec[i].measure[0], "rsa");
        ck_assert_int_eq(figure_make(r, &spec[i], 3, icml(), &f, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.text, "number 3: the store has no alignment by 'rsa'") != NULL,
                      "%s", e.text);
        ck_assert_ptr_nonnull(strstr(e.text, "it has: cka"));
        figure_clear(&f);
        ck_assert_uint_eq(arena_live_bytes() > 0, 1); /* of the results alone */
    }
    clear(r);
}
END_TEST

/* Nothing passes; one network; two of them. */
START_TEST(test_few_networks)
{
    static const char *const filters[] = {
        "seed > 90", "seed == 0 and model.width == 16 and model.activation == relu",
        "seed < 2 and model.width == 16 and model.activation == relu"};
    struct results *r = small();
    struct figure_spec spec[8];
    int n = each_type(spec);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) {
            struct figure f;
            snprintf(spec[i].filter, sizeof spec[i].filter, "%s", filters[k]);
            draw(r, &spec[i], &f);
            figure_clear(&f);
        }
    clear(r);
}
END_TEST

/* What is made twice is the same, and gnuplot takes it. */
START_TEST(test_figures_are_reproducible_and_drawn)
{
    char folder[] = "/tmp/test_figure_pairs.XXXXXX";
    struct results *r = small();
    struct figure_spec spec[8];
    int n = each_type(spec);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int i = 0; i < n; i++) {
        struct figure f, again;
        bool found;
        draw(r, &spec[i], &f);
        draw(r, &spec[i], &again);
        ck_assert_str_eq(f.csv.at, again.csv.at);
        ck_assert_str_eq(f.caption.at, again.caption.at);
        ck_assert_str_eq(f.plot.at, again.plot.at);
        ck_assert_msg(figure_save(&f, folder, &found, &e) == ERR_OK, "%s", e.text);
        ck_assert(!found || strstr(f.svg.at, "</svg>"));
        figure_clear(&f);
        figure_clear(&again);
    }
    static const char *const ends[] = {"csv", "gp", "tex", "pdf", "svg"};
    for (int i = 0; i < 5; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/fig1.%s", folder, ends[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
    clear(r);
}
END_TEST

/* ---- maps ---- */

/* A place in the plane for each trial. */
static double place(const struct results_alignment *a, int64_t model, int k)
{
    double t = (double)a->trial[model];
    return k ? 0.3 * fmod(5 * t, 7) : 0.11 * t;
}

static double near(const struct results_alignment *a, int64_t i, int64_t j)
{
    return exp(-hypot(place(a, i, 0) - place(a, j, 0), place(a, i, 1) - place(a, j, 1)));
}

START_TEST(test_map_keeps_distances)
{
    for (int method = 0; method < 2; method++) {
        struct results *r = small();
        struct figure_spec spec = of("map");
        struct figure f;
        const struct results_alignment *a = &r->alignment[0];
        double x[2 * MODELS], y[2 * MODELS];
        struct mds_similarity s;
        set_scores(&r->alignment[0], near);
        for (int k = 0; k < 20; k++) /* one direction is enough */
            r->alignment[0].score[(k % 3 + 9) * MODELS + k % 5] = NAN;
        spec.method = method;
        draw(r, &spec, &f);
        ck_assert_int_eq(rows(&f), MODELS);
        for (int i = 0; i < MODELS; i++)
            for (int64_t m = 0; m < MODELS; m++) { /* seed and settings say which it is */
                int64_t t = a->trial[m];
                if (number(&f, i, 3) != (double)r->seed[t] ||
                    strcmp(cell(&f, i, 4), r->axis[0].text[t]) != 0 ||
                    strcmp(cell(&f, i, 5), r->axis[1].text[t]) != 0)
                    continue;
                for (int k = 0; k < 2; k++) {
                    x[2 * i + k] = number(&f, i, 1 + k);
                    y[2 * i + k] = place(a, m, k);
                }
            }
        ck_assert_int_eq(mds_procrustes(MODELS, 2, x, y, true, &s, &e), ERR_OK);
        ck_assert_double_lt(s.residual, 1e-10);
        ck_assert_double_eq_tol(s.scale, 1, 1e-6);
        ck_assert_double_lt(number(&f, 3, column(&f, "stress_1")), 1e-6);
        ck_assert_int_eq((int)number(&f, 3, column(&f, "below_floor")), 0);
        ck_assert_ptr_nonnull(
            strstr(f.caption.at, method ? "Classical" : "the best of 9 starts"));
        figure_clear(&f);
        clear(r);
    }
}
END_TEST

START_TEST(test_map_counts_what_it_lacks)
{
    struct results *r = small();
    struct figure_spec spec = of("map");
    struct results_alignment *a = &r->alignment[0];
    struct figure f;
    set_scores(a, near);
    a->score[1] = a->score[MODELS] = -0.2;                     /* below the floor */
    a->score[2 * MODELS + 5] = a->score[5 * MODELS + 2] = NAN; /* no score */
    for (int64_t i = 0; i < MODELS; i++)
        a->score[7 * MODELS + i] = a->score[i * MODELS + 7] = NAN;
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), MODELS - 1);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Of 1 of 105 pairs the score is below 0.001"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "1 of 105 pairs have no score and no weight"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "1 network has no score"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "1 of 105 pairs below the floor of 0.001"));
    ck_assert_int_eq((int)number(&f, 0, column(&f, "below_floor")), 1);
    ck_assert_int_eq((int)number(&f, 0, column(&f, "missing")), 1);
    int64_t without = a->trial[7];
    for (int i = 0; i < rows(&f); i++)
        ck_assert(number(&f, i, 3) != (double)r->seed[without] ||
                  strcmp(cell(&f, i, 4), r->axis[0].text[without]) != 0 ||
                  strcmp(cell(&f, i, 5), r->axis[1].text[without]) != 0);
    figure_clear(&f);
    spec.method = FIGURE_LAYOUT_CLASSICAL;
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(e.text, "is missing"));
    figure_clear(&f);
    clear(r);
}
END_TEST

/* ---- bins ---- */

/* Scores between the networks of a third of the trials, by number, are 0.2, 0.4 and 0.6; between
 * thirds 0.9. */
static double thirds(const struct results_alignment *a, int64_t i, int64_t j)
{
    int64_t p = a->trial[i] / 6, q = a->trial[j] / 6;
    return i == j ? 1 : p == q ? 0.2 * (double)(p + 1) : 0.9;
}

/* Gives each trial a value of test_acc at its last record. */
static void set_last(struct results *r, double (*value)(int64_t trial))
{
    const struct results_metric *m = results_metric(r, "test_acc");
    for (int64_t t = 0; t < r->n_trials; t++)
        for (int64_t k = 0; k < r->n_records; k++) m->value[t * r->n_records + k] = value(t);
}

/* Thirds of the trials, and no order within. */
static double third(int64_t t)
{
    return 1 - (double)(t / 6) + 0.01 * (double)(5 * t % 6);
}

static double equal(int64_t t)
{
    return t < 12 ? 0.5 : 0.75;
}

static double mostly_nothing(int64_t t)
{
    return t < 3 ? (double)t : NAN;
}

START_TEST(test_bins_hold_their_own_pairs_alone)
{
    struct results *r = small();
    struct figure_spec spec = of("bins");
    struct figure f;
    set_scores(&r->alignment[0], thirds);
    set_last(r, third);
    snprintf(spec.by, sizeof spec.by, "test_acc");
    spec.bins = 3; /* of 5, 6 and 5 networks: as trials 4 and 17 are not done */
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), 3);
    for (int k = 0; k < 3; k++) { /* the last third has the lowest values */
        /* 16 networks make bins of 6, 5 and 5: one of the second third is in the first bin */
        static const double want[3] = {(20 * 0.6 + 10 * 0.9) / 30, 0.4, 0.2};
        static const int networks[3] = {6, 5, 5};
        ck_assert_double_eq_tol(number(&f, k, 2), want[k], 1e-8);
        ck_assert_int_eq((int)number(&f, k, 5), networks[k]);
        ck_assert(number(&f, k, 3) <= number(&f, k, 2) + 1e-8);
        ck_assert(number(&f, k, 4) >= number(&f, k, 2) - 1e-8);
        ck_assert(number(&f, k, 6) <= number(&f, k, 1));
        ck_assert(number(&f, k, 7) >= number(&f, k, 1));
        ck_assert(k == 0 || number(&f, k, 6) > number(&f, k - 1, 7));
    }
    ck_assert_double_lt(number(&f, 0, 3),
                        number(&f, 0, 4) - 0.01); /* scores vary: an interval */
    ck_assert_ptr_nonnull(strstr(f.caption.at, "resample networks, never pairs"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, ": 0.2 [0.2, 0.2]"));
    figure_clear(&f);
    clear(r);
}
END_TEST

START_TEST(test_equal_values_share_a_bin)
{
    struct results *r = small();
    struct figure_spec spec = of("bins");
    struct figure f;
    snprintf(spec.by, sizeof spec.by, "test_acc");
    spec.bins = 5;
    set_last(r, equal);
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), 2);
    ck_assert_int_eq((int)number(&f, 0, 5), 11);
    ck_assert_int_eq((int)number(&f, 1, 5), 5);
    ck_assert_double_eq(number(&f, 1, 6), 0.75);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "only 2 bins"));
    figure_clear(&f);
    set_last(r, mostly_nothing);
    spec.bins = 3; /* of a network each: no pairs */
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), 3);
    ck_assert_double_nan(number(&f, 0, 2));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "13 networks have no such value"));
    figure_clear(&f);
    snprintf(spec.by, sizeof spec.by, "sharpness");
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "by: 'sharpness' is no metric of this store"));
    figure_clear(&f);
    clear(r);
}
END_TEST

/* ---- several measures ---- */

/* The small store with further alignments, copies of the first by other names. names is a list
 * that ends with NULL. Give the copies back with `forget`. */
struct several {
    struct results *r;
    struct results_alignment *own, all[8];
    double score[8][MODELS * MODELS];
};

static void several(struct several *s, const char *const *names)
{
    s->r = small();
    s->own = s->r->alignment;
    s->r->n_alignments = 0;
    for (; names[s->r->n_alignments]; s->r->n_alignments++) {
        int k = s->r->n_alignments;
        s->all[k] = s->own[0];
        snprintf(s->all[k].measure, sizeof s->all[k].measure, "%s", names[k]);
        memcpy(s->score[k], s->own[0].score, sizeof s->score[k]);
        s->all[k].score = s->score[k];
    }
    s->r->alignment = s->all;
}

static void forget(struct several *s)
{
    s->r->alignment = s->own;
    s->r->n_alignments = 1;
    clear(s->r);
}

START_TEST(test_measures_agree_by_ranks)
{
    struct several s;
    struct figure_spec spec = of("agreement");
    struct figure f;
    several(&s, (const char *const[]){"one", "cubed", "turned", "half", NULL});
    for (int i = 0; i < MODELS; i++)
        for (int j = 0; j < MODELS; j++) {
            int low = i < j ? i : j, high = i < j ? j : i, k = i * MODELS + j;
            double value = 0.001 * (low * MODELS + high);
            s.score[0][k] = value;
            s.score[1][k] = pow(value, 3);
            s.score[2][k] = -value;
            s.score[3][k] = low == 0 ? NAN : value;
        }
    draw(s.r, &spec, &f);
    static const double want[4][4] = {
        {1, 1, -1, 1}, {1, 1, -1, 1}, {-1, -1, 1, -1}, {1, 1, -1, 1}};
    ck_assert_int_eq(rows(&f), 4);
    for (int p = 0; p < 4; p++) {
        ck_assert_str_eq(cell(&f, p, 0), s.all[p].measure);
        for (int q = 0; q < 4; q++)
            ck_assert_double_eq_tol(number(&f, p, q + 1), want[p][q], 1e-12);
    }
    ck_assert_ptr_nonnull(strstr(f.caption.at, "105 to 120 of them"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "one and turned: rho = -1\n"));
    figure_clear(&f);
    spec.n_measures = 2;
    snprintf(spec.measure[0], sizeof spec.measure[0], "half");
    snprintf(spec.measure[1], sizeof spec.measure[1], "one");
    s.score[3][3 * MODELS + 4] = s.score[3][4 * MODELS + 3] =
        1; /* from rank 33 of 105 to 105 */
    draw(s.r, &spec, &f);
    ck_assert_str_eq(cell(&f, -1, 1), "half");
    int r = 0; /* its rank among pairs without network 0 */
    for (int i = 1; i < MODELS; i++)
        for (int j = i + 1; j < MODELS; j++) r += i * MODELS + j <= 3 * MODELS + 4;
    double m = 105, squares = (m - r) * (m - r) + (m - r); /* those above it fall by one */
    ck_assert_double_eq_tol(number(&f, 0, 2), 1 - 6 * squares / (m * (m * m - 1)), 1e-9);
    figure_clear(&f);
    forget(&s);
}
END_TEST

/* ---- trends ---- */

/* The sum of two networks' effects, which fall with the number of the trial. */
static double effects(const struct results_alignment *a, int64_t i, int64_t j)
{
    return i == j ? 1 : 0.9 - 0.001 * (double)(a->trial[i] * a->trial[i] + a->trial[j]);
}

static double trial_number(int64_t t)
{
    return (double)t;
}

START_TEST(test_trend_with_all_others)
{
    struct results *r = small();
    struct results_alignment *a = &r->alignment[0];
    struct figure_spec spec = of("trend");
    struct figure f;
    set_scores(a, effects);
    set_last(r, trial_number);
    snprintf(spec.x, sizeof spec.x, "test_acc");
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), MODELS);
    double x[MODELS], y[MODELS], mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < MODELS; i++) { /* the others' mean, both directions */
        double sum = 0;
        x[i] = number(&f, i, 1);
        y[i] = number(&f, i, 2);
        for (int m = 0, self = -1; m < MODELS; m++) {
            for (int k = 0; k < MODELS && self < 0; k++)
                if ((double)a->trial[k] == x[i]) self = k;
            if (m != self)
                sum += (a->score[self * MODELS + m] + a->score[m * MODELS + self]) / 2;
        }
        ck_assert_double_eq_tol(y[i], sum / (MODELS - 1), 1e-8);
        mx += x[i] / MODELS;
        my += y[i] / MODELS;
    }
    for (int i = 0; i < MODELS; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    ck_assert_double_eq_tol(number(&f, 0, column(&f, "spearman")), -1, 1e-12);
    ck_assert_double_eq_tol(number(&f, 0, column(&f, "pearson")), xy / sqrt(xx * yy), 1e-7);
    ck_assert_double_gt(number(&f, 0, column(&f, "pearson")), -0.99);
    ck_assert_ptr_nonnull(strstr(f.answer.at, "Spearman's rho = -1, Pearson's = -0.9"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "each of 16 networks"));
    figure_clear(&f);
    snprintf(spec.x, sizeof spec.x, "model.activation");
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "'model.activation' has names for values"));
    figure_clear(&f);
    snprintf(spec.x, sizeof spec.x, "optim.lr");
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "does not vary"));
    figure_clear(&f);
    clear(r);
}
END_TEST

START_TEST(test_trend_with_the_best)
{
    struct results *r = small();
    struct results_alignment *a = &r->alignment[0];
    struct figure_spec spec = of("trend");
    struct figure f;
    set_scores(a, effects);
    set_last(r, trial_number); /* the best by accuracy is the last that is done: 16 */
    snprintf(spec.x, sizeof spec.x, "test_acc");
    snprintf(spec.by, sizeof spec.by, "test_acc");
    spec.to = FIGURE_TO_BEST;
    draw(r, &spec, &f);
    for (int i = 0; i < MODELS; i++) {
        double t = number(&f, i, 1), y = number(&f, i, 2);
        double want = 0.9 - 0.001 * (t * t + t + 16 * 16 + 16) / 2;
        if (t == 16)
            ck_assert_double_nan(y);
        else
            ck_assert_double_eq_tol(y, want, 1e-8);
    }
    ck_assert_ptr_nonnull(strstr(f.caption.at, "the best test_acc (16), which has no point"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "each of 15 networks"));
    ck_assert_ptr_null(strstr(f.caption.at, "no such value"));
    figure_clear(&f);
    snprintf(spec.by, sizeof spec.by,
             "train_loss"); /* small is good: trial 0, as it was made */
    draw(r, &spec, &f);
    for (int i = 0; i < MODELS; i++)
        if (number(&f, i, 1) == 0) ck_assert_double_nan(number(&f, i, 2));
    figure_clear(&f);
    snprintf(spec.by, sizeof spec.by, "step");
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "neither large nor small"));
    figure_clear(&f);
    clear(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("figure_pairs");
    TCase *t = check_case(s, "figure_pairs");
    tcase_add_test(t, test_unknown_measures_are_refused);
    tcase_add_test(t, test_few_networks);
    tcase_add_test(t, test_figures_are_reproducible_and_drawn);
    tcase_add_test(t, test_map_keeps_distances);
    tcase_add_test(t, test_map_counts_what_it_lacks);
    tcase_add_test(t, test_bins_hold_their_own_pairs_alone);
    tcase_add_test(t, test_equal_values_share_a_bin);
    tcase_add_test(t, test_measures_agree_by_ranks);
    tcase_add_test(t, test_trend_with_all_others);
    tcase_add_test(t, test_trend_with_the_best);
    return check_run(s);
}
