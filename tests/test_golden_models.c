/* test_golden_models.c - whole training steps of the architectures of arXiv 2010.08127 in
 * double against PyTorch's, number by number: tests/golden/deep_bootstrap/layers, made by its
 * released code, and tests/golden/models, made by modules of ours. */
#include "tests/core.h"

#include <jansson.h>

enum { MAX_VALUES = 1 << 17, MAX_STEPS = 10 };

struct run {
    const char *folder, *kind, *settings, *optimizer;
    int64_t B, classes, steps;
    struct graph_shape input;
};

#define LAYERS "deep_bootstrap/layers/"
#define OURS "optim.lr=0.05 optim.momentum=0.9 optim.weight_decay=1e-3"
#define VECTOR                                                                                 \
    {                                                                                          \
        1, {20}, 20                                                                            \
    }
#define IMAGE                                                                                  \
    {                                                                                          \
        3, {3, 32, 32}, 3072                                                                   \
    }
static const struct run runs[] = {
    {LAYERS "mlp_bn_sgd_mom_wd", "mlp", "model.depth=2 model.width=32 model.norm=batch",
     "optim.lr=0.1 optim.momentum=0.9 optim.weight_decay=5e-4", 16, 5, 10, VECTOR},
    {LAYERS "mlp_bn_nesterov", "mlp", "model.depth=2 model.width=32 model.norm=batch",
     "optim.lr=0.1 optim.momentum=0.9 optim.nesterov=true", 16, 5, 10, VECTOR},
    {LAYERS "mlp_bn_adam", "mlp", "model.depth=2 model.width=32 model.norm=batch",
     "optim.name=adam optim.lr=1e-3", 16, 5, 10, VECTOR},
    {LAYERS "mcnn_w4", "mcnn", "model.width=4", "optim.lr=0.1", 4, 10, 3, IMAGE},
    {LAYERS "resnet18k_w2", "preresnet18", "model.width=2", "optim.lr=0.1", 4, 10, 3, IMAGE},
    {LAYERS "vit_small", "vit",
     "model.width=32 model.depth=2 model.patch=8 model.heads=4 model.mlp_width=64 "
     "model.activation=gelu model.attention_scale=model",
     "optim.name=adam optim.lr=1e-3", 4, 10, 3, IMAGE},
    {"models/vgg11_w2", "vgg", "model.depth=11 model.width=2", OURS, 3, 10, 3, IMAGE},
    {"models/alexnet_w4", "alexnet", "model.width=4", OURS, 3, 10, 3, IMAGE},
    {"models/preresnet50_w1", "preresnet50", "model.width=1 model.final_norm=true", OURS, 3, 10,
     3, IMAGE},
    {"models/resnet20_w3", "resnet", "model.depth=20 model.width=3", OURS, 3, 10, 3, IMAGE},
    {"models/wide_resnet10_w1", "wide_resnet", "model.depth=10 model.width=1", OURS, 3, 10, 3,
     IMAGE},
    {"models/densenet13_g3", "densenet", "model.depth=13 model.growth=3", OURS, 3, 10, 3,
     IMAGE},
    {"models/densenet16_g2_bottleneck", "densenet",
     "model.depth=16 model.growth=2 model.bottleneck=true model.compression=2", OURS, 3, 10, 3,
     IMAGE},
    {"models/transformer_w12",
     "transformer",
     "model.tokens=11 model.width=12 model.depth=2 model.heads=3 model.mlp_width=20 "
     "model.activation=gelu",
     OURS,
     5,
     10,
     3,
     {1, {7}, 7}},
    {"models/residual_mlp", "mlp",
     "model.depth=3 model.width=16 model.norm=layer model.residual=true model.activation=tanh",
     OURS, 16, 5, 3, VECTOR},
    {"models/cosine", "cosine", "model.logit_scale=4", OURS, 16, 5, 3, VECTOR},
};

static const char *path_of(const struct run *r, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/golden/%s/%s", TESTS_DIR, r->folder, name);
    return path;
}

