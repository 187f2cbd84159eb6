/* test_figure_pairs.c - figures of the pairs of one measure: maps, bins, trends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/mds.h"
#include "tests/figure_drawn.h"

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
    remove_figure(folder);
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

/* Scores between the networks of a third of the trials, by number, are 0.2, 0.4 and 0.6;
 * between thirds 0.9. */
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
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xlabel 'test acc'"));
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
    tcase_add_test(t, test_trend_with_all_others);
    tcase_add_test(t, test_trend_with_the_best);
    return check_run(s);
}
