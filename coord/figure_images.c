/* figure_images.c - images that networks left in an array [k, C, H, W]: the first ones of one
 * network for each value of hue, a row each.
 *
 * Every image is a plot of its own, so that none is smoothed into its neighbour. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coord/figure_trials.h"

enum { GAP = 2, LONGEST_LABEL = 24 }; /* pixels between images; letters */

/* The images of one value of hue. */
struct strip {
    int64_t trial, place; /* place: in trials.trial */
    bool others;          /* further networks have this seed */
    int64_t n;            /* images shown */
    int64_t line;         /* of the CSV at which they begin */
    struct results_array a;
};

struct images {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_trials trials;
    int64_t n_strips, width, height, most; /* of the largest image; images in a row */
    int64_t channels;
    struct strip *strip;
};

/* ---- which images ---- */

static enum err_code check_shape(const struct images *x, const struct results_array *a,
                                 struct err *e)
{
    bool good = a->n_dims == 4 && (a->size[1] == 1 || a->size[1] == 3);
    if (good) return ERR_OK;
    char sizes[128] = "";
    for (int k = 0; k < a->n_dims; k++) {
        size_t used = strlen(sizes);
        snprintf(sizes + used, sizeof sizes - used, "%s%lld", k ? ", " : "",
                 (long long)a->size[k]);
    }
    return ERR(e, ERR_CONFIG,
               "array: '%s' has sizes [%s]; images are [k, C, H, W] with C = 1 or 3",
               x->spec->array, sizes);
}

