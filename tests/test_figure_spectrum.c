/* test_figure_spectrum.c - the figure of the spectra of a layer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/spectra.h"
#include "coord/state.h"
#include "tests/figure_drawn.h"

enum { ROOM = 64, RANKS = 3 };
static char folder[] = "/tmp/test_figure_spectrum.XXXXXX", store[64];
static struct spectra_row rows_of[ROOM];
static const char *const layers[2] = {"hidden.1", "hidden.last"};

/* Spectra of every trial of the small store that is done, in another place. Of trial t the
 * shares of hidden.last fall as (0.5 + 0.01 t)^k but for the last. */
static struct spectra spectra_of(const struct results *r)
{
    struct spectra s = {.options = {.clip = 1}, .row = rows_of};
    for (int64_t t = 0; t < r->n_trials; t++)
        for (int l = 0; l < 2 && r->state[t] == TRIAL_DONE; l++) {
            struct spectra_row *row = &rows_of[s.n++];
            *row = (struct spectra_row){.trial = r->row[t], .id = r->id[t], .d = RANKS};
            snprintf(row->layer, sizeof row->layer, "%s", layers[l]);
            snprintf(row->name, sizeof row->name, "%016llx", (unsigned long long)r->id[t]);
            row->participation = 1 + 0.1 * (double)t + l;
            row->effective = 2;
            for (int k = 0; k < SPECTRA_KEPT; k++)
                row->share[k] = k < RANKS ? pow(0.5 + 0.01 * (double)t, k + 1 + l) : NAN;
        }
    return s;
}

static struct results *with_spectra(const struct spectra *s)
{
    struct results *r = small();
    struct spectra all = s ? *s : spectra_of(r);
    r->path = store;
    ck_assert_msg(spectra_write(store, &all, &e) == ERR_OK, "%s", e.text);
    return r;
}

START_TEST(test_without_spectra_there_is_no_figure)
{
    struct results *r = small();
    struct figure_spec spec = of("spectrum");
    struct figure f;
    r->path = store;
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "shoal align --spectra"));
    figure_clear(&f);
    clear(r);
    r = with_spectra(NULL);
    snprintf(spec.layer, sizeof spec.layer, "logits");
    ck_assert_int_eq(figure_make(r, &spec, 1, icml(), &f, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "layer 'logits'; it has: hidden.1, hidden.last"));
    figure_clear(&f);
    clear(r);
}
END_TEST

/* What a group has: the mean over seeds of the means over its trials. */
static double mean_of(const struct results *r, const char *group, int layer, int rank)
{
    double seed_sum[8] = {0}, all = 0;
    int seed_n[8] = {0}, n = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        const struct results_axis *a = results_axis(r, "model.activation");
        if (r->state[t] != TRIAL_DONE || (*group && strcmp(a->text[t], group) != 0)) continue;
        seed_sum[r->seed[t]] += rank < 0 ? 1 + 0.1 * (double)t + layer
                                         : pow(0.5 + 0.01 * (double)t, rank + 1 + layer);
        seed_n[r->seed[t]]++;
    }
    for (int s = 0; s < 8; s++)
        if (seed_n[s]) all += seed_sum[s] / seed_n[s], n++;
    return all / n;
}

