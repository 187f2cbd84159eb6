/* cmd_plan.c - `shoal plan`: what would run and what it takes, for people, as CSV, as JSON. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/cli.h"
#include "coord/plan_cost.h"
#include "coord/state.h"
#include "coord/store.h"
#include "worker/rate.h"

struct view {
    const struct sweep *sweep;
    const struct plan *plan;
    struct plan_cost cost;
    int workers;
    double rate, seconds;
    const char *rate_from;
    const char *store; /* compared with, or NULL */
    int64_t kept, fresh, changed;
};

static int64_t values_in(const struct axis *axis, int n, const struct field *f)
{
    int64_t count = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < axis[i].n_fields; k++)
            if (axis[i].field[k] == f) count += axis[i].count;
    return count;
}

/* Values that the sweep gives a field, by its axes and in every `when`. */
static int64_t values_of(const struct sweep *s, const struct field *f)
{
    int64_t count = 0;
    for (int k = 0; k < s->n_stages; k++) {
        const struct stage *stage = &s->stage[k];
        count += values_in(stage->axis, stage->n_axes, f);
        for (int i = 0; i < stage->n_when; i++)
            count += values_in(stage->when[i].axis, stage->when[i].n_axes, f);
    }
    return count;
}

/* ---- trials ---- */

static const char *setting(const struct field *f, const struct config *c, char out[TASK_PATH])
{
    return field_text(f, c, out, TASK_PATH);
}

/* Is the setting one that the trial takes from the best of another stage, unknown before that
 * is over? Then the stage, else NULL. */
static const struct stage *taken_from(const struct plan *p, int64_t t, const struct field *f)
{
    const struct sweep *s = p->sweep;
    const struct stage_best *b = &s->stage[plan_stage_of(p, plan_config_of(p, t))].best;
    for (int i = 0; b->stage >= 0 && i < b->n_take; i++)
        if (b->take[i] == f) return &s->stage[b->stage];
    return NULL;
}

static const struct stage *stage_of(const struct plan *p, int64_t t)
{
    return &p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))];
}

static void list_text(const struct view *v)
{
    const struct plan *p = v->plan;
    for (int64_t i = 0; i < p->n_trials; i++) {
        struct config c;
        char text[TASK_PATH];
        int64_t t = p->order[i];
        const struct stage *stage = stage_of(p, t);
        plan_config(p, plan_config_of(p, t), &c);
        printf("%016llx", (unsigned long long)plan_id(p, t));
        if (sweep_has_stages(p->sweep)) printf("  stage=%s", stage->name);
        printf("  seed=%llu", (unsigned long long)plan_seed(p, t));
        for (int k = 0; k < p->n_varied; k++) {
            const struct stage *from = taken_from(p, t, p->varied[k]);
            printf("  %s=%s%s", p->varied[k]->row.name, from ? "best of " : "",
                   from ? from->name : setting(p->varied[k], &c, text));
        }
        for (int k = 0; k < stage->n_from; k++)
            if (plan_parent(p, t, k) >= 0)
                printf("  from.%s=%016llx", p->sweep->stage[stage->from[k].stage].name,
                       (unsigned long long)plan_id(p, plan_parent(p, t, k)));
        printf("  flops=%.4g\n", plan_flops(p, t));
    }
}

static void list_csv(const struct view *v)
{
    const struct plan *p = v->plan;
    bool stages = sweep_has_stages(p->sweep);
    printf(stages ? "trial,stage,seed" : "trial,seed");
    for (int k = 0; k < p->n_varied; k++) printf(",%s", p->varied[k]->row.name);
    printf(",flops,steps,params\n");
    struct text line = {0};
    for (int64_t i = 0; i < p->n_trials; i++) {
        struct config c;
        char text[TASK_PATH];
        int64_t t = p->order[i];
        const struct trial_shape *shape = plan_shape(p, t);
        plan_config(p, plan_config_of(p, t), &c);
        line.length = 0;
        text_add(&line, "%016llx,", (unsigned long long)plan_id(p, t));
        if (stages) text_add(&line, "%s,", stage_of(p, t)->name);
        text_add(&line, "%llu", (unsigned long long)plan_seed(p, t));
        for (int k = 0; k < p->n_varied; k++) {
            text_add(&line, ",");
            if (!taken_from(p, t, p->varied[k]))
                text_add_csv(&line, setting(p->varied[k], &c, text));
        }
        text_add(&line, ",%.17g,%lld,%lld\n", plan_flops(p, t), (long long)shape->steps,
                 (long long)shape->params);
        fputs(line.at, stdout);
    }
    text_clear(&line);
}

