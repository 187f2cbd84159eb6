/* figure_map.c - networks in the plane, as far apart as their alignment is low: -log of the
 * score, below a floor the floor's. Coordinates mean nothing but distances: a map may be turned
 * and mirrored. */
#include <math.h>

#include "coord/figure_pairs.h"
#include "coord/figure_plot.h"
#include "linalg/mds.h"

/* Starts are cheap and help where points are few: of 200 a step takes 0.3 ms. */
enum { PLANE = 2, FEW = 200, STARTS_OF_FEW = 8, STARTS = 1 };

struct map {
    const struct figure_spec *spec;
    struct figure *f;
    struct figure_pairs pairs;
    int64_t n, n_floor, n_missing;
    double *delta, *x;
    struct mds_fit fit; /* of classical scaling stress and share alone */
    double negative;    /* share of negative eigenvalues; NaN but for classical scaling */
    double residual;    /* share of another layout's variance that this one leaves, or NaN */
};

static const struct row layout_rows[] = {
    [FIGURE_LAYOUT_SMACOF] = {"smacof",
                              "least squares of distances, the best of several starts",
                              "de Leeuw 1988"},
    [FIGURE_LAYOUT_CLASSICAL] = {"classical", "leading eigenvectors of the centred squares",
                                 "Torgerson 1952"},
};
const struct table figure_layouts = TABLE("layout", layout_rows);

static int random_starts(const struct map *m)
{
    return m->n <= FEW ? STARTS_OF_FEW : STARTS;
}

static enum err_code lay_out(struct map *m, struct err *e)
{
    struct arena *a = &m->pairs.trials.arena;
    size_t n = (size_t)m->n;
    double squares = 0;
    m->delta = arena_array(a, n + 1, n * sizeof *m->delta);
    m->x = arena_array(a, n + 1, PLANE * sizeof *m->x);
    if (!m->delta || !m->x) return ERR(e, ERR_NOMEM, "no memory for a map");
    m->n_floor = mds_dissimilarity(m->n, m->pairs.score, MDS_FLOOR, m->delta);
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t j = i + 1; j < m->n; j++) {
            double d = m->delta[i * m->n + j];
            m->n_missing += isnan(d);
            squares += isnan(d) ? 0 : d * d;
        }
    m->negative = NAN;
    if (m->spec->method == FIGURE_LAYOUT_SMACOF)
        return mds_smacof(m->n, PLANE, m->delta, random_starts(m), 0, m->x, &m->fit, e);
    TRY(mds_classical(m->n, PLANE, m->delta, m->x, &m->negative, e));
    m->fit.stress = mds_stress(m->n, PLANE, m->delta, m->x);
    m->fit.share = squares > 0 ? sqrt(m->fit.stress / squares) : 0;
    return ERR_OK;
}

/* Turns, mirrors, scales and moves the map onto the layout of another measure. */
static enum err_code turn_onto(struct map *m, const struct results *r, struct err *e)
{
    struct figure_trials *t = &m->pairs.trials;
    const struct results_alignment *other;
    struct mds_similarity best;
    struct mds_fit fit;
    m->residual = NAN;
    if (!*m->spec->onto) return ERR_OK;
    TRY(figure_pairs_alignment(r, m->spec->onto, &other, e));
    double *score = figure_pairs_score(t, other), negative;
    double *delta = arena_array(&t->arena, (size_t)m->n + 1, (size_t)m->n * sizeof *delta);
    double *x = arena_array(&t->arena, (size_t)m->n + 1, PLANE * sizeof *x);
    if (!score || !delta || !x) return ERR(e, ERR_NOMEM, "no memory for a map");
    mds_dissimilarity(m->n, score, MDS_FLOOR, delta);
    if (m->spec->method == FIGURE_LAYOUT_SMACOF)
        TRY(mds_smacof(m->n, PLANE, delta, random_starts(m), 0, x, &fit, e));
    else
        TRY(mds_classical(m->n, PLANE, delta, x, &negative, e));
    TRY(mds_procrustes(m->n, PLANE, m->x, x, true, &best, e));
    mds_apply(&best, m->n, PLANE, m->x);
    m->residual = best.residual;
    return ERR_OK;
}

/* ---- data ---- */

