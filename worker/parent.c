/* parent.c - weights go from network to network by the names of their parameters. */
#include "worker/parent.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "worker/data.h"
#include "worker/loss.h"
#include "worker/model.h"
#include "worker/worker.h"

const struct parent *parent_of(const struct parents *parents, enum role role)
{
    for (int i = 0; parents && i < parents->n; i++)
        if (parents->parent[i].role == (int)role) return &parents->parent[i];
    return NULL;
}

/* Before a run the row of a parent in the store is not known either: -1. */
static bool of_file(const struct parent *p)
{
    return p->row < 0 && *p->path;
}

/* What a network takes and gives if its trial had no parents itself. */
static enum err_code net_of(const struct config *c, struct net_shape *net, struct err *e)
{
    struct data_shape data;
    const struct loss *loss = (const void *)table_row(&losses, c->optim.loss);
    TRY(data_shape(c, &data, e));
    net->n_dims = data.n_dims;
    for (int i = 0; i < data.n_dims; i++) net->size[i] = data.size[i];
    net->outputs = loss->outputs(c, data.classes);
    if (net->outputs > 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "optim.loss: %s does not say how many outputs the network has",
               loss->row.name);
}

enum err_code parent_build(const struct parent *p, struct arena *arena, struct graph *g,
                           struct err *e)
{
    struct net_shape net = p->net;
    if (net.outputs == 0) TRY(net_of(&p->config, &net, e));
    struct graph_shape input = {.n_dims = net.n_dims, .dim = 1};
    for (int i = 0; i < net.n_dims; i++) {
        input.size[i] = net.size[i];
        input.dim *= net.size[i];
    }
    TRY(model_build(&p->config, &input, net.outputs, arena, g, e));
    for (int i = 0; i < g->n_params; i++) graph_freeze(g, i);
    return ERR_OK;
}

enum err_code parent_build_to(const struct parent *p, const char *key, const char *layer,
                              struct arena *arena, struct graph *g, struct err *e)
{
    TRY(parent_build(p, arena, g, e));
    TRY(graph_need_layer(g, key, layer, &g->output, e));
    g->n_nodes = g->output + 1; /* its parameters remain, for they are in the store */
    return ERR_OK;
}

static enum err_code no_memory(struct err *e)
{
    return ERR(e, ERR_NOMEM, "no memory for the weights of another trial");
}

static enum err_code weights_of_row(const struct parent *p, const struct weights_source *source,
                                    bool numbers, struct arena *arena, struct weights *out,
                                    struct err *e)
{
    struct graph g;
    float *data = NULL;
    TRY(parent_build(p, arena, &g, e));
    out->tensor = arena_array(arena, (size_t)g.n_params, sizeof *out->tensor);
    if (!out->tensor) return no_memory(e);
    if (numbers) {
        data = arena_array(arena, (size_t)g.weights, sizeof *data);
        if (!data) return no_memory(e);
        INVARIANT(source && p->row >= 0);
        TRY(source->read(source->self, p->row, g.weights, data, e));
    }
    for (int i = 0; i < g.n_params; i++) {
        const struct param *param = &g.param[i];
        struct safetensor *t = &out->tensor[out->n++];
        *t = (struct safetensor){param->name, param->n_dims, .data = data};
        memcpy(t->size, param->size, sizeof t->size);
        if (data) data += param->rows * param->cols;
    }
    return ERR_OK;
}

static enum err_code weights_of_file(const char *path, const struct safetensors *file,
                                     bool numbers, struct arena *arena, struct weights *out,
                                     struct err *e)
{
    out->tensor = arena_array(arena, (size_t)file->n, sizeof *out->tensor);
    if (!out->tensor) return no_memory(e);
    for (int i = 0; i < file->n; i++) {
        const struct safetensors_entry *entry = &file->entry[i];
        struct safetensor *t = &out->tensor[out->n++];
        if (entry->n_dims > PARAM_MAX_DIMS)
            return ERR(e, ERR_FORMAT, "%s: tensor '%.80s': weights have at most %d dimensions",
                       path, entry->name, PARAM_MAX_DIMS);
        *t = (struct safetensor){arena_text(arena, entry->name), entry->n_dims};
        if (!t->name) return no_memory(e);
        memcpy(t->size, entry->size, sizeof t->size);
        if (!numbers) continue;
        float *data = arena_array(arena, (size_t)entry->count, sizeof *data);
        if (!data) return no_memory(e);
        TRY(safetensors_read(file, entry, data, e));
        t->data = data;
    }
    return ERR_OK;
}

