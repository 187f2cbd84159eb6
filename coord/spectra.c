/* spectra.c - owns the plan of which spectra are missing, and who finds them. Rank 0 alone
 * knows the old rows and writes the new ones; the others send theirs. */
#include "coord/spectra.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "coord/align_models.h"
#include "linalg/distributed_eigen.h"
#include "linalg/features.h"

struct finder {
    MPI_Comm comm;
    int rank, size;
    struct align_models models;
    struct alignment_options options;
    struct spectra all; /* a row for each layer of each model */
    int64_t *first;     /* [n_models + 1] of the rows of each model */
    uint8_t *missing;   /* [n_models] known to all ranks */
    struct arena arena;
};

/* A layer that is looked at. */
struct task {
    const struct alignment_model *model; /* in the set that is loaded */
    int layer, owner;
    struct spectra_row *row;
};

/* ---- what is missing ---- */

/* The rows without their numbers. */
static enum err_code make_rows(struct finder *x, struct err *e)
{
    const struct align_file *f = &x->models.file;
    int64_t n = 0, M = f->n_models;
    x->first = arena_array(&x->arena, (size_t)M + 1, sizeof *x->first);
    x->missing = arena_array(&x->arena, (size_t)M, 1);
    for (int64_t m = 0; x->first && m < M; m++) {
        x->first[m] = n;
        x->first[m + 1] = n += x->models.set.model[m].n_layers;
    }
    x->all.row = calloc((size_t)n + 1, sizeof *x->all.row);
    if (!x->first || !x->missing || !x->all.row)
        return ERR(e, ERR_NOMEM, "no memory for %lld spectra", (long long)n);
    x->all.n = n;
    for (int64_t m = 0; m < M; m++)
        for (int l = 0; l < x->models.set.model[m].n_layers; l++) {
            struct spectra_row *row = &x->all.row[x->first[m] + l];
            snprintf(row->name, sizeof row->name, "%s", f->name[m]);
            snprintf(row->layer, sizeof row->layer, "%s", f->layer[x->models.layer[m][l]]);
            row->trial = f->row[m];
            row->id = f->id[m];
            row->d = x->models.set.model[m].layer[l].d;
        }
    return ERR_OK;
}

static bool same_options(const struct alignment_options *a, const struct alignment_options *b)
{
    return a->normalize == b->normalize && a->clip == b->clip && a->clip_by == b->clip_by &&
           strcmp(a->probe, b->probe) == 0;
}

static bool same_layer(const struct spectra_row *a, const struct spectra_row *b)
{
    return a->id == b->id && a->d == b->d && strcmp(a->name, b->name) == 0 &&
           strcmp(a->layer, b->layer) == 0;
}

/* Takes over the old rows; a model of which a layer is not there is missing. An unreadable file
 * is made anew. Returns whether it has rows of models that are gone. Local to rank 0. */
static bool adopt(struct finder *x, bool force)
{
    struct spectra old;
    bool any = !force && spectra_read(x->models.path, &old, NULL) == ERR_OK;
    int64_t at = 0; /* behind the last one found: both are in the order of the store */
    for (int64_t m = 0; m < x->models.file.n_models; m++) {
        x->missing[m] = !any || !same_options(&old.options, &x->options);
        for (int64_t i = x->first[m]; i < x->first[m + 1] && !x->missing[m]; i++) {
            struct spectra_row *row = &x->all.row[i];
            int64_t tried = 0;
            while (tried < old.n && !same_layer(row, &old.row[(at + tried) % old.n])) tried++;
            x->missing[m] = tried == old.n;
            if (x->missing[m]) continue;
            at = (at + tried) % old.n;
            int64_t trial = row->trial;
            *row = old.row[at];
            row->trial = trial;
        }
    }
    bool stale = any && old.n != x->all.n;
    if (any) spectra_clear(&old);
    return stale;
}

/* ---- one layer ---- */

/* Features of a layer, to be freed also after a failure. Local to the owner. */
static enum err_code features_of(const struct finder *x, const struct task *t, double **out,
                                 struct err *e)
{
    int64_t n = x->models.set.n;
    double *limit = malloc((size_t)t->model->n_layers * sizeof *limit);
    *out = malloc((size_t)(n * t->row->d + 1) * sizeof **out);
    enum err_code rc =
        limit && *out ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the features of a layer");
    if (rc == ERR_OK) rc = features_limits(t->model, n, &x->options, limit, e);
    if (rc == ERR_OK) features_prepare(t->model, t->layer, n, &x->options, limit, *out);
    free(limit);
    return rc;
}

