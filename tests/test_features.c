/* test_features.c - trials on what another network makes of the samples, and L-BFGS, which
 * trains probes on them. */
#include <jansson.h>

#include "tests/data_small.h"
#include "tests/family.h"

static struct config linear_probe(void)
{
    struct config c = small();
    c.model.kind = core_row(&models, "linear");
    c.model.head = HEAD_ZERO;
    return c;
}

START_TEST(test_linear_probe_is_the_head_behind_a_frozen_body)
{
    struct config c = small(), frozen = small(), probe = linear_probe();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    struct parents weights = from_row(ROLE_WEIGHTS, 0, &c);
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    frozen.model.head = HEAD_ZERO;
    strcpy(frozen.model.freeze, "body");
    struct ran *a = run_recorded(&frozen, &weights, &r, 5);
    struct ran *b = run_recorded(&probe, &features, &r, 5);
    ck_assert_int_eq(b->shape.params, 4 * 3 + 3);
    ck_assert_int_eq(b->shape.net.size[0], 4);
    ck_assert_int_eq(b->shape.net.outputs, 3);
    ck_assert_double_eq(b->shape.train_flops, STEPS * 16 * 4 * 12.0);
    for (int i = 0; i < 3; i++) {
        static const char *const same[] = {"train_loss", "test_loss", "test_acc", "soft_error"};
        for (int m = 0; m < 4; m++) /* products of other sizes round differently */
            ck_assert_double_eq_tol(metric(a, same[m], i), metric(b, same[m], i), 1e-6);
    }
    for (int i = 0; i < 15; i++)
        ck_assert_float_eq_tol(store.weights[1][48 + i], store.weights[2][i], 1e-6f);
    ran_destroy(a);
    ran_destroy(b);
}
END_TEST

START_TEST(test_features_are_made_once_for_many_trials)
{
    struct config c = small(), probe = linear_probe(), raw = linear_probe();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    ran_destroy(run(&c, NULL, 2));
    struct parents one = from_row(ROLE_FEATURES, 0, &c), two = from_row(ROLE_FEATURES, 1, &c);
    store.reads = 0;
    struct ran *first = run_recorded(&probe, &one, &r, 1);
    ck_assert_int_eq(store.reads, 1);
    probe.optim.weight_decay = 0.1;
    ran_destroy(run_recorded(&probe, &one, &r, 1));
    ck_assert_int_eq(store.reads, 1);
    struct ran *other = run_recorded(&probe, &two, &r, 1); /* another network */
    ck_assert_int_eq(store.reads, 2);
    ran_destroy(run_recorded(&raw, NULL, &r, 1));
    probe.optim.weight_decay = 0;
    struct ran *again = run_recorded(&probe, &one, &r, 1);
    ck_assert_double_ne(metric(first, "test_loss", 2), metric(other, "test_loss", 2));
    ck_assert_mem_eq(first->rows.metric, again->rows.metric,
                     (size_t)(r.n_metrics * 3) * sizeof(double));
    ran_destroy(other);
    ran_destroy(again);
    ran_destroy(first);
}
END_TEST

START_TEST(test_features_are_standardised_over_the_training_set)
{
    struct config c = small(), probe = linear_probe();
    c.model.activation = core_row(&activations, "tanh");
    struct ran *parent = run(&c, NULL, 1);
    struct record r = everything();
    r.n_layers = 1;
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    struct ran *plain = run_recorded(&probe, &features, &r, 1);
    const float *made = parent->rows.layer[1], *taken = plain->rows.layer[0];
    for (int i = 0; i < N_TRAIN * 4; i++) ck_assert_float_eq_tol(made[i], taken[i], 1e-6f);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    for (int j = 0; j < 4; j++) {
        double sum = 0, squares = 0, mean = 0, variance = 0;
        for (int i = 0; i < N_TRAIN; i++) mean += (double)made[4 * i + j] / N_TRAIN;
        for (int i = 0; i < N_TRAIN; i++) {
            double x = (double)t->rows.layer[0][4 * i + j],
                   off = (double)made[4 * i + j] - mean;
            sum += x;
            squares += x * x;
            variance += off * off / N_TRAIN;
        }
        ck_assert_double_eq_tol(sum / N_TRAIN, 0, 1e-5); /* of single precision */
        ck_assert_double_eq_tol(squares / N_TRAIN, 1, 1e-5);
        ck_assert_double_eq_tol((double)t->rows.layer[0][j],
                                ((double)made[j] - mean) / sqrt(variance), 1e-5);
    }
    r.probe[0].split = SPLIT_TEST; /* the test set by what the training set says */
    r.probe[0].n = N_TEST;
    struct ran *test = run_recorded(&probe, &features, &r, 1);
    double sum = 0;
    for (int i = 0; i < N_TEST; i++) sum += (double)test->rows.layer[0][4 * i];
    ck_assert_double_gt(fabs(sum / N_TEST), 1e-3);
    ran_destroy(test);
    ran_destroy(t);
    ran_destroy(plain);
    ran_destroy(parent);
}
END_TEST

