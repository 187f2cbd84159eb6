/* cmd_weights.c - `shoal weights`: the final weights of a trial as a safetensors file, under
 * PyTorch's names (docs/models.md). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/cli.h"
#include "coord/plan.h"
#include "coord/results.h"
#include "coord/setting.h"
#include "coord/state.h"
#include "coord/store.h"
#include "coord/sweep_stored.h"
#include "worker/parent.h"
#include "worker/worker.h"

/* A trial of a store. */
struct wanted {
    const char *store;
    const struct results *r;
    int64_t place; /* in the results */
    uint64_t id;
};

/* The only trial whose id begins with these hexadecimal digits. */
static enum err_code find_trial(struct wanted *w, const char *digits, struct err *e)
{
    size_t length = strlen(digits);
    int found = 0;
    for (int64_t t = 0; t < w->r->n_trials; t++) {
        char id[17];
        snprintf(id, sizeof id, "%016" PRIx64, w->r->id[t]);
        if (strncmp(id, digits, length) != 0) continue;
        w->place = t;
        w->id = w->r->id[t];
        found++;
    }
    if (found == 0 || length == 0)
        return ERR(e, ERR_USAGE, "%s has no trial '%s'; shoal export --csv lists them",
                   w->store, digits);
    if (found > 1)
        return ERR(e, ERR_USAGE, "'%s' begins the ids of %d trials of %s; write more of it",
                   digits, found, w->store);
    const char *state = table_row(&trial_states, w->r->state[w->place])->name;
    if (w->r->state[w->place] == TRIAL_DONE) return ERR_OK;
    return ERR(e, ERR_USAGE,
               "trial %016" PRIx64 " is %s: only a trial that is done has weights", w->id,
               state);
}

/* The trial's network. What it took from the best of others stands in its row. */
static enum err_code find_network(const struct wanted *w, const struct plan *plan,
                                  struct parent *out, struct err *e)
{
    int64_t t = plan_find(plan, w->id);
    if (t < 0)
        return ERR(e, ERR_CONFIG,
                   "trial %016" PRIx64 " is not in the sweep that %s was last run "
                   "with",
                   w->id, w->store);
    int64_t config = plan_config_of(plan, t);
    const struct stage_best *best = &plan->sweep->stage[plan_stage_of(plan, config)].best;
    *out = (struct parent){.role = ROLE_WEIGHTS, .net = plan_shape(plan, t)->net};
    plan_config(plan, config, &out->config);
    for (int i = 0; i < best->n_take; i++) {
        const char *text = setting_text(w->r, best->take[i]->row.name, w->place);
        if (text) TRY(field_set(best->take[i], text, &out->config, e));
    }
    return ERR_OK;
}

static enum err_code read_weights(void *self, int64_t row, int64_t n, float *out, struct err *e)
{
    const struct wanted *w = self;
    (void)row;
    return store_find_weights(w->store, w->id, n, out, e);
}

static enum err_code write_file(struct wanted *w, const struct plan *plan, const char *path,
                                struct err *e)
{
    struct parent *network = calloc(1, sizeof *network);
    struct weights_source source = {.read = read_weights, .self = w};
    struct arena arena = {0};
    struct weights weights;
    if (!network) return ERR(e, ERR_NOMEM, "no memory for a network");
    enum err_code code = find_network(w, plan, network, e);
    if (code == ERR_OK) code = parent_weights(network, &source, true, &arena, &weights, e);
    if (code == ERR_OK) code = safetensors_write(path, weights.n, weights.tensor, e);
    arena_clear(&arena);
    free(network);
    return code;
}

int cmd_weights(const struct options *o)
{
    struct err e = {.rank = -1};
    struct results *r = NULL;
    struct sweep *sweep = NULL;
    struct plan *plan = NULL;
    struct wanted w = {.store = o->arg[0]};
    enum err_code code = ERR_OK;
    if (!o->output)
        code = ERR(&e, ERR_USAGE, "say where to write the weights: -o FILE.safetensors");
    if (code == ERR_OK) code = results_read(w.store, &r, &e);
    w.r = r;
    if (code == ERR_OK) code = find_trial(&w, o->arg[1], &e);
    if (code == ERR_OK) code = sweep_stored(r, w.store, &sweep, &e);
    if (code == ERR_OK) code = plan_create(sweep, &plan, &e);
    if (code == ERR_OK) code = write_file(&w, plan, o->output, &e);
    plan_destroy(plan);
    sweep_destroy(sweep);
    results_destroy(r);
    return code == ERR_OK ? 0 : cli_fail(&e);
}
