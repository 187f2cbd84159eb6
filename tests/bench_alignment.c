/* bench_alignment.c - how fast all pairs of models are compared: CKA and mutual k-NN, apart and
 * in one call, against the speed of a large matrix product and against the way of the released
 * code, which starts anew for every pair. Medians of interleaved rounds; CPU seconds of the
 * busiest rank.
 *
 *   ninja bench_alignment && mpirun -n P tests/bench_alignment -M 20 -n 4096 -d 768 */
#include <getopt.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/err.h"
#include "base/rng.h"
#include "linalg/all_pairs.h"
#include "linalg/blas.h"

enum { MAX_ROUNDS = 15, MAX_TASKS = 3, SIDE = 1024, N_JOBS = 7 };

struct bench {
    int64_t M, n, d, k;
    int precision, rounds, rank, size;
    bool per_pair, peer;
    struct alignment_set set;
    uint8_t *wanted;
};

/* Something to time. */
struct job {
    const char *name, *measures[MAX_TASKS]; /* of one call */
    int grams;                              /* half Gram matrices that every model needs */
    int products;                           /* by tall products */
    double cpu[MAX_ROUNDS], wall[MAX_ROUNDS];
};

static struct job jobs[N_JOBS] = {
    {"large product", {NULL}, 0, 0},
    {"cka", {"cka"}, 1, 1},
    {"cka_unbiased", {"cka_unbiased"}, 1, 1},
    {"mutual_knn", {"mutual_knn"}, 1, 0},
    {"cka + mutual_knn", {"cka", "mutual_knn"}, 1, 1},
    {"all three", {"cka", "cka_unbiased", "mutual_knn"}, 1, 2},
    {"per pair, released way", {NULL}, 0, 0},
};

