/* start.c - initial weights, and which of them are trained. */
#include "worker/start.h"

#include <fnmatch.h>
#include <string.h>

#include "base/text.h"
#include "worker/first_layer.h"

static const struct row head_rows[] = {
    [HEAD_KEEP] = {"keep", "what the other network has, if there is one", NULL},
    [HEAD_NEW] = {"new",
                  "drawn as in a new network; it may have another shape than the other's",
                  "arXiv 2010.08127, section 4"},
    [HEAD_ZERO] = {"zero", "zeros; it may have another shape than the other network's", NULL},
};
const struct table heads = TABLE("head", head_rows);

static enum err_code need_head(const struct graph *g, const char *key, int *head, struct err *e)
{
    *head = graph_head(g);
    if (*head >= 0) return ERR_OK;
    return ERR(e, ERR_CONFIG, "%s: this model has no dense layer that could be its head", key);
}

static enum err_code nothing_matches(const struct graph *g, const char *word, struct err *e)
{
    struct text names = {0};
    for (int i = 0; i < g->n_params && names.length < 400; i++)
        text_add(&names, "%s%s", i ? ", " : "", g->param[i].name);
    enum err_code rc =
        ERR(e, ERR_CONFIG, "model.freeze: no parameter matches '%s'; this model has %s%s", word,
            names.at, names.length >= 400 ? ", ..." : "");
    text_clear(&names);
    return rc;
}

/* Freezes what one word names. */
static enum err_code freeze_word(struct graph *g, const char *word, struct err *e)
{
    bool body = strcmp(word, "body") == 0, found = false;
    int head;
    if (body) TRY(need_head(g, "model.freeze", &head, e));
    for (int i = 0; i < g->n_params; i++) {
        if (body ? graph_owns(g, head, i) : fnmatch(word, g->param[i].name, 0) != 0) continue;
        found = true;
        if (g->param[i].trained) graph_freeze(g, i);
    }
    /* A linear model has no body: nothing of it is frozen then. */
    return found || body ? ERR_OK : nothing_matches(g, word, e);
}

/* Is a node a batch norm of which no parameter is trained any more? */
static bool is_frozen_norm(const struct graph *g, const struct node *n)
{
    bool average = false, trained = false, parameter = false;
    for (int i = n->first_param; i < n->first_param + n->n_params; i++) {
        average |= g->param[i].average;
        parameter |= !g->param[i].average;
        trained |= g->param[i].trained;
    }
    return average && parameter && !trained;
}

static enum err_code freeze(const struct config *c, struct graph *g, struct err *e)
{
    char words[TASK_PATH], *rest = words;
    memcpy(words, c->model.freeze, sizeof words);
    for (const char *word; (word = strtok_r(rest, " ", &rest));) TRY(freeze_word(g, word, e));
    if (c->model.freeze_statistics)
        for (int i = 1; i < g->n_nodes; i++)
            g->node[i].set.frozen_statistics = is_frozen_norm(g, &g->node[i]);
    bool left = c->optim.steps == 0 && c->optim.epochs == 0;
    for (int i = 0; i < g->n_params; i++) left |= g->param[i].trained;
    if (!left)
        return ERR(
            e, ERR_CONFIG,
            "model.freeze: no parameter is left to train (optim.steps: 0 only evaluates)");
    return ERR_OK;
}

/* The node whose parameters do not come from a parent, or -1. */
static enum err_code spare(const struct config *c, const struct graph *g, int *head,
                           struct err *e)
{
    *head = -1;
    return c->model.head == HEAD_KEEP ? ERR_OK : need_head(g, "model.head", head, e);
}

/* Do the weights of a parent fit, as far as its names and shapes tell? */
static enum err_code check(const struct parent *p, int head, struct graph *g, struct err *e)
{
    struct arena arena = {0};
    struct weights from;
    enum err_code rc = parent_weights(p, NULL, false, &arena, &from, e);
    if (rc == ERR_OK) rc = weights_check(&from, p, head, g, e);
    arena_clear(&arena);
    return rc;
}

enum err_code start_plan(const struct config *c, const struct parents *parents, struct graph *g,
                         struct err *e)
{
    const struct parent *begin = parent_of(parents, ROLE_WEIGHTS);
    const struct parent *end = parent_of(parents, ROLE_END);
    int head;
    TRY(freeze(c, g, e));
    TRY(first_layer_check(c, parents, g, e));
    TRY(spare(c, g, &head, e));
    if (c->model.interpolate != 0 && !(begin && end))
        return ERR(
            e, ERR_CONFIG,
            "model.interpolate: goes from one network's weights to another's; give both");
    if (end && !begin)
        return ERR(e, ERR_CONFIG,
                   "model.interpolate: has an end, but no weights to start from");
    if (begin) TRY(check(begin, head, g, e));
    return end ? check(end, head, g, e) : ERR_OK;
}

/* Every weight w becomes (1 - a) w + a times that of the other end. */
static void interpolate(const struct weights *end, double a, int head, struct graph *g)
{
    for (int i = 0; i < g->n_params; i++) {
        if (graph_owns(g, head, i)) continue;
        const float *to = weights_find(end, g->param[i].name)->data;
        real *w = g->w + g->param[i].offset;
        for (int64_t k = 0; k < g->param[i].rows * g->param[i].cols; k++)
            w[k] = (real)((1 - a) * (double)w[k] + a * (double)to[k]);
    }
}

static enum err_code from_parents(const struct config *c, const struct parents *parents,
                                  const struct weights_source *source, int head,
                                  struct arena *arena, struct graph *g, struct err *e)
{
    const struct parent *begin = parent_of(parents, ROLE_WEIGHTS);
    const struct parent *end = parent_of(parents, ROLE_END);
    struct weights from;
    if (!begin) return ERR_OK;
    TRY(parent_weights(begin, source, true, arena, &from, e));
    TRY(weights_check(&from, begin, head, g, e));
    weights_copy(&from, head, g);
    if (c->model.interpolate == 0) return ERR_OK;
    TRY(parent_weights(end, source, true, arena, &from, e));
    TRY(weights_check(&from, end, head, g, e));
    interpolate(&from, c->model.interpolate, head, g);
    return ERR_OK;
}

enum err_code start_weights(const struct config *c, const struct parents *parents,
                            uint64_t seed, const struct weights_source *source, struct graph *g,
                            struct err *e)
{
    struct arena arena = {0};
    int head;
    TRY(spare(c, g, &head, e));
    param_init(c, seed, g->n_params, g->param, g->w);
    enum err_code rc = from_parents(c, parents, source, head, &arena, g, e);
    arena_clear(&arena);
    if (rc != ERR_OK || c->model.head != HEAD_ZERO) return rc;
    for (int i = 0; i < g->n_params; i++)
        if (graph_owns(g, head, i))
            memset(g->w + g->param[i].offset, 0,
                   (size_t)(g->param[i].rows * g->param[i].cols) * sizeof *g->w);
    return ERR_OK;
}
