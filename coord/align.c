/* align.c - owns the plan of what to measure: what is missing, in which groups of models, and
 * what becomes of the results. Rank 0 alone knows old scores and writes new ones. */
#include "coord/align.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/comm.h"
#include "base/text.h"
#include "coord/align_models.h"
#include "coord/spectra.h"
#include "linalg/calibration.h"

enum { KEEP_S = 10 }; /* seconds between two writes of what was found */
enum { MOST_BORDERS = 8 };

/* A measure to run. */
struct wanted {
    struct alignment_task task;
    char name[ALIGN_NAME]; /* in the file */
    uint8_t *missing;      /* [n_models, n_models], upper triangle; known to all ranks */
    bool done;
};

struct aligner {
    MPI_Comm comm;
    int rank, size;
    const struct align_request *request;
    struct align_options options; /* with the probe set that was found */
    struct align_models models;
    struct align_file file; /* rank 0: with the scores */
    struct wanted *wanted;
    int n_wanted;
    bool stale;    /* the file has models that are gone; known to all ranks */
    int32_t *perm; /* [K, n] */
    int64_t n_taken;
    double kept_s; /* when the file was last written */
    enum err_code kept;
    struct err keep_error;
    struct arena arena;
    /* what runs now */
    const struct wanted *running[ALIGNMENT_MAX_TASKS];
};

static enum err_code parse(const char *text, struct wanted *w, struct err *e)
{
    struct alignment_options o = {0};
    TRY(alignment_parse(text, &w->task.measure, &o, e));
    w->task.k = o.k;
    if (w->task.measure->parameter)
        snprintf(w->name, sizeof w->name, "%s@%" PRId64, w->task.measure->row.name, o.k);
    else
        snprintf(w->name, sizeof w->name, "%s", w->task.measure->row.name);
    return ERR_OK;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the null ---- */

/* classes[n], one a line. */
static enum err_code read_classes(const char *path, int64_t n, int32_t *classes, struct err *e)
{
    FILE *f = fopen(path, "r");
    if (!f) return ERR(e, ERR_IO, "cannot read the classes in '%s'", path);
    char line[256];
    int64_t count = 0;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        uint32_t hash = 2166136261u; /* names do as well as numbers */
        for (const char *c = line; *c; c++) hash = (hash ^ (uint8_t)*c) * 16777619u;
        if (count < n) classes[count] = (int32_t)(hash >> 1);
        count++;
    }
    fclose(f);
    if (count != n)
        rc = ERR(e, ERR_CONFIG, "'%s' has %" PRId64 " lines, the probes are %" PRId64, path,
                 count, n);
    return rc;
}

/* Never 0. */
static uint64_t hash_classes(int64_t n, const int32_t *classes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < n; i++) hash = (hash ^ (uint32_t)classes[i]) * 0x100000001b3u;
    return hash >> 1 | 1; /* also as an int64 */
}

/* The permutations, the same on all ranks. Collective. */
static enum err_code make_permutations(struct aligner *x, struct err *e)
{
    const struct align_null *null = &x->options.null;
    int64_t n = x->models.set.n;
    if (!null->permutations) return ERR_OK;
    const int32_t *classes = NULL;
    enum err_code rc = ERR_OK;
    if (null->within_class) {
        classes = align_models_classes(&x->models);
        if (x->request->classes) {
            int32_t *own = arena_array(&x->arena, (size_t)n, sizeof *own);
            rc = own ? read_classes(x->request->classes, n, own, e)
                     : ERR(e, ERR_NOMEM, "no memory for classes");
            classes = own;
        } else if (!classes) {
            rc = ERR(e, ERR_CONFIG,
                     "%s does not know the classes of its probes: give them by --classes FILE, "
                     "a line each",
                     x->models.path);
        }
    }
    if (rc == ERR_OK && classes) x->options.null.classes = hash_classes(n, classes);
    x->perm = arena_array(&x->arena, (size_t)null->permutations, (size_t)n * sizeof *x->perm);
    if (rc == ERR_OK && !x->perm)
        rc = ERR(e, ERR_NOMEM, "no memory for %" PRId64 " permutations", null->permutations);
    TRY(comm_agree(x->comm, rc, e));
    for (int64_t k = 0; k < null->permutations; k++)
        calibration_permutation(null->seed, k, n, classes, x->perm + k * n);
    return ERR_OK;
}

