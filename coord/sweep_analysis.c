/* sweep_analysis.c - the block `analysis:`: what is computed when the trials are done, checked
 * against what the sweep records. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/align_baselines.h"
#include "coord/sweep_reader.h"
#include "linalg/alignment.h"
#include "linalg/scaling_law.h"

#define AT(member)                                                                             \
    .offset = offsetof(struct scaling_spec, member),                                           \
    .size = sizeof(((struct scaling_spec *)0)->member)
static const struct field scaling_rows[] = {
    {{"scaling.y", "metric, at the last record", NULL},
     FIELD_TEXT,
     AT(y),
     .flags = FIELD_REQUIRED},
    {{"scaling.x", "size: a setting, a metric, or params (the number of parameters)", NULL},
     FIELD_TEXT,
     AT(x),
     .flags = FIELD_REQUIRED},
    {{"scaling.form", "law, by name or formula; empty: power, of two sizes power2", NULL},
     FIELD_TEXT,
     AT(form),
     .fallback = ""},
    {{"scaling.group", "setting for each of whose values there is a fit", NULL},
     FIELD_TEXT,
     AT(group),
     .fallback = ""},
    {{"scaling.huber", "residual from which the loss is linear; auto: from the noise of means",
      "Hoffmann et al. 2022, arXiv 2203.15556: 1e-3"},
     FIELD_FLOAT,
     .offset = offsetof(struct scaling_spec, huber),
     .fallback = "auto",
     .word = "auto",
     .max = HUGE_VAL,
     .flags = FIELD_OPEN_MIN},
    {{"scaling.bootstrap", "refits with drawn seeds, for the intervals; 0: none", NULL},
     FIELD_INT,
     .offset = offsetof(struct scaling_spec, bootstrap),
     .fallback = "4000",
     .max = 1e6},
    {{"scaling.filter", "only trials for which this condition holds", NULL},
     FIELD_TEXT,
     AT(filter),
     .fallback = ""},
};
const struct table sweep_scaling_settings = TABLE("scaling setting", scaling_rows);
#undef AT

/* ---- alignment ---- */

/* The probe set that alignment looks at; NULL if there is none. */
static const struct probe_set *probe_set_of(const struct sweep_reader *r)
{
    const struct record *record = &r->sweep->record;
    const char *name = r->sweep->analysis.probe;
    if (record->n_layers == 0) return NULL;
    for (int i = 0; i < record->n_probe_sets; i++)
        if (!*name || strcmp(record->probe[i].name, name) == 0) return &record->probe[i];
    return NULL;
}

static void read_measures(struct sweep_reader *r, const struct yaml_node *list)
{
    struct analysis_spec *out = &r->sweep->analysis;
    static const char where[] = "analysis.alignment.measures";
    const struct probe_set *set = probe_set_of(r);
    int64_t probes = set ? set->n : 0;
    out->n_measures = sweep_names(r, list, where, out->measure, SWEEP_MAX_MEASURES);
    for (int i = 0; list && i < list->count; i++) {
        const struct yaml_node *at = list->child[i];
        const struct alignment_measure *measure;
        struct alignment_options options = {0};
        struct err e;
        if (at->kind != YAML_SCALAR) continue;
        if (alignment_parse(at->text, &measure, &options, &e))
            yaml_problem(r->file, at->mark, NULL, "%s: %s", where, e.text);
        else if (probes > 0 && probes < measure->least_n)
            yaml_problem(r->file, at->mark, "a larger record.representations.probe.n",
                         "%s: %s wants at least %lld probes, there are %lld", where, at->text,
                         (long long)measure->least_n, (long long)probes);
        else if (measure->parameter && probes > 0 && options.k >= probes)
            yaml_problem(r->file, at->mark, "a smaller number, or a larger probe.n",
                         "%s: %s of %lld probes: the number of %s must be 1 to %lld", where,
                         at->text, (long long)probes, measure->parameter,
                         (long long)probes - 1);
    }
    if (list && list->count && r->sweep->record.n_layers == 0)
        yaml_problem(r->file, list->mark,
                     "add record: {representations: {layers: [hidden.last]}}",
                     "alignment needs representations, and none are recorded");
}

