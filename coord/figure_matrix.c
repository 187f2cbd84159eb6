/* figure_matrix.c - a heat map of one alignment measure between all networks.
 *
 * Networks stand in the order of the given settings, then of the others, then by seed; or, with
 * order: cluster, like by like. A group is a run of equal settings. Labels name groups, not
 * networks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/figure_pairs.h"
#include "coord/filter.h"
#include "coord/state.h"
#include "linalg/hierarchy.h"
#include "linalg/statistics.h"

enum {
    MANY_GROUPS = 24, /* more than these are labelled by the first setting alone */
    MANY_MODELS = 64, /* above, the heat map is an image, not squares of its own */
    LABEL = 160,
};

struct matrix {
    const struct results *r;
    const struct results_alignment *a;
    struct figure *f;
    struct arena arena;
    int n_order;
    const struct results_axis *order[SWEEP_MAX_ORDER];
    bool cluster;      /* they stand in the order of a tree, which settings only label */
    int64_t n_missing; /* pairs without a score, of a tree */
    int64_t n;
    struct node *node; /* [n] in the order shown */
    double range[2];   /* of scores off the diagonal */
};

struct node {
    const struct matrix *matrix;
    int64_t model, trial;
};

static double score(const struct matrix *x, int64_t i, int64_t j)
{
    return x->a->score[x->node[i].model * x->a->n_models + x->node[j].model];
}

/* Do networks i and j agree in the first `depth` settings? */
static bool together(const struct matrix *x, int64_t i, int64_t j, int depth)
{
    for (int k = 0; k < depth; k++)
        if (x->order[k]->number[x->node[i].trial] != x->order[k]->number[x->node[j].trial])
            return false;
    return true;
}

static const char *group_label(const struct matrix *x, int64_t i, int depth, char out[LABEL])
{
    size_t used = 0;
    out[0] = '\0';
    for (int k = 0; k < depth && used < LABEL; k++) {
        const char *text = x->order[k]->text[x->node[i].trial]; /* "": has no such setting */
        if (*text)
            used += (size_t)snprintf(out + used, LABEL - used, "%s%s", used ? ", " : "", text);
    }
    return out;
}

static int64_t group_end(const struct matrix *x, int64_t first, int depth)
{
    int64_t end = first + 1;
    while (end < x->n && together(x, first, end, depth)) end++;
    return end;
}

static int64_t count_groups(const struct matrix *x, int depth)
{
    int64_t groups = 0;
    for (int64_t i = 0; i < x->n; i = group_end(x, i, depth)) groups++;
    return groups;
}

/* ---- which networks, in which order ---- */

static int by_order(const void *a, const void *b)
{
    const struct node *p = a, *q = b;
    const struct matrix *x = p->matrix;
    for (int k = 0; k < x->n_order; k++) {
        double u = x->order[k]->number[p->trial], v = x->order[k]->number[q->trial];
        if (u != v) return u < v ? -1 : 1;
    }
    for (int k = 0; k < x->r->n_axes; k++) { /* what else varies, so that like stands by like */
        double u = x->r->axis[k].number[p->trial], v = x->r->axis[k].number[q->trial];
        if (u != v) return u < v ? -1 : 1;
    }
    uint64_t s = x->r->seed[p->trial], t = x->r->seed[q->trial];
    if (s != t) return s < t ? -1 : 1;
    return (p->model > q->model) - (p->model < q->model);
}

static enum err_code find_order(struct matrix *x, const struct figure_spec *spec, struct err *e)
{
    x->cluster = figure_is_cluster(spec);
    for (int k = 0; k < spec->n_order && !x->cluster; k++) {
        x->order[k] = results_axis(x->r, spec->order[k]);
        if (!x->order[k])
            return ERR(e, ERR_CONFIG, "order: '%s' does not vary in this store",
                       spec->order[k]);
    }
    x->n_order = x->cluster ? 0 : spec->n_order;
    if (x->n_order) return ERR_OK;
    for (int k = 0; k < x->r->n_axes && k < SWEEP_MAX_ORDER; k++)
        x->order[x->n_order++] = &x->r->axis[k];
    return ERR_OK;
}

