/* graph.c - building, planning and running a graph.
 *
 * Nodes are in topological order by construction: a node can only take outputs of those that
 * exist. Operations write gradients, they never add: where a node has several consumers, the
 * graph sums. */
#include "worker/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/kernel.h"
#include "base/text.h"
#include "worker/op.h"

enum { ALIGN = 64 / sizeof(real) };

/* Room for one more of n elements: doubles the array, the old one stays in the arena. */
static enum err_code grow(struct arena *arena, void **array, int n, int *room, size_t size,
                          struct err *e)
{
    if (n < *room) return ERR_OK;
    int more = *room ? 2 * *room : 16;
    void *bigger = arena_array(arena, (size_t)more, size);
    if (!bigger) return ERR(e, ERR_NOMEM, "no memory for a graph of %d nodes", more);
    if (n) memcpy(bigger, *array, (size_t)n * size);
    *array = bigger;
    *room = more;
    return ERR_OK;
}

enum err_code graph_init(struct graph *g, struct arena *arena, const struct graph_shape *input,
                         struct err *e)
{
    *g = (struct graph){.arena = arena, .hidden_last = -1};
    TRY(grow(arena, (void **)&g->node, 0, &g->node_room, sizeof *g->node, e));
    g->node[g->n_nodes++] = (struct node){
        .op = (const void *)table_row(&ops, 0), .layer = "input", .shape = *input};
    return ERR_OK;
}

/* Input k of a node: 0, and 1 where there are two. */
static struct node *input_of(const struct graph *g, const struct node *n, int k)
{
    return &g->node[k ? n->set.also : n->set.input];
}

static bool needs_gradient(const struct graph *g, const struct node *n)
{
    bool needs = false;
    for (int k = 0; k < n->op->inputs; k++) needs |= input_of(g, n, k)->needs_gradient;
    for (int i = 0; i < n->n_params; i++) needs |= g->param[n->first_param + i].trained;
    return needs;
}

enum err_code graph_add(struct graph *g, const char *op, struct node_settings set,
                        struct err *e)
{
    int row = table_find(&ops, op);
    INVARIANT(row > 0 && set.input >= 0 && set.input < g->n_nodes);
    TRY(grow(g->arena, (void **)&g->node, g->n_nodes, &g->node_room, sizeof *g->node, e));
    struct node *n = &g->node[g->n_nodes];
    *n = (struct node){
        .op = (const void *)table_row(&ops, row), .set = set, .first_param = g->n_params};
    if (n->op->inputs == 2)
        INVARIANT(set.also >= 0 && set.also < g->n_nodes && set.also != set.input);
    if (set.layer) snprintf(n->layer, sizeof n->layer, "%s", set.layer);
    TRY(n->op->shape(g, input_of(g, n, 0), n, e));
    n->shape.dim = 1;
    for (int i = 0; i < n->shape.n_dims; i++) n->shape.dim *= n->shape.size[i];
    n->set.layer = n->set.name = NULL; /* the caller's texts need not stay */
    n->needs_gradient = needs_gradient(g, n);
    for (int k = 0; k < n->op->inputs; k++) input_of(g, n, k)->consumers++;
    g->output = g->n_nodes++;
    return ERR_OK;
}

static void find_needs(struct graph *g)
{
    INVARIANT(!g->w); /* buffers depend on who needs a gradient */
    for (int i = 1; i < g->n_nodes; i++)
        g->node[i].needs_gradient = needs_gradient(g, &g->node[i]);
}

void graph_freeze(struct graph *g, int param)
{
    g->param[param].trained = false;
    find_needs(g);
}

void graph_want_input(struct graph *g)
{
    g->node[0].needs_gradient = true;
    find_needs(g);
}

enum err_code graph_param(struct graph *g, struct node *n, const char *suffix, struct param p,
                          struct err *e)
{
    TRY(grow(g->arena, (void **)&g->param, g->n_params, &g->param_room, sizeof *g->param, e));
    if (p.n_dims == 0) {
        p.n_dims = p.cols > 1 ? 2 : 1;
        p.size[0] = p.rows;
        p.size[1] = p.cols;
    }
    int64_t size = p.rows = p.size[0];
    p.cols = 1;
    bool fits = true;
    for (int i = 1; i < p.n_dims; i++) {
        fits &= !__builtin_mul_overflow(size, p.size[i], &size);
        p.cols *= p.size[i];
    }
    if (!fits || size > INT64_MAX / 64 - g->size)
        return ERR(e, ERR_CONFIG, "model.width: %lld x %lld weights are too many",
                   (long long)p.rows, (long long)p.cols);
    p.offset = g->size;
    p.init_scale = p.lr_scale = 1;
    snprintf(p.name, sizeof p.name, "%.48s%s%s", n->set.name, *suffix ? "." : "", suffix);
    g->size += (size + ALIGN - 1) / ALIGN * ALIGN;
    g->weights += size;
    g->parameters += p.average ? 0 : size;
    g->param[g->n_params++] = p;
    n->n_params++;
    return ERR_OK;
}