/* What the eigenvalues say; those that are rounding are 0. */
static void keep(const struct finder *x, const struct task *t, double *value)
{
    struct spectra_row *row = t->row;
    int64_t n = x->models.set.n, m = n < row->d ? n : row->d, most = n < row->d ? row->d : n;
    for (int64_t i = 1; i < m; i++)
        if (value[i] < value[0] * (double)most * DBL_EPSILON) value[i] = 0;
    struct spectrum s = spectrum_of(m, value);
    row->participation = s.participation;
    row->effective = s.effective;
    memcpy(row->dimensions, s.dimensions, sizeof row->dimensions);
    for (int64_t i = 0; i < SPECTRA_KEPT; i++)
        row->share[i] = i < m && s.variance > 0 ? value[i] / s.variance : NAN;
}

/* Without numbers: a representation that is not finite. */
static void keep_none(struct spectra_row *row)
{
    row->participation = row->effective = NAN;
    for (int i = 0; i < SPECTRUM_SHARES; i++) row->dimensions[i] = 0;
    for (int i = 0; i < SPECTRA_KEPT; i++) row->share[i] = NAN;
}

/* By the owner alone. Local to it. */
static enum err_code find_alone(const struct finder *x, const struct task *t, struct err *e)
{
    int64_t n = x->models.set.n, d = t->row->d;
    double *features, *value = malloc((size_t)(n < d ? n : d) * sizeof *value + 1);
    enum err_code rc = features_of(x, t, &features, e);
    if (rc == ERR_OK && !value) rc = ERR(e, ERR_NOMEM, "no memory for a spectrum");
    if (rc == ERR_OK && !features_finite(features, n * d)) {
        keep_none(t->row);
    } else if (rc == ERR_OK) {
        rc = spectrum_eigenvalues(n, d, features, value, e);
        if (rc == ERR_OK) keep(x, t, value);
    }
    free(features), free(value);
    return rc;
}

/* By all ranks. Collective. */
static enum err_code find_together(const struct finder *x, const struct task *t, struct err *e)
{
    int64_t n = x->models.set.n, d = t->row->d;
    bool owns = x->rank == t->owner;
    double *features = NULL, *value = malloc((size_t)(n < d ? n : d) * sizeof *value + 1);
    enum err_code rc = owns ? features_of(x, t, &features, e) : ERR_OK;
    if (rc == ERR_OK && !value) rc = ERR(e, ERR_NOMEM, "no memory for a spectrum");
    rc = comm_agree(x->comm, rc, e);
    if (rc == ERR_OK) {
        int finite = owns && features_finite(features, n * d);
        MPI_Bcast(&finite, 1, MPI_INT, t->owner, x->comm);
        if (finite) rc = distributed_eigenvalues(x->comm, t->owner, n, d, features, value, e);
        if (rc == ERR_OK && owns && finite) keep(x, t, value);
        if (owns && !finite) keep_none(t->row);
    }
    free(features), free(value);
    return rc;
}

/* ---- all of them ---- */

/* Too large for one rank: known to all. */
static bool is_large(const struct finder *x, const struct spectra_row *row)
{
    int64_t n = x->models.set.n;
    return x->size > 1 && n > SPECTRA_TOGETHER && row->d > SPECTRA_TOGETHER;
}

/* The spectra of a group of models: first those that one rank finds, then the others.
 * Collective. */
static enum err_code find_group(struct finder *x, const struct alignment_set *set,
                                int64_t begin, struct err *e)
{
    enum err_code rc = ERR_OK;
    for (int large = 0; large < 2; large++) {
        for (int64_t m = 0; m < set->n_models; m++) {
            int owner = alignment_owner(m, set->n_models, x->size);
            if (!x->missing[begin + m]) continue;
            for (int l = 0; l < set->model[m].n_layers && rc == ERR_OK; l++) {
                struct spectra_row *row = &x->all.row[x->first[begin + m] + l];
                struct task t = {&set->model[m], l, owner, row};
                if (is_large(x, row) != large) continue;
                if (large)
                    rc = find_together(x, &t, e);
                else if (owner == x->rank)
                    rc = find_alone(x, &t, e);
            }
        }
        rc = comm_agree(x->comm, rc, e);
    }
    return rc;
}