/* ---- what is missing ---- */

/* Scores of these models and options are kept; an unreadable file is made anew, all of it can be
 * computed again. Local to rank 0. */
static enum err_code find_missing(struct aligner *x, struct err *e)
{
    struct align_file old;
    int64_t M = x->models.file.n_models;
    x->file = x->models.file; /* the models keep the names alive */
    x->file.arena = (struct arena){0};
    if (align_file_read(x->models.path, &old, NULL) == ERR_OK) {
        int64_t kept = align_file_adopt(&x->file, &old);
        x->stale = kept < old.n_models;
        align_file_clear(&old);
        if (kept < 0) return ERR(e, ERR_NOMEM, "no memory for scores");
    }
    for (int i = 0; i < x->n_wanted; i++) {
        struct wanted *w = &x->wanted[i];
        struct align_options options = x->options;
        options.alignment.k = w->task.k;
        struct align_scores *s = align_file_find(&x->file, w->name);
        if (x->request->force || !s || !align_options_same(&s->options, &options))
            s = align_file_scores(&x->file, w->name, &options);
        if (!s) return ERR(e, ERR_NOMEM, "no memory for scores of %s", w->name);
        snprintf(s->source, sizeof s->source, "%s", w->task.measure->row.source);
        snprintf(s->formula, sizeof s->formula, "%s", w->task.measure->formula);
        for (int64_t a = 0; a < M; a++)
            for (int64_t b = a; b < M; b++) w->missing[a * M + b] = !s->taken[a * M + b];
    }
    return ERR_OK;
}

/* Collective. */
static enum err_code share_missing(struct aligner *x, struct err *e)
{
    size_t pairs = (size_t)(x->models.file.n_models * x->models.file.n_models);
    enum err_code rc = ERR_OK;
    for (int i = 0; i < x->n_wanted && rc == ERR_OK; i++) {
        x->wanted[i].missing = arena_array(&x->arena, pairs, 1);
        if (!x->wanted[i].missing) rc = ERR(e, ERR_NOMEM, "no memory for %zu pairs", pairs);
    }
    TRY(comm_agree(x->comm, rc, e));
    TRY(comm_agree(x->comm, x->rank == 0 ? find_missing(x, e) : ERR_OK, e));
    for (int i = 0; i < x->n_wanted; i++)
        MPI_Bcast(x->wanted[i].missing, comm_int((long long)pairs), MPI_BYTE, 0, x->comm);
    MPI_Bcast(&x->stale, 1, MPI_C_BOOL, 0, x->comm);
    return ERR_OK;
}

/* ---- results ---- */

static void keep_pair(struct align_scores *s, int64_t M, const struct alignment_pair *p,
                      bool turned)
{
    int64_t at = turned ? p->b * M + p->a : p->a * M + p->b;
    for (int i = 0; i < ALIGN_FIELDS && s->field[i]; i++) {
        ptrdiff_t offset = ((const struct align_field *)table_row(&align_fields, i))->offset;
        if (offset >= 0) memcpy(&s->field[i][at], (const char *)p + offset, sizeof(double));
    }
    s->layer_a[at] = turned ? p->layer_b : p->layer_a;
    s->layer_b[at] = turned ? p->layer_a : p->layer_b;
    s->taken[at] = 1;
}

/* A layer of a model by its name in the file. */
static int32_t layer_in_file(const struct aligner *x, int32_t model, int32_t layer)
{
    return layer < 0 ? layer : (int32_t)x->models.layer[model][layer];
}

