/* test_data_composed.c - images on backgrounds: the header's formula pixel by pixel, what stays
 * the same whatever the background, failures. */
#include "tests/core.h"

#include "tests/data_files.h"
#include "tests/data_small.h"
#include "worker/data_composed.h"

enum { H = 2, W = 3, PLANE = H * W, DIM = 3 * PLANE, ROOT = 21, MOST = 5 };

static struct err e;
static const int64_t pool[2] = {5, 3};

/* Images of three planes, by split. */
static unsigned char colour_x[2][5 * DIM];

static void files_setup(void)
{
    folder_setup();
    scratch_setup();
    for (int split = 0; split < 2; split++)
        for (int j = 0; j < 5 * DIM; j++)
            colour_x[split][j] = (unsigned char)(j % 7 == 0 ? 255 * split : 37 * j + 11);
    struct small_array a[ARRAYS] = {{"train_x", "|u1", "(5, 3, 2, 3)", colour_x[0], 5 * DIM},
                                    small_arrays[TRAIN_Y],
                                    {"test_x", "|u1", "(3, 3, 2, 3)", colour_x[1], 3 * DIM},
                                    small_arrays[TEST_Y]};
    npy_put_all(a);
}

static void files_teardown(void)
{
    scratch_teardown();
    folder_teardown();
}

static struct config composed(const char *base, const char *settings)
{
    struct config c = core_config();
    bool planes = strcmp(base, "npy") == 0;
    struct config place = planes ? config_scratch("npy", "") : config_folder("idx");
    core_set(&c, "data.name=composed");
    c.data.base = core_row(&streams, base);
    memcpy(c.data.path, place.data.path, sizeof c.data.path);
    core_set(&c, settings);
    return c;
}

static struct data opened(const struct config *c, uint64_t root)
{
    struct data data;
    ck_assert_msg(data_open(c, root, &data, &e) == ERR_OK, "%s", e.text);
    return data;
}

/* The same samples with another background. */
static struct data rescaled(const struct data *data, double scale)
{
    struct data other = *data;
    other.background_scale = scale;
    return other;
}

/* ---- the plain twin ---- */

/* Byte of a plane of an image of the base. */
static int byte_of(const struct config *c, int split, int64_t i, int plane, int j)
{
    if (c->data.base == core_row(&streams, "npy"))
        return colour_x[split][i * DIM + plane * PLANE + j];
    struct bytes b = good(split ? TEST_IMAGES : TRAIN_IMAGES);
    return b.at[16 + i * PLANE + j];
}

/* u of all pixels, from the stream of the background. */
static void twin_texture(const char *name, struct rng r, double u[H][W])
{
    double grid[4][4];
    for (int k = 0; strcmp(name, "smooth") == 0 && k < 16; k++)
        grid[k / 4][k % 4] = rng_uniform(&r);
    double one = strcmp(name, "uniform") == 0 ? rng_uniform(&r) : 1;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double right = x * 3.0 / (W - 1); /* rows 0 and 1 are rows 0 and 3 of the grid */
            int at = x == W - 1 ? 2 : (int)right;
            const double *g = grid[3 * y];
            if (strcmp(name, "smooth") == 0)
                u[y][x] = g[at] * (at + 1 - right) + g[at + 1] * (right - at);
            else
                u[y][x] = strcmp(name, "noise") == 0 ? rng_uniform(&r) : one;
        }
}

static void twin_colour(const struct config *c, int64_t domain, double colour[3])
{
    int level[3];
    struct rng r = rng_stream(ROOT, RNG_WORLD, (uint64_t)domain);
    ck_assert_int_eq(
        sscanf(c->data.background_rgb, "%d,%d,%d", &level[0], &level[1], &level[2]), 3);
    for (int p = 0; p < 3; p++)
        colour[p] = domain ? 2 * rng_uniform(&r) - 1 : level[p] / 255.0 * 2 - 1;
}

/* Image, place and opacity of pixel (y, x); outside of the image it is 0. */
static double twin_image(const struct config *c, int split, int64_t i, int y, int x,
                         double image[3])
{
    bool border = strcmp(table_row(&compositions, c->data.composition)->name, "border") == 0;
    struct rng r = rng_stream(ROOT, split ? RNG_TEST : RNG_TRAIN, (uint64_t)i);
    double v = 0;
    if (border) {
        y -= (int)rng_below(&r, 2 * (uint64_t)c->data.border + 1) - (int)c->data.border;
        x -= (int)rng_below(&r, 2 * (uint64_t)c->data.border + 1) - (int)c->data.border;
    }
    for (int p = 0; p < 3; p++) image[p] = 0;
    if (y < 0 || y >= H || x < 0 || x >= W) return 0;
    for (int p = 0; p < 3; p++) {
        int byte = byte_of(c, split, i, p, y * W + x);
        image[p] = byte / 127.5 - 1;
        v = fmax(v, byte / 255.0);
    }
    return border ? 1 : v;
}