static void read_alignment(struct sweep_reader *r, const struct yaml_node *block)
{
    static const char where[] = "analysis.alignment";
    if (!block) return;
    sweep_scalars(r, block, where, "measures null");
    const struct yaml_node *null = sweep_child(r, block, where, "null", YAML_MAP);
    if (null) sweep_scalars(r, null, "analysis.alignment.null", "");
    unsigned baselines;
    struct err e;
    if (align_baselines_parse(r->sweep->analysis.baselines, &baselines, &e) != ERR_OK)
        yaml_problem(r->file, sweep_mark(r->sweep, NULL, "analysis.alignment.baselines"), NULL,
                     "analysis.alignment.baselines: %s", e.text);
    if (r->sweep->record.n_layers && !probe_set_of(r))
        yaml_problem(r->file, sweep_mark(r->sweep, NULL, "analysis.alignment.probe"), NULL,
                     "analysis.alignment.probe: no probe set '%s'", r->sweep->analysis.probe);
    if (r->sweep->analysis.spectra && r->sweep->record.n_layers == 0)
        yaml_problem(r->file, sweep_mark(r->sweep, NULL, "analysis.alignment.spectra"),
                     "add record: {representations: {layers: [hidden.last]}}",
                     "spectra need representations, and none are recorded");
    read_measures(r, sweep_child(r, block, where, "measures", YAML_LIST));
}

/* ---- scaling ---- */

/* x: a name, or a list of two; as text they are separated by a comma. Returns how many. */
static int read_sizes(struct sweep_reader *r, const struct yaml_node *x, struct scaling_spec *s)
{
    static const char where[] = "analysis.scaling.x";
    char name[SCALING_VARIABLES][TASK_NAME];
    if (!x) return 0;
    if (x->kind != YAML_LIST) {
        if (!field_read(field_find(&sweep_scaling_settings, "scaling.x", NULL), r->file, x, s))
            return 0;
        const char *comma = strstr(s->x, ", ");
        for (int i = 0; i < (comma ? 2 : 1); i++) {
            struct yaml_node one = *x;
            one.text = name[0];
            snprintf(name[0], TASK_NAME, "%.*s",
                     (int)(comma && i == 0 ? comma - s->x : TASK_NAME - 1),
                     i ? comma + 2 : s->x);
            sweep_check_name(r, &one, WANT_SIZE);
        }
        return comma ? 2 : 1;
    }
    int n = sweep_names(r, x, where, name, SCALING_VARIABLES);
    if (n > 0)
        snprintf(s->x, sizeof s->x, "%s%s%s", name[0], n > 1 ? ", " : "", n > 1 ? name[1] : "");
    if (x->count == 0)
        yaml_problem(r->file, x->mark, NULL, "%s: names one or two sizes", where);
    for (int i = 0; i < x->count; i++) sweep_check_name(r, x->child[i], WANT_SIZE);
    return n;
}

static void check_form(struct sweep_reader *r, const struct yaml_node *at, int n_x)
{
    const struct scaling_form *form;
    struct err e;
    if (!at || at->kind != YAML_SCALAR || !*at->text || n_x == 0) return;
    if (scaling_form_find(at->text, &form, &e))
        yaml_problem(r->file, at->mark, NULL, "analysis.scaling.form: %s", e.text);
    else if (form->n_x != n_x)
        yaml_problem(r->file, at->mark,
                     form->n_x == 2 ? "write x: [params, data.train]" : "name one size in x",
                     "analysis.scaling.form: %s is of %d size%s, x names %d", form->row.name,
                     form->n_x, form->n_x == 1 ? "" : "s", n_x);
}

static void read_fit(struct sweep_reader *r, const struct yaml_node *map)
{
    struct analysis_spec *a = &r->sweep->analysis;
    struct scaling_spec *s = &a->scaling[a->n_scaling++];
    field_defaults(&sweep_scaling_settings, s);
    field_read_section(&sweep_scaling_settings, "scaling", "x", r->file, map, s, NULL);
    if (!yaml_get(map, "x"))
        yaml_problem(r->file, map->mark, NULL, "analysis.scaling: x is missing");
    sweep_check_name(r, yaml_get(map, "y"), WANT_METRIC);
    check_form(r, yaml_get(map, "form"), read_sizes(r, yaml_get(map, "x"), s));
    sweep_check_name(r, yaml_get(map, "group"), WANT_SETTING);
    sweep_check_filter(r, map);
}

void sweep_analysis_read(struct sweep_reader *r, const struct yaml_node *node)
{
    sweep_known_keys(r, node, "analysis", "alignment scaling");
    read_alignment(r, sweep_child(r, node, "analysis", "alignment", YAML_MAP));
    sweep_each_map(r, sweep_child(r, node, "analysis", "scaling", YAML_LIST),
                   "analysis.scaling", SWEEP_MAX_SCALING, read_fit);
}
