/* test_optim.c - optimizers in the precision that trains. Steps number by number, in double,
 * are in test_golden_steps.c. */
#include "tests/core.h"

/* Adam's first step is lr against the sign of the gradient, whatever beta1 and beta2: both
 * moments are one gradient long, once their bias is taken off. 1 - beta2 in single precision
 * would be off by up to 3e-8 / (1 - beta2), which is 0.003 here. */
START_TEST(test_first_step_of_adam_is_lr_for_any_decay)
{
    static const double decay[] = {0, 0.9, 0.99, 0.999, 0.9999, 0.99999};
    static const char *const names[] = {"adam", "adamw"};
    enum { DECAYS = sizeof decay / sizeof *decay };
    for (int i = 0; i < 2 * DECAYS * DECAYS; i++) {
        struct config c = core_config();
        c.optim.name = core_row(&optimizers, names[i / (DECAYS * DECAYS)]);
        c.optim.beta1 = decay[i / DECAYS % DECAYS];
        c.optim.beta2 = decay[i % DECAYS];
        struct param p = {.rows = 1, .cols = 2, .trained = true, .lr_scale = 1};
        real w[2] = {0, 0}, g[2] = {0.3F, -2}, state[4] = {0};
        struct optim o;
        optim_init(&o, &c, 2, state, NULL);
        optim_step(&o, 0.01, 1, &p, w, g);
        ck_assert_double_eq_tol((double)w[0], -0.01, 1e-8); /* ten roundings of a float */
        ck_assert_double_eq_tol((double)w[1], 0.01, 1e-8);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("optim");
    TCase *t = check_case(s, "optim");
    tcase_add_test(t, test_first_step_of_adam_is_lr_for_any_decay);
    return check_run(s);
}
