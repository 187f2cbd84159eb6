/* test_transfer.c - trials that start from the weights of others. */
#include <jansson.h>

#include "tests/family.h"

START_TEST(test_weights_give_the_metrics_of_their_trial)
{
    struct config c = small(), child = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    child.optim.steps = 0;
    child.optim.batch = 100; /* no batch is taken: it may be larger than the set */
    struct ran *same = run(&child, &parents, 2);
    ck_assert_int_eq(same->shape.records, 1);
    ck_assert_double_eq(same->shape.train_flops, 0);
    ck_assert_double_eq(same->rows.step[0], 0);
    static const char *const now[] = {"train_loss", "test_loss", "train_acc",  "test_acc",
                                      "soft_error", "grad_norm", "weight_norm"};
    for (size_t i = 0; i < sizeof now / sizeof *now; i++)
        ck_assert_msg(metric(same, now[i], 0) == metric(parent, now[i], 2), "%s", now[i]);
    ck_assert_double_nan(metric(same, "lr", 0));
    ck_assert_mem_eq(store.weights[1], store.weights[0], 63 * sizeof(float));
    for (int l = 0; l < 3; l++)
        ck_assert_mem_eq(same->rows.layer[l], parent->rows.layer[l],
                         (size_t)(N_TRAIN * same->shape.layer_dim[l]) * sizeof(float));
    ran_destroy(same);
    ran_destroy(parent);
}
END_TEST

START_TEST(test_training_goes_on_from_the_weights)
{
    struct config c = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    struct ran *child = run(&c, &parents, 2), *again = run(&c, &parents, 2);
    ck_assert_double_eq(metric(child, "test_loss", 0), metric(parent, "test_loss", 2));
    ck_assert_double_lt(metric(child, "train_loss", 2), metric(parent, "train_loss", 2));
    ck_assert_mem_eq(store.weights[1], store.weights[2], 63 * sizeof(float));
    ran_destroy(again);
    ran_destroy(child);
    ran_destroy(parent);
}
END_TEST

START_TEST(test_head_is_kept_new_or_zero)
{
    struct config c = small(), child = small();
    struct ran *parent = run(&c, NULL, 1);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    child.data.classes = 5;
    child.optim.steps = 0;
    refused(&child, &parents, "5.weight is [3, 4] there, [5, 4] here; 5.bias is [3] there");
    refused(&child, &parents, "(model.head: new or zero");
    child.model.head = HEAD_NEW;
    struct ran *drawn = run(&child, &parents, 7), *fresh = run(&child, NULL, 7);
    ck_assert_mem_eq(store.weights[1], store.weights[0], 48 * sizeof(float));
    ck_assert_mem_eq(store.weights[1] + 48, store.weights[2] + 48, 25 * sizeof(float));
    ck_assert_int_ne(memcmp(store.weights[1], store.weights[2], 48 * sizeof(float)), 0);
    child.model.head = HEAD_ZERO;
    struct ran *zero = run(&child, &parents, 7);
    ck_assert_mem_eq(store.weights[3], store.weights[0], 48 * sizeof(float));
    for (int i = 48; i < 73; i++) ck_assert(store.weights[3][i] == 0);
    ck_assert_double_eq_tol(metric(zero, "train_loss", 0), log(5), 1e-6);
    ran_destroy(zero);
    ran_destroy(fresh);
    ran_destroy(drawn);
    ran_destroy(parent);
}
END_TEST

/* Trains with these parameters frozen: they stay, the others move. */
static void check_frozen(const char *freeze, unsigned frozen)
{
    struct config c = small();
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    snprintf(c.model.freeze, sizeof c.model.freeze, "%s", freeze);
    struct ran *t = run(&c, &parents, 3);
    int row = --store.n;
    for (int p = 0; p < PARAMS; p++) {
        size_t bytes = (size_t)(place[p + 1] - place[p]) * sizeof(float);
        bool moved =
            memcmp(store.weights[row] + place[p], store.weights[0] + place[p], bytes) != 0;
        ck_assert_msg(moved == !(frozen >> p & 1), "%s: parameter %d", freeze, p);
    }
    free(store.weights[row]);
    ran_destroy(t);
}

