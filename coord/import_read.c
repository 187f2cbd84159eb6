/* import_read.c - see import_read.h. A further kind of file is a row of `formats` and, in
 * worker/array.h, two functions. */
#include "coord/import_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "worker/safetensors.h"

enum { PIECE = 8 << 20 }; /* bytes that are read at once, but at least a row */

static const struct import_format formats[] = {
    {{"npy", "an array of NumPy", NULL}, false, false, array_names_npy, array_open_npy},
    {{"npz", "arrays of NumPy", NULL}, true, false, array_names_npz, array_open_npz},
    {{"safetensors", "tensors of PyTorch", NULL},
     true,
     false,
     array_names_safetensors,
     array_open_safetensors},
    {{"h5", "datasets of HDF5", NULL}, true, true, array_names_hdf5, array_open_hdf5},
    {{"hdf5", "datasets of HDF5", NULL}, true, true, array_names_hdf5, array_open_hdf5},
};
const struct table import_formats = TABLE("kind of file", formats);

/* A layer of the model: part of an array. */
struct take {
    int array; /* of the source */
    struct npy npy;
    int64_t part;   /* [n, parts, d] */
    int64_t beyond; /* numbers that single precision has not */
    int64_t nan, inf;
    int64_t first_beyond, first_other; /* places in [n, d] */
};

/* An open file and what is taken from it. */
struct source {
    const char *path;
    const struct import_format *format;
    struct array_names array;
    int rows_array;     /* of the row ids; -1: none */
    struct take *taken; /* [n_layers] */
    struct arena arena; /* owns also the layers of the model */
};

/* ---- opening ---- */

