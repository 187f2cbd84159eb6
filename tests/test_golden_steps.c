/* test_golden_steps.c - whole training steps in double against PyTorch's, number by number. */
#include "tests/tiny_steps.h"

static bool every(const char *run)
{
    (void)run;
    return true;
}

START_TEST(test_tiny_steps_equal_pytorch)
{
    check_all_tiny(1e-9, every);
}
END_TEST

/* --- ten steps of a deeper network: tests/golden/mlp ----------------------------------------
 */

/* The elements of a version 1 .npy file of 8-byte elements. */
static void npy_read(const char *run, const char *name, void *out, int64_t n)
{
    char path[512];
    unsigned char head[10];
    snprintf(path, sizeof path, "%s/golden/mlp/%s_%s.npy", TESTS_DIR, run, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fread(head, 1, sizeof head, file), sizeof head);
    ck_assert_int_eq(memcmp(head, "\x93NUMPY\x01", 7), 0);
    fseek(file, head[8] + 256L * head[9], SEEK_CUR);
    ck_assert_uint_eq(fread(out, 8, (size_t)n, file), (size_t)n);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
}

enum { MLP_B = 16, MLP_DIM = 20, MLP_CLASSES = 5, MLP_PARAMS = 1893, MLP_STEPS = 10 };

/* Largest difference between a block with padding and the flat golden one. */
static double flat_difference(const struct graph *g, const real *block, const double *flat)
{
    double largest = 0;
    for (int p = 0; p < g->n_params; p++)
        for (int64_t i = 0; i < g->param[p].rows * g->param[p].cols; i++)
            largest = fmax(largest, fabs(block[g->param[p].offset + i] - *flat++));
    return largest;
}

static void check_mlp(const char *run, const struct config *c)
{
    static double x[MLP_B * MLP_DIM], init[MLP_PARAMS], grad[MLP_PARAMS], final[MLP_PARAMS];
    double logits[MLP_B * MLP_CLASSES];
    int64_t y[MLP_B];
    int32_t label[MLP_B];
    npy_read(run, "x", x, MLP_B * MLP_DIM);
    npy_read(run, "y", y, MLP_B);
    npy_read(run, "init", init, MLP_PARAMS);
    npy_read(run, "grad0", grad, MLP_PARAMS);
    npy_read(run, "final", final, MLP_PARAMS);
    for (int i = 0; i < MLP_B; i++) label[i] = (int32_t)y[i];
    struct core_net *n = core_net(c, MLP_DIM, MLP_CLASSES, MLP_B);
    struct graph *g = &n->g;
    ck_assert_int_eq(g->parameters, MLP_PARAMS);
    const double *flat = init;
    for (int p = 0; p < g->n_params; p++)
        for (int64_t i = 0; i < g->param[p].rows * g->param[p].cols; i++)
            g->w[g->param[p].offset + i] = *flat++;

    char path[512];
    snprintf(path, sizeof path, "%s/golden/mlp/%s_meta.json", TESTS_DIR, run);
    json_t *meta = json_load_file(path, 0, NULL);
    ck_assert(meta != NULL);
    real *state = calloc((size_t)optim_state_size(c, g->size), sizeof *state);
    struct optim optim;
    optim_init(&optim, c, g->size, state, NULL);
    real seen[MLP_STEPS];
    for (int s = 0; s < MLP_STEPS; s++) {
        seen[s] = core_loss(n, x, label, MLP_B, true);
        if (s == 0) {
            npy_read(run, "logits0_train", logits, MLP_B * MLP_CLASSES);
            for (int i = 0; i < MLP_B * MLP_CLASSES; i++)
                ck_assert_double_eq_tol(graph_output(g)->y[i], logits[i], 1e-9);
            ck_assert_double_lt(flat_difference(g, g->dw, grad), 1e-9);
        }
        optim_step(&optim, c->optim.lr, g->n_params, g->param, g->w, g->dw);
    }
    compare(meta, "losses", seen, MLP_STEPS, 1e-9, run);
    ck_assert_double_lt(flat_difference(g, g->w, final), 1e-7);
    double loss = core_loss(n, x, label, MLP_B, false), correct = 0, soft = 0;
    loss_score(MLP_B, MLP_CLASSES, graph_output(g)->y, label, &correct, &soft);
    ck_assert_double_eq_tol(loss, number(json_object_get(meta, "eval_loss")), 1e-9);
    ck_assert_double_eq_tol(soft / MLP_B, number(json_object_get(meta, "eval_soft_error")),
                            1e-9);
    ck_assert_double_eq_tol(1 - correct / MLP_B, number(json_object_get(meta, "eval_err")),
                            1e-12);
    json_decref(meta);
    free(state);
    core_net_destroy(n);
}

START_TEST(test_mlp_steps_equal_pytorch)
{
    struct config c = core_config();
    c.model.depth = 2;
    c.model.width = 32;
    check_mlp("sgd", &c);
    c.optim.name = core_row(&optimizers, "adamw");
    c.optim.lr = 1e-3;
    c.optim.weight_decay = 0.1;
    check_mlp("adamw", &c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden steps");
    TCase *t = check_case(s, "golden steps");
    tcase_add_test(t, test_tiny_steps_equal_pytorch);
    tcase_add_test(t, test_mlp_steps_equal_pytorch);
    return check_run(s);
}
