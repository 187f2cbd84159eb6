/* results_models.c - owns how a table of trials grows by rows that are none. */
#include "coord/results_models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/imported.h"
#include "coord/state.h"

struct adding {
    struct results *r;
    struct arena *arena;
    int64_t n_before, n_after;
    int n_axes_before;
    bool failed; /* no memory */
};

/* The same count items of size bytes a row, with zeroed room behind. */
static void *longer(struct adding *x, const void *old, size_t size)
{
    char *grown = arena_array(x->arena, (size_t)x->n_after + 1, size);
    if (!grown) x->failed = true;
    if (grown && x->n_before) memcpy(grown, old, (size_t)x->n_before * size);
    return grown;
}

static void grow(struct adding *x)
{
    struct results *r = x->r;
    r->row = longer(x, r->row, sizeof *r->row);
    r->origin = longer(x, r->origin, sizeof *r->origin);
    r->id = longer(x, r->id, sizeof *r->id);
    r->seed = longer(x, r->seed, sizeof *r->seed);
    r->state = longer(x, r->state, sizeof *r->state);
    r->seconds = longer(x, r->seconds, sizeof *r->seconds);
    r->steps_done = longer(x, r->steps_done, sizeof *r->steps_done);
    for (int i = 0; i < r->n_axes; i++) {
        r->axis[i].number = longer(x, r->axis[i].number, sizeof *r->axis[i].number);
        r->axis[i].text = longer(x, r->axis[i].text, sizeof *r->axis[i].text);
    }
    for (int i = 0; i < r->n_links; i++)
        r->link[i].id = longer(x, r->link[i].id, sizeof *r->link[i].id);
    for (int i = 0; i < r->n_metrics; i++)
        r->metric[i].value =
            longer(x, r->metric[i].value, (size_t)r->n_records * sizeof *r->metric[i].value);
}

/* A new axis at the end, of texts, "" everywhere. */
static struct results_axis *add_axis(struct adding *x, const char *name)
{
    struct results *r = x->r;
    struct results_axis *axis = arena_array(x->arena, (size_t)r->n_axes + 1, sizeof *axis);
    if (axis && r->n_axes) memcpy(axis, r->axis, (size_t)r->n_axes * sizeof *axis);
    struct results_axis *new = axis ? &axis[r->n_axes] : NULL;
    if (new) new->number = arena_array(x->arena, (size_t)x->n_after, sizeof *new->number);
    if (new) new->text = arena_array(x->arena, (size_t)x->n_after, sizeof *new->text);
    if (!new || !new->number || !new->text) {
        x->failed = true;
        return NULL;
    }
    snprintf(new->name, sizeof new->name, "%s", name);
    new->is_text = true;
    for (int64_t t = 0; t < x->n_after; t++) new->text[t] = "";
    r->axis = axis;
    r->n_axes++;
    return new;
}

/* The metric of that name, or a new one, NaN everywhere. */
static struct results_metric *need_metric(struct adding *x, const char *name)
{
    struct results *r = x->r;
    for (int i = 0; i < r->n_metrics; i++)
        if (strcmp(r->metric[i].name, name) == 0) return &r->metric[i];
    struct results_metric *metric =
        arena_array(x->arena, (size_t)r->n_metrics + 1, sizeof *metric);
    int64_t count = x->n_after * r->n_records;
    double *value = arena_array(x->arena, (size_t)count, sizeof *value);
    if (!metric || !value) {
        x->failed = true;
        return NULL;
    }
    if (r->n_metrics) memcpy(metric, r->metric, (size_t)r->n_metrics * sizeof *metric);
    for (int64_t i = 0; i < count; i++) value[i] = NAN;
    struct results_metric *new = &metric[r->n_metrics++];
    snprintf(new->name, sizeof new->name, "%s", name);
    new->value = value;
    r->metric = metric;
    return new;
}

static void set_text(struct adding *x, struct results_axis *axis, int64_t t, const char *text)
{
    axis->text[t] = arena_text(x->arena, text);
    if (!axis->text[t]) x->failed = true;
    axis->number[t] = (double)(t - x->n_before + 1); /* in order seen */
    for (int64_t s = x->n_before; s < t && axis->text[t]; s++)
        if (strcmp(axis->text[s], axis->text[t]) == 0) axis->number[t] = axis->number[s];
}