START_TEST(test_frozen_parameters_alone_stay)
{
    struct config c = small();
    ran_destroy(run(&c, NULL, 1));
    check_frozen("", 0);
    check_frozen("1.weight", 1);
    check_frozen("*.bias", 0x2a);
    check_frozen("3.*  1.bias", 0x0e);
    check_frozen("body", 0x0f);
    check_frozen("body 5.bias", 0x2f);
    strcpy(c.model.freeze, "1.* 2.*");
    refused(&c, NULL, "model.freeze: no parameter matches '2.*'; this model has 1.weight, 1.b");
    strcpy(c.model.freeze, "*");
    refused(&c, NULL, "model.freeze: no parameter is left to train");
    c.optim.steps = 0;
    ran_destroy(run(&c, NULL, 1));
}
END_TEST

START_TEST(test_frozen_body_costs_no_backward_pass)
{
    struct config c = small();
    struct record r = everything();
    struct trial_shape whole, head;
    ck_assert_int_eq(train()->shape(&c, NULL, &r, &whole, &e), ERR_OK);
    strcpy(c.model.freeze, "body");
    ck_assert_int_eq(train()->shape(&c, NULL, &r, &head, &e), ERR_OK);
    double forward = 2 * (24 + 16 + 12);
    ck_assert_double_eq(head.train_flops, STEPS * 16 * (forward + 2 * 12));
    ck_assert_double_lt(head.train_flops, whole.train_flops);
    ck_assert_int_eq(head.weights, whole.weights);
}
END_TEST

/* Behind 1.weight and 1.bias of batch-normalised layers: 2.weight, 2.bias, 2.running_mean,
 * 2.running_var. */
START_TEST(test_running_averages_are_weights_that_may_be_frozen)
{
    struct config c = small();
    c.model.norm = NORM_BATCH;
    struct ran *parent = run(&c, NULL, 1);
    ck_assert_int_eq(parent->shape.weights, parent->shape.params + 2 * 8);
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    struct config child = c;
    child.optim.steps = 0;
    struct ran *same = run(&child, &parents, 2);
    ck_assert_double_eq(metric(same, "test_loss", 0), metric(parent, "test_loss", 2));
    ran_destroy(same);
    child = c;
    strcpy(child.model.freeze, "body");
    struct ran *moved = run(&child, &parents, 2); /* as in PyTorch */
    ck_assert_mem_eq(store.weights[2], store.weights[0], (24 + 4 + 8) * sizeof(float));
    for (int i = 36; i < 44; i++) ck_assert(store.weights[2][i] != store.weights[0][i]);
    child.model.freeze_statistics = true;
    struct ran *stay = run(&child, &parents, 2);
    int64_t head = parent->shape.weights - 15;
    ck_assert_mem_eq(store.weights[3], store.weights[0], (size_t)head * sizeof(float));
    for (int64_t i = head; i < head + 15; i++)
        ck_assert(store.weights[3][i] != store.weights[0][i]);
    strcpy(child.model.freeze, "2.weight"); /* a bias is left: not frozen */
    struct ran *half = run(&child, &parents, 2);
    for (int i = 36; i < 44; i++) ck_assert(store.weights[4][i] != store.weights[0][i]);
    struct ran *all[] = {half, stay, moved, parent};
    for (int i = 0; i < 4; i++) ran_destroy(all[i]);
}
END_TEST

/* With frozen statistics a training step follows the gradient of the network in eval mode. */
START_TEST(test_frozen_statistics_train_what_evaluation_sees)
{
    struct config c = small();
    struct record r = without_layers();
    r.train_subset = N_TRAIN;
    c.model.norm = NORM_BATCH;
    ran_destroy(run(&c, NULL, 1));
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    c.optim.batch = BATCH_FULL;
    c.optim.steps = 1;
    for (int frozen = 0; frozen < 2; frozen++) {
        strcpy(c.model.freeze, "2.* 5.*");
        c.model.freeze_statistics = frozen;
        struct ran *t = run_recorded(&c, &parents, &r, 5);
        double moved = 0;
        for (int64_t i = 0; i < t->shape.weights; i++) {
            double by = (double)(t->rows.weights[i] - store.weights[0][i]);
            bool average = (i >= 36 && i < 44) || (i >= 72 && i < 80);
            moved += average ? 0 : by * by;
        }
        double off = sqrt(moved) / (c.optim.lr * metric(t, "grad_norm", 0)) - 1;
        ck_assert_int_eq(fabs(off) < 1e-4, frozen);
        ran_destroy(t);
    }
}
END_TEST