/* What is said of the whole stands in each row. */
static void write_csv(const struct map *m)
{
    struct text *t = &m->f->csv;
    const struct figure_trials *trials = &m->pairs.trials;
    const struct results *r = trials->r;
    text_add(t, "%s,x,y,seed", *m->spec->hue ? m->spec->hue : "series");
    for (int k = 0; k < r->n_axes; k++) {
        text_add(t, ",");
        text_add_csv(t, r->axis[k].name);
    }
    text_add(t, ",stress,stress_1,below_floor,missing%s\n", *m->spec->onto ? ",residual" : "");
    for (int64_t i = 0; i < m->n; i++) {
        int64_t trial = trials->trial[i];
        text_add_csv(t, trials->hue ? trials->hue->text[trial] : "");
        for (int k = 0; k < PLANE; k++) {
            text_add(t, ",");
            figure_add_csv_number(t, m->x[i * PLANE + k]);
        }
        text_add(t, ",%llu", (unsigned long long)r->seed[trial]);
        for (int k = 0; k < r->n_axes; k++) {
            text_add(t, ",");
            text_add_csv(t, r->axis[k].text[trial]);
        }
        text_add(t, ",%.9g,%.9g,%lld,%lld", m->fit.stress, m->fit.share, (long long)m->n_floor,
                 (long long)m->n_missing);
        if (*m->spec->onto) text_add(t, ",%.9g", m->residual);
        text_add(t, "\n");
    }
}

static enum err_code draw_plot(struct map *m, struct err *e)
{
    struct figure_trials *t = &m->pairs.trials;
    size_t room = (size_t)m->n + 1;
    struct figure_plot_point *point = arena_array(&t->arena, room, sizeof *point);
    struct figure_plot_group *group = arena_array(&t->arena, room, sizeof *group);
    if (!point || !group) return ERR(e, ERR_NOMEM, "no memory for a map");
    struct figure_plot plot = {.x_label = "dimension 1",
                               .y_label = "dimension 2",
                               .equal = true,
                               .n = m->n,
                               .point = point,
                               .group = group,
                               .x_column = 2,
                               .y_column = 3};
    for (int64_t i = 0; i < m->n; i++)
        point[i] = (struct figure_plot_point){m->x[i * PLANE], m->x[i * PLANE + 1], NAN, NAN};
    plot.n_groups = figure_plot_groups(t, group);
    figure_plot_draw(&plot, m->f);
    return ERR_OK;
}

/* ---- words ---- */

static void write_words(const struct map *m)
{
    struct figure *f = m->f;
    struct text *t = &f->caption;
    long long pairs = (long long)(m->n * (m->n - 1) / 2);
    text_add(&f->title, "networks by %s%s%s", m->pairs.measure, *m->spec->hue ? ", " : "",
             m->spec->hue);
    text_add(
        t,
        "%lld networks in the plane, as far apart as -log %s says; the axes have no meaning. ",
        (long long)m->n, m->pairs.measure);
    if (m->spec->method == FIGURE_LAYOUT_SMACOF)
        text_add(t, "Least squares of distances, the best of %d starts%s: ",
                 random_starts(m) + (m->n_missing == 0),
                 m->fit.converged ? "" : " (still moving when it was ended)");
    else
        text_add(t, "Classical scaling, negative eigenvalues %.3g of all: ", m->negative);
    text_add(t, "stress 1 is %.3g.", m->fit.share);
    if (*m->spec->onto) {
        text_add(t, " Turned and scaled onto the layout by %s: %.3g of its variance is left.",
                 m->spec->onto, m->residual);
        text_add(&f->answer, "residual onto the layout by %s: %.3g\n", m->spec->onto,
                 m->residual);
    }
    if (m->n_floor > 0)
        text_add(t, " Of %lld of %lld pairs the score is below %g and counts as that.",
                 (long long)m->n_floor, pairs, MDS_FLOOR);
    if (m->n_missing > 0)
        text_add(t, " %lld of %lld pairs have no score and no weight.", (long long)m->n_missing,
                 pairs);
    figure_pairs_say(&m->pairs, m->spec, t);
    text_add(&f->answer, "stress 1: %.3g; %lld of %lld pairs below the floor of %g\n",
             m->fit.share, (long long)m->n_floor, pairs, MDS_FLOOR);
}

enum err_code figure_map_draw(const struct results *r, const struct figure_spec *spec,
                              struct figure *f, struct err *e)
{
    struct map m = {.spec = spec, .f = f};
    f->height_in = 0.25 + 0.75 * f->venue->width_in;
    enum err_code rc = figure_pairs_find(r, spec, spec->value, &m.pairs, e);
    m.n = m.pairs.trials.n;
    if (rc == ERR_OK) rc = lay_out(&m, e);
    if (rc == ERR_OK) rc = turn_onto(&m, r, e);
    if (rc == ERR_OK) rc = draw_plot(&m, e);
    if (rc == ERR_OK) {
        write_csv(&m);
        write_words(&m);
    }
    figure_pairs_clear(&m.pairs);
    return rc;
}
