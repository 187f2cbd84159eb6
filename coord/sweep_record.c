/* sweep_record.c - the blocks `record:` and `stop:`: what is measured, when, and what ends a
 * trial early.
 *
 * A record grid is a row of sweep_grids in the order of enum record_grid. */
#include <stdio.h>
#include <string.h>

#include "coord/sweep_reader.h"
#include "worker/data.h"
#include "worker/metric.h"

enum { DEFAULT_GRID_COUNT = 10, PROBES = 1024 };

static const struct row grids[] = {
    [GRID_LINEAR] = {"linear", "N equal intervals: N + 1 records, step 0 among them", NULL},
    [GRID_LOG] = {"log", "N steps at equal ratios", NULL},
    [GRID_LAST] = {"last", "true: the last step only", NULL},
};
const struct table sweep_grids = TABLE("record grid", grids);

/* The names of a list must be rows of a table of the experiment's. */
static void check_known(struct sweep_reader *r, const struct yaml_node *list,
                        const struct table *known)
{
    for (int i = 0; i < list->count; i++) {
        const struct yaml_node *at = list->child[i];
        if (at->kind != YAML_SCALAR || table_find(known, at->text) >= 0) continue;
        char hint[512] = "known: ";
        const char *near = table_nearest(known, at->text);
        if (near)
            snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        else
            for (int k = 0; k < known->count; k++) {
                size_t used = strlen(hint);
                snprintf(hint + used, sizeof hint - used, "%s%s", k ? ", " : "",
                         table_row(known, k)->name);
            }
        yaml_problem(r->file, at->mark, hint, "experiment %s has no %s '%s'",
                     r->sweep->experiment->row.name, known->kind, at->text);
    }
}

static void read_metrics(struct sweep_reader *r, const struct yaml_node *record)
{
    struct record *out = &r->sweep->record;
    const struct table *known = r->sweep->experiment->metrics;
    const struct yaml_node *list = sweep_child(r, record, "record", "metrics", YAML_LIST);
    if (!list) {
        for (int i = 0; i < known->count && out->n_metrics < TASK_MAX_METRICS; i++) {
            const struct metric *m = (const void *)table_row(known, i);
            if (!m->on_request)
                snprintf(out->metric[out->n_metrics++], TASK_NAME, "%s", m->row.name);
        }
        return;
    }
    if (list->count == 0)
        yaml_problem(r->file, list->mark, "leave the key out for the usual ones",
                     "record.metrics: at least one metric");
    out->n_metrics = sweep_names(r, list, "record.metrics", out->metric, TASK_MAX_METRICS);
    check_known(r, list, known);
}

/* What a trial leaves at its end: nothing where the file does not say. */
static void read_arrays(struct sweep_reader *r, const struct yaml_node *record)
{
    struct record *out = &r->sweep->record;
    const struct experiment *x = r->sweep->experiment;
    const struct yaml_node *list = sweep_child(r, record, "record", "arrays", YAML_LIST);
    if (!list) return;
    if (!x->arrays) {
        yaml_problem(r->file, list->mark, "leave record.arrays out",
                     "experiment %s makes no arrays", x->row.name);
        return;
    }
    out->n_arrays = sweep_names(r, list, "record.arrays", out->array, TASK_MAX_ARRAYS);
    check_known(r, list, x->arrays);
}

/* every: {log: 10} */
static void read_every(struct sweep_reader *r, const struct yaml_node *record)
{
    struct record *out = &r->sweep->record;
    out->grid = GRID_LOG;
    out->grid_count = DEFAULT_GRID_COUNT;
    const struct yaml_node *every = sweep_child(r, record, "record", "every", YAML_MAP);
    if (!every) return;
    sweep_known_keys(r, every, "record.every", "log linear last");
    int grid = every->count == 1 ? table_find(&sweep_grids, every->key[0]) : -1;
    if (every->count != 1)
        yaml_problem(r->file, every->mark, "write one of log: N, linear: N, last: true",
                     "record.every: expected one grid, got %d keys", every->count);
    if (grid < 0) return;
    const struct yaml_node *value = every->child[0];
    out->grid = (enum record_grid)grid;
    if (grid == GRID_LAST) {
        out->grid_count = 1;
        if (value->kind != YAML_SCALAR || value->quoted || strcmp(value->text, "true") != 0)
            yaml_problem(r->file, value->mark, "write last: true",
                         "record.every.last: expected true");
    } else if (!yaml_integer(value, &out->grid_count) || out->grid_count < 1 ||
               out->grid_count >= TASK_MAX_RECORDS) {
        yaml_problem(r->file, value->mark, NULL,
                     "record.every.%s: expected a whole number from 1 to %d", every->key[0],
                     TASK_MAX_RECORDS - 1);
    }
}