static enum err_code find_nodes(struct matrix *x, const struct figure_spec *spec, struct err *e)
{
    TRY(figure_pairs_alignment(x->r, spec->value, &x->a, e));
    struct expr *filter = NULL;
    TRY(filter_parse(x->r, spec->filter, &x->arena, &filter, e));
    TRY(find_order(x, spec, e));
    x->node = arena_array(&x->arena, (size_t)x->a->n_models, sizeof *x->node);
    if (!x->node) return ERR(e, ERR_NOMEM, "no memory for a figure");
    for (int64_t m = 0; m < x->a->n_models; m++) {
        int64_t t = x->a->trial[m];
        if (x->r->state[t] == TRIAL_DONE && filter_match(x->r, filter, t))
            x->node[x->n++] = (struct node){x, m, t};
    }
    qsort(x->node, (size_t)x->n, sizeof *x->node, by_order);
    return ERR_OK;
}

static void find_range(struct matrix *x)
{
    x->range[0] = HUGE_VAL;
    x->range[1] = -HUGE_VAL;
    for (int64_t i = 0; i < x->n; i++)
        for (int64_t j = 0; j < x->n; j++) {
            if (i == j || isnan(score(x, i, j))) continue;
            x->range[0] = fmin(x->range[0], score(x, i, j));
            x->range[1] = fmax(x->range[1], score(x, i, j));
        }
    if (!(x->range[1] >= x->range[0])) x->range[0] = 0, x->range[1] = 1; /* one network */
    if (x->range[1] == x->range[0]) x->range[0] -= 0.01, x->range[1] += 0.01;
}

/* The order of the leaves of a tree of average linkage. Two networks are as unlike as their
 * score, the mean of both directions, lies below the largest; without one, as the least alike
 * pair. */
static enum err_code cluster(struct matrix *x, struct err *e)
{
    size_t n = (size_t)x->n;
    double *delta = arena_array(&x->arena, n, n * sizeof *delta);
    int64_t *leaf = arena_array(&x->arena, n, sizeof *leaf);
    struct node *sorted = arena_array(&x->arena, n, sizeof *sorted);
    struct hierarchy_merge *merge = arena_array(&x->arena, n, sizeof *merge);
    bool distance = figure_pairs_distance(x->a->measure);
    if (!delta || !leaf || !sorted || !merge)
        return ERR(e, ERR_NOMEM, "no memory to sort %lld networks", (long long)n);
    for (int64_t i = 0; i < x->n; i++)
        for (int64_t j = i + 1; j < x->n; j++) {
            double mean = (score(x, i, j) + score(x, j, i)) / 2;
            double least = distance ? x->range[1] : x->range[0];
            double unlike = isnan(mean) ? least : mean;
            delta[i * x->n + j] = distance ? unlike - x->range[0] : x->range[1] - unlike;
            x->n_missing += isnan(mean);
        }
    TRY(hierarchy_average(x->n, delta, merge, leaf, e));
    for (int64_t i = 0; i < x->n; i++) sorted[i] = x->node[leaf[i]];
    x->node = sorted;
    return ERR_OK;
}

/* ---- data ---- */

static void add_name(const struct matrix *x, int64_t i)
{
    char label[LABEL], name[LABEL + 32];
    snprintf(name, sizeof name, "%s%sseed %llu", group_label(x, i, x->n_order, label),
             x->n_order ? ", " : "", (unsigned long long)x->r->seed[x->node[i].trial]);
    text_add_csv(&x->f->csv, name);
}

static void write_csv(const struct matrix *x)
{
    text_add(&x->f->csv, "network");
    for (int64_t i = 0; i < x->n; i++) {
        text_add(&x->f->csv, ",");
        add_name(x, i);
    }
    text_add(&x->f->csv, "\n");
    for (int64_t i = 0; i < x->n; i++) {
        add_name(x, i);
        for (int64_t j = 0; j < x->n; j++) {
            if (isnan(score(x, i, j)))
                text_add(&x->f->csv, ",");
            else
                text_add(&x->f->csv, ",%.6g", score(x, i, j));
        }
        text_add(&x->f->csv, "\n");
    }
}

/* ---- gnuplot ---- */

/* Settings that are told apart along an axis: all, or the first where groups are many. */
static int label_depth(const struct matrix *x)
{
    return count_groups(x, x->n_order) <= MANY_GROUPS ? x->n_order : (x->n_order > 0);
}

/* The same across, where there is less room: in a tree's order groups are short. */
static int across_depth(const struct matrix *x)
{
    return !x->cluster && x->n_order > 0;
}

