/* align_file.c - see align_file.h. A further number of a pair is a row of align_fields, a further
 * option a row of align_settings or of named[]. */
#include "coord/align_file.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coord/journal.h"

enum { PATH_SIZE = 4096 };

#define OF(member) offsetof(struct alignment_pair, member)
static const struct align_field fields[ALIGN_FIELDS] = {
    {{"score", "of the best pair of layers", NULL}, OF(score)},
    {{"p_value", "share of permutations that score as high, one added to both", NULL},
     OF(p_value)},
    {{"threshold", "score that alpha of the permutations exceed", NULL}, OF(threshold)},
    {{"calibrated", "0 up to the threshold, 1 for identical, linear between",
      "arXiv 2602.14486"},
     OF(calibrated)},
    {{"null_mean", "mean score of permuted rows", NULL}, OF(null_mean)},
    {{"null_sd", "its standard deviation", NULL}, OF(null_sd)},
    {{"null_z", "the score among those of its permutations, standardised", NULL}, OF(null_z)},
    {{"null_skewness", "of the scores of permuted rows", NULL}, OF(null_skewness)},
    {{"exact_mean", "mean over all permutations, at the best layers", NULL}, OF(exact_mean)},
    {{"exact_sd", "standard deviation over all permutations, at the best layers", NULL},
     OF(exact_sd)},
    {{"exact_tail", "tail beyond the score of the Pearson III law of these moments", NULL},
     OF(exact_tail)},
    {{"q_value", "p-value adjusted for all pairs: false discovery rate",
      "Benjamini and Hochberg 1995"},
     -1},
    {{"p_adjusted", "p-value adjusted for all pairs: largest z", "Westfall and Young 1993"},
     -1},
};
const struct table align_fields = TABLE("number of a pair", fields);

