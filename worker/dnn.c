/* dnn.c - see dnn.h. The only file that knows oneDNN.
 *
 * Channels last instead of the layouts that oneDNN would choose costs 5 to 12 % of a ResNet-18's
 * convolutions (tests/bench_dnn.c), and saves reordering everything between them. Batch
 * normalisation and pooling are ours: there the same program finds oneDNN as fast or slower, but
 * for the forward pass of average pooling.
 *
 * Weights are kept in PyTorch's order and put into the one that oneDNN prefers in every pass, for
 * they change in every step. */
#include "worker/dnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of SHOAL_KERNELS, "" if there is none. */
static const char *kernels(void)
{
    const char *value = getenv("SHOAL_KERNELS");
    return value ? value : "";
}

#ifdef SHOAL_DNNL

#include <dnnl.h>

#if DNNL_CPU_RUNTIME == DNNL_RUNTIME_OMP
void omp_set_num_threads(int threads);
#elif DNNL_CPU_RUNTIME == DNNL_RUNTIME_SEQ
static void omp_set_num_threads(int threads)
{
    (void)threads;
}
#else
#error "shoal needs a oneDNN built for OpenMP or without threads; or configure -DSHOAL_DNNL=OFF"
#endif

#define CHECK(call) INVARIANT((call) == dnnl_success)

/* Never given back: the library's own state lives as long. */
static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void start(void)
{
    if (stream) return;
    omp_set_num_threads(1);
    CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_in_order));
}

enum err_code dnn_check(struct err *e)
{
    const char *value = kernels();
    if (!*value || strcmp(value, "onednn") == 0 || strcmp(value, "plain") == 0) return ERR_OK;
    return ERR(e, ERR_ENV, "SHOAL_KERNELS: '%s' is neither onednn nor plain", value);
}

bool dnn_available(void)
{
    return strcmp(kernels(), "plain") != 0;
}

