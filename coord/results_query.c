/* results_query.c - what is asked of results that were read. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "coord/results.h"

enum results_origin results_origin(const struct results *r, int64_t row)
{
    return r->origin ? r->origin[row] : RESULTS_TRIAL;
}

const struct results_axis *results_axis(const struct results *r, const char *name)
{
    for (int i = 0; i < r->n_axes; i++)
        if (strcmp(r->axis[i].name, name) == 0) return &r->axis[i];
    return NULL;
}

const struct results_metric *results_metric(const struct results *r, const char *name)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (strcmp(r->metric[i].name, name) == 0) return &r->metric[i];
    return NULL;
}

const struct results_alignment *results_alignment(const struct results *r, const char *measure)
{
    for (int i = 0; i < r->n_alignments; i++)
        if (strcmp(r->alignment[i].measure, measure) == 0) return &r->alignment[i];
    for (int i = 0; i < r->n_calibrated; i++)
        if (strcmp(r->calibrated[i].measure, measure) == 0) return &r->calibrated[i];
    return NULL;
}

int64_t results_last_record(const struct results *r, int64_t trial)
{
    const double *step = r->metric[0].value + trial * r->n_records;
    int64_t last = r->n_records - 1;
    while (last >= 0 && isnan(step[last])) last--;
    return last;
}

double results_at(const struct results *r, const struct results_metric *m, int64_t trial,
                  int64_t record)
{
    return record < 0 ? NAN : m->value[trial * r->n_records + record];
}

double results_last(const struct results *r, const struct results_metric *m, int64_t trial)
{
    return results_at(r, m, trial, results_last_record(r, trial));
}

const char *results_number(double value, char buffer[32])
{
    return text_double(value + 0.0, buffer); /* no "-0" */
}