static void *take(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    INVARIANT(p);
    return p;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double median(int count, const double *x)
{
    double sorted[MAX_ROUNDS];
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && sorted[at - 1] > x[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = x[i];
    }
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* ---- models ---- */

/* Sums of uniform numbers are normal enough here. */
static float noise(struct rng *r)
{
    return (float)(rng_uniform(r) + rng_uniform(r) + rng_uniform(r) - 1.5) * 2;
}

/* M models of one layer: what all share, and 0.7 of their own, plus an offset. Rows of features
 * exist on the rank that owns the model. */
static void make_set(struct bench *b, int64_t M, int64_t n, int64_t d, float offset)
{
    float *base = take((size_t)(n * d), sizeof *base);
    struct alignment_model *model = take((size_t)M, sizeof *model);
    struct rng r = rng_stream(1, RNG_TESTING, 0);
    for (int64_t i = 0; i < n * d; i++) base[i] = noise(&r) + offset;
    for (int64_t m = 0; m < M; m++) {
        struct representation *layer = take(1, sizeof *layer);
        layer->d = d;
        model[m] = (struct alignment_model){1, layer};
        if (alignment_owner(m, M, b->size) != b->rank) continue;
        float *x = take((size_t)(n * d), sizeof *x);
        r = rng_stream(1, RNG_TESTING, (uint64_t)m + 1);
        for (int64_t i = 0; i < n * d; i++) x[i] = base[i] + 0.7f * noise(&r);
        layer->x = x;
    }
    free(base);
    b->set = (struct alignment_set){n, M, model};
    b->wanted = take((size_t)(M * M), 1);
    for (int64_t i = 0; i < M * M; i++) b->wanted[i] = i / M < i % M;
}

static void clear_set(struct bench *b)
{
    for (int64_t m = 0; m < b->set.n_models; m++) {
        free((void *)b->set.model[m].layer->x);
        free((void *)b->set.model[m].layer);
    }
    free((void *)b->set.model), free(b->wanted);
}

/* ---- what is timed ---- */

static void keep_pairs(void *self, const struct alignment_pairs *pairs, const double *most)
{
    struct alignment_pairs *all = self;
    (void)most;
    size_t count = (size_t)(all->count + pairs->count);
    all->pair = realloc(all->pair, count * sizeof *all->pair);
    INVARIANT(all->pair);
    memcpy(all->pair + all->count, pairs->pair, (size_t)pairs->count * sizeof *all->pair);
    all->count += pairs->count;
}

/* The pairs, on rank 0; to free(). */
static struct alignment_pairs align(const struct bench *b, const struct job *j, int normalize,
                                    int precision)
{
    struct alignment_options o = {.normalize = normalize, .clip = 1, .precision = precision};
    struct alignment_task task[MAX_TASKS];
    struct alignment_null null = {0};
    struct alignment_pairs pairs = {0};
    struct alignment_sink sink = {keep_pairs, &pairs};
    struct err e = {0};
    int n_tasks = 0;
    for (; n_tasks < MAX_TASKS && j->measures[n_tasks]; n_tasks++) {
        const char *name = j->measures[n_tasks];
        INVARIANT(alignment_parse(name, &task[n_tasks].measure, &o, &e) == ERR_OK);
        task[n_tasks].k = task[n_tasks].measure->parameter ? b->k : 0;
    }
    struct alignment_groups g = {&b->set, &b->set, 0, 0, b->wanted};
    if (alignment_all_pairs(MPI_COMM_WORLD, &g, task, n_tasks, &o, &null, &sink, &e)) {
        fprintf(stderr, "%s\n", e.text);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return pairs;
}

static void large_product(int precision)
{
    static double *a, *b, *c;
    size_t count = (size_t)SIDE * SIDE;
    if (!a) {
        a = take(count, sizeof *a), b = take(count, sizeof *b), c = take(count, sizeof *c);
        for (size_t i = 0; i < count; i++)
            if (precision == ALIGN_SINGLE)
                ((float *)a)[i] = ((float *)b)[i] = (float)(i % 17);
            else
                a[i] = b[i] = (double)(i % 17);
    }
    const int m = SIDE;
    const float one_s = 1, zero_s = 0;
    const double one = 1, zero = 0;
    if (precision == ALIGN_SINGLE)
        sgemm_("T", "N", &m, &m, &m, &one_s, (float *)a, &m, (float *)b, &m, &zero_s,
               (float *)c, &m);
    else
        dgemm_("T", "N", &m, &m, &m, &one, a, &m, b, &m, &zero, c, &m);
}

/* ---- the released way ---- */

struct near {
    float similarity;
    int32_t index;
};

static int nearer(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->similarity != y->similarity) return x->similarity > y->similarity ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void square_product(const char *trans, int64_t n, const float *a, const float *b,
                           float *c)
{
    const int m = (int)n;
    const float one = 1, zero = 0;
    sgemm_(trans, "N", &m, &m, &m, &one, a, &m, b, &m, &zero, c, &m);
}

/* The sum of (H K H)_ij (H L H)_ji, by the three products with which it is written there. */
static double hsic(int64_t n, const float *H, const float *K, const float *L, float *scratch)
{
    float *KH = scratch, *LH = scratch + n * n, *both = LH + n * n;
    square_product("N", n, K, H, KH);
    square_product("N", n, L, H, LH);
    square_product("N", n, KH, LH, both);
    double trace = 0;
    for (int64_t i = 0; i < n; i++) trace += (double)both[i * n + i];
    return trace;
}

/* CKA and mutual k-NN of two representations as in minyoungg/platonic-rep, metrics.py: of unit
 * rows, Gram matrices of both, all similarities sorted, nine products of n x n matrices. */
static void pair_as_released(const struct bench *b, const float *x[2], double *cka, double *knn)
{
    int64_t n = b->n, d = b->d;
    float *matrix = take((size_t)(6 * n * n), sizeof *matrix);
    float *unit = take((size_t)(n * d), sizeof *unit);
    float *gram[2] = {matrix, matrix + n * n}, *H = matrix + 2 * n * n, *rest = H + n * n;
    int32_t *list = take((size_t)(2 * n * b->k), sizeof *list);
    struct near *near = take((size_t)n, sizeof *near);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < n; i++) {
            double square = 0;
            for (int64_t j = 0; j < d; j++)
                square += (double)x[side][i * d + j] * (double)x[side][i * d + j];
            float scale = (float)(1 / sqrt(square));
            for (int64_t j = 0; j < d; j++) unit[i * d + j] = x[side][i * d + j] * scale;
        }
        const int m = (int)n, depth = (int)d;
        const float one = 1, zero = 0;
        sgemm_("T", "N", &m, &m, &depth, &one, unit, &depth, unit, &depth, &zero, gram[side],
               &m);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++)
                near[j] = (struct near){i == j ? -1e8f : gram[side][i * n + j], (int32_t)j};
            qsort(near, (size_t)n, sizeof *near, nearer);
            for (int64_t j = 0; j < b->k; j++) list[(side * n + i) * b->k + j] = near[j].index;
        }
    }
    int64_t shared = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < b->k; p++)
            for (int64_t q = 0; q < b->k; q++)
                shared += list[i * b->k + p] == list[(n + i) * b->k + q];
    *knn = (double)shared / (double)(n * b->k);
    for (int64_t i = 0; i < n * n; i++) H[i] = (float)((i / n == i % n) - 1 / (double)n);
    double xy = hsic(n, H, gram[0], gram[1], rest), xx = hsic(n, H, gram[0], gram[0], rest);
    *cka = xy / sqrt(xx * hsic(n, H, gram[1], gram[1], rest));
    free(matrix), free(unit), free(list), free(near);
}

