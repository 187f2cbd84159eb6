/* align_models.c - owns the list of models that are compared. All ranks open the store together and
 * read its small tables themselves.
 *
 * A further baseline is a row of align_baselines and a case in add_baselines, and in load_others
 * of align_load.c. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "base/text.h"
#include "coord/align_models_inner.h"
#include "coord/h5.h"
#include "coord/state.h"
#include "linalg/features.h"

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
static enum err_code list_groups(struct align_models *m, const char *path, struct names *out,
                                 struct err *e)
{
    *out = (struct names){0};
    if (H5Lexists(m->inner->file, path, H5P_DEFAULT) <= 0) return ERR_OK;
    hid_t g = H5Gopen2(m->inner->file, path, H5P_DEFAULT);
    H5G_info_t info;
    if (g < 0 || H5Gget_info(g, &info) < 0)
        return ERR(e, ERR_FORMAT, "%s: %s is no group", m->path, path);
    out->name = arena_array(&m->inner->arena, (size_t)info.nlinks, sizeof *out->name);
    hid_t made = H5Gget_create_plist(g);
    unsigned order = 0;
    H5Pget_link_creation_order(made, &order);
    H5_index_t index = order & H5P_CRT_ORDER_INDEXED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    herr_t rc = out->name ? H5Literate(g, index, H5_ITER_INC, NULL, add_group, out) : -1;
    H5Pclose(made);
    H5Gclose(g);
    return rc < 0 ? ERR(e, ERR_FORMAT, "%s: cannot list %s", m->path, path) : ERR_OK;
}

/* A column of count values, or all there are: then count is set. NULL on failure. */
static void *read_column(struct align_models *m, const char *path, hid_t type, size_t size,
                         int64_t *count)
{
    void *values = NULL;
    hid_t d = H5Dopen2(m->inner->file, path, H5P_DEFAULT);
    if (d < 0) return NULL;
    hid_t space = H5Dget_space(d);
    int64_t n = H5Sget_simple_extent_npoints(space);
    if (*count < 0 || *count == n) {
        *count = n;
        values = arena_array(&m->inner->arena, (size_t)n, size);
        if (values && n && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
            values = NULL;
    }
    H5Sclose(space);
    H5Dclose(d);
    return values;
}

/* The table of trials. */
static enum err_code read_trials(struct align_models *m, struct err *e)
{
    struct align_models_inner *x = m->inner;
    x->n_rows = -1;
    x->id = read_column(m, "/trials/id", H5T_NATIVE_UINT64, sizeof *x->id, &x->n_rows);
    if (x->id)
        x->state =
            read_column(m, "/trials/state", H5T_NATIVE_UINT8, sizeof *x->state, &x->n_rows);
    if (x->id && x->state) return ERR_OK;
    return ERR(e, ERR_FORMAT, "%s: no /trials/id and state: not a store", m->path);
}

static bool is_done(const struct align_models_inner *x, int64_t row)
{
    return row >= 0 && row < x->n_rows && x->id[row] && x->state[row] == TRIAL_DONE;
}

static bool any_done(const struct align_models_inner *x)
{
    for (int64_t row = 0; row < x->n_rows; row++)
        if (is_done(x, row)) return true;
    return false;
}

/* Shape and members of /representations/<probe set>/<layer>/<width>. */
static enum err_code read_block(struct align_models *m, int layer, const char *width,
                                struct err *e)
{
    struct align_models_inner *x = m->inner;
    struct block *b = &x->block[x->n_blocks++];
    char trial[sizeof b->path];
    const char *name = m->file.layer[layer];
    b->layer = layer;
    snprintf(trial, sizeof trial, "/representations/%s/%s/%s/trial", m->probe, name, width);
    snprintf(b->path, sizeof b->path, "/representations/%s/%s/%s/data", m->probe, name, width);
    hid_t d = H5Dopen2(m->inner->file, b->path, H5P_DEFAULT);
    if (d < 0) return ERR(e, ERR_FORMAT, "%s: no dataset %s", m->path, b->path);
    hid_t space = H5Dget_space(d);
    hsize_t dims[4] = {0};
    int n_dims = H5Sget_simple_extent_ndims(space);
    if (n_dims == 4) H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    H5Dclose(d);
    if (m->set.n < 0) m->set.n = (int64_t)dims[2], x->n_slots = (int64_t)dims[1];
    if (n_dims != 4 || !dims[1] || !dims[2] || !dims[3] || (int64_t)dims[1] != x->n_slots ||
        (int64_t)dims[2] != m->set.n)
        return ERR(e, ERR_FORMAT, "%s: %s is not [member, slot, probe, d] as the others are",
                   m->path, b->path);
    b->n_members = (int64_t)dims[0];
    b->d = (int64_t)dims[3];
    b->row = read_column(m, trial, H5T_NATIVE_INT64, sizeof *b->row, &b->n_members);
    if (!b->row)
        return ERR(e, ERR_FORMAT, "%s: %s does not name %" PRId64 " trials", m->path, trial,
                   b->n_members);
    return ERR_OK;
}

/* The blocks of all layers. */
static enum err_code read_blocks(struct align_models *m, struct err *e)
{
    char group[256];
    struct align_models_inner *x = m->inner;
    int n_layers = m->file.n_layers, n_blocks = 0;
    struct names *width = arena_array(&x->arena, (size_t)n_layers, sizeof *width);
    if (!width) return ERR(e, ERR_NOMEM, "no memory for %d layers", n_layers);
    for (int l = 0; l < n_layers; l++) {
        snprintf(group, sizeof group, "/representations/%s/%s", m->probe, m->file.layer[l]);
        TRY(list_groups(m, group, &width[l], e));
        n_blocks += width[l].count;
    }
    x->block = arena_array(&x->arena, (size_t)n_blocks, sizeof *x->block);
    if (!x->block) return ERR(e, ERR_NOMEM, "no memory for %d datasets", n_blocks);
    for (int l = 0; l < n_layers; l++)
        for (int i = 0; i < width[l].count; i++) TRY(read_block(m, l, width[l].name[i], e));
    return ERR_OK;
}

/* The probe set asked for, or the first that the sweep file names. */
static enum err_code choose_probes(struct align_models *m, const struct names *set,
                                   struct err *e)
{
    if (!*m->probe) {
        const char *list =
            h5_attribute_read(m->inner->file, "record.representations.probe", &m->inner->arena);
        snprintf(m->probe, sizeof m->probe, "%.*s", list ? (int)strcspn(list, " ") : 0,
                 list ? list : "");
        if (set->count == 1) strcpy(m->probe, set->name[0]);
    }
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->name[i], m->probe) == 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s has no probe set '%s'", m->path, m->probe);
}

