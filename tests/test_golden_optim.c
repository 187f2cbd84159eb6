/* test_golden_optim.c - optimizers, clipping, schedules and losses in double against PyTorch's,
 * number by number. */
#include "tests/golden_json.h"

/* --- optimizers -----------------------------------------------------------------------------
 */

enum { STEPS = 12, FIRST = 12, SECOND = 5, NUMBERS = FIRST + SECOND, ROOM = 32, OFFSET = 16 };

/* Two parameters as a graph lays them out, with padding behind each. */
static const struct param params[] = {
    {.rows = 3, .cols = 4, .trained = true, .offset = 0, .lr_scale = 1},
    {.rows = 5, .cols = 1, .trained = true, .offset = OFFSET, .lr_scale = 1},
};

static int64_t place(int i)
{
    return i < FIRST ? i : OFFSET + i - FIRST;
}

/* Twelve steps, each a dozen roundings of numbers below 10 that later ones build upon. */
static const double step_tolerance = 1e-13;

static void check_run_of_steps(const json_t *file, json_t *run)
{
    const char *name = json_string_value(json_object_get(run, "optimizer"));
    struct config c = core_config();
    c.optim.name = core_row(&optimizers, name);
    golden_settings(json_object_get(run, "settings"), &c);
    real start[NUMBERS], pull[NUMBERS], wanted[NUMBERS], w[ROOM] = {0}, g[ROOM] = {0};
    golden_numbers(file, "start", NUMBERS, start);
    for (int i = 0; i < NUMBERS; i++) w[place(i)] = start[i];
    real state[OPTIM_MAX_SLOTS * ROOM] = {0};
    struct optim o;
    optim_init(&o, &c, ROOM, state, NULL);
    json_t *pulls = json_object_get(file, "pull"), *seen = json_object_get(run, "w");
    ck_assert_int_eq(json_array_size(seen), STEPS);
    for (int s = 0; s < STEPS; s++) {
        for (int i = 0; i < NUMBERS; i++) {
            pull[i] =
                golden_number(json_array_get(json_array_get(pulls, (size_t)s), (size_t)i));
            wanted[i] =
                golden_number(json_array_get(json_array_get(seen, (size_t)s), (size_t)i));
            g[place(i)] = w[place(i)] - pull[i];
        }
        optim_step(&o, golden_number(json_object_get(file, "lr")), 2, params, w, g);
        for (int i = 0; i < NUMBERS; i++)
            ck_assert_msg(fabs(w[place(i)] - wanted[i]) < step_tolerance,
                          "%s, step %d, number %d: %.17g, should be %.17g", name, s, i,
                          w[place(i)], wanted[i]);
    }
    for (int i = 0; i < ROOM; i++) /* padding stays as it was */
        if (i >= FIRST && (i < OFFSET || i >= OFFSET + SECOND)) ck_assert_double_eq(w[i], 0);
}

START_TEST(test_steps_equal_pytorch)
{
    json_t *file = golden_open("optim/steps.json"), *run;
    size_t i;
    int clipped = 0;
    json_array_foreach(json_object_get(file, "runs"), i, run)
    {
        check_run_of_steps(file, run);
        json_t *settings = json_object_get(run, "settings");
        clipped +=
            json_object_get(settings, "clip_norm") || json_object_get(settings, "clip_value");
    }
    ck_assert_int_eq(i, 14 + 4);
    ck_assert_int_eq(clipped, 4);
    json_decref(file);
}
END_TEST

/* --- schedules ------------------------------------------------------------------------------
 */

static double factor(const char *name, const struct config *c, int64_t step, int64_t steps)
{
    const struct schedule *s = (const void *)table_row(&schedules, core_row(&schedules, name));
    struct err e;
    ck_assert_msg(schedule_check(s, c, steps, &e) == ERR_OK, "%s", e.text);
    return schedule_factor(s, c, step, steps);
}

START_TEST(test_schedules_equal_pytorch)
{
    json_t *file = golden_open("optim/schedules.json"), *run;
    size_t i;
    json_array_foreach(file, i, run)
    {
        struct config c = core_config();
        const char *name = json_string_value(json_object_get(run, "schedule"));
        json_t *wanted = json_object_get(run, "factors");
        golden_settings(json_object_get(run, "settings"), &c);
        int64_t steps = (int64_t)json_array_size(wanted);
        ck_assert_int_gt(steps, 2);
        for (int64_t s = 0; s < steps; s++) {
            double right = golden_number(json_array_get(wanted, (size_t)s));
            double got = factor(name, &c, s, steps);
            /* PyTorch multiplies from step to step, which adds up a rounding each. */
            ck_assert_msg(fabs(got - right) < 1e-15 + 1e-14 * right,
                          "%s, run %zu, step %lld: %.17g, should be %.17g", name, i,
                          (long long)s, got, right);
        }
    }
    ck_assert_int_eq(i, 20);
    json_decref(file);
}
END_TEST