static void json_setting(const struct field *f, const struct config *c)
{
    char text[TASK_PATH];
    bool word = f->type == FIELD_INT && f->word && field_number(f, c) == (double)f->word_value;
    setting(f, c, text);
    printf(", \"%s\": ", f->row.name);
    if (f->type != FIELD_NAME && f->type != FIELD_TEXT && !word) {
        fputs(text, stdout);
        return;
    }
    json_t *quoted = json_string(text);
    json_dumpf(quoted, stdout, JSON_ENCODE_ANY);
    json_decref(quoted);
}

/* One trial as an object; written as it goes, a plan may have a million. */
static void json_trial(const struct view *v, int64_t t)
{
    const struct plan *p = v->plan;
    const struct trial_shape *shape = plan_shape(p, t);
    struct config c;
    plan_config(p, plan_config_of(p, t), &c);
    const struct stage *stage = stage_of(p, t);
    printf("{\"trial\": \"%016llx\", ", (unsigned long long)plan_id(p, t));
    if (sweep_has_stages(p->sweep)) printf("\"stage\": \"%s\", ", stage->name);
    printf("\"seed\": %llu", (unsigned long long)plan_seed(p, t));
    for (int k = 0; k < p->n_varied; k++) {
        if (taken_from(p, t, p->varied[k]))
            printf(", \"%s\": null", p->varied[k]->row.name);
        else
            json_setting(p->varied[k], &c);
    }
    for (int k = 0; k < stage->n_from; k++)
        if (plan_parent(p, t, k) >= 0)
            printf(", \"from.%s\": \"%016llx\"", p->sweep->stage[stage->from[k].stage].name,
                   (unsigned long long)plan_id(p, plan_parent(p, t, k)));
    printf(", \"flops\": %.17g, \"steps\": %lld, \"params\": %lld}", plan_flops(p, t),
           (long long)shape->steps, (long long)shape->params);
}

/* ---- the whole ---- */

static json_t *axes_json(const struct view *v)
{
    json_t *list = json_array();
    for (int k = 0; k < v->plan->n_varied; k++) {
        const struct field *f = v->plan->varied[k];
        json_array_append_new(list, json_pack("{s:s, s:I}", "name", f->row.name, "values",
                                              (json_int_t)values_of(v->sweep, f)));
    }
    return list;
}

static json_t *stages_json(const struct plan *p)
{
    json_t *list = json_array();
    for (int k = 0; k < p->n_stages; k++) {
        const struct plan_stage *s = &p->stage[k];
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:I}", "name", p->sweep->stage[k].name, "trials",
                            (json_int_t)(s->n_configs * s->seeds), "configurations",
                            (json_int_t)s->n_configs, "seeds", (json_int_t)s->seeds));
    }
    return list;
}

