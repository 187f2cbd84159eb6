/* test_scaling.c - from the trials of a store to scaling fits and what is shown of them. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "coord/scaling.h"
#include "coord/state.h"
#include "tests/check_main.h"

enum { WIDTHS = 6, GROUPS = 2, RATES = 2, SEEDS = 3, TRIALS = WIDTHS * GROUPS * RATES * SEEDS };

static struct err e;

/* A table as results_read would make it: test_loss is 0.2 + 3 width^-0.5 of relu networks,
 * 0.1 + 2 width^-0.3 of tanh ones; what rates and seeds add has the mean 0. */
static struct {
    double width[TRIALS], activation[TRIALS], rate[TRIALS], step[TRIALS], loss[TRIALS],
        params[TRIALS];
    const char *text[TRIALS];
    uint64_t seed[TRIALS];
    uint8_t state[TRIALS];
    struct results_axis axis[3];
    struct results_metric metric[2];
    struct results r;
} made;

static void set_trial(int t)
{
    int seed = t % SEEDS, rate = t / SEEDS % RATES, group = t / SEEDS / RATES % GROUPS;
    double width = 8 << t / SEEDS / RATES / GROUPS;
    double law = group ? 0.1 + 2 * pow(width, -0.3) : 0.2 + 3 * pow(width, -0.5);
    made.width[t] = width;
    made.activation[t] = group;
    made.text[t] = group ? "tanh" : "relu";
    made.rate[t] = rate;
    made.params[t] = 10 * width;
    made.seed[t] = (uint64_t)seed + 5;
    made.state[t] = TRIAL_DONE;
    made.loss[t] = law * (1 + 0.01 * (seed - 1) + 0.2 * (rate - 0.5));
}

static const struct results *table(void)
{
    for (int t = 0; t < TRIALS; t++) set_trial(t);
    made.axis[0] = (struct results_axis){"model.width", false, made.width, made.text};
    made.axis[1] = (struct results_axis){"model.activation", true, made.activation, made.text};
    made.axis[2] = (struct results_axis){"optim.lr", false, made.rate, made.text};
    made.metric[0] = (struct results_metric){"step", made.step};
    made.metric[1] = (struct results_metric){"test_loss", made.loss};
    made.r = (struct results){.n_trials = TRIALS,
                              .n_records = 1,
                              .seed = made.seed,
                              .state = made.state,
                              .n_axes = 3,
                              .n_metrics = 2,
                              .axis = made.axis,
                              .metric = made.metric};
    return &made.r;
}

static struct scaling_spec spec(const char *y, const char *x, const char *form,
                                const char *group)
{
    struct scaling_spec s;
    field_defaults(&sweep_scaling_settings, &s);
    snprintf(s.y, sizeof s.y, "%s", y);
    snprintf(s.x, sizeof s.x, "%s", x);
    snprintf(s.form, sizeof s.form, "%s", form);
    snprintf(s.group, sizeof s.group, "%s", group);
    s.bootstrap = 200;
    return s;
}

/* The document of one specification with n fits. */
static json_t *fits(const struct scaling_spec *s, size_t n)
{
    json_t *document;
    ck_assert_msg(scaling_fits(&made.r, made.params, 1, s, &document, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "fits")), n);
    return document;
}

static const json_t *fit_of(const json_t *document, size_t i)
{
    return json_array_get(json_object_get(document, "fits"), i);
}

static double param(const json_t *fit, size_t k, const char *key)
{
    return json_number_value(
        json_object_get(json_array_get(json_object_get(fit, "params"), k), key));
}

static void refused(struct scaling_spec s, const char *reason)
{
    json_t *document = fits(&s, 1);
    const char *why = scaling_refused(document);
    ck_assert_msg(why && strstr(why, reason), "'%s' in '%s'", reason, why ? why : "");
    json_decref(document);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}

START_TEST(test_unknown_names_are_refused_with_the_known)
{
    table();
    refused(spec("tes_loss", "model.width", "", ""),
            "no metric of this store; known: test_loss");
    refused(spec("test_loss", "model.widht", "", ""), "known: params, model.width");
    refused(spec("test_loss", "model.activation", "", ""), "is names, not numbers");
    refused(spec("test_loss", "model.width", "powr", ""), "did you mean 'power'?");
    refused(spec("test_loss", "model.width", "", "model.depth"), "does not vary");
    refused(spec("test_loss", "model.width", "power2", ""), "is of 2 sizes");
    refused(spec("test_loss", "a, b, c", "", ""), "names one or two sizes");
}
END_TEST