/* Numbers among the options. */
#undef OF
#define OF(member) offsetof(struct align_options, member)
static const struct setting {
    const char *name;
    size_t offset;
    enum { REAL, WHOLE, YES_NO } type;
} settings[] = {
    {"epsilon", OF(alignment.epsilon), REAL},
    {"clip", OF(alignment.clip), REAL},
    {"sigma", OF(alignment.sigma), REAL},
    {"concat", OF(alignment.concat), YES_NO},
    {"k", OF(alignment.k), WHOLE},
    {"permutations", OF(null.permutations), WHOLE},
    {"alpha", OF(null.alpha), REAL},
    {"null_seed", OF(null.seed), WHOLE},
    {"within_class", OF(null.within_class), YES_NO},
    {"classes", OF(null.classes), WHOLE},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* Rows of tables among them, kept by name. */
static const struct named {
    const char *name;
    size_t offset;
    const struct table *rows;
} named[] = {
    {"normalize", OF(alignment.normalize), &alignment_normalizations},
    {"clip_by", OF(alignment.clip_by), &alignment_clips},
    {"precision", OF(alignment.precision), &alignment_precisions},
};
enum { N_NAMED = sizeof named / sizeof *named };

bool align_options_same(const struct align_options *a, const struct align_options *b)
{
    const char *x = (const char *)a, *y = (const char *)b;
    for (int i = 0; i < N_SETTINGS; i++) {
        size_t size = settings[i].type == YES_NO ? sizeof(bool) : 8;
        if (memcmp(x + settings[i].offset, y + settings[i].offset, size) != 0) return false;
    }
    for (int i = 0; i < N_NAMED; i++)
        if (memcmp(x + named[i].offset, y + named[i].offset, sizeof(int)) != 0) return false;
    return strcmp(a->alignment.probe, b->alignment.probe) == 0;
}

struct align_scores *align_file_find(const struct align_file *f, const char *measure)
{
    for (int i = 0; i < f->n_scores; i++)
        if (strcmp(f->scores[i].measure, measure) == 0) return &f->scores[i];
    return NULL;
}

static bool grow(struct align_file *f)
{
    if (f->n_scores < f->capacity) return true;
    int capacity = 2 * f->capacity + 8;
    struct align_scores *grown = arena_array(&f->arena, (size_t)capacity, sizeof *grown);
    if (!grown) return false;
    if (f->n_scores) memcpy(grown, f->scores, (size_t)f->n_scores * sizeof *grown);
    f->scores = grown;
    f->capacity = capacity;
    return true;
}

struct align_scores *align_file_scores(struct align_file *f, const char *measure,
                                       const struct align_options *options)
{
    struct align_scores *s = align_file_find(f, measure);
    size_t n = (size_t)f->n_models, pairs;
    if ((!s && !grow(f)) || __builtin_mul_overflow(n, n, &pairs)) return NULL;
    struct align_scores fresh = {.options = *options};
    snprintf(fresh.measure, sizeof fresh.measure, "%s", measure);
    fresh.layer_a = arena_array(&f->arena, pairs, sizeof *fresh.layer_a);
    fresh.layer_b = arena_array(&f->arena, pairs, sizeof *fresh.layer_b);
    fresh.taken = arena_array(&f->arena, pairs, sizeof *fresh.taken);
    fresh.most = arena_array(&f->arena, (size_t)options->null.permutations, sizeof(double));
    if (!fresh.layer_a || !fresh.layer_b || !fresh.taken || !fresh.most) return NULL;
    for (int i = 0; i < (options->null.permutations ? ALIGN_FIELDS : 1); i++) {
        fresh.field[i] = arena_array(&f->arena, pairs, sizeof(double));
        if (!fresh.field[i]) return NULL;
        for (size_t p = 0; p < pairs; p++) fresh.field[i][p] = NAN;
    }
    for (size_t p = 0; p < pairs; p++) fresh.layer_a[p] = fresh.layer_b[p] = ALIGN_NO_LAYER;
    for (int64_t k = 0; k < options->null.permutations; k++) fresh.most[k] = -HUGE_VAL;
    if (!s) s = &f->scores[f->n_scores++];
    *s = fresh;
    return s;
}

int align_file_layer(struct align_file *f, const char *name)
{
    for (int l = 0; l < f->n_layers; l++)
        if (strcmp(f->layer[l], name) == 0) return l;
    if (f->n_layers % 64 == 0) {
        char(*grown)[ALIGN_NAME] =
            arena_array(&f->arena, (size_t)f->n_layers + 64, sizeof *grown);
        if (!grown) return -1;
        if (f->n_layers) memcpy(grown, f->layer, (size_t)f->n_layers * sizeof *grown);
        f->layer = grown;
    }
    snprintf(f->layer[f->n_layers], ALIGN_NAME, "%s", name);
    return f->n_layers++;
}

/* Number in old of each model of f, or -1. */
static int64_t *match_models(struct align_file *f, const struct align_file *old)
{
    int64_t *from = arena_array(&f->arena, (size_t)f->n_models, sizeof *from);
    for (int64_t m = 0; from && m < f->n_models; m++) {
        from[m] = -1;
        for (int64_t o = 0; o < old->n_models && from[m] < 0; o++)
            if (old->id[o] == f->id[m] && strcmp(old->name[o], f->name[m]) == 0) from[m] = o;
    }
    return from;
}

static int32_t new_layer(struct align_file *f, const struct align_file *old, int32_t layer)
{
    return layer < 0 ? layer : (int32_t)align_file_layer(f, old->layer[layer]);
}

static bool adopt_scores(struct align_file *f, const struct align_file *old,
                         const struct align_scores *s, const int64_t *from)
{
    struct align_scores *to = align_file_scores(f, s->measure, &s->options);
    if (!to) return false;
    memcpy(to->source, s->source, sizeof to->source);
    memcpy(to->formula, s->formula, sizeof to->formula);
    for (int64_t k = 0; k < s->options.null.permutations; k++) to->most[k] = s->most[k];
    for (int64_t a = 0; a < f->n_models; a++)
        for (int64_t b = 0; b < f->n_models; b++) {
            if (from[a] < 0 || from[b] < 0) continue;
            int64_t here = a * f->n_models + b, there = from[a] * old->n_models + from[b];
            for (int i = 0; i < ALIGN_FIELDS && to->field[i]; i++)
                to->field[i][here] = s->field[i][there];
            to->taken[here] = s->taken[there];
            to->layer_a[here] = new_layer(f, old, s->layer_a[there]);
            to->layer_b[here] = new_layer(f, old, s->layer_b[there]);
        }
    return true;
}

int64_t align_file_adopt(struct align_file *f, const struct align_file *old)
{
    const int64_t *from = match_models(f, old);
    if (!from) return -1;
    for (int i = 0; i < old->n_scores; i++)
        if (!adopt_scores(f, old, &old->scores[i], from)) return -1;
    int64_t kept = 0;
    for (int64_t m = 0; m < f->n_models; m++) kept += from[m] >= 0;
    return kept;
}

void align_file_clear(struct align_file *f)
{
    arena_clear(&f->arena);
    *f = (struct align_file){0};
}

/* ---- reading ---- */

/* Values of the dataset, all of them; false if there is none of that many. */
static bool read_dataset(hid_t from, const char *name, hid_t type, int64_t count, void *out)
{
    hid_t d = H5Dopen2(from, name, H5P_DEFAULT);
    if (d < 0) return false;
    hid_t space = H5Dget_space(d);
    bool ok = H5Sget_simple_extent_npoints(space) == count &&
              (count == 0 || H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(d);
    return ok;
}

static bool read_attribute(hid_t from, const char *name, hid_t type, void *out)
{
    hid_t a = H5Aopen(from, name, H5P_DEFAULT);
    if (a < 0) return false;
    hid_t space = H5Aget_space(a);
    bool ok = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(a, type, out) >= 0;
    H5Sclose(space);
    H5Aclose(a);
    return ok;
}

/* A fixed text of at most size - 1 characters. */
static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

static bool read_text(hid_t from, const char *name, char *out, size_t size)
{
    hid_t type = text_type(size);
    bool ok = read_attribute(from, name, type, out);
    H5Tclose(type);
    return ok;
}

static bool read_options(hid_t g, struct align_options *o)
{
    char text[ALIGN_NAME];
    for (int i = 0; i < N_SETTINGS; i++) {
        void *at = (char *)o + settings[i].offset;
        int8_t yes = 0;
        if (!read_attribute(g, settings[i].name,
                            settings[i].type == REAL    ? H5T_NATIVE_DOUBLE
                            : settings[i].type == WHOLE ? H5T_NATIVE_INT64
                                                        : H5T_NATIVE_INT8,
                            settings[i].type == YES_NO ? (void *)&yes : at))
            return false;
        if (settings[i].type == YES_NO) *(bool *)at = yes != 0;
    }
    for (int i = 0; i < N_NAMED; i++) {
        if (!read_text(g, named[i].name, text, sizeof text)) return false;
        *(int *)((char *)o + named[i].offset) = table_find(named[i].rows, text);
    }
    return o->null.permutations >= 0 && o->null.permutations < INT32_MAX &&
           read_text(g, "probe", o->alignment.probe, sizeof o->alignment.probe);
}

static bool layers_ok(const int32_t *layer, int64_t pairs, int n_layers)
{
    for (int64_t i = 0; i < pairs; i++)
        if (layer[i] < ALIGN_CONCAT || layer[i] >= n_layers) return false;
    return true;
}

static bool read_scores(hid_t group, const char *measure, struct align_file *f)
{
    hid_t g = H5Gopen2(group, measure, H5P_DEFAULT);
    if (g < 0) return false;
    int64_t pairs = f->n_models * f->n_models;
    struct align_options options = {0};
    bool ok = read_options(g, &options);
    struct align_scores *s = ok ? align_file_scores(f, measure, &options) : NULL;
    ok = s && read_dataset(g, "layer_a", H5T_NATIVE_INT32, pairs, s->layer_a) &&
         read_dataset(g, "layer_b", H5T_NATIVE_INT32, pairs, s->layer_b) &&
         read_dataset(g, "taken", H5T_NATIVE_UINT8, pairs, s->taken) &&
         read_text(g, "source", s->source, sizeof s->source) &&
         read_text(g, "formula", s->formula, sizeof s->formula) &&
         layers_ok(s->layer_a, pairs, f->n_layers) && layers_ok(s->layer_b, pairs, f->n_layers);
    for (int i = 0; ok && i < ALIGN_FIELDS && s->field[i]; i++)
        ok = read_dataset(g, fields[i].row.name, H5T_NATIVE_DOUBLE, pairs, s->field[i]);
    if (ok && options.null.permutations)
        ok = read_dataset(g, "most", H5T_NATIVE_DOUBLE, options.null.permutations, s->most);
    H5Gclose(g);
    return ok;
}

static bool read_models(hid_t group, struct align_file *f)
{
    hid_t d = H5Dopen2(group, "id", H5P_DEFAULT);
    if (d < 0) return false;
    hid_t space = H5Dget_space(d);
    f->n_models = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Dclose(d);
    hid_t a = H5Aopen(group, "layers", H5P_DEFAULT);
    if (a < 0) return false;
    space = H5Aget_space(a);
    f->n_layers = (int)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    size_t room = ((size_t)f->n_layers + 63) / 64 * 64; /* as align_file_layer has it */
    f->name = arena_array(&f->arena, (size_t)f->n_models, sizeof *f->name);
    f->row = arena_array(&f->arena, (size_t)f->n_models, sizeof *f->row);
    f->id = arena_array(&f->arena, (size_t)f->n_models, sizeof *f->id);
    f->layer = arena_array(&f->arena, room, sizeof *f->layer);
    hid_t text = text_type(sizeof *f->layer);
    bool ok = f->name && f->row && f->id && f->layer && H5Aread(a, text, f->layer) >= 0 &&
              read_dataset(group, "name", text, f->n_models, f->name) &&
              read_dataset(group, "trial", H5T_NATIVE_INT64, f->n_models, f->row) &&
              read_dataset(group, "id", H5T_NATIVE_UINT64, f->n_models, f->id);
    H5Tclose(text);
    H5Aclose(a);
    return ok;
}

static bool read_group(hid_t group, struct align_file *f)
{
    H5G_info_t info;
    if (!read_models(group, f) || H5Gget_info(group, &info) < 0) return false;
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char name[ALIGN_NAME];
        H5O_info_t object;
        ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                            sizeof name, H5P_DEFAULT);
        if (length < 0 || (size_t)length >= sizeof name) return false;
        if (H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
            return false;
        if (object.type == H5O_TYPE_GROUP && !read_scores(group, name, f)) return false;
    }
    return true;
}

enum err_code align_file_read(const char *store_path, struct align_file *out, struct err *e)
{
    char path[PATH_SIZE];
    journal_path(store_path, "alignment.h5", path, sizeof path);
    *out = (struct align_file){0};
    if (access(path, F_OK) != 0) return ERR_OK;
    bool ok = false;
    H5E_BEGIN_TRY
    {
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t group = file >= 0 ? H5Gopen2(file, "/alignment", H5P_DEFAULT) : -1;
        ok = group >= 0 && read_group(group, out);
        if (group >= 0) H5Gclose(group);
        if (file >= 0) H5Fclose(file);
    }
    H5E_END_TRY;
    if (ok) return ERR_OK;
    align_file_clear(out);
    return ERR(e, ERR_FORMAT, "'%s' is not readable as alignment; remove it and align again",
               path);
}

/* ---- writing ---- */

static bool write_dataset(hid_t to, const char *name, hid_t type, int n_dims, int64_t n,
                          const void *values)
{
    hsize_t dims[2] = {(hsize_t)n, (hsize_t)n};
    hid_t space = H5Screate_simple(n_dims, dims, NULL);
    hid_t d = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (d >= 0) H5Dclose(d);
    H5Sclose(space);
    return ok;
}

/* count values; 0: a scalar */
static bool write_attribute(hid_t to, const char *name, hid_t type, int64_t count,
                            const void *values)
{
    hsize_t dims = (hsize_t)count;
    hid_t space = count ? H5Screate_simple(1, &dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = a >= 0 && H5Awrite(a, type, values) >= 0;
    if (a >= 0) H5Aclose(a);
    H5Sclose(space);
    return ok;
}

static bool write_text(hid_t to, const char *name, const char *text)
{
    hid_t type = text_type(strlen(text) + 1);
    bool ok = write_attribute(to, name, type, 0, text);
    H5Tclose(type);
    return ok;
}

static bool write_options(hid_t g, const struct align_options *o)
{
    bool ok = write_text(g, "probe", o->alignment.probe);
    for (int i = 0; i < N_SETTINGS && ok; i++) {
        const void *at = (const char *)o + settings[i].offset;
        int8_t yes = settings[i].type == YES_NO && *(const bool *)at;
        ok = settings[i].type == YES_NO
                 ? write_attribute(g, settings[i].name, H5T_NATIVE_INT8, 0, &yes)
                 : write_attribute(
                       g, settings[i].name,
                       settings[i].type == REAL ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, 0, at);
    }
    for (int i = 0; i < N_NAMED && ok; i++) {
        int row = *(const int *)((const char *)o + named[i].offset);
        ok = write_text(g, named[i].name, table_row(named[i].rows, row)->name);
    }
    return ok;
}

static bool write_scores(hid_t group, const struct align_scores *s, int64_t n)
{
    hid_t g = H5Gcreate2(group, s->measure, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (g < 0) return false;
    bool ok = write_dataset(g, "layer_a", H5T_NATIVE_INT32, 2, n, s->layer_a) &&
              write_dataset(g, "layer_b", H5T_NATIVE_INT32, 2, n, s->layer_b) &&
              write_dataset(g, "taken", H5T_NATIVE_UINT8, 2, n, s->taken) &&
              write_options(g, &s->options) && write_text(g, "source", s->source) &&
              write_text(g, "formula", s->formula);
    for (int i = 0; i < ALIGN_FIELDS && s->field[i] && ok; i++)
        ok = write_dataset(g, fields[i].row.name, H5T_NATIVE_DOUBLE, 2, n, s->field[i]);
    if (ok && s->options.null.permutations)
        ok = write_dataset(g, "most", H5T_NATIVE_DOUBLE, 1, s->options.null.permutations,
                           s->most);
    return H5Gclose(g) >= 0 && ok;
}

static bool write_file(const char *path, const struct align_file *f)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file < 0) return false;
    hid_t g = H5Gcreate2(file, "/alignment", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = text_type(ALIGN_NAME);
    bool ok = g >= 0 && write_attribute(g, "layers", text, f->n_layers, f->layer) &&
              write_dataset(g, "name", text, 1, f->n_models, f->name) &&
              write_dataset(g, "trial", H5T_NATIVE_INT64, 1, f->n_models, f->row) &&
              write_dataset(g, "id", H5T_NATIVE_UINT64, 1, f->n_models, f->id);
    for (int i = 0; i < f->n_scores && ok; i++)
        ok = write_scores(g, &f->scores[i], f->n_models);
    H5Tclose(text);
    if (g >= 0) H5Gclose(g);
    return H5Fclose(file) >= 0 && ok;
}

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0) return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

enum err_code align_file_write(const char *store_path, const struct align_file *f,
                               struct err *e)
{
    char folder[PATH_SIZE], path[PATH_SIZE], fresh[PATH_SIZE];
    journal_path(store_path, "", folder, sizeof folder);
    journal_path(store_path, "alignment.h5", path, sizeof path);
    journal_path(store_path, "alignment.h5.new", fresh, sizeof fresh);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ERR(e, ERR_IO, "cannot make the folder '%s': %s", folder, strerror(errno));
    bool ok = false;
    H5E_BEGIN_TRY
    {
        ok = write_file(fresh, f);
    }
    H5E_END_TRY;
    if (!ok) return ERR(e, ERR_IO, "cannot write '%s'", fresh);
    if (!sync_path(fresh) || rename(fresh, path) != 0 || !sync_path(folder))
        return ERR(e, ERR_IO, "cannot replace '%s': %s", path, strerror(errno));
    return ERR_OK;
}
