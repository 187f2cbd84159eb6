/* export.c - one walk over trials and columns, two ways to write a cell.
 *
 * A format is a row of formats: what opens the table, a row, a cell. Columns are always all of
 * them, in one order, so that a reader can rely on them. */
#include "coord/export.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/filter.h"
#include "coord/setting.h"
#include "coord/state.h"

struct writer {
    FILE *out;
    const struct format *format;
    int64_t row;
    int column; /* of the row */
};

struct format {
    const char *begin, *between, *end; /* of the rows */
    const char *row_begin, *row_end;
    bool named; /* each cell carries its column's name */
    void (*text)(FILE *out, const char *text);
    const char *missing; /* number */
};

static void json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
    }
    putc('"', out);
}

static void csv_text(FILE *out, const char *text)
{
    struct text cell = {0};
    text_add_csv(&cell, text);
    fputs(cell.at, out);
    text_clear(&cell);
}

static const struct format json_format = {
    "{\"schema\": 1, \"rows\": [\n", ",\n", "\n]}\n", "{", "}", true, json_text, "null"};
static const struct format csv_format = {"", "", "", "", "\n", false, csv_text, ""};

/* ---- cells ---- */

static void cell_begin(struct writer *w, const char *column)
{
    if (w->column++) fputs(w->format->named ? ", " : ",", w->out);
    if (!w->format->named) return;
    w->format->text(w->out, column);
    fputs(": ", w->out);
}

static void cell_text(struct writer *w, const char *column, const char *text)
{
    cell_begin(w, column);
    w->format->text(w->out, text);
}

static void cell_number(struct writer *w, const char *column, double value)
{
    char text[32];
    cell_begin(w, column);
    fputs(isfinite(value) ? results_number(value, text) : w->format->missing, w->out);
}

/* A setting known as text: bare where it reads as a number or truth from end to end, missing where
 * it does not matter to the trial. */
static void cell_setting(struct writer *w, const struct results *r, int64_t trial,
                         const char *column, const char *text)
{
    if (!setting_applies(r, column, trial)) {
        cell_number(w, column, NAN);
        return;
    }
    char *end;
    double value = strtod(text, &end);
    bool truth = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    if (*text && *end == '\0' && text[strspn(text, "0123456789.+-e")] == '\0') {
        cell_number(w, column, value);
    } else if (truth) {
        cell_begin(w, column);
        fputs(text, w->out);
    } else {
        cell_text(w, column, text);
    }
}

/* The id of another trial, missing where there is none. */
static void cell_link(struct writer *w, const char *column, uint64_t id)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    if (id)
        cell_text(w, column, text);
    else
        cell_number(w, column, NAN);
}

static void cell_count(struct writer *w, const char *column, uint64_t value)
{
    cell_begin(w, column);
    fprintf(w->out, "%" PRIu64, value);
}

/* ---- rows ---- */

static void write_header(struct writer *w, const struct results *r)
{
    static const char *const fixed[] = {"trial", "state", "seed"};
    for (int i = 0; i < 3; i++) cell_text(w, NULL, fixed[i]);
    for (int i = 0; i < r->n_axes; i++) cell_text(w, NULL, r->axis[i].name);
    for (int i = 0; i < r->n_links; i++) cell_text(w, NULL, r->link[i].name);
    for (int i = 0; i < r->n_constants; i++) cell_text(w, NULL, r->constant[2 * i]);
    cell_text(w, NULL, "seconds");
    for (int i = 0; i < r->n_metrics; i++) cell_text(w, NULL, r->metric[i].name);
    fputs(w->format->row_end, w->out);
}

/* One row: metrics as of the record, missing where record is -1. */
static void write_row(struct writer *w, const struct results *r, int64_t t, int64_t record)
{
    char id[17];
    snprintf(id, sizeof id, "%016" PRIx64, r->id[t]);
    if (w->row++) fputs(w->format->between, w->out);
    w->column = 0;
    fputs(w->format->row_begin, w->out);
    cell_text(w, "trial", id);
    cell_text(w, "state", table_row(&trial_states, r->state[t])->name);
    cell_count(w, "seed", r->seed[t]);
    for (int i = 0; i < r->n_axes; i++) {
        const struct results_axis *axis = &r->axis[i];
        if (!axis->is_text && setting_applies(r, axis->name, t))
            cell_number(w, axis->name, axis->number[t]);
        else
            cell_setting(w, r, t, axis->name, axis->text[t]);
    }
    for (int i = 0; i < r->n_links; i++) cell_link(w, r->link[i].name, r->link[i].id[t]);
    for (int i = 0; i < r->n_constants; i++)
        cell_setting(w, r, t, r->constant[2 * i], r->constant[2 * i + 1]);
    cell_number(w, "seconds", r->seconds[t]);
    for (int i = 0; i < r->n_metrics; i++) {
        const struct results_metric *m = &r->metric[i];
        cell_number(w, m->name, results_at(r, m, t, record));
    }
    fputs(w->format->row_end, w->out);
}

static void write_trial(struct writer *w, const struct results *r, int64_t t, bool records,
                        const struct expr *at)
{
    int64_t last = results_last_record(r, t);
    if (!records) {
        write_row(w, r, t, filter_record(r, at, t));
        return;
    }
    for (int64_t record = 0; record <= last; record++)
        if (!isnan(r->metric[0].value[t * r->n_records + record])) write_row(w, r, t, record);
}

enum err_code export_rows(const struct results *r, FILE *out, bool json, bool records,
                          const struct expr *filter, const struct expr *at, struct err *e)
{
    struct writer w = {.out = out, .format = json ? &json_format : &csv_format};
    fputs(w.format->begin, out);
    if (!w.format->named) write_header(&w, r);
    for (int64_t t = 0; t < r->n_trials; t++)
        if (results_origin(r, t) != RESULTS_BASELINE && filter_match(r, filter, t))
            write_trial(&w, r, t, records, at);
    fputs(w.format->end, out);
    if (fflush(out) != 0 || ferror(out))
        return ERR(e, ERR_IO, "cannot write the table: %s", strerror(errno));
    return ERR_OK;
}