static int by_nature(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static enum err_code format_find(const char *path, const struct import_format **out,
                                 struct err *e)
{
    const char *dot = strrchr(path, '.');
    int row = dot && !strchr(dot, '/') ? table_find(&import_formats, dot + 1) : -1;
    if (row < 0)
        return ERR(e, ERR_CONFIG,
                   "%s: the name says no known kind of file: .npy .npz .safetensors .h5 .hdf5",
                   path);
    *out = &formats[row];
    return ERR_OK;
}

/* Close it also after a failure. */
static enum err_code source_open(const char *path, const struct import_format *format,
                                 struct source *out, struct err *e)
{
    *out = (struct source){.path = path, .format = format, .rows_array = -1};
    out->array.arena = &out->arena;
    TRY(format->names(path, &out->array, e));
    if (out->array.n == 0) return ERR(e, ERR_FORMAT, "%s: no arrays", path);
    if (!out->array.ordered)
        qsort(out->array.name, (size_t)out->array.n, sizeof *out->array.name, by_nature);
    return ERR_OK;
}

static void source_close(struct source *s)
{
    arena_clear(&s->arena);
    *s = (struct source){0};
}

static int array_find(const struct source *s, const char *name)
{
    for (int i = 0; i < s->array.n; i++)
        if (strcmp(s->array.name[i], name) == 0) return i;
    return -1;
}

/* ---- row ids ---- */

static void hash_id(XXH64_state_t *hash, const char *id, size_t length)
{
    XXH64_update(hash, id, length);
    XXH64_update(hash, "\n", 1);
}

static enum err_code ids_of_array(struct array *a, const char *name, XXH64_state_t *hash,
                                  struct err *e)
{
    enum { AT_ONCE = 1024 };
    char raw[AT_ONCE * 8], text[32];
    int64_t id[AT_ONCE];
    if (a->npy.type->kind == NPY_FLOAT || a->npy.count != a->npy.size[0])
        return ERR(e, ERR_FORMAT, "%s: row ids are integers [n], not %s in %d dimensions", name,
                   a->npy.type->row.name, a->npy.n_dims);
    for (int64_t done = 0; done < a->npy.count; done += AT_ONCE) {
        int64_t left = a->npy.count - done, n = left < AT_ONCE ? left : AT_ONCE;
        TRY(array_read(a, done, n, raw, e));
        npy_ints(a->npy.type, raw, n, id);
        for (int64_t i = 0; i < n; i++) {
            bool is_signed = a->npy.type->kind == NPY_SIGNED;
            int length = is_signed ? snprintf(text, sizeof text, "%" PRId64, id[i])
                                   : snprintf(text, sizeof text, "%" PRIu64, (uint64_t)id[i]);
            hash_id(hash, text, (size_t)length);
        }
    }
    return a->hdf5 ? ERR_OK : extent_check(&a->extent, e);
}

static enum err_code ids_of_lines(const char *path, XXH64_state_t *hash, int64_t *n,
                                  struct err *e)
{
    char *line = NULL;
    size_t capacity = 0;
    enum err_code rc = ERR_OK;
    FILE *f = fopen(path, "re");
    if (!f) return ERR(e, ERR_IO, "row ids: cannot open %s: %m", path);
    for (ssize_t got; rc == ERR_OK && (got = getline(&line, &capacity, f)) > 0; ++*n) {
        size_t length = (size_t)got;
        if (length && line[length - 1] == '\n') line[--length] = '\0';
        if (length && line[length - 1] == '\r') line[--length] = '\0';
        if (length == 0 || strlen(line) != length)
            rc = ERR(e, ERR_FORMAT, "%s: line %" PRId64 ": %s; row ids are one a line", path,
                     *n + 1, length ? "a byte of 0" : "it is empty");
        hash_id(hash, line, length);
    }
    if (rc == ERR_OK && ferror(f)) rc = ERR(e, ERR_IO, "row ids: cannot read %s", path);
    free(line);
    fclose(f);
    return rc;
}

/* By the array of the source, or the .npy file `path`. */
static enum err_code ids_by_array(const struct source *s, const char *path, XXH64_state_t *hash,
                                  int64_t *n, struct err *e)
{
    struct array a;
    char name[600];
    const char *key = s->rows_array < 0 ? "" : s->array.name[s->rows_array];
    snprintf(name, sizeof name, "%s%s%s", s->rows_array < 0 ? path : s->path, *key ? ": " : "",
             key);
    struct err why = {0};
    enum err_code rc = s->rows_array < 0 ? array_open_npy(&a, path, "", &why)
                                         : s->format->open(&a, s->path, key, &why);
    if (rc != ERR_OK)
        return ERR(e, rc, "%s; row ids are integers, or texts in a file with one a line",
                   why.text);
    rc = ids_of_array(&a, name, hash, e);
    *n = a.npy.count;
    array_close(&a);
    return rc;
}

static enum err_code source_rows(struct source *s, const char *rows, uint64_t *hash, int64_t *n,
                                 struct err *e)
{
    const char *dot = rows ? strrchr(rows, '.') : NULL;
    *hash = 0;
    *n = 0;
    s->rows_array = s->format->keyed ? array_find(s, rows ? rows : IMPORT_ROWS) : -1;
    if (!rows && s->rows_array < 0) return ERR_OK;
    XXH64_state_t *state = XXH64_createState();
    if (!state) return ERR(e, ERR_NOMEM, "no memory for row ids");
    XXH64_reset(state, 0);
    bool is_array = s->rows_array >= 0 || (dot && strcmp(dot, ".npy") == 0);
    enum err_code rc =
        is_array ? ids_by_array(s, rows, state, n, e) : ids_of_lines(rows, state, n, e);
    *hash = XXH64_digest(state);
    if (*hash == 0) *hash = 1; /* 0: none */
    XXH64_freeState(state);
    return rc;
}

/* ---- layers ---- */

static const char *shape_text(const struct npy *a, char out[192])
{
    return safetensors_shape(a->n_dims, a->size, out);
}

static enum err_code sizes_read(const struct source *s, int array, struct npy *out,
                                struct err *e)
{
    struct array a;
    char shape[192];
    TRY(s->format->open(&a, s->path, s->array.name[array], e));
    *out = a.npy;
    array_close(&a);
    if (out->n_dims == 2 || (out->n_dims == 3 && out->size[1] <= IMPORTED_MAX_LAYERS))
        return ERR_OK;
    return ERR(e, ERR_SHAPE,
               "%s: array '%s' is %s; representations are [n, d] or [n, layers, d], of up to "
               "%d layers%s",
               s->path, s->array.name[array], shape_text(out, shape), IMPORTED_MAX_LAYERS,
               s->array.n > 1 ? "; --layer says which arrays to take" : "");
}

/* Adds layer `part` of an array with these sizes. */
static enum err_code layer_add(struct source *s, int array, const struct npy *a, int64_t part,
                               struct imported_model *m, struct err *e)
{
    char name[ARRAY_NAME + 32];
    int length = snprintf(name, sizeof name, a->n_dims == 3 ? "%s.%" PRId64 : "%s",
                          s->array.name[array], part);
    for (char *at = name; (at = strchr(at, '/'));) *at = '.';
    if (m->n_layers == IMPORTED_MAX_LAYERS)
        return ERR(e, ERR_SHAPE, "%s: more than %d layers", s->path, IMPORTED_MAX_LAYERS);
    if (length >= IMPORTED_NAME || !imported_layer_ok(name))
        return ERR(e, ERR_CONFIG,
                   "%s: array '%.150s': a layer's name has 1 to %d bytes of UTF-8, without "
                   "control characters",
                   s->path, s->array.name[array], IMPORTED_NAME - 1);
    if (m->n_layers && a->size[0] != m->n)
        return ERR(e, ERR_SHAPE,
                   "%s: array '%s' has %" PRId64 " rows, but '%s' has %" PRId64
                   "; --layer says which arrays to take",
                   s->path, s->array.name[array], a->size[0], s->array.name[s->taken->array],
                   m->n);
    m->n = a->size[0];
    m->d[m->n_layers] = a->size[a->n_dims - 1];
    s->taken[m->n_layers] = (struct take){.array = array, .npy = *a, .part = part};
    strcpy(m->layer[m->n_layers++], name);
    return ERR_OK;
}

/* Adds layers of an array: the one of that number, or with -1 all. */
static enum err_code array_add(struct source *s, int array, int64_t part,
                               struct imported_model *m, struct err *e)
{
    struct npy a;
    char shape[192];
    TRY(sizes_read(s, array, &a, e));
    int64_t parts = a.n_dims == 3 ? a.size[1] : 1;
    if (part >= parts || (part >= 0 && a.n_dims == 2))
        return ERR(e, ERR_CONFIG, "%s: array '%s' is %s: there is no layer %" PRId64 " in it",
                   s->path, s->array.name[array], shape_text(&a, shape), part);
    if (part >= 0) return layer_add(s, array, &a, part, m, e);
    for (int64_t p = 0; p < parts; p++) TRY(layer_add(s, array, &a, p, m, e));
    return ERR_OK;
}

/* Adds the layers that --layer calls by the name of an array, or by that and a number. */
static enum err_code wanted_add(struct source *s, const char *wanted, struct imported_model *m,
                                struct err *e)
{
    int array = array_find(s, wanted);
    if (array >= 0) return array_add(s, array, -1, m, e);
    const char *dot = strrchr(wanted, '.');
    size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
    if (digits > 0 && digits < 10 && !dot[1 + digits]) {
        char name[ARRAY_NAME];
        snprintf(name, sizeof name, "%.*s", (int)(dot - wanted), wanted);
        array = array_find(s, name);
        if (array >= 0) return array_add(s, array, strtoll(dot + 1, NULL, 10), m, e);
    }
    struct text known = {0};
    for (int i = 0; i < s->array.n && known.length < 400; i++)
        text_add(&known, "%s%s", i ? ", " : "", s->array.name[i]);
    enum err_code rc = ERR(e, ERR_CONFIG, "%s: no array '%.100s'; there are: %.400s", s->path,
                           wanted, known.at);
    text_clear(&known);
    return rc;
}

static enum err_code source_select(struct source *s, const char *const *layer, int n_layers,
                                   struct imported_model *m, struct err *e)
{
    m->n = m->n_layers = 0;
    m->layer = arena_array(&s->arena, IMPORTED_MAX_LAYERS, sizeof *m->layer);
    m->d = arena_array(&s->arena, IMPORTED_MAX_LAYERS, sizeof *m->d);
    s->taken = arena_array(&s->arena, IMPORTED_MAX_LAYERS, sizeof *s->taken);
    if (!m->layer || !m->d || !s->taken) return ERR(e, ERR_NOMEM, "no memory for layers");
    for (int i = 0; i < n_layers; i++) TRY(wanted_add(s, layer[i], m, e));
    for (int i = 0; n_layers == 0 && i < s->array.n; i++)
        if (i != s->rows_array) TRY(array_add(s, i, -1, m, e));
    if (m->n_layers) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: no array but the row ids '%s'", s->path,
               s->array.name[s->rows_array]);
}

