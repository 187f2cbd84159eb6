/* test_augment.c - crops and flips pixel by pixel, and how random things are distributed. */
#include "tests/core.h"

#include "worker/augment.h"

enum { C = 3, SIDE = 32, DIM = C * SIDE * SIDE };

static const struct data_shape images = {.n_dims = 3,
                                         .size = {C, SIDE, SIDE},
                                         .dim = DIM,
                                         .classes = 10,
                                         .pool = {1000, 100},
                                         .black = -1};

static struct config augmented(const char *name)
{
    struct config c = core_config();
    c.data.augment = core_row(&augmentations, name);
    return c;
}

/* The image of a golden file: doubles behind a header of 128 bytes. */
static void golden(const char *name, real image[DIM])
{
    char path[512];
    double value[DIM];
    snprintf(path, sizeof path, "%s/golden/augment/%s.npy", TESTS_DIR, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fseek(file, 128, SEEK_SET), 0);
    ck_assert_uint_eq(fread(value, sizeof *value, DIM, file), DIM);
    fclose(file);
    for (int i = 0; i < DIM; i++) image[i] = (real)value[i];
}

START_TEST(test_crop_and_flip_are_the_reference)
{
    static real in[DIM], out[DIM], want[DIM];
    struct config c = augmented("crop_flip");
    struct augment a = augment_init(&c, &images);
    golden("in", in);
    golden("crop_i1_j7_flip1", want);
    augment_crop(&a, 1, 7, true, in, out);
    ck_assert_mem_eq(out, want, sizeof out);

    c = augmented("crop_flip_reflect");
    a = augment_init(&c, &images);
    golden("reflect_i0_j8_flip0", want);
    augment_crop(&a, 0, 8, false, in, out);
    ck_assert_mem_eq(out, want, sizeof out);

    augment_crop(&a, 4, 4, false, in, out); /* the middle */
    ck_assert_mem_eq(out, in, sizeof out);
}
END_TEST

enum { SMALL = 12, DRAWS = 40000, PLACES = 9 };
static const struct data_shape small = {.n_dims = 3,
                                        .size = {1, SMALL, SMALL},
                                        .dim = SMALL * SMALL,
                                        .classes = 2,
                                        .pool = {10, 10},
                                        .black = -1};

/* An image whose pixels tell where they were, after augmentation number `index`. */
static void draw(const char *name, uint64_t seed, uint64_t index, real image[SMALL * SMALL])
{
    struct config c = augmented(name);
    struct augment a = augment_init(&c, &small);
    real room[SMALL * SMALL];
    for (int i = 0; i < SMALL * SMALL; i++) image[i] = (real)i;
    augment_image(&a, seed, RNG_AUGMENT, index, image, room);
}

/* Row and column of the crop, and the flip: from the middle, which no crop reaches beyond. */
static void decode(const real image[SMALL * SMALL], int *i, int *j, bool *flip)
{
    int at = (int)image[6 * SMALL + 6], next = (int)image[6 * SMALL + 7];
    *flip = next < at;
    *i = at / SMALL - 6 + 4;
    *j = *flip ? at % SMALL - 5 + 4 : at % SMALL - 6 + 4;
}

/* Within 5 standard deviations of a binomial count. */
static void check_count(double got, double n, double p)
{
    ck_assert_msg(fabs(got - n * p) < 5 * sqrt(n * p * (1 - p)), "%g of %g, expected %g", got,
                  n, n * p);
}

START_TEST(test_crops_and_flips_are_uniform)
{
    real image[SMALL * SMALL];
    int count[PLACES][PLACES] = {0}, flips = 0;
    for (int n = 0; n < DRAWS; n++) {
        int i, j;
        bool flip;
        draw("crop_flip", 1, (uint64_t)n, image);
        decode(image, &i, &j, &flip);
        ck_assert(i >= 0 && i < PLACES && j >= 0 && j < PLACES);
        count[i][j]++;
        flips += flip;
    }
    check_count(flips, DRAWS, 0.5);
    for (int i = 0; i < PLACES; i++)
        for (int j = 0; j < PLACES; j++) check_count(count[i][j], DRAWS, 1.0 / 81);
}
END_TEST

