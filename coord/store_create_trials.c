/* store_create_trials.c - the group /trials: columns that every store has, settings that vary,
 * settings that do not, and whence a trial comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/state.h"
#include "coord/store_making.h"

enum { PATH_SIZE = 512 };

static const char group_trials[] = "trials";

/* Makes a column and copies the old store's rows of it. */
static enum err_code make_column(struct making *m, const struct store_column *c, struct err *e)
{
    static const char zero[8];
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group_trials, c->name);
    hid_t d = store_make_dataset(m, path, c->type(), 1, &m->trial, zero);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    h5_release(d);
    return m->old ? store_copy_rows(m, path, e) : ERR_OK;
}

/* Fills a column of numbers for the new rows. */
static enum err_code fill_ids(struct making *m, const char *name,
                              uint64_t (*value)(const struct plan *, int64_t), struct err *e)
{
    const struct store_layout *l = m->layout;
    int64_t n = l->n_rows - l->n_old;
    uint64_t *column = malloc(((size_t)n + 1) * sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for %lld rows", (long long)n);
    for (int64_t i = 0; i < n; i++) column[i] = value(l->plan, l->trial_of[l->n_old + i]);
    hid_t d = H5Dopen2(m->file, name, H5P_DEFAULT);
    herr_t rc = h5_rows_write(d, H5T_NATIVE_UINT64, l->n_old, n, NULL, column);
    h5_release(d);
    free(column);
    return rc < 0 ? H5_ERR(e, "cannot write '%s'", name) : ERR_OK;
}

/* The settings of the rows one after the other. */
struct settings {
    const struct store_layout *layout;
    struct config gone; /* of rows that are not in the plan, as far as they do not vary */
    int stage;          /* see struct store_axis */
    struct config config;
    int64_t place; /* of config in the plan, -1: none */
};

static void settings_init(struct settings *s, struct making *m, struct arena *arena)
{
    const struct table *fields = m->layout->plan->sweep->experiment->fields;
    s->layout = m->layout;
    s->place = s->stage = -1;
    field_defaults(fields, &s->gone);
    hid_t old = m->old ? H5Gopen2(m->old->file, group_trials, H5P_DEFAULT) : -1;
    for (int i = 0; old >= 0 && i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        const char *text = h5_attribute_read(old, f->row.name, arena);
        if (text) field_set(f, text, &s->gone, NULL);
    }
    h5_release(old);
}

/* Borrowed until the next call. */
static const struct config *settings_of(struct settings *s, int64_t row)
{
    int64_t trial = s->layout->trial_of[row];
    if (trial < 0) return &s->gone;
    int64_t place = plan_config_of(s->layout->plan, trial);
    int64_t of = s->stage < 0 ? -1 : plan_ancestor(s->layout->plan, place, s->stage);
    if (of >= 0) place = of;
    if (place != s->place) plan_config(s->layout->plan, place, &s->config);
    s->place = place;
    return &s->config;
}

static bool is_number(const struct field *f)
{
    return f->type == FIELD_INT || f->type == FIELD_FLOAT;
}

/* Bytes of the longest text of a setting, its NUL among them, or of a number. */
static size_t axis_size(const struct field *f, struct settings *s, hid_t old)
{
    size_t size = 1, n;
    if (is_number(f)) return 8;
    if (old >= 0) {
        hid_t type = H5Dget_type(old);
        size = H5Tget_size(type);
        h5_release(type);
    }
    for (int64_t r = 0; r < s->layout->n_rows; r++) {
        char text[TASK_PATH + 1];
        n = strlen(field_text(f, settings_of(s, r), text, sizeof text)) + 1;
        if (n > size) size = n;
    }
    return size;
}

/* Makes the column of a setting and fills it: with what the old store has, else from the plan,
 * else from what was constant in the old store. */
static enum err_code make_axis(struct making *m, const struct store_axis *axis,
                               struct settings *s, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct field *f = axis->field;
    char path[PATH_SIZE];
    enum err_code code = ERR_OK;
    s->stage = axis->stage;
    s->place = -1;
    snprintf(path, sizeof path, "%s/%s", group_trials, axis->name);
    hid_t old = m->old && H5Lexists(m->old->file, path, H5P_DEFAULT) > 0
                    ? H5Dopen2(m->old->file, path, H5P_DEFAULT)
                    : -1;
    size_t size = axis_size(f, s, old);
    hid_t type = is_number(f) ? H5Tcopy(f->type == FIELD_INT ? H5T_STD_I64LE : H5T_IEEE_F64LE)
                              : h5_text_type(size);
    char *column = calloc((size_t)l->n_rows + 1, size), text[TASK_PATH + 1];
    hid_t d = store_make_dataset(m, path, type, 1, &m->trial, column);
    if (!column || d < 0) {
        code = H5_ERR(e, "cannot make '%s'", path);
        goto out;
    }
    for (int64_t r = old >= 0 ? l->n_old : 0; r < l->n_rows; r++) {
        const struct config *config = settings_of(s, r);
        if (is_number(f))
            memcpy(column + (size_t)r * size, (const char *)config + f->offset, size);
        else
            strcpy(column + (size_t)r * size, field_text(f, config, text, sizeof text));
    }
    if (old >= 0 && h5_rows_read(old, type, 0, l->n_old, column) < 0)
        code = H5_ERR(e, "cannot read the old '%s'", path);
    else if (h5_rows_write(d, type, 0, l->n_rows, NULL, column) < 0)
        code = H5_ERR(e, "cannot write '%s'", path);
out:
    free(column);
    h5_release(d);
    h5_release(type);
    h5_release(old);
    return code;
}

/* Settings that are the same in all rows: attributes of the group. */
static enum err_code make_constants(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct table *fields = l->plan->sweep->experiment->fields;
    enum err_code code = ERR_OK;
    struct config config;
    plan_config(l->plan, 0, &config);
    hid_t group = H5Gopen2(m->file, group_trials, H5P_DEFAULT);
    for (int i = 0; code == ERR_OK && i < fields->count; i++) {
        const struct field *f = (const struct field *)table_row(fields, i);
        char text[TASK_PATH + 1];
        bool varies = !(f->flags & FIELD_IDENTITY);
        for (int k = 0; k < l->n_axes; k++)
            varies |= l->axis[k].field == f && l->axis[k].stage < 0;
        if (!varies)
            code = h5_attribute_write(group, f->row.name,
                                      field_text(f, &config, text, sizeof text), e);
    }
    h5_release(group);
    return code;
}

/* Writes a whole column of its own making. */
static enum err_code write_column(struct making *m, const char *path, hid_t type,
                                  const void *column, const void *fill, struct err *e)
{
    hid_t d = store_make_dataset(m, path, type, 1, &m->trial, fill);
    herr_t rc = d < 0 ? -1 : h5_rows_write(d, type, 0, m->layout->n_rows, NULL, column);
    h5_release(d);
    return rc < 0 ? H5_ERR(e, "cannot make '%s'", path) : ERR_OK;
}

/* The stage of each trial; of those that are not in the plan as it was. */
static enum err_code make_stage(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const struct plan *p = l->plan;
    char(*column)[TASK_NAME] = calloc((size_t)l->n_rows + 1, sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for the stages of the trials");
    for (int64_t r = 0; r < l->n_rows; r++) {
        int64_t t = l->trial_of[r];
        if (t >= 0)
            strcpy(column[r], p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))].name);
        else if (m->old && m->old->stage)
            memcpy(column[r], m->old->stage[r], sizeof column[r]);
    }
    hid_t type = h5_text_type(sizeof *column);
    enum err_code code =
        write_column(m, "trials/stage", type, column, column[l->n_rows], e); /* "" */
    h5_release(type);
    free(column);
    return code;
}