/* p-values of all pairs together. */
static enum err_code adjust(struct aligner *x, const struct wanted *w, struct err *e)
{
    struct align_scores *s = align_file_find(&x->file, w->name);
    int64_t M = x->file.n_models, K = s->options.null.permutations, count = 0;
    if (!K) return ERR_OK;
    double *p = malloc((size_t)(M * M + 1) * sizeof *p);
    if (!p) return ERR(e, ERR_NOMEM, "no memory for p-values");
    for (int turn = 0; turn < 2; turn++) {
        count = 0;
        for (int64_t a = 0; a < M; a++)
            for (int64_t b = w->task.measure->symmetric ? a + 1 : 0; b < M; b++) {
                int64_t at = a * M + b, mirror = b * M + a;
                if (a == b) continue;
                if (turn == 0) p[count] = s->field[ALIGN_P_VALUE][at];
                if (turn == 1) {
                    double all = calibration_max_t(K, s->most, s->field[ALIGN_Z][at]);
                    s->field[ALIGN_Q_VALUE][at] = p[count];
                    s->field[ALIGN_P_ADJUSTED][at] = all;
                    if (w->task.measure->symmetric) {
                        s->field[ALIGN_Q_VALUE][mirror] = p[count];
                        s->field[ALIGN_P_ADJUSTED][mirror] = all;
                    }
                }
                count++;
            }
        if (turn == 0) calibration_fdr(count, p, p);
    }
    free(p);
    return ERR_OK;
}

/* Writes what there is, whole: after a kill nothing may be missing that only this run would add.
 * Local to rank 0. */
static enum err_code keep(struct aligner *x, struct err *e)
{
    for (int i = 0; i < x->n_wanted; i++) TRY(adjust(x, &x->wanted[i], e));
    return align_file_write(x->models.path, &x->file, e);
}

/* What the engine found, on rank 0: see struct alignment_sink. */
static void take(void *self, const struct alignment_pairs *pairs, const double *most)
{
    struct aligner *x = self;
    int64_t M = x->file.n_models, K = x->options.null.permutations;
    for (int64_t i = 0; i < pairs->count; i++) {
        struct alignment_pair p = pairs->pair[i];
        const struct wanted *w = x->running[p.task];
        struct align_scores *s = align_file_find(&x->file, w->name);
        p.layer_a = layer_in_file(x, p.a, p.layer_a);
        p.layer_b = layer_in_file(x, p.b, p.layer_b);
        keep_pair(s, M, &p, false);
        if (w->task.measure->symmetric) keep_pair(s, M, &p, true);
        for (int64_t k = 0; k < K; k++) s->most[k] = fmax(s->most[k], most[p.task * K + k]);
    }
    x->n_taken += pairs->count;
    if (now_s() - x->kept_s < KEEP_S || x->kept != ERR_OK) return;
    fprintf(stderr, "align: %" PRId64 " scores of pairs\n", x->n_taken);
    x->kept = keep(x, &x->keep_error);
    x->kept_s = now_s();
}

/* Says where scores mean little. Local to rank 0. */
static void warn(const struct aligner *x, const struct wanted *w)
{
    const struct alignment_set *set = &x->models.set;
    const struct align_scores *s = align_file_find(&x->file, w->name);
    int64_t few = 0, none = 0, M = x->file.n_models;
    for (int64_t m = 0; m < M; m++) {
        bool is_few = false;
        for (int l = 0; l < set->model[m].n_layers && w->task.measure->few_rows; l++) {
            struct form_shape shape = {
                .n = set->n, .d = set->model[m].layer[l].d, .k = w->task.k};
            is_few |= w->task.measure->few_rows(&shape);
        }
        few += is_few;
        none += s->taken[m * M + m] && isnan(s->field[ALIGN_SCORE][m * M + m]);
    }
    if (few)
        fprintf(stderr,
                "shoal: warning: %s: %" PRId64 " of %" PRId64 " models have layers with fewer "
                "than 2 probes a feature (%" PRId64 " probes): high scores then mean little\n",
                w->name, few, M, set->n);
    if (none)
        fprintf(
            stderr,
            "shoal: warning: %s: %" PRId64 " of %" PRId64 " models have no score with "
            "themselves: constant, collapsed, not finite or too few features, or no logits\n",
            w->name, none, M);
}

