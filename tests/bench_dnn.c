/* bench_dnn.c - what the layout of images costs: milliseconds of CPU for the convolutions of a
 * ResNet-18 on 128 images of 32 x 32, with channels last and in the layouts that oneDNN would
 * choose; and for batch normalisation and pooling, ours against oneDNN's. Medians of interleaved
 * runs. Built by `ninja bench_dnn`. */
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "worker/op.h"

void omp_set_num_threads(int threads);

enum { B = 128, RUNS = 5, MAX_ARGS = 9 };

#define CHECK(call) INVARIANT((call) == dnnl_success)

static dnnl_engine_t engine;
static dnnl_stream_t stream;

/* A primitive with memory of its own. */
struct job {
    dnnl_primitive_t run;
    int n;
    dnnl_exec_arg_t args[MAX_ARGS];
    double ms[RUNS];
};

struct tensor {
    int arg;
    dnnl_query_t query;
    int index;
};

static struct job job(dnnl_primitive_desc_t d, int n, const struct tensor *t)
{
    struct job j = {.n = n};
    CHECK(dnnl_primitive_create(&j.run, d));
    for (int i = 0; i < n; i++) {
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(d, t[i].query, t[i].index);
        void *data;
        j.args[i].arg = t[i].arg;
        CHECK(dnnl_memory_create(&j.args[i].memory, md, engine, DNNL_MEMORY_ALLOCATE));
        CHECK(dnnl_memory_get_data_handle(j.args[i].memory, &data));
        memset(data, 0, dnnl_memory_desc_get_size(md));
        if (md->data_type != dnnl_f32) continue; /* places of maxima: the first */
        for (size_t k = 0; k < dnnl_memory_desc_get_size(md) / sizeof(float); k++)
            ((float *)data)[k] = (float)(k % 1009) / 1009;
    }
    return j;
}

static void job_clear(struct job *j)
{
    for (int i = 0; i < j->n; i++) dnnl_memory_destroy(j->args[i].memory);
    dnnl_primitive_destroy(j->run);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void job_run(struct job *j, int run)
{
    double start = now_ms();
    CHECK(dnnl_primitive_execute(j->run, stream, j->n, j->args));
    CHECK(dnnl_stream_wait(stream));
    if (run >= 0) j->ms[run] = now_ms() - start;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double ms[RUNS])
{
    qsort(ms, RUNS, sizeof *ms, ascending);
    return ms[RUNS / 2];
}

struct shape {
    int64_t C, width, size, kernel, stride, pad;
    int layers; /* of a ResNet-18 */
};

/* Forward, by data, by weights. */
static void convolution_jobs(const struct shape *s, dnnl_format_tag_t tag, struct job out[3])
{
    int64_t size = (s->size + 2 * s->pad - s->kernel) / s->stride + 1;
    dnnl_dims_t xs = {B, s->C, s->size, s->size}, ys = {B, s->width, size, size};
    dnnl_dims_t ws = {s->width, s->C, s->kernel, s->kernel};
    dnnl_dims_t stride = {s->stride, s->stride}, pad = {s->pad, s->pad};
    dnnl_memory_desc_t x, y, w;
    CHECK(dnnl_memory_desc_init_by_tag(&x, 4, xs, dnnl_f32, tag));
    CHECK(dnnl_memory_desc_init_by_tag(&y, 4, ys, dnnl_f32, tag));
    CHECK(dnnl_memory_desc_init_by_tag(&w, 4, ws, dnnl_f32, dnnl_format_tag_any));
    dnnl_convolution_desc_t d[3];
    CHECK(dnnl_convolution_forward_desc_init(&d[0], dnnl_forward_training,
                                             dnnl_convolution_direct, &x, &w, NULL, &y, stride,
                                             pad, pad));
    CHECK(dnnl_convolution_backward_data_desc_init(&d[1], dnnl_convolution_direct, &x, &w, &y,
                                                   stride, pad, pad));
    CHECK(dnnl_convolution_backward_weights_desc_init(&d[2], dnnl_convolution_direct, &x, &w,
                                                      NULL, &y, stride, pad, pad));
    const struct tensor t[3][3] = {{{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                                    {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0},
                                    {DNNL_ARG_DST, dnnl_query_dst_md, 0}},
                                   {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0},
                                    {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0},
                                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0}},
                                   {{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                                    {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, 0},
                                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0}}};
    dnnl_primitive_desc_t forward = NULL, p;
    for (int k = 0; k < 3; k++) {
        CHECK(dnnl_primitive_desc_create(&p, &d[k], NULL, engine, forward));
        out[k] = job(p, 3, t[k]);
        if (k == 0)
            forward = p;
        else
            dnnl_primitive_desc_destroy(p);
    }
    dnnl_primitive_desc_destroy(forward);
}

