/* figure_line.c - quantities against a setting or over training, a line for each of them and each
 * value of hue, in a panel for each value of another setting.
 *
 * Numbers on x get lines and bands; names get points and error bars side by side. Where there
 * are fewer seeds than SERIES_FEW, each seed (or pair of seeds) is drawn as a small point. */
#include "coord/figure_line.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double line_position(const struct line_panel *p, int64_t i)
{
    return p->s.names ? (double)i : p->s.series[0].point[i].x;
}

double line_shift(const struct line_panel *p, int64_t series)
{
    if (!p->s.names || p->s.n_series < 2) return 0;
    double room = 0.5, middle = (double)(p->s.n_series - 1) / 2;
    return ((double)series - middle) * room / (double)p->s.n_series;
}

/* A value with the name that a number needs: "relu", "width 64". */
static const char *value_text(const char *setting, const char *value, char out[LABEL_SIZE])
{
    const char *dot = strrchr(setting, '.');
    const char *name = dot ? dot + 1 : strcmp(setting, "step") == 0 ? setting : NULL;
    bool number = *value && !value[strspn(value, "0123456789.+-e")] && name;
    snprintf(out, LABEL_SIZE, "%s%s%s", number ? name : "", number ? " " : "", value);
    return out;
}

const char *line_key(const struct line *l, const struct series *s, char out[LABEL_SIZE])
{
    char value[LABEL_SIZE];
    value_text(l->spec->hue, s->name, value);
    if (l->n_y == 1) return strcpy(out, value);
    snprintf(out, LABEL_SIZE, "%.40s%s%.40s", s->y, *value ? ", " : "", value);
    return out;
}

/* Panels have room for the setting's last name alone. */
const char *line_x_label(const struct line *l, char out[LABEL_SIZE])
{
    const char *dot = strrchr(l->spec->x, '.');
    if (l->n_panels == 1) return label_axis(l->spec->x, out);
    snprintf(out, LABEL_SIZE, "%s", dot ? dot + 1 : l->spec->x);
    for (char *c = out; *c; c++)
        if (*c == '_') *c = ' ';
    return out;
}

const char *line_y_label(const struct line *l, char out[LABEL_SIZE])
{
    if (l->n_y > 1)
        snprintf(out, LABEL_SIZE, "value");
    else if (l->panel[0].s.of_pairs)
        snprintf(out, LABEL_SIZE, "alignment, %s", l->y_name[0]);
    else
        return label_axis(l->y_name[0], out);
    return out;
}

int line_columns(const struct line *l)
{
    int most = l->f->venue->width_in > 4 ? 4 : 3;
    return l->n_panels < most ? l->n_panels : l->n_panels == 4 ? 2 : most;
}

/* ---- data ---- */

static void csv_point(const struct line *l, const struct line_panel *p,
                      const struct series *series, int64_t i)
{
    struct text *t = &l->f->csv;
    const struct series_point *q = &series->point[i];
    const double number[4] = {line_position(p, i), q->value.mean, q->value.low, q->value.high};
    char key[LABEL_SIZE];
    text_add_csv(t, l->n_y > 1 ? line_key(l, series, key) : series->name);
    text_add(t, ",");
    text_add_csv(t, q->text);
    for (int k = 0; k < 4; k++) {
        text_add(t, ",");
        figure_add_csv_number(t, number[k]);
    }
    text_add(t, ",%lld,%lld", (long long)q->value.n, (long long)q->n_diverged);
    for (int v = 0; v < l->n_values; v++) {
        text_add(t, ",");
        figure_add_csv_number(t, v < q->n_each ? q->each[v] : NAN);
    }
    if (*l->spec->panel) {
        text_add(t, ",");
        text_add_csv(t, p->text);
    }
    text_add(t, "\n");
}

static void write_csv(struct line *l)
{
    struct text *t = &l->f->csv;
    int64_t row = 0;
    text_add(t, "%s,", *l->spec->hue && l->n_y == 1 ? l->spec->hue : "series");
    text_add(t, "%s,position,%s,low,high,n,diverged", l->spec->x,
             l->n_y == 1 ? l->y_name[0] : "value");
    for (int v = 0; v < l->n_values; v++) text_add(t, ",value_%d", v + 1);
    text_add(t, "%s%s\n", *l->spec->panel ? "," : "", l->spec->panel);
    for (int k = 0; k < l->n_panels; k++) {
        struct line_panel *p = &l->panel[k];
        p->first_row = row;
        row += p->s.n_series * p->s.n_x;
        for (int64_t h = 0; h < p->s.n_series; h++)
            for (int64_t i = 0; i < p->s.n_x; i++) csv_point(l, p, &p->s.series[h], i);
    }
}

/* ---- ranges and ticks ---- */

