/* sweep.c - a sweep file from its tree: the top level, the settings of a configuration, run.
 *
 * Owns the rows of the scalar settings outside data, model and optim. To add one: a member of
 * struct sweep (or of its parts) and a row here; reading, ranges, help and schema follow from
 * the row. Blocks with lists have readers of their own: sweep_stages.c, sweep_axes.c,
 * sweep_record.c, sweep_report.c. Wrong things are collected as problems of the file, all in
 * one pass. */
#include "coord/sweep.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/report.h"
#include "coord/sweep_reader.h"
#include "linalg/alignment.h"
#include "worker/data.h"

static const struct row methods[] = {
    {"grid", "every combination of the values of all axes", NULL},
};
const struct table sweep_methods = TABLE("sweep method", methods);

static const struct row run_orders[] = {
    {"longest_first", "the trial of most FLOPs first, so that all workers end together", NULL},
    {"file", "in the order of the axes in the file", NULL},
};
const struct table sweep_run_orders = TABLE("run order", run_orders);

static const struct row dtypes[] = {
    {"float32", "32-bit IEEE numbers", NULL},
};
static const struct table dtype_table = TABLE("number type", dtypes);

static const struct row diverged_metrics[] = {
    {"train_loss", "loss of a training batch, looked at in every step", NULL},
};
static const struct table diverged_metric_table = TABLE("divergence metric", diverged_metrics);

#define AT(member) .offset = offsetof(struct sweep, member)

