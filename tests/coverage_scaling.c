/* coverage_scaling.c - in how many of 1000 known laws the intervals of a fit hold the truth.
 *
 *   coverage_scaling [LAWS [SEEDS [RESAMPLES [HUBER]]]]
 *
 * A measurement is the law times 1 + noise * N(0, 1). The noise is that of a law, log-uniform
 * from 0.2 to 2 %; of its variance a share that is uniform on (0, 1) belongs to the seed and
 * moves all its sizes alike. Fails if the coverage of a parameter lies outside 0.93 to 0.97 in a
 * study that says so. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "linalg/scaling_law.h"
#include "linalg/statistics.h"

enum { MOST_SIZES = 16, MOST_SEEDS = 64, MOST_LAWS = 10000 };

struct study {
    const char *form, *what;
    int n_sizes;
    bool strict;
    int part;         /* of the laws: one in so many, where refits take long */
    double low, high; /* share of the limit in y at the largest size */
    void (*draw)(const struct study *s, struct rng *r, const double *last, double *param);
};

static double between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

static void draw_power(const struct study *s, struct rng *r, const double *last, double *param)
{
    double share = between(r, s->low, s->high), y = exp(between(r, -2, 2));
    param[2] = between(r, 0.2, 0.8);
    param[0] = share * y;
    param[1] = (1 - share) * y * pow(last[0], param[2]);
}

static void draw_power_only(const struct study *s, struct rng *r, const double *last,
                            double *param)
{
    (void)s;
    param[1] = between(r, 0.05, 0.8);
    param[0] = exp(between(r, -2, 2)) * pow(last[0], param[1]);
}

/* The rest of y at the largest sizes belongs to both terms, 30 to 70 % to the first. */
static void draw_power2(const struct study *s, struct rng *r, const double *last, double *param)
{
    double share = between(r, s->low, s->high), y = exp(between(r, -2, 2));
    double first = between(r, 0.3, 0.7);
    param[2] = between(r, 0.2, 0.8);
    param[4] = between(r, 0.2, 0.8);
    param[0] = share * y;
    param[1] = (1 - share) * first * y * pow(last[0], param[2]);
    param[3] = (1 - share) * (1 - first) * y * pow(last[1], param[4]);
}

static void draw_loglinear(const struct study *s, struct rng *r, const double *last,
                           double *param)
{
    (void)s;
    double y = exp(between(r, -2, 2));
    param[1] = -y * between(r, 0.02, 0.1);
    param[0] = y - param[1] * log(last[0]);
}

/* Steeper behind a break in the middle of the sizes. */
static void draw_broken(const struct study *s, struct rng *r, const double *last, double *param)
{
    double share = between(r, s->low, s->high), y = exp(between(r, -2, 2));
    param[0] = share * y;
    param[2] = between(r, 0.02, 0.1);
    param[3] = between(r, 0.3, 0.6);
    param[4] = last[0] / pow(10, between(r, 1.5, 2.5));
    param[5] = between(r, 0.2, 0.6);
    param[1] = (1 - share) * y * pow(last[0], param[2]) *
               pow(1 + pow(last[0] / param[4], 1 / param[5]), param[3] * param[5]);
}

static const struct study studies[] = {
    {"power", "limit 30 to 90 % of y at the largest of 8 sizes", 8, true, 1, 0.3, 0.9,
     draw_power},
    {"power_only", "8 sizes", 8, true, 1, 0, 0, draw_power_only},
    {"power2", "limit 30 to 90 %, 4 x 4 sizes", 16, true, 1, 0.3, 0.9, draw_power2},
    {"loglinear", "8 sizes", 8, true, 1, 0, 0, draw_loglinear},
    {"power", "limit 2 to 30 % of y", 8, false, 1, 0.02, 0.3, draw_power},
    {"power", "no limit", 8, false, 10, 0, 0, draw_power},
    {"broken", "limit 30 to 90 %, 16 sizes", 16, false, 10, 0.3, 0.9, draw_broken},
};