/* ---- running ---- */

/* Models that are compared at a time, so that features and forms of two such groups fit. Local,
 * the same on all ranks. */
static int64_t group_size(const struct aligner *x, const struct alignment_task *task, int n)
{
    const struct alignment_set *set = &x->models.set;
    double most = 0;
    for (int64_t m = 0; m < set->n_models; m++) {
        double bytes = (double)alignment_model_bytes(&set->model[m], set->n, task, n,
                                                     &x->options.alignment);
        bytes *= 5; /* own forms of both groups, visiting, next, permuted */
        for (int l = 0; l < set->model[m].n_layers; l++)
            bytes += 16.0 * (double)(set->n * set->model[m].layer[l].d);
        most = fmax(most, bytes);
    }
    double fit = x->request->memory_gb * 1e9 / most * x->size;
    if (fit >= (double)set->n_models) return set->n_models;
    return fit < x->size ? x->size : (int64_t)fit;
}

/* The pairs of two groups that are missing; returns whether there are any. */
static bool cut_missing(const struct aligner *x, const struct wanted *w,
                        const struct alignment_groups *g, uint8_t *wanted)
{
    bool any = false;
    int64_t M = x->models.set.n_models;
    for (int64_t a = 0; a < g->a->n_models; a++)
        for (int64_t b = 0; b < g->b->n_models; b++) {
            int64_t i = g->first_a + a, j = g->first_b + b;
            uint8_t want = i <= j && w->missing[i * M + j];
            wanted[a * g->b->n_models + b] = want;
            any |= want;
        }
    return any;
}

/* Is a pair of the groups missing at all? */
static bool any_missing(const struct aligner *x, const struct wanted *w, int64_t first_a,
                        int64_t count_a, int64_t first_b, int64_t count_b)
{
    int64_t M = x->models.set.n_models;
    for (int64_t i = first_a; i < first_a + count_a; i++)
        for (int64_t j = first_b > i ? first_b : i; j < first_b + count_b; j++)
            if (w->missing[i * M + j]) return true;
    return false;
}

/* Where the group that begins at a model ends: at `size` models, and with split where models that
 * have been compared border on new ones, so that no product is made of the former alone. */
static int64_t group_end(const struct aligner *x, const struct wanted *w, int64_t first,
                         int64_t size, bool split)
{
    int64_t M = x->models.set.n_models, end = first + 1;
    while (end < M && end - first < size &&
           (!split || w->missing[end * M + end] == w->missing[first * M + first]))
        end++;
    return end;
}

/* Have models come to others that are compared already? A run that was killed leaves no such
 * order. Features of a group are read again for every other: not for many borders. */
static bool has_newcomers(const struct aligner *x, const struct wanted *w)
{
    int64_t M = x->models.set.n_models, borders = 0;
    for (int64_t a = 0; a < M; a++) {
        if (a) borders += w->missing[a * M + a] != w->missing[(a - 1) * M + a - 1];
        for (int64_t b = a; b < M; b++) {
            bool is_new = w->missing[a * M + a] || w->missing[b * M + b];
            if (is_new != (w->missing[a * M + b] != 0)) return false;
        }
    }
    return borders <= MOST_BORDERS;
}