/* The rows of a group to rank 0. Collective. */
static enum err_code gather(struct finder *x, int64_t begin, int64_t count, struct err *e)
{
    int *bytes = calloc(2 * (size_t)x->size, sizeof *bytes), *at = bytes + x->size;
    enum err_code rc = bytes ? ERR_OK : ERR(e, ERR_NOMEM, "no memory to gather spectra");
    rc = comm_agree(x->comm, rc, e);
    struct spectra_row *own = NULL, *group = &x->all.row[x->first[begin]];
    for (int64_t m = 0; rc == ERR_OK && m < count; m++) { /* blocks of models, in order */
        int owner = alignment_owner(m, count, x->size);
        struct spectra_row *row = &x->all.row[x->first[begin + m]];
        int64_t size = (x->first[begin + m + 1] - x->first[begin + m]) * (int64_t)sizeof *row;
        if (!bytes[owner]) at[owner] = comm_int((row - group) * (int64_t)sizeof *row);
        if (!bytes[owner] && owner == x->rank) own = row;
        bytes[owner] = comm_int(bytes[owner] + size);
    }
    if (rc == ERR_OK)
        MPI_Gatherv(x->rank == 0 ? MPI_IN_PLACE : own, bytes[x->rank], MPI_BYTE, group, bytes,
                    at, MPI_BYTE, 0, x->comm);
    free(bytes);
    return rc;
}

/* Models that are loaded at a time. Local, the same on all ranks. */
static int64_t group_size(const struct finder *x, double memory_gb)
{
    const struct alignment_set *set = &x->models.set;
    double most = 1;
    for (int64_t m = 0; m < set->n_models; m++) {
        double bytes = 0;
        for (int l = 0; l < set->model[m].n_layers; l++)
            bytes += 4.0 * (double)(set->n * set->model[m].layer[l].d);
        most = fmax(most, bytes);
    }
    double fit = memory_gb * 1e9 / most * x->size;
    if (fit >= (double)set->n_models) return set->n_models;
    return fit < x->size ? x->size : (int64_t)fit;
}

static bool any_missing(const struct finder *x, int64_t begin, int64_t count)
{
    for (int64_t m = begin; m < begin + count; m++)
        if (x->missing[m]) return true;
    return false;
}

/* Over the models that were found. Collective. */
static enum err_code find_all(struct finder *x, const struct align_request *request,
                              struct err *e)
{
    int64_t M = x->models.set.n_models, size = group_size(x, request->memory_gb);
    TRY(comm_agree(x->comm, make_rows(x, e), e));
    int stale = x->rank == 0 && adopt(x, request->force);
    MPI_Bcast(&stale, 1, MPI_INT, 0, x->comm);
    MPI_Bcast(x->missing, comm_int(M), MPI_BYTE, 0, x->comm);
    if (!any_missing(x, 0, M) && !stale) return ERR_OK;
    /* what is kept must reach rank 0 again with what its owner sends */
    MPI_Bcast(x->all.row, comm_int(x->all.n * (int64_t)sizeof *x->all.row), MPI_BYTE, 0,
              x->comm);
    for (int64_t begin = 0; begin < M; begin += size) {
        struct alignment_set set;
        int64_t count = M - begin < size ? M - begin : size;
        if (!any_missing(x, begin, count)) continue;
        TRY(align_models_load(&x->models, 0, begin, count, &set, e));
        TRY(find_group(x, &set, begin, e));
        TRY(gather(x, begin, count, e));
    }
    x->all.options = x->options;
    enum err_code rc = x->rank == 0 ? spectra_write(x->models.path, &x->all, e) : ERR_OK;
    return comm_agree(x->comm, rc, e);
}

enum err_code spectra_store(MPI_Comm comm, const char *store_path,
                            const struct align_request *request, struct err *e)
{
    struct finder x = {.comm = comm, .options = request->options.alignment};
    MPI_Comm_rank(comm, &x.rank);
    MPI_Comm_size(comm, &x.size);
    TRY(align_models_open(comm, store_path, request->options.alignment.probe,
                          request->baselines, &x.models, e));
    snprintf(x.options.probe, sizeof x.options.probe, "%s", x.models.probe);
    enum err_code rc = x.models.set.n_models > 0 ? find_all(&x, request, e) : ERR_OK;
    align_models_close(&x.models);
    spectra_clear(&x.all);
    arena_clear(&x.arena);
    return rc;
}