static void widen(double range[2], double value)
{
    if (!isfinite(value)) return;
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

/* Some air around the data. */
static void pad(double range[2], bool log, double part)
{
    if (!(range[1] >= range[0])) range[0] = 0, range[1] = 1; /* nothing to show */
    if (log) {
        double factor = range[1] > range[0] ? pow(range[1] / range[0], part) : 2;
        range[0] /= factor;
        range[1] *= factor;
    } else {
        double width = range[1] - range[0];
        double more = width > 0 ? width * part : fmax(fabs(range[0]) * part, 1e-3);
        range[0] -= more;
        range[1] += more;
    }
}

/* The first point that an axis has room for: a logarithmic one of steps begins behind 0. */
static int64_t first_point(const struct line *l, const struct line_panel *p)
{
    bool log = strchr(l->spec->log, 'x') && p->s.by_step;
    return log && p->s.n_x > 1 && line_position(p, 0) <= 0;
}

static void find_panel_ranges(struct line *l, const struct line_panel *p)
{
    for (int64_t i = first_point(l, p); i < p->s.n_x; i++) {
        widen(l->x, line_position(p, i));
        for (int64_t h = 0; h < p->s.n_series; h++) {
            const struct series_point *q = &p->s.series[h].point[i];
            widen(l->y, q->value.mean);
            for (int v = 0; v < q->n_each; v++) widen(l->y, q->each[v]);
            if (q->n_each > l->n_values) l->n_values = q->n_each;
        }
    }
}

/* A logarithmic axis ends a decade below the values: intervals may reach to 0 and beyond. */
static void widen_by_intervals(struct line *l)
{
    double least = l->log_y ? l->y[0] / 10 : -HUGE_VAL;
    for (int k = 0; k < l->n_panels; k++) {
        const struct series_set *s = &l->panel[k].s;
        for (int64_t i = first_point(l, &l->panel[k]); i < s->n_x; i++)
            for (int64_t h = 0; h < s->n_series; h++) {
                const struct statistics_interval *v = &s->series[h].point[i].value;
                if (isfinite(v->low)) widen(l->y, fmax(v->low, least));
                widen(l->y, v->high);
            }
    }
}

double line_low(const struct line *l, const struct series_point *p)
{
    return l->log_y && p->value.low < l->y[0] ? l->y[0] : p->value.low;
}

static void find_ranges(struct line *l)
{
    const struct series_set *s = &l->panel[0].s;
    int64_t most = 0;
    l->x[0] = l->y[0] = HUGE_VAL;
    l->x[1] = l->y[1] = -HUGE_VAL;
    for (int k = 0; k < l->n_panels; k++) {
        find_panel_ranges(l, &l->panel[k]);
        if (l->panel[k].s.n_x > most) most = l->panel[k].s.n_x;
    }
    l->log_x = strchr(l->spec->log, 'x') && !s->names && l->x[0] > 0;
    l->log_y = strchr(l->spec->log, 'y') && l->y[0] > 0;
    widen_by_intervals(l);
    if (s->names)
        l->x[0] = -0.5, l->x[1] = most ? (double)most - 0.5 : 0.5;
    else
        pad(l->x, l->log_x, s->by_step ? 0.01 : 0.04);
    pad(l->y, l->log_y, 0.06);
}

/* Part of the x axis between two points. */
static double distance(const struct line *l, double a, double b)
{
    return l->log_x ? log(b / a) / log(l->x[1] / l->x[0]) : (b - a) / (l->x[1] - l->x[0]);
}

/* Labels of the x axis: the values of the setting where there is room, or round numbers. */
int line_x_ticks(const struct line *l, const struct line_panel *p, double tick[FIGURE_TICKS])
{
    int64_t n = p->s.n_x, stride = (n + 7) / 8;
    double nearest = 1, room = 0.08 * line_columns(l);
    if (n == 0) return 0;
    for (int64_t i = stride; i < n; i += stride)
        nearest = fmin(nearest, distance(l, line_position(p, i - stride), line_position(p, i)));
    if (!p->s.names && (p->s.by_step || nearest < room)) {
        int ticks = figure_ticks(l->x[0], l->x[1], l->log_x, tick), kept = 0;
        int every = l->n_panels > 1 && ticks > 4 ? 2 : 1;
        for (int i = 0; i < ticks; i += every) /* not where the next panel's labels begin */
            if (l->n_panels == 1 || distance(l, l->x[0], tick[i]) < 0.93)
                tick[kept++] = tick[i];
        return kept;
    }
    if (p->s.names && n <= FIGURE_TICKS) stride = 1;
    int count = 0;
    for (int64_t i = 0; i < n && count < FIGURE_TICKS; i += stride)
        tick[count++] = line_position(p, i);
    return count;
}

const char *line_tick_text(const struct line_panel *p, double tick, char buffer[32])
{
    return p->s.names ? p->s.series[0].point[(int64_t)tick].text : results_number(tick, buffer);
}

/* ---- words ---- */

static void say_seeds(const struct line *l, struct text *t)
{
    const struct series_set *s = &l->panel[0].s;
    int64_t least = INT64_MAX, most = 0;
    for (int k = 0; k < l->n_panels; k++) series_count_seeds(&l->panel[k].s, &least, &most);
    if (most == 0)
        text_add(t, " There is nothing to show%s.",
                 s->of_pairs ? ": an alignment between seeds needs two seeds that are done"
                             : "");
    else if (least == most)
        text_add(t, " n = %lld seed%s at each point.", (long long)most, most > 1 ? "s" : "");
    else
        text_add(t, " n = %lld to %lld seeds a point.", (long long)least, (long long)most);
    if (most > (s->of_pairs ? 2 : 1)) {
        text_add(t, " %s: %g %% %s over seeds.", s->names ? "Bars" : "Bands", l->spec->ci,
                 statistics_seed_interval_name(least, most));
    } else if (most > 0) {
        text_add(t, " Too few seeds for an interval.");
    }
    if (l->n_values && most > 1)
        text_add(t, " Small points: the single %s.", s->of_pairs ? "pairs of seeds" : "seeds");
}

/* "relu, 64: 1; " for each point of a panel that lacks diverged trials. */
static void say_diverged(const struct line *l, const struct line_panel *p, bool *first,
                         struct text *t)
{
    int64_t hues = p->s.n_series / l->n_y; /* the same trials in every metric */
    for (int64_t h = 0; h < hues; h++)
        for (int64_t i = 0; i < p->s.n_x; i++) {
            const struct series_point *q = &p->s.series[h].point[i];
            if (q->n_diverged == 0) continue;
            text_add(t, "%s%s%s%s%s%s: %lld", *first ? "" : "; ", p->title,
                     *p->title ? ", " : "", p->s.series[h].name,
                     *p->s.series[h].name ? ", " : "", q->text, (long long)q->n_diverged);
            *first = false;
        }
}

static void say_missing(const struct line *l, struct text *t)
{
    int64_t diverged = 0, waiting = 0;
    bool first = true;
    for (int k = 0; k < l->n_panels; k++) {
        diverged += l->panel[k].s.n_diverged;
        waiting += l->panel[k].s.n_waiting;
    }
    if (diverged > 0) {
        text_add(t, " %lld trial%s diverged and %s not in the means", (long long)diverged,
                 diverged > 1 ? "s" : "", diverged > 1 ? "are" : "is");
        if (!l->panel[0].s.by_step) {
            text_add(t, " (");
            for (int k = 0; k < l->n_panels; k++) say_diverged(l, &l->panel[k], &first, t);
            text_add(t, ")");
        }
        text_add(t, ".");
    }
    if (waiting > 0)
        text_add(t, " %lld trial%s not done.", (long long)waiting,
                 waiting > 1 ? "s are" : " is");
    if (l->log_x && first_point(l, &l->panel[0]))
        text_add(t, " Step 0 has no place on a logarithmic axis.");
    if (strchr(l->spec->log, 'y') && !l->log_y)
        text_add(t, " The axis is linear: not all values are positive.");
    if (strchr(l->spec->log, 'x') && !l->log_x && !l->panel[0].s.names)
        text_add(t, " The x axis is linear: not all values are positive.");
}

/* "0.5 [0.4, 0.6] at width 64", and how many trials are not in the mean. */
static void say_point(const struct line *l, struct text *t, const struct series_point *p)
{
    char text[LABEL_SIZE];
    figure_add_interval(t, &p->value);
    text_add(t, " at %s", value_text(l->spec->x, p->text, text));
    if (p->n_diverged) text_add(t, " (%lld diverged)", (long long)p->n_diverged);
}

/* "relu: 0.5 [0.4, 0.6] at width 64, 0.7 [0.6, 0.8] at width 4096": the ends of x, or the
 * extremes of y where x is names. */
static void say_series(const struct line *l, const struct line_panel *panel, struct text *t,
                       int64_t h)
{
    const struct series_set *s = &panel->s;
    const struct series_point *p = s->series[h].point, *a = NULL, *b = NULL;
    for (int64_t i = 0; i < s->n_x; i++) {
        if (p[i].value.n == 0) continue;
        if (!a || (s->names && p[i].value.mean < a->value.mean)) a = &p[i];
        if (!b || !s->names || p[i].value.mean > b->value.mean) b = &p[i];
    }
    if (!a) return;
    char text[LABEL_SIZE];
    if (*panel->title) text_add(t, "%s, ", panel->title);
    if (*line_key(l, &s->series[h], text)) text_add(t, "%s: ", text);
    say_point(l, t, a);
    if (b != a) {
        text_add(t, ", ");
        say_point(l, t, b);
    }
    text_add(t, "\n");
}

static void write_words(const struct line *l)
{
    struct figure *f = l->f;
    const struct series_set *s = &l->panel[0].s;
    for (int y = 0; y < l->n_y; y++) text_add(&f->title, "%s%s", y ? ", " : "", l->y_name[y]);
    text_add(&f->title, " against %s%s%s%s%s", l->spec->x, *l->spec->hue ? " by " : "",
             l->spec->hue, *l->spec->panel ? " and " : "", l->spec->panel);
    if (s->of_pairs)
        text_add(&f->caption, "Mean %s between networks that differ only in their seed.",
                 l->y_name[0]);
    else if (s->by_step)
        text_add(&f->caption, "Means at each record.");
    else
        text_add(&f->caption, "Mean %s at the %s%s.", l->n_y > 1 ? "values" : l->y_name[0],
                 *l->spec->at ? "first record with " : "last record", l->spec->at);
    say_seeds(l, &f->caption);
    say_missing(l, &f->caption);
    if (*l->spec->filter) text_add(&f->caption, " Only trials with %s.", l->spec->filter);
    for (int k = 0; k < l->n_panels; k++)
        for (int64_t h = 0; h < l->panel[k].s.n_series; h++)
            say_series(l, &l->panel[k], &f->answer, h);
}

/* ---- the whole ---- */

/* Distinct values of the panel's setting over the trials that pass the filter, in the order of
 * their numbers. */
static enum err_code find_panels(const struct results *r, struct line *l, double *number,
                                 struct err *e)
{
    struct series_query query = {
        .y = {l->y_name[0]}, .x = l->spec->panel, .hue = "", .filter = l->spec->filter};
    struct series_set s;
    char value[LABEL_SIZE];
    enum err_code rc = series_collect(r, &query, &s, e);
    if (rc == ERR_OK && s.n_x > LINE_MAX_PANELS)
        rc = ERR(e, ERR_CONFIG, "panel: %s has %lld values, at most %d panels are drawn",
                 l->spec->panel, (long long)s.n_x, LINE_MAX_PANELS);
    for (int64_t i = 0; rc == ERR_OK && i < s.n_x; i++) {
        struct line_panel *p = &l->panel[l->n_panels];
        number[l->n_panels++] = s.series[0].point[i].x;
        p->text = s.series[0].point[i].text; /* of the results: it outlives the set */
        snprintf(p->title, sizeof p->title, "%s", value_text(l->spec->panel, p->text, value));
    }
    series_clear(&s);
    if (rc == ERR_OK && l->n_panels == 0) l->n_panels = 1; /* an empty one says so */
    return rc;
}

static enum err_code collect(const struct results *r, struct line *l, struct err *e)
{
    const struct figure_spec *spec = l->spec;
    double number[LINE_MAX_PANELS] = {0};
    if (*spec->panel) TRY(find_panels(r, l, number, e));
    bool panels = l->n_panels > 0;
    if (!panels) l->n_panels = 1;
    struct series_query query = {.n_y = l->n_y,
                                 .x = spec->x,
                                 .hue = spec->hue,
                                 .filter = spec->filter,
                                 .at = spec->at,
                                 .only = panels ? results_axis(r, spec->panel) : NULL,
                                 .level = spec->ci};
    for (int y = 0; y < l->n_y; y++) query.y[y] = l->y_name[y];
    for (int k = 0; k < l->n_panels; k++) {
        if (!l->panel[k].text) l->panel[k].text = "";
        query.only_value = number[k];
        TRY(series_collect(r, &query, &l->panel[k].s, e));
    }
    return ERR_OK;
}

/* As high as the venue's figures in one row of panels, lower in each of several. */
static void choose_height(struct line *l)
{
    int columns = line_columns(l), rows = (l->n_panels + columns - 1) / columns;
    if (l->n_panels > 1) l->f->height_in = l->f->venue->height_in * (0.35 + 0.5 * rows);
}

enum err_code figure_line_draw(const struct results *r, const struct figure_spec *spec,
                               struct figure *f, struct err *e)
{
    struct line l = {.spec = spec, .f = f};
    l.n_y = figure_names(spec->y, l.y_name);
    if (!*spec->x) return ERR(e, ERR_CONFIG, "a line figure needs x, a setting that varies");
    enum err_code rc = collect(r, &l, e);
    if (rc == ERR_OK) {
        choose_height(&l);
        find_ranges(&l);
        write_csv(&l);
        line_gnuplot(&l);
        line_tex(&l);
        write_words(&l);
    }
    for (int k = 0; k < l.n_panels; k++) series_clear(&l.panel[k].s);
    return rc;
}
