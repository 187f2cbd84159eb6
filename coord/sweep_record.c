/* sweep_record.c - the blocks `record:` and `stop:`: what is measured, when, and what ends a
 * trial early.
 *
 * A record grid is a row of sweep_grids in the order of enum record_grid. */
#include <stdio.h>
#include <string.h>

#include "coord/sweep_reader.h"

enum { DEFAULT_GRID_COUNT = 10, TRAIN_SUBSET = 2048 };

static const struct row grids[] = {
    [GRID_LINEAR] = {"linear", "N equal intervals: N + 1 records, step 0 among them", NULL},
    [GRID_LOG] = {"log", "N steps at equal ratios", NULL},
    [GRID_LAST] = {"last", "true: the last step only", NULL},
};
const struct table sweep_grids = TABLE("record grid", grids);

static void read_metrics(struct sweep_reader *r, const struct yaml_node *record)
{
    struct record *out = &r->sweep->record;
    const struct table *known = r->sweep->experiment->metrics;
    const struct yaml_node *list = sweep_child(r, record, "record", "metrics", YAML_LIST);
    if (!list) {
        for (int i = 0; i < known->count && i < TASK_MAX_METRICS; i++)
            snprintf(out->metric[out->n_metrics++], TASK_NAME, "%s", table_row(known, i)->name);
        return;
    }
    if (list->count == 0)
        yaml_problem(r->file, list->mark, "leave the key out for all of them",
                     "record.metrics: at least one metric");
    out->n_metrics = sweep_names(r, list, "record.metrics", out->metric, TASK_MAX_METRICS);
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
        yaml_problem(r->file, at->mark, hint, "experiment %s has no metric '%s'",
                     r->sweep->experiment->row.name, at->text);
    }
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

/* init, final, or a step. INT64_MIN after a problem. */
static int64_t slot_of(struct sweep_reader *r, const struct yaml_node *at)
{
    int64_t step;
    if (at->kind == YAML_SCALAR && strcmp(at->text, "init") == 0) return SLOT_INIT;
    if (at->kind == YAML_SCALAR && strcmp(at->text, "final") == 0) return SLOT_FINAL;
    if (yaml_integer(at, &step) && step >= 1) return step;
    yaml_problem(r->file, at->mark, "write init, final, or the number of a step",
                 "record.representations.at: no such moment: '%s'",
                 at->kind == YAML_SCALAR ? at->text : "...");
    return INT64_MIN;
}

static void read_slots(struct sweep_reader *r, const struct yaml_node *block)
{
    struct record *out = &r->sweep->record;
    const struct yaml_node *at =
        sweep_child(r, block, "record.representations", "at", YAML_LIST);
    out->n_slots = 0;
    for (int i = 0; at && i < at->count; i++) {
        int64_t slot = slot_of(r, at->child[i]);
        bool again = false;
        for (int k = 0; k < out->n_slots; k++) again = again || out->slot[k] == slot;
        if (slot == INT64_MIN) continue;
        if (again)
            yaml_problem(r->file, at->child[i]->mark, NULL,
                         "record.representations.at: '%s' is there twice", at->child[i]->text);
        else if (out->n_slots == TASK_MAX_SLOTS)
            yaml_problem(r->file, at->child[i]->mark, NULL,
                         "record.representations.at: at most %d moments", TASK_MAX_SLOTS);
        else
            out->slot[out->n_slots++] = slot;
    }
    if (at && at->count == 0)
        yaml_problem(r->file, at->mark, NULL, "record.representations.at: at least one moment");
    if (!at) out->slot[out->n_slots++] = SLOT_FINAL;
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
    const struct yaml_node *probe = sweep_child(r, block, where, "probe", YAML_MAP);
    if (probe) sweep_scalars(r, probe, "record.representations.probe", "");
}

void sweep_record_read(struct sweep_reader *r, const struct yaml_node *node)
{
    sweep_known_keys(r, node, "record", "metrics every representations");
    r->sweep->record.train_subset = TRAIN_SUBSET;
    read_metrics(r, node);
    read_every(r, node);
    read_representations(r, node);
}

void sweep_stop_read(struct sweep_reader *r, const struct yaml_node *node)
{
    sweep_known_keys(r, node, "stop", "diverged");
    const struct yaml_node *diverged = sweep_child(r, node, "stop", "diverged", YAML_MAP);
    if (diverged) sweep_scalars(r, diverged, "stop.diverged", "");
}
