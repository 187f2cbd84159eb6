/* test_teacher.c - trials that learn from a network that does not. */
#include "tests/family.h"
#include "worker/teacher.h"

START_TEST(test_teacher_says_what_its_layer_said)
{
    struct config c = small(), student = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    static const char *const layers[] = {"hidden.last", "logits"};
    struct graph_shape input = {1, {DIM}, DIM};
    for (int l = 0; l < 2; l++) {
        struct arena arena = {0};
        struct teacher t;
        strcpy(student.optim.teacher_layer, layers[l]);
        ck_assert_msg(teacher_plan(&t, &student, &parents, &input, &arena, &e) == ERR_OK, "%s",
                      e.text);
        ck_assert_int_eq(t.k, parent->shape.layer_dim[l + 1]);
        ck_assert_int_eq(teacher_start(&t, &source, N_TRAIN, &e), ERR_OK);
        real x[N_TRAIN * DIM];
        for (int i = 0; i < N_TRAIN * DIM; i++) x[i] = (real)parent->rows.layer[0][i];
        const real *target = teacher_targets(&t, x, N_TRAIN);
        for (int64_t i = 0; i < N_TRAIN * t.k; i++)
            ck_assert_float_eq_tol((float)target[i], parent->rows.layer[l + 1][i], 1e-6f);
        ck_assert_double_eq(teacher_flops(&t), 2 * (24 + 16 + (l ? 12 : 0)));
        graph_clear(&t.graph);
        arena_clear(&arena);
    }
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.teacher_layer, "hiden.1");
    refused(&student, &parents,
            "optim.teacher_layer: unknown layer 'hiden.1'; this model has ");
    strcpy(student.optim.teacher_layer, "logits");
    student.data.dim = 7;
    refused(&student, &parents,
            "data.name: the teacher takes samples of shape [6], these are [7]");
    ran_destroy(parent);
}
END_TEST

/* Weight by weight, to rounding: a batch of another size rounds differently. */
static void same_weights(int64_t a, int64_t b, int64_t n, float off)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_float_eq_tol(store.weights[a][i], store.weights[b][i], off);
}

START_TEST(test_student_that_is_its_teacher_has_nothing_to_learn)
{
    struct config c = small(), student = small();
    ran_destroy(run(&c, NULL, 1));
    struct parents both = with(from_row(ROLE_TEACHER, 0, &c), ROLE_WEIGHTS, 0, &c);
    static const char *const losses_[] = {"distill", "distill_kl"};
    for (int l = 0; l < 2; l++) {
        student.optim.loss = core_row(&losses, losses_[l]);
        struct ran *t = run(&student, &both, 2);
        for (int i = 0; i < 3; i++) {
            ck_assert_double_eq_tol(metric(t, "train_loss", i), 0, 1e-6);
            ck_assert_double_eq_tol(metric(t, "test_loss", i), 0, 1e-6);
            ck_assert_int_eq(isnan(metric(t, "test_acc", i)), l == 0);
        }
        same_weights(store.n - 1, 0, 63, 1e-6f);
        ck_assert_double_eq(t->shape.train_flops,
                            STEPS * 16.0 * (2 * 52 * 4 - 2 * 24)); /* and the teacher */
        ran_destroy(t);
    }
}
END_TEST

START_TEST(test_student_learns_the_layers_of_its_teacher)
{
    struct config c = small(), student = small();
    c.model.width = 5;
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.teacher_layer, "hidden.last");
    student.optim.lr = 0.3;
    struct ran *t = run(&student, &parents, 2); /* its logits are as wide as that layer */
    ck_assert_int_eq(t->shape.net.outputs, 5);
    ck_assert_double_lt(metric(t, "test_loss", 2), 0.9 * metric(t, "test_loss", 0));
    struct parents taught = from_row(ROLE_WEIGHTS, 1, &student);
    struct config probe = small();
    probe.model.head = HEAD_NEW;
    probe.optim.steps = 0;
    refused(&probe, &taught, "optim.loss: distill does not say how many outputs");
    taught.parent[0].net = t->shape.net;
    ran_destroy(run(&probe, &taught, 3));
    ck_assert_mem_eq(store.weights[2], store.weights[1], 48 * sizeof(float));
    ran_destroy(t);

    strcpy(student.optim.student_layer, "hidden.1");
    refused(&student, &parents,
            "optim.teacher_layer: hidden.last has 5 features, what is comp");
    student.model.width = 5;
    student.optim.weight_decay = 0.1; /* which would move what is not trained */
    t = run(&student, &parents, 2);
    int row = store.n - 1;
    ck_assert_double_lt(metric(t, "test_loss", 2), 0.9 * metric(t, "test_loss", 0));
    student.optim.steps = 0;
    ran_destroy(run(&student, &parents, 2));
    ck_assert_int_ne(memcmp(store.weights[row], store.weights[row + 1], 35 * sizeof(float)), 0);
    ck_assert_mem_eq(store.weights[row] + 35, store.weights[row + 1] + 35, 48 * sizeof(float));
    ran_destroy(t);
}
END_TEST

