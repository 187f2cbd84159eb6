/* test_data_composed.c - images on backgrounds, against the header's formula pixel by pixel. */
#include "tests/core.h"

#include "base/rng.h"
#include "tests/data_small.h"
#include "worker/data_composed.h"

enum { H = 2, W = 3, PLANE = H * W, DIM = 3 * PLANE, ROOT = 21, N_TRAIN_IMAGES = 5 };

static struct err e;

static struct config composed(const char *settings)
{
    struct config c = core_config();
    core_set(&c, "data.name=composed data.base=idx");
    snprintf(c.data.path, sizeof c.data.path, "%s", folder);
    core_set(&c, settings);
    return c;
}

static void open_composed(const struct config *c, struct data *data)
{
    ck_assert_msg(data_open(c, ROOT, data, &e) == ERR_OK, "%s", e.text);
}

/* The image behind a sample, from -1 to 1. */
static void bare(int64_t index, double out[PLANE])
{
    struct bytes b = good(TRAIN_IMAGES);
    for (int i = 0; i < PLANE; i++) out[i] = (double)b.at[16 + index * PLANE + i] / 127.5 - 1;
}

START_TEST(test_behind)
{
    struct config c = composed("data.texture=uniform data.background_rgb=255,0,51");
    struct data data;
    double image[PLANE];
    open_composed(&c, &data);
    ck_assert_int_eq(data.shape.dim, DIM);
    for (int64_t i = 0; i < N_TRAIN_IMAGES; i++) {
        real x[DIM];
        int32_t label;
        const double colour[3] = {1, -1, 51 / 127.5 - 1};
        data_fetch(&data, SPLIT_TRAIN, &i, 1, x, &label);
        bare(i, image);
        struct rng r = rng_stream(ROOT, RNG_BACKGROUND, 4 * (uint64_t)i);
        double u = rng_uniform(&r);
        for (int p = 0; p < 3; p++)
            for (int j = 0; j < PLANE; j++) {
                double v = (image[j] + 1) / 2, wanted = v * image[j] + (1 - v) * colour[p] * u;
                ck_assert_double_eq_tol((double)x[p * PLANE + j], wanted, 1e-6);
            }
    }
    data_close(&data);
}
END_TEST

/* Moved by the same place in every scale; what is uncovered has the background. */
START_TEST(test_border)
{
    struct config c = composed("data.composition=border data.border=1 data.texture=flat "
                               "data.background_rgb=0,255,0");
    struct data data;
    open_composed(&c, &data);
    struct data dark = data;
    dark.background_scale = -0.5;
    for (int64_t i = 0; i < N_TRAIN_IMAGES; i++) {
        real x[DIM], y[DIM];
        double image[PLANE];
        struct rng r = rng_stream(ROOT, RNG_TRAIN, (uint64_t)i);
        int down = (int)rng_below(&r, 3) - 1, right = (int)rng_below(&r, 3) - 1;
        const double colour[3] = {-1, 1, -1};
        data_fetch(&data, SPLIT_TRAIN, &i, 1, x, NULL);
        data_fetch(&dark, SPLIT_TRAIN, &i, 1, y, NULL);
        bare(i, image);
        for (int j = 0; j < DIM; j++) {
            int row = j % PLANE / W - down, column = j % W - right;
            bool inside = row >= 0 && row < H && column >= 0 && column < W;
            double wanted = inside ? image[row * W + column] : colour[j / PLANE];
            ck_assert_double_eq_tol((double)x[j], wanted, 1e-6);
            ck_assert_double_eq_tol((double)y[j], inside ? wanted : -wanted / 2, 1e-6);
        }
    }
    data_close(&data);
}
END_TEST

START_TEST(test_textures_are_in_range_and_differ)
{
    for (int t = 0; t < textures.count; t++) {
        char settings[64];
        snprintf(settings, sizeof settings, "data.texture=%s", table_row(&textures, t)->name);
        struct config c = composed(settings);
        struct data data;
        open_composed(&c, &data);
        real a[DIM], b[DIM];
        data_fetch(&data, SPLIT_TRAIN, &(int64_t){0}, 1, a, NULL);
        data_fetch(&data, SPLIT_TRAIN, &(int64_t){0}, 1, b, NULL);
        ck_assert_mem_eq(a, b, sizeof a);
        for (int j = 0; j < DIM; j++) ck_assert(a[j] >= -1 && a[j] <= 1);
        struct data other = data;
        other.background_scale = 0.999; /* drawn anew */
        data_fetch(&other, SPLIT_TRAIN, &(int64_t){0}, 1, b, NULL);
        double apart = 0;
        for (int j = 0; j < DIM; j++) apart = fmax(apart, fabs((double)(a[j] - b[j])));
        if (t > 0) ck_assert_double_gt(apart, 0.01);
        data_close(&data);
    }
}
END_TEST

/* Domain 0 has the given colour, the others random ones of their own. */
START_TEST(test_domains)
{
    struct config c = composed("data.texture=flat data.domains=3 data.composition=border "
                               "data.border=4");
    struct data data;
    open_composed(&c, &data);
    for (int64_t i = 0; i < N_TRAIN_IMAGES; i++) {
        real x[DIM];
        struct rng r = rng_stream(ROOT, RNG_WORLD, (uint64_t)(i % 3));
        double wanted = i % 3 ? 2 * rng_uniform(&r) - 1 : 1;
        data_fetch(&data, SPLIT_TRAIN, &i, 1, x, NULL);
        int found = 0;
        for (int j = 0; j < PLANE; j++) found += fabs((double)x[j] - wanted) < 1e-6;
        struct rng p = rng_stream(ROOT, RNG_TRAIN, (uint64_t)i);
        int down = abs((int)rng_below(&p, 9) - 4), right = abs((int)rng_below(&p, 9) - 4);
        int covered = (down < H ? H - down : 0) * (right < W ? W - right : 0);
        ck_assert_int_ge(found, PLANE - covered);
    }
    data_close(&data);
}
END_TEST

START_TEST(test_refusals)
{
    static const struct {
        const char *settings, *text;
    } bad[] = {{"data.base=composed", "data.base: a composed stream has no images"},
               {"data.base=gaussian_teacher", "data.base: samples of gaussian_teacher are no"},
               {"data.background_rgb=1,2", "data.background_rgb: write red, green and blue"},
               {"data.background_rgb=1,2,256", "data.background_rgb: write red, green"},
               {"data.background_rgb=1,2,3x", "data.background_rgb: write red, green"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config c = composed(bad[i].settings);
        struct data data;
        ck_assert_int_eq(data_open(&c, ROOT, &data, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.text, bad[i].text) == e.text, "%s", e.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("composed");
    TCase *t = check_case(s, "composed");
    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, test_behind);
    tcase_add_test(t, test_border);
    tcase_add_test(t, test_textures_are_in_range_and_differ);
    tcase_add_test(t, test_domains);
    tcase_add_test(t, test_refusals);
    return check_run(s);
}
