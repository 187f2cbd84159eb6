/* test_loss.c - values by hand, and outputs so large that the naive forms overflow. Gradients
 * are in test_gradients.c. */
#include "tests/core.h"

static const struct loss *loss_row(int i)
{
    return (const void *)table_row(&losses, i);
}

/* One sample under a loss with default settings. */
static double value(const char *name, int64_t k, const real *f, int32_t label, real *df)
{
    struct config c = core_config();
    struct loss_input in = {.n = 1, .k = k, .f = f, .label = &label, .config = &c};
    return loss_row(core_row(&losses, name))->value(&in, 1, df);
}

/* Outputs: one per class, one for two classes, a number that the configuration gives, or the
 * teacher's. 0 is for a loss of two classes alone. */
START_TEST(test_outputs_are_known_before_a_run)
{
    struct config c = core_config();
    c.optim.embedding = 17;
    for (int i = 0; i < losses.count; i++) {
        int64_t three = loss_row(i)->outputs(&c, 3), two = loss_row(i)->outputs(&c, 2);
        if (loss_row(i)->needs & LOSS_PAIRS)
            ck_assert(two == 17 && three == 17);
        else if (loss_row(i)->needs & LOSS_TEACHER && loss_row(i)->no_logits)
            ck_assert(two == -1 && three == -1);
        else
            ck_assert((two == 2 && three == 3) || (two == 1 && (three == 0 || three == 3)));
    }
    ck_assert_int_eq(loss_row(core_row(&losses, "hinge"))->outputs(&c, 3), 0);
    ck_assert_int_eq(loss_row(core_row(&losses, "logistic"))->outputs(&c, 3), 0);
    ck_assert_int_eq(loss_row(core_row(&losses, "mse"))->outputs(&c, 2), 1);
    ck_assert_int_eq(loss_row(core_row(&losses, "cross_entropy"))->outputs(&c, 2), 2);
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

/* Two samples whose outputs are so large that the naive forms overflow, in every combination of
 * signs; what they are compared with is as large. */
START_TEST(test_large_outputs_stay_finite)
{
    enum { K = 2 };
    struct config c = core_config();
    c.optim.embedding = K;
    for (int i = 0; i < losses.count; i++)
        for (int bits = 0; bits < 16; bits++)
            for (int smooth = 0; smooth < 2; smooth++) {
                int64_t k = loss_row(i)->outputs(&c, 2);
                if (k < 0) k = K;
                c.optim.label_smoothing = smooth ? 0.1 : 0;
                c.optim.distill_weight = smooth ? 0.5 : 1;
                real f[2 * K], d[2 * K], teacher[2 * K], prior[K] = {-0.1F, -2};
                for (int j = 0; j < 2 * K; j++) {
                    f[j] = bits >> j & 1 ? (real)1e4 : (real)-1e4;
                    teacher[j] = j % 2 ? (real)1e4 : (real)-1e4;
                }
                int32_t label[] = {bits & 1, 1};
                struct loss_input in = {2, k, f, label, teacher, k, prior, &c};
                double v = loss_row(i)->value(&in, 1, d);
                ck_assert_msg(isfinite(v) && v >= 0, "%s: %g", loss_row(i)->row.name, v);
                for (int64_t j = 0; j < 2 * k; j++) ck_assert(isfinite(d[j]));
                ck_assert_double_eq(loss_row(i)->value(&in, 1, NULL), v);
            }
    real f = 200;
    ck_assert_double_eq(value("logistic", 1, &f, 0, NULL), 200);
}
END_TEST

/* --- pairs ----------------------------------------------------------------------------------
 */

enum { N = 150, D = 5 }; /* three tiles of scores, the last one smaller */

static const double temperature = 0.7, bias = -0.4, prior_ = 0.3;

static double score(const real *f, int64_t a, int64_t b)
{
    double inner = 0;
    for (int64_t j = 0; j < D; j++) inner += (double)f[a * D + j] * (double)f[b * D + j];
    return inner / temperature;
}

/* The definitions, pair by pair. */
static double plain_nce(const real *f)
{
    double yes = 0, no = 0, n_no = 0;
    for (int64_t a = 0; a < N; a++)
        for (int64_t b = a + 1; b < N; b++) {
            double g = score(f, a, b) + bias;
            bool partners = b == a + 1 && a % 2 == 0;
            yes += partners ? log1p(exp(-g)) : 0;
            no += partners ? 0 : log1p(exp(g));
            n_no += !partners;
        }
    return prior_ * yes / (N / 2.0) + (1 - prior_) * no / n_no;
}

static double plain_info_nce(const real *f)
{
    double total = 0;
    for (int64_t a = 0; a < N; a++) {
        double sum = 0;
        for (int64_t b = 0; b < N; b++) sum += b == a ? 0 : exp(score(f, a, b));
        total += log(sum) - score(f, a, a % 2 ? a - 1 : a + 1);
    }
    return total / N;
}

/* Sums of 150 x 150 single roundings: 1e-5 relative; a difference over 2e-2 of a loss whose third
 * derivative is below 10, times its mean's N: 1e-3. */
START_TEST(test_losses_of_pairs_equal_their_definition)
{
    static const struct {
        const char *name;
        double (*plain)(const real *f);
    } twin[] = {{"nce", plain_nce}, {"info_nce", plain_info_nce}};
    static real f[N * D], d[N * D];
    struct config c = core_config();
    struct rng r = rng_stream(4, RNG_TESTING, 0);
    c.optim.temperature = temperature;
    c.optim.nce_bias = bias;
    c.optim.nce_prior = prior_;
    for (int i = 0; i < N * D; i++) f[i] = (real)rng_normal(&r);
    for (int t = 0; t < 2; t++) {
        const struct loss *loss = loss_row(core_row(&losses, twin[t].name));
        struct loss_input in = {.n = N, .k = D, .f = f, .config = &c};
        double wanted = twin[t].plain(f), got = loss->value(&in, 1, d) / N;
        ck_assert_msg(fabs(got - wanted) < 1e-5 * wanted, "%s: %.9g, should be %.9g",
                      twin[t].name, got, wanted);
        for (int i = 0; i < N * D; i += 7) {
            real at = f[i];
            f[i] = at + (real)0.01;
            double up = twin[t].plain(f);
            f[i] = at - (real)0.01;
            double down = twin[t].plain(f);
            f[i] = at;
            wanted = N * (up - down) / 0.02;
            ck_assert_msg(fabs((double)d[i] - wanted) < 1e-3 * (1 + fabs(wanted)),
                          "%s: gradient %d is %g, should be %g", twin[t].name, i, (double)d[i],
                          wanted);
        }
    }
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
    tcase_add_test(t, test_outputs_are_known_before_a_run);
    tcase_add_test(t, test_values_by_hand);
    tcase_add_test(t, test_large_outputs_stay_finite);
    tcase_add_test(t, test_losses_of_pairs_equal_their_definition);
    tcase_add_test(t, test_score_counts_right_answers);
    return check_run(s);
}
