/* coordcheck.c - see coordcheck.h. A run is plain training that a hook watches at every step,
 * and ends. */
#include "worker/coordcheck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/config.h"
#include "worker/trainer.h"

/* Nothing but the hook measures, and only what is not finite ends a run early. */
static const struct record no_record = {
    .grid = GRID_LAST,
    .grid_count = 1,
    .diverged_above = HUGE_VAL,
    .train_subset = COORDCHECK_PROBES,
};

/* A layer is a node with a name; the input is none. Returns how many there are, the first max
 * of them in node. */
static int layers_of(const struct graph *g, int max, int *node)
{
    int n = 0;
    for (int i = 1; i < g->n_nodes; i++) {
        if (!*g->node[i].layer) continue;
        if (n < max) node[n] = i;
        n++;
    }
    return n;
}

/* The network of a width as setup_init has it, in memory of the arena. */
static enum err_code look(const struct coordcheck *c, int64_t width, struct config *config,
                          struct setup *s, struct arena *arena, struct err *e)
{
    memcpy(config, &c->task.config, sizeof *config);
    config->model.width = width;
    *s = (struct setup){.config = config, .parents = &c->task.parents, .record = &no_record};
    TRY(data_shape(config, &s->data, e));
    TRY(setup_init(s, &metrics, arena, e));
    if (s->optimizer->minimise)
        return ERR(e, ERR_CONFIG,
                   "optim.name: %s has no learning rate whose steps could be compared",
                   s->optimizer->row.name);
    if (s->steps < c->n_steps)
        return ERR(e, ERR_CONFIG, "optim.steps: %lld steps are fewer than the %lld to check",
                   (long long)s->steps, (long long)c->n_steps);
    return ERR_OK;
}

static enum err_code check_config(const struct coordcheck *c, struct err *e)
{
    const struct config *config = &c->task.config;
    const struct field *width = field_find(&config_fields, "model.width", NULL);
    const struct field *kind = field_find(&config_fields, "model.kind", NULL);
    char name[TASK_NAME];
    if (!field_applies(width, &config_fields, config))
        return ERR(e, ERR_CONFIG, "model.width: a network of kind '%s' has none to vary",
                   field_text(kind, config, name, sizeof name));
    if (c->task.parents.n > 0)
        return ERR(e, ERR_CONFIG,
                   "from: networks taken from other trials have a width of their own");
    return ERR_OK;
}

enum err_code coordcheck_flops(const struct coordcheck *c, int64_t first, double *out,
                               struct err *e)
{
    *out = 0;
    TRY(check_config(c, e));
    for (int64_t i = first; i < c->n_widths; i++) {
        struct config config;
        struct setup s;
        struct arena arena = {0};
        enum err_code rc = look(c, c->width[i], &config, &s, &arena, e);
        if (rc == ERR_OK) {
            double forward = graph_forward_flops(&s.graph);
            double step = (double)s.batch * (forward + graph_backward_flops(&s.graph));
            *out += (double)c->n_steps * step +
                    (double)(c->n_steps + 1) * COORDCHECK_PROBES * forward;
        }
        arena_clear(&arena);
        TRY(rc);
    }
    return ERR_OK;
}

/* Numbers of c->value. */
static int64_t value_count(const struct coordcheck *c)
{
    return COORDCHECK_QUANTITIES * (c->n_steps + 1) * c->n_layers * c->n_seeds * c->n_widths;
}

/* Names of the layers, which are the same at all widths; all values are NaN. */
static enum err_code make(struct coordcheck *c, const struct graph *g, struct err *e)
{
    c->n_layers = layers_of(g, 0, NULL);
    int64_t count = value_count(c);
    int *node = calloc((size_t)c->n_layers + 1, sizeof *node);
    c->layer = calloc((size_t)c->n_layers + 1, sizeof *c->layer);
    c->value = calloc((size_t)count + 1, sizeof *c->value);
    if (node && c->layer && c->value) {
        layers_of(g, c->n_layers, node);
        for (int l = 0; l < c->n_layers; l++)
            memcpy(c->layer[l], g->node[node[l]].layer, sizeof *c->layer);
        for (int64_t i = 0; i < count; i++) c->value[i] = NAN;
    }
    free(node);
    if (!node || !c->layer || !c->value)
        return ERR(e, ERR_NOMEM, "no memory for the activations' sizes");
    return ERR_OK;
}

enum err_code coordcheck_init(struct coordcheck *c, struct err *e)
{
    c->layer = NULL;
    c->value = NULL;
    INVARIANT(c->n_widths <= COORDCHECK_MAX_WIDTHS && c->n_seeds >= 1 && c->n_steps >= 1);
    bool differ = false;
    for (int64_t i = 0; i < c->n_widths; i++) {
        if (c->width[i] < 1)
            return ERR(e, ERR_USAGE, "a width of %lld is none", (long long)c->width[i]);
        differ |= c->width[i] != c->width[0];
    }
    if (!differ)
        return ERR(e, ERR_USAGE, "a slope wants at least two different widths of a network");
    TRY(check_config(c, e));
    for (int64_t i = 0; i < c->n_widths; i++) {
        struct config config;
        struct setup s;
        struct arena arena = {0};
        enum err_code rc = look(c, c->width[i], &config, &s, &arena, e);
        if (rc == ERR_OK && i == 0) rc = make(c, &s.graph, e);
        arena_clear(&arena);
        TRY(rc);
    }
    return ERR_OK;
}