/* The elements of a version 1 .npy file of 8-byte elements. */
static void npy_read(const struct run *r, const char *name, void *out, int64_t n)
{
    unsigned char head[10];
    FILE *file = fopen(path_of(r, name), "rb");
    ck_assert_msg(file != NULL, "%s", path_of(r, name));
    ck_assert_uint_eq(fread(head, 1, sizeof head, file), sizeof head);
    ck_assert_int_eq(memcmp(head, "\x93NUMPY\x01", 7), 0);
    fseek(file, head[8] + 256L * head[9], SEEK_CUR);
    ck_assert_uint_eq(fread(out, 8, (size_t)n, file), (size_t)n);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
}

static const struct param *param_named(const struct graph *g, const char *name)
{
    for (int p = 0; p < g->n_params; p++)
        if (strcmp(g->param[p].name, name) == 0) return &g->param[p];
    ck_abort_msg("no parameter %s", name);
}

/* Walks params.txt or buffers.txt: writes the flat values into the block, or returns the
 * largest difference from them. */
static double flat(const struct run *r, const char *list, const struct graph *g, real *block,
                   const double *values, bool write)
{
    char line[256], name[128];
    double largest = 0;
    int seen = 0;
    FILE *file = fopen(path_of(r, list), "r");
    ck_assert(file != NULL);
    while (fgets(line, sizeof line, file)) {
        ck_assert_int_eq(sscanf(line, "%127s", name), 1);
        const struct param *p = param_named(g, name);
        seen++;
        for (int64_t i = 0; i < p->rows * p->cols; i++, values++) {
            real *w = &block[p->offset + i];
            if (write) *w = *values;
            largest = fmax(largest, fabs(*w - *values));
        }
    }
    ck_assert_int_gt(seen, 0);
    fclose(file);
    return largest;
}

