/* store_layout.c - which rows, settings and classes a store has, from a plan and the store that
 * is there.
 *
 * Rows of the store that is there keep their numbers and its classes the order of their
 * members; what is new comes behind. To extend: a column is a row of store_columns, something
 * more that must agree between store and sweep a line in store_identity (and a larger
 * STORE_IDENTITY; stores made before lack it and are refused, unless the sweep says nothing
 * there). */
#include "coord/store_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static hid_t type_u8(void)
{
    return H5T_STD_U8LE;
}
static hid_t type_u64(void)
{
    return H5T_STD_U64LE;
}
static hid_t type_i32(void)
{
    return H5T_STD_I32LE;
}
static hid_t type_i64(void)
{
    return H5T_STD_I64LE;
}
static hid_t type_f64(void)
{
    return H5T_IEEE_F64LE;
}

const struct store_column store_columns[STORE_COLUMNS] = {
    {"id", type_u64},         {"state", type_u8},   {"seed", type_u64},
    {"seconds", type_f64},    {"worker", type_i32}, {"checksum", type_u64},
    {"steps_done", type_i64},
};

static void add_slot(struct text *list, const struct record *r, int k)
{
    char number[32];
    const struct level *level = &r->level[k];
    text_add(list, "%s", k ? " " : "");
    if (r->slot[k] == SLOT_INIT)
        text_add(list, "init");
    else if (r->slot[k] == SLOT_FINAL)
        text_add(list, "final");
    else if (r->slot[k] == SLOT_LEVEL)
        text_add(list, "%s%s%s", r->metric[level->metric], level->above ? ">" : "<",
                 text_double(level->at, number));
    else
        text_add(list, "%lld", (long long)r->slot[k]);
}

static void add_probes(struct text *list, const struct record *r)
{
    for (int i = 0; i < r->n_probe_sets; i++) {
        const struct probe_set *set = &r->probe[i];
        const char *split = set->split ? "test" : "train";
        text_add(list, "%s%s", i ? "; " : "", set->name);
        if (strcmp(set->name, split) != 0) text_add(list, " %s", split);
        text_add(list, " %lld", (long long)set->n);
        if (*set->settings) text_add(list, " %s", set->settings);
    }
}

/* What images are made of, where some are. */
static void add_visual(struct text *list, const struct record *r)
{
    bool wanted = false;
    for (int i = 0; i < r->n_arrays; i++) wanted |= strncmp(r->array[i], "visual", 6) == 0;
    for (int i = 0; i < r->n_metrics; i++) wanted |= strncmp(r->metric[i], "visual", 6) == 0;
    if (wanted)
        text_add(list, " (%s %lld %s)", r->visual.layer, (long long)r->visual.channels,
                 r->visual.rgb);
}

void store_identity(const struct sweep *sweep, struct store_identity out[STORE_IDENTITY])
{
    static const char *const grids[] = {"linear", "log", "last"};
    const struct record *r = &sweep->record;
    struct text list = {0};
    char number[32];
    int n = 0;
#define ADD(key, ...)                                                                          \
    do {                                                                                       \
        INVARIANT(n < STORE_IDENTITY);                                                         \
        out[n].name = key;                                                                     \
        snprintf(out[n++].text, sizeof out->text, __VA_ARGS__);                                \
    } while (0)
    ADD("schema", "1");
    ADD("name", "%s", sweep->name);
    ADD("experiment", "%s", sweep->experiment->row.name);
    ADD("seed", "%llu", (unsigned long long)sweep->root);
    for (int i = 0; i < r->n_metrics; i++) text_add(&list, "%s%s", i ? " " : "", r->metric[i]);
    ADD("record.metrics", "%s", list.at ? list.at : "");
    ADD("record.every", r->grid == GRID_LAST ? "%s" : "%s %lld", grids[r->grid],
        (long long)r->grid_count);
    list.length = 0;
    text_add(&list, "%lld", (long long)r->train_subset);
    if (r->test_subset) text_add(&list, ", test %lld", (long long)r->test_subset);
    ADD("record.train_subset", "%s", list.at);
    list.length = 0;
    for (int i = 0; i < r->n_layers; i++) text_add(&list, "%s%s", i ? " " : "", r->layer[i]);
    ADD("record.representations.layers", "%s", r->n_layers ? list.at : "");
    list.length = 0;
    for (int i = 0; i < r->n_slots; i++) add_slot(&list, r, i);
    ADD("record.representations.at", "%s", r->n_slots ? list.at : "");
    list.length = 0;
    add_probes(&list, r);
    ADD("record.representations.probe", "%s", r->n_probe_sets ? list.at : "");
    list.length = 0;
    for (int i = 0; i < r->n_arrays; i++) text_add(&list, "%s%s", i ? " " : "", r->array[i]);
    add_visual(&list, r);
    ADD("record.arrays", "%s", list.length ? list.at : "");
    ADD("stop.diverged.above", "%s", text_double(r->diverged_above, number));
#undef ADD
    INVARIANT(n == STORE_IDENTITY);
    text_clear(&list);
}