static void add_tics(const struct matrix *x, const char *axis, int depth)
{
    char label[LABEL];
    text_add(&x->f->setup, "set %stics (", axis);
    int64_t stride = 1 + count_groups(x, depth) / MANY_GROUPS, group = 0;
    for (int64_t i = 0, end; i < x->n; i = end, group++) {
        end = group_end(x, i, depth);
        if (group % stride) continue;
        text_add(&x->f->setup, "%s'", group ? ", " : "");
        figure_add_quoted(&x->f->setup, group_label(x, i, depth, label));
        text_add(&x->f->setup, "' %g", (double)(i + end - 1) / 2);
    }
    text_add(&x->f->setup, ") scale 0\n");
}

/* White lines between the groups of the first setting. */
static void add_separators(const struct matrix *x)
{
    for (int64_t i = group_end(x, 0, 1); x->n_order && i < x->n; i = group_end(x, i, 1))
        text_add(&x->f->setup,
                 "set arrow from %g,-0.5 to %g,%g nohead front linecolor rgb 'white'\n"
                 "set arrow from -0.5,%g to %g,%g nohead front linecolor rgb 'white'\n",
                 (double)i - 0.5, (double)i - 0.5, (double)x->n - 0.5, (double)i - 0.5,
                 (double)x->n - 0.5, (double)i - 0.5);
}

static void write_gnuplot(const struct matrix *x)
{
    struct text *t = &x->f->setup;
    double tick[FIGURE_TICKS], edge = fmax((double)x->n, 1) - 0.5;
    char number[32];
    text_add(t, "set palette defined (");
    for (int i = 0; i < FIGURE_PALETTE; i++)
        text_add(t, "%s%d '#%s'", i ? ", " : "", i, figure_palette[i]);
    text_add(t,
             ")\nunset border\nset size ratio -1\nunset key\n"
             "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\nset cbrange [%.6g:%.6g]\n",
             edge, edge, x->range[0], x->range[1]);
    add_tics(x, "x", across_depth(x));
    add_tics(x, "y", label_depth(x));
    int n = figure_ticks(x->range[0], x->range[1], false, tick);
    text_add(t, "set cbtics (");
    for (int i = 0; i < n; i++)
        text_add(t, "%s'%s' %.12g", i ? ", " : "", results_number(tick[i], number), tick[i]);
    text_add(t, ") scale 0.3\nset colorbox noborder\nset cblabel '");
    figure_add_quoted(t, x->a->measure);
    text_add(t, "' offset 0.5,0\n");
    if (x->n && !x->cluster) add_separators(x);
    if (x->n == 0)
        text_add(&x->f->plot, "plot NaN notitle\n");
    else
        text_add(&x->f->plot,
                 "plot '%s.csv' matrix every ::1:1 using ($1 - 1):($2 - 1):3 with image%s\n",
                 x->f->stem, x->n <= MANY_MODELS ? " pixels" : "");
}

/* ---- pgfplots ---- */

static void write_tex(const struct matrix *x)
{
    struct text *t = &x->f->axis;
    double side = x->f->height_in;
    if (x->n > MANY_MODELS) { /* TeX's memory is small: the drawn figure instead */
        text_add(t, "\\node{\\includegraphics{%s.pdf}};\n", x->f->stem);
        return;
    }
    text_add(t,
             "\\begin{axis}[\n  width=%gin, height=%gin, enlargelimits=false, y dir=reverse,\n"
             "  axis line style={draw=none}, tick style={draw=none}, colorbar,\n"
             "  colormap={viridis}{",
             side, side);
    for (int i = 0; i < FIGURE_PALETTE; i++) {
        long color = strtol(figure_palette[i], NULL, 16);
        text_add(t, " rgb255=(%ld,%ld,%ld)", color >> 16, color >> 8 & 255, color & 255);
    }
    text_add(t, "},\n  point meta min=%.6g, point meta max=%.6g,\n", x->range[0], x->range[1]);
    static const char *const axes[] = {"x", "y"};
    for (int k = 0; k < 2; k++) {
        char label[LABEL];
        int depth = k ? label_depth(x) : across_depth(x);
        text_add(t, "  %stick={", axes[k]);
        for (int64_t i = 0, end; i < x->n; i = end) {
            end = group_end(x, i, depth);
            text_add(t, "%s%g", i ? "," : "", (double)(i + end - 1) / 2);
        }
        text_add(t, "}, %sticklabels={", axes[k]);
        for (int64_t i = 0; i < x->n; i = group_end(x, i, depth)) {
            text_add(t, "%s{", i ? "," : "");
            figure_add_tex(t, group_label(x, i, depth, label));
            text_add(t, "}");
        }
        text_add(t, "},\n");
    }
    text_add(t,
             "]\n\\addplot[matrix plot*, point meta=explicit, mesh/cols=%lld]\n"
             "  table[meta=s] {\nx y s\n",
             (long long)x->n);
    for (int64_t i = 0; i < x->n; i++)
        for (int64_t j = 0; j < x->n; j++)
            text_add(t, "%lld %lld %.6g\n", (long long)j, (long long)i, score(x, i, j));
    text_add(t, "};\n\\end{axis}\n");
}

