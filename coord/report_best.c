/* report_best.c - trials sorted by their settings: a configuration is a run of equal ones. */
#include "coord/report_best.h"

#include <math.h>
#include <stdlib.h>

#include "coord/state.h"

struct entry {
    const struct results *r;
    int64_t trial;
    double value;
};

static int by_settings(const struct entry *a, const struct entry *b)
{
    for (int i = 0; i < a->r->n_axes; i++) {
        double u = a->r->axis[i].number[a->trial], v = b->r->axis[i].number[b->trial];
        if (u != v) return u < v ? -1 : 1;
    }
    return 0;
}

static int by_settings_and_trial(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = by_settings(x, y);
    return order ? order : (x->trial > y->trial) - (x->trial < y->trial);
}

bool report_best(const struct results *r, const struct results_metric *m, int better,
                 struct report_best *out)
{
    struct entry *entry = malloc((size_t)(r->n_trials + 1) * sizeof *entry);
    double *value = malloc((size_t)(r->n_trials + 1) * sizeof *value);
    INVARIANT(entry && value);
    int64_t n = 0;
    for (int64_t t = 0; t < r->n_trials; t++) {
        double last = results_last(r, m, t);
        if (r->state[t] == TRIAL_DONE && !isnan(last)) entry[n++] = (struct entry){r, t, last};
    }
    qsort(entry, (size_t)n, sizeof *entry, by_settings_and_trial);
    int64_t best = -1, best_count = 0;
    double best_mean = 0;
    for (int64_t first = 0, end; first < n; first = end) {
        double sum = 0;
        for (end = first; end < n && by_settings(&entry[first], &entry[end]) == 0; end++)
            sum += entry[end].value;
        double mean = sum / (double)(end - first), gain = better * (mean - best_mean);
        if (best >= 0 && (gain < 0 || (gain == 0 && entry[first].trial > entry[best].trial)))
            continue;
        best = first;
        best_count = end - first;
        best_mean = mean;
    }
    if (best >= 0) {
        for (int64_t i = 0; i < best_count; i++) value[i] = entry[best + i].value;
        out->trial = entry[best].trial;
        out->value = statistics_seed_interval(best_count, value, 95, 0);
    }
    free(entry);
    free(value);
    return best >= 0;
}