/* The slot of the networks before training, from the moments that the sweep file names. */
static void find_untrained(struct align_models *m)
{
    struct align_models_inner *x = m->inner;
    const char *at = h5_attribute_read(x->file, "record.representations.at", &x->arena);
    for (int64_t slot = 0; at && *at; slot++) {
        size_t length = strcspn(at, " ");
        if (length == 4 && strncmp(at, "init", 4) == 0 && slot != x->n_slots - 1)
            x->init_slot = slot;
        at += length + (at[length] == ' ');
    }
}

static enum err_code read_layers(struct align_models *m, struct err *e)
{
    char group[256];
    struct names set, layer;
    TRY(list_groups(m, "/representations", &set, e));
    if (set.count == 0)
        return ERR(e, ERR_CONFIG,
                   "%s holds no representations: add record.representations to the sweep file",
                   m->path);
    TRY(choose_probes(m, &set, e));
    snprintf(group, sizeof group, "/representations/%s", m->probe);
    TRY(list_groups(m, group, &layer, e));
    for (int l = 0; l < layer.count; l++)
        if (align_file_layer(&m->file, layer.name[l]) < 0)
            return ERR(e, ERR_NOMEM, "no memory for %d layers", layer.count);
    TRY(read_blocks(m, e));
    find_untrained(m);
    return ERR_OK;
}

/* ---- models ---- */

/* A model at the end of the list, with room for its layers. */
static enum err_code add_model(struct align_models *m, const char *name, int64_t row,
                               uint64_t id, int n_layers, struct origin origin, struct err *e)
{
    struct align_models_inner *x = m->inner;
    int64_t i = m->file.n_models++;
    struct alignment_model *model = (struct alignment_model *)m->set.model + i;
    snprintf(m->file.name[i], ALIGN_NAME, "%s", name);
    m->file.row[i] = row;
    m->file.id[i] = id;
    x->origin[i] = origin;
    model->n_layers = n_layers;
    model->layer = arena_array(&x->arena, (size_t)n_layers, sizeof *model->layer);
    m->layer[i] = arena_array(&x->arena, (size_t)n_layers, sizeof **m->layer);
    m->set.n_models = m->file.n_models;
    if (model->layer && m->layer[i]) return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory for %d layers", n_layers);
}

static enum err_code set_layer(struct align_models *m, int64_t i, int l, const char *name,
                               int64_t d, struct err *e)
{
    struct representation *r = (struct representation *)m->set.model[i].layer + l;
    int number = align_file_layer(&m->file, name);
    if (number < 0) return ERR(e, ERR_NOMEM, "no memory for names of layers");
    m->layer[i][l] = number;
    *r = (struct representation){.d = d,
                                 .is_input = strcmp(name, "input") == 0,
                                 .is_logits = strcmp(name, "logits") == 0};
    return ERR_OK;
}

