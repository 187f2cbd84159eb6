/* cmd_list.c - `shoal list`: everything that a sweep file can name, straight from the tables.
 * To show another table: a row of `kinds`. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/align_baselines.h"
#include "coord/align_file.h"
#include "coord/cli.h"
#include "coord/figure.h"
#include "coord/report.h"
#include "coord/state.h"
#include "coord/sweep.h"
#include "experiments/train.h"
#include "linalg/alignment.h"
#include "linalg/scaling_form.h"
#include "worker/activation.h"
#include "worker/augment.h"
#include "worker/classes.h"
#include "worker/config.h"
#include "worker/data.h"
#include "worker/data_composed.h"
#include "worker/first_layer.h"
#include "worker/loss.h"
#include "worker/metric.h"
#include "worker/model.h"
#include "worker/op.h"
#include "worker/optim.h"
#include "worker/param.h"
#include "worker/projection.h"
#include "worker/schedule.h"

struct kind {
    struct row row;
    const struct table *table;
    bool fields; /* rows of struct field */
    size_t own;  /* member of struct experiment: a table to which each may add rows; 0: none */
};

static const struct kind kinds[] = {
    {{"experiments", "what a trial is", NULL}, &experiments, false},
    {{"streams", "data sets and synthetic worlds", NULL}, &streams, false},
    {{"worlds", "how training data are drawn", NULL}, &worlds, false},
    {{"augmentations", "what is done to training images", NULL}, &augmentations, false},
    {{"labels", "which labels a stream has", NULL}, &label_sets, false},
    {{"compositions", "where the background of an image shows", NULL}, &compositions, false},
    {{"textures", "what a background looks like", NULL}, &textures, false},
    {{"replays", "whose test of shifted backgrounds is repeated", NULL}, &replays, false},
    {{"data-seeds", "whose seed makes synthetic samples", NULL}, &data_seeds, false},
    {{"first-layers", "what the first dense layer starts from", NULL}, &first_layers, false},
    {{"priors", "how often classes appear in training", NULL}, &priors, false},
    {{"orders", "which classes are large", NULL}, &prior_orders, false},
    {{"models", "architectures", NULL}, &models, false},
    {{"operations", "what networks are made of", NULL}, &ops, false},
    {{"normalisations", "in front of nonlinearities", NULL}, &model_norms, false},
    {{"attention-scales", "of attention's logits", NULL}, &model_attention_scales, false},
    {{"activations", "nonlinearities", NULL}, &activations, false},
    {{"parametrizations", "how scales depend on width", NULL}, &parametrizations, false},
    {{"initializers", "distributions of initial weights", NULL}, &initializers, false},
    {{"losses", "training losses", NULL}, &losses, false},
    {{"roles", "what a stage takes from a network of another", NULL}, &roles, false},
    {{"optimizers", "update rules", NULL}, &optimizers, false},
    {{"schedules", "learning rates over time", NULL}, &schedules, false},
    {{"warmups", "learning rates in front of a schedule", NULL}, &warmups, false},
    {{"projections", "changes to a gradient against a teacher", NULL}, &projections, false},
    {{"metrics", "what a trial can record", NULL},
     &metrics,
     .own = offsetof(struct experiment, metrics)},
    {{"arrays", "what a trial can leave at its end", NULL},
     &train_arrays,
     .own = offsetof(struct experiment, arrays)},
    {{"measures", "measures of alignment", NULL}, &alignment_measures, false},
    {{"normalizations", "what is done to representations first", NULL},
     &alignment_normalizations,
     false},
    {{"clips", "whose quantile features are clamped at", NULL}, &alignment_clips, false},
    {{"precisions", "of the large products of an alignment", NULL},
     &alignment_precisions,
     false},
    {{"baselines", "models beside the trained ones of an alignment", NULL},
     &align_baselines,
     false},
    {{"pair-numbers", "what an alignment keeps of a pair", NULL}, &align_fields, false},
    {{"scaling-forms", "laws that a scaling fit knows", NULL}, &scaling_forms, false},
    {{"ranges", "ways to write the values of an axis", NULL}, &sweep_ranges, false},
    {{"grids", "when metrics are recorded", NULL}, &sweep_grids, false},
    {{"figures", "kinds of figures", NULL}, &figure_types, false},
    {{"fits", "lines fitted to a scatter", NULL}, &figure_fits, false},
    {{"layouts", "how a map is laid out", NULL}, &figure_layouts, false},
    {{"targets", "what networks of a trend are aligned with", NULL}, &figure_targets, false},
    {{"venues", "page widths of figures", NULL}, &report_venues, false},
    {{"states", "how a trial can stand", NULL}, &trial_states, false},
    {{"settings", "of a configuration: data, model, optim, seeds", NULL}, &config_fields, true},
    {{"sweep-settings", "of the sweep as a whole", NULL}, &sweep_settings, true},
    {{"figure-settings", "of a figure", NULL}, &sweep_figure_settings, true},
    {{"table-settings", "of a table", NULL}, &sweep_table_settings, true},
    {{"compare-settings", "of a line of the comparison with a paper", NULL},
     &sweep_compare_settings,
     true},
    {{"scaling-settings", "of a scaling fit", NULL}, &sweep_scaling_settings, true},
};
static const struct table kind_table = TABLE("kind", kinds);

