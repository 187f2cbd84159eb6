/* test_data_cifar5m.c - the parts of CIFAR-5m: hostile ones are refused, good ones give their
 * samples. */
#include "tests/data_archives.h"

START_TEST(test_cifar5m_gives_the_samples)
{
    static real x[CIFAR_PIXELS];
    for (int stored = 0; stored < 2; stored++) {
        for (int part = 0; part < 6; part++) cifar5m_put(part, (part + stored) % 2);
        struct data data;
        ck_assert_msg(try_open("cifar5m", "", &data) == ERR_OK, "%s", e.text);
        ck_assert_int_eq(data.shape.pool[SPLIT_TRAIN], 10);
        ck_assert_int_eq(data.shape.pool[SPLIT_TEST], 2);
        ck_assert_int_eq(data.shape.classes, 10);
        ck_assert_int_eq(data.shape.n_dims, 3);
        for (int64_t i = 11; i >= 0; i--) {
            int32_t label;
            int part = (int)i / 2, image = (int)i % 2;
            int64_t index = part == 5 ? i - 10 : i;
            data.stream->fetch(&data, part == 5 ? SPLIT_TEST : SPLIT_TRAIN, &index, 1, x,
                               &label);
            ck_assert_int_eq(label, part + image);
            for (int j = 0; j < CIFAR_PIXELS; j++) {
                unsigned char pixel = cifar5m_pixel(part, image, j / 32 % 32, j % 32, j / 1024);
                ck_assert(x[j] == ((real)pixel / 255 - (real)0.5) / (real)0.5);
            }
        }
        ck_assert_int_eq(data_failed(&data, NULL), ERR_OK);
        data_close(&data);
    }
}
END_TEST

START_TEST(test_cifar5m_tests_on_the_first_10000)
{
    struct big_member member[] = {
        {"X.npy", "|u1", "(10003, 32, 32, 3)", (int64_t)10003 * CIFAR_PIXELS, 9, 0},
        {"Y.npy", "<i8", "(10003,)", 10003 * 8, 0, 0}};
    for (int part = 0; part < 5; part++) cifar5m_put(part, false);
    big_put("part5.npz", member, 2);
    struct config c = config_scratch("cifar5m", "");
    struct data_shape shape;
    ck_assert_msg(data_shape(&c, &shape, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(shape.pool[SPLIT_TEST], 10000);
    c.data.test = 3; /* which of how many is for the setup to check */
    ck_assert_int_eq(data_shape(&c, &shape, &e), ERR_OK);
    ck_assert_int_eq(shape.pool[SPLIT_TEST], 10003);
    ck_assert_double_ge(shape.bytes, 10013 * 4);
    struct data data;
    real x[CIFAR_PIXELS];
    ck_assert_int_eq(data_open(&c, 1, &data, &e), ERR_OK);
    data.stream->fetch(&data, SPLIT_TEST, (int64_t[]){10002}, 1, x, NULL);
    ck_assert(x[CIFAR_PIXELS - 1] == ((real)9 / 255 - (real)0.5) / (real)0.5);
    data_close(&data);
}
END_TEST

START_TEST(test_cifar5m_refuses_wrong_parts)
{
    static const unsigned char x[2 * CIFAR_PIXELS], y[2] = {0, 10};
    char path[512];
    for (int part = 0; part < 6; part++) cifar5m_put(part, part % 2);
    int opened = mutants_opened("cifar5m", "", "part2.npz", 250, 5);
    opened += mutants_opened("cifar5m", "", "part5.npz", 250, 6);
    ck_assert_int_gt(opened, 10);
    ck_assert_int_lt(opened, 480);
    struct small_array a[] = {{"X", "|u1", "(2, 3, 32, 32)", x, sizeof x},
                              {"Y", "|u1", "(2,)", y, 2}};
    npz_put("part3.npz", a, 2, false);
    expect("cifar5m", "", ERR_FORMAT, "part3.npz: X.npy: byte 12: elements of type |u1 in 4");
    a[0].shape = "(2, 32, 32, 3)";
    npz_put("part3.npz", a, 2, true);
    expect("cifar5m", "", ERR_FORMAT, "part3.npz: Y.npy: byte 129: label 10, but there are 10");
    a[1].shape = "(1,)", a[1].bytes = 1;
    npz_put("part3.npz", a, 2, true);
    expect("cifar5m", "", ERR_FORMAT, "part3.npz: Y.npy: byte 12: 1 elements of type |u1");
    npz_put("part3.npz", a, 1, true);
    expect("cifar5m", "", ERR_FORMAT, "part3.npz: no member Y.npy");
    unlink(scratch_path("part3.npz", path));
    expect("cifar5m", "", ERR_CONFIG, "data.path: no file part3.npz in '");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data cifar5m");
    TCase *t = check_case(s, "data cifar5m");
    tcase_add_checked_fixture(t, scratch_setup, scratch_teardown);
    tcase_add_test(t, test_cifar5m_gives_the_samples);
    tcase_add_test(t, test_cifar5m_tests_on_the_first_10000);
    tcase_add_test(t, test_cifar5m_refuses_wrong_parts);
    return check_run(s);
}
