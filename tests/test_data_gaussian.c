/* test_data_gaussian.c - the Gaussian teacher is the world its header defines. */
#include <math.h>

#include "base/rng.h"
#include "tests/data_small.h"

static struct err e;

static struct config gaussian(int64_t dim, int64_t classes, int64_t width)
{
    struct config c = config_of("gaussian_teacher");
    c.data.dim = dim;
    c.data.classes = classes;
    c.data.teacher_width = width;
    return c;
}

START_TEST(test_gaussian_refuses_sizes)
{
    static const struct {
        int64_t dim, classes, width;
        const char *key;
    } bad[] = {
        {0, 10, 64, "data.dim: 0"},           {INT64_MAX, 10, 64, "data.dim: "},
        {32, 1, 64, "data.classes: 1"},       {32, 1 << 20, 64, "data.classes: "},
        {32, 10, 0, "data.teacher_width: 0"}, {32, 10, INT64_MAX, "data.teacher_width: "}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config c = gaussian(bad[i].dim, bad[i].classes, bad[i].width);
        struct data data;
        ck_assert_int_eq(data_open(&c, 1, &data, &e), ERR_CONFIG);
        ck_assert_msg(strstr(e.text, bad[i].key) == e.text, "%s", e.text);
    }
}
END_TEST

/* W, V and m of the header's formula in double, from the stream's own definition. The labels
 * may differ only where two classes nearly tie. */
START_TEST(test_gaussian_labels_are_the_teachers)
{
    enum { DIM = 7, CLASSES = 300, WIDTH = 19, N = 300 }; /* beyond one block of classes */
    struct config c = gaussian(DIM, CLASSES, WIDTH);
    struct data data;
    ck_assert_int_eq(data_open(&c, 42, &data, &e), ERR_OK);
    static float w[DIM][WIDTH], v[CLASSES][WIDTH];
    static double mean[CLASSES];
    struct rng r = rng_stream(42, RNG_WORLD, 0);
    for (int i = 0; i < DIM; i++) rng_normals(&r, WIDTH, w[i]);
    r = rng_stream(42, RNG_WORLD, 1);
    for (int k = 0; k < CLASSES; k++) rng_normals(&r, WIDTH, v[k]);
    for (int sample = -1024; sample < N; sample++) { /* the first 1024 calibrate */
        float x[DIM];
        real got[DIM];
        int32_t label;
        double score[CLASSES] = {0};
        int64_t index = sample;
        r = sample < 0 ? rng_stream(42, RNG_WORLD, (uint64_t)(1026 + sample))
                       : rng_stream(42, RNG_TEST, (uint64_t)sample);
        rng_normals(&r, DIM, x);
        for (int j = 0; j < WIDTH; j++) {
            double unit = 0;
            for (int i = 0; i < DIM; i++) unit += (double)x[i] * (double)w[i][j] / sqrt(DIM);
            for (int k = 0; k < CLASSES; k++)
                if (unit > 0) score[k] += unit * (double)v[k][j] / sqrt(WIDTH);
        }
        for (int k = 0; sample < 0 && k < CLASSES; k++) mean[k] += score[k] / 1024;
        if (sample < 0) continue;
        data.stream->fetch(&data, SPLIT_TEST, &index, 1, got, &label);
        for (int i = 0; i < DIM; i++) ck_assert(got[i] == (real)x[i]);
        for (int k = 0; k < CLASSES; k++) /* 1e-5: float sums of 19 terms of size one */
            ck_assert_double_le(score[k] - mean[k], score[label] - mean[label] + 1e-5);
    }
    data_close(&data);
}
END_TEST