/* The first trial of a group that has the array. */
static enum err_code find_strip(struct images *x, int64_t first, int64_t end, struct err *e)
{
    const struct figure_trials *t = &x->trials;
    struct strip *s = &x->strip[x->n_strips];
    for (int64_t i = first; i < end; i++) {
        TRY(results_array(t->r, x->spec->array, t->trial[i], &s->a, e));
        if (s->a.n_dims == 0) continue;
        x->n_strips++;
        s->place = i;
        s->trial = t->trial[i];
        s->others = i + 1 < end && t->r->seed[t->trial[i + 1]] == t->r->seed[s->trial];
        TRY(check_shape(x, &s->a, e));
        s->n = s->a.size[0] < x->spec->n ? s->a.size[0] : x->spec->n;
        if (s->n > x->most) x->most = s->n;
        if (s->a.size[1] > x->channels) x->channels = s->a.size[1];
        if (s->a.size[2] > x->height) x->height = s->a.size[2];
        if (s->a.size[3] > x->width) x->width = s->a.size[3];
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err_code find_strips(struct images *x, struct err *e)
{
    struct figure_trials *t = &x->trials;
    TRY(figure_trials_find(t->r, x->spec, t, e));
    x->strip = arena_array(&t->arena, (size_t)t->n + 1, sizeof *x->strip);
    if (!x->strip) return ERR(e, ERR_NOMEM, "no memory for images");
    for (int64_t i = 0, end; i < t->n; i = end) {
        end = figure_trials_group(t, i);
        TRY(find_strip(x, i, end, e));
    }
    return ERR_OK;
}

/* ---- data ---- */

/* A line of the CSV for each pixel: its channels side by side. */
static void add_image(const struct images *x, const struct strip *s, int64_t image,
                      struct text *t)
{
    const int64_t *size = s->a.size, pixels = size[2] * size[3];
    const float *data = s->a.data + image * size[1] * pixels;
    for (int64_t p = 0; p < pixels; p++) {
        if (x->trials.hue) text_add_csv(t, x->trials.hue->text[s->trial]);
        text_add(t, ",%lld,%lld,%lld", (long long)image, (long long)(p / size[3]),
                 (long long)(p % size[3]));
        for (int64_t c = 0; c < x->channels; c++) {
            text_add(t, ",");
            if (c < size[1] && isfinite(data[c * pixels + p]))
                text_add(t, "%.7g", (double)data[c * pixels + p]);
        }
        text_add(t, "\n");
    }
}

static void write_csv(struct images *x)
{
    struct text *t = &x->f->csv;
    int64_t line = 0;
    text_add_csv(t, *x->spec->hue ? x->spec->hue : "series");
    text_add(t, ",image,row,column");
    for (int64_t c = 0; c < x->channels; c++) text_add(t, ",value_%lld", (long long)c + 1);
    text_add(t, "\n");
    for (int64_t k = 0; k < x->n_strips; k++) {
        struct strip *s = &x->strip[k];
        s->line = line;
        line += s->n * s->a.size[2] * s->a.size[3];
        for (int64_t i = 0; i < s->n; i++) add_image(x, s, i, t);
    }
}

/* ---- gnuplot ---- */

/* Pixels that images and gaps take across and down. */
static int64_t across(const struct images *x)
{
    return x->most ? x->most * (x->width + GAP) - GAP : 1;
}

static int64_t down(const struct images *x)
{
    return x->n_strips ? x->n_strips * (x->height + GAP) - GAP : 1;
}

/* Room for the names in front, in inches. */
static double label_in(const struct images *x)
{
    char name[FIGURE_NAME];
    size_t most = 0;
    for (int64_t k = 0; k < x->n_strips; k++) {
        size_t n = strlen(figure_trials_name(&x->trials, x->strip[k].place, name));
        if (n > most) most = n;
    }
    if (most > LONGEST_LABEL) most = LONGEST_LABEL;
    return most ? 0.16 + 0.54 * (double)most * x->f->venue->font_pt / 72 : 0.03;
}

/* The figure is as high as its images are. */
static void find_height(const struct images *x)
{
    const double margin_in = 0.03;
    if (x->n_strips == 0) {
        x->f->height_in = 0.3;
        return;
    }
    double room = x->f->venue->width_in - label_in(x) - margin_in;
    x->f->height_in = 2 * margin_in + room * (double)down(x) / (double)across(x);
}

static void write_setup(const struct images *x)
{
    struct text *t = &x->f->setup;
    char name[FIGURE_NAME];
    text_add(t,
             "unset border\nunset key\nunset xtics\nset size ratio -1\n"
             "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
             "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
             "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\n",
             label_in(x) / x->f->venue->width_in, 1 - 0.03 / x->f->venue->width_in,
             1 - 0.03 / x->f->height_in, 0.03 / x->f->height_in, (double)across(x) - 0.5,
             (double)down(x) - 0.5);
    text_add(t, "low = %.12g\nhigh = %.12g\n", x->spec->low, x->spec->high);
    text_add(t, "clip(part) = part < 0 ? 0 : part > 1 ? 1 : part\n"
                "level(k) = valid(k) ? 255 * clip((column(k) - low) / (high - low)) : 128\n");
    text_add(t, "set ytics (");
    for (int64_t k = 0; k < x->n_strips; k++) {
        text_add(t, "%s'", k ? ", " : "");
        figure_add_quoted(t, figure_trials_name(&x->trials, x->strip[k].place, name));
        text_add(t, "' %g", (double)(k * (x->height + GAP)) + (double)(x->height - 1) / 2);
    }
    text_add(t, ") scale 0 offset 0.5,0\n");
}

static void write_plot(const struct images *x)
{
    struct text *t = &x->f->plot;
    text_add(t, "plot NaN notitle");
    for (int64_t k = 0; k < x->n_strips; k++) {
        const struct strip *s = &x->strip[k];
        int64_t pixels = s->a.size[2] * s->a.size[3];
        int color = s->a.size[1] == 3;
        for (int64_t i = 0; i < s->n; i++) {
            int64_t first = s->line + i * pixels;
            text_add(
                t,
                ", \\\n    '%s.csv' skip 1 every ::%lld::%lld using ($4 + %lld):($3 + %lld)"
                ":(level(5)):(level(%d)):(level(%d)) with rgbimage notitle",
                x->f->stem, (long long)first, (long long)(first + pixels - 1),
                (long long)(i * (x->width + GAP)), (long long)(k * (x->height + GAP)),
                5 + color, 5 + 2 * color);
        }
    }
    text_add(t, "\n");
}

/* ---- words ---- */

static void say_networks(const struct images *x, struct text *t)
{
    const struct figure_trials *trials = &x->trials;
    bool same = true, others = false;
    for (int64_t k = 0; k < x->n_strips; k++) {
        same &= trials->r->seed[x->strip[k].trial] == trials->r->seed[x->strip[0].trial];
        others |= x->strip[k].others;
    }
    char name[FIGURE_NAME];
    if (same && x->n_strips)
        text_add(t, " Seed %llu%s.", (unsigned long long)trials->r->seed[x->strip[0].trial],
                 x->n_strips > 1 ? " in each row" : "");
    for (int64_t k = 0; k < x->n_strips && !same; k++)
        text_add(t, "%s%s: seed %llu%s", k ? ", " : " ",
                 figure_trials_name(trials, x->strip[k].place, name),
                 (unsigned long long)trials->r->seed[x->strip[k].trial],
                 k == x->n_strips - 1 ? "." : "");
    if (others) text_add(t, " Of several networks of a seed, the first of the store.");
}

static void write_words(const struct images *x)
{
    struct figure *f = x->f;
    text_add(&f->title, "%s%s%s", x->spec->array, *x->spec->hue ? " by " : "", x->spec->hue);
    if (x->n_strips)
        text_add(
            &f->caption,
            "The first %lld image%s of %s of one network%s%s; %.4g is black, %.4g is white.",
            (long long)x->most, x->most == 1 ? "" : "s", x->spec->array,
            *x->spec->hue ? " for each value of " : "", x->spec->hue, x->spec->low,
            x->spec->high);
    else
        text_add(&f->caption, "Images of %s: there are none to show.", x->spec->array);
    say_networks(x, &f->caption);
    figure_trials_say(&x->trials, x->spec, &f->caption);
}

enum err_code figure_images_draw(const struct results *r, const struct figure_spec *spec,
                                 struct figure *f, struct err *e)
{
    struct images x = {.spec = spec, .f = f, .trials = {.r = r}};
    if (spec->n < 1) return ERR(e, ERR_CONFIG, "n: at least one image");
    if (!(spec->high > spec->low)) return ERR(e, ERR_CONFIG, "high: must be above low");
    enum err_code rc = find_strips(&x, e);
    if (rc == ERR_OK) {
        find_height(&x);
        write_csv(&x);
        write_setup(&x);
        write_plot(&x);
        text_add(&f->axis, "\\node{\\includegraphics{%s.pdf}};\n", f->stem);
        write_words(&x);
    }
    for (int64_t k = 0; k < x.n_strips; k++) results_array_clear(&x.strip[k].a);
    figure_trials_clear(&x.trials);
    return rc;
}