/* The data of another teacher are the same samples under other labels. */
START_TEST(test_probes_with_data_of_their_own_become_features_too)
{
    struct config c = small(), probe = linear_probe();
    ran_destroy(run(&c, NULL, 1));
    struct record r = everything();
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    int64_t dim = 7, width = 9;
    r.n_layers = 1;
    r.n_probe_sets = 2;
    r.probe[1] = r.probe[0];
    r.probe[1].n_patches = 1;
    struct patch *patch = &r.probe[1].patch[0];
    *patch = (struct patch){offsetof(struct config, data.teacher_width), sizeof width, {0}};
    memcpy(patch->value, &width, sizeof width);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    ck_assert_mem_eq(t->rows.layer[0], t->rows.layer[1], N_TRAIN * 4 * sizeof(float));
    ck_assert(t->rows.layer[1][0] != 0);
    ran_destroy(t);
    patch->offset = offsetof(struct config, data.dim);
    memcpy(patch->value, &dim, sizeof dim);
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&probe, &features, &r, &shape, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "have 7 numbers, those of the trial 6"));
}
END_TEST

START_TEST(test_features_that_do_not_vary_are_only_centred)
{
    struct config c = small(), probe = linear_probe();
    ran_destroy(run(&c, NULL, 1));
    for (int i = 28; i < 48; i++) store.weights[0][i] = -1; /* all units of hidden.2 are dead */
    store.weights[0][44] = 100;                             /* but one */
    struct record r = everything();
    r.n_layers = 1;
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    probe.data.standardize = true;
    struct ran *t = run_recorded(&probe, &features, &r, 1);
    for (int i = 0; i < N_TRAIN; i++)
        for (int j = 0; j < 4; j++) ck_assert(j == 0 || t->rows.layer[0][4 * i + j] == 0);
    ck_assert(isfinite(metric(t, "train_loss", 2)));
    ran_destroy(t);
}
END_TEST

START_TEST(test_features_that_cannot_be_are_refused)
{
    struct config c = small(), probe = linear_probe();
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    probe.data.standardize = true;
    refused(&probe, NULL, "data.standardize: ");
    probe.data.world = WORLD_IDEAL;
    refused(&probe, &features, "data.world: ");
    probe.data.world = WORLD_REAL;
    strcpy(probe.data.layer, "hidden.3");
    refused(&probe, &features, "data.layer: unknown layer 'hidden.3'");
    strcpy(probe.data.layer, "hidden.1");
    probe.data.train = 20000000; /* of 4 features: 320 MB */
    refused(&probe, &features, "data.layer: 20000000 samples of 4 features");
    probe.data.train = N_TRAIN;
    probe.data.dim = 7;
    refused(&probe, &features, "data.name: the network that makes features takes samples of");
    features.parent[0].net = (struct net_shape){1, {7}, 3}; /* what its trial said of it */
    struct record r = without_layers();
    struct trial_shape shape;
    ck_assert_int_eq(train()->shape(&probe, &features, &r, &shape, &e), ERR_OK);
}
END_TEST

static struct config convex(void)
{
    struct config c = core_config(), files = config_folder("idx");
    c.data = files.data;
    c.data.prior = c.data.prior_order = c.data.augment = 0;
    c.model.kind = core_row(&models, "linear");
    c.optim.name = core_row(&optimizers, "lbfgs");
    c.optim.batch = BATCH_FULL;
    c.optim.steps = 200;
    c.optim.weight_decay = 0.01;
    return c;
}

/* Objective and norm of its gradient at weights w of a softmax probe on the training images of
 * data_small.h, in double. */
static double objective(const float *w, double ridge, double *gradient)
{
    struct bytes images = good(TRAIN_IMAGES), labels = good(TRAIN_LABELS);
    double value = 0, d[28], squares = 0;
    for (int i = 0; i < 24; i++) value += ridge / 2 * (double)w[i] * (double)w[i];
    for (int i = 0; i < 28; i++) d[i] = i < 24 ? ridge * (double)w[i] : 0;
    for (int s = 0; s < 5; s++) {
        double x[6], f[4], sum = 0;
        for (int j = 0; j < 6; j++)
            x[j] = ((double)images.at[16 + 6 * s + j] / 255 - 0.5) / 0.5;
        for (int k = 0; k < 4; k++) {
            f[k] = (double)w[24 + k];
            for (int j = 0; j < 6; j++) f[k] += (double)w[6 * k + j] * x[j];
            sum += exp(f[k]);
        }
        int label = labels.at[8 + s];
        value += (log(sum) - f[label]) / 5;
        for (int k = 0; k < 4; k++) {
            double by = (exp(f[k]) / sum - (k == label)) / 5;
            d[24 + k] += by;
            for (int j = 0; j < 6; j++) d[6 * k + j] += by * x[j];
        }
    }
    for (int i = 0; i < 28; i++) squares += d[i] * d[i];
    *gradient = sqrt(squares);
    return value;
}