/* {train_acc: {above: 0.9}}: the first record at which it is so. */
static bool read_level(struct sweep_reader *r, const struct yaml_node *at, struct level *out)
{
    static const char where[] = "record.representations.at";
    const struct yaml_node *bound = at->count == 1 ? at->child[0] : NULL;
    if (!bound || bound->kind != YAML_MAP || bound->count != 1 ||
        !yaml_number(bound->child[0], &out->at) ||
        (strcmp(bound->key[0], "above") != 0 && strcmp(bound->key[0], "below") != 0)) {
        yaml_problem(r->file, at->mark, "for example {train_acc: {above: 0.9}}",
                     "%s: expected a metric and one of above, below", where);
        return false;
    }
    out->above = strcmp(bound->key[0], "above") == 0;
    for (out->metric = 0; out->metric < r->sweep->record.n_metrics; out->metric++)
        if (strcmp(r->sweep->record.metric[out->metric], at->key[0]) == 0) return true;
    yaml_problem(r->file, at->key_mark[0], "add it to record.metrics",
                 "%s: '%s' is not recorded", where, at->key[0]);
    return false;
}

/* init, final, a step, or a level of a metric. INT64_MIN after a problem. */
static int64_t slot_of(struct sweep_reader *r, const struct yaml_node *at, struct level *level)
{
    int64_t step;
    if (at->kind == YAML_MAP) return read_level(r, at, level) ? SLOT_LEVEL : INT64_MIN;
    if (at->kind == YAML_SCALAR && strcmp(at->text, "init") == 0) return SLOT_INIT;
    if (at->kind == YAML_SCALAR && strcmp(at->text, "final") == 0) return SLOT_FINAL;
    if (yaml_integer(at, &step) && step >= 1) return step;
    yaml_problem(r->file, at->mark,
                 "write init, final, the number of a step, or {METRIC: {above: LEVEL}}",
                 "record.representations.at: no such moment: '%s'",
                 at->kind == YAML_SCALAR ? at->text : "...");
    return INT64_MIN;
}

static bool same_level(const struct level *a, const struct level *b)
{
    return a->metric == b->metric && a->above == b->above && a->at == b->at;
}

static void read_slots(struct sweep_reader *r, const struct yaml_node *block)
{
    struct record *out = &r->sweep->record;
    const struct yaml_node *at =
        sweep_child(r, block, "record.representations", "at", YAML_LIST);
    out->n_slots = 0;
    for (int i = 0; at && i < at->count; i++) {
        struct level level = {0};
        int64_t slot = slot_of(r, at->child[i], &level);
        bool again = false;
        for (int k = 0; k < out->n_slots; k++)
            again |= out->slot[k] == slot &&
                     (slot != SLOT_LEVEL || same_level(&level, &out->level[k]));
        if (slot == INT64_MIN) continue;
        if (again)
            yaml_problem(r->file, at->child[i]->mark, NULL,
                         "record.representations.at: '%s' is there twice",
                         slot == SLOT_LEVEL ? out->metric[level.metric] : at->child[i]->text);
        else if (out->n_slots == TASK_MAX_SLOTS)
            yaml_problem(r->file, at->child[i]->mark, NULL,
                         "record.representations.at: at most %d moments", TASK_MAX_SLOTS);
        else {
            out->level[out->n_slots] = level;
            out->slot[out->n_slots++] = slot;
        }
    }
    if (at && at->count == 0)
        yaml_problem(r->file, at->mark, NULL, "record.representations.at: at least one moment");
    if (!at) out->slot[out->n_slots++] = SLOT_FINAL;
}

/* Adds one setting of a probe set's own data. */
static void read_patch(struct sweep_reader *r, struct probe_set *set, const char *key,
                       struct yaml_mark mark, const struct yaml_node *value)
{
    char name[2 * TASK_NAME], text[TASK_PATH];
    struct config config = r->sweep->stage[0].base;
    snprintf(name, sizeof name, "data.%.60s", key);
    const struct field *f = field_find(r->fields, name, NULL);
    if (!f) {
        const char *near = sweep_nearest_setting(r->fields, name);
        char hint[160];
        snprintf(hint, sizeof hint, "did you mean '%s'?", near ? near : "data.name");
        yaml_problem(r->file, mark, hint, "unknown setting '%s'", name);
        return;
    }
    if (!field_read(f, r->file, value, &config)) return;
    size_t used = strlen(set->settings), size = field_size(f);
    int length = snprintf(set->settings + used, sizeof set->settings - used, "%s%s=%s",
                          used ? " " : "", name, field_text(f, &config, text, sizeof text));
    if (set->n_patches == TASK_MAX_PATCHES || length >= (int)(sizeof set->settings - used)) {
        yaml_problem(r->file, mark, NULL, "a probe set has at most %d settings of its own",
                     TASK_MAX_PATCHES);
        return;
    }
    struct patch *patch = &set->patch[set->n_patches++];
    patch->offset = f->offset;
    patch->size = size;
    memcpy(patch->value, (const char *)&config + f->offset, size);
}