static const struct field settings[] = {
    {{"version", "version of the format of this file", NULL},
     FIELD_INT,
     AT(version),
     .fallback = "1",
     .min = 1,
     .max = 1},
    {{"name", "of the sweep: letters, digits, '-', '_', '.'", NULL},
     FIELD_TEXT,
     AT(name),
     .size = TASK_NAME,
     .flags = FIELD_REQUIRED},
    {{"experiment", "what a trial is", NULL},
     FIELD_NAME,
     AT(experiment_row),
     .fallback = "train",
     .names = &experiments},
    {{"seed", "root of every random stream", NULL},
     FIELD_INT,
     AT(root),
     .fallback = "0",
     .max = 9e18},
    {{"sweep.method", "how values of axes are combined", NULL},
     FIELD_NAME,
     AT(method),
     .fallback = "grid",
     .names = &sweep_methods},
    {{"sweep.seeds", "trials of each configuration, of seeds 0, 1, 2, ...", NULL},
     FIELD_INT,
     AT(seeds),
     .fallback = "1",
     .min = 1,
     .max = 1e7},
    {{"record.train_subset", "samples that train metrics use before the last record", NULL},
     FIELD_INT,
     AT(record.train_subset),
     .fallback = "2048",
     .min = 1,
     .max = 1e15},
    {{"record.test_subset", "samples that test metrics use before the last record; 0: all",
      NULL},
     FIELD_INT,
     AT(record.test_subset),
     .fallback = "0",
     .max = 1e15},
    {{"record.weights", "keep the final weights of all trials, not only of parents", NULL},
     FIELD_BOOL,
     AT(keep_weights),
     .fallback = "false"},
    {{"record.visual.layer", "layer whose channels are visualised", NULL},
     FIELD_TEXT,
     AT(record.visual.layer),
     .size = TASK_NAME,
     .fallback = "hidden.last"},
    {{"record.visual.channels", "how many of them, evenly spread", NULL},
     FIELD_INT,
     AT(record.visual.channels),
     .fallback = "16",
     .min = 1,
     .max = 256},
    {{"record.visual.rgb", "colour that images are compared with: red, green, blue", NULL},
     FIELD_TEXT,
     AT(record.visual.rgb),
     .size = 16,
     .fallback = "150,50,50"},
    {{"record.representations.dtype", "number type of stored representations", NULL},
     FIELD_NAME,
     AT(dtype),
     .fallback = "float32",
     .names = &dtype_table},
    {{"record.representations.probe.split", "where the probes are taken from", NULL},
     FIELD_NAME,
     AT(record.probe[0].split),
     .fallback = "test",
     .names = &splits},
    {{"record.representations.probe.n", "number of probes", NULL},
     FIELD_INT,
     AT(record.probe[0].n),
     .fallback = "1024",
     .min = 1,
     .max = 1e7},
    {{"stop.diverged.metric", "what is looked at", NULL},
     FIELD_NAME,
     AT(diverged_metric),
     .fallback = "train_loss",
     .names = &diverged_metric_table},
    {{"stop.diverged.above", "a larger value is divergence; NaN and Inf always are", NULL},
     FIELD_FLOAT,
     AT(record.diverged_above),
     .fallback = "1e300",
     .max = INFINITY,
     .flags = FIELD_OPEN_MIN},
    {{"run.order", "which trials are handed out first", NULL},
     FIELD_NAME,
     AT(run.order),
     .fallback = "longest_first",
     .names = &sweep_run_orders},
    {{"run.fail_fast", "stop at the first failed trial", NULL},
     FIELD_BOOL,
     AT(run.fail_fast),
     .fallback = "false"},
    {{"run.checkpoint.every", "how often a trial under way is kept: 30s, 10min, 2h, or never",
      NULL},
     FIELD_TEXT,
     AT(run.checkpoint_every),
     .size = TASK_NAME,
     .fallback = "10min"},
    {{"run.checkpoint.dir",
      "folder of checkpoints, $VARIABLES expanded; empty: checkpoints in STORE.d", NULL},
     FIELD_TEXT,
     AT(run.checkpoint_dir),
     .size = TASK_PATH,
     .fallback = ""},
    {{"analysis.alignment.normalize", "what is done to representations first", NULL},
     FIELD_NAME,
     AT(analysis.normalize),
     .fallback = "none",
     .names = &alignment_normalizations},
    {{"analysis.alignment.clip",
      "quantile of their magnitude to which entries are clamped; 1: not at all",
      "arXiv 2405.07987, released code"},
     FIELD_FLOAT,
     AT(analysis.clip),
     .fallback = "1",
     .max = 1,
     .flags = FIELD_OPEN_MIN},
    {{"analysis.alignment.epsilon", "added to the normaliser of CKA (released code: 1e-6)",
      "arXiv 2405.07987"},
     FIELD_FLOAT,
     AT(analysis.epsilon),
     .fallback = "0",
     .max = 1},
    {{"analysis.alignment.probe", "the probe set it looks at; empty: the first", NULL},
     FIELD_TEXT,
     AT(analysis.probe),
     .size = TASK_NAME,
     .fallback = ""},
    {{"analysis.alignment.clip_by", "whose quantile it is", NULL},
     FIELD_NAME,
     AT(analysis.clip_by),
     .fallback = "layer",
     .names = &alignment_clips},
    {{"analysis.alignment.precision", "of the large products", NULL},
     FIELD_NAME,
     AT(analysis.precision),
     .fallback = "double",
     .names = &alignment_precisions},
    {{"analysis.alignment.sigma", "of the RBF kernel; 0: the median distance of each", NULL},
     FIELD_FLOAT,
     AT(analysis.sigma),
     .fallback = "0",
     .max = 1e30},
    {{"analysis.alignment.concat", "all layers side by side are a candidate, too",
      "arXiv 2405.07987, code of its time"},
     FIELD_BOOL,
     AT(analysis.concat),
     .fallback = "false"},
    {{"analysis.alignment.baselines",
      "models beside the trained ones: input, random, untrained, comma-separated; or none",
      NULL},
     FIELD_TEXT,
     AT(analysis.baselines),
     .size = TASK_NAME,
     .fallback = "none"},
    {{"analysis.alignment.memory",
      "gigabytes on each rank for features and what is made of them", NULL},
     FIELD_FLOAT,
     AT(analysis.memory_gb),
     .fallback = "2",
     .min = 0,
     .max = 1e6,
     .flags = FIELD_OPEN_MIN},
    {{"analysis.alignment.spectra",
      "eigenvalues, participation ratio and effective dimension of each representation", NULL},
     FIELD_BOOL,
     AT(analysis.spectra),
     .fallback = "false"},
    {{"analysis.alignment.null.permutations",
      "of the rows, that scores are calibrated by; 0: none", "arXiv 2602.14486"},
     FIELD_INT,
     AT(analysis.permutations),
     .fallback = "0",
     .max = 1e6},
    {{"analysis.alignment.null.within_class", "rows change places within their class only",
      NULL},
     FIELD_BOOL,
     AT(analysis.within_class),
     .fallback = "false"},
    {{"analysis.alignment.null.alpha", "level of the threshold", NULL},
     FIELD_FLOAT,
     AT(analysis.alpha),
     .fallback = "0.05",
     .max = 0.5,
     .flags = FIELD_OPEN_MIN},
    {{"report.venue", "whose page width figures are made for", NULL},
     FIELD_NAME,
     AT(report.venue),
     .fallback = "icml",
     .names = &report_venues},
    {{"report.question", "what the sweep asks: a sentence on top of the report", NULL},
     FIELD_TEXT,
     AT(report.question),
     .size = TASK_PATH,
     .fallback = ""},
};
const struct table sweep_settings = TABLE("setting", settings);

