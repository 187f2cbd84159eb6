/* plan_cost.c - totals over the trials of a plan, and how long they may take.
 *
 * The model of time is coarse on purpose: FLOPs at the rate of a matrix product, and a fixed
 * cost for every optimizer step and every trial, which is all that a tiny network costs. Once a
 * run has started, status measures instead. */
#include "coord/plan_cost.h"

#include <math.h>

#include "worker/probe.h"

/* Roughly what small multilayer perceptrons take on cores with AVX2 or AVX-512. */
static const double step_s = 1e-5, trial_s = 2e-4;
static const double efficiency = 0.4; /* of a step against a product alone */

static const double row_bytes = 64; /* id, state, seed, seconds, ... of a trial */
static const double metadata_bytes = 65536;
static const double event_bytes = 100;     /* a line of the journal; three for each trial */
static const double process_bytes = 3.4e7; /* program, MPI and BLAS buffers */

/* Bytes of the arrays that a trial leaves. */
static double arrays_bytes(const struct record *r, const struct trial_shape *shape)
{
    double bytes = 0;
    for (int i = 0; i < r->n_arrays; i++)
        bytes += sizeof(float) * (double)task_array_count(shape, i);
    return bytes;
}

void plan_cost(const struct plan *p, struct plan_cost *out)
{
    const struct sweep *s = p->sweep;
    const struct record *r = &s->record;
    double representations = 0, probes = 0; /* and weights, arrays */
    for (int i = 0; i < r->n_probe_sets; i++) {
        double n = (double)r->probe[i].n;
        double inputs = p->n_shapes ? 4 * n * (double)task_input_dim(&p->shape[0]) : 0;
        probes += n;
        if (r->n_layers) representations += 4 * n + (inputs > PROBE_INPUT_BYTES ? 0 : inputs);
    }
    *out = (struct plan_cost){.longest = p->n_trials ? p->order[0] : -1,
                              .records_min = INT64_MAX,
                              .params_min = INT64_MAX};
    for (int64_t c = 0; c < p->n_configs; c++) {
        const struct trial_shape *shape = &p->shape[p->shape_of[c]];
        double flops = shape->train_flops + shape->eval_flops;
        const struct plan_stage *stage = &p->stage[plan_stage_of(p, c)];
        double arrays = arrays_bytes(r, shape);
        double memory = shape->memory_bytes + shape->data_bytes + process_bytes + arrays;
        double seeds = (double)stage->seeds;
        out->flops += flops * seeds;
        out->eval_flops += shape->eval_flops * seeds;
        out->steps += shape->steps * stage->seeds;
        out->memory_bytes = fmax(out->memory_bytes, memory);
        if (flops > out->longest_flops) {
            out->longest_flops = flops;
            out->longest = plan_trial(p, c, 0);
        }
        if (shape->records < out->records_min) out->records_min = shape->records;
        if (shape->records > out->records_max) out->records_max = shape->records;
        if (shape->params < out->params_min) out->params_min = shape->params;
        if (shape->params > out->params_max) out->params_max = shape->params;
        representations += seeds * arrays;
        if (plan_keeps(p, plan_trial(p, c, 0)))
            representations += seeds * 4 * (double)shape->weights;
        for (int l = 0; l < shape->n_layers; l++)
            representations += seeds * 4 * r->n_slots * probes * (double)shape->layer_dim[l];
    }
    double trials = (double)p->n_trials;
    out->disk_bytes = metadata_bytes + representations +
                      trials * (row_bytes + 8.0 * p->n_varied + 3 * event_bytes +
                                8.0 * (r->n_metrics + 1) * (double)p->max_records);
    out->files = 3 + (s->analysis.n_measures > 0) + /* store, journal, lock; alignment, */
                 s->analysis.spectra +              /* spectra, */
                 (s->analysis.n_scaling > 0);       /* scaling */
}

double plan_cost_seconds(const struct plan *p, const struct plan_cost *c, double rate,
                         int workers)
{
    rate *= efficiency;
    double all = c->flops / rate + (double)c->steps * step_s + (double)p->n_trials * trial_s;
    double longest = 0;
    if (c->longest >= 0)
        longest = c->longest_flops / rate + (double)plan_shape(p, c->longest)->steps * step_s +
                  trial_s;
    return fmax(all / workers, longest);
}