static void layouts(int64_t w)
{
    const struct shape shapes[] = {
        {3, w, 32, 3, 1, 1, 1},         {w, w, 32, 3, 1, 1, 4},
        {w, 2 * w, 32, 3, 2, 1, 1},     {w, 2 * w, 32, 1, 2, 0, 1},
        {2 * w, 2 * w, 16, 3, 1, 1, 3}, {2 * w, 4 * w, 16, 3, 2, 1, 1},
        {2 * w, 4 * w, 16, 1, 2, 0, 1}, {4 * w, 4 * w, 8, 3, 1, 1, 3},
        {4 * w, 8 * w, 8, 3, 2, 1, 1},  {4 * w, 8 * w, 8, 1, 2, 0, 1},
        {8 * w, 8 * w, 4, 3, 1, 1, 3}};
    double sum[2] = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        struct job jobs[2][3];
        for (int l = 0; l < 2; l++)
            convolution_jobs(s, l ? dnnl_format_tag_any : dnnl_nhwc, jobs[l]);
        for (int run = -1; run < RUNS; run++)
            for (int l = 0; l < 2; l++)
                for (int k = 0; k < 3; k++) job_run(&jobs[l][k], run);
        printf("%4lld to %3lld at %2lld, window %lld/%lld, %d layers:", (long long)s->C,
               (long long)s->width, (long long)s->size, (long long)s->kernel,
               (long long)s->stride, s->layers);
        for (int l = 0; l < 2; l++)
            for (int k = 0; k < 3; k++) {
                double ms = median(jobs[l][k].ms);
                if (i > 0 || k != 1) sum[l] += s->layers * ms; /* none by the images */
                printf("%s%7.2f", k ? "" : "  ", ms);
                job_clear(&jobs[l][k]);
            }
        printf("\n");
    }
    printf("ResNet-18, width %lld: channels last %.0f ms, oneDNN's choice %.0f ms: %.3f\n\n",
           (long long)w, sum[0], sum[1], sum[0] / sum[1]);
}

/* Our operation's two passes, timed like a job. */
struct ours {
    struct arena arena;
    struct graph g;
    real *x;
    double ms[2][RUNS];
};

static void ours_init(struct ours *o, const char *op, struct node_settings set, int64_t size,
                      int64_t C)
{
    struct err e;
    struct graph_shape input = {3, {size, size, C}, size * size * C};
    size_t bytes = (size_t)(B * input.dim) * sizeof(real);
    *o = (struct ours){0};
    set.name = "op";
    INVARIANT(graph_init(&o->g, &o->arena, &input, &e) == ERR_OK);
    o->g.node[0].needs_gradient = true;
    INVARIANT(graph_add(&o->g, op, set, &e) == ERR_OK);
    INVARIANT(graph_allocate(&o->g, B, &e) == ERR_OK);
    o->x = arena_alloc(&o->arena, bytes);
    if (!o->g.node[0].dy) o->g.node[0].dy = arena_alloc(&o->arena, bytes);
    for (int64_t i = 0; i < B * input.dim; i++) o->x[i] = (real)(i % 1009) / 1009;
}

static void ours_run(struct ours *o, int run)
{
    double start = now_ms();
    graph_forward(&o->g, o->x, B, GRAPH_TRAIN);
    double middle = now_ms();
    graph_backward(&o->g, B, false);
    if (run < 0) return;
    o->ms[0][run] = middle - start;
    o->ms[1][run] = now_ms() - middle;
}

static void compare(const char *name, struct ours *o, struct job theirs[2], int64_t size,
                    int64_t C)
{
    for (int run = -1; run < RUNS; run++) {
        ours_run(o, run);
        for (int k = 0; k < 2; k++) job_run(&theirs[k], run);
    }
    printf("%-12s %3lld channels at %2lld: ours %6.2f %6.2f  oneDNN %6.2f %6.2f\n", name,
           (long long)C, (long long)size, median(o->ms[0]), median(o->ms[1]),
           median(theirs[0].ms), median(theirs[1].ms));
    for (int k = 0; k < 2; k++) job_clear(&theirs[k]);
    graph_clear(&o->g);
    arena_clear(&o->arena);
}