static void check_steps(const struct run *r)
{
    static double x[4 * 3072], values[MAX_VALUES], logits[160];
    int64_t y[16];
    int32_t label[16];
    struct err e;
    struct config c = core_config();
    c.model.kind = core_row(&models, r->kind);
    core_set(&c, r->settings);
    core_set(&c, r->optimizer);
    struct arena arena = {0};
    struct graph g;
    ck_assert_msg(model_build(&c, &r->input, r->classes, &arena, &g, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_int_eq(graph_allocate(&g, r->B, &e), ERR_OK);
    json_t *meta = json_load_file(path_of(r, "meta.json"), 0, NULL);
    ck_assert_int_eq(g.parameters, json_integer_value(json_object_get(meta, "nparams")));

    npy_read(r, "x.npy", x, r->B * r->input.dim);
    npy_read(r, "y.npy", y, r->B);
    for (int i = 0; i < r->B; i++) label[i] = (int32_t)y[i];
    param_init(&c, 0, g.n_params, g.param, g.w);
    npy_read(r, "init.npy", values, g.parameters);
    flat(r, "params.txt", &g, g.w, values, true);

    struct core_net n = {.arena = arena, .g = g, .config = c, .outputs = r->classes};
    n.loss = (const void *)table_row(&losses, c.optim.loss);
    real *state = calloc((size_t)optim_state_size(&c, g.size) + 1, sizeof *state);
    struct optim optim;
    optim_init(&optim, &c, g.size, state, NULL);
    json_t *losses_wanted = json_object_get(meta, "losses");
    ck_assert_int_eq((int64_t)json_array_size(losses_wanted), r->steps);
    for (int s = 0; s < r->steps; s++) {
        double loss = core_loss(&n, x, label, r->B, true);
        double wanted = json_real_value(json_array_get(losses_wanted, (size_t)s));
        if (s == 0) {
            npy_read(r, "logits0_train.npy", logits, r->B * r->classes);
            for (int i = 0; i < r->B * r->classes; i++)
                ck_assert_double_eq_tol(graph_output(&n.g)->y[i], logits[i], 1e-9);
            npy_read(r, "grad0.npy", values, g.parameters);
            ck_assert_double_lt(flat(r, "params.txt", &n.g, n.g.dw, values, false), 1e-9);
        }
        ck_assert_msg(fabs(loss - wanted) < 1e-7,
                      "%s: loss of step %d is %.12g, should be %.12g", r->folder, s, loss,
                      wanted);
        optim_step(&optim, c.optim.lr, n.g.n_params, n.g.param, n.g.w, n.g.dw);
    }
    npy_read(r, "final.npy", values, g.parameters);
    ck_assert_double_lt(flat(r, "params.txt", &n.g, n.g.w, values, false), 1e-7);
    if (g.weights > g.parameters) {
        npy_read(r, "bn_running_final.npy", values, g.weights - g.parameters);
        ck_assert_double_lt(flat(r, "buffers.txt", &n.g, n.g.w, values, false), 1e-7);
    }
    npy_read(r, "logits_final_eval.npy", logits, r->B * r->classes);
    graph_forward(&n.g, x, r->B, GRAPH_EVAL);
    for (int i = 0; i < r->B * r->classes; i++)
        ck_assert_double_eq_tol(graph_output(&n.g)->y[i], logits[i], 1e-6);
    json_decref(meta);
    free(state);
    graph_clear(&n.g);
    arena_clear(&n.arena);
}

START_TEST(test_steps_equal_pytorch)
{
    check_steps(&runs[_i]);
}
END_TEST

/* Parameters of the released code's networks for ten classes of 32 x 32 images. */
START_TEST(test_parameter_counts_equal_the_papers)
{
    static const struct {
        const char *theirs, *settings;
    } nets[] = {
        {"mlp[2048,2048,2048]",
         "model.kind=mlp model.depth=3 model.width=2048 model.norm=batch"},
        {"mlp[128,128,128]", "model.kind=mlp model.depth=3 model.width=128 model.norm=batch"},
        {"rmlp[128,128,128] (no BN)", "model.kind=mlp model.depth=3 model.width=128"},
        {"preresnet18", "model.kind=preresnet18 model.width=64"},
        {"resnet18k(width=16)", "model.kind=preresnet18 model.width=16"},
        {"resnet18k(width=4)", "model.kind=preresnet18 model.width=4"},
        {"preresnet50", "model.kind=preresnet50 model.width=64"},
        {"mCNN/mcnn(width=64)", "model.kind=mcnn model.width=64"},
        {"mcnn(width=8)", "model.kind=mcnn model.width=8"},
        {"alexnet", "model.kind=alexnet model.width=64"},
        {"vgg11_bn", "model.kind=vgg model.depth=11 model.width=64"},
        {"vgg16_bn", "model.kind=vgg model.depth=16 model.width=64"},
        {"densenet40_12", "model.kind=densenet model.depth=40 model.growth=12"},
        {"densenet40_32", "model.kind=densenet model.depth=40 model.growth=32"},
        {"wrn_28_4", "model.kind=wide_resnet model.depth=28 model.width=4"},
        {"vit4 (ViT class, 768/12/12/3072, patch 4)",
         "model.kind=vit model.depth=12 model.width=768 model.heads=12 model.mlp_width=3072"},
        {"vit8", "model.kind=vit model.depth=12 model.width=768 model.heads=12 "
                 "model.mlp_width=3072 model.patch=8"},
    };
    const struct graph_shape input = IMAGE;
    char path[512];
    snprintf(path, sizeof path, "%s/golden/deep_bootstrap/layers/param_counts.json", TESTS_DIR);
    json_t *counts = json_load_file(path, 0, NULL);
    ck_assert(counts != NULL);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct config c = core_config();
        struct arena arena = {0};
        struct graph g;
        struct err e;
        core_set(&c, nets[i].settings);
        ck_assert_msg(model_build(&c, &input, 10, &arena, &g, &e) == ERR_OK, "%s: %s",
                      nets[i].theirs, e.text);
        json_int_t wanted = json_integer_value(json_object_get(counts, nets[i].theirs));
        ck_assert_msg(g.parameters == wanted, "%s: %lld, should be %lld", nets[i].theirs,
                      (long long)g.parameters, (long long)wanted);
        arena_clear(&arena);
    }
    json_decref(counts);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden models");
    TCase *t = check_case(s, "golden models");
    tcase_add_loop_test(t, test_steps_equal_pytorch, 0, sizeof runs / sizeof *runs);
    tcase_add_test(t, test_parameter_counts_equal_the_papers);
    return check_run(s);
}
