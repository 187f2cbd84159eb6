/* test_figure_measures.c - figures of several measures of alignment: their agreement, and one
 * of k neighbours against k. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/figure_drawn.h"

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

/* ---- neighbours ---- */

START_TEST(test_neighbours_within_and_across)
{
    struct several s;
    struct figure_spec spec = of("neighbours");
    struct figure f;
    bool found;
    several(&s, (const char *const[]){"knn@100", "knn@2", "knn@x", "knnc@5", "knn", "knn@10",
                                      NULL});
    static const double level[6] = {0.5, 0.1, 9, 9, 9, 0.3};
    for (int m = 0; m < 6; m++)
        for (int i = 0; i < MODELS; i++)
            for (int j = 0; j < MODELS; j++) { /* models 0 to 7 are relu */
                bool relu = i < 8 && j < 8, both = (i < 8) == (j < 8);
                s.score[m][i * MODELS + j] = level[m] + (relu ? 0.2 : both ? 0.1 : 0);
            }
    snprintf(spec.value, sizeof spec.value, "knn");
    snprintf(spec.hue, sizeof spec.hue, "model.activation");
    draw(s.r, &spec, &f);
    static const char *const groups[3] = {"relu", "tanh", "across"};
    static const double k[3] = {2, 10, 100}, want[3] = {0.1, 0.3, 0.5}, more[3] = {0.2, 0.1, 0};
    static const int networks[3] = {8, 8, 16};
    ck_assert_int_eq(rows(&f), 9);
    for (int g = 0; g < 3; g++)
        for (int i = 0; i < 3; i++) {
            ck_assert_str_eq(cell(&f, 3 * g + i, 0), groups[g]);
            ck_assert_double_eq(number(&f, 3 * g + i, 1), k[i]);
            for (int c = 2; c < 5; c++) /* all pairs are alike: the interval, too */
                ck_assert_double_eq_tol(number(&f, 3 * g + i, c), want[i] + more[g], 1e-12);
            ck_assert_int_eq((int)number(&f, 3 * g + i, 5), networks[g]);
        }
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set logscale x"));
    ck_assert_ptr_nonnull(strstr(f.axis.at, "xmode=log"));
    ck_assert_ptr_nonnull(
        strstr(f.answer.at, "across: 0.1 [0.1, 0.1] at k = 2, 0.5 [0.5, 0.5] at k = 100"));
    char folder[] = "/tmp/test_neighbours.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_msg(figure_save(&f, folder, &found, &e) == ERR_OK, "%s", e.text);
    remove_figure(folder);
    figure_clear(&f);
    spec.hue[0] = 0;
    snprintf(spec.filter, sizeof spec.filter, "seed == 0 and model.width == 16");
    draw(s.r, &spec, &f); /* a pair of networks */
    ck_assert_int_eq(rows(&f), 3);
    ck_assert_double_eq_tol(number(&f, 1, 2), 0.3, 1e-12);
    ck_assert_double_nan(number(&f, 1, 3));
    figure_clear(&f);
    snprintf(spec.filter, sizeof spec.filter, "seed > 90");
    draw(s.r, &spec, &f);
    ck_assert_int_eq(rows(&f), 0);
    figure_clear(&f);
    snprintf(spec.value, sizeof spec.value, "cknna");
    ck_assert_int_eq(figure_make(s.r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "no alignment by 'cknna@k'"));
    ck_assert_ptr_nonnull(strstr(e.text, "it has: knn@100, knn@2"));
    figure_clear(&f);
    forget(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("figure_measures");
    TCase *t = check_case(s, "figure_measures");
    tcase_add_test(t, test_measures_agree_by_ranks);
    tcase_add_test(t, test_neighbours_within_and_across);
    return check_run(s);
}