/* Tasks with the same missing pairs, over all groups. Collective. */
static enum err_code run_tasks(struct aligner *x, const struct alignment_task *task, int n,
                               const struct wanted *w, struct err *e)
{
    int64_t M = x->models.set.n_models, size = group_size(x, task, n), loaded = -1;
    struct alignment_set a, b;
    const struct alignment_null null = {x->options.null.permutations, x->perm,
                                        x->options.null.alpha, x->options.null.within_class};
    struct alignment_sink sink = {take, x};
    bool split = has_newcomers(x, w);
    uint8_t *wanted = arena_array(&x->arena, (size_t)size, (size_t)size);
    TRY(comm_agree(x->comm, wanted ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for pairs"), e));
    for (int64_t i = 0; i < M; i = group_end(x, w, i, size, split))
        for (int64_t j = i; j < M; j = group_end(x, w, j, size, split)) {
            int64_t in_a = group_end(x, w, i, size, split) - i;
            int64_t in_b = group_end(x, w, j, size, split) - j;
            if (!any_missing(x, w, i, in_a, j, in_b)) continue;
            if (loaded != i) TRY(align_models_load(&x->models, 0, i, in_a, &a, e));
            loaded = i;
            if (j != i) TRY(align_models_load(&x->models, 1, j, in_b, &b, e));
            struct alignment_groups g = {&a, j == i ? &a : &b, i, j, wanted};
            if (!cut_missing(x, w, &g, wanted)) continue;
            TRY(alignment_all_pairs(x->comm, &g, task, n, &x->options.alignment, &null, &sink,
                                    e));
        }
    return ERR_OK;
}

/* Collective. */
static enum err_code run_missing(struct aligner *x, struct err *e)
{
    size_t pairs = (size_t)(x->models.set.n_models * x->models.set.n_models);
    for (int i = 0; i < x->n_wanted; i++) {
        struct alignment_task task[ALIGNMENT_MAX_TASKS];
        int n = 0;
        for (int j = i; j < x->n_wanted && n < ALIGNMENT_MAX_TASKS; j++) {
            struct wanted *w = &x->wanted[j];
            if (w->done || memcmp(w->missing, x->wanted[i].missing, pairs) != 0) continue;
            w->done = true;
            x->running[n] = w;
            task[n++] = w->task;
        }
        if (n) TRY(run_tasks(x, task, n, x->running[0], e));
    }
    if (x->rank == 0) {
        for (int i = 0; i < x->n_wanted; i++) warn(x, &x->wanted[i]);
        if (x->kept != ERR_OK) *e = x->keep_error;
        TRY(x->kept);
        return keep(x, e);
    }
    return ERR_OK;
}

/* Nothing asked for is missing. Known to all ranks. */
static bool complete(const struct aligner *x)
{
    int64_t M = x->models.set.n_models;
    for (int i = 0; i < x->n_wanted; i++)
        if (any_missing(x, &x->wanted[i], 0, M, 0, M)) return false;
    return true;
}

static enum err_code check_all(const struct aligner *x, struct err *e)
{
    for (int i = 0; i < x->n_wanted; i++) {
        struct alignment_options o = x->options.alignment;
        o.k = x->wanted[i].task.k;
        TRY(alignment_check(x->wanted[i].task.measure, &o, x->models.set.n, e));
    }
    return ERR_OK;
}

/* Over the models that were found. Collective. */
static enum err_code align_models(struct aligner *x, struct err *e)
{
    snprintf(x->options.alignment.probe, sizeof x->options.alignment.probe, "%s",
             x->models.probe);
    TRY(check_all(x, e)); /* alike on all ranks */
    bool confound = false;
    for (int i = 0; i < x->n_wanted; i++) confound |= x->wanted[i].task.measure->confound;
    if (confound) TRY(align_models_confound(&x->models, e));
    TRY(make_permutations(x, e));
    TRY(share_missing(x, e));
    if (complete(x) && !x->stale) return ERR_OK;
    return comm_agree(x->comm, run_missing(x, e), e);
}

enum err_code align_store(MPI_Comm comm, const char *store_path, const char *const *measures,
                          int n_measures, const struct align_request *request, struct err *e)
{
    struct aligner x = {.comm = comm,
                        .request = request,
                        .options = request->options,
                        .n_wanted = n_measures,
                        .kept_s = now_s()};
    MPI_Comm_rank(comm, &x.rank);
    MPI_Comm_size(comm, &x.size);
    x.wanted = arena_array(&x.arena, (size_t)n_measures, sizeof *x.wanted);
    enum err_code rc = x.wanted ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for measures");
    for (int i = 0; i < n_measures && rc == ERR_OK; i++)
        rc = parse(measures[i], &x.wanted[i], e);
    rc = comm_agree(comm, rc, e);
    if (rc == ERR_OK)
        rc = align_models_open(comm, store_path, request->options.alignment.probe,
                               request->baselines, &x.models, e);
    if (rc == ERR_OK && x.models.set.n_models > 0) rc = align_models(&x, e);
    if (x.rank == 0) arena_clear(&x.file.arena);
    if (x.models.inner) align_models_close(&x.models);
    arena_clear(&x.arena);
    return rc;
}

/* ---- JSON ---- */

/* A text between quotes, as JSON has it. */
static void print_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 32)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void print_layer(FILE *out, const char *key, const struct align_file *f, int32_t layer)
{
    fprintf(out, ", \"%s\": ", key);
    if (layer == ALIGN_NO_LAYER)
        fprintf(out, "null");
    else
        print_text(out, layer < 0 ? "all" : f->layer[layer]);
}

static void print_pair(FILE *out, const struct align_file *f, const struct align_scores *s,
                       int64_t a, int64_t b)
{
    int64_t at = a * f->n_models + b;
    fprintf(out, "\n  {\"a\": ");
    print_text(out, f->name[a]);
    fprintf(out, ", \"b\": ");
    print_text(out, f->name[b]);
    fprintf(out, ", \"measure\": \"%s\"", s->measure);
    for (int i = 0; i < ALIGN_FIELDS; i++) {
        char number[32] = "null";
        if (i > ALIGN_CALIBRATED && !s->field[i]) continue;
        if (s->field[i] && isfinite(s->field[i][at])) text_double(s->field[i][at], number);
        fprintf(out, ", \"%s\": %s", table_row(&align_fields, i)->name, number);
        if (i > 0) continue;
        print_layer(out, "layer_a", f, s->layer_a[at]);
        print_layer(out, "layer_b", f, s->layer_b[at]);
    }
    fprintf(out, "}");
}

static void print_scores(FILE *out, const struct align_file *f, const struct align_scores *s,
                         bool *first)
{
    const struct alignment_measure *measure;
    struct alignment_options o;
    bool known = alignment_parse(s->measure, &measure, &o, NULL) == ERR_OK;
    for (int64_t a = 0; a < f->n_models; a++)
        for (int64_t b = known && !measure->symmetric ? 0 : a + 1; b < f->n_models; b++) {
            if (a == b || !s->taken[a * f->n_models + b]) continue;
            if (!*first) fputc(',', out);
            print_pair(out, f, s, a, b);
            *first = false;
        }
}

enum err_code align_json(const char *store_path, const char *const *measures, int n_measures,
                         bool spectra, FILE *out, struct err *e)
{
    struct align_file f;
    struct wanted w;
    for (int i = 0; i < n_measures; i++) TRY(parse(measures[i], &w, e));
    TRY(align_file_read(store_path, &f, e));
    bool first = true;
    fprintf(out, "{\"schema\": 1, \"pairs\": [");
    for (int i = 0; i < f.n_scores && n_measures == 0; i++)
        print_scores(out, &f, &f.scores[i], &first);
    for (int i = 0; i < n_measures; i++) {
        parse(measures[i], &w, NULL);
        const struct align_scores *s = align_file_find(&f, w.name);
        if (s) print_scores(out, &f, s, &first);
    }
    fprintf(out, "\n]");
    align_file_clear(&f);
    if (spectra) {
        fprintf(out, ", \"spectra\": ");
        TRY(spectra_json(store_path, out, e));
    }
    fprintf(out, "}\n");
    return ferror(out) ? ERR(e, ERR_IO, "cannot write the pairs") : ERR_OK;
}
