/* core.h - what tests of the training core share: a configuration, a network, golden files. */
#ifndef SHOAL_TESTS_CORE_H
#define SHOAL_TESTS_CORE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
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

enum { CORE_TEACHER = 3 }; /* outputs of a teacher */

/* A network outside any trainer. */
struct core_net {
    struct arena arena;
    struct graph g;
    const struct loss *loss;
    struct config config;
    int64_t outputs;
    real *teacher; /* [capacity, outputs] whatever a teacher might say */
    real *log_prior;
};

/* What a loss may need beside labels. */
static inline void core_teach(struct core_net *n, int64_t capacity)
{
    struct rng r = rng_stream(1, RNG_TESTING, 1);
    int64_t k = n->outputs;
    n->teacher = arena_array(&n->arena, (size_t)(capacity * k), sizeof(real));
    n->log_prior = arena_array(&n->arena, (size_t)k, sizeof(real));
    for (int64_t i = 0; i < capacity * k; i++) n->teacher[i] = (real)rng_normal(&r);
    for (int64_t i = 0; i < k; i++)
        n->log_prior[i] = (real)log((double)(i + 1) / (double)(k * (k + 1) / 2));
}

/* NULL if the architecture does not take such samples. */
static inline struct core_net *core_net_try(const struct config *c,
                                            const struct graph_shape *input, int64_t classes,
                                            int64_t capacity, struct err *e)
{
    struct core_net *n = calloc(1, sizeof *n);
    n->loss = (const void *)table_row(&losses, c->optim.loss);
    n->config = *c;
    n->outputs = n->loss->outputs(c, classes);
    if (n->outputs < 0) n->outputs = CORE_TEACHER;
    if (model_build(c, input, n->outputs, &n->arena, &n->g, e) == ERR_OK &&
        graph_allocate(&n->g, capacity, e) == ERR_OK) {
        core_teach(n, capacity);
        return n;
    }
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

/* What the network's loss takes after a pass over B samples, the batch's first one first. */
static inline struct loss_input core_input(const struct core_net *n, const int32_t *label,
                                           int64_t first, int64_t B)
{
    return (struct loss_input){.n = B,
                               .k = n->outputs,
                               .f = graph_output(&n->g)->y,
                               .label = label + first,
                               .teacher = n->teacher + first * n->outputs,
                               .teacher_k = n->outputs,
                               .log_prior = n->log_prior,
                               .config = &n->config};
}

/* Mean loss over B samples; the gradient goes to n->g.dw if wanted. */
static inline double core_loss(struct core_net *n, const real *x, const int32_t *label,
                               int64_t B, bool gradient)
{
    graph_forward(&n->g, x, B, GRAPH_TRAIN);
    struct node *out = graph_output(&n->g);
    struct loss_input in = core_input(n, label, 0, B);
    double loss = n->loss->value(&in, 1 / (real)B, gradient ? out->dy : NULL) / (double)B;
    if (gradient) graph_backward(&n->g, B, false);
    return loss;
}

#endif