/* The width of a layer in a trial, 0: it has none. */
static int64_t width_of(const struct align_models_inner *x, int layer, int64_t row)
{
    for (int i = 0; i < x->n_blocks; i++)
        for (int64_t j = 0; j < x->block[i].n_members && x->block[i].layer == layer; j++)
            if (x->block[i].row[j] == row) return x->block[i].d;
    return 0;
}

/* A trial at a moment, with the layers that are recorded of all trials. */
static enum err_code add_trial(struct align_models *m, int64_t row, int64_t slot,
                               int n_recorded, struct err *e)
{
    struct align_models_inner *x = m->inner;
    char name[ALIGN_NAME];
    bool untrained = slot != x->n_slots - 1;
    snprintf(name, sizeof name, "%s%016" PRIx64, untrained ? "untrained:" : "", x->id[row]);
    TRY(add_model(m, name, untrained ? -1 : row, x->id[row], n_recorded,
                  (struct origin){.kind = OF_TRIAL, .row = row, .slot = slot}, e));
    for (int l = 0; l < n_recorded; l++) {
        int64_t d = width_of(x, l, row);
        if (d == 0)
            return ERR(e, ERR_FORMAT, "%s: trial %016" PRIx64 " is done but has no layer '%s'",
                       m->path, x->id[row], m->file.layer[l]);
        TRY(set_layer(m, m->file.n_models - 1, l, m->file.layer[l], d, e));
    }
    return ERR_OK;
}

static enum err_code add_imported(struct align_models *m, const struct imported_model *from,
                                  struct err *e)
{
    if (m->set.n < 0) m->set.n = from->n;
    if (from->n != m->set.n)
        return ERR(e, ERR_CONFIG,
                   "model '%s' was imported with %" PRId64 " rows, the probes are %" PRId64
                   ": import it again on the inputs of probe set '%s', in its order",
                   from->name, from->n, m->set.n, m->probe);
    TRY(add_model(m, from->name, -1, from->id, from->n_layers,
                  (struct origin){.kind = OF_IMPORT, .imported = from}, e));
    for (int l = 0; l < from->n_layers; l++)
        TRY(set_layer(m, m->file.n_models - 1, l, from->layer[l], from->d[l], e));
    return ERR_OK;
}

/* What the probes are, where the store knows it. Local, on a file that all have open. */
static void read_probes(struct align_models *m)
{
    struct align_models_inner *x = m->inner;
    char path[256];
    int64_t count = -1;
    if (x->looked_for_probes || x->file < 0) return;
    x->looked_for_probes = true;
    H5E_BEGIN_TRY
    {
        snprintf(path, sizeof path, "/probe/%s/inputs", m->probe);
        x->input = read_column(m, path, H5T_NATIVE_FLOAT, sizeof *x->input, &count);
        if (count <= 0 || count % m->set.n != 0 || isnan(x->input[0])) x->input = NULL;
        x->input_d = x->input ? count / m->set.n : 0;
        count = m->set.n;
        snprintf(path, sizeof path, "/probe/%s/labels", m->probe);
        x->classes = read_column(m, path, H5T_NATIVE_INT32, sizeof *x->classes, &count);
    }
    H5E_END_TRY;
    for (int64_t i = 0; x->classes && i < m->set.n; i++)
        if (x->classes[i] < 0) x->classes = NULL;
}

static enum err_code add_made(struct align_models *m, int kind, const char *name,
                              const char *layer, int64_t d, struct err *e)
{
    if (!m->inner->input)
        return ERR(e, ERR_CONFIG,
                   "%s does not hold the inputs of probe set '%s': no baseline %s", m->path,
                   m->probe, name);
    uint64_t id = (uint64_t)kind;
    for (int64_t i = 0; i < m->set.n * m->inner->input_d; i++) {
        uint32_t bits;
        memcpy(&bits, &m->inner->input[i], sizeof bits);
        id = (id ^ bits) * 0x100000001b3u;
    }
    TRY(add_model(m, name, -1, id, 1, (struct origin){.kind = kind}, e));
    return set_layer(m, m->file.n_models - 1, 0, layer, d, e);
}

static enum err_code add_baselines(struct align_models *m, unsigned wanted, int n_recorded,
                                   struct err *e)
{
    struct align_models_inner *x = m->inner;
    if (wanted & (1u << BASELINE_UNTRAINED)) {
        if (x->init_slot < 0)
            return ERR(e, ERR_CONFIG,
                       "%s holds no untrained networks: add init to "
                       "record.representations.at",
                       m->path);
        for (int64_t row = 0; row < x->n_rows; row++)
            if (is_done(x, row)) TRY(add_trial(m, row, x->init_slot, n_recorded, e));
    }
    read_probes(m);
    /* The layer of the input is no `input`, or it would not be compared with theirs. */
    if (wanted & (1u << BASELINE_INPUT))
        TRY(add_made(m, OF_INPUT, "baseline:input", "raw", x->input_d, e));
    if (wanted & (1u << BASELINE_RANDOM))
        TRY(add_made(m, OF_RANDOM, "baseline:random", "random", RANDOM_WIDTH, e));
    return ERR_OK;
}

