/* test_data_feature_model.c - the feature model is the world its header defines. In double: what
 * is orthogonal is so to rounding. */
#include "tests/core.h"

#include "tests/data_small.h"
#include "worker/data_feature_model.h"

enum { CORE = 3, BACKGROUND = 5, DIM = 11, N = 400, ROOT = 77 };

static struct err e;

static struct config model(const char *settings)
{
    struct config c = core_config();
    core_set(&c, "data.name=feature_model data.core_dim=3 data.background_dim=5 "
                 "data.input_dim=11 data.labels=linear");
    core_set(&c, settings);
    return c;
}

static void open_model(const struct config *c, struct data *data)
{
    ck_assert_msg(data_open(c, ROOT, data, &e) == ERR_OK, "%s", e.text);
}

/* Projections of a sample on the dictionary, core first; what lies outside of it is 0. */
static void features(const struct data *data, enum split split, int64_t index,
                     double out[CORE + BACKGROUND], int32_t *label)
{
    const double *t = data_feature_model_dictionary(data);
    real x[DIM];
    double rest = 0, inside = 0;
    data_fetch(data, split, &index, 1, x, label);
    for (int j = 0; j < DIM; j++) rest += (double)x[j] * (double)x[j];
    for (int k = 0; k < CORE + BACKGROUND; k++) {
        out[k] = 0;
        for (int j = 0; j < DIM; j++) out[k] += (double)x[j] * t[k * DIM + j];
        inside += out[k] * out[k];
    }
    ck_assert_double_eq_tol(rest, inside, 1e-12);
}

START_TEST(test_dictionary_is_orthonormal)
{
    struct config c = model("");
    struct data data;
    open_model(&c, &data);
    const double *t = data_feature_model_dictionary(&data);
    for (int a = 0; a < CORE + BACKGROUND; a++)
        for (int b = 0; b <= a; b++) {
            double dot = 0;
            for (int j = 0; j < DIM; j++) dot += t[a * DIM + j] * t[b * DIM + j];
            ck_assert_double_eq_tol(dot, a == b, 1e-14);
        }
    data_close(&data);
}
END_TEST

START_TEST(test_linear_cores_and_backgrounds)
{
    struct config c = model("data.core_strength=2 data.background_strength=0.5");
    struct data data;
    open_model(&c, &data);
    double mean[2][CORE + BACKGROUND] = {{0}};
    for (int64_t i = 0; i < N; i++) {
        double z[CORE + BACKGROUND];
        int32_t label;
        features(&data, SPLIT_TEST, i, z, &label);
        ck_assert_int_eq(label, i % 2 == 0);
        for (int k = 0; k < CORE + BACKGROUND; k++) {
            double value = k >= CORE ? 2 * z[k] : label ? z[k] / 2 : -z[k] / 2;
            ck_assert(value > -1e-12 && value < 1 + 1e-12);
            mean[label][k] += value / (N / 2);
        }
    }
    for (int k = 0; k < CORE + BACKGROUND; k++) /* 4 deviations of the mean of N / 2 uniforms */
        for (int y = 0; y < 2; y++)
            ck_assert_double_eq_tol(mean[y][k], 0.5, 4 * sqrt(1 / 12. / (N / 2)));
    data_close(&data);
}
END_TEST

START_TEST(test_spheres)
{
    struct config c = model("data.labels=sphere");
    struct data data;
    open_model(&c, &data);
    for (int64_t i = 0; i < 50; i++) {
        double z[CORE + BACKGROUND], squares = 0;
        int32_t label;
        features(&data, SPLIT_TRAIN, i, z, &label);
        for (int k = 0; k < CORE; k++) squares += z[k] * z[k];
        ck_assert_double_eq_tol(sqrt(squares), label ? 1 : 2, 1e-12);
    }
    data_close(&data);
}
END_TEST

/* A copy of the data set with another scale: the same cores, backgrounds drawn anew and scaled. */
START_TEST(test_shift_changes_the_background_alone)
{
    struct config c = model("");
    struct data data;
    open_model(&c, &data);
    struct data shifted = data;
    shifted.background_scale = -0.5;
    for (int64_t i = 0; i < 50; i++) {
        double z[CORE + BACKGROUND], other[CORE + BACKGROUND];
        int32_t label, same;
        features(&data, SPLIT_TRAIN, i, z, &label);
        features(&shifted, SPLIT_TRAIN, i, other, &same);
        ck_assert_int_eq(label, same);
        for (int k = 0; k < CORE; k++) ck_assert_double_eq_tol(z[k], other[k], 1e-12);
        for (int k = CORE; k < CORE + BACKGROUND; k++) {
            ck_assert(other[k] < 0 && other[k] > -0.5);
            ck_assert(fabs(other[k] + z[k] / 2) > 1e-9);
        }
    }
    data_close(&data);
}
END_TEST

START_TEST(test_domains_have_signs_of_their_own)
{
    struct config c = model("data.domains=3");
    struct data data;
    open_model(&c, &data);
    int sign[3][BACKGROUND] = {{0}}, negative = 0;
    for (int64_t i = 0; i < 60; i++) {
        double z[CORE + BACKGROUND];
        int32_t label;
        int domain = (int)(i / 2 % 3);
        features(&data, SPLIT_TRAIN, i, z, &label);
        for (int k = 0; k < BACKGROUND; k++) {
            int now = z[CORE + k] < 0 ? -1 : 1;
            ck_assert(sign[domain][k] == 0 || sign[domain][k] == now);
            sign[domain][k] = now;
            ck_assert(domain > 0 || now > 0);
            negative += now < 0;
        }
    }
    ck_assert_int_gt(negative, 0);
    data_close(&data);
}
END_TEST

START_TEST(test_samples_do_not_depend_on_the_request)
{
    struct config c = model("data.n=20");
    struct data data;
    open_model(&c, &data);
    ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], 20);
    int64_t order[4] = {7, 2, 19, 0};
    real together[4 * DIM], alone[DIM];
    int32_t label[4], one;
    data_fetch(&data, SPLIT_TRAIN, order, 4, together, label);
    for (int i = 0; i < 4; i++) {
        data_fetch(&data, SPLIT_TRAIN, &order[i], 1, alone, &one);
        ck_assert_mem_eq(alone, together + i * DIM, sizeof alone);
        ck_assert_int_eq(one, label[i]);
    }
    data_close(&data);
}
END_TEST

START_TEST(test_refusals)
{
    static const struct {
        const char *settings, *text;
    } bad[] = {{"data.input_dim=7", "data.input_dim: 8 orthogonal features do not fit into 7"},
               {"data.n=9", "data.n: must be even"},
               {"data.labels=fine", "data.labels: of a feature_model are linear or sphere"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config c = model(bad[i].settings);
        struct data data;
        ck_assert_int_eq(data_open(&c, ROOT, &data, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.text, bad[i].text) == e.text, "%s", e.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("feature model");
    TCase *t = check_case(s, "feature model");
    tcase_add_test(t, test_dictionary_is_orthonormal);
    tcase_add_test(t, test_linear_cores_and_backgrounds);
    tcase_add_test(t, test_spheres);
    tcase_add_test(t, test_shift_changes_the_background_alone);
    tcase_add_test(t, test_domains_have_signs_of_their_own);
    tcase_add_test(t, test_samples_do_not_depend_on_the_request);
    tcase_add_test(t, test_refusals);
    return check_run(s);
}