static void print_json(const struct view *v, bool list)
{
    const struct plan *p = v->plan;
    const struct plan_cost *c = &v->cost;
    json_t *root = json_pack(
        "{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:i, s:f, s:i, s:o}", "schema",
        1, "name", v->sweep->name, "trials", (json_int_t)p->n_trials, "configurations",
        (json_int_t)p->n_configs, "seeds", (json_int_t)v->sweep->seeds, "duplicates",
        (json_int_t)p->n_duplicates, "excluded", (json_int_t)p->n_excluded, "flops", c->flops,
        "evaluation_flops", c->eval_flops, "memory_bytes", c->memory_bytes, "disk_bytes",
        c->disk_bytes, "files", c->files, "estimate_s", v->seconds, "workers", v->workers,
        "axes", axes_json(v));
    if (sweep_has_stages(v->sweep)) json_object_set_new(root, "stages", stages_json(p));
    if (v->store) {
        json_object_set_new(root, "kept", json_integer(v->kept));
        json_object_set_new(root, "new", json_integer(v->fresh));
        json_object_set_new(root, "changed", json_integer(v->changed));
    }
    printf("{");
    json_dumpf(root, stdout, JSON_EMBED);
    json_decref(root);
    printf(", \"longest\": ");
    json_trial(v, c->longest);
    if (list) {
        printf(",\n \"list\": [\n");
        for (int64_t i = 0; i < p->n_trials; i++) {
            printf("  ");
            json_trial(v, p->order[i]);
            printf(i + 1 < p->n_trials ? ",\n" : "\n");
        }
        printf(" ]");
    }
    printf("}\n");
}

/* "4 to 128", or "64". */
static const char *span(int64_t min, int64_t max, char out[64])
{
    char a[32], b[32];
    text_count((double)min, a);
    text_count((double)max, b);
    snprintf(out, 64, min == max ? "%s" : "%s to %s", a, b);
    return out;
}

/* "12 GFLOP", "900 FLOP" */
static const char *flop(double count, char out[64])
{
    char number[32];
    text_count(count, number);
    bool prefix = !isdigit((unsigned char)number[strlen(number) - 1]);
    snprintf(out, 64, "%s%sFLOP", number, prefix ? "" : " ");
    return out;
}

static void print_longest(const struct view *v)
{
    const struct plan *p = v->plan;
    struct config c;
    char text[TASK_PATH], count[64];
    plan_config(p, plan_config_of(p, v->cost.longest), &c);
    printf("  longest         %s:", flop(v->cost.longest_flops, count));
    for (int k = 0; k < p->n_varied; k++)
        printf(" %s=%s", p->varied[k]->row.name, setting(p->varied[k], &c, text));
    printf("%s\n", p->n_varied ? "" : " every trial");
}

static void print_axes(const struct view *v)
{
    for (int k = 0; k < v->plan->n_varied; k++) {
        const struct field *f = v->plan->varied[k];
        long long n = values_of(v->sweep, f);
        if (n == 0 || v->plan->n_stages > 1)
            printf("  %-15s %s%s\n", k ? "" : "varies", f->row.name,
                   n ? "" : ", between stages");
        else
            printf("  %-15s %s, %lld value%s\n", k ? "" : "varies", f->row.name, n,
                   n == 1 ? " and its base" : "s");
    }
}

static void print_counts(const char *name, const struct plan_stage *s, const char *indent)
{
    int64_t n = s->n_configs * s->seeds;
    printf("%s%s: %lld trial%s = %lld configuration%s x %lld seed%s\n", indent, name,
           (long long)n, n == 1 ? "" : "s", (long long)s->n_configs,
           s->n_configs == 1 ? "" : "s", (long long)s->seeds, s->seeds == 1 ? "" : "s");
}