enum err_code parent_weights(const struct parent *p, const struct weights_source *source,
                             bool numbers, struct arena *arena, struct weights *out,
                             struct err *e)
{
    struct safetensors file;
    *out = (struct weights){0};
    if (!of_file(p)) return weights_of_row(p, source, numbers, arena, out, e);
    TRY(safetensors_open(p->path, &file, e));
    enum err_code rc = weights_of_file(p->path, &file, numbers, arena, out, e);
    safetensors_close(&file);
    return rc;
}

const struct safetensor *weights_find(const struct weights *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->tensor[i].name, name) == 0) return &w->tensor[i];
    return NULL;
}

static bool same_shape(const struct param *p, const struct safetensor *t)
{
    return p->n_dims == t->n_dims &&
           memcmp(p->size, t->size, (size_t)p->n_dims * sizeof *p->size) == 0;
}

/* The first few reasons why weights do not fit. */
struct misfits {
    int n;
    struct text text;
};

static void misfit(struct misfits *m, const char *name, const int64_t *there, int n_there,
                   const struct param *here)
{
    char a[192] = "missing", b[192] = "unknown";
    if (there) safetensors_shape(n_there, there, a);
    if (here) safetensors_shape(here->n_dims, here->size, b);
    if (m->n++ < 3)
        text_add(&m->text, "%s%.80s is %s there, %s here", m->n > 1 ? "; " : "", name, a, b);
}

static void compare(const struct weights *from, int spare, const struct graph *g,
                    struct misfits *m)
{
    for (int i = 0; i < g->n_params; i++) {
        const struct safetensor *t = weights_find(from, g->param[i].name);
        if (graph_owns(g, spare, i) || (t && same_shape(&g->param[i], t))) continue;
        misfit(m, g->param[i].name, t ? t->size : NULL, t ? t->n_dims : 0, &g->param[i]);
    }
    for (int i = 0; i < from->n; i++) {
        bool known = false;
        for (int k = 0; k < g->n_params; k++)
            known |= strcmp(g->param[k].name, from->tensor[i].name) == 0;
        if (!known)
            misfit(m, from->tensor[i].name, from->tensor[i].size, from->tensor[i].n_dims, NULL);
    }
}

enum err_code weights_check(const struct weights *w, const struct parent *p, int spare,
                            const struct graph *g, struct err *e)
{
    struct misfits m = {0};
    char more[32] = "";
    compare(w, spare, g, &m);
    if (m.n == 0) return ERR_OK;
    if (m.n > 3) snprintf(more, sizeof more, "; and %d more", m.n - 3);
    enum err_code rc =
        ERR(e, ERR_CONFIG, "model.kind: the weights of %s do not fit: %s%s%s",
            of_file(p) ? p->path : "the other network", m.text.at, more,
            spare < 0 ? " (model.head: new or zero lets the last layer differ)" : "");
    text_clear(&m.text);
    return rc;
}

void weights_copy(const struct weights *from, int spare, struct graph *g)
{
    for (int i = 0; i < g->n_params; i++) {
        if (graph_owns(g, spare, i)) continue;
        const float *data = weights_find(from, g->param[i].name)->data;
        real *w = g->w + g->param[i].offset;
        for (int64_t k = 0; k < g->param[i].rows * g->param[i].cols; k++) w[k] = (real)data[k];
    }
}

enum err_code parent_load(const struct parent *p, const struct weights_source *source,
                          struct graph *g, struct err *e)
{
    struct arena arena = {0};
    struct weights from;
    enum err_code rc = parent_weights(p, source, true, &arena, &from, e);
    if (rc == ERR_OK) rc = weights_check(&from, p, -1, g, e);
    if (rc == ERR_OK) weights_copy(&from, -1, g);
    arena_clear(&arena);
    return rc;
}
