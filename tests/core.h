/* core.h - what tests of the training core share: a configuration, a network, golden files. */
#ifndef SHOAL_TESTS_CORE_H
#define SHOAL_TESTS_CORE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check_main.h"
#include "worker/config.h"
#include "worker/loss.h"
#include "worker/model.h"
#include "worker/optim.h"
#include "worker/schedule.h"

static inline int core_row(const struct table *t, const char *name)
{
    int row = table_find(t, name);
    ck_assert_msg(row >= 0, "no %s '%s'", t->kind, name);
    return row;
}

/* The defaults, but for a network of one hidden layer of width 4. */
static inline struct config core_config(void)
{
    struct config c;
    memset(&c, 0, sizeof c);
    field_defaults(&config_fields, &c);
    c.model.depth = 1;
    c.model.width = c.model.base_width = 4;
    return c;
}

/* Settings as "key=value key=value". */
static inline void core_set(struct config *c, const char *settings)
{
    char text[512];
    struct err e;
    snprintf(text, sizeof text, "%s", settings);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        const struct field *f = field_find(&config_fields, word, NULL);
        ck_assert_msg(f && field_set(f, value, c, &e) == ERR_OK, "%s = %s", word, value);
    }
}

/* A network outside any trainer. */
struct core_net {
    struct arena arena;
    struct graph g;
    const struct loss *loss;
    int64_t outputs;
};

/* NULL if the architecture does not take such samples. */
static inline struct core_net *core_net_try(const struct config *c,
                                            const struct graph_shape *input, int64_t classes,
                                            int64_t capacity, struct err *e)
{
    struct core_net *n = calloc(1, sizeof *n);
    n->loss = (const void *)table_row(&losses, c->optim.loss);
    n->outputs = n->loss->outputs(classes);
    if (model_build(c, input, n->outputs, &n->arena, &n->g, e) == ERR_OK &&
        graph_allocate(&n->g, capacity, e) == ERR_OK)
        return n;
    arena_clear(&n->arena);
    free(n);
    return NULL;
}

static inline struct core_net *core_net(const struct config *c, int64_t dim, int64_t classes,
                                        int64_t capacity)
{
    struct err e;
    struct core_net *n =
        core_net_try(c, &(struct graph_shape){1, {dim}, dim}, classes, capacity, &e);
    ck_assert_msg(n != NULL, "%s", e.text);
    return n;
}

static inline void core_net_destroy(struct core_net *n)
{
    graph_clear(&n->g);
    arena_clear(&n->arena);
    free(n);
}

/* Mean loss over B samples; the gradient goes to n->g.dw if wanted. */
static inline double core_loss(struct core_net *n, const real *x, const int32_t *label,
                               int64_t B, bool gradient)
{
    graph_forward(&n->g, x, B, GRAPH_TRAIN);
    struct node *out = graph_output(&n->g);
    double loss =
        n->loss->value(B, n->outputs, out->y, label, 1 / (real)B, gradient ? out->dy : NULL) /
        (double)B;
    if (gradient) graph_backward(&n->g, B, false);
    return loss;
}

#endif