/* id: {split: test, n: 512, data: {label_noise: 0.2}} */
static void read_probe_set(struct sweep_reader *r, const char *name,
                           const struct yaml_node *node)
{
    static const char where[] = "record.representations.probe";
    struct record *out = &r->sweep->record;
    struct probe_set *set = &out->probe[out->n_probe_sets];
    struct sweep scratch = *r->sweep; /* the rows of split and n write to its first set */
    struct sweep_reader reader = *r;
    reader.sweep = &scratch;
    memset(&scratch.record.probe[0], 0, sizeof scratch.record.probe[0]);
    scratch.record.probe[0].split = SPLIT_TEST;
    scratch.record.probe[0].n = PROBES;
    sweep_scalars(&reader, node, where, "data");
    memset(set, 0, sizeof *set);
    *set = scratch.record.probe[0];
    snprintf(set->name, sizeof set->name, "%.60s", name);
    const struct yaml_node *data = sweep_child(r, node, where, "data", YAML_MAP);
    for (int i = 0; data && i < data->count; i++)
        read_patch(r, set, data->key[i], data->key_mark[i], data->child[i]);
    out->n_probe_sets++;
}

/* One set, called as its split; or a map of several by their names. */
static void read_probes(struct sweep_reader *r, const struct yaml_node *block)
{
    static const char where[] = "record.representations";
    struct record *out = &r->sweep->record;
    const struct yaml_node *probe = sweep_child(r, block, where, "probe", YAML_MAP);
    bool named = probe && probe->count > 0 && probe->child[0]->kind == YAML_MAP &&
                 strcmp(probe->key[0], "data") != 0;
    if (!named) {
        static const struct yaml_node none = {.kind = YAML_MAP};
        read_probe_set(r, "", probe ? probe : &none);
        snprintf(out->probe[0].name, TASK_NAME, "%s",
                 table_row(&splits, out->probe[0].split)->name);
        return;
    }
    for (int i = 0; i < probe->count; i++) {
        const struct yaml_node *set = probe->child[i];
        if (set->kind != YAML_MAP || strchr(probe->key[i], '/'))
            yaml_problem(r->file, probe->key_mark[i], "for example id: {split: test, n: 512}",
                         "%s.probe: expected a name and a map", where);
        else if (out->n_probe_sets == TASK_MAX_PROBE_SETS)
            yaml_problem(r->file, probe->key_mark[i], NULL, "%s.probe: at most %d sets", where,
                         TASK_MAX_PROBE_SETS);
        else
            read_probe_set(r, probe->key[i], set);
    }
}

static void read_representations(struct sweep_reader *r, const struct yaml_node *record)
{
    static const char where[] = "record.representations";
    struct record *out = &r->sweep->record;
    const struct yaml_node *block =
        sweep_child(r, record, "record", "representations", YAML_MAP);
    if (!block) return;
    sweep_scalars(r, block, where, "layers at probe");
    const struct yaml_node *layers = sweep_child(r, block, where, "layers", YAML_LIST);
    if (!yaml_get(block, "layers") || (layers && layers->count == 0))
        yaml_problem(r->file, layers ? layers->mark : block->mark,
                     "for example layers: [hidden.last]",
                     "record.representations: layers are missing");
    out->n_layers =
        sweep_names(r, layers, "record.representations.layers", out->layer, TASK_MAX_LAYERS);
    read_slots(r, block);
    read_probes(r, block);
}

void sweep_record_read(struct sweep_reader *r, const struct yaml_node *node)
{
    if (node) sweep_scalars(r, node, "record", "metrics every representations arrays visual");
    const struct yaml_node *visual = sweep_child(r, node, "record", "visual", YAML_MAP);
    if (visual) sweep_scalars(r, visual, "record.visual", "");
    read_metrics(r, node);
    read_every(r, node);
    read_representations(r, node);
    read_arrays(r, node);
}

void sweep_stop_read(struct sweep_reader *r, const struct yaml_node *node)
{
    sweep_known_keys(r, node, "stop", "diverged");
    const struct yaml_node *diverged = sweep_child(r, node, "stop", "diverged", YAML_MAP);
    if (diverged) sweep_scalars(r, diverged, "stop.diverged", "");
}