/* ---- numbers ---- */

/* Some rows of an array, as they lie in its file. */
struct piece {
    struct array *a;
    const char *raw;
    int64_t first; /* row that raw begins with */
    char *one;     /* [rows, d] of one layer, raw */
    float *x;      /* the same as numbers */
};

/* Rows first..first+n-1 of a layer, from raw to one. */
static void gather(const struct piece *p, int64_t part, int64_t first, int64_t n)
{
    const struct npy *a = &p->a->npy;
    size_t bytes = (size_t)a->type->bytes;
    int64_t d = a->size[a->n_dims - 1], parts = a->n_dims == 3 ? a->size[1] : 1;
    char *to = p->one;
    for (int64_t i = first; i < first + n; i++) {
        if (!a->fortran) {
            int64_t at = ((i - p->first) * parts + part) * d;
            memcpy(to, p->raw + (size_t)at * bytes, (size_t)d * bytes);
            to += (size_t)d * bytes;
            continue;
        }
        for (int64_t j = 0; j < d; j++, to += bytes)
            memcpy(to, p->raw + (size_t)(i + a->size[0] * (part + parts * j)) * bytes, bytes);
    }
}

/* Counts what single precision, or a measure, cannot do with; count numbers from `place` on. */
static void tally(const struct piece *p, int64_t count, int64_t place, struct take *t)
{
    const struct npy_type *type = p->a->npy.type;
    bool wide = type->kind == NPY_FLOAT && type->bytes == sizeof(double);
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(p->x[i])) continue;
        double was = NAN;
        if (wide) memcpy(&was, p->one + (size_t)i * sizeof was, sizeof was);
        if (isfinite(was)) {
            if (t->beyond++ == 0) t->first_beyond = place + i;
            continue;
        }
        if (t->nan + t->inf == 0) t->first_other = place + i;
        t->nan += isnan(p->x[i]) != 0;
        t->inf += isinf(p->x[i]) != 0;
    }
}