/* ---- rounds ---- */

static void check_pair(const struct bench *b, double cka, double knn)
{
    double worst = 0;
    for (int j = 1; j <= 3; j += 2) {
        struct alignment_pairs p = align(b, &jobs[j], ALIGN_L2, b->precision);
        for (int64_t i = 0; i < p.count; i++)
            if (p.pair[i].a == 0 && p.pair[i].b == 1)
                worst = fmax(worst, fabs(p.pair[i].score - (j == 1 ? cka : knn)));
        free(p.pair);
    }
    if (b->rank == 0) printf("largest difference from the released way: %.1e\n", worst);
}

/* Repetitions of a job that is short; none of the released way but on rank 0. */
static void run_job(struct bench *b, struct job *j, int round)
{
    static double cka, knn;
    bool released = j == &jobs[N_JOBS - 1];
    if (released && !b->per_pair) return;
    MPI_Barrier(MPI_COMM_WORLD);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    if (released && b->rank == 0) {
        const float *x[2] = {b->set.model[0].layer->x, b->set.model[1].layer->x};
        pair_as_released(b, x, &cka, &knn);
    } else if (!released && j->measures[0]) {
        free(align(b, j, ALIGN_L2, b->precision).pair);
    } else if (!released) {
        for (int i = 0; i < 4; i++) large_product(b->precision);
    }
    double time[2] = {seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall};
    MPI_Allreduce(MPI_IN_PLACE, time, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    j->cpu[round] = time[0];
    j->wall[round] = time[1];
    if (released && round + 1 == b->rounds) check_pair(b, cka, knn);
}

/* Flops that the symmetric way needs: half Gram matrices, half of all products of two. */
static double flops_of(const struct bench *b, const struct job *j)
{
    double M = (double)b->M, n = (double)b->n, d = (double)b->d;
    return j->grams * M * n * n * d + j->products * M * M * n * n / 2;
}

static void print_table(const struct bench *b, double memory)
{
    double pairs = (double)(b->M * (b->M - 1) / 2);
    double peak = 4 * 2.0 * SIDE * SIDE * SIDE / median(b->rounds, jobs[0].cpu);
    double released = median(b->rounds, jobs[N_JOBS - 1].cpu) * pairs / b->size;
    printf(
        "%lld models, %lld probes, %lld features, k %lld, %s precision, %d ranks, medians of "
        "%d rounds\n",
        (long long)b->M, (long long)b->n, (long long)b->d, (long long)b->k,
        b->precision == ALIGN_SINGLE ? "single" : "double", b->size, b->rounds);
    printf("large product: %.0f GFLOP/s on a rank\n", 1e-9 * peak);
    printf("%-24s %10s %10s %10s %9s %9s\n", "", "cpu s/rank", "wall s", "GFLOP", "of peak",
           "released");
    for (int i = 1; i < N_JOBS - 1; i++) {
        double cpu = median(b->rounds, jobs[i].cpu), flops = flops_of(b, &jobs[i]);
        printf("%-24s %10.3f %10.3f %10.1f %8.0f%%", jobs[i].name, cpu,
               median(b->rounds, jobs[i].wall), 1e-9 * flops,
               100 * flops / (cpu * b->size * peak));
        if (i == 4 && b->per_pair) printf(" %8.0fx", released / cpu);
        printf("\n");
    }
    if (b->per_pair)
        printf("%-24s %10.1f: from one pair, times %.0f pairs\n", jobs[N_JOBS - 1].name,
               released, pairs);
    printf("memory of a rank: %.0f MB, features %.0f MB\n", memory,
           1e-6 * (double)((b->M + b->size - 1) / b->size * b->n * b->d) * sizeof(float));
}

/* Single precision against double, for features as they are and with an offset of 100 standard
 * deviations. */
static void print_accuracy(struct bench *b)
{
    for (int offset = 0; offset <= 100; offset += 100) {
        double worst[MAX_TASKS] = {0};
        make_set(b, 6, 512, 96, (float)offset);
        struct alignment_pairs exact = align(b, &jobs[5], ALIGN_NONE, ALIGN_DOUBLE);
        struct alignment_pairs single = align(b, &jobs[5], ALIGN_NONE, ALIGN_SINGLE);
        for (int64_t i = 0; i < exact.count; i++)
            for (int64_t j = 0; j < exact.count; j++) {
                const struct alignment_pair *p = &exact.pair[i], *q = &single.pair[j];
                if (p->task == q->task && p->a == q->a && p->b == q->b)
                    worst[p->task] = fmax(worst[p->task], fabs(p->score - q->score));
            }
        if (b->rank == 0)
            printf("single against double, offset %3d: cka %.1e, cka_unbiased %.1e, "
                   "mutual_knn %.1e\n",
                   offset, worst[0], worst[1], worst[2]);
        free(exact.pair), free(single.pair);
        clear_set(b);
    }
}

static double memory_of(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double megabytes = 1.024e-3 * (double)use.ru_maxrss;
    MPI_Allreduce(MPI_IN_PLACE, &megabytes, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return megabytes;
}

static void measure(struct bench *b)
{
    double memory = 0;
    make_set(b, b->M, b->n, b->d, 0);
    for (int round = -1; round < b->rounds; round++)
        for (int i = 0; i < N_JOBS; i++) {
            if (round < 0 && i > 0) break; /* the first product only wakes the core */
            if (round == 0 && i == N_JOBS - 1) memory = memory_of();
            run_job(b, &jobs[i], round < 0 ? 0 : round);
        }
    if (b->rank == 0) print_table(b, memory);
    clear_set(b);
    print_accuracy(b);
}

static bool parse(int argc, char **argv, struct bench *b)
{
    static const struct option long_options[] = {{"precision", required_argument, NULL, 'p'},
                                                 {"rounds", required_argument, NULL, 'r'},
                                                 {"skip-released", no_argument, NULL, 's'},
                                                 {"peer", no_argument, NULL, 'P'},
                                                 {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "M:n:d:k:", long_options, NULL)) != -1) {
        if (c == 'M') b->M = atoll(optarg);
        if (c == 'n') b->n = atoll(optarg);
        if (c == 'd') b->d = atoll(optarg);
        if (c == 'k') b->k = atoll(optarg);
        if (c == 'p')
            b->precision = strcmp(optarg, "single") == 0 ? ALIGN_SINGLE : ALIGN_DOUBLE;
        if (c == 'r') b->rounds = atoi(optarg);
        if (c == 's') b->per_pair = false;
        if (c == 'P') b->peer = true;
        if (c == '?') return false;
    }
    return b->M >= 2 && b->k >= 1 && b->n > b->k && b->d >= 1 && b->rounds >= 1 &&
           b->rounds <= MAX_ROUNDS && optind == argc;
}

int main(int argc, char **argv)
{
    struct bench b = {.M = 20, .n = 1024, .d = 768, .k = 10, .rounds = 3, .per_pair = true};
    b.precision = ALIGN_SINGLE;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &b.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &b.size);
    bool ok = parse(argc, argv, &b);
    if (!ok && b.rank == 0)
        fprintf(stderr, "usage: bench_alignment [-M models] [-n probes] [-d features] "
                        "[-k neighbours] [--precision double|single] [--rounds r] "
                        "[--skip-released] [--peer]\n");
    if (alignment_owner(1, b.M, b.size) != 0) b.per_pair = false;
    if (ok && b.peer && b.rank == 0)
        printf("OMP_NUM_THREADS=1 python3 %s/peer_alignment.py %lld %lld %lld %lld\n",
               TESTS_DIR, (long long)b.M, (long long)b.n, (long long)b.d, (long long)b.k);
    if (ok && !b.peer) measure(&b);
    MPI_Finalize();
    return ok ? 0 : 1;
}