/* The id of each trial's parent in stage `of`, 0 where it has none. */
static enum err_code make_from(struct making *m, int of, struct err *e)
{
    static const uint64_t zero;
    const struct store_layout *l = m->layout;
    const struct plan *p = l->plan;
    char name[2 * TASK_NAME], path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group_trials,
             store_from_name(&p->sweep->stage[of], name));
    uint64_t *column = calloc((size_t)l->n_rows + 1, sizeof *column);
    if (!column) return ERR(e, ERR_NOMEM, "no memory for '%s'", path);
    if (m->old && H5Lexists(m->old->file, path, H5P_DEFAULT) > 0) {
        hid_t d = H5Dopen2(m->old->file, path, H5P_DEFAULT);
        h5_rows_read(d, H5T_NATIVE_UINT64, 0, l->n_old, column);
        h5_release(d);
    }
    for (int64_t r = 0; r < l->n_rows; r++) {
        int64_t t = l->trial_of[r];
        if (t < 0) continue;
        const struct stage *s = &p->sweep->stage[plan_stage_of(p, plan_config_of(p, t))];
        column[r] = 0;
        for (int k = 0; k < s->n_from; k++)
            if (s->from[k].stage == of) column[r] = plan_id(p, plan_parent(p, t, k));
    }
    enum err_code code = write_column(m, path, H5T_NATIVE_UINT64, column, &zero, e);
    free(column);
    return code;
}

/* Which stage a trial is of, and which trials it comes from. */
static enum err_code make_stages(struct making *m, struct err *e)
{
    const struct sweep *s = m->layout->plan->sweep;
    if (!sweep_has_stages(s) && !(m->old && m->old->stage)) return ERR_OK;
    TRY(make_stage(m, e));
    for (int of = 0; of < s->n_stages; of++) {
        bool parent = false;
        for (int i = 0; i < s->n_stages; i++)
            for (int k = 0; k < s->stage[i].n_from; k++)
                parent = parent || s->stage[i].from[k].stage == of;
        if (parent) TRY(make_from(m, of, e));
    }
    return ERR_OK;
}

/* Rows whose weights are wanted now are to be trained again. */
static enum err_code make_again(struct making *m, struct err *e)
{
    const struct store_layout *l = m->layout;
    const uint8_t planned = TRIAL_PLANNED;
    if (l->n_again == 0) return ERR_OK;
    hid_t d = H5Dopen2(m->file, "trials/state", H5P_DEFAULT);
    herr_t rc = d < 0 ? -1 : 0;
    for (int64_t i = 0; i < l->n_again && rc >= 0; i++)
        rc = h5_rows_write(d, H5T_NATIVE_UINT8, l->again[i], 1, NULL, &planned);
    h5_release(d);
    return rc < 0 ? H5_ERR(e, "cannot write '/trials/state'") : ERR_OK;
}

enum err_code store_make_trials(struct making *m, struct err *e)
{
    struct arena arena = {0};
    struct settings settings;
    TRY(store_make_groups(m, group_trials, e));
    for (int i = 0; i < STORE_COLUMNS; i++) TRY(make_column(m, &store_columns[i], e));
    TRY(fill_ids(m, "trials/id", plan_id, e));
    TRY(fill_ids(m, "trials/seed", plan_seed, e));
    TRY(make_again(m, e));
    TRY(make_stages(m, e));
    settings_init(&settings, m, &arena);
    enum err_code code = ERR_OK;
    for (int i = 0; code == ERR_OK && i < m->layout->n_axes; i++)
        code = make_axis(m, &m->layout->axis[i], &settings, e);
    arena_clear(&arena);
    return code == ERR_OK ? make_constants(m, e) : code;
}