static enum err_code piece_copy(struct source *s, const struct imported_model *m, int array,
                                const struct piece *p, int64_t first, int64_t n,
                                struct imported_writer *w, struct err *e)
{
    for (int l = 0; l < m->n_layers; l++) {
        if (s->taken[l].array != array) continue;
        gather(p, s->taken[l].part, first, n);
        npy_floats(p->a->npy.type, p->one, n * m->d[l], p->x);
        tally(p, n * m->d[l], first * m->d[l], &s->taken[l]);
        TRY(imported_rows(w, l, first, n, p->x, e));
    }
    return ERR_OK;
}

static enum err_code array_copy(struct source *s, const struct imported_model *m, int array,
                                struct array *a, struct imported_writer *w, struct err *e)
{
    const struct npy *npy = &a->npy;
    int64_t row_bytes = a->row * npy->type->bytes, d = npy->size[npy->n_dims - 1];
    int64_t at_once = row_bytes < PIECE ? PIECE / row_bytes : 1;
    if (at_once > m->n) at_once = m->n;
    int64_t held = npy->fortran ? m->n : at_once; /* rows in raw */
    char *raw = malloc((size_t)(held * row_bytes));
    struct piece p = {.a = a, .raw = raw};
    p.one = malloc((size_t)(at_once * d * npy->type->bytes));
    p.x = calloc((size_t)(at_once * d), sizeof *p.x);
    enum err_code rc =
        raw && p.one && p.x
            ? ERR_OK
            : ERR(e, ERR_NOMEM, "%s: no memory for %" PRId64 " bytes of array '%s'", s->path,
                  held * row_bytes, s->array.name[array]);
    if (rc == ERR_OK && npy->fortran) rc = array_read(a, 0, npy->count, raw, e);
    for (int64_t i = 0; rc == ERR_OK && i < m->n; i += at_once) {
        int64_t n = m->n - i < at_once ? m->n - i : at_once;
        if (!npy->fortran) {
            p.first = i;
            rc = array_read(a, i * a->row, n * a->row, raw, e);
        }
        if (rc == ERR_OK) rc = piece_copy(s, m, array, &p, i, n, w, e);
    }
    if (rc == ERR_OK && !a->hdf5) rc = extent_check(&a->extent, e);
    free(p.x);
    free(p.one);
    free(raw);
    return rc;
}