START_TEST(test_lbfgs_finds_the_least_value)
{
    folder_setup();
    struct config c = convex();
    struct record r = without_layers();
    struct ran *t = run_recorded(&c, NULL, &r, 1), *again = run_recorded(&c, NULL, &r, 1);
    json_t *golden = json_load_file(TESTS_DIR "/golden/transfer/probe.json", 0, NULL);
    double least =
        json_number_value(json_object_get(json_object_get(golden, "softmax"), "objective"));
    double gradient, value = objective(store.weights[0], 0.01, &gradient);
    ck_assert_double_gt(least, 0.1);
    ck_assert_double_eq_tol(value, least, 1e-6);
    ck_assert_double_lt(gradient, 5e-5); /* of single precision, |W| being 10 */
    ck_assert_int_eq(t->result.outcome, OUTCOME_DONE);
    ck_assert_int_lt(t->result.steps_done, 200); /* it ends where it is done, */
    ck_assert_double_eq(t->rows.step[2], 200);   /* and records go on */
    ck_assert_double_eq(metric(t, "train_loss", 1), metric(t, "train_loss", 2));
    ck_assert_double_gt(metric(t, "train_loss", 0), 2 * metric(t, "train_loss", 2));
    ck_assert_double_nan(metric(t, "lr", 1));
    ck_assert_mem_eq(store.weights[0], store.weights[1], 28 * sizeof(float));
    c.optim.steps = 3;
    struct ran *some = run_recorded(&c, NULL, &r, 1);
    ck_assert_int_eq(some->result.steps_done, 3);
    ck_assert_double_gt(objective(store.weights[2], 0.01, &gradient), value);
    ck_assert_double_gt(gradient, 1e-4);
    json_decref(golden);
    ran_destroy(some);
    ran_destroy(again);
    ran_destroy(t);
    folder_teardown();
}
END_TEST

/* Behind a frozen body the head alone is minimised: as the probe on features. */
START_TEST(test_lbfgs_moves_what_is_trained)
{
    struct config c = small(), probe = linear_probe(), head = small();
    struct record r = without_layers();
    ran_destroy(run(&c, NULL, 1));
    struct parents features = from_row(ROLE_FEATURES, 0, &c);
    struct parents weights = from_row(ROLE_WEIGHTS, 0, &c);
    head.optim.name = core_row(&optimizers, "lbfgs");
    head.optim.batch = BATCH_FULL;
    head.optim.steps = 300;
    head.optim.weight_decay = 0.01;
    probe.optim = head.optim;
    head.model.head = HEAD_ZERO;
    strcpy(head.model.freeze, "body");
    struct ran *a = run_recorded(&head, &weights, &r, 2);
    struct ran *b = run_recorded(&probe, &features, &r, 2);
    ck_assert_mem_eq(store.weights[1], store.weights[0], 48 * sizeof(float));
    ck_assert_double_eq_tol(metric(a, "test_loss", 2), metric(b, "test_loss", 2), 1e-4);
    ck_assert_double_lt(metric(a, "train_loss", 2), metric(a, "train_loss", 0));
    ran_destroy(a);
    ran_destroy(b);
}
END_TEST

START_TEST(test_lbfgs_needs_a_function_that_stays)
{
    struct config c = small();
    c.optim.name = core_row(&optimizers, "lbfgs");
    refused(&c, NULL, "optim.batch: lbfgs takes the whole training set: say full");
    c.optim.batch = BATCH_FULL;
    c.data.mixup = 0.2;
    refused(&c, NULL, "optim.name: lbfgs does not go with augmentation");
    c.data.mixup = 0;
    c.optim.clip_norm = 1;
    refused(&c, NULL, "optim.name: lbfgs takes the gradient as it is");
    c.optim.clip_norm = 0;
    c.model.norm = NORM_BATCH;
    refused(&c, NULL, "with batch_norm each batch has another");
    c.model.norm = NORM_NONE;
    c.model.dropout = 0.5;
    refused(&c, NULL, "with dropout each batch has another");
    c.model.dropout = 0;
    c.data.world = WORLD_IDEAL;
    refused(&c, NULL, "data.world: lbfgs uses its samples in every step");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("features");
    TCase *t = check_case(s, "features");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_linear_probe_is_the_head_behind_a_frozen_body);
    tcase_add_test(t, test_features_are_made_once_for_many_trials);
    tcase_add_test(t, test_features_are_standardised_over_the_training_set);
    tcase_add_test(t, test_probes_with_data_of_their_own_become_features_too);
    tcase_add_test(t, test_features_that_do_not_vary_are_only_centred);
    tcase_add_test(t, test_features_that_cannot_be_are_refused);
    tcase_add_test(t, test_lbfgs_finds_the_least_value);
    tcase_add_test(t, test_lbfgs_moves_what_is_trained);
    tcase_add_test(t, test_lbfgs_needs_a_function_that_stays);
    return check_run(s);
}
