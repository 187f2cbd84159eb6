/* test_train.c - the experiment train: what it leaves at the end of a trial. */
#include "tests/core.h"

#include "experiments/train.h"
#include "worker/trainer.h"

enum { CLASSES = 3, N_TEST = 50 };

/* One trial that records its confusion. */
struct ran {
    struct trial_shape shape;
    struct result result;
    double acc;
    float confusion[CLASSES * CLASSES];
};

static struct config small(const char *settings)
{
    struct config c = core_config();
    core_set(&c, "data.name=gaussian_teacher data.dim=6 data.classes=3 data.train=64 "
                 "data.test=50 optim.batch=16 optim.steps=12");
    core_set(&c, settings);
    return c;
}

static struct record only(const char *metric)
{
    struct record r = {.n_metrics = 1,
                       .grid = GRID_LAST,
                       .grid_count = 1,
                       .diverged_above = HUGE_VAL,
                       .train_subset = 64,
                       .n_arrays = 1,
                       .array = {"confusion"}};
    snprintf(r.metric[0], TASK_NAME, "%s", metric);
    return r;
}

static struct ran run(const char *settings, const char *metric)
{
    struct err e;
    struct ran out = {0};
    double step = 0;
    struct record r = only(metric);
    struct task task = {.root = 9, .config = small(settings)};
    enum err_code rc = train_shape(&task.config, &task.parents, &r, &out.shape, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    for (int i = 0; i < CLASSES * CLASSES; i++) out.confusion[i] = NAN;
    float *array = out.shape.array_dims[0] ? out.confusion : NULL;
    struct rows rows = {.metric = &out.acc, .step = &step, .array = &array};
    struct worker *w = worker_create(NULL);
    rc = train_run(w, &task, &r, &rows, &out.result, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    worker_destroy(w);
    return out;
}

/* Rows are classes and hold all samples; what is right is on the diagonal. */
static void check_counts(const struct ran *t, int64_t k)
{
    double all = 0, right = 0;
    ck_assert_int_eq(t->shape.array_dims[0], 2);
    ck_assert(t->shape.array_size[0][0] == k && t->shape.array_size[0][1] == k);
    for (int64_t i = 0; i < k * k; i++) all += (double)t->confusion[i];
    for (int64_t i = 0; i < k; i++) right += (double)t->confusion[i * k + i];
    ck_assert_double_eq(all, N_TEST);
    ck_assert_double_eq_tol(right / all, t->acc, 1e-12);
    ck_assert(right > 0 && right < all);
}

START_TEST(test_confusion_agrees_with_accuracy)
{
    struct ran t = run("optim.lr=0.1", "test_acc");
    check_counts(&t, 3);
}
END_TEST

START_TEST(test_one_output_answers_one_of_two_classes)
{
    struct ran t = run("data.classes=2 optim.loss=mse optim.lr=0.1", "test_acc");
    check_counts(&t, 2);
}
END_TEST

/* The test set is there although no metric looks at it. */
START_TEST(test_confusion_needs_no_test_metric)
{
    struct ran with = run("optim.lr=0.1", "test_acc"), without = run("optim.lr=0.1", "lr");
    ck_assert_mem_eq(with.confusion, without.confusion, sizeof with.confusion);
}
END_TEST

START_TEST(test_diverged_trial_leaves_nan)
{
    struct ran t = run("optim.lr=1000000 model.activation=relu", "train_loss");
    ck_assert_int_eq(t.result.outcome, OUTCOME_DIVERGED);
    ck_assert_int_eq(t.shape.array_dims[0], 2);
    for (int i = 0; i < CLASSES * CLASSES; i++) ck_assert(isnan(t.confusion[i]));
}
END_TEST

START_TEST(test_loss_without_classes_leaves_none)
{
    struct err e;
    struct trial_shape shape = {0};
    struct record r = only("train_loss");
    struct config c = core_config();
    core_set(&c, "data.name=fashion_mnist data.train=64 data.test=32 data.augment=crop_flip "
                 "optim.loss=info_nce optim.batch=16 optim.steps=2");
    enum err_code rc = train_shape(&c, &(struct parents){0}, &r, &shape, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    ck_assert_int_eq(shape.array_dims[0], 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("train");
    TCase *t = check_case(s, "train");
    tcase_add_test(t, test_confusion_agrees_with_accuracy);
    tcase_add_test(t, test_one_output_answers_one_of_two_classes);
    tcase_add_test(t, test_confusion_needs_no_test_metric);
    tcase_add_test(t, test_diverged_trial_leaves_nan);
    tcase_add_test(t, test_loss_without_classes_leaves_none);
    return check_run(s);
}