static const struct {
    dnnl_cpu_isa_t isa;
    const char *name;
} isa_names[] = {
    {dnnl_cpu_isa_sse41, "sse41"},
    {dnnl_cpu_isa_avx, "avx"},
    {dnnl_cpu_isa_avx2, "avx2"},
    {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
    {dnnl_cpu_isa_avx512_core, "avx512_core"},
    {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
    {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
    {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
};

const char *dnn_name(void)
{
    static char name[64];
    const dnnl_version_t *v = dnnl_version();
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    const char *isa_name = "other instructions";
    for (size_t i = 0; i < sizeof isa_names / sizeof *isa_names; i++)
        if (isa_names[i].isa == isa) isa_name = isa_names[i].name;
    snprintf(name, sizeof name, "oneDNN %d.%d.%d, %s", v->major, v->minor, v->patch, isa_name);
    return dnn_available() ? name : "plain";
}

enum pass { FORWARD, DATA, WEIGHT, PASSES };

/* A pass over B samples: code, and handles for what it reads and writes. */
struct code {
    int64_t B; /* 0: none yet */
    dnnl_primitive_t run;
    dnnl_primitive_t reorder[2]; /* of the weights; of their gradient: replacing, adding */
    dnnl_memory_t x, y, weight, bias;
    dnnl_memory_t own_weight, scratchpad; /* in the workspace, one behind the other */
    size_t own_bytes;
};

enum { KEPT = 6 }; /* training batch and its rest, pieces of evaluation and their rests */

struct dnn_convolution {
    struct dnn_shape s;
    size_t workspace_bytes;
    struct code code[PASSES][KEPT];
    int next[PASSES]; /* that gives way to a new one */
};

/* Memory descriptors of the tensors in our own order, oneDNN's choice for the weights. */
struct layout {
    dnnl_memory_desc_t x, y, bias, weight, any_weight;
};

static struct layout layout_of(const struct dnn_shape *s, int64_t B)
{
    dnnl_dims_t x = {B, s->C, s->H, s->W}, y = {B, s->width, s->out_H, s->out_W};
    dnnl_dims_t bias = {s->width};
    dnnl_dims_t flat = {s->width, s->C, s->kernel, s->kernel};
    dnnl_dims_t grouped = {s->groups, s->width / s->groups, s->C / s->groups, s->kernel,
                           s->kernel};
    int n = s->groups > 1 ? 5 : 4;
    const dnnl_dim_t *weight = s->groups > 1 ? grouped : flat;
    dnnl_format_tag_t tag = s->groups > 1 ? dnnl_goihw : dnnl_oihw;
    struct layout l;
    CHECK(dnnl_memory_desc_init_by_tag(&l.x, 4, x, dnnl_f32, dnnl_nhwc));
    CHECK(dnnl_memory_desc_init_by_tag(&l.y, 4, y, dnnl_f32, dnnl_nhwc));
    CHECK(dnnl_memory_desc_init_by_tag(&l.bias, 1, bias, dnnl_f32, dnnl_a));
    CHECK(dnnl_memory_desc_init_by_tag(&l.weight, n, weight, dnnl_f32, tag));
    CHECK(
        dnnl_memory_desc_init_by_tag(&l.any_weight, n, weight, dnnl_f32, dnnl_format_tag_any));
    return l;
}

static dnnl_status_t describe_forward(const struct dnn_shape *s, const struct layout *l,
                                      const_dnnl_primitive_attr_t attr,
                                      dnnl_primitive_desc_t *out)
{
    dnnl_dims_t stride = {s->stride, s->stride}, pad = {s->pad, s->pad};
    dnnl_convolution_desc_t d;
    CHECK(dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct,
                                             &l->x, &l->any_weight, s->bias ? &l->bias : NULL,
                                             &l->y, stride, pad, pad));
    return dnnl_primitive_desc_create(out, &d, attr, engine, NULL);
}

/* The description of a pass. Its scratchpad comes from the workspace, or in mode library from
 * oneDNN. NULL if oneDNN refuses. */
static dnnl_primitive_desc_t describe(const struct dnn_shape *s, const struct layout *l,
                                      enum pass pass, dnnl_scratchpad_mode_t mode)
{
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t forward = NULL, backward = NULL;
    dnnl_convolution_desc_t d;
    dnnl_dims_t stride = {s->stride, s->stride}, pad = {s->pad, s->pad};
    CHECK(dnnl_primitive_attr_create(&attr));
    CHECK(dnnl_primitive_attr_set_scratchpad_mode(attr, mode));
    if (describe_forward(s, l, attr, &forward) != dnnl_success) forward = NULL;
    if (pass == DATA)
        CHECK(dnnl_convolution_backward_data_desc_init(
            &d, dnnl_convolution_direct, &l->x, &l->any_weight, &l->y, stride, pad, pad));
    if (pass == WEIGHT)
        CHECK(dnnl_convolution_backward_weights_desc_init(
            &d, dnnl_convolution_direct, &l->x, &l->any_weight, NULL, &l->y, stride, pad, pad));
    if (forward && pass != FORWARD) {
        if (dnnl_primitive_desc_create(&backward, &d, attr, engine, forward) != dnnl_success)
            backward = NULL;
        dnnl_primitive_desc_destroy(forward);
        forward = backward;
    }
    dnnl_primitive_attr_destroy(attr);
    return forward;
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static const dnnl_memory_desc_t *weight_layout(dnnl_primitive_desc_t d, enum pass pass)
{
    return dnnl_primitive_desc_query_md(
        d, pass == WEIGHT ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
}

static const dnnl_memory_desc_t *scratchpad_layout(dnnl_primitive_desc_t d)
{
    return dnnl_primitive_desc_query_md(d, dnnl_query_scratchpad_md, 0);
}

static size_t workspace_of(dnnl_primitive_desc_t d, enum pass pass)
{
    return whole_lines(dnnl_memory_desc_get_size(weight_layout(d, pass))) +
           whole_lines(dnnl_memory_desc_get_size(scratchpad_layout(d)));
}

size_t dnn_convolution_workspace(const struct dnn_shape *s, int64_t capacity)
{
    start();
    size_t most = 0;
    struct layout l = layout_of(s, capacity);
    for (enum pass pass = 0; pass < PASSES; pass++) {
        dnnl_primitive_desc_t d = describe(s, &l, pass, dnnl_scratchpad_mode_user);
        size_t bytes = d ? workspace_of(d, pass) : 0;
        if (bytes > most) most = bytes;
        dnnl_primitive_desc_destroy(d);
    }
    return most;
}

static dnnl_memory_t memory(const dnnl_memory_desc_t *layout)
{
    dnnl_memory_t m;
    CHECK(dnnl_memory_create(&m, layout, engine, DNNL_MEMORY_NONE));
    return m;
}

/* Between our order of the weights and oneDNN's; adding to what is there if adds. */
static dnnl_primitive_t reorder(const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                                bool adds)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t post;
    dnnl_primitive_desc_t d;
    dnnl_primitive_t p;
    CHECK(dnnl_primitive_attr_create(&attr));
    CHECK(dnnl_post_ops_create(&post));
    if (adds) CHECK(dnnl_post_ops_append_sum(post, 1));
    CHECK(dnnl_primitive_attr_set_post_ops(attr, post));
    CHECK(dnnl_reorder_primitive_desc_create(&d, from, engine, to, engine, attr));
    CHECK(dnnl_primitive_create(&p, d));
    dnnl_primitive_desc_destroy(d);
    dnnl_post_ops_destroy(post);
    dnnl_primitive_attr_destroy(attr);
    return p;
}

static void code_clear(struct code *c)
{
    if (!c->B) return;
    dnnl_memory_t all[] = {c->x, c->y, c->weight, c->bias, c->own_weight, c->scratchpad};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnnl_memory_destroy(all[i]);
    dnnl_primitive_destroy(c->run);
    for (int i = 0; i < 2; i++) dnnl_primitive_destroy(c->reorder[i]);
    *c = (struct code){0};
}

static dnnl_status_t code_make(struct code *c, const struct dnn_shape *s, enum pass pass,
                               int64_t B, size_t workspace_bytes)
{
    struct layout l = layout_of(s, B);
    dnnl_primitive_desc_t d = describe(s, &l, pass, dnnl_scratchpad_mode_user);
    if (d && workspace_of(d, pass) > workspace_bytes) { /* more for fewer samples: its own */
        dnnl_primitive_desc_destroy(d);
        d = describe(s, &l, pass, dnnl_scratchpad_mode_library);
    }
    if (!d) return dnnl_unimplemented;
    INVARIANT(workspace_of(d, pass) <= workspace_bytes);
    dnnl_primitive_t run;
    dnnl_status_t status = dnnl_primitive_create(&run, d);
    if (status == dnnl_success) {
        const dnnl_memory_desc_t *own = weight_layout(d, pass);
        *c = (struct code){.B = B, .run = run};
        c->x = memory(&l.x);
        c->y = memory(&l.y);
        c->bias = memory(&l.bias);
        c->weight = memory(&l.weight);
        c->own_weight = memory(own);
        c->scratchpad = memory(scratchpad_layout(d));
        c->own_bytes = whole_lines(dnnl_memory_desc_get_size(own));
        for (int i = 0; i < 2; i++)
            c->reorder[i] = pass == WEIGHT ? reorder(own, &l.weight, i > 0)
                                           : reorder(&l.weight, own, false);
    }
    dnnl_primitive_desc_destroy(d);
    return status;
}

enum err_code dnn_convolution_create(const struct dnn_shape *s, int64_t capacity,
                                     size_t workspace_bytes, struct dnn_convolution **out,
                                     struct err *e)
{
    start();
    struct dnn_convolution *c = *out = calloc(1, sizeof *c);
    if (!c) return ERR(e, ERR_NOMEM, "no memory for a convolution");
    c->s = *s;
    c->workspace_bytes = workspace_bytes;
    dnnl_status_t status =
        code_make(&c->code[FORWARD][0], s, FORWARD, capacity, workspace_bytes);
    if (status == dnnl_success) return ERR_OK;
    free(c);
    *out = NULL;
    return ERR(e, status == dnnl_out_of_memory ? ERR_NOMEM : ERR_ENV,
               "oneDNN makes no convolution of %lld to %lld channels of %lld x %lld pixels "
               "(status %d); SHOAL_KERNELS=plain does without it",
               (long long)s->C, (long long)s->width, (long long)s->H, (long long)s->W,
               (int)status);
}

void dnn_convolution_destroy(struct dnn_convolution *c)
{
    if (!c) return;
    for (int p = 0; p < PASSES; p++)
        for (int i = 0; i < KEPT; i++) code_clear(&c->code[p][i]);
    free(c);
}

/* The code for a pass over B samples, with the workspace's parts in their places. */
static struct code *code_for(struct dnn_convolution *c, enum pass pass, int64_t B,
                             void *workspace)
{
    struct code *code = c->code[pass];
    int i = 0;
    while (i < KEPT && code[i].B && code[i].B != B) i++;
    if (i == KEPT) {
        i = c->next[pass];
        c->next[pass] = (i + 1) % KEPT;
        code_clear(&code[i]);
    }
    if (!code[i].B) CHECK(code_make(&code[i], &c->s, pass, B, c->workspace_bytes));
    CHECK(dnnl_memory_set_data_handle(code[i].own_weight, workspace));
    CHECK(
        dnnl_memory_set_data_handle(code[i].scratchpad, (char *)workspace + code[i].own_bytes));
    return &code[i];
}

static void set(dnnl_memory_t m, const void *data)
{
    CHECK(dnnl_memory_set_data_handle(m, (void *)data)); /* what is read only, stays so */
}

static void execute(dnnl_primitive_t p, int n, const dnnl_exec_arg_t *args)
{
    CHECK(dnnl_primitive_execute(p, stream, n, args));
    CHECK(dnnl_stream_wait(stream));
}

static void execute_reorder(dnnl_primitive_t p, dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    execute(p, 2, args);
}

void dnn_convolution_forward(struct dnn_convolution *c, int64_t B, const real *x,
                             const real *weight, const real *bias, void *workspace, real *y)
{
    struct code *code = code_for(c, FORWARD, B, workspace);
    set(code->x, x);
    set(code->weight, weight);
    set(code->y, y);
    if (c->s.bias) set(code->bias, bias);
    execute_reorder(code->reorder[0], code->weight, code->own_weight);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, code->x},
                              {DNNL_ARG_WEIGHTS, code->own_weight},
                              {DNNL_ARG_DST, code->y},
                              {DNNL_ARG_SCRATCHPAD, code->scratchpad},
                              {DNNL_ARG_BIAS, code->bias}};
    execute(code->run, c->s.bias ? 5 : 4, args);
}

void dnn_convolution_backward_data(struct dnn_convolution *c, int64_t B, const real *dy,
                                   const real *weight, void *workspace, real *dx)
{
    struct code *code = code_for(c, DATA, B, workspace);
    set(code->y, dy);
    set(code->weight, weight);
    set(code->x, dx);
    execute_reorder(code->reorder[0], code->weight, code->own_weight);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, code->y},
                              {DNNL_ARG_WEIGHTS, code->own_weight},
                              {DNNL_ARG_DIFF_SRC, code->x},
                              {DNNL_ARG_SCRATCHPAD, code->scratchpad}};
    execute(code->run, 4, args);
}

