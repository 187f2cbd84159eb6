/* test_data_fitted.c - whether samples have the moments of what was fitted. */
#include "tests/core.h"

#include <unistd.h>

#include "base/rng.h"
#include "worker/data.h"

enum { SIDE = 4, DIM = SIDE * SIDE, IMAGES = 240, K = 2, SAMPLES = 40000 };

static char folder[64];
static bool black_or_white; /* images of nothing else */
static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/* Grey images around a mean of their class, along two directions, and noise: none near black or
 * white. A third is of class 1. */
static void put(const char *name, bool images)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    unsigned char head[] = {0, 0, 8, images ? 3 : 1, 0, 0, 0, IMAGES,
                            0, 0, 0, SIDE,           0, 0, 0, SIDE};
    fwrite(head, 1, images ? 16 : 8, file);
    for (int i = 0; i < IMAGES; i++) {
        struct rng r = rng_stream(1, RNG_TESTING, (uint64_t)i);
        int k = i % 3 == 0;
        double a = rng_normal(&r), b = rng_normal(&r);
        if (!images) fputc(k, file);
        for (int d = 0; images && d < DIM; d++) {
            double x = 128 + (k ? d : -d) + a * (d < 8 ? 6 : 0) + b * (d % 2 ? 4 : -4);
            fputc(black_or_white ? 255 * (a > 0) : (int)lround(x + 2 * rng_normal(&r)), file);
        }
    }
    fclose(file);
}

static void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_fitted.XXXXXX");
    ck_assert(mkdtemp(folder) != NULL);
    for (int i = 0; i < 4; i++) put(names[i], i % 2 == 0);
}