/* Can the gradient by n's input lie where that by n lies? */
static bool shares_gradient(const struct graph *g, const struct node *n)
{
    const struct node *in = &g->node[n->set.input];
    return n->op->in_place && in->needs_gradient && in->consumers == 1;
}

/* Numbers in each scratch buffer: of the largest gradient that has to be summed. */
static int64_t scratch_dim(const struct graph *g)
{
    int64_t most = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        if (n->needs_gradient && n->consumers > 1 && n->shape.dim > most) most = n->shape.dim;
    }
    return most;
}

static size_t workspace_bytes(const struct graph *g, int64_t capacity)
{
    size_t most = 0;
    for (int i = 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        size_t bytes = n->op->workspace ? n->op->workspace(g, n, capacity) : 0;
        if (bytes > most) most = bytes;
    }
    return most;
}

double graph_bytes(const struct graph *g, int64_t capacity)
{
    double numbers = 2 * (double)g->size + 2 * (double)capacity * (double)scratch_dim(g);
    double others = (double)workspace_bytes(g, capacity);
    if (g->node[0].needs_gradient) numbers += (double)capacity * (double)g->node[0].shape.dim;
    for (int i = 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        int buffers = 1 + n->needs_gradient - shares_gradient(g, n);
        numbers += buffers * (double)capacity * (double)n->shape.dim;
        if (n->op->bytes) others += n->op->bytes(g, n, capacity);
    }
    return numbers * sizeof(real) + others + g->n_nodes * (double)sizeof(struct node);
}

static enum err_code allocate_node(struct graph *g, int i, struct err *e)
{
    struct node *n = &g->node[i];
    size_t size = (size_t)g->capacity * (size_t)n->shape.dim;
    n->y = arena_array(g->arena, size, sizeof(real));
    if (n->needs_gradient && !n->dy) n->dy = arena_array(g->arena, size, sizeof(real));
    if (!n->y || (n->needs_gradient && !n->dy))
        return ERR(e, ERR_NOMEM, "no memory for %lld x %lld activations",
                   (long long)g->capacity, (long long)n->shape.dim);
    if (shares_gradient(g, n)) g->node[n->set.input].dy = n->dy;
    return n->op->prepare ? n->op->prepare(g, n, e) : ERR_OK;
}

enum err_code graph_allocate(struct graph *g, int64_t capacity, struct err *e)
{
    size_t scratch = (size_t)capacity * (size_t)scratch_dim(g);
    g->capacity = capacity;
    g->w = arena_array(g->arena, (size_t)g->size, sizeof(real));
    g->dw = arena_array(g->arena, (size_t)g->size, sizeof(real));
    for (int k = 0; k < 2; k++) g->scratch[k] = arena_array(g->arena, scratch, sizeof(real));
    g->workspace_bytes = workspace_bytes(g, capacity);
    g->workspace = arena_alloc(g->arena, g->workspace_bytes);
    if (!g->w || !g->dw || !g->scratch[0] || !g->scratch[1] || !g->workspace)
        return ERR(e, ERR_NOMEM, "no memory for %lld parameters", (long long)g->parameters);
    for (int i = g->n_nodes - 1; i > 0; i--) TRY(allocate_node(g, i, e));
    struct node *input = &g->node[0];
    size_t size = (size_t)capacity * (size_t)input->shape.dim;
    if (input->needs_gradient && !input->dy)
        input->dy = arena_array(g->arena, size, sizeof(real));
    if (input->needs_gradient && !input->dy)
        return ERR(e, ERR_NOMEM, "no memory for a gradient of %zu inputs", size);
    return ERR_OK;
}

void graph_clear(struct graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].state && g->node[i].op->release) g->node[i].op->release(&g->node[i]);
}