/* "default 0.1, in [0, 1), only for optim.name: sgd" */
static void describe(const struct field *f)
{
    const char *comma = "";
    printf("%-34s   ", "");
    if (f->flags & FIELD_REQUIRED)
        printf("required"), comma = ", ";
    else
        printf("default %s", *f->fallback ? f->fallback : "(empty)"), comma = ", ";
    if (f->min != 0 || f->max != 0)
        printf("%sin %c%g, %g%c", comma, f->flags & FIELD_OPEN_MIN ? '(' : '[', f->min, f->max,
               f->flags & FIELD_OPEN_MAX ? ')' : ']');
    if (f->word) printf("%sor %s", comma, f->word);
    if (f->unit) printf("%sin %s", comma, f->unit);
    if (f->only_key) printf("%sonly for %s: %s", comma, f->only_key, f->only_names);
    putchar('\n');
}

/* "k" for an end of a range that is the parameter, "-" for what is not fixed. */
static const char *end_text(double value, char out[32])
{
    if (isinf(value)) return "k";
    if (isnan(value)) return "-";
    return text_double(value, out);
}

static void describe_measure(const struct alignment_measure *m)
{
    char low[32], high[32], self[32];
    printf("%-18s   %s\n", "", m->formula);
    printf("%-18s   %s%s%s to %s, with itself %s, %ssymmetric; unchanged by %s; flops: %s\n",
           "", m->parameter ? m->parameter : "", m->parameter ? " behind @; " : "",
           end_text(m->range[0], low), end_text(m->range[1], high), end_text(m->self, self),
           m->symmetric ? "" : "not ", m->invariances, m->cost);
}

static void measure_json(const struct alignment_measure *m, json_t *out)
{
    const double number[3] = {m->range[0], m->range[1], m->self};
    static const char *const names[3] = {"least", "most", "with_itself"};
    for (int i = 0; i < 3; i++)
        json_object_set_new(out, names[i],
                            isfinite(number[i]) ? json_real(number[i])
                            : isinf(number[i])  ? json_string("k")
                                                : json_null());
    json_object_set_new(out, "formula", json_string(m->formula));
    json_object_set_new(out, "invariances", json_string(m->invariances));
    json_object_set_new(out, "cost", json_string(m->cost));
    json_object_set_new(out, "symmetric", json_boolean(m->symmetric));
    json_object_set_new(out, "distance", json_boolean(m->distance));
    if (m->parameter) json_object_set_new(out, "parameter", json_string(m->parameter));
}

/* Is it a metric that is recorded only where a sweep names it? */
static bool on_request(const struct kind *k, const struct row *row)
{
    return k->table == &metrics && ((const struct metric *)(const void *)row)->on_request;
}

/* A row of a kind, and the experiment that adds it; NULL: it is there for all. */
struct listed {
    const struct row *row;
    const char *experiment;
};
enum { MOST_ROWS = 512 };