static void batch_norm(int64_t C, int64_t size)
{
    const struct tensor t[2][9] = {{{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                                    {DNNL_ARG_DST, dnnl_query_dst_md, 0},
                                    {DNNL_ARG_MEAN, dnnl_query_dst_md, 1},
                                    {DNNL_ARG_VARIANCE, dnnl_query_dst_md, 2},
                                    {DNNL_ARG_SCALE, dnnl_query_weights_md, 0},
                                    {DNNL_ARG_SHIFT, dnnl_query_weights_md, 0}},
                                   {{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                                    {DNNL_ARG_MEAN, dnnl_query_src_md, 1},
                                    {DNNL_ARG_VARIANCE, dnnl_query_src_md, 2},
                                    {DNNL_ARG_SCALE, dnnl_query_weights_md, 0},
                                    {DNNL_ARG_SHIFT, dnnl_query_weights_md, 0},
                                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0},
                                    {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0},
                                    {DNNL_ARG_DIFF_SCALE, dnnl_query_diff_weights_md, 0},
                                    {DNNL_ARG_DIFF_SHIFT, dnnl_query_diff_weights_md, 0}}};
    dnnl_dims_t sizes = {B, C, size, size};
    dnnl_memory_desc_t x;
    dnnl_batch_normalization_desc_t d;
    dnnl_primitive_desc_t forward, backward;
    unsigned flags = dnnl_use_scale | dnnl_use_shift;
    CHECK(dnnl_memory_desc_init_by_tag(&x, 4, sizes, dnnl_f32, dnnl_nhwc));
    CHECK(dnnl_batch_normalization_forward_desc_init(&d, dnnl_forward_training, &x, 1e-5f,
                                                     flags));
    CHECK(dnnl_primitive_desc_create(&forward, &d, NULL, engine, NULL));
    CHECK(dnnl_batch_normalization_backward_desc_init(&d, dnnl_backward, &x, &x, 1e-5f, flags));
    CHECK(dnnl_primitive_desc_create(&backward, &d, NULL, engine, forward));
    struct job theirs[2] = {job(forward, 6, t[0]), job(backward, 9, t[1])};
    struct ours o;
    ours_init(&o, "batch_norm", (struct node_settings){0}, size, C);
    compare("batch_norm", &o, theirs, size, C);
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_desc_destroy(backward);
}

static void pool(int64_t C, int64_t size, bool average)
{
    const struct tensor t[2][3] = {{{DNNL_ARG_SRC, dnnl_query_src_md, 0},
                                    {DNNL_ARG_DST, dnnl_query_dst_md, 0},
                                    {DNNL_ARG_WORKSPACE, dnnl_query_workspace_md, 0}},
                                   {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0},
                                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0},
                                    {DNNL_ARG_WORKSPACE, dnnl_query_workspace_md, 0}}};
    dnnl_dims_t xs = {B, C, size, size}, ys = {B, C, size / 2, size / 2}, two = {2, 2},
                none = {0, 0};
    dnnl_alg_kind_t kind = average ? dnnl_pooling_avg_include_padding : dnnl_pooling_max;
    dnnl_memory_desc_t x, y;
    dnnl_pooling_v2_desc_t d;
    dnnl_primitive_desc_t forward, backward;
    CHECK(dnnl_memory_desc_init_by_tag(&x, 4, xs, dnnl_f32, dnnl_nhwc));
    CHECK(dnnl_memory_desc_init_by_tag(&y, 4, ys, dnnl_f32, dnnl_nhwc));
    CHECK(dnnl_pooling_v2_forward_desc_init(&d, dnnl_forward_training, kind, &x, &y, two, two,
                                            none, none, none));
    CHECK(dnnl_primitive_desc_create(&forward, &d, NULL, engine, NULL));
    CHECK(dnnl_pooling_v2_backward_desc_init(&d, kind, &x, &y, two, two, none, none, none));
    CHECK(dnnl_primitive_desc_create(&backward, &d, NULL, engine, forward));
    int n = average ? 2 : 3;
    struct job theirs[2] = {job(forward, n, t[0]), job(backward, n, t[1])};
    struct ours o;
    const char *name = average ? "average_pool" : "max_pool";
    ours_init(&o, name, (struct node_settings){.kernel = 2}, size, C);
    compare(name, &o, theirs, size, C);
    dnnl_primitive_desc_destroy(forward);
    dnnl_primitive_desc_destroy(backward);
}

int main(void)
{
    omp_set_num_threads(1);
    CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_in_order));
    layouts(64);
    layouts(16);
    for (int64_t C = 16; C <= 64; C *= 4)
        for (int level = 0; level < 4; level++) {
            batch_norm(C << level, 32 >> level);
            pool(C << level, 32 >> level, false);
            pool(C << level, 32 >> level, true);
        }
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
}