static void twin(const struct config *c, int split, int64_t i, double scale, double out[DIM])
{
    double u[H][W], colour[3], image[3];
    uint64_t number = 4 * (uint64_t)i + 2 * (uint64_t)split + (scale == 1 ? 0 : 1);
    twin_texture(table_row(&textures, c->data.texture)->name,
                 rng_stream(ROOT, RNG_BACKGROUND, number), u);
    twin_colour(c, scale == 1 ? i % c->data.domains : 0, colour);
    for (int j = 0; j < PLANE; j++) {
        double v = twin_image(c, split, i, j / W, j % W, image);
        for (int p = 0; p < 3; p++) {
            double ground = scale * colour[p] * u[j / W][j % W];
            out[p * PLANE + j] = fmin(1, fmax(-1, v * image[p] + (1 - v) * ground));
        }
    }
}

static void check_twin(const struct config *c)
{
    static const double scales[] = {1, 0, -1, 0.5, -3};
    struct data data = opened(c, ROOT);
    for (int s = 0; s < 5; s++)
        for (int split = 0; split < 2; split++) {
            struct data scaled = rescaled(&data, scales[s]);
            for (int64_t i = 0; i < pool[split]; i++) {
                real x[DIM];
                double wanted[DIM];
                data_fetch(&scaled, (enum split)split, &i, 1, x, NULL);
                twin(c, split, i, scales[s], wanted);
                for (int j = 0; j < DIM; j++) /* rounding of float */
                    ck_assert_double_eq_tol((double)x[j], wanted[j], 1e-6);
            }
        }
    data_close(&data);
}

START_TEST(test_samples_are_the_formula)
{
    static const char *const settings[] = {"data.background_rgb=150,0,255",
                                           "data.domains=3 data.border=1",
                                           "data.domains=2 data.border=3"};
    for (int base = 0; base < 2; base++)
        for (int k = 0; k < compositions.count; k++)
            for (int t = 0; t < textures.count; t++)
                for (int i = 0; i < 3; i++) {
                    struct config c = composed(base ? "npy" : "idx", settings[i]);
                    c.data.composition = k;
                    c.data.texture = t;
                    check_twin(&c);
                }
}
END_TEST

/* ---- what does not change ---- */

/* Number of numbers that two samples have in common. */
static int in_common(const struct data *a, const struct data *b, int64_t i)
{
    real x[DIM], y[DIM];
    int same = 0;
    data_fetch(a, SPLIT_TEST, &i, 1, x, NULL);
    data_fetch(b, SPLIT_TEST, &i, 1, y, NULL);
    for (int j = 0; j < DIM; j++) same += x[j] == y[j];
    return same;
}

START_TEST(test_other_scales_have_the_same_image_on_other_backgrounds)
{
    struct config c =
        composed("npy", "data.composition=border data.border=1 data.texture=noise");
    struct data data = opened(&c, ROOT);
    struct data near = rescaled(&data, 0.999), far = rescaled(&data, -2);
    struct data none = rescaled(&data, 0);
    for (int64_t i = 0; i < pool[SPLIT_TEST]; i++) {
        double image[3], x_i[DIM];
        real x[DIM];
        int inside = 0;
        for (int j = 0; j < PLANE; j++)
            inside += twin_image(&c, SPLIT_TEST, i, j / W, j % W, image) > 0;
        ck_assert_int_eq(in_common(&data, &near, i), 3 * inside);
        ck_assert_int_eq(in_common(&data, &far, i), 3 * inside);
        ck_assert_int_eq(in_common(&near, &far, i), 3 * inside);
        data_fetch(&none, SPLIT_TEST, &i, 1, x, NULL);
        twin(&c, SPLIT_TEST, i, 0, x_i);
        for (int j = 0; j < DIM; j++) ck_assert(x_i[j] != 0 || x[j] == 0); /* mid-grey */
    }
    data_close(&data);
}
END_TEST

/* Black images show the background alone. */
static void put_black(void)
{
    for (int file = TRAIN_IMAGES; file <= TEST_IMAGES; file += TEST_IMAGES - TRAIN_IMAGES) {
        struct bytes b = good(file);
        memset(b.at + 16, 0, b.length - 16);
        put(file, &b);
    }
}

