/* graph.c - building, planning and running a graph.
 *
 * Nodes are in topological order by construction: a node can only take the output of one that
 * exists. A node has one consumer, so that gradients are written, never summed. */
#include "worker/graph.h"

#include <stdio.h>
#include <string.h>

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

enum err_code graph_add(struct graph *g, const char *op, struct node_settings set,
                        struct err *e)
{
    int row = table_find(&ops, op);
    INVARIANT(row > 0 && set.input >= 0 && set.input < g->n_nodes);
    TRY(grow(g->arena, (void **)&g->node, g->n_nodes, &g->node_room, sizeof *g->node, e));
    struct node *n = &g->node[g->n_nodes];
    const struct node *in = &g->node[set.input];
    *n = (struct node){
        .op = (const void *)table_row(&ops, row), .set = set, .first_param = g->n_params};
    if (set.layer) snprintf(n->layer, sizeof n->layer, "%s", set.layer);
    TRY(n->op->shape(g, in, n, e));
    n->set.layer = n->set.name = NULL; /* the caller's texts need not stay */
    n->needs_gradient = in->needs_gradient;
    for (int i = 0; i < n->n_params; i++)
        n->needs_gradient |= g->param[n->first_param + i].trained;
    g->n_nodes++;
    return ERR_OK;
}

enum err_code graph_param(struct graph *g, struct node *n, const char *suffix, struct param p,
                          struct err *e)
{
    TRY(grow(g->arena, (void **)&g->param, g->n_params, &g->param_room, sizeof *g->param, e));
    int64_t size;
    if (__builtin_mul_overflow(p.rows, p.cols, &size) || size > INT64_MAX / 64 - g->size)
        return ERR(e, ERR_CONFIG, "model.width: %lld x %lld weights are too many",
                   (long long)p.rows, (long long)p.cols);
    p.offset = g->size;
    p.init_scale = p.lr_scale = 1;
    snprintf(p.name, sizeof p.name, "%.48s.%s", n->set.name, suffix);
    g->size += (size + ALIGN - 1) / ALIGN * ALIGN;
    g->parameters += size;
    g->param[g->n_params++] = p;
    n->n_params++;
    return ERR_OK;
}

/* Does the node have a gradient buffer of its own, or share its consumer's? */
static bool shares_gradient(const struct graph *g, int i)
{
    for (int j = i + 1; j < g->n_nodes; j++)
        if (g->node[j].set.input == i) return g->node[j].op->in_place;
    return false;
}

double graph_bytes(const struct graph *g, int64_t capacity)
{
    double numbers = 2 * (double)g->size;
    for (int i = 1; i < g->n_nodes; i++) {
        const struct node *n = &g->node[i];
        int buffers = 1 + (n->needs_gradient && !shares_gradient(g, i));
        numbers += buffers * (double)capacity * (double)n->shape.dim;
    }
    return numbers * sizeof(real) + g->n_nodes * (double)sizeof(struct node);
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
    if (n->op->in_place && g->node[n->set.input].needs_gradient)
        g->node[n->set.input].dy = n->dy;
    return n->op->prepare ? n->op->prepare(g, n, e) : ERR_OK;
}

enum err_code graph_allocate(struct graph *g, int64_t capacity, struct err *e)
{
    g->capacity = capacity;
    g->w = arena_array(g->arena, (size_t)g->size, sizeof(real));
    g->dw = arena_array(g->arena, (size_t)g->size, sizeof(real));
    if (!g->w || !g->dw)
        return ERR(e, ERR_NOMEM, "no memory for %lld parameters", (long long)g->parameters);
    for (int i = g->n_nodes - 1; i > 0; i--) TRY(allocate_node(g, i, e));
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

void graph_forward(struct graph *g, const real *x, int64_t n)
{
    INVARIANT(n <= g->capacity);
    g->node[0].y = (real *)x; /* an operation never writes its input */
    for (int i = 1; i < g->n_nodes; i++)
        g->node[i].op->forward(g, &g->node[g->node[i].set.input], &g->node[i], n);
}

void graph_backward(struct graph *g, int64_t n, bool accumulate)
{
    for (int i = g->n_nodes - 1; i > 0; i--) {
        struct node *node = &g->node[i];
        if (node->needs_gradient)
            node->op->backward(g, &g->node[node->set.input], node, n, accumulate);
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