/* Row t, of a model that has nothing but a name. */
static void add_row(struct adding *x, int64_t t, const char *name, uint64_t id)
{
    struct results *r = x->r;
    r->row[t] = -1;
    r->id[t] = id;
    r->state[t] = TRIAL_DONE;
    r->seconds[t] = NAN;
    for (int i = 0; i < r->n_axes; i++) {
        if (r->axis[i].text[t]) continue; /* made here */
        r->axis[i].text[t] = "";
        r->axis[i].number[t] = -HUGE_VAL;
    }
    for (int i = 0; i < r->n_metrics; i++)
        for (int64_t k = 0; k < r->n_records; k++)
            r->metric[i].value[t * r->n_records + k] = NAN;
    static const char prefix[] = "untrained:";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return;
    for (int64_t s = 0; s < x->n_before; s++) {
        if (r->id[s] != id) continue;
        r->seed[t] = r->seed[s];
        for (int i = 0; i < r->n_axes; i++) {
            if (!*r->axis[i].text[s]) continue;
            r->axis[i].text[t] = r->axis[i].text[s];
            r->axis[i].number[t] = r->axis[i].number[s];
        }
    }
}

/* The axis of that name among the new ones, or one more. */
static struct results_axis *need_axis(struct adding *x, const char *name)
{
    for (int i = x->n_axes_before; i < x->r->n_axes; i++)
        if (strcmp(x->r->axis[i].name, name) == 0) return &x->r->axis[i];
    return add_axis(x, name);
}

static void add_attributes(struct adding *x, int64_t t, const struct imported_model *m,
                           struct results_axis *modality)
{
    if (modality && *m->modality) set_text(x, modality, t, m->modality);
    for (int i = 0; i < m->n_attributes; i++) {
        if (!m->attribute[i].is_number) {
            struct results_axis *axis = need_axis(x, m->attribute[i].key);
            if (!axis) return;
            set_text(x, axis, t, m->attribute[i].text);
            continue;
        }
        struct results_metric *metric = need_metric(x, m->attribute[i].key);
        struct results_metric *step = need_metric(x, "step");
        if (!metric || !step) return;
        metric->value[t * x->r->n_records] = m->attribute[i].number;
        step->value[t * x->r->n_records] = 0;
    }
}

static bool is_model(const struct results_model *model, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (model[i].trial < 0 && strcmp(model[i].name, name) == 0) return true;
    return false;
}

static const struct imported_model *find_imported(const struct imported_model *m, int n,
                                                  const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(m[i].name, name) == 0) return &m[i];
    return NULL;
}

/* Is there a row in [begin, end) of that name? */
static bool has_model(const struct results_axis *model, int64_t begin, int64_t end,
                      const char *name)
{
    for (int64_t t = begin; t < end; t++)
        if (strcmp(model->text[t], name) == 0) return true;
    return false;
}

static void add_model(struct adding *x, int64_t t, const char *name, uint64_t id,
                      const struct imported_model *m, int i_model, int i_modality)
{
    add_row(x, t, name, id);
    bool untrained = strncmp(name, "untrained:", 10) == 0;
    set_text(x, &x->r->axis[i_model], t, untrained ? "untrained" : name);
    x->r->origin[t] = m ? RESULTS_IMPORTED : RESULTS_BASELINE;
    if (m) add_attributes(x, t, m, i_modality < 0 ? NULL : &x->r->axis[i_modality]);
}

enum err_code results_add_models(struct results *r, struct arena *arena,
                                 struct results_model *model, int64_t n_models, struct err *e)
{
    struct imported_model *imported;
    int n_imported, i_model, i_modality = -1;
    TRY(imported_list(r->path, arena, &imported, &n_imported, e));
    int64_t more = 0;
    for (int64_t i = 0; i < n_models; i++) more += model[i].trial < 0;
    for (int i = 0; i < n_imported; i++) more += !is_model(model, n_models, imported[i].name);
    if (more == 0) return ERR_OK;
    struct adding x = {.r = r,
                       .arena = arena,
                       .n_before = r->n_trials,
                       .n_after = r->n_trials + more,
                       .n_axes_before = r->n_axes};
    if (r->n_records == 0) r->n_records = 1;
    grow(&x);
    i_model = add_axis(&x, "model") ? r->n_axes - 1 : -1;
    for (int i = 0; i < n_imported && i_modality < 0; i++)
        if (*imported[i].modality) i_modality = add_axis(&x, "modality") ? r->n_axes - 1 : -1;
    if (!x.failed) need_metric(&x, "step");
    if (x.failed) return ERR(e, ERR_NOMEM, "%s: no memory for its models", r->path);
    int64_t t = x.n_before;
    for (int64_t i = 0; i < n_models; i++) {
        if (model[i].trial >= 0) continue;
        add_model(&x, t, model[i].name, model[i].id,
                  find_imported(imported, n_imported, model[i].name), i_model, i_modality);
        model[i].trial = t++;
    }
    for (int i = 0; i < n_imported; i++)
        if (!has_model(&r->axis[i_model], x.n_before, t, imported[i].name))
            add_model(&x, t++, imported[i].name, imported[i].id, &imported[i], i_model,
                      i_modality);
    r->n_trials = t;
    return x.failed ? ERR(e, ERR_NOMEM, "%s: no memory for its models", r->path) : ERR_OK;
}
