/* test_loss.c - values by hand, and outputs so large that the naive forms overflow. Gradients
 * are in test_gradients.c. */
#include "tests/core.h"

static double value(const char *name, int64_t k, const real *f, int32_t label, real *df)
{
    const struct loss *loss = (const void *)table_row(&losses, core_row(&losses, name));
    return loss->value(1, k, f, &label, 1, df);
}

START_TEST(test_classes_a_loss_cannot_do_have_no_outputs)
{
    for (int i = 0; i < losses.count; i++) {
        const struct loss *loss = (const void *)table_row(&losses, i);
        bool two_only =
            strcmp(loss->row.name, "logistic") == 0 || strcmp(loss->row.name, "hinge") == 0;
        ck_assert_int_eq(loss->outputs(3), two_only ? 0 : 3);
        ck_assert_int_eq(loss->outputs(2), strcmp(loss->row.name, "cross_entropy") ? 1 : 2);
    }
}
END_TEST

START_TEST(test_values_by_hand)
{
    real one = 0.5, three[] = {0, 0, 0}, d[3];
    ck_assert_double_eq_tol(value("logistic", 1, &one, 1, d), log1p(exp(-0.5)), 1e-7);
    ck_assert_double_eq_tol(value("hinge", 1, &one, 1, d), 0.5, 1e-7);
    ck_assert_double_eq_tol(value("hinge", 1, &one, 0, d), 1.5, 1e-7);
    ck_assert_double_eq_tol(value("mse", 1, &one, 0, d), 2.25, 1e-7);
    ck_assert_double_eq_tol(value("cross_entropy", 3, three, 2, d), log(3), 1e-7);
    ck_assert_double_eq_tol(value("mse", 3, three, 2, d), 1, 1e-7);
    ck_assert_double_eq_tol(d[2], -2, 1e-7);
}
END_TEST

START_TEST(test_large_outputs_stay_finite)
{
    for (int i = 0; i < losses.count; i++)
        for (int32_t label = 0; label < 2; label++)
            for (int sign = -1; sign <= 1; sign += 2) {
                real f[2] = {(real)(sign * 1e4), (real)(-sign * 1e4)}, d[2];
                const struct loss *loss = (const void *)table_row(&losses, i);
                int64_t k = loss->outputs(2);
                double v = loss->value(1, k, f, &label, 1, d);
                ck_assert_msg(isfinite(v) && v >= 0, "%s: %g", loss->row.name, v);
                for (int64_t j = 0; j < k; j++) ck_assert(isfinite(d[j]));
            }
    real f = 200;
    ck_assert_double_eq(value("logistic", 1, &f, 0, NULL), 200);
}
END_TEST

START_TEST(test_score_counts_right_answers)
{
    real f[] = {2, 1, 0, /**/ 1, 1, 0, /**/ 1, 1, 0, /**/ 0, 0, 3};
    int32_t label[] = {0, 0, 1, 1}; /* right, tie won, tie lost, wrong */
    double correct = 0, soft = 0;
    loss_score(4, 3, f, label, &correct, &soft);
    ck_assert_double_eq(correct, 2);
    double e = exp(1), first = 1 - e * e / (e * e + e + 1), tie = 1 - e / (2 * e + 1);
    double wrong = 1 - 1 / (2 + e * e * e);
    ck_assert_double_eq_tol(soft, first + 2 * tie + wrong, 1e-6);

    real one[] = {3, -3, 0};
    int32_t sign[] = {1, 1, 0}; /* right, wrong, undecided */
    correct = soft = 0;
    loss_score(3, 1, one, sign, &correct, &soft);
    ck_assert_double_eq(correct, 1);
    ck_assert_double_eq_tol(soft, 1 + 0.5, 1e-6);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loss");
    TCase *t = check_case(s, "loss");
    tcase_add_test(t, test_classes_a_loss_cannot_do_have_no_outputs);
    tcase_add_test(t, test_values_by_hand);
    tcase_add_test(t, test_large_outputs_stay_finite);
    tcase_add_test(t, test_score_counts_right_answers);
    return check_run(s);
}
