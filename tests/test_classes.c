/* test_classes.c - label noise and class priors. */
#include "tests/core.h"

#include "worker/classes.h"
#include "worker/data.h"

enum { K = 5, N = 40000 };

static struct classes opened(const struct config *c, uint64_t root)
{
    struct classes classes;
    struct err e;
    ck_assert_int_eq(classes_open(c, root, K, &classes, &e), ERR_OK);
    return classes;
}

static struct config noisy(double p)
{
    struct config c = core_config();
    c.data.label_noise = p;
    return c;
}

/* Within 5 standard deviations of a binomial count. */
static void check_count(double got, double n, double p)
{
    ck_assert_msg(fabs(got - n * p) <= 5 * sqrt(n * p * (1 - p)), "%g of %g, expected %g", got,
                  n, n * p);
}

START_TEST(test_noise_moves_a_share_to_each_other_class)
{
    static const double ps[] = {0, 0.2, 1};
    for (int i = 0; i < 3; i++) {
        struct config c = noisy(ps[i]);
        struct classes classes = opened(&c, 3);
        for (int32_t label = 0; label < K; label += K - 1) {
            int64_t count[K] = {0};
            for (int64_t n = 0; n < N; n++)
                count[classes_label(&classes, SPLIT_TRAIN, n, label)]++;
            for (int32_t k = 0; k < K; k++)
                check_count((double)count[k], N, k == label ? 1 - ps[i] : ps[i] / (K - 1));
        }
    }
}
END_TEST

/* Samples whose labels differ. */
static int64_t differing(const struct classes *a, int split_a, const struct classes *b,
                         int split_b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < N; i++)
        n += classes_label(a, split_a, i, 1) != classes_label(b, split_b, i, 1);
    return n;
}

START_TEST(test_noise_is_a_function_of_seed_split_and_sample)
{
    struct config c = noisy(0.5), other = c, clean = c;
    other.seeds.noise = 4;
    clean.data.noise_test = false;
    struct classes a = opened(&c, 3), b = opened(&other, 3), root = opened(&c, 4),
                   half = opened(&clean, 3), none = {.n = K};
    double changes = 0.5 * 0.5 * 2 + 0.25 * 0.75; /* only one moves, or both but elsewhere */
    ck_assert_int_eq(differing(&a, 0, &a, 0), 0);
    check_count((double)differing(&a, 0, &a, 1), N, changes);
    check_count((double)differing(&a, 0, &b, 0), N, changes);
    check_count((double)differing(&a, 0, &root, 0), N, changes);
    ck_assert_int_eq(differing(&a, SPLIT_TRAIN, &half, SPLIT_TRAIN), 0);
    ck_assert_int_eq(differing(&half, SPLIT_TEST, &none, SPLIT_TEST), 0);
    check_count((double)differing(&a, SPLIT_TEST, &none, SPLIT_TEST), N, 0.5);
    other.seeds.noise = SEED_FOLLOWS;
    other.seeds.subset = 9; /* does not concern labels */
    b = opened(&other, 3);
    ck_assert_int_eq(differing(&a, 0, &b, 0), 0);
}
END_TEST

START_TEST(test_skewed_classes_fall_exponentially)
{
    struct config c = core_config();
    ck_assert_int_eq(classes_total(&c, K, 777), 777);
    c.data.prior = core_row(&priors, "skewed");
    c.data.imbalance = 16;
    struct classes classes = opened(&c, 3);
    static const double shares[] = {1, 0.5, 0.25, 0.125, 0.0625};
    static const int64_t quotas[] = {80, 40, 20, 10, 5};
    for (int k = 0; k < K; k++) {
        ck_assert_double_eq_tol(classes.share[k], shares[k], 1e-12);
        ck_assert_int_eq(classes_quota(400, K, shares[k]), quotas[k]);
    }
    ck_assert_int_eq(classes_total(&c, K, 400), 155);
    classes_close(&classes);

    c.data.prior_order = core_row(&prior_orders, "random");
    int moved = 0;
    for (uint64_t root = 0; root < 10; root++) {
        classes = opened(&c, root);
        int64_t total = 0;
        for (int k = 0; k < K; k++) total += classes_quota(400, K, classes.share[k]);
        ck_assert_int_eq(total, 155); /* the same classes in another order */
        moved += classes.share[0] != 1;
        classes_close(&classes);
    }
    ck_assert_int_gt(moved, 3);
}
END_TEST

START_TEST(test_candidates_are_accepted_by_their_class)
{
    struct config c = core_config();
    c.data.prior = core_row(&priors, "skewed");
    c.data.imbalance = 16;
    struct classes classes = opened(&c, 3);
    for (int32_t k = 0; k < K; k++) {
        int64_t accepted = 0;
        for (int64_t i = 0; i < N; i++) accepted += classes_accept(&classes, i, k);
        check_count((double)accepted, N, classes.share[k]);
    }
    ck_assert_int_eq(classes_candidate(&classes, 12, 0), 12);
    for (int64_t i = 0; i < 100; i++)
        for (uint32_t number = 1; number < 4; number++) {
            int64_t one = classes_candidate(&classes, i, number);
            ck_assert_int_ge(one, 0);
            ck_assert_int_ne(one, classes_candidate(&classes, i, number + 1));
            ck_assert_int_ne(one, classes_candidate(&classes, i + 1, number));
        }
    classes_close(&classes);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("classes");
    TCase *t = check_case(s, "classes");
    tcase_add_test(t, test_noise_moves_a_share_to_each_other_class);
    tcase_add_test(t, test_noise_is_a_function_of_seed_split_and_sample);
    tcase_add_test(t, test_skewed_classes_fall_exponentially);
    tcase_add_test(t, test_candidates_are_accepted_by_their_class);
    return check_run(s);
}