/* Blocks of the top level beside the sections of settings (data, model, optim). */
static const char top_keys[] =
    "version name experiment seed sweep stages record stop run analysis report";

/* ---- helpers of all parts ---- */

static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    if (length == 0) return false;
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
    return false;
}

const char *sweep_nearest_of(const char *list, const char *wanted, char out[TASK_NAME])
{
    struct text_nearest near = text_nearest_init(wanted);
    char word[TASK_NAME];
    const char *found = NULL;
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        near.found = NULL;
        text_nearest_try(&near, word);
        if (near.found) found = strcpy(out, word);
        at += length;
    }
    return found;
}

void sweep_known_keys(struct sweep_reader *r, const struct yaml_node *map, const char *where,
                      const char *known)
{
    for (int i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        if (listed(known, map->key[i])) continue;
        char near[TASK_NAME], hint[512];
        if (sweep_nearest_of(known, map->key[i], near))
            snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        else
            snprintf(hint, sizeof hint, "known: %s", known);
        yaml_problem(r->file, map->key_mark[i], hint, "unknown key '%s' in %s", map->key[i],
                     where);
    }
}

/* Is key the last part of a row's name directly in the section? */
static bool in_section(const struct row *row, const char *section, const char *key)
{
    size_t length = strlen(section);
    const char *name = row->name;
    if (length) {
        if (strncmp(name, section, length) != 0 || name[length] != '.') return false;
        name += length + 1;
    }
    return key ? strcmp(name, key) == 0 : !strchr(name, '.');
}

void sweep_scalars(struct sweep_reader *r, const struct yaml_node *map, const char *section,
                   const char *others)
{
    struct text known = {0}, skip = {0};
    text_add(&known, "%s", others ? others : "");
    for (int i = 0; i < sweep_settings.count; i++) {
        const struct row *row = table_row(&sweep_settings, i);
        const char *dot = strrchr(row->name, '.');
        if (in_section(row, section, NULL))
            text_add(&known, "%s%s", known.length ? " " : "", dot ? dot + 1 : row->name);
    }
    for (int i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        bool is_row = false;
        for (int k = 0; k < sweep_settings.count && !is_row; k++)
            is_row = in_section(table_row(&sweep_settings, k), section, map->key[i]);
        if (!is_row) text_add(&skip, "%s ", map->key[i]);
    }
    if (others) sweep_known_keys(r, map, section, known.at);
    field_read_section(&sweep_settings, section, skip.at ? skip.at : "", r->file, map, r->sweep,
                       NULL);
    text_clear(&known);
    text_clear(&skip);
}

const char *sweep_nearest_setting(const struct table *fields, const char *key)
{
    for (int i = 0; i < fields->count; i++) {
        const char *name = table_row(fields, i)->name, *dot = strchr(name, '.');
        if (dot && strcmp(dot + 1, key) == 0) return name;
    }
    return table_nearest(fields, key);
}

const struct yaml_node *sweep_child(struct sweep_reader *r, const struct yaml_node *map,
                                    const char *where, const char *key, enum yaml_kind kind)
{
    static const char *const kinds[] = {"a single value", "a list", "a map"};
    const struct yaml_node *child = map ? yaml_get(map, key) : NULL;
    if (!child || child->kind == kind) return child;
    yaml_problem(r->file, child->mark, NULL, "%s%s%s: expected %s, got %s", where,
                 *where ? "." : "", key, kinds[kind], kinds[child->kind]);
    return NULL;
}

int sweep_names(struct sweep_reader *r, const struct yaml_node *list, const char *where,
                char (*name)[TASK_NAME], int max)
{
    int n = 0;
    for (int i = 0; list && i < list->count; i++) {
        const struct yaml_node *at = list->child[i];
        bool again = false;
        if (at->kind != YAML_SCALAR || !*at->text || strlen(at->text) >= TASK_NAME) {
            yaml_problem(r->file, at->mark, NULL, "%s: expected a name", where);
            continue;
        }
        for (int k = 0; k < n; k++) again = again || strcmp(name[k], at->text) == 0;
        if (again)
            yaml_problem(r->file, at->mark, NULL, "%s: '%s' is there twice", where, at->text);
        else if (n == max)
            yaml_problem(r->file, at->mark, NULL, "%s: at most %d", where, max);
        else
            strcpy(name[n++], at->text);
    }
    return n;
}