/* The authors' schedulers. They multiply from step to step, so that a closed form is a few units
 * of the last place away: in cosine up to 1e-15 of the base rate, in the others, where nothing
 * cancels, below 4 units of their own. */
START_TEST(test_schedules_equal_those_of_deep_bootstrap)
{
    static const struct {
        const char *key, *name;
        double tolerance, relative;
    } runs[] = {{"const", "constant", 0, 0},
                {"three_step_T30", "step", 0, 1e-15},
                {"exponential_T10", "exponential", 0, 1e-15},
                {"cosine_T10", "cosine", 1e-16, 0},
                {"cosine_T100", "cosine", 1e-15, 0}};
    json_t *file = golden_open("deep_bootstrap/schedules.json");
    ck_assert_int_eq(json_object_size(file), sizeof runs / sizeof *runs);
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        json_t *wanted = json_object_get(file, runs[r].key);
        struct config c = core_config();
        c.optim.schedule_block = 390;
        int64_t blocks = (int64_t)json_array_size(wanted);
        for (int64_t s = 0; s < 390 * blocks; s++) {
            double right = golden_number(json_array_get(wanted, (size_t)(s / 390)));
            double got = 0.1 * factor(runs[r].name, &c, s, 390 * blocks + 62);
            ck_assert_msg(fabs(got - right) <= runs[r].tolerance + runs[r].relative * right,
                          "%s, step %lld: %.17g, should be %.17g", runs[r].key, (long long)s,
                          got, right);
        }
        /* what is left behind the last whole block: no learning rate at the end of a cosine */
        if (strcmp(runs[r].name, "cosine") == 0)
            ck_assert_double_eq(factor("cosine", &c, 390 * blocks, 390 * blocks + 62), 0);
    }
    json_decref(file);
}
END_TEST

/* --- losses ---------------------------------------------------------------------------------
 */

enum { SAMPLES = 6, MOST = 6 * 5 };

/* Sums of a few dozen numbers of size 10, each a few roundings off. */
static const double loss_tolerance = 1e-13;

START_TEST(test_losses_equal_pytorch)
{
    json_t *file = golden_open("optim/losses.json"), *run;
    real f[MOST], teacher[MOST], embedding[MOST], wanted[MOST], d[MOST], label_[SAMPLES];
    real log_prior[4];
    int32_t label[SAMPLES];
    golden_numbers(file, "f", SAMPLES * 4, f);
    golden_numbers(file, "teacher", SAMPLES * 4, teacher);
    golden_numbers(file, "embedding", SAMPLES * 5, embedding);
    golden_numbers(file, "log_prior", 4, log_prior);
    golden_numbers(file, "label", SAMPLES, label_);
    for (int i = 0; i < SAMPLES; i++) label[i] = (int32_t)label_[i];
    size_t i;
    json_array_foreach(json_object_get(file, "runs"), i, run)
    {
        const char *name = json_string_value(json_object_get(run, "loss"));
        const struct loss *loss = (const void *)table_row(&losses, core_row(&losses, name));
        struct config c = core_config();
        golden_settings(json_object_get(run, "settings"), &c);
        int64_t k = (int64_t)golden_number(json_object_get(run, "k"));
        bool pairs = loss->needs & LOSS_PAIRS;
        struct loss_input in = {SAMPLES,   k, pairs ? embedding : f, label, teacher, 4,
                                log_prior, &c};
        double value = loss->value(&in, 0.5, d);
        double right = golden_number(json_object_get(run, "value"));
        ck_assert_msg(fabs(value - right) < loss_tolerance * (1 + right),
                      "%s, run %zu: %.17g, should be %.17g", name, i, value, right);
        golden_numbers(run, "gradient", (size_t)(SAMPLES * k), wanted);
        for (int64_t j = 0; j < SAMPLES * k; j++)
            ck_assert_msg(fabs(2 * d[j] - wanted[j]) < loss_tolerance * (1 + fabs(wanted[j])),
                          "%s, run %zu, gradient %lld: %.17g, should be %.17g", name, i,
                          (long long)j, 2 * d[j], wanted[j]);
    }
    ck_assert_int_eq(i, 14);
    json_decref(file);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden optim");
    TCase *t = check_case(s, "golden optim");
    tcase_add_test(t, test_steps_equal_pytorch);
    tcase_add_test(t, test_schedules_equal_pytorch);
    tcase_add_test(t, test_schedules_equal_those_of_deep_bootstrap);
    tcase_add_test(t, test_losses_equal_pytorch);
    return check_run(s);
}