static void folder_remove(void)
{
    for (int i = 0; i < 4; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static struct config fitted(int64_t components)
{
    struct config c = core_config();
    c.data.name = core_row(&streams, "fitted");
    c.data.base = core_row(&streams, "idx");
    c.data.components = components;
    snprintf(c.data.path, sizeof c.data.path, "%s", folder);
    return c;
}

struct moments {
    int64_t n;
    double mean[DIM], covariance[DIM][DIM];
};

/* Of the samples of one class among the first n. */
static struct moments moments_of(const struct config *c, enum split split, int64_t n, int32_t k)
{
    struct data data;
    struct err e;
    struct moments m = {0};
    real *x = calloc((size_t)(n * DIM), sizeof *x);
    int32_t *label = calloc((size_t)n, sizeof *label);
    int64_t *index = calloc((size_t)n, sizeof *index);
    for (int64_t i = 0; i < n; i++) index[i] = i;
    ck_assert_msg(data_open(c, 3, &data, &e) == ERR_OK, "%s", e.text);
    data.stream->fetch(&data, split, index, n, x, label);
    for (int64_t i = 0; i < n; i++) {
        if (label[i] != k) continue;
        m.n++;
        for (int d = 0; d < DIM; d++) m.mean[d] += (double)x[i * DIM + d];
    }
    for (int d = 0; d < DIM; d++) m.mean[d] /= (double)m.n;
    for (int64_t i = 0; i < n; i++)
        for (int a = 0; label[i] == k && a < DIM; a++)
            for (int b = 0; b < DIM; b++)
                m.covariance[a][b] += ((double)x[i * DIM + a] - m.mean[a]) *
                                      ((double)x[i * DIM + b] - m.mean[b]) / (double)m.n;
    free(x);
    free(label);
    free(index);
    data_close(&data);
    return m;
}

static double trace(const struct moments *m)
{
    double sum = 0;
    for (int d = 0; d < DIM; d++) sum += m->covariance[d][d];
    return sum;
}

/* Within 6 standard errors of normal samples. */
static void check_mean(const struct moments *got, const struct moments *want)
{
    for (int d = 0; d < DIM; d++)
        ck_assert_double_eq_tol(got->mean[d], want->mean[d],
                                6 * sqrt(want->covariance[d][d] / (double)got->n));
}

START_TEST(test_all_components_give_the_moments_of_the_data)
{
    struct config c = fitted(DIM - 1), base = c;
    base.data.name = c.data.base;
    for (int32_t k = 0; k < K; k++)
        for (int split = 0; split < 2; split++) {
            struct moments want = moments_of(&base, SPLIT_TRAIN, IMAGES, k);
            struct moments got = moments_of(&c, (enum split)split, SAMPLES, k);
            double share = k ? 1.0 / 3 : 2.0 / 3;
            ck_assert_double_eq_tol((double)got.n / SAMPLES, share, 0.015);
            check_mean(&got, &want);
            for (int a = 0; a < DIM; a++)
                for (int b = 0; b < DIM; b++) {
                    double error = want.covariance[a][a] * want.covariance[b][b] +
                                   want.covariance[a][b] * want.covariance[a][b];
                    ck_assert_double_eq_tol(got.covariance[a][b], want.covariance[a][b],
                                            6 * sqrt(error / (double)got.n));
                }
        }
}
END_TEST

START_TEST(test_few_components_keep_the_trace_and_their_own_directions)
{
    struct config c = fitted(2), base = c;
    base.data.name = c.data.base;
    struct moments want = moments_of(&base, SPLIT_TRAIN, IMAGES, 0);
    struct moments got = moments_of(&c, SPLIT_TRAIN, SAMPLES, 0);
    check_mean(&got, &want);
    ck_assert_double_eq_tol(trace(&got) / trace(&want), 1, 0.02);
    double along[2] = {0}; /* variance of the sum of the first half of the pixels */
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 8; b++) {
            along[0] += want.covariance[a][b];
            along[1] += got.covariance[a][b];
        }
    ck_assert_double_eq_tol(along[1] / along[0], 1, 0.05);
    ck_assert_double_gt(along[0], 4 * 8 * trace(&want) / DIM); /* of independent pixels: 8 */
}
END_TEST

START_TEST(test_samples_stay_in_range_and_splits_differ)
{
    black_or_white = true;
    for (int i = 0; i < 4; i++) put(names[i], i % 2 == 0);
    struct config c = fitted(3);
    struct data data;
    struct err e;
    real a[DIM], b[DIM], least = 0, most = 0;
    ck_assert_int_eq(data_open(&c, 3, &data, &e), ERR_OK);
    ck_assert(data.shape.pool[SPLIT_TRAIN] == INT64_MAX && data.shape.n_dims == 3);
    ck_assert(data.shape.black == -1 && data.shape.classes == K);
    int64_t index = (int64_t)1 << 60;
    data.stream->fetch(&data, SPLIT_TRAIN, &index, 1, a, NULL);
    data.stream->fetch(&data, SPLIT_TEST, &index, 1, b, NULL);
    ck_assert_mem_ne(a, b, sizeof a);
    for (index = 0; index < 200; index++) {
        data.stream->fetch(&data, SPLIT_TEST, &index, 1, b, NULL);
        for (int d = 0; d < DIM; d++) {
            least = b[d] < least ? b[d] : least;
            most = b[d] > most ? b[d] : most;
        }
    }
    ck_assert(least == -1 && most == 1); /* both are reached: the variance is 1 */
    data_close(&data);
}
END_TEST

START_TEST(test_only_finite_data_can_be_fitted)
{
    struct data_shape shape;
    struct err e;
    struct config c = fitted(3);
    c.data.base = c.data.name;
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_eq(strstr(e.text, "data.base: "), e.text);
    c.data.base = core_row(&streams, "gaussian_teacher");
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "endless"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fitted");
    TCase *t = check_case(s, "fitted");
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, test_all_components_give_the_moments_of_the_data);
    tcase_add_test(t, test_few_components_keep_the_trace_and_their_own_directions);
    tcase_add_test(t, test_samples_stay_in_range_and_splits_differ);
    tcase_add_test(t, test_only_finite_data_can_be_fitted);
    return check_run(s);
}