static int rows_of(const struct kind *k, struct listed out[MOST_ROWS])
{
    int n = 0;
    for (int i = 0; i < k->table->count && n < MOST_ROWS; i++)
        out[n++] = (struct listed){table_row(k->table, i), NULL};
    for (int x = 0; k->own && x < experiments.count; x++) {
        const struct row *experiment = table_row(&experiments, x);
        const struct table *own;
        memcpy(&own, (const char *)experiment + k->own, sizeof own);
        if (!own || own == k->table) continue;
        for (int i = own->n_first; i < own->count && n < MOST_ROWS; i++)
            out[n++] = (struct listed){table_row(own, i), experiment->name};
    }
    return n;
}

static void print_kind(const struct kind *k)
{
    struct listed list[MOST_ROWS];
    int n = rows_of(k, list);
    printf("%s: %s\n", k->row.name, k->row.help);
    for (int i = 0; i < n; i++) {
        const struct row *row = list[i].row;
        printf("  %-*s %s%s%s%s%s%s%s\n", k->fields ? 34 : 18, row->name, row->help,
               row->source ? " [" : "", row->source ? row->source : "", row->source ? "]" : "",
               on_request(k, row) ? "; on request" : "",
               list[i].experiment ? "; experiment " : "",
               list[i].experiment ? list[i].experiment : "");
        if (k->fields) describe((const struct field *)row);
        if (k->table == &alignment_measures) describe_measure((const void *)row);
    }
}

static json_t *field_json(const struct field *f, json_t *out)
{
    static const char *const types[] = {"integer", "number", "boolean", "name", "text"};
    json_object_set_new(out, "type", json_string(types[f->type]));
    json_object_set_new(out, "required", json_boolean(f->flags & FIELD_REQUIRED));
    if (f->fallback) json_object_set_new(out, "default", json_string(f->fallback));
    if (f->min != 0 || f->max != 0) {
        json_object_set_new(out, "minimum", json_real(f->min));
        if (f->max < HUGE_VAL) json_object_set_new(out, "maximum", json_real(f->max));
    }
    if (f->unit) json_object_set_new(out, "unit", json_string(f->unit));
    if (f->word) json_object_set_new(out, "word", json_string(f->word));
    if (f->only_key)
        json_object_set_new(
            out, "only_for",
            json_pack("{s:s, s:s}", "key", f->only_key, "names", f->only_names));
    return out;
}

static json_t *kind_json(const struct kind *k)
{
    struct listed rows[MOST_ROWS];
    int n = rows_of(k, rows);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const struct row *row = rows[i].row;
        json_t *out = json_pack("{s:s, s:s, s:s?}", "name", row->name, "help", row->help,
                                "source", row->source);
        if (rows[i].experiment)
            json_object_set_new(out, "experiment", json_string(rows[i].experiment));
        if (on_request(k, row)) json_object_set_new(out, "on_request", json_true());
        if (k->fields) field_json((const struct field *)row, out);
        if (k->table == &alignment_measures) measure_json((const void *)row, out);
        json_array_append_new(list, out);
    }
    return list;
}

int cmd_list(const struct options *o)
{
    struct err e = {.rank = -1};
    int only = -1;
    for (int i = 0; o->n_args && i < kind_table.count && only < 0; i++)
        if (strcmp(kinds[i].table->kind, o->arg[0]) == 0) only = i; /* `optimizer` */
    if (o->n_args && only < 0 && table_need(&kind_table, o->arg[0], &only, &e) != ERR_OK) {
        e.code = ERR_USAGE;
        return cli_fail(&e);
    }
    json_t *root = json_pack("{s:i}", "schema", 1);
    for (int i = 0; i < kind_table.count; i++) {
        if (only >= 0 && i != only) continue;
        if (o->json) {
            json_object_set_new(root, kinds[i].row.name, kind_json(&kinds[i]));
            continue;
        }
        if (only < 0 && i > 0) putchar('\n');
        print_kind(&kinds[i]);
    }
    if (o->json) {
        json_dumpf(root, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(root);
    return 0;
}