START_TEST(test_mean_background_does_not_depend_on_the_label)
{
    enum { ROOTS = 300 };
    struct config c = composed("idx", "data.background_rgb=255,0,255");
    double sum[2][3] = {{0}};
    int64_t n[2] = {0}, index[MOST] = {0, 1, 2, 3, 4};
    put_black();
    for (uint64_t root = 0; root < ROOTS; root++) {
        struct data data = opened(&c, root);
        real x[MOST * DIM];
        int32_t label[MOST];
        data_fetch(&data, SPLIT_TRAIN, index, MOST, x, label);
        for (int i = 0; i < MOST; i++) {
            int k = label[i] > 0;
            n[k]++;
            for (int j = 0; j < DIM; j++) sum[k][j / PLANE] += (double)x[i * DIM + j] / PLANE;
        }
        data_close(&data);
    }
    for (int k = 0; k < 2; k++)
        for (int p = 0; p < 3; p++) /* 6 standard errors, if a sample's pixels were all alike */
            ck_assert_double_eq_tol(sum[k][p] / (double)n[k], p == 1 ? -0.5 : 0.5,
                                    6 * sqrt(1.0 / 12 / (double)n[k]));
}
END_TEST

START_TEST(test_other_labels_leave_the_images)
{
    for (int k = 0; k < compositions.count; k++) {
        struct config c = composed("idx", "data.domains=2");
        int64_t index[MOST] = {0, 1, 2, 3, 4};
        real x[2][MOST * DIM];
        int32_t label[2][MOST];
        c.data.composition = k;
        for (int other = 0; other < 2; other++) {
            struct bytes b = good(TRAIN_LABELS);
            for (size_t i = 8; other && i < b.length; i++) b.at[i] = 3 - b.at[i];
            put(TRAIN_LABELS, &b);
            struct data data = opened(&c, ROOT);
            data_fetch(&data, SPLIT_TRAIN, index, MOST, x[other], label[other]);
            data_close(&data);
        }
        ck_assert_mem_eq(x[0], x[1], sizeof x[0]);
        for (int i = 0; i < MOST; i++) ck_assert_int_eq(label[1][i], 3 - label[0][i]);
    }
}
END_TEST

START_TEST(test_domains_have_colours_of_their_own)
{
    struct config c = composed("idx", "data.texture=flat data.domains=3 "
                                      "data.background_rgb=255,0,255");
    put_black();
    struct data data = opened(&c, ROOT), dark = rescaled(&data, -1);
    for (int64_t i = 0; i < MOST; i++) {
        real x[DIM], y[DIM];
        double colour[3];
        twin_colour(&c, i % 3, colour);
        data_fetch(&data, SPLIT_TRAIN, &i, 1, x, NULL);
        data_fetch(&dark, SPLIT_TRAIN, &i, 1, y, NULL);
        for (int j = 0; j < DIM; j++) {
            ck_assert(x[j] == (real)colour[j / PLANE]);
            ck_assert(y[j] == (j / PLANE == 1 ? 1 : -1)); /* of domain 0 */
        }
        ck_assert((fabs(colour[0]) == 1) == (i % 3 == 0));
    }
    data_close(&data);
}
END_TEST

/* All at once, backwards and one by one, of either split. */
START_TEST(test_bits_do_not_depend_on_the_request)
{
    struct config c = composed("npy", "data.composition=border data.border=2 data.domains=2");
    int64_t index[MOST] = {0, 1, 2, 3, 4}, reverse[MOST] = {4, 3, 2, 1, 0};
    for (int t = 0; t < textures.count; t++)
        for (int split = 0; split < 2; split++) {
            c.data.texture = t;
            struct data data = opened(&c, ROOT);
            int64_t n = pool[split];
            real all[MOST * DIM], back[MOST * DIM], one[DIM];
            int32_t label[MOST], label_back[MOST];
            data_fetch(&data, (enum split)split, index, n, all, label);
            data_fetch(&data, (enum split)split, reverse + MOST - n, n, back, label_back);
            for (int64_t i = 0; i < n; i++) {
                data_fetch(&data, (enum split)split, &i, 1, one, NULL);
                ck_assert_mem_eq(one, all + i * DIM, sizeof one);
                ck_assert_mem_eq(one, back + (n - 1 - i) * DIM, sizeof one);
                ck_assert_int_eq(label[i], label_back[n - 1 - i]);
                ck_assert_int_eq(label[i], (split ? small_test_y : small_train_y)[i]);
            }
            data_close(&data);
        }
}
END_TEST

/* ---- shape and failures ---- */