int store_views(const struct record *record)
{
    return record->n_layers * record->n_probe_sets;
}

const struct probe_set *store_probe_set(const struct record *record, int view)
{
    return &record->probe[view / record->n_layers];
}

const char *store_view_path(const struct record *record, int view, char *out, size_t size)
{
    snprintf(out, size, "representations/%s/%s", store_probe_set(record, view)->name,
             record->layer[view % record->n_layers]);
    return out;
}

const char *store_class_path(const struct record *record, int view, int64_t d, char *out,
                             size_t size)
{
    store_view_path(record, view, out, size);
    size_t used = strlen(out);
    snprintf(out + used, size - used, "/%lld", (long long)d);
    return out;
}

const char *store_weights_path(int64_t n, char *out, size_t size)
{
    snprintf(out, size, "weights/%lld", (long long)n);
    return out;
}

const char *store_from_name(const struct stage *parent, char out[2 * TASK_NAME])
{
    snprintf(out, 2 * TASK_NAME, "from.%s", parent->name);
    return out;
}

void *store_column_read(hid_t file, const char *name, hid_t mem_type, size_t size, int64_t *n,
                        struct arena *arena)
{
    hsize_t dims[1];
    void *out = NULL;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return NULL;
    if (h5_dims(dataset, 1, dims) == 1 && (*n < 0 || *n == (int64_t)dims[0])) {
        *n = (int64_t)dims[0];
        out = arena_array(arena, (size_t)*n, size);
        if (out && H5Dread(dataset, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
            out = NULL;
    }
    h5_release(dataset);
    return out;
}

static enum err_code read_class(hid_t file, const char *path, const struct record *record,
                                struct store_class *c, struct arena *arena, struct err *e)
{
    char group[256], member[300];
    hsize_t dims[4];
    store_class_path(record, c->view, c->d, group, sizeof group);
    snprintf(member, sizeof member, "%s/trial", group);
    c->n = -1;
    c->row = store_column_read(file, member, H5T_NATIVE_INT64, sizeof *c->row, &c->n, arena);
    snprintf(member, sizeof member, "%s/data", group);
    hid_t data = H5Dopen2(file, member, H5P_DEFAULT);
    int n_dims = h5_dims(data, 4, dims);
    h5_release(data);
    if (!c->row || n_dims != 4 || (int64_t)dims[0] != c->n ||
        (int64_t)dims[1] != record->n_slots ||
        (int64_t)dims[2] != store_probe_set(record, c->view)->n || (int64_t)dims[3] != c->d)
        return ERR(e, ERR_FORMAT, "'%s': /%s does not have the sizes of the sweep", path,
                   group);
    c->n_old = c->n;
    return ERR_OK;
}

enum err_code store_classes_read(hid_t file, const char *path, const struct record *record,
                                 struct arena *arena, struct store_class **out, int *n,
                                 struct err *e)
{
    char group[160];
    char **names[STORE_MAX_VIEWS];
    int count[STORE_MAX_VIEWS], total = 0;
    for (int v = 0; v < store_views(record); v++) {
        store_view_path(record, v, group, sizeof group);
        names[v] = h5_names(file, group, arena, &count[v]);
        if (!names[v]) return ERR(e, ERR_FORMAT, "'%s' has no readable /%s", path, group);
        total += count[v];
    }
    *n = total;
    *out = arena_array(arena, (size_t)total, sizeof **out);
    if (!*out) return ERR(e, ERR_NOMEM, "no memory for %d classes", total);
    struct store_class *c = *out;
    for (int v = 0; v < store_views(record); v++)
        for (int i = 0; i < count[v]; i++, c++) {
            *c = (struct store_class){.view = v, .d = strtoll(names[v][i], NULL, 10)};
            TRY(read_class(file, path, record, c, arena, e));
        }
    return ERR_OK;
}

enum err_code store_weights_read(hid_t file, const char *path, struct arena *arena,
                                 struct store_class **out, int *n, struct err *e)
{
    *n = 0;
    *out = NULL;
    if (H5Lexists(file, "weights", H5P_DEFAULT) <= 0) return ERR_OK;
    int count;
    char **names = h5_names(file, "weights", arena, &count);
    *out = arena_array(arena, (size_t)count + 1, sizeof **out);
    if (!names || !*out) return ERR(e, ERR_FORMAT, "'%s' has no readable /weights", path);
    for (; *n < count; ++*n) {
        char name[160];
        hsize_t dims[2];
        struct store_class *c = &(*out)[*n];
        *c = (struct store_class){.view = STORE_WEIGHTS, .n = -1};
        c->d = strtoll(names[*n], NULL, 10);
        snprintf(name, sizeof name, "weights/%s/trial", names[*n]);
        c->row = store_column_read(file, name, H5T_NATIVE_INT64, sizeof *c->row, &c->n, arena);
        snprintf(name, sizeof name, "weights/%s/data", names[*n]);
        hid_t data = H5Dopen2(file, name, H5P_DEFAULT);
        int n_dims = h5_dims(data, 2, dims);
        h5_release(data);
        if (!c->row || n_dims != 2 || (int64_t)dims[0] != c->n || (int64_t)dims[1] != c->d)
            return ERR(e, ERR_FORMAT, "'%s': /weights/%s has the wrong sizes", path, names[*n]);
        c->n_old = c->n;
    }
    return ERR_OK;
}

static enum err_code check_identity(struct store_old *old, const struct sweep *sweep,
                                    struct err *e)
{
    struct store_identity *want = arena_array(&old->arena, STORE_IDENTITY, sizeof *want);
    if (!want) return ERR(e, ERR_NOMEM, "no memory to compare '%s'", old->path);
    store_identity(sweep, want);
    for (int i = 0; i < STORE_IDENTITY; i++) {
        const char *is = h5_attribute_read(old->file, want[i].name, &old->arena);
        if (!is && !*want[i].text) continue; /* of a shoal that did not know it yet */
        if (!is)
            return ERR(e, ERR_FORMAT, "'%s' is not a store: no attribute '%s'", old->path,
                       want[i].name);
        if (strcmp(is, want[i].text) != 0)
            return ERR(e, ERR_CONFIG,
                       "the store '%s' belongs to another sweep: its %s is '%s', the sweep "
                       "file says '%s'; write to another store (-o)",
                       old->path, want[i].name, is, want[i].text);
    }
    return ERR_OK;
}

static bool is_column(const char *name)
{
    for (int i = 0; i < STORE_COLUMNS; i++)
        if (strcmp(store_columns[i].name, name) == 0) return true;
    return strcmp(name, "stage") == 0 || strncmp(name, "from.", 5) == 0;
}

static enum err_code read_old(struct store_old *old, const struct record *record, struct err *e)
{
    int n_names;
    hsize_t dims[2];
    char **names = h5_names(old->file, "trials", &old->arena, &n_names);
    old->n_rows = -1;
    old->id = store_column_read(old->file, "trials/id", H5T_NATIVE_UINT64, sizeof *old->id,
                                &old->n_rows, &old->arena);
    old->state = store_column_read(old->file, "trials/state", H5T_NATIVE_UINT8,
                                   sizeof *old->state, &old->n_rows, &old->arena);
    if (!names || !old->id || !old->state)
        return ERR(e, ERR_FORMAT, "'%s' is not a store: no readable /trials", old->path);
    hid_t step = H5Dopen2(old->file, "metrics/step", H5P_DEFAULT);
    int n_dims = h5_dims(step, 2, dims);
    h5_release(step);
    if (n_dims != 2 || (int64_t)dims[0] != old->n_rows)
        return ERR(e, ERR_FORMAT, "'%s' has no readable /metrics/step", old->path);
    old->records = (int64_t)dims[1];
    old->axis = names;
    for (int i = 0; i < n_names; i++)
        if (!is_column(names[i])) old->axis[old->n_axes++] = names[i];
    if (H5Lexists(old->file, "trials/stage", H5P_DEFAULT) > 0) {
        hid_t type = h5_text_type(TASK_NAME);
        old->stage = store_column_read(old->file, "trials/stage", type, sizeof *old->stage,
                                       &old->n_rows, &old->arena);
        h5_release(type);
        if (!old->stage)
            return ERR(e, ERR_FORMAT, "'%s' has no readable /trials/stage", old->path);
    }
    TRY(store_weights_read(old->file, old->path, &old->arena, &old->weights, &old->n_weights,
                           e));
    TRY(store_arrays_read(old->file, old->path, record, &old->arena, &old->array,
                          &old->n_arrays, e));
    return store_classes_read(old->file, old->path, record, &old->arena, &old->class,
                              &old->n_classes, e);
}

enum err_code store_old_open(const char *path, const struct sweep *sweep, struct store_old *out,
                             struct err *e)
{
    *out = (struct store_old){.path = path, .file = h5_open_read(path)};
    if (out->file < 0) {
        H5_ERR(e, "cannot read the store '%s'", path);
        if (e) e->code = ERR_FORMAT;
        return ERR_FORMAT;
    }
    TRY(check_identity(out, sweep, e));
    return read_old(out, &sweep->record, e);
}

void store_old_close(struct store_old *old)
{
    h5_release(old->file);
    arena_clear(&old->arena);
}

enum err_code store_old_shares(const struct store_old *old, int64_t common, int64_t n_trials,
                               struct err *e)
{
    if (common > 0) return ERR_OK;
    return ERR(e, ERR_CONFIG,
               "the store '%s' belongs to another sweep: none of its %lld trials is among "
               "the %lld of the sweep file; write to another store (-o)",
               old->path, (long long)old->n_rows, (long long)n_trials);
}

/* Gives every trial its row. */
static enum err_code init_rows(struct store_layout *l, const struct store_old *old,
                               int64_t *row, struct arena *arena, struct err *e)
{
    int64_t n = l->plan->n_trials, common = 0;
    if (!row) row = arena_array(arena, (size_t)n, sizeof *row);
    l->n_old = l->n_rows = old ? old->n_rows : 0;
    l->trial_of = arena_array(arena, (size_t)(l->n_old + n), sizeof *l->trial_of);
    if (!row || !l->trial_of) return ERR(e, ERR_NOMEM, "no memory for %lld rows", (long long)n);
    for (int64_t t = 0; t < n; t++) row[t] = -1;
    for (int64_t r = 0; r < l->n_old; r++) {
        int64_t t = l->trial_of[r] = plan_find(l->plan, old->id[r]);
        if (t >= 0) row[t] = r;
        common += t >= 0;
    }
    if (old) TRY(store_old_shares(old, common, n, e));
    for (int64_t t = 0; t < n; t++)
        if (row[t] < 0) {
            row[t] = l->n_rows;
            l->trial_of[l->n_rows++] = t;
        }
    return ERR_OK;
}

static void add_axis(struct store_layout *l, const struct field *f, int stage)
{
    for (int i = 0; i < l->n_axes; i++)
        if (l->axis[i].field == f && l->axis[i].stage == stage) return;
    struct store_axis *a = &l->axis[l->n_axes++];
    *a = (struct store_axis){.field = f, .stage = stage};
    snprintf(a->name, sizeof a->name, "%s%s%s",
             stage < 0 ? "" : l->plan->sweep->stage[stage].name, stage < 0 ? "" : ".",
             f->row.name);
}

/* An axis of the old store; one of a stage that the sweep does not have any more goes. */
static enum err_code add_old_axis(struct store_layout *l, const struct store_old *old,
                                  const char *name, struct err *e)
{
    const struct sweep *s = l->plan->sweep;
    const char *dot = strchr(name, '.');
    const struct field *f = field_find(s->experiment->fields, name, NULL);
    const struct field *inner = dot ? field_find(s->experiment->fields, dot + 1, NULL) : NULL;
    if (!f && !inner)
        return ERR(e, ERR_CONFIG, "the store '%s' has a setting '%s' unknown to this shoal",
                   old->path, name);
    char stage[TASK_NAME];
    snprintf(stage, sizeof stage, "%.*s", dot ? (int)(dot - name) : 0, name);
    int of = f ? -1 : sweep_stage_find(s, stage);
    if (f || of >= 0) add_axis(l, f ? f : inner, of);
    return ERR_OK;
}

/* Settings that vary between rows: in the store, in the plan, or between the two. */
static enum err_code init_axes(struct store_layout *l, const struct store_old *old,
                               struct arena *arena, struct err *e)
{
    const struct table *fields = l->plan->sweep->experiment->fields;
    size_t most = (size_t)fields->count * (size_t)(l->plan->n_stages + 1);
    l->axis = arena_array(arena, most, sizeof *l->axis);
    if (!l->axis) return ERR(e, ERR_NOMEM, "no memory for %d settings", fields->count);
    for (int i = 0; old && i < old->n_axes; i++) TRY(add_old_axis(l, old, old->axis[i], e));
    for (int i = 0; i < l->plan->n_varied; i++) add_axis(l, l->plan->varied[i], -1);
    for (int i = 0; i < l->plan->n_joined; i++)
        add_axis(l, l->plan->joined[i].field, l->plan->joined[i].stage);
    hid_t trials = old ? H5Gopen2(old->file, "trials", H5P_DEFAULT) : -1;
    struct config config;
    plan_config(l->plan, 0, &config);
    for (int i = 0; trials >= 0 && i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        char now[TASK_PATH + 1];
        const char *was = h5_attribute_read(trials, f->row.name, arena);
        if (was && strcmp(was, field_text(f, &config, now, sizeof now)) != 0)
            add_axis(l, f, -1);
    }
    h5_release(trials);
    return ERR_OK;
}

/* A list of classes that grows. */
struct class_list {
    struct store_class **class;
    int *n, *capacity;
};

/* The class of a view with d features, made when there is none; NULL: no memory. */
static struct store_class *need_class(struct class_list *l, int view, int64_t d,
                                      struct arena *arena)
{
    for (int i = *l->n - 1; i >= 0; i--)
        if ((*l->class)[i].view == view && (*l->class)[i].d == d) return &(*l->class)[i];
    if (*l->n == *l->capacity) {
        int capacity = 2 * *l->capacity + 16;
        struct store_class *grown = arena_array(arena, (size_t)capacity, sizeof *grown);
        if (!grown) return NULL;
        if (*l->n) memcpy(grown, *l->class, (size_t)*l->n * sizeof *grown);
        *l->class = grown;
        *l->capacity = capacity;
    }
    (*l->class)[*l->n] = (struct store_class){.view = view, .d = d};
    return &(*l->class)[(*l->n)++];
}

/* Counts the members of every class, then numbers them. */
static enum err_code init_classes(struct store_layout *l, const struct store_old *old,
                                  struct arena *arena, struct err *e)
{
    const struct record *record = &l->plan->sweep->record;
    struct class_list all = {&l->class, &l->n_classes, &l->class_capacity};
    for (int i = 0; old && i < old->n_classes; i++) {
        struct store_class *c = need_class(&all, old->class[i].view, old->class[i].d, arena);
        if (!c) goto nomem;
        c->n = c->n_old = old->class[i].n;
    }
    for (int64_t r = l->n_old; r < l->n_rows; r++)
        for (int k = 0; k < store_views(record); k++) {
            int64_t d = plan_shape(l->plan, l->trial_of[r])->layer_dim[k % record->n_layers];
            struct store_class *c = d > 0 ? need_class(&all, k, d, arena) : NULL;
            if (d > 0 && !c) goto nomem;
            if (c) c->n++;
        }
    for (int i = 0; i < l->n_classes; i++) {
        struct store_class *c = &l->class[i];
        c->row = arena_array(arena, (size_t)c->n, sizeof *c->row);
        if (!c->row) goto nomem;
        if (c->n_old) memcpy(c->row, old->class[i].row, (size_t)c->n_old * sizeof *c->row);
        c->n = c->n_old;
    }
    for (int64_t r = l->n_old; r < l->n_rows; r++)
        for (int k = 0; k < store_views(record); k++) {
            int64_t d = plan_shape(l->plan, l->trial_of[r])->layer_dim[k % record->n_layers];
            struct store_class *c = d > 0 ? need_class(&all, k, d, arena) : NULL;
            if (c) c->row[c->n++] = r;
        }
    return ERR_OK;
nomem:
    return ERR(e, ERR_NOMEM, "no memory for the classes of representations");
}

/* Whose weights are kept: members of the old store, then further ones in the order of rows. */
static enum err_code init_weights(struct store_layout *l, const struct store_old *old,
                                  struct arena *arena, struct err *e)
{
    struct class_list all = {&l->weights, &l->n_weights, &l->weights_capacity};
    size_t n = (size_t)l->n_rows + 1;
    int64_t *wanted = arena_array(arena, n, sizeof *wanted); /* P of each row to be added */
    l->again = arena_array(arena, (size_t)l->n_old + 1, sizeof *l->again);
    if (!wanted || !l->again) goto nomem;
    for (int64_t r = 0; r < l->n_rows; r++) {
        int64_t t = l->trial_of[r];
        wanted[r] = t >= 0 && plan_keeps(l->plan, t) ? plan_shape(l->plan, t)->weights : 0;
    }
    for (int i = 0; old && i < old->n_weights; i++) {
        struct store_class *c = need_class(&all, STORE_WEIGHTS, old->weights[i].d, arena);
        if (!c) goto nomem;
        c->n = c->n_old = old->weights[i].n;
        for (int64_t m = 0; m < c->n; m++)
            if (old->weights[i].row[m] >= 0 && old->weights[i].row[m] < l->n_old)
                wanted[old->weights[i].row[m]] = 0;
    }
    for (int64_t r = 0; r < l->n_rows; r++) {
        if (!wanted[r]) continue;
        struct store_class *c = need_class(&all, STORE_WEIGHTS, wanted[r], arena);
        if (!c) goto nomem;
        c->n++;
        if (r < l->n_old) l->again[l->n_again++] = r;
    }
    for (int i = 0; i < l->n_weights; i++) {
        struct store_class *c = &l->weights[i];
        l->changed = l->changed || c->n > c->n_old;
        c->row = arena_array(arena, (size_t)c->n + 1, sizeof *c->row);
        if (!c->row) goto nomem;
        if (c->n_old) memcpy(c->row, old->weights[i].row, (size_t)c->n_old * sizeof *c->row);
        c->n = c->n_old;
    }
    for (int64_t r = 0; r < l->n_rows; r++) {
        if (!wanted[r]) continue;
        struct store_class *c = need_class(&all, STORE_WEIGHTS, wanted[r], arena);
        c->row[c->n++] = r;
    }
    return ERR_OK;
nomem:
    return ERR(e, ERR_NOMEM, "no memory for the classes of weights");
}

/* Has a stage another name than in the store? */
static bool renamed(const struct store_layout *l, const struct store_old *old)
{
    const struct plan *p = l->plan;
    if (!old || (!old->stage && !sweep_has_stages(p->sweep))) return false;
    for (int64_t r = 0; r < l->n_old; r++) {
        int64_t t = l->trial_of[r];
        if (t < 0) continue;
        const char *name = p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))].name;
        if (!old->stage || strcmp(old->stage[r], name) != 0) return true;
    }
    return false;
}

enum err_code store_layout_init(struct store_layout *l, const struct plan *plan,
                                const struct store_old *old, int64_t *row, struct arena *arena,
                                struct err *e)
{
    *l = (struct store_layout){.plan = plan, .records = plan->max_records};
    if (old && old->records > l->records) l->records = old->records;
    TRY(init_rows(l, old, row, arena, e));
    TRY(init_axes(l, old, arena, e));
    TRY(init_classes(l, old, arena, e));
    TRY(store_arrays_init(l, old, arena, e));
    l->changed = renamed(l, old);
    return init_weights(l, old, arena, e);
}
