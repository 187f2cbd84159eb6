/* test_golden_steps_float.c - the same steps in single precision: first gradients and losses of all
 * runs, all of SGD. Adam divides by the root of a second moment: where hinge losses cancel in a
 * gradient it makes steps of full size out of rounding. */
#include "tests/tiny_steps.h"

static bool by_sgd(const char *run)
{
    return strstr(run, "/sgd/") != NULL;
}

START_TEST(test_tiny_steps_are_near_pytorch)
{
    check_all_tiny(1e-5, by_sgd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden steps, single precision");
    tcase_add_test(check_case(s, "steps"), test_tiny_steps_are_near_pytorch);
    return check_run(s);
}