/* Everything but the features. Local, on a file that all have open. */
static enum err_code read_tables(struct align_models *m, unsigned wanted, struct err *e)
{
    struct align_models_inner *x = m->inner;
    if (x->file >= 0) TRY(read_trials(m, e));
    TRY(imported_list(m->path, &x->arena, &x->imported, &x->n_imported, e));
    bool trained = any_done(x);
    if (!trained && x->n_imported == 0) return ERR_OK;
    if (trained || x->n_imported == 0) TRY(read_layers(m, e));
    int n_recorded = m->file.n_layers;
    size_t most = 2 * (size_t)(trained ? x->n_rows : 0) + (size_t)x->n_imported + 2;
    struct arena *a = &m->file.arena;
    m->file.name = arena_array(a, most, sizeof *m->file.name);
    m->file.row = arena_array(a, most, sizeof *m->file.row);
    m->file.id = arena_array(a, most, sizeof *m->file.id);
    m->layer = arena_array(&x->arena, most, sizeof *m->layer);
    m->set.model = arena_array(&x->arena, most, sizeof *m->set.model);
    x->origin = arena_array(&x->arena, most, sizeof *x->origin);
    if (!m->file.name || !m->file.row || !m->file.id || !m->layer || !m->set.model ||
        !x->origin)
        return ERR(e, ERR_NOMEM, "no memory for %zu models", most);
    for (int64_t row = 0; row < x->n_rows && trained; row++)
        if (is_done(x, row)) TRY(add_trial(m, row, x->n_slots - 1, n_recorded, e));
    for (int i = 0; i < x->n_imported; i++) TRY(add_imported(m, &x->imported[i], e));
    return add_baselines(m, wanted, n_recorded, e);
}

static enum err_code open_file(struct align_models *m, struct err *e)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, m->comm, MPI_INFO_NULL);
    H5E_BEGIN_TRY
    {
        m->inner->file = H5Fopen(m->path, H5F_ACC_RDONLY, access);
    }
    H5E_END_TRY;
    H5Pclose(access);
    enum err_code rc =
        m->inner->file >= 0 ? ERR_OK : ERR(e, ERR_IO, "cannot open the store '%s'", m->path);
    return comm_agree(m->comm, rc, e);
}

enum err_code align_models_open(MPI_Comm comm, const char *store_path, const char *probe,
                                unsigned wanted, struct align_models *out, struct err *e)
{
    *out = (struct align_models){.comm = comm, .path = store_path};
    out->set.n = -1;
    snprintf(out->probe, sizeof out->probe, "%s", probe);
    out->inner = calloc(1, sizeof *out->inner);
    enum err_code rc = out->inner ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for models");
    rc = comm_agree(comm, rc, e);
    if (rc == ERR_OK) {
        out->inner->file = -1;
        out->inner->init_slot = -1;
        rc = open_file(out, e);
    }
    if (rc == ERR_OK) rc = comm_agree(comm, read_tables(out, wanted, e), e);
    if (rc != ERR_OK) align_models_close(out);
    return rc;
}

void align_models_close(struct align_models *m)
{
    struct align_models_inner *x = m->inner;
    if (x) {
        if (x->file >= 0) H5Fclose(x->file);
        for (int i = 0; i < 2; i++) free(x->features[i]), free(x->model[i]);
        arena_clear(&x->arena);
        free(x);
    }
    align_file_clear(&m->file);
    *m = (struct align_models){0};
}

enum err_code align_models_confound(struct align_models *m, struct err *e)
{
    struct align_models_inner *x = m->inner;
    read_probes(m);
    enum err_code rc = ERR_OK;
    double *input = NULL;
    if (!x->input)
        rc = ERR(e, ERR_CONFIG,
                 "%s does not hold the inputs of probe set '%s', which cka_deconfounded takes "
                 "away",
                 m->path, m->probe);
    else
        input = arena_array(&x->arena, (size_t)m->set.n, (size_t)x->input_d * sizeof *input);
    if (rc == ERR_OK && !input) rc = ERR(e, ERR_NOMEM, "no memory for the inputs");
    TRY(comm_agree(m->comm, rc, e));
    for (int64_t i = 0; i < m->set.n * x->input_d; i++) input[i] = (double)x->input[i];
    features_centre(input, m->set.n, x->input_d);
    m->set.confound = input;
    m->set.confound_d = x->input_d;
    return ERR_OK;
}

const int32_t *align_models_classes(struct align_models *m)
{
    read_probes(m);
    return m->inner->classes;
}