/* ---- the top level ---- */

/* "data" of "data.dim" into out; false for a key without a section. */
static bool section_of(const char *key, char out[TASK_NAME])
{
    const char *dot = strchr(key, '.');
    if (!dot) return false;
    snprintf(out, TASK_NAME, "%.*s", (int)(dot - key), key);
    return true;
}

/* Sections of the experiment's settings in their order, space-separated. */
static void sections(const struct table *fields, char *out, size_t size)
{
    *out = '\0';
    for (int i = 0; i < fields->count; i++) {
        char section[TASK_NAME];
        if (!section_of(table_row(fields, i)->name, section) || listed(out, section)) continue;
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", used ? " " : "", section);
    }
}

/* Unknown keys of the top level. A setting that belongs into a section is told where. */
static void check_top(struct sweep_reader *r, const char *section_list)
{
    const struct yaml_node *root = r->file->root;
    char known[512];
    snprintf(known, sizeof known, "%s %s", top_keys, section_list);
    for (int i = 0; i < root->count; i++) {
        const char *key = root->key[i], *home = NULL;
        if (listed(known, key)) continue;
        char near[TASK_NAME], hint[600];
        for (int k = 0; k < r->fields->count && !home; k++) {
            const char *name = table_row(r->fields, k)->name, *dot = strchr(name, '.');
            if (strcmp(name, key) == 0 || (dot && strcmp(dot + 1, key) == 0)) home = name;
        }
        if (listed("axes zip when exclude seeds method", key))
            snprintf(hint, sizeof hint, "it belongs into the block sweep");
        else if (strcmp(key, "from") == 0)
            snprintf(hint, sizeof hint, "it belongs into a stage of the block stages");
        else if (home)
            snprintf(hint, sizeof hint, "did you mean %s? it belongs into the block %.*s", home,
                     (int)strcspn(home, "."), home);
        else if (sweep_nearest_of(known, key, near))
            snprintf(hint, sizeof hint, "did you mean '%s'?", near);
        else
            snprintf(hint, sizeof hint, "known: %s", known);
        yaml_problem(r->file, root->key_mark[i], hint, "unknown key '%s'", key);
    }
}

static void check_name(struct sweep_reader *r)
{
    const struct yaml_node *node = yaml_get(r->file->root, "name");
    for (const char *at = r->sweep->name; node && *at; at++) {
        if (isalnum((unsigned char)*at) || strchr("-_.", *at)) continue;
        yaml_problem(r->file, node->mark, NULL,
                     "name: only letters, digits, '-', '_' and '.', got '%s'", node->text);
        return;
    }
}

/* 5, or 5%. Kept as the number of trials, or as minus the percentage. */
static void read_max_failures(struct sweep_reader *r, const struct yaml_node *run)
{
    r->sweep->run.max_failed = HUGE_VAL;
    const struct yaml_node *node = sweep_child(r, run, "run", "max_failures", YAML_SCALAR);
    if (!node) return;
    char number[32];
    size_t length = strlen(node->text);
    bool percent = length && node->text[length - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(length - percent), node->text);
    struct yaml_node plain = {.kind = YAML_SCALAR, .mark = node->mark, .text = number};
    double x;
    bool good = length < sizeof number && yaml_number(&plain, &x) && x >= 0 &&
                (percent ? x <= 100 : x == floor(x));
    if (!good) {
        yaml_problem(r->file, node->mark, "write 5 or 5%",
                     "run.max_failures: expected a number of trials or a percentage, got '%s'",
                     node->text);
        return;
    }
    r->sweep->run.max_failed = percent && x > 0 ? -x : x;
}

/* Seconds of "30s", "10min", "2h"; 0 of "never"; -1 of anything else. */
static double duration_s(const char *text)
{
    static const struct {
        const char *name;
        double s;
    } unit[] = {{"s", 1}, {"min", 60}, {"h", 3600}};
    char *end;
    double n = strtod(text, &end);
    if (strcmp(text, "never") == 0) return 0;
    for (int i = 0; i < 3 && end != text && n > 0 && isfinite(n); i++)
        if (strcmp(end, unit[i].name) == 0) return n * unit[i].s;
    return -1;
}