START_TEST(test_draws_depend_on_seed_and_index_alone)
{
    real one[SMALL * SMALL], other[SMALL * SMALL];
    int differ[2] = {0}, i, j, k, l;
    bool flip, flipped, mirrored;
    for (uint64_t n = 0; n < 50; n++) {
        draw("crop_flip", 1, n, one);
        draw("crop_flip", 1, n, other);
        ck_assert_mem_eq(one, other, sizeof one);
        decode(one, &i, &j, &flip);
        draw("crop", 1, n, other); /* the same crop, whatever else is done */
        decode(other, &k, &l, &flipped);
        ck_assert(i == k && j == l && !flipped);
        draw("flip", 1, n, other);
        decode(other, &k, &l, &mirrored);
        ck_assert(k == 4 && l == 4 && mirrored == flip);
        draw("crop_flip", 2, n, other);
        differ[0] += memcmp(one, other, sizeof one) != 0;
        draw("crop_flip", 1, n + 50, other);
        differ[1] += memcmp(one, other, sizeof one) != 0;
    }
    ck_assert_int_gt(differ[0], 40);
    ck_assert_int_gt(differ[1], 40);
}
END_TEST

static int blanked(int64_t side, int64_t y, int64_t x, real image[DIM])
{
    struct config c = augmented("none");
    c.data.cutout = side;
    struct augment a = augment_init(&c, &images);
    int n = 0;
    for (int i = 0; i < DIM; i++) image[i] = 0;
    augment_cutout(&a, y, x, image);
    for (int i = 0; i < DIM; i++) n += image[i] == -1;
    return n;
}

START_TEST(test_cutout_blanks_a_square_in_all_channels)
{
    static real image[DIM];
    ck_assert_int_eq(blanked(8, 16, 16, image), C * 64);
    ck_assert(image[12 * SIDE + 12] == -1 && image[19 * SIDE + 19] == -1);
    ck_assert(image[11 * SIDE + 12] == 0 && image[20 * SIDE + 19] == 0);
    ck_assert_int_eq(blanked(8, 0, 31, image), C * 4 * 5); /* cut off at the border */
    ck_assert_int_eq(blanked(5, 10, 10, image), C * 25);
    ck_assert_int_eq(blanked(100, 3, 3, image), DIM);

    real room[SMALL * SMALL], spot[SMALL * SMALL];
    struct config c = augmented("none");
    c.data.cutout = 1;
    struct augment a = augment_init(&c, &small);
    int count[SMALL * SMALL] = {0};
    for (uint64_t n = 0; n < DRAWS; n++) {
        memset(spot, 0, sizeof spot);
        augment_image(&a, 1, RNG_AUGMENT, n, spot, room);
        for (int i = 0; i < SMALL * SMALL; i++) count[i] += spot[i] == -1;
    }
    for (int i = 0; i < SMALL * SMALL; i++) check_count(count[i], DRAWS, 1.0 / (SMALL * SMALL));
}
END_TEST

START_TEST(test_mixup_pairs_each_sample_with_one_partner)
{
    enum { N = 16, D = 3 };
    bool moved = false;
    for (int64_t step = 0; step < 20; step++) {
        real x[N * D], room[D];
        int32_t label[N], label2[N];
        int64_t partner[N], times[N] = {0};
        for (int i = 0; i < N * D; i++) x[i] = (real)(i * i + 1);
        for (int i = 0; i < N; i++) label[i] = i;
        real w = augment_mixup(0.4, 7, step, N, D, x, label, label2, partner, room);
        ck_assert(w >= 0 && w <= 1);
        for (int i = 0; i < N; i++) {
            times[label2[i]]++;
            moved |= label2[i] != i;
            for (int d = 0; d < D; d++) {
                int a = i * D + d, b = label2[i] * D + d;
                real mixed = w * (real)(a * a + 1) + (1 - w) * (real)(b * b + 1);
                ck_assert(x[a] == mixed);
            }
        }
        for (int i = 0; i < N; i++) ck_assert_int_eq(times[i], 1);
    }
    ck_assert(moved);
}
END_TEST