void dnn_convolution_backward_weight(struct dnn_convolution *c, int64_t B, const real *x,
                                     const real *dy, bool accumulate, void *workspace,
                                     real *dweight)
{
    struct code *code = code_for(c, WEIGHT, B, workspace);
    set(code->x, x);
    set(code->y, dy);
    set(code->weight, dweight);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, code->x},
                              {DNNL_ARG_DIFF_DST, code->y},
                              {DNNL_ARG_DIFF_WEIGHTS, code->own_weight},
                              {DNNL_ARG_SCRATCHPAD, code->scratchpad}};
    execute(code->run, 4, args);
    execute_reorder(code->reorder[accumulate], code->own_weight, code->weight);
}

#else

enum err_code dnn_check(struct err *e)
{
    const char *value = kernels();
    if (!*value || strcmp(value, "plain") == 0) return ERR_OK;
    return ERR(e, ERR_ENV, "SHOAL_KERNELS: shoal was built without oneDNN, '%s' is not there",
               value);
}

bool dnn_available(void)
{
    return false;
}

const char *dnn_name(void)
{
    return "plain";
}

size_t dnn_convolution_workspace(const struct dnn_shape *s, int64_t capacity)
{
    (void)s, (void)capacity;
    return 0;
}

enum err_code dnn_convolution_create(const struct dnn_shape *s, int64_t capacity,
                                     size_t workspace_bytes, struct dnn_convolution **out,
                                     struct err *e)
{
    (void)s, (void)capacity, (void)workspace_bytes;
    *out = NULL;
    return ERR(e, ERR_ENV, "built without oneDNN");
}

void dnn_convolution_destroy(struct dnn_convolution *c)
{
    (void)c;
}

void dnn_convolution_forward(struct dnn_convolution *c, int64_t B, const real *x,
                             const real *weight, const real *bias, void *workspace, real *y)
{
    (void)c, (void)B, (void)x, (void)weight, (void)bias, (void)workspace, (void)y;
    INVARIANT(dnn_available());
}

void dnn_convolution_backward_data(struct dnn_convolution *c, int64_t B, const real *dy,
                                   const real *weight, void *workspace, real *dx)
{
    (void)c, (void)B, (void)dy, (void)weight, (void)workspace, (void)dx;
    INVARIANT(dnn_available());
}

void dnn_convolution_backward_weight(struct dnn_convolution *c, int64_t B, const real *x,
                                     const real *dy, bool accumulate, void *workspace,
                                     real *dweight)
{
    (void)c, (void)B, (void)x, (void)dy, (void)accumulate, (void)workspace, (void)dweight;
    INVARIANT(dnn_available());
}

#endif