START_TEST(test_means_are_over_seeds)
{
    struct results *r = with_spectra(NULL);
    struct figure_spec spec = of("spectrum");
    struct figure f;
    static const char *const groups[2] = {"relu", "tanh"};
    snprintf(spec.hue, sizeof spec.hue, "model.activation");
    snprintf(spec.log, sizeof spec.log, "xy");
    draw(r, &spec, &f); /* hidden.last, as nothing else is said */
    ck_assert_int_eq(rows(&f), 2 * RANKS);
    for (int g = 0; g < 2; g++)
        for (int k = 0; k < RANKS; k++) {
            int row = g * RANKS + k;
            ck_assert_str_eq(cell(&f, row, 0), groups[g]);
            ck_assert_int_eq((int)number(&f, row, 1), k + 1);
            ck_assert_double_eq_tol(number(&f, row, 2), mean_of(r, groups[g], 1, k), 1e-9);
            ck_assert(number(&f, row, 3) < number(&f, row, 2));
            ck_assert(number(&f, row, 4) > number(&f, row, 2));
            for (int l = 0; l < 2; l++)
                ck_assert_double_eq_tol(number(&f, row, 6 + l), mean_of(r, groups[g], l, -1),
                                        1e-8);
        }
    ck_assert_int_eq(column(&f, "participation_ratio.hidden.last"), 7);
    ck_assert_ptr_nonnull(strstr(f.axis.at, "ymode=log"));
    ck_assert_ptr_nonnull(strstr(f.axis.at, "xmode=log"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "means over 16 networks"));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "relu: participation ratio "));
    figure_clear(&f);
    spec.hue[0] = 0;
    snprintf(spec.layer, sizeof spec.layer, "hidden.1");
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), RANKS);
    ck_assert_double_eq_tol(number(&f, 1, 2), mean_of(r, "", 0, 1), 1e-9);
    figure_clear(&f);
    clear(r);
}
END_TEST

/* Half of the trials, in the order that they do not have in the store; one without variance. */
START_TEST(test_networks_without_a_spectrum_are_counted)
{
    struct results *r = small();
    struct spectra s = spectra_of(r);
    struct figure_spec spec = of("spectrum");
    struct figure f;
    clear(r);
    for (int64_t i = 0; i < s.n / 2; i++) rows_of[i] = rows_of[s.n - 1 - i];
    s.n /= 2;
    for (int k = 0; k < SPECTRA_KEPT; k++) rows_of[0].share[k] = NAN;
    r = with_spectra(&s);
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), RANKS);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "8 networks have no spectrum of it"));
    figure_clear(&f);
    clear(r);
    for (int i = 0; i < 2; i++) { /* one direction less is one without variance */
        struct figure g;
        rows_of[2].share[RANKS - 1] = i ? NAN : 0;
        r = with_spectra(&s);
        draw(r, &spec, i ? &g : &f);
        clear(r);
        if (i == 0) continue;
        ck_assert_str_eq(f.csv.at, g.csv.at);
        figure_clear(&f);
        figure_clear(&g);
    }
    r = with_spectra(&s);
    snprintf(spec.filter, sizeof spec.filter, "seed > 90");
    draw(r, &spec, &f);
    ck_assert_int_eq(rows(&f), 0);
    figure_clear(&f);
    clear(r);
}
END_TEST

START_TEST(test_figure_is_reproducible_and_drawn)
{
    struct results *r = with_spectra(NULL);
    struct figure_spec spec = of("spectrum");
    struct figure f, again;
    bool found;
    char drawn[] = "/tmp/test_spectrum_drawn.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(drawn));
    snprintf(spec.hue, sizeof spec.hue, "model.width");
    snprintf(spec.log, sizeof spec.log, "y");
    draw(r, &spec, &f);
    draw(r, &spec, &again);
    ck_assert_str_eq(f.csv.at, again.csv.at);
    ck_assert_str_eq(f.plot.at, again.plot.at);
    ck_assert_msg(figure_save(&f, drawn, &found, &e) == ERR_OK, "%s", e.text);
    ck_assert(!found || strstr(f.svg.at, "</svg>"));
    figure_clear(&f);
    figure_clear(&again);
    remove_figure(drawn);
    clear(r);
}
END_TEST

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_figure_spectrum.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(store, sizeof store, "%s/s.h5", folder);
}

static void remove_folder(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s.d/spectra.h5", store);
    unlink(path);
    snprintf(path, sizeof path, "%s.d", store);
    rmdir(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

int main(void)
{
    Suite *s = suite_create("figure_spectrum");
    TCase *t = check_case(s, "figure_spectrum");
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, test_without_spectra_there_is_no_figure);
    tcase_add_test(t, test_means_are_over_seeds);
    tcase_add_test(t, test_networks_without_a_spectrum_are_counted);
    tcase_add_test(t, test_figure_is_reproducible_and_drawn);
    return check_run(s);
}
