/* test_activation.c - the single-precision rows. Exact derivatives are in test_gradients.c. */
#include "tests/core.h"

enum { N = 1003 };

static const struct activation *activation(int i)
{
    return (const void *)table_row(&activations, i);
}

/* Differences of floats: truncation and rounding leave about 1e-3 of slopes up to 10. */
START_TEST(test_backward_is_the_slope_of_forward)
{
    for (int a = 0; a < activations.count; a++) {
        real x[N], up[N], down[N], y[N], dy[N], h = 1 / 256.f;
        for (int i = 0; i < N; i++) x[i] = (real)(0.0137 + (i - N / 2) * 0.01); /* not 0 */
        real shifted[N];
        for (int i = 0; i < N; i++) shifted[i] = x[i] + h;
        activation(a)->forward(N, 0.2f, shifted, up);
        for (int i = 0; i < N; i++) shifted[i] = x[i] - h;
        activation(a)->forward(N, 0.2f, shifted, down);
        activation(a)->forward(N, 0.2f, x, y);
        for (int i = 0; i < N; i++) dy[i] = 3;
        activation(a)->backward(N, 0.2f, x, y, dy);
        for (int i = 0; i < N; i++) {
            if (fabs((double)x[i]) < 2 * (double)h) continue; /* a kink */
            double slope = 3 * (double)(up[i] - down[i]) / (2 * (double)h);
            ck_assert_msg(fabs((double)dy[i] - slope) < 3e-3, "%s at %g: %g, should be %g",
                          activation(a)->row.name, (double)x[i], (double)dy[i], slope);
        }
    }
}
END_TEST

/* Vector code and the scalar code for what is left over give the same bits. */
START_TEST(test_an_element_does_not_depend_on_its_neighbours)
{
    for (int a = 0; a < activations.count; a++) {
        real x[N], y[N], dy[N];
        for (int i = 0; i < N; i++) x[i] = (real)((i - N / 2) * 0.021), dy[i] = 1;
        activation(a)->forward(N, 0.2f, x, y);
        activation(a)->backward(N, 0.2f, x, y, dy);
        for (int i = 0; i < N; i++) {
            real one, d = 1;
            activation(a)->forward(1, 0.2f, &x[i], &one);
            activation(a)->backward(1, 0.2f, &x[i], &one, &d);
            ck_assert_msg(memcmp(&one, &y[i], sizeof one) == 0 &&
                              memcmp(&d, &dy[i], sizeof d) == 0,
                          "%s at %g", activation(a)->row.name, (double)x[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("activation");
    TCase *t = check_case(s, "activation");
    tcase_add_test(t, test_backward_is_the_slope_of_forward);
    tcase_add_test(t, test_an_element_does_not_depend_on_its_neighbours);
    return check_run(s);
}