/* What the tally of a layer comes to. */
static enum err_code judge(const struct source *s, const struct imported_model *m, int l,
                           struct text *warnings, struct err *e)
{
    const struct take *t = &s->taken[l];
    int64_t d = m->d[l], beyond = t->first_beyond, other = t->first_other;
    if (t->beyond)
        return ERR(e, ERR_FORMAT,
                   "%s: layer %s: %" PRId64 " of its numbers are beyond single precision, the "
                   "first at [%" PRId64 ", %" PRId64 "]",
                   s->path, m->layer[l], t->beyond, beyond / d, beyond % d);
    if (t->nan + t->inf)
        text_add(warnings,
                 "shoal: warning: %s: layer %s: %" PRId64 " NaN and %" PRId64
                 " Inf, the first at [%" PRId64 ", %" PRId64 "]: a measure of it will be NaN\n",
                 s->path, m->layer[l], t->nan, t->inf, other / d, other % d);
    return ERR_OK;
}

static enum err_code source_copy(struct source *s, const struct imported_model *m,
                                 struct imported_writer *w, struct text *warnings,
                                 struct err *e)
{
    for (int l = 0; l < m->n_layers; l++) {
        struct array a;
        const struct npy *was = &s->taken[l].npy;
        int array = s->taken[l].array, first = 0;
        while (s->taken[first].array != array) first++;
        if (first < l) continue; /* copied with the other layers of its array */
        TRY(s->format->open(&a, s->path, s->array.name[array], e));
        bool same = a.npy.n_dims == was->n_dims && a.npy.type == was->type &&
                    memcmp(a.npy.size, was->size, sizeof was->size) == 0;
        enum err_code rc = same ? array_copy(s, m, array, &a, w, e)
                                : ERR(e, ERR_IO, "%s: it changed while it was read", s->path);
        array_close(&a);
        TRY(rc);
    }
    for (int l = 0; l < m->n_layers; l++) TRY(judge(s, m, l, warnings, e));
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err_code source_import(const struct import_request *r, struct source *s,
                                   struct imported_model *m, struct text *warnings,
                                   struct err *e)
{
    struct imported_writer *w;
    int64_t n;
    const char *slash = strrchr(s->path, '/');
    TRY(source_rows(s, r->rows, &m->rows, &n, e));
    TRY(source_select(s, r->layer, r->n_layers, m, e));
    if (m->rows && n != m->n)
        return ERR(e, ERR_CONFIG, "%s: %" PRId64 " row ids for %" PRId64 " rows", s->path, n,
                   m->n);
    TRY(imported_begin(r->store, m, slash ? slash + 1 : s->path, r->force, &w, e));
    enum err_code rc = source_copy(s, m, w, warnings, e);
    if (rc == ERR_OK) return imported_finish(w, &m->id, e);
    imported_abandon(w);
    return rc;
}

static enum err_code import_here(const struct import_request *r,
                                 const struct import_format *format, struct imported_model *m,
                                 struct text *warnings, struct err *e)
{
    struct source s;
    enum err_code rc = source_open(r->path, format, &s, e);
    if (rc == ERR_OK) rc = source_import(r, &s, m, warnings, e);
    source_close(&s);
    m->layer = NULL;
    m->d = NULL;
    return rc;
}

/* What a process that imports tells the one that waits; the warnings follow. */
struct outcome {
    enum err_code rc;
    struct err e;
    uint64_t id, rows;
    int64_t n;
    int n_layers;
    size_t warned;
};

static _Noreturn void child(int to, const struct import_request *r,
                            const struct import_format *format, struct imported_model *m,
                            struct text *warnings)
{
    struct outcome o = {.e = {.rank = -1}};
    o.rc = import_here(r, format, m, warnings, &o.e);
    o.id = m->id;
    o.rows = m->rows;
    o.n = m->n;
    o.n_layers = m->n_layers;
    o.warned = warnings->length;
    FILE *f = fdopen(to, "w");
    if (f) fwrite(&o, sizeof o, 1, f);
    if (f && o.warned) fwrite(warnings->at, 1, o.warned, f);
    if (f) fflush(f);
    _exit(0);
}

/* Did the child say everything? */
static bool heard(int from, struct outcome *o, struct text *warnings)
{
    FILE *f = fdopen(from, "r");
    bool ok = f && fread(o, sizeof *o, 1, f) == 1;
    size_t left = ok ? o->warned : 0;
    char block[4096];
    while (ok && left) {
        size_t n = left < sizeof block ? left : sizeof block;
        ok = fread(block, 1, n, f) == n;
        if (ok) text_add_bytes(warnings, block, n);
        left -= n;
    }
    if (f) fclose(f);
    return ok;
}

/* The same in a process of its own, so that one which breaks down is an error like others. */
static enum err_code import_apart(const struct import_request *r,
                                  const struct import_format *format, struct imported_model *m,
                                  struct text *warnings, struct err *e)
{
    int end[2], status = 0;
    struct outcome o;
    if (pipe2(end, O_CLOEXEC) != 0) return ERR(e, ERR_IO, "%s: no pipe: %m", r->path);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) child(end[1], r, format, m, warnings);
    close(end[1]);
    if (pid < 0) {
        close(end[0]);
        return ERR(e, ERR_IO, "%s: no process to read it: %m", r->path);
    }
    bool ok = heard(end[0], &o, warnings);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (!ok) {
        imported_clean(r->store, m->name);
        return ERR(e, ERR_FORMAT, "%s: it is damaged: the HDF5 library broke down on it (%s)",
                   r->path, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it ended");
    }
    m->id = o.id;
    m->rows = o.rows;
    m->n = o.n;
    m->n_layers = o.n_layers;
    if (e && o.rc != ERR_OK) *e = o.e;
    return o.rc;
}

enum err_code import_model(const struct import_request *r, struct imported_model *m,
                           struct text *warnings, struct err *e)
{
    const struct import_format *format = NULL;
    TRY(format_find(r->path, &format, e));
    return (format->fragile ? import_apart : import_here)(r, format, m, warnings, e);
}