START_TEST(test_gaussian_has_every_class)
{
    static const struct {
        int64_t dim, classes, width;
    } world[] = {{32, 10, 64}, {8, 2, 16}, {100, 50, 256}, {20, 100, 300}};
    enum { N = 8192 };
    for (size_t w = 0; w < sizeof world / sizeof *world; w++) {
        struct config c = gaussian(world[w].dim, world[w].classes, world[w].width);
        for (uint64_t root = 0; root < 3; root++) {
            struct data data;
            ck_assert_int_eq(data_open(&c, root, &data, &e), ERR_OK);
            real *x = malloc(N * (size_t)world[w].dim * sizeof *x);
            static int64_t index[N];
            static int32_t label[N];
            static int count[100];
            memset(count, 0, sizeof count);
            for (int i = 0; i < N; i++) index[i] = i + (1LL << 40);
            data.stream->fetch(&data, SPLIT_TRAIN, index, N, x, label);
            for (int i = 0; i < N; i++) {
                ck_assert(label[i] >= 0 && label[i] < world[w].classes);
                count[label[i]]++;
            }
            for (int k = 0; k < world[w].classes; k++)
                ck_assert_msg(count[k] > 0 && count[k] < 0.75 * N, "%d of class %d of %d",
                              count[k], k, (int)world[w].classes);
            free(x);
            data_close(&data);
        }
    }
}
END_TEST

/* A perceptron with 20 epochs separates any separable sample of this size in this dimension;
 * the teacher must leave it well above chance and well below all. */
START_TEST(test_gaussian_is_not_linear)
{
    enum { DIM = 16, N = 2000 };
    struct config c = gaussian(DIM, 2, 64);
    struct data data;
    ck_assert_int_eq(data_open(&c, 5, &data, &e), ERR_OK);
    static real x[N * DIM];
    static int64_t index[N];
    static int32_t label[N];
    for (int i = 0; i < N; i++) index[i] = i;
    data.stream->fetch(&data, SPLIT_TRAIN, index, N, x, label);
    double w[DIM + 1] = {0}, mean[DIM + 1] = {0};
    for (int step = 0; step < 20 * N; step++) {
        const real *row = x + step % N * DIM;
        double dot = w[DIM], sign = label[step % N] ? 1 : -1;
        for (int j = 0; j < DIM; j++) dot += w[j] * (double)row[j];
        if (dot * sign <= 0) {
            for (int j = 0; j < DIM; j++) w[j] += sign * (double)row[j];
            w[DIM] += sign;
        }
        for (int j = 0; j <= DIM; j++) mean[j] += w[j];
    }
    int right = 0;
    for (int i = 0; i < N; i++) {
        double dot = mean[DIM];
        for (int j = 0; j < DIM; j++) dot += mean[j] * (double)x[i * DIM + j];
        right += (dot > 0) == (label[i] == 1);
    }
    ck_assert_int_gt(right, 55 * N / 100);
    ck_assert_int_lt(right, 97 * N / 100);
    data_close(&data);
}
END_TEST

START_TEST(test_gaussian_worlds_differ_by_root_and_split)
{
    struct config c = gaussian(32, 10, 64);
    struct data a, b;
    ck_assert_int_eq(data_open(&c, 1, &a, &e), ERR_OK);
    ck_assert_int_eq(data_open(&c, 2, &b, &e), ERR_OK);
    real x[32], y[32];
    int64_t zero = 0;
    a.stream->fetch(&a, SPLIT_TRAIN, &zero, 1, x, NULL);
    a.stream->fetch(&a, SPLIT_TEST, &zero, 1, y, NULL);
    ck_assert_mem_ne(x, y, sizeof x);
    b.stream->fetch(&b, SPLIT_TRAIN, &zero, 1, y, NULL);
    ck_assert_mem_ne(x, y, sizeof x);
    data_close(&a);
    data_close(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data gaussian");
    TCase *t = check_case(s, "data gaussian");
    tcase_add_test(t, test_gaussian_refuses_sizes);
    tcase_add_test(t, test_gaussian_labels_are_the_teachers);
    tcase_add_test(t, test_gaussian_has_every_class);
    tcase_add_test(t, test_gaussian_is_not_linear);
    tcase_add_test(t, test_gaussian_worlds_differ_by_root_and_split);
    return check_run(s);
}