START_TEST(test_mixup_weights_are_of_the_beta_distribution)
{
    static const double alphas[] = {0.2, 1, 4};
    for (int k = 0; k < 3; k++) {
        double sum = 0, squares = 0, a = alphas[k];
        for (int64_t step = 0; step < DRAWS; step++) {
            real x = 0, room;
            int32_t label = 0, label2;
            int64_t partner;
            double w =
                (double)augment_mixup(a, 3, step, 1, 1, &x, &label, &label2, &partner, &room);
            sum += w;
            squares += (w - 0.5) * (w - 0.5);
        }
        double variance = 1 / (4 * (2 * a + 1)); /* the spread of squares is below 1/8 */
        ck_assert_double_eq_tol(sum / DRAWS, 0.5, 5 * sqrt(variance / DRAWS));
        ck_assert_double_eq_tol(squares / DRAWS, variance, 5 * 0.125 / sqrt(DRAWS));
    }
    for (int64_t step = 0; step < 100; step++) { /* all of one or the other, never NaN */
        real x = 0, room;
        int32_t label = 0, label2;
        int64_t partner;
        real w = augment_mixup(1e-4, 3, step, 1, 1, &x, &label, &label2, &partner, &room);
        ck_assert(w < (real)1e-3 || w > (real)0.999);
    }
}
END_TEST

static void refused(const struct config *c, const struct data_shape *shape, const char *start)
{
    struct err e;
    ck_assert_int_eq(augment_check(c, shape, &e), ERR_CONFIG);
    ck_assert_msg(strncmp(e.text, start, strlen(start)) == 0, "'%s'", e.text);
}

START_TEST(test_contradictions_name_the_key)
{
    struct err e;
    struct data_shape vectors = {
        .n_dims = 1, .size = {8}, .dim = 8, .classes = 2, .pool = {INT64_MAX, INT64_MAX}};
    struct config c = augmented("flip");
    ck_assert_int_eq(augment_check(&c, &images, &e), ERR_OK);
    refused(&c, &vectors, "data.augment: ");
    c = augmented("none");
    c.data.cutout = 2;
    refused(&c, &vectors, "data.cutout: ");
    c.data.cutout = 0;
    c.data.mixup = 1; /* anything can be mixed */
    ck_assert_int_eq(augment_check(&c, &vectors, &e), ERR_OK);
    c.data.augreps = 2;
    refused(&c, &vectors, "data.augreps: ");
    refused(&c, &images, "data.augreps: ");
    c = augmented("crop_flip_reflect");
    c.data.augreps = 2;
    c.data.pad = SIDE - 1;
    ck_assert_int_eq(augment_check(&c, &images, &e), ERR_OK);
    c.data.pad = SIDE;
    refused(&c, &images, "data.pad: ");
    c = augmented("crop_flip");
    c.data.pad = SIDE;
    ck_assert_int_eq(augment_check(&c, &images, &e), ERR_OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment");
    TCase *t = check_case(s, "augment");
    tcase_add_test(t, test_crop_and_flip_are_the_reference);
    tcase_add_test(t, test_crops_and_flips_are_uniform);
    tcase_add_test(t, test_draws_depend_on_seed_and_index_alone);
    tcase_add_test(t, test_cutout_blanks_a_square_in_all_channels);
    tcase_add_test(t, test_mixup_pairs_each_sample_with_one_partner);
    tcase_add_test(t, test_mixup_weights_are_of_the_beta_distribution);
    tcase_add_test(t, test_contradictions_name_the_key);
    return check_run(s);
}