START_TEST(test_too_few_sizes_are_refused)
{
    table();
    struct scaling_spec s = spec("test_loss", "model.width", "", "");
    snprintf(s.filter, sizeof s.filter, "model.width < 64");
    refused(s, "3 parameters need at least 4 distinct sizes, there are 3");
    snprintf(s.filter, sizeof s.filter, "model.width < 1");
    refused(s, "there are 0");
    snprintf(s.filter, sizeof s.filter, "model.width <");
    json_t *document = fits(&s, 1);
    ck_assert_ptr_nonnull(scaling_refused(document));
    json_decref(document);
}
END_TEST

START_TEST(test_params_of_no_sweep_are_refused)
{
    table();
    json_t *document;
    struct scaling_spec s = spec("test_loss", "params", "", "");
    ck_assert_int_eq(scaling_fits(&made.r, NULL, 1, &s, &document, &e), ERR_OK);
    ck_assert_ptr_nonnull(strstr(scaling_refused(document), "does not say its sweep"));
    json_decref(document);
}
END_TEST

/* Rates and seeds lie evenly around the laws: the means are the laws. */
START_TEST(test_every_group_has_its_law)
{
    table();
    struct scaling_spec s =
        spec("test_loss", "model.width", "E + A * x^-alpha", "model.activation");
    json_t *document = fits(&s, 2);
    static const double want[2][3] = {{0.2, 3, 0.5}, {0.1, 2, 0.3}};
    static const char *const value[] = {"relu", "tanh"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *fit = fit_of(document, i);
        ck_assert(json_is_null(json_object_get(fit, "refused")));
        ck_assert_str_eq(json_string_value(json_object_get(fit, "value")), value[i]);
        ck_assert_int_eq(json_integer_value(json_object_get(fit, "sizes")), WIDTHS);
        ck_assert_int_eq(json_integer_value(json_object_get(fit, "seeds")), SEEDS);
        ck_assert_str_eq(json_string_value(json_object_get(fit, "interval")), "t");
        for (size_t k = 0; k < 3; k++) {
            ck_assert_double_eq_tol(param(fit, k, "value") / want[i][k], 1, 1e-4);
            ck_assert_double_le(param(fit, k, "low"), want[i][k] * (1 + 1e-4));
            ck_assert_double_ge(param(fit, k, "high"), want[i][k] * (1 - 1e-4));
        }
        const json_t *forms = json_object_get(fit, "forms");
        ck_assert_uint_eq(json_array_size(forms), 4);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(forms, 0), "form")),
                         "power");
        ck_assert_str_eq(/* 6 sizes are too few for it */
                         json_string_value(json_object_get(json_array_get(forms, 3), "form")),
                         "broken");
    }
    json_decref(document);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* 10 width parameters: A is 3 * 10^0.5. First with four trials missing. */
START_TEST(test_sizes_may_be_parameters_and_trials_missing)
{
    table();
    struct scaling_spec s = spec("test_loss", "params", "", "");
    snprintf(s.filter, sizeof s.filter, "model.activation == relu");
    made.state[0] = TRIAL_DIVERGED;
    made.params[1] = NAN;
    made.state[SEEDS] = TRIAL_FAILED; /* both rates of the first seed at the first size */
    made.state[SEEDS + 1] = TRIAL_RUNNING;
    json_t *document = fits(&s, 1);
    const json_t *fit = fit_of(document, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(fit, "left_out")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(fit, "seeds")), SEEDS);
    const json_t *points = json_object_get(fit, "points");
    ck_assert_uint_eq(json_array_size(points), WIDTHS);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(points, 0), "seeds")),
                     1);
    ck_assert_double_eq_tol(json_number_value(json_object_get(json_array_get(points, 0), "y")),
                            (0.2 + 3 / sqrt(8)) * 1.01, 1e-12);
    const json_t *held = json_object_get(fit, "held_out");
    ck_assert_double_eq(json_number_value(json_array_get(json_object_get(held, "x"), 0)),
                        10 * (8 << 5));
    json_decref(document);
    table();
    document = fits(&s, 1);
    ck_assert_double_eq_tol(param(fit_of(document, 0), 1, "value"), 3 * sqrt(10), 1e-3);
    json_decref(document);
}
END_TEST