/* ---- words ---- */

/* Mean over pairs of networks with different seeds that satisfy `want`, with the interval of
 * resampled seeds. */
static struct statistics_interval mean_of_pairs(struct matrix *x, int depth, bool want)
{
    uint64_t most = 0;
    for (int64_t i = 0; i < x->n; i++)
        if (x->r->seed[x->node[i].trial] > most) most = x->r->seed[x->node[i].trial];
    int64_t S = (int64_t)most + 1;
    double *sum = arena_array(&x->arena, (size_t)(S * S), 2 * sizeof *sum);
    INVARIANT(sum);
    for (int64_t i = 0; i < x->n; i++)
        for (int64_t j = 0; j < x->n; j++) {
            int64_t a = x->node[i].trial, b = x->node[j].trial;
            uint64_t s = x->r->seed[a], t = x->r->seed[b];
            if (results_origin(x->r, a) != RESULTS_TRIAL ||
                results_origin(x->r, b) != RESULTS_TRIAL)
                continue;
            if (s == t || isnan(score(x, i, j)) || together(x, i, j, depth) != want) continue;
            sum[(int64_t)s * S + (int64_t)t] += score(x, i, j);
            sum[S * S + (int64_t)s * S + (int64_t)t]++;
        }
    for (int64_t k = 0; k < S * S; k++)
        sum[k] = sum[S * S + k] > 0 ? sum[k] / sum[S * S + k] : NAN;
    return statistics_pair_interval(S, sum, 95, 0);
}

static void say_pairs(struct matrix *x, const char *which, int depth, bool want)
{
    struct statistics_interval v = mean_of_pairs(x, depth, want);
    if (v.n == 0) return;
    text_add(&x->f->answer, "%s: ", which);
    figure_add_interval(&x->f->answer, &v);
    text_add(&x->f->answer, "\n");
}

static void say_order(const struct matrix *x)
{
    struct text *t = &x->f->caption;
    text_add(t, "%s of all pairs of %lld networks, ordered by ", x->a->measure,
             (long long)x->n);
    if (!x->cluster) {
        for (int k = 0; k < x->n_order; k++) text_add(t, "%s, ", x->order[k]->name);
        text_add(t, "%sseed.", x->n_order ? "then " : "");
        return;
    }
    text_add(t, "likeness: the leaves of a tree of average linkage of the scores.");
    if (x->n_missing)
        text_add(t, " %lld pair%s without a score, there taken for the least alike.",
                 (long long)x->n_missing, x->n_missing > 1 ? "s are" : " is");
}

static void write_words(struct matrix *x)
{
    struct figure *f = x->f;
    char which[LABEL];
    text_add(&f->title, "%s between all networks", x->a->measure);
    say_order(x);
    text_add(&f->caption,
             " The colours span the scores off the diagonal, %.3g to %.3g. Means in words"
             " are over pairs of different seeds, with 95 %% intervals over seeds.",
             x->range[0], x->range[1]);
    say_pairs(x, "same settings, other seed", x->n_order, true);
    if (x->n_order == 0) return;
    if (x->n_order > 1) {
        snprintf(which, sizeof which, "same %s", x->order[0]->name);
        say_pairs(x, which, 1, true);
    }
    snprintf(which, sizeof which, "different %s", x->order[0]->name);
    say_pairs(x, which, 1, false);
}

enum err_code figure_matrix_draw(const struct results *r, const struct figure_spec *spec,
                                 struct figure *f, struct err *e)
{
    struct matrix x = {.r = r, .f = f};
    f->height_in = 0.25 + 0.66 * f->venue->width_in; /* square cells, labels below */
    enum err_code rc = find_nodes(&x, spec, e);
    if (rc == ERR_OK) find_range(&x);
    if (rc == ERR_OK && x.cluster) rc = cluster(&x, e);
    if (rc == ERR_OK) {
        write_csv(&x);
        write_gnuplot(&x);
        write_tex(&x);
        write_words(&x);
    }
    arena_clear(&x.arena);
    return rc;
}