START_TEST(test_distillation_that_cannot_be_is_refused)
{
    struct config c = small(), student = small();
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    strcpy(student.optim.student_layer, "hidden.1");
    refused(&student, &parents, "optim.student_layer: is for optim.loss: distill, not cross");
    student.optim.loss = core_row(&losses, "distill_kl");
    refused(&student, &parents,
            "optim.student_layer: is for optim.loss: distill, not distill_");
    strcpy(student.optim.student_layer, "logits");
    strcpy(student.optim.teacher_layer, "hidden.1");
    refused(&student, &parents,
            "optim.teacher_layer: hidden.1 has 4 features, what is compared");
    refused(&student, NULL, "optim.loss: distill_kl needs a teacher");
    student.optim.loss = core_row(&losses, "distill");
    strcpy(student.optim.student_layer, "hidden.9");
    refused(&student, &parents, "optim.student_layer: unknown layer 'hidden.9'");
    student = small();
    student.optim.projection = core_row(&projections, "prograd");
    refused(&student, NULL, "optim.projection: prograd needs a teacher");
    student.data.classes = 2;
    student.optim.loss = core_row(&losses, "logistic");
    c.data.classes = 2;
    c.optim.loss = student.optim.loss;
    parents.parent[0].config = c;
    refused(&student, &parents, "optim.projection: prograd needs one output per class");
}
END_TEST

/* One step by hand: g and h on the whole set, tensor by tensor. */
START_TEST(test_prograd_takes_out_what_is_against_the_teacher)
{
    struct config c = small(), student = small();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_TEACHER, 0, &c);
    student.optim.batch = BATCH_FULL;
    student.optim.steps = 1;
    student.optim.momentum = 0;
    student.optim.lr = 1;
    static const char *const with_loss[] = {"cross_entropy", "distill_kl"};
    for (int l = 0; l < 2; l++) {
        student.optim.loss = core_row(&losses, with_loss[l]);
        ran_destroy(run_recorded(&student, &parents, &r, 2));
    }
    student.optim.loss = core_row(&losses, "cross_entropy");
    student.optim.projection = core_row(&projections, "prograd");
    struct ran *t = run_recorded(&student, &parents, &r, 2);
    ck_assert_double_gt(t->shape.train_flops, 0);
    student.optim.steps = 0;
    ran_destroy(run_recorded(&student, &parents, &r, 2));
    const float *start = store.weights[4];
    int changed = 0;
    for (int p = 0; p < PARAMS; p++) {
        double g[24], h[24], inner = 0, square = 0;
        int n = place[p + 1] - place[p];
        for (int i = 0; i < n; i++) {
            g[i] = (double)start[place[p] + i] - (double)store.weights[1][place[p] + i];
            h[i] = (double)start[place[p] + i] - (double)store.weights[2][place[p] + i];
            inner += g[i] * h[i];
            square += h[i] * h[i];
        }
        changed += inner < 0;
        for (int i = 0; i < n; i++) {
            double wanted = inner < 0 ? g[i] - inner / square * h[i] : g[i];
            double got = (double)start[place[p] + i] - (double)store.weights[3][place[p] + i];
            ck_assert_double_eq_tol(got, wanted, 2e-6); /* of single precision */
        }
    }
    ck_assert(changed > 0 && changed < PARAMS);
    ran_destroy(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("teacher");
    TCase *t = check_case(s, "teacher");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_teacher_says_what_its_layer_said);
    tcase_add_test(t, test_student_that_is_its_teacher_has_nothing_to_learn);
    tcase_add_test(t, test_student_learns_the_layers_of_its_teacher);
    tcase_add_test(t, test_distillation_that_cannot_be_is_refused);
    tcase_add_test(t, test_prograd_takes_out_what_is_against_the_teacher);
    return check_run(s);
}