static void print_text(const struct view *v)
{
    const struct plan *p = v->plan;
    const struct plan_cost *c = &v->cost;
    double share = c->flops > 0 ? 100 * c->eval_flops / c->flops : 0;
    char a[64], b[64];
    if (sweep_has_stages(v->sweep)) {
        printf("%s: %lld trials in %d stages\n", v->sweep->name, (long long)p->n_trials,
               p->n_stages);
        for (int k = 0; k < p->n_stages; k++)
            print_counts(v->sweep->stage[k].name, &p->stage[k], "  ");
    } else {
        print_counts(v->sweep->name, &p->stage[0], "");
    }
    print_axes(v);
    if (p->n_duplicates)
        printf("  duplicates      %lld configurations merged into equal ones\n",
               (long long)p->n_duplicates);
    if (p->n_excluded)
        printf("  excluded        %lld configurations\n", (long long)p->n_excluded);
    printf("  parameters      %s\n", span(c->params_min, c->params_max, a));
    printf("  records         %s a trial, %d metric%s\n",
           span(c->records_min, c->records_max, a), v->sweep->record.n_metrics,
           v->sweep->record.n_metrics == 1 ? "" : "s");
    printf("  computation     %s, %.2g %% of it evaluation%s\n", flop(c->flops, a), share,
           share > 5 ? ": fewer records, record.test_subset or longer training lower that"
                     : "");
    print_longest(v);
    printf("  memory          %s a worker\n", text_bytes(c->memory_bytes, a));
    printf("  disk            %s in %d files\n", text_bytes(c->disk_bytes, a), c->files);
    printf("  time            about %s on %d worker%s (%s/s %s)\n",
           text_duration(v->seconds, a), v->workers, v->workers == 1 ? "" : "s",
           flop(v->rate, b), v->rate_from);
    if (v->store)
        printf("  %-15s %lld done and kept, %lld to run, %lld no longer in the file\n",
               v->store, (long long)v->kept, (long long)v->fresh, (long long)v->changed);
}

static void print(const struct view *v, const struct options *o)
{
    if (o->json)
        print_json(v, o->list);
    else if (o->csv)
        list_csv(v);
    else if (o->list)
        list_text(v);
    else
        print_text(v);
}

/* What a run with this store would keep and train, by the rule of a run: kept is what the journal
 * calls finished and the store holds. */
static enum err_code compare(struct view *v, struct err *e)
{
    TRY(store_compare(v->store, v->plan, &v->kept, &v->fresh, &v->changed, e));
    if (v->kept == 0) return ERR_OK;
    bool *written = calloc((size_t)v->plan->n_trials, sizeof *written);
    if (!written) return ERR(e, ERR_NOMEM, "no memory for the state of the trials");
    struct state *state = NULL;
    enum err_code code = store_written(v->store, v->plan, written, e);
    v->kept = 0;
    if (code == ERR_OK && state_read(v->store, &state, NULL) == ERR_OK)
        for (int64_t t = 0; t < v->plan->n_trials; t++) {
            const struct trial_status *s = state_find(state, plan_id(v->plan, t));
            bool finished = s && (s->state == TRIAL_DONE || s->state == TRIAL_DIVERGED);
            v->kept += written[t] && finished;
        }
    v->fresh = v->plan->n_trials - v->kept;
    state_destroy(state);
    free(written);
    return code;
}

/* How long what is to run will take: by the rate of the store's last run if there was one, else
 * by that of a matrix product here. */
static void estimate(struct view *v)
{
    struct state *state = NULL;
    double share = v->store ? (double)v->fresh / (double)v->plan->n_trials : 1;
    v->workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
    v->rate = 0;
    if (v->store && state_read(v->store, &state, NULL) == ERR_OK) {
        v->rate = state_run(state)->rate;
        v->rate_from = "a worker, as in its last run";
        v->seconds = share * v->cost.flops / v->rate / v->workers;
    }
    state_destroy(state);
    if (v->rate > 0) return;
    v->rate = rate_measure();
    v->rate_from = "a core for a matrix product";
    v->seconds = share * plan_cost_seconds(v->plan, &v->cost, v->rate, v->workers);
}

int cmd_plan(const struct options *o)
{
    struct err e = {.rank = -1};
    struct sweep *sweep;
    struct plan *plan;
    int status = 0;
    if (!cli_plan(o, &sweep, &plan, &status)) return status;
    struct view v = {.sweep = sweep, .plan = plan, .store = o->output};
    plan_cost(plan, &v.cost);
    if (v.store && compare(&v, &e) != ERR_OK)
        status = cli_fail(&e);
    else
        estimate(&v);
    if (status == 0) print(&v, o);
    plan_destroy(plan);
    sweep_destroy(sweep);
    return status;
}
