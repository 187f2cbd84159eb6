/* align.c - owns the way from representations in a store to scores in STORE.d/alignment.h5.
 *
 * All ranks open the store together and read its small tables themselves; every representation
 * is read by the rank that owns it, in collective reads of one dataset after the other. Rank 0
 * alone knows the old scores and writes the new ones. What a measure does is in linalg/. */
#include "coord/align.h"

#include <hdf5.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "base/text.h"
#include "coord/align_file.h"
#include "coord/h5.h"
#include "coord/state.h"

enum { READ_BYTES = 256 << 20 }; /* per rank and collective read: MPI-IO counts in ints */

/* One dataset of representations: a layer of all trials in which it is d wide. */
struct block {
    char path[256];
    int layer;
    int64_t d, n_members;
    int64_t *model; /* [n_members], -1: not done */
};

struct reader {
    MPI_Comm comm;
    const char *path;
    hid_t file;
    struct arena arena; /* owns everything below */
    struct align_file models;
    int64_t n_rows, *model_of; /* [n_rows] of the store; -1 */
    char probe[ALIGN_NAME];
    int n_blocks;
    struct block *block;
    int64_t n, n_slots; /* -1 until the first block */
    struct alignment_set set;
};

/* ---- what the store holds ---- */

struct names {
    int count;
    char (*name)[ALIGN_NAME];
};