/* Not 6 x 3 sizes but a law of two: width and what else varies. */
START_TEST(test_two_sizes)
{
    table();
    for (int t = 0; t < TRIALS; t++) {
        made.rate[t] = 100 * (1 + t % 6);
        made.seed[t] = (uint64_t)(t / 6 % 2);
        made.loss[t] = 0.5 + 2 * pow(made.width[t], -0.6) + 30 * pow(made.rate[t], -0.9);
    }
    struct scaling_spec s = spec("test_loss", "model.width, optim.lr", "", "");
    json_t *document = fits(&s, 1);
    static const double want[] = {0.5, 2, 0.6, 30, 0.9};
    for (size_t k = 0; k < 5; k++)
        ck_assert_double_eq_tol(param(fit_of(document, 0), k, "value") / want[k], 1, 1e-3);
    ck_assert_str_eq(json_string_value(json_object_get(fit_of(document, 0), "form")), "power2");
    json_decref(document);
}
END_TEST

START_TEST(test_fits_are_shown)
{
    table();
    struct scaling_spec s[2] = {spec("test_loss", "model.width", "", "model.activation"),
                                spec("test_loss", "model.width", "broken", "")};
    struct text text = {0}, csv = {0}, html = {0};
    json_t *document;
    ck_assert_int_eq(scaling_fits(&made.r, NULL, 2, s, &document, &e), ERR_OK);
    scaling_table(document, &text);
    ck_assert_ptr_nonnull(
        strstr(text.at, "test_loss against model.width, model.activation = relu\n"));
    ck_assert_ptr_nonnull(strstr(text.at, "95 % intervals (t) from 200 refits"));
    ck_assert_ptr_nonnull(strstr(text.at, "    alpha  0.5 "));
    ck_assert_ptr_nonnull(
        strstr(text.at, "held-out size 256: predicted 0.3875, measured 0.3875"));
    ck_assert_ptr_nonnull(strstr(text.at, "    256  3  0.3875  0.3875  "));
    ck_assert_ptr_nonnull(strstr(text.at, "refused: broken: 6 parameters need"));
    ck_assert_ptr_null(strstr(text.at, "nan"));
    scaling_csv(document, &csv);
    int rows = 0;
    for (const char *at = csv.at; *at; at++) rows += *at == '\n';
    ck_assert_int_eq(rows, 1 + 3 + 3 + 1);
    ck_assert_ptr_nonnull(
        strstr(csv.at, "\ntest_loss,model.width,model.activation,tanh,power,alpha,0."));
    scaling_html(document, &html);
    ck_assert_ptr_nonnull(strstr(html.at, "model.activation = tanh</th>"));
    ck_assert_ptr_nonnull(strstr(html.at, "refused: broken"));
    text_clear(&text);
    text_clear(&csv);
    text_clear(&html);
    json_decref(document);
}
END_TEST

START_TEST(test_only_fits_of_our_schema_are_read)
{
    char store[] = "/tmp/shoal-scaling.XXXXXX", folder[64], path[80];
    json_t *document = NULL;
    ck_assert_ptr_nonnull(mkdtemp(store));
    snprintf(folder, sizeof folder, "%s.d", store);
    snprintf(path, sizeof path, "%s/scaling.json", folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(scaling_read(store, &document, &e), ERR_OK);
    ck_assert_ptr_null(document);
    static const char *const texts[] = {"{", "{\"schema\": 2, \"fits\": []}", "{\"schema\": 1}",
                                        "{\"schema\": 1, \"fits\": []}"};
    for (int i = 0; i < 4; i++) {
        FILE *out = fopen(path, "w");
        fputs(texts[i], out);
        fclose(out);
        ck_assert_int_eq(scaling_read(store, &document, &e), i < 3 ? ERR_FORMAT : ERR_OK);
        ck_assert((document != NULL) == (i == 3));
    }
    json_decref(document);
    unlink(path);
    rmdir(folder);
    rmdir(store);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scaling");
    TCase *t = check_case(s, "scaling");
    tcase_add_test(t, test_unknown_names_are_refused_with_the_known);
    tcase_add_test(t, test_too_few_sizes_are_refused);
    tcase_add_test(t, test_params_of_no_sweep_are_refused);
    tcase_add_test(t, test_every_group_has_its_law);
    tcase_add_test(t, test_sizes_may_be_parameters_and_trials_missing);
    tcase_add_test(t, test_two_sizes);
    tcase_add_test(t, test_fits_are_shown);
    tcase_add_test(t, test_only_fits_of_our_schema_are_read);
    return check_run(s);
}