START_TEST(test_shape_is_three_planes_of_the_base)
{
    struct config c = composed("idx", "data.domains=10"), base = c;
    struct data_shape got, of_base;
    base.data.name = c.data.base;
    ck_assert_int_eq(data_shape(&c, &got, &e), ERR_OK);
    ck_assert_int_eq(data_shape(&base, &of_base, &e), ERR_OK);
    ck_assert(got.n_dims == 3 && got.size[0] == 3 && got.size[1] == H && got.size[2] == W);
    ck_assert(got.dim == DIM && got.classes == of_base.classes && got.black == -1);
    ck_assert(got.pool[0] == pool[0] && got.pool[1] == pool[1]);
    ck_assert_double_eq_tol(got.bytes, of_base.bytes + 240, 1e-9); /* 10 colours */
}
END_TEST

START_TEST(test_a_failure_of_the_base_is_one_of_its_own)
{
    struct config c = composed("npy", "");
    struct data data = opened(&c, ROOT);
    int64_t index = 4;
    char path[512];
    real x[DIM];
    int32_t label;
    data_fetch(&data, SPLIT_TRAIN, &index, 1, x, &label);
    ck_assert_int_eq(data_failed(&data, &e), ERR_OK);
    ck_assert_int_eq(truncate(scratch_path("train_x.npy", path), 128), 0);
    data_fetch(&data, SPLIT_TRAIN, &index, 1, x, &label);
    ck_assert_int_eq(data_failed(&data, &e), ERR_IO);
    ck_assert_msg(strstr(e.text, "train_x.npy: byte ") != NULL, "%s", e.text);
    for (int j = 0; j < DIM; j++) ck_assert(x[j] == 0);
    data_close(&data);
}
END_TEST

static void expect_refused(const struct config *c, const char *text)
{
    struct data data;
    ck_assert_int_eq(data_open(c, ROOT, &data, &e), ERR_CONFIG);
    ck_assert_msg(strstr(e.text, text) == e.text, "%s", e.text);
}

START_TEST(test_refusals)
{
    static const char *const rgb[] = {"",        "1,2",     "1,2,256", "1,-2,3",
                                      "1,2,3x",  "1 2 3",   "1.5,2,3", "4294967297,0,0",
                                      "1,2,3,4", "red,1,2", "0001,1,2"};
    static const char *const bad[][2] = {
        {"composed", "data.base: samples of composed have backgrounds already"},
        {"feature_model", "data.base: samples of feature_model have backgrounds already"},
        {"gaussian_teacher", "data.base: gaussian_teacher is endless"},
        {"fitted", "data.base: "}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config c = composed(bad[i][0], "");
        expect_refused(&c, bad[i][1]);
    }
    for (size_t i = 0; i < sizeof rgb / sizeof *rgb; i++) {
        struct config c = composed("idx", "");
        snprintf(c.data.background_rgb, sizeof c.data.background_rgb, "%s", rgb[i]);
        expect_refused(&c, "data.background_rgb: write red, green and blue");
    }
}
END_TEST

START_TEST(test_bases_without_images_are_refused)
{
    static const char *const shape[][2] = {{"(5, 2, 2, 3)", "(3, 2, 2, 3)"},
                                           {"(5, 18)", "(3, 18)"}};
    for (int i = 0; i < 2; i++) {
        size_t row = i ? DIM : 2 * PLANE;
        struct small_array a[ARRAYS] = {{"train_x", "|u1", shape[i][0], colour_x[0], 5 * row},
                                        small_arrays[TRAIN_Y],
                                        {"test_x", "|u1", shape[i][1], colour_x[1], 3 * row},
                                        small_arrays[TEST_Y]};
        struct config c = composed("npy", "");
        npy_put_all(a);
        expect_refused(&c, "data.base: samples of npy are no images of 1 or 3 planes");
    }
    struct config c = composed("npy", "data.path=/nowhere");
    expect_refused(&c, "data.path: ");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("composed");
    TCase *t = check_case(s, "composed");
    tcase_add_checked_fixture(t, files_setup, files_teardown);
    tcase_add_test(t, test_samples_are_the_formula);
    tcase_add_test(t, test_other_scales_have_the_same_image_on_other_backgrounds);
    tcase_add_test(t, test_mean_background_does_not_depend_on_the_label);
    tcase_add_test(t, test_other_labels_leave_the_images);
    tcase_add_test(t, test_domains_have_colours_of_their_own);
    tcase_add_test(t, test_bits_do_not_depend_on_the_request);
    tcase_add_test(t, test_shape_is_three_planes_of_the_base);
    tcase_add_test(t, test_a_failure_of_the_base_is_one_of_its_own);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_bases_without_images_are_refused);
    return check_run(s);
}