static herr_t add_group(hid_t group, const char *name, const H5L_info_t *link, void *self)
{
    (void)link;
    struct names *to = self;
    H5O_info_t info;
    if (strlen(name) >= ALIGN_NAME ||
        H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return -1;
    if (info.type == H5O_TYPE_GROUP) strcpy(to->name[to->count++], name);
    return 0;
}

/* The groups in a group, in the order they were made where the file knows it. None where there
 * is no such group. */
static enum err_code list_groups(struct reader *x, const char *path, struct names *out,
                                 struct err *e)
{
    *out = (struct names){0};
    if (H5Lexists(x->file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    hid_t g = H5Gopen2(x->file, path, H5P_DEFAULT);
    H5G_info_t info;
    if (g < 0 || H5Gget_info(g, &info) < 0)
        return ERR(e, ERR_FORMAT, "%s: %s is no group", x->path, path);
    out->name = arena_array(&x->arena, (size_t)info.nlinks, sizeof *out->name);
    hid_t made = H5Gget_create_plist(g);
    unsigned order = 0;
    H5Pget_link_creation_order(made, &order);
    H5_index_t index = order & H5P_CRT_ORDER_INDEXED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    herr_t rc = out->name ? H5Literate(g, index, H5_ITER_INC, NULL, add_group, out) : -1;
    H5Pclose(made);
    H5Gclose(g);
    return rc < 0 ? ERR(e, ERR_FORMAT, "%s: cannot list %s", x->path, path) : ERR_OK;
}

/* A column of count values, or all there are: then count is set. NULL on failure. */
static void *read_column(struct reader *x, const char *path, hid_t type, size_t size,
                         int64_t *count)
{
    void *values = NULL;
    hid_t d = H5Dopen2(x->file, path, H5P_DEFAULT);
    if (d < 0) return NULL;
    hid_t space = H5Dget_space(d);
    int64_t n = H5Sget_simple_extent_npoints(space);
    if (*count < 0 || *count == n) {
        *count = n;
        values = arena_array(&x->arena, (size_t)n, size);
        if (values && n && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
            values = NULL;
    }
    H5Sclose(space);
    H5Dclose(d);
    return values;
}

/* The models are the trials that are done, in the order of their rows. */
static enum err_code read_models(struct reader *x, struct err *e)
{
    x->n_rows = -1;
    uint64_t *id = read_column(x, "/trials/id", H5T_NATIVE_UINT64, sizeof *id, &x->n_rows);
    uint8_t *state =
        id ? read_column(x, "/trials/state", H5T_NATIVE_UINT8, sizeof *state, &x->n_rows)
           : NULL;
    if (!id || !state)
        return ERR(e, ERR_FORMAT, "%s: no /trials/id and state: not a store", x->path);
    struct align_file *m = &x->models;
    x->model_of = arena_array(&x->arena, (size_t)x->n_rows, sizeof *x->model_of);
    m->row = arena_array(&m->arena, (size_t)x->n_rows, sizeof *m->row);
    m->id = arena_array(&m->arena, (size_t)x->n_rows, sizeof *m->id);
    if (!x->model_of || !m->row || !m->id)
        return ERR(e, ERR_NOMEM, "no memory for %" PRId64 " trials", x->n_rows);
    for (int64_t row = 0; row < x->n_rows; row++) {
        x->model_of[row] = -1;
        if (!id[row] || state[row] != TRIAL_DONE) continue;
        x->model_of[row] = m->n_models;
        m->row[m->n_models] = row;
        m->id[m->n_models++] = id[row];
    }
    return ERR_OK;
}

/* Shape and members of /representations/<probe set>/<layer>/<width>. */
static enum err_code read_block(struct reader *x, int layer, const char *width, struct err *e)
{
    struct block *b = &x->block[x->n_blocks++];
    char trial[sizeof b->path];
    const char *name = x->models.layer[layer];
    b->layer = layer;
    snprintf(trial, sizeof trial, "/representations/%s/%s/%s/trial", x->probe, name, width);
    snprintf(b->path, sizeof b->path, "/representations/%s/%s/%s/data", x->probe, name, width);
    hid_t d = H5Dopen2(x->file, b->path, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset %s", x->path, b->path);
    hid_t space = H5Dget_space(d);
    hsize_t dims[4] = {0};
    int n_dims = H5Sget_simple_extent_ndims(space);
    if (n_dims == 4) H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    H5Dclose(d);
    if (x->n < 0) x->n = (int64_t)dims[2], x->n_slots = (int64_t)dims[1];
    if (n_dims != 4 || !dims[1] || !dims[2] || !dims[3] || (int64_t)dims[1] != x->n_slots ||
        (int64_t)dims[2] != x->n)
        return ERR(e, ERR_FORMAT, "%s: %s is not [member, slot, probe, d] as the others are",
                   x->path, b->path);
    b->n_members = (int64_t)dims[0];
    b->d = (int64_t)dims[3];
    b->model = read_column(x, trial, H5T_NATIVE_INT64, sizeof *b->model, &b->n_members);
    if (!b->model)
        return ERR(e, ERR_FORMAT, "%s: %s does not name %" PRId64 " trials", x->path, trial,
                   b->n_members);
    for (int64_t j = 0; j < b->n_members; j++) {
        int64_t row = b->model[j];
        b->model[j] = row >= 0 && row < x->n_rows ? x->model_of[row] : -1;
    }
    return ERR_OK;
}

/* The blocks of all layers. */
static enum err_code read_blocks(struct reader *x, struct err *e)
{
    char group[256];
    const struct align_file *m = &x->models;
    struct names *width = arena_array(&x->arena, (size_t)m->n_layers, sizeof *width);
    if (!width) return ERR(e, ERR_NOMEM, "no memory for %d layers", m->n_layers);
    int n_blocks = 0;
    for (int l = 0; l < m->n_layers; l++) {
        snprintf(group, sizeof group, "/representations/%s/%s", x->probe, m->layer[l]);
        TRY(list_groups(x, group, &width[l], e));
        n_blocks += width[l].count;
    }
    x->block = arena_array(&x->arena, (size_t)n_blocks, sizeof *x->block);
    if (!x->block) return ERR(e, ERR_NOMEM, "no memory for %d datasets", n_blocks);
    for (int l = 0; l < m->n_layers; l++)
        for (int i = 0; i < width[l].count; i++) TRY(read_block(x, l, width[l].name[i], e));
    return ERR_OK;
}

/* The probe set asked for, or the first that the sweep file names. */
static enum err_code choose_probes(struct reader *x, const struct names *set, struct err *e)
{
    if (!*x->probe) {
        const char *list =
            h5_attribute_read(x->file, "record.representations.probe", &x->arena);
        snprintf(x->probe, sizeof x->probe, "%.*s", list ? (int)strcspn(list, " ") : 0,
                 list ? list : "");
        if (set->count == 1) strcpy(x->probe, set->name[0]);
    }
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->name[i], x->probe) == 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s has no probe set '%s'", x->path, x->probe);
}

static enum err_code read_layers(struct reader *x, struct err *e)
{
    char group[256];
    struct names set, layer;
    TRY(list_groups(x, "/representations", &set, e));
    if (set.count == 0)
        return ERR(e, ERR_CONFIG,
                   "%s holds no representations: add record.representations to the sweep file",
                   x->path);
    TRY(choose_probes(x, &set, e));
    snprintf(group, sizeof group, "/representations/%s", x->probe);
    TRY(list_groups(x, group, &layer, e));
    struct align_file *m = &x->models;
    m->n_layers = layer.count;
    m->layer = arena_array(&m->arena, (size_t)layer.count, sizeof *m->layer);
    if (!m->layer) return ERR(e, ERR_NOMEM, "no memory for %d layers", layer.count);
    memcpy(m->layer, layer.name, (size_t)layer.count * sizeof *m->layer);
    return read_blocks(x, e);
}

/* The widths of all representations. */
static enum err_code make_set(struct reader *x, struct err *e)
{
    struct alignment_set *set = &x->set;
    const struct align_file *m = &x->models;
    *set = (struct alignment_set){.n = x->n, .n_models = m->n_models, .n_layers = m->n_layers};
    int64_t count = m->n_models * m->n_layers;
    set->layer = arena_array(&x->arena, (size_t)count, sizeof *set->layer);
    if (!set->layer)
        return ERR(e, ERR_NOMEM, "no memory for %" PRId64 " representations", count);
    for (int i = 0; i < x->n_blocks; i++) {
        const struct block *b = &x->block[i];
        for (int64_t j = 0; j < b->n_members; j++)
            if (b->model[j] >= 0) set->layer[b->model[j] * m->n_layers + b->layer].d = b->d;
    }
    for (int64_t r = 0; r < count; r++)
        if (set->layer[r].d == 0)
            return ERR(e, ERR_FORMAT, "%s: trial %016" PRIx64 " is done but has no layer '%s'",
                       x->path, m->id[r / m->n_layers], m->layer[r % m->n_layers]);
    return ERR_OK;
}

/* Everything but the features. Local, on a file that all have open. */
static enum err_code read_tables(struct reader *x, struct err *e)
{
    TRY(read_models(x, e));
    if (x->models.n_models == 0) return ERR_OK;
    TRY(read_layers(x, e));
    return make_set(x, e);
}

/* ---- features ---- */

/* Does this rank own representation (model, layer)? */
static bool is_own(const struct reader *x, int64_t model, int layer)
{
    int rank, size;
    MPI_Comm_rank(x->comm, &rank);
    MPI_Comm_size(x->comm, &size);
    int64_t count = x->set.n_models * x->set.n_layers;
    return alignment_owner(model * x->set.n_layers + layer, count, size) == rank;
}

/* The members of a block that this rank owns, in ascending order. */
static enum err_code own_members(struct reader *x, const struct block *b, int64_t **member,
                                 int64_t *count, float **features, struct err *e)
{
    *count = 0;
    *member = arena_array(&x->arena, (size_t)b->n_members, sizeof **member);
    for (int64_t j = 0; j < b->n_members && *member; j++)
        if (b->model[j] >= 0 && is_own(x, b->model[j], b->layer)) (*member)[(*count)++] = j;
    size_t bytes = (size_t)(x->n * b->d) * sizeof **features;
    *features = arena_array(&x->arena, (size_t)*count, bytes);
    if (*member && *features) return ERR_OK;
    return ERR(e, ERR_NOMEM,
               "no memory for %" PRId64 " representations [%" PRId64 ", %" PRId64 "]", *count,
               x->n, b->d);
}

/* Selects the last slot of members [0, count) in the file: one piece per run of neighbours. */
static void select_members(hid_t space, const struct reader *x, const struct block *b,
                           const int64_t *member, int64_t count)
{
    H5Sselect_none(space);
    for (int64_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && member[end] == member[end - 1] + 1;) end++;
        hsize_t start[4] = {(hsize_t)member[begin], (hsize_t)x->n_slots - 1, 0, 0};
        hsize_t extent[4] = {(hsize_t)(end - begin), 1, (hsize_t)x->n, (hsize_t)b->d};
        H5Sselect_hyperslab(space, H5S_SELECT_OR, start, NULL, extent, NULL);
    }
}

/* Reads count members into features. Collective, with any count, also 0. */
static bool read_members(const struct reader *x, const struct block *b, hid_t data,
                         const int64_t *member, int64_t count, float *features)
{
    hid_t space = H5Dget_space(data);
    hsize_t size = (hsize_t)(count * x->n * b->d);
    hid_t memory = size ? H5Screate_simple(1, &size, NULL) : H5Scopy(space);
    if (!size) H5Sselect_none(memory);
    select_members(space, x, b, member, count);
    hid_t together = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(together, H5FD_MPIO_COLLECTIVE);
    herr_t rc = H5Dread(data, H5T_NATIVE_FLOAT, memory, space, together, features);
    H5Pclose(together);
    H5Sclose(memory);
    H5Sclose(space);
    return rc >= 0;
}

/* Collective: all ranks go through a block in the same number of reads. */
static enum err_code read_features_of(struct reader *x, const struct block *b, struct err *e)
{
    int64_t *member = NULL, count = 0, size = x->n * b->d;
    float *features = NULL;
    TRY(comm_agree(x->comm, own_members(x, b, &member, &count, &features, e), e));
    int64_t per_read = READ_BYTES / ((int64_t)sizeof *features * size);
    if (per_read < 1) per_read = 1;
    int64_t reads = (count + per_read - 1) / per_read, most;
    MPI_Allreduce(&reads, &most, 1, MPI_INT64_T, MPI_MAX, x->comm);
    hid_t data = H5Dopen2(x->file, b->path, H5P_DEFAULT);
    bool ok = data >= 0;
    for (int64_t i = 0; i < most; i++) {
        int64_t begin = i * per_read < count ? i * per_read : count;
        int64_t left = count - begin < per_read ? count - begin : per_read;
        ok &= read_members(x, b, data, member + begin, left, features + begin * size);
    }
    if (data >= 0) H5Dclose(data);
    for (int64_t i = 0; i < count; i++)
        x->set.layer[b->model[member[i]] * x->set.n_layers + b->layer].x = features + i * size;
    enum err_code rc = ok ? ERR_OK : ERR(e, ERR_IO, "%s: cannot read %s", x->path, b->path);
    return comm_agree(x->comm, rc, e);
}

static enum err_code open_store(struct reader *x, struct err *e)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, x->comm, MPI_INFO_NULL);
    H5E_BEGIN_TRY
    {
        x->file = H5Fopen(x->path, H5F_ACC_RDONLY, access);
    }
    H5E_END_TRY;
    H5Pclose(access);
    enum err_code rc =
        x->file >= 0 ? ERR_OK : ERR(e, ERR_IO, "cannot open the store '%s'", x->path);
    return comm_agree(x->comm, rc, e);
}

/* ---- measures ---- */

/* A measure to run: its row, its options with k, its name in the file. */
struct wanted {
    const struct alignment_measure *measure;
    struct alignment_options options;
    char name[ALIGN_NAME];
    int missing;
};

static enum err_code parse(const char *text, const struct alignment_options *options,
                           struct wanted *w, struct err *e)
{
    w->options = *options;
    w->options.k = 0;
    TRY(alignment_parse(text, &w->measure, &w->options, e));
    if (w->measure->wants_k)
        snprintf(w->name, sizeof w->name, "%s@%" PRId64, w->measure->row.name, w->options.k);
    else
        snprintf(w->name, sizeof w->name, "%s", w->measure->row.name);
    return ERR_OK;
}

static bool same_models(const struct align_file *a, const struct align_file *b)
{
    return a->n_models == b->n_models && a->n_layers == b->n_layers &&
           memcmp(a->row, b->row, (size_t)a->n_models * sizeof *a->row) == 0 &&
           memcmp(a->id, b->id, (size_t)a->n_models * sizeof *a->id) == 0 &&
           memcmp(a->layer, b->layer, (size_t)a->n_layers * sizeof *a->layer) == 0;
}

static bool same_options(const struct alignment_options *a, const struct alignment_options *b)
{
    return a->normalize == b->normalize && a->epsilon == b->epsilon && a->clip == b->clip &&
           a->k == b->k && strcmp(a->probe, b->probe) == 0;
}

/* What the file has of these models goes on being in it; the rest is missing. An unreadable
 * file is made anew, all of it can be computed again. Local to rank 0. */
static void compare(struct reader *x, struct wanted *w, int n, bool force)
{
    struct align_file old;
    bool kept = align_file_read(x->path, &old, NULL) == ERR_OK && same_models(&old, &x->models);
    if (kept) {
        align_file_clear(&x->models);
        x->models = old;
    } else {
        align_file_clear(&old);
    }
    for (int i = 0; i < n; i++) {
        const struct align_scores *s = align_file_find(&x->models, w[i].name);
        w[i].missing = force || !s || !same_options(&s->options, &w[i].options);
    }
}

/* Inputs are the same in every network and would win every search for the best layers with a
 * score of 1 that says nothing of the networks. Where there are other layers, they are no pair.
 */
static void part_inputs(const struct align_file *f, double *pair)
{
    int64_t L = f->n_layers, R = f->n_models * L;
    for (int64_t l = 0; L > 1 && l < L; l++)
        if (strcmp(f->layer[l], "input") == 0)
            for (int64_t a = l; a < R; a += L)
                for (int64_t b = l; b < R; b += L) pair[a * R + b] = NAN;
}

/* Collective. Rank 0 keeps the scores of the best layers. */
static enum err_code run_measure(struct reader *x, const struct wanted *w, struct err *e)
{
    int rank;
    MPI_Comm_rank(x->comm, &rank);
    enum err_code rc = ERR_OK;
    struct align_scores *s = NULL;
    double *pair = NULL;
    size_t count = (size_t)(x->set.n_models * x->set.n_layers);
    if (rank == 0) {
        s = align_file_scores(&x->models, w->name);
        pair = s ? calloc(count, count * sizeof *pair) : NULL;
        if (!pair) rc = ERR(e, ERR_NOMEM, "no memory for %zu x %zu scores", count, count);
    }
    rc = comm_agree(x->comm, rc, e);
    if (rc == ERR_OK) rc = w->measure->all_pairs(x->comm, &x->set, &w->options, pair, e);
    if (rc == ERR_OK && rank == 0) {
        s->options = w->options;
        snprintf(s->source, sizeof s->source, "%s", w->measure->row.source);
        part_inputs(&x->models, pair);
        alignment_best_layers(&x->set, pair, s->score, s->layer_a, s->layer_b);
    }
    free(pair);
    return rc;
}

static enum err_code run_missing(struct reader *x, struct wanted *w, int n, bool force,
                                 struct err *e)
{
    int rank, any = 0;
    MPI_Comm_rank(x->comm, &rank);
    if (rank == 0) compare(x, w, n, force);
    for (int i = 0; i < n; i++) {
        MPI_Bcast(&w[i].missing, 1, MPI_INT, 0, x->comm);
        any |= w[i].missing;
    }
    if (!any) return ERR_OK;
    for (int i = 0; i < x->n_blocks; i++) TRY(read_features_of(x, &x->block[i], e));
    for (int i = 0; i < n; i++)
        if (w[i].missing) TRY(run_measure(x, &w[i], e));
    enum err_code rc = rank == 0 ? align_file_write(x->path, &x->models, e) : ERR_OK;
    return comm_agree(x->comm, rc, e);
}

enum err_code align_store(MPI_Comm comm, const char *store_path, const char *const *measures,
                          int n_measures, const struct alignment_options *options, bool force,
                          struct err *e)
{
    struct reader x = {.comm = comm, .path = store_path, .file = -1, .n = -1};
    snprintf(x.probe, sizeof x.probe, "%s", options->probe);
    struct wanted *w = arena_array(&x.arena, (size_t)n_measures, sizeof *w);
    enum err_code rc = w ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for measures");
    for (int i = 0; i < n_measures && rc == ERR_OK; i++)
        rc = parse(measures[i], options, &w[i], e);
    rc = comm_agree(comm, rc, e);
    if (rc != ERR_OK) goto out;
    rc = open_store(&x, e);
    if (rc != ERR_OK) goto out;
    rc = comm_agree(comm, read_tables(&x, e), e);
    for (int i = 0; i < n_measures; i++)
        snprintf(w[i].options.probe, sizeof w[i].options.probe, "%s", x.probe);
    if (rc == ERR_OK && x.models.n_models > 0) rc = run_missing(&x, w, n_measures, force, e);
out:
    if (x.file >= 0) H5Fclose(x.file);
    align_file_clear(&x.models);
    arena_clear(&x.arena);
    return rc;
}

/* ---- JSON ---- */

static void print_layer(FILE *out, const char *key, const struct align_file *f, int32_t layer)
{
    if (layer < 0)
        fprintf(out, ", \"%s\": null", key);
    else
        fprintf(out, ", \"%s\": \"%s\"", key, f->layer[layer]);
}

static void print_scores(FILE *out, const struct align_file *f, const struct align_scores *s,
                         bool *first)
{
    for (int64_t a = 0; a < f->n_models; a++)
        for (int64_t b = a + 1; b < f->n_models; b++) {
            int64_t at = a * f->n_models + b;
            char score[32] = "null";
            if (isfinite(s->score[at])) text_double(s->score[at], score);
            fprintf(out,
                    "%s\n  {\"a\": \"%016" PRIx64 "\", \"b\": \"%016" PRIx64
                    "\", \"measure\": \"%s\", \"score\": %s",
                    *first ? "" : ",", f->id[a], f->id[b], s->measure, score);
            print_layer(out, "layer_a", f, s->layer_a[at]);
            print_layer(out, "layer_b", f, s->layer_b[at]);
            fprintf(out, ", \"p_value\": null}");
            *first = false;
        }
}

enum err_code align_json(const char *store_path, const char *const *measures, int n_measures,
                         FILE *out, struct err *e)
{
    struct align_file f;
    struct wanted w;
    const struct alignment_options any = {0};
    for (int i = 0; i < n_measures; i++) TRY(parse(measures[i], &any, &w, e));
    TRY(align_file_read(store_path, &f, e));
    bool first = true;
    fprintf(out, "{\"schema\": 1, \"pairs\": [");
    for (int i = 0; i < f.n_scores && n_measures == 0; i++)
        print_scores(out, &f, &f.scores[i], &first);
    for (int i = 0; i < n_measures; i++) {
        parse(measures[i], &any, &w, NULL);
        const struct align_scores *s = align_file_find(&f, w.name);
        if (s) print_scores(out, &f, s, &first);
    }
    fprintf(out, "\n]}\n");
    align_file_clear(&f);
    return ferror(out) ? ERR(e, ERR_IO, "cannot write the pairs") : ERR_OK;
}