static void read_run(struct sweep_reader *r)
{
    const struct yaml_node *run = sweep_child(r, r->file->root, "", "run", YAML_MAP);
    struct run_spec *out = &r->sweep->run;
    if (run) sweep_scalars(r, run, "run", "max_failures checkpoint");
    read_max_failures(r, run);
    const struct yaml_node *block = sweep_child(r, run, "run", "checkpoint", YAML_MAP);
    if (block) sweep_scalars(r, block, "run.checkpoint", "");
    out->checkpoint_s = duration_s(out->checkpoint_every);
    if (out->checkpoint_s < 0)
        yaml_problem(r->file, yaml_get(block, "every")->mark, "write 30s, 10min, 2h or never",
                     "run.checkpoint.every: no duration: '%s'", out->checkpoint_every);
}

/* ---- places ---- */

/* The place of a dotted key below map into *mark: of the innermost block around it if it is not
 * there. Is it? */
static bool mark_in(const struct yaml_node *map, const char *key, struct yaml_mark *mark)
{
    for (int i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        size_t length = strlen(map->key[i]);
        if (strncmp(map->key[i], key, length) != 0) continue;
        if (key[length] != '.' && key[length] != '\0') continue;
        bool found = key[length] == '\0';
        *mark = found ? map->child[i]->mark : map->key_mark[i];
        return found || mark_in(map->child[i], key + length + 1, mark);
    }
    return false;
}

struct yaml_mark sweep_mark(const struct sweep *s, const struct stage *stage, const char *key)
{
    const struct field *f = s->experiment ? field_find(s->experiment->fields, key, NULL) : NULL;
    if (!stage) stage = s->stage;
    const struct axis *axis = f && stage ? sweep_axis_of(stage, f) : NULL;
    if (axis) return axis->mark;
    struct yaml_mark top = {1, 1, 1}, own = {0};
    bool found = mark_in(s->file->root, key, &top);
    if (!stage || !stage->node) return top;
    if (mark_in(stage->node, key, &own) || (own.line && !found)) return own;
    return found || top.line != 1 || !f ? top : stage->mark;
}

/* ---- all of it ---- */

static enum err_code read_all(struct sweep_reader *r, struct err *e)
{
    struct sweep *s = r->sweep;
    const struct yaml_node *root = r->file->root;
    if (root->kind != YAML_MAP) {
        yaml_problem(r->file, root->mark, "shoal init writes an example",
                     "a sweep file is a map: name, data, model, optim, sweep, ...");
        return ERR_OK;
    }
    int before = r->file->n_problems;
    field_defaults(&sweep_settings, s);
    sweep_scalars(r, root, "", NULL);
    const struct yaml_node *experiment = yaml_get(root, "experiment");
    if (experiment &&
        (experiment->kind != YAML_SCALAR || table_find(&experiments, experiment->text) < 0))
        return ERR_OK; /* nothing else can be judged */
    s->experiment = (const struct experiment *)table_row(&experiments, s->experiment_row);
    r->fields = s->experiment->fields;
    char section_list[256];
    sections(r->fields, section_list, sizeof section_list);
    check_top(r, section_list);
    check_name(r);
    TRY(sweep_stages_read(r, section_list, e));
    sweep_record_read(r, sweep_child(r, root, "", "record", YAML_MAP));
    sweep_from_check(r);
    sweep_stop_read(r, sweep_child(r, root, "", "stop", YAML_MAP));
    read_run(r);
    sweep_analysis_read(r, sweep_child(r, root, "", "analysis", YAML_MAP));
    sweep_report_read(r, sweep_child(r, root, "", "report", YAML_MAP));
    sweep_set_check(s);
    if (r->file->n_problems == before) sweep_stages_check(r);
    return ERR_OK;
}

enum err_code sweep_read(struct yaml_file *file, const char *const *set, int n_set,
                         struct sweep **out, struct err *e)
{
    struct sweep *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) {
        yaml_destroy(file);
        return ERR(e, ERR_NOMEM, "no memory for a sweep");
    }
    s->file = file;
    struct sweep_reader reader = {.sweep = s, .file = file};
    if (file->root) {
        s->set = arena_array(&s->arena, (size_t)n_set + 1, sizeof *s->set);
        for (; s->set && s->n_set < n_set; s->n_set++)
            s->set[s->n_set] = arena_text(&s->arena, set[s->n_set]);
        TRY(sweep_set_apply(file, set, n_set, e));
        TRY(read_all(&reader, e));
        sweep_set_explain(s);
    }
    if (file->n_problems == 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: %d error%s", file->name, file->n_problems,
               file->n_problems == 1 ? "" : "s");
}

void sweep_destroy(struct sweep *s)
{
    if (!s) return;
    yaml_destroy(s->file);
    arena_clear(&s->arena);
    free(s);
}