/* Sizes over three decades. */
static void set_sizes(const struct study *s, int n_x, double *x)
{
    for (int i = 0; i < s->n_sizes; i++)
        for (int j = 0; j < n_x; j++) {
            int n = n_x == 2 ? 4 : s->n_sizes, at = n_x == 1 ? i : j ? i % 4 : i / 4;
            x[i * n_x + j] = 1e4 * pow(10, 3.0 * at / (n - 1));
        }
}

static void measure(const struct study *s, const struct scaling_form *form, const double *param,
                    const double *x, int64_t seeds, struct rng *r, double *y)
{
    double noise = exp(between(r, log(0.002), log(0.02))), shared = between(r, 0, 1);
    for (int64_t k = 0; k < seeds; k++) {
        double common = rng_normal(r);
        for (int i = 0; i < s->n_sizes; i++) {
            double own = sqrt(1 - shared) * rng_normal(r) + sqrt(shared) * common;
            y[i * seeds + k] =
                scaling_form_predict(form, param, x + i * form->n_x) * (1 + noise * own);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Number of parameters outside, or -1. */
static int run(const struct study *s, int64_t laws, int64_t seeds, struct scaling_options o)
{
    static double width[SCALING_PARAMS][MOST_LAWS];
    double x[MOST_SIZES * 2], y[MOST_SIZES * MOST_SEEDS], truth[SCALING_PARAMS];
    int64_t held[SCALING_PARAMS] = {0}, went[3] = {0}, failed = 0;
    const struct scaling_form *form;
    struct scaling_fit fit;
    struct err e = {0};
    int outside = 0;
    if (scaling_form_find(s->form, &form, &e)) return -1;
    set_sizes(s, form->n_x, x);
    for (int64_t l = 0; l < laws; l++) {
        struct rng r = rng_stream((uint64_t)(s - studies), RNG_TESTING, (uint64_t)l);
        s->draw(s, &r, x + (s->n_sizes - 1) * form->n_x, truth);
        measure(s, form, truth, x, seeds, &r, y);
        struct scaling_data d = {s->n_sizes, seeds, form->n_x, x, y};
        o.key = (uint64_t)l;
        if (scaling_fit(form, &d, &o, &fit, &e)) return fprintf(stderr, "%s\n", e.text), -1;
        went[fit.outcome]++;
        failed += fit.n_failed;
        for (int k = 0; k < form->n_params; k++) {
            held[k] += fit.low[k] <= truth[k] && truth[k] <= fit.high[k];
            width[k][l] = (fit.high[k] - fit.low[k]) / (truth[k] != 0 ? fabs(truth[k]) : 1);
        }
    }
    printf("%s, %s: %" PRId64 " laws, %" PRId64 " undetermined, %" PRId64
           " not converged; %" PRId64 " refits did not\n",
           form->formula, s->what, laws, went[1], went[2], failed);
    for (int k = 0; k < form->n_params; k++) {
        double share = (double)held[k] / (double)laws;
        qsort(width[k], (size_t)laws, sizeof **width, ascending);
        printf("  %-6s coverage %.3f, median width / parameter %.4f\n", form->param[k], share,
               statistics_quantile(laws, width[k], 0.5));
        outside += s->strict && (share < 0.93 || share > 0.97);
    }
    fflush(stdout);
    return outside;
}

int main(int argc, char **argv)
{
    int64_t laws = argc > 1 ? atol(argv[1]) : 1000, seeds = argc > 2 ? atol(argv[2]) : 10;
    struct scaling_options o = scaling_defaults;
    if (argc > 3) o.resamples = atol(argv[3]);
    if (argc > 4) o.huber = atof(argv[4]);
    if (laws < 1 || laws > MOST_LAWS || seeds < 2 || seeds > MOST_SEEDS) return 2;
    int bad = 0;
    for (size_t i = 0; i < sizeof studies / sizeof *studies; i++)
        bad += run(&studies[i], (laws - 1) / studies[i].part + 1, seeds, o) != 0;
    return bad > 0;
}
