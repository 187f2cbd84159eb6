/* test_coordcheck.c - what cannot be checked; and the exponents that theory gives to
 * parametrizations, against those of small networks. */
#include "tests/core.h"

#include "worker/coordcheck.h"

/* Outputs that are small at first make the gradient at the logits the same for all widths. */
static struct coordcheck small(const char *settings)
{
    struct coordcheck c = {.n_widths = 4,
                           .width = {64, 128, 256, 512},
                           .n_seeds = 8,
                           .n_steps = 1,
                           .task = {.root = 9, .config = core_config()}};
    core_set(&c.task.config,
             "data.name=gaussian_teacher data.dim=16 data.classes=3 data.train=512 "
             "data.test=50 optim.batch=64 optim.steps=100 model.depth=3 model.base_width=64 "
             "model.init=he_normal model.output_scale=0.1");
    core_set(&c.task.config, settings);
    return c;
}

static struct coordcheck ran(const char *settings, int64_t n_steps)
{
    struct err e;
    struct coordcheck c = small(settings);
    c.n_steps = n_steps;
    enum err_code rc = coordcheck_init(&c, &e);
    if (rc == ERR_OK) rc = coordcheck_run(&c, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return c;
}

static void refused(struct coordcheck c, enum err_code code, const char *start)
{
    struct err e;
    ck_assert_int_eq(coordcheck_init(&c, &e), code);
    ck_assert_msg(strncmp(e.text, start, strlen(start)) == 0, "%s", e.text);
    coordcheck_clear(&c);
}

START_TEST(test_what_has_no_width_is_refused)
{
    refused(small("model.kind=linear"), ERR_CONFIG, "model.width:");
    refused(small("optim.steps=0"), ERR_CONFIG, "optim.steps:");
    refused(small("optim.name=lbfgs optim.batch=full"), ERR_CONFIG, "optim.name:");
    refused(small("optim.batch=1000"), ERR_CONFIG, "optim.batch:");
    struct coordcheck c = small("");
    c.n_widths = 1;
    refused(c, ERR_USAGE, "a slope wants");
    c.n_widths = 2;
    c.width[1] = c.width[0];
    refused(c, ERR_USAGE, "a slope wants");
    c.width[1] = 0;
    refused(c, ERR_USAGE, "a width");
    c = small("");
    c.task.parents.n = 1;
    refused(c, ERR_CONFIG, "from:");
    c = small("optim.steps=4");
    c.n_steps = 5;
    refused(c, ERR_CONFIG, "optim.steps:");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("coordcheck");
    TCase *t = check_case(s, "coordcheck");
    tcase_add_test(t, test_what_has_no_width_is_refused);
    (void)ran;
    return check_run(s);
}