void coordcheck_clear(struct coordcheck *c)
{
    free(c->layer);
    free(c->value);
    c->layer = NULL;
    c->value = NULL;
}

double *coordcheck_values(const struct coordcheck *c, enum coordcheck_quantity quantity,
                          int64_t step, int layer)
{
    INVARIANT(step >= 0 && step <= c->n_steps && layer >= 0 && layer < c->n_layers);
    int64_t place = ((int64_t)quantity * (c->n_steps + 1) + step) * c->n_layers + layer;
    return c->value + place * c->n_seeds * c->n_widths;
}

struct statistics_interval coordcheck_slope(const struct coordcheck *c,
                                            enum coordcheck_quantity quantity, int64_t step,
                                            int layer)
{
    double width[COORDCHECK_MAX_WIDTHS];
    for (int64_t i = 0; i < c->n_widths; i++) width[i] = (double)c->width[i];
    return slope_over_seeds(c->n_seeds, c->n_widths, width,
                            coordcheck_values(c, quantity, step, layer));
}

/* ---- one run ---- */

/* Who watches which run. */
struct watch {
    struct coordcheck *c;
    int64_t place; /* seed * n_widths + width */
};

/* What the layers put out before the first step; t->own. */
struct initial {
    int64_t n;  /* probes */
    int *node;  /* [n_layers] */
    real **out; /* [n_layers][n, dim] */
};

static enum err_code watch_start(struct trainer *t, struct arena *arena, struct err *e)
{
    const struct graph *g = &t->setup.graph;
    int n_layers = layers_of(g, 0, NULL);
    struct initial *own = arena_alloc(arena, sizeof *own);
    bool ok = own != NULL;
    if (ok) {
        int64_t all = t->setup.n_train;
        own->n = all < COORDCHECK_PROBES ? all : COORDCHECK_PROBES;
        own->node = arena_array(arena, (size_t)n_layers + 1, sizeof *own->node);
        own->out = arena_array(arena, (size_t)n_layers + 1, sizeof *own->out);
        ok = own->node && own->out;
    }
    if (ok) layers_of(g, n_layers, own->node);
    for (int l = 0; ok && l < n_layers; l++) {
        int64_t size = own->n * g->node[own->node[l]].shape.dim;
        own->out[l] = arena_array(arena, (size_t)size, sizeof(real));
        ok = own->out[l] != NULL;
    }
    t->own = own;
    return ok ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for the activations of the first step");
}

/* Adds the sizes of y[n] and of its distance from start[n], both over `all`, to the values. */
static void add_sizes(int64_t n, const real *y, const real *start, double all, double *size,
                      double *change)
{
    double sum = 0, moved = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += fabs((double)y[i]);
        moved += fabs((double)y[i] - (double)start[i]);
    }
    *size += sum / all;
    *change += moved / all;
}

static bool watch_step(struct trainer *t, void *self)
{
    const struct watch *w = self;
    const struct coordcheck *c = w->c;
    const struct initial *own = t->own;
    struct graph *g = &t->setup.graph;
    for (int64_t first = 0; first < own->n; first += t->setup.capacity) {
        int64_t left = own->n - first, n = left < t->setup.capacity ? left : t->setup.capacity;
        samples_range(&t->sets->train, first, n, &t->batch);
        graph_forward(g, t->batch.x, n, GRAPH_EVAL);
        for (int l = 0; l < c->n_layers; l++) {
            const struct node *node = &g->node[own->node[l]];
            int64_t dim = node->shape.dim;
            real *start = own->out[l] + first * dim;
            double *size = coordcheck_values(c, COORDCHECK_ACTIVATION, t->step, l) + w->place;
            double *change = coordcheck_values(c, COORDCHECK_CHANGE, t->step, l) + w->place;
            if (first == 0) *size = *change = 0;
            if (t->step == 0) memcpy(start, node->y, (size_t)(n * dim) * sizeof *start);
            add_sizes(n * dim, node->y, start, (double)(own->n * dim), size, change);
        }
    }
    return t->step < c->n_steps;
}

enum err_code coordcheck_run(struct coordcheck *c, struct err *e)
{
    struct worker *worker = worker_create(NULL);
    if (!worker) return ERR(e, ERR_NOMEM, "no memory for a worker");
    struct watch watch = {.c = c};
    struct trainer_hooks hooks = {
        .metrics = &metrics, .start = watch_start, .step = watch_step, .self = &watch};
    enum err_code rc = ERR_OK;
    c->n_diverged = 0;
    for (int64_t seed = 0; rc == ERR_OK && seed < c->n_seeds; seed++) {
        for (int64_t i = 0; rc == ERR_OK && i < c->n_widths; i++) {
            struct task task = c->task;
            double step;
            struct rows rows = {.step = &step};
            struct result result;
            struct trial trial = {&task, &no_record, &rows, &result};
            task.seed = (uint64_t)seed;
            task.config.model.width = c->width[i];
            watch.place = seed * c->n_widths + i;
            rc = trainer_run(worker, &trial, &hooks, e);
            if (rc == ERR_OK) rc = worker_data_failed(worker, e);
            if (rc == ERR_OK) c->n_diverged += result.outcome == OUTCOME_DIVERGED;
        }
    }
    worker_destroy(worker);
    return rc;
}