START_TEST(test_interpolation_goes_from_one_network_to_the_other)
{
    struct config c = small(), blend = small();
    ran_destroy(run(&c, NULL, 1));
    ran_destroy(run(&c, NULL, 2));
    struct parents one = from_row(ROLE_WEIGHTS, 0, &c), two = with(one, ROLE_END, 1, &c);
    blend.optim.steps = 0;
    static const double alpha[] = {0, 1, 0.25, -1};
    for (int i = 0; i < 4; i++) {
        blend.model.interpolate = alpha[i];
        ran_destroy(run(&blend, &two, 3));
        const float *w = store.weights[store.n - 1];
        for (int k = 0; k < 63; k++) {
            float a = store.weights[0][k], b = store.weights[1][k];
            double wanted = (1 - alpha[i]) * (double)a + alpha[i] * (double)b;
            ck_assert(w[k] == (float)wanted);
            if (i < 2) ck_assert(w[k] == (i ? b : a));
        }
    }
    refused(&blend, &one, "model.interpolate: ");
    struct parents end = from_row(ROLE_END, 1, &c);
    blend.model.interpolate = 0;
    refused(&blend, &end, "model.interpolate: ");
}
END_TEST

START_TEST(test_weights_that_do_not_fit_are_named)
{
    struct config c = small(), other = small();
    struct parents parents = from_row(ROLE_WEIGHTS, 0, &c);
    other.model.width = 8;
    refused(&other, &parents,
            "model.kind: the weights of the other network do not fit: 1.weight"
            " is [4, 6] there, [8, 6] here; ");
    refused(&other, &parents, "; and 2 more");
    other = c;
    other.model.depth = 1;
    refused(&other, &parents, "3.weight is [4, 4] there, [3, 4] here");
    refused(&other, &parents, "5.weight is [3, 4] there, unknown here");
    other.model.depth = 3;
    refused(&other, &parents, "7.weight is missing there, [3, 4] here");
    parents.parent[0].row = -1;
    strcpy(parents.parent[0].path, "/nowhere/a");
    struct record r = everything();
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&c, &parents, &r, &shape, &e), ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/a: No such file"));
}
END_TEST

START_TEST(test_network_of_pytorch_says_the_same_here)
{
    struct config c = small();
    struct parents parents = from_row(ROLE_WEIGHTS, -1, &c);
    snprintf(parents.parent[0].path, TASK_PATH, "%s/golden/transfer/mlp.safetensors",
             TESTS_DIR);
    c.model.width = 5;
    struct core_net *net = core_net(&c, DIM, CLASSES, 4);
    ck_assert_msg(start_weights(&c, &parents, 1, NULL, &net->g, &e) == ERR_OK, "%s", e.text);
    real x[4 * DIM];
    for (int i = 0; i < 4 * DIM; i++) x[i] = (real)sin(i);
    graph_forward(&net->g, x, 4, GRAPH_EVAL);
    json_t *golden = json_load_file(TESTS_DIR "/golden/transfer/mlp.json", 0, NULL);
    json_t *logits = json_object_get(golden, "logits");
    ck_assert_uint_eq(json_array_size(logits), 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < CLASSES; k++)
            ck_assert_double_eq_tol(
                (double)graph_output(&net->g)->y[i * CLASSES + k],
                json_number_value(json_array_get(json_array_get(logits, i), k)), 1e-6);
    json_decref(golden);
    core_net_destroy(net);
    c = small();
    refused(&c, &parents, "mlp.safetensors do not fit: 1.weight is [5, 6]");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("transfer");
    TCase *t = check_case(s, "transfer");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_weights_give_the_metrics_of_their_trial);
    tcase_add_test(t, test_training_goes_on_from_the_weights);
    tcase_add_test(t, test_head_is_kept_new_or_zero);
    tcase_add_test(t, test_frozen_parameters_alone_stay);
    tcase_add_test(t, test_frozen_body_costs_no_backward_pass);
    tcase_add_test(t, test_running_averages_are_weights_that_may_be_frozen);
    tcase_add_test(t, test_frozen_statistics_train_what_evaluation_sees);
    tcase_add_test(t, test_interpolation_goes_from_one_network_to_the_other);
    tcase_add_test(t, test_weights_that_do_not_fit_are_named);
    tcase_add_test(t, test_network_of_pytorch_says_the_same_here);
    return check_run(s);
}