int graph_layer(const struct graph *g, const char *name)
{
    if (strcmp(name, "hidden.last") == 0) return g->hidden_last;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].layer[0] && strcmp(g->node[i].layer, name) == 0) return i;
    return -1;
}

enum err_code graph_need_layer(const struct graph *g, const char *key, const char *name,
                               int *out, struct err *e)
{
    *out = graph_layer(g, name);
    if (*out >= 0) return ERR_OK;
    struct text_nearest near = text_nearest_init(name);
    char known[256] = "";
    for (int i = 0; i < g->n_nodes; i++) {
        const char *layer = g->node[i].layer;
        if (!layer[0]) continue;
        text_nearest_try(&near, layer);
        size_t used = strlen(known);
        if (used + strlen(layer) + 3 < sizeof known)
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", layer);
    }
    if (g->hidden_last >= 0) text_nearest_try(&near, "hidden.last");
    return ERR(e, ERR_CONFIG, "%s: unknown layer '%s'; this model has %s%s%s%s%s", key, name,
               known, g->hidden_last >= 0 ? ", hidden.last" : "",
               near.found ? "; did you mean '" : "", near.found ? near.found : "",
               near.found ? "'?" : "");
}

int graph_head(const struct graph *g)
{
    int i = g->n_nodes - 1;
    while (i > 0 && strcmp(g->node[i].op->row.name, "dense") != 0) i--;
    return i > 0 ? i : -1;
}

void graph_forward(struct graph *g, const real *x, int64_t n, enum graph_mode mode)
{
    INVARIANT(n <= g->capacity);
    int last = mode == GRAPH_TRAIN ? g->output : g->n_nodes - 1;
    g->mode = mode;
    g->node[0].y = (real *)x; /* an operation never writes its input */
    for (int i = 1; i <= last; i++)
        g->node[i].op->forward(g, &g->node[g->node[i].set.input], &g->node[i], n);
}

KERNEL static void add(int64_t n, const real *restrict x, real *restrict sum)
{
    for (int64_t i = 0; i < n; i++) sum[i] += x[i];
}

/* The backward pass of one node. An input that another node has given a gradient gets this one
 * added: it is made in scratch. */
static void backward(struct graph *g, struct node *n, int64_t B, bool accumulate)
{
    real *sum[2] = {NULL, NULL};
    for (int k = 0; k < n->op->inputs; k++) {
        struct node *in = input_of(g, n, k);
        if (!in->needs_gradient || !in->reached) continue;
        sum[k] = in->dy;
        in->dy = g->scratch[k];
    }
    n->op->backward(g, &g->node[n->set.input], n, B, accumulate);
    for (int k = 0; k < n->op->inputs; k++) {
        struct node *in = input_of(g, n, k);
        if (sum[k]) {
            add(B * in->shape.dim, in->dy, sum[k]);
            in->dy = sum[k];
        }
        in->reached = true;
    }
}

void graph_backward(struct graph *g, int64_t n, bool accumulate)
{
    for (int i = 0; i < g->n_nodes; i++) g->node[i].reached = i == g->output;
    for (int i = g->output; i > 0; i--)
        if (g->node[i].needs_gradient && g->node[i].reached)
            backward(g, &g->node[i], n, accumulate);
}

void graph_get(const struct graph *g, float *out)
{
    for (int p = 0; p < g->n_params; p++) {
        const real *w = g->w + g->param[p].offset;
        int64_t n = g->param[p].rows * g->param[p].cols;
        for (int64_t i = 0; i < n; i++) *out++ = (float)w[i];
    }
}

void graph_set(struct graph *g, const float *in)
{
    for (int p = 0; p < g->n_params; p++) {
        real *w = g->w + g->param[p].offset;
        int64_t n = g->param[p].rows * g->param[p].cols;
        for (int64_t i = 0; i < n; i++) w[i] = (real)*in++;
    }
}

double graph_forward_flops(const struct graph *g)
{
    double flops = 0;
    for (int i = 1; i < g->n_nodes; i++)
        if (g->node[i].op->forward_flops) flops += g->node[i].op->forward_flops(g, &g->node[i]);
    return flops;
}

double graph_backward_flops(const struct graph *g)
{
    double flops = 0;
    for (int i = 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        if (n->needs_gradient && n->op->backward_flops)
            flops += n->op->backward_flops(g, &g->node[n->set.input], n);
    }
    return flops;
}
